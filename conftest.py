"""What tests and the kernels of notebooks run under: the stored preset, the CPU, their own progress folder.

pytest reads this file first, whatever it was asked to run, and the kernels that nbval starts inherit it.
What the caller has set is kept, so that `COURSE_PRESET=smoke pytest notebooks` does what it says.
"""

import atexit
import os
import shutil
import tempfile

os.environ.setdefault("COURSE_PRESET", "laptop")
os.environ.setdefault("COURSE_DEVICE", "cpu")

if "COURSE_WORK" not in os.environ:
    # Progress and checkpoints: those of whoever runs the tests must stay as they are.
    os.environ["COURSE_WORK"] = tempfile.mkdtemp(prefix="course-tests-")
    atexit.register(shutil.rmtree, os.environ["COURSE_WORK"], ignore_errors=True)
