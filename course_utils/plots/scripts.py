"""Texts that are written from right to left: which ones are, where their boxes stand, and how Arabic letters join.

Within a token, matplotlib joins and orders letters from 3.11 on. Older versions, as Python 3.10 and Colab have them,
set them apart and from left to right. For those, `joined` does it beforehand.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache

import matplotlib

MATPLOTLIB_JOINS = tuple(map(int, matplotlib.__version__.split(".")[:2])) >= (3, 11)
RIGHT_TO_LEFT = ("R", "AL")  # the classes of Hebrew and of Arabic letters in Unicode's bidirectional algorithm


def right_to_left(tokens: Iterable[str]) -> bool:
    """Tell whether most letters of a text are written from right to left.

    >>> right_to_left(["كان", " يا"]), right_to_left(["a", "b"])
    (True, False)
    """
    kinds = Counter(unicodedata.bidirectional(letter) for token in tokens for letter in token)
    return sum(kinds[kind] for kind in RIGHT_TO_LEFT) > kinds["L"]


@cache
def forms() -> dict[str, dict[str, str]]:
    """Return Unicode's forms of an Arabic letter, or of two that melt into one, by how it joins its neighbours."""
    found: dict[str, dict[str, str]] = {}
    for letter in map(chr, range(0xFE80, 0xFEFD)):
        kind, *parts = unicodedata.decomposition(letter).split()
        found.setdefault("".join(chr(int(part, 16)) for part in parts), {})[kind.strip("<>")] = letter
    return found


def joined(text: str) -> str:
    """Return a token with its Arabic letters in their joined forms, and in the order in which they're seen.

    A text in which another script is mixed in stays as it is. The form follows from the neighbours: a letter with
    an initial form joins the one behind it, one with a final form the one before it. One that joins none stays itself.
    """
    if not right_to_left([text]) or any(unicodedata.bidirectional(letter) in ("L", "EN") for letter in text):
        return text
    letters: list[str] = []
    for letter in text:
        melts = bool(letters) and letters[-1] + letter in forms()
        letters[-1:] = [letters[-1] + letter] if melts else [*letters[-1:], letter]
    around = zip(["", *letters], letters, [*letters[1:], ""], strict=False)
    return "".join(form(*three) for three in around)[::-1]


def form(before: str, letter: str, after: str) -> str:
    """Return a letter, or two that melt, as it stands between its neighbours."""
    before_it, own, behind_it = (forms().get(one, {}) for one in (before, letter, after))
    back, on = "final" in own and "initial" in before_it, "initial" in own and "final" in behind_it
    kind = "medial" if back and on else "final" if back else "initial" if on else "isolated"
    return letter if kind == "isolated" and len(letter) == 1 else own[kind]
