"""A checkpoint as scripts that a page can load: from a plain folder a browser runs scripts and reads nothing else."""

import base64
import json
from pathlib import Path

import torch

from course_utils.bpe import BPETokenizer, gpt2_tokenizer
from course_utils.checkpoints import Checkpoint, load_checkpoint, stored_weights, with_article
from course_utils.common import require
from course_utils.gpt import GPT, GPTConfig
from course_utils.llama import LlamaConfig

# What `gpt.js` reads of every configuration, and of a Llama's; a GPT has these forms of them.
SIZES = ("vocab_size", "context_length", "n_layer", "n_head", "n_embd", "positions", "tied")
LLAMA = ("norm", "mlp", "kv_heads", "qk_norm", "window", "soft_cap")


def model_scripts(path: str | Path, name: str) -> dict[str, str]:
    """Return the scripts of a checkpoint by file name: `NAME.tokenizer.js` and `NAME.weights.js`.

    A checkpoint of another kind than a `GPT` or a `Llama` with a `BPETokenizer` is a ValueError.
    """
    checkpoint = load_checkpoint(path)
    check_readable(checkpoint, path)
    return {
        f"{name}.tokenizer.js": assignment("TOKENIZERS", name, tokenizer_data(checkpoint.tokenizer)),
        f"{name}.weights.js": assignment("WEIGHTS", name, weights_data(checkpoint)),
    }


def check_readable(checkpoint: Checkpoint, path: str | Path) -> None:
    """Raise a `ValueError` unless the page can read this model and this tokenizer."""
    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    kind = with_article(type(model).__name__)
    require(isinstance(model, GPT), f"{path} holds {kind}; the page reads a GPT or a Llama")
    experts = getattr(model.config, "n_expert", None)
    why = "the page's script has one MLP in a layer: train one with n_expert=None"
    require(experts is None, f"{path} holds a Llama with n_expert={experts}; {why}")
    kind = type(tokenizer).__name__ if tokenizer else "no tokenizer"
    require(isinstance(tokenizer, BPETokenizer), f"{path} holds {kind}; the page reads a BPETokenizer")


def assignment(table: str, name: str, value: object) -> str:
    """Return a script that puts a value into one of the page's tables.

    >>> assignment("WEIGHTS", "base", [1])
    '(window.WEIGHTS ??= {})["base"] = [1];\\n'
    """
    text = json.dumps(value, separators=(",", ":"))
    return f"(window.{table} ??= {{}})[{json.dumps(name)}] = {text};\n"


def tokenizer_data(tokenizer: BPETokenizer) -> dict[str, object]:
    """Return a tokenizer for `bpe.js`: each byte of a token is the character with the same number."""
    ranks = {token.decode("latin-1"): token_id for token, token_id in tokenizer.ranks.items()}
    return {"ranks": ranks, "special": tokenizer.special_tokens, "pattern": javascript_pattern(tokenizer.pattern)}


def javascript_pattern(pattern: str) -> str:
    r"""Return a pattern for JavaScript, whose own `\s` differs from Python's: it takes a byte order mark for a space.

    >>> javascript_pattern(r"\s+(?!\S)|[^\s\p{L}]+")
    '\\p{White_Space}+(?!\\P{White_Space})|[^\\p{White_Space}\\p{L}]+'
    """
    return pattern.replace(r"\s", r"\p{White_Space}").replace(r"\S", r"\P{White_Space}")


def weights_data(checkpoint: Checkpoint) -> dict[str, object]:
    """Return a model for `gpt.js`: sizes, the shape of each weight, and all numbers one after the other in base64."""
    weights = stored_weights(checkpoint.model)
    # float32 and nothing smaller: then the page's numbers are the notebook's, and its greedy tale is too.
    numbers = torch.cat([weight.detach().float().flatten() for weight in weights.values()])
    return {
        "config": page_config(checkpoint.model.config),
        "lengths": {name: weight.numel() for name, weight in weights.items()},
        "numbers": base64.b64encode(numbers.numpy().astype("<f4").tobytes()).decode(),
    }


def page_config(config: GPTConfig) -> dict[str, object]:
    """Return what `gpt.js` has to know of a configuration besides the weights; a GPT's parts are named as a Llama's."""
    found = {name: getattr(config, name) for name in SIZES}
    if isinstance(config, LlamaConfig):
        return found | {name: getattr(config, name) for name in LLAMA} | {"separate": True}
    return found | {"norm": "layer", "mlp": "gelu", "kv_heads": config.n_head}


def gpt2_script() -> dict[str, str]:
    """Return the script of GPT-2's vocabulary by file name."""
    return {"gpt2.tokenizer.js": assignment("TOKENIZERS", "gpt2", tokenizer_data(gpt2_tokenizer()))}
