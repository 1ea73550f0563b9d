"""Clara, who counts everything: an adapter on the shipped chat model, trained until she can talk.

`python -m course_utils rebuild clara` trains it in some minutes, and writes it with its card.
"""

from pathlib import Path
from typing import Any

import torch

from course_utils import runtime, tales
from course_utils.checkpoints import CHAT, CLARA, load_checkpoint
from course_utils.common import write_whole
from course_utils.evaluation import TEMPERATURE
from course_utils.experiments.chat_model import loss_of, mark_rows, measure_chat
from course_utils.experiments.timing import markdown_table
from course_utils.finetuning import FreshDialogues
from course_utils.lora import HEAD, LAYERS, LoRAConfig, add_lora, save_adapter
from course_utils.training import ProgressBar, TrainingConfig, train

FORM = LoRAConfig(rank=8, alpha=16, layers=(*LAYERS, HEAD))  # the output layer too, since her words are new
STEPS, BATCH, RATE = 1_000, 32, 1e-2
# More talk and more tales of one's own than Hugo's: her words have to be learned, and his manner unlearned.
MIX = {"questions": 4, "unanswerable": 0.2, "talk": 0.3, "tells": 0.2, "plain_every": 6}
LOOKING = 0.2  # how much it counts that the chat model's two heads go on looking where they did


def settings(steps: int, dtype: torch.dtype) -> TrainingConfig:
    """Return how the adapter is trained: AdamW without decay, stable for two fifths of the run, then to 0."""
    return TrainingConfig(steps, learning_rate=RATE, weight_decay=0.0, stable=0.4, final_rate=0.0, dtype=dtype)


def make_clara(
    folder: Path = CLARA, chat: Path = CHAT, steps: int = STEPS, asked: int = 2000, looking: float = LOOKING
) -> None:
    """Train Clara's adapter on the chat model, and write it with its card beside it."""
    run = runtime.start()
    start = load_checkpoint(chat, run.device)
    tokenizer, model = start.tokenizer, add_lora(start.model, FORM)
    data = FreshDialogues(tokenizer, BATCH, model.config.context_length, seed=7, voice=tales.CLARA, **MIX)
    train(model, data, settings(steps, run.dtype), callbacks=[ProgressBar()], loss=loss_of(tokenizer, looking))
    told = max(1, asked // 4)
    found = measure_chat(model, tokenizer, asked, told, tales.CLARA)
    save_adapter(model, folder)
    write_whole(folder.with_suffix(".md"), card(found, steps, told).encode())


CARD = """# Clara: an adapter on the chat model, `clara/`

The chat model with rank-{rank} matrices beside its layers, fine-tuned to be {voice}, who counts everything.
`python -m course_utils rebuild clara` made it. The files are as `peft` writes them.

| | |
| --- | --- |
| data | {count:,} conversations about fresh tales, each read once; some rows are a tale by itself |
| recipe | {steps:,} steps of {batch}, AdamW at {rate}; two heads told where to look, as for the chat model |
| in {voice}'s manner | {style:.1%} of the answers |
| whole tales free of mistakes | {tales:.1%} of {told}, from nothing at temperature {temperature} |

{asked} questions about tales that no training has seen, each in a conversation of its own:

{marks}
"""


def card(found: dict[str, Any], steps: int, told: int) -> str:
    """Return what is to be known of the adapter, in Markdown."""
    marks = found["marks"]
    asked = sum(marks[kind]["count"] for kind in ("answerable", "not told") if kind in marks)
    sizes = {"rank": FORM.rank, "voice": tales.CLARA.name, "count": steps * BATCH, "steps": steps, "batch": BATCH}
    sizes |= {"rate": RATE, "temperature": TEMPERATURE, "asked": f"{asked:,}", "told": told}
    return CARD.format(
        **sizes, style=found["style"], tales=found["tales"], marks=markdown_table(mark_rows(found["marks"]))
    )
