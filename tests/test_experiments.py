"""Measurements, and the making of what ships: each runs in its smallest form, and what its figures rest on holds."""

import itertools
import json
import signal
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import torch
from models import small_config, some_ids
from nbformat.v4 import new_code_cell, new_notebook
from torch.testing import assert_close

from course_utils import tales
from course_utils.__main__ import function_at, table
from course_utils.checkpoints import BASE, load_checkpoint, save_checkpoint
from course_utils.common import DATA
from course_utils.experiments import (
    ablation,
    base_model,
    bpe_speed,
    chat_model,
    finetuning_table,
    generation_speed,
    gpu,
    gpu_sizes,
    kill,
    ladder,
    lengths,
    modern,
    notebooks_run,
    older,
    parts,
    phrases,
    questions,
    shakespeare,
    speedrun,
    strategies,
    timing,
    training_speed,
)
from course_utils.gpt import GPT, GPTConfig, KVCache, count_parameters
from course_utils.llama import Llama
from course_utils.optimizers import Muon
from course_utils.recipe import CHAT_TOKENS, SMALL, FreshTales, initialise_small, tales_tokenizer
from course_utils.runtime import Runtime
from course_utils.tools import sync
from course_utils.tools.curriculum import NOTEBOOKS, Notebook, find
from course_utils.training import History, Progress, Trainer, TrainingConfig, cross_entropy, evaluate
from course_utils.translation import pairs_tokenizer

RUN = Runtime(torch.device("cpu"), "smoke", seed=0, dtype=torch.float32)
TINY = {"n_layer": 1, "n_embd": 16, "n_head": 2}
PLAIN = small_config(tied=False, dropout=0.0)
PLAIN_NAMES = {  # ours: what the plain GPT of `bench training` calls it
    **{"token_embedding": "tokens", "position_embedding": "places", "final_norm": "norm", "lm_head": "head"},
    **{"attn_norm": "ln_1", "mlp_norm": "ln_2", "attn.qkv": "qkv", "attn.proj": "out"},
    **{"mlp.up": "mlp.0", "mlp.down": "mlp.2"},
}
tokenizer = cache(lambda: tales_tokenizer(1200))


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """An empty folder to work in, and all that takes time made small: models, texts, vocabularies, numbers of steps."""
    text = "To be, or not to be: that is the question.\n" * 300
    stages = base_model.Stage("tales", 4, 2, 50, (1,), seed=0), base_model.Stage("pairs", 2, 2, 100, (2,), seed=2)
    made = Path("base.safetensors"), stages, replace(SMALL, **TINY, context_length=50), 2
    variants = {
        name: replace(v, sizes=replace(v.sizes, **TINY, context_length=12)) for name, v in ablation.VARIANTS.items()
    }
    changes = {
        name: replace(v, sizes=replace(v.sizes, **TINY, n_kv_head=1, context_length=12))
        for name, v in modern.CHANGES.items()
    }
    small = {
        ablation: {"TALES": 3, "BATCH": 2, "SHORT_BATCH": 2, "steps_in": lambda *_: 2, "VARIANTS": variants}
        | {"SMALL": replace(SMALL, context_length=12)},
        base_model: {"LOOKS": 2, "JUDGED": 2, "VALIDATION": 1},
        bpe_speed: {"load_text": lambda name: text, "VOCABULARY": 300},
        generation_speed: {"SIZES": replace(SMALL, **TINY, vocab_size=50, context_length=40), "TOKENS": 12},
        gpu: {"PARTS": {"generation": gpu.PARTS["generation"]}},
        ladder: {"BATCH": 2, "tokenizer": tokenizer, "GROUPS": {"ladder": dict(list(ladder.LADDER.items())[:2])}},
        lengths: {"STEPS": 1, "SCHEMES": ("none", "ALiBi"), "TRAINED": 8},
        chat_model: {"BATCH": 2, "ASKED": 2},
        finetuning_table: {"BATCH": 2, "STEPS": 1, "BASE": Path("tiny.safetensors")}
        | {"CHANGES": dict(list(finetuning_table.CHANGES.items())[:2])},
        modern: {"TALES": 3, "SHORT_BATCH": 2, "CHANGES": changes, "OLD": replace(modern.OLD, context_length=12)},
        phrases: {"TALES": 3, "BATCH": 2, "FORMS": short_forms()},
        questions: {"SMALL": replace(SMALL, **TINY)},
        strategies: {"STRATEGIES": {"top_k": {2: strategies.STRATEGIES["top_k"][2]}}},
        shakespeare: {"load_text": lambda name: text * 7, "USUAL": TrainingConfig(2)},
        training_speed: {"CASES": {"tiny": (PLAIN, 2)}},
        speedrun: {"load_text": lambda name: text * 7, "RECORDS": {n: shorter(r) for n, r in speedrun.RECORDS.items()}},
    }
    for module, names in small.items():
        for name, value in names.items():
            monkeypatch.setattr(module, name, value)
        if hasattr(module, "tales_tokenizer"):
            monkeypatch.setattr(module, "tales_tokenizer", tokenizer)
    monkeypatch.setattr(modern.step_costs, "__defaults__", (1,))  # rounds
    monkeypatch.setattr(speedrun.round_of, "__defaults__", (2,))  # looks
    monkeypatch.setattr(phrases.step_cost, "__defaults__", (1,))  # rounds
    monkeypatch.setattr(ladder.train_parts, "__defaults__", (1,))  # steps
    monkeypatch.setattr(ladder, "unseen", lambda: unseen(2))
    monkeypatch.setattr(finetuning_table.train_changed, "__defaults__", (1, 3, 2))  # steps, asked, told
    monkeypatch.setattr(lengths.train_placed, "__defaults__", (1,))  # steps
    monkeypatch.setattr(lengths.unseen_windows, "__defaults__", (4,))  # windows
    monkeypatch.setattr(base_model.make_base, "__defaults__", made)
    monkeypatch.chdir(tmp_path)
    save_checkpoint("tiny.safetensors", GPT(replace(SMALL, **TINY, vocab_size=1200, context_length=300)), tokenizer())
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "work"))


def short_forms():
    """The recipe and the form with phrases as small as they go."""
    return {
        name: (replace(form, sizes=replace(form.sizes, **TINY, context_length=12)), make)
        for (name, (form, _)), make in zip(phrases.FORMS.items(), (tokenizer, phrased), strict=True)
    }


@cache
def phrased():
    """A tokenizer of forty phrases, learned from the shipped tales."""
    return phrases.PhraseTokenizer.from_texts(tales.corpus(), 40)


def shorter(record):
    """A record of the speedrun in its smallest form: two steps, small vectors, tables of pairs at most."""
    settings = record.settings
    training = settings.training and replace(settings.training, steps=2)
    changes = {"n_embd": 16, "n_head": 2, "n_hidden": 16, "batch": 2, "counted": min(2, settings.counted)}
    return replace(record, settings=replace(settings, training=training, **changes))


RECORDED = "record steps seconds loss reached of the recipe's time what is new"
PHRASED = "form steps of the recipe seed steps nats a tale sentences tales"
TRAINED = "training seed steps seconds loss sentences tales"
CHANGED = "change measured by seed steps time of a step loss sentences tales"
MARKED = "| question | asked | right | 95 % interval | wrong | refused | unclear |"
# The smallest model has no second layer, in which a head could be told where to look.
SHORT = tuple(replace(stage, steps=2, looking=0.0) for stage in chat_model.STAGES)
RUNTIMES = "| runtime | version | model | same ids | largest difference of scores | same tales |"
RACED = "quartiles speed beside the last quartiles"
# What is run, with which arguments, and a line of what it then prints or writes: the heading of its table.
SMALLEST = {
    "bench ablation": (("1", "1", Path("ablation.json")), TRAINED),
    "bench answers": (("3", "tiny.safetensors"), "question asked right 95 % interval wrong refused unclear"),
    "bench bpe": (("1", "0"), f"tokens/s {RACED}"),
    "bench busy": (("1", "1", "1"), "beside threads wait seconds a step processor seconds a step"),
    "bench encoding": (("1", "20"), "text characters tiktoken ms ours ms ratio by 1 by 7 by 1,000 same ids"),
    "bench export": (("", "transformers,CTranslate2", "rotary", "1"), RUNTIMES),
    "bench finetuning": (("1", Path("finetuning.json")), "change seed answerable not told style tales"),
    "bench generation": (("1",), "part of the context ms beside the first"),
    "bench gpu": (("1", Path("gpu.json")), "what found"),
    "bench ladder": (("1", Path("ladder.json")), "group model loss seeds"),
    "bench lengths": (("1", Path("lengths.json")), "scheme seed 16-31 32-63 64-95 96-127"),
    "bench minutes": (("1,2", "1"), TRAINED),
    "bench modern": (
        ("1", "1", Path("modern.json")),
        "change measured by seed steps time of a step loss sentences tales",
    ),
    "bench phrases": (("1,2", "1", "", Path("phrases.json")), PHRASED),
    "bench questions": (("1", "20"), "question steps asked right commonest answer"),
    "bench recipe": (("1", "2", "1"), "recipe pair steps seconds validation loss share of the time"),
    "bench speedrun": (("all", "1", Path("speedrun.json")), RECORDED),
    "bench strategies": (("2", Path("strategies.json")), "strategy setting sentences tales distinct"),
    "bench short": (("1", "2", Path("short.json")), "training loss of each seed"),
    "bench tales": (("2",), "tales from count sentences whole tales copied"),
    "bench training": (("1", "1"), f"tokens/s {RACED}"),
    "rebuild base": ((), "| stage | step | minutes | loss | sentences | whole tales |"),
    "rebuild chat": ((Path("chat.safetensors"), Path("tiny.safetensors"), SHORT, 3), MARKED),
    "rebuild clara": ((Path("clara"), Path("tiny.safetensors"), 2, 3, 0.0), MARKED),
    "rebuild exports": ((Path(), 30), "02/03/2026, 07:40 - Messages and calls are end-to-end encrypted."),
    "rebuild tales": ((Path("tales.txt"), 5000), "<|endoftext|>"),
}


@pytest.mark.parametrize("name", SMALLEST)
def test_each_runs_in_its_smallest_form_and_prints_its_table(name, tiny, capsys):
    kind, own = name.split()
    arguments, heading = SMALLEST[name]
    function_at(table(kind)[own][0])(*arguments)
    written = [path.read_text(encoding="utf-8") for pattern in ("*.md", "*.txt") for path in Path().glob(pattern)]
    lines = "\n".join([capsys.readouterr().out, *written]).splitlines()
    assert heading in [" ".join(line.split()) for line in lines]
    assert not any(line.endswith("NO") for line in lines)  # neither tokens nor losses differ


def test_each_has_a_smallest_form():
    named = {f"{kind} {name}" for kind in ("bench", "rebuild") for name in table(kind)}
    with_tests_of_their_own = {"bench gpu_sizes", "bench kill", "bench notebooks", "bench older"}
    assert named == SMALLEST.keys() | with_tests_of_their_own


# --- races and tables ---


def test_contestants_take_turns_and_the_first_round_does_not_count(monkeypatch):
    clock, turns = iter(range(1000)), []
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    taken = timing.race({"a": lambda: turns.append("a"), "b": lambda: turns.append("b")}, rounds=3)
    assert "".join(turns) == "baabbaab"
    assert taken == {"a": [1, 1, 1], "b": [1, 1, 1]}


def test_a_race_is_told_as_work_by_time_and_ratios_round_by_round():
    taken = {"ours": [1.0, 2.0, 3.0, 4.0, 5.0], "theirs": [2.0, 2.0, 9.0, 2.0, 10.0]}
    _, ours, theirs = timing.race_rows(taken, work=60, unit="tokens/s")
    assert ours == ("ours", "20.0", "15.0 to 30.0", "2.00 x", "1.00 to 2.00")
    assert theirs[3:] == ("1.00 x", "1.00 to 1.00")


def test_what_was_measured_of_fine_tuning_is_kept_and_new_rows_stand_in_their_place(tmp_path, monkeypatch):
    path, last = tmp_path / "finetuning.json", list(finetuning_table.CHANGES)[-1]
    columns = dict.fromkeys(("answerable", "not told", "style", "tales"), 0.5)
    path.write_text(json.dumps([{"change": last, "seed": 0, **columns, "tales": 0.25}]), encoding="utf-8")
    monkeypatch.setattr(finetuning_table, "train_changed", lambda change, seed: columns)
    finetuning_table.finetuning("2", path)
    rows = json.loads(path.read_text(encoding="utf-8"))
    assert [(row["seed"], row["change"]) for row in rows] == list(itertools.product((0, 1), finetuning_table.CHANGES))
    assert [row["tales"] for row in rows if row["change"] == last] == [0.25, 0.5]


def test_the_contestant_in_training_is_the_same_model_and_learns_the_same():
    torch.manual_seed(0)
    ours = Trainer(GPT(PLAIN), TrainingConfig(10**6, learning_rate=1e-3, warmup=0.0, weight_decay=0.01))
    plain = training_speed.PlainStep(PLAIN, torch.device("cpu"), torch.float32)
    weights = {}
    for name, weight in ours.model.state_dict().items():
        mine = next(mine for mine in PLAIN_NAMES if f"{mine}." in name)
        weights[name.replace(mine, PLAIN_NAMES[mine])] = weight
    plain.model.load_state_dict(weights)
    batch = some_ids(2, 3, PLAIN.context_length)
    assert_close(plain.model(batch[0]), ours.model(batch[0]), atol=1e-5, rtol=0)
    # AdamW's first steps move each weight by the whole rate, whichever way its gradient points: compare the losses.
    assert_close([ours.step(*batch) for _ in range(4)], [plain(*batch) for _ in range(4)], atol=1e-4, rtol=0)


def test_a_long_text_keeps_bringing_new_pieces():
    copies = list(bpe_speed.varied("abc " * 50_000, 2))
    assert sum(map(len, copies)) == 2_000_000
    assert len({word for copy in copies for word in copy.split()}) == len(copies)


@pytest.mark.parametrize(("target", "steps"), [(100.0, 4), (0.0, 10)])
def test_a_run_stops_at_the_loss_or_at_its_end(target, steps):
    ids = some_ids(2, 6)
    trainer = Trainer(GPT(small_config(n_layer=1)), TrainingConfig(steps=10))
    _, loss = shakespeare.seconds_to(target, trainer, lambda step: (ids, ids), [(ids, ids)], every=4)
    assert trainer.steps_done == steps
    assert 0 < loss < 5


def test_losses_that_differ_after_a_kill_are_seen(monkeypatch, capsys):
    losses = iter([[1.0, 2.0], [1.0, 2.5], [1.0, 2.0]])
    monkeypatch.setattr(kill, "finish", lambda folder: next(losses))
    monkeypatch.setattr(kill, "kill_at", lambda *_: 5)
    kill.kill("2")
    assert [row.split()[-1] for row in capsys.readouterr().out.strip().splitlines()[-2:]] == ["NO", "yes"]


@pytest.mark.slow
def test_a_killed_run_goes_on_with_the_same_losses(capsys):
    kill.kill("2", "1")
    assert [row.split()[-1] for row in capsys.readouterr().out.strip().splitlines()[-2:]] == ["yes", "yes"]


def test_older_parts_are_installed_and_a_failing_notebook_fails(monkeypatch):
    ran = []

    def run(command: list[str], env: dict[str, str], **_: object) -> SimpleNamespace:
        constraints = [Path(part).read_text() for part in command if part.endswith("older.txt")]
        ran.append([command[-1], *constraints, env["COURSE_PRESET"]])
        return SimpleNamespace(returncode=int("notebooks" in command))

    monkeypatch.setattr(older.venv, "create", lambda folder, with_pip: None)
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(SystemExit, match=r"with numpy==2\.0 this failed: .*notebooks"):
        older.older("numpy==2.0")
    assert ran[0][1:] == ["numpy==2.0", "smoke"]
    assert ran[1:] == [["course_utils", "smoke"], ["notebooks", "smoke"]]


# --- the recipe and its variants ---


def test_the_number_of_steps_grows_with_the_time_and_leaves_out_the_slow_start(monkeypatch):
    idle = SimpleNamespace(step=lambda *batch: None)
    clock = iter([t for start in range(120) for t in (start, start + (0.9 if start % 40 < 20 else 0.5))])
    monkeypatch.setattr(ablation.time, "perf_counter", lambda: next(clock))
    assert [ablation.steps_in(seconds, idle, lambda step: ()) for seconds in (1, 30, 0.01)] == [2, 60, 1]


def trainer(variant):
    torch.manual_seed(0)
    return ablation.VARIANTS[variant].trainer(tokenizer(), RUN, 10)


def test_the_short_form_learns_the_same_whatever_the_clock_says(tiny):
    runs = [ablation.short_trainer("no clipping", 3, 2, ablation.tales_tokenizer(), RUN) for _ in range(2)]
    assert len(runs[0].history.losses) == 2
    assert runs[0].history.losses == runs[1].history.losses
    assert runs[0].config.clip > 1e6


def test_a_short_form_that_is_measured_already_is_kept(tiny, capsys):
    rows = [{"variant": "the recipe", "seed": 0, "steps": 1, "loss": 1.25}]
    Path("kept.json").write_text(json.dumps(rows))
    ablation.short("1", "1", Path("kept.json"))
    found = json.loads(Path("kept.json").read_text())
    assert found[0] == rows[0]
    assert {row["variant"] for row in found} == set(ablation.VARIANTS) - {"float32"}


def test_variants_of_the_fresh_weights_differ_where_they_say():
    def weights(variant):
        return {name: weight.detach() for name, weight in trainer(variant).model.named_parameters()}

    usual, echo = weights("the recipe"), weights("output matrix starts at zero")
    assert not usual["blocks.0.mlp.down.weight"].any()
    assert weights("what blocks add starts at random")["blocks.0.mlp.down.weight"].std() > 0.02
    assert not echo["lm_head.weight"].any()
    assert torch.equal(echo["token_embedding.weight"], usual["token_embedding.weight"])
    wide = weights("positions as wide as tokens")["position_embedding.weight"]
    assert wide.std() == pytest.approx(7 * usual["position_embedding.weight"].std().item(), rel=0.1)
    assert weights("GPT-2's fresh weights")["token_embedding.weight"].std() == pytest.approx(0.02, rel=0.1)
    assert "lm_head.weight" not in weights("output matrix tied to the embedding")


def test_variants_of_the_optimizer_differ_where_they_say():
    def muon(variant):
        optimizers = trainer(variant).optimizers
        return [group["parts"] for o in optimizers if isinstance(o, Muon) for group in o.param_groups]

    assert muon("the recipe") == [3, 1]
    assert muon("Muon takes queries, keys, values as one") == [1, 1]
    assert muon("AdamW in place of Muon") == []


def test_the_shipped_tales_come_back_only_when_all_were_read():
    data, shipped = ablation.ShippedTales(tokenizer(), 4, 60), tales.corpus()
    texts = [data.text(number) for number in range(len(shipped) + 1)]
    assert sorted(texts[:-1]) == sorted(shipped)
    assert texts[-1] == texts[0]
    assert FreshTales(tokenizer(), 4, 60).text(0) not in shipped


def test_the_table_of_minutes_ends_each_time_with_the_median(monkeypatch, capsys):
    shares = iter([0.9, 0.2, 0.4, 0.5, 0.6, 0.7])
    found = {"steps": 7, "seconds": 3, "loss": 0.5, "sentences": 0.9}
    monkeypatch.setattr(ablation, "measure", lambda s, seed, *_: found | {"seed": seed, "tales": next(shares)})
    ablation.minutes("1,2", "3")
    rows = [line.split() for line in capsys.readouterr().out.split("\n\n")[1].splitlines()[1:]]
    assert [row[2] for row in rows] == ["0", "1", "2", "median"] * 2
    assert [row[-1] for row in rows] == ["90.0%", "20.0%", "40.0%", "40.0%", "50.0%", "60.0%", "70.0%", "60.0%"]
    with pytest.raises(ValueError, match="seeds is 'many'"):
        ablation.minutes("60", "many")


def test_the_minutes_are_those_of_the_form_that_is_asked_for(monkeypatch):
    asked = []
    found = {"steps": 7, "seconds": 3, "loss": 0.5, "sentences": 0.9, "tales": 0.5}
    monkeypatch.setattr(ablation, "measure", lambda s, seed, *rest: asked.append(rest[:2]) or found | {"seed": seed})
    monkeypatch.setattr(phrases, "FORMS", short_forms())
    ablation.minutes("1", "1")
    ablation.minutes("1", "1", "", "phrases")
    assert [(type(form), own) for form, own in asked] == [
        (ablation.Variant, tokenizer()),
        (phrases.Phrases, phrased()),
    ]
    with pytest.raises(ValueError, match="form is 'words'"):
        ablation.minutes("1", "1", "", "words")


def test_modern_changes_get_equal_steps_and_equal_time_and_go_on_where_they_stopped(monkeypatch, tiny):
    asked, names = [], list(modern.CHANGES)
    costs = dict.fromkeys(names, 1.0) | {names[2]: 0.5, names[4]: 1.3}
    found = {"loss": 1.0, "sentences": 0.5, "tales": 0.1}

    def reached(name, seed, steps, *_):
        if len(asked) == 3:
            raise KeyboardInterrupt
        asked.append((name, seed, steps))
        return found | {"steps": steps}

    monkeypatch.setattr(modern, "step_costs", lambda *_: costs)
    monkeypatch.setattr(modern, "reached", reached)
    with pytest.raises(KeyboardInterrupt):
        modern.modern("600", "1", Path("modern.json"))
    monkeypatch.setattr(modern, "step_costs", None)  # what was measured before counts again
    costs |= {names[2]: 7.0}
    with pytest.raises(TypeError):
        modern.modern("600", "1", Path("modern.json"))  # not all were
    monkeypatch.setattr(modern, "step_costs", lambda *_: costs)
    del asked[:]
    kept = json.loads(Path("modern.json").read_text())
    with pytest.raises(KeyboardInterrupt):
        modern.modern("600", "1", Path("modern.json"))
    assert asked == [(names[2], 0, 1200), (names[3], 0, 600), (names[4], 0, 600)]
    assert json.loads(Path("modern.json").read_text())[: len(kept)] == kept
    assert [row["steps"] for row in kept] == [600] * 5
    with pytest.raises(ValueError, match="steps is '0'"):
        modern.modern("0")


def test_gpt2s_block_in_the_table_has_as_many_weights_as_the_recipes_gpt():
    old = modern.CHANGES[modern.FIRST].trainer(tokenizer(), RUN, 10).model
    gpt = GPT(replace(SMALL, vocab_size=tokenizer().vocab_size, positions="rotary"))
    assert (type(old), count_parameters(old)) == (Llama, count_parameters(gpt))


def test_an_ablation_goes_on_where_it_stopped(monkeypatch, tiny):
    path, whole, asked = Path("ablation.json"), ablation.measure, []

    def breaks_after_three(*arguments):
        if len(asked) == 3:
            raise KeyboardInterrupt
        asked.append(arguments)
        return whole(*arguments)

    monkeypatch.setattr(ablation, "measure", breaks_after_three)
    with pytest.raises(KeyboardInterrupt):
        ablation.ablation("1", "2", path)
    before = json.loads(path.read_text())
    assert [found["variant"] for found in before] == list(ablation.VARIANTS)[:3]
    monkeypatch.setattr(ablation, "measure", whole)
    ablation.ablation("1", "2", path)
    after = json.loads(path.read_text())
    assert after[:3] == before
    assert [(f["seed"], f["variant"]) for f in after] == [
        (seed, name) for seed in range(2) for name in ablation.VARIANTS
    ]


# --- schemes of positions ---


def placed(scheme, **changes):
    torch.manual_seed(0)
    sizes = replace(lengths.SIZES, vocab_size=37, context_length=24, **changes)
    model = lengths.PlacedGPT(sizes, scheme, 8)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.3)
    return model.double().eval()


@pytest.mark.parametrize("scheme", lengths.SCHEMES)
def test_the_future_does_not_change_the_past_also_in_longer_texts(scheme):
    model, idx = placed(scheme), some_ids(2, 24)
    before = model(idx)
    for place in (1, 8, 17, 23):
        changed = idx.clone()
        changed[:, place:] = some_ids(2, 24 - place, seed=place)
        assert_close(model(changed)[:, :place], before[:, :place], atol=1e-10, rtol=0)
    assert (model(changed)[:, -1] - before[:, -1]).abs().max() > 1e-3


@pytest.mark.parametrize("scheme", ["learned", "rotary"])
def test_learned_and_rotary_are_the_gpt_itself(scheme):
    model = placed(scheme)
    theirs = GPT(model.config).double().eval()
    theirs.load_state_dict(model.state_dict())
    assert model.config.positions == scheme
    assert_close(model(some_ids(2, 24)), theirs(some_ids(2, 24)), atol=1e-10, rtol=0)


def test_sinusoids_are_learned_positions_with_the_paper_s_rows():
    model, other = placed("sinusoidal"), placed("learned")
    assert other.load_state_dict(model.state_dict(), strict=False).missing_keys == ["position_embedding.weight"]
    angles = torch.arange(24)[:, None] / 10_000 ** (torch.arange(0, 64, 2) / 64)
    rows = lengths.SHADOW * torch.stack((angles.sin(), angles.cos()), -1).flatten(1)
    with torch.no_grad():
        other.position_embedding.weight.copy_(rows)
    assert_close(model(some_ids(2, 24)), other(some_ids(2, 24)), atol=1e-5, rtol=0)


def test_a_relative_bias_starts_at_zero_which_is_no_position_at_all():
    model, none = placed("relative bias"), placed("none")
    initialise_small(model)
    none.load_state_dict(model.state_dict(), strict=False)
    assert_close(model(some_ids(2, 24)), none(some_ids(2, 24)), atol=1e-10, rtol=0)


def test_without_positions_the_order_of_earlier_tokens_does_not_count_in_one_block():
    a, b = torch.tensor([[5, 9, 2, 7]]), torch.tensor([[2, 5, 9, 7]])
    one, alibi = placed("none", n_layer=1), placed("ALiBi", n_layer=1)
    assert_close(one(a)[0, -1], one(b)[0, -1], atol=1e-10, rtol=0)
    assert (alibi(a)[0, -1] - alibi(b)[0, -1]).abs().max() > 1e-4


def test_the_loss_at_each_place_is_the_mean_over_windows():
    model, idx = placed("rotary"), some_ids(70, 13)
    found = lengths.loss_by_place(model, idx[:, :-1], idx[:, 1:])
    by_hand = [cross_entropy(model(idx[:, :-1])[:, [p]], idx[:, 1:][:, [p]]).item() for p in range(12)]
    assert found == pytest.approx(by_hand, abs=1e-8)
    assert lengths.stretch(found, 2, 4) == pytest.approx((by_hand[2] + by_hand[3]) / 2)


def test_lengths_that_were_measured_are_not_measured_again(tiny, monkeypatch):
    path = Path("lengths.json")
    lengths.lengths("1", path)
    before = path.read_text()
    assert [(row["scheme"], len(row["losses"])) for row in json.loads(before)] == [("none", 128), ("ALiBi", 128)]
    monkeypatch.setattr(lengths, "train_placed", None)
    lengths.lengths("1", path)
    assert path.read_text() == before


# --- models with parts left out, and parts of a model switched off ---

unseen = ladder.unseen


def with_parts(**changes):
    torch.manual_seed(0)
    sizes = replace(ladder.SIZES, vocab_size=37, context_length=16, n_embd=32)
    model = ladder.PartsGPT(sizes, ladder.Parts(**changes)).double().eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.3)
    return model


@pytest.mark.parametrize("changes", [{}, {"positions": "rotary"}, {"tied": True}])
def test_with_all_parts_it_is_the_gpt_itself(changes):
    model = with_parts(**changes)
    theirs = GPT(model.config).double().eval()
    theirs.load_state_dict(model.state_dict())
    assert_close(model(some_ids(2, 16)), theirs(some_ids(2, 16)), atol=1e-10, rtol=0)


@pytest.mark.parametrize("name", ladder.LADDER)
def test_what_a_rung_sees(name):
    found, idx = with_parts(**vars(ladder.LADDER[name])), some_ids(1, 12)
    here, before, later = idx.clone(), idx.clone(), idx.clone()
    here[0, 6], before[0, 5], later[0, 7] = 36, 36, 36
    moved = [bool((found(changed)[0, 6] - found(idx)[0, 6]).abs().max() > 1e-9) for changed in (here, before, later)]
    assert moved == {"unigram": [False, False, False], "bigram": [True, False, False]}.get(name, [True, True, False])


@pytest.mark.parametrize(("norm", "residual"), [("none", False), ("none", True), ("post", True), ("pre", True)])
def test_norm_and_sum_are_where_they_are_said_to_be(norm, residual):
    block, x = with_parts(norm=norm, residual=residual, mlp=0).blocks[0], torch.randn(1, 5, 32, dtype=torch.float64)
    block.attn.forward = lambda y, context: 2 * y
    scaled = block.attn_norm
    expected = {"none": 3 * x if residual else 2 * x, "post": scaled(3 * x), "pre": x + 2 * scaled(x)}
    assert_close(block(x), expected[norm])


def test_a_part_that_is_left_out_is_not_there_and_a_wider_one_is_wider():
    whole = set(with_parts().state_dict())
    for changes, part in (({"proj": False}, "attn.proj"), ({"mlp": 0}, ".mlp."), ({"norm": "none"}, "norm")):
        assert any(part in name for name in whole)
        assert not any(part in name for name in with_parts(**changes).state_dict())
    assert with_parts(mlp=8).blocks[0].mlp.up.weight.shape == (8 * 32, 32)


@pytest.mark.parametrize("changes", [{"norm": "before"}, {"positions": "learnt"}, {"activation": "tanh"}])
def test_parts_that_there_are_not_are_told(changes):
    (name, value) = changes.popitem()
    with pytest.raises(ValueError, match=f"{name} is {value!r}; it takes"):
        ladder.Parts(**{name: value})


def test_a_part_that_is_switched_off_adds_nothing_and_comes_back():
    model = with_parts(n_layer=2)
    block, x = model.blocks[1], torch.randn(1, 5, 32, dtype=torch.float64)
    before = block(x)
    with parts.switched_off(model, "layer", 1):
        assert torch.equal(block(x), x)
    with parts.switched_off(model, "attn", 1):
        assert_close(block(x), x + block.mlp(block.mlp_norm(x)))
    with parts.switched_off(model, "mlp", 1):
        assert_close(block(x), x + block.attn(block.attn_norm(x)))
    assert torch.equal(block(x), before)


def test_heads_switched_off_one_by_one_take_away_what_all_of_them_add():
    model, x = with_parts(n_layer=1), torch.randn(1, 5, 32, dtype=torch.float64)
    attention = model.blocks[0].attn
    whole, missing = attention(x), []
    for head in range(4):
        with parts.switched_off(model, "head", 0, head):
            missing.append(whole - attention(x))
    assert min(change.abs().max() for change in missing) > 1e-3
    assert_close(sum(missing), whole - attention.proj.bias)


def test_a_part_comes_back_after_an_error_too():
    model = with_parts(n_layer=1)
    kept = {name: weight.clone() for name, weight in model.state_dict().items()}
    with pytest.raises(KeyError), parts.switched_off(model, "layer", 0):
        raise KeyError
    assert all(torch.equal(weight, kept[name]) for name, weight in model.state_dict().items())


@pytest.mark.parametrize(
    ("asked", "told"),
    [(("norm", 0), "part is 'norm'"), (("mlp", 2), "layer is 2; .* 0 to 1"), (("head", 0, 4), "head is 4; .* 0 to 3")],
)
def test_a_part_that_there_is_not_is_told(asked, told):
    with pytest.raises(ValueError, match=told), parts.switched_off(with_parts(), *asked):
        pass


def test_mean_losses_add_up_to_that_of_all_tokens():
    own, texts = load_checkpoint(BASE), list(tales.generate_many(3, tales.FIRST_UNSEEN_SEED))
    found = parts.mean_losses(own.model, own.tokenizer, texts)
    assert {"all", "name", "name told before", "wording", "end"} <= found.keys()
    assert found["name"] > found["name told before"]
    assert min(found.values()) <= found["all"] <= max(found.values())


def test_faults_are_counted_by_kind():
    reasons = {"Rosa is there twice": 2, "'she' could mean nobody": 1, "Ida has not come into the tale": 3}
    reasons |= {
        "Mara is at the mill, Ben at the river": 1,
        "the kite is with Mara, not Ben": 1,
        "the tale has begun": 1,
    }
    found = parts.fault_kinds(SimpleNamespace(faults=reasons))
    assert [found[kind] for kind in ("one twice", "who is there", "who is where")] == [2, 3, 1]
    assert found.total() == 9


# --- tales with questions ---


@pytest.mark.parametrize(("data", "kinds"), [(questions.QuestionedTales, {True}), (questions.UntoldToo, {True, False})])
def test_three_tales_in_ten_end_with_a_true_answer_and_the_untold_is_asked_only_on_request(data, kinds):
    asked = [text for text in map(data(tokenizer(), 4, 60).text, range(100)) if questions.USER in text]
    assert len(asked) == 30
    answered = set()
    for text in asked:
        tale, rest = text.split(questions.USER)
        question, answer = rest.removesuffix(questions.END).split(questions.ASSISTANT)
        answered |= {q.answered for q in tales.ask(tale) if (q.text, q.answer) == (question, answer)} or {"wrong"}
    assert answered == kinds


def test_shares_are_counted_by_kind_beside_the_commonest_answer():
    asked = [tales.Question("who has", "?", answer, True, 1, ()) for answer in ("Mara", "Mara", "Tom", "Ida")]
    asked.append(tales.Question("where is", "?", "Nobody knows.", False, 0, ()))
    assert questions.rows_by_kind(asked, [True, False, True, True, True])[1:] == [
        ("where is, not told", 0, 1, "100.0%", "100.0%"),
        ("who has", 1, 4, "75.0%", "50.0%"),
        ("all of one step", 1, 4, "75.0%", "50.0%"),
    ]


# --- the shipped model ---


@pytest.fixture(scope="module")
def shipped():
    return load_checkpoint(BASE)


def test_the_shipped_model_tells_what_is_so(shipped):
    """Fifty tales: the bounds are those of `bench tales`, less three standard deviations of so few."""
    for scores in base_model.measure_tales(shipped.model, shipped.tokenizer, 25).values():
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
    metadata = shipped.metadata
    last = replace(base_model.Stage(**metadata["stages"][-1]), batch=16)
    unseen = last.data(shipped.tokenizer, base_model.UNSEEN)
    loss = evaluate(shipped.model, [unseen(0), unseen(1)])
    assert loss == pytest.approx(metadata["loss"], abs=0.02)  # a few of its 512 tales
    assert metadata["perfect_loss"] < metadata["loss"] < metadata["perfect_loss"] + 0.02
    assert min(scores["sentences"] for scores in metadata["shares"].values()) >= 0.98
    assert min(scores["tales"] for scores in metadata["shares"].values()) >= 0.90


def test_the_card_is_the_one_of_the_shipped_file(shipped):
    card = base_model.card(shipped.model, shipped.tokenizer, shipped.metadata)
    assert BASE.with_suffix(".md").read_text(encoding="utf-8") == card


def test_what_a_perfect_reader_loses_is_its_share_of_the_entropy():
    data = FreshTales(tokenizer(), 4, 600, seed=3, tales_per_row=(2,))
    seeds = [seed for step in range(2) for number, _ in data.batch(step) for seed in data.seeds(number)]
    tokens = sum(len(tokenizer().encode(tales.generate(seed))) + 1 for seed in seeds)
    assert base_model.perfect_loss(data, 2) == pytest.approx(-sum(map(tales.log_probability, seeds)) / tokens)


def test_the_curve_forgets_steps_that_were_lost(tiny, monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr(base_model, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    model = GPT(small_config(vocab_size=tokenizer().vocab_size, context_length=24))
    path = Path("curve.json")
    path.write_text(json.dumps([{"step": 3, "minutes": 1.5}, {"step": 6, "minutes": 3.0}]))
    watch = base_model.Watch(tokenizer(), path)
    # The run went on from step 4: what was seen at step 6 is not part of it.
    for step, loss in ((5, None), (6, 2.5)):
        watch(Progress(step, 10, 1.0, loss, 1e-3, 1e3, model, History()))
    rows = json.loads(path.read_text())
    assert [row["step"] for row in rows] == [3, 6]
    assert rows[1]["loss"] == 2.5
    # The time of the earlier run counts, and the one second since; the lost part does not.
    assert rows[1]["minutes"] == pytest.approx(1.5 + 1 / 60)


def test_a_longer_context_changes_nothing_in_a_text_that_fitted_before():
    model = GPT(small_config()).eval()
    longer, idx = base_model.lengthen(model, 40).eval(), some_ids(2, 16)
    assert_close(longer(idx), model(idx), atol=1e-6, rtol=0)
    assert longer(some_ids(1, 40)).shape == (1, 40, 37)
    assert torch.equal(longer.position_embedding.weight[16:32], model.position_embedding.weight)


def test_a_making_that_is_interrupted_writes_nothing_goes_on_and_ends_once(tiny, monkeypatch):
    path, whole = Path("base.safetensors"), base_model.train
    monkeypatch.setattr(base_model, "train", lambda *anything, **rest: History([1.0]))
    base_model.make_base()
    assert not path.exists()
    monkeypatch.setattr(base_model, "train", whole)
    base_model.make_base()
    found = load_checkpoint(path)
    assert [(row["stage"], row["step"]) for row in found.metadata["curve"]] == [
        *(("tales", 2), ("tales", 4)),
        *(("pairs", 1), ("pairs", 2)),
    ]
    assert found.model.config.context_length == 100
    assert found.metadata["shares"]["nothing"]["count"] == 2
    assert found.tensors == {}  # what only training needs is not shipped
    path.unlink()
    base_model.make_base()  # all steps are done: nothing is trained again
    again = load_checkpoint(path)
    assert again.metadata == found.metadata
    assert all(map(torch.equal, again.model.state_dict().values(), found.model.state_dict().values()))


# --- every notebook on an ordinary laptop ---

HELD = """
import os
assert os.environ["COURSE_LAPTOP"] == "1" and os.environ["ATEN_CPU_CAPABILITY"] == "avx2"
assert (os.environ["OMP_NUM_THREADS"], os.environ["COURSE_PRESET"]) == ("2", "laptop")
"""


def small_course(folder, **notebooks):
    """A course of these notebooks: the stated seconds of each, then its cells."""
    (folder / "notebooks").mkdir()
    for stem, (seconds, *sources) in notebooks.items():
        cells = [new_code_cell(source, id=f"c{place}") for place, source in enumerate(sources)]
        made = new_notebook(cells=cells, metadata={"course": {"seconds": seconds}})
        (folder / "notebooks" / f"{stem}.ipynb").write_text(nbformat.writes(made), encoding="utf-8")
    return sync.Course(folder, tuple(Notebook(stem, stem, ("start",)) for stem in notebooks))


def test_notebooks_are_run_held_to_a_laptop_and_every_failure_is_told(tmp_path, capsys):
    cells = HELD, "1 / 0", "assert 1 == 2, 'not equal'", "x = b'x' * 400_000_000; del x"
    course = small_course(tmp_path, n2_long=(90, "1"), n1_short=(10**6, *cells))
    before = course.paths[1].read_bytes()
    found = notebooks_run.notebooks("n1", str(tmp_path / "found.json"), course=course)
    assert [one.notebook for one in found] == ["n1_short"]
    assert found[0].failed == ["cell c1: ZeroDivisionError: division by zero", "cell c2: AssertionError: not equal"]
    assert found[0].memory > 4e8
    assert found[0].highest == "c3"
    assert course.paths[1].read_bytes() == before
    stored = json.loads((tmp_path / "found.json").read_text())
    assert stored[0]["broken"] == found[0].failed
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert shown[2] == ["notebook", "stated", "s", "s", "here", "ratio", "GB", "assertions"]
    assert shown[3][-3:] == ["(and", "1", "more)"]


def test_the_notebooks_that_state_least_come_first(tmp_path):
    course = small_course(tmp_path, n1_long=(90, "1"), n2_short=(10, "1"))
    assert [path.stem for path in notebooks_run.chosen([], course)] == ["n2_short", "n1_long"]
    assert [path.stem for path in notebooks_run.chosen(["n1"], course)] == ["n1_long"]


def test_a_kernel_that_dies_is_a_row_and_each_bar_has_its_sentence(tmp_path):
    course = small_course(tmp_path, n1_dies=(1, "1", "import os; os._exit(1)"))
    (found,) = notebooks_run.notebooks(course=course)
    assert found.failed[-1] == "cell c1: DeadKernelError"
    slow = notebooks_run.Found("a", 10, seconds=21, memory=1_500_000_000, highest="c3", failed=["cell c4: Problem"])
    assert slow.broken() == ["took 2.1 times its stated time", "1.50 GB in cell c3", "cell c4: Problem"]
    assert notebooks_run.Found("a", 10, seconds=20, memory=1_499_000_000).broken() == []


def test_the_memory_of_processes_that_a_notebook_starts_counts():
    waits = "x = b'x' * 100_000_000; print(flush=True); input()"
    processes = [
        subprocess.Popen([sys.executable, "-c", waits], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)
    ]
    watch = notebooks_run.Watch()
    for process in processes:
        process.stdout.readline()
    watch.look()
    assert 2e8 < watch.highest < 4e8
    for process in processes:
        process.communicate(b"\n")


# --- how long the preset gpu takes ---


def test_the_page_has_the_table_and_no_training_takes_too_long_on_a_t4():
    page = (gpu.ROOT / "docs" / "gpu_sizes.md").read_text(encoding="utf-8")
    assert timing.markdown_table(gpu_sizes.table()) in page
    assert max(sum(case.seconds(gpu_sizes.CARDS[0])) for case in gpu_sizes.CASES) < gpu_sizes.LIMIT / 2


def test_operations_and_seconds_by_hand():
    # One layer of width 4: 12 * 16 weights and 4 * 9 + 4 of biases and norms, a last norm, an output of 8 words.
    sizes = GPTConfig(8, 6, n_layer=1, n_head=1, n_embd=4, tied=False)
    weights = 12 * 16 + (12 + 4 + 16 + 4) + 3 * 8 + 8 * 4
    case = gpu_sizes.Case("00", "by hand", sizes, rows=2, tokens=5, steps=10, kernels=7, batch=0.5)
    assert case.operations() == 2 * 5 * (6 * weights + 12 * 4 * 5)
    assert replace(case, frozen=True).operations() == 2 * 5 * (4 * weights + 12 * 4 * 5)
    tied = replace(case, sizes=replace(sizes, tied=True))
    assert tied.operations() == case.operations()
    card = gpu_sizes.Card("slow", peak=1000, fraction=0.5, launch=0.25, slower=2)
    assert case.seconds(card) == (10 * case.operations() / 500, 10 * (7 * 0.25 + 2 * 0.5))


@pytest.mark.parametrize("case", gpu_sizes.CASES, ids=lambda case: f"{case.notebook} {case.what}")
def test_the_kernels_of_a_step_are_about_as_many_as_the_table_says(case):
    assert 0.7 < gpu_sizes.kernels(case) / case.kernels < 1.4  # versions of PyTorch differ


STEPS_TAKEN = {
    "00": ["gpu=8_000"],
    "11": ["laptop=32, gpu=64", "gpu=6000", "laptop=2, gpu=6)"],
    "14": ["gpu=32", "gpu=1500"],
    "15": ["rows=16", "rows=8", "laptop=100, gpu=600"],
    "16": ["FreshPairs(tokenizer, 64)", "gpu=1500"],
    "B": ["gpu=STEPS"],
}


@pytest.mark.parametrize("number", STEPS_TAKEN)
def test_the_reckoned_sizes_are_the_notebooks(number):
    course = sync.Course()
    text = "\n".join(cell.source for cell in sync.read(course.path(find(number))).cells)
    assert [part for part in STEPS_TAKEN[number] if part not in text] == []
    assert [case.steps for case in gpu_sizes.CASES if case.notebook == "B"] == [len(lengths.SCHEMES) * lengths.STEPS]
    config = load_checkpoint(BASE).model.config
    assert config == gpu_sizes.BASE_SIZES
    assert pairs_tokenizer().vocab_size == gpu_sizes.PAIRS.vocab_size


# --- a GPU's table ---


def a_notebook(folder, *cells):
    content = {"cells": [{"cell_type": "code", "id": f"c{i}", "source": [cell]} for i, cell in enumerate(cells)]}
    path = folder / "03_small.ipynb"
    path.write_text(json.dumps(content))
    return path


def test_a_notebooks_cells_run_without_jupyter_in_a_shortened_form(tmp_path):
    setup = "from course_utils import runtime\nrun = runtime.start()"
    sizes = "assert (run.preset, run.pick(smoke=1, laptop=2, gpu=3)) == ('gpu', 2)"
    as_on_a_t4 = "assert (run.preset, run.pick(smoke=1, laptop=2, gpu=3), run.dtype) == ('smoke', 1, torch.float16)"
    magic = "%matplotlib --list"
    name, told = gpu.run_notebook(a_notebook(tmp_path, setup, sizes, magic), "short", 300)
    assert name == "notebook 03_small"
    assert told.startswith("ok, ")
    assert gpu.run_notebook(a_notebook(tmp_path, setup, "import torch", as_on_a_t4), "smoke", 300)[1][:2] == "ok"
    _, told = gpu.run_notebook(a_notebook(tmp_path, setup, "assert run.preset == 'laptop'", "1"), "short", 300)
    assert told.startswith("FAILED in cell c1: AssertionError")


def test_a_notebook_that_takes_too_long_is_cut_off(tmp_path):
    slow = a_notebook(tmp_path, "print('begun', flush=True)\nwhile True: pass")
    assert gpu.run_notebook(slow, "short", 20)[1].startswith("out of time in cell")


def part(*lines):
    return [sys.executable, "-uc", "\n".join(lines)]


TOLD = f"print({gpu.ROW + json.dumps(['before', 'ok'])!r})"
LEFT = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
ENDS = [
    (part("print('noise')", TOLD), 60, []),
    (part(TOLD, "raise RuntimeError('no such kernel')"), 60, [("a part", "FAILED: RuntimeError: no such kernel")]),
    (part(TOLD, "import os; os.abort()"), 60, [("a part", f"FAILED: it ended with {-signal.SIGABRT}")]),
    (part(TOLD, LEFT, "while True: pass"), 8, [("a part", "out of time after 8 s")]),
]


@pytest.mark.parametrize(("command", "seconds", "more"), ENDS, ids=["well", "an error", "a crash", "too late"])
def test_a_part_that_fails_crashes_or_hangs_keeps_its_rows_and_gets_one_more(command, seconds, more):
    assert [*gpu.rows_of("a part", command, seconds)] == [("before", "ok"), *more]


def test_what_fails_is_in_the_file_and_the_parts_after_it_go_on(tmp_path, monkeypatch):
    ended, asked = {"throughput": "FAILED: no such kernel", "generation": "ok"}, []

    def rows_of(name, command, seconds):
        asked.append(seconds)
        yield name, ended.get(name, "out of time")

    monkeypatch.setattr(gpu, "rows_of", rows_of)
    gpu.gpu("1", str(tmp_path / "gpu.json"))
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert {name: found[name] for name in gpu.PARTS} == {name: ended.get(name, "out of time") for name in gpu.PARTS}
    # Nobody used any time, so the last has all that's left.
    assert asked[0] < asked[-1] <= 60


def test_without_a_gpu_a_part_runs_in_its_smallest_form(capsys):
    gpu.tell_part("generation", "60")
    line = capsys.readouterr().out.splitlines()[-1]
    assert json.loads(line.removeprefix(gpu.ROW))[0] == "generation"


def test_notebooks_for_which_no_time_is_left_are_told(monkeypatch):
    monkeypatch.setattr(gpu, "run_notebook", lambda *_: pytest.fail("begun without time"))
    rows = [*gpu.notebooks(RUN, gpu.Budget(5))]
    assert len(rows) == len(NOTEBOOKS)
    assert {told for _, told in rows} == {"left out: no time left"}


def test_shakespeare_is_learned_where_it_was_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    assert "left out" in next(gpu.shakespeare(RUN, gpu.Budget(1)))[1]
    (tmp_path / "tinyshakespeare.txt").write_text("here")
    monkeypatch.setattr(gpu, "load_text", lambda name: "To be, or not to be: that is the question.\n" * 2000)
    rows = dict(gpu.shakespeare(RUN, gpu.Budget(1)))
    assert set(rows) == {"tiny Shakespeare, the recipe", "tiny Shakespeare, the usual"}
    assert "after 4 steps" in rows["tiny Shakespeare, the usual"]


# --- the speedrun ---

EVERYTHING = speedrun.Settings(
    **{"n_layer": 2, "n_head": 2, "n_embd": 16, "n_hidden": 24, "last": 4, "pairs": True, "triples": 50, "counted": 2},
    **{"activation": "relu2", "positions": "rotary", "norm_weights": False, "tied": False, "std": 1.0},
)


def speedrun_model(settings, vocab_size=5):
    """A model with every weight drawn anew, so that no part of it is silent."""
    seen = some_ids(400, vocab_size=vocab_size)
    counts = speedrun.counted_logits(seen, vocab_size, settings.counted) if settings.counted else None
    model = speedrun.SpeedrunGPT(vocab_size, settings, counts)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, 0.0, 0.3)
    return model


@pytest.mark.parametrize("order", [1, 2, 3])
def test_counted_logits_are_what_counting_by_hand_gives(order):
    tokens, V, discount = some_ids(300, vocab_size=4).tolist(), 5, 0.8

    def expected(context, token):
        if not context:
            return (1 + tokens.count(token)) / (V + len(tokens))
        after = [t for i, t in enumerate(tokens) if i >= len(context) and tokens[i - len(context) : i] == context]
        shorter = expected(context[1:], token)
        if not after:
            return shorter
        return (max(0, after.count(token) - discount) + discount * len(set(after)) * shorter) / len(after)

    table = speedrun.counted_logits(torch.tensor(tokens), V, order, discount).exp().view(*[V + 1] * order, V)
    assert_close(table.sum(-1), torch.ones(table.shape[:-1]))
    for context in itertools.product(range(V + 1), repeat=order):
        known = list(context[max((i + 1 for i, token in enumerate(context) if token == V), default=0) :])
        assert_close(table[context], torch.tensor([expected(known, token) for token in range(V)]))


def test_without_layers_and_training_the_model_is_its_counts():
    settings = speedrun.Settings(training=None, n_layer=0, tied=False, counted=2)
    counts = speedrun.counted_logits(some_ids(400, vocab_size=5), 5, 2)
    logits = speedrun.SpeedrunGPT(5, settings, counts)(torch.tensor([[3, 1, 4]]))
    assert_close(logits[0], counts[[5 * 6 + 3, 3 * 6 + 1, 1 * 6 + 4]])  # 5 stands for no character


@pytest.mark.parametrize("name", [*speedrun.RECORDS, "everything"])
def test_the_future_does_not_change_the_past_in_any_record(name):
    settings = EVERYTHING if name == "everything" else speedrun.RECORDS[name].settings
    model = speedrun_model(replace(settings, n_embd=16, n_head=2, counted=min(2, settings.counted)))
    idx = some_ids(2, 12, vocab_size=5)
    changed = idx.clone()
    changed[:, 7] = (changed[:, 7] + 1) % 5
    before, after = model(idx), model(changed)
    assert_close(before[:, :7], after[:, :7])
    assert (before[:, 7] - after[:, 7]).abs().max() > 1e-3


def test_the_recipe_to_beat_is_gpt2s_form():
    settings = speedrun.Settings(n_layer=2, n_head=2, n_embd=16, n_hidden=64)
    model = speedrun_model(settings)
    plain = training_speed.PlainGPT(GPTConfig(5, speedrun.CONTEXT, 2, 2, 16))
    with torch.no_grad():
        for name, weight in plain.named_parameters():
            if name.endswith("bias"):
                weight.zero_()
        for mine, own in zip(plain.blocks, model.blocks, strict=True):
            mine.mlp[1] = torch.nn.GELU()
            for one, other in ((mine.ln_1, own.attn_norm), (mine.ln_2, own.mlp_norm), (mine.qkv, own.qkv)):
                one.weight.copy_(other.weight)
            for one, other in ((mine.out, own.proj), (mine.mlp[0], own.up), (mine.mlp[2], own.down)):
                one.weight.copy_(other.weight)
        plain.norm.weight.copy_(model.final_norm.weight)
        plain.tokens.weight.copy_(model.token_embedding.weight)
        plain.head.weight.copy_(model.token_embedding.weight)
        plain.places.weight.copy_(model.position_embedding.weight)
    idx = some_ids(2, 12, vocab_size=5)
    assert_close(model(idx), plain(idx))


def test_a_run_in_parts_is_the_run_at_once(tiny):
    corpus = speedrun.load_corpus()
    settings = replace(EVERYTHING, training=TrainingConfig(4, optimizer="muon"), batch=2)
    parts, whole = (speedrun.Run(settings, corpus, seed=3) for _ in range(2))
    for steps in (1, 1, 3, 4):
        parts.advance(steps, look=steps == 3)
    whole.advance(4)
    assert parts.steps_done == 4
    assert parts.loss() == whole.loss() != parts.curve[0][1]
    assert parts.curve[0][0] < parts.seconds


def test_validation_counts_every_character_once_in_windows_of_64(tiny):
    corpus = speedrun.load_corpus()
    inputs, targets = (torch.cat(part).flatten() for part in zip(*corpus.validation, strict=True))
    assert inputs.shape == targets.shape
    assert_close(inputs[1:], targets[:-1])
    assert all(x.shape[1] == 64 for x, _ in corpus.validation)
    text = speedrun.load_text("tinyshakespeare")
    assert 0 <= len(text) - len(corpus.seen) - 1 - len(targets) < 64


def test_records_measured_already_are_kept(tiny, monkeypatch, capsys):
    speedrun.speedrun("all", "1", Path("log.json"))
    before = Path("log.json").read_text(encoding="utf-8")
    monkeypatch.setattr(speedrun, "round_of", lambda *_: pytest.fail("measured again"))
    speedrun.speedrun("all", "1", Path("log.json"))
    assert Path("log.json").read_text(encoding="utf-8") == before
    assert len(json.loads(before)) == len(speedrun.RECORDS)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"last": 0}, "last is 0"),
        ({"counted": 4}, "counted is 4"),
        ({"positions": "none"}, "positions is 'none'"),
        ({"activation": "swiglu"}, "activation is 'swiglu'"),
        ({"n_embd": 12}, "n_embd is 12 and n_head 4"),
    ],
)
def test_settings_that_there_are_not_are_told(changes, told):
    with pytest.raises(ValueError, match=told):
        speedrun.Settings(**changes)


# --- tokens longer than a word ---


def test_a_phrase_is_joined_where_the_left_one_mostly_goes_on_so():
    # " the" goes on in three ways, a third of the time each; " ran" in one.
    texts = [f"Mara ran to the {thing}" for thing in ("mill", "well", "pier") for _ in range(30)]
    assert phrases.train_phrases(texts, 9, sure=0.5) == [(" to", " the"), (" ran", " to the")]
    assert (" ran to the", " mill") in phrases.train_phrases(texts, 9, sure=0.3)
    assert phrases.train_phrases(texts, 9, sure=0.5, least=91) == []
    assert len(phrases.train_phrases(texts, 1)) == 1


def test_no_phrase_has_a_capital_inside_and_the_text_comes_back():
    joined = [token for token in phrased().vocab if token.count(" ") > 1]
    assert joined
    assert not any(letter.isupper() for token in joined for letter in token)
    for seed in range(200):
        text = tales.generate(10**6 + seed)
        assert phrased().decode(phrased().encode(text)) == text
    with pytest.raises(ValueError, match="ψ"):
        phrased().encode("Mara saw a ψ.")


def test_the_pair_that_was_learned_first_is_joined_first():
    own = phrases.PhraseTokenizer({" a": 0}, {}, [(" b", " c"), (" a", " b")])
    assert own.joined(" a b c a b") == [" a", " b c", " a b"]
    assert phrases.join_pairs([" a", " a", " a"], (" a", " a")) == [" a a", " a"]


def test_a_model_that_begins_with_the_last_tokens_sees_the_same_with_a_cache_and_no_future():
    form, _ = short_forms()["phrases"]
    model = form.trainer(phrased(), RUN, 2).model.double().eval()
    idx = torch.randint(len(phrased().vocab), (3, 9), generator=torch.Generator().manual_seed(0))
    for part in model.parameters():
        torch.nn.init.normal_(part, generator=torch.Generator().manual_seed(part.numel()))
    whole, cache_ = model.hidden_states(idx), KVCache(model, 3)
    in_parts = [model.hidden_states(part, cache_) for part in idx.split([1, 4, 1, 3], dim=1)]
    assert_close(torch.cat(in_parts, dim=1), whole)
    assert_close(model.hidden_states(idx[:, :6]), whole[:, :6])
    padded, mask = torch.cat([idx[:, :2], idx], dim=1), torch.ones(3, 11, dtype=torch.bool)
    mask[:, :2] = False
    assert_close(model.hidden_states(padded, None, mask)[:, 2:], whole)
    model.blocks = torch.nn.ModuleList()  # without attention, a token is seen by itself and by the next two
    changed = idx.clone()
    changed[:, 5] = (idx[:, 5] + 1) % 9
    seen = (model.hidden_states(idx) != model.hidden_states(changed)).any(-1).any(0)
    assert seen.nonzero().flatten().tolist() == [5, 6, 7]


def test_tight_batches_learn_the_same_targets_in_less_width():
    loose, tight = (kind(phrased(), 4, 100, 1) for kind in (FreshTales, phrases.TightTales))
    for step in range(9):
        (inputs, targets), (own, short) = loose(step), tight(step)
        width = own.shape[1]
        assert_close(own, inputs[:, :width])
        assert_close(short, targets[:, :width])
        assert (targets[:, width:] == -100).all()
        assert (short[:, -4:] != -100).any()
        assert width % 4 == 0


def test_the_forms_get_equal_time_and_what_is_measured_is_kept(monkeypatch, tiny, capsys):
    asked = []
    found = {"nats": 40.0, "sentences": 0.5, "tales": 0.25}

    def reached(name, seed, steps):
        asked.append((name, seed, steps))
        return {"steps": steps, **found}

    monkeypatch.setattr(phrases, "reached", reached)
    phrases.phrases("100", "2", "0.5", "phrases.json")
    assert asked == [("the recipe", 0, 100), ("phrases", 0, 200), ("the recipe", 1, 100), ("phrases", 1, 200)]
    monkeypatch.setattr(phrases, "step_cost", lambda: pytest.fail("measured again"))
    phrases.phrases("100", "3", "", "phrases.json")
    assert asked[4:] == [("the recipe", 2, 100), ("phrases", 2, 200)]
    assert capsys.readouterr().out.splitlines()[-1].split() == [
        *("phrases", "100", "median", "200"),
        *("40.0", "50.0%", "25.0%"),
    ]
    with pytest.raises(ValueError, match="steps is '0'"):
        phrases.phrases("0")
    with pytest.raises(ValueError, match="seeds is 'many'"):
        phrases.phrases("1", "many")


@pytest.mark.skipif(not (DATA / "phrases.json").is_file(), reason="it's measured in an hour")
def test_the_shipped_runs_had_equal_time():
    for row in json.loads((DATA / "phrases.json").read_text(encoding="utf-8")):
        assert row["form"] in phrases.FORMS
        assert row["steps"] == round(row["recipe_steps"] / row["cost"])


@pytest.mark.skipif(not (DATA / "speedrun.json").is_file(), reason="the log is measured on two quiet cores")
def test_the_shipped_log_is_of_records_that_can_be_run():
    path = DATA / "speedrun.json"
    for row in json.loads(path.read_text(encoding="utf-8")):
        assert row["steps"] == speedrun.RECORDS[row["record"]].settings.steps
        assert row["recipe_seconds"] > 0
