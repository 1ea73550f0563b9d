"""Exercises of notebook 17: RMSNorm, SwiGLU, shared heads, QK-norm and rotation, a window's reach, chosen experts."""

import math
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises.engine.exercise import Exercise, Mistake, Probe
from course_utils.exercises.engine.probes import numbers
from course_utils.llama import share
from course_utils.positions import rotate

# --- 17.1 ---


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Scale each vector of x (B, T, C) to a mean square of 1, then by weight (C,)."""
    mean_square = x.square().mean(-1, keepdim=True)
    return x / torch.sqrt(mean_square + eps) * weight


def rms_norm_from_lengths(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """The same from the vectors' lengths."""
    length = x.norm(dim=-1, keepdim=True)
    return x * weight * (length**2 / x.shape[-1] + eps) ** -0.5


RMS_NORM = Exercise(
    number="17.1",
    title="RMSNorm",
    name="rms_norm",
    reference=rms_norm,
    probes=lambda chance: [
        (torch.tensor([[[1.0, 7.0]]]), torch.tensor([1.0, 2.0]), 0.25),
        (torch.tensor([[[1.0, 3.0], [4.0, 2.0]]]), torch.tensor([1.0, 3.0]), 0.5),
        *(
            (numbers(chance, B, T, C), numbers(chance, C, low=0.5), eps)
            for B, T, C, eps in ((1, 3, 4, 0.3), (2, 3, 4, 0.2), (3, 3, 3, 0.1), (2, 2, 2, 0.4))
        ),
    ],
    alternatives=[rms_norm_from_lengths, lambda x, weight, eps: F.rms_norm(x, weight.shape, weight, eps)],
    hints=[
        "Root mean square, read from the right: square x, take the mean of each vector, take the root.",
        "x.square().mean(-1, keepdim=True) is the mean square. eps is added to it, inside the root. The weight comes "
        "last.",
    ],
    mistakes=[
        Mistake(
            "You subtract the mean. That's LayerNorm, and leaving this out is the point of RMSNorm",
            "mean_square = x.square()",
            "x = x - x.mean(-1, keepdim=True)\n    mean_square = x.square()",
        ),
        Mistake(
            "You normalise over the tokens, so that a later one changes an earlier one. Each vector by itself: dim -1",
            "mean(-1,",
            "mean(1,",
        ),
        Mistake(
            "One size for all vectors. Each has its own: dim -1, keepdim=True",
            "mean(-1, keepdim=True)",
            "mean()",
        ),
        Mistake(
            "You divide by the vector's length, so the sum of squares becomes 1. It's their mean that becomes 1",
            "mean(-1,",
            "sum(-1,",
        ),
        Mistake("You divide by the mean square. Take its root", "torch.sqrt(mean_square + eps)", "(mean_square + eps)"),
        Mistake(
            "eps is added to the mean square, inside the root",
            "torch.sqrt(mean_square + eps)",
            "(torch.sqrt(mean_square) + eps)",
        ),
        Mistake("eps is missing: a vector of zeros would be divided by 0", "(mean_square + eps)", "(mean_square)"),
        Mistake("The learned weight is missing", " * weight", ""),
        Mistake(
            "You scale x before you normalise, and the norm undoes part of it. The weight comes last",
            "mean_square = x.square()",
            "x = x * weight\n    weight = 1.0\n    mean_square = x.square()",
        ),
    ],
)

# --- 17.2 ---


def swiglu(x: Tensor, W_gate: Tensor, W_up: Tensor, W_down: Tensor) -> Tensor:
    """Return an MLP whose hidden numbers pass a gate: x (T, C), twice (C, H), (H, C), to (T, C)."""
    gate, up = x @ W_gate, x @ W_up
    hidden = F.silu(gate) * up
    return hidden @ W_down


def swiglu_by_sigmoid(x: Tensor, W_gate: Tensor, W_up: Tensor, W_down: Tensor) -> Tensor:
    """The same with SiLU written out, one token after the other."""
    rows = []
    for vector in x:
        gate = vector @ W_gate
        rows.append((gate / (1 + torch.exp(-gate)) * (vector @ W_up)) @ W_down)
    return torch.stack(rows)


SWIGLU = Exercise(
    number="17.2",
    title="An MLP with a gate",
    name="swiglu",
    reference=swiglu,
    probes=lambda chance: [
        (torch.tensor([[1.0]]), torch.tensor([[2.0]]), torch.tensor([[3.0]]), torch.tensor([[1.0]])),
        *(
            (numbers(chance, T, C), numbers(chance, C, H), numbers(chance, C, H), numbers(chance, H, C))
            for T, C, H in ((1, 2, 3), (2, 3, 3), (3, 3, 4), (4, 2, 5), (3, 4, 4))
        ),
    ],
    alternatives=[swiglu_by_sigmoid],
    hints=[
        "Two products with x: the gate and what goes up. Only the gate is bent: F.silu(x @ W_gate).",
        "hidden = F.silu(x @ W_gate) * (x @ W_up), number by number; then @ W_down brings it back to C.",
    ],
    mistakes=[
        Mistake(
            "Gate and value are exchanged: you bend what goes up. SiLU belongs to the gate alone",
            "F.silu(gate) * up",
            "gate * F.silu(up)",
        ),
        Mistake(
            "You bend the product. Only the gate is bent, and then multiplies what goes up",
            "F.silu(gate) * up",
            "F.silu(gate * up)",
        ),
        Mistake(
            "Both are bent. What the gate lets through stays as it is",
            "F.silu(gate) * up",
            "F.silu(gate) * F.silu(up)",
        ),
        Mistake(
            "That's the first gate, GLU (Dauphin et al. 2016), with a sigmoid. SwiGLU has SiLU: x times its sigmoid",
            "F.silu(gate)",
            "torch.sigmoid(gate)",
        ),
        Mistake("That's GEGLU, its twin with GELU. SwiGLU has SiLU", "F.silu(gate)", "F.gelu(gate)"),
        Mistake("That's ReGLU, with ReLU. SwiGLU has SiLU", "F.silu(gate)", "F.relu(gate)"),
        Mistake(
            "Nothing is bent: a product of two linear layers, with no gate that could close. Put F.silu on the gate",
            "F.silu(gate)",
            "gate",
        ),
        Mistake(
            "You add the two. A gate multiplies: where it's near 0, nothing passes",
            "F.silu(gate) * up",
            "F.silu(gate) + up",
        ),
        Mistake(
            "There's no gate: that's an MLP with SiLU. Multiply by what W_gate makes of x",
            "F.silu(gate) * up",
            "F.silu(up)",
        ),
    ],
)

# --- 17.3 ---

CACHE = Exercise(
    number="17.3",
    title="How large is the cache?",
    name="size",
    reference=131_072,
    hints=[
        "How many numbers does one token leave in one layer? A key and a value for each head that has them.",
        "Layers, times 2 for keys and values, times heads, times numbers in a head, times tokens, times bytes.",
    ],
    mistakes=[
        Mistake("You count four heads. Queries aren't kept, and only two heads have keys and values", answer=262_144),
        Mistake("That's how many numbers there are. In float32 each takes 4 bytes", answer=32_768),
        Mistake(
            "That's half: keys without values, or one layer of the two. Both are kept, in each layer", answer=65_536
        ),
        Mistake("That's what a single token leaves. There's room for 128", answer=1024),
    ],
)

# --- 17.4 ---


def share_by_counting(k: Tensor, n_head: int) -> Tensor:
    """The same, one query's head after the other."""
    group = n_head // k.shape[1]
    return torch.stack([k[:, head // group] for head in range(n_head)], dim=1)


SHARE = Exercise(
    number="17.4",
    title="Keys for all queries",
    name="share_heads",
    reference=share,
    probes=lambda chance: [
        (torch.tensor([1.0, 2.0]).view(1, 2, 1, 1), 4),
        *(
            (numbers(chance, B, few, S, D), few * times)
            for B, few, S, D, times in ((1, 2, 2, 1, 3), (2, 3, 2, 2, 2), (1, 3, 3, 2, 3), (2, 2, 4, 3, 2))
        ),
        (numbers(chance, 1, 3, 2, 2), 3),
        (numbers(chance, 2, 1, 3, 2), 4),
    ],
    alternatives=[share_by_counting, lambda x, n_head: x[:, torch.arange(n_head) * x.shape[1] // n_head]],
    hints=[
        "Four queries and the keys a, b: queries 0 and 1 share a, queries 2 and 3 share b. So a, a, b, b.",
        "Each head is repeated n_head // x.shape[1] times, next to itself: repeat_interleave along dimension 1.",
    ],
    mistakes=[
        Mistake(
            "The heads come in the wrong order: a, b, a, b. Neighbours share, a, a, b, b, and trained weights count on "
            "it",
            "x.repeat_interleave(times, dim=1)",
            "x.repeat(1, times, 1, 1)",
        ),
        Mistake(
            "You repeat the tokens. It's the heads that are too few: dimension 1",
            "dim=1)",
            "dim=2)",
        ),
        Mistake(
            "You repeat each head n_head times. Together they should be n_head",
            "times = n_head // x.shape[1]",
            "times = n_head",
        ),
        Mistake(
            "All queries get the first key. That's multi-query attention: here each group has its own",
            "x.repeat_interleave(times, dim=1)",
            "x[:, :1].repeat_interleave(n_head, dim=1)",
        ),
    ],
)

# --- 17.5 ---


def prepare(
    q: Tensor, k: Tensor, v: Tensor, q_weight: Tensor, k_weight: Tensor, cos: Tensor, sin: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return queries, keys and values (H, T, D) as attention takes them: normalised, rotated, left alone."""
    q = F.rms_norm(q, q_weight.shape, q_weight, 1e-6)
    k = F.rms_norm(k, k_weight.shape, k_weight, 1e-6)
    return rotate(q, cos, sin), rotate(k, cos, sin), v


def prepare_by_heads(q: Tensor, k: Tensor, v: Tensor, *rest: Tensor) -> list[Tensor]:
    """The same, head by head."""
    q_weight, k_weight, cos, sin = rest
    both = []
    for x, weight in ((q, q_weight), (k, k_weight)):
        heads = [one / (one.square().mean(1, keepdim=True) + 1e-6).sqrt() * weight for one in x]
        both.append(torch.stack([rotate(one, cos, sin) for one in heads]))
    return [*both, v]


def over_all_heads(q: Tensor, k: Tensor, v: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What comes of one size for all of a token's heads."""
    q_weight, k_weight, cos, sin = rest
    q, k = (x / (x.square().mean((0, 2), keepdim=True) + 1e-6).sqrt() for x in (q, k))
    return rotate(q * q_weight, cos, sin), rotate(k * k_weight, cos, sin), v


def heads_at_positions(chance: Random) -> list[Probe]:
    """Queries, keys, values, weights that differ within a pair, and angles; the first is one head of two numbers."""
    quarter = torch.tensor([[math.pi / 2]])
    one = torch.tensor([[[3.0, 4.0]]]), torch.tensor([[[1.0, 7.0]]]), torch.tensor([[[5.0, 6.0]]])
    probes: list[Probe] = [(*one, torch.tensor([1.0, 2.0]), torch.tensor([3.0, 1.0]), quarter.cos(), quarter.sin())]
    for H, T, D in ((2, 2, 2), (1, 3, 4), (2, 3, 4), (3, 2, 4), (2, 4, 2)):
        angles = numbers(chance, T, D // 2, low=0.5, high=2.5)
        heads = [numbers(chance, H, T, D, low=-2.0) for _ in range(3)]
        probes.append((*heads, numbers(chance, D, low=0.5), numbers(chance, D, low=0.5), angles.cos(), angles.sin()))
    return probes


PREPARE = Exercise(
    number="17.5",
    title="Normalise, then rotate",
    name="prepare",
    reference=prepare,
    probes=heads_at_positions,
    alternatives=[prepare_by_heads],
    hints=[
        "Three lines: normalise q, normalise k, rotate both. Nothing happens to v.",
        "F.rms_norm(q, q_weight.shape, q_weight, 1e-6) works on each head's vector. Then rotate(q, cos, sin).",
    ],
    mistakes=[
        Mistake(
            "The norm comes after the rotation. Its weights would scale numbers that the rotation has mixed, by an "
            "amount that depends on the position. Normalise first",
            answer=lambda q, k, v, q_weight, k_weight, cos, sin: (
                F.rms_norm(rotate(q, cos, sin), q_weight.shape, q_weight, 1e-6),
                F.rms_norm(rotate(k, cos, sin), k_weight.shape, k_weight, 1e-6),
                v,
            ),
        ),
        Mistake(
            "You rotate the values too. Scores need positions; what a token says is the same wherever it stands",
            "rotate(k, cos, sin), v",
            "rotate(k, cos, sin), rotate(v, cos, sin)",
        ),
        Mistake(
            "You normalise the values too. They take no part in the scores, and their size may say something",
            "rotate(k, cos, sin), v",
            "rotate(k, cos, sin), F.rms_norm(v, v.shape[-1:], None, 1e-6)",
        ),
        Mistake(
            "The queries aren't normalised, so the scores can still grow without end",
            "q = F.rms_norm(q, q_weight.shape, q_weight, 1e-6)",
            "q = q",
        ),
        Mistake(
            "The keys aren't normalised, so the scores can still grow without end",
            "k = F.rms_norm(k, k_weight.shape, k_weight, 1e-6)",
            "k = k",
        ),
        Mistake(
            "Only the queries are rotated. The scores depend on the distance only if both are",
            "rotate(k, cos, sin)",
            "k",
        ),
        Mistake(
            "One size for all of a token's heads. Each head's vector is normalised by itself, over D",
            answer=over_all_heads,
        ),
        Mistake(
            "Queries and keys have exchanged their weights",
            answer=lambda q, k, v, q_weight, k_weight, cos, sin: prepare(q, k, v, k_weight, q_weight, cos, sin),
        ),
        Mistake(
            "The learned weights are missing: each query and key has the same size for ever",
            answer=lambda q, k, v, q_weight, k_weight, cos, sin: prepare(
                q, k, v, torch.ones_like(q_weight), torch.ones_like(k_weight), cos, sin
            ),
        ),
    ],
)

# --- 17.6 ---

REACH = Exercise(
    number="17.6",
    title="How far back?",
    name="reach",
    reference=12,
    hints=[
        "In the last layer the token sees 3 earlier ones. What have those seen in the layer below?",
        "Each layer adds as many tokens as a window has besides the token itself.",
    ],
    mistakes=[
        Mistake("That's one layer. The tokens it sees there have looked back themselves, one layer below", answer=3),
        Mistake("A window of 4 holds the token itself, and that's one layer only", answer=4),
        Mistake("A window of 4 holds the token itself: a layer reaches 3 tokens further back, not 4", answer=16),
        Mistake("That's with the token itself. How many *before* it?", answer=13),
        Mistake("Layers don't multiply each other's reach. Each adds its own", answer=81),
    ],
)

# --- 17.7 ---


def choose_experts(scores: Tensor, n_active: int) -> tuple[Tensor, Tensor]:
    """Return the weights and the numbers of each token's experts, best first: (N, n_expert) to twice (N, n_active)."""
    best, chosen = scores.topk(n_active, dim=-1)
    return torch.softmax(best, dim=-1), chosen


def choose_and_renormalise(scores: Tensor, n_active: int) -> tuple[Tensor, Tensor]:
    """The same the other way round: probabilities of all, the best of them, divided by their sum."""
    order = scores.argsort(dim=-1, descending=True)[:, :n_active]
    weights = scores.softmax(-1).gather(1, order)
    return weights / weights.sum(-1, keepdim=True), order


EXPERTS = Exercise(
    number="17.7",
    title="Choose the experts",
    name="choose_experts",
    reference=choose_experts,
    probes=lambda chance: [
        (torch.tensor([[1.0, 3.0, 2.0]]), 2),
        *(
            (numbers(chance, N, experts, low=-2.0), active)
            for N, experts, active in ((2, 4, 2), (3, 5, 3), (4, 6, 2), (3, 4, 3), (5, 8, 2))
        ),
        (numbers(chance, 3, 4), 1),
        (numbers(chance, 2, 3), 3),
    ],
    alternatives=[choose_and_renormalise],
    hints=[
        "scores.topk(n_active) returns two tensors: the best scores of each row, best first, and where they stand.",
        "Softmax over the chosen scores alone makes weights that add up to 1.",
    ],
    mistakes=[
        Mistake(
            "The weights aren't renormalised: you took the softmax over all experts, so those chosen add up to less "
            "than 1, and the layer's output shrinks",
            "return torch.softmax(best, dim=-1), chosen",
            "return torch.softmax(scores, dim=-1).gather(1, chosen), chosen",
        ),
        Mistake(
            "Each column sums to 1: the tokens share out each place. A token's own experts should: softmax along the "
            "last dimension",
            "torch.softmax(best, dim=-1)",
            "torch.softmax(best, dim=0)",
        ),
        Mistake(
            "The chosen experts get equal weights. Then the router has no gradient and never learns",
            "torch.softmax(best, dim=-1)",
            "torch.ones_like(best) / n_active",
        ),
        Mistake(
            "Those are the scores themselves. Make weights of them, with softmax",
            "torch.softmax(best, dim=-1)",
            "best",
        ),
        Mistake(
            "You chose the worst. The experts with the highest scores are asked",
            "scores.topk(n_active, dim=-1)",
            "scores.topk(n_active, dim=-1, largest=False)",
        ),
        Mistake(
            "You divide the scores by their sum. They may be negative, and then so are the weights: softmax",
            "torch.softmax(best, dim=-1)",
            "best / best.sum(-1, keepdim=True)",
        ),
        Mistake(
            "You chose the same experts for all tokens, by their sum. Each token has its own",
            "best, chosen = scores.topk(n_active, dim=-1)",
            "chosen = scores.sum(0).topk(n_active)[1].expand(len(scores), -1)\n    best = scores.gather(1, chosen)",
        ),
    ],
)

EXERCISES = [RMS_NORM, SWIGLU, CACHE, SHARE, PREPARE, REACH, EXPERTS]
