"""The course's map: the four steps from text to vectors, the whole road to a chat model, and "you are here"."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, PathPatch
from matplotlib.path import Path

from course_utils.plots.style import (
    CARD,
    FAINT_INK,
    INK,
    LARGE,
    MARGIN,
    MONO,
    NORMAL,
    ROLES,
    SMALLEST,
    WIDTH,
    canvas,
    draw_arrow,
    draw_box,
    text_width,
    write,
)
from course_utils.tools.curriculum import STATIONS, STEPS, Notebook, at, find

TURN = "model"  # the last station of the upper row
CHIP = 19.0  # the width of a notebook's number


def draw_map(here: str | int) -> Figure:
    """Draw the four steps and the whole road, with the notebook `here` ("03", 3 or its file's name) marked.

    A `here` that is not on the map is a ValueError that lists what is.
    """
    own = find(here)
    axes = canvas(394)
    draw_heading(axes, own)
    draw_steps(axes, own.number, top=46)
    write(axes, MARGIN, 180, "The whole road", LARGE, ha="left", weight="bold")
    draw_road(axes, own.number, upper=222, lower=344)
    return axes.figure


def draw_heading(axes: Axes, own: Notebook) -> None:
    """Write the title of the four steps and, on the right, the name of the place."""
    write(axes, MARGIN, 26, "Text becomes vectors, in four steps", LARGE, ha="left", weight="bold")
    place = f"You are here: {own.label}"
    width = text_width(place, NORMAL, weight="bold") + 20
    draw_box(axes, WIDTH - MARGIN - width, 15, width, 22, "highlight", radius=11, linewidth=1.4)
    write(axes, WIDTH - MARGIN - width / 2, 26, place, weight="bold")


def draw_chips(axes: Axes, x: float, y: float, notebooks: Sequence[str], here: str, row: int = 4) -> None:
    """Draw the numbers of notebooks in rows of at most `row`, centred on x, with y the middle of the first row."""
    for first in range(0, len(notebooks), row):
        chips = notebooks[first : first + row]
        left = x - (len(chips) * (CHIP + 3) - 3) / 2
        for place, number in enumerate(chips):
            looks = {"linewidth": 1.6} if number == here else {"facecolor": CARD, "linewidth": 0.8}
            role = "highlight" if number == here else "token"
            start, middle = left + place * (CHIP + 3), y + 18 * first / row
            draw_box(axes, start, middle - 7.5, CHIP, 15, role, radius=4, **looks)
            weight = "bold" if number == here else "normal"
            write(axes, start + CHIP / 2, middle, number, SMALLEST, weight=weight)


def draw_steps(axes: Axes, here: str, top: float) -> None:
    """Draw the four steps as panels with a small picture of what each makes of the text "A fox ran"."""
    pictures: tuple[Callable[[Axes, float, float], None], ...] = (
        picture_split,
        picture_ids,
        picture_windows,
        picture_vectors,
    )
    gap, height = 15, 108
    width = (WIDTH - 2 * MARGIN - 3 * gap) / 4
    for number, (name, draw) in enumerate(zip(STEPS, pictures, strict=True)):
        notebooks = at(name)
        left = MARGIN + number * (width + gap)
        marked = here in notebooks
        looks = {"facecolor": "#FFFFFF", "linewidth": 2.2 if marked else 0.9}
        draw_box(axes, left, top, width, height, "highlight" if marked else "token", radius=7, **looks)
        write(axes, left + width / 2, top + 16, f"{number + 1} {name}", SMALLEST + 0.5, weight="bold")
        draw(axes, left + width / 2, top + 54)
        draw_chips(axes, left + width / 2, top + 93, notebooks, here)
        if number:
            draw_arrow(axes, (left - gap + 1.5, top + height / 2), (left - 1.5, top + height / 2))


def small_box(axes: Axes, x: float, y: float, text: str, role: str = "token", width: float = 34) -> None:
    """Draw a token of the steps' pictures, centred on (x, y)."""
    draw_box(axes, x - width / 2, y - 8, width, 16, role, radius=2.5)
    write(axes, x, y, text, SMALLEST, family=MONO)


def picture_split(axes: Axes, x: float, y: float) -> None:
    """Draw a line of text above its three tokens."""
    write(axes, x, y - 14, "A fox ran", SMALLEST + 1, style="italic")
    for place, token in enumerate(("A", "·fox", "·ran")):
        small_box(axes, x + 38 * (place - 1), y + 10, token)


def picture_ids(axes: Axes, x: float, y: float) -> None:
    """Draw three tokens above their ids, which are GPT-2's."""
    for place, (token, token_id) in enumerate((("A", "32"), ("·fox", "21831"), ("·ran", "4966"))):
        small_box(axes, x + 38 * (place - 1), y - 9, token)
        write(axes, x + 38 * (place - 1), y + 12, token_id, SMALLEST, family=MONO)


def picture_windows(axes: Axes, x: float, y: float) -> None:
    """Draw a window's input above its target, which is shifted by one token."""
    for place, token in enumerate(("A", "·fox")):
        small_box(axes, x + 38 * (place - 1), y - 10, token)
    for place, token in enumerate(("·fox", "·ran")):
        small_box(axes, x + 38 * place, y + 10, token, "target")


def picture_vectors(axes: Axes, x: float, y: float) -> None:
    """Draw three columns of cells, lighter and darker: each token's vector."""
    shades = ((0.2, 0.9, 0.5), (0.7, 0.3, 1.0), (0.4, 0.6, 0.1), (0.9, 0.2, 0.7))
    for row, values in enumerate(shades):
        for column, value in enumerate(values):
            left, top = x + 38 * (column - 1) - 13, y - 22 + 11 * row
            draw_box(axes, left, top, 26, 11, "token", radius=0, linewidth=0.7)
            draw_box(
                axes,
                left,
                top,
                26,
                11,
                "token",
                radius=0,
                linewidth=0,
                facecolor=ROLES["token"].edge,
                alpha=0.75 * value,
            )


def draw_road(axes: Axes, here: str, upper: float, lower: float) -> None:
    """Draw the road in two rows that a turn connects, and its stations with the notebooks beneath."""
    names = STATIONS
    split = names.index(TURN) + 1
    first = MARGIN + 22
    step = (WIDTH - 2 * MARGIN - 22 - 55) / (split - 1)
    places = {name: (first + step * i, upper) for i, name in enumerate(names[:split])}
    places |= {name: (first + step * (i + 1), lower) for i, name in enumerate(names[split:])}
    pave(axes, first, places[TURN][0], places[names[-1]][0], upper, lower)
    for name, (x, y) in places.items():
        draw_station(axes, x, y, name, here)


def pave(axes: Axes, start: float, turn: float, end: float, upper: float, lower: float) -> None:
    """Draw the road's surface and the dashed line on it: along the upper row, around the turn, along the lower row."""
    right, left, radius = WIDTH - MARGIN, start, 14
    middle = lower - 40
    route = [(start, upper), (right - radius, upper), (right, upper), (right, upper + radius), (right, middle - radius)]
    route += [
        (right, middle),
        (right - radius, middle),
        (left + radius, middle),
        (left, middle),
        (left, middle + radius),
    ]
    route += [(left, lower - radius), (left, lower), (left + radius, lower), (end, lower)]
    line, curve = Path.LINETO, Path.CURVE3
    codes = [Path.MOVETO, line, curve, curve, line, curve, curve, line, curve, curve, line, curve, curve, line]
    path = Path(route, codes)
    looks = {"fill": False, "capstyle": "round", "joinstyle": "round"}
    axes.add_patch(PathPatch(path, edgecolor="#DDD8CB", linewidth=9, **looks))
    axes.add_patch(PathPatch(path, edgecolor=CARD, linewidth=1.2, linestyle=(0, (5, 4)), **looks))


def draw_station(axes: Axes, x: float, y: float, name: str, here: str) -> None:
    """Draw one station: its name above the road, the notebooks that lead there beneath it."""
    marked = here in at(name)
    look = ROLES["highlight" if marked else "token"]
    axes.add_patch(
        Circle((x, y), 8 if marked else 6, facecolor=look.fill, edgecolor=look.edge, linewidth=look.width, zorder=3)
    )
    write(
        axes, x, y - 19, name, SMALLEST + 0.5, weight="bold" if marked else "normal", color=INK if marked else FAINT_INK
    )
    draw_chips(axes, x, y + 22, at(name), here)
