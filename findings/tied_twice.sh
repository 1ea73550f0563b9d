#!/usr/bin/env bash
# A model whose input and output embedding are one weight, filled after it was made without memory (on the meta device).
# One would expect that it's still one weight, as after .to("cuda") or .half(). `to_empty` makes two that differ. Loading
# with assign=True makes two parameters on the same numbers: the scores are right, and each step moves them twice.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

echo "torch 2.13.0, from PyPI. Seen on 28 November 2026 by running this script."
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6

cat > "$folder/tied.py" <<'PY'
import torch
from torch import nn


class Tied(nn.Module):
    """Reads a token and scores the next one with the same table."""

    def __init__(self):
        super().__init__()
        self.reads = nn.Embedding(10, 4)
        self.scores = nn.Linear(4, 10, bias=False)
        self.scores.weight = self.reads.weight

    def forward(self, ids):
        return self.scores(self.reads(ids))


def about(model):
    same_memory = model.scores.weight.data_ptr() == model.reads.weight.data_ptr()
    return model.scores.weight is model.reads.weight, len(list(model.parameters())), same_memory


def moved(model):
    """How far one step of gradient descent moves the table."""
    before = model.reads.weight.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=1.0)
    nn.functional.cross_entropy(model(torch.tensor([1, 2, 3])), torch.tensor([2, 3, 4])).backward()
    optimizer.step()
    return model.reads.weight.detach() - before


def without_memory():
    with torch.device("meta"):
        return Tied()


torch.manual_seed(0)
usual = Tied()
weights = {name: weight.clone() for name, weight in usual.state_dict().items()}
weights["scores.weight"] = weights["reads.weight"]  # one tensor under two names, as in the model

copied = Tied()
copied.load_state_dict(weights)
emptied = without_memory().to_empty(device="cpu")
assigned = without_memory()
assigned.load_state_dict(weights, assign=True)
models = {
    ".to(float64)": Tied().to(torch.float64),
    "load_state_dict(…)": copied,
    "meta, to_empty": emptied,
    "meta, load_state_dict(…, assign=True)": assigned,
}
found = {name: about(model) for name, model in models.items()}
for name, (one, count, memory) in found.items():
    print(f"{name:38} one parameter: {one!s:5}  parameters: {count}  the same memory: {memory}")

ids = torch.tensor([5, 6])
assert torch.equal(assigned(ids), usual(ids)), "changed: other scores before training"
one, two = moved(usual), moved(assigned)
print(f"a step moves the row of a token that isn't in the batch by {one[8].norm():.4f} where there is one parameter,")
print(f"and by {two[8].norm():.4f} after assign=True")

assert found[".to(float64)"] == found["load_state_dict(…)"] == (True, 1, True), "changed: the usual ways untie"
assert found["meta, to_empty"] == (False, 2, False), "changed: to_empty keeps one weight"
assert found["meta, load_state_dict(…, assign=True)"] == (False, 2, True), "changed: assign=True keeps one parameter"
assert not torch.allclose(one, two, rtol=0.01), "changed: both are trained alike"
PY
"$folder/venv/bin/python" "$folder/tied.py"
echo "So tie again after either: model.scores.weight = model.reads.weight, before an optimizer is made."
