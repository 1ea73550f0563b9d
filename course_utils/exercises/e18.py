"""Exercises of notebook 18: one gradient from several, own rows, a ring, clipping, memory, dropout, and time."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_utils.exercises.engine.comparing import Unreadable, kind, plain
from course_utils.exercises.engine.exercise import Exercise, Mistake, Probe
from course_utils.exercises.engine.probes import numbers

# --- 18.1 ---


def one_gradient(sums: list[Tensor], counts: list[int]) -> Tensor:
    """Return the gradient of the mean loss over all targets, given each process's gradient of its summed loss."""
    targets = sum(counts)
    return sum(sums) / max(targets, 1)


def one_gradient_by_shares(sums: list[Tensor], counts: list[int]) -> Tensor:
    """The same, from each process's own mean, which weighs as much as it has targets."""
    means = [own / max(count, 1) for own, count in zip(sums, counts, strict=True)]
    return torch.stack([mean * count for mean, count in zip(means, counts, strict=True)]).sum(0) / max(1, sum(counts))


def mean_of_means(sums: list[Tensor], counts: list[int]) -> Tensor:
    """What DDP does if each process takes the mean of its own targets."""
    return sum(own / max(count, 1) for own, count in zip(sums, counts, strict=True)) / len(sums)


def mean_of_those_with_targets(sums: list[Tensor], counts: list[int]) -> Tensor:
    """The mean of means, over the processes that have targets."""
    having = sum(count > 0 for count in counts)
    return mean_of_means(sums, counts) * len(sums) / max(having, 1)


def gradients_and_counts(chance: Random) -> list[Probe]:
    """Gradients of two to four processes and how many targets each has: one, none, or many."""
    probes: list[Probe] = [([torch.tensor([6.0]), torch.tensor([4.0])], [3, 1])]
    for counts in ([5, 0], [0, 0, 0], [0, 0], [1, 0, 0], [12, 1, 5], [2, 9, 0, 4]):
        # A process without targets has a gradient of zeros.
        probes.append(([numbers(chance, 3) * min(count, 1) for count in counts], counts))
    return probes


ONE_GRADIENT = Exercise(
    number="18.1",
    title="One gradient from several",
    name="one_gradient",
    reference=one_gradient,
    probes=gradients_and_counts,
    alternatives=[one_gradient_by_shares],
    hints=[
        "One process would add up the losses of all targets, and divide once. By what?",
        "Gradients of sums may be added. Divide by the number of all targets, and by 1 where there's none.",
    ],
    mistakes=[
        Mistake(
            "That's the mean of means: a process with one target counts as much as one with twelve. Add up the sums "
            "and divide once, by the number of all targets",
            answer=mean_of_means,
        ),
        Mistake(
            "A process without targets no longer counts, which is better. But the others still count alike, however "
            "many targets they have",
            answer=mean_of_those_with_targets,
        ),
        Mistake(
            "The gradients are added up and never divided: twice the processes would take twice the step",
            "sum(sums) / max(targets, 1)",
            "sum(sums)",
        ),
        Mistake(
            "You divide by the number of processes, as DDP does. What counts is the number of targets",
            "max(targets, 1)",
            "len(sums)",
        ),
        Mistake(
            "You divide by one process's targets. All of them count",
            "sum(counts)",
            "counts[0]",
        ),
        Mistake(
            "Without any target you divide 0 by 0, and the weights become nan. Divide by 1 there",
            "max(targets, 1)",
            "torch.tensor(float(targets))",
        ),
    ],
)

# --- 18.2 ---


def own_rows(rows: list[int], rank: int, size: int) -> list[int]:
    """Return the rows of process number `rank` of `size`."""
    return rows[rank::size]


def own_neighbours(rows: list[int], rank: int, size: int) -> list[int]:
    """The same number of rows, but neighbours."""
    return rows[rank * len(rows) // size : (rank + 1) * len(rows) // size]


def whole_parts(rows: list[int], rank: int, size: int) -> list[int]:
    """Parts of one length: what is left over goes to nobody."""
    length = len(rows) // size
    return rows[rank * length : (rank + 1) * length]


def rest_to_the_last(rows: list[int], rank: int, size: int) -> list[int]:
    """Parts of one length, and all that is left over to the last process."""
    length = len(rows) // size
    return rows[rank * length : (rank + 1) * length if rank < size - 1 else None]


def rounded_up(rows: list[int], rank: int, size: int) -> list[int]:
    """Parts of one length, rounded up: the last ones get what remains."""
    length = -(-len(rows) // size)
    return rows[rank * length : (rank + 1) * length]


def deal(answer: Callable, rows: list[int], size: int) -> Any:
    """Ask for each process's rows; what counts is which rows they are together, and how many each has."""
    parts = [answer(rows, rank, size) for rank in range(size)]
    if any(part is None for part in parts):
        return None
    parts = [plain(list(part) if isinstance(part, Iterator | set) else part) for part in parts]
    parts = [part.tolist() if isinstance(part, np.ndarray) else part for part in parts]
    for part in parts:
        if not isinstance(part, list):
            raise Unreadable(f"{kind(part)}; it should be a list of rows")
    together = [row for part in parts for row in part]
    together = sorted(together) if all(isinstance(row, int) for row in together) else together
    return {"the rows of all processes": together, "how many each has": sorted(map(len, parts))}


def rows_to_deal(chance: Random) -> list[Probe]:
    """Rows, and a number of processes that divides them, or doesn't, or is larger."""
    sizes = ((4, 2), (6, 3), (5, 2), (8, 3), (11, 4), (2, 3), (7, 1), (9, 4), (5, 4))
    return [(sorted(chance.sample(range(100), count)), size) for count, size in sizes]


OWN_ROWS = Exercise(
    number="18.2",
    title="Each its own rows",
    name="own_rows",
    reference=own_rows,
    probes=rows_to_deal,
    use=deal,
    alternatives=[own_neighbours],
    hints=[
        "Deal the rows out like cards. Who gets row 0, who gets row 1, and who gets row `size`?",
        "A slice has a start and a step: rows[start::step].",
    ],
    mistakes=[
        Mistake(
            "Every process learns from all rows. They do the same work several times over, and nothing is gained",
            "rows[rank::size]",
            "rows",
        ),
        Mistake(
            "All processes have the same rows, and the others are never learned. `rank` has to choose",
            "rows[rank::size]",
            "rows[::size]",
        ),
        Mistake(
            "Rows that are left over go to nobody: of five rows for two processes you deal four",
            answer=whole_parts,
        ),
        Mistake(
            "No row is lost, but the last process gets all that's left over, and the others wait for it",
            answer=rest_to_the_last,
        ),
        Mistake(
            "You round the share up, so the first ones take more and little or nothing is left for the last: of nine "
            "rows for four, 3, 3, 3 and 0. Deal them out as 3, 2, 2 and 2",
            answer=rounded_up,
        ),
    ],
)

# --- 18.3 ---

SENT = Exercise(
    number="18.3",
    title="What a ring sends",
    name="sent",
    reference=1500,
    hints=[
        "The 1,000 numbers are cut into 4 chunks of 250, and in each turn a process sends one chunk.",
        "It takes 3 turns until some process has the whole sum of each chunk, and 3 more until everybody has all sums.",
    ],
    mistakes=[
        Mistake("That's the first half: the sums are there, but each of them at one process only", answer=750),
        Mistake("That would be one whole copy. Each process sends 6 chunks of 250", answer=1000),
        Mistake("That's 8 turns. The chunk that a process begins with needn't travel all the way round", answer=2000),
        Mistake(
            "That's everybody sending everything to the 3 others. In the ring each sends to its neighbour", answer=3000
        ),
        Mistake("That's what all four send together", answer=6000),
    ],
)

# --- 18.6 ---


def clipped(parts: list[Tensor], most: float) -> list[Tensor]:
    """Return each process's slice of a gradient, scaled so that the norm of the whole is at most `most`."""
    squares = [part.square().sum() for part in parts]
    norm = sum(squares).sqrt()
    scale = min(1.0, most / norm.item())
    return [part * scale for part in parts]


def clipped_as_a_whole(parts: list[Tensor], most: float) -> list[Tensor]:
    """The same, with the slices put together first."""
    norm = torch.cat([part.flatten() for part in parts]).norm().item()
    return [part * (most / norm) if norm > most else part for part in parts]


def clipped_alone(parts: list[Tensor], most: float) -> list[Tensor]:
    """Each process clips by the norm of its own slice."""
    return [part * min(1.0, most / part.norm().item()) for part in parts]


def slices_of_a_gradient(chance: Random) -> list[Probe]:
    """Slices for one to four processes, and a bound above the norm of the whole or below it."""
    probes: list[Probe] = [([torch.tensor([3.0]), torch.tensor([4.0])], 1.0)]
    probes.append(([torch.tensor([0.3]), torch.tensor([0.4])], 1.0))
    for sizes, most in (((2, 2), 0.5), ((3, 1, 2), 1.3), ((4,), 0.2), ((2, 2, 2, 2), 99.0), ((1, 3), 0.7)):
        probes.append(([numbers(chance, size) for size in sizes], most))
    return probes


CLIPPED = Exercise(
    number="18.6",
    title="Clip a gradient that is cut in slices",
    name="clipped",
    reference=clipped,
    probes=slices_of_a_gradient,
    alternatives=[clipped_as_a_whole],
    hints=[
        "Clipping keeps the gradient's direction. What happens to it if each slice gets a scale of its own?",
        "The norm of the whole is the root of the sum of all squares. Each process adds its own, and they all-reduce.",
    ],
    mistakes=[
        Mistake(
            "Each process clips by the norm of its own slice. The slices are scaled differently, so the step points "
            "elsewhere. First add up the squares of all",
            answer=clipped_alone,
        ),
        Mistake(
            "Norms don't add up, squares do: slices of 3 and 4 have a norm of 5 together",
            "sum(squares).sqrt()",
            "sum(square.sqrt() for square in squares)",
        ),
        Mistake("The root is missing: that's the norm's square", "sum(squares).sqrt()", "sum(squares)"),
        Mistake(
            "A gradient that's short enough stays as it is. You always scale it, even up",
            "min(1.0, most / norm.item())",
            "most / norm.item()",
        ),
        Mistake(
            "That's the mean of the squares. The length of the whole takes their sum, over all processes",
            "sum(squares).sqrt()",
            "(sum(squares) / len(squares)).sqrt()",
        ),
        Mistake("That's one slice's norm. The others have numbers too", "sum(squares)", "squares[0]"),
    ],
)

# --- 18.5 ---


def memory(parameters: int, processes: int, sharded: bool) -> dict[str, float]:
    """Return the bytes that one process keeps, in float32 with AdamW: a copy of everything, or a slice of it."""
    own = parameters / processes if sharded else parameters
    return {"weights": 4 * own, "gradients": 4 * own, "optimizer": 8 * own}


def models_and_processes(chance: Random) -> list[Probe]:
    """Numbers of parameters and of processes, with slices and without."""
    probes: list[Probe] = [(1000, 2, False), (1000, 2, True), (900, 1, True)]
    for sharded in (True, False, True):
        probes.append((chance.randrange(100, 10**9), chance.choice((3, 4, 8, 64)), sharded))
    return probes


MEMORY = Exercise(
    number="18.5",
    title="What one process keeps",
    name="memory",
    reference=memory,
    probes=models_and_processes,
    alternatives=[
        lambda parameters, processes, sharded: {
            name: size * parameters / (processes if sharded else 1)
            for name, size in {"optimizer": 8, "gradients": 4, "weights": 4}.items()
        }
    ],
    hints=[
        "A number in float32 takes four bytes. How many numbers does AdamW keep for each weight?",
        "With slices every one of the three is divided by the number of processes.",
    ],
    mistakes=[
        Mistake("AdamW keeps two numbers for each weight, the two running means", "8 * own", "4 * own"),
        Mistake(
            "Only the optimizer's state is cut in your answer. That's ZeRO's first stage; FSDP cuts all three",
            '"weights": 4 * own, "gradients": 4 * own',
            '"weights": 4 * parameters, "gradients": 4 * parameters',
        ),
        Mistake(
            "Your weights aren't cut. That's ZeRO's second stage; FSDP, the third, cuts the weights too",
            '"weights": 4 * own',
            '"weights": 4 * parameters',
        ),
        Mistake(
            "DDP keeps a whole copy in each process, however many there are",
            "parameters / processes if sharded else parameters",
            "parameters / processes",
        ),
        Mistake(
            "Whole copies are DDP's. With slices each process keeps 1 / processes of everything",
            "parameters / processes if sharded else parameters",
            "parameters",
        ),
        Mistake(
            "It's the other way round: `sharded` is the one that cuts",
            "if sharded",
            "if not sharded",
        ),
        Mistake(
            "That's two bytes a number, as in bfloat16. In float32 it's four",
            '"weights": 4 * own, "gradients": 4 * own, "optimizer": 8 * own',
            '"weights": 2 * own, "gradients": 2 * own, "optimizer": 4 * own',
        ),
    ],
)

# --- 18.4 ---

ALIKE = Exercise(
    number="18.4",
    title="One seed for two",
    name="alike",
    reference=1000,
    hints=[
        "Each process has its own random number generator. What does it draw if both are seeded alike?",
        "The masks come from the seed alone, and not from the rows.",
    ],
    mistakes=[
        Mistake("That's with two different seeds: by chance, half of the decisions are the same", answer=500),
        Mistake("The rows differ, but the mask doesn't look at them: it's drawn from the seed alone", answer=0),
        Mistake("That's how many both drop if the seeds differ. Here the seeds are the same", answer=250),
    ],
)

# --- 18.7 ---


def seconds(parameters: int, processes: int, bandwidth: float) -> float:
    """Return how long a ring takes to add up a float32 gradient, if each process sends `bandwidth` bytes a second."""
    size = 4 * parameters
    sent = 2 * (processes - 1) / processes * size
    return sent / bandwidth


def models_and_links(chance: Random) -> list[Probe]:
    """Sizes of models, numbers of processes, and bandwidths in bytes per second."""
    probes: list[Probe] = [(1000, 2, 4000.0), (1000, 4, 4000.0), (500, 1, 100.0)]
    for _ in range(3):
        probes.append((chance.randrange(10**6, 10**9), chance.choice((3, 8, 64)), chance.uniform(1e9, 4e11)))
    return probes


SECONDS = Exercise(
    number="18.7",
    title="The time of an all-reduce",
    name="seconds",
    reference=seconds,
    probes=models_and_links,
    alternatives=[lambda parameters, processes, bandwidth: 8 * parameters * (1 - 1 / processes) / bandwidth],
    hints=[
        "How many bytes has the gradient? What fraction of it does each process send in the ring of section 3?",
        "Each process sends 2 (N - 1) / N of the gradient. Time is bytes divided by bytes per second.",
    ],
    mistakes=[
        Mistake(
            "That's half of it. Either the way back is missing, since the sums still have to be handed round, or you "
            "count two bytes for a number. A float32 has four",
            "2 * (processes",
            "(processes",
        ),
        Mistake("That's the number of numbers. In float32 each takes four bytes", "4 * parameters", "parameters"),
        Mistake(
            "You let each process send its whole gradient to all the others. In the ring it sends chunks, a part of "
            "`processes` at a time",
            "2 * (processes - 1) / processes * size",
            "(processes - 1) * size",
        ),
        Mistake(
            "That grows with the number of processes. Each chunk is one of `processes` parts, so divide by it",
            "2 * (processes - 1) / processes * size",
            "2 * (processes - 1) * size",
        ),
        Mistake("The bandwidth is in bytes, not in bits: no factor of eight", "4 * parameters", "32 * parameters"),
        Mistake(
            "Nearly: twice the whole is the limit for many processes. With N of them it's 2 (N - 1) / N",
            "2 * (processes - 1) / processes",
            "2",
        ),
    ],
)

EXERCISES = (ONE_GRADIENT, OWN_ROWS, SENT, ALIKE, MEMORY, CLIPPED, SECONDS)
