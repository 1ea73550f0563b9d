"""The transformer of 2017 as a drawing: encoder and decoder, and which of their parts a GPT keeps."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.plots.model import draw_flow, draw_part
from course_utils.plots.style import (
    FAINT_INK,
    LARGE,
    ROLES,
    SMALLEST,
    canvas,
    draw_arrow,
    draw_box,
    write,
)

# What a GPT leaves out has an empty, dashed box: it can be told without colours.
LEFT_OUT = {"facecolor": "#FFFFFF", "linestyle": (0, (4, 3)), "linewidth": 1.1}
ENCODER, DECODER = 136.0, 432.0  # the middle of each tower
BLOCK_TOP = 118.0


def draw_halves() -> Figure:
    """Draw Vaswani et al. 2017, figure 1, from top to bottom; what a GPT leaves out is dashed."""
    axes = canvas(432)
    write(axes, ENCODER - 116, 24, "Encoder: reads the source", LARGE, ha="left", weight="bold")
    write(axes, DECODER - 116, 24, "Decoder: writes the translation", LARGE, ha="left", weight="bold")
    memory = draw_encoder(axes)
    crossing = draw_decoder(axes)
    draw_crossing(axes, memory, crossing)
    write(axes, ENCODER - 116, 385, "solid: what a GPT keeps", SMALLEST, ha="left", color=FAINT_INK)
    write(axes, ENCODER - 116, 400, "dashed: what it leaves out", SMALLEST, ha="left", color=FAINT_INK)
    return axes.figure


def draw_entry(axes: Axes, x: float, text: str, dashed: bool) -> float:
    """Draw the words that go into a tower and their embedding; return its lower edge."""
    y = draw_part(axes, x, 40, [text], width=200, role="token")
    return draw_part(axes, x, y + 9, ["embedding + positions"], width=200, **(LEFT_OUT if dashed else {}))


def draw_frame(axes: Axes, x: float, bottom: float) -> None:
    """Draw the frame around a tower's block and say that it is repeated."""
    looks = {"facecolor": "none", "edgecolor": FAINT_INK, "linewidth": 0.9}
    draw_box(axes, x - 116, BLOCK_TOP, 232, bottom - BLOCK_TOP, "part", radius=8, **looks)
    write(axes, x + 106, BLOCK_TOP + 12, "6 times", SMALLEST, ha="right", color=FAINT_INK)


def draw_encoder(axes: Axes) -> float:
    """Draw the left tower; return the height of its result's middle."""
    y = draw_flow(axes, ENCODER, draw_entry(axes, ENCODER, "Mara gab Finn den Drachen", True), length=46)
    y = draw_part(axes, ENCODER, y, ["self-attention", "every word sees every word"], width=200, **LEFT_OUT)
    y = draw_part(axes, ENCODER, draw_flow(axes, ENCODER, y), ["MLP"], width=200, **LEFT_OUT)
    draw_frame(axes, ENCODER, y + 12)
    y = draw_flow(axes, ENCODER, y, length=46)
    return draw_part(axes, ENCODER, y, ["one vector for each source word"], width=222, **LEFT_OUT) - 12.5


def draw_decoder(axes: Axes) -> float:
    """Draw the right tower; return the height of cross-attention's middle."""
    y = draw_flow(axes, DECODER, draw_entry(axes, DECODER, "Mara gave Finn", False), length=46)
    y = draw_part(axes, DECODER, y, ["causal self-attention", "a word sees itself and those before"], width=200)
    y = draw_flow(axes, DECODER, y)
    crossing = y + 19
    y = draw_part(axes, DECODER, y, ["cross-attention", "looks at the source"], width=200, **LEFT_OUT)
    y = draw_part(axes, DECODER, draw_flow(axes, DECODER, y), ["MLP"], width=200)
    draw_frame(axes, DECODER, y + 12)
    y = draw_part(axes, DECODER, draw_flow(axes, DECODER, y, length=36), ["output layer"], width=200)
    draw_part(axes, DECODER, draw_flow(axes, DECODER, y), ["the"], width=200, role="target")
    return crossing


def draw_crossing(axes: Axes, memory: float, crossing: float) -> None:
    """Draw the way from the encoder's result to cross-attention."""
    middle, look = (ENCODER + DECODER) / 2, ROLES["key"]
    right = ENCODER + 111
    path = [(right, memory), (middle - 4, memory), (middle - 4, crossing)]
    axes.plot(*zip(*path, strict=True), color=look.edge, linestyle="--", linewidth=1.4)
    draw_arrow(axes, (middle - 4, crossing), (DECODER - 101, crossing), color=look.edge)
    write(axes, middle - 10, memory + 24, "keys and values", SMALLEST, color=look.edge, ha="right")
