"""Questions about a tale with their true answers, and what is true after each of its sentences."""

from typing import NamedTuple

from course_utils.checking import World, judge, split
from course_utils.world import PEOPLE, PLACES, THINGS, TIMES, WEATHER


class Moment(NamedTuple):
    """What is true after one sentence, which stands at text[start:end]: who is where, who or which place has what."""

    start: int
    end: int
    where: dict[str, str]
    holds: dict[str, str]


class Question(NamedTuple):
    """A question, its kind, the true answer, whether the tale answers it, and how many facts the answer takes."""

    kind: str
    text: str
    answer: str
    answered: bool
    steps: int


def trace(tale: str) -> list[Moment]:
    """Who is where and what is with whom (or lies where) after each sentence."""
    world, moments = World(), []
    for number, (start, text) in enumerate(split(tale)):
        judge(text, start, number, world)
        where = {who: value for (relation, who), (value, _) in world.facts.items() if relation == "at"}
        holds = {what: value for (relation, what), (value, _) in world.facts.items() if relation == "in"}
        moments.append(Moment(start, start + len(text), where, holds))
    return moments


def ask(tale: str) -> list[Question]:
    """Questions about the end of a consistent tale."""
    moments = trace(tale)
    if not moments:
        return []
    last, questions = moments[-1], []
    for who, place in last.where.items():
        questions.append(Question("where is", f"Where is {who}?", f"{PLACES[place].at} the {place}", True, 1))
    for what, holder in last.holds.items():
        answer = holder if holder in PEOPLE else "nobody"
        questions.append(Question("who has", f"Who has the {what}?", answer, True, 1))
    return questions


def lexicon() -> dict[str, str]:
    """Each word's category."""
    words = {name: "name she" if person.she else "name he" for name, person in PEOPLE.items()}
    words |= dict.fromkeys(PLACES, "place") | dict.fromkeys(THINGS, "thing")
    words |= dict.fromkeys(WEATHER, "weather") | dict.fromkeys(TIMES, "time")
    return words
