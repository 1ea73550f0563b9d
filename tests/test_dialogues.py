"""Conversations: what is answered is true, what the tale does not say is said to be so, and the manner shows."""

import random

import pytest

from course_utils import tales
from course_utils.tales.dialogues import ASKER, UNKNOWN, in_voice, statement
from course_utils.tales.voices import VOICES

SEEDS = range(3_000_000, 3_000_300)
TALKS = {name: [tales.dialogue(seed, voice, talk=0.5) for seed in SEEDS] for name, voice in VOICES.items()}
HUGO = TALKS["Hugo"]
ANSWERS = [turn for talk in HUGO for turn in talk if turn.question]


def test_the_same_seed_gives_the_same_conversation_and_another_seed_another():
    assert tales.dialogue(7) == tales.dialogue(7) != tales.dialogue(8)


@pytest.mark.parametrize("name", VOICES)
def test_the_two_take_turns_and_ida_begins(name):
    for talk in TALKS[name]:
        assert [turn.speaker for turn in talk] == [ASKER, name] * (len(talk) // 2)


@pytest.mark.parametrize("name", VOICES)
def test_every_answer_is_right_and_in_the_voice(name):
    answers = [turn for talk in TALKS[name] for turn in talk if turn.question]
    assert {tales.verdict(turn.text, turn.question) for turn in answers} == {"right"}
    assert {turn.question.kind for turn in answers} == {turn.question.kind for turn in ANSWERS}
    assert all(tales.in_style(turn.text, VOICES[name]) for talk in TALKS[name] for turn in talk if turn.speaker == name)


def test_the_manner_of_one_is_not_that_of_the_other_nor_plain():
    for turn in ANSWERS:
        assert not tales.in_style(turn.text, tales.CLARA)
        assert not tales.in_style(turn.question.answer, tales.HUGO)


def test_each_conversation_has_one_whole_tale_and_its_questions_are_about_it():
    for seed, talk in zip(SEEDS, HUGO, strict=True):
        tale = tales.generate(seed)
        assert sum(turn.text.endswith(tale) for turn in talk) == 1
        asked = [turn.question for turn in talk if turn.question]
        assert len(set(asked)) == len(asked)
        assert set(asked) <= set(tales.ask(tale))


def test_another_answer_of_the_same_kind_is_wrong():
    """Each answer is replaced by one that another tale has for the same form of question."""
    rng = random.Random(0)
    checked = 0
    for turn in ANSWERS:
        question = turn.question
        others = [t.question for t in ANSWERS if t.question.kind == question.kind and t.question.answered]
        other = rng.choice(others).answer
        if not question.answered or other.lower() == question.answer.lower():
            continue
        for frame in ("Aye, {}.", "{}, on my word as a pirate.", "By my hat, {}."):
            said = frame.format(statement(question, other))
            assert tales.verdict(said, question) == "wrong", (said, question)
        checked += 1
    assert checked > 300


def test_a_refusal_is_right_only_where_the_tale_does_not_say():
    for turn in ANSWERS:
        refusal = tales.HUGO.refusals[0]
        assert tales.verdict(refusal, turn.question) == ("refused" if turn.question.answered else "right")


def test_what_claims_nothing_is_unclear_and_a_claim_about_the_unknown_is_wrong():
    known = tales.Question("where is", "Where is Mara?", "at the mill", True, 1, (0,))
    unknown = known._replace(answer="The tale does not say.", answered=False)
    for question in (known, unknown):
        assert tales.verdict("Arr, a fine question.", question) == "unclear"
    assert tales.verdict("Aye, Finn is at the mill.", known) == "unclear"
    # Where there is no answer, an answer about somebody else is made up too: it isn't what was asked.
    assert tales.verdict("Aye, Mara is at the mill.", unknown) == "wrong"
    assert tales.verdict("Aye, Finn is at the mill.", unknown) == "wrong"
    absent = tales.Question("who has", "Who has the drum?", "The tale does not say.", False, 0, ())
    assert tales.verdict("Aye, Rosa has the key.", absent) == "wrong"
    assert tales.verdict("Aye, Mara is at the river.", known) == "wrong"


def test_only_refusals_say_that_the_tale_does_not_say():
    for voice in VOICES.values():
        assert all(UNKNOWN in line for line in voice.refusals)
        pairs = (*voice.openings, *voice.talk, *voice.closings)
        others = (*voice.answers, *voice.reactions, *voice.offers, *(line for pair in pairs for line in pair))
        assert not any(UNKNOWN in line for line in others)


def test_every_question_of_the_world_has_a_form():
    for seed in SEEDS:
        for question in tales.ask(tales.generate(seed)):
            said = in_voice(tales.HUGO, question, random.Random(seed))
            assert tales.verdict(said, question) == "right", (said, question)


def test_fractions_are_kept():
    answered = [turn.question.answered for turn in ANSWERS]
    assert 0.75 < sum(answered) / len(answered) < 0.85
    none = [turn.question.answered for seed in SEEDS for turn in tales.dialogue(seed, unanswerable=0) if turn.question]
    assert all(none)
    assert all(len(tales.dialogue(seed, questions=0, talk=0)) == 2 for seed in SEEDS)


@pytest.mark.parametrize(("tells", "who"), [(1, 1), (0, 0)])
def test_the_tale_is_told_by_whom_it_should_be(tells, who):
    turns = [tales.dialogue(seed, questions=0, talk=0, tells=tells)[who].text for seed in SEEDS]
    assert all(turn.endswith(tales.generate(seed)) for seed, turn in zip(SEEDS, turns, strict=True))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"questions": -1}, "questions is -1"),
        ({"talk": 1.5}, "talk is 1.5"),
        ({"unanswerable": -0.1}, "is -0.1"),
        ({"tells": 2}, "tells is 2"),
    ],
)
def test_what_no_conversation_can_have_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        tales.dialogue(0, **wrong)


def test_a_question_that_the_world_does_not_ask_is_refused():
    with pytest.raises(ValueError, match=r"tales\.ask"):
        statement(tales.Question("odd", "How are you?", "fine", True, 1, ()), "fine")
