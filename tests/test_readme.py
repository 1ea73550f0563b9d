"""README's own examples: what it shows a reader to type runs, and its figures are those that come out."""

import re
from pathlib import Path

import pytest

from course_utils import chat
from course_utils.bpe import gpt2_tokenizer
from course_utils.text import load_text
from course_utils.tools.sync import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.S)
SPANISH = re.search(r"```text\n(.*?)```", README, re.S)[1]
ARABIC = "كان يا ما كان في قديم الزمان بنت تحفظ البحر في زجاجة. كل صباح تفتحها قليلا فتفوح من البيت رائحة الملح."

SPANISH_CHAT = """\
12/3/26, 18:10 - Los mensajes y las llamadas están cifrados de extremo a extremo.
12/3/26, 18:10 - Lucía: ¿Vienes mañana?
12/3/26, 18:11 - Álvaro: Sí, a las nueve.
13/3/26, 9:02 - Lucía: <Multimedia omitido>
"""
ARABIC_CHAT = """\
[١٢\u200f/٣\u200f/٢٠٢٦، ٦:١٠:٠٥ م] ليلى: هل تأتي غدا؟
[١٣\u200f/٣\u200f/٢٠٢٦، ٩:١١:٠٠ ص] عمر: نعم، في التاسعة.
"""


def test_each_example_in_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    monkeypatch.chdir(tmp_path)
    Path("cuento.txt").write_text(SPANISH, encoding="utf-8")
    Path("Chat de WhatsApp con Lucía.txt").write_text(SPANISH_CHAT, encoding="utf-8")
    assert len(PYTHON) == 2
    for example in PYTHON:
        exec(example, {})
    assert "WhatsApp (Android), 4 lines" in capsys.readouterr().out


def test_the_figures_about_two_languages_are_right(tmp_path: Path):
    found = re.search(
        r"needs (\d+) tokens for those (\d+) characters of Spanish, and (\d+) tokens for (\d+)",
        " ".join(README.split()),
    )
    (tmp_path / "a.txt").write_text(SPANISH, encoding="utf-8")
    spanish = load_text(tmp_path / "a.txt").strip()
    counted = [len(gpt2_tokenizer().encode(spanish)), len(spanish), len(gpt2_tokenizer().encode(ARABIC)), len(ARABIC)]
    assert list(map(int, found.groups())) == counted


def test_a_chat_of_a_phone_in_arabic_is_read(tmp_path: Path):
    (tmp_path / "_chat.txt").write_text(ARABIC_CHAT, encoding="utf-8")
    said = [(one.sender, one.text, one.time.hour) for one in chat.read(tmp_path / "_chat.txt").messages]
    assert said == [("ليلى", "هل تأتي غدا؟", 18), ("عمر", "نعم، في التاسعة.", 9)]


def test_each_file_and_picture_that_it_links_to_is_there():
    linked = {path.partition("#")[0] for path in re.findall(r"\]\((?!http)([^)#][^)]*)\)", README)}
    assert len(linked) > 20
    assert [path for path in sorted(linked) if not (ROOT / path).exists()] == []
