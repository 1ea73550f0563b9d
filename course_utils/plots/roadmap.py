"""The course's map, a slim strip: a step or a mechanism, the whole road to a chat model, and "you are here"."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from course_utils.plots.style import (
    CARD,
    FAINT_INK,
    INK,
    ROLES,
    SMALLEST,
    WIDTH,
    canvas,
    draw_arrow,
    draw_box,
    text_width,
    write,
)
from course_utils.tools.curriculum import LADDER, STATIONS, STEPS, at, find

HEIGHT = 90  # points: 140 pixels at notebook width
EDGE, CHIP, GAP = 14.0, 16.5, 1.5  # the strip's margin, the width of a notebook's number and the room between two


def draw_map(here: str | int) -> Figure:
    """Draw the four steps and the whole road, with the notebook `here` ("03", 3 or its file's name) marked.

    On the attention notebooks the ladder of four mechanisms takes the steps' place. A `here` that is not on the map is
    a ValueError that lists what is.
    """
    own = find(here)
    axes = canvas(HEIGHT)
    width = draw_place(axes, own.label)
    if own.number in LADDER:
        draw_row(axes, list(LADDER.values()), [number == own.number for number in LADDER], WIDTH - width, climb=2.0)
    else:
        names = [f"{number} {name}" for number, name in enumerate(STEPS, 1)]
        draw_row(axes, names, [own.number in at(name) for name in STEPS], WIDTH - width)
    draw_road(axes, own.number)
    return axes.figure


def draw_place(axes: Axes, label: str) -> float:
    """Write the name of the place at the right; return how much of the strip it takes."""
    width = text_width(label, SMALLEST, weight="bold") + 14
    draw_box(axes, WIDTH - EDGE - width, 7, width, 17, "highlight", radius=8, linewidth=1.2)
    write(axes, WIDTH - EDGE - width / 2, 15.5, label, SMALLEST, weight="bold")
    return width + 2 * EDGE


def draw_row(axes: Axes, names: Sequence[str], marked: Sequence[bool], room: float, climb: float = 0.0) -> None:
    """Draw boxes with arrows between them, each `climb` points above the one before, as wide as their names allow."""
    weights = ["bold" if mark else "normal" for mark in marked]
    widths = [text_width(name, SMALLEST, weight=weight) for name, weight in zip(names, weights, strict=True)]
    gap = 11
    pad = min(14.0, (room - EDGE - sum(widths) - gap * (len(names) - 1)) / len(names))
    left, top = EDGE, 8.0 + 1.5 * climb  # in the middle of the line, whether it climbs or not
    for name, mark, weight, width in zip(names, marked, weights, widths, strict=True):
        if left > EDGE:
            draw_arrow(axes, (left - gap + 1, top + 8), (left - 1, top + 8), linewidth=1.0, mutation_scale=8)
        looks = {"linewidth": 1.6} if mark else {"facecolor": "#FFFFFF", "linewidth": 0.8}
        draw_box(axes, left, top, width + pad, 15, "highlight" if mark else "token", radius=4, **looks)
        write(axes, left + (width + pad) / 2, top + 7.5, name, SMALLEST, weight=weight)
        left, top = left + width + pad + gap, top - climb


def draw_road(axes: Axes, here: str) -> None:
    """Draw the road and its stations, each as wide as the notebooks beneath it."""
    widths = [len(at(name)) * (CHIP + GAP) - GAP for name in STATIONS]
    gap = (WIDTH - 2 * EDGE - sum(widths)) / (len(STATIONS) - 1)
    road, y = [EDGE + 4, WIDTH - EDGE - 4], 50
    axes.plot(road, [y, y], color="#DDD8CB", linewidth=6, solid_capstyle="round", zorder=1)
    axes.plot(road, [y, y], color=CARD, linewidth=1, linestyle=(0, (5, 4)), zorder=1)
    lefts = [EDGE + sum(widths[:place]) + gap * place for place in range(len(STATIONS))]
    # Names stand beneath the road and above it by turns: in one line there's no room for them. Where two in a line
    # would still touch, the left one gives way.
    free = {y - 12: WIDTH - 5, y + 12: WIDTH - 5}
    for place, name in reversed(list(enumerate(STATIONS))):
        line, middle = y - 12 if place % 2 else y + 12, lefts[place] + widths[place] / 2
        draw_stop(axes, middle, y, here in at(name))
        free[line] = write_name(axes, name, middle, line, free[line], here in at(name)) - 5
        for number, notebook in enumerate(at(name)):
            draw_chip(axes, lefts[place] + number * (CHIP + GAP), 70, notebook, notebook == here)


def draw_stop(axes: Axes, x: float, y: float, marked: bool) -> None:
    """Draw the point on the road where a station is."""
    look = ROLES["highlight" if marked else "token"]
    looks = {"facecolor": look.fill, "edgecolor": look.edge, "linewidth": look.width * 0.8, "zorder": 3}
    axes.add_patch(Circle((x, y), 5 if marked else 3.5, **looks))


def write_name(axes: Axes, name: str, x: float, y: float, end: float, marked: bool) -> float:
    """Write a station's name at x, or so far to the left of it that it ends before `end`; return where it begins."""
    weight, colour = ("bold", INK) if marked else ("normal", FAINT_INK)
    width = text_width(name, SMALLEST, weight=weight)
    middle = max(min(x, end - width / 2), EDGE / 2 + width / 2)
    write(axes, middle, y, name, SMALLEST, weight=weight, color=colour)
    return middle - width / 2


def draw_chip(axes: Axes, left: float, top: float, number: str, marked: bool) -> None:
    """Draw a notebook's number."""
    looks = {"linewidth": 1.6} if marked else {"facecolor": "#FFFFFF", "linewidth": 0.7}
    draw_box(axes, left, top, CHIP, 13.5, "highlight" if marked else "token", radius=4, **looks)
    write(axes, left + CHIP / 2, top + 6.75, number, SMALLEST, weight="bold" if marked else "normal")
