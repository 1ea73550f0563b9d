"""The two commands, run in a small course: what they make, skip, mend and say.

Everything here is a real process, started by a Python outside any environment. Only venv, pip, pytest and
JupyterLab are stand-ins: a file each, on PYTHONPATH, that writes down how it was called.
"""

import functools
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from course_utils.__main__ import OLDEST
from course_utils.tools import environment
from course_utils.tools.environment import LOG, STAMP, python_in

PROJECT = Path(__file__).resolve().parents[1]
BASE = sys._base_executable  # the Python that this environment was made from
posix_only = pytest.mark.skipif(os.name == "nt", reason="signals and terminals as on Linux and macOS")

CALLED = """
import os, signal, subprocess, sys, sysconfig, time
from pathlib import Path
here, name, arguments = Path(__file__).parent, Path(__file__).stem, sys.argv[1:]
with open(here / "calls", "a") as calls:
    print(name, *arguments, file=calls)
"""
FAKES = {
    # The real one, but without pip, which takes seconds: an empty file stands for it.
    "venv.py": """
sys.path.remove(str(here))
import venv
venv.create(arguments[0], symlinks=os.name != "nt")
next(Path(arguments[0]).rglob("site-packages")).joinpath("pip.py").touch()
sys.exit((here / "venv fails").exists())
""",
    "pip.py": """
while (here / "hold").exists():
    time.sleep(0.02)
said = (here / "pip says").read_text()
print("Collecting a", os.environ["PIP_USER"])
if "install" in said:
    Path(sysconfig.get_path("purelib"), "half a package").touch()
sys.exit(said if "ERROR" in said else 0)
""",
    "ensurepip.py": "",
    "pytest.py": "print('tests', arguments, sys.prefix)\nsys.exit(5)",
    "jupyterlab.py": "print('lab', arguments, os.getcwd())\nsys.exit(5)",
}

NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": ["# An é"]},
        {"cell_type": "code", "metadata": {}, "source": ["6 * 7"], "outputs": ["42"], "execution_count": 1},
        {"cell_type": "code", "metadata": {"tags": ["map"]}, "source": [], "outputs": ["map"], "execution_count": 2},
    ],
    "metadata": {"course": {"seconds": 3}},
}


class Course:
    """A small course in a folder, and the folder of what stands in for the real programs."""

    def __init__(self, root, fakes):
        self.root, self.fakes, self.venv = root, fakes, root / ".venv"
        shutil.copytree(PROJECT / "course_utils", root / "course_utils")
        (root / "requirements.txt").write_text("torch\n-e .\n")
        (root / "pyproject.toml").write_text('[project]\nname = "x"\n\n[tool.ruff]\nline-length = 110\n')
        (root / "notebooks").mkdir()
        for name in ("00_start_here", "03_sliding_window_sampling"):
            (root / "notebooks" / f"{name}.ipynb").write_text(json.dumps(NOTEBOOK))
        fakes.mkdir()
        for name, code in FAKES.items():
            (fakes / name).write_text(CALLED + code)
        (fakes / "nvidia-smi").touch(0o755)  # so that nobody asks the network for CPU wheels
        self.pip_says("install")

    def pip_says(self, text):
        """Let pip write this; it fails if there's an ERROR in it."""
        (self.fakes / "pip says").write_text(text)

    def start(self, *arguments, python=BASE, **options):
        """Start `python3 -m course_utils ...` here."""
        settings = {key: value for key, value in os.environ.items() if not key.startswith(("VIRTUAL_ENV", "CONDA"))}
        settings |= {"PATH": f"{self.fakes}{os.pathsep}{settings['PATH']}", "PYTHONPATH": str(self.fakes)}
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
        return subprocess.Popen([python, "-m", "course_utils", *arguments], cwd=self.root, env=settings, **options)

    def run(self, *arguments, python=BASE):
        """Run it to its end: the exit code, what it printed, what it printed as errors, and what it called."""
        before = len(self.calls())
        with self.start(*arguments, python=python) as process:
            said, wrong = process.communicate()
        assert "Traceback" not in wrong
        return process.returncode, said, wrong, [line.split()[0] for line in self.calls()[before:]]

    def calls(self):
        """Each call so far, with its arguments."""
        return environment.read(self.fakes / "calls").splitlines()


@pytest.fixture
def course(tmp_path):
    """A course that was not set up yet, its path with a space."""
    return Course(tmp_path / "my course", tmp_path / "fakes")


@pytest.fixture
def made(course):
    """A course that is set up."""
    assert course.run("test")[3] == ["venv", "pip", "pytest"]
    return course


# --- Made once, skipped afterwards ---


def test_the_first_time_all_is_installed_and_the_second_time_nothing(course):
    code, said, _, calls = course.run("test", "tests/test x.py", "-k", "y")
    assert (code, calls) == (5, ["venv", "pip", "pytest"])
    assert said.endswith(f"tests ['tests/test x.py', '-k', 'y'] {course.venv}\n")
    assert course.run("test") == (5, f"tests [] {course.venv}\n", "", ["pytest"])


def test_pip_gets_the_requirements_and_no_questions_and_is_quiet(course):
    assert "Collecting" not in course.run("test")[1]
    assert course.calls()[1] == "pip install --no-input --disable-pip-version-check -r requirements.txt"
    assert (course.venv / LOG).read_text() == "Collecting a 0\n"


@posix_only
def test_on_a_terminal_pip_shows_its_own_progress(course):
    screen, terminal = os.openpty()
    course.start("test", stdout=terminal).communicate()
    assert "Collecting a" in os.read(screen, 9999).decode()
    os.close(terminal), os.close(screen)


CHANGES = [
    ("requirements.txt", "torch\nnumpy\n-e .\n", ["pip", "pytest"]),
    ("pyproject.toml", '[project]\nname = "y"\n', ["pip", "pytest"]),
    ("pyproject.toml", '[project]\nname = "x"\n\n[tool.ruff]\nline-length = 99\n', ["pytest"]),
    (f".venv/{STAMP}", "3.", ["pip", "pytest"]),
]


@pytest.mark.parametrize(("file", "text", "calls"), CHANGES)
def test_it_installs_again_only_when_what_is_installed_changed(made, file, text, calls):
    (made.root / file).write_text(text)
    assert made.run("test")[3] == calls


def test_a_moved_folder_is_installed_again(made):
    made.root = made.root.rename(made.root.with_name("elsewhere"))
    assert made.run("test")[3] == ["pip", "pytest"]


COMMANDS = ["lab --help", "test -k x --help", "reset -h", "sync --help", "bench --help", "bench tales -h", "rebuild -h"]


@pytest.mark.parametrize("command", COMMANDS)
def test_asking_for_help_sets_nothing_up(course, command):
    code, said, wrong, calls = course.run(*command.split())
    assert (code, wrong, calls) == (0, "", [])
    assert command.split()[0] in said
    assert not course.venv.exists()


# --- Recovery ---


def cut_off(course, said):
    """Let the installation of something new end while pip says this; return what the next one calls."""
    (course.root / "requirements.txt").write_text("more\n")
    (course.venv / "kept").touch()
    course.pip_says(said)
    code, _, wrong, _ = course.run("test")
    assert code == 1
    assert f"{said}\n\nThe lines above name the reason. Fix it and run the same command again." in wrong
    course.pip_says("install")
    return course.run("test")[3]


def test_cut_off_while_installing_is_made_anew(course):
    course.pip_says("")
    course.run("test")
    assert cut_off(course, "install, ERROR: something") == ["venv", "pip", "pytest"]
    assert not (course.venv / "kept").exists()


def test_cut_off_while_collecting_keeps_what_is_there(made):
    assert cut_off(made, "ERROR: something") == ["pip", "pytest"]
    assert (made.venv / "kept").exists()


def test_cut_off_while_making_is_made_anew(course):
    (course.fakes / "venv fails").touch()
    assert course.run("test")[0] == 1
    assert python_in(course.venv).exists()
    (course.fakes / "venv fails").unlink()
    assert course.run("test")[3] == ["venv", "pip", "pytest"]


def test_an_environment_without_its_python_is_made_anew(made):
    python_in(made.venv).unlink()
    assert made.run("test")[3] == ["venv", "pip", "pytest"]


def test_an_environment_made_by_hand_without_pip_is_filled_and_kept(course):
    subprocess.run([BASE, "-m", "venv", "--without-pip", course.venv], check=True)
    assert course.run("test")[3] == ["ensurepip", "pip", "pytest"]


# --- An environment of the reader's own ---


@pytest.fixture
def theirs(tmp_path):
    """The Python of an environment that the reader made elsewhere."""
    subprocess.run([BASE, "-m", "venv", "--without-pip", tmp_path / "theirs"], check=True)
    next((tmp_path / "theirs").rglob("site-packages")).joinpath("pip.py").touch()
    return python_in(tmp_path / "theirs")


def install_course(python, root):
    """Leave what an editable installation leaves: the course's folder on the environment's path."""
    next(python.parents[1].rglob("site-packages")).joinpath("course.pth").write_text(f"{root}\n")


def test_an_active_environment_is_used_and_never_removed(course, theirs):
    course.pip_says("install, ERROR: something")
    assert course.run("test", python=theirs)[3] == ["pip"]
    course.pip_says("install")
    install_course(theirs, course.root)
    code, said, _, calls = course.run("test", python=theirs)
    assert (code, calls) == (5, ["pip", "pytest"])
    assert said.endswith(f"tests [] {theirs.parents[1]}\n")
    assert not course.venv.exists()


@pytest.mark.parametrize("command", ["lab", "test"])
def test_an_active_environment_with_another_course_is_left_as_it_is(course, theirs, tmp_path, command):
    other = Course(tmp_path / "first checkout", tmp_path / "more fakes")
    install_course(theirs, other.root)
    code, _, wrong, calls = course.run(command, python=theirs)
    assert (code, calls) == (1, [])
    assert all(str(place) in wrong for place in (theirs.parents[1], other.root, course.root))
    assert "python -m pip install -e ." in wrong
    assert not (theirs.parents[1] / STAMP).exists()


def test_the_courses_own_environment_may_be_active_after_a_move(made, tmp_path):
    install_course(python_in(made.venv), Course(tmp_path / "before", tmp_path / "more fakes").root)
    (made.root / "requirements.txt").write_text("more\n")
    assert made.run("test", python=python_in(made.venv))[3] == ["pip", "pytest"]


ACTIVE = [
    (sys.prefix, "", "", False),
    ("/elsewhere", "", "", True),
    (sys.prefix, sys.prefix, "course", True),
    (sys.prefix, sys.prefix, "base", False),
    (sys.prefix, "/another/env", "course", False),
]


@pytest.mark.parametrize(("base", "conda", "name", "active"), ACTIVE)
def test_what_counts_as_an_active_environment(monkeypatch, base, conda, name, active):
    monkeypatch.setattr(sys, "base_prefix", base)
    monkeypatch.setenv("CONDA_PREFIX", conda)
    monkeypatch.setenv("CONDA_DEFAULT_ENV", name)
    assert environment.is_active() is active


# --- What differs between systems ---

HERE, NOWHERE = "data:,", "http://127.0.0.1:9"
WHEELS = [
    ("Linux", False, HERE, True),
    ("Linux", False, NOWHERE, False),
    ("Linux", True, HERE, False),
    ("Windows", False, HERE, False),
    ("Darwin", False, HERE, False),
]


@pytest.mark.parametrize(("system", "driver", "address", "taken"), WHEELS)
def test_cpu_wheels_are_for_linux_without_a_driver(monkeypatch, capsys, system, driver, address, taken):
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(environment, "has_nvidia", lambda: driver)
    monkeypatch.setattr(environment, "CPU_WHEELS", address)
    assert environment.index_options() == (["--extra-index-url", address] if taken else [])
    said = capsys.readouterr().out
    assert ("CPU wheels" in said) == (system == "Linux" and not driver)
    assert ("can't be reached" in said) == (address == NOWHERE)


@pytest.mark.parametrize(("windows", "path"), [(True, "Scripts/python.exe"), (False, "bin/python")])
def test_where_python_lies_on_each_system(monkeypatch, windows, path):
    monkeypatch.setattr(environment, "WINDOWS", windows)
    assert python_in(Path("env")) == Path("env", path)


INTEL_MAC = "import platform; platform.system, platform.machine = lambda: 'Darwin', lambda: 'x86_64'"
SYSTEMS = [
    (INTEL_MAC, "Google Colab"),
    ("import sys; sys.maxsize = 2**31 - 1", "32-bit Python"),
    ("import sys; sys.modules['ensurepip'] = None", "sudo apt install python3-venv"),
]


@pytest.mark.parametrize(("changed", "told"), SYSTEMS)
def test_a_system_that_cannot_do_it_is_told(course, changed, told):
    (course.fakes / "sitecustomize.py").write_text(f"{changed}\nimport sys; sys.modules['torch'] = None")
    code, _, wrong, calls = course.run("test")
    assert (code, calls) == (1, [])
    assert told in wrong
    assert not course.venv.exists()


def test_an_intel_mac_that_has_torch_is_let_through(course):
    (course.fakes / "sitecustomize.py").write_text(INTEL_MAC)
    (course.fakes / "torch.py").touch()
    assert course.run("test")[3] == ["venv", "pip", "pytest"]


# --- What goes wrong is said ---


def test_what_the_system_says_about_files_is_told(course):
    (course.root / "requirements.txt").unlink()
    assert re.search(r"\n.*requirements\.txt.*\n.* run the same command again\.\n", course.run("test")[2])


PIP_SAYS = [
    ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
    ("WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(", "network"),
    ("ERROR: No matching distribution found for torch<2.14,>=2.9", "Colab"),
    ("ERROR: Could not install packages due to an OSError: [WinError 5] Access is denied", "Close JupyterLab"),
    ("ERROR: Failed to build 'x' when getting requirements to build wheel", "name the reason"),
    # Without a network there seems to be no torch.
    ("WARNING: broken by 'NameResolutionError('\nERROR: No matching distribution found for torch", "can't be reached"),
]


@pytest.mark.parametrize(("line", "advice"), PIP_SAYS)
def test_a_failure_of_pip_is_explained(line, advice):
    assert advice in environment.explain(f"Collecting a\n{line}\nTraceback")


# --- Processes ---

CTRL_C = "try:\n    print('ready', flush=True)\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    sys.exit(7)"
TO_END = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\nprint('ready', flush=True)\ntime.sleep(60)"


@posix_only
@pytest.mark.parametrize("asked", ["Ctrl-C", "to end"])
def test_a_command_may_end_in_its_own_way(made, asked):
    (made.fakes / "pytest.py").write_text(CALLED + (CTRL_C if asked == "Ctrl-C" else TO_END))
    fresh = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a job in the background ignores it
    with made.start("test", start_new_session=True, preexec_fn=fresh) as process:
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT) if asked == "Ctrl-C" else process.terminate()
    assert process.returncode == 7


def test_a_second_set_up_waits_for_the_first(course):
    (course.fakes / "hold").touch()
    with course.start("test") as first:
        assert first.stdout.readline().startswith("Setting up")
        with course.start("test") as second:
            told = second.stdout.readline()
            (course.fakes / "hold").unlink()
            said, _ = second.communicate()
        first.communicate()
    assert told == "Another set-up is running in this folder: waiting for it to end.\n"
    assert (said, first.returncode, second.returncode) == (f"tests [] {course.venv}\n", 5, 5)


# --- The learner's notebooks ---


def test_lab_opens_the_first_of_the_readers_notebooks(made):
    code, said, _, calls = made.run("lab", "--no-browser", "--port=9000")
    assert (code, calls) == (5, ["jupyterlab"])
    assert "Copied to my_notebooks, where they are yours to change: 00_start_here.ipynb, 03_slid" in said
    assert "'--LabApp.default_url=/lab/tree/my_notebooks/00_start_here.ipynb'" in said
    assert said.endswith(f"'--no-browser', '--port=9000'] {made.root}\n")
    assert ("--allow-root" in said) is (hasattr(os, "geteuid") and os.geteuid() == 0)


def test_jupyterlab_asks_nobody_whether_to_fetch_its_news(monkeypatch):
    seen = []
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "mine")
    monkeypatch.setattr(environment, "prepare", lambda: Path(sys.executable))
    monkeypatch.setattr(environment, "copy_notebooks", list)
    monkeypatch.setattr(environment, "follow", lambda command: seen.append(os.environ["JUPYTER_CONFIG_PATH"]) or 0)
    environment.open_lab([])
    assert seen[0].split(os.pathsep)[1:] == ["mine"]
    asked = "from jupyterlab_server.config import get_page_config as g; print(*g([])['disabledExtensions'])"
    env = {**os.environ, "JUPYTER_CONFIG_PATH": seen[0]}
    off = subprocess.run([sys.executable, "-c", asked], env=env, capture_output=True, text=True, check=True)
    news = "@jupyterlab/apputils-extension:announcements"
    assert news in off.stdout.split()
    core = next(Path(sys.prefix, "share", "jupyter", "lab", "static").glob("jlab_core.*.js"))
    assert f'"{news}"' in core.read_text(encoding="utf-8")  # JupyterLab has a part of that name


def test_copies_have_no_outputs_but_the_map_and_are_never_written_to(made):
    made.run("lab")
    own, shipped = (made.root / folder / "00_start_here.ipynb" for folder in ("my_notebooks", "notebooks"))
    copy = json.loads(own.read_text(encoding="utf-8"))
    assert [cell.get("outputs") for cell in copy["cells"]] == [None, [], ["map"]]
    assert [cell.get("execution_count") for cell in copy["cells"]] == [None, None, 2]
    assert [cell["source"] for cell in copy["cells"]] == [cell["source"] for cell in NOTEBOOK["cells"]]
    assert json.loads(shipped.read_text()) == NOTEBOOK
    own.write_text("mine")
    shipped.with_name("04_new.ipynb").write_text(json.dumps(NOTEBOOK))
    assert "change: 04_new.ipynb\n" in made.run("lab")[1]
    assert own.read_text() == "mine"


@pytest.mark.parametrize("name", ["3", "03", "my_notebooks/03_sliding_window_sampling.ipynb"])
def test_reset_takes_a_number_a_name_or_a_path(course, name):
    code, said, _, calls = course.run("reset", name)
    assert (code, said, calls) == (0, "As new: my_notebooks/03_sliding_window_sampling.ipynb\n", [])


def test_reset_keeps_every_old_one(course):
    course.run("reset", "00")
    own = course.root / "my_notebooks" / "00_start_here.ipynb"
    new = own.read_text()
    for number in (1, 2):
        own.write_text(f"work {number}")
        assert f"Yours is kept: my_notebooks/00_start_here.kept-{number}.ipynb\n" in course.run("reset", "00")[1]
    assert own.with_name("00_start_here.kept-1.ipynb").read_text() == "work 1"
    assert own.read_text() == new


REFUSED = [([], "reset 03"), (["99"], "03 · Sliding window sampling"), (["15"], "isn't written yet")]


@pytest.mark.parametrize(("names", "told"), REFUSED)
def test_reset_says_what_it_takes(course, names, told):
    code, _, wrong, _ = course.run("reset", *names)
    assert code == 1
    assert told in wrong


# --- For real, with a package of one file in place of the real ones ---


@pytest.mark.slow
def test_for_real_first_second_and_after_a_cut(course):
    for fake in course.fakes.glob("*.py"):
        fake.unlink()
    (course.root / "requirements.txt").write_text("--no-index\n--find-links .\npytest\n")
    with zipfile.ZipFile(course.root / "pytest-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("pytest.py", "import sys\nprint('tests', sys.argv[1:], sys.prefix)\nsys.exit(5)")
        wheel.writestr("pytest-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: pytest\nVersion: 1\n")
        wheel.writestr("pytest-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("pytest-1.dist-info/RECORD", "")
    code, said, wrong, _ = course.run("test", "-k", "y")
    assert code == 5, wrong
    assert said.endswith(f"tests ['-k', 'y'] {course.venv}\n")
    assert course.run("test")[:2] == (5, f"tests [] {course.venv}\n")

    (course.venv / STAMP).unlink()  # as a cut would leave it: more is there than before
    (course.venv / "half a package").touch()
    assert "making it anew" in course.run("test")[1]
    assert not (course.venv / "half a package").exists()


# --- doors that others open: a dev container, Binder ---


def required(text: str, folder: Path) -> list[Path]:
    """The files of packages that a line of pip, or a file for it, goes on to."""
    return [folder / name for name in re.findall(r"(?:^|\s)-r (\S+)", text)]


def test_a_dev_container_and_binder_read_the_one_list_of_packages():
    whole = (environment.ROOT / "requirements.txt").resolve()
    container = json.loads((environment.ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert [path.resolve() for path in required(container["postCreateCommand"], environment.ROOT)] == [whole]
    binder = (environment.ROOT / "binder" / "requirements.txt").read_text(encoding="utf-8")
    assert [path.resolve() for path in required(binder, environment.ROOT / "binder")] == [whole]
    assert whole.is_file()
    lines = [line for line in binder.splitlines() if line and not line.startswith(("#", "-"))]
    assert lines == [], "a package is named in requirements.txt, and there only"


def test_both_take_a_python_that_the_course_runs_on():
    container = (environment.ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8")
    versions = re.findall(
        r"python[:-]3\.(\d+)", container + (environment.ROOT / "binder" / "runtime.txt").read_text(encoding="utf-8")
    )
    assert len(versions) == 2
    assert all(int(minor) >= OLDEST[1] for minor in versions)
