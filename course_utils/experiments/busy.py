"""A training step on a busy machine: what it costs that threads spin while they wait for each other.

Run as `python -m course_utils bench busy`.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from course_utils import SPINS, runtime
from course_utils.common import require
from course_utils.experiments.timing import print_table
from course_utils.experiments.training_speed import CASES
from course_utils.gpt import GPT
from course_utils.training import Trainer, TrainingConfig

# What a process waits with -> its environment: GNU OpenMP's own count of spins, and the package's.
WAITING = {"as OpenMP does": None, "as the course does": SPINS}
CASE = next(iter(CASES))  # notebook 00's sizes and batch


def run_child(steps: str) -> None:
    """Do some steps of notebook 00 and print their seconds by the clock, and those that processors worked for them."""
    runtime.keep_freed_memory()
    config, batch = CASES[CASE]
    inputs, targets = torch.randint(config.vocab_size, (2, batch, config.context_length))
    trainer = Trainer(GPT(config), TrainingConfig(10**6, optimizer="muon"))
    trainer.step(inputs, targets)  # the first one makes room for what the others use
    clock, worked = time.perf_counter(), time.process_time()
    for _ in range(int(steps)):
        trainer.step(inputs, targets)
    print((time.perf_counter() - clock) / int(steps), (time.process_time() - worked) / int(steps))


def measure(spins: str | None, steps: str) -> tuple[float, float]:
    """Return what `run_child` prints in a process of its own, which waits with so many spins."""
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    # PyTorch first: the package would see to the waiting itself.
    code = f"import torch; from {__name__} import run_child; run_child({steps!r})"
    environment |= {"GOMP_SPINCOUNT": spins} if spins else {}
    child = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    clock, worked = map(float, child.stdout.split())
    return clock, worked


@contextmanager
def neighbours(number: int) -> Iterator[None]:
    """Let so many other processes keep the processors busy."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def busy(loops: str = "4", rounds: str = "5", steps: str = "5") -> None:
    """Print what a step takes alone and beside busy loops, waiting in both ways, in turns."""
    for name, value in (("loops", loops), ("rounds", rounds), ("steps", steps)):
        require(value.isdigit() and int(value) > 0, f"{name} is {value!r}; it takes a whole number from 1 on")
    print(f"{CASE}; {runtime.threads_in_words()}\n")
    rows = [("beside", "threads wait", "seconds a step", "processor seconds a step")]
    for number in (0, int(loops)):
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in WAITING}
        with neighbours(number):
            for _ in range(int(rounds)):
                for name, spins in WAITING.items():
                    taken[name].append(measure(spins, steps))
        for name, pairs in taken.items():
            medians = [f"{statistics.median(column):.3f}" for column in zip(*pairs, strict=True)]
            rows.append((f"{number} busy loops", name, *medians))
    print_table(rows)
