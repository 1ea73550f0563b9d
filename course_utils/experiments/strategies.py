"""Quality against diversity: for each way of choosing tokens, how many tales are right and how much in them is new.

Run as `python -m course_utils bench strategies`; notebook 12 draws the table and measures one row live.
"""

import json
from pathlib import Path

from course_utils import runtime, tales
from course_utils.checkpoints import BASE, load_checkpoint
from course_utils.common import DATA, write_whole
from course_utils.evaluation import TEMPERATURE, distinct_ngrams, score, tell_tales
from course_utils.experiments.timing import print_table
from course_utils.generation import Sampler
from course_utils.gpt import GPT
from course_utils.tokenizers import Tokenizer

# What the tales are sampled with, by strategy and setting. The filters are measured alone, at temperature 1, but for
# "min_p, hot": it was made to keep a very high temperature sensible.
STRATEGIES: dict[str, dict[float, Sampler]] = {
    "temperature": {t: Sampler(t) for t in (0, 0.3, 0.5, 0.7, 0.85, 1.0, 1.2, 1.5)},
    "top_k": {k: Sampler(top_k=k) for k in (2, 3, 5, 10, 20, 50)},
    "top_p": {p: Sampler(top_p=p) for p in (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)},
    "min_p": {p: Sampler(min_p=p) for p in (0.5, 0.3, 0.2, 0.1, 0.05, 0.02)},
    "min_p, hot": {p: Sampler(2.0, min_p=p) for p in (0.5, 0.3, 0.2, 0.1, 0.05)},
    "repetition_penalty": {p: Sampler(TEMPERATURE, repetition_penalty=p) for p in (1.02, 1.05, 1.1, 1.2, 1.5)},
}


def row_of(strategy: str, setting: float, texts: list[str]) -> dict[str, str | float]:
    """Return what tales are worth: the fractions of right sentences, of right tales and of distinct 4-grams."""
    scores = score(texts)
    found = {"sentences": scores.sentences, "tales": scores.tales, "distinct": distinct_ngrams(texts)}
    return {"strategy": strategy, "setting": setting, **{name: round(value, 4) for name, value in found.items()}}


def tell(model: GPT, tokenizer: Tokenizer, sampler: Sampler, count: int) -> list[str]:
    """Return so many tales, begun by the model itself, drawn with seed 0."""
    own = Sampler(**{**vars(sampler), "seed": 0})
    return tell_tales(model, tokenizer, [""] * count, own)


def strategies(count: str = "300", path: Path = DATA / "strategies.json") -> None:
    """Tell `count` tales in every way of `STRATEGIES`, and write what they are worth beside the world's own tales."""
    run, base = runtime.start(), load_checkpoint(BASE)
    model = base.model.to(run.device)
    # The world's tales are all right, so their diversity is what a model can hope for.
    rows = [row_of("the world", 0, list(tales.generate_many(int(count), tales.FIRST_UNSEEN_SEED)))]
    for strategy, samplers in STRATEGIES.items():
        for setting, sampler in samplers.items():
            rows.append(row_of(strategy, setting, tell(model, base.tokenizer, sampler, int(count))))
            print(rows[-1], flush=True)
    write_whole(path, (json.dumps({"count": int(count), "rows": rows}) + "\n").encode())
    print_table([tuple(rows[0]), *(tuple(row.values()) for row in rows)])
