"""Each notebook has its exercises, each stub fits its solution, and with the solutions filled in every check passes."""

import ast
import inspect
import os
from pathlib import Path

import pytest
from nbclient import NotebookClient
from notebook_rules import code_cells, tree
from solved import checks, solved, stub

from conftest import is_long
from course_utils.common import AS_LAPTOP
from course_utils.exercises import exercises, find, notebooks
from course_utils.exercises.engine.record import read_record
from course_utils.tools.sync import Course, number, read

PATHS = [path for path in Course().paths if number(path) in notebooks()]
EACH = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def parameters(node: ast.FunctionDef | ast.ClassDef) -> list[str]:
    """The names of the arguments that a stub takes; a class takes those of its `__init__`."""
    if isinstance(node, ast.ClassDef):
        first = next(inner for inner in node.body if getattr(inner, "name", "") == "__init__")
        return [arg.arg for arg in first.args.args[1:]]
    return [arg.arg for arg in node.args.args]


@EACH
def test_each_exercise_is_asked_once_in_order(path: Path):
    asked = [number for _, number, _ in checks(read(path))]
    assert asked == [exercise.number for exercise in exercises(number(path))]


@EACH
def test_each_stub_has_the_form_of_its_solution(path: Path):
    for cell, name, answer in checks(read(path)):
        exercise = find(name)
        node = stub(cell, exercise)
        if not exercise.is_value:
            assert answer == exercise.name
            assert parameters(node) == [*inspect.signature(exercise.reference).parameters]


@EACH
def test_no_stored_cell_shows_a_solution(path: Path):
    nodes = [node for cell in code_cells(read(path)) for node in ast.walk(tree(cell)) if isinstance(node, ast.Call)]
    assert not {"solution", "hint"} & {ast.unparse(node.func) for node in nodes}


# Without the slow tests each notebook runs once: as it is stored, or solved if that would take too long.
SOLVED = [pytest.param(path, marks=[] if is_long(read(path)) else pytest.mark.slow, id=path.stem) for path in PATHS]


@pytest.mark.parametrize("path", SOLVED)
def test_with_the_solutions_filled_in_every_check_passes(path: Path, tmp_path: Path, monkeypatch):
    notebook = solved(read(path))
    # Held to an ordinary laptop, so that it's seen to work there too, whatever processor this is.
    places = {"COURSE_PRESET": "smoke", "COURSE_DEVICE": "cpu", "COURSE_WORK": str(tmp_path)}
    environment = {**os.environ, **AS_LAPTOP, **places}
    place = {"metadata": {"path": path.parent}}
    client = NotebookClient(notebook, timeout=1500, startup_timeout=600, kernel_name="python3", resources=place)
    client.execute(env=environment)
    monkeypatch.setenv("COURSE_WORK", str(tmp_path))
    passed = [name for name, row in read_record().items() if row["passed"]]
    assert passed == sorted(exercise.number for exercise in exercises(number(path)))
