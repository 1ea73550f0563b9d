"""Exercises of notebook 16: cross-attention, three masks, teacher forcing, an alignment, and BLEU's precision."""

import math
from collections import Counter
from random import Random

import torch
from torch import Tensor

from course_utils.exercises.engine.exercise import Exercise, Mistake, Probe
from course_utils.exercises.engine.probes import numbers

# --- 16.1 ---


def cross_attention(x: Tensor, memory: Tensor, W_query: Tensor, W_key: Tensor, W_value: Tensor) -> Tensor:
    """Return what each written token takes from the source: (T, C), (S, C), and three times (C, D), to (T, D)."""
    queries, keys, values = x @ W_query, memory @ W_key, memory @ W_value
    scores = queries @ keys.T / math.sqrt(keys.shape[1])
    return torch.softmax(scores, dim=1) @ values


def cross_attention_by_rows(x: Tensor, memory: Tensor, W_query: Tensor, W_key: Tensor, W_value: Tensor) -> Tensor:
    """The same, one written token after the other."""
    rows = []
    for vector in x:
        scores = (memory @ W_key) @ (vector @ W_query)
        rows.append(torch.softmax(scores * W_key.shape[1] ** -0.5, dim=0) @ (memory @ W_value))
    return torch.stack(rows)


def two_texts(chance: Random) -> list[Probe]:
    """Texts of unequal length and their matrices; the first can be done by hand."""
    eye = torch.eye(2)
    by_hand = torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 0.0], [0.0, 2.0]])
    probes: list[Probe] = [(*by_hand, eye, eye, torch.tensor([[1.0, 2.0], [3.0, 4.0]]))]
    for T, S, C, D in ((2, 3, 3, 4), (4, 2, 3, 2), (3, 5, 4, 3), (1, 4, 5, 2), (5, 5, 3, 4)):
        probes.append((numbers(chance, T, C), numbers(chance, S, C), *(numbers(chance, C, D) for _ in range(3))))
    return probes


CROSS = Exercise(
    number="16.1",
    title="Attend to another text",
    name="cross_attention",
    reference=cross_attention,
    probes=two_texts,
    alternatives=[cross_attention_by_rows],
    hints=[
        "It's 07's self-attention with one change. Which of the three products take x, and which take memory?",
        "Who asks? x @ W_query. Who is asked? memory @ W_key and memory @ W_value. The scores are (T, S).",
    ],
    mistakes=[
        Mistake(
            "Keys and values come from the text being written: that's self-attention, and the source is never seen. "
            "They come from memory",
            "memory @ W_key, memory @ W_value",
            "x @ W_key, x @ W_value",
        ),
        Mistake(
            "The source asks and the translation answers: there's a row for each source token. Swap the two",
            "x @ W_query, memory @ W_key, memory @ W_value",
            "memory @ W_query, x @ W_key, x @ W_value",
        ),
        Mistake(
            "Your columns sum to 1, but the rows should: each written token divides its own attention among the source "
            "tokens. Take softmax along the last dimension",
            "torch.softmax(scores, dim=1)",
            "torch.softmax(scores, dim=0)",
        ),
        Mistake("The scores aren't divided by √D (07)", " / math.sqrt(keys.shape[1])", ""),
        Mistake(
            "You divide by the root of the number of source tokens. It's the length of a key, D",
            "math.sqrt(keys.shape[1])",
            "math.sqrt(keys.shape[0])",
        ),
        Mistake(
            "You divide by the root of C, the length of a vector of x. It's the length of a key, D",
            "math.sqrt(keys.shape[1])",
            "math.sqrt(x.shape[1])",
        ),
    ],
)

# --- 16.2 ---


def three_masks(source_mask: Tensor, target_mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return who may attend to whom: in the encoder (B, S, S), in the decoder (B, T, T), across (B, T, S).

    `source_mask` (B, S) and `target_mask` (B, T) are False at padding.
    """
    B, S = source_mask.shape
    T = target_mask.shape[1]
    past = torch.ones(T, T, dtype=torch.bool).tril()
    encoder = source_mask[:, None, :].expand(B, S, S)
    decoder = target_mask[:, None, :] & past
    cross = source_mask[:, None, :].expand(B, T, S)
    return encoder, decoder, cross


def three_masks_by_cases(source_mask: Tensor, target_mask: Tensor) -> list[Tensor]:
    """The same, cell by cell."""
    (B, S), T = source_mask.shape, target_mask.shape[1]
    encoder = [[[bool(source_mask[b, j]) for j in range(S)] for _ in range(S)] for b in range(B)]
    decoder = [[[bool(target_mask[b, j]) and j <= i for j in range(T)] for i in range(T)] for b in range(B)]
    cross = [[[bool(source_mask[b, j]) for j in range(S)] for _ in range(T)] for b in range(B)]
    return [torch.tensor(mask) for mask in (encoder, decoder, cross)]


def paddings(chance: Random) -> list[Probe]:
    """Masks with padding at the end of both sides, of the same and of other sizes."""
    probes: list[Probe] = [(torch.tensor([[True, True, False]]), torch.tensor([[True, True, False]]))]
    for B, S, T in ((2, 4, 4), (2, 3, 3), (3, 5, 5), (2, 3, 5), (2, 6, 4)):
        lengths = [[chance.randrange(1, size) for _ in range(B)] for size in (S, T)]
        probes.append(
            tuple(torch.arange(size) < torch.tensor(ends)[:, None] for size, ends in zip((S, T), lengths, strict=True))
        )
    return probes


MASKS = Exercise(
    number="16.2",
    title="Three masks",
    name="three_masks",
    reference=three_masks,
    probes=paddings,
    alternatives=[three_masks_by_cases],
    hints=[
        "A mask forbids keys, so it goes along the last dimension. Whose keys are they in each of the three?",
        "mask[:, None, :] has a row for all queries alike. Only the decoder adds torch.ones(T, T).tril().",
        "Across, the keys are the source's: source_mask[:, None, :].expand(B, T, S).",
    ],
    mistakes=[
        Mistake(
            "Across, your mask is on the wrong side: it forbids queries that are padding, and lets all others attend "
            "to the source's padding. Forbid keys",
            "cross = source_mask[:, None, :].expand(B, T, S)",
            "cross = target_mask[:, :, None].expand(B, T, S)",
        ),
        Mistake(
            "Across, padding is attended to: the source's mask is missing there",
            "cross = source_mask[:, None, :].expand(B, T, S)",
            "cross = torch.ones(B, T, S, dtype=torch.bool)",
        ),
        Mistake(
            "Your encoder is causal. The source is known from the start, so each word may see the later ones too",
            "encoder = source_mask[:, None, :].expand(B, S, S)",
            "encoder = source_mask[:, None, :] & torch.ones(S, S, dtype=torch.bool).tril()",
        ),
        Mistake(
            "Your decoder sees the future: its input contains what it has to say next. It needs the causal mask",
            "target_mask[:, None, :] & past",
            "target_mask[:, None, :].expand(B, T, T)",
        ),
        Mistake(
            "In the encoder your mask is on the wrong side. It's the keys, the last dimension, that are forbidden",
            "encoder = source_mask[:, None, :].expand",
            "encoder = source_mask[:, :, None].expand",
        ),
    ],
)

# --- 16.3 ---


def teacher_forcing(translation: list[int], bos: int, eos: int, pad: int, length: int) -> tuple[list[int], list[int]]:
    """Return the decoder's inputs and targets, both of `length`; what isn't learned has the target -100."""
    filled = length - len(translation) - 1
    inputs = [bos, *translation] + [pad] * filled
    targets = [*translation, eos] + [-100] * filled
    return inputs, targets


def teacher_forcing_by_shifting(translation: list[int], bos: int, eos: int, pad: int, length: int) -> tuple:
    """The same, from one row that is shifted."""
    row = [bos, *translation, eos]
    inputs, targets = row[:-1], row[1:]
    while len(inputs) < length:
        inputs, targets = [*inputs, pad], [*targets, -100]
    return inputs, targets


def translations(chance: Random) -> list[Probe]:
    """Translations with room for at least one token of padding."""
    probes: list[Probe] = [([7, 8], 1, 2, 0, 5), ([5], 1, 2, 0, 4)]
    for _ in range(4):
        ids = [chance.randrange(10, 90) for _ in range(chance.randrange(2, 6))]
        bos, eos, pad = chance.sample(range(10), 3)
        probes.append((ids, bos, eos, pad, len(ids) + 1 + chance.randrange(1, 4)))
    return probes


FORCING = Exercise(
    number="16.3",
    title="Teacher forcing",
    name="teacher_forcing",
    reference=teacher_forcing,
    probes=translations,
    alternatives=[teacher_forcing_by_shifting],
    hints=[
        "Write the whole row first: start, translation, end. The inputs lack its last token. What do the targets lack?",
        "inputs = [bos, *translation], targets = [*translation, eos]; then fill both up to length, with pad and -100.",
    ],
    mistakes=[
        Mistake(
            "Your targets equal your inputs, so the model only has to copy. Shift them: the target is the token after",
            "targets = [*translation, eos]",
            "targets = [bos, *translation]",
        ),
        Mistake(
            "The start token is learned: you ask the model to say [BOS]. It's given, so it's never a target",
            answer=lambda translation, bos, eos, pad, length: (
                ([bos, bos, *translation] + [pad] * length)[:length],
                ([bos, *translation, eos] + [-100] * length)[:length],
            ),
        ),
        Mistake(
            "The padding is learned: the model practises saying [PAD]. Give it the target -100, which no loss counts",
            "[-100] * filled",
            "[pad] * filled",
        ),
        Mistake(
            "The end isn't learned, so the model will never stop. The last target is [EOS]",
            "[*translation, eos]",
            "[*translation, -100]",
        ),
        Mistake(
            "The decoder begins with [BOS]. Without it, the model is given the first word of the translation and never "
            "asked for it",
            answer=lambda translation, bos, eos, pad, length: (
                ([*translation, eos] + [pad] * length)[:length],
                ([*translation[1:], eos] + [-100] * length)[:length],
            ),
        ),
    ],
)

# --- 16.4 ---

ALIGNED = Exercise(
    number="16.4",
    title="Where does it look?",
    name="attended",
    reference="red",
    hints=[
        "The decoder has read “la cometa”. Which word does it have to say now?",
        "It has to say “roja”. Which English word tells it that?",
    ],
    mistakes=[
        Mistake(
            "That's where it looked one step earlier, to say “cometa”. What does it have to say now, and which English "
            "word says so?",
            answer="kite",
        ),
        Mistake(
            "That's the word in the same position, but languages don't keep in step. It attends to what it needs, "
            "wherever that stands",
            answer="the",
        ),
        Mistake(
            "The verb has been said already. Which word hasn't?",
            answer="lost",
        ),
    ],
)

# --- 16.5 ---


def precision(candidate: list[str], references: list[list[str]], n: int) -> float:
    """Return the fraction of the candidate's n-grams that a reference has, each as often as in one reference at most.

    Papineni et al. 2002, section 2.1.1: "modified n-gram precision".
    """

    def grams(words: list[str]) -> list[tuple[str, ...]]:
        return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]

    found, allowed = grams(candidate), [grams(reference) for reference in references]
    shared = sum(min(found.count(gram), max(one.count(gram) for one in allowed)) for gram in set(found))
    return shared / len(found)


def precision_by_counters(candidate: list[str], references: list[list[str]], n: int) -> float:
    """The same, with counters."""
    found = Counter(zip(*(candidate[i:] for i in range(n)), strict=False))
    allowed: Counter = Counter()
    for reference in references:
        allowed |= Counter(zip(*(reference[i:] for i in range(n)), strict=False))
    return sum((found & allowed).values()) / sum(found.values())


def distinct(candidate: list[str], references: list[list[str]], n: int) -> float:
    """What comes of counting each n-gram once."""
    found = {tuple(candidate[i : i + n]) for i in range(len(candidate) - n + 1)}
    return len({gram for gram in found if precision_by_counters(list(gram), references, n)}) / len(found)


def some_translations(chance: Random) -> list[Probe]:
    """The paper's example, and sentences of few words, so that they repeat."""
    cat = [["the", "cat", "is", "on", "the", "mat"], ["there", "is", "a", "cat", "on", "the", "mat"]]
    probes: list[Probe] = [(["the"] * 7, cat, 1), (["la", "cometa", "roja"], [["la", "roja", "cometa", "vieja"]], 1)]
    for n in (1, 2, 1, 2, 3, 1):
        words = ["la", "la", "roja", "cometa", "vio"]
        candidate = [chance.choice(words) for _ in range(chance.randrange(5, 9))]
        copies = [[*candidate[: n + 1], *(chance.choice(words) for _ in range(k))] for k in (2, 7)]
        probes.append((candidate, copies, n))
    probes.append((["y", "a", "o"], [["a", "y", "y"], ["a", "ver"]], 1))  # words that are letters, too
    return [*probes, (["a", "la", "vio"], [["al", "a", "vio"], ["a", "lavio"]], 2)]  # alike, if they're written as one


PRECISION = Exercise(
    number="16.5",
    title="What BLEU counts",
    name="precision",
    reference=precision,
    probes=some_translations,
    alternatives=[precision_by_counters],
    hints=[
        "List the candidate's n-grams, as tuples. How many of each do the references allow?",
        "A reference allows an n-gram as often as it has it; of several references the most generous one decides.",
        "For each different n-gram: min(how often it's there, max over the references). Divide by the number of all "
        "the candidate's n-grams.",
    ],
    mistakes=[
        Mistake(
            "You don't clip: “the the the” gets full marks because “the” occurs in a reference. An n-gram counts at "
            "most as often as the reference has it",
            "min(found.count(gram), max(one.count(gram) for one in allowed))",
            "found.count(gram) * any(gram in one for one in allowed)",
        ),
        Mistake(
            "You add the references' counts up. A word that each of two references has once may be said once, not "
            "twice: take the largest count",
            "max(one.count(gram)",
            "sum(one.count(gram)",
        ),
        Mistake(
            "You divide by what a reference holds: that's recall. Precision asks how much of the candidate is right",
            "/ len(found)",
            "/ max(len(one) for one in allowed)",
        ),
        Mistake(
            "You count each different n-gram once. One that's rightly said twice counts twice",
            answer=distinct,
        ),
        Mistake(
            "Only the first reference counts. There are several right translations",
            "for reference in references]",
            "for reference in references[:1]]",
        ),
    ],
)

EXERCISES = [CROSS, MASKS, FORCING, ALIGNED, PRECISION]
