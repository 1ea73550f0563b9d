"""What tests and the kernels of notebooks run under: the stored preset, the CPU, their own progress folder.

pytest reads this file first, whatever it was asked to run, and the kernels that nbval starts inherit it.
What the caller has set is kept, so that `COURSE_PRESET=smoke pytest notebooks` does what it says.
"""

import atexit
import os
import shutil
import tempfile

import pytest
import torch

os.environ.setdefault("COURSE_PRESET", "laptop")
os.environ.setdefault("COURSE_DEVICE", "cpu")

if "COURSE_WORK" not in os.environ:
    # Progress and checkpoints: those of whoever runs the tests must stay as they are.
    os.environ["COURSE_WORK"] = tempfile.mkdtemp(prefix="course-tests-")
    atexit.register(shutil.rmtree, os.environ["COURSE_WORK"], ignore_errors=True)


@pytest.fixture(autouse=True, scope="session")
def threads() -> None:
    """Unit tests work on tiny tensors: one thread is faster than two that wait for each other."""
    torch.set_num_threads(int(os.environ.get("COURSE_TEST_THREADS", "1")))
