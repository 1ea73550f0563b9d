"""Byte pair encoding against a naive trainer, tiktoken, Hugging Face's tokenizers and GPT-2's own files."""

import hashlib
import json
import os
import random
import unicodedata
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import regex
import tiktoken
import tokenizers
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiktoken_ext import openai_public

from course_utils import bpe
from course_utils.bpe import (
    GPT2_PATTERN,
    BPETokenizer,
    count_pairs,
    encode_piece,
    encode_stream,
    from_tokenizer_json,
    gpt2_encoding,
    gpt2_tokenizer,
    merge,
    merges_from_ranks,
    ranks_from_merges,
    split_pieces,
    tokenizer_json,
    train_bpe,
)
from course_utils.downloads import cache_folder
from course_utils.text import load_text
from course_utils.tokenizers import END_OF_TEXT, CharTokenizer, from_dict

EXAMPLE = list(b"aaabdaaabac")
CHAT = ["<|endoftext|>", "<|user|>"]
EXAMPLES = settings.default.max_examples  # a hundred; a quarter of them without the slow tests
# Libraries differ on characters newer than their tables: draw from those of Unicode 15 or older.
NEWER = float(".".join(unicodedata.unidata_version.split(".")[:2])) > 15.1
TABLE = unicodedata.ucd_3_2_0 if NEWER else unicodedata
ASSIGNED = st.characters(exclude_categories=["Cs", "Cn"]).filter(lambda c: TABLE.category(c) != "Cn")
# Few characters, so that pairs repeat, tie and overlap; among them what the pattern treats in its own way.
REPETITIVE = st.text(st.sampled_from("aaabbc' \n1s!é"), max_size=80)
SPECIAL_TEXT = st.lists(st.sampled_from([*CHAT, "<|", "|>", "user", " a", "  ", "'", "ll", "é"]), max_size=12).map(
    "".join
)
SNIPPETS = [
    "'s",
    "'t",
    "'re",
    "'ve",
    "'m",
    "'ll",
    "'d",
    "'S",
    "’ll",
    "'",
    "a",
    "é",
    "1",
    "½",
    "!",
    "\u00a0",
    "  ",
    "\n",
]
LETTERS = {ord("A") + i: snippet for i, snippet in enumerate(SNIPPETS)} | {ord("_"): " "}
PATTERNED = st.text("".join(map(chr, LETTERS)), max_size=12).map(lambda text: text.translate(LETTERS))
ANY_TEXT = st.one_of(st.text(ASSIGNED), REPETITIVE, PATTERNED)


def naive_train(texts, n_merges):
    """Count every pair anew for each merge: the definition itself, on strings of one character a token."""
    pieces = Counter(piece for text in texts for piece in regex.findall(GPT2_PATTERN, text))
    words = [("".join(map(chr, piece.encode())), count) for piece, count in pieces.items()]
    tokens, merges = [bytes([byte]) for byte in range(256)], []
    while len(merges) < n_merges:
        counts = Counter()
        for word, count in words:
            for left, right in pairwise(word):
                counts[left, right] += count
        if not counts:
            break
        best = max(counts, key=lambda pair: (counts[pair], tokens[ord(pair[0])], tokens[ord(pair[1])]))
        words = [(word.replace("".join(best), chr(len(tokens))), count) for word, count in words]
        tokens.append(tokens[ord(best[0])] + tokens[ord(best[1])])
        merges.append((ord(best[0]), ord(best[1])))
    return merges


def naive_encode(piece, ranks):
    """Look at all pairs after each merge."""
    parts = [piece[i : i + 1] for i in range(len(piece))]
    while pairs := [(ranks[a + b], i) for i, (a, b) in enumerate(pairwise(parts)) if a + b in ranks]:
        i = min(pairs)[1]
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
    return [ranks[part] for part in parts]


@cache
def reference():
    """GPT-2's vocabulary in tiktoken, cut by the pattern that tiktoken has for it."""
    special = {END_OF_TEXT: 50_256}
    return tiktoken.Encoding(
        "gpt2", pat_str=openai_public.r50k_pat_str, mergeable_ranks=bpe.gpt2_ranks(), special_tokens=special
    )


@cache
def story_tokenizer():
    """A tokenizer of our own, trained on the story."""
    return BPETokenizer(train_bpe(load_text("story"), 2000, CHAT), CHAT)


def test_the_pairs_of_the_worked_example():
    counts = count_pairs(EXAMPLE)
    assert EXAMPLE == [97, 97, 97, 98, 100, 97, 97, 97, 98, 97, 99]
    assert counts == {(97, 97): 4, (97, 98): 2, (98, 100): 1, (100, 97): 1, (98, 97): 1, (97, 99): 1}
    assert list(counts)[:2] == [(97, 97), (97, 98)]


def test_the_merges_of_the_worked_example():
    once = merge(EXAMPLE, (97, 97), 666)
    assert once == [666, 97, 98, 100, 666, 97, 98, 97, 99]
    assert count_pairs(once)[666, 97] == count_pairs(once)[97, 98] == 2
    assert merge(once, (666, 97), 777) == [777, 98, 100, 777, 98, 97, 99]


def test_of_equally_frequent_pairs_the_one_whose_bytes_sort_last_is_merged():
    assert train_bpe("aaabdaaabac", 258) == [(97, 97), (256, 97)]
    # Of (a, b) and (ab, a) only bytes decide, not ids: "ab" sorts after "a", and "b" after both.
    assert train_bpe("ba ab", 257) == [(98, 97)]
    assert train_bpe("aba", 258) == [(98, 97), (97, 256)]


@given(st.lists(st.integers(97, 99), max_size=30), st.tuples(st.integers(97, 99), st.integers(97, 99)))
def test_merging_is_replacing_from_left_to_right(ids, pair):
    replaced = "".join(map(chr, ids)).replace("".join(map(chr, pair)), "Z")
    assert merge(ids, pair, ord("Z")) == list(map(ord, replaced))


@settings(max_examples=2 * EXAMPLES)
@given(st.lists(REPETITIVE, max_size=4), st.integers(0, 40))
def test_the_incremental_trainer_learns_what_the_naive_one_learns(texts, n_merges):
    assert train_bpe(texts, 256 + n_merges) == naive_train(texts, n_merges)


def test_on_the_story_too_it_learns_what_the_naive_trainer_learns():
    story = load_text("story")[:12_000]
    assert train_bpe(story, 456) == naive_train([story], 200)


def test_training_stops_when_no_pair_is_left():
    merges = train_bpe("low low lower", 10_000)
    tokenizer = BPETokenizer(merges)
    assert len(merges) < 12
    assert all(len(tokenizer.encode(piece)) == 1 for piece in ("low", " low", " lower"))


@given(SPECIAL_TEXT)
def test_nothing_is_merged_into_or_across_special_tokens(text):
    parted = text.replace(CHAT[0], "\0").replace(CHAT[1], "\0").split("\0")
    assert train_bpe(text, 300, CHAT) == train_bpe(parted, 298)


def test_texts_may_come_one_by_one_or_as_one_long_string(monkeypatch):
    story = load_text("story")
    lines = story.split("\n\n")
    assert train_bpe((line for line in lines), 500) == train_bpe(lines, 500)
    whole = train_bpe(story, 500)
    monkeypatch.setattr(bpe, "CHUNK", 1000)
    assert train_bpe(story, 500) == whole


@pytest.mark.parametrize(
    ("texts", "vocab_size", "special"),
    [
        *[("abc", 255, ()), ("abc", 257, CHAT), (b"abc", 300, ()), (["abc", None], 300, ()), ("abc", 300, "<|x|>")],
        *[("corpus.txt", 500, ()), (Path("corpus.txt"), 500, ()), ("story", 500, ()), ("tinystories", 500, ())],
        *[(None, 300, ()), (500, "abc", ()), ("abc", "300", ()), ("abc", 300.0, ()), ("abc", None, ())],
        *[([bpe.__file__], 500, ()), (["abc", str(bpe.GPT2_FILE)], 500, ()), ([Path("a.txt")], 500, ())],
    ],
)
def test_training_that_cannot_be_is_refused(texts, vocab_size, special):
    with pytest.raises(ValueError, match="takes"):
        train_bpe(texts, vocab_size, special)


def test_a_text_that_speaks_of_a_file_is_a_text():
    assert train_bpe(["look at corpus.txt", "corpus.txt"], 260) == train_bpe("look at corpus.txt\ncorpus.txt", 260)


@settings(max_examples=2 * EXAMPLES)
@given(REPETITIVE, REPETITIVE)
def test_the_heap_merges_as_the_definition_does(text, piece):
    ranks = ranks_from_merges(train_bpe(text, 300, pattern=r"(?s).+"))
    expected = [ranks[piece.encode()]] if piece.encode() in ranks else naive_encode(piece.encode(), ranks)
    assert encode_piece(piece.encode(), ranks) == expected


def test_a_whole_piece_in_the_vocabulary_is_one_token_as_in_tiktoken():
    ranks = {bytes([byte]): byte for byte in range(256)} | {b"abc": 256}
    tokenizer = BPETokenizer(ranks=ranks)
    assert tokenizer.encode("abc abc") == tokenizer.to_tiktoken().encode("abc abc") == [256, 32, 97, 98, 99]
    assert merges_from_ranks(ranks) == []


def in_windows(piece, ranks):
    """Encode a piece through the smallest windows there can be."""
    pieces = bpe.LongPieces(ranks)
    pieces.size = pieces.longest + 1
    return pieces.encode(piece)


def whole(piece, ranks):
    """What the definition says of a piece."""
    return [ranks[piece]] if piece in ranks else naive_encode(piece, ranks)


@settings(max_examples=2 * EXAMPLES)
@given(REPETITIVE, st.text(st.sampled_from("aaabbc' \n1s!é"), max_size=200).map(str.encode))
def test_windows_give_the_ids_of_the_whole_piece(text, piece):
    ranks = ranks_from_merges(train_bpe(text, 300, pattern=r"(?s).+"))
    assert in_windows(piece, ranks) == whole(piece, ranks)


TOKENS = st.lists(st.text("ab", min_size=2, max_size=6).map(str.encode), unique=True, max_size=30)


@settings(max_examples=4 * EXAMPLES)
@given(TOKENS, st.text("ab", min_size=1, max_size=100).map(str.encode))
def test_windows_do_so_for_ranks_that_no_training_gives(tokens, piece):
    # Among them tokens that no merge makes, and such as are merged before their parts.
    ranks = {bytes([byte]): byte for byte in range(256)} | {token: 256 + i for i, token in enumerate(tokens)}
    assert in_windows(piece, ranks) == whole(piece, ranks)


def kinds(size):
    """Texts of one kind each, as long as this, most of which are a single piece."""
    chance = random.Random(size)
    runs = {"no-break spaces": "\u00a0", "spaces": " ", "lines": "\n", "dots": ".", "dashes": "-", "zeros": "0"}
    runs |= {"a": "a", "ab": "ab", "emoji": "😀", "ideographs": "中", "late": "b."}
    texts = {name: ("x" * (name == "late") + part * size)[:size] for name, part in runs.items()}
    texts["letters"] = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=size))
    texts["Chinese"] = "".join(chr(0x4E00 + chance.randrange(3000)) for _ in range(size))
    return texts


@pytest.mark.parametrize("name", kinds(1))
def test_a_long_piece_is_looked_at_little_more_than_once(monkeypatch, name):
    looked = []

    def counted(piece, ranks):
        looked.append(len(piece))
        return encode_piece(piece, ranks)

    monkeypatch.setattr(bpe, "encode_piece", counted)
    text = kinds(20_000)[name]
    # A heap of 20,000 entries took up to 70 times as long as tiktoken: small windows, and each of them once.
    assert bpe.PieceCache(bpe.gpt2_ranks())[text] == gpt2_encoding().encode_ordinary(text)
    assert max(looked) <= 2048
    assert sum(looked) <= 1.2 * len(text.encode())
    assert sum(looked) <= 8000 or name in ("letters", "Chinese")


@pytest.mark.parametrize("step", [1, 3, 500])
@pytest.mark.parametrize("text", [*kinds(5000).values(), load_text("story")[:5000], ("\n" * 700 + "a" * 700) * 4])
def test_a_stream_looks_at_its_text_three_times_at_most(monkeypatch, text, step):
    whole, looked = story_tokenizer().encode(text), []

    def counted(part, pattern):
        looked.append(len(part))
        return split_pieces(part, pattern)

    monkeypatch.setattr(bpe, "split_pieces", counted)
    streamed = encode_stream(story_tokenizer(), [text[i : i + step] for i in range(0, len(text), step)])
    assert [i for ids in streamed for i in ids] == whole
    assert len(looked) <= 20  # and not once for each chunk
    assert sum(looked) <= 3 * len(text)


@pytest.mark.parametrize("space", [" ", "\u00a0", "\n"])
def test_a_million_spaces_are_encoded_by_both(space):
    text = "x" + space * 1_000_000
    # With GPT-2's pattern as it was published, tiktoken's engine ends in "Max stack size exceeded".
    assert gpt2_tokenizer().encode(text) == gpt2_encoding().encode(text)
    assert BPETokenizer.from_tiktoken(gpt2_encoding()).to_dict() == gpt2_tokenizer().to_dict()


def test_gpt2s_vocabulary_has_the_size_it_should_have():
    tokenizer = gpt2_tokenizer()
    assert sum(len(token) == 1 for token in tokenizer.ranks) == 256
    assert len(merges_from_ranks(tokenizer.ranks)) == 50_000
    assert tokenizer.special_tokens == {END_OF_TEXT: 50_256}
    assert tokenizer.vocab_size == gpt2_encoding().n_vocab == 50_257


def test_gpt2s_sentence_of_the_comparison_has_thirteen_tokens():
    sentence = "Text encoding is an important step that affects later stages in pipeline."
    assert len(gpt2_tokenizer().encode(sentence)) == 13


@pytest.mark.parametrize("name", ["story", "tales"])
def test_gpt2s_ranks_give_tiktokens_ids_on_our_texts(name):
    text = load_text(name)
    assert gpt2_tokenizer().encode(text, allowed_special="all") == reference().encode(text, allowed_special="all")


def test_gpt2s_ranks_give_tiktokens_ids_on_tiny_shakespeare():
    if not (cache_folder() / "tinyshakespeare.txt").is_file():
        pytest.skip("tinyshakespeare.txt is not in COURSE_CACHE")
    text = load_text("tinyshakespeare")
    assert gpt2_tokenizer().encode(text) == reference().encode(text)


@settings(max_examples=4 * EXAMPLES)
@given(st.lists(ANY_TEXT, min_size=25, max_size=25))
def test_gpt2s_ranks_give_tiktokens_ids_on_any_strings(texts):
    assert list(map(gpt2_tokenizer().encode, texts)) == list(map(reference().encode, texts))


def tiktoken_file(url):
    """A file that tiktoken has downloaded before, or a skipped test."""
    path = Path(os.environ.get("TIKTOKEN_CACHE_DIR", "")) / hashlib.sha1(url.encode()).hexdigest()
    if not path.is_file():
        pytest.skip(f"{url} is not in TIKTOKEN_CACHE_DIR")
    return path


def test_the_shipped_vocabulary_is_that_of_tiktokens_gpt2():
    for file in ("vocab.bpe", "encoder.json"):
        tiktoken_file(f"https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/{file}")
    published = tiktoken.get_encoding("gpt2")
    ours = BPETokenizer.from_tiktoken(published)
    assert ours.ranks == gpt2_tokenizer().ranks
    assert ours.special_tokens == gpt2_tokenizer().special_tokens
    story = load_text("story")
    assert (
        gpt2_encoding().encode(story) == gpt2_tokenizer().encode(story) == published.encode(story) == ours.encode(story)
    )


def test_the_merges_behind_gpt2s_ranks_are_those_openai_published():
    path = tiktoken_file("https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/vocab.bpe")
    published = [tuple(line.split()) for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    letters, tokens = bpe.byte_letters(), gpt2_tokenizer().tokens
    merges = merges_from_ranks(gpt2_tokenizer().ranks)
    assert [tuple("".join(letters[byte] for byte in tokens[i]) for i in pair) for pair in merges] == published


def test_a_damaged_vocabulary_file_is_refused(monkeypatch, tmp_path):
    damaged = tmp_path / "gpt2.tiktoken"
    damaged.write_bytes(bpe.GPT2_FILE.read_bytes()[:-20])
    monkeypatch.setattr(bpe, "GPT2_FILE", damaged)
    with pytest.raises(ValueError, match="is damaged"):
        bpe.gpt2_ranks.__wrapped__()


@settings(max_examples=EXAMPLES // 2)
@given(REPETITIVE, st.lists(ANY_TEXT, min_size=5, max_size=5))
def test_our_merges_give_the_same_ids_in_tiktoken(training_text, texts):
    tokenizer = BPETokenizer(train_bpe(training_text, 320))
    encoding = tokenizer.to_tiktoken()
    assert list(map(tokenizer.encode, texts)) == list(map(encoding.encode, texts))
    assert BPETokenizer.from_tiktoken(encoding).ranks == tokenizer.ranks


@settings(max_examples=EXAMPLES // 2)
@given(REPETITIVE, st.lists(ANY_TEXT, min_size=5, max_size=5))
def test_our_merges_give_the_same_ids_in_hugging_faces_tokenizers(training_text, texts):
    tokenizer = BPETokenizer(train_bpe(training_text, 320))
    theirs = tokenizers.Tokenizer.from_str(tokenizer_json(tokenizer))
    for text in texts:
        assert theirs.encode(text).ids == tokenizer.encode(text)
        assert theirs.decode(tokenizer.encode(text)) == text


def test_a_whole_piece_in_the_vocabulary_is_one_token_in_hugging_faces_tokenizers_too():
    tokenizer = BPETokenizer(ranks=ranks_from_merges([]) | {b"abc": 256})
    assert tokenizers.Tokenizer.from_str(tokenizer_json(tokenizer)).encode("abc abc").ids == [256, 32, 97, 98, 99]


@pytest.mark.parametrize("make", [story_tokenizer, gpt2_tokenizer])
def test_whole_vocabularies_give_the_same_ids_in_hugging_faces_tokenizers(make):
    tokenizer, text = make(), load_text("story") + END_OF_TEXT + load_text("tales")[:50_000]
    theirs = tokenizers.Tokenizer.from_str(tokenizer_json(tokenizer))
    assert theirs.encode(text).ids == tokenizer.encode(text, allowed_special="all")
    assert theirs.get_vocab_size() == tokenizer.vocab_size


@settings(max_examples=3 * EXAMPLES)
@given(ANY_TEXT)
def test_every_text_comes_back(text):
    for tokenizer in (gpt2_tokenizer(), story_tokenizer()):
        assert tokenizer.decode(tokenizer.encode(text, disallowed_special=())) == text


HALVES = [("\ud800", "lone"), ("ok \udfff", "lone"), ("\ude00\ud83d", "lone"), ("ok \ud83d\ude00!", "pair")]


@pytest.mark.parametrize(("text", "kind"), HALVES)
def test_half_a_character_is_refused_with_a_way_out(text, kind):
    way_out = "text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')"
    for encode in (gpt2_tokenizer().encode, lambda text: train_bpe(text, 300)):
        with pytest.raises(ValueError, match=f"lone surrogate|surrogate {kind}") as refused:
            encode(text)
        assert way_out in str(refused.value)
    # The advice is what tiktoken does by itself.
    assert gpt2_tokenizer().encode(eval(way_out, {"text": text})) == gpt2_encoding().encode(text)


@given(st.lists(st.integers(0, 50_256), max_size=20))
def test_any_ids_decode_as_in_tiktoken_broken_utf8_too(ids):
    assert gpt2_tokenizer().decode(ids) == gpt2_encoding().decode(ids)


def test_bytes_that_are_no_utf8_decode_to_the_replacement_character():
    tokenizer = gpt2_tokenizer()
    first, second = (tokenizer.ranks[byte] for byte in (b"\xc3", b"\xa9"))
    assert tokenizer.decode([first, second]) == "é"
    assert tokenizer.decode([first]) + tokenizer.decode([second]) == "\ufffd\ufffd"


@given(SPECIAL_TEXT, st.sets(st.sampled_from(CHAT)))
def test_special_tokens_are_treated_as_in_tiktoken(text, allowed):
    tokenizer = story_tokenizer()
    expected = tokenizer.to_tiktoken().encode(text, allowed_special=allowed, disallowed_special=())
    assert tokenizer.encode(text, allowed_special=allowed, disallowed_special=()) == expected
    assert tokenizer.decode(expected) == text


def cut(text, places):
    """The text in chunks, cut at the given places."""
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


@settings(max_examples=4 * EXAMPLES)
@given(st.one_of(SPECIAL_TEXT, ANY_TEXT), st.lists(st.integers(0, 200), max_size=8), st.sets(st.sampled_from(CHAT)))
def test_a_stream_of_chunks_is_encoded_as_the_whole(text, places, allowed):
    choice = {"allowed_special": allowed, "disallowed_special": ()}
    streamed = encode_stream(story_tokenizer(), cut(text, places), **choice)
    assert [i for ids in streamed for i in ids] == story_tokenizer().encode(text, **choice)


@pytest.mark.parametrize("special", ["", "<|a b c d e f|>"])
@pytest.mark.parametrize("text", ["x'll they've  if \n y", "one  <|a b c d e f|> two", "one  <|a b c d e f| two"])
def test_a_stream_may_be_cut_anywhere(text, special):
    tokenizer = BPETokenizer(train_bpe("they've she'll if", 300), [special] if special else [])
    for i in range(len(text)):
        for j in range(i, len(text)):
            streamed = encode_stream(tokenizer, [text[:i], text[i:j], text[j:]], allowed_special="all")
            assert [i for ids in streamed for i in ids] == tokenizer.encode(text, allowed_special="all")


def test_a_stream_gives_ids_as_it_goes_and_holds_little_back():
    chunks = cut(load_text("story"), range(0, 30_000, 500))
    first, *_ = encode_stream(story_tokenizer(), chunks[1:3])
    assert len(story_tokenizer().decode(first)) > len(chunks[1]) - 60


def test_the_first_ids_of_a_stream_need_its_first_chunk_only():
    read = []

    def chunks():
        for part in cut(load_text("story"), range(500, 5000, 500)):
            read.append(part)
            yield part

    streamed = encode_stream(story_tokenizer(), chunks())
    assert next(streamed)
    assert len(read) == 1


def test_a_special_token_cut_in_two_is_refused_all_the_same():
    with pytest.raises(ValueError, match=r"spells the special token '<\|user\|>'"):
        list(encode_stream(story_tokenizer(), ["hello <|us", "er|> there"]))


def test_the_cache_of_pieces_stays_within_its_bounds():
    cache = bpe.PieceCache(gpt2_tokenizer().ranks, most=3, longest=5)
    for piece in ["one", "two", "three", "four", "too long to keep", "one"]:
        assert cache[piece] == gpt2_encoding().encode_ordinary(piece)
        assert len(cache) <= 3
    assert "too long to keep" not in cache


@given(REPETITIVE)
def test_merges_and_ranks_say_the_same(text):
    merges = train_bpe(text, 400)
    assert merges_from_ranks(ranks_from_merges(merges)) == merges


def own_pattern_tokenizer():
    """One that cuts text in another way than GPT-2."""
    return BPETokenizer([(101, 32)], pattern=r"(?s).{1,2}")


@pytest.mark.parametrize("make", [story_tokenizer, gpt2_tokenizer, own_pattern_tokenizer])
def test_a_tokenizer_comes_back_from_json(make):
    tokenizer, text = make(), load_text("story")
    again = from_dict(json.loads(json.dumps(tokenizer.to_dict())))
    assert again.ranks == tokenizer.ranks
    assert again.encode(text, disallowed_special=()) == tokenizer.encode(text, disallowed_special=())
    assert again.special_tokens == tokenizer.special_tokens


NO_MERGES = [
    [(97, 256)],
    [(97, 98, 99)],
    [(-1, 5)],
    [(97, 98), (97, 98)],
    [97, 98],
    [("a", "b")],
    ["a b"],
    [(97.0, 98)],
]
NO_MERGES += [[None], "corpus.txt", {(97, 98): 256}, 5, b"ab", [(97,)], [[97, [98]]]]


@pytest.mark.parametrize("merges", NO_MERGES)
def test_merges_that_make_no_vocabulary_are_refused(merges):
    with pytest.raises(ValueError, match="takes"):
        BPETokenizer(merges)


@pytest.mark.parametrize("merges", [[[97, 98]], np.array([[97, 98]]), torch.tensor([[97, 98]]), iter([(97, 98)])])
def test_merges_may_be_lists_or_an_array(merges):
    assert BPETokenizer(merges).ranks[b"ab"] == 256


@pytest.mark.parametrize("ranks", [[b"a"], {"a": 0}, ranks_from_merges([]) | {"the": 256}, 5])
def test_ranks_take_bytes(ranks):
    with pytest.raises(ValueError, match=r"it takes a dictionary, bytes to id|takes its bytes, like b'the'"):
        BPETokenizer(ranks=ranks)


def test_only_an_encoding_of_tiktoken_is_taken_for_one():
    with pytest.raises(ValueError, match=r"encoding is 'gpt2'; it takes a tiktoken.Encoding"):
        BPETokenizer.from_tiktoken("gpt2")


def test_ranks_without_all_bytes_are_refused():
    with pytest.raises(ValueError, match=r"lack the bytes \[1, 2, 3, 4, 5\]"):
        BPETokenizer(ranks={b"\0": 0})


@pytest.mark.parametrize(("pattern", "says"), [("(a)|b", "groups"), ("(", "does not compile"), (r"\w+", "skips part")])
def test_a_pattern_that_would_lose_text_is_refused(pattern, says):
    with pytest.raises(ValueError, match=says):
        BPETokenizer(pattern=pattern).encode("some words")


def test_special_tokens_follow_the_merges_or_keep_their_ids():
    assert BPETokenizer([(97, 98)], CHAT).special_tokens == {CHAT[0]: 257, CHAT[1]: 258}
    assert BPETokenizer([], {"<|x|>": 999}).vocab_size == 1000


def test_without_merges_text_is_its_bytes():
    assert BPETokenizer().encode("é!") == [0xC3, 0xA9, 0x21]


def test_a_pair_may_be_a_list_as_json_has_it():
    assert merge([1, 2, 1, 2], [1, 2], 9) == [9, 9]


@pytest.mark.parametrize("chunks", [[b"x"], ["a", None]])
def test_a_chunk_that_is_no_string_is_told(chunks):
    with pytest.raises(ValueError, match=r"a chunk is a (bytes|NoneType); it takes strings"):
        list(encode_stream(BPETokenizer(), chunks))


@pytest.mark.parametrize("vocab", [{"नम": 0}, ["a"], None, {b"a": 0}])
def test_what_describes_no_tokenizer_is_refused(vocab):
    with pytest.raises(ValueError, match="a BPETokenizer cannot be made from"):
        from_dict({"kind": "BPETokenizer", "vocab": vocab, "special_tokens": {}, "pattern": "."})


@pytest.mark.parametrize("chunks", ["text", b"text", Path("corpus.txt"), None, 5])
def test_a_stream_takes_its_chunks_one_by_one(chunks):
    with pytest.raises(ValueError, match=r"chunks is a .*; it takes strings one by one"):
        encode_stream(BPETokenizer(), chunks)  # at once, not when the first ids are asked for


@pytest.mark.parametrize("use", [tokenizer_json, lambda tokenizer: encode_stream(tokenizer, ["text"])])
def test_what_belongs_to_byte_pair_encoding_takes_no_other_tokenizer(use):
    with pytest.raises(ValueError, match="tokenizer is a CharTokenizer; it takes a BPETokenizer"):
        use(CharTokenizer.from_text("abc"))


# --- tokenizer.json, and back ---


def test_the_file_is_the_one_that_hugging_face_would_write():
    for tokenizer in (story_tokenizer(), BPETokenizer(ranks=ranks_from_merges([]) | {b"abc": 256})):
        written = json.loads(tokenizer_json(tokenizer))
        assert written == json.loads(tokenizers.Tokenizer.from_str(json.dumps(written)).to_str())
        unused = ("normalizer", "post_processor", "truncation", "padding")
        assert [written[name] for name in unused] == [None] * 4


@pytest.mark.parametrize("make", [story_tokenizer, BPETokenizer, pytest.param(gpt2_tokenizer, marks=pytest.mark.slow)])
def test_a_tokenizer_comes_back_from_its_tokenizer_json(make):
    tokenizer = make()
    assert from_tokenizer_json(tokenizer_json(tokenizer)).to_dict() == tokenizer.to_dict()


def test_a_whole_piece_that_no_merge_makes_comes_back_too():
    tokenizer = BPETokenizer(ranks=ranks_from_merges([]) | {b"abc": 256}, pattern=r"(?s).{1,3}")
    assert from_tokenizer_json(tokenizer_json(tokenizer)).encode("abcabd") == [256, 97, 98, 100]


def gpt2_as_published(data):
    """The form of GPT-2's own file: no pattern but that of the byte level, merges as strings, a post-processor."""
    byte_level = data["decoder"] | {"use_regex": True}
    model = data["model"] | {"merges": [" ".join(pair) for pair in data["model"]["merges"]], "ignore_merges": False}
    return data | {"pre_tokenizer": byte_level, "post_processor": byte_level, "model": model}


def test_a_file_in_the_form_of_gpt2s_own_is_read():
    text = json.dumps(gpt2_as_published(json.loads(tokenizer_json(story_tokenizer()))))
    assert from_tokenizer_json(text).to_dict() == story_tokenizer().to_dict()


def changed_file(path, value):
    """A `tokenizer.json` with the part at this path changed."""
    data = json.loads(tokenizer_json(BPETokenizer([(97, 98), (256, 99), (97, 99)], ["<|x|>"])))
    *way, last = path
    part = data
    for step in way:
        part = part[step]
    part[last] = value
    return json.dumps(data)


SPLIT = ("pre_tokenizer", "pretokenizers", 0)
UNREADABLE = [
    (("normalizer",), {"type": "NFC"}, "normalizer is 'NFC'"),
    (("truncation",), {"max_length": 8}, "truncation is {'max_length': 8}"),
    (("padding",), {"pad_id": 0}, "padding is"),
    (("post_processor",), {"type": "TemplateProcessing"}, "post_processor is 'TemplateProcessing'"),
    (("decoder",), None, "decoder is None"),
    (("decoder",), {"type": "WordPiece"}, "decoder is 'WordPiece'"),
    (("model", "type"), "Unigram", "model is 'Unigram'"),
    (("model", "dropout"), 0.1, "model's dropout is 0.1"),
    (("model", "end_of_word_suffix"), "</w>", "model's end_of_word_suffix is '</w>'"),
    (("model", "vocab", "नमस्ते"), 300, "token 'नमस्ते' isn't written"),
    (("model", "merges"), [["a", "b"]], "list of merges"),
    (("model", "merges", 1), ["a", "b"], "list of merges"),
    (("added_tokens", 0, "lstrip"), True, r"added token .* isn't a plain special one"),
    (("added_tokens", 0, "special"), False, "added token"),
    (("pre_tokenizer",), None, "pre_tokenizer is None"),
    (("pre_tokenizer",), {"type": "ByteLevel", "add_prefix_space": True}, "pre_tokenizer is"),
    (("pre_tokenizer",), {"type": "Whitespace"}, "pre_tokenizer is"),
    ((*SPLIT, "behavior"), "Removed", "pre_tokenizer is"),
    ((*SPLIT, "pattern"), {"String": " "}, "pre_tokenizer is"),
    ((*SPLIT, "pattern"), {"Regex": "(a)|b"}, "captures groups"),
    (("model",), None, "no tokenizer.json of byte pair encoding"),
    (("model", "vocab"), [["a", 0]], "no tokenizer.json of byte pair encoding"),
    (("model", "merges"), [["a", "zz"]], "no tokenizer.json of byte pair encoding"),
    (("added_tokens",), None, "no tokenizer.json of byte pair encoding"),
]


@pytest.mark.parametrize(("path", "value", "told"), UNREADABLE)
def test_a_tokenizer_json_is_refused_by_the_part_that_cannot_be(path, value, told):
    with pytest.raises(ValueError, match=told):
        from_tokenizer_json(changed_file(path, value))


def test_tokens_that_no_merge_makes_are_refused_where_they_would_be_split():
    data = json.loads(tokenizer_json(BPETokenizer(ranks=ranks_from_merges([]) | {b"abc": 256})))
    data["model"]["ignore_merges"] = False
    with pytest.raises(ValueError, match="ignore_merges is false"):
        from_tokenizer_json(json.dumps(data))


@pytest.mark.parametrize("text", ["", "{}", "[]", "not json", "tokenizer.json", None, "5"])
def test_what_is_no_tokenizer_json_is_told(text):
    with pytest.raises(ValueError, match=r"no tokenizer\.json of|it takes"):
        from_tokenizer_json(text)


def test_settings_that_contradict_each_other_are_told():
    with pytest.raises(ValueError, match="both merges and ranks"):
        BPETokenizer([(97, 97)], ranks=ranks_from_merges([]))
    with pytest.raises(ValueError, match="the pattern is None; it takes a string"):
        BPETokenizer(pattern=None)
