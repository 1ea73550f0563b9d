"""How every figure of the course looks and is shown: colours, the card it lies on, boxes, text, and `show`.

Lengths are points, 72 to an inch, x to the right and y downward, so that a box and the text in it share one unit.
"""

import base64
import io
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from IPython.display import DisplayHandle, display
from matplotlib import cycler, rc_context
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Affine2D
from PIL import Image

from course_utils.common import print_anything, require
from course_utils.plots.cards import in_notebook
from course_utils.plots.scripts import MATPLOTLIB_JOINS, joined

WIDTH = 576.0  # points; with DPI, 896 pixels: what a notebook shows without scaling on a laptop's screen
DPI = 112
MARGIN = 22.0
SMALLEST, NORMAL, LARGE = 9.0, 10.0, 12.0  # sizes of text; nothing is smaller than the first
INK, FAINT_INK, CARD, LINE = "#1F2933", "#52606D", "#FBFAF7", "#C9C4B8"
SANS, MONO = "DejaVu Sans", "DejaVu Sans Mono"  # they come with matplotlib: the same letters on every machine


@dataclass(frozen=True)
class Role:
    """What a box or a line stands for, told twice: by colours, and by the way its border is drawn."""

    fill: str
    edge: str
    line: str | tuple[int, tuple[int, ...]] = "-"
    width: float = 1.0
    hatch: str = ""


# The same from the first notebook to the last. Told apart under the usual kinds of colour blindness: a test holds it.
ROLES = {
    "token": Role("#DFE3E8", "#5B6875"),
    "query": Role("#A3D5F7", "#0A55A8", width=1.6),
    "key": Role("#F6C27C", "#A85208", line="--", width=1.4),
    "value": Role("#86CFAB", "#00563A", line=":", width=1.8),
    "weight": Role("#FFA3A3", "#7A0C0C", line=(0, (7, 2)), width=1.4),
    "context": Role("#C2A3FF", "#3E09AA", line=(0, (5, 1, 1, 1, 1, 1)), width=1.4),
    "target": Role("#F2A9D4", "#94207A", line="-.", width=1.4),
    "masked": Role("#FFFFFF", "#7F8A96", hatch="////"),
    "highlight": Role("#FFEC66", "#1F2933", width=2.2),
    "part": Role("#F1ECE0", "#6B6250", width=1.2),
    "loss-train": Role("#A3D5F7", "#0A55A8", width=2.0),
    "loss-validation": Role("#F6C27C", "#A84A08", line="--", width=2.0),
}

# The one scale of attention weights, from 0 to 1, for `imshow` too: white, the role's colour, and its edge at the end.
WEIGHTS = LinearSegmentedColormap.from_list("weights", ["#FFFFFF", ROLES["weight"].fill, "#A31515"])

RC = {
    "font.family": SANS,
    "font.size": NORMAL,
    "text.color": INK,
    "axes.facecolor": "none",
    "axes.edgecolor": FAINT_INK,
    "axes.labelcolor": INK,
    "axes.labelsize": NORMAL,
    "axes.titlesize": LARGE,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "axes.prop_cycle": cycler(
        color=[ROLES[name].edge for name in ("query", "key", "value", "target")], linestyle=["-", "--", ":", "-."]
    ),
    "xtick.color": FAINT_INK,
    "ytick.color": FAINT_INK,
    "xtick.labelsize": SMALLEST,
    "ytick.labelsize": SMALLEST,
    "hatch.color": "#B4BCC5",
    "hatch.linewidth": 0.7,
}


def empty_figure(height: float) -> Figure:
    """Return a figure that holds only its card: light, opaque and rounded, so that it reads on a dark page too."""
    require(height > 0, f"height is {height}; it takes points above 0")
    height = 9 * math.ceil(height / 9)  # a whole number of pixels
    figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=DPI, facecolor="none")
    figure.set_label("card")
    points = Affine2D().scale(1 / 72) + figure.dpi_scale_trans
    shape = {"boxstyle": "round,pad=0,rounding_size=9", "facecolor": CARD, "edgecolor": LINE, "linewidth": 1}
    figure.add_artist(FancyBboxPatch((1, 1), WIDTH - 2, height - 2, transform=points, zorder=-1, **shape))
    return figure


@rc_context(RC)
def canvas(height: float) -> Axes:
    """Return axes for a diagram: as wide as the page, one unit a point, y downward from the upper edge, no frame."""
    figure = empty_figure(height)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(72 * figure.get_figheight(), 0))
    axes.axis("off")
    return axes


@rc_context(RC)
def chart(height: float = 250, columns: int = 1, **subplots: Any) -> tuple[Figure, Any]:
    """Return a figure and its axes for a plot with scales: `Axes`, or an array of `columns` of them side by side.

    >>> figure, (left, right) = chart(columns=2)
    """
    figure = empty_figure(height)
    figure.set_layout_engine("constrained", w_pad=MARGIN / 2 / 72, h_pad=MARGIN / 2 / 72, wspace=0.03)
    return figure, figure.subplots(1, columns, **subplots)


def write(axes: Axes, x: float, y: float, text: str, size: float = NORMAL, **looks: Any) -> Text:
    """Write plain text, centred on (x, y) unless told otherwise; a dollar sign is a dollar sign."""
    require(size >= SMALLEST, f"text of {size} points is too small to read; the smallest is {SMALLEST}")
    looks = {"ha": "center", "va": "center_baseline", "color": INK, "family": SANS, "parse_math": False} | looks
    return axes.text(x, y, text, size=size, **looks)


def draw_box(
    axes: Axes, x: float, y: float, width: float, height: float, role: str = "token", radius: float = 3, **looks: Any
) -> FancyBboxPatch:
    """Draw a box whose upper left corner is (x, y), in the colours and with the border of its role."""
    require(role in ROLES, f"role is {role!r}; it takes one of {', '.join(ROLES)}")
    look = ROLES[role]
    looks = {
        "facecolor": look.fill,
        "edgecolor": look.edge,
        "linestyle": look.line,
        "linewidth": look.width,
        "hatch": look.hatch,
    } | looks
    shape = f"round,pad=0,rounding_size={radius}"
    with rc_context(RC):  # the hatch takes its colour when it is made
        return axes.add_patch(FancyBboxPatch((x, y), width, height, boxstyle=shape, **looks))


def weight_colours(weight: float) -> tuple[str, str]:
    """Return the colour of a cell with an attention weight, and that of text on it.

    >>> weight_colours(0.0), weight_colours(1.0)
    (('#ffffff', '#000000'), ('#a31515', '#ffffff'))
    """
    return to_hex(WEIGHTS(float(weight))), "#ffffff" if weight > 0.8 else "#000000"


def mirrored(x: float, width: float = 0) -> float:
    """Return where a box from `x` on begins once the figure is seen in a mirror, for a text from right to left.

    >>> mirrored(MARGIN, 40) == WIDTH - MARGIN - 40
    True
    """
    return WIDTH - x - width


def draw_arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], **looks: Any) -> None:
    """Draw an arrow from `start` to `end`, both (x, y)."""
    looks = {"arrowstyle": "-|>,head_length=0.35,head_width=0.2", "color": FAINT_INK, "linewidth": 1.3} | looks
    axes.annotate("", end, start, arrowprops={"shrinkA": 0, "shrinkB": 0, **looks})


@cache
def text_width(text: str, size: float = NORMAL, family: str = SANS, weight: str = "normal") -> float:
    """Return how wide a line of text is drawn, in points.

    >>> text_width("two words", 10) < text_width("two words", 20)
    True
    """
    font = FontProperties(family=family, size=size, weight=weight)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]


VISIBLE = {" ": "·", "\n": "↵", "\t": "→", "\r": "←"}


def visible(token: str) -> str:
    r"""Return a token's text with its white space to be seen, and what the font cannot draw as its code point.

    >>> visible(" end.\n")
    '·end.↵'
    """
    token = token if MATPLOTLIB_JOINS else joined(token)
    shown = (VISIBLE.get(letter, letter) for letter in token)
    return "".join(letter if ord(letter) in drawable() else f"[{ord(letter):X}]" for letter in shown)


@cache
def drawable() -> frozenset[int]:
    """Return the code points that the font of token boxes can draw."""
    return frozenset(get_font(findfont(MONO)).get_charmap())


def one_line(caption: str) -> str:
    """Return the caption with single spaces, or raise ValueError when it is too short to say what is to be seen."""
    words = " ".join(caption.split()) if isinstance(caption, str) else ""
    require(
        len(words) >= 20, f"the caption is {caption!r}; say in a sentence, 20 characters or more, what is to be seen"
    )
    return words


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG with two pixels for each one it takes on the page: sharp on a fine screen."""
    file = io.BytesIO()
    # Ours fill their card; one that a reader made with pyplot grows until its labels are inside.
    grow = None if figure.get_label() == "card" else "tight"
    figure.savefig(file, format="png", dpi=2 * figure.dpi, bbox_inches=grow, metadata={"Software": None})
    return file.getvalue()


def few_colours(data: bytes) -> bytes:
    """Return a PNG with its 256 commonest colours only, a third of the size; as it was if that would show."""
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))
    codes, place, count = np.unique(pixels.view(np.uint32)[..., 0], return_inverse=True, return_counts=True)
    colours = codes[:, None].view(np.uint8).astype(np.float32)  # (n, 4): red, green, blue, opacity
    palette = colours[np.argsort(-count, kind="stable")[:256]]
    # Squared distances but for the colour's own square, which changes no minimum: (n, 256)
    nearest = ((palette**2).sum(1) - 2 * colours @ palette.T).argmin(1)
    if np.average(np.abs(colours - palette[nearest]).max(1), weights=count) > 0.5:
        return data
    image = Image.fromarray(nearest.astype(np.uint8)[place.reshape(pixels.shape[:2])])
    image.putpalette(palette.astype(np.uint8).tobytes(), "RGBA")
    file = io.BytesIO()
    image.save(file, "png", optimize=True)
    return file.getvalue()


def picture(figure: Figure, caption: str, small: bool = True) -> dict[str, Any]:
    """Return the arguments of `display` that show a figure as a PNG, with the caption as its alternative text.

    `small` takes a tenth of a second more for a file of a third of the size.
    """
    file = few_colours(png(figure)) if small else png(figure)
    width, height = (side // 2 for side in Image.open(io.BytesIO(file)).size)
    data = {"image/png": base64.b64encode(file).decode(), "text/plain": repr(figure)}
    return {"obj": data, "metadata": {"image/png": {"width": width, "height": height, "alt": caption}}}


def words_under(text: str) -> dict[str, Any]:
    """Return the arguments of `display` that show the caption as Markdown, each of its characters as it is."""
    return {"obj": {"text/markdown": f"*Figure: {escape(text)}*", "text/plain": f"Figure: {text}"}, "metadata": {}}


def escape(text: str) -> str:
    r"""Return text as Markdown that shows each of its characters as it is.

    >>> escape("n_head costs $5")
    'n\\_head costs \\$5'
    """
    return "".join(f"\\{letter}" if letter in "\\*_`$<>[]#|~" else letter for letter in text)


def put(arguments: Mapping[str, Any], handle: DisplayHandle | None = None) -> DisplayHandle | None:
    """Display what `picture` or `words_under` returned, in place of what `handle` shows if there is one."""
    bundle, metadata = arguments["obj"], arguments["metadata"]
    if handle is None:
        return display(bundle, raw=True, metadata=metadata, display_id=True)
    handle.update(bundle, raw=True, metadata=metadata)
    return handle


def show(figure: Figure, caption: str) -> None:
    """Show a figure with its caption under it, and close it: the one way in which the course shows a figure.

    The caption says in words what is to be seen. It is also the picture's alternative text when the notebook is
    exported to HTML. In a terminal only the caption is printed. A caption under 20 characters is a ValueError.
    """
    words = one_line(caption)
    if in_notebook():
        put(picture(figure, words))
        put(words_under(words))
    else:
        print_anything(sys.stdout)
        print(f"Figure: {words}")
    close(figure)


def close(figure: Figure) -> None:
    """Take a figure out of pyplot's list, if pyplot is in use, so that it is not shown a second time."""
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close(figure)
