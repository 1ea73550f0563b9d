#!/usr/bin/env bash
# Two processes save their random number generators with `torch.distributed.checkpoint`, and read them back.
# One would expect each to get its own again, as with `torch.save`. What isn't cut in slices is taken for a copy of the
# same thing in every process: one process's is written, and all of them get it. From then on they draw alike.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

echo "torch 2.13.0, from PyPI. Seen on 27 November 2026 by running this script."
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.3.5

cat > "$folder/resumed.py" <<'PY'
import sys
import warnings

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp

warnings.filterwarnings("ignore")
dist.init_process_group("gloo")
rank = dist.get_rank()


def of_all(value):
    """The values of both processes."""
    values = [None, None]
    dist.all_gather_object(values, value)
    return values


def dropped():
    """Which of twenty neurons this process would drop next; its generator stays where it is."""
    state = torch.get_rng_state()
    mask = (torch.rand(20) < 0.5).int().tolist()
    torch.set_rng_state(state)
    return "".join(map(str, mask))


torch.manual_seed(rank)
before = of_all(dropped())
dcp.save({"rng_state": torch.get_rng_state()}, checkpoint_id=sys.argv[1])
state = {"rng_state": torch.get_rng_state()}
dcp.load(state, checkpoint_id=sys.argv[1])
torch.set_rng_state(state["rng_state"])
after = of_all(dropped())
if rank == 0:
    print("the neurons that each process drops next, before saving:", *before)
    print("and after reading what was saved:                       ", *after)
assert before[0] != before[1], "the two were seeded differently"
assert after[0] == after[1] and after[0] in before, "changed: each process gets its own back"

# A key for each process is the way round it.
torch.manual_seed(rank)
dcp.save({f"rng_state_{rank}": torch.get_rng_state()}, checkpoint_id=sys.argv[1] + "_apart")
state = {f"rng_state_{rank}": torch.get_rng_state()}
dcp.load(state, checkpoint_id=sys.argv[1] + "_apart")
torch.set_rng_state(state[f"rng_state_{rank}"])
assert of_all(dropped()) == before, "changed: a key for each process doesn't help any more"
dist.destroy_process_group()
PY
"$folder/venv/bin/python" -m torch.distributed.run --standalone --nproc_per_node=2 "$folder/resumed.py" "$folder/saved" \
    2>/dev/null || { echo "changed, or it could not run"; exit 1; }
echo "No message says so. Name a process's own state after its rank, or draw from (seed, step, rank) and save nothing."
