"""Pretraining: the loss, the optimiser's groups, the schedule, and the loop that holds them together.

`train` asks for its data by step: `batches(step)` gives `(inputs, targets)`, each (B, T). As long as that depends on
the step alone, a run that was interrupted and resumed gives the very same losses and weights as one that was not.
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

from course_utils.checkpoints import load_checkpoint, save_checkpoint
from course_utils.common import require
from course_utils.gpt import GPT
from course_utils.optimizers import make_optimizers
from course_utils.tokenizers import Tokenizer

IGNORED = -100  # a target with this value is not learned and not counted, as in PyTorch
Batches = Callable[[int], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class TrainingConfig:
    """How to train, checked when made: how long, how fast, how carefully.

    `optimizer` is "adamw", or "muon": then the blocks' matrices learn by Muon at `muon_rate`, the rest by AdamW.
    `warmup` and `level` (at the full rate) are shares of the steps, `final_rate` of the rate left at the end.
    `accumulation` cuts each batch in that many parts, to save memory; without dropout the result is the same.
    """

    steps: int
    learning_rate: float = 1e-3
    optimizer: str = "adamw"
    muon_rate: float = 0.02
    warmup: float = 0.05
    level: float = 0.0
    final_rate: float = 0.1
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    clip: float = 1.0
    accumulation: int = 1
    precision: torch.dtype = torch.float32
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
        for name in ("warmup", "level", "final_rate"):
            require(
                0 <= getattr(self, name) <= 1,
                f"{name} is {getattr(self, name)}; it takes a share from 0 to 1",
            )
        both = self.warmup + self.level
        require(both <= 1, f"warmup and level are {both} together; they take at most 1, the whole run")
        require(self.weight_decay >= 0, f"weight_decay is {self.weight_decay}; it takes 0 or more")
        formats = (torch.float32, torch.bfloat16, torch.float16)
        require(self.precision in formats, f"precision is {self.precision}; it takes float32, bfloat16 or float16")


@dataclass
class History:
    """What a run has seen: the loss of each step, and (step, loss) pairs on validation data. Nats per token."""

    losses: list[float] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)


@dataclass
class Progress:
    """What callbacks are told after each step. `step` counts the steps done, so the last one equals `steps`."""

    step: int
    steps: int
    loss: float
    validation_loss: float | None
    learning_rate: float
    tokens_per_second: float
    model: GPT
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


def schedule(step: int, config: TrainingConfig) -> float:
    """The share of the learning rate at one step, counted from 0: up in a line, level, then down half a cosine.

    Loshchilov and Hutter 2017, "SGDR", equation 5, after a linear warm-up and, if asked for, a level stretch.

    >>> [round(schedule(step, TrainingConfig(steps=10, warmup=0.2)), 2) for step in (0, 1, 6, 10)]
    [0.5, 1.0, 0.55, 0.1]
    """
    warmup, level = round(config.warmup * config.steps), round((config.warmup + config.level) * config.steps)
    # 1. Warm-up: the first gradients are large and point anywhere.
    if step < warmup:
        return (step + 1) / warmup
    # 2. Level: the longer at the full rate, the further the weights get.
    if step < level:
        return 1.0
    # 3. Down half a cosine to the lowest share, where they settle; after the end, stay there.
    part = min(1.0, (step - level) / max(1, config.steps - level))
    return config.final_rate + (1 - config.final_rate) * (1 + math.cos(math.pi * part)) / 2


def autocast(device: torch.device, precision: torch.dtype) -> contextlib.AbstractContextManager:
    """Matrix products in `precision`, everything that needs care (norms, softmax, loss) in float32."""
    return torch.autocast(device.type, precision, enabled=precision != torch.float32)


@torch.inference_mode()
def evaluate(model: GPT, batches: Iterable[tuple[Tensor, Tensor]], precision: torch.dtype = torch.float32) -> float:
    """Return the mean loss per token over all `batches`, without learning from them."""
    was_training, device = model.training, next(model.parameters()).device
    total, count = 0.0, 0
    model.eval()
    try:
        for inputs, targets in batches:
            targets = targets.to(device)
            with autocast(device, precision):
                logits = model(inputs.to(device))
            total += cross_entropy(logits, targets, "sum").item()
            count += int((targets != IGNORED).sum())
    finally:
        model.train(was_training)
    require(count > 0, "there is nothing to evaluate: the batches hold no target")
    return total / count


class Trainer:
    """A model, its optimisers and how far they have come; `step` does one step and can be called by hand."""

    def __init__(self, model: GPT, config: TrainingConfig) -> None:
        self.model, self.config = model, config
        self.device = next(model.parameters()).device
        rates = (config.learning_rate, config.weight_decay, config.betas, config.muon_rate)
        self.optimizers = make_optimizers(model, config.optimizer, *rates)
        self.rates = [group["lr"] for group in self.groups()]
        # float16 has so few small numbers that gradients vanish: the loss is scaled up, the gradients down again.
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=config.precision == torch.float16)
        self.steps_done, self.history = 0, History()

    def groups(self) -> list[dict[str, Any]]:
        """Return the groups of weights of all optimisers; each has a learning rate of its own."""
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def step(self, inputs: Tensor, targets: Tensor) -> float:
        """Learn from one batch, (B, T) each, and return its loss before the update."""
        share = schedule(self.steps_done, self.config)
        for group, rate in zip(self.groups(), self.rates, strict=True):
            group["lr"] = rate * share
        self.model.zero_grad()
        loss = self.backward(inputs.to(self.device), targets.to(self.device))
        rate = share * self.config.learning_rate
        self.refuse_nonsense("loss", loss, rate)
        for optimizer in self.optimizers:
            self.scaler.unscale_(optimizer)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip).item()
        # A scaled loss may be too large now and then: the scaler then takes a smaller scale, and no weight moves.
        if not self.scaler.is_enabled():
            self.refuse_nonsense("length of the gradient", norm, rate)
        if math.isfinite(norm):
            for optimizer in self.optimizers:
                self.scaler.step(optimizer)
        self.scaler.update()
        self.steps_done += 1
        self.history.losses.append(loss)
        return loss

    def backward(self, inputs: Tensor, targets: Tensor) -> float:
        """Add up the gradients of the batch's parts, each weighed by its number of targets; return the mean loss."""
        parts, count, total = self.config.accumulation, (targets != IGNORED).sum().clamp(min=1), 0.0
        for part, wanted in zip(inputs.tensor_split(parts), targets.tensor_split(parts), strict=True):
            with autocast(self.device, self.config.precision):
                logits = self.model(part)
            loss = cross_entropy(logits, wanted, "sum") / count
            self.scaler.scale(loss).backward()
            total += loss.item()
        return total

    def refuse_nonsense(self, name: str, value: float, rate: float) -> None:
        """Stop before what is no number, or infinite, reaches the weights."""
        if not math.isfinite(value):
            where = f"the {name} is {value} at step {self.steps_done + 1} with a learning rate of {rate:.2e}"
            advice = "The weights are those of the step before. Lower the learning rate, or look at this step's batch"
            raise FloatingPointError(f"{where}. {advice}.")

    def save(self, path: Path, tokenizer: Tokenizer | None = None) -> None:
        """Write model, optimisers, history and the state of chance, so that a later run goes on as if never stopped.

        A model whose weights are not all finite is no place to go on from: then the file stays as it was.
        """
        if not all(weight.isfinite().all() for weight in self.model.parameters()):
            return
        tensors = {"chance": torch.get_rng_state()}
        if self.device.type == "cuda":
            tensors["chance_cuda"] = torch.cuda.get_rng_state(self.device)
        for place, optimizer in enumerate(self.optimizers):
            for number, state in optimizer.state_dict()["state"].items():
                name = f"optimizer.{place}.{number}"
                tensors |= {f"{name}.{kind}": torch.as_tensor(value) for kind, value in state.items()}
        facts = {
            "training": settings_of(self.config),
            "steps_done": self.steps_done,
            "history": asdict(self.history),
        }
        save_checkpoint(path, self.model, tokenizer, facts | {"scaler": self.scaler.state_dict()}, tensors)

    def resume(self, path: Path) -> None:
        """Go on from what `save` wrote; a file of another model or another recipe is a ValueError."""
        found = load_checkpoint(path)
        require("steps_done" in found.facts, f"{path} holds a model, but not the state of its training")
        same = found.model.config == self.model.config and found.facts["training"] == settings_of(self.config)
        require(
            same,
            f"{path} is from a run with other sizes or settings; give another path, or delete it to start anew",
        )
        self.model.load_state_dict(found.model.state_dict())
        states: list[dict[int, dict[str, Tensor]]] = [{} for _ in self.optimizers]
        for name, tensor in found.tensors.items():
            if name.startswith("optimizer."):
                _, place, number, kind = name.split(".")
                states[int(place)].setdefault(int(number), {})[kind] = tensor
        for optimizer, state in zip(self.optimizers, states, strict=True):
            optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
        self.scaler.load_state_dict(found.facts["scaler"])
        torch.set_rng_state(found.tensors["chance"])
        if "chance_cuda" in found.tensors and self.device.type == "cuda":
            torch.cuda.set_rng_state(found.tensors["chance_cuda"], self.device)
        self.steps_done = found.facts["steps_done"]
        told = found.facts["history"]
        self.history = History(told["losses"], [tuple(pair) for pair in told["validation"]])


def settings_of(config: TrainingConfig) -> dict[str, Any]:
    """Return the settings as JSON holds them."""
    return asdict(replace(config, precision=torch.float32)) | {
        "precision": str(config.precision),
        "betas": [*config.betas],
    }


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

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


def train(
    model: GPT,
    batches: Batches,
    config: TrainingConfig,
    validation: Sequence[tuple[Tensor, Tensor]] = (),
    callbacks: Sequence[Callable[[Progress], None]] = (),
    checkpoint: str | Path | None = None,
    save_every: int = 0,
    tokenizer: Tokenizer | None = None,
) -> History:
    """Train `model` in place and return the history. Interrupted, it stops after the step at hand and returns too.

    `batches(step)`, step from 0, gives inputs and targets (B, T). With `checkpoint`, the run is saved there every
    `save_every` steps and when it stops, and goes on from there if the file exists.
    """
    has_place = checkpoint is not None or not save_every
    require(
        save_every >= 0 and has_place,
        f"save_every is {save_every} and checkpoint {checkpoint!r}; it takes 0 or more steps, and a file to save in",
    )
    trainer = Trainer(model, config)
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
        kept = f" The last good state is in {checkpoint}." if checkpoint and Path(checkpoint).is_file() else ""
        raise FloatingPointError(f"{error}{kept}") from None
    finally:
        for callback in callbacks:
            getattr(callback, "close", lambda: None)()
        model.eval()
    if trainer.steps_done < config.steps:
        print(f"Stopped after step {trainer.steps_done} of {config.steps}; the model and its history are usable.")
    return trainer.history


def train_step(trainer: Trainer, batches: Batches, validation: Sequence[tuple[Tensor, Tensor]]) -> Progress:
    """Do one step, look at the validation data when it is due, and return what to tell callbacks."""
    config, started = trainer.config, time.perf_counter()
    inputs, targets = batches(trainer.steps_done)
    loss, step = trainer.step(inputs, targets), trainer.steps_done
    speed = inputs.numel() / (time.perf_counter() - started)
    unseen = None
    due = config.evaluate_every and (step % config.evaluate_every == 0 or step == config.steps)
    if validation and due:
        unseen = evaluate(trainer.model, validation, config.precision)
        trainer.history.validation.append((step, unseen))
    rate = config.learning_rate * schedule(step - 1, config)
    return Progress(step, config.steps, loss, unseen, rate, speed, trainer.model, trainer.history)
