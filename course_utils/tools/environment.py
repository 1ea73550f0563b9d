"""The two commands: make `.venv`, install what the course needs, then open JupyterLab or run the tests.

Standard library only, since nothing else is there before this has run. pip and JupyterLab speak for themselves.
This file decides where to install, repairs what a cut-off installation left, and says in words what went wrong.
"""

import contextlib
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

from course_utils.common import AS_LAPTOP, held_to_laptop, write_whole
from course_utils.tools.curriculum import find

ROOT = Path(__file__).resolve().parents[2]
WINDOWS = platform.system() == "Windows"
STAMP = "text-to-transformer.txt"  # in the environment: what it was made for, written when all is installed
BEFORE = "text-to-transformer.before"  # in the environment: what was installed when pip was started
LOG = "install.log"  # in the environment: what pip said, unless it said it on a terminal
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
DOWNLOADS = "https://www.python.org/downloads/"
COLAB = "Google Colab needs no installation: https://colab.research.google.com, then File, Upload notebook."

say = partial(print, flush=True)  # at once, even into a pipe


class SetupError(Exception):
    """Something a reader can fix; the message says what happened and what to do."""


# --- Where to install ---


def is_active() -> bool:
    """Return whether Python runs in an environment of the reader's own: virtual, or conda's other than base.

    Conda switches its base on in every new terminal, so base says nothing about what the reader wants.
    """
    conda = os.environ.get("CONDA_DEFAULT_ENV", "base") != "base" and os.environ.get("CONDA_PREFIX")
    return sys.prefix != sys.base_prefix or (bool(conda) and Path(conda) == Path(sys.prefix))


def python_in(folder: Path) -> Path:
    """Return where an environment keeps its Python on this system."""
    return folder / "Scripts" / "python.exe" if WINDOWS else folder / "bin" / "python"


def describe(python: Path) -> dict[str, str]:
    """Return a Python's `version` ("3.12") and the files of its `pip` and its `course`; {} if it doesn't run."""
    code = """if True:
        import json, sys
        from importlib.util import find_spec
        file = lambda name: getattr(find_spec(name), "origin", None) or ""
        about = {"version": "%d.%d" % sys.version_info[:2], "pip": file("pip"), "course": file("course_utils")}
        print(json.dumps(about))"""
    try:  # with -I it sees only what is installed, not the folder that the command runs in
        answer = subprocess.run([str(python), "-I", "-c", code], capture_output=True, text=True)
        return json.loads(answer.stdout.strip().rpartition("\n")[2])
    except (OSError, ValueError):
        return {}


def check_course(course: str) -> None:
    """Raise `SetupError` if the active environment has its `course_utils` from another folder than this one."""
    here, other = Path(sys.prefix).resolve(), Path(course).resolve().parent.parent
    if course and other != ROOT and here != (ROOT / ".venv").resolve():
        raise SetupError(
            f"The active environment, {here},\nalready has a course_utils, from {other}.\n"
            f"Setting up here would replace it with the one in {ROOT}. Nothing was changed.\n"
            "Leave that environment (deactivate, or conda deactivate) and run the same command again: the course then\n"
            "makes one of its own, .venv. Or replace it yourself, in this folder: python -m pip install -e ."
        )


def needs(version: str) -> str:
    """Return what an environment must have been made for: this Python, this folder, these requirements.

    Only the parts of `pyproject.toml` that pip reads count: a new setting for pytest installs nothing.
    """
    sections = re.split(r"^(?=\[)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), flags=re.M)
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    text += "".join(part for part in sections if part.startswith(("[build-system]", "[project]", "[tool.setuptools")))
    return f"{version}\n{ROOT}\n{hashlib.sha256(text.encode()).hexdigest()}\n"


def read(path: Path) -> str:
    """Return the text of a file; empty if there is none."""
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def installed(folder: Path) -> str:
    """Return the names of what is installed in an environment, a line each."""
    places = [folder / "Lib" / "site-packages", *folder.glob("lib/*/site-packages")]
    return "\n".join(sorted(path.name for place in places for path in place.glob("*")))


def is_cut_off(folder: Path) -> bool:
    """Return whether an installation ended halfway. While pip only downloads, everything stays whole."""
    before = folder / BEFORE
    return before.exists() and not (folder / STAMP).exists() and read(before) != installed(folder)


# --- What can go wrong ---


def check_system() -> None:
    """Raise `SetupError` if torch is not here and has no wheel for this system."""
    if importlib.util.find_spec("torch") is not None:
        return
    if platform.system() == "Darwin" and platform.machine() == "x86_64":
        raise SetupError(
            "PyTorch has no current version for Macs with an Intel processor or a Python made for them.\n"
            f"If this Mac has an Apple chip, install Python from {DOWNLOADS} and use that one.\n{COLAB}"
        )
    if sys.maxsize <= 2**32:
        raise SetupError(
            "This is a 32-bit Python, and PyTorch has no version for it.\n"
            f"Install the 64-bit Python from {DOWNLOADS} and run the command with it.\n{COLAB}"
        )


# What pip prints: what it means to a reader. The first that fits counts.
FAILURES = {
    r"No space left|Errno 28\b|WinError 112|not enough space": (
        "The disk is full. Free 3 GB (on Linux with an NVIDIA driver 9 GB) and run the same command again.\n"
        f"If only {tempfile.gettempdir()} is full, set TMPDIR to a folder elsewhere."
    ),
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|ConnectionReset|SSLError"
    r"|Connection aborted|Connection broken|Network is unreachable": (
        "The package index can't be reached. Connect to the network (behind a proxy: set HTTPS_PROXY) and run\n"
        "the same command again. What was downloaded is kept, and once installed you need no network."
    ),
    r"No matching distribution found for torch\b": (
        f"PyTorch has no version for Python {platform.python_version()} on this system. It needs a current\n"
        f"64-bit system and Python 3.10 to 3.13, from {DOWNLOADS}.\n{COLAB}"
    ),
    r"Permission denied|Errno 13\b|WinError (5|32)\b": (
        "A file can't be written. Close JupyterLab and whatever else uses this environment, make sure that\n"
        "the folder is yours, and run the same command again."
    ),
}


def explain(output: str) -> str:
    """Return what to do about a failure, given what pip or the system said.

    >>> explain("OSError: [Errno 28] No space left on device").partition(".")[0]
    'The disk is full'
    """
    if shutil.disk_usage(ROOT).free < 2**26:
        output = "No space left"  # on a full disk nobody could even write down that it's full
    fits = (advice for pattern, advice in FAILURES.items() if re.search(pattern, output))
    return next(fits, "The lines above name the reason. Fix it and run the same command again.")


@contextlib.contextmanager
def disk_errors_in_words() -> Iterator[None]:
    """Turn what the system says about files (disk full, no permission) into a `SetupError`."""
    try:
        yield
    except OSError as problem:
        raise SetupError(f"{problem}\n{explain(str(problem))}") from problem


# --- Installing ---


def try_lock(file: int) -> bool:
    """Lock an open file if nobody else has; return whether it's ours now."""
    with contextlib.suppress(OSError):
        if WINDOWS:
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold the course's lock, waiting for a set-up in another terminal; it goes when its process does."""
    with open(ROOT / ".venv.lock", "w", encoding="utf-8") as file:
        os.set_inheritable(file.fileno(), True)  # if this process is killed, pip goes on and keeps the lock
        if not try_lock(file.fileno()):
            say("Another set-up is running in this folder: waiting for it to end.")
            while not try_lock(file.fileno()):
                time.sleep(0.5)
        yield


def has_nvidia() -> bool:
    """Return whether this system shows an NVIDIA driver (the last place is that of Linux inside Windows)."""
    places = ("/proc/driver/nvidia", "/usr/lib/wsl/lib/nvidia-smi")
    return shutil.which("nvidia-smi") is not None or any(Path(place).exists() for place in places)


def index_options() -> list[str]:
    """Return pip's options for PyTorch's CPU wheels, a tenth of the size, where more would be of no use.

    Of one release pip prefers `2.13.0+cpu` to `2.13.0`, so a second index is enough. We try it first ourselves,
    because pip asks an index that doesn't answer five times for each package.
    """
    if platform.system() != "Linux" or has_nvidia():
        return []
    try:
        urllib.request.urlopen(f"{CPU_WHEELS}/torch/", timeout=5).close()
    except (OSError, ValueError):
        say("No NVIDIA driver here, but PyTorch's CPU wheels can't be reached: taking the usual index's.")
        return []
    say("No NVIDIA driver here: taking PyTorch's CPU wheels.")
    return ["--extra-index-url", CPU_WHEELS]


def make_environment(folder: Path) -> None:
    """Make a new virtual environment in place of whatever is there."""
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise SetupError(
            "This Python can't make virtual environments: its modules venv and ensurepip are missing.\n"
            "On Debian or Ubuntu they are a package of their own: sudo apt install python3-venv\n"
            f"Elsewhere, install Python from {DOWNLOADS}. Then run the same command again."
        )
    if folder.exists():
        say("What is there isn't whole: making it anew.")
        shutil.rmtree(folder)
    folder.mkdir()
    (folder / BEFORE).write_text("nothing yet", encoding="utf-8")  # until pip is started, it counts as cut off
    if subprocess.run([sys.executable, "-m", "venv", str(folder)]).returncode:
        raise SetupError(explain(""))


def install(python: Path, folder: Path) -> None:
    """Run pip on `requirements.txt`. On a terminal it shows its progress, elsewhere only its warnings and errors."""
    (folder / STAMP).unlink(missing_ok=True)
    (folder / BEFORE).write_text(installed(folder), encoding="utf-8")
    command = [str(python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    command += [*index_options(), "-r", "requirements.txt"]
    options = {"cwd": ROOT, "stderr": subprocess.PIPE, "text": True, "errors": "replace", "close_fds": False}
    options["env"] = {**os.environ, "PIP_USER": "0"}  # some people set --user for everything: it makes no sense here
    errors = ""
    with open(folder / LOG, "w", encoding="utf-8") as log:
        output = None if sys.stdout.isatty() else log
        with subprocess.Popen(command, stdout=output, **options) as pip:
            for line in pip.stderr:
                sys.stderr.write(line)
                errors += line
    if pip.returncode:
        raise SetupError(explain(errors))


def set_up(folder: Path, python: Path, about: dict[str, str]) -> None:
    """Install into an environment; first make it, if it's the course's own and missing or half there."""
    say(f"Setting up {folder}. The first time this takes some minutes.")
    if is_active():
        check_course(about["course"])
    elif not about or is_cut_off(folder):
        make_environment(folder)
        about = describe(python)
    if not about:
        raise SetupError(f"{python} doesn't run. Delete {folder} and run the same command again.")
    if not about["pip"]:  # as `uv venv` leaves it, and an upgrade of Python
        subprocess.run([str(python), "-m", "ensurepip"])
    install(python, folder)
    write_whole(folder / STAMP, needs(about["version"]).encode())
    say("Ready. Next time this step is skipped.")


def prepare() -> Path:
    """Return a Python that has everything installed: the active environment's, or else that of our own `.venv`."""
    check_system()
    folder = Path(sys.prefix) if is_active() else ROOT / ".venv"
    python = Path(sys.executable) if is_active() else python_in(folder)
    with alone():
        about = describe(python)
        if not about or read(folder / STAMP) != needs(about["version"]):
            set_up(folder, python, about)
    return python


# --- The commands ---


def as_laptop(arguments: list[str]) -> list[str]:
    """Return a command's arguments without `--as-laptop`; with it, or `COURSE_LAPTOP=1`, hold all that follows.

    Here nothing has loaded PyTorch yet, and whatever is started from here inherits these variables.
    """
    try:
        if "--as-laptop" in arguments or held_to_laptop():
            os.environ.update(AS_LAPTOP)
    except ValueError as problem:
        raise SetupError(str(problem)) from problem
    return [argument for argument in arguments if argument != "--as-laptop"]


def follow(command: list[str]) -> int:
    """Run a command in the course's folder, with this terminal, and return its exit code.

    Ctrl-C reaches the command as well, and how to end is up to it: JupyterLab asks first, pytest sums up.
    """
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    with subprocess.Popen(command, cwd=ROOT) as process:
        while True:
            with contextlib.suppress(KeyboardInterrupt):
                return process.wait()


def without_outputs(notebook: str) -> str:
    """Return a notebook's text without outputs: they'd give away what the reader is asked to predict.

    Cells tagged `map` keep theirs, so that the road map is there from the start.
    """
    content = json.loads(notebook)
    for cell in content["cells"]:
        if cell["cell_type"] == "code" and "map" not in cell["metadata"].get("tags", []):
            cell.update(outputs=[], execution_count=None)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def copy_notebooks() -> list[str]:
    """Copy each notebook that the reader doesn't have yet to `my_notebooks`, and no other; return their names."""
    own = ROOT / "my_notebooks"
    new = [path for path in sorted((ROOT / "notebooks").glob("*.ipynb")) if not (own / path.name).exists()]
    for path in new:
        write_whole(own / path.name, without_outputs(path.read_text(encoding="utf-8")).encode())
    return [path.name for path in new]


def open_lab(arguments: list[str]) -> int:
    """Set up and open JupyterLab at the reader's own first notebook; further arguments go to JupyterLab."""
    python = prepare()
    if new := copy_notebooks():
        say(f"Copied to my_notebooks, where they are yours to change: {', '.join(new)}")
    say("Opening JupyterLab. To stop it, press Ctrl-C here.")
    # It would ask a newcomer whether to fetch its news and look for updates: our settings switch that part off.
    paths = [str(ROOT / "course_utils" / "tools" / "jupyter"), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    # Else each kernel says in the terminal, in words that frighten, that what it is sent isn't encrypted.
    options = ["--log-level=WARN", "--LabApp.log_level=WARN", "--KernelManager.transport_encryption=auto"]
    options += ["--LabApp.default_url=/lab/tree/my_notebooks/00_start_here.ipynb"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")  # in a container everybody is root, and JupyterLab would refuse
    return follow([str(python), "-m", "jupyterlab", *options, *arguments])


def run_tests(arguments: list[str]) -> int:
    """Set up and run the tests; further arguments go to pytest, whose exit code is returned."""
    return follow([str(prepare()), "-m", "pytest", *arguments])


def reset_notebook(arguments: list[str]) -> int:
    """Start one notebook afresh; the reader's own is kept beside it under another name."""
    if len(arguments) != 1:
        raise SetupError("reset takes the name of one notebook: python3 -m course_utils reset 03")
    try:
        own = ROOT / "my_notebooks" / f"{find(Path(arguments[0]).name).stem}.ipynb"
    except ValueError as problem:
        raise SetupError(str(problem)) from problem
    if not (ROOT / "notebooks" / own.name).exists():
        raise SetupError(f"notebooks/{own.name} isn't written yet.")
    if own.exists():
        names = (own.with_name(f"{own.stem}.kept-{number}.ipynb") for number in count(1))
        kept = own.rename(next(name for name in names if not name.exists()))
        say(f"Yours is kept: my_notebooks/{kept.name}")
    copy_notebooks()
    say(f"As new: my_notebooks/{own.name}")
    return 0


def hand_over(arguments: list[str]) -> int:
    """Run `python -m course_utils` with these arguments in the course's environment; return its exit code."""
    return follow([str(prepare()), "-m", "course_utils", *arguments])
