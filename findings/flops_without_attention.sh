#!/usr/bin/env bash
# FLOPs of the same attention, counted by PyTorch on a CPU. One would expect what the two products of matrices take, however
# attention is computed. The fused form, which is the usual one, counts as 0, and nothing says that it was left out.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

echo "torch 2.13.0, from PyPI. Seen on 28 November 2026 by running this script; reported in pytorch/pytorch #195460."
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6

cat > "$folder/flops.py" <<'PY'
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

heads, tokens, size = 12, 256, 64
q, k, v = (torch.randn(1, heads, tokens, size, requires_grad=True) for _ in range(3))
products = 2 * (2 * heads * tokens * tokens * size)  # queries with keys, weights with values


def counted(call):
    """FLOPs of a call and of its backward pass, as PyTorch counts them, in multiples of the forward pass's products."""
    with FlopCounterMode(display=False) as forward:
        result = call()
    with FlopCounterMode(display=False) as backward:
        result.sum().backward()
    return forward.get_total_flops() / products, backward.get_total_flops() / products


def by_the_formula():
    return torch.softmax(q @ k.mT / size**0.5, dim=-1) @ v


with sdpa_kernel(SDPBackend.MATH):
    unfused = counted(lambda: F.scaled_dot_product_attention(q, k, v))
found = {
    "by the formula": counted(by_the_formula),
    "scaled_dot_product_attention": counted(lambda: F.scaled_dot_product_attention(q, k, v)),
    "the same, told not to fuse": unfused,
    "the same with dropout": counted(lambda: F.scaled_dot_product_attention(q, k, v, dropout_p=0.1)),
}
for name, (forward, backward) in found.items():
    print(f"{name:30} forward {forward:.1f}, backward {backward:.1f} times the products of the forward pass")
torch.testing.assert_close(F.scaled_dot_product_attention(q, k, v), by_the_formula())

layer = torch.nn.TransformerEncoderLayer(768, 12, batch_first=True, dropout=0.0)
for length in (256, 1024):
    mask = torch.nn.Transformer.generate_square_subsequent_mask(length)
    with FlopCounterMode(display=False) as counter:
        layer(torch.randn(1, length, 768), src_mask=mask, is_causal=True)
    attention = 4 * length**2 * 768
    print(f"a layer on {length} tokens: {attention / (attention + counter.get_total_flops()):.0%} of its FLOPs are missing")

assert found["by the formula"] == (1, 2), "changed: the written out form has other FLOPs"
assert found["scaled_dot_product_attention"] == (0, 0), "changed: the fused form on a CPU is counted"
assert found["the same, told not to fuse"] == (1, 2), "changed: without fusing it isn't the formula's FLOPs"
assert found["the same with dropout"] == (1, 2), "changed: with dropout it isn't the formula's FLOPs"
PY
"$folder/venv/bin/python" "$folder/flops.py"
echo "So a model's FLOPs change when dropout is switched off, and grow in proportion to a text's length, not faster."
