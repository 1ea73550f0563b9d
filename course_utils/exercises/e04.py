"""Exercises of notebook 04: shapes, one-hot rows, which rows learn, pairs and bags of neighbours, a loss, cosine."""

from collections.abc import Sequence
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises.engine.exercise import Exercise, Mistake, Probe
from course_utils.exercises.engine.probes import numbers

# --- 04.1 ---

SHAPE = Exercise(
    number="04.1",
    title="The shape of what comes out",
    name="shape",
    reference=(2, 5, 8),
    hints=[
        "Each id is replaced by its vector. How many ids are there, and in what shape?",
        "The shape of the ids stays, and one more dimension comes at the end: the numbers of a vector.",
    ],
    mistakes=[
        Mistake("That is the shape of the ids. Each of them becomes a row of 8 numbers", answer=(2, 5)),
        Mistake("Each of the 10 ids gets a vector of its own, not each of the two texts", answer=(2, 8)),
        Mistake("That's the shape for one text. There are two", answer=(5, 8)),
        Mistake("There are 10 vectors of 8, but they keep the shape of their ids: 2 texts of 5", answer=(10, 8)),
        Mistake("The numbers of a vector come last: that is the course's (B, T, C)", answer=(8, 2, 5)),
        Mistake("The texts keep their length of 5, and the 8 numbers come last", answer=(2, 8, 5)),
        Mistake(
            "The size of the vocabulary is the number of rows in the table; what comes out has 8", answer=(2, 5, 100)
        ),
        Mistake("That's the shape of the whole table. You get only a row for each id", answer=(100, 8)),
    ],
)


# --- 04.2 ---


def one_hot(ids: Tensor, vocab_size: int) -> Tensor:
    """Return a row for each id, (T, vocab_size): 1 in the id's column and 0 elsewhere."""
    rows = torch.zeros(len(ids), vocab_size)
    rows[torch.arange(len(ids)), ids] = 1.0
    return rows


def one_hot_by_comparing(ids: Tensor, vocab_size: int) -> Tensor:
    """The same in one comparison."""
    return (ids[:, None] == torch.arange(vocab_size)).float()


def ids_and_size(chance: Random) -> list[Probe]:
    """Ids that repeat, in vocabularies of several sizes; the last token never occurs, so no text shows the size."""
    probes: list[Probe] = [(torch.tensor([2, 0]), 4), (torch.tensor([1, 1, 3, 2]), 5)]
    for size in (5, 6, 9):
        probes.append((torch.tensor([chance.randrange(size - 1) for _ in range(size - 1)]), size))
    return probes


ONE_HOT = Exercise(
    number="04.2",
    title="One-hot rows",
    name="one_hot",
    reference=one_hot,
    probes=ids_and_size,
    alternatives=[one_hot_by_comparing, lambda ids, vocab_size: F.one_hot(ids, vocab_size).float()],
    hints=[
        "Begin with zeros: one row for each id, one column for each token of the vocabulary.",
        "In row i, column ids[i] becomes 1. A loop does it.",
        "Without a loop: rows[torch.arange(len(ids)), ids] = 1.0 sets one number in each row.",
    ],
    mistakes=[
        Mistake(
            "Your rows have a 1 for every id of the text. Row i has only one, in column ids[i]",
            "rows[torch.arange(len(ids)), ids]",
            "rows[:, ids]",
        ),
        Mistake(
            "Rows and columns are swapped: a row for each id, a column for each token of the vocabulary",
            "return rows",
            "return rows.T",
        ),
        Mistake("The number is 1, whatever the id", "= 1.0", "= ids.float()"),
        Mistake(
            "These are whole numbers. A product with the table takes floating point numbers",
            "torch.zeros(len(ids), vocab_size)",
            "torch.zeros(len(ids), vocab_size, dtype=torch.long)",
        ),
        Mistake(
            "That is one row for the whole text, with all its tokens at once. Each token gets a row of its own",
            answer=lambda ids, vocab_size: torch.bincount(ids, minlength=vocab_size).clamp(max=1).float(),
        ),
        Mistake(
            "That sets whole rows, chosen by id. In row i, set only column ids[i]",
            "rows[torch.arange(len(ids)), ids]",
            "rows[ids.clamp(max=len(ids) - 1)]",
        ),
        Mistake("Ids count from 0: the first column belongs to id 0", ", ids] =", ", ids - 1] ="),
        Mistake("All other columns are 0", "torch.zeros(", "torch.ones("),
        Mistake(
            "Your row i has its 1 in column i. It belongs in column ids[i]",
            answer=lambda ids, vocab_size: torch.eye(len(ids), vocab_size),
        ),
        Mistake(
            "Your rows end at the largest id of this text. The vocabulary goes on: each row has vocab_size columns, as "
            "in F.one_hot(ids, vocab_size)",
            answer=lambda ids, vocab_size: F.one_hot(ids).float(),
        ),
        Mistake(
            "Your rows end at the largest id of this text, and they hold whole numbers. Each row has vocab_size "
            "columns: F.one_hot(ids, vocab_size).float()",
            answer=lambda ids, vocab_size: F.one_hot(ids),
        ),
    ],
)


# --- 04.3 ---

MOVED = Exercise(
    number="04.3",
    title="Which rows learn?",
    name="moved",
    reference=[3, 5, 9],
    hints=[
        "A row gets a gradient if the loss depends on it. On which rows does it depend?",
        "Id 5 is in the batch twice. It still has only one row.",
    ],
    mistakes=[
        Mistake("The table has one row 5. It is looked up twice, and the two gradients are added", answer=[3, 5, 5, 9]),
        Mistake("The loss doesn't depend on rows that weren't looked up: their gradient is 0", answer=[*range(10)]),
        Mistake("Row 5 learns from both of its positions: gradients add up, they don't cancel", answer=[3, 9]),
        Mistake("Every row that was looked up learns, not only the one that was looked up twice", answer=[5]),
        Mistake("Those are the numbers of the texts. The rows of the table are named by the ids", answer=[0, 1]),
        Mistake(
            "Those are the four positions in the batch. The rows of the table are named by the ids", answer=[0, 1, 2, 3]
        ),
        Mistake("Both texts of the batch count", answer=[3, 5]),
    ],
)


# --- 04.4 ---


def pairs(ids: Sequence[int], radius: int) -> list[tuple[int, int]]:
    """Return each word with each word at most `radius` positions from it, from left to right."""
    found = []
    for place in range(len(ids)):
        for other in range(max(0, place - radius), min(len(ids), place + radius + 1)):
            if other != place:
                found.append((ids[place], ids[other]))
    return found


def pairs_by_distance(ids: Sequence[int], radius: int) -> list[tuple[int, int]]:
    """The same, over all pairs of positions."""
    places = range(len(ids))
    return [(ids[i], ids[j]) for i in places for j in places if 0 < abs(i - j) <= radius]


def texts_and_radius(chance: Random) -> list[Probe]:
    """Short texts, some with a word that returns at once."""
    probes: list[Probe] = [([7, 8, 9], 1), ([1, 2, 3, 4], 2), ([5, 5, 6], 1), ([4, 2, 2, 2, 4], 2), ([1, 2, 1, 3], 2)]
    probes += [([chance.randrange(20) for _ in range(length)], radius) for length, radius in ((6, 2), (7, 3), (2, 3))]
    return probes


def around_the_end(ids: Sequence[int], radius: int) -> list[tuple[int, int]]:
    """The mistake of counting on from the last word to the first."""
    steps = [step for step in range(-radius, radius + 1) if step]
    return [(ids[i], ids[(i + step) % len(ids)]) for i in range(len(ids)) for step in steps]


PAIRS = Exercise(
    number="04.4",
    title="Words and their neighbours",
    name="pairs",
    reference=pairs,
    probes=texts_and_radius,
    alternatives=[pairs_by_distance],
    hints=[
        "For each position `place`, go through those from place - radius to place + radius.",
        "Not all of them exist: begin at max(0, place - radius), end before min(len(ids), place + radius + 1).",
        "Leave out the position itself.",
    ],
    mistakes=[
        Mistake("A word isn't its own neighbour: leave out the position itself", "if other != place:", "if True:"),
        Mistake(
            "You leave out equal words. Leave out only the position itself: the same word may come twice in a row",
            "other != place:",
            "ids[other] != ids[place]:",
        ),
        Mistake(
            "The last neighbour on the right is missing: a range ends before its end",
            "place + radius + 1)",
            "place + radius)",
        ),
        Mistake("There are neighbours on the left too", "max(0, place - radius)", "place"),
        Mistake("There are neighbours on the right too", "min(len(ids), place + radius + 1)", "place"),
        Mistake(
            "First the word, then its neighbour: you've swapped them",
            "(ids[place], ids[other])",
            "(ids[other], ids[place])",
        ),
        Mistake("The last word isn't a neighbour of the first, but ids[-1] is the last word", answer=around_the_end),
        Mistake(
            "A slice that starts below 0 counts from the end and gives nothing here: begin at max(0, place - radius)",
            answer=lambda ids, radius: [
                (word, other)
                for place, word in enumerate(ids)
                for other in [*ids[place - radius : place], *ids[place + 1 : place + radius + 1]]
            ],
        ),
        Mistake(
            "Words near an end have neighbours too, only fewer",
            answer=lambda ids, radius: [
                (ids[i], ids[j])
                for i in range(radius, len(ids) - radius)
                for j in range(i - radius, i + radius + 1)
                if j != i
            ],
        ),
        Mistake("Those are positions: return the ids at them", "(ids[place], ids[other])", "(place, other)"),
        Mistake(
            "You take only words at exactly this distance. All nearer ones count too",
            "other != place:",
            "abs(other - place) == radius:",
        ),
        Mistake(
            "Negative indices count from the end: ids[-1] is the last word. Begin at max(0, place - radius)",
            "max(0, place - radius)",
            "place - radius",
        ),
        Mistake(
            "The pairs are right, but their order isn't: go through a word's neighbours from left to right",
            answer=lambda ids, radius: [
                (ids[i], ids[j])
                for i in range(len(ids))
                for step in range(1, radius + 1)
                for j in (i - step, i + step)
                if 0 <= j < len(ids)
            ],
        ),
    ],
)


# --- 04.5 ---


def sampling_loss(v: Tensor, u: Tensor, drawn: Tensor) -> Tensor:
    """Return the loss of one pair: the word's v (C,), its neighbour's u (C,), those of drawn words (K, C)."""
    yes = F.logsigmoid(u @ v)
    no = F.logsigmoid(-(drawn @ v)).sum()
    return -(yes + no)


def sampling_loss_by_formula(v: Tensor, u: Tensor, drawn: Tensor) -> Tensor:
    """The same, sigmoid and logarithm written out."""
    loss = torch.log(1 + torch.exp(-(u * v).sum()))
    for other in drawn:
        loss = loss + torch.log(1 + torch.exp((other * v).sum()))
    return loss


def pairs_with_noise(chance: Random) -> list[Probe]:
    """Vectors of a word, of its neighbour and of some drawn words, with products that are neither 0 nor large."""
    sizes = ((2, 1), (2, 2), (3, 2), (4, 5), (5, 3))
    return [(numbers(chance, C) / 2, numbers(chance, C) / 2, numbers(chance, K * C).view(K, C) / 2) for C, K in sizes]


SAMPLING_LOSS = Exercise(
    number="04.5",
    title="The loss of negative sampling",
    name="sampling_loss",
    reference=sampling_loss,
    probes=pairs_with_noise,
    alternatives=[sampling_loss_by_formula],
    hints=[
        "u @ v is how well the true neighbour goes with the word; drawn @ v has that number for each drawn word.",
        "The true one should be a yes: ln σ(u · v). Each drawn one should be a no: ln σ(-(d · v)).",
        "-(F.logsigmoid(u @ v) + F.logsigmoid(-(drawn @ v)).sum())",
    ],
    mistakes=[
        Mistake(
            "Drawn words are asked for a yes. The minus is missing: σ(-x) is the probability of no",
            "F.logsigmoid(-(drawn @ v))",
            "F.logsigmoid(drawn @ v)",
        ),
        Mistake(
            "The true neighbour is asked for a no, and the drawn words for a yes",
            answer=lambda v, u, drawn: -(F.logsigmoid(-(u @ v)) + F.logsigmoid(drawn @ v).sum()),
        ),
        Mistake(
            "The true neighbour is asked for a no, like the drawn words: σ(u · v) is the probability of yes",
            "F.logsigmoid(u @ v)",
            "F.logsigmoid(-(u @ v))",
        ),
        Mistake("A loss is what gets smaller: put a minus in front of the whole", "-(yes + no)", "yes + no"),
        Mistake("Add up what the drawn words cost, don't average it", ".sum()", ".mean()"),
        Mistake("The drawn words are missing: each adds -ln σ(-(d · v))", "-(yes + no)", "-yes"),
        Mistake("The true neighbour is missing: it adds -ln σ(u · v)", "-(yes + no)", "-no"),
        Mistake(
            "The logarithm is missing: those are probabilities",
            answer=lambda v, u, drawn: -(torch.sigmoid(u @ v) + torch.sigmoid(-(drawn @ v)).sum()),
        ),
        Mistake(
            "σ is missing: a product isn't a probability",
            answer=lambda v, u, drawn: -(u @ v - (drawn @ v).sum()),
        ),
        Mistake("You subtract what the drawn words cost. Add both parts", "-(yes + no)", "-(yes - no)"),
        Mistake(
            "That's softmax over all of them, as in a language model. Here each word gets a yes or a no of its own",
            answer=lambda v, u, drawn: -torch.log_softmax(torch.cat((u[None], drawn)) @ v, 0)[0],
        ),
        Mistake("You have a number for each drawn word: add them up", ".sum()", ""),
        Mistake(
            "Add up after the logarithm, not before: each drawn word has a loss of its own",
            "F.logsigmoid(-(drawn @ v)).sum()",
            "F.logsigmoid(-(drawn @ v).sum())",
        ),
        Mistake(
            "You compare drawn words with the neighbour. All are compared with the word that's given, v",
            "drawn @ v",
            "drawn @ u",
        ),
    ],
)


# --- 04.6 ---


def similarity(a: Tensor, b: Tensor) -> Tensor:
    """Return the cosine of the angle between two vectors (C,)."""
    return (a * b).sum() / (a.norm() * b.norm())


SIMILARITY = Exercise(
    number="04.6",
    title="Cosine similarity",
    name="similarity",
    reference=similarity,
    probes=lambda chance: [
        (torch.tensor([3.0, 4.0]), torch.tensor([4.0, 3.0])),
        (torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0])),
        (torch.tensor([1.0, 2.0]), torch.tensor([-2.0, -1.0])),
        (torch.tensor([2.0, 0.0, 1.0]), torch.tensor([-3.0, 1.0, 0.0])),
        *((numbers(chance, n), numbers(chance, n)) for n in (2, 3, 8, 8)),
    ],
    alternatives=[
        lambda a, b: F.cosine_similarity(a, b, dim=0),
        lambda a, b: (a / a.norm()) @ (b / b.norm()),
    ],
    hints=[
        "The dot product (a * b).sum() is large for long vectors, whatever their directions.",
        "So divide by the length of each: a.norm() and b.norm().",
    ],
    mistakes=[
        Mistake("That is the dot product. Divide by both lengths, or long vectors win", " / (a.norm() * b.norm())", ""),
        Mistake("You divide by the first length only: both count", "(a.norm() * b.norm())", "a.norm()"),
        Mistake("You divide by the second length only: both count", "(a.norm() * b.norm())", "b.norm()"),
        Mistake("Multiply the two lengths, don't add them", "a.norm() * b.norm()", "a.norm() + b.norm()"),
        Mistake(
            "Without parentheses you divide by the first length and multiply by the second",
            "(a.norm() * b.norm())",
            "a.norm() * b.norm()",
        ),
        Mistake(
            "Those are the squares of the lengths: take their roots",
            "(a.norm() * b.norm())",
            "((a * a).sum() * (b * b).sum())",
        ),
        Mistake(
            "len says how many numbers there are; the length of the arrow is norm()",
            "(a.norm() * b.norm())",
            "(len(a) * len(b))",
        ),
        Mistake("That is how far they are apart. Cosine is about directions", answer=lambda a, b: (a - b).norm()),
        Mistake(
            "That is a distance: 0 where the directions are the same. Similarity is 1 there",
            answer=lambda a, b: 1 - (a * b).sum() / (a.norm() * b.norm()),
        ),
        Mistake("Opposite directions have -1: keep the sign", "(a * b).sum()", "(a * b).sum().abs()"),
        Mistake("You have a number for each dimension: add them up, (a * b).sum()", "(a * b).sum()", "(a * b)"),
    ],
)


# --- 04.7 ---


def bags(ids: Sequence[int], radius: int) -> list[tuple[list[int], int]]:
    """Return, for each word, the list of the words at most `radius` positions from it, and the word."""
    found = []
    for place in range(len(ids)):
        before = ids[max(0, place - radius) : place]
        after = ids[place + 1 : place + radius + 1]
        found.append(([*before, *after], ids[place]))
    return found


def bags_by_distance(ids: Sequence[int], radius: int) -> list[tuple[list[int], int]]:
    """The same, over all pairs of positions."""
    places = range(len(ids))
    return [([ids[j] for j in places if 0 < abs(i - j) <= radius], ids[i]) for i in places]


def turned_round(ids: Sequence[int], radius: int) -> list[tuple[int, int]]:
    """The mistake of one pair for each neighbour."""
    return [(other, word) for word, other in pairs(ids, radius)]


def bags_of_positions(ids: Sequence[int], radius: int) -> list[tuple[list[int], int]]:
    """The mistake of leaving positions where ids belong."""
    return bags(range(len(ids)), radius)


BAGS = Exercise(
    number="04.7",
    title="The word from its neighbours",
    name="bags",
    reference=bags,
    probes=texts_and_radius,
    alternatives=[bags_by_distance],
    hints=[
        "Each word of the text gives one pair: the list of its neighbours, then the word.",
        "The neighbours on the left are ids[max(0, place - radius) : place].",
        "Those on the right are ids[place + 1 : place + radius + 1]. A slice may run past the end.",
    ],
    mistakes=[
        Mistake("The word that's to be predicted mustn't be in its own bag", "ids[place + 1 :", "ids[place:"),
        Mistake(
            "First the neighbours, then the word: you've swapped them",
            "([*before, *after], ids[place])",
            "(ids[place], [*before, *after])",
        ),
        Mistake("There are neighbours on the right too", "[*before, *after]", "[*before]"),
        Mistake("There are neighbours on the left too", "[*before, *after]", "[*after]"),
        Mistake(
            "The last neighbour on the right is missing: a slice ends before its end",
            "place + radius + 1]",
            "place + radius]",
        ),
        Mistake(
            "A slice that starts below 0 counts from the end and gives nothing here: begin at max(0, place - radius)",
            "max(0, place - radius)",
            "place - radius",
        ),
        Mistake("That's skip-gram turned round. Here all neighbours of a word go into one list", answer=turned_round),
        Mistake("Those are positions: return the ids at them", answer=bags_of_positions),
        Mistake(
            "Words near an end have neighbours too, only fewer",
            answer=lambda ids, radius: bags(ids, radius)[radius : len(ids) - radius],
        ),
    ],
)

EXERCISES = [SHAPE, ONE_HOT, MOVED, PAIRS, SAMPLING_LOSS, SIMILARITY, BAGS]
