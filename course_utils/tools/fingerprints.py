"""What made a notebook's outputs: a short hash of each of its code cells, and of each module that they use.

`sync` keeps these in the notebook, so that it can say later what has changed since. Only code counts. Docstrings,
comments and formatting are left out: what is hashed is the syntax tree. Modules are followed from import to import
as text, and none of them is run.

A package is given here as its files: {"course_utils/gpt.py": text, "course_utils/tales/__init__.py": text}.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.util import resolve_name
from pathlib import Path

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

PLOTS, EXERCISES = "course_utils/plots", "course_utils.exercises"
CURRICULUM = "course_utils/tools/curriculum.py"
ELSEWHERE = ("does", "builds", "borrows")  # of the curriculum: no figure shows them, and `sync` checks them otherwise

Package = Mapping[str, str]


def read_package(root: Path) -> dict[str, str]:
    """Return the package's files under `root`, by their path from there."""
    files = sorted((root / "course_utils").rglob("*.py"))
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in files}


# --- code, without what makes no difference when it runs ---


def cell_tree(source: str) -> ast.Module:
    """Return a cell's syntax tree; IPython's own commands (`%config`, `!git`) become calls."""
    return ast.parse(TransformerManager().transform_cell(source))


def plain(node: object) -> object:
    """Return a syntax tree as nested lists and texts, without docstrings and positions.

    `ast.dump` would do, but from one Python to the next it writes the same tree differently.

    >>> plain(ast.parse("x = 1  # one").body) == plain(ast.parse("(x) = (1)").body)
    True
    """
    if isinstance(node, list):
        return [plain(item) for item in node if not is_docstring(item)]
    if not isinstance(node, ast.AST):
        return ascii(node)
    fields = {name: plain(value) for name, value in ast.iter_fields(node) if value is not None and value != []}
    if isinstance(node, ast.JoinedStr):
        # In f"{x:{width}}", Python 3.12 alone sees an empty text behind the width.
        fields["values"] = [value for value in fields.get("values", []) if value != plain(ast.Constant(""))]
    return [type(node).__name__, *fields.items()]


def is_docstring(node: object) -> bool:
    """Tell whether a statement is a text and nothing more, which does nothing, wherever it stands."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def short_hash(value: object) -> str:
    """Return eight hexadecimal digits that follow from a value of lists and texts."""
    return hashlib.sha256(ascii(value).encode()).hexdigest()[:8]


def cell_hash(source: str) -> str:
    """Return the hash of a cell's code.

    >>> cell_hash("x = 1") == cell_hash("x  =  1  # one"), cell_hash("x = 1") == cell_hash("x = 2")
    (True, False)
    """
    # One statement at a time: a text that stands alone is no docstring here, it is shown under the cell.
    return short_hash([plain(statement) for statement in cell_tree(source).body])


@cache
def module_hash(file: str, text: str) -> str:
    """Return the hash of a module's code; of the curriculum, of what the map shows."""
    tree = ast.parse(text)
    if file == CURRICULUM:
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            call.keywords = [keyword for keyword in call.keywords if keyword.arg not in ELSEWHERE]
    return short_hash(plain(tree.body))


# --- which modules some code uses ---


def imported(tree: ast.AST, package: str = "") -> set[str]:
    """Return the full name of everything that some code imports, at its top or deeper; `package` is where it stands.

    >>> sorted(imported(ast.parse("import math; from course_utils.gpt import GPT")))
    ['course_utils.gpt.GPT', 'math']
    """
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package)
            names |= {f"{source}.{alias.name}" for alias in node.names}
    return names


@cache
def imported_by(file: str, text: str) -> frozenset[str]:
    """Return the full name of everything that a module of the package imports."""
    return frozenset(imported(ast.parse(text), file.rpartition("/")[0].replace("/", ".")))


def run_by(name: str, package: Package) -> Iterator[str]:
    """Yield the files that Python runs to import a name: those of the packages around it, then its own.

    >>> list(run_by("course_utils.gpt.GPT", {"course_utils/__init__.py": "", "course_utils/gpt.py": ""}))
    ['course_utils/__init__.py', 'course_utils/gpt.py']
    """
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        path = "/".join(parts[:end])
        yield from {f"{path}.py", f"{path}/__init__.py"} & package.keys()


def used(names: Iterable[str], package: Package, without: tuple[str, ...] = ()) -> set[str]:
    """Return the files that importing these names runs, through any number of imports, but none under `without`."""
    found: set[str] = set()
    ahead = list(names)
    while ahead:
        for file in run_by(ahead.pop(), package):
            if file not in found and not file.startswith(without):
                found.add(file)
                ahead += imported_by(file, package[file])
    return found


# --- a notebook ---


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return all code cells, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def taken(notebook: NotebookNode, number: str) -> set[str]:
    """Return the full name of everything that a notebook imports, its exercises included."""
    names = set().union(*(imported(cell_tree(cell.source)) for cell in code_cells(notebook)))
    if any(name.startswith(EXERCISES) for name in names):
        names.add(f"{EXERCISES}.e{number}")  # `check` finds this module by its name; no import says so
    return names


def fingerprints(notebook: NotebookNode, number: str, package: Package) -> dict[str, dict[str, str] | str]:
    """Return the hashes of a notebook's code cells by their id, of its modules by their file, and of the cells' order.

    `number` is the notebook's. The same code gives the same hashes on every machine and every Python.
    """
    cells = {cell.id: cell_hash(cell.source) for cell in code_cells(notebook)}
    modules = {file: module_hash(file, package[file]) for file in sorted(used(taken(notebook, number), package))}
    return {"cells": cells, "modules": modules, "order": short_hash(list(cells))}


def changes(notebook: NotebookNode, number: str, package: Package) -> list[str]:
    """Return one sentence for each cell and each module that has changed since the outputs were stored."""
    before, now = notebook.metadata.course.get("executed"), fingerprints(notebook, number, package)
    if not isinstance(before, dict):
        return ["its outputs were not stored by sync"]
    names, place = taken(notebook, number), list(now["cells"])
    pictures = used(names, package) - used(names, package, without=(PLOTS,))
    cells = [
        f"its code cell {place.index(key) + 1} ({key}) {verb}" if key in place else f"its code cell {key} {verb}"
        for key, verb in differences(before["cells"], now["cells"])
    ]
    modules = [
        f"{file}{', on which only its pictures depend,' if file in pictures else ''} {verb}"
        for file, verb in differences(before["modules"], now["modules"])
    ]
    if not cells and before["order"] != now["order"]:
        cells = ["the order of its code cells has changed"]
    return [f"{change} since its outputs were stored" for change in cells + modules]


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each key whose value differs, those of `now` first, with what happened to it.

    >>> list(differences({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "4", "d": "5"}))
    [('b', 'has changed'), ('d', 'is new'), ('c', 'is gone')]
    """
    for key in [*now, *(before.keys() - now.keys())]:
        if before.get(key) != now.get(key):
            yield key, "has changed" if key in before and key in now else "is new" if key in now else "is gone"
