"""Random inputs for each exercise with code, drawn in another way than its own probes: they judge the judge."""

import math
from collections.abc import Callable
from random import Random

import torch

Inputs = Callable[[Random], tuple]


WORDS = ["ab", "Ab", "b", "c7", "d_e", "é", "[UNK]"]


def words(chance: Random, most: int = 12) -> list[str]:
    """Some words, some of them twice."""
    return [chance.choice(WORDS) for _ in range(chance.randrange(most))]


def text(chance: Random) -> str:
    """Letters, marks and white space in any order."""
    return "".join(chance.choice("abC9_.,!?-  \n\té") for _ in range(chance.randrange(25)))


def floats(chance: Random, *shape: int, spread: float = 2.0) -> torch.Tensor:
    """Normally distributed numbers."""
    return torch.tensor([chance.gauss(0, spread) for _ in range(math.prod(shape))]).view(shape)


def sizes(chance: Random, count: int, most: int = 5) -> list[int]:
    """So many small whole numbers from 1 on."""
    return [chance.randrange(1, most) for _ in range(count)]


def product(chance: Random) -> tuple:
    n, k, m = sizes(chance, 3)
    return floats(chance, n, k), floats(chance, k, m)


def classes(chance: Random) -> tuple:
    n, k = sizes(chance, 2)
    return floats(chance, n, k + 1), torch.tensor([chance.randrange(k + 1) for _ in range(n)])


def counts(chance: Random) -> tuple:
    tokens = [bytes(chance.choice(b"abAB") for _ in range(chance.randrange(1, 4))) for _ in range(8)]
    pairs = [(chance.randrange(8), chance.randrange(8)) for _ in range(7)]
    return {pair: chance.randrange(1, 4) for pair in pairs}, tokens


def ranked(chance: Random) -> tuple:
    tokens = {bytes(chance.choice(b"xyz") for _ in range(chance.randrange(2, 4))) for _ in range(9)}
    order = [b"x", b"y", b"z", *sorted(tokens, key=lambda _: chance.random())]
    return bytes(chance.choice(b"xyz") for _ in range(chance.randrange(1, 12))), {t: i for i, t in enumerate(order)}


def ids(chance: Random, most: int = 25) -> list[int]:
    """A text of any length, tokens repeating."""
    return [chance.randrange(30) for _ in range(chance.randrange(most))]


INPUTS: dict[str, Inputs] = {
    "01.1": lambda chance: (text(chance),),
    "01.2": lambda chance: (words(chance), chance.sample(["[PAD]", "<|end|>", "[BOS]"], chance.randrange(4))),
    "01.4": lambda chance: (words(chance), {"b": 4, "ab": 0, "[UNK]": 7, "é": 2}),
    "01.5": lambda chance: ([ids(chance, 6) for _ in range(chance.randrange(1, 5))], chance.randrange(30)),
    "01.7": lambda chance: (text(chance), [0] * chance.randrange(1, 30)),
    "02.2": lambda chance: ([chance.randrange(4) for _ in range(chance.randrange(12))],),
    "02.3": lambda chance: (
        [chance.randrange(3) for _ in range(chance.randrange(15))],
        (chance.randrange(3), chance.randrange(3)),
        chance.randrange(300, 400),
    ),
    "02.4": counts,
    "02.5": ranked,
    "02.6": lambda chance: (
        [chance.randrange(5) for _ in range(chance.randrange(6))],
        [b"\xc3", b"\xa9", b"z", b"\xf0", b"yy"],
    ),
    "03.3": lambda chance: (ids(chance), chance.randrange(1, 8), chance.randrange(1, 8)),
    "03.4": lambda chance: (chance.randrange(0, 60), chance.randrange(1, 12), chance.randrange(1, 12)),
    "03.5": lambda chance: (
        list(range(40, 40 + chance.randrange(9, 30))),
        chance.randrange(1, 8),
        chance.randrange(1, 8),
    ),
    "03.7": lambda chance: (chance.randrange(0, 25), chance.randrange(1, 8), chance.randrange(1, 8)),
    "03.8": lambda chance: (
        [chance.randrange(99) for _ in range(chance.randrange(20, 60))],
        chance.choice((0.3, 0.6, 0.85)),
        chance.randrange(1, 5),
        chance.randrange(1, 5),
    ),
    "A.2": product,
    "A.3": lambda chance: (floats(chance, *sizes(chance, 2), spread=chance.choice((1, 300))),),
    "A.4": classes,
    "A.5": lambda chance: (chance.gauss(0, 2), chance.gauss(0, 2), chance.gauss(0, 2)),
    "A.6": lambda chance: (floats(chance, 3, 2), floats(chance, 3, 2), chance.random() + 0.1),
}
