"""How a model knows where a token stands: rotary positions, which `gpt.py` can use in place of learned ones."""

import torch
from torch import Tensor

from course_utils.text import require


def rotary_table(length: int, head_dim: int, base: float = 10_000.0) -> Tensor:
    """Angles of rotary position embedding: (length, head_dim / 2), row p holds p * base^(-2i / head_dim).

    Su et al. 2021, "RoFormer", equation 15.

    >>> rotary_table(3, 4).tolist()
    [[0.0, 0.0], [1.0, 0.009999999776482582], [2.0, 0.019999999552965164]]
    """
    require(length >= 1, f"length is {length}; a table needs at least one position")
    require(
        head_dim >= 2 and head_dim % 2 == 0,
        f"head_dim is {head_dim}; rotary positions turn pairs: make it even",
    )
    frequency = 1.0 / base ** (torch.arange(0, head_dim, 2).float() / head_dim)
    return torch.outer(torch.arange(length).float(), frequency)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (x[i], x[i + head_dim / 2]) by its angle: x (..., T, head_dim), cos, sin (..., T, head_dim / 2).

    Su et al. 2021, equation 34; pairs are taken half a head apart, as GPT-NeoX and Llama do.
    """
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
