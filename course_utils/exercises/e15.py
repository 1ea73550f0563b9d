"""Exercises of notebook 15: an adapter's size, its output, its start, what trains, merging, and what goes to a file."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises.engine.exercise import Exercise, Mistake, Probe
from course_utils.exercises.engine.probes import numbers

# --- 15.1 ---

SIZE = Exercise(
    number="15.1",
    title="The numbers of an adapter",
    name="count",
    reference=4096,
    hints=[
        "A narrows 128 numbers to 8, B widens 8 to 384. How many numbers does each of the two matrices have?",
        "A is (8, 128) and B is (384, 8). Add up what they store.",
    ],
    mistakes=[
        Mistake("That's the whole weight, 384 by 128. The adapter never stores it", answer=384 * 128),
        Mistake("That's A alone. B is stored too", answer=8 * 128),
        Mistake("That's B alone. A is stored too", answer=384 * 8),
        Mistake(
            "You multiplied the sizes of the two matrices. They're stored side by side, so add",
            answer=8 * 128 * 384,
        ),
        Mistake("That's rank times rank. Only one side of each matrix is narrow", answer=64),
    ],
)

# --- 15.2 ---


def adapted(x: Tensor, W: Tensor, b: Tensor, A: Tensor, B: Tensor, alpha: float) -> Tensor:
    """Return W x + b + (alpha / r) B A x for each row. (N, n_in) -> (N, n_out)"""
    scale = alpha / len(A)
    return x @ W.T + b + scale * (x @ A.T @ B.T)


def adapted_by_one_matrix(x: Tensor, W: Tensor, b: Tensor, A: Tensor, B: Tensor, alpha: float) -> Tensor:
    """The same, with the two small matrices multiplied out."""
    return torch.nn.functional.linear(x, W + (alpha / A.shape[0]) * (B @ A), b)


def layers_to_adapt(chance: Random) -> list[Probe]:
    """Inputs, a linear layer and an adapter, alpha other than the rank; first one that can be done by hand."""
    x, W, b = torch.tensor([[1.0, 2.0]]), torch.eye(2), torch.tensor([1.0, -1.0])
    A, B = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[1.0, 0.0], [2.0, 3.0]])
    probes: list[Probe] = [(x, W, b, A, B, 8.0), (x, W, b, A, B, 1.0)]
    for N, n_in, n_out, rank, alpha in ((1, 3, 2, 2, 6.0), (2, 5, 4, 3, 2.0), (3, 4, 6, 2, 16.0), (2, 6, 3, 4, 7.0)):
        shapes = ((N, n_in), (n_out, n_in), (n_out,), (rank, n_in), (n_out, rank))
        probes.append((*(numbers(chance, *shape) for shape in shapes), alpha))
    return probes


ADAPTED = Exercise(
    number="15.2",
    title="A layer with an adapter",
    name="adapted",
    reference=adapted,
    probes=layers_to_adapt,
    alternatives=[adapted_by_one_matrix],
    hints=[
        "The layer alone is x @ W.T + b. What does the adapter add, and what is it multiplied by?",
        "x goes through the narrow matrix first: x @ A.T is (N, r), and then @ B.T makes it (N, n_out).",
        "r is the number of rows of A: len(A).",
    ],
    mistakes=[
        Mistake(
            "The scale is missing: B A x is multiplied by alpha / r. Without it every rank needs a learning rate of "
            "its own",
            "scale = alpha / len(A)",
            "scale = 1.0",
        ),
        Mistake("You multiply by alpha, but don't divide by the rank: it's alpha / r", "alpha / len(A)", "alpha"),
        Mistake("The scale is upside down: alpha / r, not r / alpha", "alpha / len(A)", "len(A) / alpha"),
        Mistake(
            "r is the rank, the narrow side: the number of A's rows, len(A). You divide by the number of inputs",
            "len(A)",
            "A.shape[1]",
        ),
        Mistake(
            "You divide by the square root of r. That's rank-stabilised LoRA (Kalajdzievski 2023); here it's r itself",
            "len(A)",
            "len(A) ** 0.5",
        ),
        Mistake(
            "The frozen layer is missing. The adapter stands beside it, and the two are added",
            "x @ W.T + b + scale",
            "scale",
        ),
        Mistake(
            "The scale belongs to B A x alone. You scale the frozen layer too",
            "x @ W.T + b + scale * (x @ A.T @ B.T)",
            "scale * (x @ W.T + b + x @ A.T @ B.T)",
        ),
        Mistake("The frozen layer has a bias, and it stays", "x @ W.T + b", "x @ W.T"),
    ],
)

# --- 15.3 ---


class Normal:
    """Draws random numbers of a shape, the same ones each time that it's asked for the shape."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=torch.Generator().manual_seed(self.seed))

    def __repr__(self) -> str:
        return f"lambda *shape: torch.randn(*shape, generator=torch.Generator().manual_seed({self.seed}))"


def fresh(normal: Callable[..., Tensor], n_in: int, n_out: int, rank: int) -> tuple[Tensor, Tensor]:
    """Return A (rank, n_in), drawn at random, and B (n_out, rank), zero."""
    A = normal(rank, n_in)
    B = torch.zeros(n_out, rank)
    return A, B


def sizes_of_adapters(chance: Random) -> list[Probe]:
    """A source of random numbers, and three sizes that all differ."""
    return [(Normal(chance.randrange(99)), *sizes) for sizes in ((2, 3, 1), (3, 4, 2), (5, 3, 2), (6, 7, 4))]


FRESH = Exercise(
    number="15.3",
    title="Where an adapter starts",
    name="fresh",
    reference=fresh,
    probes=sizes_of_adapters,
    alternatives=[lambda normal, n_in, n_out, rank: [normal(rank, n_in), 0 * normal(n_out, rank)]],
    hints=[
        "Before the first step the model should give exactly its old answers. What does that say about B A?",
        "One of the two has to be zero for that. If both are, look at the two gradients above: what are they?",
        "As in the paper: A from normal(rank, n_in), B of zeros, (n_out, rank).",
    ],
    mistakes=[
        Mistake(
            "Both are random, so B A isn't zero: the model's answers are spoiled before the first step. B starts at "
            "zero",
            "torch.zeros(n_out, rank)",
            "normal(n_out, rank)",
        ),
        Mistake(
            "Both are zero, so both gradients are zero too, and nothing ever moves. A is drawn at random",
            "normal(rank, n_in)",
            "torch.zeros(rank, n_in)",
        ),
        Mistake(
            "That's the other way round. It would learn as well, but the paper and peft draw A and leave B at zero",
            "    A = normal(rank, n_in)\n    B = torch.zeros(n_out, rank)\n",
            "    A = torch.zeros(rank, n_in)\n    B = normal(n_out, rank)\n",
        ),
        Mistake(
            "Your B is all ones, so B A isn't zero and the model starts with other answers. B starts at zero",
            "torch.zeros",
            "torch.ones",
        ),
        Mistake(
            "Your A is the wrong way round. It's stored as nn.Linear stores a weight: (out, in), so (rank, n_in)",
            "normal(rank, n_in)",
            "normal(n_in, rank)",
        ),
        Mistake("Return A first, then B", "return A, B", "return B, A"),
    ],
)

# --- 15.4 ---


def to_train(names: list[str], decay: float) -> dict[str, float]:
    """Return the weight decay of each weight that trains: those of the adapters, without any."""
    return {name: 0.0 for name in names if name.endswith((".A", ".B"))}


PARTS = ("base.weight", "base.bias", "A", "B")
OTHERS = ("token_embedding.weight", "blocks.0.attn_norm.weight", "blocks.0.mlp.up.weight", "lm_head.weight")
ALIKE = ("head.A.weight", "head.B.bias", "ALiBi.weight", "attn.LAMBDA")


def names_of_weights(chance: Random) -> list[Probe]:
    """The names of a model's weights, with adapters at some of its layers, and a decay."""
    one = [f"layer.{part}" for part in PARTS]
    probes: list[Probe] = [(one, 0.1), ([*one, OTHERS[0]], 0.5), ([*one, ALIKE[0], ALIKE[3]], 0.2)]
    for _ in range(3):
        layers = chance.sample([f"blocks.{n}.attn.{kind}" for n in range(4) for kind in ("qkv", "proj")], 2)
        names = [f"{layer}.{part}" for layer in layers for part in PARTS] + chance.sample(OTHERS, 2)
        names += chance.sample(ALIKE, 2)
        probes.append((names, chance.uniform(0.01, 0.3)))
    return probes


TO_TRAIN = Exercise(
    number="15.4",
    title="What the optimizer gets",
    name="to_train",
    reference=to_train,
    probes=names_of_weights,
    alternatives=[lambda names, decay: dict.fromkeys([n for n in names if n.split(".")[-1] in ("A", "B")], 0.0)],
    hints=[
        "Which weights may move at all? Everything else stays out of the dictionary.",
        "Names that end in .A or .B train. At B = 0 the model is the base again: should decay pull it there?",
    ],
    mistakes=[
        Mistake(
            "The base isn't frozen: its weights are in there too. Only A and B train, so keep names that end in .A "
            "or .B",
            ' if name.endswith((".A", ".B"))',
            "",
        ),
        Mistake(
            "You let B decay. At B = 0 the model is the base again, so decay on B undoes the fine-tuning",
            "0.0 for",
            'decay * name.endswith(".B") for',
        ),
        Mistake(
            "You let A and B decay. It pulls their product to 0, and with it the model back to the base",
            "0.0 for",
            "decay for",
        ),
        Mistake(
            "You let A decay. What counts is the product B A, and a smaller A shrinks it just as well: no decay",
            "0.0 for",
            'decay * name.endswith(".A") for',
        ),
        Mistake(
            "An A or a B somewhere in a name isn't enough: head.A.weight is no adapter. The name has to end in .A or "
            ".B",
            'if name.endswith((".A", ".B"))',
            'if "A" in name or "B" in name',
        ),
        Mistake("A has to train as well as B", '(".A", ".B")', '".B"'),
        Mistake("B has to train as well as A: it starts at zero, and so would stay there", '(".A", ".B")', '".A"'),
        Mistake("The frozen layers' biases stay frozen too", '(".A", ".B")', '(".A", ".B", ".bias")'),
        Mistake(
            "That's the frozen part. The optimizer gets the others, the adapters",
            "if name.endswith",
            "if not name.endswith",
        ),
    ],
)

# --- 15.5 ---


def merged_layer(W: Tensor, A: Tensor, B: Tensor, alpha: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return W, A and B of a layer that computes the same, with all of it in W and nothing in the adapter."""
    merged = W + alpha / len(A) * (B @ A)
    return merged, A, torch.zeros_like(B)


def layer_after(answer: Callable, W: Tensor, A: Tensor, B: Tensor, alpha: float) -> Any:
    """Return W, A and B; which of the two small ones is zero doesn't matter, and here it's always B."""
    result = answer(W, A, B, alpha)
    result = tuple(result) if isinstance(result, list | tuple | Iterator) else result
    if isinstance(result, tuple) and len(result) == 3 and adds_nothing(*result[1:]):
        return result[0], A, torch.zeros_like(B)
    return result


def adds_nothing(A: Any, B: Any) -> bool:
    """Whether an adapter of these two matrices adds zero, whatever kinds of tensors or arrays they are."""
    try:
        return not (torch.as_tensor(B).double() @ torch.as_tensor(A).double()).any()
    except (TypeError, ValueError, RuntimeError):  # no matrices, or none that fit together
        return False


def layers_to_merge(chance: Random) -> list[Probe]:
    """A weight and its adapter, the first small enough for mental arithmetic."""
    small = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [1.0]])
    probes: list[Probe] = [(*small, 2.0)]
    for n_in, n_out, rank, alpha in ((3, 2, 2, 8.0), (4, 5, 3, 1.0), (2, 4, 2, 5.0), (2, 2, 2, 3.0)):
        probes.append((*(numbers(chance, *s) for s in ((n_out, n_in), (rank, n_in), (n_out, rank))), alpha))
    return probes


MERGED = Exercise(
    number="15.5",
    title="Merge, and only once",
    name="merged_layer",
    reference=merged_layer,
    probes=layers_to_merge,
    use=layer_after,
    alternatives=[lambda W, A, B, alpha: (W + (alpha * B / len(A)) @ A, torch.zeros_like(A), B)],
    hints=[
        "The layer computes W x + (alpha / r) B A x. Which single matrix would do the same?",
        "After that the adapter must add nothing. When is B A zero?",
        "W + alpha / len(A) * (B @ A), A, and zeros in the shape of B.",
    ],
    mistakes=[
        Mistake(
            "Merged twice: the update is in W now, and the adapter adds it once more. Set B to zero",
            "torch.zeros_like(B)",
            "B",
        ),
        Mistake("You merge without the scale: it's alpha / r times B A", "alpha / len(A) * ", ""),
        Mistake(
            "The adapter is gone and W is what it was: that takes it off. To merge, add (alpha / r) B A to W",
            "W + alpha / len(A) * (B @ A)",
            "W",
        ),
        Mistake(
            "The base's own weights are gone. The update is added to them",
            "W + alpha / len(A)",
            "alpha / len(A)",
        ),
        Mistake("You subtract the update. That's how a merge is undone", "W + alpha", "W - alpha"),
        Mistake("Nothing is merged: it's the layer as it was", answer=lambda W, A, B, alpha: (W, A, B)),
    ],
)

# --- 15.6 ---


def to_file(layers: dict[str, tuple[Tensor, Tensor]], alpha: float) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Return the settings of an adapter, and its small matrices by name."""
    matrices = {}
    for name, (A, B) in layers.items():
        matrices[name + ".lora_A"] = A
        matrices[name + ".lora_B"] = B
    settings = {"r": len(A), "lora_alpha": alpha}
    return settings, matrices


def to_file_in_one_go(layers: dict[str, tuple[Tensor, Tensor]], alpha: float) -> tuple:
    """The same, as one expression each."""
    A, _ = next(iter(layers.values()))
    named = [(f"{name}.lora_{part}", pair[i]) for name, pair in layers.items() for i, part in enumerate("AB")]
    return {"lora_alpha": alpha, "r": A.shape[0]}, dict(named)


def adapters_to_save(chance: Random) -> list[Probe]:
    """Adapters of one layer or of several, alpha other than the rank."""
    probes: list[Probe] = [({"qkv": (torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [4.0], [5.0]]))}, 2.0)]
    for names, rank, alpha in ((["up"], 2, 8.0), (["qkv", "proj"], 2, 6.0), (["qkv", "up", "down"], 3, 1.0)):
        layers = {name: (numbers(chance, rank, 4), numbers(chance, 5, rank)) for name in names}
        probes.append((layers, alpha))
    return probes


TO_FILE = Exercise(
    number="15.6",
    title="An adapter as a file",
    name="to_file",
    reference=to_file,
    probes=adapters_to_save,
    alternatives=[to_file_in_one_go],
    hints=[
        "Whoever opens the file has only what is in it. What do they need to compute (alpha / r) B A?",
        "The settings are {'r': …, 'lora_alpha': …}. r is the number of rows of any A.",
        "The matrices are stored as they are: name + '.lora_A' and name + '.lora_B' for each layer.",
    ],
    mistakes=[
        Mistake(
            "The scale isn't saved: without lora_alpha, a reader has to guess it, and the adapter acts too strongly "
            "or too weakly without any error",
            '{"r": len(A), "lora_alpha": alpha}',
            '{"r": len(A)}',
        ),
        Mistake(
            "lora_alpha is alpha itself. You saved alpha / r, and a reader will divide by r again",
            '"lora_alpha": alpha',
            '"lora_alpha": alpha / len(A)',
        ),
        Mistake(
            "The scale is saved twice: it's in B now and in the settings too. Store B as it is",
            'matrices[name + ".lora_B"] = B',
            'matrices[name + ".lora_B"] = alpha / len(A) * B',
        ),
        Mistake(
            "r is the rank, the number of rows of A. You saved the number of inputs",
            '"r": len(A)',
            '"r": A.shape[1]',
        ),
        Mistake(
            "A and B have changed names: A is the one with r rows",
            '        matrices[name + ".lora_A"] = A\n        matrices[name + ".lora_B"] = B\n',
            '        matrices[name + ".lora_B"] = A\n        matrices[name + ".lora_A"] = B\n',
        ),
        Mistake(
            "A is missing from the file, and B alone says nothing: A was random",
            '        matrices[name + ".lora_A"] = A\n',
            "",
        ),
    ],
)

EXERCISES = [SIZE, ADAPTED, FRESH, TO_TRAIN, MERGED, TO_FILE]
