"""JSON exports: Telegram, Instagram and Messenger, Discord, and plain JSON Lines."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from itertools import pairwise
from typing import Any

from course_utils.chat.messages import KINDS, Message, Report
from course_utils.chat.words import META_ROWS

Entry = dict[str, Any]
# In what JSON Lines call the four things that we need, the first that is there counts. See `bare` for how it's written.
SENDER_KEYS = ("sender", "from", "author", "name", "user", "username", "speaker", "role", "sendername", "fromname")
TEXT_KEYS = ("text", "content", "message", "body", "utterance", "messagetext", "msg")
TIME_KEYS = ("time", "timestamp", "date", "datetime", "createdat", "sentat", "ts", "timestampms", "sent", "created")
NAME_KEYS = ("name", "displayname", "nickname", "username", "screenname", "realname", "firstname", "id")
FILE_TYPES = {"media", "image", "photo", "picture", "video", "audio", "voice", "sticker", "gif", "file", "document"}
FILE_KEYS = ("media", "file", "image", "photo", "video", "audio", "attachment", "attachments", "files", "filename")
JOINTS = dict.fromkeys(map(ord, "-_ "))
LIST_KEYS = ("messages", "conversations", "conversation")
# 20250228, perhaps with a time behind it: digits alone, which could be taken for seconds.
COMPACT = re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?")
EARLIEST = 3e8  # seconds: 1979, before any chat; smaller numbers count from a recording's start, or count messages
UNICODE_PAIRS = re.compile("[\ud800-\udfff]")
EDITED = " (edited)"
# A message of somebody who left Telegram has neither a name nor, in old files, a number.
GONE = "Deleted Account"
TELEGRAM_CHATS = {"personal_chat", "bot_chat", "saved_messages", "replies", "verification_codes"}
TELEGRAM_CHATS |= {f"{who}_{what}" for who in ("private", "public") for what in ("group", "supergroup", "channel")}
# What Telegram shows that is neither text nor file.
SHOWN = {"game_title": "game", "invoice_information": "invoice", "giveaway_information": "giveaway"}
SHOWN |= {"giveaway_results": "giveaway", "paid_stars_amount": "paid media"}


# --- what all of them need ---


def words(value: Any) -> str:
    """A text from a value that should be one: Telegram's lists of parts are joined, other things become "".

    >>> words(["see ", {"type": "link", "text": "a.example"}, "!"]), words(None), words(7)
    ('see a.example!', '', '7')
    """
    if isinstance(value, str):
        # Half a pair of surrogates can't be written to a file; JSON lets it pass.
        return UNICODE_PAIRS.sub("\ufffd", value) if UNICODE_PAIRS.search(value) else value
    if isinstance(value, list):
        return "".join(map(words, value))
    if isinstance(value, dict):
        return words(value.get("text"))
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def dicts(value: Any) -> list[Entry]:
    """Those items of a list that are dictionaries; nothing if it's no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def number(value: Any) -> float | None:
    """A number, also one that is written as a string."""
    try:
        return float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None


def utc(seconds: Any) -> datetime | None:
    """A time in UTC from seconds since 1970, or from thousandths of them, or millionths."""
    value = number(seconds)
    if value is None or value != value:
        return None
    # 1e11 seconds are the year 5138; 1e11 milliseconds are 1973. Some programs count in millionths, or finer.
    for _ in range(3):
        value = value / 1000 if abs(value) >= 1e11 else value
    try:
        return datetime.fromtimestamp(value, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None


def iso(value: Any) -> datetime | None:
    """A time from text like 2025-02-28T18:05:09+01:00, with the zone if it names one.

    >>> iso("2025-02-28T18:05:09.1234567Z"), iso("soon")
    (datetime.datetime(2025, 2, 28, 18, 5, 9, 123456, tzinfo=datetime.timezone.utc), None)
    """
    # Before Python 3.11 `fromisoformat` takes neither "Z" nor seven digits of a second.
    text = re.sub(r"(\.\d{1,6})\d*", lambda match: match[1].ljust(7, "0"), words(value).strip().replace("Z", "+00:00"))
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def any_time(value: Any) -> datetime | None:
    """A time from seconds, milliseconds, or text; None for numbers that are no date.

    >>> any_time("2025/02/28 18:05") == any_time("2025-02-28T18:05:00")
    True
    >>> any_time("20250228"), any_time(12.5)
    (datetime.datetime(2025, 2, 28, 0, 0), None)
    """
    digits = COMPACT.fullmatch(words(value))
    day = digits and iso(f"{'-'.join(digits.groups()[:3])} {digits[4] or '00'}:{digits[5] or '00'}:{digits[6] or '00'}")
    if day or number(value) is not None:
        return day or (utc(value) if number(value) >= EARLIEST else None)
    time = iso(value)
    if time is not None:
        return time
    text = re.sub(r"^(\d{4})/(\d\d)/(\d\d)\b", r"\1-\2-\3", words(value).strip())
    text = re.sub(r"(:\d\d(?:\.\d+)?[+-]\d\d)(\d\d)$", r"\1:\2", text)
    return iso(re.sub(r" ?(?:UTC|GMT)$", "Z", text))


@dataclass
class Known:
    """The chats and the people of an export by their names, and what tells apart those with one name."""

    chats: dict[str, list[str]] = field(default_factory=dict)
    people: dict[str, set[str]] = field(default_factory=dict)

    def title(self, name: str, key: str, report: Report) -> str:
        """The name of a chat, with a number behind it if another chat has the same one already."""
        keys = self.chats.setdefault(name, [])
        if key not in keys:
            keys.append(key)
            if len(keys) > 1:
                report.note("a chat with the name of another: numbered", f"{name} ({len(keys)})")
        return f"{name} ({keys.index(key) + 1})" if keys.index(key) else name

    def meet(self, name: str, key: str, report: Report) -> None:
        """Doubt when somebody else turns up under a name that we know."""
        keys = self.people.get(name, ())
        if name and key and key not in keys:
            keys = self.people[name] = {key, *keys}
            if len(keys) > 1:
                report.doubt("two people have the same name, and can't be told apart here", name)


# --- Telegram ---


def telegram(data: Entry, report: Report, title: str, known: Known) -> Iterator[Message]:
    """Telegram Desktop's `result.json`, of one chat or of all."""
    chats = dicts([data])
    if "messages" not in data:
        chats = [chat for part in ("chats", "left_chats") for chat in dicts(part_list(data.get(part)))]
    gone: dict[str, str] = {}
    for chat in chats:
        name = words(chat.get("name")) or ("Saved Messages" if chat.get("type") == "saved_messages" else title)
        name = known.title(name, words(chat.get("id")), report)
        for entry in entries(chat.get("messages"), report):
            known.meet(words(entry.get("from")), words(entry.get("from_id")), report)
            yield counted(telegram_message(entry, name, gone, report), entry, report)


def part_list(value: Any) -> Any:
    """The list in one part of a full export."""
    return value.get("list") if isinstance(value, dict) else value


def telegram_message(entry: Entry, chat: str, gone: dict[str, str], report: Report) -> Message:
    """One entry of Telegram's."""
    when = telegram_time(entry, report)
    if entry.get("type") == "service" or "action" in entry:
        return telegram_service(entry, when, chat)
    text = words(entry.get("text")) or words(entry.get("text_entities"))
    kind, text, media = telegram_kind(entry, text)
    if words(entry.get("forwarded_from")):
        report.note("forwarded: somebody else's words", text)
    return Message(telegram_sender(entry, gone, report), when, text, kind, media, chat)


def telegram_sender(entry: Entry, gone: dict[str, str], report: Report) -> str | None:
    """Who wrote it; accounts that were deleted are told apart by their numbers where the file has these."""
    name = words(entry.get("from"))
    if name or "from" not in entry:
        return name or None
    report.note("the account of a sender was deleted, so that there is no name", words(entry.get("text")))
    key = words(entry.get("from_id"))
    return gone.setdefault(key, GONE if not gone else f"{GONE} {len(gone) + 1}")


def telegram_time(entry: Entry, report: Report) -> datetime | None:
    """The local time of the exporter, with the zone where the file also has seconds since 1970."""
    local, exact = iso(entry.get("date")), utc(entry.get("date_unixtime"))
    if local is None or exact is None or local.tzinfo is not None:
        return local or exact
    offset = local - exact.replace(tzinfo=None)
    if abs(offset) > timedelta(hours=14):
        report.doubt("date and date_unixtime don't belong together; the second was taken", words(entry.get("date")))
        return exact
    return local.replace(tzinfo=timezone(offset))


def telegram_service(entry: Entry, when: datetime | None, chat: str) -> Message:
    """What happened in a chat: calls, and all that isn't somebody's message."""
    action, actor = words(entry.get("action")), words(entry.get("actor")) or None
    if action in ("phone_call", "group_call", "conference_call"):
        details = [words(entry.get(key)) for key in ("discard_reason", "duration_seconds")]
        return Message(actor, when, " ".join(filter(None, [action.replace("_", " "), *details])), "call", None, chat)
    members = entry.get("members")
    about = ", ".join(filter(None, map(words, members))) if isinstance(members, list) else ""
    text = " ".join(filter(None, [actor, action.replace("_", " "), words(entry.get("title")), about]))
    return Message(None, when, text, "system", None, chat)


def telegram_kind(entry: Entry, text: str) -> tuple[str, str, str | None]:
    """Kind, text and file of an entry of Telegram's."""
    if isinstance(entry.get("poll"), dict):
        return "poll", poll_text(entry["poll"]), None
    if isinstance(entry.get("contact_information"), dict):
        person = entry["contact_information"]
        names = [words(person.get(key)) for key in ("first_name", "last_name", "phone_number")]
        return "contact", " ".join(filter(None, names)), None
    if isinstance(entry.get("location_information"), dict):
        place = entry["location_information"]
        return "location", f"{words(place.get('latitude'))}, {words(place.get('longitude'))}", None
    if any(entry.get(key) is not None for key in ("file", "photo", "media_type")):
        file = words(entry.get("file")) or words(entry.get("photo"))
        # Where files were left out there is a sentence about that in place of a path.
        name = file if file and not file.startswith("(") else ""
        return "media", text, name or words(entry.get("media_type")) or ("file" if entry.get("file") else "photo")
    if isinstance(entry.get("todo_list"), dict):
        return "message", list_text(entry["todo_list"]), None
    shown = next((name for key, name in SHOWN.items() if entry.get(key)), None)
    if shown:
        return "media", text, shown
    if entry.get("type") == "unsupported" or not text:
        return "unknown", text, None
    edited = iso(entry.get("edited")) or utc(entry.get("edited_unixtime"))
    # Files of before 2020 say 1970 where they mean never.
    return "edited" if edited and edited.year > 1970 else "message", text, None


def list_text(data: Entry) -> str:
    """The title of a checklist, and a line for each thing on it."""
    items = dicts(data.get("answers")) or dicts(data.get("items"))
    return "\n".join([words(data.get("title")), *(f"- {words(item.get('text'))}" for item in items)])


def poll_text(poll: Entry) -> str:
    """A poll's question, and a line for each option with its votes."""
    options = [
        f"- {words(option.get('text'))} ({words(option.get('voters')) or 0})" for option in dicts(poll.get("answers"))
    ]
    return "\n".join([words(poll.get("question")), *options])


# --- Instagram and Messenger ---


def mend(text: str) -> str:
    """Text whose UTF-8 bytes were each taken for a character, as it was meant; other text unchanged.

    Where such a text was cut, half a character at its end is left out.

    >>> mend("sch\\u00c3\\u00b6n"), mend("schön")
    ('schön', 'schön')
    """
    try:
        raw = text.encode("latin-1")
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        cut = error.reason == "unexpected end of data" and error.start > 0 and len(raw) - error.start < 4
        return raw[: error.start].decode("utf-8") if cut and not raw[: error.start].isascii() else text
    except UnicodeEncodeError:
        return text


def mended(value: Any) -> Any:
    """The same for all strings of a JSON value, names too."""
    if isinstance(value, str):
        return value if value.isascii() else mend(value)
    if isinstance(value, list):
        return [mended(item) for item in value]
    if isinstance(value, dict):
        return {key: mended(item) for key, item in value.items()}
    return value


def meta(pages: list[Entry], report: Report, title: str, known: Known) -> Iterator[Message]:
    """A chat of Instagram's or Messenger's, from all its pages; the oldest message first."""
    # Where a character lies beyond Latin-1, the file is sound.
    sound = any(ord(character) > 255 for page in pages for character in json.dumps(page, ensure_ascii=False))
    whole = pages if sound else [mended(page) for page in pages]
    if whole != pages:
        report.note("UTF-8 that was written as Latin-1 was mended (Ã¶ is ö)", words(pages[0].get("title")))
    name = next(filter(None, (words(page.get("title")) for page in whole)), title)
    name = known.title(name, words(whole[0].get("thread_path")), report)
    found = [entry for page in whole for entry in entries(page.get("messages"), report)]
    times = [number(entry.get("timestamp_ms")) or 0 for entry in found]
    # Newest first in each page. Turned round before sorting, since messages of one instant are newest first too.
    turned = [found[i] for i in sorted(range(len(found) - 1, -1, -1), key=times.__getitem__)]
    for entry in without_doubles(turned, report):
        yield counted(meta_message(entry, name, report), entry, report)


def without_doubles(found: list[Entry], report: Report) -> Iterator[Entry]:
    """Leave out an entry that is there twice, or is there once more with " (edited)"."""

    def key(entry: Entry) -> tuple:
        text = words(entry.get("content"))
        return words(entry.get("sender_name")), number(entry.get("timestamp_ms")), text.removesuffix(EDITED)

    latest = {}
    for i, entry in enumerate(found):
        if entry.get("content") and (key(entry) not in latest or words(entry.get("content")).endswith(EDITED)):
            latest[key(entry)] = i
    for i, entry in enumerate(found):
        if not entry.get("content") or latest[key(entry)] == i:
            yield entry
        else:
            report.count("double", words(entry.get("content")))
            report.note("an entry that is there twice, once as edited or on another page", words(entry.get("content")))


FILES = ("photos", "videos", "audio_files", "gifs", "files", "sticker", "media")


def meta_message(entry: Entry, chat: str, report: Report) -> Message:
    """One entry of Instagram's or Messenger's."""
    sender, when = words(entry.get("sender_name")) or None, utc(entry.get("timestamp_ms"))
    text = words(entry.get("content"))
    kind, media = "message", first_file(entry)
    said = meta_sentence(text, sender, report)
    share = entry.get("share") if isinstance(entry.get("share"), dict) else {}
    if entry.get("is_unsent") or entry.get("is_unsent_image_by_messenger_kid_parent"):
        kind = "deleted"
    elif "call_duration" in entry or entry.get("type") == "Call":
        kind = "call"
    elif media or said == "media":
        kind, text, media = "media", "" if said == "media" else text, media or words(share.get("link")) or "attachment"
    elif said or entry.get("type") in ("Subscribe", "Unsubscribe") or about_sender(text, sender, report):
        kind = said or "system"
    elif text.endswith(EDITED):
        kind, text = "edited", text.removesuffix(EDITED)
    elif not text:
        kind, media = ("media", words(share.get("link")) or "share") if share else ("unknown", None)
    return Message(None if kind == "system" else sender, when, text, kind, media, chat)


def about_sender(text: str, sender: str | None, report: Report) -> bool:
    """Whether a text tells in the third person what its sender did, under the full name: the app writes so."""
    if not sender or " " not in sender or not text.startswith(f"{sender} "):
        return False
    report.doubt("a sentence that begins with its sender's full name, taken as the app's", text)
    return True


def first_file(entry: Entry) -> str | None:
    """The path of the first file of an entry."""
    for key in FILES:
        value = entry.get(key)
        for item in [value] if isinstance(value, dict) else dicts(value):
            return words(item.get("uri")) or key
    return None


def meta_sentence(text: str, sender: str | None, report: Report) -> str | None:
    """The kind of a sentence that the app wrote as if a person had: "media", "call", "system" or "poll"."""
    if len(text) > 200:
        return None
    named = [name for name in (sender, sender and sender.partition(" ")[0]) if name and text.startswith(f"{name} ")]
    kind = sentence_kind(text.removeprefix(named[0]) if named else text)
    other = None if kind or named else OTHER_NAME.match(text)
    if other and (kind := sentence_kind(text[other.end() :])):
        report.doubt(
            "a sentence as the app writes it, but about somebody who isn't its sender; taken as the app's", text
        )
    return kind


def sentence_kind(text: str) -> str | None:
    """The kind of a sentence in the table; the full stop behind it isn't there."""
    found = META_PATTERN.fullmatch(text.strip().rstrip(".").casefold())
    return found and found.lastgroup


def meta_pattern() -> re.Pattern[str]:
    """The table of such sentences as one pattern with a group for each kind; * stands for a name or a word."""
    kinds: dict[str, list[str]] = {}
    for row in META_ROWS.strip().splitlines():
        kind, _, cells = row.partition(": ")
        for cell in cells.casefold().split(" | "):
            phrase = ".+".join(map(re.escape, cell.strip().split("*"))).replace(r"\ .+", ":?\\ .+")
            kinds.setdefault(kind, []).append(phrase)
    groups = (f"(?P<{kind}>{'|'.join(phrases)})" for kind, phrases in kinds.items())
    return re.compile(f"(?:you |du )?(?:{'|'.join(groups)})", re.DOTALL)


META_PATTERN = meta_pattern()
# Somebody's name as it was once, or the name of an account, in front of such a sentence; not "I" or "he".
OTHER_NAME = re.compile(
    r"(?!(?:\S+ ){0,2}(?:I|He|She|We|They|Who|It|Ich|Er|Sie|Wir|Wer) )(?:(?:[^\W\d_a-zß]\S* ){1,3}|[\w.]*[\d._][\w.]* )"
)


def encrypted(pages: list[Entry], report: Report, title: str, known: Known) -> Iterator[Message]:
    """A chat of Messenger's that is end-to-end encrypted, whose export has other names for the same things."""
    found = [entry for page in pages for entry in entries(page.get("messages"), report)]
    times = [number(entry.get("timestamp")) or 0 for entry in found]
    backwards = sum(a > b for a, b in pairwise(times)) > len(times) / 2
    turned = range(len(found) - 1, -1, -1) if backwards else range(len(found))
    chat = next((words(page.get("threadName")) for page in pages if page.get("threadName")), title)
    chat = known.title(chat, chat, report)
    for i in sorted(turned, key=times.__getitem__):
        yield counted(encrypted_message(found[i], chat, report), found[i], report)


def encrypted_message(entry: Entry, chat: str, report: Report) -> Message:
    """One entry of an encrypted chat."""
    text, said = words(entry.get("text")), words(entry.get("type")).casefold()
    sender, media = words(entry.get("senderName")) or None, first_file(entry)
    kind = meta_sentence(text, sender, report) or ("message" if text else "unknown")
    if entry.get("isUnsent"):
        kind = "deleted"
    elif media or kind == "media" or said in ("media", "image", "video", "audio", "sticker", "gif", "file"):
        kind, text, media = (
            "media",
            "" if kind == "media" else text,
            media or ("attachment" if kind == "media" else said),
        )
    elif said in ("call", "poll", "location", "contact", "system"):
        kind = said
    return Message(None if kind == "system" else sender, utc(entry.get("timestamp")), text, kind, media, chat)


# --- Discord ---


def discord(pages: list[Entry], report: Report, title: str, known: Known) -> Iterator[Message]:
    """A channel as DiscordChatExporter writes it, in one file or in several parts."""
    parts = [forwards(list(discord_page(page, report, title, known)), report) for page in pages]
    # The names of the parts don't sort: "[part 10]" stands before "[part 2]".
    for part in sorted(parts, key=lambda part: min((m.time.timestamp() for m in part if m.time), default=0)):
        yield from part


def discord_page(page: Entry, report: Report, title: str, known: Known) -> Iterator[Message]:
    """One file of a channel."""
    channel = page.get("channel") if isinstance(page.get("channel"), dict) else {}
    name = known.title(words(channel.get("name")) or title, words(channel.get("id")), report)
    for entry in entries(page.get("messages"), report):
        message = discord_message(entry, name, report)
        author = entry.get("author") if isinstance(entry.get("author"), dict) else {}
        known.meet(message.sender or "", words(author.get("id")), report)
        yield counted(message, entry, report)


def forwards(found: list[Message], report: Report) -> list[Message]:
    """The messages, turned round if the newest stands first."""
    pairs = [(a.time, b.time) for a, b in pairwise(found) if a.time and b.time and a.chat == b.chat]
    # A time with a zone and one without can't be compared.
    gaps = [b - a for a, b in pairs if (a.tzinfo is None) == (b.tzinfo is None)]
    if sum(gap < timedelta(0) for gap in gaps) <= sum(gap > timedelta(0) for gap in gaps):
        return found
    report.note("the newest message stands first: turned round", found[0].text)
    return found[::-1]


# Numbers stand for types that came later; 20 and 23 are answers to a command.
MESSAGES = ("Default", "Reply", "20", "23", "ChatInputCommand", "ContextMenuCommand")


def discord_message(entry: Entry, chat: str, report: Report) -> Message:
    """One entry of Discord's."""
    author = entry.get("author") if isinstance(entry.get("author"), dict) else {}
    sender = words(author.get("nickname")) or words(author.get("name")) or None
    text, when = words(entry.get("content")), iso(entry.get("timestamp"))
    said = words(entry.get("type")) or "Default"
    if said not in MESSAGES:
        kind = "call" if said == "Call" else "system"
        return Message(sender if kind == "call" else None, when, text or said, kind, None, chat)
    forwarded = entry.get("forwardedMessage") if isinstance(entry.get("forwardedMessage"), dict) else {}
    if forwarded:
        report.note("forwarded: somebody else's words", words(forwarded.get("content")))
        text = text or words(forwarded.get("content"))
    files = [*dicts(entry.get("attachments")), *dicts(forwarded.get("attachments")), *dicts(entry.get("stickers"))]
    media = next((words(file.get("fileName")) or words(file.get("name")) or "file" for file in files), None)
    if not text and not media and dicts(entry.get("embeds")):
        text = "\n".join(filter(None, map(embed_text, dicts(entry["embeds"]))))
        report.note("the text of a box that a program sent", text)
        media = None if text else "embed"
    kind = "media" if media else "edited" if text and entry.get("timestampEdited") else "message" if text else "unknown"
    kind, text = ("poll", poll_text(entry["poll"])) if isinstance(entry.get("poll"), dict) else (kind, text)
    return Message(sender, when, text, kind, media, chat)


def embed_text(embed: Entry) -> str:
    """What a box shows that a bot sent: title, description, and fields."""
    fields = [f"{words(each.get('name'))}: {words(each.get('value'))}" for each in dicts(embed.get("fields"))]
    return "\n".join(filter(None, [words(embed.get("title")), words(embed.get("description")), *fields]))


# --- JSON Lines ---


def plain(values: Iterable[Any], report: Report, title: str, _: Known) -> list[Message]:
    """One message in each object, under the usual names; or a list of messages in each, as for training."""
    return forwards(list(plain_messages(values, report, title)), report)


def plain_messages(values: Iterable[Any], report: Report, title: str) -> Iterator[Message]:
    """The messages in the order of the file."""
    for i, entry in enumerate(values, start=1):
        found = bare(entry) if isinstance(entry, dict) else {}
        inside = next((found[key] for key in LIST_KEYS if isinstance(found.get(key), list)), None)
        if inside is not None:
            for inner in map(bare, entries(inside, report)):
                yield counted(plain_message(inner, words(found.get("id")) or f"{title} {i}"), inner, report)
        elif any(key in found for key in TEXT_KEYS):
            yield counted(plain_message(found, words(found.get("chat")) or title), found, report)
        else:
            report.count("not a message", json.dumps(entry)[:200])


def bare(entry: Entry) -> Entry:
    """The same object, with its names in one way of writing them.

    >>> bare({"createdAt": 1, "Sender_Name": "Mara"})
    {'createdat': 1, 'sendername': 'Mara'}
    """
    found: Entry = {}
    for key, value in entry.items():
        found.setdefault(bare_name(key), value)
    return found


@lru_cache(4096)
def bare_name(name: str) -> str:
    """A name in small letters, without what joins its words."""
    return name.casefold().translate(JOINTS)


def plain_message(entry: Entry, chat: str) -> Message:
    """One object as a message, its names as `bare` writes them."""

    def first(keys: Iterable[str]) -> Any:
        return next((entry[key] for key in keys if entry.get(key) is not None), None)

    sender = first(SENDER_KEYS)
    if isinstance(sender, dict):
        sender = next(filter(None, (words(bare(sender).get(key)) for key in NAME_KEYS)), None)
    name, text = words(sender), words(first((*TEXT_KEYS, "value")))
    time = any_time(first(TIME_KEYS)) or iso(f"{words(entry.get('date'))} {words(entry.get('time'))}")
    kind, media = plain_kind(entry, text)
    return Message(None if kind == "system" else name or None, time, text, kind, media, chat)


def plain_kind(entry: Entry, text: str) -> tuple[str, str | None]:
    """The kind of a plain object, and its file: what it says itself, or what its other names tell."""
    kind = next((entry[key] for key in ("kind", "type") if entry.get(key) in KINDS), "message")
    media = next((file_name(entry[key]) for key in FILE_KEYS if entry.get(key)), None)
    said = next((entry[key].casefold() for key in ("type", "kind") if isinstance(entry.get(key), str)), "")
    if kind != "message":
        return kind, media
    if entry.get("deleted") is True or entry.get("isdeleted") is True:
        return "deleted", media
    if media or said in FILE_TYPES:
        return "media", media or said
    if entry.get("edited") is True or entry.get("isedited") is True:
        return "edited", None
    return "message" if text else "unknown", None


def file_name(value: Any) -> str:
    """The name of a file, from whatever stands for it."""
    value = value[0] if isinstance(value, list) else value
    inner = bare(value) if isinstance(value, dict) else {}
    return (
        next(filter(None, (words(inner.get(key)) for key in ("filename", "name", "path", "url", "uri"))), words(value))
        or "file"
    )


# --- counting, and what is what ---


def entries(value: Any, report: Report) -> Iterator[Entry]:
    """The entries of a list of messages; what isn't an object is counted and left out. Each leaves the list."""
    value = value if isinstance(value, list) else []
    for place, entry in enumerate(value):
        value[place] = None  # a large chat shouldn't lie in memory twice
        if isinstance(entry, dict):
            yield entry
        else:
            report.count("not a message", repr(entry)[:200])


def counted(message: Message, entry: Entry, report: Report) -> Message:
    """The message, counted under its kind."""
    about = message.text or message.media or ", ".join(map(str, entry))
    report.count(message.kind, f"{message.sender}: {about}" if message.sender else about)
    if message.time is None:
        report.note("an entry without a time that can be read", about)
    if message.kind == "unknown":
        report.doubt("an entry without text or file: what it was, the export doesn't say", about)
    return message


def recognise(data: Any) -> str | None:
    """Which app wrote a JSON value, by the names in it; None if no app that we know.

    >>> recognise({"participants": [{"name": "Mara"}], "messages": []})
    'meta'
    """
    if not isinstance(data, dict):
        return None
    messages = dicts(data.get("messages"))
    keys = {key for message in messages[:50] for key in message}
    if any(isinstance(data.get(part), dict) and "list" in data[part] for part in ("chats", "left_chats")):
        return "telegram"
    if not isinstance(data.get("messages"), list):
        return None
    people = data.get("participants") if isinstance(data.get("participants"), list) else None
    # Other programs use some of these names too, and `plain` reads them better.
    plain = any(map(is_plain, messages[:50]))
    if (
        "isUnsent" in keys
        or ("senderName" in keys and not plain)
        or ("threadName" in data and "sender_name" not in keys)
    ):
        return "messenger"
    own = {"sender_name", "timestamp_ms"}
    if own <= keys or (keys & own and not plain) or (people is not None and not messages):
        return "messenger" if people and all(isinstance(p, str) for p in people) else "meta"
    if isinstance(data.get("channel"), dict) or any(isinstance(m.get("author"), dict) for m in messages[:1]):
        return "discord"
    return "telegram" if is_telegram(data, messages[:50], keys) else None


def is_telegram(data: Entry, messages: list[Entry], keys: set[str]) -> bool:
    """Whether a chat is Telegram's; other programs say "from" and "date" too, and `plain` reads these better."""
    if words(data.get("type")) in TELEGRAM_CHATS or keys & {"from_id", "date_unixtime", "actor", "action"}:
        return True
    own = any(message.get("type") in ("message", "service", "unsupported") for message in messages)
    plain = any(map(is_plain, messages)) and not own
    return not plain and bool(keys & {"date", "from"} or "type" in data)


def is_plain(value: Any) -> bool:
    """Whether an object is a message of JSON Lines, or a list of such."""
    if not isinstance(value, dict):
        return False
    value = bare(value)
    if any(key in value for key in TEXT_KEYS):
        return any(key in value for key in SENDER_KEYS)
    talks = [entry for key in LIST_KEYS for entry in dicts(value.get(key))[:3]]
    return any(is_plain(entry) or {"from", "value"} <= entry.keys() for entry in talks)


PARSERS: dict[str, Callable[..., Iterable[Message]]] = {
    "telegram": lambda pages, *rest: (m for page in pages for m in telegram(page, *rest)),
    "meta": meta,
    "messenger": encrypted,
    "discord": discord,
    "jsonl": plain,
}
NAMES = {
    "telegram": "Telegram Desktop's JSON",
    "meta": "Instagram's or Messenger's JSON",
    "messenger": "JSON of Messenger's encrypted chats",
    "discord": "DiscordChatExporter's JSON",
    "jsonl": "JSON Lines",
}
