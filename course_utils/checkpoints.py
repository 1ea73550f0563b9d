"""A model with all it needs in one safetensors file: weights, sizes, tokenizer, and how far its training has come.

The file holds tensors and, as JSON in its header, plain facts. Nothing in it can run code when it is read, unlike a
pickle. It is written beside its place and then moved there in one step, so that a crash leaves the old file whole.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

import course_utils.bpe  # noqa: F401  (so that a BPE tokenizer is among the kinds that can be read back)
from course_utils.common import DATA, require, write_whole
from course_utils.gpt import GPT, GPTConfig
from course_utils.tokenizers import Tokenizer
from course_utils.tokenizers import from_dict as tokenizer_from_dict

FORMAT = "text-to-transformer checkpoint 1"
BASE = DATA / "checkpoints" / "base.safetensors"  # the model that ships with the course


@dataclass
class Checkpoint:
    """What a file held: the model, its tokenizer if any, facts (JSON) and further tensors, such as the optimiser's."""

    model: GPT
    tokenizer: Tokenizer | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)


def save_checkpoint(
    path: str | Path,
    model: GPT,
    tokenizer: Tokenizer | None = None,
    facts: dict[str, Any] | None = None,
    tensors: dict[str, Tensor] | None = None,
) -> None:
    """Write everything to `path` in one step; where that fails, an OSError says why and an older file stays whole."""
    parts = {f"model.{name}": weight for name, weight in model.state_dict().items()}
    if model.config.tied:
        del parts["model.lm_head.weight"]  # the same numbers as the embedding's: stored once
    odd = next((name for name, tensor in (tensors or {}).items() if not isinstance(tensor, Tensor)), None)
    require(odd is None, f"tensors[{odd!r}] is no tensor; numbers and texts belong in facts")
    parts |= {f"extra.{name}": tensor for name, tensor in (tensors or {}).items()}
    header = {"format": FORMAT, "config": asdict(model.config), "facts": facts or {}}
    header["tokenizer"] = tokenizer.to_dict() if tokenizer else None
    # A copy on the CPU for each: safetensors stores neither views nor memory that two tensors share.
    parts = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in parts.items()}
    try:
        metadata = {name: json.dumps(value) for name, value in header.items()}
    except TypeError as error:
        raise ValueError(
            f"facts are kept as JSON, which holds numbers, texts, lists and dictionaries: {error}"
        ) from None
    content = save(parts, metadata=metadata)
    write_whole(Path(path), content)


def load_checkpoint(path: str | Path, device: str | torch.device = "cpu") -> Checkpoint:
    """Read what `save_checkpoint` wrote; a file that is missing, damaged or of another kind is a ValueError.

    The model comes back ready to be asked; `train` sets it to training.
    """
    path = Path(path)
    require(path.is_file(), f"there is no checkpoint at {path}")
    header, parts = read_safetensors(path)
    require(header.get("format") == FORMAT, f"{path} is a safetensors file, but not a checkpoint of this course")
    try:
        model = GPT(GPTConfig(**header["config"]))
        tokenizer = tokenizer_from_dict(header["tokenizer"]) if header["tokenizer"] else None
        facts = header["facts"]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: its header lacks or misstates {error}") from error
    groups: dict[str, dict[str, Tensor]] = {"model": {}, "extra": {}}
    for name, tensor in parts.items():
        kind, _, rest = name.partition(".")
        require(kind in groups, f"{path} is damaged: it holds {name!r}")
        groups[kind][rest] = tensor
    fill(model, groups["model"], path)
    return Checkpoint(model.to(device).eval(), tokenizer, facts, groups["extra"])


def read_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the header's facts (from JSON) and the tensors of a safetensors file; a damaged one is a ValueError."""
    content = path.read_bytes()
    try:
        # The form: 8 bytes with the length of a JSON header, the header, then the numbers.
        parts = load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        return {name: json.loads(value) for name, value in header.get("__metadata__", {}).items()}, parts
    except (SafetensorError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged or no safetensors file: {error}") from error


def fill(model: GPT, weights: dict[str, Tensor], path: Path) -> None:
    """Copy stored weights into `model`; names and shapes must be exactly the model's."""
    wanted = {name: tensor.shape for name, tensor in model.state_dict().items()}
    if model.config.tied:
        wanted.pop("lm_head.weight")
    missing, unknown = wanted.keys() - weights.keys(), weights.keys() - wanted.keys()
    require(
        not missing and not unknown,
        f"{path} is damaged: missing {sorted(missing)}, unknown {sorted(unknown)}",
    )
    for name, shape in wanted.items():
        found = tuple(weights[name].shape)
        require(found == tuple(shape), f"{path} is damaged: {name} is {found}, its sizes say {tuple(shape)}")
    for name, weight in model.named_parameters():
        kind = weights[name].dtype
        require(kind.is_floating_point, f"{path} is damaged: {name} is stored as {kind}")
        weight.data = weight.data.to(kind)
    model.load_state_dict(weights, strict=False)
