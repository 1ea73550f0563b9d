"""A model as one GGUF file for llama.cpp and what is built on it (Ollama, LM Studio): weights, vocabulary, merges.

llama.cpp's own converter knows published vocabularies by a list of hashes and refuses every other. The format itself
has room for any: tokens in GPT-2's letters for bytes, merges, and the name of the pattern that cuts the text.
"""

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from course_utils.bpe import GPT2_PATTERN, BPETokenizer, tokenizer_json
from course_utils.checkpoints import stored_weights
from course_utils.common import require
from course_utils.export.folder import check_pair, special_names
from course_utils.gpt import GPT
from course_utils.llama import LlamaConfig, their_kind
from course_utils.pretrained import check_form
from course_utils.template import CHAT_TEMPLATE

# Ours -> theirs. A GPT's queries, keys and values lie one below the other in both; a Llama's are three weights there.
NAMES = {
    "token_embedding": "token_embd",
    "position_embedding": "position_embd",
    "attn_norm": "attn_norm",
    "attn.qkv": "attn_qkv",
    "attn.query": "attn_q",
    "attn.key": "attn_k",
    "attn.value": "attn_v",
    "attn.q_norm": "attn_q_norm",
    "attn.k_norm": "attn_k_norm",
    "attn.proj": "attn_output",
    "mlp_norm": "ffn_norm",
    "mlp.gate": "ffn_gate",
    "mlp.up": "ffn_up",
    "mlp.down": "ffn_down",
    "final_norm": "output_norm",
    "lm_head": "output",
}
ORDINARY, SPECIAL, UNUSED = 1, 3, 5  # kinds of tokens


def save_gguf(model: GPT, tokenizer: BPETokenizer, path: str | Path, chat: bool = False) -> None:
    """Write model and tokenizer as one file, in float32; a vocabulary that llama.cpp would cut otherwise is refused."""
    kind = check_gguf(model, tokenizer)
    import gguf

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    writer = gguf.GGUFWriter(part, kind)
    add_sizes(writer, model)
    add_vocabulary(writer, model, tokenizer, chat)
    for name, weight in their_weights(model).items():
        writer.add_tensor(name, weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(part, path)


def check_gguf(model: GPT, tokenizer: BPETokenizer) -> str:
    """Return which of llama.cpp's models this one is; a `ValueError` says why it can't be written as GGUF."""
    check_pair(model, tokenizer)
    check_vocabulary(tokenizer)
    kind = architecture(model)
    require(importlib.util.find_spec("gguf") is not None, "for GGUF, install its writer: python -m pip install gguf")
    return kind


def architecture(model: GPT) -> str:
    """Return which of llama.cpp's models this is; a form that none of them has is a `ValueError`."""
    config = model.config
    if not isinstance(config, LlamaConfig):
        return "gpt2" if config.positions == "learned" else "gptneox"
    check_form(config)
    # It has Mistral's models as Llamas, and reads them without their window.
    told = f"this Llama has window={config.window}, and llama.cpp's Llama attends to all tokens"
    require(config.window is None, f"{told}: leave out --gguf, or train one with window=None")
    return their_kind(config).lower()


def check_vocabulary(tokenizer: BPETokenizer) -> None:
    """Raise a `ValueError` for a vocabulary whose ids would differ there."""
    same = tokenizer.pattern == GPT2_PATTERN
    require(same, f"the tokenizer cuts text by {tokenizer.pattern!r:.60}; llama.cpp takes GPT-2's pattern by name")
    merges = len(json.loads(tokenizer_json(tokenizer))["model"]["merges"])
    reached = 256 + merges == len(tokenizer.ranks)
    require(reached, "the vocabulary has tokens that no merge makes, and llama.cpp only merges")


def add_sizes(writer: Any, model: GPT) -> None:
    """Write the sizes of a model."""
    config = model.config
    writer.add_context_length(config.context_length)
    writer.add_embedding_length(config.n_embd)
    writer.add_block_count(config.n_layer)
    writer.add_head_count(config.n_head)
    if config.positions == "rotary":
        writer.add_rope_dimension_count(config.head_dim)
    if isinstance(config, LlamaConfig):
        writer.add_feed_forward_length(config.hidden)
        writer.add_head_count_kv(config.kv_heads)
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
        writer.add_layer_norm_rms_eps(1e-6)
        writer.add_rope_freq_base(10_000.0)
        return
    writer.add_feed_forward_length(4 * config.n_embd)
    writer.add_layer_norm_eps(1e-5)
    if config.positions == "rotary":
        writer.add_parallel_residual(False)


def add_vocabulary(writer: Any, model: GPT, tokenizer: BPETokenizer, chat: bool) -> None:
    """Write tokens, merges, special tokens and, for a chat, its template."""
    content = json.loads(tokenizer_json(tokenizer))["model"]
    # A model may have more rows than there are tokens.
    tokens = [f"[unused {number}]" for number in range(model.config.vocab_size)]
    kinds = [UNUSED] * len(tokens)
    for token, number in content["vocab"].items():
        tokens[number], kinds[number] = token, SPECIAL if token in tokenizer.special_tokens else ORDINARY
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in content["merges"]])
    ids = {kind: tokenizer.special_tokens[name] for kind, name in special_names(tokenizer, chat).items()}
    writer.add_bos_token_id(ids["bos_token"])
    writer.add_eos_token_id(ids["eos_token"])
    writer.add_pad_token_id(ids["pad_token"])
    writer.add_add_bos_token(False)  # our prompts say themselves where a text begins
    if chat:
        writer.add_chat_template(CHAT_TEMPLATE)


def their_weights(model: GPT) -> dict[str, np.ndarray]:
    """Return the weights under llama.cpp's names, as float32."""
    weights = stored_weights(model)
    if model.config.tied:
        weights["lm_head.weight"] = weights["token_embedding.weight"]  # a rotary model's file has to hold both
    if isinstance(model.config, LlamaConfig):
        weights = three_weights(weights, model.config)
    return {their_name(name): as_array(weight) for name, weight in weights.items()}


def three_weights(weights: dict[str, Tensor], config: LlamaConfig) -> dict[str, Tensor]:
    """Return a Llama's weights with keys and values apart, and what is rotated in the order that llama.cpp rotates."""
    found = {}
    for name, weight in weights.items():
        if name.endswith("attn.kv.weight"):
            keys, values = weight.chunk(2)
            found[name.replace(".kv.", ".key.")], found[name.replace(".kv.", ".value.")] = keys, values
        else:
            found[name] = weight
    # Pairs that rotate together are half a head apart here, and in its Qwen3; in its Llama they're neighbours.
    turned = ("attn.query.weight", "attn.key.weight") if their_kind(config) == "Llama" else ()
    return {name: as_neighbours(w, config.head_dim) if name.endswith(turned) else w for name, w in found.items()}


def as_neighbours(weight: Tensor, head_dim: int) -> Tensor:
    """Return the rows of each head in another order: 0, D / 2, 1, D / 2 + 1, and so on. (H * D, C), same shape back.

    >>> as_neighbours(Tensor(range(8)).view(8, 1), head_dim=4).flatten().int().tolist()
    [0, 2, 1, 3, 4, 6, 5, 7]
    """
    return weight.view(-1, 2, head_dim // 2, weight.shape[1]).transpose(1, 2).reshape(weight.shape)


def their_name(name: str) -> str:
    """Return llama.cpp's name of one of our weights.

    >>> their_name("blocks.3.attn.qkv.bias")
    'blk.3.attn_qkv.bias'
    """
    stem, kind = name.rsplit(".", 1)
    if not stem.startswith("blocks."):
        return f"{NAMES[stem]}.{kind}"
    _, layer, part = stem.split(".", 2)
    return f"blk.{layer}.{NAMES[part]}.{kind}"


def as_array(weight: Tensor) -> np.ndarray:
    """Return a weight as a float32 array."""
    return weight.detach().cpu().float().contiguous().numpy()
