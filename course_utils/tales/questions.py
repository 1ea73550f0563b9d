"""Questions about a tale with their true answers, what is true after each of its sentences, and words by category."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from course_utils.common import require
from course_utils.tales.checker import Judgement, World, check, judge, split
from course_utils.tales.generator import EVENT, FORMS, Event, Way, parse_way
from course_utils.tales.words import CATEGORIES, PEOPLE, PLACES, THINGS, TIMES, WEATHER

NOT_TOLD = "The tale does not say."
WORD = re.compile(r"[A-Za-z]+")
QUOTED = re.compile(r'"([^"]*)[.,?]"')


class Moment(NamedTuple):
    """What is true after one sentence, which stands at tale[start:end].

    `where` says at which place each person is, `holds` which person has each thing, or at which place it lies.
    """

    start: int
    end: int
    where: dict[str, str]
    holds: dict[str, str]


class Question(NamedTuple):
    """A question, its kind and true answer, whether the tale answers it, how many facts it takes, and the sentences."""

    kind: str
    text: str
    answer: str
    answered: bool
    steps: int
    sentences: tuple[int, ...]


def trace(tale: str) -> list[Moment]:
    """Who is where, and who has what, after each sentence; a sentence that does not fit is taken at its word.

    >>> trace("One hot morning, Mara was at the mill. Mara went to the river.")[1].where
    {'Mara': 'river'}
    """
    world, moments = World(), []
    for number, (start, text) in enumerate(split(tale)):
        judge(text, start, number, world)
        where = {who: value for (relation, who), (value, _) in world.facts.items() if relation == "at"}
        holds = {what: value for (relation, what), (value, _) in world.facts.items() if relation == "in"}
        moments.append(Moment(start, start + len(text), where, holds))
    return moments


def ask(tale: str) -> list[Question]:
    """Every question that we can ask of a consistent tale; where it says where someone is, that is at its end.

    Kinds: "who has", "where is", "where is the thing" (two steps: who has it, where that person is), "who gave",
    "why", "who spoke", "order", and each of "who has", "where is" and "why" once more with no answer in the tale.
    Raises `ValueError` for a tale that `check` does not accept.
    """
    report = check(tale)
    require(report.consistent, "ask needs a tale that is consistent from its first sentence to its end")
    moments = trace(tale)
    found = [*at_the_end(moments), *who_gave(report.sentences), *whys(report.sentences)]
    found += [*who_spoke(report.sentences), *orders(moments), *not_told(tale, moments[-1])]
    answers: dict[str, set[str]] = {}
    for question in found:
        answers.setdefault(question.text, set()).add(question.answer)
    # What could be answered in two ways is not asked.
    unique = {question.text: question for question in found if len(answers[question.text]) == 1}
    return list(unique.values())


def at(place: str) -> str:
    """The place with its preposition: `at the mill`."""
    return FORMS["at"][place][0]


def changed(moments: list[Moment], field: str, whose: str) -> list[tuple[int, str]]:
    """The values that `where` or `holds` takes for one person or thing, each with the sentence that brings it."""
    values: list[tuple[int, str]] = []
    for number, moment in enumerate(moments):
        value = getattr(moment, field).get(whose)
        if value and (not values or values[-1][1] != value):
            values.append((number, value))
    return values


def at_the_end(moments: list[Moment]) -> Iterator[Question]:
    """Who has what and who is where when the tale ends."""
    last = moments[-1]
    for who, place in last.where.items():
        told = changed(moments, "where", who)[-1][0]
        yield Question("where is", f"Where is {who}?", at(place), True, 1, (told,))
    for what, holder in last.holds.items():
        told = changed(moments, "holds", what)[-1][0]
        if holder in PLACES:
            yield Question("where is the thing", f"Where is the {what}?", at(holder), True, 1, (told,))
        else:
            yield Question("who has", f"Who has the {what}?", holder, True, 1, (told,))
            both = (told, changed(moments, "where", holder)[-1][0])
            yield Question("where is the thing", f"Where is the {what}?", at(last.where[holder]), True, 2, both)


def hands_over(event: Event) -> tuple[str, str, str] | None:
    """Giver, receiver and thing, as roles, of an event that moves a thing from one person to another."""
    before = {need[1]: need[2] for need in event.needs if need[0] == "in"}
    for effect in event.does:
        if effect[0] == "in" and effect[1] in before and effect[2] in "ABC" and before[effect[1]] in "ABC":
            return before[effect[1]], effect[2], effect[1]
    return None


def who_gave(sentences: tuple[Judgement, ...]) -> Iterator[Question]:
    """Who gave what to whom."""
    for number, sentence in enumerate(sentences):
        if roles := hands_over(EVENT[sentence.event]):
            giver, receiver, thing = (sentence.bound[role] for role in roles)
            yield Question("who gave", f"Who gave the {thing} to {receiver}?", giver, True, 1, (number,))
            yield Question("who gave", f"To whom did {giver} give the {thing}?", receiver, True, 1, (number,))


def named(way: Way, bound: dict[str, str]) -> str:
    """A way filled with names only."""
    return "".join(before + FORMS[form][bound[role]][0] for before, role, form in way.slots) + way.after


def whys(sentences: tuple[Judgement, ...]) -> Iterator[Question]:
    """Why something was done, or why somebody was sad."""
    for number, sentence in enumerate(sentences):
        if why := EVENT[sentence.event].why:
            question, answer = (named(parse_way(part.strip()), sentence.bound) for part in why.split("|"))
            yield Question("why", question, answer, True, 1, (number,))


def who_spoke(sentences: tuple[Judgement, ...]) -> Iterator[Question]:
    """Who said what stands between quotation marks."""
    for number, sentence in enumerate(sentences):
        if sentence.speaker:
            words = QUOTED.search(sentence.text)[1]
            yield Question("who spoke", f'Who said "{words}"?', sentence.speaker, True, 1, (number,))


def orders(moments: list[Moment]) -> Iterator[Question]:
    """Where somebody was before, and who had something before."""
    for who in moments[-1].where:
        places = changed(moments, "where", who)
        for (first, here), (second, there) in pairwise(places):
            text = f"Where was {who} before going to the {there}?"
            yield Question("order", text, at(here), True, 2, (first, second))
    for what in moments[-1].holds:
        holders = [(number, who) for number, who in changed(moments, "holds", what) if who in PEOPLE]
        for (first, giver), (second, taker) in pairwise(holders):
            if giver != taker:
                text = f"Who had the {what} before {taker}?"
                yield Question("order", text, giver, True, 2, (first, second))


def not_told(tale: str, last: Moment) -> Iterator[Question]:
    """Questions about somebody and something that the tale does not speak of."""
    pick = sum(map(ord, tale))
    strangers = [who for who in PEOPLE if who not in last.where]
    others = [what for what in THINGS if what not in last.holds]
    who, what = strangers[pick % len(strangers)], others[pick % len(others)]
    somebody = list(last.where)[pick % len(last.where)]
    yield Question("where is", f"Where is {who}?", NOT_TOLD, False, 0, ())
    yield Question("who has", f"Who has the {what}?", NOT_TOLD, False, 0, ())
    yield Question("why", f"Why did {somebody} give the {what} to {who}?", NOT_TOLD, False, 0, ())


def lexicon() -> dict[str, str]:
    """Each word of the tales, as it is written there (`she` and `She`), with its category.

    >>> words = lexicon()
    >>> words["Mara"], words["She"], words["mill"], words["kite"], words["gave"]
    ('name she', 'pronoun she', 'place', 'thing', 'verb of giving')
    """
    category = own_words()
    for kind, words in CATEGORIES.items():
        category |= dict.fromkeys(words.split(), kind)
    category |= {name: "name she" if person.she else "name he" for name, person in PEOPLE.items()}
    category |= dict.fromkeys(THINGS, "thing") | {thing.adjective: "adjective of a thing" for thing in THINGS.values()}
    category |= dict.fromkeys(PLACES, "place") | dict.fromkeys(WEATHER, "weather") | dict.fromkeys(TIMES, "time of day")
    return {word: category.get(word, category.get(word.lower(), "other")) for word in sorted(all_words())}


def own_words() -> dict[str, str]:
    """The words of lines that belong to one person, place or thing."""
    lines = {"word of a person": [], "word of a place": [], "word of a thing": [], "word of the weather": []}
    for person in PEOPLE.values():
        lines["word of a person"] += [person.trait, person.habit]
    for place in PLACES.values():
        lines["word of a place"] += [place.spot, *place.lines]
    for thing in THINGS.values():
        lines["word of a thing"] += [*thing]
    lines["word of the weather"] += WEATHER.values()
    return {word.lower(): kind for kind, texts in lines.items() for text in texts for word in WORD.findall(text)}


def all_words() -> set[str]:
    """Every word that a tale can hold, as it is written there."""
    ways = [way for event in EVENT.values() for group in (event.ways, *event.own.values()) for way in group]
    texts = [text for way in ways for text in (*(slot.before for slot in way.slots), way.after)]
    texts += [text for form in FORMS.values() for pair in form.values() for text in pair]
    return {word for text in texts for word in WORD.findall(text)} - {"s"}
