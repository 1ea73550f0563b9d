"""A GPT as a drawing: its parts in order, with the shapes that pass between them."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.common import require
from course_utils.plots.style import (
    FAINT_INK,
    LARGE,
    MARGIN,
    MONO,
    NORMAL,
    SMALLEST,
    WIDTH,
    canvas,
    draw_arrow,
    draw_box,
    write,
)


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
    token_embedding, position_embedding, blocks, final_norm, lm_head; those of one block attn_norm, attn, mlp_norm, mlp;
    or total. B texts, T tokens, C numbers for each.
    """
    axes = canvas(432)
    box = draw_tower(axes, 135, config, dict(parameters or {}))
    left, right, top, bottom = 300, WIDTH - MARGIN, 42, 410
    for y, corner in zip(box, (top, bottom), strict=True):
        axes.plot([135 + 95, left], [y, corner], color=FAINT_INK, linewidth=0.9, linestyle=(0, (3, 3)))
    draw_box(axes, left, top, right - left, bottom - top, "part", radius=8, facecolor="#FFFFFF", linewidth=0.9)
    write(axes, left, 26, f"One of the {config.n_layer} blocks", LARGE, ha="left", weight="bold")
    draw_block(axes, (left + right) / 2 - 10, top + 5, config, dict(parameters or {}))
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


def draw_block(axes: Axes, x: float, y: float, config: Any, parameters: Mapping[str, int]) -> None:
    """Draw a block: twice a norm, a part, and a sum with what came in."""
    heads = f"{config.n_head} heads of {config.n_embd // config.n_head} numbers"
    wide = f"{config.n_embd:,} → {4 * config.n_embd:,} → {config.n_embd:,}"
    halves = (("attn", "causal attention", "tokens look back", heads), ("mlp", "MLP", "each token for itself", wide))
    for name, title, does, sizes in halves:
        # A part that says how many numbers it has says it in place of what it does: there's room for one.
        norm, part = count_line(parameters, f"{name}_norm"), count_line(parameters, name)
        entry = y + 13
        y = draw_flow(axes, x, y, size="(B, T, C)", length=26 if norm else 32)
        y = draw_part(axes, x, y, ["LayerNorm", *norm])
        y = draw_flow(axes, x, y, "(B, T, C)", length=19)
        y = draw_part(axes, x, y, [title, *(part or [does]), sizes])
        y = draw_flow(axes, x, y, "(B, T, C)", length=19)
        side = x + 108  # the residual path goes around
        axes.plot([x, side, side], [entry, entry, y + 8], color=FAINT_INK, linewidth=1.3, linestyle="-")
        draw_arrow(axes, (side, y + 8), (x + 9, y + 8))
        y = draw_plus(axes, x, y)
        write(
            axes, side + 9, (entry + y) / 2 - 8, "added unchanged", SMALLEST, rotation=-90, va="center", color=FAINT_INK
        )
    draw_flow(axes, x, y, size="(B, T, C)", length=28)


def draw_adapter(n_in: int, n_out: int, rank: int) -> Figure:
    """Draw a linear layer's weight and the two narrow matrices of an adapter beside it, all to one scale."""
    for name, size in (("n_in", n_in), ("n_out", n_out), ("rank", rank)):
        require(size >= 1, f"{name} is {size}; it takes a whole number from 1 on")
    room = 176.0
    scale = min(room / n_out, room / n_in)
    tall, wide, narrow = n_out * scale, n_in * scale, max(1.5, rank * scale)
    top = 52.0
    axes = canvas(top + tall + 44)
    parts = (("W, frozen", n_out, n_in, wide, tall, "token"), ("B", n_out, rank, narrow, tall, "value"))
    x, spaces = (WIDTH - 2 * wide - narrow - 200) / 2, iter(("+  α/r ·", "·"))
    for name, rows, columns, width, height, role in (*parts, ("A", rank, n_in, wide, narrow, "query")):
        draw_box(axes, x, top + (tall - height) / 2, width, height, role, radius=1, hatch="", linestyle="-")
        write(axes, x + width / 2, 26, name, weight="bold")
        write(axes, x + width / 2, 40, f"({rows}, {columns})", SMALLEST, family=MONO, color=FAINT_INK)
        write(axes, x + width / 2, top + tall + 16, f"{rows * columns:,} numbers", SMALLEST, color=FAINT_INK)
        x += width
        if sign := next(spaces, ""):
            write(axes, x + 50, top + tall / 2, sign, LARGE, weight="bold")
        x += 100
    return axes.figure
