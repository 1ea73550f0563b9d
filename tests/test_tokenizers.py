"""Special tokens, characters and words, against tiktoken where it has the same idea."""

import json
from pathlib import Path

import numpy as np
import pytest
import tiktoken
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.text import load_text
from course_utils.tokenizers import (
    END_OF_TEXT,
    CharTokenizer,
    Tokenizer,
    WordTokenizer,
    build_vocab,
    from_dict,
    pad_batch,
    split_special,
)

WORDS = {"Hello": 64, ",": 455, "world": 78, "!": 467}
SPECIAL = {"<|a|>": 300, "[B]": 301, "EOT": 302}
# One id a byte: on ASCII text this tiktoken encoding and a tokenizer of characters are the same thing.
REFERENCE = tiktoken.Encoding(
    "bytes", pat_str=r"(?s).", mergeable_ranks={bytes([i]): i for i in range(256)}, special_tokens=SPECIAL
)
ASCII = CharTokenizer({chr(i): i for i in range(128)}, SPECIAL)
PARTS = st.lists(st.sampled_from([*SPECIAL, "<|", "|>", "[B", "E", "T", "x", " "]), max_size=8).map("".join)
CHOICES = st.one_of(st.just("all"), st.sets(st.sampled_from(list(SPECIAL))))


def result(encode, text, allowed, disallowed):
    """What an encoder answers, or that it refuses."""
    try:
        return encode(text, allowed_special=allowed, disallowed_special=disallowed)
    except ValueError:
        return "refused"


@given(PARTS, CHOICES, CHOICES)
def test_special_tokens_are_honoured_and_refused_exactly_as_in_tiktoken(text, allowed, disallowed):
    expected = result(REFERENCE.encode, text, allowed, disallowed)
    assert result(ASCII.encode, text, allowed, disallowed) == expected


@given(PARTS, CHOICES)
def test_special_tokens_do_not_change_the_text_that_comes_back(text, allowed):
    ids = ASCII.encode(text, allowed_special=allowed, disallowed_special=())
    assert ASCII.decode(ids) == text


def test_the_refusal_names_the_token_and_both_ways_out():
    with pytest.raises(ValueError, match=r"'\[B\]'.*allowed_special=\{'\[B\]'\}.*disallowed_special=\(\)"):
        ASCII.encode("a user wrote [B] here")


@pytest.mark.parametrize("choice", ["EOT", ["nosuch"], None])
def test_a_choice_of_special_tokens_that_means_nothing_is_refused(choice):
    with pytest.raises(ValueError, match=r"takes 'all' or a list|unknown special tokens \['nosuch'\]"):
        ASCII.encode("x", allowed_special=choice)


@pytest.mark.parametrize("names", [["<|a|>", "<|a|>b"], ["", "x"], ["x", "x"], "[UNK]"])
def test_special_tokens_that_could_be_read_in_two_ways_are_refused(names):
    with pytest.raises(ValueError, match="special"):
        CharTokenizer.from_text("abc", special_tokens=names)


@pytest.mark.parametrize(
    ("vocab", "special"), [({}, {}), ({"a": 0, "b": 0}, {}), ({"a": 0}, {"b": 0}), ({"a": -1}, {}), ({"a": 0.5}, {})]
)
def test_a_vocabulary_that_cannot_work_is_refused(vocab, special):
    with pytest.raises(ValueError):
        CharTokenizer(vocab, special)


@pytest.mark.parametrize("ids", [[999], [-1], [128], torch.tensor([5, 999])])
def test_an_id_outside_the_vocabulary_is_named(ids):
    with pytest.raises(ValueError, match=r"ids \[(999|-1|128)\] are not in the vocabulary, whose size is 303"):
        ASCII.decode(ids)


@pytest.mark.parametrize("ids", [[[1, 2]], torch.ones(2, 2, dtype=torch.long), [0.5], 7, torch.tensor(7), "7"])
def test_what_is_not_one_sequence_of_ids_is_refused(ids):
    with pytest.raises(ValueError, match="one sequence of whole numbers"):
        ASCII.decode(ids)


@pytest.mark.parametrize("kind", [list, tuple, iter, np.array, torch.tensor])
def test_ids_may_be_a_list_an_array_or_a_tensor(kind):
    assert ASCII.decode(kind([72, 105, 300])) == "Hi<|a|>"


@pytest.mark.parametrize("text", [None, b"bytes", 5])
def test_only_a_string_is_encoded(text):
    with pytest.raises(ValueError, match="it takes a string"):
        ASCII.encode(text)


def test_the_vocabulary_size_is_the_rows_that_an_embedding_needs():
    assert ASCII.vocab_size == REFERENCE.n_vocab == 303
    assert WordTokenizer(WORDS, {"[UNK]": 987}).vocab_size == 988


def test_the_worked_example_with_and_without_an_unknown_token():
    with_unknown = WordTokenizer(WORDS, {"[UNK]": 987})
    assert with_unknown.encode("Hello, world!") == [64, 455, 78, 467]
    assert with_unknown.encode("Bye, world!") == [987, 455, 78, 467]
    assert with_unknown.decode([64, 455, 78, 467]) == "Hello, world!"
    assert with_unknown.decode([987, 455, 78, 467]) == "[UNK], world!"
    with pytest.raises(ValueError, match=r"'Bye' is not in the vocabulary of 4 tokens.*\[UNK\]"):
        WordTokenizer(WORDS, {}).encode("Bye, world!")


@pytest.mark.parametrize("tokenizer", [CharTokenizer, WordTokenizer])
def test_either_spelling_of_the_unknown_token_works(tokenizer):
    for name in ("[UNK]", "<|unk|>"):
        made = tokenizer.from_text("a b c", special_tokens=[END_OF_TEXT, name])
        assert made.encode("z") == [made.special_tokens[name]]


@given(st.text(min_size=1))
def test_characters_come_back(text):
    tokenizer = CharTokenizer.from_text(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert list(tokenizer.vocab) == sorted(set(text))


@given(st.text(min_size=1))
def test_words_come_back_where_white_space_is_kept(text):
    tokenizer = WordTokenizer.from_text(text, keep_whitespace=True)
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_story_comes_back_word_for_word():
    story = load_text("story")
    tokenizer = WordTokenizer.from_text(story, keep_whitespace=True)
    assert tokenizer.decode(tokenizer.encode(story)) == story


def test_where_white_space_is_dropped_single_spaces_come_back_around_words():
    sentence = "“Wait, (she said): why not?” Nobody’s here…"
    tokenizer = WordTokenizer.from_text(sentence)
    assert tokenizer.decode(tokenizer.encode("  " + sentence.replace(" ", " \n"))) == sentence


def test_special_tokens_are_no_words_of_the_text_they_part():
    tokenizer = WordTokenizer.from_text(f"one two{END_OF_TEXT}three", special_tokens=[END_OF_TEXT])
    assert tokenizer.vocab == {"one": 0, "three": 1, "two": 2}
    assert tokenizer.encode(f"two{END_OF_TEXT}one", allowed_special="all") == [2, 3, 0]


def test_the_vocabulary_is_sorted_and_special_tokens_come_last():
    assert build_vocab(["b", "é", "a", "b"], ["[UNK]", END_OF_TEXT]) == (
        {"a": 0, "b": 1, "é": 2},
        {"[UNK]": 3, END_OF_TEXT: 4},
    )


@given(PARTS)
def test_splitting_at_special_tokens_loses_nothing(text):
    parts = split_special(text, SPECIAL)
    assert "".join(parts) == text
    assert all(part in SPECIAL for part in parts[1::2])
    assert not any(name in part for part in parts[::2] for name in SPECIAL)


@given(
    st.lists(st.lists(st.integers(0, 9), max_size=6), min_size=1, max_size=5),
    st.sampled_from(["left", "right"]),
)
def test_a_padded_batch_holds_each_sequence_where_the_mask_is_true(sequences, side):
    ids, mask = pad_batch(sequences, pad_id=99, side=side)
    assert ids.shape == mask.shape == (len(sequences), max(map(len, sequences)))
    assert [row[keep].tolist() for row, keep in zip(ids, mask, strict=True)] == sequences
    assert (ids[~mask] == 99).all()
    edge = 0 if side == "right" else -1
    assert all(keep[edge] for keep, sequence in zip(mask, sequences, strict=True) if sequence)


@pytest.mark.parametrize(("sequences", "side"), [([], "right"), ([[1], [[2]]], "right"), ([[1]], "middle")])
def test_a_batch_that_cannot_be_made_is_refused(sequences, side):
    with pytest.raises(ValueError):
        pad_batch(sequences, 0, side)


@pytest.mark.parametrize(
    "tokenizer",
    [
        ASCII,
        WordTokenizer(WORDS, {"[UNK]": 987}),
        WordTokenizer.from_text("a b\nc", [END_OF_TEXT], keep_whitespace=True),
    ],
)
def test_a_tokenizer_comes_back_from_json(tokenizer):
    again = from_dict(json.loads(json.dumps(tokenizer.to_dict())))
    assert type(again) is type(tokenizer)
    assert vars(again) == vars(tokenizer)


@pytest.mark.parametrize("data", [{}, {"kind": "Tokenizer"}, {"kind": "CharTokenizer", "words": []}])
def test_what_describes_no_tokenizer_is_refused(data):
    with pytest.raises(ValueError, match=r"the kind of tokenizer is|cannot be made from \['words'\]"):
        from_dict(data)


@pytest.mark.parametrize("kind", [CharTokenizer, WordTokenizer])
@pytest.mark.parametrize("text", ["corpus.txt", "tales", Path("corpus.txt"), b"words", ["words"], None])
def test_a_vocabulary_is_not_made_from_a_name_or_from_what_is_no_text(kind, text):
    with pytest.raises(ValueError, match="it takes"):
        kind.from_text(text)


def test_numpys_ids_become_plain_ones():
    tokenizer = CharTokenizer({"a": np.int64(0)}, {"<|x|>": np.int32(1)})
    assert json.loads(json.dumps(tokenizer.to_dict()))["vocab"] == {"a": 0}
    assert tokenizer.encode("a<|x|>", allowed_special="all") == [0, 1]


@pytest.mark.parametrize(("vocab", "special"), [("abc", {}), (["a"], {}), ({"a": 0}, ["<|x|>"]), ({"a": None}, {})])
def test_a_vocabulary_takes_dictionaries_of_whole_numbers(vocab, special):
    with pytest.raises(ValueError, match=r"takes a dictionary|whole numbers"):
        CharTokenizer(vocab, special)


@pytest.mark.parametrize("names", [{"<|a|>", "<|b|>"}, frozenset(["<|a|>"]), None, 5, [b"<|a|>"], [None]])
def test_special_tokens_in_no_order_or_that_are_no_strings_are_refused(names):
    with pytest.raises(ValueError, match=r"it takes a list of names|each takes a string"):
        build_vocab("abc", names)


def test_words_of_other_scripts_come_back_and_are_known():
    text = "हिन्दी में लिखा। ما هذا؟ ẹ̀kọ́, 👩\u200d👩\u200d👧"
    tokenizer = WordTokenizer.from_text(text)
    assert len(tokenizer.encode(text)) == 10
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_base_class_leaves_two_methods_to_write():
    class Reversed(Tokenizer):
        def encode_ordinary(self, text):
            return [self.vocab[c] for c in reversed(text)]

        def join(self, tokens):
            return "".join(reversed(tokens))

    tokenizer = Reversed({"a": 0, "b": 1}, {"|": 2})
    assert tokenizer.encode("ab|aab", allowed_special="all") == [1, 0, 2, 1, 0, 0]
    assert tokenizer.decode([1, 0, 0]) == "aab"


def test_a_class_of_a_readers_own_does_not_take_over_what_is_read():
    saved = CharTokenizer.from_text("abc").to_dict()

    def define():
        class CharTokenizer(Tokenizer):
            pass

        return CharTokenizer

    kept = define()
    assert kept in Tokenizer.__subclasses__()
    assert type(from_dict(saved)) is CharTokenizer


def test_what_no_tokenizer_gave_is_told():
    with pytest.raises(ValueError, match="it takes what a tokenizer's to_dict returned"):
        from_dict(None)
    with pytest.raises(ValueError, match=r"pad_id is 0\.5"):
        pad_batch([[1], [1, 2]], 0.5)
