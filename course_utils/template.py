"""From conversations to token ids: messages, the chat template with its special tokens, and the loss mask.

A conversation is a list of messages as Hugging Face writes them: `{"role": "user", "content": "…"}`, roles "user" and
"assistant". What the user says is read, what the assistant says is learned (Ouyang et al. 2022, section 3).
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from course_utils.common import require
from course_utils.recipe import CHAT_TOKENS
from course_utils.tokenizers import END_OF_TEXT, Tokenizer

Message = dict[str, str]
USER, ASSISTANT, END, PAD = CHAT_TOKENS
ROLES = {"user": USER, "assistant": ASSISTANT}

# The same in Jinja, as a tokenizer on Hugging Face carries it. What stands in `generation` is learned.
CHAT_TEMPLATE = (
    "{{ '<|endoftext|>' }}{% for message in messages %}{{ '<|' + message['role'] + '|>' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def check_messages(messages: Sequence[Message]) -> None:
    """Raise ValueError unless these are messages of the two roles."""
    require(len(messages) > 0, "there are no messages; a conversation takes at least one")
    for number, message in enumerate(messages):
        keys = isinstance(message, dict) and {"role", "content"} <= message.keys()
        require(keys, f'message {number} is {message!r}; it takes {{"role": …, "content": …}}')
        role, content = message["role"], message["content"]
        known = isinstance(role, str) and role in ROLES
        require(known, f"message {number} has the role {role!r}; it takes one of {', '.join(ROLES)}")
        require(isinstance(content, str), f"message {number} has the content {content!r}; it takes a text")


def encode_chat(tokenizer: Tokenizer, messages: Sequence[Message], *, prompt: bool = False) -> list[int]:
    """Return the token ids of a conversation; with `prompt` it ends where the assistant's next reply begins.

    A special token typed in a message is text like any other: only the template sets special tokens.
    """
    check_messages(messages)
    special = tokenizer.special_tokens
    ids = [special[END_OF_TEXT]]
    for message in messages:
        content = tokenizer.encode(message["content"], disallowed_special=())
        ids += [special[ROLES[message["role"]]], *content, special[END]]
    return [*ids, special[ASSISTANT]] if prompt else ids


def assistant_mask(ids: Tensor, tokenizer: Tokenizer) -> Tensor:
    """Return True at the tokens that an assistant says, the end of its message included. (B, T) -> (B, T)

    A token belongs to the last special token before it, and no text can hold one: the ids alone say who speaks.
    """
    special = tokenizer.special_tokens
    marks = torch.tensor([special[name] for name in (USER, ASSISTANT, END, END_OF_TEXT)])
    positions = torch.arange(ids.shape[1]).expand_as(ids)
    # The position of the last mark up to each token, by a running maximum; then the same, one token later.
    latest = torch.where(torch.isin(ids, marks), positions, 0).cummax(dim=1).values
    before = ids.gather(1, latest.roll(1, dims=1))
    return (before == special[ASSISTANT]) & (positions > 0)


def fit(tokenizer: Tokenizer, messages: Sequence[Message], room: int) -> list[Message]:
    """Return the last messages of a conversation that fill at most `room` tokens as a prompt.

    Whole messages go, the oldest first, and the rest begins with the user. A last message that is too long by itself
    is a ValueError.
    """
    kept = list(messages)
    while len(encode_chat(tokenizer, kept, prompt=True)) > room:
        later = [number for number in range(1, len(kept)) if kept[number]["role"] == "user"]
        length = len(encode_chat(tokenizer, kept, prompt=True))
        require(len(later) > 0, f"the last message fills {length} of {room} tokens by itself: shorten it")
        kept = kept[later[0] :]
    return kept


def as_messages(turns: Iterable[Sequence[Any]], assistant: str) -> list[Message]:
    """Return turns (speaker, text) as messages: the model is to become `assistant`, and all others are the user.

    What one of the two says in a row becomes one message, a line for each.

    >>> as_messages([("Ida", "Ahoy."), ("Ida", "Hugo?")], "Hugo")
    [{'role': 'user', 'content': 'Ahoy.\\nHugo?'}]
    """
    messages: list[Message] = []
    for speaker, text, *_ in turns:
        role = "assistant" if speaker == assistant else "user"
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += "\n" + text
        else:
            messages.append({"role": role, "content": text})
    return messages
