#!/usr/bin/env bash
# Two new tokens for a chat's roles, added to a model by `resize_token_embeddings` of transformers.
# Its message says that they are drawn with the mean and the covariance of the old ones, so one would expect vectors as
# far apart as the old ones are. They are less than a ten-thousandth of that apart.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

echo "transformers 5.24.0 and torch 2.13.0, from PyPI. Seen on 27 November 2026 by running this script."
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.24.0 torch==2.13.0 numpy==2.3.5

cat > "$folder/roles.py" <<'PY'
import torch
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.utils import logging

logging.set_verbosity_error()
old = 512


def widened(dtype):
    """A small GPT-2 with random weights, of this dtype, and room for two more tokens."""
    torch.manual_seed(0)
    sizes = {"n_positions": 32, "n_embd": 64, "n_layer": 2, "n_head": 4}
    model = GPT2LMHeadModel(GPT2Config(vocab_size=old, bos_token_id=0, eos_token_id=0, **sizes)).to(dtype).eval()
    model.resize_token_embeddings(old + 2)
    return model


def largest_difference(model, first, second):
    """How far apart the scores of the next token are, if one token of the text is exchanged."""
    with torch.no_grad():
        scores = [model(torch.tensor([[5, role, 9, 7]])).logits for role in (first, second)]
    return (scores[0] - scores[1]).abs().max().item()


for dtype in (torch.float32, torch.bfloat16):
    model = widened(dtype)
    rows = model.get_input_embeddings().weight.detach().float()
    between_old = torch.cdist(rows[:old], rows[:old]).sum().item() / (old * (old - 1))
    between_new = (rows[old] - rows[old + 1]).norm().item()
    others, roles = largest_difference(model, 20, 21), largest_difference(model, old, old + 1)
    print(f"{dtype}: {between_new / between_old:.6f} of the usual distance; exchanging the two changes a score by "
          f"{roles:.6f}, exchanging two old tokens by {others:.3f}")
    assert 0 <= between_new < 0.001 * between_old, "changed: the new tokens are not close together"
    assert roles < 0.05 * others, "changed: the model can tell the new tokens apart"
PY
"$folder/venv/bin/python" "$folder/roles.py"
echo "So with frozen embeddings, as for an adapter, the model cannot tell the user's turn from its own."
