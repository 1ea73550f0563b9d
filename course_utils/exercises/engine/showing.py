"""How a call is written so that anybody can type it, and what a value that is nearly right lacks."""

from typing import Any

from course_utils.exercises.engine.comparing import same, short, written
from course_utils.exercises.engine.exercise import Exercise, Probe

LONGEST = 900  # of a call


def shown_call(exercise: Exercise, probe: Probe) -> str:
    """Return how the answer was called, as it is typed in a notebook."""
    if exercise.shown is not None:
        return exercise.shown(*probe)
    return f"{exercise.name}({typed(*probe)})"


def typed(*values: Any) -> str:
    """Return values as they are typed in Python, side by side, cut where they are long.

    >>> import torch
    >>> typed(torch.tensor([0.5, 2]), [1])
    'torch.tensor([0.5, 2.0]), [1]'
    """
    try:
        text = ", ".join(written(value, digits=6, torch_is="torch.") for value in values)
    except Exception:  # whatever a `__repr__` may raise
        return ", ".join(map(short, values))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def told_of_value(expected: Any, got: Any) -> str:
    """Return what is missing where the right value is given in another form; else nothing.

    >>> told_of_value([3, 5, 9], [9, 5, 3]), told_of_value(0.39, 0.4)
    ('Those are the right ones: sort them', "That's right and rounded too far: give two decimals")
    >>> told_of_value((9, 13), (13, 9))
    'Those are the right ones, in the wrong order'
    """
    if isinstance(expected, tuple) and isinstance(got, list | tuple) and same(expected, got[::-1]):
        return "Those are the right ones, in the wrong order"
    if isinstance(expected, list) and isinstance(got, list | tuple | set) and len(got) == len(expected):
        in_order = sorted(expected, key=repr) == sorted(got, key=repr) and sorted(expected) == expected
        return "Those are the right ones: sort them" + ", in a list" * isinstance(got, set) if in_order else ""
    if isinstance(expected, float) and isinstance(got, int | float):
        digits = len(repr(expected).partition(".")[2])
        if any(same(round(expected, fewer), got) for fewer in range(digits)):
            return f"That's right and rounded too far: give {('one decimal', 'two decimals')[digits > 1]}"
    return ""
