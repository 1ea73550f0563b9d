"""A sentence above its translation, and lines that say which word was attended to for which."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from course_utils.common import require
from course_utils.plots.bars import as_floats
from course_utils.plots.style import MARGIN, ROLES, SMALLEST, WIDTH, canvas, write
from course_utils.plots.tokens import BOX, draw_token, token_width

GAP = 6.0  # between two words
APART = 96.0  # from the lower edge of the source to the upper edge of the translation
FAINTEST = 0.15  # smaller weights aren't drawn


def draw_alignment(source: Sequence[str], target: Sequence[str], weights: Any, marked: Sequence[int] = ()) -> Figure:
    """Draw the words of a source above those of its translation, with a line for each weight, the thicker the larger.

    `weights` (T, S) has a row for each target word; the lines of the target words `marked` stand out. ValueError:
    weights of another shape, or more words than the width holds.
    """
    rows = [as_floats(row) for row in weights]
    shape = (len(rows), len(rows[0]) if rows else 0)
    require(shape == (len(target), len(source)), f"weights are {shape}; they take ({len(target)}, {len(source)})")
    axes = canvas(2 * MARGIN + 2 * BOX + APART)
    above, below = (middles(words) for words in (source, target))
    for row, x in enumerate(below):
        look = ROLES["target" if row in marked else "key"]
        for column, weight in enumerate(rows[row]):
            if weight >= FAINTEST:
                ends = (above[column], x), (MARGIN + BOX + 2, MARGIN + BOX + APART - 2)
                looks = {"linewidth": 0.5 + 3.5 * weight, "linestyle": look.line if row in marked else "-"}
                axes.plot(*ends, color=look.edge, alpha=0.35 + 0.65 * weight, zorder=0, **looks)
    for words, places, y, role in ((source, above, MARGIN, "key"), (target, below, MARGIN + BOX + APART, "query")):
        for place, (word, x) in enumerate(zip(words, places, strict=True)):
            width = token_width(word)
            stands_out = role == "query" and place in marked
            draw_token(axes, x - width / 2, y, word, width, "target" if stands_out else role, hatch="")
    write(axes, WIDTH - MARGIN, MARGIN / 2 + 1, "read", SMALLEST, ha="right")
    write(axes, WIDTH - MARGIN, 1.4 * MARGIN + 2 * BOX + APART, "written", SMALLEST, ha="right")
    return axes.figure


def middles(words: Sequence[str]) -> list[float]:
    """Return where the middle of each word's box is, in a line centred on the page."""
    widths = [token_width(word) for word in words]
    length = sum(widths) + GAP * (len(words) - 1)
    require(length <= WIDTH - 2 * MARGIN, f"{len(words)} words take {length:.0f} points: choose a shorter sentence")
    x, found = (WIDTH - length) / 2, []
    for width in widths:
        found.append(x + width / 2)
        x += width + GAP
    return found
