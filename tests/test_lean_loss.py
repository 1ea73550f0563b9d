import math

import pytest
import torch
from torch.nn.utils import prune
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from course_utils.gpt import GPT, GPTConfig
from course_utils.lean_loss import SLICE, STEP, linear_cross_entropy
from course_utils.llama import Llama, LlamaConfig
from course_utils.training import autocast, cross_entropy, lean_loss, next_token_loss

SIZES = {"vocab_size": 50, "context_length": 16, "n_layer": 1, "n_head": 2, "n_embd": 8}


def some(rows=2 * SLICE + 77, size=6, vocab=31, ignored=0.3, dtype=torch.float64):
    generator = torch.Generator().manual_seed(rows)
    x = torch.randn(rows, size, generator=generator, dtype=dtype, requires_grad=True)
    weight = torch.randn(vocab, size, generator=generator, dtype=dtype, requires_grad=True)
    targets = torch.randint(vocab, (rows,), generator=generator)
    targets[torch.rand(rows, generator=generator) < ignored] = -100
    return x, weight, targets


def plain(x, weight, targets):
    return torch.nn.functional.cross_entropy(x @ weight.T, targets, reduction="sum")


@pytest.mark.parametrize("rows", [1, 5, SLICE, SLICE + 1, 3 * SLICE + 77])
def test_loss_and_gradients_are_those_of_all_scores_at_once(rows):
    x, weight, targets = some(rows, ignored=0.3 if rows > 1 else 0.0)
    ours = linear_cross_entropy(x, weight, targets) * 0.37
    theirs = plain(x, weight, targets) * 0.37
    assert_close(ours, theirs, atol=0, rtol=1e-12)
    for mine, other in zip(*(torch.autograd.grad(loss, (x, weight)) for loss in (ours, theirs)), strict=True):
        assert_close(mine, other, atol=1e-11, rtol=1e-12)


def test_rows_of_texts_are_taken_as_they_are():
    x, weight, targets = some(12)
    loss = linear_cross_entropy(x.view(3, 4, -1), weight, targets.view(3, 4))
    assert_close(loss, plain(x, weight, targets))
    assert_close(linear_cross_entropy(x, weight, targets.int()), loss)


def test_nothing_to_learn_is_a_loss_of_zero_without_a_gradient():
    x, weight, targets = some(7, ignored=2.0)
    loss = linear_cross_entropy(x, weight, targets)
    assert loss.item() == 0
    assert not any(grad.any() for grad in torch.autograd.grad(loss, (x, weight)))


@pytest.mark.parametrize("size", [1e-4, 30.0, 1e3])
def test_scores_of_any_size_keep_the_loss_finite(size):
    x, weight, targets = some(40, dtype=torch.float32)
    loss = linear_cross_entropy(x * size, weight, targets)
    assert_close(loss, plain(x * size, weight, targets), rtol=1e-5, atol=0)
    assert torch.autograd.grad(loss, x)[0].isfinite().all()


@pytest.mark.parametrize("frozen", [0, 1])
def test_what_is_frozen_gets_no_gradient_and_the_other_the_same(frozen):
    x, weight, targets = some(9)
    (x, weight)[frozen].requires_grad_(False)
    linear_cross_entropy(x, weight, targets).backward()
    found = [x.grad, weight.grad]
    assert found[frozen] is None
    x.grad = weight.grad = None
    plain(x, weight, targets).backward()
    assert_close(found[1 - frozen], [x.grad, weight.grad][1 - frozen])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_under_autocast_only_the_products_are_in_half_precision(dtype):
    x, weight, targets = some(700, size=32, dtype=torch.float32)
    with autocast(x.device, dtype):
        loss = linear_cross_entropy(x, weight, targets)
        reference = cross_entropy(x @ weight.T, targets, "sum")
    assert loss.dtype == torch.float32
    assert_close(loss, reference, rtol=2e-4, atol=0)
    exact = torch.autograd.grad(plain(x, weight, targets), (x, weight))
    ours = torch.autograd.grad(loss, (x, weight))
    theirs = torch.autograd.grad(reference, (x, weight))
    for mine, other, right in zip(ours, theirs, exact, strict=True):
        assert mine.dtype == torch.float32
        # Sums over slices are kept in float32, so we are at least about as near as PyTorch's own.
        assert (mine - right).norm() <= 1.1 * (other - right).norm() + 1e-4 * right.norm()


class Made(TorchDispatchMode):
    """Remember the shapes of all tensors that anything makes."""

    def __init__(self):
        super().__init__()
        self.shapes = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor):
            self.shapes.add(tuple(made.shape))
        return made

    def largest(self):
        return max(map(math.prod, self.shapes))


def test_the_scores_of_all_tokens_are_never_held_together():
    x, weight, targets = some(8 * SLICE, ignored=0.0)
    with Made() as seen:
        linear_cross_entropy(x, weight, targets).backward()
    assert seen.largest() == max(SLICE * len(weight), x.numel())
    with Made() as seen:
        plain(x, weight, targets).backward()
    assert seen.largest() == 8 * SLICE * len(weight)


def test_scores_come_in_few_shapes_whatever_is_learned():
    with Made() as seen:
        for rows in range(700, 900, 7):
            linear_cross_entropy(*some(rows)).backward()
    lengths = {shape[0] for shape in seen.shapes if shape[1:] == (31,)} - {6, 31}  # the weight's own two shapes
    assert SLICE in lengths
    assert {length % STEP for length in lengths} == {0}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda x, w, y: (x, w, y[:-1]), r"x is \(9, 6\), the weight \(31, 6\) and targets \(8,\) of torch.int64"),
        (lambda x, w, y: (x, w.T, y), r"the weight \(6, 31\)"),
        (lambda x, w, y: (x, w, y.double()), r"of torch.float64"),
        (lambda x, w, y: (x, w, y.new_full((9,), 31)), r"target \[31\] is outside the vocabulary of 31"),
        (lambda x, w, y: (x, w, y.new_full((9,), -1)), r"target \[-1\] is outside the vocabulary of 31"),
    ],
)
def test_what_does_not_go_together_is_told(change, told):
    with pytest.raises(ValueError, match=told):
        linear_cross_entropy(*change(*some(9)))


def batch_of(model):
    idx = torch.randint(model.config.vocab_size, (3, 9), generator=torch.Generator().manual_seed(1))
    targets = idx[:, 1:].clone()
    targets[0, 4:] = -100
    return idx[:, :-1], targets


class Smoother(Llama):
    """A model of somebody's own, whose vectors are others and whose scores are made as ever."""

    def hidden_states(self, *args):
        return super().hidden_states(*args) / 2


class Louder(GPT):
    """A model of somebody's own, whose scores are others."""

    def forward(self, *args):
        return 2 * super().forward(*args)


@pytest.mark.parametrize(
    "make",
    [
        lambda: GPT(GPTConfig(**SIZES)),
        lambda: GPT(GPTConfig(**SIZES, tied=False, positions="rotary")),
        lambda: Llama(LlamaConfig(**SIZES)),
        lambda: Llama(LlamaConfig(**SIZES, soft_cap=3.0)),
        lambda: Louder(GPTConfig(**SIZES)),
        lambda: Smoother(LlamaConfig(**SIZES)),
        lambda: torch.nn.DataParallel(GPT(GPTConfig(**SIZES))),
    ],
    ids=["tied", "rotary", "llama", "capped", "own scores", "own vectors", "wrapped"],
)
def test_every_model_has_the_loss_of_the_next_token(make):
    model = make().double()
    batch = batch_of(getattr(model, "module", model))
    losses = [loss(model, batch) for loss in (lean_loss, next_token_loss)]
    assert_close(*losses, atol=0, rtol=1e-12)
    ours, theirs = (torch.autograd.grad(loss, list(model.parameters())) for loss in losses)
    assert_close(ours, theirs, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("who", [lambda model: model, lambda model: model.lm_head], ids=["the model", "its last layer"])
def test_whoever_listens_for_the_scores_hears_them(who):
    model, heard = GPT(GPTConfig(**SIZES)), []
    handle = who(model).register_forward_hook(lambda layer, inputs, scores: heard.append(scores.shape))
    lean_loss(model, batch_of(model))
    assert heard == [(3, 8, 50)]
    handle.remove()
    lean_loss(model, batch_of(model))
    assert len(heard) == 1


def test_all_scores_are_never_made_where_they_are_a_plain_product(monkeypatch):
    monkeypatch.setattr(torch.nn.Linear, "forward", lambda layer, x: None)
    for model in (GPT(GPTConfig(**SIZES)), Smoother(LlamaConfig(**SIZES))):
        monkeypatch.setattr(type(model), "hidden_states", lambda model, idx: model.token_embedding.weight[idx])
        assert lean_loss(model, batch_of(model)) > 0


def test_a_device_other_than_the_processor_gets_all_scores_at_once(monkeypatch):
    model = GPT(GPTConfig(**SIZES)).to("meta")
    monkeypatch.setattr("course_utils.training.linear_cross_entropy", None)
    inputs, targets = (part.to("meta") for part in batch_of(model))
    assert lean_loss(model, (inputs, targets)).device.type == "meta"


def with_bias(model):
    model.lm_head = torch.nn.Linear(8, 50)
    torch.nn.init.normal_(model.lm_head.bias)


def with_a_forward_of_its_own(model):
    plain = model.forward
    model.forward = lambda idx: 3 * plain(idx)


def with_smaller_vectors(model):
    model.lm_head.register_forward_pre_hook(lambda layer, inputs: (inputs[0] / 3,))


def pruned(model):
    prune.random_unstructured(model.lm_head, "weight", 0.5)
    with torch.no_grad():
        model.lm_head.weight_orig.add_(1.0)  # as after a step: the weight is made anew from it at each call


@pytest.mark.parametrize("change", [with_bias, with_a_forward_of_its_own, with_smaller_vectors, pruned])
def test_a_model_whose_scores_were_changed_has_the_loss_of_those(change):
    torch.manual_seed(0)
    model = GPT(GPTConfig(**SIZES, tied=False)).double()
    before = lean_loss(model, batch_of(model)).item()
    change(model)
    model.double()
    losses = [loss(model, batch_of(model)).item() for loss in (lean_loss, next_token_loss)]
    assert losses[0] == losses[1] != before


def test_a_gradient_that_somebody_listens_for_is_heard():
    model, heard = GPT(GPTConfig(**SIZES)), []
    model.lm_head.register_full_backward_hook(lambda layer, inputs, outputs: heard.append(outputs[0].shape))
    lean_loss(model, batch_of(model)).backward()
    assert heard == [(3, 8, 50)]
