"""The ladder of attention in four rungs: simplified, trainable, causal, multi-head (notebooks 06 to 09).

The idea is from Bahdanau et al. 2015; scaled dot products and heads are from Vaswani et al. 2017, section 3.2.
"""

import math

import torch
from torch import Tensor, nn

from course_utils.common import require

# The running example: six tokens, each a three-dimensional vector of how much it is a person, an action and a thing.
WORDS = ("Mara", "gave", "Finn", "the", "red", "kite")
VECTORS = ((0.9, 0.1, 0.2), (0.2, 0.9, 0.3), (0.8, 0.2, 0.1), (0.1, 0.1, 0.3), (0.1, 0.2, 0.8), (0.2, 0.3, 0.9))


def example() -> tuple[list[str], Tensor]:
    """Return the six words that notebooks 06 to 09 compute with, and their vectors (6, 3).

    >>> example()[0][-1], example()[1].shape
    ('kite', torch.Size([6, 3]))
    """
    return list(WORDS), torch.tensor(VECTORS)


def check_vectors(x: Tensor, weight: Tensor | None = None, context_length: int | None = None) -> None:
    """Raise a `ValueError` unless `x` is (B, T, C) in floating point, and fits a layer with this weight and context."""
    # Without this, token ids or a single text (T, C) would end in an error from deep inside a matrix product.
    is_vectors = x.dim() == 3 and x.is_floating_point()
    require(is_vectors, f"attention got {tuple(x.shape)} of {x.dtype}; it takes (B, T, C) of floating point numbers")
    B, T, C = x.shape
    fits = context_length is None or context_length >= T
    require(fits, f"attention got {T} tokens, shape {(B, T, C)}; its context_length is {context_length}: shorten it")
    if weight is not None:
        takes = weight.shape[1]
        require(takes == C, f"attention got vectors of {C} numbers, shape {(B, T, C)}; this layer takes {takes}")
        # Under autocast PyTorch converts by itself, so there the dtypes may differ.
        alike = x.device == weight.device and (x.dtype == weight.dtype or torch.is_autocast_enabled(x.device.type))
        layer = f"this layer's weights are {weight.dtype} on {weight.device}: move one to the other with .to()"
        require(alike, f"attention got {(B, T, C)} of {x.dtype} on {x.device}; {layer}")


class SimplifiedSelfAttention(nn.Module):
    """Each token becomes a mixture of all tokens, the most similar ones weighing most. (B, T, C) -> (B, T, C)

    There's nothing to learn yet.

    >>> SimplifiedSelfAttention()(torch.zeros(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    def forward(self, x: Tensor) -> Tensor:
        check_vectors(x)
        scores = x @ x.transpose(-2, -1)  # (B, T, T): row i says how similar token i is to each token
        weights = torch.softmax(scores, dim=-1)  # rows sum to 1, so each output is a weighted mean
        return weights @ x  # (B, T, C)


class SelfAttention(nn.Module):
    """Self-attention that learns what to compare and what to mix: queries, keys, values. (B, T, C) -> (B, T, D)

    Vaswani et al. 2017, equation 1: softmax(Q Kᵀ / √D) V.

    >>> SelfAttention(n_embd=4, head_dim=2)(torch.zeros(2, 3, 4)).shape
    torch.Size([2, 3, 2])
    """

    def __init__(self, n_embd: int, head_dim: int, *, bias: bool = False) -> None:
        super().__init__()
        # Three layers, so that what a token looks for, what it offers and what it hands over may differ.
        self.query = nn.Linear(n_embd, head_dim, bias=bias)
        self.key = nn.Linear(n_embd, head_dim, bias=bias)
        self.value = nn.Linear(n_embd, head_dim, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        check_vectors(x, self.query.weight)
        q, k, v = self.query(x), self.key(x), self.value(x)  # three of (B, T, D)
        # Sums of D products spread like √D. Undivided, softmax gives nearly all to one token, and gradients vanish.
        scores = q @ k.transpose(-2, -1) / math.sqrt(k.shape[-1])  # (B, T, T)
        weights = torch.softmax(scores, dim=-1)
        return weights @ v  # (B, T, D)


class CausalAttention(nn.Module):
    """Self-attention in which no token sees a later one, with dropout on the weights. (B, T, C) -> (B, T, D)"""

    def __init__(
        self, n_embd: int, head_dim: int, context_length: int, *, dropout: float = 0.0, bias: bool = False
    ) -> None:
        super().__init__()
        self.query = nn.Linear(n_embd, head_dim, bias=bias)
        self.key = nn.Linear(n_embd, head_dim, bias=bias)
        self.value = nn.Linear(n_embd, head_dim, bias=bias)
        self.dropout = nn.Dropout(dropout)
        # A buffer isn't learned, but moves to another device with the model. It can be made again, so it's not saved.
        future = torch.ones(context_length, context_length, dtype=torch.bool).triu(1)
        self.register_buffer("future", future, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        check_vectors(x, self.query.weight, len(self.future))
        T = x.shape[1]
        q, k, v = self.query(x), self.key(x), self.value(x)  # three of (B, T, D)
        scores = q @ k.transpose(-2, -1) / math.sqrt(k.shape[-1])  # (B, T, T)
        # Before softmax: it turns -inf into exactly 0, and the weights of the past still sum to 1.
        scores = scores.masked_fill(self.future[:T, :T], float("-inf"))
        # Dropping weights makes the head rely on more than one token. In evaluation mode nothing is dropped.
        weights = self.dropout(torch.softmax(scores, dim=-1))
        return weights @ v  # (B, T, D)


class MultiHeadAttention(nn.Module):
    """Several causal heads side by side, each with C / n_head dimensions, then mixed. (B, T, C) -> (B, T, C)

    Vaswani et al. 2017, section 3.2.2. One projection gives the queries, keys and values of all heads.
    """

    def __init__(
        self, n_embd: int, n_head: int, context_length: int, *, dropout: float = 0.0, bias: bool = True
    ) -> None:
        super().__init__()
        divides = n_head >= 1 and n_embd % n_head == 0
        require(divides, f"n_embd is {n_embd} and n_head is {n_head}; n_head must divide n_embd")
        self.n_head = n_head
        # One large matrix product keeps the hardware busier than three small ones for each head.
        self.qkv = nn.Linear(n_embd, 3 * n_embd, bias=bias)
        # Until here no head knows what the others found: this layer mixes their results.
        self.proj = nn.Linear(n_embd, n_embd, bias=bias)
        self.dropout = nn.Dropout(dropout)
        future = torch.ones(context_length, context_length, dtype=torch.bool).triu(1)
        self.register_buffer("future", future, persistent=False)

    def forward(self, x: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """`attention_mask` (B, T) is False at padding; a token that may attend to nothing gets zeros."""
        check_vectors(x, self.proj.weight, len(self.future))
        B, T, C = x.shape
        # Heads become a batch dimension, so that each is computed on its own, all in one matrix product.
        q, k, v = self.qkv(x).view(B, T, 3, self.n_head, C // self.n_head).permute(2, 0, 3, 1, 4)  # (B, H, T, D) each
        scores = q @ k.transpose(-2, -1) / math.sqrt(k.shape[-1])  # (B, H, T, T)
        masked = self.future[:T, :T]
        if attention_mask is not None:
            check_mask(attention_mask, x)
            # By key: no query may attend to padding. The queries at padding give numbers that nobody uses.
            masked = masked | ~attention_mask[:, None, None, :].bool()  # (B, 1, T, T)
        # Not -inf: in a row that's masked everywhere softmax would divide 0 by 0. The lowest number gives weights
        # there too, which the second `masked_fill` sets to 0.
        weights = torch.softmax(scores.masked_fill(masked, torch.finfo(scores.dtype).min), dim=-1)
        heads = self.dropout(weights.masked_fill(masked, 0.0)) @ v  # (B, H, T, D)
        # Back to (B, T, H, D) first: reshaping (B, H, T, D) at once would mix up tokens and heads.
        return self.proj(heads.transpose(1, 2).reshape(B, T, C))


def check_mask(attention_mask: Tensor, x: Tensor) -> None:
    """Raise a `ValueError` unless the mask has an entry for each token of `x`, (B, T, C), on the same device."""
    B, T, _ = x.shape
    # A mask of (1, T) or (B, 1) would broadcast without an error, and mask what nobody asked for.
    fits = attention_mask.shape == (B, T) and attention_mask.device == x.device
    found = f"attention_mask is {tuple(attention_mask.shape)} on {attention_mask.device}"
    require(fits, f"{found}; it marks each of ({B}, {T}) tokens, on {x.device}")
