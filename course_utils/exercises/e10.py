"""Exercises of notebook 10: what a module knows, the residual branch, LayerNorm, a whole GPT, its size and its work."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor, nn

from course_utils.exercises.engine.exercise import Exercise, Mistake
from course_utils.exercises.engine.probes import numbers

# --- 10.1 ---

KNOWN = Exercise(
    number="10.1",
    title="What a module knows",
    name="known",
    reference=(9, 13),
    hints=[
        "A module notices three kinds of attribute: parameters, buffers, and other modules.",
        "`shift` is a plain tensor and `spare` a plain list. Nobody told the module about either.",
        "A Linear(2, 2) has 4 weights and 2 biases. A buffer isn't learned, but it's saved.",
    ],
    mistakes=[
        Mistake("A plain Python list hides what's in it. Only a ModuleList tells the module", answer=(21, 25)),
        Mistake("A plain tensor isn't a parameter, and it isn't saved: `shift` doesn't count", answer=(12, 16)),
        Mistake("You're right that the buffer isn't learned. But it is saved", answer=(9, 9)),
        Mistake("A buffer is saved, but not learned", answer=(13, 13)),
        Mistake("Modules inside count too: those in a ModuleList are found", answer=(3, 7)),
        Mistake("A Linear has a bias as well, one number for each output", answer=(7, 11)),
        Mistake("Two of them don't count: the plain tensor and what hides in the plain list", answer=(24, 28)),
    ],
)


# --- 10.2 ---


@dataclass(frozen=True)
class Curve:
    """A stand-in for a part of the model: bend·x² + slope·x + shift, number by number."""

    bend: float
    slope: float
    shift: float

    def __call__(self, x: Tensor) -> Tensor:
        return self.bend * x * x + self.slope * x + self.shift

    def __repr__(self) -> str:
        return f"lambda x: {self.bend} * x * x + {self.slope} * x + {self.shift}"


def curve(chance: Random) -> Curve:
    """Draw a curve with no number near 0."""
    return Curve(*(round(chance.uniform(0.4, 1.5), 2) for _ in range(3)))


def add_branch(x: Tensor, norm: Callable[[Tensor], Tensor], branch: Callable[[Tensor], Tensor]) -> Tensor:
    """Return x plus what a branch makes of a normalised copy of x: half of a block of GPT-2."""
    return x + branch(norm(x))


def add_in_steps(x: Tensor, norm: Callable[[Tensor], Tensor], branch: Callable[[Tensor], Tensor]) -> Tensor:
    """The same, one step a line."""
    copy = norm(x)
    change = branch(copy)
    return torch.add(change, x)


BRANCH = Exercise(
    number="10.2",
    title="Add a branch",
    name="add_branch",
    reference=add_branch,
    probes=lambda chance: [
        (torch.tensor([[[1.0, 2.0]]]), Curve(0.0, 2.0, 1.0), Curve(1.0, 0.0, -1.0)),
        (torch.tensor([[[0.0, 1.0, -1.0]]]), Curve(0.5, 1.0, 1.0), Curve(2.0, 1.0, 0.5)),
        *((numbers(chance, 2, 3, 4), curve(chance), curve(chance)) for _ in range(4)),
    ],
    alternatives=[add_in_steps],
    hints=[
        "Two ways lead from x to the plus sign. x itself goes straight there, and a copy takes the detour.",
        "The detour is norm first, then branch. What arrives at the plus besides x is branch(norm(x)).",
    ],
    mistakes=[
        Mistake(
            "That's the block of 2017: the norm comes after the sum. In GPT-2 it's inside the branch, and x itself is "
            "never normalised",
            "x + branch(norm(x))",
            "norm(x + branch(x))",
        ),
        Mistake(
            "You add the normalised x. Add x as it was",
            "x + branch",
            "norm(x) + branch",
        ),
        Mistake(
            "The way straight through is missing: the branch's result replaces x. Add x to it", "x + branch", "branch"
        ),
        Mistake("The branch gets x as it is. It reads a normalised copy", "branch(norm(x))", "branch(x)"),
        Mistake(
            "The norm comes after the branch. It comes before it, on what the branch reads",
            "branch(norm(x))",
            "norm(branch(x))",
        ),
        Mistake(
            "You normalise after everything as well. Each block leaves x alone; one last norm waits at the model's end",
            "x + branch(norm(x))",
            "norm(x + branch(norm(x)))",
        ),
        Mistake(
            "You put x inside the branch: the sum is normalised and worked on with the rest. Add x to the result",
            "x + branch(norm(x))",
            "branch(x + norm(x))",
        ),
        Mistake(
            "You multiply by x. Add it",
            "x + branch",
            "x * branch",
        ),
        Mistake(
            "x += changes the tensor you were given, which somebody else still needs. Make a new one: x + ...",
            "return x + branch(norm(x))",
            "x += branch(norm(x))\n    return x",
        ),
    ],
)


# --- 10.3 ---


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Shift and scale each vector of x (B, T, C) to mean 0 and variance 1, then times weight plus bias, both (C,)."""
    mean = x.mean(-1, keepdim=True)
    variance = x.var(-1, keepdim=True, unbiased=False)
    return (x - mean) / torch.sqrt(variance + eps) * weight + bias


def layer_norm_by_hand(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """The same from sums, without `var`."""
    centred = x - x.sum(-1, keepdim=True) / x.shape[-1]
    size = ((centred**2).sum(-1, keepdim=True) / x.shape[-1] + eps) ** 0.5
    return centred / size * weight + bias


LAYER_NORM = Exercise(
    number="10.3",
    title="LayerNorm",
    name="layer_norm",
    reference=layer_norm,
    probes=lambda chance: [
        (torch.tensor([[[1.0, 3.0]]]), torch.tensor([1.0, 2.0]), torch.tensor([0.5, -1.0]), 0.25),
        (torch.tensor([[[1.0, 3.0], [4.0, 4.0]]]), torch.tensor([1.0, 3.0]), torch.tensor([0.5, 2.0]), 0.5),
        *(
            (numbers(chance, B, T, C), numbers(chance, C, low=0.5), numbers(chance, C, low=0.2), eps)
            for B, T, C, eps in ((1, 3, 4, 0.3), (2, 3, 4, 0.2), (3, 3, 3, 0.1), (2, 2, 2, 0.4))
        ),
    ],
    alternatives=[
        layer_norm_by_hand,
        lambda x, weight, bias, eps: torch.nn.functional.layer_norm(x, weight.shape, weight, bias, eps),
    ],
    hints=[
        "Each vector by itself: the mean and the variance run along the last dimension, with keepdim=True.",
        "The variance divides by C, not by C - 1: unbiased=False.",
        "(x - mean) / sqrt(variance + eps), then * weight + bias.",
    ],
    mistakes=[
        Mistake(
            "You normalise over the tokens. Then a token's vector depends on its neighbours, later ones too. Each "
            "vector by itself: dim -1",
            "mean = x.mean(-1, keepdim=True)\n    variance = x.var(-1,",
            "mean = x.mean(1, keepdim=True)\n    variance = x.var(1,",
        ),
        Mistake(
            "You normalise over the batch, as BatchNorm does. Then a text depends on which others it shares the batch "
            "with. Each vector by itself: dim -1",
            "mean = x.mean(-1, keepdim=True)\n    variance = x.var(-1,",
            "mean = x.mean(0, keepdim=True)\n    variance = x.var(0,",
        ),
        Mistake(
            "One mean and one variance for everything. Each vector has its own: dim -1, keepdim=True",
            "mean = x.mean(-1, keepdim=True)\n    variance = x.var(-1, keepdim=True, unbiased=False)",
            "mean = x.mean()\n    variance = x.var(unbiased=False)",
        ),
        Mistake(
            "torch's var divides by C - 1 unless you write unbiased=False",
            "unbiased=False",
            "unbiased=True",
        ),
        Mistake(
            "eps is added to the variance, inside the root",
            "torch.sqrt(variance + eps)",
            "(torch.sqrt(variance) + eps)",
        ),
        Mistake("eps is missing: a vector of equal numbers would be divided by 0", "(variance + eps)", "(variance)"),
        Mistake("You divide by the variance. Take its root", "torch.sqrt(variance + eps)", "(variance + eps)"),
        Mistake(
            "You scale, but don't shift to mean 0 first. Subtract the mean",
            "(x - mean) /",
            "x /",
        ),
        Mistake(
            "That's RMSNorm (Zhang and Sennrich 2019), which subtracts no mean. LayerNorm subtracts it from x",
            "variance = x.var(-1, keepdim=True, unbiased=False)\n    return (x - mean)",
            "variance = (x * x).mean(-1, keepdim=True)\n    return x",
        ),
        Mistake(
            "You scale and shift x before you normalise, and the norm undoes part of it. Weight and bias come last",
            "mean = x.mean(",
            "x = x * weight + bias\n    weight, bias = 1.0, 0.0\n    mean = x.mean(",
        ),
        Mistake("The learned bias is missing", " * weight + bias", " * weight"),
        Mistake("The learned weight is missing", " * weight + bias", " + bias"),
        Mistake("You've swapped weight and bias", "* weight + bias", "* bias + weight"),
        Mistake(
            "weight scales the bias as well. Multiply first, then add the bias",
            "(x - mean) / torch.sqrt(variance + eps) * weight + bias",
            "((x - mean) / torch.sqrt(variance + eps) + bias) * weight",
        ),
    ],
)


# --- 10.4 ---


def run_gpt(
    ids: Tensor,
    tokens: Tensor,
    positions: Tensor,
    blocks: Sequence[Callable[[Tensor], Tensor]],
    final_norm: Callable[[Tensor], Tensor],
    head: Tensor,
) -> Tensor:
    """Return the logits of ids (B, T), given the tables of tokens (V, C) and positions, and the head (V, C)."""
    x = tokens[ids] + positions[: ids.shape[1]]
    for block in blocks:
        x = block(x)
    return final_norm(x) @ head.T


def run_by_names(ids: Tensor, *parts: object) -> Tensor:
    """The same with PyTorch's functions."""
    tokens, positions, blocks, final_norm, head = parts
    x = torch.nn.functional.embedding(ids, tokens) + positions[torch.arange(ids.shape[1])]
    for number in range(len(blocks)):
        x = blocks[number](x)
    return torch.nn.functional.linear(final_norm(x), head)


def small_model(chance: Random, V: int, C: int, longest: int, n_layer: int) -> tuple:
    """Draw the parts of a small GPT, with curves in place of its blocks and its norm."""
    tables = [numbers(chance, size, C, low=-0.6, high=0.8) for size in (V, longest, V)]
    blocks = [curve(chance) for _ in range(n_layer)]
    return tables[0], tables[1], blocks, curve(chance), tables[2]


RUN = Exercise(
    number="10.4",
    title="From ids to logits",
    name="run_gpt",
    reference=run_gpt,
    probes=lambda chance: [
        (
            torch.tensor([[1, 0]]),
            torch.tensor([[1.0, 0.0], [0.0, 1.0]]),
            torch.tensor([[0.5, 0.0], [0.0, 0.25], [1.0, 1.0]]),
            [Curve(0.0, 2.0, 1.0), Curve(1.0, 0.0, 0.0)],
            Curve(0.0, 1.0, -1.0),
            torch.tensor([[1.0, 2.0], [0.0, 1.0]]),
        ),
        *(
            (torch.tensor([[chance.randrange(V) for _ in range(T)] for _ in range(B)]), *small_model(chance, V, *sizes))
            for B, T, V, *sizes in ((1, 3, 4, 2, 5, 2), (2, 4, 6, 3, 6, 3), (2, 3, 5, 3, 7, 2), (3, 2, 4, 3, 5, 3))
        ),
    ],
    alternatives=[run_by_names],
    hints=[
        "Four lines: make x from two tables, send it through the blocks, normalise, score.",
        "The first T rows of `positions` are those of positions 0 to T - 1: positions[: ids.shape[1]].",
        "Each block reads what the one before it wrote: x = block(x). The score of a token is a dot product with its "
        "row of head: final_norm(x) @ head.T",
    ],
    mistakes=[
        Mistake("The positions are missing: the model couldn't tell the order", " + positions[: ids.shape[1]]", ""),
        Mistake(
            "You look positions up by token id. Positions count from the start of the text: rows 0 to T - 1",
            "positions[: ids.shape[1]]",
            "positions[ids.clamp(max=len(positions) - 1)]",
        ),
        Mistake("Every token gets the vector of position 0", "positions[: ids.shape[1]]", "positions[0]"),
        Mistake(
            "Positions start at 0: the first token gets row 0, not row 1",
            "positions[: ids.shape[1]]",
            "positions[1 : ids.shape[1] + 1]",
        ),
        Mistake("The last norm is missing: the blocks never normalise x itself", "final_norm(x) @", "x @"),
        Mistake(
            "You normalise after every block. There's one norm at the end; the others are inside the blocks",
            "x = block(x)\n    return final_norm(x)",
            "x = final_norm(block(x))\n    return x",
        ),
        Mistake(
            "Only the last block counts, because each reads the same x. Write x = block(x)",
            "x = block(x)\n    return final_norm(x)",
            "y = block(x)\n    return final_norm(y)",
        ),
        Mistake(
            "The blocks change nothing. Go through them, and keep what each returns: x = block(x)",
            "x = block(x)",
            "block(x)",
        ),
        Mistake("Only the first block is used. Go through all of them", "in blocks:", "in blocks[:1]:"),
        Mistake("The blocks run from the last to the first", "in blocks:", "in blocks[::-1]:"),
        Mistake(
            "You add x to each block's result. A block does that inside: x = block(x)",
            "x = block(x)",
            "x = x + block(x)",
        ),
        Mistake(
            "You score with the token embedding. This model has output weights of its own: head",
            "@ head.T",
            "@ tokens.T",
        ),
        Mistake(
            "Those are vectors. The logits are one score for each token of the vocabulary: multiply by head.T",
            "final_norm(x) @ head.T",
            "final_norm(x)",
        ),
        Mistake(
            "Those are probabilities. Logits come before the softmax, which the loss does itself",
            "final_norm(x) @ head.T",
            "torch.softmax(final_norm(x) @ head.T, -1)",
        ),
        Mistake(
            "You keep the scores after the last token only. In training every position predicts: (B, T, V)",
            "final_norm(x) @",
            "final_norm(x)[:, -1] @",
        ),
    ],
)


# --- 10.5 ---


def count_gpt(vocab_size: int, context_length: int, n_layer: int, n_embd: int) -> int:
    """Return how many numbers a GPT-2 of these sizes learns; its output weights are the token embedding's."""
    embeddings = (vocab_size + context_length) * n_embd
    norm = 2 * n_embd
    attention = n_embd * 3 * n_embd + 3 * n_embd + n_embd * n_embd + n_embd
    mlp = n_embd * 4 * n_embd + 4 * n_embd + 4 * n_embd * n_embd + n_embd
    return embeddings + n_layer * (norm + attention + norm + mlp) + norm


def count_what_is_built(vocab_size: int, context_length: int, n_layer: int, n_embd: int) -> int:
    """The same, by building the model."""
    C = n_embd
    parts = [nn.Embedding(vocab_size, C), nn.Embedding(context_length, C), nn.LayerNorm(C)]
    for _ in range(n_layer):
        parts += [nn.LayerNorm(C), nn.Linear(C, 3 * C), nn.Linear(C, C)]
        parts += [nn.LayerNorm(C), nn.Linear(C, 4 * C), nn.Linear(4 * C, C)]
    return sum(weight.numel() for part in parts for weight in part.parameters())


COUNT = Exercise(
    number="10.5",
    title="Count a GPT",
    name="count_gpt",
    reference=count_gpt,
    probes=lambda chance: [
        (1, 1, 1, 1),
        (5, 3, 1, 2),
        (7, 4, 2, 2),
        (chance.randrange(50, 90), chance.randrange(8, 30), chance.randrange(2, 6), chance.randrange(3, 20)),
        (1000, 64, 3, 48),  # small enough to be built, and its parameters counted
    ],
    alternatives=[lambda V, T, L, C: (V + T + 2 + L * (12 * C + 13)) * C, count_what_is_built],
    hints=[
        "A Linear from C to D dimensions has C · D weights and D biases. A LayerNorm has 2 · C parameters.",
        "In a block: two norms, qkv (C to 3C), proj (C to C), up (C to 4C), down (4C to C).",
        "Around the blocks: a row for each token, a row for each position, one last norm. The output layer is free.",
    ],
    mistakes=[
        Mistake(
            "You count the output weights, but they are the token embedding's: tied weights count once",
            "embeddings = (vocab_size + context_length) * n_embd",
            "embeddings = (2 * vocab_size + context_length) * n_embd",
        ),
        Mistake(
            "The positions are missing: a vector for each of context_length positions",
            "(vocab_size + context_length) * n_embd",
            "vocab_size * n_embd",
        ),
        Mistake(
            "The last norm is missing, the one after all blocks",
            "(norm + attention + norm + mlp) + norm",
            "(norm + attention + norm + mlp)",
        ),
        Mistake(
            "A block has two norms, one before each half", "(norm + attention + norm + mlp)", "(norm + attention + mlp)"
        ),
        Mistake("A LayerNorm learns a weight and a bias: 2 · C parameters", "norm = 2 * n_embd", "norm = n_embd"),
        Mistake(
            "The biases of attention are missing: 3C of qkv, C of proj",
            "n_embd * 3 * n_embd + 3 * n_embd + n_embd * n_embd + n_embd",
            "n_embd * 3 * n_embd + n_embd * n_embd",
        ),
        Mistake(
            "The biases of the MLP are missing: 4C of up, C of down",
            "n_embd * 4 * n_embd + 4 * n_embd + 4 * n_embd * n_embd + n_embd",
            "n_embd * 4 * n_embd + 4 * n_embd * n_embd",
        ),
        Mistake("The output projection of attention is missing", " + n_embd * n_embd + n_embd\n    mlp", "\n    mlp"),
        Mistake("The MLP goes down again too: 4C to C", " + 4 * n_embd * n_embd + n_embd\n    return", "\n    return"),
        Mistake("There are n_layer blocks: multiply", "n_layer * (norm", "(norm"),
        Mistake(
            "You left out the biases. In GPT-2 every layer but the output has them",
            answer=lambda V, T, L, C: (V + T + 2 + L * (12 * C + 4)) * C,
        ),
        Mistake(
            "Positions and the last norm belong to the model, not to each block",
            answer=lambda V, T, L, C: V * C + L * (12 * C * C + 15 * C + T * C),
        ),
    ],
)


# --- 10.6 ---


def forward_flops(vocab_size: int, n_layer: int, n_embd: int, T: int) -> int:
    """Return the multiplications and additions of one forward pass over T tokens, counting matrix products only."""
    per_block = 12 * n_embd**2 + 2 * T * n_embd
    per_token = n_layer * per_block + vocab_size * n_embd
    return 2 * T * per_token


FLOPS = Exercise(
    number="10.6",
    title="The work of one forward pass",
    name="forward_flops",
    reference=forward_flops,
    probes=lambda chance: [
        (1, 1, 1, 1),
        (3, 1, 2, 2),
        (5, 2, 2, 3),
        (chance.randrange(20, 60), chance.randrange(2, 5), chance.randrange(3, 9), chance.randrange(4, 30)),
        (50_257, 12, 768, 1024),
    ],
    alternatives=[
        lambda V, L, C, T: 24 * T * L * C * C + 4 * L * T * T * C + 2 * T * V * C,
        lambda V, L, C, T: T * (2 * (12 * L * C * C + V * C) + 4 * L * T * C),
    ],
    hints=[
        "A product of (n, k) with (k, m) takes n · k · m multiplications and as many additions.",
        "Each token meets every weight of a matrix once: 12 · C² in a block, V · C in the output layer.",
        "Attention has two more products without weights: queries with T keys, weights with T values. "
        "Each is T · C multiplications for a token.",
    ],
    mistakes=[
        Mistake("Count the additions too: two operations for each weight", "return 2 * T", "return T"),
        Mistake(
            "The output layer is missing: a dot product with each token of the vocabulary",
            " + vocab_size * n_embd",
            "",
        ),
        Mistake(
            "Attention's own products are missing: queries with keys, weights with values",
            " + 2 * T * n_embd",
            "",
        ),
        Mistake(
            "That's half of attention's own work. It has two products, queries with keys and weights with values, and "
            "each adds as often as it multiplies",
            " + 2 * T * n_embd",
            " + T * n_embd",
        ),
        Mistake("That's the work for one token. There are T of them", "return 2 * T *", "return 2 *"),
        Mistake(
            "A block has 12 · C² weights: 3 for qkv, 1 for proj, 8 for the MLP",
            "12 * n_embd**2",
            "4 * n_embd**2",
        ),
        Mistake("That's the MLP only: qkv and proj have 4 · C² more", "12 * n_embd**2", "8 * n_embd**2"),
        Mistake(
            "A forward pass is 2 operations for each weight. 6 is forward and backward together",
            "return 2 * T",
            "return 6 * T",
        ),
        Mistake(
            "Looking up an embedding multiplies nothing. The token table multiplies once, as the output layer",
            " + vocab_size * n_embd",
            " + 2 * vocab_size * n_embd",
        ),
        Mistake(
            "There's only one output layer, after all blocks",
            "n_layer * per_block + vocab_size * n_embd",
            "n_layer * (per_block + vocab_size * n_embd)",
        ),
    ],
)

EXERCISES = [KNOWN, BRANCH, LAYER_NORM, RUN, COUNT, FLOPS]
