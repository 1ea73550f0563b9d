"""The web edition: whole, without links that lead nowhere, without a network; and its model's numbers are Python's."""

import html
import json
import os
import random
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from torch.testing import assert_close

from course_utils import tales
from course_utils.bpe import BPETokenizer, gpt2_tokenizer, train_bpe
from course_utils.checkpoints import BASE, CHAT, Checkpoint, load_checkpoint, save_checkpoint
from course_utils.encoder_decoder import EncoderDecoder
from course_utils.evaluation import tell_tales
from course_utils.exercises import exercises
from course_utils.finetuning import replies
from course_utils.generation import GREEDY, Sampler, generate_tokens
from course_utils.gpt import GPT, GPTConfig
from course_utils.llama import LlamaConfig, make_model, share
from course_utils.positions import rotate
from course_utils.template import encode_chat, fit
from course_utils.tokenizers import CharTokenizer
from course_utils.tools.curriculum import NOTEBOOKS, find
from course_utils.web.build import ROOT, build_model_page, build_site, main
from course_utils.web.cells import notebook_body
from course_utils.web.live import PARTS
from course_utils.web.markdown import to_html
from course_utils.web.page import STATIC
from course_utils.web.reference import FINDINGS, FOLDER, citations, named_script, notebook_text, sources, table_rows

DRIVER = Path(__file__).parent / "web_driver.js"
FIRST = "Clara took her striped umbrella to the river one windy afternoon."


@dataclass
class Elements(HTMLParser):
    """What a page holds: its elements with their attributes, in order, and the words in each kind of element."""

    path: Path
    found: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def every(self, tag: str) -> list[dict[str, str]]:
        """The attributes of each element of one kind."""
        return [attributes for name, attributes in self.found if name == tag]

    def values(self, attribute: str) -> list[str]:
        """Each value of one attribute."""
        return [attributes[attribute] for _, attributes in self.found if attribute in attributes]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole web edition."""
    return build_site(tmp_path_factory.mktemp("web") / "site")


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[str, Elements]:
    """Each page of it by its file's name."""
    return {path.name: Elements(path) for path in sorted(site.glob("*.html"))}


# --- the pages ---


def dead_ends(site: Path, pages: dict[str, Elements]) -> list[str]:
    """A sentence for each link and each file that a page asks for and that isn't there."""
    found = []
    for name, page in pages.items():
        for address in [*page.values("href"), *page.values("src")]:
            file, _, anchor = address.partition("#")
            if address.startswith(("http:", "https:", "data:")):
                continue
            there = (site / (file or name)).is_file()
            if not there or (anchor and anchor not in pages[file or name].values("id")):
                found.append(f"{name}: {address}")
    return found


def test_every_notebook_is_a_page(pages: dict[str, Elements]):
    assert {f"{notebook.stem}.html" for notebook in NOTEBOOKS} < set(pages)


def test_every_link_leads_somewhere(site: Path, pages: dict[str, Elements]):
    assert dead_ends(site, pages) == []


def test_a_dead_end_is_found(tmp_path: Path):
    (tmp_path / "a.html").write_text('<a href="b.html"></a><a href="#x"></a><img src="c.png"><a href="https://d"></a>')
    found = dead_ends(tmp_path, {"a.html": Elements(tmp_path / "a.html")})
    assert found == ["a.html: b.html", "a.html: #x", "a.html: c.png"]


def test_pages_fetch_nothing_from_elsewhere(site: Path, pages: dict[str, Elements]):
    for page in pages.values():
        outside = [attributes["src"] for _, attributes in page.found if "//" in attributes.get("src", "")]
        assert outside == []
        assert [one["href"] for one in page.every("link") if "//" in one["href"]] == []
        # A script of this kind is refused from a plain folder.
        assert [one for one in page.every("script") if one.get("type") == "module"] == []
    for script in [*site.glob("static/*.js"), *site.glob("static/live/*.js"), *site.glob("static/**/*.css")]:
        assert not re.search(r"https?://|\bfetch\(|\bimport\(", script.read_text(encoding="utf-8")), script.name


def test_each_font_that_a_style_sheet_names_is_there(site: Path):
    named = {
        sheet.parent / address
        for sheet in site.glob("static/**/*.css")
        for address in re.findall(r"url\(([^)]+)\)", sheet.read_text(encoding="utf-8"))
    }
    assert len(named) >= 20
    assert [path for path in named if not path.is_file()] == []


def luminance(colour: str) -> float:
    """How bright a colour is (WCAG 2.2, relative luminance)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [":root", '[data-theme="dark"]'])
def test_the_colours_of_code_can_be_read(theme: str):
    style = (STATIC / "site.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", style.partition(f"{theme} {{")[2].partition("}")[0]))
    ground = luminance(colours["raised"])
    for name in ("keyword", "string", "comment", "number", "name", "ink"):
        bright, dark = sorted((luminance(colours[name]), ground), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, name


def test_ids_are_unique_on_each_page(pages: dict[str, Elements]):
    for name, page in pages.items():
        ids = page.values("id")
        assert len(set(ids)) == len(ids), name


def test_every_picture_has_its_caption_as_alternative_text(pages: dict[str, Elements]):
    for notebook in NOTEBOOKS:
        images = pages[f"{notebook.stem}.html"].every("img")
        path = ROOT / "notebooks" / f"{notebook.stem}.ipynb"
        outputs = [output for cell in nbformat.read(path, 4).cells for output in cell.get("outputs", [])]
        stored = [o.metadata["image/png"]["alt"] for o in outputs if "image/png" in o.get("data", {})]
        assert [image["alt"] for image in images] == stored
        assert all(len(words) >= 20 for words in stored)


def test_pages_are_in_one_row_from_first_to_last(site: Path, pages: dict[str, Elements]):
    name, seen = "index.html", ["index.html"]
    while following := [one["href"] for one in pages[name].every("a") if one.get("rel") == "next"]:
        assert [one["href"] for one in pages[following[0]].every("a") if one.get("rel") == "prev"] == [name]
        name = following[0]
        seen.append(name)
    assert sorted(seen) == sorted(pages)
    assert seen[1 : len(NOTEBOOKS) + 1] == [f"{notebook.stem}.html" for notebook in NOTEBOOKS]


def test_the_site_is_no_larger_than_a_host_takes(site: Path):
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    assert size < 60e6


def test_no_output_of_a_progress_bar_or_a_terminal_is_left(site: Path):
    for path in site.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert "\x1b" not in text
        assert not re.search(r"\d%\|", text), path.name


def test_the_search_knows_every_section(site: Path, pages: dict[str, Elements]):
    script = (site / "search_index.js").read_text(encoding="utf-8")
    sections = json.loads(script.removeprefix("window.SEARCH = ").rstrip(";\n"))
    for section in sections:
        file, _, anchor = section["address"].partition("#")
        assert anchor in pages[file].values("id")
    words = " ".join(section["text"] for section in sections)
    assert all(term in words for term in ("query", "softmax", "Muon", "min-p"))


def test_a_part_stands_in_the_notebooks_it_names(pages: dict[str, Elements]):
    for part in PARTS:
        for notebook in NOTEBOOKS:
            there = part.name in pages[f"{notebook.stem}.html"].values("data-part")
            assert there == (notebook.number in part.notebooks)
        assert part.name in pages["model.html"].values("data-part")


# --- Markdown and cells ---


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (r"$a_1$ and $b_2$", '<span class="math">a_1</span> and <span class="math">b_2</span>'),
        ("It costs $5 and $6.", "It costs $5 and $6."),
        ("`$x$`", "<code>$x$</code>"),
        ("$$\nx\n= y\n$$", '<span class="math display">x\n= y</span>'),
        ("so $$x < 1$$ holds", '<span class="math display">x &lt; 1</span> holds'),
        ("| a |\n| - |\n| `x\\|y` |", "<td><code>x|y</code></td>"),
        ("[2](02_byte_pair_encoding.ipynb#a)", 'href="02_byte_pair_encoding.html#a"'),
        ("[x](../findings/README.md), [y](../course_utils/bpe.py)", '<a href="surprises.html">x</a>, y<'),
        ("```python\nx = 1\n```", '<span class="n">x</span>'),
        ("<script>", "&lt;script&gt;"),
        ("| | b |\n| - | - |\n| 1 | 2 |", "<td></td>\n<th>b</th>"),
    ],
)
def test_markdown(text: str, holds: str):
    assert holds in to_html(text)


def stored(source: str, outputs: list, **metadata: object) -> str:
    """A notebook of one cell as the inside of a page."""
    cell = new_code_cell(source, outputs=outputs, metadata=metadata)
    return notebook_body(new_notebook(cells=[new_markdown_cell("# A\n## B\n## B"), cell]), "00").html


def test_an_answer_is_folded_with_what_it_prints():
    printed = [new_output("stream", text="forty-two")]
    folded = stored("f()", printed, jupyter={"source_hidden": True})
    assert re.search(r"<details>.*forty-two.*</details>$", folded, re.S)
    assert "<details>" not in stored("f()", printed)


@pytest.mark.parametrize(("tag", "summary"), [("answer-code", "Show the answer"), ("aside", "Show the code")])
def test_of_what_only_the_code_is_folded_the_output_stays_open(tag: str, summary: str):
    printed = [new_output("stream", text="forty-two")]
    folded = stored("f()", printed, jupyter={"source_hidden": True}, tags=[tag])
    assert re.search(rf"<details><summary>{summary}</summary>.*f.*</details>.*forty-two", folded, re.S)


def test_an_exercise_has_its_hints_and_a_solution_folded(pages: dict[str, Elements], site: Path):
    for notebook in NOTEBOOKS:
        text = (site / f"{notebook.stem}.html").read_text(encoding="utf-8")
        assert "Not started" not in text
        for exercise in exercises(notebook.number):
            assert text.count(f"Exercise {exercise.number} ·") == 1
    assert "<summary>A solution</summary>" in text


def test_equal_headings_have_anchors_of_their_own():
    assert re.findall(r'id="([^"]*)"', stored("", [])) == ["a", "b", "b-2"]


def test_outputs_are_escaped_and_without_colours_of_a_terminal():
    text = stored("", [new_output("stream", text="\x1b[31m<b>\x1b[0m one\rtwo\n")])
    assert ">two</pre>" in text
    assert "<b>" not in text


@pytest.mark.parametrize("text", ["Mara had a kite.\nBen saw it.", "tensor([1, 2])", "a  b\nc  d", "[[1],\n  [2]]"])
def test_printed_prose_wraps_and_printed_columns_scroll_by_keyboard_too(text: str):
    columns = "  " in text
    shown = stored("", [new_output("stream", text=text)])
    assert ("data-wraps" in shown, 'class="output" tabindex="0"' in shown) == (not columns, columns)


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture):
    (tmp_path / "thesis.txt").write_text("years of work")
    assert main(["--out", str(tmp_path), "--model", str(BASE)]) == 1
    assert "holds other files" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


# --- a page for a model of one's own ---


def small(folder: Path, form: type = GPTConfig, **sizes: object) -> tuple[Path, Checkpoint]:
    """A checkpoint of a tiny random model with a tokenizer of its own."""
    special = ("<|endoftext|>", "<|user|>", "<|assistant|>", "<|end|>", "<|pad|>")
    tokenizer = BPETokenizer(train_bpe("low lower lowest slow", 280, special), special)
    torch.manual_seed(1)
    heads = {"n_head": 4, "n_embd": 16} if form is LlamaConfig else {"n_head": 2, "n_embd": 12}
    model = make_model(form(tokenizer.vocab_size, 32, 2, **heads, **sizes))
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    save_checkpoint(folder / "own.safetensors", model, tokenizer)
    return folder / "own.safetensors", load_checkpoint(folder / "own.safetensors")


def test_a_model_of_ones_own_gets_a_page_by_itself(tmp_path: Path):
    path, _ = small(tmp_path)
    out = build_model_page(path, tmp_path / "page")
    pages = {"index.html": Elements(out / "index.html")}
    assert dead_ends(out, pages) == []
    assert set(pages["index.html"].values("data-model")) == {"model"}
    assert [page.name for page in out.glob("*.html")] == ["index.html"]


def test_only_a_model_that_answers_gets_a_chat_in_its_page(tmp_path: Path):
    for checkpoint, chat, asked in ((BASE, None, False), (CHAT, None, True), (BASE, True, True)):
        page = Elements(build_model_page(checkpoint, tmp_path / "page", chat) / "index.html")
        assert page.values("data-part") == [part.name for part in PARTS if asked or part.name != "chat"]
        assert ("static/live/chat.js" in page.values("src")) == asked


def test_a_model_whose_tokenizer_the_page_cannot_read_is_refused(tmp_path: Path):
    tokenizer = CharTokenizer.from_text("abc")
    save_checkpoint(tmp_path / "c.safetensors", GPT(GPTConfig(3, 8, 1, 1, 4)), tokenizer)
    with pytest.raises(ValueError, match="CharTokenizer; the page reads a BPETokenizer"):
        build_model_page(tmp_path / "c.safetensors", tmp_path / "page")


def test_what_the_page_cannot_compute_is_refused_in_words_and_nothing_is_written(tmp_path: Path):
    path, found = small(tmp_path, LlamaConfig, n_expert=3)
    with pytest.raises(ValueError, match=r"holds a Llama with n_expert=3; .* train one with n_expert=None"):
        build_model_page(path, tmp_path / "page")
    save_checkpoint(path, EncoderDecoder(GPTConfig(found.tokenizer.vocab_size, 8, 1, 1, 4)), found.tokenizer)
    with pytest.raises(ValueError, match="holds an EncoderDecoder; the page reads a GPT or a Llama"):
        build_model_page(path, tmp_path / "page")
    assert not (tmp_path / "page").exists()


# --- the reference: each table is held true by the notebooks ---

TEXTS = {notebook.number: notebook_text(notebook, "markdown") for notebook in NOTEBOOKS}
# Docstrings of copied definitions name sources too.
WHOLE = {notebook.number: notebook_text(notebook) for notebook in NOTEBOOKS}


def rows(name: str) -> list[list[str]]:
    """The rows of a table of the reference."""
    return table_rows((FOLDER / f"{name}.md").read_text(encoding="utf-8"))


# Terms that an earlier notebook mentions, with a word of what it is or where it comes: everything else waits.
MENTIONED = {
    "Adam": {"04", "07", "08"},
    "attention": {"01", "03", "04", "05"},
    "block": {"05", "09"},
    "byte pair encoding": {"01"},
    "cache": {"02", "05", "10", "11"},
    "causal": {"07"},
    "context": {"02"},
    "cross-entropy": {"03", "08"},
    "decoder": {"08"},
    "encoder": {"02"},
    "gradient": {"01", "02"},
    "head": {"02", "05", "07", "08"},
    "key": {"05", "06"},
    "LoRA": {"14"},
    "mask": {"01"},
    "query": {"05"},
    "score": {"03", "04", "05"},
    "supervised fine-tuning": {"13"},
    "temperature": {"11"},
    "value": {"04", "06"},
    "window": {"01", "02"},
}
NUMBERS = [notebook.number for notebook in NOTEBOOKS]


def read_before(number: str) -> list[str]:
    """The notebooks that one has read before another: 00 shows the whole game early, and appendices are for some."""
    own = find(number)
    end = NUMBERS.index(own.after) + 1 if own.after else NUMBERS.index(number)
    return [one.number for one in NOTEBOOKS[:end] if one.number != "00" and not one.after]


def uses(term: str, number: str) -> bool:
    """Whether a notebook's own text has a term, in singular or plural."""
    return re.search(rf"(?i)\b{re.escape(term)}s?\b", re.sub(r"[`*]", "", TEXTS[number])) is not None


@pytest.mark.parametrize(("term", "means", "number"), rows("glossary"))
def test_a_term_is_introduced_where_the_glossary_says_and_not_used_before(term: str, means: str, number: str):
    # Set apart from the text around it, or in a heading.
    apart = rf"(?im)\*{re.escape(term)}s?\*|^#.*\b{re.escape(term)}s?\b"
    assert re.search(apart, TEXTS[number].replace("`", "")), f"notebook {number} doesn't introduce {term}"
    before = {one for one in read_before(number) if uses(term, one)}
    new = before - MENTIONED.get(term, set())
    assert not new, f"{term} is used in {sorted(new)}, before {number}: explain it there in a clause, and list it above"
    assert means.endswith(".")


def test_no_term_stands_in_the_glossary_twice():
    terms = [row[0].lower() for row in rows("glossary")]
    assert len(set(terms)) == len(terms)


@pytest.mark.parametrize("number", NUMBERS)
def test_every_source_that_a_notebook_names_is_in_the_bibliography(number: str):
    known = set().union(*(sources(*row[:2]) for row in rows("bibliography")))
    # Years behind a word that is no name, and a format that has no paper.
    others = {("In", "2017"), ("ChatML", "2023"), ("Team", "2024")}  # the last is the Gemma Team
    missing = citations(WHOLE[number]) - known - others
    assert not missing, f"add a row to course_utils/web/reference/bibliography.md for {sorted(missing)}"


@pytest.mark.parametrize(("authors", "years", "title", "shows"), rows("bibliography"))
def test_every_source_of_the_bibliography_is_named_in_a_notebook(authors: str, years: str, title: str, shows: str):
    names = {name for name, _ in sources(authors, years)}
    texts = [text for text in WHOLE.values() if any(name in text for name in names)]
    assert any(year in text for text in texts for year in years.split(", "))
    assert shows.endswith(".")


@pytest.mark.parametrize(("symbol", "means", "number"), rows("notation"))
def test_a_symbol_is_used_where_the_notation_says(symbol: str, means: str, number: str):
    for one in re.findall(r"[`$]([^`$]+)[`$]", symbol):
        # In a formula spaces don't count.
        assert one.replace(" ", "") in TEXTS[number].replace(" ", ""), f"{one} in {number}"


def test_the_surprises_are_those_of_the_findings(site: Path):
    text = (site / "surprises.html").read_text(encoding="utf-8")
    rows_found = table_rows(FINDINGS.read_text(encoding="utf-8"))
    named = [named_script(row[0]) for row in rows_found]
    assert {script for _, script in named} == {path.name for path in FINDINGS.parent.glob("*.sh")}
    shown = {html.escape(title): script for title, script in named}
    assert [title for title, script in shown.items() if f"findings/{script}" not in text or title not in text] == []
    assert [row[3] for row in rows_found if f"<dd>{html.escape(row[3])}</dd>" not in text] == []  # versions, unchanged


def test_the_table_of_findings_has_no_border_within_code():
    # The page knows that a bar in code is none; GitHub takes it for one.
    for line in FINDINGS.read_text(encoding="utf-8").splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 6, line


# --- the model in the page: every number is Python's ---


def ask(folder: Path, question: str, driver: Path = DRIVER, more: dict[str, str] | None = None, **rest: object) -> Any:
    """What the page's own scripts answer, run by Node; or another driver, with more in its environment."""
    node = shutil.which("node")
    if not node:
        pytest.skip("Node is not installed: the page's scripts were not run")
    told = subprocess.run(
        [node, str(driver), str(folder)],
        env=os.environ | (more or {}),
        input=json.dumps({"ask": question} | rest),
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


@pytest.fixture(scope="session")
def base() -> Checkpoint:
    return load_checkpoint(BASE)


def odd_texts(count: int) -> list[str]:
    """Texts of tales, and of random characters of many scripts, white space and signs among them."""
    chance = random.Random(5)
    pools = ["abcdefg 'stll", " \n\t\r\x0b\x85\xa0\u2003\ufeff", "äßñéÅ", "日本語한국", "🙂👩\u200d🚀", "0123٣४"]
    pools += ["!?…—'’\"$", "אבג مرحبا"]
    lengths = [chance.randint(0, 40) for _ in range(count)]
    random_ones = ["".join(chance.choice(chance.choice(pools)) for _ in range(length)) for length in lengths]
    # Where the same pair stands twice in a row, it matters which one merges first.
    runs = [letter * length for letter in "aelmos =-" for length in (3, 5, 7, 12)]
    return [*random_ones, *runs, *tales.corpus()[: count // 2]]


@pytest.mark.parametrize("name", ["base", "gpt2"])
def test_the_page_gives_the_same_ids(site: Path, base: Checkpoint, name: str):
    tokenizer = base.tokenizer if name == "base" else gpt2_tokenizer()
    texts = odd_texts(2000 if name == "base" else 400)
    ids = [tokenizer.encode(text, disallowed_special=()) for text in texts]
    assert ask(site, "encode", name=name, texts=texts) == ids
    chance = random.Random(6)
    scrambled = [[chance.randrange(tokenizer.vocab_size) for _ in range(6)] for _ in range(300)]
    scrambled.append(tokenizer.encode("\ufeffa byte order mark first"))
    assert ask(site, "decode", name=name, rows=scrambled) == [tokenizer.decode(row) for row in scrambled]


def test_each_merge_makes_one_token_less(site: Path):
    counts = ask(site, "steps", name="base", piece=" umbrella")
    assert counts == list(range(9, counts[-1] - 1, -1))


def python_logits(checkpoint: Checkpoint, ids: list[int]) -> list[float]:
    """The scores after a text."""
    with torch.inference_mode():
        return checkpoint.model(torch.tensor([ids]))[0, -1].tolist()


FORMS = [
    *({}, {"positions": "rotary"}, {"tied": False}),
    {"form": LlamaConfig},
    {"form": LlamaConfig, "n_kv_head": 2, "tied": True},
    {"form": LlamaConfig, "n_kv_head": 1, "window": 5},
    {"form": LlamaConfig, "n_kv_head": 2, "qk_norm": True, "n_hidden": 11},
    {"form": LlamaConfig, "mlp": "relu2"},
    {"form": LlamaConfig, "mlp": "gelu", "norm": "layer", "bias": True, "qk_norm": True},
    {"form": LlamaConfig, "soft_cap": 2.0},
    {"form": LlamaConfig, "value_residual": True, "n_kv_head": 2, "window": 7, "soft_cap": 9.0, "qk_norm": True},
]


@pytest.mark.parametrize("sizes", FORMS, ids=str)
def test_the_page_gives_the_same_scores_for_each_form_of_model(tmp_path: Path, sizes: dict):
    path, checkpoint = small(tmp_path, **sizes)
    out = build_model_page(path, tmp_path / "page")
    ids = list(range(100, 132))
    found = torch.tensor(ask(out, "logits", name="model", ids=ids))
    assert_close(found, torch.tensor(python_logits(checkpoint, ids)), atol=1e-4, rtol=1e-4)


def test_the_page_goes_on_as_a_llama_does_and_shows_its_attention(tmp_path: Path):
    path, checkpoint = small(tmp_path, LlamaConfig, n_kv_head=2, window=6, qk_norm=True)
    out, model = build_model_page(path, tmp_path / "page"), checkpoint.model
    for prompt in ([107, 111], [100, 115, 32, 119, 101, 108, 111, 119]):
        told = ask(out, "generate", name="model", prompt=prompt, stops=[], most=32 - len(prompt))
        assert told == generate_tokens(model, [prompt], 32 - len(prompt))[0]
        assert len(set(told)) > 3
    ids, given = list(range(100, 112)), []
    hook = model.blocks[0].attn.register_forward_pre_hook(lambda layer, inputs: given.append(inputs))
    python_logits(checkpoint, ids)
    hook.remove()
    (x, context), attn = given[0], model.blocks[0].attn
    with torch.inference_mode():
        q = attn.q_norm(attn.query(x).view(12, 4, 4).transpose(0, 1))
        k = attn.k_norm(attn.kv(x).view(12, 2, 2, 4)[:, 0].transpose(0, 1))
        q, k = (rotate(one[None], context.cos, context.sin) for one in (q, k))
        scores = q @ share(k, 4).transpose(-2, -1) / 2
    weights = scores.masked_fill(~context.mask, -torch.inf).softmax(-1)[0]
    found = ask(out, "attention", name="model", ids=ids)[0]
    rows = torch.tensor([[row + [0.0] * (12 - len(row)) for row in head] for head in found])
    assert_close(rows, weights, atol=1e-5, rtol=0)


def test_the_page_gives_the_same_scores_for_a_tale(site: Path, base: Checkpoint):
    ids = base.tokenizer.encode(f"<|endoftext|>{tales.corpus()[3]}", allowed_special="all")
    found = torch.tensor(ask(site, "logits", name="base", ids=ids))
    assert_close(found, torch.tensor(python_logits(base, ids)), atol=1e-3, rtol=0)


def test_the_page_tells_the_same_greedy_tale(site: Path, base: Checkpoint):
    stop = base.tokenizer.special_tokens["<|endoftext|>"]
    prompt = [stop, *base.tokenizer.encode(FIRST)]
    told = ask(site, "generate", name="base", prompt=prompt, stops=[stop])
    tale = tell_tales(base.model, base.tokenizer, [FIRST], GREEDY)[0]
    assert len(told) > 20
    assert FIRST + base.tokenizer.decode(told) == tale


def test_the_page_gives_the_same_attention(site: Path, base: Checkpoint):
    ids = base.tokenizer.encode("Clara gave the kite to Ben.")
    found, read = ask(site, "attention", name="base", ids=ids), []
    hooks = [block.attn.qkv.register_forward_hook(lambda _, x, out: read.append(out[0])) for block in base.model.blocks]
    python_logits(base, ids)
    for hook in hooks:
        hook.remove()
    for qkv, heads in zip(read, found, strict=True):
        q, k, _ = qkv.view(len(ids), 3, 4, 32).permute(1, 2, 0, 3)
        hidden = torch.ones(len(ids), len(ids)).triu(1).bool()
        weights = (q @ k.transpose(-2, -1) / 32**0.5).masked_fill(hidden, -torch.inf).softmax(-1)
        rows = torch.tensor([[row + [0.0] * (len(ids) - len(row)) for row in head] for head in heads])
        assert_close(rows, weights, atol=1e-5, rtol=0)


def test_the_page_filters_as_python_does(site: Path):
    chance = random.Random(7)
    rows = [[chance.gauss(0, 3) for _ in range(50)] for _ in range(60)]
    settings = [
        {
            "temperature": chance.choice([0.3, 1, 1.7]),
            "top_k": chance.choice([None, 1, 5, 90]),
            "top_p": chance.choice([None, 0.2, 0.9, 1]),
            "min_p": chance.choice([None, 0.05, 0.5]),
        }
        for _ in rows
    ]
    kept = [
        (Sampler(**one).filter(torch.tensor([row], dtype=torch.float64))[0] > -torch.inf).tolist()
        for row, one in zip(rows, settings, strict=True)
    ]
    names = {"temperature": "temperature", "top_k": "topK", "top_p": "topP", "min_p": "minP"}
    asked = [{names[key]: value for key, value in one.items() if value is not None} for one in settings]
    assert ask(site, "filter", rows=rows, settings=asked) == kept
    greedy = ask(site, "filter", rows=rows, settings=[{"temperature": 0}] * len(rows))
    assert [row.index(True) for row in greedy] == [max(range(50), key=row.__getitem__) for row in rows]


def test_the_page_draws_each_token_as_often_as_its_probability_says(site: Path):
    points = [i / 1000 for i in range(1000)]
    drawn = ask(site, "draw", probabilities=[0.5, 0, 0.3, 0.2], points=points)
    assert [drawn.count(i) for i in range(4)] == [500, 0, 300, 200]


def test_the_page_cuts_the_same_windows(site: Path):
    from course_utils.windows import SlidingWindowDataset

    cases = [(count, length, stride) for count in (6, 9, 20) for length in (1, 4, 5) for stride in (1, 3, 5)]
    for case, starts in zip(cases, ask(site, "windows", cases=cases), strict=True):
        windows = SlidingWindowDataset(list(range(case[0])), *case[1:])
        assert [int(windows[i][0][0]) for i in range(len(windows))] == starts


def test_the_page_answers_as_the_chat_model_does(site: Path):
    chat = load_checkpoint(CHAT)
    told = [
        {"role": "user", "content": f"{tales.corpus()[4]} Who spoke first?"},
        {"role": "assistant", "content": "Me."},
    ]
    twice = {"role": "user", "content": "And then?"}
    messages = [told[0], twice, *told, {"role": "user", "content": f"{tales.corpus()[5]} Where was everybody?"}]
    for room in (196, 300, 400):
        ids = encode_chat(chat.tokenizer, fit(chat.tokenizer, messages, room), prompt=True)
        assert ask(site, "chat", name="chat", messages=messages, room=room) == ids
    stops = [chat.tokenizer.special_tokens[name] for name in ("<|end|>", "<|endoftext|>")]
    prompt = encode_chat(chat.tokenizer, messages[-1:], prompt=True)
    found = ask(site, "generate", name="chat", prompt=prompt, stops=stops, most=60)
    assert chat.tokenizer.decode(found) == replies(chat.model, chat.tokenizer, [messages[-1:]])[0]


# --- in a real browser, where there is one ---

BROWSER = Path(__file__).parent / "web_browser.js"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def browse(folder: Path, question: str, **rest: object) -> Any:
    """What Chromium finds in the pages of a folder, without a network; `.ci/run` says how it is installed."""
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    tools = os.environ.get("COURSE_BROWSER", "")
    if not program or not Path(tools, "node_modules", "playwright-core").is_dir():
        pytest.skip("no page was opened: that takes Chromium, and COURSE_BROWSER with playwright-core and axe-core")
    return ask(folder, question, BROWSER, {"COURSE_CHROMIUM": program}, **rest)


@pytest.mark.slow
def test_each_page_is_narrow_accessible_and_without_an_error_in_both_themes(site: Path, pages: dict[str, Elements]):
    found = browse(site, "pages", width=400)
    assert set(found) == set(pages)
    right = {"troubles": [], "sideways": 0, "formulas": 0, "themes": ["light", "dark"], "light": [], "dark": []}
    assert {name: page for name, page in found.items() if page != right} == {}


@pytest.mark.slow
def test_what_is_wrong_with_a_page_is_found(tmp_path: Path):
    text = '<html lang=en><title>a</title><body><button id=theme>b</button><p style="color:#aaa">pale</p>'
    text += '<img src="no.png"><main class=live data-ready><p class=math>x<pre style="width:900px">y</pre></main>'
    text += "<script>z()</script>"
    (tmp_path / "a.html").write_text(text)
    page = browse(tmp_path, "pages", width=400)["a.html"]
    assert page["sideways"] >= 500
    assert page["formulas"] == 1
    assert any("z is not defined" in one for one in page["troubles"])
    assert any("no.png" in one for one in page["troubles"])
    assert any(one.startswith("image-alt") for one in page["light"])
    assert all(one.startswith("color-contrast") for one in page["dark"])
    assert page["dark"]


@pytest.mark.slow
def test_the_tab_key_reaches_each_control_of_each_live_part(site: Path):
    found = browse(site, "tab")
    assert len(found["parts"]) == len(PARTS)
    assert min(found["parts"]) >= 3
    assert found["reached"] == list(range(sum(found["parts"])))
    assert found["troubles"] == []


@pytest.mark.slow
def test_the_page_tells_and_answers_by_keyboard_alone(site: Path, base: Checkpoint):
    found = browse(site, "talk")
    tale = tell_tales(base.model, base.tokenizer, [FIRST], GREEDY)[0]
    assert FIRST + base.tokenizer.decode(found["ids"]) == tale
    assert "Ben has the umbrella" in found["replies"][1]
    assert found["troubles"] == []


@pytest.mark.slow
def test_a_page_opens_at_its_beginning_with_its_entry_in_sight(site: Path):
    found = browse(site, "beginning", name="teaching.html")
    assert found["scrolled"] == 0
    assert 0 < found["entry"] < 900
    assert found["troubles"] == []


@pytest.mark.slow
@pytest.mark.parametrize(("width", "opens"), [(400, True), (1280, False)])
def test_a_picture_that_is_drawn_small_opens_by_itself(site: Path, width: int, opens: bool):
    name = "03_sliding_window_sampling.html"
    found = browse(site, "picture", name=name, width=width)
    assert (found["address"] != name) == opens
    assert found["address"].endswith(".png" if opens else ".html")
    assert found["troubles"] == []


@pytest.mark.slow
def test_the_blank_that_a_token_begins_with_is_seen(site: Path):
    found = browse(site, "blanks", name="02_byte_pair_encoding.html")
    assert " dog" in found["widths"]
    assert min(found["widths"].values()) > 3
    assert found["troubles"] == []


@pytest.mark.slow
def test_search_finds_a_section_and_leads_there(site: Path):
    found = browse(site, "search", words="sliding window")
    assert found["address"].startswith("03_sliding_window_sampling.html#")
    assert found["troubles"] == []
