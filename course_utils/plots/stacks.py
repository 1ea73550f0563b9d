"""Bars for whole models: the losses of a ladder of them, and where in each its parameters sit."""

from collections.abc import Mapping, Sequence
from statistics import mean

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.common import require
from course_utils.plots.style import (
    FAINT_INK,
    INK,
    MARGIN,
    NORMAL,
    ROLES,
    SMALLEST,
    WIDTH,
    canvas,
    draw_box,
    text_width,
    write,
)

LINE, BAR = 30, 20  # from one row to the next, and the height of a bar
LOOKS = ("token", "query", "key", "value", "target")


def draw_rungs(losses: Mapping[str, Sequence[float]], references: Mapping[str, float]) -> Figure:
    """Draw a row for each model: a bar as long as its mean loss, a dot for each seed; `references` are lines by name.

    ValueError: no model, or one without a loss.
    """
    require(len(losses) > 0 and all(losses.values()), "each model needs at least one loss")
    left, top = name_column(losses), 44
    height = top + LINE * len(losses) + 14
    axes = canvas(height)
    means = {name: mean(values) for name, values in losses.items()}
    scale = (WIDTH - MARGIN - 44 - left) / max(*means.values(), *references.values(), 0)
    for number, (name, values) in enumerate(losses.items()):
        y = top + LINE * number
        write(axes, left - 10, y + BAR / 2, name, ha="right")
        draw_box(axes, left, y, means[name] * scale, BAR, "query", hatch="")
        axes.plot([left + value * scale for value in values], [y + BAR / 2] * len(values), "o", color=INK, markersize=3)
        write(axes, left + max(values) * scale + 8, y + BAR / 2, f"{means[name]:.2f}", ha="left", weight="bold")
    for name, value in references.items():
        x = left + value * scale
        axes.plot([x, x], [top - 6, height - 14], color=ROLES["target"].edge, linestyle="-.", linewidth=1.3)
        write(axes, x, top - 16, f"{name} {value:.2f}", SMALLEST, color=ROLES["target"].edge)
    return axes.figure


def name_column(names: Mapping[str, object]) -> float:
    """Return where the bars begin, so that the longest name fits in front of them."""
    return MARGIN + max(text_width(name, NORMAL) for name in names) + 10


def draw_stacks(models: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw a full bar for each model, cut into its components in proportion; above them what each colour is.

    `models` has the size of each component by model and component, the same components for all, five at most.
    """
    require(len(models) > 0, "there is no model to draw")
    components = list(next(iter(models.values())))
    same = all(list(parts) == components for parts in models.values())
    require(same and len(components) <= len(LOOKS), f"each model has the same components, at most {len(LOOKS)}")
    left, top = name_column(models), 56
    axes = canvas(top + (LINE + 6) * len(models) + 8)
    draw_key(axes, components)
    for number, (name, parts) in enumerate(models.items()):
        y, x = top + (LINE + 6) * number, left
        write(axes, left - 10, y + 13, name, ha="right")
        for size, role in zip(parts.values(), LOOKS, strict=False):
            width = size / sum(parts.values()) * (WIDTH - MARGIN - left)
            draw_box(axes, x, y, width, 26, role, radius=0)
            share = f"{size / sum(parts.values()):.0%}"
            if width > text_width(share, SMALLEST) + 4:
                write(axes, x + width / 2, y + 13, share, SMALLEST)
            x += width
    return axes.figure


def draw_key(axes: Axes, components: Sequence[str]) -> None:
    """Draw a small box for each component with its name."""
    x = MARGIN
    for name, role in zip(components, LOOKS, strict=False):
        draw_box(axes, x, 24, 12, 12, role, radius=1)
        write(axes, x + 18, 30, name, SMALLEST, ha="left", color=FAINT_INK)
        x += 18 + text_width(name, SMALLEST) + 18
