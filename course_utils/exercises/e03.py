"""Exercises of notebook 03: windows, how many there are, what a loader does with them, and where to split."""

from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from course_utils.exercises.engine.exercise import Exercise, Mistake, Probe
from course_utils.windows import split_tokens, window_count

# --- 03.1 ---

HOW_MANY = Exercise(
    number="03.1",
    title="How many windows?",
    name="how_many",
    reference=4,
    hints=[
        "Write the first window down: which word is its last target?",
        "The last window is the one whose last target is the last word of the text.",
    ],
    mistakes=[
        Mistake("Five inputs of four words fit, but the fifth would need a target after the last word", answer=5),
        Mistake("Eight is the number of words. A window needs four of them, and one more as its last target", answer=8),
        Mistake(
            "That counts blocks of four; the second has no last target, and with stride 1 a window starts at each word",
            answer=2,
        ),
        Mistake("A window starts at words 0, 1, 2, …: the one that starts at word 0 counts too", answer=3),
    ],
)


# --- 03.2 ---

FIND_THE_MISTAKE = Exercise(
    number="03.2",
    title="Find the mistake",
    name="wrong_line, impossible_word",
    reference=(5, "sed"),
    hints=[
        "Every target is a word of the text.",
        "Go through the targets of each line: are they all among the eight words?",
    ],
    mistakes=[
        Mistake(
            "Line 4 is fine: its last target is the last word of the text, and that's allowed", answer=(4, "elit,")
        ),
        Mistake("The word is right. Lines are numbered from 1 here: look at the first column", answer=(4, "sed")),
        Mistake(
            "Line 1 is fine: Lorem is an input there. It's never a target, since nothing comes before it",
            answer=(1, "Lorem"),
        ),
        Mistake("That's the line, but elit, is in the text. Which word of the line isn't?", answer=(5, "elit,")),
    ],
)


# --- 03.3 ---


def windows(ids: list, max_length: int, stride: int) -> list[tuple[list, list]]:
    """Return all (inputs, targets) of `max_length` tokens each, a window every `stride` tokens."""
    pairs = []
    for start in range(0, len(ids) - max_length, stride):
        inputs = ids[start : start + max_length]
        targets = ids[start + 1 : start + 1 + max_length]
        pairs.append((inputs, targets))
    return pairs


def windows_by_comprehension(ids: list, max_length: int, stride: int) -> list[tuple[list, list]]:
    """The same, looking at the last target first."""
    starts = [i for i in range(len(ids)) if i % stride == 0 and i + max_length < len(ids)]
    return [(ids[i:][:max_length], ids[i + 1 :][:max_length]) for i in starts]


def windows_of_tokens(chance: Random) -> list[Probe]:
    """A few small texts, each token in it once; lengths, strides and what is left over vary."""
    sizes = [(5, 2, 1), (5, 2, 2), (8, 3, 2), (9, 2, 3), (9, 4, 4), (12, 3, 5), (13, 4, 3)]
    return [(chance.sample(range(100), n), length, stride) for n, length, stride in sizes]


WINDOWS = Exercise(
    number="03.3",
    title="Cut the windows",
    name="windows",
    reference=windows,
    probes=windows_of_tokens,
    alternatives=[windows_by_comprehension],
    hints=[
        "Loop over the starts: range(0, ..., stride).",
        "A window that starts at `start` has the inputs ids[start : start + max_length].",
        "The last target is at start + max_length, so that position must exist. Where must the range end?",
    ],
    mistakes=[
        Mistake(
            "Your targets equal your inputs: shift them by one, so that each is the token that comes next",
            "ids[start + 1 : start + 1 + max_length]",
            "ids[start : start + max_length]",
        ),
        Mistake(
            "Your targets are shifted by the stride. The stride only says where the next window starts: "
            "targets are shifted by one, always",
            "ids[start + 1 : start + 1 + max_length]",
            "ids[start + stride : start + stride + max_length]",
        ),
        Mistake(
            "Your targets are shifted the wrong way: they're the tokens before, so the model would learn to look back",
            "inputs = ids[start : start + max_length]\n        targets = ids[start + 1 : start + 1 + max_length]",
            "inputs = ids[start + 1 : start + 1 + max_length]\n        targets = ids[start : start + max_length]",
        ),
        Mistake(
            "Your targets are the whole next window. Each token is the question for the one right after it",
            "ids[start + 1 : start + 1 + max_length]",
            "ids[start + max_length : start + 2 * max_length]",
        ),
        Mistake(
            "One target is not enough: each of the inputs has its own, the token right after it",
            "ids[start + 1 : start + 1 + max_length]",
            "ids[start + max_length]",
        ),
        Mistake(
            "The last input has no target: there are as many targets as inputs",
            "ids[start + 1 : start + 1 + max_length]",
            "ids[start + 1 : start + max_length]",
        ),
        Mistake(
            "You go on to the end of the text, with windows that grow shorter: stop when the last target is missing",
            "len(ids) - max_length, stride",
            "len(ids), stride",
        ),
        Mistake(
            "Your last window is too short at its end: a window whose last target doesn't exist is left out",
            "len(ids) - max_length, stride",
            "len(ids) - max_length + 1, stride",
        ),
        Mistake(
            "One window is missing at the end: the last target may be the last token",
            "len(ids) - max_length, stride",
            "len(ids) - max_length - 1, stride",
        ),
        Mistake(
            "Your windows are side by side, whatever the stride: the next one starts `stride` tokens later",
            "len(ids) - max_length, stride",
            "len(ids) - max_length, max_length",
        ),
        Mistake(
            "Your windows start at each token: step from start to start by `stride`",
            "len(ids) - max_length, stride",
            "len(ids) - max_length",
        ),
        Mistake(
            "Your windows are as long as the stride: `max_length` is a window's length, `stride` the way to the next",
            answer=lambda ids, max_length, stride: windows(ids, stride, max_length),
        ),
        Mistake(
            "Return one list of pairs (inputs, targets), not one list of all inputs and one of all targets",
            answer=lambda ids, max_length, stride: list(zip(*windows(ids, max_length, stride), strict=True)),
        ),
    ],
)


# --- 03.4 ---


def count_windows(n_tokens: int, max_length: int, stride: int) -> int:
    """Return how many windows there are, without making them."""
    if n_tokens <= max_length:
        return 0
    return (n_tokens - max_length - 1) // stride + 1


def counts(chance: Random) -> list[Probe]:
    """Sizes at which being off by one shows: a window more and a window less, and texts too short for any."""
    short = [(4, 4, 1), (1, 4, 1), (3, 6, 1), (2, 6, 2), (6, 6, 4)]
    small = [(5, 3, 9), (8, 4, 1), (8, 4, 2), (9, 4, 4), (10, 3, 3), (10, 3, 2)]
    large = [(chance.randrange(50, 5000), chance.randrange(2, 40), chance.randrange(2, 50)) for _ in range(8)]
    return [(5, 4, 1), *short, *small, *large]


FORMULA = "(n_tokens - max_length - 1) // stride + 1"
GUARD = "if n_tokens <= max_length:\n        return 0\n    return "
TOO_SHORT = ". And a text that's too short for a window has none: take care of it first"


def with_and_without_guard(says: str, formula: str) -> list[Mistake]:
    """A wrong formula, told whether or not texts that are too short are taken care of."""
    return [Mistake(says, FORMULA, formula), Mistake(says + TOO_SHORT, GUARD + FORMULA, f"return {formula}")]


COUNT = Exercise(
    number="03.4",
    title="The number of windows, by a formula",
    name="count_windows",
    reference=count_windows,
    probes=counts,
    alternatives=[
        lambda n_tokens, max_length, stride: len(range(0, n_tokens - max_length, stride)),
        lambda n_tokens, max_length, stride: max(0, -(-(n_tokens - max_length) // stride)),
    ],
    hints=[
        "Where does the last window start, at the latest?",
        "Its last target is token start + max_length, so start is at most n_tokens - max_length - 1.",
        "Starts are 0, stride, 2 * stride, …: how many of them are not beyond that? Don't forget the first.",
    ],
    mistakes=[
        *with_and_without_guard(
            "You count the starts after the first: the window at token 0 is one too",
            "(n_tokens - max_length - 1) // stride",
        ),
        *with_and_without_guard(
            "You forgot that the last window needs a target after its last input: one token more than max_length",
            "(n_tokens - max_length) // stride + 1",
        ),
        Mistake(
            "You forgot that the last window needs a target after its last input: a text of max_length tokens has none",
            answer=lambda n_tokens, max_length, stride: max(0, (n_tokens - max_length) // stride + 1),
        ),
        *with_and_without_guard(
            "That's right only when the stride divides what is left: count the starts 0, stride, 2 * stride and so on",
            "(n_tokens - max_length) // stride",
        ),
        *with_and_without_guard(
            "That's the number of windows for a stride of 1: with a larger one, fewer windows start",
            "n_tokens - max_length",
        ),
        *with_and_without_guard(
            "That's the number of windows side by side: the stride decides how far apart they start",
            "n_tokens // max_length",
        ),
        *with_and_without_guard(
            "You divide all tokens by the stride: the last starts are too late for a whole window",
            "n_tokens // stride",
        ),
        *with_and_without_guard(
            "There are no half windows: divide with //, which rounds down", FORMULA.replace("//", "/")
        ),
        Mistake(
            "There are no half windows: divide with //, which rounds down, before you look for what's below 0",
            answer=lambda n_tokens, max_length, stride: max(0, (n_tokens - max_length - 1) / stride + 1),
        ),
        Mistake(
            "A text that's too short has no windows, and not a negative number of them: take care of it first",
            GUARD,
            "return ",
        ),
    ],
)


# --- 03.5 ---


class WindowDataset(Dataset):
    """Windows as tensors, made when they are asked for: `len(dataset)` and `dataset[i]`."""

    def __init__(self, ids: list[int], max_length: int, stride: int) -> None:
        self.ids, self.max_length, self.stride = torch.tensor(ids), max_length, stride

    def __len__(self) -> int:
        return window_count(len(self.ids), self.max_length, self.stride)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        start = i * self.stride
        window = self.ids[start : start + self.max_length + 1]
        return window[:-1], window[1:]


class StoredWindows(Dataset):
    """The same, with all windows made at the start."""

    def __init__(self, ids: list[int], max_length: int, stride: int) -> None:
        self.pairs = [(torch.tensor(x), torch.tensor(y)) for x, y in windows(ids, max_length, stride)]

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        return self.pairs[i]


def use_dataset(answer: type, ids: list[int], max_length: int, stride: int) -> dict[str, int | list]:
    """Return what a data set says its length is, and its windows."""
    dataset = answer(ids, max_length, stride)
    pairs = [dataset[i] for i in range(window_count(len(ids), max_length, stride))]
    return {"len(dataset)": len(dataset), "the windows": pairs}


DATASET = Exercise(
    number="03.5",
    title="A data set of tensors",
    name="WindowDataset",
    reference=WindowDataset,
    probes=windows_of_tokens,
    use=use_dataset,
    alternatives=[StoredWindows],
    hints=[
        "Keep the ids as one tensor in __init__; slicing it later copies nothing.",
        "__len__ is the formula of the exercise before.",
        "Window i starts at i * stride. Cut max_length + 1 tokens: all but the last, and all but the first.",
    ],
    mistakes=[
        Mistake(
            "Window i starts at token i * stride; yours starts at token i",
            "start = i * self.stride",
            "start = i",
        ),
        Mistake(
            "Window i starts at token i * stride; yours starts at i * max_length",
            "start = i * self.stride",
            "start = i * self.max_length",
        ),
        Mistake(
            "Your targets equal your inputs: shift them by one",
            "return window[:-1], window[1:]",
            "return window[:-1], window[:-1]",
        ),
        Mistake(
            "Your targets are shifted by the stride. They are shifted by one, always",
            "return window[:-1], window[1:]",
            "return window[:-1], self.ids[start + self.stride :][: self.max_length]",
        ),
        Mistake(
            "Inputs and targets are swapped: the inputs come first",
            "return window[:-1], window[1:]",
            "return window[1:], window[:-1]",
        ),
        Mistake(
            "The length of a data set is its number of windows, not of tokens",
            "window_count(len(self.ids), self.max_length, self.stride)",
            "len(self.ids)",
        ),
        Mistake(
            "Your length is the number of windows for a stride of 1",
            "window_count(len(self.ids), self.max_length, self.stride)",
            "len(self.ids) - self.max_length",
        ),
        Mistake(
            "Your length is the number of windows side by side: the stride decides how far apart they start",
            "window_count(len(self.ids), self.max_length, self.stride)",
            "len(self.ids) // self.max_length",
        ),
        Mistake(
            "Your length is right only when the stride divides what is left. Use the formula of the exercise before",
            "window_count(len(self.ids), self.max_length, self.stride)",
            "(len(self.ids) - self.max_length) // self.stride",
        ),
        Mistake(
            "Your length forgets that the last window needs a target: it takes one token more than max_length",
            "window_count(len(self.ids), self.max_length, self.stride)",
            "(len(self.ids) - self.max_length) // self.stride + 1",
        ),
        Mistake(
            "Cut one token more than max_length: your windows have max_length - 1 inputs",
            "start + self.max_length + 1]",
            "start + self.max_length]",
        ),
        Mistake(
            "Token ids are whole numbers: an embedding refuses floating point ones. Let torch.tensor choose",
            "torch.tensor(ids)",
            "torch.tensor(ids, dtype=torch.float32)",
        ),
    ],
)


# --- 03.6 ---


def settings(max_length: int, stride: int, batch_size: int) -> dict[str, int]:
    """An answer: the three numbers under their names."""
    return {"max_length": max_length, "stride": stride, "batch_size": batch_size}


WHICH_IS_WHICH = Exercise(
    number="03.6",
    title="Which is which?",
    name="which",
    reference=settings(max_length=64, stride=32, batch_size=8),
    hints=[
        "The shape of a batch is (B, T): how many windows, and how many tokens in each.",
        "The way from one window's start to the next can't be seen in a shape: it's the stride.",
    ],
    mistakes=[
        Mistake(
            "The stride is right. The shape (B, T) counts the windows of the batch first, then the tokens of each",
            answer=settings(8, 32, 64),
        ),
        Mistake(
            "You took the stride for the length of a window. They are equal only when windows are side by side",
            answer=settings(32, 64, 8),
        ),
        Mistake(
            "You took the stride for the batch size. The stride is the way from one window's start to the next; how "
            "many windows are learned from at once is the batch size",
            answer=settings(64, 8, 32),
        ),
        Mistake(
            "All three are mixed up: T in the shape (B, T) is the length of a window, and the stride isn't in it",
            answer=settings(8, 64, 32),
        ),
        Mistake(
            "All three are mixed up: B in the shape (B, T) is the batch size, and the stride isn't in it",
            answer=settings(32, 8, 64),
        ),
        Mistake(
            "With a stride of 64 the windows would be side by side. Here they overlap by half",
            answer=settings(64, 64, 8),
        ),
        Mistake(
            "A window takes 65 tokens of the text, but max_length counts its inputs",
            answer=settings(65, 32, 8),
        ),
    ],
)


# --- 03.7 ---


def times_seen(n_tokens: int, max_length: int, stride: int) -> list[int]:
    """Return for each token in how many windows it is an input."""
    seen = [0] * n_tokens
    for start in range(0, n_tokens - max_length, stride):
        for place in range(start, start + max_length):
            seen[place] += 1
    return seen


def times_seen_by_counting(n_tokens: int, max_length: int, stride: int) -> list[int]:
    """The same, token by token."""
    starts = range(0, n_tokens - max_length, stride)
    return [sum(start <= place < start + max_length for start in starts) for place in range(n_tokens)]


def sizes_to_see(chance: Random) -> list[Probe]:
    """Texts of a few tokens; with overlap, without, and with gaps."""
    return [(5, 2, 1), (6, 2, 2), (9, 3, 1), (9, 3, 2), (11, 2, 4), (12, 4, 3), (chance.randrange(20, 30), 5, 2)]


TIMES_SEEN = Exercise(
    number="03.7",
    title="How often is each token seen?",
    name="times_seen",
    reference=times_seen,
    probes=sizes_to_see,
    alternatives=[times_seen_by_counting],
    hints=[
        "Start with a list of zeros, one for each token.",
        "Go through the windows, and in each through the positions of its inputs.",
    ],
    mistakes=[
        Mistake(
            "You count the targets. The question is how often a token is an input",
            "range(start, start + max_length)",
            "range(start + 1, start + max_length + 1)",
        ),
        Mistake(
            "You count inputs and targets: a window then has one token too many",
            "range(start, start + max_length)",
            "range(start, start + max_length + 1)",
        ),
        Mistake(
            "You count a window at the end whose last target doesn't exist",
            "n_tokens - max_length, stride",
            "n_tokens - max_length + 1, stride",
        ),
        Mistake(
            "You count windows that don't fit: at the end of the text a window is left out, not cut short",
            "range(0, n_tokens - max_length, stride):\n        for place in range(start, start + max_length):",
            "range(0, n_tokens, stride):\n        for place in range(start, min(start + max_length, n_tokens)):",
        ),
        Mistake(
            "A window is missing at the end: count the last one whose targets all exist",
            "n_tokens - max_length, stride",
            "n_tokens - max_length - 1, stride",
        ),
        Mistake(
            "You start a window at every token: the next one starts stride tokens later",
            "n_tokens - max_length, stride",
            "n_tokens - max_length",
        ),
        Mistake(
            "You start windows up to the end of the text: the last one starts where its last target still exists",
            "n_tokens - max_length, stride",
            "n_tokens, stride",
        ),
        Mistake(
            "It's max_length / stride only in the middle of a text, and on average: count window by window",
            answer=lambda n_tokens, max_length, stride: [max_length / stride] * n_tokens,
        ),
        Mistake(
            "Rounding max_length / stride up isn't enough: at the ends it's fewer. Count window by window",
            answer=lambda n_tokens, max_length, stride: [-(-max_length // stride)] * n_tokens,
        ),
        Mistake(
            "It's max_length // stride only in the middle of a text, and where the stride divides. At the ends it's "
            "fewer: count window by window",
            answer=lambda n_tokens, max_length, stride: [max_length // stride] * n_tokens,
        ),
        Mistake(
            "You count where windows start, not what they hold",
            "for place in range(start, start + max_length):\n            seen[place] += 1",
            "seen[start] += 1",
        ),
    ],
)


# --- 03.8 ---


def split_and_cut(ids: list, fraction: float, max_length: int, stride: int) -> tuple[list, list]:
    """Return the windows to train on and those to validate on; no token is in both."""
    edge = round(len(ids) * fraction)
    train, validation = ids[:edge], ids[edge:]
    return windows(train, max_length, stride), windows(validation, max_length, stride)


def split_and_cut_with_help(ids: list, fraction: float, max_length: int, stride: int) -> list[list]:
    """The same with the course's own split."""
    return [windows(part, max_length, stride) for part in split_tokens(ids, fraction)]


def texts_to_split(chance: Random) -> list[Probe]:
    """Texts of distinct tokens, long enough for windows on both sides; some fractions must be rounded, up or down."""
    sizes = [(10, 0.5, 2, 1), (21, 0.7, 2, 1), (23, 0.7, 2, 1), (20, 0.5, 3, 1), (29, 0.8, 3, 2), (31, 0.8, 2, 2)]
    sizes.append((40, 0.75, 4, 3))
    return [(chance.sample(range(100), n), *rest) for n, *rest in sizes]


def cut_and_split(ids: list, fraction: float, max_length: int, stride: int) -> tuple[list, list]:
    """The leak: windows first, then dealt out."""
    pairs = windows(ids, max_length, stride)
    edge = round(len(pairs) * fraction)
    return pairs[:edge], pairs[edge:]


def tokens_in(part: Any) -> set:
    """Return the whole numbers in lists and tuples, however deep.

    >>> sorted(tokens_in([([1, 2], [2, 3])]))
    [1, 2, 3]
    """
    if isinstance(part, list | tuple):
        return set().union(*map(tokens_in, part))
    return {part} if isinstance(part, int) else set()


def keep_apart(parts: Any, ids: list, *_: Any) -> str | None:
    """The rule that no token of the text, in which each occurs once, is in both parts."""
    train, validation = map(tokens_in, parts) if len(parts) == 2 else (set(), set())
    shared = [token for token in ids if token in train & validation]
    if not shared:
        return None
    return (
        f"token {shared[0]} occurs once in the text and is in both parts: the model is tested on what it has learned. "
        "Split the tokens first, then cut each part"
    )


SPLIT = Exercise(
    number="03.8",
    title="Two parts, honestly",
    name="make_parts",
    reference=split_and_cut,
    probes=texts_to_split,
    alternatives=[split_and_cut_with_help],
    rules=[keep_apart],
    hints=[
        "There are two steps, and their order is the point.",
        "The edge is round(len(ids) * fraction); then take the windows of ids[:edge] and of ids[edge:].",
    ],
    mistakes=[
        Mistake(
            "You cut the windows first and then dealt them out: tokens at the edge are in both parts, and with "
            "overlapping windows the model is tested on what it has learned. Split the tokens first",
            answer=cut_and_split,
        ),
        Mistake(
            "The parts are swapped: `fraction` is the part to train on, and it comes first",
            "train, validation = ids[:edge], ids[edge:]",
            "validation, train = ids[:edge], ids[edge:]",
        ),
        Mistake(
            "`fraction` is the part to train on; yours is the part to validate on",
            "len(ids) * fraction",
            "len(ids) * (1 - fraction)",
        ),
        Mistake(
            "int cuts off what's behind the point. Round to the nearest token: round(len(ids) * fraction)",
            "round(len(ids) * fraction)",
            "int(len(ids) * fraction)",
        ),
        Mistake(
            "You always round up. Round to the nearest token: round(len(ids) * fraction)",
            "round(len(ids) * fraction)",
            "-int(-len(ids) * fraction // 1)",
        ),
        Mistake(
            "You validate on the text that you train on: take the windows of the other part",
            "windows(validation,",
            "windows(train,",
        ),
    ],
)

EXERCISES = [HOW_MANY, FIND_THE_MISTAKE, WINDOWS, COUNT, DATASET, WHICH_IS_WHICH, TIMES_SEEN, SPLIT]
