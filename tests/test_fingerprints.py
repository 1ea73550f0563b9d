"""What counts as a change since a notebook's run: each kind of it is seen, and what makes no difference is not."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.tools.fingerprints import (
    Package,
    cell_hash,
    changes,
    fingerprints,
    module_hash,
    read_package,
    run_by,
    taken,
    used,
)
from course_utils.tools.sync import ROOT, Course, number, read

GPT = '''"""A model."""

from course_utils.common import require


class Layer:
    """A layer."""

    def __init__(self, size: int) -> None:
        """Draw its weights."""
        require(size > 0, "size")
        self.weight = normal(size, std=0.02)  # as GPT-2 does
'''
PACKAGE = {
    "course_utils/__init__.py": '"""The package."""',
    "course_utils/common.py": "def require(condition, message): ...",
    "course_utils/gpt.py": GPT,
    "course_utils/training.py": "from course_utils import gpt, tales",
    "course_utils/lora.py": "import torch",
    "course_utils/tales/__init__.py": "from course_utils.tales.generator import tell",
    "course_utils/tales/generator.py": "def later():\n    from .words import WORDS",
    "course_utils/tales/words.py": "WORDS = 3",
    "course_utils/plots/__init__.py": "from course_utils.plots.roadmap import draw_map",
    "course_utils/plots/roadmap.py": "import course_utils.tools.curriculum\nfrom course_utils.common import require",
    "course_utils/plots/widgets.py": "",
    "course_utils/tools/__init__.py": "",
    "course_utils/tools/curriculum.py": '(Notebook("02_pairs", "Pairs", does="merge", borrows=("gpt.GPT",)),)',
    "course_utils/exercises/__init__.py": "from course_utils.plots import widgets",
    "course_utils/exercises/e02.py": "REFERENCE = 4",
}
SINCE = "since its outputs were stored"


def notebook(*sources: str) -> NotebookNode:
    """A notebook of these code cells, called c1, c2, …, between some prose."""
    cells = [new_code_cell(source, id=f"c{place}") for place, source in enumerate(sources, start=1)]
    return new_notebook(cells=[new_markdown_cell("# 02 · Pairs"), *cells], metadata={"course": {}})


def stored(made: NotebookNode, package: Package = PACKAGE) -> NotebookNode:
    """The notebook as `sync` leaves it on disk after a run."""
    made.metadata.course.executed = fingerprints(made, "02", package)
    return nbformat.reads(nbformat.writes(made), as_version=4)


def told_of(file: str, old: str, new: str, source: str = "from course_utils.training import train") -> list[str]:
    """What is said after a change in one file of the package, of a notebook with this code."""
    assert PACKAGE[file].count(old) == 1
    changed = {**PACKAGE, file: PACKAGE[file].replace(old, new)}
    return changes(stored(notebook(source)), "02", changed)


# --- modules ---


def test_nothing_has_changed_right_after_a_run():
    assert changes(stored(notebook("from course_utils.training import train", "x = 1")), "02", PACKAGE) == []


def test_another_weight_initialisation_is_a_change():
    assert told_of("course_utils/gpt.py", "std=0.02", "std=0.03") == [f"course_utils/gpt.py has changed {SINCE}"]


HARMLESS = [
    ('"""A model."""', '"""The model,\n\nin two lines."""'),
    ('"""A model."""', ""),
    ('"""A layer."""', '"""A layer of a model."""'),
    ('        """Draw its weights."""\n', ""),
    ("  # as GPT-2 does", ""),
    ("normal(size, std=0.02)", "normal(\n            size,\n            std=0.02,\n        )"),
    ('"size"', "'size'"),
]


@pytest.mark.parametrize(("old", "new"), HARMLESS)
def test_docstrings_comments_and_formatting_are_no_change(old: str, new: str):
    assert told_of("course_utils/gpt.py", old, new) == []


HARMFUL = [
    ("size > 0", "size > 1"),
    ('"size"', '"the size"'),
    ("size: int", "size: float"),
    ("class Layer", "@dataclass\nclass Layer"),
    ("self.weight = ", "self.bias = "),
    ("        require(size", "        if size:\n            require(size"),
]


@pytest.mark.parametrize(("old", "new"), HARMFUL)
def test_anything_else_is_a_change(old: str, new: str):
    assert len(told_of("course_utils/gpt.py", old, new)) == 1


CHAINS = {
    "imported by a module that is imported": ("course_utils/common.py", "...", "pass"),
    "the face of a wing": ("course_utils/tales/__init__.py", "tell", "tell_all"),
    "behind the face of a wing": ("course_utils/tales/generator.py", "def later", "def sooner"),
    "imported late, and by a relative name": ("course_utils/tales/words.py", "3", "4"),
    "the package itself": ("course_utils/__init__.py", '"""The package."""', "import os"),
}


@pytest.mark.parametrize(("file", "old", "new"), CHAINS.values(), ids=CHAINS)
def test_imports_are_followed_to_their_end(file: str, old: str, new: str):
    assert told_of(file, old, new) == [f"{file} has changed {SINCE}"]


def test_a_module_that_is_not_used_does_not_count():
    assert told_of("course_utils/lora.py", "torch", "math") == []


SPELLINGS = [
    "import course_utils.gpt",
    "import course_utils.gpt as model",
    "from course_utils import gpt",
    "from course_utils.gpt import *",
    "from course_utils.gpt import Layer as L",
    "def f():\n    from course_utils.gpt import Layer",
    "%config x = 1\nfrom course_utils.gpt import Layer",
]


@pytest.mark.parametrize("source", SPELLINGS)
def test_an_import_is_seen_in_any_spelling(source: str):
    assert len(told_of("course_utils/gpt.py", "std=0.02", "std=0.03", source)) == 1


def test_a_module_inside_a_wing_brings_the_wings_face():
    assert list(run_by("course_utils.tales.words.WORDS", PACKAGE)) == [
        "course_utils/__init__.py",
        "course_utils/tales/__init__.py",
        "course_utils/tales/words.py",
    ]


def test_a_module_on_which_only_pictures_depend_is_told_as_such():
    code = "from course_utils import plots\nfrom course_utils.gpt import Layer"
    only = "on which only its pictures depend, has changed"
    drawn = told_of("course_utils/plots/__init__.py", "draw_map", "draw_road", code)
    assert drawn == [f"course_utils/plots/__init__.py, {only} {SINCE}"]
    titled = told_of("course_utils/tools/curriculum.py", '"Pairs"', '"Couples"', code)
    assert titled == [f"course_utils/tools/curriculum.py, {only} {SINCE}"]
    # The map uses this one too, but so does the model.
    assert told_of("course_utils/common.py", "...", "pass", code) == [f"course_utils/common.py has changed {SINCE}"]


@pytest.mark.parametrize(("old", "new"), [('"merge"', '"merge pairs"'), ("gpt.GPT", "gpt.Block")])
def test_what_the_curriculum_says_beside_the_map_is_no_change(old: str, new: str):
    assert told_of("course_utils/tools/curriculum.py", old, new, "from course_utils import plots") == []


def test_only_the_curriculum_has_words_that_do_not_count():
    assert module_hash("course_utils/gpt.py", "f(does=1)") != module_hash("course_utils/gpt.py", "f(does=2)")


def test_what_has_changed_is_named_in_order():
    made = stored(notebook("import course_utils.training", "x = 1"))
    made.cells[2].source = "x = 2"
    now = {file: f"{text}\nNEW = 1" for file, text in PACKAGE.items()}
    told = [sentence.split(" has")[0] for sentence in changes(made, "02", now)]
    assert told[0] == "its code cell 2 (c2)"
    assert told[1:] == sorted(made.metadata.course.executed["modules"])


def test_the_exercises_of_a_notebook_count_though_no_import_names_them():
    change = ("course_utils/exercises/e02.py", "4", "5")
    assert told_of(*change, "from course_utils.exercises import check") == [f"{change[0]} has changed {SINCE}"]
    assert told_of(*change, "from course_utils.gpt import Layer") == []


# --- cells ---


def told_of_cells(*sources: str) -> list[str]:
    """What is said of a notebook whose three cells were `x = 1`, `y = 2` and `z = 3`."""
    made = stored(notebook("x = 1", "y = 2", "z = 3"))
    made.cells = notebook(*sources).cells
    return changes(made, "02", PACKAGE)


def test_a_changed_cell_is_named():
    assert told_of_cells("x = 1", "y = 4", "z = 3") == [f"its code cell 2 (c2) has changed {SINCE}"]


def test_a_cell_more_and_a_cell_less_are_named():
    assert told_of_cells("x = 1", "y = 2", "z = 3", "a = 4") == [f"its code cell 4 (c4) is new {SINCE}"]
    assert told_of_cells("x = 1", "y = 2") == [f"its code cell c3 is gone {SINCE}"]


def test_cells_in_another_order_are_a_change():
    made = stored(notebook("x = 1", "y = 2"))
    made.cells[1:] = made.cells[:0:-1]
    assert changes(made, "02", PACKAGE) == [f"the order of its code cells has changed {SINCE}"]


def test_prose_comments_and_docstrings_are_no_change():
    made = stored(notebook("x = 1", 'def f():\n    """F."""\n    return 1'))
    made.cells[0].source += "\n\nMore prose."
    made.cells[1].source = "x = (1)  # one"
    made.cells[2].source = 'def f():\n    """What f is."""\n    return 1'
    assert changes(made, "02", PACKAGE) == []


def test_a_text_that_a_cell_shows_is_no_docstring():
    assert cell_hash('"""One."""') != cell_hash('"""Two."""')
    assert cell_hash("%config x = 1") != cell_hash("%config x = 2")


def test_a_notebook_that_no_run_stored_is_told():
    assert changes(notebook("x = 1"), "02", PACKAGE) == ["its outputs were not stored by sync"]


# --- what is stored ---


def test_what_is_stored_is_short_sorted_and_the_same_again():
    made = notebook("from course_utils.gpt import Layer", "x = 1")
    once = stored(made)
    assert nbformat.writes(stored(once)) == nbformat.writes(once)
    kept = once.metadata.course.executed
    assert list(kept["cells"]) == ["c1", "c2"]
    assert list(kept["modules"]) == ["course_utils/__init__.py", "course_utils/common.py", "course_utils/gpt.py"]
    assert {len(value) for value in [*kept["cells"].values(), *kept["modules"].values(), kept["order"]]} == {8}


EVERYTHING = '''
@cache
async def f(a, /, b: int = 1, *c, d=None, **e) -> "x":
    """F."""
    with open(a) as g, h: return [i async for i in g if not i]
match x:
    case {"a": [1, *rest]} | None if (y := 2): del y
try: print(f"{x!r:>{w}} {y=} {3.0:.2f}", "é\\n", b"", ..., 2j, sep="")
except (A, B) as c: raise C from c
else: lambda *a, k=1: {**a, "b": not a[1:, ::2]}
'''


def test_the_hash_is_the_same_on_every_python():
    # Written down once. A Python that makes something else of this text would call every notebook stale.
    assert module_hash("course_utils/gpt.py", EVERYTHING) == "6baa095e"


# --- the course itself ---


def test_what_python_loads_is_what_was_found_in_the_text():
    names = ("plots", "runtime", "tales", "exercises", "training", "evaluation")
    code = f"import sys\nfrom course_utils import {', '.join(names)}\n"
    code += "print(*(m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'course_utils'), sep='\\n')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = {Path(line).relative_to(ROOT).as_posix() for line in run.stdout.split("\n") if line}
    found = used({f"course_utils.{name}" for name in names}, read_package(ROOT))
    assert len(loaded) > 20
    assert loaded <= found


@pytest.mark.parametrize("path", Course().paths, ids=lambda path: path.stem)
def test_every_notebook_depends_on_its_setup_and_its_exercises(path: Path):
    files = used(taken(read(path), number(path)), read_package(ROOT))
    assert f"course_utils/exercises/e{number(path)}.py" in files
    assert {"course_utils/runtime.py", "course_utils/plots/roadmap.py", "course_utils/tools/curriculum.py"} <= files
    assert "course_utils/tools/sync.py" not in files
