"""Exercises of refresher A: shapes, products, order, softmax, cross-entropy, masks, a slope and a step of training."""

import math
from random import Random

import torch
from torch import Tensor

from course_utils.exercises.engine.exercise import Exercise, Mistake, Probe
from course_utils.exercises.engine.probes import numbers

# --- A.1 ---

SHAPE = Exercise(
    number="A.1",
    title="A shape, predicted",
    name="shape",
    reference=(5, 3),
    hints=[
        "Write the two shapes under each other, their last numbers in one column.",
        "A 1 is stretched, and a gap counts as 1.",
    ],
    mistakes=[
        Mistake("Nothing is lost: the 1 is stretched to the 3 of the other tensor", answer=(5, 1)),
        Mistake("Shapes are lined up at their ends: the 3 is below the 1, not below the 5", answer=(3, 5)),
        Mistake("The result has as many dimensions as the larger of the two", answer=(5,)),
        Mistake("There are 15 numbers, in 5 rows of 3", answer=(15,)),
        Mistake("That's a text: write the tuple without quotation marks", answer="(5, 3)"),
        Mistake("No dimension is added: shapes are lined up, not put one after the other", answer=(5, 1, 3)),
    ],
)


# --- A.2 ---


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """Return the matrix product of (n, k) and (k, m), written with loops."""
    result = torch.zeros(a.shape[0], b.shape[1])
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            result[i, j] = (a[i, :] * b[:, j]).sum()
    return result


def matmul_by_broadcasting(a: Tensor, b: Tensor) -> Tensor:
    """The same without a loop."""
    return (a[:, :, None] * b[None, :, :]).sum(1)


def matrices(chance: Random) -> list[Probe]:
    """Pairs of small matrices, most of them square: there a mistake shows in the numbers, not in a crash."""
    shapes = [((2, 2), (2, 2)), ((3, 3), (3, 3)), ((1, 3), (3, 3)), ((2, 3), (3, 4))]
    first = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[5.0, 6.0], [7.0, 8.0]])
    return [first] + [(numbers(chance, *a), numbers(chance, *b)) for a, b in shapes]


MATMUL = Exercise(
    number="A.2",
    title="The matrix product, by hand",
    name="matmul",
    reference=matmul,
    probes=matrices,
    alternatives=[matmul_by_broadcasting, torch.matmul],
    hints=[
        "Number [i, j] of the result: row i of a times column j of b, number by number, then summed.",
        "Begin with torch.zeros(a.shape[0], b.shape[1]) and fill it in two loops.",
        "Row i is a[i, :], column j is b[:, j].",
    ],
    mistakes=[
        Mistake(
            "You went through the rows of b: the number at [i, j] takes column j of b",
            "b[:, j]).sum()",
            "b[j, :]).sum()",
        ),
        Mistake(
            "That's the product number by number; the matrix product sums over a row times a column",
            answer=lambda a, b: a * b,
        ),
        Mistake(
            "[i, j] is one number: sum the products of row i and column j",
            "(a[i, :] * b[:, j]).sum()",
            "a[i, :] * b[:, j]",
        ),
        Mistake(
            "The order is reversed: row i belongs to a, column j to b",
            answer=lambda a, b: b @ a,
        ),
        Mistake(
            "Each number is only the last product: add all of them up",
            "(a[i, :] * b[:, j]).sum()",
            "a[i, -1] * b[-1, j]",
        ),
        Mistake(
            "The sum is missing a number: go through the whole row and the whole column",
            "(a[i, :] * b[:, j]).sum()",
            "(a[i, 1:] * b[1:, j]).sum()",
        ),
    ],
)


# --- A.3 ---

ORDER = Exercise(
    number="A.3",
    title="What transposing does to the order",
    name="order",
    reference=[0, 3, 1, 4, 2, 5],
    hints=[
        "reshape(2, 3) has the rows 0 1 2 and 3 4 5. What are its columns?",
        "Transposed, the rows are 0 3, 1 4 and 2 5. The last reshape reads them one after the other.",
    ],
    mistakes=[
        Mistake("That's the order before. Transposing has made rows of the columns", answer=[0, 1, 2, 3, 4, 5]),
        Mistake("The columns are right, and each is read upwards: go down", answer=[3, 0, 4, 1, 5, 2]),
        Mistake("Those are the even and the odd ones. Rows of three are 0 1 2 and 3 4 5", answer=[0, 2, 4, 1, 3, 5]),
        Mistake("The rows have swapped places. Transposing makes rows of the columns", answer=[3, 4, 5, 0, 1, 2]),
        Mistake("It's in one row: reshape(6) takes the lines away", answer=[[0, 3], [1, 4], [2, 5]]),
        Mistake("Nothing is turned round: the first number stays the first", answer=[5, 4, 3, 2, 1, 0]),
    ],
)


# --- A.4 ---


def softmax(scores: Tensor) -> Tensor:
    """Return probabilities, one row a distribution, from scores (rows, n)."""
    powers = torch.exp(scores - scores.max(dim=-1, keepdim=True).values)
    return powers / powers.sum(dim=-1, keepdim=True)


def some_scores(chance: Random) -> list[Probe]:
    """Rows of scores, small at first, then so large that a naive form breaks."""
    shapes = [(1, 2), (2, 3), (4, 4)]
    return [
        (torch.tensor([[0.0, math.log(3)], [0.0, 0.0]]),),
        *((numbers(chance, *shape),) for shape in shapes),
        (torch.tensor([[0.0, 1.0], [-500.0, -501.0]]),),
        (torch.tensor([[900.0, 901.0], [1.0, 0.0]]),),
        (numbers(chance, 2, 3, low=-1000, high=1000),),
        (numbers(chance, 3, 2) + 500,),
    ]


def rows_sum_to_one(result: Tensor, scores: Tensor) -> str | None:
    """Probabilities of a row sum to 1."""
    sums = result.sum(-1)
    worst = int((sums - 1).abs().nan_to_num(torch.inf).argmax())
    return None if bool(((sums - 1).abs() < 1e-3).all()) else f"row {worst} sums to {sums[worst]:.3g}; it should be 1"


SOFTMAX = Exercise(
    number="A.4",
    title="Softmax",
    name="softmax",
    reference=softmax,
    probes=some_scores,
    alternatives=[
        lambda scores: scores.softmax(-1),
        lambda scores: (scores - scores.logsumexp(-1, keepdim=True)).exp(),
    ],
    rules=[rows_sum_to_one],
    hints=[
        "Two steps: make every score positive with torch.exp, then divide each row by its sum.",
        "keepdim=True keeps the sum as a column, so that it is divided row by row.",
        "exp(1000) is too large a number. Softmax doesn't change when you subtract one number from all scores of a "
        "row: take the largest.",
    ],
    mistakes=[
        Mistake(
            "For large scores exp gives infinity, and infinity divided by infinity isn't a number: subtract the row's "
            "largest score from all of them first",
            "torch.exp(scores - scores.max(dim=-1, keepdim=True).values)",
            "torch.exp(scores)",
        ),
        Mistake(
            "You subtract the largest of all. A row far below it becomes 0 / 0: take each row's own largest",
            "scores.max(dim=-1, keepdim=True).values",
            "scores.max()",
        ),
        Mistake(
            "The sums lie in a row, and are stretched down the columns: keepdim=True keeps them as a column",
            "powers.sum(dim=-1, keepdim=True)",
            "powers.sum(dim=-1)",
        ),
        Mistake(
            "You divide by the sum of a column: each row is a distribution of its own",
            "powers.sum(dim=-1, keepdim=True)",
            "powers.sum(dim=0, keepdim=True)",
        ),
        Mistake(
            "You divide by the sum of the whole table: each row is a distribution of its own",
            "powers.sum(dim=-1, keepdim=True)",
            "powers.sum()",
        ),
        Mistake(
            "The powers are right, but nothing makes a row sum to 1: divide by its sum",
            "powers / powers.sum(dim=-1, keepdim=True)",
            "powers",
        ),
        Mistake(
            "That's softmax down the columns: each row is a distribution of its own, so go along dim=-1",
            answer=lambda scores: scores.softmax(0),
        ),
        Mistake(
            "You divide by the sum of the whole table: each row is a distribution of its own. And take each row's "
            "largest score away first, or exp gives infinity",
            answer=lambda scores: scores.exp() / scores.exp().sum(),
        ),
        Mistake(
            "The sums lie in a row: keepdim=True keeps them as a column. And take each row's largest score away first, "
            "or exp gives infinity",
            answer=lambda scores: scores.exp() / scores.exp().sum(-1),
        ),
        Mistake(
            "You divide by the sum of a column: each row is a distribution of its own. And take each row's largest "
            "score away first, or exp gives infinity",
            answer=lambda scores: scores.exp() / scores.exp().sum(0),
        ),
        Mistake(
            "The largest scores lie in a row, and are stretched down the columns: keepdim=True keeps them as a column",
            "scores.max(dim=-1, keepdim=True).values",
            "scores.max(dim=-1).values",
        ),
        Mistake(
            "The largest scores and the sums lie in rows, and are stretched down the columns: keepdim=True keeps both "
            "as columns",
            answer=lambda scores: (
                torch.exp(scores - scores.max(-1).values) / torch.exp(scores - scores.max(-1).values).sum(-1)
            ),
        ),
        Mistake(
            "You divide the scores themselves by their sum. Some are negative: torch.exp makes them positive first",
            answer=lambda scores: scores / scores.sum(-1, keepdim=True),
        ),
    ],
)


# --- A.5 ---


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean surprise, −ln(probability of the right class), of (n, classes) scores and (n,) classes."""
    probabilities = logits.softmax(-1)
    right = probabilities[torch.arange(len(targets)), targets]
    return -right.log().mean()


def scores_and_classes(chance: Random) -> list[Probe]:
    """Scores and right classes for a few examples; with one example first."""
    sizes = [(1, 2), (2, 3), (3, 3), (5, 4)]
    first = torch.tensor([[0.0, 0.0], [0.0, math.log(3)]]), torch.tensor([0, 1])
    return [first] + [(numbers(chance, n, k), torch.tensor([chance.randrange(k) for _ in range(n)])) for n, k in sizes]


CROSS_ENTROPY = Exercise(
    number="A.5",
    title="Cross-entropy",
    name="cross_entropy",
    reference=cross_entropy,
    probes=scores_and_classes,
    alternatives=[
        torch.nn.functional.cross_entropy,
        lambda logits, targets: (logits.logsumexp(-1) - logits.gather(1, targets[:, None])[:, 0]).mean(),
    ],
    hints=[
        "First the probabilities: softmax over the last dimension.",
        "From each row take the probability of the right class: probabilities[torch.arange(n), targets].",
        "Its negative logarithm is the surprise; the result is the mean of all.",
    ],
    mistakes=[
        Mistake("Surprise is positive: a minus is missing", "-right.log()", "right.log()"),
        Mistake(
            "That's 1 minus the probability. The surprise is its negative logarithm",
            "-right.log().mean()",
            "1 - right.mean()",
        ),
        Mistake(
            "You take the probability itself. The surprise is its negative logarithm",
            "-right.log().mean()",
            "-right.mean()",
        ),
        Mistake(
            "That takes every pair of a row and a target: one number from each row is probabilities[rows, targets]",
            "probabilities[torch.arange(len(targets)), targets]",
            "probabilities[:, targets]",
        ),
        Mistake(
            "You sum. The loss is the mean, so that it doesn't grow with the number of examples", ".mean()", ".sum()"
        ),
        Mistake("That's the surprise of each row. The loss is one number, their mean", ".mean()", ""),
        Mistake(
            "You take the mean over all classes: of each row only the right one counts",
            "probabilities[torch.arange(len(targets)), targets]",
            "probabilities",
        ),
        Mistake(
            "The logarithm comes first and the mean last: you take the logarithm of the mean",
            "-right.log().mean()",
            "-right.mean().log()",
        ),
        Mistake("In nats the logarithm is the natural one, torch.log", "right.log()", "right.log2()"),
        Mistake(
            "Scores aren't probabilities: softmax comes first",
            "probabilities = logits.softmax(-1)",
            "probabilities = logits",
        ),
        Mistake(
            "Softmax goes over the classes, the last dimension, not over the examples", "softmax(-1)", "softmax(0)"
        ),
    ],
)


# --- A.6 ---


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of the values at which the mask is True; both have one shape, and at least one is True."""
    return (values * mask).sum() / mask.sum()


def masked_mean_by_loop(values: Tensor, mask: Tensor) -> float:
    """The same, number by number."""
    chosen = [value for value, on in zip(values.flatten().tolist(), mask.flatten().tolist(), strict=True) if on]
    return sum(chosen) / len(chosen)


def values_and_masks(chance: Random) -> list[Probe]:
    """Small tensors with masks that are True at some places and False at others."""
    probes: list[Probe] = [(torch.tensor([4.0, 1.0, 2.0]), torch.tensor([True, False, True]))]
    for shape in ((5,), (2, 3), (3, 4), (6,)):
        mask = torch.zeros(shape, dtype=torch.bool).flatten()
        mask[chance.sample(range(len(mask)), len(mask) // 2)] = True
        mask[0], mask[1] = True, False
        probes.append((numbers(chance, *shape), mask.view(shape)))
    return probes


MASKED_MEAN = Exercise(
    number="A.6",
    title="A mean under a mask",
    name="masked_mean",
    reference=masked_mean,
    probes=values_and_masks,
    alternatives=[masked_mean_by_loop, lambda values, mask: values[mask].mean()],
    hints=[
        "values[mask] are the numbers at which the mask is True, in one row.",
        "Its mean is their sum divided by how many there are: values[mask].mean().",
    ],
    mistakes=[
        Mistake(
            "You divide by the number of all values. Only those under the mask count",
            "(values * mask).sum() / mask.sum()",
            "(values * mask).mean()",
        ),
        Mistake(
            "That's the mean of all values: leave out those at which the mask is False",
            "(values * mask).sum() / mask.sum()",
            "values.mean()",
        ),
        Mistake(
            "You take those at which the mask is False",
            answer=lambda values, mask: values[~mask].mean(),
        ),
        Mistake("That's their sum. Divide by how many there are, mask.sum()", " / mask.sum()", ""),
        Mistake("Those are the numbers. Return their mean", answer=lambda values, mask: values[mask]),
        Mistake(
            "You have a number for each row. The mean is over all of them",
            answer=lambda values, mask: (
                (values * mask).sum(-1) / mask.sum(-1) if values.dim() > 1 else values[mask].mean()[None]
            ),
        ),
        Mistake(
            "That's how many there are. Return the mean of the values",
            "(values * mask).sum() / mask.sum()",
            "mask.sum()",
        ),
    ],
)


# --- A.7 ---


def slope(w: float, x: float, y: float) -> float:
    """Return the derivative of (w * x - y) ** 2 with respect to w."""
    return 2 * (w * x - y) * x


SLOPE = Exercise(
    number="A.7",
    title="A slope, by hand",
    name="slope",
    reference=slope,
    probes=lambda chance: [
        (1.0, 2.0, 3.0),
        (2.0, 3.0, 1.0),
        *(tuple(round(chance.uniform(-4, 4), 1) for _ in "wxy") for _ in range(4)),
    ],
    alternatives=[lambda w, x, y: 2 * w * x * x - 2 * x * y],
    hints=[
        "The derivative of u² is 2u, times the derivative of u.",
        "Here u = w · x − y. What is its derivative with respect to w?",
    ],
    mistakes=[
        Mistake(
            "The inner derivative is missing: w stands beside x, so multiply by x",
            "2 * (w * x - y) * x",
            "2 * (w * x - y)",
        ),
        Mistake("That's the loss itself. How fast does it grow with w?", "2 * (w * x - y) * x", "(w * x - y) ** 2"),
        Mistake("The derivative of u² is 2u: the 2 is missing", "2 * (w * x - y) * x", "(w * x - y) * x"),
        Mistake(
            "The sign is wrong: the slope is that of the loss itself", "2 * (w * x - y) * x", "2 * (y - w * x) * x"
        ),
        Mistake(
            "y doesn't change, so its slope is 0: of w * x - y only x remains",
            "(w * x - y) * x",
            "(w * x - y) * (x - y)",
        ),
        Mistake(
            "That's the slope with respect to x: the exercise asks for the one with respect to w",
            "(w * x - y) * x",
            "(w * x - y) * w",
        ),
    ],
)


# --- A.8 ---


def step(weights: Tensor, gradient: Tensor, learning_rate: float) -> Tensor:
    """Return the weights after one step of gradient descent."""
    return weights - learning_rate * gradient


STEP = Exercise(
    number="A.8",
    title="One step of training",
    name="step",
    reference=step,
    probes=lambda chance: (
        [(torch.tensor([1.0, 2.0]), torch.tensor([4.0, -2.0]), 0.5)]
        + [(numbers(chance, n), numbers(chance, n), round(chance.uniform(0.05, 0.5), 2)) for n in (1, 3, 4)]
    ),
    alternatives=[lambda weights, gradient, learning_rate: torch.sub(weights, gradient, alpha=learning_rate)],
    hints=[
        "The gradient points uphill. The loss should fall.",
        "Subtract the learning rate times the gradient from the weights.",
    ],
    mistakes=[
        Mistake(
            "You go uphill: the gradient says where the loss grows, so subtract",
            "weights - learning",
            "weights + learning",
        ),
        Mistake(
            "The learning rate is missing: the whole gradient is too long a step",
            "learning_rate * gradient",
            "gradient",
        ),
        Mistake(
            "You divide by the learning rate: a smaller one must make a smaller step",
            "learning_rate * gradient",
            "gradient / learning_rate",
        ),
        Mistake(
            "That's the change. Return the new weights",
            "weights - learning_rate * gradient",
            "-learning_rate * gradient",
        ),
        Mistake(
            "That's how far to go. Take it away from the weights, and return those",
            "weights - learning_rate * gradient",
            "learning_rate * gradient",
        ),
        Mistake(
            "The learning rate makes the step smaller, not the weights: multiply before you subtract",
            "weights - learning_rate * gradient",
            "(weights - gradient) * learning_rate",
        ),
    ],
)

EXERCISES = [SHAPE, MATMUL, ORDER, SOFTMAX, CROSS_ENTROPY, MASKED_MEAN, SLOPE, STEP]
