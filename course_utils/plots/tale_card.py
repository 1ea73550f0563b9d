"""A tale with the verdict of the world on each of its sentences."""

import html
import textwrap
from collections.abc import Sequence
from typing import Any

from course_utils.common import require
from course_utils.plots.cards import PAGE, show_card

# How a sentence of a tale is marked: a sign, what it says, and the line at its left (no colour is needed to tell them).
MARKS = {
    "fine": ("✓", "", "4px double #7F8A96"),
    "malformed": ("?", "not well-formed", "4px dotted #C46210"),
    "contradiction": ("✗", "contradicts", "4px solid #C2459F"),
}


def mark_sentence(sentence: Any) -> tuple[str, str]:
    """Return a judged sentence's kind, one of MARKS, and what is written beside it."""
    kind = "fine" if sentence.consistent else "contradiction" if sentence.well_formed else "malformed"
    return kind, ": ".join(part for part in (MARKS[kind][1], sentence.reason) if part and kind != "fine")


def show_tale(text: str, report: Any) -> None:
    """Show a tale sentence by sentence, each marked as fine, not well-formed or contradicting, with the reason.

    `report` is what `tales.check(text)` returned; a report of another text is a ValueError.
    """
    sentences = list(report.sentences)
    alien = next((s.text for s in sentences if s.text not in text), None)
    require(alien is None, f"the report is of another text: this one has no sentence {alien!r}")
    judged = [(s.text, *mark_sentence(s)) for s in sentences]
    fine = sum(kind == "fine" for _, kind, _ in judged)
    head = f"{fine} of {len(judged)} sentences are fine" + ("" if getattr(report, "ended", True) else "; no ending")
    show_card(tale_html(head, judged), tale_text(head, judged))


def tale_html(head: str, judged: Sequence[tuple[str, str, str]]) -> str:
    """Return the card of a tale; its colours are JupyterLab's, so that it reads on light and dark."""
    lines = [f'<div style="{PAGE}"><strong>{html.escape(head)}</strong>']
    for text, kind, reason in judged:
        sign, _, border = MARKS[kind]
        note = f" <em>({html.escape(reason)})</em>" if reason else ""
        style = f"margin: 0.25em 0; padding-left: 0.6em; border-left: {border}"
        lines.append(f'<div style="{style}">{sign} {html.escape(text)}{note}</div>')
    return "\n".join([*lines, "</div>"])


def tale_text(head: str, judged: Sequence[tuple[str, str, str]]) -> str:
    """Return the same in plain text, at most 90 characters wide."""
    lines = [f"{MARKS[kind][0]} {text}" + (f" ({reason})" if reason else "") for text, kind, reason in judged]
    return "\n".join([head, *(textwrap.fill(line, 90, subsequent_indent="  ") for line in lines)])
