"""The ladder of attention, four rungs: simplified, trainable, causal, multi-head (notebooks 06 to 09).

Bahdanau et al. 2015 had the idea; scaled dot products and heads are from Vaswani et al. 2017, section 3.2.
"""

import math

import torch
from torch import Tensor, nn

from course_utils.common import require

# The running example: six tokens, each with three numbers, which say how much of a person, a deed and a thing it is.
WORDS = ("Mara", "gave", "Finn", "the", "red", "kite")
VECTORS = ((0.9, 0.1, 0.2), (0.2, 0.9, 0.3), (0.8, 0.2, 0.1), (0.1, 0.1, 0.3), (0.1, 0.2, 0.8), (0.2, 0.3, 0.9))


def example() -> tuple[list[str], Tensor]:
    """Return the six words that notebooks 06 to 09 compute with, and their vectors (6, 3).

    >>> example()[0][-1], example()[1].shape
    ('kite', torch.Size([6, 3]))
    """
    return list(WORDS), torch.tensor(VECTORS)


def check_vectors(x: Tensor, weight: Tensor | None = None, context_length: int | None = None) -> None:
    """Raise ValueError unless `x` is (B, T, C) of floating point numbers, and a layer with this weight can take it."""
    is_vectors = x.dim() == 3 and x.is_floating_point()
    require(is_vectors, f"attention got {tuple(x.shape)} of {x.dtype}; it takes (B, T, C) of floating point numbers")
    B, T, C = x.shape
    fits = context_length is None or context_length >= T
    require(fits, f"attention got {T} tokens, shape {(B, T, C)}; its context_length is {context_length}: shorten it")
    if weight is not None:
        takes = weight.shape[1]
        require(takes == C, f"attention got vectors of {C} numbers, shape {(B, T, C)}; this layer takes {takes}")
        alike = x.device == weight.device and (x.dtype == weight.dtype or torch.is_autocast_enabled(x.device.type))
        layer = f"this layer's weights are {weight.dtype} on {weight.device}: move one to the other with .to()"
        require(alike, f"attention got {(B, T, C)} of {x.dtype} on {x.device}; {layer}")


class SimplifiedSelfAttention(nn.Module):
    """Each token becomes a mixture of all tokens, the more alike the heavier; nothing to learn. (B, T, C) -> (B, T, C)

    >>> SimplifiedSelfAttention()(torch.zeros(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    def forward(self, x: Tensor) -> Tensor:
        check_vectors(x)
        scores = x @ x.transpose(-2, -1)  # (B, T, T): row i, how much token i is like each
        weights = torch.softmax(scores, dim=-1)  # rows sum to 1
        return weights @ x  # (B, T, C)


class SelfAttention(nn.Module):
    """The same with what is compared, and what is mixed, learned: queries, keys, values. (B, T, C) -> (B, T, D)

    Vaswani et al. 2017, equation 1: softmax(Q Kᵀ / √D) V.

    >>> SelfAttention(n_embd=4, head_dim=2)(torch.zeros(2, 3, 4)).shape
    torch.Size([2, 3, 2])
    """

    def __init__(self, n_embd: int, head_dim: int, *, bias: bool = False) -> None:
        super().__init__()
        self.query = nn.Linear(n_embd, head_dim, bias=bias)
        self.key = nn.Linear(n_embd, head_dim, bias=bias)
        self.value = nn.Linear(n_embd, head_dim, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        check_vectors(x, self.query.weight)
        q, k, v = self.query(x), self.key(x), self.value(x)  # three of (B, T, D)
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
        # A buffer moves with the model to another device, and is not learned; it can be made again, so it is not saved.
        future = torch.ones(context_length, context_length, dtype=torch.bool).triu(1)
        self.register_buffer("future", future, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        check_vectors(x, self.query.weight, len(self.future))
        T = x.shape[1]
        q, k, v = self.query(x), self.key(x), self.value(x)  # three of (B, T, D)
        scores = q @ k.transpose(-2, -1) / math.sqrt(k.shape[-1])  # (B, T, T)
        scores = scores.masked_fill(self.future[:T, :T], float("-inf"))
        weights = self.dropout(torch.softmax(scores, dim=-1))
        return weights @ v  # (B, T, D)


class MultiHeadAttention(nn.Module):
    """Several causal heads side by side, each on a share of the vector, then mixed. (B, T, C) -> (B, T, C)

    Vaswani et al. 2017, section 3.2.2. One projection gives all queries, keys and values.
    """

    def __init__(
        self, n_embd: int, n_head: int, context_length: int, *, dropout: float = 0.0, bias: bool = True
    ) -> None:
        super().__init__()
        divides = n_head >= 1 and n_embd % n_head == 0
        require(divides, f"n_embd is {n_embd} and n_head is {n_head}; each head takes an equal share of n_embd")
        self.n_head = n_head
        self.qkv = nn.Linear(n_embd, 3 * n_embd, bias=bias)
        self.proj = nn.Linear(n_embd, n_embd, bias=bias)
        self.dropout = nn.Dropout(dropout)
        future = torch.ones(context_length, context_length, dtype=torch.bool).triu(1)
        self.register_buffer("future", future, persistent=False)

    def forward(self, x: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """`attention_mask` (B, T) is False at padding; a token with nothing to attend to gets zeros."""
        check_vectors(x, self.proj.weight, len(self.future))
        B, T, C = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.n_head, C // self.n_head).permute(2, 0, 3, 1, 4)  # (B, H, T, D) each
        scores = q @ k.transpose(-2, -1) / math.sqrt(k.shape[-1])  # (B, H, T, T)
        masked = self.future[:T, :T]
        if attention_mask is not None:
            check_mask(attention_mask, x)
            masked = masked | ~attention_mask[:, None, None, :].bool()  # (B, 1, T, T)
        # The lowest number in place of -inf: where all of a row is masked, -inf would give 0 / 0. Zeros come after.
        weights = torch.softmax(scores.masked_fill(masked, torch.finfo(scores.dtype).min), dim=-1)
        heads = self.dropout(weights.masked_fill(masked, 0.0)) @ v  # (B, H, T, D)
        return self.proj(heads.transpose(1, 2).reshape(B, T, C))


def check_mask(attention_mask: Tensor, x: Tensor) -> None:
    """Raise ValueError unless the mask has an entry for each token of `x`, (B, T, C), on the same device."""
    B, T, _ = x.shape
    fits = attention_mask.shape == (B, T) and attention_mask.device == x.device
    found = f"attention_mask is {tuple(attention_mask.shape)} on {attention_mask.device}"
    require(fits, f"{found}; it marks each of ({B}, {T}) tokens, on {x.device}")
