"""Random numbers for probes."""

import math
from random import Random

import torch
from torch import Tensor


def numbers(chance: Random, *shape: int, low: float = -1.0, high: float = 2.0) -> Tensor:
    """Return a tensor of a shape, its numbers drawn evenly between two, short enough to be typed.

    >>> numbers(Random(0), 2)
    tensor([1.5330, 1.2740])
    """
    return torch.tensor([round(chance.uniform(low, high), 3) for _ in range(math.prod(shape))]).view(shape)
