"""Exercises of notebook 08: the mask, causal weights, the test for leaks, which test notices what, dropout, a batch."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.exercises.engine.exercise import Exercise, Mistake
from course_utils.exercises.engine.probes import numbers

# --- 08.1 ---


def future_mask(T: int) -> Tensor:
    """Return a table (T, T) that is True where the column comes after the row."""
    return torch.ones(T, T, dtype=torch.bool).triu(1)


def mask_by_loop(T: int) -> Tensor:
    """The same, square by square."""
    return torch.tensor([[key > query for key in range(T)] for query in range(T)])


WHOLE_MASK = "torch.ones(T, T, dtype=torch.bool).triu(1)"

MASK = Exercise(
    number="08.1",
    title="The mask",
    name="future_mask",
    reference=future_mask,
    probes=lambda chance: [(T,) for T in (2, 3, 4, 6, 1)],
    alternatives=[mask_by_loop, lambda T: torch.arange(T)[None, :] > torch.arange(T)[:, None]],
    hints=[
        "Rows ask, columns are asked: square [i, j] is masked if j comes after i.",
        "torch.ones(T, T, dtype=torch.bool) is a table of True.",
        "triu(1) keeps what is above the diagonal, and makes the rest False.",
    ],
    mistakes=[
        Mistake(
            "You mask the past. Rows ask and columns are asked, so the future lies right of the diagonal: triu",
            "triu(1)",
            "tril(-1)",
        ),
        Mistake(
            "You mask the diagonal too: a token may see itself. Begin one column further right", "triu(1)", "triu(0)"
        ),
        Mistake(
            "The next token is still visible, the very one to be guessed. Begin one column further left",
            "triu(1)",
            "triu(2)",
        ),
        Mistake("You wrote True where a token may look. Swap the two: True marks what is masked", "triu(1)", "tril(0)"),
        Mistake(
            "You mask only the next token. All that come after it must be masked too", "triu(1)", "triu(1).tril(1)"
        ),
        Mistake(
            "Your table holds 1 and 0. A mask is made of True and False: dtype=torch.bool",
            "dtype=torch.bool",
            "dtype=torch.float32",
        ),
        Mistake(
            "That is what is added to scores, 0 and -inf. Here you say which squares are masked: True and False",
            WHOLE_MASK,
            'torch.full((T, T), float("-inf")).triu(1)',
        ),
        Mistake(
            "Every square but a token's own is masked: the past must stay visible",
            WHOLE_MASK,
            "~torch.eye(T, dtype=torch.bool)",
        ),
        Mistake(
            "It is the wrong way round, and holds 1 and 0. A mask is made of True and False, with True where a square "
            "is masked: above the diagonal",
            WHOLE_MASK,
            "torch.tril(torch.ones(T, T))",
        ),
        Mistake(
            "It holds 1 and 0, and masks the diagonal too. A mask is made of True and False, and a token may see "
            "itself: dtype=torch.bool, triu(1)",
            WHOLE_MASK,
            "torch.triu(torch.ones(T, T))",
        ),
    ],
)


# --- 08.2 ---


def causal_weights(scores: Tensor) -> Tensor:
    """Return the weights (T, T) for scores (T, T): softmax along each row, the future masked with -inf before."""
    T = len(scores)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    return torch.softmax(scores.masked_fill(future, float("-inf")), dim=-1)


def weights_by_loop(scores: Tensor) -> Tensor:
    """The same, row by row: softmax over what is open."""
    weights = torch.zeros_like(scores)
    for i, row in enumerate(scores):
        weights[i, : i + 1] = torch.softmax(row[: i + 1], dim=0)
    return weights


def weights_renormalised(scores: Tensor) -> Tensor:
    """The same: softmax first, then the future set to 0, then each row divided by its sum."""
    kept = torch.softmax(scores, dim=-1).tril()
    return kept / kept.sum(-1, keepdim=True)


def open_future(result: Tensor, scores: Tensor) -> str | None:
    """What is above the diagonal must be 0."""
    seen = result.triu(1).abs()
    if not seen.max() > 1e-6:
        return None
    i, j = divmod(int(seen.argmax()), len(scores))
    return f"token {i} gives a weight of {result[i, j]:.2f} to token {j}, which comes after it: it should be 0"


def uneven_rows(result: Tensor, scores: Tensor) -> str | None:
    """Each row must sum to 1."""
    for i, total in enumerate(result.sum(-1).tolist()):
        if not abs(total - 1) < 1e-4:
            return f"the weights of row {i} sum to {total:.2f}: each row should sum to 1"
    return None


CLOSED = 'scores.masked_fill(future, float("-inf"))'
SOFTMAX = f"torch.softmax({CLOSED}, dim=-1)"
KEPT = "torch.softmax(scores, dim=-1).masked_fill(future, 0.0)"

WEIGHTS = Exercise(
    number="08.2",
    title="Weights that see no future",
    name="causal_weights",
    reference=causal_weights,
    probes=lambda chance: [
        (torch.zeros(2, 2),),
        *((numbers(chance, T, T),) for T in (2, 3, 4, 6, 1)),
        *((numbers(chance, T, T) - 20_000,) for T in (3, 4)),  # far below any number that is nearly minus infinity
    ],
    alternatives=[weights_by_loop, weights_renormalised],
    rules=[open_future, uneven_rows],
    hints=[
        "Three steps: make the mask, mask the scores, take the softmax along each row.",
        "scores.masked_fill(future, number) returns scores with the number where future is True.",
        'The number is float("-inf"): its power is 0, so the square gets no weight and adds nothing to the sum.',
    ],
    mistakes=[
        Mistake(
            "You mask with 0, which is an ordinary score: its power is 1. Mask with minus infinity",
            'float("-inf")',
            "0.0",
        ),
        Mistake(
            "You mask with a number that is only rather small. Scores may be smaller still, and then the future gets "
            'all the weight: mask with float("-inf")',
            'float("-inf")',
            "-100.0",
        ),
        Mistake(
            "Nothing is masked: each token sees the whole text. masked_fill leaves scores as they are and returns a "
            "new table: use what it returns",
            CLOSED,
            "scores",
        ),
        Mistake(
            "You set weights to 0 after the softmax, and the rows sum to less than 1. Mask the scores before it, or "
            "divide each row by its sum",
            SOFTMAX,
            KEPT,
        ),
        Mistake(
            "You renormalize columns: divide each row by its own sum, sum(-1, keepdim=True)",
            SOFTMAX,
            f"(kept := {KEPT}) / kept.sum(0, keepdim=True)",
        ),
        Mistake(
            "The sums of rows are used for columns: keep their dimension, sum(-1, keepdim=True)",
            SOFTMAX,
            f"(kept := {KEPT}) / kept.sum(-1)",
        ),
        Mistake(
            "Softmax goes over the queries, down the columns: each row must sum to 1, so go along dim=-1",
            "dim=-1",
            "dim=0",
        ),
        Mistake("The mask is on the wrong side: you mask the past and leave the future visible", "triu(1)", "tril(-1)"),
        Mistake(
            "The mask covers the diagonal too, so the first row has nothing left and becomes nan: begin one "
            "column further right",
            "triu(1)",
            "triu(0)",
        ),
        Mistake(
            "The mask begins one column too far right: each token sees the next one, which it must guess",
            "triu(1)",
            "triu(2)",
        ),
        Mistake(
            "You mask what should stay visible: masked_fill writes where the mask is True. True belongs above the "
            "diagonal, triu(1)",
            "triu(1)",
            "tril()",
        ),
        Mistake("The scores are masked; now make weights of them: softmax along each row", SOFTMAX, CLOSED),
        Mistake(
            "A second softmax gives the zeros weight again, since the power of 0 is 1. Mask the scores before a "
            "single softmax",
            SOFTMAX,
            f"torch.softmax({KEPT}, dim=-1)",
        ),
        Mistake(
            "False times infinity is nan, not 0, and one nan spoils its whole row. Mask the scores with masked_fill",
            CLOSED,
            'scores + future * float("-inf")',
        ),
        Mistake(
            "You divide by the root of the number of tokens. These scores are scaled already: take them as they are",
            CLOSED,
            f"{CLOSED} / T**0.5",
        ),
        Mistake(
            "You divide by the root of 2, as scores_of does. These scores are scaled already: take them as they are",
            CLOSED,
            f"{CLOSED} / 2**0.5",
        ),
    ],
)


# --- 08.3 ---


class Mixer(NamedTuple):
    """An attention with fixed weights (T, T), to try a test on."""

    weights: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        return self.weights @ x

    def __repr__(self) -> str:
        rows = [[round(weight, 2) for weight in row] for row in self.weights.tolist()]
        return f"lambda x: torch.tensor({rows}) @ x"


def mixer(chance: Random, T: int, diagonal: int = 0, *leaks: tuple[int, int, float]) -> Mixer:
    """Return one whose weights are open up to a diagonal, with a weight at each (query, key) of `leaks`."""
    weights = torch.tensor([[round(chance.uniform(0.2, 1), 2) for _ in range(T)] for _ in range(T)]).tril(diagonal)
    for query, key, weight in leaks:
        weights[query, key] = weight
    return Mixer(weights)


def past_moves(attention: Callable[[Tensor], Tensor], x: Tensor) -> list[bool]:
    """Return for each place from 1 on whether changing x (T, C) from there on changes any row before it."""
    before, moved = attention(x), []
    for place in range(1, len(x)):
        changed = x.clone()
        changed[place:] += 1
        difference = (attention(changed) - before)[:place]
        moved.append(bool((difference.abs() > 1e-6).any()))
    return moved


def moves_by_cat(attention: Callable[[Tensor], Tensor], x: Tensor) -> list[bool]:
    """The same, the changed text put together from two parts."""
    return [
        not torch.allclose(attention(torch.cat([x[:place], x[place:] + 1]))[:place], attention(x)[:place])
        for place in range(1, len(x))
    ]


def moves_by_far(attention: Callable[[Tensor], Tensor], x: Tensor) -> list[bool]:
    """The same with other changes: the future is set to a number far off."""
    moved = []
    for place in range(1, len(x)):
        far = x.clone()
        far[place:] = 7.0
        moved.append(not torch.equal(attention(far)[:place], attention(x)[:place]))
    return moved


COMPARED = " += 1\n        difference = (attention(changed)"

MOVES = Exercise(
    number="08.3",
    title="The test: change the future",
    name="past_moves",
    reference=past_moves,
    probes=lambda chance: [
        (mixer(chance, T, diagonal, *leaks), numbers(chance, T, 2))
        for T, diagonal, leaks in (
            (3, 0, ()),
            (3, 2, ()),
            (4, 1, ()),
            (5, -1, ()),
            (5, -1, ((0, 4, 0.5),)),
            (5, 0, ((2, 4, 0.75),)),
            (6, 0, ((0, 5, 0.25),)),
            (6, 1, ()),
            (6, 0, ((1, 3, 0.5),)),
            (4, 0, ((0, 3, -0.5),)),  # a row may fall,
            (5, 0, ((0, 4, 0.5), (1, 4, -0.5))),  # and two may move by as much in opposite ways
            (6, 0, ((1, 5, -0.75), (3, 5, 0.75))),
        )
    ],
    alternatives=[moves_by_cat, moves_by_far],
    hints=[
        "Compute attention(x) once, then for each place a changed copy of x, and attention of that.",
        "changed = x.clone(), then changed[place:] += 1.",
        "Compare the rows [:place] of both, and append True or False to a list.",
    ],
    mistakes=[
        Mistake(
            "You compare all rows. Those that you changed may well differ: compare the rows before the place, [:place]",
            "before)[:place]",
            "before)[:]",
        ),
        Mistake(
            "You compare the row at the place as well, which you changed: compare those before it, [:place]",
            "before)[:place]",
            "before)[: place + 1]",
        ),
        Mistake(
            "You change the past. Change what comes from the place on, [place:]", "changed[place:]", "changed[:place]"
        ),
        Mistake(
            "You change one token only. The future is all that comes from the place on, [place:]",
            "changed[place:]",
            "changed[place]",
        ),
        Mistake(
            "You change the last token only. The future is all that comes from the place on, [place:]",
            "changed[place:]",
            "changed[-1:]",
        ),
        Mistake(
            "You change x itself, so each change comes on top of the one before: work on x.clone()",
            "x.clone()",
            "x",
        ),
        Mistake(
            "Each change comes on top of the one before. Begin each turn of the loop with a fresh copy, x.clone()",
            "for place in range(1, len(x)):\n        changed = x.clone()\n",
            "changed = x.clone()\n    for place in range(1, len(x)):\n",
        ),
        Mistake(
            "The last place is left out: the last token is future too, for all others",
            "range(1, len(x))",
            "range(1, len(x) - 1)",
        ),
        Mistake(
            "You begin at place 0, before which there is nothing to compare: begin at 1",
            "range(1, len(x))",
            "range(len(x))",
        ),
        Mistake(
            "You wrote True where the past stays the same. It marks where the past moves",
            "bool((diff",
            "not bool((diff",
        ),
        Mistake(
            "That is one answer for all places. Return a list with one for each",
            "return moved",
            "return any(moved)",
        ),
        Mistake(
            "You ask whether all rows before the place move. One that does is a leak: any, not all", ".any()", ".all()"
        ),
        Mistake(
            "You add the differences up, and those that rise cancel those that fall. Take them without their sign "
            "first: .abs()",
            "(difference.abs() > 1e-6).any()",
            "difference.sum().abs() > 1e-6",
        ),
        Mistake(
            "A row may also fall: you see only those that rise. Take the differences without their sign, .abs()",
            "difference.abs()",
            "difference",
        ),
        Mistake(
            "You look only at the row just before the place. A leak may show in any of those before it, [:place]",
            "before)[:place]",
            "before)[place - 1]",
        ),
        Mistake(
            "Nothing is ever found to move. Compare what comes out, attention(changed) with attention(x), not the "
            "texts that go in",
            "(attention(changed) - before)[:place]",
            "(changed - x)[:place]",
        ),
        Mistake(
            "You begin one place too late. The token at the place is future too: change from there on, [place:]",
            "changed[place:]",
            "changed[place + 1 :]",
        ),
        Mistake(
            "You begin one place too late. The change begins at the place itself, [place:], and the rows before it are "
            "compared, [:place]",
            f"changed[place:]{COMPARED} - before)[:place]",
            f"changed[place + 1 :]{COMPARED} - before)[: place + 1]",
        ),
    ],
)


# --- 08.4 ---

CAUGHT = Exercise(
    number="08.4",
    title="Which test notices which bug",
    name="caught",
    reference=("both", "future", "both"),
    hints=[
        "For each bug ask twice: what does a row sum to, and does anything from the future enter a row?",
        "The future can enter by its weight, and also by the sum that a weight is divided by.",
        "In a column, the rows further down are later queries.",
    ],
    mistakes=[
        Mistake(
            "The first and the third leak too: their weights were divided by sums that include the future",
            answer=("rows", "future", "rows"),
        ),
        Mistake(
            "The first leaks too: softmax divided by a sum over all tokens, the future among them",
            answer=("rows", "future", "both"),
        ),
        Mistake(
            "The third leaks too: the sum down a column holds the scores of later queries",
            answer=("both", "future", "rows"),
        ),
        Mistake(
            "The second keeps its row sums: softmax makes them 1, whatever is masked before it",
            answer=("both", "both", "both"),
        ),
        Mistake(
            "The second shows each token the next one: that is a leak, and its rows sum to 1",
            answer=("both", "rows", "both"),
        ),
        Mistake(
            "All three leak, that is right. But in two of them the rows no longer sum to 1",
            answer=("future", "future", "future"),
        ),
        Mistake("The second is noticed: each token sees the one that it must guess", answer=("both", "none", "both")),
        Mistake(
            "It is the other way round: the first and the third leak through the sums that they were divided by, and "
            "the second keeps its row sums, since softmax makes them",
            answer=("rows", "both", "rows"),
        ),
        Mistake(
            "The first leaks, that is right. But what it set to 0 is missing: its rows sum to less than 1",
            answer=("future", "future", "both"),
        ),
        Mistake(
            "The third leaks, that is right. But its columns sum to 1, not its rows",
            answer=("both", "future", "future"),
        ),
        Mistake(
            "The third is noticed twice: along dim=-2 columns sum to 1, not rows, and their sums hold later queries. "
            "The first leaks too, through its sum",
            answer=("rows", "future", "none"),
        ),
        Mistake(
            "All three leak. The second shows each token the next one, and the other two were divided by sums in which "
            "the future stands",
            answer=("rows", "none", "rows"),
        ),
    ],
)


# --- 08.5 ---


def mix(weights: Tensor, values: Tensor, keep: Tensor, p: float, training: bool) -> Tensor:
    """Return weights (T, T) times values (T, D); in training, weights where `keep` is False are dropped."""
    if training:
        weights = weights * keep / (1 - p)
    return weights @ values


def mix_by_where(weights: Tensor, values: Tensor, keep: Tensor, p: float, training: bool) -> Tensor:
    """The same: the sum is divided in place of the weights."""
    if not training:
        return weights @ values
    return weights.masked_fill(~keep, 0.0) @ values / (1 - p)


DROP = "weights = weights * keep / (1 - p)"

BY_HAND = (
    torch.tensor([[1.0, 0.0], [0.5, 0.5]]),
    torch.tensor([[4.0, 8.0], [2.0, 6.0]]),
    torch.tensor([[True, True], [False, True]]),
    *(0.5, True),
)

DROPOUT = Exercise(
    number="08.5",
    title="Dropout on the weights",
    name="mix",
    reference=mix,
    probes=lambda chance: (
        [BY_HAND]
        + [
            (
                numbers(chance, T, T).softmax(-1),
                numbers(chance, T, D),
                torch.tensor([[(row + column + T) % 3 > 0 for column in range(T)] for row in range(T)]),
                p,
                training,
            )
            for T, D, p, training in (
                (2, 2, 0.25, True),
                (2, 2, 0.25, False),
                (3, 3, 0.2, True),
                (4, 2, 0.1, True),
                (4, 3, 0.4, False),
                (5, 5, 0.3, True),
            )
        ]
    ),
    alternatives=[mix_by_where],
    hints=[
        "Two cases: in training weights are dropped, otherwise nothing happens to them.",
        "weights * keep is 0 where keep is False.",
        "Those that stay are divided by 1 - p, so that the mean over many draws is what it was.",
    ],
    mistakes=[
        Mistake(
            "The weights that stay are not scaled, so their mean shrinks: divide by 1 - p",
            " / (1 - p)",
            "",
        ),
        Mistake(
            "Dropout is left on in evaluation: drop and scale only if training is True", "if training:", "if True:"
        ),
        Mistake("You multiply by 1 - p, which shrinks what is left: divide by it", "/ (1 - p)", "* (1 - p)"),
        Mistake(
            "You divide by p, the fraction that is dropped: divide by the fraction that stays, 1 - p", "(1 - p)", "p"
        ),
        Mistake("You drop what should stay: keep is True where a weight stays", "* keep", "* ~keep"),
        Mistake(
            "You drop numbers of the values. Drop weights: who listens to whom, not what is said",
            DROP,
            "values = values * keep / (1 - p)",
        ),
        Mistake(
            "You divide each row by what is left of it. Dropout divides all by 1 - p: a row need not sum to 1",
            DROP,
            "weights = weights * keep / (weights * keep).sum(-1, keepdim=True)",
        ),
        Mistake(
            "You scale in evaluation too: there nothing is dropped, so nothing is divided",
            f"if training:\n        {DROP}",
            "weights = weights / (1 - p)\n    if training:\n        weights = weights * keep",
        ),
        Mistake(
            "That is the older way: it shrinks the weights in evaluation. Here those that stay are divided by 1 - p in "
            "training, so evaluation needs nothing",
            DROP,
            "weights = weights * keep\n    else:\n        weights = weights * (1 - p)",
        ),
        Mistake(
            "It is the wrong way round: dropout works in training and rests in evaluation",
            "if training:",
            "if not training:",
        ),
        Mistake(
            "You make a draw of your own. Here the draw is given: drop the weights where keep is False",
            DROP,
            "weights = torch.nn.functional.dropout(weights, p)",
        ),
        Mistake(
            "Those are the weights. What is asked for are the contexts: weights @ values",
            "return weights @ values",
            "return weights",
        ),
    ],
)


# --- 08.6 ---


def causal_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return the context vectors (B, T, D) of queries, keys and values (B, T, D), no token looking ahead."""
    T, D = q.shape[-2:]
    scores = q @ k.transpose(-2, -1) / D**0.5
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    weights = torch.softmax(scores.masked_fill(future, float("-inf")), dim=-1)
    return weights @ v


def attention_by_cutting(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The same, token by token: each query with the keys and values up to its own."""
    contexts = []
    for i in range(q.shape[1]):
        scores = q[:, i : i + 1] @ k[:, : i + 1].transpose(1, 2) / q.shape[2] ** 0.5
        contexts.append(torch.softmax(scores, dim=-1) @ v[:, : i + 1])
    return torch.cat(contexts, dim=1)


def far_below_zero(chance: Random, T: int) -> tuple[Tensor, ...]:
    """Queries, keys and values whose scores are all near -256, below any number that only nearly masks.

    They are multiples of 1/8, so that a score is the same in whatever order its products are added.
    """
    q, k, v = (numbers(chance, 2, T, 4).mul(8).round() / 8 for _ in range(3))
    q[..., 0], k[..., 0] = 16.0, -32.0
    return q, k, v


ATTENTION = Exercise(
    number="08.6",
    title="Causal attention for a batch",
    name="causal_attention",
    reference=causal_attention,
    probes=lambda chance: [
        (torch.zeros(1, 2, 2), torch.ones(1, 2, 2), torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])),  # all keys alike
        *(
            tuple(numbers(chance, B, T, D) for _ in range(3))
            for B, T, D in ((1, 2, 3), (2, 3, 2), (2, 2, 2), (2, 2, 4), (3, 3, 3), (3, 4, 5), (2, 6, 3), (1, 1, 2))
        ),
        *(far_below_zero(chance, T) for T in (3, 4)),
    ],
    alternatives=[
        attention_by_cutting,
        lambda q, k, v: torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True),
    ],
    hints=[
        "Four steps: scores (B, T, T), masked scores, weights, weights @ v.",
        "The scores are q @ k.transpose(-2, -1), divided by the square root of D, the last dimension.",
        "The mask is (T, T), without a batch dimension: masked_fill uses it for each text.",
    ],
    mistakes=[
        Mistake("The scores are not scaled: divide them by the square root of D", " / D**0.5", ""),
        Mistake("You scale by D: it is the square root of D", "D**0.5", "D"),
        Mistake(
            "You scale by the length of the text. Scores grow with the size of a vector, D", "/ D**0.5", "/ T**0.5"
        ),
        Mistake(
            "You divide by the root of 2, which was the size in scores_of. Take the size of these vectors, "
            "D = q.shape[-1]",
            "/ D**0.5",
            "/ 2**0.5",
        ),
        Mistake(
            "You divide by √D after softmax, so the rows no longer sum to 1. Divide the scores",
            f" / D**0.5\n    future = {WHOLE_MASK}\n    weights = {SOFTMAX}",
            f"\n    future = {WHOLE_MASK}\n    weights = {SOFTMAX} / D**0.5",
        ),
        Mistake(
            "Queries and keys are swapped: rows are those that ask, q @ k.transpose(-2, -1)",
            "q @ k.transpose(-2, -1)",
            "k @ q.transpose(-2, -1)",
        ),
        Mistake(
            "Softmax goes over the queries, dim=-2: each row must sum to 1, so go along dim=-1", "dim=-1", "dim=-2"
        ),
        Mistake("Softmax goes over the texts of the batch: go along each row, dim=-1", "dim=-1", "dim=0"),
        Mistake(
            "You mask with 0, an ordinary score. Mask with minus infinity, before the softmax",
            'float("-inf")',
            "0.0",
        ),
        Mistake(
            "You set weights to 0 after the softmax and forget to renormalize: the rows sum to less than 1",
            SOFTMAX,
            KEPT,
        ),
        Mistake(
            "You mask with a number that is only rather small. Scores may be smaller still, and then the future gets "
            'all the weight: mask with float("-inf")',
            'float("-inf")',
            "-100.0",
        ),
        Mistake(
            "All texts of the batch have become one: tokens attend to other texts too. Leave (B, T, D) as it is",
            answer=lambda q, k, v: causal_attention(*(x.flatten(0, 1)[None] for x in (q, k, v))).view(v.shape),
        ),
        Mistake("The mask is on the wrong side: you mask the past", "triu(1)", "tril(-1)"),
        Mistake(
            "You mask what should stay visible: masked_fill writes where the mask is True. True belongs above the "
            "diagonal, triu(1)",
            "triu(1)",
            "tril()",
        ),
        Mistake(
            "Each token sees the whole text: the mask is missing, or what masked_fill returns is not used",
            CLOSED,
            "scores",
        ),
        Mistake(
            "The mask covers a token's own square too, and the first row becomes nan: begin one column further right",
            "triu(1)",
            "triu(0)",
        ),
        Mistake(
            "The mask begins one column too far right: each token sees the next one, which it must guess",
            "triu(1)",
            "triu(2)",
        ),
        Mistake(
            "k.T turns all three dimensions round, that of the texts too. Turn the last two only: k.transpose(-2, -1)",
            "k.transpose(-2, -1)",
            "k.permute(2, 1, 0)",  # what k.T does, without its warning
        ),
        Mistake(
            "The keys aren't transposed: each query meets each key with k.transpose(-2, -1)",
            "k.transpose(-2, -1)",
            "k",
        ),
        Mistake(
            "len(q) is the number of texts. T is the number of tokens, q.shape[-2]",
            "q.shape[-2:]",
            "len(q), q.shape[-1]",
        ),
        Mistake("** 1/2 is (** 1) / 2: write ** 0.5", "D**0.5", "D**1 / 2"),
        Mistake("Those are the weights. Mix the values with them: weights @ v", "return weights @ v", "return weights"),
    ],
)

EXERCISES = [MASK, WEIGHTS, MOVES, CAUGHT, DROPOUT, ATTENTION]
