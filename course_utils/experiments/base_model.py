"""The base model that the course ships: the recipe at its full length on fresh tales, and a card of what came of it.

`python -m course_utils rebuild base` trains it; interrupted, the same command goes on from there.
`python -m course_utils bench tales` lets the shipped model tell tales and counts those that are right.
"""

import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from course_utils import runtime, tales
from course_utils.checkpoints import BASE, load_checkpoint, save_checkpoint
from course_utils.common import write_whole
from course_utils.evaluation import TEMPERATURE, Scores, score, tell_tales
from course_utils.experiments.timing import markdown_table, print_table
from course_utils.generation import Sampler
from course_utils.gpt import GPT, GPTConfig, count_parameters
from course_utils.recipe import SMALL, FreshTales, recipe, small_gpt, tales_tokenizer
from course_utils.tokenizers import Tokenizer
from course_utils.training import IGNORED, Progress, ProgressBar, settings_of, train

SIZES = replace(SMALL, n_layer=6)
STEPS, BATCH, SEED = 9_000, 64, 0
LOOKS, JUDGED = 18, 200  # how often the training stops to tell tales, and how many
VALIDATION = 8  # batches of tales that are never learned from


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
    """Let a model tell `count` tales from nothing, and as many from first sentences that no training has seen."""
    seeds = range(tales.FIRST_UNSEEN_SEED, tales.FIRST_UNSEEN_SEED + count)
    openings = {"nothing": [""] * count, "a first sentence": [tales.opening(seed) for seed in seeds]}
    sampler = Sampler(temperature=temperature, seed=0)
    return {name: score(tell_tales(model, tokenizer, starts, sampler)) for name, starts in openings.items()}


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
    seeds = [data.first + number for step in range(steps) for number, _ in data.batch(step)]
    nats = -sum(map(tales.log_probability, seeds))
    return nats / sum(int((data(step)[1] != IGNORED).sum()) for step in range(steps))


def make_base(path: Path = BASE, steps: int = STEPS, sizes: GPTConfig = SIZES, judged: int = 1000) -> None:
    """Train the base model, or go on where an earlier run stopped, and write it with its card."""
    run, tokenizer, folder = runtime.start(SEED), tales_tokenizer(), runtime.work_folder()
    model = small_gpt(tokenizer, sizes).to(run.device)
    settings = replace(recipe(steps, run.dtype), evaluate_every=max(1, steps // LOOKS))
    unseen = FreshTales(tokenizer, BATCH, sizes.context_length, SEED + 1)
    watch = Watch(tokenizer, folder / "base_curve.json")
    history = train(
        model,
        FreshTales(tokenizer, BATCH, sizes.context_length, SEED),
        settings,
        validation=[unseen(step) for step in range(VALIDATION)],
        callbacks=[ProgressBar(), watch],
        checkpoint=folder / "base_training.safetensors",
        save_every=max(1, steps // 100),
        tokenizer=tokenizer,
    )
    if len(history.losses) < steps:
        return  # interrupted: `train` has said so, and the next call goes on
    if not watch.rows:
        watch.take_up(steps + 1)
    metadata = {
        "settings": settings_of(settings),
        "batch": BATCH,
        "loss": history.validation[-1][1],
        "curve": watch.rows,
    }
    metadata["perfect_loss"] = perfect_loss(unseen, VALIDATION)
    metadata["shares"] = {name: asdict(scores) for name, scores in measure_tales(model, tokenizer, judged).items()}
    save_checkpoint(path, model, tokenizer, metadata)
    write_whole(path.with_suffix(".md"), card(model, tokenizer, metadata).encode())


CARD = """# The base model: `base.safetensors`

A GPT of {parameters} parameters that tells tales of the course's little world. It has read tales and nothing else, so
it cannot answer a question. The file holds weights, sizes, tokenizer and the figures below, for
`checkpoints.load_checkpoint` to read. `python -m course_utils rebuild base` made it, and
`python -m course_utils bench tales` measures it.

| | |
| --- | --- |
| form | GPT-2's: {n_layer} blocks, {n_head} heads, vectors of {n_embd}, {context_length} tokens of context |
| vocabulary | {vocab_size} tokens from the shipped tales; the chat's special tokens are in it, never seen so far |
| data | {count} fresh tales, each read once; neither they nor those it is measured on are among the shipped ones |
| recipe | `recipe.recipe`: {steps} steps of {batch} tales, Muon at {muon_rate}, AdamW at {learning_rate}, {dtype} |
| training | {minutes:.0f} minutes on two processor cores |
| loss on {unseen} unseen tales | {loss:.4f} nats per token; a perfect reader's is {perfect_loss:.4f} |

What it tells at temperature {temperature}, as the world's checker judges it:

{shares}

Training, step by step; the shares are of {judged} tales from nothing:

{curve}
"""


def card(model: GPT, tokenizer: Tokenizer, metadata: dict[str, Any]) -> str:
    """Return what is to be known of the base model, in Markdown."""
    rows, settings = metadata["curve"], metadata["settings"]
    curve: list[tuple] = [("step", "minutes", "loss", "sentences", "whole tales")]
    for row in rows:
        shares = (f"{row['sentences']:.1%}", f"{row['tales']:.1%}")
        curve.append((f"{row['step']:,}", f"{row['minutes']:.1f}", f"{row['loss']:.4f}", *shares))
    told = {name: Scores(**shares) for name, shares in metadata["shares"].items()}
    return CARD.format(
        **asdict(model.config)
        | settings
        | {"vocab_size": f"{tokenizer.vocab_size:,}", "steps": f"{settings['steps']:,}"},
        parameters=f"{count_parameters(model):,}",
        count=f"{settings['steps'] * metadata['batch']:,}",
        minutes=rows[-1]["minutes"],
        unseen=VALIDATION * metadata["batch"],
        temperature=TEMPERATURE,
        shares=markdown_table(share_rows(told)),
        curve=markdown_table(curve),
        judged=JUDGED,
        **{name: metadata[name] for name in ("batch", "loss", "perfect_loss")},
    )
