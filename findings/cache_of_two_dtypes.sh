#!/usr/bin/env bash
# A Llama of transformers with its cache, under autocast to bfloat16. One would expect a cache in bfloat16, half of what
# float32 takes, as GPT-2's is. Its values are in bfloat16 and its keys in float32: they're rotated by cosines in float32,
# which makes them float32 again. So the cache takes three quarters, and all after it is computed with keys of that kind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

echo "transformers 5.24.0 with torch 2.13.0, from PyPI. Seen on 28 November 2026 by running this script."
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 transformers==5.24.0 numpy==2.4.6

cat > "$folder/cache.py" <<'PY'
import torch
from transformers import GPT2Config, GPT2LMHeadModel, GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM

sizes = {"vocab_size": 100, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
sizes |= {"intermediate_size": 128, "max_position_embeddings": 64, "pad_token_id": None, "bos_token_id": None}
sizes |= {"eos_token_id": None}
torch.manual_seed(0)
models = {
    "GPT-2": GPT2LMHeadModel(GPT2Config(vocab_size=100, n_embd=64, n_layer=2, n_head=4, bos_token_id=None, eos_token_id=None)),
    "GPT-NeoX": GPTNeoXForCausalLM(GPTNeoXConfig(**sizes)),
    "Llama": LlamaForCausalLM(LlamaConfig(**sizes)),
}
ids = torch.randint(100, (1, 16))


def cached(model, autocast):
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        layer = model(ids, use_cache=True).past_key_values.layers[0]
    return layer.keys, layer.values


def size(*tensors):
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


found = {}
for name, model in models.items():
    model.eval()
    full, half = cached(model, False), cached(model, True)
    found[name] = [str(part.dtype).removeprefix("torch.") for part in half], size(*half) / size(*full)
    print(f"{name:8} under autocast: keys {found[name][0][0]}, values {found[name][0][1]}, {found[name][1]:.0%} of float32")
whole = [part.dtype for part in cached(models["Llama"].to(torch.bfloat16), False)]
print("Llama, its weights in bfloat16: both", whole[0])

both = ["bfloat16", "bfloat16"]
assert found["GPT-2"] == (both, 0.5), "changed: GPT-2's cache"
assert found["GPT-NeoX"] == found["Llama"] == (["float32", "bfloat16"], 0.75), "changed: keys aren't float32 alone"
assert whole == [torch.bfloat16] * 2, "changed: the cache of a model in bfloat16"
PY
"$folder/venv/bin/python" "$folder/cache.py" 2> >(grep -v "deprecated" >&2)
echo "So for text in bfloat16 convert the weights; autocast alone leaves the keys as wide as they were."
