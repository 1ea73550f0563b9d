"""Text from a file: shipped with the course, your own, or a named public corpus; cleaned and split."""

import hashlib
import os
import re
import unicodedata
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO, NoReturn

from tqdm.auto import tqdm

from course_utils.common import DATA, require

SHIPPED = ("story", "tales")


@dataclass(frozen=True)
class Corpus:
    """A public text that `load_text` downloads by name: its address, its length in bytes and its checksum."""

    url: str
    size: int
    sha256: str


# The checksum pins the text: a loss can only be compared with one that was measured on the same bytes.
CORPORA = {
    "tinyshakespeare": Corpus(
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        1_115_394,
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    ),
    # The validation file of Eldan and Li, "TinyStories" (arXiv 2305.07759), at a fixed revision.
    "tinystories": Corpus(
        "https://huggingface.co/datasets/roneneldan/TinyStories/resolve/"
        "f54c09fd23315a6f9c86f9dc80f725de7d8f9c64/TinyStories-valid.txt",
        19_447_282,
        "94e431816c4cce81ff71e4408ff8d3bda9a42e8d2663986697c3954288cb38b4",
    ),
}


def load_text(source: str | Path) -> str:
    """Return a text, cleaned: `"story"` or `"tales"` (shipped), a path to your own file, or a named corpus.

    The named corpora `"tinyshakespeare"` and `"tinystories"` are downloaded when first asked for.

    >>> load_text("story") == load_text(DATA / "story.txt")
    True
    """
    require(isinstance(source, str | Path), f"source is {source!r:.60}; it takes a name or a path")
    if source in CORPORA:
        return read_text(fetch_corpus(str(source)))
    names = ", ".join(map(repr, (*SHIPPED, *CORPORA)))
    missing = f"no text {str(source)!r:.60}: it is none of {names}, and there is no such file"
    try:
        # Our names come first. A file of your own called "tales" is still within reach, as the path "./tales".
        path = DATA / f"{source}.txt" if source in SHIPPED else Path(source).expanduser()
        require(path.is_file(), f"{missing}: {path.absolute()}")
    except (OSError, RuntimeError):  # a whole text passed as its own name is too long for one; `~nobody` has no home
        raise ValueError(missing) from None
    return read_text(path)


def read_text(path: Path) -> str:
    """Read a UTF-8 file and clean it; if it's empty or not UTF-8, a `ValueError` says where."""
    raw = path.read_bytes()
    # Not errors="replace", which would hide the damage until a model has learned it.
    try:
        text = clean_text(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        # Editors count lines and columns from 1. On the first line `rfind` gives -1, and the difference still holds.
        before = raw[: error.start]
        line = before.count(b"\n") + 1
        column = len(before) - before.rfind(b"\n")
        raise ValueError(
            f"{path} is not UTF-8: byte 0x{raw[error.start]:02x} at offset {error.start} "
            f"(line {line}, byte {column} of the line) does not fit. Save the file as UTF-8 "
            "in your editor, or read it yourself: Path(...).read_text(encoding='cp1252') is a common case."
        ) from None
    require(bool(text.strip()), f"{path} holds no text ({len(raw)} bytes); give a file with some words in it")
    return text


def clean_text(text: str) -> str:
    r"""Return the text without a byte order mark, with `\n` as line ending, and with composed characters (NFC).

    >>> clean_text("\ufeffone\r\ntwo\rcafe\u0301") == "one\ntwo\ncaf\u00e9"
    True
    """
    # Windows ends lines with two characters and likes to mark UTF-8 with an invisible first one.
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    # "é" comes as one character or as two that look the same. Without NFC they'd be different tokens.
    return unicodedata.normalize("NFC", text)


def split_words(text: str, keep_whitespace: bool = False) -> list[str]:
    """Split a text into words and punctuation marks; white space is dropped, or kept as separate pieces.

    >>> split_words("Hello, world!"), split_words("Isn't it?", keep_whitespace=True)
    (['Hello', ',', 'world', '!'], ["Isn't", ' ', 'it', '?'])
    """
    # A word with its apostrophes ("isn't"), or any other single character. Each character of the text ends up in
    # exactly one piece, so joining them all gives the text back.
    pieces = re.findall(r"\w+(?:['’]\w+)*|[^\w\s]|\s", text)
    return pieces if keep_whitespace else [piece for piece in pieces if not piece.isspace()]


def cache_folder() -> Path:
    """Return the folder for downloads: `COURSE_CACHE`, or `.cache` in the project's folder."""
    return Path(os.environ.get("COURSE_CACHE") or DATA.parent / ".cache").expanduser()


def fetch_corpus(name: str) -> Path:
    """Return the path of a named corpus in the cache; download it unless an intact copy is there."""
    require(name in CORPORA, f"there is no corpus {name!r}; it takes one of {', '.join(map(repr, CORPORA))}")
    corpus = CORPORA[name]
    path = cache_folder() / f"{name}.txt"
    if path.is_file() and file_sha256(path) == corpus.sha256:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    # Under another name until it's complete and checked, so half a file is never mistaken for the text.
    part = path.with_name(path.name + ".part")
    # A `.part` of full length was complete when something stopped us before the check: no need to download it again.
    if not part.exists() or part.stat().st_size < corpus.size:
        download(corpus, part, path)
    if file_sha256(part) != corpus.sha256:
        throw_away(part, corpus, "its sha256 differs")
    os.replace(part, path)
    return path


def throw_away(part: Path, corpus: Corpus, why: str) -> NoReturn:
    """Delete a download that isn't the corpus, since the next attempt would continue it, and raise a `ValueError`."""
    part.unlink(missing_ok=True)
    raise ValueError(
        f"what came from {corpus.url} is not the file that this course knows ({why}), so it was thrown away. "
        "Try again; if that does not help, the file has changed there or on its way."
    )


def download(corpus: Corpus, part: Path, path: Path) -> None:
    """Download into `part`, from where an earlier attempt stopped; a failure raises an error and keeps `part`.

    `path` is where the finished file belongs; the message names it for a reader without a network.
    """
    # A connection that broke at 90 % shouldn't cost those 90 % again: ask for the rest only.
    have = part.stat().st_size if part.exists() else 0
    # A server that doesn't know `Range` ignores it and sends everything.
    request = urllib.request.Request(corpus.url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        # Without a timeout a dead connection would keep the notebook waiting forever.
        with urllib.request.urlopen(request, timeout=30) as answer:
            # With 206 the server agrees to send the rest only. With 200 it starts from the beginning, and so must we.
            have = have if answer.status == 206 else 0
            # A wrong length saves us the download. A server may leave it out; the checksum has the last word anyway.
            if answer.length not in (None, corpus.size - have):
                throw_away(part, corpus, f"it has {have + answer.length:,} bytes, not {corpus.size:,}")
            with part.open("ab" if have else "wb") as file:
                have += copy_blocks(answer, file, have, corpus.size, path.name)
        # A connection that is cut ends like a complete one, without an exception: only the length tells them apart.
        reason = "" if have >= corpus.size else "the connection was cut"
    except (OSError, HTTPException) as error:
        if getattr(error, "code", None) == 416:  # the server has nothing beyond what is here: its file is shorter
            throw_away(part, corpus, f"it has no more than {have:,} bytes, not {corpus.size:,}")
        reason = str(getattr(error, "reason", error)) or type(error).__name__
        # What arrived before the error was written too: count it on the disk.
        have = part.stat().st_size if part.exists() else 0
    if reason:
        raise ConnectionError(
            f"{corpus.url} could not be downloaded: {reason} ({have:,} of {corpus.size:,} bytes are here). "
            "With a network, run this again: it goes on from there. Without one, use a text shipped with the "
            f"course, load_text('story') or load_text('tales'), or put the file at {path} yourself."
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
