"""What each scheme of positions makes of texts longer than it was trained on: the loss at each place of a long text.

Run as `python -m course_utils bench lengths`; appendix B shows the table and trains one seed live.
"""

import json
import statistics
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from course_utils import runtime, tales
from course_utils.common import DATA, require, write_whole
from course_utils.experiments.timing import print_table
from course_utils.gpt import GPT, Context, GPTConfig, causal_mask, lookup
from course_utils.positions import RelativeBias, alibi_bias, sinusoidal_table
from course_utils.recipe import initialise_small, recipe, tales_tokenizer
from course_utils.tokenizers import END_OF_TEXT, Tokenizer
from course_utils.training import Trainer, cross_entropy
from course_utils.windows import SlidingWindowDataset, StepBatches

SCHEMES = ("none", "learned", "sinusoidal", "relative bias", "ALiBi", "rotary")
TRAINED, LONGEST = 32, 128  # tokens in a window of training, and in one of the test
SIZES = GPTConfig(vocab_size=1, context_length=LONGEST, n_layer=2, n_head=4, n_embd=64, tied=False)
STEPS, BATCH = 250, 64
SHADOW = 0.14  # of a sinusoid: so wide that its standard deviation, 0.1, is that of learned positions at their start


class PlacedGPT(GPT):
    """A GPT with one of `SCHEMES`, trained on windows of `trained` tokens and able to read up to the context's length.

    >>> PlacedGPT(replace(SIZES, vocab_size=9), "ALiBi", trained=4)(torch.zeros(1, 12).long()).shape
    torch.Size([1, 12, 9])
    """

    def __init__(self, config: GPTConfig, scheme: str, trained: int) -> None:
        require(scheme in SCHEMES, f"scheme is {scheme!r}; it takes one of {', '.join(SCHEMES)}")
        super().__init__(replace(config, positions="rotary" if scheme == "rotary" else "learned"))
        self.scheme = scheme
        if scheme not in ("learned", "rotary"):
            del self.position_embedding
        if scheme == "sinusoidal":
            table = SHADOW * sinusoidal_table(config.context_length, config.n_embd)
            self.register_buffer("sinusoids", table, persistent=False)
        if scheme == "relative bias":
            self.relative_bias = RelativeBias(config.n_head, trained - 1)

    def hidden_states(self, idx: Tensor, cache: None = None, attention_mask: None = None) -> Tensor:
        """Return what the model knows at each position, before the scores: (B, T) -> (B, T, C)."""
        alone = cache is None and attention_mask is None
        require(alone, "this model reads whole texts only, without cache and padding")
        T = idx.shape[1]
        x, cos, sin = self.embed(idx, slice(0, T))
        context = Context(self.scores_to_add(T).to(x.device), cos, sin)
        for block in self.blocks:
            x = block(x, context)
        return self.final_norm(x)

    def embed(self, idx: Tensor, position_ids: slice) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return the vectors of tokens at their positions, and the cos and sin of rotary ones."""
        if self.scheme in ("learned", "rotary"):
            return super().embed(idx, position_ids)
        x = lookup(self.token_embedding, idx)
        return (x + self.sinusoids[position_ids] if self.scheme == "sinusoidal" else x), None, None

    def scores_to_add(self, T: int) -> Tensor:
        """Return what is added to the scores of attention, (n_head or 1, T, T): -inf where a query may not look."""
        masked = torch.zeros(1, T, T).masked_fill(~causal_mask(T, T), -torch.inf)
        if self.scheme == "ALiBi":
            return masked + alibi_bias(self.config.n_head, T, T)
        if self.scheme == "relative bias":
            bias = self.relative_bias(T, T)
            return masked.to(bias.device) + bias
        return masked


def placed_gpt(tokenizer: Tokenizer, scheme: str) -> PlacedGPT:
    """Return a small model with one of `SCHEMES` and the course's fresh weights."""
    model = PlacedGPT(replace(SIZES, vocab_size=tokenizer.vocab_size), scheme, TRAINED)
    initialise_small(model)
    return model


@cache
def stream_of(tokenizer: Tokenizer, first_seed: int, count: int) -> Tensor:
    """Return so many tales as one row of token ids, end of text before each."""
    text = "".join(END_OF_TEXT + tale for tale in tales.generate_many(count, first_seed))
    return torch.tensor(tokenizer.encode(text, allowed_special="all"))


@torch.no_grad()
def loss_by_place(model: GPT, inputs: Tensor, targets: Tensor) -> list[float]:
    """Return the mean loss at each place of the windows (N, T), in nats."""
    losses = []
    for part, wanted in zip(inputs.split(64), targets.split(64), strict=True):
        losses.append(cross_entropy(model(part), wanted, "none").view(wanted.shape))
    return torch.cat(losses).mean(0).tolist()


def train_placed(tokenizer: Tokenizer, scheme: str, seed: int, run: runtime.Runtime, steps: int = STEPS) -> PlacedGPT:
    """Return a model with one of `SCHEMES`, trained on windows of 32 tokens."""
    runtime.seed_everything(seed)
    seen = stream_of(tokenizer, tales.FIRST_FRESH_SEED, 3000)
    batches = StepBatches(SlidingWindowDataset(seen, TRAINED, 8), BATCH, seed)
    trainer = Trainer(placed_gpt(tokenizer, scheme).to(run.device), recipe(steps, run.dtype))
    while trainer.steps_done < steps:
        trainer.step(*batches(trainer.steps_done))
    return trainer.model.eval()


def unseen_windows(tokenizer: Tokenizer, count: int = 512) -> tuple[Tensor, Tensor]:
    """Return windows of 128 tokens of tales that no model saw, inputs and targets, (N, T) each."""
    unseen = stream_of(tokenizer, tales.FIRST_UNSEEN_SEED, 2 * count)
    windows = SlidingWindowDataset(unseen, LONGEST, LONGEST)
    pairs = [windows[i] for i in range(min(count, len(windows)))]
    return tuple(torch.stack(column) for column in zip(*pairs, strict=True))


def stretch(losses: Sequence[float], start: int, end: int) -> float:
    """Return the mean over some places."""
    return statistics.mean(losses[start:end])


def lengths(seeds: str = "3", path: Path = DATA / "lengths.json") -> None:
    """Train a small model for each scheme and seed, and write its loss at each place of longer texts to a JSON file.

    What the file holds already is not measured again; delete it to start anew.
    """
    run, tokenizer = runtime.start(), tales_tokenizer()
    rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    inputs, targets = unseen_windows(tokenizer)
    for seed in range(int(seeds)):
        for scheme in SCHEMES:
            if not any((row["scheme"], row["seed"]) == (scheme, seed) for row in rows):
                model = train_placed(tokenizer, scheme, seed, run)
                losses = loss_by_place(model, inputs.to(run.device), targets.to(run.device))
                rows.append({"scheme": scheme, "seed": seed, "losses": [round(loss, 4) for loss in losses]})
                write_whole(path, (json.dumps(rows) + "\n").encode())
    parts = [(16, 32), (32, 64), (64, 96), (96, 128)]
    lines: list[tuple] = [("scheme", "seed", *(f"{a}-{b - 1}" for a, b in parts))]
    for row in sorted(rows, key=lambda row: SCHEMES.index(row["scheme"])):
        lines.append((row["scheme"], row["seed"], *(f"{stretch(row['losses'], a, b):.3f}" for a, b in parts)))
    print_table(lines)
