"""Tokens, windows, batches and merges: each token is a box with its text, its id beneath; long rows are strips."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.common import require
from course_utils.plots.scripts import right_to_left
from course_utils.plots.style import (
    FAINT_INK,
    LARGE,
    MARGIN,
    MONO,
    NORMAL,
    SMALLEST,
    WIDTH,
    canvas,
    draw_box,
    mirrored,
    text_width,
    visible,
    write,
)

BOX = 20.0  # the height of a token's box
PAD = 6.0  # between a box's border and its text


def token_width(token: str, token_id: int | None = None) -> float:
    """Return the width of a token's box, wide enough for its text and for the id beneath it."""
    texts = [visible(token), "" if token_id is None else str(token_id)]
    return 2 * PAD + max(text_width(text, size, MONO) for text, size in zip(texts, (NORMAL, SMALLEST), strict=True))


def draw_token(axes: Axes, x: float, y: float, token: str, width: float, role: str = "token", **looks: Any) -> None:
    """Draw one token as a box with its text, the upper left corner at (x, y)."""
    draw_box(axes, x, y, width, BOX, role, **looks)
    write(axes, x + width / 2, y + BOX / 2, visible(token), family=MONO)


def flow(widths: Sequence[float], room: float, gap: float) -> list[tuple[float, int]]:
    """Place boxes from left to right in lines no wider than `room`: each one's x and its line.

    >>> flow([40, 40, 40], room=100, gap=5)
    [(0.0, 0), (45.0, 0), (0.0, 1)]
    """
    places, x, line = [], 0.0, 0
    for width in widths:
        if x > 0 and x + width > room:
            x, line = 0.0, line + 1
        places.append((x, line))
        x += width + gap
    return places


def draw_tokens(
    tokens: Sequence[str],
    ids: Sequence[int] | None = None,
    highlight: Iterable[int] = (),
    title: str = "",
    roles: Sequence[str] = (),
) -> Figure:
    """Draw each token as a box with its text, white space made visible, and its id beneath; lines wrap.

    The tokens of a text that is written from right to left, such as Arabic, run that way.
    `highlight` are the positions, from 0, of the tokens to mark; `roles`, one for each token, are their looks instead.
    ValueError: no tokens, or not one id or one role for each.
    """
    require(len(tokens) > 0, "there is no token to draw; give at least one")
    marked, numbers = set(highlight), [None] * len(tokens) if ids is None else [int(i) for i in ids]
    require(len(numbers) == len(tokens), f"there are {len(tokens)} tokens and {len(numbers)} ids; give one each")
    looks = list(roles) or ["highlight" if i in marked else "token" for i in range(len(tokens))]
    require(len(looks) == len(tokens), f"there are {len(tokens)} tokens and {len(looks)} roles; give one each")
    widths = [token_width(token, number) for token, number in zip(tokens, numbers, strict=True)]
    require(max(widths) <= WIDTH - 2 * MARGIN, "a token is longer than a line of the figure; shorten it")
    places, back = flow(widths, WIDTH - 2 * MARGIN, gap=4), right_to_left(tokens)
    top, line_height = MARGIN + (22 if title else 0), BOX + (20 if ids is not None else 6)
    axes = canvas(top + (places[-1][1] + 1) * line_height - 6 + MARGIN)
    if title:
        write(axes, MARGIN, MARGIN + 4, title, LARGE, ha="left", weight="bold")
    for i, ((x, line), width) in enumerate(zip(places, widths, strict=True)):
        left, y = mirrored(MARGIN + x, width) if back else MARGIN + x, top + line * line_height
        draw_token(axes, left, y, tokens[i], width, looks[i], hatch="")
        if ids is not None:
            write(axes, left + width / 2, y + BOX + 8, str(numbers[i]), SMALLEST, family=MONO, color=FAINT_INK)
    return axes.figure


def draw_windows(tokens: Sequence[str], max_length: int, stride: int, most: int = 6) -> Figure:
    """Draw the text, and under it each window: its inputs, and its targets shifted by one, all in their places.

    A window starts every `stride` tokens and holds `max_length` inputs. What does not fit (more than `most` windows,
    more tokens than a line holds) is counted in a last line. ValueError: `max_length` or `stride` below 1, too few
    tokens.
    """
    starts, label, gap = window_starts(tokens, max_length, stride), 104.0, 4.0
    widths = [token_width(token) for token in tokens]
    edges = MARGIN + label + np.cumsum([0.0, *(width + gap for width in widths)])  # where each token's box starts
    fit = int((edges[1:] - gap <= WIDTH - MARGIN).sum())  # tokens that the line holds
    require(fit > max_length, f"a window of {max_length} of these tokens is wider than the figure; take shorter ones")
    drawn = [start for start in starts if start + max_length < fit][:most]
    rest, pair = len(drawn) < len(starts) or fit < len(tokens), 2 * BOX + 4
    axes, back = canvas(2 * MARGIN + BOX + len(drawn) * (pair + 12) + (16 if rest else 0)), right_to_left(tokens)

    def told(x: float, y: float, text: str, to: str = "left", **looks: Any) -> None:
        """Write beside the boxes; both are seen in a mirror where the text runs from right to left."""
        side = {"left": "right", "right": "left"}[to] if back else to
        write(axes, mirrored(x) if back else x, y, text, SMALLEST, ha=side, **looks)

    def draw_row(y: float, name: str, first: int, last: int, role: str, **looks: Any) -> None:
        told(MARGIN + label - 8, y + BOX / 2, name, "right", color=FAINT_INK)
        for i in range(first, last):
            x = mirrored(edges[i], widths[i]) if back else edges[i]
            draw_token(axes, x, y, tokens[i], widths[i], role, **looks)

    draw_row(MARGIN, "text", 0, fit, "token", facecolor="#FFFFFF")
    for number, start in enumerate(drawn):
        y = MARGIN + BOX + 12 + number * (pair + 12)
        told(MARGIN, y + BOX / 2, f"window {number}", weight="bold")
        draw_row(y, "inputs", start, start + max_length, "token")
        draw_row(y + BOX + 4, "targets", start + 1, start + max_length + 1, "target")
    if rest:
        cut = f"{fit} of {len(tokens)} tokens and " if fit < len(tokens) else ""
        count = f"{cut}{len(drawn)} of {len(starts)} windows are drawn"
        told(MARGIN + label, axes.get_ylim()[0] - MARGIN + 3, count, color=FAINT_INK)
    return axes.figure


def window_starts(tokens: Sequence[str], max_length: int, stride: int) -> range:
    """Return where in a text its windows start; ValueError: a number below 1, too few tokens.

    >>> list(window_starts(["to", "be", "or", "not"], max_length=1, stride=2))
    [0, 2]
    """
    for name, value in (("max_length", max_length), ("stride", stride)):
        require(isinstance(value, int) and value >= 1, f"{name} is {value!r}; it takes a whole number from 1 on")
    need = f"there are {len(tokens)} tokens; a window of {max_length} inputs and their targets needs {max_length + 1}"
    require(len(tokens) > max_length, need)
    return range(0, len(tokens) - max_length, stride)


def windows_table(tokens: Sequence[str], max_length: int, stride: int) -> str:
    """Return all windows of a text as a table in Markdown, inputs and targets side by side.

    >>> print(windows_table(["to", "be", "or", "not"], max_length=2, stride=1))
    | inputs | targets |
    | :-- | :-- |
    | to be | be or |
    | be or | or not |
    """
    starts = window_starts(tokens, max_length, stride)
    pairs = [(tokens[i : i + max_length], tokens[i + 1 : i + 1 + max_length]) for i in starts]
    lines = [f"| {' '.join(inputs)} | {' '.join(targets)} |" for inputs, targets in pairs]
    return "\n".join(["| inputs | targets |", "| :-- | :-- |", *lines])


def draw_batches(rows: Mapping[str, Sequence[Sequence[Any]]]) -> Figure:
    """Draw batches, one line for each name: the items of a batch side by side, a gap between one batch and the next.

    ValueError: nothing to draw, or more than a line holds.
    """
    require(
        any(batch for batches in rows.values() for batch in batches), "there is no batch to draw; give at least one"
    )
    texts = [str(item) for batches in rows.values() for batch in batches for item in batch]
    column = max(26.0, *(token_width(text) for text in texts)) + 4
    left = MARGIN + max(text_width(name) for name in rows) + 24
    widest = max(sum(map(len, batches)) * column + 16 * len(batches) for batches in rows.values())
    require(left + widest <= WIDTH, "the batches are wider than the figure; draw fewer")
    axes = canvas(2 * MARGIN + len(rows) * (BOX + 14) - 14)
    for line, (name, batches) in enumerate(rows.items()):
        y, x = MARGIN + line * (BOX + 14), left
        write(axes, MARGIN, y + BOX / 2, name, ha="left")
        for place, batch in enumerate(batches):
            for item in batch:
                draw_token(axes, x, y, str(item), column - 4, "part" if place % 2 else "token")
                x += column
            x += 16
    return axes.figure


def draw_strips(rows: Mapping[str, Sequence[str]], names: Mapping[str, str]) -> Figure:
    """Draw each row of tokens as a strip, one thin cell a token; tokens of the same role in a row share a box.

    `rows` has the roles of a row's tokens by the row's name; `names` says what each role stands for, above the strips.
    ValueError: no tokens, or a role without a name.
    """
    require(any(len(roles) for roles in rows.values()), "there is no token to draw; give at least one")
    nameless = {role for roles in rows.values() for role in roles} - names.keys()
    require(not nameless, f"the roles {sorted(nameless)} have no name; say what each stands for")
    left, top, line = MARGIN + max(map(text_width, rows)) + 10, MARGIN + BOX + 12, BOX + 4
    step = (WIDTH - MARGIN - left) / max(map(len, rows.values()))
    axes = canvas(top + len(rows) * line - 4 + MARGIN)
    draw_names(axes, left, names)
    for number, (name, roles) in enumerate(rows.items()):
        x, y = left, top + number * line
        write(axes, left - 10, y + BOX / 2, name, ha="right")
        for role, run in groupby(roles):
            width = len(list(run)) * step
            draw_box(axes, x, y, width, BOX, role, radius=min(2, width / 2))
            x += width
    return axes.figure


def draw_names(axes: Axes, x: float, names: Mapping[str, str]) -> None:
    """Draw a box for each role and what it stands for, side by side from `x` on at the upper edge."""
    for role, name in names.items():
        draw_box(axes, x, MARGIN + 3, 22, BOX - 6, role, radius=2)
        write(axes, x + 28, MARGIN + BOX / 2, name, ha="left")
        x += 28 + text_width(name) + 18


def draw_merges(steps: Sequence[Sequence[str]]) -> Figure:
    """Draw a piece of text after each merge, one line a step; every box is as wide as its letters, the new one marked.

    `steps` are the parts of the same piece, from single letters to tokens. ValueError: none, or of different texts.
    """
    require(len(steps) > 0 and len(steps[0]) > 0, "there is nothing to draw; give the parts before the first merge")
    whole = "".join(steps[0])
    other = next(("".join(parts) for parts in steps if "".join(parts) != whole), None)
    require(other is None, f"the steps are of different texts: {whole!r} and {other!r}")
    column, gap = min(36.0, (WIDTH - 2 * MARGIN) / len(whole)), 4.0
    axes, seen, back = canvas(2 * MARGIN + len(steps) * (BOX + 8) - 8), set(spans(steps[0])), right_to_left(whole)
    for line, parts in enumerate(steps):
        for start, part in spans(parts):
            role = "token" if (start, part) in seen else "highlight"
            x, y, width = MARGIN + start * column, MARGIN + line * (BOX + 8), len(part) * column - gap
            draw_token(axes, mirrored(x, width) if back else x, y, part, width, role)
        seen |= set(spans(parts))
    return axes.figure


def spans(parts: Sequence[str]) -> list[tuple[int, str]]:
    """Return where in the whole each part begins, and the part.

    >>> spans(["ab", "c"])
    [(0, 'ab'), (2, 'c')]
    """
    starts = np.cumsum([0, *map(len, parts)]).tolist()
    return list(zip(starts, parts, strict=False))
