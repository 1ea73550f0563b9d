"""The setup cell for real: in a kernel that does not have the course, in a folder with one notebook, as on Colab.

`google.colab` and `pip` are stand-ins, the course's address is a git repository made here, and nothing is
fetched from anywhere else. That the cell works in JupyterLab is seen by nbval, which runs every notebook.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook

from course_utils.runtime import COLAB_ADVICE
from course_utils.tools.sync import ROOT, setup_cell

COLAB = "import google.colab"
INSTALLED = [folder for folder in sys.path if folder.endswith("-packages")]

# What stands in for Colab's own modules, for pip, and, where the test is not about them, for torch and the course.
DRIVE = "import os\ndef mount(place): os.environ['MOUNTED'] = place\n"
PIP = "import os, pathlib, sys\npathlib.Path(os.environ['PIP_RECORD']).write_text(' '.join(sys.argv[1:]))\n"
STAND_INS = {
    "google/__init__.py": "",
    "google/colab/__init__.py": "",
    "google/colab/drive.py": DRIVE,
    "pip/__init__.py": "",
    "pip/__main__.py": PIP,
}
LIGHT = {"torch.py": "def set_printoptions(**options): pass\n"}
SMALL_COURSE = {
    "course_utils/__init__.py": "",
    "course_utils/plots/__init__.py": "",
    "course_utils/runtime.py": "def start(): print('the report')\n",
    "notebooks/00_start_here.ipynb": "",
}

FIGURE = """
import matplotlib.pyplot as plt
from matplotlib_inline.config import InlineBackend
plt.figure()
plt.show()
print(InlineBackend.instance().figure_formats)
"""

needs_git = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write files, by their path in `folder`; return the folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def repository(folder: Path) -> str:
    """Make a folder a git repository with one commit; return its address."""
    git = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "core.hooksPath="]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "The course"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    return folder.as_uri()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds nothing but one notebook; kernels there see the stand-ins and no installed course."""
    # Without site.py (-S) an editable install is not found, and all else is, through PYTHONPATH.
    argv = [sys.executable, "-S", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel = {"kernels/bare/kernel.json": json.dumps({"argv": argv, "display_name": "bare", "language": "python"})}
    monkeypatch.setenv("JUPYTER_PATH", str(write(tmp_path / "jupyter", kernel)))
    paths = [write(tmp_path / "light", LIGHT), write(tmp_path / "stand_ins", STAND_INS), *INSTALLED]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, paths)))
    monkeypatch.setenv("PIP_RECORD", str(tmp_path / "pip.txt"))
    monkeypatch.delenv("COURSE_REPOSITORY", raising=False)
    return write(tmp_path / "content", {"00_start_here.ipynb": ""})


def session(folder: Path, *cells: str) -> str:
    """Run cells in a fresh kernel in `folder`; return what they printed. An error in one is raised."""
    made = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    client = NotebookClient(made, kernel_name="bare", timeout=600, resources={"metadata": {"path": str(folder)}})
    client.execute()
    outputs = [output for cell in made.cells for output in cell.outputs]
    return "".join(output.get("text", "") or str(output.get("data", "")) for output in outputs)


def piped(here: Path) -> str:
    """What pip was called with; empty if it was not."""
    record = here.parent / "pip.txt"
    return record.read_text() if record.exists() else ""


@needs_git
def test_colab_fetches_the_course_and_keeps_its_own_torch(here: Path, tmp_path: Path):
    shutil.rmtree(tmp_path / "light")
    course = write(tmp_path / "course", {"notebooks/00_start_here.ipynb": ""})
    shutil.copytree(ROOT / "course_utils", course / "course_utils", ignore=shutil.ignore_patterns("__pycache__"))
    where = "import pathlib\nprint(pathlib.Path.cwd(), course_utils.__file__, torch.__file__)"
    told = session(here, COLAB, setup_cell(repository(course)), f"import course_utils\n{where}", FIGURE)
    fetched = here / "text-to-transformer"
    assert f"{fetched / 'notebooks'} {fetched / 'course_utils' / '__init__.py'}" in told
    assert any(str(Path(folder) / "torch") in told for folder in INSTALLED)
    assert "preset " in told
    assert "{'retina'}" in told
    assert piped(here) == ""


@needs_git
def test_an_address_in_the_environment_wins_and_the_next_session_fetches_nothing(here: Path, tmp_path: Path):
    address = repository(write(tmp_path / "course", SMALL_COURSE))
    told = session(here, COLAB, f"%env COURSE_REPOSITORY={address}", setup_cell("file:///nowhere"))
    assert "the report" in told
    shutil.rmtree(tmp_path / "course")
    told = session(here, COLAB, setup_cell("file:///nowhere"))
    assert "the report" in told
    assert "fatal" not in told


@pytest.mark.parametrize("inner", [".", "text-to-transformer-main"])
def test_an_uploaded_zip_is_the_course(here: Path, tmp_path: Path, inner: str):
    write(tmp_path / "zipped" / inner, SMALL_COURSE)
    shutil.make_archive(str(here / "text-to-transformer"), "zip", tmp_path / "zipped")
    assert "the report" in session(here, COLAB, setup_cell(""))


def test_without_an_address_colab_says_what_to_do(here: Path):
    with pytest.raises(CellExecutionError) as raised:
        session(here, COLAB, setup_cell(""))
    assert "upload its folder as text-to-transformer.zip" in str(raised.value)
    assert "COURSE_REPOSITORY" in str(raised.value)


@needs_git
def test_elsewhere_nothing_is_fetched_and_the_reader_is_told(here: Path, tmp_path: Path):
    address = repository(write(tmp_path / "course", SMALL_COURSE))
    with pytest.raises(CellExecutionError) as raised:
        session(here, setup_cell(address))
    assert "python3 -m course_utils lab" in str(raised.value)
    assert [path.name for path in here.iterdir()] == ["00_start_here.ipynb"]


@needs_git
def test_only_what_is_missing_is_installed(here: Path, tmp_path: Path):
    hide = "import importlib.util as u\nreal = u.find_spec\nu.find_spec = lambda n: n != 'safetensors' and real(n)"
    address = repository(write(tmp_path / "course", SMALL_COURSE))
    session(here, COLAB, hide, setup_cell(address))
    assert piped(here) == "install --quiet safetensors"


@needs_git
def test_the_line_that_keeps_files_on_drive_works(here: Path, tmp_path: Path):
    told_by_runtime = {"course_utils/runtime.py": f"def start(): print({COLAB_ADVICE!r})\n"}
    address = repository(write(tmp_path / "course", SMALL_COURSE | told_by_runtime))
    told = session(here, COLAB, setup_cell(address))
    assert "Colab forgets files when a session ends" in told
    line = next(line for line in told.splitlines() if line.startswith("from google.colab import drive"))
    look = "print(os.environ['MOUNTED'], os.environ['COURSE_WORK'])"
    told = session(here, COLAB, setup_cell(address), line, look)
    assert "/content/drive /content/drive/MyDrive/text-to-transformer" in told


# What a reader has after an hour: an exercise that passed, and a training run that was stopped in the middle.
TRAINING = """
import torch
from course_utils.gpt import GPT, GPTConfig
from course_utils.training import TrainingConfig, train

def batches(step):
    ids = torch.randint(9, (2, 6), generator=torch.Generator().manual_seed(step))
    return ids[:, :-1], ids[:, 1:]

def cut_off(now):
    if now.step == at:
        import os; os._exit(1)  # Colab takes the machine away

torch.manual_seed(0)
model, config = GPT(GPTConfig(9, 8, n_layer=1, n_head=1, n_embd=8)), TrainingConfig(steps=6)
path = runtime.work_folder() / "run.safetensors"
"""
SAVED = "train(model, batches, config, callbacks=[cut_off], checkpoint=path, save_every=2)"
PASS = """
from course_utils.exercises import check, find
check("03.1", find("03.1").reference)
"""
PROGRESS = """
from course_utils.exercises.engine.record import read_record
print("the exercises that passed:", [number for number, row in read_record().items() if row["passed"]])
"""


@pytest.mark.slow
def test_a_session_that_restarts_loses_nothing_that_was_saved(here: Path, tmp_path: Path):
    shutil.rmtree(tmp_path / "light")
    drive = tmp_path / "drive"
    zipped = tmp_path / "zipped"
    shutil.copytree(ROOT / "course_utils", zipped / "course_utils", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "data", zipped / "data")
    (zipped / "notebooks").mkdir()
    uploaded = shutil.make_archive(str(tmp_path / "text-to-transformer"), "zip", zipped)
    line = COLAB_ADVICE.splitlines()[-1].replace("/content/drive", str(drive))

    def begin(*cells: str) -> str:  # a new machine: nothing but the notebook, the upload, and what lies on Drive
        shutil.rmtree(here)
        write(here, {"00_start_here.ipynb": ""})
        shutil.copy(uploaded, here)
        return session(here, COLAB, setup_cell(""), line, *cells)

    assert "Passed" in begin(PASS)
    with pytest.raises(DeadKernelError):
        begin("at = 5", TRAINING, SAVED)
    told = begin("at = 0", TRAINING, f"history = {SAVED}", "print(len(history.losses), path)", PROGRESS)
    assert "goes on" in told or "going on" in told.lower()
    assert f"6 {drive / 'MyDrive' / 'text-to-transformer' / 'run.safetensors'}" in told
    assert "the exercises that passed: ['03.1']" in told
    assert not (here / "text-to-transformer" / "work").exists()
