"""The race on tiny Shakespeare: a run stops when it has the loss it was sent for, and the table says what it took."""

import pytest
import torch
from models import small_config

from course_utils.experiments import shakespeare
from course_utils.experiments.shakespeare import seconds_to
from course_utils.gpt import GPT
from course_utils.training import Trainer, TrainingConfig


@pytest.mark.parametrize(("target", "steps"), [(100.0, 4), (0.0, 10)])
def test_a_run_stops_at_the_loss_or_at_its_end(target, steps):
    torch.manual_seed(0)
    ids = torch.randint(0, 11, (2, 6))
    trainer = Trainer(GPT(small_config(n_layer=1)), TrainingConfig(steps=10))
    taken, loss = seconds_to(target, trainer, lambda step: (ids, ids), [(ids, ids)], every=4)
    assert trainer.steps_done == steps
    assert taken > 0
    assert 0 < loss < 5


def test_the_table_holds_both_recipes_of_each_pair(monkeypatch, capsys):
    monkeypatch.setattr(shakespeare, "load_text", lambda name: "To be, or not to be: that is the question.\n" * 2000)
    monkeypatch.setattr(shakespeare, "USUAL", TrainingConfig(2))
    shakespeare.shakespeare("1", "2", "2")
    lines = capsys.readouterr().out.strip().splitlines()[-3:]
    assert [line.split()[0] for line in lines] == ["recipe", "usual", "ours"]
    assert lines[1].split()[2:3] == ["2"]
