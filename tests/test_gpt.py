"""The model: equal to its formulas, causal, the same with and without a cache, and clear about what it cannot read."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from models import small_config, small_model, some_ids
from torch.testing import assert_close

from course_utils import gpt
from course_utils.gpt import (
    GPT,
    GPTConfig,
    KVCache,
    LayerNorm,
    attend,
    causal_mask,
    count_parameters,
    written_out_attention,
)

FORMS = [("learned", True), ("learned", False), ("rotary", True), ("rotary", False)]
# Brown et al. and Radford et al. print rounded numbers; these follow from the sizes.
GPT2_SIZES = {
    "gpt2": (12, 12, 768, 124_439_808),
    "gpt2-medium": (24, 16, 1024, 354_823_168),
    "gpt2-large": (36, 20, 1280, 774_030_080),
    "gpt2-xl": (48, 25, 1600, 1_557_611_200),
}


@pytest.mark.parametrize("name", GPT2_SIZES)
def test_gpt2s_sizes_have_their_number_of_parameters_to_the_digit(name):
    n_layer, n_head, n_embd, parameters = GPT2_SIZES[name]
    with torch.device("meta"):
        model = GPT(GPTConfig(50_257, 1024, n_layer, n_head, n_embd))
    assert count_parameters(model) == parameters


def draw_qkv(dtype=torch.float64, T=5, S=7):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, 3, n, 8, generator=generator).to(dtype) for n in (T, S, S)]


@pytest.mark.parametrize("masked", ["causal", "random"])
def test_written_out_attention_equals_the_fused_one(masked):
    q, k, v = draw_qkv(S=5)
    drawn = torch.rand(2, 1, 5, 5, generator=torch.Generator().manual_seed(0)) > 0.6
    mask = None if masked == "causal" else causal_mask(5, 5) & drawn
    fused = F.scaled_dot_product_attention(q, k, v, causal_mask(5, 5) if mask is None else mask)
    if mask is not None:
        assert not mask.any(-1).all()  # some queries may look nowhere
        fused = torch.where(mask.any(-1, keepdim=True), fused, 0.0)
    assert_close(written_out_attention(q, k, v, mask, 0.0), fused, atol=1e-12, rtol=0)
    assert_close(attend(q, k, v, mask), fused, atol=1e-12, rtol=0)
    half = [x.to(torch.bfloat16) for x in (q, k, v)]
    assert_close(attend(*half, mask).double(), fused, atol=0.03, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_numbers_in_a_mask_are_added_to_the_scores(dtype):
    q, k, v = draw_qkv(S=5)
    bias = torch.randn(3, 5, 5, generator=torch.Generator().manual_seed(0)).masked_fill(~causal_mask(5, 5), -torch.inf)
    by_hand = (q @ k.mT / 8**0.5 + bias).softmax(-1) @ v
    got = attend(q.to(dtype), k.to(dtype), v.to(dtype), bias)
    assert_close(got.double(), by_hand, atol=0.05 if dtype == torch.bfloat16 else 1e-6, rtol=0)


@pytest.mark.parametrize("part", [(), (0,), (0, 0)], ids=["texts of heads", "heads", "one head"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_fewer_queries_than_keys_are_the_last_ones(dtype, part):
    q, k, v = (x[part] for x in draw_qkv(dtype))
    by_formula = F.scaled_dot_product_attention(*draw_qkv(), causal_mask(5, 7))[part]
    assert_close(attend(q, k, v).double(), by_formula, atol=0.03 if dtype == torch.bfloat16 else 1e-6, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_more_queries_than_keys_are_refused_without_a_mask(dtype):
    q, k, v = draw_qkv(dtype, T=7, S=5)
    with pytest.raises(ValueError, match="attention got 7 queries and 5 keys"):
        attend(q, k, v)
    assert attend(q, k, v, torch.ones(7, 5, dtype=torch.bool)).shape == (2, 3, 7, 8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_mask_may_be_made_of_0_and_1(dtype):
    q, k, v = draw_qkv(dtype)
    mask = causal_mask(5, 7)
    assert torch.equal(attend(q, k, v, mask.long()), attend(q, k, v, mask))


@pytest.mark.parametrize("S", [7, 600])  # short and long texts take different ways
@pytest.mark.parametrize("form", ["bool", "float"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_query_that_may_look_nowhere_gets_zeros(dtype, form, S):
    q, k, v = (x.requires_grad_() for x in draw_qkv(dtype, S=S))
    mask = torch.ones(5, S, dtype=torch.bool)
    mask[2] = False
    if form == "float":
        mask = torch.zeros(5, S).masked_fill(~mask, -torch.inf)
    out = attend(q, k, v, mask)
    assert (out[:, :, 2] == 0).all()
    assert out.isfinite().all()
    out.sum().backward()
    assert all(x.grad.isfinite().all() for x in (q, k, v))


def test_attention_dropout_keeps_the_mean_and_drops_weights():
    q, k, v = draw_qkv(torch.float32, T=7)
    torch.manual_seed(0)
    many = torch.stack([written_out_attention(q, k, v, None, 0.4) for _ in range(4000)])
    assert_close(many.mean(0), written_out_attention(q, k, v, None, 0.0), atol=0.12, rtol=0)
    assert many.std(0).mean() > 0.1


@pytest.mark.parametrize(("positions", "tied"), FORMS)
def test_the_future_does_not_change_the_past(positions, tied):
    model, idx = small_model(positions=positions, tied=tied), some_ids(2, 12)
    before = model(idx)
    for place in range(1, 12):
        changed = idx.clone()
        changed[:, place:] = some_ids(2, 12 - place, seed=place + 50)
        assert_close(model(changed)[:, :place], before[:, :place], atol=1e-12, rtol=0)
    assert (model(changed)[:, -1] - before[:, -1]).abs().max() > 1e-3


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_reading_in_pieces_with_a_cache_equals_reading_at_once(positions):
    model, idx = small_model(positions=positions), some_ids(2, 14)
    cache, pieces, start = KVCache(model, 2), [], 0
    for length in (1, 5, 1, 4, 3):
        pieces.append(model(idx[:, start : start + length], cache))
        start += length
    assert_close(torch.cat(pieces, 1), model(idx), atol=1e-12, rtol=0)
    assert cache.length == 14


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_padding_before_a_text_changes_nothing(positions):
    model, idx = small_model(positions=positions), some_ids(1, 6)
    padded = torch.cat((torch.zeros(1, 4, dtype=torch.int64), idx), 1)
    attention_mask = torch.arange(10)[None] >= 4
    assert_close(model(padded, attention_mask=attention_mask)[:, 4:], model(idx), atol=1e-12, rtol=0)
    assert model(padded, attention_mask=attention_mask).isfinite().all()


def test_positions_matter_and_without_them_the_last_token_cannot_tell_the_order():
    idx, swapped = torch.tensor([[5, 9, 2, 7]]), torch.tensor([[9, 2, 5, 7]])
    model = small_model(n_layer=1)
    assert (model(idx)[0, -1] - model(swapped)[0, -1]).abs().max() > 1e-3
    torch.nn.init.zeros_(model.position_embedding.weight)
    assert_close(model(idx)[0, -1], model(swapped)[0, -1], atol=1e-12, rtol=0)


def test_layer_norm_equals_its_formula():
    norm, x = LayerNorm(16).double(), torch.randn(3, 16, dtype=torch.float64) * 5 + 2
    torch.nn.init.normal_(norm.weight), torch.nn.init.normal_(norm.bias)
    scaled = (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt()
    assert_close(norm(x), scaled * norm.weight + norm.bias, atol=1e-12, rtol=0)


def test_tied_weights_are_one_and_the_same():
    tied, own = small_model(tied=True), small_model(tied=False)
    assert tied.lm_head.weight is tied.token_embedding.weight
    assert count_parameters(own) - count_parameters(tied) == 37 * 32


def test_fresh_weights_follow_gpt2():
    torch.manual_seed(0)
    model = GPT(small_config(n_embd=128, n_layer=2, vocab_size=500))
    assert 0.019 < model.token_embedding.weight.std() < 0.021
    assert 0.019 < model.blocks[0].attn.qkv.weight.std() < 0.021
    assert 0.0095 < model.blocks[1].mlp.down.weight.std() < 0.0105  # 0.02 / sqrt(2 * 2 layers)
    assert not model.blocks[0].mlp.up.bias.any()
    assert (model.final_norm.weight == 1).all()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"n_embd": 30}, "n_embd is 30 and n_head is 4"),
        ({"n_layer": 0}, "n_layer is 0"),
        ({"vocab_size": 2.5}, "vocab_size is 2.5"),
        ({"vocab_size": np.float64(2)}, "vocab_size is .*2.0.*; it takes a whole number"),
        ({"n_layer": True}, "n_layer is True"),
        ({"n_layer": "3"}, "n_layer is '3'"),
        ({"tied": "no"}, "tied is 'no'; it takes True or False"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"positions": "absolute"}, "positions is 'absolute'; it takes one of learned, rotary"),
        ({"positions": "rotary", "n_embd": 12}, "n_embd / n_head is 3, make it even"),
    ],
)
def test_sizes_that_cannot_be_are_told(changes, told):
    with pytest.raises(ValueError, match=told.replace("(", r"\(")):
        small_config(**changes)


def test_sizes_may_be_numpys_numbers_and_become_pythons():
    sizes = {"vocab_size": np.int64(37), "n_layer": np.int32(2), "n_embd": torch.tensor(8), "dropout": np.float32(0.5)}
    config = small_config(**sizes, tied=np.True_)
    assert json.loads(json.dumps(asdict(config))) == asdict(
        small_config(vocab_size=37, n_layer=2, n_embd=8, dropout=0.5)
    )


@pytest.mark.parametrize(
    ("idx", "told"),
    [
        ([[1, 2]], "token ids are a list; a model reads a tensor"),
        (torch.tensor([[1, 37]]), "token id 37 is outside the vocabulary of 37"),
        (torch.tensor([[-1, 3]]), "token id -1 is outside the vocabulary of 37"),
        (torch.zeros(1, 17).long(), "the text is 17 tokens long and the model's context holds 16"),
        (torch.zeros(1, 0).long(), "the text is empty"),
        (torch.zeros(5).long(), r"token ids are \(5,\)"),
        (torch.zeros(1, 5), "of torch.float32"),
    ],
)
def test_ids_that_cannot_be_read_are_told(idx, told):
    with pytest.raises(ValueError, match=told):
        small_model()(idx)


@pytest.mark.parametrize("second", [some_ids(2, 5), torch.ones(2, 5, dtype=torch.bool), [[1, 2]]])
def test_targets_or_a_mask_in_the_place_of_the_cache_are_told(second):
    kind = type(second).__name__
    with pytest.raises(ValueError, match=f"the second argument is a {kind}; a model takes token ids and a KVCache"):
        small_model()(some_ids(2, 5), second)


def test_a_cache_for_another_number_of_texts_is_told():
    model = small_model()
    with pytest.raises(ValueError, match="there are 1 texts of token ids and the cache is for 2"):
        model(some_ids(1, 5), KVCache(model, 2))


def test_a_mark_of_padding_that_is_no_tensor_is_told():
    with pytest.raises(ValueError, match="attention_mask is a list, not a tensor"):
        small_model()(some_ids(1, 2), attention_mask=[[0, 1]])


@pytest.mark.parametrize("shape", [(1, 3), (3, 5), (5,)])
def test_a_mark_of_padding_of_another_shape_is_told(shape):
    with pytest.raises(ValueError, match=r"it marks each of \(2, 5\) tokens: 0 before, 5 new"):
        small_model()(some_ids(2, 5), attention_mask=torch.ones(shape))


def test_a_mark_of_padding_may_be_made_of_numbers():
    model, idx = small_model(), some_ids(2, 5)
    attention_mask = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
    assert_close(
        model(idx, attention_mask=attention_mask.float()),
        model(idx, attention_mask=attention_mask.bool()),
        atol=0,
        rtol=0,
    )


def test_rotary_angles_stay_exact_in_a_model_of_half_precision():
    model = GPT(small_config(positions="rotary", context_length=600))
    exact = model.angles.clone()
    for change in (GPT.bfloat16, GPT.half, GPT.double):
        assert torch.equal(change(model).angles, exact)
    assert exact[257, 0] == 257  # bfloat16 has no such number
    _, cos, _ = model.bfloat16().embed(torch.zeros(1, 600).long(), slice(0, 600))
    assert_close(cos[0].float(), exact.cos(), atol=0.005, rtol=0)


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_it_is_exported_with_any_batch_and_length(positions):
    model = small_model(positions=positions)
    any_size = {"idx": {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}}
    program = torch.export.export(model, (some_ids(2, 5),), dynamic_shapes=any_size).module()
    for shape in ((2, 5), (1, 16), (7, 3)):
        idx = some_ids(*shape, seed=3)
        assert_close(program(idx), model(idx))


def test_rotated_queries_stay_in_bfloat16_under_autocast(monkeypatch):
    # Rotated to float32 they'd take the fused form, which is three times as slow there on the way back.
    seen, plain = [], gpt.written_out_attention

    def watched(q, k, *rest):
        seen.append((q.dtype, k.dtype))
        return plain(q, k, *rest)

    monkeypatch.setattr(gpt, "written_out_attention", watched)
    model = GPT(GPTConfig(vocab_size=9, context_length=8, n_layer=2, n_head=2, n_embd=8, positions="rotary"))
    with torch.autocast("cpu", torch.bfloat16):
        model(torch.zeros(1, 4).long())
    assert seen == [(torch.bfloat16, torch.bfloat16)] * 2
