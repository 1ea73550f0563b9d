"""Exercises of notebook 05: token plus position, sinusoids and what they have to do with a clock, and distances."""

import math
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_utils.exercises.engine.exercise import Exercise, Mistake, Probe


def numbers(chance: Random, *shape: int) -> Tensor:
    """Numbers of a shape, none of them near zero."""
    drawn = [round(chance.uniform(0.5, 3), 3) * chance.choice((-1, 1)) for _ in range(math.prod(shape))]
    return torch.tensor(drawn).view(shape)


# --- 05.1 ---


def inputs(ids: Tensor, tokens: Tensor, positions: Tensor) -> Tensor:
    """Return each token's row plus its position's row: ids (B, T), tables (V, C) and (longest, C), out (B, T, C)."""
    return tokens[ids] + positions[: ids.shape[1]]


def inputs_by_loop(ids: Tensor, tokens: Tensor, positions: Tensor) -> Tensor:
    """The same, position by position."""
    rows = [torch.stack([tokens[i] + positions[position] for position, i in enumerate(row)]) for row in ids]
    return torch.stack(rows)


def texts_and_tables(chance: Random) -> list[Probe]:
    """Batches of texts, with tables of more rows than the texts need; the first can be added up in the head."""
    tokens = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    positions = torch.tensor([[10.0, 20.0], [30.0, 40.0], [50.0, 60.0], [70.0, 80.0]])
    probes: list[Probe] = [(torch.tensor([[2, 0]]), tokens, positions)]
    for B, T, V, C in ((1, 2, 4, 2), (2, 3, 5, 3), (3, 3, 6, 3), (2, 4, 9, 5), (4, 4, 8, 4)):
        ids = torch.tensor([[chance.randrange(V) for _ in range(T)] for _ in range(B)])
        probes.append((ids, numbers(chance, V, C), numbers(chance, V + 1, C)))
    return probes


INPUTS = Exercise(
    number="05.1",
    title="Token plus position",
    name="inputs",
    reference=inputs,
    probes=texts_and_tables,
    alternatives=[inputs_by_loop, lambda ids, tokens, positions: tokens[ids] + positions[torch.arange(ids.shape[1])]],
    hints=[
        "tokens[ids] has the shape (B, T, C): a row for each id.",
        "The text has T tokens, so it needs the first T rows of positions: a table (T, C).",
        "(B, T, C) + (T, C): the same positions are added to each text.",
    ],
    mistakes=[
        Mistake(
            "You look positions up by the token's id. Positions are counted through the text: 0, 1, 2, …",
            "positions[: ids.shape[1]]",
            "positions[ids]",
        ),
        Mistake(
            "You multiply. Positions are added: a token at position 3 is the token plus a bit of 3",
            "tokens[ids] + positions",
            "tokens[ids] * positions",
        ),
        Mistake("The positions are missing", " + positions[: ids.shape[1]]", ""),
        Mistake(
            "You put the two side by side, so vectors become longer: add them, which keeps their length",
            answer=lambda ids, tokens, positions: torch.cat(
                (tokens[ids], positions[: ids.shape[1]].expand(len(ids), -1, -1)), -1
            ),
        ),
        Mistake(
            "len(ids) is the number of texts. A text has ids.shape[1] positions",
            "positions[: ids.shape[1]]",
            "positions[: len(ids)]",
        ),
        Mistake("The table is longer than the text: take its first T rows", "positions[: ids.shape[1]]", "positions"),
        Mistake("The first position is 0, not 1", "positions[: ids.shape[1]]", "positions[1 : ids.shape[1] + 1]"),
        Mistake(
            "You add the number of the position. Add its vector, which is a row of positions",
            "positions[: ids.shape[1]]",
            "torch.arange(ids.shape[1])[:, None]",
        ),
        Mistake(
            "You give each text one position. Each of its tokens needs one of its own",
            "positions[: ids.shape[1]]",
            "positions[: len(ids)][:, None]",
        ),
        Mistake(
            "You count positions from the end of the text. They go 0, 1, 2, … from its start",
            "positions[: ids.shape[1]]",
            "positions[: ids.shape[1]].flip(0)",
        ),
        Mistake("The tokens are missing: add their rows", "tokens[ids] + ", "torch.zeros(len(ids), 1, 1) + "),
        Mistake(
            "That's one row, number T, for all positions. The colon is missing: positions[:T] takes the first T rows",
            "positions[: ids.shape[1]]",
            "positions[ids.shape[1]]",
        ),
    ],
)


# --- 05.2 ---


def sinusoid(position: int, n_embd: int) -> Tensor:
    """Return the vector of a position, (n_embd,): sine, cosine, sine, cosine, … of ever longer waves."""
    numbers = []
    for i in range(n_embd // 2):
        angle = position / 10_000 ** (2 * i / n_embd)
        numbers += [math.sin(angle), math.cos(angle)]
    return torch.tensor(numbers)


def sinusoid_at_once(position: int, n_embd: int) -> Tensor:
    """The same without a loop."""
    angles = position * 10_000.0 ** (-torch.arange(0, n_embd, 2) / n_embd)
    return torch.stack((angles.sin(), angles.cos()), 1).flatten()


SINUSOID = Exercise(
    number="05.2",
    title="The sinusoids of a position",
    name="sinusoid",
    reference=sinusoid,
    probes=lambda chance: [
        (1, 2),
        (1, 4),
        (5, 8),
        *((chance.randrange(2, 40), n_embd) for n_embd in (6, 8, 10)),
    ],
    alternatives=[sinusoid_at_once],
    hints=[
        "There are n_embd / 2 waves, i = 0, 1, 2, …; each gives two numbers, a sine and a cosine.",
        "The angle of wave i is position / 10_000 ** (2 * i / n_embd).",
        "Append math.sin(angle), then math.cos(angle), and make a tensor of the list.",
    ],
    mistakes=[
        Mistake(
            "Sine comes first, then cosine", "[math.sin(angle), math.cos(angle)]", "[math.cos(angle), math.sin(angle)]"
        ),
        Mistake(
            "You put all sines before all cosines. Here they alternate",
            answer=lambda position, n_embd: torch.cat(
                (sinusoid_at_once(position, n_embd)[::2], sinusoid_at_once(position, n_embd)[1::2])
            ),
        ),
        Mistake("The exponent is 2i / n_embd: the 2 is missing", "(2 * i / n_embd)", "(i / n_embd)"),
        Mistake("The exponent is a fraction: divide 2i by n_embd", "(2 * i / n_embd)", "(2 * i)"),
        Mistake(
            "Waves become longer: divide the position by the power, don't multiply",
            "position / 10_000",
            "position * 10_000",
        ),
        Mistake(
            "All waves have the same length: the angle is divided by 10_000 ** (2 * i / n_embd)",
            " / 10_000 ** (2 * i / n_embd)",
            "",
        ),
        Mistake("Positions count from 0: yours is one further", "position / 10_000", "(position + 1) / 10_000"),
        Mistake(
            "Waves count from 0: the first has the angle position / 1", "(2 * i / n_embd)", "(2 * (i + 1) / n_embd)"
        ),
        Mistake(
            "The cosines are missing: each wave gives two numbers",
            "[math.sin(angle), math.cos(angle)]",
            "[math.sin(angle)]",
        ),
        Mistake(
            "Does your i go in twos already? Then the exponent has it twice", "(2 * i / n_embd)", "(4 * i / n_embd)"
        ),
        Mistake(
            "A sine and its cosine share one angle. Each of your numbers has a different one",
            answer=lambda position, n_embd: torch.tensor(
                [(math.cos if j % 2 else math.sin)(position / 10_000 ** (2 * j / n_embd)) for j in range(n_embd)]
            ),
        ),
        Mistake(
            "math.sin takes radians, and the angle is in radians already: convert nothing",
            "angle = position",
            "angle = math.pi / 180 * position",
        ),
        Mistake(
            "A sine and its cosine share one angle, with 2i / n_embd: your cosines have (2i + 1) / n_embd",
            answer=lambda position, n_embd: torch.tensor(
                [(math.cos if j % 2 else math.sin)(position / 10_000 ** (j / n_embd)) for j in range(n_embd)]
            ),
        ),
        Mistake(
            "The whole of 2i / n_embd is the exponent: put it in parentheses, or only the 2 is one",
            "(2 * i / n_embd)",
            "2 * i / n_embd",
        ),
    ],
)


# --- 05.3 ---

SAME_PRODUCT = Exercise(
    number="05.3",
    title="Where is the product the same?",
    name="pairs",
    reference={(3, 7), (10, 6)},
    hints=[
        "Each wave adds sin a sin b + cos a cos b, which is cos(a - b). What is a - b for positions 7 and 3?",
        "cos(-4) is cos(4): the product can't tell ahead from back.",
    ],
    mistakes=[
        Mistake("One is missing: cos(a - b) and cos(b - a) are the same, so four back counts too", answer={(10, 6)}),
        Mistake("One is missing: 10 and 6 are four apart as well, farther along", answer={(3, 7)}),
        Mistake("14 and 6 are eight apart. The difference counts, not the ratio", answer={(3, 7), (10, 6), (14, 6)}),
        Mistake("8 and 3 are five apart. They'd have to be four apart", answer={(3, 7), (10, 6), (8, 3)}),
        Mistake("5 and 5 have the same sum as 7 and 3. The difference counts", answer={(3, 7), (10, 6), (5, 5)}),
        Mistake("Twice as far isn't the same: 14 and 6 are eight apart", answer={(14, 6)}),
        Mistake("7 and 3 are four apart. Look for pairs that are four apart too", answer={(8, 3)}),
        Mistake("There the positions are the same, so the product is the largest there is", answer={(5, 5)}),
    ],
)


# --- 05.4 ---


def shift(vector: Tensor, k: int) -> Tensor:
    """Return the vector of the position that is k further on than that of `vector`, (n_embd,)."""
    numbers = []
    for i in range(len(vector) // 2):
        angle = k / 10_000 ** (2 * i / len(vector))
        sine, cosine = vector[2 * i], vector[2 * i + 1]
        numbers.append(sine * math.cos(angle) + cosine * math.sin(angle))
        numbers.append(cosine * math.cos(angle) - sine * math.sin(angle))
    return torch.stack(numbers)


def shift_at_once(vector: Tensor, k: int) -> Tensor:
    """The same without a loop."""
    angles = k * 10_000.0 ** (-torch.arange(0, len(vector), 2) / len(vector))
    sines, cosines = vector[0::2], vector[1::2]
    new_sines = sines * angles.cos() + cosines * angles.sin()
    return torch.stack((new_sines, cosines * angles.cos() - sines * angles.sin()), 1).flatten()


def shift_by_adding(vector: Tensor, k: int) -> Tensor:
    """What somebody writes who adds the vector of position k."""
    return vector + sinusoid(k, len(vector))


def shift_in_halves(vector: Tensor, k: int) -> Tensor:
    """What somebody writes who takes the first half for sines and the second for cosines."""
    woven = vector.view(2, -1).T.flatten()
    return shift_at_once(woven, k).view(-1, 2).T.flatten()


SHIFT = Exercise(
    number="05.4",
    title="A few positions later",
    name="shift",
    reference=shift,
    probes=lambda chance: [
        (sinusoid(1, 2), 1),
        (sinusoid(3, 4), 2),
        *((sinusoid(chance.randrange(1, 30), n_embd), chance.randrange(2, 9)) for n_embd in (4, 6, 8)),
    ],
    alternatives=[shift_at_once],
    hints=[
        "vector[2 * i] is the sine of wave i, and vector[2 * i + 1] its cosine.",
        "Wave i turns by k / 10_000 ** (2 * i / n_embd) radians; n_embd is len(vector).",
        "The new sine is sine * cos(angle) + cosine * sin(angle). The other formula gives the new cosine.",
    ],
    mistakes=[
        Mistake(
            "You add the vector of position k. Vectors of positions don't add up: turn each wave by its angle",
            answer=shift_by_adding,
        ),
        Mistake("You go back by k: turn the other way", "angle = k /", "angle = -k /"),
        Mistake(
            "Every wave turns as far as the first. Each has an angle of its own",
            " / 10_000 ** (2 * i / len(vector))",
            "",
        ),
        Mistake(
            "Sines and cosines alternate in the vector. You take the first half for sines, the second for cosines",
            answer=shift_in_halves,
        ),
        Mistake(
            "You have sine and cosine the wrong way round: the sine comes first",
            "sine, cosine = vector[2 * i], vector[2 * i + 1]",
            "cosine, sine = vector[2 * i], vector[2 * i + 1]",
        ),
        Mistake("The exponent is 2i / n_embd: the 2 is missing", "(2 * i / len(vector))", "(i / len(vector))"),
        Mistake(
            "Does your i go in twos already? Then the exponent has it twice",
            "(2 * i / len(vector))",
            "(4 * i / len(vector))",
        ),
        Mistake(
            "You use the new sine for the cosine: both come from the old ones",
            "        numbers.append(sine * math.cos(angle) + cosine * math.sin(angle))",
            "        sine = sine * math.cos(angle) + cosine * math.sin(angle)\n        numbers.append(sine)",
        ),
        Mistake(
            "The vector comes back as it was: turn each wave by k times its speed",
            answer=lambda vector, k: vector.clone(),
        ),
        Mistake(
            "A sign: the new cosine is cosine * cos(angle) minus sine * sin(angle)",
            "cosine * math.cos(angle) - sine",
            "cosine * math.cos(angle) + sine",
        ),
        Mistake(
            "A sign: the new sine is sine * cos(angle) plus cosine * sin(angle)",
            "sine * math.cos(angle) + cosine",
            "sine * math.cos(angle) - cosine",
        ),
        Mistake("You turn by one position. It should be k of them", "angle = k /", "angle = 1 /"),
        Mistake("That is the vector of position k itself", answer=lambda vector, k: sinusoid(k, len(vector))),
    ],
)


# --- 05.5 ---


def how_far(T: int) -> Tensor:
    """Return a table (T, T): row i, column j holds how many positions j is to the left of i."""
    return torch.arange(T)[:, None] - torch.arange(T)


def in_whole_numbers(answer: Callable, T: int) -> Any:
    """Return the table that an answer makes; one of floating point numbers, as torch.zeros begins it, is as good."""
    table = answer(T)
    if isinstance(table, np.ndarray):
        table = torch.from_numpy(table)
    if isinstance(table, Tensor) and table.is_floating_point() and bool((table.isfinite() & (table % 1 == 0)).all()):
        return table.long()
    return table


HOW_FAR = Exercise(
    number="05.5",
    title="How far apart?",
    name="how_far",
    reference=how_far,
    use=in_whole_numbers,
    probes=lambda chance: [(2,), (3,), (4,), (chance.randrange(5, 8),)],
    alternatives=[lambda T: torch.tensor([[i - j for j in range(T)] for i in range(T)])],
    hints=[
        "Row 3, column 1: how many positions is number 1 to the left of number 3?",
        "It's i - j, which is negative for words to the right.",
        "torch.arange(T)[:, None] is a column and torch.arange(T) a row. What does their difference look like?",
    ],
    mistakes=[
        Mistake(
            "It's the other way round: in row 3, column 1 it's 3 - 1",
            "torch.arange(T)[:, None] - torch.arange(T)",
            "torch.arange(T) - torch.arange(T)[:, None]",
        ),
        Mistake(
            "You drop the direction. Words to the right have negative numbers",
            answer=lambda T: (torch.arange(T)[:, None] - torch.arange(T)).abs(),
        ),
        Mistake(
            "You set words to the right to 0. They're negative: -1 for the next word",
            answer=lambda T: (torch.arange(T)[:, None] - torch.arange(T)).clamp(min=0),
        ),
        Mistake("A word's distance to itself is 0", "- torch.arange(T)", "- torch.arange(T) + 1"),
        Mistake("You add the two positions. Subtract them", "[:, None] - torch", "[:, None] + torch"),
        Mistake(
            "Each row holds the position of its column. Subtract that from the row's own",
            answer=lambda T: torch.arange(T).expand(T, T).clone(),
        ),
        Mistake(
            "Each row holds its own position. Subtract the position of the column",
            answer=lambda T: torch.arange(T)[:, None].expand(T, T).clone(),
        ),
    ],
)

EXERCISES = [INPUTS, SINUSOID, SAME_PRODUCT, SHIFT, HOW_FAR]
