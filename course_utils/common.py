"""What everything else stands on: one way to check an argument, where the data lies, how a file is written whole."""

import contextlib
import os
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data"


def require(condition: bool, message: str) -> None:
    """Raise a `ValueError` with this message unless the condition holds."""
    if not condition:
        raise ValueError(message)


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that, whatever happens, the file is the old one or the new one, never a part."""
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        kept = " The file that was there is untouched." if path.is_file() else ""
        reason = f"could not write {path}: {error.strerror}. Free some space or choose another folder.{kept}"
        raise OSError(error.errno, reason) from error
