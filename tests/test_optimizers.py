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


SETTINGS = {"lr": 0.02, "momentum": 0.95, "weight_decay": 0.1}


def some_weights(*shapes):
    generator = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]


def assert_near(ours, theirs, before):
    """Theirs works in bfloat16, ours where that is fast; products differ then, by less than 5 % of the way gone."""
    assert (ours - theirs).norm() < 0.05 * (ours - before).norm()


def test_muon_equals_pytorchs_own():
    torch.manual_seed(0)
    ours = some_weights((8, 24), (24, 8), (8, 24), (8, 8))
    start = [weight.detach().clone() for weight in ours]
    theirs = [torch.nn.Parameter(weight.clone()) for weight in start]
    optimizers = Muon(ours, **SETTINGS), torch.optim.Muon(theirs, nesterov=True, **SETTINGS)
    for _ in range(5):
        for mine, other in zip(ours, theirs, strict=True):
            mine.grad = torch.randn_like(mine)
            other.grad = mine.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    for mine, other, before in zip(ours, theirs, start, strict=True):
        assert_near(mine, other, before)


def test_a_weight_in_three_parts_moves_as_three_matrices_would():
    (whole,) = some_weights((24, 8))
    start, apart = whole.detach().clone(), [torch.nn.Parameter(part.detach().clone()) for part in whole.chunk(3)]
    # Gradients of very different sizes: together, the largest would take nearly all of the update.
    whole.grad = torch.cat(
        [size * part for size, part in zip((1, 0.01, 100), some_weights(*[(8, 8)] * 3), strict=True)]
    )
    for part, grad in zip(apart, whole.grad.chunk(3), strict=True):
        part.grad = grad.clone()
    Muon([{"params": [whole], "parts": 3}], **SETTINGS).step()
    torch.optim.Muon(apart, nesterov=True, **SETTINGS).step()
    for ours, theirs, before in zip(whole.chunk(3), apart, start.chunk(3), strict=True):
        assert_near(ours, theirs, before)


def test_queries_keys_and_values_are_three_matrices():
    model = GPT(small_config(n_layer=2))
    muon = make_optimizers(model, "muon", 1e-3, 0.1, (0.9, 0.95), 0.02)[1]
    parts = {id(weight): group["parts"] for group in muon.param_groups for weight in group["params"]}
    names = {name: parts[id(weight)] for name, weight in model.named_parameters() if id(weight) in parts}
    assert {name for name, number in names.items() if number == 3} == {f"blocks.{i}.attn.qkv.weight" for i in (0, 1)}
    assert set(names.values()) == {1, 3}


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


def test_matrices_decay_whoever_updates_them():
    optimizers = make_optimizers(GPT(small_config()), "muon", 1e-3, 0.3, (0.9, 0.95), 0.02)
    decays = {(w.dim() >= 2, g["weight_decay"]) for o in optimizers for g in o.param_groups for w in g["params"]}
    assert decays == {(True, 0.3), (False, 0.0)}


def test_muon_has_nothing_to_do_with_a_model_that_has_no_blocks():
    with pytest.raises(ValueError, match="matrices in a model's blocks"):
        make_optimizers(torch.nn.Linear(3, 4), "muon", 1e-3, 0.1, (0.9, 0.95), 0.02)


def test_what_muon_cannot_update_is_told_before_anything_moves():
    with pytest.raises(ValueError, match=r"a weight of shape \(8,\); it takes matrices"):
        Muon(some_weights((4, 8), (8,)), lr=0.02)
    with pytest.raises(ValueError, match="kind is 'sgd'; it takes adamw or muon"):
        make_optimizers(GPT(small_config()), "sgd", 1e-3, 0.1, (0.9, 0.95), 0.02)
