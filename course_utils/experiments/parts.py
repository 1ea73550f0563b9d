"""What a trained model can no longer do when one of its parts is switched off: losses by kind of token, and faults."""

import re
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor

from course_utils.common import require
from course_utils.evaluation import Scores, token_losses
from course_utils.gpt import GPT
from course_utils.tokenizers import Tokenizer

TOLD = ("name", "thing", "place")  # of these it matters whether the tale has spoken of them
PARTS = ("head", "attn", "mlp", "layer")
# How a reason of the checker begins or ends, and what kind of mistake that is; the first that fits counts.
FAULTS = {
    "no sentence": r"not a sentence|does not fit here|has ended already|has begun already",
    "one twice": r"is there twice|mixed up",
    "who is meant": r"could mean|could be anything|, not |it does not say who",
    "who is there": r"has not come into|is in the tale already|nobody is with",
    "who is where": r" is at the ",
    "who has what": r"^the .* is with | lies |has lost|was not told that the .* is with",
}


@contextmanager
def switched_off(model: GPT, part: str, layer: int, head: int = 0) -> Iterator[GPT]:
    """Within this, one part of a GPT adds nothing to the residual stream; afterwards the model is as it was.

    `part` is "head", "attn", "mlp", or "layer" for both of a block's halves. Layers and heads count from 0.
    """
    require(part in PARTS, f"part is {part!r}; it takes one of {', '.join(PARTS)}")
    n_layer, n_head = model.config.n_layer, model.config.n_head
    require(0 <= layer < n_layer, f"layer is {layer}; it takes a whole number from 0 to {n_layer - 1}")
    require(0 <= head < n_head, f"head is {head}; it takes a whole number from 0 to {n_head - 1}")
    kept = [(weight, weight.detach().clone()) for weight in written_by(model, part, layer)]
    D = model.config.head_dim
    try:
        with torch.no_grad():
            for weight, _ in kept:
                # A head's result is D of the C numbers that the output projection reads: D of its columns.
                (weight[:, head * D : (head + 1) * D] if part == "head" else weight).zero_()
        yield model
    finally:
        with torch.no_grad():
            for weight, old in kept:
                weight.copy_(old)


def written_by(model: GPT, part: str, layer: int) -> list[Tensor]:
    """Return the weights with which a part writes into the residual stream."""
    block = model.blocks[layer]
    attention, mlp = list(block.attn.proj.parameters()), list(block.mlp.down.parameters())
    return {"head": attention[:1], "attn": attention, "mlp": mlp, "layer": attention + mlp}[part]


def mean_losses(model: GPT, tokenizer: Tokenizer, texts: Sequence[str]) -> dict[str, float]:
    """Return the mean loss on tales, nats per token: of all tokens, and by kind, words told before by themselves."""
    found: dict[str, list[float]] = {"all": []}
    for token in chain.from_iterable(token_losses(model, tokenizer, texts)):
        kind = f"{token.kind} told before" if token.before and token.kind in TOLD else token.kind
        found["all"].append(token.loss)
        found.setdefault(kind, []).append(token.loss)
    return {kind: statistics.mean(losses) for kind, losses in found.items()}


def fault_kinds(scores: Scores) -> Counter:
    """Count the faults that the checker found, by what kind of mistake they are."""
    found: Counter = Counter()
    for reason, count in scores.faults.items():
        kind = next((kind for kind, pattern in FAULTS.items() if re.search(pattern, reason)), "what has happened")
        found[kind] += count
    return found
