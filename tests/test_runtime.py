"""Device, preset, seed and precision."""

import contextlib
import os
import random
import subprocess
import sys
import types

import numpy as np
import pytest
import torch

from course_utils import runtime
from course_utils.common import AS_LAPTOP


def test_the_preset_follows_the_device_unless_the_environment_says_otherwise(monkeypatch):
    monkeypatch.delenv("COURSE_PRESET", raising=False)
    assert runtime.choose_preset(torch.device("cpu")) == "laptop"
    assert runtime.choose_preset(torch.device("cuda")) == "gpu"
    monkeypatch.setenv("COURSE_PRESET", "smoke")
    assert runtime.choose_preset(torch.device("cuda")) == "smoke"


@pytest.mark.parametrize(("cuda", "asked", "chosen"), [(True, "", "cuda"), (False, "", "cpu"), (True, "cpu", "cpu")])
def test_the_device_is_cuda_where_there_is_one(monkeypatch, cuda, asked, chosen):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setenv("COURSE_DEVICE", asked)
    assert runtime.choose_device().type == chosen


def test_mps_is_taken_only_when_asked_for(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.delenv("COURSE_DEVICE", raising=False)
    assert runtime.choose_device().type == "cpu"
    monkeypatch.setenv("COURSE_DEVICE", "mps")
    assert runtime.choose_device().type == "mps"


@pytest.mark.parametrize(
    ("name", "value"),
    [("COURSE_DEVICE", "tpu"), ("COURSE_DEVICE", "cuda"), ("COURSE_PRESET", "big"), ("COURSE_LAPTOP", "yes")],
)
def test_what_the_environment_cannot_mean_is_told(monkeypatch, name, value):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f"{name}.*{value}"):
        runtime.start()


@pytest.mark.parametrize(("capability", "dtype"), [((7, 5), torch.float16), ((8, 0), torch.bfloat16)])
def test_a_t4_gets_float16_and_newer_gpus_bfloat16(monkeypatch, capability, dtype):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert runtime.fast_dtype(torch.device("cuda")) == dtype


def test_without_bfloat16_in_the_processor_float32_is_taken(monkeypatch):
    for probe in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, probe, lambda: False, raising=False)
    assert runtime.fast_dtype(torch.device("cpu")) == torch.float32


def test_held_to_an_ordinary_laptop_a_processor_has_no_bfloat16(monkeypatch):
    for probe in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, probe, lambda: True, raising=False)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    told = []
    for value in ("1", "0", ""):
        monkeypatch.setenv("COURSE_LAPTOP", value)
        told.append((runtime.fast_dtype(torch.device("cpu")), "held to an ordinary laptop" in str(runtime.start())))
    assert told == [(torch.float32, True), (torch.bfloat16, False), (torch.bfloat16, False)]


def test_holding_a_run_after_pytorch_was_loaded_is_told(monkeypatch):
    monkeypatch.setenv("COURSE_LAPTOP", "1")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    told = r"PyTorch works with AVX512\. Start with .*--as-laptop.*ATEN_CPU_CAPABILITY=avx2"
    with pytest.raises(ValueError, match=told):
        runtime.start()
    monkeypatch.setenv("COURSE_LAPTOP", "0")
    runtime.start()


def test_pytorch_takes_the_variables_that_hold_it():
    code = "import torch; print(torch.backends.cpu.get_cpu_capability(), torch.backends.mkldnn.is_available())"
    ran = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **AS_LAPTOP}, capture_output=True, text=True, check=True
    )
    assert "AVX512" not in ran.stdout
    assert "ATEN_CPU_CAPABILITY" not in ran.stderr  # it says so, should it not know the value


def test_the_same_seed_gives_the_same_numbers_everywhere():
    drawn = []
    for _ in range(2):
        runtime.seed_everything(7)
        drawn.append((random.random(), np.random.rand(), torch.rand(1).item()))
    assert drawn[0] == drawn[1]


def test_numpys_whole_numbers_are_seeds():
    drawn = []
    for seed in (7, np.int64(7)):
        runtime.seed_everything(seed)
        drawn.append((random.random(), np.random.rand(), torch.rand(1).item()))
    assert drawn[0] == drawn[1]


def test_numbers_drawn_inside_follow_the_seed_and_those_outside_do_not_notice():
    def draw():
        return random.random(), np.random.rand(), torch.rand(1).item()

    runtime.seed_everything(5)
    expected = [draw(), draw()]
    runtime.seed_everything(5)
    outside = [draw()]
    inside = []
    for _ in range(2):
        with contextlib.suppress(RuntimeError), runtime.seeded(3):
            inside.append(draw())
            raise RuntimeError
    assert [*outside, draw()] == expected
    assert inside[0] == inside[1] != expected[0]


def test_a_work_folder_that_cannot_be_made_is_told(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("a file, where a folder would have to be")
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "file" / "work"))
    with pytest.raises(OSError, match=r"could not make .*work: .*\. Set COURSE_WORK to a folder where you may write"):
        runtime.work_folder()


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5])
def test_a_seed_that_numpy_would_refuse_is_told(seed):
    with pytest.raises(ValueError, match="seed is"):
        runtime.seed_everything(seed)


def test_start_tells_in_one_line_what_it_found(capsys):
    run = runtime.start(seed=3)
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    for part in (f"torch {torch.__version__}", f"preset {run.preset}", "seed 3", run.device.type):
        assert part in line


def test_pick_takes_the_value_of_the_preset():
    for preset in runtime.PRESETS:
        run = runtime.Runtime(torch.device("cpu"), preset, 0, torch.float32)
        assert run.pick(smoke="smoke", laptop="laptop", gpu="gpu") == preset


def test_on_colab_the_advice_to_keep_files_is_given_once_it_is_needed(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    monkeypatch.delenv("COURSE_WORK", raising=False)
    runtime.start()
    assert "os.environ['COURSE_WORK'] = '/content/drive" in capsys.readouterr().out
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "drive"))
    runtime.start()
    assert "Colab" not in capsys.readouterr().out
    assert runtime.work_folder() == tmp_path / "drive"
    assert (tmp_path / "drive").is_dir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COURSE_WORK", "~/notes")
    assert runtime.work_folder() == tmp_path / "notes"


def test_threads_are_counted_in_words(monkeypatch):
    for count, words in ((1, "cpu, 1 thread ·"), (2, "cpu, 2 threads ·")):
        monkeypatch.setattr(torch, "get_num_threads", lambda count=count: count)
        assert words in str(runtime.Runtime(torch.device("cpu"), "smoke", seed=0, dtype=torch.float32))
