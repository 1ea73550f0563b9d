"""How the package is built: what imports what, what is tested, what is documented, what stays light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "course_utils"

# A module imports only from those before it. `text` comes first: all others check with its `require`.
ORDER = (
    *("__init__", "text", "runtime", "world", "telling", "checking", "asking", "tales", "tokenizers", "bpe"),
    *("sampling", "embeddings", "positions", "attention", "gpt", "decoding", "checkpoints", "pretrained", "generation"),
    *("optimizers", "training", "recipe", "judging", "chat", "finetuning", "lora"),
    *("cards", "style", "curves", "roadmap", "matrices", "plots", "widgets", "exercises"),
    *("bench", "bench_bpe", "bench_generation", "bench_kill", "bench_older", "bench_training"),
    *("base", "trials", "trial_positions", "trial_questions", "trial_shakespeare", "environment", "sync", "__main__"),
)

# Only notebooks draw, so that the package trains where there is no display.
DRAWING = ("style", "curves", "roadmap", "matrices", "plots", "widgets")

# Parts of one thing, tested through its public face.
FACES = dict.fromkeys(("world", "telling", "checking", "asking"), "tales")
FACES |= dict.fromkeys(("style", "curves", "roadmap"), "plots")

# What runs before anything is installed.
STANDARD_LIBRARY_ONLY = ("__init__", "__main__", "environment")


def modules(package: Path) -> dict[str, ast.Module]:
    """Each file of the package as a syntax tree; one in a folder is called, for instance, exercises/e03."""
    files = {path.relative_to(package).with_suffix("").as_posix(): path for path in package.rglob("*.py")}
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in files.items()}


def imported(nodes: list[ast.AST], package: str = "course_utils") -> set[str]:
    """The modules of the package that these statements import, in any spelling."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith(f"{package}.")}
        elif isinstance(node, ast.ImportFrom):
            where = f"{package}.{node.module or ''}".strip(".") if node.level else node.module
            if where == package:
                found |= {alias.name for alias in node.names}
            elif where.startswith(f"{package}."):
                found.add(where.split(".")[1])
    return found


def upward_imports(package: Path) -> Iterator[str]:
    """A sentence for each import that goes against the order, and each module that has no place in it."""
    for name, tree in modules(package).items():
        own = name.split("/")[0]
        if own not in ORDER:
            yield f"{name} has no place in ORDER"
            continue
        for other in imported(list(ast.walk(tree))) - {own}:
            if other not in ORDER[: ORDER.index(own)]:
                yield f"{name} imports {other}, which does not come before it"
            if other in DRAWING and own not in DRAWING:
                yield f"{name} imports {other}, which only notebooks do"


def heavy_imports(package: Path) -> Iterator[str]:
    """A sentence for each import at the top of a module that must do with the standard library."""
    for name, tree in modules(package).items():
        if name in STANDARD_LIBRARY_ONLY:
            for node in tree.body:
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
                for top in {other.split(".")[0] for other in names} - sys.stdlib_module_names:
                    if top != "course_utils" or not imported([node]) <= set(STANDARD_LIBRARY_ONLY):
                        yield f"{name} imports {top}"


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
    for module, tree in modules(package).items():
        if not ast.get_docstring(tree):
            yield f"{module} has no docstring"
        for name, node in public(tree):
            if "." not in name and not ast.get_docstring(node):
                yield f"{module}.{name} has no docstring"


def unannotated(package: Path) -> Iterator[str]:
    """A sentence for each public function or method with a parameter or result that is not annotated."""
    for module, tree in modules(package).items():
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


@pytest.mark.parametrize("own", sorted({name.split("/")[0] for name in modules(PACKAGE)} - {"__init__", "__main__"}))
def test_each_module_has_its_tests(own: str):
    assert (PACKAGE.parent / "tests" / f"test_{FACES.get(own, own)}.py").is_file()


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


@pytest.mark.parametrize("line", UPWARD)
def test_an_upward_import_is_found_in_any_spelling(tmp_path: Path, line: str):
    (tmp_path / "bpe.py").write_text(line)
    assert list(upward_imports(tmp_path)) == ["bpe imports gpt, which does not come before it"]


def test_a_downward_import_is_fine(tmp_path: Path):
    (tmp_path / "gpt.py").write_text("from course_utils.text import require\nimport torch")
    assert list(upward_imports(tmp_path)) == []


def test_a_module_without_a_place_is_found(tmp_path: Path):
    (tmp_path / "helpers.py").write_text("")
    assert list(upward_imports(tmp_path)) == ["helpers has no place in ORDER"]


def test_a_module_that_draws_is_found(tmp_path: Path):
    (tmp_path / "exercises").mkdir()
    (tmp_path / "exercises" / "e03.py").write_text("from course_utils import plots")
    assert list(upward_imports(tmp_path)) == ["exercises/e03 imports plots, which only notebooks do"]


@pytest.mark.parametrize("line", ["import torch", "from numpy import array", "from course_utils import sync"])
def test_a_heavy_import_is_found(tmp_path: Path, line: str):
    (tmp_path / "__init__.py").write_text(line)
    assert len(list(heavy_imports(tmp_path))) == 1


def test_a_missing_docstring_is_found(tmp_path: Path):
    (tmp_path / "bpe.py").write_text('"""Doc."""\ndef merge():\n    pass\ndef _inner():\n    pass\n')
    assert list(undocumented(tmp_path)) == ["bpe.merge has no docstring"]


def test_a_missing_annotation_is_found(tmp_path: Path):
    (tmp_path / "bpe.py").write_text("class A:\n    def f(self, x, *, y: int):\n        pass\n")
    assert list(unannotated(tmp_path)) == ["bpe.A.f: no annotation of x, the result"]
