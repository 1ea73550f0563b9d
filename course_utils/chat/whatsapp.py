"""WhatsApp's text exports, in two passes: one over all headers to learn the format, one that builds the messages."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import islice

from course_utils.chat.dates import (
    MAY_START,
    Order,
    Shape,
    calendar_date,
    clock,
    foreign_calendar,
    infer_order,
    is_likely,
    order_switch,
    shape_of,
    weekday_order,
)
from course_utils.chat.kinds import Export, Finding, is_welcome, sounds_like_system, understand, without_marks
from course_utils.chat.messages import Message, Report, shorten
from course_utils.common import require

Lines = Callable[[], Iterable[str]]  # opens the text once more and yields its lines, each with its "\n"
# A line of another format in a message is quoted text. From this many on, it's another export that was joined.
JOINED = 20
FORWARDED = "[Forwarded] "
NAME = 100  # no group or contact has a longer name
LOG_LEVELS = {"trace", "debug", "info", "notice", "warn", "warning", "error", "err", "critical", "fatal"}
QUOTES = ('""', "“”", "„“", "«»", "「」", "””")
# A sender in a file of which an editor made all spaces wider.
ODD_SPACE = re.compile(r"[^:\n]{1,100}:[\u00a0\u2009\u202f]")
# The beginning of a header at the end of a file that was cut.
CUT = re.compile(r"\W{0,3}\d{1,4}\s?[./\-年]\s?\d{1,2}\s?[./\-月][^a-zA-Z]{0,30}(?:[AaPp]\.?[Mm]?\.?)?")


@dataclass
class Run:
    """Headers of one shape that follow each other: how many, and each new date with its line's number."""

    shape: Shape
    first: int
    count: int = 0
    dates: list[tuple[int, str]] = field(default_factory=list)
    example: str = ""


@dataclass
class Survey:
    """What the first pass learns: runs of headers, how often each sender writes, and how.

    `longer` holds for "Ida" how often lines go on "Ida: gym: ", which is then a name too, or a text with a colon.
    `marked` counts each sender's texts that begin with U+200E, `certain` names those that such a text proves.
    """

    runs: list[Run] = field(default_factory=list)
    senders: dict[str, int] = field(default_factory=dict)
    marked: dict[str, int] = field(default_factory=dict)
    longer: dict[str, dict[str, int]] = field(default_factory=dict)
    certain: set[str] = field(default_factory=set)
    dashes: int = 0
    lines: int = 0

    def see(self, number: int, day: str, rest: str) -> None:
        """Take note of one header and what follows it."""
        run = self.runs[-1]
        run.count += 1
        if not run.dates or run.dates[-1][1] != day:
            run.dates.append((number, day))
        end = rest.find(": ")
        if rest.startswith("- ") or end < 0:
            self.dashes += rest.startswith("- ")
            return
        name = rest[:end]
        self.senders[name] = self.senders.get(name, 0) + 1
        if rest.startswith("\u200e", end + 2):
            self.marked[name] = self.marked.get(name, 0) + 1
            return
        second = rest.find(": ", end + 2, NAME)
        if second > 0:
            names = self.longer.setdefault(name, {})
            names[rest[:second]] = names.get(rest[:second], 0) + 1
            if rest.startswith("\u200e", second + 2):
                self.certain.add(rest[:second])


def survey(lines: Iterable[str]) -> Survey:
    """Read all headers once."""
    found, matchers, match = Survey(), {}, None
    for number, line in enumerate(lines):
        head = match(line) if match else None
        if head is None:
            shape = shape_of(line) if MAY_START.match(line) else None
            if shape is None:
                continue
            other = matchers.get(shape) or matchers.setdefault(shape, shape.pattern())
            head = other(line)
            if head is None:
                continue
            match = other
            found.runs.append(Run(shape, number, example=line))
        found.see(number, head["date"], line[head.end() :])
        found.lines = number
    return found


@dataclass(frozen=True)
class Segment:
    """A part of a file in one format: its first line, its shape, the order of its dates, and who wrote it."""

    first: int
    shape: Shape
    order: Order
    writer: str


def real_runs(runs: list[Run], report: Report) -> list[Run]:
    """The runs that are exports of their own; the others are text that somebody pasted into a message."""
    # How many headers of its shape there are from a run on, itself included.
    left, counts = [], Counter()
    for run in reversed(runs):
        counts[run.shape] += run.count
        left.append(counts[run.shape])
    left.reverse()
    last = {run.shape: i for i, run in enumerate(runs)}
    real = [runs[0]]
    for i, run in enumerate(runs[1:], start=1):
        now = real[-1]
        if run.shape == now.shape:
            now.count += run.count
            now.dates += run.dates
        elif is_joined(run, now, left[i], resumes=last[now.shape] > i):
            real.append(run)
            sentence = f"the format changes, as if two exports were joined: {now.shape}, then {run.shape}"
            report.note(sentence, run.example)
        else:
            report.note("a line that looks like a message in another format is part of a text", run.example, run.count)
    return real


def is_joined(run: Run, before: Run, left: int, resumes: bool) -> bool:
    """Whether headers of another shape are another export: many, or time goes on and the first shape is over."""
    if resumes and run.count < JOINED:
        return False
    goes_on = day_of(run, 0) >= day_of(before, -1)
    return goes_on if resumes else left >= (2 if goes_on else 5)


def day_of(run: Run, index: int) -> date:
    """The first or the last day of a run, as far as the order of its dates is known."""
    order = infer_order(run.shape, [text for _, text in run.dates]).name
    return calendar_date(run.dates[index][1], order) or date.min


def segments_of(run: Run, writer: str, date_order: str | None, lines: Lines, report: Report) -> Iterator[Segment]:
    """A run with its order of day and month; two segments if that order changes on the way."""
    texts = [text for _, text in run.dates]
    switch = None if date_order or run.shape.year == "first" else order_switch(texts)
    for start, end in ((0, switch), (switch, None)) if switch else ((0, None),):
        order = chosen(date_order, run.shape, texts[start:end])
        if not order.certain and writer == "Web":
            order = Order("MDY", "WhatsApp Web always writes so")
        elif not order.certain:
            # Rarely needed, and so it may cost a pass of its own.
            order = weekday_order(lines()) or order
        if start:
            report.note(f"the order of day and month changes to {order.name} in the middle", texts[start])
        yield Segment(run.dates[start][0] if start else run.first, run.shape, order, writer)


def chosen(date_order: str | None, shape: Shape, texts: list[str]) -> Order:
    """The order that was asked for, if it's possible, or else the one that the dates show."""
    if date_order is None or shape.year == "first":
        return infer_order(shape, texts)
    wrong = [text for text in texts if calendar_date(text, date_order) is None]
    told = f"date_order is {date_order!r}, but {wrong[:1]} is no date in it; leave it out, and it's inferred"
    require(len(wrong) * 2 < len(texts), told)
    return Order(date_order, "it was given")


def writer_of(shape: Shape, found: Survey, stem: str) -> str:
    """Which program wrote a run of headers."""
    if not shape.bracket:
        return "iOS" if shape.old else "Android"
    if not shape.seconds and not found.marked:
        return "Copy" if shape.turn else "Signal"
    # On the Web own messages are by "You", the app's own lines have a dash for a name, and something stands before.
    # Nothing that the Web writes has a mark of direction.
    web = shape.separator == "/" and shape.half == "behind upper" and shape.year == "short"
    signs = stem == "chat" or "You" in found.senders or found.runs[0].first > 0
    return "Web" if web and (found.dashes or (signs and not found.marked)) else "iOS"


FORMATS = {
    "Android": "WhatsApp (Android)",
    "iOS": "WhatsApp (iOS)",
    "Web": "WhatsApp (Web or Desktop)",
    "Copy": "text copied from WhatsApp's window",
    "Signal": "text with times in brackets (tools for Signal)",
}


def parse(lines: Lines, title: str, report: Report, date_order: str | None = None, stem: str = "") -> list[Message]:
    """Read a text export; `title` is the chat's name, from the file's name, and `stem` that name itself.

    Without a line that begins with a possible date there's no message.
    """
    found = survey(lines())
    if not found.runs:
        return []
    segments: list[Segment] = []
    for run in real_runs(found.runs, report):
        segments += segments_of(run, writer_of(run.shape, found, stem), date_order, lines, report)
    report.format = "; ".join(dict.fromkeys(FORMATS[segment.writer] for segment in segments))
    report.reason = f"line {found.runs[0].first + 1} is {shorten(found.runs[0].example.rstrip())!r}"
    explain(segments, report)
    messages = list(Reader(found, title, report).messages(lines, segments))
    if not found.senders:
        report.doubt("no line has a sender: lines of the app, or no chat at all", found.runs[0].example)
    elif all(name.strip().casefold() in LOG_LEVELS for name in found.senders):
        report.doubt("the senders are called as a program's log calls its lines: hardly a chat", found.runs[0].example)
    return messages


def explain(segments: list[Segment], report: Report) -> None:
    """Say in the report in which order dates were read, and why."""
    orders = {segment.order.name for segment in segments}
    report.date_order = orders.pop() if len(orders) == 1 else "mixed"
    for segment in segments:
        sentence = f"dates like {segment.shape} read as {segment.order.name}: {segment.order.reason}"
        if segment.order.certain:
            report.note(sentence)
        else:
            report.doubt(f"{sentence}; date_order= sets it")


class Days(dict):
    """Dates by how they are written. A chat has few days and many lines, so each is worked out once."""

    def __init__(self, order: str):
        self.order = order

    def __missing__(self, text: str) -> date | None:
        self[text] = calendar_date(text, self.order)
        return self[text]


class Clocks(dict):
    """Times of day by how they are written."""

    def __missing__(self, text: str) -> time | None:
        self[text] = clock(text)
        return self[text]


@dataclass(frozen=True)
class Sender:
    """What stands before a colon: a name, cleaned, or None where it's a line of the app; and names that go on."""

    name: str | None
    longer: tuple[str, ...] = ()


class Reader:
    """The second pass: lines become messages."""

    def __init__(self, found: Survey, title: str, report: Report):
        self.found, self.title, self.report = found, title, report
        self.begin("Android")
        self.header, self.first = "", True  # of the message that is read, and whether it's the first of all
        self.short: dict[str, str] = {}
        self.senders: dict[str, Sender] = {}
        # A contact of the same name is somebody else than "~Noor", whom the phone doesn't know.
        self.contacts = {clean_name(name) for name in found.senders if "~" not in name}

    def begin(self, writer: str) -> None:
        """A part of the file begins that this program wrote."""
        self.export = Export(writer, bool(self.found.marked or self.found.certain), self.report)

    def messages(self, lines: Lines, segments: list[Segment]) -> Iterator[Message]:
        """Yield the messages of a text, and count its lines."""
        latest = None
        for when, rest, more in self.entries(lines, segments):
            if latest is not None and when < latest:
                self.tell_step_back(latest - when, rest)
            latest = when
            message = self.message(when, rest, "".join(more))
            self.first = False
            self.report.count(message.kind, rest)
            yield message
            if more:
                self.report.count("continued", more[0], len(more))

    def tell_step_back(self, step: timedelta, rest: str) -> None:
        """Report that time runs backwards; by more than a day it's less likely that a message was late."""
        if step > timedelta(days=1):
            sentence = "time runs backwards by more than a day: pasted text that looks like messages, or late ones"
            self.report.doubt(sentence, rest)
        else:
            self.report.note("time runs backwards: a late message, or pasted text that looks like one", rest)

    def entries(self, lines: Lines, segments: list[Segment]) -> Iterator[tuple[datetime, str, list[str]]]:
        """Yield time, first line without its header, and further lines of each entry."""
        upcoming = iter([*segments, None])
        following, match, days, clocks = next(upcoming), None, Days("DMY"), Clocks()
        self.header, when, rest, more, line = "", None, None, [], ""
        for number, line in enumerate(lines()):
            if following and number == following.first:
                yield from self.finished(when, rest, more)
                self.look_at(days)
                match, days = following.shape.pattern(), Days(following.order.name)
                self.begin(following.writer)
                self.header, rest, more, following = "", None, [], next(upcoming)
            head = match(line) if match else None
            new = head is not None and head[0] != self.header
            if head is None or (new and not self.is_date(days[head["date"]], clocks[head["time"]], line)):
                more.append(line)
                continue
            yield from self.finished(when, rest, more)
            rest, more = line[head.end() :], []
            if new:
                # The messages of one minute share their time, which saves much memory.
                self.header, when = head[0], datetime.combine(days[head["date"]], clocks[head["time"]])
        yield from self.at_end(when, rest, more, line)
        self.look_at(days)

    def is_date(self, day: date | None, hour: time | None, line: str) -> bool:
        """Whether a header has a possible date and time; if not, the line is part of a text, which is reported."""
        if day is None or hour is None:
            self.report.note("a line that looks like a message has no possible date and is text", line)
        return day is not None and hour is not None

    def finished(self, when: datetime | None, rest: str | None, more: list[str]) -> Iterator[tuple]:
        """Yield an entry that is complete; what comes before the first header is only counted."""
        if rest is not None:
            yield when, rest, more
        elif more:
            self.report.count("before the first message", more[0], len(more))

    def at_end(self, when: datetime | None, rest: str | None, more: list[str], line: str) -> Iterator[tuple]:
        """Yield the last entry, without a header that was cut off."""
        names = [*self.found.senders]
        if line.endswith("\n") or rest is None:
            yield from self.finished(when, rest, more)
        elif more and CUT.fullmatch(without_marks(line).lstrip("[")):
            yield when, rest, more[:-1]
            self.cut(line)
        elif not more and ": " not in rest and any(name.startswith(rest) for name in names):
            self.cut(line)
        else:
            yield when, rest, more

    def cut(self, line: str) -> None:
        """Count the last line as cut off."""
        self.report.count("cut off", line)
        self.report.note("the file ends in the middle of a line, which was left out", line)

    def look_at(self, days: Days) -> None:
        """Say so if the years weren't those of the common calendar, or nobody can have written on such a day."""
        odd = next((text for text, day in days.items() if day and not is_likely(day)), None)
        if odd:
            self.report.doubt("a date before 2009, when WhatsApp began, or in the future", odd)
        for text in list(days)[:1]:
            name = foreign_calendar(text, days.order)
            about = "; a date may be a day off" if name == "Islamic" else ""
            if name:
                self.report.note(f"dates of the {name} calendar were converted{about}", text)

    def message(self, when: datetime, rest: str, more: str) -> Message:
        """One entry as a message."""
        name, text = self.split(rest)
        text = text + more if more else text
        if "\ufffd" in text:
            self.report.doubt("a character that can't be read stands as U+FFFD in a text", text)
        if name is None:
            plain = without_marks(text)
            found = understand("\u200e" + plain, Export("Web", False, Report())) if len(plain) < 100 else None
            kind = "call" if found and found.kind == "call" else "system"
            return Message(None, when, plain, kind, None, self.title)
        if self.export.writer == "Web" and text.startswith(FORWARDED):
            self.report.note("[Forwarded] was removed: somebody else's words", text)
            text = text.removeprefix(FORWARDED)
        found = understand(text, self.export)
        if found.kind == "message" and self.export.writer == "iOS":
            if text.startswith("\u200e"):
                found = self.system_or_typed(name, rest, found)
            elif not self.export.marked:
                found = self.system_without_mark(name, found)
        sender = None if found.kind == "system" else name
        return Message(sender, when, self.shared(found.text), found.kind, found.media, self.title)

    def shared(self, text: str) -> str:
        """The same text, but one copy of "ok" for all who say it."""
        if len(text) > 16:
            return text
        if len(self.short) > 20_000:
            self.short.clear()
        return self.short.setdefault(text, text)

    def split(self, rest: str) -> tuple[str | None, str]:
        """The sender of a line and what follows; no sender where the app speaks."""
        end = rest.find(": ")
        if self.export.writer == "Web" and rest.startswith("- "):
            return None, rest[2:]
        if end < 0 and (odd := ODD_SPACE.match(rest)):
            return self.split(f"{rest[: odd.end() - 1]} {rest[odd.end() :]}")
        if end < 0:
            bare = rest.rstrip()
            # An empty message, of which an editor removed the space at the end.
            name = self.meet(bare[:-1], rest).name if bare.endswith(":") and len(bare) < NAME else None
            return (name, "") if name else (None, rest)
        sender = self.senders.get(rest[:end]) or self.meet(rest[:end], rest)
        for name in sender.longer:
            if rest.startswith(name + ": "):
                return self.meet(name, rest).name, rest[len(name) + 2 :]
            if self.export.writer == "Android" and rest.startswith(name + " ") and rest.count(": ") == name.count(": "):
                return None, rest  # "Ida: gym left", about somebody who writes as "Ida: gym"
        return (None, rest) if sender.name is None else (sender.name, rest[end + 2 :])

    def meet(self, name: str, rest: str) -> Sender:
        """Decide once what a name is; every further line of it is looked up."""
        if self.is_sentence(name, rest):
            # Not kept: the same beginning may be a sentence here and a name there.
            return Sender(None)
        sender = Sender(clean_name(name), tuple(self.names_beginning(name)))
        if "~" in name[:3]:
            self.report.note("a sender who isn't in the contacts has ~ before the name, which was removed", name)
            if sender.name in self.contacts:
                sender = Sender(f"~{sender.name}", sender.longer)
        if self.export.writer == "Web" and name == "You":
            self.report.note("the exporter's own messages are by “You”", rest)
        self.senders[name] = sender
        return sender

    def is_sentence(self, name: str, rest: str) -> bool:
        """Whether what stands before the colon is the beginning of a line of the app on Android."""
        if not clean_name(name):
            return True
        if self.export.writer != "Android":
            return False
        if len(name) > NAME or opens_quote(name, rest):
            return True
        if self.found.senders.get(name, 0) > 1 or name.count(" ") < 2:
            return False
        if sounds_like_system(name):
            self.report.doubt("sounds like a line of the app up to its colon, and was taken as one", rest)
            return True
        # "Ola zmieniła temat na: kino", where Ola writes too; but "Ola Maria von Berg" goes on as a name does.
        words = name.split(" ")
        starts = [end for end in range(1, len(words)) if " ".join(words[:end]) in self.found.senders]
        acts = len(words) > 3 and any(words[end][:1].isalpha() and not words[end][:1].isupper() for end in starts)
        if acts:
            self.report.doubt("begins with a sender's name and goes on, and was taken as a line of the app", rest)
        return acts

    def names_beginning(self, name: str) -> Iterator[str]:
        """Longer names, with a colon, that begin with this one: proven by a mark, the file's name, or repetition."""
        total = self.found.senders.get(name, 0)
        for longer, count in self.found.longer.get(name, {}).items():
            named = letters(name) != letters(longer) == letters(self.title)
            if longer in self.found.certain or named:
                yield longer
            elif count == total > 1:
                self.report.note("a name with a colon: all lines of this sender begin so", longer)
                yield longer
            elif count > 2 and count * 4 >= total * 3:
                self.report.doubt("a name with a colon, since most lines of this sender begin so", longer, count)
                yield longer
            # One text in ten at least: everybody says "One more thing: " now and then.
            elif count * 10 >= total and (count > 1 or total == 1):
                sentence = f"texts of {name!r} that begin with a word and a colon: the name might be longer"
                self.report.doubt(sentence, longer, count)

    def left_out(self, found: Finding) -> Finding:
        """A short text that has the app's mark, also before its header: so iOS writes media, here in unknown words."""
        sentence = "marked as media are, in words that aren't in our tables, taken as left out media"
        self.report.doubt(sentence, found.text)
        return Finding("media", "", found.text)

    def system_or_typed(self, name: str, rest: str, found: Finding) -> Finding:
        """A text on iOS with the app's mark that is none of the known stand-ins: the app's sentence, or pasted."""
        raw = rest.partition(": ")[0]
        if clean_name(found.text).startswith(name) or sounds_like_system(found.text):
            return Finding("system", found.text)
        if self.header.startswith("\u200e") and len(found.text) < NAME:
            return self.left_out(found)
        # A group is a "sender" of which there are no other texts. And a chat begins with the sentence about encryption.
        only_marked = self.found.marked.get(raw, 0) == self.found.senders.get(raw, 0)
        only_marked = only_marked or (self.first and len(found.text) > 40)
        taken = "its own sentence" if only_marked else "typed"
        self.report.doubt(f"begins with the mark of WhatsApp's own texts, and was taken as {taken}", found.text)
        return Finding("system", found.text) if only_marked else found

    def system_without_mark(self, name: str, found: Finding) -> Finding:
        """A text in an export of iOS that has no marks at all, perhaps since an editor removed them."""
        if is_welcome(found.text) or (found.text.startswith(f"{name} ") and sounds_like_system(found.text)):
            self.report.doubt("without WhatsApp's mark U+200E, but taken as its own sentence", found.text)
            return Finding("system", found.text)
        return found


def clean_name(name: str) -> str:
    r"""A sender's name without marks, odd spaces, and the sign of not being in the contacts.

    >>> clean_name("~\u202fNoor"), clean_name("\u202a+49\u00a0170\u202c")
    ('Noor', '+49 170')
    """
    # A letter and its accent may be one character, or two on a phone of Apple's.
    name = unicodedata.normalize("NFC", re.sub(r"[\u00a0\u2009\u202f]", " ", without_marks(name)))
    return name.removeprefix("~").strip()


def letters(name: str) -> str:
    """A name's letters and digits: what a file's name keeps of it."""
    return "".join(filter(str.isalnum, name.casefold()))


def opens_quote(name: str, rest: str) -> bool:
    """Whether a quotation is open at the colon, as in `Mara created group "Trip: Rome"`.

    >>> opens_quote('Mara created group "Trip', 'Mara created group "Trip: Rome"')
    True
    """
    for opening, closing in QUOTES:
        inside = name.count(opening) % 2 if opening == closing else name.count(opening) > name.count(closing)
        if inside and closing in rest[len(name) :]:
            return True
    return False


def looks_like(lines: Iterable[str]) -> bool:
    """Whether a text is an export: a header within its first lines."""
    return any(MAY_START.match(line) and shape_of(line) for line in islice(lines, 30))
