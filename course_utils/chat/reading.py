"""`read`: find out what an export is, and read it."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from course_utils.chat import exports, files, whatsapp
from course_utils.chat.conversations import join
from course_utils.chat.files import Source, encoding_of, opened, text_lines, whole_file, whole_text
from course_utils.chat.messages import ORDERS, Chat, Message, Report, shorten
from course_utils.chat.pieces import read_json
from course_utils.common import require

FORMATS = ("whatsapp", *exports.PARSERS)
KNOWN = "WhatsApp's text (Android, iOS, Web), Telegram Desktop's JSON, Instagram's and Messenger's JSON, "
KNOWN += "DiscordChatExporter's JSON, and JSON Lines"
# "WhatsApp Chat with Finn", and so on in other languages: what follows is the name of the chat.
TITLE = re.compile(
    r".*?whatsapp.*?[ _-]+(?:with|mit|con|avec|com|met|med|с|z|cu|με|dengan|ile|-)[ _]+(.+)", re.IGNORECASE | re.DOTALL
)
TEXT_NAMES = ("_chat", "chat")


def read(path: str | Path | Iterable[str | Path], *, date_order: str | None = None, format: str | None = None) -> Chat:
    """Read a chat export: a file, a folder or a zip archive, or a list of them. Print the chat's `report` afterwards.

    It finds the format by itself; `format` names one of `FORMATS` if it's wrong. `date_order` ("DMY", "MDY" or "YMD")
    says what 3/2/25 means, for exports that don't show it. A `ValueError` says why something can't be read.
    Two text exports of one chat in such a list are joined without doubles.

    >>> read("no such chat.txt")
    Traceback (most recent call last):
    ValueError: there is no file or folder no such chat.txt
    """
    require(date_order in (None, *ORDERS), f"date_order is {date_order!r}; it takes one of {', '.join(ORDERS)}")
    require(format in (None, *FORMATS), f"format is {format!r}; it takes one of {', '.join(FORMATS)}")
    paths = [path] if isinstance(path, str | Path) else list(path)
    require(bool(paths) and all(isinstance(p, str | Path) for p in paths), f"path is {path!r:.60}; it takes paths")
    reading = Reading(date_order, format)
    for each in map(Path, paths):
        reading.read_path(each.expanduser() if str(each).startswith("~/") else each)
    return reading.chat()


@dataclass
class Pages:
    """What belongs to one chat of a JSON export, which may be spread over several files."""

    app: str
    title: str
    values: list[Any] = field(default_factory=list)
    report: Report = field(default_factory=Report)


@dataclass
class Reading:
    """All that is read by one call: the messages of texts, and the pages of JSON, which are joined at the end."""

    date_order: str | None
    format: str | None
    texts: list[list[Message]] = field(default_factory=list)
    report: Report = field(default_factory=Report)
    pages: dict[tuple, Pages] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    read: int = 0

    def read_path(self, path: Path) -> None:
        """Read one file, folder or archive."""
        before, self.unknown = self.read, []
        try:
            with opened(path, self.report) as sources:
                single = len(sources) == 1 and not sources[0].container
                self.read_sources(sources, path, single)
        except OSError as error:
            raise ValueError(f"{path} can't be opened: {error.strerror or error}") from None
        except RecursionError:
            raise ValueError(f"{path} is nested too deeply to be a chat export") from None
        archive = self.report.notes.get(files.INNER)
        if archive and not self.unknown:
            self.unknown.append(f"there are only archives in it, such as {archive.first}; give their own paths")
        require(self.read > before, unknown_format(path, self.unknown))

    def read_sources(self, sources: list[Source], path: Path, single: bool) -> None:
        """Read the files of one export: JSON first, then in each folder the texts, without those that were sent."""
        texts: dict[str, list[tuple[Source, tuple[str, str], Report]]] = {}
        for source in sources:
            report = Report()
            encoding = encoding_of(source, report)
            kind = sniff(source, encoding, self.format)
            if kind == "whatsapp":
                texts.setdefault(source.folder, []).append((source, encoding, report))
            elif kind is None or not self.add_json(source, encoding, report, path):
                self.unknown.append(f"{source.path} begins with {beginning(source, encoding)}")
        for group in texts.values():
            self.read_texts(group, path, single)
        if self.unknown and not single:
            self.report.note("a file beside the chat is no chat export, and was left out", self.unknown[0])

    def read_texts(self, group: list[tuple[Source, tuple[str, str], Report]], path: Path, single: bool) -> None:
        """Read the texts of one folder; others that lie there may be files that somebody sent."""
        main = [item for item in group if single or is_main(item[0])] or group
        # The Web puts the same chat beside it once more, as Markdown.
        main = [item for item in main if not item[0].name.endswith(".md")] or main
        for source, _, _ in (item for item in group if item not in main):
            self.report.note("a text beside the chat is a file that somebody sent, and was left out", source.path)
        sent: set[str] = set()
        for source, encoding, report in sorted(main, key=lambda item: item[0].stem != item[0].container):
            if source.name in sent:
                self.report.note("a text beside the chat is a file that somebody sent, and was left out", source.path)
                continue
            found = self.read_text(source, encoding, report)
            sent |= {message.media for message in found if message.media and message.media.endswith(".txt")}

    def read_text(self, source: Source, encoding: tuple[str, str], report: Report) -> list[Message]:
        """Read one text export."""
        title = title_of(source)

        def lines() -> Iterator[str]:
            return text_lines(source, *encoding)

        found = whatsapp.parse(lines, title, report, self.date_order, source.stem)
        if found:
            self.texts.append(found)
            self.include(report, source.path)
        else:
            self.unknown.append(f"{source.path} has no possible date, it begins with {beginning(source, encoding)}")
        return found

    def add_json(self, source: Source, encoding: tuple[str, str], report: Report, path: Path) -> bool:
        """Keep a JSON file for the end, with the other pages of its chat; False if it's of no known format."""
        values = load(source, encoding, report)
        app = self.format or next(filter(None, map(exports.recognise, values[:1])), None)
        if app is None and values and any(map(exports.is_plain, values[:20])):
            app = "jsonl"
        if app is None or not values or (app != "jsonl" and not isinstance(values[0], dict)):
            return False
        for value in [values] if app == "jsonl" else values:
            # A list, or lines, may hold several chats of an app.
            if app == "jsonl" or isinstance(value, dict):
                self.keep(app, source, value, report, path)
                report = Report()
            else:
                report.note("a value beside the chats is no chat, and was left out", repr(value))
        return True

    def keep(self, app: str, source: Source, value: Any, report: Report, path: Path) -> None:
        """File a JSON value under its chat: pages of Instagram's lie in one folder and are of one thread."""
        key: tuple = (app, str(path), source.path)
        if app in ("meta", "messenger"):
            thread = value.get("thread_path") or value.get("title") or value.get("threadName")
            key = (app, thread if isinstance(thread, str) else str(path.parent))
        elif app == "discord" and isinstance(value.get("channel"), dict) and value["channel"].get("id"):
            key = (app, str(value["channel"]["id"]))
        pages = self.pages.setdefault(key, Pages(app, title_of(source)))
        pages.values.extend(value) if app == "jsonl" else pages.values.append(value)
        report.format = exports.NAMES[app]
        report.reason = f"the names in {source.name}"
        pages.report.include(report)
        self.read += 1

    def include(self, report: Report, name: str) -> None:
        """Add a file's report; with the file's name as soon as there are several."""
        self.report.include(report, name if self.read else "")
        self.read += 1

    def chat(self) -> Chat:
        """Everything that was read."""
        messages = self.joined_texts()
        known = exports.Known()
        for pages in self.pages.values():
            found = exports.PARSERS[pages.app](pages.values, pages.report, pages.title, known)
            before = len(messages)
            messages += found
            if len(messages) == before:
                pages.report.doubt("there is no message in it", pages.title)
            self.report.include(pages.report, pages.title if len(self.pages) > 1 else "")
        return Chat(messages, self.report)

    def joined_texts(self) -> list[Message]:
        """The messages of all texts; two exports of one chat are joined without doubles, others follow each other."""
        one = [message for text in self.texts for message in text]
        if len(self.texts) < 2:
            return one
        both = join(map(Chat, self.texts))
        if len(both) == len(one):
            return one
        self.report.include(both.report)
        return both.messages


def is_main(source: Source) -> bool:
    """Whether a text has a name that WhatsApp gives to the chat itself."""
    stem = source.stem.casefold()
    return stem in TEXT_NAMES or "whatsapp" in stem or source.stem == source.container


def title_of(source: Source) -> str:
    """The name of a chat, from the name of its file, or of the archive around it."""
    stem = source.container if source.stem in TEXT_NAMES else source.stem
    stem = re.sub(r" ?\(\d+\)$", "", stem.removesuffix(".zip"))
    match = TITLE.fullmatch(stem)
    return (match[1] if match else stem).strip()


def sniff(source: Source, encoding: tuple[str, str], format: str | None) -> str | None:
    """What a file is by its first lines, if it can be of this format: "whatsapp", "json", or None."""
    if format not in (None, "whatsapp"):
        return "json"
    head = list(islice(text_lines(source, *encoding), 30))
    if whatsapp.looks_like(head):
        return "whatsapp"
    first = next((line.strip("\ufeff \t\r\n") for line in head if line.strip("\ufeff \t\r\n")), "")
    if first[:1] in ("{", "[") and not format:
        return "json"
    # A long first message, of which the beginning was cut away.
    found = whatsapp.survey(text_lines(source, *encoding))
    return "whatsapp" if sum(run.count for run in found.runs) > (0 if format else 2) else None


def load(source: Source, encoding: tuple[str, str], report: Report) -> list[Any]:
    """The values of a JSON file: one for a whole file, several for JSON Lines or a list; of a cut file what's there."""
    try:
        with whole_file(source, *encoding) as file:
            value = read_json(file)
        return value if isinstance(value, list) else [value]
    except ValueError:
        pass
    values = load_lines(text_lines(source, *encoding), report)
    if values:
        return values
    text = whole_text(source, *encoding)
    whole = rescue(text)
    if whole is not None:
        report.note("the file is cut: the entries before the cut were read", text[-60:])
    else:
        whole = without_faults(text, report)
    if whole is None:
        return []
    return whole if isinstance(whole, list) else [whole]


def load_lines(lines: Iterable[str], report: Report) -> list[Any]:
    """The values of JSON Lines; lines that can't be read are counted. Nothing if the first line is no object."""
    values, bad = [], []
    for line in (line.strip("\n\ufeff") for line in lines):
        if not line.strip():
            continue
        try:
            value = json.loads(line, strict=False)
        except ValueError:
            bad.append(line)
        else:
            values.append(value)
        if not any(isinstance(value, dict) for value in values):
            return []
    for line in bad:
        report.count("unreadable", line)
        report.note("a line that is no JSON", line)
    return values


TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}"]', re.DOTALL)


def rescue(text: str) -> Any:
    """The value of a JSON text of which the end is missing, up to the last entry that is complete; or None.

    >>> rescue('{"messages": [{"text": "hi"}, {"text": "the')
    {'messages': [{'text': 'hi'}]}
    """
    open_brackets, end, closing = [], 0, ""
    for token in TOKEN.finditer(text):
        mark = token[0]
        if mark == '"':
            break  # a string without an end
        if mark in "[{":
            open_brackets.append("]" if mark == "[" else "}")
        elif mark in "]}":
            if not open_brackets or open_brackets.pop() != mark:
                break
            if open_brackets and open_brackets[-1] == "]" and len(open_brackets) < 8:
                end, closing = token.end(), "".join(reversed(open_brackets))
    try:
        return json.loads(text[:end] + closing, strict=False)
    except ValueError:
        return None


def without_faults(text: str, report: Report, most: int = 20) -> Any:
    """The value of a JSON text in which some entries of a list are broken; each of them becomes null. Or None.

    >>> without_faults('[{"a": 1}, {"a": oops}, {"a": 2}]', Report())
    [{'a': 1}, None, {'a': 2}]
    """
    for _ in range(most):
        try:
            return json.loads(text, strict=False)
        except json.JSONDecodeError as error:
            entry = entry_around(text, error.pos)
        if entry is None:
            return None
        start, end = entry
        report.note("an entry that is no JSON was left out", text[start:end])
        text = f"{text[:start]}null{text[end:]}"
    return None


def entry_around(text: str, place: int) -> tuple[int, int] | None:
    """Where the innermost object that is in a list, and has this place in it, begins and ends."""
    opened: list[tuple[str, int]] = []
    wanted = None
    for token in TOKEN.finditer(text):
        mark = token[0]
        if wanted is None and token.end() > place:
            inside = [i for i in range(1, len(opened)) if opened[i][0] == "{" and opened[i - 1][0] == "["]
            if not inside:
                return None
            wanted = inside[-1]
        if mark in "[{":
            opened.append((mark, token.start()))
        elif mark in "]}" and opened:
            _, start = opened.pop()
            if len(opened) == wanted:
                return start, token.end()
    return None


def beginning(source: Source, encoding: tuple[str, str]) -> str:
    """The first lines of a file, for a message."""
    head = [shorten(line.rstrip("\n")) for line in islice(text_lines(source, *encoding), 3)]
    return " / ".join(repr(line) for line in head) if any(head) else "nothing: it's empty"


def unknown_format(path: Path, unknown: list[str]) -> str:
    """The message where nothing could be read."""
    seen = "; ".join(unknown[:3]) or "there is no .txt or .json file in it (HTML can't be read: ask the app for JSON)"
    html = (
        " HTML can't be read: ask the app for JSON." if "<html" in seen.lower() or "<!doctype" in seen.lower() else ""
    )
    return f"{path} is no chat export that we know: {seen}.{html} It takes {KNOWN}; format= can name one of {FORMATS}"
