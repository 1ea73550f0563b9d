"""The race in byte pair encoding: both train, all encode, and a long text keeps bringing new pieces."""

from course_utils.bpe import count_pieces
from course_utils.experiments import bpe_speed

TEXT = "To be, or not to be: that is the question.\n" * 300


def test_a_long_text_has_its_size_and_new_pieces(monkeypatch):
    copies = list(bpe_speed.varied("abc " * 50_000, 2))
    assert sum(map(len, copies)) == 2_000_000
    assert len(count_pieces(copies)) > len(count_pieces(copies[0]))


def test_growth_tells_seconds_and_memory(monkeypatch, capsys):
    monkeypatch.setattr(bpe_speed, "load_text", lambda name: TEXT)
    monkeypatch.setattr(bpe_speed, "VOCABULARY", 300)
    bpe_speed.growth("1")
    seconds, memory = map(float, capsys.readouterr().out.split())
    assert seconds > 0
    assert 10 < memory < 10_000


def test_the_table_has_all_who_train_and_encode(monkeypatch, capsys):
    monkeypatch.setattr(bpe_speed, "load_text", lambda name: TEXT)
    monkeypatch.setattr(bpe_speed, "VOCABULARY", 300)
    bpe_speed.bpe("1", "0")
    out = capsys.readouterr().out
    assert out.count("\nours") == 3
    assert out.count("\nHugging Face tokenizers") == 2
    assert out.count("\ntiktoken") == 1
