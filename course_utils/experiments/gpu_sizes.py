"""How long the preset `gpu` takes, reckoned from operations, kernel launches and batches: for a T4 and for an A100.

Run as `python -m course_utils bench gpu_sizes`. No card is needed, and none was used: it's arithmetic, and its table
is in docs/gpu_sizes.md. What a card really takes is measured by `bench gpu`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from course_utils.encoder_decoder import EncoderDecoder
from course_utils.experiments.lengths import SIZES as PLACED
from course_utils.experiments.timing import markdown_table
from course_utils.gpt import GPT, GPTConfig
from course_utils.recipe import SMALL, recipe
from course_utils.training import Trainer, next_token_loss
from course_utils.translation import translation_loss

VOCABULARY = 2048
BASE_SIZES = GPTConfig(1_862, 256, n_layer=6, n_head=4, n_embd=128, tied=False)
PAIRS = GPTConfig(694, 34, n_layer=2, n_head=4, n_embd=128)
GPT2 = GPTConfig(50_257, 1024, n_layer=12, n_head=12, n_embd=768)
LIMIT = 15 * 60  # seconds that a notebook's training may take on a T4


@dataclass(frozen=True)
class Card:
    """A card: operations a second in half precision by its data sheet, what of it we count on; and its host.

    `launch` is the seconds that a kernel costs the host, `slower` how many times as long as here it makes a batch.
    """

    name: str
    peak: float
    fraction: float
    launch: float
    slower: float


# Peaks: NVIDIA's data sheets, without sparsity. Small matrices reach a fraction of it. A launch is the time in which
# Python and PyTorch prepare one kernel, while the card waits; a T4 in Colab has two slow cores for that.
CARDS = (Card("T4", 65e12, 0.25, 20e-6, 2.0), Card("A100", 312e12, 0.4, 10e-6, 1.0))


@dataclass(frozen=True)
class Case:
    """A training run of the preset `gpu`: the model's sizes, rows and tokens of a batch, steps, kernels of a step.

    `batch` is the seconds in which one core makes a batch, measured on an ordinary laptop's. `frozen`: only an adapter
    learns.
    """

    notebook: str
    what: str
    sizes: GPTConfig
    rows: int
    tokens: int
    steps: int
    kernels: int
    batch: float = 0.0
    make: Callable[[GPTConfig], nn.Module] = GPT
    frozen: bool = False

    def operations(self) -> float:
        """Return the operations of one step: six for each weight and token, and those of attention.

        Chowdhery et al. 2022, "PaLM", appendix B: 6 N + 12 L C T a token. Weights of a table that's only looked up
        are none, and a table that's also the output counts once. A frozen weight needs no gradient of its own: 4 N.
        """
        with torch.device("meta"):
            model = self.make(self.sizes)
        weights = sum(weight.numel() for name, weight in model.named_parameters() if "embedding" not in name)
        weights += self.sizes.vocab_size * self.sizes.n_embd * self.sizes.tied
        scores = 12 * self.sizes.n_layer * self.sizes.n_embd * self.tokens
        return self.rows * self.tokens * ((4 if self.frozen else 6) * weights + scores)

    def seconds(self, card: Card) -> tuple[float, float]:
        """Return what all steps take the card and its host; both work at once, so the larger counts."""
        host = self.kernels * card.launch + self.batch * card.slower
        return self.steps * self.operations() / (card.peak * card.fraction), self.steps * host


SMALL_SIZES = replace(SMALL, vocab_size=VOCABULARY)
CASES = (
    Case("00", "the small GPT, 2 layers", SMALL_SIZES, 32, 128, 8_000, 256, 0.013),
    Case("11", "six layers", replace(SMALL_SIZES, n_layer=6), 64, 128, 6_000, 452, 0.025),
    Case("14", "conversations", BASE_SIZES, 32, 256, 1_500, 452, 0.047),
    Case("15", "two voices, and one in all weights", BASE_SIZES, 16, 256, 3 * 600, 452, 0.024),
    Case("15", "a chat of your own, GPT-2's weights", GPT2, 8, 256, 600, 747, frozen=True),
    Case("16", "English to Spanish", PAIRS, 64, 34, 1_500, 445, 0.014, EncoderDecoder),
    Case("B", "six schemes of positions", replace(PLACED, vocab_size=VOCABULARY), 64, 32, 6 * 250, 256),
)


class Counting(TorchDispatchMode):
    """Counts PyTorch's operations that compute something; what only looks at a tensor another way launches nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Callable, types: object, args: tuple = (), kwargs: dict | None = None) -> object:
        self.count += not func.is_view
        return func(*args, **(kwargs or {}))


def kernels(case: Case) -> int:
    """Count the operations of one step on the CPU, with narrow vectors: their number depends on the layers only."""
    torch.manual_seed(0)
    sizes = replace(case.sizes, vocab_size=32, n_embd=8 * case.sizes.n_head)
    pairs = case.make is EncoderDecoder
    trainer = Trainer(case.make(sizes), recipe(3), loss=translation_loss if pairs else next_token_loss)
    ids = torch.randint(32, (2, 9))
    batch = (ids, ids >= 0, ids, ids) if pairs else (ids, ids)
    trainer.step(*batch)  # the first one also makes the optimisers' state
    with Counting() as counting:
        trainer.step(*batch)
    return counting.count


def table() -> list[tuple[object, ...]]:
    """Return the rows of the table, the first its heading."""
    heads = [head for card in CARDS for head in (f"{card.name}", f"{card.name}'s host")]
    rows: list[tuple[object, ...]] = [("training", "steps", "10⁹ operations a step", "kernels a step", *heads)]
    for case in CASES:
        told = [f"{seconds:.0f} s" for card in CARDS for seconds in case.seconds(card)]
        billions = f"{case.operations() / 1e9:,.0f}"
        rows.append((f"{case.notebook}: {case.what}", f"{case.steps:,}", billions, f"{case.kernels:,}", *told))
    return rows


def gpu_sizes() -> None:
    """Print the table as Markdown, and how many kernels each step has now."""
    print(markdown_table(table()))
    for case in CASES:
        print(f"{case.notebook}, {case.what}: {kernels(case):,} kernels counted, {case.kernels:,} in the table")
