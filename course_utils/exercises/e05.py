"""Exercises of notebook 05: token plus position, sinusoids, a bias that grows with distance, and a turning pair."""

import math
from random import Random

import torch
from torch import Tensor

from course_utils.exercises.engine.exercise import Exercise, Mistake, Probe


def numbers(chance: Random, *shape: int) -> Tensor:
    """Numbers of a shape, none of them near zero."""
    drawn = [round(chance.uniform(0.5, 3), 3) * chance.choice((-1, 1)) for _ in range(math.prod(shape))]
    return torch.tensor(drawn).view(shape)


# --- 05.1 ---


def inputs(ids: Tensor, tokens: Tensor, positions: Tensor) -> Tensor:
    """Return each token's row plus its place's row: ids (B, T), tables (V, C) and (longest, C), out (B, T, C)."""
    return tokens[ids] + positions[: ids.shape[1]]


def inputs_by_loop(ids: Tensor, tokens: Tensor, positions: Tensor) -> Tensor:
    """The same, place by place."""
    rows = [torch.stack([tokens[i] + positions[place] for place, i in enumerate(row)]) for row in ids]
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
            "You look positions up by the token's id. A position is the place in the text: 0, 1, 2, …",
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
            "len(ids) is the number of texts. A text's places are ids.shape[1]",
            "positions[: ids.shape[1]]",
            "positions[: len(ids)]",
        ),
        Mistake("The table is longer than the text: take its first T rows", "positions[: ids.shape[1]]", "positions"),
        Mistake("The first place is 0, not 1", "positions[: ids.shape[1]]", "positions[1 : ids.shape[1] + 1]"),
        Mistake(
            "You add the number of the place. It has a vector: a row of positions",
            "positions[: ids.shape[1]]",
            "torch.arange(ids.shape[1])[:, None]",
        ),
        Mistake(
            "Each text gets one position. Each of its places has one of its own",
            "positions[: ids.shape[1]]",
            "positions[: len(ids)][:, None]",
        ),
        Mistake(
            "You count places from the end of the text: they go 0, 1, 2, … from its start",
            "positions[: ids.shape[1]]",
            "positions[: ids.shape[1]].flip(0)",
        ),
        Mistake("The tokens are missing: add their rows", "tokens[ids] + ", "torch.zeros(len(ids), 1, 1) + "),
        Mistake(
            "That is one row, number T, for all places. The colon is missing: positions[:T] takes the first T rows",
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
            "All sines stand before all cosines: in this form they alternate",
            answer=lambda position, n_embd: torch.cat(
                (sinusoid_at_once(position, n_embd)[::2], sinusoid_at_once(position, n_embd)[1::2])
            ),
        ),
        Mistake("The exponent is 2i / n_embd: the 2 is missing", "(2 * i / n_embd)", "(i / n_embd)"),
        Mistake("The exponent is a share: divide 2i by n_embd", "(2 * i / n_embd)", "(2 * i)"),
        Mistake(
            "Waves become longer: divide the position by the power, do not multiply",
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
            "A sine and its cosine share one angle: yours has another one for each number",
            answer=lambda position, n_embd: torch.tensor(
                [(math.cos if j % 2 else math.sin)(position / 10_000 ** (2 * j / n_embd)) for j in range(n_embd)]
            ),
        ),
        Mistake(
            "math.sin takes radians, as they are: nothing is to be converted",
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


def alibi(slope: float, T: int) -> Tensor:
    """Return what is added to the scores, (T, T): minus slope times distance, and -inf where the key comes later."""
    scores = torch.full((T, T), -torch.inf)
    for query in range(T):
        for key in range(query + 1):
            scores[query, key] = -slope * (query - key)
    return scores


def alibi_at_once(slope: float, T: int) -> Tensor:
    """The same without a loop."""
    far = torch.arange(T)[:, None] - torch.arange(T)
    return torch.where(far >= 0, slope * -far, -torch.inf)


ALIBI = Exercise(
    number="05.3",
    title="A bias that grows with distance",
    name="alibi",
    reference=alibi,
    probes=lambda chance: [(0.5, 2), (1.0, 3), *((round(chance.uniform(0.1, 0.9), 2), T) for T in (3, 4, 6))],
    alternatives=[alibi_at_once],
    hints=[
        "Row by row: the query at place q may look at the keys at places 0 to q.",
        "The distance is q - k: 0 on the diagonal.",
        "Begin with torch.full((T, T), -torch.inf) and fill in what a query may look at.",
    ],
    mistakes=[
        Mistake("What is far away should count less: the sign is minus", "-slope *", "slope *"),
        Mistake(
            "Later keys are open: a query must not look ahead, so they get -inf",
            "torch.full((T, T), -torch.inf)",
            "torch.zeros(T, T)",
        ),
        Mistake(
            "Later keys get a bias as if they lay in the past: they get -inf",
            answer=lambda slope, T: -slope * (torch.arange(T)[:, None] - torch.arange(T)).abs().float(),
        ),
        Mistake(
            "It lies on its side: a row for each query, a column for each key",
            "scores[query, key]",
            "scores[key, query]",
        ),
        Mistake("The slope is missing: the bias is slope times distance", "-slope * (query - key)", "-(query - key)"),
        Mistake("A token's distance to itself is 0", "(query - key)", "(query - key + 1)"),
        Mistake("A query may look at itself: its own place is not closed", "range(query + 1)", "range(query)"),
        Mistake(
            "The bias of a key is by its distance to the query, not by its own place",
            "(query - key)",
            "key",
        ),
        Mistake(
            "Later keys are raised, since their distance is below 0: they get -inf",
            answer=lambda slope, T: -slope * (torch.arange(T)[:, None] - torch.arange(T)).float(),
        ),
        Mistake("Bias 0 everywhere: it falls by slope with each place of distance", "-slope * (query - key)", "0.0"),
        Mistake(
            "With plus infinity the later key would be looked at above all: it gets minus infinity",
            "-torch.inf",
            "torch.inf",
        ),
        Mistake(
            "The bias falls in a line: slope times distance, not slope to the power of it",
            "-slope * (query - key)",
            "-(slope ** (query - key))",
        ),
    ],
)


# --- 05.4 ---


def turn(pair: Tensor, angle: float) -> Tensor:
    """Return a pair of numbers (2,), turned anticlockwise by an angle."""
    x, y = pair
    cos, sin = math.cos(angle), math.sin(angle)
    return torch.stack((x * cos - y * sin, x * sin + y * cos))


def turn_by_matrix(pair: Tensor, angle: float) -> Tensor:
    """The same as a product with a matrix."""
    cos, sin = math.cos(angle), math.sin(angle)
    return torch.tensor([[cos, -sin], [sin, cos]]) @ pair


def length_stays(result: Tensor, pair: Tensor, angle: float) -> str | None:
    """Turning changes no length."""
    before, after = pair.norm().item(), result.norm().item()
    told = f"the pair's length was {before:.3g} and is now {after:.3g}; turning changes no length"
    return None if math.isclose(before, after, rel_tol=1e-3) else told


TURN = Exercise(
    number="05.4",
    title="Turn a pair",
    name="turn",
    reference=turn,
    probes=lambda chance: [
        (torch.tensor([1.0, 0.0]), math.pi / 2),
        (torch.tensor([3.0, 1.0]), 0.5),
        *((numbers(chance, 2), round(chance.uniform(-3, 3), 2)) for _ in range(4)),
    ],
    alternatives=[turn_by_matrix],
    rules=[length_stays],
    hints=[
        "The pair (1, 0) becomes (cos, sin), and the pair (0, 1) becomes (-sin, cos).",
        "So (x, y) becomes (x cos - y sin, x sin + y cos).",
        "torch.stack((first, second)) makes a tensor of two numbers that are tensors.",
    ],
    mistakes=[
        Mistake(
            "You turn clockwise: the minus belongs to the first number",
            "(x * cos - y * sin, x * sin + y * cos)",
            "(x * cos + y * sin, y * cos - x * sin)",
        ),
        Mistake("A minus is missing in the first number: x cos - y sin", "x * cos - y * sin", "x * cos + y * sin"),
        Mistake(
            "Sine and cosine are exchanged",
            "cos, sin = math.cos(angle), math.sin(angle)",
            "sin, cos = math.cos(angle), math.sin(angle)",
        ),
        Mistake(
            "The two numbers are exchanged",
            "(x * cos - y * sin, x * sin + y * cos)",
            "(x * sin + y * cos, x * cos - y * sin)",
        ),
        Mistake(
            "math.cos takes radians, as they are: nothing is to be converted",
            "math.cos(angle), math.sin(angle)",
            "math.cos(math.radians(angle)), math.sin(math.radians(angle))",
        ),
        Mistake(
            "The pair had a direction already: turn on from there",
            answer=lambda pair, angle: pair.norm() * torch.tensor([math.cos(angle), math.sin(angle)]),
        ),
        Mistake(
            "You stretch each number on its own: turning mixes the two",
            "(x * cos - y * sin, x * sin + y * cos)",
            "(x * cos, y * sin)",
        ),
        Mistake(
            "You use the new first number for the second: both come from the old pair",
            "return torch.stack((x * cos - y * sin, x * sin + y * cos))",
            "x = x * cos - y * sin\n    return torch.stack((x, x * sin + y * cos))",
        ),
        Mistake("One minus too many: the second number is x sin + y cos", "x * sin + y * cos", "x * sin - y * cos"),
        Mistake(
            "That mirrors the pair. The minus belongs to the first number: x cos - y sin",
            "(x * cos - y * sin, x * sin + y * cos)",
            "(x * cos + y * sin, x * sin - y * cos)",
        ),
    ],
)


# --- 05.5 ---

SAME_PRODUCT = Exercise(
    number="05.5",
    title="Where is the product the same?",
    name="places",
    reference=(10, 6),
    hints=[
        "The product of a turned query and a turned key depends on how far the two are apart.",
        "The query at 7 stands four places after the key at 3.",
    ],
    mistakes=[
        Mistake("There the key comes after the query: the distance is -4, not 4", answer=(3, 7)),
        Mistake("Twice the places are twice the distance, 8: the difference counts, not the ratio", answer=(14, 6)),
        Mistake("There the distance is 5: only the key has stayed", answer=(8, 3)),
        Mistake("It is one of them: give that pair alone", answer=((10, 6),)),
        Mistake(
            "With sinusoids it is the same, here it is not: the key comes after the query there",
            answer=((3, 7), (10, 6)),
        ),
        Mistake("Those have the same sum, 10. The difference counts", answer=(5, 5)),
        Mistake("That is the distance. Give the two places, (query, key)", answer=4),
    ],
)

EXERCISES = [INPUTS, SINUSOID, ALIBI, TURN, SAME_PRODUCT]
