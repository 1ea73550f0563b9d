"""A model as the folder that `transformers` and its relatives load: weights, tokenizer, where a text begins and ends.

Without the two small files about the tokenizer, `AutoTokenizer` guesses a class from the model, adds tokens beyond the
vocabulary, and `generate` runs past the end of a tale.
"""

import json
from pathlib import Path
from typing import Any

from course_utils.bpe import BPETokenizer, tokenizer_json
from course_utils.common import require, write_whole
from course_utils.generation import generate_tokens
from course_utils.gpt import GPT
from course_utils.pretrained import save_huggingface
from course_utils.template import ASSISTANT, CHAT_TEMPLATE, END, PAD, USER, encode_chat
from course_utils.tokenizers import END_OF_TEXT, Tokenizer

QUESTION = [{"role": "user", "content": "Who are you?"}]


def save_folder(model: GPT, tokenizer: BPETokenizer, folder: str | Path, chat: bool | None = None) -> list[str]:
    """Write the whole folder, and return the names of its files. `AutoModelForCausalLM` and `AutoTokenizer` read it.

    A `chat` model's tokenizer has the chat template, and its texts end with a message; by default the model is asked
    one question to find out (`is_chat`).
    """
    folder = Path(folder)
    check_pair(model, tokenizer)
    chat = is_chat(model, tokenizer) if chat is None else chat
    names = special_names(tokenizer, chat)
    ids = {f"{kind}_id": tokenizer.special_tokens[name] for kind, name in names.items() if kind != "unk_token"}
    save_huggingface(model, folder, ids)
    context = model.config.context_length
    about = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **names,
        "model_max_length": context,
        "padding_side": "left",  # the next token goes behind the last one of each text
        "clean_up_tokenization_spaces": False,
    }
    if chat:
        about["chat_template"] = CHAT_TEMPLATE
    # Whoever generates stops here, also where the tokenizer isn't at hand.
    stops = [tokenizer.special_tokens[name] for name in dict.fromkeys((names["eos_token"], END_OF_TEXT))]
    generation = ids | {"eos_token_id": stops, "max_length": context}
    texts = {"tokenizer.json": tokenizer_json(tokenizer), "tokenizer_config.json": as_json(about)}
    texts["generation_config.json"] = as_json(generation)
    for name, text in texts.items():
        write_whole(folder / name, text.encode())
    return ["config.json", "model.safetensors", *texts]


def check_pair(model: GPT, tokenizer: Tokenizer | None) -> None:
    """Raise a `ValueError` unless other runtimes can read this tokenizer, and its ids fit the model."""
    kind = type(tokenizer).__name__
    require(isinstance(tokenizer, BPETokenizer), f"the tokenizer is a {kind}; only a BPETokenizer's text goes with it")
    ends = END_OF_TEXT in tokenizer.special_tokens
    require(ends, f"the tokenizer has no {END_OF_TEXT}: no runtime would know where a text ends")
    ids, rows = tokenizer.vocab_size, model.config.vocab_size
    require(ids <= rows, f"the tokenizer has {ids:,} ids and the model a vocabulary of {rows:,}: they don't fit")


def special_names(tokenizer: Tokenizer, chat: bool) -> dict[str, str]:
    """Return which special token begins a text, ends it, fills a row up, and would stand for what is unknown.

    >>> special_names(BPETokenizer((), [END_OF_TEXT]), chat=False)["pad_token"]
    '<|endoftext|>'
    """
    pad = PAD if PAD in tokenizer.special_tokens else END_OF_TEXT
    return {
        "bos_token": END_OF_TEXT,
        "eos_token": END if chat else END_OF_TEXT,
        "pad_token": pad,
        "unk_token": END_OF_TEXT,  # never used, as bytes spell everything, but some readers insist on one
    }


def is_chat(model: GPT, tokenizer: Tokenizer) -> bool:
    """Return whether a model answers: asked who it is, it ends its reply as a message ends.

    The vocabulary doesn't say so. A base model has the chat's tokens too, and has never seen them.
    """
    if not {USER, ASSISTANT, END} <= tokenizer.special_tokens.keys():
        return False
    prompt = encode_chat(tokenizer, QUESTION, prompt=True)
    room = model.config.context_length - len(prompt)
    if room < 1:  # it can't even read the question
        return False
    stops = [tokenizer.special_tokens[name] for name in (END, END_OF_TEXT)]
    reply = generate_tokens(model, [prompt], room, stop_tokens=stops)[0]
    return reply[-1:] == stops[:1]


def as_json(content: dict[str, Any]) -> str:
    """Return a dictionary as the text of a small file."""
    return json.dumps(content, indent=2) + "\n"
