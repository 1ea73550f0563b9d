"""The course's figures: arrays and plain lists in, a matplotlib figure out, shown with `show` and a caption.

The map is in `roadmap`, curves of a run in `curves`, colours and boxes in `style`; notebooks take all from here.
"""

import html
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.cards import PAGE, show_card
from course_utils.curves import LiveLoss, draw_loss, draw_shares
from course_utils.matrices import Matrix, draw_matrices
from course_utils.roadmap import draw_map
from course_utils.style import (
    FAINT_INK,
    LARGE,
    MARGIN,
    MONO,
    NORMAL,
    SMALLEST,
    WIDTH,
    canvas,
    chart,
    draw_arrow,
    draw_box,
    show,
    text_width,
    visible,
    write,
)
from course_utils.text import require

__all__ = [
    "LiveLoss",
    "Matrix",
    "canvas",
    "chart",
    "draw_arrow",
    "draw_batches",
    "draw_box",
    "draw_distribution",
    "draw_loss",
    "draw_map",
    "draw_matrices",
    "draw_merges",
    "draw_model",
    "draw_shares",
    "draw_tokens",
    "draw_windows",
    "show",
    "show_card",
    "show_tale",
    "windows_table",
    "write",
]

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
    tokens: Sequence[str], ids: Sequence[int] | None = None, highlight: Iterable[int] = (), title: str = ""
) -> Figure:
    """Draw each token as a box with its text, white space made visible, and its id beneath; lines wrap.

    `highlight` are the positions, from 0, of the tokens to mark. ValueError: no tokens, or not one id for each.
    """
    require(len(tokens) > 0, "there is no token to draw; give at least one")
    marked, numbers = set(highlight), [None] * len(tokens) if ids is None else [int(i) for i in ids]
    require(len(numbers) == len(tokens), f"there are {len(tokens)} tokens and {len(numbers)} ids; give one each")
    widths = [token_width(token, number) for token, number in zip(tokens, numbers, strict=True)]
    require(max(widths) <= WIDTH - 2 * MARGIN, "a token is longer than a line of the figure; shorten it")
    places = flow(widths, WIDTH - 2 * MARGIN, gap=4)
    top, line_height = MARGIN + (22 if title else 0), BOX + (20 if ids is not None else 6)
    axes = canvas(top + (places[-1][1] + 1) * line_height - 6 + MARGIN)
    if title:
        write(axes, MARGIN, MARGIN + 4, title, LARGE, ha="left", weight="bold")
    for i, ((x, line), width) in enumerate(zip(places, widths, strict=True)):
        left, y = MARGIN + x, top + line * line_height
        draw_token(axes, left, y, tokens[i], width, "highlight" if i in marked else "token")
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
    axes = canvas(2 * MARGIN + BOX + len(drawn) * (pair + 12) + (16 if rest else 0))

    def draw_row(y: float, name: str, first: int, last: int, role: str, **looks: Any) -> None:
        write(axes, MARGIN + label - 8, y + BOX / 2, name, SMALLEST, ha="right", color=FAINT_INK)
        for i in range(first, last):
            draw_token(axes, edges[i], y, tokens[i], widths[i], role, **looks)

    draw_row(MARGIN, "text", 0, fit, "token", facecolor="#FFFFFF")
    for number, start in enumerate(drawn):
        y = MARGIN + BOX + 12 + number * (pair + 12)
        write(axes, MARGIN, y + BOX / 2, f"window {number}", SMALLEST, ha="left", weight="bold")
        draw_row(y, "inputs", start, start + max_length, "token")
        draw_row(y + BOX + 4, "targets", start + 1, start + max_length + 1, "target")
    if rest:
        told = f"{fit} of {len(tokens)} tokens and {len(drawn)} of {len(starts)} windows are drawn"
        write(axes, MARGIN + label, axes.get_ylim()[0] - MARGIN + 3, told, SMALLEST, ha="left", color=FAINT_INK)
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


def draw_merges(steps: Sequence[Sequence[str]]) -> Figure:
    """Draw a piece of text after each merge, one line a step; every box is as wide as its letters, the new one marked.

    `steps` are the parts of the same piece, from single letters to tokens. ValueError: none, or of different texts.
    """
    require(len(steps) > 0 and len(steps[0]) > 0, "there is nothing to draw; give the parts before the first merge")
    whole = "".join(steps[0])
    other = next(("".join(parts) for parts in steps if "".join(parts) != whole), None)
    require(other is None, f"the steps are of different texts: {whole!r} and {other!r}")
    column, gap = min(36.0, (WIDTH - 2 * MARGIN) / len(whole)), 4.0
    axes, seen = canvas(2 * MARGIN + len(steps) * (BOX + 8) - 8), set(spans(steps[0]))
    for line, parts in enumerate(steps):
        for start, part in spans(parts):
            role = "token" if (start, part) in seen else "highlight"
            y = MARGIN + line * (BOX + 8)
            draw_token(axes, MARGIN + start * column, y, part, len(part) * column - gap, role)
        seen |= set(spans(parts))
    return axes.figure


def spans(parts: Sequence[str]) -> list[tuple[int, str]]:
    """Return where in the whole each part begins, and the part.

    >>> spans(["ab", "c"])
    [(0, 'ab'), (2, 'c')]
    """
    starts = np.cumsum([0, *map(len, parts)]).tolist()
    return list(zip(starts, parts, strict=False))


def draw_part(
    axes: Axes, x: float, y: float, lines: Sequence[str], width: float = 178, role: str = "part", **looks: Any
) -> float:
    """Draw a part of the model, centred on x from y down, its name bold and notes beneath; return its lower edge."""
    height = 12 + 13 * len(lines)
    draw_box(axes, x - width / 2, y, width, height, role, radius=5, **looks)
    for number, line in enumerate(lines):
        weight, size = ("normal", SMALLEST) if number else ("bold", NORMAL)
        write(axes, x, y + 12.5 + 13 * number, line, size, weight=weight)
    return y + height


def draw_flow(axes: Axes, x: float, y: float, shape: str = "", size: str = "", length: float = 22) -> float:
    """Draw an arrow down from (x, y), the shape of what flows there right of it, a size left; return where it ends."""
    draw_arrow(axes, (x, y + 1), (x, y + length - 1))
    for text, side in ((shape, 1), (size, -1)):
        ha = "left" if side > 0 else "right"
        write(axes, x + 7 * side, y + length / 2 - 1, text, SMALLEST, ha=ha, family=MONO, color=FAINT_INK)
    return y + length


def draw_plus(axes: Axes, x: float, y: float) -> float:
    """Draw a sum's sign, its middle at (x, y + 8); return its lower edge."""
    draw_box(axes, x - 8, y, 16, 16, "part", radius=8, facecolor="#FFFFFF")
    write(axes, x, y + 8, "+", LARGE, weight="bold")
    return y + 16


def draw_model(config: Any, parameters: Mapping[str, int] | None = None) -> Figure:
    """Draw a GPT from token ids down to logits, with shapes at the arrows, and one of its blocks opened beside it.

    `config` has the fields of `gpt.GPTConfig`. `parameters` counts a part's numbers by the part's name in `gpt.GPT`:
    token_embedding, position_embedding, blocks, final_norm, lm_head; or total. B texts, T tokens, C numbers for each.
    """
    axes = canvas(432)
    box = draw_tower(axes, 135, config, dict(parameters or {}))
    left, right, top, bottom = 300, WIDTH - MARGIN, 42, 410
    for y, corner in zip(box, (top, bottom), strict=True):
        axes.plot([135 + 95, left], [y, corner], color=FAINT_INK, linewidth=0.9, linestyle=(0, (3, 3)))
    draw_box(axes, left, top, right - left, bottom - top, "part", radius=8, facecolor="#FFFFFF", linewidth=0.9)
    write(axes, left, 26, f"One of the {config.n_layer} blocks", LARGE, ha="left", weight="bold")
    draw_block(axes, (left + right) / 2 - 10, top + 5, config)
    return axes.figure


def count_line(parameters: Mapping[str, int], name: str) -> list[str]:
    """Return the line that says how many parameters a part has, if that is known.

    >>> count_line({"blocks": 1234567}, "blocks")
    ['1,234,567 parameters']
    """
    return [f"{parameters[name]:,} parameters"] if name in parameters else []


def draw_tower(axes: Axes, x: float, config: Any, parameters: dict[str, int]) -> tuple[float, float]:
    """Draw the whole model from top to bottom; return the upper and lower edge of its stack of blocks."""
    learned, width = config.positions == "learned", f"C = {config.n_embd:,}"
    title = "A GPT" + (f" of {parameters['total']:,} parameters" if "total" in parameters else "")
    write(axes, MARGIN, 26, title, LARGE, ha="left", weight="bold")
    y = draw_part(axes, x, 42, ["token ids"], role="token")
    y = draw_flow(axes, x, y, "(B, T)", f"T ≤ {config.context_length:,}")
    y = draw_part(axes, x, y, ["token embedding", *count_line(parameters, "token_embedding")])
    if learned:
        y = draw_plus(axes, x, y + 3) + 3
        y = draw_part(axes, x, y, ["position embedding", *count_line(parameters, "position_embedding")])
    y = draw_flow(axes, x, y, "(B, T, C)", width)
    notes = count_line(parameters, "blocks") + ([] if learned else ["rotary positions inside"])
    for shift in (6, 3):  # the blocks behind the first
        draw_box(axes, x - 89 + shift, y + shift, 178, 25 + 13 * len(notes), "part", radius=5)
    block = (y, draw_part(axes, x, y, [f"{config.n_layer} blocks", *notes]))
    y = draw_flow(axes, x, block[1] + 6, "(B, T, C)")
    y = draw_part(axes, x, y, ["final LayerNorm", *count_line(parameters, "final_norm")])
    y = draw_flow(axes, x, y, "(B, T, C)")
    weights = ["the token embedding's weights"] if config.tied else count_line(parameters, "lm_head")
    y = draw_part(axes, x, y, ["output layer", *weights])
    y = draw_flow(axes, x, y, "(B, T, V)", f"V = {config.vocab_size:,}")
    draw_part(axes, x, y, ["logits: a score for each next token"], width=226, role="token")
    return block


def draw_block(axes: Axes, x: float, y: float, config: Any) -> None:
    """Draw a block: twice a norm, a part, and a sum with what came in."""
    heads = f"{config.n_head} heads of {config.n_embd // config.n_head} numbers"
    wide = f"{config.n_embd:,} → {4 * config.n_embd:,} → {config.n_embd:,}"
    halves = (("causal attention", "tokens look back", heads), ("MLP", "each token for itself", wide))
    for half in halves:
        entry = y + 13
        y = draw_flow(axes, x, y, size="(B, T, C)", length=32)
        y = draw_part(axes, x, y, ["LayerNorm"])
        y = draw_flow(axes, x, y, length=19)
        y = draw_part(axes, x, y, half)
        y = draw_flow(axes, x, y, length=19)
        side = x + 108  # the residual path goes around
        axes.plot([x, side, side], [entry, entry, y + 8], color=FAINT_INK, linewidth=1.3, linestyle="-")
        draw_arrow(axes, (side, y + 8), (x + 9, y + 8))
        y = draw_plus(axes, x, y)
        write(
            axes, side + 9, (entry + y) / 2 - 8, "added as it was", SMALLEST, rotation=-90, va="center", color=FAINT_INK
        )
    draw_flow(axes, x, y, size="(B, T, C)", length=28)


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


# How a sentence of a tale is marked: a sign, what it says, and the line at its left (no colour is needed to tell them).
MARKS = {
    "fine": ("✓", "", "4px double #7F8A96"),
    "malformed": ("?", "not well-formed", "4px dotted #C46210"),
    "contradiction": ("✗", "contradicts", "4px solid #C2459F"),
}


def mark_sentence(sentence: Any) -> tuple[str, str]:
    """Return a judged sentence's kind, one of MARKS, and what is written beside it."""
    kind = "fine" if sentence.consistent else "contradiction" if sentence.well_formed else "malformed"
    return kind, ": ".join(part for part in (MARKS[kind][1], sentence.reason) if part and kind != "fine")


def show_tale(text: str, report: Any) -> None:
    """Show a tale sentence by sentence, each marked as fine, not well-formed or contradicting, with the reason.

    `report` is what `tales.check(text)` returned; a report of another text is a ValueError.
    """
    sentences = list(report.sentences)
    alien = next((s.text for s in sentences if s.text not in text), None)
    require(alien is None, f"the report is of another text: this one has no sentence {alien!r}")
    judged = [(s.text, *mark_sentence(s)) for s in sentences]
    fine = sum(kind == "fine" for _, kind, _ in judged)
    head = f"{fine} of {len(judged)} sentences are fine" + ("" if getattr(report, "ended", True) else "; no ending")
    show_card(tale_html(head, judged), tale_text(head, judged))


def tale_html(head: str, judged: Sequence[tuple[str, str, str]]) -> str:
    """Return the card of a tale; its colours are JupyterLab's, so that it reads on light and dark."""
    lines = [f'<div style="{PAGE}"><strong>{html.escape(head)}</strong>']
    for text, kind, reason in judged:
        sign, _, border = MARKS[kind]
        note = f" <em>({html.escape(reason)})</em>" if reason else ""
        style = f"margin: 0.25em 0; padding-left: 0.6em; border-left: {border}"
        lines.append(f'<div style="{style}">{sign} {html.escape(text)}{note}</div>')
    return "\n".join([*lines, "</div>"])


def tale_text(head: str, judged: Sequence[tuple[str, str, str]]) -> str:
    """Return the same in plain text, at most 90 characters wide."""
    lines = [f"{MARKS[kind][0]} {text}" + (f" ({reason})" if reason else "") for text, kind, reason in judged]
    return "\n".join([head, *(textwrap.fill(line, 90, subsequent_indent="  ") for line in lines)])
