"""An answer is run: on a copy of its input, with chances of its own, for a limited time; what came of it is kept."""

import contextlib
import copy
import ctypes
import io
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch

from course_utils.exercises.engine.comparing import same
from course_utils.exercises.engine.exercise import Exercise, Probe

SECONDS = 4.0  # for all probes together
SEEDED = torch.Generator().manual_seed(0).get_state()  # to put back is quicker than to seed
MOST_ITEMS = 100_000  # of what an answer yields one by one


class TooLong(BaseException):
    """Thrown into code that does not end. Not an `Exception`, so that `except Exception` in the code lets it pass."""


class Watchdog(threading.Thread):
    """Throws `TooLong` into the thread that made it, once the time is over, until it is stopped.

    It works on every system and leaves all variables as they are, but waits for code that is busy outside Python.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(daemon=True)
        self.watched, self.seconds, self.fired = threading.get_ident(), seconds, False
        self.stopped, self.lock = threading.Event(), threading.Lock()

    def run(self) -> None:
        """Wait, then throw; again a little later, should the code have caught it."""
        wait = self.seconds
        while not self.stopped.wait(wait):
            with self.lock:
                if not self.stopped.is_set():
                    self.fired, wait = True, 0.2
                    throw(self.watched, TooLong)

    def stop(self) -> None:
        """Throw no more; what has been thrown and has not arrived is called back."""
        with self.lock:
            self.stopped.set()
            if self.fired:
                throw(self.watched, None)


def throw(thread: int, error: type[BaseException] | None) -> None:
    """Let a thread raise `error` at its next step, or forget what it was to raise."""
    thrown = ctypes.py_object(error) if error else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), thrown)


def limited(function: Callable[[], Any], seconds: float) -> Any:
    """Return what a function returns; after so many seconds raise `TooLong` in its place."""
    watchdog = Watchdog(seconds)
    watchdog.start()
    try:
        try:
            return function()
        finally:
            watchdog.stop()
    except TooLong:
        watchdog.stop()  # it may have arrived while the first call stopped it
        raise


@dataclass(frozen=True)
class Outcome:
    """What came of one run: a value or an error, what was printed, and which input was changed (its place, or None)."""

    value: Any = None
    error: BaseException | None = None
    printed: str = ""
    changed: int | None = None


def run(exercise: Exercise, answer: Any, probe: Probe, seconds: float = SECONDS) -> Outcome:
    """Use an answer on a copy of a probe. Whatever it does, this returns; only an interrupted kernel interrupts it."""
    given, printed, value, error = copy.deepcopy(probe), io.StringIO(), None, None
    with own_chances(), contextlib.redirect_stdout(printed):
        try:
            value = limited(lambda: settled(exercise.run(answer, *given)), seconds)
        except (Exception, SystemExit, TooLong) as caught:
            error = caught
    changed = next((i for i, (now, before) in enumerate(zip(given, probe, strict=True)) if not same(before, now)), None)
    return Outcome(value, error, printed.getvalue(), changed)


def settled(value: Any) -> Any:
    """Return a list of what a generator or another iterator yields; anything else as it is."""
    return list(islice(value, MOST_ITEMS)) if isinstance(value, Iterator) else value


@contextlib.contextmanager
def own_chances() -> Iterator[None]:
    """Seed what draws random numbers, and put it back after: each run has the same luck, the notebook keeps its own."""
    before, numpy_before = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        random.seed(0)
        np.random.seed(0)
        torch.set_rng_state(SEEDED)
        try:
            yield
        finally:
            random.setstate(before)
            np.random.set_state(numpy_before)
