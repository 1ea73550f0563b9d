"""Random numbers for probes."""

import math
from random import Random

import torch
from torch import Tensor


def numbers(chance: Random, *shape: int, low: float = -1.0, high: float = 2.0) -> Tensor:
    """Return a tensor of a shape, its numbers drawn evenly between two.

    >>> numbers(Random(0), 2, 3).shape
    torch.Size([2, 3])
    """
    return torch.tensor([chance.uniform(low, high) for _ in range(math.prod(shape))]).view(shape)
