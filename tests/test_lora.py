"""LoRA: equal to the equation, to merged weights and to peft; adapters saved, swapped and refused."""

import copy
import json
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from course_utils import tales
from course_utils.checkpoints import CHAT, CLARA, load_checkpoint
from course_utils.experiments.chat_model import measure_chat
from course_utils.gpt import GPT, GPTConfig
from course_utils.llama import Llama, LlamaConfig
from course_utils.lora import (
    HEAD,
    LAYERS,
    LoRAConfig,
    LoRALinear,
    adapters,
    add_lora,
    load_adapter,
    merge_lora,
    remove_lora,
    save_adapter,
    widen_vocabulary,
)
from course_utils.pretrained import save_huggingface
from course_utils.training import TrainingConfig, train

IDX = torch.arange(24).view(2, 12) % 20
EVERY = LoRAConfig(rank=3, alpha=7, layers=LAYERS)


SIZES = {"vocab_size": 20, "context_length": 16, "n_layer": 2, "n_head": 2, "n_embd": 16}


POSITIONS = ["learned", "rotary", "llama", "qwen3"]
LLAMAS = {"llama": {}, "qwen3": {"n_head": 4, "n_kv_head": 2, "qk_norm": True}}


def model(positions="learned", seed=0, tied=True):
    torch.manual_seed(seed)
    if positions in LLAMAS:
        return Llama(LlamaConfig(**(SIZES | LLAMAS[positions]), tied=tied)).eval()
    return GPT(GPTConfig(**SIZES, positions=positions, tied=tied)).eval()


def trained(positions="learned", config=EVERY, seed=0, tied=True):
    """A model with an adapter that does something."""
    adapted = add_lora(model(positions, tied=tied), config)
    torch.manual_seed(seed)
    with torch.no_grad():
        for _, layer in adapters(adapted):
            layer.A.normal_()
            layer.B.normal_(0, 0.3)
    return adapted


def test_a_layer_is_the_equation():
    torch.manual_seed(0)
    base = torch.nn.Linear(5, 4)
    layer = LoRALinear(base, LoRAConfig(rank=2, alpha=6))
    torch.nn.init.normal_(layer.B)
    x = torch.randn(3, 5)
    assert_close(layer(x), x @ (base.weight + 6 / 2 * layer.B @ layer.A).T + base.bias)


def test_a_fresh_adapter_changes_nothing_and_only_it_can_learn():
    plain = model()
    before = plain(IDX)
    adapted = add_lora(plain, LoRAConfig(rank=2, alpha=4))
    assert torch.equal(adapted(IDX), before)
    learns = {name for name, weight in adapted.named_parameters() if weight.requires_grad}
    assert learns == {f"blocks.{n}.attn.{part}.{m}" for n in (0, 1) for part in ("qkv", "proj") for m in "AB"}
    assert all(layer.A.abs().sum() > 0 and layer.B.abs().sum() == 0 for _, layer in adapters(adapted))


@pytest.mark.parametrize(
    ("layers", "own"),
    [
        (("attn.qkv",), {"attn.query", "attn.kv"}),
        (("mlp.up",), {"mlp.gate", "mlp.up"}),
        (LAYERS, {"attn.query", "attn.kv", "attn.proj", "mlp.gate", "mlp.up", "mlp.down"}),
    ],
)
def test_a_kind_of_layer_is_all_that_a_llama_has_in_its_place(layers, own):
    adapted = add_lora(model("qwen3"), LoRAConfig(layers=layers))
    assert {name for name, _ in adapters(adapted)} == {f"blocks.{n}.{name}" for n in (0, 1) for name in own}


def test_training_moves_the_adapter_and_nothing_else():
    adapted = add_lora(model(), EVERY)
    before = copy.deepcopy(adapted.state_dict())
    train(adapted, lambda step: (IDX[:, :-1], IDX[:, 1:]), TrainingConfig(steps=20, learning_rate=1e-2))
    for name, weight in adapted.state_dict().items():
        assert torch.equal(weight, before[name]) != name.endswith((".A", ".B")), name


@pytest.mark.parametrize("positions", POSITIONS)
def test_merged_it_computes_the_same_and_removed_it_is_the_base_again(positions):
    adapted = trained(positions)
    assert not torch.allclose(adapted(IDX), model(positions)(IDX))
    names = set(model(positions).state_dict())
    merged = merge_lora(copy.deepcopy(adapted))
    assert set(merged.state_dict()) == names
    assert_close(merged(IDX), adapted(IDX))
    assert torch.equal(remove_lora(adapted)(IDX), model(positions)(IDX))
    assert all(weight.requires_grad for weight in adapted.parameters())


@pytest.mark.parametrize("positions", POSITIONS)
def test_an_adapter_comes_back_from_its_folder_and_two_can_be_swapped(positions, tmp_path):
    one, other = trained(positions), trained(positions, LoRAConfig(rank=2, alpha=5), seed=1)
    save_adapter(one, tmp_path / "one")
    save_adapter(other, tmp_path / "other")
    base = model(positions)
    for adapted, name in ((one, "one"), (other, "other"), (one, "one")):
        load_adapter(base, tmp_path / name)
        assert torch.equal(base(IDX), adapted(IDX))


@pytest.mark.parametrize("layers", [LAYERS, ("attn.qkv",), ("mlp.down", "attn.proj")])
@pytest.mark.parametrize("positions", POSITIONS)
def test_peft_reads_it_and_computes_the_same(positions, layers, tmp_path):
    peft, transformers = pytest.importorskip("peft"), pytest.importorskip("transformers")
    adapted = trained(positions, LoRAConfig(rank=3, alpha=7, layers=layers))
    save_huggingface(model(positions), tmp_path / "base")
    save_adapter(adapted, tmp_path / "adapter")
    base = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    theirs = peft.PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    with torch.inference_mode():
        assert_close(theirs(IDX).logits, adapted(IDX))
        assert_close(theirs.merge_and_unload()(IDX).logits, adapted(IDX))


@pytest.mark.parametrize("positions", POSITIONS)
def test_an_adapter_on_the_output_layer_is_merged_saved_and_read_by_peft(positions, tmp_path):
    peft, transformers = pytest.importorskip("peft"), pytest.importorskip("transformers")
    config = LoRAConfig(rank=3, alpha=7, layers=("mlp.down", HEAD))
    adapted = trained(positions, config, tied=False)
    save_huggingface(model(positions, tied=False), tmp_path / "base")
    save_adapter(adapted, tmp_path / "adapter")
    again = model(positions, tied=False)
    assert load_adapter(again, tmp_path / "adapter") == config
    assert torch.equal(again(IDX), adapted(IDX))
    base = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    theirs = peft.PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    with torch.inference_mode():
        assert_close(theirs(IDX).logits, adapted(IDX))
        assert_close(merge_lora(again)(IDX), adapted(IDX))


def test_an_output_layer_that_shares_its_weights_takes_no_adapter(tmp_path):
    plain = model()
    with pytest.raises(ValueError, match="shares its weights"):
        add_lora(plain, LoRAConfig(layers=(HEAD,)))
    assert all(weight.requires_grad for weight in plain.parameters())
    save_adapter(trained(config=LoRAConfig(layers=(HEAD,)), tied=False), tmp_path)
    with pytest.raises(ValueError, match="another model"):
        load_adapter(plain, tmp_path)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("positions", POSITIONS)
def test_a_wider_vocabulary_changes_nothing_for_the_old_tokens(positions, tied):
    plain = model(positions, tied=tied)
    wide = widen_vocabulary(plain, 24)
    assert type(wide) is type(plain)
    assert wide.config == replace(plain.config, vocab_size=24)
    assert wide(torch.tensor([[20, 23]])).shape == (1, 2, 24)
    assert_close(wide(IDX)[..., :20], plain(IDX))
    assert torch.equal(wide(IDX), widen_vocabulary(plain, 24)(IDX))
    assert wide.lm_head.weight.equal(wide.token_embedding.weight) == tied
    assert wide.token_embedding.weight.unique(dim=0).shape == (24, 16)
    with pytest.raises(ValueError, match="vocab_size is 19"):
        widen_vocabulary(plain, 19)
    with pytest.raises(ValueError, match="merge_lora adds them to the weights"):
        widen_vocabulary(add_lora(plain, LoRAConfig()), 24)


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_an_adapter_of_peft_is_read(positions, tmp_path):
    peft, transformers = pytest.importorskip("peft"), pytest.importorskip("transformers")
    save_huggingface(model(positions), tmp_path / "base")
    base = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    target = {"learned": ["c_attn"], "rotary": ["query_key_value"]}[positions]
    form = peft.LoraConfig(r=4, lora_alpha=10, target_modules=target, task_type="CAUSAL_LM", init_lora_weights=False)
    theirs = peft.get_peft_model(base, form).eval()
    theirs.save_pretrained(tmp_path / "adapter")
    ours = model(positions)
    assert load_adapter(ours, tmp_path / "adapter") == LoRAConfig(4, 10, ("attn.qkv",))
    with torch.inference_mode():
        assert_close(ours(IDX), theirs(IDX).logits)


@pytest.mark.parametrize(
    ("target", "kinds"),
    [
        (["o_proj"], ("attn.proj",)),
        (["q_proj", "v_proj"], ("attn.qkv",)),
        (["gate_proj", "up_proj", "down_proj"], ("mlp.up", "mlp.down")),
    ],
)
def test_an_adapter_of_peft_is_read_by_a_llama(target, kinds, tmp_path):
    ours, theirs = with_their_adapter(tmp_path, target)
    assert load_adapter(ours, tmp_path / "adapter") == LoRAConfig(4, 10, kinds)
    with torch.inference_mode():
        assert_close(ours(IDX), theirs(IDX).logits)


def with_their_adapter(folder, target):
    """A Llama, and the same with an adapter that peft has made and saved."""
    peft, transformers = pytest.importorskip("peft"), pytest.importorskip("transformers")
    save_huggingface(model("qwen3"), folder / "base")
    base = transformers.AutoModelForCausalLM.from_pretrained(folder / "base")
    form = peft.LoraConfig(r=4, lora_alpha=10, target_modules=target, task_type="CAUSAL_LM", init_lora_weights=False)
    theirs = peft.get_peft_model(base, form).eval()
    theirs.save_pretrained(folder / "adapter")
    return model("qwen3"), theirs


def test_keys_and_values_with_an_a_each_are_refused_in_words_and_the_model_stays(tmp_path):
    ours, _ = with_their_adapter(tmp_path, ["q_proj", "k_proj", "v_proj"])
    before = ours(IDX)
    told = "A of its own for each of model.layers.0.self_attn.k_proj and model.layers.0.self_attn.v_proj"
    with pytest.raises(ValueError, match=told):
        load_adapter(ours, tmp_path / "adapter")
    assert torch.equal(ours(IDX), before)
    assert not list(adapters(ours))


def test_layers_that_a_model_does_not_have_are_refused_and_it_can_still_be_trained():
    mixture = Llama(LlamaConfig(**SIZES | {"positions": "rotary"}, n_expert=4, n_active=2))
    with pytest.raises(ValueError, match=r"layers are mlp\.up, mlp\.down; this model has none of them"):
        add_lora(mixture, LoRAConfig(layers=("mlp.up", "mlp.down")))
    assert all(weight.requires_grad for weight in mixture.parameters())


def test_an_adapter_on_the_attention_of_a_mixture_of_experts_comes_back(tmp_path):
    def mixture():
        torch.manual_seed(0)
        return Llama(LlamaConfig(**SIZES | {"positions": "rotary"}, n_expert=4)).eval()

    carrying = add_lora(mixture(), LoRAConfig(rank=2))
    for _, layer in adapters(carrying):
        torch.nn.init.normal_(layer.B)
    save_adapter(carrying, tmp_path)
    again = mixture()
    assert load_adapter(again, tmp_path) == LoRAConfig(rank=2)
    assert_close(again(IDX), carrying(IDX), atol=0, rtol=0)


def test_a_wrong_folder_is_refused_and_the_model_stays(tmp_path):
    save_adapter(trained(), tmp_path / "good")
    carrying = trained(seed=3)
    before = carrying(IDX)
    wider = GPT(GPTConfig(vocab_size=20, context_length=16, n_layer=2, n_head=2, n_embd=32))
    with pytest.raises(ValueError, match="another model"):
        load_adapter(wider, tmp_path / "good")
    assert not list(adapters(wider))
    about = json.loads((tmp_path / "good/adapter_config.json").read_text())
    for change, said in (
        ({"use_dora": True}, "use_dora"),
        ({"r": 5}, "another model"),
        ({"bias": "all"}, "bias 'all'"),
        ({"alpha_pattern": {"c_attn": 64}}, "alpha_pattern {'c_attn': 64}"),
    ):
        (tmp_path / "good/adapter_config.json").write_text(json.dumps(about | change))
        with pytest.raises(ValueError, match=said):
            load_adapter(carrying, tmp_path / "good")
        assert torch.equal(carrying(IDX), before)
    with pytest.raises(ValueError, match="holds no adapter_config"):
        load_adapter(carrying, tmp_path / "nothing")


def test_twice_or_never_is_refused(tmp_path):
    with pytest.raises(ValueError, match="already"):
        add_lora(trained(), EVERY)
    with pytest.raises(ValueError, match="no adapter"):
        save_adapter(model(), tmp_path)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rank": 0}, "rank is 0"),
        ({"alpha": 0}, "alpha is 0"),
        ({"layers": ("qkv",)}, "layers is"),
        ({"layers": ()}, "layers is"),
    ],
)
def test_a_form_that_cannot_be_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        LoRAConfig(**wrong)


def compiled_blocks(base):
    for place, block in enumerate(base.blocks):
        base.blocks[place] = torch.compile(block, backend="eager")
    return base


@pytest.mark.parametrize("wrap", [lambda base: torch.compile(base, backend="eager"), compiled_blocks])
@pytest.mark.parametrize("positions", POSITIONS)
def test_a_compiled_model_takes_an_adapter_saves_it_and_takes_it_again(positions, wrap, tmp_path):
    want = trained(positions)
    save_adapter(want, tmp_path / "plain")
    compiled = wrap(model(positions))
    assert_close(compiled(IDX), model(positions)(IDX))  # it has been compiled without an adapter
    load_adapter(compiled, tmp_path / "plain")
    assert len(list(adapters(compiled))) == len(list(adapters(want))) > 0
    assert_close(compiled(IDX), want(IDX))
    save_adapter(compiled, tmp_path / "again")
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()
    assert_close(merge_lora(compiled)(IDX), want(IDX))
    # The vocabulary of a compiled model can be widened too.
    assert_close(widen_vocabulary(compiled, 25)(IDX)[..., :20], want(IDX))


def test_the_shipped_clara_talks_as_herself_and_knows_the_tales():
    chat = load_checkpoint(CHAT)
    assert load_adapter(chat.model, CLARA).rank == 8
    found = measure_chat(chat.model, chat.tokenizer, 60, voice=tales.CLARA)
    right = {kind: mark["right"] / mark["count"] for kind, mark in found["marks"].items()}
    assert found["style"] > 0.9
    assert right["answerable"] > 0.8
    assert right["not told"] > 0.8
