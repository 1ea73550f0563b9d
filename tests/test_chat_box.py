"""The chat box: replies appear while they are written, are judged, and what can't be said changes nothing."""

import builtins
import sys
from types import SimpleNamespace

import ipywidgets
import pytest

from course_utils.plots import chat_box
from course_utils.plots.chat_box import show_chat


def echo(messages):
    """Say in two pieces how many messages there were, and what the last one was."""
    if "too long" in messages[-1]["content"]:
        raise ValueError("the last message fills 300 of 200 tokens by itself: shorten it")
    yield f"{len(messages)}: "
    yield messages[-1]["content"]


@pytest.fixture
def page(monkeypatch):
    """What the handle shows, one state after the other, and the controls."""
    states, controls = [], []

    def display(data, **how):
        states.append(data)
        return SimpleNamespace(update=lambda data, raw: states.append(data))

    monkeypatch.setattr(chat_box, "display", display)
    monkeypatch.setattr(chat_box, "in_notebook", lambda: True)
    monkeypatch.setattr("course_utils.plots.widgets.show_controls", lambda box, names: controls.extend(box.children))
    return states, controls


def test_a_reply_appears_piece_by_piece(page):
    show_chat(echo, ["Ahoy."], name="Hugo")
    assert [state["text/plain"].splitlines()[-1] for state in page[0]] == [
        "Nothing was said to Hugo yet.",
        "Hugo: 1: ",
        "Hugo: 1: Ahoy.",
        "Hugo: 1: Ahoy.",
    ]


def test_the_line_sends_goes_on_and_starts_anew(page):
    states, controls = page
    show_chat(echo, ["Ahoy."], name="Hugo")
    line, again = controls
    line.value = "  And now?  "
    assert line.value == ""
    assert states[-1]["text/plain"].splitlines()[2:] == ["you: And now?", "Hugo: 3: And now?"]
    before = len(states)
    line.value = "   "
    assert len(states) == before
    again.click()
    assert states[-1]["text/plain"] == "Nothing was said to Hugo yet."
    line.value = "Again"
    assert states[-1]["text/plain"].splitlines() == ["you: Again", "Hugo: 1: Again"]


def test_a_judge_marks_replies_in_words(page):
    verdicts = iter(["right", "wrong", "refused", "unclear"])
    show_chat(echo, ["a", "b", "c", "d"], judge=lambda messages: next(verdicts))
    lines = page[0][-1]["text/plain"].splitlines()[1::2]
    assert ["right" in lines[0], "wrong" in lines[1], "does say" in lines[2]] == [True] * 3
    assert lines[3] == "assistant: 7: d"


def test_what_is_refused_is_shown_and_changes_nothing(page):
    states, controls = page
    show_chat(echo, ["Ahoy."])
    controls[0].value = "this is too long"
    assert states[-1]["text/plain"].splitlines()[-1].startswith("the last message fills 300")
    assert "this is too long" not in states[-1]["text/plain"]
    controls[0].value = "short"
    assert states[-1]["text/plain"].splitlines()[-1] == "assistant: 3: short"


def test_tags_are_text(page):
    show_chat(echo, ["<b>bold</b>"])
    assert "<b>" not in page[0][-1]["text/html"]
    assert "&lt;b&gt;bold" in page[0][-1]["text/html"]


def test_without_a_notebook_it_is_printed(capsys):
    show_chat(echo, ["Ahoy."], name="Hugo")
    assert capsys.readouterr().out == "you: Ahoy.\nHugo: 1: Ahoy.\n"


def test_without_widgets_it_asks_until_the_line_is_empty(page, monkeypatch):
    answers = iter(["Ahoy.", ""])
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    monkeypatch.setattr(builtins, "input", lambda prompt: next(answers))
    show_chat(echo)
    assert page[0][-1]["text/plain"].splitlines() == ["you: Ahoy.", "assistant: 1: Ahoy."]
    assert isinstance(ipywidgets.Text(), ipywidgets.Text)  # it is there, and was only hidden
