"""Figures that a reader moves: sliders and menus beneath a figure that is drawn anew when one of them changes.

Without a live kernel the figure stands there as it was last drawn, and a line says what to do.
"""

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
from IPython.display import display
from matplotlib.figure import Figure

from course_utils.common import require
from course_utils.plots.cards import in_notebook
from course_utils.plots.style import close, one_line, picture, put, show, words_under

WIDGET = "application/vnd.jupyter.widget-view+json"
CONTROLS = "Run this cell to get controls for "  # what a page without a kernel begins with in their place
Control = tuple[int, int, int] | Sequence[str]


def explore(draw: Callable[..., Figure], caption: str | Callable[..., str], **controls: Control) -> None:
    """Show the figure that `draw` makes of some values, and for each value a control that changes it.

    A control is (lowest, highest, first) for a slider of whole numbers, or a list of texts for a menu. What `draw`
    refuses with a ValueError is told, and the last figure stays. `caption` may be a function of the same values.
    """
    parts = {name: make_control(name, control) for name, control in controls.items()}

    def describe() -> str:
        values = {name: part.value for name, part in parts.items()}
        return one_line(caption(**values) if callable(caption) else caption)

    def draw_now() -> Figure:
        return draw(**{name: part.value for name, part in parts.items()})

    if not in_notebook():
        return show(draw_now(), describe())
    figure = draw_now()
    handles = put(picture(figure, describe())), put(words_under(describe()))
    close(figure)
    told = ipywidgets.HTML()

    def redraw(_: Any) -> None:
        try:
            figure = draw_now()
        except ValueError as error:
            told.value = f"This cannot be drawn: {error}"
            return
        told.value = ""
        put(picture(figure, describe(), small=False), handles[0])
        put(words_under(describe()), handles[1])
        close(figure)

    for part in parts.values():
        part.observe(redraw, "value")
    show_controls(ipywidgets.VBox([*parts.values(), told]), list(parts))


def make_control(name: str, control: Control) -> ipywidgets.Widget:
    """Return a slider or a menu with its name beside it."""
    label = {"description": name, "style": {"description_width": "9em"}, "layout": {"width": "34em"}}
    if all(isinstance(choice, str) for choice in control):
        require(len(control) > 0, f"{name} has nothing to choose from; give at least one text")
        return ipywidgets.Dropdown(options=list(control), value=control[0], **label)
    lowest, highest, first = control
    fits = f"{name} goes from {lowest} to {highest} and starts at {first}; the start must lie between"
    require(lowest <= first <= highest, fits)
    # Drawn when the hand lets go: a figure takes longer than a slider's next step.
    return ipywidgets.IntSlider(value=first, min=lowest, max=highest, continuous_update=False, **label)


def show_controls(box: ipywidgets.Widget, names: Sequence[str]) -> None:
    """Display controls; where there is no kernel to move them, a line says so in their place."""
    *others, last = (name.replace("_", " ") for name in names)
    told = f"{CONTROLS}{' and '.join(filter(None, [', '.join(others), last]))}."
    view = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    display({WIDGET: view, "text/plain": told}, raw=True)
