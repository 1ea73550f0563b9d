"""Dials: vectors of two numbers as the hands of a clock, two hands at a time with the angle between them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Arc, Circle

from course_utils.common import require
from course_utils.plots.style import (
    FAINT_INK,
    LINE,
    MARGIN,
    NORMAL,
    ROLES,
    SMALLEST,
    WIDTH,
    canvas,
    draw_arrow,
    write,
)

TOP, BELOW = 44.0, 26.0  # the room for a dial's title and for the names of hands that point down
LARGEST = 78.0  # the radius of a dial


@dataclass(frozen=True)
class Hand:
    """A vector (x, y) with its name and its role, which gives the colour; a vector of length 1 reaches the rim."""

    name: str
    vector: Sequence[float]
    role: str = "token"


def draw_dials(dials: Mapping[str, Sequence[Hand]]) -> Figure:
    """Draw a circle for each title, side by side, with its hands; an arc joins the first and second, third and fourth.

    ValueError: no dial, more than four, or a hand that isn't two numbers.
    """
    require(1 <= len(dials) <= 4, f"there are {len(dials)} dials; a figure takes one to four")
    for hand in (hand for hands in dials.values() for hand in hands):
        require(len(hand.vector) == 2, f"{hand.name!r} has {len(hand.vector)} numbers; a hand takes two, x and y")
    width = (WIDTH - 2 * MARGIN) / len(dials)
    radius = min(LARGEST, width / 2 - 30)
    axes = canvas(TOP + 2 * radius + 2 * BELOW - 8)
    for number, (title, hands) in enumerate(dials.items()):
        x = MARGIN + (number + 0.5) * width
        write(axes, x, TOP - 18, title, NORMAL, weight="bold")
        draw_dial(axes, x, TOP + BELOW + radius - 8, radius, hands)
    return axes.figure


def draw_dial(axes: Axes, x: float, y: float, radius: float, hands: Sequence[Hand]) -> None:
    """Draw one dial centred on (x, y): its rim, its hands with their names, and the angles between them."""
    axes.add_patch(Circle((x, y), radius, fill=False, edgecolor=LINE))
    for hand in hands:
        right, up = (float(number) for number in hand.vector)
        length, look = math.hypot(right, up), ROLES[hand.role]
        draw_arrow(axes, (x, y), (x + radius * right, y - radius * up), color=look.edge, linewidth=look.width + 0.4)
        far = (radius * max(length, 0.5) + 11) / max(length, 1e-9)
        side = "left" if right > 0.35 * length else "right" if right < -0.35 * length else "center"
        write(axes, x + far * right, y - far * up, hand.name, SMALLEST, ha=side, color=look.edge)
    for number, (first, second) in enumerate(zip(hands[::2], hands[1::2], strict=False)):
        draw_angle(axes, (x, y), radius * (0.3 + 0.15 * number), first, second)


def draw_angle(axes: Axes, centre: tuple[float, float], radius: float, first: Hand, second: Hand) -> None:
    """Draw the smaller of the two arcs between two hands, in the colour of the second."""
    # The canvas counts y downward, so an angle that is drawn anticlockwise has its sign changed.
    start, end = (-math.degrees(math.atan2(float(hand.vector[1]), float(hand.vector[0]))) for hand in (first, second))
    if (end - start) % 360 > 180:
        start, end = end, start
    color = ROLES[second.role].edge if first.role == second.role else FAINT_INK
    axes.add_patch(Arc(centre, 2 * radius, 2 * radius, theta1=start, theta2=end, color=color, linewidth=1.6))
