"""Tales with questions: three in ten, of unseen tales, judged by kind."""

import torch

from course_utils import tales
from course_utils.experiments import questions
from course_utils.experiments.questions import ASSISTANT, USER, QuestionedTales, UntoldToo, answers, rows_by_kind
from course_utils.recipe import SMALL, small_gpt, tales_tokenizer
from course_utils.tales import Question


def test_three_tales_in_ten_end_with_a_true_answer():
    data = QuestionedTales(tales_tokenizer(300), 4, 60)
    texts = [data.text(number) for number in range(40)]
    asked = [text for text in texts if USER in text]
    assert len(asked) == 12
    for text in asked:
        tale, rest = text.split(USER)
        question, answer = rest.removesuffix("<|end|>").split(ASSISTANT)
        assert answer in {q.answer for q in tales.ask(tale) if q.text == question}
    assert len({text.split(USER)[1].split()[0] for text in asked}) > 1  # questions of several kinds


def test_what_a_tale_does_not_tell_is_asked_only_on_request():
    tokenizer = tales_tokenizer(300)
    for data, kinds in ((QuestionedTales, {True}), (UntoldToo, {True, False})):
        asked = [q for seed in range(20) for q in data(tokenizer, 4, 60).ask(tales.generate(seed))]
        assert {question.answered for question in asked} == kinds


def test_an_answer_ends_where_the_model_says_so(monkeypatch):
    tokenizer = tales_tokenizer(300)
    stop = tokenizer.special_tokens["<|end|>"]
    told = [[*tokenizer.encode("at the mill"), stop], tokenizer.encode("Mara")]
    monkeypatch.setattr(questions, "generate", lambda *anything, **more: told)
    torch.manual_seed(0)
    model = small_gpt(tokenizer, SMALL)
    assert answers(model, tokenizer, [("A tale.", "Where is Mara?"), ("A tale.", "Who?")]) == ["at the mill", "Mara"]


def test_shares_are_counted_by_kind_beside_the_commonest_answer():
    asked = [Question("who has", "?", answer, True, 1, ()) for answer in ("Mara", "Mara", "Tom", "Ida")]
    asked += [Question("where is", "?", "Nobody knows.", False, 0, ()), Question("order", "?", "Tom", True, 2, ())]
    rows = rows_by_kind(asked, [True, False, True, True, True, False])
    assert rows[1:] == [
        ("where is, not told", 0, 1, "100.0%", "100.0%"),
        ("who has", 1, 4, "75.0%", "50.0%"),
        ("order", 2, 1, "0.0%", "100.0%"),
        ("all of one step", 1, 4, "75.0%", "50.0%"),
    ]
