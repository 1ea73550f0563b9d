"""Bars: probabilities, the largest first, fractions with their intervals, and how long people wait to write again."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from course_utils.common import require
from course_utils.plots.style import (
    INK,
    MARGIN,
    MONO,
    NORMAL,
    ROLES,
    SANS,
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


def as_floats(values: Any) -> np.ndarray:
    """Return a list, an array or a tensor (on any device, of any precision) as an array of floats."""
    return np.asarray(values.tolist() if hasattr(values, "tolist") else list(values), dtype=float)


def draw_distribution(tokens: Sequence[str], probabilities: Any, most: int = 10, chosen: str | None = None) -> Figure:
    """Draw the `most` probable next tokens as bars with their probabilities, and the sum of all others hatched.

    `tokens[i]` has `probabilities[i]`; the token `chosen` is marked. ValueError: lengths that differ, numbers that
    are no probabilities.
    """
    chances = as_floats(probabilities)
    require(
        chances.shape == (len(tokens),), f"there are {len(tokens)} tokens and probabilities of shape {chances.shape}"
    )
    proper = len(tokens) > 0 and (chances >= 0).all() and chances.sum() <= 1.01  # half precision sums to 1 nearly
    require(bool(proper), "probabilities are at least one number, each 0 or more, together at most 1")
    order = np.argsort(-chances, kind="stable")[:most]
    rows = [(visible(tokens[i]), chances[i], "highlight" if tokens[i] == chosen else "token") for i in order]
    others = 1 - sum(chance for _, chance, _ in rows)
    if others > 0.0005:
        rows.append(("all others", others, "masked"))
    return draw_bars(rows)


def draw_bars(rows: Sequence[tuple[str, float, str]]) -> Figure:
    """Draw a row for each (name, share, role): the name in a box, a bar as long as the share, the share as a number."""
    line, left = BOX + 5, 2 * MARGIN + max(text_width(name, NORMAL, MONO) for name, _, _ in rows)
    axes = canvas(2 * MARGIN + len(rows) * line - 5)
    room = (WIDTH - MARGIN - 48 - left) / max(share for _, share, _ in rows)
    for number, (name, share, role) in enumerate(rows):
        y, width = MARGIN + number * line, text_width(name, NORMAL, MONO) + 2 * PAD
        draw_box(axes, left - 8 - width, y, width, BOX, role, hatch="")
        write(axes, left - 8 - width / 2, y + BOX / 2, name, family=MONO)
        draw_box(axes, left, y + 2, max(share * room, 1), BOX - 4, role, radius=min(2, share * room / 2))
        write(axes, left + share * room + 6, y + BOX / 2, f"{share:.1%}", ha="left")
    return axes.figure


def draw_intervals(fractions: Mapping[str, tuple[float, float, float]], label: str) -> Figure:
    """Draw a row for each name: a bar as long as the fraction, and a whisker over its interval, from low to high.

    `fractions` has (fraction, low, high) by name. ValueError: no row, or numbers that aren't 0 <= low <= high <= 1
    with the fraction between them.
    """
    require(len(fractions) > 0, "there is no fraction to draw; give at least one")
    for name, (fraction, low, high) in fractions.items():
        ordered = 0 <= low <= fraction <= high <= 1
        require(ordered, f"{name!r} is {fraction} from {low} to {high}; it takes 0 <= low <= fraction <= high <= 1")
    figure, axes = chart(height=70 + 20 * len(fractions))
    look = ROLES["value"]
    for row, (fraction, low, high) in enumerate(fractions.values()):
        axes.barh(row, fraction, height=0.62, color=look.fill, edgecolor=look.edge, linewidth=0.8)
        whisker = [[fraction - low], [high - fraction]]
        axes.errorbar(fraction, row, xerr=whisker, color=INK, capsize=3, linewidth=1.2)
        axes.text(high + 0.012, row, f"{fraction:.1%}", va="center_baseline", size=SMALLEST)
    # Room at the right for the number of a row that reaches 100 %.
    axes.set(xlabel=label, xlim=(0, 1.09), ylim=(len(fractions) - 0.4, -0.6))
    axes.set_yticks(range(len(fractions)), [*fractions])
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    return figure


# What is written under the bars of waiting times, in hours.
TIMES = {1 / 60: "1 minute", 1 / 6: "10 minutes", 1: "1 hour", 6: "6 hours", 24: "1 day", 168: "1 week"}


def draw_gaps(hours: Sequence[float], pause: float) -> Figure:
    """Draw how many messages come so many hours after the one before, both axes logarithmic, and a line at `pause`.

    Under half a minute counts as half a minute, over two weeks as two weeks. ValueError: no gap, or one below 0.
    """
    require(len(hours) > 0, "there is no gap to draw; it takes two messages or more")
    shortest = min(hours)
    require(shortest >= 0 < pause, f"the shortest gap is {shortest} hours and the pause {pause}; time runs forwards")
    figure, axes = chart(height=225)
    bins, look = np.geomspace(1 / 120, 336, 33), ROLES["token"]
    axes.hist(np.clip(hours, bins[0], bins[-1]), bins, facecolor=look.fill, edgecolor=look.edge)
    axes.set(xscale="log", yscale="log", xlabel="since the message before", ylabel="messages", ylim=(0.7, None))
    most = axes.get_ylim()[1]
    heights = [10**power for power in range(7) if 10**power <= most]
    axes.set_yticks(heights, [f"{height:,}" for height in heights])
    axes.set_xticks(list(TIMES), TIMES.values())
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.axvline(pause, color=INK, linewidth=1.4, linestyle="--")
    place = {"xycoords": axes.get_xaxis_transform(), "xytext": (5, -2), "textcoords": "offset points"}
    axes.annotate(f"pause of {pause:g} h", (pause, 1), **place, va="top", size=SMALLEST, family=SANS)
    return figure
