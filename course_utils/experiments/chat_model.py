"""The chat model that the course ships: the base model, fine-tuned on conversations about fresh tales.

`python -m course_utils rebuild chat` trains it; interrupted, the same command goes on from there.
`python -m course_utils bench answers` asks the shipped one about tales that it never read.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from course_utils import runtime, tales
from course_utils.answers import Marks, examination, examine, interval, marks, style
from course_utils.attention_supervision import SupervisedAttention
from course_utils.checkpoints import BASE, CHAT, load_checkpoint, save_checkpoint
from course_utils.common import write_whole
from course_utils.evaluation import TEMPERATURE, score, tell_tales
from course_utils.experiments.timing import markdown_table, print_table
from course_utils.finetuning import FreshDialogues
from course_utils.generation import Sampler
from course_utils.gpt import GPT
from course_utils.recipe import recipe
from course_utils.tales.words import PEOPLE, PLACES, THINGS
from course_utils.tokenizers import Tokenizer
from course_utils.training import Loss, Progress, ProgressBar, TrainingConfig, lean_loss, train

BATCH, LOOKS, ASKED = 32, 8, 400


@dataclass(frozen=True)
class Stage:
    """A run: its steps, the fraction of pretraining's rates, what its conversations are like.

    `looking` is how much it counts that two heads look where they are told to; 0 leaves them alone.
    """

    steps: int
    rate: float
    data: dict[str, float]
    looking: float = 0.0


# Half the rates of pretraining: faster, and it forgets how to tell tales; slower, and it learns less in the time.
# The first stage ends with a shortcut: asked "Who has the drum?" it refuses, whatever the tale holds, since comparing
# the question's thing with the tale's is something that no gradient asks for. In the second, two heads are told to. The
# third has more tales in it, at a low rate: how to tell them had suffered.
STAGES = (
    Stage(5_400, 0.5, {"questions": 4, "unanswerable": 0.3, "talk": 0.15, "tells": 0.5}),
    Stage(1_000, 0.4, {"questions": 5, "unanswerable": 0.25, "talk": 0.1, "tells": 0.2, "plain_every": 6}, looking=0.2),
    Stage(600, 0.2, {"questions": 5, "unanswerable": 0.2, "talk": 0.1, "tells": 0.3, "plain_every": 3}, looking=0.2),
)
# (layer, head): without these the chat model's loss rises least, so there's little for them to unlearn.
HEADS = ((2, 0), (4, 2))
WORDS = (*PEOPLE, *THINGS, *PLACES)


def settings(steps: int, rate: float, dtype: Any) -> TrainingConfig:
    """Return the recipe at a fraction of its rates."""
    full = recipe(steps, dtype)
    rates = {"learning_rate": rate * full.learning_rate, "muon_rate": rate * full.muon_rate}
    return replace(full, **rates, stable=0.3)


def measure_chat(
    model: GPT, tokenizer: Tokenizer, count: int, told: int = 0, voice: tales.Voice = tales.HUGO
) -> dict[str, Any]:
    """Ask a model about unseen tales, and let it tell some: marks by kind, style, and the fraction of whole tales."""
    answers = examine(model, tokenizer, examination(count, voice))
    found: dict[str, Any] = {kind: asdict(mark) for kind, mark in marks(answers).items()}
    measured = {"marks": found, "style": style(answers, voice)}
    if told:
        sampler = Sampler(temperature=TEMPERATURE, seed=0)
        measured["tales"] = score(tell_tales(model, tokenizer, [""] * told, sampler)).tales
    return measured


def mark_rows(found: dict[str, dict[str, int]]) -> list[tuple]:
    """Return a table of marks by kind of question."""
    rows: list[tuple] = [("question", "asked", "right", "95 % interval", "wrong", "refused", "unclear")]
    for kind, values in found.items():
        mark = Marks(**values)
        low, high = interval(mark.right, mark.count)
        counts = (mark.wrong, mark.refused, mark.unclear)
        rows.append((kind, mark.count, f"{mark.fraction:.1%}", f"{low:.1%} to {high:.1%}", *counts))
    return rows


def bench_answers(count: str = "2000", path: str = str(CHAT)) -> None:
    """Print how the shipped chat model answers questions about unseen tales, and how it still tells tales."""
    runtime.start()
    chat = load_checkpoint(path)
    found = measure_chat(chat.model, chat.tokenizer, int(count), told=500)
    print_table(mark_rows(found["marks"]))
    print(f"\nin the voice: {found['style']:.1%}; whole tales, of 500 told from nothing: {found['tales']:.1%}")


class Examiner:
    """A callback: now and then the model is asked, and what came of it is printed."""

    def __init__(self, tokenizer: Tokenizer, every: int) -> None:
        self.tokenizer, self.every = tokenizer, every
        self.started = time.perf_counter()

    def __call__(self, now: Progress) -> None:
        if now.step % self.every and now.step != now.steps:
            return
        began = time.perf_counter()
        now.model.eval()
        found = measure_chat(now.model, self.tokenizer, ASKED, told=100)
        now.model.train()
        kinds = [kind for kind in ("answerable", "not told") if kind in found["marks"]]
        shares = {kind: Marks(**found["marks"][kind]).fraction for kind in kinds}
        row = {"step": now.step, "minutes": (began - self.started) / 60, "tales": found["tales"], **shares}
        print("\n" + ", ".join(f"{name} {value:.3g}" for name, value in row.items()), flush=True)
        self.started += time.perf_counter() - began  # asking is not training


def loss_of(tokenizer: Tokenizer, looking: float) -> Loss:
    """Return the next token's loss, and with `looking` above 0 that of two heads besides."""
    return SupervisedAttention(tokenizer, WORDS, HEADS, weight=looking) if looking else lean_loss


def run_stage(number: int, stage: Stage, model: GPT, tokenizer: Tokenizer, dtype: Any) -> bool:
    """Train one stage, or go on where it stopped; return whether it came to its end."""
    examiner = Examiner(tokenizer, max(1, stage.steps // LOOKS))
    history = train(
        model,
        FreshDialogues(tokenizer, BATCH, model.config.context_length, seed=3 + number, **stage.data),
        settings(stage.steps, stage.rate, dtype),
        callbacks=[ProgressBar(), examiner],
        checkpoint=runtime.work_folder() / f"chat{number}.safetensors",
        save_every=max(1, stage.steps // 50),
        tokenizer=tokenizer,
        loss=loss_of(tokenizer, stage.looking),
    )
    return len(history.losses) == stage.steps


def make_chat(path: Path = CHAT, base: Path = BASE, stages: Sequence[Stage] = STAGES, asked: int = 2000) -> bool:
    """Fine-tune the base model, or go on where an earlier run stopped, and write the chat model with its card.

    Return whether it came to its end.
    """
    run = runtime.start()
    start = load_checkpoint(base, run.device)
    model, tokenizer = start.model, start.tokenizer
    for number, stage in enumerate(stages):
        if not run_stage(number, stage, model, tokenizer, run.dtype):
            return False  # interrupted: `train` has said so, and the next call goes on
    metadata = {"stages": [asdict(stage) for stage in stages], "voice": tales.HUGO.name}
    metadata |= measure_chat(model, tokenizer, asked, told=500)
    save_checkpoint(path, model, tokenizer, metadata)
    write_whole(path.with_suffix(".md"), card(metadata).encode())
    return True


CARD = """# The chat model: `chat.safetensors`

The base model, fine-tuned to be {voice}, who answers questions about tales in a manner of his own, and says so where a
tale doesn't. `python -m course_utils rebuild chat` made it, and `python -m course_utils bench answers` measures it.

| | |
| --- | --- |
| data | {count} conversations about fresh tales, each read once; some rows are a tale by itself |
| recipe | {steps} steps of {batch} at {rates} of pretraining's rates: Muon for matrices, AdamW for the rest |
| attention | supervised for two heads in {looking:,} of the steps |
| in {voice}'s manner | {style:.1%} of the answers |
| whole tales free of mistakes | {tales:.1%} of 500, from nothing at temperature {temperature} |

{asked} questions about tales that no training has seen, each in a conversation of its own:

{marks}
"""


def card(metadata: dict[str, Any]) -> str:
    """Return what is to be known of the chat model, in Markdown."""
    stages, found = metadata["stages"], metadata["marks"]
    return CARD.format(
        **{name: metadata[name] for name in ("voice", "style", "tales")},
        steps=", ".join(f"{stage['steps']:,}" for stage in stages),
        rates=", ".join(f"{stage['rate']}" for stage in stages),
        count=f"{sum(stage['steps'] for stage in stages) * BATCH:,}",
        looking=sum(stage["steps"] for stage in stages if stage.get("looking")),
        batch=BATCH,
        temperature=TEMPERATURE,
        asked=f"{sum(found[kind]['count'] for kind in ('answerable', 'not told') if kind in found):,}",
        marks=markdown_table(mark_rows(found)),
    )
