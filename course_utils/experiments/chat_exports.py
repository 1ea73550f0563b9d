"""The chat that ships with the course: Ida and Hugo over some months, exported as three apps would export it.

`python -m course_utils rebuild exports` writes `data/chat/`. The three files hold the same messages, so that what is
read from one can be compared with what is read from another.
"""

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

from course_utils import tales
from course_utils.common import DATA, write_whole

FOLDER = DATA / "chat"
ANDROID, IOS, TELEGRAM = "WhatsApp Chat with Hugo.txt", "_chat.txt", "result.json"
FIRST_SEED = 700_000  # these tales are neither learned from nor measured on
START = datetime(2026, 3, 2, 7, 40)
PHOTO = ""  # in place of a text

# What people write beside tales; a photo has no text. Names, numbers and addresses are made for examples.
ASIDES = (
    (
        ("Ida", PHOTO),
        ("Hugo", "Arr, is that a spider or a very small octopus?"),
        ("Ida", "It is my grandmother, Hugo."),
    ),
    (
        ("Hugo", PHOTO),
        ("Ida", "Is this your ship?"),
        ("Hugo", "Aye. It is a bathtub now, but look at the lines of it."),
    ),
    (
        ("Ida", "Did you get my letter?"),
        ("Hugo", "Aye, the goose brought it.\nThen the goose ate it.\nWhat did it say?"),
    ),
    (
        ("Hugo", "If the tide is out, write to hugo@harbour.example."),
        ("Ida", "And if the tide is in?"),
        ("Hugo", "Shout."),
    ),
    (
        ("Ida", "My aunt has a new number: +44 7700 900123."),
        ("Hugo", "Too long for a pirate. I know numbers up to seven."),
    ),
    (
        ("Ida", "Look, they sell flags: https://flags.example/skulls"),
        ("Hugo", "That is no skull. That is a potato. I like it."),
    ),
    (
        ("Hugo", "What is @Clara counting today?"),
        ("Ida", "Gulls.\nShe is at nine hundred.\nThey have started to count her."),
    ),
    (("Hugo", PHOTO), ("Hugo", "My new hat. The feather fell off by itself, I did not chase any bird.")),
    (
        ("Ida", "Otto sneezed and the fog went away."),
        ("Hugo", "We need that man on the ship."),
        ("Ida", "Which ship, Hugo?"),
    ),
    (
        ("Hugo", "Ida, what is the opposite of an anchor?"),
        ("Ida", "A gull."),
        ("Hugo", "Aye. Everything is easy with you."),
    ),
    (
        ("Ida", "Your flag is on our washing line."),
        ("Hugo", "Then your house is mine. It is the law of the sea."),
        ("Ida", "You can have it on Thursday, after I have swept."),
    ),
    (
        ("Hugo", "Do spiders laugh?"),
        ("Ida", "Only at flies."),
        ("Hugo", "Good. Then the flute concert is safe."),
        ("Ida", PHOTO),
        ("Hugo", "That is a very full row of seats."),
    ),
)


class Entry(NamedTuple):
    """A message of the chat; a photo has an empty text."""

    time: datetime
    sender: str
    text: str


def entries(least: int = 1500) -> list[Entry]:
    """Return the messages of whole conversations, at least so many."""
    rng = random.Random("Ida and Hugo")
    time, found = START, []
    for number in range(least):
        for sender, text in conversation(number, rng):
            # Nobody reads a message, thinks and types in less than some seconds for each line.
            time += timedelta(minutes=rng.choice((0, 1, 1, 1, 2, 3)))
            found.append(Entry(time, sender, text))
        if len(found) >= least:
            break
        # The next one begins after hours, by day.
        time += timedelta(hours=rng.choice((5, 9, 13, 22, 31)), minutes=rng.randrange(60))
        time += timedelta(hours=9) * (time.hour < 7 or time.hour > 21)
    return found


def conversation(number: int, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Yield who says what in one conversation; each sixth one is about something else."""
    if number % 6 == 5:
        yield from ASIDES[number // 6 % len(ASIDES)]
        return
    for turn in tales.dialogue(FIRST_SEED + number, questions=rng.choice((2, 3, 4)), talk=0.6):
        yield turn.speaker, turn.text


def android(chat: list[Entry]) -> str:
    """Return the chat as WhatsApp on Android exports it, in British English."""
    lines = [f"{START:%d/%m/%Y, %H:%M} - Messages and calls are end-to-end encrypted."]
    lines += [f"{e.time:%d/%m/%Y, %H:%M} - {e.sender}: {e.text or '<Media omitted>'}" for e in chat]
    return "\n".join(lines) + "\n"


def ios(chat: list[Entry]) -> str:
    """Return the chat as WhatsApp on an iPhone exports it."""
    mark = "\u200e"  # can't be seen, and stands before all that the app says in somebody's name
    lines = [f"[{START:%d/%m/%Y, %H:%M:%S}] Hugo: {mark}Messages and calls are end-to-end encrypted."]
    for e in chat:
        head = f"[{e.time:%d/%m/%Y, %H:%M:%S}] {e.sender}: "
        lines.append(head + e.text if e.text else f"{mark}{head}{mark}image omitted")
    return "\r\n".join(lines) + "\r\n"


def telegram(chat: list[Entry]) -> str:
    """Return the chat as Telegram Desktop exports it."""
    numbers = {"Ida": "user1001", "Hugo": "user1002"}
    messages = []
    for number, e in enumerate(chat, start=1):
        seconds = int(e.time.replace(tzinfo=timezone.utc).timestamp())
        message = {"id": number, "type": "message", "date": e.time.isoformat(), "date_unixtime": str(seconds)}
        message |= {"from": e.sender, "from_id": numbers[e.sender]}
        if not e.text:
            message |= {"photo": "(File not included. Change data exporting settings to download.)"}
        message |= {"text": e.text, "text_entities": [{"type": "plain", "text": e.text}] if e.text else []}
        messages.append(message)
    about = {"name": "Hugo", "type": "personal_chat", "id": 1002, "messages": messages}
    return json.dumps(about, indent=1, ensure_ascii=False) + "\n"


def write_exports(folder: Path = FOLDER, least: int = 1500) -> None:
    """Write the chat three times."""
    chat = entries(least)
    for name, text in ((ANDROID, android(chat)), (IOS, ios(chat)), (TELEGRAM, telegram(chat))):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_whole(folder / name, text.encode())
