"""Exercises of notebook 06: one score by hand, scores of a query, a context vector, all queries at once, shapes."""

import torch
from torch import Tensor

from course_utils.exercises.engine.exercise import Exercise, Mistake
from course_utils.exercises.engine.probes import numbers

# --- 06.1 ---

SCORE = Exercise(
    number="06.1",
    title="One score, by hand",
    name="score",
    reference=0.39,
    hints=[
        "The dot product: first times first, second times second, third times third, all added up.",
        "0.2 · 0.9 + 0.3 · 0.1 + 0.9 · 0.2",
    ],
    mistakes=[
        Mistake("Those are the three products. Add them up: a score is one number", answer=[0.18, 0.03, 0.18]),
        Mistake("That is the score of kite with itself: the other vector is Mara's", answer=0.94),
        Mistake("That is the score of Mara with herself: the query is kite", answer=0.86),
        Mistake("You added the two vectors up. Multiply number by number, then add", answer=2.6),
        Mistake("The last product is missing: there are three", answer=0.21),
        Mistake("You added each vector up and multiplied the sums. Multiply number by number, then add", answer=1.68),
        Mistake("That is the score of Finn: the token asked about is Mara", answer=0.31),
        Mistake("That is the score of red with kite: the token asked about is Mara", answer=0.8),
        Mistake("The middle product is missing, 0.3 · 0.1: there are three", answer=0.36),
        Mistake("That is the score of gave: the token asked about is Mara", answer=0.58),
        Mistake("That is the score of the: the token asked about is Mara", answer=0.32),
    ],
)


# --- 06.2 ---


def scores_of(query: Tensor, x: Tensor) -> Tensor:
    """Return the dot product of a query (C,) with each row of x (T, C): (T,)."""
    return x @ query


def scores_by_loop(query: Tensor, x: Tensor) -> Tensor:
    """The same, token by token."""
    return torch.stack([(row * query).sum() for row in x])


SCORES = Exercise(
    number="06.2",
    title="The scores of one query",
    name="scores_of",
    reference=scores_of,
    probes=lambda chance: (
        [(torch.tensor([1.0, 2.0]), torch.tensor([[1.0, 0.0], [1.0, 3.0]]))]
        + [(numbers(chance, C), numbers(chance, T, C)) for T, C in ((2, 2), (3, 3), (4, 4), (6, 3), (3, 5))]
    ),
    alternatives=[scores_by_loop, lambda query, x: (x * query).sum(-1)],
    hints=[
        "For each row of x: multiply it with the query number by number, and sum.",
        "(row * query).sum() is one score; torch.stack puts a list of them in a tensor.",
        "All at once: x @ query.",
    ],
    mistakes=[
        Mistake("The products are not summed: each token gets one number", "x @ query", "x * query"),
        Mistake("You sum down the columns, over the tokens: sum along each row", "x @ query", "(x * query).sum(0)"),
        Mistake(
            "query @ x goes down the columns, and fits only where there are as many tokens as numbers: x @ query",
            "x @ query",
            "query @ x",
        ),
        Mistake("You sum everything: each token gets a score of its own", "x @ query", "(x * query).sum()"),
        Mistake(
            "Those are the scores of the first token as query. The query is the vector that you were given",
            "x @ query",
            "x @ x[0]",
        ),
        Mistake(
            "Not yet: scores are the dot products themselves, softmax comes later",
            "x @ query",
            "(x @ query).softmax(0)",
        ),
        Mistake(
            "Those are cosines. In attention lengths count, so leave them in",
            "x @ query",
            "x @ query / (x.norm(dim=1) * query.norm())",
        ),
        Mistake(
            "That says how far apart they are. The dot product says how well they go together",
            "x @ query",
            "(x - query).norm(dim=1)",
        ),
        Mistake(
            "Those are the scores for every token as query. Here only one query asks, the vector that you were given",
            "x @ query",
            "x @ x.T",
        ),
        Mistake(
            "You used kite from the notebook. Use the argument, query: it may be any vector of any size",
            "x @ query",
            "x @ torch.tensor([0.2, 0.3, 0.9])",
        ),
    ],
)


# --- 06.3 ---


def context(weights: Tensor, x: Tensor) -> Tensor:
    """Return the sum of the rows of x (T, C), each times its weight (T,): (C,)."""
    return weights @ x


def context_by_loop(weights: Tensor, x: Tensor) -> Tensor:
    """The same, token by token."""
    total = torch.zeros(x.shape[1])
    for weight, row in zip(weights, x, strict=True):
        total = total + weight * row
    return total


CONTEXT = Exercise(
    number="06.3",
    title="A context vector",
    name="context",
    reference=context,
    probes=lambda chance: (
        [(torch.tensor([0.25, 0.75]), torch.tensor([[4.0, 0.0], [8.0, 4.0]]))]
        + [(numbers(chance, T).softmax(0), numbers(chance, T, C)) for T, C in ((2, 2), (3, 3), (4, 4), (6, 3), (3, 5))]
    ),
    alternatives=[context_by_loop, lambda weights, x: (weights[:, None] * x).sum(0)],
    hints=[
        "Each token's vector is multiplied by the token's weight, and all are added.",
        "weights[:, None] * x multiplies row by row; .sum(0) adds the rows.",
        "All at once: weights @ x.",
    ],
    mistakes=[
        Mistake("The weights are missing: that's the sum of all vectors", "weights @ x", "x.sum(0)"),
        Mistake("The weights are missing: that's the mean of all vectors", "weights @ x", "x.mean(0)"),
        Mistake(
            "That's only the vector with the largest weight. All of them take part",
            "weights @ x",
            "x[weights.argmax()]",
        ),
        Mistake(
            "x @ weights goes along the rows, and fits only where there are as many tokens as numbers: weights @ x",
            "weights @ x",
            "x @ weights",
        ),
        Mistake(
            "Each weight went to a column. weights[:, None] puts one beside each row",
            "weights @ x",
            "(weights * x).sum(0)",
        ),
        Mistake("The weighted vectors are not added yet: sum over the tokens", "weights @ x", "weights[:, None] * x"),
        Mistake("You sum along each row: sum over the tokens, dim=0", "weights @ x", "(weights[:, None] * x).sum(1)"),
        Mistake(
            "The weights already add up to 1, so don't divide by the number of tokens",
            "weights @ x",
            "(weights[:, None] * x).mean(0)",
        ),
        Mistake("The weights are ready: softmax was taken before", "weights @ x", "weights.softmax(0) @ x"),
        Mistake(
            "You sum everything into one number. Sum over the tokens only, dim=0: a context vector has as many numbers "
            "as a token",
            "weights @ x",
            "(weights[:, None] * x).sum()",
        ),
    ],
)


# --- 06.4 ---


def attention(x: Tensor) -> Tensor:
    """Return the context vectors of all tokens, (T, C): each the sum of all, weighted by softmax of dot products."""
    weights = (x @ x.T).softmax(dim=-1)
    return weights @ x


def attention_by_loop(x: Tensor) -> Tensor:
    """The same, query by query."""
    return torch.stack([(x @ query).softmax(0) @ x for query in x])


ATTENTION = Exercise(
    number="06.4",
    title="All queries at once",
    name="attention",
    reference=attention,
    probes=lambda chance: (
        [(torch.tensor([[0.0, 0.0], [1.0, 2.0]]),)]  # the first row is the mean of both
        + [(numbers(chance, T, C),) for T, C in ((2, 2), (3, 3), (4, 4), (6, 3), (3, 5))]
    ),
    alternatives=[attention_by_loop, lambda x: torch.nn.functional.scaled_dot_product_attention(x, x, x, scale=1.0)],
    hints=[
        "Three lines: scores (T, T), weights (T, T), context vectors (T, C).",
        "Row i of the scores are those of query i: scores = x @ x.T.",
        "Softmax goes along each row, dim=-1, so that the weights of each query sum to 1.",
    ],
    mistakes=[
        Mistake(
            "You mix with weights that sum to 1 down the columns. Each row must sum to 1: softmax along dim=-1 (a sum "
            "of your own needs keepdim=True), then weights @ x",
            "dim=-1",
            "dim=0",
        ),
        Mistake("Softmax is missing: scores aren't weights yet", ".softmax(dim=-1)", ""),
        Mistake(
            "Those are the weights. Each token becomes a mixture of vectors: weights @ x",
            "weights @ x",
            "weights",
        ),
        Mistake(
            "Softmax goes over the whole table: each row is a distribution of its own",
            "(x @ x.T).softmax(dim=-1)",
            "(x @ x.T).flatten().softmax(0).view(len(x), len(x))",
        ),
        Mistake(
            "Scores divided by their sum aren't softmax: exp comes first",
            "(x @ x.T).softmax(dim=-1)",
            "(x @ x.T) / (x @ x.T).sum(-1, keepdim=True)",
        ),
        Mistake(
            "Scaling comes in the next notebook: here the scores are the dot products themselves",
            "(x @ x.T)",
            "(x @ x.T / x.shape[1] ** 0.5)",
        ),
        Mistake(
            "x.T @ x compares the columns, the numbers of a vector; x @ x.T compares tokens",
            answer=lambda x: x @ (x.T @ x).softmax(-1),
        ),
        Mistake(
            "You multiply the scores with x first. Softmax comes before the weighted sum",
            "weights = (x @ x.T).softmax(dim=-1)\n    return weights @ x",
            "return (x @ x.T @ x).softmax(dim=-1)",
        ),
    ],
)


# --- 06.5 ---

SHAPES = Exercise(
    number="06.5",
    title="Shapes of a batch",
    name="shapes",
    reference=((4, 6, 6), (4, 6, 3)),
    hints=[
        "Each of the 4 texts has its own table of scores: a row for each query, a column for each key.",
        "The context vectors have the shape of what went in.",
    ],
    mistakes=[
        Mistake("The 4 texts are missing: each has tables of its own", answer=((6, 6), (6, 3))),
        Mistake("You've swapped the two: scores are 6 by 6", answer=((4, 6, 3), (4, 6, 6))),
        Mistake("Texts do not look at each other: each of the 4 has a table of its own", answer=((6, 6), (4, 6, 3))),
        Mistake(
            "Every token looks at every token of its text: scores are 6 by 6 for each text",
            answer=((4, 6, 3), (4, 6, 3)),
        ),
        Mistake("Scores compare tokens, not the numbers of a vector: 6 by 6", answer=((4, 3, 3), (4, 6, 3))),
        Mistake("Each token gets a context vector of its own, not each text", answer=((4, 6, 6), (4, 3))),
        Mistake("The context vectors are mixtures of vectors of 3 numbers", answer=((4, 6, 6), (4, 6, 6))),
        Mistake("All 24 tokens in one table would let texts look at each other", answer=((24, 24), (4, 6, 3))),
        Mistake(
            "Those are the scores of one query in each text. All six tokens ask: a table for each text",
            answer=((4, 6), (4, 6, 3)),
        ),
        Mistake(
            "That is one query for each text. All six tokens ask, and each gets a context vector",
            answer=((4, 6), (4, 3)),
        ),
        Mistake("That compares texts with texts. Tokens are compared, within each text", answer=((4, 4), (4, 6, 3))),
        Mistake("Each of the 4 texts keeps context vectors of its own", answer=((4, 6, 6), (6, 3))),
    ],
)

EXERCISES = [SCORE, SCORES, CONTEXT, ATTENTION, SHAPES]
