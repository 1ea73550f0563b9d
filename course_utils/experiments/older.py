"""The course with the older parts that Colab has: unit tests, and all notebooks in `smoke`, in a fresh environment.

Run as `python -m course_utils bench older`. It installs about 1.4 GB in a folder that is removed when it ends.
"""

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OLDER = ("ipython==7.34.*", "ipywidgets==7.7.*", "matplotlib==3.10.*", "numpy==2.1.*")


def commands(python: str, constraints: Path) -> list[list[str]]:
    """Return what is run, in order: the installation, the unit tests and doctests, the notebooks."""
    tests = [python, "-m", "pytest", "-q", "-o"]
    return [
        [python, "-m", "pip", "install", "--quiet", "-r", "requirements.txt", "-c", str(constraints)],
        [*tests, "addopts=--doctest-modules", "tests", "course_utils"],
        # What they print was stored by the other preset: here it only matters that every cell runs.
        [*tests, "addopts=--nbval-lax --nbval-current-env --nbval-cell-timeout=3000", "notebooks"],
    ]


def older(*parts: str) -> None:
    """Install the course with Colab's older parts, or those given, and run everything; a failure ends it with 1."""
    with tempfile.TemporaryDirectory(prefix="course-older-") as folder:
        venv.create(folder, with_pip=True)
        constraints = Path(folder) / "older.txt"
        constraints.write_text("\n".join(parts or OLDER), encoding="utf-8")
        python = Path(folder) / ("Scripts" if os.name == "nt" else "bin") / "python"
        for command in commands(str(python), constraints):
            print(" ".join(command), flush=True)
            ended = subprocess.run(command, cwd=ROOT, env=os.environ | {"COURSE_PRESET": "smoke"}, check=False)
            if ended.returncode:
                sys.exit(f"with {', '.join(parts or OLDER)} this failed: {' '.join(command)}")
