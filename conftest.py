"""What tests and the kernels of notebooks run under: the stored preset, the CPU, their own progress folder.

pytest reads this file first, whatever it was asked to run, and the kernels that nbval starts inherit it.
What the caller has set is kept, so that `COURSE_PRESET=smoke pytest notebooks` does what it says.
"""

import atexit
import os
import shutil
import tempfile
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings
from nbformat import NotebookNode

os.environ.setdefault("COURSE_PRESET", "laptop")
os.environ.setdefault("COURSE_DEVICE", "cpu")

if "COURSE_WORK" not in os.environ:
    # Progress and checkpoints: those of whoever runs the tests must stay as they are.
    os.environ["COURSE_WORK"] = tempfile.mkdtemp(prefix="course-tests-")
    atexit.register(shutil.rmtree, os.environ["COURSE_WORK"], ignore_errors=True)

# No test depends on a clock: an example may take as long as a busy machine makes it.
settings.register_profile("all", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", settings.get_profile("all"), max_examples=25)


# What these prepare for all their tests, a site or a run of several processes, takes longer than the tests themselves.
PREPARED = ("tests/test_distributed.py", "tests/test_plots.py", "tests/test_web.py")


def is_long(notebook: NotebookNode) -> bool:
    """Tell whether a notebook trains for so long that it is left out with the slow tests, by the seconds it states.

    What comes in its place is its solved form in the smallest preset, see tests/test_solved.py.
    """
    return notebook.metadata.get("course", {}).get("seconds", 0) >= 60


def pytest_configure(config: pytest.Config) -> None:
    """Draw fewer random examples where slow tests are left out; give each of several workers' kernels one thread."""
    settings.load_profile("quick" if config.getoption("markexpr") == "not slow" else "all")
    if config.getoption("numprocesses", None):
        os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Notebooks that train for long are slow; what takes long comes first, so that no worker ends alone with it."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker(pytest.mark.timeout(0))  # nbval ends a cell in good order
            if is_long(item.parent.nb):
                item.add_marker("slow")
    items.sort(key=lambda item: not (item.get_closest_marker("slow") or item.nodeid.startswith(PREPARED)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep a notebook with one worker, since its cells build on each other, and a file of tests that prepares much.

    Any other test goes to whoever is free.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFileOrTest(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            return file if file.endswith(".ipynb") or file in PREPARED else nodeid

    return ByFileOrTest(config, log)


@pytest.fixture(autouse=True, scope="session")
def threads() -> None:
    """Unit tests work on tiny tensors: one thread is faster than two that wait for each other."""
    torch.set_num_threads(int(os.environ.get("COURSE_TEST_THREADS", "1")))
