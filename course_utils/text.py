"""Text from a file: shipped with the course, your own, or a named public corpus; cleaned and split."""

import re
import unicodedata
from pathlib import Path

from course_utils.common import DATA, require
from course_utils.downloads import Download, fetch

SHIPPED = ("story", "tales")


# The checksum pins the text: a loss can only be compared with one that was measured on the same bytes.
CORPORA = {
    "tinyshakespeare": Download(
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        1_115_394,
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    ),
    # The validation file of Eldan and Li, "TinyStories" (arXiv 2305.07759), at a fixed revision.
    "tinystories": Download(
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


def fetch_corpus(name: str) -> Path:
    """Return the path of a named corpus in the cache; download it unless an intact copy is there."""
    require(name in CORPORA, f"there is no corpus {name!r}; it takes one of {', '.join(map(repr, CORPORA))}")
    shipped = "use a text shipped with the course, load_text('story') or load_text('tales')"
    return fetch(CORPORA[name], f"{name}.txt", instead=shipped)
