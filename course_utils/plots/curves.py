"""Curves of a training run: the loss against steps, as a figure and live while the model learns."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from course_utils.common import require
from course_utils.plots.cards import in_notebook
from course_utils.plots.style import (
    FAINT_INK,
    INK,
    NORMAL,
    ROLES,
    SANS,
    SMALLEST,
    Role,
    chart,
    close,
    escape,
    one_line,
    picture,
    put,
    show,
    words_under,
)


def smooth(values: Sequence[float], span: int) -> np.ndarray:
    """Return the mean of each value and some before it: few at the start, where values fall fast, `span` at the end.

    >>> smooth([4.0] * 30 + [2.0] * 10, span=10)[[0, 29, -1]].tolist()
    [4.0, 4.0, 2.0]
    """
    total = np.cumsum([0.0, *values])
    ends = np.arange(1, len(values) + 1)
    starts = ends - np.minimum(span, 1 + ends // 10)
    return (total[ends] - total[starts]) / (ends - starts)


def draw_loss(history: Any, references: Mapping[str, float] | None = None, steps: int | None = None) -> Figure:
    """Draw training and validation loss against steps, each named at its end, with named horizontal lines.

    `history` has `losses`, one for each step, and `validation`, pairs (step, loss), as `training.History`. `references`
    are lines by name: `{"pure chance": 8.32}`. `steps` fixes the axis while training is under way.
    """
    require(len(history.losses) > 0, "the history holds no loss yet; train for at least one step")
    figure, axes = chart(height=252)
    at, losses = np.arange(1, len(history.losses) + 1), np.asarray(history.losses, dtype=float)
    line, look = smooth(losses, max(1, len(losses) // 40)), ROLES["loss-train"]
    axes.plot(at, losses, color=look.fill, linewidth=0.8, linestyle="-")
    axes.plot(at, line, color=look.edge, linewidth=look.width, linestyle=look.line)
    ends = [(at[-1], line[-1], "training", look)]
    if history.validation:
        x, y = np.asarray(history.validation, dtype=float).T
        look = ROLES["loss-validation"]
        marks = {"marker": "o", "markersize": 4, "clip_on": False, "zorder": 3}
        axes.plot(x, y, color=look.edge, linewidth=look.width, linestyle=look.line, **marks)
        ends.append((x[-1], y[-1], "validation", look))
    axes.set(xlabel="training step", xlim=(0, max(steps or 0, at[-1], 2)))
    axes.set_title("loss, nats per token", loc="left", fontsize=NORMAL, fontweight="normal", color=FAINT_INK)
    draw_references(axes, references or {}, falls=losses[0] >= losses[-1])
    name_ends(axes, ends)
    return figure


def draw_references(axes: Axes, references: Mapping[str, float], falls: bool) -> None:
    """Draw a thin line for each reference, with its name and value on the side where the curve is far from it."""
    low, high = axes.get_ylim()
    low, high = min([low, *references.values()]), max([high, *references.values()])
    axes.set_ylim(low - 0.08 * (high - low), high + 0.1 * (high - low))
    for name, value in references.items():
        axes.axhline(value, color=FAINT_INK, linewidth=1, linestyle=(0, (1, 2)))
        x, ha = (1, "right") if falls else (0, "left")
        y, va = (2, "bottom") if value > (low + high) / 2 else (-2, "top")
        looks = {"ha": ha, "va": va, "size": SMALLEST, "color": FAINT_INK, "family": SANS, "parse_math": False}
        place = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points"}
        axes.annotate(f"{name} {value:.2f}", (x, value), (4 - 8 * x, y), **place, **looks)


def draw_shares(at: Sequence[float], shares: Mapping[str, Sequence[float]], label: str) -> Figure:
    """Draw up to two shares, from 0 to 1, against what `label` says, such as minutes; each is named at its end."""
    require(1 <= len(shares) <= 2, f"there are {len(shares)} curves to draw; this takes one or two")
    for name, values in shares.items():
        require(len(values) == len(at) > 0, f"{name!r} has {len(values)} values at {len(at)} places")
        require(all(0 <= value <= 1 for value in values), f"{name!r} holds a number that is no share: from 0 to 1")
    figure, axes = chart(height=225)
    ends = []
    for (name, values), look in zip(shares.items(), (ROLES["loss-train"], ROLES["loss-validation"]), strict=False):
        axes.plot(
            at,
            values,
            color=look.edge,
            linewidth=look.width,
            linestyle=look.line,
            marker="o",
            markersize=4,
            clip_on=False,
        )
        ends.append((at[-1], values[-1], name, look))
    axes.set(xlabel=label, xlim=(0, 1.02 * max(at)), ylim=(0, 1), yticks=np.linspace(0, 1, 6))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    name_ends(axes, ends, "{:.1%}")
    return figure


def draw_differences(differences: Mapping[str, Sequence[float]], label: str) -> Figure:
    """Draw a row for each name: a dot for each seed's difference, a bar for their mean, and a line at no difference."""
    require(len(differences) > 0, "there is nothing to draw; give at least one row of differences")
    empty = [name for name, values in differences.items() if len(values) == 0]
    require(not empty, f"{empty[0] if empty else ''!r} has no difference; give one for each seed")
    figure, axes = chart(height=90 + 22 * len(differences))
    draw_seeds(axes, differences)
    axes.set(xlabel=label, ylim=(len(differences) - 0.4, -0.6))  # the first row on top
    axes.set_yticks(range(len(differences)), [*differences])
    low, high = axes.get_xlim()
    axes.set_xticks([tick for tick in axes.get_xticks() if low <= tick <= high])
    return figure


def draw_seeds(axes: Axes, differences: Mapping[str, Sequence[float]]) -> None:
    """Draw the rows of differences: a bar for each mean, a dot for each seed, and the line at no difference."""
    look = ROLES["value"]
    for place, values in enumerate(differences.values()):
        axes.barh(place, float(np.mean(values)), height=0.6, color=look.fill, edgecolor=look.edge, linewidth=0.8)
        axes.plot(values, [place] * len(values), "o", color=INK, markersize=3.5, zorder=3)
    axes.axvline(0, color=FAINT_INK, linewidth=1)


def draw_effects(effects: Mapping[str, Mapping[str, Sequence[float]]], label: str) -> Figure:
    """Draw differences measured in several ways, a panel for each way: rows as `draw_differences` has them, shared.

    `effects` has the differences of each seed by way and row; all ways have the same rows.
    """
    rows = list(next(iter(effects.values()), {}))
    require(len(rows) > 0, "there is nothing to draw; give at least one row of differences")
    require(all(list(way) == rows for way in effects.values()), "each way of measuring takes the same rows")
    empty = [name for way in effects.values() for name, values in way.items() if len(values) == 0]
    require(not empty, f"{empty[0] if empty else ''!r} has no difference; give one for each seed")
    figure, panels = chart(height=100 + 20 * len(rows), columns=len(effects), sharex=True, sharey=True, squeeze=False)
    for panel, (way, differences) in zip(panels[0], effects.items(), strict=True):
        draw_seeds(panel, differences)
        panel.set_title(way, fontsize=NORMAL)
        panel.set_xlabel(label)
    panels[0][0].set(ylim=(len(rows) - 0.4, -0.6))  # the first row on top
    panels[0][0].set_yticks(range(len(rows)), rows)
    low, high = panels[0][0].get_xlim()
    panels[0][0].set_xticks([tick for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high])
    return figure


def name_ends(axes: Axes, ends: Sequence[tuple[float, float, str, Role]], form: str = "{:.2f}") -> None:
    """Write each curve's name and last value right of its end, two of them moved apart where they would overlap."""
    low, high = axes.get_ylim()
    ends = sorted(ends, key=lambda end: end[1])
    room = 185.0  # the axes' height in points, nearly: it is only known when the figure is drawn
    apart = (ends[-1][1] - ends[0][1]) / (high - low) * room
    shift = max(0.0, 14 - apart) / 2 if len(ends) > 1 else 0.0
    for (x, value, name, look), side in zip(ends, (-1, 1), strict=False):
        looks = {"va": "center", "size": NORMAL, "color": look.edge, "family": SANS, "weight": "bold"}
        place = {"textcoords": "offset points", "annotation_clip": False}
        axes.annotate(f"{name} {form.format(value)}", (x, value), (8, side * shift), **place, **looks)


class LiveLoss:
    """A callback of `training.train`: one loss figure, redrawn in place while the model learns.

    Beneath it stands the caption, or, when `sample(model) -> str` is given, what the model last wrote: it is asked at
    each evaluation. When closed (`train` does it), the figure and its caption stay, as `show` leaves them.
    """

    def __init__(
        self,
        caption: str,
        references: Mapping[str, float] | None = None,
        sample: Callable[[Any], str] | None = None,
        pause: float = 0.5,
    ) -> None:
        self.caption, self.references, self.sample, self.pause = one_line(caption), references, sample, pause
        self.history: Any = None
        self.steps = 0
        self.due = 0.0  # when to draw next, on the clock of `time.perf_counter`
        self.figure_handle: Any = None
        self.words_handle: Any = None

    def __call__(self, now: Any) -> None:
        """Take note of a `Progress`; draw if it is time."""
        self.history, self.steps = now.history, now.steps
        if not in_notebook():
            return
        if time.perf_counter() >= self.due:
            self.redraw()
        if self.sample is not None and now.validation_loss is not None:
            self.quote(now.step, self.sample(now.model))

    def redraw(self) -> None:
        """Draw the figure anew in its place; the first time, open the places of figure and caption."""
        started = time.perf_counter()
        figure = draw_loss(self.history, self.references, self.steps)
        self.figure_handle = put(picture(figure, self.caption, small=False), self.figure_handle)
        if self.words_handle is None:
            # The caption comes first: a test that compares outputs sees only what was displayed, not its updates.
            self.words_handle = put(words_under(self.caption))
        ended = time.perf_counter()
        self.due = ended + max(self.pause, 15 * (ended - started))  # so that drawing costs training little

    def quote(self, step: int, text: str) -> None:
        """Show what the model wrote in the place of the caption."""
        words = " ".join(text.split())
        data = {"text/markdown": f"> **Step {step} writes:** {escape(words)}", "text/plain": f"Step {step}: {words}"}
        put({"obj": data, "metadata": {}}, self.words_handle)

    def close(self) -> None:
        """Leave the final figure and its caption, once; nothing if no step was done."""
        if self.history is None or not self.history.losses:
            return
        figure = draw_loss(self.history, self.references)
        if self.figure_handle is None:
            show(figure, self.caption)
        else:
            put(picture(figure, self.caption), self.figure_handle)
            put(words_under(self.caption), self.words_handle)
        self.history = self.figure_handle = self.words_handle = None
        close(figure)
