"""Drawn matrices say their numbers, names and shapes, stay on the figure, and refuse what does not fit."""

import math

import pytest
import torch
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text

from course_utils.plots.matrices import Matrix, cell_text, draw_matrices
from course_utils.plots.style import WIDTH


def words(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_every_number_name_and_shape_is_there():
    x = torch.tensor([[0.5, -1.25], [2.0, 3.0], [0.0, -0.001]])
    figure = draw_matrices(
        [
            Matrix("x", x, rows=["a", " b", "c"]),
            "@",
            Matrix("w", x.T, "key", columns=["a", "b", "c"]),
            "=",
            Matrix("y", x @ x.T),
        ]
    )
    said = words(figure)
    for expected in ("x", "w", "y", "@", "=", "(3, 2)", "(2, 3)", "(3, 3)", "0.50", "-1.25", "·b", "0.00"):
        assert expected in said
    assert "-0.00" not in said
    for i in range(3):
        for j in range(3):
            assert cell_text((x @ x.T)[i, j].item(), 2) in said


def test_everything_lies_within_the_figure_and_texts_do_not_overlap():
    x = torch.rand(6, 3)
    names = ["Mara", " gave", " Finn", " the", " red", " kite"]
    figure = draw_matrices(
        [Matrix("x", x, rows=names), "@", Matrix("xᵀ", x.T, columns=names), "=", Matrix("scores", x @ x.T, digits=1)],
        "All",
    )
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.findobj(Text) if text.get_text()]
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.width and box.y0 >= 0 for box in boxes)
    assert all(box.y1 <= figure.bbox.height for box in boxes)
    for i, one in enumerate(boxes):
        for other in boxes[:i]:
            wide = min(one.x1, other.x1) - max(one.x0, other.x0)
            high = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert wide < 1 or high < 1


def test_names_of_columns_stand_on_end_where_they_are_wide():
    parts = [
        Matrix(f"head {i}", torch.eye(6), "weight", columns=["kitchen"] * 6, digits=1, upright=True) for i in "123"
    ]
    figure = draw_matrices([parts[0], " ", parts[1], " ", parts[2]])
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.findobj(Text) if text.get_text() == "kitchen"]
    assert len(boxes) == 18
    assert all(box.height > 2 * box.width for box in boxes)
    heads = [text.get_window_extent() for text in figure.findobj(Text) if text.get_text().startswith("head")]
    assert max(box.y1 for box in boxes) < min(box.y0 for box in heads)


def test_what_is_masked_is_hatched_and_what_is_missing_is_empty():
    figure = draw_matrices([Matrix("s", [[1.0, -math.inf], [math.nan, 2.0]])])
    cells = [patch for patch in figure.axes[0].patches if patch.get_width() > 5]
    assert [bool(cell.get_hatch()) for cell in cells] == [False, True, False, False]
    assert words(figure).count("-∞") == 1
    assert "nan" not in words(figure)


def test_a_larger_number_is_shaded_deeper():
    figure = draw_matrices([Matrix("w", [[0.0, 0.2, 1.0]], "key", shade=True)])
    colours = [patch.get_facecolor()[:3] for patch in figure.axes[0].patches if patch.get_width() > 5]
    assert colours[0] == (1.0, 1.0, 1.0)
    assert sum(colours[0]) > sum(colours[1]) > sum(colours[2])


def test_weights_have_the_same_colour_in_every_matrix():
    colours = []
    for values in ([[0.2, 0.8]], [[0.2, 0.2]]):
        figure = draw_matrices([Matrix("weights", values, "weight")])
        colours.append([patch.get_facecolor() for patch in figure.axes[0].patches if patch.get_width() > 5])
    assert colours[0][0] == colours[1][0] == colours[1][1] != colours[0][1]


def test_marked_rows_and_columns_get_a_frame():
    plain = draw_matrices([Matrix("w", torch.ones(2, 3))])
    marked = draw_matrices([Matrix("w", torch.ones(2, 3), marked=[1], marked_columns=[0, 2])])
    assert len(marked.axes[0].patches) == len(plain.axes[0].patches) + 3


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([], "no matrix to draw"),
        (["="], "no matrix to draw"),
        ([Matrix("wide", torch.ones(2, 40))], rf"there are {WIDTH - 44:.0f}: draw fewer"),
        ([Matrix("cube", torch.ones(2, 2, 2))], r"cube is \(2, 2, 2\)"),
        ([Matrix("none", torch.ones(0, 2))], r"none is \(1, 0\)"),
    ],
)
def test_what_cannot_be_drawn_is_told(parts, told):
    with pytest.raises(ValueError, match=told):
        draw_matrices(parts)


def test_cells_of_one_group_have_one_colour_and_others_another():
    values = torch.tensor([[10, 20], [11, 30]])
    figure = draw_matrices([Matrix("x", values, groups=values // 10, digits=0)])
    fills = {}
    _, *boxes = figure.findobj(FancyBboxPatch)  # the frame of the figure comes first
    for box, number in zip(boxes, (10, 20, 11, 30), strict=True):
        fills.setdefault(number // 10, set()).add(box.get_facecolor())
    assert [len(own) for own in fills.values()] == [1, 1, 1]
    assert len(set.union(*fills.values())) == 3
