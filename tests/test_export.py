"""What is exported is read by `transformers`: the same ids, scores and tales, stopping where ours stop."""

import json
import warnings
from functools import cache

import pytest
import torch
import transformers
from models import lively_model
from torch.testing import assert_close

from course_utils.bpe import BPETokenizer
from course_utils.checkpoints import BASE, CHAT, load_checkpoint, save_checkpoint
from course_utils.experiments.runtimes import OPENINGS, QUESTIONS, SCRIPTS, strings
from course_utils.export import command, gguf_file, onnx_graph
from course_utils.export.folder import is_chat, save_folder
from course_utils.generation import generate_tokens
from course_utils.template import encode_chat
from course_utils.tokenizers import END_OF_TEXT, CharTokenizer
from course_utils.training import cross_entropy

MODELS = ["base", "chat", "learned", "rotary"]


@cache
def ours(name):
    """A model and its tokenizer: the shipped ones, and two with wide random weights that never repeat themselves."""
    found = load_checkpoint(CHAT if name == "chat" else BASE)
    if name in ("learned", "rotary"):
        sizes = {"vocab_size": found.tokenizer.vocab_size, "context_length": 64, "dtype": torch.float32}
        return lively_model(name, **sizes), found.tokenizer
    return found.model, found.tokenizer


@pytest.fixture(scope="module", params=MODELS)
def exported(request, tmp_path_factory):
    """The model, its tokenizer, and what `transformers` makes of the folder."""
    model, tokenizer = ours(request.param)
    folder = tmp_path_factory.mktemp(request.param)
    save_folder(model, tokenizer, folder)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    return model, tokenizer, theirs.eval(), transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)


def prompts(model, tokenizer):
    """Four prompts of unequal length, as the model was trained to read them."""
    if is_chat(model, tokenizer):
        return [encode_chat(tokenizer, [{"role": "user", "content": text}], prompt=True) for text in QUESTIONS]
    return [tokenizer.encode(END_OF_TEXT + text, allowed_special="all") for text in OPENINGS]


def test_the_same_ids_on_two_thousand_texts_in_twenty_scripts(exported):
    _, tokenizer, _, theirs = exported
    texts = strings(100)
    assert len(SCRIPTS) == 20
    assert len(set(texts)) == 2000
    assert theirs(texts)["input_ids"] == [tokenizer.encode(text, allowed_special="all") for text in texts]
    assert len(theirs) == tokenizer.vocab_size  # nothing was added beyond the vocabulary
    assert theirs.decode(theirs("Mara  , here .")["input_ids"]) == "Mara  , here ."


def test_the_same_scores(exported):
    model, tokenizer, theirs, _ = exported
    for prompt in prompts(model, tokenizer):
        idx = torch.tensor([prompt])
        with torch.no_grad():
            assert_close(theirs(idx).logits, model(idx), atol=1e-3, rtol=0)


def test_the_same_greedy_tales_padded_left_in_a_batch_stopping_where_ours_stop(exported):
    model, tokenizer, theirs, their_tokenizer = exported
    starts = prompts(model, tokenizer)
    room = model.config.context_length - max(map(len, starts))
    batch = their_tokenizer.pad({"input_ids": starts}, return_tensors="pt")
    assert batch["attention_mask"][:, -1].all()
    assert not batch["attention_mask"].all()
    with torch.no_grad():
        rows = theirs.generate(**batch, do_sample=False, max_length=model.config.context_length)
    config = theirs.generation_config
    pad, stops = config.pad_token_id, config.eos_token_id
    told = generate_tokens(model, starts, room, stop_tokens=stops)
    told = [row + [pad] * (max(map(len, told)) - len(row)) for row in told]
    assert rows[:, batch["input_ids"].shape[1] :].tolist() == told


def test_the_shipped_models_end_by_themselves_in_a_pipeline(exported):
    model, tokenizer, theirs, their_tokenizer = exported
    pipe = transformers.pipeline("text-generation", model=theirs, tokenizer=their_tokenizer)
    if model.config.context_length < 256:
        return  # random weights never end
    if is_chat(model, tokenizer):
        answer = pipe([{"role": "user", "content": QUESTIONS[0]}], do_sample=False)[0]["generated_text"][-1]
        assert answer["role"] == "assistant"
        assert answer["content"].strip().endswith((".", "!", "?"))
    else:
        tale = pipe(f"{END_OF_TEXT}Mara", do_sample=False)[0]["generated_text"]
        assert tale.strip().endswith(".")
        assert 100 < len(their_tokenizer(tale)["input_ids"]) < 256 or len(tale) > 200
