"""The speedrun: how soon a small model gets as far on tiny Shakespeare as nanoGPT's recipe for a CPU does.

Run as `python -m course_utils bench speedrun`, or `bench speedrun RECORD` for one of `RECORDS` beside the recipe. The
clock runs from the first count or weight to the last update; reading the text and evaluation stand outside, on both
sides. The idea of such a log is the speedrun of Jordan et al. 2024, "modded-nanogpt"; the recipe to beat is Karpathy's.
"""

import json
import math
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import runtime
from course_utils.common import DATA, require, write_whole
from course_utils.experiments.timing import print_table
from course_utils.gpt import Linear
from course_utils.llama import ACTIVATIONS
from course_utils.optimizers import make_optimizers
from course_utils.positions import rotary_table, rotate
from course_utils.recipe import recipe
from course_utils.text import load_text
from course_utils.tokenizers import CharTokenizer
from course_utils.training import TrainingConfig, autocast, cross_entropy, evaluate, schedule
from course_utils.windows import split_tokens

CONTEXT = 64  # characters; validation is counted in windows of so many for everyone
SCATTER = 2_654_435_761  # a prime near 2**32 divided by the golden ratio: neighbours land far apart (Knuth, volume 3)
HEAD = ("record", "steps", "seconds", "loss", "reached", "of the recipe's time", "what is new")


USUAL = TrainingConfig(2000, learning_rate=1e-3, warmup=0.05, final_rate=0.1, weight_decay=0.1, betas=(0.9, 0.99))


@dataclass(frozen=True)
class Settings:
    """One run of the speedrun: sizes, parts and training. As it stands, nanoGPT's recipe for a CPU.

    `n_hidden` is the width within the MLP. `last` embeddings are added up at each position, one for each of the last so
    many characters. `pairs` gives every pair of characters a vector of its own, and `triples` is how many vectors all
    triples have to share. With `counted`, the logits begin as what follows the last so many characters in the training
    part; those alone remain without `training`.
    """

    training: TrainingConfig | None = USUAL
    batch: int = 12
    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 128
    n_hidden: int = 512
    activation: str = "gelu"
    positions: str = "learned"
    norm_weights: bool = True
    tied: bool = True
    std: float = 0.02
    zero_outputs: bool = False
    last: int = 1
    pairs: bool = False
    triples: int = 0
    counted: int = 0

    def __post_init__(self) -> None:
        lowest = {
            "batch": 1,
            "n_layer": 0,
            "n_head": 1,
            "n_embd": 1,
            "n_hidden": 1,
            "last": 1,
            "triples": 0,
            "counted": 0,
        }
        for name, least in lowest.items():
            value = getattr(self, name)
            whole = isinstance(value, int) and value >= least
            require(whole, f"{name} is {value!r}; it takes a whole number of at least {least}")
        kinds = ("learned", "rotary")
        require(self.positions in kinds, f"positions is {self.positions!r}; it takes one of {', '.join(kinds)}")
        kinds = tuple(ACTIVATIONS)[:2]
        require(self.activation in kinds, f"activation is {self.activation!r}; it takes one of {', '.join(kinds)}")
        require(self.counted <= 3, f"counted is {self.counted}; it takes at most 3: more would be a table of gigabytes")
        odd = self.n_embd % (2 * self.n_head)
        require(not odd, f"n_embd is {self.n_embd} and n_head {self.n_head}; each head takes an even number of values")

    @property
    def steps(self) -> int:
        """How many updates a run does."""
        return self.training.steps if self.training else 0


@dataclass(frozen=True)
class Record:
    """An entry of the log: what was run, in one sentence what is new in it, and whether it was kept."""

    settings: Settings
    told: str
    kept: bool = True


RECIPE = "nanoGPT"
# The course's recipe with other rates: so short a run wants them high.
FAST = replace(recipe(240), learning_rate=1e-2, muon_rate=0.03)
QUICKER = replace(FAST, learning_rate=2e-2, muon_rate=0.05)
GPT2 = Settings(replace(FAST, steps=280), 24, std=0.1, zero_outputs=True)
TODAY = replace(
    GPT2, training=FAST, n_layer=2, activation="relu2", positions="rotary", norm_weights=False, tied=False, std=1.0
)
LAST = replace(TODAY, last=4, training=replace(FAST, steps=110))
ONE = replace(LAST, n_layer=1, pairs=True, training=replace(FAST, steps=116))
TABLES = replace(ONE, triples=16_384, training=replace(QUICKER, steps=96))
NARROW = replace(TABLES, n_hidden=128, training=replace(QUICKER, steps=100))
SLIM = replace(NARROW, batch=48, n_head=2, n_embd=64, n_hidden=64, std=0.5, training=replace(QUICKER, steps=66))
COUNTED = replace(SLIM, counted=2, training=replace(QUICKER, steps=54))
# In the order in which they came; at the end, what was tried beside "narrow" and didn't help.
RECORDS = {
    RECIPE: Record(Settings(), "nanoGPT's recipe for a CPU: four layers, AdamW, 2,000 steps"),
    "Muon": Record(
        GPT2,
        "the same form, but Muon updates the matrices, a batch is twice as large, and the rates go to zero",
    ),
    "today's parts": Record(TODAY, "two layers, rotary positions, squared ReLU, output weights that begin at zero"),
    "last four": Record(LAST, "each position begins with the sum of four embeddings: the last four characters"),
    "one layer": Record(ONE, "a table with a vector for each pair of characters, in place of the second layer"),
    "triples": Record(TABLES, "a hashed table of triples beside that of pairs, and higher rates"),
    "narrow": Record(NARROW, "an MLP no wider than the stream: it has less to work out, now that tables know so much"),
    "slim": Record(SLIM, "64 dimensions, not 128, and batches twice as large: the tables do the work"),
    "counted pairs": Record(COUNTED, "the logits begin as what followed the last two characters in the training part"),
    "counts alone": Record(
        Settings(None, n_layer=0, tied=False, counted=3), "no gradient at all: what followed the last three characters"
    ),
    "eight": Record(replace(NARROW, last=8), "the embeddings of eight characters, not four", kept=False),
    "alone": Record(replace(NARROW, last=1), "the tables without the four embeddings", kept=False),
    "half": Record(
        replace(NARROW, batch=12, training=replace(QUICKER, steps=160)),
        "half as large a batch",
        kept=False,
    ),
}


def counted_logits(tokens: Tensor, vocab_size: int, order: int, discount: float = 0.8) -> Tensor:
    """Return the log probability of each next token after the last `order` ones: ((V + 1)**order, V).

    The row is the number whose digits, to base V + 1, are those tokens, oldest first; V stands for none. What was
    seen gives up `discount` of each count, which goes to what the shorter context expects: interpolated absolute
    discounting (Ney, Essen and Kneser 1994).

    >>> counted_logits(torch.tensor([0, 1, 0, 1, 0]), 2, order=1).exp().mul(100).round().tolist()
    [[23.0, 77.0], [83.0, 17.0], [57.0, 43.0]]
    """
    expected = 1.0 + torch.bincount(tokens, minlength=vocab_size)  # nothing is impossible
    expected /= expected.sum()
    for length in range(1, order + 1):
        runs = tokens.unfold(0, length + 1, 1)  # (N, length + 1): a context and what came next
        digits = [vocab_size * (vocab_size + 1) ** power for power in range(length - 1, -1, -1)]
        keys = (runs * torch.tensor([*digits, 1])).sum(dim=1)
        size = vocab_size * (vocab_size + 1) ** length
        counts = torch.bincount(keys, minlength=size).view(vocab_size + 1, *expected.shape).float()
        total, kinds = counts.sum(-1, keepdim=True), (counts > 0).sum(-1, keepdim=True)
        found = ((counts - discount).clamp(min=0) + discount * kinds * expected) / total.clamp(min=1)
        expected = torch.where(total > 0, found, expected)
    return expected.log().view(-1, vocab_size)


class Norm(nn.Module):
    """LayerNorm without a bias, and without its weights too if they are not wanted. (B, T, C) -> (B, T, C)"""

    def __init__(self, n_embd: int, weights: bool) -> None:
        super().__init__()
        self.shape = (n_embd,)
        self.weight = nn.Parameter(torch.ones(n_embd)) if weights else None

    def forward(self, x: Tensor) -> Tensor:
        # Not RMSNorm: on a CPU PyTorch has LayerNorm in one piece, and its backward takes half the time.
        return F.layer_norm(x, self.shape, self.weight)


class SpeedrunBlock(nn.Module):
    """A block of the speedrun: attention and MLP, no biases, PyTorch's fused attention. (B, T, C) -> (B, T, C)"""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        C = settings.n_embd
        self.n_head = settings.n_head
        self.activation = F.gelu if settings.activation == "gelu" else ACTIVATIONS[settings.activation]
        self.attn_norm, self.mlp_norm = (Norm(C, settings.norm_weights) for _ in range(2))
        self.qkv, self.proj = Linear(C, 3 * C, parts=3), Linear(C, C, residual=True)
        self.up, self.down = Linear(C, settings.n_hidden), Linear(settings.n_hidden, C, residual=True)
        for layer in (self.qkv, self.proj, self.up, self.down):
            layer.bias = None

    def forward(self, x: Tensor, cos: Tensor | None, sin: Tensor | None) -> Tensor:
        B, T, C = x.shape
        parts = self.qkv(self.attn_norm(x)).split(C, dim=-1)  # three of (B, T, C)
        q, k, v = (part.view(B, T, self.n_head, -1).transpose(1, 2) for part in parts)  # (B, H, T, D)
        if cos is not None:
            q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        heads = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(heads.transpose(1, 2).reshape(B, T, C))
        return x + self.down(self.activation(self.up(self.mlp_norm(x))))


class SpeedrunGPT(nn.Module):
    """A GPT with the speedrun's parts: token ids (B, T) in, logits (B, T, vocab_size) out.

    `counts` is the table of `counted_logits`, if the settings ask for one; it is added to the logits as it is.

    >>> SpeedrunGPT(65, Settings(n_layer=1, last=4))(torch.zeros(2, 5).long()).shape
    torch.Size([2, 5, 65])
    """

    def __init__(self, vocab_size: int, settings: Settings, counts: Tensor | None = None) -> None:
        super().__init__()
        C = settings.n_embd
        self.vocab_size, self.settings = vocab_size, settings
        self.token_embedding = nn.Embedding(vocab_size, C)
        # One more row, for "no such character": the window begins here.
        self.older = nn.ModuleList(nn.Embedding(vocab_size + 1, C) for _ in range(settings.last - 1))
        self.pairs = nn.Embedding((vocab_size + 1) ** 2, C) if settings.pairs else None
        self.triples = nn.Embedding(settings.triples, C) if settings.triples else None
        self.position_embedding = nn.Embedding(CONTEXT, C) if settings.positions == "learned" else None
        self.blocks = nn.ModuleList(SpeedrunBlock(settings) for _ in range(settings.n_layer))
        self.final_norm = Norm(C, settings.norm_weights)
        self.lm_head = nn.Linear(C, vocab_size, bias=False)
        if settings.tied:
            self.lm_head.weight = self.token_embedding.weight
        self.register_buffer("counts", counts)
        self.register_buffer("angles", rotary_table(CONTEXT, C // settings.n_head), persistent=False)
        self.initialise()

    @torch.no_grad()
    def initialise(self) -> None:
        """Draw the weights: GPT-2's, or with `zero_outputs` such that the blocks and the output begin by adding 0."""
        for layer in self.modules():
            if isinstance(layer, nn.Embedding):
                layer.weight.normal_(0.0, self.settings.std)
            elif isinstance(layer, Linear):
                residual = 1 / math.sqrt(2 * self.settings.n_layer) if layer.residual else 1.0
                zero, own = self.settings.zero_outputs, 1 / math.sqrt(3 * layer.in_features)
                layer.weight.normal_(0.0, (0.0 if layer.residual else own) if zero else 0.02 * residual)
        # Side by side with the character itself, what came before it is the lesser half.
        for table in (*self.older, *filter(None, [self.pairs, self.triples])):
            table.weight.mul_(0.5)
        if not self.settings.tied:
            self.lm_head.weight.zero_()

    def forward(self, idx: Tensor) -> Tensor:
        T = idx.shape[1]
        base, before = self.vocab_size + 1, partial(shifted, idx, self.vocab_size)
        x = self.token_embedding(idx)  # (B, T, C)
        for back, embedding in enumerate(self.older, start=1):
            x = x + embedding(before(back))
        if self.pairs is not None:
            x = x + self.pairs(before(1) * base + idx)
        if self.triples is not None:
            # Two triples that meet in one row are rare enough, and a table of all would be 17 times as large.
            numbers = (before(2) * base + before(1)) * base + idx
            x = x + self.triples((numbers * SCATTER >> 7) % self.settings.triples)
        if self.position_embedding is not None:
            x = x + self.position_embedding.weight[:T]
        angles = self.angles[:T]
        cos, sin = (angles.cos(), angles.sin()) if self.position_embedding is None else (None, None)
        for block in self.blocks:
            x = block(x, cos, sin)
        logits = self.lm_head(self.final_norm(x))  # (B, T, V)
        if self.counts is None:
            return logits
        rows = sum(before(back) * base**back for back in range(self.settings.counted))
        return logits + F.embedding(rows, self.counts)


def shifted(idx: Tensor, missing: int, back: int) -> Tensor:
    """Return the tokens `back` positions earlier, `missing` where the window hasn't begun: (B, T) -> (B, T).

    >>> shifted(torch.tensor([[5, 6, 7]]), 9, back=2).tolist()
    [[9, 9, 5]]
    """
    return F.pad(idx, (back, 0), value=missing)[:, : idx.shape[1]]


@dataclass(frozen=True)
class Corpus:
    """Tiny Shakespeare by characters, cut as nanoGPT cuts it: nine tenths to learn from, one to be measured on."""

    vocab_size: int
    seen: Tensor
    validation: list[tuple[Tensor, Tensor]]  # the whole validation part in windows of `CONTEXT`, 128 a batch


def load_corpus() -> Corpus:
    """Read the corpus; each character of the validation part but the first 1 and the last few is a target once."""
    text = load_text("tinyshakespeare")
    tokenizer = CharTokenizer.from_text(text)
    seen, unseen = split_tokens(torch.tensor(tokenizer.encode(text)), 0.9)
    count = (len(unseen) - 1) // CONTEXT
    inputs, targets = (unseen[start : start + count * CONTEXT].view(count, CONTEXT) for start in (0, 1))
    return Corpus(tokenizer.vocab_size, seen, list(zip(inputs.split(128), targets.split(128), strict=True)))


class Run:
    """One run of the speedrun, which can be stopped and go on: its clock counts only while it works."""

    def __init__(self, settings: Settings, corpus: Corpus, seed: int, dtype: torch.dtype = torch.float32) -> None:
        self.settings, self.corpus, self.dtype = settings, corpus, dtype
        started = time.perf_counter()
        counts = None
        if settings.counted:
            counts = counted_logits(corpus.seen, corpus.vocab_size, settings.counted)
        with runtime.seeded(seed):
            self.model = SpeedrunGPT(corpus.vocab_size, settings, counts)
        self.chance = torch.Generator().manual_seed(seed)
        self.optimizers = make_optimizers(self.model, *rates(settings.training)) if settings.training else []
        self.groups = [(group, group["lr"]) for each in self.optimizers for group in each.param_groups]
        self.steps_done = 0
        self.curve: list[tuple[float, float]] = []
        self.seconds = time.perf_counter() - started

    def advance(self, steps: int, look: bool = False) -> None:
        """Train until so many steps are done, and with `look` put (seconds, validation loss) on the curve."""
        started = time.perf_counter()
        while self.steps_done < steps:
            self.step()
        self.seconds += time.perf_counter() - started
        if look:
            self.curve.append((round(self.seconds, 3), round(self.loss(), 4)))

    def step(self) -> None:
        """Do one step of training."""
        rate = schedule(self.steps_done, self.settings.training)
        for group, full_rate in self.groups:
            group["lr"] = rate * full_rate
        starts = torch.randint(len(self.corpus.seen) - CONTEXT, (self.settings.batch, 1), generator=self.chance)
        windows = self.corpus.seen[starts + torch.arange(CONTEXT + 1)]  # (B, T + 1)
        with autocast(starts.device, self.dtype):
            loss = cross_entropy(self.model(windows[:, :-1]), windows[:, 1:])
        self.model.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.training.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        self.steps_done += 1

    def loss(self) -> float:
        """Return the loss on the whole validation part, in nats a character; the clock stands still."""
        return evaluate(self.model, self.corpus.validation)


def rates(training: TrainingConfig) -> tuple:
    """Return what `make_optimizers` asks for besides the model."""
    return training.optimizer, training.learning_rate, training.weight_decay, training.betas, training.muon_rate


def round_of(records: Sequence[str], corpus: Corpus, seed: int, dtype: torch.dtype, looks: int = 20) -> dict[str, Run]:
    """Let the recipe and some records run side by side, each a part of its way in turn; return the runs by name.

    A moment in which the machine is slow thereby falls on all of them. With seed 0 each part ends with a look at the
    validation loss, which nobody's clock counts.
    """
    runs = {name: Run(RECORDS[name].settings, corpus, seed, dtype) for name in dict.fromkeys((RECIPE, *records))}
    for part in range(1, looks + 1):
        for name in list(runs)[:: 1 if part % 2 else -1]:
            runs[name].advance(runs[name].settings.steps * part // looks, look=seed == 0)
    return runs


def speedrun(record: str = "all", pairs: str = "5", path: str | Path = DATA / "speedrun.json") -> None:
    """Run one record, or all, beside nanoGPT's recipe, once for each seed; write a list of rows to a JSON file.

    What the file holds already is not measured again; delete it to start anew.
    """
    require(record in (*RECORDS, "all"), f"record is {record!r}; it takes one of {', '.join(RECORDS)}, or all")
    require(pairs.isdigit() and int(pairs) > 0, f"pairs is {pairs!r}; it takes a whole number from 1 on")
    runtime.start()
    # On every machine the race is one of processors; a GPU, if there is one, looks on.
    corpus, dtype, path = load_corpus(), runtime.fast_dtype(torch.device("cpu")), Path(path)
    print(f"Both sides: {told(dtype)} on the CPU, {runtime.threads_in_words()}, PyTorch without compiling.")
    # PyTorch loads some of its parts when an optimizer is first made: the first on the track would pay for all.
    Run(replace(NARROW, batch=1), corpus, 0).step()
    rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    for seed in range(int(pairs)):
        done = {row["record"] for row in rows if row["seed"] == seed}
        asked = [name for name in RECORDS if record in (name, "all") and name not in done]
        if asked:
            rows += list(rows_of(round_of(asked, corpus, seed, dtype), seed, asked))
            write_whole(path, (json.dumps(rows) + "\n").encode())
    print_table([HEAD, *(summary(name, rows) for name in RECORDS if record in (name, "all"))])


def told(dtype: torch.dtype) -> str:
    """Return the name of a number format.

    >>> told(torch.float32)
    'float32'
    """
    return str(dtype).removeprefix("torch.")


def rows_of(runs: dict[str, Run], seed: int, asked: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield what a round found, a row for each record that was asked for; the recipe's time stands in each."""
    recipe = runs[RECIPE]
    beside = {"recipe_seconds": round(recipe.seconds, 3), "recipe_loss": round(recipe.loss(), 4)}
    for name in asked:
        own = runs[name]
        found = {"seconds": round(own.seconds, 3), "loss": round(own.loss(), 4), **beside}
        format_ = {"dtype": told(own.dtype), "threads": torch.get_num_threads()}
        yield {"record": name, "seed": seed, "steps": own.steps_done, **found, **format_, "curve": own.curve}


def summary(name: str, rows: Sequence[dict[str, Any]]) -> tuple:
    """Return one line of the table: medians over seeds, and how many reached the loss of the recipe beside them."""
    own = [row for row in rows if row["record"] == name]
    middle = {key: statistics.median(row[key] for row in own) for key in ("steps", "seconds", "loss")}
    faster = statistics.median(row["recipe_seconds"] / row["seconds"] for row in own)
    reached = sum(row["loss"] <= row["recipe_loss"] for row in own)
    seconds, loss = f"{middle['seconds']:.2f}", f"{middle['loss']:.3f}"
    new = RECORDS[name].told if RECORDS[name].kept else f"tried, not kept: {RECORDS[name].told}"
    return name, middle["steps"], seconds, loss, f"{reached} of {len(own)}", f"1/{faster:.1f}", new
