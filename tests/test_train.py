"""The command that trains: alone, from tales or from a file of tokens, on and on; and as the launcher starts it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from course_utils.checkpoints import load_checkpoint
from course_utils.recipe import tales_tokenizer
from course_utils.tools import train
from course_utils.windows import write_tokens

SMALL = ["--layers", "1", "--heads", "2", "--width", "16", "--context", "16", "--batch", "6", "--dtype", "float32"]


@pytest.fixture(autouse=True)
def small_vocabulary(monkeypatch):
    monkeypatch.setattr(train, "tales_tokenizer", lambda: tales_tokenizer(300))


def last_loss(told):
    return float(re.search(r"step \d+ of \d+: loss (\d+\.\d+)", told).group(1))


def test_a_run_is_saved_and_goes_on(tmp_path, capsys):
    assert train.main([*SMALL, "--steps", "3", "--folder", str(tmp_path)]) == 0
    assert re.match(r"alone · cpu, \d+ threads? each · [\d,]+ parameters\n", capsys.readouterr().out)
    assert train.main([*SMALL, "--steps", "5", "--folder", str(tmp_path)]) == 1
    assert "steps is 3 there and 5 here" in capsys.readouterr().err
    assert train.main([*SMALL, "--steps", "5", "--folder", str(tmp_path), "--extend", "--evaluate-every", "5"]) == 0
    told = capsys.readouterr().out
    assert "step 3 of 5" in told
    assert "loss on unseen rows after step 5" in told
    found = load_checkpoint(tmp_path / "model.safetensors")
    assert (found.metadata["steps_done"], found.model.config.n_embd) == (5, 16)
    assert found.tokenizer.vocab_size == found.model.config.vocab_size


def test_a_file_of_tokens_is_learned_from(tmp_path, capsys):
    ids = np.random.default_rng(0).integers(0, 50_257, 1000)
    write_tokens(tmp_path / "tokens.npy", [ids], 50_257)
    options = ["--tokens", str(tmp_path / "tokens.npy"), "--steps", "1", "--folder", str(tmp_path / "run")]
    assert train.main([*SMALL, *options]) == 0
    assert "step 1 of 1" in capsys.readouterr().out
    write_tokens(tmp_path / "tokens.npy", [ids[:50]], 50_257)
    assert train.main([*SMALL, *options]) == 1
    assert "too few for batches of this size" in capsys.readouterr().err


def test_slices_without_a_launcher_are_refused_with_the_command_that_works(tmp_path, capsys):
    assert train.main([*SMALL, "--sharded", "--folder", str(tmp_path)]) == 1
    assert "start them with python -m torch.distributed.run" in capsys.readouterr().err


def test_its_settings_are_listed(capsys):
    with pytest.raises(SystemExit):
        train.main(["--options"])
    assert "--save-every" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("form", [[], ["--sharded"]])
def test_the_launcher_starts_two_that_have_the_loss_of_one(tmp_path, form):
    told = []
    for size in (1, 2):
        launcher = ["torch.distributed.run", "--standalone", f"--nproc_per_node={size}", "-m"]
        options = [*SMALL, "--steps", "4", "--folder", str(tmp_path / str(size)), *form]
        command = [sys.executable, "-m", *launcher, "course_utils", "train", *options]
        environment = {**os.environ, "COURSE_DEVICE": "cpu"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=Path(__file__).parents[1])
        assert done.returncode == 0, done.stderr
        told.append(done.stdout)
    assert abs(last_loss(told[0]) - last_loss(told[1])) < 2e-4
    assert "2 processes" in told[1]
