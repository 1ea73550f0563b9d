"""Our names and Hugging Face's: a GPT as a model directory that `transformers` loads, and the way back.

Learned positions map to `GPT2LMHeadModel`, rotary ones to `GPTNeoXForCausalLM` with sequential residuals. A `Llama`
goes out too, as `LlamaForCausalLM`, `MistralForCausalLM` or `Qwen3ForCausalLM`; it doesn't come back.
"""

import json
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from course_utils.checkpoints import check_storable, fingerprint, stored_weights, unwrap
from course_utils.common import require, write_whole
from course_utils.downloads import Download, fetch
from course_utils.gpt import GPT, GPTConfig
from course_utils.llama import THEIR_FORM, THEIR_NAMES, LlamaConfig, their_kind, their_weights

# GPT-2 small as OpenAI published it in 2019, in the form and at the revision that Hugging Face keeps.
GPT2_SMALL = GPTConfig(vocab_size=50_257, context_length=1024, n_layer=12, n_head=12, n_embd=768)
GPT2_WEIGHTS = Download(
    "https://huggingface.co/openai-community/gpt2/resolve/607a30d783dfa663caf39e06633721c8d4cfcd7e/model.safetensors",
    548_105_171,
    "248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707",
)

# Ours -> theirs; {} stands for the number of the layer. The parts of a model have weight and bias under one name; where
# there's only a weight, the table says so.
GPT2_NAMES = {
    "token_embedding.weight": "transformer.wte.weight",
    "position_embedding.weight": "transformer.wpe.weight",
    "blocks.{}.attn_norm": "transformer.h.{}.ln_1",
    "blocks.{}.attn.qkv": "transformer.h.{}.attn.c_attn",
    "blocks.{}.attn.proj": "transformer.h.{}.attn.c_proj",
    "blocks.{}.mlp_norm": "transformer.h.{}.ln_2",
    "blocks.{}.mlp.up": "transformer.h.{}.mlp.c_fc",
    "blocks.{}.mlp.down": "transformer.h.{}.mlp.c_proj",
    "final_norm": "transformer.ln_f",
    "lm_head.weight": "lm_head.weight",
}
NEOX_NAMES = {
    "token_embedding.weight": "gpt_neox.embed_in.weight",
    "blocks.{}.attn_norm": "gpt_neox.layers.{}.input_layernorm",
    "blocks.{}.attn.qkv": "gpt_neox.layers.{}.attention.query_key_value",
    "blocks.{}.attn.proj": "gpt_neox.layers.{}.attention.dense",
    "blocks.{}.mlp_norm": "gpt_neox.layers.{}.post_attention_layernorm",
    "blocks.{}.mlp.up": "gpt_neox.layers.{}.mlp.dense_h_to_4h",
    "blocks.{}.mlp.down": "gpt_neox.layers.{}.mlp.dense_4h_to_h",
    "final_norm": "gpt_neox.final_layer_norm",
    "lm_head.weight": "embed_out.weight",
}
LLAMA_NAMES = {
    "token_embedding.weight": "model.embed_tokens.weight",
    **{f"blocks.{{}}.{ours}": f"model.layers.{{}}.{theirs}" for ours, theirs in THEIR_NAMES.items()},
    "final_norm": "model.norm",
    "lm_head.weight": "lm_head.weight",
}

# Settings of theirs that our GPT can't change: the value that a file means by leaving it out, and the values that ours
# can take. To ignore them would load a model without an error and compute something else.
GELU = ("gelu_new", "gelu_pytorch_tanh")  # two names of one formula, GELU by tanh
GPT2_FIXED = {
    "activation_function": ("gelu_new", GELU),
    "layer_norm_epsilon": (1e-5, (1e-5,)),
    "scale_attn_weights": (True, (True,)),
    "scale_attn_by_inverse_layer_idx": (False, (False,)),
}
NEOX_FIXED = {
    "use_parallel_residual": (True, (False,)),
    "hidden_act": ("gelu", GELU),
    "layer_norm_eps": (1e-5, (1e-5,)),
    "attention_bias": (True, (True,)),
    "partial_rotary_factor": (0.25, (1.0,)),
    "rope_theta": (10_000, (10_000,)),
    "rope_type": ("default", ("default",)),
    "rope_scaling": (None, (None,)),
}
# Files from before `rope_parameters`, our own among them, have these names.
NEOX_OLD_NAMES = {"rotary_pct": "partial_rotary_factor", "rotary_emb_base": "rope_theta"}


def their_name(config: GPTConfig, name: str) -> str:
    """Return Hugging Face's name of one of our weights.

    >>> their_name(GPTConfig(9, 8, 1, 1, 4), "blocks.0.attn.qkv.bias")
    'transformer.h.0.attn.c_attn.bias'
    """
    table = GPT2_NAMES if config.positions == "learned" else NEOX_NAMES
    table = LLAMA_NAMES if isinstance(config, LlamaConfig) else table
    parts = name.split(".")
    unknown = f"{name!r} is not the name of a weight of our GPT"
    require(len(parts) > 1, unknown)
    # Every layer has the same names, so the table has them once: take the number out, and put it in again.
    layer = parts[1] if parts[0] == "blocks" else ""
    pattern = ".".join(["blocks", "{}", *parts[2:]]) if layer else name
    if pattern in table:
        return table[pattern].format(layer)
    # Not there as a whole, so it's the weight or bias of a part.
    stem, kind = pattern.rsplit(".", 1)
    require(stem in table, unknown)
    return f"{table[stem].format(layer)}.{kind}"


def their_names(config: GPTConfig, name: str) -> list[str]:
    """Return Hugging Face's names of one of our weights: a Llama's keys and values are two weights there.

    >>> their_names(LlamaConfig(9, 8, 1, 1, 4), "blocks.0.attn.kv.weight")
    ['model.layers.0.self_attn.k_proj.weight', 'model.layers.0.self_attn.v_proj.weight']
    """
    if not (isinstance(config, LlamaConfig) and ".attn.kv." in name):
        return [their_name(config, name)]
    query = their_name(config, name.replace(".kv.", ".query."))
    return [query.replace("q_proj", f"{part}_proj") for part in "kv"]


def regroup(config: GPTConfig, name: str, weight: Tensor, back: bool = False) -> Tensor:
    """Lay out one weight as they do, or back. GPT-2's layers store (in, out); NeoX's qkv goes head by head."""
    # GPT-2 comes from TensorFlow: a layer in its blocks computes x @ weight, where `nn.Linear` computes x @ weight.T.
    # Its embeddings and its output layer are as in PyTorch.
    if config.positions == "learned":
        stored_transposed = weight.dim() == 2 and name.startswith("blocks.")
        return weight.T.contiguous() if stored_transposed else weight.contiguous()
    if ".attn.qkv." not in name:
        return weight.contiguous()
    # Our rows are all queries, then all keys, then all values; theirs are head after head, each with its three.
    outer, inner = (config.n_head, 3) if back else (3, config.n_head)
    split = weight.reshape(outer, inner, config.head_dim, *weight.shape[1:])  # (3, H, D, …), back: (H, 3, D, …)
    return split.transpose(0, 1).reshape(weight.shape).contiguous()


def gpt_to_huggingface(model: GPT) -> tuple[dict, dict[str, Tensor]]:
    """Return the configuration and the weights of `model` as `transformers` names and shapes them."""
    # With an adapter, scores of one's own or another last layer, they would compute something else.
    check_storable(model)
    config = unwrap(model).config
    if isinstance(config, LlamaConfig):
        check_form(config)
        weights = their_weights(unwrap(model))
        if config.tied:
            weights.pop("lm_head.weight")
        return llama_config(config), weights
    # Tied weights are in a file once, under the embedding's name.
    weights = {their_name(config, n): regroup(config, n, w) for n, w in stored_weights(model).items()}
    return their_config(config), weights


def their_config(config: GPTConfig) -> dict:
    """Return the contents of `config.json` for our sizes."""
    # What both of them read. A name too many does no harm: each reads only those it knows.
    shared = {"vocab_size": config.vocab_size, "tie_word_embeddings": config.tied, "layer_norm_epsilon": 1e-5}
    # Left out, they'd be GPT-2's 50,256 or NeoX's 0 and 2, whatever our vocabulary has there, if anything.
    shared |= {"bos_token_id": None, "eos_token_id": None}
    if config.positions == "learned":
        drop = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), config.dropout)
        sizes = {"n_layer": config.n_layer, "n_head": config.n_head, "n_embd": config.n_embd}
        kind = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "activation_function": "gelu_new"}
        # Some readers, llama.cpp's among them, still ask for the older name.
        length = dict.fromkeys(("n_positions", "n_ctx"), config.context_length)
        return {**kind, **shared, **sizes, **drop, **length}
    return {
        **shared,
        "model_type": "gpt_neox",
        "architectures": ["GPTNeoXForCausalLM"],
        "hidden_act": "gelu_new",
        "layer_norm_eps": 1e-5,
        "hidden_size": config.n_embd,
        "intermediate_size": 4 * config.n_embd,
        "num_hidden_layers": config.n_layer,
        "num_attention_heads": config.n_head,
        "max_position_embeddings": config.context_length,
        "use_parallel_residual": False,
        # By default theirs rotates only a quarter of each head. Old and new versions understand these two names.
        "rotary_pct": 1.0,
        "rotary_emb_base": 10_000,
        "hidden_dropout": config.dropout,
        "attention_dropout": config.dropout,
    }


def llama_config(config: LlamaConfig) -> dict:
    """Return the contents of `config.json` for a Llama: what `to_transformers` sets, by names that all versions read.

    >>> llama_config(LlamaConfig(9, 8, 1, 2, 4, qk_norm=True))["architectures"]
    ['Qwen3ForCausalLM']
    """
    kind = their_kind(config)
    found = {
        "model_type": kind.lower(),
        "architectures": [f"{kind}ForCausalLM"],
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.context_length,
        "num_hidden_layers": config.n_layer,
        "num_attention_heads": config.n_head,
        "num_key_value_heads": config.kv_heads,
        "hidden_size": config.n_embd,
        "head_dim": config.head_dim,
        "intermediate_size": config.hidden,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "rope_theta": 10_000.0,
        "tie_word_embeddings": config.tied,
        "attention_dropout": config.dropout,
        "bos_token_id": None,
        "eos_token_id": None,
    }
    return found | ({"sliding_window": config.window} if kind == "Mistral" else {})


def check_form(config: LlamaConfig) -> None:
    """Raise a `ValueError` unless one of their models is of this form; it says which settings are in the way."""
    wanted = {name: theirs for name, theirs in THEIR_FORM.items() if getattr(config, name) != theirs}
    if config.window and config.qk_norm:
        wanted |= {"window": None}
    has = ", ".join(f"{name}={getattr(config, name)!r}" for name in wanted)
    needs = ", ".join(f"{name}={theirs!r}" for name, theirs in wanted.items())
    told = f"this Llama has {has}, which neither Llama, Mistral nor Qwen3 of transformers has: train one with {needs}"
    told += " (or qk_norm=False)" if "window" in wanted else ""
    require(not wanted, told)


def our_config(theirs: dict) -> GPTConfig:
    """Read our sizes from the contents of a `config.json`; a form that our GPT doesn't have is a `ValueError`."""
    require(isinstance(theirs, dict), f"the configuration is {theirs!r:.50}; it takes a dictionary")
    kind = theirs.get("model_type")
    require(kind in ("gpt2", "gpt_neox"), f"model_type is {kind!r}; this course reads gpt2 and gpt_neox")
    # `names` in the order in which GPTConfig takes them; `tied` is what a file means by leaving it out.
    if kind == "gpt2":
        fixed = GPT2_FIXED
        names = ("n_positions", "n_layer", "n_head", "n_embd")
        tied = True
    else:
        # Newer versions keep what they know of rotary positions in a dictionary of its own.
        theirs = theirs | (theirs.get("rope_parameters") or {})
        # Where a file has both, the newer name counts, as it does for `transformers`.
        theirs |= {new: theirs[old] for old, new in NEOX_OLD_NAMES.items() if old in theirs and new not in theirs}
        fixed = NEOX_FIXED
        names = ("max_position_embeddings", "num_hidden_layers", "num_attention_heads", "hidden_size")
        tied = False
    for name, (theirs_by_default, ours) in fixed.items():
        found = theirs.get(name, theirs_by_default)
        require(found in ours, f"{name} is {found!r}; our GPT has {ours[0]!r}")
    missing = [name for name in ("vocab_size", *names) if name not in theirs]
    require(not missing, f"the configuration lacks {missing}")
    sizes = [theirs[name] for name in names]
    tied = theirs.get("tie_word_embeddings", tied)
    dropout = theirs.get("resid_pdrop" if kind == "gpt2" else "hidden_dropout", 0.0)
    positions = "learned" if kind == "gpt2" else "rotary"
    return GPTConfig(theirs["vocab_size"], *sizes, dropout=dropout, positions=positions, tied=tied)


def gpt_from_huggingface(theirs: dict, weights: dict[str, Tensor]) -> GPT:
    """Build our GPT from their configuration and weights; a missing or misshapen weight is a `ValueError`.

    It's in evaluation mode, and each weight has the dtype of theirs.
    """
    config = our_config(theirs)
    # The files of GPT-2 as first published have no prefix: "h.0.ln_1.weight".
    bare_names = theirs["model_type"] == "gpt2" and not any(name.startswith("transformer.") for name in weights)
    prefix = "transformer." if bare_names else ""
    # The output layer has no prefix in either.
    weights = {bare if bare.startswith("lm_head") else prefix + bare: w for bare, w in weights.items()}
    if "lm_head.weight" in weights and config.positions == "rotary":
        weights["embed_out.weight"] = weights.pop("lm_head.weight")  # NeoX's name in newer versions
    if config.tied and not one_table(config, weights):
        config = replace(config, tied=False)
    model = GPT(config)
    # Go over our names, not over the file's: none of ours is missed, and what else is in the file (the causal mask, in
    # older ones) does no harm. Tied weights are one parameter, so the output layer isn't asked for.
    with torch.no_grad():
        for name, ours in model.named_parameters():
            theirs_name = their_name(config, name)
            require(theirs_name in weights, f"the weights lack {theirs_name!r}")
            found = weights[theirs_name]
            floats = found.is_floating_point()
            require(floats, f"{theirs_name!r} holds {found.dtype}; it takes floating point numbers, not quantised ones")
            expected = tuple(regroup(config, name, ours).shape)
            same = tuple(found.shape) == expected
            require(same, f"{theirs_name!r} is {tuple(found.shape)}, the configuration says {expected}")
            # A copy, or training ours would change theirs. By `data`, which takes on their dtype too.
            ours.data = regroup(config, name, found, back=True).clone()
    model.origin = fingerprint(model)
    return model.eval()


def one_table(config: GPTConfig, weights: dict[str, Tensor]) -> bool:
    """Return whether the output weights are the embedding's, or left out. Others count, whatever the config says.

    So it is for `transformers`; a file may leave `tie_word_embeddings` out, which means that they are tied.
    """
    output, embedding = (weights.get(their_name(config, name)) for name in ("lm_head.weight", "token_embedding.weight"))
    return output is None or embedding is None or torch.equal(output, embedding)


def save_huggingface(model: GPT, folder: str | Path, entries: dict | None = None) -> None:
    """Write `config.json` and `model.safetensors`, so that `AutoModelForCausalLM.from_pretrained(folder)` works.

    `entries` go into the configuration too: what only a tokenizer knows, such as `eos_token_id`.
    """
    folder = Path(folder)
    config, weights = gpt_to_huggingface(model)
    config |= entries or {}
    folder.mkdir(parents=True, exist_ok=True)
    # "format" says that these are PyTorch's tensors; older versions of `transformers` refuse a file without it.
    content = save({name: w.detach().cpu().contiguous() for name, w in weights.items()}, metadata={"format": "pt"})
    # If we're interrupted between the two files, new weights might fit old sizes (another n_head, say) and compute
    # nonsense. Without a config.json nobody can load them.
    (folder / "config.json").unlink(missing_ok=True)
    write_whole(folder / "model.safetensors", content)
    write_whole(folder / "config.json", (json.dumps(config, indent=2) + "\n").encode())


def load_huggingface(folder: str | Path) -> GPT:
    """Read a directory written by `save_huggingface` or by `transformers` (GPT-2, sequential GPT-NeoX)."""
    folder = Path(folder)
    # Only safetensors: an old `pytorch_model.bin` is a pickle, which can run any code when it's opened.
    for name in ("config.json", "model.safetensors"):
        require((folder / name).is_file(), f"{folder} holds no {name}: give a Hugging Face model directory")
    try:
        weights = load_file(folder / "model.safetensors")
        theirs = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (SafetensorError, json.JSONDecodeError) as error:
        raise ValueError(f"{folder} is damaged: {error}") from error
    return gpt_from_huggingface(theirs, weights)


def load_gpt2() -> GPT:
    """Return GPT-2 small with its published weights: 124 million, downloaded (548 MB) at the first call.

    Radford et al. 2019, "Language Models are Unsupervised Multitask Learners". Its tokenizer's vocabulary is shipped:
    `BPETokenizer(ranks=gpt2_ranks())`. Raises `ConnectionError` where there's no network.
    """
    path = fetch(GPT2_WEIGHTS, "gpt2.safetensors", instead="use a model of this course, load_checkpoint(BASE)")
    return gpt_from_huggingface(their_config(GPT2_SMALL), load_file(path))
