#!/usr/bin/env bash
# The same tensors and the same metadata, saved by safetensors in several processes.
# One would expect the same bytes. With more than one metadata entry they come in an order that differs by process.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

echo "safetensors 0.8.0 and numpy 2.3.5, from PyPI. Seen on 27 November 2026 by running this script."
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.3.5

cat > "$folder/save.py" <<'PY'
import hashlib, sys

import numpy as np
from safetensors.numpy import load, save

tensors = {"a": np.zeros(2, np.float32), "b": np.ones(3, np.float32)}
entries = int(sys.argv[1])
content = save(tensors, metadata={f"key{number}": "value" for number in range(entries)})
assert sorted(load(content)) == ["a", "b"]
print(hashlib.sha256(content).hexdigest()[:16])
PY

# Eight processes each; six entries can stand in 720 orders.
distinct() { for _ in 1 2 3 4 5 6 7 8; do "$folder/venv/bin/python" "$folder/save.py" "$1"; done | sort -u | wc -l; }
one=$(distinct 1)
six=$(distinct 6)
echo "different files from 8 processes: $one with one metadata entry, $six with six"
[ "$one" -eq 1 ] || { echo "changed: one entry gave more than one file"; exit 1; }
[ "$six" -gt 1 ] || { echo "changed: six entries gave the same bytes each time"; exit 1; }
echo "So a file's checksum does not say whether its content changed; one metadata entry, such as JSON, avoids it."
