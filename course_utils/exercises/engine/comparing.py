"""Two results are compared as a learner would, a list as good as a tuple; the first difference is put in words."""

import math
from collections import deque
from collections.abc import Mapping, MappingView, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from types import FunctionType
from typing import Any

import numpy as np
import torch

KINDS = (
    (torch.Tensor, "a tensor"),
    (np.ndarray, "an array"),
    (bool | np.bool_, "True or False"),
    (int | np.integer, "a whole number"),
    (float | np.floating, "a number"),
    (str, "a text"),
    (bytes, "bytes"),
    (tuple, "a tuple"),
    (list, "a list"),
    (Mapping, "a dictionary"),
    (set | frozenset, "a set"),
    (type(None), "nothing (None)"),
    (FunctionType, "a function"),
    (type, "a class"),
)
NUMBERS = {"b": "True and False", "i": "whole numbers", "u": "whole numbers", "f": "floating point numbers"}


@dataclass(frozen=True)
class Difference:
    """How a result differs from what is expected: `kind` is "type", "shape" or "value"."""

    kind: str
    text: str


class Unreadable(Exception):
    """A result that no one can compare: a sparse tensor, one without numbers, a list that holds itself."""


def plain(value: Any) -> Any:
    """Return a value as it is compared: tensors as arrays, tuples as lists, NumPy numbers as Python's.

    >>> plain((1, torch.tensor(2.0)))
    [1, 2.0]
    """
    value = opened(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    return {key: plain(item) for key, item in value.items()} if isinstance(value, dict) else value


def opened(value: Any) -> Any:
    """Return a value in its plain form, what it holds as it is.

    >>> opened((1, (2, 3))), opened({"a": 1}.keys()), opened(Fraction(1, 2))
    ([1, (2, 3)], ['a'], 0.5)
    """
    if isinstance(value, torch.Tensor):
        value = as_array(value)
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value.item()
    if isinstance(value, list | tuple | range | deque | MappingView):
        return list(value)
    if isinstance(value, Fraction | Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return dict(value)
    return set(value) if isinstance(value, frozenset) else value


def as_array(tensor: torch.Tensor) -> np.ndarray:
    """Return the numbers of a tensor; one whose numbers don't lie there to be read is an Unreadable."""
    if tensor.layout is not torch.strided:
        raise Unreadable("a sparse tensor: .to_dense() makes an ordinary one of it")
    if tensor.is_meta:
        raise Unreadable("a tensor on the device meta, which has a shape and no numbers")
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor).numpy()


def readable(value: Any) -> Any:
    """Return a value if it can be compared; otherwise raise an Unreadable that says what it is."""
    try:
        plain(value)
    except RecursionError:
        raise Unreadable(f"{kind(value)} that holds itself, or is nested too deeply to look into") from None
    return value


def lenient(value: Any) -> Any:
    """Return texts, however deep, without what does not matter in them: capitals, blanks around, a full stop.

    >>> lenient((" Both.", "FUTURE", 3))
    ('both', 'future', 3)
    """
    if isinstance(value, str):
        return " ".join(value.split()).removesuffix(".").rstrip().casefold()
    if type(value) in (list, tuple):
        return type(value)(map(lenient, value))
    return {key: lenient(item) for key, item in value.items()} if type(value) is dict else value


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
    return compare(expected, got, "")


def compare(expected: Any, got: Any, place: str) -> Difference | None:
    """Compare two values; `place` says where in the whole they stand."""
    wanted, found = opened(expected), opened(got)
    if is_number(wanted) and is_number(found):
        return None if close(wanted, found) else value_difference(wanted, found, place)
    if isinstance(expected, tuple) and isinstance(found, np.ndarray) and not compare_lists(wanted, list(found), place):
        return None  # who takes the values apart, as in `low, high = …`, can't tell it from a tuple
    if type(wanted) is not type(found):
        if is_number(wanted) and isinstance(found, np.ndarray) and found.size == 1:
            holds = f"{place or 'the result'} is {kind(got)} that holds one number"
            return Difference("type", f"{holds}; it should be the number itself: take it out with .item()")
        return Difference("type", f"{place or 'the result'} is {kind(got)}; it should be {kind(expected)}")
    if isinstance(wanted, np.ndarray):
        return compare_arrays(wanted, found, place or f"the {kind(got).split()[-1]}")
    if isinstance(wanted, list):
        return compare_lists(wanted, found, place)
    if isinstance(wanted, dict):
        return compare_dictionaries(wanted, found, place)
    return None if equal(wanted, found) else value_difference(wanted, found, place)


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
    wanted, found = NUMBERS.get(expected.dtype.kind), NUMBERS.get(got.dtype.kind)
    if wanted != found:
        return Difference("type", f"{place} holds {found or got.dtype}; it should hold {wanted}")
    if expected.shape != got.shape:
        told = f"{place} has the shape {got.shape}; it should have {expected.shape}"
        return Difference("shape", told + told_by_shape(expected.shape, got.shape))
    right = np.isclose(expected, got, 1e-4, 1e-5, equal_nan=True) if wanted == NUMBERS["f"] else expected == got
    if right.all():
        return None
    where = np.argwhere(~right)[0].tolist()
    inner = "" if place.startswith("the ") else f"{place}, "
    return value_difference(expected[tuple(where)].item(), got[tuple(where)].item(), f"{inner}place {where}")


def told_by_shape(expected: Sequence[int], got: Sequence[int]) -> str:
    """Return what a wrong shape says about what happened, as the end of a sentence, or nothing.

    >>> told_by_shape((4, 3), (3, 4)), told_by_shape((8, 3), (8,))
    (': rows and columns are exchanged', ': a single number where each row should have 3')
    """
    lost, same_size = len(expected) - len(got), math.prod(expected) == math.prod(got)
    if len(got) > 1 and (*expected[:-2], *expected[:-3:-1]) == tuple(got):
        return ": rows and columns are exchanged"
    if lost == 1 and tuple(got) == tuple(expected[:-1]):
        return f": a single number where each row should have {expected[-1]}"
    if lost == 1 and tuple(got) == tuple(expected[1:]):
        return f": the first dimension, of {expected[0]}, is lost"
    if sorted(expected) == sorted(got):
        return ": the dimensions are right, their order is not"
    if same_size:
        return ": there are as many numbers as there should be, cut up in another way"
    return f": one dimension too {'few' if lost > 0 else 'many'}" if abs(lost) == 1 else ""


def value_difference(expected: Any, got: Any, place: str) -> Difference:
    """Say that one value should be another."""
    wanted, found = apart(expected, got)
    return Difference("value", f"{place or 'the result'} is {found}; it should be {wanted}")


def apart(expected: Any, got: Any) -> tuple[str, str]:
    """Return two unequal values as they are written, with as many digits as it takes to tell them apart.

    >>> apart(2.6214, 2.6211)
    ('2.6214', '2.6211')
    """
    for digits in range(4, 10):
        wanted, found = short(expected, digits=digits), short(got, digits=digits)
        if wanted != found:
            break
    return wanted, found


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
    """Return what a value is, in words; a tensor of no dimensions is one number."""
    if isinstance(value, torch.Tensor | np.ndarray) and not value.shape:
        return "a number"
    return next((words for type_, words in KINDS if isinstance(value, type_)), f"a {type(value).__name__}")


def inside(place: str, inner: str) -> str:
    """Return the place of something inside a place."""
    return f"{place}, {inner}" if place else inner


def items(count: int) -> str:
    """Return a number of items in words."""
    return f"{count} item" if count == 1 else f"{count} items"


def short(value: Any, most: int = 160, digits: int = 4) -> str:
    """Return a value as it is written in Python, a tensor as nested lists, cut where it is long.

    >>> short(torch.tensor([1, 2])), short("a" * 500, 10)
    ('tensor([1, 2])', "'aaaaa …")
    """
    try:
        text = written(value, digits)
    except Exception:  # whatever a `__repr__` may raise
        text = f"a {type(value).__name__} that can't be printed"
    return text if len(text) <= most else f"{text[: most - 4].rstrip()} …"


def written(value: Any, digits: int = 4, torch_is: str = "") -> str:
    """Return a value as it is written in Python, its numbers rounded, tensors as nested lists however deep they lie.

    >>> written([torch.tensor([0.25]), (1,)], torch_is="torch.")
    '[torch.tensor([0.25]), (1,)]'
    """
    if isinstance(value, torch.Tensor | np.ndarray):
        if 0 in value.shape:
            return f"{torch_is}zeros{tuple(value.shape)}"
        name = "tensor" if isinstance(value, torch.Tensor) else "array"
        return f"{torch_is}{name}({rounded(plain(value), digits)})"
    inner = [written(item, digits, torch_is) for item in value] if type(value) in (list, tuple) else []
    if type(value) is dict:
        inner = [f"{written(key)}: {written(item, digits, torch_is)}" for key, item in value.items()]
    ends = {list: "[]", tuple: "()", dict: "{}"}.get(type(value))
    if ends:
        return f"{ends[0]}{', '.join(inner)}{',' * (ends == '()' and len(inner) == 1)}{ends[1]}"
    return repr(rounded(value, digits))


def rounded(value: Any, digits: int = 4) -> Any:
    """Return numbers with as many digits as are worth reading."""
    if isinstance(value, np.ndarray):
        return rounded(value.tolist(), digits)
    if isinstance(value, list):
        return [rounded(item, digits) for item in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value
