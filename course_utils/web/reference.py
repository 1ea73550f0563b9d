"""The reference: Markdown files whose tables are the one source, for the pages and for the tests that check them."""

import html
import re
from collections.abc import Callable
from pathlib import Path

import nbformat

from course_utils.common import DATA, require
from course_utils.tools.curriculum import NOTEBOOKS, STATIONS, Notebook, at, find
from course_utils.web.cells import Body, Section, markdown_cell
from course_utils.web.markdown import plain, slug, to_html
from course_utils.web.page import Page, link

FOLDER = Path(__file__).parent / "reference"
FINDINGS = DATA.parent / "findings" / "README.md"
REFERENCE = (
    *(FOLDER / f"{name}.md" for name in ("glossary", "notation", "bibliography")),
    FOLDER / "surprises.md",
    *(FOLDER / f"{name}.md" for name in ("prerequisites", "teaching")),
)


def table_rows(text: str) -> list[list[str]]:
    r"""Return the rows of the first table in a Markdown text, as Markdown, without its head.

    `\|` is no border between cells, and neither is what stands in code.

    >>> table_rows("| a | b |\n| --- | --- |\n| 1 | x\\|y `<|end|>` |")
    [['1', 'x|y `<|end|>`']]
    """
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("|")]
    # A border has an even number of backticks behind it.
    rows = [re.split(r"(?<!\\)\|(?=(?:[^`]*`[^`]*`)*[^`]*$)", line.strip("|")) for line in lines[2:]]
    return [[cell.strip().replace(r"\|", "|") for cell in row] for row in rows]


def notebook_links(numbers: str) -> str:
    """Return links to notebooks that are listed by number, as HTML.

    >>> notebook_links("02, A")
    '<a href="02_byte_pair_encoding.html">02</a>, <a href="A_tensors_and_gradients.html">A</a>'
    """
    return ", ".join(link(f"{find(number.strip()).stem}.html", number.strip()) for number in numbers.split(","))


def inline(text: str) -> str:
    """Return one line of Markdown as HTML without a paragraph around it."""
    return to_html(text).strip().removeprefix("<p>").removesuffix("</p>")


def glossary(text: str, body: Body) -> str:
    """Return the table of terms as a list of definitions, in the order of the alphabet."""
    items = []
    for term, means, number in sorted(table_rows(text), key=lambda row: plain(row[0]).lower()):
        anchor = slug(plain(term))
        body.sections.append(Section(plain(term), anchor, 3, [plain(means)]))
        where = f"Introduced in&nbsp;{notebook_links(number)}."
        items.append(f'<dt id="{anchor}">{inline(term)}</dt><dd>{inline(means)} <small>{where}</small></dd>')
    return f"<dl>{''.join(items)}</dl>"


def bibliography(text: str, body: Body) -> str:
    """Return the table of sources as a list."""
    items = []
    named = {notebook.number: citations(notebook_text(notebook)) for notebook in NOTEBOOKS}
    for authors, years, title, shows in table_rows(text):
        anchor = slug(f"{authors} {years}")
        body.sections.append(Section(f"{authors} {years}", anchor, 3, [plain(title), plain(shows)]))
        numbers = [number for number, found in named.items() if found & sources(authors, years)]
        used = f"Used in {notebook_links(', '.join(numbers))}." if numbers else ""
        head = f"<strong>{inline(authors)} ({html.escape(years)})</strong>"
        items.append(f'<li id="{anchor}">{head}, <em>{inline(title)}</em>. {inline(shows)} <small>{used}</small></li>')
    return f"<ul>{''.join(items)}</ul>"


def notebook_text(notebook: Notebook, *kinds: str) -> str:
    """Return what a notebook's cells hold, or those of some kinds, without outputs and the links at its ends."""
    stored = nbformat.read(DATA.parent / "notebooks" / f"{notebook.stem}.ipynb", as_version=4)
    links = {"header", "footer"}
    cells = [cell for cell in stored.cells if not links & set(cell.metadata.get("tags", []))]
    return "\n".join(cell.source for cell in cells if not kinds or cell.cell_type in kinds)


# "Su et al. 2021", "Press and Wolf (2017)", "Srivastava and others, 2014". Of several authors the last one is found.
CITATION = re.compile(
    r"\b([A-Z][\w'’-]+)(?: (?:and|&) [A-Z][\w'’-]+| et al\.| and others)?"
    r",? \(?((?:19|20)\d\d[ab]?)\b"
)


def citations(text: str) -> set[tuple[str, str]]:
    """Return the sources that a text names, as a family name and a year.

    >>> sorted(citations("By Press and Wolf 2017, as Su et al. (2021) saw it."))
    [('Press', '2017'), ('Su', '2021')]
    """
    return set(CITATION.findall(text))


def sources(authors: str, years: str) -> set[tuple[str, str]]:
    """Return how a row of the bibliography may be named: by each of its authors, with each of its years.

    >>> sorted(sources("Press, Wolf", "2017"))
    [('Press', '2017'), ('Wolf', '2017')]
    """
    names = authors.removesuffix(" and others").split(", ")
    return {(name, year) for name in names for year in years.split(", ")}


def surprises(text: str, body: Body) -> str:
    """Return what real libraries do that one wouldn't expect, from the table of findings."""
    labels = ("One would expect", "What happens", "Seen with", "Who should care")
    parts = []
    for first, *cells in table_rows(FINDINGS.read_text(encoding="utf-8")):
        title, name = named_script(first)
        body.sections.append(Section(title, slug(title), 2, [plain(cell) for cell in cells]))
        expected, happens, versions, care = cells
        told = (sentence(expected), sentence(happens), versions, sentence(care))  # a package's name stays as it is
        rows = "".join(f"<dt>{label}</dt><dd>{inline(cell)}</dd>" for label, cell in zip(labels, told, strict=True))
        run = f"<dt>See for yourself</dt><dd><code>findings/{html.escape(name)}</code></dd>"
        parts.append(f'<h2 id="{slug(title)}">{html.escape(title)}</h2><dl>{rows}{run}</dl>')
    return "".join(parts)


def sentence(cell: str) -> str:
    """Return what stands in a table's cell as a sentence of its own.

    >>> sentence("the same bytes"), sentence("`a` says it all. No message")
    ('The same bytes.', '`a` says it all. No message.')
    """
    return cell[:1].upper() + cell[1:].rstrip(".") + "."


def named_script(cell: str) -> tuple[str, str]:
    """Return a finding's title and its script.

    >>> named_script("**Other bytes** `safetensors_bytes.sh`"), named_script("`new_tokens.sh`")
    (('Other bytes', 'safetensors_bytes.sh'), ('New tokens', 'new_tokens.sh'))
    """
    script = re.search(r"`([^`]+)`", cell)
    require(script is not None, f"{cell!r} names no script of findings/; put its name in backticks")
    title = re.search(r"\*\*(.+?)\*\*", cell)
    return title[1] if title else script[1].rsplit(".", 1)[0].replace("_", " ").capitalize(), script[1]


def times(text: str, body: Body) -> str:
    """Return how long each notebook takes: to read and do, as it says, and its cells, as measured when stored."""
    rows, total = "", 0
    for notebook in NOTEBOOKS:
        stored = nbformat.read(DATA.parent / "notebooks" / f"{notebook.stem}.ipynb", as_version=4).metadata["course"]
        total += stored["minutes"]
        title = link(f"{notebook.stem}.html", notebook.label)
        rows += f"<tr><td>{title}</td><td>{stored['minutes']}</td><td>{stored['seconds']}</td></tr>"
    head = "<tr><th>notebook</th><th>minutes to read and do</th><th>seconds that its cells run</th></tr>"
    table = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"
    told = f"<p>Together {total / 60:.0f} hours.</p>"
    return f'<div class="scroll" tabindex="0" role="group" aria-label="table of times">{table}</div>{told}'


def road(text: str, body: Body) -> str:
    """Return the road from a text file to a chat model: a stop for each station, with its notebooks."""
    stops = []
    for station in STATIONS:
        notebooks = [find(number) for number in at(station)]
        links = "".join(link(f"{notebook.stem}.html", notebook.label) for notebook in notebooks)
        stops.append(f"<li><strong>{html.escape(station)}</strong>{links}</li>")
    return f'<ol class="road">{"".join(stops)}</ol>'


def summary(text: str, body: Body) -> str:
    """Return what one does in each notebook."""
    rows = "".join(
        f"<dt>{link(f'{notebook.stem}.html', notebook.label)}</dt><dd>{inline(notebook.does)}</dd>"
        for notebook in NOTEBOOKS
    )
    return f"<dl>{rows}</dl>"


# A line such as `{{glossary}}` in a file stands for what one of these makes of the file's text.
MADE: dict[str, Callable[[str, Body], str]] = {
    made.__name__: made for made in (glossary, bibliography, surprises, times, road, summary)
}
PLACE = re.compile(r"^\{\{(?!answer|end)(\w+)\}\}$", re.M)
ANSWER = re.compile(r"^\{\{answer\}\}\n(.+?)\n\{\{end\}\}$", re.M | re.S)


def reference_body(path: Path) -> tuple[str, Body]:
    """Return the title and the inside of a page of the reference.

    `{{name}}` on a line of its own stands for something made; then the table that it was made from isn't shown.
    `{{answer}}` … `{{end}}` folds what is between.
    """
    text = path.read_text(encoding="utf-8")
    title = plain(text.splitlines()[0].removeprefix("# "))
    body = Body()
    shown = re.sub(r"^\|.*\n?", "", text, flags=re.M) if path.stem in MADE else text
    for i, part in enumerate(PLACE.split(shown)):
        if i % 2 == 0:
            body.html += with_answers(part, body)
        else:
            require(part in MADE, f"{path.name} asks for {part!r}; it takes one of {', '.join(MADE)}")
            body.html += MADE[part](text, body)
    return title, body


def with_answers(text: str, body: Body) -> str:
    """Return Markdown as HTML, its answers folded."""
    found = ""
    for i, part in enumerate(ANSWER.split(text)):
        inner = markdown_cell(part, body)
        found += f"<details><summary>Answer</summary>{inner}</details>" if i % 2 else inner
    return found


def front_page() -> Page:
    """Return the page that the site opens with."""
    title, body = reference_body(FOLDER / "index.md")
    return Page("index", title, body.html, sections=body.sections, description="A course in notebooks.")
