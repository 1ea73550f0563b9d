"""What a chat model's answers are worth: questions about tales that it never read, asked in a conversation, by kind."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from course_utils import tales
from course_utils.common import require
from course_utils.finetuning import replies
from course_utils.gpt import GPT
from course_utils.template import Message, as_messages
from course_utils.tokenizers import Tokenizer


@dataclass(frozen=True)
class Answer:
    """A question in its conversation, the model's reply, and what the tale makes of it: as `tales.verdict` says."""

    messages: list[Message]
    question: tales.Question
    reply: str
    verdict: str

    @property
    def kind(self) -> str:
        """The kind of question; "not told" for those that the tale does not answer."""
        return self.question.kind if self.question.answered else "not told"


def examination(
    count: int, voice: tales.Voice = tales.HUGO, *, unanswerable: float = 0.3, first_seed: int = tales.FIRST_UNSEEN_SEED
) -> list[tuple[list[Message], tales.Question]]:
    """Return this many conversations about unseen tales that end with a question, and the question.

    >>> talk, question = examination(1, unanswerable=1)[0]
    >>> talk[-1]["role"], question.answered
    ('user', False)
    """
    require(count >= 1, f"count is {count}; it takes a whole number from 1 on")
    found = []
    for seed in range(first_seed, first_seed + count):
        turns = tales.dialogue(seed, voice, questions=1, unanswerable=unanswerable, talk=0)
        found.append((as_messages(turns[:-1], voice.name), turns[-1].question))
    return found


def examine(
    model: GPT, tokenizer: Tokenizer, asked: Sequence[tuple[list[Message], tales.Question]], batch_size: int = 100
) -> list[Answer]:
    """Return the model's likeliest answer to each question, with the verdict."""
    told = replies(model, tokenizer, [messages for messages, _ in asked], batch_size=batch_size)
    return [Answer(talk, q, reply, tales.verdict(reply, q)) for (talk, q), reply in zip(asked, told, strict=True)]


def interval(right: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a fraction by its sample (Wilson 1927, "Probable inference", equation 3).

    >>> [round(end, 3) for end in interval(90, 100)]
    [0.826, 0.945]
    """
    require(0 <= right <= count and count > 0, f"{right} of {count} is no fraction of a sample")
    middle = (right + z * z / 2) / (count + z * z)
    half = z * math.sqrt(right * (count - right) / count + z * z / 4) / (count + z * z)
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True)
class Marks:
    """How many questions of a group there were, and how many replies were right, wrong, refusals or unclear."""

    count: int
    right: int
    wrong: int
    refused: int
    unclear: int

    @property
    def fraction(self) -> float:
        """The fraction of right replies."""
        return self.right / max(1, self.count)


def marks(answers: Sequence[Answer]) -> dict[str, Marks]:
    """Return the marks by kind of question, then of "answerable" and "not told" questions.

    >>> question = tales.Question("who has", "Who has the kite?", "Mara", True, 1, (0,))
    >>> marks([Answer([], question, "Aye, Mara has the kite.", "right")])["answerable"].fraction
    1.0
    """
    groups: dict[str, list[str]] = {}
    for answer in sorted(answers, key=lambda answer: answer.kind):
        groups.setdefault(answer.kind, []).append(answer.verdict)
        if answer.question.answered:
            groups.setdefault("answerable", []).append(answer.verdict)
    last = ("answerable", "not told")
    ordered = [kind for kind in groups if kind not in last] + [kind for kind in last if kind in groups]
    return {kind: Marks(len(groups[kind]), **verdicts(groups[kind])) for kind in ordered}


def verdicts(said: Sequence[str]) -> dict[str, int]:
    """Count each verdict."""
    counts = Counter(said)
    return {name: counts[name] for name in ("right", "wrong", "refused", "unclear")}


def judge_about(tale: str) -> Callable[[list[Message]], str]:
    """Return a judge of the last reply of a conversation about a tale: a verdict, or "" if it can't tell.

    >>> judge = judge_about(tales.generate(8))
    >>> who = tales.ask(tales.generate(8))[0]
    >>> judge([{"role": "user", "content": who.text}, {"role": "assistant", "content": "The tale does not say."}])
    'refused'
    """
    known = {question.text.lower(): question for question in tales.ask(tale)}

    def judge(messages: list[Message]) -> str:
        said, reply = messages[-2]["content"].strip().lower(), messages[-1]["content"]
        question = next((question for text, question in known.items() if said.endswith(text)), None)
        return "" if question is None else tales.verdict(reply, question)

    return judge


def style(answers: Sequence[Answer], voice: tales.Voice) -> float:
    """Return the fraction of replies that are in the manner of a voice."""
    return sum(tales.in_style(answer.reply, voice) for answer in answers) / max(1, len(answers))
