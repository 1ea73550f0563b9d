"""What the recipe reaches in a minute or three of training, and what each of its ingredients is worth.

Run as `python -m course_utils bench minutes` and `bench ablation`. What fits into a minute depends on the machine;
`bench short` does a fixed number of steps instead, with a smaller model, and compares the losses alone.
"""

import itertools
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from course_utils import runtime, tales
from course_utils.common import DATA, require, write_whole
from course_utils.evaluation import TEMPERATURE, score, tell_tales
from course_utils.experiments.timing import print_table
from course_utils.generation import Sampler
from course_utils.gpt import GPTConfig, initialise
from course_utils.optimizers import Muon
from course_utils.recipe import SMALL, FreshTales, recipe, small_gpt, tales_tokenizer
from course_utils.runtime import Runtime
from course_utils.tokenizers import Tokenizer
from course_utils.training import Batches, Trainer, evaluate

BATCH = 32
SHORT_BATCH = 16
SHORT_WIDTH = 64  # of the vectors in the short form: a step then costs a quarter
UNSEEN = 99  # the seed of the tales that no run learns from
TALES = 200  # told and judged for each model


def steps_in(seconds: float, trainer: Trainer, batches: Batches, trial: int = 40) -> int:
    """Return how many steps of training take this long here: a few are done, and the model is not to be kept."""
    times = []
    for step in range(trial):
        started = time.perf_counter()
        trainer.step(*batches(step))
        times.append(time.perf_counter() - started)
    # The first steps are slower: memory is not laid out yet. A median, since something else may run for a moment.
    return max(1, round(seconds / statistics.median(times[trial // 2 :])))


@dataclass(frozen=True)
class Variant:
    """The recipe, or the recipe with one ingredient changed."""

    sizes: GPTConfig = SMALL
    weights: dict[str, float] = field(default_factory=dict)  # for `initialise_small`
    settings: dict[str, Any] = field(default_factory=dict)  # for `TrainingConfig`
    data: Callable[..., FreshTales] = FreshTales
    adjust: Callable[[Trainer], None] = lambda trainer: None

    def trainer(self, tokenizer: Tokenizer, run: Runtime, steps: int) -> Trainer:
        """Return a fresh model of this variant, ready for so many steps."""
        model = small_gpt(tokenizer, self.sizes, **self.weights)
        trainer = Trainer(model.to(run.device), replace(recipe(steps, run.dtype), **self.settings))
        self.adjust(trainer)
        return trainer


def train_steps(
    steps: int, seed: int, variant: Variant, batches: Batches, tokenizer: Tokenizer, run: Runtime
) -> Trainer:
    """Train a variant for so many steps and return its trainer."""
    runtime.seed_everything(seed)
    trainer = variant.trainer(tokenizer, run, steps)
    while trainer.steps_done < steps:
        trainer.step(*batches(trainer.steps_done))
    trainer.model.eval()
    return trainer


def train_for(seconds: float, seed: int, variant: Variant, tokenizer: Tokenizer, run: Runtime) -> tuple:
    """Train a variant for about this long: the model, the steps, the mean of its last 50 losses, the true seconds."""
    batches = variant.data(tokenizer, BATCH, variant.sizes.context_length, seed)
    steps = steps_in(seconds, variant.trainer(tokenizer, run, 1000), batches)
    started = time.perf_counter()
    trainer = train_steps(steps, seed, variant, batches, tokenizer, run)
    taken = time.perf_counter() - started
    return trainer.model, steps, statistics.mean(trainer.history.losses[-50:]), taken


def measure(seconds: float, seed: int, variant: Variant, tokenizer: Tokenizer, run: Runtime) -> dict[str, Any]:
    """Train a variant and judge what it tells from nothing; return the figures by name."""
    model, steps, loss, taken = train_for(seconds, seed, variant, tokenizer, run)
    shares = score(tell_tales(model, tokenizer, [""] * TALES, Sampler(temperature=TEMPERATURE, seed=seed)))
    found = {"seed": seed, "steps": steps, "seconds": round(taken), "loss": round(loss, 4)}
    return found | {"sentences": round(shares.sentences, 4), "tales": round(shares.tales, 4)}


def row(name: str, found: dict[str, Any]) -> tuple:
    """Return one line of a table from what `measure` found."""
    told = (f"{found['loss']:.3f}", f"{found['sentences']:.1%}", f"{found['tales']:.1%}")
    return (name, found["seed"], found["steps"], found["seconds"], *told)


HEAD = ("training", "seed", "steps", "seconds", "loss", "sentences", "tales")


def median_row(name: str, rows: list[dict[str, Any]]) -> tuple:
    """Return the line of medians beneath the seeds."""
    middle = {key: statistics.median(found[key] for found in rows) for key in ("loss", "sentences", "tales")}
    return (name, "median", "", "", *row("", middle | {"seed": 0, "steps": 0, "seconds": 0})[4:])


def conditions(run: Runtime) -> str:
    """Say what the figures above were measured with."""
    dtype = str(run.dtype).removeprefix("torch.")
    threads = torch.get_num_threads()
    return f"{TALES} tales a row, temperature {TEMPERATURE}, batches of {BATCH} tales, {threads} threads, {dtype}"


def minutes(seconds: str = "60,180", seeds: str = "5", dtype: str = "", form: str = "the recipe") -> None:
    """Print what the recipe reaches in so many seconds of training, for several seeds, and the median of each.

    With another `form`, such as "phrases", it's that form of the recipe.
    """
    from course_utils.experiments.phrases import FORMS  # it builds on this module

    require(seeds.isdigit() and int(seeds) > 0, f"seeds is {seeds!r}; it takes a whole number from 1 on")
    require(form in FORMS, f"form is {form!r}; it takes one of {', '.join(FORMS)}")
    run, (variant, make) = runtime.start(), FORMS[form]
    tokenizer = make()
    if dtype:
        run = replace(run, dtype=getattr(torch, dtype))
    lines: list[tuple] = [HEAD]
    for wanted in seconds.split(","):
        rows = []
        for seed in range(int(seeds)):
            rows.append(measure(float(wanted), seed, variant, tokenizer, run))
            lines.append(row(f"{wanted} s", rows[-1]))
            print(*lines[-1], flush=True)
        lines.append(median_row(f"{wanted} s", rows))
    print()
    print_table(lines)
    print(f"\n{conditions(run)}")


class ShippedTales(FreshTales):
    """The tales of the shipped file, over and over, in place of fresh ones."""

    def text(self, number: int) -> str:
        """Return what stands in one row: each shipped tale once, in a mixed order, before any returns."""
        return tales.generate((number * 1237 + self.first) % self.count)

    @cached_property
    def count(self) -> int:
        """How many tales are shipped; 1237 is a prime that does not divide it."""
        return len(tales.corpus())


@torch.no_grad()
def start_at_random(trainer: Trainer) -> None:
    """Let what blocks add to the stream start as wide as their other matrices, not at zero."""
    for layer in trainer.model.modules():
        if getattr(layer, "residual", False):
            layer.weight.normal_(0.0, (3 * layer.in_features) ** -0.5)


def as_one_matrix(trainer: Trainer) -> None:
    """Let Muon make queries, keys and values orthogonal together."""
    for optimizer in trainer.optimizers:
        for group in optimizer.param_groups:
            if isinstance(optimizer, Muon):
                group["parts"] = 1


ADAMW = {"optimizer": "adamw", "learning_rate": 3e-3, "weight_decay": 0.1}
VARIANTS = {
    "the recipe": Variant(),
    "AdamW in place of Muon": Variant(settings=ADAMW),
    "Muon takes queries, keys, values as one": Variant(adjust=as_one_matrix),
    "what blocks add starts at random": Variant(adjust=start_at_random),
    "positions as wide as tokens": Variant(weights={"position_std": 0.7}),
    "output matrix tied to the embedding": Variant(replace(SMALL, tied=True)),
    "output matrix starts at zero": Variant(weights={"echo": 0.0}),
    "GPT-2's fresh weights": Variant(adjust=lambda trainer: initialise(trainer.model)),
    "no warm-up": Variant(settings={"warmup": 0.0, "stable": 0.5}),
    "no stable phase": Variant(settings={"stable": 0.0}),
    "no decay": Variant(settings={"stable": 0.97}),
    "no clipping": Variant(settings={"clip": 1e9}),
    "the shipped tales, over and over": Variant(data=ShippedTales),
    "float32": Variant(settings={"dtype": torch.float32}),
}


def ablation(seconds: str = "180", seeds: str = "2", path: Path = DATA / "ablation.json") -> None:
    """Train the recipe with each ingredient changed and write what each reaches to a JSON file, as a list of rows.

    What the file holds already is not measured again; delete it to start anew.
    """
    run, tokenizer = runtime.start(), tales_tokenizer()
    rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    done = {(found["variant"], found["seed"]) for found in rows}
    for seed in range(int(seeds)):
        for name, variant in VARIANTS.items():
            if (name, seed) not in done:
                rows.append({"variant": name, **measure(float(seconds), seed, variant, tokenizer, run)})
                print(*row(name, rows[-1]), flush=True)
                write_whole(path, (json.dumps(rows, indent=1) + "\n").encode())
    print()
    print_table([HEAD, *(row(found["variant"], found) for found in sorted(rows, key=lambda f: f["variant"]))])
    print(f"\n{conditions(run)}")


def short_trainer(name: str, seed: int, steps: int, tokenizer: Tokenizer, run: Runtime) -> Trainer:
    """Train the short form of a variant: half as wide, with half the tales a step."""
    variant = VARIANTS[name]
    variant = replace(variant, sizes=replace(variant.sizes, n_embd=min(SHORT_WIDTH, variant.sizes.n_embd)))
    batches = variant.data(tokenizer, SHORT_BATCH, variant.sizes.context_length, seed)
    return train_steps(steps, seed, variant, batches, tokenizer, run)


def short(steps: str = "150", seeds: str = "5", path: Path = DATA / "ablation_short.json") -> None:
    """Train the short form of each variant for so many steps and write its loss on unseen tales to a JSON file.

    What the file holds already is not measured again; delete it to start anew.
    """
    run, tokenizer = runtime.start(), tales_tokenizer()
    unseen = [FreshTales(tokenizer, 64, SMALL.context_length, UNSEEN)(step) for step in range(4)]
    rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    done = {(found["variant"], found["seed"]) for found in rows}
    names = [name for name, variant in VARIANTS.items() if "dtype" not in variant.settings]
    for seed, name in itertools.product(range(int(seeds)), names):
        if (name, seed) not in done:
            model = short_trainer(name, seed, int(steps), tokenizer, run).model
            rows.append({"variant": name, "seed": seed, "steps": int(steps), "loss": round(evaluate(model, unseen), 4)})
            print(name, seed, rows[-1]["loss"], flush=True)
            write_whole(path, (json.dumps(rows, indent=1) + "\n").encode())
    print_table([("training", "loss of each seed"), *short_rows(rows)])


def short_rows(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return a line for each variant with the losses of its seeds."""
    losses: dict[str, list[str]] = {}
    for found in rows:
        losses.setdefault(found["variant"], []).append(f"{found['loss']:.3f}")
    return [(name, "  ".join(own)) for name, own in losses.items()]
