"""Exercises of notebook 07: a query by hand, scores, scaled weights, all of self-attention, nn.Linear, its size."""

import math
from random import Random

import torch
from torch import Tensor, nn

from course_utils.common import require
from course_utils.exercises.engine.comparing import kind
from course_utils.exercises.engine.exercise import Exercise, Mistake
from course_utils.exercises.engine.probes import numbers
from course_utils.exercises.engine.showing import typed

# --- 07.1 ---

QUERY = Exercise(
    number="07.1",
    title="One query, by hand",
    name="query",
    reference=[3.0, 0.2],  # a list: a tensor may stand for a tuple, and here nobody should pass with x @ W_query
    hints=[
        "A row of x times a column of W_query, number by number, summed: once for each column.",
        "The first is 0.2 · 0 + 0.9 · 3 + 0.3 · 1; the second takes the other column.",
    ],
    mistakes=[
        Mistake("The thing in gave asks too, with a 1: add 0.3 to the first number", answer=(2.7, 0.2)),
        Mistake(
            "That is the right query, but as a tensor. Work its two numbers out and write them as a tuple: (…, …)",
            answer=torch.tensor([3.0, 0.2]),
        ),
        Mistake(
            "Those are the products of the first column. Add them up, and do the same for the other",
            answer=(0.0, 2.7, 0.3),
        ),
        Mistake(
            "That is the row of a pure action. gave is also a little of a person and of a thing", answer=(3.0, 0.0)
        ),
        Mistake("The two numbers are swapped: the first column asks for a person", answer=(0.2, 3.0)),
        Mistake("That is the query of kite: take the row of gave", answer=(1.8, 0.2)),
        Mistake("That is the query of Mara: take the row of gave", answer=(0.5, 0.9)),
        Mistake("That is the key of gave, made with W_key. Its query is made with W_query", answer=(0.4, 0.6)),
        Mistake(
            "You added both columns up into one number. Each column gives one of its own: write the two as a tuple",
            answer=3.2,
        ),
        Mistake(
            "You added up the columns of W_query. Each of its rows counts as much as gave has of it", answer=(4.0, 1.0)
        ),
        Mistake("That is the value of gave, made with W_value. Its query is made with W_query", answer=(-0.1, 0.9)),
        Mistake(
            "You went along the rows of W_query and got three numbers. Go down its columns: each gives one number, so "
            "two in total",
            answer=(0.2, 2.7, 0.3),
        ),
    ],
)


# --- 07.2 ---


def scores_between(x: Tensor, W_query: Tensor, W_key: Tensor) -> Tensor:
    """Return the dot product of the query of each token with the key of each: x (T, C) gives (T, T)."""
    queries = x @ W_query
    keys = x @ W_key
    return queries @ keys.T


def scores_by_loop(x: Tensor, W_query: Tensor, W_key: Tensor) -> Tensor:
    """The same, pair by pair."""
    return torch.stack([torch.stack([(a @ W_query) @ (b @ W_key) for b in x]) for a in x])


SCORES = Exercise(
    number="07.2",
    title="Scores of queries and keys",
    name="scores_between",
    reference=scores_between,
    probes=lambda chance: (
        [(torch.eye(2), torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [3.0, 1.0]]))]
        + [
            (numbers(chance, T, C), numbers(chance, C, D), numbers(chance, C, D))
            for T, C, D in ((2, 2, 2), (3, 3, 3), (2, 3, 2), (4, 3, 2), (3, 2, 4), (6, 3, 2))
        ]
    ),
    alternatives=[scores_by_loop, lambda x, W_query, W_key: x @ (W_query @ W_key.T) @ x.T],
    hints=[
        "First the queries, x @ W_query, then the keys in the same way: both are (T, D).",
        "In 06 the scores were x @ x.T. The first x is now the queries, the second the keys.",
        "queries @ keys.T",
    ],
    mistakes=[
        Mistake(
            "Queries and keys are swapped: rows belong to the tokens that ask, columns to those asked",
            "queries @ keys.T",
            "keys @ queries.T",
        ),
        Mistake(
            "You transposed the queries instead of the keys: that compares numbers of a vector, not tokens",
            "queries @ keys.T",
            "queries.T @ keys",
        ),
        Mistake("The keys aren't transposed: each query meets each key with keys.T", "keys.T", "keys"),
        Mistake("Queries meet x itself. What they should meet are the keys", "keys.T", "x.T"),
        Mistake("x itself asks. What asks are the queries", "queries @ keys.T", "x @ keys.T"),
        Mistake(
            "W_query made the keys too, so the scores are symmetric again. Keys come from W_key",
            "x @ W_key",
            "x @ W_query",
        ),
        Mistake(
            "W_key made the queries too, so the scores are symmetric again. Queries come from W_query",
            "x @ W_query",
            "x @ W_key",
        ),
        Mistake("Those are the scores of 06: neither matrix takes part", "queries @ keys.T", "x @ x.T"),
        Mistake(
            "Each query meets its own key only. It should meet the keys of all tokens",
            "queries @ keys.T",
            "(queries * keys).sum(-1)",
        ),
        Mistake(
            "Not yet: here the scores are the dot products themselves, softmax comes later",
            "queries @ keys.T",
            "(queries @ keys.T).softmax(-1)",
        ),
        Mistake(
            "Not yet: here the scores are the dot products themselves, scaling comes later",
            "queries @ keys.T",
            "queries @ keys.T / keys.shape[-1] ** 0.5",
        ),
    ],
)


# --- 07.3 ---


def weights_of(queries: Tensor, keys: Tensor) -> Tensor:
    """Return the weights (T, T) of queries and keys, both (T, D): softmax of the scaled scores."""
    scores = queries @ keys.T / keys.shape[-1] ** 0.5
    return scores.softmax(dim=-1)


def weights_by_loop(queries: Tensor, keys: Tensor) -> Tensor:
    """The same, query by query."""
    D = keys.shape[1]
    return torch.stack([torch.softmax((keys @ query) * D**-0.5, 0) for query in queries])


def small(chance: Random, *shape: int) -> Tensor:
    """Numbers near 0, so that no softmax is saturated."""
    return 0.7 * numbers(chance, *shape)


WEIGHTS = Exercise(
    number="07.3",
    title="Scaled weights",
    name="weights_of",
    reference=weights_of,
    # The first query finds both keys alike; to the second one is worth three times the other, since √4 is 2.
    probes=lambda chance: (
        [(torch.tensor([[0.0] * 4, [2 * math.log(3), 0.0, 0.0, 0.0]]), torch.eye(4)[:2])]
        + [(small(chance, T, D), small(chance, T, D)) for T, D in ((2, 3), (3, 2), (3, 3), (4, 4), (6, 2), (3, 8))]
    ),
    alternatives=[
        weights_by_loop,
        lambda queries, keys: torch.softmax((queries / keys.shape[-1] ** 0.5) @ keys.T, -1),
    ],
    hints=[
        "Three moves: scores (T, T), divided by the root, softmax along each row.",
        "The root is that of the numbers in a key: D = keys.shape[-1], and its root D ** 0.5.",
        "(queries @ keys.T / D ** 0.5).softmax(dim=-1)",
    ],
    mistakes=[
        Mistake("You forgot to scale: divide the scores by the root of D", " / keys.shape[-1] ** 0.5", ""),
        Mistake(
            "You divide by D. The scores spread like its root, so divide by that: the scores come out too small",
            " ** 0.5",
            "",
        ),
        Mistake("You multiply by the root, which makes it worse: divide", " / keys", " * keys"),
        Mistake(
            "You take the root of the number of tokens. What spreads the scores is D, the numbers in a key",
            "keys.shape[-1]",
            "keys.shape[0]",
        ),
        Mistake(
            "Softmax goes over the queries: each row of weights must sum to 1, so go along dim=-1", "dim=-1", "dim=0"
        ),
        Mistake(
            "You scale after softmax, and the rows no longer sum to 1: scale the scores before it",
            "/ keys.shape[-1] ** 0.5\n    return scores.softmax(dim=-1)",
            "\n    return scores.softmax(dim=-1) / keys.shape[-1] ** 0.5",
        ),
        Mistake(
            "Queries and keys are swapped: rows belong to the tokens that ask",
            "queries @ keys.T",
            "keys @ queries.T",
        ),
        Mistake(
            "You transposed the queries instead of the keys: that compares numbers of a vector, not tokens",
            "queries @ keys.T",
            "queries.T @ keys",
        ),
        Mistake("Softmax is missing: scores are no weights", ".softmax(dim=-1)", ""),
        Mistake(
            "Softmax goes over the whole table: each row is a distribution of its own",
            "scores.softmax(dim=-1)",
            "scores.flatten().softmax(0).view(scores.shape)",
        ),
        Mistake(
            "Python reads / D ** 1/2 as / (D ** 1) / 2: you divide by D, and then by 2. Write ** 0.5",
            " ** 0.5",
            " ** 1 / 2",
        ),
        Mistake(
            "You divide by half of D, which is not its root. D ** 1/2 is (D ** 1) / 2: write D ** 0.5",
            "keys.shape[-1] ** 0.5",
            "(keys.shape[-1] / 2)",
        ),
        Mistake(
            "You divide by the spread that these scores happen to have. Divide by the root of D, whatever the text",
            "scores.softmax(dim=-1)",
            "(scores / scores.std()).softmax(dim=-1)",
        ),
        Mistake(
            "The root of 2 is right for our six tokens, whose keys have 2 numbers. Take that of keys.shape[-1]",
            "keys.shape[-1]",
            "2",
        ),
    ],
)


# --- 07.4 ---


def self_attention(x: Tensor, W_query: Tensor, W_key: Tensor, W_value: Tensor) -> Tensor:
    """Return the context vectors (B, T, D) of x (B, T, C), with three matrices (C, D)."""
    queries, keys, values = x @ W_query, x @ W_key, x @ W_value
    scores = queries @ keys.transpose(-2, -1) / keys.shape[-1] ** 0.5
    return scores.softmax(dim=-1) @ values


def text_by_text(x: Tensor, W_query: Tensor, W_key: Tensor, W_value: Tensor) -> Tensor:
    """The same, one text after the other."""
    return torch.stack([weights_of(text @ W_query, text @ W_key) @ (text @ W_value) for text in x])


SELF_ATTENTION = Exercise(
    number="07.4",
    title="Self-attention, all of it",
    name="self_attention",
    reference=self_attention,
    # Without any queries, each token takes the mean of the values.
    probes=lambda chance: (
        [(torch.eye(2)[None], torch.zeros(2, 2), torch.eye(2), torch.eye(2) * 4)]
        + [
            (small(chance, B, T, C), *(numbers(chance, C, D) for _ in range(3)))
            for B, T, C, D in (
                (2, 2, 2, 2),
                (3, 3, 3, 3),
                (1, 2, 3, 2),
                (2, 4, 3, 2),
                (3, 2, 2, 5),
                (2, 3, 4, 3),
                (2, 5, 2, 3),
            )
        ]
    ),
    alternatives=[
        text_by_text,
        lambda x, q, k, v: torch.nn.functional.scaled_dot_product_attention(x @ q, x @ k, x @ v),
    ],
    hints=[
        "Four lines: the three products with x; scores, scaled; softmax; weights @ values.",
        "In a stack, swap the last two dimensions of the keys: keys.transpose(-2, -1).",
        "Divide the scores by the root of keys.shape[-1], then softmax along dim=-1.",
    ],
    mistakes=[
        Mistake(
            "You transpose the wrong axes: texts and tokens swap. Swap the last two, transpose(-2, -1)",
            "keys.transpose(-2, -1)",
            "keys.transpose(0, 1)",
        ),
        Mistake(
            "You transposed the queries instead of the keys: that compares numbers of a vector, not tokens",
            "queries @ keys.transpose(-2, -1)",
            "queries.transpose(-2, -1) @ keys",
        ),
        Mistake(
            "Softmax goes over the queries: each row of weights must sum to 1, so go along dim=-1", "dim=-1", "dim=-2"
        ),
        Mistake("You divide by D: divide by its root", " ** 0.5", ""),
        Mistake(
            "You scale by the root of the embedding size, C. What is summed in a score are the D numbers of a key",
            "keys.shape[-1]",
            "x.shape[-1]",
        ),
        Mistake("You forgot to scale: divide the scores by the root of D", " / keys.shape[-1] ** 0.5", ""),
        Mistake(
            "Queries and keys are swapped: rows belong to the tokens that ask",
            "queries @ keys.transpose(-2, -1)",
            "keys @ queries.transpose(-2, -1)",
        ),
        Mistake("You mix x itself. What is mixed are the values", "@ values", "@ x"),
        Mistake("You mix the keys, the labels. What is mixed are the values, the content", "@ values", "@ keys"),
        Mistake("Softmax is missing: scores are no weights", ".softmax(dim=-1)", ""),
        Mistake(
            "keys.T reverses all three dimensions of a batch, texts too. Swap the last two: keys.transpose(-2, -1)",
            "keys.transpose(-2, -1)",
            "keys.permute(2, 1, 0)",  # what .T does to three dimensions, without its warning
        ),
        Mistake(
            "keys.shape[1] was D for one text. In a batch (B, T, D) it is the number of tokens: take keys.shape[-1]",
            "keys.shape[-1]",
            "keys.shape[1]",
        ),
        Mistake(
            "Python reads / D ** 1/2 as / (D ** 1) / 2: you divide by D, and then by 2. Write ** 0.5",
            " ** 0.5",
            " ** 1 / 2",
        ),
        Mistake("Those are the weights. What is left is to mix the values: weights @ values", " @ values", ""),
        Mistake(
            "The root of 2 is right for our six tokens, whose keys have 2 numbers. Take that of keys.shape[-1]",
            "keys.shape[-1]",
            "2",
        ),
        Mistake(
            "Softmax goes over the texts, which have nothing to do with each other. Each row of weights must sum to 1: "
            "dim=-1",
            "dim=-1",
            "dim=0",
        ),
        Mistake(
            "All texts of the batch have become one: tokens attend to other texts too. Leave (B, T, D) as it is, and "
            "each text meets only itself",
            answer=lambda x, q, k, v: self_attention(x.flatten(0, 1)[None], q, k, v).view(*x.shape[:2], -1),
        ),
        Mistake(
            "You scale what comes out. Scale the scores, before softmax",
            " / keys.shape[-1] ** 0.5\n    return scores.softmax(dim=-1) @ values",
            "\n    return scores.softmax(dim=-1) @ values / keys.shape[-1] ** 0.5",
        ),
    ],
)


# --- 07.5 ---


def as_linear(matrix: Tensor) -> nn.Linear:
    """Return a Linear layer that computes `x @ matrix`, for a matrix (C, D)."""
    layer = nn.Linear(*matrix.shape, bias=False)
    layer.weight = nn.Parameter(matrix.T)
    return layer


def as_linear_by_copy(matrix: Tensor) -> nn.Linear:
    """The same, with the numbers copied in and a bias of zeros."""
    C, D = matrix.shape
    layer = nn.Linear(C, D)
    with torch.no_grad():
        layer.weight.copy_(matrix.T)
        layer.bias.zero_()
    return layer


class PlainTensorError(Exception):
    """A layer was given a plain tensor for its weight."""


def apply(answer: object, matrix: Tensor) -> Tensor | None:
    """Return what the layer makes of an identity matrix: the matrix it computes with; None where none came back."""
    try:
        layer = answer(matrix)
    except TypeError as error:
        if "cannot assign" not in str(error):
            raise
        raise PlainTensorError(str(error)) from error  # a kind of its own: no other TypeError is taken for it
    if layer is None:
        return None
    require(isinstance(layer, nn.Linear), f"as_linear returns {kind(layer)}; it should return the nn.Linear")
    return layer(torch.eye(len(matrix)))


AS_LINEAR = Exercise(
    number="07.5",
    title="A matrix as nn.Linear",
    name="as_linear",
    reference=as_linear,
    use=apply,
    shown=lambda matrix: f"as_linear({typed(matrix)})(torch.eye({len(matrix)}))",
    probes=lambda chance: (
        [(torch.tensor([[1.0, 2.0], [3.0, 4.0]]),)]
        + [(numbers(chance, C, D),) for C, D in ((2, 2), (3, 3), (3, 2), (2, 4), (4, 4))]
    ),
    alternatives=[as_linear_by_copy],
    hints=[
        "Make the layer first: nn.Linear(C, D, bias=False), with C, D = matrix.shape.",
        "layer.weight is (D, C). Which form of the matrix has that shape, and the right numbers in their places?",
        "layer.weight = nn.Parameter(matrix.T), then return layer.",
    ],
    mistakes=[
        Mistake(
            "The matrix is not transposed: nn.Linear stores it as (outputs, inputs), so give it matrix.T",
            "matrix.T",
            "matrix",
        ),
        Mistake(
            "The bias is left in: it adds random numbers to every output. Make the layer with bias=False",
            "bias=False",
            "bias=True",
        ),
        Mistake(
            "reshape gives the right shape with the numbers in wrong places. Rows must become columns: matrix.T",
            "matrix.T",
            "matrix.reshape(matrix.shape[::-1])",
        ),
        Mistake(
            "The layer still has the random numbers it started with: set its weight",
            "    layer.weight = nn.Parameter(matrix.T)\n",
            "",
        ),
        Mistake(
            "The matrix is added to the layer's random numbers: put it in their place",
            "nn.Parameter(matrix.T)",
            "nn.Parameter(layer.weight + matrix.T)",
        ),
        Mistake("rot90 turns the matrix like a wheel; transposing mirrors it: matrix.T", "matrix.T", "matrix.rot90()"),
        Mistake(
            "Scaling belongs to the scores: the matrix goes in as it is",
            "matrix.T",
            "matrix.T / matrix.shape[1] ** 0.5",
        ),
        Mistake("You made the layer but didn't return it: end with return layer", "    return layer\n", ""),
        Mistake(
            "A layer takes a parameter for its weight, and matrix.T is a plain tensor: wrap it, nn.Parameter(matrix.T)",
            "nn.Parameter(matrix.T)",
            "matrix.T",
        ),
        Mistake(
            "PyTorch does not let a weight be overwritten while it keeps track of gradients. Copy within "
            "torch.no_grad(), or give the layer a new nn.Parameter(matrix.T)",
            "layer.weight = nn.Parameter(matrix.T)",
            "layer.weight.copy_(matrix.T)",
        ),
    ],
)


# --- 07.6 ---

SIZE = Exercise(
    number="07.6",
    title="What it learns, counted",
    name="learned",
    reference=147456,
    hints=[
        "Three matrices, all of the same shape, and no bias.",
        "Each has 768 rows and 64 columns.",
    ],
    mistakes=[
        Mistake("That is one matrix: there are three", answer=49152),
        Mistake("Those are two matrices: values have one too", answer=98304),
        Mistake("You counted biases: here there are none", answer=147648),
        Mistake("The matrices are not square: they make 64 numbers of 768", answer=1769472),
        Mistake("The matrices take vectors of 768 numbers, not of 64", answer=12288),
        Mistake("Rows and columns are added. Multiply them", answer=2496),
        Mistake("Those are four matrices. Here there are three: query, key and value", answer=196608),
        Mistake("That is one square matrix, 768 by 768. Each of the three is 768 by 64", answer=589824),
    ],
)

EXERCISES = [QUERY, SCORES, WEIGHTS, SELF_ATTENTION, AS_LINEAR, SIZE]
