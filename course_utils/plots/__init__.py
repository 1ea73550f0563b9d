"""The course's figures: arrays and plain lists in, a matplotlib figure out, shown with `show` and a caption.

This is their face: notebooks take all from here. `style` has colours and boxes, the other files a kind of figure each.
"""

from course_utils.plots.attention import draw_attention, draw_links
from course_utils.plots.bars import draw_distribution, draw_gaps, draw_intervals
from course_utils.plots.cards import show_card
from course_utils.plots.curves import LiveLoss, draw_differences, draw_effects, draw_loss, draw_shares
from course_utils.plots.dials import Hand, draw_dials
from course_utils.plots.halves import draw_halves
from course_utils.plots.heads import draw_latent, draw_sharing
from course_utils.plots.matrices import Matrix, draw_matrices
from course_utils.plots.model import draw_adapter, draw_model
from course_utils.plots.roadmap import draw_map
from course_utils.plots.sampling import draw_filters, draw_reading, draw_tradeoff
from course_utils.plots.stacks import draw_rungs, draw_stacks
from course_utils.plots.style import WEIGHTS, canvas, chart, draw_arrow, draw_box, show, write
from course_utils.plots.tale_card import show_tale
from course_utils.plots.timeline import draw_timeline
from course_utils.plots.tokens import (
    draw_batches,
    draw_merges,
    draw_strips,
    draw_tokens,
    draw_windows,
    windows_table,
)

__all__ = [
    "WEIGHTS",
    "Hand",
    "LiveLoss",
    "Matrix",
    "canvas",
    "chart",
    "draw_adapter",
    "draw_arrow",
    "draw_attention",
    "draw_batches",
    "draw_box",
    "draw_dials",
    "draw_differences",
    "draw_distribution",
    "draw_effects",
    "draw_filters",
    "draw_gaps",
    "draw_halves",
    "draw_intervals",
    "draw_latent",
    "draw_links",
    "draw_loss",
    "draw_map",
    "draw_matrices",
    "draw_merges",
    "draw_model",
    "draw_reading",
    "draw_rungs",
    "draw_shares",
    "draw_sharing",
    "draw_stacks",
    "draw_strips",
    "draw_timeline",
    "draw_tokens",
    "draw_tradeoff",
    "draw_windows",
    "show",
    "show_card",
    "show_tale",
    "windows_table",
    "write",
]
