"""The ground floor: a check that says what is wrong, and files that are written whole or not at all."""

import errno
import io
import os
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from course_utils import common, plots, runtime
from course_utils.common import DATA, print_anything, require, write_whole
from course_utils.plots import cards


def test_require_raises_a_value_error_only_when_the_condition_fails():
    require(True, "never seen")
    with pytest.raises(ValueError, match=r"^three is too few$"):
        require(False, "three is too few")


def test_the_data_lies_beside_the_package():
    assert Path(common.__file__).parents[1] / "data" == DATA
    assert (DATA / "story.txt").is_file()


def test_a_file_is_written_with_its_folder_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "new" / "file.bin"
    for content in (b"one\r\n\x00", b"another"):
        write_whole(path, content)
        assert path.read_bytes() == content
    assert os.listdir(path.parent) == ["file.bin"]


@pytest.mark.parametrize("before", [None, b"the old one"])
@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_disk_that_is_full_is_told_and_leaves_what_was_there(tmp_path, monkeypatch, fails, before):
    path = tmp_path / "file.bin"
    if before:
        path.write_bytes(before)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(common.os, fails, full)
    with pytest.raises(OSError, match=r"could not write .*file\.bin: No space left on device") as caught:
        write_whole(path, b"the new one")
    assert caught.value.errno == errno.ENOSPC
    assert ("untouched" in str(caught.value)) == bool(before)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == ([before] if before else [])


def test_an_interrupted_writing_leaves_the_file_that_was_there(tmp_path, monkeypatch):
    path = tmp_path / "file.bin"
    write_whole(path, b"the old one")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(common.os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"the new one")
    assert path.read_bytes() == b"the old one"


def test_where_a_file_stands_in_the_folders_place_that_is_told(tmp_path):
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(OSError, match="could not write"):
        write_whole(tmp_path / "taken" / "file.bin", b"")


SHOWN = {"ascii": "+ Passed - 3 x 4... ?\n", "cp1252": "+ Passed \u00b7 3 \u00d7 4\u2026 ?\n"}
SHOWN |= {"cp932": "+ Passed - 3 \u00d7 4\u2026 ?\n", "utf-8": "\u2713 Passed \u00b7 3 \u00d7 4\u2026 \u0905\n"}
SAYING = {
    "a card": lambda words: cards.note(words),
    "a figure": lambda words: plots.show(plt.figure(), "What there is to see: " + words),
    "the first line": lambda words: (runtime.start(), print(words)),
}


@pytest.mark.parametrize("encoding", SHOWN)
@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])  # Python's own: elsewhere, and in the locale C
@pytest.mark.parametrize("said", SAYING.values(), ids=SAYING)
def test_a_script_can_print_every_character_whatever_standard_output_is(monkeypatch, said, errors, encoding):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding, errors=errors, newline="\n"))
    said(SHOWN["utf-8"].strip())
    sys.stdout.flush()
    assert written.getvalue().decode(encoding).endswith(SHOWN[encoding])


@pytest.mark.parametrize("stream", [io.StringIO(), io.TextIOWrapper(io.BytesIO(), "ascii", "backslashreplace"), None])
def test_a_stream_that_prints_everything_is_left_as_it_is(stream):
    errors = getattr(stream, "errors", None)
    print_anything(stream)
    assert getattr(stream, "errors", None) == errors
