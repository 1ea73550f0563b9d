"""Muon equals PyTorch's own; each weight is updated by one optimiser, and only matrices decay."""

import pytest
import torch
from models import small_config

from course_utils.gpt import GPT
from course_utils.optimizers import Muon, make_optimizers, orthogonalise, parameter_groups


@pytest.mark.parametrize("shape", [(12, 12), (8, 24), (24, 8)])
def test_orthogonalising_keeps_directions_and_makes_singular_values_alike(shape):
    matrices = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0))
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    result = orthogonalise(matrices)
    singular = torch.linalg.svdvals(result)
    assert singular.min() > 0.5
    assert singular.max() < 1.3
    # In the directions of the input, what comes out is nearly diagonal.
    inside = u.mT @ result @ v.mT
    assert (inside - torch.diag_embed(inside.diagonal(dim1=1, dim2=2))).abs().max() < 0.1


def test_muon_equals_pytorchs_own():
    torch.manual_seed(0)
    ours = [torch.nn.Parameter(torch.randn(shape)) for shape in [(8, 24), (24, 8), (8, 24)]]
    start = [weight.detach().clone() for weight in ours]
    theirs = [torch.nn.Parameter(weight.clone()) for weight in start]
    settings = {"lr": 0.02, "momentum": 0.95, "weight_decay": 0.1}
    optimizers = Muon(ours, **settings), torch.optim.Muon(theirs, nesterov=True, **settings)
    for _ in range(5):
        for mine, other in zip(ours, theirs, strict=True):
            mine.grad = torch.randn_like(mine)
            other.grad = mine.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    # Both work in bfloat16, whose products differ with the order of summing: by 2 % of the way gone, not more.
    for mine, other, before in zip(ours, theirs, start, strict=True):
        assert (mine - other).norm() < 0.05 * (mine - before).norm()


def test_only_matrices_decay():
    model = GPT(small_config())
    decay, keep = parameter_groups(model, 0.3)
    assert (decay["weight_decay"], keep["weight_decay"]) == (0.3, 0.0)
    assert {w.dim() for w in decay["params"]} == {2}
    assert {w.dim() for w in keep["params"]} == {1}
    assert len(decay["params"]) + len(keep["params"]) == len(list(model.parameters()))


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_every_weight_belongs_to_exactly_one_optimizer(kind):
    model = GPT(small_config())
    optimizers = make_optimizers(model, kind, 1e-3, 0.1, (0.9, 0.95), 0.02)
    owned = [id(w) for optimizer in optimizers for group in optimizer.param_groups for w in group["params"]]
    assert sorted(owned) == sorted(id(w) for w in model.parameters())
    muon = [w for o in optimizers if isinstance(o, Muon) for g in o.param_groups for w in g["params"]]
    assert len(muon) == (4 * 3 if kind == "muon" else 0)  # four matrices in each of three blocks
