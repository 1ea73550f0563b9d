"""Tales read back: every sentence is matched with the ways of `world.py` and replayed in a small state of the world."""

import re
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from course_utils.telling import EVENT, FORMS, KINDS, Event, Way
from course_utils.world import PEOPLE, PLACES, THINGS, TIMES, WEATHER

# A sentence ends at . ? ! outside quotation marks, or at a closing mark after one of them when no small letter follows.
SENTENCE = re.compile(r'(?:"[^"]*[.?!]"(?=\s+[A-Z"]|\s*$)|"[^"]*"|[^".?!])*?(?:(?<=[.?!]")(?=\s+[A-Z"]|\s*$)|[.?!])|\S.*')
PIECE = re.compile(r"[A-Za-z]+|[^A-Za-z]+")
WRONG_ARTICLE = re.compile(r"\b(?:[Aa] [aeiou]|[Aa]n [^aeiou])\w*")
PRONOUNS = {"she": True, "her": True, "he": False, "him": False, "his": False}
PRONOUNS |= {word.capitalize(): she for word, she in PRONOUNS.items()}
MARK = dict.fromkeys((*PEOPLE, *PRONOUNS), "@")
MARK |= dict.fromkeys(THINGS, "%") | dict.fromkeys(PLACES, "#")
MARK |= dict.fromkeys((thing.adjective for thing in THINGS.values()), "^")
MARK |= dict.fromkeys((*WEATHER, *TIMES), "~")
PLAIN = MARK | {"an": "a", "An": "A"}


class Judgement(NamedTuple):
    """What `check` says of one sentence: where it stands, whether it is right, and if not why and against which."""

    text: str
    start: int
    end: int
    well_formed: bool
    consistent: bool
    reason: str
    contradicts: int | None
    event: str
    bound: dict[str, str]


@dataclass(frozen=True)
class Report:
    """What `check` says of a whole text; `ended` tells whether a closing sentence stands at its end."""

    sentences: tuple[Judgement, ...]
    ended: bool

    @property
    def consistent(self) -> bool:
        """Every sentence is consistent, and the tale ends by itself."""
        return self.ended and all(s.consistent for s in self.sentences)

    @property
    def share(self) -> float:
        """The share of sentences that are well-formed and consistent; 0 for an empty text."""
        return sum(s.consistent for s in self.sentences) / max(len(self.sentences), 1)


class Wrong(Exception):
    """A sentence that does not fit: the reason, and the earlier sentence it contradicts."""

    def __init__(self, reason: str, contradicts: int | None = None) -> None:
        """Keep both."""
        super().__init__(reason)
        self.reason, self.contradicts = reason, contradicts


class Pattern(NamedTuple):
    """One way with its gaps marked by kind: how many marked words each gap takes, and what they may be."""

    event: Event
    gaps: tuple[tuple[str, str, int, dict[tuple[str, ...], str | None]], ...]
    fixed: dict[str, str]


def pieces(text: str) -> tuple[str, tuple[str, ...]]:
    """The text with marked words replaced by their marks, and those words.

    >>> pieces("Mara gave the red kite to him.")
    ('@ gave the ^ % to @.', ('Mara', 'red', 'kite', 'him'))
    """
    words = PIECE.findall(text)
    return "".join([PLAIN.get(w, w) for w in words]), tuple([w for w in words if w in MARK])


def readings(form: str) -> dict[str, dict[tuple[str, ...], str | None]]:
    """How a form may look: its marked text -> the words marked -> whom they mean (None for a pronoun)."""
    table: dict[str, dict[tuple[str, ...], str | None]] = {}
    for entity, (named, pronoun) in FORMS[form].items():
        for text, meaning in ((pronoun, None), (named, entity)):
            marked, words = pieces(text)
            meant = None if form in ("his", "he") else meaning
            table.setdefault(marked, {})[words] = meant
    return table


READINGS = {form: readings(form) for form in FORMS}


def add_way(patterns: dict[str, list[Pattern]], event: Event, way: Way, fixed: dict[str, str]) -> None:
    """Index a way under every marked text that it can have."""
    options = []
    for slot in way.slots:
        marked, words = pieces(slot.before)
        options.append([(marked, len(words), slot, text, table) for text, table in READINGS[slot.form].items()])
    tail = pieces(way.after)
    for choice in product(*options):
        gaps, text = [], ""
        for marked, n_fixed, slot, shown, table in choice:
            text += marked + shown
            n = len(next(iter(table)))
            if n_fixed:
                gaps.append(("", "", n_fixed, {pieces(slot.before)[1]: ""}))
            gaps.append((slot.role, slot.form, n, table))
        if tail[1]:
            gaps.append(("", "", len(tail[1]), {tail[1]: ""}))
        patterns.setdefault(text + tail[0], []).append(Pattern(event, tuple(gaps), fixed))


def all_patterns() -> dict[str, list[Pattern]]:
    """Marked text -> the ways that look like it."""
    patterns: dict[str, list[Pattern]] = {}
    for event in EVENT.values():
        for way in event.ways:
            add_way(patterns, event, way, {})
        for entity, ways in event.own.items():
            for way in ways:
                add_way(patterns, event, way, {event.own_role: entity})
    return patterns


PATTERNS = all_patterns()


@dataclass
class World:
    """What is known so far: (relation, whose) -> (value, number of the sentence that said so)."""

    facts: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    last_thing: str = ""
    ended: bool = False

    def value(self, relation: str, whose: str = "") -> str | None:
        """The value of a fact, None where nothing is known."""
        return self.facts.get((relation, whose), (None, 0))[0]

    def since(self, relation: str, whose: str = "") -> int | None:
        """The sentence that set a fact."""
        return self.facts.get((relation, whose), (None, None))[1]


def bind(pattern: Pattern, words: tuple[str, ...], world: World) -> dict[str, str]:
    """Who and what the roles of a way are in this sentence; raises `Wrong`."""
    bound, later, at = dict(pattern.fixed), [], 0
    for role, form, n, table in pattern.gaps:
        part = words[at : at + n]
        at += n
        if part not in table:
            raise Wrong(f"{' '.join(part)!r} does not fit here")
        meant = table[part]
        if meant is None:
            later.append((role, form, part))
        elif role and bound.setdefault(role, meant) != meant:
            raise Wrong(f"{meant} and {bound[role]} are mixed up")
    for role, form, part in later:
        meant = world.last_thing if form in ("it", "It") else person_meant(part[0], bound, world)
        if not meant:
            raise Wrong("it could be anything: nothing has been named")
        if bound.setdefault(role, meant) != meant:
            raise Wrong(f"{part[0] if part else 'it'!r} means {meant}, not {bound[role]}")
    for kind in ("ABC", "OQ", "PR"):
        meant_by = [bound[role] for role in kind if role in bound]
        if len(set(meant_by)) < len(meant_by):
            raise Wrong(f"{max(meant_by, key=meant_by.count)} is there twice")
    return bound


def person_meant(pronoun: str, bound: dict[str, str], world: World) -> str:
    """The one person whom a pronoun can mean: of those named in its sentence, else of all in the tale."""
    she = PRONOUNS[pronoun]
    named = {bound[role] for role in "ABC" if role in bound and PEOPLE[bound[role]].she == she}
    if not named:
        named = {who for relation, who in world.facts if relation == "at" and PEOPLE[who].she == she}
    if len(named) != 1:
        raise Wrong(f"{pronoun!r} could mean {' or '.join(sorted(named)) or 'nobody'}")
    return named.pop()


def test(need: tuple[str, ...], bound: dict[str, str], world: World) -> None:
    """Raise `Wrong` unless a need holds; a role that is not bound yet takes the value that is known."""
    relation, *args = need
    if relation == "start":
        if world.facts:
            raise Wrong("the tale has begun already", 0)
    elif relation == "new":
        kind = "at" if args[0] in "ABC" else "in"
        if world.value(kind, bound[args[0]]) is not None:
            raise Wrong(f"{bound[args[0]]} is in the tale already", world.since(kind, bound[args[0]]))
    elif relation == "near":
        a, b = (bound[role] for role in args)
        if world.value("at", a) != world.value("at", b):
            since = max(world.since("at", a) or 0, world.since("at", b) or 0)
            raise Wrong(f"{a} is at the {world.value('at', a)}, {b} at the {world.value('at', b)}", since)
    elif relation == "not":
        test_fact(args, bound, world, wanted=False)
    else:
        test_fact(list(need), bound, world, wanted=True)


def test_fact(need: list[str], bound: dict[str, str], world: World, wanted: bool) -> None:
    """Raise `Wrong` unless the fact `relation [whose] value` holds (or does not hold, if that is wanted)."""
    relation, *whose, value = need
    who = bound[whose[0]] if whose else ""
    known = world.value(relation, who)
    if value in KINDS and value not in bound and wanted and known is not None:
        bound[value] = known
    expected = bound.get(value, value)
    if (known == expected) != wanted:
        raise Wrong(explain(relation, who, known, expected, wanted), world.since(relation, who))


def explain(relation: str, who: str, known: str | None, expected: str, wanted: bool) -> str:
    """Why a fact does not hold, in words."""
    if not wanted:
        return f"{relation} {who}: it is {known} already"
    return f"{relation} {who}: it is {known}, not {expected}"


def introduced(event: Event, bound: dict[str, str], world: World) -> None:
    """Raise `Wrong` if a person or thing is spoken of before it has come into the tale."""
    fresh = {need[1] for need in event.needs if need[0] == "new"}
    for role, who in bound.items():
        kind = "at" if role in "ABC" else "in" if role in "OQ" else ""
        if kind and role not in fresh and world.value(kind, who) is None:
            raise Wrong(f"{who} has not come into the tale")


def apply(event: Event, bound: dict[str, str], world: World, number: int) -> None:
    """Let the event happen."""
    for relation, *args in event.does:
        if relation == "end":
            world.ended = True
        elif relation == "no":
            world.facts.pop((args[0], bound.get(args[1], "")), None)
        else:
            *whose, value = args
            world.facts[relation, bound[whose[0]] if whose else ""] = (bound.get(value, value), number)


def judge(text: str, start: int, number: int, world: World) -> Judgement:
    """Read one sentence, judge it, and let happen what it tells."""
    def say(fault: Wrong | None, event: Event | None, bound: dict[str, str], well_formed: bool) -> Judgement:
        reason, against = (fault.reason, fault.contradicts) if fault else ("", None)
        name = event.name if event else ""
        return Judgement(text, start, start + len(text), well_formed, fault is None, reason, against, name, bound)

    if world.ended:
        return say(Wrong("the tale has ended already"), None, {}, False)
    marked, words = pieces(text)
    best: tuple[int, Wrong, Event | None, dict[str, str]] = (0, Wrong("not a sentence of this world"), None, {})
    article = WRONG_ARTICLE.search(text)
    if article:
        return say(Wrong(f"a or an: {article[0]!r}"), None, {}, False)
    for pattern in PATTERNS.get(marked, ()):
        bound: dict[str, str] = {}
        try:
            bound = bind(pattern, words, world)
            introduced(pattern.event, bound, world)
            for need in pattern.event.needs:
                test(need, bound, world)
        except Wrong as wrong:
            if (stage := 1 + bool(bound)) > best[0]:
                best = (stage, wrong, pattern.event, bound)
            continue
        settle(pattern.event, bound, words, world, number)
        return say(None, pattern.event, bound, True)
    stage, wrong, event, bound = best
    if event and stage == 2 and all(role in bound for role in event.roles):
        settle(event, bound, words, world, number)
    return say(wrong, event, bound, stage > 0)


def settle(event: Event, bound: dict[str, str], words: tuple[str, ...], world: World, number: int) -> None:
    """Take an event at its word, so that one fault is counted once."""
    apply(event, bound, world, number)
    for word in words:
        if word in THINGS:
            world.last_thing = word


def split(text: str) -> list[tuple[int, str]]:
    """The sentences of a text with their positions."""
    found = []
    for match in SENTENCE.finditer(text):
        sentence = match[0].strip()
        if sentence:
            found.append((match.start() + match[0].index(sentence), sentence))
    return found


def check(text: str) -> Report:
    """Judge a text sentence by sentence."""
    world = World()
    judged = tuple(judge(s, start, i, world) for i, (start, s) in enumerate(split(text)))
    return Report(judged, world.ended)
