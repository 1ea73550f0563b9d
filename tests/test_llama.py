"""Today's model: equal to others' code and each part's formula, the same with and without a cache, and GPT when off."""

import copy
import json
import math
from dataclasses import asdict, replace

import pytest
import torch
import torch.nn.functional as F
from models import small_llama, small_model, some_ids
from torch import nn
from torch.testing import assert_close

from course_utils.checkpoints import load_checkpoint, save_checkpoint
from course_utils.generation import Sampler, beam_search, generate_tokens, next_logits, pad_left
from course_utils.gpt import GPT, KVCache, count_parameters
from course_utils.llama import (
    CappedLinear,
    Llama,
    LlamaConfig,
    LlamaMLP,
    RMSNorm,
    cache_bytes,
    make_model,
    share,
    to_transformers,
    within,
)
from course_utils.lora import LoRAConfig, add_lora
from course_utils.recipe import initialise_small, recipe
from course_utils.training import Trainer, autocast

OFF = {"norm": "layer", "mlp": "gelu", "bias": True}
SWITCHES = {
    "plain": {},
    "GPT's parts": OFF,
    "relu2": {"mlp": "relu2"},
    "grouped": {"n_kv_head": 2},
    "multi-query": {"n_kv_head": 1},
    "qk_norm": {"qk_norm": True},
    "value_residual": {"value_residual": True},
    "window": {"window": 3},
    "soft_cap": {"soft_cap": 5.0},
    "tied": {"tied": True},
    "experts": {"n_expert": 5, "n_active": 2, "n_hidden": 24},
    "all": {"n_kv_head": 2, "qk_norm": True, "value_residual": True, "window": 4, "soft_cap": 5.0, "mlp": "relu2"},
}
SIZES = {"vocab_size": 37, "context_length": 16, "n_layer": 3, "n_head": 4, "n_embd": 32}


class TheirNorm(nn.RMSNorm):
    """PyTorch's own, in place of that of `transformers`, which computes in float32 whatever it is given."""

    def __init__(self, theirs):
        super().__init__(theirs.weight.shape, eps=theirs.variance_epsilon, dtype=theirs.weight.dtype)
        self.weight = theirs.weight


def in_float64(theirs):
    for module in list(theirs.modules()):
        for name, child in list(module.named_children()):
            if type(child).__name__.endswith("RMSNorm"):
                setattr(module, name, TheirNorm(child))
    return theirs


THEIRS = [
    ("LlamaForCausalLM", {}),
    ("LlamaForCausalLM", {"n_kv_head": 2, "n_hidden": 50}),
    ("LlamaForCausalLM", {"n_kv_head": 1, "tied": True}),
    ("MistralForCausalLM", {"n_kv_head": 2, "window": 4}),
    ("Qwen3ForCausalLM", {"qk_norm": True}),
    ("Qwen3ForCausalLM", {"qk_norm": True, "n_kv_head": 2, "tied": True}),
]


@pytest.mark.parametrize(("kind", "changes"), THEIRS)
def test_logits_and_gradients_equal_those_of_transformers(kind, changes):
    model, idx = small_llama(**changes), some_ids(2, 14)
    theirs = to_transformers(model)
    assert type(theirs).__name__ == kind
    assert_close(theirs(idx).logits, model(idx), atol=1e-5, rtol=1e-5)  # as it is, with its norms in float32
    theirs, weights = in_float64(theirs), torch.randn(2, 14, 37, dtype=torch.float64)
    ours, others = model(idx), theirs(idx).logits
    assert_close(ours, others, atol=1e-10, rtol=0)
    (ours * weights).sum().backward(), (others * weights).sum().backward()
    layer, their_layer = model.blocks[1], theirs.model.layers[1]
    keys, values = layer.attn.kv.weight.grad.chunk(2)
    for grad, parameter in (
        (keys, their_layer.self_attn.k_proj.weight),
        (values, their_layer.self_attn.v_proj.weight),
        (layer.attn.query.weight.grad, their_layer.self_attn.q_proj.weight),
        (layer.mlp.gate.weight.grad, their_layer.mlp.gate_proj.weight),
        (layer.attn_norm.weight.grad, their_layer.input_layernorm.weight),
        (model.token_embedding.weight.grad, theirs.model.embed_tokens.weight),
    ):
        assert_close(grad, parameter.grad, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"mlp": "relu2"}, "mlp is 'relu2'"),
        ({"norm": "layer"}, "norm is 'layer'"),
        ({"bias": True}, "bias is True"),
        ({"soft_cap": 3}, "soft_cap is 3.0"),
        ({"value_residual": True}, "value_residual is True"),
        ({"n_expert": 4}, "n_expert is 4"),
        ({"window": 3, "qk_norm": True}, "a window and QK-norm"),
    ],
)
def test_what_theirs_cannot_do_is_told(changes, told):
    with pytest.raises(ValueError, match=told):
        to_transformers(small_llama(**changes))


@pytest.mark.parametrize("tied", [True, False])
def test_with_all_switches_off_it_is_the_gpt(tied):
    gpt, idx = small_model(positions="rotary", tied=tied), some_ids(2, 14)
    weights = gpt.state_dict()
    for layer in range(3):
        for kind in ("weight", "bias"):
            qkv = weights.pop(f"blocks.{layer}.attn.qkv.{kind}")
            weights[f"blocks.{layer}.attn.query.{kind}"], weights[f"blocks.{layer}.attn.kv.{kind}"] = qkv[:32], qkv[32:]
    model = small_llama(**OFF, tied=tied)
    model.load_state_dict(weights)
    assert_close(model(idx), gpt(idx), atol=1e-12, rtol=0)
    assert count_parameters(model) == count_parameters(gpt)


def test_rms_norm_equals_its_formula_and_leaves_the_mean_alone():
    torch.manual_seed(0)
    norm, x = RMSNorm(16).double(), torch.randn(3, 16, dtype=torch.float64) + 2
    assert_close(norm(x).square().mean(-1), torch.ones(3, dtype=torch.float64), atol=1e-6, rtol=0)
    assert (norm(x).mean(-1).abs() > 0.1).all()
    nn.init.normal_(norm.weight)
    assert_close(norm(x), x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() * norm.weight, atol=1e-12, rtol=0)


def test_the_mlps_equal_their_formulas_and_have_about_as_many_weights():
    x, sizes = torch.randn(2, 5, 96, dtype=torch.float64), {"n_embd": 96, "vocab_size": 9}
    counts = []
    for kind, formula in {
        "relu2": lambda mlp: mlp.up(x).clamp(min=0) ** 2,
        "gelu": lambda mlp: F.gelu(mlp.up(x), approximate="tanh"),
        "swiglu": lambda mlp: mlp.gate(x) * torch.sigmoid(mlp.gate(x)) * mlp.up(x),
    }.items():
        mlp = LlamaMLP(LlamaConfig(**(SIZES | sizes), mlp=kind)).double()
        assert_close(mlp(x), formula(mlp) @ mlp.down.weight.T, atol=1e-12, rtol=0)
        counts.append(count_parameters(mlp))
    assert len(set(counts)) == 1


@pytest.mark.parametrize("n_active", [1, 2, 5])
def test_experts_equal_mixtrals(n_active):
    from transformers import MixtralConfig
    from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

    ours = small_llama(n_expert=5, n_active=n_active, n_hidden=24).blocks[0].mlp
    sizes = {"hidden_size": 32, "intermediate_size": 24, "num_local_experts": 5, "num_experts_per_tok": n_active}
    theirs = MixtralSparseMoeBlock(MixtralConfig(**sizes)).double().eval()
    weights = {
        "gate.weight": ours.router.weight,
        "experts.gate_up_proj": torch.stack([torch.cat((e.gate.weight, e.up.weight)) for e in ours.experts]),
        "experts.down_proj": torch.stack([expert.down.weight for expert in ours.experts]),
    }
    theirs.load_state_dict(weights)
    x = torch.randn(3, 7, 32, dtype=torch.float64)
    # Theirs computes the router's softmax in float32.
    assert_close(ours(x), theirs(x), atol=1e-5, rtol=1e-5)


def test_a_tokens_experts_do_not_depend_on_other_tokens_and_an_idle_expert_has_a_gradient_of_zero():
    experts = small_llama(n_expert=5, n_hidden=24).blocks[0].mlp
    x = torch.randn(2, 6, 32, dtype=torch.float64)
    alone = torch.cat([experts(x[:, place : place + 1]) for place in range(6)], dim=1)
    assert_close(experts(x), alone, atol=1e-12, rtol=0)
    experts(x[:1, :1]).sum().backward()
    used = [bool(expert.up.weight.grad.any()) for expert in experts.experts]
    assert sum(used) == 2


def test_queries_share_the_heads_beside_each_other():
    k = torch.randn(2, 2, 5, 8)
    assert_close(share(k, 6), torch.stack([k[:, head // 3] for head in range(6)], dim=1), atol=0, rtol=0)
    assert share(k, 2) is k


def test_grouped_queries_equal_all_heads_with_copied_keys_and_values():
    few, idx = small_llama(n_kv_head=2), some_ids(2, 9)
    many, weights = small_llama(), few.state_dict()
    for layer in range(3):
        kv = weights[f"blocks.{layer}.attn.kv.weight"].view(2, 2, 8, 32)
        weights[f"blocks.{layer}.attn.kv.weight"] = kv.repeat_interleave(2, dim=1).reshape(64, 32)
    many.load_state_dict(weights)
    assert_close(few(idx), many(idx), atol=1e-12, rtol=0)


def test_qk_norm_bounds_the_scores_however_large_the_weights():
    model, idx = small_llama(qk_norm=True, n_layer=1), some_ids(2, 9)
    before = model(idx)
    with torch.no_grad():
        model.blocks[0].attn.query.weight.mul_(1000)
        model.blocks[0].attn.kv.weight[:32].mul_(1000)
    assert_close(model(idx), before, atol=1e-5, rtol=0)


def test_value_residuals_equal_their_formula():
    model, idx = small_llama(value_residual=True), some_ids(1, 7)
    given, plain = [], small_llama()
    for block in model.blocks:
        block.attn.kv.register_forward_hook(lambda layer, x, out: given.append(out.chunk(2, -1)[1].clone()))
    ours = model(idx)
    plain.load_state_dict({name: w for name, w in model.state_dict().items() if "value_mix" not in name})
    own = iter(range(3))

    def mixed(layer, x, out):
        place = next(own)
        keys, values = out.chunk(2, -1)
        if place:
            first, mix = given[0], model.blocks[place].attn.value_mix
            values = mix[0] * values + mix[1] * first
        return torch.cat((keys, values), -1)

    for block in plain.blocks:
        block.attn.kv.register_forward_hook(mixed)
    assert_close(plain(idx), ours, atol=1e-12, rtol=0)
    with pytest.raises(ValueError, match="layer 1 mixes in the first layer's values"):
        model.blocks[1](torch.randn(1, 3, 32).double())
    small_llama(value_residual=True).blocks[0](torch.randn(1, 3, 32).double())  # the first needs nobody's


def test_soft_capping_keeps_the_order_and_the_bound():
    torch.manual_seed(0)
    head = CappedLinear(8, 5, cap=3.0).double()
    nn.init.normal_(head.weight, std=5)
    x = torch.randn(4, 8, dtype=torch.float64)
    scores = x @ head.weight.T
    assert_close(head(x), 3 * torch.tanh(scores / 3), atol=1e-12, rtol=0)
    small = CappedLinear(8, 5, cap=1e6).double()
    small.load_state_dict(head.state_dict())
    assert_close(small(x), scores, atol=1e-6, rtol=0)


def test_a_window_ends_where_it_should():
    model, idx = small_llama(window=4, n_layer=1), some_ids(1, 12)
    changed = idx.clone()
    changed[0, 5] = (idx[0, 5] + 1) % 37
    differs = (model(idx) - model(changed)).abs().amax(-1)[0] > 1e-9
    assert differs.nonzero().flatten().tolist() == [5, 6, 7, 8]
    assert torch.equal(within(16, None, 5, 9), within(99, None, 5, 9))
    assert_close(small_llama(window=16)(idx), small_llama()(idx), atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", SWITCHES)
def test_the_future_does_not_change_the_past(name):
    model, idx = small_llama(**SWITCHES[name]), some_ids(2, 12)
    before = model(idx)
    for place in (1, 5, 11):
        changed = idx.clone()
        changed[:, place:] = some_ids(2, 12 - place, seed=place + 50)
        assert_close(model(changed)[:, :place], before[:, :place], atol=1e-12, rtol=0)
        assert (model(changed)[:, -1] - before[:, -1]).abs().max() > 1e-4


@pytest.mark.parametrize("name", SWITCHES)
def test_reading_in_pieces_with_a_cache_equals_reading_at_once(name):
    model, idx = small_llama(**SWITCHES[name]), some_ids(2, 14)
    cache, pieces, start = KVCache(model, 2), [], 0
    for length in (1, 5, 1, 4, 3):
        pieces.append(model(idx[:, start : start + length], cache))
        start += length
    assert_close(torch.cat(pieces, 1), model(idx), atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", SWITCHES)
def test_padding_before_a_text_changes_nothing(name):
    model, idx = small_llama(**SWITCHES[name]), some_ids(1, 6)
    padded = torch.cat((torch.zeros(1, 4, dtype=torch.int64), idx), 1)
    attention_mask = torch.arange(10)[None] >= 4
    assert_close(model(padded, attention_mask=attention_mask)[:, 4:], model(idx), atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", SWITCHES)
def test_generation_is_the_same_with_and_without_a_cache_also_beyond_the_context(name):
    model = small_llama(**SWITCHES[name])
    with torch.no_grad():
        model.lm_head.weight.mul_(4)
    prompts, sampler = [[3, 8, 1], [5], [7, 7, 2, 9, 30]], Sampler(temperature=1.0, seed=4)
    told = [generate_tokens(model, prompts, 20, sampler, use_cache=use) for use in (True, False)]
    assert told[0] == told[1]
    assert len({tuple(row) for row in told[0]}) == 3
    one, _ = beam_search(model, [3, 8, 1], 6, width=1)[0]
    assert one == generate_tokens(model, [[3, 8, 1]], 6)[0]


TOGETHER = {
    "grouped, window, qk_norm": {"n_kv_head": 2, "window": 3, "qk_norm": True},
    "multi-query, window, tied": {"n_kv_head": 1, "window": 5, "tied": True},
}


@pytest.mark.parametrize("changes", [*SWITCHES.values(), *TOGETHER.values()], ids=[*SWITCHES, *TOGETHER])
def test_in_a_batch_padded_left_each_text_goes_on_as_it_does_alone_with_a_cache_and_without(changes):
    model = small_llama(**changes)
    with torch.no_grad():
        model.token_embedding.weight.mul_(4)
    # The longest fills half of the context, so that the others' padding lies within every window for some steps.
    prompts = [[3, 8, 1], [5], [7, 7, 2, 9, 30, 4, 4, 11]]
    alone = [generate_tokens(model, [prompt], 8, use_cache=False)[0] for prompt in prompts]
    assert generate_tokens(model, prompts, 8) == alone
    assert generate_tokens(model, prompts, 8, use_cache=False) == alone
    idx, mask = pad_left(prompts)
    cache, together = KVCache(model, 3), torch.tensor(alone)
    for step in range(8):
        scores = next_logits(model, idx, mask, cache)
        for row, prompt in enumerate(prompts):
            wanted = model(torch.tensor([prompt + alone[row][:step]]))[0, -1]
            assert_close(scores[row], wanted, atol=1e-10, rtol=0)
        idx = torch.cat((idx, together[:, step : step + 1]), dim=1)
        mask = F.pad(mask, (0, 1), value=True)


def test_the_caches_memory_falls_with_the_heads_that_have_keys():
    taken = [cache_bytes(KVCache(small_llama(n_kv_head=heads), 2)) for heads in (4, 2, 1)]
    # 3 layers x keys and values x 2 texts x heads x 16 positions x 8 numbers of 8 bytes
    assert taken == [3 * 2 * 2 * heads * 16 * 8 * 8 for heads in (4, 2, 1)]


@pytest.mark.parametrize("name", SWITCHES)
def test_a_checkpoint_brings_it_back_bit_for_bit(tmp_path, name):
    model, idx = small_llama(**SWITCHES[name]), some_ids(2, 9)
    save_checkpoint(tmp_path / "a.safetensors", model, metadata={"loss": 1.5})
    found = load_checkpoint(tmp_path / "a.safetensors")
    assert type(found.model) is Llama
    assert found.model.config == model.config
    assert torch.equal(found.model(idx), model(idx))


@pytest.mark.parametrize("name", SWITCHES)
def test_the_recipe_trains_it(name):
    torch.manual_seed(0)
    model = Llama(LlamaConfig(**(SIZES | SWITCHES[name])))
    initialise_small(model)
    trainer = Trainer(model, recipe(30))
    idx = torch.arange(40).repeat(4, 1)[:, :13] % 5 + torch.arange(4)[:, None]
    losses = [trainer.step(idx[:, :-1], idx[:, 1:]) for _ in range(30)]
    assert losses[-1] < 0.6 * losses[0]
    assert all(weight.isfinite().all() for weight in model.parameters())


@pytest.mark.filterwarnings("error")
def test_mixed_precision_is_near_full_precision_and_warns_of_nothing():
    model, idx = small_llama(dtype=torch.float32, **SWITCHES["all"]), some_ids(2, 9)
    with torch.no_grad():
        full = model(idx)
        with autocast(torch.device("cpu"), torch.bfloat16):
            assert_close(model(idx).float(), full, atol=0.3, rtol=0)


def test_fresh_weights_have_no_bias_and_may_add_nothing_at_first():
    torch.manual_seed(0)
    names = [name for name, _ in Llama(LlamaConfig(**SIZES)).named_parameters()]
    assert not any("bias" in name for name in names)
    model = Llama(LlamaConfig(**SIZES, zero_outputs=True))
    x = torch.randn(2, 5, 32)
    for block in model.blocks:
        assert torch.equal(block(x), x)
    assert not torch.equal(Llama(LlamaConfig(**SIZES)).blocks[0](x), x)


def test_rotary_angles_stay_exact_in_half_precision():
    model = Llama(LlamaConfig(**(SIZES | {"context_length": 600})))
    exact = model.angles.clone()
    assert torch.equal(copy.deepcopy(model).bfloat16().angles, exact)
    assert model.bfloat16()(some_ids(2, 9)).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"n_kv_head": 3}, "n_head is 4 and n_kv_head is 3"),
        ({"n_kv_head": 0}, "n_kv_head is 0; it takes a whole number"),
        ({"n_kv_head": 8}, "n_head is 4 and n_kv_head is 8"),
        ({"n_hidden": 2.5}, "n_hidden is 2.5"),
        ({"norm": "batch"}, "norm is 'batch'; it takes one of rms, layer"),
        ({"mlp": "glu"}, "mlp is 'glu'; it takes one of gelu, relu2, swiglu"),
        ({"bias": "no"}, "bias is 'no'; it takes True or False"),
        ({"window": 0}, "window is 0"),
        ({"n_expert": 4, "n_active": 5}, "n_active is 5; it takes a number of experts up to n_expert, 4"),
        ({"n_active": 0}, "n_active is 0"),
        ({"soft_cap": 0}, "soft_cap is 0; it takes a number above 0"),
        ({"soft_cap": math.inf}, "soft_cap is inf; it takes a number above 0, but no infinite one"),
        ({"positions": "learned"}, "positions is 'learned'; a Llama's are rotary"),
        ({"n_embd": 12}, "make it even"),
        ({"n_embd": 30}, "n_embd is 30 and n_head is 4"),
    ],
)
def test_sizes_that_cannot_be_are_told(changes, told):
    with pytest.raises(ValueError, match=told):
        LlamaConfig(**(SIZES | changes))


def test_a_copy_with_other_sizes_has_widths_to_match():
    small = LlamaConfig(**SIZES)
    large = replace(small, n_embd=96, n_head=6)
    assert (small.hidden, small.kv_heads, large.hidden, large.kv_heads) == (88, 4, 256, 6)
    assert type(make_model(large)) is Llama
    assert type(make_model(small_model().config)) is GPT


def test_a_configuration_survives_json():
    config = LlamaConfig(**SIZES, **SWITCHES["all"])
    assert LlamaConfig(**json.loads(json.dumps(asdict(config)))) == config


def test_llama_2_7b_has_its_number_of_parameters_to_the_digit():
    with torch.device("meta"):
        model = Llama(LlamaConfig(32_000, 4096, 32, 32, 4096, n_hidden=11_008))
    assert count_parameters(model) == 6_738_415_616


def test_what_is_no_llama_or_has_an_adapter_does_not_become_theirs():
    with pytest.raises(ValueError, match="the configuration is a GPTConfig"):
        to_transformers(small_model())
    with pytest.raises(ValueError, match=r"block 0 has attn.query.A, .*: merge_lora comes first"):
        to_transformers(add_lora(small_llama(), LoRAConfig()))
