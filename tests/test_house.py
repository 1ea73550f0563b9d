"""How the package is built: what imports what, what is tested, what is documented, what stays light."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from course_utils.tools.fingerprints import imported

PACKAGE = Path(__file__).resolve().parent.parent / "course_utils"

# What `ls course_utils` shows beside the wings, in the order in which the course builds it.
MACHINE = (
    *("common", "runtime", "downloads", "text", "tokenizers", "bpe", "windows", "embeddings", "positions", "attention"),
    *(
        "gpt",
        "llama",
        "encoder_decoder",
        "lean_loss",
        "optimizers",
        "checkpoints",
        "pretrained",
        "training",
        "distributed",
    ),
    *("generation", "evaluation", "batches", "recipe", "template", "finetuning", "answers"),
    *("attention_supervision", "lora", "translation"),
)
PLANNED = ()
WINGS = ("tales", "chat", "export", "plots", "exercises", "experiments", "tools", "web")


def inside(wing: str, *names: str) -> tuple[str, ...]:
    """The modules of a wing, with their full names."""
    return tuple(f"{wing}.{name}" for name in names)


# A module imports only from those before it. A wing's own name is its face, `__init__.py`.
ORDER = (
    *("__init__", "tools", "tools.curriculum", "common"),
    *(*inside("tales", "words", "voices", "generator", "checker", "questions", "dialogues", "spanish"), "tales"),
    *inside(
        "chat",
        "messages",
        "conversations",
        "words",
        "dates",
        "kinds",
        "whatsapp",
        "exports",
        "files",
        "pieces",
        "reading",
        "names",
    ),
    "chat",
    *MACHINE[1:],
    *("export", *inside("export", "folder", "onnx_graph", "gguf_file")),
    *inside(
        "plots", "cards", "scripts", "style", "tokens", "bars", "sampling", "curves", "matrices", "model", "roadmap"
    ),
    *(
        "plots.attention",
        "plots.dials",
        "plots.halves",
        "plots.heads",
        "plots.timeline",
        "plots.stacks",
        "plots.tale_card",
        "plots",
        "plots.widgets",
        "plots.chat_box",
        "plots.alignment",
    ),
    *("exercises.engine", *inside("exercises.engine", "comparing", "exercise", "probes", "record", "limiting")),
    *inside("exercises.engine", "running", "reading", "showing", "slips", "verdicts"),
    *("exercises.eNN", "exercises"),
    *inside("tools", "fingerprints", "sync", "environment", "train"),
    *("experiments", "experiments.timing", "experiments.NAME"),
    "web",
    *inside("web", "markdown", "answers", "cells", "page", "reference", "live", "model", "build"),
    "export.command",  # since it makes a page too
    "__main__",
)

# What runs before anything is installed.
STANDARD_LIBRARY_ONLY = ("__init__", "common", "tools", "tools.curriculum", "tools.environment")
STANDARD_LIBRARY_ONLY += ("experiments", "__main__")

# Which test file a module has, where it isn't test_<module>.py: a wing has one for its face and all behind it.
TESTED_BY = {"__main__": "main"} | {wing: wing for wing in WINGS if wing != "tools"}
TESTED_BY |= {f"plots.{name}": name for name in ("cards", "matrices", "widgets", "chat_box")}
UNTESTED = {"__init__", "tools"}  # a docstring, and what tests/test_main.py tests


def ordered(name: str) -> str:
    """How a module is called in ORDER: all exercises share one place there, and so do all measurements."""
    name = re.sub(r"^exercises\.e[0-9A-Z]+\b", "exercises.eNN", name)
    return re.sub(r"^experiments\.(?!timing\b)\w+", "experiments.NAME", name)


def module_name(path: Path, package: Path) -> str:
    """The name of a file of the package in ORDER."""
    return ordered(".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__"))


def modules(package: Path) -> dict[Path, ast.Module]:
    """Each file of the package as a syntax tree."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(package.rglob("*.py"))}


def imported_modules(tree: ast.AST, within: str) -> set[str]:
    """The modules of the package that some code imports, as they are called in ORDER."""
    found = set()
    for name in imported(tree, within):
        if name.startswith("course_utils."):
            parts = ordered(name.removeprefix("course_utils.")).split(".")
            # Of `plots.style.write` the longest part that is a module.
            names = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
            found |= set([name for name in names if name in ORDER][:1])
    return found


def upward_imports(package: Path) -> Iterator[str]:
    """A sentence for each import that goes against the order, and each module that has no place in it."""
    for path, tree in modules(package).items():
        own = module_name(path, package)
        if own not in ORDER:
            yield f"{own} has no place in ORDER"
            continue
        within = ".".join(["course_utils", *path.parent.relative_to(package).parts])
        for other in sorted(imported_modules(tree, within) - {own}):
            if ORDER.index(other) > ORDER.index(own):
                yield f"{own} imports {other}, which does not come before it"
            if draws(other) and not draws(own) and (own.split(".")[0], other) != ("exercises", "plots.cards"):
                yield f"{own} imports {other}, which only notebooks do"


def draws(name: str) -> bool:
    """Whether a module is in the wing of plots: only notebooks draw, so that the package needs no display."""
    return name.split(".")[0] == "plots"


def heavy_imports(package: Path) -> Iterator[str]:
    """A sentence for each import at the top of a module that must do with the standard library."""
    for path, tree in modules(package).items():
        name = module_name(path, package)
        if name in STANDARD_LIBRARY_ONLY:
            for node in tree.body:
                if isinstance(node, ast.Import | ast.ImportFrom):
                    tops = {other.split(".")[0] for other in imported(node)} - sys.stdlib_module_names
                    heavy = imported_modules(node, "course_utils") - set(STANDARD_LIBRARY_ONLY)
                    yield from (f"{name} imports {other}" for other in sorted((tops - {"course_utils"}) | heavy))


def public(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """The public functions and classes of a module, and the classes' methods, with their names."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, node
            for inner in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(inner, ast.FunctionDef) and (inner.name == "__init__" or inner.name[0] != "_"):
                    yield f"{node.name}.{inner.name}", inner


def undocumented(package: Path) -> Iterator[str]:
    """A sentence for each public function or class, and each module, that has no docstring."""
    for path, tree in modules(package).items():
        module = module_name(path, package)
        if not ast.get_docstring(tree):
            yield f"{module} has no docstring"
        for name, node in public(tree):
            if "." not in name and not ast.get_docstring(node):
                yield f"{module}.{name} has no docstring"


def unannotated(package: Path) -> Iterator[str]:
    """A sentence for each public function or method with a parameter or result that is not annotated."""
    for path, tree in modules(package).items():
        module = module_name(path, package)
        for name, node in public(tree):
            if module == "__main__" or isinstance(node, ast.ClassDef):
                continue  # __main__ must parse on a Python too old for annotations, to say so
            args = node.args
            every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
            bare = [a.arg for a in every if a and not a.annotation and a.arg not in ("self", "cls")]
            # What a constructor returns is never a question.
            if not node.returns and node.name != "__init__":
                bare.append("the result")
            if bare:
                yield f"{module}.{name}: no annotation of {', '.join(bare)}"


def test_modules_import_only_from_those_before_them():
    assert list(upward_imports(PACKAGE)) == []


def test_what_runs_before_the_install_needs_nothing_installed():
    assert list(heavy_imports(PACKAGE)) == []


def test_importing_the_package_is_light():
    heavy = "{'torch', 'numpy', 'matplotlib', 'nbformat'}"
    command = [sys.executable, "-c", f"import sys, course_utils; print(*({heavy} & set(sys.modules)))"]
    told = subprocess.run(command, capture_output=True, text=True, cwd=PACKAGE.parent, check=True)
    assert told.stdout.strip() == ""


def test_the_top_of_the_package_is_the_machine():
    files = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert files - set(MACHINE) == set()
    assert set(MACHINE) - files - set(PLANNED) == set()
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(WINGS)


def test_nothing_stands_in_the_order_twice_or_without_a_file():
    assert len(set(ORDER)) == len(ORDER)
    assert set(ORDER) - {module_name(path, PACKAGE) for path in modules(PACKAGE)} - set(PLANNED) == set()


@pytest.mark.parametrize("own", sorted({module_name(path, PACKAGE) for path in modules(PACKAGE)} - UNTESTED))
def test_each_module_has_its_tests(own: str):
    name = TESTED_BY.get(own) or TESTED_BY.get(own.split(".")[0]) or own.split(".")[-1]
    assert (PACKAGE.parent / "tests" / f"test_{name}.py").is_file()


def test_each_public_name_has_a_docstring():
    assert list(undocumented(PACKAGE)) == []


def test_each_signature_is_annotated():
    assert list(unannotated(PACKAGE)) == []


# --- each of these is seen to fail, on a package made up for it ---

UPWARD = [
    "import course_utils.gpt",
    "import course_utils.gpt as model",
    "from course_utils import gpt",
    "from course_utils.gpt import GPT",
    "from . import gpt",
    "from .gpt import GPT",
    "def later():\n    from course_utils.gpt import GPT",
]


def write(folder: Path, name: str, text: str) -> Path:
    """Put a module into a package that is made up in `folder`."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("line", UPWARD)
def test_an_upward_import_is_found_in_any_spelling(tmp_path: Path, line: str):
    assert list(upward_imports(write(tmp_path, "bpe.py", line))) == ["bpe imports gpt, which does not come before it"]


INSIDE_WINGS = [
    ("tales/words.py", "from course_utils.tales import generate", "tales.words imports tales"),
    ("tales/words.py", "from course_utils.tales.checker import check", "tales.words imports tales.checker"),
    ("tales/words.py", "from .checker import check", "tales.words imports tales.checker"),
    ("tales/__init__.py", "from course_utils.recipe import recipe", "tales imports recipe"),
    ("gpt.py", "from course_utils.exercises.e03 import WINDOWS", "gpt imports exercises.eNN"),
    ("exercises/e03.py", "from course_utils import exercises", "exercises.eNN imports exercises"),
    (
        "experiments/timing.py",
        "from course_utils.experiments import kill",
        "experiments.timing imports experiments.NAME",
    ),
    ("recipe.py", "from course_utils.experiments.kill import kill", "recipe imports experiments.NAME"),
    ("plots/style.py", "from course_utils.plots import widgets", "plots.style imports plots.widgets"),
]


@pytest.mark.parametrize(("name", "line", "told"), INSIDE_WINGS)
def test_an_upward_import_is_found_in_a_wing(tmp_path: Path, name: str, line: str, told: str):
    assert list(upward_imports(write(tmp_path, name, line))) == [f"{told}, which does not come before it"]


def test_a_downward_import_is_fine(tmp_path: Path):
    write(tmp_path, "gpt.py", "from course_utils.text import load_text\nimport torch\nimport course_utils")
    write(tmp_path, "recipe.py", "from course_utils import tales\nfrom course_utils.tales.words import THINGS")
    write(tmp_path, "exercises/e10.py", "from course_utils.gpt import GPT")
    write(tmp_path, "experiments/kill.py", "from course_utils.experiments.timing import race")
    write(
        tmp_path,
        "plots/roadmap.py",
        "from course_utils.plots.style import show\nfrom course_utils.tools import curriculum",
    )
    assert list(upward_imports(tmp_path)) == []


@pytest.mark.parametrize(("file", "name"), [("helpers.py", "helpers"), ("tales/more.py", "tales.more")])
def test_a_module_without_a_place_is_found(tmp_path: Path, file: str, name: str):
    assert list(upward_imports(write(tmp_path, file, ""))) == [f"{name} has no place in ORDER"]


DRAWING = [
    ("exercises/e03.py", "from course_utils import plots", "exercises.eNN imports plots"),
    ("exercises/__init__.py", "from course_utils.plots.style import show", "exercises imports plots.style"),
    ("experiments/kill.py", "from course_utils.plots import cards", "experiments.NAME imports plots.cards"),
]


@pytest.mark.parametrize(("name", "line", "told"), DRAWING)
def test_a_module_that_draws_is_found(tmp_path: Path, name: str, line: str, told: str):
    assert list(upward_imports(write(tmp_path, name, line))) == [f"{told}, which only notebooks do"]


@pytest.mark.parametrize("name", ["exercises/__init__.py", "exercises/engine/verdicts.py"])
def test_exercises_may_show_a_card(tmp_path: Path, name: str):
    assert list(upward_imports(write(tmp_path, name, "from course_utils.plots.cards import note"))) == []


HEAVY = ["import torch", "from numpy import array", "from course_utils.tools import sync", "import course_utils.gpt"]


@pytest.mark.parametrize("name", ["__init__.py", "common.py", "tools/curriculum.py", "experiments/__init__.py"])
@pytest.mark.parametrize("line", HEAVY)
def test_a_heavy_import_is_found(tmp_path: Path, name: str, line: str):
    assert len(list(heavy_imports(write(tmp_path, name, line)))) == 1
    light = "import os.path\nfrom course_utils.tools.curriculum import find\ndef later():\n    import torch"
    assert list(heavy_imports(write(tmp_path, name, light))) == []


def test_a_missing_docstring_is_found(tmp_path: Path):
    (tmp_path / "bpe.py").write_text('"""Doc."""\ndef merge():\n    pass\ndef _inner():\n    pass\n')
    assert list(undocumented(tmp_path)) == ["bpe.merge has no docstring"]


def test_a_missing_annotation_is_found(tmp_path: Path):
    (tmp_path / "bpe.py").write_text("class A:\n    def f(self, x, *, y: int):\n        pass\n")
    assert list(unannotated(tmp_path)) == ["bpe.A.f: no annotation of x, the result"]
