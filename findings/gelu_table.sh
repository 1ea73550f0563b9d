#!/usr/bin/env bash
# A model in 32 bits, run by llama.cpp on a processor, keys and values kept in 32 bits too. One would expect the scores of
# the same arithmetic in float64, to five or six digits. They agree to two or three: GELU is looked up in a table of 16-bit
# numbers, and flash attention, which is on unless it's switched off, rounds keys and values to 16 bits whatever the cache.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

echo "xllamacpp 2026.10.11549 (llama.cpp), gguf 0.19.0, numpy 2.4.6, from PyPI. Seen on 28 November 2026 by running this script."
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0 numpy==2.4.6

cat > "$folder/gelu.py" <<'PY'
import json
import sys
import urllib.request

import gguf
import numpy as np
import xllamacpp

C, LAYERS, HEADS, T, V = 64, 2, 4, 64, 256
chance = np.random.default_rng(0)


def drawn(*shape, wide=0.3):
    """Random weights, in 32 bits, as the file has them."""
    return chance.normal(0, wide, shape).astype(np.float32)


weights = {"token_embd.weight": drawn(V, C, wide=1), "position_embd.weight": drawn(T, C, wide=1), "output.weight": drawn(V, C)}
for name in ["output_norm", *(f"blk.{i}.{kind}_norm" for i in range(LAYERS) for kind in ("attn", "ffn"))]:
    weights |= {f"{name}.weight": drawn(C) + 1, f"{name}.bias": drawn(C)}
for i in range(LAYERS):
    for name, rows, columns in (("attn_qkv", 3 * C, C), ("attn_output", C, C), ("ffn_up", 4 * C, C), ("ffn_down", C, 4 * C)):
        weights |= {f"blk.{i}.{name}.weight": drawn(rows, columns), f"blk.{i}.{name}.bias": drawn(rows)}


def write(path):
    """The model as a GGUF file of the kind gpt2, with a vocabulary that nobody asks for: the prompt is ids."""
    writer = gguf.GGUFWriter(path, "gpt2")
    writer.add_context_length(T)
    writer.add_embedding_length(C)
    writer.add_feed_forward_length(4 * C)
    writer.add_block_count(LAYERS)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([f"word{number}" for number in range(V)])
    writer.add_token_types([1] * V)
    writer.add_token_merges(["w o"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    for name, weight in weights.items():
        writer.add_tensor(name, weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def exact(x):
    """GELU in its tanh form."""
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def table(x):
    """The same with argument and value rounded to 16 bits, between -10 and 10."""
    with np.errstate(over="ignore"):
        rounded = exact(x.astype(np.float16).astype(np.float64)).astype(np.float16).astype(np.float64)
    return np.where(x <= -10, 0, np.where(x >= 10, x, rounded))


def linear(name, x):
    return x @ weights[f"{name}.weight"].astype(np.float64).T + weights[f"{name}.bias"]


def norm(name, x):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def attention(i, x):
    q, k, v = (part.reshape(len(x), HEADS, -1).swapaxes(0, 1) for part in np.split(linear(f"blk.{i}.attn_qkv", x), 3, -1))
    scores = q @ k.swapaxes(1, 2) / np.sqrt(C / HEADS) + np.triu(np.full((len(x), len(x)), -np.inf), 1)
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    return linear(f"blk.{i}.attn_output", (scores / scores.sum(-1, keepdims=True) @ v).swapaxes(0, 1).reshape(len(x), C))


def by_hand(ids, gelu):
    """Log-probabilities after the last of the ids, in float64."""
    x = weights["token_embd.weight"].astype(np.float64)[ids] + weights["position_embd.weight"][: len(ids)]
    for i in range(LAYERS):
        x = x + attention(i, norm(f"blk.{i}.attn_norm", x))
        x = x + linear(f"blk.{i}.ffn_down", gelu(linear(f"blk.{i}.ffn_up", norm(f"blk.{i}.ffn_norm", x))))
    scores = norm("output_norm", x[-1]) @ weights["output.weight"].astype(np.float64).T
    return scores - np.logaddexp.reduce(scores)


def in_llama_cpp(path, prompts, flash):
    """The same of llama.cpp for each prompt, keys and values kept in 32 bits."""
    settings = xllamacpp.CommonParams()
    settings.model.path, settings.n_ctx, settings.n_parallel, settings.n_gpu_layers = path, T, 1, 0
    settings.cache_type_k = settings.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    kinds = xllamacpp.llama_flash_attn_type
    settings.flash_attn_type = kinds.LLAMA_FLASH_ATTN_TYPE_AUTO if flash else kinds.LLAMA_FLASH_ATTN_TYPE_DISABLED
    settings.verbosity = 0
    server = xllamacpp.Server(settings)
    found = []
    for ids in prompts:
        body = json.dumps({"prompt": ids, "n_predict": 1, "n_probs": V, "temperature": 0}).encode()
        request = urllib.request.Request(f"{server.listening_address}/completion", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            likely = json.load(answer)["completion_probabilities"][0]["top_logprobs"]
        found.append([one["logprob"] for one in sorted(likely, key=lambda one: one["id"])])
    return np.array(found)


def apart(one, other):
    """The largest difference after each prompt, and the median of those: a value that rounds the other way is rare."""
    return float(np.median(abs(one - other).max(-1)))


write(sys.argv[1])
prompts = chance.integers(1, V, (9, 12)).tolist()
wanted, looked_up = (np.array([by_hand(ids, gelu) for ids in prompts]) for gelu in (exact, table))
off = {}
for flash in (True, False):
    found = in_llama_cpp(sys.argv[1], prompts, flash)
    off[flash] = [apart(found, wanted), apart(found, looked_up)]
    print(f"flash attention {'left as it is' if flash else 'off'}: {off[flash][0]:.1e} from the scores in float64, "
          f"{off[flash][1]:.1e} from those with GELU's table")
print(f"what the table alone does: {apart(wanted, looked_up):.1e} (scores go from {wanted.min():.0f} to {wanted.max():.0f})")
assert off[False][0] > 2e-4, "changed: without flash attention the scores are those of 32 bits"
assert off[False][1] < off[False][0] / 10, "changed: a table of 16 bits is no longer what makes the difference"
assert off[True][1] > 10 * off[False][1], "changed: flash attention no longer rounds what a cache of 32 bits holds"
PY
"$folder/venv/bin/python" "$folder/gelu.py" "$folder/model.gguf"
echo "So agreement beyond two or three digits can't be had on a processor; -fa off gives the rest."
