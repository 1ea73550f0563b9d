"""The two commands: what they make, skip, mend and say, on each system and with each thing that can go wrong."""

import contextlib
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
import textwrap
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from course_utils import __main__ as entry
from course_utils.tools import environment
from course_utils.tools.environment import INSTALLING, LOG, STAMP, UNFINISHED, SetupError

PROJECT = Path(__file__).resolve().parents[1]
posix_only = pytest.mark.skipif(os.name == "nt", reason="signals and bash as on Linux and macOS")


# --- A small course to set up, and a stand-in for pip ---


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A folder like the course's, its path with a space, and a Python outside any environment."""
    root = tmp_path / "my course"
    (root / "notebooks").mkdir(parents=True)
    (root / "requirements.txt").write_text("torch\n-e .\n")
    (root / "pyproject.toml").write_text('[project]\nname = "x"\n\n[tool.ruff]\nline-length = 110\n')
    for name in ("00_start_here", "03_windows", "03_windows_more"):
        (root / "notebooks" / f"{name}.ipynb").write_text(f"shipped {name}")
    monkeypatch.setattr(environment, "ROOT", root)
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    for name in ("CONDA_PREFIX", "CONDA_DEFAULT_ENV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(environment, "index_options", list)
    return root


class FakePip:
    """Stands in for venv, pip and the environment's Python; `prints` and `code` are what pip will do."""

    def __init__(self):
        self.prints, self.code, self.version, self.calls = [f"{INSTALLING} a, b"], 0, "3.12", []

    @contextlib.contextmanager
    def started(self, command, stdout, **_):
        self.calls.append(command)
        stdout.write("\n".join(self.prints))
        stdout.flush()
        yield SimpleNamespace(poll=lambda: self.code, returncode=self.code)

    def run(self, command, **_):
        self.calls.append(command)
        if "venv" in command:
            python = environment.python_in(Path(command[-1]))
            python.parent.mkdir(parents=True)
            python.touch()
        return SimpleNamespace(returncode=0, stdout="", stderr="")

    def describe(self, python):
        packages = str(Path(python).parents[1] / "lib")
        return {"version": self.version, "packages": packages} if Path(python).exists() else None

    def did(self, word):
        return sum(word in command for command in self.calls)


@pytest.fixture
def pip(monkeypatch):
    fake = FakePip()
    monkeypatch.setattr(environment, "started", fake.started)
    monkeypatch.setattr(environment.subprocess, "run", fake.run)
    monkeypatch.setattr(environment, "describe", fake.describe)
    return fake


def fail(pip, *lines):
    """Let pip fail with these lines, prepare, and return what the reader is told."""
    pip.prints, pip.code = list(lines), 1
    with pytest.raises(SetupError) as problem:
        environment.prepare()
    return str(problem.value)


# --- Set-up: made once, skipped afterwards ---


def test_first_run_makes_the_environment_and_installs(course, pip):
    python = environment.prepare()
    assert python == environment.python_in(course / ".venv")
    assert (pip.did("venv"), pip.did("install")) == (1, 1)


def test_pip_gets_the_requirements_and_no_questions(course, pip):
    environment.prepare()
    command = pip.calls[-1]
    assert command[-2:] == ["-r", "requirements.txt"]
    assert "--no-input" in command


def test_second_run_starts_nothing(course, pip, capsys):
    environment.prepare()
    pip.calls.clear()
    capsys.readouterr()
    environment.prepare()
    assert pip.calls == []
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("file", "text", "again"),
    [
        ("requirements.txt", "torch\nnumpy\n-e .\n", 1),
        ("pyproject.toml", '[project]\nname = "y"\n', 1),
        ("pyproject.toml", '[project]\nname = "x"\n\n[tool.ruff]\nline-length = 99\n', 0),
    ],
)
def test_installs_again_only_when_what_is_installed_changed(course, pip, file, text, again):
    environment.prepare()
    (course / file).write_text(text)
    pip.calls.clear()
    environment.prepare()
    assert (pip.did("venv"), pip.did("install")) == (0, again)


def test_a_moved_folder_is_installed_again(course, pip, monkeypatch):
    environment.prepare()
    moved = course.with_name("elsewhere")
    course.rename(moved)
    monkeypatch.setattr(environment, "ROOT", moved)
    pip.calls.clear()
    environment.prepare()
    assert (pip.did("venv"), pip.did("install")) == (0, 1)


def test_the_stamp_comes_after_success_only(course, pip):
    fail(pip, "ERROR: something")
    assert not (course / ".venv" / STAMP).exists()
    pip.code = 0
    environment.prepare()
    assert json.loads((course / ".venv" / STAMP).read_text())["python"] == "3.12"


def test_a_stamp_is_there_whole_or_not_at_all(course, pip, monkeypatch):
    def power_cut(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(environment.os, "replace", power_cut)
    with pytest.raises(KeyboardInterrupt):
        environment.prepare()
    assert not (course / ".venv" / STAMP).exists()


def test_an_unreadable_stamp_counts_as_none(course, pip):
    environment.prepare()
    (course / ".venv" / STAMP).write_bytes(b'{"python": "3.\xff')
    pip.calls.clear()
    environment.prepare()
    assert pip.did("install") == 1


# --- Recovery ---


def test_cut_off_while_making_is_made_anew(course, pip, monkeypatch):
    def cut_off(command, **_):
        pip.run(command)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(environment.subprocess, "run", cut_off)
        with pytest.raises(KeyboardInterrupt):
            environment.prepare()
    assert environment.python_in(course / ".venv").exists()
    pip.calls.clear()
    environment.prepare()
    assert (pip.did("venv"), pip.did("install")) == (1, 1)


def test_cut_off_while_installing_is_made_anew(course, pip):
    fail(pip, f"{INSTALLING} a, b", "ERROR: something")
    (course / ".venv" / "half a package").touch()
    pip.calls.clear()
    pip.code = 0
    environment.prepare()
    assert pip.did("venv") == 1
    assert not (course / ".venv" / "half a package").exists()


def test_cut_off_in_a_later_installation_is_made_anew(course, pip):
    environment.prepare()
    (course / "requirements.txt").write_text("more\n")
    fail(pip, f"{INSTALLING} more", "ERROR: something")
    pip.calls.clear()
    pip.code = 0
    environment.prepare()
    assert (pip.did("venv"), pip.did("install")) == (1, 1)


def test_cut_off_while_collecting_keeps_what_is_there(course, pip):
    environment.prepare()
    (course / "requirements.txt").write_text("more\n")
    fail(pip, "Collecting more", "ERROR: something")
    pip.calls.clear()
    pip.code = 0
    environment.prepare()
    assert (pip.did("venv"), pip.did("install")) == (0, 1)


def test_an_environment_without_its_python_is_made_anew(course, pip):
    environment.prepare()
    environment.python_in(course / ".venv").unlink()
    pip.calls.clear()
    environment.prepare()
    assert (pip.did("venv"), pip.did("install")) == (1, 1)


def test_an_environment_whose_python_was_upgraded_is_made_anew(course, pip):
    environment.prepare()
    pip.version = "3.13"
    pip.calls.clear()
    environment.prepare()
    assert (pip.did("venv"), pip.did("install")) == (1, 1)


def test_an_environment_made_by_hand_is_filled_and_kept(course, pip):
    python = environment.python_in(course / ".venv")
    python.parent.mkdir(parents=True)
    python.touch()
    environment.prepare()
    assert (pip.did("venv"), pip.did("install")) == (0, 1)


def test_a_python_that_does_not_run_is_none(tmp_path):
    (tmp_path / "python").symlink_to(tmp_path / "gone") if os.name != "nt" else None
    assert environment.describe(tmp_path / "python") is None


def test_describe_tells_version_and_packages():
    about = environment.describe(Path(sys.executable))
    assert about["version"] == ".".join(platform.python_version_tuple()[:2])
    assert Path(about["packages"], "pytest").is_dir()


# --- Which environment ---


@pytest.mark.parametrize(
    ("base", "conda", "name", "active"),
    [
        (sys.prefix, None, None, False),
        ("/elsewhere", None, None, True),
        (sys.prefix, sys.prefix, "course", True),
        (sys.prefix, sys.prefix, "base", False),
        (sys.prefix, "/another/env", "course", False),
    ],
)
def test_what_counts_as_an_active_environment(course, monkeypatch, base, conda, name, active):
    monkeypatch.setattr(sys, "base_prefix", base)
    for key, value in (("CONDA_PREFIX", conda), ("CONDA_DEFAULT_ENV", name)):
        monkeypatch.setenv(key, value) if value else None
    assert environment.is_active() is active


def test_an_active_environment_is_used_and_no_other_made(course, pip, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "base_prefix", "/elsewhere")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert environment.prepare() == Path(sys.executable)
    assert (pip.did("venv"), pip.did("install")) == (0, 1)
    assert not (course / ".venv").exists()
    assert (tmp_path / STAMP).exists()


def test_an_active_environment_is_never_removed(course, pip, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "base_prefix", "/elsewhere")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    fail(pip, f"{INSTALLING} a", "ERROR: something")
    (tmp_path / "theirs").touch()
    pip.code = 0
    environment.prepare()
    assert (tmp_path / "theirs").exists()


@pytest.mark.parametrize(
    ("system", "path"), [("Windows", "Scripts/python.exe"), ("Linux", "bin/python"), ("Darwin", "bin/python")]
)
def test_where_python_lies_on_each_system(monkeypatch, system, path):
    monkeypatch.setattr(platform, "system", lambda: system)
    assert environment.python_in(Path("env")) == Path("env", path)


# --- CPU wheels ---


@pytest.mark.parametrize(
    ("system", "driver", "reachable", "taken"),
    [
        ("Linux", False, True, True),
        ("Linux", False, False, False),
        ("Linux", True, True, False),
        ("Windows", False, True, False),
        ("Darwin", False, True, False),
    ],
)
def test_cpu_wheels_are_for_linux_without_a_driver(monkeypatch, capsys, system, driver, reachable, taken):
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(environment, "has_nvidia", lambda: driver)
    monkeypatch.setattr(environment, "answers", lambda address: reachable)
    options = environment.index_options()
    assert options == (["--extra-index-url", environment.CPU_WHEELS] if taken else [])
    said = capsys.readouterr().out
    assert ("CPU wheels" in said) == (system == "Linux" and not driver)
    assert ("cannot be reached" in said) == (system == "Linux" and not driver and not reachable)


def test_a_driver_is_seen_by_its_program_or_its_folder(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(Path, "exists", lambda path: False)
    assert not environment.has_nvidia()
    monkeypatch.setattr(Path, "exists", lambda path: path == Path("/proc/driver/nvidia"))
    assert environment.has_nvidia()
    monkeypatch.setattr(Path, "exists", lambda path: False)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert environment.has_nvidia()


def test_an_address_that_nobody_listens_on_does_not_answer():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert not environment.answers(f"http://127.0.0.1:{unused.getsockname()[1]}/", seconds=1)


# --- What cannot be mended here is said ---


@pytest.mark.parametrize(
    ("system", "machine", "size"), [("Darwin", "x86_64", 2**63 - 1), ("Windows", "x86", 2**31 - 1)]
)
def test_where_torch_has_no_wheel_colab_is_named(course, monkeypatch, system, machine, size):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(sys, "maxsize", size)
    with pytest.raises(SetupError, match="Google Colab"):
        environment.check_system()


def test_an_intel_mac_that_has_torch_is_let_through(course, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    environment.check_system()


@pytest.mark.parametrize("missing", ["venv", "ensurepip"])
def test_a_python_without_venv_names_the_package(course, pip, monkeypatch, missing):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else name)
    with pytest.raises(SetupError, match="apt install python3-venv"):
        environment.prepare()
    assert not (course / ".venv").exists()


def test_the_wrong_folder_is_named(course, monkeypatch):
    (course / "requirements.txt").unlink()
    with pytest.raises(SetupError, match="my course is not the course's folder"):
        environment.prepare()


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(", "network"),
        ("ERROR: No matching distribution found for torch<2.14,>=2.9", "Colab"),
        ("ERROR: Could not install packages due to an OSError: [WinError 5] Access is denied", "Close JupyterLab"),
        ("HINT: This error might have occurred since this system does not have Windows Long Path", "too long"),
        ("ERROR: Failed to build 'x' when getting requirements to build wheel", "name the reason"),
    ],
)
def test_a_failure_of_pip_is_explained(course, pip, line, advice):
    told = fail(pip, "Collecting a", line)
    assert advice in told
    assert line in told
    assert str(course / ".venv" / LOG) in told


def test_a_missing_network_outweighs_the_missing_torch_it_causes(course, pip):
    told = fail(
        pip,
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'NameResolutionError(",
        "ERROR: Could not find a version that satisfies the requirement torch (from versions: none)",
        "ERROR: No matching distribution found for torch",
    )
    assert "package index cannot be reached" in told
    assert "Colab" not in told


def test_the_log_keeps_every_line(course, pip):
    pip.prints = ["Collecting a", "WARNING: noise", f"{INSTALLING} a", "the end"]
    environment.prepare()
    assert (course / ".venv" / LOG).read_text().split("\n") == pip.prints


def test_a_full_disk_on_our_side_is_explained(course, pip, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(environment, "write_stamp", full)
    with pytest.raises(SetupError, match="disk is full"):
        environment.run_tests([])


# --- Progress ---


PIP_LINES = ("Collecting a>=1", "  Downloading a-1.0-py3-none-any.whl (12.3 MB)", "Collecting b", "Collecting a>=2")


def test_progress_counts_packages_once(tmp_path, monkeypatch, capsys):
    installation = environment.Installation(tmp_path)
    for line in (*PIP_LINES, "Processing ./wheels/c_d-1.0-py3-none-any.whl", "WARNING: noise"):
        installation.read(line)
    assert installation.names == {"a", "b", "c_d"}
    assert capsys.readouterr().out == ""


def test_progress_on_a_terminal_redraws_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    installation = environment.Installation(tmp_path)
    for line in (*PIP_LINES, f"{INSTALLING} a, b, c, d"):
        installation.read(line)
    (tmp_path / "a-1.0.dist-info").mkdir()
    installation.read("")
    shown = capsys.readouterr().out
    assert "\r  collecting 1 packages, a (12.3 MB)" in shown
    assert "\r  installing [######..................] 1 of 4" in shown
    assert shown.count("\n") == 1


def test_progress_elsewhere_is_a_line_now_and_then(monkeypatch, capsys):
    now = 0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    phase = environment.Phase("collecting", every=20)
    for now in (5, 25, 30):
        phase.show(f"{now} packages")
    assert capsys.readouterr().out == "  collecting 25 packages  25 s\n"


# --- Processes ---


def test_lines_come_whole_while_the_process_runs(tmp_path):
    code = "import time; print('a', flush=True); time.sleep(.3); print('b', end='', flush=True)"
    with open(tmp_path / "log", "w") as log, subprocess.Popen([sys.executable, "-c", code], stdout=log) as process:
        lines = list(environment.lines_of(process, tmp_path / "log", tick=0.05))
    assert [line for line in lines if line] == ["a", "b"]
    assert "" in lines


def test_a_started_process_does_not_outlive_its_block():
    with (
        pytest.raises(KeyboardInterrupt),
        environment.started([sys.executable, "-c", "import time; time.sleep(60)"]) as process,
    ):
        raise KeyboardInterrupt
    assert process.returncode is not None


def test_ctrl_c_is_left_to_the_command(monkeypatch):
    answers = iter([KeyboardInterrupt, KeyboardInterrupt, 7])

    def wait():
        answer = next(answers)
        if answer is KeyboardInterrupt:
            raise KeyboardInterrupt
        return answer

    fake = contextlib.nullcontext(SimpleNamespace(wait=wait))
    monkeypatch.setattr(environment, "started", lambda command: fake)
    assert environment.follow(["jupyter"]) == 7


@posix_only
def test_a_request_to_end_ends_the_command_too():
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
    code = 0
    try:
        with environment.ending_with_children(), environment.started(sleeping) as process:
            os.kill(os.getpid(), signal.SIGTERM)
            process.wait()
    except SystemExit as ending:
        code = ending.code
    assert (code, process.returncode) == (143, -signal.SIGTERM)


def test_a_second_setup_waits_for_the_first(course, capsys):
    code = f"""
        import pathlib, time
        from course_utils.tools import environment
        environment.ROOT = pathlib.Path({str(course)!r})
        with environment.alone():
            print("locked", flush=True)
            time.sleep(1)
    """
    first = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(first, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        assert process.stdout.readline() == "locked\n"
        with environment.alone():
            assert process.wait(timeout=5) == 0
    assert "waiting for it to end" in capsys.readouterr().out


# --- The learner's notebooks ---


def test_missing_notebooks_are_copied_and_no_other_is_touched(course):
    own = course / "my_notebooks"
    assert len(environment.copy_notebooks()) == 3
    (own / "03_windows.ipynb").write_text("mine")
    (course / "notebooks" / "04_new.ipynb").write_text("shipped 04")
    assert environment.copy_notebooks() == ["04_new.ipynb"]
    assert (own / "03_windows.ipynb").read_text() == "mine"


def test_a_copy_that_was_cut_off_is_made_again(course, monkeypatch):
    def cut_off(source, target):
        target.write_text("half")
        raise KeyboardInterrupt

    whole = shutil.copyfile
    monkeypatch.setattr(shutil, "copyfile", cut_off)
    with pytest.raises(KeyboardInterrupt):
        environment.copy_notebooks()
    monkeypatch.setattr(shutil, "copyfile", whole)
    environment.copy_notebooks()
    assert (course / "my_notebooks" / "00_start_here.ipynb").read_text() == "shipped 00_start_here"


@pytest.mark.parametrize("name", ["00", "00_start", "00_start_here", "my_notebooks/00_start_here.ipynb"])
def test_reset_takes_a_number_a_name_or_a_path(course, name):
    assert environment.find_notebook(name).name == "00_start_here.ipynb"


def test_reset_prefers_the_exact_name(course):
    assert environment.find_notebook("03_windows").name == "03_windows.ipynb"


@pytest.mark.parametrize(
    ("name", "listed"), [("03", "03_windows_more"), ("99", "00_start_here"), ("", "00_start_here")]
)
def test_reset_lists_the_names_where_none_or_several_fit(course, name, listed):
    with pytest.raises(SetupError, match=listed):
        environment.find_notebook(name)


def test_reset_keeps_every_old_one(course, capsys):
    environment.copy_notebooks()
    own = course / "my_notebooks" / "00_start_here.ipynb"
    for work in ("first", "second", "third"):
        own.write_text(work)
        assert environment.reset_notebook(["00"]) == 0
    kept = [path.read_text() for path in own.parent.glob("00_start_here.kept-*.ipynb")]
    assert sorted(kept) == ["first", "second", "third"]
    assert own.read_text() == "shipped 00_start_here"
    assert "Yours is kept: my_notebooks/00_start_here.kept-" in capsys.readouterr().out


def test_reset_without_a_name_says_how(course):
    with pytest.raises(SetupError, match="reset 03"):
        environment.reset_notebook([])


# --- JupyterLab and pytest are started as asked ---


@pytest.fixture
def followed(monkeypatch):
    """The command that was followed; nothing is set up or run."""
    commands = []
    monkeypatch.setattr(environment, "prepare", lambda: Path("the-python"))
    monkeypatch.setattr(environment, "follow", lambda command: commands.append(command) or 5)
    return commands


def test_tests_get_their_arguments_and_give_their_code(course, followed):
    assert environment.run_tests(["tests/test_x.py", "-k", "y"]) == 5
    assert followed == [["the-python", "-m", "pytest", "tests/test_x.py", "-k", "y"]]


def test_lab_opens_the_first_of_the_readers_notebooks(course, followed):
    assert environment.open_lab(["--no-browser"]) == 5
    (command,) = followed
    assert command[:3] == ["the-python", "-m", "jupyterlab"]
    assert "--LabApp.default_url=/lab/tree/my_notebooks/00_start_here.ipynb" in command
    assert f"--ServerApp.root_dir={course}" in command
    assert command[-1] == "--no-browser"
    assert (course / "my_notebooks" / "00_start_here.ipynb").exists()


@pytest.mark.parametrize(("user", "allowed"), [(0, True), (1000, False)])
def test_root_is_allowed_only_where_one_is_root(course, monkeypatch, user, allowed):
    monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)
    assert ("--allow-root" in environment.lab_options()) is allowed


def test_a_port_in_use_gives_the_next_and_says_so(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        other = environment.free_port(port)
    assert port < other < port + 50
    assert f"Port {port} is in use: JupyterLab takes {other}." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "port", "others"),
    [
        (["--no-browser"], 8888, ["--no-browser"]),
        (["--port", "9000", "--no-browser"], 9000, ["--no-browser"]),
        (["--port=9000"], 9000, []),
    ],
)
def test_the_port_asked_for(arguments, port, others):
    assert environment.take_port(arguments) == (port, others)


@pytest.mark.parametrize("arguments", [["--port"], ["--port", "many"], ["--port=0"], ["--port=65536"]])
def test_a_port_that_is_none_is_refused(arguments):
    with pytest.raises(SetupError, match="--port takes a number"):
        environment.take_port(arguments)


# --- The command line ---


def test_every_command_has_its_function():
    for table in (entry.COMMANDS, entry.AUTHORS, *entry.NAMED.values()):
        for address in table.values():
            assert callable(entry.function_at(address)), address


def test_help_names_every_command(capsys):
    assert entry.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in (*entry.COMMANDS, *entry.AUTHORS, "bench", "rebuild"))


def test_an_unknown_command_shows_those_there_are(capsys):
    assert entry.main(["labs"]) == 2
    assert "no such command: labs" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["bench"], ["bench", "nothing"]])
def test_bench_lists_its_names(monkeypatch, capsys, arguments):
    monkeypatch.setitem(entry.NAMED, "bench", {"tales": "m:f", "recipe": "m:g"})
    assert entry.main(arguments) == 2
    assert capsys.readouterr().err.endswith("Known names:\n  recipe\n  tales\n")


def test_bench_without_any_says_so(monkeypatch, capsys):
    monkeypatch.setitem(entry.NAMED, "bench", {})
    assert entry.main(["bench"]) == 2
    assert capsys.readouterr().err.endswith("Known names:\n  none yet\n")


def test_a_name_finds_its_function_with_the_other_arguments(monkeypatch, capsys):
    monkeypatch.setattr(environment, "is_active", lambda: True)
    monkeypatch.setitem(entry.NAMED, "rebuild", {"tales": "builtins:print"})
    assert entry.main(["rebuild", "tales", "--seed", "1"]) == 0
    assert capsys.readouterr().out == "--seed 1\nrebuild tales: done after 0 s\n"


def test_sync_gets_its_arguments_as_a_list(monkeypatch):
    monkeypatch.setattr(environment, "is_active", lambda: True)
    monkeypatch.setitem(entry.AUTHORS, "sync", "builtins:len")
    assert entry.main(["sync", "00", "--check"]) == 2


def test_authors_commands_run_in_the_courses_environment(monkeypatch, followed):
    monkeypatch.setattr(environment, "is_active", lambda: False)
    monkeypatch.setitem(entry.NAMED, "bench", {"tales": "m:f"})
    assert entry.main(["bench", "tales", "--short"]) == 5
    assert followed == [["the-python", "-m", "course_utils", "bench", "tales", "--short"]]


@pytest.mark.parametrize(
    ("problem", "code", "told"),
    [(SetupError("free the disk"), 1, "free the disk"), (KeyboardInterrupt(), 130, "Run the same command again")],
)
def test_problems_are_told_without_a_traceback(monkeypatch, capsys, problem, code, told):
    def raise_it(arguments):
        raise problem

    monkeypatch.setattr(environment, "run_tests", raise_it)
    assert entry.main(["test"]) == code
    assert told in capsys.readouterr().err


def test_too_old_a_python_says_which_is_needed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    assert entry.main(["--help"]) == 1
    assert "needs Python 3.10 or newer, and this is Python 3.9." in capsys.readouterr().err


def old_pythons():
    """Programs of older Pythons on this machine, from the path or from pyenv's folder."""
    names = ["2.7", "3.6", "3.7", "3.8", "3.9"]
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for name in names:
        found = [*versions.glob(f"{name}.*/bin/python"), shutil.which(f"python{name}")]
        answers = [p for p in found if p and subprocess.run([p, "--version"], capture_output=True).returncode == 0]
        yield pytest.param(name, answers[:1], id=name)


@pytest.mark.parametrize(("version", "found"), list(old_pythons()))
def test_an_older_python_gets_the_message(version, found):
    if not found:
        pytest.skip(f"no Python {version} on this machine")
    ran = subprocess.run([found[0], "-m", "course_utils", "--help"], capture_output=True, text=True, cwd=PROJECT)
    assert ran.returncode == 1
    assert f"needs Python 3.10 or newer, and this is Python {version}." in ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_folder_itself_can_be_run_from_anywhere(tmp_path):
    command = [base_python(), str(PROJECT / "course_utils"), "--help"]  # a Python without the course installed
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")


# --- For real, with a package of one file in place of the real ones ---


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A course whose only requirement is a stand-in for pytest, and a Python outside any environment."""
    root = tmp_path_factory.mktemp("a real") / "my course"
    (root / "course_utils").mkdir(parents=True)
    for name in ("__init__.py", "__main__.py", "environment.py"):
        shutil.copy(PROJECT / "course_utils" / name, root / "course_utils")
    (root / "pyproject.toml").write_text("")
    (root / "requirements.txt").write_text("--no-index\n--find-links .\npytest\n")
    with zipfile.ZipFile(root / "pytest-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("pytest.py", "import sys; print('ran', sys.argv[1:], sys.prefix); sys.exit(5)")
        wheel.writestr("pytest-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: pytest\nVersion: 1\n")
        wheel.writestr("pytest-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("pytest-1.dist-info/RECORD", "")
    return root


def base_python():
    """The Python that this environment was made from."""
    places = (Path(sys.base_prefix, "bin", "python3"), Path(sys.base_prefix, "python.exe"))
    return str(next(place for place in places if place.exists()))


def run_test_command(root, *arguments):
    """Run `python3 -m course_utils test` in a folder, outside any environment."""
    settings = {key: value for key, value in os.environ.items() if not key.startswith(("VIRTUAL_ENV", "CONDA"))}
    command = [base_python(), "-m", "course_utils", "test", *arguments]
    return subprocess.run(command, cwd=root, env=settings, capture_output=True, text=True)


def test_for_real_first_second_and_after_a_cut(clone):
    own = str(clone / ".venv")
    first = run_test_command(clone, "tests/test x.py", "-k", "y")
    assert first.returncode == 5, first.stderr
    assert f"ran ['tests/test x.py', '-k', 'y'] {own}" in first.stdout
    assert re.search(r"making +\.venv.*\n(.*\n)*? +collecting +1 packages.*\n +installing +1 packages", first.stdout)

    begin = time.monotonic()
    second = run_test_command(clone)
    assert second.stdout == f"ran [] {own}\n"
    assert time.monotonic() - begin < 5

    (clone / ".venv" / UNFINISHED).touch()
    (clone / ".venv" / "half a package").touch()
    assert "making it anew" in run_test_command(clone).stdout
    assert not (clone / ".venv" / "half a package").exists()
    assert run_test_command(clone).stdout == f"ran [] {own}\n"


# --- What README prints is what CI runs ---


def test_ci_runs_the_test_command_as_readme_prints_it():
    line = "python3 -m course_utils test"
    blocks = re.findall(r"```\w*\n(.*?)```", (PROJECT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert any(line in block.splitlines() for block in blocks)
    assert f"step tests {line}\n" in (PROJECT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_workflow_calls_the_ci_script():
    workflow = (PROJECT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert "- run: .ci/run\n" in workflow


@pytest.fixture
def checkout(tmp_path):
    """A checkout with `.ci/run`, a command that tells its surroundings and exits with 3, and a ruff that passes."""
    (tmp_path / "course" / "course_utils").mkdir(parents=True)
    shutil.copytree(PROJECT / ".ci", tmp_path / "course" / ".ci")
    tell = """
        import os, pathlib, sys
        print("outside", sys.prefix == sys.base_prefix, "input", repr(sys.stdin.read()), sys.argv[1:])
        print("named", os.environ.get("VIRTUAL_ENV"))
        print("cache", os.environ.get("COURSE_CACHE"))
        python = pathlib.Path(".venv/bin/python")
        python.parent.mkdir(parents=True)
        python.write_text("#!/bin/sh\\n[ $4 = --check ] || echo ruff $3\\n")
        python.chmod(0o755)
        sys.exit(3)
    """
    (tmp_path / "course" / "course_utils" / "__main__.py").write_text(textwrap.dedent(tell))
    return tmp_path / "course"


def run_ci(checkout, **settings):
    """Run `.ci/run` of a checkout from inside the active environment."""
    active = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    surroundings = {**os.environ, "PATH": active, "VIRTUAL_ENV": sys.prefix, **settings}
    surroundings.pop("COURSE_CACHE", None)
    command = ["bash", str(checkout / ".ci" / "run")]
    return subprocess.run(command, env=surroundings, input="typed", capture_output=True, text=True)


@posix_only
def test_ci_is_not_fooled_by_an_active_environment(checkout):
    ran = run_ci(checkout)
    assert "outside True input '' ['test']\nnamed None\n" in ran.stdout


@posix_only
def test_ci_goes_on_and_ends_with_the_first_failure(checkout):
    ran = run_ci(checkout)
    assert ran.returncode == 3
    assert "ruff check" in ran.stdout
    assert re.search(r"== tests: failed, exit code 3, \d+ s\n", ran.stdout)
    assert re.search(r"== total: \d+ s, exit code 3\n$", ran.stdout)


@posix_only
def test_ci_takes_reference_files_only_where_they_lie_beside(checkout):
    assert "cache None" in run_ci(checkout).stdout
    shutil.rmtree(checkout / ".venv")
    (checkout.parent / "shared" / "data").mkdir(parents=True)
    assert f"cache {checkout.parent.resolve() / 'shared' / 'data'}" in run_ci(checkout).stdout
