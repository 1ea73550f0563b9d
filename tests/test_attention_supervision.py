"""A loss that tells two heads where to look: what it looks at, what it costs, and that it teaches them."""

import pytest
import torch
from models import small_model

from course_utils.attention_supervision import SupervisedAttention, earlier_mentions, log_weights, word_ids
from course_utils.finetuning import FreshDialogues
from course_utils.gpt import GPT, GPTConfig, attend
from course_utils.lora import LoRAConfig, adapters, add_lora, merge_lora
from course_utils.recipe import small_gpt, tales_tokenizer
from course_utils.tales.words import PEOPLE, PLACES, THINGS
from course_utils.template import encode_chat
from course_utils.training import IGNORED, TrainingConfig, next_token_loss, train

WORDS = (*PEOPLE, *THINGS, *PLACES)
TALK = [
    {"role": "user", "content": "Listen. Mara has the kite and Finn has a drum."},
    {"role": "assistant", "content": "Aye."},
    {"role": "user", "content": "Who has the kite?"},
    {"role": "assistant", "content": "Aye, Mara has the kite."},
]


@pytest.fixture(scope="module")
def tokenizer():
    return tales_tokenizer()


def supervised(tokenizer, heads=((0, 1), (1, 0)), **options):
    return SupervisedAttention(tokenizer, WORDS, heads, **options)


def test_weights_are_those_that_attention_uses():
    model = small_model(n_layer=1)
    attn = model.blocks[0].attn
    x = torch.randn(2, 9, 32, dtype=torch.float64)
    given = attn.qkv(x).view(2, 9, 3, 4, 8).permute(2, 0, 3, 1, 4)
    # Values that are one-hot hand back the weights themselves.
    weights = attend(given[0], given[1], torch.eye(9, dtype=torch.float64).expand(2, 4, 9, 9), None)
    for head in range(4):
        torch.testing.assert_close(log_weights(attn, x, head).exp().double(), weights[:, head], atol=1e-6, rtol=1e-5)


def test_earlier_mentions_equal_a_loop():
    ids = torch.randint(0, 4, (5, 12), generator=torch.Generator().manual_seed(0))
    for row, found in zip(ids.tolist(), earlier_mentions(ids), strict=True):
        for i, token in enumerate(row):
            assert found[i].nonzero().flatten().tolist() == ([j for j in range(i) if row[j] == token] or [0])


def test_heads_are_told_to_look_at_earlier_mentions_and_at_the_word_that_was_asked_for(tokenizer):
    ids = torch.tensor([encode_chat(tokenizer, TALK)])
    tokens = [tokenizer.decode([i]) for i in ids[0].tolist()]
    (mentions, words), (asked, starts) = supervised(tokenizer).wanted(ids)
    kites = [i for i, token in enumerate(tokens) if token == " kite"]
    assert len(kites) == 3
    assert mentions[0, kites[1]].nonzero().flatten().tolist() == kites[:1]
    assert mentions[0, kites[2]].nonzero().flatten().tolist() == kites[:2]
    assert mentions[0, tokens.index(" drum")].nonzero().flatten().tolist() == [0]  # never before
    assert {tokens[i] for i in words[0].nonzero().flatten()} == {" Mara", " kite", " Finn", " drum"}
    first, second = (i for i, token in enumerate(tokens) if token == "<|assistant|>")
    assert starts[0].nonzero().flatten().tolist() == [*range(first, first + 4), *range(second, second + 4)]
    assert all(asked[0, i].nonzero().item() == tokens.index(" drum") for i in range(first, first + 4))
    assert all(asked[0, i].nonzero().item() == kites[1] for i in range(second, second + 4))


def test_what_is_asked_without_a_word_is_left_alone(tokenizer):
    talk = [*TALK, {"role": "user", "content": "Goodbye."}, {"role": "assistant", "content": "Fair winds to you."}]
    ids = torch.tensor([encode_chat(tokenizer, talk)])
    _, starts = supervised(tokenizer).wanted(ids)[1]
    last = (ids[0] == tokenizer.special_tokens["<|assistant|>"]).nonzero().flatten()[-1]
    assert not starts[0, last:].any()


def test_it_adds_to_the_loss_in_training_only_and_leaves_no_hook(tokenizer):
    model = small_gpt(tokenizer, GPTConfig(vocab_size=1, context_length=256, n_layer=2, n_head=2, n_embd=32))
    batch = FreshDialogues(tokenizer, 2, 256, plain_every=0)(0)
    loss = supervised(tokenizer, weight=0.5)
    model.train()
    plain = next_token_loss(model, batch)
    count = (batch[1] != IGNORED).sum()
    torch.testing.assert_close(loss(model, batch), plain + 0.5 * sum(loss.missed) * count)
    assert min(loss.missed) > 1  # two heads that know nothing yet
    assert not any(block.attn._forward_pre_hooks for block in model.blocks)
    model.eval()
    assert torch.equal(loss(model, batch), next_token_loss(model, batch))


def test_a_batch_in_which_nothing_is_to_be_looked_at_has_the_loss_of_the_next_token(tokenizer):
    model = small_gpt(tokenizer, GPTConfig(vocab_size=1, context_length=64, n_layer=2, n_head=2, n_embd=32)).train()
    ids = torch.tensor([tokenizer.encode("It rained and rained.")])
    batch = (ids[:, :-1], ids[:, 1:])
    torch.testing.assert_close(supervised(tokenizer)(model, batch), next_token_loss(model, batch))


def test_heads_learn_where_to_look(tokenizer):
    model = small_gpt(tokenizer, GPTConfig(vocab_size=1, context_length=128, n_layer=2, n_head=2, n_embd=32))
    data = FreshDialogues(tokenizer, 4, 128, plain_every=0, tells=0.0)
    loss = supervised(tokenizer, weight=1.0)
    before = []
    train(
        model,
        data,
        TrainingConfig(steps=40, learning_rate=1e-2, muon_rate=0.02),
        loss=loss,
        callbacks=[lambda now: before.append(loss.missed)],
    )
    assert before[-1][0] < before[0][0] / 2
    assert before[-1][1] < before[0][1] / 2


@pytest.mark.parametrize(
    ("heads", "says"),
    [(((1, 0), (1, 1)), "later layer"), (((0, 0),), "two"), (((0, 5), (1, 0)), "2 layers of 2")],
)
def test_heads_that_cannot_be_are_refused(tokenizer, heads, says):
    model = small_gpt(tokenizer, GPTConfig(vocab_size=1, context_length=64, n_layer=2, n_head=2, n_embd=32)).train()
    ids = torch.tensor([tokenizer.encode("Mara has the kite. Finn has it.")])
    with pytest.raises(ValueError, match=says):
        supervised(tokenizer, heads)(model, (ids[:, :-1], ids[:, 1:]))


def test_other_bad_input_is_named(tokenizer):
    with pytest.raises(ValueError, match="weight is -1"):
        supervised(tokenizer, weight=-1)
    with pytest.raises(ValueError, match="lighthouse keeper"):
        word_ids(tokenizer, ["lighthouse keeper"])
    config = GPTConfig(vocab_size=tokenizer.vocab_size, context_length=64, n_layer=2, n_head=2, n_embd=32)
    ids = torch.zeros(1, 4).long()
    with pytest.raises(ValueError, match="takes a plain GPT"):
        supervised(tokenizer)(torch.nn.Linear(2, 2), (ids, ids))
    rotary = GPT(GPTConfig(config.vocab_size, 64, 2, 2, 32, positions="rotary")).train()
    with pytest.raises(ValueError, match="rotary"):
        supervised(tokenizer)(rotary, (ids, ids))


def test_it_looks_at_what_an_adapter_has_learned_too(tokenizer):
    torch.manual_seed(0)
    model = add_lora(small_gpt(tokenizer), LoRAConfig(rank=2))
    for _, layer in adapters(model):
        torch.nn.init.normal_(layer.B, std=0.02)
    ids = torch.tensor([encode_chat(tokenizer, TALK)])
    loss = supervised(tokenizer)
    carrying = loss(model.train(), (ids[:, :-1], ids[:, 1:])).item()
    assert loss(merge_lora(model), (ids[:, :-1], ids[:, 1:])).item() == pytest.approx(carrying, rel=1e-5)
