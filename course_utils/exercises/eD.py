"""Exercises of appendix D: who sees padding, one mask, rows without a key, a table's size, softmax in blocks."""

from random import Random

import torch
from torch import Tensor

from course_utils.exercises.engine.exercise import Exercise, Mistake, Probe
from course_utils.exercises.engine.probes import numbers

# --- D.1 ---

WHO_SEES = Exercise(
    number="D.1",
    title="Who sees the padding?",
    name="who_sees",
    reference=(0, 3),
    hints=[
        "With the causal mask a token sees itself and everything on its left.",
        "Where is the padding, seen from the three tokens of the text: behind them or in front of them?",
    ],
    mistakes=[
        Mistake(
            "The other way round: a token sees what's on its left, so padding on the right is hidden", answer=(3, 0)
        ),
        Mistake("Padding on the right comes later than every token of the text, so nobody sees it", answer=(3, 3)),
        Mistake("Padding on the left comes before every token of the text, so all three see it", answer=(0, 0)),
        Mistake(
            "Not only the first token sees the padding on the left: every token sees all that's before it",
            answer=(0, 1),
        ),
        Mistake(
            "Count the tokens of the text that see padding, not the padding: the text has three tokens", answer=(0, 2)
        ),
    ],
)


# --- D.2 ---


def no_weight(attention_mask: Tensor) -> Tensor:
    """Return where a weight must be 0, (B, 1, T, T): the key comes later than the query, or it's padding."""
    T = attention_mask.shape[1]
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    return future | ~attention_mask[:, None, None, :]


def no_weight_by_hand(attention_mask: Tensor) -> Tensor:
    """The same, pair by pair."""
    B, T = attention_mask.shape
    masked = torch.zeros(B, 1, T, T, dtype=torch.bool)
    for text in range(B):
        for query in range(T):
            for key in range(T):
                masked[text, 0, query, key] = key > query or not attention_mask[text, key]
    return masked


def is_text(*rows: str) -> Tensor:
    """An attention mask from rows such as "..abc", a point for each token of padding."""
    return torch.tensor([[letter != "." for letter in row] for row in rows])


NO_WEIGHT = Exercise(
    number="D.2",
    title="Two masks in one",
    name="no_weight",
    reference=no_weight,
    probes=lambda chance: [
        (is_text(".ab"),),
        (is_text("ab."),),
        (is_text("abcd", "..cd"),),
        (is_text("abcde", "abc..", ".bcde"),),
        (torch.tensor([[chance.random() < 0.5 for _ in range(6)] for _ in range(3)]),),
    ],
    alternatives=[
        no_weight_by_hand,
        lambda mask: ~(torch.ones(mask.shape[1], mask.shape[1], dtype=torch.bool).tril() & mask[:, None, None, :]),
    ],
    hints=[
        "08's mask is torch.ones(T, T, dtype=torch.bool).triu(1): True where the key comes later.",
        "attention_mask has one mark for each key. [:, None, None, :] makes it (B, 1, 1, T), the same for all queries.",
        "~ turns True and False round, and | is True where either of the two is.",
    ],
    mistakes=[
        Mistake(
            "You mask the rows of the padding. Nobody may look *at* padding: mask its columns, [:, None, None, :]",
            "[:, None, None, :]",
            "[:, None, :, None]",
        ),
        Mistake(
            "You mask the text and leave the padding: attention_mask is True at text, so turn it round with ~", "~", ""
        ),
        Mistake(
            "& masks only what both forbid. One reason is enough: |",
            "future | ~attention_mask[:, None, None, :]",
            "future & ~attention_mask[:, None, None, :]",
        ),
        Mistake(
            "The padding is masked, and the future isn't: a key is masked if it comes later, too",
            "future |",
            "torch.zeros_like(future) |",
        ),
        Mistake(
            "The future is masked, and the padding isn't",
            "~attention_mask[:, None, None, :]",
            "torch.zeros_like(attention_mask[:, None, None, :])",
        ),
        Mistake("triu() masks the token itself, too. Begin above the diagonal: triu(1)", "triu(1)", "triu()"),
        Mistake("You mask the past. The future is above the diagonal: triu(1)", "triu(1)", "tril(-1)"),
        Mistake(
            "True where a weight *may* go is the opposite of what's asked",
            answer=lambda mask: ~no_weight(mask),
        ),
        Mistake(
            "A dimension is missing: with one for the heads, it's (B, 1, T, T)",
            "[:, None, None, :]",
            "[:, None, :]",
        ),
        Mistake(
            "You mask the padding's rows as well as its columns. What queries at padding get is of no use, but it's "
            "simpler to leave them alone: mask keys only",
            answer=lambda mask: no_weight(mask) | ~mask[:, None, :, None],
        ),
    ],
)


# --- D.3 ---


def masked_softmax(scores: Tensor, masked: Tensor) -> Tensor:
    """Return the weights, 0 where `masked` is True; a row in which everything is masked gets zeros."""
    lowest = torch.finfo(scores.dtype).min
    weights = torch.softmax(scores.masked_fill(masked, lowest), dim=-1)
    return weights.masked_fill(masked, 0.0)


def masked_softmax_by_where(scores: Tensor, masked: Tensor) -> Tensor:
    """The same: rows without a key are found first, and cleared in the end."""
    nowhere = masked.all(dim=-1, keepdim=True)
    weights = torch.softmax(torch.where(masked & ~nowhere, -torch.inf, scores), dim=-1)
    return torch.where(nowhere, 0.0, weights)


def rows_to_mask(chance: Random) -> list[Probe]:
    """Scores and masks; from the first on, some rows have no key left."""
    first = torch.tensor([[1.0, 2.0], [3.0, 0.0]]), torch.tensor([[False, False], [True, True]])
    probes = [first, (torch.tensor([[1.0, 2.0, 0.0]]), torch.tensor([[False, True, False]]))]
    for n in (3, 4, 5):
        masked = torch.tensor([[chance.random() < 0.4 for _ in range(n)] for _ in range(n)])
        masked[0], masked[1] = True, torch.arange(n) > 1
        probes.append((numbers(chance, n, n) - (60 if n > 3 else 0), masked))  # below what's only rather low
    return probes


MASKED_SOFTMAX = Exercise(
    number="D.3",
    title="A row that may look nowhere",
    name="masked_softmax",
    reference=masked_softmax,
    probes=rows_to_mask,
    alternatives=[
        masked_softmax_by_where,
        lambda scores, masked: torch.softmax(scores.masked_fill(masked, -torch.inf), -1).nan_to_num(0.0),
    ],
    hints=[
        "Softmax makes 1/3, 1/3, 1/3 of three equal scores, however low they are, as long as they're finite. So what "
        "could you fill in instead of -inf?",
        "lowest = torch.finfo(scores.dtype).min is the lowest finite number. With scores.masked_fill(masked, lowest), "
        "a row without a key gets equal weights, and no nan.",
        "Those weights should be 0. After softmax, return weights.masked_fill(masked, 0.0).",
    ],
    mistakes=[
        Mistake(
            "A row without a key is nan: it's 0 / 0 with -inf. Fill in the lowest finite number",
            answer=lambda scores, masked: torch.softmax(scores.masked_fill(masked, -torch.inf), dim=-1),
        ),
        Mistake(
            "A row without a key has equal weights, and it should have none: set masked weights to 0 after softmax",
            "return weights.masked_fill(masked, 0.0)",
            "return weights",
        ),
        Mistake(
            "The masked weights are 0, but the others no longer sum to 1. Mask the scores too, before softmax",
            "scores.masked_fill(masked, lowest)",
            "scores",
        ),
        Mistake(
            "You fill in a number that's only rather low. Scores may be lower still, and then what's masked takes the "
            "weight from the others: take the lowest, torch.finfo(scores.dtype).min",
            "torch.finfo(scores.dtype).min",
            "-10.0",
        ),
        Mistake("Masked scores are 0, and exp(0) is 1. They must be very low", "torch.finfo(scores.dtype).min", "0.0"),
        Mistake("Each query's weights sum to 1: softmax goes along dim=-1, over the keys", "dim=-1", "dim=0"),
        Mistake(
            "You keep what's masked, and mask the rest: True means that no weight may go there",
            answer=lambda scores, masked: masked_softmax(scores, ~masked),
        ),
    ],
)


# --- D.4 ---


def table_bytes(B: int, n_head: int, T: int, size: int) -> int:
    """Return the bytes of one table of scores, a number of `size` bytes for each text, head, query and key."""
    return B * n_head * T * T * size


TABLE = Exercise(
    number="D.4",
    title="The size of the table",
    name="table_bytes",
    reference=table_bytes,
    probes=lambda chance: [
        (1, 1, 2, 4),
        (1, 2, 3, 4),
        (2, 3, 5, 2),
        (1, 12, 1024, 4),
        (chance.randrange(3, 9), chance.randrange(3, 9), chance.randrange(10, 99), 2),
    ],
    alternatives=[lambda B, n_head, T, size: torch.empty(B, n_head, T, T, device="meta").numel() * size],
    hints=[
        "Which shape do the scores have?",
        "It's (B, H, T, T). Multiply the four, and then by the bytes of one number.",
    ],
    mistakes=[
        Mistake("Each query has a score for each key: T times T", "T * T * size", "T * size"),
        Mistake("Each head has its own table", "n_head * T", "T"),
        Mistake("Each text of the batch has its own tables", "B * n_head", "n_head"),
        Mistake("That's how many numbers there are. Each takes `size` bytes", " * size", ""),
        Mistake(
            "Masked scores lie in the table as well: it's a whole square",
            "T * T * size",
            "T * (T + 1) // 2 * size",
        ),
        Mistake(
            "Keys of other texts are no keys: B tables of T × T, not one of (B·T) × (B·T)",
            "B * n_head",
            "B * B * n_head",
        ),
    ],
)


# --- D.5 ---


def add_block(state: tuple[Tensor, Tensor, Tensor], scores: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the largest score so far, the sum of all e^(score − largest), and the values weighted by those.

    `state` holds the three from the blocks before; `scores` (block,) and `values` (block, D) are the next block's.
    """
    largest, total, mixed = state
    new = torch.maximum(largest, scores.max())
    shrink = torch.exp(largest - new)
    weights = torch.exp(scores - new)
    return new, total * shrink + weights.sum(), mixed * shrink + weights @ values


def add_block_at_once(state: tuple[Tensor, Tensor, Tensor], scores: Tensor, values: Tensor) -> tuple[Tensor, ...]:
    """The same, with what came before as one more key, whose value is its mean."""
    largest, total, mixed = state
    if total == 0:
        new = scores.max()
        return new, (scores - new).exp().sum(), ((scores - new).exp()[:, None] * values).sum(0)
    all_scores = torch.cat([(largest + total.log())[None], scores])
    new = torch.maximum(largest, scores.max())
    weights = (all_scores - new).exp()
    return new, weights.sum(), weights @ torch.cat([(mixed / total)[None], values])


def blocks(chance: Random) -> list[Probe]:
    """What's known of earlier blocks, and the next one; its largest score is now above, now below those before."""
    first = torch.tensor(1.0), torch.tensor(2.0), torch.tensor([4.0, 6.0])
    probes = [
        (first, torch.tensor([2.0, 0.0]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])),
        (first, torch.tensor([0.0, -1.0]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])),
    ]
    for largest, n, D in ((-1.0, 3, 2), (4.0, 2, 3), (6.0, 3, 3), (300.0, 3, 2)):
        state = torch.tensor(largest), numbers(chance, 1, low=1, high=3)[0], numbers(chance, D)
        probes.append((state, numbers(chance, n) + (largest if largest > 9 else 0), numbers(chance, n, D)))
    return [*probes, ((torch.tensor(-torch.inf), torch.tensor(0.0), torch.zeros(2)), *probes[-1][1:])]


ADD_BLOCK = Exercise(
    number="D.5",
    title="Softmax, one block at a time",
    name="add_block",
    reference=add_block,
    probes=blocks,
    alternatives=[add_block_at_once],
    hints=[
        "The new largest score is torch.maximum(largest, scores.max()).",
        "What was summed up before was divided by e^largest. Times e^(largest - new), it is divided by e^new.",
        "Then add the block's own: its weights are exp(scores - new), their sum goes to `total`, and weights @ values "
        "goes to `mixed`.",
    ],
    mistakes=[
        Mistake(
            "What came before still counts from the old largest score. Multiply both sums by e^(largest - new)",
            "shrink = torch.exp(largest - new)",
            "shrink = torch.ones(())",
        ),
        Mistake(
            "`total` counts from the old largest score: multiply it by e^(largest - new), too",
            "total * shrink",
            "total",
        ),
        Mistake(
            "`mixed` counts from the old largest score: multiply it by e^(largest - new), too",
            "mixed * shrink",
            "mixed",
        ),
        Mistake(
            "You forget the blocks before: the largest score so far may be theirs",
            "torch.maximum(largest, scores.max())",
            "scores.max()",
        ),
        Mistake(
            "The weights are e^(score - new). Without the minus they get far too large",
            "torch.exp(scores - new)",
            "torch.exp(scores)",
        ),
        Mistake(
            "The block's weights count from the old largest score: subtract the new one",
            "torch.exp(scores - new)",
            "torch.exp(scores - largest)",
        ),
        Mistake(
            "You divide already. That comes once, after the last block: keep the two sums",
            "mixed * shrink + weights @ values",
            "(mixed * shrink + weights @ values) / (total * shrink + weights.sum())",
        ),
        Mistake(
            "A mean is kept as a sum here: add up the block's weights, don't average them",
            "weights.sum()",
            "weights.mean()",
        ),
        Mistake(
            "You start again with each block: what came before must be added",
            "total * shrink + weights.sum(), mixed * shrink + weights @ values",
            "weights.sum(), weights @ values",
        ),
        Mistake(
            "The factor is upside down: it's e^(largest - new), at most 1",
            "torch.exp(largest - new)",
            "torch.exp(new - largest)",
        ),
    ],
)

EXERCISES = [WHO_SEES, NO_WEIGHT, MASKED_SOFTMAX, TABLE, ADD_BLOCK]
