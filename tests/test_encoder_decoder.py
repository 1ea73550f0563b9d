"""The encoder and decoder against PyTorch's own transformer, their masks, and what a decoder with a source is."""

import copy

import pytest
import torch
from torch import nn

from course_utils.encoder_decoder import CrossAttention, EncoderDecoder, cross_attention_weights, to_pytorch
from course_utils.generation import Sampler, beam_search, generate_tokens
from course_utils.gpt import GPTConfig, KVCache, count_parameters

CONFIG = GPTConfig(vocab_size=23, context_length=12, n_layer=2, n_head=3, n_embd=12)
B, S, T = 4, 9, 7
LENGTHS, TARGET_LENGTHS = (9, 5, 1, 7), (7, 3, 6, 1)


@pytest.fixture
def model() -> EncoderDecoder:
    torch.manual_seed(0)
    model = EncoderDecoder(CONFIG).double()
    with torch.no_grad():
        for weight in model.parameters():  # no bias of 0 and no norm of 1 behind which a mistake could hide
            weight.add_(torch.randn_like(weight), alpha=0.3)
    return model


@pytest.fixture
def batch() -> tuple[torch.Tensor, ...]:
    chance = torch.Generator().manual_seed(1)
    source, idx = (torch.randint(23, (B, length), generator=chance) for length in (S, T))
    masks = (
        torch.arange(size) < torch.tensor(lengths)[:, None] for size, lengths in ((S, LENGTHS), (T, TARGET_LENGTHS))
    )
    return source, idx, *masks


def counterparts(model: EncoderDecoder, grad: bool = False) -> dict[str, torch.Tensor]:
    """Our weights, or their gradients, under the names of PyTorch's. Mapped otherwise than in `to_pytorch`."""

    def of(layer: nn.Module) -> dict[str, torch.Tensor]:
        return {name: weight.grad if grad else weight.data for name, weight in layer.named_parameters(recurse=False)}

    found = {}

    def add(name: str, layer: nn.Module) -> None:
        found.update({f"{name}.{kind}": value for kind, value in of(layer).items()})

    def add_attention(name: str, parts: list[nn.Module], proj: nn.Module) -> None:
        for kind in ("weight", "bias"):
            found[f"{name}.in_proj_{kind}"] = torch.cat([of(part)[kind] for part in parts])
        add(f"{name}.out_proj", proj)

    halves = {
        "encoder": (model.encoder_blocks, model.encoder_norm),
        "decoder": (model.decoder_blocks, model.final_norm),
    }
    for half, (blocks, norm) in halves.items():
        add(f"{half}.norm", norm)
        for place, block in enumerate(blocks):
            at = f"{half}.layers.{place}"
            add_attention(f"{at}.self_attn", [block.attn.qkv], block.attn.proj)
            add(f"{at}.norm1", block.attn_norm)
            if half == "decoder":
                add_attention(f"{at}.multihead_attn", [block.cross.query, block.cross.kv], block.cross.proj)
                add(f"{at}.norm2", block.cross_norm)
            add(f"{at}.norm{2 + (half == 'decoder')}", block.mlp_norm)
            add(f"{at}.linear1", block.mlp.up)
            add(f"{at}.linear2", block.mlp.down)
    return found


def test_forward_and_gradients_equal_pytorchs_with_padding_on_both_sides(model, batch):
    source, idx, source_mask, attention_mask = batch
    theirs, table = to_pytorch(model), copy.deepcopy(model)
    weights = torch.randn(B, T, 23, dtype=torch.float64) * attention_mask[..., None]
    ours = model(source, idx, source_mask, attention_mask)
    (ours * weights).sum().backward()
    # Embeddings and the output layer aren't part of nn.Transformer: it gets a copy of ours.
    vectors = [table.embed(ids, slice(0, ids.shape[1])) for ids in (source, idx)]
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    hidden = ~source_mask  # PyTorch's masks are True at what is hidden
    out = theirs(
        *vectors,
        tgt_mask=future,
        src_key_padding_mask=hidden,
        memory_key_padding_mask=hidden,
        tgt_key_padding_mask=~attention_mask,
    )
    logits = table.lm_head(out)
    (logits * weights).sum().backward()
    torch.testing.assert_close(ours[attention_mask], logits[attention_mask])
    gradients = counterparts(model, grad=True)
    assert gradients.keys() == dict(theirs.named_parameters()).keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, theirs.get_parameter(name).grad, msg=lambda text, name=name: name + text)
    for name in ("token_embedding", "position_embedding"):
        torch.testing.assert_close(getattr(model, name).weight.grad, getattr(table, name).weight.grad)


def test_all_weights_have_a_counterpart(model):
    theirs = dict(to_pytorch(model).named_parameters())
    for name, ours in counterparts(model).items():
        torch.testing.assert_close(ours, theirs[name].data)
    own = count_parameters(model.token_embedding) + count_parameters(model.position_embedding)
    assert count_parameters(to_pytorch(model)) + own == count_parameters(model)


def test_cross_attention_equals_multihead_attention_and_a_loop(model):
    layer = CrossAttention(CONFIG).double()
    x, memory = torch.randn(B, T, 12).double(), torch.randn(B, S, 12).double()
    mask = torch.arange(S) < torch.tensor(LENGTHS)[:, None]
    found = layer(x, layer.keys_values(memory), mask[:, None, None])
    k, v = layer.kv(memory).chunk(2, dim=-1)
    q = layer.query(x)
    for b, length in enumerate(LENGTHS):
        heads = []
        for head in range(3):
            at = slice(4 * head, 4 * head + 4)
            scores = q[b, :, at] @ k[b, :length, at].T / 4**0.5
            heads.append(scores.softmax(-1) @ v[b, :length, at])
        torch.testing.assert_close(found[b], layer.proj(torch.cat(heads, dim=-1)))


def test_nothing_depends_on_what_stands_in_the_padding(model, batch):
    source, idx, source_mask, attention_mask = batch
    other_source, other_idx = source.clone(), idx.clone()
    other_source[~source_mask], other_idx[~attention_mask] = 3, 5
    one, two = model(source, idx, source_mask), model(other_source, other_idx, source_mask)
    torch.testing.assert_close(one[attention_mask], two[attention_mask])
    assert not torch.allclose(model(source, idx), model(other_source, idx))  # without the mask it does


def test_a_batch_equals_its_rows_alone(model, batch):
    source, idx, source_mask, _ = batch
    together = model(source, idx, source_mask)
    for b in range(B):
        n, t = LENGTHS[b], TARGET_LENGTHS[b]
        torch.testing.assert_close(model(source[b : b + 1, :n], idx[b : b + 1, :t])[0], together[b, :t])


def test_the_encoder_sees_both_ways_and_the_decoder_only_back(model):
    source, idx = torch.arange(5)[None], torch.arange(6)[None]
    changed_end, changed_start = source.clone(), source.clone()
    changed_end[0, -1], changed_start[0, 0] = 9, 9
    everything = torch.ones_like(source, dtype=torch.bool)
    memory = model.encode(source, everything)
    for changed in (changed_end, changed_start):
        moved = (model.encode(changed, everything) - memory).abs().amax(-1)
        assert (moved > 1e-6).all()
    later = idx.clone()
    later[0, 4:] = 11
    one, two = model(source, idx), model(source, later)
    torch.testing.assert_close(one[:, :4], two[:, :4])
    assert not torch.allclose(one[:, 4:], two[:, 4:])


def test_every_target_position_sees_the_whole_source(model):
    vectors = torch.randn(1, 5, 12, dtype=torch.float64, requires_grad=True)
    source = [block.cross.keys_values(vectors) for block in model.decoder_blocks]
    block, mask = model.decoder_blocks[0], torch.ones(1, 1, 1, 5, dtype=torch.bool)
    out = block(torch.randn(1, 3, 12).double(), source[0], mask)
    for position in range(3):
        (gradient,) = torch.autograd.grad(out[0, position].sum(), vectors, retain_graph=True)
        assert (gradient[0].abs().amax(-1) > 0).all()


# --- a decoder given a source is a language model ---


def test_given_with_a_cache_equals_without_token_by_token(model, batch):
    source, _, source_mask, _ = batch
    given = model.given(source, source_mask)
    starts = [[1]] * B
    for sampler in (Sampler(temperature=0), Sampler(seed=3)):
        cached, plain = (generate_tokens(given, starts, 8, sampler, use_cache=use) for use in (True, False))
        assert cached == plain


@pytest.mark.parametrize("mode", [True, False])
def test_generating_leaves_the_model_in_the_mode_it_was_in(model, mode):
    model.train(mode)
    given = model.given(torch.tensor([[3, 1, 4]]))
    generate_tokens(given, [[1]], 2)
    assert given.training == model.training == model.decoder_blocks[0].training == mode


def test_a_cache_is_filled_token_by_token(model):
    given, idx = model.given(torch.tensor([[3, 1, 4]])), torch.tensor([[1, 5, 9, 2]])
    cache, rows = KVCache(given, 1), []
    with torch.no_grad():
        for place in range(4):
            assert cache.length == place
            rows.append(given(idx[:, place : place + 1], cache))
        torch.testing.assert_close(torch.cat(rows, dim=1), given(idx))


def test_a_target_padded_in_front_equals_it_alone(model):
    source, idx = torch.tensor([[3, 1, 4]]), torch.tensor([[7, 7, 1, 5, 9]])
    mask = torch.tensor([[False, False, True, True, True]])
    torch.testing.assert_close(model(source, idx, None, mask)[:, 2:], model(source, idx[:, 2:]))
    assert not torch.allclose(model(source, idx)[:, 2:], model(source, idx[:, 2:]))


def test_given_equals_the_whole_model(model, batch):
    source, idx, source_mask, _ = batch
    torch.testing.assert_close(model.given(source, source_mask)(idx), model(source, idx, source_mask))


def test_a_wide_beam_finds_the_likeliest_of_all(model):
    source = torch.tensor([[3, 1, 4]])
    given = model.given(source)
    found, total = beam_search(given, [0], max_new_tokens=3, width=23 * 23)[0]
    tokens = torch.arange(23)
    every = torch.cartesian_prod(tokens, tokens, tokens)  # all texts of three tokens
    texts = torch.cat([torch.zeros(len(every), 1, dtype=torch.long), every[:, :2]], dim=1)
    with torch.no_grad():
        logs = given(texts).log_softmax(-1).gather(-1, every[..., None]).squeeze(-1).sum(-1)
    assert every[logs.argmax()].tolist() == found
    assert total == pytest.approx(logs.max().item())


def test_the_weights_that_are_shown_are_those_that_are_used(model):
    source, idx = torch.arange(6)[None], torch.arange(4)[None]
    weights = cross_attention_weights(model, source, idx)
    assert weights.shape == (2, 3, 4, 6)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3, 4).double())
    block, caught = model.decoder_blocks[1], {}
    hook = block.cross.register_forward_hook(lambda layer, given, out: caught.update(given=given, out=out))
    with torch.no_grad():
        model(source, idx)
    hook.remove()
    _, (_, values), _ = caught["given"]
    heads = weights[1] @ values[0]
    torch.testing.assert_close(block.cross.proj(heads.transpose(0, 1).reshape(1, 4, 12)), caught["out"])
    with pytest.raises(ValueError, match="there are 2 sources and 2 targets; it shows the weights of one pair"):
        cross_attention_weights(model, source.repeat(2, 1), idx.repeat(2, 1))


def test_what_does_not_fit_is_refused_in_words(model):
    source, idx = torch.zeros(2, 5).long(), torch.zeros(2, 3).long()
    with pytest.raises(ValueError, match="there are 2 sources and 1 targets"):
        model(source, idx[:1])
    with pytest.raises(ValueError, match=r"source_mask is \(2, 4\); it marks each of \(2, 5\) tokens"):
        model(source, idx, torch.ones(2, 4))
    with pytest.raises(ValueError, match="context holds 12"):
        model(torch.zeros(2, 13).long(), idx)
    with pytest.raises(ValueError, match="positions is 'rotary'; an EncoderDecoder takes learned ones"):
        EncoderDecoder(GPTConfig(9, 8, 1, 1, 4, positions="rotary"))
