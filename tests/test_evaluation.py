"""Judging: known tales get their known share, and what a model tells is taken up to its end."""

import re

import pytest
import torch
from models import small_config
from torch.testing import assert_close

from course_utils import tales
from course_utils.evaluation import distinct_ngrams, kinds_of, score, tell_tales, token_losses
from course_utils.generation import GREEDY, Sampler
from course_utils.gpt import GPT
from course_utils.recipe import FreshTales, tales_tokenizer
from course_utils.tokenizers import END_OF_TEXT
from course_utils.training import evaluate


def spoil(tale):
    """Cut the last sentence in half: one sentence is wrong, and so is the tale."""
    return tale[:-5]


def test_shares_are_those_of_tales_whose_truth_is_known():
    good = [tales.generate(seed) for seed in range(3_000_000, 3_000_008)]
    scores = score([*good, *map(spoil, good[:2])])
    sentences = [len(tales.check(tale).sentences) for tale in [*good, *good[:2]]]
    assert scores.count == 10
    assert scores.tales == 0.8
    assert_close(scores.sentences, 1 - 2 / sum(sentences))
    assert sum(scores.faults.values()) == 2
    assert scores.copied == 0


def test_copies_of_the_shipped_tales_are_counted():
    assert score([tales.corpus()[0], tales.generate(4_000_000)]).copied == 0.5


def test_nothing_to_judge_is_told():
    with pytest.raises(ValueError, match="no tales to judge"):
        score([])


class Reciter(torch.nn.Module):
    """A model that knows one text by heart and says its next token, whatever it is asked."""

    def __init__(self, ids, vocab_size):
        super().__init__()
        self.ids, self.vocab_size = ids, vocab_size
        self.config = small_config(vocab_size=vocab_size, context_length=40)
        self.token_embedding = torch.nn.Embedding(1, 1)

    def lm_head(self, hidden):
        following = torch.tensor([self.ids[min(int(n), len(self.ids) - 1)] for n in hidden[:, 0]])
        return torch.nn.functional.one_hot(following, self.vocab_size).float()

    def hidden_states(self, idx, cache=None, attention_mask=None):
        if cache is not None:
            cache.length += idx.shape[1]
        length = torch.full((len(idx),), cache.length) if attention_mask is None else attention_mask.sum(-1)
        return length.float()[:, None, None]


def test_a_tale_goes_with_its_opening_up_to_the_end_of_text(monkeypatch):
    tokenizer = tales_tokenizer(600)
    stop, text = tokenizer.special_tokens[END_OF_TEXT], "Mara sang a song about soup."
    ids = [stop, *tokenizer.encode(text), stop, 7, 7]
    model = Reciter(ids, tokenizer.vocab_size)
    assert tell_tales(model, tokenizer, ["", "Mara sang", "Mara"], GREEDY, batch_size=2) == [text] * 3


def test_a_tale_without_an_end_stops_with_the_context():
    tokenizer = tales_tokenizer(600)
    torch.manual_seed(0)
    model = GPT(small_config(vocab_size=tokenizer.vocab_size, context_length=12))
    with torch.no_grad():
        model.lm_head.weight[tokenizer.special_tokens[END_OF_TEXT]] = 0.0
    decode, seen = tokenizer.decode, []
    tokenizer.decode = lambda ids: seen.append(ids) or decode(ids)
    (told,) = tell_tales(model, tokenizer, ["The kite"], GREEDY)
    assert told.startswith("The kite")
    assert len(seen[0]) == 11  # the context without the end of text that begins it


def test_each_batch_tells_other_tales_and_the_same_seed_the_same():
    tokenizer = tales_tokenizer(600)
    torch.manual_seed(0)
    model = GPT(small_config(vocab_size=tokenizer.vocab_size, context_length=12))
    told = [tell_tales(model, tokenizer, [""] * 6, Sampler(seed=3), batch_size=2) for _ in range(2)]
    assert told[0] == told[1]
    assert len(set(told[0])) == 6


def test_an_opening_that_fills_the_context_is_told():
    tokenizer = tales_tokenizer(600)
    model = GPT(small_config(vocab_size=tokenizer.vocab_size, context_length=12))
    with pytest.raises(ValueError, match=r"an opening has \d+ tokens, and the model's context holds 12"):
        tell_tales(model, tokenizer, ["", tales.generate(5)], GREEDY)


def test_a_text_in_place_of_a_list_is_told():
    tokenizer = tales_tokenizer(600)
    model = GPT(small_config(vocab_size=tokenizer.vocab_size, context_length=12))
    for call in (lambda: score("One tale."), lambda: tell_tales(model, tokenizer, "Once", GREEDY)):
        with pytest.raises(ValueError, match="it takes a list of texts"):
            call()
    with pytest.raises(ValueError, match="batch_size is -1"):
        tell_tales(model, tokenizer, [""], GREEDY, batch_size=-1)


def test_distinct_ngrams_are_counted_over_all_texts():
    assert distinct_ngrams(["a b c d e"], n=4) == 1.0
    assert distinct_ngrams(["a b c d e"] * 5, n=4) == 0.2
    assert distinct_ngrams(["a b a b", "b c"], n=2) == 0.75  # a b, b a, a b, b c
    assert distinct_ngrams(["a b c", "d e"], n=3) == 1.0  # no run goes from one text into the next


@pytest.mark.parametrize(
    ("texts", "n", "told"),
    [("a text", 4, "it takes a list of texts"), ([], 4, "no text has 4 words"), (["a b"], 0, "n is 0")],
)
def test_ngrams_that_cannot_be_are_refused(texts, n, told):
    with pytest.raises(ValueError, match=told):
        distinct_ngrams(texts, n)


def test_the_losses_of_tokens_add_up_to_what_evaluate_says():
    tokenizer = tales_tokenizer(600)
    torch.manual_seed(0)
    model = GPT(small_config(vocab_size=tokenizer.vocab_size, context_length=60))
    data = FreshTales(tokenizer, 4, 60)
    found = token_losses(model, tokenizer, [data.text(number) for number in range(32)], batch_size=5)
    whole = evaluate(model, [data(step) for step in range(8)])
    losses = [token.loss for tale in found for token in tale]
    assert sum(losses) / len(losses) == pytest.approx(whole, abs=1e-4)


def test_each_token_has_its_kind_and_what_ends_a_tale_too():
    tale = "Mara gave the red kite to Finn at the mill. Mara smiled, and he took it."
    found = dict.fromkeys(["name", "pronoun", "place", "thing", "wording"], 0)
    for kind, _ in kinds_of(tale, re.findall(r" ?[^ ]+", tale)):
        found[kind] += 1
    assert found == {"name": 3, "pronoun": 2, "place": 1, "thing": 2, "wording": 8}
    assert kinds_of("Mara.", ["Mara", ".", END_OF_TEXT]) == [("name", False), ("wording", False), ("end", False)]
    assert [before for kind, before in kinds_of("Finn saw Finn", ["Finn", " saw", " Finn"])] == [False, False, True]


def test_of_a_wrapped_model_the_one_inside_is_judged():
    tokenizer, texts = tales_tokenizer(600), ["Mara sang."]
    torch.manual_seed(0)
    model = GPT(small_config(vocab_size=tokenizer.vocab_size))
    wrapped = torch.nn.DataParallel(model)
    assert tell_tales(wrapped, tokenizer, ["Mara"], GREEDY) == tell_tales(model, tokenizer, ["Mara"], GREEDY)
    assert token_losses(wrapped, tokenizer, texts) == token_losses(model, tokenizer, texts)


def test_the_losses_of_tokens_are_measured_without_dropout_and_the_model_stays_in_training():
    tokenizer, texts = tales_tokenizer(600), ["Mara sang."]
    torch.manual_seed(0)
    model = GPT(small_config(vocab_size=tokenizer.vocab_size, dropout=0.5)).train()
    found = token_losses(model, tokenizer, texts)
    assert model.training
    assert found == token_losses(model.eval(), tokenizer, texts)


@pytest.mark.parametrize("size", [0, 2.5, "3"])
def test_batches_of_no_size_are_told(size):
    tokenizer = tales_tokenizer(600)
    model = GPT(small_config(vocab_size=tokenizer.vocab_size))
    for judge in (
        lambda: tell_tales(model, tokenizer, ["Mara"], GREEDY, size),
        lambda: token_losses(model, tokenizer, ["Mara"], size),
    ):
        with pytest.raises(ValueError, match="batch_size is "):
            judge()
