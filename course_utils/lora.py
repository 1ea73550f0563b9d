"""LoRA: fine-tuning by small low-rank matrices beside frozen ones, and adapter files that `peft` reads too.

Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", section 4.1.
"""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from course_utils.checkpoints import COMPILED, check_storable, misfits, stored_weights, unwrap
from course_utils.common import require, write_whole
from course_utils.gpt import GPT
from course_utils.llama import make_model
from course_utils.pretrained import regroup, their_names

# The linear layers of a block, by the end of their names, and the output layer.
LAYERS = ("attn.qkv", "attn.proj", "mlp.up", "mlp.down")
HEAD = "lm_head"
# What `peft` can vary and ours can't.
FIXED = {
    "peft_type": "LORA",
    "task_type": "CAUSAL_LM",
    "bias": "none",
    "lora_dropout": 0.0,
    "use_rslora": False,
    "use_dora": False,
    "alpha_pattern": {},
}


@dataclass(frozen=True)
class LoRAConfig:
    """The form of an adapter, checked when made: rank, scale (`alpha / rank` multiplies the update), and which layers.

    >>> LoRAConfig(rank=8, alpha=16).scale
    2.0
    """

    rank: int = 8
    alpha: float = 16.0
    layers: tuple[str, ...] = ("attn.qkv", "attn.proj")

    def __post_init__(self) -> None:
        require(isinstance(self.rank, int) and self.rank >= 1, f"rank is {self.rank!r}; it takes 1 or more")
        require(self.alpha > 0, f"alpha is {self.alpha}; it takes a number above 0")
        object.__setattr__(self, "layers", tuple(self.layers))  # JSON has lists only
        known = len(self.layers) > 0 and {*self.layers} <= {*LAYERS, HEAD}
        require(known, f"layers is {self.layers}; it takes some of {', '.join(LAYERS)}, {HEAD}")

    @property
    def scale(self) -> float:
        """What the product of the two small matrices is multiplied by."""
        return self.alpha / self.rank


class LoRALinear(nn.Module):
    """A frozen linear layer and a low-rank update beside it: W x + b + (alpha / r) B A x. (…, n_in) -> (…, n_out)

    A (r, n_in) is drawn at random, B (n_out, r) is zero, so a fresh adapter changes nothing.
    """

    def __init__(self, base: nn.Linear, config: LoRAConfig) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.config = config
        # Made from the weight, they have its dtype and are on its device.
        self.A = nn.Parameter(base.weight.new_empty(config.rank, base.in_features))
        self.B = nn.Parameter(base.weight.new_zeros(base.out_features, config.rank))
        # If both were zero, neither would ever get a gradient: each one's is a product with the other.
        nn.init.kaiming_uniform_(self.A, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        # Through the narrow middle, never by the full matrix B A: that would cost as much as the layer itself.
        return self.base(x) + self.config.scale * (x @ self.A.T @ self.B.T)

    def delta(self) -> Tensor:
        """Return what the adapter adds to the weight, (n_out, n_in)."""
        return self.config.scale * self.B @ self.A


def adapters(model: nn.Module) -> Iterator[tuple[str, LoRALinear]]:
    """Yield the layers of a model that carry an adapter, with their names."""
    return ((name, layer) for name, layer in model.named_modules() if isinstance(layer, LoRALinear))


def replace_layer(model: nn.Module, name: str, layer: nn.Module) -> None:
    """Put another layer where the one of this name is."""
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, layer)


def add_lora(model: GPT, config: LoRAConfig) -> GPT:
    """Freeze a model and put an adapter beside each of the chosen layers, in place; return the same model."""
    has = next((name for name, _ in adapters(model)), None)
    require(has is None, f"the model carries an adapter already, at {has}: merge_lora or remove_lora comes first")
    layers = chosen(model, config)
    model.requires_grad_(False)
    for name, layer in layers.items():
        replace_layer(model, name, LoRALinear(layer, config))
    return model


@torch.no_grad()
def merge_lora(model: GPT) -> GPT:
    """Add each adapter to the weights beside it, in place: the same model without adapters, as fast as before."""
    for _, layer in adapters(model):
        layer.base.weight += layer.delta()
    return remove_lora(model)


def remove_lora(model: GPT) -> GPT:
    """Take the adapters off, in place: the model is what it was before, and can be trained again."""
    for name, layer in list(adapters(model)):
        replace_layer(model, name, layer.base)
    return model.requires_grad_(True)


def chosen(model: GPT, config: LoRAConfig) -> dict[str, nn.Linear]:
    """Return the layers that an adapter of this form is for, by name, without adapters that they carry now."""
    tied = model.config.tied and HEAD in config.layers
    require(not tied, f"{HEAD} shares its weights with the embedding: an adapter merged there would change both")
    inner = {name: layer.base for name, layer in adapters(model)}
    # A Llama has queries apart from keys and values, and a gate beside the layer up: the kind stands for both.
    apart = {"attn.query": "attn.qkv", "attn.kv": "attn.qkv", "mlp.gate": "mlp.up"}
    kinds = (*config.layers, *(name for name, kind in apart.items() if kind in config.layers))
    # Within a compiled model each name has the mark of it in front.
    names = [name for name, _ in model.named_modules() if "blocks." in name or name.endswith(HEAD)]
    found = {n: inner.get(n, model.get_submodule(n)) for n in names if n.endswith(kinds)}
    require(len(found) > 0, f"layers are {', '.join(config.layers)}; this model has none of them to put an adapter on")
    return found


@torch.no_grad()
def widen_vocabulary(model: GPT, vocab_size: int) -> GPT:
    """Return a copy of a model with room for more tokens, such as a chat's; what it computes for the old ones stays.

    A new token's vector is the mean of all, with a little noise of its own, always the same: an adapter that was
    trained on such a copy fits on another.
    """
    check_storable(model)
    model = unwrap(model)
    require(isinstance(model, GPT), f"the model is a {type(model).__name__}; this takes a GPT or a Llama")
    old = model.config.vocab_size
    require(vocab_size >= old, f"vocab_size is {vocab_size}; it takes {old}, as the model has, or more")
    wide = make_model(replace(model.config, vocab_size=vocab_size)).to(model.token_embedding.weight)
    stored, fixed = stored_weights(model), torch.Generator().manual_seed(0)
    for name in [name for name in ("token_embedding.weight", f"{HEAD}.weight") if name in stored]:
        rows = stored[name]
        noise = torch.randn(vocab_size - old, rows.shape[1], generator=fixed).to(rows)
        stored[name] = torch.cat([rows, rows.mean(dim=0) + noise * rows.std(dim=0)])
    if model.config.tied:
        stored[f"{HEAD}.weight"] = stored["token_embedding.weight"]
    wide.load_state_dict(stored)
    wide.origin = getattr(model, "origin", None)
    return wide.train(model.training)


def peft_stems(model: GPT, name: str) -> list[str]:
    """Return what `peft` calls a layer of ours: one name, or two where keys and values lie in one matrix here."""
    name = name.replace(f"{COMPILED}.", "")
    # A rotary model's output layer has had two names; its model file has the older one.
    names = [f"{HEAD}.weight"] if name == HEAD else their_names(model.config, f"{name}.weight")
    return [one.removesuffix(".weight") for one in names]


def peft_name(stem: str, part: str) -> str:
    """Return what `peft` calls one of the two small matrices, "A" or "B", beside a layer."""
    return f"base_model.model.{stem}.lora_{part}.weight"


def laid_out(model: GPT, name: str, weight: Tensor, back: bool = False) -> Tensor:
    """Lay out a matrix B as `peft` does beside Hugging Face's layer, or back: only rotary models differ."""
    if model.config.positions == "learned":
        return weight.contiguous()
    return regroup(model.config, f"{name.replace(f'{COMPILED}.', '')}.weight", weight, back)


def to_peft(model: GPT, name: str, layer: LoRALinear) -> dict[str, Tensor]:
    """Return the small matrices of one layer as `peft` names and shapes them."""
    stems, A, B = peft_stems(model, name), layer.A.detach().cpu(), layer.B.detach().cpu()
    # Keys and values have halves of B, and read through the same A.
    parts = zip(stems, laid_out(model, name, B).chunk(len(stems)), strict=True)
    return {peft_name(stem, part): w.clone() for stem, half in parts for part, w in (("A", A), ("B", half))}


def from_peft(model: GPT, name: str, stored: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return our A and B of one layer, from stored ones of the right shapes."""
    stems = peft_stems(model, name)
    first, *others = (stored[peft_name(stem, "A")] for stem in stems)
    joint = all(torch.equal(other, first) for other in others)
    why = "keys and values lie in one layer here, which has one A"
    require(joint, f"the adapter has an A of its own for each of {' and '.join(stems)}; {why}: leave {name} out of it")
    B = torch.cat([stored[peft_name(stem, "B")] for stem in stems])
    return first, laid_out(model, name, B, back=True)


def save_adapter(model: GPT, folder: str | Path) -> None:
    """Write the adapter as `peft` writes one: `adapter_config.json` and `adapter_model.safetensors`, scale included."""
    layers = dict(adapters(model))
    require(len(layers) > 0, "the model carries no adapter: save it after add_lora and before merge_lora")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {key: weight for name, layer in layers.items() for key, weight in to_peft(model, name, layer).items()}
    config = next(iter(layers.values())).config
    about = FIXED | {
        "r": config.rank,
        "lora_alpha": config.alpha,
        # GPT-2's layers on Hugging Face store their weights the other way round.
        "fan_in_fan_out": model.config.positions == "learned",
        # Two parts of the name: `c_proj` alone would be the attention's layer and the MLP's.
        "target_modules": sorted({".".join(s.split(".")[-2:]) for name in layers for s in peft_stems(model, name)}),
    }
    write_whole(folder / "adapter_model.safetensors", save(weights, metadata={"format": "pt"}))
    write_whole(folder / "adapter_config.json", (json.dumps(about, indent=2) + "\n").encode())


@torch.no_grad()
def load_adapter(model: GPT, folder: str | Path) -> LoRAConfig:
    """Put an adapter from `save_adapter` or `peft` on a model, in place; one that it carries is taken off before.

    A folder that is damaged, or holds an adapter of another form or for another model, is a ValueError; the model then
    stays as it was.
    """
    about, stored = read_adapter(Path(folder))
    kinds = stored_kinds(model, stored)
    require(len(kinds) > 0, f"{folder} holds an adapter for another model: it has no layer that takes one here")
    config = LoRAConfig(about["r"], about["lora_alpha"], tuple(kinds))
    layers = chosen(model, config)
    stored = with_both_halves(model, layers, stored)
    wanted = {}
    for name, layer in layers.items():
        stems = peft_stems(model, name)
        for stem in stems:
            wanted[peft_name(stem, "A")] = config.rank, layer.in_features
            wanted[peft_name(stem, "B")] = layer.out_features // len(stems), config.rank
    other = misfits(wanted, {name: tuple(weight.shape) for name, weight in stored.items()})
    require(not other, f"{folder} holds an adapter for another model: {other}")
    matrices = {name: from_peft(model, name, stored) for name in layers}
    add_lora(remove_lora(model), config)
    for name, layer in adapters(model):
        A, B = matrices[name]
        layer.A.copy_(A), layer.B.copy_(B)
    return config


def with_both_halves(model: GPT, names: Iterable[str], stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """Add updates of zero where `peft` adapts the keys or the values alone: here both lie in one layer."""
    found = dict(stored)
    for stems in (peft_stems(model, name) for name in names):
        there = [stem for stem in stems if {peft_name(stem, "A"), peft_name(stem, "B")} <= stored.keys()]
        for stem in stems if there else ():
            found.setdefault(peft_name(stem, "A"), stored[peft_name(there[0], "A")])
            found.setdefault(peft_name(stem, "B"), torch.zeros_like(stored[peft_name(there[0], "B")]))
    return found


def stored_kinds(model: GPT, stored: dict[str, Tensor]) -> list[str]:
    """Return our names of the kinds of layers that stored matrices belong to."""

    def has(kind: str) -> bool:
        try:
            names = chosen(model, LoRAConfig(layers=(kind,)))
        except ValueError:  # a mixture of experts has other layers in place of an MLP's
            return False
        stems = [stem for name in names for stem in peft_stems(model, name)]
        return any(peft_name(stem, "A") in stored for stem in stems)

    return [kind for kind in (LAYERS if model.config.tied else (*LAYERS, HEAD)) if has(kind)]


def read_adapter(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the settings and the small matrices of an adapter; settings that ours can't follow are a ValueError."""
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        require((folder / name).is_file(), f"{folder} holds no {name}: give a folder that save_adapter or peft wrote")
    try:
        about = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        stored = load_file(folder / "adapter_model.safetensors")
        require({"r", "lora_alpha"} <= about.keys(), f"{folder} is damaged: its configuration lacks r or lora_alpha")
    except (SafetensorError, json.JSONDecodeError, AttributeError) as error:
        raise ValueError(f"{folder} is damaged: {error}") from error
    for name, value in FIXED.items():
        found = about.get(name, value)
        require(found == value, f"{folder} has {name} {found!r}; our adapters have {value!r}")
    return about, stored
