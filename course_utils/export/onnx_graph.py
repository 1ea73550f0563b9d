"""A model as an ONNX graph, with or without the keys and values of earlier tokens: ONNX Runtime, transformers.js.

`torch.export` runs the model once and records what it computes; nothing of the model is written a second time here.
Inputs and outputs have the names that transformers.js and Optimum expect.
"""

import contextlib
import copy
import importlib.util
import io
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from course_utils.checkpoints import unwrap
from course_utils.common import require
from course_utils.gpt import GPT

# transformers.js makes its empty past by this name: an axis called otherwise gets the size 0, and the first step fails.
BATCH = "batch_size"
NEEDS = ("onnx", "onnxscript", "onnxruntime")


class Past:
    """A cache whose room grows with each token, as a graph has it: what went in, and what comes out (`present`)."""

    def __init__(self, layers: list[tuple[Tensor, Tensor]]) -> None:
        self.layers = layers
        self.length = layers[0][0].shape[2]
        self.present: list[Tensor] = []

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return all keys and values of a layer, (B, n_head, S, D) each, the new ones last."""
        before = self.layers[layer]
        both = torch.cat((before[0], keys), dim=2), torch.cat((before[1], values), dim=2)
        self.present += both
        return both


class WithPast(nn.Module):
    """Ids (B, T), attention mask (B, S), keys and values so far -> logits (B, T, V), keys and values with the new."""

    def __init__(self, model: GPT) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor, past: list[Tensor]) -> tuple[Tensor, ...]:
        cache = Past(list(zip(past[::2], past[1::2], strict=True)))
        logits = self.model(input_ids, cache, attention_mask)
        return logits, *cache.present


def past_shape(model: GPT, batch_size: int, length: int) -> tuple[int, int, int, int]:
    """Return the shape of a layer's keys, and of its values: a Llama may have fewer heads of them than of queries."""
    config = model.config
    return batch_size, getattr(config, "kv_heads", config.n_head), length, config.head_dim


def names_of_past(model: GPT, kind: str) -> list[str]:
    """Return the names of the graph's keys and values, "past_key_values" that go in or "present" that come out."""
    return [f"{kind}.{layer}.{part}" for layer in range(model.config.n_layer) for part in ("key", "value")]


def recipe_with_past(model: GPT) -> tuple[WithPast, tuple, dict]:
    """Return what is recorded with a past, inputs to record it on, and which of their sizes may be any."""
    B, T, P = 2, 5, 3  # they differ, so that none is taken for another
    past = [model.token_embedding.weight.new_zeros(past_shape(model, B, P)) for _ in names_of_past(model, "present")]
    sizes = {
        "input_ids": {0: BATCH, 1: "sequence_length"},
        "attention_mask": {0: BATCH, 1: "total_sequence_length"},
        "past": [{0: BATCH, 2: "past_sequence_length"}] * len(past),
    }
    return WithPast(model), (some_ids(model, B, T), torch.ones(B, P + T, dtype=torch.int64), past), sizes


def save_onnx(model: GPT, path: str | Path) -> None:
    """Write the graph that generates: with an empty past it reads a prompt, with a filled one it goes on.

    Where this file is missing and one without a past stands in its place, transformers.js generates nonsense.
    """
    going_in = ["input_ids", "attention_mask", *names_of_past(model, "past_key_values")]
    coming_out = ["logits", *names_of_past(model, "present")]
    write_graph(*recipe_with_past(plain_copy(model)), going_in, coming_out, Path(path))


def plain_copy(model: GPT) -> GPT:
    """Return the model as it is recorded: in float32, on the CPU, without dropout."""
    return copy.deepcopy(unwrap(model)).float().cpu().eval()


def save_onnx_without_past(model: GPT, path: str | Path) -> None:
    """Write the graph that only reads: token ids (B, T) in, logits (B, T, V) out."""
    sizes = {"idx": {0: BATCH, 1: "sequence_length"}, "cache": None, "attention_mask": None}
    write_graph(plain_copy(model), (some_ids(model, 2, 5), None, None), sizes, ["input_ids"], ["logits"], Path(path))


def some_ids(model: GPT, *shape: int) -> Tensor:
    """Return ids to run a model with; which ones makes no difference to what is recorded."""
    return torch.arange(shape[0] * shape[1]).reshape(shape) % model.config.vocab_size


def write_graph(
    model: nn.Module, inputs: tuple, sizes: dict, going_in: list[str], coming_out: list[str], path: Path
) -> None:
    """Record a model on some inputs and write the graph whole."""
    check_installed()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with quiet(), torch.no_grad():
        program = torch.onnx.export(
            model,
            inputs,
            dynamo=True,
            dynamic_shapes=sizes,
            input_names=going_in,
            output_names=coming_out,
            verbose=False,
        )
        program.save(part)
    os.replace(part, path)


def save_8_bit(source: str | Path, path: str | Path) -> None:
    """Write a graph again with its matrices in 8 bits, a scale for each, as transformers.js loads by `dtype: "q8"`."""
    check_installed()
    from onnxruntime.quantization import QuantType, quantize_dynamic

    part = Path(path).with_name(Path(path).name + ".part")
    with quiet():
        quantize_dynamic(source, part, weight_type=QuantType.QUInt8)
    os.replace(part, path)


def check_installed() -> None:
    """Raise a `ValueError` that says what to install, unless it's there. The course itself needs none of it."""
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    require(
        not missing, f"for ONNX, {' and '.join(missing)} must be installed: python -m pip install {' '.join(NEEDS)}"
    )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what PyTorch's exporter says about parts that aren't used here to itself; errors are raised all the same."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
