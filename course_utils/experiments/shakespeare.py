"""The recipe outside our world: tiny Shakespeare by characters, beside the usual recipe for small GPTs, in one run.

Run as `python -m course_utils bench recipe`.
"""

import time
from dataclasses import replace

import torch

from course_utils import runtime
from course_utils.experiments.timing import print_table
from course_utils.gpt import GPT, GPTConfig
from course_utils.recipe import recipe, small_gpt
from course_utils.text import load_text
from course_utils.tokenizers import CharTokenizer
from course_utils.training import Batches, Trainer, TrainingConfig, evaluate
from course_utils.windows import SlidingWindowDataset, StepBatches, split_tokens

# Ours: only 65 characters need not lie as far apart as 2,048 tokens, and a run this short takes higher rates.
SPREAD = {"std": 0.2, "position_std": 0.2}
RATES = {"learning_rate": 1.5e-2, "muon_rate": 0.05, "stable": 0.3}
BATCH = 32
USUAL = TrainingConfig(2000, learning_rate=1e-3, warmup=0.05, final_rate=0.1, weight_decay=0.1, betas=(0.9, 0.99))


def seconds_to(target: float, trainer: Trainer, batches: Batches, validation: list, every: int) -> tuple[float, float]:
    """Train until the validation loss is no higher than `target`, or to the end; return the seconds and the loss."""
    taken = 0.0
    while True:
        started = time.perf_counter()
        for _ in range(min(every, trainer.config.steps - trainer.steps_done)):
            trainer.step(*batches(trainer.steps_done))
        taken += time.perf_counter() - started
        loss = evaluate(trainer.model, validation)
        if loss <= target or trainer.steps_done == trainer.config.steps:
            return taken, loss


def shakespeare(pairs: str = "3", steps: str = "240", layers: str = "2") -> None:
    """Print the time that the recipe, and the usual one for small GPTs, need to the same loss on tiny Shakespeare.

    The usual one has four layers; ours gets as far with two, which are twice as fast.
    """
    run, text = runtime.start(), load_text("tinyshakespeare")
    tokenizer = CharTokenizer.from_text(text)
    seen, unseen = split_tokens(torch.tensor(tokenizer.encode(text)), 0.9)
    sizes = GPTConfig(tokenizer.vocab_size, 64, 4, 4, 128)
    windows = SlidingWindowDataset(unseen, 64, 64)
    validation = [StepBatches(windows, 128, 0)(step) for step in range(len(windows) // 128)]
    lines: list[tuple] = [("recipe", "pair", "steps", "seconds", "validation loss", "share of the time")]
    for pair in range(int(pairs)):
        runtime.seed_everything(pair)
        data = SlidingWindowDataset(seen, 64, 1)
        usual = Trainer(GPT(sizes).to(run.device), USUAL)
        before, target = seconds_to(0.0, usual, StepBatches(data, 12, pair), validation, USUAL.steps)
        lines.append(("usual", pair, usual.steps_done, f"{before:.1f}", f"{target:.3f}", ""))
        model = small_gpt(tokenizer, replace(sizes, n_layer=int(layers), tied=False), **SPREAD)
        ours = Trainer(model.to(run.device), replace(recipe(int(steps), run.dtype), **RATES))
        taken, loss = seconds_to(target, ours, StepBatches(data, BATCH, pair), validation, 10)
        share = f"{taken / before:.2f}" if loss <= target else "not reached"
        lines.append(("ours", pair, ours.steps_done, f"{taken:.1f}", f"{loss:.3f}", share))
        print(*lines[-2], "\n", *lines[-1], flush=True)
    print()
    print_table(lines)
