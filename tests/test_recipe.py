"""The recipe: a vocabulary with the chat's tokens, fresh tales by step, and weights that repeat before they learn."""

import math
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from course_utils import tales
from course_utils.recipe import CHAT_TOKENS, SMALL, FreshTales, recipe, small_gpt, tales_tokenizer
from course_utils.tokenizers import END_OF_TEXT, CharTokenizer
from course_utils.training import IGNORED, evaluate, train


@pytest.fixture(scope="module")
def tokenizer():
    return tales_tokenizer(600)


def test_the_vocabulary_ends_with_end_of_text_and_the_chats_tokens(tokenizer):
    assert tokenizer.vocab_size == 600
    assert list(tokenizer.special_tokens) == [END_OF_TEXT, *CHAT_TOKENS]
    assert sorted(tokenizer.special_tokens.values()) == list(range(595, 600))


def test_in_a_full_vocabulary_the_words_of_tales_are_single_tokens():
    tokenizer = tales_tokenizer()
    ids = tokenizer.encode(tales.generate(5_000_000))
    words = len(tokenizer.compiled.findall(tales.generate(5_000_000)))
    assert len(ids) <= words + 1


def test_a_row_is_one_whole_fresh_tale_and_its_targets_are_shifted_by_one(tokenizer):
    data = FreshTales(tokenizer, 3, 400, seed=2)
    stop, numbers = tokenizer.special_tokens[END_OF_TEXT], [number for number, _ in data.batch(5)]
    for number, x, y in zip(numbers, *data(5), strict=True):
        text = tales.generate(tales.FIRST_FRESH_SEED + 20_000_000 + number)
        ids = [stop, *tokenizer.encode(text), stop]
        assert x[: len(ids) - 1].tolist() == ids[:-1]
        assert y[: len(ids) - 1].tolist() == ids[1:]
        assert (y[len(ids) - 1 :] == IGNORED).all()


def test_tales_depend_on_seed_and_step_alone_and_never_repeat(tokenizer):
    one, again, other = (FreshTales(tokenizer, 4, 60, seed) for seed in (0, 0, 1))
    one(7)  # what was asked before does not matter
    assert torch.equal(one(3)[0], again(3)[0])
    assert not torch.equal(one(3)[0], one(4)[0])
    assert not torch.equal(one(3)[0], other(3)[0])
    assert one(0)[0].shape == (4, 60)


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_fresh_blocks_add_nothing_and_a_token_likes_to_be_repeated(tokenizer, positions):
    torch.manual_seed(0)
    model = small_gpt(tokenizer, replace(SMALL, positions=positions)).eval()
    idx = torch.arange(100)[None]
    stream = model.token_embedding(idx)
    if positions == "learned":
        stream = stream + model.position_embedding(torch.arange(100))
    assert_close(model.hidden_states(idx), model.final_norm(stream))
    assert (model(idx).argmax(-1) == idx).float().mean() > 0.9


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_tied_weights_start_as_near_to_chance_as_untied_ones(tokenizer, positions):
    losses = []
    for tied in (True, False):
        torch.manual_seed(0)
        model = small_gpt(tokenizer, replace(SMALL, positions=positions, tied=tied))
        losses.append(evaluate(model, [FreshTales(tokenizer, 4, 64)(0)]))
    assert abs(losses[0] - losses[1]) < 0.5
    assert losses[0] < math.log(tokenizer.vocab_size) + 3


def test_tied_weights_of_zero_are_refused(tokenizer):
    with pytest.raises(ValueError, match=r"echo is 0\.0, and with tied weights it takes a number above 0"):
        small_gpt(tokenizer, replace(SMALL, tied=True), echo=0.0)


def test_the_recipe_learns(tokenizer):
    torch.manual_seed(0)
    model = small_gpt(tokenizer, replace(SMALL, n_layer=1, n_embd=32, n_head=2))
    losses = train(model, FreshTales(tokenizer, 8, 64), recipe(30)).losses
    assert losses[-1] < losses[0] - 0.4


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"context_length": 0}, "context_length is 0"),
    ],
)
def test_bad_settings_of_the_data_are_told(tokenizer, changes, told):
    with pytest.raises(ValueError, match=told):
        FreshTales(tokenizer, **({"batch_size": 2, "context_length": 8} | changes))


def test_a_tokenizer_without_the_end_of_text_is_told():
    with pytest.raises(ValueError, match=r"the tokenizer has no <\|endoftext\|>"):
        FreshTales(CharTokenizer.from_text("abc"), 2, 8)
