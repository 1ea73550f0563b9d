"""Examining a chat model: conversations that end with a question, verdicts by kind, intervals."""

import random

import pytest
import torch

from course_utils import tales
from course_utils.answers import Answer, Marks, examination, examine, interval, judge_about, marks, style
from course_utils.gpt import GPT, GPTConfig
from course_utils.recipe import tales_tokenizer
from course_utils.tales.dialogues import in_voice


def answer(kind, answered, verdict, reply=""):
    return Answer([], tales.Question(kind, "Who has the kite?", "Mara", answered, 1, ()), reply, verdict)


def test_an_examination_ends_with_its_question_and_holds_the_tale_but_not_the_answer():
    for seed, (talk, question) in enumerate(examination(50, first_seed=600_000), start=600_000):
        tale = tales.generate(seed)
        assert talk[-1]["role"] == "user"
        assert talk[-1]["content"].lower().endswith(question.text.lower())
        assert question in tales.ask(tale)
        assert len(talk) == 3
        assert sum(tale in message["content"] for message in talk) == 1


def test_fractions_without_an_answer():
    assert not any(question.answered for _, question in examination(30, unanswerable=1))
    assert all(question.answered for _, question in examination(30, unanswerable=0))


def test_a_model_is_examined_with_the_verdict_of_its_own_reply():
    tokenizer = tales_tokenizer(600)
    torch.manual_seed(0)
    model = GPT(GPTConfig(tokenizer.vocab_size, 400, 1, 2, 16)).eval()
    asked = examination(4)
    for (talk, question), found in zip(asked, examine(model, tokenizer, asked), strict=True):
        assert (found.messages, found.question) == (talk, question)
        assert found.verdict == tales.verdict(found.reply, question)


def test_marks_by_kind_and_together():
    found = marks(
        [
            *(answer("who has", True, said) for said in ("right", "right", "wrong", "refused")),
            answer("why", True, "unclear"),
            *(answer("why", False, said) for said in ("right", "wrong")),
        ]
    )
    assert list(found) == ["who has", "why", "answerable", "not told"]
    assert found["who has"] == Marks(4, 2, 1, 1, 0)
    assert found["answerable"] == Marks(5, 2, 1, 1, 1)
    assert found["not told"] == Marks(2, 1, 1, 0, 0)
    assert found["answerable"].fraction == 0.4


def test_the_interval():
    """8 of 10 is a textbook case of this interval: 0.490 to 0.943."""
    assert [round(end, 3) for end in interval(8, 10)] == [0.490, 0.943]
    assert interval(0, 10)[0] == 0
    assert interval(10, 10)[1] == 1
    with pytest.raises(ValueError, match="11 of 10"):
        interval(11, 10)


def test_style():
    found = [answer("who has", True, "right", reply) for reply in ("Aye, Mara has the kite.", "Mara has the kite.")]
    assert style(found, tales.HUGO) == 0.5


def test_a_judge_knows_the_questions_of_its_tale_however_they_begin():
    tale = tales.generate(600_000)
    judge = judge_about(tale)
    for question in tales.ask(tale):
        for said in (question.text, f"So, {question.text[0].lower()}{question.text[1:]} "):
            reply = in_voice(tales.HUGO, question, random.Random(0))
            talk = [{"role": "user", "content": said}, {"role": "assistant", "content": reply}]
            assert judge(talk) == "right"
    assert judge([{"role": "user", "content": "How are you?"}, {"role": "assistant", "content": "Fit."}]) == ""
