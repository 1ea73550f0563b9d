"""Exercises of notebook 14: a loss of replies, grading, an interval, what is forgotten, two rates, where to look."""

import math
from random import Random

import torch
from torch import Tensor

from course_utils.answers import interval
from course_utils.exercises.engine.exercise import Exercise, Mistake, Probe

# --- 14.1 ---


def reply_loss(losses: Tensor, learned: Tensor) -> float:
    """Return the mean loss over the tokens that are learned, in all rows together. (B, T) both."""
    return (losses * learned).sum().item() / learned.sum().item()


def reply_loss_by_rows(losses: Tensor, learned: Tensor) -> float:
    """The same, row by row."""
    total, count = 0.0, 0
    for row, mask in zip(losses.tolist(), learned.tolist(), strict=True):
        total += sum(loss for loss, keep in zip(row, mask, strict=True) if keep)
        count += sum(mask)
    return total / count


def masked_losses(chance: Random) -> list[Probe]:
    """Losses with easy means, then random ones; the rows have replies of unequal length."""
    first = torch.tensor([[4.0, 1.0, 3.0]]), torch.tensor([[False, True, True]])
    uneven = torch.tensor([[5.0, 2.0, 2.0, 2.0], [5.0, 5.0, 5.0, 6.0]])
    second = uneven, torch.tensor([[False, True, True, True], [False, False, False, True]])
    probes: list[Probe] = [first, second, (uneven.flip(1), second[1].flip(1))]
    for _ in range(4):
        length = chance.randrange(3, 7)
        losses = torch.tensor([[chance.uniform(0.1, 6) for _ in range(length)] for _ in range(3)])
        ends = [chance.randrange(1, length) for _ in range(3)]
        probes.append((losses, torch.tensor([[at >= end for at in range(length)] for end in ends])))
    return probes


REPLY_LOSS = Exercise(
    number="14.1",
    title="The loss of the replies",
    name="reply_loss",
    reference=reply_loss,
    probes=masked_losses,
    alternatives=[reply_loss_by_rows, lambda losses, learned: losses[learned].mean().item()],
    hints=[
        "Only tokens where `learned` is True count, both in the sum and in what you divide by.",
        "learned is 0 or 1 when you multiply: (losses * learned).sum() is the sum. How many tokens did it add up?",
    ],
    mistakes=[
        Mistake(
            "The sum is right, but you divide by all tokens, so padding and the user's words make the loss look small. "
            "Divide by the number of learned ones",
            "learned.sum().item()",
            "learned.numel()",
        ),
        Mistake(
            "You average everything, the user's words too. That's the loss without a mask",
            answer=lambda losses, learned: losses.mean().item(),
        ),
        Mistake(
            "You average each row and then the rows. A reply of one word then weighs as much as one of thirty: add up "
            "all tokens first",
            answer=lambda losses, learned: ((losses * learned).sum(1) / learned.sum(1)).mean().item(),
        ),
        Mistake(
            "That's the sum. It grows with the batch: divide by the number of learned tokens",
            " / learned.sum().item()",
            "",
        ),
        Mistake(
            "Those are the tokens that are not learned: the mask is the wrong way round",
            answer=lambda losses, learned: (losses * ~learned).sum().item() / (~learned).sum().item(),
        ),
    ],
)

# --- 14.2 ---


def grade(claim: str | None, truth: str | None) -> str:
    """Grade a reply: the answer it claims, None for "the tale does not say"; the truth, None where the tale doesn't."""
    if claim == truth:
        return "right"
    return "refused" if claim is None else "wrong"


def grade_by_cases(claim: str | None, truth: str | None) -> str:
    """The same, case by case."""
    if truth is None:
        return "right" if claim is None else "wrong"
    if claim is None:
        return "refused"
    return "right" if claim == truth else "wrong"


def claims(chance: Random) -> list[Probe]:
    """All the cases, each with other names."""
    a, b, c = chance.sample(["Mara", "Finn", "Otto", "at the mill", "by the river"], 3)
    first: list[Probe] = [(a, a), (b, a), (None, a), (None, None), (a, None)]
    return [*first, (b, b), (c, b), (None, b), (None, None), (b, None), (None, c), (a, c)]


GRADE = Exercise(
    number="14.2",
    title="Grade a reply",
    name="grade",
    reference=grade,
    probes=claims,
    alternatives=[grade_by_cases],
    hints=[
        "The tale tells or it doesn't, and the reply claims the truth, something else, or nothing.",
        'Where the tale doesn\'t tell, claiming nothing is "right". Where it does, claiming nothing is "refused".',
    ],
    mistakes=[
        Mistake(
            "You call every refusal a refusal. Where the tale has no answer, saying so is the right answer",
            answer=lambda claim, truth: "refused" if claim is None else "right" if claim == truth else "wrong",
        ),
        Mistake(
            "A refusal isn't always right: here the tale does tell. A model that always refused would get full marks",
            answer=lambda claim, truth: "right" if claim is None or claim == truth else "wrong",
        ),
        Mistake(
            "A refusal and a false claim aren't the same mistake. Keep them apart: one is shy, the other is made up",
            '"refused" if claim is None else "wrong"',
            '"wrong"',
        ),
        Mistake(
            "Where the tale has no answer, a claim is made up, however sure it sounds: that's wrong",
            answer=lambda claim, truth: (
                "right" if claim == truth or truth is None else "refused" if claim is None else "wrong"
            ),
        ),
    ],
)

# --- 14.3 ---


def wilson(right: int, count: int) -> tuple[float, float]:
    """The interval of Wilson 1927 at 95 %."""
    p, z = right / count, 1.96
    middle = (p + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(p * (1 - p) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def counts_of(chance: Random) -> list[Probe]:
    """A middling fraction, the two ends, and counts at random."""
    probes: list[Probe] = [(5, 10), (8, 10), (20, 20), (0, 20), (60, 100), (2000, 2000)]
    for _ in range(4):
        count = chance.randrange(5, 400)
        probes.append((chance.randrange(count + 1), count))
    return probes


INTERVAL = Exercise(
    number="14.3",
    title="How sure can we be?",
    name="interval",
    reference=wilson,
    probes=counts_of,
    alternatives=[interval],
    hints=[
        "Write p = right / count and z = 1.96 first, then the two lines of the formula, middle and half.",
        "middle = (p + z²/2n) / (1 + z²/n); half = z · sqrt(p(1-p)/n + z²/4n²) / (1 + z²/n); then middle ± half.",
    ],
    mistakes=[
        Mistake(
            "That's p ± 1.96 · sqrt(p(1-p)/n). After 20 right answers of 20 it claims that the model never errs: its "
            "width is 0. Wilson's interval isn't",
            answer=lambda right, count: (
                max(0.0, right / count - 1.96 * math.sqrt(right / count * (1 - right / count) / count)),
                min(1.0, right / count + 1.96 * math.sqrt(right / count * (1 - right / count) / count)),
            ),
        ),
        Mistake(
            "The middle isn't p: it's pulled towards one half, the more the fewer questions there were",
            "middle = (p + z * z / (2 * count)) / (1 + z * z / count)",
            "middle = p",
        ),
        Mistake("z is 1.96 for 95 %. You left it out", "z = right / count, 1.96", "z = right / count, 1.0"),
        Mistake(
            "The half width has to be divided by 1 + z²/n as well",
            "/ (4 * count * count)) / (1 + z * z / count)",
            "/ (4 * count * count))",
        ),
    ],
)

# --- 14.4 ---

FORGOTTEN = Exercise(
    number="14.4",
    title="What is forgotten?",
    name="forgotten",
    reference="telling tales",
    hints=[
        "What does the loss ask for in a row of this data, and what does it never ask for?",
        "Fine-tuning on answers alone never asks the model to begin a tale after end of text.",
    ],
    mistakes=[
        Mistake(
            "Names stand in every tale that the model reads here, and in every answer: they're practised all the time",
            answer="the names",
        ),
        Mistake(
            "It reads a whole tale in every conversation and answers about it, so it goes on using what it knows",
            answer="the world's rules",
        ),
        Mistake(
            "Something is forgotten. A weight that moves for one thing has moved for everything it was used for",
            answer="nothing",
        ),
    ],
)

# --- 14.5 ---


def two_rates(verdicts: list[tuple[bool, str]]) -> tuple[float, float]:
    """Return (false refusals among what the tale tells, made-up answers among what it doesn't).

    `verdicts` holds (does the tale tell?, verdict).
    """
    told = [verdict for answered, verdict in verdicts if answered]
    untold = [verdict for answered, verdict in verdicts if not answered]
    return told.count("refused") / len(told), untold.count("wrong") / len(untold)


def two_rates_by_counting(verdicts: list[tuple[bool, str]]) -> tuple[float, float]:
    """The same, counted in one pass."""
    refused = made_up = told = 0
    for answered, verdict in verdicts:
        told += answered
        refused += answered and verdict == "refused"
        made_up += (not answered) and verdict == "wrong"
    return refused / told, made_up / (len(verdicts) - told)


def some_verdicts(chance: Random) -> list[Probe]:
    """A few verdicts by hand, and many at random; both kinds of question occur."""
    first = [(True, "right"), (True, "refused"), (False, "right"), (False, "wrong")]
    second = [*[(True, "right")] * 5, (True, "wrong"), (True, "refused"), (True, "wrong")]
    second += [(False, "right"), (False, "wrong"), (False, "unclear"), (False, "wrong"), (False, "right")]
    probes: list[Probe] = [(first,), (second,)]
    for _ in range(4):
        told = [(True, chance.choice(["right", "right", "wrong", "refused"])) for _ in range(chance.randrange(3, 9))]
        untold = [(False, chance.choice(["right", "wrong", "unclear"])) for _ in range(chance.randrange(3, 9))]
        probes.append((told + untold,))
    return probes


TWO_RATES = Exercise(
    number="14.5",
    title="Two ways to fail",
    name="two_rates",
    reference=two_rates,
    probes=some_verdicts,
    alternatives=[two_rates_by_counting],
    hints=[
        "Split the verdicts first: questions that the tale answers, and those that it doesn't.",
        "The first rate divides by the number of answerable questions only, the second by that of the others.",
    ],
    mistakes=[
        Mistake(
            "You divide by all questions. Then the rates depend on how many of each kind you happened to ask",
            answer=lambda verdicts: (
                sum(a and v == "refused" for a, v in verdicts) / len(verdicts),
                sum(not a and v == "wrong" for a, v in verdicts) / len(verdicts),
            ),
        ),
        Mistake(
            "Wrong answers to questions that the tale answers are mistakes, but not made up out of nothing. Count only "
            "the questions without an answer",
            answer=lambda verdicts: (
                sum(a and v == "refused" for a, v in verdicts) / sum(a for a, _ in verdicts),
                sum(v == "wrong" for _, v in verdicts) / len(verdicts),
            ),
        ),
        Mistake(
            "You swapped the two: refusals first, made-up answers second",
            answer=lambda verdicts: two_rates(verdicts)[::-1],
        ),
        Mistake(
            "Those are the fractions that went well. We want those that failed",
            answer=lambda verdicts: tuple(1 - rate for rate in two_rates(verdicts)),
        ),
    ],
)

# --- 14.6 ---


def earlier_mentions(ids: list[int]) -> list[list[int]]:
    """Return for each token the places where it stood before, or [0] where it didn't."""
    found = []
    for place, token in enumerate(ids):
        before = [earlier for earlier in range(place) if ids[earlier] == token]
        found.append(before or [0])
    return found


def earlier_mentions_in_one_pass(ids: list[int]) -> list[list[int]]:
    """The same, keeping the places of each token on the way."""
    places: dict[int, list[int]] = {}
    found = []
    for place, token in enumerate(ids):
        found.append(places.get(token, []) or [0])
        places[token] = [*places.get(token, []), place]
    return found


def texts_with_repeats(chance: Random) -> list[Probe]:
    """A few by hand, then random ids from a small vocabulary; the first token isn't repeated in all of them."""
    probes: list[Probe] = [([9, 5, 7, 5],), ([9, 5, 5, 5],), ([1, 2, 3],), ([4, 6, 4, 6, 4],)]
    return [*probes, *(([chance.randrange(4) for _ in range(chance.randrange(4, 10))],) for _ in range(4))]


EARLIER = Exercise(
    number="14.6",
    title="Where did it stand before?",
    name="earlier_mentions",
    reference=earlier_mentions,
    probes=texts_with_repeats,
    alternatives=[earlier_mentions_in_one_pass],
    hints=[
        "For the token at each position, go through the positions before it and keep those with the same id.",
        "[earlier for earlier in range(place) if ids[earlier] == token] finds them. What if it's empty?",
    ],
    mistakes=[
        Mistake(
            "A token always finds itself, so a head that looks there learns nothing. Stop one position earlier",
            "range(place) if",
            "range(place + 1) if",
        ),
        Mistake(
            "You look at later tokens too, which a causal head can't see",
            answer=lambda ids: [
                [j for j in range(len(ids)) if j != i and ids[j] == token] or [0] for i, token in enumerate(ids)
            ],
        ),
        Mistake(
            "Where a token is new there's nothing to look at, but a head's weights have to go somewhere: [0], the "
            "first token",
            "before or [0]",
            "before",
        ),
        Mistake(
            "You keep only one of the earlier positions. Return all of them",
            "before or [0]",
            "before[-1:] or [0]",
        ),
        Mistake(
            "Those are the positions after the earlier ones. That's an induction head. This one looks at the token "
            "itself",
            answer=lambda ids: [[j + 1 for j in range(i) if ids[j] == token] or [0] for i, token in enumerate(ids)],
        ),
    ],
)

EXERCISES = [REPLY_LOSS, GRADE, INTERVAL, FORGOTTEN, TWO_RATES, EARLIER]
