"""Two results are compared as a learner would, a list as good as a tuple; the first difference is put in words."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

KINDS = (
    (np.ndarray, "a tensor"),
    (bool, "True or False"),
    (int, "a whole number"),
    (float, "a number"),
    (str, "a text"),
    (bytes, "bytes"),
    (list, "a list"),
    (dict, "a dictionary"),
    (set, "a set"),
    (type(None), "nothing (None)"),
)
NUMBERS = {"b": "True and False", "i": "whole numbers", "u": "whole numbers", "f": "floating point numbers"}


@dataclass(frozen=True)
class Difference:
    """How a result differs from what is expected: `kind` is "type", "shape" or "value"."""

    kind: str
    text: str


def plain(value: Any) -> Any:
    """Return a value as it is compared: tensors as arrays, tuples as lists, NumPy numbers as Python's.

    >>> plain((1, torch.tensor(2.0)))
    [1, 2.0]
    """
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = (value.float() if value.dtype in (torch.bfloat16, torch.float16) else value).numpy()
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value.item()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return set(value) if isinstance(value, frozenset) else value


def same(expected: Any, got: Any) -> bool:
    """Whether two results are the same, as far as it matters.

    >>> same([1, 2], (1, 2)), same(0.1 + 0.2, 0.3), same("1", 1)
    (True, True, False)
    """
    return difference(expected, got) is None


def difference(expected: Any, got: Any) -> Difference | None:
    """Return the first difference between two results, or None.

    >>> difference([[1, 2]], [[1, 3]]).text
    'item 0, item 1 is 3; it should be 2'
    """
    return compare(plain(expected), plain(got), "")


def compare(expected: Any, got: Any, place: str) -> Difference | None:
    """Compare two values in their plain form; `place` says where in the whole they stand."""
    if is_number(expected) and is_number(got):
        return None if close(expected, got) else value_difference(expected, got, place)
    if type(expected) is not type(got):
        it = place or "the result"
        return Difference("type", f"{it} is {kind(got)}; it should be {kind(expected)}")
    if isinstance(expected, np.ndarray):
        return compare_arrays(expected, got, place)
    if isinstance(expected, list):
        return compare_lists(expected, got, place)
    if isinstance(expected, dict):
        return compare_dictionaries(expected, got, place)
    return None if equal(expected, got) else value_difference(expected, got, place)


def compare_lists(expected: list, got: list, place: str) -> Difference | None:
    """Compare item by item; where one is longer, the first difference in what both have is told before the length."""
    for i, (wanted, found) in enumerate(zip(expected, got, strict=False)):
        if differs := compare(wanted, found, inside(place, f"item {i}")):
            return differs
    if len(expected) == len(got):
        return None
    return Difference("shape", f"{place or 'the result'} has {items(len(got))}; it should have {len(expected)}")


def compare_dictionaries(expected: dict, got: dict, place: str) -> Difference | None:
    """Compare key by key; the order of keys does not matter."""
    for key, wanted in expected.items():
        if key not in got:
            return Difference("value", f"{inside(place, 'the key')} {short(key)} is missing")
        if differs := compare(wanted, got[key], inside(place, f"what stands under {short(key)}")):
            return differs
    for key in got.keys() - expected.keys():
        return Difference("value", f"{inside(place, 'the key')} {short(key)} should not be there")
    return None


def compare_arrays(expected: np.ndarray, got: np.ndarray, place: str) -> Difference | None:
    """Compare the kind of numbers, then the shape, then the numbers."""
    it = place or "the tensor"
    wanted, found = NUMBERS.get(expected.dtype.kind), NUMBERS.get(got.dtype.kind)
    if wanted != found:
        return Difference("type", f"{it} holds {found}; it should hold {wanted}")
    if expected.shape != got.shape:
        return Difference("shape", f"{it} has the shape {got.shape}; it should have {expected.shape}")
    right = np.isclose(expected, got, 1e-4, 1e-5, equal_nan=True) if wanted == NUMBERS["f"] else expected == got
    if right.all():
        return None
    where = np.argwhere(~right)[0].tolist()
    return value_difference(expected[tuple(where)].item(), got[tuple(where)].item(), inside(place, f"place {where}"))


def value_difference(expected: Any, got: Any, place: str) -> Difference:
    """Say that one value should be another."""
    return Difference("value", f"{place or 'the result'} is {short(got)}; it should be {short(expected)}")


def is_number(value: Any) -> bool:
    """Whether a value is a number, or True or False, which count as 1 and 0."""
    return isinstance(value, int | float)


def close(expected: float, got: float) -> bool:
    """Whether two numbers are the same: whole ones exactly, others within the rounding of float32."""
    if isinstance(expected, int) and isinstance(got, int):
        return expected == got
    both_nan = math.isnan(expected) and math.isnan(got)
    return expected == got or both_nan or math.isclose(expected, got, rel_tol=1e-4, abs_tol=1e-5)


def equal(expected: Any, got: Any) -> bool:
    """Whether two values of a type of their own are equal; what cannot be compared is not."""
    try:
        return bool(expected == got)
    except Exception:
        return False


def kind(value: Any) -> str:
    """Return what a value is, in words."""
    return next((words for type_, words in KINDS if isinstance(value, type_)), f"a {type(value).__name__}")


def inside(place: str, inner: str) -> str:
    """Return the place of something inside a place."""
    return f"{place}, {inner}" if place else inner


def items(count: int) -> str:
    """Return a number of items in words."""
    return f"{count} item" if count == 1 else f"{count} items"


def short(value: Any, most: int = 160) -> str:
    """Return a value as it is written in Python, a tensor as nested lists, cut where it is long.

    >>> short(torch.tensor([1, 2])), short("a" * 500, 10)
    ('tensor([1, 2])', "'aaaaa …")
    """
    array = isinstance(value, torch.Tensor | np.ndarray)
    text = f"tensor({rounded(plain(value))})" if array else repr(rounded(value))
    text = " ".join(text.split()) if array else text
    return text if len(text) <= most else f"{text[: most - 4].rstrip()} …"


def rounded(value: Any) -> Any:
    """Return numbers with as many digits as are worth reading, however deep they lie."""
    if isinstance(value, np.ndarray):
        return rounded(value.tolist())
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, list | tuple):
        return type(value)(rounded(item) for item in value) if type(value) in (list, tuple) else value
    return value
