"""The one table of notebooks: it holds together, and the notebooks and the package are as it says."""

import json
from pathlib import Path

import pytest

from course_utils.tools.curriculum import NOTEBOOKS, NUMBERS, STATIONS, STEPS, Notebook, at, built_in, find, is_early
from course_utils.tools.sync import Course, definitions

COURSE = Course()
EACH = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.number)
WRITTEN = pytest.mark.parametrize("notebook", COURSE.written, ids=lambda notebook: notebook.number)
SMALL = (
    Notebook("00_start", "Start", ("start",), builds=("text.read",)),
    Notebook("01_model", "Model", ("model",), ("windows",), builds=("gpt",)),
    Notebook("02_more", "More", ("model",), builds=("lora",)),
    Notebook("A_numbers", "Numbers", ("start",), after="00"),
    Notebook("B_places", "Places", ("model",), builds=("gpt.shift",), after="01"),
)


# --- the table ---


def test_notebooks_are_numbered_in_order_and_appendices_come_last():
    numbers = [number for number in NUMBERS if number.isdigit()]
    letters = [number for number in NUMBERS if not number.isdigit()]
    assert list(NUMBERS) == sorted(set(numbers)) + list("ABCDEFGH"[: len(letters)])
    # The road, 00 to 15, has no gap; what lies beyond it may be written in any order.
    assert numbers[:16] == [f"{place:02}" for place in range(16)]


@EACH
def test_each_notebook_has_a_title_and_a_place_on_the_map(notebook: Notebook):
    assert notebook.title[0].isupper()
    assert set(notebook.station) <= set(STATIONS)
    assert notebook.station
    assert set(notebook.step) <= set(STEPS)


@EACH
def test_an_appendix_follows_a_notebook_and_nothing_else_does(notebook: Notebook):
    assert (notebook.after == "") == notebook.number.isdigit()
    assert notebook.after == "" or find(notebook.after).number.isdigit()


@EACH
def test_what_is_borrowed_is_built_later(notebook: Notebook):
    assert [name for name in notebook.borrows if not is_early(name, notebook.number)] == []
    assert len(set(notebook.borrows)) == len(notebook.borrows)


def test_nothing_is_built_twice():
    built = [name for notebook in NOTEBOOKS for name in notebook.builds]
    assert len(set(built)) == len(built)


# --- what the table says is so ---


def test_what_notebooks_build_is_in_the_package():
    # A notebook that is not written yet may build a module that is not there yet.
    for notebook in COURSE.written:
        for name in notebook.builds:
            module, _, inner = name.partition(".")
            assert not inner or inner in definitions(COURSE.module(module)), name


@WRITTEN
def test_a_notebook_begins_with_its_title(notebook: Notebook):
    first = "".join(json.loads(COURSE.path(notebook).read_text(encoding="utf-8"))["cells"][0]["source"]).split("\n")[0]
    if notebook.number == "00":
        assert first.startswith(f"# {notebook.title}: ")
    else:
        assert first == f"# {notebook.label}"


@EACH
def test_what_you_do_in_a_notebook_is_said_once_it_is_there(notebook: Notebook):
    assert bool(notebook.does) == COURSE.path(notebook).is_file()


# --- each question that it answers, on a small table ---


@pytest.mark.parametrize("key", ["01", 1, "1", "01_model", "01_model.ipynb"])
def test_a_notebook_is_found_by_number_or_name(key: str | int):
    assert find(key, SMALL).title == "Model"
    assert find("B", SMALL).title == "Places"


@pytest.mark.parametrize("key", ["", "3", "000", "A_", "model", "C", True, -1, "01_mod"])
def test_an_unknown_notebook_is_refused_with_those_there_are(key: str | int):
    with pytest.raises(ValueError, match=r"no notebook .*00 · Start, 01 · Model, .*B · Places"):
        find(key, SMALL)


def test_places_are_found_in_the_order_of_the_table():
    assert at("model", SMALL) == ("01", "02", "B")
    assert at("windows", SMALL) == ("01",)
    assert at("nowhere", SMALL) == ()


def test_a_single_name_may_be_built_apart_from_its_module():
    assert built_in("gpt.GPT", SMALL) == "01"
    assert built_in("gpt.shift", SMALL) == "B"
    assert built_in("text.read", SMALL) == "00"
    assert built_in("text.load", SMALL) == ""


EARLY = [
    ("gpt.GPT", "00", True),
    ("gpt.GPT", "01", False),
    ("gpt.GPT", "02", False),
    ("gpt.GPT", "A", True),
    ("gpt.GPT", "B", False),
    ("lora.LoRA", "B", True),
    ("gpt.shift", "02", True),
    ("gpt.shift", "B", False),
    ("text.load", "00", False),
]


@pytest.mark.parametrize(("name", "own", "early"), EARLY)
def test_a_name_is_early_before_the_notebook_that_builds_it(name: str, own: str, early: bool):
    assert is_early(name, own, SMALL) == early


def test_a_course_has_the_notebooks_of_its_table_whose_files_are_there(tmp_path: Path):
    course = Course(tmp_path, SMALL)
    (tmp_path / "notebooks").mkdir()
    for name in ("B_places", "02_more", "00_start", "Untitled"):
        (tmp_path / "notebooks" / f"{name}.ipynb").write_text("")
    assert [notebook.label for notebook in course.written] == ["00 · Start", "02 · More", "B · Places"]
    assert [path.name for path in course.paths] == ["00_start.ipynb", "02_more.ipynb", "B_places.ipynb"]
