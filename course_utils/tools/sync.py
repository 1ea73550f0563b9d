"""For authors: bring the notebooks up to date with the package and with each other.

    python -m course_utils sync [NAME ...]     stamp, and execute what changed since its stored run
    python -m course_utils sync --check        change nothing; say what is stale and leave with 1
    python -m course_utils sync --run NAME     execute even what did not change

You write prose and code. `sync` writes what has to be the same everywhere: the setup cell, the links to the
notebooks before and after, the badge, the time, the line of borrowed names, the saved definitions, and README's table
of notebooks. A saved definition is a cell whose first line is ``# course_utils/NAME.py``: write ``def merge(): ...``
beneath it, and `sync` puts the package's text in its place.

Titles, order and borrowed names come from `curriculum.py`. A notebook's own metadata, under ``course``, holds
``minutes``, which you estimate, and two things that `sync` measures: ``seconds``, how long the stored run took, and
``executed``, the hashes of the code that ran (see `fingerprints.py`).
"""

import argparse
import ast
import base64
import hashlib
import math
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from course_utils.common import require
from course_utils.tools.curriculum import NOTEBOOKS, Notebook, built_in, find
from course_utils.tools.fingerprints import changes, fingerprints, read_package

ROOT = Path(__file__).resolve().parents[2]
CELL_SECONDS = 600

# The first code cell of every notebook. It must run where nothing of the course is: Colab, an empty folder.
SETUP = """\
# Setup, the same in every notebook: finds the course (on Colab, fetches it) and says what this machine is.
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

if "google.colab" in sys.modules and not find_spec("course_utils"):
    course, address = Path("text-to-transformer"), os.environ.get("COURSE_REPOSITORY", "@ADDRESS@")
    if Path("text-to-transformer.zip").exists():
        shutil.unpack_archive("text-to-transformer.zip", course)
    elif address and not course.exists():
        !git clone --quiet --depth 1 {address} {course}
    for package in [*course.glob("course_utils"), *course.glob("*/course_utils")][:1]:
        sys.path.insert(0, str(package.parent.resolve()))
        os.chdir(package.parent / "notebooks")
        if absent := [name for name in ("regex", "safetensors", "tiktoken") if not find_spec(name)]:
            %pip install --quiet {" ".join(absent)}

if not find_spec("course_utils"):
    raise ImportError(
        "The course is not here. On Colab, upload its folder as text-to-transformer.zip (Files, at the left) "
        "or set its address with %env COURSE_REPOSITORY=ADDRESS, then run this cell again. "
        "On your own computer, open a terminal in its folder and run: python3 -m course_utils lab. "
        "In VS Code, do so once, then choose the kernel .venv (Select Kernel, Python Environments)."
    )

# The course before PyTorch, whose threads it tells how to wait for each other.
from course_utils import plots, runtime

import torch

%config InlineBackend.figure_formats = ["retina"]
torch.set_printoptions(precision=4, sci_mode=False)
run = runtime.start()"""

KEPT_METADATA = ("accelerator", "colab", "course", "kernelspec", "language_info")
KEPT_CELL_METADATA = ("jupyter", "tags")
WIDGET = "application/vnd.jupyter.widget-view+json"
SAVED_HEADER = re.compile(r"# course_utils/(\w+)\.py(?:\n|$)")
CHECK = re.compile(r"""^check\("([^"]+)",""", re.M)  # of an exercise, by its number

# Whose two cores a stated time is from, by the dtype that is fast there. Twice is what `bench notebooks` holds it to.
MACHINES = {
    "": "processor cores",
    "bfloat16": "cores of a server processor; on an ordinary laptop, allow twice that",
    "float32": "cores of an ordinary laptop",
}

# README's table of notebooks stands between these two lines.
TABLE_BEGINS = "<!-- This table is written by `python -m course_utils sync` -->"
TABLE_ENDS = "<!-- The table ends here -->"


# --- the course: where things are, and in which order ---


@dataclass(frozen=True)
class Course:
    """A checkout of the course at `root`: its public address, its notebooks in order, its modules."""

    root: Path = ROOT
    notebooks: tuple[Notebook, ...] = NOTEBOOKS

    @property
    def address(self) -> str:
        """The public address, from `Repository` in pyproject.toml; empty while there is none."""
        # One line read plainly: the standard library reads TOML from Python 3.11 on only.
        text = (self.root / "pyproject.toml").read_text(encoding="utf-8")
        found = re.search(r'^[ \t]*Repository[ \t]*=[ \t]*"([^"]+)"', text, re.MULTILINE)
        return found[1].rstrip("/") if found else ""

    @property
    def written(self) -> list[Notebook]:
        """The notebooks that there are already, in reading order, the appendices last."""
        return [notebook for notebook in self.notebooks if self.path(notebook).is_file()]

    @property
    def paths(self) -> list[Path]:
        """The files of the notebooks that there are already."""
        return [self.path(notebook) for notebook in self.written]

    def path(self, notebook: Notebook) -> Path:
        """Return where a notebook's file is, or will be."""
        return self.root / "notebooks" / f"{notebook.stem}.ipynb"

    def find(self, path: Path) -> Notebook:
        """Return what the curriculum says of a notebook's file."""
        return find(path.name, self.notebooks)

    def module(self, name: str) -> str:
        """Return the text of ``course_utils/NAME.py``."""
        path = self.root / "course_utils" / f"{name}.py"
        require(path.is_file(), f"there is no course_utils/{name}.py")
        return path.read_text(encoding="utf-8")


def number(path: Path) -> str:
    """Return the number that a notebook's name begins with, or a refresher's letter.

    >>> number(Path("notebooks/03_sliding_window_sampling.ipynb"))
    '03'
    """
    return path.stem.split("_")[0]


# --- a notebook as a file: read, cleaned, written ---


def read(path: Path) -> NotebookNode:
    """Read a notebook as it stands, without the random ids that `nbformat.read` would give its cells."""
    notebook = nbformat.v4.reads(path.read_text(encoding="utf-8"))
    require(notebook.get("nbformat") == 4, f"{path.name} is not a notebook of format 4; save it with JupyterLab")
    return notebook


def render(notebook: NotebookNode) -> str:
    """Return the one text that a cleaned notebook has on disk."""
    return nbformat.v4.writes(notebook) + "\n"


def clean(notebook: NotebookNode) -> None:
    """Keep what is the same on each run and each machine: no timestamps, no widget state, no versions."""
    notebook.nbformat_minor = 5
    kept = {key: value for key, value in notebook.metadata.items() if key in KEPT_METADATA}
    kept.setdefault("course", {})
    kept["kernelspec"] = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    kept["language_info"] = {"name": "python"}
    kept["accelerator"], kept["colab"] = "GPU", {"gpuType": "T4"}
    notebook.metadata = nbformat.from_dict(kept)
    give_ids(notebook)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in KEPT_CELL_METADATA})
        if is_folded(cell):
            cell.metadata["cellView"] = "form"  # Colab's own word for a cell whose source is hidden
        if "outputs" in cell:
            cell.outputs = joined(cell.outputs)
        for output in cell.get("outputs", []):
            clean_output(output)


def is_folded(cell: NotebookNode) -> bool:
    """Tell whether a cell's source is hidden until a reader clicks on it."""
    return bool(cell.metadata.get("jupyter", {}).get("source_hidden"))


def joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Return outputs with neighbours that were printed to one stream as one: a slow cell sends its lines in pieces."""
    found: list[NotebookNode] = []
    for output in outputs:
        before = found[-1] if found else None
        if before and output.output_type == before.output_type == "stream" and output.name == before.name:
            before.text += output.text
        else:
            found.append(output)
    return found


def clean_output(output: NotebookNode) -> None:
    """Drop from one output what differs at each run: a widget's id, the folder of a warning's cell."""
    output.get("data", {}).pop(WIDGET, None)
    if output.output_type == "stream":
        # Warnings name the temporary file that the kernel compiled the cell from.
        output.text = re.sub(r"\S*ipykernel_\d+\S*?\.py", "<cell>", output.text)


def give_ids(notebook: NotebookNode) -> None:
    """Give every cell an id of its own: the one it has, or one that follows from its place and text."""
    taken: set[str] = set()
    for place, cell in enumerate(notebook.cells):
        name = cell.get("id", "")
        while not name or name in taken:
            name = hashlib.sha256(f"{place} {name} {cell.source}".encode()).hexdigest()[:8]
        cell.id = name
        taken.add(name)


# --- stamps: each puts one thing in its place and returns a sentence if it was not there ---


def put(cell: NotebookNode, source: str, otherwise: str) -> list[str]:
    """Make `source` the text of `cell`; return the sentence `otherwise` if it was another."""
    if cell.source == source:
        return []
    cell.source = source
    return [otherwise]


def part(notebook: NotebookNode, tag: str, kind: str, place: int) -> NotebookNode:
    """Return the cell tagged `tag`, put in at `place` if there is none."""
    for cell in notebook.cells:
        if tag in cell.metadata.get("tags", []) and cell.cell_type == kind:
            return cell
    make = new_code_cell if kind == "code" else new_markdown_cell
    notebook.cells.insert(place, make(id=tag, metadata={"tags": [tag]}))
    return notebook.cells[place]


def check_title(notebook: NotebookNode, own: Notebook) -> None:
    """Raise ValueError if a notebook doesn't begin with its title; the very first one has no number there."""
    first = notebook.cells[0].source.split("\n")[0] if notebook.cells else ""
    wanted = "# " + (own.title if own.number == "00" else own.label)
    require(first.split(":")[0] == wanted, f"its first cell must begin with its title, {wanted!r}; it has {first!r}")


def stamp_setup(notebook: NotebookNode, course: Course) -> list[str]:
    """Put the setup cell in its place, folded, its output not compared (it tells what the machine is)."""
    cell = part(notebook, "setup", "code", 2)
    looks = {"cellView": "form", "jupyter": {"source_hidden": True}}
    cell.metadata = nbformat.from_dict({**looks, "tags": ["setup", "nbval-ignore-output"]})
    return put(cell, setup_cell(course.address), "its setup cell is not the one all notebooks have")


def setup_cell(address: str) -> str:
    """Return the setup cell's text for the course's public address, which may be empty."""
    return SETUP.replace("@ADDRESS@", address)


def neighbours(own: Notebook, course: Course) -> str:
    """Return links to the notebook before, to the table of all, and to the one after.

    An appendix stands outside the row: it only leads back to the notebook to read before it.
    """
    row = [other for other in course.written if other.number.isdigit()]
    if own in row:
        place = row.index(own)
        before, after = row[:place][-1:], row[place + 1 :][:1]
    else:
        before, after = [other for other in row if other.number == own.after], []
    back = [f"← [{other.label}]({other.stem}.ipynb)" for other in before]
    forth = [f"[{other.label}]({other.stem}.ipynb) →" for other in after]
    return " | ".join([*back, "[All notebooks](../README.md)", *forth])


def badge(notebook: Notebook, address: str) -> str:
    """Return the "Open in Colab" badge of a notebook, or nothing while GitHub does not have the course."""
    repository = address.removesuffix(".git").removeprefix("https://github.com/")
    if repository == address.removesuffix(".git"):
        return ""
    image = "https://colab.research.google.com/assets/colab-badge.svg"
    target = f"https://colab.research.google.com/github/{repository}/blob/main/notebooks/{notebook.stem}.ipynb"
    return f"[![Open in Colab]({image})]({target})"


def time_line(notebook: NotebookNode) -> str:
    """Return the line on how long a notebook takes: a reader, as stated, and two cores, as measured, and which."""
    metadata, told = notebook.metadata.course, []
    if "minutes" in metadata:
        told.append(f"about {metadata.minutes} minutes to read and do")
    if "seconds" in metadata:
        told.append(f"its cells run in about {metadata.seconds} s on two {MACHINES[stored_dtype(notebook)]}")
    return f"Time: {'; '.join(told)}." if told else ""


def stored_dtype(notebook: NotebookNode) -> str:
    """Return the dtype that the setup cell's stored output names, which tells what machine it's from; "" for none."""
    for cell in notebook.cells:
        if "setup" in cell.metadata.get("tags", []):
            found = re.search(r" · (bfloat16|float32) · ", "".join(output.get("text", "") for output in cell.outputs))
            return found[1] if found else ""
    return ""


def borrowed_line(names: tuple[str, ...], notebooks: tuple[Notebook, ...] = NOTEBOOKS) -> str:
    """Return the line that lists what is used before its turn, folded.

    >>> borrowed_line(("training.train", "generation.generate", "training.evaluate"))
    '<details><summary>Borrowed from later notebooks</summary>train, evaluate (11); generate (12)</details>'
    """
    lenders: dict[str, list[str]] = {}
    for name in names:
        lenders.setdefault(built_in(name, notebooks), []).append(name.rpartition(".")[2])
    told = "; ".join(f"{', '.join(lenders[lender])} ({lender})" for lender in sorted(lenders))
    # Folded: names that nobody has met yet aren't a way to begin.
    return f"<details><summary>Borrowed from later notebooks</summary>{told}</details>" if told else ""


def stamp_links(notebook: NotebookNode, own: Notebook, course: Course) -> list[str]:
    """Write the header's links, badge, time and borrowed names, and the footer's links."""
    links, copies = neighbours(own, course), ""
    if any(saved_module(cell) for cell in notebook.cells):
        copies = "A cell that begins with `# course_utils/` is an exact copy of the package's text: "
        copies += "editing it changes this notebook only."
    lines = (
        links,
        badge(own, course.address),
        time_line(notebook),
        borrowed_line(own.borrows, course.notebooks),
        copies,
    )
    header = part(notebook, "header", "markdown", 1)
    footer = part(notebook, "footer", "markdown", len(notebook.cells))
    text = "\n\n".join(filter(None, lines))
    stale = put(header, text, "its header (links, badge, time, borrowed names) is not up to date")
    return stale + put(footer, links, "its footer's links are not up to date")


def saved_module(cell: NotebookNode) -> str:
    """Return the module that a saved definition names in its first line; empty for any other cell."""
    found = SAVED_HEADER.match(cell.source) if cell.cell_type == "code" else None
    return found[1] if found else ""


def definitions(source: str) -> dict[str, str]:
    """Return each name that `source` defines at its top level with its exact text, decorators included.

    >>> definitions("import re\\n\\n@cache\\ndef f():  # why\\n    return 1\\n")
    {'f': '@cache\\ndef f():  # why\\n    return 1'}
    """
    lines, found = source.split("\n"), {}
    for node in ast.parse(source).body:
        first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
        found.update(dict.fromkeys(names_defined(node), "\n".join(lines[first - 1 : node.end_lineno])))
    return found


def names_defined(node: ast.stmt) -> list[str]:
    """Return what a statement defines: the name of a function or class, or those it assigns; else nothing."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return []
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def saved_text(source: str, module: str, course: Course) -> tuple[str, list[str]]:
    """Return what a saved cell with this source must say, and the names it defines."""
    file, package = f"course_utils/{module}.py", definitions(course.module(module))
    found = [names_defined(statement) for statement in ast.parse(source).body]
    # Anything but definitions would be lost when the package's text takes its place.
    require(bool(found) and all(found), f"a cell that begins with # {file} takes definitions, and only those")
    names = [name for names in found for name in names]
    for name in names:
        require(name in package, f"{file} does not define {name}, which a saved cell names")
    return f"# {file}\n" + "\n\n\n".join(package[name] for name in names), names


def stamp_saved(notebook: NotebookNode, course: Course) -> list[str]:
    """Put the package's text into every saved definition; raise ValueError for one that the package lacks."""
    stale = []
    for cell in notebook.cells:
        if module := saved_module(cell):
            text, names = saved_text(cell.source, module, course)
            stale += put(cell, text, f"its copy of {', '.join(names)} differs from course_utils/{module}.py")
    return stale


def stamp(notebook: NotebookNode, path: Path, course: Course) -> list[str]:
    """Bring everything but the outputs up to date; return one sentence for each thing that was not."""
    own = course.find(path)
    check_title(notebook, own)
    clean(notebook)
    # In a new notebook the order puts the header below the title, and the setup cell below the header.
    return [
        *stamp_links(notebook, own, course),
        *stamp_setup(notebook, course),
        *stamp_saved(notebook, course),
    ]


# --- execution ---


def execute(notebook: NotebookNode, folder: Path) -> float:
    """Run all cells in `folder` on the CPU with the laptop preset; return the seconds it took."""
    with tempfile.TemporaryDirectory() as work:
        environment = {**os.environ, "COURSE_PRESET": "laptop", "COURSE_DEVICE": "cpu", "COURSE_WORK": work}
        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": str(folder)}},
        )
        start = time.perf_counter()
        client.execute(env=environment)
        return time.perf_counter() - start


def rounded_time(measured: float, stated: int | None) -> int:
    """Return the seconds to state: those stated while the run agrees, else its own up to the next ten.

    >>> rounded_time(23.4, None), rounded_time(23.4, 40), rounded_time(23.4, 60)
    (30, 40, 30)
    """
    if stated and stated / 2 <= measured <= stated:
        return stated
    return math.ceil(measured / 10) * 10


def check_notebook(path: Path, course: Course) -> list[str]:
    """Return one sentence for each thing of a notebook that `sync` would change; the file stays as it is."""
    try:
        notebook = read(path)
        stale = stamp(notebook, path, course) + changes(notebook, number(path), read_package(course.root))
    except (ValueError, SyntaxError) as error:
        return [f"it cannot be read: {error}"]
    if not stale and render(notebook) != path.read_text(encoding="utf-8"):
        return ["its ids or metadata are not as sync writes them"]
    return stale


def export_picture(notebook: NotebookNode, folder: Path) -> None:
    """Write the figure of the cell tagged `picture`, if there is one, to `result.png`: README shows it."""
    for cell in notebook.cells:
        if "picture" in cell.metadata.get("tags", []):
            pictures = [o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", {})]
            (folder / "result.png").write_bytes(base64.b64decode(pictures[0]))


def sync_notebook(path: Path, course: Course, always_run: bool = False) -> str:
    """Stamp a notebook, execute it if any code of it changed, write it if anything did; return what was done."""
    notebook, package, done = read(path), read_package(course.root), []
    stamp(notebook, path, course)
    if always_run or changes(notebook, number(path), package):
        own, seconds = notebook.metadata.course, execute(notebook, path.parent)
        own.executed, own.seconds = (
            fingerprints(notebook, number(path), package),
            rounded_time(seconds, own.get("seconds")),
        )
        done.append(f"executed in {seconds:.0f} s")
        stamp(notebook, path, course)
        export_picture(notebook, path.parent)
    if render(notebook) != path.read_text(encoding="utf-8"):
        path.write_text(render(notebook), encoding="utf-8", newline="\n")
        done.append("written")
    return ", ".join(done) or "up to date"


# --- README, and what else goes for all notebooks together ---


def table_of_notebooks(course: Course) -> str:
    """Return README's table: a row for each notebook that there is already, with its badge once there is an address.

    The minutes are those that the notebook states, its exercises those that are checked in it.
    """
    rows = ["| notebook | what you do | minutes | exercises |", "| --- | --- | --: | --: |"]
    for own in course.written:
        require(bool(own.does), f"curriculum.py does not say what you do in notebook {own.number}: fill in `does`")
        name = f"[{own.label}](notebooks/{own.stem}.ipynb) {badge(own, course.address)}".strip()
        stored = read(course.path(own))
        checked = {found for cell in stored.cells for found in CHECK.findall(cell.source) if cell.cell_type == "code"}
        rows.append(
            f"| {name} | {own.does} | {stored.metadata.get('course', {}).get('minutes', '')} | {len(checked)} |"
        )
    return "\n".join(rows)


def readme_with_table(course: Course) -> str:
    """Return README's text as it must be: what is there, with the table of notebooks between its two lines."""
    before, begin, rest = (course.root / "README.md").read_text(encoding="utf-8").partition(TABLE_BEGINS)
    _, end, after = rest.partition(TABLE_ENDS)
    require(bool(end), f"README.md lacks the lines that its table stands between, {TABLE_BEGINS} and {TABLE_ENDS}")
    return f"{before}{begin}\n\n{table_of_notebooks(course)}\n\n{end}{after}"


def check_course(course: Course, mend: bool = False) -> list[str]:
    """Return one sentence for each thing that is wrong beside the notebooks; `mend` writes README's table anew."""
    known, readme = {path.name for path in course.paths}, course.root / "README.md"
    strays = sorted(path.name for path in (course.root / "notebooks").glob("*.ipynb") if path.name not in known)
    wrong = [f"notebooks/{name} is not in the curriculum, which is course_utils/tools/curriculum.py" for name in strays]
    try:
        text = readme_with_table(course)
    except ValueError as error:
        return [*wrong, str(error)]
    if text != readme.read_text(encoding="utf-8"):
        if mend:
            readme.write_text(text, encoding="utf-8", newline="\n")
            print("README.md: written")
        else:
            wrong.append("README.md has another table of notebooks than the curriculum")
    return wrong


# --- the command ---


def chosen(names: list[str], course: Course) -> list[Path]:
    """Return the notebooks that `names` call for by name, number or path; all of them for no name."""
    paths = [course.path(find(Path(name).name, course.notebooks)) for name in names]
    for path in paths:
        require(path.is_file(), f"notebooks/{path.name} is not written yet")
    return paths or course.paths


def report(where: str, wrong: list[str]) -> bool:
    """Print what is wrong, one sentence a line; return whether nothing is."""
    for sentence in wrong:
        print(f"{where}: {sentence}")
    return not wrong


def bring_up_to_date(path: Path, course: Course, always_run: bool) -> bool:
    """Sync a notebook and print what was done; return False, the file as it was, if that failed."""
    try:
        print(f"{path.stem}: {sync_notebook(path, course, always_run)}", flush=True)
    except (CellExecutionError, CellTimeoutError, DeadKernelError, ValueError, SyntaxError) as error:
        # The codes that colour a traceback are for a terminal; this may be a log.
        told = re.sub(r"\x1b\[[\d;]*m", "", str(error))
        print(f"{path.stem}: not written\n{told}", file=sys.stderr, flush=True)
        return False
    return True


def main(arguments: list[str], course: Course | None = None) -> int:
    """Run ``python -m course_utils sync`` with `arguments`; return its exit code, 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m course_utils sync", description="Bring notebooks up to date.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a notebook's name or number; all if none is given")
    parser.add_argument("--check", action="store_true", help="change nothing, say what is stale")
    parser.add_argument("--run", action="store_true", help="execute even what did not change")
    options, course = parser.parse_args(arguments), course or Course()
    try:
        paths = chosen(options.names, course)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    if options.check:
        good = [report(path.stem, check_notebook(path, course)) for path in paths]
    else:
        good = [bring_up_to_date(path, course, options.run) for path in paths]
    good.append(report("course", check_course(course, mend=not options.check)))
    return 0 if all(good) else 1
