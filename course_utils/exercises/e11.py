"""Exercises of notebook 11: the loss, its perplexity, a step, AdamW, what decays, the schedule, what a gap promises."""

import math
from collections.abc import Callable, Sequence
from random import Random

import torch
from torch import Tensor, nn

from course_utils.exercises.engine.exercise import Exercise, Mistake
from course_utils.exercises.engine.probes import numbers
from course_utils.exercises.engine.showing import typed
from course_utils.training import IGNORED, cross_entropy

# --- 11.1 ---


def mean_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean of -ln(probability of the target), targets of -100 left out: (B, T, V) and (B, T) to a number."""
    counted = targets != -100
    log_probabilities = torch.log_softmax(logits, dim=-1)[counted]  # (N, V)
    right = log_probabilities[torch.arange(len(log_probabilities)), targets[counted]]
    return -right.mean()


def loss_by_loop(logits: Tensor, targets: Tensor) -> Tensor:
    """The same, one position after the other."""
    losses = []
    for scores, target in zip(logits.flatten(0, 1), targets.flatten(), strict=True):
        if target != IGNORED:
            losses.append(scores.exp().sum().log() - scores[target])
    return torch.stack(losses).mean()


def loss_with_shifted_targets(logits: Tensor, targets: Tensor) -> Tensor:
    """What somebody gets who shifts targets that are one further already."""
    return mean_loss(logits[:, :-1], targets[:, 1:])


def loss_text_by_text(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean of each text's own mean."""
    texts = zip(logits, targets, strict=True)
    return torch.stack([mean_loss(scores[None], wanted[None]) for scores, wanted in texts]).mean()


def padded(chance: Random, T: int, V: int, lengths: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Logits and targets of texts whose targets end after so many positions; -100 stands behind."""
    rows = [[chance.randrange(V) for _ in range(n)] + [IGNORED] * (T - n) for n in lengths]
    return numbers(chance, len(lengths), T, V, low=-2.0), torch.tensor(rows)


MEAN_LOSS = Exercise(
    number="11.1",
    title="The loss of a batch",
    name="mean_loss",
    reference=mean_loss,
    probes=lambda chance: [
        (torch.tensor([[[0.0, math.log(3)], [0.0, 0.0]]]), torch.tensor([[1, 0]])),
        padded(chance, 3, 4, [2]),
        padded(chance, 4, 5, [4, 2]),
        padded(chance, 6, 3, [5, 2, 3]),
    ],
    alternatives=[loss_by_loop, cross_entropy],
    hints=[
        "torch.log_softmax turns the scores of one position into ln(probability). Along which of the three dimensions?",
        "targets != -100 says which positions count. Indexing with it keeps those: logits[counted] is (N, V).",
        "Row i needs the column of its target: table[torch.arange(N), targets[counted]]. Then the mean, and a minus.",
    ],
    mistakes=[
        Mistake(
            "You average over padding too: its positions add nothing to the sum, but they count in the mean. Divide by "
            "the number of targets that aren't -100",
            "-right.mean()",
            "-right.sum() / targets.numel()",
        ),
        Mistake(
            "You normalise over the wrong axis. The probabilities that add up to 1 are those of one position, over the "
            "vocabulary: dim=-1",
            "dim=-1",
            "dim=1",
        ),
        Mistake(
            "You shift the targets again. They're already one ahead of the inputs, so they belong together position by "
            "position",
            answer=loss_with_shifted_targets,
        ),
        Mistake(
            "The logarithm of a probability is negative, and a loss isn't: put a minus in front",
            "-right.mean()",
            "right.mean()",
        ),
        Mistake(
            "That's the sum. Take the mean, or a large batch looks worse than a small one",
            "right.mean()",
            "right.sum()",
        ),
        Mistake(
            "Those are raw scores, not ln(probability). log_softmax turns one into the other",
            "torch.log_softmax(logits, dim=-1)",
            "logits",
        ),
        Mistake("Those are probabilities. Take their logarithm", "torch.log_softmax", "torch.softmax"),
        Mistake(
            "Softmax is taken twice: log_softmax takes it of what it's given, so give it the logits themselves",
            "torch.log_softmax(logits",
            "torch.log_softmax(logits.softmax(-1)",
        ),
        Mistake(
            "You average each text first, then the texts, so a token in a short text counts for more than one in a "
            "long text. Take one mean over all targets",
            answer=loss_text_by_text,
        ),
        Mistake("That's in bits. Our losses are in nats: the natural logarithm", "mean()", "mean() / math.log(2)"),
    ],
)


# --- 11.2 ---


def perplexity(sums: list[float], counts: list[int]) -> float:
    """Return exp(mean loss) of several batches: the summed losses of each, and of how many targets."""
    return math.exp(sum(sums) / sum(counts))


def perplexity_by_products(sums: list[float], counts: list[int]) -> float:
    """The same, as the geometric mean of 1 / probability."""
    return math.prod(math.exp(total / sum(counts)) for total in sums)


PERPLEXITY = Exercise(
    number="11.2",
    title="Perplexity of several batches",
    name="perplexity",
    reference=perplexity,
    probes=lambda chance: [
        ([math.log(8)], [1]),
        ([2 * math.log(2), math.log(32)], [2, 1]),
        ([chance.uniform(1, 3), chance.uniform(4, 9), chance.uniform(2, 3)], [chance.randrange(1, 3), 5, 8]),
        ([chance.uniform(3, 9), chance.uniform(10, 20)], [chance.randrange(20, 30), 9]),
    ],
    alternatives=[perplexity_by_products, lambda sums, counts: math.e ** (sum(sums) / sum(counts))],
    hints=[
        "You need the mean loss over all targets of all batches. Which two sums is it made of?",
        "Perplexity is e to the power of the mean loss: math.exp.",
    ],
    mistakes=[
        Mistake(
            "That's a mean of means: a batch of one target weighs as much as one of a thousand. Add up all losses and "
            "divide by the number of all targets",
            answer=lambda sums, counts: math.exp(sum(s / n for s, n in zip(sums, counts, strict=True)) / len(sums)),
        ),
        Mistake(
            "You average the batches' perplexities. The mean belongs inside, over the losses, and exp comes last",
            answer=lambda sums, counts: sum(math.exp(s / n) for s, n in zip(sums, counts, strict=True)) / len(sums),
        ),
        Mistake(
            "That's the mean loss. Perplexity is e to that power",
            "math.exp(sum(sums) / sum(counts))",
            "sum(sums) / sum(counts)",
        ),
        Mistake("You divide by the number of batches; divide by the number of targets", "sum(counts)", "len(counts)"),
        Mistake(
            "Two to the power of the loss is right for losses in bits. Ours are in nats, so the base is e",
            "math.exp(sum(sums) / sum(counts))",
            "2 ** (sum(sums) / sum(counts))",
        ),
        Mistake(
            "That's the mean probability of the right token, 1 / perplexity. The loss has its minus already",
            "math.exp(",
            "math.exp(-",
        ),
    ],
)


# --- 11.3 ---


def one_step(model: nn.Module, optimizer: torch.optim.Optimizer, inputs: Tensor, targets: Tensor) -> float:
    """Learn from one batch and return its mean loss before the update."""
    optimizer.zero_grad()
    loss = cross_entropy(model(inputs), targets)
    loss.backward()
    optimizer.step()
    return loss.item()


def one_step_clearing_after(
    model: nn.Module, optimizer: torch.optim.Optimizer, inputs: Tensor, targets: Tensor
) -> float:
    """The same, with the gradients cleared behind the update, which is as good."""
    loss = cross_entropy(model(inputs), targets)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def one_step_by_hand(model: nn.Module, optimizer: torch.optim.Optimizer, inputs: Tensor, targets: Tensor) -> float:
    """The same, with gradients asked for and not collected."""
    weights = list(model.parameters())
    loss = cross_entropy(model(inputs), targets)
    for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
        weight.grad = gradient
    optimizer.step()
    return loss.item()


class SGD:
    """Gradient descent with a rate of 1. PyTorch's own takes seconds to load, and an answer has only four."""

    def __init__(self, model: nn.Module) -> None:
        self.weights = list(model.parameters())
        self.param_groups = [{"params": self.weights, "lr": 1.0}]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        for weight in self.weights:
            if set_to_none:
                weight.grad = None
            elif weight.grad is not None:
                weight.grad = torch.zeros_like(weight)

    def step(self, closure: Callable | None = None) -> Tensor | None:
        """Take the gradient off each weight that has one; a closure computes them first, and the loss."""
        loss = None if closure is None else closure()
        for weight in self.weights:
            if weight.grad is not None:
                weight.data -= weight.grad
        return loss


def three_steps(answer: Callable, table: Tensor, batches: list[tuple[Tensor, Tensor]]) -> dict | None:
    """Let an answer train a bigram table on some batches: the losses that it returned, and the table after each."""
    model = nn.Embedding.from_pretrained(table.clone(), freeze=False)
    optimizer = SGD(model)
    found = {}
    for step, (inputs, targets) in enumerate(batches, start=1):
        loss = answer(model, optimizer, inputs, targets)
        if loss is None:
            return None
        found[f"loss of step {step}"] = loss.item() if isinstance(loss, Tensor) and loss.numel() == 1 else loss
        found[f"weights after step {step}"] = model.weight.detach().clone()
    return found


def training_code(table: Tensor, batches: list[tuple[Tensor, Tensor]]) -> str:
    """How an answer is used, as it is typed."""
    return (
        f"model = nn.Embedding.from_pretrained({typed(table)}, freeze=False)\n"
        f"optimizer = torch.optim.SGD(model.parameters(), lr=1)\nfor inputs, targets in {typed(batches)}:\n"
        "    print(one_step(model, optimizer, inputs, targets), model.weight)"
    )


def batches_of(chance: Random, V: int, count: int) -> tuple:
    """A bigram table, and some batches of two texts of three tokens."""
    texts = [torch.tensor([[chance.randrange(V) for _ in range(4)] for _ in range(2)]) for _ in range(count)]
    return numbers(chance, V, V), [(ids[:, :-1], ids[:, 1:]) for ids in texts]


ONE_STEP = Exercise(
    number="11.3",
    title="One step of training",
    name="one_step",
    reference=one_step,
    probes=lambda chance: [
        (torch.zeros(3, 3), batches_of(chance, 3, 3)[1]),  # all tokens alike at first: a loss of ln 3
        *(batches_of(chance, V, count) for V, count in ((3, 3), (4, 3), (6, 4))),
    ],
    shown=training_code,
    alternatives=[one_step_clearing_after, one_step_by_hand],
    use=three_steps,
    hints=[
        "Four things, in this order: clear the old gradients, compute the loss, get its gradients, update.",
        "cross_entropy(model(inputs), targets) is the loss. loss.backward() adds its gradients to those already there.",
        "Return loss.item(), a plain number. A tensor would keep the whole graph of the step alive.",
    ],
    mistakes=[
        Mistake(
            "Nothing clears the gradients. backward adds to what's there, so each step also repeats all earlier ones: "
            "call optimizer.zero_grad() first",
            "    optimizer.zero_grad()\n",
            "",
        ),
        Mistake(
            "The weights never move. Either loss.backward() or optimizer.step() is missing, or you clear the gradients "
            "between the two, so that step finds none: clear them before backward",
            "loss.backward()\n",
            "loss.backward()\n    optimizer.zero_grad()\n",
        ),
        Mistake(
            "The update comes before backward: each step moves by the gradients of the batch before",
            answer=lambda model, optimizer, inputs, targets: step_too_early(model, optimizer, inputs, targets),
        ),
        Mistake(
            "You compute the loss again, after the update. Return the one you have: a second forward pass costs about "
            "a third of a step",
            "return loss.item()",
            "return cross_entropy(model(inputs), targets).item()",
        ),
        Mistake(
            "You shift inputs and targets again. The targets are already one ahead",
            "cross_entropy(model(inputs), targets)",
            "cross_entropy(model(inputs[:, :-1]), targets[:, 1:])",
        ),
        Mistake("You go uphill: minimise the loss, not its negative", "loss.backward()", "(-loss).backward()"),
    ],
)


def step_too_early(model: nn.Module, optimizer: torch.optim.Optimizer, inputs: Tensor, targets: Tensor) -> float:
    """Update first, then find the gradients."""
    loss = cross_entropy(model(inputs), targets)
    optimizer.step()
    optimizer.zero_grad()
    loss.backward()
    return loss.item()


# --- 11.4 ---


def adamw_step(w: Tensor, g: Tensor, m: Tensor, v: Tensor, t: int, rate: float, decay: float) -> tuple:
    """Return weight, mean and mean square after step t, counted from 1 (Loshchilov and Hutter 2019, algorithm 2)."""
    m = 0.9 * m + 0.1 * g
    v = 0.95 * v + 0.05 * g**2
    mean = m / (1 - 0.9**t)
    square = v / (1 - 0.95**t)
    w = w - rate * decay * w
    return w - rate * mean / (square.sqrt() + 1e-8), m, v


def adamw_in_place(w: Tensor, g: Tensor, m: Tensor, v: Tensor, t: int, rate: float, decay: float) -> tuple:
    """The same, as libraries write it."""
    m = m.lerp(g, 0.1)
    v = (0.95 * v).addcmul(g, g, value=0.05)
    size = v.sqrt() / math.sqrt(1 - 0.95**t) + 1e-8
    return (w * (1 - rate * decay)).addcdiv(m, size, value=-rate / (1 - 0.9**t)), m, v


def adamw_at_once(w: Tensor, g: Tensor, m: Tensor, v: Tensor, t: int, rate: float, decay: float) -> tuple:
    """The same, with the decay in the same line as the update."""
    m, v = 0.9 * m + 0.1 * g, 0.95 * v + 0.05 * g * g
    direction = (m / (1 - 0.9**t)) / ((v / (1 - 0.95**t)) ** 0.5 + 1e-8)
    return w - rate * (direction + decay * w), m, v


def adam_with_l2(w: Tensor, g: Tensor, m: Tensor, v: Tensor, t: int, rate: float, decay: float) -> tuple:
    """Adam in which the decay goes through the gradient."""
    return adamw_step(w, g + decay * w, m, v, t, rate, 0.0)


def adam_states(chance: Random, n: int, t: int) -> tuple:
    """A weight of n numbers, its gradient, what an earlier step left, and settings."""
    v = numbers(chance, n, low=0.2, high=2.0)
    w, g, m = numbers(chance, n, low=1.0), numbers(chance, n), numbers(chance, n)
    return w, g, m, v, t, chance.uniform(0.1, 0.3), chance.uniform(0.3, 0.9)


ADAMW = Exercise(
    number="11.4",
    title="One step of AdamW",
    name="adamw_step",
    reference=adamw_step,
    probes=lambda chance: [
        (torch.tensor([1.0]), torch.tensor([0.5]), torch.zeros(1), torch.zeros(1), 1, 0.1, 0.0),
        (torch.tensor([1.0]), torch.tensor([0.5]), torch.zeros(1), torch.zeros(1), 1, 0.1, 0.5),
        adam_states(chance, 2, 2),
        adam_states(chance, 3, 5),
        adam_states(chance, 3, 1),
        # Where gradients are tiny, or none came, 1e-8 makes a difference.
        (torch.ones(2), torch.tensor([1e-4, 0.0]), torch.zeros(2), torch.zeros(2), 1, 0.1, 0.5),
        (torch.ones(2), torch.tensor([0.0, -1e-4]), torch.zeros(2), torch.zeros(2), 1, chance.uniform(0.1, 0.3), 0.0),
    ],
    alternatives=[adamw_in_place, adamw_at_once],
    hints=[
        "m and v are running means: 0.9 of the old m plus 0.1 of g, and 0.95 of the old v plus 0.05 of g².",
        "Both start at 0, so at first they're too small. For the update only, divide m by 1 - 0.9^t, v by 1 - 0.95^t.",
        "The update is rate · mean / (sqrt(square) + 1e-8). Apart from it, the decay takes rate · decay · w off w.",
    ],
    mistakes=[
        Mistake(
            "You add the decay to the gradient. That's Adam with L2: dividing by the square root all but cancels it "
            "for weights with large gradients. Decoupled decay acts on the weight directly",
            answer=adam_with_l2,
        ),
        Mistake(
            "The bias correction is missing: m and v start at 0 and are too small at first. Divide m by 1 - 0.9^t and "
            "v by 1 - 0.95^t",
            answer=lambda w, g, m, v, t, rate, decay: adamw_step(w, g, m, v, 10**6, rate, decay),
        ),
        Mistake(
            "Your t is one too high. The first step has t = 1 already",
            answer=lambda w, g, m, v, t, rate, decay: adamw_step(w, g, m, v, t + 1, rate, decay),
        ),
        Mistake("You divide by the mean square. Take its square root", "square.sqrt()", "square"),
        Mistake(
            "1e-8 is added to the root, outside it: inside, a tiny gradient would hardly move its weight",
            "(square.sqrt() + 1e-8)",
            "(square + 1e-8).sqrt()",
        ),
        Mistake(
            "1e-8 is missing: a weight that has had no gradient yet is divided 0 by 0, and becomes nan",
            "(square.sqrt() + 1e-8)",
            "square.sqrt()",
        ),
        Mistake(
            "The running means keep 0.9 and 0.95 of what they were. You keep 0.1 and 0.05",
            "m = 0.9 * m + 0.1 * g\n    v = 0.95 * v + 0.05 * g**2",
            "m = 0.1 * m + 0.9 * g\n    v = 0.05 * v + 0.95 * g**2",
        ),
        Mistake(
            "You swapped the factors of the two running means: 0.9 is for m, 0.95 for v",
            answer=lambda w, g, m, v, t, rate, decay: exchanged(w, g, m, v, t, rate, decay),
        ),
        Mistake("The decay is missing: it takes rate · decay · w off the weight", "w - rate * decay * w", "w"),
        Mistake(
            "You decay by decay · w. It's rate · decay · w, so that it shrinks along with the learning rate",
            "rate * decay * w",
            "decay * w",
        ),
        Mistake("You go uphill: the update is subtracted", "w - rate * mean", "w + rate * mean"),
        Mistake("v is a mean of squares: take g², not g", "g**2", "g.abs()"),
        Mistake(
            "You return the corrected means, so they'd be corrected again at each step. Return m and v as they are",
            ", m, v",
            ", mean, square",
        ),
    ],
)


def exchanged(w: Tensor, g: Tensor, m: Tensor, v: Tensor, t: int, rate: float, decay: float) -> tuple:
    """AdamW with 0.95 for the mean and 0.9 for the mean square."""
    m, v = 0.95 * m + 0.05 * g, 0.9 * v + 0.1 * g**2
    w = w - rate * decay * w
    return w - rate * (m / (1 - 0.95**t)) / ((v / (1 - 0.9**t)).sqrt() + 1e-8), m, v


# --- 11.5 ---


def decaying(model: nn.Module) -> list[str]:
    """Return the names of the weights that decay, in the model's order: matrices and embeddings."""
    return [name for name, weight in model.named_parameters() if weight.dim() >= 2]


def decaying_by_shape(model: nn.Module) -> list[str]:
    """The same, by the length of the shape."""
    return [name for name, weight in model.named_parameters() if len(weight.shape) > 1]


def decaying_by_exclusion(model: nn.Module) -> list[str]:
    """The same: all but biases and what a norm holds."""
    flat = {name for name, weight in model.named_parameters() if weight.numel() == weight.shape[0]}
    return [name for name, _ in model.named_parameters() if name not in flat]


def small_models(chance: Random) -> list[nn.Module]:
    """A layer, an embedding with a norm and a head, and the same with an inner block."""
    n, m = chance.randrange(2, 5), chance.randrange(2, 5)
    parts = {"token_embedding": nn.Embedding(m, n), "norm": nn.LayerNorm(n), "head": nn.Linear(n, m, bias=False)}
    block = nn.ModuleDict({"up": nn.Linear(n, m), "norm": nn.LayerNorm(m)})
    return [
        nn.Linear(n, m),
        nn.ModuleDict(parts),
        nn.ModuleDict({**parts, "blocks": nn.ModuleList([block])}),
        nn.Sequential(nn.Embedding(m, n), nn.LayerNorm(n), nn.Linear(n, m)),  # its parts have no names to go by
        nn.ModuleDict({"first": nn.LayerNorm(n), "normaliser": nn.Linear(n, m)}),
    ]


def made_by(model: nn.Module) -> str:
    """Return the code that makes a small model."""
    if isinstance(model, nn.Linear):
        return f"nn.Linear({model.in_features}, {model.out_features}{', bias=False' * (model.bias is None)})"
    if isinstance(model, nn.Embedding):
        return f"nn.Embedding({model.num_embeddings}, {model.embedding_dim})"
    if isinstance(model, nn.LayerNorm):
        return f"nn.LayerNorm({model.normalized_shape[0]})"
    parts = [(repr(name), made_by(part)) for name, part in model.named_children()]
    if isinstance(model, nn.ModuleDict):
        return f"nn.ModuleDict({{{', '.join(map(': '.join, parts))}}})"
    inner = ", ".join(code for _, code in parts)
    return f"nn.ModuleList([{inner}])" if isinstance(model, nn.ModuleList) else f"nn.Sequential({inner})"


DECAYING = Exercise(
    number="11.5",
    title="Which weights decay",
    name="decaying",
    reference=decaying,
    probes=lambda chance: [(model,) for model in small_models(chance)],
    shown=lambda model: f"decaying({made_by(model)})",
    alternatives=[decaying_by_shape, decaying_by_exclusion],
    hints=[
        "model.named_parameters() gives pairs of a name and a weight. How can you tell a matrix from a bias?",
        "A bias and a norm's weight have one dimension, so weight.dim() is 1. A matrix has two.",
    ],
    mistakes=[
        Mistake(
            "You let all weights decay, biases and norms too. A norm's weights belong near 1, and a bias needn't be "
            "small: take the weights with two dimensions",
            "weight.dim() >= 2",
            "True",
        ),
        Mistake(
            "You go by the name, but a norm has a `weight` too, with one dimension: ask for dim() >= 2",
            "weight.dim() >= 2",
            'name.endswith("weight")',
        ),
        Mistake(
            "You go by the names, and a norm may be called anything. Ask how many dimensions a weight has: dim() >= 2",
            "weight.dim() >= 2",
            'name.endswith("weight") and "norm" not in name',
        ),
        Mistake("Those are the ones that don't decay: you have it the wrong way round", ">= 2", "< 2"),
        Mistake(
            "The embedding is left out. It's a matrix, a row for each token, and decays like the others",
            "weight.dim() >= 2",
            'weight.dim() >= 2 and "embedding" not in name',
        ),
        Mistake("Return only the names, without the weights", "[name for", "[(name, weight) for"),
        Mistake(
            "Only the blocks' matrices are there. The embedding and the output matrix decay too",
            "weight.dim() >= 2",
            'weight.dim() >= 2 and "blocks." in name',
        ),
    ],
)


# --- 11.6 ---


def rate_at(step: int, steps: int, warmup: int, stable: int) -> float:
    """Return the fraction of the full rate at `step`, which counts from 0.

    `warmup` steps climb, `stable` steps stay at 1, and half a cosine falls over the rest, to 0 at `steps`.
    """
    if step < warmup:
        return (step + 1) / warmup
    if step < warmup + stable:
        return 1.0
    done = (step - warmup - stable) / (steps - warmup - stable)
    return (1 + math.cos(math.pi * done)) / 2


def rate_by_square(step: int, steps: int, warmup: int, stable: int) -> float:
    """The same, with the half cosine as the square of a quarter of one."""
    falling = steps - warmup - stable
    done = max(0.0, (step - warmup - stable) / falling)
    return min(1.0, (step + 1) / warmup if warmup else 1.0, math.cos(math.pi * done / 2) ** 2)


RATE = Exercise(
    number="11.6",
    title="The learning rate over time",
    name="rate_at",
    reference=rate_at,
    probes=lambda chance: [
        (0, 10, 4, 2),
        (1, 10, 4, 2),
        (3, 10, 4, 2),
        (4, 10, 4, 2),
        (6, 10, 4, 2),
        (8, 10, 4, 2),
        (9, 10, 4, 2),
        (0, 6, 0, 0),
        (3, 12, 2, 3),
        (4, 12, 2, 3),
        (5, 12, 2, 3),
        (2, 9, 2, 0),
        (5, 9, 2, 0),
        (1, 9, 0, 2),
        (4, 9, 0, 2),
        (chance.randrange(20, 40), 60, 5, 10),
        (chance.randrange(40, 60), 60, 5, 10),
        (chance.randrange(6, 14), 60, 5, 10),
    ],
    alternatives=[rate_by_square],
    hints=[
        "All four are numbers of steps. Three cases: step below warmup, below warmup + stable, and all others.",
        "Steps count from 0. The first of four warm-up steps has a quarter of the rate, the last has all of it.",
        "In the last phase, `done` goes from 0 to 1. (1 + cos(pi · done)) / 2 then goes from 1 to 0.",
    ],
    mistakes=[
        Mistake(
            "Off by one: the first step gets rate 0 and is wasted. Steps count from 0, so the first of w gets 1 / w",
            "(step + 1) / warmup",
            "step / warmup",
        ),
        Mistake(
            "The decay runs from step 0, not from its own start: subtract warmup and stable from both numbers",
            "(step - warmup - stable) / (steps - warmup - stable)",
            "step / steps",
        ),
        Mistake(
            "The decay begins at the right step, but it's too slow: divide by the steps that are left",
            "/ (steps - warmup - stable)",
            "/ steps",
        ),
        Mistake(
            "That's a straight line down. Half a cosine: (1 + cos(pi · done)) / 2", answer=lambda *given: line(*given)
        ),
        Mistake(
            "That cosine goes from 1 to -1, and a negative rate walks uphill. Add 1 and halve it",
            "(1 + math.cos(math.pi * done)) / 2",
            "math.cos(math.pi * done)",
        ),
        Mistake(
            "The stable phase ends too early: `stable` counts its steps from the end of the warm-up",
            "step < warmup + stable",
            "step < stable",
        ),
        Mistake(
            "There's no warm-up: in the first `warmup` steps the rate climbs in a straight line. If you've written it, "
            "does a later line undo it?",
            "step < warmup:",
            "step < 0:",
        ),
        Mistake("That's upside down: the decay should end at 0, not start there", "1 + math.cos", "1 - math.cos"),
        Mistake(
            "Your decay is one step ahead: at its first step, `done` is 0",
            "(step - warmup - stable) /",
            "(step + 1 - warmup - stable) /",
        ),
    ],
)


def line(step: int, steps: int, warmup: int, stable: int) -> float:
    """The schedule with a straight decay."""
    if step < warmup + stable:
        return rate_at(step, steps, warmup, stable)
    return 1 - (step - warmup - stable) / (steps - warmup - stable)


# --- 11.7 ---


def least_flawless(gap: float, tokens: float) -> float:
    """Return the smallest fraction of flawless tales that a loss so far above the entropy, per token, can mean."""
    return math.exp(-gap * tokens)


PROMISE = Exercise(
    number="11.7",
    title="What a gap promises",
    name="least_flawless",
    reference=least_flawless,
    probes=lambda chance: [
        (0.0, 90),
        (math.log(2) / 10, 10),
        (math.log(2) / 10, 20),
        (chance.uniform(0.05, 0.2), chance.randrange(8, 12)),
        (chance.uniform(0.3, 0.5), chance.randrange(2, 5)),
    ],
    alternatives=[lambda gap, tokens: math.e ** (-gap * tokens), lambda gap, tokens: math.exp(-gap) ** tokens],
    hints=[
        "The gap is nats per token. How many nats is that per tale?",
        "The bound says that the gap per tale is at least -ln(fraction). Solve it for the fraction.",
    ],
    mistakes=[
        Mistake("That's for one token. A tale has many: multiply the gap by their number", "-gap * tokens", "-gap"),
        Mistake(
            "That's the largest fraction that can be flawed. You want the rest, the flawless ones",
            "math.exp(-gap * tokens)",
            "1 - math.exp(-gap * tokens)",
        ),
        Mistake("That's a fraction above 1: the exponent needs a minus", "-gap", "gap"),
        Mistake(
            "1 - x is close to exp(-x) only for tiny x. Use exp",
            "math.exp(-gap * tokens)",
            "(1 - gap) ** tokens",
        ),
        Mistake(
            "That's the nats per tale, not a fraction: take exp of minus that",
            "math.exp(-gap * tokens)",
            "gap * tokens",
        ),
        Mistake("You divide by the tokens, but the gap is per token already: multiply", "gap * tokens", "gap / tokens"),
    ],
)

EXERCISES = [MEAN_LOSS, PERPLEXITY, ONE_STEP, ADAMW, DECAYING, RATE, PROMISE]
