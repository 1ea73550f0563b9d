"""Attention as a picture: who attends to whom in a sentence, and the steps from queries and keys to contexts."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from course_utils.common import require
from course_utils.plots.scripts import right_to_left
from course_utils.plots.style import (
    FAINT_INK,
    MARGIN,
    MONO,
    NORMAL,
    SMALLEST,
    WEIGHTS,
    WIDTH,
    canvas,
    draw_arrow,
    draw_box,
    mirrored,
    text_width,
    visible,
    weight_colours,
    write,
)

GAP, BOX = 5.0, 22.0  # between two tokens, and a token's height


def draw_links(tokens: Sequence[str], query: int, weights: Sequence[float], title: str = "") -> Figure:
    """Draw a sentence with an arrow from token number `query` to each token that it attends to: the wider, the more.

    `weights` has a number for each token; beneath those of one percent and more it's written. ValueError: weights that
    don't fit the tokens, or a sentence longer than a line.
    """
    require(
        len(tokens) == len(weights), f"there are {len(tokens)} tokens and {len(weights)} weights; give one for each"
    )
    require(0 <= query < len(tokens), f"query is {query}; it takes the number of one of {len(tokens)} tokens")
    given = [float(weight) for weight in weights]
    require(all(0 <= weight <= 1 for weight in given), f"weights lie between 0 and 1; got {max(given, key=abs):.3g}")
    widths = [max(26.0, text_width(visible(token), SMALLEST, MONO) + 9) for token in tokens]
    room, needed = WIDTH - 2 * MARGIN, sum(widths) + GAP * (len(tokens) - 1)
    require(needed <= room, f"the sentence takes {needed:.0f} points and there are {room:.0f}: draw fewer tokens")
    lefts = [MARGIN + (room - needed) / 2 + sum(widths[:i]) + GAP * i for i in range(len(tokens))]
    if right_to_left(tokens):
        lefts = [mirrored(left, width) for left, width in zip(lefts, widths, strict=True)]
    middles = [left + width / 2 for left, width in zip(lefts, widths, strict=True)]
    top = 34 + 0.19 * max(abs(middle - middles[query]) for middle in middles) + (14 if title else 0)
    axes = canvas(top + BOX + 34)
    write(axes, MARGIN, MARGIN, title, NORMAL, ha="left", weight="bold")
    for place, (token, weight) in enumerate(zip(tokens, given, strict=True)):
        draw_token(axes, lefts[place], top, widths[place], token, weight, place == query)
        if place != query and weight >= 0.01:
            draw_link(axes, middles[query], middles[place], top - 2, weight)
    return axes.figure


def draw_token(axes: Axes, left: float, top: float, width: float, token: str, weight: float, asks: bool) -> None:
    """Draw a token's box in the colour of its weight, which stands beneath it; one that asks as a query."""
    looks, color = ({}, "black") if asks else ({"facecolor": weight_colours(weight)[0]}, weight_colours(weight)[1])
    draw_box(axes, left, top, width, BOX, "query" if asks else "token", **looks)
    write(axes, left + width / 2, top + BOX / 2, visible(token), SMALLEST, family=MONO, color=color)
    if weight >= 0.01:
        write(axes, left + width / 2, top + BOX + 11, f"{weight:.0%}", SMALLEST, color=FAINT_INK)


def draw_link(axes: Axes, start: float, end: float, y: float, weight: float) -> None:
    """Draw an arc from the query's box to another one, wider and darker for more weight."""
    bend = 0.38 if end < start else -0.38
    looks = {"arrowstyle": "-|>,head_length=4,head_width=2.5", "shrinkA": 0, "shrinkB": 0}
    color = WEIGHTS(0.45 + 0.55 * weight)
    path = f"arc3,rad={bend}"
    axes.add_patch(
        FancyArrowPatch((start, y), (end, y), connectionstyle=path, color=color, linewidth=0.8 + 4 * weight, **looks)
    )


def draw_attention(masked: bool) -> Figure:
    """Draw the steps of attention as boxes, with a mask or without (Vaswani et al. 2017, figure 2)."""
    steps = [("scores", "queries @ keysᵀ", "token"), ("scale", "divide by √D", "part")]
    steps += [("mask", "future: −∞", "masked")] * masked
    steps += [
        ("softmax", "row by row", "part"),
        ("weights", "each row: 1", "weight"),
        ("contexts", "weights @ values", "context"),
    ]
    axes = canvas(178)
    pitch = (WIDTH - 2 * MARGIN) / (len(steps) + 1)
    width, middle = pitch - 16, 76.0
    for (name, y), role in zip(
        (("queries", 46.0), ("keys", 106.0), ("values", 150.0)), ("query", "key", "value"), strict=True
    ):
        draw_box(axes, MARGIN, y - 13, width, 26, role)
        write(axes, MARGIN + width / 2, y, name, SMALLEST, weight="bold")
    for place, (name, what, role) in enumerate(steps, 1):
        left = MARGIN + place * pitch
        draw_box(
            axes,
            left,
            middle - 17,
            width,
            34,
            role,
            **({"facecolor": "#FFFFFF", "hatch": ""} if role == "masked" else {}),
        )
        write(axes, left + width / 2, middle, name, SMALLEST, weight="bold")
        write(axes, left + width / 2, middle + 27 if place % 2 else middle - 27, what, SMALLEST, color=FAINT_INK)
        if place > 1:
            draw_arrow(axes, (left - 15, middle), (left - 1, middle))
    for y in (50.0, 102.0):
        draw_arrow(axes, (MARGIN + width + 1, y), (MARGIN + pitch - 1, middle + (-8 if y < middle else 8)))
    end = MARGIN + len(steps) * pitch + width / 2
    axes.plot([MARGIN + width, end], [150, 150], color=FAINT_INK, linewidth=1.3, linestyle="-")
    draw_arrow(axes, (end, 150), (end, middle + (36 if len(steps) % 2 else 18)))
    return axes.figure
