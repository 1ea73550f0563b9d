"""What is exported is read by `transformers`: the same ids, scores and tales, stopping where ours stop."""

import importlib.util
import json
import re
import textwrap
from functools import cache

import numpy as np
import pytest
import torch
import transformers
from models import lively_model, some_ids
from torch import nn
from torch.testing import assert_close
from torch.utils._pytree import tree_map_only

from course_utils.__main__ import main
from course_utils.bpe import BPETokenizer
from course_utils.checkpoints import BASE, CHAT, load_checkpoint, save_checkpoint, stored_weights
from course_utils.experiments.runtimes import (
    OPENINGS,
    QUESTIONS,
    SCRIPTS,
    cases,
    gelu_in_16_bits,
    in_llama_cpp,
    in_llama_cpp_beside_16_bits,
    strings,
    write,
)
from course_utils.export.folder import is_chat, save_folder
from course_utils.export.gguf_file import save_gguf, their_weights
from course_utils.export.onnx_graph import (
    WithPast,
    names_of_past,
    recipe_with_past,
    save_8_bit,
    save_onnx,
    save_onnx_without_past,
)
from course_utils.generation import generate_tokens
from course_utils.gpt import count_parameters
from course_utils.template import encode_chat
from course_utils.tokenizers import END_OF_TEXT, CharTokenizer

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


@pytest.mark.parametrize("exported", ["base", "chat"], indirect=True)
def test_a_tale_and_an_answer_end_by_themselves_in_a_pipeline(exported):
    model, tokenizer, theirs, their_tokenizer = exported
    pipe = transformers.pipeline("text-generation", model=theirs, tokenizer=their_tokenizer)
    chat = is_chat(model, tokenizer)
    start = [{"role": "user", "content": QUESTIONS[0]}] if chat else f"{END_OF_TEXT}Mara"
    ids = encode_chat(tokenizer, start, prompt=True) if chat else tokenizer.encode(start, allowed_special="all")
    stops = theirs.generation_config.eos_token_id
    (row,) = generate_tokens(model, [ids], 200, stop_tokens=stops)
    assert row[-1] in stops
    told = pipe(start, do_sample=False, return_full_text=False)[0]["generated_text"]
    assert told == tokenizer.decode(row[:-1])


def test_a_tokenizer_that_no_runtime_can_read_is_told(tmp_path):
    model, _ = ours("base")
    for wrong, told in (
        (None, "the tokenizer is a NoneType"),
        (CharTokenizer.from_text("abc"), "the tokenizer is a CharTokenizer"),
        (BPETokenizer(), "has no <|endoftext|>"),
        (BPETokenizer((), {END_OF_TEXT: 1862}), "1,863 ids and the model a vocabulary of 1,862"),
    ):
        with pytest.raises(ValueError, match=re.escape(told)):
            save_folder(model, wrong, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_vocabulary_without_a_chat_is_a_base_model_and_pads_with_the_end_of_text(tmp_path):
    tokenizer = BPETokenizer((), [END_OF_TEXT])
    save_folder(lively_model(vocab_size=300, dtype=torch.float32), tokenizer, tmp_path)
    about = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert about["pad_token"] == about["eos_token"] == about["bos_token"] == about["unk_token"] == END_OF_TEXT
    assert "chat_template" not in about


def test_the_command_says_what_it_wrote_and_what_to_type(tmp_path, capsys):
    model, tokenizer = ours("learned")
    save_checkpoint(tmp_path / "own.safetensors", model, tokenizer)
    assert main(["export", str(tmp_path / "out"), "--from", str(tmp_path / "own.safetensors")]) == 0
    shown = capsys.readouterr().out
    for name in (
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "generation_config.json",
    ):
        assert (tmp_path / "out" / name).is_file()
        assert f"  {name} " in shown
    assert f'pipeline("text-generation", "{(tmp_path / "out").as_posix()}")' in shown
    assert "llama" not in shown
    for wrong, told in (
        (["--from", "nowhere"], "there is no checkpoint at nowhere"),
        (["--tpu"], "unrecognized arguments: --tpu"),
    ):
        assert main(["export", str(tmp_path / "out"), *wrong]) == 1
        assert told in capsys.readouterr().out


def test_what_is_printed_to_type_next_runs(tmp_path, capsys):
    assert main(["export", str(tmp_path), "--from", "chat"]) == 0
    shown = capsys.readouterr().out
    code = shown.partition("With transformers:\n\n")[2]
    exec(textwrap.dedent(code), {})
    assert "assistant" in capsys.readouterr().out


@pytest.mark.parametrize(("save", "package"), [(save_gguf, "gguf"), (save_onnx, "onnxscript"), (save_8_bit, "onnx")])
def test_what_is_not_installed_is_named(tmp_path, monkeypatch, save, package):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find(name))
    arguments = {save_gguf: ours("base"), save_onnx: ours("base")[:1], save_8_bit: (tmp_path,)}[save]
    with pytest.raises(ValueError, match=f"install.*{package}"):
        save(*arguments, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_llama_cpp_is_refused_a_vocabulary_that_it_would_cut_otherwise(tmp_path):
    model, ranks = ours("base")[0], {bytes([byte]): byte for byte in range(256)}
    for tokenizer, told in (
        (BPETokenizer((), [END_OF_TEXT], pattern=r"\S+|\s+"), "llama.cpp takes GPT-2's pattern by name"),
        (BPETokenizer(ranks=ranks | {b"abc": 256}, special_tokens=[END_OF_TEXT]), "tokens that no merge makes"),
    ):
        with pytest.raises(ValueError, match=told):
            save_gguf(model, tokenizer, tmp_path / "file")


def test_what_llama_cpp_rounds_is_told(tmp_path, capsys):
    pytest.importorskip("gguf")
    assert main(["export", str(tmp_path), "--gguf"]) == 0
    assert "table of 16-bit numbers" in capsys.readouterr().out


def test_the_table_of_llama_cpp_is_gelu_in_16_bits():
    """All 63,488 numbers of 16 bits are in the table; numbers between them are rounded to one of those."""
    numbers = torch.arange(-(2**15), 2**15).to(torch.int16).view(torch.float16)
    numbers = numbers[numbers.isfinite()].float()
    inside = numbers.abs() < 10
    wanted = nn.functional.gelu(numbers.double(), approximate="tanh")
    found = gelu_in_16_bits(numbers)
    assert_close(found[inside], wanted[inside].half().float(), rtol=2**-10, atol=1e-7)
    assert torch.equal(found[~inside], numbers[~inside].clamp(min=0))
    between = torch.tensor([1 + 2**-12, 3 - 2**-12, -2 - 2**-11])
    assert torch.equal(gelu_in_16_bits(between), gelu_in_16_bits(between.round(decimals=1)))


def test_llama_cpp_gives_our_scores_but_for_its_table(tmp_path):
    pytest.importorskip("xllamacpp")
    for case in cases(tmp_path, ("base", "rotary"), 1):
        write(case, ["llama.cpp"])
        wanted, tabled = case.ours(), in_llama_cpp_beside_16_bits(case)
        found = in_llama_cpp(case)
        assert [list(a) for a in found.ids] == [list(b) for b in wanted.ids]
        assert found.tales == wanted.tales
        for answers, most in ((found, 0.03), (tabled, 1e-3)):
            off = [np.abs(a - b[-1:]).max() for a, b in zip(answers.scores, wanted.scores, strict=True)]
            assert max(off) < most


@pytest.mark.parametrize("name", MODELS)
def test_every_weight_has_a_name_of_its_own_in_llama_cpp(name):
    model, _ = ours(name)
    weights = their_weights(model)
    assert len(weights) == len(stored_weights(model))
    assert sum(weight.size for weight in weights.values()) == count_parameters(model)


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_a_past_that_grows_gives_what_the_whole_text_gives(positions):
    model, idx = lively_model(positions), some_ids(2, 11)
    attention_mask = torch.ones_like(idx)
    attention_mask[0, :3] = 0
    empty = [torch.zeros(2, 4, 0, 8, dtype=torch.float64)] * len(names_of_past(model, "present"))
    graph, found, past = WithPast(model), [], empty
    for start, end in ((0, 6), (6, 7), (7, 11)):
        logits, *past = graph(idx[:, start:end], attention_mask[:, :end], past)
        found.append(logits)
    assert_close(torch.cat(found, dim=1), model(idx, attention_mask=attention_mask))


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_the_graph_with_a_past_is_recorded_for_any_size(positions):
    model = lively_model(positions)
    with_past, inputs, sizes = recipe_with_past(model)
    sizes = tree_map_only(str, lambda name: torch.export.Dim.DYNAMIC, sizes)
    program = torch.export.export(with_past, inputs, dynamic_shapes=sizes).module()
    for B, T, P in ((2, 5, 3), (1, 1, 9), (3, 4, 0)):
        past = [torch.randn(B, 4, P, 8, dtype=torch.float64) for _ in inputs[2]]
        asked = some_ids(B, T), torch.ones(B, P + T, dtype=torch.int64), past
        for found, wanted in zip(program(*asked), with_past(*asked), strict=True):
            assert_close(found, wanted)


def test_graphs_run_in_onnx_runtime_where_it_is_installed(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model = lively_model(dtype=torch.float32)
    save_onnx_without_past(model, tmp_path / "graph.onnx")
    idx = some_ids(3, 7)
    found = onnxruntime.InferenceSession(tmp_path / "graph.onnx").run(None, {"input_ids": idx.numpy()})[0]
    assert_close(torch.tensor(found), model(idx), atol=1e-4, rtol=0)
