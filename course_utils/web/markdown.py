"""Markdown to HTML as the notebooks need it: tables, formulas that KaTeX sets, highlighted code, links between pages.

CommonMark by `markdown-it-py`; a formula is taken out before Markdown can read the underscores and stars in it.
"""

import html
import re
from collections.abc import Callable, Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

# `$…$` and `$$…$$`. A dollar before a space, or a closing one before a digit, is money.
INLINE = re.compile(r"\$\$(?P<display>[^$]+?)\$\$|\$(?P<inline>(?![\s$])(?:\\.|[^$\\])+?(?<!\s))\$(?!\d)", re.S)


def code_html(source: str, language: str = "python") -> str:
    """Return code as highlighted HTML; a language that Pygments doesn't know is shown plain.

    >>> code_html("x = 1").startswith('<pre tabindex="0"><code>')
    True
    """
    try:
        lexer = get_lexer_by_name(language or "text", stripnl=False)
        inner = highlight(source, lexer, HtmlFormatter(nowrap=True))
    except ClassNotFound:
        inner = html.escape(source)
    # What is wider than the screen scrolls by itself, and a keyboard can only scroll what it can focus.
    return f'<pre tabindex="0"><code>{inner.rstrip()}</code></pre>'


def math_html(tex: str, display: bool) -> str:
    """Return the place of a formula: its TeX, which KaTeX replaces in the page; without scripts the TeX is read.

    >>> math_html("a < b", display=False)
    '<span class="math">a &lt; b</span>'
    """
    kind = "math display" if display else "math"
    return f'<span class="{kind}">{html.escape(tex.strip(), quote=False)}</span>'


def read_inline_math(state: StateInline, silent: bool) -> bool:
    """Take a formula out of running text."""
    found = INLINE.match(state.src, state.pos) if state.src[state.pos] == "$" else None
    if not found:
        return False
    if not silent:
        token = state.push("math", "", 0)
        token.content = found["display"] or found["inline"]
        token.meta = {"display": found["display"] is not None}
    state.pos = found.end()
    return True


def read_block_math(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """Take a formula out that fills lines of its own, before a line that begins with = or - is read as Markdown."""
    start = state.bMarks[first] + state.tShift[first]
    end = state.src.find("$$", start + 2)
    if not state.src.startswith("$$", start) or end < 0 or end > state.eMarks[last - 1]:
        return False
    line = next(number for number in range(first, last) if state.eMarks[number] >= end + 2)
    # Text behind the formula makes it part of a paragraph.
    if state.src[end + 2 : state.eMarks[line]].strip():
        return False
    if not silent:
        token = state.push("math", "", 0)
        token.content, token.block, token.meta = state.src[start + 2 : end], True, {"display": True}
        state.line = line + 1
    return True


def slug(text: str) -> str:
    """Return a heading as an anchor.

    >>> slug("2 · Scores: who goes with whom?")
    '2-scores-who-goes-with-whom'
    """
    return re.sub(r"[^\w]+", "-", re.sub(r"[`*$]", "", text).lower()).strip("-") or "section"


def page_address(address: str) -> str:
    """Return where a notebook's link leads on the site: for the README to its first page, for the findings to theirs.

    >>> page_address("02_byte_pair_encoding.ipynb#ties"), page_address("../README.md")
    ('02_byte_pair_encoding.html#ties', 'index.html')
    """
    for file, page in (("../README.md", "index.html"), ("../findings/README.md", "surprises.html")):
        if address.startswith(file):
            return page
    return re.sub(r"^(\w+)\.ipynb", r"\1.html", address)


def reader() -> MarkdownIt:
    """Return a reader of Markdown with rules for formulas, tables that scroll, and highlighted code."""
    # Raw HTML is left as text: the course has none in its Markdown, and so none can break a page.
    md = MarkdownIt("commonmark", {"html": False})
    md.enable(["table", "strikethrough"])
    md.inline.ruler.before("escape", "math", read_inline_math)
    md.block.ruler.before("fence", "math", read_block_math, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    scroll = '<div class="scroll" tabindex="0" role="group" aria-label="table"><table>'
    rules: dict[str, Callable[..., str]] = {
        "math": lambda tokens, i, *_: math_html(tokens[i].content, tokens[i].meta["display"]),
        "table_open": lambda *_: scroll,
        "table_close": lambda *_: "</table></div>",
        # Pygments has made the whole block.
        "fence": lambda tokens, i, *_: code_html(tokens[i].content, tokens[i].info.strip()),
        "code_block": lambda tokens, i, *_: code_html(tokens[i].content, "text"),
    }
    for name, rule in rules.items():
        md.renderer.rules[name] = rule
    return md


READER = reader()


def parse(text: str) -> list[Token]:
    """Return Markdown as tokens, with the links changed for the site."""
    tokens = READER.parse(text)
    for token in tokens:
        if token.children:
            token.children = list(with_links(token.children))
    return tokens


def with_links(parts: Sequence[Token]) -> Iterator[Token]:
    """Yield the parts of a line with links that lead to pages; what links to a file of the project stays as text."""
    outside = False
    for part in parts:
        if part.type == "link_open":
            part.attrs["href"] = page_address(str(part.attrs["href"]))
            outside = str(part.attrs["href"]).startswith("../")
        if not (outside and part.type in ("link_open", "link_close")):
            yield part


def render(tokens: Sequence[Token]) -> str:
    """Return tokens as HTML."""
    made = READER.renderer.render(tokens, READER.options, {})
    # A heading without words would be read out as one: it is an empty cell.
    return re.sub(r"<th[^>]*></th>", "<td></td>", made)


def to_html(text: str) -> str:
    r"""Return Markdown as HTML, without anchors at its headings.

    >>> to_html("*Scores* $q_1 k_2$")
    '<p><em>Scores</em> <span class="math">q_1 k_2</span></p>\n'
    """
    return render(parse(text))


def plain(text: str) -> str:
    """Return Markdown as running text, for the search and for titles.

    >>> plain("**Row** [one](#a): `x`, $y$")
    'Row one: x, y'
    """
    found: list[str] = []
    for token in READER.parse(text):
        # Inline code and formulas keep their content in the token itself.
        parts = token.children or ([token] if token.content else [])
        found.append("".join(" " if part.type in ("softbreak", "hardbreak") else part.content for part in parts))
    return " ".join(" ".join(found).split())
