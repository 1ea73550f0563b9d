"""A GPT in today's form, read from top to bottom: configuration, norm, attention, MLP, block, model.

Touvron et al. 2023, "LLaMA", section 2.2, and what came after it. Each change since GPT-2 is a few lines behind a
switch of the configuration. With all of them off this computes what `gpt.py` does with rotary positions; parts that
haven't changed are taken from there.
"""

from dataclasses import KW_ONLY, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.common import require
from course_utils.gpt import (
    GPT,
    PLAIN,
    Block,
    Context,
    GPTConfig,
    KVCache,
    LayerNorm,
    Linear,
    attend,
    causal_mask,
    check_shape,
    initialise,
    mask_and_positions,
    whole_number,
)
from course_utils.positions import distances, rotary_table, rotate

ACTIVATIONS = {
    # How GPT-2 has it, beside its two successors.
    "gelu": lambda x: F.gelu(x, approximate="tanh"),
    "relu2": lambda x: F.relu(x).square(),  # So et al. 2021, "Primer", section 4.1
    "swiglu": F.silu,  # of the gate alone (Shazeer 2020, equation 6)
}


@dataclass(frozen=True)
class LlamaConfig(GPTConfig):
    """The sizes of a Llama and a switch for each change since GPT-2, checked when made.

    `n_kv_head` heads have keys and values, each shared by n_head / n_kv_head queries (None: a pair for each query).
    `n_hidden` is the width within the MLP; None makes its weights as many as GPT-2's. A token attends to the last
    `window` tokens, itself included (None: to all). `soft_cap` bounds the logits (None: doesn't). With `n_expert` there
    are that many MLPs in a layer, and each token goes to `n_active` of them.

    >>> LlamaConfig(vocab_size=32_000, context_length=4096, n_layer=32, n_head=32, n_embd=4096).hidden
    10920
    """

    _: KW_ONLY
    positions: str = "rotary"
    tied: bool = False
    norm: str = "rms"
    mlp: str = "swiglu"
    n_hidden: int | None = None
    n_kv_head: int | None = None
    bias: bool = False
    qk_norm: bool = False
    value_residual: bool = False
    window: int | None = None
    soft_cap: float | None = None
    zero_outputs: bool = False
    n_expert: int | None = None
    n_active: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.positions == "rotary", f"positions is {self.positions!r}; a Llama's are rotary")
        for name, kinds in (("norm", ("rms", "layer")), ("mlp", tuple(ACTIVATIONS))):
            kind = getattr(self, name)
            require(kind in kinds, f"{name} is {kind!r}; it takes one of {', '.join(kinds)}")
        for name in ("bias", "qk_norm", "value_residual", "zero_outputs"):
            switch = getattr(self, name)
            require(switch in (True, False), f"{name} is {switch!r}; it takes True or False")
        for name in ("n_kv_head", "n_hidden", "window", "n_expert", "n_active"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, whole_number(name, getattr(self, name)))
        shared = f"n_head is {self.n_head} and n_kv_head is {self.n_kv_head}; as many queries share each pair of key"
        require(self.n_head % self.kv_heads == 0, f"{shared} and value, so n_kv_head must divide n_head")
        few = self.n_expert is None or self.n_active <= self.n_expert
        require(few, f"n_active is {self.n_active}; it takes a number of experts up to n_expert, {self.n_expert}")
        if self.soft_cap is not None:
            # An infinite one would be no cap, but inf * tanh(x / inf) is inf * 0.
            bounds = 0 < self.soft_cap < float("inf")
            require(bounds, f"soft_cap is {self.soft_cap}; it takes a number above 0, but no infinite one, or None")
            object.__setattr__(self, "soft_cap", float(self.soft_cap))

    @property
    def kv_heads(self) -> int:
        """How many heads have keys and values of their own."""
        return self.n_kv_head or self.n_head

    @property
    def hidden(self) -> int:
        """The width within the MLP."""
        # A gate is a third matrix, so each gets two thirds of the width (Shazeer 2020, section 3), here in eights.
        usual = 8 * round(self.n_embd / 3) if self.mlp == "swiglu" else 4 * self.n_embd
        return self.n_hidden or usual


class RMSNorm(nn.Module):
    """Scale each vector to a mean square of 1, then by learned amounts: no mean is taken away, no bias added.

    Zhang and Sennrich 2019, "Root Mean Square Layer Normalization", equation 4.
    """

    def __init__(self, n_embd: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n_embd))
        self.shape = (n_embd,)
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        # In mixed precision queries and keys come in bfloat16, for which PyTorch's quick form wants such weights too.
        return F.rms_norm(x, self.shape, self.weight.to(x.dtype), self.eps)


def make_norm(config: LlamaConfig, size: int) -> nn.Module:
    """Return the norm that the configuration names, for vectors of this size."""
    return RMSNorm(size) if config.norm == "rms" else LayerNorm(size)


def make_linear(config: LlamaConfig, n_in: int, n_out: int, **marks: bool | int) -> Linear:
    """Return a Linear, without its bias unless the configuration wants one."""
    layer = Linear(n_in, n_out, **marks)
    if not config.bias:
        layer.bias = None
    return layer


@dataclass
class LlamaContext(Context):
    """What attention needs to know besides the vectors; the first layer leaves its values (B, n_kv_head, T, D) here."""

    first_values: Tensor | None = None


class LlamaAttention(nn.Module):
    """Causal self-attention in which several heads share keys and values: (B, T, C) -> (B, T, C).

    Ainslie et al. 2023, "GQA", section 2.2; with one pair for all it is multi-query attention (Shazeer 2019).
    """

    def __init__(self, config: LlamaConfig, layer: int = 0) -> None:
        super().__init__()
        self.n_head, self.n_kv_head, self.head_dim = config.n_head, config.kv_heads, config.head_dim
        self.dropout = config.dropout
        self.layer = layer
        self.query = make_linear(config, config.n_embd, config.n_embd)
        # Keys and values, one below the other: n_kv_head of each.
        self.kv = make_linear(config, config.n_embd, 2 * self.n_kv_head * self.head_dim, parts=2)
        self.proj = make_linear(config, config.n_embd, config.n_embd, residual=True)
        self.q_norm = make_norm(config, self.head_dim) if config.qk_norm else nn.Identity()
        self.k_norm = make_norm(config, self.head_dim) if config.qk_norm else nn.Identity()
        # How much of its own values and how much of the first layer's (Zhou et al. 2024, "Value Residual Learning").
        self.value_mix = nn.Parameter(torch.full((2,), 0.5)) if config.value_residual and layer else None

    def forward(self, x: Tensor, context: LlamaContext = PLAIN) -> Tensor:
        B, T, C = x.shape
        q = self.query(x).view(B, T, self.n_head, self.head_dim).transpose(1, 2)  # (B, H, T, D)
        kv = self.kv(x).view(B, T, 2, self.n_kv_head, self.head_dim)
        k, v = kv.transpose(1, 3).unbind(2)  # two of (B, n_kv_head, T, D)
        # Scores are then bounded by what the norm has learned, however large the vectors (Dehghani et al. 2023).
        q, k = self.q_norm(q), self.k_norm(k)
        if context.cos is not None:
            q = rotate(q, context.cos, context.sin)
            k = rotate(k, context.cos, context.sin)
        v = self.with_first_values(v, context)
        if context.cache is not None:
            k, v = context.cache.extend(self.layer, k, v)  # the few heads of keys and values, not one for each query
        k, v = share(k, self.n_head), share(v, self.n_head)  # (B, H, S, D)
        heads = attend(q, k, v, context.mask, self.dropout if self.training else 0.0)  # (B, H, T, D)
        return self.proj(heads.transpose(1, 2).reshape(B, T, C))

    def with_first_values(self, v: Tensor, context: LlamaContext) -> Tensor:
        """Mix in the first layer's values, where it is asked for; the first layer leaves its own for the others."""
        if self.layer == 0 and isinstance(context, LlamaContext):
            context.first_values = v
        if self.value_mix is None:
            return v
        first = getattr(context, "first_values", None)
        missing = f"layer {self.layer} mixes in the first layer's values: it takes a context that has them"
        require(first is not None, missing)
        return self.value_mix[0] * v + self.value_mix[1] * first


def share(x: Tensor, n_head: int) -> Tensor:
    """Repeat each head for the queries that share it, next to itself: (B, n_kv_head, S, D) -> (B, n_head, S, D).

    >>> share(torch.tensor([1, 2]).view(1, 2, 1, 1), n_head=4).flatten().tolist()
    [1, 1, 2, 2]
    """
    times = n_head // x.shape[1]
    return x if times == 1 else x.repeat_interleave(times, dim=1)


class LlamaMLP(nn.Module):
    """Each vector on its own: up, through the activation, and down again; a gate, if any, multiplies what goes up.

    (B, T, C) -> (B, T, C). Shazeer 2020, "GLU Variants Improve Transformer".
    """

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[config.mlp]
        self.gate = make_linear(config, config.n_embd, config.hidden) if config.mlp == "swiglu" else None
        self.up = make_linear(config, config.n_embd, config.hidden)
        self.down = make_linear(config, config.hidden, config.n_embd, residual=True)

    def forward(self, x: Tensor) -> Tensor:
        up = self.up(x)
        return self.down(self.activation(up) if self.gate is None else self.activation(self.gate(x)) * up)


class Experts(nn.Module):
    """A mixture of experts: a router sends each token to a few of many MLPs and mixes them. (B, T, C) -> (B, T, C)

    Shazeer et al. 2017, "Outrageously Large Neural Networks", equation 1; weighted as in Jiang et al. 2024, "Mixtral of
    Experts", section 2.1. A single one would always weigh 1, and the router would never learn.
    """

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.n_active = config.n_active
        self.router = Linear(config.n_embd, config.n_expert)
        self.router.bias = None
        self.experts = nn.ModuleList(LlamaMLP(config) for _ in range(config.n_expert))

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(0, 1)  # (N, C): each token goes its own way, whichever text it stands in
        scores, chosen = self.router(tokens).topk(self.n_active)  # (N, n_active) both
        weights = scores.softmax(dim=-1)  # of the chosen alone, so that they add up to 1
        mixed = torch.zeros_like(tokens)
        for number, expert in enumerate(self.experts):
            rows, place = (chosen == number).nonzero(as_tuple=True)  # the tokens that chose it, first or second
            result = weights[rows, place].unsqueeze(-1) * expert(tokens[rows])
            mixed = mixed.index_add(0, rows, result.to(mixed.dtype))
        return mixed.view(x.shape)


class LlamaBlock(Block):
    """A GPT's block of other parts. What it does with them, its `forward`, hasn't changed."""

    def __init__(self, config: LlamaConfig, layer: int = 0) -> None:
        nn.Module.__init__(self)  # not GPT-2's parts
        self.attn_norm = make_norm(config, config.n_embd)
        self.attn = LlamaAttention(config, layer)
        self.mlp_norm = make_norm(config, config.n_embd)
        self.mlp = LlamaMLP(config) if config.n_expert is None else Experts(config)
        self.dropout = config.dropout


class CappedLinear(nn.Linear):
    """An output layer whose scores stay between -cap and cap (Gemma Team 2024, "Gemma 2", section 2)."""

    def __init__(self, n_in: int, n_out: int, cap: float) -> None:
        super().__init__(n_in, n_out, bias=False)
        self.cap = cap

    def forward(self, x: Tensor) -> Tensor:
        # Near 0 the curve has slope 1, so that small scores hardly change, and the order of all stays.
        return self.cap * torch.tanh(super().forward(x) / self.cap)


class Llama(GPT):
    """Token ids in, for each position the scores (logits) of the next token out: (B, T) -> (B, T, vocab_size).

    >>> config = LlamaConfig(vocab_size=100, context_length=8, n_layer=2, n_head=4, n_embd=16, n_kv_head=2)
    >>> Llama(config)(torch.zeros(3, 5).long()).shape
    torch.Size([3, 5, 100])
    """

    def __init__(self, config: LlamaConfig) -> None:
        nn.Module.__init__(self)
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.n_embd)
        self.register_buffer("angles", rotary_table(config.context_length, config.head_dim), persistent=False)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(LlamaBlock(config, layer) for layer in range(config.n_layer))
        self.final_norm = make_norm(config, config.n_embd)
        if config.soft_cap is None:
            self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        else:
            self.lm_head = CappedLinear(config.n_embd, config.vocab_size, config.soft_cap)
        if config.tied:
            self.lm_head.weight = self.token_embedding.weight
        initialise(self)
        if config.zero_outputs:
            zero_outputs(self)

    def hidden_states(self, idx: Tensor, cache: KVCache | None = None, attention_mask: Tensor | None = None) -> Tensor:
        """As a GPT's; the mask may end at a window, and the context carries the first layer's values to the others."""
        start = check_shape(idx, cache, self.config.context_length)
        mask, position_ids = mask_and_positions(start, idx, attention_mask)
        if self.config.window is not None:
            mask = within(self.config.window, mask, idx.shape[1], start + idx.shape[1], idx.device)
        x, cos, sin = self.embed(idx, position_ids)
        x, context = self.dropout(x), LlamaContext(mask, cos, sin, cache)
        for block in self.blocks:
            x = block(x, context)
        if cache:
            cache.length += idx.shape[1]
        return self.final_norm(x)


def make_model(config: GPTConfig) -> GPT:
    """Return a fresh model of the kind that a configuration is for.

    >>> type(make_model(GPTConfig(vocab_size=9, context_length=8, n_layer=1, n_head=1, n_embd=4))).__name__
    'GPT'
    """
    return Llama(config) if isinstance(config, LlamaConfig) else GPT(config)


def within(window: int, mask: Tensor | None, n_queries: int, n_keys: int, device: torch.device | None = None) -> Tensor:
    """Return `mask` (None: causal) without the keys that are `window` tokens away or more (Jiang et al. 2023, 2).

    >>> within(2, None, 1, 4).int().tolist()
    [[0, 0, 1, 1]]
    """
    near = (distances(n_queries, n_keys) < window).to(device)
    return near & (causal_mask(n_queries, n_keys, device) if mask is None else mask)


@torch.no_grad()
def zero_outputs(model: nn.Module) -> None:
    """Let each layer begin by adding nothing to the stream (Zhang et al. 2019, "Fixup", section 3, rule 1)."""
    for layer in model.modules():
        if getattr(layer, "residual", False):
            layer.weight.zero_()


def cache_bytes(cache: KVCache) -> int:
    """Return how much memory the keys and values of all layers take."""
    return sum(part.numel() * part.element_size() for pair in cache.layers for part in pair)


# Ours -> Hugging Face's, of Llama, Mistral and Qwen3 alike; keys and values lie in one matrix here and in two there.
THEIR_NAMES = {
    "attn_norm": "input_layernorm",
    "attn.query": "self_attn.q_proj",
    "attn.proj": "self_attn.o_proj",
    "attn.q_norm": "self_attn.q_norm",
    "attn.k_norm": "self_attn.k_norm",
    "mlp_norm": "post_attention_layernorm",
    "mlp.gate": "mlp.gate_proj",
    "mlp.up": "mlp.up_proj",
    "mlp.down": "mlp.down_proj",
}


def their_weights(model: Llama) -> dict[str, Tensor]:
    """Return copies of the weights under the names that `transformers` gives them."""
    found = {
        "model.embed_tokens.weight": model.token_embedding.weight,
        "model.norm.weight": model.final_norm.weight,
        "lm_head.weight": model.lm_head.weight,
    }
    for layer, block in enumerate(model.blocks):
        weights, prefix = dict(block.named_parameters()), f"model.layers.{layer}."
        odd = [name for name in weights if name.removesuffix(".weight") not in (*THEIR_NAMES, "attn.kv")]
        told = (
            f"{type(model).__name__}'s block {layer} has {', '.join(odd)}, which theirs has not: merge_lora comes first"
        )
        require(not odd, told)
        keys, values = weights.pop("attn.kv.weight").chunk(2)
        found |= {f"{prefix}self_attn.k_proj.weight": keys, f"{prefix}self_attn.v_proj.weight": values}
        found |= {f"{prefix}{THEIR_NAMES[name.removesuffix('.weight')]}.weight": w for name, w in weights.items()}
    return {name: weight.detach().clone() for name, weight in found.items()}


# What their models can't do otherwise: to leave it out would compute something else without an error.
THEIR_FORM = {
    **{"norm": "rms", "mlp": "swiglu", "bias": False},
    **{"soft_cap": None, "value_residual": False, "n_expert": None},
}


def their_kind(config: LlamaConfig) -> str:
    """Return which of their models a configuration is: Qwen3 with QK-norm, Mistral with a window, else Llama."""
    kind = type(config).__name__
    require(isinstance(config, LlamaConfig), f"the configuration is a {kind}; a GPT goes out by save_huggingface")
    for name, theirs in THEIR_FORM.items():
        ours = getattr(config, name)
        require(ours == theirs, f"{name} is {ours!r}; transformers' Llama, Mistral and Qwen3 have {theirs!r}")
    require(not (config.qk_norm and config.window), "a window and QK-norm: Mistral has the one and Qwen3 the other")
    return "Qwen3" if config.qk_norm else "Mistral" if config.window else "Llama"


def to_transformers(model: Llama) -> nn.Module:
    """Return Hugging Face's model with copies of the weights: Llama, Mistral or Qwen3; no other form is theirs."""
    import transformers  # slow to import

    config, kind = model.config, their_kind(model.config)
    sizes = {"num_hidden_layers": config.n_layer, "num_attention_heads": config.n_head, "hidden_size": config.n_embd}
    sizes |= {"num_key_value_heads": config.kv_heads, "head_dim": config.head_dim, "vocab_size": config.vocab_size}
    sizes |= {"intermediate_size": config.hidden, "max_position_embeddings": config.context_length}
    rest = {"rms_norm_eps": 1e-6, "attention_dropout": config.dropout, "tie_word_embeddings": config.tied}
    rest |= {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None, "attn_implementation": "sdpa"}
    rest |= {"sliding_window": config.window} if kind == "Mistral" else {}
    theirs = getattr(transformers, f"{kind}ForCausalLM")(getattr(transformers, f"{kind}Config")(**sizes, **rest))
    theirs.to(model.token_embedding.weight).load_state_dict(their_weights(model))
    return theirs.train(model.training)
