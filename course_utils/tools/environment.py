"""The two commands: make `.venv`, install what the course needs, then open JupyterLab or run the tests.

Standard library only, since nothing else is there before this has run.
"""

import contextlib
import errno
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STAMP = "text-to-transformer.json"  # in the environment: what it was made for, written when all is installed
UNFINISHED = "text-to-transformer.unfinished"  # in the environment: an installation began and has not ended
LOG = "install.log"  # in the environment: everything that pip said
INSTALLING = "Installing collected packages:"  # what pip says before it changes anything
FIRST = "00_start_here.ipynb"
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
DOWNLOADS = "https://www.python.org/downloads/"
COLAB = (
    "Google Colab is a way without an installation: at https://colab.research.google.com choose File, "
    "then Upload notebook, and take notebooks/00_start_here.ipynb."
)


class SetupError(Exception):
    """Something a reader can mend; the message says what happened and what to do."""


def say(line: str) -> None:
    """Print one line at once, also when the output is a pipe."""
    print(line, flush=True)


# --- Where to install ---


def is_windows() -> bool:
    """Return whether this is Windows, where an environment's folders have other names."""
    return platform.system() == "Windows"


def is_active() -> bool:
    """Return whether Python runs in an environment of the reader's own: virtual, or conda's other than base.

    Conda switches its base on in every new terminal, so that it says nothing about what the reader wants.
    """
    if sys.prefix != sys.base_prefix:
        return True
    conda = os.environ.get("CONDA_PREFIX")
    named = os.environ.get("CONDA_DEFAULT_ENV", "base") != "base"
    return bool(conda) and named and Path(conda) == Path(sys.prefix)


def python_in(folder: Path) -> Path:
    """Return where an environment keeps its Python on this system."""
    return folder / "Scripts" / "python.exe" if is_windows() else folder / "bin" / "python"


def describe(python: Path) -> dict[str, str] | None:
    """Return the `version` ("3.12") and the `packages` folder of a Python, or None where it does not run."""
    code = (
        "import json, sys, sysconfig; print(json.dumps({'version': '%d.%d' % sys.version_info[:2],"
        " 'packages': sysconfig.get_path('purelib')}))"
    )
    try:
        answer = subprocess.run([str(python), "-c", code], capture_output=True, text=True, timeout=60)
        return json.loads(answer.stdout.strip().rpartition("\n")[2])
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


# --- Whether anything is to be done ---


def needs(version: str) -> dict[str, str]:
    """Return what an environment must have been made for: this Python, this folder, these requirements.

    Of `pyproject.toml` only what an installation reads counts: a changed setting of pytest asks for nothing.
    """
    sections = re.split(r"^(?=\[)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), flags=re.M)
    read = ("[build-system]", "[project]", "[tool.setuptools")
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    text += "".join(section for section in sections if section.startswith(read))
    return {
        "python": version,
        "folder": str(ROOT),
        "requirements": hashlib.sha256(text.encode()).hexdigest(),
    }


def stamp_of(folder: Path) -> dict[str, str]:
    """Return what an environment was made for; empty where none was finished."""
    try:
        stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def is_cut_off(folder: Path) -> bool:
    """Return whether an installation stopped where packages may be half there.

    While pip only collects, it changes nothing: then the environment is as whole as before.
    """
    if not (folder / UNFINISHED).exists():
        return False
    try:
        return INSTALLING in (folder / LOG).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True  # not even pip was started


def write_stamp(folder: Path, version: str) -> None:
    """Record that everything is installed. A file moved into place is there whole or not at all."""
    part = folder / (STAMP + ".part")
    part.write_text(json.dumps(needs(version), indent=1), encoding="utf-8")
    os.replace(part, folder / STAMP)
    (folder / UNFINISHED).unlink(missing_ok=True)


# --- What stands in the way ---


def check_system() -> None:
    """Raise `SetupError` where the course's files are missing or torch has no wheel for this system."""
    if not (ROOT / "requirements.txt").is_file() or not (ROOT / "pyproject.toml").is_file():
        raise SetupError(f"{ROOT} is not the course's folder. Change to it and run the command there.")
    if importlib.util.find_spec("torch") is not None:
        return
    if platform.system() == "Darwin" and platform.machine() == "x86_64":
        raise SetupError(
            "PyTorch has no current version for Macs with an Intel processor or a Python made for them.\n"
            f"If this Mac has an Apple chip, install Python from {DOWNLOADS} and use that one.\n{COLAB}"
        )
    if sys.maxsize <= 2**32:
        raise SetupError(
            "This Python is a 32-bit one, for which PyTorch has no version.\n"
            f"Install the 64-bit Python from {DOWNLOADS} and run the command with it.\n{COLAB}"
        )


def has_nvidia() -> bool:
    """Return whether this system shows an NVIDIA driver (the last place is that of Linux inside Windows)."""
    places = ("/proc/driver/nvidia", "/usr/lib/wsl/lib/nvidia-smi")
    return shutil.which("nvidia-smi") is not None or any(Path(place).exists() for place in places)


def answers(address: str, seconds: float = 5) -> bool:
    """Return whether a web address answers in time."""
    try:
        with urllib.request.urlopen(address, timeout=seconds):
            return True
    except (OSError, ValueError):
        return False


def index_options() -> list[str]:
    """Return pip's options for PyTorch's CPU wheels, a tenth of the size, where nothing more is of use.

    Of one release pip prefers `2.13.0+cpu` to `2.13.0`, so a second index is enough. It is tried beforehand,
    because pip asks an index that does not answer five times for each package.
    """
    if platform.system() != "Linux" or has_nvidia():
        return []
    if not answers(f"{CPU_WHEELS}/torch/"):
        say("No NVIDIA driver here, but PyTorch's CPU wheels cannot be reached: taking the usual index's.")
        return []
    say("No NVIDIA driver here: taking PyTorch's CPU wheels.")
    return ["--extra-index-url", CPU_WHEELS]


# A package that pip found: in an index, in the environment, or as a file.
COLLECTED = re.compile(
    r"\s*(?:(?:Collecting|Requirement already satisfied:) ([\w.-]+)|Processing .*?([\w.]+)-\d[^/\\]*\.whl)"
)

# What pip prints, and what it means to a reader. The first that fits counts.
FAILURES = (
    (
        r"No space left|Errno 28\b|WinError 112|not enough space",
        "The disk is full. Free 3 GB (on Linux with an NVIDIA driver 9 GB) and run the same command again.\n"
        f"If only {tempfile.gettempdir()} is full, set TMPDIR to a folder elsewhere.",
    ),
    (
        r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|ConnectionReset"
        r"|Connection aborted|Connection broken|Network is unreachable|Could not fetch URL|SSLError",
        "The package index cannot be reached. Connect to the network (behind a proxy: set HTTPS_PROXY) and\n"
        "run the same command again: what was downloaded is kept. Once installed, no network is needed.",
    ),
    (
        r"No matching distribution found for torch\b",
        f"PyTorch has no version for Python {platform.python_version()} on this system. It takes a current\n"
        f"64-bit system and Python 3.10 to 3.13, from {DOWNLOADS}.\n{COLAB}",
    ),
    (
        r"Long Path",
        "A path is too long for Windows. Move the course, to C:\\course say, and run the same command there.",
    ),
    (
        r"Permission denied|Errno 13\b|WinError (5|32)\b",
        "A file may not be written. Close JupyterLab and whatever else uses this environment, make sure\n"
        "that the folder is yours, and run the same command again.",
    ),
)


def explain(output: list[str]) -> str:
    """Return the last lines of pip's output that matter and one sentence on what to do."""
    notable = [line for line in output if re.match(r"\s*(ERROR|error|Error|HINT)\b", line)] or output
    advice = "The lines above name the reason. Mend it and run the same command again."
    for pattern, meaning in FAILURES:
        if re.search(pattern, "\n".join(output[-60:])):
            advice = meaning
            break
    return "\n".join([f"  {line.strip()[:200]}" for line in notable[-4:]] + [advice])


# --- Processes ---


@contextlib.contextmanager
def ending_with_children() -> Iterator[None]:
    """End in order when asked to (SIGTERM), so that no installation or server is left running."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def started(command: list[str], **options: object) -> Iterator[subprocess.Popen[str]]:
    """Run a command in the course's folder; whatever happens here, it does not outlive the block."""
    process = subprocess.Popen(command, cwd=ROOT, **options)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def follow(command: list[str]) -> int:
    """Run a command in the course's folder, with this terminal, and return its exit code.

    Ctrl-C reaches the command as well: how it ends is left to it (JupyterLab asks first, pytest sums up).
    """
    with started(command) as process:
        while True:
            with contextlib.suppress(KeyboardInterrupt):
                return process.wait()


def lines_of(process: subprocess.Popen[str], log: Path, tick: float = 0.25) -> Iterator[str]:
    """Yield each line that a process writes to its log, and an empty one at every tick without any."""
    rest = ""
    with open(log, encoding="utf-8", errors="replace") as file:
        running = True
        while running:
            running = process.poll() is None  # asked before reading: what was written last is read too
            *lines, rest = (rest + file.read()).split("\n")
            yield from lines or [""]
            if running and not lines:
                time.sleep(tick)
    yield rest


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold the course's lock, waiting for a set-up in another terminal; it goes when its process does."""
    with open(ROOT / ".venv.lock", "w", encoding="utf-8") as file:
        waited = False
        os.set_inheritable(file.fileno(), True)  # should this process be killed, pip goes on, and holds it
        while not try_lock(file.fileno()):
            if not waited:
                say("Another set-up is running in this folder: waiting for it to end.")
            waited = True
            time.sleep(0.5)
        yield


def try_lock(file: int) -> bool:
    """Lock an open file if nobody else has; return whether it is locked now."""
    try:
        if is_windows():
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


# --- Installing ---


def bar(done: int, total: int, width: int = 24) -> str:
    """Return a bar of characters.

    >>> bar(6, 24, width=8)
    '[##......]'
    """
    full = width * min(done, total) // max(total, 1)
    return f"[{'#' * full}{'.' * (width - full)}]"


class Phase:
    """One step of the set-up: on a terminal one line redrawn in place, elsewhere a line now and then."""

    def __init__(self, label: str, every: float = 20) -> None:
        """Start the clock; `every` is the number of seconds between plain lines."""
        self.label, self.every = label, every
        self.begin = self.last = time.monotonic()
        self.live = sys.stdout.isatty()

    def line(self, text: str) -> str:
        """Return the label, the text and the seconds so far."""
        return f"  {self.label:<10} {text}  {time.monotonic() - self.begin:.0f} s"

    def show(self, text: str) -> None:
        """Say how far it is."""
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            print("\r" + self.line(text)[:width].ljust(width), end="", flush=True)
        elif time.monotonic() - self.last >= self.every:
            self.last = time.monotonic()
            say(self.line(text))

    def end(self, text: str) -> None:
        """Say what came of it and close the line."""
        self.show("")
        say(("\r" if self.live else "") + self.line(text))


class Installation:
    """What pip's lines tell of its progress, shown in two phases: collecting and installing."""

    def __init__(self, packages: Path) -> None:
        """Take the folder that packages go to: what appears there is counted while pip says nothing."""
        self.packages, self.before = packages, self.present(packages)
        self.phase, self.names, self.news, self.total = Phase("collecting"), set[str](), "", 0

    @staticmethod
    def present(packages: Path) -> int:
        """Return how many packages are installed."""
        return sum(1 for _ in packages.glob("*.dist-info"))

    def read(self, line: str) -> None:
        """Take one line of pip's, empty if there was none, and show how far it is."""
        if found := COLLECTED.match(line):
            self.names.add((found[1] or found[2]).lower().replace("-", "_"))
        elif found := re.match(r"\s*Downloading ([\w.]+)-\d\S* \(([\d.]+ [kMG]B)\)", line):
            self.news = f", {found[1]} ({found[2]})"
        elif line.startswith(INSTALLING):
            self.phase.end(f"{len(self.names)} packages")
            self.phase, self.total = Phase("installing"), line.count(",") + 1
        self.show()

    def show(self) -> None:
        """Say how many packages are collected, or installed."""
        if not self.total:
            self.phase.show(f"{len(self.names)} packages{self.news}")
            return
        done = max(0, min(self.present(self.packages) - self.before, self.total))
        self.phase.show(f"{bar(done, self.total)} {done} of {self.total}")

    def end(self, code: int) -> None:
        """Close the line of the phase that pip ended in."""
        what = f"{self.total or len(self.names)} packages"
        self.phase.end(what if code == 0 else "failed")


def install(python: Path, folder: Path, packages: Path) -> None:
    """Run pip on `requirements.txt`, its output going to a log. Raises `SetupError` with what to do."""
    command = [str(python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    command += [*index_options(), "-r", "requirements.txt"]
    settings = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"}
    settings["PIP_USER"] = "0"  # the option --user, as some set it for all they install, has no sense here
    installation, log = Installation(packages), folder / LOG
    with open(log, "w", encoding="utf-8") as output:
        (folder / UNFINISHED).touch()
        pipes = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
        with started(command, env=settings, close_fds=False, **pipes) as process:
            for line in lines_of(process, log):
                installation.read(line)
    installation.end(process.returncode)
    if process.returncode:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        raise SetupError(f"{explain(lines)}\nThe whole log: {log}")


def make_environment(folder: Path) -> None:
    """Make a new virtual environment in place of whatever is there, marked as unfinished from the start."""
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise SetupError(
            "This Python cannot make virtual environments: its modules venv and ensurepip are missing.\n"
            "On Debian or Ubuntu they are a package of their own: sudo apt install python3-venv\n"
            f"Elsewhere, install Python from {DOWNLOADS}. Then run the same command again."
        )
    phase = Phase("making")
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)
    else:
        folder.unlink(missing_ok=True)
    folder.mkdir()
    (folder / UNFINISHED).touch()
    made = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True)
    if made.returncode:
        full = ["No space left"] if shutil.disk_usage(ROOT).free < 2**26 else []  # venv does not say so itself
        raise SetupError(explain([*full, *(made.stdout + made.stderr).splitlines()]))
    phase.end(f"{folder.name}, with Python {platform.python_version()}")


def ensure_pip(python: Path) -> None:
    """Put pip into an environment that was made without it (as `uv venv` does)."""
    if subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True).returncode == 0:
        return
    if subprocess.run([str(python), "-m", "ensurepip"], capture_output=True).returncode:
        raise SetupError(f"There is no pip for {python}. Install it there, or leave that environment.")


def fill(folder: Path, python: Path) -> None:
    """Make the environment if it is the course's own and not sound, and install into it."""
    about, stamp = describe(python), stamp_of(folder)
    if not is_active():
        other = about is not None and stamp.get("python", about["version"]) != about["version"]
        if about is None or other or is_cut_off(folder):
            if folder.exists():
                say("What is there is not whole: making it anew.")
            make_environment(folder)
            about = describe(python)
    if about is None:
        raise SetupError(f"{python} does not run. Delete {folder} and run the same command again.")
    ensure_pip(python)
    install(python, folder, Path(about["packages"]))
    write_stamp(folder, about["version"])


def prepare() -> Path:
    """Return a Python that has everything installed; where it has not, that is done first.

    It is that of the active environment, or else of `.venv` in the course's folder.
    """
    check_system()
    folder = Path(sys.prefix) if is_active() else ROOT / ".venv"
    python = Path(sys.executable) if is_active() else python_in(folder)
    with alone():
        about = describe(python)
        if about and stamp_of(folder) == needs(about["version"]) and not is_cut_off(folder):
            return python
        begin = time.monotonic()
        say(f"Setting up {folder}. The first time this takes some minutes.")
        fill(folder, python)
        say(f"Ready after {time.monotonic() - begin:.0f} s. Next time this step is skipped.")
    return python


@contextlib.contextmanager
def disk_errors_in_words() -> Iterator[None]:
    """Turn what the system says about files (full disk, no permission) into a `SetupError`."""
    try:
        yield
    except OSError as problem:
        full = problem.errno == errno.ENOSPC or getattr(problem, "winerror", None) == 112
        raise SetupError(explain(["No space left on device" if full else f"Error: {problem}"])) from problem


# --- The learner's own notebooks ---


def shipped() -> list[Path]:
    """Return the course's notebooks, in their order."""
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


def copy_notebooks() -> list[str]:
    """Copy each notebook that the reader does not have yet to `my_notebooks`; return their names.

    What is there is never written to. Each copy is moved into place whole.
    """
    own = ROOT / "my_notebooks"
    own.mkdir(exist_ok=True)
    new = [path for path in shipped() if not (own / path.name).exists()]
    for path in new:
        part = own / (path.name + ".part")
        shutil.copyfile(path, part)
        os.replace(part, own / path.name)
    return [path.name for path in new]


def find_notebook(name: str) -> Path:
    """Return the shipped notebook of this name, or the one whose name starts so."""
    stem = Path(name).name.removesuffix(".ipynb")
    starts = [path for path in shipped() if path.stem.startswith(stem)]
    matches = [path for path in starts if path.stem == stem] or starts
    if len(matches) != 1:
        names = "\n".join(f"  {path.stem}" for path in matches or shipped())
        raise SetupError(f"{name!r} names {len(matches)} notebooks. Choose one of:\n{names}")
    return matches[0]


def spare_name(path: Path) -> Path:
    """Return a name beside `path`, with today's date, that no file has."""
    kept = path.with_name(f"{path.stem}.kept-{datetime.now():%Y-%m-%d_%H%M%S}{path.suffix}")
    number = 1
    while kept.exists():
        number += 1
        kept = kept.with_name(f"{kept.stem.partition('~')[0]}~{number}{path.suffix}")
    return kept


def free_port(wanted: int) -> int:
    """Return the first port from `wanted` on that nothing listens on, and say so if it is another one."""
    for port in range(wanted, min(wanted + 50, 65536)):
        with socket.socket() as test, contextlib.suppress(OSError):
            if not is_windows():  # a port that was left a minute ago is free; on Windows this would share it
                test.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            test.bind(("127.0.0.1", port))
            if port != wanted:
                say(f"Port {wanted} is in use: JupyterLab takes {port}.")
            return port
    raise SetupError(f"The ports from {wanted} on are in use. Choose another: lab --port 9999")


def take_port(arguments: list[str], usual: int = 8888) -> tuple[int, list[str]]:
    """Return the port asked for (`--port 9000` or `--port=9000`) and the other arguments."""
    others, port = [], str(usual)
    rest = iter(arguments)
    for argument in rest:
        if argument == "--port":
            port = next(rest, "")
        elif argument.startswith("--port="):
            port = argument.removeprefix("--port=")
        else:
            others.append(argument)
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise SetupError(f"--port takes a number from 1 to 65535, not {port!r}.")
    return int(port), others


# --- The commands ---


def lab_options() -> list[str]:
    """Return JupyterLab's options: where it starts, few words, and nothing asked of the network."""
    options = ["--log-level=WARN", "--LabApp.log_level=WARN"]
    options += ["--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    # The whole folder is served, since the notebooks name files of the package to read.
    options.append(f"--ServerApp.root_dir={ROOT}")
    if (ROOT / "my_notebooks" / FIRST).exists():
        options.append(f"--LabApp.default_url=/lab/tree/my_notebooks/{FIRST}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")  # in a container everybody is root, and JupyterLab would refuse
    return options


def open_lab(arguments: list[str]) -> int:
    """Set up and open JupyterLab at the reader's own first notebook; further arguments go to JupyterLab."""
    wanted, others = take_port(arguments)
    with disk_errors_in_words():
        python = prepare()
        new = copy_notebooks()
    if new:
        say(f"Copied to my_notebooks, where they are yours to change: {', '.join(new)}")
    command = [str(python), "-m", "jupyterlab", f"--port={free_port(wanted)}", *lab_options(), *others]
    say("Opening JupyterLab. To stop it, press Ctrl-C here.")
    return follow(command)


def run_tests(arguments: list[str]) -> int:
    """Set up and run the tests; further arguments go to pytest, whose exit code is returned."""
    with disk_errors_in_words():
        python = prepare()
    return follow([str(python), "-m", "pytest", *arguments])


def reset_notebook(arguments: list[str]) -> int:
    """Start one notebook afresh; the reader's own is kept beside it under another name."""
    if len(arguments) != 1:
        raise SetupError("reset takes the name of one notebook: python3 -m course_utils reset 03")
    own = ROOT / "my_notebooks" / find_notebook(arguments[0]).name
    with disk_errors_in_words():
        if own.exists():
            kept = own.rename(spare_name(own))
            say(f"Yours is kept: my_notebooks/{kept.name}")
        copy_notebooks()
    say(f"As new: my_notebooks/{own.name}")
    return 0


def hand_over(arguments: list[str]) -> int:
    """Run `python -m course_utils` with these arguments in the course's environment; return its exit code."""
    with disk_errors_in_words():
        python = prepare()
    return follow([str(python), "-m", "course_utils", *arguments])
