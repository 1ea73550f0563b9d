"""Each mechanism that keeps the notebooks whole is seen to work, and to fail, on small notebooks made here.

The setup cell, which must find the course where nothing of it is, has its tests in `test_setup_cell.py`.
"""

from dataclasses import replace
from pathlib import Path

import nbformat
import notebook_rules as rules
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils.exercises.engine.exercise import Exercise
from course_utils.tools import sync
from course_utils.tools.curriculum import Notebook
from course_utils.tools.fingerprints import fingerprints

TABLE = (
    Notebook("00_start", "Start", ("start",), does="run it"),
    Notebook("01_words", "Words", ("start",), does="count words"),
    Notebook("02_pairs", "Pairs", ("start",), does="merge pairs", builds=("bpe",), borrows=("gpt.GPT", "text.read")),
    Notebook("03_windows", "Windows", ("start",), does="cut windows", builds=("text",)),
    Notebook("10_model", "Model", ("start",), builds=("gpt",)),
    Notebook("A_tensors", "Tensors", ("start",), does="multiply", after="01"),
    Notebook("B_more", "More", ("start",), does="go on", builds=("gpt.more",), after="03"),
)
ADDRESS = "https://github.com/someone/course"
PACKAGE_TEXT = '''"""A small module."""

import functools


# Kept, since it is asked for often.
@functools.cache
def twice(x: int) -> int:
    """Return x two times."""
    return 2 * x  # not x ** 2


class Pair:
    """Two numbers."""
'''
SAVED_TWICE = (
    "# course_utils/bpe.py\n@functools.cache\ndef twice(x: int) -> int:\n"
    '    """Return x two times."""\n    return 2 * x  # not x ** 2'
)


def notebook(*cells: str | NotebookNode, title: str = "# 02 · Pairs", **own: object) -> NotebookNode:
    """A notebook of these code cells under a title, `own` in its course metadata."""
    made = [cell if isinstance(cell, NotebookNode) else new_code_cell(cell) for cell in cells]
    return new_notebook(cells=[new_markdown_cell(title), *made], metadata={"course": own})


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sync.Course:
    """A course of a package with one module, and no notebooks; its setup cell needs no torch, so it's quick."""
    monkeypatch.setattr(sync, "SETUP", "import functools\naddress = '@ADDRESS@'")
    (tmp_path / "course_utils").mkdir()
    (tmp_path / "course_utils" / "__init__.py").write_text("")
    (tmp_path / "course_utils" / "bpe.py").write_text(PACKAGE_TEXT)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").write_text('[project.urls]\n# add `Repository = "https://example.org"`\n')
    (tmp_path / "README.md").write_text(f"Before\n\n{sync.TABLE_BEGINS}\n\n{sync.TABLE_ENDS}\n\nAfter\n")
    return sync.Course(tmp_path, TABLE)


def write(course: sync.Course, made: NotebookNode, name: str = "02_pairs") -> Path:
    """Put a notebook into a course."""
    path = course.root / "notebooks" / f"{name}.ipynb"
    path.write_text(nbformat.writes(made), encoding="utf-8")
    return path


def stamped(course: sync.Course, made: NotebookNode, name: str = "02_pairs") -> NotebookNode:
    """What `sync` makes of a notebook, short of running it."""
    path = write(course, made, name)
    sync.stamp(made, path, course)
    return made


def marked(made: NotebookNode, tag: str) -> NotebookNode:
    """The cell with this tag."""
    return next(cell for cell in made.cells if tag in cell.metadata.get("tags", []))


# --- saved definitions ---


def test_a_saved_definition_is_filled_in_byte_for_byte(course: sync.Course):
    made = stamped(course, notebook("# course_utils/bpe.py\ndef twice(): ..."))
    assert SAVED_TWICE in [cell.source for cell in made.cells]
    assert SAVED_TWICE.split("\n", 1)[1] in PACKAGE_TEXT


def test_several_definitions_stand_two_lines_apart(course: sync.Course):
    made = stamped(course, notebook("# course_utils/bpe.py\ndef twice(): ...\nclass Pair: ..."))
    assert made.cells[-2].source == f'{SAVED_TWICE}\n\n\nclass Pair:\n    """Two numbers."""'


@pytest.mark.parametrize("change", ["@functools.cache\n", " not", "times.", "# course_utils/bpe.py\n"])
def test_a_saved_definition_that_differs_is_found(course: sync.Course, change: str):
    # A comment, a docstring and a decorator count; without its first line it is no saved definition any more.
    path = write(course, notebook(SAVED_TWICE.replace(change, "")))
    told = "its copy of twice differs from course_utils/bpe.py"
    assert (told in sync.check_notebook(path, course)) == (not change.startswith("# course"))


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def thrice(): ...", "course_utils/bpe.py does not define thrice"),
        ("def twice(): ...\nprint(twice(2))", "takes definitions, and only those"),
        ("", "takes definitions, and only those"),
    ],
)
def test_a_saved_cell_that_cannot_be_filled_is_told(course: sync.Course, source: str, told: str):
    path = write(course, notebook(f"# course_utils/bpe.py\n{source}"))
    assert told in sync.check_notebook(path, course)[0]


# --- stamps ---


def test_header_setup_and_footer_are_put_in_their_places(course: sync.Course):
    made = stamped(course, notebook("x = 1"))
    assert [cell.metadata.get("tags", [None])[0] for cell in made.cells] == [None, "header", "setup", None, "footer"]


def test_a_changed_setup_cell_is_found_and_mended(course: sync.Course):
    made = stamped(course, notebook("x = 1"))
    marked(made, "setup").source += "\nimport random"
    path = write(course, made)
    assert "its setup cell is not the one all notebooks have" in sync.check_notebook(path, course)
    assert marked(stamped(course, made), "setup").source == sync.setup_cell("")


def test_links_lead_to_the_notebooks_before_and_after(course: sync.Course):
    for name in ("01_words", "03_windows", "A_tensors"):
        write(course, notebook(), name)
    made = stamped(course, notebook())
    expected = "← [01 · Words](01_words.ipynb) | [All notebooks](../README.md) | [03 · Windows](03_windows.ipynb) →"
    assert marked(made, "footer").source == expected
    assert marked(made, "header").source.startswith(f"{expected}\n")


@pytest.mark.parametrize(
    ("name", "title", "before"), [("A_tensors", "A · Tensors", "01"), ("B_more", "B · More", "03")]
)
def test_an_appendix_leads_back_to_the_notebook_before_it(course: sync.Course, name: str, title: str, before: str):
    for other in TABLE:
        write(course, notebook(), other.stem)
    made = stamped(course, notebook(title=f"# {title}"), name)
    own = next(other for other in TABLE if other.number == before)
    assert marked(made, "footer").source == f"← [{own.label}]({own.stem}.ipynb) | [All notebooks](../README.md)"


def test_the_first_and_the_last_notebook_have_one_neighbour(course: sync.Course):
    for name in ("00_start", "02_pairs", "B_more"):
        write(course, notebook(), name)
    first = stamped(course, notebook(title="# Start: the whole game"), "00_start")
    assert marked(first, "footer").source == "[All notebooks](../README.md) | [02 · Pairs](02_pairs.ipynb) →"
    last = stamped(course, notebook(title="# 03 · Windows"), "03_windows")
    assert marked(last, "footer").source == "← [02 · Pairs](02_pairs.ipynb) | [All notebooks](../README.md)"


@pytest.mark.parametrize("title", ["# 03 · Pairs", "# Pairs", "02 · Pairs", "# 02 · Pairs and more"])
def test_a_title_that_is_not_the_curriculums_is_told(course: sync.Course, title: str):
    path = write(course, notebook(title=title))
    assert "must begin with its title, '# 02 · Pairs'" in sync.check_notebook(path, course)[0]


def test_borrowed_names_times_and_copies_are_told_in_the_header(course: sync.Course):
    saved = "# course_utils/bpe.py\nclass Pair: ..."
    made = stamped(course, notebook(saved, minutes=30, seconds=20))
    header = marked(made, "header").source
    assert "<summary>Borrowed from later notebooks</summary>read (03); GPT (10)</details>" in header
    assert "Time: about 30 minutes to read and do; its cells run in about 20 s on two processor cores." in header
    assert "an exact copy of the package's text" in header


@pytest.mark.parametrize(
    ("dtype", "told"),
    [
        ("bfloat16", "s on two cores of a server processor; on an ordinary laptop, allow"),
        ("float32", "s on two cores of an ordinary laptop."),
        ("float16", "s on two processor cores."),
    ],
)
def test_the_header_says_which_machine_its_time_is_from(course: sync.Course, dtype: str, told: str):
    made = notebook(minutes=30, seconds=20)
    stamped(course, made)
    line = f"torch 2.13.0 · cpu, 2 threads · preset laptop · {dtype} · seed 0"
    marked(made, "setup").outputs = [new_output("stream", text=line)]
    assert told in marked(stamped(course, made), "header").source


def test_a_name_borrowed_anew_makes_the_header_stale(course: sync.Course):
    path = write(course, stamped(course, notebook()))
    richer = replace(TABLE[2], borrows=("gpt.GPT",))
    told = sync.check_notebook(path, replace(course, notebooks=(*TABLE[:2], richer, *TABLE[3:])))
    assert "its header (links, badge, time, borrowed names) is not up to date" in told


def test_the_address_is_stamped_once_it_is_known(course: sync.Course):
    assert course.address == ""
    assert "colab" not in marked(stamped(course, notebook()), "header").source
    (course.root / "pyproject.toml").write_text(f'[project.urls]\nRepository = "{ADDRESS}"\n')
    made = stamped(course, notebook())
    colab = "https://colab.research.google.com/github/someone/course/blob/main/notebooks/02_pairs.ipynb"
    assert f"]({colab})" in marked(made, "header").source
    assert marked(made, "setup").source == f"import functools\naddress = '{ADDRESS}'"


def test_a_new_address_makes_every_notebook_stale(course: sync.Course):
    path = write(course, stamped(course, notebook()))
    (course.root / "pyproject.toml").write_text(f'[project.urls]\nRepository = "{ADDRESS}"\n')
    assert len([told for told in sync.check_notebook(path, course) if "header" in told or "setup" in told]) == 2


def test_metadata_that_changes_with_each_run_is_cleaned(course: sync.Course):
    data = {"text/plain": "Box()", sync.WIDGET: {"model_id": "1f"}}
    cell = new_code_cell("x", id="same", outputs=[new_output("display_data", data)])
    cell.metadata.update({"execution": {"iopub.status": "now"}, "collapsed": False, "tags": ["mine"]})
    made = notebook(cell)
    made.metadata.update({"widgets": {"state": {}}, "language_info": {"name": "python", "version": "3.11.7"}})
    made = stamped(course, made)
    assert cell.metadata == {"tags": ["mine"]}
    assert cell.outputs[0].data == {"text/plain": "Box()"}
    assert set(made.metadata) == {"accelerator", "colab", "course", "kernelspec", "language_info"}
    assert made.metadata.language_info == {"name": "python"}


def test_lines_that_were_printed_in_pieces_are_stored_as_one_output():
    texts = [("stdout", "a\n"), ("stdout", "b\n"), ("stderr", "c\n"), ("stderr", "d\n"), ("stdout", "e\n")]
    outputs = [new_output("stream", name=name, text=text) for name, text in texts]
    outputs[4:4] = [new_output("display_data", {"text/plain": "x"}), new_output("display_data", {"text/plain": "y"})]
    found = [(output.get("name"), output.get("text")) for output in sync.joined(outputs)]
    assert found == [("stdout", "a\nb\n"), ("stderr", "c\nd\n"), (None, None), (None, None), ("stdout", "e\n")]


def test_the_folder_of_a_warning_is_cleaned():
    output = new_output("stream", name="stderr", text="/tmp/ipykernel_91/2713.py:1: UserWarning: x\n")
    sync.clean_output(output)
    assert output.text == "<cell>:1: UserWarning: x\n"


def test_ids_are_kept_and_missing_or_double_ones_follow_from_the_cells():
    def with_ids() -> list[str]:
        made = notebook("x", "x", "x", "x")
        for cell, name in zip(made.cells, ("", "a", "a", "b", ""), strict=True):
            cell.id = name
        sync.give_ids(made)
        return [cell.id for cell in made.cells]

    assert with_ids() == with_ids()
    assert len(set(with_ids())) == 5
    assert (with_ids()[1], with_ids()[3]) == ("a", "b")


# --- the command: it runs what changed, and a second time changes nothing ---

TELL = "import os, pathlib\nprint(os.environ['COURSE_PRESET'], os.environ['COURSE_DEVICE'], pathlib.Path.cwd().name)"


def test_a_second_sync_changes_nothing(
    course: sync.Course, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setenv("COURSE_PRESET", "smoke")
    path = write(course, notebook(TELL))
    assert sync.main([], course) == 0
    once = path.read_bytes()
    assert sync.main([], course) == 0
    assert path.read_bytes() == once
    assert "02_pairs: up to date" in capsys.readouterr().out
    assert sync.main(["--check"], course) == 0
    # What it ran under: the stored preset, the CPU, the notebook's own folder.
    assert sync.read(path).cells[-2].outputs[0].text == "laptop cpu notebooks\n"
    assert sync.read(path).metadata.course.seconds == 10


def test_a_rerun_stores_the_same_bytes(course: sync.Course):
    path = write(course, notebook("import warnings\nwarnings.warn('careful')\n1 + 1"))
    assert sync.main([], course) == 0
    once = path.read_bytes()
    assert sync.main(["--run", "02"], course) == 0
    assert path.read_bytes() == once


def test_the_figure_of_the_cell_tagged_picture_is_written_for_the_readme(course: sync.Course):
    shown = (
        "from IPython.display import Image, display\nimport base64\ndisplay(Image(base64.b64decode('iVBORw0KGgo=')))"
    )
    path = write(course, notebook("1", new_code_cell(shown, metadata={"tags": ["picture"]})))
    sync.sync_notebook(path, course)
    assert (path.parent / "result.png").read_bytes() == b"\x89PNG\r\n\x1a\n"


def test_check_tells_what_is_stale_and_changes_nothing(course: sync.Course, capsys: pytest.CaptureFixture):
    path = write(course, notebook("x = 1"))
    before = path.read_bytes()
    assert sync.main(["--check"], course) == 1
    assert path.read_bytes() == before
    assert "02_pairs: its outputs were not stored by sync\n" in capsys.readouterr().out


def test_code_that_changed_since_its_run_is_stale_and_prose_is_not(course: sync.Course):
    made = stamped(course, notebook("x = 1"))
    made.metadata.course.executed = fingerprints(made, "02", {})
    made.cells[0].source += "\n\nMore prose."
    path = course.path(TABLE[2])
    path.write_text(sync.render(made), encoding="utf-8")
    assert sync.check_notebook(path, course) == []
    made.cells[3].source = "x = 2"
    path.write_text(sync.render(made), encoding="utf-8")
    told = f"its code cell 2 ({made.cells[3].id}) has changed since its outputs were stored"
    assert sync.check_notebook(path, course) == [told]


def test_a_changed_module_is_run_again_and_a_changed_docstring_is_not(course: sync.Course, capsys, monkeypatch):
    # Compiled code is taken for the old text where a file changes twice in a second and keeps its length.
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    module = course.root / "course_utils" / "bpe.py"
    path = write(
        course, notebook("import sys; sys.path.insert(0, '..')", "from course_utils.bpe import twice\ntwice(3)")
    )
    assert sync.main([], course) == 0
    once = path.read_bytes()
    module.write_text(PACKAGE_TEXT.replace("Return x two times.", "Double it.").replace("# not", "# never"))
    assert sync.main(["--check"], course) == 0
    module.write_text(PACKAGE_TEXT.replace("2 * x", "3 * x"))
    assert sync.main(["--check"], course) == 1
    assert "02_pairs: course_utils/bpe.py has changed since its outputs were stored\n" in capsys.readouterr().out
    assert path.read_bytes() == once
    assert sync.main([], course) == 0
    assert sync.read(path).cells[-2].outputs[0].data["text/plain"] == "9"
    assert sync.main(["--check"], course) == 0


def test_a_docstring_in_a_saved_definition_is_copied_without_running_anything(course: sync.Course, monkeypatch):
    path = write(course, notebook(SAVED_TWICE))
    assert sync.main([], course) == 0
    (course.root / "course_utils" / "bpe.py").write_text(PACKAGE_TEXT.replace("two times", "twice"))
    assert sync.main(["--check"], course) == 1
    monkeypatch.setattr(sync, "execute", lambda *_: pytest.fail("nothing has to run"))
    assert sync.main([], course) == 0
    assert "Return x twice." in sync.read(path).cells[-2].source
    assert sync.main(["--check"], course) == 0


def test_a_notebook_that_fails_is_told_and_left_alone(course: sync.Course, capsys: pytest.CaptureFixture):
    path = write(course, notebook("nothing = 0\n1 / nothing"))
    before = path.read_bytes()
    assert sync.main([], course) == 1
    assert path.read_bytes() == before
    told = capsys.readouterr().err
    assert "02_pairs: not written" in told
    assert "1 / nothing" in told
    assert "ZeroDivisionError" in told


@pytest.mark.parametrize("name", ["02", "02_pairs", "notebooks/02_pairs.ipynb"])
def test_a_notebook_is_chosen_by_number_name_or_path(course: sync.Course, name: str):
    write(course, notebook(), "01_words")
    wanted = write(course, notebook())
    assert sync.chosen([name], course) == [wanted]


def test_an_unknown_name_is_told(course: sync.Course, capsys: pytest.CaptureFixture):
    write(course, notebook())
    assert sync.main(["07"], course) == 1
    assert "there is no notebook '07'; there are 00 · Start, 01 · Words, 02 · Pairs" in capsys.readouterr().err


def test_a_notebook_that_is_planned_only_is_told(course: sync.Course, capsys: pytest.CaptureFixture):
    assert sync.main(["10"], course) == 1
    assert "notebooks/10_model.ipynb is not written yet" in capsys.readouterr().err


def test_a_notebook_without_a_title_is_told(course: sync.Course):
    path = write(course, new_notebook(cells=[new_code_cell("x = 1")]))
    assert "must begin with its title" in sync.check_notebook(path, course)[0]


# --- README, and the folder of notebooks ---


def test_the_table_in_readme_is_written_and_kept(course: sync.Course, capsys: pytest.CaptureFixture):
    for other in (TABLE[5], TABLE[2]):
        write(course, notebook(), other.stem)
    assert sync.check_course(course) == ["README.md has another table of notebooks than the curriculum"]
    assert sync.check_course(course, mend=True) == []
    text = (course.root / "README.md").read_text(encoding="utf-8")
    pairs = "| [02 · Pairs](notebooks/02_pairs.ipynb) | merge pairs |  | 0 |"
    tensors = "| [A · Tensors](notebooks/A_tensors.ipynb) | multiply |  | 0 |"
    assert f"| --- | --- | --: | --: |\n{pairs}\n{tensors}\n\n{sync.TABLE_ENDS}\n\nAfter\n" in text
    assert text.startswith(f"Before\n\n{sync.TABLE_BEGINS}\n\n| notebook |")
    assert sync.check_course(course) == []
    assert capsys.readouterr().out == "README.md: written\n"


def test_the_table_has_the_minutes_and_the_exercises_that_are_checked(course: sync.Course):
    checks = ['def f(): ...\n\n\ncheck("02.1", f)', 'check("02.2", 4)', 'check("02.2", 5)', 'print("check(1)")']
    write(course, notebook(*checks, minutes=30))
    assert sync.table_of_notebooks(course).endswith("| merge pairs | 30 | 2 |")


def test_the_table_has_a_badge_once_there_is_an_address(course: sync.Course):
    write(course, notebook())
    assert "colab" not in sync.table_of_notebooks(course)
    (course.root / "pyproject.toml").write_text(f'[project.urls]\nRepository = "{ADDRESS}"\n')
    assert "(notebooks/02_pairs.ipynb) [![Open in Colab]" in sync.table_of_notebooks(course)


def test_a_readme_without_a_place_for_the_table_is_told_and_left_alone(course: sync.Course):
    readme = course.root / "README.md"
    readme.write_text(f"Before\n{sync.TABLE_BEGINS}\nAfter\n")
    assert "lacks the lines" in sync.check_course(course, mend=True)[0]
    assert readme.read_text() == f"Before\n{sync.TABLE_BEGINS}\nAfter\n"


def test_a_notebook_of_which_the_curriculum_does_not_say_what_it_does_is_told(course: sync.Course):
    write(course, notebook(), "10_model")
    assert "what you do in notebook 10" in sync.check_course(course)[0]


def test_a_notebook_that_is_not_in_the_curriculum_is_told(course: sync.Course, capsys: pytest.CaptureFixture):
    write(course, notebook(), "Untitled")
    assert sync.main([], course) == 1
    assert "course: notebooks/Untitled.ipynb is not in the curriculum" in capsys.readouterr().out


# --- rules: each one holds for a good notebook and is broken by a bad one ---

PICTURE = {"image/png": "iVBORw0KGgo="}


def drawn(*outputs: NotebookNode, source: str = "draw()") -> NotebookNode:
    """A notebook of one cell with these outputs."""
    return notebook(new_code_cell(source, id="one", outputs=list(outputs), execution_count=1))


def picture(**alt: str) -> NotebookNode:
    """The output of a figure."""
    return new_output("display_data", PICTURE, metadata=alt)


def caption(text: str = "It falls.") -> NotebookNode:
    """The output of a figure's caption."""
    return new_output("display_data", {"text/markdown": text})


def printed(text: str) -> NotebookNode:
    """The output of `print`."""
    return new_output("stream", name="stdout", text=text)


GOOD_FIGURE = drawn(picture(alt="It falls."), caption())
BAD_FIGURES = {
    "no caption": drawn(picture(alt="It falls.")),
    "an empty caption": drawn(picture(alt="It falls."), caption(" ")),
    "a caption before it": drawn(caption(), picture(alt="It falls.")),
    "one caption for two": drawn(picture(alt="a"), picture(alt="b"), caption()),
    "no alt": drawn(picture(), caption()),
    "an empty alt": drawn(picture(alt=""), caption()),
}


@pytest.mark.parametrize("made", BAD_FIGURES.values(), ids=BAD_FIGURES)
def test_a_figure_without_a_caption_is_found(made: NotebookNode):
    assert list(rules.uncaptioned(GOOD_FIGURE)) == []
    assert len(list(rules.uncaptioned(made))) == 1


BAD_OUTPUTS = {
    "not executed": notebook(new_code_cell("x = 1")),
    "a stored error": drawn(new_output("error", ename="ValueError", evalue="x", traceback=[])),
    "somebody's home": drawn(printed("/home/anna/course/data")),
    "a Windows home": drawn(printed("C:\\Users\\Anna\\course")),
    "this checkout": drawn(printed(f"read {sync.ROOT / 'data'}")),
}


@pytest.mark.parametrize("made", BAD_OUTPUTS.values(), ids=BAD_OUTPUTS)
def test_an_unsound_output_is_found(made: NotebookNode):
    assert list(rules.unsound_outputs(drawn(printed("data/story.txt")))) == []
    assert len(list(rules.unsound_outputs(made))) == 1


def test_a_file_that_is_too_large_is_found():
    assert list(rules.too_large(drawn(printed("x")))) == []
    assert "more than 1,000,000" in next(rules.too_large(drawn(printed("x" * 1_000_000))))


def tagged(tag: str, source: str, *outputs: NotebookNode) -> NotebookNode:
    """A notebook of one cell with a tag."""
    return notebook(new_code_cell(source, metadata={"tags": [tag]}, outputs=list(outputs)))


BAD_TAGS = {
    "not compared, nothing asserted": tagged("nbval-ignore-output", "time()"),
    "skipped": tagged("nbval-skip", "assert True"),
    "misspelt": tagged("nbval-ignore-outputs", "assert True"),
    "may raise": tagged("raises-exception", "1 / 0"),
    "a comment": notebook("# NBVAL_IGNORE_OUTPUT\nassert True"),
}
GOOD_TAGS = [
    tagged("nbval-ignore-output", "%time\nassert time() > 0"),
    tagged("nbval-ignore-output", "torch.testing.assert_close(a, b)"),
    tagged("nbval-ignore-output", "draw()", picture()),
    tagged("setup", "import torch"),
]


@pytest.mark.parametrize("made", BAD_TAGS.values(), ids=BAD_TAGS)
def test_a_misused_tag_is_found(made: NotebookNode):
    assert [told for good in GOOD_TAGS for told in rules.misused_tags(good)] == []
    assert len(list(rules.misused_tags(made))) == 1


SAVED = "# course_utils/bpe.py\n"
BAD_SAVED = {
    "a helper": (notebook(f"{SAVED}def f(x):\n    return _helper(x)"), "uses _helper"),
    "a late import": (notebook(f"{SAVED}def f(x):\n    return re.split(x)", "import re"), "uses re"),
    "an import inside another": (
        notebook("def g():\n    import re", f"{SAVED}def f(x):\n    return re.split(x)"),
        "uses re",
    ),
    "a variable of the notebook": (notebook("size = 3", f"{SAVED}def f():\n    return size"), "uses size"),
    "an annotation": (notebook(f"{SAVED}def f(x: Tensor):\n    return x"), "uses Tensor"),
    "a decorator": (notebook(f"{SAVED}@dataclass\nclass F:\n    x: int"), "uses dataclass"),
    "a base": (notebook(f"{SAVED}class F(nn.Module):\n    x = 1"), "uses nn"),
    "too many lines": (notebook(f"{SAVED}def f():\n" + "    pass\n" * 60), "61 lines"),
    "a long docstring": (notebook(f'{SAVED}class F:\n    """{"x" + chr(10) * 6}    y"""'), "more than 6 lines"),
}
GOOD_SAVED = notebook(
    "import re\nfrom torch import nn",
    f"{SAVED}SIZE = 3",
    f"{SAVED}class F(nn.Module):\n    def g(self, x):\n        y = re.split(x)\n        return [len(z) for z in y]",
    f"{SAVED}def f(n: int = SIZE):\n    return f(n - 1) or F()",
)


@pytest.mark.parametrize(("made", "told"), BAD_SAVED.values(), ids=BAD_SAVED)
def test_a_saved_definition_that_cannot_stand_alone_is_found(made: NotebookNode, told: str):
    assert list(rules.unfit_saved(GOOD_SAVED)) == []
    found = list(rules.unfit_saved(made))
    assert len(found) == 1
    assert told in found[0]


USES = {
    "imported": "from course_utils.gpt import GPT",
    "renamed": "from course_utils.gpt import GPT as Model",
    "by its module": "from course_utils import gpt\ngpt.GPT",
    "by its module renamed": "from course_utils import gpt as g\ng.GPT",
    "inside a function": "def f():\n    from course_utils.gpt import GPT",
    "beside a magic": "%config x = 1\nfrom course_utils.gpt import GPT",
}


@pytest.mark.parametrize("source", USES.values(), ids=USES)
def test_a_borrowed_name_that_is_not_listed_is_found(source: str):
    table = (*TABLE[:2], replace(TABLE[2], borrows=("gpt.GPT",)), *TABLE[3:])
    told = "uses gpt.GPT, which notebook 10 builds: list it in `borrows` in curriculum.py"
    assert list(rules.unlisted_borrows(notebook(source), "02", table)) == []
    assert list(rules.unlisted_borrows(notebook(source), "10", table)) == []
    assert list(rules.unlisted_borrows(notebook(source), "03", table)) == [told]
    assert list(rules.unlisted_borrows(notebook(source), "A", table)) == [told]


def test_a_name_that_is_listed_as_borrowed_for_nothing_is_found():
    made = notebook("from course_utils.gpt import GPT")
    told = "borrows text.read in curriculum.py, but doesn't use it or needn't borrow it"
    assert list(rules.unlisted_borrows(made, "02", TABLE)) == [told]


def test_an_appendix_borrows_what_comes_after_the_notebook_before_it():
    made = notebook("from course_utils.text import read\nfrom course_utils.bpe import merge")
    assert list(rules.unlisted_borrows(made, "B", TABLE)) == []
    assert len(list(rules.unlisted_borrows(made, "A", TABLE))) == 2


def test_what_an_appendix_builds_is_borrowed_everywhere_else():
    made = notebook("from course_utils.gpt import more")
    assert list(rules.unlisted_borrows(made, "B", TABLE)) == []
    assert "which notebook B builds" in next(rules.unlisted_borrows(made, "10", TABLE))


def test_tools_that_no_notebook_builds_are_free():
    made = notebook("from course_utils import plots\nfrom course_utils.runtime import start\nplots.show()")
    assert list(rules.unlisted_borrows(made, "00", TABLE)) == []


HIDDEN = "%%time\nfrom course_utils.gpt import GPT"


@pytest.mark.parametrize(
    "source",
    ["import course_utils.gpt", "from course_utils.gpt import *", "from course_utils.gpt import _mask", HIDDEN],
)
def test_a_hidden_use_of_the_package_is_found(source: str):
    assert len(list(rules.hidden_uses(notebook(source)))) == 1
    assert list(rules.hidden_uses(notebook("from course_utils.gpt import GPT"))) == []


@pytest.mark.parametrize("again", [f"{SAVED}def merge(): ...", "def merge(): ..."])
def test_a_name_introduced_twice_is_found(again: str):
    first = notebook("def merge(): ...", f"{SAVED}def merge(): ...")
    assert list(rules.introduced_twice([("02", first), ("03", notebook("def other(): ..."))])) == []
    assert len(list(rules.introduced_twice([("02", first), ("03", notebook(again))]))) == 1


def test_a_saved_definition_in_another_notebook_than_planned_is_found():
    made = notebook(f"{SAVED}def merge(): ...")
    assert list(rules.misplaced_saved(made, "02", TABLE)) == []
    assert list(rules.misplaced_saved(made, "03", TABLE)) == ["builds merge; curriculum.py says that notebook 02 does"]
    unplanned = notebook("# course_utils/plots.py\ndef show(): ...")
    told = "builds show; curriculum.py has plots.show in no notebook's `builds`"
    assert list(rules.misplaced_saved(unplanned, "03", TABLE)) == [told]


def answered(*cells: tuple[str, str]) -> NotebookNode:
    """A notebook that asks for `double`; each other cell has a source and a tag, which folds it, or none."""
    return notebook(*(new_code_cell(source, metadata=folded(tag)) for source, tag in cells))


def folded(tag: str) -> dict:
    """The metadata of a cell that is folded for this reason, or of an open one."""
    return {"tags": [tag], "jupyter": {"source_hidden": True}} if tag else {}


def double(number: int) -> int:
    """The reference."""
    return 2 * number


DOUBLE = Exercise("99.1", "Double", "double", double, hints=(), probes=lambda chance: [(chance.randint(3, 99),)])
ASKED = ('def double(number):\n    raise NotImplementedError\n\n\ncheck("99.1", double)', "")
TWICE, HALF = "def twice(n):\n    return n + n", "def half(n):\n    return n / 2"
SPOILED = {
    "open": (answered(ASKED, (TWICE, "")), "twice passes exercise 99.1 and stands open below it"),
    "before": (answered((TWICE, ""), ASKED), "twice passes exercise 99.1 and stands before it"),
    "folded but before": (answered((TWICE, "answer"), ASKED), "before"),
    "an aside before": (answered((TWICE, "aside"), ASKED), "twice passes exercise 99.1 and stands before it"),
    "with a helper": (
        answered(ASKED, ("import operator", ""), ("def f(n):\n    return operator.mul(n, 2)", "")),
        "f passes exercise 99.1",
    ),
    "folded without a tag": (answered(ASKED, (HALF, "other")), "nothing else"),
}


@pytest.mark.parametrize(("made", "told"), SPOILED.values(), ids=SPOILED)
def test_an_answer_that_spoils_its_exercise_is_found(made: NotebookNode, told: str):
    assert list(rules.spoilers(answered(ASKED, (TWICE, "answer"), (HALF, "")), [DOUBLE])) == []
    assert list(rules.spoilers(answered((HALF, "aside"), ASKED, (TWICE, "answer-code")), [DOUBLE])) == []
    assert told in " ".join(rules.spoilers(made, [DOUBLE]))


def test_what_is_folded_in_jupyter_is_folded_on_colab():
    made = answered(ASKED, (TWICE, "answer"), (HALF, ""))
    made.cells[-1].metadata["cellView"] = "form"  # left over from when it was folded
    sync.clean(made)
    assert [cell.metadata.get("cellView") for cell in rules.code_cells(made)] == [None, "form", None]
