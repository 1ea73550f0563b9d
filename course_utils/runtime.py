"""Where a notebook runs: device, preset, seed and number format (dtype), in one line."""

import ctypes
import os
import platform
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from course_utils.common import require

PRESETS = ("smoke", "laptop", "gpu")
DEVICES = ("cpu", "cuda", "mps")
Choice = TypeVar("Choice")
COLAB_ADVICE = (
    "Colab forgets files when a session ends. To keep progress and checkpoints on your Drive, run this in a cell:\n"
    "from google.colab import drive; drive.mount('/content/drive'); "
    "os.environ['COURSE_WORK'] = '/content/drive/MyDrive/text-to-transformer'"
)


@dataclass(frozen=True)
class Runtime:
    """What a notebook needs to know of the machine it runs on.

    >>> run = Runtime(torch.device("cpu"), "smoke", seed=0, dtype=torch.float32)
    >>> run.pick(smoke=10, laptop=500, gpu=20_000)
    10
    """

    device: torch.device
    preset: str
    seed: int
    dtype: torch.dtype

    def pick(self, *, smoke: Choice, laptop: Choice, gpu: Choice) -> Choice:
        """Return the value meant for this preset: `smoke` for tests, `laptop` for two cores, `gpu` for CUDA."""
        return {"smoke": smoke, "laptop": laptop, "gpu": gpu}[self.preset]

    def __str__(self) -> str:
        where = str(self.device)
        if self.device.type == "cuda":
            where = f"cuda ({torch.cuda.get_device_name(self.device)})"
        elif self.device.type == "cpu":
            where = f"cpu, {torch.get_num_threads()} threads"
        parts = (
            f"Python {platform.python_version()}",
            f"torch {torch.__version__}",
            where,
            f"preset {self.preset}",
            f"{str(self.dtype).removeprefix('torch.')}",
            f"seed {self.seed}",
        )
        return " · ".join(parts)


def choose_device() -> torch.device:
    """Return CUDA if there is one, else the CPU; `COURSE_DEVICE` (cpu, cuda or mps) overrides.

    Apple's mps is taken only when asked for, since some operations there differ in the last digits.
    """
    asked = os.environ.get("COURSE_DEVICE", "")
    if not asked:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    require(asked in DEVICES, f"COURSE_DEVICE is {asked!r}; it takes one of {', '.join(DEVICES)}")
    here = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    require(here[asked], f"COURSE_DEVICE asks for {asked}, which this machine does not have; unset it or use cpu")
    return torch.device(asked)


def choose_preset(device: torch.device) -> str:
    """Return `gpu` on CUDA and `laptop` elsewhere; `COURSE_PRESET` (smoke, laptop or gpu) overrides.

    >>> choose_preset(torch.device("cuda")) if "COURSE_PRESET" not in os.environ else "gpu"
    'gpu'
    """
    asked = os.environ.get("COURSE_PRESET", "")
    require(asked in ("", *PRESETS), f"COURSE_PRESET is {asked!r}; it takes one of {', '.join(PRESETS)}")
    return asked or ("gpu" if device.type == "cuda" else "laptop")


def fast_dtype(device: torch.device) -> torch.dtype:
    """Return the number format in which matrix products are fastest on `device`: bfloat16 where the hardware has it.

    A CUDA device without bfloat16 (a T4) gets float16, everything else float32.
    """
    if device.type == "cuda":
        # is_bf16_supported() also says yes where bfloat16 is only emulated; hardware has it from 8.0 on.
        return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float16
    if device.type == "cpu" and cpu_has_bfloat16():
        return torch.bfloat16
    return torch.float32


def cpu_has_bfloat16() -> bool:
    """Tell whether the processor multiplies bfloat16 matrices in hardware (AVX-512 BF16 or AMX)."""
    # The two probes have no public name yet; where they are missing, float32 is the safe answer.
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, lambda: False)() for name in probes)


def seed_everything(seed: int) -> None:
    """Seed the generators of Python, NumPy and torch, so that a notebook gives the same numbers again."""
    require(isinstance(seed, int) and 0 <= seed < 2**32, f"seed is {seed!r}; it takes an int from 0 to 2**32 - 1")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def keep_freed_memory() -> bool:
    """Let the C library of Linux keep the memory that one training step frees for the next; tell whether it does.

    Given back, it would have to be asked for and cleared page by page each time: a sixth of the time of a step of the
    small GPT. Other systems decide for themselves.
    """
    # glibc's names for these are M_MMAP_THRESHOLD (-3) and M_TRIM_THRESHOLD (-1); older versions take 32 MB at most.
    set_option = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    return bool(set_option and any(set_option(-3, size) for size in (2**30, 2**25)) and set_option(-1, 2**31 - 1))


def work_folder() -> Path:
    """Return the folder for what a reader makes, progress and checkpoints: `work`, or what `COURSE_WORK` says."""
    folder = Path(os.environ.get("COURSE_WORK") or Path(__file__).resolve().parent.parent / "work").expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def start(seed: int = 0) -> Runtime:
    """Choose device, preset and dtype, seed everything, print one line about it, and return it all."""
    device = choose_device()
    run = Runtime(device, choose_preset(device), seed, fast_dtype(device))
    seed_everything(seed)
    keep_freed_memory()
    print(run)
    if "google.colab" in sys.modules and "COURSE_WORK" not in os.environ:
        print(COLAB_ADVICE)
    return run
