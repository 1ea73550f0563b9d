"""How a model knows where a token stands: learned, sinusoidal, relative bias, ALiBi, rotary.

Absolute schemes add a vector to each token's own. Relative ones change attention's scores by the distance between two
tokens. `gpt.py` has learned and rotary positions.
"""

import math

import torch
from torch import Tensor, nn

from course_utils.common import require


class LearnedPositions(nn.Module):
    """A learned vector for each position, added to the tokens' vectors (B, T, C), as in GPT-2.

    >>> LearnedPositions(context_length=8, n_embd=4)(torch.zeros(1, 3, 4)).shape
    torch.Size([1, 3, 4])
    """

    def __init__(self, context_length: int, n_embd: int) -> None:
        super().__init__()
        self.table = nn.Embedding(context_length, n_embd)

    def forward(self, x: Tensor) -> Tensor:
        T = x.shape[1]
        rows = self.table.num_embeddings
        # Nothing was learned for positions beyond the table. The lookup's own error wouldn't say that.
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
    # In float64: a sine in float32 of an angle of some thousands would only be good to three or four decimals.
    frequency = base ** (-torch.arange(0, n_embd, 2).double() / n_embd)  # (C / 2,)
    angles = torch.outer(torch.arange(length).double(), frequency)  # (length, C / 2)
    # Stacked as (length, C / 2, 2), so that flattening puts each cosine right after its sine.
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1).float()


def distances(n_queries: int, n_keys: int) -> Tensor:
    """How many positions each key stands before each query, (n_queries, n_keys); the queries are the last positions.

    >>> distances(2, 3).tolist()
    [[1, 0, -1], [2, 1, 0]]
    """
    require(1 <= n_queries <= n_keys, f"there are {n_queries} queries and {n_keys} keys; a query has a key of its own")
    # With a cache only the new tokens ask, but they see all keys: so the queries don't start at position 0.
    return torch.arange(n_keys - n_queries, n_keys)[:, None] - torch.arange(n_keys)


class RelativeBias(nn.Module):
    """A learned number for each head and distance, to add to the scores; distances of `longest` and more share one.

    The bias is from Raffel et al. 2020 ("T5"), section 2.1; the sharing is from Shaw et al. 2018, section 3.2.

    >>> RelativeBias(n_head=2, longest=8)(n_queries=5, n_keys=5).shape
    torch.Size([2, 5, 5])
    """

    def __init__(self, n_head: int, longest: int) -> None:
        super().__init__()
        require(longest >= 1, f"longest is {longest}; it takes a distance of at least 1")
        self.longest = longest
        self.table = nn.Embedding(longest + 1, n_head)
        # At 0 it changes nothing: the model starts without a preference and learns which distances matter.
        nn.init.zeros_(self.table.weight)

    def forward(self, n_queries: int, n_keys: int) -> Tensor:
        # Negative distances are later keys. What stands there doesn't matter, since the causal mask hides them.
        far = distances(n_queries, n_keys).clamp(0, self.longest)
        # The table gives (n_queries, n_keys, n_head), and scores have their heads first.
        return self.table(far.to(self.table.weight.device)).permute(2, 0, 1)  # (n_head, n_queries, n_keys)


def alibi_slopes(n_head: int) -> Tensor:
    """How much each head's scores fall with each position of distance, (n_head,): for 8 heads 1/2, 1/4, … 1/256.

    Press et al. 2022, section 3. If n_head isn't a power of two, the rest are every other slope of the next power.
    >>> alibi_slopes(4).tolist()
    [0.25, 0.0625, 0.015625, 0.00390625]
    """
    require(n_head >= 1, f"n_head is {n_head}; it takes at least one head")
    power = 2 ** int(math.log2(n_head))  # the largest power of two that isn't above n_head
    slopes = [2 ** (-8 * i / power) for i in range(1, power + 1)]
    # Between two slopes of a power lies one of the next power: these fill up what's missing, as the authors' code does.
    between = [2 ** (-8 * i / (2 * power)) for i in range(1, 2 * power + 1, 2)]
    return torch.tensor((slopes + between)[:n_head])


def alibi_bias(n_head: int, n_queries: int, n_keys: int) -> Tensor:
    """Minus the distance times each head's slope, (n_head, n_queries, n_keys), to add to the scores.

    >>> alibi_bias(n_head=1, n_queries=3, n_keys=3)[0, 2] / alibi_slopes(1)
    tensor([-2., -1.,  0.])
    """
    # Later keys get 0, not a bonus for their negative distance. Hiding them is the mask's job.
    return alibi_slopes(n_head)[:, None, None] * -distances(n_queries, n_keys).clamp(min=0)


def rotary_table(length: int, head_dim: int, base: float = 10_000.0) -> Tensor:
    """Angles of rotary position embedding, (length, head_dim / 2): row p holds p * base^(-2i / head_dim).

    Su et al. 2021, "RoFormer", equation 15.

    >>> rotary_table(3, 4).tolist()
    [[0.0, 0.0], [1.0, 0.009999999776482582], [2.0, 0.019999999552965164]]
    """
    require(length >= 1, f"length is {length}; a table needs at least one position")
    require(
        head_dim >= 2 and head_dim % 2 == 0,
        f"head_dim is {head_dim}; rotary positions rotate pairs: make it even",
    )
    # float32 and this very form, as in `transformers`: weights trained there have seen these angles to the last bit.
    frequency = 1.0 / base ** (torch.arange(0, head_dim, 2).float() / head_dim)  # (head_dim / 2,)
    return torch.outer(torch.arange(length).float(), frequency)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate each pair (x[i], x[i + head_dim / 2]) by its angle: x (..., T, head_dim), cos, sin (..., T, head_dim / 2).

    Su et al. 2021, equation 34; but pairs are half a head apart, as in GPT-NeoX, and not neighbours.
    """
    # Two halves are two plain slices; neighbours would have to be picked apart and woven together again.
    first, second = x.chunk(2, dim=-1)
    # In mixed precision x comes in bfloat16. Rotated by float32 it would become float32, and attention with it.
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    # The rotation matrix ((cos, -sin), (sin, cos)) times (first, second), for all pairs at once.
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
