"""Train a GPT from the command line, in one process or in several: `python -m course_utils train`.

    python -m course_utils train --steps 500
    python -m torch.distributed.run --standalone --nproc_per_node=2 -m course_utils train --steps 500

The second line starts two processes that learn together, each from its half of every batch: on one machine with
several GPUs, one process a GPU. Both give the same losses. The run is saved in a folder, and the same command goes on
from there, with as many processes as you like. `train --options` lists all settings.
"""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

import torch

from course_utils import runtime
from course_utils.bpe import gpt2_tokenizer
from course_utils.common import require
from course_utils.distributed import DistributedTrainer, ProcessLost, World, joined, newest_step, train_together
from course_utils.gpt import GPTConfig
from course_utils.recipe import SMALL, FreshTales, recipe, small_gpt, tales_tokenizer
from course_utils.tokenizers import Tokenizer
from course_utils.training import Batches, ProgressBar
from course_utils.windows import SlidingWindowDataset, StepBatches, read_tokens

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def options() -> argparse.ArgumentParser:
    """Return what the command takes."""
    parser = argparse.ArgumentParser(prog="python -m course_utils train", add_help=False)
    add = parser.add_argument
    add("--options", action="help", help="list these settings and stop")
    add("--steps", type=int, default=500, help="steps of the whole run (500)")
    add("--batch", type=int, default=32, help="rows of a batch, over all processes together (32)")
    add("--layers", type=int, default=SMALL.n_layer, help=f"({SMALL.n_layer})")
    add("--heads", type=int, default=SMALL.n_head, help=f"({SMALL.n_head})")
    add("--width", type=int, default=SMALL.n_embd, help=f"size of a token's vector ({SMALL.n_embd})")
    add("--context", type=int, default=SMALL.context_length, help=f"tokens of a row ({SMALL.context_length})")
    add("--dropout", type=float, default=0.0, help="(0)")
    add(
        "--tokens", type=Path, help="a file of GPT-2's token ids, made by windows.write_tokens; without it, fresh tales"
    )
    add("--accumulation", type=int, default=1, help="cut each process's rows in so many parts, to save memory (1)")
    add("--evaluate-every", type=int, default=0, help="steps between two looks at unseen rows (0: never)")
    add("--dtype", choices=DTYPES, help="dtype of matrix products (the fastest of the device)")
    add("--sharded", action="store_true", help="a slice of the model on each process (FSDP2), not a copy (DDP)")
    add("--seed", type=int, default=0, help="of weights, data and dropout (0)")
    add("--folder", type=Path, default=None, help="where the run is saved (work/run)")
    add("--save-every", type=int, default=100, help="steps between two checkpoints (100)")
    add("--extend", action="store_true", help="go on with a run that was to take fewer steps")
    add("--threads", type=int, default=0, help="CPU threads of each process (the cores, shared out)")
    return parser


def data_of(asked: argparse.Namespace) -> tuple[Tokenizer, Batches, list]:
    """Return the tokenizer, the batches by step, and a few batches that are never learned."""
    if asked.tokens is None:
        tokenizer = tales_tokenizer()
        rows = FreshTales(tokenizer, asked.batch, asked.context, asked.seed)
        return tokenizer, rows, [FreshTales(tokenizer, asked.batch, asked.context, asked.seed + 1)(0)]
    tokenizer, ids = gpt2_tokenizer(), read_tokens(asked.tokens)
    edge = len(ids) - max(len(ids) // 100, asked.batch * asked.context + 1)  # the last hundredth is kept away
    require(edge > asked.context, f"{asked.tokens} has {len(ids):,} tokens, too few for batches of this size")
    seen, unseen = (SlidingWindowDataset(part, asked.context, asked.context) for part in (ids[:edge], ids[edge:]))
    return tokenizer, StepBatches(seen, asked.batch, asked.seed), [StepBatches(unseen, asked.batch)(0)]


def trainer_of(asked: argparse.Namespace, world: World, tokenizer: Tokenizer) -> DistributedTrainer:
    """Return a trainer of fresh weights with the recipe's settings; the same weights in every process."""
    sizes = {"n_layer": asked.layers, "n_head": asked.heads, "n_embd": asked.width, "context_length": asked.context}
    with runtime.seeded(asked.seed):
        model = small_gpt(tokenizer, GPTConfig(1, **sizes, dropout=asked.dropout, tied=False))
    dtype = DTYPES.get(asked.dtype) or runtime.fast_dtype(world.device)
    more = {"accumulation": asked.accumulation, "evaluate_every": asked.evaluate_every}
    config = replace(recipe(asked.steps, dtype), **more)
    return DistributedTrainer(model, config, world, asked.sharded, tokenizer=tokenizer, seed=asked.seed)


def train_here(asked: argparse.Namespace, world: World) -> None:
    """Train in this process and those that it has joined, save, and write the whole model to one file."""
    folder = asked.folder or runtime.work_folder() / "run"
    tokenizer, batches, validation = data_of(asked)
    trainer = trainer_of(asked, world, tokenizer)
    say = print if world.is_first else (lambda *_: None)
    form = "alone" if world.size == 1 else f"{world.size} processes, {'slices (FSDP2)' if asked.sharded else 'DDP'}"
    numbers = sum(weight.numel() for weight in trainer.model.parameters())
    say(f"{form} · {world.device.type}, {runtime.threads_in_words()} each · {numbers:,} parameters")
    history = train_together(trainer, batches, validation, [ProgressBar()], folder, asked.save_every, asked.extend)
    trainer.export(folder / "model.safetensors")
    for step, loss in history.validation[-1:]:
        say(f"loss on unseen rows after step {step}: {loss:.4f}")
    say(f"step {trainer.steps_done} of {asked.steps}: loss {history.losses[-1]:.4f} · the model is in {folder}")


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code; what can be said in a sentence is said without a traceback."""
    asked = options().parse_args(arguments)
    rank = f"[process {os.environ['RANK']}] " if "RANK" in os.environ else ""
    try:
        with joined(threads=asked.threads) as world:
            train_here(asked, world)
    except (ValueError, FloatingPointError, OSError) as problem:
        print(f"{rank}{problem}", file=sys.stderr, flush=True)
        return 1
    except ProcessLost as problem:
        folder = asked.folder or runtime.work_folder() / "run"
        saved = newest_step(folder)
        kept = (
            f"The last checkpoint is {saved.name}: the same command goes on from it." if saved else "Nothing was saved."
        )
        print(f"{rank}{problem}. {kept}", file=sys.stderr, flush=True)
        return 1
    return 0
