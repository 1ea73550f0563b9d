"""An answer is run: on a copy of its input, with chances of its own, for a limited time; what came of it is kept."""

import builtins
import contextlib
import copy
import io
import math
import os
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch

from course_utils.exercises.engine.comparing import Unreadable, readable, same
from course_utils.exercises.engine.exercise import Exercise, Probe
from course_utils.exercises.engine.limiting import limited

SECONDS = 4.0  # for all probes together
SEEDED = [torch.Generator().manual_seed(seed).get_state() for seed in (0, 1)]  # to put back is quicker than to seed
MOST_ITEMS = 100_000  # of what an answer yields one by one


@dataclass(frozen=True)
class Outcome:
    """What came of one run: a value or an error, what was printed, and which input was changed (its place, or None)."""

    value: Any = None
    error: BaseException | None = None
    printed: str = ""
    changed: int | None = None


def run(exercise: Exercise, answer: Any, probe: Probe, seconds: float = SECONDS, seed: int = 0) -> Outcome:
    """Use an answer on a copy of a probe. Whatever it does, this returns; only an interrupted kernel interrupts it."""
    given, printed, value, error = copy.deepcopy(probe), io.StringIO(), None, None
    with own_chances(seed), contextlib.redirect_stdout(printed):
        try:
            value = limited(as_here(lambda: readable(settled(exercise.run(answer, *given)))), seconds)
        except (Exception, SystemExit) as caught:
            error = caught
    return Outcome(value, error, printed.getvalue(), first_changed(given, probe))


def first_changed(given: Probe, probe: Probe) -> int | None:
    """Return the place of the first input that is no longer what it was."""
    for place, (now, before) in enumerate(zip(given, probe, strict=True)):
        try:
            if not same(before, now):
                return place
        except (RecursionError, Unreadable):
            return place
    return None


def settled(value: Any) -> Any:
    """Return a list of what a generator or another iterator yields, also of those in a list; anything else as it is."""
    if isinstance(value, Iterator):
        value = list(islice(value, MOST_ITEMS))
    if type(value) in (list, tuple) and any(isinstance(item, Iterator) for item in value):
        return type(value)(list(islice(item, MOST_ITEMS)) if isinstance(item, Iterator) else item for item in value)
    return value


@contextlib.contextmanager
def own_chances(seed: int = 0) -> Iterator[None]:
    """Seed what draws random numbers, and put it back after: each run has the same luck, the notebook keeps its own."""
    before, numpy_before = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        random.seed(seed)
        np.random.seed(seed)
        torch.set_rng_state(SEEDED[seed])
        try:
            yield
        finally:
            random.setstate(before)
            np.random.set_state(numpy_before)


# What code may set, how it's asked for and how it's set: first what belongs to a thread, then what is everybody's.
OF_A_THREAD = (
    (torch.get_default_device, torch.set_default_device),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (np.geterr, lambda before: np.seterr(**before)),
)
SETTINGS = (
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms),
    (torch.is_anomaly_enabled, torch.set_anomaly_enabled),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (os.getcwd, os.chdir),
)
# Where functions may be replaced by others.
PATCHED = (builtins, math, random, np, torch, torch.nn, torch.nn.functional, torch.Tensor)
PATCHED += (torch.nn.Module, torch.nn.Linear, torch.nn.Embedding, torch.nn.LayerNorm, torch.nn.Dropout)


def as_here(function: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function that finds, in another thread, the settings that belong to this one."""
    here = [ask() for ask, _ in OF_A_THREAD]

    def there() -> Any:
        put_settings(OF_A_THREAD, here)
        return function()

    return there


def put_settings(kinds: tuple, settings: list) -> None:
    """Set what isn't set so already."""
    for (ask, put), setting in zip(kinds, settings, strict=True):
        if ask() != setting:
            put(setting)


@contextlib.contextmanager
def own_settings() -> Iterator[None]:
    """Put back what an answer sets for everybody, and the functions that it replaces."""
    before, threads = [ask() for ask, _ in SETTINGS], torch.get_num_threads()
    names = [dict(vars(place)) for place in PATCHED]
    try:
        yield
    finally:
        for place, kept in zip(PATCHED, names, strict=True):
            put_back(place, kept)
        put_settings(SETTINGS, before)
        torch.set_num_threads(threads)  # what another thread has set counts for all to come, and can't be asked for


def put_back(place: Any, kept: dict[str, Any]) -> None:
    """Give the names of a module or class the meanings again that they had; what is new in a class goes."""
    now = vars(place)
    for name in [name for name, meaning in kept.items() if now.get(name, kept) is not meaning]:
        setattr(place, name, kept[name])
    for name in [name for name in now if isinstance(place, type) and name not in kept]:
        delattr(place, name)
