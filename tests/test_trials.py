"""Trials of the recipe: a variant changes what it says and nothing else; how long things take is never tested."""

import json
from dataclasses import replace

import pytest
import torch

from course_utils import tales
from course_utils.experiments import ablation
from course_utils.experiments.ablation import VARIANTS, ShippedTales, Variant
from course_utils.optimizers import Muon
from course_utils.recipe import SMALL, FreshTales, tales_tokenizer
from course_utils.runtime import Runtime

RUN = Runtime(torch.device("cpu"), "smoke", seed=0, precision=torch.float32)
FOUND = {"seed": 0, "steps": 7, "seconds": 3, "loss": 0.5, "sentences": 0.9, "tales": 0.5}


@pytest.fixture(scope="module")
def tokenizer():
    return tales_tokenizer(300)


@pytest.fixture
def quick(monkeypatch):
    """Trials of two steps with a tiny model, whatever the time asked for."""
    monkeypatch.setattr(ablation, "TALES", 3)
    monkeypatch.setattr(ablation, "BATCH", 2)
    monkeypatch.setattr(ablation, "steps_in", lambda *anything: 2)
    monkeypatch.setattr(ablation, "tales_tokenizer", lambda: tales_tokenizer(300))
    small = {"n_layer": 1, "n_embd": 16, "n_head": 2, "context_length": 12}
    tiny = {name: replace(variant, sizes=replace(variant.sizes, **small)) for name, variant in VARIANTS.items()}
    monkeypatch.setattr(ablation, "VARIANTS", tiny)


def test_the_number_of_steps_grows_with_the_time_and_leaves_out_the_slow_start(monkeypatch):
    class Idle:
        def step(self, *batch):
            pass

    clock = iter([t for start in range(120) for t in (start, start + (0.9 if start % 40 < 20 else 0.5))])
    monkeypatch.setattr(ablation.time, "perf_counter", lambda: next(clock))
    assert [ablation.steps_in(seconds, Idle(), lambda step: ()) for seconds in (1, 30, 0.01)] == [2, 60, 1]


def weights(name, tokenizer):
    torch.manual_seed(0)
    model = VARIANTS[name].trainer(tokenizer, RUN, 10).model
    return {key: weight.detach() for key, weight in model.named_parameters()}


def test_variants_of_the_fresh_weights_differ_where_they_say(tokenizer):
    usual, echo = weights("the recipe", tokenizer), weights("output matrix starts at zero", tokenizer)
    assert not usual["blocks.0.mlp.down.weight"].any()
    assert weights("what blocks add starts at random", tokenizer)["blocks.0.mlp.down.weight"].std() > 0.02
    assert not echo["lm_head.weight"].any()
    assert torch.equal(echo["token_embedding.weight"], usual["token_embedding.weight"])
    wide = weights("positions as wide as tokens", tokenizer)["position_embedding.weight"]
    assert wide.std() == pytest.approx(7 * usual["position_embedding.weight"].std().item(), rel=0.1)
    assert weights("GPT-2's fresh weights", tokenizer)["token_embedding.weight"].std() == pytest.approx(0.02, rel=0.1)
    assert "lm_head.weight" not in weights("output matrix tied to the embedding", tokenizer)


def test_variants_of_the_optimizer_differ_where_they_say(tokenizer):
    def muon(name):
        optimizers = VARIANTS[name].trainer(tokenizer, RUN, 10).optimizers
        return [group["parts"] for o in optimizers if isinstance(o, Muon) for group in o.param_groups]

    assert muon("the recipe") == [3, 1]
    assert muon("Muon takes queries, keys, values as one") == [1, 1]
    assert muon("AdamW in place of Muon") == []


def test_the_shipped_tales_come_back_only_when_all_were_read(tokenizer):
    data = ShippedTales(tokenizer, 4, 60)
    shipped = tales.corpus()
    texts = [data.text(number) for number in range(len(shipped) + 1)]
    assert sorted(texts[:-1]) == sorted(shipped)
    assert texts[-1] == texts[0]
    assert FreshTales(tokenizer, 4, 60).text(0) not in shipped


def test_a_row_is_measured_by_training_and_telling(tokenizer, quick):
    variant = replace(ablation.VARIANTS["the recipe"], sizes=replace(SMALL, n_layer=1, context_length=12))
    found = ablation.measure(1.0, 3, variant, tokenizer, RUN)
    assert (found["seed"], found["steps"]) == (3, 2)
    assert 4 < found["loss"] < 12
    assert 0 <= found["tales"] <= found["sentences"] <= 1


def test_the_table_of_minutes_has_a_row_for_each_seed_and_a_median(monkeypatch, capsys):
    shares = iter([0.9, 0.2, 0.4, 0.5, 0.6, 0.7])
    monkeypatch.setattr(ablation, "measure", lambda s, seed, *rest: FOUND | {"seed": seed, "tales": next(shares)})
    ablation.minutes("1,2", "3")
    table = capsys.readouterr().out.split("\n\n")[1].splitlines()
    assert table[0].split() == ["training", "seed", "steps", "seconds", "loss", "sentences", "tales"]
    assert [line.split()[2] for line in table[1:]] == ["0", "1", "2", "median"] * 2
    assert [line.split()[-1] for line in table[1:]] == [
        *("90.0%", "20.0%", "40.0%", "40.0%"),
        *("50.0%", "60.0%", "70.0%", "60.0%"),
    ]


@pytest.mark.parametrize("seeds", ["many", "0"])
def test_a_number_of_seeds_that_cannot_be_is_told(seeds):
    with pytest.raises(ValueError, match=f"seeds is '{seeds}'"):
        ablation.minutes("60", seeds)


def test_an_ablation_goes_on_where_it_stopped(tmp_path, monkeypatch, quick):
    path, asked = tmp_path / "ablation.json", []
    whole = ablation.measure

    def breaks_after_three(seconds, seed, *rest):
        if len(asked) == 3:
            raise KeyboardInterrupt
        asked.append(seed)
        return whole(seconds, seed, *rest)

    monkeypatch.setattr(ablation, "measure", breaks_after_three)
    with pytest.raises(KeyboardInterrupt):
        ablation.ablation("1", "2", path)
    before = json.loads(path.read_text())
    assert [found["variant"] for found in before] == list(VARIANTS)[:3]
    monkeypatch.setattr(ablation, "measure", whole)
    ablation.ablation("1", "2", path)
    after = json.loads(path.read_text())
    assert after[:3] == before
    assert [(f["seed"], f["variant"]) for f in after] == [(seed, name) for seed in range(2) for name in VARIANTS]


def test_a_variant_has_nothing_that_another_one_set():
    assert Variant().settings == {}
    assert Variant().weights == {}
    assert VARIANTS["the recipe"] == Variant()
