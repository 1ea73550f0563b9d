"""Token ids become (input, target) windows: a data set, loaders, a split, and files larger than memory."""

import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import isqrt
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from course_utils.common import require

TokenIds = Sequence[int] | np.ndarray | Tensor
Ids = TypeVar("Ids", list, np.ndarray, Tensor)
HEADER_SIZE = 128


def window_count(n_tokens: int, max_length: int, stride: int) -> int:
    """Return how many windows fit: each takes `max_length` inputs and one token more, the last target.

    >>> window_count(8, max_length=4, stride=1), window_count(8, max_length=4, stride=2)
    (4, 2)
    """
    for name, value in (("max_length", max_length), ("stride", stride)):
        is_count = isinstance(value, int | np.integer) and value >= 1
        require(is_count, f"{name} is {value}; it takes a whole number of at least 1")
    return max(0, (n_tokens - max_length - 1) // stride + 1)


class SlidingWindowDataset(Dataset):
    """Inputs (T,) and targets (T,), the same tokens shifted by one, whatever the `stride` from start to start.

    >>> x, y = SlidingWindowDataset([10, 11, 12, 13, 14], max_length=2, stride=2)[1]
    >>> x.tolist(), y.tolist()
    ([12, 13], [13, 14])
    """

    def __init__(self, token_ids: TokenIds, max_length: int, stride: int, vocab_size: int | None = None):
        self.token_ids = id_array(token_ids, vocab_size)
        self.max_length, self.stride = max_length, stride
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
        if not -self.count <= i < self.count:
            raise IndexError(f"window {i} of {self.count}")
        start = i % self.count * self.stride
        # Copies, since PyTorch looks rows up by 64-bit ids, and the file that the ids may lie in is read-only.
        window = torch.from_numpy(self.token_ids[start : start + self.max_length + 1].astype(np.int64))
        return window[:-1], window[1:].clone()


def id_array(token_ids: TokenIds, vocab_size: int | None = None) -> np.ndarray:
    """Return token ids as an array of one dimension, without copying an array; check them if asked to.

    With `vocab_size` an id outside the vocabulary raises a `ValueError` that says where it is.
    """
    # An array stays as it is: copying would read a memory-mapped file whole.
    array = np.asarray(token_ids)
    array = array.astype(np.int64) if array.size == 0 else array
    is_ids = array.ndim == 1 and np.issubdtype(array.dtype, np.integer)
    require(is_ids, f"token_ids has shape {array.shape} and type {array.dtype}; it takes one row of integers")
    # A million at a time: a corpus larger than memory is checked without making arrays as large as itself.
    for start in range(0, 0 if vocab_size is None else len(array), 1_000_000):
        block = array[start : start + 1_000_000]
        for place in np.flatnonzero((block < 0) | (block >= vocab_size))[:1]:
            outside = f"token {start + place} has the id {block[place]}, which is outside the vocabulary"
            raise ValueError(f"{outside}: ids go from 0 to {vocab_size - 1}")
    return array


def split_tokens(token_ids: Ids, fraction: float = 0.9) -> tuple[Ids, Ids]:
    """Cut tokens in two, for training and for validation, before there are windows.

    Windows cut first and then dealt out would overlap: the model would be tested on what it has learned.

    >>> split_tokens([1, 2, 3, 4, 5], 0.8)
    ([1, 2, 3, 4], [5])
    """
    require(0 < fraction < 1, f"fraction is {fraction}; it takes a share between 0 and 1, such as 0.9")
    # Without rounding, 0.29 of 100 tokens would be 28: floating point has 28.999999999999996 there.
    edge = round(len(token_ids) * fraction)
    require(0 < edge < len(token_ids), f"{len(token_ids)} tokens are too few to give {fraction} to training")
    return token_ids[:edge], token_ids[edge:]


def make_loader(
    dataset: Dataset, batch_size: int, shuffle: bool = True, drop_last: bool = True, seed: int = 0
) -> DataLoader:
    """Return a loader of batches (B, T); shuffled, each pass has an order of its own, drawn from `seed`.

    `drop_last` leaves out a last batch that is smaller than the others.
    """
    require(batch_size >= 1, f"batch_size is {batch_size}; it takes a whole number of at least 1")
    enough = len(dataset) >= (batch_size if drop_last else 1)
    require(enough, f"{len(dataset)} windows do not fill one batch of {batch_size}; take a smaller batch_size")
    # A generator of its own: the order must not depend on what else has drawn random numbers.
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(dataset, batch_size, shuffle=shuffle, drop_last=drop_last, generator=generator)


class StepBatches:
    """Batches by step: `batches(step)` gives inputs and targets (B, T), a function of (seed, step) alone.

    So a run that was interrupted goes on with the very same data. Each epoch shows every window once, in
    an order of its own; the windows left over when `batch_size` does not divide them wait for another epoch.
    """

    def __init__(self, dataset: Dataset, batch_size: int, seed: int = 0):
        for name, value, least in (("batch_size", batch_size, 1), ("seed", seed, 0)):
            whole = isinstance(value, int | np.integer) and value >= least
            require(whole, f"{name} is {value}; it takes a whole number of at least {least}")
        self.dataset, self.batch_size, self.seed = dataset, int(batch_size), int(seed)
        self.steps_per_epoch = len(dataset) // self.batch_size
        too_few = f"{len(dataset)} windows do not fill one batch of {batch_size}; take a smaller batch_size"
        require(self.steps_per_epoch > 0, too_few)

    def __call__(self, step: int) -> tuple[Tensor, ...]:
        """Return the batch of one step, counted from 0."""
        windows = [self.dataset[i] for i in self.indices(step)]
        return tuple(torch.stack(column) for column in zip(*windows, strict=True))

    def indices(self, step: int) -> list[int]:
        """Return which windows the batch of one step holds."""
        whole = isinstance(step, int | np.integer) and step >= 0
        require(whole, f"step is {step}; it takes a whole number: steps are counted from 0")
        # Nothing is remembered from step to step, so resuming at a late one costs no more than the first.
        epoch, batch = divmod(int(step), self.steps_per_epoch)
        first, keys = batch * self.batch_size, shuffle_keys(self.seed, epoch)
        return [shuffled(first + i, len(self.dataset), keys) for i in range(self.batch_size)]


def shuffled(place: int, size: int, keys: Sequence[int]) -> int:
    """Return the number at one place of 0 … `size` - 1 in an order drawn from `keys` and never written down.

    It is a Feistel network (Luby and Rackoff 1988) over a table (Black and Rogaway 2002).

    >>> sorted(shuffled(i, 7, keys=[3, 1, 4, 1]) for i in range(7))
    [0, 1, 2, 3, 4, 5, 6]
    """
    # Lay the numbers out as a table. Turn each row by an amount of its own, then each column, and so on for every
    # key: each number moves to a place of its own, at a cost that does not grow with the corpus.
    rows = isqrt(size) + 1
    columns = -(-size // rows)
    while True:
        row, column = divmod(place, columns)
        for turn, key in enumerate(keys):
            if turn % 2:
                row = (row + scramble(column, key)) % rows
            else:
                column = (column + scramble(row, key)) % columns
        place = row * columns + column
        # The table may have a few places more than there are numbers: from there it goes on until inside.
        if place < size:
            return place


def scramble(number: int, key: int) -> int:
    """Return 32 bits that look random, the same for the same number and key (a mixer like splitmix64's)."""
    number = ((number ^ key) * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    number = ((number ^ number >> 29) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    return number >> 32


@lru_cache(maxsize=8)
def shuffle_keys(seed: int, epoch: int) -> tuple[int, ...]:
    """Return the keys of one epoch's order: eight turns, after which no trace of the old order is measured."""
    return tuple(np.random.SeedSequence((seed, epoch)).generate_state(8, np.uint64).tolist())


def token_type(vocab_size: int) -> np.dtype:
    """Return the smallest type that holds all ids: two bytes up to 65,536 tokens, else four.

    >>> token_type(50_257).itemsize, token_type(100_000).itemsize
    (2, 4)
    """
    require(1 <= vocab_size <= 1 << 32, f"vocab_size is {vocab_size}; it takes 1 to {1 << 32}")
    # The order of bytes is fixed, so that a file means the same on every machine.
    return np.dtype("<u2" if vocab_size <= 1 << 16 else "<u4")


def write_tokens(path: str | Path, chunks_of_ids: Iterable[TokenIds], vocab_size: int) -> int:
    """Write token ids that come in chunks to a file; return how many there are.

    The file is a NumPy array (`.npy`), so `np.load` reads it too. Until all is written it has another name:
    a file that is there is whole.
    """
    path, dtype, count = Path(path), token_type(vocab_size), 0
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            # How many ids there will be is known at the end only: the header is written twice, in the same size.
            file.write(npy_header(dtype, count))
            for chunk in chunks_of_ids:
                ids = id_array(chunk, vocab_size).astype(dtype)
                file.write(ids.tobytes())
                count += len(ids)
            require(count > 0, "there are no token ids to write; a file takes at least one")
            file.seek(0)
            file.write(npy_header(dtype, count))
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)  # what was interrupted may be as large as the disk
    return count


def npy_header(dtype: np.dtype, count: int) -> bytes:
    """Return the head of a `.npy` file (format 1.0) for a row of `count` numbers, always 128 bytes long."""
    text = f"{{'descr': '{dtype.str}', 'fortran_order': False, 'shape': ({count},), }}"
    start = b"\x93NUMPY\x01\x00" + (HEADER_SIZE - 10).to_bytes(2, "little")
    return start + text.ljust(HEADER_SIZE - 11).encode() + b"\n"


def read_tokens(path: str | Path) -> np.ndarray:
    """Open a file of token ids without reading it: what is used comes from the disk when it is used.

    A `SlidingWindowDataset` takes the result as it is, however large. A file that is damaged or something
    else raises a `ValueError`.
    """
    path = Path(path)
    require(path.is_file(), f"there is no file of tokens {path}; write_tokens makes one")
    # Without pickle a file can hold numbers only: reading one from a stranger runs nothing.
    try:
        ids = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # NumPy lets through what zip files and Python's tokenizer say of a damaged one
        raise ValueError(f"{path} is no whole file of tokens ({error}); write it again") from None
    require(isinstance(ids, np.memmap), f"{path} holds several arrays; a file of tokens holds one")
    length = path.stat().st_size
    whole = f"{path} is no whole file of tokens: it has {length:,} bytes and its header says otherwise; write it again"
    require(length == ids.offset + ids.nbytes, whole)
    return id_array(ids)
