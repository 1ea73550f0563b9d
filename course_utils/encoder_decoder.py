"""The transformer of 2017, both halves: an encoder that sees a whole text, and a decoder that writes with an eye on it.

Vaswani et al. 2017, "Attention Is All You Need", section 3, of the parts of `gpt.py`. One thing is as in GPT-2 and not
as in the paper: the norm comes before each layer, and once more at the end of each half (Xiong et al. 2020).
"""

import warnings
from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.common import require
from course_utils.gpt import (
    PLAIN,
    Block,
    Context,
    GPTConfig,
    KVCache,
    LayerNorm,
    Linear,
    attend,
    check_shape,
    initialise,
    lookup,
    mask_and_positions,
)


class CrossAttention(nn.Module):
    """Queries from one text, keys and values from another: (B, T, C) and (B, S, C) to (B, T, C).

    Vaswani et al. 2017, section 3.2.3: "encoder-decoder attention". There's no causal mask: all of the source is known.
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.n_head = config.n_head
        self.dropout = config.dropout
        self.query = Linear(config.n_embd, config.n_embd)
        # Keys and values, one below the other.
        self.kv = Linear(config.n_embd, 2 * config.n_embd, parts=2)
        self.proj = Linear(config.n_embd, config.n_embd, residual=True)

    def keys_values(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Return the source's keys and values, (B, H, S, D) each: the same for each word that is written."""
        B, S, C = memory.shape
        kv = self.kv(memory).view(B, S, 2, self.n_head, C // self.n_head)  # (B, S, 2, H, D)
        k, v = kv.transpose(1, 3).unbind(2)
        return k, v

    def forward(self, x: Tensor, source: tuple[Tensor, Tensor], source_mask: Tensor) -> Tensor:
        """`source_mask` (B, 1, 1, S) is False at padding."""
        B, T, C = x.shape
        q = self.query(x).view(B, T, self.n_head, C // self.n_head).transpose(1, 2)  # (B, H, T, D)
        heads = attend(q, *source, source_mask, self.dropout if self.training else 0.0)  # (B, H, T, D)
        return self.proj(heads.transpose(1, 2).reshape(B, T, C))


class DecoderBlock(Block):
    """A GPT's block with a third part in the middle, which attends to the source. (B, T, C) -> (B, T, C)"""

    def __init__(self, config: GPTConfig, layer: int = 0) -> None:
        super().__init__(config, layer)
        self.cross_norm = LayerNorm(config.n_embd)
        self.cross = CrossAttention(config)

    def forward(
        self, x: Tensor, source: tuple[Tensor, Tensor], source_mask: Tensor, context: Context = PLAIN
    ) -> Tensor:
        x = x + self.drop(self.attn(self.attn_norm(x), context))
        x = x + self.drop(self.cross(self.cross_norm(x), source, source_mask))
        return x + self.drop(self.mlp(self.mlp_norm(x)))


class EncoderDecoder(nn.Module):
    """A source and the target so far in, the scores of the target's next token out: (B, S), (B, T) -> (B, T, V).

    Both languages share one vocabulary; `n_layer` is the number of blocks in each half.

    >>> config = GPTConfig(vocab_size=100, context_length=8, n_layer=2, n_head=2, n_embd=16)
    >>> EncoderDecoder(config)(torch.zeros(3, 7).long(), torch.zeros(3, 5).long()).shape
    torch.Size([3, 5, 100])
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        learned = config.positions == "learned"
        require(learned, f"positions is {config.positions!r}; an EncoderDecoder takes learned ones")
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.n_embd)
        self.position_embedding = nn.Embedding(config.context_length, config.n_embd)
        self.dropout = nn.Dropout(config.dropout)
        self.encoder_blocks = nn.ModuleList(Block(config, layer) for layer in range(config.n_layer))
        self.encoder_norm = LayerNorm(config.n_embd)
        self.decoder_blocks = nn.ModuleList(DecoderBlock(config, layer) for layer in range(config.n_layer))
        self.final_norm = LayerNorm(config.n_embd)
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        if config.tied:
            self.lm_head.weight = self.token_embedding.weight
        initialise(self)

    def forward(
        self, source: Tensor, idx: Tensor, source_mask: Tensor | None = None, attention_mask: Tensor | None = None
    ) -> Tensor:
        """`source_mask` (B, S) and `attention_mask` (B, T) are False, or 0, at padding, each on its own side."""
        require(len(source) == len(idx), f"there are {len(source)} sources and {len(idx)} targets: one for each")
        return self.given(source, source_mask)(idx, attention_mask=attention_mask)

    def encode(self, source: Tensor, source_mask: Tensor) -> Tensor:
        """Return a vector for each token of the source that has seen all the others: (B, S) -> (B, S, C)."""
        check_shape(source, None, self.config.context_length)
        x = self.embed(source, slice(0, source.shape[1]))
        # A GPT's own blocks. A mask that hides nothing but padding takes the place of the causal one.
        context = Context(mask=source_mask[:, None, None, :])  # (B, 1, 1, S)
        for block in self.encoder_blocks:
            x = block(x, context)
        return self.encoder_norm(x)

    def embed(self, idx: Tensor, position_ids: slice | Tensor) -> Tensor:
        """Return the sum of each token's vector and its position's: (B, T) -> (B, T, C)."""
        return self.dropout(lookup(self.token_embedding, idx) + self.position_embedding.weight[position_ids])

    def given(self, source: Tensor, source_mask: Tensor | None = None) -> "Given":
        """Return the decoder with this source (B, S) in view: a language model of its translation."""
        if source_mask is None:
            source_mask = torch.ones_like(source, dtype=torch.bool)
        fits = source_mask.shape == source.shape
        require(fits, f"source_mask is {tuple(source_mask.shape)}; it marks each of {tuple(source.shape)} tokens")
        source_mask = source_mask.bool()
        memory = self.encode(source, source_mask)
        return Given(self, [block.cross.keys_values(memory) for block in self.decoder_blocks], source_mask)


class Given(nn.Module):
    """A decoder that has a source in view. It's used as a `GPT` is: sampling, caches and beam search work unchanged.

    One source may serve several targets, as beam search asks.
    """

    def __init__(self, model: EncoderDecoder, layers: Sequence[tuple[Tensor, Tensor]], source_mask: Tensor) -> None:
        super().__init__()
        self.model = model
        self.config = model.config
        self.token_embedding, self.lm_head = model.token_embedding, model.lm_head
        self.layers = layers  # keys and values of the source, for each block
        self.source_mask = source_mask  # (B, S)
        self.train(model.training)  # a module starts in training mode, and would take the model along

    def forward(self, idx: Tensor, cache: KVCache | None = None, attention_mask: Tensor | None = None) -> Tensor:
        return self.lm_head(self.hidden_states(idx, cache, attention_mask))

    def hidden_states(self, idx: Tensor, cache: KVCache | None = None, attention_mask: Tensor | None = None) -> Tensor:
        """Return what the decoder knows at each position of the target: (B, T) -> (B, T, C)."""
        start = check_shape(idx, cache, self.config.context_length)
        mask, position_ids = mask_and_positions(start, idx, attention_mask)
        x = self.model.embed(idx, position_ids)
        source_mask, context = self.source_mask[:, None, None, :], Context(mask, cache=cache)
        for block, (k, v) in zip(self.model.decoder_blocks, self.layers, strict=True):
            source = k.expand(len(idx), *k.shape[1:]), v.expand(len(idx), *v.shape[1:])
            x = block(x, source, source_mask, context)
        if cache:
            cache.length += idx.shape[1]
        return self.model.final_norm(x)


def to_pytorch(model: EncoderDecoder) -> nn.Transformer:
    """Return PyTorch's own transformer with copies of the weights; it has no embeddings and no output layer."""
    C, L, table = model.config.n_embd, model.config.n_layer, model.token_embedding.weight
    form = {"dropout": model.config.dropout, "activation": partial(F.gelu, approximate="tanh"), "norm_first": True}
    where = {"device": table.device, "dtype": table.dtype}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that it does without a shortcut for padded texts
        theirs = nn.Transformer(C, model.config.n_head, L, L, 4 * C, batch_first=True, **form, **where)
    with torch.no_grad():
        for ours, other in zip(model.encoder_blocks, theirs.encoder.layers, strict=True):
            copy_block(ours, other)
        for ours, other in zip(model.decoder_blocks, theirs.decoder.layers, strict=True):
            copy_block(ours, other)
    theirs.encoder.norm.load_state_dict(model.encoder_norm.state_dict())
    theirs.decoder.norm.load_state_dict(model.final_norm.state_dict())
    return theirs


def copy_block(ours: Block, theirs: nn.Module) -> None:
    """Copy a block's weights to PyTorch's layer, which numbers its norms and keeps three projections in one."""
    copy_attention([ours.attn.qkv], ours.attn.proj, theirs.self_attn)
    layers = [ours.mlp.up, ours.mlp.down, ours.attn_norm, ours.mlp_norm]
    if isinstance(ours, DecoderBlock):
        copy_attention([ours.cross.query, ours.cross.kv], ours.cross.proj, theirs.multihead_attn)
        layers.insert(3, ours.cross_norm)
    for name, layer in zip(("linear1", "linear2", "norm1", "norm2", "norm3"), layers, strict=False):
        getattr(theirs, name).load_state_dict(layer.state_dict())


def copy_attention(parts: Sequence[nn.Module], proj: nn.Module, theirs: nn.MultiheadAttention) -> None:
    """Copy the projections that lie in `parts`, one below the other, and the one that mixes the heads."""
    theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
    theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
    theirs.out_proj.load_state_dict(proj.state_dict())


def cross_attention_weights(model: EncoderDecoder, source: Tensor, idx: Tensor) -> Tensor:
    """Return what the tokens of a target attend to in its source, in each layer and head: (L, H, T, S)."""
    pair = len(source) == len(idx) == 1
    require(pair, f"there are {len(source)} sources and {len(idx)} targets; it shows the weights of one pair")
    found = []

    def note(layer: CrossAttention, given: tuple) -> None:
        x, (k, _), _ = given
        q = layer.query(x).view(*x.shape[:2], layer.n_head, -1).transpose(1, 2)
        found.append((q @ k.transpose(-2, -1) / k.shape[-1] ** 0.5).softmax(-1)[0])  # (H, T, S)

    hooks = [block.cross.register_forward_pre_hook(note) for block in model.decoder_blocks]
    with torch.no_grad():
        model(source, idx)
    for hook in hooks:
        hook.remove()
    return torch.stack(found)
