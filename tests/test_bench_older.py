"""The program that runs the course with older parts: what it installs and runs, and that a failure is a failure."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from course_utils.experiments import older


@pytest.fixture
def ran(monkeypatch) -> list[list[str]]:
    """What would be run, the environment not being made; the constraints are read as they stand at that moment."""
    seen: list[list[str]] = []

    def run(command: list[str], **how: object) -> SimpleNamespace:
        assert how["env"]["COURSE_PRESET"] == "smoke"
        if "-c" in command:
            command = [*command[:-1], Path(command[-1]).read_text()]
        seen.append(command)
        return SimpleNamespace(returncode=int("notebooks" in command))

    monkeypatch.setattr(older.venv, "create", lambda folder, with_pip: None)
    monkeypatch.setattr(subprocess, "run", run)
    return seen


def test_it_installs_the_older_parts_and_a_failing_notebook_fails(ran):
    with pytest.raises(SystemExit, match=r"this failed: .*notebooks"):
        older.older()
    assert ran[0][-1].splitlines() == list(older.OLDER)
    assert [command[-1] for command in ran[1:]] == ["course_utils", "notebooks"]


def test_other_parts_may_be_named(ran):
    with pytest.raises(SystemExit, match=r"with numpy==2\.0"):
        older.older("numpy==2.0")
    assert ran[0][-1] == "numpy==2.0"
