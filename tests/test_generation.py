"""Filters equal transformers' own; the cache changes no token; every way a text can end is as stated."""

import itertools
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
import transformers.generation.logits_process as theirs
from models import lively_model, small_model, some_ids, theirs_of
from torch import nn
from torch.testing import assert_close

from course_utils import gpt
from course_utils.bpe import BPETokenizer
from course_utils.encoder_decoder import EncoderDecoder
from course_utils.generation import (
    GREEDY,
    Sampler,
    beam_search,
    generate_text,
    generate_tokens,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    penalise_repetition,
    stream_text,
    stream_tokens,
)

PROMPTS = [[5, 2, 7], [1], [9, 9, 3, 20, 30, 4]]


def some_logits(rows=50):
    return torch.randn(rows, 37, generator=torch.Generator().manual_seed(0)) * 3


@pytest.mark.parametrize("k", [1, 2, 5, 36, 37, 100])
def test_top_k_equals_transformers(k):
    assert_close(keep_top_k(some_logits(), k), theirs.TopKLogitsWarper(k)(None, some_logits()))


@pytest.mark.parametrize("p", [0.01, 0.3, 0.9, 0.999])
def test_top_p_equals_transformers(p):
    assert_close(keep_top_p(some_logits(), p), theirs.TopPLogitsWarper(p)(None, some_logits()))


def test_equal_scores_are_dropped_as_transformers_drops_them():
    equal = torch.zeros(1, 4)
    assert_close(keep_top_p(equal, 0.3), theirs.TopPLogitsWarper(0.3)(None, equal))
    assert keep_top_p(equal, 0.3).isfinite().sum() == 2


def test_the_likeliest_token_stays_however_small_p_is():
    kept = keep_top_p(some_logits(), 1e-12)  # 1 - p is rounded to 1
    assert (kept.isfinite().sum(-1) == 1).all()
    assert (kept.argmax(-1) == some_logits().argmax(-1)).all()


def test_top_p_of_one_leaves_everything():
    assert_close(Sampler(top_p=1.0).filter(some_logits()), some_logits())


@pytest.mark.parametrize("p", [0.001, 0.1, 0.5, 1.0])
def test_min_p_equals_transformers(p):
    assert_close(keep_min_p(some_logits(), p), theirs.MinPLogitsWarper(p)(None, some_logits()))


@pytest.mark.parametrize("penalty", [0.5, 1.3, 5.0])
def test_the_repetition_penalty_equals_transformers(penalty):
    seen, logits = some_ids(50, 6), some_logits()
    expected = theirs.RepetitionPenaltyLogitsProcessor(penalty)(seen, logits.clone())
    assert_close(penalise_repetition(logits, seen, penalty), expected)


def test_the_filters_act_in_transformers_order():
    seen, logits = some_ids(50, 6), some_logits()
    chain = [
        theirs.RepetitionPenaltyLogitsProcessor(1.4),
        theirs.TemperatureLogitsWarper(0.7),
        theirs.TopKLogitsWarper(10),
        theirs.TopPLogitsWarper(0.9),
        theirs.MinPLogitsWarper(0.2),
    ]
    expected = logits.clone()
    for step in chain:
        expected = step(seen, expected)
    sampler = Sampler(temperature=0.7, top_k=10, top_p=0.9, min_p=0.2, repetition_penalty=1.4)
    assert_close(sampler.filter(logits, seen), expected)
    for name in ("top_k", "top_p", "min_p"):  # each of them does something
        assert not torch.equal(replace(sampler, **{name: None}).filter(logits, seen), expected)


def test_sampling_follows_the_probabilities():
    logits = torch.tensor([0.5, 0.3, 0.2]).log().expand(20_000, 3)
    drawn = Sampler(seed=0)(logits, generator=torch.Generator().manual_seed(0))
    assert_close(drawn.bincount() / 20_000, torch.tensor([0.5, 0.3, 0.2]), atol=0.02, rtol=0)


@pytest.mark.parametrize("positions", ["learned", "rotary"])
@pytest.mark.parametrize(
    "sampler", [GREEDY, Sampler(seed=4), Sampler(temperature=0.8, top_k=9, repetition_penalty=1.2, seed=1)]
)
def test_cached_tokens_are_exactly_the_uncached_ones_also_past_the_context(positions, sampler):
    model = lively_model(positions=positions)
    cached, uncached = (generate_tokens(model, PROMPTS, 30, sampler, use_cache=flag) for flag in (True, False))
    assert cached == uncached
    assert [len(row) for row in cached] == [30] * 3


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_the_model_of_these_tests_says_something(positions):
    assert all(len(set(row)) >= 4 for row in generate_tokens(lively_model(positions), PROMPTS, 25))


@pytest.mark.parametrize("positions", ["learned", "rotary"])
@pytest.mark.parametrize("sampler", [GREEDY, Sampler(temperature=0, repetition_penalty=3.0)])
def test_a_prompt_in_a_batch_of_unequal_ones_goes_on_as_if_alone(positions, sampler):
    model = lively_model(positions)
    alone = [generate_tokens(model, [prompt], 30, sampler)[0] for prompt in PROMPTS]
    assert generate_tokens(model, PROMPTS, 30, sampler) == alone


def test_it_stops_when_the_last_row_has_met_a_stop_token():
    model = lively_model()
    free = generate_tokens(model, PROMPTS, 12)
    stops = {row[at] for row, at in zip(free, (1, 3, 5), strict=True)}
    met = [next(i for i, token in enumerate(row) if token in stops) for row in free]
    assert len(set(met)) > 1
    assert len(list(stream_tokens(model, PROMPTS, 12, stop_tokens=stops))) == max(met) + 1


def test_past_the_context_the_model_reads_its_last_tokens():
    model = lively_model()
    text = list(PROMPTS[0])
    for _ in range(25):
        text.append(int(model(torch.tensor([text[-16:]]))[0, -1].argmax()))
    assert generate_tokens(model, [PROMPTS[0]], 25)[0] == text[3:]


def test_a_row_ends_with_its_first_stop_token_and_the_others_go_on():
    model = lively_model()
    free = generate_tokens(model, PROMPTS, 12)
    stop = free[0][4]
    expected = [row[: row.index(stop) + 1] if stop in row else row for row in free]
    assert generate_tokens(model, PROMPTS, 12, stop_tokens=[stop]) == expected
    assert len(expected[0]) <= 5


def test_generation_equals_transformers_greedy_search():
    model = lively_model()
    prompt = torch.tensor([PROMPTS[2]])
    expected = theirs_of(model).generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=10, do_sample=False, pad_token_id=0
    )
    assert generate_tokens(model, [PROMPTS[2]], 10)[0] == expected[0, 6:].tolist()


def test_a_seed_gives_the_same_text_and_leaves_other_chance_alone():
    model, sampler = lively_model(), Sampler(seed=3)
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    assert generate_tokens(model, PROMPTS, 8, sampler) == generate_tokens(model, PROMPTS, 8, sampler)
    assert torch.equal(torch.rand(1), expected)
    assert generate_tokens(model, PROMPTS, 8, Sampler(seed=4)) != generate_tokens(model, PROMPTS, 8, sampler)


def test_a_model_in_training_generates_without_dropout_and_stays_in_training():
    model = lively_model(dropout=0.5).train()
    assert generate_tokens(model, PROMPTS, 8) == generate_tokens(model, PROMPTS, 8)
    assert model.training


def test_streamed_text_is_the_whole_text_and_waits_for_whole_characters():
    # Bytes alone as a vocabulary: most steps end inside a character.
    tokenizer, model = BPETokenizer([], special_tokens=["<|endoftext|>"]), small_model(vocab_size=257)
    prompt = "é"
    with torch.no_grad():
        model.lm_head.weight[:] = 0
        model.final_norm.weight.zero_()
        model.final_norm.bias.fill_(0.1)
        model.lm_head.weight[0xC3], model.lm_head.weight[0xA9] = 1.0, 0.9
    sampler = Sampler(seed=5)
    pieces = list(stream_text(model, tokenizer, prompt, 12, sampler))
    ids = generate_tokens(model, [tokenizer.encode(prompt)], 12, sampler)[0]
    assert "".join(pieces) == tokenizer.decode(ids) == generate_text(model, tokenizer, prompt, 12, sampler)


def test_a_character_waits_until_all_its_bytes_are_there(monkeypatch):
    tokenizer = BPETokenizer([], special_tokens=["<|endoftext|>"])
    columns = [torch.tensor([byte]) for byte in "é€🙂".encode()]
    monkeypatch.setattr("course_utils.generation.stream_tokens", lambda *_: iter(columns))
    assert [piece for piece in stream_text(None, tokenizer, "", 9) if piece] == ["é", "€", "🙂"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"temperature": -1}, "temperature is -1"),
        ({"top_k": 0}, "top_k is 0"),
        ({"top_k": 2.5}, r"top_k is 2\.5"),
        ({"top_p": 0.0}, r"top_p is 0\.0"),
        ({"top_p": 1.1}, r"top_p is 1\.1"),
        ({"min_p": 0}, "min_p is 0"),
        ({"min_p": 2}, "min_p is 2"),
        ({"repetition_penalty": 0}, "repetition_penalty is 0"),
    ],
)
def test_a_sampler_that_cannot_be_is_told(arguments, told):
    with pytest.raises(ValueError, match=told):
        Sampler(**arguments)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: keep_top_k(some_logits(), 0), "k is 0"),
        (lambda: keep_top_k(some_logits(), 2.5), "k is 2.5"),
        (lambda: keep_top_p(some_logits(), 0), "p is 0"),
        (lambda: keep_top_p(some_logits(), 1.5), "p is 1.5"),
        (lambda: keep_min_p(some_logits(), 0), "p is 0"),
        (lambda: penalise_repetition(some_logits(), some_ids(50, 3), 0), "penalty is 0"),
    ],
)
def test_a_filter_that_cannot_be_is_told(call, told):
    with pytest.raises(ValueError, match=told):
        call()


@pytest.mark.parametrize(
    ("prompts", "told"),
    [
        ([], "there are no prompts"),
        ([[1], []], "prompt 1 is empty"),
        ([3, 4], "prompt 0 is 3; prompts are lists of token ids"),
        ([3.5], r"prompt 0 is 3\.5; prompts are lists of token ids"),
        (torch.tensor([3, 4]), r"prompt 0 is tensor\(3\); prompts are lists of token ids"),
        ([[1] * 17], "prompt 0 is 17 tokens long and the model's context holds 16"),
        ([[99]], "token id 99 is outside the vocabulary"),
    ],
)
def test_prompts_that_cannot_be_read_are_told(prompts, told):
    with pytest.raises(ValueError, match=told):
        generate_tokens(small_model(), prompts, 3)


def test_no_new_tokens_are_an_empty_answer():
    assert generate_tokens(small_model(), PROMPTS, 0) == [[], [], []]
    for wrong in (-1, 2.5, "3"):
        with pytest.raises(ValueError, match=f"max_new_tokens is {wrong!r}; it takes a whole number"):
            generate_tokens(small_model(), PROMPTS, wrong)


class Louder(nn.Linear):
    """A layer of someone's own."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


class QueryKeyNorm(gpt.Attention):
    """Attention as a learner may change it: queries and keys are normalised before they meet."""

    def forward(self, x, context=gpt.PLAIN):
        B, T, C = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.n_head, -1).transpose(1, 3).unbind(2)
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
        if context.cos is not None:
            q, k = gpt.rotate(q, context.cos, context.sin), gpt.rotate(k, context.cos, context.sin)
        if context.cache is not None:
            k, v = context.cache.extend(self.layer, k, v)
        return self.proj(gpt.attend(5 * q, 5 * k, v, context.mask).transpose(1, 2).reshape(B, T, C))


def own_layer(model):
    old = model.blocks[0].mlp.down
    model.blocks[0].mlp.down = Louder(old.in_features, old.out_features).to(old.weight)
    model.blocks[0].mlp.down.load_state_dict(old.state_dict())


def own_attention(model):
    for block in model.blocks:
        block.attn.__class__ = QueryKeyNorm


def hook(model):
    model.blocks[0].mlp.register_forward_hook(lambda module, given, made: 2 * made)


def biased_head(model):
    model.lm_head = nn.Linear(model.lm_head.in_features, model.lm_head.out_features).to(model.lm_head.weight)


@torch.no_grad()
@pytest.mark.parametrize("positions", ["learned", "rotary"])
@pytest.mark.parametrize("change", [own_layer, own_attention, hook, biased_head])
def test_whatever_a_model_is_made_of_its_cache_gives_what_it_gives_without(positions, change):
    model = lively_model(positions)
    idx = some_ids(2, 9)
    before = model(idx)
    change(model)
    whole = model(idx)
    assert not torch.allclose(whole, before)  # the change does something
    cache = gpt.KVCache(model, 2)
    steps = [model(idx[:, i : i + 1], cache) for i in range(9)]
    torch.testing.assert_close(torch.cat(steps, dim=1), whole, atol=1e-10, rtol=0)


def log_probability(model, prompt, continuation):
    """Of a whole continuation, read in one pass."""
    log_probs = model(torch.tensor([[*prompt, *continuation]]))[0].log_softmax(-1)
    places = range(len(prompt) - 1, len(prompt) + len(continuation) - 1)
    return sum(log_probs[place, token].item() for place, token in zip(places, continuation, strict=True))


@torch.no_grad()
def test_wide_beams_find_what_an_exhaustive_search_finds():
    model, prompt, stop = small_model(vocab_size=4), [1, 3, 0], 2
    everything = set()
    for ids in itertools.product(range(4), repeat=4):
        everything.add(ids[: ids.index(stop) + 1] if stop in ids else ids)
    ranked = sorted(everything, key=lambda ids: -log_probability(model, prompt, ids))
    found = beam_search(model, prompt, 4, width=4**4, stop_tokens=[stop])
    assert [tuple(ids) for ids, _ in found] == ranked
    assert any(stop in ids for ids in ranked[:5])
    assert_close([total for _, total in found], [log_probability(model, prompt, ids) for ids in ranked])


@pytest.mark.parametrize("width", [1, 3, 8])
def test_beams_equal_transformers(width):
    model, prompt = lively_model(), torch.tensor([PROMPTS[2]])
    expected = theirs_of(model).generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=9,
        do_sample=False,
        num_beams=width,
        num_return_sequences=width,
        length_penalty=0.0,
        pad_token_id=0,
    )
    assert [ids for ids, _ in beam_search(model, PROMPTS[2], 9, width)] == expected[:, 6:].tolist()


def test_one_beam_is_greedy_and_stops_where_greedy_stops():
    model = lively_model()
    stop = generate_tokens(model, [PROMPTS[0]], 12)[0][5]
    for stops in ([], [stop]):
        (found, _), *others = beam_search(model, PROMPTS[0], 12, 1, stops)
        assert found == generate_tokens(model, [PROMPTS[0]], 12, stop_tokens=stops)[0]
        assert not others


def test_beam_search_works_without_dropout_and_leaves_the_model_as_it_was():
    model = small_model(dropout=0.5).train()
    found = beam_search(model, PROMPTS[0], 6, width=3)
    assert model.training
    assert found == beam_search(model.eval(), PROMPTS[0], 6, width=3)
    assert not model.training


def test_stop_tokens_may_come_from_anything_that_yields_them():
    model = small_model()
    stops = {row[2] for row in generate_tokens(model, PROMPTS, 6)}
    cut = generate_tokens(model, PROMPTS, 6, stop_tokens=list(stops))
    assert {len(row) for row in cut} != {6}
    assert generate_tokens(model, PROMPTS, 6, stop_tokens=iter(stops)) == cut


def test_beams_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="width is 0"):
        beam_search(small_model(), PROMPTS[0], 3, 0)
    with pytest.raises(ValueError, match="prompt 0 is empty"):
        beam_search(small_model(), [], 3, 2)


def test_of_a_wrapped_model_the_one_inside_generates():
    model = lively_model()
    plain, wrapped = generate_tokens(model, PROMPTS, 9), nn.DataParallel(model)
    assert generate_tokens(wrapped, PROMPTS, 9) == plain
    assert beam_search(wrapped, PROMPTS[0], 5, width=2) == beam_search(model, PROMPTS[0], 5, width=2)


class Contrary(gpt.GPT):
    """A model of somebody's own, whose scores are turned round."""

    def forward(self, *args):
        return -super().forward(*args)


@pytest.mark.parametrize("use_cache", [True, False])
def test_a_model_with_scores_of_its_own_goes_on_by_them(use_cache):
    plain = small_model()
    model = Contrary(plain.config).eval()
    model.load_state_dict(plain.state_dict())
    [new] = generate_tokens(model, PROMPTS[:1], 5, use_cache=use_cache)
    ids = [*PROMPTS[0]]
    for token in new:
        assert token == plain(torch.tensor([ids]))[0, -1].argmin()
        ids.append(token)


def test_a_model_that_continues_no_text_is_told():
    with pytest.raises(ValueError, match="of class EncoderDecoder; a text is continued by a GPT or a Llama"):
        generate_tokens(EncoderDecoder(gpt.GPTConfig(50, 16, 2, 2, 16)), [[1, 2]], 3)
