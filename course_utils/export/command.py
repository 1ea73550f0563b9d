"""`python -m course_utils export FOLDER` writes a model as a folder that other programs load, and says how.

  --from CHECKPOINT   base (the default), chat, or a file of your own that `train` or `save_checkpoint` wrote
  --chat              it answers: write the chat template too (left out, the model is asked one question to find out)
  --onnx              also as ONNX, for ONNX Runtime and transformers.js
  --web               the same, and in 8 bits, a third of the size, for a page of your own; and, in FOLDER/page, a page
                      in which the model talks as it is, ready for any static host
  --gguf              also as GGUF, for llama.cpp, Ollama and LM Studio

transformers needs no flag: the folder itself is what it loads. A folder that is there is written over. What can't go
along is told before anything is written.
"""

import argparse
from pathlib import Path
from typing import NoReturn

from course_utils.checkpoints import BASE, CHAT, Checkpoint, load_checkpoint, with_article
from course_utils.common import require
from course_utils.export.folder import check_pair, is_chat, save_folder
from course_utils.export.gguf_file import check_gguf, save_gguf
from course_utils.export.onnx_graph import check_installed, save_8_bit, save_onnx, save_onnx_without_past
from course_utils.gpt import GPT
from course_utils.pretrained import gpt_to_huggingface
from course_utils.tokenizers import END_OF_TEXT
from course_utils.web.build import build_model_page, check_folder

SHIPPED = {"base": BASE, "chat": CHAT}
OPENING = f"{END_OF_TEXT}Mara"  # in training, every tale came after an end of text

PIPELINE = """With transformers:

  from transformers import pipeline
  pipe = pipeline("text-generation", "{folder}")
  print(pipe({prompt}, do_sample=False)[0]["generated_text"])
"""
LLAMA = """With llama.cpp:

  llama-cli -m {folder}/model.gguf --temp 0 {how}

Its scores differ by up to 0.1, which rarely changes a token; with `-fa off -ctk f32 -ctv f32` by 0.01. On a processor
it looks GELU up in a table of 16-bit numbers, so closer isn't possible there.
"""
TALKS = """In a page, where the model talks without a network and without a server:

  open {folder}/page/index.html in a browser, or put the folder {folder}/page on any static host
"""
PAGE = """With transformers.js, in Node or a page:

  import {{ env, pipeline }} from "@huggingface/transformers";
  env.allowRemoteModels = false;
  env.localModelPath = "{parent}/";
  const pipe = await pipeline("text-generation", "{name}", {{ dtype: "{dtype}" }});
  console.log((await pipe({prompt}, {{ max_new_tokens: 200, do_sample: false }}))[0].generated_text);
"""


def main(arguments: list[str]) -> int:
    """Do what the command line asks for; what can't be done is told in a sentence."""
    try:
        asked = parse(arguments)
        print(export(asked.folder, asked.source, asked.chat, asked.onnx or asked.web, asked.web, asked.gguf))
    except (ValueError, OSError) as problem:
        print(problem)
        return 1
    return 0


class Parser(argparse.ArgumentParser):
    """A parser that tells what it doesn't understand as everything else here is told."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}\n\n{__doc__}")


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = Parser(prog="python -m course_utils export")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--from", dest="source", default="base")
    for flag in ("--chat", "--onnx", "--web", "--gguf"):
        parser.add_argument(flag, action="store_true")
    return parser.parse_args(arguments)


def export(
    folder: Path, source: str = "base", chat: bool = False, onnx: bool = False, web: bool = False, gguf: bool = False
) -> str:
    """Write a checkpoint in all forms that are asked for; return what was written and what to type next."""
    path = SHIPPED.get(source, source)
    found = load_checkpoint(path)
    check(found, folder, source, onnx, web, gguf)
    chat = chat or is_chat(found.model, found.tokenizer)
    files = save_folder(found.model, found.tokenizer, folder, chat)
    files += further_files(found, folder, chat, onnx, web, gguf)
    if web:
        build_model_page(path, folder / "page", chat)
        files.append("page")
    return "\n".join([written(folder, files, chat), *next_steps(folder, chat, onnx, web, gguf)])


def check(found: Checkpoint, folder: Path, source: str, onnx: bool, web: bool, gguf: bool) -> None:
    """Raise a `ValueError` for what can't be written, before anything is."""
    kind = with_article(type(found.model).__name__)
    require(isinstance(found.model, GPT), f"{source} holds {kind}; this takes a GPT or a Llama")
    check_pair(found.model, found.tokenizer)
    gpt_to_huggingface(found.model)  # which refuses all that a page would refuse, and more
    if onnx:
        check_installed()
    if web:
        check_folder(folder / "page")
    if gguf:
        check_gguf(found.model, found.tokenizer)


def further_files(found: Checkpoint, folder: Path, chat: bool, onnx: bool, web: bool, gguf: bool) -> list[str]:
    """Write what transformers doesn't need, and return the names."""
    files = []
    if onnx:
        save_onnx(found.model, folder / "onnx/model.onnx")
        save_onnx_without_past(found.model, folder / "onnx/without_past.onnx")
        files += ["onnx/model.onnx", "onnx/without_past.onnx"]
    if web:
        save_8_bit(folder / "onnx/model.onnx", folder / "onnx/model_quantized.onnx")
        files.append("onnx/model_quantized.onnx")
    if gguf:
        save_gguf(found.model, found.tokenizer, folder / "model.gguf", chat)
        files.append("model.gguf")
    return files


def written(folder: Path, files: list[str], chat: bool) -> str:
    """Say what is in the folder now."""
    sizes = [f"  {name:<26} {size_of(folder / name) / 1000:9,.1f} kB" for name in files]
    kind = "It ends its replies, so this is a chat model." if chat else "It tells; it has no chat template."
    return "\n".join([f"Written to {folder}:", "", *sizes, "", kind, ""])


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in (path.rglob("*") if path.is_dir() else (path,)) if file.is_file())


def next_steps(folder: Path, chat: bool, onnx: bool, web: bool, gguf: bool) -> list[str]:
    """Say what to type next, for each form that was written."""
    prompt = '[{ role: "user", content: "Who are you?" }]' if chat else f'"{OPENING}"'
    python = '[{"role": "user", "content": "Who are you?"}]' if chat else f'"{OPENING}"'
    place = {"folder": folder.as_posix(), "parent": folder.absolute().parent.as_posix(), "name": folder.absolute().name}
    steps = [PIPELINE.format(prompt=python, **place)]
    if web:
        steps.append(TALKS.format(**place))
    if onnx:
        steps.append(PAGE.format(prompt=prompt, dtype="q8" if web else "fp32", **place))
    if gguf:
        steps.append(LLAMA.format(how="--jinja" if chat else f'-no-cnv --special -p "{OPENING}"', **place))
    return steps
