"""From a model's scores to text: ways to choose the next token, and the loop that reads, chooses and appends."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.checkpoints import unwrap
from course_utils.common import require
from course_utils.gpt import GPT, KVCache
from course_utils.tokenizers import Tokenizer, pad_batch


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """Leave the k highest scores of each row and set the others to -inf (Fan et al. 2018, section 5.1). (B, V)

    >>> keep_top_k(torch.tensor([[1.0, 3.0, 2.0]]), 2).tolist()
    [[-inf, 3.0, 2.0]]
    """
    require(isinstance(k, int) and k >= 1, f"k is {k!r}; it takes a whole number from 1 on")
    # Scores equal to the k-th highest stay too: nothing says which of them should go.
    lowest_kept = logits.topk(min(k, logits.shape[-1])).values[..., -1:]
    return logits.masked_fill(logits < lowest_kept, float("-inf"))


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """Leave the fewest tokens whose probabilities reach p together, the rest -inf (Holtzman et al. 2020, equation 2).

    >>> keep_top_p(torch.tensor([[0.5, 0.3, 0.2]]).log(), 0.6).exp()
    tensor([[0.5000, 0.3000, 0.0000]])
    """
    require(0 < p <= 1, f"p is {p}; it takes a fraction above 0, up to 1")
    ordered, order = logits.sort()  # from the lowest on
    # From the least likely on, tokens are dropped while together they have no more than 1 - p; the last one stays.
    dropped = ordered.softmax(-1).cumsum(-1) <= 1 - p
    dropped[..., -1] = False
    # `order.argsort()` leads back from the sorted places to the tokens' own.
    return logits.masked_fill(dropped.gather(-1, order.argsort()), float("-inf"))


def keep_min_p(logits: Tensor, p: float) -> Tensor:
    """Leave tokens at least `p` times as likely as the likeliest, the rest -inf (Nguyen et al. 2024, section 3).

    >>> keep_min_p(torch.tensor([[0.5, 0.3, 0.2]]).log(), 0.5).exp()
    tensor([[0.5000, 0.3000, 0.0000]])
    """
    require(0 < p <= 1, f"p is {p}; it takes a fraction above 0, up to 1")
    # A ratio of probabilities is a difference of scores, so there is no need for a softmax.
    threshold = logits.max(dim=-1, keepdim=True).values + math.log(p)
    return logits.masked_fill(logits < threshold, float("-inf"))


def penalise_repetition(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Lower the scores of tokens in the text so far: divide positive ones by `penalty`, multiply negative ones.

    `logits` (B, V), `seen` (B, T) token ids. Keskar et al. 2019, "CTRL", section 4.1.
    """
    require(penalty > 0, f"penalty is {penalty}; it takes a number above 0 (1 changes nothing)")
    scores = logits.gather(-1, seen)  # (B, T)
    # Dividing a negative score would raise it, hence two cases.
    return logits.scatter(-1, seen, torch.where(scores > 0, scores / penalty, scores * penalty))


@dataclass(frozen=True)
class Sampler:
    """How the next token is chosen from the scores: `temperature` 0 takes the highest, 1 follows the model.

    `top_k`, `top_p` and `min_p` leave only likely tokens; the same `seed` gives the same choices.

    >>> Sampler(temperature=0)(torch.tensor([[0.1, 0.7, 0.2]]))
    tensor([1])
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float = 1.0
    seed: int | None = None

    def __post_init__(self) -> None:
        require(self.temperature >= 0, f"temperature is {self.temperature}; it takes 0 (greedy) or more")
        whole = self.top_k is None or (isinstance(self.top_k, int) and self.top_k >= 1)
        require(whole, f"top_k is {self.top_k}; it takes a whole number from 1 on")
        for name in ("top_p", "min_p"):
            value = getattr(self, name)
            fraction = value is None or 0 < value <= 1
            require(fraction, f"{name} is {value}; it takes a fraction above 0, up to 1")
        penalty = self.repetition_penalty
        require(penalty > 0, f"repetition_penalty is {penalty}; it takes a number above 0 (1 changes nothing)")

    def generator(self, device: torch.device) -> torch.Generator | None:
        """Return a random number generator of its own, which leaves training's alone; None without a seed."""
        return None if self.seed is None else torch.Generator(device).manual_seed(self.seed)

    def filter(self, logits: Tensor, seen: Tensor | None = None) -> Tensor:
        """Return the scores after penalty, temperature, top-k, top-p and min-p, in this order. (B, V) -> (B, V)"""
        if self.repetition_penalty != 1.0 and seen is not None:
            logits = penalise_repetition(logits, seen, self.repetition_penalty)
        if self.temperature not in (0, 1):
            logits = logits / self.temperature
        if self.top_k is not None:
            logits = keep_top_k(logits, self.top_k)
        if self.top_p not in (None, 1):
            logits = keep_top_p(logits, self.top_p)
        return logits if self.min_p is None else keep_min_p(logits, self.min_p)

    def __call__(self, logits: Tensor, seen: Tensor | None = None, generator: torch.Generator | None = None) -> Tensor:
        """Choose a token for each row: (B, V) -> (B,). `seen` (B, T) is the text so far."""
        logits = self.filter(logits.float(), seen)
        if self.temperature == 0:
            # The limit of ever lower temperatures: all the probability goes to the highest score.
            return logits.argmax(-1)
        return torch.multinomial(logits.softmax(-1), 1, generator=generator).squeeze(-1)


GREEDY = Sampler(temperature=0)


def of_its_own(sampler: Sampler, first: int) -> Sampler:
    """Return the sampler for the batch that begins with text `first`: with the first one's seed it would say the same.

    >>> of_its_own(Sampler(seed=7), 100).seed
    107
    """
    return sampler if sampler.seed is None else replace(sampler, seed=sampler.seed + first)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Set a model to evaluation, so that dropout doesn't make its scores noisy, and back to what it was.

    >>> layer = nn.Dropout()
    >>> with evaluating(layer):
    ...     layer.training
    False
    >>> layer.training
    True
    """
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def stream_tokens(
    model: GPT,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    sampler: Sampler = GREEDY,
    stop_tokens: Sequence[int] = (),
    use_cache: bool = True,
) -> Iterator[Tensor]:
    """Yield the next token of every prompt, (B,), step by step, until each has met a stop token.

    Prompts may differ in length. When a text outgrows the context, the model goes on with its last `context_length`
    tokens, read anew at each step, since every position has changed: slower, and the same with and without the cache.
    """
    model = check_prompts(model, prompts, max_new_tokens)
    device = model.token_embedding.weight.device
    idx, attention_mask = pad_left(prompts, device)
    generator = sampler.generator(device)
    stops = torch.tensor(list(stop_tokens), dtype=torch.int64, device=device)
    # A row that has met a stop token goes on with the others, and what it adds is cut off later.
    done = torch.zeros(len(prompts), dtype=torch.bool, device=device)
    cache = KVCache(model, len(prompts)) if use_cache else None
    with evaluating(model):  # it ends too when the reader of this generator stops half-way, or the model raises
        for _ in range(max_new_tokens):
            logits = next_logits(model, idx, attention_mask, cache)
            chosen = sampler(logits, idx, generator)
            yield chosen
            if len(stops):
                done |= torch.isin(chosen, stops)
                if done.all():
                    return
            idx = torch.cat((idx, chosen[:, None]), dim=1)  # (B, T + 1)
            if attention_mask is not None:
                attention_mask = F.pad(attention_mask, (0, 1), value=True)


@torch.inference_mode()
def next_logits(model: GPT, idx: Tensor, attention_mask: Tensor | None, cache: KVCache | None) -> Tensor:
    """Return the scores after the last token of `idx`, (B, T) -> (B, V); what the `cache` holds is not read again."""
    context = model.config.context_length
    if cache is None or idx.shape[1] > context:
        # Past the context every token has a new position, so nothing that was kept would do.
        cache = None
        idx = idx[:, -context:]
        attention_mask = None if attention_mask is None else attention_mask[:, -context:]
    new = idx if cache is None else idx[:, cache.length :]
    if isinstance(model, GPT) and type(model).forward is not GPT.forward:  # a form of one's own may have other scores
        return model(new, cache, attention_mask)[:, -1]
    return model.lm_head(model.hidden_states(new, cache, attention_mask)[:, -1])


def check_prompts(model: GPT, prompts: Sequence[Sequence[int]], max_new_tokens: int) -> GPT:
    """Return the model inside what wraps it; a ValueError for prompts that it cannot read."""
    model = unwrap(model)
    decoder = hasattr(model, "hidden_states")
    require(decoder, f"the model is of class {type(model).__name__}; a text is continued by a GPT or a Llama")
    context = model.config.context_length
    require(len(prompts) > 0, "there are no prompts: give a list with at least one list of token ids")
    whole = hasattr(max_new_tokens, "__index__") and max_new_tokens >= 0
    require(whole, f"max_new_tokens is {max_new_tokens!r}; it takes a whole number from 0 on")
    for number, prompt in enumerate(prompts):
        listed = not isinstance(prompt, str) and hasattr(prompt, "__len__") and getattr(prompt, "ndim", 1) == 1
        require(listed, f"prompt {number} is {prompt!r}; prompts are lists of token ids: [[5, 2, 7], …]")
        require(len(prompt) >= 1, f"prompt {number} is empty: start with at least one token, such as end of text")
        too_long = f"prompt {number} is {len(prompt)} tokens long and the model's context holds {context}: shorten it"
        require(len(prompt) <= context, too_long)
    return model


def pad_left(prompts: Sequence[Sequence[int]], device: torch.device | None = None) -> tuple[Tensor, Tensor | None]:
    """Put prompts of unequal length in one tensor, ends aligned: ids and attention mask, (B, T) both.

    >>> pad_left([[5], [7, 8]])[1]
    tensor([[False,  True],
            [ True,  True]])
    """
    idx, attention_mask = pad_batch(prompts, 0, side="left")
    # A row is padded with a token that occurs in it anyway, so that no penalty is misled.
    idx = torch.where(attention_mask, idx, idx[:, -1:]).to(device)
    return idx, None if attention_mask.all() else attention_mask.to(device)


def generate_tokens(
    model: GPT,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    sampler: Sampler = GREEDY,
    stop_tokens: Sequence[int] = (),
    use_cache: bool = True,
) -> list[list[int]]:
    """Continue every prompt; return each one's new tokens up to its first stop token, which is kept."""
    stop_tokens = list(stop_tokens)  # they are asked for twice
    columns = list(stream_tokens(model, prompts, max_new_tokens, sampler, stop_tokens, use_cache))
    rows = torch.stack(columns, dim=1).tolist() if columns else [[] for _ in prompts]
    return [up_to_stop(row, stop_tokens) for row in rows]


def up_to_stop(row: list[int], stop_tokens: Sequence[int]) -> list[int]:
    """Return a row's tokens up to its first stop token, that one included.

    >>> up_to_stop([5, 2, 0, 7], stop_tokens=[0]), up_to_stop([5, 2], stop_tokens=[0])
    ([5, 2, 0], [5, 2])
    """
    for place, token in enumerate(row):
        if token in stop_tokens:
            return row[: place + 1]
    return row


def stream_text(
    model: GPT,
    tokenizer: Tokenizer,
    prompt: str | Sequence[int],
    max_new_tokens: int,
    sampler: Sampler = GREEDY,
    stop_tokens: Sequence[int] = (),
) -> Iterator[str]:
    """Yield the continuation of `prompt` piece by piece; a character whose bytes are not all there yet waits.

    `prompt` is a text, in which special tokens count, or token ids.
    """
    start = tokenizer.encode(prompt, allowed_special="all") if isinstance(prompt, str) else prompt
    ids, shown, text = [], "", ""
    for column in stream_tokens(model, [start], max_new_tokens, sampler, stop_tokens):
        ids.append(int(column))
        if ids[-1] in stop_tokens:
            ids.pop()
            break
        # All ids anew: a character's bytes may lie in several tokens.
        text = tokenizer.decode(ids)
        if not text.endswith("\N{REPLACEMENT CHARACTER}"):
            yield text[len(shown) :]
            shown = text
    if len(text) > len(shown):
        yield text[len(shown) :]  # bytes that never became a character


def generate_text(
    model: GPT,
    tokenizer: Tokenizer,
    prompt: str,
    max_new_tokens: int,
    sampler: Sampler = GREEDY,
    stop_tokens: Sequence[int] = (),
) -> str:
    """Return the continuation of `prompt`, without the prompt and without the stop token."""
    return "".join(stream_text(model, tokenizer, prompt, max_new_tokens, sampler, stop_tokens))


@torch.inference_mode()
def beam_search(
    model: GPT, prompt: Sequence[int], max_new_tokens: int, width: int, stop_tokens: Sequence[int] = ()
) -> list[tuple[list[int], float]]:
    """Keep the `width` likeliest continuations at each step; return them with their log-probabilities, the best first.

    Lowerre 1976, "The HARPY speech recognition system". A continuation that has met a stop token stays as it is.
    """
    model = check_prompts(model, [prompt], max_new_tokens)
    require(isinstance(width, int) and width >= 1, f"width is {width!r}; it takes a whole number from 1 on")
    device, cache = model.token_embedding.weight.device, KVCache(model, 1)
    growing: list[tuple[list[int], float]] = [([], 0.0)]
    ended: list[tuple[list[int], float]] = []
    with evaluating(model):
        for _ in range(max_new_tokens):
            idx = torch.tensor([[*prompt, *ids] for ids, _ in growing], device=device)
            best = next_logits(model, idx, None, cache).log_softmax(-1).topk(min(width, model.config.vocab_size))
            longer = [
                ([*ids, token], total + gained, row)
                for row, (ids, total) in enumerate(growing)
                for gained, token in zip(best.values[row].tolist(), best.indices[row].tolist(), strict=True)
            ]
            # Those that have ended stay in the race, but only while `width` others aren't likelier.
            kept = sorted([*longer, *((*beam, -1) for beam in ended)], key=lambda beam: -beam[1])[:width]
            ended = [(ids, total) for ids, total, _ in kept if ids[-1] in stop_tokens]
            growing = [(ids, total) for ids, total, _ in kept if ids[-1] not in stop_tokens]
            if not growing:
                break
            # Each text takes the keys and values of the text that it continues along, to its own row.
            rows = [row for ids, _, row in kept if ids[-1] not in stop_tokens]
            cache.layers = [(keys[rows], values[rows]) for keys, values in cache.layers]
    return sorted([*ended, *growing], key=lambda beam: -beam[1])
