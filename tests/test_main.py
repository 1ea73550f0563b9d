"""The command line: which command runs what, where; what it says when it isn't understood; and what CI runs."""

import io
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat
import pytest

from course_utils import SPINS
from course_utils import __main__ as entry
from course_utils.common import AS_LAPTOP
from course_utils.tools import environment

PROJECT = Path(__file__).resolve().parents[1]


def test_every_command_has_its_function():
    addresses = [*entry.COMMANDS.values(), *entry.AUTHORS.values()]
    addresses += [address for kind in entry.NAMED for address, _ in entry.table(kind).values()]
    for address in addresses:
        assert callable(entry.function_at(address)), address


def test_help_names_every_command(capsys):
    assert entry.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in (*entry.COMMANDS, *entry.AUTHORS, *entry.NAMED))


@pytest.mark.parametrize("kind", entry.NAMED)
def test_help_for_bench_and_rebuild_names_what_they_take(capsys, kind):
    assert entry.main([kind, "--help"]) == 0
    assert re.findall(r"^  (\S+) +\S", capsys.readouterr().out, re.M) == sorted(entry.table(kind))


MISUNDERSTOOD = [
    ([], 0, ""),
    (["labs"], 1, "no such command: labs\n"),
    (["bench"], 1, "bench needs a name. Known names:\n  ablation "),
    (["rebuild", "nothing"], 1, "no such rebuild: nothing. Known names:\n  base "),
]


@pytest.mark.parametrize(("arguments", "stream", "told"), MISUNDERSTOOD)
def test_what_is_not_understood_is_told_and_what_there_is(capsys, arguments, stream, told):
    assert entry.main(arguments) == 2
    assert capsys.readouterr()[stream].startswith(told or entry.USAGE)


@pytest.fixture
def inside(monkeypatch):
    """Run as in an active environment, with a benchmark and an author's command that only tell their arguments."""
    monkeypatch.setattr(environment, "is_active", lambda: True)
    monkeypatch.setattr(entry, "table", lambda kind: {"echo": ("builtins:print", "tell the arguments")})
    monkeypatch.setitem(entry.AUTHORS, "sync", "builtins:len")


def test_a_name_finds_its_function_with_the_other_arguments(inside, capsys):
    assert entry.main(["bench", "echo", "--seed", "1"]) == 0
    assert re.fullmatch(r"--seed 1\nbench echo: done after \d+ s\n", capsys.readouterr().out)


def test_what_was_stopped_is_not_called_done(inside, monkeypatch, capsys):
    monkeypatch.setattr(entry, "table", lambda kind: {"stop": ("builtins:bool", "stop at once")})
    assert entry.main(["rebuild", "stop"]) == 1
    assert re.fullmatch(
        r"rebuild stop: stopped after \d+ s; the same command goes on from there\n", capsys.readouterr().out
    )


SHOWN = {"ascii": "+ Passed - 3 x 4...", "cp1252": "+ Passed \u00b7 3 \u00d7 4\u2026"}
SHOWN |= {"cp932": "+ Passed - 3 \u00d7 4\u2026", "utf-8": "\u2713 Passed \u00b7 3 \u00d7 4\u2026"}


@pytest.mark.parametrize("encoding", SHOWN)
def test_every_character_can_be_printed_whatever_standard_output_is(inside, monkeypatch, encoding):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    assert entry.main(["bench", "echo", SHOWN["utf-8"], "\u0905"]) == 0
    sys.stdout.flush()
    shown = written.getvalue().decode(encoding)
    assert shown.startswith(SHOWN[encoding] + (" \u0905\n" if encoding == "utf-8" else " ?\n"))


@pytest.mark.parametrize("own", ["", "7"])
def test_threads_spin_little_unless_told_otherwise_in_what_imports_the_course_and_what_that_starts(own):
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    environment |= {"GOMP_SPINCOUNT": own} if own else {}
    inner = "import os; print(os.environ['GOMP_SPINCOUNT'])"
    code = f"import sys, course_utils; assert 'torch' not in sys.modules; {inner}; sys.stdout.flush()"
    code += f"; import subprocess; subprocess.run([sys.executable, '-c', {inner!r}])"
    told = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True, cwd=PROJECT)
    assert told.split() == [own or SPINS] * 2


def test_each_notebook_imports_the_course_before_pytorch():
    for path in PROJECT.glob("notebooks/*.ipynb"):
        code = "".join("".join(cell.source) + "\n" for cell in nbformat.read(path, 4).cells if cell.cell_type == "code")
        assert code.index("from course_utils import") < code.index("import torch"), path.name


@pytest.mark.parametrize(("asked", "words"), [("", ["--as-laptop"]), ("1", []), ("0", [])])
def test_any_command_can_be_held_to_an_ordinary_laptop(inside, monkeypatch, capsys, asked, words):
    monkeypatch.setattr(os, "environ", {"COURSE_LAPTOP": asked})
    assert entry.main(["bench", "echo", *words, "--short"]) == 0
    assert capsys.readouterr().out.startswith("--short\n")  # the benchmark isn't told
    held = AS_LAPTOP if asked == "1" or words else {"COURSE_LAPTOP": "0"}
    assert os.environ == held


def test_a_value_that_cannot_be_meant_is_told_without_a_traceback(inside, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_LAPTOP", "please")
    assert entry.main(["bench", "echo"]) == 1
    assert capsys.readouterr().err == "\nCOURSE_LAPTOP is 'please'; it takes 1, for an ordinary laptop, or 0\n"


def test_sync_gets_its_arguments_as_a_list(inside):
    assert entry.main(["sync", "00", "--check"]) == 2


def test_authors_commands_run_in_the_courses_environment(inside, monkeypatch):
    monkeypatch.setattr(environment, "is_active", lambda: False)
    monkeypatch.setattr(environment, "hand_over", lambda arguments: arguments)
    assert entry.main(["bench", "echo", "--short"]) == ["bench", "echo", "--short"]


PROBLEMS = [
    (environment.SetupError("free the disk"), 1, "\nfree the disk\n"),
    (OSError(28, "No space left on device"), 1, "The disk is full."),
    (KeyboardInterrupt(), 130, "Run the same command again"),
]


@pytest.mark.parametrize(("problem", "code", "told"), PROBLEMS)
def test_problems_are_told_without_a_traceback(monkeypatch, capsys, problem, code, told):
    def raise_it(arguments):
        raise problem

    monkeypatch.setattr(environment, "run_tests", raise_it)
    assert entry.main(["test"]) == code
    assert told in capsys.readouterr().err


# --- Old Pythons, and other places ---


def old_pythons():
    """Programs of older Pythons on this machine, from the path or from pyenv's folder."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for name in ("2.7", "3.6", "3.7", "3.8", "3.9"):
        found = [*versions.glob(f"{name}.*/bin/python"), shutil.which(f"python{name}")]
        answers = [p for p in found if p and subprocess.run([p, "--version"], capture_output=True).returncode == 0]
        yield pytest.param(name, answers[:1], id=name)


@pytest.mark.parametrize(("version", "found"), list(old_pythons()))
def test_an_older_python_gets_the_message(version, found):
    if not found:
        pytest.skip(f"no Python {version} on this machine")
    ran = subprocess.run([found[0], "-B", "-m", "course_utils", "--help"], capture_output=True, text=True, cwd=PROJECT)
    assert ran.returncode == 1
    assert f"needs Python 3.10 or newer, and this is Python {version}." in ran.stderr
    assert "Traceback" not in ran.stderr


def test_too_old_a_python_says_which_is_needed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    assert entry.main(["--help"]) == 1
    assert "needs Python 3.10 or newer, and this is Python 3.9." in capsys.readouterr().err


def test_the_folder_itself_can_be_run_from_anywhere(tmp_path):
    command = [sys._base_executable, str(PROJECT / "course_utils"), "--help"]  # a Python without the course installed
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")


# --- What README prints is what CI runs ---

posix_only = pytest.mark.skipif(os.name == "nt", reason="CI's script is for bash")


def test_ci_runs_the_test_command_as_readme_prints_it():
    line = "python3 -m course_utils test"
    blocks = re.findall(r"```\w*\n(.*?)```", (PROJECT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert any(line in block.splitlines() for block in blocks)
    assert f'step tests {line} -m ""  # ' in (PROJECT / ".ci" / "run").read_text(encoding="utf-8")


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


def run_ci(checkout):
    """Run `.ci/run` of a checkout from inside the active environment."""
    active = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    surroundings = {**os.environ, "PATH": active, "VIRTUAL_ENV": sys.prefix}
    surroundings.pop("COURSE_CACHE", None)
    command = ["bash", str(checkout / ".ci" / "run")]
    return subprocess.run(command, env=surroundings, input="typed", capture_output=True, text=True)


@posix_only
def test_ci_is_not_fooled_by_an_active_environment(checkout):
    ran = run_ci(checkout)
    assert "outside True input '' ['test', '-m', '']\nnamed None\n" in ran.stdout


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
