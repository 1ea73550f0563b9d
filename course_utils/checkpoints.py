"""A model with all it needs in one safetensors file: weights, sizes, tokenizer, and how far its training has come.

The file holds tensors and, as JSON in its header, the kind of model, its configuration and metadata. Nothing in it can
run code when it is read, unlike a pickle. It is written whole or not at all, so that a crash leaves the old file.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

import course_utils.bpe  # noqa: F401  (so that a BPE tokenizer is among the kinds that can be read back)
from course_utils.common import DATA, require, write_whole
from course_utils.encoder_decoder import EncoderDecoder
from course_utils.gpt import GPT, GPTConfig
from course_utils.llama import Llama, LlamaConfig
from course_utils.tokenizers import Tokenizer, tokenizer_kinds
from course_utils.tokenizers import from_dict as tokenizer_from_dict

FORMAT = "text-to-transformer checkpoint 3"
ENTRY = "checkpoint"  # the one entry of the file's metadata
# The models that ship with the course.
BASE = DATA / "checkpoints" / "base.safetensors"
CHAT = DATA / "checkpoints" / "chat.safetensors"
CLARA = DATA / "checkpoints" / "clara"  # an adapter on the chat model, a folder as `peft` writes one
# The kinds of model that a file may hold, by the name of their class: the class, and that of its configuration.
KINDS: dict[str, tuple[type[nn.Module], type]] = {
    "GPT": (GPT, GPTConfig),
    "Llama": (Llama, LlamaConfig),
    "EncoderDecoder": (EncoderDecoder, GPTConfig),
}
# What PyTorch puts around a model, by the name of its class, and the name under which `torch.compile` puts the model.
WRAPPERS = ("OptimizedModule", "DataParallel", "DistributedDataParallel")
COMPILED = "_orig_mod"


@dataclass
class Checkpoint:
    """What a file held: model, tokenizer if any, metadata (JSON) and further tensors, such as the optimiser's."""

    model: nn.Module
    tokenizer: Tokenizer | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)


def save_checkpoint(
    path: str | Path,
    model: nn.Module,
    tokenizer: Tokenizer | None = None,
    metadata: dict[str, Any] | None = None,
    tensors: dict[str, Tensor] | None = None,
) -> None:
    """Write everything to `path` in one step; where that fails, an OSError says why and an older file stays whole.

    Of a model that `torch.compile` or the like has wrapped, the model inside is written.
    """
    check_storable(model, tokenizer)
    parts = {f"model.{name}": weight for name, weight in stored_weights(model).items()}
    odd = next((name for name, tensor in (tensors or {}).items() if not isinstance(tensor, Tensor)), None)
    require(odd is None, f"tensors[{odd!r}] is no tensor; numbers and texts belong in metadata")
    parts |= {f"extra.{name}": tensor for name, tensor in (tensors or {}).items()}
    model = unwrap(model)
    header = {"format": FORMAT, "kind": type(model).__name__, "config": asdict(model.config)}
    header |= {"metadata": metadata or {}, "tokenizer": tokenizer.to_dict() if tokenizer else None}
    # A copy on the CPU for each: safetensors stores neither views nor memory that two tensors share.
    parts = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in parts.items()}
    try:
        # All in one entry: several are stored in an order that differs from run to run, and so would the file.
        text = json.dumps(header)
    except TypeError as error:
        found = "metadata is kept as JSON, which holds numbers, texts, lists and dictionaries"
        raise ValueError(f"{found}: {error}") from None
    write_whole(Path(path), save(parts, metadata={ENTRY: text}))


def unwrap(model: nn.Module) -> nn.Module:
    """Return the model inside what `torch.compile`, `DataParallel` or `DistributedDataParallel` has put around it.

    >>> inside = GPT(GPTConfig(vocab_size=9, context_length=8, n_layer=2, n_head=1, n_embd=4))
    >>> unwrap(nn.DataParallel(inside)) is unwrap(inside) is inside
    True
    """
    # Each keeps the model as its one part, under a name of its own. By name, since importing them takes seconds.
    while type(model).__name__ in WRAPPERS:
        (model,) = model.children()
    return model


def kind_of(model: nn.Module) -> str:
    """Return the name of a model's kind, also where FSDP has put a class of its own in front of the model's.

    >>> kind_of(GPT(GPTConfig(vocab_size=9, context_length=8, n_layer=2, n_head=1, n_embd=4)))
    'GPT'
    """
    names = [base.__name__ for base in type(unwrap(model)).__mro__]
    return next((name for name in names if name in KINDS), names[0])


def check_storable(model: nn.Module, tokenizer: Tokenizer | None = None) -> None:
    """Raise a `ValueError` unless what would be written of this model and tokenizer can be read back."""
    inside = unwrap(model)
    kind = type(inside).__name__
    require(kind in KINDS, f"the model is a {kind}; a checkpoint holds one of {', '.join(KINDS)}")
    form, wanted = type(inside.config).__name__, KINDS[kind][1].__name__
    require(form == wanted, f"the model's config is a {form}; that of {with_article(kind)} is a {wanted}")
    # By name: a class of one's own can't be read back, and one that a notebook has copied comes back as the course's.
    name, known = type(tokenizer).__name__, [one.__name__ for one in tokenizer_kinds()]
    ours = tokenizer is None or (isinstance(tokenizer, Tokenizer) and name in known)
    require(ours, f"the tokenizer is a {name}; a checkpoint holds one of the course's: {', '.join(known)}")
    # Something else may have come to where the config says it is: an adapter, or output weights of another size.
    with torch.device("meta"):  # sizes without numbers
        fresh = KINDS[kind][0](inside.config)
    other = misfits(shapes(stored_weights(fresh)), shapes(stored_weights(inside)))
    advice = "Adapters are kept by save_adapter; merge_lora adds them to the weights"
    require(not other, f"the model isn't {describe(inside)} as its config says: {other}. {advice}")


def shapes(weights: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight."""
    return {name: tuple(weight.shape) for name, weight in weights.items()}


def stored_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return the weights of a model by name; output weights tied to the embedding's stand there once."""
    inside = unwrap(model)
    # A block that was compiled alone has the mark of it within its weights' names.
    weights = {name.replace(f"{COMPILED}.", ""): weight for name, weight in inside.state_dict().items()}
    if getattr(inside.config, "tied", False):
        output, embedding = weights.pop("lm_head.weight"), weights["token_embedding.weight"]
        one = output.data_ptr() == embedding.data_ptr() or torch.equal(output, embedding)
        require(one, "the config says tied, but the output weights differ from the embedding's: they would be lost")
    return weights


def fingerprint(model: nn.Module) -> str:
    """Name a model's weights so that other weights have another name.

    >>> len(fingerprint(GPT(GPTConfig(vocab_size=9, context_length=8, n_layer=2, n_head=1, n_embd=4))))
    16
    """
    content = hashlib.sha256()
    for weight in stored_weights(model).values():
        content.update(weight.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return content.hexdigest()[:16]


def load_checkpoint(path: str | Path, device: str | torch.device = "cpu") -> Checkpoint:
    """Read what `save_checkpoint` wrote; a file that is missing, damaged or of another kind is a ValueError.

    The model comes back in evaluation mode; `train` sets it to training. It knows by its `origin`, a fingerprint, which
    weights it came with, so that a run that begins with others isn't taken for the same.
    """
    path = Path(path)
    require(path.is_file(), f"there is no checkpoint at {path}")
    header, parts = read_safetensors(path)
    require(header.get("format") == FORMAT, f"{path} is a safetensors file, but not a checkpoint of this course")
    model = build(header, path)
    try:
        tokenizer = tokenizer_from_dict(header["tokenizer"]) if header["tokenizer"] else None
        metadata = header["metadata"]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: its header lacks or misstates {error}") from error
    groups: dict[str, dict[str, Tensor]] = {"model": {}, "extra": {}}
    for name, tensor in parts.items():
        group, _, rest = name.partition(".")
        require(group in groups, f"{path} is damaged: it holds {name!r}")
        groups[group][rest] = tensor
    load_weights(model, groups["model"], path)
    model.origin = fingerprint(model)
    return Checkpoint(model.to(device).eval(), tokenizer, metadata, groups["extra"])


def build(header: dict[str, Any], path: Path) -> nn.Module:
    """Return a fresh model of the kind and configuration that a header names."""
    kind = header.get("kind")
    require(kind in KINDS, f"{path} holds a {kind}; this version of the course reads {', '.join(KINDS)}")
    require("config" in header, f"{path} is damaged: its header lacks 'config'")
    model_class, config_class = KINDS[kind]
    try:
        config = config_class(**header["config"])
    except TypeError as error:
        known = ", ".join(config_class.__dataclass_fields__)
        raise ValueError(f"{path} holds a {kind} of another form: {error}; the code here takes {known}") from error
    return model_class(config)


def read_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the header's entries (from JSON) and the tensors of a safetensors file; a damaged one is a ValueError."""
    content = path.read_bytes()
    try:
        # The form: 8 bytes with the length of a JSON header, the header, then the numbers.
        parts = load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        found = json.loads(header.get("__metadata__", {}).get(ENTRY, "{}"))
        return (found if isinstance(found, dict) else {}), parts
    except (SafetensorError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged or no safetensors file: {error}") from error


def load_weights(model: nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    """Copy stored weights into `model`; names and shapes must be exactly those that the code builds."""
    # The file is whole, as its reader has checked: what does not fit was written by a model of another form.
    other = misfits(shapes(stored_weights(model)), shapes(weights))
    require(not other, f"{path} holds {describe(model)}, but not the one that the code here builds: {other}")
    for name, weight in model.named_parameters():
        dtype = weights[name].dtype
        require(dtype.is_floating_point, f"{path} is damaged: {name} is stored as {dtype}")
        weight.data = weight.data.to(dtype)
    model.load_state_dict(weights, strict=False)


def describe(model: nn.Module) -> str:
    """Name a model in a few words.

    >>> describe(GPT(GPTConfig(vocab_size=9, context_length=8, n_layer=2, n_head=1, n_embd=4)))
    'a GPT of 2 layers of 4 with learned positions'
    """
    config = model.config
    kind = with_article(type(model).__name__)
    return f"{kind} of {config.n_layer} layers of {config.n_embd} with {config.positions} positions"


def with_article(kind: str) -> str:
    """Return the name of a kind of model as a sentence takes it.

    >>> with_article("GPT"), with_article("EncoderDecoder")
    ('a GPT', 'an EncoderDecoder')
    """
    return f"{'an' if kind[0] in 'AEIOU' else 'a'} {kind}"


def misfits(wanted: dict[str, tuple[int, ...]], found: dict[str, tuple[int, ...]], most: int = 3) -> str:
    """Say which weights the file lacks, which it has beyond those wanted, and whose shapes differ.

    >>> misfits({"a": (2,), "b": (3,)}, {"b": (4,), "c": (1,)})
    'it lacks a; it has c; b is (4,) there and (3,) here'
    """
    lacking, further = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    told = [f"it {verb} {', '.join(names[:most])}" for verb, names in (("lacks", lacking), ("has", further)) if names]
    shapes = [n for n in wanted.keys() & found.keys() if wanted[n] != found[n]]
    told += [f"{name} is {found[name]} there and {wanted[name]} here" for name in sorted(shapes)[:most]]
    return "; ".join(told)
