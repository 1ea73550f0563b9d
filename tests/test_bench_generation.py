"""The race in generation: the same tokens from both, and a time for each part of the context."""

from dataclasses import replace

from course_utils.experiments import generation_speed
from course_utils.gpt import GPT


def test_both_write_the_same_and_every_part_is_timed(monkeypatch, capsys):
    small = replace(generation_speed.SIZES, vocab_size=50, context_length=40, n_layer=1, n_embd=16, n_head=2)
    monkeypatch.setattr(generation_speed, "SIZES", small)
    monkeypatch.setattr(generation_speed, "TOKENS", 12)
    generation_speed.generation("2")
    out = capsys.readouterr().out
    assert out.count("the same tokens: yes") == 2
    assert "NO" not in out
    assert [f"{part} of 4" in out for part in range(1, 6)] == [True] * 4 + [False]


def test_a_time_is_compared_with_the_first_part(monkeypatch):
    small = replace(generation_speed.SIZES, vocab_size=50, context_length=9, n_layer=1, n_embd=16, n_head=2)
    monkeypatch.setattr(generation_speed, "SIZES", small)
    rows = generation_speed.along_the_context(GPT(small).eval(), rounds=1)
    assert len(rows) == 1 + 4
    assert rows[1][2] == "1.00 x"
