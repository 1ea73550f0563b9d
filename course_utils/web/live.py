"""The live parts: what a reader can try in a page, which model each asks, and in which notebook it stands."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

# What each part needs before its own script. They are plain scripts in one order, since a folder takes no modules.
SCRIPTS = ("gpt", "bpe", "sampler", "loading", "parts")


@dataclass(frozen=True)
class Part:
    """One thing to try: its script in `static/live`, a heading, what to look at, the model it asks, and where it is."""

    name: str
    title: str
    says: str
    model: str
    notebooks: tuple[str, ...]


PARTS = (
    Part(
        "tokens",
        "Your sentence in tokens",
        "Type anything. The sentence is cut into pieces. In each piece neighbours merge, and the pair that was learned "
        "first goes first. Step through the merges, and compare with what GPT-2's much larger vocabulary makes of it.",
        "base",
        ("01", "02"),
    ),
    Part(
        "windows",
        "Windows over your text",
        "Move the two sliders. A window is as long as max_length says, the next one begins stride tokens later, and "
        "the targets are always the inputs shifted by one.",
        "base",
        ("03",),
    ),
    Part(
        "attention",
        "What the heads attend to",
        "Each small picture is a head of the trained model, read row by row: how much a token attends to each of those "
        "before it. Choose a head, then a token, and read its weights.",
        "base",
        ("06", "07", "08", "09"),
    ),
    Part(
        "next",
        "The next token",
        "These are the model's own scores after your text. Temperature divides them before softmax; top-k, top-p and "
        "min-p then drop the unlikely tokens. Click on a token to add it to the text.",
        "base",
        ("10", "12"),
    ),
    Part(
        "tale",
        "A tale from your first sentence",
        "The model goes on from your sentence, token by token, until it ends the tale. The course's model knows "
        "sixteen people, ten places and sixteen things, and nothing else.",
        "base",
        ("00", "11"),
    ),
    Part(
        "chat",
        "Ask the chat model",
        "This is the course's base model after fine-tuning. Tell it a tale of its little world, then ask who has the "
        "thing, where somebody is, or why. Or ask it for a tale. It takes the likeliest token each time, so the "
        "same message always gets the same answer.",
        "chat",
        ("14", "15"),
    ),
)


def part_html(part: Part, model: str = "") -> str:
    """Return the place of a live part as HTML; its script fills it. `model` is asked in place of the usual one."""
    model = model or part.model
    return (
        f'<section class="live" data-part="{part.name}" data-model="{html.escape(model)}" '
        f'aria-labelledby="{part.name}">'
        f'<h2 id="{part.name}">{html.escape(part.title)}</h2><p>{html.escape(part.says)}</p>'
        '<div class="inside"><noscript>This part needs JavaScript.</noscript></div></section>'
    )


def scripts_for(parts: Sequence[Part]) -> tuple[str, ...]:
    """Return the scripts of these parts in the order in which a page takes them."""
    return tuple(f"static/live/{name}.js" for name in (*SCRIPTS, *(part.name for part in parts))) if parts else ()


def parts_of(number: str) -> list[Part]:
    """Return the live parts in a notebook.

    >>> [part.name for part in parts_of("12")]
    ['next']
    """
    return [part for part in PARTS if number in part.notebooks]
