"""Exercises of appendix B: a bias that grows with distance, rotated pairs, a rotary head, and which scheme lasts."""

import math
from random import Random

import torch
from torch import Tensor

from course_utils.exercises.engine.exercise import Exercise, Mistake, Probe
from course_utils.positions import rotary_table, rotate


def numbers(chance: Random, *shape: int) -> Tensor:
    """Numbers of a shape, none of them near zero."""
    drawn = [chance.uniform(0.5, 3) * chance.choice((-1, 1)) for _ in range(math.prod(shape))]
    return torch.tensor(drawn).view(shape)


# --- B.1 ---


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
    number="B.1",
    title="A bias that grows with distance",
    name="alibi",
    reference=alibi,
    probes=lambda chance: [(0.5, 2), (1.0, 3), *((round(chance.uniform(0.1, 0.9), 2), T) for T in (3, 4, 6))],
    alternatives=[alibi_at_once],
    hints=[
        "Row by row: the query at position q may attend to the keys at positions 0 to q.",
        "The distance is q - k: 0 on the diagonal.",
        "Begin with torch.full((T, T), -torch.inf) and fill in what a query may attend to.",
    ],
    mistakes=[
        Mistake("What is far away should count less: the sign is minus", "-slope *", "slope *"),
        Mistake(
            "Later keys aren't masked: a query must not look ahead, so they get -inf",
            "torch.full((T, T), -torch.inf)",
            "torch.zeros(T, T)",
        ),
        Mistake(
            "Later keys get a bias as if they came earlier: they get -inf",
            answer=lambda slope, T: -slope * (torch.arange(T)[:, None] - torch.arange(T)).abs().float(),
        ),
        Mistake(
            "It's transposed: a row for each query, a column for each key",
            "scores[query, key]",
            "scores[key, query]",
        ),
        Mistake("The slope is missing: the bias is slope times distance", "-slope * (query - key)", "-(query - key)"),
        Mistake("A token's distance to itself is 0", "(query - key)", "(query - key + 1)"),
        Mistake("A query may attend to itself: its own position isn't masked", "range(query + 1)", "range(query)"),
        Mistake(
            "A key's bias depends on its distance to the query, not on its own position",
            "(query - key)",
            "key",
        ),
        Mistake(
            "Later keys are raised, since their distance is below 0: they get -inf",
            answer=lambda slope, T: -slope * (torch.arange(T)[:, None] - torch.arange(T)).float(),
        ),
        Mistake(
            "The bias is 0 everywhere: it falls by the slope with each position of distance",
            "-slope * (query - key)",
            "0.0",
        ),
        Mistake(
            "With plus infinity the later key would get all the weight: it gets minus infinity",
            "-torch.inf",
            "torch.inf",
        ),
        Mistake(
            "The bias is linear: slope times distance, not the slope to the power of the distance",
            "-slope * (query - key)",
            "-(slope ** (query - key))",
        ),
    ],
)


# --- B.2 ---


def turn(pair: Tensor, angle: float) -> Tensor:
    """Return a pair of numbers (2,), rotated anticlockwise by an angle."""
    x, y = pair
    cos, sin = math.cos(angle), math.sin(angle)
    return torch.stack((x * cos - y * sin, x * sin + y * cos))


def turn_by_matrix(pair: Tensor, angle: float) -> Tensor:
    """The same as a product with a matrix."""
    cos, sin = math.cos(angle), math.sin(angle)
    return torch.tensor([[cos, -sin], [sin, cos]]) @ pair


def length_stays(result: Tensor, pair: Tensor, angle: float) -> str | None:
    """Rotating changes no length."""
    before, after = pair.norm().item(), result.norm().item()
    told = f"the pair's length was {before:.3g} and is now {after:.3g}; rotating changes no length"
    return None if math.isclose(before, after, rel_tol=1e-3) else told


TURN = Exercise(
    number="B.2",
    title="Rotate a pair",
    name="turn",
    reference=turn,
    probes=lambda chance: [
        (torch.tensor([1.0, 0.0]), math.pi / 2),
        (torch.tensor([3.0, 1.0]), 0.5),
        (torch.tensor([-1.0, 2.0]), 0.5),
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
            "You rotate clockwise: the minus belongs to the first number",
            "(x * cos - y * sin, x * sin + y * cos)",
            "(x * cos + y * sin, y * cos - x * sin)",
        ),
        Mistake("A minus is missing in the first number: x cos - y sin", "x * cos - y * sin", "x * cos + y * sin"),
        Mistake(
            "Sine and cosine are swapped",
            "cos, sin = math.cos(angle), math.sin(angle)",
            "sin, cos = math.cos(angle), math.sin(angle)",
        ),
        Mistake(
            "The two numbers are swapped",
            "(x * cos - y * sin, x * sin + y * cos)",
            "(x * sin + y * cos, x * cos - y * sin)",
        ),
        Mistake(
            "math.cos takes radians, and the angle is in radians already",
            "math.cos(angle), math.sin(angle)",
            "math.cos(math.radians(angle)), math.sin(math.radians(angle))",
        ),
        Mistake(
            "The pair had a direction already: rotate it from there",
            answer=lambda pair, angle: pair.norm() * torch.tensor([math.cos(angle), math.sin(angle)]),
        ),
        Mistake(
            "You stretch each number on its own: rotating mixes the two",
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


# --- B.3 ---

SAME_PRODUCT = Exercise(
    number="B.3",
    title="Where is the product the same?",
    name="positions",
    reference=(10, 6),
    hints=[
        "The product of a rotated query and a rotated key depends on how far apart the two are.",
        "The query at 7 comes four positions after the key at 3.",
    ],
    mistakes=[
        Mistake("There the key comes after the query: the distance is -4, not 4", answer=(3, 7)),
        Mistake("Twice the positions are twice the distance, 8: the difference counts, not the ratio", answer=(14, 6)),
        Mistake("There the distance is 5: only the query has moved", answer=(8, 3)),
        Mistake("There's only one: give that pair alone", answer=((10, 6),)),
        Mistake(
            "With sinusoids (3, 7) has the same product too. Here it doesn't: the key comes after the query there",
            answer=((3, 7), (10, 6)),
        ),
        Mistake("Those have the same sum, 10. The difference counts", answer=(5, 5)),
        Mistake("That's the distance. Give the two positions, (query, key)", answer=4),
    ],
)


# --- B.4 ---


def rotary_scores(q: Tensor, k: Tensor, angles: Tensor) -> Tensor:
    """Return the scores of a rotary head, scaled: q and k (T, D), angles (T, D / 2), out (T, T)."""
    cos, sin = angles.cos(), angles.sin()
    turned_q = rotate(q, cos, sin)
    turned_k = rotate(k, cos, sin)
    return turned_q @ turned_k.T / math.sqrt(q.shape[1])


def scores_by_distance(q: Tensor, k: Tensor, angles: Tensor) -> Tensor:
    """The same, pair by pair: only the query is rotated, by the difference."""
    rows = []
    for query in range(len(q)):
        step = angles[query] - angles
        turned = rotate(q[query].expand_as(k), step.cos(), step.sin())
        rows.append((turned * k).sum(-1) / q.shape[1] ** 0.5)
    return torch.stack(rows)


def heads_with_angles(chance: Random) -> list[Probe]:
    """Queries and keys of one head with their angles."""
    sizes = ((2, 2), (3, 4), (4, 6), (3, 8))
    return [(numbers(chance, T, D), numbers(chance, T, D), rotary_table(T + 1, D)[1:]) for T, D in sizes]


ROTARY_SCORES = Exercise(
    number="B.4",
    title="A rotary head",
    name="rotary_scores",
    reference=rotary_scores,
    probes=heads_with_angles,
    alternatives=[scores_by_distance],
    hints=[
        "Rotate q and k: rotate(x, cos, sin) takes the cosines and sines of the angles.",
        "Then it's attention as in 07: products of queries with keys, divided by the root of D.",
        "rotate(q, angles.cos(), angles.sin()) @ rotate(k, angles.cos(), angles.sin()).T / math.sqrt(q.shape[1])",
    ],
    mistakes=[
        Mistake("Only the query is rotated: the key needs its own rotation", "rotate(k, cos, sin)", "k"),
        Mistake("Only the key is rotated: the query needs its own rotation", "rotate(q, cos, sin)", "q"),
        Mistake("Nothing is rotated", answer=lambda q, k, angles: q @ k.T / math.sqrt(q.shape[1])),
        Mistake("The scores aren't scaled: divide by the root of D", " / math.sqrt(q.shape[1])", ""),
        Mistake("Divide by the root of D, not by D", "math.sqrt(q.shape[1])", "q.shape[1]"),
        Mistake("You divide by the root of T. D is q.shape[1]", "math.sqrt(q.shape[1])", "math.sqrt(q.shape[0])"),
        Mistake(
            "It's transposed: a row for each query, a column for each key",
            "turned_q @ turned_k.T",
            "turned_k @ turned_q.T",
        ),
        Mistake(
            "The key is rotated backwards, so the sum of the positions counts: rotate both the same way",
            "rotate(k, cos, sin)",
            "rotate(k, cos, -sin)",
        ),
        Mistake(
            "cos and sin are swapped", "cos, sin = angles.cos(), angles.sin()", "sin, cos = angles.cos(), angles.sin()"
        ),
        Mistake(
            "These are weights. Scores come before the softmax",
            answer=lambda q, k, angles: rotary_scores(q, k, angles).softmax(-1),
        ),
        Mistake(
            "You've masked the later keys. The exercise asks for the scores before that",
            answer=lambda q, k, angles: rotary_scores(q, k, angles).masked_fill(
                torch.ones(len(q), len(q)).triu(1).bool(), -torch.inf
            ),
        ),
    ],
)


# --- B.5 ---

LASTING = Exercise(
    number="B.5",
    title="Which scheme reads on?",
    name="scheme_that_lasts",
    reference="alibi",
    hints=[
        "At position 100, which schemes meet a vector or a distance that never occurred in training?",
        "Far tokens should contribute as they did in training. Which scheme makes sure of that?",
    ],
    mistakes=[
        Mistake("Rotary depends on distance alone, but distances of 60 never occurred in training", answer="rotary"),
        Mistake(
            "It holds up better than most, since all far distances share one number. But another's loss grows less",
            answer="relative bias",
        ),
        Mistake("A sinusoid exists for every position, but the model never saw the later ones", answer="sinusoidal"),
        Mistake("Rows beyond the 32nd were never trained", answer="learned"),
        Mistake("It meets no unknown vector, but it doesn't know the order well either", answer="none"),
    ],
)

EXERCISES = [ALIBI, TURN, SAME_PRODUCT, ROTARY_SCORES, LASTING]
