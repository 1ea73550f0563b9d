"""The tales themselves: the same everywhere, right by their own checker, all of the world used, grammar, entropy."""

import hashlib
import math
import re
from collections import Counter

import pytest

from course_utils import tales
from course_utils.tales import check, generate, generator
from course_utils.tales.generator import EVENT, SHAPE, Dice, Teller, Way, tell
from course_utils.tales.words import PEOPLE, PLACES, THINGS, TIMES, WEATHER

COUNT = 10_000
TALES = [generate(seed) for seed in range(COUNT)]
REPORTS = [check(tale) for tale in TALES]
WORDS = [re.findall(r"[A-Za-z]+", tale) for tale in TALES]


def test_its_own_tales_are_all_consistent():
    faults = [(s.text, s.reason) for r in REPORTS for s in r.sentences if not s.consistent]
    assert not faults
    assert all(report.consistent for report in REPORTS)


def test_the_same_seeds_give_the_same_bytes_on_every_system():
    digest = hashlib.sha256("\n".join(TALES[:1000]).encode()).hexdigest()
    assert digest == "7570fca585e80f4b3a574c51eab7edacc581b9a5dd27b657281963407ab06343"


def test_every_int_is_a_seed_of_its_own():
    seeds = [0, 1, -1, 2, -2, 10**12, -(10**12), 2**70]
    assert len({generate(seed) for seed in seeds}) == len(seeds)
    with pytest.raises(ValueError, match=r"a seed is an int, not 1\.5"):
        generate(1.5)


def test_a_tale_has_50_to_90_words_two_or_three_people_and_few_things_and_places():
    assert all(50 <= len(tale.split()) <= 90 for tale in TALES)
    for words in map(set, WORDS):
        assert len(words & PEOPLE.keys()) in (2, 3)
        assert len(words & THINGS.keys()) in (1, 2)
        assert len(words & PLACES.keys()) in (1, 2, 3)


def test_no_tale_is_told_twice():
    assert len(set(TALES)) > 0.999 * COUNT


def test_the_world_has_the_size_that_was_promised():
    assert [len(PEOPLE), len(PLACES), len(THINGS)] == [16, 10, 16]
    assert sum(person.she for person in PEOPLE.values()) == 8
    assert len(SHAPE) >= 20
    assert all(len(event.ways) >= 4 for event in EVENT.values() if not event.own)
    assert 550 <= len({word.lower() for words in WORDS for word in words}) <= 800


def test_every_shape_and_every_way_is_used(monkeypatch):
    used: set[int] = set()
    fill = Teller.fill

    def watched(self: Teller, way: Way, bound: dict[str, str]) -> str:
        used.add(id(way))
        return fill(self, way, bound)

    monkeypatch.setattr(Teller, "fill", watched)
    shapes = {tell(seed)[2] for seed in range(4000)}
    assert shapes == {shape.name for shape in SHAPE}
    ways = [way for event in EVENT.values() for group in (event.ways, *event.own.values()) for way in group]
    assert [way for way in ways if id(way) not in used] == []


def test_every_name_place_thing_weather_and_time_is_about_as_frequent_as_its_like():
    counts = Counter(word for words in WORDS for word in set(words))
    for kind in (PEOPLE, PLACES, THINGS, WEATHER, TIMES):
        numbers = [counts[word] for word in kind]
        assert max(numbers) < 1.25 * min(numbers), dict(zip(kind, numbers, strict=True))


def test_grammar_that_can_be_seen():
    for tale in TALES:
        assert not re.search(r"\b[Aa] [aeiou]|\b[Aa]n [^aeiou]|\b(\w+) \1\b(?! round)|  |[^\x20-\x7e]", tale), tale
        assert tale.count('"') % 2 == 0
        assert tale[-1] == "."
        assert not re.search(r'[.?]"? [a-z](?!\w* ?(said|asked|cried))', re.sub(r'"[^"]*"', "", tale)), tale


def test_every_sentence_begins_with_a_capital_and_ends_with_a_stop():
    for report in REPORTS[:2000]:
        for sentence in report.sentences:
            assert re.fullmatch(r'"?[A-Z].*[.?]"?', sentence.text), sentence.text


def test_pronouns_have_the_right_case():
    wrong = r"\b(to|from|with|after|about|gave|handed|lent|thanked) (he|she)\b|\b(he|she) and|\b(and|or) (he|she) have"
    for tale in TALES:
        assert not re.search(wrong, tale, re.IGNORECASE), tale


def test_the_shipped_file_is_what_the_generator_tells():
    text = (tales.DATA / "tales.txt").read_text(encoding="utf-8")
    shipped = tales.corpus()
    assert 1_000_000 <= len(text.encode()) <= 1_500_000
    assert shipped[:COUNT] == TALES[: len(shipped)]
    assert text == tales.SEPARATOR.join(shipped) + "\n"


def test_the_file_can_be_rebuilt(tmp_path):
    count = tales.write_corpus(tmp_path / "tales.txt", size=5_000)
    assert tales.corpus(tmp_path / "tales.txt") == TALES[:count]


def test_fresh_tales_are_not_in_the_shipped_file():
    fresh = list(tales.generate_many(500))
    assert tales.share_copied(fresh, tales.corpus()) == 0
    assert tales.share_copied([TALES[3], "Else."], TALES) == 0.5
    assert tales.share_copied([], TALES) == 0
    with pytest.raises(ValueError, match="a tale is a list; it takes a string"):
        check(TALES[:1])
    for texts in ((TALES[3], TALES), (TALES, TALES[3])):
        with pytest.raises(ValueError, match="it takes a list of tales"):
            tales.share_copied(*texts)
    with pytest.raises(ValueError, match="count must be 0 or more, not -1"):
        tales.generate_many(-1)


def test_an_opening_is_the_beginning_of_its_tale():
    assert TALES[7].startswith(tales.opening(7) + " ")
    assert len(check(tales.opening(7, sentences=3)).sentences) == 3
    with pytest.raises(ValueError, match="sentences must be 1 or more, not 0"):
        tales.opening(7, sentences=0)


def test_dice_count_the_probability_of_what_they_choose():
    dice = Dice(1)
    dice.choose("abcd")
    dice.choose("a")
    happens = dice.chance(0.7)
    assert dice.log_probability == pytest.approx(math.log(1 / 4) + math.log(0.7 if happens else 0.3))


def test_the_share_of_tellings_that_are_kept_is_as_stated():
    def kept(seed: int) -> bool:
        dice = Dice(seed)
        words = generator.tell_shape(dice, dice.choose(SHAPE)).count(" ") + 1
        return generator.SHORTEST <= words <= generator.LONGEST

    assert sum(map(kept, range(5000))) / 5000 == pytest.approx(generator.KEPT, abs=0.015)


class Script(Dice):
    """Dice that follow a script, and then stop at the first choice that is not in it."""

    def __init__(self, script: list[float], words: set[str]):
        self.script, self.log_probability, self.words = list(script), 0.0, words

    def choose(self, options):
        if len(options) == 1:
            return options[0]
        # Only what stands in the tale can lead to it: names of others need not be tried.
        open_ = [o for o in options if not isinstance(o, str) or o in self.words]
        self.log_probability -= math.log(len(options))
        return open_[self.step(len(open_))]

    def chance(self, p):
        happens = not self.step(2)
        self.log_probability += math.log(p if happens else 1 - p)
        return happens

    def step(self, n: int) -> int:
        if not self.script:
            raise StopIteration(n)
        return self.script.pop(0)


def derivations(tale: str) -> list[float]:
    """The logarithms of the probabilities of all ways in which the teller could have come to this tale."""
    words, found, scripts = set(re.findall(r"\w+", tale)), [], [[]]
    while scripts:
        script = scripts.pop()
        dice = Script(script, words)
        told: list[str] = []
        try:
            teller = Teller(dice)
            teller.sentences = told
            shape = dice.choose(SHAPE)
            for step in shape.steps:
                if not step.optional or dice.chance(generator.OPTIONAL):
                    for event, roles in dice.choose(step.choices):
                        teller.tell(event, roles)
            if " ".join(told) == tale:
                found.append(dice.log_probability - math.log(generator.KEPT))
        except StopIteration as stop:
            if tale.startswith(" ".join(told)):
                scripts += [[*script, i] for i in range(stop.value)]
    return found


def test_the_bound_is_tight_each_tale_has_one_derivation():
    for seed in range(50, 62):
        text, log_probability, _ = tell(seed)
        assert derivations(text) == [pytest.approx(log_probability)]


def test_the_entropy_is_the_mean_of_the_log_probabilities():
    assert tales.entropy(100, 5) == pytest.approx(-sum(map(tales.log_probability, range(5, 105))) / 100)
    assert 34 < tales.entropy(500) < 39
