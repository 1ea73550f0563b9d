"""The measurements run, and measure what they say; how long things take is never tested."""

import pytest
import torch
from models import small_config

from course_utils import bench
from course_utils.gpt import GPT
from course_utils.training import TrainingConfig


def test_the_number_of_steps_grows_with_the_time_and_takes_the_usual_step(monkeypatch):
    clock = iter([t for start in range(40) for t in (start, start + (0.9 if start % 12 < 4 else 0.5))])
    monkeypatch.setattr(bench.time, "perf_counter", lambda: next(clock))
    model, ids = GPT(small_config(n_layer=1)), torch.zeros(2, 4, dtype=torch.int64)
    found = [bench.steps_in(s, model, lambda step: (ids, ids), TrainingConfig(steps=100)) for s in (1, 30, 0.01)]
    assert found == [2, 60, 1]


def test_the_table_of_minutes_has_a_row_for_each_seed_and_a_median(monkeypatch, capsys):
    monkeypatch.setattr(bench, "TALES", 4)
    monkeypatch.setattr(bench, "steps_in", lambda *anything: 2)
    bench.minutes("1,2", "2")
    table = capsys.readouterr().out.split("\n\n")[1].splitlines()
    assert table[0].split() == ["training", "seed", "steps", "seconds", "loss", "sentences", "tales"]
    assert [line.split()[2] for line in table[1:]] == ["0", "1", "median"] * 2
    assert all(line.endswith("%") for line in table[1:])


def test_a_number_of_seeds_that_cannot_be_is_told():
    with pytest.raises(ValueError, match="seeds is 'many'"):
        bench.minutes("60", "many")
