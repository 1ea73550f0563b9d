"""Taking people out of a chat: names, numbers, addresses and links become numbered stand-ins, the same everywhere."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from unicodedata import combining, normalize

from course_utils.chat.messages import Chat, Message, Report, Tally, add
from course_utils.common import require

LINK = (
    r"(?:https?://|www\.)[^\s<>\"]*[^\s<>\".,;:!?)]|"
    r"(?<![\w@.])[\w-]+(?:\.[\w-]+)*\.(?:[a-z]{2,9}(?=/\w)|(?:com|org|net|edu|gov|info|app|dev|xyz|example|"
    r"de|at|ch|fr|es|it|nl|uk|io|me|eu|ly|gg|co|tv|ca|au|pl|pt|ru|se|dk|fi|cz|br|cn|jp|kr|tr|ua)\b)"
    r"(?:/[^\s<>\"]*[^\s<>\".,;:!?)])?"
)
MAIL = r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
MENTION = r"(?<!\w)@[\w.]*\w"
# Seven digits or more, perhaps with the usual separators between them.
NUMBER = r"(?<!\w)(?:\+|00)?\(?\d(?:[ \u00a0\u202f()/.-]{0,2}\d){6,}(?!\w)"
# The number's pattern stops at a colon, so that of "28.02.2025 18:05" only the hour is left.
DATE = re.compile(
    r"(?:\d{4}[./-]\d{1,2}[./-]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2}))"
    r"(?:[ .:,-]+\d{1,2}(?:[.:]\d{2}(?:[.:]\d{2})?)?)?"
)
WORD = re.compile(r"[^\W\d_]{3,}(?:['’-][^\W\d_]+)*")
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae"})
SENTENCE_END = re.compile(r"[.!?…:\n)\]\"“]\s*$")
# Senders that aren't names. Their stand-ins are used, but the words stay in the texts.
# Words that are also names, or stand in names: where they're written small, they're words.
WORDS_AND_NAMES = """
angel april art august bill bob brook chance chase christian clay cliff dale dawn dean dick drew earl faith fern
frank gene glen grace grant guy harmony heather hope hunter iris ivy jack jay joy june lance lane lily mark mason
max may mercy miles nick noble olive page pat patience penny pierce ray reed rich rob robin rose ruby rusty sandy
sky star sterling stone storm sue summer sunny tab taylor trip ward will wren abbot baker bishop black brown bush
carter church cook cross day field fish ford fox gold good gray green hall hill house king knight lake little long
love mill moon moore new north old park porter power price reading rice shaw short singer small snow south spring
stokes storey street strong west white wolf wood woods young and the der die das den dem von vom van zum zur bin ben
del los las les des dos ist ibn abu auf aus bauer becker berg bruch busch engel ernst fink fuchs gross hahn hart
haus heide herbst herr frau hof jung kaiser kern klein koch kraft kraus krebs kurz lang laut lieb linde mai meer neu
frei recht rein reich richter ritter rosa roth sand schnell schwarz sommer stark stein stern still stolz süss tag
tal teich vogel wald weber weise weiss wild winter wolff wunder zimmer arbeit privat schule arzt mama papa mom mum
dad oma opa tante onkel bruder schwester mutter vater work home mobile office school doctor mother father brother
sister team group
"""
ORDINARY = frozenset(WORDS_AND_NAMES.split())
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
        self.words = self.words_of_names()
        self.ordinary = self.ordinary_words(chat)
        spelled = sorted({form for word in self.words for form in spellings(word)}, key=len, reverse=True)
        named = f"(?i:{'|'.join(map(bounded, spelled)) or '(?!)'})"
        self.pattern = re.compile(
            rf"(?P<link>{LINK})|(?P<mail>{MAIL})|@(?P<at>{named})(?![\w.]*\w)|(?P<mention>{MENTION})|"
            f"(?P<name>{named})|(?P<number>{NUMBER})"
        )
        self.starts: dict[str, list[str]] = {}
        for word in self.words:
            if len(word) > 3:
                self.starts.setdefault(word[:4], []).append(word)

    def new(self, what: str) -> str:
        """The next stand-in of its sort."""
        self.counts[what] = self.counts.get(what, 0) + 1
        return f"Person {self.counts[what]}" if what == "Person" else f"<{what} {self.counts[what]}>"

    def words_of_names(self) -> dict[str, str]:
        """Full names and their parts, as `plain` writes them, with the stand-in of each."""
        words: dict[str, str] = {}
        owners: dict[str, set[str]] = {}
        for name, alias in self.people.items():
            if is_role(name):
                continue
            if (len(name) < 3 and name.isascii()) or not any(map(str.isalnum, name)):
                self.unsure(f"{name!r} is too short a name to be found in texts", alias)
                continue
            if " " in name or not name.isalpha():
                forms = {name, *(joint.join(WORD.findall(name)) for joint in ("", "_", "."))} - {""}
                words |= dict.fromkeys(map(plain, forms), alias)
            for part in {name} if name.isalpha() else parts_of(name):
                owners.setdefault(plain(part), set()).add(alias)
        words = {part: self.shared(part, aliases) for part, aliases in owners.items()} | words
        return {form: alias for word, alias in words.items() for form in without_accents(word)} | words

    def shared(self, part: str, aliases: set[str]) -> str:
        """The stand-in for a part of a name; several people may have it."""
        if len(aliases) > 1:
            self.unsure(f"{part!r} is part of several names; replaced by <name>", ", ".join(sorted(aliases)))
        return "<name>" if len(aliases) > 1 else next(iter(aliases))

    def ordinary_words(self, chat: Chat) -> set[str]:
        """Those parts of names that are words, such as "will", and that are written small in this chat."""
        left, found = ORDINARY & self.words.keys(), set()
        for message in chat.messages if left else ():
            for word in map(plain, filter(str.islower, WORD.findall(message.text))):
                if word in left and word not in found:
                    self.unsure(f"{word!r} is a name and also a common word here; left as it is", message.text[:60])
                    found.add(word)
        return found

    def message(self, message: Message) -> Message:
        """One message without people in it."""
        sender = self.people[message.sender] if message.sender else None
        chat = self.stand_in("chat", message.chat) if message.chat else ""
        text, media = self.text(message.text), message.media and self.text(message.media)
        if message.kind == "system" and message.chat:
            # "Mara changed the group name to Hiking"
            text = chat.join(map(self.text, message.text.split(message.chat)))
        if message.kind == "contact" and message.text:
            text, media = self.stand_in("contact", message.text), None
        if message.kind == "location" and re.search(r"\d", message.text):
            text = self.stand_in("place", message.text)
        return replace(message, sender=sender, text=text, media=media, chat=chat)

    def text(self, text: str) -> str:
        """A text without people in it."""
        return self.pattern.sub(self.substitute, text)

    def substitute(self, match: re.Match[str]) -> str:
        """The stand-in for one thing that was found."""
        kind, found = match.lastgroup, match[0]
        if kind == "at":
            return f"@{self.person(match['at'])}"
        if kind == "name":
            return found if self.is_word(match) else self.person(found)
        if kind == "mention":
            return self.mention(found)
        return self.number(found) if kind == "number" else self.stand_in(kind, found)

    def is_word(self, match: re.Match[str]) -> bool:
        """Whether a name that was found is an ordinary word: written small, or where a sentence begins."""
        found, before = match[0], match.string[max(0, match.start() - 3) : match.start()]
        if plain(found) in self.ordinary:
            return found.islower() or found.isupper() or not before or bool(SENTENCE_END.search(before))
        # "Maras" is Mara's in German, but "dans" isn't Dan's.
        return len(found) < 5 and found.islower() and plain(found) not in self.words and found.endswith("s")

    def person(self, found: str) -> str:
        """The stand-in for a name, which may have an s behind it, or its last letter more than once."""
        key = cut = plain(found)
        while cut not in self.words:
            cut = cut[:-1]
        return self.words[cut] + "s" * (len(key) > len(cut) and key[-1] == "s" != cut[-1])

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
        name = plain(re.sub(r"[\W\d_]", "", found))
        known = self.words.get(name) or (self.numbers.get(digits(found)) if digits(found) else None)
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
            # 0170 1234567 is +49 170 1234567.
            same = (other for other in self.numbers if min(len(key), len(other)) > 8 and ends_alike(key, other))
            self.numbers[key] = self.numbers.get(next(same, "")) or self.new("number")
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
                elif (key := text.lower())[:4] in self.starts and self.begins_like_a_name(key):
                    self.unsure(f"{text}: begins like a name; left as it is", message.text[:60])

    def begins_like_a_name(self, word: str) -> bool:
        """Whether a word is longer than a name that it begins with."""
        return any(word.startswith(name) and word != name for name in self.starts[word[:4]])

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


def parts_of(name: str) -> set[str]:
    """The words of a name, and those that a hyphen joins: Jean-Luc is also called Jean."""
    whole = WORD.findall(name)
    return {*whole, *(part for word in whole for part in word.split("-") if len(part) > 2)}


def plain(name: str) -> str:
    """A name in small letters, each of one sign.

    >>> plain("STRAUSS") == plain("Strauß"), plain("İpek"), plain("Zoe\\u0308")
    (True, 'ipek', 'zoë')
    """
    return normalize("NFC", name.casefold()).replace("\u0307", "")


def without_accents(name: str) -> set[str]:
    """How a name in small letters is typed in a hurry, or on a keyboard without its letters.

    >>> sorted(without_accents("jürgen"))
    ['juergen', 'jurgen']
    """
    bare = "".join(sign for sign in normalize("NFD", name) if not combining(sign))
    return {bare, name.translate(UMLAUTS)} - {name}


def spellings(word: str) -> set[str]:
    """The same word as a pattern must have it: letters and accents as one sign or two, and ß."""
    return {word, normalize("NFD", word), word.replace("ss", "ß")}


def digits(text: str) -> str:
    """The digits of a number, without the zeros or the plus in front of it.

    >>> digits("+49 170 1234567") == digits("0049 (0)170 1234567")
    True
    """
    return "".join(re.findall(r"\d", text.replace("(0)", ""))).lstrip("0")


def ends_alike(one: str, other: str) -> bool:
    """Whether one number is the other one without its country."""
    return one.endswith(other) or other.endswith(one)


def bounded(name: str) -> str:
    """A pattern for a name that isn't part of a longer word; scripts without spaces between words have no such."""

    def edge(character: str, behind: bool) -> str:
        if not character.isalnum() or ord(character) >= 0x2E80:
            return ""
        letter = r"[^\W\d_]" if character.isalpha() else r"\w"
        return f"(?<!{letter})" if behind else f"(?!{letter})"

    last = name[-1]
    # Maraaa, and in German Maras.
    tail = f"{last}*s?" if last.isalpha() and ord(last) < 0x2E80 and len(name) > 2 else ""
    return edge(name[0], True) + re.escape(name) + tail + edge(last, False)


def before_and_after(old: Chat, new: Chat, count: int = 5) -> Iterator[tuple[Message, Message]]:
    """Pairs of the first messages that anonymising changed.

    >>> chat = Chat([Message("Mara", None, "hi")])
    >>> [(a.sender, b.sender) for a, b in before_and_after(chat, anonymise(chat)[0])]
    [('Mara', 'Person 1')]
    """
    require(count >= 0, f"count is {count}; it takes 0 or more")
    changed = (pair for pair in zip(old.messages, new.messages, strict=True) if pair[0] != pair[1])
    yield from (pair for _, pair in zip(range(count), changed, strict=False))
