"""Files that the course doesn't ship: downloaded when they're asked for, checked against their checksum, and kept."""

import hashlib
import os
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO, NoReturn

from tqdm.auto import tqdm

from course_utils.common import DATA


@dataclass(frozen=True)
class Download:
    """A public file: its address, its length in bytes and its checksum."""

    url: str
    size: int
    sha256: str


def cache_folder() -> Path:
    """Return the folder for downloads: `COURSE_CACHE`, or `.cache` in the project's folder."""
    return Path(os.environ.get("COURSE_CACHE") or DATA.parent / ".cache").expanduser()


def fetch(source: Download, name: str, instead: str) -> Path:
    """Return the path of a file in the cache, under this name; download it unless an intact copy is there.

    A download that stops raises `ConnectionError` and goes on from there at the next call; `instead` is what its
    message offers to a reader without a network. Another file than the one we know raises `ValueError`.
    """
    path = cache_folder() / name
    if path.is_file() and file_sha256(path) == source.sha256:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    # Under another name until it's complete and checked, so half a file is never mistaken for the whole.
    part = path.with_name(path.name + ".part")
    # A `.part` of full length was complete when something stopped us before the check: no need to download it again.
    if not part.exists() or part.stat().st_size < source.size:
        download(source, part, path, instead)
    if file_sha256(part) != source.sha256:
        throw_away(part, source, "its sha256 differs")
    os.replace(part, path)
    return path


def throw_away(part: Path, source: Download, why: str) -> NoReturn:
    """Delete a download that isn't the file, since the next attempt would continue it, and raise a `ValueError`."""
    part.unlink(missing_ok=True)
    raise ValueError(
        f"what came from {source.url} is not the file that this course knows ({why}), so it was thrown away. "
        "Try again; if that does not help, the file has changed there or on its way."
    )


def download(source: Download, part: Path, path: Path, instead: str) -> None:
    """Download into `part`, from where an earlier attempt stopped; a failure raises an error and keeps `part`.

    `path` is where the finished file belongs; the message names it for a reader without a network.
    """
    # A connection that broke at 90 % shouldn't cost those 90 % again: ask for the rest only.
    have = part.stat().st_size if part.exists() else 0
    # A server that doesn't know `Range` ignores it and sends everything.
    request = urllib.request.Request(source.url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        # Without a timeout a dead connection would keep the notebook waiting forever.
        with urllib.request.urlopen(request, timeout=30) as answer:
            # With 206 the server agrees to send the rest only. With 200 it starts from the beginning, and so must we.
            have = have if answer.status == 206 else 0
            # A wrong length saves us the download. A server may leave it out; the checksum has the last word anyway.
            if answer.length not in (None, source.size - have):
                throw_away(part, source, f"it has {have + answer.length:,} bytes, not {source.size:,}")
            with part.open("ab" if have else "wb") as file:
                have += copy_blocks(answer, file, have, source.size, path.name)
        # A connection that is cut ends like a complete one, without an exception: only the length tells them apart.
        reason = "" if have >= source.size else "the connection was cut"
    except (OSError, HTTPException) as error:
        if getattr(error, "code", None) == 416:  # the server has nothing beyond what is here: its file is shorter
            throw_away(part, source, f"it has no more than {have:,} bytes, not {source.size:,}")
        reason = str(getattr(error, "reason", error)) or type(error).__name__
        # What arrived before the error was written too: count it on the disk.
        have = part.stat().st_size if part.exists() else 0
    if reason:
        raise ConnectionError(
            f"{source.url} could not be downloaded: {reason} ({have:,} of {source.size:,} bytes are here). "
            f"With a network, run this again: it goes on from there. Without one, {instead}, or put the file at "
            f"{path} yourself."
        )


def copy_blocks(answer: BinaryIO, file: BinaryIO, have: int, size: int, name: str) -> int:
    """Copy an open download into a file under a progress bar; return the number of bytes copied."""
    copied = 0
    with tqdm(total=size, initial=have, unit="B", unit_scale=True, desc=name) as bar:
        # Stop as soon as it's longer than it should be: an endless answer must not fill the disk.
        while have + copied <= size and (block := answer.read(1 << 16)):
            file.write(block)
            copied += len(block)
            bar.update(len(block))
    return copied


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits."""
    # In blocks, so that a file larger than memory can be checked too.
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
