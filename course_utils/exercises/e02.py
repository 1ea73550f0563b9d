"""Exercises of notebook 02: pairs, merges, ties, training, cutting, encoding by rank, decoding, and sizes."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from random import Random

from course_utils import bpe
from course_utils.bpe import count_pairs, merge
from course_utils.exercises.engine.exercise import Exercise, Mistake, Probe

Pair = tuple[int, int]


def few_ids(chance: Random, count: int, kinds: int = 3) -> list[int]:
    """Ids of a few kinds only, so that pairs repeat."""
    return [97 + chance.randrange(kinds) for _ in range(count)]


# --- 02.1 ---

FIRST_PAIR = Exercise(
    number="02.1",
    title="The first pair, by hand",
    name="pair, count",
    reference=((97, 97), 4),
    hints=[
        "aaa holds the pair (a, a) twice: at its first and at its second letter.",
        "Go along the eleven letters, two at a time.",
    ],
    mistakes=[
        Mistake("Pairs may overlap while they are counted: aaa holds (a, a) twice", answer=((97, 97), 2)),
        Mistake("The pair and its count are right; give the two bytes as numbers", answer=(("a", "a"), 4)),
        Mistake(
            "The letters and their count are right; give the pair as two numbers, such as (98, 100)", answer=("aa", 4)
        ),
        Mistake(
            "The letters are right. Pairs may overlap while they are counted: aaa holds the pair twice. And give the "
            "two bytes as numbers",
            answer=(("a", "a"), 2),
        ),
        Mistake(
            "The letters are right. Pairs may overlap while they are counted: aaa holds aa twice. And give the pair as "
            "two numbers, such as (98, 100)",
            answer=("aa", 2),
        ),
        Mistake("(a, b) occurs twice; (a, a) occurs more often", answer=((97, 98), 2)),
        Mistake(
            "The pair is right. Count again: each aaa holds it twice, and there are two of them", answer=((97, 97), 3)
        ),
    ],
)


# --- 02.2 ---


def count_by_places(ids: Sequence[int]) -> dict[Pair, int]:
    """The same as `count_pairs`, place by place."""
    counts: dict[Pair, int] = {}
    for place in range(len(ids) - 1):
        pair = (ids[place], ids[place + 1])
        counts[pair] = counts.get(pair, 0) + 1
    return counts


def count_apart(ids: Sequence[int]) -> dict[Pair, int]:
    """The mistake of counting pairs of equal tokens only where they share none."""
    counts, place, last = {}, 0, -2
    for place, pair in enumerate(pairwise(ids)):
        if last == place - 1 and pair == (ids[place - 1], ids[place]):
            continue
        counts[pair] = counts.get(pair, 0) + 1
        last = place
    return counts


COUNT_PAIRS = Exercise(
    number="02.2",
    title="Count pairs",
    name="count_pairs",
    reference=count_by_places,
    probes=lambda chance: [
        ([1, 2, 3, 1, 2],),
        ([5, 5, 5],),
        ([7],),
        (few_ids(chance, 6),),
        (few_ids(chance, 12, 2),),
        ([],),
    ],
    alternatives=[bpe.count_pairs, lambda ids: dict(Counter(pairwise(ids)))],
    hints=[
        "A list of n tokens has n - 1 pairs of neighbours.",
        "The pair that begins at position i is (ids[i], ids[i + 1]).",
        "counts.get(pair, 0) is 0 for a pair that you haven't met yet.",
    ],
    mistakes=[
        Mistake(
            "The last token has no neighbour on its right: it makes no pair with the first",
            "range(len(ids) - 1):\n        pair = (ids[place], ids[place + 1])",
            "range(len(ids)):\n        pair = (ids[place], ids[(place + 1) % len(ids)])",
        ),
        Mistake(
            "You step over pairs that overlap: in [5, 5, 5] there are two",
            "range(len(ids) - 1)",
            "range(0, len(ids) - 1, 2)",
        ),
        Mistake(
            "You skip a pair that overlaps with the one before, as merging does. When you count, aaa holds two",
            answer=count_apart,
        ),
        Mistake(
            "The last token has no neighbour on its right: stop one earlier, at len(ids) - 1",
            "range(len(ids) - 1)",
            "range(len(ids))",
        ),
        Mistake("The last pair is missing", "range(len(ids) - 1)", "range(len(ids) - 2)"),
        Mistake(
            "(1, 2) and (2, 1) are two different pairs: keep their order",
            "pair = (ids[place], ids[place + 1])",
            "pair = tuple(sorted((ids[place], ids[place + 1])))",
        ),
        Mistake("Each pair is counted only once: add one each time you meet it", "counts.get(pair, 0) + 1", "1"),
        Mistake(
            "Every count is one too low: a pair that you meet for the first time counts 1, not 0",
            "counts.get(pair, 0)",
            "counts.get(pair, -1)",
        ),
        Mistake("You count single tokens: a pair is two neighbours", answer=lambda ids: dict(Counter(ids))),
    ],
)


# --- 02.3 ---


def merge_by_loop(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    """The same as `merge`, step by step."""
    merged, place = [], 0
    while place < len(ids):
        if place < len(ids) - 1 and (ids[place], ids[place + 1]) == pair:
            merged.append(new_id)
            place += 2
        else:
            merged.append(ids[place])
            place += 1
    return merged


def as_text(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    """The mistake of putting the pair's first token in the place of the pair."""
    text = "".join(map(chr, ids)).replace(chr(pair[0]) + chr(pair[1]), chr(pair[0]))
    return [ord(letter) for letter in text]


def overlapping(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    """The mistake of merging pairs that share a token."""
    found = [tuple(ids[i : i + 2]) == pair for i in range(len(ids))]
    used = [hit or (i > 0 and found[i - 1]) for i, hit in enumerate(found)]
    return [new_id if found[i] else ids[i] for i in range(len(ids)) if found[i] or not used[i]]


def from_the_right(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    """The mistake of merging from right to left."""
    return merge_by_loop(list(ids)[::-1], pair[::-1], new_id)[::-1]


def without_steps(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    """Two mistakes of a loop over all neighbours: it skips no second half, and never comes to the last token."""
    return [new_id if (left, right) == pair else left for left, right in pairwise(ids)]


def by_spelling(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    """The mistake of looking for the pair in a text of digits."""
    text = ",".join(map(str, ids)).replace(f"{pair[0]},{pair[1]}", str(new_id))
    return [int(number) for number in text.split(",")]


def between_commas(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    """The same mistake, mended by half: a comma belongs to two numbers, and only one of two neighbours gets it."""
    text = f",{','.join(map(str, ids))},".replace(f",{pair[0]},{pair[1]},", f",{new_id},")
    return [int(number) for number in text.strip(",").split(",")]


def to_merge(chance: Random) -> list[Probe]:
    """Lists in which the pair overlaps itself, stands at the end, does not occur, and only seems to, as in 11, 2."""
    return [
        ([1, 2, 3, 1, 2], (1, 2), 4),
        ([5, 5, 5], (5, 5), 9),
        ([97, 97, 97, 98, 100, 97, 97, 97, 98, 97, 99], (97, 97), 666),
        (few_ids(chance, 9, 2), (97, 98), 256),
        ([98, *[97] * chance.choice((3, 5)), 98], (97, 97), 257),
        ([1, 2, 3], (2, 1), 7),
        ([2, 1, 2, 1], (1, 2), 7),
        ([1, 2, 1, 2], (1, 2), 7),
        ([11, 2, 1, 23, 1, 2], (1, 2), 7),
        ([7, 31, 20, 1, 2, 1, 2, 9], (1, 2), 70 + chance.randrange(9)),
    ]


MERGE = Exercise(
    number="02.3",
    title="Merge a pair",
    name="merge",
    reference=merge_by_loop,
    probes=to_merge,
    alternatives=[bpe.merge],
    hints=[
        "Walk from left to right with a while loop and an index of your own, since a merge uses up two tokens.",
        "At each position: are this token and the next one the pair? Then append new_id and go on by 2.",
        "Otherwise append the token itself and go on by 1. Mind the last token, which has no next one.",
    ],
    mistakes=[
        Mistake(
            "Overlapping pairs are merged twice: in aaa the middle a is used up by the first merge, so aa + a is left",
            answer=overlapping,
        ),
        Mistake(
            "The second half of a merged pair is still there: go on by 2 after a merge",
            "place += 2",
            "place += 1",
        ),
        Mistake(
            "You merge from right to left: aaa becomes a + aa. The rule is from left to right, aa + a",
            answer=from_the_right,
        ),
        Mistake(
            "Only the first occurrence is merged: go on to the end",
            "(ids[place], ids[place + 1]) == pair",
            "(ids[place], ids[place + 1]) == pair and new_id not in merged",
        ),
        Mistake("The pair is gone, and nothing replaces it: append new_id", "merged.append(new_id)", "pass"),
        Mistake(
            "You merge a pair in either order: (b, a) isn't (a, b)",
            "(ids[place], ids[place + 1]) == pair",
            "(ids[place], ids[place + 1]) in (pair, pair[::-1])",
        ),
        Mistake(
            "The last token is lost when no pair ends there: go on while there is a token",
            "while place < len(ids):",
            "while place < len(ids) - 1:",
        ),
        Mistake("The pair became its first token: it becomes new_id", answer=as_text),
        Mistake(
            "You look for the pair in a text of digits, where 11, 23 holds 1, 2 as well. Compare the numbers",
            answer=by_spelling,
        ),
        Mistake(
            "In your text two pairs side by side share a comma, and only the first is replaced. Compare the numbers "
            "themselves, position by position",
            answer=between_commas,
        ),
        Mistake(
            "The last token has no next one: look whether there is one before you compare",
            "place < len(ids) - 1 and ",
            "",
        ),
        Mistake(
            "The second half of a merged pair is still there, and the last token is lost: go on by 2 after a merge, "
            "and go on while there is a token",
            answer=without_steps,
        ),
        Mistake(
            "Nothing is merged. Do you compare a slice with the pair? A slice of a list is a list and never equals a "
            "tuple: write tuple(ids[i : i + 2]) == pair",
            answer=lambda ids, pair, new_id: list(ids),
        ),
    ],
)


# --- 02.4 ---


def best_pair(counts: Mapping[Pair, int], tokens: Sequence[bytes]) -> Pair:
    """Return the most frequent pair; of equals the one whose bytes sort last. `tokens[i]` are the bytes of id i."""
    return max(counts, key=lambda pair: (counts[pair], tokens[pair[0]], tokens[pair[1]]))


def best_pair_by_sorting(counts: Mapping[Pair, int], tokens: Sequence[bytes]) -> Pair:
    """The same in two steps."""
    most = max(counts.values())
    return sorted((tokens[a], tokens[b], (a, b)) for (a, b), count in counts.items() if count == most)[-1][-1]


def ties(chance: Random) -> list[Probe]:
    """Counts with ties, in which bytes, ids and the order of appearance disagree."""
    tokens = [b"a", b"b", b"c", b"aa", b"ab", b"B"]
    probes = [
        {(3, 0): 2, (0, 1): 2},
        {(0, 1): 2, (3, 0): 2},
        {(1, 2): 3, (2, 1): 3, (5, 0): 3},
        {(4, 1): 1, (5, 2): 2, (0, 2): 2},
        {(0, 5): 4, (0, 2): 4, (3, 2): 1},
        {(1, 0): 2, (1, 2): 2},
        {(1, 2): 2, (1, 0): 2},
    ]
    for _ in range(3):
        pairs = {(chance.randrange(6), chance.randrange(6)) for _ in range(6)}
        probes.append({pair: chance.choice((2, 3)) for pair in sorted(pairs, key=lambda _: chance.random())})
    return [(counts, tokens) for counts in probes]


BEST_PAIR = Exercise(
    number="02.4",
    title="Which pair is next?",
    name="best_pair",
    reference=best_pair,
    probes=ties,
    alternatives=[best_pair_by_sorting],
    hints=[
        "max(counts, key=...) returns the pair for which the key is largest.",
        "A key may be a tuple: what comes first decides, what follows breaks ties.",
        "The key is (counts[pair], bytes of the left token, bytes of the right token).",
    ],
    mistakes=[
        Mistake(
            "With a tie you take the pair that was met first. Then the result depends on the order of the text: "
            "take the one whose bytes sort last",
            "(counts[pair], tokens[pair[0]], tokens[pair[1]])",
            "counts[pair]",
        ),
        Mistake(
            "With a tie you compare ids. They say when a token was made, not what it is: compare the bytes",
            "(counts[pair], tokens[pair[0]], tokens[pair[1]])",
            "(counts[pair], pair)",
        ),
        Mistake(
            "With a tie you compare the bytes of both tokens together. The rule goes token by token: (aa, a) beats "
            "(a, b), because aa sorts after a",
            "tokens[pair[0]], tokens[pair[1]])",
            "tokens[pair[0]] + tokens[pair[1]])",
        ),
        Mistake(
            "With a tie you take the pair whose bytes sort first; the rule is the last",
            answer=lambda counts, tokens: min(
                counts, key=lambda pair: (-counts[pair], tokens[pair[0]], tokens[pair[1]])
            ),
        ),
        Mistake(
            "With a tie you compare the left tokens only: where they are equal too, the right one decides",
            "tokens[pair[0]], tokens[pair[1]])",
            "tokens[pair[0]])",
        ),
        Mistake(
            "With a tie you take the pair that was met last. Then the result depends on the order of the text",
            answer=lambda counts, tokens: max(reversed(list(counts)), key=counts.get),
        ),
        Mistake(
            "With a tie you compare the right tokens first. The left ones decide; where they are equal, the right ones",
            "tokens[pair[0]], tokens[pair[1]])",
            "tokens[pair[1]], tokens[pair[0]])",
        ),
        Mistake(
            "You compare the bytes first, so a rare pair may win. The count decides; the bytes only settle ties",
            "(counts[pair], tokens[pair[0]], tokens[pair[1]])",
            "(tokens[pair[0]], tokens[pair[1]], counts[pair])",
        ),
        Mistake(
            "You take the rarest pair: the most frequent one comes first",
            "(counts[pair], tokens",
            "(-counts[pair], tokens",
        ),
    ],
)


# --- 02.5 ---


def train(ids: Sequence[int], n_merges: int) -> list[Pair]:
    """Return the pairs that training merges, in their order; new ids begin at 256."""
    tokens = [bytes([i]) for i in range(256)]
    merges = []
    for new_id in range(256, 256 + n_merges):
        counts = count_pairs(ids)
        if not counts:
            break
        pair = max(counts, key=lambda p: (counts[p], tokens[p[0]], tokens[p[1]]))
        ids = merge(ids, pair, new_id)
        tokens.append(tokens[pair[0]] + tokens[pair[1]])
        merges.append(pair)
    return merges


def train_by_steps(ids: Sequence[int], n_merges: int) -> list[Pair]:
    """The same, step by step, with the package's functions at hand but its own search for the best pair."""
    tokens = {i: bytes([i]) for i in range(256)}
    merges: list[Pair] = []
    while len(ids) > 1 and len(merges) < n_merges:
        counts = Counter(pairwise(ids))
        most = max(counts.values())
        pair = sorted((tokens[a], tokens[b], (a, b)) for a, b in counts if counts[a, b] == most)[-1][2]
        tokens[256 + len(merges)] = tokens[pair[0]] + tokens[pair[1]]
        ids = merge(ids, pair, 256 + len(merges))
        merges.append(pair)
    return merges


def to_train_on(chance: Random) -> list[Probe]:
    """Short texts with many ties; the second ends before all merges are made, the third before the first."""
    probes: list[Probe] = [([97, 97, 97, 98, 100, 97, 97, 97, 98, 97, 99], 2), ([97, 98, 97, 98], 9), ([97], 3)]
    return probes + [(few_ids(chance, count), n_merges) for count, n_merges in ((12, 3), (20, 4), (30, 6), (40, 8))]


NEXT_PAIR = "max(counts, key=lambda p: (counts[p], tokens[p[0]], tokens[p[1]]))"
TRAIN = Exercise(
    number="02.5",
    title="The training loop",
    name="train",
    reference=train,
    probes=to_train_on,
    alternatives=[train_by_steps],
    hints=[
        "Each round: count the pairs, choose one, merge it everywhere, note it. count_pairs and merge are above.",
        "The pair is best_pair(counts, tokens), and the new id is len(tokens).",
        "After each merge, append tokens[pair[0]] + tokens[pair[1]] to tokens. It's needed for ties.",
        "If counts is empty, no pair is left: stop.",
    ],
    mistakes=[
        Mistake(
            "A tie goes to the pair whose bytes sort last. You take the one that came up first",
            NEXT_PAIR,
            "max(counts, key=counts.get)",
        ),
        Mistake(
            "You settle ties by the ids. Compare the bytes: 256 is above 98, but b'aa' sorts before b'b'",
            NEXT_PAIR,
            "max(counts, key=lambda p: (counts[p], p))",
        ),
        Mistake(
            "A tie goes to the pair whose bytes sort last. You take the first",
            NEXT_PAIR,
            "min(counts, key=lambda p: (-counts[p], tokens[p[0]], tokens[p[1]]))",
        ),
        Mistake(
            "You choose the rarest pair: take the one that occurs most often",
            NEXT_PAIR,
            "min(counts, key=lambda p: (counts[p], tokens[p[0]], tokens[p[1]]))",
        ),
        Mistake(
            "The next round finds the same pair again. Keep what merge returns, ids = merge(…), and count the pairs "
            "anew in each round",
            "ids = merge(ids, pair, new_id)",
            "merge(ids, pair, new_id)",
        ),
        Mistake(
            "Your first new id is 257. The bytes take 0 to 255, so it's 256",
            "range(256)]\n    merges = []\n    for new_id in range(256, 256 + n_merges)",
            'range(256)] + [b""]\n    merges = []\n    for new_id in range(257, 257 + n_merges)',
        ),
        Mistake(
            "A merged id has no bytes in tokens. After each merge, append tokens[pair[0]] + tokens[pair[1]]; the new "
            "id is the place where they stand, from 256 on",
            "        tokens.append(tokens[pair[0]] + tokens[pair[1]])\n",
            "",
        ),
        Mistake(
            "Where no pair is left, there's none to choose: stop when counts is empty",
            "        if not counts:\n            break\n",
            "",
        ),
        Mistake("You make one merge too few", "256 + n_merges)", "255 + n_merges)"),
        Mistake("You make one merge too many", "256 + n_merges)", "257 + n_merges)"),
        Mistake(
            "You stop when no pair occurs twice. Training goes on until it has n_merges, or no pair at all is left",
            "if not counts:",
            "if not counts or max(counts.values()) < 2:",
        ),
        Mistake(
            "You count once, at the start. Every merge makes new pairs, so count again in each round",
            answer=lambda ids, n_merges: [
                pair for pair, _ in sorted(count_pairs(ids).items(), key=lambda item: item[1], reverse=True)[:n_merges]
            ],
        ),
        Mistake("Those are the ids that are left. Return the pairs you merged", "return merges", "return list(ids)"),
        Mistake(
            "Those are the new tokens. Return the pairs of ids you merged",
            "return merges",
            "return tokens[256:]",
        ),
    ],
)


# --- 02.6 ---


def cut(text: str) -> list[str]:
    """Return the pieces of a text: letters with the blank before them, any other character on its own."""
    return re.findall(r" ?[A-Za-z]+|[^A-Za-z]", text)


def cut_by_loop(text: str) -> list[str]:
    """The same, letter by letter."""
    pieces: list[str] = []
    for letter in text:
        follows = bool(pieces) and pieces[-1].isascii()
        is_letter = letter.isascii() and letter.isalpha()
        if is_letter and follows and (pieces[-1] == " " or pieces[-1].strip().isalpha()):
            pieces[-1] += letter
        else:
            pieces.append(letter)
    return pieces


def to_cut(chance: Random) -> list[Probe]:
    """Short texts with blanks, line ends and marks in many orders."""
    probes: list[Probe] = [("a cat",), ("dog. dog!",), ("Oh,  no 22",), ("if x:\n    go",), ("Oh\nno\nAh",)]
    probes += [("its_name [x]^2",), ("é Zoë, café",)]
    return probes + [("".join(chance.choice("abC  .,!7\n\n_é") for _ in range(count)),) for count in (8, 14, 20, 30)]


CUT = Exercise(
    number="02.6",
    title="First cut, then merge",
    name="cut",
    reference=cut,
    probes=to_cut,
    alternatives=[cut_by_loop],
    hints=[
        "re.findall(pattern, text) returns all pieces that fit, from left to right. Alternatives stand between |.",
        "One or more letters are [A-Za-z]+. A space that may be missing is ' ?', with a question mark.",
        'The other alternative is any character that\'s no letter: [^A-Za-z]. So: r" ?[A-Za-z]+|[^A-Za-z]"',
    ],
    mistakes=[
        Mistake(
            "A space belongs to the word after it. Yours goes with the word before", " ?[A-Za-z]+|", "[A-Za-z]+ ?|"
        ),
        Mistake("Your spaces are pieces. One before a word belongs to it", " ?[A-Za-z]+|", "[A-Za-z]+|"),
        Mistake("Only words are left. Keep everything else too: marks, digits, spaces and line ends", "|[^A-Za-z]", ""),
        Mistake("White space gets lost", "|[^A-Za-z]", r"|[^A-Za-z\s]"),
        Mistake("You take all spaces before a word. One belongs to it, and the others are pieces", " ?[A", " *[A"),
        Mistake(
            "You join marks, digits and spaces that are side by side. Each is a piece of its own",
            "|[^A-Za-z]",
            "|[^A-Za-z]+",
        ),
        Mistake("Line ends get lost: a dot in a pattern fits anything but them", "|[^A-Za-z]", "|."),
        Mistake(
            "In yours, any white space joins the word. Only a space does, and a line end is a piece", " ?[A", r"\s?[A"
        ),
        Mistake(
            "That's the text cut at white space. Marks are pieces too, and a space belongs to the word after it",
            answer=lambda text: text.split(),
        ),
        Mistake("In yours, each letter is a piece: take as many as there are, with a +", "[A-Za-z]+|", "[A-Za-z]|"),
        Mistake(
            "From A to z there are six marks as well, [ \\ ] ^ _ and `. Write [A-Za-z]",
            " ?[A-Za-z]+|[^A-Za-z]",
            " ?[A-z]+|[^A-z]",
        ),
        Mistake(
            "Letters are a to z and A to Z here. In yours é is one too, as isalpha has it",
            " ?[A-Za-z]+|[^A-Za-z]",
            r" ?[^\W\d_]+|[\W\d_]",
        ),
        Mistake(
            r"\w stands for digits, for the underscore and for é too. Letters are a to z and A to Z here: [A-Za-z]",
            " ?[A-Za-z]+|[^A-Za-z]",
            r" ?\w+|\W",
        ),
        Mistake("Capital letters are letters too", " ?[A-Za-z]+|[^A-Za-z]", " ?[a-z]+|[^a-z]"),
        Mistake("A space before a mark is a piece of its own. It joins letters only", "|[^A-Za-z]", "| ?[^A-Za-z]"),
    ],
)


# --- 02.7 ---


def encode_piece(piece: bytes, ranks: Mapping[bytes, int]) -> list[int]:
    """Return the ids of a piece: bytes, of which the pair with the lowest rank merges, again and again."""
    parts = [bytes([byte]) for byte in piece]
    while True:
        found = [(ranks[a + b], place) for place, (a, b) in enumerate(pairwise(parts)) if a + b in ranks]
        if not found:
            return [ranks[part] for part in parts]
        _, place = min(found)
        parts[place : place + 2] = [parts[place] + parts[place + 1]]


def longest_first(piece: bytes, ranks: Mapping[bytes, int]) -> list[int]:
    """The mistake of taking the longest token that fits, from the left."""
    ids, start = [], 0
    while start < len(piece):
        end = next(end for end in range(len(piece), start, -1) if piece[start:end] in ranks)
        ids.append(ranks[piece[start:end]])
        start = end
    return ids


# Merges in the order of their ranks; the order matters for the pieces below.
LEARNED = [b"bc", b"ab", b"cd", b"abab", b"bcd", b"aa", b"aab", b"dd", b"bcbc", b"abcbc", b"ba"]
RANKS = {bytes([97 + i]): i for i in range(4)} | {token: 4 + i for i, token in enumerate(LEARNED)}


def pieces_to_encode(chance: Random) -> list[Probe]:
    """Pieces in which the lowest rank is neither the leftmost nor the longest; then other orders of learning."""
    fixed = [b"ab", b"ca", b"abc", b"aaa", b"abcd", b"aab", b"ababab", b"ababcd", b"aabcdd", b"abcbc", b"dabcbc"]
    drawn = [bytes(97 + chance.randrange(4) for _ in range(length)) for length in (5, 7, 9, 11)]
    probes: list[Probe] = [(piece, RANKS) for piece in fixed + drawn]
    for piece in drawn:
        learned = chance.sample(range(4, 4 + len(LEARNED)), len(LEARNED))
        probes.append((piece, RANKS | dict(zip(LEARNED, learned, strict=True))))
    return probes


ENCODE_PIECE = Exercise(
    number="02.7",
    title="Encode by rank",
    name="encode_piece",
    reference=encode_piece,
    probes=pieces_to_encode,
    alternatives=[lambda piece, ranks: encode_piece(bytes(piece), dict(ranks))],
    hints=[
        "Begin with one part for each byte: [bytes([byte]) for byte in piece].",
        "Look at all neighbours whose bytes together are in ranks. If there are none, you're done.",
        "Otherwise merge the pair with the lowest rank (the leftmost, if it occurs twice), and look again.",
    ],
    mistakes=[
        Mistake(
            "You take the longest token that fits. BPE replays the merges in the order in which they were learned: "
            "lowest rank first",
            answer=longest_first,
        ),
        Mistake(
            "You merge the leftmost pair that is in the ranks: the one with the lowest rank comes first",
            "min(found)",
            "min(found, key=lambda pair: pair[1])",
        ),
        Mistake(
            "You merge the highest rank first: a low rank was learned early and comes first", "min(found)", "max(found)"
        ),
        Mistake(
            "You merge once and stop: merged tokens can merge again",
            "parts[place] + parts[place + 1]]",
            "parts[place] + parts[place + 1]]\n        return [ranks[part] for part in parts]",
        ),
        Mistake(
            "Of pairs with the same rank you merge the rightmost: in aaa the leftmost one merges, aa + a",
            "min(found)",
            "min(found, key=lambda pair: (pair[0], -pair[1]))",
        ),
        Mistake(
            "The number of a byte isn't its id: look single bytes up too, ranks[bytes([byte])]",
            "[ranks[part] for part in parts]",
            "[ranks[part] if len(part) > 1 else part[0] for part in parts]",
        ),
        Mistake(
            "Bytes taken one by one are numbers: begin with [bytes([byte]) for byte in piece]",
            "[bytes([byte]) for byte in piece]",
            "list(piece)",
        ),
        Mistake("Return ids, not bytes: look each part up", "return [ranks[part] for part in parts]", "return parts"),
        Mistake(
            "Your tokens are single bytes: merge neighbours whose bytes together are in ranks",
            answer=lambda piece, ranks: [ranks[bytes([byte])] for byte in piece],
        ),
    ],
)


# --- 02.8 ---


def decode(ids: Sequence[int], tokens: Sequence[bytes]) -> str:
    """Return the text of token ids; bytes that are no UTF-8 become the replacement character."""
    return b"".join(tokens[i] for i in ids).decode("utf-8", errors="replace")


TOKENS = [
    b"a",
    b"b",
    "é".encode()[:1],
    "é".encode()[1:],
    "日".encode()[:2],
    "日".encode()[2:],
    b" c",
    "ü".encode(),
    b"\n",
]


def ids_to_decode(chance: Random) -> list[Probe]:
    """Ids whose characters are whole, spread over two tokens, or broken off; white space at both ends."""
    fixed = [[0, 1], [2, 3], [0, 4, 5, 6], [7, 2, 3, 1], [0, 2], [3, 1], [6, 0], [1, 8], [6, 2, 3, 8]]
    drawn = [[chance.randrange(len(TOKENS)) for _ in range(6)] for _ in range(3)]
    return [(ids, TOKENS) for ids in fixed + drawn]


DECODE = Exercise(
    number="02.8",
    title="Decode",
    name="decode",
    reference=decode,
    probes=ids_to_decode,
    alternatives=[lambda ids, tokens: str(bytes(byte for i in ids for byte in tokens[i]), "utf-8", "replace")],
    hints=[
        "A character may be spread over several tokens: put all bytes together first.",
        'b"".join(...) puts them together; .decode("utf-8") makes text of them.',
        'Broken bytes become the replacement character with errors="replace".',
    ],
    mistakes=[
        Mistake(
            "You decode token by token: a character that is spread over two of them is broken. First join all bytes, "
            "then decode once",
            answer=lambda ids, tokens: "".join(tokens[i].decode("utf-8", errors="replace") for i in ids),
        ),
        Mistake(
            "Broken bytes silently vanish: then nobody sees that something is missing. Replace them",
            'errors="replace"',
            'errors="ignore"',
        ),
        Mistake(
            "Broken bytes stop it with an error. A model may stop in the middle of a character: replace them",
            ', errors="replace"',
            "",
        ),
        Mistake(
            "You decode token by token: a character that is spread over two of them stops it. First join all bytes",
            answer=lambda ids, tokens: "".join(tokens[i].decode() for i in ids),
        ),
        Mistake(
            "Each byte became a character of its own: the bytes are UTF-8", '"utf-8", errors="replace"', '"latin-1"'
        ),
        Mistake(
            "You take white space off the ends. It's part of the text: a token often begins with a space",
            'errors="replace")',
            'errors="replace").strip()',
        ),
        Mistake(
            'Those are the bytes. Make a text of them: .decode("utf-8", errors="replace")',
            '.decode("utf-8", errors="replace")',
            "",
        ),
        Mistake(
            "You put something between the tokens. Spaces are in the tokens already: join them with nothing between",
            'b"".join',
            'b" ".join',
        ),
    ],
)


# --- 02.9 ---

MERGES_NEEDED = Exercise(
    number="02.9",
    title="How many merges?",
    name="n_merges",
    reference=742,
    hints=["Three kinds of tokens share the 1,000 ids.", "They are the 256 bytes, the merges and the special tokens."],
    mistakes=[
        Mistake("You left out the 256 bytes, which are tokens too", answer=998),
        Mistake("You left out the two special tokens, which need ids too", answer=744),
        Mistake("Merges aren't the only tokens: there are 256 bytes and two special tokens too", answer=1000),
        Mistake("One too many: there are two special tokens, and 256 bytes, from 0 to 255", answer=743),
        Mistake("The 1,000 are all tokens together: take the bytes and the special tokens away from them", answer=1258),
    ],
)

EXERCISES = [FIRST_PAIR, COUNT_PAIRS, MERGE, BEST_PAIR, TRAIN, CUT, ENCODE_PIECE, DECODE, MERGES_NEEDED]
