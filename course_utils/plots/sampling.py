"""How text is generated: probabilities before and after a filter, quality against diversity, what a cache saves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from course_utils.common import require
from course_utils.plots.bars import as_floats
from course_utils.plots.style import (
    CARD,
    FAINT_INK,
    INK,
    MARGIN,
    MONO,
    NORMAL,
    ROLES,
    SMALLEST,
    WIDTH,
    canvas,
    chart,
    draw_box,
    text_width,
    visible,
    write,
)
from course_utils.plots.tokens import BOX, PAD

Point = tuple[float, float, str]  # diversity, quality, and the setting beside it, or ""
# Told apart by colour, line and marker.
CURVES = tuple(zip(("query", "key", "value", "target"), ("o", "s", "^", "D"), strict=True))


def draw_filters(tokens: Sequence[str], before: Any, after: Mapping[str, Any], most: int = 12) -> Figure:
    """Draw the `most` likely next tokens, a panel for each way to choose: filled what it leaves, hatched what it took.

    `before` are the probabilities of all tokens, and `after` holds those that each way makes of them, by its name.
    """
    given = as_floats(before)
    require(given.shape == (len(tokens),), f"there are {len(tokens)} tokens and probabilities of shape {given.shape}")
    require(1 <= len(after) <= 4, f"there are {len(after)} panels to draw; this takes one to four")
    order = np.argsort(-given, kind="stable")[:most]
    figure, panels = chart(height=44 + 17 * len(order) + 2 * MARGIN, columns=len(after), sharey=True, squeeze=False)
    changed = {name: as_floats(values) for name, values in after.items()}
    longest = max(given.max(), *(values.max() for values in changed.values()))
    for panel, (name, values) in zip(panels[0], changed.items(), strict=True):
        require(values.shape == given.shape, f"{name!r} has {values.shape} probabilities in place of {given.shape}")
        draw_panel(panel, given[order], values[order])
        panel.set_title(f"{name}\n{int((values > 0).sum()):,} tokens left", size=NORMAL)
        panel.set_xlim(0, 1.32 * longest)  # room for the numbers
    panels[0][0].set_yticks(range(len(order)), [visible(tokens[i]) for i in order], family=MONO)
    panels[0][0].invert_yaxis()
    return figure


def draw_panel(axes: Axes, before: np.ndarray, after: np.ndarray) -> None:
    """Draw bars for some tokens, from the top down: what they had, and over it what they have now."""
    old, new, rows = ROLES["masked"], ROLES["query"], range(len(before))
    axes.barh(rows, before, 0.72, facecolor=old.fill, edgecolor=old.edge, hatch=old.hatch, linewidth=0.8)
    axes.barh(rows, after, 0.4, facecolor=new.fill, edgecolor=new.edge, linewidth=new.width * (after > 0))
    for row, (had, has) in enumerate(zip(before, after, strict=True)):
        axes.annotate(
            f"{has:.0%}" if has >= 0.005 or not has else "<1%",
            (max(had, has), row),
            (3, 0),
            textcoords="offset points",
            va="center",
            size=SMALLEST,
            color=INK,
        )
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def draw_tradeoff(panels: Mapping[str, Mapping[str, Sequence[Point]]], goal: tuple[float, float]) -> Figure:
    """Draw quality (up) against diversity (right), a panel for each title, a curve for each of its strategies.

    `goal` is the point of texts that are all right; it's in every panel.
    """
    require(1 <= len(panels) <= 2, f"there are {len(panels)} panels to draw; this takes one or two")
    figure, axes = chart(height=300, columns=len(panels), squeeze=False)
    for panel, (title, curves) in zip(axes[0], panels.items(), strict=True):
        require(len(curves) <= len(CURVES), f"{title!r} has {len(curves)} curves; a panel takes {len(CURVES)}")
        for (name, points), (role, marker) in zip(curves.items(), CURVES, strict=False):
            draw_curve(panel, name, points, role, marker)
        panel.plot(*goal, marker="*", markersize=15, linestyle="", color=INK, zorder=4, label="the world")
        panel.set(title=title, xlabel="distinct 4-grams")
        panel.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        panel.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        panel.margins(0.1)
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))  # whole percentages, never 97.5
            low, high = axis.get_view_interval()
            axis.set_ticks([tick for tick in axis.get_majorticklocs() if low <= tick <= high])
        panel.legend(fontsize=SMALLEST, loc="lower left", facecolor=CARD, framealpha=1)
    axes[0][0].set_ylabel("consistent tales")
    return figure


def draw_curve(axes: Axes, name: str, points: Sequence[Point], role: str, marker: str) -> None:
    """Draw one strategy's points and join them; a setting that has a name is written beside its point."""
    look = ROLES[role]
    x, y = ([point[i] for point in points] for i in (0, 1))
    line = {"color": look.edge, "linestyle": look.line, "linewidth": 1.4}
    axes.plot(x, y, marker=marker, markersize=6, markerfacecolor=look.fill, label=name, **line)
    # The first curve's settings stand below their points and the others' above: the curves lie close together.
    offset, side = ((-5, -12), "right") if role == CURVES[0][0] else ((5, 4), "left")
    for across, up, setting in points:
        looks = {"textcoords": "offset points", "size": SMALLEST, "color": look.edge, "weight": "bold", "ha": side}
        axes.annotate(setting, (across, up), offset, **looks)


def draw_reading(tokens: Sequence[str], prompt: int) -> Figure:
    """Draw which tokens a model reads at each step of generation, without a cache and with one, side by side.

    The first `prompt` tokens are given; each step adds one of the others.
    """
    require(1 <= prompt < len(tokens), f"prompt is {prompt} of {len(tokens)} tokens; it takes 1 or more, but not all")
    gap, line = 4, BOX + 6
    widths = [text_width(visible(token), SMALLEST, MONO) + PAD for token in tokens[:-1]]
    steps = range(prompt, len(tokens))
    axes = canvas(2 * MARGIN + 20 + len(steps) * line)
    for title, left, cached in (("without a cache", MARGIN, False), ("with a cache", WIDTH / 2 + MARGIN / 2, True)):
        write(axes, left, MARGIN + 2, title, ha="left", weight="bold")
        for row, length in enumerate(steps):
            x, y = left, MARGIN + 20 + row * line
            for place, width in enumerate(widths[:length]):
                kept = cached and row > 0 and place < length - 1
                draw_box(axes, x, y, width, BOX, "key" if kept else "query")
                write(axes, x + width / 2, y + BOX / 2, visible(tokens[place]), SMALLEST, family=MONO)
                x += width + gap
            write(axes, x + 2, y + BOX / 2, f"→ {tokens[length].strip()}", SMALLEST, ha="left", color=FAINT_INK)
    return axes.figure
