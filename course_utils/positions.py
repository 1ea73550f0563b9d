"""How a model knows where a token stands: learned, sinusoidal, relative bias, ALiBi, rotary.

Absolute schemes add a vector to each token's own; relative ones change attention's scores by how far two tokens are
apart. `gpt.py` takes learned or rotary positions.
"""

import math

import torch
from torch import Tensor, nn

from course_utils.common import require


class LearnedPositions(nn.Module):
    """A row for each position, learned as a token's is (GPT-2's way): adds it to tokens' vectors (B, T, C).

    >>> LearnedPositions(context_length=8, n_embd=4)(torch.zeros(1, 3, 4)).shape
    torch.Size([1, 3, 4])
    """

    def __init__(self, context_length: int, n_embd: int) -> None:
        super().__init__()
        self.table = nn.Embedding(context_length, n_embd)

    def forward(self, x: Tensor) -> Tensor:
        T, rows = x.shape[1], self.table.num_embeddings
        require(rows >= T, f"there are {T} tokens and the table of positions has {rows} rows: shorten the text")
        return x + self.table(torch.arange(T, device=x.device))  # (B, T, C) + (T, C)


def sinusoidal_table(length: int, n_embd: int, base: float = 10_000.0) -> Tensor:
    """Sines and cosines of ever longer waves, (length, n_embd): column 2i is sin(p / base^(2i / n_embd)), then cos.

    Vaswani et al. 2017, section 3.5.
    >>> sinusoidal_table(2, 4)
    tensor([[0.0000, 1.0000, 0.0000, 1.0000],
            [0.8415, 0.5403, 0.0100, 0.9999]])
    """
    require(length >= 1, f"length is {length}; a table needs at least one position")
    require(n_embd >= 2 and n_embd % 2 == 0, f"n_embd is {n_embd}; sines come with cosines: make it even")
    frequency = base ** (-torch.arange(0, n_embd, 2).double() / n_embd)  # (C / 2,)
    angles = torch.outer(torch.arange(length).double(), frequency)  # (length, C / 2)
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1).float()


def distances(n_queries: int, n_keys: int) -> Tensor:
    """How many places each key stands before each query, (n_queries, n_keys); the queries are the last of the keys.

    >>> distances(2, 3).tolist()
    [[1, 0, -1], [2, 1, 0]]
    """
    require(1 <= n_queries <= n_keys, f"there are {n_queries} queries and {n_keys} keys; a query has a key of its own")
    return torch.arange(n_keys - n_queries, n_keys)[:, None] - torch.arange(n_keys)


class RelativeBias(nn.Module):
    """A learned number for each head and distance, to add to the scores; from `longest` on all share one.

    The bias is Raffel et al. 2020 ("T5"), section 2.1; that far distances share one is Shaw et al. 2018, section 3.2.

    >>> RelativeBias(n_head=2, longest=8)(n_queries=5, n_keys=5).shape
    torch.Size([2, 5, 5])
    """

    def __init__(self, n_head: int, longest: int) -> None:
        super().__init__()
        require(longest >= 1, f"longest is {longest}; it takes a distance of at least 1")
        self.longest, self.table = longest, nn.Embedding(longest + 1, n_head)
        nn.init.zeros_(self.table.weight)

    def forward(self, n_queries: int, n_keys: int) -> Tensor:
        far = distances(n_queries, n_keys).clamp(0, self.longest)
        return self.table(far.to(self.table.weight.device)).permute(2, 0, 1)  # (n_head, n_queries, n_keys)


def alibi_slopes(n_head: int) -> Tensor:
    """How much each head's scores fall with each place of distance, (n_head,): for 8 heads 1/2, 1/4, … 1/256.

    Press et al. 2022, section 3; heads that are no power of two: also every other slope of the power above.
    >>> alibi_slopes(4).tolist()
    [0.25, 0.0625, 0.015625, 0.00390625]
    """
    require(n_head >= 1, f"n_head is {n_head}; it takes at least one head")
    power = 2 ** int(math.log2(n_head))
    slopes = [2 ** (-8 * i / power) for i in range(1, power + 1)]
    between = [2 ** (-8 * i / (2 * power)) for i in range(1, 2 * power + 1, 2)]
    return torch.tensor((slopes + between)[:n_head])


def alibi_bias(n_head: int, n_queries: int, n_keys: int) -> Tensor:
    """Minus the distance times each head's slope, to add to the scores: (n_head, n_queries, n_keys).

    >>> alibi_bias(n_head=1, n_queries=3, n_keys=3)[0, 2] / alibi_slopes(1)
    tensor([-2., -1.,  0.])
    """
    return alibi_slopes(n_head)[:, None, None] * -distances(n_queries, n_keys).clamp(min=0)


def rotary_table(length: int, head_dim: int, base: float = 10_000.0) -> Tensor:
    """Angles of rotary position embedding: (length, head_dim / 2), row p holds p * base^(-2i / head_dim).

    Su et al. 2021, "RoFormer", equation 15.

    >>> rotary_table(3, 4).tolist()
    [[0.0, 0.0], [1.0, 0.009999999776482582], [2.0, 0.019999999552965164]]
    """
    require(length >= 1, f"length is {length}; a table needs at least one position")
    require(
        head_dim >= 2 and head_dim % 2 == 0,
        f"head_dim is {head_dim}; rotary positions rotate pairs: make it even",
    )
    frequency = 1.0 / base ** (torch.arange(0, head_dim, 2).float() / head_dim)
    return torch.outer(torch.arange(length).float(), frequency)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (x[i], x[i + head_dim / 2]) by its angle: x (..., T, head_dim), cos, sin (..., T, head_dim / 2).

    Su et al. 2021, equation 34; pairs are taken half a head apart, as GPT-NeoX does.
    """
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
