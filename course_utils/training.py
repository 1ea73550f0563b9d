"""Training: a step from top to bottom, the schedule, and the loop that holds them together.

`train` asks for its data by step: `batches(step)` gives a tuple of tensors with one row a text, such as inputs and
targets, each (B, T). As long as that depends on the step alone, a run that was interrupted and resumed gives the very
same losses and weights as one that was not. What is learned is a function too: `loss(model, batch)`.
"""

import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from course_utils.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from course_utils.common import require
from course_utils.optimizers import make_optimizers
from course_utils.tokenizers import Tokenizer

IGNORED = -100  # a target with this value is not learned and not counted, as in PyTorch
Batch = tuple[Tensor, ...]
Batches = Callable[[int], Batch]
Loss = Callable[[nn.Module, Batch], Tensor]  # the losses of a batch, added up
Count = Callable[[Batch], Tensor]  # how many losses that are


@dataclass(frozen=True)
class TrainingConfig:
    """How to train, checked when made: how long, how fast, how carefully.

    `optimizer` is "adamw", or "muon": then the blocks' matrices learn by Muon at `muon_rate`, the rest by AdamW.
    `warmup` and `stable` (at the full rate) are fractions of the steps, `final_rate` of the rate left at the end.
    `accumulation` cuts each batch in that many parts, to save memory; without dropout the result is the same.
    """

    steps: int
    learning_rate: float = 1e-3
    optimizer: str = "adamw"
    muon_rate: float = 0.02
    warmup: float = 0.05
    stable: float = 0.0
    final_rate: float = 0.1
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    clip: float = 1.0
    accumulation: int = 1
    dtype: torch.dtype = torch.float32
    evaluate_every: int = 0

    def __post_init__(self) -> None:
        for name, lowest in (("steps", 1), ("accumulation", 1), ("evaluate_every", 0)):
            value = getattr(self, name)
            require(
                isinstance(value, int) and value >= lowest,
                f"{name} is {value!r}; it takes an int from {lowest} on",
            )
        kinds = ("adamw", "muon")
        require(self.optimizer in kinds, f"optimizer is {self.optimizer!r}; it takes one of {', '.join(kinds)}")
        for name in ("learning_rate", "muon_rate", "clip"):
            require(getattr(self, name) > 0, f"{name} is {getattr(self, name)}; it takes a number above 0")
        for name in ("warmup", "stable", "final_rate"):
            require(
                0 <= getattr(self, name) <= 1,
                f"{name} is {getattr(self, name)}; it takes a fraction from 0 to 1",
            )
        both = self.warmup + self.stable
        require(both <= 1, f"warmup and stable are {both} together; they take at most 1, the whole run")
        require(self.weight_decay >= 0, f"weight_decay is {self.weight_decay}; it takes 0 or more")
        formats = (torch.float32, torch.bfloat16, torch.float16)
        names = "torch.float32, torch.bfloat16 or torch.float16"
        require(self.dtype in formats, f"dtype is {self.dtype!r}; it takes {names}")


@dataclass
class History:
    """What a run has seen: the loss of each step, and (step, loss) pairs on validation data. Nats per token."""

    losses: list[float] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)


@dataclass
class Progress:
    """What callbacks are shown after each step. `step` counts the steps done, so the last one equals `steps`."""

    step: int
    steps: int
    loss: float
    validation_loss: float | None
    learning_rate: float
    tokens_per_second: float
    model: nn.Module
    history: History


def cross_entropy(logits: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
    """Mean of -ln(probability given to the right next token), in nats. Logits (B, T, V), targets (B, T).

    Targets of -100 do not count. A model that knows nothing has ln(V).

    >>> cross_entropy(torch.zeros(1, 3, 8), torch.tensor([[1, 2, -100]])).item() - math.log(8) < 1e-6
    True
    """
    # A sum over thousands of probabilities in half precision would lose digits.
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32)).flatten(0, 1)  # (B * T, V)
    try:
        return F.cross_entropy(logits, targets.flatten(), ignore_index=IGNORED, reduction=reduction)
    except IndexError:  # as for the ids that go in: a GPU stops at the lookup itself
        wrong = targets[(targets != IGNORED) & ((targets < 0) | (targets >= logits.shape[-1]))][0]
        raise ValueError(f"target {wrong} is outside the vocabulary of {logits.shape[-1]}") from None


def next_token_loss(model: nn.Module, batch: Batch) -> Tensor:
    """The loss of pretraining: minus the log of the probability given to each target, added up. Both (B, T)."""
    inputs, targets = batch
    return cross_entropy(model(inputs), targets, "sum")


def count_targets(batch: Batch) -> Tensor:
    """Return how many targets of a batch are learned; the targets are its last tensor."""
    return (batch[-1] != IGNORED).sum()


def schedule(step: int, config: TrainingConfig) -> float:
    """The fraction of the learning rate at one step, counted from 0: warm-up, stable, decay.

    The cosine is Loshchilov and Hutter 2017, "SGDR", equation 5; the phases are Hu et al. 2024, "MiniCPM", section 4.1.

    >>> [round(schedule(step, TrainingConfig(steps=10, warmup=0.2)), 2) for step in (0, 1, 6, 10)]
    [0.5, 1.0, 0.55, 0.1]
    """
    warmup = round(config.warmup * config.steps)
    stable = round((config.warmup + config.stable) * config.steps)
    # 1. Warm-up: the first gradients are large and point anywhere.
    if step < warmup:
        return (step + 1) / warmup
    # 2. Stable: the longer at the full rate, the further the weights get.
    if step < stable:
        return 1.0
    # 3. Decay: half a cosine down to the lowest rate, where the weights settle; after the end, stay there.
    done = min(1.0, (step - stable) / max(1, config.steps - stable))
    return config.final_rate + (1 - config.final_rate) * (1 + math.cos(math.pi * done)) / 2


def autocast(device: torch.device, dtype: torch.dtype) -> contextlib.AbstractContextManager:
    """Matrix products in `dtype`, everything that needs care (norms, softmax, loss) in float32."""
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    batches: Iterable[Batch],
    dtype: torch.dtype = torch.float32,
    loss: Loss = next_token_loss,
    count: Count = count_targets,
) -> float:
    """Return the mean loss over all `batches`, without learning from them.

    It is the mean over targets: batches with few of them weigh little.
    """
    was_training = model.training
    device = next(model.parameters()).device
    total, targets = 0.0, 0
    # Dropout off: it would make the loss noisy, and higher than the model deserves.
    model.eval()
    try:
        for batch in batches:
            batch = tuple(part.to(device) for part in batch)
            with autocast(device, dtype):
                total += loss(model, batch).item()
            targets += int(count(batch))
    finally:
        model.train(was_training)
    require(targets > 0, "there is nothing to evaluate: the batches hold no target")
    return total / targets


class Trainer:
    """A model, its optimisers and how far they have come; `step` does one step and can be called by hand.

    `loss(model, batch)` adds up the losses of a batch, `count(batch)` says of how many; what is learned is their mean.
    """

    def __init__(
        self,
        model: nn.Module,
        config: TrainingConfig,
        loss: Loss = next_token_loss,
        count: Count = count_targets,
    ) -> None:
        self.model = model
        self.config = config
        self.loss = loss
        self.count = count
        self.device = next(model.parameters()).device
        rates = (config.learning_rate, config.weight_decay, config.betas, config.muon_rate)
        self.optimizers = make_optimizers(model, config.optimizer, *rates)
        self.rates = [group["lr"] for group in self.groups()]
        # float16 has so few small numbers that gradients vanish: the loss is scaled up, the gradients down again.
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=config.dtype == torch.float16)
        self.steps_done = 0
        self.history = History()

    def groups(self) -> list[dict[str, Any]]:
        """Return the groups of weights of all optimisers; each has a learning rate of its own."""
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def step(self, *batch: Tensor) -> float:
        """Learn from one batch, a row a text in each tensor, and return its mean loss before the update."""
        # 1. The learning rate of this step.
        rate = schedule(self.steps_done, self.config)
        for group, full_rate in zip(self.groups(), self.rates, strict=True):
            group["lr"] = rate * full_rate

        # 2. Forward and backward. A batch may be too large for the memory: then it goes through in parts, and their
        #    gradients add up to those of the whole, since each part is divided by the count of all.
        self.model.zero_grad()
        batch = tuple(part.to(self.device) for part in batch)
        # At least 1: a batch without any target then has loss 0, not 0 / 0.
        count = self.count(batch).clamp(min=1)
        mean = 0.0
        for part in zip(*(tensor.tensor_split(self.config.accumulation) for tensor in batch), strict=True):
            with autocast(self.device, self.config.dtype):
                loss = self.loss(self.model, part) / count
            self.scaler.scale(loss).backward()
            mean += loss.item()
        self.check_finite("loss", mean)

        # 3. Clip the gradient: one odd batch must not throw the weights far off.
        for optimizer in self.optimizers:
            self.scaler.unscale_(optimizer)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip).item()
        # A scaled loss may be too large now and then: the scaler then takes a smaller scale, and no weight moves.
        if not self.scaler.is_enabled():
            self.check_finite("gradient norm", norm)

        # 4. Update.
        if math.isfinite(norm):
            for optimizer in self.optimizers:
                self.scaler.step(optimizer)
        self.scaler.update()
        self.steps_done += 1
        self.history.losses.append(mean)
        return mean

    def check_finite(self, name: str, value: float) -> None:
        """Stop before what is not a number, or infinite, reaches the weights."""
        if not math.isfinite(value):
            rate = schedule(self.steps_done, self.config) * self.config.learning_rate
            where = f"the {name} is {value} at step {self.steps_done + 1} with a learning rate of {rate:.2e}"
            advice = "The weights are those of the step before. Lower the learning rate, or look at this step's batch"
            raise FloatingPointError(f"{where}. {advice}.")

    def save(self, path: Path, tokenizer: Tokenizer | None = None) -> None:
        """Write model, optimisers, history and random number state, so that a later run goes on as if never stopped.

        A model whose weights are not all finite is no place to go on from: then the file stays as it was.
        """
        if not all(weight.isfinite().all() for weight in self.model.parameters()):
            return
        tensors = {"rng_state": torch.get_rng_state()}
        if self.device.type == "cuda":
            tensors["rng_state_cuda"] = torch.cuda.get_rng_state(self.device)
        for place, optimizer in enumerate(self.optimizers):
            for number, state in optimizer.state_dict()["state"].items():
                name = f"optimizer.{place}.{number}"
                tensors |= {f"{name}.{kind}": torch.as_tensor(value) for kind, value in state.items()}
        metadata = {
            "training": settings_of(self.config),
            "steps_done": self.steps_done,
            "history": asdict(self.history),
            "scaler": self.scaler.state_dict(),
        }
        save_checkpoint(path, self.model, tokenizer, metadata, tensors)

    def resume(self, path: Path) -> None:
        """Go on from what `save` wrote; a file of another model or another recipe is a ValueError that says so."""
        found = load_checkpoint(path)
        require("steps_done" in found.metadata, f"{path} holds a model, but not the state of its training")
        other = differences(self.wanted(), {"config": asdict(found.model.config), **found.metadata["training"]})
        anew = "Give another path, or delete the file to start anew"
        require(not other, f"{path} is from a run with other sizes or settings: {other}. {anew}.")
        self.model.load_state_dict(found.model.state_dict())
        # All that a step depends on comes back: momentum, loss scale, random numbers (for dropout), its number.
        self.load_optimizers(found)
        self.scaler.load_state_dict(found.metadata["scaler"])
        torch.set_rng_state(found.tensors["rng_state"])
        if "rng_state_cuda" in found.tensors and self.device.type == "cuda":
            torch.cuda.set_rng_state(found.tensors["rng_state_cuda"], self.device)
        self.steps_done = found.metadata["steps_done"]
        kept = found.metadata["history"]
        self.history = History(kept["losses"], [tuple(pair) for pair in kept["validation"]])

    def wanted(self) -> dict[str, Any]:
        """Return the sizes and settings of this run, by name, as JSON holds them."""
        return {"config": asdict(self.model.config), **settings_of(self.config)}

    def load_optimizers(self, found: Checkpoint) -> None:
        """Give the optimisers the state that `save` stored under names such as "optimizer.0.17.exp_avg"."""
        states: list[dict[int, dict[str, Tensor]]] = [{} for _ in self.optimizers]
        for name, tensor in found.tensors.items():
            if name.startswith("optimizer."):
                _, place, number, kind = name.split(".")
                states[int(place)].setdefault(int(number), {})[kind] = tensor
        for optimizer, state in zip(self.optimizers, states, strict=True):
            optimizer.load_state_dict(optimizer.state_dict() | {"state": state})


def settings_of(config: TrainingConfig) -> dict[str, Any]:
    """Return the settings as JSON holds them."""
    settings = asdict(replace(config, dtype=torch.float32))
    return settings | {"dtype": str(config.dtype), "betas": [*config.betas]}


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """Say in which settings two runs differ.

    >>> differences({"steps": 10, "clip": 1.0}, {"steps": 20, "clip": 1.0})
    'steps is 20 there and 10 here'
    """
    told = []
    for name, value in ours.items():
        other = theirs.get(name, "not set")
        if isinstance(value, dict) and isinstance(other, dict):
            told.append(differences(value, other))
        elif other != value:
            told.append(f"{name} is {other} there and {value} here")
    return ", ".join(filter(None, told))


class ProgressBar:
    """A callback: a bar with the loss, the speed and the time that is left."""

    def __init__(self) -> None:
        self.bar: tqdm | None = None

    def __call__(self, now: Progress) -> None:
        if self.bar is None:
            self.bar = tqdm(total=now.steps, initial=now.step - 1, unit="step", mininterval=0.3)
        self.bar.set_postfix_str(f"loss {now.loss:.3f}, {now.tokens_per_second:,.0f} tokens/s", refresh=False)
        self.bar.update(now.step - self.bar.n)

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self.bar is not None:
            self.bar.close()


@contextlib.contextmanager
def stop_between_steps() -> Iterator[threading.Event]:
    """Turn the first interrupt (the stop button, Ctrl-C) into an event, so that no step is left half done.

    A second interrupt stops at once.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked  # only the main thread may listen to signals
        return

    def ask(number: int, frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = signal.signal(signal.SIGINT, ask)  # given back at the end, whatever happens
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


def train(
    model: nn.Module,
    batches: Batches,
    config: TrainingConfig,
    validation: Sequence[Batch] = (),
    callbacks: Sequence[Callable[[Progress], None]] = (),
    checkpoint: str | Path | None = None,
    save_every: int = 0,
    tokenizer: Tokenizer | None = None,
    loss: Loss = next_token_loss,
    count: Count = count_targets,
) -> History:
    """Train `model` in place and return the history. Interrupted, it stops after the step at hand and returns too.

    `batches(step)`, step from 0, gives a tuple of tensors, inputs and targets (B, T) unless `loss` takes others. With
    `checkpoint`, the run is saved there every `save_every` steps and at the end, and goes on from there if the file
    exists.
    """
    has_place = checkpoint is not None or not save_every
    require(
        save_every >= 0 and has_place,
        f"save_every is {save_every} and checkpoint {checkpoint!r}; it takes 0 or more steps, and a file to save in",
    )
    trainer = Trainer(model, config, loss, count)
    # A file that is there is an earlier part of this run, unless `resume` finds otherwise and says so.
    if checkpoint is not None and Path(checkpoint).is_file():
        trainer.resume(Path(checkpoint))
    model.train()
    try:
        with stop_between_steps() as asked:
            while trainer.steps_done < config.steps and not asked.is_set():
                now = train_step(trainer, batches, validation)
                for callback in callbacks:
                    callback(now)
                if checkpoint is not None and save_every and now.step % save_every == 0:
                    trainer.save(Path(checkpoint), tokenizer)
            if checkpoint is not None:
                trainer.save(Path(checkpoint), tokenizer)
    except FloatingPointError as error:
        # Nothing is saved here: the file must stay one that a run can go on from.
        kept = f" The last good state is in {checkpoint}." if checkpoint and Path(checkpoint).is_file() else ""
        raise FloatingPointError(f"{error}{kept}") from None
    finally:
        for callback in callbacks:
            getattr(callback, "close", lambda: None)()
        model.eval()
    if trainer.steps_done < config.steps:
        print(f"Stopped after step {trainer.steps_done} of {config.steps}; the model and its history are usable.")
    return trainer.history


def train_step(trainer: Trainer, batches: Batches, validation: Sequence[Batch]) -> Progress:
    """Do one step, look at the validation data when it is due, and return what callbacks are shown."""
    config = trainer.config
    started = time.perf_counter()
    # By step, not "the next one": a resumed run sees the batches that the interrupted one would have seen.
    batch = batches(trainer.steps_done)
    loss = trainer.step(*batch)
    step = trainer.steps_done
    speed = batch[0].numel() / (time.perf_counter() - started)
    unseen = None
    due = config.evaluate_every and (step % config.evaluate_every == 0 or step == config.steps)
    if validation and due:
        unseen = evaluate(trainer.model, validation, config.dtype, trainer.loss, trainer.count)
        trainer.history.validation.append((step, unseen))
    rate = config.learning_rate * schedule(step - 1, config)
    return Progress(step, config.steps, loss, unseen, rate, speed, trainer.model, trainer.history)
