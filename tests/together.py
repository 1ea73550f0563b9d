"""What the processes of tests/test_distributed.py run: small trainings in several forms, and what they saw as JSON."""

import json
import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path

import torch
from models import some_ids

from course_utils import distributed, optimizers
from course_utils.distributed import DistributedTrainer, joined, train_together
from course_utils.gpt import GPT, GPTConfig
from course_utils.training import IGNORED, TrainingConfig, describe_data, next_token_loss

ROWS, STEPS = 5, 6
# What each run changes: the settings of training, and the sizes of the model.
RUNS = {
    "plain": ({}, {}),
    "clipped": ({"clip": 0.05}, {}),
    "accumulated": ({"accumulation": 2}, {}),
    "tied": ({"weight_decay": 0.3}, {"tied": True}),
    "rotary": ({}, {"positions": "rotary"}),
    "muon": ({"optimizer": "muon"}, {}),
}
SAVED = "muon"  # the run that is saved halfway and gone on with


def batches(step):
    """Rows with very different numbers of targets, the last two with none; in every fourth batch only one has any."""
    ids = some_ids(ROWS, 13, seed=step)
    targets = ids[:, 1:].clone()
    for row, learned in enumerate((12, 1, 5, 0, 0)):
        targets[row, learned:] = IGNORED
    if step % 4 == 3:
        targets[1:] = IGNORED
    return ids[:, :-1], targets


def two_rows(step):
    """Fewer rows than three processes, so that one of them has none."""
    return tuple(part[:2] for part in batches(step))


def fresh(dtype, seed=0, **changes):
    torch.manual_seed(seed)
    # Twenty rows of a matrix can't be cut in three alike.
    sizes = {"vocab_size": 37, "context_length": 12, "n_layer": 2, "n_head": 2, "n_embd": 20, "tied": False}
    model = GPT(GPTConfig(**sizes | changes))
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.3)
    return model.to(dtype)


def trainer_of(name, world, sharded, dtype=torch.float64):
    settings, sizes = RUNS[name]
    config = TrainingConfig(STEPS, **{"learning_rate": 1e-2, "warmup": 0.2, "evaluate_every": 3} | settings)
    # Each process draws other weights: what counts are the first one's.
    return DistributedTrainer(fresh(dtype, seed=world.rank, **sizes), config, world, sharded)


def losses_of(trainer, data=batches, **more):
    history = train_together(trainer, data, [data(100), data(102)], **more)
    return history.losses + [loss for _, loss in history.validation]


def in_double(matrices, steps=5):
    """Muon's polynomial as it is, but in float64, for a comparison to the last digits."""
    wide = optimizers.lay_down(matrices)
    x = wide / (wide.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x if wide is matrices else x.mT


@contextmanager
def muon_in(dtype):
    """Let Muon work in float64, or else in float32: in bfloat16 a last digit can be as much as a loss's third."""
    fast, newton = optimizers.fast_dtype, optimizers.orthogonalise
    optimizers.fast_dtype = lambda device: torch.float32
    if dtype == torch.float64:
        optimizers.orthogonalise = distributed.orthogonalise = in_double
    yield
    optimizers.fast_dtype, optimizers.orthogonalise, distributed.orthogonalise = fast, newton, newton


def all_losses(world, forms):
    """Every run in each of the forms, in float64, and two of them in float32."""
    found = {}
    for form in forms:
        for name in RUNS:
            for dtype in (torch.float64, *[torch.float32] * (name in ("plain", "muon"))):
                with muon_in(dtype):
                    kind = str(dtype).removeprefix("torch.")
                    found[f"{form} {name} {kind}"] = losses_of(trainer_of(name, world, form == "fsdp", dtype))
        found[f"{form} few float64"] = losses_of(trainer_of("plain", world, form == "fsdp"), two_rows)
    return found


def own_losses(world):
    """The losses of each process's own rows, all rows alike, with dropout: twice with one seed, once with another."""
    seen = []

    def loss(model, batch):
        seen.append(next_token_loss(model, batch).item())
        return next_token_loss(model, batch)

    row = tuple(part[:1].repeat(world.size, 1) for part in batches(0))
    for seed in (0, 0, 1):
        model = fresh(torch.float64, dropout=0.3)
        DistributedTrainer(model, TrainingConfig(STEPS), world, loss=loss, seed=seed).step(*row)
    return seen


def save_halfway(world, folder, forms):
    """Do half of a run in each form and save it."""
    for form in forms:
        with muon_in(torch.float64):
            trainer = trainer_of(SAVED, world, form == "fsdp")
            trainer.data = describe_data(batches)
            losses_of_half(trainer)
            trainer.save(folder / form)


def losses_of_half(trainer):
    steps, validation = STEPS // 2, [trainer.world.own_rows(batches(step)) for step in (100, 102)]
    for _ in range(steps):
        distributed.train_step(trainer, batches, validation)
    return trainer.history.losses


def go_on(world, saved, folder, forms):
    """Go on from what other processes saved, in the same form and in the other one."""
    found = {}
    for before in sorted(path.name for path in saved.iterdir()):
        for form in forms:
            with muon_in(torch.float64):
                trainer = trainer_of(SAVED, world, form == "fsdp")
                trainer.data = describe_data(batches)
                told = trainer.resume(saved / before)
                found[f"{before} {form}"] = losses_of(trainer)
                trainer.export(folder / f"{before}_{form}_{world.size}.safetensors")
                assert "step 3 of 6" in told, told
    return found


def everything(folder, saved=""):
    """Run it all; with `saved`, go on from there too, else save halfway."""
    folder = Path(folder)
    with joined(minutes=5) as world:
        forms = ("ddp", "fsdp")
        found = {"losses": all_losses(world, forms), "own": own_losses(world), "threads": torch.get_num_threads()}
        if saved:
            found["resumed"] = go_on(world, Path(saved), folder, forms)
        else:
            save_halfway(world, folder / "saved", forms)
        (folder / f"{world.rank}_of_{world.size}.json").write_text(json.dumps(found))


def die(folder, sign="KILL"):
    """Train on; the last process ends at the third step, killed or by an error of its own."""
    from course_utils.tools import train

    def last_words(now):
        if int(os.environ["RANK"]) == int(os.environ["WORLD_SIZE"]) - 1 and now.step == 3:
            if sign == "KILL":
                os.kill(os.getpid(), signal.SIGKILL)
            raise ValueError("this batch can't be read")

    step = DistributedTrainer.step

    def watched(self, *batch):
        loss = step(self, *batch)
        last_words(type("Now", (), {"step": self.steps_done}))
        return loss

    DistributedTrainer.step = watched
    sizes = ["--layers", "1", "--width", "16", "--heads", "2", "--context", "16", "--batch", "4"]
    sys.exit(train.main([*sizes, "--steps", "1000000", "--save-every", "2", "--folder", folder]))


if __name__ == "__main__":
    {"everything": everything, "die": die}[sys.argv[1]](*sys.argv[2:])
