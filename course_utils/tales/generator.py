"""Tales told: the ways of `words.py` made into parts, filled with people, places and things, one choice at a time."""

import math
import random
import re
from typing import NamedTuple

from course_utils.common import require
from course_utils.tales.words import EVENTS, PEOPLE, PLACES, SHAPES, THINGS, TIMES, WEATHER

SLOT = re.compile(r"\{([^}]*)\}")
# How often a name that may be a pronoun is one, and how often a step that may be left out is told.
PRONOUN, OPTIONAL = 0.7, 0.35
# How often someone who joins is of the other gender than who came first: then a pronoun says who is meant.
OTHER_GENDER = 0.8
# Words in a tale, and the share of tellings that keep to it (measured on 200,000).
SHORTEST, LONGEST, KEPT = 50, 90, 0.905
VERBS = ("said", "asked", "cried")
KINDS = {"A": PEOPLE, "B": PEOPLE, "C": PEOPLE, "O": THINGS, "Q": THINGS, "P": PLACES, "R": PLACES}
KINDS |= {"W": WEATHER, "T": dict.fromkeys(TIMES)}


class Slot(NamedTuple):
    """A gap in a way: the text before it, whose gap it is, and in which form it is filled."""

    before: str
    role: str
    form: str


class Way(NamedTuple):
    """One way to tell an event: slots, the text after the last one, and which people it names or needs clear."""

    slots: tuple[Slot, ...]
    after: str
    people: tuple[str, ...]
    pronouns: tuple[str, ...]
    named: frozenset[str]
    free: frozenset[str]
    speaker: str


class Event(NamedTuple):
    """Something that can happen: what must hold, what holds then, and the ways to tell it."""

    name: str
    roles: tuple[str, ...]
    needs: tuple[tuple[str, ...], ...]
    does: tuple[tuple[str, ...], ...]
    why: str
    ways: tuple[Way, ...]
    own: dict[str, tuple[Way, ...]]
    own_role: str
    acts: frozenset[str]


def article(words: str) -> str:
    """Put the right article before these words.

    >>> article("iron key"), article("red kite")
    ('an iron key', 'a red kite')
    """
    return ("an " if words[0] in "aeiou" else "a ") + words


def forms() -> dict[str, dict[str, tuple[str, str]]]:
    """Every form of every word: form -> entity -> (as it is named, as a pronoun where the form has one)."""
    table: dict[str, dict[str, tuple[str, str]]] = {}

    def add(form: str, entity: str, named: str, pronoun: str = "") -> None:
        table.setdefault(form, {})[entity] = (named, pronoun or named)

    for name, person in PEOPLE.items():
        he, him, his = ("she", "her", "her") if person.she else ("he", "him", "his")
        add("name", name, name, he)
        add("Name", name, name, he.capitalize())
        add("call", name, name)
        add("him", name, name, him)
        add("he", name, he)
        add("his", name, his)
        add("'s", name, name + "'s")
        add("who", name, person.trait)
        for verb in VERBS:
            add(verb, name, f"{verb} {name}", f"{he} {verb}")
    for noun, thing in THINGS.items():
        full = f"{thing.adjective} {noun}"
        add("noun", noun, noun)
        add("full", noun, full)
        add("a", noun, article(full))
        add("an", noun, article(noun))
        add("it", noun, f"the {noun}", "it")
        add("It", noun, f"The {noun}", "It")
        add("broken", noun, thing.broken)
        add("fixed", noun, thing.fixed)
    for noun, place in PLACES.items():
        add("place", noun, noun)
        add("at", noun, f"{place.at} the {noun}")
        add("to", noun, f"to the {noun}")
        add("spot", noun, place.spot)
        add("Spot", noun, place.spot[0].upper() + place.spot[1:])
    for word in (*WEATHER, *TIMES):
        add("word", word, word)
    return table


FORMS = forms()
BARE = {"A": "name", "B": "name", "C": "name", "O": "noun", "Q": "noun"}
BARE |= {"P": "place", "R": "place", "W": "word", "T": "word"}
# These forms are pronouns whatever the teller likes: "her kite".
ALWAYS_PRONOUN = ("he", "his")
MAY_BE_PRONOUN = ("name", "Name", "him", *VERBS)


def parse_slot(inside: str) -> tuple[str, str]:
    """Role and form of what stands between braces: `A`, `A.his`, `A's`, `said A`, `it O`."""
    if " " in inside:
        form, role = inside.split()
    elif inside.endswith("'s"):
        role, form = inside[0], "'s"
    else:
        role, _, form = inside.partition(".")
    return role, form or BARE[role]


def parse_way(text: str) -> Way:
    """Cut a way at its braces.

    >>> parse_way("{A} went {P.to}.").slots
    (Slot(before='', role='A', form='Name'), Slot(before=' went ', role='P', form='to'))
    """
    slots, end = [], 0
    for match in SLOT.finditer(text):
        role, form = parse_slot(match[1])
        require(form in FORMS, f"unknown form {form!r} in {text!r}")
        if form == "name" and match.start() == 0:
            form = "Name"
        slots.append(Slot(text[end : match.start()], role, form))
        end = match.end()
    people = tuple(dict.fromkeys(s.role for s in slots if s.role in "ABC"))
    pronouns = tuple(dict.fromkeys(s.role for s in slots if s.form in ALWAYS_PRONOUN))
    named = frozenset(s.role for s in slots if s.form in MAY_BE_PRONOUN or s.form in ("call", "'s"))
    free = frozenset(s.role for s in slots if s.form in MAY_BE_PRONOUN)
    return Way(tuple(slots), text[end:], people, pronouns, named, free, speaker_of(text, slots))


def speaker_of(text: str, slots: list[Slot]) -> str:
    """The role that speaks: the one of the verb of saying, or the one that is named before the quotation marks."""
    if '"' not in text:
        return ""
    return next((s.role for s in slots if s.form in VERBS), slots[0].role)


def own_ways(form: str) -> tuple[str, dict[str, tuple[Way, ...]]]:
    """The ways that belong to one word each: `{P.lines}`, `{A.habit}`, `{O.use}`, `{W.line}`."""
    role, _, field = form.strip("{}").partition(".")
    ways = {}
    for entity, facts in KINDS[role].items():
        lines = facts if isinstance(facts, str) else getattr(facts, field)
        ways[entity] = tuple(map(parse_way, (lines,) if isinstance(lines, str) else lines))
    return role, ways


def parse_event(block: str) -> Event:
    """Read one event of `EVENTS`: its head, its `if`, `then` and `why` lines, its ways."""
    head, *lines = block.strip().splitlines()
    name, *roles = head.split()
    parts: dict[str, str] = {"if": "", "then": "", "why": "", "own": ""}
    ways = []
    for line in map(str.strip, lines):
        key, _, rest = line.partition(" ")
        if key in parts:
            parts[key] = rest
        else:
            ways.append(parse_way(line))
    needs, does = (tuple(tuple(f.split()) for f in parts[k].split(",") if f.strip()) for k in ("if", "then"))
    acts = frozenset(word for effect in does for word in effect if word in KINDS)
    own_role, own = own_ways(parts["own"]) if parts["own"] else ("", {})
    return Event(name, tuple(roles), needs, does, parts["why"], tuple(ways), own, own_role, acts)


EVENT = {event.name: event for event in map(parse_event, EVENTS.strip().split("\n\n"))}


class Step(NamedTuple):
    """One line of a shape: a choice of runs of events, each event with the roles it takes; it may be left out."""

    choices: tuple[tuple[tuple[Event, tuple[str, ...]], ...], ...]
    optional: bool


class Shape(NamedTuple):
    """A kind of story: its name and its steps."""

    name: str
    steps: tuple[Step, ...]


def parse_step(line: str) -> Step:
    """Read `? view P | sky W + habit A`."""
    optional = line.startswith("?")
    runs = []
    for run in line.lstrip("? ").split("|"):
        calls = [call.split() for call in run.split("+")]
        runs.append(tuple((EVENT[name], tuple(roles)) for name, *roles in calls))
    return Step(tuple(runs), optional)


def parse_shape(block: str) -> Shape:
    """Read one shape of `SHAPES`."""
    name, *lines = block.strip().splitlines()
    steps = tuple(parse_step(line.strip()) for line in lines)
    return Shape(name.strip(), steps)


SHAPE = tuple(map(parse_shape, SHAPES.strip().split("\n\n")))


class Dice:
    """Equal choices from a seed, with the natural logarithm of the probability of all that was chosen.

    Only `random()` is used: its digits are the same on every system and Python version.
    """

    def __init__(self, seed: int) -> None:
        """Start from a seed; every int has dice of its own."""
        require(isinstance(seed, int), f"a seed is an int, not {seed!r}")
        self.random = random.Random(2 * seed if seed >= 0 else -2 * seed - 1).random
        self.log_probability = 0.0

    def choose(self, options: tuple | list) -> object:
        """One of the options, each as likely."""
        n = len(options)
        if n == 1:
            return options[0]
        self.log_probability -= math.log(n)
        return options[int(self.random() * n)]

    def chance(self, p: float) -> bool:
        """True with probability p."""
        happens = self.random() < p
        self.log_probability += math.log(p if happens else 1 - p)
        return happens


class Teller:
    """Tells one tale: who plays which role, who and what the last sentence spoke of, the sentences so far."""

    def __init__(self, dice: Dice) -> None:
        """Start with nobody."""
        self.dice = dice
        self.cast: dict[str, str] = {}
        self.last_people: tuple[str, ...] = ()
        self.last_thing = ""
        self.sentences: list[str] = []

    def player(self, role: str) -> str:
        """Who plays this role: drawn when first needed, so that no choice is made that does not show."""
        if role not in self.cast:
            unused = [word for word in POOL[role] if word not in self.cast.values()]
            first = next((word for word in self.cast.values() if word in PEOPLE), None)
            if role in "ABC" and first:
                she = PEOPLE[first].she != self.dice.chance(OTHER_GENDER)
                unused = [name for name in unused if PEOPLE[name].she == she]
            self.cast[role] = self.dice.choose(unused)
        return self.cast[role]

    def only(self, name: str) -> bool:
        """Is this the only person of that gender in the last sentence that spoke of people?"""
        she = PEOPLE[name].she
        return name in self.last_people and sum(PEOPLE[other].she == she for other in self.last_people) == 1

    def clear(self, role: str, way: Way, bound: dict[str, str]) -> bool:
        """Does the way speak of nobody else of that gender?"""
        she = PEOPLE[bound[role]].she
        return all(PEOPLE[bound[other]].she != she for other in way.people if other != role)

    def fits(self, way: Way, bound: dict[str, str]) -> bool:
        """Has every pronoun that this way must use one possible meaning?"""
        return all(
            self.clear(role, way, bound) and (role in way.named or self.only(bound[role])) for role in way.pronouns
        )

    def tell(self, event: Event, roles: tuple[str, ...]) -> None:
        """Add one sentence."""
        bound = {role: self.player(mine) for role, mine in zip(event.roles, roles, strict=True)}
        ways = event.own[bound[event.own_role]] if event.own else event.ways
        ways = [way for way in ways if not way.pronouns or self.fits(way, bound)]
        require(bool(ways), f"no clear way to tell {event.name} with {bound}")
        way = self.dice.choose(ways)
        self.sentences.append(self.fill(way, bound))
        if way.people:
            self.last_people = tuple(bound[role] for role in way.people)

    def fill(self, way: Way, bound: dict[str, str]) -> str:
        """The way with its gaps filled."""
        text = ""
        pronoun = {
            role: role in way.free
            and self.only(bound[role])
            and self.clear(role, way, bound)
            and self.dice.chance(PRONOUN)
            for role in way.people
        }
        thing = ""
        for before, role, form in way.slots:
            word = bound[role]
            if role in "OQ":
                short = form in ("it", "It") and word == self.last_thing
                thing = word
            else:
                short = pronoun.get(role, False)
            text += before + FORMS[form][word][short]
        self.last_thing = thing
        return text + way.after


POOL = {role: tuple(words) for role, words in KINDS.items()}


def tell_shape(dice: Dice, shape: Shape) -> str:
    """One tale of this shape."""
    teller = Teller(dice)
    for step in shape.steps:
        if not step.optional or dice.chance(OPTIONAL):
            for event, roles in dice.choose(step.choices):
                teller.tell(event, roles)
    return " ".join(teller.sentences)


def tell(seed: int) -> tuple[str, float, str]:
    """One tale, the natural logarithm of its probability, and the name of its shape.

    A tale that turns out too short or too long is told anew, so those that are kept are the more likely for it.
    """
    dice = Dice(seed)
    while True:
        dice.log_probability = -math.log(KEPT)
        shape = dice.choose(SHAPE)
        text = tell_shape(dice, shape)
        if SHORTEST <= text.count(" ") + 1 <= LONGEST:
            return text, dice.log_probability, shape.name
