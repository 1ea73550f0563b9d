"""How gradients become updates: AdamW for every weight, or Muon for the matrices and AdamW for the rest."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.common import require
from course_utils.runtime import fast_dtype


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Split the weights: matrices and embeddings decay, biases and norms (one-dimensional) do not."""
    weights = [w for w in model.parameters() if w.requires_grad]
    # Decay pulls towards zero. A norm's weights belong near one, and a bias has nothing to be kept small for.
    decay = [w for w in weights if w.dim() >= 2]
    keep = [w for w in weights if w.dim() < 2]
    return [{"params": decay, "weight_decay": weight_decay}, {"params": keep, "weight_decay": 0.0}]


def lay_down(matrix: Tensor) -> Tensor:
    """Turn a matrix that is taller than wide on its side; others stay. The memory is the same."""
    return matrix if matrix.shape[-2] <= matrix.shape[-1] else matrix.mT


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Make matrices nearly orthogonal by Newton-Schulz iteration: (N, rows, columns), same shape back.

    Every singular value comes near 1, and the directions stay. Each step applies a polynomial to the singular values,
    with products of matrices alone; its three numbers are from Jordan et al. 2024, "Muon: An optimizer for hidden
    layers in neural networks".
    """
    wide = lay_down(matrices)
    # Digits do not matter here, so the fastest format will do; a processor without bfloat16 is slow in it.
    fast = torch.float32 if fast_dtype(wide.device) == torch.float32 else torch.bfloat16
    # The polynomial works on singular values up to 1; dividing by the norm of all brings every one there.
    x = (wide / (wide.norm(dim=(1, 2), keepdim=True) + 1e-7)).to(fast)
    for _ in range(steps):
        square = x @ x.mT  # small: (N, fewer, fewer)
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return (x if wide is matrices else x.mT).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal, so that an update moves every direction of a matrix alike (Jordan et al. 2024).

    `lr` is the size of the update's singular values, which is why a tall matrix, whose columns are longer, gets more.
    A group's `parts` (1 by default) says how many matrices are stored in each weight, one below the other. Equal to
    `torch.optim.Muon` on each of them, but those of one shape go through the polynomial together.
    """

    def __init__(self, params: Iterable, lr: float, momentum: float = 0.95, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "parts": 1})
        shapes = [tuple(weight.shape) for group in self.param_groups for weight in group["params"]]
        odd = next((shape for shape in shapes if len(shape) != 2), None)
        require(odd is None, f"Muon got a weight of shape {odd}; it takes matrices: give the others to AdamW")

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Update all weights that have a gradient."""
        alike: dict[tuple[int, ...], list[tuple[Tensor, Tensor, float]]] = defaultdict(list)
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    # Decoupled decay, as in AdamW: it acts on the weights and never meets the gradient.
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                    updates = self.direction(weight, group["momentum"]).chunk(group["parts"])
                    for part, update in zip(weight.chunk(group["parts"]), updates, strict=True):
                        size = group["lr"] * max(1.0, part.shape[0] / part.shape[1]) ** 0.5
                        alike[tuple(sorted(part.shape))].append((lay_down(part), lay_down(update), size))
        # A few products of stacked matrices in place of many small ones, which would leave the processor waiting.
        for matrices in alike.values():
            updates = orthogonalise(torch.stack([update for _, update, _ in matrices]))
            for (part, _, size), update in zip(matrices, updates, strict=True):
                part.sub_(update, alpha=size)

    def direction(self, weight: Tensor, momentum: float) -> Tensor:
        """Move the running mean of one weight's gradients, and look ahead along it (Nesterov's momentum)."""
        state = self.state[weight]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(weight)
        # One line does both: m becomes 0.95 m + 0.05 g.
        mean = state["momentum_buffer"].lerp_(weight.grad, 1 - momentum)
        return weight.grad.lerp(mean, momentum)


def make_optimizers(
    model: nn.Module, kind: str, learning_rate: float, weight_decay: float, betas: tuple[float, float], muon_rate: float
) -> list[torch.optim.Optimizer]:
    """Return AdamW for all weights (`kind` "adamw"), or Muon for the blocks' matrices and AdamW for the rest ("muon").

    Matrices and embeddings decay by `weight_decay`, whoever updates them; biases and norms do not.

    AdamW keeps decay apart from the gradient (Loshchilov and Hutter 2019, algorithm 2).
    """
    require(kind in ("adamw", "muon"), f"kind is {kind!r}; it takes adamw or muon")
    # Muon is for matrices between hidden layers. Embeddings and output weights are tables of vectors, one a token.
    matrices = [w for name, w in model.named_parameters() if "blocks." in name and w.dim() == 2 and w.requires_grad]
    require(
        kind != "muon" or len(matrices) > 0,
        "muon updates the matrices in a model's blocks, and this one has none: take adamw",
    )
    taken = set(map(id, matrices)) if kind == "muon" else set()
    groups = parameter_groups(model, weight_decay)
    for group in groups:
        group["params"] = [w for w in group["params"] if id(w) not in taken]
    # `fused` does the whole update in one pass over memory; mps has no such form in every version.
    fused = next(model.parameters()).device.type in ("cpu", "cuda")
    adamw = torch.optim.AdamW(groups, lr=learning_rate, betas=betas, fused=fused)
    if kind == "adamw":
        return [adamw]
    # A layer says how many matrices lie in its weight: queries, keys and values are three. Made orthogonal as one, the
    # one with the largest gradient would take nearly all of the update.
    parts = {id(layer.weight): layer.parts for layer in model.modules() if hasattr(layer, "parts")}
    by_parts: dict[int, list[Tensor]] = defaultdict(list)
    for weight in matrices:
        by_parts[parts.get(id(weight), 1)].append(weight)
    muon = [{"params": by_parts[number], "parts": number} for number in sorted(by_parts, reverse=True)]
    return [adamw, Muon(muon, lr=muon_rate, weight_decay=weight_decay)]
