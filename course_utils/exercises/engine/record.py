"""What a learner has done so far, in a small file of their own: which exercises passed, and after how many tries."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from course_utils.common import write_whole
from course_utils.runtime import work_folder

Record = dict[str, dict[str, int | bool]]


def record_file() -> Path:
    """Return where progress is kept: `progress.json` in the work folder."""
    return work_folder() / "progress.json"


def read_record() -> Record:
    """Return what is recorded; where it cannot be read, that is told."""
    try:
        return load_record()
    except OSError as error:
        print(f"Your progress could not be read: {error}")
        return {}


def load_record() -> Record:
    """Return what is recorded; a file that is damaged is set aside, and told. What the system refuses is an OSError."""
    path = record_file()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {number: {"passed": bool(row["passed"]), "tries": int(row["tries"])} for number, row in found.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError):
        aside = set_aside(path)
        print(f"The file of your progress could not be read; it is now {aside.name}, and a new one begins.")
        return {}


def set_aside(path: Path) -> Path:
    """Rename a damaged file to a name that is free; return it."""
    number = 1
    while (aside := path.with_name(f"progress.damaged-{number}.json")).exists():
        number += 1
    os.replace(path, aside)
    return aside


def note_try(number: str, passed: bool) -> None:
    """Record one try; an exercise that has passed once stays so. Where nothing can be written, that is told."""
    with told_if_not_kept():
        # What can't be read must not be written over: it may hold everything that was done.
        record = load_record()
        row = record.get(number, {"passed": False, "tries": 0})
        record[number] = {"passed": passed or row["passed"], "tries": row["tries"] + (not row["passed"])}
        write_record(record)


def write_record(record: Record) -> None:
    """Write the file whole, or say that it cannot be written."""
    with told_if_not_kept():
        write_whole(record_file(), (json.dumps(dict(sorted(record.items())), indent=1) + "\n").encode())


@contextlib.contextmanager
def told_if_not_kept() -> Iterator[None]:
    """Say in a line what the system refuses: a verdict or a table doesn't fail over a folder that is read-only."""
    try:
        yield
    except OSError as error:
        print(f"Your progress could not be kept: {error}")
