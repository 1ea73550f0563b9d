"""Make the web edition: `python -m course_utils web [--out site]`, or a page of one model with `--model CHECKPOINT`.

    python -m course_utils web                      all notebooks, the reference and the live parts, in site/
    python -m course_utils web --out FOLDER         the same in another folder
    python -m course_utils web --model CHECKPOINT   only the page in which this model talks, in model_page/

The folder can be opened as it is, without a network, or put on any static host. Nothing is executed: what pages show is
stored in the notebooks. A folder that is there already is made anew if an earlier run made it.
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat

from course_utils.checkpoints import BASE, CHAT, load_checkpoint
from course_utils.common import DATA, require
from course_utils.export.folder import is_chat
from course_utils.tools.curriculum import NOTEBOOKS, Notebook
from course_utils.web.cells import Body, Section, notebook_body
from course_utils.web.live import PARTS, Part, part_html, parts_of, scripts_for
from course_utils.web.model import gpt2_script, model_scripts
from course_utils.web.page import STATIC, Page, page_html, search_index
from course_utils.web.reference import REFERENCE, front_page, reference_body

ROOT = DATA.parent
# What lies in a folder that this module made, so that no other folder is ever emptied.
MARK = ".made_by_course_utils_web"


def main(arguments: Sequence[str]) -> int:
    """Make the site, or the page of one model, and say where it is."""
    parser = argparse.ArgumentParser(prog="python -m course_utils web")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--model", type=Path)
    options = parser.parse_args(arguments)
    begin = time.perf_counter()
    try:
        if options.model:
            out = build_model_page(options.model, options.out or Path("model_page"))
        else:
            out = build_site(options.out or ROOT / "site")
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    seconds = time.perf_counter() - begin
    print(f"{len(list(out.glob('*.html')))} pages, {size / 1e6:.1f} MB, after {seconds:.0f} s.")
    print(f"Open {out / 'index.html'} in a browser, or put the folder on any static host.")
    return 0


def build_site(out: Path) -> Path:
    """Write the whole web edition into a folder and return it."""
    pictures: dict[str, bytes] = {}
    pages = [front_page()]
    for notebook in NOTEBOOKS:
        path = ROOT / "notebooks" / f"{notebook.stem}.ipynb"
        page, body = notebook_page(notebook, nbformat.read(path, as_version=4))
        pages.append(page)
        pictures |= body.pictures
    pages.append(model_page())
    pages += [reference_page(path) for path in REFERENCE]
    scripts = model_scripts(BASE, "base") | model_scripts(CHAT, "chat") | gpt2_script()
    write_site(out, pages, scripts, pictures)
    return out


def notebook_page(notebook: Notebook, stored: nbformat.NotebookNode) -> tuple[Page, Body]:
    """Return a notebook as a page, with what it holds."""
    parts = parts_of(notebook.number)
    # A part is a section like any other: its heading stands in the list at the side.
    body = notebook_body(stored, notebook.number, "".join(map(part_html, parts)))
    body.sections += [Section(part.title, part.name, 2, [part.says]) for part in parts]
    page = Page(notebook.stem, notebook.label, body.html, "Notebooks", notebook.does, body.sections, scripts_for(parts))
    return page, body


def model_page(
    name: str = "model", model: str = "", title: str = "The model in the page", parts: Sequence[Part] = PARTS
) -> Page:
    """Return the page that has all live parts, or some; with `model`, all of them ask that one."""
    intro = (
        f"<h1>{title}</h1><p>Everything here is computed in your browser, by a readable page of JavaScript with the "
        "model's own weights. Nothing you type leaves this page.</p>"
    )
    sections = [Section(part.title, part.name, 2, [part.says]) for part in parts]
    inside = intro + "".join(part_html(part, model) for part in parts)
    return Page(name, title, inside, "Try it", sections=sections, scripts=scripts_for(parts))


def reference_page(path: Path) -> Page:
    """Return one page of the reference."""
    title, body = reference_body(path)
    return Page(path.stem, title, body.html, "Reference", sections=body.sections)


def build_model_page(checkpoint: str | Path, out: Path, chat: bool | None = None) -> Path:
    """Write a folder with one page in which this checkpoint's model talks, and return it.

    The chat is for a `chat` model; by default the model is asked one question to find out (`is_chat`).
    """
    scripts = model_scripts(checkpoint, "model")  # first, since it may refuse the checkpoint
    found = load_checkpoint(checkpoint)
    chat = is_chat(found.model, found.tokenizer) if chat is None else chat
    parts = [part for part in PARTS if chat or part.model != "chat"]
    page = model_page("index", "model", f"The model {Path(checkpoint).stem}", parts)
    write_site(out, [page], scripts | gpt2_script(), {})
    return out


def write_site(out: Path, pages: Sequence[Page], scripts: dict[str, str], pictures: dict[str, bytes]) -> None:
    """Write pages, models and pictures into a folder that is new, empty, or made by an earlier run."""
    check_folder(out)
    # Nothing of an earlier run stays behind, such as the page of a notebook that has another name now.
    shutil.rmtree(out, ignore_errors=True)
    for folder in ("img", "models"):
        (out / folder).mkdir(parents=True)
    (out / MARK).touch()
    shutil.copytree(STATIC, out / "static", ignore=shutil.ignore_patterns("page.html"))
    for page in pages:
        (out / page.address).write_text(page_html(pages, page), encoding="utf-8")
    index = json.dumps(search_index(pages), ensure_ascii=False)
    (out / "search_index.js").write_text(f"window.SEARCH = {index};\n", encoding="utf-8")
    for name, script in scripts.items():
        (out / "models" / name).write_text(script, encoding="utf-8")
    for name, picture in pictures.items():
        (out / "img" / name).write_bytes(picture)


def check_folder(out: Path) -> None:
    """Raise a `ValueError` for a folder that holds what no earlier run has put there."""
    empty = not out.exists() or (out.is_dir() and ((out / MARK).exists() or not any(out.iterdir())))
    require(empty, f"{out} holds other files; choose a folder that is new or empty")
