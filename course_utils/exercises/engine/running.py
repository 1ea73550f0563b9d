"""An answer is run: on a copy of its input, with chances of its own, for a limited time; what came of it is kept."""

import builtins
import contextlib
import copy
import ctypes
import io
import math
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import torch

from course_utils.exercises.engine.comparing import Unreadable, readable, same
from course_utils.exercises.engine.exercise import Exercise, Probe

try:
    import psutil
except ImportError:
    psutil = None

SECONDS = 4.0  # for all probes together
SEEDED = [torch.Generator().manual_seed(seed).get_state() for seed in (0, 1)]  # to put back is quicker than to seed
MOST_ITEMS = 100_000  # of what an answer yields one by one
MOST_MEMORY = 400 * 2**20  # bytes that an answer may take; what one step takes comes on top


class TooLong(BaseException):
    """Thrown into code that does not end. Not an `Exception`, so that `except Exception` in the code lets it pass."""


class TooMuch(TooLong):
    """Thrown into code that takes more and more memory."""


class Watch:
    """Watches one run of code: throws an error into its thread once the time or the memory is used up.

    It works on every system and leaves all variables as they are, but waits for code that is busy outside Python.
    """

    def __init__(self, seconds: float) -> None:
        self.thread, self.clock, self.pace = threading.get_ident(), Clock(seconds), sys.getswitchinterval()
        self.most, self.error, self.stopped, self.lock = 0, None, False, threading.Lock()

    def look(self) -> None:
        """Throw if it is time to, and again each time, should the code have caught it."""
        self.most = self.most or memory() + MOST_MEMORY
        self.error = self.error or (TooMuch if memory() > self.most else TooLong if self.clock.is_over() else None)
        with self.lock:
            if self.error and not self.stopped and is_inside(self.thread):
                sys.setswitchinterval(1e-6)
                throw(self.thread, twofold(self.thread, self.error))

    def stop(self) -> None:
        """Throw no more; what has been thrown and has not arrived is called back."""
        with self.lock:
            self.stopped = True
            if self.error:
                throw(self.thread, None)
                sys.setswitchinterval(self.pace)


class Patrol(threading.Thread):
    """A thread that looks after all that runs; it ends when there has been nothing to look after for a while."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.watches: list[Watch] = []
        self.lock = threading.Lock()

    def run(self) -> None:
        """Look every few hundredths of a second, and without a pause at code that ought to have ended."""
        idle = 0
        while idle < 100:
            watches = list(self.watches)
            for watch in watches:
                watch.look()
            time.sleep(0 if any(watch.error for watch in watches) else 0.02)
            with self.lock:  # nobody joins while it makes up its mind
                self.watches = [watch for watch in self.watches if not watch.stopped]
                idle = 0 if self.watches else idle + 1
                self.over = idle >= 100

    over = False


class Clock:
    """Counts the seconds that the thread which makes it is at work, so that a busy computer takes nobody's time.

    Where the system can't tell, and for code that sleeps, ordinary time counts, of the latter eight times as much.
    """

    def __init__(self, seconds: float) -> None:
        ask = getattr(time, "pthread_getcpuclockid", None)
        self.thread = ask(threading.get_ident()) if ask else None
        self.seconds, self.end, self.last = seconds, self.at_work() + seconds, time.monotonic() + 8 * seconds

    def at_work(self) -> float:
        """Return for how long the thread has been at work."""
        return time.monotonic() if self.thread is None else time.clock_gettime(self.thread)

    def is_over(self) -> bool:
        """Whether the time is used up."""
        return self.at_work() >= self.end or time.monotonic() >= self.last


def memory() -> int:
    """Return how many bytes this process holds; 0 where psutil, which comes with Jupyter, is not there to ask."""
    return psutil.Process().memory_info().rss if psutil else 0


def throw(thread: int, error: type[BaseException] | None) -> None:
    """Let a thread raise `error` at its next step, or forget what it was to raise."""
    thrown = ctypes.py_object(error) if error else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), thrown)


THROW = ctypes.pythonapi["PyThreadState_SetAsyncExc"]
THROW.restype = None  # as `__init__` has it


def twofold(thread: int, error: type[BaseException]) -> type[BaseException]:
    """Return a kind of `error` that throws `error` once more as soon as somebody catches it.

    So code that catches everything is hit again where it catches, before it comes back to what it tries. An error is
    made when it's caught; nothing in Python may happen there, hence a function written in C.
    """
    again = partial(THROW, ctypes.c_ulong(thread), ctypes.py_object(error))
    return type(error.__name__, (error,), {"__init__": staticmethod(again)})


def is_inside(thread: int) -> bool:
    """Whether a thread is busy with an answer, and not with what stands around it, where nothing may be thrown."""
    frame = sys._current_frames().get(thread)
    while frame is not None and frame.f_code is not watched.__code__:
        frame = frame.f_back
    return frame is not None


def watched(function: Callable[[], Any]) -> Any:
    """Return what a function returns; while this stands on the stack, errors may be thrown."""
    return function()


def limited(function: Callable[[], Any], seconds: float) -> Any:
    """Return what a function returns; after so many seconds raise `TooLong` in its place."""
    watch = Watch(seconds)
    look_after(watch)
    try:
        try:
            return watched(function)
        finally:
            watch.stop()
    except TooLong:
        watch.stop()  # it may have arrived while the first call stopped it
        raise


PATROLS: list[Patrol] = []  # the one at work is the last


def look_after(watch: Watch) -> None:
    """Hand a run over to the patrol, a new one if there is none at work."""
    for patrol in PATROLS[-1:]:
        with patrol.lock:
            if patrol.is_alive() and not patrol.over:
                patrol.watches.append(watch)
                return
    PATROLS[:] = [Patrol()]
    PATROLS[0].watches.append(watch)
    PATROLS[0].start()


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
            value = readable(limited(lambda: settled(exercise.run(answer, *given)), seconds))
        except TooLong as caught:
            # Without its traceback, which would keep alive all that the code has taken.
            error = TooMuch() if isinstance(caught, TooMuch) else TooLong()
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
    """Return a list of what a generator or another iterator yields; anything else as it is."""
    return list(islice(value, MOST_ITEMS)) if isinstance(value, Iterator) else value


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


# What code may set for everybody: how it is asked for, and how it is set.
SETTINGS = (
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.get_default_device, torch.set_default_device),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_num_threads, torch.set_num_threads),
    (torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms),
    (torch.is_anomaly_enabled, torch.set_anomaly_enabled),
    (np.geterr, lambda before: np.seterr(**before)),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (os.getcwd, os.chdir),
)
# Where functions may be replaced by others.
PATCHED = (builtins, math, random, np, torch, torch.nn, torch.nn.functional, torch.Tensor)
PATCHED += (torch.nn.Module, torch.nn.Linear, torch.nn.Embedding, torch.nn.LayerNorm, torch.nn.Dropout)


@contextlib.contextmanager
def own_settings() -> Iterator[None]:
    """Put back what an answer sets for everybody, and the functions that it replaces."""
    before = [ask() for ask, _ in SETTINGS]
    names = [dict(vars(place)) for place in PATCHED]
    try:
        yield
    finally:
        for place, kept in zip(PATCHED, names, strict=True):
            put_back(place, kept)
        for (ask, put), setting in zip(SETTINGS, before, strict=True):
            if ask() != setting:
                put(setting)


def put_back(place: Any, kept: dict[str, Any]) -> None:
    """Give the names of a module or class the meanings again that they had; what is new in a class goes."""
    now = vars(place)
    for name in [name for name, meaning in kept.items() if now.get(name, kept) is not meaning]:
        setattr(place, name, kept[name])
    for name in [name for name in now if isinstance(place, type) and name not in kept]:
        delattr(place, name)
