"""Exercises of notebook 09: weights into one, shapes, split and join heads, what heads cost, the class."""

import math
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import attention
from course_utils.common import require
from course_utils.exercises.engine.exercise import Exercise, Mistake, Probe, define, source_of
from course_utils.exercises.engine.probes import numbers
from course_utils.exercises.engine.showing import typed


def labelled(*shape: int) -> Tensor:
    """Numbers that say where they stand: 123 is at place 1 of a dimension, 2 of the next, 3 of the last."""
    places = [torch.arange(size).view(size, *[1] * (len(shape) - 1 - i)) for i, size in enumerate(shape)]
    return sum(place * 10 ** (len(shape) - 1 - i) for i, place in enumerate(places)).float()


# --- 09.1 ---


def pack(queries: list[Tensor], keys: list[Tensor], values: list[Tensor]) -> Tensor:
    """Return one weight (3C, C) from those of the heads, each (D, C): all queries, then all keys, then all values."""
    return torch.cat([*queries, *keys, *values])


def pack_in_two_steps(queries: list[Tensor], keys: list[Tensor], values: list[Tensor]) -> Tensor:
    """The same: first each kind by itself."""
    return torch.cat([torch.cat(kind, dim=0) for kind in (queries, keys, values)], dim=0)


def weights_of_heads(chance: Random) -> list[Probe]:
    """For a few numbers of heads and sizes, the weights of their queries, keys and values."""
    first = tuple([torch.tensor([[n + 11.0, n + 12.0]]), torch.tensor([[n + 21.0, n + 22.0]])] for n in (0, 100, 200))
    sizes = [(2, 1), (2, 2), (3, 1), (3, 2), (4, 2)]
    return [first] + [tuple([numbers(chance, D, H * D) for _ in range(H)] for _ in range(3)) for H, D in sizes]


PACK = Exercise(
    number="09.1",
    title="The weights of all heads in one",
    name="pack",
    reference=pack,
    probes=weights_of_heads,
    alternatives=[pack_in_two_steps, lambda queries, keys, values: torch.vstack(queries + keys + values)],
    hints=[
        "Each row of a weight makes one number of the result. Which rows must come first?",
        "All heads' queries, in their order; then all keys; then all values. torch.cat puts rows beneath each other.",
    ],
    mistakes=[
        Mistake(
            "You go head by head: query, key, value. All queries come first, then all keys, then all values",
            "[*queries, *keys, *values]",
            "[part for head in zip(queries, keys, values) for part in head]",
        ),
        Mistake(
            "You put the weights beside each other. Each head adds rows: put them beneath each other, along dim=0",
            "[*queries, *keys, *values]",
            "[*queries, *keys, *values], dim=1",
        ),
        Mistake(
            "Keys and values are swapped: queries, keys, values is the order",
            "[*queries, *keys, *values]",
            "[*queries, *values, *keys]",
        ),
        Mistake(
            "Queries and keys are swapped: queries, keys, values is the order",
            "[*queries, *keys, *values]",
            "[*keys, *queries, *values]",
        ),
        Mistake(
            "The heads come in the wrong order: the first head's rows come first",
            "[*queries, *keys, *values]",
            "[*queries[::-1], *keys[::-1], *values[::-1]]",
        ),
        Mistake(
            "stack makes a new dimension. The result is one matrix: cat puts rows beneath rows",
            "torch.cat",
            "torch.stack",
        ),
        Mistake(
            "The result is transposed: nn.Linear keeps a row for each number that it makes, so do not transpose",
            "[*queries, *keys, *values])",
            "[*queries, *keys, *values]).T",
        ),
        Mistake(
            "The heads' rows alternate: first rows of all heads, then second ones. A head's rows stay together",
            answer=lambda *kinds: torch.cat([torch.stack(kind, 1).flatten(0, 1) for kind in kinds]),
        ),
        Mistake(
            "You have one matrix of queries, one of keys and one of values, and stack piles them up, (3, C, C). The "
            "result is one matrix: put the three beneath each other with cat",
            answer=lambda *kinds: torch.stack([torch.cat(kind) for kind in kinds]),
        ),
    ],
)


# --- 09.2 ---

SHAPES = Exercise(
    number="09.2",
    title="The shape of each step",
    name="shapes",
    reference=((2, 6, 24), (2, 4, 6, 2), (2, 4, 6, 6), (2, 4, 6, 2), (2, 6, 8)),
    hints=[
        "B = 2, T = 6, C = 8, H = 4. A head's vectors have C / H numbers.",
        "One projection makes queries, keys and values at once: three times C numbers for each token.",
        "Each head has its own table of scores, and each row of it makes one vector of C / H numbers.",
    ],
    mistakes=[
        Mistake(
            "The projection makes queries, keys and values in one go: three times 8 numbers for each token",
            answer=((2, 6, 8), (2, 4, 6, 2), (2, 4, 6, 6), (2, 4, 6, 2), (2, 6, 8)),
        ),
        Mistake(
            "Each head gets a part of the vector, 8 / 4 numbers, not the whole of it",
            answer=((2, 6, 24), (2, 4, 6, 8), (2, 4, 6, 6), (2, 4, 6, 8), (2, 6, 8)),
        ),
        Mistake(
            "The number of heads and their size are swapped: 4 heads of 2 numbers",
            answer=((2, 6, 24), (2, 2, 6, 4), (2, 2, 6, 6), (2, 2, 6, 4), (2, 6, 8)),
        ),
        Mistake(
            "The heads come before the tokens, (B, H, T, D): the last two dimensions are what a matrix product takes",
            answer=((2, 6, 24), (2, 6, 4, 2), (2, 4, 6, 6), (2, 6, 4, 2), (2, 6, 8)),
        ),
        Mistake(
            "With the heads after the tokens, each token would compare its own heads, 4 by 4, and see no other token. "
            "The heads come before the tokens, (B, H, T, D)",
            answer=((2, 6, 24), (2, 6, 4, 2), (2, 6, 4, 4), (2, 6, 4, 2), (2, 6, 8)),
        ),
        Mistake(
            "These are the shapes of one text. There is a batch of B = 2: each shape begins with it",
            answer=((6, 24), (4, 6, 2), (4, 6, 6), (4, 6, 2), (6, 8)),
        ),
        Mistake(
            "Each head has an attention pattern of its own: 4 tables of scores for each text",
            answer=((2, 6, 24), (2, 4, 6, 2), (2, 6, 6), (2, 4, 6, 2), (2, 6, 8)),
        ),
        Mistake(
            "Scores compare tokens with tokens: 6 by 6 in each head",
            answer=((2, 6, 24), (2, 4, 6, 2), (2, 4, 6, 2), (2, 4, 6, 2), (2, 6, 8)),
        ),
        Mistake(
            "Joined, the 4 heads of 2 numbers make 8 again: what comes out has the shape of what went in",
            answer=((2, 6, 24), (2, 4, 6, 2), (2, 4, 6, 6), (2, 4, 6, 2), (2, 6, 24)),
        ),
        Mistake(
            "The joined heads are one vector for each token: the heads are no dimension any more",
            answer=((2, 6, 24), (2, 4, 6, 2), (2, 4, 6, 6), (2, 4, 6, 2), (2, 6, 4, 2)),
        ),
        Mistake(
            "You cut all 24 numbers into 4 heads. They are three kinds of 8 first; each kind is cut into 4 heads of 2",
            answer=((2, 6, 24), (2, 4, 6, 6), (2, 4, 6, 6), (2, 4, 6, 6), (2, 6, 24)),
        ),
    ],
)


# --- 09.3 ---


def split_heads(x: Tensor, n_head: int) -> Tensor:
    """Cut each vector of x (B, T, C) into equal shares, one for each head: (B, H, T, D)."""
    B, T, C = x.shape
    return x.view(B, T, n_head, C // n_head).transpose(1, 2)


SPLIT_HEADS = Exercise(
    number="09.3",
    title="Split into heads",
    name="split_heads",
    reference=split_heads,
    probes=lambda chance: [
        (labelled(1, 2, 4), 2),
        (labelled(1, 3, 4), 2),
        (labelled(2, 3, 6), 2),
        (labelled(2, 4, 6), 3),
        (numbers(chance, 3, 2, 8), 4),
    ],
    alternatives=[
        lambda x, n_head: torch.stack(x.chunk(n_head, dim=-1), dim=1),
        lambda x, n_head: x.unflatten(-1, (n_head, -1)).transpose(1, 2),
    ],
    hints=[
        "First cut the last dimension in two: C numbers become H pieces of D numbers. The tokens stay where they are.",
        "x.view(B, T, n_head, C // n_head) cuts. Now the heads come after the tokens.",
        ".transpose(1, 2) swaps tokens and heads.",
    ],
    mistakes=[
        Mistake(
            "view straight to (B, H, T, D) mixes tokens: it deals the numbers out in the order of the memory, so the "
            "first head gets all of the first tokens. Cut the last dimension with view, then swap tokens and heads "
            "with transpose",
            "x.view(B, T, n_head, C // n_head).transpose(1, 2)",
            "x.view(B, n_head, T, C // n_head)",
        ),
        Mistake(
            "The vectors are cut. Now the heads must come before the tokens: transpose(1, 2)",
            ".transpose(1, 2)",
            "",
        ),
        Mistake(
            "The number of heads and their size are swapped: n_head pieces of C // n_head numbers each",
            "n_head, C // n_head).t",
            "C // n_head, n_head).t",
        ),
        Mistake(
            "Each head takes every H-th number. It takes neighbours: view(B, T, n_head, C // n_head)",
            "x.view(B, T, n_head, C // n_head).transpose(1, 2)",
            "x.view(B, T, C // n_head, n_head).permute(0, 3, 1, 2)",
        ),
        Mistake(
            "The heads come before the texts: the batch stays first, (B, H, T, D)",
            ".transpose(1, 2)",
            ".permute(2, 0, 1, 3)",
        ),
        Mistake(
            "You swap texts and tokens. With the batch in front, tokens and heads are dimensions 1 and 2: "
            "transpose(1, 2)",
            ".transpose(1, 2)",
            ".transpose(0, 1)",
        ),
        Mistake(
            "You swap heads and their numbers. Swap tokens and heads: transpose(1, 2)",
            ".transpose(1, 2)",
            ".transpose(2, 3)",
        ),
        Mistake(
            "Each head gets the whole vector. It gets its part of it: C // n_head numbers",
            "x.view(B, T, n_head, C // n_head).transpose(1, 2)",
            "x.view(B, 1, T, C).expand(B, n_head, T, C)",
        ),
        Mistake(
            "The last two dimensions are swapped as well: that is what the keys need later, and only they",
            ".transpose(1, 2)",
            ".permute(0, 2, 3, 1)",
        ),
        Mistake(
            "You swap before you cut, so the cut goes through the tokens. Cut with view(B, T, n_head, C // n_head) "
            "first, then transpose(1, 2)",
            "x.view(B, T, n_head, C // n_head).transpose(1, 2)",
            "x.transpose(1, 2).reshape(B, n_head, T, C // n_head)",
        ),
    ],
)


# --- 09.4 ---


def join_heads(heads: Tensor) -> Tensor:
    """Put the shares of all heads (B, H, T, D) side by side again, in the order of the heads: (B, T, C)."""
    B, H, T, D = heads.shape
    return heads.transpose(1, 2).reshape(B, T, H * D)


JOIN_HEADS = Exercise(
    number="09.4",
    title="Join the heads",
    name="join_heads",
    reference=join_heads,
    probes=lambda chance: [
        (labelled(1, 2, 2, 2),),
        (labelled(1, 2, 3, 2),),
        (labelled(2, 2, 3, 3),),
        (labelled(2, 3, 4, 2),),
        (numbers(chance, 3, 4, 2, 2),),
    ],
    alternatives=[
        lambda heads: torch.cat(list(heads.unbind(1)), dim=-1),
        lambda heads: heads.permute(0, 2, 1, 3).flatten(2),
    ],
    hints=[
        "It's split_heads backwards: the same two steps, in reverse order.",
        "transpose(1, 2) brings the tokens before the heads.",
        "Then .reshape(B, T, H * D): view would refuse, since the numbers no longer lie in that order.",
    ],
    mistakes=[
        Mistake(
            "reshape straight to (B, T, C) mixes tokens: bring the tokens before the heads with transpose first",
            "heads.transpose(1, 2).reshape",
            "heads.reshape",
        ),
        Mistake(
            "The heads are joined in the wrong order: number by number in place of head by head. First all of the "
            "first head, then all of the second",
            "heads.transpose(1, 2)",
            "heads.permute(0, 2, 3, 1)",
        ),
        Mistake(
            "The heads are joined in the wrong order: the last one comes first",
            "heads.transpose(1, 2)",
            "heads.flip(1).transpose(1, 2)",
        ),
        Mistake("The heads are added up. They go side by side", "transpose(1, 2).reshape(B, T, H * D)", "sum(1)"),
        Mistake(
            "You take the mean over the heads. They go side by side, so that none is lost",
            "transpose(1, 2).reshape(B, T, H * D)",
            "mean(1)",
        ),
        Mistake(
            "The tokens are back in their place. Now make one vector of all heads: reshape(B, T, H * D)",
            ".reshape(B, T, H * D)",
            "",
        ),
        Mistake(
            "You put the heads one after the other along the tokens. They go side by side in each token's vector",
            "heads.transpose(1, 2).reshape(B, T, H * D)",
            "heads.reshape(B, H * T, D)",
        ),
        Mistake(
            "You swap texts and heads. With the batch in front, heads and tokens are dimensions 1 and 2: "
            "transpose(1, 2)",
            "heads.transpose(1, 2)",
            "heads.transpose(0, 1)",
        ),
        Mistake(
            "You swap tokens and the numbers of a head. Swap heads and tokens: transpose(1, 2)",
            "heads.transpose(1, 2)",
            "heads.transpose(2, 3)",
        ),
    ],
)


# --- 09.5 ---


def count_numbers(n_embd: int, n_head: int, bias: bool) -> int:
    """Return how many numbers multi-head attention learns: those of `qkv` and of `proj`."""
    weights = 4 * n_embd * n_embd
    biases = 4 * n_embd if bias else 0
    return weights + biases


def count_by_layers(n_embd: int, n_head: int, bias: bool) -> int:
    """The same, by making the two layers."""
    layers = nn.Linear(n_embd, 3 * n_embd, bias), nn.Linear(n_embd, n_embd, bias)
    return sum(part.numel() for layer in layers for part in layer.parameters())


COUNT = Exercise(
    number="09.5",
    title="What heads cost",
    name="count_numbers",
    reference=count_numbers,
    probes=lambda chance: [
        (4, 2, False),
        (4, 2, True),
        (4, 1, True),
        (6, 3, False),
        (6, 2, True),
        (chance.randrange(5, 9) * 12, 12, chance.random() < 0.5),
        (768, 12, True),
        (768, 1, True),
    ],
    alternatives=[count_by_layers, lambda n_embd, n_head, bias: 4 * n_embd * (n_embd + bool(bias))],
    hints=[
        "A linear layer from C to D numbers learns C · D weights and, if it has a bias, D numbers more.",
        "qkv goes from C to 3C, proj from C to C.",
        "Does the number of heads come in anywhere?",
    ],
    mistakes=[
        Mistake(
            "The heads share the vector: more heads are smaller heads. Do not multiply by their number",
            "return weights + biases",
            "return (weights + biases) * n_head",
        ),
        Mistake(
            "The output projection is missing: it learns a weight for each pair of numbers, and its own bias",
            "weights = 4 * n_embd * n_embd\n    biases = 4 * n_embd",
            "weights = 3 * n_embd * n_embd\n    biases = 3 * n_embd",
        ),
        Mistake(
            "The biases are missing: with a bias, each number that is made has one", "4 * n_embd if bias else 0", "0"
        ),
        Mistake(
            "qkv makes three times n_embd numbers, proj as many as n_embd: each of them has its bias",
            "biases = 4 * n_embd",
            "biases = 2 * n_embd",
        ),
        Mistake("There are biases only where bias is True", "4 * n_embd if bias else 0", "4 * n_embd"),
        Mistake(
            "You count the biases of qkv and forget those of proj: n_embd more",
            "biases = 4 * n_embd",
            "biases = 3 * n_embd",
        ),
        Mistake(
            "You give each head queries, keys and values as wide as the whole vector. The heads share it: together "
            "they have 3 * n_embd rows, however many they are",
            "weights = 4 * n_embd * n_embd",
            "weights = (3 * n_head + 1) * n_embd * n_embd",
        ),
        Mistake(
            "You count one head. All heads together have as many rows as n_embd",
            "weights = 4 * n_embd * n_embd",
            "weights = 4 * n_embd * (n_embd // n_head)",
        ),
        Mistake(
            "You count one projection of the four: queries, keys, values, and the output's",
            "weights = 4 * n_embd * n_embd\n    biases = 4 * n_embd",
            "weights = n_embd * n_embd\n    biases = n_embd",
        ),
        Mistake(
            "The projection mixes all heads: it goes from n_embd to n_embd numbers, not from one head's size",
            "weights = 4 * n_embd * n_embd",
            "weights = 3 * n_embd * n_embd + n_embd * (n_embd // n_head)",
        ),
    ],
)


# --- 09.6 ---


class MultiHeadAttention(nn.Module):
    """Several causal heads side by side, each on a share of the vector, then mixed. (B, T, C) -> (B, T, C)"""

    def __init__(self, n_embd: int, n_head: int, context_length: int) -> None:
        super().__init__()
        self.n_head = n_head
        self.qkv = nn.Linear(n_embd, 3 * n_embd)
        self.proj = nn.Linear(n_embd, n_embd)
        future = torch.ones(context_length, context_length, dtype=torch.bool).triu(1)
        self.register_buffer("future", future, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.shape
        D = C // self.n_head
        q, k, v = self.qkv(x).view(B, T, 3, self.n_head, D).permute(2, 0, 3, 1, 4)  # (B, H, T, D) each
        scores = q @ k.transpose(-2, -1) / math.sqrt(D)  # (B, H, T, T)
        scores = scores.masked_fill(self.future[:T, :T], float("-inf"))
        weights = torch.softmax(scores, dim=-1)
        heads = weights @ v  # (B, H, T, D)
        return self.proj(heads.transpose(1, 2).reshape(B, T, C))


class FusedAttention(nn.Module):
    """The same with PyTorch's own attention, heads cut and joined piece by piece."""

    def __init__(self, n_embd: int, n_head: int, context_length: int) -> None:
        super().__init__()
        self.n_head = n_head
        self.qkv = nn.Linear(n_embd, 3 * n_embd)
        self.proj = nn.Linear(n_embd, n_embd)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.qkv(x).chunk(3, dim=-1)
        q, k, v = (torch.stack(part.chunk(self.n_head, dim=-1), dim=1) for part in parts)
        heads = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(torch.cat(list(heads.unbind(1)), dim=-1))


class WideHeads(nn.Module):
    """A mistake: each head as wide as the whole vector."""

    def __init__(self, n_embd: int, n_head: int, context_length: int) -> None:
        super().__init__()
        self.n_head = n_head
        self.qkv = nn.Linear(n_embd, 3 * n_head * n_embd)
        self.proj = nn.Linear(n_head * n_embd, n_embd)

    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.n_head, C).permute(2, 0, 3, 1, 4)
        heads = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(heads.transpose(1, 2).reshape(B, T, self.n_head * C))


def fill(layer: nn.Module) -> None:
    """Give each parameter numbers that follow from its name and shape, wide enough that no weight is near even."""
    with torch.no_grad():
        for name, weight in layer.named_parameters():
            generator = torch.Generator().manual_seed(sum(name.encode()))
            weight.copy_(0.7 * torch.randn(weight.shape, generator=generator))


def use_attention(answer: type, n_embd: int, n_head: int, x: Tensor) -> Tensor:
    """Make a layer, fill it with known numbers, and return what it makes of x; its context is longer than x."""
    layer = answer(n_embd, n_head, x.shape[1] + 2)
    is_module = isinstance(layer, nn.Module)
    require(is_module, "the class must be an nn.Module: class MultiHeadAttention(nn.Module), and super().__init__()")
    needs = (
        "call the layer that makes queries, keys and values qkv, and the one at the end proj: they get known numbers"
    )
    require(hasattr(layer, "qkv"), f"there is no self.qkv; {needs}")
    # With qkv alone the last layer was left out, not called otherwise: a mistake below says that.
    only_qkv = all(name.startswith("qkv.") for name, _ in layer.named_parameters())
    named = hasattr(layer, "proj") or only_qkv
    require(named, "the layer at the end must be called proj: it gets known numbers by that name")
    loose = [name for name, _ in layer.named_parameters() if "." not in name]
    require(not loose, f"self.{''.join(loose[:1])} is an nn.Parameter and would be learned: keep a mask as a buffer")
    fill(layer)
    return layer.eval()(x)


def texts_to_attend(chance: Random) -> list[Probe]:
    """Vectors of small batches; heads of several numbers and sizes; texts shorter and longer than a vector is wide."""
    sizes = [(1, 2, 4, 2), (2, 3, 4, 2), (2, 4, 6, 3), (1, 5, 8, 2), (1, 6, 4, 2)]
    return [(C, H, numbers(chance, B, T, C)) for B, T, C, H in sizes]


SPLIT = "self.qkv(x).view(B, T, 3, self.n_head, D).permute(2, 0, 3, 1, 4)"
VIEWED = "(part.reshape(B, self.n_head, T, D) for part in self.qkv(x).chunk(3, dim=-1))"
MASKED = 'scores = scores.masked_fill(self.future[:T, :T], float("-inf"))'
JOINED = "heads.transpose(1, 2).reshape(B, T, C)"


def without_any_transpose() -> type:
    """A mistake made twice: heads cut by view alone, and joined so again."""
    source = source_of(MultiHeadAttention).replace(SPLIT, VIEWED).replace(JOINED, "heads.reshape(B, T, C)")
    return define(source, MultiHeadAttention)


ATTENTION = Exercise(
    number="09.6",
    title="Multi-head attention, from an empty cell",
    name="MultiHeadAttention",
    reference=MultiHeadAttention,
    probes=texts_to_attend,
    use=use_attention,
    shown=lambda n_embd, n_head, x: f"MultiHeadAttention({n_embd}, {n_head}, {x.shape[1] + 2})({typed(x)})",
    alternatives=[FusedAttention, attention.MultiHeadAttention],
    hints=[
        "__init__ keeps n_head, makes the layers qkv (C to 3C) and proj (C to C), and registers the mask as a buffer.",
        "forward: B, T, C = x.shape, then self.qkv(x), (B, T, 3C). Cut it with view(B, T, 3, H, D).",
        "permute(2, 0, 3, 1, 4) brings the three kinds to the front and the heads before the tokens: q, k, v.",
        "Scores q @ k.transpose(-2, -1) / √D; the future masked with -inf, by the mask's first T rows and columns, "
        "[:T, :T], since a text may be shorter than context_length; softmax along dim=-1; weights @ v.",
        "Join with transpose(1, 2).reshape(B, T, C), and return self.proj of it.",
    ],
    mistakes=[
        Mistake(
            "view straight to (B, H, T, D) mixes tokens. Cut each vector first, (B, T, H, D), then swap tokens and "
            "heads with transpose(1, 2)",
            SPLIT,
            VIEWED,
        ),
        Mistake(
            "The heads are joined without transpose: bring the tokens before the heads, then reshape to (B, T, C)",
            JOINED,
            "heads.reshape(B, T, C)",
        ),
        Mistake(
            "There is no transpose on the way in and none on the way out: each head sees pieces of a few tokens only. "
            "Cut with view(B, T, H, D) and transpose(1, 2); join with transpose(1, 2) and reshape(B, T, C)",
            answer=without_any_transpose(),
        ),
        Mistake(
            "The heads are concatenated in the wrong order, number by number: first all of the first head, then all of "
            "the second",
            JOINED,
            "heads.permute(0, 2, 3, 1).reshape(B, T, C)",
        ),
        Mistake(
            "The output projection is missing: without it the heads never meet. Return self.proj of the joined heads",
            f"self.proj({JOINED})",
            JOINED,
        ),
        Mistake(
            "You scale by the embedding size. A score is a sum of D products, one head's size: divide by √D",
            "math.sqrt(D)",
            "math.sqrt(C)",
        ),
        Mistake("The scores are not scaled: divide by √D, D the size of one head", " / math.sqrt(D)", ""),
        Mistake("You divide by D: divide by its square root", "math.sqrt(D)", "D"),
        Mistake(
            "You divide by √D after softmax, so the weights no longer sum to 1. Divide the scores, before softmax",
            f" / math.sqrt(D)  # (B, H, T, T)\n        {MASKED}\n        weights = torch.softmax(scores, dim=-1)",
            f"\n        {MASKED}\n        weights = torch.softmax(scores, dim=-1) / math.sqrt(D)",
        ),
        Mistake(
            "Softmax goes over the queries: each query's weights sum to 1, so go along dim=-1, over the keys",
            "dim=-1)\n        heads",
            "dim=-2)\n        heads",
        ),
        Mistake(
            "There is no mask: tokens see what comes after them. Fill the future with -inf before softmax",
            '.masked_fill(self.future[:T, :T], float("-inf"))',
            "",
        ),
        Mistake(
            "The mask is on the wrong side: it covers the past. Mask what is above the diagonal", "triu(1)", "tril(-1)"
        ),
        Mistake(
            "triu() keeps the diagonal: the token itself is masked too, the first one may look nowhere, and its row is "
            "nan. Mask what is above the diagonal: triu(1)",
            "triu(1)",
            "triu()",
        ),
        Mistake(
            "triu(2) begins one column too far right: each token still sees the next one. Mask from triu(1) on",
            "triu(1)",
            "triu(2)",
        ),
        Mistake(
            "tril() says who may look, and you mask those: past and token itself. masked_fill masks where the mask "
            "is True, so the mask must be what is above the diagonal, triu(1)",
            "triu(1)",
            "tril()",
        ),
        Mistake(
            "You clear the future's weights after softmax and leave it at that: rows no longer sum to 1. Fill the "
            "scores with -inf before",
            f"{MASKED}\n        weights = torch.softmax(scores, dim=-1)",
            "weights = torch.softmax(scores, dim=-1).masked_fill(self.future[:T, :T], 0.0)",
        ),
        Mistake(
            "The future is filled with 0, and exp(0) is 1: it still gets weight. Fill it with -inf",
            'float("-inf")',
            "0.0",
        ),
        Mistake(
            "Queries, keys and values are split along the wrong dimension: yours alternate head by head. The 3C "
            "numbers are all queries, then all keys, then all values: view(B, T, 3, H, D)",
            "view(B, T, 3, self.n_head, D).permute(2, 0, 3, 1, 4)",
            "view(B, T, self.n_head, 3, D).permute(3, 0, 2, 1, 4)",
        ),
        Mistake(
            "Queries, keys and values come in another order: queries first, then keys, then values",
            "q, k, v",
            "q, v, k",
        ),
        Mistake("Queries and keys are swapped: rows of the scores are queries, columns are keys", "q @ k.t", "k @ q.t"),
        Mistake(
            "The heads have the wrong size: each is as wide as the whole vector. Heads share it, D = C // n_head",
            answer=WideHeads,
        ),
        Mistake(
            "The number of heads and their size are swapped: n_head heads of C // n_head numbers",
            "D = C // self.n_head\n        q, k, v = self.qkv(x).view(B, T, 3, self.n_head, D)",
            "D = self.n_head\n        q, k, v = self.qkv(x).view(B, T, 3, C // self.n_head, D)",
        ),
        Mistake(
            "qkv has a bias here, as proj has. Leave out bias=False",
            "nn.Linear(n_embd, 3 * n_embd)",
            "nn.Linear(n_embd, 3 * n_embd, bias=False)",
        ),
        Mistake(
            "qkv and proj each have a bias here. Leave out bias=False",
            "nn.Linear(n_embd, 3 * n_embd)\n        self.proj = nn.Linear(n_embd, n_embd)",
            "nn.Linear(n_embd, 3 * n_embd, bias=False)\n        self.proj = nn.Linear(n_embd, n_embd, bias=False)",
        ),
    ],
)


# --- 09.7 ---


def silence(joined: Tensor, head: int, n_head: int) -> Tensor:
    """Return a copy of the joined heads (B, T, C) in which the dimensions of head number `head` are 0."""
    D = joined.shape[-1] // n_head
    quiet = joined.clone()
    quiet[:, :, head * D : (head + 1) * D] = 0
    return quiet


def silence_by_parts(joined: Tensor, head: int, n_head: int) -> Tensor:
    """The same: cut into heads, one of them multiplied by 0, and joined again."""
    parts = list(joined.chunk(n_head, dim=-1))
    parts[head] = torch.zeros_like(parts[head])
    return torch.cat(parts, dim=-1)


def cut_out(joined: Tensor, head: int, n_head: int) -> Tensor:
    """What somebody writes who takes the head away, so that vectors become shorter."""
    parts = list(joined.chunk(n_head, dim=-1))
    return torch.cat(parts[:head] + parts[head + 1 :], dim=-1)


def joined_heads(chance: Random) -> list[Probe]:
    """Joined heads of small batches, and the number of one of the heads."""
    sizes = ((1, 2, 2, 2, 1), (2, 3, 2, 3, 0), (2, 9, 4, 3, 1), (3, 9, 5, 2, 1), (2, 7, 3, 4, 2))
    return [(numbers(chance, B, T, H * D), head, H) for B, T, H, D, head in sizes]


SILENCE = Exercise(
    number="09.7",
    title="Switch a head off",
    name="silence",
    reference=silence,
    probes=joined_heads,
    alternatives=[silence_by_parts],
    hints=[
        "Side by side, the first head fills the first D of the C dimensions, the second the next D, and so on.",
        "D = C // n_head, and head number `head` fills the dimensions from head * D up to (head + 1) * D.",
        "Take joined.clone(), and set [:, :, head * D : (head + 1) * D] to 0.",
    ],
    mistakes=[
        Mistake("You switch off all the others and keep this one", answer=lambda j, h, H: j - silence(j, h, H)),
        Mistake(
            "Only the first dimension of the head is 0. It has D of them: head * D up to (head + 1) * D",
            "head * D : (head + 1) * D",
            "head * D",
        ),
        Mistake(
            "Heads go side by side, D dimensions each. You take every n_head-th dimension",
            "head * D : (head + 1) * D",
            "head::n_head",
        ),
        Mistake(
            "Heads count from 0, so the first is head 0: you switch off the one before",
            "head * D : (head + 1) * D",
            "(head - 1) % n_head * D : (head - 1) % n_head * D + D",
        ),
        Mistake("You zero tokens. A head is a slice of the last dimension", "[:, :, head", "[:, head"),
        Mistake(
            "Dimension number `head` alone is 0. The head begins at head * D, and has D dimensions",
            "head * D : (head + 1) * D",
            "head",
        ),
        Mistake("You switch off this head and all after it: stop at (head + 1) * D", " : (head + 1) * D", " :"),
        Mistake("You switch off this head and all before it: begin at head * D", "head * D : (head", " : (head"),
        Mistake("The head is gone, and so are its dimensions: keep the shape, and set them to 0", answer=cut_out),
        Mistake("Nothing has changed: set the head's dimensions to 0", "] = 0", "] *= 1"),
        Mistake("You set the head to 1. To bring nothing it must be 0", "] = 0", "] = 1"),
    ],
)

EXERCISES = [PACK, SHAPES, SPLIT_HEADS, JOIN_HEADS, COUNT, ATTENTION, SILENCE]
