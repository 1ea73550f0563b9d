"""The course's figures: what they say, that they can be read by everyone, and how they are shown."""

import itertools
import math
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import matplotlib.style
import nbformat
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Arc, FancyArrowPatch, FancyBboxPatch
from matplotlib.text import Text
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from course_utils import plots, tales
from course_utils.plots import (
    LiveLoss,
    cards,
    chat_box,
    curves,
    draw_batches,
    draw_differences,
    draw_distribution,
    draw_filters,
    draw_loss,
    draw_map,
    draw_merges,
    draw_model,
    draw_reading,
    draw_shares,
    draw_tokens,
    draw_tradeoff,
    draw_windows,
    scripts,
    style,
    tale_card,
    tokens,
)
from course_utils.plots.alignment import draw_alignment
from course_utils.plots.style import CARD, FAINT_INK, INK, ROLES
from course_utils.tools.curriculum import LADDER, NOTEBOOKS, NUMBERS, STATIONS, STEPS, at, find
from course_utils.training import History, Progress

CAPTION = "A straight line that rises from one to three."
LOREM = ["Lorem", "ipsum", "dolor", "sit", "amet,", "consectetur", "adipiscing", "elit,"]
ARABIC = ["كان", " يا", " ما", " كان", " في", " قديم"]
FOUR = [0.5, 0.3, 0.15, 0.05]
PARTS = {"token_embedding": 524_288, "position_embedding": 16_384, "blocks": 793_088, "total": 1_334_016}

BLOCK = {"attn_norm": 1536, "attn": 2_362_368, "mlp_norm": 1536, "mlp": 4_722_432}


def config(**changes: Any) -> SimpleNamespace:
    sizes = {"vocab_size": 50_257, "context_length": 1024, "n_layer": 12, "n_head": 12, "n_embd": 768}
    return SimpleNamespace(**({**sizes, "positions": "learned", "tied": True} | changes))


def history(steps: int = 60) -> History:
    losses = [7 * math.exp(-step / 10) + 1.4 for step in range(steps)]
    return History(losses, [(step, losses[step - 1] + 0.03) for step in range(10, steps + 1, 10)])


FIGURES = {
    "map": lambda: draw_map("03"),
    "map at the start": lambda: draw_map("00"),
    "tokens": lambda: draw_tokens([" word", "\n", "a$b$"] * 20, range(60), [2], "Sixty tokens"),
    "tokens from right to left": lambda: draw_tokens([" كان", " يا", "ما"] * 12, range(36), title="Once upon a time"),
    "windows from right to left": lambda: draw_windows(ARABIC, 3, 1),
    "merges from right to left": lambda: draw_merges([list("كتاب"), ["كت", "اب"], ["كتاب"]]),
    "links from right to left": lambda: plots.draw_links(ARABIC, 2, [0.7, 0.2, 0.1, 0, 0, 0]),
    "tokens in roles": lambda: draw_tokens(["Ahoy", " Hugo", "."], [7, 8, 9], roles=["masked", "target", "highlight"]),
    "strips": lambda: plots.draw_strips(
        {"one": ["token"] * 9 + ["target"] * 4, "row two": ["target", "masked"]},
        {"token": "read", "target": "learned", "masked": "padding"},
    ),
    "intervals": lambda: plots.draw_intervals({"who has": (0.8, 0.75, 0.85), "why": (1.0, 0.9, 1.0)}, "right"),
    "gaps": lambda: plots.draw_gaps([0, 0.01, 0.5, 7, 7, 9, 30, 1000], pause=2),
    "timeline": lambda: plots.draw_timeline(
        {"computes": [(0, 2, "forward", "query"), (2, 5, "backward", "key")], "sends": [(3, 5.5, "sum", "target")]}
    ),
    "windows": lambda: draw_windows(LOREM, 4, 1),
    "many windows": lambda: draw_windows([f"w{i}" for i in range(60)], 5, 3),
    "batches": lambda: draw_batches({"in order": [[0, 3, 6], [9]], "shuffled, once more": [[9, 0, 3], [600]]}),
    "merges": lambda: draw_merges([list(" umbrella"), [" ", "um", *"brella"], [" um", *"brella"], [" umbrella"]]),
    "model": lambda: draw_model(config(), PARTS),
    "rotary model": lambda: draw_model(config(positions="rotary", tied=False)),
    "model with a counted block": lambda: draw_model(config(), PARTS | BLOCK),
    "adapter": lambda: plots.draw_adapter(128, 384, 8),
    "links": lambda: plots.draw_links(["Mara", " ran", ".", " It"], 3, [0.7, 0.001, 0.1, 0.199], "Who?"),
    "attention": lambda: plots.draw_attention(masked=False),
    "masked attention": lambda: plots.draw_attention(masked=True),
    "dials": lambda: plots.draw_dials(
        {
            "slow": [plots.Hand("1", (0.9, 0.4)), plots.Hand("3", (0.4, -0.9))],
            "a pair": [plots.Hand("q", (0, 0.2), "query")],
        }
    ),
    "halves": plots.draw_halves,
    "rungs": lambda: plots.draw_rungs({"unigram": [5.2, 5.3], "+ positions, one head": [1.7]}, {"entropy": 0.4}),
    "stacks": lambda: plots.draw_stacks({"small": {"tokens": 3.0, "MLPs": 1.0}, "XL": {"tokens": 1.0, "MLPs": 99.0}}),
    "loss": lambda: draw_loss(history(), {"knows nothing": 8.4, "lower bound": 0.9}),
    "loss of one step": lambda: draw_loss(History([8.0], []), steps=100),
    "shares": lambda: draw_shares(
        [1, 2, 5], {"sentences": [0.5, 0.9, 0.99], "whole tales": [0.0, 0.9, 0.98]}, "minutes"
    ),
    "differences": lambda: draw_differences({"no warm-up": [0.02, -0.01], "no clipping": [0.3, 0.4]}, "loss, nats"),
    "effects": lambda: plots.draw_effects(
        {way: {"RMSNorm": [0.01, -0.02], "a window": [0.02, 0.01]} for way in ("equal steps", "equal time")}, "nats"
    ),
    "sharing": lambda: plots.draw_sharing(8, {"multi-head": 8, "grouped": 2, "multi-query": 1}),
    "latent": lambda: plots.draw_latent(5120, 128, 128, 512, 64, 8),
    "distribution": lambda: draw_distribution([f" t{i}" for i in range(99)], np.full(99, 1 / 99)),
    "filters": lambda: draw_filters(list("abcd"), FOUR, {"as it is": FOUR, "the best two": [0.625, 0.375, 0, 0]}),
    "tradeoff": lambda: draw_tradeoff(
        {"one": {"top_k": [(0.2, 0.9, "2"), (0.4, 0.8, "9")]}, "other": {"top_p": [(0.3, 0.7, "")]}}, (0.5, 1.0)
    ),
    "reading": lambda: draw_reading(["One", " windy", " day", ","], prompt=2),
    "alignment": lambda: draw_alignment(
        ["red", "kite"], ["cometa", "roja", "."], [[0, 1], [0.9, 0.1], [0.5, 0.5]], [1]
    ),
}


@pytest.fixture(scope="module")
def figures() -> dict[str, Figure]:
    return {name: draw() for name, draw in FIGURES.items()}


def texts(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in texts(figure)]


# --- texts from right to left ---


def lefts(figure: Figure) -> list[float]:
    """Where the boxes of a figure begin, in the order in which they were drawn."""
    return [box.get_x() for box in figure.axes[0].patches if isinstance(box, FancyBboxPatch)]


@pytest.mark.parametrize(
    ("draw", "count"),
    [
        (lambda tokens: draw_tokens(tokens), 6),
        (lambda tokens: draw_windows(tokens, 2, 2), 6),
        (lambda tokens: draw_merges([tokens, ["".join(tokens)]]), 6),
        (lambda tokens: plots.draw_links(tokens, 2, [0.5, 0.3, 0.2, 0, 0, 0]), 6),
    ],
)
def test_the_tokens_of_an_arabic_text_run_from_right_to_left(draw: Any, count: int):
    row = lefts(draw(ARABIC))[:count]
    assert row == sorted(row, reverse=True)
    row = lefts(draw(LOREM[:6]))[:count]
    assert row == sorted(row)


def test_a_mirrored_row_lies_as_far_from_its_edge():
    boxes = draw_tokens(ARABIC).axes[0].patches
    assert boxes[0].get_x() + boxes[0].get_width() == pytest.approx(style.WIDTH - style.MARGIN)
    assert min(box.get_x() for box in boxes) >= style.MARGIN


def drawn(text: str) -> bytes:
    """A text as pixels."""
    axes = style.canvas(40)
    style.write(axes, 200, 20, text, 20, family=style.MONO)
    return FigureCanvasAgg(axes.figure).print_to_buffer()[0]


@pytest.mark.skipif(not scripts.MATPLOTLIB_JOINS, reason="before 3.11 matplotlib cannot say how letters join")
@pytest.mark.parametrize("text", ["كتاب", "مرحبا", "السلام", "يا", "قديم", "مدرسة", "لؤلؤ", "بيت", "ههه", "ء", "الآن"])
def test_arabic_letters_join_for_an_older_matplotlib_as_a_newer_one_joins_them(text: str):
    # The newer one takes the joined forms for Arabic too, and would turn them round once more.
    assert drawn(scripts.joined(text)[::-1]) == drawn(text)
    assert scripts.joined(text) != text or len(text) == 1


def test_an_older_matplotlib_gets_joined_letters(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(style, "MATPLOTLIB_JOINS", False)
    assert style.visible(" كتاب") == "بﺎﺘﻛ·"
    assert style.visible(" niño") == "·niño"


# --- what figures say ---


def test_the_map_shows_each_step_each_station_and_each_notebook():
    said = words(draw_map("00"))
    assert {*(f"{i} {name}" for i, name in enumerate(STEPS, 1)), *STATIONS, *NUMBERS} <= set(said)


@pytest.mark.parametrize("here", NUMBERS)
def test_the_map_is_a_slim_strip_whose_names_keep_apart(here: str):
    figure = draw_map(here)
    width, height = figure.get_size_inches() * figure.dpi
    assert [round(width), round(height)] == [896, 140]
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in texts(figure)]
    assert min(box.x0 for box in boxes) > 0
    assert max(box.x1 for box in boxes) < width
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def test_the_attention_notebooks_show_their_ladder_in_place_of_the_steps():
    for number, mechanism in LADDER.items():
        said = words(draw_map(number))
        assert {*LADDER.values()} <= {*said}
        assert not any(step in "".join(said) for step in STEPS)
        bold = {text.get_text() for text in texts(draw_map(number)) if text.get_weight() == "bold"}
        assert bold == {mechanism, "attention", number, find(number).label}


@pytest.mark.parametrize("here", ["07", 7, "07_self_attention", "07_self_attention.ipynb"])
def test_the_map_marks_the_place_however_it_is_named(here: str | int):
    figure = draw_map(here)
    bold = {text.get_text() for text in texts(figure) if text.get_weight() == "bold"}
    assert {"07 · Self-attention", "07", "attention"} <= bold
    assert not {"06", "08", "encode"} & bold


@pytest.mark.parametrize("here", ["99", "3a", "", "encode", -1, True])
def test_a_place_that_is_not_on_the_map_lists_those_that_are(here: Any):
    with pytest.raises(ValueError, match=r"no notebook .*00 · Start here, .*15 · LoRA"):
        draw_map(here)


def test_every_notebook_has_its_place_on_the_road():
    assert {number for station in STATIONS for number in at(station)} == set(NUMBERS)
    assert {step for notebook in NOTEBOOKS for step in notebook.step} == set(STEPS)


def test_tokens_show_their_white_space_and_their_ids():
    assert words(draw_tokens(["Hello", " world", "\n"], [15496, 995, 198])) == [
        *("Hello", "15496", "·world", "995", "↵", "198")
    ]


def test_what_the_font_cannot_draw_is_told_by_its_code_point():
    assert style.visible("é 你") == "é·[4F60]"


def test_tokens_wrap_inside_the_card():
    places = tokens.flow([100.0] * 7, room=320, gap=5)
    assert [line for _, line in places] == [0, 0, 0, 1, 1, 1, 2]
    assert all(x + 100 <= 320 for x, _ in places)


def test_tokens_look_as_their_roles_say():
    figure = draw_tokens(["a", "b"], roles=["target", "masked"])
    assert [box.get_facecolor() for box in figure.axes[0].patches] == [
        to_rgba(ROLES[role].fill) for role in ("target", "masked")
    ]


def test_an_adapter_is_drawn_to_scale():
    figure = plots.draw_adapter(100, 300, 30)
    W, B, A = ((box.get_width(), box.get_height()) for box in figure.axes[0].patches)
    assert W[1] / W[0] == pytest.approx(3)
    assert (B[0], A[1]) == pytest.approx((W[1] / 10, W[1] / 10))
    assert (B[1], A[0]) == (W[1], W[0])


def test_a_strip_is_as_long_as_its_row():
    rows = {"long": ["token"] * 6 + ["target"] * 2, "short": ["target"] * 4}
    figure = plots.draw_strips(rows, {"token": "read", "target": "learned"})
    *_, read, learned, short = (box.get_width() for box in figure.axes[0].patches)
    assert (round(read / learned, 3), round(short / learned, 3)) == (3, 2)
    assert words(figure) == ["read", "learned", "long", "short"]


def test_gaps_are_counted_and_the_pause_is_named():
    figure = plots.draw_gaps([0.01] * 30 + [9.0] * 5, pause=2)
    heights = sorted(bar.get_height() for bar in figure.axes[0].patches if bar.get_height() > 0)
    assert heights == [5, 30]
    assert "pause of 2 h" in words(figure)


def test_each_merge_marks_the_token_that_is_new():
    figure = draw_merges([["a", "b", "c"], ["ab", "c"], ["abc"]])
    boxes = [patch for patch in figure.axes[0].patches if patch.get_facecolor() == to_rgba(ROLES["highlight"].fill)]
    assert words(figure) == ["a", "b", "c", "ab", "c", "abc"]
    assert len(boxes) == 2
    assert boxes[1].get_width() > boxes[0].get_width() > 30


def test_batches_stand_apart_in_their_line():
    figure = draw_batches({"all": [[1, 2], [3]]})
    assert words(figure) == ["all", "1", "2", "3"]
    x = [text.get_position()[0] for text in texts(figure)]
    assert x[3] - x[2] > x[2] - x[1]


def test_an_arrow_is_the_wider_the_more_weight_and_none_has_hardly_any():
    figure = plots.draw_links(["Mara", " ran", ".", " It"], 3, [0.7, 0.001, 0.1, 0.199])
    arrows = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch)]
    wide, narrow = (arrow.get_linewidth() for arrow in arrows)
    assert wide > 2 * narrow
    assert [word for word in words(figure) if word.endswith("%")] == ["70%", "10%", "20%"]


def test_only_masked_attention_has_a_mask():
    plain, masked = set(words(plots.draw_attention(False))), set(words(plots.draw_attention(True)))
    assert masked - plain == {"mask", "future: −∞"}
    assert {"queries", "keys", "values", "scores", "scale", "softmax", "weights", "contexts"} <= plain


@pytest.mark.parametrize("start", [0, 50, 170, 300])
def test_hands_moved_on_together_keep_their_angle(start: int):
    turned = [math.radians(start + angle) for angle in (0, 40)]
    hands = [plots.Hand(str(i), (math.cos(angle), math.sin(angle)), "query") for i, angle in enumerate(turned)]
    (arc,) = [patch for patch in plots.draw_dials({"a": hands}).axes[0].patches if isinstance(patch, Arc)]
    assert math.isclose((arc.theta2 - arc.theta1) % 360, 40)


def test_dollar_signs_are_not_mathematics():
    figure = draw_tokens(["$5", "$6$"])
    assert [text.get_parse_math() for text in texts(figure)] == [False, False]


def windows_drawn(figure: Figure) -> list[tuple[list[str], list[str]]]:
    """The inputs and targets of each window, read back from the figure by the rows in which they stand."""
    rows: dict[float, list[Text]] = {}
    for text in texts(figure):
        rows.setdefault(round(text.get_position()[1], 1), []).append(text)
    read = []
    for row in rows.values():
        names = [t.get_text() for t in row if t.get_text() in ("inputs", "targets")]
        boxes = sorted((t.get_position()[0], t.get_text()) for t in row if t.get_fontfamily() == [style.MONO])
        read += [[text for _, text in boxes]] if names else []
    return list(zip(read[::2], read[1::2], strict=True))


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_windows_equal_a_plain_loop(stride: int):
    starts = range(0, len(LOREM) - 4, stride)
    expected = [(LOREM[start : start + 4], LOREM[start + 1 : start + 5]) for start in starts]
    figure = draw_windows(LOREM, 4, stride)
    assert windows_drawn(figure) == expected
    assert not any("are drawn" in word for word in words(figure))


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_the_table_of_windows_says_what_is_drawn(stride: int):
    head, line, *rows = plots.windows_table(LOREM, 4, stride).split("\n")
    drawn = windows_drawn(draw_windows(LOREM, 4, stride))
    assert (head, line) == ("| inputs | targets |", "| :-- | :-- |")
    assert rows == [f"| {' '.join(inputs)} | {' '.join(targets)} |" for inputs, targets in drawn]


def test_each_token_of_a_window_stands_under_itself_in_the_text():
    places: dict[str, set[float]] = {}
    for text in texts(draw_windows(LOREM, 4, 1)):
        places.setdefault(text.get_text(), set()).add(round(text.get_position()[0], 3))
    assert all(len(places[token]) == 1 for token in LOREM)


def test_windows_that_are_left_out_are_counted():
    said = words(FIGURES["many windows"]())
    drawn = sum(word.startswith("window ") for word in said)
    assert f"14 of 60 tokens and {drawn} of {len(range(0, 60 - 5, 3))} windows are drawn" in said


def test_the_model_shows_shapes_sizes_and_counts():
    said = words(draw_model(config(), PARTS))
    assert {"(B, T)", "(B, T, C)", "(B, T, V)", "C = 768", "V = 50,257", "T ≤ 1,024"} <= set(said)
    assert {"12 blocks", "12 heads of 64 numbers", "768 → 3,072 → 768", "793,088 parameters"} <= set(said)
    assert "A GPT of 1,334,016 parameters" in said
    assert {"2,362,368 parameters", "4,722,432 parameters"} <= set(words(draw_model(config(), PARTS | BLOCK)))


def test_the_two_halves_name_what_a_gpt_keeps_and_leaves_out():
    said = words(plots.draw_halves())
    assert {"causal self-attention", "cross-attention", "keys and values", "dashed: what it leaves out"} <= set(said)


def test_each_query_is_joined_to_the_key_of_its_group():
    figure = plots.draw_sharing(6, {"grouped": 2})
    assert {"grouped", "2 keys, 2 values"} <= set(words(figure))
    ends = [line.get_xdata()[1] for line in figure.axes[0].lines]
    assert len(ends) == 6
    assert ends[:3] == [ends[0]] * 3
    assert ends[3:] == [ends[5]] * 3
    assert ends[0] < ends[5]


def test_what_a_token_leaves_is_counted_and_drawn_to_scale():
    figure = plots.draw_latent(5120, 128, 128, 512, 64, 8)
    assert {"32,768 numbers", "2,048 numbers", "576 numbers", "5,120 numbers"} <= set(words(figure))
    bars = [patch.get_width() for patch in figure.axes[0].patches if patch.get_height() == 13]
    assert [round(bars[0] / bar, 1) for bar in bars] == [1, 16, 56.9]


def test_effects_share_their_rows_and_their_scale():
    left, right = plots.draw_effects({"steps": {"a": [1.0, 3.0]}, "time": {"a": [-1.0]}}, "loss").axes
    assert [bar.get_width() for panel in (left, right) for bar in panel.patches] == [2.0, -1.0]
    assert left.get_xlim() == right.get_xlim()
    assert [list(line.get_xdata()) for line in left.lines[:1]] == [[1.0, 3.0]]


def test_an_alignment_has_a_line_for_each_weight_that_matters():
    figure = FIGURES["alignment"]()
    assert {"red", "kite", "cometa", "roja", "read", "written"} <= set(words(figure))
    lines = figure.axes[0].lines
    assert len(lines) == 4  # 0 and 0.1 are too small
    ends = [tuple(line.get_xdata()) for line in lines]
    (noun_above, noun_below), (adjective_above, adjective_below) = ends[:2]
    assert noun_above > adjective_above
    assert noun_below < adjective_below
    with pytest.raises(ValueError, match=r"weights are \(1, 2\); they take \(2, 2\)"):
        draw_alignment(["a", "b"], ["c", "d"], [[1, 0]])
    with pytest.raises(ValueError, match="choose a shorter sentence"):
        draw_alignment(["accordion"] * 20, ["c"], [[0] * 20])


def test_rungs_and_stacks_say_means_fractions_and_references():
    assert {"bigram", "2.50", "entropy 0.40"} <= set(words(plots.draw_rungs({"bigram": [2.4, 2.6]}, {"entropy": 0.4})))
    assert {"XL", "tokens", "75%", "25%"} <= set(words(plots.draw_stacks({"XL": {"tokens": 3.0, "MLPs": 1.0}})))


def test_models_without_numbers_or_with_other_components_are_refused():
    with pytest.raises(ValueError, match="at least one loss"):
        plots.draw_rungs({"bigram": []}, {})
    with pytest.raises(ValueError, match="the same components"):
        plots.draw_stacks({"a": {"x": 1.0}, "b": {"y": 1.0}})


def test_a_rotary_model_has_no_position_embedding():
    assert "position embedding" in words(draw_model(config()))
    said = words(draw_model(config(positions="rotary")))
    assert "position embedding" not in said
    assert "rotary positions inside" in said


def test_the_loss_is_named_at_its_ends_and_references_on_their_lines():
    said = words(draw_loss(history(), {"knows nothing": 8.4}))
    assert {"training 1.42", f"validation {history().losses[-1] + 0.03:.2f}", "knows nothing 8.40"} <= set(said)


def test_names_of_curves_that_end_close_together_do_not_overlap(figures: dict[str, Figure]):
    boxes = {}
    for text in texts(figures["loss"]):
        if text.get_text().startswith(("training 1", "validation 1")):
            boxes[text.get_text()] = text.get_window_extent(FigureCanvasAgg(figures["loss"]).get_renderer())
    one, other = boxes.values()
    assert not one.overlaps(other)


def test_references_lie_inside_the_axes():
    low, high = draw_loss(history(), {"above": 12.0, "below": -1.0}).axes[0].get_ylim()
    assert low < -1
    assert high > 12


def test_smoothing_ends_in_the_mean_of_the_last_values():
    values = np.random.default_rng(0).normal(size=200)
    assert curves.smooth(values, 5)[-1] == pytest.approx(values[-5:].mean())
    assert curves.smooth(values, 5)[0] == pytest.approx(values[0])


def test_the_distribution_shows_the_most_probable_first_and_the_rest_together():
    said = words(draw_distribution([" a", " b", " c", " d"], [0.1, 0.6, 0.25, 0.05], most=2))
    assert said == ["·b", "60.0%", "·c", "25.0%", "all others", "15.0%"]


def test_probabilities_may_be_a_tensor_that_learns():
    torch = pytest.importorskip("torch")
    chances = torch.softmax(torch.zeros(4, dtype=torch.bfloat16, requires_grad=True), 0)
    assert words(draw_distribution(["a", "b", "c", "d"], chances)).count("25.0%") == 4


def test_a_filter_shows_what_it_leaves_and_how_many():
    said = words(draw_filters(list("abcd"), FOUR, {"the best two": [0.625, 0.375, 0, 0]}))
    assert {"the best two\n2 tokens left", "62%", "38%", "0%"} <= set(said)


def test_a_tradeoff_has_whole_percentages_at_its_scales():
    points = [(0.3, 0.845, ""), (0.7, 0.99, "")]
    axes = draw_tradeoff({"one": {"top_k": points}}, (0.69, 1.0)).axes[0]
    for ticks in (axes.get_xticks(), axes.get_yticks()):
        assert len(ticks) >= 3
        assert np.allclose(100 * ticks, np.round(100 * ticks))


def test_a_tradeoff_names_its_curves_and_the_settings_asked_for():
    said = words(draw_tradeoff({"one": {"top_k": [(0.2, 0.9, "2"), (0.4, 0.8, "")]}}, (0.5, 1.0)))
    assert {"one", "top_k", "the world", "2", "distinct 4-grams", "consistent tales"} <= set(said)


def test_with_a_cache_each_token_is_read_once():
    figure = draw_reading(list("abcd"), prompt=2)
    fills = [patch.get_facecolor() for patch in figure.axes[0].patches]
    read, kept = (fills.count(to_rgba(ROLES[role].fill)) for role in ("query", "key"))
    assert (read, kept) == (2 + 3 + 2 + 1, 2)  # two steps: without a cache 2 and 3 tokens, with one 2 and 1


def test_each_curve_of_shares_is_named_with_its_last_value():
    said = words(draw_shares([1, 2], {"sentences": [0.5, 0.987], "whole tales": [0.0, 0.5]}, "minutes of training"))
    assert {"sentences 98.7%", "whole tales 50.0%", "minutes of training"} <= set(said)


BAD_INPUT = {
    "keys that don't divide": (lambda: plots.draw_sharing(8, {"a": 3}), "'a' has 3 keys for 8 queries"),
    "no kind of attention": (lambda: plots.draw_sharing(8, {}), "no attention to draw"),
    "too many heads": (lambda: plots.draw_sharing(40, {"a": 1, "b": 2}), "40 heads take 836 points"),
    "no latent": (lambda: plots.draw_latent(64, 4, 16, 0, 8, 2), "latent is 0"),
    "no effect": (lambda: plots.draw_effects({"steps": {}}, "nats"), "nothing to draw"),
    "an effect without seeds": (lambda: plots.draw_effects({"steps": {"a": []}}, "nats"), "'a' has no difference"),
    "other rows": (lambda: plots.draw_effects({"x": {"a": [1]}, "y": {"b": [1]}}, "nats"), "takes the same rows"),
    "no rank": (lambda: plots.draw_adapter(128, 384, 0), "rank is 0"),
    "no dial": (lambda: plots.draw_dials({}), "there are 0 dials"),
    "a hand of three numbers": (lambda: plots.draw_dials({"a": [plots.Hand("h", (1, 2, 3))]}), "'h' has 3 numbers"),
    "a weight missing": (lambda: plots.draw_links(["a", "b"], 1, [1.0]), "2 tokens and 1 weights"),
    "nobody asks": (lambda: plots.draw_links(["a"], 1, [1.0]), "query is 1"),
    "a weight above 1": (lambda: plots.draw_links(["a", "b"], 1, [1.5, 0.2]), "between 0 and 1; got 1.5"),
    "a long sentence": (lambda: plots.draw_links(["word"] * 40, 1, [0.0] * 40), "draw fewer tokens"),
    "no tokens": (lambda: draw_tokens([]), "give at least one"),
    "ids missing": (lambda: draw_tokens(["a", "b"], [1]), "2 tokens and 1 ids"),
    "roles missing": (lambda: draw_tokens(["a", "b"], roles=["token"]), "2 tokens and 1 roles"),
    "no strip": (lambda: plots.draw_strips({"a": []}, {}), "no token to draw"),
    "a strip's role without a name": (lambda: plots.draw_strips({"a": ["token"]}, {}), r"\['token'\] have no name"),
    "no fraction": (lambda: plots.draw_intervals({}, "right"), "no fraction to draw"),
    "no interval": (lambda: plots.draw_intervals({"why": (0.5, 0.6, 0.7)}, "right"), "'why' is 0.5 from 0.6 to 0.7"),
    "no gaps": (lambda: plots.draw_gaps([], 2), "no gap to draw"),
    "time runs backwards": (lambda: plots.draw_gaps([-1.0], 2), "shortest gap is -1.0 hours"),
    "a huge token": (lambda: draw_tokens(["a" * 200]), "longer than a line"),
    "no length": (lambda: draw_windows(LOREM, 0, 1), "max_length is 0"),
    "no stride": (lambda: draw_windows(LOREM, 4, 0), "stride is 0"),
    "text too short": (lambda: draw_windows(LOREM, 8, 1), "8 tokens; a window of 8 inputs and their targets needs 9"),
    "a table of no window": (lambda: plots.windows_table(LOREM, 8, 1), "8 tokens; a window of 8 inputs"),
    "window too wide": (lambda: draw_windows(["token"] * 99, 60, 1), "wider than the figure"),
    "no batches": (lambda: draw_batches({"a": [[]]}), "no batch to draw"),
    "batches too wide": (lambda: draw_batches({"a": [range(99)]}), "wider than the figure"),
    "no merges": (lambda: draw_merges([]), "nothing to draw"),
    "merges of two texts": (lambda: draw_merges([["a"], ["b"]]), "different texts: 'a' and 'b'"),
    "no loss yet": (lambda: draw_loss(History()), "train for at least one step"),
    "no curve": (lambda: draw_shares([1], {}, "x"), "0 curves to draw; this takes one or two"),
    "panels of none": (lambda: draw_filters(["a"], [1.0], {}), "0 panels to draw; this takes one to four"),
    "filter of others": (lambda: draw_filters(["a"], [1.0], {"x": [0.5, 0.5]}), "in place of"),
    "probabilities missing": (lambda: draw_filters(["a", "b"], [1.0], {"x": [1.0]}), "2 tokens and probabilities"),
    "no tradeoff": (lambda: draw_tradeoff({}, (0, 1)), "0 panels to draw; this takes one or two"),
    "too many curves": (lambda: draw_tradeoff({"x": {name: [] for name in "abcde"}}, (0, 1)), "a panel takes 4"),
    "nothing to read": (lambda: draw_reading(["a", "b"], prompt=2), "prompt is 2 of 2 tokens"),
    "curve too short": (lambda: draw_shares([1, 2], {"a": [0.5]}, "x"), "'a' has 1 values at 2 places"),
    "no share": (lambda: draw_shares([1], {"a": [1.5]}, "x"), "'a' holds a number that is no share"),
    "lengths differ": (lambda: draw_distribution(["a"], [0.5, 0.5]), r"1 tokens and probabilities of shape \(2,\)"),
    "no probabilities": (lambda: draw_distribution(["a", "b"], [0.9, 0.9]), "together at most 1"),
    "no role": (lambda: style.draw_box(style.canvas(50), 0, 0, 9, 9, "quary"), "role is 'quary'.*query"),
    "tiny text": (lambda: style.write(style.canvas(50), 0, 0, "a", size=6), "too small to read"),
    "no height": (lambda: style.canvas(0), "height is 0"),
}


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_is_told(name: str):
    act, message = BAD_INPUT[name]
    with pytest.raises(ValueError, match=message):
        act()


# --- everyone can read them ---


def test_each_difference_is_a_dot_and_their_mean_a_bar():
    axes = draw_differences({"a": [1.0, 3.0], "b": [-1.0]}, "loss").axes[0]
    assert [bar.get_width() for bar in axes.patches] == [2.0, -1.0]
    assert [list(line.get_xdata()) for line in axes.lines[:2]] == [[1.0, 3.0], [-1.0]]
    with pytest.raises(ValueError, match="'b' has no difference"):
        draw_differences({"a": [1.0], "b": []}, "loss")


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_is_smaller_than_nine_points(figures: dict[str, Figure], name: str):
    assert min(text.get_size() for text in texts(figures[name])) >= 9
    assert figures[name].get_figwidth() == 8  # inches: 896 pixels, so that nine points stay nine


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_leaves_the_card_or_covers_another(figures: dict[str, Figure], name: str):
    canvas = FigureCanvasAgg(figures[name])
    canvas.draw()
    card = canvas.figure.bbox.padded(-4)
    boxes = [text.get_window_extent(canvas.get_renderer()).padded(-1) for text in texts(canvas.figure)]
    assert all(card.contains(*box.min) and card.contains(*box.max) for box in boxes)
    assert not [pair for pair in itertools.combinations(boxes, 2) if pair[0].overlaps(pair[1])]


def test_looks_do_not_depend_on_the_readers_settings():
    expected = style.png(draw_loss(history(3))), style.png(draw_windows(["a", "b"], 1, 1))
    with matplotlib.style.context("dark_background"), matplotlib.rc_context({"font.family": "serif"}):
        assert (style.png(draw_loss(history(3))), style.png(draw_windows(["a", "b"], 1, 1))) == expected


def linear(colour: str) -> np.ndarray:
    """sRGB as hexadecimal -> linear light (IEC 61966-2-1)."""
    value = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(light: np.ndarray) -> np.ndarray:
    """Linear sRGB -> CIE L*a*b* under D65, in which distances are nearly those that are seen."""
    to_xyz = [[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]]
    xyz = to_xyz @ light / [0.9505, 1.0, 1.0888]
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


# Machado, Oliveira and Fernandes 2009, table 1, severity 1: what is seen of linear light.
SEEN_WITH = {
    "full sight": np.eye(3),
    "protanopia": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "deuteranopia": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "tritanopia": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}
SIDE_BY_SIDE = ("token", "query", "key", "value", "weight", "context", "target", "masked", "highlight")


def distance(one: str, other: str, sight: str) -> float:
    seen = [lab(np.clip(SEEN_WITH[sight] @ linear(colour), 0, 1)) for colour in (one, other)]
    return float(np.linalg.norm(seen[0] - seen[1]))


@pytest.mark.parametrize("sight", SEEN_WITH)
def test_roles_differ_in_colour_whatever_the_sight(sight: str):
    for one, other in itertools.combinations(SIDE_BY_SIDE, 2):
        assert distance(ROLES[one].fill, ROLES[other].fill, sight) > 8, (one, other)
        assert distance(ROLES[one].edge, ROLES[other].edge, sight) > 8, (one, other)
    assert distance(ROLES["loss-train"].edge, ROLES["loss-validation"].edge, sight) > 40


def test_roles_differ_without_colour_too():
    drawn = [(ROLES[name].line, ROLES[name].hatch, ROLES[name].width >= 2) for name in SIDE_BY_SIDE]
    same_border = {name for name, look in zip(SIDE_BY_SIDE, drawn, strict=True) if drawn.count(look) > 1}
    assert same_border == {"token", "query"}  # a query's border is thicker by half only; it is always labelled
    assert ROLES["loss-train"].line != ROLES["loss-validation"].line


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2.2: 4.5 is asked of text, 3 of what carries meaning without being text."""
    low, high = sorted(float(np.dot([0.2126, 0.7152, 0.0722], linear(colour))) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def test_text_stands_out_from_what_it_lies_on():
    for ground in (CARD, "#FFFFFF", *(role.fill for role in ROLES.values())):
        assert contrast(INK, ground) >= 7
    assert contrast(FAINT_INK, CARD) >= 4.5
    assert min(contrast(ROLES[name].edge, CARD) for name in ("loss-train", "loss-validation")) >= 4.5


@pytest.mark.parametrize("weight", [0.0, 0.2, 0.5, 0.79, 0.8, 0.81, 0.9, 1.0])
def test_a_weight_can_be_read_on_its_colour(weight: float):
    ground, text = style.weight_colours(weight)
    assert contrast(text, ground) >= 4.5


def test_weights_have_one_scale_from_white_to_dark():
    lightness = [lab(linear(style.weight_colours(weight)[0]))[0] for weight in np.linspace(0, 1, 21)]
    assert all(one > other + 1 for one, other in itertools.pairwise(lightness))


@pytest.mark.parametrize("name", ROLES)
def test_borders_stand_out_from_card_and_page(name: str):
    assert contrast(ROLES[name].edge, CARD) >= 3


# --- how they are shown ---


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is displayed in a notebook: the page's outputs, each {data, metadata}, updates done."""
    page: list[dict[str, Any]] = []

    def display(data: dict[str, str], metadata: dict[str, Any] | None = None, **how: Any) -> SimpleNamespace:
        assert how["raw"]
        page.append({"data": data, "metadata": metadata})
        place = page[-1]
        return SimpleNamespace(update=lambda data, raw, metadata: place.update(data=data, metadata=metadata))

    for module in (style, cards):
        monkeypatch.setattr(module, "display", display)
    for module in (style, curves, cards):
        monkeypatch.setattr(module, "in_notebook", lambda: True)
    return page


@pytest.mark.parametrize("caption", ["", "   ", "Too short", None, " ".join("a" * 9)])
def test_a_caption_that_says_nothing_is_refused(caption: Any):
    with pytest.raises(ValueError, match="the caption is"):
        plots.show(draw_tokens(["a"]), caption)


def test_a_figure_is_followed_by_its_caption(shown: list[dict[str, Any]]):
    assert plots.show(draw_tokens(["a"]), CAPTION.replace(" ", "\n ")) is None
    figure, caption = shown
    assert figure["metadata"]["image/png"]["alt"] == CAPTION
    assert figure["data"]["text/plain"] == "<Figure size 896x112 with 1 Axes>"
    assert caption["data"]["text/markdown"] == f"*Figure: {CAPTION}*"


def test_a_caption_shows_each_of_its_characters(shown: list[dict[str, Any]]):
    plots.show(draw_tokens(["a"]), "n_head * $5 <b> `code` [link] costs $6 in all")
    markdown = shown[1]["data"]["text/markdown"]
    assert re.findall(r"(?<!\\)[*_$<>`\[\]]", markdown) == ["*", "*"]


def test_the_same_figure_gives_the_same_bytes(shown: list[dict[str, Any]]):
    for _ in range(2):
        plots.show(draw_tokens(["a", "b"], [1, 2], highlight=[1]), CAPTION)
    assert shown[0] == shown[2]


def test_pictures_are_small_and_sharp(shown: list[dict[str, Any]]):
    plots.show(draw_map("03"), CAPTION)
    image = style.Image.open(style.io.BytesIO(style.base64.b64decode(shown[0]["data"]["image/png"])))
    assert image.width == 2 * shown[0]["metadata"]["image/png"]["width"] == 1792
    assert len(shown[0]["data"]["image/png"]) < 120_000


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(style.Image.open(style.io.BytesIO(data)).convert("RGBA")).astype(int)


def test_fewer_colours_are_not_seen():
    full = style.png(draw_windows(LOREM, 6, 1))
    assert np.abs(pixels(style.few_colours(full)) - pixels(full)).mean() < 0.1


def test_a_picture_that_needs_its_colours_keeps_them():
    figure = Figure(figsize=(2, 2))
    figure.figimage(np.random.default_rng(0).random((200, 200, 3)))
    full = style.png(figure)
    assert style.few_colours(full) == full


def test_a_figure_of_pyplot_is_shown_whole_and_closed(shown: list[dict[str, Any]]):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(3, 1))
    axes.set_xlabel("below the lower edge of the figure")
    plots.show(figure, CAPTION)
    assert plt.get_fignums() == []
    assert shown[0]["metadata"]["image/png"]["height"] > 100


def test_figures_are_not_in_pyplots_list(figures: dict[str, Figure]):
    import matplotlib.pyplot as plt

    assert len(figures) == len(FIGURES)
    assert plt.get_fignums() == []


def test_a_terminal_gets_the_caption_only(capsys: pytest.CaptureFixture[str]):
    assert plots.show(draw_tokens(["a"]), CAPTION) is None
    assert capsys.readouterr().out == f"Figure: {CAPTION}\n"


def run(live: LiveLoss, steps: int = 30, losses: History | None = None) -> Iterator[int]:
    """Call `live` as `train` does, yielding after each step; close it at the end."""
    losses = losses or History()
    for step in range(1, steps + 1):
        losses.losses.append(8 / step)
        unseen = 8 / step if step % 10 == 0 else None
        losses.validation += [(step, unseen)] if unseen else []
        live(Progress(step, steps, 8 / step, unseen, 1e-3, 1e4, None, losses))
        yield step
    live.close()


def test_live_loss_shows_samples_and_leaves_what_show_leaves(shown: list[dict[str, Any]]):
    live = LiveLoss(CAPTION, {"knows nothing": 8.0}, sample=lambda model: "Once *upon*\n a time")
    losses = History()
    for step in run(live, losses=losses):
        assert len(shown) == 2
        expected = (
            f"*Figure: {CAPTION}*" if step < 10 else f"> **Step {step // 10 * 10} writes:** Once \\*upon\\* a time"
        )
        assert shown[1]["data"]["text/markdown"] == expected
    plots.show(draw_loss(losses, {"knows nothing": 8.0}), CAPTION)
    assert shown[:2] == shown[2:]


def test_live_loss_draws_in_one_place_and_keeps_its_size(shown: list[dict[str, Any]]):
    live, drawn = LiveLoss(CAPTION), []
    for _ in run(live, steps=4):
        drawn.append(shown[0]["data"])
        live.due = 0.0  # draw again at the next step
    assert len(shown) == 2
    assert len({data["image/png"] for data in drawn}) == 4
    # nbval compares what was displayed first with what is stored last.
    assert {data["text/plain"] for data in [*drawn, shown[0]["data"]]} == {"<Figure size 896x392 with 1 Axes>"}


def test_live_loss_draws_rarely(monkeypatch: pytest.MonkeyPatch, shown: list[dict[str, Any]]):
    drawn, clock = [], SimpleNamespace(now=0.0)
    monkeypatch.setattr(curves, "time", SimpleNamespace(perf_counter=lambda: clock.now))

    def draw(*_: Any) -> Figure:
        clock.now += 1 / 8
        drawn.append(clock.now)
        return draw_tokens(["a"])

    monkeypatch.setattr(curves, "draw_loss", draw)
    for _ in run(LiveLoss(CAPTION), steps=200):
        clock.now += 1 / 16
    # Between two drawings 15 times as long is spent on training as on a drawing; the last one is at the end.
    assert [later - earlier for earlier, later in itertools.pairwise(drawn)] == [2.0] * 6 + [1.375]


def test_live_loss_in_a_terminal_prints_its_caption_once(capsys: pytest.CaptureFixture[str]):
    live = LiveLoss(CAPTION)
    for _ in run(live):
        pass
    live.close()
    assert capsys.readouterr().out == f"Figure: {CAPTION}\n"


def test_live_loss_without_a_step_shows_nothing(shown: list[dict[str, Any]]):
    LiveLoss(CAPTION).close()
    assert shown == []


TALE = "Mara was here. Mara here the. Mara <was> there."
JUDGED = [
    SimpleNamespace(text="Mara was here.", well_formed=True, consistent=True, reason=""),
    SimpleNamespace(text="Mara here the.", well_formed=False, consistent=False, reason="no such sentence"),
    SimpleNamespace(text="Mara <was> there.", well_formed=True, consistent=False, reason="Mara is here"),
]


def test_a_tale_tells_what_is_wrong_with_each_sentence(shown: list[dict[str, Any]]):
    plots.show_tale(TALE, SimpleNamespace(sentences=JUDGED))
    assert shown[0]["data"]["text/plain"].splitlines() == [
        "1 of 3 sentences are fine",
        "✓ Mara was here.",
        "? Mara here the. (not well-formed: no such sentence)",
        "✗ Mara <was> there. (contradicts: Mara is here)",
    ]
    page = shown[0]["data"]["text/html"]
    assert "Mara &lt;was&gt; there. <em>(contradicts: Mara is here)</em>" in page
    assert len({re.search(rf"border-left: ([^\"]*)\">\{sign}", page)[1] for sign in "✓?✗"}) == 3


def test_marks_stand_out_on_light_and_dark_pages():
    for _, _, border in tale_card.MARKS.values():
        colour = border.split()[-1]
        assert min(contrast(colour, "#FFFFFF"), contrast(colour, "#111111")) >= 3


@pytest.mark.parametrize("verdict", chat_box.MARKS)
def test_the_verdict_on_a_reply_brings_its_own_ground(verdict: str):
    told = chat_box.row("Hugo", "Aye.", verdict)
    ground, ink = re.search(r"background-color: (#\w{6}); color: (#\w{6})", told).groups()
    assert contrast(ink, ground) >= 4.5


def test_a_true_tale_is_fine_throughout(capsys: pytest.CaptureFixture[str]):
    text = tales.generate(3)
    plots.show_tale(text, tales.check(text))
    head, *lines = capsys.readouterr().out.splitlines()
    count = len(tales.check(text).sentences)
    assert head == f"{count} of {count} sentences are fine"
    assert all(line.startswith(("✓ ", "  ")) for line in lines)


def test_a_report_of_another_text_is_refused():
    with pytest.raises(ValueError, match=r"no sentence 'Mara was here\.'"):
        plots.show_tale("Something else.", SimpleNamespace(sentences=JUDGED))


def test_a_notebook_holds_picture_caption_and_alternative_text():
    cell = nbformat.v4.new_code_cell(
        f"from course_utils.plots import draw_map, show\nshow(draw_map('03'), {CAPTION!r})"
    )
    notebook = nbformat.v4.new_notebook(cells=[cell])
    NotebookClient(notebook, timeout=600, startup_timeout=600, kernel_name="python3").execute()
    picture, caption = notebook.cells[0].outputs
    assert picture.metadata["image/png"]["alt"] == CAPTION
    assert caption.data["text/markdown"] == f"*Figure: {CAPTION}*"
    # nbconvert's template "lab" writes no alternative text; "classic" takes ours.
    assert f'alt="{CAPTION}"' in HTMLExporter(template_name="classic").from_notebook_node(notebook)[0]


@pytest.mark.parametrize("lanes", [{}, {"empty": []}, {"computes": [(2, 1, "", "token")]}])
def test_a_timeline_without_a_task_or_with_one_that_runs_backwards_is_refused(lanes):
    with pytest.raises(ValueError, match="task"):
        plots.draw_timeline(lanes)
