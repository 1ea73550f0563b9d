"""The straight line through the model gives what its modules give; whatever is not plain goes through the modules."""

import pytest
import torch
from models import small_model
from torch import nn

from course_utils import decoding
from course_utils.decoding import Decoder, is_plain
from course_utils.generation import generate
from course_utils.gpt import GPT

PROMPTS = torch.tensor([[5, 2, 7, 1], [3, 3, 8, 9]])


@pytest.fixture(params=["learned", "rotary"])
def model(request) -> GPT:
    return small_model(positions=request.param)


@torch.no_grad()
@pytest.mark.parametrize("rows", [1, 2])  # a single row goes another way
def test_one_token_at_a_time_is_the_whole_at_once(model, rows):
    decoder, prompts = Decoder(model, rows), PROMPTS[:rows]
    assert decoder.plain
    for end in range(1, 5):
        got = decoder(prompts[:, end - 1 : end])
        torch.testing.assert_close(got, model(prompts[:, :end])[:, -1], rtol=0, atol=1e-10)


@torch.no_grad()
def test_padding_is_never_looked_at(model):
    real = torch.tensor([[True] * 4, [False, False, True, True]])
    decoder = Decoder(model, 2)
    decoder(PROMPTS[:, :3], real[:, :3])
    got = decoder(PROMPTS[:, 3:], real)
    torch.testing.assert_close(got[1], model(PROMPTS[1:, 2:])[0, -1], rtol=0, atol=1e-10)


class Louder(nn.Linear):
    """A layer of someone's own."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


def own_layer(model: GPT) -> None:
    old = model.blocks[0].mlp.down
    model.blocks[0].mlp.down = Louder(old.in_features, old.out_features).to(old.weight)
    model.blocks[0].mlp.down.load_state_dict(old.state_dict())


def hook(model: GPT) -> None:
    model.blocks[0].mlp.register_forward_hook(lambda module, given, made: 2 * made)


def early_hook(model: GPT) -> None:
    model.blocks[0].mlp.register_forward_pre_hook(lambda module, given: (2 * given[0],))


def biased_head(model: GPT) -> None:
    model.lm_head = nn.Linear(model.lm_head.in_features, model.lm_head.out_features).to(model.lm_head.weight)


def no_bias(model: GPT) -> None:
    model.blocks[0].mlp.down.bias = None


@pytest.mark.parametrize("change", [own_layer, hook, early_hook, biased_head, no_bias])
def test_a_model_with_other_parts_is_read_by_its_modules(model, change):
    with torch.no_grad():
        before = model(PROMPTS)[:, -1]
        change(model)
        decoder = Decoder(model, 2)
        decoder(PROMPTS[:, :3])
        got = decoder(PROMPTS[:, 3:])
        torch.testing.assert_close(got, model(PROMPTS)[:, -1], rtol=0, atol=1e-10)
    assert not is_plain(model)
    assert not torch.allclose(got, before)


def test_a_class_of_ones_own_is_not_plain(model):
    class Mine(GPT):
        pass

    assert is_plain(model)
    model.__class__ = Mine
    assert not is_plain(model)


def test_generation_really_takes_the_straight_line(model, monkeypatch):
    taken = []
    straight = decoding.Decoder.one_token
    monkeypatch.setattr(decoding.Decoder, "one_token", lambda *a: taken.append(1) or straight(*a))
    generate(model, PROMPTS.tolist(), 6)
    assert len(taken) == 5


def test_a_model_in_training_goes_by_its_modules(model):
    assert not Decoder(model.train(), 1).plain


def test_a_full_context_is_told(model):
    decoder = Decoder(model, 2)
    decoder(torch.ones(2, 16).long())
    with pytest.raises(ValueError, match="17 tokens long and the model's context holds 16"):
        decoder(PROMPTS[:, :1])
