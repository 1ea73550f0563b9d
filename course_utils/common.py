"""The ground floor: checking an argument, where the data is, holding a run to a laptop, writing a file whole.

Standard library only: `__main__` uses it before anything is installed.
"""

import codecs
import contextlib
import os
from pathlib import Path
from typing import Any

# Found from this file, not from the working directory: notebooks and tests run in different ones.
DATA = Path(__file__).resolve().parent.parent / "data"

# What stands for a character that standard output can't show.
PLAIN = {"\u00a0": " ", "±": "+-", "·": "-", "×": "x", "–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"'}
PLAIN |= {"…": "...", "→": "->", "−": "-", "○": "o", "✓": "+", "✗": "x"}

# What makes any x86 processor an ordinary laptop's: AVX2, and no units for bfloat16. `runtime` reads the first of
# these; PyTorch, oneDNN and MKL read theirs once, when they are loaded, so they have to be set before.
AS_LAPTOP = {
    "COURSE_LAPTOP": "1",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}


def require(condition: bool, message: str) -> None:
    """Raise a `ValueError` with this message unless the condition holds."""
    # Not an `assert`: `python -O` strips those, and a wrong argument should be caught there too.
    if not condition:
        raise ValueError(message)


def held_to_laptop() -> bool:
    """Return whether `COURSE_LAPTOP=1` asks this run to be an ordinary laptop's, whatever the processor has."""
    asked = os.environ.get("COURSE_LAPTOP", "")
    require(asked in ("", "0", "1"), f"COURSE_LAPTOP is {asked!r}; it takes 1, for an ordinary laptop, or 0")
    return asked == "1"


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that, whatever happens, the file is the old one or the new one, never a part."""
    # In the same folder, since a file can be renamed in one step only within one disk.
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as file:
            file.write(content)
            # Without this the rename may reach the disk before the bytes do, and a power cut would leave an empty file.
            file.flush()
            os.fsync(file.fileno())
        # One atomic step: whoever opens `path` meanwhile reads the old file or the new one.
        os.replace(partial, path)
    except OSError as error:
        # On a full disk a half-written file is in the way. If it can't be deleted either, the first error says more.
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        kept = " The file that was there is untouched." if path.is_file() else ""
        reason = f"could not write {path}: {error.strerror}. Free some space or choose another folder.{kept}"
        raise OSError(error.errno, reason) from error


def print_anything(stream: Any) -> None:
    """Let a stream print every character, whatever its encoding: cp1252, cp932 and ASCII lack a dot or a tick."""
    codecs.register_error("plain-letters", plain_letters)
    # Python's own two settings; whatever a reader has chosen stays, and a notebook's stream has none.
    if getattr(stream, "errors", None) in ("strict", "surrogateescape"):
        stream.reconfigure(errors="plain-letters")


def plain_letters(error: UnicodeEncodeError) -> tuple[str, int]:
    """Return the likeness of characters that an encoding lacks, a question mark without one, and where to go on."""
    return "".join(PLAIN.get(character, "?") for character in error.object[error.start : error.end]), error.end
