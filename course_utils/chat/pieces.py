"""JSON read piece by piece, so that a chat of 100 MB never lies in memory as one text."""

import json
import re
import sys
from typing import Any, TextIO

SPACE = re.compile(r"[ \t\n\r]*")
DIGITS = re.compile(r"[-+.0-9eE]*")
PIECE = 1 << 20  # characters
LONGEST = 64  # of what may be cut: a number, a literal
# What says the same in many entries of a chat.
SHARED = ("type", "from", "from_id", "sender_name")


def slim(entry: dict[str, Any]) -> dict[str, Any]:
    """Let entries share what they have in common; Telegram's `text_entities` say once more what a plain `text` says."""
    if isinstance(entry.get("text"), str) and entry["text"]:
        entry.pop("text_entities", None)
    for name in SHARED:
        if type(entry.get(name)) is str:
            entry[name] = sys.intern(entry[name])
    return entry


# Some tools leave a tab or a new line within a string as it is.
DECODER = json.JSONDecoder(object_hook=slim, strict=False)


def read_json(file: TextIO, piece: int = PIECE) -> Any:
    """Return the value in a text file, as `json.load` does; what's no JSON, or no single value, is a `ValueError`.

    >>> import io
    >>> read_json(io.StringIO('{"messages": [{"text": "hi"}, 12.5]} '), piece=3)
    {'messages': [{'text': 'hi'}, 12.5]}
    """
    pieces = Pieces(file, piece)
    value = pieces.value()
    if pieces.look():
        raise ValueError("there's more than one value")
    return value


class Pieces:
    """The part of a text that is being read. What fits in it is read by Python's own decoder, in C."""

    def __init__(self, file: TextIO, piece: int) -> None:
        self.file, self.piece = file, piece
        self.text, self.place, self.ended = "", 0, False

    def more(self) -> None:
        """Read the next piece, and let go of what has been understood."""
        new = self.file.read(self.piece)
        self.text, self.place, self.ended = self.text[self.place :] + new, 0, not new

    def look(self) -> str:
        """Return the next character that is no white space; nothing at the end."""
        while True:
            self.place = SPACE.match(self.text, self.place).end()
            if self.place < len(self.text) or self.ended:
                return self.text[self.place : self.place + 1]
            self.more()

    def take(self, marks: str) -> str:
        """Go past one of these marks and return it."""
        found = self.look()
        if not found or found not in marks:
            raise ValueError(f"{found!r} in place of one of {marks!r}")
        self.place += 1
        return found

    def value(self) -> Any:
        """Return the next value."""
        first = self.look()
        while True:
            try:
                value, end = DECODER.raw_decode(self.text, self.place)
                # More digits of a number may come with the next piece.
                if self.ended or DIGITS.match(self.text, end).end() < len(self.text):
                    self.place = end
                    return value
            except json.JSONDecodeError:
                seen = len(self.text) - self.place
                if self.ended or (first not in ("[", "{", '"') and seen > LONGEST):
                    raise
                if seen >= self.piece and first in ("[", "{"):
                    return self.items() if first == "[" else self.members()
            self.more()

    def items(self) -> list[Any]:
        """Return a list that doesn't fit in one piece, item by item."""
        self.take("[")
        if self.look() == "]":
            self.take("]")
            return []
        found = [self.value()]
        while self.take(",]") == ",":
            found.append(self.value())
        return found

    def members(self) -> dict[str, Any]:
        """Return an object that doesn't fit in one piece, member by member."""
        self.take("{")
        found: dict[str, Any] = {}
        if self.look() == "}":
            self.take("}")
            return found
        while True:
            if self.look() != '"':
                raise ValueError("a name that is no string")
            name = self.value()
            self.take(":")
            found[name] = self.value()
            if self.take(",}") == "}":
                return slim(found)
