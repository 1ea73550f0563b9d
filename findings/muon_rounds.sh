#!/usr/bin/env bash
# A weight in 64 bits, and its gradient, given to torch.optim.Muon. One would expect an update in 64 bits. It is computed in
# bfloat16, which keeps two to three digits, whatever the weight's dtype is, and nothing says so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

echo "torch 2.13.0, from PyPI. Seen on 28 November 2026 by running this script."
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6

cat > "$folder/muon.py" <<'PY'
import torch

torch.manual_seed(0)


def update(gradient):
    """What one step of Muon at a learning rate of 1 adds to a weight that begins at zero, without momentum and decay."""
    weight = torch.nn.Parameter(torch.zeros_like(gradient))
    weight.grad = gradient.clone()
    torch.optim.Muon([weight], lr=1.0, weight_decay=0.0, momentum=0.0, nesterov=False).step()
    return weight.detach()


def polynomial(gradient):
    """The same five Newton-Schulz steps in 64 bits."""
    x = gradient / gradient.norm()
    for _ in range(5):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return -x


gradient = torch.randn(64, 256, dtype=torch.float64)
found, wanted = update(gradient), polynomial(gradient)
off = float((found - wanted).abs().max() / wanted.abs().max())
print(f"dtype of the update: {found.dtype}; all of it fits in bfloat16: {torch.equal(found, found.bfloat16().double())}")
print(f"farthest from the same polynomial in 64 bits: {off:.1%} of the largest entry")

nearly = gradient * (1 + 1e-5 * torch.randn_like(gradient))
apart = {name: float((step(gradient) - step(nearly)).abs().max() / wanted.abs().max())
         for name, step in (("Muon", update), ("the polynomial", polynomial))}
print("a gradient that differs by a hundred-thousandth changes the update by", apart)

assert found.dtype == torch.float64, "changed: the update is no longer given in 64 bits"
assert torch.equal(found, found.bfloat16().double()), "changed: the update holds more digits than bfloat16"
assert off > 0.005, "changed: the update is nearer to the one in 64 bits"
assert apart["Muon"] > 100 * apart["the polynomial"], "changed: small differences in a gradient stay small"
PY
"$folder/venv/bin/python" "$folder/muon.py"
echo "So runs with Muon can't be compared beyond two or three digits, in any dtype; AdamW's can."
