"""The shipped model: its card, what it reaches, and that its making goes on where it was interrupted."""

import json
from dataclasses import replace

import pytest
import torch
from models import small_config

from course_utils import tales
from course_utils.checkpoints import BASE, load_checkpoint
from course_utils.experiments import base_model
from course_utils.experiments.base_model import TEMPERATURE, Watch, judge, perfect_loss, rebuild
from course_utils.gpt import GPT
from course_utils.recipe import CHAT_TOKENS, SMALL, FreshTales, tales_tokenizer
from course_utils.training import History, Progress, evaluate

TINY = replace(SMALL, n_layer=1, n_embd=16, n_head=2, context_length=100)


@pytest.fixture(scope="module")
def shipped():
    return load_checkpoint(BASE)


def test_the_shipped_model_tells_what_is_so(shipped):
    """Fifty tales: the bounds are those of `bench tales`, less three standard deviations of so few."""
    found = judge(shipped.model, shipped.tokenizer, 25)
    for scores in found.values():
        assert scores.count == 25
        assert scores.sentences >= 0.93
        assert scores.tales >= 0.72
        assert scores.copied == 0


def test_the_shipped_model_is_small_and_has_the_chats_tokens(shipped):
    assert BASE.stat().st_size <= 12_000_000
    assert set(CHAT_TOKENS) <= set(shipped.tokenizer.special_tokens)
    assert shipped.model.config.vocab_size == shipped.tokenizer.vocab_size
    tale = tales.generate(tales.FIRST_UNSEEN_SEED)
    assert shipped.tokenizer.decode(shipped.tokenizer.encode(tale)) == tale
    assert shipped.tokenizer.encode(tale) == tales_tokenizer().encode(tale)


def test_the_shipped_models_figures_are_those_that_it_reaches(shipped):
    facts = shipped.facts
    unseen = FreshTales(shipped.tokenizer, 16, shipped.model.config.context_length, base_model.SEED + 1)
    loss = evaluate(shipped.model, [unseen(0), unseen(1)])
    assert loss == pytest.approx(facts["loss"], abs=0.02)  # 32 of its 512 tales
    assert facts["perfect_loss"] < facts["loss"] < facts["perfect_loss"] + 0.02
    assert min(scores["sentences"] for scores in facts["shares"].values()) >= 0.98
    assert min(scores["tales"] for scores in facts["shares"].values()) >= 0.90


def test_the_card_is_the_one_of_the_shipped_file(shipped):
    card = base_model.card(shipped.model, shipped.tokenizer, shipped.facts)
    assert BASE.with_suffix(".md").read_text(encoding="utf-8") == card


def test_what_a_perfect_reader_loses_is_its_share_of_the_entropy():
    tokenizer = tales_tokenizer(600)
    data = FreshTales(tokenizer, 4, 300, seed=3)
    seeds = [data.first + number for step in range(2) for number, _ in data.batch(step)]
    tokens = sum(len(tokenizer.encode(tales.generate(seed))) + 1 for seed in seeds)
    assert perfect_loss(data, 2) == pytest.approx(-sum(map(tales.log_probability, seeds)) / tokens)


def progress(step, loss=None):
    model = GPT(small_config(vocab_size=300, context_length=24))
    return Progress(step, 10, 1.0, loss, 1e-3, 1e3, model, History())


def test_the_curve_forgets_steps_that_were_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(base_model, "JUDGED", 2)
    path = tmp_path / "curve.json"
    path.write_text(json.dumps([{"step": 3, "minutes": 1.5}, {"step": 6, "minutes": 3.0}]))
    watch = Watch(tales_tokenizer(300), path)
    watch(progress(5))  # the run went on from step 4: what was seen at step 6 is not part of it
    watch(progress(6, 2.5))
    rows = json.loads(path.read_text())
    assert [row["step"] for row in rows] == [3, 6]
    assert rows[1]["loss"] == 2.5
    assert 1.5 <= rows[1]["minutes"] < 1.6  # the time of the earlier run counts, the lost part does not


def test_a_rebuilt_model_is_written_with_its_card(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "work"))
    for name, value in {"BATCH": 2, "LOOKS": 2, "JUDGED": 2, "VALIDATION": 1}.items():
        monkeypatch.setattr(base_model, name, value)
    monkeypatch.setattr(base_model, "tales_tokenizer", lambda: tales_tokenizer(300))
    path = tmp_path / "tiny.safetensors"
    rebuild(path, 4, TINY, judged=2)
    found = load_checkpoint(path)
    assert [row["step"] for row in found.facts["curve"]] == [2, 4]
    assert found.facts["shares"]["nothing"]["count"] == 2
    assert found.tensors == {}  # what only training needs is not shipped
    path.unlink()
    rebuild(path, 4, TINY, judged=2)  # all steps are done: nothing is trained again
    again = load_checkpoint(path)
    assert again.facts == found.facts
    assert all(map(torch.equal, again.model.state_dict().values(), found.model.state_dict().values()))
    assert "| 2 |" in path.with_suffix(".md").read_text(encoding="utf-8")
    assert f"temperature {TEMPERATURE}" in path.with_suffix(".md").read_text(encoding="utf-8")


def test_an_interrupted_making_writes_nothing_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "work"))
    for name, value in {"BATCH": 2, "LOOKS": 2, "JUDGED": 2, "VALIDATION": 1}.items():
        monkeypatch.setattr(base_model, name, value)
    monkeypatch.setattr(base_model, "tales_tokenizer", lambda: tales_tokenizer(300))
    whole = base_model.train
    monkeypatch.setattr(base_model, "train", lambda model, data, settings, **rest: History([1.0]))
    rebuild(tmp_path / "tiny.safetensors", 4, TINY, judged=2)
    assert not (tmp_path / "tiny.safetensors").exists()
    monkeypatch.setattr(base_model, "train", whole)
    torch.manual_seed(1)
    rebuild(tmp_path / "tiny.safetensors", 4, TINY, judged=2)
    assert (tmp_path / "tiny.safetensors").exists()
