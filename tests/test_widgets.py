"""Figures that a reader moves: a control draws the figure anew, what cannot be drawn is told and changes nothing."""

from types import SimpleNamespace
from typing import Any

import ipywidgets
import pytest

from course_utils import plots
from course_utils.plots import style, widgets

CAPTION = "Some boxes, as many as were asked for."


@pytest.fixture
def page(monkeypatch) -> list[dict[str, Any]]:
    """What is displayed, in order; an update changes it in its place."""
    shown: list[dict[str, Any]] = []

    def display(data: dict[str, Any], metadata: Any = None, **how: Any) -> SimpleNamespace:
        shown.append(dict(data))
        place = shown[-1]
        return SimpleNamespace(update=lambda data, raw, metadata: place.update(data))

    for module in (style, widgets):
        monkeypatch.setattr(module, "display", display)
        monkeypatch.setattr(module, "in_notebook", lambda: True)
    return shown


@pytest.fixture
def box(monkeypatch) -> dict[str, Any]:
    """The controls that were shown, by name; the line for messages is called `told`."""
    found: dict[str, Any] = {}

    def show_controls(box: ipywidgets.VBox, names: list[str]) -> None:
        found.update(zip([*names, "told"], box.children, strict=True))

    monkeypatch.setattr(widgets, "show_controls", show_controls)
    return found


def boxes(count: int, sign: str = "x") -> Any:
    return plots.draw_tokens([sign] * count)


def test_a_control_draws_the_figure_and_its_caption_anew(page, box):
    widgets.explore(
        boxes, lambda count, sign: f"There are {count} boxes with {sign}.", count=(0, 9, 2), sign=["x", "y"]
    )
    first = dict(page[0])
    assert "There are 2 boxes with x." in page[1]["text/markdown"]
    box["count"].value = 5
    assert page[0]["image/png"] != first["image/png"]
    box["sign"].value = "y"
    assert "There are 5 boxes with y." in page[1]["text/markdown"]
    assert len(page) == 2


def test_what_cannot_be_drawn_is_told_and_the_figure_stays(page, box):
    widgets.explore(boxes, CAPTION, count=(0, 9, 2))
    before = page[0]["image/png"]
    box["count"].value = 0
    assert "give at least one" in box["told"].value
    assert page[0]["image/png"] == before
    box["count"].value = 3
    assert box["told"].value == ""


def test_without_a_kernel_a_line_stands_in_for_the_controls(page):
    widgets.explore(boxes, CAPTION, count=(0, 9, 2))
    view = page[2]
    assert view["text/plain"] == "Run this cell to get controls for count."
    assert view[widgets.WIDGET]["model_id"]


def test_the_line_in_place_of_several_controls_reads_as_a_sentence(monkeypatch):
    told = []
    monkeypatch.setattr(widgets, "display", lambda data, raw: told.append(data["text/plain"]))
    for names in (["query_at"], ["a", "b"], ["layer", "head", "tale_told"]):
        widgets.show_controls(widgets.ipywidgets.VBox(), names)
    assert [line.removeprefix("Run this cell to get controls for ") for line in told] == [
        "query at.",
        "a and b.",
        "layer, head and tale told.",
    ]


def test_in_a_script_only_the_caption_is_printed(capsys):
    widgets.explore(boxes, CAPTION, count=(0, 9, 2))
    assert capsys.readouterr().out == f"Figure: {CAPTION}\n"


@pytest.mark.parametrize(("control", "message"), [((1, 3, 5), "starts at 5"), ([], "nothing to choose from")])
def test_a_control_that_cannot_be_is_refused(control, message):
    with pytest.raises(ValueError, match=message):
        widgets.make_control("count", control)
