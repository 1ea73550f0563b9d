#!/usr/bin/env bash
# A training step on two cores, beside four other processes that keep them busy. One would expect its two threads to
# need as much processor time as on an idle machine, and to get a smaller part of it. Instead they spend most of what
# they get on waiting for each other: at the end of each parallel loop the one that is done spins, on the very core that
# the other one needs. One number in the environment, read when torch is loaded, ends it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

echo "torch 2.13.0 with GNU OpenMP, from PyPI, on Linux. Seen on 28 November 2026 by running this script."
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.3.5

cat > "$folder/step.py" <<'PY'
import os
import sys
import time

import torch
from torch import nn

os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
torch.set_num_threads(int(sys.argv[1]))
torch.manual_seed(0)
model = nn.Sequential(*(layer for _ in range(8) for layer in (nn.Linear(128, 128), nn.LayerNorm(128), nn.GELU())))
inputs = torch.randn(1024, 128)
for step in range(21):
    if step == 1:  # the first one makes room for what the others use
        began = time.process_time()
    model.zero_grad()
    model(inputs).square().mean().backward()
print((time.process_time() - began) / 20)
PY
cat > "$folder/compare.py" <<'PY'
import os
import statistics
import subprocess
import sys

cores = sorted(os.sched_getaffinity(0))[:2]
assert len(cores) == 2, "this needs two cores"
os.sched_setaffinity(0, cores)  # those that are started from here have no others
ways = {"one thread": ("1", {}), "two threads": ("2", {}), "two, GOMP_SPINCOUNT=1000": ("2", {"GOMP_SPINCOUNT": "1000"})}
free = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_", "KMP_"))}


def seconds(threads, extra):
    command = [sys.executable, sys.argv[1], threads]
    return float(subprocess.run(command, env=free | extra, capture_output=True, text=True, check=True).stdout)


loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
try:
    taken = {name: [] for name in ways}
    for _ in range(3):
        for name, way in ways.items():
            taken[name].append(seconds(*way))
finally:
    for loop in loops:
        loop.kill()
worked = {name: statistics.median(values) for name, values in taken.items()}
for name, value in worked.items():
    print(f"{name}: {value / worked['one thread']:.1f} times the processor time of a step with one thread")
assert worked["two threads"] > 2 * worked["one thread"], "changed: waiting threads no longer spin"
assert worked["two, GOMP_SPINCOUNT=1000"] < 1.7 * worked["one thread"], "changed: this number no longer ends it"
PY
"$folder/venv/bin/python" "$folder/compare.py" "$folder/step.py" || { echo "changed, or it could not run"; exit 1; }
echo "So set GOMP_SPINCOUNT=1000 before torch is imported wherever other programs run beside it; an idle machine loses nothing."
