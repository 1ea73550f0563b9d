"""The tales in less time: tokens longer than a word, and a model that begins with the last few of them.

Run as `python -m course_utils bench phrases`. The recipe and this form get the same time, and time is shared out
beforehand: what a step costs is measured while both take turns, and who pays more for a step gets fewer of them. How
many steps fit in a minute depends on the machine; 750 of the recipe are one on two cores with units for bfloat16.
"""

import itertools
import json
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import regex
import torch
from torch import Tensor, nn

from course_utils import runtime, tales
from course_utils.bpe import GPT2_PATTERN
from course_utils.common import DATA, require, write_whole
from course_utils.evaluation import TEMPERATURE, score, tell_tales
from course_utils.experiments.ablation import BATCH, UNSEEN, Variant, start_at_random, train_steps
from course_utils.experiments.timing import print_table, race
from course_utils.generation import Sampler
from course_utils.gpt import GPTConfig, KVCache, check_shape, mask_and_positions, whole_number
from course_utils.llama import Llama, LlamaConfig, LlamaContext
from course_utils.recipe import CHAT_TOKENS, SMALL, FreshTales, initialise_small, recipe, tales_tokenizer
from course_utils.runtime import Runtime
from course_utils.tokenizers import END_OF_TEXT, Tokenizer
from course_utils.training import IGNORED, Trainer, count_targets, evaluate

WORD = regex.compile(GPT2_PATTERN)
CAPITAL = re.compile("( ?[A-Za-z]*[A-Z][A-Za-z]*)")  # a word with one; in brackets, so that `split` keeps it
TALES = 300  # told and judged for each model


def runs(text: str) -> list[str]:
    """Cut a text before and behind each word with a capital: no phrase reaches into or past one.

    >>> runs("Mara took the kite. Finn saw")
    ['Mara', ' took the kite.', ' Finn', ' saw']
    """
    return [run for run in CAPITAL.split(text) if run]


def join_pairs(row: Sequence[str], pair: tuple[str, str]) -> list[str]:
    """Replace each occurrence of two neighbours by both as one, from left to right."""
    joined: list[str] = []
    for token in row:
        # What was joined is longer than the left one, so it can't be joined again: "aaa" becomes (aa, a).
        if joined and (joined[-1], token) == pair:
            joined[-1] += token
        else:
            joined.append(token)
    return joined


def train_phrases(texts: Iterable[str], count: int, sure: float = 0.2, least: int = 20) -> list[tuple[str, str]]:
    """Return pairs of words, and of phrases, that are worth a token of their own, in the order of joining.

    As in byte pair encoding the most frequent pair comes first, but only where the left one is followed by the right
    one in at least a fraction `sure` of its occurrences: a token with many ways on stays a token. Words first, then
    phrases: Liu et al. 2025, "SuperBPE".
    """
    counts = Counter(run for text in texts for run in runs(text))
    rows, weights = [WORD.findall(run) for run in counts], list(counts.values())
    pairs: Counter[tuple[str, str]] = Counter()
    single: Counter[str] = Counter()
    places: dict[tuple[str, str], set[int]] = defaultdict(set)

    def count_row(number: int, sign: int) -> None:
        row, weight = rows[number], sign * weights[number]
        for token in row:
            single[token] += weight
        for pair in itertools.pairwise(row):
            pairs[pair] += weight
            places[pair].add(number)

    for number in range(len(rows)):
        count_row(number, 1)
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        fit = ((n, pair) for pair, n in pairs.items() if n >= least and n >= sure * single[pair[0]])
        _, best = max(fit, default=(0, None))
        if best is None:
            break
        merges.append(best)
        for number in sorted(places.pop(best)):
            count_row(number, -1)
            rows[number] = join_pairs(rows[number], best)
            count_row(number, 1)
        del pairs[best]
    return merges


class PhraseTokenizer(Tokenizer):
    """Words, phrases of several words, and single characters for what is neither.

    >>> tokenizer = PhraseTokenizer.from_texts(["Finn ran to the mill."] * 20, count=9)
    >>> [tokenizer.decode([token]) for token in tokenizer.encode("Finn ran to the mill.")]
    ['Finn', ' ran to the mill.']
    """

    def __init__(
        self, vocab: Mapping[str, int], special_tokens: Mapping[str, int], merges: Sequence[tuple[str, str]] = ()
    ) -> None:
        super().__init__(vocab, special_tokens)
        self.rank = {tuple(pair): place for place, pair in enumerate(merges)}
        self.ids_of = lru_cache(maxsize=1 << 16)(self.encode_run)

    @classmethod
    def from_texts(cls, texts: Sequence[str], count: int, special: Sequence[str] = ()) -> "PhraseTokenizer":
        """Learn so many phrases from texts; a word that stands alone nowhere, once all are joined, gets no id."""
        merges = train_phrases(texts, count)
        letters = {letter for text in texts for letter in text}
        own = cls({}, {END_OF_TEXT: 0}, merges)
        used = Counter(token for text in texts for run in runs(text) for token in own.joined(run))
        vocab = sorted(letters | used.keys())
        names = {name: len(vocab) + place for place, name in enumerate((END_OF_TEXT, *special))}
        return cls({token: place for place, token in enumerate(vocab)}, names, merges)

    def joined(self, run: str) -> list[str]:
        """Join the words of a run to phrases, the pair that was learned first before all others."""
        row = WORD.findall(run)
        while len(row) > 1:
            best = min(itertools.pairwise(row), key=lambda pair: self.rank.get(pair, len(self.rank)))
            if best not in self.rank:
                break
            row = join_pairs(row, best)
        return row

    def encode_run(self, run: str) -> list[int]:
        """Return the ids of one run of words; characters, where a word is unknown."""
        return [self.vocab[part] for token in self.joined(run) for part in self.known(token)]

    def known(self, token: str) -> Sequence[str]:
        """Return a token as parts that have ids."""
        if token in self.vocab:
            return (token,)
        words = WORD.findall(token)
        parts = [part for word in words for part in ((word,) if word in self.vocab else word)]
        odd = [part for part in parts if part not in self.vocab]
        require(not odd, f"the text has {odd[:3]}, which the tokenizer never saw; it takes the tales' characters")
        return parts

    def encode_ordinary(self, text: str) -> list[int]:
        """Return the ids of a text without special tokens."""
        return [token for run in runs(text) for token in self.ids_of(run)]

    def join(self, tokens: Sequence[str]) -> str:
        """Return the text of tokens."""
        return "".join(tokens)


@dataclass(frozen=True)
class PhraseConfig(LlamaConfig):
    """A Llama's sizes, and how many of the last tokens each position begins with."""

    _: KW_ONLY
    last: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        whole_number("last", self.last)


class PhraseGPT(Llama):
    """A Llama whose positions begin with the sum of several embeddings, one for each of the last few tokens."""

    def __init__(self, config: PhraseConfig) -> None:
        super().__init__(config)
        # One more row each, for "no such token": the text begins here.
        rows = config.vocab_size + 1
        self.older = nn.ModuleList(nn.Embedding(rows, config.n_embd) for _ in range(config.last - 1))

    def hidden_states(self, idx: Tensor, cache: KVCache | None = None, attention_mask: Tensor | None = None) -> Tensor:
        """As a Llama's, but for what a position begins with."""
        start = check_shape(idx, cache, self.config.context_length)
        mask, position_ids = mask_and_positions(start, idx, attention_mask)
        x, cos, sin = self.embed(idx, position_ids)
        x, context = x + self.before(idx, cache, attention_mask), LlamaContext(mask, cos, sin, cache)
        for block in self.blocks:
            x = block(x, context)
        if cache:
            cache.length += idx.shape[1]
        return self.final_norm(x)

    def before(self, idx: Tensor, cache: KVCache | None, attention_mask: Tensor | None) -> Tensor:
        """Return the sum of the embeddings of the few tokens before each position, (B, T, C); a cache keeps the last.

        Padding is no token.
        """
        none, back, T = self.config.vocab_size, len(self.older), idx.shape[1]
        if attention_mask is not None:
            idx = idx.where(attention_mask[:, -T:].bool(), none)
        row = torch.cat([getattr(cache, "recent", idx.new_full((len(idx), back), none)), idx], dim=1)
        if cache is not None:
            cache.recent = row[:, T:]
        return sum(table(row[:, back - place :][:, :T]) for place, table in enumerate(self.older, start=1))


class TightTales(FreshTales):
    """Fresh tales in batches that are hardly wider than their longest row: short rows would pay most for the rest."""

    width = 4

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the inputs and targets of one step, counted from 0."""
        inputs, targets = super().__call__(step)
        longest = int((targets != IGNORED).any(dim=0).sum())
        return tuple(part[:, : longest + -longest % self.width] for part in (inputs, targets))


# The recipe's sizes with today's parts that cost nothing; squared ReLU even saves time.
SIZES = PhraseConfig(
    **asdict(replace(SMALL, vocab_size=1)) | {"positions": "rotary"}, norm="layer", mlp="relu2", value_residual=True
)


@dataclass(frozen=True)
class Phrases(Variant):
    """The recipe with phrases for tokens, tight batches and a `PhraseGPT`."""

    sizes: GPTConfig = SIZES
    data: Callable[..., FreshTales] = TightTales

    def trainer(self, tokenizer: Tokenizer, run: Runtime, steps: int) -> Trainer:
        """Return a fresh model, ready for so many steps."""
        model = PhraseGPT(replace(self.sizes, vocab_size=tokenizer.vocab_size))
        initialise_small(model, **self.weights)
        with torch.no_grad():
            for table in model.older:  # side by side with the token itself, what came before it is the lesser half
                table.weight.normal_(0.0, 0.35)
        config = replace(recipe(steps, run.dtype), **self.settings)
        trainer = Trainer(model.to(run.device), config)
        start_at_random(trainer)
        return trainer


def phrase_tokenizer(count: int = 800) -> PhraseTokenizer:
    """Learn so many phrases from the shipped tales."""
    return PhraseTokenizer.from_texts(tales.corpus(), count, CHAT_TOKENS)


FORMS: dict[str, tuple[Variant, Callable[[], Tokenizer]]] = {
    "the recipe": (Variant(), tales_tokenizer),
    "phrases": (Phrases(), phrase_tokenizer),
}
HEAD = ("form", "steps of the recipe", "seed", "steps", "nats a tale", "sentences", "tales")


def step_cost(rounds: int = 31) -> float:
    """Return what a step with phrases takes beside one of the recipe, with the making of its tales: a median."""
    run = runtime.start()
    contestants = {}
    for name, (variant, make) in FORMS.items():
        tokenizer = make()
        trainer = variant.trainer(tokenizer, run, 1000)
        batches = variant.data(tokenizer, BATCH, variant.sizes.context_length, UNSEEN)
        contestants[name] = lambda trainer=trainer, batches=batches: trainer.step(*batches(trainer.steps_done))
    recipe_seconds, own_seconds = race(contestants, rounds).values()
    # Not round by round: a batch in eight is made with the seven after it.
    return statistics.mean(own_seconds) / statistics.mean(recipe_seconds)


def reached(name: str, seed: int, steps: int, told: int = TALES) -> dict[str, Any]:
    """Train one form for so many steps; return what a tale costs it, in nats, and what its own tales are worth."""
    run, (variant, make) = runtime.start(), FORMS[name]
    tokenizer, T = make(), variant.sizes.context_length
    trainer = train_steps(steps, seed, variant, variant.data(tokenizer, BATCH, T, seed), tokenizer, run)
    unseen = [FreshTales(tokenizer, 50, T, UNSEEN)(step) for step in range(4)]
    # Tokens of unequal length can't be compared by their loss; whole tales can.
    tokens = sum(int(count_targets(batch)) for batch in unseen) / sum(len(batch[0]) for batch in unseen)
    nats = evaluate(trainer.model, unseen, run.dtype) * tokens
    shares = score(tell_tales(trainer.model, tokenizer, [""] * told, Sampler(temperature=TEMPERATURE, seed=seed)))
    found = {"steps": steps, "nats": round(nats, 2), "sentences": round(shares.sentences, 4)}
    return found | {"tales": round(shares.tales, 4)}


def phrases(
    steps: str = "750,2250", seeds: str = "5", cost: str = "", path: str | Path = DATA / "phrases.json"
) -> None:
    """Train the recipe for so many steps, and the form with phrases for as long; write a list of rows to a JSON file.

    `cost` is what a step with phrases takes beside one of the recipe: the file's if it isn't given, or else measured.
    What the file holds already is not measured again; delete it to start anew.
    """
    lengths = steps.split(",")
    require(all(part.isdigit() and int(part) for part in lengths), f"steps is {steps!r}; it takes numbers such as 750")
    require(seeds.isdigit() and int(seeds) > 0, f"seeds is {seeds!r}; it takes a whole number from 1 on")
    path = Path(path)
    rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    done = {(row["form"], row["recipe_steps"], row["seed"]) for row in rows}
    # One for all rows, so that every seed gets the same steps.
    kept = [row["cost"] for row in rows if row["form"] == "phrases"]
    costs = {"the recipe": 1.0, "phrases": float(cost) if cost else kept[0] if kept else step_cost()}
    for length, seed, name in itertools.product(map(int, lengths), range(int(seeds)), FORMS):
        if (name, length, seed) not in done:
            found = reached(name, seed, max(1, round(length / costs[name])))
            rows.append({"form": name, "recipe_steps": length, "seed": seed, "cost": round(costs[name], 3), **found})
            write_whole(path, (json.dumps(rows, indent=1) + "\n").encode())
            print(*line(rows[-1]), flush=True)
    print()
    print_table([HEAD, *map(line, rows), *medians(rows)])


def line(row: dict[str, Any]) -> tuple:
    """Return one line of the table."""
    shares = (f"{row['nats']:.1f}", f"{row['sentences']:.1%}", f"{row['tales']:.1%}")
    return (row["form"], row["recipe_steps"], row["seed"], row["steps"], *shares)


def medians(rows: Sequence[dict[str, Any]]) -> Iterator[tuple]:
    """Yield, for each form and length, the line of medians over its seeds."""
    for kind in dict.fromkeys((row["form"], row["recipe_steps"]) for row in rows):
        own = [row for row in rows if (row["form"], row["recipe_steps"]) == kind]
        middle = {key: statistics.median(row[key] for row in own) for key in ("steps", "nats", "sentences", "tales")}
        yield line({"form": kind[0], "recipe_steps": kind[1], "seed": "median", **middle})
