#!/usr/bin/env bash
# A model cut by `fully_shard` (FSDP2) is evaluated between two training steps, and gradients are cleared by
# `model.zero_grad()`. One would expect the gradient of a step to be that step's own, as it is without slices and as it
# is without the evaluation. Instead, the last step's gradient is still there for what is in no block, and counts twice.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

echo "torch 2.13.0, from PyPI. Seen on 27 November 2026 by running this script."
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.3.5

cat > "$folder/evaluated.py" <<'PY'
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard

dist.init_process_group("gloo")
texts = torch.arange(6).view(2, 3)


def gradients(between, clear):
    """The gradients of a second training step, with something done between the first one and the clearing."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(6, 4), nn.Linear(4, 4), nn.Linear(4, 6)).double()
    fully_shard(model[1])
    fully_shard(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)  # the weights stay, so both steps' gradients are the same
    for step in range(2):
        if step:
            between(model)
        (model if clear == "model" else optimizer).zero_grad()
        model(texts).square().sum().backward()
        optimizer.step()
    return {name: weight.grad.full_tensor() for name, weight in model.named_parameters()}


def evaluate(model):
    with torch.no_grad():
        model(texts)


def evaluate_and_reshard(model):
    evaluate(model)
    model.reshard()


right = gradients(lambda model: None, "model")
found = {}
cases = {
    "evaluation, then model.zero_grad()": (evaluate, "model"),
    "evaluation, then optimizer.zero_grad()": (evaluate, "optimizer"),
    "evaluation, model.reshard(), model.zero_grad()": (evaluate_and_reshard, "model"),
}
for name, case in cases.items():
    times = {weight: (grad / right[weight]).nanmean().item() for weight, grad in gradients(*case).items()}
    found[name] = {weight: round(value, 6) for weight, value in times.items()}
    if dist.get_rank() == 0:
        told = ", ".join(f"{weight} {value:g}" for weight, value in found[name].items())
        print(f"{name}: gradients beside the right ones: {told}")
first, *others = found.values()
assert {weight for weight, times in first.items() if times == 2} == {"0.weight", "2.weight", "2.bias"}, "changed"
assert all(times == 1 for other in others for times in other.values()), "changed: there is no way round it any more"
dist.destroy_process_group()
PY
"$folder/venv/bin/python" -m torch.distributed.run --standalone --nproc_per_node=2 "$folder/evaluated.py" 2>/dev/null \
    || { echo "changed, or it could not run"; exit 1; }
echo "So clear gradients by the optimizer, or call model.reshard() after an evaluation. No message says that it's needed."
