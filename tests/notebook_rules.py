"""What a notebook must keep to, beyond what `sync` writes: one function a rule, a sentence for each breach.

`test_notebooks.py` holds the course's own notebooks to these, `test_sync.py` sees each of them fail.
"""

import ast
import builtins
import contextlib
import io
import json
import re
import symtable
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from course_utils.exercises.engine.exercise import Exercise
from course_utils.exercises.engine.verdicts import is_started, try_out, unusable
from course_utils.tools.curriculum import NOTEBOOKS, Table, built_in, find, is_early
from course_utils.tools.fingerprints import cell_tree, code_cells
from course_utils.tools.sync import definitions, is_folded, render, saved_module

LARGEST = 1_000_000  # bytes of a notebook's file
LONGEST, LONGEST_DOCSTRING = 60, 6  # lines of a saved definition
PACKAGE = "course_utils"
MACHINE_PATH = re.compile(r"/home/|/Users/|/root/|[A-Z]:\\+Users")


def tree(cell: NotebookNode) -> ast.Module:
    """A cell's syntax tree."""
    return cell_tree(cell.source)


# --- outputs ---


def uncaptioned(notebook: NotebookNode) -> Iterator[str]:
    """A figure is followed by a Markdown output that says what is to be seen, and has its words as `alt`."""
    for cell in code_cells(notebook):
        outputs = [output.get("data", {}) | {"metadata": output.get("metadata", {})} for output in cell.outputs]
        for place, output in enumerate(outputs):
            if not {"image/png", "image/svg+xml"} & output.keys():
                continue
            after = outputs[place + 1] if place + 1 < len(outputs) else {}
            if not after.get("text/markdown", "").strip():
                yield f"cell {cell.id}: a figure without a caption: use plots.show(figure, caption)"
            if not re.search(r'"alt": "[^"]', json.dumps(output["metadata"])):
                yield f"cell {cell.id}: a figure without alt metadata: use plots.show(figure, caption)"


def unsound_outputs(notebook: NotebookNode) -> Iterator[str]:
    """What is stored came from one whole run without an error, and holds nothing of the machine it ran on."""
    here = (str(Path(__file__).parent.parent), tempfile.gettempdir())
    for cell in code_cells(notebook):
        text = json.dumps(cell.outputs, ensure_ascii=False)
        # The letters of a picture are no words, and may hold the name of a folder by chance.
        text = re.sub(r'"image/png": "[^"]*"', "", text)
        if cell.source.strip() and cell.execution_count is None:
            yield f"cell {cell.id}: not executed in the stored copy"
        if any(output.output_type == "error" for output in cell.outputs):
            yield f"cell {cell.id}: a stored error; catch it and print what it says"
        if MACHINE_PATH.search(text) or any(json.dumps(path)[1:-1] in text for path in here):
            yield f"cell {cell.id}: an output names a folder of this machine"


def too_large(notebook: NotebookNode) -> Iterator[str]:
    """A notebook's file is small enough to be read on the web."""
    size = len(render(notebook).encode())
    if size > LARGEST:
        yield f"its file has {size:,} bytes, more than {LARGEST:,}"


def misused_tags(notebook: NotebookNode) -> Iterator[str]:
    """nbval is told by tags and skips nothing; where it compares nothing, an assertion or a figure stands."""
    for cell in code_cells(notebook):
        tags = set(cell.metadata.get("tags", []))
        if re.search(r"#\s*(nbval|NBVAL)[-_]", cell.source):
            yield f"cell {cell.id}: an nbval comment; use a tag"
        for tag in tags:
            if tag.startswith("nbval-") and tag not in ("nbval-ignore-output", "nbval-check-output"):
                yield f"cell {cell.id}: the tag {tag}; only nbval-ignore-output is used here"
            if tag == "raises-exception":
                yield f"cell {cell.id}: raises-exception passes when nothing raises; use try and except"
        if "nbval-ignore-output" in tags and "setup" not in tags and not asserts(cell) and not shows(cell):
            yield f"cell {cell.id}: its output is not compared, and no assertion says what must hold of it"


def asserts(cell: NotebookNode) -> bool:
    """Whether a cell states something that must hold: `assert`, or a call such as `assert_close`."""
    nodes = list(ast.walk(tree(cell)))
    calls = [ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)]
    return any(isinstance(node, ast.Assert) for node in nodes) or any("assert_" in call for call in calls)


def shows(cell: NotebookNode) -> bool:
    """Whether a cell's output is a figure, which nbval cannot compare anyway."""
    return any("image/png" in output.get("data", {}) for output in cell.outputs)


# --- saved definitions ---


def unfit_saved(notebook: NotebookNode) -> Iterator[str]:
    """A saved definition fits a screen and uses only names that the notebook has introduced before it."""
    known = set(dir(builtins))
    for cell in code_cells(notebook):
        if saved_module(cell):
            defined = definitions(cell.source)
            for name in sorted(free_names(cell.source) - known - set(defined)):
                yield f"{', '.join(defined)}: uses {name}, which nothing before introduces"
            for name, text in defined.items():
                yield from too_long(name, text)
        known |= introduced(cell)


def too_long(name: str, text: str) -> Iterator[str]:
    """A definition has at most 60 lines, each docstring in it at most six."""
    if text.count("\n") + 1 > LONGEST:
        yield f"{name}: {text.count(chr(10)) + 1} lines, more than {LONGEST}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            docstring = ast.get_docstring(node) or ""
            if docstring.count("\n") + 1 > LONGEST_DOCSTRING:
                yield f"{node.name}: a docstring of more than {LONGEST_DOCSTRING} lines"


def introduced(cell: NotebookNode) -> set[str]:
    """The names that a cell imports, functions and classes that it defines, and a saved cell's constants."""
    names = set(definitions(cell.source)) if saved_module(cell) else set()
    for node in tree(cell).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return names | defined_in(cell)


def defined_in(cell: NotebookNode) -> set[str]:
    """The functions and classes at a cell's top level."""
    return {node.name for node in tree(cell).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def free_names(source: str) -> set[str]:
    """The names that a definition takes from around it: in its body, defaults, decorators and annotations."""
    names, tables = set(), [symtable.symtable(source, "cell", "exec")]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        names |= {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
    return names


# --- exercises: before what answers them, and the answer folded ---

# What a cell gives away: its code and its output, or its code alone.
ANSWERS = {"answer", "answer-code"}
# And code that nobody has to read: helpers that draw or count, the package's own form of what the reader has seen.
ASIDE = "aside"


def spoilers(notebook: NotebookNode, exercises: Sequence[Exercise]) -> Iterator[str]:
    """A cell that answers the exercise above it is folded; nothing that would pass an exercise stands before it."""
    cells = code_cells(notebook)
    asked = [place for place, cell in enumerate(cells) if asks(cell)]
    for place, cell in enumerate(cells):
        tags = set(cell.metadata.get("tags", []))
        if "setup" not in tags and is_folded(cell) != bool({*ANSWERS, ASIDE} & tags):
            yield f"cell {cell.id}: what is folded (source_hidden) is tagged answer, answer-code or aside, nothing else"
        if ANSWERS & tags and (not asked or place < asked[0]):
            yield f"cell {cell.id}: an answer before any exercise"
    made = list(definitions_made(cells))
    for exercise, own, after in zip(exercises, asked, [*asked[1:], len(cells)], strict=True):
        for place, cell in enumerate(cells):
            # Further down, the course may well use what the reader has found by then.
            near = place < after or saved_module(cell)
            if exercise.is_value or place in asked or not near or (place > own and is_folded(cell)):
                continue
            for name in sorted(name for name, answer in made[place].items() if passes(exercise, answer)):
                where = "stands before it" if place < own else "stands open below it: fold it and tag it answer"
                yield f"cell {cell.id}: {name} passes exercise {exercise.number} and {where}"


def asks(cell: NotebookNode) -> bool:
    """Whether a cell checks an exercise."""
    return any(isinstance(node, ast.Call) and ast.unparse(node.func) == "check" for node in ast.walk(tree(cell)))


def passes(exercise: Exercise, answer: Any) -> bool:
    """Whether an answer is right on all probes."""
    with contextlib.redirect_stdout(io.StringIO()):
        usable = is_started(exercise, answer) and not unusable(exercise, answer)
        return usable and all(trial.right for trial in try_out(exercise, answer, exercise.inputs(0)))


def definitions_made(cells: Iterable[NotebookNode]) -> Iterator[dict[str, Any]]:
    """For each cell its functions and classes, made among the imports and definitions so far and nothing else."""
    names: dict[str, Any] = {"__name__": "cells"}
    for cell in cells:
        for node in tree(cell).body:
            if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef):
                with contextlib.suppress(NameError):  # a default that only a run would make
                    exec(compile(ast.Module([node], []), f"<{cell.id}>", "exec"), names)
        yield {name: names[name] for name in defined_in(cell) if name in names}


# --- names of the package: each introduced once, used after that, or borrowed openly ---


def package_names(notebook: NotebookNode) -> set[tuple[str, str]]:
    """Each (module, name) of the package that a notebook's code takes: imported, or used as `module.name`."""
    trees = [tree(cell) for cell in code_cells(notebook)]
    nodes = [node for one in trees for node in ast.walk(one)]
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    modules = {a.asname or a.name: a.name for node in imports if node.module == PACKAGE for a in node.names}
    names = {
        (node.module.removeprefix(f"{PACKAGE}."), alias.name)
        for node in imports
        if node.module.startswith(f"{PACKAGE}.")
        for alias in node.names
    }
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            names.add((modules[node.value.id], node.attr))
    return names


def hidden_uses(notebook: NotebookNode) -> Iterator[str]:
    """The package is taken by name: no star, no `import course_utils.x`, no private names."""
    for cell in code_cells(notebook):
        if cell.source.startswith("%%") and PACKAGE in cell.source:
            yield f"cell {cell.id}: a cell magic hides what is imported under it"
    for node in (node for cell in code_cells(notebook) for node in ast.walk(tree(cell))):
        if isinstance(node, ast.Import) and any(alias.name.startswith(PACKAGE) for alias in node.names):
            yield f"import {PACKAGE}: write from {PACKAGE} import ..."
    for module, name in sorted(package_names(notebook)):
        if name == "*" or name.startswith("_"):
            yield f"{module}.{name}: take the package's public names, one by one"


def unlisted_borrows(notebook: NotebookNode, own: str, notebooks: Table = NOTEBOOKS) -> Iterator[str]:
    """The curriculum lists as borrowed what this notebook uses before its turn, and nothing else."""
    taken = {f"{module}.{name}" for module, name in package_names(notebook)}
    needed, listed = {name for name in taken if is_early(name, own, notebooks)}, set(find(own, notebooks).borrows)
    for name in sorted(needed - listed):
        lender = built_in(name, notebooks)
        yield f"uses {name}, which notebook {lender} builds: list it in `borrows` in curriculum.py"
    for name in sorted(listed - needed):
        yield f"borrows {name} in curriculum.py, but doesn't use it or needn't borrow it"


def misplaced_saved(notebook: NotebookNode, own: str, notebooks: Table = NOTEBOOKS) -> Iterator[str]:
    """A saved definition stands in the notebook that builds it according to the curriculum."""
    for cell in code_cells(notebook):
        module = saved_module(cell)
        for name in definitions(cell.source) if module else ():
            place = built_in(f"{module}.{name}", notebooks)
            if not place:
                yield f"builds {name}; curriculum.py has {module}.{name} in no notebook's `builds`"
            elif place != own:
                yield f"builds {name}; curriculum.py says that notebook {place} does"


def introduced_twice(notebooks: Iterable[tuple[str, NotebookNode]]) -> Iterator[str]:
    """Over all notebooks, in their order: no name is saved twice, or defined again by a cell elsewhere.

    A refresher may try out in small what is saved later.
    """
    saved: dict[str, str] = {}
    notebooks = list(notebooks)
    for number, notebook in notebooks:
        for cell in code_cells(notebook):
            for name in definitions(cell.source) if saved_module(cell) else ():
                if name in saved:
                    yield f"{name}: introduced in notebook {saved[name]} and again in {number}"
                saved.setdefault(name, number)
    for number, notebook in notebooks:
        for cell in code_cells(notebook):
            for name in [] if saved_module(cell) else sorted(defined_in(cell) & set(saved)):
                # Where a name is introduced, an exercise or a first attempt may use it before.
                if saved[name] != number and number.isdigit():
                    yield f"{name}: introduced in notebook {saved[name]}, defined again in {number}"
