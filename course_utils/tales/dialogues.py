"""Conversations with somebody of the little world, and whether what they answer about a tale is true.

Ida talks, and somebody with a manner of their own replies: small talk, a tale told by one of the two, questions about
it. What the tale answers is answered, and what it does not is said to be so, always in the same voice.
"""

import random
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from course_utils.common import require
from course_utils.tales.generator import tell
from course_utils.tales.questions import Question, ask
from course_utils.tales.voices import ASKING, BRINGING, HUGO, WISHES, Voice

ASKER = "Ida"  # who talks to a voice
UNKNOWN = "does not say"  # in every refusal, and in nothing else
# For each form of question: the answer as a sentence, {a} the answer; other names are taken from the question.
STATEMENTS = (
    (r"Where is (?P<x>.+)\?", "{x} is {a}"),
    (r"Who has (?P<x>.+)\?", "{a} has {x}"),
    (r"Who gave (?P<x>.+) to (?P<y>.+)\?", "{a} gave {y} {x}"),
    (r"To whom did (?P<x>.+) give (?P<y>.+)\?", "{x} gave {y} to {a}"),
    (r"Who said .*\?", "{a} said that"),
    (r"Where was (?P<x>.+) before going to (?P<y>.+)\?", "{x} was {a}"),
    (r"Who had (?P<x>.+) before (?P<y>.+)\?", "{a} had {x} before {y}"),
    (r"Why .*\?", "{a}"),
)


class Turn(NamedTuple):
    """What somebody says; for an answer about a tale, the question that it answers."""

    speaker: str
    text: str
    question: Question | None = None


def statement(question: Question, answer: str, asked: str = "") -> str:
    """Return an answer as a sentence without its end, as it stands in the middle of one.

    With `asked`, that stands in place of what the question asks about.

    >>> statement(Question("who has", "Who has the kite?", "Mara", True, 1, (0,)), "Mara")
    'Mara has the kite'
    """
    for form, sentence in STATEMENTS:
        if found := re.fullmatch(form, question.text):
            return sentence.format(a=answer, **{name: asked or text for name, text in found.groupdict().items()})
    raise ValueError(f"the question is {question.text!r}; it takes one that tales.ask asks")


def capital(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[:1].upper() + text[1:]


def in_voice(voice: Voice, question: Question, rng: random.Random) -> str:
    """Return the true reply to a question as this voice gives it."""
    if not question.answered:
        return rng.choice(voice.refusals)
    sentence = statement(question, question.answer)
    return rng.choice(voice.answers).format(s=sentence, S=capital(sentence))


def verdict(reply: str, question: Question) -> str:
    """Say what a reply to a question is: "right", "wrong", "refused" (it says that the tale does not say) or "unclear".

    A refusal is right where the tale has no answer; there, whatever is claimed is wrong, also about something else.

    >>> verdict("Aye, Mara has the kite.", Question("who has", "Who has the kite?", "Finn", True, 1, (0,)))
    'wrong'
    """
    if UNKNOWN in reply:
        return "refused" if question.answered else "right"
    mark = "\0"
    sentence = statement(question, mark, asked="" if question.answered else mark)
    pattern = re.escape(sentence).replace(re.escape(mark), r"([\w' ]+?)") + r"(?=[.,]|$)"
    claims = re.findall(rf"(?<!\w){pattern}", reply, re.IGNORECASE)
    if not question.answered:
        return "wrong" if claims else "unclear"
    if any(claim.lower().endswith(question.answer.lower()) for claim in claims):
        return "right"
    return "wrong" if claims else "unclear"


def in_style(reply: str, voice: Voice) -> bool:
    """Whether this voice could have given a reply: its words around an answer or a tale, or a line of its own.

    >>> in_style("Aye, Mara has the kite.", HUGO), in_style("Mara has the kite.", HUGO)
    (True, False)
    """
    pairs = (*voice.openings, *voice.talk, *voice.closings)
    lines = (*voice.refusals, *voice.reactions, *(line for _, line in pairs))
    frames = [form.format(s="\0", S="\0") for form in voice.answers] + [f"{offer} \1" for offer in voice.offers]
    # An answer is one sentence, a tale several.
    patterns = [re.escape(frame).replace("\0", "[^.]+").replace("\1", ".+") for frame in frames]
    return reply in lines or any(re.fullmatch(pattern, reply) for pattern in patterns)


def pick_questions(tale: str, count: int, unanswerable: float, rng: random.Random) -> list[Question]:
    """Return different questions about a tale, its kinds equally likely; a fraction of them has no answer in it."""
    left = ask(tale)
    picked: list[Question] = []
    for _ in range(count):
        answered = rng.random() >= unanswerable
        kinds = sorted({question.kind for question in left if question.answered == answered})
        if kinds:
            kind = rng.choice(kinds)
            fitting = [question for question in left if question.kind == kind and question.answered == answered]
            picked.append(rng.choice(fitting))
            left.remove(picked[-1])
    return picked


def asked(question: Question, rng: random.Random) -> str:
    """Return the question as somebody asks it in the middle of a conversation."""
    text = question.text
    return rng.choice(ASKING).format(Q=text, q=text[:1].lower() + text[1:])


def about_a_tale(
    tale: str, voice: Voice, tells: float, questions: Sequence[Question], rng: random.Random
) -> Iterator[Turn]:
    """Yield the turns in which one of the two tells a tale, and questions about it are asked and answered."""
    if rng.random() < tells:
        yield Turn(ASKER, rng.choice(WISHES))
        yield Turn(voice.name, f"{rng.choice(voice.offers)} {tale}")
    else:
        yield Turn(ASKER, f"{rng.choice(BRINGING)} {tale}")
        yield Turn(voice.name, rng.choice(voice.reactions))
    for question in questions:
        yield Turn(ASKER, asked(question, rng))
        yield Turn(voice.name, in_voice(voice, question, rng), question)


def small_talk(pairs: Sequence[tuple[str, str]], voice: Voice, chance: float, rng: random.Random) -> list[Turn]:
    """Return something said to a voice, and its reply, or nothing: one of the two at random."""
    said, reply = rng.choice(pairs)
    return [Turn(ASKER, said), Turn(voice.name, reply)] if rng.random() < chance else []


def dialogue(
    seed: int,
    voice: Voice = HUGO,
    *,
    questions: int = 3,
    unanswerable: float = 0.2,
    talk: float = 0.3,
    tells: float = 0.5,
) -> list[Turn]:
    """Return one conversation; the same seed gives the same on every system.

    It has a tale in it, which the voice tells with the probability `tells` and Ida otherwise, and up to `questions`
    questions, of which a fraction `unanswerable` has no answer in the tale. With the probability `talk` each, they
    greet, talk of other things before, and say goodbye.

    >>> [turn.speaker for turn in dialogue(3, questions=1, talk=0)]
    ['Ida', 'Hugo', 'Ida', 'Hugo']
    """
    require(questions >= 0, f"questions is {questions}; it takes 0 or more")
    for name, value in (("unanswerable", unanswerable), ("talk", talk), ("tells", tells)):
        require(0 <= value <= 1, f"{name} is {value}; it takes a fraction from 0 to 1")
    rng = random.Random(f"dialogue {seed}")
    tale = tell(seed)[0]
    return [
        *small_talk(voice.openings, voice, talk, rng),
        *small_talk(voice.talk, voice, talk, rng),
        *about_a_tale(tale, voice, tells, pick_questions(tale, questions, unanswerable, rng), rng),
        *small_talk(voice.closings, voice, talk, rng),
    ]
