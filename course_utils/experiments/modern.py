"""What each change to GPT-2's block since 2019 is worth at the course's size, alone and all together.

Run as `python -m course_utils bench modern`. Each is measured twice: after as many steps as the others, and in as much
time. Time is shared out beforehand: what a step costs beside one of GPT-2's block is measured while all take turns, so
that a moment in which the machine is slow falls on no one alone; what costs more then gets fewer steps.
"""

import itertools
import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from course_utils import runtime
from course_utils.common import DATA, require, write_whole
from course_utils.evaluation import TEMPERATURE, score, tell_tales
from course_utils.experiments.ablation import SHORT_BATCH, UNSEEN, Variant, start_at_random, train_steps
from course_utils.experiments.timing import print_table, race
from course_utils.generation import Sampler
from course_utils.gpt import KVCache, count_parameters
from course_utils.llama import LlamaConfig, cache_bytes
from course_utils.recipe import SMALL, FreshTales, tales_tokenizer
from course_utils.runtime import Runtime
from course_utils.tokenizers import Tokenizer
from course_utils.training import evaluate

FIRST = "GPT-2's block, rotary"
TALES = 50  # told and judged for each model
# All switches off: what GPT-2 has, but for its positions.
OLD = LlamaConfig(**asdict(SMALL) | {"positions": "rotary"}, norm="layer", mlp="gelu", bias=True)
ALL = {"norm": "rms", "bias": False, "mlp": "swiglu", "n_kv_head": 2, "qk_norm": True}
CHANGES = {
    FIRST: Variant(OLD),
    "RMSNorm": Variant(replace(OLD, norm="rms")),
    "no biases": Variant(replace(OLD, bias=False)),
    "squared ReLU": Variant(replace(OLD, mlp="relu2")),
    "SwiGLU": Variant(replace(OLD, mlp="swiglu")),
    "two keys for four queries": Variant(replace(OLD, n_kv_head=2)),
    "one key for four queries": Variant(replace(OLD, n_kv_head=1)),
    "QK-norm": Variant(replace(OLD, qk_norm=True)),
    "value residuals": Variant(replace(OLD, value_residual=True)),
    "logits capped at 15": Variant(replace(OLD, soft_cap=15.0)),
    "a window of 32": Variant(replace(OLD, window=32)),
    "what blocks add starts at random": Variant(OLD, adjust=start_at_random),
    "Qwen3's block": Variant(replace(OLD, **ALL)),
    "all but the window": Variant(replace(OLD, **ALL, value_residual=True, soft_cap=15.0)),
}
HEAD = ("change", "measured by", "seed", "steps", "time of a step", "loss", "sentences", "tales")


def step_costs(tokenizer: Tokenizer, run: Runtime, rounds: int = 31) -> dict[str, float]:
    """Return what a step of training takes with each change, beside one of GPT-2's block: medians over rounds."""
    batch = FreshTales(tokenizer, SHORT_BATCH, OLD.context_length, UNSEEN)(0)
    trainers = {name: change.trainer(tokenizer, run, 1000) for name, change in CHANGES.items()}
    taken = race({name: lambda own=own: own.step(*batch) for name, own in trainers.items()}, rounds)
    return {
        name: statistics.median(own / first for own, first in zip(seconds, taken[FIRST], strict=True))
        for name, seconds in taken.items()
    }


def reached(name: str, seed: int, steps: int, tokenizer: Tokenizer, run: Runtime) -> dict[str, Any]:
    """Train one change for so many steps; return its loss on unseen tales and what its own tales are worth."""
    change = CHANGES[name]
    batches = change.data(tokenizer, SHORT_BATCH, change.sizes.context_length, seed)
    model = train_steps(steps, seed, change, batches, tokenizer, run).model
    unseen = [FreshTales(tokenizer, SHORT_BATCH, change.sizes.context_length, UNSEEN)(step) for step in range(16)]
    shares = score(tell_tales(model, tokenizer, [""] * TALES, Sampler(temperature=TEMPERATURE, seed=seed)))
    found = {"steps": steps, "loss": round(evaluate(model, unseen, run.dtype), 4)}
    return found | {"sentences": round(shares.sentences, 4), "tales": round(shares.tales, 4)}


def modern(steps: str = "200", seeds: str = "5", path: Path = DATA / "modern.json") -> None:
    """Train GPT-2's block with each change, for equal steps and equal time; write a list of rows to a JSON file.

    What the file holds already is not measured again; delete it to start anew.
    """
    for name, value in (("steps", steps), ("seeds", seeds)):
        require(value.isdigit() and int(value) > 0, f"{name} is {value!r}; it takes a whole number from 1 on")
    run, tokenizer = runtime.start(), tales_tokenizer()
    rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    done = {(row["change"], row["by"], row["seed"]) for row in rows}
    # Costs are measured once, so that every seed gets the same steps.
    costs = {row["change"]: row["cost"] for row in rows}
    if CHANGES.keys() - costs.keys():
        costs = step_costs(tokenizer, run) | costs
    for seed, name, by in itertools.product(range(int(seeds)), CHANGES, ("steps", "time")):
        if (name, by, seed) not in done:
            own_steps = int(steps) if by == "steps" else max(1, round(int(steps) / costs[name]))
            found = known(rows, name, seed, own_steps) or reached(name, seed, own_steps, tokenizer, run)
            rows.append({"change": name, "by": by, "seed": seed, "cost": round(costs[name], 3), **found})
            write_whole(path, (json.dumps(rows, indent=1) + "\n").encode())
            print(*line(rows[-1]), flush=True)
    print()
    print_table([HEAD, *map(line, rows)])
    print()
    print_table(sizes(tokenizer, run))


def known(rows: Sequence[dict[str, Any]], name: str, seed: int, steps: int) -> dict[str, Any]:
    """Return what the same training reached already, or nothing: a change that costs nothing has equal steps twice."""
    same = [row for row in rows if (row["change"], row["seed"], row["steps"]) == (name, seed, steps)]
    return {key: same[0][key] for key in ("steps", "loss", "sentences", "tales")} if same else {}


def line(row: dict[str, Any]) -> tuple:
    """Return one line of the table."""
    shares = (f"{row['loss']:.3f}", f"{row['sentences']:.1%}", f"{row['tales']:.1%}")
    return (row["change"], row["by"], row["seed"], row["steps"], f"{row['cost']:.2f} x", *shares)


def sizes(tokenizer: Tokenizer, run: Runtime) -> list[tuple]:
    """Return a table of what doesn't depend on training: parameters, and the memory of a full cache of one text."""
    lines: list[tuple] = [("change", "parameters", "bytes of its cache")]
    for name, change in CHANGES.items():
        model = change.trainer(tokenizer, run, 1).model
        lines.append((name, f"{count_parameters(model):,}", f"{cache_bytes(KVCache(model, 1)):,}"))
    return lines
