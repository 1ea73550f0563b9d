"""The next token's loss in slices: scores of some hundred tokens at a time, and their gradient with them.

All scores together are the largest tensor of a small model, and the plain way passes over it six times. A slice stays
in the processor's cache, and a token that isn't learned gets no scores (Hsu et al. 2024, "Liger Kernel", section 3.2).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from course_utils.common import require

IGNORED = -100  # a target with this value is not learned and not counted, as in PyTorch
SLICE = 512  # tokens
STEP = 64  # the last slice is a multiple of it: a processor prepares itself for each new shape, which takes it time


def linear_cross_entropy(x: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Sum of -ln(probability of the right token), where scores are `x @ weight.T`: x (..., C), weight (V, C).

    Targets (...) of -100 do not count. Equal to `cross_entropy` on all the scores, with a fraction of its memory.

    >>> x, weight = torch.zeros(2, 3, 4), torch.zeros(8, 4)
    >>> round(linear_cross_entropy(x, weight, torch.tensor([[1, 2, -100], [0, 7, 7]])).item(), 3)  # five times ln 8
    10.397
    """
    fits = x.shape[:-1] == targets.shape and x.shape[-1:] == weight.shape[1:] and not targets.is_floating_point()
    shapes = f"x is {tuple(x.shape)}, the weight {tuple(weight.shape)} and targets {tuple(targets.shape)}"
    require(fits, f"{shapes} of {targets.dtype}; they take (..., C), (V, C) and (...) of int64")
    learned = targets != IGNORED
    wanted = targets[learned].long()
    wrong = wanted[(wanted < 0) | (wanted >= len(weight))]
    require(len(wrong) == 0, f"target {wrong[:1].tolist()} is outside the vocabulary of {len(weight)}")
    # Vectors of zeros fill up the last slice. Their losses are left out, and they move no weight.
    filled = F.pad(x[learned], (0, 0, 0, -len(wanted) % STEP))
    return LinearCrossEntropy.apply(filled, weight, wanted)


def surprise(right: Tensor, scores: Tensor, wanted: Tensor) -> Tensor:
    """-ln of the right tokens' chances (N, 1); from the scores, where a chance is too small for a logarithm."""
    losses = -right.log()
    tiny = (right < torch.finfo(right.dtype).tiny).squeeze(1)
    if tiny.any():
        losses[tiny] = scores[tiny].logsumexp(dim=-1, keepdim=True) - scores[tiny].gather(1, wanted[tiny])
    return losses


class LinearCrossEntropy(torch.autograd.Function):
    """Scores and their loss as one operation: when a slice's loss is known, so is its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        kind = x.device.type
        fast = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype
        exact = torch.promote_types(weight.dtype, torch.float32)  # long sums in half precision would lose digits
        x_grad, weight_grad, matrix = torch.empty_like(x), torch.zeros_like(weight, dtype=exact), weight.to(fast)
        wanted_ids = F.pad(targets, (0, len(x) - len(targets)))[:, None]
        losses = [torch.zeros(0, 1, dtype=exact, device=x.device)]
        for rows, wanted, grad in zip(x.split(SLICE), wanted_ids.split(SLICE), x_grad.split(SLICE), strict=True):
            rows = rows.to(fast)
            scores = (rows @ matrix.T).to(exact)  # (SLICE, V)
            chances = scores.softmax(dim=-1)
            right = chances.gather(1, wanted)
            losses.append(surprise(right, scores, wanted))
            # The loss's slope by the scores: what the model bets on each token, less 1 for the right one.
            slope = chances.scatter_(1, wanted, right - 1).to(fast)
            grad.copy_(slope @ matrix)
            if ctx.needs_input_grad[1]:
                weight_grad += slope.T @ rows
        ctx.save_for_backward(x_grad, weight_grad.to(weight.dtype))
        return torch.cat(losses)[: len(targets)].sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor, Tensor | None, None]:
        x_grad, weight_grad = ctx.saved_tensors
        return x_grad * scale, weight_grad * scale if ctx.needs_input_grad[1] else None, None
