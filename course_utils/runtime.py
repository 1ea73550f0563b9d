"""Where a notebook runs: device, preset, seed and dtype, in one line."""

import contextlib
import ctypes
import os
import platform
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from course_utils.common import AS_LAPTOP, held_to_laptop, print_anything, require

PRESETS = ("smoke", "laptop", "gpu")
DEVICES = ("cpu", "cuda", "mps")
# The numbers by which glibc's `mallopt` knows two of its settings (malloc.h).
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
Choice = TypeVar("Choice")
COLAB_ADVICE = (
    "Colab forgets files when a session ends. To keep progress and checkpoints on your Drive, run this in a cell:\n"
    "from google.colab import drive; drive.mount('/content/drive'); "
    "os.environ['COURSE_WORK'] = '/content/drive/MyDrive/text-to-transformer'"
)


@dataclass(frozen=True)
class Runtime:
    """What a notebook needs to know about the machine it runs on.

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
        # The number of threads is part of a result: sums in another order differ in their last digits.
        where = str(self.device)
        if self.device.type == "cuda":
            where = f"cuda ({torch.cuda.get_device_name(self.device)})"
        elif self.device.type == "cpu":
            held = ", held to an ordinary laptop" if held_to_laptop() else ""
            where = f"cpu, {threads_in_words()}{held}"
        parts = (
            f"Python {platform.python_version()}",
            f"torch {torch.__version__}",
            where,
            f"preset {self.preset}",
            f"{str(self.dtype).removeprefix('torch.')}",
            f"seed {self.seed}",
        )
        return " · ".join(parts)


def threads_in_words() -> str:
    """Return how many threads PyTorch computes with, as words: 1 thread, 2 threads."""
    count = torch.get_num_threads()
    return f"{count} thread{'s' if count > 1 else ''}"


def choose_device() -> torch.device:
    """Return CUDA if the machine has it, else the CPU; `COURSE_DEVICE` (cpu, cuda or mps) overrides.

    Apple's mps is used only on request, since some operations there differ in the last digits.
    """
    asked = os.environ.get("COURSE_DEVICE", "")  # tests set it, so that they never depend on the machine
    if not asked:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    require(asked in DEVICES, f"COURSE_DEVICE is {asked!r}; it takes one of {', '.join(DEVICES)}")
    # Better to stop here than at the first tensor, whose error wouldn't mention the variable.
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
    """Return the dtype in which matrix products are fastest on `device`: bfloat16 where the hardware has it.

    A CUDA device without bfloat16 (a T4) gets float16, everything else float32.
    """
    if device.type == "cuda":
        # is_bf16_supported() also says yes where bfloat16 is only emulated; hardware has it from 8.0 on.
        return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float16
    # Without units of its own a CPU emulates bfloat16, and that's slower than float32.
    if device.type == "cpu" and cpu_has_bfloat16():
        return torch.bfloat16
    return torch.float32


def cpu_has_bfloat16() -> bool:
    """Return whether the processor multiplies bfloat16 matrices in hardware (AVX-512 BF16 or AMX).

    With `COURSE_LAPTOP=1` the answer is no, as on most laptops.
    """
    if held_to_laptop():
        return False
    # PyTorch has no public name for these two yet. Where they're missing, no is the safe answer.
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, lambda: False)() for name in probes)


def check_held() -> None:
    """Raise a `ValueError` if `COURSE_LAPTOP=1` came too late: PyTorch chose its instructions when it was loaded."""
    loaded = torch.backends.cpu.get_cpu_capability()
    others = " ".join(f"{name}={value}" for name, value in [*AS_LAPTOP.items()][1:])
    require(
        not held_to_laptop() or "AVX512" not in loaded,
        f"COURSE_LAPTOP=1 is set, but PyTorch works with {loaded}. Start with `python3 -m course_utils --as-laptop "
        f"lab` (or `test`), or set this as well before Python starts: {others}",
    )


def seed_everything(seed: int) -> None:
    """Seed the random number generators of Python, NumPy and torch, so that a run can be repeated exactly."""
    # NumPy's limit is 32 bits, and negative seeds it refuses too: check before one of the three is seeded.
    whole = isinstance(seed, int | np.integer) and 0 <= seed < 2**32
    require(whole, f"seed is {seed!r}; it takes an int from 0 to 2**32 - 1")
    random.seed(int(seed))
    np.random.seed(int(seed))
    torch.manual_seed(int(seed))  # CUDA's generators included


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw random numbers from `seed` inside; outside they go on as if nothing had been drawn. A GPU's aren't touched.

    >>> with seeded(0):
    ...     first = torch.rand(1)
    >>> with seeded(0):
    ...     print(bool(torch.rand(1) == first))
    True
    """
    of_python, of_numpy = random.getstate(), np.random.get_state()
    # Not `torch.manual_seed`: it would seed a GPU that hasn't been used yet, once it is.
    with torch.random.fork_rng(devices=[]):
        random.seed(seed)
        np.random.seed(seed)
        torch.default_generator.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)


def keep_freed_memory() -> bool:
    """Let Linux's C library keep the memory that one training step frees for the next; return whether it does.

    Memory that's handed back has to be requested again and cleared page by page at the next step, which costs the
    small GPT a sixth of its time. Other systems decide for themselves.
    """
    if sys.platform != "linux":
        return False
    # A C library other than glibc, such as Alpine's musl, has no such function.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    # Larger blocks are mapped from the system and go back to it when freed. Older versions allow 32 MB at most.
    keeps_blocks = any(mallopt(M_MMAP_THRESHOLD, size) for size in (2**30, 2**25))
    # And free memory at the top of the heap goes back only above this size: the largest int, so never.
    return bool(keeps_blocks and mallopt(M_TRIM_THRESHOLD, 2**31 - 1))


def work_folder() -> Path:
    """Return the folder for a reader's own progress and checkpoints: `work`, or what `COURSE_WORK` says."""
    # `or`, not a default: a variable that is set but empty means the usual folder, not the current one.
    folder = Path(os.environ.get("COURSE_WORK") or Path(__file__).resolve().parent.parent / "work").expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:  # the course may lie on a disk or a share where nobody may write
        reason = f"could not make {folder}: {error.strerror}. Set COURSE_WORK to a folder where you may write"
        raise OSError(error.errno, reason) from error
    return folder


def start(seed: int = 0) -> Runtime:
    """Choose device, preset and dtype, seed everything, print one line about it, and return it all."""
    check_held()
    device = choose_device()
    preset = choose_preset(device)
    run = Runtime(device, preset, seed, fast_dtype(device))
    seed_everything(seed)
    keep_freed_memory()  # a matter of speed only, so nobody needs to know whether it worked
    print_anything(sys.stdout)
    print(run)
    if "google.colab" in sys.modules and "COURSE_WORK" not in os.environ:
        print(COLAB_ADVICE)
    return run
