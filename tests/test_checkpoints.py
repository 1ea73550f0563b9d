"""What is saved comes back to the last bit; what is damaged or foreign is refused; what was there survives."""

import errno
import json
import os

import pytest
import torch
from models import small_config, small_llama, small_model, some_ids
from safetensors.torch import save_file
from torch.testing import assert_close

from course_utils import checkpoints, gpt
from course_utils.bpe import BPETokenizer, train_bpe
from course_utils.checkpoints import load_checkpoint, save_checkpoint, unwrap
from course_utils.encoder_decoder import EncoderDecoder
from course_utils.lora import LoRAConfig, add_lora
from course_utils.tokenizers import CharTokenizer, WordTokenizer

TEXT = "the cat sat on the mat, and the cat was glad that the mat was there."


def make_tokenizer(kind):
    if kind == "bpe":
        return BPETokenizer(train_bpe(TEXT, 270), special_tokens=["<|endoftext|>"])
    return {"char": CharTokenizer, "word": WordTokenizer}[kind].from_text(TEXT)


def with_compiled_blocks(model):
    model.blocks[1] = torch.compile(model.blocks[1])
    return model


@pytest.fixture
def process_group():
    """A group of one process, as `DistributedDataParallel` wants one."""
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


WRAPPERS = {
    "compiled": torch.compile,
    "in parallel": torch.nn.DataParallel,
    "distributed": torch.nn.parallel.DistributedDataParallel,
    "both": lambda model: torch.nn.DataParallel(torch.compile(model)),
    "compiled blocks": with_compiled_blocks,
}


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_of_a_wrapped_model_the_one_inside_is_kept(tmp_path, process_group, wrapper, tied):
    idx, contents = some_ids(2, 9), []
    for name, wrap in (("plain", lambda model: model), ("wrapped", WRAPPERS[wrapper])):
        model = wrap(small_model(tied=tied))
        assert not type(unwrap(model)).__name__.endswith(("Module", "Parallel"))
        save_checkpoint(tmp_path / name, model)
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]
    assert_close(load_checkpoint(tmp_path / "wrapped").model(idx), small_model(tied=tied)(idx), atol=0, rtol=0)


def with_other_output_weights(model):
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach() + 1)
    return model


def with_a_larger_output(model):
    model.lm_head = torch.nn.Linear(32, 50, bias=False)
    return model


@pytest.mark.parametrize(
    ("change", "tied", "told"),
    [
        (lambda model: add_lora(model, LoRAConfig(2)), True, "it lacks blocks.0.attn.proj.*save_adapter; merge_lora"),
        (with_other_output_weights, True, "the output weights differ from the embedding's"),
        (with_a_larger_output, False, r"lm_head.weight is \(50, 32\) there and \(37, 32\) here"),
        (lambda model: torch.nn.Linear(2, 3), True, "the model is a Linear; a checkpoint holds one of GPT"),
    ],
    ids=["adapters", "untied", "larger", "another class"],
)
def test_what_could_not_be_read_back_is_not_written_over_what_can(tmp_path, change, tied, told):
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, small_model(tied=tied))
    before = path.read_bytes()
    with pytest.raises(ValueError, match=told):
        save_checkpoint(path, change(small_model(tied=tied)))
    assert path.read_bytes() == before


def test_a_tokenizer_from_elsewhere_is_told(tmp_path):
    with pytest.raises(ValueError, match="the tokenizer is a dict; a checkpoint holds one of the course's"):
        save_checkpoint(tmp_path / "a.safetensors", small_model(), {"a": 0})


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_saving_draws_no_random_numbers(tmp_path, positions):
    model = small_model(positions=positions)
    before = torch.get_rng_state()
    save_checkpoint(tmp_path / "a.safetensors", model)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize(("positions", "tied"), [("learned", True), ("rotary", False)])
def test_a_model_comes_back_bit_for_bit(tmp_path, positions, tied, dtype):
    model = small_model(positions=positions, tied=tied, dtype=dtype)
    save_checkpoint(tmp_path / "a.safetensors", model, metadata={"loss": 1.5}, tensors={"x": torch.arange(3)})
    found = load_checkpoint(tmp_path / "a.safetensors")
    assert found.model.config == model.config
    assert_close(found.model(some_ids(2, 9)), model(some_ids(2, 9)), atol=0, rtol=0)
    assert found.metadata == {"loss": 1.5}
    assert found.tensors["x"].tolist() == [0, 1, 2]
    assert found.tokenizer is None


@pytest.mark.parametrize("tied", [True, False])
def test_an_encoder_decoder_and_its_tokenizer_come_back_bit_for_bit(tmp_path, tied):
    torch.manual_seed(0)
    model, tokenizer = EncoderDecoder(small_config(tied=tied)), make_tokenizer("word")
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    save_checkpoint(tmp_path / "a.safetensors", model, tokenizer, {"loss": 1.5})
    found = load_checkpoint(tmp_path / "a.safetensors")
    assert type(found.model) is EncoderDecoder
    assert found.model.config == model.config
    assert found.tokenizer.encode(TEXT) == tokenizer.encode(TEXT)
    source, idx = some_ids(2, 9), some_ids(2, 7, seed=2)
    assert torch.equal(found.model(source, idx), model.eval()(source, idx))
    assert checkpoints.describe(model) == "an EncoderDecoder of 3 layers of 32 with learned positions"


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ({"kind": "GPT"}, "holds a GPT of another form.*'norm'"),
        ({"kind": "EncoderDecoder"}, "holds a EncoderDecoder of another form.*'norm'"),
        ({"kind": "Mamba"}, "holds a Mamba; this version of the course reads GPT, Llama, EncoderDecoder"),
    ],
)
def test_a_llama_under_another_name_is_told(tmp_path, header, told):
    save_checkpoint(tmp_path / "a.safetensors", small_llama())
    rewrite(tmp_path / "a.safetensors", header)
    with pytest.raises(ValueError, match=told):
        load_checkpoint(tmp_path / "a.safetensors")


def test_an_encoder_decoder_under_a_gpts_name_is_told(tmp_path):
    save_checkpoint(tmp_path / "a.safetensors", EncoderDecoder(small_config()))
    rewrite(tmp_path / "a.safetensors", {"kind": "GPT"})
    with pytest.raises(ValueError, match="not the one that the code here builds: it lacks blocks"):
        load_checkpoint(tmp_path / "a.safetensors")


def test_each_weight_keeps_its_precision_and_the_model_is_ready_to_be_asked(tmp_path):
    model = small_model(dtype=torch.bfloat16, dropout=0.5)
    model.final_norm.float()
    save_checkpoint(tmp_path / "a.safetensors", model)
    found = load_checkpoint(tmp_path / "a.safetensors").model
    for ours, theirs in zip(found.parameters(), model.parameters(), strict=True):
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs)
    assert not found.training


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ({"metadata": {"loss": torch.tensor(1.0)}}, "metadata is kept as JSON"),
        ({"tensors": {"x": 5}}, "'x'. is no tensor"),
    ],
)
def test_what_a_file_cannot_hold_is_told_and_the_older_file_stays(tmp_path, extra, told):
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, small_model())
    before = path.read_bytes()
    with pytest.raises(ValueError, match=told):
        save_checkpoint(path, small_model(seed=1), **extra)
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", ["char", "word", "bpe"])
def test_a_tokenizer_comes_back_and_gives_the_same_ids(tmp_path, kind):
    tokenizer = make_tokenizer(kind)
    save_checkpoint(tmp_path / "a.safetensors", small_model(), tokenizer)
    found = load_checkpoint(tmp_path / "a.safetensors").tokenizer
    assert type(found) is type(tokenizer)
    assert found.encode(TEXT) == tokenizer.encode(TEXT)
    assert found.special_tokens == tokenizer.special_tokens


def test_the_same_model_gives_the_same_bytes(tmp_path):
    model, metadata = small_model(), {name: name for name in "abcdefgh"}
    contents = set()
    for number in range(5):
        save_checkpoint(tmp_path / str(number), model, metadata=metadata)
        contents.add((tmp_path / str(number)).read_bytes())
    assert len(contents) == 1


def damaged(path, how):
    content = path.read_bytes()
    length = 8 + int.from_bytes(content[:8], "little")
    return {
        "empty": b"",
        "text": b"this is not a checkpoint",
        "truncated": content[:-7],
        "cut in the header": content[: length // 2],
        "header": content[:8] + b"x" * (length - 8) + content[length:],
        "longer": content + b"more",
    }[how]


@pytest.mark.parametrize("how", ["empty", "text", "truncated", "cut in the header", "header", "longer"])
def test_a_damaged_file_is_told(tmp_path, how):
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, small_model())
    path.write_bytes(damaged(path, how))
    with pytest.raises(ValueError, match=r"a\.safetensors is damaged or no safetensors file"):
        load_checkpoint(path)


def rewrite(path, header=None, rename=None, reshape=None, drop=None):
    """Write a checkpoint that is whole as a file, but changed in one thing."""
    facts, parts = checkpoints.read_safetensors(path)
    facts |= header or {}
    for old, new in (rename or {}).items():
        parts[new] = parts.pop(old)
    for name in reshape or ():
        parts[name] = parts[name][:1]
    for name in drop or ():
        facts.pop(name)
    save_file(parts, path, metadata={checkpoints.ENTRY: json.dumps(facts)})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"header": {"format": "another"}}, "not a checkpoint of this course"),
        ({"drop": ["config"]}, "header lacks 'config'"),
        ({"header": {"config": {"size": 3}}}, "holds a GPT of another form.*'size'"),
        ({"header": {"kind": "RNN"}}, "holds a RNN; this version of the course reads GPT"),
        (
            {"rename": {"model.final_norm.bias": "model.norm.bias"}},
            "3 layers of 32.*it lacks final_norm.bias; it has norm",
        ),
        ({"rename": {"model.final_norm.bias": "weights.bias"}}, "holds 'weights.bias'"),
        ({"reshape": ["model.final_norm.bias"]}, r"final_norm.bias is \(1,\) there and \(32,\) here"),
    ],
)
def test_a_foreign_or_inconsistent_file_is_told(tmp_path, change, told):
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, small_model())
    rewrite(path, **change)
    with pytest.raises(ValueError, match=told):
        load_checkpoint(path)


def test_a_pickle_is_refused_and_never_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    torch.save({"model": Trap()}, tmp_path / "a.pt")
    with pytest.raises(ValueError, match="damaged or no safetensors file"):
        load_checkpoint(tmp_path / "a.pt")
    assert not (tmp_path / "sprung").exists()


def test_no_file_is_told(tmp_path):
    with pytest.raises(ValueError, match="there is no checkpoint at"):
        load_checkpoint(tmp_path / "none.safetensors")


@pytest.mark.parametrize("fails", ["write", "replace"])
def test_a_full_disk_leaves_the_older_file_whole_and_no_rest(tmp_path, monkeypatch, fails):
    path, older = tmp_path / "a.safetensors", small_model(seed=0)
    save_checkpoint(path, older)

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync" if fails == "write" else "replace", full)
    with pytest.raises(OSError, match=r"could not write .*No space left.*The file that was there is untouched"):
        save_checkpoint(path, small_model(seed=1))
    assert_close(load_checkpoint(path).model(some_ids(1, 4)), older(some_ids(1, 4)), atol=0, rtol=0)
    assert os.listdir(tmp_path) == ["a.safetensors"]


def test_a_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "file").write_text("here already")
    with pytest.raises(OSError, match="could not write"):
        save_checkpoint(tmp_path / "file" / "a.safetensors", small_model())


class WithQueryNorm(gpt.Attention):
    """Attention of a later version of the code, which has a weight more."""

    def __init__(self, config, layer=0):
        super().__init__(config, layer)
        self.query_norm = gpt.LayerNorm(config.n_embd)


def test_a_model_of_another_version_of_the_code_is_no_damage(tmp_path, monkeypatch):
    save_checkpoint(tmp_path / "a.safetensors", small_model())
    monkeypatch.setattr(gpt, "Attention", WithQueryNorm)
    with pytest.raises(
        ValueError, match=r"not the one that the code here builds: it lacks blocks.0.attn.query_norm"
    ) as told:
        load_checkpoint(tmp_path / "a.safetensors")
    assert "damaged" not in str(told.value)


class OwnWords(WordTokenizer):
    """A tokenizer of one's own, which no file can name."""


def test_what_could_not_be_read_back_is_not_written(tmp_path):
    path = tmp_path / "a"
    with pytest.raises(ValueError, match="tokenizer is a OwnWords; a checkpoint holds one of the course's: Char"):
        save_checkpoint(path, small_model(), OwnWords.from_text(TEXT))
    with pytest.raises(ValueError, match="the model's config is a LlamaConfig; that of a GPT is a GPTConfig"):
        save_checkpoint(path, gpt.GPT(small_llama().config))
    assert not path.exists()
