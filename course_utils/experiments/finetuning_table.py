"""Fine-tuning with one thing changed: the loss mask, the tales among the data, where heads look, how much data.

Run as `python -m course_utils bench finetuning`; notebook 14 shows the table and trains one row live.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from course_utils import runtime
from course_utils.answers import Marks
from course_utils.checkpoints import BASE, load_checkpoint
from course_utils.common import DATA, write_whole
from course_utils.experiments.chat_model import BATCH, loss_of, measure_chat, settings
from course_utils.experiments.timing import print_table
from course_utils.finetuning import FreshDialogues
from course_utils.template import Message
from course_utils.training import train

STEPS, CONVERSATIONS, RATE = 400, 400 * BATCH, 0.5


@dataclass(frozen=True)
class Change:
    """What is different in one row: by default nothing."""

    masked: bool = True
    plain_every: int = 8
    data: float = 1.0
    looking: float = 0.0  # how much it counts that two heads look where they're told to


CHANGES = {
    "the recipe": Change(),
    "no loss mask": Change(masked=False),
    "no tales among the data": Change(plain_every=0),
    "30 % of the conversations": Change(data=0.3),
    "10 % of the conversations": Change(data=0.1),
    "two heads told where to look": Change(looking=0.2),
}


class FewDialogues(FreshDialogues):
    """The same conversations over and over, after the first `distinct` of them."""

    distinct = CONVERSATIONS

    def messages(self, number: int) -> list[Message]:
        """Return the conversation of one row."""
        return super().messages(number % self.distinct)


def train_changed(change: Change, seed: int, steps: int = STEPS, asked: int = 600, told: int = 200) -> dict[str, float]:
    """Fine-tune the base model with one thing changed, and return what it is worth after."""
    run = runtime.start(seed)
    base = load_checkpoint(BASE, run.device)
    context = base.model.config.context_length
    options = {"plain_every": change.plain_every, "masked": change.masked, "tells": 0.3}
    data = FewDialogues(base.tokenizer, BATCH, context, seed=10 + seed, **options)
    data.distinct = max(1, round(change.data * steps * BATCH))
    torch.manual_seed(seed)
    train(base.model, data, settings(steps, RATE, run.dtype), loss=loss_of(base.tokenizer, change.looking))
    found = measure_chat(base.model, base.tokenizer, asked, told)
    fractions = {kind: Marks(**found["marks"][kind]).fraction for kind in ("answerable", "not told")}
    row = fractions | {"style": found["style"], "tales": found["tales"]}
    return {name: round(value, 4) for name, value in row.items()}


def finetuning(seeds: str = "1", path: Path = DATA / "finetuning.json") -> None:
    """Fine-tune in every way of `CHANGES`, and write what came of it; rows that are there already are kept."""
    rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    done = {(row["change"], row["seed"]) for row in rows}
    for seed in range(int(seeds)):
        for name, change in CHANGES.items():
            if (name, seed) not in done:
                rows.append({"change": name, "seed": seed, **train_changed(change, seed)})
                rows.sort(key=lambda row: (row["seed"], list(CHANGES).index(row["change"])))
                write_whole(path, (json.dumps(rows) + "\n").encode())
    print_table(
        [("change", "seed", "answerable", "not told", "style", "tales"), *(tuple(row.values()) for row in rows)]
    )
