"""Exercises of notebook 01: splitting, a vocabulary, unknown words, compression, padding, a dangerous spelling."""

import re
from collections.abc import Sequence
from random import Random

from course_utils.exercises.engine.exercise import Exercise, Mistake, Probe

WORDS = ["the", "fox", "Fox", "ran", "far", "into", "town", "a", "hen", "saw", "it", "Mara", "2", "9", "kite", "sea"]


def some_words(chance: Random, count: int) -> list[str]:
    """So many words, some of them more than once."""
    return [chance.choice(WORDS) for _ in range(count)]


# --- 01.1 ---


def split(text: str) -> list[str]:
    """Return the words and punctuation marks of a text, without white space."""
    return re.findall(r"\w+|[^\w\s]", text)


def split_by_hand(text: str) -> list[str]:
    """The same, letter by letter."""
    pieces, word = [], ""
    for letter in f"{text} ":
        if letter.isalnum() or letter == "_":
            word += letter
            continue
        pieces += [word] * bool(word) + [letter] * (not letter.isspace())
        word = ""
    return pieces


def sentences(chance: Random) -> list[Probe]:
    """Sentences with punctuation at their end and inside words, spaces that are doubled, a tab and a line end."""
    a, b, c, d = (chance.choice(WORDS) for _ in range(4))
    return [
        ("Hello, world!",),
        (f"{a} Mara.",),
        ("Wójcik saw 2 cafés!",),
        (f"{a} é_9, Fox",),
        (f'"{a}?" {b}  {c}!',),
        (f"{a}, {b}\n{c}; {d}...",),
        (f" ({a}) {b}-{c} ",),
        (f"{a}'s {b}\tisn't",),
    ]


SPLIT = Exercise(
    number="01.1",
    title="Split a text",
    name="split",
    reference=split,
    probes=sentences,
    alternatives=[split_by_hand],
    hints=[
        "re.findall(pattern, text) returns every piece that fits the pattern.",
        r"A word is \w+, one or more letters or digits. The sign | between two patterns means: this or that.",
        r"A punctuation mark is one character that's neither a letter nor white space: [^\w\s].",
    ],
    mistakes=[
        Mistake(
            "Punctuation sticks to the words: 'Hello,' and 'Hello' would be two entries of the vocabulary",
            answer=lambda text: text.split(),
        ),
        Mistake(
            "Punctuation is lost: the text could not be put together again",
            r"\w+|[^\w\s]",
            r"\w+",
        ),
        Mistake(
            "White space is among your pieces: leave it out",
            r"[^\w\s]",
            r"[^\w]",
        ),
        Mistake(
            "Your words fall into single letters: one or more is written +",
            r"\w+|",
            r"\w|",
        ),
        Mistake(
            "Marks that stand together, such as ..., become one piece: each mark is one of its own",
            r"[^\w\s]",
            r"[^\w\s]+",
        ),
        Mistake(
            "Letters may have accents, and numbers are pieces too: that is what \\w stands for",
            r"\w+|",
            r"[A-Za-z]+|",
        ),
        Mistake(
            "Only the marks that you listed are found: [^\\w\\s] finds any",
            r"[^\w\s]",
            r"[,.!?]",
        ),
        Mistake(
            "Only the two marks of the example are found: [^\\w\\s] finds any",
            r"[^\w\s]",
            r"[,!]",
        ),
        Mistake(
            "Only the two marks of the example are set apart: there are others, and re.findall can find them all",
            answer=lambda text: text.replace(",", " ,").replace("!", " !").split(),
        ),
        Mistake(
            "A space in a pattern is a part of it, so nearly nothing fits: write none around |",
            answer=lambda text: re.findall(r"\w+ | [^\w\s]", text),
        ),
        Mistake(
            "Without | the two patterns must fit one after the other: a word with a mark behind it. | means or",
            answer=lambda text: re.findall(r"\w+[^\w\s]", text),
        ),
        Mistake(
            "re.split throws away what it splits at, the punctuation, and leaves empty pieces",
            answer=lambda text: re.split(r"\W+", text),
        ),
        Mistake(
            "There are empty pieces: re.split leaves them at the ends and between two marks; filter them out",
            answer=lambda text: [piece.strip() for piece in re.split(r"([^\w\s]|\s)", text)],
        ),
        Mistake(
            "Your pieces are in small letters: Fox and fox may be two different things",
            answer=lambda text: split(text.lower()),
        ),
        Mistake(
            "A mark inside a word, as in isn't or red-hot, is a piece of its own too",
            r"\w+|",
            r"\w+(?:['-]\w+)*|",
        ),
    ],
)


# --- 01.2 ---


def vocabulary(pieces: Sequence[str], special_tokens: Sequence[str]) -> dict[str, int]:
    """Return an id for each distinct piece, in sorted order, and for the special tokens after them."""
    tokens = sorted(set(pieces)) + list(special_tokens)
    return {token: number for number, token in enumerate(tokens)}


def vocabulary_by_loop(pieces: Sequence[str], special_tokens: Sequence[str]) -> dict[str, int]:
    """The same, one entry after the other."""
    vocab: dict[str, int] = {}
    for piece in [*sorted(pieces), *special_tokens]:
        vocab.setdefault(piece, len(vocab))
    return vocab


def texts_with_specials(chance: Random) -> list[Probe]:
    """Pieces that repeat, not in sorted order, with capital letters; no, one or two special tokens."""
    return [
        (["b", "a", "b"], []),
        (["the", "Fox", "the", "a"], ["[UNK]"]),
        (some_words(chance, 8), ["[UNK]"]),
        (some_words(chance, 12), ["[UNK]", "[PAD]"]),
        (some_words(chance, 15), ["[PAD]", "[UNK]", "<|endoftext|>"]),  # neither sorted nor the other way round
    ]


VOCABULARY = Exercise(
    number="01.2",
    title="A vocabulary",
    name="vocabulary",
    reference=vocabulary,
    probes=texts_with_specials,
    alternatives=[vocabulary_by_loop],
    hints=[
        "set(pieces) has each piece once; sorted(...) puts them in an order that never changes.",
        "The special tokens come after all others, in the order in which they are given.",
        "enumerate counts from 0: {token: number for number, token in enumerate(tokens)}.",
    ],
    mistakes=[
        Mistake(
            "Your ids follow the order of a set, which may be another one tomorrow: a model trained today would read "
            "other words then. Sort first",
            "sorted(set(pieces))",
            "list(set(pieces))",
        ),
        Mistake(
            "Your ids follow the order in which words appear: then a changed first page changes every id. Sort them",
            "sorted(set(pieces))",
            "list(dict.fromkeys(pieces))",
        ),
        Mistake(
            "A piece that occurs twice gets an id for each time: take each once, with set",
            "sorted(set(pieces))",
            "sorted(pieces)",
        ),
        Mistake(
            "The special tokens are sorted in among the words: they come last, so that adding one moves no id",
            "sorted(set(pieces)) + list(special_tokens)",
            "sorted({*pieces, *special_tokens})",
        ),
        Mistake(
            "The special tokens come first: they come last, so that adding one moves no id",
            "sorted(set(pieces)) + list(special_tokens)",
            "list(special_tokens) + sorted(set(pieces))",
        ),
        Mistake(
            "Your ids follow how often a word occurs, which any new page changes: sort the words themselves",
            "sorted(set(pieces))",
            "sorted(dict.fromkeys(pieces), key=pieces.count, reverse=True)",
        ),
        Mistake(
            "The special tokens get ids that pieces have already: go on counting where the pieces end",
            answer=lambda pieces, special_tokens: (
                {piece: i for i, piece in enumerate(sorted(set(pieces)))}
                | {name: i for i, name in enumerate(special_tokens)}
            ),
        ),
        Mistake(
            "The special tokens begin at the number of all pieces: each kind of piece takes one id, so begin at the "
            "number of kinds",
            answer=lambda pieces, special_tokens: (
                {piece: i for i, piece in enumerate(sorted(set(pieces)))}
                | {name: len(pieces) + i for i, name in enumerate(special_tokens)}
            ),
        ),
        Mistake("Ids start at 0: they are rows of a table", "enumerate(tokens)", "enumerate(tokens, start=1)"),
        Mistake(
            "The special tokens keep the order in which they are given: sort only the pieces",
            "list(special_tokens)",
            "sorted(special_tokens)",
        ),
        Mistake(
            "The special tokens have no ids: they are tokens like the others",
            " + list(special_tokens)",
            "",
        ),
        Mistake("It's the other way round: from the token to its id", "{token: number for", "{number: token for"),
    ],
)


# --- 01.3 ---

BYE_WORLD = Exercise(
    number="01.3",
    title="A word that is not there",
    name="bye_world",
    reference=[987, 455, 78, 467],
    hints=[
        "How many pieces does the sentence have?",
        "Each piece that isn't in the vocabulary becomes the id of [UNK].",
    ],
    mistakes=[
        Mistake(
            "Bye isn't in the vocabulary, and Hello's id would be a wrong word: it becomes [UNK]",
            answer=[64, 455, 78, 467],
        ),
        Mistake("An unknown word isn't left out: a gap would make a sentence that nobody wrote", answer=[455, 78, 467]),
        Mistake("Encoding gives ids, so that of [UNK], not its spelling", answer=["[UNK]", 455, 78, 467]),
        Mistake("The other three pieces are there too", answer=[987]),
        Mistake("The comma is a piece of its own, and so is the !", answer=[987, 78, 467]),
        Mistake("The comma and the ! are pieces of their own: there are four", answer=[987, 987]),
        Mistake("Only the unknown word becomes [UNK]; the others keep their ids", answer=[987, 987, 987, 987]),
    ],
)


# --- 01.4 ---


def encode(pieces: Sequence[str], vocab: dict[str, int]) -> list[int]:
    """Return the id of each piece; one that isn't in the vocabulary gets the id of [UNK]."""
    unknown = vocab["[UNK]"]
    return [vocab.get(piece, unknown) for piece in pieces]


def encode_by_loop(pieces: Sequence[str], vocab: dict[str, int]) -> list[int]:
    """The same, asking first."""
    ids = []
    for piece in pieces:
        ids.append(vocab[piece] if piece in vocab else vocab["[UNK]"])
    return ids


def pieces_to_encode(chance: Random) -> list[Probe]:
    """Pieces of which some are unknown; [UNK] has any id and stands anywhere in the vocabulary but at its end."""
    probes: list[Probe] = [(["Bye", ",", "world", "!"], {"Hello": 64, ",": 455, "world": 78, "!": 467, "[UNK]": 987})]
    for count in (3, 6, 9):
        rest = sorted({"fox", "the", *some_words(chance, 4)} - {"a"})
        ids = chance.sample(range(1, 90), len(rest) + 1)
        vocab = [("[UNK]", ids.pop()), *zip(rest, ids, strict=True)]
        chance.shuffle(vocab)
        probes.append(
            (["zebra", "The", *some_words(chance, count), "a", "gnu"], dict([*vocab, ("a", 0), ("town", 95)]))
        )
    return probes


ENCODE = Exercise(
    number="01.4",
    title="Encode, with unknown words",
    name="encode",
    reference=encode,
    probes=pieces_to_encode,
    alternatives=[encode_by_loop],
    hints=[
        "vocab.get(piece, something) returns `something` where the piece is missing.",
        "That something is vocab['[UNK]'].",
    ],
    mistakes=[
        Mistake(
            "An unknown word is silently dropped: then 'not guilty' may become 'guilty'. Put [UNK] in its place",
            "vocab.get(piece, unknown) for piece in pieces",
            "vocab[piece] for piece in pieces if piece in vocab",
        ),
        Mistake(
            "An unknown word becomes 0, which is some other token's id: take that of [UNK]",
            "piece, unknown",
            "piece, 0",
        ),
        Mistake(
            "0 is an id like the others, but `or` takes it for missing: give [UNK] to get() as its second argument",
            "vocab.get(piece, unknown)",
            "vocab.get(piece) or unknown",
        ),
        Mistake("The 987 belongs to the example: look up the id that [UNK] has here", "piece, unknown", "piece, 987"),
        Mistake("An unknown word becomes None, which no embedding can look up", "piece, unknown", "piece"),
        Mistake(
            "An unknown word stops it with a KeyError: look before you take",
            "vocab.get(piece, unknown)",
            "vocab[piece]",
        ),
        Mistake(
            "An unknown word becomes -1, an id that no token has: take that of [UNK]", "piece, unknown", "piece, -1"
        ),
        Mistake(
            "The text [UNK] isn't an id: look its id up",
            "piece, unknown",
            'piece, "[UNK]"',
        ),
        Mistake(
            "You take the last id of the vocabulary for unknown pieces. [UNK] may be anywhere in it: look its id up",
            "piece, unknown",
            "piece, list(vocab.values())[-1]",
        ),
        Mistake(
            "You take the number of the last entry for unknown pieces. [UNK] may have any id: look it up",
            "piece, unknown",
            "piece, len(vocab) - 1",
        ),
    ],
)


# --- 01.5 ---


def characters_per_token(text: str, ids: Sequence[int]) -> float:
    """Return how many characters of a text one token stands for, on average."""
    return len(text) / len(ids)


COMPRESSION = Exercise(
    number="01.5",
    title="Compression",
    name="characters_per_token",
    reference=characters_per_token,
    probes=lambda chance: [
        ("abc", [1, 2]),
        ("naïve café", [3, 1, 4, 1]),
        ("élan ñandú", [2, 2, 5]),
        *((" ".join(some_words(chance, n)), list(range(n))) for n in (4, 9)),
    ],
    alternatives=[lambda text, ids: sum(1 for _ in text) / sum(1 for _ in ids)],
    hints=[
        "How many characters are there, and how many tokens?",
        "More characters in one token means better compression.",
    ],
    mistakes=[
        Mistake("That's tokens per character: turn the fraction round", "len(text) / len(ids)", "len(ids) / len(text)"),
        Mistake(
            "Those are bytes per token: é and ï are one character and two bytes", "len(text)", "len(text.encode())"
        ),
        Mistake("That rounds down: divide with /", "len(text) / len(ids)", "len(text) // len(ids)"),
        Mistake("A token counts each time it occurs", "len(ids)", "len(set(ids))"),
        Mistake("Those are words per token: count the characters", "len(text)", "len(text.split())"),
        Mistake("You left the spaces out: they are characters too", "len(text)", 'len(text.replace(" ", ""))'),
    ],
)


# --- 01.6 ---


def pad(sequences: Sequence[list[int]], pad_id: int) -> tuple[list[list[int]], list[list[bool]]]:
    """Return the sequences, filled at their ends to the length of the longest, and True where a token is real."""
    longest = max(len(sequence) for sequence in sequences)
    rows = [sequence + [pad_id] * (longest - len(sequence)) for sequence in sequences]
    mask = [[place < len(sequence) for place in range(longest)] for sequence in sequences]
    return rows, mask


def pad_by_loop(sequences: Sequence[list[int]], pad_id: int) -> tuple[list[list[int]], list[list[bool]]]:
    """The same, row by row."""
    longest, rows, mask = max(map(len, sequences)), [], []
    for sequence in sequences:
        missing = longest - len(sequence)
        rows.append([*sequence, *[pad_id] * missing])
        mask.append([True] * len(sequence) + [False] * missing)
    return rows, mask


def unequal(chance: Random) -> list[Probe]:
    """Sequences of unequal length; in some the padding's id occurs as a token too."""
    return [
        ([[5, 6, 7], [8]], 0),
        ([[5], [0, 6], [4, 4, 4]], 0),
        ([[chance.randrange(1, 9) for _ in range(length)] for length in (2, 4, 1)], 9),
        ([[1, *(chance.randrange(3) for _ in range(length))] for length in (3, 1, 5, 2)], 1),
    ]


PAD = Exercise(
    number="01.6",
    title="Padding, and the mask that goes with it",
    name="pad",
    reference=pad,
    probes=unequal,
    alternatives=[pad_by_loop],
    hints=[
        "First find the length of the longest sequence.",
        "[pad_id] * missing is a list of that many ids. Add it at the end of the sequence.",
        "The mask follows from the lengths, not from the ids: True for each real token, then False.",
    ],
    mistakes=[
        Mistake(
            "The mask is the wrong way round: True means a real token",
            "place < len(sequence) for",
            "place >= len(sequence) for",
        ),
        Mistake(
            "You fill at the start: here the padding goes at the end",
            "sequence + [pad_id] * (longest - len(sequence))",
            "[pad_id] * (longest - len(sequence)) + sequence",
        ),
        Mistake(
            "You fill at the start, and the mask says so too: here the padding goes at the end",
            "rows = [sequence + [pad_id] * (longest - len(sequence)) for sequence in sequences]\n"
            "    mask = [[place < len(sequence) for",
            "rows = [[pad_id] * (longest - len(sequence)) + sequence for sequence in sequences]\n"
            "    mask = [[place >= longest - len(sequence) for",
        ),
        Mistake(
            "Your mask is made after the filling, so that padding counts as real: use the length from before",
            "place < len(sequence) for",
            "place < longest for",
        ),
        Mistake(
            "Your mask is longer than its row: the sequence was filled already when you took its length",
            answer=lambda sequences, pad_id: (
                pad(sequences, pad_id)[0],
                [
                    [True] * max(map(len, sequences)) + [False] * (max(map(len, sequences)) - len(sequence))
                    for sequence in sequences
                ],
            ),
        ),
        Mistake(
            "You cut to the shortest sequence: that loses text. Fill the shorter ones up",
            answer=lambda sequences, pad_id: (
                [sequence[: min(map(len, sequences))] for sequence in sequences],
                [[True] * min(map(len, sequences)) for _ in sequences],
            ),
        ),
        Mistake(
            "You take every token with the padding's id for padding. It may be a real token too: go by the lengths",
            "[[place < len(sequence) for place in range(longest)] for sequence in sequences]",
            "[[token != pad_id for token in row] for row in rows]",
        ),
        Mistake(
            "The first padding is marked as real: n tokens are at positions 0 to n - 1",
            "place < len(sequence) for",
            "place <= len(sequence) for",
        ),
        Mistake("The mask is missing: return rows and mask", "return rows, mask", "return rows"),
        Mistake("Rows and mask are swapped", "return rows, mask", "return mask, rows"),
        Mistake("You filled with 0 instead of the padding's own id", "[pad_id] *", "[0] *"),
    ],
)


# --- 01.7 ---

SPELLING = Exercise(
    number="01.7",
    title="A user writes a special token",
    name="what_happens",
    reference="refused",
    hints=[
        "Who wrote the text: you, or somebody you don't know?",
        "What is the safest thing to do while nobody has decided?",
    ],
    mistakes=[
        Mistake(
            "That would let any user end a document, or speak in another's name. It happens only if you allow it, "
            "with allowed_special",
            answer="one token",
        ),
        Mistake(
            "That's what you get with disallowed_special=(). Without any other argument, you get neither",
            answer="plain text",
        ),
        Mistake(
            "Nothing is ever silently thrown away: a text that changes on its way is worse than an error",
            answer="left out",
        ),
    ],
)

EXERCISES = [SPLIT, VOCABULARY, BYE_WORLD, ENCODE, COMPRESSION, PAD, SPELLING]
