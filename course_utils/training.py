"""Training: a step from top to bottom, the schedule, and the loop that holds them together.

`train` asks for its data by step: `batches(step)` gives a tuple of tensors with one row a text, such as inputs and
targets, each (B, T). As long as that depends on the step alone, a run that was interrupted and resumed gives the very
same losses and weights as one that was not. What is learned is a function too: `loss(model, batch)`.

A checkpoint belongs to one run: to its sizes, its settings, its tokenizer and its data. Another run is refused it.
"""

import contextlib
import hashlib
import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from operator import length_hint
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from course_utils.checkpoints import (
    COMPILED,
    Checkpoint,
    check_storable,
    kind_of,
    load_checkpoint,
    save_checkpoint,
    unwrap,
)
from course_utils.common import require, write_whole
from course_utils.gpt import GPT
from course_utils.lean_loss import IGNORED, linear_cross_entropy
from course_utils.optimizers import make_optimizers
from course_utils.runtime import seeded
from course_utils.tokenizers import Tokenizer
from course_utils.windows import again_and_again, by_step, check_batch

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
    if logits.dim() < 2 or logits.shape[:-1] != targets.shape or targets.is_floating_point():
        found = f"logits are {tuple(logits.shape)} and targets {tuple(targets.shape)} of {targets.dtype}"
        raise ValueError(f"{found}; they take (B, T, V), and (B, T) of int64")
    # A sum over thousands of probabilities in half precision would lose digits.
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32)).flatten(0, -2)  # (B * T, V)
    try:
        return F.cross_entropy(logits, targets.flatten().long(), ignore_index=IGNORED, reduction=reduction)
    except IndexError:  # as for the ids that go in: a GPU stops at the lookup itself
        wrong = targets[(targets != IGNORED) & ((targets < 0) | (targets >= logits.shape[-1]))][0]
        raise ValueError(f"target {wrong} is outside the vocabulary of {logits.shape[-1]}") from None


def next_token_loss(model: nn.Module, batch: Batch) -> Tensor:
    """The loss of pretraining: minus the log of the probability given to each target, added up. Both (B, T)."""
    inputs, targets = batch
    return cross_entropy(model(inputs), targets, "sum")


def lean_loss(model: nn.Module, batch: Batch) -> Tensor:
    """`next_token_loss`, on a CPU in slices where scores are a plain product of matrices: less time and memory.

    A GPU holds them all, and would wait for the many small operations to be prepared.
    """
    told = f"a batch holds {len(batch)} tensors; the next token's loss takes inputs and targets: give others their loss"
    require(len(batch) == 2, told)
    inputs, targets = batch
    if inputs.device.type != "cpu" or not scores_are_plain(model):
        return next_token_loss(model, batch)
    return linear_cross_entropy(model.hidden_states(inputs), model.lm_head.weight, targets)


def scores_are_plain(model: nn.Module) -> bool:
    """Return whether a model's scores are its hidden states times one matrix, with nothing before, between or after."""
    # A model of one's own may make its scores otherwise: then it has a `forward` of its own, or another last layer.
    if not isinstance(model, GPT) or getattr(model.forward, "__func__", None) is not GPT.forward:
        return False
    # A hook on either wants to be called, and may change what it sees; so it is with pruned weights.
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    hooked = any(getattr(part, kind) for part in (model, model.lm_head) for kind in hooks)
    return type(model.lm_head) is nn.Linear and model.lm_head.bias is None and not hooked


def checked_loss(loss: Tensor) -> Tensor:
    """Return a loss; a ValueError unless it's one number, and there is a weight to learn from it."""
    one = isinstance(loss, Tensor) and loss.numel() == 1
    got = f"of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
    require(one, f"the loss is {got}; it takes a tensor with one number, the losses of the batch added up")
    advice = "are all weights frozen, or was it cut off by `item` or `detach`?"
    require(loss.requires_grad, f"the loss doesn't depend on a weight that learns: {advice}")
    return loss


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
    `tokenizer`, and what `describe_data` says of the batches, go into the file, and a file with others is refused.
    """

    def __init__(
        self,
        model: nn.Module,
        config: TrainingConfig,
        loss: Loss = lean_loss,
        count: Count = count_targets,
        tokenizer: Tokenizer | None = None,
        data: str | None = None,
    ) -> None:
        self.model = model
        self.config = config
        self.loss = loss
        self.count = count
        self.tokenizer = tokenizer
        self.data = data
        # Which weights the run began with, if they were loaded: fine-tuning another model is another run.
        self.base = getattr(unwrap(model), "origin", None)
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
        count = self.count(batch)
        advice = "Leave out rows without a target, or make the batches larger."
        # Its loss would be 0 / 0, and the weights would decay all the same.
        require(int(count) > 0, f"the batch of step {self.steps_done + 1} has no target to learn from. {advice}")
        mean = 0.0
        for part in zip(*(tensor.tensor_split(self.config.accumulation) for tensor in batch), strict=True):
            with autocast(self.device, self.config.dtype):
                loss = checked_loss(self.loss(self.model, part)) / count
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

    def save(self, path: Path) -> None:
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
        save_checkpoint(path, self.model, self.tokenizer, self.metadata(), tensors)

    def metadata(self) -> dict[str, Any]:
        """Return what the run is and how far it has come, as JSON holds it."""
        return {
            "training": settings_of(self.config),
            "data": self.data,
            "base": self.base,
            "frozen": describe_frozen(self.model),
            "steps_done": self.steps_done,
            "history": asdict(self.history),
            "scaler": self.scaler.state_dict(),
        }

    def resume(self, path: Path, extend: bool = False) -> str:
        """Go on from what `save` wrote, and return a sentence that says from where.

        A file of another run (sizes, settings, tokenizer, data, base) is a ValueError that says what differs. With
        `extend`, one that was to take fewer steps will do.
        """
        found = load_checkpoint(path)
        whole = "training" in found.metadata and "rng_state" in found.tensors
        require(whole, f"{path} holds a model, but not the state of its training")
        self.check_same_run(found, path, extend)
        # In their order, not by name: what wraps a model may give its weights other names.
        with torch.no_grad():
            for ours, theirs in zip(self.model.parameters(), found.model.parameters(), strict=True):
                ours.copy_(theirs)
        # All that a step depends on comes back: momentum, loss scale, random numbers (for dropout), its number.
        self.load_optimizers(found)
        self.scaler.load_state_dict(found.metadata["scaler"])
        torch.set_rng_state(found.tensors["rng_state"])
        if "rng_state_cuda" in found.tensors and self.device.type == "cuda":
            torch.cuda.set_rng_state(found.tensors["rng_state_cuda"], self.device)
        self.steps_done = found.metadata["steps_done"]
        kept = found.metadata["history"]
        self.history = History(kept["losses"], [tuple(pair) for pair in kept["validation"]])
        # A file doesn't lose its tokenizer because the run that goes on was given none.
        self.tokenizer = self.tokenizer or found.tokenizer
        self.data = self.data or found.metadata.get("data")
        self.base = unwrap(self.model).origin = found.metadata.get("base", self.base)
        return going_on(path.name, self.steps_done, self.config, found.metadata["training"]["steps"])

    def check_same_run(self, found: Checkpoint, path: Path, extend: bool) -> None:
        """Raise a ValueError unless a checkpoint is from this run, or with `extend` from a shorter one like it."""
        ours = facts(unwrap(self.model), settings_of(self.config), self.tokenizer, self.data, self.base)
        settings, base = found.metadata["training"], found.metadata.get("base", self.base)
        # A model that was loaded from this very file may go on with it too.
        base = self.base if self.base == getattr(found.model, "origin", None) else base
        theirs = facts(found.model, settings, found.tokenizer, found.metadata.get("data"), base)
        # With other weights frozen, each momentum would go to a neighbour of the weight that it belongs to.
        ours["frozen"], theirs["frozen"] = describe_frozen(self.model), found.metadata.get("frozen")
        # How often somebody looks changes nothing that is learned. What one of the two doesn't know can't differ.
        unknown = [name for name in ("tokenizer", "first batch", "frozen") if not (ours[name] and theirs[name])]
        ours = {name: fact for name, fact in ours.items() if name not in ("evaluate_every", *unknown)}
        shorter = settings["steps"] < ours["steps"]
        if extend and shorter:
            ours.pop("steps")
        if ours["model"] != theirs["model"]:  # then every other line would differ too
            ours = {"model": ours["model"]}
        other = differences(ours, theirs)
        advice = "Give another path, or delete the file to start anew."
        if shorter and "steps" in ours:
            advice += f" To go on with it to step {self.config.steps:,}, pass extend=True."
        if ours.get("first batch") not in (None, theirs["first batch"]):
            advice += " (If the data is the same, so must batches(0) be, whenever it's called.)"
        require(not other, f"{path} is from another run: {other}. {advice}")

    def load_optimizers(self, found: Checkpoint) -> None:
        """Give the optimisers the state that `save` stored under names such as "optimizer.0.17.exp_avg"."""
        states: list[dict[int, dict[str, Tensor]]] = [{} for _ in self.optimizers]
        for name, tensor in found.tensors.items():
            if name.startswith("optimizer."):
                _, place, number, kind = name.split(".")
                states[int(place)].setdefault(int(number), {})[kind] = tensor
        for optimizer, state in zip(self.optimizers, states, strict=True):
            optimizer.load_state_dict(optimizer.state_dict() | {"state": state})


def facts(
    model: nn.Module, settings: dict[str, Any], tokenizer: Tokenizer | None, data: str | None, base: str | None
) -> dict[str, Any]:
    """Return what a run is known by: model, settings, tokenizer, base, and what `describe_data` said of its data."""
    known = {"tokenizer": describe_tokenizer(tokenizer), "first batch": data}
    began = "fresh weights" if base is None else f"a loaded model, fingerprint {base[:8]},"
    return {"model": kind_of(model), "config": asdict(model.config), **settings, **known, "base": began}


def describe_frozen(model: nn.Module) -> str:
    """Name the weights that a run leaves as they are, so that others have another name.

    >>> describe_frozen(nn.Linear(2, 3)), describe_frozen(nn.Linear(2, 3).requires_grad_(False))
    ('none', '2 weights, fingerprint c4f6b8c6,')
    """
    weights = unwrap(model).named_parameters()
    names = [name.replace(f"{COMPILED}.", "") for name, weight in weights if not weight.requires_grad]
    mark = hashlib.sha256(" ".join(names).encode()).hexdigest()[:8]
    return f"{len(names)} weights, fingerprint {mark}," if names else "none"


def describe_tokenizer(tokenizer: Tokenizer | None) -> str | None:
    """Name a tokenizer so that another one has another name.

    >>> from course_utils.tokenizers import CharTokenizer
    >>> describe_tokenizer(CharTokenizer.from_text("banana")).partition(",")[0]
    'CharTokenizer of 3 tokens'
    """
    if tokenizer is None:
        return None
    content = json.dumps(tokenizer.to_dict(), sort_keys=True).encode()
    mark = hashlib.sha256(content).hexdigest()[:8]
    return f"{type(tokenizer).__name__} of {tokenizer.vocab_size:,} tokens, fingerprint {mark},"


def describe_data(batches: Batches) -> str:
    """Name the data by their first batch, so that another text, or the same in other ids, has another name.

    >>> describe_data(lambda step: (torch.tensor([[1, 2]]), torch.tensor([[2, 3]])))
    '2 tensors of (1, 2), fingerprint 81b6612d,'
    """
    with seeded(0):  # who draws batches at random gets the same again
        batch = batches(0)
    check_batch(batch)
    content = hashlib.sha256()
    for part in batch:
        content.update(f"{part.dtype} {tuple(part.shape)}".encode())
        content.update(part.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return f"{len(batch)} tensors of {tuple(batch[0].shape)}, fingerprint {content.hexdigest()[:8]},"


def going_on(name: str, step: int, config: TrainingConfig, planned: int) -> str:
    """Say from which step a run goes on, and what a plan for more steps does to its learning rate.

    >>> going_on("run.safetensors", 1200, TrainingConfig(steps=3000), planned=3000)
    'Going on from run.safetensors: step 1,200 of 3,000.'
    """
    if step == config.steps:
        return (
            f"{name} has all {step:,} steps: nothing is left to do. For more of them, raise steps and pass extend=True."
        )
    told = f"Going on from {name}: step {step:,} of {config.steps:,}."
    if planned == config.steps:
        return told
    before, now = schedule(max(0, step - 1), replace(config, steps=planned)), schedule(step, config)
    return (
        f"{told} It was to end at step {planned:,}, so its learning rate had come to {before:.0%} of the full one. "
        f"The schedule of {config.steps:,} steps has {now:.0%} here: the loss may rise before it falls."
    )


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
    batches: Batches | Iterable[Batch],
    config: TrainingConfig,
    validation: Iterable[Batch] = (),
    callbacks: Iterable[Callable[[Progress], None]] = (),
    checkpoint: str | Path | None = None,
    save_every: int = 0,
    tokenizer: Tokenizer | None = None,
    loss: Loss = lean_loss,
    count: Count = count_targets,
    extend: bool = False,
) -> History:
    """Train `model` in place and return the history. Interrupted, it stops after the step at hand and returns too.

    `batches(step)`, step from 0, gives a tuple of tensors, inputs and targets (B, T) unless `loss` takes others; a
    `DataLoader` will do too. With `checkpoint`, the run is saved there every `save_every` steps and at the end, and it
    goes on from there if the file exists; one of another run is refused. With `extend` it may be of a shorter run.
    """
    has_place = checkpoint is not None or not save_every
    require(
        save_every >= 0 and has_place,
        f"save_every is {save_every} and checkpoint {checkpoint!r}; it takes 0 or more steps, and a file to save in",
    )
    batches, validation = by_step(batches), again_and_again("validation", validation)
    trainer = Trainer(model, config, loss, count, tokenizer)
    if checkpoint is not None:
        prepare_checkpoint(trainer, Path(checkpoint), batches, extend)
    model.train()
    try:
        with stop_between_steps() as asked:
            while trainer.steps_done < config.steps and not asked.is_set():
                now = train_step(trainer, batches, validation)
                for callback in callbacks:
                    callback(now)
                if checkpoint is not None and save_every and now.step % save_every == 0:
                    trainer.save(Path(checkpoint))
            if checkpoint is not None:
                trainer.save(Path(checkpoint))
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


def prepare_checkpoint(trainer: Trainer, path: Path, batches: Batches, extend: bool) -> None:
    """Make sure that this run can be saved; go on from the file that is there, and say so."""
    # At the end of a long run would be too late to learn of it.
    check_storable(trainer.model, trainer.tokenizer)
    ids, rows = trainer.tokenizer.vocab_size if trainer.tokenizer else 0, unwrap(trainer.model).config.vocab_size
    require(ids <= rows, f"the tokenizer has {ids:,} ids and the model a vocabulary of {rows:,}: they don't fit")
    require(not path.is_dir(), f"checkpoint is {path}, which is a folder; it takes a file to save in")
    check_place(path)
    trainer.data = describe_data(batches)
    # A file that is there is an earlier part of this run, unless `resume` finds otherwise and says so.
    if path.is_file():
        print(trainer.resume(path, extend))


def check_place(path: Path) -> None:
    """Raise an OSError in words where nobody may write; at the end of a long run would be too late to learn of it."""
    trial = path.with_name(path.name + ".trial")
    write_whole(trial, b"")
    trial.unlink()


def train_step(trainer: Trainer, batches: Batches, validation: Iterable[Batch]) -> Progress:
    """Do one step, look at the validation data when it is due, and return what callbacks are shown."""
    config = trainer.config
    started = time.perf_counter()
    # By step, not "the next one": a resumed run sees the batches that the interrupted one would have seen.
    batch = batches(trainer.steps_done)
    check_batch(batch)
    loss = trainer.step(*batch)
    step = trainer.steps_done
    speed = batch[0].numel() / (time.perf_counter() - started)
    unseen = None
    due = config.evaluate_every and (step % config.evaluate_every == 0 or step == config.steps)
    # Not `validation` alone: a DataLoader of a stream has no length, and can't say whether it's empty.
    if due and length_hint(validation, 1):
        unseen = evaluate(trainer.model, validation, config.dtype, trainer.loss, trainer.count)
        trainer.history.validation.append((step, unseen))
    rate = config.learning_rate * schedule(step - 1, config)
    return Progress(step, config.steps, loss, unseen, rate, speed, trainer.model, trainer.history)
