"""A ladder of language models, each with one part more than the one before, and what each part is worth.

All learn from the same tales, with the same loss, for as many steps. Run as `python -m course_utils bench ladder`;
notebook 10 shows the table and trains one row live.
"""

import contextlib
import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import runtime, tales
from course_utils.checkpoints import BASE, load_checkpoint
from course_utils.common import DATA, require, write_whole
from course_utils.evaluation import TEMPERATURE
from course_utils.experiments.timing import print_table
from course_utils.generation import Sampler, generate_tokens
from course_utils.gpt import GPT, PLAIN, Attention, Context, GPTConfig, LayerNorm, Linear, lookup
from course_utils.recipe import FreshTales, recipe
from course_utils.tokenizers import END_OF_TEXT, Tokenizer, pad_batch
from course_utils.training import IGNORED, Batch, Trainer, cross_entropy

SIZES = GPTConfig(vocab_size=1, context_length=128, n_layer=1, n_head=4, n_embd=64, tied=False)
STEPS, BATCH = 300, 8
UNSEEN = 200  # tales on which a model is measured
NORMS = ("none", "post", "pre")
POSITIONS = ("none", "learned", "rotary")


@dataclass(frozen=True)
class Parts:
    """Which parts a small model has; as it stands, all those of a GPT.

    `n_head` of 0 leaves attention out, and `mlp`, how many times wider its middle is, the MLP. `reads` is False for a
    model that never looks at its tokens.
    """

    reads: bool = True
    positions: str = "learned"
    n_head: int = 4
    proj: bool = True
    mlp: int = 4
    activation: str = "gelu"
    residual: bool = True
    norm: str = "pre"
    n_layer: int = 2
    dropout: float = 0.0
    tied: bool = False

    def __post_init__(self) -> None:
        require(self.norm in NORMS, f"norm is {self.norm!r}; it takes one of {', '.join(NORMS)}")
        require(self.positions in POSITIONS, f"positions is {self.positions!r}; it takes one of {', '.join(POSITIONS)}")
        functions = ("gelu", "relu")
        require(self.activation in functions, f"activation is {self.activation!r}; it takes gelu or relu")


class PartsMLP(nn.Module):
    """`gpt.MLP` with another width or another function in the middle. (B, T, C) -> (B, T, C)"""

    def __init__(self, config: GPTConfig, width: int, activation: str) -> None:
        super().__init__()
        self.up = Linear(config.n_embd, width * config.n_embd)
        self.down = Linear(width * config.n_embd, config.n_embd, residual=True)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.up(x)
        return self.down(F.relu(hidden) if self.activation == "relu" else F.gelu(hidden, approximate="tanh"))


class PartsBlock(nn.Module):
    """`gpt.Block` with parts left out. (B, T, C) -> (B, T, C)"""

    def __init__(self, config: GPTConfig, layer: int, parts: Parts) -> None:
        super().__init__()
        self.has = parts
        self.attn = Attention(config, layer)
        if not parts.proj:
            self.attn.proj = nn.Identity()
        self.mlp = PartsMLP(config, parts.mlp, parts.activation) if parts.mlp else None
        self.attn_norm = nn.Identity() if parts.norm == "none" else LayerNorm(config.n_embd)
        self.mlp_norm = nn.Identity() if parts.norm == "none" else LayerNorm(config.n_embd)

    def forward(self, x: Tensor, context: Context = PLAIN) -> Tensor:
        x = self.apply_branch(lambda y: self.attn(y, context), self.attn_norm, x)
        return self.apply_branch(self.mlp, self.mlp_norm, x) if self.mlp else x

    def apply_branch(self, branch: Callable[[Tensor], Tensor], norm: nn.Module, x: Tensor) -> Tensor:
        """Return what a branch makes of x, with x added and a norm before or after if the model has them."""
        out = branch(norm(x) if self.has.norm == "pre" else x)
        out = F.dropout(out, self.has.dropout, self.training)
        if self.has.residual:
            out = x + out
        return norm(out) if self.has.norm == "post" else out


class PartsGPT(GPT):
    """A GPT with some of its `Parts`; with all of them, `gpt.GPT` itself.

    >>> PartsGPT(replace(SIZES, vocab_size=9), Parts(n_head=0, mlp=0))(torch.zeros(1, 5).long()).shape
    torch.Size([1, 5, 9])
    """

    def __init__(self, config: GPTConfig, parts: Parts) -> None:
        rotary = parts.positions == "rotary"
        sizes = {"n_head": max(1, parts.n_head), "n_layer": parts.n_layer, "dropout": parts.dropout}
        kinds = {"positions": "rotary" if rotary else "learned", "tied": parts.tied}
        super().__init__(replace(config, **sizes, **kinds))
        self.has = parts
        layers = range(parts.n_layer if parts.n_head else 0)
        self.blocks = nn.ModuleList(PartsBlock(self.config, layer, parts) for layer in layers)
        if parts.positions == "none":
            del self.position_embedding
        if parts.norm != "pre":
            self.final_norm = nn.Identity()
        draw_weights(self)

    def embed(self, idx: Tensor, position_ids: slice | Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return the vectors of tokens at their positions, and the cos and sin of rotary ones."""
        if not self.has.reads:
            idx = torch.zeros_like(idx)  # whatever the token, it sees the first of the vocabulary
        if self.has.positions == "none":
            return lookup(self.token_embedding, idx), None, None
        return super().embed(idx, position_ids)


@torch.no_grad()
def draw_weights(model: GPT, std: float = 0.7, position_std: float = 0.1, echo: float = 0.1) -> None:
    """Draw fresh weights for a model with parts left out: the recipe's, but every layer keeps the size of its input.

    Without residual connections, branches that start at zero, or smaller and smaller, would pass nothing on.
    """
    std = 0.07 if model.config.tied else std
    model.token_embedding.weight.normal_(0.0, std)
    if hasattr(model, "position_embedding"):
        model.position_embedding.weight.normal_(0.0, position_std * std / 0.7)
    for layer in model.blocks.modules():
        if isinstance(layer, nn.Linear):
            layer.weight.normal_(0.0, layer.in_features**-0.5)
            layer.bias.zero_()
    if not model.config.tied:
        model.lm_head.weight.copy_(echo * model.token_embedding.weight)


BARE = Parts(reads=False, positions="none", n_head=0, mlp=0, residual=False, norm="none", n_layer=1)
BIGRAM = replace(BARE, reads=True)
ONE_HEAD = replace(BIGRAM, positions="learned", n_head=1)
HEADS = replace(ONE_HEAD, n_head=4)
WITH_MLP = replace(HEADS, mlp=4)
WITH_RESIDUALS = replace(WITH_MLP, residual=True)
WITH_NORM = replace(WITH_RESIDUALS, norm="pre")
ALL = Parts()
GROUPS = {
    # Each with one part more than the one before.
    "ladder": {
        "unigram": BARE,
        "bigram": BIGRAM,
        "+ positions, one head": ONE_HEAD,
        "+ several heads": HEADS,
        "+ MLP": WITH_MLP,
        "+ residuals": WITH_RESIDUALS,
        "+ normalisation": WITH_NORM,
        "+ depth": replace(WITH_NORM, n_layer=4),
    },
    # Two whole blocks with one thing changed.
    "parts": {
        "two blocks": ALL,
        "no MLP": replace(ALL, mlp=0),
        "MLP as wide as the vectors": replace(ALL, mlp=1),
        "MLP 8 times as wide": replace(ALL, mlp=8),
        "ReLU": replace(ALL, activation="relu"),
        "no output projection": replace(ALL, proj=False),
        "dropout 0.1": replace(ALL, dropout=0.1),
        "tied output weights": replace(ALL, tied=True),
        "no positions": replace(ALL, positions="none"),
        "rotary positions": replace(ALL, positions="rotary"),
    },
    # Eight blocks, with the norm nowhere, behind the sum, or in front of the branch.
    "norm": {norm: replace(ALL, norm=norm, n_layer=8) for norm in NORMS},
}
LADDER = GROUPS["ladder"]


@cache
def tokenizer() -> Tokenizer:
    """Return the base model's tokenizer, so that losses can be compared with its own."""
    return load_checkpoint(BASE).tokenizer


@cache
def unseen(count: int = UNSEEN) -> Batch:
    """Return tales that no model saw, a row each: inputs and targets, (count, T)."""
    stop = tokenizer().special_tokens[END_OF_TEXT]
    told = tales.generate_many(count, tales.FIRST_UNSEEN_SEED)
    rows = [[stop, *tokenizer().encode(tale), stop][: SIZES.context_length + 1] for tale in told]
    ids, attention_mask = pad_batch(rows, stop)
    return ids[:, :-1], torch.where(attention_mask, ids, IGNORED)[:, 1:]


def parts_gpt(parts: Parts) -> PartsGPT:
    """Return a small model with these parts and fresh weights."""
    return PartsGPT(replace(SIZES, vocab_size=tokenizer().vocab_size), parts)


def train_parts(parts: Parts, seed: int, run: runtime.Runtime, steps: int = STEPS) -> tuple[PartsGPT, list[float]]:
    """Return a model with these parts, trained on fresh tales, and the loss of each step.

    Where numbers become infinite, training ends early: without norms a deep model may break down.
    """
    runtime.seed_everything(seed)
    model, batches = parts_gpt(parts).to(run.device), FreshTales(tokenizer(), BATCH, SIZES.context_length, seed)
    # Muon is for the matrices of blocks; a model without blocks has none.
    optimizer = "muon" if parts.n_head else "adamw"
    trainer = Trainer(model, replace(recipe(steps, run.dtype), optimizer=optimizer))
    with contextlib.suppress(FloatingPointError):  # the weights are then those before the step
        while trainer.steps_done < steps:
            trainer.step(*batches(trainer.steps_done))
    return model.eval(), trainer.history.losses


@torch.no_grad()
def unseen_loss(model: nn.Module, batch: Batch | None = None) -> float:
    """Return the mean loss on tales that no model saw, nats per token."""
    inputs, targets = batch or unseen()
    device = model.token_embedding.weight.device
    pairs = [(x.to(device), y.to(device)) for x, y in zip(inputs.split(50), targets.split(50), strict=True)]
    total = sum(cross_entropy(model(x), y, "sum").item() for x, y in pairs)
    return total / (targets != IGNORED).sum().item()


def write_sample(model: GPT, length: int = 40, seed: int = 0) -> str:
    """Return what the model writes from nothing."""
    stop = tokenizer().special_tokens[END_OF_TEXT]
    sampler = Sampler(temperature=TEMPERATURE, seed=seed)
    ids = generate_tokens(model, [[stop]], length, sampler, [stop], use_cache=False)[0]
    return tokenizer().decode([i for i in ids if i != stop])


def measure(parts: Parts, seed: int, run: runtime.Runtime) -> dict:
    """Train a model with these parts; return its loss on unseen tales, the curve by tens of steps, and a sample."""
    model, losses = train_parts(parts, seed, run)
    curve = [round(statistics.mean(losses[i : i + 10]), 3) for i in range(0, len(losses), 10)]
    return {"loss": round(unseen_loss(model), 4), "curve": curve, "sample": write_sample(model)}


def ladder(seeds: str = "2", path: Path = DATA / "ladder.json") -> None:
    """Train every model of `GROUPS` for several seeds, and write what each reaches to a JSON file, as a list of rows.

    What the file holds already is not measured again; delete it to start anew.
    """
    run = runtime.start()
    rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    done = {(row["group"], row["name"], row["seed"]) for row in rows}
    for seed in range(int(seeds)):
        for group, models in GROUPS.items():
            for name, parts in models.items():
                if (group, name, seed) not in done:
                    rows.append({"group": group, "name": name, "seed": seed, **measure(parts, seed, run)})
                    print(group, name, seed, rows[-1]["loss"], flush=True)
                    write_whole(path, (json.dumps(rows, indent=None) + "\n").replace("}, {", "},\n {").encode())
    print()
    print_table([("group", "model", "loss", "seeds"), *table(rows)])


def table(rows: list[dict]) -> list[tuple]:
    """Return a line for each model: group, name, the mean loss over its seeds, and each seed's."""
    lines = []
    for group, models in GROUPS.items():
        for name in models:
            losses = [row["loss"] for row in rows if (row["group"], row["name"]) == (group, name)]
            if losses:
                lines.append((group, name, f"{statistics.mean(losses):.3f}", " ".join(f"{x:.3f}" for x in losses)))
    return lines
