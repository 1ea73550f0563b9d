"""The shipped files: each one listed with its sum in data/README.md, and the story fit to be tokenized."""

import hashlib
import re
import shutil
import unicodedata
from pathlib import Path

import pytest

from course_utils.common import DATA

COLUMNS = "| file | bytes | sha256 | source and licence | rebuilt by |"


def table(folder: Path) -> dict[str, list[str]]:
    """Return the rows of README.md's table: the file's name -> its cells, all five."""
    lines = (folder / "README.md").read_text(encoding="utf-8").splitlines()
    rows = {}
    for line in lines[lines.index(COLUMNS) + 2 :]:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        rows[cells[0].strip("`")] = cells
    return rows


def shipped(folder: Path) -> dict[str, Path]:
    """Return every file under the folder but README.md; hidden ones belong to editors and systems."""
    paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        name: path
        for name, path in paths.items()
        if name != "README.md" and not any(part.startswith(".") for part in name.split("/"))
    }


def correct_row(name: str, path: Path, listed: list[str]) -> str:
    """Return the row that README.md should hold for this file; the words of the row that it has are kept."""
    content = path.read_bytes()
    words = listed[3:] or ["TODO", "TODO"]
    cells = [f"`{name}`", f"{len(content):,}", f"`{hashlib.sha256(content).hexdigest()}`", *words]
    return f"| {' | '.join(cells)} |"


def problems(folder: Path) -> list[str]:
    """Return what is wrong with the folder's list, a line each, with the row to paste into it."""
    rows, files = table(folder), shipped(folder)
    found = [f"{name} is listed but not there: take its row out" for name in rows if name not in files]
    for name, path in files.items():
        row = correct_row(name, path, rows.get(name, []))
        if name not in rows:
            found.append(f"{name} is not listed: add\n{row}")
        elif row != f"| {' | '.join(rows[name])} |":
            found.append(f"{name} has changed: its row should be\n{row}")
    return found


@pytest.fixture
def copied(tmp_path):
    """A copy of data/ that a test may damage, with a list that is right to begin with."""
    (tmp_path / "more").mkdir()
    rows = [COLUMNS, "| - | -: | - | - | - |"]
    for name in ("story.txt", "more/vocabulary.txt"):
        shutil.copy(DATA / "story.txt", tmp_path / name)
        rows.append(correct_row(name, tmp_path / name, ["", "", "", "ours, MIT", "hand"]))
    (tmp_path / "README.md").write_text("\n".join([*rows, "", "More words."]), encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def story():
    return (DATA / "story.txt").read_bytes().decode("utf-8")


def test_every_shipped_file_is_listed_with_its_size_and_sum():
    assert not problems(DATA), "data/README.md is out of date:\n" + "\n".join(problems(DATA))


def test_every_row_names_source_licence_and_how_the_file_is_rebuilt():
    for name, cells in table(DATA).items():
        assert len(cells) == 5, f"{name}: a row has five cells, this one {len(cells)}"
        assert all(cells), f"{name}: an empty cell"
        assert "TODO" not in " ".join(cells), f"{name}: say where it is from and how it is rebuilt"


def test_a_list_that_is_right_has_no_problems(copied):
    assert problems(copied) == []


@pytest.mark.parametrize("name", ["story.txt", "more/vocabulary.txt"])
def test_one_changed_byte_is_found_and_the_right_row_is_given(copied, name):
    content = bytearray((copied / name).read_bytes())
    content[100] ^= 1
    (copied / name).write_bytes(content)
    (problem,) = problems(copied)
    assert problem.startswith(f"{name} has changed")
    row = f"| `{name}` | {len(content):,} | `{hashlib.sha256(content).hexdigest()}` | ours, MIT | hand |"
    assert problem.endswith("\n" + row)


def test_pasting_the_row_that_is_given_mends_the_list(copied):
    (copied / "new.txt").write_text("new", encoding="utf-8")
    (problem,) = problems(copied)
    readme = (copied / "README.md").read_text(encoding="utf-8")
    row = problem.partition("\n")[2]
    (copied / "README.md").write_text(readme.replace("\n\n", f"\n{row}\n\n"), encoding="utf-8")
    assert problems(copied) == []


def test_a_file_that_is_not_listed_is_found(copied):
    (copied / "more" / "new.txt").write_text("new", encoding="utf-8")
    (problem,) = problems(copied)
    assert problem.startswith("more/new.txt is not listed")


def test_a_listed_file_that_is_gone_is_found(copied):
    (copied / "story.txt").unlink()
    assert problems(copied) == ["story.txt is listed but not there: take its row out"]


def test_the_story_is_as_long_as_the_notebooks_take_it_to_be(story):
    assert 25_000 <= len(story) <= 40_000


def test_the_story_has_no_byte_order_mark_and_plain_line_ends(story):
    assert "\ufeff" not in story
    assert "\r" not in story
    assert story.endswith("\n")
    assert not story.endswith("\n\n")


def test_no_line_of_the_story_ends_in_white_space(story):
    assert [line for line in story.split("\n") if line != line.rstrip()] == []


def test_the_story_is_in_composed_form_so_that_one_letter_is_one_character(story):
    assert unicodedata.is_normalized("NFC", story)


def test_the_story_holds_dialogue_in_straight_quotes(story):
    assert len(re.findall(r'(?m)^"[^"\n]+"', story)) >= 50
    # A paragraph may quote another's words with single quotes, and it closes what it opens.
    assert [line for line in story.split("\n") if line.count('"') % 2] == []
    assert not re.search("[“”‘’]", story)


def test_the_story_holds_numbers_of_several_kinds(story):
    assert re.search(r"\b19\d\d\b", story), "a year"
    assert re.search(r"\b\d+\.\d\d\b", story), "decimals"
    assert re.search(r"\b\d,\d{3}\b", story), "thousands"


def test_the_story_holds_twenty_punctuation_marks(story):
    marks = {character for character in story if unicodedata.category(character).startswith("P")}
    assert len(marks) >= 20, sorted(marks)
    assert {"—", "…"} <= marks


def test_the_story_holds_ten_words_with_letters_outside_ascii(story):
    words = {word for word in re.findall(r"[^\W\d_]+", story) if not word.isascii()}
    assert len(words) >= 10, sorted(words)


def test_the_story_holds_lines_whose_white_space_matters(story):
    assert len(re.findall(r"(?m)^ {4}\S+.* {3,}\S", story)) >= 10


@pytest.mark.parametrize("name", ["A stocking changes what it touches.", "Tome, don't go; Salomea comes Sunday."])
def test_the_sentences_that_notebooks_quote_have_six_words_and_stand_in_the_story(story, name):
    assert name in story
    assert len(re.findall(r"[\w']+", name)) == 6


def test_the_tales_are_about_a_megabyte():
    assert 1_000_000 <= (DATA / "tales.txt").stat().st_size <= 1_500_000
