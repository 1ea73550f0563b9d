"""Rows of unequal length as batches: each row once, alike in length within a batch, in few widths, by step alone."""

import pytest
import torch

from course_utils.batches import POOL, WIDTH, Rows
from course_utils.training import IGNORED

LENGTHS = [2 + 37 * number % 101 for number in range(200)]


class Counting(Rows):
    """Row n holds LENGTHS[n] tokens, all of them n + 1."""

    def row(self, number):
        return [number + 1] * LENGTHS[number]


class OddOnly(Counting):
    """The same, and only odd tokens are learned."""

    def learned(self, ids, attention_mask):
        return attention_mask & (ids % 2 == 1)


def test_each_row_comes_once_and_a_batch_holds_rows_alike_in_length():
    data = Counting(4, 400, pad_id=0)
    batches = [data.batch(step) for step in range(2 * POOL)]
    assert sorted(number for batch in batches for number, _ in batch) == list(range(2 * POOL * 4))
    spreads = [max(lengths) - min(lengths) for lengths in ([len(ids) for _, ids in batch] for batch in batches)]
    assert sorted(spreads)[POOL] < 15
    shortest = [min(len(ids) for _, ids in batch) for batch in batches[:POOL]]
    assert shortest != sorted(shortest)


def test_inputs_and_targets_are_one_apart_and_padding_is_not_learned():
    data = Counting(3, 400, pad_id=0)
    for number, x, y in zip((number for number, _ in data.batch(2)), *data(2), strict=True):
        length = LENGTHS[number] - 1
        assert x[:length].tolist() == y[:length].tolist() == [number + 1] * length
        assert (y[length:] == IGNORED).all()


def test_widths_are_few_and_none_exceeds_the_context():
    data, cut = Counting(4, 400, pad_id=0), Counting(4, 50, pad_id=0)
    for step in range(POOL):
        lengths = [len(ids) - 1 for _, ids in data.batch(step)]
        assert data(step)[0].shape == (4, -(-max(lengths) // WIDTH) * WIDTH)
        assert cut(step)[0].shape[1] <= 50
    assert any(cut(step)[0].shape[1] == 50 for step in range(POOL))  # not a multiple, and still the most


def test_what_learned_leaves_out_is_no_target():
    targets = OddOnly(4, 400, pad_id=0)(1)[1]
    assert ((targets == IGNORED) | (targets % 2 == 1)).all()
    assert (targets != IGNORED).any()


def test_a_batch_depends_on_the_step_alone():
    one, again = Counting(4, 60, pad_id=0), Counting(4, 60, pad_id=0)
    one(7)  # what was asked before does not matter
    assert torch.equal(one(3)[0], again(3)[0])


@pytest.mark.parametrize(
    ("sizes", "said"), [((0, 8), "batch_size is 0"), ((8, 0), "context_length is 0"), ((2.5, 8), "2.5")]
)
def test_sizes_below_one_are_refused(sizes, said):
    with pytest.raises(ValueError, match=said):
        Counting(*sizes, pad_id=0)


@pytest.mark.parametrize("step", [-1, 1.5])
def test_a_step_that_is_none_is_told(step):
    with pytest.raises(ValueError, match=f"step is {step}; it takes a whole number"):
        Counting(4, 60, pad_id=0)(step)
