"""Questions against answers found by reading, traces against positions, categories against the words of the tales."""

import re
from collections import Counter
from itertools import pairwise

import pytest

from course_utils.tales import ask, check, generate, lexicon, trace
from course_utils.tales.questions import NOT_TOLD
from course_utils.tales.words import PEOPLE, PLACES, THINGS

TALE = (
    "On a rainy morning, Mara was in the orchard with her painted drum. Tom was there too. "
    '"Today is my birthday," he said. Mara gave him the drum as a birthday present. '
    '"Thank you, Mara," said Tom. Tom went to the mill. Tom beat the drum until a dog joined in. '
    "Tom named the drum after Mara."
)
ANSWERS = {
    "Where is Mara?": ("in the orchard", 1),
    "Where is Tom?": ("at the mill", 1),
    "Who has the drum?": ("Tom", 1),
    "Where is the drum?": ("at the mill", 2),
    "Who gave the drum to Tom?": ("Mara", 1),
    "To whom did Mara give the drum?": ("Tom", 1),
    "Why did Mara give the drum to Tom?": ("because it was Tom's birthday", 1),
    'Who said "Today is my birthday"?': ("Tom", 1),
    'Who said "Thank you, Mara"?': ("Tom", 1),
    "Where was Tom before going to the mill?": ("in the orchard", 2),
    "Who had the drum before Tom?": ("Mara", 2),
}


def test_answers_are_those_that_a_reader_gives():
    told = {q.text: (q.answer, q.steps) for q in ask(TALE) if q.answered}
    assert told == ANSWERS


def test_the_evidence_of_an_answer_is_the_sentences_that_give_it():
    evidence = {q.text: q.sentences for q in ask(TALE)}
    assert evidence["Where is the drum?"] == (3, 5)
    assert evidence["Where is Mara?"] == (0,)
    assert evidence['Who said "Today is my birthday"?'] == (2,)


def test_what_a_tale_does_not_answer_is_marked_so():
    for seed in range(200):
        tale = generate(seed)
        questions = [q for q in ask(tale) if not q.answered]
        assert {q.kind for q in questions} == {"where is", "who has", "why"}
        for q in questions:
            assert (q.answer, q.steps, q.sentences) == (NOT_TOLD, 0, ())
            strangers = [w for w in re.findall(r"\w+", q.text) if w in PEOPLE or w in THINGS]
            assert any(word not in tale for word in strangers)


def test_every_kind_is_asked_and_no_question_twice():
    kinds: Counter[str] = Counter()
    for seed in range(300):
        questions = ask(generate(seed))
        assert len({q.text for q in questions}) == len(questions)
        kinds.update(q.kind for q in questions if q.answered)
    wanted = {"where is", "who has", "where is the thing", "who gave", "why", "who spoke", "order"}
    assert set(kinds) == wanted
    assert min(kinds.values()) >= 100


def test_answers_name_what_stands_in_the_sentences_they_rest_on():
    for seed in range(300):
        tale = generate(seed)
        sentences = [s.text for s in check(tale).sentences]
        for q in ask(tale):
            if q.kind in ("who has", "where is") and q.answered:
                name = q.answer.split()[-1]
                before = " ".join(sentences[: q.sentences[-1] + 1])
                assert name in before


def test_what_could_be_answered_in_two_ways_is_not_asked():
    walks = "Mara went to the river. Mara went to the station. Mara went to the river. "
    tale = (
        f"One hot morning, Mara was at the mill. {walks}Tom was there too. Mara and Tom have been friends ever since."
    )
    before = [q.text for q in ask(tale) if q.kind == "order"]
    assert before == ["Where was Mara before going to the station?"]


def test_only_a_consistent_tale_can_be_asked_about():
    with pytest.raises(ValueError, match="ask needs a tale that is consistent"):
        ask(TALE.replace("Tom went to the mill", "Tom went to the orchard"))


def test_a_trace_says_who_is_where_and_who_has_what_after_each_sentence():
    moments = trace(TALE)
    assert [TALE[m.start : m.end] for m in moments] == [s.text for s in check(TALE).sentences]
    assert moments[0].where == {"Mara": "orchard"}
    assert moments[2].holds == {"drum": "Mara"}
    assert moments[3].holds == {"drum": "Tom"}
    assert moments[5].where == {"Mara": "orchard", "Tom": "mill"}


def test_a_thing_that_lies_somewhere_is_held_by_the_place():
    tale = "On a hot morning, Ben was by the river with his red kite. He forgot the kite under the willow."
    assert [m.holds["kite"] for m in trace(tale)] == ["Ben", "river"]
    assert trace("") == []


def test_a_trace_follows_the_events_from_nobody_to_everybody():
    for seed in range(300):
        moments = trace(generate(seed))
        assert len(moments[0].where) == 1
        assert len(moments[-1].where) in (2, 3)
        assert all(set(a.where) <= set(b.where) for a, b in pairwise(moments))
        assert all(place in PLACES for m in moments for place in m.where.values())


def test_the_lexicon_knows_every_word_of_the_tales():
    words = lexicon()
    used = {w for seed in range(3000) for w in re.findall(r"[A-Za-z]+", generate(seed))} - {"s"}
    assert used <= words.keys()
    assert len(words.keys() - used) < 5


def test_the_lexicon_tells_words_apart():
    words = lexicon()
    pairs = {"Mara": "name she", "Tom": "name he", "She": "pronoun she", "him": "pronoun he", "kite": "thing"}
    pairs |= {"mill": "place", "red": "adjective of a thing", "rainy": "weather", "evening": "time of day"}
    pairs |= {"gave": "verb of giving", "hurried": "verb of movement", "sad": "feeling sad", "happy": "feeling glad"}
    assert {word: words[word] for word in pairs} == pairs
    assert Counter(words.values())["other"] < 0.3 * len(words)
