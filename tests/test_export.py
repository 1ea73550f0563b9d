"""What is exported is read by `transformers`: the same ids, scores and tales, stopping where ours stop."""

import importlib.util
import json
import re
import textwrap
from functools import cache, partial

import numpy as np
import pytest
import torch
import transformers
from models import lively_llama, lively_model, small_llama, some_ids
from torch import nn
from torch.testing import assert_close
from torch.utils._pytree import tree_map_only

from course_utils.__main__ import main
from course_utils.bpe import BPETokenizer
from course_utils.checkpoints import BASE, CHAT, load_checkpoint, save_checkpoint, stored_weights
from course_utils.encoder_decoder import EncoderDecoder
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
from course_utils.export import command
from course_utils.export.folder import is_chat, save_folder
from course_utils.export.gguf_file import check_gguf, save_gguf, their_weights
from course_utils.export.onnx_graph import (
    WithPast,
    names_of_past,
    past_shape,
    recipe_with_past,
    save_8_bit,
    save_onnx,
    save_onnx_without_past,
)
from course_utils.generation import generate_tokens
from course_utils.gpt import GPTConfig, count_parameters
from course_utils.llama import to_transformers
from course_utils.recipe import CHAT_TOKENS
from course_utils.template import encode_chat
from course_utils.tokenizers import END_OF_TEXT, CharTokenizer

LLAMAS = {
    "llama": {"n_kv_head": 2},
    "mistral": {"n_kv_head": 1, "window": 6, "tied": True},
    "qwen3": {"n_kv_head": 2, "qk_norm": True},
}
MODELS = ["base", "chat", "learned", "rotary", *LLAMAS]


@cache
def ours(name):
    """A model and its tokenizer: the shipped ones, and others with wide random weights that never repeat themselves."""
    found = load_checkpoint(CHAT if name == "chat" else BASE)
    sizes = {"vocab_size": found.tokenizer.vocab_size, "context_length": 64, "dtype": torch.float32}
    if name in LLAMAS:
        return lively_llama(**sizes, **LLAMAS[name]), found.tokenizer
    if name in ("learned", "rotary"):
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


@pytest.mark.parametrize("exported", LLAMAS, indirect=True)
def test_a_llama_is_the_model_that_its_form_asks_for_with_the_settings_of_to_transformers(exported, request):
    model, _, theirs, _ = exported
    name = request.node.callspec.params["exported"]
    wanted = to_transformers(model)
    assert type(theirs) is type(wanted)
    assert type(theirs).__name__.lower() == f"{name}forcausallm"
    found, settings = theirs.config.to_dict(), wanted.config.to_dict()
    # What only the tokenizer knows, and what says where a configuration came from.
    apart = {"bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id", "architectures", "_name_or_path", "dtype"}
    assert {key: found.get(key) for key in settings if key not in apart} == {
        key: value for key, value in settings.items() if key not in apart
    }
    assert model.config.window is None or model.config.window < 16  # it hides something in what is told
    told = generate_tokens(model, prompts(model, exported[1])[:1], 40)[0]
    assert len(set(told)) > 10  # a model that repeats one token would be told apart by nothing


REFUSED = [
    ({"mlp": "relu2", "soft_cap": 3}, "has mlp='relu2', soft_cap=3.0, which", "with mlp='swiglu', soft_cap=None"),
    ({"norm": "layer", "bias": True}, "has norm='layer', bias=True, which", "train one with norm='rms', bias=False"),
    ({"value_residual": True}, "has value_residual=True, which", "train one with value_residual=False"),
    ({"n_expert": 4}, "has n_expert=4, which", "train one with n_expert=None"),
    ({"window": 3, "qk_norm": True}, "has window=3, which", "train one with window=None (or qk_norm=False)"),
]


@pytest.mark.parametrize(("changes", "has", "needs"), REFUSED)
def test_a_form_that_no_model_of_theirs_has_is_refused_before_anything_is_written(
    tmp_path, capsys, changes, has, needs
):
    tokenizer = BPETokenizer((), [END_OF_TEXT])
    save_checkpoint(tmp_path / "own.safetensors", small_llama(vocab_size=257, **changes), tokenizer)
    assert main(["export", str(tmp_path / "out"), "--from", str(tmp_path / "own.safetensors")]) == 1
    shown = capsys.readouterr().out
    assert has in shown
    assert needs in shown
    assert not (tmp_path / "out").exists()


def test_a_translator_is_refused_in_words(tmp_path, capsys):
    model = EncoderDecoder(GPTConfig(257, 16, 1, 2, 8))
    save_checkpoint(tmp_path / "own.safetensors", model, BPETokenizer((), [END_OF_TEXT]))
    assert main(["export", str(tmp_path / "out"), "--from", str(tmp_path / "own.safetensors")]) == 1
    assert "holds an EncoderDecoder; this takes a GPT or a Llama" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_llama_cpp_is_refused_a_window_before_anything_is_written(tmp_path, capsys):
    model, tokenizer = ours("mistral")
    save_checkpoint(tmp_path / "own.safetensors", model, tokenizer)
    assert main(["export", str(tmp_path / "out"), "--from", str(tmp_path / "own.safetensors"), "--gguf"]) == 1
    assert "window=6, and llama.cpp's Llama attends to all tokens: leave out --gguf" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def without_onnx(monkeypatch):
    """Let the command run where no graph can be written: files stand in for them."""
    for name in ("save_onnx", "save_onnx_without_past"):
        monkeypatch.setattr(command, name, lambda model, path: (path.parent.mkdir(exist_ok=True), path.touch()))
    monkeypatch.setattr(command, "save_8_bit", lambda source, path: path.touch())
    monkeypatch.setattr(command, "check_installed", lambda: None)


def test_with_web_comes_a_page_as_one_folder_and_it_says_what_to_open(tmp_path, capsys, monkeypatch):
    without_onnx(monkeypatch)
    model, tokenizer = ours("llama")
    save_checkpoint(tmp_path / "own.safetensors", model, tokenizer)
    asked = ["export", str(tmp_path / "out"), "--from", str(tmp_path / "own.safetensors"), "--web"]
    for _ in range(2):  # the second time over the first
        assert main(asked) == 0
        shown, page = capsys.readouterr().out, tmp_path / "out" / "page"
        assert f"open {page.as_posix()}/index.html in a browser, or put the folder {page.as_posix()} on any" in shown
        assert "onnx/model_quantized.onnx" in shown
        assert 'data-model="model"' in (page / "index.html").read_text(encoding="utf-8")
        assert (page / "models/model.weights.js").stat().st_size > 4 * count_parameters(model)
    (page / ".made_by_course_utils_web").unlink()
    (tmp_path / "out/config.json").unlink()
    assert main(asked) == 1
    assert "holds other files" in capsys.readouterr().out
    assert not (tmp_path / "out/config.json").exists()


def test_what_a_graph_needs_is_asked_for_before_anything_is_written(tmp_path, capsys, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxscript" else find(name))
    assert main(["export", str(tmp_path / "out"), "--web"]) == 1
    assert re.search("for ONNX, .*onnxscript.* must be installed", capsys.readouterr().out)
    assert not (tmp_path / "out").exists()


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


def test_a_model_that_cannot_read_the_question_is_no_chat_model():
    tokenizer = BPETokenizer((), [END_OF_TEXT, *CHAT_TOKENS])
    assert not is_chat(lively_model(vocab_size=300, context_length=8, dtype=torch.float32), tokenizer)


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
    # Below zero 1 + tanh(...) cancels to a last digit of 1 (6e-8), which x / 2 makes up to five times as large.
    assert_close(found[inside], wanted[inside].half().float(), rtol=2**-10, atol=5e-7)
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
    weights, config = their_weights(model), model.config
    # A Llama's keys and values are two there, and an output matrix that is the embedding's is in the file twice.
    assert len(weights) == len(stored_weights(model)) + (config.n_layer if name in LLAMAS else 0) + config.tied
    twice = model.lm_head.weight.numel() if config.tied else 0
    assert sum(weight.size for weight in weights.values()) == count_parameters(model) + twice


def rotated(x, first, second):
    """Rotate pairs (first[i], second[i]) by i + 1 quarter turns: any rotation tells one order of pairs from another."""
    angle = torch.arange(1, x.shape[-1] // 2 + 1) * 0.3
    a, b = x[..., first], x[..., second]
    return torch.stack((a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()))


@pytest.mark.parametrize("name", ["llama", "qwen3"])
def test_what_is_rotated_lies_in_llama_cpps_order(name):
    model, _ = ours(name)
    x, weights, D = torch.randn(5, 32, generator=torch.Generator().manual_seed(0)), their_weights(model), 8
    halves, neighbours = (slice(0, D // 2), slice(D // 2, D)), (slice(0, D, 2), slice(1, D, 2))
    keys = model.blocks[1].attn.kv.weight.chunk(2)[0]
    for ours_, theirs in ((model.blocks[1].attn.query.weight, "blk.1.attn_q"), (keys, "blk.1.attn_k")):
        mine = rotated((x @ ours_.T).view(5, -1, D), *halves)
        other = (x @ torch.tensor(weights[f"{theirs}.weight"]).T).view(5, -1, D)
        assert_close(rotated(other, *(neighbours if name == "llama" else halves)), mine)


def test_llama_cpp_has_two_names_for_them(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True)
    assert [check_gguf(*ours(name)) for name in ("learned", "rotary", "llama", "qwen3")] == [
        "gpt2",
        "gptneox",
        "llama",
        "qwen3",
    ]


PASTS = {
    **{name: partial(lively_model, name) for name in ("learned", "rotary")},
    "llama": partial(small_llama, n_kv_head=2, window=5),
    "all": partial(small_llama, n_kv_head=1, qk_norm=True, value_residual=True, soft_cap=5.0, mlp="relu2"),
}


@pytest.mark.parametrize("name", PASTS)
def test_a_past_that_grows_gives_what_the_whole_text_gives(name):
    model, idx = PASTS[name](), some_ids(2, 11)
    attention_mask = torch.ones_like(idx)
    attention_mask[0, :3] = 0
    empty = [torch.zeros(past_shape(model, 2, 0), dtype=torch.float64)] * len(names_of_past(model, "present"))
    graph, found, past = WithPast(model), [], empty
    for start, end in ((0, 6), (6, 7), (7, 11)):
        logits, *past = graph(idx[:, start:end], attention_mask[:, :end], past)
        found.append(logits)
    assert_close(torch.cat(found, dim=1), model(idx, attention_mask=attention_mask))


@pytest.mark.parametrize("name", PASTS)
def test_the_graph_with_a_past_is_recorded_for_any_size(name):
    model = PASTS[name]()
    with_past, inputs, sizes = recipe_with_past(model)
    sizes = tree_map_only(str, lambda name: torch.export.Dim.DYNAMIC, sizes)
    program = torch.export.export(with_past, inputs, dynamic_shapes=sizes).module()
    for B, T, P in ((2, 5, 3), (1, 1, 9), (3, 4, 0)):
        past = [torch.randn(past_shape(model, B, P), dtype=torch.float64) for _ in inputs[2]]
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
