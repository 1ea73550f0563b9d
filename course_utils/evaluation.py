"""Let a model tell tales and let the world judge them: the fraction of sentences, and of whole tales, that fit."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from course_utils import tales
from course_utils.checkpoints import unwrap
from course_utils.common import require
from course_utils.generation import Sampler, evaluating, generate_tokens, of_its_own
from course_utils.gpt import GPT, whole_number
from course_utils.tokenizers import END_OF_TEXT, Tokenizer, pad_batch

# One for everything that's measured: a cooler model makes fewer mistakes, but tells the same few tales.
TEMPERATURE = 0.7

# What a word says about the world, by the first word of its category in the lexicon; all other words are wording.
SAYS = {"name": "name", "pronoun": "pronoun", "place": "place", "thing": "thing", "adjective": "thing"}
WORD = re.compile("[A-Za-z]+")


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
    batch_size = whole_number("batch_size", batch_size)
    fits = not before or len(before) == len(openings)
    require(fits, f"before has {len(before)} texts for {len(openings)} openings; it takes one for each, or none")
    model = unwrap(model)
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
        room, own = context - min(map(len, prompts)), of_its_own(sampler, first)
        rows = generate_tokens(model, prompts, room, own, stop_tokens=[stop])
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


class TokenLoss(NamedTuple):
    """A token of a tale, the kind of word it belongs to, whether that word was told before, and its loss in nats."""

    token: str
    kind: str
    before: bool
    loss: float


@torch.inference_mode()
def token_losses(model: GPT, tokenizer: Tokenizer, texts: Sequence[str], batch_size: int = 50) -> list[list[TokenLoss]]:
    """Return, for each tale, its tokens with what each cost the model, the end of text behind it included.

    Tokens past the model's context are left out. The kinds are name, pronoun, place, thing, wording and end.
    """
    require(not isinstance(texts, str), f"texts is {texts!r}; it takes a list of texts")
    batch_size = whole_number("batch_size", batch_size)
    model, stop = unwrap(model), tokenizer.special_tokens[END_OF_TEXT]
    found = []
    for first in range(0, len(texts), batch_size):
        part = texts[first : first + batch_size]
        rows = [[stop, *tokenizer.encode(text), stop][: model.config.context_length + 1] for text in part]
        ids, _ = pad_batch(rows, stop)
        ids = ids.to(model.token_embedding.weight.device)
        with evaluating(model):
            losses = -model(ids[:, :-1]).float().log_softmax(-1)  # (B, T, V)
        losses = losses.gather(-1, ids[:, 1:, None])[..., 0].tolist()
        for text, row, own in zip(part, rows, losses, strict=True):
            pieces = [tokenizer.decode([i]) for i in row[1:]]
            labels = kinds_of(text, pieces)
            found.append([TokenLoss(p, *label, loss) for p, label, loss in zip(pieces, labels, own, strict=False)])
    return found


def kinds_of(text: str, pieces: Sequence[str]) -> list[tuple[str, bool]]:
    """Return for each piece of a text the kind of word that it begins or continues, and whether that was told before.

    >>> kinds_of("Mara saw Mara.", ["Mara", " saw", " M", "ara", "."])
    [('name', False), ('wording', False), ('name', True), ('name', True), ('wording', False)]
    """
    lexicon, told = tales.lexicon(), set()
    labels: list[tuple[str, bool] | None] = [None] * len(text)  # one for each character; None between words
    for word in WORD.finditer(text):
        kind = SAYS.get(lexicon.get(word[0], "other").split()[0], "wording")
        labels[word.start() : word.end()] = [(kind, word[0] in told)] * len(word[0])
        told.add(word[0])
    found, start = [], 0
    for piece in pieces:
        inside = labels[start : start + len(piece)]
        beyond = "end" if start >= len(text) else "wording"
        found.append(next(filter(None, inside), (beyond, False)))
        start += len(piece)
    return found
