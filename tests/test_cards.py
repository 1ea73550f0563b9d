"""Cards: the same words in HTML and in plain text, nothing in them taken for a tag."""

from types import SimpleNamespace

import pytest

from course_utils.plots import cards


@pytest.fixture
def page(monkeypatch) -> list[dict[str, str]]:
    shown: list[dict[str, str]] = []
    monkeypatch.setattr(cards, "display", lambda data, raw: shown.append(data))
    monkeypatch.setattr(cards, "in_notebook", lambda: True)
    return shown


def test_a_note_is_plain_text_in_a_terminal(capsys):
    cards.note("Head", ["A sentence."], [("called", "f(1)"), ("it", "a\nb")])
    assert capsys.readouterr().out.splitlines() == ["Head", "A sentence.", "called  f(1)", "it      a", "        b"]


def test_a_note_is_a_card_in_a_notebook(page):
    cards.note("Head <b>", ["1 < 2"], [("x", "a & b")], edge="#123456")
    assert page[0]["text/plain"] == "Head <b>\n1 < 2\nx  a & b"
    for words in ("Head &lt;b&gt;", "1 &lt; 2", "a &amp; b", "#123456"):
        assert words in page[0]["text/html"]


@pytest.mark.parametrize(("shell", "expected"), [(None, False), ("TerminalInteractiveShell", False), ("ZMQ", True)])
def test_a_terminal_is_no_notebook(monkeypatch, shell, expected):
    made = shell and type(shell, (SimpleNamespace,), {})()
    monkeypatch.setattr(cards, "get_ipython", lambda: made)
    assert cards.in_notebook() == expected
