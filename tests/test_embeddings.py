"""Word2Vec against plain loops and formulas; on a toy language, words that are used alike come close."""

import math
from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from course_utils.embeddings import (
    Word2Vec,
    cbow_examples,
    co_occurrences,
    contexts,
    cosine,
    fraction_alike,
    nearest,
    noise_chances,
    skip_gram_examples,
    train_words,
)

DOCUMENTS = st.lists(st.lists(st.integers(0, 9), max_size=8), min_size=1, max_size=5).filter(any)


def around(document, place, radius):
    """The words beside one place, by definition."""
    return [
        document[i] if 0 <= i < len(document) else -1 for i in range(place - radius, place + radius + 1) if i != place
    ]


@given(DOCUMENTS, st.integers(1, 4))
def test_contexts_equal_a_plain_loop(documents, radius):
    words, found = contexts(documents, radius)
    assert words.tolist() == [word for document in documents for word in document]
    assert found.tolist() == [around(d, place, radius) for d in documents for place in range(len(d))]


@given(DOCUMENTS, st.integers(1, 4))
def test_examples_of_both_kinds_are_the_pairs_of_a_context(documents, radius):
    pairs = [(w, n) for d in documents for i, w in enumerate(d) for n in around(d, i, radius) if n >= 0]
    given_words, target = skip_gram_examples(documents, radius)
    assert list(zip(given_words[:, 0].tolist(), target.tolist(), strict=True)) == pairs
    given_words, target = cbow_examples(documents, radius)
    wanted = [(around(d, i, radius), w) for d in documents for i, w in enumerate(d) if len(d) > 1]
    assert list(zip(given_words.tolist(), target.tolist(), strict=True)) == wanted


@given(DOCUMENTS, st.integers(1, 4))
def test_co_occurrences_equal_a_count(documents, radius):
    counts = Counter((w, n) for d in documents for i, w in enumerate(d) for n in around(d, i, radius) if n >= 0)
    found = co_occurrences(documents, radius, vocab_size=10)
    assert {(i, j): int(found[i, j]) for i, j in found.nonzero().tolist()} == counts


def test_noise_follows_counts_to_the_power_of_three_quarters():
    counts = torch.tensor([81, 16, 1, 0])
    assert_close(noise_chances(counts), torch.tensor([27, 8, 1, 0]) / 36)


@pytest.mark.parametrize("given_words", [[[2], [0]], [[2, 3, -1, 5], [-1, -1, 1, 1]]])
def test_the_loss_is_that_of_the_paper(given_words):
    torch.manual_seed(0)
    model = Word2Vec(6, 4).double()
    torch.nn.init.normal_(model.words.weight), torch.nn.init.normal_(model.answers.weight)
    right, wrong = torch.tensor([4, 1]), torch.tensor([[0, 5, 5], [2, 3, 0]])
    total = 0.0
    for row in range(2):
        real = [i for i in given_words[row] if i >= 0]
        vector = sum(model.words.weight[i].detach() for i in real) / len(real)
        answers = model.answers.weight.detach()
        total -= math.log(torch.sigmoid(vector @ answers[right[row]]))
        for i in wrong[row]:
            total -= math.log(torch.sigmoid(-vector @ answers[i]))
    loss = model(torch.tensor(given_words), right, wrong)
    assert loss.item() == pytest.approx(total / 2, abs=1e-10)


def test_before_training_each_answer_is_a_toss_up():
    loss = Word2Vec(9, 4)(torch.tensor([[1], [2]]), torch.tensor([3, 4]), torch.tensor([[5, 6, 7], [5, 6, 7]]))
    assert_close(loss, torch.tensor(4 * math.log(2)))


def test_only_rows_that_were_given_or_answers_get_a_gradient():
    model = Word2Vec(8, 3)
    torch.nn.init.normal_(model.answers.weight)
    model(torch.tensor([[2, -1]]), torch.tensor([4]), torch.tensor([[6]])).backward()
    assert model.words.weight.grad.any(1).nonzero().flatten().tolist() == [2]
    assert model.answers.weight.grad.any(1).nonzero().flatten().tolist() == [4, 6]


@pytest.mark.parametrize("examples", [skip_gram_examples, cbow_examples])
def test_words_used_alike_come_close(examples):
    # 0 and 1 stand before 2 or 3; 4 and 5 before 6 or 7.
    documents = [[a, b] for a in (0, 1) for b in (2, 3)] + [[a, b] for a in (4, 5) for b in (6, 7)]
    torch.manual_seed(0)
    model = Word2Vec(8, 8)
    words, target = examples(documents, 1)
    losses = train_words(model, words, target, noise_chances(torch.ones(8)), steps=300, batch_size=64)
    assert losses[-1] < 0.7 * losses[0]
    fraction, chance_level = fraction_alike(model.words.weight.detach(), "aabbccdd")
    assert (fraction, chance_level) == (1.0, pytest.approx(1 / 7))


def test_cosine_is_pytorchs():
    a, b = torch.randn(3, 5), torch.randn(4, 5)
    assert_close(cosine(a, b), F.cosine_similarity(a[:, None], b[None], dim=-1))


def test_the_nearest_are_those_of_a_sorted_list():
    vectors = torch.randn(20, 6, generator=torch.Generator().manual_seed(0))
    by_hand = sorted((F.cosine_similarity(vectors[3], vectors[i], dim=0).item(), i) for i in range(20) if i != 3)
    found = nearest(vectors, 3, k=4)
    assert [i for i, _ in found] == [i for _, i in by_hand[::-1][:4]]
    assert [alike for _, alike in found] == pytest.approx([alike for alike, _ in by_hand[::-1][:4]], abs=1e-5)


def test_random_vectors_share_groups_as_often_as_chance_says():
    groups = "aaaaaabbbbccc" * 30
    vectors = torch.randn(len(groups), 16, generator=torch.Generator().manual_seed(0))
    fraction, chance_level = fraction_alike(vectors, groups, k=5)
    pairs = [(i, j) for i in range(len(groups)) for j in range(len(groups)) if i != j]
    assert chance_level == pytest.approx(sum(groups[i] == groups[j] for i, j in pairs) / len(pairs))
    assert fraction == pytest.approx(chance_level, abs=0.03)


def trained_with(given=0, target=0, chances=3, **settings):
    settings = {"steps": 1} | settings
    return train_words(Word2Vec(3, 2), torch.tensor([[given]]), torch.tensor([target]), torch.ones(chances), **settings)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: contexts([[1, 2]], 0), "radius is 0"),
        (lambda: contexts([[], []], 1), "there are no words"),
        (lambda: contexts([1, 2], 1), "ids is 1; it takes one sequence of whole numbers"),
        (lambda: contexts(["ab"], 1), "ids is 'ab'"),
        (lambda: contexts([[1, 2], [3, -2]], 1), "document 1 holds the word id -2; ids start at 0"),
        (lambda: contexts([[1, 2]], 1.5), "radius is 1.5"),
        (lambda: trained_with(given=-2), "a word has the id -2; ids start at 0"),
        (lambda: trained_with(target=-1), "a word has the id -1; ids start at 0, and only a given one"),
        (lambda: trained_with(chances=2), "there are 2 chances for wrong answers; the model knows 3 words"),
        (lambda: trained_with(batch_size=0), "batch_size is 0"),
        (lambda: noise_chances(torch.zeros(3)), "all counts are zero"),
        (lambda: cosine(torch.ones(2, 3), torch.zeros(2, 3)), "row 0 of b is a zero vector"),
        (lambda: cosine(torch.ones(2, 3), torch.ones(2, 4)), r"b is \(2, 4\)"),
        (lambda: cosine(torch.ones(3), torch.ones(3)), r"a is \(3,\)"),
        (lambda: nearest(torch.ones(3, 2), 0, k=3), "k is 3; there are 2 others"),
        (lambda: fraction_alike(torch.ones(3, 2), "ab"), "there are 3 vectors, 2 groups"),
        (lambda: co_occurrences([[0, 5]], 1, 5), "text 0 holds the word id 5; the vocabulary has ids 0 to 4"),
        (lambda: co_occurrences([[0], [1, -1]], 1, 5), "text 1 holds the word id -1"),
        (lambda: nearest(torch.ones(3, 2), 3), "row is 3; there are rows 0 to 2"),
        (lambda: train_words(Word2Vec(3, 2), torch.ones(0, 1).long(), torch.ones(0).long(), torch.ones(3), 5), "0 exa"),
    ],
)
def test_what_cannot_be_is_told(call, told):
    with pytest.raises(ValueError, match=told):
        call()


@pytest.mark.parametrize(("given_words", "target"), [([[5]], [1]), ([[1]], [5])])
def test_a_word_outside_the_vocabulary_is_told(given_words, target):
    with pytest.raises(ValueError, match="a word has the id 5, and the model knows 3"):
        train_words(Word2Vec(3, 2), torch.tensor(given_words), torch.tensor(target), torch.ones(3), 1)
