"""One more token a row, quickly: the model's weights as plain tensors, used in a straight line.

A small model spends most of a single token's time on modules that call modules. Here the same steps stand without them;
whoever has other parts in the model (an adapter, a layer of their own, a hook) gets the modules as they are.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.gpt import GPT, MLP, Attention, Block, KVCache, LayerNorm, check_shape, look_and_place
from course_utils.positions import rotate

KNOWN_PARTS = {GPT, Block, Attention, MLP, LayerNorm, nn.Linear, nn.Embedding, nn.Dropout, nn.ModuleList}


def is_plain(model: nn.Module) -> bool:
    """Return whether a model consists of the parts of `gpt.py` alone, with their biases, and nothing hooked to them."""
    hooks = ("_forward_hooks", "_forward_pre_hooks")
    parts = list(model.modules())
    if any(type(part) not in KNOWN_PARTS or any(getattr(part, name) for name in hooks) for part in parts):
        return False
    return model.lm_head.bias is None and all(len(list(block.parameters())) == 12 for block in model.blocks)


class Decoder:
    """A model and its cache: reads the next tokens, (B, T), and returns the scores of the one after, (B, V).

    >>> from course_utils.gpt import GPTConfig
    >>> model = GPT(GPTConfig(vocab_size=100, context_length=8, n_layer=2, n_head=2, n_embd=16)).eval()
    >>> decoder = Decoder(model, batch_size=1)
    >>> decoder(torch.tensor([[5, 2, 7]])).shape, decoder(torch.tensor([[4]])).shape, decoder.cache.length
    (torch.Size([1, 100]), torch.Size([1, 100]), 4)
    """

    def __init__(self, model: GPT, batch_size: int) -> None:
        self.model, self.cache = model, KVCache(model, batch_size)
        self.plain = is_plain(model) and not model.training
        if self.plain:
            self.n_head, self.head_dim = model.config.n_head, model.config.head_dim
            self.eps = model.final_norm.eps
            self.layers = [tuple(block.parameters()) for block in model.blocks]
            # A single row is read as a vector: a matrix times a vector needs less preparation.
            self.linear = F.linear if batch_size > 1 else linear_of_a_vector

    def __call__(self, idx: Tensor, real: Tensor | None = None) -> Tensor:
        """Read `idx` after what the cache holds; `real` (B, all tokens so far) is False at padding."""
        check_shape(idx, self.cache.length, self.model.config.context_length)
        if self.plain and self.cache.length and idx.shape[1] == 1:
            return self.one_token(idx, real)
        return self.model.lm_head(self.model.hidden_states(idx, self.cache, real)[:, -1])

    def one_token(self, idx: Tensor, real: Tensor | None) -> Tensor:
        """Read one token a row, (B, 1), through all layers without a call of a module."""
        model = self.model
        mask, places = look_and_place(self.cache.length, idx, real)
        x, turn = model.embed(idx, places)
        x = x[:, 0] if len(x) > 1 else x[0, 0]  # (B, C), or (C,) for a single row
        for layer in range(len(self.layers)):
            x = self.block(x, layer, mask, turn)
        self.cache.length += 1
        norm = model.final_norm
        x = torch.layer_norm(x, norm.weight.shape, norm.weight, norm.bias, norm.eps)
        return F.linear(x.view(len(idx), -1), model.lm_head.weight)  # (B, V)

    def block(self, x: Tensor, layer: int, mask: Tensor | None, turn: tuple[Tensor, Tensor] | None) -> Tensor:
        """Do what `gpt.Block` does, for one token a row: (B, C) -> (B, C), or (C,) -> (C,)."""
        attn_norm, attn_shift, qkv, qkv_bias, proj, proj_bias, *rest = self.layers[layer]
        mlp_norm, mlp_shift, up, up_bias, down, down_bias = rest
        linear, shape, eps = self.linear, attn_norm.shape, self.eps
        h = torch.layer_norm(x, shape, attn_norm, attn_shift, eps)
        q, k, v = linear(h, qkv, qkv_bias).view(-1, 3, self.n_head, 1, self.head_dim).unbind(1)  # (B, H, 1, D)
        if turn is not None:
            q, k = rotate(q, *turn), rotate(k, *turn)
        heads = F.scaled_dot_product_attention(q, *self.cache.extend(layer, k, v), mask)  # it may look at itself
        x = linear(heads.reshape(x.shape), proj, proj_bias).add_(x)
        h = torch.layer_norm(x, shape, mlp_norm, mlp_shift, eps)
        return linear(F.gelu(linear(h, up, up_bias), approximate="tanh"), down, down_bias).add_(x)


def linear_of_a_vector(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Do what `F.linear` does for a single vector: (in,) -> (out,)."""
    return torch.addmv(bias, weight, x)
