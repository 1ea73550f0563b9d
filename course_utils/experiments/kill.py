"""Training killed at random moments, saving included: what the next run makes of it, beside a run left in peace.

Run as `python -m course_utils bench kill`.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from course_utils import runtime
from course_utils.checkpoints import load_checkpoint
from course_utils.common import require
from course_utils.experiments.timing import print_table
from course_utils.gpt import GPT, GPTConfig
from course_utils.recipe import recipe
from course_utils.training import Progress, train

STEPS, SAVE_EVERY = 60, 2  # saving takes much of the time, so that many are killed in the middle of it
SIZES = GPTConfig(vocab_size=500, context_length=32, n_layer=2, n_head=2, n_embd=64, dropout=0.1)


def run_child(folder: str) -> None:
    """Train for `STEPS` steps in `folder`, telling each step and writing all losses at the end."""
    runtime.seed_everything(0)
    torch.set_num_threads(1)

    def batches(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        generator = torch.Generator().manual_seed(step)
        inputs, targets = torch.randint(SIZES.vocab_size, (2, 4, SIZES.context_length), generator=generator)
        return inputs, targets

    def tell(now: Progress) -> None:
        print(now.step, flush=True)

    path = Path(folder, "run.safetensors")
    history = train(GPT(SIZES), batches, recipe(STEPS), callbacks=[tell], checkpoint=path, save_every=SAVE_EVERY)
    Path(folder, "losses.json").write_text(json.dumps(history.losses))


def start(folder: Path) -> subprocess.Popen:
    """Start a training run in a process of its own."""
    code = f"from {__name__} import run_child; run_child({str(folder)!r})"
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def finish(folder: Path) -> list[float]:
    """Let a run go to its end and return all of its losses, from the first step on."""
    folder.mkdir(parents=True, exist_ok=True)
    process = start(folder)
    process.communicate()
    require(process.returncode == 0, f"the run in {folder} ended with exit code {process.returncode}")
    return json.loads((folder / "losses.json").read_text())


def kill_at(folder: Path, step: int, wait: float) -> int:
    """Kill a run some seconds after it has told this step; return the last step that it told."""
    folder.mkdir(parents=True, exist_ok=True)
    process, told = start(folder), 0
    while told < step and (line := process.stdout.readline()):
        told = int(line)
    time.sleep(wait)
    process.kill()
    rest = process.communicate()[0].split()
    return int(rest[-1]) if rest else told


def kill(times: str = "20", seed: str = "0") -> None:
    """Kill a run at so many random moments, let the next one go on, and print whether its losses are the same."""
    chance, rows = random.Random(int(seed)), [("killed after step", "left beside it", "went on from", "same losses")]
    with tempfile.TemporaryDirectory() as temporary:
        peaceful = finish(Path(temporary, "peaceful"))
        for number in range(int(times)):
            folder = Path(temporary, str(number))
            step = kill_at(folder, chance.randint(1, STEPS - 2), chance.uniform(0, 0.05))
            partial = "a part of a file" if list(folder.glob("*.part")) else "nothing"
            saved = f"step {saved_step(folder)}"
            rows.append((step, partial, saved, "yes" if finish(folder) == peaceful else "NO"))
            print(*rows[-1], flush=True)
    print()
    print_table(rows)


def saved_step(folder: Path) -> int:
    """Return the step of the checkpoint in a folder, 0 where there is none."""
    path = folder / "run.safetensors"
    return load_checkpoint(path).metadata["steps_done"] if path.is_file() else 0
