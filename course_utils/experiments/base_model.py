"""The base model that the course ships: the recipe at its full length on fresh tales, and a card of what came of it.

`python -m course_utils rebuild base` trains it; interrupted, the same command goes on from there.
`python -m course_utils bench tales` lets the shipped model tell tales and counts those that are right.
"""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from course_utils import runtime, tales
from course_utils.checkpoints import BASE, load_checkpoint, save_checkpoint
from course_utils.common import write_whole
from course_utils.evaluation import TEMPERATURE, Scores, score, tell_tales
from course_utils.experiments.timing import markdown_table, print_table
from course_utils.generation import Sampler
from course_utils.gpt import GPT, GPTConfig, count_parameters
from course_utils.recipe import SMALL, FreshTales, recipe, small_gpt, tales_tokenizer
from course_utils.tokenizers import Tokenizer
from course_utils.training import IGNORED, History, Progress, ProgressBar, TrainingConfig, settings_of, train

SIZES = replace(SMALL, n_layer=6)
UNSEEN = 1  # the seed of the tales that are never learned from
LOOKS, JUDGED = 12, 200  # how often the training stops to tell tales, and how many
VALIDATION = 8  # batches of tales that are never learned from


@dataclass(frozen=True)
class Stage:
    """A part of the training: how many steps, of rows of how many tales, and at which fractions of the full rates."""

    name: str
    steps: int
    batch: int
    context_length: int
    tales_per_row: tuple[int, ...]
    seed: int
    rate: float = 1.0
    stable: float = 0.47
    final_rate: float = 0.0

    def settings(self, dtype: torch.dtype) -> TrainingConfig:
        """Return the recipe at this stage's length and rates."""
        full = recipe(self.steps, dtype)
        rates = {"learning_rate": self.rate * full.learning_rate, "muon_rate": self.rate * full.muon_rate}
        shape = {"stable": self.stable, "final_rate": self.final_rate}
        return replace(full, evaluate_every=max(1, self.steps // LOOKS), **shape, **rates)

    def data(self, tokenizer: Tokenizer, seed: int) -> FreshTales:
        """Return the fresh tales of one seed, in rows of this stage's form."""
        return FreshTales(tokenizer, self.batch, self.context_length, seed, tales_per_row=self.tales_per_row)


# Most is learned from single tales, which are cheap. Then the context becomes twice as long, and rows of two tales
# teach the model to keep them apart. Without that it would know no position past its longest tale. The rates fall to
# zero after that only: what is learned at rates near zero does not survive high ones. The last stage has both kinds of
# rows. With single tales alone, 900 steps of it were enough to forget how a second one goes: 0.6 % right, after 96 %.
STAGES = (
    Stage("tales", 6_400, 64, 128, (1,), seed=0, stable=0.57, final_rate=0.3),
    Stage("pairs", 2_000, 32, 256, (2,), seed=2, rate=0.5, stable=0.27),
    Stage("polish", 1_000, 48, 256, (1, 1, 1, 2), seed=4, rate=0.4, stable=0.17),
)


class Watch:
    """A callback: now and then the model tells tales, and what the world says of them is printed and kept in a file.

    `rows` are dictionaries: step, minutes of training, loss on tales never learned from, shares of sentences and tales.
    """

    def __init__(self, tokenizer: Tokenizer, path: Path) -> None:
        self.tokenizer, self.path = tokenizer, path
        self.rows: list[dict[str, float]] = []
        self.started: float | None = None

    def __call__(self, now: Progress) -> None:
        if self.started is None:
            self.take_up(now.step)
        if now.validation_loss is not None:
            self.look(now)

    def take_up(self, step: int) -> None:
        """Go on from the rows of an earlier run; those of steps that were lost with it are dropped."""
        earlier = json.loads(self.path.read_text(encoding="utf-8")) if self.path.is_file() else []
        self.rows = [row for row in earlier if row["step"] < step]
        minutes = self.rows[-1]["minutes"] if self.rows else 0.0
        self.started = time.perf_counter() - 60 * minutes

    def look(self, now: Progress) -> None:
        """Add a row and print it with a tale. The time that it takes to tell does not count as training."""
        began = time.perf_counter()
        told = tell_tales(now.model, self.tokenizer, [""] * JUDGED, Sampler(temperature=TEMPERATURE, seed=now.step))
        now.model.train()
        shares, minutes = score(told), (began - self.started) / 60
        row = {"step": now.step, "minutes": minutes, "loss": now.validation_loss}
        self.rows.append(row | {"sentences": shares.sentences, "tales": shares.tales})
        write_whole(self.path, json.dumps(self.rows).encode())
        said = f"sentences {shares.sentences:.1%}, tales {shares.tales:.1%}"
        print(f"\n{minutes:.1f} minutes: loss {now.validation_loss:.4f}, {said}. One of them:\n{told[0]}", flush=True)
        self.started += time.perf_counter() - began


def measure_tales(model: GPT, tokenizer: Tokenizer, count: int, temperature: float = TEMPERATURE) -> dict[str, Scores]:
    """Let a model tell `count` tales from nothing, from first sentences that no training has seen, and as a second one.

    The second tale is told after another in the same context, which must be long enough.
    """
    first = tales.FIRST_UNSEEN_SEED
    empty = [""] * count
    openings = [tales.opening(seed) for seed in range(first, first + count)]
    whole = [tales.generate(seed) for seed in range(first + count, first + 2 * count)]
    sampler = Sampler(temperature=temperature, seed=0)
    told = {
        "nothing": tell_tales(model, tokenizer, empty, sampler),
        "a first sentence": tell_tales(model, tokenizer, openings, sampler),
    }
    if model.config.context_length >= 2 * SMALL.context_length:
        told["a tale before"] = tell_tales(model, tokenizer, empty, sampler, before=whole)
    return {name: score(texts) for name, texts in told.items()}


@torch.no_grad()
def lengthen(model: GPT, context_length: int) -> GPT:
    """Return the same model with a longer context; positions it has not learned start as copies of those it has.

    >>> lengthen(GPT(GPTConfig(vocab_size=9, context_length=4, n_layer=1, n_head=1, n_embd=8)), 6).config.context_length
    6
    """
    longer = GPT(replace(model.config, context_length=context_length)).to(model.token_embedding.weight.device)
    weights = model.state_dict()
    known = weights["position_embedding.weight"]  # (T, C)
    # Relative order is what attention has learned to read, and a copy keeps it.
    copies = [known] * math.ceil(context_length / len(known))
    weights["position_embedding.weight"] = torch.cat(copies)[:context_length]
    longer.load_state_dict(weights)
    return longer


def share_rows(found: dict[str, Scores]) -> list[tuple]:
    """Return a table of what `measure_tales` found."""
    rows: list[tuple] = [("tales from", "count", "sentences", "whole tales", "copied")]
    for name, scores in found.items():
        shares = (scores.sentences, scores.tales, scores.copied)
        rows.append((name, f"{scores.count:,}", *(f"{share:.1%}" for share in shares)))
    return rows


def bench_tales(count: str = "1000", temperature: str = "0.7") -> None:
    """Print the shares of sentences and whole tales that are right when the shipped model tells."""
    runtime.start()
    base = load_checkpoint(BASE)
    found = measure_tales(base.model, base.tokenizer, int(count), float(temperature))
    print_table(share_rows(found))
    for name, scores in found.items():
        print(f"\nwhat is wrong in tales from {name}, the commonest first:")
        print("\n".join(f"  {number} x {reason}" for reason, number in list(scores.faults.items())[:5]))


def perfect_loss(data: FreshTales, steps: int) -> float:
    """Return the loss per token of a reader who knows the world's chances, on the first batches of `data`."""
    rows = [number for step in range(steps) for number, _ in data.batch(step)]
    seeds = [seed for number in rows for seed in data.seeds(number)]
    nats = -sum(map(tales.log_probability, seeds))
    return nats / sum(int((data(step)[1] != IGNORED).sum()) for step in range(steps))


def train_stage(stage: Stage, model: GPT, tokenizer: Tokenizer, run: runtime.Runtime) -> tuple[History, list[dict]]:
    """Train a model through one stage, or go on where an earlier run stopped: the history, and a row for each look."""
    folder = runtime.work_folder()
    watch = Watch(tokenizer, folder / f"base_{stage.name}.json")
    unseen = stage.data(tokenizer, UNSEEN)
    history = train(
        model,
        stage.data(tokenizer, stage.seed),
        stage.settings(run.dtype),
        validation=[unseen(step) for step in range(VALIDATION)],
        callbacks=[ProgressBar(), watch],
        checkpoint=folder / f"base_{stage.name}.safetensors",
        save_every=max(1, stage.steps // 100),
        tokenizer=tokenizer,
    )
    if watch.started is None:
        watch.take_up(stage.steps + 1)  # the stage was done already
    return history, [{"stage": stage.name, **row} for row in watch.rows]


def make_base(
    path: Path = BASE, stages: Sequence[Stage] = STAGES, sizes: GPTConfig = SIZES, judged: int = 3000
) -> bool:
    """Train the base model stage by stage, or go on where an earlier run stopped, and write it with its card.

    Return whether it came to its end.
    """
    run = runtime.start()
    tokenizer = tales_tokenizer()
    model = small_gpt(tokenizer, sizes).to(run.device)
    curve: list[dict[str, Any]] = []
    for stage in stages:
        if stage.context_length != model.config.context_length:
            model = lengthen(model, stage.context_length)
        history, rows = train_stage(stage, model, tokenizer, run)
        if len(history.losses) < stage.steps:
            return False  # interrupted: `train` has said so, and the next call goes on
        before = curve[-1]["minutes"] if curve else 0.0
        curve += [{**row, "minutes": before + row["minutes"]} for row in rows]  # of training in total
    metadata = {
        "settings": settings_of(stages[0].settings(run.dtype)),
        "stages": [asdict(stage) for stage in stages],
        "curve": curve,
        "loss": history.validation[-1][1],
        "perfect_loss": perfect_loss(stages[-1].data(tokenizer, UNSEEN), VALIDATION),
        "shares": {name: asdict(scores) for name, scores in measure_tales(model, tokenizer, judged).items()},
    }
    save_checkpoint(path, model, tokenizer, metadata)
    write_whole(path.with_suffix(".md"), card(model, tokenizer, metadata).encode())
    return True


CARD = """# The base model: `base.safetensors`

A GPT of {parameters} parameters that tells tales of the course's little world. It has read tales and nothing else, so
it can't answer a question. The file holds weights, sizes, tokenizer and the figures below, for
`checkpoints.load_checkpoint` to read. `python -m course_utils rebuild base` made it, and
`python -m course_utils bench tales` measures it.

| | |
| --- | --- |
| form | GPT-2's: {n_layer} blocks, {n_head} heads, {n_embd}-dimensional vectors, a context of {context_length} tokens |
| vocabulary | {vocab_size} tokens from the shipped tales; the chat's special tokens are in it, never seen so far |
| data | {count} fresh tales, each read once; neither they nor those it is measured on are among the shipped ones |
| recipe | `recipe.recipe`: Muon at {muon_rate} for matrices, AdamW at {learning_rate} for the rest, {dtype} |
{stages}
| loss on {unseen} unseen tales | {loss:.4f} nats per token; the entropy of the tales is {perfect_loss:.4f} |

What it tells at temperature {temperature}, as the world's checker judges it:

{shares}

Training, step by step; the shares are of {judged} tales from nothing:

{curve}
"""


def card(model: GPT, tokenizer: Tokenizer, metadata: dict[str, Any]) -> str:
    """Return what is to be known of the base model, in Markdown."""
    settings = metadata["settings"]
    stages = [Stage(**{**stage, "tales_per_row": tuple(stage["tales_per_row"])}) for stage in metadata["stages"]]
    curve: list[tuple] = [("stage", "step", "minutes", "loss", "sentences", "whole tales")]
    for row in metadata["curve"]:
        shares = (f"{row['sentences']:.1%}", f"{row['tales']:.1%}")
        curve.append((row["stage"], f"{row['step']:,}", f"{row['minutes']:.1f}", f"{row['loss']:.4f}", *shares))
    scores = {name: Scores(**found) for name, found in metadata["shares"].items()}
    return CARD.format(
        **asdict(model.config) | {"vocab_size": f"{tokenizer.vocab_size:,}"},
        **{name: settings[name] for name in ("muon_rate", "learning_rate", "dtype")},
        parameters=f"{count_parameters(model):,}",
        count=f"{sum(map(tales_in, stages)):,}",
        stages="\n".join(stage_line(stage, metadata["curve"]) for stage in stages),
        unseen=round(VALIDATION * tales_in(stages[-1]) / stages[-1].steps),
        temperature=TEMPERATURE,
        shares=markdown_table(share_rows(scores)),
        curve=markdown_table(curve),
        judged=JUDGED,
        **{name: metadata[name] for name in ("loss", "perfect_loss")},
    )


def tales_in(stage: Stage) -> int:
    """Return how many tales a stage reads."""
    return round(stage.steps * stage.batch * sum(stage.tales_per_row) / len(stage.tales_per_row))


def stage_line(stage: Stage, curve: list[dict[str, Any]]) -> str:
    """Return the card's line about one stage."""
    own = [place for place, row in enumerate(curve) if row["stage"] == stage.name]
    minutes = curve[own[-1]]["minutes"] - (curve[own[0] - 1]["minutes"] if own[0] else 0.0)
    kinds = sorted(set(stage.tales_per_row))
    rows = "one tale" if kinds == [1] else f"{' or '.join(map(str, kinds))} tales"
    told = f"{stage.steps:,} steps of {stage.batch} rows of {rows}, context {stage.context_length}"
    return f"| stage {stage.name} | {told}, {stage.rate:.0%} of the rates, {minutes:.0f} minutes on two cores |"
