"""Token ids become (input, target) windows: a dataset, loaders, a split, and files larger than memory."""

import numbers
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from math import isqrt
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from course_utils.common import require
from course_utils.runtime import seeded

TokenIds = Sequence[int] | np.ndarray | Tensor
Ids = TypeVar("Ids", list, np.ndarray, Tensor)
HEADER_SIZE = 128  # bytes of a .npy header; the format wants a multiple of 64


def window_count(n_tokens: int, max_length: int, stride: int) -> int:
    """Return how many windows fit: each needs `max_length` inputs and one more token, the last target.

    >>> window_count(8, max_length=4, stride=1), window_count(8, max_length=4, stride=2)
    (4, 2)
    """
    for name, value in (("max_length", max_length), ("stride", stride)):
        is_count = isinstance(value, int | np.integer) and value >= 1
        require(is_count, f"{name} is {value}; it takes a whole number of at least 1")
    # The last window starts at n_tokens - max_length - 1 or before. Plus 1, since the first one starts at 0.
    return max(0, (n_tokens - max_length - 1) // stride + 1)


class SlidingWindowDataset(Dataset):
    """Windows of inputs (T,) and targets (T,), the same tokens one position later; starts are `stride` apart.

    >>> x, y = SlidingWindowDataset([10, 11, 12, 13, 14], max_length=2, stride=2)[1]
    >>> x.tolist(), y.tolist()
    ([12, 13], [13, 14])
    """

    def __init__(self, token_ids: TokenIds, max_length: int, stride: int, vocab_size: int | None = None):
        self.token_ids = id_array(token_ids, vocab_size)
        self.max_length = max_length
        self.stride = stride
        self.count = window_count(len(self.token_ids), max_length, stride)
        require(
            self.count > 0,
            f"the text has {len(self.token_ids)} tokens, but a window of max_length {max_length} needs at least "
            f"{max_length + 1}: {max_length} inputs and the target of the last one",
        )

    def __len__(self) -> int:
        """Return the number of windows."""
        return self.count

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        """Return inputs and targets of window `i`, each (T,)."""
        # An IndexError, not our usual ValueError: it's how a `for` loop over the dataset knows where to stop.
        if not -self.count <= i < self.count:
            raise IndexError(f"window {i} of {self.count}")
        start = i % self.count * self.stride  # -1 is the last window, as in a list
        # int64, as embeddings and the loss expect; a copy, because the ids may lie in a read-only file.
        window = torch.from_numpy(self.token_ids[start : start + self.max_length + 1].astype(np.int64))
        # Both would be views of one memory. Without the clone, changing an input in place would change a target.
        return window[:-1], window[1:].clone()


def id_array(token_ids: TokenIds, vocab_size: int | None = None) -> np.ndarray:
    """Return token ids as a one-dimensional array; what is an array already isn't copied.

    With a `vocab_size`, an id outside the vocabulary raises a `ValueError` that says where it is.
    """
    # `asarray`, not `array`: a copy would read a memory-mapped file whole.
    array = np.asarray(token_ids)
    if array.size == 0:
        array = array.astype(np.int64)  # NumPy makes [] an array of floats
    is_ids = array.ndim == 1 and np.issubdtype(array.dtype, np.integer)
    require(is_ids, f"token_ids has shape {array.shape} and type {array.dtype}; it takes one row of integers")
    if vocab_size is None:
        return array
    # A million at a time: comparing all at once would take as much memory again as the corpus.
    for start in range(0, len(array), 1_000_000):
        block = array[start : start + 1_000_000]
        outside = np.flatnonzero((block < 0) | (block >= vocab_size))
        if len(outside) > 0:
            found = f"token {start + outside[0]} has the id {block[outside[0]]}, which is outside the vocabulary"
            raise ValueError(f"{found}: ids go from 0 to {vocab_size - 1}")
    return array


def split_tokens(token_ids: Ids, fraction: float = 0.9) -> tuple[Ids, Ids]:
    """Cut tokens in two, for training and for validation, before making windows.

    Windows that are cut first and dealt out afterwards overlap: the model would be tested on what it has learned.

    >>> split_tokens([1, 2, 3, 4, 5], 0.8)
    ([1, 2, 3, 4], [5])
    """
    between = isinstance(fraction, numbers.Real) and 0 < fraction < 1
    require(between, f"fraction is {fraction!r}; it takes a number between 0 and 1, such as 0.9")
    # Rounded, since 100 * 0.29 is 28.999999999999996 in floating point, and `int` would make that 28.
    edge = round(len(token_ids) * fraction)
    require(0 < edge < len(token_ids), f"{len(token_ids)} tokens are too few to give {fraction} to training")
    return token_ids[:edge], token_ids[edge:]


def make_loader(
    dataset: Dataset, batch_size: int, shuffle: bool = True, drop_last: bool = True, seed: int = 0
) -> DataLoader:
    """Return a loader of batches (B, T); with `shuffle`, each epoch has an order of its own, drawn from `seed`.

    `drop_last` leaves out a last batch that's smaller than the others.
    """
    require(batch_size >= 1, f"batch_size is {batch_size}; it takes a whole number of at least 1")
    enough = len(dataset) >= (batch_size if drop_last else 1)
    require(enough, f"{len(dataset)} windows do not fill one batch of {batch_size}; take a smaller batch_size")
    # A generator of its own, so that the order doesn't depend on how many random numbers were drawn elsewhere.
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(dataset, batch_size, shuffle=shuffle, drop_last=drop_last, generator=generator)


def step_number(step: int) -> int:
    """Return a step as Python's own integer; what is none, or below 0, is a ValueError."""
    whole = isinstance(step, int | np.integer) and step >= 0
    require(whole, f"step is {step}; it takes a whole number: steps are counted from 0")
    return int(step)


class StepBatches:
    """Batches by step: `batches(step)` gives inputs and targets (B, T), and depends on (seed, step) alone.

    So an interrupted run goes on with exactly the same data. Each epoch shows every window once, in an order of
    its own; windows left over when `batch_size` doesn't divide their number wait for another epoch.
    """

    def __init__(self, dataset: Dataset, batch_size: int, seed: int = 0):
        for name, value, least in (("batch_size", batch_size, 1), ("seed", seed, 0)):
            whole = isinstance(value, int | np.integer) and value >= least
            require(whole, f"{name} is {value}; it takes a whole number of at least {least}")
        self.dataset = dataset
        self.batch_size = int(batch_size)
        self.seed = int(seed)
        self.steps_per_epoch = len(dataset) // self.batch_size
        too_few = f"{len(dataset)} windows do not fill one batch of {batch_size}; take a smaller batch_size"
        require(self.steps_per_epoch > 0, too_few)

    def __call__(self, step: int) -> tuple[Tensor, ...]:
        """Return the batch of one step, counted from 0."""
        windows = [self.dataset[i] for i in self.indices(step)]
        return tuple(torch.stack(column) for column in zip(*windows, strict=True))

    def indices(self, step: int) -> list[int]:
        """Return which windows the batch of one step holds."""
        # No state is carried from step to step, so starting at step 100,000 costs no more than starting at 0.
        epoch, batch = divmod(step_number(step), self.steps_per_epoch)
        first = batch * self.batch_size
        keys = shuffle_keys(self.seed, epoch)
        return [shuffled(first + i, len(self.dataset), keys) for i in range(self.batch_size)]


class LoaderBatches:
    """The batches of a `DataLoader`, or of a list, by step: epoch after epoch, with no end.

    A function of the step too, so a resumed run sees the batches that it would have seen: asked for an earlier step,
    or made again, it begins anew in the same order. To get to a step it goes through those before it.
    """

    def __init__(self, loader: Iterable):
        self.loader = loader
        self.begin()

    def begin(self) -> None:
        """Go back to before step 0, and the loader's own random numbers to their seed."""
        for part in (self.loader, getattr(self.loader, "sampler", None)):
            generator = getattr(part, "generator", None)
            if generator is not None:
                generator.manual_seed(generator.initial_seed())
        self.step, self.epoch = 0, 0
        self.rest = iter(())

    def __call__(self, step: int) -> tuple[Tensor, ...]:
        """Return the batch of one step, counted from 0."""
        if step_number(step) < self.step:
            self.begin()
        while self.step <= step:
            batch = self.following()
        # One that's no list or tuple goes on as it is: who uses it says what is wrong with it.
        return tuple(batch) if isinstance(batch, list) else batch

    def following(self) -> Sequence[Tensor]:
        """Return the next batch, of a new epoch after the last one."""
        batch = next(self.rest, None)
        if batch is None:
            # A loader without a generator draws its order from everybody's: here from the number of the epoch.
            with seeded(self.epoch):
                self.rest = iter(self.loader)
                batch = next(self.rest, None)
            self.epoch += 1
        require(batch is not None, "there are no batches to go through: the loader, or the list, is empty")
        self.step += 1
        return batch


def by_step(batches: Callable | Iterable) -> Callable[[int], tuple[Tensor, ...]]:
    """Return batches as a function of the step, be it one already, or something to go through again and again."""
    return batches if callable(batches) else LoaderBatches(again_and_again("batches", batches))


def again_and_again(name: str, batches: Iterable) -> Iterable:
    """Return `batches`; a ValueError unless one can go through them more than once."""
    # One batch would be taken apart by its rows, and a generator would be at its end after the first time.
    is_one = isinstance(batches, tuple | list) and any(isinstance(part, Tensor) for part in batches)
    several = isinstance(batches, Iterable) and not isinstance(batches, Iterator | Tensor) and not is_one
    got = "one batch" if is_one else f"a {type(batches).__name__}"
    takes = "a list of batches or a DataLoader" + (", or a function of the step" if name == "batches" else "")
    require(several, f"{name} is {got}; it takes {takes}")
    return batches


def check_batch(batch: Sequence[Tensor]) -> None:
    """Raise a `ValueError` unless a batch is a tuple of tensors with as many rows each."""
    takes = "it takes a tuple of tensors with a row for each text, such as inputs and targets, (B, T) each"
    require(isinstance(batch, tuple | list), f"a batch is a {type(batch).__name__}; {takes}")
    kinds = [str(tuple(part.shape)) if isinstance(part, Tensor) else f"a {type(part).__name__}" for part in batch]
    rows = {len(part) if isinstance(part, Tensor) and part.dim() else None for part in batch}
    require(len(rows) == 1 and None not in rows, f"a batch holds {' and '.join(kinds) or 'nothing'}; {takes}")


def shuffled(position: int, size: int, keys: Sequence[int]) -> int:
    """Return the number at one position of a random order of 0 … `size` - 1, without storing that order.

    The order follows from `keys`: a Feistel network (Luby and Rackoff 1988) over a table (Black and Rogaway 2002).

    >>> sorted(shuffled(i, 7, keys=[3, 1, 4, 1]) for i in range(7))
    [0, 1, 2, 3, 4, 5, 6]
    """
    # `torch.randperm` would store every index of the corpus. Lay the positions out as a table instead, and shift each
    # row round by an amount of its own, then each column, once for every key. A shift can be undone, so no two numbers
    # meet, and the cost doesn't grow with the corpus.
    rows = isqrt(size) + 1
    columns = -(-size // rows)  # rounded up
    while True:
        row, column = divmod(position, columns)
        for i, key in enumerate(keys):
            if i % 2:
                row = (row + scramble(column, key)) % rows
            else:
                column = (column + scramble(row, key)) % columns
        position = row * columns + column
        # The table has a few cells more than there are numbers. From one of those, go round again until it's inside:
        # the walk goes along a cycle of the permutation that began inside, so it gets there and still no two meet.
        if position < size:
            return position


def scramble(number: int, key: int) -> int:
    """Return 32 bits that look random, the same for the same number and key (a mixer like splitmix64's)."""
    # Python's integers don't overflow, so each product is cut to 64 bits, as it would be in C. Products carry upwards
    # only, so the high bits depend on everything: shift them down between the two, and keep only them at the end.
    number = ((number ^ key) * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    number = ((number ^ number >> 29) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    return number >> 32


@lru_cache(maxsize=8)  # every step of an epoch asks for the same ones
def shuffle_keys(seed: int, epoch: int) -> tuple[int, ...]:
    """Return the keys of one epoch's order: eight rounds, after which no trace of the old order can be measured."""
    # Not seed + epoch: then epoch 1 of seed 0 would have the order of epoch 0 of seed 1.
    return tuple(np.random.SeedSequence((seed, epoch)).generate_state(8, np.uint64).tolist())


def token_type(vocab_size: int) -> np.dtype:
    """Return the smallest type that holds all ids: two bytes up to 65,536 tokens, else four.

    >>> token_type(50_257).itemsize, token_type(100_000).itemsize
    (2, 4)
    """
    require(1 <= vocab_size <= 1 << 32, f"vocab_size is {vocab_size}; it takes 1 to {1 << 32}")
    # "<" fixes the order of the bytes, so a file means the same on every machine.
    return np.dtype("<u2" if vocab_size <= 1 << 16 else "<u4")


def write_tokens(path: str | Path, chunks_of_ids: Iterable[TokenIds], vocab_size: int) -> int:
    """Write token ids that come in chunks to a file; return how many there are.

    The file is a NumPy array (`.npy`), so `np.load` reads it too. It gets its name only when everything is
    written, so a file under that name is always complete.
    """
    path = Path(path)
    dtype = token_type(vocab_size)
    count = 0
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            # The header says how many ids follow, which we only know at the end: write it twice, at the same size.
            file.write(npy_header(dtype, count))
            for chunk in chunks_of_ids:
                ids = id_array(chunk, vocab_size).astype(dtype)
                file.write(ids.tobytes())
                count += len(ids)
            require(count > 0, "there are no token ids to write; a file takes at least one")
            file.seek(0)
            file.write(npy_header(dtype, count))
            # On the disk before it gets its name, or a power cut could leave a named file with holes.
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)  # an interrupted one may fill half the disk
    return count


def npy_header(dtype: np.dtype, count: int) -> bytes:
    """Return the header of a `.npy` file (format 1.0) for a row of `count` numbers, always 128 bytes long."""
    # A magic word, the version, the length of what follows in two bytes; then a Python dictionary as text, filled up
    # with spaces to a newline. 10 bytes come before the text, and one after it.
    text = f"{{'descr': '{dtype.str}', 'fortran_order': False, 'shape': ({count},), }}"
    start = b"\x93NUMPY\x01\x00" + (HEADER_SIZE - 10).to_bytes(2, "little")
    return start + text.ljust(HEADER_SIZE - 11).encode() + b"\n"


def read_tokens(path: str | Path) -> np.ndarray:
    """Open a file of token ids without reading it: each part comes from the disk when it's used.

    A `SlidingWindowDataset` takes the result as it is, however large. A file that's damaged or isn't one of
    tokens raises a `ValueError`.
    """
    path = Path(path)
    require(path.is_file(), f"there is no file of tokens {path}; write_tokens makes one")
    # nanoGPT's files hold the ids alone: nothing in them says of which type they are, or whether one is whole.
    with path.open("rb") as file:
        bare = path.suffix == ".bin" and file.read(6) != b"\x93NUMPY"
    instead = f"If it's from nanoGPT, two bytes an id, take np.memmap({str(path)!r}, np.uint16, 'r')"
    require(not bare, f"{path} has no header that says what it holds. {instead} in place of read_tokens")
    # Without pickle a file can only hold numbers, so opening a stranger's file runs nothing.
    try:
        ids = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged header ends in errors of zipfile, struct or Python's own tokenizer
        raise ValueError(f"{path} is no whole file of tokens ({error}); write it again") from None
    require(isinstance(ids, np.memmap), f"{path} holds several arrays; a file of tokens holds one")
    # NumPy doesn't mind bytes after the last one its header speaks of, so tokens could be missing without a word.
    length = path.stat().st_size
    whole = f"{path} is no whole file of tokens: it has {length:,} bytes and its header says otherwise; write it again"
    require(length == ids.offset + ids.nbytes, whole)
    return id_array(ids)
