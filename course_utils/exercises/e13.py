"""Exercises of notebook 13: entries of an export, day or month, a split, a template, a mask, targets, what fits."""

import re
from collections.abc import Callable
from random import Random

from course_utils.exercises.engine.exercise import Exercise, Mistake, Probe

HEADER = re.compile(r"\d\d/\d\d/\d{4}, \d\d:\d\d - ")  # the notebook has the same

# --- 13.1 ---


def entries(lines: list[str]) -> list[tuple[str | None, str]]:
    """Return who wrote what: a line with a header begins an entry, any other line goes on with the one before it."""
    found: list[list] = []
    for line in lines:
        head = HEADER.match(line)
        if head is None:
            found[-1][1] += "\n" + line
        else:
            name, colon, text = line[head.end() :].partition(": ")
            found.append([name, text] if colon else [None, name])
    return [(name, text) for name, text in found]


def entries_by_cutting(lines: list[str]) -> list[tuple[str | None, str]]:
    """The same: the lines of an entry are joined first, and then cut."""
    whole: list[str] = []
    for line in lines:
        if HEADER.match(line):
            whole.append(HEADER.sub("", line, count=1))
        else:
            whole[-1] = f"{whole[-1]}\n{line}"
    # Only the first line can hold the name.
    pairs = [(text.split("\n")[0].split(": ")[0], text) for text in whole]
    return [(name, text[len(name) + 2 :]) if text.startswith(name + ": ") else (None, text) for name, text in pairs]


def entries_by_dash(lines: list[str]) -> list[tuple[str | None, str]]:
    """The mistake of taking each line with a dash for a new entry."""
    found: list[list] = []
    for line in lines:
        _, dash, rest = line.partition(" - ")
        name, colon, text = rest.partition(": ")
        if dash:
            found.append([name, text] if colon else [None, name])
        else:
            found[-1][1] += "\n" + line
    return [(name, text) for name, text in found]


def exports(chance: Random) -> list[Probe]:
    """Lines of a small chat: plain ones, with a colon, without a sender, and messages of several lines."""
    mara, finn = "28/02/2025, 18:05 - Mara: ", "28/02/2025, 18:06 - Finn: "
    probes: list[Probe] = [([mara + "hi", finn + "ho"],), ([mara + "the list", "for tonight", "and tomorrow"],)]
    probes += [([mara + "note: eggs"],), (["28/02/2025, 18:04 - Mara joined", mara + "hi"],)]
    probes.append(([mara + "buy", "note: eggs", finn + "ok", "", "bye"],))
    # What looks like a header or a sender and is none, and blanks that belong to the text.
    probes += [
        ([mara + "hi", "well - yes", "Finn - no: yes"],),
        (["28/02/2025, 18:04 - call at 10:30", mara + "7:15 "],),
    ]
    probes.append(([finn + "no ", "Mara - no: no", "28/02/2025, 18:09 - since 9:15"],))
    kinds = (mara + "a", finn + "b: c", "more", "to do: d", "28/02/2025, 18:07 - ", "x - y", finn + "at 9:30 ")
    for _ in range(3):
        rest = [chance.choice(kinds) for _ in range(5)]
        probes.append(([mara + "x", *rest, finn + f"{chance.randrange(99)}", "end"],))
    return probes


ENTRIES = Exercise(
    number="13.1",
    title="From lines to entries",
    name="entries",
    reference=entries,
    probes=exports,
    alternatives=[entries_by_cutting],
    hints=[
        "Go through the lines and keep a list. HEADER.match(line) says whether a line begins a new entry; if it "
        "doesn't, the line belongs to the last entry in your list.",
        'After the header, line[head.end():].partition(": ") cuts at the first colon only. If there is no colon, the '
        "app itself is talking: the sender is None.",
    ],
    mistakes=[
        Mistake(
            "You drop lines without a header. They are the rest of the message before",
            'found[-1][1] += "\\n" + line',
            "continue",
        ),
        Mistake(
            "You make a line without a header a message of its own. Nobody sent it: it's the rest of the one before",
            'found[-1][1] += "\\n" + line',
            "found.append([None, line])",
        ),
        Mistake(
            "You lose the line breaks inside a message. Put the newline back when you append a line",
            '"\\n" + line',
            '" " + line',
        ),
        Mistake(
            "You cut at the last colon, so part of the text ends up in the name. The sender ends at the first one",
            ".partition(",
            ".rpartition(",
        ),
        Mistake(
            "You cut at a colon without a space behind it, as in 10:30. The sender ends at a colon and a space",
            'name, colon, text = line[head.end() :].partition(": ")\n',
            'name, colon, text = line[head.end() :].partition(":")\n            text = text.removeprefix(" ")\n',
        ),
        Mistake(
            "You take any line with a dash in it for a new entry. HEADER.match(line) says whether one begins",
            answer=entries_by_dash,
        ),
        Mistake(
            "A line of the app has no sender. You made its text the name of somebody who says nothing",
            "[name, text] if colon else [None, name]",
            "[name, text]",
        ),
        Mistake(
            "You cut lines without a header at their colons too, which makes up senders. Only a header has one",
            answer=lambda lines: [
                ((lambda name, colon, text: (name, text) if colon else (None, name))(*line.partition(": ")))
                for line in (HEADER.sub("", line, count=1) for line in lines)
            ],
        ),
    ],
)

# --- 13.2 ---


def date_order(dates: list[str]) -> str | None:
    """Return "DMY" or "MDY" if a date such as "13/03/2026" shows it, and None if none does."""
    for date in dates:
        first, second, _ = map(int, date.split("/"))
        if first > 12:
            return "DMY"
        if second > 12:
            return "MDY"
    return None


def date_order_at_once(dates: list[str]) -> str | None:
    """The same, with the largest number of each column."""
    columns = list(zip(*(map(int, date.split("/")) for date in dates), strict=True))
    largest = [max(column) for column in columns] or [0, 0]
    return "DMY" if largest[0] > 12 else "MDY" if largest[1] > 12 else None


def dates_of_one_order(chance: Random, count: int, decided: bool = False) -> list[str]:
    """Dates of one file: day and month in one of the two orders."""
    turned, found = chance.random() < 0.5, []
    for number in range(count):
        last = decided and number == count - 1
        latest = 28 if last or chance.random() < 0.3 else 12
        day, month = chance.randint(13 if last else 1, latest), chance.randint(1, 12)
        day, month = (month, day) if turned else (day, month)
        found.append(f"{day:02}/{month:02}/2025")
    return found


def some_dates(chance: Random) -> list[Probe]:
    """Days up to the twelfth, which fit both orders, and later ones, which don't."""
    probes: list[Probe] = [(["13/03/2025"],), (["03/13/2025"],), (["03/04/2025"],), ([],), (["12/12/2025"],)]
    probes += [(["03/04/2025", "04/04/2025", "28/04/2025"],), (["03/04/2025", "03/05/2025", "03/31/2025"],)]
    probes += [(["12/01/2025", "11/12/2025"],), (["01/12/2025", "02/12/2025"],)]
    return probes + [(dates_of_one_order(chance, 4, decided),) for decided in (True, True, False)]


DATE_ORDER = Exercise(
    number="13.2",
    title="Which number is the month?",
    name="date_order",
    reference=date_order,
    probes=some_dates,
    alternatives=[date_order_at_once],
    hints=[
        "There is no thirteenth month. What does a first number of 28 prove, and what does a second number of 28?",
        "One date may fit both orders and the next one only one, so go through all of them. If none decides, None.",
    ],
    mistakes=[
        Mistake(
            "You guess where the dates don't show it. Return None: a wrong guess moves messages by months, in silence",
            "return None",
            'return "DMY"',
        ),
        Mistake(
            "You guess where the dates don't show it. Return None, and somebody who knows can say it",
            "return None",
            'return "MDY"',
        ),
        Mistake(
            "You decide by the first date alone. It may fit both orders, so look through the whole file",
            answer=lambda dates: date_order(dates[:1]),
        ),
        Mistake(
            "There's a twelfth month: 12 fits both places. Only a number above 12 must be a day",
            answer=lambda dates: next(
                (
                    order
                    for date in dates
                    for order, number in zip(("DMY", "MDY"), map(int, date.split("/")), strict=False)
                    if number >= 12
                ),
                None,
            ),
        ),
        Mistake(
            "You swapped the two: a first number above 12 is a day, so the day stands first",
            answer=lambda dates: {"DMY": "MDY", "MDY": "DMY"}.get(date_order(dates) or ""),
        ),
        Mistake(
            "You see only one of the two orders. A second number above 12 proves something too",
            "second > 12",
            "False",
        ),
    ],
)

# --- 13.3 ---


def split(conversations: list[list[str]], count: int) -> tuple[list[list[str]], list[list[str]]]:
    """Return two lists of conversations: those to train on, and the last `count`, which are held out."""
    first_held_out = len(conversations) - count
    return conversations[:first_held_out], conversations[first_held_out:]


def split_one_by_one(conversations: list[list[str]], count: int) -> tuple[list[list[str]], list[list[str]]]:
    """The same, from the end."""
    training, held_out = list(conversations), []
    for _ in range(count):
        held_out.insert(0, training.pop())
    return training, held_out


def by_message(conversations: list[list[str]], count: int) -> tuple[list[list[str]], list[list[str]]]:
    """Hold out the same fraction of all messages, wherever in a conversation that cut falls."""
    messages = [(number, text) for number, part in enumerate(conversations) for text in part]
    cut = len(messages) * (len(conversations) - count) // max(1, len(conversations))
    sides = []
    for side in (messages[:cut], messages[cut:]):
        numbers = sorted({number for number, _ in side})
        sides.append([[text for number, text in side if number == one] for one in numbers])
    return sides[0], sides[1]


def inside_each(conversations: list[list[str]], count: int) -> tuple[list[list[str]], list[list[str]]]:
    """Hold out the last messages of each conversation."""
    cuts = [max(0, len(part) - count) for part in conversations]
    training = [part[:cut] for part, cut in zip(conversations, cuts, strict=True)]
    return training, [part[cut:] for part, cut in zip(conversations, cuts, strict=True)]


def some_conversations(chance: Random) -> list[Probe]:
    """Conversations of unequal length, and how many to hold out."""
    three = [["tale", "who?", "Mara"], ["hi", "ho"], ["tale 2", "where?", "here", "thanks"]]
    probes: list[Probe] = [(three, 1), (three, 2), (three[:2], 1), (three, 0), (three[1:], 0)]
    for _ in range(3):
        parts = [[f"{n}{c}" for c in "abcdef"[: chance.randrange(2, 6)]] for n in range(chance.randrange(4, 8))]
        probes.append((parts, chance.randrange(1, 4)))
    return probes


SPLIT = Exercise(
    number="13.3",
    title="Hold out conversations",
    name="split",
    reference=split,
    probes=some_conversations,
    alternatives=[split_one_by_one, lambda talks, count: [talks[: len(talks) - count], talks[len(talks) - count :]]],
    hints=[
        "Two slices of the list of conversations, cut at the same position. Each conversation stays whole.",
        "The cut is at len(conversations) - count. Try count = 0, too: what is conversations[:-0]?",
    ],
    mistakes=[
        Mistake(
            "You split by message: one conversation has a part on either side, so its questions are held out while the "
            "tale that answers them is learned. Keep conversations whole",
            answer=by_message,
        ),
        Mistake(
            "You split inside each conversation. What's held out then goes on with what was learned: keep them whole",
            answer=inside_each,
        ),
        Mistake(
            "You hold out the oldest conversations. The model will meet those that come next, so hold out the last",
            answer=lambda parts, count: (parts[count:], parts[:count]),
        ),
        Mistake(
            "You swapped the two halves: first those to train on, then those held out",
            "return conversations[:first_held_out], conversations[first_held_out:]",
            "return conversations[first_held_out:], conversations[:first_held_out]",
        ),
        Mistake(
            "The held-out conversations are in the training half as well, so the score says how well it knows them by "
            "heart",
            "return conversations[:first_held_out], ",
            "return conversations, ",
        ),
        Mistake(
            "With a count of 0 a cut at -count cuts at the beginning, since -0 is 0: count from the front",
            answer=lambda parts, count: (parts[:-count], parts[-count:]),
        ),
    ],
)

# --- 13.4 ---


class Letters:
    """A small tokenizer: `letters("ab")` is [97, 98]. Numbers up to 3 are no letter's, but special tokens."""

    def __call__(self, text: str) -> list[int]:
        return [ord(letter) for letter in text]

    def __repr__(self) -> str:
        return "lambda text: [ord(letter) for letter in text]"


SPECIAL = {"<|endoftext|>": 0, "<|user|>": 1, "<|assistant|>": 2, "<|end|>": 3}


def template(messages: list[dict[str, str]], encode: Callable, special: dict[str, int]) -> list[int]:
    """Return the ids: end of text first, then for each message its role's token, its content, and the end token."""
    ids = [special["<|endoftext|>"]]
    for message in messages:
        ids.append(special[f"<|{message['role']}|>"])
        ids.extend(encode(message["content"]))
        ids.append(special["<|end|>"])
    return ids


def template_in_one(messages: list[dict[str, str]], encode: Callable, special: dict[str, int]) -> list[int]:
    """The same, as a sum of lists."""
    role = {"user": special["<|user|>"], "assistant": special["<|assistant|>"]}
    parts = [[role[each["role"]], *encode(each["content"]), special["<|end|>"]] for each in messages]
    return sum(parts, [special["<|endoftext|>"]])


def talk(*contents: str, first: str = "user") -> list[dict[str, str]]:
    """Messages by the two roles in turn."""
    roles = ("user", "assistant") if first == "user" else ("assistant", "user")
    return [{"role": roles[number % 2], "content": content} for number, content in enumerate(contents)]


def some_talks(chance: Random) -> list[Probe]:
    """Conversations of one message and of several, some with special tokens typed, some with other ids for them."""
    talks = [talk("a"), talk("a", "b"), talk("b", first="assistant"), talk("hi", "ho", "who?"), talk("", "a")]
    talks += [talk("<|assistant|>no", "<|end|>"), talk("say <|end|>")]
    for _ in range(3):
        contents = ["".join(chance.choice("abc <|>") for _ in range(chance.randrange(4))) for _ in range(4)]
        talks.append(talk(*contents, first=chance.choice(("user", "assistant"))))
    others = dict(zip(SPECIAL, chance.sample(range(200, 300), len(SPECIAL)), strict=True))
    return [(messages, Letters(), others if number > 6 else SPECIAL) for number, messages in enumerate(talks)]


TEMPLATE = Exercise(
    number="13.4",
    title="A conversation as ids",
    name="template",
    reference=template,
    probes=some_talks,
    alternatives=[template_in_one],
    hints=[
        'The special tokens are numbers that you look up: special["<|end|>"]. Only the content goes through encode.',
        "Start with the list [end of text]. For each message append the token of its role, extend with the encoded "
        "content, append the end token.",
    ],
    mistakes=[
        Mistake(
            "You encode the template's tokens as text, so the model sees angle brackets and letters, and a user could "
            "type them. Look their ids up in special",
            answer=lambda messages, encode, special: encode(
                "<|endoftext|>" + "".join(f"<|{m['role']}|>{m['content']}<|end|>" for m in messages)
            ),
        ),
        Mistake(
            "The end token is missing. The model will never learn to stop",
            '        ids.append(special["<|end|>"])\n',
            "",
        ),
        Mistake(
            "Only the assistant's messages end. Without an end after the user's, the end of a question can't be seen",
            'ids.append(special["<|end|>"])',
            'ids.extend([special["<|end|>"]] * (message["role"] == "assistant"))',
        ),
        Mistake(
            "There's one end token, at the end of the conversation. Every message needs one: the model stops after "
            "each",
            answer=lambda messages, encode, special: [
                special["<|endoftext|>"],
                *(i for m in messages for i in (special[f"<|{m['role']}|>"], *encode(m["content"]))),
                special["<|end|>"],
            ],
        ),
        Mistake(
            "The roles are missing. Without their tokens nobody can see who is speaking",
            "        ids.append(special[f\"<|{message['role']}|>\"])\n",
            "",
        ),
        Mistake(
            "The conversation must start with end of text, as every tale in pretraining did",
            'ids = [special["<|endoftext|>"]]',
            "ids = []",
        ),
        Mistake(
            "Your special tokens always have the same ids. Another vocabulary has others: look them up in special",
            answer=lambda messages, encode, special: template(messages, encode, SPECIAL),
        ),
        Mistake(
            "You recognise special tokens that somebody typed. In a message they're text: encode the content as it is",
            answer=lambda messages, encode, special: [
                special["<|endoftext|>"],
                *(
                    i
                    for m in messages
                    for part in re.split(
                        r"(<\|(?:user|assistant|end|endoftext)\|>)", f"<|{m['role']}|>{m['content']}<|end|>"
                    )
                    for i in ([special[part]] if part in special else encode(part))
                ),
            ],
        ),
    ],
)

# --- 13.5 ---


def learned(ids: list[int], user: int, assistant: int, end: int) -> list[bool]:
    """Return for each token whether it's learned: what the assistant says, up to and with the end of its message."""
    found, speaking = [], False
    for token in ids:
        found.append(speaking)
        if token == assistant:
            speaking = True
        elif token == end:
            speaking = False
    return found


def learned_by_searching(ids: list[int], user: int, assistant: int, end: int) -> list[bool]:
    """The same: for each token, look back to the last mark before it."""
    found = []
    for place in range(len(ids)):
        marks = [token for token in ids[:place] if token in (user, assistant, end)]
        found.append(bool(marks) and marks[-1] == assistant)
    return found


def conversation_ids(chance: Random, padding: int = 0) -> list[int]:
    """The ids of a conversation: 0 is end of text and padding, 1 the user, 2 the assistant, 3 the end."""
    ids = [0]
    for number in range(chance.randrange(1, 5)):
        ids += [1 + number % 2, *(chance.randrange(10, 99) for _ in range(chance.randrange(4))), 3]
    return ids + [0] * padding


def some_ids(chance: Random) -> list[Probe]:
    """Conversations as ids, some of them padded behind, one cut off in the middle of a reply."""
    rows = [[0, 1, 50, 3, 2, 60, 61, 3], [0, 1, 50, 51, 3], [0, 2, 60, 3, 1, 50, 3], [0, 1, 50, 3, 2, 60, 3, 0, 0]]
    rows += [[0, 1, 50, 3, 2, 60, 61], [0, 1, 50, 3, 2, 3, 1, 51, 52, 3, 2, 62, 3], [0, 2, 61, 62, 3, 1, 51, 3, 2, 63]]
    rows += [conversation_ids(chance, padding) for padding in (0, 2, 3)]
    others = dict(enumerate(chance.sample(range(200, 300), 3), start=1))
    renamed = [[others.get(token, token) for token in ids] for ids in (rows[0], rows[5], conversation_ids(chance, 2))]
    return [*((ids, 1, 2, 3) for ids in rows), *((ids, *others.values()) for ids in renamed)]


LEARNED = Exercise(
    number="13.5",
    title="Which tokens are learned?",
    name="learned",
    reference=learned,
    probes=some_ids,
    alternatives=[learned_by_searching],
    hints=[
        "Walk along the ids and remember whether the assistant is speaking. What switches that on, and what off?",
        "The assistant's own token is given to the model, so it isn't learned. The end token is: append what you "
        "remember first, then look at the token.",
    ],
    mistakes=[
        Mistake(
            "You learn the user's messages too. The model would practise asking your questions for you",
            answer=lambda ids, user, assistant, end: [
                any(token in (user, assistant) for token in ids[:place])
                and [token for token in ids[:place] if token in (user, assistant, end)][-1] != end
                for place in range(len(ids))
            ],
        ),
        Mistake(
            "The end token is never learned, so the model won't ever stop. It's part of the assistant's message",
            answer=lambda ids, user, assistant, end: [
                said and token != end for said, token in zip(learned(ids, user, assistant, end), ids, strict=True)
            ],
        ),
        Mistake(
            "Your mask is one token early: the assistant's own token is learned and the end isn't. Append before you "
            "look at the token",
            answer=lambda ids, user, assistant, end: [*learned(ids, user, assistant, end)[1:], False],
        ),
        Mistake(
            "Your mask is one token late: the first word of the reply isn't learned, and what follows the end is",
            answer=lambda ids, user, assistant, end: [False, *learned(ids, user, assistant, end)[:-1]],
        ),
        Mistake(
            "The assistant's token itself isn't learned. We put it there, so that the model knows it's its turn",
            answer=lambda ids, user, assistant, end: [
                said or token == assistant for said, token in zip(learned(ids, user, assistant, end), ids, strict=True)
            ],
        ),
        Mistake(
            "You learn everything after the first reply begins. The end token switches it off: padding and the next "
            "question come behind it",
            answer=lambda ids, user, assistant, end: [assistant in ids[:place] for place in range(len(ids))],
        ),
        Mistake(
            "You look for the ids 1, 2 and 3. The three marks have whatever ids you're given: user, assistant and end",
            answer=lambda ids, user, assistant, end: learned(ids, 1, 2, 3),
        ),
        Mistake(
            "You learn everything: the end of text, the questions, the padding. Learn what the assistant says",
            answer=lambda ids, user, assistant, end: [True] * len(ids),
        ),
    ],
)

# --- 13.6 ---


def shifted(ids: list[int], mask: list[bool]) -> tuple[list[int], list[int]]:
    """Return inputs and targets of a row: each target is the next token, or -100 where that isn't learned."""
    targets = [token if said else -100 for token, said in zip(ids, mask, strict=True)]
    return ids[:-1], targets[1:]


def shifted_by_place(ids: list[int], mask: list[bool]) -> tuple[list[int], list[int]]:
    """The same, place by place."""
    places = range(len(ids) - 1)
    return [ids[i] for i in places], [ids[i + 1] if mask[i + 1] else -100 for i in places]


def masked_rows(chance: Random) -> list[Probe]:
    """Ids and which of them are learned, some padded with 0."""
    rows = [(ids, learned(ids, 1, 2, 3)) for ids in ([0, 1, 50, 3, 2, 60, 3], [0, 2, 60, 61, 3, 0])]
    for padding in (0, 2, 3):
        ids = conversation_ids(chance, padding)
        rows.append((ids, learned(ids, 1, 2, 3)))
    ids = [chance.randrange(10, 99) for _ in range(7)]
    return [*rows, (ids, [chance.random() < 0.5 for _ in ids])]


SHIFTED = Exercise(
    number="13.6",
    title="Inputs and targets",
    name="shifted",
    reference=shifted,
    probes=masked_rows,
    alternatives=[shifted_by_place],
    hints=[
        "As in pretraining, the target at each position is the token after it. The mask says which *targets* count.",
        "Put -100 into a copy of the ids where the mask is False. Then shift that copy, the mask already in it.",
    ],
    mistakes=[
        Mistake(
            "Your mask is off by one: mask[t] is about token t, and token t is the target at position t - 1. Mask "
            "first, then shift",
            answer=lambda ids, mask: (
                ids[:-1],
                [token if said else -100 for token, said in zip(ids[1:], mask[:-1], strict=True)],
            ),
        ),
        Mistake(
            "Inputs and targets are the same tokens, so the model only learns to repeat. Shift the targets by one",
            "return ids[:-1], targets[1:]",
            "return ids[:-1], targets[:-1]",
        ),
        Mistake(
            "You don't mask at all, so the user's part and the padding are learned too",
            "token if said else -100 for",
            "token for",
        ),
        Mistake(
            "You set 0 where nothing is learned, but 0 is a token too, and the model would learn to say it. Use -100",
            "else -100 for",
            "else 0 for",
        ),
        Mistake(
            "You mask the padding, but not the user's part. The mask that you're given covers both",
            answer=lambda ids, mask: (ids[:-1], [token if token else -100 for token in ids[1:]]),
        ),
        Mistake(
            "You mask the inputs. The model has to read the question, but it doesn't have to say it: mask the targets",
            answer=lambda ids, mask: (
                [token if said else -100 for token, said in zip(ids, mask, strict=True)][:-1],
                ids[1:],
            ),
        ),
        Mistake(
            "You have the mask the wrong way round: True says that a token is learned",
            "token if said else -100 for",
            "-100 if said else token for",
        ),
    ],
)

# --- 13.7 ---

KEPT = Exercise(
    number="13.7",
    title="What still fits",
    name="kept",
    reference=(3, 1),
    hints=[
        "The whole prompt has 1 + 8 + 6 + 9 + 5 + 4 + 1 tokens. Drop messages from the start until at most 28 are "
        "left; then do it again for 19.",
        "What's left begins with the user, so a question goes together with its reply.",
    ],
    mistakes=[
        Mistake(
            "By the count that would do, but then the rest begins with the assistant. It has to begin with the user",
            answer=(4, 2),
        ),
        Mistake("You forgot two tokens: end of text in front, and the assistant's at the end", answer=(3, 3)),
        Mistake("You drop the newest messages. The question that waits for its reply has to stay", answer=(3, 2)),
    ],
)

EXERCISES = [ENTRIES, DATE_ORDER, SPLIT, TEMPLATE, LEARNED, SHIFTED, KEPT]
