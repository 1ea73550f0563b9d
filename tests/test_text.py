"""Loading, cleaning and splitting text; downloads run against a small server on this machine."""

import hashlib
import http.server
import io
import re
import threading
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils import text
from course_utils.text import Corpus, clean_text, load_text, split_words

CONTENT = "".join(f"Line {i} of a corpus — with ünicode.\n" for i in range(5000)).encode()


class Server(http.server.BaseHTTPRequestHandler):
    """Serves `content`; sends at most `cut` bytes an answer, and notes what was asked for."""

    content, cut, ranges, asked = CONTENT, None, True, []

    def do_GET(self):
        wanted = self.headers.get("Range")
        type(self).asked.append(wanted)
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and self.ranges else 0
        if start >= len(self.content):
            return self.send_error(416)
        body = self.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.cut])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A running server, with the corpus "tinystories" pointing at it and an empty cache."""
    handler = type("Handler", (Server,), {"asked": []})
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
    url, digest = f"http://127.0.0.1:{httpd.server_port}/", hashlib.sha256(CONTENT).hexdigest()
    monkeypatch.setitem(text.CORPORA, "tinystories", Corpus(url, len(CONTENT), digest))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield handler
    httpd.shutdown()
    httpd.server_close()


def cached(tmp_path):
    return sorted(path.name for path in (tmp_path / "cache").iterdir())


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


@pytest.mark.parametrize("source", ["", ".", 3, None, "~no_such_reader/x", "the text itself " * 40])
def test_what_is_no_text_is_refused(source):
    with pytest.raises(ValueError):
        load_text(source)


def test_a_file_that_is_not_utf8_says_where(tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes("first line\nthe café\n".encode("cp1252"))
    with pytest.raises(ValueError, match=r"not UTF-8: byte 0xe9 at offset 18 \(line 2, byte 8 of the line\)"):
        load_text(path)


@pytest.mark.parametrize("content", [b"", b" \n\t", b"\xef\xbb\xbf"])
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


def test_a_corpus_is_downloaded_once_and_checked(server, tmp_path):
    assert load_text("tinystories") == load_text("tinystories") == CONTENT.decode()
    assert server.asked == [None]
    assert cached(tmp_path) == ["tinystories.txt"]


def test_a_cut_download_is_told_and_goes_on_where_it_stopped(server, tmp_path):
    server.cut = 100_000
    with pytest.raises(ConnectionError, match=r"100,000 of [\d,]+ bytes are here.*goes on from there"):
        load_text("tinystories")
    assert cached(tmp_path) == ["tinystories.txt.part"]
    server.cut = None
    assert load_text("tinystories") == CONTENT.decode()
    assert server.asked == [None, "bytes=100000-"]
    assert cached(tmp_path) == ["tinystories.txt"]


def test_a_server_that_cannot_resume_sends_everything_again(server):
    server.cut, server.ranges = 100_000, False
    with pytest.raises(ConnectionError):
        load_text("tinystories")
    server.cut = None
    assert load_text("tinystories") == CONTENT.decode()


def test_a_download_that_was_whole_but_not_yet_renamed_is_not_fetched_again(server, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "tinystories.txt.part").write_bytes(CONTENT)
    assert load_text("tinystories") == CONTENT.decode()
    assert server.asked == []


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"?", CONTENT + b"more" * 100_000, CONTENT[:1000], b"log in"])
def test_wrong_content_is_thrown_away(server, tmp_path, content):
    server.content = content
    with pytest.raises(ValueError, match="thrown away"):
        load_text("tinystories")
    assert cached(tmp_path) == []


def test_a_file_that_became_shorter_than_what_is_here_is_thrown_away(server, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "tinystories.txt.part").write_bytes(CONTENT[:1000])
    server.content = CONTENT[:1000]
    with pytest.raises(ValueError, match=r"it has no more than 1,000 bytes.*thrown away"):
        load_text("tinystories")
    assert cached(tmp_path) == []


def test_a_corpus_of_another_name_is_told():
    with pytest.raises(ValueError, match="there is no corpus 'x'; it takes one of 'tinyshakespeare'"):
        text.fetch_corpus("x")


def test_an_answer_without_end_does_not_fill_the_disk():
    answer, file = io.BytesIO(bytes(10**6)), io.BytesIO()
    assert text.copy_blocks(answer, file, have=0, size=100, name="endless") == len(file.getvalue()) < 10**5


def test_a_damaged_copy_in_the_cache_is_replaced(server, tmp_path):
    load_text("tinystories")
    (tmp_path / "cache" / "tinystories.txt").write_bytes(CONTENT[:50])
    assert load_text("tinystories") == CONTENT.decode()


def test_without_a_network_the_message_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setitem(text.CORPORA, "tinystories", Corpus("http://127.0.0.1:9/", 10, "0" * 64))
    with pytest.raises(ConnectionError, match=r"load_text\('story'\).*or put the file at"):
        load_text("tinystories")
    assert list(tmp_path.iterdir()) == []


def test_a_copy_of_tiny_shakespeare_is_the_one_the_course_knows():
    path = text.cache_folder() / "tinyshakespeare.txt"
    if not path.is_file():
        pytest.skip("tinyshakespeare.txt is not in COURSE_CACHE")
    assert path.stat().st_size == text.CORPORA["tinyshakespeare"].size
    assert text.file_sha256(path) == text.CORPORA["tinyshakespeare"].sha256
