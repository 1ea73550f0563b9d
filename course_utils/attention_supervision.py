"""Telling two heads where to look: a loss on attention weights beside that on the next token.

Whether the thing in a question stands in the tale is an exclusive or: neither the question nor the tale alone makes a
refusal likelier, so at first no gradient asks any head to compare the two, and thousands of steps can pass by. A loss
that says where to look makes the comparison; what follows from it is learned as ever. Attention was first supervised
for translation (Liu et al. 2016, "Neural Machine Translation with Supervised Attention", section 3).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.common import require
from course_utils.gpt import GPT, Attention, causal_mask
from course_utils.template import ASSISTANT, USER
from course_utils.tokenizers import Tokenizer
from course_utils.training import Batch, count_targets, lean_loss, next_token_loss

START = 4  # tokens at the start of a reply in which it is decided what kind of reply it is


def word_ids(tokenizer: Tokenizer, words: Iterable[str]) -> list[int]:
    """Return the ids of these words, as they stand within a sentence; each must be a single token.

    >>> from course_utils.recipe import tales_tokenizer
    >>> word_ids(tales_tokenizer(1862), ["kite"])
    [520]
    """
    ids = {word: tokenizer.encode(f" {word}") for word in words}
    parts = {word: found for word, found in ids.items() if len(found) != 1}
    require(len(ids) > 0 and not parts, f"words of one token each are needed; it got {parts or 'none'}")
    return [found[0] for found in ids.values()]


def log_weights(attn: Attention, x: Tensor, head: int) -> Tensor:
    """Return the logarithms of one head's attention weights, for what the layer was given: (B, T, C) -> (B, T, T)."""
    size = x.shape[-1] // attn.n_head
    q, k, _ = attn.qkv(x).float().chunk(3, dim=-1)  # by the layer itself, which may carry an adapter
    of_head = slice(head * size, (head + 1) * size)
    scores = q[..., of_head] @ k[..., of_head].transpose(1, 2) / math.sqrt(size)
    return scores.masked_fill(~causal_mask(*scores.shape[1:], scores.device), -torch.inf).log_softmax(dim=-1)


def earlier_mentions(ids: Tensor) -> Tensor:
    """Return where each token stood before, True in its row; where it did not, the first place. (B, T) -> (B, T, T)

    >>> earlier_mentions(torch.tensor([[7, 5, 5]])).int().tolist()
    [[[1, 0, 0], [1, 0, 0], [0, 1, 0]]]
    """
    before = causal_mask(ids.shape[1], ids.shape[1], ids.device).tril(-1)
    same = (ids[:, :, None] == ids[:, None, :]) & before
    same[:, :, 0] |= ~same.any(dim=-1)
    return same


def missed(log_weight: Tensor, targets: Tensor, rows: Tensor) -> Tensor:
    """Return minus the mean log of the weight on `targets` (B, T, T), over the `rows` (B, T) that count; 0 if none do.

    >>> uniform = torch.full((1, 2, 2), 0.5).log()
    >>> round(missed(uniform, torch.tensor([[[True, False]] * 2]), torch.tensor([[True, False]])).item(), 2)
    0.69
    """
    there = log_weight.masked_fill(~targets, -torch.inf).logsumexp(dim=-1)
    return -there[rows].sum() / rows.sum().clamp(min=1)


class SupervisedAttention:
    """A loss for `train`: the next token's, and `weight` times what two heads miss of where they are told to look.

    The first looks from each of `words` to where the word stood before, and to the first token if nowhere: a
    duplicate-token head (Wang et al. 2022, "Interpretability in the Wild", section 3.1). The second, in a later layer,
    looks from the start of a reply back to the last of `words` in what was asked, and so brings along what the first
    has found. `heads` are (layer, head) of the two, counted from 0. On validation data it's the next token's loss.
    """

    def __init__(
        self, tokenizer: Tokenizer, words: Sequence[str], heads: Sequence[tuple[int, int]], *, weight: float = 0.2
    ) -> None:
        ordered = len(heads) == 2 and heads[0][0] < heads[1][0]
        require(ordered, f"heads are {heads}; it takes two (layer, head), the second in a later layer")
        require(weight >= 0, f"weight is {weight}; it takes 0 or more")
        self.words = torch.tensor(word_ids(tokenizer, words))
        self.user, self.assistant = (tokenizer.special_tokens[name] for name in (USER, ASSISTANT))
        self.heads, self.weight = heads, weight
        self.missed: list[float] = []  # of the two heads, in the latest batch

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the losses of a batch (inputs, targets), (B, T) each, added up."""
        if not model.training:
            return next_token_loss(model, batch)
        with self.listening(model) as heard:
            loss = lean_loss(model, batch)
        found = [log_weights(*heard[layer], head) for layer, head in self.heads]
        misses = [missed(*args) for args in zip(found, *zip(*self.wanted(batch[0]), strict=True), strict=True)]
        self.missed = [miss.item() for miss in misses]
        return loss + self.weight * sum(misses) * count_targets(batch)

    def wanted(self, ids: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return for each of the two heads where it is to look, (B, T, T), and from which tokens, (B, T)."""
        is_word = torch.isin(ids, self.words.to(ids.device))
        is_word[:, 0] = False  # before the first token there's nothing to look at
        return [(earlier_mentions(ids), is_word), self.word_asked(ids, is_word)]

    def word_asked(self, ids: Tensor, is_word: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last word of what the user said, seen from the first tokens of each reply, and those tokens."""
        places = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
        # The latest of each by a running maximum; what the user says without any of the words stands for itself.
        word = torch.where(is_word | (ids == self.user), places, 0).cummax(dim=1).values
        reply = torch.where(ids == self.assistant, places, -START).cummax(dim=1).values
        asked = word.gather(1, reply.clamp(min=0))
        rows = (places - reply < START) & is_word.gather(1, asked)
        return F.one_hot(asked, ids.shape[1]).bool(), rows

    @contextmanager
    def listening(self, model: nn.Module) -> Iterator[dict[int, tuple[Attention, Tensor]]]:
        """Collect what the attention of the two layers is given, while the model runs."""
        require(isinstance(model, GPT), f"supervised attention got a {type(model).__name__}; it takes a plain GPT")
        learned = model.config.positions == "learned"
        require(learned, "supervised attention got a GPT whose positions are rotary; it takes learned ones")
        fits = all(0 <= l < model.config.n_layer and 0 <= h < model.config.n_head for l, h in self.heads)
        require(fits, f"heads are {self.heads}; the model has {model.config.n_layer} layers of {model.config.n_head}")
        heard: dict[int, tuple[Attention, Tensor]] = {}
        hooks = [
            model.blocks[layer].attn.register_forward_pre_hook(
                lambda attn, args, layer=layer: heard.__setitem__(layer, (attn, args[0]))
            )
            for layer, _ in self.heads
        ]
        try:
            yield heard
        finally:
            for hook in hooks:
                hook.remove()
