"""The course's recipe: the sizes, the fresh weights, the data and the settings with which its models learn tales.

What leaving out each ingredient costs is measured by `python -m course_utils bench ablation`, whose table ships as
`data/ablation.json`: three minutes of training need Muon and fresh tales, and forgive other fresh weights.
"""

import math
import random
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils import tales
from course_utils.bpe import BPETokenizer, train_bpe
from course_utils.common import require
from course_utils.gpt import GPT, GPTConfig, Linear
from course_utils.tokenizers import END_OF_TEXT, Tokenizer, pad_batch
from course_utils.training import IGNORED, TrainingConfig

POOL = 8  # batches that share out their tales by length
# Batches are as wide as a multiple of this: a processor prepares itself for each new shape, which takes it a step.
WIDTH = 16
# The tokens that a chat needs later are in the vocabulary from the start, so that its size never changes.
CHAT_TOKENS = ("<|user|>", "<|assistant|>", "<|end|>", "<|pad|>")
# In a minute of training two layers get further than three, which do fewer steps in that time; in three minutes as far.
SMALL = GPTConfig(vocab_size=1, context_length=128, n_layer=2, n_head=4, n_embd=128, tied=False)


def tales_tokenizer(vocab_size: int = 2048) -> BPETokenizer:
    """Train a tokenizer on the shipped tales; it ends with end of text and the chat's special tokens."""
    special = (END_OF_TEXT, *CHAT_TOKENS)
    return BPETokenizer(train_bpe(tales.corpus(), vocab_size, special), special)


def small_gpt(tokenizer: Tokenizer, sizes: GPTConfig = SMALL, **spread: float) -> GPT:
    """Return a GPT of these sizes for this vocabulary, with fresh weights as `initialise_small` draws them."""
    model = GPT(replace(sizes, vocab_size=tokenizer.vocab_size))
    initialise_small(model, **spread)
    return model


@torch.no_grad()
def initialise_small(model: GPT, std: float = 0.7, position_std: float = 0.1, echo: float = 0.1) -> None:
    """Draw fresh weights that let a small model learn soon to repeat what stands in its context.

    Tokens are wide apart (`std`), positions stay in their shadow (`position_std`). An output matrix of its own starts
    as `echo` times the embedding: a token that attention brings along is thereby likelier to come next. What blocks
    add to the stream starts at zero.
    """
    model.token_embedding.weight.normal_(0.0, std)
    if hasattr(model, "position_embedding"):
        model.position_embedding.weight.normal_(0.0, position_std)
    for layer in model.blocks.modules():
        if isinstance(layer, Linear):
            # A standard deviation of 1 / sqrt(3 inputs) is that of PyTorch's own uniform start.
            layer.weight.normal_(0.0, 1 / math.sqrt(3 * layer.in_features))
            if layer.residual:
                layer.weight.zero_()
    if not model.config.tied:
        model.lm_head.weight.copy_(echo * model.token_embedding.weight)


class FreshTales:
    """Batches by step for `training.train`, in each row a tale that was never seen before, or more: (B, T) twice.

    A function of (seed, step) alone. Rows are cut at `context_length`; what fills the shorter ones is not learned, and
    since a batch holds rows of about one length, little is filled: `POOL` batches share out their rows by length.
    """

    def __init__(
        self, tokenizer: Tokenizer, batch_size: int, context_length: int, seed: int = 0, *, tales_per_row: int = 1
    ) -> None:
        require(tales_per_row >= 1, f"tales_per_row is {tales_per_row}; it takes a whole number from 1 on")
        require(batch_size >= 1, f"batch_size is {batch_size}; it takes a whole number from 1 on")
        require(seed >= 0, f"seed is {seed}; it takes a whole number from 0 on")
        require(context_length >= 1, f"context_length is {context_length}; it takes a whole number from 1 on")
        ends = END_OF_TEXT in tokenizer.special_tokens
        require(ends, f"the tokenizer has no {END_OF_TEXT}, which stands between tales: make it a special token")
        self.tokenizer = tokenizer
        self.batch_size = batch_size
        self.length = context_length + 1  # inputs and, one further, targets
        self.tales_per_row = tales_per_row
        self.stop = tokenizer.special_tokens[END_OF_TEXT]
        # Each seed has ten million tales of its own.
        self.first = tales.FIRST_FRESH_SEED + 10_000_000 * seed
        self.pool: tuple[int, list[list[tuple[int, list[int]]]]] = (-1, [])  # the last one that was made

    def text(self, number: int) -> str:
        """Return what stands in one row, counted from 0 through all batches."""
        return END_OF_TEXT.join(map(tales.generate, self.seeds(number)))

    def seeds(self, number: int) -> range:
        """Return the seeds of the tales in one row."""
        first = self.first + number * self.tales_per_row
        return range(first, first + self.tales_per_row)

    def batch(self, step: int) -> list[tuple[int, list[int]]]:
        """Return the batch of one step, counted from 0: for each row its number and its token ids."""
        place, batch = divmod(step, POOL)
        if self.pool[0] != place:
            size = POOL * self.batch_size
            rows = [(number, self.row(number)) for number in range(place * size, (place + 1) * size)]
            rows.sort(key=lambda row: len(row[1]))
            batches = [rows[i : i + self.batch_size] for i in range(0, size, self.batch_size)]
            random.Random(place).shuffle(batches)  # else they would grow longer and longer
            self.pool = (place, batches)
        return self.pool[1][batch]

    def row(self, number: int) -> list[int]:
        """Return the token ids of one row, end of text at both ends."""
        return [self.stop, *self.tokenizer.encode(self.text(number), allowed_special="all"), self.stop][: self.length]

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the inputs and targets of one step, counted from 0."""
        ids, attention_mask = pad_batch([ids for _, ids in self.batch(step)], self.stop)
        inputs = ids[:, :-1]
        targets = torch.where(attention_mask, ids, IGNORED)[:, 1:]
        more = min(-inputs.shape[1] % WIDTH, self.length - 1 - inputs.shape[1])
        return F.pad(inputs, (0, more), value=self.stop), F.pad(targets, (0, more), value=IGNORED)


def recipe(steps: int, dtype: torch.dtype = torch.float32) -> TrainingConfig:
    """Return the settings: Muon for matrices, AdamW without decay for the rest; stable for half the run, then to 0."""
    rates = {"learning_rate": 2e-2, "muon_rate": 0.02, "weight_decay": 0.0}
    course = {"warmup": 0.03, "stable": 0.47, "final_rate": 0.0}
    return TrainingConfig(steps, optimizer="muon", dtype=dtype, **rates, **course)
