"""A GPT in GPT-2's form, read from top to bottom: configuration, cache, attention, LayerNorm, MLP, block, model.

Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.3. Two switches: positions are
learned (GPT-2) or rotary (GPT-NeoX), and the output weights are those of the token embedding (tied) or their own.
"""

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from operator import index

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.common import require
from course_utils.positions import rotary_table, rotate


@dataclass(frozen=True)
class GPTConfig:
    """The sizes of a GPT, checked when made. `n_embd` is the length of a token's vector, called C in shapes.

    >>> GPTConfig(vocab_size=50_257, context_length=1024, n_layer=12, n_head=12, n_embd=768).head_dim
    64
    """

    vocab_size: int
    context_length: int
    n_layer: int
    n_head: int
    n_embd: int
    _: KW_ONLY  # the rest by name only: GPTConfig(50_257, 1024, 12, 12, 768, 0.1) would hide what 0.1 is
    dropout: float = 0.0
    positions: str = "learned"
    tied: bool = True

    def __post_init__(self) -> None:
        for name in ("vocab_size", "context_length", "n_layer", "n_head", "n_embd"):
            object.__setattr__(self, name, whole_number(name, getattr(self, name)))
        heads = f"n_embd is {self.n_embd} and n_head is {self.n_head}; each head takes an equal share, so n_head must"
        require(self.n_embd % self.n_head == 0, f"{heads} divide n_embd")
        require(
            0.0 <= self.dropout < 1.0,
            f"dropout is {self.dropout}; it takes a fraction from 0 up to, not including, 1",
        )
        object.__setattr__(self, "dropout", float(self.dropout))  # a checkpoint keeps it as JSON, which has no float32
        require(self.tied in (True, False), f"tied is {self.tied!r}; it takes True or False")
        object.__setattr__(self, "tied", bool(self.tied))
        kinds = ("learned", "rotary")
        require(self.positions in kinds, f"positions is {self.positions!r}; it takes one of {', '.join(kinds)}")
        even = self.positions != "rotary" or self.head_dim % 2 == 0
        require(even, f"rotary positions rotate pairs: n_embd / n_head is {self.head_dim}, make it even")

    @property
    def head_dim(self) -> int:
        """The length of one head's vectors, called D in shapes."""
        return self.n_embd // self.n_head


def whole_number(name: str, value: int) -> int:
    """Return a size as Python's own integer, so that JSON can keep it; it may be NumPy's.

    >>> whole_number("n_layer", torch.tensor(3))
    3
    """
    try:
        number = index(value)  # takes every kind of integer, but no 2.0
    except TypeError:
        number = 0
    require(number >= 1 and not isinstance(value, bool), f"{name} is {value!r}; it takes a whole number from 1 on")
    return number


class KVCache:
    """Keys and values of the tokens read so far, so that a new token costs one step instead of a whole pass.

    `layers` holds a pair (keys, values) for each layer, (B, n_head, context_length, D) each; the first `length`
    positions are filled. Where queries share keys and values, there are fewer heads of those.
    """

    def __init__(self, model: "GPT", batch_size: int) -> None:
        config = model.config
        weight = model.token_embedding.weight  # what is made from it has its dtype and device
        n_head = getattr(config, "kv_heads", config.n_head)  # a Llama may have fewer keys and values than queries
        shape = (batch_size, n_head, config.context_length, config.head_dim)
        # All the room at once: growing a tensor by a token would copy the whole of it every time.
        self.layers = [(weight.new_empty(shape), weight.new_empty(shape)) for _ in range(config.n_layer)]
        self.length = 0

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store this layer's new keys and values, (B, n_head, T, D), and return all of its own up to here."""
        start = self.length  # all layers store at the same positions; `GPT` moves on once they have
        T = keys.shape[2]
        all_keys, all_values = self.layers[layer]
        # `narrow` is a slice without the cost of Python's brackets, which shows when T is 1.
        all_keys.narrow(2, start, T).copy_(keys)
        all_values.narrow(2, start, T).copy_(values)
        return all_keys.narrow(2, 0, start + T), all_values.narrow(2, 0, start + T)


@dataclass
class Context:
    """What attention needs to know besides the vectors, the same in every layer.

    `mask` as `attend` takes it; `cos` and `sin` rotate queries and keys, where positions are rotary; with a `cache`,
    the keys and values of earlier tokens are read from it and those of the new ones added.
    """

    mask: Tensor | None = None
    cos: Tensor | None = None
    sin: Tensor | None = None
    cache: KVCache | None = None


PLAIN = Context()  # a text by itself, read whole: causal, positions already in the vectors


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, dropout: float = 0.0) -> Tensor:
    """Scaled dot-product attention (Vaswani et al. 2017, equation 1): queries, keys, values to (B, H, T, D).

    `mask` is True where a query may attend, (T, S) or broadcast to (B, H, T, S); None means causal. A query that may
    attend to nothing gets zeros. A `mask` of floating point numbers is added to the scores, -inf where it forbids.
    Heads and texts may be left out: (T, D) and (S, D) are one head of one text.
    """
    T, S = q.shape[-2], k.shape[-2]
    if mask is None and T > S:
        raise ValueError(f"attention got {T} queries and {S} keys; without a mask the queries are the last of the keys")
    if mask is None and 1 < T < S:
        # Our queries are the last of the keys. PyTorch's own causal mask would take them for the first.
        mask = causal_mask(T, S, q.device)
    if mask is not None and not mask.is_floating_point():
        mask = mask.bool()  # it may be made of 0 and 1
    # On a CPU the fused form is made for float32 and long texts; short ones in bfloat16 are faster written out.
    if q.dtype == torch.bfloat16 and q.device.type == "cpu" and S <= 512:
        return written_out_attention(q, k, v, mask, dropout)
    if mask is not None and mask.is_floating_point():
        mask = mask.to(q.dtype)  # the fused form takes no other
    # A single query may attend to all keys, itself included: there is nothing to mask.
    return F.scaled_dot_product_attention(q, k, v, mask, dropout, is_causal=mask is None and bool(T > 1))


def written_out_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout: float) -> Tensor:
    """The same as `attend`, one line for each step of the formula."""
    # Dividing the queries is cheaper than dividing the scores: there are fewer of them.
    scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-2, -1)  # (B, H, T, S)
    allowed = causal_mask(q.shape[-2], k.shape[-2], q.device) if mask is None else mask
    # A row of -inf alone would be 0 / 0. The smallest finite number keeps it finite, and the last line clears it.
    # Adding it costs one pass over the scores; filling it in would cost three, on the way back too.
    lowest = torch.finfo(scores.dtype).min
    if allowed.is_floating_point():
        added, allowed = allowed.clamp(min=lowest), allowed > -torch.inf
    else:
        added = torch.zeros_like(allowed, dtype=scores.dtype).masked_fill(~allowed, lowest)
    weights = torch.softmax(scores + added, dim=-1)
    if mask is not None:
        weights = weights * allowed.any(-1, keepdim=True)
    return F.dropout(weights.to(v.dtype), dropout) @ v  # (B, H, T, D)


def causal_mask(n_queries: int, n_keys: int, device: torch.device | None = None) -> Tensor:
    """True where a query may attend: itself and before. The queries are the last of the keys. (n_queries, n_keys)

    >>> causal_mask(2, 3).int().tolist()
    [[1, 1, 0], [1, 1, 1]]
    """
    return torch.ones(n_queries, n_keys, dtype=torch.bool, device=device).tril(n_keys - n_queries)


class Linear(nn.Linear):
    """nn.Linear that says what is special about its weight, for those who draw or train weights.

    `residual`: the output is added to the residual stream. `parts`: so many matrices lie in it, one below the other.
    """

    def __init__(self, n_in: int, n_out: int, *, residual: bool = False, parts: int = 1) -> None:
        super().__init__(n_in, n_out)
        self.residual = residual
        self.parts = parts


class Attention(nn.Module):
    """Causal multi-head self-attention (Vaswani et al. 2017, figure 2, with a mask): (B, T, C) -> (B, T, C)."""

    def __init__(self, config: GPTConfig, layer: int = 0) -> None:
        super().__init__()
        self.n_head = config.n_head
        self.dropout = config.dropout
        self.layer = layer  # which of the cache's pairs of keys and values are its own
        # One product of matrices in place of three: queries, keys and values, one below the other.
        self.qkv = Linear(config.n_embd, 3 * config.n_embd, parts=3)
        self.proj = Linear(config.n_embd, config.n_embd, residual=True)

    def forward(self, x: Tensor, context: Context = PLAIN) -> Tensor:
        B, T, C = x.shape
        qkv = self.qkv(x).view(B, T, 3, self.n_head, C // self.n_head)  # (B, T, 3, H, D)
        q, k, v = qkv.transpose(1, 3).unbind(2)  # three of (B, H, T, D)
        if context.cos is not None:
            # Rotated before they are cached: a key keeps the angle of the position it was read at.
            q = rotate(q, context.cos, context.sin)
            k = rotate(k, context.cos, context.sin)
        if context.cache is not None:
            k, v = context.cache.extend(self.layer, k, v)  # (B, H, S, D): all tokens so far
        heads = attend(q, k, v, context.mask, self.dropout if self.training else 0.0)  # (B, H, T, D)
        # Side by side again, the heads fill a vector; the projection lets them mix.
        return self.proj(heads.transpose(1, 2).reshape(B, T, C))


class LayerNorm(nn.Module):
    """Shift and scale each vector to mean 0 and variance 1, then by learned amounts (Ba et al. 2016, equation 4)."""

    def __init__(self, n_embd: int, eps: float = 1e-5) -> None:
        super().__init__()
        # At the start the learned amounts change nothing.
        self.weight = nn.Parameter(torch.ones(n_embd))
        self.bias = nn.Parameter(torch.zeros(n_embd))
        self.shape = (n_embd,)
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.shape, self.weight, self.bias, self.eps)


class MLP(nn.Module):
    """Each vector on its own: up to four times its length, GELU, and down again. (B, T, C) -> (B, T, C)"""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.up = Linear(config.n_embd, 4 * config.n_embd)
        self.down = Linear(4 * config.n_embd, config.n_embd, residual=True)

    def forward(self, x: Tensor) -> Tensor:
        # GPT-2 uses the tanh form of GELU (Hendrycks and Gimpel 2016, section 2).
        return self.down(F.gelu(self.up(x), approximate="tanh"))


class Block(nn.Module):
    """One layer: tokens exchange information (attention), then each is worked on alone (MLP); both are added.

    The norm comes before each of the two, as in GPT-2; in the 2017 transformer it came after (Xiong et al. 2020).
    """

    def __init__(self, config: GPTConfig, layer: int = 0) -> None:
        super().__init__()
        self.attn_norm = LayerNorm(config.n_embd)
        self.attn = Attention(config, layer)
        self.mlp_norm = LayerNorm(config.n_embd)
        self.mlp = MLP(config)
        self.dropout = config.dropout

    def forward(self, x: Tensor, context: Context = PLAIN) -> Tensor:
        # Each branch reads a normalised copy and adds to x itself: the way straight through stays open.
        x = x + self.drop(self.attn(self.attn_norm(x), context))
        return x + self.drop(self.mlp(self.mlp_norm(x)))

    def drop(self, x: Tensor) -> Tensor:
        """Dropout, which costs nothing where there is none."""
        return F.dropout(x, self.dropout) if self.training and self.dropout else x


class GPT(nn.Module):
    """Token ids in, for each position the scores (logits) of the next token out: (B, T) -> (B, T, vocab_size).

    >>> GPT(GPTConfig(vocab_size=100, context_length=8, n_layer=2, n_head=2, n_embd=16))(torch.zeros(3, 5).long()).shape
    torch.Size([3, 5, 100])
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.n_embd)
        if config.positions == "learned":
            self.position_embedding = nn.Embedding(config.context_length, config.n_embd)
        else:
            # A buffer goes where the model goes, but it is not learned, nor saved: it can be made again.
            self.register_buffer("angles", rotary_table(config.context_length, config.head_dim), persistent=False)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.n_layer))
        self.final_norm = LayerNorm(config.n_embd)
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        if config.tied:  # the same numbers for reading a token and for scoring it (Press and Wolf 2017)
            self.lm_head.weight = self.token_embedding.weight
        initialise(self)

    def _apply(self, change: Callable[[Tensor], Tensor], recurse: bool = True) -> "GPT":
        super()._apply(change, recurse)
        if "angles" in self._buffers:
            # They stay float32 where the model becomes bfloat16: a large angle rounded is a wrong position.
            exact = rotary_table(self.config.context_length, self.config.head_dim)
            self.angles = exact.to(self.angles.device)
        return self

    def forward(self, idx: Tensor, cache: KVCache | None = None, attention_mask: Tensor | None = None) -> Tensor:
        return self.lm_head(self.hidden_states(idx, cache, attention_mask))

    def hidden_states(self, idx: Tensor, cache: KVCache | None = None, attention_mask: Tensor | None = None) -> Tensor:
        """Return what the model knows at each position, before the scores: (B, T) -> (B, T, C).

        With a `cache`, `idx` are the tokens after those it holds. `attention_mask`, (B, all tokens so far), is False,
        or 0, at padding.
        """
        start = check_shape(idx, cache, self.config.context_length)
        mask, position_ids = mask_and_positions(start, idx, attention_mask)
        x, cos, sin = self.embed(idx, position_ids)
        x = self.dropout(x)
        context = Context(mask, cos, sin, cache)  # made once, since it is the same for every layer
        for block in self.blocks:
            x = block(x, context)
        if cache:
            cache.length += idx.shape[1]
        return self.final_norm(x)

    def embed(self, idx: Tensor, position_ids: slice | Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return the vectors of tokens at their positions, (B, T, C), and the cos and sin of rotary ones."""
        x = lookup(self.token_embedding, idx)  # (B, T, C)
        if self.config.positions == "learned":
            return x + self.position_embedding.weight[position_ids], None, None
        angles = self.angles[position_ids].unsqueeze(-3)  # (1 or B, 1, T, D / 2): the 1 is for all heads
        return x, angles.cos().to(x.dtype), angles.sin().to(x.dtype)


def check_shape(idx: Tensor, cache: KVCache | None, context_length: int) -> int:
    """Return how many tokens the cache holds; a ValueError unless `idx` is (B, T) of ids for which there is room."""
    require(isinstance(idx, Tensor), f"token ids are a {type(idx).__name__}; a model reads a tensor, (B, T) of int64")
    whole = idx.dtype in (torch.int64, torch.int32)
    require(
        idx.dim() == 2 and whole,
        f"token ids are {tuple(idx.shape)} of {idx.dtype}; a model reads (B, T) of int64",
    )
    start = 0 if cache is None else tokens_before(cache, idx.shape[0])
    length = start + idx.shape[1]
    too_long = f"the text is {length} tokens long and the model's context holds {context_length}: shorten the text"
    require(1 <= length <= context_length, too_long if length else "the text is empty: give at least one token")
    return start


def tokens_before(cache: KVCache, texts: int) -> int:
    """Return how many tokens a cache holds; what is no cache, or one for another number of texts, is a ValueError."""
    # Other models take targets or a mask here. Asked by what it has: notebook 12 has a class of its own.
    says = "a model takes token ids and a KVCache; targets go to next_token_loss(model, (idx, targets)), a mask by name"
    require(hasattr(cache, "length"), f"the second argument is a {type(cache).__name__}; {says}")
    # A cache of one's own, as notebook 12 builds one, may hold nothing yet.
    rows = len(cache.layers[0][0]) if isinstance(cache, KVCache) else texts
    require(rows == texts, f"there are {texts} texts of token ids and the cache is for {rows}: make a new KVCache")
    return cache.length


def lookup(embedding: nn.Embedding, idx: Tensor) -> Tensor:
    """Return each id's row of the table, (B, T) -> (B, T, C); an id without a row is a ValueError on the CPU."""
    try:
        return F.embedding(idx, embedding.weight)
    except IndexError:  # asking before each lookup would cost time; a GPU stops at the lookup itself
        wrong = idx[(idx < 0) | (idx >= embedding.num_embeddings)][0]
        raise ValueError(f"token id {wrong} is outside the vocabulary of {embedding.num_embeddings}") from None


def mask_and_positions(start: int, idx: Tensor, attention_mask: Tensor | None) -> tuple[Tensor | None, slice | Tensor]:
    """Return the mask for tokens (B, T) after `start` others, as `attend` takes it, and their position ids.

    Padding is never attended to and takes no position: a text's positions are 0, 1, 2, … whatever precedes it in its
    row. Then position ids are (B, T); without padding they are a slice, the same for every row.
    """
    B, T = idx.shape
    if attention_mask is None:
        # Without a cache `attend` masks the future by itself, and faster than with a mask that is written out.
        mask = causal_mask(T, start + T, idx.device) if start and T > 1 else None
        return mask, slice(start, start + T)
    S = start + T
    require(isinstance(attention_mask, Tensor), f"attention_mask is a {type(attention_mask).__name__}, not a tensor")
    fits = attention_mask.shape in ((B, S), (1, S))
    found = f"attention_mask is {tuple(attention_mask.shape)}"
    require(fits, f"{found}; it marks each of ({B}, {S}) tokens: {start} before, {T} new")
    attention_mask = attention_mask.bool()
    mask = causal_mask(T, S, idx.device) & attention_mask[:, None, None, :]  # (B, 1, T, S)
    # Counting the tokens that are no padding gives each its position; padding in front gets 0, which nobody reads.
    return mask, (attention_mask.cumsum(-1) - 1).clamp(min=0)[:, start:]


@torch.no_grad()
def initialise(model: GPT, std: float = 0.02) -> None:
    """Draw fresh weights as GPT-2 does: normal with `std`, biases zero, and what is added to the stream scaled down.

    Radford et al. 2019, section 2.3: the weights of residual layers are scaled by 1 / sqrt(their number).
    """
    # Each layer adds to the stream twice. Scaled so, the sum of all has about the size of one.
    small = std / math.sqrt(2 * model.config.n_layer)
    for layer in model.modules():
        if layer is model.lm_head and model.config.tied:
            continue  # its weights are the embedding's, drawn already
        if isinstance(layer, nn.Embedding | nn.Linear):
            layer.weight.normal_(0.0, small if getattr(layer, "residual", False) else std)
        if isinstance(layer, nn.Linear) and layer.bias is not None:
            layer.bias.zero_()


def count_parameters(model: nn.Module) -> int:
    """Return how many numbers the model learns; tied weights count once."""
    return sum(weight.numel() for weight in model.parameters())
