"""Rows of unequal length as batches by step, for `training.train`: each holds rows alike in length, in few widths."""

import random
from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.gpt import whole_number
from course_utils.tokenizers import pad_batch
from course_utils.training import IGNORED
from course_utils.windows import step_number

POOL = 8  # batches that share out their rows by length
# Batches are as wide as a multiple of this: a processor prepares itself for each new shape, which takes it a step.
WIDTH = 8


class Rows(ABC):
    """Inputs and targets by step, (B, T) each; what a row holds is up to `row(number)`, counted through all batches.

    A function of the step alone. Rows are cut at `context_length`; what fills the shorter ones, and what `learned`
    says, is not learned. A batch holds rows of about one length, so little is filled: `POOL` batches share theirs out.
    """

    def __init__(self, batch_size: int, context_length: int, pad_id: int) -> None:
        self.batch_size = whole_number("batch_size", batch_size)
        self.length = whole_number("context_length", context_length) + 1  # inputs and, one further, targets
        self.pad_id = pad_id
        self.pool: tuple[int, list[list[tuple[int, list[int]]]]] = (-1, [])  # the last one that was made

    @abstractmethod
    def row(self, number: int) -> list[int]:
        """Return the token ids of one row."""

    def learned(self, ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return which tokens of a batch are to be predicted, (B, T) as both arguments: all but the padding."""
        return attention_mask

    def batch(self, step: int) -> list[tuple[int, list[int]]]:
        """Return the batch of one step, counted from 0: for each row its number and its token ids."""
        place, batch = divmod(step_number(step), POOL)
        if self.pool[0] != place:
            size = POOL * self.batch_size
            rows = [(number, self.row(number)[: self.length]) for number in range(place * size, (place + 1) * size)]
            rows.sort(key=lambda row: len(row[1]))
            batches = [rows[i : i + self.batch_size] for i in range(0, size, self.batch_size)]
            random.Random(place).shuffle(batches)  # else they would grow longer and longer
            self.pool = (place, batches)
        return self.pool[1][batch]

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the inputs and targets of one step, counted from 0."""
        ids, attention_mask = pad_batch([ids for _, ids in self.batch(step)], self.pad_id)
        inputs = ids[:, :-1]
        targets = torch.where(self.learned(ids, attention_mask), ids, IGNORED)[:, 1:]
        more = min(-inputs.shape[1] % WIDTH, self.length - 1 - inputs.shape[1])
        return F.pad(inputs, (0, more), value=self.pad_id), F.pad(targets, (0, more), value=IGNORED)
