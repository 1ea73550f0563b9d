"""Text from a file: shipped with the course, your own, or a named public corpus; cleaned and split."""

import codecs
import os
import re
import unicodedata
from pathlib import Path, PurePath

import regex

from course_utils.common import DATA, require
from course_utils.downloads import Download, fetch

SHIPPED = ("story", "tales")
# What some Windows programs write first. UTF-32 is looked for first: its mark begins with that of UTF-16.
BYTE_ORDER_MARKS = {
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
}
# How files begin that hold text and more, which a model would have to learn too.
NO_PLAIN_TEXT = {
    b"PK\x03\x04": "a zip archive, as a .docx or an .epub is",
    b"\x1f\x8b": "compressed by gzip",
    b"%PDF-": "a PDF",
    b"{\\rtf": "rich text (RTF)",
}
# One line that ends like the name of a file that may hold text.
FILE_NAME = re.compile(r"[^\n]{1,250}\.(txt|md|log|csv|tsv|jsonl?|xml|html?|pdf|docx?|epub|ipynb|py|zip|gz)", re.I)

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
        require(not path.is_dir(), f"{str(source)!r} is a folder, {path.absolute()}; it takes one file of text")
        require(path.is_file(), f"{missing}: {path.absolute()}")
    except (OSError, RuntimeError):  # a whole text passed as its own name is too long for one; `~nobody` has no home
        raise ValueError(missing) from None
    return read_text(path)


def require_text(text: object, name: str = "text") -> None:
    """Raise a `ValueError` unless this is a text: a string, and not the name of a text or a file in its place.

    >>> require_text("corpus.txt")
    Traceback (most recent call last):
    ...
    ValueError: text is 'corpus.txt', which is only a name; it takes the text itself: load_text('corpus.txt')
    """
    known = isinstance(text, str) and (text in (*SHIPPED, *CORPORA) or FILE_NAME.fullmatch(text) or names_file(text))
    if known or isinstance(text, PurePath):
        told = repr(str(text))
        raise ValueError(f"{name} is {told}, which is only a name; it takes the text itself: load_text({told})")
    require(isinstance(text, str), f"{name} is a {type(text).__name__}; it takes a string")


def names_file(text: str) -> bool:
    """Tell whether a string is the path of a file that exists."""
    # Most texts are too long for a path, and needn't be looked for on the disk.
    return len(text) < 1000 and "\n" not in text and os.path.isfile(text)


def read_text(path: Path) -> str:
    """Read a file and clean it: UTF-8, or what its byte order mark names. A `ValueError` says what's wrong with it."""
    raw = path.read_bytes()
    other = next((kind for head, kind in NO_PLAIN_TEXT.items() if raw.startswith(head)), None)
    require(other is None, f"{path} is {other}; it takes plain text, as most programs save it on request (.txt, UTF-8)")
    encoding = next((name for name, marks in BYTE_ORDER_MARKS.items() if raw.startswith(marks)), "utf-8")
    zero = raw.find(b"\0") if encoding == "utf-8" else -1
    if zero >= 0:
        # UTF-16 writes an ASCII letter as two bytes, one of them zero, and both are valid UTF-8 too.
        likely = "utf-16-le" if zero % 2 else "utf-16-be"
        told = f"{path} has a zero byte at offset {zero}. No text in UTF-8 has one, but UTF-16 has many"
        raise ValueError(f"{told}. {way_out(likely)} If it looks wrong then, it's no text.")
    # Not errors="replace", which would hide the damage until a model has learned it.
    try:
        text = clean_text(raw.decode(encoding))
    except UnicodeDecodeError as error:
        advice = way_out("cp1252") if encoding == "utf-8" else "It begins like one; save it again, best as UTF-8."
        raise ValueError(f"{path} is not {encoding.upper()}: {where(raw, error)}. {advice}") from None
    require(bool(text.strip()), f"{path} holds no text ({len(raw)} bytes); give a file with some words in it")
    return text


def where(raw: bytes, error: UnicodeDecodeError) -> str:
    """Say which byte of a file doesn't belong there, by its offset and by line and column."""
    # Editors count lines and columns from 1. On the first line `rfind` gives -1, and the difference still holds.
    before = raw[: error.start]
    line = before.count(b"\n") + 1
    column = len(before) - before.rfind(b"\n")
    place = f"offset {error.start} (line {line}, byte {column} of the line)"
    return f"byte 0x{raw[error.start]:02x} at {place} does not fit"


def way_out(encoding: str) -> str:
    """Say what to do about a file that isn't UTF-8 and may be in this encoding."""
    read = f"Path(...).read_text(encoding={encoding!r})"
    return f"Save the file as UTF-8 in your editor, or read it yourself: {read} is a common case."


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
    # A word with its apostrophes ("isn't"), a flag, or any other single character, with the marks that belong to it
    # ("की", "👍🏽"). Each character of the text ends up in exactly one piece, so joining them all gives the text back.
    pieces = regex.findall(r"[\w\p{N}]+(?:['’][\w\p{N}]+)*|\s|\p{RI}{2}|\X", text)
    return pieces if keep_whitespace else [piece for piece in pieces if not piece.isspace()]


def fetch_corpus(name: str) -> Path:
    """Return the path of a named corpus in the cache; download it unless an intact copy is there."""
    require(name in CORPORA, f"there is no corpus {name!r}; it takes one of {', '.join(map(repr, CORPORA))}")
    shipped = "use a text shipped with the course, load_text('story') or load_text('tales')"
    return fetch(CORPORA[name], f"{name}.txt", instead=shipped)
