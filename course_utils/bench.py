"""Measurements, each a program that prints a table: `python -m course_utils bench NAME`."""

import statistics
import time
from collections.abc import Callable, Sequence

import torch

from course_utils import runtime
from course_utils.generation import Sampler
from course_utils.gpt import GPT
from course_utils.judging import score, tell_tales
from course_utils.recipe import FreshTales, recipe, small_gpt, tales_tokenizer
from course_utils.text import require
from course_utils.tokenizers import Tokenizer
from course_utils.training import Trainer, TrainingConfig, train

BATCH = 16
TALES = 200  # told and judged for each model


def print_table(rows: Sequence[Sequence[object]]) -> None:
    """Print rows in columns, the first row as a heading; numbers are set right.

    >>> print_table([("name", "loss"), ("a", 0.5), ("long name", 12)])
    name       loss
    a           0.5
    long name    12
    """
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        first, *rest = zip(row, widths, strict=True)
        print("  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]).rstrip())


def steps_in(seconds: float, model: GPT, batches: Callable, config: TrainingConfig, trial: int = 12) -> int:
    """Return how many steps of training take this long here: a few are done, and the model is not to be kept."""
    trainer, times = Trainer(model, config), []
    for step in range(trial):
        started = time.perf_counter()
        trainer.step(*batches(step))
        times.append(time.perf_counter() - started)
    # The first steps are slower: memory is not laid out yet.
    return max(1, round(seconds / statistics.median(times[trial // 3 :])))


def train_for(seconds: float, seed: int, tokenizer: Tokenizer, run: runtime.Runtime) -> tuple[GPT, int, float, float]:
    """Train the recipe's small GPT for about this long; return it, its steps, its last loss and the true seconds."""
    runtime.seed_everything(seed)
    model = small_gpt(tokenizer).to(run.device)
    batches = FreshTales(tokenizer, BATCH, model.config.context_length, seed)
    steps = steps_in(seconds, small_gpt(tokenizer).to(run.device), batches, recipe(100, run.precision))
    started = time.perf_counter()
    losses = train(model, batches, recipe(steps, run.precision)).losses
    return model, steps, statistics.mean(losses[-50:]), time.perf_counter() - started


def minutes(seconds: str = "60,180", seeds: str = "5") -> None:
    """Print what the recipe reaches in so many seconds of training, for several seeds, and the median of each."""
    require(seeds.isdigit() and int(seeds) > 0, f"seeds is {seeds!r}; it takes a whole number from 1 on")
    run, tokenizer = runtime.start(), tales_tokenizer()
    rows: list[tuple] = [("training", "seed", "steps", "seconds", "loss", "sentences", "tales")]
    for wanted in map(float, seconds.split(",")):
        shares = []
        for seed in range(int(seeds)):
            model, steps, loss, taken = train_for(wanted, seed, tokenizer, run)
            scores = score(tell_tales(model, tokenizer, [""] * TALES, Sampler(temperature=0.7, seed=seed)))
            shares.append((scores.sentences, scores.tales))
            told = (f"{scores.sentences:.1%}", f"{scores.tales:.1%}")
            rows.append((f"{wanted:g} s", seed, steps, f"{taken:.0f}", f"{loss:.3f}", *told))
            print(*rows[-1], flush=True)
        medians = (f"{statistics.median(column):.1%}" for column in zip(*shares, strict=True))
        rows.append((f"{wanted:g} s", "median", "", "", "", *medians))
    print()
    print_table(rows)
    print(f"\n{TALES} tales a row, temperature 0.7, {torch.get_num_threads()} threads, {run.precision}")
