"""Matrices drawn with their numbers, names and shapes, side by side: what goes in, the sign between, what comes out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.common import require
from course_utils.plots.style import (
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
    draw_box,
    text_width,
    visible,
    weight_colours,
    write,
)

CELL = 19.0  # the height of a cell
SIGN = 24.0  # the room of a sign between two matrices
GROUPS = ("#F6D9A8", "#BFDDF5", "#C9E6B8", "#EBCBE6", "#DDD6C9", "#F5C4B8")  # fills of cells that belong together


@dataclass(frozen=True)
class Matrix:
    """Numbers to draw, (rows, columns), with a name and a role, which gives the colour; names of rows and columns.

    `marked` are rows to mark, `marked_columns` columns. With `upright` the names of columns stand on end, for want of
    room. With `shade` a cell is the deeper the larger its number. Those of the role "weight" are always shaded, on one
    scale from 0 to 1, so that matrices can be compared. `groups` has a whole number for each cell: those with the same
    number have one colour. Cells with -inf are drawn as masked, nan as empty.
    """

    name: str
    values: Any
    role: str = "token"
    rows: Sequence[str] = ()
    columns: Sequence[str] = ()
    marked: Iterable[int] = ()
    marked_columns: Iterable[int] = ()
    shade: bool = False
    digits: int = 2
    upright: bool = False
    groups: Any = None

    @property
    def numbers(self) -> np.ndarray:
        """The values as an array of two dimensions; a vector is one row."""
        values = self.values.detach().tolist() if hasattr(self.values, "detach") else self.values
        numbers = np.atleast_2d(np.asarray(values, dtype=float))
        require(numbers.ndim == 2 and numbers.size > 0, f"{self.name} is {numbers.shape}; it takes rows and columns")
        return numbers

    def texts(self) -> list[list[str]]:
        """Return what stands in each cell."""
        return [[cell_text(number, self.digits) for number in row] for row in self.numbers.tolist()]

    def cell_width(self) -> float:
        """Return the width of a cell: that of the longest number in it or column's name above it."""
        longest = [text for row in self.texts() for text in row]
        names = [] if self.upright else [text_width(visible(name), SMALLEST, MONO) for name in self.columns]
        return 7 + max(14.0, *(text_width(text, SMALLEST, MONO) for text in longest), *names)

    def label_width(self) -> float:
        """Return the room for the names of rows."""
        return 5 + max(text_width(visible(name), SMALLEST, MONO) for name in self.rows) if self.rows else 0.0

    def names_height(self) -> float:
        """Return the room for the names of columns."""
        if self.upright and self.columns:
            return 6 + max(text_width(visible(name), SMALLEST, MONO) for name in self.columns)
        return 16.0 if self.columns else 0.0

    def width(self) -> float:
        """Return the width of all of it."""
        grid = self.label_width() + self.cell_width() * self.numbers.shape[1]
        return max(grid, self.label_width() + text_width(self.name, NORMAL, weight="bold"))


def cell_text(number: float, digits: int) -> str:
    """Return a number as it is written in a cell.

    >>> cell_text(-0.126, 2), cell_text(float("-inf"), 2), cell_text(0.0, 0)
    ('-0.13', '-∞', '0')
    """
    if np.isnan(number):
        return ""
    if np.isinf(number):
        return "-∞" if number < 0 else "∞"
    text = f"{number:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def draw_matrices(parts: Sequence[Matrix | str], title: str = "") -> Figure:
    """Draw matrices and the signs between them (`"@"`, `"="`, `"→"`), each with its name above and its shape beneath.

    ValueError: nothing to draw, or more than the figure's width holds.
    """
    matrices = [part for part in parts if isinstance(part, Matrix)]
    require(len(matrices) > 0, "there is no matrix to draw; give at least one")
    widths = [part.width() if isinstance(part, Matrix) else SIGN for part in parts]
    room = WIDTH - 2 * MARGIN
    require(sum(widths) <= room, f"the matrices take {sum(widths):.0f} points and there are {room:.0f}: draw fewer")
    tallest = max(matrix.numbers.shape[0] for matrix in matrices) * CELL
    above = 20 + max(matrix.names_height() for matrix in matrices)
    top = MARGIN + (24 if title else 0)
    axes = canvas(top + above + tallest + 18 + MARGIN - 6)
    if title:
        write(axes, MARGIN, MARGIN + 4, title, LARGE, ha="left", weight="bold")
    x = MARGIN + (room - sum(widths)) / 2
    for part, width in zip(parts, widths, strict=True):
        if isinstance(part, Matrix):
            draw_matrix(axes, part, x, top + above + (tallest - part.numbers.shape[0] * CELL) / 2)
        else:
            write(axes, x + width / 2, top + above + tallest / 2, part, LARGE, weight="bold")
        x += width
    return axes.figure


def draw_matrix(axes: Axes, matrix: Matrix, x: float, y: float) -> None:
    """Draw one matrix, the upper left corner of its names of rows at x, of its cells at y."""
    numbers, texts, wide = matrix.numbers, matrix.texts(), matrix.cell_width()
    left, (n, m) = x + matrix.label_width(), numbers.shape
    marked, marked_columns = set(matrix.marked), set(matrix.marked_columns)
    for row in range(n):
        for column in range(m):
            looks = {"facecolor": shade_of(matrix, numbers, row, column), "linestyle": "-", "linewidth": 0.6}
            role = "masked" if np.isneginf(numbers[row, column]) else matrix.role
            if role == "masked":
                looks = {"linewidth": 0.6}
            draw_box(axes, left + column * wide, y + row * CELL, wide, CELL, role, radius=0.1, **looks)
            place = left + (column + 0.5) * wide, y + (row + 0.5) * CELL
            color = weight_colours(numbers[row, column])[1] if role == "weight" else INK
            write(axes, *place, texts[row][column], SMALLEST, family=MONO, color=color)
    for row in sorted(marked):
        draw_box(axes, left, y + row * CELL, m * wide, CELL, "highlight", radius=1, facecolor="none")
    for column in sorted(marked_columns):
        draw_box(axes, left + column * wide, y, wide, n * CELL, "highlight", radius=1, facecolor="none")
    for row, name in enumerate(matrix.rows):
        weight = "bold" if row in marked else "normal"
        place = left - 4, y + (row + 0.5) * CELL
        write(axes, *place, visible(name), SMALLEST, ha="right", family=MONO, color=FAINT_INK, weight=weight)
    for column, name in enumerate(matrix.columns):
        looks = {"rotation": 90, "va": "bottom"} if matrix.upright else {}
        place = left + (column + 0.5) * wide, y - (4 if matrix.upright else 8)
        write(axes, *place, visible(name), SMALLEST, family=MONO, color=FAINT_INK, **looks)
    middle = left + m * wide / 2
    write(
        axes,
        middle,
        y - 10 - (matrix.names_height() - 2 if matrix.columns else 0),
        matrix.name,
        NORMAL,
        weight="bold",
        color=ROLES[matrix.role].edge,
    )
    write(axes, middle, y + n * CELL + 10, f"({n}, {m})", SMALLEST, family=MONO, color=FAINT_INK)


def shade_of(matrix: Matrix, numbers: np.ndarray, row: int, column: int) -> str:
    """Return the colour of a cell: the role's, or between white and it by how large the number is; that of a weight."""
    fill = ROLES[matrix.role].fill
    if np.isnan(numbers[row, column]):
        return "none"
    if matrix.groups is not None:
        return GROUPS[int(matrix.groups[row][column]) % len(GROUPS)]
    if matrix.role == "weight":
        return weight_colours(numbers[row, column])[0]
    if not matrix.shade:
        return fill
    largest = np.nanmax(np.abs(np.where(np.isinf(numbers), np.nan, numbers)))
    share = min(1.0, abs(numbers[row, column]) / largest) if largest > 0 else 0.0
    parts = [int(fill[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(255 + (part - 255) * share):02X}" for part in parts)
