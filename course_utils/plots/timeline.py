"""What happens when: a lane for each thing that works, and along it boxes from their start to their end."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from course_utils.common import require
from course_utils.plots.style import (
    FAINT_INK,
    MARGIN,
    NORMAL,
    SMALLEST,
    WIDTH,
    canvas,
    draw_arrow,
    draw_box,
    text_width,
    write,
)

LANE, BOX = 38, 26  # from one lane to the next, and the height of a box
Task = tuple[float, float, str, str]  # start, end, what is written in the box, its role


def draw_timeline(lanes: Mapping[str, Sequence[Task]]) -> Figure:
    """Draw a lane for each name, its tasks as boxes (start, end, text, role); time runs to the right, in any unit.

    ValueError: no task at all, or one that ends before it starts.
    """
    tasks = [task for lane in lanes.values() for task in lane]
    require(len(tasks) > 0, "there is no task to draw; give at least one")
    backwards = next((task for task in tasks if task[0] >= task[1]), None)
    require(backwards is None, f"the task {backwards} ends before it starts")
    left = MARGIN + max(text_width(name, NORMAL) for name in lanes) + 12
    scale = (WIDTH - MARGIN - left) / max(end for _, end, _, _ in tasks)
    height = MARGIN + LANE * len(lanes) + 26
    axes = canvas(height)
    for number, (name, lane) in enumerate(lanes.items()):
        y = MARGIN + LANE * number
        write(axes, left - 12, y + BOX / 2, name, ha="right")
        for start, end, text, role in lane:
            width = (end - start) * scale
            draw_box(axes, left + start * scale, y, width - 1, BOX, role, radius=2, hatch="")
            if width > text_width(text, SMALLEST) + 3:
                write(axes, left + (start + end) / 2 * scale, y + BOX / 2, text, SMALLEST)
    draw_arrow(axes, (left, height - 24), (WIDTH - MARGIN, height - 24))
    write(axes, WIDTH - MARGIN, height - 13, "time", SMALLEST, ha="right", color=FAINT_INK)
    return axes.figure
