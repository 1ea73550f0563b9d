"""Taking people out of a chat: names, numbers, addresses and links become numbered stand-ins, the same everywhere."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from course_utils.chat.messages import Chat, Message, Report, Tally, add
from course_utils.common import require

LINK = (
    r"(?:https?://|www\.)[^\s<>\"]*[^\s<>\".,;:!?)]|"
    r"(?<![\w@.])[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|de|at|ch|fr|es|it|nl|uk|io|me|eu|info|app|dev|example)\b"
    r"(?:/[^\s<>\"]*[^\s<>\".,;:!?)])?"
)
MAIL = r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
MENTION = r"(?<!\w)@[\w.]*\w"
# Seven digits or more, perhaps with the usual separators between them.
NUMBER = r"(?<!\w)(?:\+|00)?\(?\d(?:[ \u00a0\u202f()/.-]{0,2}\d){6,}(?!\w)"
DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}(?:[ .:,-]+\d{1,2}[.:]\d{2}(?:[.:]\d{2})?)?")
WORD = re.compile(r"[^\W\d_]{3,}(?:['’-][^\W\d_]+)*")
SENTENCE_END = re.compile(r"[.!?…:\n)\]\"“]\s*$")
# Senders that aren't names. Their stand-ins are used, but the words stay in the texts.
ROLES = {"you", "user", "assistant", "system", "human", "bot", "deleted account", "facebook user", "instagram user"}


@dataclass
class Replacements:
    """What `anonymise` did: `table` maps what was there to its stand-in; `uncertain` is for you to look through."""

    table: dict[str, str] = field(default_factory=dict)
    uncertain: dict[str, Tally] = field(default_factory=dict)

    def __str__(self) -> str:
        rows = [f"{len(self.table):,} replaced:"] + [f"  {old!r} -> {new}" for old, new in self.table.items()]
        rows += [f"{len(self.uncertain):,} to look at:"] if self.uncertain else []
        by_count = sorted(self.uncertain.items(), key=lambda item: -item[1].count)
        return "\n".join(rows + [f"{tally.count:>7,}  {what}  ({tally.first})" for what, tally in by_count])


def anonymise(chat: Chat, names: Mapping[str, str] | None = None) -> tuple[Chat, Replacements]:
    """Replace senders, numbers, mail addresses, links and @mentions, in texts too; return the chat and what was done.

    `names` holds stand-ins of your own choice, also for people who are talked about and never write. The program can't
    know their names; it lists what could be one under `uncertain`. Read that list before you share anything.

    >>> chat = Chat([Message("Mara Stein", None, "ask finn"), Message("Finn", None, "Mara, call 0170 1234567")])
    >>> [(m.sender, m.text) for m in anonymise(chat)[0].messages]
    [('Person 1', 'ask Person 2'), ('Person 2', 'Person 1, call <number 1>')]
    """
    given = dict(names or {})
    is_table = all(isinstance(part, str) and part for pair in given.items() for part in pair)
    require(is_table, f"names is {names!r:.80}; it takes a dictionary of names and stand-ins")
    mask = Mask(chat, given)
    messages = [mask.message(message) for message in chat.messages]
    mask.list_names(messages)
    return Chat(messages, mask.report(chat.report)), mask.done


class Mask:
    """The table of one chat, and the pattern that finds everything in one pass."""

    def __init__(self, chat: Chat, given: dict[str, str]):
        self.done = Replacements()
        self.people: dict[str, str] = {}
        self.numbers: dict[str, str] = {}
        self.counts: dict[str, int] = {}
        for name in filter(None, dict.fromkeys([*given, *chat.senders])):
            self.people[name] = given.get(name) or self.new("Person")
            self.done.table[name] = self.people[name]
            if digits(name) and not re.search(r"[^\W\d_]", name):
                self.numbers[digits(name)] = self.people[name]
        self.words = self.words_of_names(chat)
        known = sorted(self.words, key=len, reverse=True)
        named = "|".join(map(bounded, known)) or r"(?!)"
        self.pattern = re.compile(
            f"(?P<link>{LINK})|(?P<mail>{MAIL})|@?(?P<name>(?i:{named}))|(?P<mention>{MENTION})|(?P<number>{NUMBER})"
        )

    def new(self, what: str) -> str:
        """The next stand-in of its sort."""
        self.counts[what] = self.counts.get(what, 0) + 1
        return f"Person {self.counts[what]}" if what == "Person" else f"<{what} {self.counts[what]}>"

    def words_of_names(self, chat: Chat) -> dict[str, str]:
        """Full names and their parts, in lower case, with the stand-in of each."""
        words: dict[str, str] = {}
        owners: dict[str, set[str]] = {}
        for name, alias in self.people.items():
            if is_role(name):
                continue
            if (len(name) < 3 and name.isascii()) or not any(map(str.isalnum, name)):
                self.unsure(f"{name!r} is too short a name to be found in texts", alias)
                continue
            if " " in name or not name.isalpha():
                words[name.casefold()] = alias
            for part in {name} if name.isalpha() else WORD.findall(name):
                owners.setdefault(part.casefold(), set()).add(alias)
        ordinary = self.ordinary_words(chat, set(owners))
        for part in owners.keys() & ordinary.keys():
            self.unsure(f"{part!r} is a name and also a common word here; left as it is", ordinary[part])
        return {part: self.shared(part, aliases) for part, aliases in owners.items() if part not in ordinary} | words

    def shared(self, part: str, aliases: set[str]) -> str:
        """The stand-in for a part of a name; several people may have it."""
        if len(aliases) > 1:
            self.unsure(f"{part!r} is part of several names; replaced by <name>", ", ".join(sorted(aliases)))
        return "<name>" if len(aliases) > 1 else next(iter(aliases))

    def ordinary_words(self, chat: Chat, parts: set[str]) -> dict[str, str]:
        """Those parts of names that are written small more often than with a capital, such as "will"."""
        small, large, first = {}, {}, {}
        for message in chat.messages:
            for word in WORD.findall(message.text):
                key = word.casefold()
                if key in parts:
                    tally = small if word == key else large
                    tally[key] = tally.get(key, 0) + 1
                    first.setdefault(key, message.text[:60])
        return {key: first[key] for key in small if small[key] > 2 and small[key] > 2 * large.get(key, 0)}

    def message(self, message: Message) -> Message:
        """One message without people in it."""
        sender = self.people[message.sender] if message.sender else None
        text, media = self.text(message.text), message.media and self.text(message.media)
        if message.kind == "contact" and message.text:
            text, media = self.stand_in("contact", message.text), None
        if message.kind == "location" and re.search(r"\d", message.text):
            text = self.stand_in("place", message.text)
        chat = self.stand_in("chat", message.chat) if message.chat else ""
        return replace(message, sender=sender, text=text, media=media, chat=chat)

    def text(self, text: str) -> str:
        """A text without people in it."""
        return self.pattern.sub(self.substitute, text)

    def substitute(self, match: re.Match[str]) -> str:
        """The stand-in for one thing that was found."""
        kind, found = match.lastgroup, match[0]
        if kind == "name":
            return "@" * found.startswith("@") + self.words[match["name"].casefold()]
        if kind == "mention":
            return self.mention(found)
        return self.number(found) if kind == "number" else self.stand_in(kind, found)

    def stand_in(self, kind: str, found: str) -> str:
        """The stand-in for this very text, a new one the first time."""
        table = self.done.table
        if kind == "chat" and found in self.people:
            return self.people[found]
        if found not in table:
            table[found] = self.new(kind)
        return table[found]

    def mention(self, found: str) -> str:
        """The stand-in for an @mention: of a person by number, or of somebody new."""
        known = self.numbers.get(digits(found)) if digits(found) else None
        if known is None and found not in self.done.table:
            self.unsure(f"{found} is mentioned and never writes under that name", found)
            self.done.table[found] = "@" + self.new("Person")
        return f"@{known}" if known else self.done.table[found]

    def number(self, found: str) -> str:
        """The stand-in for a number: the person whose it is, if it's a sender's; dates stay."""
        if DATE.fullmatch(found.strip()):
            self.unsure("a date or a number that looks like one was left as it is", found)
            return found
        key = digits(found)
        if key not in self.numbers:
            self.numbers[key] = self.new("number")
            if len(key) < 9 and found[0] not in "+0":
                self.unsure("a long number that may be no telephone number was replaced", found)
        self.done.table[found] = self.numbers[key]
        return self.numbers[key]

    def unsure(self, what: str, example: str) -> None:
        """List something for a person to look at."""
        add(self.done.uncertain, what, example, 1)

    def list_names(self, messages: list[Message]) -> None:
        """List words with a capital inside a sentence: names of people who never write, or ordinary nouns."""
        for message in messages:
            for word in WORD.finditer(message.text):
                start, text = word.start(), word[0]
                inside = start > 0 and not SENTENCE_END.search(message.text[max(0, start - 3) : start])
                if text[0].isupper() and not text.isupper() and inside and not text.startswith("Person"):
                    self.unsure(f"{text}: a name? left as it is", message.text[max(0, start - 20) : start + 30])

    def report(self, old: Report) -> Report:
        """The report without its examples, which are raw lines of the chat."""

        def bare(tallies: dict[str, Tally]) -> dict[str, Tally]:
            kept: dict[str, Tally] = {}
            for sentence, tally in tallies.items():
                add(kept, self.text(sentence), "", tally.count)
            return kept

        lines, notes, doubts = map(bare, (old.lines, old.notes, old.doubts))
        return Report(old.format, "", old.date_order, lines, notes, doubts)


def is_role(name: str) -> bool:
    """Whether a sender is called by what they are: "assistant", "Deleted Account 2"."""
    return re.sub(r" \d+$", "", name.casefold()) in ROLES


def digits(text: str) -> str:
    """The digits of a number, without the zeros or the plus in front of it.

    >>> digits("+49 170 1234567") == digits("0049 170 1234567")
    True
    """
    return "".join(re.findall(r"\d", text)).lstrip("0")


def bounded(name: str) -> str:
    """A pattern for a name that isn't part of a longer word; scripts without spaces between words have no such."""

    def edge(character: str, pattern: str) -> str:
        return pattern if character.isalnum() and ord(character) < 0x2E80 else ""

    return edge(name[0], r"(?<!\w)") + re.escape(name) + edge(name[-1], r"(?!\w)")


def before_and_after(old: Chat, new: Chat, count: int = 5) -> Iterator[tuple[Message, Message]]:
    """Pairs of the first messages that anonymising changed.

    >>> chat = Chat([Message("Mara", None, "hi")])
    >>> [(a.sender, b.sender) for a, b in before_and_after(chat, anonymise(chat)[0])]
    [('Mara', 'Person 1')]
    """
    require(count >= 0, f"count is {count}; it takes 0 or more")
    changed = (pair for pair in zip(old.messages, new.messages, strict=True) if pair[0] != pair[1])
    yield from (pair for _, pair in zip(range(count), changed, strict=False))
