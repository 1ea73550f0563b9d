"""Exercises of appendix C: recall, what a word is worth, BM25's points, and what word search can't tell apart."""

import math
from collections.abc import Sequence
from random import Random

from course_utils.exercises.engine.exercise import Exercise, Mistake, Probe

# --- C.1 ---


def recall(rankings: Sequence[Sequence[int]], wanted: Sequence[int], k: int) -> float:
    """Return the fraction of questions whose right text is among the first `k` that were found."""
    found = [right in ranking[:k] for ranking, right in zip(rankings, wanted, strict=True)]
    return sum(found) / len(found)


def recall_by_loop(rankings: Sequence[Sequence[int]], wanted: Sequence[int], k: int) -> float:
    """The same, question by question."""
    hits = 0
    for number, ranking in enumerate(rankings):
        if ranking.index(wanted[number]) < k:
            hits += 1
    return hits / len(rankings)


def searches(chance: Random) -> list[Probe]:
    """What a search found for some questions, best first, and which text is right for each."""
    probes: list[Probe] = [
        ([[4, 2, 7], [1, 3, 0]], [2, 0], 2),
        ([[5, 1, 3], [6, 2, 0]], [1, 6], 2),  # all found: only who finds nothing ever gives 0 here
    ]
    for count, k in ((3, 1), (5, 2), (6, 3), (8, 4)):
        rankings = [chance.sample(range(6), 6) for _ in range(count)]
        probes.append((rankings, [chance.randrange(6) for _ in rankings], k))
    return probes


RECALL = Exercise(
    number="C.1",
    title="Recall at k",
    name="recall",
    reference=recall,
    probes=searches,
    alternatives=[recall_by_loop],
    hints=[
        "A question counts as found if its right text is among the first k of its ranking.",
        "ranking[:k] are the first k, and `right in ranking[:k]` asks whether the right text is one of them.",
        "Count the questions that were found, and divide by how many questions there are.",
    ],
    mistakes=[
        Mistake("You look at the first text only. The first k count", "ranking[:k]", "ranking[:1]"),
        Mistake("You look at one text too few: [:k] are the first k", "ranking[:k]", "ranking[: k - 1]"),
        Mistake("You look at one text too many: [:k] are the first k", "ranking[:k]", "ranking[: k + 1]"),
        Mistake("You look at the k-th text only. The first k count", "ranking[:k]", "ranking[k - 1 : k]"),
        Mistake("The last of a ranking are the worst. The first k count", "ranking[:k]", "ranking[-k:]"),
        Mistake("You look at the whole ranking. Only the first k count", "ranking[:k]", "ranking"),
        Mistake("That's how many questions were found. Divide by how many there are", " / len(found)", ""),
        Mistake("That's the fraction of questions that were not found", "right in ranking", "right not in ranking"),
        Mistake(
            "You divide by k too. That would be the fraction of the texts found that are right, called precision",
            " / len(found)",
            " / (k * len(found))",
        ),
        Mistake(
            "Each question has a right text of its own. You accept that of any question",
            "right in ranking[:k]",
            "not set(wanted).isdisjoint(ranking[:k])",
        ),
    ],
)


# --- C.2 ---


def worth(texts: Sequence[Sequence[str]]) -> dict[str, float]:
    """Return for each word ln(N / n), where n of the N texts contain it."""
    found = {}
    for text in texts:
        for word in set(text):
            found[word] = found.get(word, 0) + 1
    return {word: math.log(len(texts) / n) for word, n in found.items()}


def worth_word_by_word(texts: Sequence[Sequence[str]]) -> dict[str, float]:
    """The same, one word after the other."""
    every = {word for text in texts for word in text}
    return {word: math.log(len(texts)) - math.log(sum(word in text for text in texts)) for word in every}


def small_libraries(chance: Random) -> list[Probe]:
    """Libraries of short texts, some with a word in every text and a word that's repeated."""
    probes: list[Probe] = [([["the", "kite"], ["the", "drum"]],), ([["a", "a", "b"], ["b"], ["a", "a"], ["c"]],)]
    for count in (3, 4, 6):
        texts = [[chance.choice("abcdef") for _ in range(chance.randrange(2, 6))] for _ in range(count)]
        probes.append(([[*text, "the", *text[:1]] for text in texts],))
    return probes


WORTH = Exercise(
    number="C.2",
    title="What a word is worth",
    name="worth",
    reference=worth,
    probes=small_libraries,
    alternatives=[worth_word_by_word],
    hints=[
        "For each word, count the texts that contain it. A text counts once, however often the word is in it.",
        "Go through set(text) and add 1 for each word. At the end, each word gets math.log(len(texts) / n).",
    ],
    mistakes=[
        Mistake("You count how often a word occurs. A text that contains it counts once", "set(text)", "text"),
        Mistake("The fraction is upside down, so rare words get the least", "len(texts) / n", "n / len(texts)"),
        Mistake("The logarithm is missing", "math.log(len(texts) / n)", "len(texts) / n"),
        Mistake(
            "That's how many texts contain the word. A word in every text should be worth 0",
            "math.log(len(texts) / n)",
            "n",
        ),
        Mistake("Divide the number of texts, not the number of different words", "len(texts) / n", "len(found) / n"),
        Mistake("That's the logarithm to base 2. We take the natural one, math.log", "math.log(", "math.log2("),
        Mistake("That's the logarithm to base 10. We take the natural one, math.log", "math.log(", "math.log10("),
        Mistake(
            "Your n is one too large for each word: count from 0, and add nothing to it",
            "found.get(word, 0)",
            "found.get(word, 1)",
        ),
        Mistake(
            "That's the fraction of texts that contain the word, and a word in every text gets the most",
            "math.log(len(texts) / n)",
            "n / len(texts)",
        ),
    ],
)


# --- C.3 ---


def points(count: int, length: int, average: float) -> float:
    """Return what a word's `count` is worth in a text: BM25 with k = 1.2 and b = 0.75, without the word's worth."""
    k, b = 1.2, 0.75
    longer = 1 - b + b * length / average
    return count * (k + 1) / (count + k * longer)


def points_in_one(count: int, length: int, average: float) -> float:
    """The same, divided by the count."""
    return 2.2 / (1 + (0.3 + 0.9 * length / average) / count)


POINTS = Exercise(
    number="C.3",
    title="Enough is enough",
    name="points",
    reference=points,
    probes=lambda chance: [
        (1, 100, 100.0),
        (3, 50, 100.0),
        *((chance.randrange(2, 9), chance.randrange(20, 300), float(chance.randrange(60, 140))) for _ in range(5)),
    ],
    alternatives=[points_in_one],
    hints=[
        "First how long the text is: 1 - b + b * length / average. In a text of average length that's 1.",
        "Then count * (k + 1) / (count + k * longer), where `longer` is that number.",
    ],
    mistakes=[
        Mistake("The length has no effect: b * length / average is missing", "b * length / average", "b"),
        Mistake("Long texts gain here. Divide the length by the average", "length / average", "average / length"),
        Mistake(
            "The length counts in full. Only b of it should: 1 - b + b * length / average, with no parentheses",
            "1 - b + b * length",
            "(1 - b + b) * length",
        ),
        Mistake("1 - b is missing: in a text of average length, `longer` should be 1", "1 - b + b", "b"),
        Mistake("A first occurrence in an average text should give 1: multiply by k + 1", "count * (k + 1)", "count"),
        Mistake("Repetitions count fully: divide by count + k * longer", "(count + k * longer)", "(1 + k * longer)"),
        Mistake("The length belongs to k, not to the count", "count + k * longer", "count * longer + k"),
        Mistake("k is missing below the line: without it, every count gives the same", "k * longer", "longer"),
        Mistake(
            "Parentheses: first count + k * longer, then divide",
            "/ (count + k * longer)",
            "/ count + k * longer",
        ),
        Mistake("k and b are exchanged: k is 1.2 and b is 0.75", "k, b = 1.2, 0.75", "k, b = 0.75, 1.2"),
    ],
)


# --- C.4 ---

SAME_POINTS = Exercise(
    number="C.4",
    title="What can't it tell apart?",
    name="same_points",
    reference=["a", "c"],
    hints=[
        "Word search sees which words occur, and how often. What doesn't it see?",
        "Write the words of each sentence in alphabetical order. Which are the same list as the first sentence's?",
    ],
    mistakes=[
        Mistake("c means nothing, but it has the same words, each as often", answer=["a"]),
        Mistake("a means the opposite, but it has the same words, each as often", answer=["c"]),
        Mistake("b is near in meaning, but it says `gave`, and `lent` and `to` are missing", answer=["b"]),
        Mistake("a and c do. b is near in meaning, but word search doesn't know that", answer=["a", "b", "c"]),
        Mistake("Some do: word search doesn't see the order of the words", answer=[]),
        Mistake("a does, but b says `gave` where the question says `lent`", answer=["a", "b"]),
        Mistake("c does, but b says `gave` where the question says `lent`", answer=["b", "c"]),
        Mistake("d has other words: a drum isn't a telescope", answer=["d"]),
    ],
)

EXERCISES = [RECALL, WORTH, POINTS, SAME_POINTS]
