"""Code that doesn't end is ended: it runs in a thread of its own, and what stops it can arrive in no other.

Python can make another thread raise an error (`PyThreadState_SetAsyncExc`), on every system and with all variables
kept. The error arrives at some later step of that thread, and nobody knows which: thrown at a thread that goes on to
other things, it may arrive among those. That's why the one who asks for a limit never runs the code. A `Job` does, in a
thread made for it; errors are thrown at that thread alone, and only while it's sure to be there.
"""

import contextlib
import ctypes
import time
import weakref
from _thread import start_new_thread
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

try:
    import psutil
except ImportError:
    psutil = None

PAUSE = 0.02  # seconds between two looks at the limits
MOST_MEMORY = 300 * 2**20  # bytes that code may take; what it takes between two looks comes on top
THROW = ctypes.PYFUNCTYPE(None, ctypes.c_ulong, ctypes.py_object)(("PyThreadState_SetAsyncExc", ctypes.pythonapi))


class TooLong(SystemExit):
    """Thrown into code that does not end.

    Not an `Exception`, so that `except Exception` in the code lets it pass; a `SystemExit` ends a thread in silence.
    """


class TooMuch(TooLong):
    """Thrown into code that takes more and more memory."""


class Job:
    """A function at work in a thread of its own, and nothing but that thread keeps the work alive.

    When the work is done, or given up anywhere on the way, Python lets go of it, and calls what the weak references
    name: first the end is noted in `ended`, and whoever waits is woken by `over`; then the thread itself waits at
    `gate` until it's opened. All these are C, as is all that the thread does from then on, while what is thrown arrives
    only between steps of Python. So the end is always noted, the thread can't be gone before the gate is open, and
    nobody throws after.
    """

    def __init__(self, function: Callable[[], Any]) -> None:
        self.results: list[tuple[Any, BaseException | None]] = []
        self.thrown: type[TooLong] | None = None
        self.ended: list[weakref.ref] = []
        self.over, self.gate, begin = SimpleQueue(), SimpleQueue(), SimpleQueue()
        work = partial(keep_result, begin, function, self.results)
        self.thread = start_new_thread(work, ())
        # What is made last is called first.
        self.ends = [weakref.ref(work, call) for call in (self.gate.get, self.over.put, self.ended.append)]
        del work  # before it begins: from now on the thread alone has it
        begin.put(None)

    def ends_within(self, seconds: float) -> bool:
        """Whether the work is over, now or after so many seconds at most."""
        with contextlib.suppress(Empty):
            if not self.ended:
                self.over.get(timeout=seconds)
        return bool(self.ended)

    def stop(self, kind: type[TooLong] = TooLong) -> None:
        """Throw until the work is over. Code that is busy outside Python is waited for."""
        while not self.ends_within(PAUSE if self.thrown else 0):
            self.thrown = self.thrown or persistent(kind, self.thread)
            THROW(self.thread, self.thrown)

    def leave(self) -> None:
        """Let the thread go, and throw no more."""
        if self.thrown:
            del self.thrown.__init__
        self.gate.put(None)


def keep_result(begin: SimpleQueue, function: Callable[[], Any], results: list) -> None:
    """Call a function once it may begin; add what it returns, or the error that it stops with, to `results`."""
    begin.get()
    try:
        results.append((function(), None))
    except BaseException as error:
        results.append((None, error))


def persistent(kind: type[TooLong], thread: int) -> type[TooLong]:
    """Return a kind of error that is thrown at its thread once more whenever somebody catches it.

    So code that catches everything is hit again where it catches, before it comes back to what it tries. An error is
    made when it's caught; nothing in Python may happen there, hence a function written in C.
    """
    error = type(kind.__name__, (kind,), {})
    error.__init__ = staticmethod(partial(THROW, ctypes.c_ulong(thread), ctypes.py_object(error)))
    return error


def limited(function: Callable[[], Any], seconds: float) -> Any:
    """Return what a function returns, or raise what it raises; a `TooLong` if it's still at work after some seconds.

    >>> limited(lambda: 6 * 7, seconds=1)
    42
    """
    job = Job(function)
    try:
        watch(job, seconds)
    finally:  # an interrupted kernel comes by here too
        job.stop()
        job.leave()
    if job.thrown:
        raise job.thrown.__base__  # anew: the traceback of what was thrown would keep alive all that the code has taken
    value, error = job.results[0]
    if error is not None:
        raise error
    return value


def watch(job: Job, seconds: float) -> None:
    """Wait until a job is over; stop it when its time is, or when it takes too much memory."""
    clock, most = Clock(job.thread, seconds), None
    while not job.ends_within(min(PAUSE, seconds)):
        most = most or memory() + MOST_MEMORY
        if memory() > most:
            job.stop(TooMuch)
        elif clock.is_over():
            job.stop(TooLong)


class Clock:
    """Counts the seconds that a thread is at work, so that a busy computer takes nobody's time.

    Where the system can't tell, and for code that sleeps, ordinary time counts, of the latter eight times as much.
    """

    def __init__(self, thread: int, seconds: float) -> None:
        ask = getattr(time, "pthread_getcpuclockid", None)
        self.thread = ask(thread) if ask else None
        self.end, self.last = self.at_work() + seconds, time.monotonic() + 8 * seconds

    def at_work(self) -> float:
        """Return for how long the thread has been at work."""
        return time.monotonic() if self.thread is None else time.clock_gettime(self.thread)

    def is_over(self) -> bool:
        """Whether the time is used up."""
        return self.at_work() >= self.end or time.monotonic() >= self.last


def memory() -> int:
    """Return how many bytes this process holds; 0 where psutil, which comes with Jupyter, is not there to ask."""
    return psutil.Process().memory_info().rss if psutil else 0
