"""Several exports as one, and one chat as conversations."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise

from course_utils.chat.messages import Chat, Message, Report
from course_utils.common import require

Clock = Callable[[datetime | None], datetime]


def wall_clock(time: datetime | None) -> datetime:
    """A time without its zone, so that all exports can be compared; the first day of all if there's none."""
    return datetime.min if time is None else time.replace(tzinfo=None)


def world_clock(time: datetime | None) -> datetime:
    """A time that has a zone, as clocks in Greenwich show it."""
    return wall_clock(time and time.astimezone(timezone.utc))


def between(before: datetime | None, after: datetime | None) -> timedelta:
    """How long after the first time the second is: exact if both name a zone, else by the clocks on the wall."""
    if before is None or after is None:
        return timedelta(0)
    exact = before.tzinfo is not None and after.tzinfo is not None
    return after - before if exact else wall_clock(after) - wall_clock(before)


def join(chats: Iterable[Chat]) -> Chat:
    """Join several exports. A message that is in two of them is kept once.

    Within one export nothing is a double: if you write "ha" twice in a minute, you wrote it twice. If two exports share
    a quarter of their messages, they're the same chat, whatever their names.

    >>> mara, finn = Message("Mara", None, "ha"), Message("Finn", None, "yes")
    >>> [m.text for m in join([Chat([mara, mara]), Chat([mara, finn])]).messages]
    ['ha', 'ha', 'yes']
    """
    report, kept, known, chats = Report(), [], {}, list(chats)
    for chat in chats:
        require(isinstance(chat, Chat), f"join takes chats, not {type(chat).__name__}")
    # Two computers in two zones write two clock times for one instant.
    zoned = all(message.time is None or message.time.tzinfo for chat in chats for message in chat.messages)
    clock = world_clock if zoned else wall_clock
    for chat in chats:
        report.include(chat.report)
        kept.append(list(new_messages(chat, known, report, clock)))
    return Chat(in_order(latest_versions(kept, report), clock), report)


def new_messages(chat: Chat, known: dict[str, Counter], report: Report, clock: Clock) -> Iterator[Message]:
    """Yield those messages of an export that aren't `known` yet by chat, and make them known."""
    found: dict[str, Counter] = {}
    for message in chat.messages:
        found.setdefault(message.chat, Counter())[identity(message, clock)] += 1
    for title in (title for title, counts in found.items() if title in known and not counts & known[title]):
        report.doubt("two exports have a chat of this name, but no message in common; taken for one chat", title)
    names = {title: same_chat(title, counts, known) for title, counts in found.items()}
    left = {title: known.get(name, Counter()).copy() for title, name in names.items()}
    for message in chat.messages:
        key, title = identity(message, clock), message.chat
        if left[title][key] > 0:
            left[title][key] -= 1
            report.note("a message that stands in two of the exports", message.text)
        else:
            yield message if names[title] == title else replace(message, chat=names[title])
    for title, name in names.items():
        known[name] = known.get(name, Counter()) | found[title]


def latest_versions(kept: list[list[Message]], report: Report) -> list[Message]:
    """All messages of several exports, without those that another export has as edited, at the same second."""
    # Without seconds it could be another message of the same minute.
    edits = {
        (m.chat, m.sender, m.time): i
        for i, part in enumerate(kept)
        for m in part
        if m.kind == "edited" and m.time and m.time.second
    }
    found = []
    for i, part in enumerate(kept):
        for m in part:
            if m.kind == "message" and edits.get((m.chat, m.sender, m.time), i) != i:
                report.note("a message that was edited before the other export was made", m.text)
            else:
                found.append(m)
    return found


def same_chat(title: str, counts: Counter, known: dict[str, Counter]) -> str:
    """The name under which a chat is known already, because of its name or a quarter of its messages; or its own."""
    if title in known:
        return title
    for name, others in known.items():
        shared = sum((counts & others).values())
        if shared and shared * 4 >= min(counts.total(), others.total()):
            return name
    return title


def identity(message: Message, clock: Clock) -> tuple:
    """What two copies of a message have in common: one phone writes seconds, the other doesn't."""
    time = message.time and clock(message.time).replace(second=0, microsecond=0)
    # The app's own words are in the language of the phone.
    text = "" if message.kind in ("deleted", "call") else message.text
    return message.sender, time, text, message.kind


def in_order(messages: list[Message], clock: Clock) -> list[Message]:
    """The messages by chat and time; what has no time stays behind the message before it."""
    keys, first, latest = [], {}, {}
    for message in messages:
        place = first.setdefault(message.chat, len(first))
        if message.time is not None:
            latest[place] = clock(message.time)
        keys.append((place, latest.get(place, datetime.min)))
    return [messages[i] for i in sorted(range(len(messages)), key=keys.__getitem__)]


def conversations(chat: Chat, pause: float = 6) -> list[list[Message]]:
    """Cut a chat into conversations: a new one begins after a pause of more than `pause` hours.

    Split training and validation data between conversations, never between messages. Otherwise a validation message
    has its neighbours in the training data, and they give it away.

    >>> at = [datetime(2025, 2, 28, hour) for hour in (8, 9, 18)]
    >>> chat = Chat([Message("Mara", time, "hi") for time in at])
    >>> [len(part) for part in conversations(chat)], len(conversations(chat, pause=0.5))
    ([2, 1], 3)
    """
    is_length = isinstance(pause, int | float) and 0 < pause <= 1e6
    require(is_length, f"pause is {pause!r}; it takes a number of hours above 0")
    if not chat.messages:
        return []
    longest = timedelta(hours=pause)
    parts = [[chat.messages[0]]]
    for before, message in pairwise(chat.messages):
        if between(before.time, message.time) > longest or before.chat != message.chat:
            parts.append([])
        parts[-1].append(message)
    return parts
