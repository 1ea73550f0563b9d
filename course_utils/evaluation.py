"""Let a model tell tales and let the world judge them: the fraction of sentences, and of whole tales, that fit."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from course_utils import tales
from course_utils.common import require
from course_utils.generation import Sampler, generate_tokens
from course_utils.gpt import GPT
from course_utils.tokenizers import END_OF_TEXT, Tokenizer

# One for everything that's measured: a cooler model makes fewer mistakes, but tells the same few tales.
TEMPERATURE = 0.7


@dataclass(frozen=True)
class Scores:
    """Fractions: of sentences that fit the world and what came before, of tales in which all do, and of copies.

    `faults` counts the reasons that the checker gave, the most common first.
    """

    count: int
    sentences: float
    tales: float
    copied: float
    faults: dict[str, int]


def tell_tales(
    model: GPT,
    tokenizer: Tokenizer,
    openings: Sequence[str],
    sampler: Sampler,
    batch_size: int = 100,
    before: Sequence[str] = (),
) -> list[str]:
    """Return one tale for each opening, opening included; after "" the model begins by itself.

    `before` are tales that the model reads first, one for each opening, in the same context. A tale ends where the
    model ends it, or where its context is full.
    """
    require(not isinstance(openings, str), f"openings is {openings!r}; it takes a list of texts")
    require(batch_size >= 1, f"batch_size is {batch_size}; it takes a whole number from 1 on")
    fits = not before or len(before) == len(openings)
    require(fits, f"before has {len(before)} texts for {len(openings)} openings; it takes one for each, or none")
    context = model.config.context_length
    stop = tokenizer.special_tokens[END_OF_TEXT]
    # What the model reads before the tale itself: end of text, and another tale if there is one. In training every tale
    # came after an end of text, so that's what says "begin".
    heads = [[stop, *tokenizer.encode(text), stop] for text in before] or [[stop]] * len(openings)
    starts = [head + tokenizer.encode(text) for head, text in zip(heads, openings, strict=True)]
    longest = max(map(len, starts), default=0)
    require(longest <= context, f"an opening has {longest} tokens, and the model's context holds {context}")
    tales_told = []
    for first in range(0, len(openings), batch_size):
        prompts = starts[first : first + batch_size]
        # Each batch needs random numbers of its own, or it would tell the tales of the first one again.
        own = sampler if sampler.seed is None else replace(sampler, seed=sampler.seed + first)
        rows = generate_tokens(model, prompts, context - min(map(len, prompts)), own, stop_tokens=[stop])
        for head, prompt, row in zip(heads[first:], prompts, rows, strict=False):
            # The room is that of the shortest prompt. A longer one has less: what it adds past the context is cut.
            ids = (prompt + row)[:context][len(head) :]
            tales_told.append(tokenizer.decode([i for i in ids if i != stop]))
    return tales_told


def score(texts: Iterable[str]) -> Scores:
    """Judge tales against the world, and count those that are word for word in the shipped ones.

    >>> score([tales.generate(10**6), "Nobody did anything."]).tales
    0.5
    """
    require(not isinstance(texts, str), f"texts is {texts!r}; it takes a list of texts")
    texts = list(texts)
    require(len(texts) > 0, "there are no tales to judge; give at least one")
    reports = [tales.check(text) for text in texts]
    sentences = [sentence for report in reports for sentence in report.sentences]
    faults = Counter(s.reason for s in sentences if not (s.well_formed and s.consistent))
    # The tales may all be empty: no sentences then, and a fraction of 0.
    fine = sum(s.well_formed and s.consistent for s in sentences) / max(1, len(sentences))
    whole = sum(report.consistent for report in reports) / len(texts)
    # A model that knew its corpus by heart would tell flawless tales. This is where it would show.
    copied = tales.share_copied(texts, tales.corpus())
    return Scores(len(texts), fine, whole, copied, dict(faults.most_common()))


def distinct_ngrams(texts: Iterable[str], n: int = 4) -> float:
    """Return how many of all runs of `n` words are different, as a fraction (Li et al. 2016, "distinct-n").

    It falls as texts are added, so compare only what was measured on equally many.

    >>> distinct_ngrams(["the cat sat", "the cat ran"], n=2)
    0.75
    """
    require(not isinstance(texts, str), f"texts is {texts!r}; it takes a list of texts")
    require(isinstance(n, int) and n >= 1, f"n is {n!r}; it takes a whole number from 1 on")
    words = [text.split() for text in texts]
    runs = [tuple(row[i : i + n]) for row in words for i in range(len(row) - n + 1)]
    require(len(runs) > 0, f"no text has {n} words; give longer ones, or a smaller n")
    return len(set(runs)) / len(runs)
