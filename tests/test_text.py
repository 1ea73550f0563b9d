"""Loading, cleaning and splitting text."""

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_server import serving

from course_utils import text
from course_utils.downloads import cache_folder, file_sha256
from course_utils.text import clean_text, load_text, require_text, split_words


@pytest.mark.parametrize("name", text.SHIPPED)
def test_a_shipped_text_is_loaded_by_name(name):
    assert load_text(name) == (text.DATA / f"{name}.txt").read_bytes().decode()  # it is clean already


def test_an_own_file_is_loaded_by_path_and_cleaned(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n")
    assert load_text(path) == load_text(str(path)) == "one\ntwo\nthree\n"


def test_a_missing_text_is_told_with_the_names_there_are():
    with pytest.raises(ValueError, match=r"no text 'stroy'.*'story', 'tales', 'tinyshakespeare'"):
        load_text("stroy")


@pytest.mark.parametrize("make", [str, lambda path: path])
def test_a_folder_is_called_a_folder(tmp_path, make):
    with pytest.raises(ValueError, match=r"is a folder, .*; it takes one file of text"):
        load_text(make(tmp_path))


@pytest.mark.parametrize("source", ["", ".", 3, None, "~no_such_reader/x", "the text itself " * 40])
def test_what_is_no_text_is_refused(source):
    with pytest.raises(ValueError):
        load_text(source)


def test_a_file_that_is_not_utf8_says_where(tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes("first line\nthe café\n".encode("cp1252"))
    with pytest.raises(ValueError, match=r"not UTF-8: byte 0xe9 at offset 18 \(line 2, byte 8 of the line\)"):
        load_text(path)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("content", ["naïve café\n", "你好，世界\n", "नमस्ते दुनिया\n"])
def test_a_file_with_another_byte_order_mark_is_read_as_that_says(tmp_path, encoding, content):
    path = tmp_path / "notepad.txt"
    path.write_bytes(f"\ufeff{content}".encode(encoding))
    assert load_text(path) == content


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("content", ["plain words\n", "naïve café\n", "你好，世界 hello\n"])
def test_a_file_in_utf16_without_a_mark_is_told_as_such(tmp_path, encoding, content):
    path = tmp_path / "unmarked.txt"
    path.write_bytes(content.encode(encoding))
    with pytest.raises(ValueError, match=rf"has a zero byte at offset \d+.*read_text\(encoding='{encoding}'\)"):
        load_text(path)


@pytest.mark.parametrize("head", text.NO_PLAIN_TEXT)
def test_a_document_is_not_taken_for_its_text(tmp_path, head):
    path = tmp_path / "book.txt"
    path.write_bytes(head + b" words")
    with pytest.raises(ValueError, match=r"book\.txt is .*; it takes plain text"):
        load_text(path)


def test_half_a_file_in_utf16_is_not_told_to_be_cp1252(tmp_path):
    path = tmp_path / "cut.txt"
    path.write_bytes("cut off".encode("utf-16")[:-1])
    with pytest.raises(ValueError, match=r"is not UTF-16: byte 0x66 at offset 14 .*save it again") as refused:
        load_text(path)
    assert "cp1252" not in str(refused.value)


NAMES = ["story", "tinyshakespeare", "corpus.txt", "my data/Corpus 2.MD", "C:\\texts\\corpus.jsonl"]


@pytest.mark.parametrize("name", [*NAMES, *map(Path, NAMES)])
def test_a_name_in_place_of_a_text_is_told(name):
    with pytest.raises(ValueError, match=r"text is .*, which is only a name; it takes the text itself: load_text\("):
        require_text(name)


def test_the_path_of_a_file_is_a_name_whatever_its_ending(tmp_path):
    path = tmp_path / "corpus"
    require_text(str(path))  # such a text may be: there is no file of that name
    path.write_text("words", encoding="utf-8")
    with pytest.raises(ValueError, match="only a name"):
        require_text(str(path))


@pytest.mark.parametrize("text", ["", "story ", "a", "It ends with corpus.txt.", "one\ncorpus.txt", "x" * 5000, "a\0b"])
def test_a_short_text_is_a_text(text):
    require_text(text)


@pytest.mark.parametrize("content", [b"", b" \n\t", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_a_file_without_text_is_refused(tmp_path, content):
    path = tmp_path / "empty.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="holds no text"):
        load_text(path)


def test_letters_and_their_accents_become_one_character():
    assert clean_text("cafe\u0301 A\u030a") == "caf\u00e9 \u00c5"


@given(st.text())
def test_cleaning_is_done_after_one_pass_and_leaves_nothing_to_clean(raw):
    cleaned = clean_text(raw)
    assert "\r" not in cleaned
    assert unicodedata.is_normalized("NFC", cleaned)
    assert clean_text(cleaned.lstrip("\ufeff")) == cleaned.lstrip("\ufeff")


def test_words_and_punctuation_are_split_as_in_the_worked_example():
    assert split_words("Hello, world!") == ["Hello", ",", "world", "!"]


def test_an_apostrophe_inside_a_word_stays_in_it():
    assert split_words("It’s 'so', isn't it?") == ["It’s", "'", "so", "'", ",", "isn't", "it", "?"]


# Words and signs of many scripts, each of which a reader takes for one: marks, joiners, skin tones, flags, key caps.
WHOLE = [
    *("हिन्दी", "क्षत्रिय", "বাংলা", "தமிழ்", "ภาษาไทย", "ကျေးဇူး", "ខ្មែរ", "العَرَبِيَّةُ", "שָׁלוֹם", "ẹ̀kọ́", "ọ̀rọ̀", "می\u200cخواهم"),
    *("ශ්\u200dරී", "한국어", "日本語", "наї\u0301вний", "m²", "3½", "x₁", "snake_case", "isn't", "l’été", "क्या'ही"),
    *("👩\u200d👩\u200d👧", "👍🏽", "🏳️\u200d🌈", "🇩🇪", "❤️", "1️⃣", "🏴\U000e0067\U000e0062\U000e007f", "!\u0301"),
]


def test_a_word_keeps_the_marks_that_belong_to_it():
    text = " ".join(WHOLE)
    assert split_words(text) == WHOLE
    assert [piece for piece in split_words(text, keep_whitespace=True) if piece != " "] == WHOLE


def test_english_is_cut_as_the_plain_pattern_cuts_it():
    for name in text.SHIPPED:
        shipped = load_text(name)
        assert split_words(shipped, keep_whitespace=True) == re.findall(r"\w+(?:['’]\w+)*|[^\w\s]|\s", shipped)


def test_the_sentence_of_the_comparison_has_thirteen_pieces():
    sentence = "Text encoding is an important step that affects later stages in pipeline."
    assert len(sentence) == 73
    assert len(split_words(sentence)) == 13


@given(st.text())
def test_with_white_space_kept_nothing_is_lost(raw):
    assert "".join(split_words(raw, keep_whitespace=True)) == raw


@given(st.text())
def test_without_white_space_only_white_space_is_lost(raw):
    assert "".join(split_words(raw)) == "".join(raw.split())


def test_a_corpus_is_downloaded_by_its_name(monkeypatch, tmp_path):
    with serving(b"once upon a time\r\n", monkeypatch, tmp_path) as server:
        monkeypatch.setitem(text.CORPORA, "tinystories", server.download())
        assert load_text("tinystories") == "once upon a time\n"
    assert [path.name for path in tmp_path.iterdir()] == ["tinystories.txt"]


def test_without_a_network_the_shipped_texts_are_offered(monkeypatch, tmp_path):
    with serving(b"once", monkeypatch, tmp_path) as server:
        monkeypatch.setitem(text.CORPORA, "tinystories", server.download())
    with pytest.raises(ConnectionError, match=r"load_text\('story'\).*or put the file at"):
        load_text("tinystories")


def test_a_corpus_of_another_name_is_told():
    with pytest.raises(ValueError, match="there is no corpus 'x'; it takes one of 'tinyshakespeare'"):
        text.fetch_corpus("x")


def test_a_copy_of_tiny_shakespeare_is_the_one_the_course_knows():
    path = cache_folder() / "tinyshakespeare.txt"
    if not path.is_file():
        pytest.skip("tinyshakespeare.txt is not in COURSE_CACHE")
    assert path.stat().st_size == text.CORPORA["tinyshakespeare"].size
    assert file_sha256(path) == text.CORPORA["tinyshakespeare"].sha256
