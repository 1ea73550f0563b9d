"""The course's recipe: the sizes, the fresh weights, the data and the settings with which its models learn tales.

What leaving out each ingredient costs is measured by `python -m course_utils bench ablation`, whose table ships as
`data/ablation.json`: three minutes of training need Muon and fresh tales, and forgive other fresh weights.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch

from course_utils import tales
from course_utils.batches import Rows
from course_utils.bpe import BPETokenizer, train_bpe
from course_utils.common import require
from course_utils.gpt import GPT, GPTConfig, Linear
from course_utils.llama import make_model
from course_utils.tokenizers import END_OF_TEXT, Tokenizer
from course_utils.training import TrainingConfig

# The tokens that a chat needs later are in the vocabulary from the start, so that its size never changes.
CHAT_TOKENS = ("<|user|>", "<|assistant|>", "<|end|>", "<|pad|>")
# In a minute of training two layers get further than three, which do fewer steps in that time; in three minutes as far.
SMALL = GPTConfig(vocab_size=1, context_length=128, n_layer=2, n_head=4, n_embd=128, tied=False)


def tales_tokenizer(vocab_size: int = 2048) -> BPETokenizer:
    """Train a tokenizer on the shipped tales; it ends with end of text and the chat's special tokens."""
    special = (END_OF_TEXT, *CHAT_TOKENS)
    return BPETokenizer(train_bpe(tales.corpus(), vocab_size, special), special)


def small_gpt(tokenizer: Tokenizer, sizes: GPTConfig = SMALL, **spread: float) -> GPT:
    """Return a model of these sizes for this vocabulary, with fresh weights as `initialise_small` draws them."""
    model = make_model(replace(sizes, vocab_size=tokenizer.vocab_size))
    initialise_small(model, **spread)
    return model


@torch.no_grad()
def initialise_small(model: GPT, std: float = 0.7, position_std: float = 0.1, echo: float = 0.1) -> None:
    """Draw fresh weights that let a small model learn soon to repeat what stands in its context.

    Tokens are wide apart (`std`), positions stay in their shadow (`position_std`). An output matrix of its own starts
    as `echo` times the embedding: a token that attention brings along is thereby likelier to come next. Where it is the
    embedding itself (tied), all of that is `echo` times as large. What blocks add to the stream starts at zero.
    """
    # The first norm takes the size out again; as output weights, vectors as wide as `std` would bet all on one token.
    size = echo if model.config.tied else 1.0
    require(size > 0, f"echo is {echo}, and with tied weights it takes a number above 0: all weights would be zero")
    model.token_embedding.weight.normal_(0.0, size * std)
    if hasattr(model, "position_embedding"):
        model.position_embedding.weight.normal_(0.0, size * position_std)
    for layer in model.blocks.modules():
        if isinstance(layer, Linear):
            # A standard deviation of 1 / sqrt(3 inputs) is that of PyTorch's own uniform start.
            layer.weight.normal_(0.0, 1 / math.sqrt(3 * layer.in_features))
            if layer.residual:
                layer.weight.zero_()
    if not model.config.tied:
        model.lm_head.weight.copy_(echo * model.token_embedding.weight)


class FreshTales(Rows):
    """Rows of tales that were never seen before: a function of (seed, step) alone.

    `tales_per_row` is how many stand in a row, one number after the other: (1, 1, 2) makes each third row a pair.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        batch_size: int,
        context_length: int,
        seed: int = 0,
        *,
        tales_per_row: Sequence[int] = (1,),
    ) -> None:
        counts = len(tales_per_row) > 0 and all(isinstance(count, int) and count >= 1 for count in tales_per_row)
        require(counts, f"tales_per_row is {tales_per_row}; it takes whole numbers from 1 on, such as (1,) or (1, 2)")
        require(seed >= 0, f"seed is {seed}; it takes a whole number from 0 on")
        ends = END_OF_TEXT in tokenizer.special_tokens
        require(ends, f"the tokenizer has no {END_OF_TEXT}, which stands between tales: make it a special token")
        self.tokenizer = tokenizer
        self.tales_per_row = tuple(tales_per_row)
        self.stop = tokenizer.special_tokens[END_OF_TEXT]
        super().__init__(batch_size, context_length, pad_id=self.stop)
        # Each seed has ten million tales of its own.
        self.first = tales.FIRST_FRESH_SEED + 10_000_000 * seed

    def seeds(self, number: int) -> range:
        """Return the seeds of the tales in one row."""
        first = self.first + number * max(self.tales_per_row)
        return range(first, first + self.tales_per_row[number % len(self.tales_per_row)])

    def text(self, number: int) -> str:
        """Return what stands in one row, counted from 0 through all batches."""
        return END_OF_TEXT.join(map(tales.generate, self.seeds(number)))

    def row(self, number: int) -> list[int]:
        """Return the token ids of one row, end of text at both ends."""
        return [self.stop, *self.tokenizer.encode(self.text(number), allowed_special="all"), self.stop]


def recipe(steps: int, dtype: torch.dtype = torch.float32) -> TrainingConfig:
    """Return the settings: Muon for matrices, AdamW without decay for the rest; stable for half the run, then to 0."""
    rates = {"learning_rate": 2e-2, "muon_rate": 0.02, "weight_decay": 0.0}
    course = {"warmup": 0.03, "stable": 0.47, "final_rate": 0.0}
    return TrainingConfig(steps, optimizer="muon", dtype=dtype, **rates, **course)
