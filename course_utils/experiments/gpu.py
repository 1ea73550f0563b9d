"""Everything that is worth knowing of a machine with a GPU, in one run of some minutes, without a network or Jupyter.

Run as `python -m course_utils bench gpu [MINUTES] [FILE]`: training throughput, generation, tiny Shakespeare (where it
has been downloaded before), the tests that ask for CUDA, and the notebooks' cells with all assertions. One table at the
end, and the same as JSON. Each part is a process of its own with a time of its own. What fails, crashes or hangs is a
row too, so that it doesn't hide the rest. Without a GPU everything runs in its smallest form, to see that it runs, and
the notebooks in float16 with loss scaling, which is what a T4 gives them.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import torch

from course_utils import runtime
from course_utils.downloads import cache_folder
from course_utils.experiments.shakespeare import RATES, SPREAD, USUAL, seconds_to
from course_utils.experiments.timing import race
from course_utils.experiments.training_speed import PlainStep, repeated
from course_utils.generation import stream_tokens
from course_utils.gpt import GPT, GPTConfig, KVCache
from course_utils.recipe import recipe, small_gpt
from course_utils.text import load_text
from course_utils.tokenizers import CharTokenizer
from course_utils.tools.curriculum import NOTEBOOKS
from course_utils.training import Trainer, TrainingConfig
from course_utils.windows import SlidingWindowDataset, StepBatches, split_tokens

ROOT = Path(__file__).resolve().parents[2]
Row = tuple[str, str]
# Operations per second in half precision without sparsity, from NVIDIA's data sheets; by a part of the card's name.
PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L4": 121e12, "T4": 65e12}
GPT2 = GPTConfig(50_257, 1024, 12, 12, 768)
TINY = GPTConfig(97, 32, 2, 2, 32)
TARGET = 1.47  # the validation loss that the usual recipe for tiny Shakespeare is known for


class Budget:
    """The seconds that are left of a part."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until the part should be over; never below one."""
        return max(1.0, self.end - time.monotonic())


# --- the notebooks ---

# Runs in a process of its own. `pick` answers with the laptop's sizes, so that a GPU goes through all in minutes;
# everything else is as the preset `gpu` has it. Without a GPU it's float16, as on a T4; a dtype is chosen before the
# modules that ask for it are imported.
RUN_NOTEBOOK = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
import torch
from course_utils import runtime

if sys.argv[2] == "smoke":
    runtime.fast_dtype = lambda device: torch.float16
runtime.Runtime.pick = lambda self, *, smoke, laptop, gpu: smoke if sys.argv[2] == "smoke" else laptop
settings = Config()
settings.HistoryManager.enabled = False  # several at once would wait for one another's file
shell = InteractiveShell.instance(config=settings)
for cell in json.load(open(sys.argv[1], encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        print("CELL", cell["id"], flush=True)
        result = shell.run_cell("".join(cell["source"]))
        if not result.success:
            sys.exit(1)
print("CELL end", flush=True)
"""


def run_notebook(path: Path, size: str, seconds: float) -> Row:
    """Run a notebook's cells, without Jupyter, and say how it ended."""
    environment = {**os.environ, "COURSE_PRESET": "smoke" if size == "smoke" else "gpu", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", RUN_NOTEBOOK, str(path), size]
    started = time.monotonic()
    try:
        done = subprocess.run(
            command, cwd=path.parent, env=environment, capture_output=True, text=True, timeout=seconds
        )
        told, ended = done.stdout, "ok" if done.returncode == 0 else "FAILED"
    except subprocess.TimeoutExpired as late:
        told, ended = (late.stdout or b"").decode(errors="replace"), "out of time"
    told = re.sub(r"\x1b\[[\d;]*m", "", told)  # colours are for a terminal
    last = ([line for line in told.splitlines() if line.startswith("CELL ")] or ["CELL none"])[-1].removeprefix("CELL ")
    where = "" if ended == "ok" else f" in cell {last}: {told.strip().splitlines()[-1][:100] if told.strip() else ''}"
    return f"notebook {path.stem}", f"{ended}{where}, {time.monotonic() - started:.0f} s"


def stated_seconds(path: Path) -> int:
    """Return how long a notebook says that its cells run."""
    return json.loads(path.read_text(encoding="utf-8"))["metadata"]["course"].get("seconds", 0)


def notebooks(run: runtime.Runtime, budget: Budget) -> Iterator[Row]:
    """Run every notebook, the quick ones first, four at a time on a GPU, as far as the time goes."""
    size = "smoke" if run.device.type == "cpu" else "short"
    paths = [ROOT / "notebooks" / f"{notebook.stem}.ipynb" for notebook in NOTEBOOKS]

    def one(path: Path) -> Row:
        if budget.left < 10:  # nothing is worth beginning
            return f"notebook {path.stem}", "left out: no time left"
        return run_notebook(path, size, budget.left - 2)

    with ThreadPoolExecutor(1 if run.device.type == "cpu" else 4) as pool:
        yield from pool.map(one, sorted(filter(Path.is_file, paths), key=stated_seconds))


# --- the tests ---


def tests(run: runtime.Runtime, budget: Budget) -> Iterator[Row]:
    """Run the unit tests that ask for CUDA; on a machine without it they are skipped."""
    # Without the settings of all tests, which need what a bare image of PyTorch doesn't have.
    bare = ["-o", "addopts=", "--noconftest", "-q"]
    command = [sys.executable, "-m", "pytest", *bare, "-k", "cuda or gpu", "tests/test_training.py"]
    try:
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=budget.left)
    except subprocess.TimeoutExpired as late:
        yield "tests that ask for CUDA", f"out of time after {late.timeout:.0f} s"
        return
    lines = told.stdout.strip().splitlines() or [told.stderr.strip()[-100:]]
    yield "tests that ask for CUDA", lines[-1].strip("= ")


# --- throughput ---


def flops_per_token(config: GPTConfig, parameters: int) -> float:
    """Return the operations of a training step per token (Chowdhery et al. 2022, "PaLM", appendix B).

    >>> flops_per_token(GPTConfig(10, 8, n_layer=1, n_head=1, n_embd=4), parameters=100)
    984
    """
    return 6 * parameters + 12 * config.n_layer * config.n_embd * config.context_length


def throughput(run: runtime.Runtime, budget: Budget) -> Iterator[Row]:
    """Training steps of GPT-2 small, compiled, beside an independent one, and the fraction of the card's peak."""
    config, rows, steps = (TINY, 2, 2) if run.device.type == "cpu" else (GPT2, 16, 10)
    batch = torch.randint(config.vocab_size, (2, rows, config.context_length), device=run.device).unbind()
    ours = Trainer(GPT(config).to(run.device), TrainingConfig(10**6, dtype=run.dtype))
    plain = PlainStep(config, run.device, run.dtype)
    if run.device.type == "cuda":
        ours.model, plain.model = torch.compile(ours.model), torch.compile(plain.model)
    contestants = {"ours": repeated(ours.step, steps, *batch), "plain": repeated(plain, steps, *batch)}
    peak = next((peak for name, peak in PEAKS.items() if name in card(run)), None)
    cost = flops_per_token(config, sum(weight.numel() for weight in ours.model.parameters()))
    for name, seconds in race(contestants, 3).items():
        speed = steps * batch[0].numel() / sorted(seconds)[len(seconds) // 2]
        used = f", {speed * cost / peak:.0%} of the peak" if peak else ""
        yield f"training {config.n_layer} layers of {config.n_embd}, {name}", f"{speed:,.0f} tokens/s{used}"


def card(run: runtime.Runtime) -> str:
    """Return the name of the card, or that there is none."""
    return torch.cuda.get_device_name(run.device) if run.device.type == "cuda" else "no GPU"


# --- tiny Shakespeare ---


def shakespeare(run: runtime.Runtime, budget: Budget) -> Iterator[Row]:
    """Seconds to the usual validation loss on tiny Shakespeare, by the recipe and by the usual settings."""
    if not (cache_folder() / "tinyshakespeare.txt").is_file():
        yield "tiny Shakespeare", "left out: load_text('tinyshakespeare') downloads it, where there's a network"
        return
    text = load_text("tinyshakespeare")
    small = run.device.type == "cpu"
    tokenizer = CharTokenizer.from_text(text)
    seen, unseen = split_tokens(torch.tensor(tokenizer.encode(text)), 0.9)
    shape = (32, 2, 2, 32) if small else (256, 6, 6, 384)
    sizes = GPTConfig(tokenizer.vocab_size, *shape)
    windows = SlidingWindowDataset(unseen, sizes.context_length, sizes.context_length)
    validation = [StepBatches(windows, 64)(step) for step in range(1 if small else len(windows) // 64)]
    data = StepBatches(SlidingWindowDataset(seen, sizes.context_length, 1), 4 if small else 64)
    steps = 4 if small else 2000
    usual = GPT(replace(sizes, dropout=0.2))
    ours = small_gpt(tokenizer, replace(sizes, tied=False, dropout=0.2), **SPREAD)
    settings = {"the recipe": (ours, {**vars(recipe(steps, run.dtype)), **RATES})}
    settings |= {"the usual": (usual, {**vars(USUAL), "steps": steps, "dtype": run.dtype})}
    for name, (model, values) in settings.items():
        trainer = Trainer(model.to(run.device), TrainingConfig(**values))
        taken, loss = seconds_to(TARGET, trainer, data, validation, 2 if small else 100)
        yield f"tiny Shakespeare, {name}", f"loss {loss:.3f} after {trainer.steps_done} steps, {taken:.1f} s"


# --- generation ---


def generation(run: runtime.Runtime, budget: Budget) -> Iterator[Row]:
    """Tokens per second of greedy generation by GPT-2 small's sizes, as it is and with recorded CUDA graphs."""
    config, count = (TINY, 8) if run.device.type == "cpu" else (GPT2, 256)
    model = GPT(config).to(run.device, run.dtype).eval()
    started = time.perf_counter()
    tokens = [int(token[0]) for token in stream_tokens(model, [[0]], count)]
    yield "generation", f"{count / (time.perf_counter() - started):,.0f} tokens/s"
    if run.device.type == "cuda":
        found, seconds = with_graphs(model, count)
        same = "the same tokens" if found == tokens else "OTHER tokens"
        yield "generation with CUDA graphs", f"{count / seconds:,.0f} tokens/s, {same}"


@torch.inference_mode()
def with_graphs(model: GPT, count: int) -> tuple[list[int], float]:
    """Record one graph for each position, then replay them in turn; return the tokens and the seconds of the replay.

    A graph repeats fixed kernels on fixed memory. Each position has its own shapes, so each has its own graph.
    """
    device = next(model.parameters()).device
    token, cache, graphs = torch.zeros(1, 1, dtype=torch.long, device=device), KVCache(model, 1), []
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):  # what a kernel prepares at its first call may not be recorded
        model(token, KVCache(model, 1))
    torch.cuda.synchronize()
    for _ in range(count):
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=graphs[0].pool() if graphs else None):
            token.copy_(model(token, cache)[:, -1:].argmax(-1))
        graphs.append(graph)
    token.zero_()
    found, started = [], time.perf_counter()
    for graph in graphs:
        graph.replay()
        found.append(token.clone())
    tokens = torch.cat(found).flatten().tolist()
    return tokens, time.perf_counter() - started


# --- all of it ---

# The parts, each with its share of the time. What one leaves goes to those after it.
PARTS: dict[str, tuple[Callable[[runtime.Runtime, Budget], Iterator[Row]], int]] = {
    "throughput": (throughput, 2),
    "generation": (generation, 1),
    "shakespeare": (shakespeare, 3),
    "tests": (tests, 1),
    "notebooks": (notebooks, 5),
}
ROW = "ROW "


def tell_part(name: str, seconds: str) -> None:
    """Run one part in this process, and print each of its rows for the process that started it."""
    budget = Budget(float(seconds))
    for row in PARTS[name][0](runtime.start(), budget):
        print(ROW + json.dumps(row), flush=True)


def rows_of(name: str, command: Sequence[str], seconds: float) -> Iterator[Row]:
    """Start a part as a process and yield its rows as they come; one more, if it fails or isn't over in time."""
    late = threading.Event()
    options = {"cwd": ROOT, "text": True, "encoding": "utf-8", "errors": "replace", "start_new_session": True}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, **options)
        timer = threading.Timer(seconds, lambda: (late.set(), end_all(process)))
        timer.start()
        try:
            for line in process.stdout:
                if line.startswith(ROW):
                    yield tuple(json.loads(line.removeprefix(ROW)))
            process.wait()
        finally:  # also after Ctrl-C, which the part doesn't hear
            timer.cancel()
            end_all(process)
            process.stdout.close()
        said.seek(0)
        last = said.read().decode(errors="replace").strip().splitlines()[-1:]
    if late.is_set():
        yield name, f"out of time after {seconds:.0f} s"
    elif process.returncode:
        yield name, f"FAILED: {last[0][:200] if last else f'it ended with {process.returncode}'}"


def end_all(process: subprocess.Popen) -> None:
    """End a part that is still running and, except on Windows, whatever it has started."""
    with contextlib.suppress(ProcessLookupError):
        if process.poll() is None and hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()


def gpu(minutes: str = "8", file: str = "") -> None:
    """Run all parts, print a table, and write it as JSON to `file`, by default `gpu.json` in the work folder."""
    run, end = runtime.start(), time.monotonic() + 60 * float(minutes)
    rows: list[Row] = [("card", card(run)), ("torch", torch.__version__)]
    path, ahead = Path(file) if file else runtime.work_folder() / "gpu.json", sum(part for _, part in PARTS.values())
    for name, (_, part) in PARTS.items():
        seconds = max(1.0, (end - time.monotonic()) * part / ahead)
        ahead -= part
        call = f"from course_utils.experiments.gpu import tell_part; tell_part({name!r}, {0.9 * seconds})"
        for row in rows_of(name, [sys.executable, "-c", call], seconds):
            print(*row, sep=": ", flush=True)
            rows.append(row)
        # After each part: a machine that's taken away has told what it found.
        path.write_text(json.dumps(dict(rows), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    # Set left, unlike other tables: most of what was found is words.
    print("\n" + "\n".join(f"{what:44} {found}" for what, found in [("what", "found"), *rows]))
