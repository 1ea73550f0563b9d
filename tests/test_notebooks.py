"""The course's own notebooks: none is stale, and each keeps the rules. That they run is nbval's part."""

import re
from pathlib import Path

import nbformat
import notebook_rules as rules
import pytest

from course_utils.exercises import exercises
from course_utils.tools.environment import without_outputs
from course_utils.tools.sync import Course, check_course, check_notebook, number, read, setup_cell

COURSE = Course()
EACH = pytest.mark.parametrize("path", COURSE.paths, ids=lambda path: path.stem)


@EACH
def test_nothing_is_stale(path: Path):
    assert check_notebook(path, COURSE) == [], "run: python -m course_utils sync"


@EACH
def test_the_setup_cell_is_the_one_all_have(path: Path):
    first = rules.code_cells(read(path))[0]
    assert first.source == setup_cell(COURSE.address)
    assert set(first.metadata.tags) == {"setup", "nbval-ignore-output"}


@EACH
def test_each_figure_has_a_caption(path: Path):
    assert list(rules.uncaptioned(read(path))) == []


@EACH
def test_outputs_are_whole_and_of_no_machine(path: Path):
    assert [*rules.unsound_outputs(read(path)), *rules.too_large(read(path))] == []


@EACH
def test_what_nbval_does_not_compare_is_asserted(path: Path):
    assert list(rules.misused_tags(read(path))) == []


@EACH
def test_saved_definitions_stand_on_their_own(path: Path):
    assert [*rules.unfit_saved(read(path)), *rules.misplaced_saved(read(path), number(path))] == []


@EACH
def test_saved_definitions_are_in_the_package_byte_for_byte(path: Path):
    # Without sync's help: each piece of such a cell is found in the module's text, as whole lines.
    for cell in filter(rules.saved_module, read(path).cells):
        module = f"\n{COURSE.module(rules.saved_module(cell))}"
        for piece in cell.source.split("\n", 1)[1].split("\n\n\n"):
            assert f"\n{piece}\n" in module


@EACH
def test_a_learners_copy_has_no_outputs_but_the_maps(path: Path):
    copy = nbformat.reads(without_outputs(path.read_text("utf-8")), as_version=4)
    (shown,) = [cell for cell in rules.code_cells(copy) if cell.outputs]
    assert "draw_map" in shown.source
    assert len(shown.outputs) == 2  # the picture and its caption
    assert [cell.source for cell in copy.cells] == [cell.source for cell in read(path).cells]


@EACH
def test_no_answer_stands_open_below_its_exercise_or_before_it(path: Path):
    assert list(rules.spoilers(read(path), exercises(number(path)))) == []


@EACH
def test_only_listed_names_are_used_before_their_turn(path: Path):
    notebook = read(path)
    assert [*rules.hidden_uses(notebook), *rules.unlisted_borrows(notebook, number(path))] == []


def test_no_name_is_introduced_twice():
    assert list(rules.introduced_twice((number(path), read(path)) for path in COURSE.paths)) == []


def test_readme_and_the_folder_of_notebooks_are_the_curriculums():
    assert check_course(COURSE) == [], "run: python -m course_utils sync"


def test_every_badge_has_the_one_address():
    files = [COURSE.root / "README.md", *COURSE.paths]
    badges = [url for file in files for url in re.findall(r"/github/([^/]+/[^/]+)/blob/", file.read_text("utf-8"))]
    assert all(COURSE.address.removesuffix(".git").endswith(f"github.com/{owned}") for owned in badges)
