"""Small cards of text in a notebook: HTML that reads on light and dark, plain text where HTML is not shown."""

import html
import sys
from collections.abc import Sequence

from IPython import get_ipython
from IPython.display import display

from course_utils.common import print_anything

# The page's own ink, and a border that is seen on both grounds.
PAGE = (
    "max-width: 50em; padding: 0.6em 1em; border: 1px solid #7F8A96; border-radius: 9px; line-height: 1.5; "
    "color: var(--jp-content-font-color1, inherit)"
)
CODE = "font-family: monospace; white-space: pre-wrap; overflow-wrap: anywhere"


def in_notebook() -> bool:
    """Tell whether outputs are shown as pictures and Markdown: in a kernel, not in a terminal or a script."""
    shell = get_ipython()
    return shell is not None and "Terminal" not in type(shell).__name__


def show_card(html: str, text: str) -> None:
    """Show a small HTML card; where HTML is not shown, the same in plain text."""
    if in_notebook():
        display({"text/html": html, "text/plain": text}, raw=True)
    else:
        print_anything(sys.stdout)
        print(text)


def note(head: str, lines: Sequence[str] = (), rows: Sequence[tuple[str, str]] = (), edge: str = "#7F8A96") -> None:
    """Show a card: a heading, sentences, and rows of a word with code beside it; `edge` colours its left side."""
    page = [f'<div style="{PAGE}; border-left: 6px solid {edge}"><strong>{html.escape(head)}</strong>']
    page += [f'<div style="margin-top: 0.3em">{html.escape(line)}</div>' for line in lines]
    if rows:
        cells = "".join(row_html(*row) for row in rows)
        page.append(f'<table style="margin: 0.4em 0 0 0; border-collapse: collapse">{cells}</table>')
    width = max((len(word) for word, _ in rows), default=0)
    plain = [word.ljust(width) + "  " + code.replace("\n", "\n" + " " * (width + 2)) for word, code in rows]
    show_card("\n".join([*page, "</div>"]), "\n".join([head, *lines, *plain]))


def row_html(word: str, code: str) -> str:
    """Return one row of a card's table: a word, and code beside it, both from the left."""
    cell = "text-align: left; vertical-align: top; padding: 0.1em 1em 0.1em 0"
    return (
        f'<tr style="background: none"><td style="{cell}; white-space: nowrap">{html.escape(word)}</td>'
        f'<td style="{cell}; {CODE}">{html.escape(code)}</td></tr>'
    )
