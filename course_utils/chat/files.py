"""Opening exports: a file, a folder or a zip archive becomes a list of sources, without anything being unpacked."""

import codecs
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, TextIO

from course_utils.chat.messages import Report
from course_utils.common import require

MAX_FILES = 100_000
MAX_BYTES = 1 << 31
# Text shrinks to a tenth or a twentieth. Much more than that is an archive made to fill a disk.
MAX_RATIO, SMALL = 200, 50 << 20
BLOCK = 1 << 20
INNER = "an archive inside was not opened; give its own path as well"
SUFFIXES = (".txt", ".json", ".jsonl", ".ndjson", ".md")
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Source:
    """One file of an export: its path within the folder or archive, and a way to open it as often as needed."""

    path: str
    open: Callable[[], BinaryIO]
    container: str = ""

    @property
    def name(self) -> str:
        """The file's own name."""
        return PurePosixPath(self.path).name

    @property
    def stem(self) -> str:
        """The file's name without its ending."""
        return PurePosixPath(self.path).stem

    @property
    def folder(self) -> str:
        """Where it lies: the path without the name."""
        return f"{self.container}/{PurePosixPath(self.path).parent}"


@contextmanager
def opened(path: Path, report: Report) -> Iterator[list[Source]]:
    """The files of an export that may hold a chat; those of an archive can be read inside the `with` block."""
    require(path.exists(), f"there is no file or folder {path}")
    if path.is_dir():
        yield from_folder(path, report)
    elif zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                yield from_archive(archive, path, report)
        # What a broken archive raises, from the table of contents to the last compressed block.
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
            raise ValueError(f"{path} is an archive that can't be read ({error}); export it again") from None
    else:
        with path.open("rb") as file:
            head = file.read(4)
        require(head != b"PK\x03\x04", f"{path} is an archive of which the end is missing; copy or export it again")
        yield [Source(path.name, lambda: path.open("rb"))]


def from_folder(folder: Path, report: Report) -> list[Source]:
    """The files of a folder and those below it; none that a link leads to outside."""
    root, sources = folder.resolve(), []
    for path in sorted(folder.rglob("*"))[:MAX_FILES]:
        if path.suffix.lower() == ".zip":
            report.note(INNER, path.name)
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        if not path.resolve().is_relative_to(root):
            report.note("a link that leads out of the folder was not followed", path.name)
            continue
        sources.append(Source(path.relative_to(folder).as_posix(), lambda path=path: path.open("rb"), folder.name))
    return sources


def from_archive(archive: zipfile.ZipFile, path: Path, report: Report) -> list[Source]:
    """The files of a zip archive, of which none is unpacked to the disk."""
    entries = archive.infolist()
    require(len(entries) <= MAX_FILES, f"{path} holds {len(entries):,} files; {MAX_FILES:,} are the limit")
    sources = []
    for entry in entries:
        if entry.filename.lower().endswith(".zip"):
            report.note(INNER, entry.filename)
        parts = PurePosixPath(entry.filename.replace("\\", "/"))
        if entry.is_dir() or parts.suffix.lower() not in SUFFIXES or parts.parts[0] == "__MACOSX":
            continue
        if parts.is_absolute() or ".." in parts.parts or ":" in parts.parts[0]:
            report.note("a file of the archive has a path that leaves its folder, and was not read", entry.filename)
            continue
        check_size(entry, path)
        sources.append(Source(str(parts), lambda entry=entry: archive.open(entry), path.stem))
    require(
        sum(entry.file_size for entry in entries if entry.filename.lower().endswith(SUFFIXES)) <= MAX_BYTES,
        f"the texts in {path} have more than {MAX_BYTES >> 30} GB together",
    )
    return sources


def check_size(entry: zipfile.ZipInfo, path: Path) -> None:
    """Refuse a file that is far larger unpacked than text can be."""
    size, ratio = entry.file_size, entry.file_size / max(entry.compress_size, 1)
    require(not entry.flag_bits & 1, f"{path} is locked with a password; unlock it first")
    require(
        size <= MAX_BYTES and (size <= SMALL or ratio <= MAX_RATIO),
        f"{entry.filename} in {path} unpacks to {size:,} bytes, {ratio:,.0f} times its size; that can't be a chat",
    )


def encoding_of(source: Source, report: Report) -> tuple[str, str]:
    """The encoding of a file and how to treat errors in it, as `open` takes them; what is odd is reported."""
    with source.open() as file:
        head = file.read(4096)
    for mark, encoding in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            done = "removed" if encoding == "utf-8-sig" else f"read as {encoding.upper()}"
            report.note(f"the file begins with a byte order mark: {done}", source.name)
            return encoding, "replace"
    zeros = head[0::2].count(0), head[1::2].count(0)
    if len(head) > 3 and max(zeros) * 3 > len(head) and min(zeros) * 10 < max(zeros):
        encoding = "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
        report.note(f"read as {encoding.upper()}, without a byte order mark", source.name)
        return encoding, "replace"
    return utf8_or_windows(source, report)


def utf8_or_windows(source: Source, report: Report) -> tuple[str, str]:
    """UTF-8 if the file is, perhaps with its last character cut; Windows-1252 if it has no UTF-8 at all."""
    bad, good, cut = utf8_errors(source)
    if cut and not bad:
        report.note("the file ends in the middle of a character, which was left out", source.name)
        return "utf-8", "ignore"
    if bad and good < bad:
        report.note("not UTF-8: read as Windows-1252", source.name)
        return "cp1252", "replace"
    if bad:
        report.doubt("bytes that are no UTF-8 became U+FFFD", source.name, bad)
    return "utf-8", "replace"


def utf8_errors(source: Source) -> tuple[int, int, bool]:
    """How many lines aren't UTF-8, how many are and have more than ASCII, and whether the last character is cut."""
    bad = good = 0
    line, cut = b"", False
    with source.open() as file:
        for line in file:
            if line.isascii():
                continue
            try:
                line.decode("utf-8")
                good += 1
            except UnicodeDecodeError as error:
                cut = error.reason == "unexpected end of data"
                bad += not cut
    return bad, good, cut and not line.endswith(b"\n")


def text_lines(source: Source, encoding: str, errors: str) -> Iterator[str]:
    """Yield the lines of a file, whatever ends them, each with a newline at its end except perhaps the last one."""
    with io.TextIOWrapper(source.open(), encoding=encoding, errors=errors, newline=None) as text:
        yield from text


@contextmanager
def whole_file(source: Source, encoding: str, errors: str) -> Iterator[TextIO]:
    """A file to read as text, without its byte order mark; it may not be larger than the limit."""
    with io.TextIOWrapper(source.open(), encoding=encoding, errors=errors, newline="") as text:
        require(text.buffer.seek(0, io.SEEK_END) <= MAX_BYTES, f"{source.name} has more than {MAX_BYTES >> 30} GB")
        text.buffer.seek(0)
        if text.read(1) != "\ufeff":
            text.seek(0)
        yield text


def whole_text(source: Source, encoding: str, errors: str) -> str:
    """The text of a file, which may not be larger than the limit."""
    with source.open() as file:
        raw = file.read(MAX_BYTES + 1)
    require(len(raw) <= MAX_BYTES, f"{source.name} has more than {MAX_BYTES >> 30} GB")
    return raw.decode(encoding, errors).lstrip("\ufeff")
