"""Every notebook as it runs on an ordinary laptop: how long, how much memory, and whether its assertions hold.

Run as `python -m course_utils bench notebooks [NUMBER ...] [FILE.json]`. Each notebook is executed alone, in a fresh
kernel held to AVX2 and two threads, and no file of it is changed. It should end within twice the time that its header
states, pass, and stay under 1.5 GB with all processes that it starts. Time it on a machine that does nothing else.
"""

import contextlib
import json
import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from course_utils.common import AS_LAPTOP, require
from course_utils.experiments.timing import print_table
from course_utils.tools.curriculum import find
from course_utils.tools.fingerprints import code_cells
from course_utils.tools.sync import Course, read

THREADS = 2
LONGER = 2.0  # times the stated seconds
MEMORY = 1.5e9  # bytes
CELL_SECONDS = 3000
LOOK_EVERY = 0.05  # seconds between two looks at the memory


@dataclass
class Found:
    """What became of one notebook: `memory` is the highest sum in bytes, reached in cell `highest`."""

    notebook: str
    stated: int
    seconds: float = 0.0
    memory: int = 0
    highest: str = ""
    failed: list[str] = field(default_factory=list)

    def broken(self) -> list[str]:
        """Return which of the three bars it broke.

        >>> Found("00_start_here", 80, seconds=200, memory=10**9).broken()
        ['took 2.5 times its stated time']
        """
        times = self.seconds / max(1, self.stated)
        told = [f"took {times:.1f} times its stated time"] if times > LONGER else []
        told += [f"{self.memory / 1e9:.2f} GB in cell {self.highest}"] if self.memory >= MEMORY else []
        return told + self.failed


# --- memory ---


def memory_of(process: psutil.Process) -> tuple[int, int, int]:
    """Return the bytes that a process has by itself, those of files such as libraries, and the most it ever had.

    Nothing of a process that has ended. Linux alone tells them apart; elsewhere all is by itself.
    """
    try:
        now = process.memory_info()
        status = Path(f"/proc/{process.pid}/status")
        told = dict(re.findall(r"(\w+):\s+(\d+) kB", status.read_text())) if status.is_file() else {}
        files = 1024 * int(told.get("RssFile", 0))
        most = 1024 * int(told.get("VmHWM", 0)) or getattr(now, "peak_wset", now.rss)
        return max(0, now.rss - files), files, most
    except (psutil.Error, OSError):
        return 0, 0, 0


class Watch:
    """Looks at the memory of all processes that this one starts, again and again, in a thread of its own.

    The libraries of several processes are the same, and in memory once, so they are counted once.
    """

    def __init__(self) -> None:
        self.highest, self.cell, self.cell_then = 0, "", ""
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.look_on, daemon=True)

    def look(self) -> None:
        """Look once."""
        found = [memory_of(process) for process in psutil.Process().children(recursive=True)]
        # Between two looks one process may have had more than all have now.
        now = sum(own for own, _, _ in found) + max((files for _, files, _ in found), default=0)
        most = max([now, *(most for _, _, most in found)])
        if most > self.highest:
            self.highest, self.cell_then = most, self.cell

    def look_on(self) -> None:
        """Look until it's over."""
        while not self.over.wait(LOOK_EVERY):
            self.look()

    def __enter__(self) -> "Watch":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()


# --- a notebook ---


def failures(notebook: NotebookNode) -> Iterator[str]:
    """Yield a sentence for each cell that ended with an error; the first is the cause, those after it may follow."""
    for cell in code_cells(notebook):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                told = " ".join(output.evalue.split())[:100]
                yield f"cell {cell.id}: {output.ename}{': ' if told else ''}{told}"


def run_notebook(path: Path, folder: Path, preset: str = "laptop") -> Found:
    """Execute a notebook in a fresh kernel, where it stands but without writing it; all cells, errors or not."""
    notebook = read(path)
    found = Found(path.stem, notebook.metadata.get("course", {}).get("seconds", 0))
    places = {"COURSE_PRESET": preset, "COURSE_DEVICE": "cpu", "COURSE_WORK": str(folder)}
    for cell in code_cells(notebook):
        cell.outputs = []
    with Watch() as watch:

        def begin(cell: NotebookNode, cell_index: int) -> None:
            watch.cell = cell.id if cell.cell_type == "code" else watch.cell

        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            startup_timeout=600,
            allow_errors=True,
            kernel_name="python3",
            resources={"metadata": {"path": str(path.parent)}},
            on_cell_start=begin,
        )
        began = time.perf_counter()
        with ended_in_words(found, watch):
            client.execute(env={**os.environ, **AS_LAPTOP, "OMP_NUM_THREADS": str(THREADS), **places})
        found.seconds = round(time.perf_counter() - began, 1)
    found.failed[:0] = failures(notebook)
    found.memory, found.highest = watch.highest, watch.cell_then
    return found


@contextlib.contextmanager
def ended_in_words(found: Found, watch: Watch) -> Iterator[None]:
    """Note what ended a notebook before its last cell: a cell that hangs, or a kernel that died."""
    try:
        yield
    except (CellTimeoutError, DeadKernelError) as problem:
        found.failed.append(f"cell {watch.cell}: {type(problem).__name__}")


# --- the table ---


def chosen(names: Sequence[str], course: Course) -> list[Path]:
    """Return the notebooks of these numbers, in this order; for no number all of them, those that state least first."""
    if names:
        return [course.path(find(name, course.notebooks)) for name in names]
    return sorted(course.paths, key=lambda path: read(path).metadata.get("course", {}).get("seconds", 0))


def row(found: Found) -> tuple[str, ...]:
    """Return a notebook's line in the table."""
    ratio = f"{found.seconds / max(1, found.stated):.2f}"
    ended = "; ".join(found.failed[:1]) or "all hold"
    more = f" (and {len(found.failed) - 1} more)" if found.failed[1:] else ""
    return found.notebook, str(found.stated), f"{found.seconds:.0f}", ratio, f"{found.memory / 1e9:.2f}", ended + more


def notebooks(*arguments: str, preset: str = "laptop", course: Course | None = None) -> list[Found]:
    """Run notebooks one by one and print a table; the same and more goes to FILE.json, if one is named."""
    course = course or Course()
    files = [name for name in arguments if name.endswith(".json")]
    require(len(files) <= 1, f"one file at most takes the result; these are {len(files)}: {', '.join(files)}")
    paths, found = chosen([name for name in arguments if name not in files], course), []
    for path in paths:
        with tempfile.TemporaryDirectory() as folder:
            found.append(run_notebook(path, Path(folder), preset))
        told = found[-1]
        print(f"{told.notebook}: {told.seconds:.0f} s, {told.memory / 1e9:.2f} GB in {told.highest}", flush=True)
        for file in files:  # after each, so that a run that is stopped has told what it found
            text = json.dumps([asdict(one) | {"broken": one.broken()} for one in found], indent=1, ensure_ascii=False)
            Path(file).write_text(text + "\n", encoding="utf-8")
    print()
    print_table([("notebook", "stated s", "s here", "ratio", "GB", "assertions"), *map(row, found)])
    for one in found:
        for sentence in one.broken():
            print(f"{one.notebook}: {sentence}")
    return found
