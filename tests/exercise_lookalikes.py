"""Answers that look right: wrong ones that kind inputs let pass, and right ones that are easily refused."""

import math
import re
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.bpe import count_pairs, merge
from course_utils.exercises import e02, e03, e09, e11, e13, e14, e15
from course_utils.exercises.engine.exercise import Exercise, define, source_of

# For each exercise, answers that are wrong and would pass on inputs that are too kind.
WRONG: list[tuple[str, str, Any]] = [
    ("01.1", "contractions in one piece", lambda text: re.findall(r"\w+(?:'\w+)?|[^\w\s]", text)),
    ("01.1", "a tab is a mark", lambda text: re.findall(r"\w+|[^\w \n]", text)),
    (
        "01.4",
        "in small letters",
        lambda pieces, vocab: [vocab.get(piece, vocab.get(piece.lower(), vocab["[UNK]"])) for piece in pieces],
    ),
    ("02.4", "the last of equal left tokens", lambda *given: last_of_equals(*given)),
    ("04.7", "removed by value", lambda ids, radius: [(without_one(ids, i, radius), ids[i]) for i in range(len(ids))]),
    ("02.6", "from A to z", lambda text: re.findall(r" ?[A-z]+|[^A-z]", text)),
    ("02.6", "letters of any alphabet", lambda text: re.findall(r" ?[^\W\d_]+|[\W\d_]", text)),
    (
        "03.8",
        "rounded down",
        lambda ids, fraction, *rest: e03.split_and_cut(ids, int(len(ids) * fraction) / len(ids), *rest),
    ),
    (
        "03.8",
        "rounded up",
        lambda ids, fraction, *rest: e03.split_and_cut(ids, math.ceil(len(ids) * fraction) / len(ids), *rest),
    ),
    (
        "D.3",
        "rather low",
        lambda scores, masked: torch.softmax(scores.masked_fill(masked, -10.0), -1).masked_fill(masked, 0.0),
    ),
    ("01.4", "the last id", lambda pieces, vocab: [vocab.get(p, list(vocab.values())[-1]) for p in pieces]),
    ("01.4", "the largest id", lambda pieces, vocab: [vocab.get(p, max(vocab.values())) for p in pieces]),
    ("01.4", "the number of entries", lambda pieces, vocab: [vocab.get(p, len(vocab) - 1) for p in pieces]),
    (
        "02.3",
        "joined text",
        lambda ids, pair, new: eval(str(list(ids)).replace(f"{pair[0]}, {pair[1]}", str(new))),
    ),
    (
        "02.3",
        "joined text between blanks",
        lambda ids, pair, new: [
            int(i) for i in f" {' '.join(map(str, ids))} ".replace(f" {pair[0]} {pair[1]} ", f" {new} ").split()
        ],
    ),
    ("02.8", "strip", lambda ids, tokens: b"".join(tokens[i] for i in ids).decode(errors="replace").strip()),
    ("02.8", "lstrip", lambda ids, tokens: b"".join(tokens[i] for i in ids).decode(errors="replace").lstrip()),
    ("02.8", "rstrip", lambda ids, tokens: b"".join(tokens[i] for i in ids).decode(errors="replace").rstrip()),
    ("04.2", "no num_classes", lambda ids, vocab_size: F.one_hot(ids).float()),
    ("04.2", "whole numbers and no num_classes", lambda ids, vocab_size: F.one_hot(ids)),
    ("07.5", "a function", lambda matrix: lambda x: x @ matrix),
    ("08.2", "closed with -100", lambda scores: torch.softmax(scores.masked_fill(~seen(scores), -100), -1)),
    ("08.2", "closed with -10,000", lambda scores: torch.softmax(scores.masked_fill(~seen(scores), -1e4), -1)),
    ("08.2", "not assigned", lambda scores: (scores.masked_fill(~seen(scores), -math.inf), scores.softmax(-1))[1]),
    ("08.3", "a sum", lambda attention, x: moved(attention, x, lambda change: bool(change.sum() != 0))),
    ("08.3", "a mean", lambda attention, x: moved(attention, x, lambda change: abs(change.mean().item()) > 1e-6)),
    ("08.3", "only upwards", lambda attention, x: moved(attention, x, lambda change: bool((change > 1e-6).any()))),
    ("08.3", "only downwards", lambda attention, x: moved(attention, x, lambda change: bool((change < -1e-6).any()))),
    (
        "08.6",
        "closed with -100",
        lambda q, k, v: (
            torch.softmax(
                (q @ k.transpose(1, 2) / q.shape[2] ** 0.5).masked_fill(~seen(q @ k.transpose(1, 2)), -100), -1
            )
            @ v
        ),
    ),
    (
        "11.5",
        "by names",
        lambda model: [n for n, _ in model.named_parameters() if "norm" not in n and not n.endswith("bias")],
    ),
    (
        "11.4",
        "1e-8 inside the root",
        lambda w, g, m, v, t, rate, decay: adamw(w, g, m, v, t, rate, decay, lambda square: (square + 1e-8).sqrt()),
    ),
    ("11.4", "no 1e-8", lambda w, g, m, v, t, rate, decay: adamw(w, g, m, v, t, rate, decay, torch.sqrt)),
    ("13.1", "by dashes", e13.entries_by_dash),
    (
        "13.1",
        "a colon without a space",
        lambda lines: [(a, b.removeprefix(" ")) if c else (None, a) for a, c, b in cut(lines, ":")],
    ),
    (
        "13.1",
        "stripped",
        lambda lines: [(a.strip(), b.strip()) if c else (None, a.strip()) for a, c, b in cut(lines, ": ")],
    ),
    ("13.4", "always the same ids", lambda messages, encode, special: e13.template(messages, encode, e13.SPECIAL)),
    ("13.5", "always the same ids", lambda ids, user, assistant, end: e13.learned(ids, 1, 2, 3)),
    ("15.4", "anywhere in the name", lambda names, decay: {n: 0.0 for n in names if "A" in n or "B" in n}),
    ("15.4", "inside the name", lambda names, decay: {n: 0.0 for n in names if ".A" in n or ".B" in n}),
    ("15.4", "without the dot", lambda names, decay: {n: 0.0 for n in names if n.endswith(("A", "B"))}),
    ("16.5", "words written as one", lambda candidate, references, n: bleu_precision(candidate, references, n, "")),
    ("18.2", "rounded up", lambda rows, rank, size: rows[rank * -(-len(rows) // size) :][: -(-len(rows) // size)]),
]

# Right answers, given in another form than the one that was thought of.
RIGHT: list[tuple[str, Any]] = [
    ("01.7", "Refused"),
    ("01.7", " refused. "),
    ("03.2", (5, "Sed")),
    ("03.2", [5, "sed "]),
    ("08.4", ("Both", "future.", "both")),
    ("08.4", ["both", " Future", "both"]),
    ("02.6", lambda text: [m[0] for m in re.finditer(r" ?[a-z]+|.", text, re.IGNORECASE | re.ASCII | re.DOTALL)]),
    ("03.8", lambda ids, fraction, *rest: (iter(part) for part in e03.split_and_cut(ids, fraction, *rest))),
    ("05.5", lambda T: torch.tensor([[float(i - j) for j in range(T)] for i in range(T)])),
    ("05.5", lambda T: np.subtract.outer(np.arange(T), 1.0 * np.arange(T))),
    ("D.3", lambda scores, masked: (scores.exp() * ~masked / (scores.exp() * ~masked).sum(-1, True)).nan_to_num(0)),
    ("14.4", "Telling tales."),
    ("04.3", (3, 5, 9)),
    ("06.1", 0.390001),
    ("07.5", lambda matrix: with_weight(matrix)),
    ("11.3", lambda model, optimizer, inputs, targets: trained(model, optimizer, inputs, targets, set_to_none=True)),
    ("11.3", lambda model, optimizer, inputs, targets: trained(model, optimizer, inputs, targets, set_to_none=False)),
    ("11.3", lambda model, optimizer, inputs, targets: trained_by_a_closure(model, optimizer, inputs, targets)),
    ("11.4", lambda *given: torch.stack(e11.adamw_step(*given))),
    ("11.5", lambda model: {n: w for n, w in model.named_parameters() if w.dim() > 1}.keys()),
    ("13.5", lambda ids, user, assistant, end: said_by_the_assistant(ids, user, assistant, end)),
    ("14.3", lambda right, count: np.array(e14.wilson(right, count))),
    ("14.3", lambda right, count: deque(e14.wilson(right, count))),
    ("14.5", lambda verdicts: tuple(map(Fraction, e14.two_rates(verdicts)))),
    ("15.5", lambda W, A, B, alpha: iter(e15.merged_layer(W, A, B, alpha))),
    ("15.5", lambda W, A, B, alpha: (W + alpha / len(A) * (B @ A), A, np.zeros(B.shape))),
    ("15.5", lambda W, A, B, alpha: (W + alpha / len(A) * (B @ A), 7 * A, torch.zeros_like(B).double())),
    ("16.5", lambda candidate, references, n: Fraction(bleu_precision(candidate, references, n, " "))),
    ("18.2", lambda rows, rank, size: (row for row in rows[rank::size])),
    ("18.2", lambda rows, rank, size: torch.tensor(rows)[rank::size]),
    ("18.2", lambda rows, rank, size: np.array_split(rows, size)[rank]),
    ("18.2", lambda rows, rank, size: set(rows[rank::size])),
]


def seen(scores: torch.Tensor) -> torch.Tensor:
    """What each row may see: True up to the diagonal."""
    return torch.ones(scores.shape[-2:], dtype=torch.bool).tril()


def moved(attention: Callable, x: torch.Tensor, judge: Callable[[torch.Tensor], bool]) -> list[bool]:
    """The test of 08.3, with another judge of whether some rows have moved."""
    found = []
    for place in range(1, len(x)):
        changed = x.clone()
        changed[place:] += 1
        found.append(judge((attention(changed) - attention(x))[:place]))
    return found


def cut(lines: list[str], colon: str) -> list[tuple[str, str, str]]:
    """Lines of an export, joined to entries and cut at the first colon of their first line."""
    whole: list[str] = []
    for line in lines:
        head = e13.HEADER.match(line)
        if head:
            whole.append(line[head.end() :])
        else:
            whole[-1] += "\n" + line
    found = []
    for text in whole:
        first, newline, rest = text.partition("\n")
        name, between, said = first.partition(colon)
        found.append((name, between, said + newline + rest) if between else (text, "", ""))
    return found


def adamw(w, g, m, v, t, rate, decay, root: Callable) -> tuple:
    """A step of AdamW, with any root of the mean square."""
    m, v = 0.9 * m + 0.1 * g, 0.95 * v + 0.05 * g * g
    return w - rate * (m / (1 - 0.9**t) / root(v / (1 - 0.95**t)) + decay * w), m, v


def trained(model: nn.Module, optimizer, inputs: torch.Tensor, targets: torch.Tensor, **how: bool) -> float:
    """A step of training that says how gradients are cleared."""
    loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
    optimizer.zero_grad(**how)
    loss.backward()
    optimizer.step()
    return loss.item()


def trained_by_a_closure(model: nn.Module, optimizer, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The same, by way of the parameter groups and of a function that the step calls."""

    def closure() -> torch.Tensor:
        for weight in optimizer.param_groups[0]["params"]:
            weight.grad = None
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        loss.backward()
        return loss

    return optimizer.step(closure)


def said_by_the_assistant(ids: list[int], user: int, assistant: int, end: int) -> list[bool]:
    """13.5 by somebody who takes it for granted that each message ends before the next begins."""
    found, speaking = [False] * len(ids), False
    for place, token in enumerate(ids):
        if token in (user, assistant):
            speaking = token == assistant
            continue
        found[place] = speaking
        speaking = speaking and token != end
    return found


def bleu_precision(candidate: list[str], references: list[list[str]], n: int, between: str) -> float:
    """16.5, with n-grams as texts."""
    found, *allowed = (
        [between.join(words[i : i + n]) for i in range(len(words) - n + 1)] for words in (candidate, *references)
    )
    return sum(min(found.count(g), max(one.count(g) for one in allowed)) for g in set(found)) / len(found)


def with_weight(matrix: torch.Tensor) -> nn.Linear:
    """A layer whose weight is set through its data."""
    layer = nn.Linear(*matrix.shape, bias=False)
    layer.weight.data = matrix.T.contiguous()
    return layer


# --- answers as they are written, whose text can be read ---


def early_return(ids, times):
    for i in ids:
        result = [times * i]
        return result


def not_assigned(scores):
    future = torch.ones(len(scores), len(scores), dtype=torch.bool).triu(1)
    scores.masked_fill(future, float("-inf"))
    return torch.softmax(scores, dim=-1)


def left_above(ids, times):
    raise NotImplementedError  # your turn
    return [times * i for i in ids]


def left_below(ids, times):
    result = []
    for i in ids:
        result.append(times * i)
    raise NotImplementedError


kite = [3, 1]


def from_the_notebook(ids, times):
    return [times * i for i in kite]


def never_looks(ids, times):
    return [i + i for i in ids]


def loops_over_a_number(ids, times):
    return [times * i for i in times]


def lists_a_number(ids, times):
    return list(times)


def used_before_it_is_set(ids, times):
    for i in ids:
        result.append(times * i)  # noqa: F821
    result = []
    return result


def not_set_back(a, b):
    result = torch.zeros(a.shape[0], b.shape[1])
    total = 0.0
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                total += a[i, k] * b[k, j]
            result[i, j] = total
    return result


def not_kept(ids, tokens, positions, blocks, final_norm, head):
    x = tokens[ids] + positions[: ids.shape[1]]
    for block in blocks:
        block(x)
    return final_norm(x) @ head.T


def unkept_norms(q, k, v, q_weight, k_weight, cos, sin):
    F.rms_norm(q, q_weight.shape, q_weight, 1e-6)
    F.rms_norm(k, k_weight.shape, k_weight, 1e-6)
    return q, k, v


class MisspeltDataset(e03.WindowDataset.__base__):
    def __init__(self, ids, max_length, stride):
        self.pairs = e03.StoredWindows(ids, max_length, stride).pairs

    def __len__(self):
        return len(self.pairs)

    def __get_item__(self, i):
        return self.pairs[i]


class HalfWritten(e03.WindowDataset.__base__):
    def __init__(self, ids, max_length, stride):
        self.pairs = e03.StoredWindows(ids, max_length, stride).pairs

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, i):
        raise NotImplementedError


class AThirdWritten(e03.WindowDataset.__base__):
    def __init__(self, ids, max_length, stride):
        self.ids, self.max_length, self.stride = torch.tensor(ids), max_length, stride

    def __len__(self): ...

    def __getitem__(self, i): ...


class NoSelf(e03.WindowDataset.__base__):
    def __init__(self, ids, max_length, stride):
        self.ids = torch.tensor(ids)

    def __len__():  # what a beginner writes
        return 3

    def __getitem__(self, i):
        return self.ids[i:-1], self.ids[i + 1 :]


def last_of_equals(counts, tokens):
    best = next(iter(counts))
    for pair in counts:
        if (counts[pair], tokens[pair[0]]) >= (counts[best], tokens[best[0]]):
            best = pair
    return best


def without_one(ids, i, radius):
    around = ids[max(0, i - radius) : i + radius + 1]
    around.remove(ids[i])
    return around


def bags_in_one(ids, radius):
    bags, around = [], []
    for i, word in enumerate(ids):
        for j in range(i - radius, i + radius + 1):
            if 0 <= j < len(ids) and j != i:
                around.append(ids[j])
        bags.append((around, word))
    return bags


def turned_arguments(times, ids):
    return [times * i for i in ids]


def specials_reversed(pieces, special_tokens):
    return {token: i for i, token in enumerate(sorted(set(pieces)) + special_tokens[::-1])}


def counts_once(ids, n_merges):
    tokens, merges, counts = [bytes([i]) for i in range(256)], [], count_pairs(ids)
    while counts and len(merges) < n_merges:
        pair = e02.best_pair(counts, tokens)
        ids = merge(ids, pair, len(tokens))
        tokens.append(tokens[pair[0]] + tokens[pair[1]])
        merges.append(pair)
    return merges


def appends_first(ids, n_merges):
    tokens, merges = [bytes([i]) for i in range(256)], []
    while count_pairs(ids) and len(merges) < n_merges:
        pair = e02.best_pair(count_pairs(ids), tokens)
        tokens.append(tokens[pair[0]] + tokens[pair[1]])
        ids = merge(ids, pair, len(tokens))
        merges.append(pair)
    return merges


def never_stops(ids, n_merges):
    tokens, merges = [bytes([i]) for i in range(256)], []
    while len(merges) < n_merges:
        pair = e02.best_pair(count_pairs(ids), tokens)
        ids = merge(ids, pair, len(tokens))
        tokens.append(tokens[pair[0]] + tokens[pair[1]])
        merges.append(pair)
    return merges


def shifted(vector, k, twos):
    """The vector of a position k further on, with `twos` in place of the 2 of the exponent."""
    angles = k / 10_000 ** (twos * torch.arange(len(vector) // 2) / len(vector))
    sines, cosines = vector[::2], vector[1::2]
    turned = sines * angles.cos() + cosines * angles.sin(), cosines * angles.cos() - sines * angles.sin()
    return torch.stack(turned, 1).flatten()


def copies_once(attention, x):
    changed, moves = x.clone(), []
    for place in range(1, len(x)):
        changed[place:] += 1
        moves.append(not torch.allclose(attention(changed)[:place], attention(x)[:place]))
    return moves


def one_more(texts):
    found = {word: sum(word in text for text in texts) for text in texts for word in text}
    return {word: math.log(len(texts) / (n + 1)) for word, n in found.items()}


def summed_in_place(state, scores, values):
    largest, total, mixed = state
    new = torch.maximum(largest, scores.max())
    total *= torch.exp(largest - new)
    mixed *= torch.exp(largest - new)
    return new, total + torch.exp(scores - new).sum(), mixed + torch.exp(scores - new) @ values


class EmptyDataset(e03.WindowDataset.__base__):
    def __init__(self, ids, max_length, stride):
        raise NotImplementedError  # your turn

    def __len__(self): ...

    def __getitem__(self, i): ...


class Foward(nn.Module):
    def __init__(self, n_embd, n_head, context_length):
        super().__init__()
        self.qkv, self.proj = nn.Linear(n_embd, 3 * n_embd), nn.Linear(n_embd, n_embd)

    def foward(self, x):
        return x


def learned_mask() -> type:
    """Multi-head attention whose mask is a parameter."""
    source = source_of(e09.MultiHeadAttention).replace(
        'self.register_buffer("future", future, persistent=False)', "self.future = nn.Parameter(future.float())"
    )
    return define(source.replace("self.future[:T, :T]", "self.future[:T, :T].bool()"), e09.MultiHeadAttention)


def two_mistakes(exercise: Exercise, first: int, second: int) -> Any:
    """The reference with two of its known mistakes in it."""
    source = source_of(exercise.reference)
    for mistake in (exercise.mistakes[first], exercise.mistakes[second]):
        assert source.count(mistake.old) == 1
        source = source.replace(mistake.old, mistake.new)
    return define(source, exercise.reference)
