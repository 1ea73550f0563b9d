"""Several processes learn exactly what one does, as copies or in slices; a run goes on with another number of them."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import together
import torch

from course_utils import distributed
from course_utils.checkpoints import load_checkpoint
from course_utils.distributed import (
    DistributedTrainer,
    ProcessLost,
    World,
    joined,
    newest_step,
    own_threads,
    train_together,
)
from course_utils.training import Trainer, TrainingConfig, evaluate, train

TESTS = Path(__file__).parent
ALONE = World()


def start(size, *arguments):
    """Start so many processes of together.py, as the launcher would; return what each said, and its exit code."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    common |= {"OMP_NUM_THREADS": "1", "COURSE_DEVICE": "cpu", "PYTHONPATH": str(TESTS.parent)}
    command = [sys.executable, str(TESTS / "together.py"), *map(str, arguments)]
    processes = [
        subprocess.Popen(
            command,
            env={**os.environ, **common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        for rank in range(size)
    ]
    return [(process.communicate()[1], process.returncode) for process in processes]


def seen(folder, size):
    return [json.loads((folder / f"{rank}_of_{size}.json").read_text()) for rank in range(size)]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What two processes saw, and the folder where they saved half a run in each form."""
    folder = tmp_path_factory.mktemp("two")
    told = start(2, "everything", folder)
    assert [code for _, code in told] == [0, 0], told
    return seen(folder, 2), folder


@pytest.fixture(scope="module")
def three(two, tmp_path_factory):
    """What three processes saw, which went on from what the two had saved."""
    folder = tmp_path_factory.mktemp("three")
    told = start(3, "everything", folder, two[1] / "saved")
    assert [code for _, code in told] == [0, 0, 0], told
    return seen(folder, 3), folder


@pytest.fixture(scope="module")
def alone():
    """The losses of one process, by the package's own Trainer."""
    found = {}
    for name, (settings, sizes) in together.RUNS.items():
        for dtype in (torch.float64, torch.float32):
            with together.muon_in(dtype):
                config = TrainingConfig(together.STEPS, learning_rate=1e-2, warmup=0.2, evaluate_every=3, **settings)
                history = train(
                    together.fresh(dtype, **sizes), together.batches, config, [together.batches(i) for i in (100, 102)]
                )
                kind = str(dtype).removeprefix("torch.")
                found[f"{name} {kind}"] = history.losses + [loss for _, loss in history.validation]
    config = TrainingConfig(together.STEPS, learning_rate=1e-2, warmup=0.2, evaluate_every=3)
    data = together.two_rows
    history = train(together.fresh(torch.float64), data, config, [data(100), data(102)])
    return found | {"few float64": history.losses + [loss for _, loss in history.validation]}


def largest(ours, theirs):
    assert len(ours) == len(theirs)
    return max(abs(mine - other) for mine, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("size", ["two", "three"])
def test_several_processes_have_the_losses_of_one(alone, size, request):
    processes, _ = request.getfixturevalue(size)
    for process in processes:
        assert process["losses"] == processes[0]["losses"]  # all processes are told the same
        for name, losses in process["losses"].items():
            bound = 1e-12 if name.endswith("64") else 1e-6
            assert largest(losses, alone[name.split(" ", 1)[1]]) < bound, name


@pytest.mark.parametrize("size", ["two", "three"])
def test_each_process_drops_neurons_of_its_own_and_the_same_again_for_the_same_seed(size, request):
    own = [process["own"] for process in request.getfixturevalue(size)[0]]
    # Some calls are made twice, for the loss and for the record: the first of each seed counts.
    for first, again, other in own:
        assert first == again != other
    assert len({process[0] for process in own}) == len(own)


def test_cores_are_shared_out_whatever_the_launcher_sets(two, monkeypatch):
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert [process["threads"] for process in two[0]] == [max(1, cores // 2)] * 2
    for asked, expected in (("1", max(1, cores // 2)), ("", max(1, cores // 2)), ("5", 5)):
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
        monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
        assert own_threads() == expected


def test_three_processes_go_on_from_what_two_saved_in_either_form(alone, three):
    processes, folder = three
    assert set(processes[0]["resumed"]) == {f"{a} {b}" for a in ("ddp", "fsdp") for b in ("ddp", "fsdp")}
    for name, losses in processes[0]["resumed"].items():
        assert largest(losses, alone["muon float64"]) < 1e-12, name
        before, form = name.split()
        model = load_checkpoint(folder / f"{before}_{form}_3.safetensors").model
        inputs = [together.batches(step) for step in (100, 102)]
        assert abs(evaluate(model, inputs) - alone["muon float64"][-1]) < 1e-12


@pytest.mark.parametrize("form", ["ddp", "fsdp"])
def test_one_process_goes_on_from_what_two_saved(alone, two, form):
    with together.muon_in(torch.float64):
        trainer = together.trainer_of("muon", ALONE, sharded=False)
        trainer.data = distributed.describe_data(together.batches)
        assert trainer.resume(two[1] / "saved" / form) == "Going on from step_00000003: step 3 of 6."
        assert largest(together.losses_of(trainer), alone["muon float64"]) < 1e-12


def test_another_run_is_refused_and_what_differs_is_said(two):
    trainer = together.trainer_of("clipped", ALONE, sharded=False)
    with pytest.raises(ValueError, match=r"step_00000003 is from another run: .*clip is 1.0 there and 0.05 here"):
        trainer.resume(two[1] / "saved" / "ddp")


# --- alone: the same as a Trainer ---


def test_alone_it_is_the_trainer(tmp_path):
    config = TrainingConfig(4, optimizer="muon")
    ours = train_together(DistributedTrainer(together.fresh(torch.float32), config), together.batches)
    plain = Trainer(together.fresh(torch.float32), config)
    assert ours.losses == [plain.step(*together.batches(step)) for step in range(4)]


def test_batches_may_be_a_list_as_they_may_for_train():
    listed, config = [together.batches(step) for step in range(4)], TrainingConfig(4)
    found = train_together(DistributedTrainer(together.fresh(torch.float32), config), listed)
    expected = train_together(DistributedTrainer(together.fresh(torch.float32), config), together.batches)
    assert found.losses == expected.losses


@pytest.mark.parametrize("save_every", [0, 1])
def test_a_place_where_nobody_may_write_is_told_before_the_first_step(tmp_path, save_every):
    (tmp_path / "file").write_text("a file, where a folder would have to be")
    trainer = DistributedTrainer(together.fresh(torch.float32), TrainingConfig(4))
    with pytest.raises(OSError, match="could not write "):
        train_together(trainer, together.batches, folder=tmp_path / "file", save_every=save_every)
    assert trainer.steps_done == 0
    train_together(trainer, together.batches, folder=tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["step_00000004"]


@pytest.mark.parametrize("arguments", [{"save_every": 5}, {"save_every": -1, "folder": "run"}])
def test_saving_that_cannot_be_is_told(arguments):
    trainer = DistributedTrainer(together.fresh(torch.float32), TrainingConfig(4))
    with pytest.raises(ValueError, match="it takes 0 or more steps, and a folder to save in"):
        train_together(trainer, together.batches, **arguments)


def test_alone_it_computes_with_as_many_threads_as_asked(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    before = torch.get_num_threads()
    try:
        with joined(threads=3) as world:
            assert (world.size, torch.get_num_threads()) == (1, 3)
    finally:
        torch.set_num_threads(before)
    with joined():
        assert torch.get_num_threads() == before
    with pytest.raises(ValueError, match="threads is -1"), joined(threads=-1):
        pass


@pytest.fixture
def half(tmp_path):
    """A run that was saved after two of its four steps, and how one makes its trainer."""

    def trainer():
        return DistributedTrainer(together.fresh(torch.float64, dropout=0.2), TrainingConfig(4), seed=3)

    first = trainer()
    first.data = distributed.describe_data(together.batches)
    for step in range(2):
        first.step(*together.batches(step))
        first.save(tmp_path)
    return trainer, tmp_path


def test_a_run_with_dropout_goes_on_as_if_it_had_not_stopped(half, capsys):
    trainer, folder = half
    resumed = train_together(trainer(), together.batches, folder=folder).losses
    assert resumed == train_together(trainer(), together.batches).losses
    assert "Going on from step_00000002: step 2 of 4." in capsys.readouterr().out


def test_only_the_newest_whole_step_counts(half):
    _, folder = half
    assert [path.name for path in folder.iterdir()] == ["step_00000002"]
    cut_off = folder / "step_00000003"
    cut_off.mkdir()
    (cut_off / "__0_0.distcp").write_bytes(b"half")
    assert newest_step(folder).name == "step_00000002"
    (folder / "step_00000002" / distributed.WRITTEN).unlink()
    assert newest_step(folder) is None


def test_what_is_not_a_step_of_the_run_is_left_alone(half):
    trainer, folder = half
    others = [folder / "step_00000001_good", folder / "step_by_step"]
    for other in others:
        other.mkdir()
        (other / distributed.WRITTEN).write_bytes(b"somebody's")
    (folder / "step_00000009").write_text("no folder")
    assert newest_step(folder).name == "step_00000002"
    train_together(trainer(), together.batches, folder=folder)
    assert newest_step(folder).name == "step_00000004"
    assert all((other / distributed.WRITTEN).is_file() for other in others)


def test_a_damaged_checkpoint_is_told_in_words(half):
    trainer, folder = half
    next(folder.glob("step_*/*.distcp")).write_bytes(b"half")
    with pytest.raises(OSError, match="the checkpoint could not be written or read by process 0: "):
        trainer().resume(folder)


def test_a_model_that_is_not_finite_is_not_saved(half):
    trainer, folder = half
    broken = trainer()
    broken.steps_done = 3
    with torch.no_grad():
        next(broken.model.parameters())[0] = torch.nan
    broken.save(folder)
    assert newest_step(folder).name == "step_00000002"


WRONG = [
    ({"sharded": True}, "sharded takes processes to share with; start them with python -m torch.distributed.run"),
    ({"sharded": True, "config": TrainingConfig(1, dtype=torch.float16)}, "sharded takes float32 or bfloat16"),
]


@pytest.mark.parametrize(("changes", "told"), WRONG)
def test_what_it_cannot_do_is_said(changes, told):
    settings = {"config": TrainingConfig(1)} | changes
    with pytest.raises(ValueError, match=told):
        DistributedTrainer(together.fresh(torch.float32), **settings)


def test_what_a_backend_says_becomes_a_sentence_and_other_errors_stay():
    told = r"this one ends too \(Connection closed by peer \[127.0.0.1\]:1\)"
    with pytest.raises(ProcessLost, match=told), distributed.peers_in_words():
        raise RuntimeError("[gloo/pair.cc:525] Connection closed by peer [127.0.0.1]:1")
    with pytest.raises(RuntimeError, match="shapes"), distributed.peers_in_words():
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


# --- the end of one is the end of all ---


@pytest.mark.parametrize("sign", ["KILL", pytest.param("error", marks=pytest.mark.slow)])
def test_the_end_of_one_process_ends_the_others_with_a_sentence(tmp_path, sign):
    told = start(3, "die", tmp_path, sign)
    *others, last = told
    assert last[1] == (-9 if sign == "KILL" else 1)
    if sign == "error":
        assert last[0].splitlines()[-1] == "[process 2] this batch can't be read"
    for rank, (text, code) in enumerate(others):
        assert code == 1
        sentence = text.splitlines()[-1]
        assert sentence.startswith(f"[process {rank}] another process of this run has ended, so this one ends too")
        assert sentence.endswith("The last checkpoint is step_00000002: the same command goes on from it.")
        assert "Traceback" not in text


# --- functions of a notebook ---


def twice(number):
    return 2 * number


def rank_and_total(world):
    return [twice(world.rank), world.total(torch.tensor(world.rank + 1.0)).item()]


def fail(world):
    raise ValueError(f"process {world.rank} can't do it")


def test_functions_run_in_processes_and_say_what_they_found():
    assert distributed.in_processes(2, rank_and_total, twice) == [[0, 3], [2, 3]]


def test_an_error_in_a_process_is_shown():
    with pytest.raises(RuntimeError, match="process 0 can't do it"):
        distributed.in_processes(1, fail)
