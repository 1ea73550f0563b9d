"""Hugging Face's GPT-2 and GPT-NeoX give the same logits, losses and gradients, and read what we write."""

import json

import pytest
import torch
import transformers
from models import small_model, some_ids, theirs_of
from torch.testing import assert_close

from course_utils.gpt import GPTConfig
from course_utils.pretrained import (
    from_huggingface,
    load_huggingface,
    our_config,
    save_huggingface,
    their_name,
    to_huggingface,
)
from course_utils.training import cross_entropy

FORMS = [("learned", True), ("learned", False), ("rotary", True), ("rotary", False)]
EXACT = {"atol": 1e-10, "rtol": 0}


@pytest.mark.parametrize(("positions", "tied"), FORMS)
def test_logits_loss_and_every_gradient_equal_theirs(positions, tied):
    model, idx = small_model(positions=positions, tied=tied), some_ids(3, 16)
    theirs = theirs_of(model)
    logits, their_logits = model(idx), theirs(idx).logits
    assert_close(logits, their_logits, **EXACT)
    # Their own loss is taken in float32: from their logits it is asked of PyTorch directly.
    loss = cross_entropy(logits[:, :-1], idx[:, 1:])
    their_loss = torch.nn.functional.cross_entropy(their_logits[:, :-1].flatten(0, 1), idx[:, 1:].flatten())
    assert_close(loss, their_loss, **EXACT)
    loss.backward()
    their_loss.backward()
    their_gradients = {name: w.grad for name, w in theirs.named_parameters()}
    model_of_gradients = small_model(positions=positions, tied=tied)
    for ours, weight in zip(model_of_gradients.parameters(), model.parameters(), strict=True):
        ours.data = weight.grad
    for name, gradient in to_huggingface(model_of_gradients)[1].items():
        name = name.replace("embed_out", "lm_head")  # renamed in newer versions
        assert their_gradients[name].abs().max() > 0
        assert_close(gradient, their_gradients[name], **EXACT)


@pytest.mark.parametrize(("positions", "tied"), FORMS)
def test_a_directory_goes_out_loads_in_transformers_and_comes_back(tmp_path, positions, tied):
    model, idx = small_model(positions=positions, tied=tied), some_ids(2, 9)
    save_huggingface(model, tmp_path)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path, dtype=torch.float64, attn_implementation="sdpa", local_files_only=True
    )
    assert_close(theirs.eval()(idx).logits, model(idx), **EXACT)
    theirs.save_pretrained(tmp_path / "theirs")
    for folder in (tmp_path, tmp_path / "theirs"):
        assert_close(load_huggingface(folder)(idx), model(idx), atol=0, rtol=0)


def test_weights_of_gpt2_without_the_prefix_are_read_too():
    model = small_model()
    config, weights = to_huggingface(model)
    bare = {name.removeprefix("transformer."): weight for name, weight in weights.items()}
    assert_close(from_huggingface(config, bare)(some_ids(1, 5)), model(some_ids(1, 5)))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model_type": "llama"}, "model_type is 'llama'"),
        ({"activation_function": "relu"}, "activation is 'relu'"),
        ({"model_type": "gpt_neox", "hidden_act": "gelu_new"}, "parallel residuals"),
    ],
)
def test_a_model_of_another_form_is_told(change, told):
    with pytest.raises(ValueError, match=told):
        our_config(to_huggingface(small_model())[0] | change)


def test_a_missing_and_a_misshapen_weight_are_named():
    config, weights = to_huggingface(small_model())
    name = "transformer.h.1.mlp.c_fc.weight"
    with pytest.raises(ValueError, match=f"lack '{name}'"):
        from_huggingface(config, {k: w for k, w in weights.items() if k != name})
    with pytest.raises(ValueError, match=rf"'{name}' is \(128, 16\).* \(128, 32\)"):
        from_huggingface(config, weights | {name: weights[name][:16]})


def test_a_damaged_directory_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"no config\.json"):
        load_huggingface(tmp_path)
    save_huggingface(small_model(), tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="damaged"):
        load_huggingface(tmp_path)
    save_huggingface(small_model(), tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2"})[:-3])
    with pytest.raises(ValueError, match="damaged"):
        load_huggingface(tmp_path)


def test_a_name_that_is_not_ours_is_told():
    with pytest.raises(ValueError, match=r"'blocks\.0\.attention\.weight'"):
        their_name(GPTConfig(9, 8, 1, 1, 4), "blocks.0.attention.weight")
