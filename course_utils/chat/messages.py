"""What an export becomes: messages, and a report of what became of every line of it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from course_utils.common import require

# "unknown" is what an export names without showing it: an empty line may be a call, an event, or a photo seen once.
KINDS = ("message", "edited", "media", "deleted", "poll", "location", "contact", "call", "system", "unknown")
ORDERS = ("DMY", "MDY", "YMD")
ORDER_WORDS = {"DMY": "day, month, year", "MDY": "month, day, year", "YMD": "year, month, day"}


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of a chat. Its `kind` is one of `KINDS`.

    `sender` is None when the app itself speaks. `time` has a time zone if the export names one; it's None if the export
    has none. `text` is what the person typed: for media the caption, for an edited message its last version.
    `media` is the file's name, or what sort of file was left out. `chat` is the name of the chat.

    >>> Message("Mara", datetime(2025, 2, 28, 18, 5), "hi").kind
    'message'
    """

    sender: str | None
    time: datetime | None
    text: str
    kind: str = "message"
    media: str | None = None
    chat: str = ""


class Tally(NamedTuple):
    """How often something happened, and the first time it did."""

    count: int
    first: str


def shorten(text: str, width: int = 72) -> str:
    r"""Return a text on one line, cut to `width` characters, with what can't be seen made visible.

    >>> shorten("one\ntwo\u200e"), shorten("abcdef", width=4)
    ('one\\ntwo\\u200e', 'abc…')
    """
    text = text[: width + 1].replace("\n", "\\n").replace("\t", " ")
    text = "".join(c if c.isprintable() or c in "\u200c\u200d" else f"\\u{ord(c):04x}" for c in text)
    return text if len(text) <= width else text[: width - 1] + "…"


@dataclass
class Report:
    """What became of every line (of every entry, if the export is JSON), and how sure we are. Print it to read it.

    `lines` counts the lines by kind, `notes` says what was done to the file, and `doubts` what the file doesn't decide.
    Each maps a kind or a sentence to a `Tally`: how often, and the first example.

    >>> report = Report("WhatsApp")
    >>> report.count("message", "18:05 - Mara: hi")
    >>> report.lines
    {'message': Tally(count=1, first='18:05 - Mara: hi')}
    """

    format: str = ""
    reason: str = ""
    date_order: str | None = None
    lines: dict[str, Tally] = field(default_factory=dict)
    notes: dict[str, Tally] = field(default_factory=dict)
    doubts: dict[str, Tally] = field(default_factory=dict)

    def count(self, outcome: str, example: str, number: int = 1) -> None:
        """Count a line as `outcome`, such as "message"."""
        add(self.lines, outcome, example, number)

    def note(self, sentence: str, example: str = "", number: int = 1) -> None:
        """Write down something that was done to the file."""
        add(self.notes, sentence, example, number)

    def doubt(self, sentence: str, example: str = "", number: int = 1) -> None:
        """Write down something that the file doesn't decide."""
        add(self.doubts, sentence, example, number)

    @property
    def total(self) -> int:
        """The number of lines, or of entries, that were read."""
        return sum(tally.count for tally in self.lines.values())

    def include(self, other: "Report", name: str = "") -> None:
        """Add another file's report to this one; `name` goes before its notes and doubts."""
        for attribute in ("format", "reason"):
            parts = [part for part in (getattr(self, attribute), getattr(other, attribute)) if part]
            setattr(self, attribute, "; ".join(dict.fromkeys(parts)))
        # Two files with different orders have no order in common.
        self.date_order = other.date_order if self.date_order in (None, other.date_order) else "mixed"
        for kind, tally in other.lines.items():
            self.count(kind, tally.first, tally.count)
        for mine, theirs in ((self.notes, other.notes), (self.doubts, other.doubts)):
            for sentence, tally in theirs.items():
                add(mine, f"{name}: {sentence}" if name else sentence, tally.first, tally.count)

    def __str__(self) -> str:
        rows = [f"{self.format}, {self.total:,} lines or entries"]
        rows += [f"  found by: {self.reason}"] if self.reason else []
        if self.date_order:
            rows.append(f"  dates: {ORDER_WORDS.get(self.date_order, 'mixed')}")
        rows += [f"{tally.count:>9,}  {kind:<13} {tally.first}" for kind, tally in ranked(self.lines)]
        for title, tallies in (("What was done:", self.notes), ("What the file doesn't decide:", self.doubts)):
            rows += [title] if tallies else []
            rows += [f"{tally.count:>9,}  {sentence}{first_seen(tally)}" for sentence, tally in tallies.items()]
        return "\n".join(rows)


def add(tallies: dict[str, Tally], what: str, example: str, number: int) -> None:
    """Count `what` in a dictionary of tallies; the example is kept the first time."""
    old = tallies.get(what)
    tallies[what] = Tally(number, shorten(example.rstrip("\n"))) if old is None else Tally(old[0] + number, old[1])


def ranked(tallies: dict[str, Tally]) -> list[tuple[str, Tally]]:
    """The tallies, most frequent first."""
    return sorted(tallies.items(), key=lambda item: -item[1].count)


def first_seen(tally: Tally) -> str:
    """The example of a tally, as the end of a sentence."""
    return f" (first: {tally.first})" if tally.first else ""


@dataclass
class Chat:
    """The messages of one export or of several, in order, and the report of reading them."""

    messages: list[Message]
    report: Report = field(default_factory=Report)

    def __len__(self) -> int:
        return len(self.messages)

    @property
    def senders(self) -> dict[str, int]:
        """Each sender with the number of their entries, most first.

        >>> Chat([Message("Mara", None, "hi"), Message(None, None, "Mara left", "system")]).senders
        {'Mara': 1}
        """
        counts: dict[str, int] = {}
        for message in self.messages:
            if message.sender is not None:
                counts[message.sender] = counts.get(message.sender, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: -item[1]))

    def of_kind(self, *kinds: str) -> list[Message]:
        """The messages of these kinds; `chat.of_kind("message", "edited")` is what people typed."""
        for kind in kinds:
            require(kind in KINDS, f"kind is {kind!r}; it takes one of {', '.join(KINDS)}")
        return [message for message in self.messages if message.kind in kinds]
