"""Fine-tuning a base model on conversations: their batches, and a model that replies."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from course_utils import tales
from course_utils.batches import Rows
from course_utils.checkpoints import unwrap
from course_utils.common import require
from course_utils.generation import GREEDY, Sampler, generate_tokens, of_its_own, stream_text
from course_utils.gpt import GPT, whole_number
from course_utils.recipe import FreshTales
from course_utils.template import END, USER, Message, as_messages, assistant_mask, encode_chat, fit
from course_utils.tokenizers import END_OF_TEXT, Tokenizer

ANSWER = 48  # tokens that are kept free for a reply: no answer to a question is longer


class FreshDialogues(FreshTales):
    """Batches of conversations about fresh tales, in which only what the assistant says is learned.

    One row in `plain_every` is a tale as in pretraining, so that the model does not forget how to tell one.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        batch_size: int,
        context_length: int,
        seed: int = 0,
        *,
        voice: tales.Voice = tales.HUGO,
        plain_every: int = 8,
        masked: bool = True,
        questions: int = 4,
        unanswerable: float = 0.15,
        talk: float = 0.15,
        tells: float = 0.3,
    ) -> None:
        require(plain_every >= 0, f"plain_every is {plain_every}; it takes 0 (never) or a whole number from 2 on")
        super().__init__(tokenizer, batch_size, context_length, seed)
        self.voice, self.plain_every, self.masked = voice, plain_every, masked
        self.mix = {"questions": questions, "unanswerable": unanswerable, "talk": talk, "tells": tells}

    def messages(self, number: int) -> list[Message]:
        """Return the conversation of one row."""
        return as_messages(tales.dialogue(self.first + number, self.voice, **self.mix), self.voice.name)

    def row(self, number: int) -> list[int]:
        """Return the token ids of one row."""
        if self.plain_every and number % self.plain_every == 0:
            return super().row(number)
        return encode_chat(self.tokenizer, self.messages(number))

    def learned(self, ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return which tokens are learned: the assistant's, and all of a tale that stands alone."""
        if not self.masked:
            return attention_mask
        alone = (ids != self.tokenizer.special_tokens[USER]).all(dim=1, keepdim=True)
        return attention_mask & (alone | assistant_mask(ids, self.tokenizer))


class Conversations(Rows):
    """Batches of given conversations, over and over in a new order each time; only what the assistant says is learned.

    What does not fit in the context is cut off at the end of the row, so split long conversations before.
    """

    def __init__(
        self, tokenizer: Tokenizer, conversations: Sequence[Sequence[Message]], batch_size: int, context_length: int
    ) -> None:
        require(len(conversations) > 0, "there are no conversations; training takes at least one")
        super().__init__(batch_size, context_length, tokenizer.special_tokens[END_OF_TEXT])
        self.tokenizer = tokenizer
        self.rows = [encode_chat(tokenizer, messages) for messages in conversations]

    def row(self, number: int) -> list[int]:
        """Return the token ids of one row."""
        epoch, place = divmod(number, len(self.rows))
        order = torch.randperm(len(self.rows), generator=torch.Generator().manual_seed(epoch))
        return self.rows[order[place]]

    def learned(self, ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return which tokens are learned: the assistant's."""
        return attention_mask & assistant_mask(ids, self.tokenizer)


def stream_reply(
    model: GPT, tokenizer: Tokenizer, messages: Sequence[Message], most: int = 120, sampler: Sampler = GREEDY
) -> Iterator[str]:
    """Yield the assistant's next reply, piece by piece: up to `most` tokens, or as many as the context has room for.

    The oldest messages are forgotten where fewer than `ANSWER` tokens would be left.
    """
    context = unwrap(model).config.context_length
    ids = encode_chat(tokenizer, fit(tokenizer, messages, context - min(most, ANSWER)), prompt=True)
    stops = [tokenizer.special_tokens[name] for name in (END, END_OF_TEXT)]
    return stream_text(model, tokenizer, ids, min(most, context - len(ids)), sampler, stops)


def replies(
    model: GPT,
    tokenizer: Tokenizer,
    prompts: Sequence[Sequence[Message]],
    most: int = 60,
    sampler: Sampler = GREEDY,
    batch_size: int = 100,
) -> list[str]:
    """Return the assistant's next reply in each conversation."""
    batch_size = whole_number("batch_size", batch_size)
    stops = [tokenizer.special_tokens[name] for name in (END, END_OF_TEXT)]
    context = unwrap(model).config.context_length
    require(most < context, f"most is {most}; it takes fewer tokens than the model's context holds, {context}")
    room = context - most
    ids = [encode_chat(tokenizer, fit(tokenizer, messages, room), prompt=True) for messages in prompts]
    found: list[str] = []
    for first in range(0, len(ids), batch_size):
        own = of_its_own(sampler, first)
        rows = generate_tokens(model, ids[first : first + batch_size], most, own, stop_tokens=stops)
        found += [tokenizer.decode([i for i in row if i not in stops]) for row in rows]
    return found
