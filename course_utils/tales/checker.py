"""Tales read back: every sentence is matched with the ways of `words.py` and replayed in a small state of the world."""

import re
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from course_utils.common import require
from course_utils.tales.generator import EVENT, FORMS, KINDS, Event, Way
from course_utils.tales.words import PEOPLE, PLACES, THINGS, TIMES, WEATHER

STOP = re.compile(r'[".?!]')
# After a closing quotation mark a sentence is over when the text is, or when no small letter ("said Tom") follows.
OVER = re.compile(r'\s+["A-Z]|\s*\Z')
PIECE = re.compile(r"[A-Za-z]+|[^A-Za-z]+")
WRONG_ARTICLE = re.compile(r"\b(?:[Aa] [aeiou]|[Aa]n [^aeiou])\w*")
PRONOUNS = {"she": True, "her": True, "he": False, "him": False, "his": False}
PRONOUNS |= {word.capitalize(): she for word, she in PRONOUNS.items()}
MARK = dict.fromkeys((*PEOPLE, *PRONOUNS), "@")
MARK |= dict.fromkeys(THINGS, "%") | dict.fromkeys(PLACES, "#")
MARK |= dict.fromkeys((thing.adjective for thing in THINGS.values()), "^")
MARK |= dict.fromkeys((*WEATHER, *TIMES), "~")
RELATION_OF_BEING = dict.fromkeys("ABC", "at") | dict.fromkeys("OQ", "in")
# How a fact reads in a reason.
SAYS = {
    "asked": "{who} was asked for the {value}",
    "at": "{who} is at the {value}",
    "bargain": "{who} was offered a swap by {value}",
    "begs": "{who} asked for the {value}",
    "birthday": "{who} has a birthday",
    "careless": "{who} has lost something",
    "counts": "{who} is counting, to look for the {value}",
    "errand": "{who} was asked a favour by {value}",
    "finder": "the {who} was found by {value}",
    "for": "the {who} is for {value}",
    "from": "the {who} was found at the {value}",
    "got": "the {who} was a present from {value}",
    "helps": "{who} helped {value}",
    "hid": "the {who} was hidden by {value}",
    "hides": "{who} has hidden the {value} as a surprise",
    "in": "the {who} is with {value}",
    "late": "{who} brought something back late to {value}",
    "left": "{who} has been at the {value}",
    "lost": "{who} has lost the {value}",
    "mended": "the {who} was mended by {value}",
    "minds": "{who} was asked to mind the {value}",
    "mood": "{who} is {value}",
    "muddled": "{who} has mixed up things with {value}",
    "owes": "{who} has something to thank {value} for",
    "own": "the {who} belongs to {value}",
    "promised": "{who} has promised something to {value}",
    "refused": "{who} said no to {value}",
    "scene": "the tale is at the {value}",
    "seeks": "{who} is looking for the {value}",
    "shared": "the {who} was shared with {value}",
    "silly": "{who} was looking for what {value} could see",
    "sorry": "{who} has something to be sorry for to {value}",
    "state": "the {who} is {value}",
    "stingy": "{who} said no to {value}",
    "swapped": "{who} has swapped with {value}",
    "thanked": "{who} was thanked by {value}",
    "thief": "the {who} was stolen",
    "time": "it is {value}",
    "wants": "{who} wants the {value}",
    "weather": "it is {value}",
    "wishes": "{who} wishes for the {value}",
    "won": "the {who} was won by {value}",
}
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
    speaker: str


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
    speaker: str
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
        patterns.setdefault(text + tail[0], []).append(Pattern(event, way.speaker, tuple(gaps), fixed))


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
    last_people: tuple[str, ...] = ()
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
    named = set()
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
        elif meant in PEOPLE:
            named.add(meant)
    for role, form, part in later:
        meant = world.last_thing if form in ("it", "It") else person_meant(part[0], named, world)
        if not meant:
            raise Wrong("it could be anything: nothing has been named")
        if bound.setdefault(role, meant) != meant:
            raise Wrong(f"{part[0] if part else 'it'!r} means {meant}, not {bound[role]}")
    for kind in ("ABC", "OQ", "PR"):
        meant_by = [bound[role] for role in kind if role in bound]
        if len(set(meant_by)) < len(meant_by):
            raise Wrong(f"{max(meant_by, key=meant_by.count)} is there twice")
    return bound


def person_meant(pronoun: str, named: set[str], world: World) -> str:
    """The one person whom a pronoun can mean.

    Of those named in its own sentence; if none is of its gender, of the last sentence that spoke of people; if none
    is there either, of all in the tale.
    """
    she = PRONOUNS[pronoun]
    named = {who for who in named if PEOPLE[who].she == she}
    if not named:
        named = {who for who in world.last_people if PEOPLE[who].she == she}
    if not named:
        named = {who for relation, who in world.facts if relation == "at" and PEOPLE[who].she == she}
    if len(named) != 1:
        raise Wrong(f"{pronoun!r} could mean {' or '.join(sorted(named)) or 'nobody'}")
    return named.pop()


def introduced(event: Event, bound: dict[str, str], world: World) -> None:
    """Raise `Wrong` if someone is spoken of before they come into the tale, or comes into it twice."""
    fresh = {need[1] for need in event.needs if need[0] == "new"}
    for role, who in bound.items():
        relation = RELATION_OF_BEING.get(role)
        if relation and role in fresh and (relation, who) in world.facts:
            raise Wrong(f"{who} is in the tale already", world.since(relation, who))
        if relation and role not in fresh and (relation, who) not in world.facts:
            raise Wrong(f"{who} has not come into the tale")


def satisfy(needs: tuple[tuple[str, ...], ...], bound: dict[str, str], world: World) -> dict[str, str]:
    """Find values for the roles that a sentence leaves open so that all needs hold; raises `Wrong` if none do."""
    if not needs:
        return bound
    fault = None
    for choice in meet(needs[0], bound, world):
        try:
            return satisfy(needs[1:], choice, world)
        except Wrong as wrong:
            fault = fault or wrong
    raise fault


def meet(need: tuple[str, ...], bound: dict[str, str], world: World) -> list[dict[str, str]]:
    """The ways to meet one need, each with its bindings, at least one; raises `Wrong` if there are none."""
    relation, *args = need
    if relation == "new":
        return [bound]
    if relation == "start":
        if world.facts:
            raise Wrong("the tale has begun already", 0)
        return [bound]
    if relation == "near":
        return near(*args, bound, world)
    if relation == "not":
        return [unless(args, bound, world)]
    return having(relation, args, bound, world)


def near(one: str, other: str, bound: dict[str, str], world: World) -> list[dict[str, str]]:
    """Both are at one place; who is still open may be anybody there."""
    if one not in bound:
        one, other = other, one
    if one not in bound:
        raise Wrong("it does not say who is meant")
    a, b = bound[one], bound.get(other)
    here = world.value("at", a)
    if b is None:
        there = [who for (r, who), (place, _) in world.facts.items() if r == "at" and place == here]
        found = [bound | {other: who} for who in there if free(other, who, bound)]
        if not found:
            raise Wrong(f"nobody is with {a}")
        return found
    if here != world.value("at", b):
        since = max(world.since("at", a) or 0, world.since("at", b) or 0)
        raise Wrong(f"{a} is at the {here}, {b} at the {world.value('at', b)}", since)
    return [bound]


def unless(need: list[str], bound: dict[str, str], world: World) -> dict[str, str]:
    """The fact does not hold."""
    try:
        found = meet(tuple(need), bound, world)[0]
    except Wrong:
        return bound
    relation, *whose, other = need
    who = found[whose[0]] if whose else ""
    if relation == "near":
        raise Wrong(f"{who} and {found[other]} are both at the {world.value('at', who)}", world.since("at", who))
    value, since = world.facts[relation, who]
    raise Wrong(tell_fact(relation, who, value), since)


def having(relation: str, args: list[str], bound: dict[str, str], world: World) -> list[dict[str, str]]:
    """The fact `relation [whose] value` holds; a role that is still open takes what makes it so, the latest first."""
    *whose, value = args
    wanted = bound.get(value, None if value in KINDS else value)
    if whose and whose[0] not in bound:
        found = [(n, who, v) for (r, who), (v, n) in world.facts.items() if r == relation and wanted in (None, v)]
        found = [(n, who, v) for n, who, v in found if free(whose[0], who, bound)]
        if not found:
            raise Wrong("it was not told that " + tell_fact(relation, "somebody", wanted or "something"))
        return [bound | {whose[0]: who} | ({value: v} if wanted is None else {}) for n, who, v in sorted(found)[::-1]]
    who = bound[whose[0]] if whose else ""
    known, since = world.facts.get((relation, who), (None, None))
    if wanted is None and known is not None and free(value, known, bound):
        return [bound | {value: known}]
    if known is None or known != wanted:
        if known is None:
            raise Wrong("it was not told that " + tell_fact(relation, who, wanted or "something"))
        raise Wrong(tell_fact(relation, who, known) + (f", not {wanted}" if wanted else ""), since)
    return [bound]


def free(role: str, value: str, bound: dict[str, str]) -> bool:
    """May this role take this value: right in kind, and not taken by another role?"""
    return value in KINDS[role] and value not in bound.values()


def tell_fact(relation: str, who: str, value: str) -> str:
    """A fact in words."""
    if relation == "in" and value in PLACES:
        return f"the {who} lies {FORMS['at'][value][0]}"
    return SAYS[relation].format(who=who, value=value).replace("the something", "something")


def assume(event: Event, bound: dict[str, str], world: World, number: int) -> None:
    """Take a sentence that does not fit at its word: whom it speaks of is there, and what it needs is so."""
    here = world.value("scene") or "somewhere"
    for role, who in bound.items():
        if role in "ABC":
            world.facts.setdefault(("at", who), (here, number))
    for relation, *args in event.needs:
        if relation in ("new", "not", "start") or any(arg in KINDS and arg not in bound for arg in args):
            continue
        *whose, value = (bound.get(arg, arg) for arg in args)
        if relation == "near":
            # Where the two would have to be together: where the tale is, if one of them is there.
            places = [world.value("at", who) for who in (*whose, value)]
            for who in (*whose, value):
                world.facts["at", who] = (here if here in places else places[0], number)
        else:
            world.facts[relation, whose[0] if whose else ""] = (value, number)


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


def remember(mentioned: dict[str, str], words: tuple[str, ...], world: World) -> None:
    """Who and what the sentence spoke of: the next pronouns may mean them."""
    people = tuple({who for role, who in mentioned.items() if role in "ABC"})
    world.last_people = people or world.last_people
    for word in words:
        if word in THINGS:
            world.last_thing = word


class Attempt(NamedTuple):
    """One reading of a sentence: how far it got (0 unknown, 1 words fit, 2 who is meant is clear, 3 all is well)."""

    stage: int
    fault: Wrong | None
    event: Event | None
    mentioned: dict[str, str]
    bound: dict[str, str]
    speaker: str = ""


def attempt(pattern: Pattern, words: tuple[str, ...], world: World) -> Attempt:
    """Read a sentence as this way of this event."""
    try:
        mentioned = bind(pattern, words, world)
    except Wrong as wrong:
        return Attempt(1, wrong, pattern.event, {}, {})
    try:
        introduced(pattern.event, mentioned, world)
        bound = satisfy(pattern.event.needs, mentioned, world)
        return Attempt(3, None, pattern.event, mentioned, bound, bound.get(pattern.speaker, ""))
    except Wrong as wrong:
        return Attempt(2, wrong, pattern.event, mentioned, mentioned)


def read(text: str, words: tuple[str, ...], marked: str, world: World) -> Attempt:
    """The best reading of a sentence."""
    best = Attempt(0, Wrong("not a sentence of this world"), None, {}, {})
    if world.ended:
        return best._replace(fault=Wrong("the tale has ended already"))
    if article := WRONG_ARTICLE.search(text):
        return best._replace(fault=Wrong(f"a or an: {article[0]!r}"))
    for pattern in PATTERNS.get(marked, ()):
        new = attempt(pattern, words, world)
        if new.stage > best.stage:
            best = new
        if best.stage == 3:
            break
    return best


def judge(text: str, start: int, number: int, world: World) -> Judgement:
    """Read one sentence, judge it, and let happen what it tells: taken at its word, one fault is counted once."""
    marked, words = pieces(text)
    best = read(text, words, marked, world)
    if best.event and best.fault and best.bound:
        assume(best.event, best.bound, world, number)
    if best.event and all(role in best.bound for role in best.event.acts):
        apply(best.event, best.bound, world, number)
    remember(best.mentioned, words, world)
    fault = best.fault
    name = best.event.name if best.event else ""
    return Judgement(
        text=text,
        start=start,
        end=start + len(text),
        well_formed=best.stage > 0,
        consistent=fault is None,
        reason=fault.reason if fault else "",
        contradicts=fault.contradicts if fault else None,
        event=name,
        bound=best.bound,
        speaker=best.speaker,
    )


def split(text: str) -> list[tuple[int, str]]:
    """The sentences of a text with their positions; what stands after the last stop is one too.

    >>> split('"Is it here?" asked Tom. "No."')
    [(0, '"Is it here?" asked Tom.'), (25, '"No."')]
    """
    require(isinstance(text, str), f"a tale is a {type(text).__name__}; it takes a string")
    found, start, quoted = [], 0, False
    for mark in STOP.finditer(text):
        end = mark.end()
        if mark[0] == '"':
            quoted = not quoted
            ends = not quoted and text[end - 2] in ".?!" and OVER.match(text, end)
        else:
            ends = not quoted
        if ends:
            found.append((start, text[start:end]))
            start = end
    found.append((start, text[start:]))
    return [(at + len(part) - len(part.lstrip()), part.strip()) for at, part in found if part.strip()]


def check(text: str) -> Report:
    """Judge a text sentence by sentence."""
    world = World()
    judged = tuple(judge(s, start, i, world) for i, (start, s) in enumerate(split(text)))
    return Report(judged, world.ended)
