"""The same training in several processes: `torch.distributed` moves the numbers, this file keeps the sums right.

`python -m torch.distributed.run --standalone --nproc_per_node=2 -m course_utils train` starts processes, one a device.
Each learns from its own rows of every batch. Whole copies of the model (DDP) or slices of it (FSDP2, `sharded`) make
the very steps that one process would make: losses are equal to their last digits, however many processes there are.
"""

import contextlib
import inspect
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import Tensor, nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_state_dict,
    set_state_dict,
)
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from course_utils.checkpoints import Checkpoint, build, check_storable, save_checkpoint
from course_utils.common import require, write_whole
from course_utils.optimizers import Muon, orthogonalise
from course_utils.runtime import choose_device
from course_utils.tokenizers import Tokenizer
from course_utils.tokenizers import from_dict as tokenizer_from_dict
from course_utils.training import (
    Batch,
    Batches,
    Count,
    History,
    Loss,
    Progress,
    Trainer,
    TrainingConfig,
    check_place,
    count_targets,
    describe_data,
    going_on,
    lean_loss,
    stop_between_steps,
    train_step,
)
from course_utils.windows import by_step

LAUNCHER = "python -m torch.distributed.run --standalone --nproc_per_node=2"
FACTS = "run.json"  # beside the tensors in each step's folder: what the run is, and how far it has come
STEP = re.compile(r"step_\d{8}")  # the name of each step's folder
WRITTEN = ".metadata"  # PyTorch writes it last, so a folder that has it is whole
# What a backend says when a process at the other end has gone, or doesn't answer.
GONE = re.compile(
    r"closed by peer|reset by peer|broken pipe|timed? ?out|aborted|remote process|connection refused", re.I
)


class ProcessLost(RuntimeError):
    """Another process of the run has ended, or this one was asked to; the message says so in a sentence."""


@dataclass(frozen=True)
class World:
    """Where this process stands: number `rank` of `size` processes, each with a device. By default it's alone.

    >>> World().size, World(rank=1, size=4).is_first
    (1, False)
    """

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def is_first(self) -> bool:
        """Whether this is the one process that prints and writes what all have in common."""
        return self.rank == 0

    def total(self, value: Tensor) -> Tensor:
        """Return the sum of a value over all processes, the same in each (all-reduce)."""
        if self.size == 1:
            return value
        value = value.detach().to(self.device, copy=True)
        dist.all_reduce(value)
        return value

    def any(self, flag: bool) -> bool:
        """Return whether a flag is set in any process, so that all of them decide alike."""
        return bool(self.total(torch.tensor(int(flag))))

    def own_rows(self, batch: Batch) -> Batch:
        """Return this process's rows of a batch: neighbours, and together with those of the others each row once.

        >>> rows = torch.arange(5)
        >>> [World(rank, 3).own_rows((rows,))[0].tolist() for rank in range(3)]
        [[0, 1], [2, 3], [4]]
        """
        return tuple(part.tensor_split(self.size)[self.rank] for part in batch)


# --- joining and leaving ---


@contextlib.contextmanager
def joined(minutes: float = 10.0, threads: int = 0) -> Iterator[World]:
    """Join the processes that the launcher has started, and leave them at the end; without a launcher, stay alone.

    A process that waits for the others longer than `minutes` gives up. `threads` is each process's on the CPU; by
    default the cores are shared out. When another process ends, a `ProcessLost` says so.
    """
    require(threads >= 0, f"threads is {threads}; it takes a whole number, 0 for a share of the cores")
    device = choose_device()
    alone = "RANK" not in os.environ
    if threads or not alone:
        torch.set_num_threads(threads or own_threads())
    if alone:
        yield World(device=device)
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    with asked_to_end(), peers_in_words():
        met = dist.is_initialized()  # Ray, for one, has let them meet already
        if not met:
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=timedelta(minutes=minutes))
        yield World(dist.get_rank(), dist.get_world_size(), device)
        # Only after a good end: with a lost process there's nobody to say goodbye to, and some backends would wait.
        if not met:
            dist.destroy_process_group()


def own_threads() -> int:
    """Return how many CPU threads a process takes: what `OMP_NUM_THREADS` says, or its part of the cores.

    The launcher sets `OMP_NUM_THREADS` to 1 where nobody has, which leaves most of a large machine idle. So 1 isn't
    taken for somebody's wish.
    """
    asked = int(os.environ.get("OMP_NUM_THREADS") or 1)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return asked if asked > 1 else max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))


@contextlib.contextmanager
def peers_in_words() -> Iterator[None]:
    """Turn what a backend says about a process that is gone into a `ProcessLost`; other errors stay as they are."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, ProcessLost) or not (isinstance(error, dist.DistError) or GONE.search(str(error))):
            raise
        # Without PyTorch's own file and line in front.
        reason = re.sub(r"^\[\S*\] ", "", str(error).strip()).splitlines()[0].split(". ")[0]
        raise ProcessLost(f"another process of this run has ended, so this one ends too ({reason[:120]})") from error


@contextlib.contextmanager
def asked_to_end() -> Iterator[None]:
    """Turn SIGTERM into a `ProcessLost`: the launcher sends it to the others when one process has ended."""

    def end(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: whoever asks again would cut the sentence off
        raise ProcessLost("asked to end, since another process has ended or the machine is wanted back")

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may listen to signals
        return
    before = signal.signal(signal.SIGTERM, end)
    yield
    signal.signal(signal.SIGTERM, before)


# --- the model, spread ---


def spread(model: nn.Module, world: World, sharded: bool = False) -> nn.Module:
    """Put a copy of the model on each process (Li et al. 2020, "PyTorch Distributed"), or a slice of it (`sharded`).

    A slice is a part of each weight, its gradient and the optimiser's state (Zhao et al. 2023, "PyTorch FSDP"); a block
    gathers its weights before it computes and drops them again. All start with the first process's weights.
    """
    started = dist.is_available() and dist.is_initialized()
    require(started or not sharded, f"sharded takes processes to share with; start them with {LAUNCHER}")
    model = model.to(world.device)
    if world.size == 1 and not sharded:
        return model
    # FSDP cuts what each process happens to have. Drawn from different seeds, the slices wouldn't fit together.
    for weight in model.parameters():
        dist.broadcast(weight.data, src=0)
    if not sharded:
        return DistributedDataParallel(model)
    for block in model.blocks:
        fully_shard(block)
    return fully_shard(model)  # what is in no block, tied weights too, which have to be in one group


class ShardedMuon(Muon):
    """Muon for weights that `fully_shard` has cut: a slice of a matrix has no singular values of the matrix's own.

    Momentum stays in slices. The direction of each matrix is put together, made orthogonal, and cut again. Every
    process does so for all matrices, as with DDP: that is a small part of a step.
    """

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Update all weights that have a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                    whole = self.direction(weight, group["momentum"]).full_tensor()
                    parts = torch.stack(whole.chunk(group["parts"]))  # (parts, rows, columns)
                    size = group["lr"] * max(1.0, parts.shape[1] / parts.shape[2]) ** 0.5
                    update = distribute_tensor(
                        orthogonalise(parts).flatten(0, 1), weight.device_mesh, weight.placements, src_data_rank=None
                    )
                    weight.sub_(update, alpha=size)


# --- a step, a save, a run ---


class DistributedTrainer(Trainer):
    """A `Trainer` whose steps are made by all processes together, each with its own rows of the batch.

    `step` takes the whole batch, the same in every process. What is learned is the mean over the targets of all rows:
    a mean of the processes' means would give a target in a row of few more weight than one in a row of many. `seed` is
    for dropout, which each process draws by itself.
    """

    def __init__(
        self,
        model: nn.Module,
        config: TrainingConfig,
        world: World | None = None,
        sharded: bool = False,
        loss: Loss = lean_loss,
        count: Count = count_targets,
        tokenizer: Tokenizer | None = None,
        data: str | None = None,
        seed: int = 0,
    ) -> None:
        check_storable(model, tokenizer)  # before it is wrapped; at the end of a long run would be too late
        scaled = sharded and config.dtype == torch.float16
        require(
            not scaled, "sharded takes float32 or bfloat16: the scale of float16 is found in each process by itself"
        )
        self.world = world or World()
        self.kind, self.sharded, self.seed = type(model), sharded, seed
        self.own_loss, self.own_count = loss, count
        self.parts_done = 0
        spread_model = spread(model, self.world, sharded)
        super().__init__(spread_model, config, self.weighed_loss, self.total_count, tokenizer, data)
        if sharded:
            self.optimizers = [as_sharded(optimizer) for optimizer in self.optimizers]

    def total_count(self, batch: Batch) -> Tensor:
        """Return how many targets the rows of all processes have, given this one's."""
        own = self.own_count(batch)
        return self.world.total(own).to(own.device)

    def weighed_loss(self, model: nn.Module, part: Batch) -> Tensor:
        """Return this process's loss, as many times as there are processes: gradients are averaged over them.

        In evaluation it's the sum over all processes.
        """
        if not torch.is_grad_enabled():
            total = self.world.total(self.own_loss(model, part).double())
            if self.sharded:
                # What is in no block stays gathered until the next backward pass. Meanwhile `parameters()` are not the
                # slices, and `zero_grad` would leave the slices' gradients as they are: they'd count twice.
                self.model.reshard()
            return total
        self.parts_done += 1
        # Gradients of an accumulated batch are sent once, with its last part.
        self.send_gradients(self.parts_done % self.config.accumulation == 0)
        return self.own_loss(model, part) * self.world.size

    def send_gradients(self, now: bool) -> None:
        """Say whether the next backward pass shall end with gradients that all processes share."""
        if isinstance(self.model, DistributedDataParallel):
            self.model.require_backward_grad_sync = now
        elif self.sharded:
            self.model.set_requires_gradient_sync(now)

    def step(self, *batch: Tensor) -> float:
        """Learn from one batch, of which this process takes its rows; return the mean loss of all of them."""
        # Random numbers from (seed, step, process): nothing to save, and no two processes drop the same neurons.
        entropy = np.random.SeedSequence((self.seed, self.steps_done, self.world.rank))
        torch.manual_seed(int(entropy.generate_state(1, np.uint64)[0] >> np.uint64(1)))
        own = super().step(*self.world.own_rows(batch))
        mean = self.world.total(torch.tensor(own, dtype=torch.float64)).item() / self.world.size
        self.history.losses[-1] = mean
        return mean

    def state(self) -> dict[str, Any]:
        """Return weights and the optimisers' state by name, the same names with and without slices."""
        model, optimizers = get_state_dict(self.model, self.optimizers)
        return {"model": model, "optimizers": optimizers}

    def save(self, path: Path) -> None:
        """Write this step's folder in `path`, each process its slices, and delete older ones once it is whole."""
        if self.world.any(not all(weight.isfinite().all() for weight in self.model.parameters())):
            return
        folder = Path(path) / f"step_{self.steps_done:08}"
        if self.world.is_first:
            write_whole(folder / FACTS, json.dumps(self.facts()).encode())
        with checkpoint_errors_in_words():
            dcp.save(self.state(), checkpoint_id=folder)
        if self.world.is_first:
            for other in step_folders(path):
                if other != folder:
                    shutil.rmtree(other)

    def facts(self) -> dict[str, Any]:
        """Return the model's form, the tokenizer, what the run is and how far it has come, as JSON holds it."""
        tokenizer = self.tokenizer.to_dict() if self.tokenizer else None
        config = asdict(self.inside().config)
        return {"kind": self.kind.__name__, "config": config, "tokenizer": tokenizer, "metadata": self.metadata()}

    def inside(self) -> nn.Module:
        """Return the model without what DDP has put around it."""
        return self.model.module if isinstance(self.model, DistributedDataParallel) else self.model

    def resume(self, path: Path, extend: bool = False) -> str:
        """Go on from the newest whole step in `path`, written by any number of processes, with slices or without.

        Another run's is a ValueError that says what differs; with `extend`, one that was to take fewer steps will do.
        """
        folder = newest_step(path)
        require(folder is not None, f"there is no whole checkpoint in {path}")
        found = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        with torch.device("meta"):  # its sizes are asked for, and no numbers
            model = build(found, folder)
        tokenizer = tokenizer_from_dict(found["tokenizer"]) if found["tokenizer"] else None
        self.check_same_run(Checkpoint(model, tokenizer, found["metadata"]), folder, extend)
        state = self.state()
        with checkpoint_errors_in_words():
            dcp.load(state, checkpoint_id=folder)
        set_state_dict(
            self.model, self.optimizers, model_state_dict=state["model"], optim_state_dict=state["optimizers"]
        )
        kept = found["metadata"]
        self.scaler.load_state_dict(kept["scaler"])
        self.steps_done = kept["steps_done"]
        self.history = History(kept["history"]["losses"], [tuple(pair) for pair in kept["history"]["validation"]])
        self.tokenizer, self.data = self.tokenizer or tokenizer, self.data or kept["data"]
        return going_on(folder.name, self.steps_done, self.config, kept["training"]["steps"])

    def export(self, path: Path) -> None:
        """Write the whole model to one file that `load_checkpoint` reads: all processes call it, and one writes."""
        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        weights = get_model_state_dict(self.model, options=options)
        if self.world.is_first:
            whole = self.kind(self.inside().config).to(next(iter(weights.values())).dtype)
            whole.load_state_dict(weights)
            save_checkpoint(path, whole, self.tokenizer, {"steps_done": self.steps_done})


@contextlib.contextmanager
def checkpoint_errors_in_words() -> Iterator[None]:
    """Turn PyTorch's error for a checkpoint, which isn't an `Exception` and holds a traceback, into an OSError.

    Also keep it from warning that a process is alone: one that saves or reads a checkpoint alone knows.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="torch.distributed is disabled")
            yield
    except CheckpointException as error:
        rank, (problem, _) = next(iter(error.failures.items()))
        raise OSError(f"the checkpoint could not be written or read by process {rank}: {problem}") from error


def as_sharded(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Return the optimiser that does the same for sliced weights; AdamW works on each number by itself already."""
    if not isinstance(optimizer, Muon):
        return optimizer
    return ShardedMuon(optimizer.param_groups, lr=optimizer.defaults["lr"])


def step_folders(path: str | Path) -> list[Path]:
    """Return the folders of steps in a run's folder, the oldest first, whole or not."""
    # By its whole name, since older ones are deleted: a `step_2_notes` or a copy `step_00000002_good` isn't ours.
    return sorted(folder for folder in Path(path).glob("step_*") if STEP.fullmatch(folder.name) and folder.is_dir())


def newest_step(path: str | Path) -> Path | None:
    """Return the folder of the last step that was written to its end, or None."""
    return next((folder for folder in reversed(step_folders(path)) if (folder / WRITTEN).is_file()), None)


def train_together(
    trainer: DistributedTrainer,
    batches: Batches,
    validation: Iterable[Batch] = (),
    callbacks: Iterable[Callable[[Progress], None]] = (),
    folder: str | Path | None = None,
    save_every: int = 0,
    extend: bool = False,
) -> History:
    """Train in all processes of the trainer's world and return the history, the same in each.

    As `training.train`: `batches(step)` is the whole batch of a step. With `folder`, the run is saved there every
    `save_every` steps and at its end, and goes on from what is there. Interrupted, all stop after the same step.
    """
    world, batches = trainer.world, by_step(batches)
    own_validation = [world.own_rows(batch) for batch in validation]
    has_place = folder is not None or not save_every
    told = f"save_every is {save_every} and folder {folder!r}; it takes 0 or more steps, and a folder to save in"
    require(save_every >= 0 and has_place, told)
    if folder is not None:
        check_place(Path(folder) / f"process_{world.rank}")
        trainer.data = describe_data(batches)
        if newest_step(folder) is not None:
            told = trainer.resume(Path(folder), extend)
            print(told) if world.is_first else None
    trainer.model.train()
    try:
        with stop_between_steps() as asked:
            # Asked of all, since one process that stopped alone would leave the others waiting for its gradients.
            while trainer.steps_done < trainer.config.steps and not world.any(asked.is_set()):
                now = train_step(trainer, batches, own_validation)
                for callback in callbacks if world.is_first else ():
                    callback(now)
                if save_every and now.step % save_every == 0 and now.step < now.steps:
                    trainer.save(Path(folder))
    finally:
        for callback in callbacks:
            getattr(callback, "close", lambda: None)()
    if folder is not None:
        trainer.save(Path(folder))
    trainer.model.eval()
    return trainer.history


# --- from a notebook ---

# What the functions of a notebook find in the new processes, and what is done with them there.
SCRIPT = """import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.distributed import *
from course_utils.gpt import GPT, GPTConfig
from course_utils.training import *

{functions}

with joined(minutes=5) as world:
    found = json.dumps({job}(world))
    Path(sys.argv[1], str(world.rank)).write_text(found)
"""


def in_processes(size: int, job: Callable[[World], Any], *helpers: Callable) -> list[Any]:
    """Run `job(world)` in so many processes on this machine; return what each of them returned, as JSON keeps it.

    New processes can't see what a notebook has defined, so the text of `job` and of the functions that it uses, its
    `helpers`, goes to a file. They find torch, `dist`, `nn`, `F`, the model, and what this module and training have.
    """
    functions = "\n\n\n".join(textwrap.dedent(inspect.getsource(function)) for function in (*helpers, job))
    root = str(Path(__file__).resolve().parent.parent)
    paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "job.py")
        script.write_text(SCRIPT.format(functions=functions, job=job.__name__), encoding="utf-8")
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={size}"]
        told = subprocess.run(
            [*command, str(script), folder], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True
        )
        if told.returncode:
            raise RuntimeError(f"the processes ended with an error:\n{told.stderr[-3000:]}")
        return [json.loads(Path(folder, str(rank)).read_text(encoding="utf-8")) for rank in range(size)]
