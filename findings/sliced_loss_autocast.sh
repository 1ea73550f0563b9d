#!/usr/bin/env bash
# torch.nn.functional.linear_cross_entropy under autocast, whole and in slices (`options`). One would expect the same dtype
# for the same product of matrices. Whole, it is bfloat16; in slices autocast is not heard, and it is float32. And a batch
# without any target gives a gradient of zeros whole, and one that is not a number in slices.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

echo "torch 2.13.0, from PyPI. Seen on 28 November 2026 by running this script."
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6

cat > "$folder/loss.py" <<'PY'
import torch
from torch.nn import LinearCrossEntropyOptions
from torch.nn.functional import cross_entropy, linear_cross_entropy

torch.manual_seed(0)
x, weight = torch.randn(1000, 16, requires_grad=True), torch.randn(301, 16, requires_grad=True)
targets = torch.randint(301, (1000,))
FORMS = {"whole": None, "in slices": LinearCrossEntropyOptions()}


def loss_and_gradient(options, targets, dtype=None):
    with torch.autocast("cpu", dtype, enabled=dtype is not None):
        loss = linear_cross_entropy(x, weight, targets, options=options)
    return loss, torch.autograd.grad(loss, weight)[0]


digits = {}
for name, options in FORMS.items():
    (plain, slope), (mixed, mixed_slope) = (loss_and_gradient(options, targets, dtype) for dtype in (None, torch.bfloat16))
    digits[name] = torch.equal(plain, mixed) and torch.equal(slope, mixed_slope)
    print(f"{name}: {plain:.6f} in float32, {mixed:.6f} under autocast to bfloat16; bit for bit the same: {digits[name]}")

with torch.autocast("cpu", torch.bfloat16):
    by_hand = cross_entropy(x @ weight.T, targets)
print(f"a product and cross_entropy under autocast: {by_hand:.6f}")

nothing = torch.full_like(targets, -100)
lost = {name: bool(loss_and_gradient(options, nothing)[1].isnan().any()) for name, options in FORMS.items()}
print("all targets ignored, the gradient is not a number:", lost)

assert not digits["whole"], "changed: whole, the product is no longer made in bfloat16 under autocast"
assert digits["in slices"], "changed: in slices, autocast is heard"
assert lost == {"whole": False, "in slices": True}, "changed: what a batch without targets gives"
PY
"$folder/venv/bin/python" "$folder/loss.py"
echo "So under autocast the sliced form spares memory and not time: cast x and the weight before the call."
