"""Windows against a plain loop, files of tokens against NumPy, and batches that depend on the step alone."""

import itertools
import re
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, RandomSampler

from course_utils.windows import (
    LoaderBatches,
    SlidingWindowDataset,
    StepBatches,
    make_loader,
    npy_header,
    read_tokens,
    shuffle_keys,
    shuffled,
    split_tokens,
    token_type,
    window_count,
    write_tokens,
)

LOREM = ["Lorem", "ipsum", "dolor", "sit", "amet,", "consectetur", "adipiscing", "elit,"]


def plain_windows(ids, max_length, stride):
    """The definition: from every start at a multiple of the stride, as long as the last target exists."""
    windows, start = [], 0
    while start + max_length < len(ids):
        windows.append((ids[start : start + max_length], ids[start + 1 : start + max_length + 1]))
        start += stride
    return windows


def as_lists(dataset):
    return [(x.tolist(), y.tolist()) for x, y in (dataset[i] for i in range(len(dataset)))]


@given(st.lists(st.integers(0, 50_000), min_size=2, max_size=40), st.integers(1, 12), st.integers(1, 12))
def test_windows_equal_a_plain_loop(ids, max_length, stride):
    expected = plain_windows(ids, max_length, stride)
    assert window_count(len(ids), max_length, stride) == len(expected)
    if expected:
        assert as_lists(SlidingWindowDataset(ids, max_length, stride)) == expected


@pytest.mark.parametrize(("stride", "starts"), [(1, [0, 1, 2, 3]), (2, [0, 2]), (4, [0])])
def test_the_worked_example_has_as_many_windows_as_it_should(stride, starts):
    dataset = SlidingWindowDataset(list(range(len(LOREM))), max_length=4, stride=stride)
    words = [([LOREM[i] for i in x], [LOREM[i] for i in y]) for x, y in dataset]
    assert words == [(LOREM[start : start + 4], LOREM[start + 1 : start + 5]) for start in starts]


@pytest.mark.parametrize("kind", [list, tuple, np.array, torch.tensor, lambda ids: np.array(ids, dtype="<u2")])
def test_ids_may_come_in_any_form_and_leave_as_long_tensors(kind):
    x, y = SlidingWindowDataset(kind([1, 2, 65_535, 4]), 3, 1)[0]
    assert (x.dtype, y.dtype) == (torch.long, torch.long)
    assert (x.tolist(), y.tolist()) == ([1, 2, 65_535], [2, 65_535, 4])


def test_changing_a_window_changes_neither_the_text_nor_another_window():
    ids = np.arange(6)
    dataset = SlidingWindowDataset(ids, 3, 1)
    x, y = dataset[0]
    x.fill_(99)
    assert ids.tolist() == [0, 1, 2, 3, 4, 5]
    assert dataset[1][0].tolist() == [1, 2, 3]
    assert y.tolist() == [1, 2, 3]


def test_a_text_that_is_too_short_says_how_many_tokens_there_are_and_how_many_it_takes():
    with pytest.raises(ValueError, match=r"has 4 tokens, but a window of max_length 4 needs at least 5"):
        SlidingWindowDataset([1, 2, 3, 4], max_length=4, stride=1)
    with pytest.raises(ValueError, match=r"has 0 tokens"):
        SlidingWindowDataset([], max_length=4, stride=1)


@pytest.mark.parametrize(
    ("max_length", "stride", "named"),
    [(0, 1, "max_length is 0"), (-3, 1, "max_length is -3"), (2, 0, "stride is 0"), (2, 1.5, "stride is 1.5")],
)
def test_a_window_that_cannot_be_is_refused(max_length, stride, named):
    for make in (
        lambda: window_count(10, max_length, stride),
        lambda: SlidingWindowDataset(range(10), max_length, stride),
    ):
        with pytest.raises(ValueError, match=named):
            make()


@pytest.mark.parametrize(
    ("ids", "says"), [([1, 2, 7, 3], "token 2 has the id 7"), ([1, -1, 2], "token 1 has the id -1")]
)
def test_an_id_outside_the_vocabulary_says_where_it_is(ids, says):
    with pytest.raises(ValueError, match=rf"{says}.*ids go from 0 to 6"):
        SlidingWindowDataset(ids, 1, 1, vocab_size=7)


@pytest.mark.parametrize("ids", [[[1, 2], [3, 4]], [0.5, 1.5, 2.5], "abc", [None, 1, 2]])
def test_what_is_no_row_of_ids_is_refused(ids):
    with pytest.raises(ValueError, match="one row of integers"):
        SlidingWindowDataset(ids, 1, 1)


def test_beyond_the_last_window_a_loop_ends():
    dataset = SlidingWindowDataset(range(5), 2, 1)
    assert len(list(dataset)) == len(dataset) == 3
    assert dataset[-1][0].tolist() == dataset[2][0].tolist()


@given(st.integers(2, 500), st.floats(0.01, 0.99))
def test_a_split_loses_nothing_and_keeps_the_share(count, fraction):
    if not 0 < round(count * fraction) < count:
        with pytest.raises(ValueError, match="too few"):
            split_tokens(range(count), fraction)
    else:
        first, second = split_tokens(list(range(count)), fraction)
        assert first + second == list(range(count))
        assert abs(len(first) - count * fraction) <= 0.5


@pytest.mark.parametrize("fraction", [0, 1, -0.5, 90, "0.9"])
def test_a_share_that_is_none_is_refused(fraction):
    with pytest.raises(ValueError, match=f"fraction is {fraction!r}"):
        split_tokens([1, 2, 3], fraction)


def test_no_window_of_the_training_part_shares_a_token_with_the_validation_part():
    parts = split_tokens(np.arange(100), 0.8)
    seen, unseen = ({i for x, y in SlidingWindowDataset(part, 4, 1) for i in x.tolist() + y.tolist()} for part in parts)
    assert not seen & unseen


@pytest.mark.parametrize(("drop_last", "sizes"), [(True, [4, 4]), (False, [4, 4, 2])])
def test_a_loader_gives_batches_and_drops_the_last_when_told(drop_last, sizes):
    dataset = SlidingWindowDataset(range(11), 1, 1)
    loader = make_loader(dataset, 4, shuffle=False, drop_last=drop_last)
    assert [len(x) for x, _ in loader] == sizes
    assert torch.cat([x for x, _ in loader]).flatten().tolist() == list(range(sum(sizes)))


def test_a_loader_shuffles_by_its_seed_and_anew_in_each_pass():
    dataset = SlidingWindowDataset(range(41), 1, 1)
    passes = {
        seed: [torch.cat([x for x, _ in loader]).flatten().tolist() for _ in range(2)]
        for seed in (0, 1)
        for loader in [make_loader(dataset, 8, seed=seed)]
    }
    again = make_loader(dataset, 8, seed=0)
    assert torch.cat([x for x, _ in again]).flatten().tolist() == passes[0][0]
    assert len({tuple(order) for orders in passes.values() for order in orders}) == 4
    assert sorted(passes[0][0]) == list(range(40))


@pytest.mark.parametrize("make", [make_loader, StepBatches])
@pytest.mark.parametrize(
    ("batch_size", "says"), [(0, "batch_size is 0"), (11, "10 windows do not fill one batch of 11")]
)
def test_batches_that_cannot_be_made_are_refused(make, batch_size, says):
    with pytest.raises(ValueError, match=says):
        make(SlidingWindowDataset(range(11), 1, 1), batch_size)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 3), st.integers(0, 3))
def test_each_epoch_shows_every_window_at_most_once(n_windows, batch_size, seed, epoch):
    batch_size = min(batch_size, n_windows)
    batches = StepBatches(SlidingWindowDataset(range(n_windows + 1), 1, 1), batch_size, seed)
    first = epoch * batches.steps_per_epoch
    seen = [i for step in range(first, first + batches.steps_per_epoch) for i in batches.indices(step)]
    assert len(seen) == len(set(seen)) == n_windows // batch_size * batch_size
    assert set(seen) <= set(range(n_windows))


def test_a_batch_depends_on_seed_and_step_alone():
    dataset = SlidingWindowDataset(range(1000), 8, 3)
    forwards, afresh = StepBatches(dataset, 5, seed=4), StepBatches(dataset, 5, seed=4)
    run = [forwards(step) for step in range(300)]
    for step in (299, 7, 150):
        torch.manual_seed(step)
        for resumed, uninterrupted in zip(afresh(step), run[step], strict=True):
            assert torch.equal(resumed, uninterrupted)
    assert StepBatches(dataset, 5, seed=5).indices(7) != forwards.indices(7)


def test_a_batch_holds_the_windows_it_says():
    dataset = SlidingWindowDataset(range(100), 6, 2)
    batches = StepBatches(dataset, 4, seed=1)
    inputs, targets = batches(3)
    assert inputs.shape == targets.shape == (4, 6)
    for row, i in enumerate(batches.indices(3)):
        assert torch.equal(inputs[row], dataset[i][0])
        assert torch.equal(targets[row], dataset[i][1])


def test_epochs_differ_in_their_order():
    batches = StepBatches(SlidingWindowDataset(range(51), 1, 1), 50)
    orders = {tuple(batches.indices(epoch)) for epoch in range(20)}
    assert len(orders) == 20


@pytest.mark.parametrize(
    ("step", "seed", "batch_size", "told"),
    [(-1, 0, 2, "step is -1"), (1.5, 0, 2, r"step is 1\.5"), (0, -1, 2, "seed is -1"), (0, 0, 2.5, r"size is 2\.5")],
)
def test_a_number_that_is_no_step_seed_or_size_is_refused(step, seed, batch_size, told):
    with pytest.raises(ValueError, match=told):
        StepBatches(SlidingWindowDataset(range(5), 1, 1), batch_size, seed)(step)


def test_numpys_whole_numbers_are_whole_numbers():
    dataset = SlidingWindowDataset(range(50), 1, 1)
    ours, theirs = StepBatches(dataset, 4, 3), StepBatches(dataset, np.int64(4), np.int64(3))
    assert theirs.indices(np.int64(7)) == ours.indices(7)


EIGHT = SlidingWindowDataset(range(36), 4, 4)
LOADERS = {
    "seeded": lambda: make_loader(EIGHT, 2, seed=5),
    "not seeded": lambda: DataLoader(EIGHT, 2, shuffle=True),
    "a seeded sampler": lambda: DataLoader(EIGHT, 2, sampler=RandomSampler(EIGHT, generator=torch.Generator())),
    "in order": lambda: DataLoader(EIGHT, 2),
    "a list": lambda: [(torch.tensor([i]), torch.tensor([i + 1])) for i in range(5)],
}


@pytest.mark.parametrize("kind", LOADERS)
def test_the_batches_of_a_loader_are_a_function_of_the_step(kind):
    source = LOADERS[kind]()
    torch.manual_seed(1)
    steps = len(source) * 2 + 1  # into the third epoch
    batches = LoaderBatches(source)
    expected = [batches(step)[0].tolist() for step in range(steps)]
    next(iter(source))  # somebody has a look at it in between
    torch.manual_seed(2)
    anew = LoaderBatches(source)
    places = (steps - 1, 0, 3, 3, len(source))
    assert [anew(step)[0].tolist() for step in places] == [expected[step] for step in places]
    another = LoaderBatches(LOADERS[kind]())  # another process
    assert another(steps - 1)[0].tolist() == expected[-1]


@pytest.mark.parametrize("kind", LOADERS)
def test_each_epoch_goes_through_the_whole_loader(kind):
    source = LOADERS[kind]()
    batches, length = LoaderBatches(source), len(source)
    epochs = [torch.cat([batches(length * i + j)[0].flatten() for j in range(length)]).tolist() for i in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1])
    assert (epochs[0] == epochs[1]) == (kind in ("in order", "a list"))


def test_the_first_epoch_of_a_seeded_loader_is_the_one_that_a_loop_sees():
    source = LOADERS["seeded"]()
    by_hand = [inputs.tolist() for inputs, _ in LOADERS["seeded"]()]
    batches = LoaderBatches(source)
    assert [batches(step)[0].tolist() for step in range(len(source))] == by_hand


def test_going_through_a_loader_draws_no_random_numbers_from_others():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    LoaderBatches(LOADERS["not seeded"]())(4)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("step", [-1, 1.5, "1"])
def test_a_step_of_a_loader_that_is_none_is_told(step):
    with pytest.raises(ValueError, match=f"step is {step}; it takes a whole number"):
        LoaderBatches([(torch.zeros(2, 3),)])(step)


def test_a_loader_without_batches_is_told():
    with pytest.raises(ValueError, match="there are no batches to go through"):
        LoaderBatches([])(0)


@given(st.integers(1, 3000), st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=8))
def test_a_shuffle_puts_every_number_in_one_place(size, keys):
    assert sorted(shuffled(place, size, keys) for place in range(size)) == list(range(size))


def test_a_shuffle_favours_no_order():
    drawn = Counter(tuple(shuffled(i, 4, shuffle_keys(seed, 0)) for i in range(4)) for seed in range(4800))
    # 24 orders, 200 of each expected: a fair shuffle strays by about 14.
    assert set(drawn) == set(itertools.permutations(range(4)))
    assert all(120 < count < 280 for count in drawn.values())


def test_a_shuffle_of_a_huge_corpus_costs_nothing():
    size = 10**12
    places = {shuffled(place, size, shuffle_keys(0, 0)) for place in range(1000)}
    assert len(places) == 1000
    assert 0.4 < sum(place > size // 2 for place in places) / 1000 < 0.6


@given(st.lists(st.lists(st.integers(0, 299), max_size=20), min_size=1, max_size=6).filter(any))
def test_tokens_written_in_chunks_are_read_as_one_row(tmp_path_factory, chunks):
    path = tmp_path_factory.mktemp("tokens") / "ids.npy"
    flat = [i for chunk in chunks for i in chunk]
    assert write_tokens(path, iter(chunks), vocab_size=300) == len(flat)
    assert read_tokens(path).tolist() == np.load(path).tolist() == flat
    assert [entry.name for entry in path.parent.iterdir()] == ["ids.npy"]


@pytest.mark.parametrize(("vocab_size", "width"), [(65_536, 2), (65_537, 4), (1 << 32, 4)])
def test_ids_take_as_few_bytes_as_the_vocabulary_allows(tmp_path, vocab_size, width):
    path, largest = tmp_path / "ids.npy", vocab_size - 1
    write_tokens(path, [[0, largest]], vocab_size)
    assert token_type(vocab_size).itemsize == read_tokens(path).itemsize == width
    assert read_tokens(path)[1] == largest
    assert path.stat().st_size == 128 + 2 * width


@pytest.mark.parametrize("count", [1, 10**6, 10**15])
def test_the_header_is_as_long_whatever_it_counts(count):
    assert len(npy_header(token_type(50_257), count)) == 128


def test_an_interrupted_writing_leaves_the_file_that_was_there(tmp_path):
    def stops():
        yield [1, 2]
        raise KeyboardInterrupt

    path = tmp_path / "ids.npy"
    write_tokens(path, [[7, 8, 9]], 10)
    with pytest.raises(KeyboardInterrupt):
        write_tokens(path, stops(), 10)
    assert read_tokens(path).tolist() == [7, 8, 9]
    assert [entry.name for entry in tmp_path.iterdir()] == ["ids.npy"]


@pytest.mark.parametrize(
    ("chunks", "vocab_size"), [([[1, 300]], 300), ([], 300), ([[]], 300), ([[1]], 0), ([[0.5]], 9)]
)
def test_tokens_that_cannot_be_written_are_refused(tmp_path, chunks, vocab_size):
    with pytest.raises(ValueError):
        write_tokens(tmp_path / "ids.npy", chunks, vocab_size)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-1],
        lambda raw: raw[:100],
        lambda raw: raw + b"x",
        lambda raw: b"text" + raw,
        lambda raw: b"PK\x03\x04" + raw,
        lambda raw: raw.replace(b"(100,)", b"(100, "),
        lambda raw: raw.replace(b"(100,)", b"(10,) "),
        lambda _: b"",
    ],
)
def test_a_damaged_file_of_tokens_is_refused(tmp_path, damage):
    path = tmp_path / "ids.npy"
    write_tokens(path, [range(100)], 100)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="no whole file of tokens"):
        read_tokens(path)


def test_other_arrays_and_missing_files_are_refused(tmp_path):
    np.save(tmp_path / "floats.npy", np.ones(3))
    np.savez(tmp_path / "several.npz", a=np.arange(3))
    for name in ("floats.npy", "several.npz", "missing.npy"):
        with pytest.raises(ValueError, match=r"one row of integers|several arrays|there is no file"):
            read_tokens(tmp_path / name)


def test_a_bare_file_of_ids_is_told_with_the_line_that_reads_it(tmp_path):
    path, ids = tmp_path / "train.bin", np.arange(100, dtype=np.uint16)
    ids.tofile(path)
    with pytest.raises(ValueError, match=r"has no header.*from nanoGPT") as told:
        read_tokens(path)
    line = re.search(r"np\.memmap\(.*?\)", str(told.value))[0]
    assert SlidingWindowDataset(eval(line), 4, 1)[0][0].tolist() == [0, 1, 2, 3]
    write_tokens(path, [[7, 8]], 10)  # the name alone says nothing
    assert read_tokens(path).tolist() == [7, 8]


def test_looking_for_an_id_outside_takes_little_memory(tmp_path):
    ids = np.zeros(10_000_000, dtype="<u2")
    ids[-1] = 300
    np.save(tmp_path / "ids.npy", ids)
    mapped = read_tokens(tmp_path / "ids.npy")
    del ids
    tracemalloc.start()
    with pytest.raises(ValueError, match="token 9999999 has the id 300"):
        SlidingWindowDataset(mapped, 4, 1, vocab_size=300)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000  # not one byte for each


def anonymous_memory():
    """Bytes of memory that are this process's own; pages of mapped files are not among them."""
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("only Linux tells how much memory is anonymous")
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if "RssAnon" in line) * 1024


def test_a_large_file_of_tokens_is_not_read_into_memory(tmp_path):
    size = 40_000_000
    write_tokens(tmp_path / "ids.npy", (np.arange(i, i + 10**6) % 50_000 for i in range(0, size, 10**6)), 50_000)
    before = anonymous_memory()
    batches = StepBatches(SlidingWindowDataset(read_tokens(tmp_path / "ids.npy"), 64, 1, vocab_size=50_000), 32)
    for step in range(100):
        inputs, targets = batches(step)
        assert torch.equal((inputs + 1) % 50_000, targets)
    assert anonymous_memory() - before < size * 2 / 4


def test_the_file_that_was_there_stays_whole_until_the_new_one_is(tmp_path, monkeypatch):
    path = tmp_path / "ids.npy"
    write_tokens(path, [[1, 2, 3]], 10)

    def no_room(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("course_utils.windows.os.replace", no_room)
    with pytest.raises(OSError, match="no space left"):
        write_tokens(path, [[4, 5]], 10)
    assert read_tokens(path).tolist() == [1, 2, 3]
    assert [file.name for file in tmp_path.iterdir()] == ["ids.npy"]
