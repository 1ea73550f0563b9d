"""Batches of conversations in which only replies are learned, and a model that replies."""

import pytest
import torch

from course_utils import finetuning, tales
from course_utils.finetuning import Conversations, FreshDialogues, replies, stream_reply
from course_utils.generation import Sampler
from course_utils.gpt import GPT, GPTConfig
from course_utils.recipe import tales_tokenizer
from course_utils.template import END, encode_chat
from course_utils.tokenizers import END_OF_TEXT, CharTokenizer
from course_utils.training import IGNORED

TALK = [
    {"role": "user", "content": "Who has the kite?"},
    {"role": "assistant", "content": "Aye, Mara has the kite."},
    {"role": "user", "content": "Where is she?"},
    {"role": "assistant", "content": "At the mill."},
]


@pytest.fixture(scope="module")
def tokenizer():
    return tales_tokenizer(700)


def test_batches_of_dialogues_learn_replies_and_whole_tales(tokenizer):
    data = FreshDialogues(tokenizer, 6, 600, plain_every=6)
    alone = 0
    for step in range(8):
        for (number, ids), inputs, targets in zip(data.batch(step), *data(step), strict=True):
            learned = [i for i in targets.tolist() if i != IGNORED]
            if number % 6 == 0:
                alone += 1
                assert tokenizer.decode(learned) == tales.generate(data.first + number) + END_OF_TEXT
                continue
            said = [m["content"] + END for m in data.messages(number) if m["role"] == "assistant"]
            assert tokenizer.decode(learned) == "".join(said)
            assert inputs[: len(ids) - 1].tolist() == ids[:-1]
    assert alone == 8


def test_without_the_mask_everything_is_learned(tokenizer):
    data = FreshDialogues(tokenizer, 4, 600, plain_every=0, masked=False)
    for ids, targets in zip((ids for _, ids in data.batch(0)), data(0)[1], strict=True):
        assert [i for i in targets.tolist() if i != IGNORED] == ids[1:]


def test_given_conversations_come_once_an_epoch(tokenizer):
    talks = [[{"role": "user", "content": str(n)}, {"role": "assistant", "content": f"{n}, aye"}] for n in range(16)]
    data = Conversations(tokenizer, talks, 2, 64)
    rows = [tuple(ids) for step in range(16) for _, ids in data.batch(step)]
    assert sorted(rows[:16]) == sorted(rows[16:]) == sorted(tuple(encode_chat(tokenizer, talk)) for talk in talks)
    assert rows[:16] != rows[16:]


def test_replies_alone_and_in_batches_are_the_same_and_leave_no_marks(tokenizer):
    torch.manual_seed(0)
    model = GPT(GPTConfig(tokenizer.vocab_size, 96, 2, 2, 32)).eval()
    prompts = [TALK[:1], TALK[:3]]
    together = replies(model, tokenizer, prompts, most=20)
    assert together == ["".join(stream_reply(model, tokenizer, prompt, most=20)) for prompt in prompts]
    assert not any(END in reply for reply in together)


def test_a_reply_forgets_only_what_leaves_no_room_for_an_answer(tokenizer, monkeypatch):
    torch.manual_seed(0)
    model = GPT(GPTConfig(tokenizer.vocab_size, 96, 2, 2, 32)).eval()
    read = []
    monkeypatch.setattr(finetuning, "stream_text", lambda *arguments: read.append(arguments[2:4]) or iter(()))
    talk = [{"role": role, "content": "the kite " * 5} for role in ("user", "assistant", "user")]
    whole = encode_chat(tokenizer, talk, prompt=True)
    assert 96 - finetuning.ANSWER - 10 < len(whole) <= 96 - finetuning.ANSWER
    stream_reply(model, tokenizer, talk, most=90)
    assert read[-1] == (whole, 96 - len(whole))  # all of it is read, and the rest of the context is for the reply
    longer = [*talk, {"role": "assistant", "content": "aye"}, {"role": "user", "content": "the kite"}]
    stream_reply(model, tokenizer, longer, most=90)
    assert read[-1][0] == encode_chat(tokenizer, longer[2:], prompt=True)


def test_each_batch_of_replies_draws_for_itself(tokenizer):
    torch.manual_seed(0)
    model = GPT(GPTConfig(tokenizer.vocab_size, 96, 2, 2, 32)).eval()
    said = replies(model, tokenizer, [TALK[:1]] * 4, most=20, sampler=Sampler(seed=1), batch_size=2)
    assert len(set(said)) == 4
    assert said[:2] == replies(model, tokenizer, [TALK[:1]] * 2, most=20, sampler=Sampler(seed=1))


@pytest.mark.parametrize(
    ("asked", "told"),
    [({"most": 96}, "most is 96; it takes fewer tokens than .* 96"), ({"batch_size": 0}, "batch_size is 0")],
)
def test_replies_that_cannot_be_are_told(tokenizer, asked, told):
    with pytest.raises(ValueError, match=told):
        replies(GPT(GPTConfig(tokenizer.vocab_size, 96, 2, 2, 32)), tokenizer, [TALK[:1]], **asked)


def test_a_vocabulary_without_the_chats_tokens_is_told():
    words = CharTokenizer.from_text("a chat", [END_OF_TEXT])
    with pytest.raises(ValueError, match=r"no special token '<\|user\|>'; it has \['<\|endoftext\|>'\]"):
        Conversations(words, [[{"role": "user", "content": "a chat"}]], 2, 64)
