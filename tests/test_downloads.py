"""Downloads, against a small server on this machine."""

import io

import pytest
from local_server import serving

from course_utils import downloads
from course_utils.downloads import Download, fetch

CONTENT = "".join(f"Line {i} of a corpus — with ünicode.\n" for i in range(5000)).encode()
OFFER = "read a book"


@pytest.fixture
def server(monkeypatch, tmp_path):
    with serving(CONTENT, monkeypatch, tmp_path / "cache") as handler:
        yield handler


def get(server):
    return fetch(server.download(), "lines.txt", OFFER).read_bytes()


def cached(tmp_path):
    return sorted(path.name for path in (tmp_path / "cache").iterdir())


def test_a_corpus_is_downloaded_once_and_checked(server, tmp_path):
    assert get(server) == get(server) == CONTENT
    assert server.asked == [None]
    assert cached(tmp_path) == ["lines.txt"]


def test_a_cut_download_is_told_and_goes_on_where_it_stopped(server, tmp_path):
    server.cut = 100_000
    with pytest.raises(ConnectionError, match=r"100,000 of [\d,]+ bytes are here.*goes on from there"):
        get(server)
    assert cached(tmp_path) == ["lines.txt.part"]
    server.cut = None
    assert get(server) == CONTENT
    assert server.asked == [None, "bytes=100000-"]
    assert cached(tmp_path) == ["lines.txt"]


def test_a_server_that_cannot_resume_sends_everything_again(server):
    server.cut, server.ranges = 100_000, False
    with pytest.raises(ConnectionError):
        get(server)
    server.cut = None
    assert get(server) == CONTENT


def test_a_download_that_was_whole_but_not_yet_renamed_is_not_fetched_again(server, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "lines.txt.part").write_bytes(CONTENT)
    assert get(server) == CONTENT
    assert server.asked == []


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"?", CONTENT + b"more" * 100_000, CONTENT[:1000], b"log in"])
def test_wrong_content_is_thrown_away(server, tmp_path, content):
    wanted = server.download()
    server.content = content
    with pytest.raises(ValueError, match="thrown away"):
        fetch(wanted, "lines.txt", OFFER)
    assert cached(tmp_path) == []


def test_a_file_that_became_shorter_than_what_is_here_is_thrown_away(server, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "lines.txt.part").write_bytes(CONTENT[:1000])
    wanted = server.download()
    server.content = CONTENT[:1000]
    with pytest.raises(ValueError, match=r"it has no more than 1,000 bytes.*thrown away"):
        fetch(wanted, "lines.txt", OFFER)
    assert cached(tmp_path) == []


def test_an_answer_without_end_does_not_fill_the_disk():
    answer, file = io.BytesIO(bytes(10**6)), io.BytesIO()
    assert downloads.copy_blocks(answer, file, have=0, size=100, name="endless") == len(file.getvalue()) < 10**5


def test_a_damaged_copy_in_the_cache_is_replaced(server, tmp_path):
    get(server)
    (tmp_path / "cache" / "lines.txt").write_bytes(CONTENT[:50])
    assert get(server) == CONTENT


def test_without_a_network_the_message_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(ConnectionError, match=r"Without one, read a book, or put the file at .*lines\.txt yourself"):
        fetch(Download("http://127.0.0.1:9/", 10, "0" * 64), "lines.txt", OFFER)
    assert list(tmp_path.iterdir()) == []
