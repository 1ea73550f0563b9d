"""How gradients become updates: AdamW for every weight, or Muon for the matrices and AdamW for the rest."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Split the weights: matrices and embeddings decay, biases and norms (one-dimensional) do not."""
    weights = [w for w in model.parameters() if w.requires_grad]
    decay, keep = [w for w in weights if w.dim() >= 2], [w for w in weights if w.dim() < 2]
    return [{"params": decay, "weight_decay": weight_decay}, {"params": keep, "weight_decay": 0.0}]


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Bring every singular value of each matrix near 1 and keep its directions: (N, rows, columns), same shape back.

    The polynomial and its numbers are Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks".
    """
    wide = matrices if matrices.shape[1] <= matrices.shape[2] else matrices.mT
    x = wide.bfloat16() / (wide.norm(dim=(1, 2), keepdim=True) + 1e-7).bfloat16()
    for _ in range(steps):
        square = x @ x.mT  # small: (N, fewer, fewer)
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return (x if wide is matrices else x.mT).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal, so that an update moves every direction of a matrix alike (Jordan et al. 2024).

    `lr` is the size of the update's singular values, which is why a tall matrix, whose columns are longer, gets more.
    Equal to `torch.optim.Muon`, but all matrices of one shape go through the polynomial together.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Update all weights that have a gradient."""
        for group in self.param_groups:
            by_shape = defaultdict(list)
            for weight in group["params"]:
                if weight.grad is not None:
                    by_shape[weight.shape].append(weight)
            for (rows, columns), weights in by_shape.items():
                updates = orthogonalise(torch.stack([self.direction(w, group["momentum"]) for w in weights]))
                size = group["lr"] * max(1.0, rows / columns) ** 0.5
                for weight, update in zip(weights, updates, strict=True):
                    weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-size)

    def direction(self, weight: Tensor, momentum: float) -> Tensor:
        """Move the running mean of one weight's gradients, and look ahead along it (Nesterov's momentum)."""
        state = self.state[weight]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(weight)
        mean = state["momentum_buffer"].lerp_(weight.grad, 1 - momentum)
        return weight.grad.lerp(mean, momentum)


def make_optimizers(
    model: nn.Module, kind: str, learning_rate: float, weight_decay: float, betas: tuple[float, float], muon_rate: float
) -> list[torch.optim.Optimizer]:
    """Return AdamW for all weights (`kind` "adamw"), or Muon for the blocks' matrices and AdamW for the rest ("muon").

    AdamW keeps decay apart from the gradient (Loshchilov and Hutter 2019, algorithm 2).
    """
    matrices = [w for name, w in model.named_parameters() if "blocks." in name and w.dim() == 2 and kind == "muon"]
    taken = set(map(id, matrices))
    groups = parameter_groups(model, weight_decay)
    for group in groups:
        group["params"] = [w for w in group["params"] if id(w) not in taken]
    # `fused` does the whole update in one pass over memory; mps has no such form in every version.
    fused = next(model.parameters()).device.type in ("cpu", "cuda")
    adamw = torch.optim.AdamW(groups, lr=learning_rate, betas=betas, fused=fused)
    return [adamw, Muon(matrices, lr=muon_rate)] if matrices else [adamw]
