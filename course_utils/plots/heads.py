"""Heads that share: which queries use which keys and values, and what a token leaves in the cache."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.common import require
from course_utils.plots.model import draw_part
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
    text_width,
    write,
)

HEAD, SPACE = 17.0, 4.0  # the side of a head's box, and from one to the next


def draw_sharing(n_head: int, kinds: Mapping[str, int]) -> Figure:
    """Draw the heads of several kinds of attention side by side; each query is joined to the key that it uses.

    `kinds` says by name how many heads have keys and values. ValueError: more than the figure's width holds, or a
    number that doesn't divide `n_head`.
    """
    require(len(kinds) > 0, "there is no attention to draw; give at least one kind")
    for name, few in kinds.items():
        require(few >= 1 and n_head % few == 0, f"{name!r} has {few} keys for {n_head} queries; it takes a divisor")
    room, wide = (WIDTH - 2 * MARGIN) / len(kinds), n_head * (HEAD + SPACE) - SPACE
    require(wide <= room - 2 * SPACE, f"{n_head} heads take {wide:.0f} points and there are {room:.0f}: draw fewer")
    axes = canvas(196)
    for number, (name, few) in enumerate(kinds.items()):
        middle = MARGIN + (number + 0.5) * room
        write(axes, middle, 26, name, LARGE, weight="bold")
        draw_heads(axes, middle - wide / 2, n_head, few)
        kept = f"{few} key{'s' * (few > 1)}, {few} value{'s' * (few > 1)}"
        write(axes, middle, 172, kept, SMALLEST, color=FAINT_INK)
    return axes.figure


def draw_heads(axes: Axes, left: float, n_head: int, few: int) -> None:
    """Draw a row of queries from `left` on and, beneath each group of them, the key and the value that they share."""
    middles = [left + head * (HEAD + SPACE) + HEAD / 2 for head in range(n_head)]
    group = n_head // few
    for number in range(few):
        own = middles[number * group : (number + 1) * group]
        below = sum(own) / group
        for middle in own:
            axes.plot([middle, below], [48 + HEAD, 116], color=FAINT_INK, linewidth=1, linestyle="-")
            draw_box(axes, middle - HEAD / 2, 48, HEAD, HEAD, "query")
            write(axes, middle, 48 + HEAD / 2, "q", SMALLEST, family=MONO)
        for role, y in (("key", 116), ("value", 116 + HEAD + 3)):
            draw_box(axes, below - HEAD / 2, y, HEAD, HEAD, role)
            write(axes, below, y + HEAD / 2, role[0], SMALLEST, family=MONO)


def draw_latent(n_embd: int, n_head: int, head_dim: int, latent: int, rotary: int, shared: int) -> Figure:
    """Draw latent attention: what is made from a token's vector and what is kept of it, beside two other caches.

    The bars are to scale: what a token leaves in one layer with a key and a value for each of `n_head` heads, with
    `shared` of them, and with a latent vector and a key of `rotary` numbers that carries the position.
    """
    sizes = {"n_embd": n_embd, "n_head": n_head, "head_dim": head_dim, "latent": latent, "rotary": rotary}
    for name, size in (sizes | {"shared": shared}).items():
        require(size >= 1, f"{name} is {size}; it takes a whole number from 1 on")
    axes = canvas(306)
    draw_ways(axes, n_embd, f"{n_head} x {head_dim}", latent, rotary)
    kept = {
        f"a key and a value for each of {n_head} heads": 2 * n_head * head_dim,
        f"{shared} keys and values, shared": 2 * shared * head_dim,
        "a latent vector and a rotary key": latent + rotary,
    }
    write(axes, MARGIN, 178, "What a token leaves in the cache of one layer, to scale", ha="left", weight="bold")
    room = WIDTH - 2 * MARGIN - text_width(f"{max(kept.values()):,} numbers", SMALLEST) - 8
    for number, (name, count) in enumerate(kept.items()):
        y, width = 202 + 34 * number, max(1.0, count / max(kept.values()) * room)
        write(axes, MARGIN, y, name, SMALLEST, ha="left", color=FAINT_INK)
        role = "context" if number == 2 else "key"
        draw_box(axes, MARGIN, y + 8, width, 13, role, radius=0, linestyle="-", linewidth=1)
        write(axes, MARGIN + width + 6, y + 14.5, f"{count:,} numbers", SMALLEST, ha="left")
    return axes.figure


def draw_ways(axes: Axes, n_embd: int, heads: str, latent: int, rotary: int) -> None:
    """Draw the ways from a token's vector to its keys and values: through the latent vector, and past it."""
    write(axes, MARGIN, 24, "Latent attention", LARGE, ha="left", weight="bold")
    lefts, middle = (94.0, 284.0, 478.0), 88.0
    for x, head in zip(lefts, ("one token", "kept", "made when needed"), strict=True):
        write(axes, x, 44, head, NORMAL, color=FAINT_INK)
    draw_part(axes, lefts[0], middle - 19, ["vector", f"{n_embd:,} numbers"], 130, "token")
    draw_part(axes, lefts[1], 56, ["latent vector", f"{latent:,} numbers"], 140, "context")
    draw_part(axes, lefts[1], 116, ["rotary key", f"{rotary:,} numbers"], 140, "context")
    draw_part(axes, lefts[2], 56, ["keys", heads], 120, "key")
    draw_part(axes, lefts[2], 110, ["values", heads], 120, "value")
    for start, end in (
        ((160, middle - 4), (213, 75)),
        ((160, middle + 4), (213, 135)),
        ((355, 75), (417, 75)),
        ((355, 80), (417, 129)),
    ):
        draw_arrow(axes, start, end)
