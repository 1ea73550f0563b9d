"""The ground floor: an argument that doesn't fit is refused in words, and a file is the old one or the new one."""

import os
from pathlib import Path

import pytest

from course_utils.common import DATA, require, write_whole


def test_require_raises_a_value_error_only_when_the_condition_fails():
    require(True, "never seen")
    with pytest.raises(ValueError, match=r"^three is too few$"):
        require(False, "three is too few")


def test_the_data_are_where_the_course_is():
    assert (DATA / "story.txt").is_file()


def test_a_file_is_written_whole_in_a_folder_that_is_made_for_it(tmp_path: Path):
    path = tmp_path / "new" / "file.bin"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert [other.name for other in path.parent.iterdir()] == ["file.bin"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_file_that_cannot_be_written_is_told_and_the_old_one_stays(tmp_path: Path, monkeypatch, failing: str):
    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "file.bin"
    write_whole(path, b"one")
    monkeypatch.setattr(os, failing, disk_full)
    with pytest.raises(OSError, match=r"No space left on device\. Free some space .* was there is untouched") as raised:
        write_whole(path, b"two")
    assert raised.value.errno == 28
    assert path.read_bytes() == b"one"
    assert [other.name for other in tmp_path.iterdir()] == ["file.bin"]
