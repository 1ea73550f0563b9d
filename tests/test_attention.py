"""Each rung equals PyTorch's own attention, the rung below where it should, and never looks ahead where it must not."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from models import small_config
from torch import nn
from torch.testing import assert_close

from course_utils import gpt
from course_utils.attention import CausalAttention, MultiHeadAttention, SelfAttention, SimplifiedSelfAttention

EXACT = {"atol": 1e-10, "rtol": 0}
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 4), st.integers(1, 4))  # B, T, heads, D


def vectors(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def wide(module, seed=0):
    """The same module in float64, every weight drawn wide."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in module.double().parameters():
            weight.copy_(0.5 * torch.randn(weight.shape, dtype=torch.float64, generator=generator))
    return module.eval()


def copy_qkv(attention, multi):
    """Give a causal head the queries, keys and values of the only head of `multi`."""
    with torch.no_grad():
        parts = zip(multi.qkv.weight.chunk(3), multi.qkv.bias.chunk(3), strict=True)
        for layer, (weight, bias) in zip((attention.query, attention.key, attention.value), parts, strict=True):
            layer.weight.copy_(weight), layer.bias.copy_(bias)


@given(SHAPES)
@settings(deadline=None, max_examples=30)
def test_every_rung_equals_pytorch_s_fused_attention(sizes):
    B, T, heads, D = sizes
    C = heads * D
    x = vectors(B, T, C)
    assert_close(SimplifiedSelfAttention()(x), F.scaled_dot_product_attention(x, x, x, scale=1.0), **EXACT)
    for one, causal in ((SelfAttention(C, D, bias=True), False), (CausalAttention(C, D, T, bias=True), True)):
        one = wide(one)
        q, k, v = one.query(x), one.key(x), one.value(x)
        assert_close(one(x), F.scaled_dot_product_attention(q, k, v, is_causal=causal), **EXACT)
    multi = wide(MultiHeadAttention(C, heads, T))
    q, k, v = (part.view(B, T, heads, D).transpose(1, 2) for part in multi.qkv(x).chunk(3, -1))
    by_torch = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, C)
    assert_close(multi(x), multi.proj(by_torch), **EXACT)


@given(SHAPES)
@settings(deadline=None, max_examples=20)
def test_multi_head_attention_is_pytorch_s_forward_and_gradients(sizes):
    B, T, heads, D = sizes
    C = heads * D
    ours, theirs = wide(MultiHeadAttention(C, heads, T)), nn.MultiheadAttention(C, heads, batch_first=True).double()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.qkv.weight), theirs.in_proj_bias.copy_(ours.qkv.bias)
        theirs.out_proj.weight.copy_(ours.proj.weight), theirs.out_proj.bias.copy_(ours.proj.bias)
    x, other = vectors(B, T, C).requires_grad_(), vectors(B, T, C).requires_grad_()
    closed = torch.ones(T, T, dtype=torch.bool).triu(1)
    out, their_out = ours(x), theirs(other, other, other, attn_mask=closed, need_weights=False)[0]
    assert_close(out, their_out, **EXACT)
    (out**3).sum().backward(), (their_out**3).sum().backward()
    assert_close(x.grad, other.grad, **EXACT)
    assert_close(ours.qkv.weight.grad, theirs.in_proj_weight.grad, **EXACT)
    assert_close(ours.qkv.bias.grad, theirs.in_proj_bias.grad, **EXACT)
    assert_close(ours.proj.weight.grad, theirs.out_proj.weight.grad, **EXACT)


def test_with_identity_projections_and_scale_one_a_rung_is_the_one_below():
    x = vectors(2, 5, 4)
    one = SelfAttention(4, 4).double()
    with torch.no_grad():
        for layer, size in ((one.query, math.sqrt(4)), (one.key, 1.0), (one.value, 1.0)):
            layer.weight.copy_(size * torch.eye(4))  # the queries undo the division by √4
    assert_close(one(x), SimplifiedSelfAttention()(x), **EXACT)


def test_the_last_token_of_causal_attention_sees_all_as_self_attention_does():
    whole, causal, x = wide(SelfAttention(4, 3)), CausalAttention(4, 3, context_length=6).double(), vectors(2, 6, 4)
    causal.load_state_dict(whole.state_dict())
    assert_close(causal(x)[:, -1], whole(x)[:, -1], **EXACT)
    assert_close(causal(x)[:, :1], causal.value(x)[:, :1], **EXACT)  # the first sees itself only
    assert (causal(x)[:, 1] - whole(x)[:, 1]).abs().max() > 1e-3


def test_one_head_is_causal_attention_and_its_projection():
    multi, one, x = wide(MultiHeadAttention(4, 1, 6)), CausalAttention(4, 4, 6, bias=True).double(), vectors(2, 6, 4)
    copy_qkv(one, multi)
    assert_close(multi(x), multi.proj(one(x)), **EXACT)


def test_several_heads_are_a_stack_of_causal_heads():
    multi, x = wide(MultiHeadAttention(6, 3, 5)), vectors(2, 5, 6)
    heads = []
    for head in range(3):
        rows = slice(2 * head, 2 * head + 2)
        one = CausalAttention(6, 2, 5, bias=True).double()
        with torch.no_grad():
            for layer, part, shift in zip(
                (one.query, one.key, one.value), multi.qkv.weight.chunk(3), multi.qkv.bias.chunk(3), strict=True
            ):
                layer.weight.copy_(part[rows]), layer.bias.copy_(shift[rows])
        heads.append(one(x))
    assert_close(multi(x), multi.proj(torch.cat(heads, -1)), **EXACT)


def test_gpt_s_attention_is_the_same_with_the_same_weights():
    config = small_config()
    theirs = wide(gpt.Attention(config))
    ours = MultiHeadAttention(config.n_embd, config.n_head, config.context_length).double()
    ours.load_state_dict(theirs.state_dict())
    x = vectors(2, 11, config.n_embd)
    assert_close(ours(x), theirs(x), **EXACT)
    attention_mask = torch.tensor([[False] * 3 + [True] * 8, [True] * 11])
    mask = gpt.causal_mask(11, 11) & attention_mask[:, None, None]
    assert_close(ours(x, attention_mask), theirs(x, gpt.Context(mask)), **EXACT)


CAUSAL = [lambda: CausalAttention(6, 4, 8), lambda: MultiHeadAttention(6, 2, 8)]


@pytest.mark.parametrize("make", CAUSAL)
def test_changing_the_future_changes_nothing_before_it(make):
    attention, x = wide(make()), vectors(2, 8, 6)
    for place in range(1, 8):
        changed = x.clone()
        changed[:, place:] = vectors(2, 8 - place, 6, seed=place)
        assert_close(attention(changed)[:, :place], attention(x)[:, :place], **EXACT)
    assert (attention(changed)[:, -1] - attention(x)[:, -1]).abs().max() > 1e-3


def test_without_positions_and_mask_shuffling_before_is_shuffling_after():
    x, order = vectors(2, 7, 6), torch.tensor([3, 1, 6, 0, 5, 2, 4])
    for attention in (SimplifiedSelfAttention(), wide(SelfAttention(6, 4))):
        assert_close(attention(x[:, order]), attention(x)[:, order], **EXACT)


@pytest.mark.parametrize(
    "make",
    [
        SimplifiedSelfAttention,
        lambda: SelfAttention(4, 3),
        lambda: CausalAttention(4, 3, 5),
        lambda: MultiHeadAttention(4, 2, 5),
    ],
)
def test_gradients_are_those_that_one_measures(make):
    attention = wide(make())
    assert torch.autograd.gradcheck(attention, (vectors(2, 5, 4).requires_grad_(),))


@pytest.mark.parametrize(("dtype", "off"), [(torch.bfloat16, 0.05), (torch.float16, 0.01)])
def test_half_precision_is_near(dtype, off):
    torch.manual_seed(0)
    attention = MultiHeadAttention(32, 4, 16).eval()
    x = torch.randn(2, 16, 32)
    exact = attention(x)
    assert_close(attention.to(dtype)(x.to(dtype)).float(), exact, atol=off, rtol=0)


def test_automatic_mixed_precision_may_mix_formats():
    layer = MultiHeadAttention(4, 2, 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.zeros(1, 3, 4).bfloat16()).dtype == torch.bfloat16


def test_padding_is_never_looked_at_and_a_token_that_may_look_nowhere_gets_zeros():
    attention, x = wide(MultiHeadAttention(4, 2, 8)), vectors(2, 6, 4).requires_grad_()
    attention_mask = torch.tensor([[False, False, True, True, True, True], [True] * 6])
    out = attention(x, attention_mask)
    assert_close(out[0, 2:], attention(x[:1, 2:])[0], **EXACT)
    assert_close(out[1], attention(x[1:])[0], **EXACT)
    assert_close(out[0, :2], attention.proj.bias.expand(2, 4), **EXACT)  # zeros, and the projection's bias
    with torch.autograd.set_detect_anomaly(True):  # no NaN on the way back either
        attention(x, attention_mask).sum().backward()
    assert x.grad.isfinite().all()


def test_dropout_acts_on_the_weights_keeps_their_mean_and_rests_in_evaluation():
    attention, x = wide(CausalAttention(4, 3, 6, dropout=0.5)), vectors(1, 6, 4)
    exact = attention(x)
    attention.train()
    torch.manual_seed(0)
    many = torch.stack([attention(x) for _ in range(3000)])
    assert_close(many.mean(0), exact, atol=0.15, rtol=0)
    # The first token has one weight, 1: dropped or doubled.
    first, value = many[:, 0, 0], attention.value(x)[0, 0]
    assert {bool(row.eq(0).all()) or torch.allclose(row, 2 * value) for row in first} == {True}
    assert_close(attention.eval()(x), exact, **EXACT)


def test_dropout_drops_the_weights_of_each_head_on_their_own():
    attention, x = wide(MultiHeadAttention(4, 2, 6, dropout=0.5)).train(), vectors(1, 6, 4)
    torch.manual_seed(0)
    first = torch.stack([attention(x)[0, 0] for _ in range(200)])  # a weight of 1 in each of two heads: gone or doubled
    assert len(first.detach().round(decimals=6).unique(dim=0)) == 4


def test_the_mask_moves_with_the_model_and_is_not_saved():
    attention = MultiHeadAttention(4, 2, 5)
    assert attention.to("meta").future.device.type == "meta"
    assert set(MultiHeadAttention(4, 2, 5).state_dict()) == {"qkv.weight", "qkv.bias", "proj.weight", "proj.bias"}


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: SimplifiedSelfAttention()(torch.zeros(3, 4)), r"got \(3, 4\) of torch.float32; it takes \(B, T, C\)"),
        (lambda: SimplifiedSelfAttention()(torch.zeros(1, 3, 4).long()), "of torch.int64"),
        (
            lambda: SelfAttention(4, 2)(torch.zeros(1, 3, 5)),
            r"vectors of 5 numbers, shape \(1, 3, 5\); this layer takes 4",
        ),
        (
            lambda: CausalAttention(4, 2, 3)(torch.zeros(1, 4, 4)),
            r"got 4 tokens, shape \(1, 4, 4\); its context_length",
        ),
        (lambda: MultiHeadAttention(4, 3, 8), "n_embd is 4 and n_head is 3"),
        (lambda: MultiHeadAttention(4, 0, 8), "n_embd is 4 and n_head is 0"),
        (lambda: MultiHeadAttention(4, 2, 3)(torch.zeros(1, 5, 4)), "its context_length is 3"),
        (
            lambda: MultiHeadAttention(4, 2, 3)(torch.zeros(1, 3, 4), torch.ones(1, 2)),
            r"attention_mask is \(1, 2\) on cpu",
        ),
        (
            lambda: MultiHeadAttention(4, 2, 3)(torch.zeros(1, 3, 4), torch.ones(1, 3).to("meta")),
            "on meta; it marks each",
        ),
        (
            lambda: SelfAttention(4, 2)(torch.zeros(1, 3, 4).double()),
            r"got \(1, 3, 4\) of torch.float64 on cpu; this layer's weights are torch.float32 on cpu",
        ),
        (lambda: CausalAttention(4, 2, 3)(torch.zeros(1, 3, 4).to("meta")), r"\(1, 3, 4\) of torch.float32 on meta"),
        (lambda: MultiHeadAttention(4, 2, 3)(torch.zeros(1, 3, 4).half()), "of torch.float16 on cpu"),
    ],
)
def test_what_cannot_be_is_told(call, told):
    with pytest.raises(ValueError, match=told):
        call()
