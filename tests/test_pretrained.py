"""Hugging Face's GPT-2 and GPT-NeoX give the same logits, losses and gradients, and read what we write."""

import dataclasses
import json

import pytest
import torch
import transformers
from local_server import serving
from models import small_config, small_llama, small_model, some_ids, theirs_of
from torch.testing import assert_close

from course_utils import pretrained
from course_utils.common import write_whole
from course_utils.gpt import GPT, GPTConfig
from course_utils.lora import LoRAConfig, add_lora
from course_utils.pretrained import (
    gpt_from_huggingface,
    gpt_to_huggingface,
    load_gpt2,
    load_huggingface,
    our_config,
    save_huggingface,
    their_name,
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
    for name, gradient in gpt_to_huggingface(model_of_gradients)[1].items():
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


@pytest.mark.parametrize("wrap", [torch.compile, torch.nn.DataParallel])
@pytest.mark.parametrize(("positions", "tied"), FORMS)
def test_of_a_wrapped_model_the_one_inside_goes_out(tmp_path, positions, tied, wrap):
    save_huggingface(wrap(small_model(positions=positions, tied=tied)), tmp_path)
    again, idx = load_huggingface(tmp_path), some_ids(2, 9)
    assert_close(again(idx), small_model(positions=positions, tied=tied)(idx), atol=0, rtol=0)


def test_weights_of_gpt2_without_the_prefix_are_read_too():
    model = small_model()
    config, weights = gpt_to_huggingface(model)
    bare = {name.removeprefix("transformer."): weight for name, weight in weights.items()}
    assert_close(gpt_from_huggingface(config, bare)(some_ids(1, 5)), model(some_ids(1, 5)))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model_type": "llama"}, "model_type is 'llama'"),
        ({"activation_function": "relu"}, "activation_function is 'relu'"),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx is True; our GPT has False"),
        ({"scale_attn_weights": False}, "scale_attn_weights is False"),
        ({"layer_norm_epsilon": 1e-6}, "layer_norm_epsilon is 1e-06"),
    ],
)
def test_a_gpt2_of_another_form_is_told(change, told):
    with pytest.raises(ValueError, match=told):
        our_config(gpt_to_huggingface(small_model())[0] | change)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"use_parallel_residual": True}, "use_parallel_residual is True; our GPT has False"),
        ({"rotary_pct": 0.25}, "partial_rotary_factor is 0.25"),
        ({"rotary_emb_base": 500_000}, "rope_theta is 500000"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "rope_type is 'yarn'"),
        ({"rope_parameters": {"rope_theta": 1e6, "partial_rotary_factor": 1.0}}, "rope_theta is 1000000.0"),
        ({"rope_scaling": {"factor": 2}}, "rope_scaling is"),
        ({"layer_norm_eps": 1e-6}, "layer_norm_eps is 1e-06"),
        ({"attention_bias": False}, "attention_bias is False"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'; our GPT has 'gelu_new'"),
    ],
)
def test_a_neox_of_another_form_is_told(change, told):
    theirs = gpt_to_huggingface(small_model(positions="rotary"))[0]
    assert our_config(theirs | {"rope_parameters": None}).positions == "rotary"
    with pytest.raises(ValueError, match=told.replace("(", r"\(")):
        our_config(theirs | change)


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_a_configuration_that_lacks_sizes_is_told(positions):
    theirs = gpt_to_huggingface(small_model(positions=positions))[0]
    with pytest.raises(ValueError, match=r"lacks \['vocab_size'\]"):
        our_config({name: value for name, value in theirs.items() if name != "vocab_size"})
    with pytest.raises(ValueError, match="it takes a dictionary"):
        our_config([])


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_what_is_loaded_keeps_precision_and_dropout_and_is_ready_to_be_asked(positions):
    model = small_model(positions=positions, dtype=torch.bfloat16, dropout=0.3)
    again = gpt_from_huggingface(*gpt_to_huggingface(model))
    assert again.config == model.config
    assert {weight.dtype for weight in again.parameters()} == {torch.bfloat16}
    assert not again.training
    assert_close(again(some_ids(1, 5)), model(some_ids(1, 5)), atol=0, rtol=0)


def test_a_model_saved_over_another_is_never_read_with_the_others_sizes(tmp_path, monkeypatch):
    save_huggingface(small_model(n_head=4), tmp_path)

    def power_cut(path, content):
        if path.name == "config.json":
            raise OSError("the power went")
        write_whole(path, content)

    monkeypatch.setattr("course_utils.pretrained.write_whole", power_cut)
    with pytest.raises(OSError, match="the power went"):
        save_huggingface(small_model(n_head=8), tmp_path)
    with pytest.raises(ValueError, match=r"no config\.json"):
        load_huggingface(tmp_path)


def test_quantised_weights_are_told():
    config, weights = pretrained.gpt_to_huggingface(small_model())
    weights["transformer.h.0.mlp.c_fc.weight"] = weights["transformer.h.0.mlp.c_fc.weight"].to(torch.int8)
    with pytest.raises(ValueError, match=r"'transformer.h.0.mlp.c_fc.weight' holds torch.int8; it takes floating"):
        pretrained.gpt_from_huggingface(config, weights)


def test_a_missing_and_a_misshapen_weight_are_named():
    config, weights = gpt_to_huggingface(small_model())
    name = "transformer.h.1.mlp.c_fc.weight"
    with pytest.raises(ValueError, match=f"lack '{name}'"):
        gpt_from_huggingface(config, {k: w for k, w in weights.items() if k != name})
    with pytest.raises(ValueError, match=rf"'{name}' is \(16, 128\).* \(32, 128\)"):
        gpt_from_huggingface(config, weights | {name: weights[name][:16]})
    config, weights = gpt_to_huggingface(small_model(positions="rotary"))
    name = "gpt_neox.layers.1.attention.query_key_value.weight"
    with pytest.raises(ValueError, match=rf"'{name}' is \(16, 32\).* \(96, 32\)"):
        gpt_from_huggingface(config, weights | {name: weights[name][:16]})
    with pytest.raises(ValueError, match="the weights lack"):
        gpt_from_huggingface(config, {})


def test_a_mask_stored_among_the_weights_does_no_harm():
    config, weights = gpt_to_huggingface(small_model())
    older = {"transformer.h.0.attn.bias": torch.ones(1, 1, 4, 4, dtype=torch.bool)} | weights
    assert_close(gpt_from_huggingface(config, older)(some_ids(1, 5)), small_model()(some_ids(1, 5)))


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


@pytest.mark.parametrize("name", ["blocks.0.attention.weight", "blocks", "foo", "blocks.0"])
def test_a_name_that_is_not_ours_is_told(name):
    with pytest.raises(ValueError, match=f"'{name}' is not the name of a weight"):
        their_name(GPTConfig(9, 8, 1, 1, 4), name)


def test_gpt2s_weights_are_downloaded_once_and_give_its_logits(monkeypatch, tmp_path):
    small = transformers.GPT2Config(vocab_size=50_257, n_positions=16, n_layer=2, n_head=2, n_embd=8)
    theirs = transformers.GPT2LMHeadModel(small).eval()
    theirs.save_pretrained(tmp_path / "published")
    published = (tmp_path / "published" / "model.safetensors").read_bytes()
    with serving(published, monkeypatch, tmp_path / "cache") as server:
        monkeypatch.setattr(pretrained, "GPT2_WEIGHTS", server.download())
        monkeypatch.setattr(pretrained, "GPT2_SMALL", GPTConfig(50_257, 16, 2, 2, 8))
        load_gpt2()
        model = load_gpt2()
    assert server.asked == [None]
    idx = some_ids(3, 16)
    with torch.no_grad():
        assert_close(model(idx), theirs(idx).logits)


def test_without_a_network_gpt2_says_what_to_do(monkeypatch, tmp_path):
    with serving(b"weights", monkeypatch, tmp_path) as server:
        monkeypatch.setattr(pretrained, "GPT2_WEIGHTS", server.download())
    with pytest.raises(ConnectionError, match=r"load_checkpoint\(BASE\), or put the file at .*gpt2.safetensors"):
        load_gpt2()


def test_the_sizes_of_gpt2_are_those_of_transformers():
    theirs = our_config(transformers.GPT2Config().to_dict())  # their defaults are GPT-2 small, but for dropout
    assert dataclasses.replace(theirs, dropout=0.0) == pretrained.GPT2_SMALL


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_output_weights_in_the_file_count_whatever_its_configuration_says(tmp_path, positions):
    model, idx = small_model(positions=positions, tied=False), some_ids(2, 9)
    save_huggingface(model, tmp_path, {"tie_word_embeddings": True})
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float64, local_files_only=True)
    ours = load_huggingface(tmp_path)
    assert_close(ours(idx), theirs.eval()(idx).logits, **EXACT)
    assert_close(ours(idx), model(idx), atol=0, rtol=0)
    assert not ours.config.tied


def test_a_tied_file_that_holds_the_same_table_twice_stays_tied():
    config, weights = gpt_to_huggingface(small_model())
    twice = weights | {"lm_head.weight": weights["transformer.wte.weight"].clone()}
    assert gpt_from_huggingface(config, twice).config.tied


class Louder(GPT):
    """A model whose scores are its own."""

    def forward(self, idx, cache=None, attention_mask=None):
        return 2 * super().forward(idx, cache, attention_mask)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: add_lora(small_model(), LoRAConfig()), "merge_lora adds them to the weights"),
        (lambda: add_lora(small_llama(), LoRAConfig()), "merge_lora adds them to the weights"),
        (lambda: Louder(small_config()), "the model is a Louder"),
        (lambda: with_another_head(small_llama(tied=True)), "the output weights differ"),
    ],
)
def test_what_they_would_compute_otherwise_does_not_go_out(make, told, tmp_path):
    with pytest.raises(ValueError, match=told):
        save_huggingface(make(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def with_another_head(model):
    model.lm_head = torch.nn.Linear(model.config.n_embd, model.config.vocab_size, bias=False)
    return model
