"""The paired grammar: Spanish known by heart against its rules, what is kept back, and the kinds of mistakes."""

import random
from collections import Counter

import pytest

from course_utils.tales import spanish
from course_utils.tales.spanish import (
    ADJECTIVES,
    FORMS,
    KEPT_BACK,
    KINDS,
    PARTS,
    THINGS,
    conjugate,
    draw_sentence,
    mistakes,
    part_of,
    spanish_words,
)

SENTENCES = [draw_sentence(seed, part) for part in PARTS for seed in range(1000)]

# Known by heart, not made by the rules.
VERBS = {
    ("perder", "present"): "pierdo pierde perdemos pierden",
    ("esconder", "past"): "escondí escondió escondimos escondieron",
    ("arreglar", "past"): "arreglé arregló arreglamos arreglaron",
    ("ver", "future"): "veré verá veremos verán",
    ("traer", "past"): "traje trajo trajimos trajeron",
    ("prestar", "present"): "presto presta prestamos prestan",
    ("volver", "present"): "vuelvo vuelve volvemos vuelven",
    ("regresar", "past"): "regresé regresó regresamos regresaron",
    ("ir", "past"): "fui fue fuimos fueron",
    ("dar", "past"): "di dio dimos dieron",
}


@pytest.mark.parametrize(("verb", "tense"), VERBS)
def test_verbs_are_those_of_the_grammar_book(verb, tense):
    assert " ".join(conjugate(verb, tense, person) for person in range(4)) == VERBS[verb, tense]


PLURALS = {"llave": "llaves", "farol": "faroles", "paraguas": "paraguas", "acordeón": "acordeones", "mapa": "mapas"}


@pytest.mark.parametrize("noun", PLURALS)
def test_plurals(noun):
    assert spanish.spanish_plural(noun) == PLURALS[noun]


def test_every_sentence_is_a_sentence_in_both_languages():
    for sentence in SENTENCES:
        for text in (sentence.english, *sentence.spanish):
            assert text[0].isupper()
            assert text.endswith(".")
            assert "  " not in text
            assert " -" not in text
        assert len(set(sentence.spanish)) == len(sentence.spanish) >= 1


FEMININE = {"cometa", "linterna", "llave", "brújula", "tetera", "campana", "bufanda", "marioneta", "cesta", "flauta"}
MASCULINE = {"tambor", "farol", "mapa", "silbato", "paraguas", "títere", "acordeón", "telescopio"}


def base_of(word: str) -> str:
    return FORMS[word].word if word in FORMS else word


def test_articles_and_adjectives_agree_with_their_noun_by_an_independent_table():
    assert {noun for nouns in THINGS.values() for noun, _ in nouns} == FEMININE | MASCULINE
    endings = {"f": {"a", "as"}, "m": {"o", "os"}}
    stems = {word[:-1] for word in ADJECTIVES.values() if word.endswith("o")}
    for sentence in SENTENCES:
        for text in sentence.spanish:
            words = spanish_words(text)
            noun = next(word for word in words if base_of(word) in FEMININE | MASCULINE)
            gender = "f" if base_of(noun) in FEMININE else "m"
            for word in words:
                stem = next((stem for stem in stems if word.startswith(stem)), None)
                assert stem is None or word.removeprefix(stem) in endings[gender], text


def test_the_object_pronoun_has_the_gender_of_the_noun_before_it():
    seen = Counter()
    for sentence in SENTENCES:
        for text in sentence.spanish if sentence.english.count(".") == 2 else ():
            first, second = (part.lower().split() for part in text.split(".")[:2])
            noun = next(base_of(word) for word in first if base_of(word) in FEMININE | MASCULINE)
            gender = "f" if noun in FEMININE else "m"
            pronoun = next(word for word in second if word in ("lo", "la", "los", "las"))
            assert FORMS[pronoun].gender == gender, text
            seen[pronoun] += 1
    assert set(seen) == {"lo", "la", "los", "las"}


def test_parts_share_no_sentence_and_no_combination_that_is_kept_back_is_trained():
    parts = {part: {s.english for seed in range(2000) if (s := draw_sentence(seed, part))} for part in PARTS}
    assert not parts["train"] & parts["sentences"]
    assert not parts["train"] & parts["combinations"]
    for sentence in SENTENCES:
        assert (part_of(sentence) == "combinations") == bool(sentence.pairs & KEPT_BACK)
    # Of each word two things are kept back, of each thing a few words: nothing is never seen at all.
    assert set(Counter(word for word, _ in KEPT_BACK).values()) == {2}
    trained = {pair for seed in range(5000) for pair in draw_sentence(seed).pairs}
    words = {word for word, _ in KEPT_BACK}
    assert trained == {(word, thing) for word in words for thing in THINGS} - KEPT_BACK


def test_the_same_seed_gives_the_same_sentence():
    assert draw_sentence(7) == draw_sentence(7)
    assert len({draw_sentence(seed).english for seed in range(500)}) > 480
    with pytest.raises(ValueError, match="part is 'test'; it takes one of train, sentences, combinations"):
        draw_sentence(0, "test")


# --- mistakes ---


def test_no_right_translation_has_a_mistake():
    assert all(mistakes(text, sentence) == [] for sentence in SENTENCES for text in sentence.spanish)


SENTENCE = spanish.Sentence(
    "Mara lost the red kite. She will hide it.",
    ("Mara perdió la cometa roja. La esconderá.", "Mara perdió la cometa roja. Ella la esconderá."),
    frozenset(),
)
WRONG = {
    "Mara perdió la cometa rojo. La esconderá.": ["gender"],
    "Mara perdió el cometa roja. La esconderá.": ["gender"],
    "Mara perdió la cometa roja. Lo esconderá.": ["gender"],
    "Mara perdió la cometa rojas. La esconderá.": ["number"],
    "Mara perdió la cometas roja. La esconderá.": ["number"],
    "Mara perdió la cometa rojos. La esconderá.": ["gender", "number"],
    "Mara perdió la roja cometa. La esconderá.": ["order"],
    "Mara perdió la cometa roja. Esconderá la.": ["order"],
    "Mara pierde la cometa roja. La esconderá.": ["verb form"],
    "Mara perdió la cometa roja. La esconderé.": ["verb form"],
    "Mara perdió la campana roja. La esconderá.": ["word"],
    "Mara perdió cometa roja. La esconderá.": ["word"],
    "Mara perdió la cometa roja. No la esconderá.": ["word"],
    "Mara perdió la cometa rojo. Lo esconderán.": ["gender", "gender", "verb form"],
    "": ["word"] * 9,
}


@pytest.mark.parametrize("translation", WRONG)
def test_each_kind_of_mistake_is_told(translation):
    assert mistakes(translation, SENTENCE) == WRONG[translation]


def test_any_change_of_a_word_is_a_mistake():
    chance = random.Random(0)
    words = sorted(FORMS)
    for sentence in SENTENCES[:300]:
        right = sentence.spanish[0][:-1].split()
        place = chance.randrange(len(right))
        text = " ".join([*right[:place], chance.choice(words), *right[place + 1 :]]) + "."
        found = mistakes(text, sentence)
        assert bool(found) == (text not in sentence.spanish)
        assert set(found) <= set(KINDS)


def test_the_choice_of_a_translation_does_not_follow_from_the_sentence():
    """Half of the references are the commonest, whatever the shape of the sentence."""
    first = Counter()
    for seed in range(4000):
        sentence = draw_sentence(seed)
        if len(sentence.spanish) > 1:
            shape = sentence.english.count("."), " with " in sentence.english
            chosen = spanish.choose_translation(sentence, seed)
            first[shape, chosen == sentence.spanish[0]] += 1
            assert chosen in sentence.spanish
    for shape in {shape for shape, _ in first}:
        assert 0.5 < first[shape, True] / (first[shape, True] + first[shape, False]) < 0.85
