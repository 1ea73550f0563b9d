"""Every scheme reads longer texts than it was trained on; two equal the GPT itself, none looks ahead."""

import json
from dataclasses import replace

import pytest
import torch
from models import some_ids
from torch.testing import assert_close

from course_utils.experiments import lengths
from course_utils.experiments.lengths import (
    SCHEMES,
    SHADOW,
    SIZES,
    PlacedGPT,
    loss_by_place,
    stretch,
    train_placed,
    unseen_windows,
)
from course_utils.gpt import GPT
from course_utils.recipe import initialise_small, tales_tokenizer
from course_utils.training import cross_entropy

CONFIG = replace(SIZES, vocab_size=37, context_length=24)


def placed(scheme, seed=0, trained=8):
    torch.manual_seed(seed)
    model = PlacedGPT(CONFIG, scheme, trained)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.3)
    return model.double().eval()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_future_does_not_change_the_past_also_in_longer_texts(scheme):
    model, idx = placed(scheme), some_ids(2, 24)
    before = model(idx)
    for place in (1, 8, 17, 23):
        changed = idx.clone()
        changed[:, place:] = some_ids(2, 24 - place, seed=place)
        assert_close(model(changed)[:, :place], before[:, :place], atol=1e-10, rtol=0)
    assert (model(changed)[:, -1] - before[:, -1]).abs().max() > 1e-3


@pytest.mark.parametrize("scheme", ["learned", "rotary"])
def test_learned_and_rotary_are_the_gpt_itself(scheme):
    model = placed(scheme)
    theirs = GPT(replace(CONFIG, positions=scheme)).double().eval()
    theirs.load_state_dict(model.state_dict())
    assert_close(model(some_ids(2, 24)), theirs(some_ids(2, 24)), atol=1e-10, rtol=0)


def test_sinusoids_are_learned_positions_with_the_paper_s_rows():
    model, other = placed("sinusoidal"), placed("learned")
    missing = other.load_state_dict(model.state_dict(), strict=False).missing_keys
    assert missing == ["position_embedding.weight"]
    with torch.no_grad():
        for p in range(24):
            for i in range(32):
                angle = torch.tensor(p / 10_000 ** (2 * i / 64))
                other.position_embedding.weight[p, 2 * i : 2 * i + 2] = SHADOW * torch.stack((angle.sin(), angle.cos()))
    assert_close(model(some_ids(2, 24)), other(some_ids(2, 24)), atol=1e-5, rtol=0)


def test_a_relative_bias_of_zero_is_no_position_at_all():
    model, none = placed("relative bias"), placed("none")
    with torch.no_grad():
        model.relative_bias.table.weight.zero_()
    none.load_state_dict(model.state_dict(), strict=False)
    assert_close(model(some_ids(2, 24)), none(some_ids(2, 24)), atol=1e-10, rtol=0)


def test_without_positions_the_order_of_earlier_tokens_does_not_count_in_one_block():
    torch.manual_seed(0)
    one = PlacedGPT(replace(CONFIG, n_layer=1), "none", 8).double().eval()
    a, b = torch.tensor([[5, 9, 2, 7]]), torch.tensor([[2, 5, 9, 7]])
    assert_close(one(a)[0, -1], one(b)[0, -1], atol=1e-10, rtol=0)
    assert (placed("ALiBi")(a)[0, -1] - placed("ALiBi")(b)[0, -1]).abs().max() > 1e-4


def test_the_loss_at_each_place_is_the_mean_over_windows():
    model, idx = placed("rotary"), some_ids(70, 13)
    found = loss_by_place(model, idx[:, :-1], idx[:, 1:])
    by_hand = [cross_entropy(model(idx[:, :-1])[:, [p]], idx[:, 1:][:, [p]]).item() for p in range(12)]
    assert found == pytest.approx(by_hand, abs=1e-8)
    assert stretch(found, 2, 4) == pytest.approx((by_hand[2] + by_hand[3]) / 2)


def test_the_program_keeps_what_it_has_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lengths, "STEPS", 1)
    monkeypatch.setattr(lengths, "SCHEMES", ("none", "ALiBi"))
    small = tales_tokenizer(400)
    monkeypatch.setattr(lengths, "tales_tokenizer", lambda: small)
    monkeypatch.setattr(lengths, "unseen_windows", lambda tokenizer: unseen_windows(tokenizer, 4))
    monkeypatch.setattr(lengths, "train_placed", lambda *a: train_placed(*a, steps=1))
    path = tmp_path / "lengths.json"
    lengths.lengths("1", path)
    rows = json.loads(path.read_text())
    assert [(row["scheme"], row["seed"], len(row["losses"])) for row in rows] == [("none", 0, 128), ("ALiBi", 0, 128)]
    monkeypatch.setattr(lengths, "train_placed", None)  # nothing is trained again
    lengths.lengths("1", path)
    assert "ALiBi" in capsys.readouterr().out


def test_the_recipe_s_fresh_weights_leave_a_bias_at_zero():
    model = PlacedGPT(CONFIG, "relative bias", 8)
    initialise_small(model)
    assert not model.relative_bias.table.weight.any()


def test_what_cannot_be_is_told():
    with pytest.raises(ValueError, match="scheme is 'absolute'; it takes one of none, learned"):
        PlacedGPT(CONFIG, "absolute", 8)
    with pytest.raises(ValueError, match="without cache and padding"):
        placed("none")(some_ids(1, 3), real=torch.ones(1, 3))
