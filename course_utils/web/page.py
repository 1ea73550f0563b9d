"""The frame of a page: its head, the list of all pages beside it, what comes before and after."""

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from course_utils.web.cells import Section

STATIC = Path(__file__).parent / "static"


@dataclass
class Page:
    """A page of the site: its file without `.html`, its title, what is inside, and under which heading it is listed."""

    name: str
    title: str
    main: str
    group: str = ""
    description: str = ""
    sections: list[Section] = field(default_factory=list)
    scripts: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """The file that the page is in."""
        return f"{self.name}.html"


def link(address: str, label: str, more: str = "") -> str:
    """Return a link as HTML.

    >>> link("a.html", "Q & A")
    '<a href="a.html">Q &amp; A</a>'
    """
    return f'<a href="{html.escape(address)}"{more}>{html.escape(label)}</a>'


def navigation(pages: Sequence[Page], here: Page) -> str:
    """Return the list of all pages, by group, in which this one is marked and shows its sections."""
    parts: list[str] = []
    for group in dict.fromkeys(page.group for page in pages):
        heading = f"<h2>{html.escape(group)}</h2>" if group else ""
        entries = "".join(entry(page, page is here) for page in pages if page.group == group)
        parts.append(f"{heading}<ol>{entries}</ol>")
    return "\n".join(parts)


def entry(page: Page, current: bool) -> str:
    """Return one page in the list."""
    inner = ""
    if current:
        rows = [section for section in page.sections if section.level == 2]
        inner = "".join(f"<li>{link('#' + section.anchor, section.title)}</li>" for section in rows)
        inner = f"<ol>{inner}</ol>" if inner else ""
    return f"<li>{link(page.address, page.title, ' aria-current=page' if current else '')}{inner}</li>"


def turn(pages: Sequence[Page], here: Page) -> str:
    """Return the links to the pages before and after this one."""
    number = next(i for i, page in enumerate(pages) if page is here)
    before = pages[number - 1] if number else None
    after = pages[number + 1] if number + 1 < len(pages) else None
    left = link(before.address, f"← {before.title}", " rel=prev") if before else "<span></span>"
    right = link(after.address, f"{after.title} →", " rel=next") if after else ""
    return f'<div class="turn">{left}{right}</div>'


def page_html(pages: Sequence[Page], here: Page) -> str:
    """Return the whole of one page."""
    formulas = ("static/katex/katex.min.js",) if 'class="math' in here.main else ()
    scripts = ("static/site.js", *formulas, *here.scripts)
    return Template((STATIC / "page.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(here.title),
        description=html.escape(here.description or here.title),
        nav=navigation(pages, here),
        main=here.main,
        turn=turn(pages, here) if len(pages) > 1 else "",
        scripts="\n".join(f'<script defer src="{script}"></script>' for script in scripts),
    )


def search_index(pages: Sequence[Page]) -> list[dict[str, str]]:
    """Return where each section is, and its words, as the search in the page reads them."""
    return [
        {
            "address": f"{page.address}#{section.anchor}",
            "page": page.title,
            "title": section.title,
            "text": " ".join(" ".join(section.words).split()),
        }
        for page in pages
        for section in page.sections
    ]
