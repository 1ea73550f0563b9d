"""A stored notebook as the inside of a page: its text, code and outputs, nothing executed."""

import base64
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from course_utils.web.answers import STUB, exercise_html
from course_utils.web.markdown import code_html, parse, plain, render, slug, to_html

# Colours of a terminal, and what a progress bar writes over.
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# What a figure with sliders leaves in their place (plots/widgets.py).
CONTROLS = "Run this cell to get controls for "
# The colour of words in a card, which was chosen for a light page.
INK = re.compile(r"(?<![\w-])color: (#[0-9A-Fa-f]{6})")


@dataclass
class Section:
    """A heading with all up to the next: where it is, and its words for the search."""

    title: str
    anchor: str
    level: int
    words: list[str] = field(default_factory=list)


@dataclass
class Body:
    """The inside of a page: HTML, its sections, and the pictures that it shows, by their file's name."""

    html: str = ""
    sections: list[Section] = field(default_factory=list)
    pictures: dict[str, bytes] = field(default_factory=dict)


def notebook_body(notebook: NotebookNode, name: str, live: str = "") -> Body:
    """Return a notebook as the inside of a page; `live` is HTML that comes before its last links.

    Pictures are named after `name`. The links to the notebooks before and after are the page's own.
    """
    body = Body()
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if "footer" in tags:
            body.html += live
        elif cell.cell_type == "markdown":
            body.html += markdown_cell(cell.source if "header" not in tags else without_links(cell.source), body)
        elif cell.cell_type == "code":
            body.html += code_cell(cell, body, name)
    return body


def without_links(header: str) -> str:
    """Return a notebook's header without its first line, the links that the page has anyway."""
    return "\n".join(line for line in header.splitlines() if "(../README.md)" not in line)


def markdown_cell(source: str, body: Body) -> str:
    """Return a cell of text as HTML, with an anchor at each heading, and add its sections to the body."""
    tokens = parse(source)
    for i, token in enumerate(tokens):
        if token.type == "heading_open":
            title = plain(tokens[i + 1].content)  # its words are the next token
            taken = {section.anchor for section in body.sections}
            anchor = next(name for name in anchors(slug(title)) if name not in taken)
            token.attrs["id"] = anchor
            body.sections.append(Section(title, anchor, int(token.tag[1])))
        elif token.type in ("inline", "fence") and body.sections:
            body.sections[-1].words.append(plain(token.content) if token.type == "inline" else token.content)
    return render(tokens)


def anchors(name: str) -> Iterator[str]:
    """Yield an anchor, then the same with a number: two headings may have the same words."""
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def code_cell(cell: NotebookNode, body: Body, name: str) -> str:
    """Return a cell of code and its outputs as HTML; one whose source the notebook hides is folded whole."""
    if body.sections:
        body.sections[-1].words.append(cell.source)
    # The code of the map is a line to call it and its caption once more.
    bare = not cell.source.strip() or "map" in cell.metadata.get("tags", [])
    code = "" if bare else f'<div class="code">{code_html(cell.source)}</div>'
    outputs = "".join(outputs_html(cell.outputs, body, name))
    if not cell.metadata.get("jupyter", {}).get("source_hidden"):
        return code + outputs
    tags = cell.metadata.get("tags", [])
    # An answer that stands open would spoil the exercise above it. What the setup says is part of the text, and so is
    # a picture that gives away nothing but by its code, or whose code nobody has to read.
    summary = "Setup" if "setup" in tags else "Show the code" if "aside" in tags else "Show the answer"
    below = outputs if {"setup", "answer-code", "aside"} & {*tags} else ""
    inside = code if below else code + outputs
    return f"<details><summary>{summary}</summary>{inside}</details>{below}"


def outputs_html(outputs: list[NotebookNode], body: Body, name: str) -> Iterator[str]:
    """Yield each output as HTML; a picture and the caption under it become one figure."""
    picture = ""
    for output in outputs:
        data = output.get("data", {})
        if picture:
            captioned = data.get("text/markdown", "").startswith("*Figure: ")
            yield figure(picture, data["text/markdown"] if captioned else "")
            picture = ""
            if captioned:
                continue
        if "image/png" in data:
            picture = image(output, body, name)
        else:
            yield output_html(output)
    if picture:
        yield figure(picture, "")


def output_html(output: NotebookNode) -> str:
    """Return one output that is no picture as HTML, in the richest form that was stored."""
    data = output.get("data", {})
    if stub := STUB.match(data.get("text/plain", "")):
        return exercise_html(stub[1])
    if "text/html" in data:
        return f'<div class="output card">{INK.sub(both_themes, data["text/html"])}</div>'
    if "text/markdown" in data:
        return f'<div class="output">{to_html(data["text/markdown"])}</div>'
    text = output.get("text") or "\n".join(output.get("traceback", [])) or data.get("text/plain", "")
    # Of what a progress bar wrote, the last line is left.
    text = re.sub(r"[^\n]*\r(?!\n)", "", ESCAPES.sub("", text)).rstrip()
    if not text or re.search(r"\d+%\|", text):
        return ""
    if text.startswith(CONTROLS):
        names = html.escape(text.removeprefix(CONTROLS).rstrip("."))
        return f'<p class="output note">In the notebook, there are controls for {names} here.</p>'
    # What scrolls can be reached by the keyboard; what wraps needn't be.
    kind = 'tabindex="0"' if has_columns(text) else 'data-wraps=""'
    return f'<pre class="output" {kind}>{html.escape(text)}</pre>'


def has_columns(text: str) -> bool:
    """Return whether a printed text is set out by its spaces: then it may not be wrapped on a narrow screen.

    >>> has_columns("Mara had a kite. It flew."), has_columns("Mara  1\\nBen   2")
    (False, True)
    """
    return "  " in text or "\t" in text


def both_themes(ink: re.Match) -> str:
    """Return a colour of words for light and dark pages: on dark ones it is mixed with white.

    >>> INK.sub(both_themes, "background-color: #FFFFFF; color: #0A7D55")
    'background-color: #FFFFFF; color: light-dark(#0A7D55, color-mix(in srgb, #0A7D55, white 55%))'
    """
    return f"color: light-dark({ink[1]}, color-mix(in srgb, {ink[1]}, white 55%))"


def image(output: NotebookNode, body: Body, name: str) -> str:
    """Return a picture as HTML, as wide as in the notebook at most, and add its file to the body."""
    file = f"{name}_{len(body.pictures) + 1}.png"
    body.pictures[file] = base64.b64decode(output.data["image/png"])
    shape = output.metadata.get("image/png", {})
    alt = html.escape(shape.get("alt", ""))
    size = "".join(f' {side}="{shape[side]}"' for side in ("width", "height") if side in shape)
    return f'<img src="{Path("img", file).as_posix()}" alt="{alt}"{size} loading="lazy">'


def figure(picture: str, caption: str) -> str:
    """Return a picture with its caption, which is the alternative text too."""
    # A screen reader says the alternative text, so it needn't say the same words once more.
    under = f'<figcaption aria-hidden="true">{to_html(caption)}</figcaption>' if caption else ""
    return f"<figure>{picture}{under}</figure>"
