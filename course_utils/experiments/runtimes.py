"""`python -m course_utils bench export`: exported models in every runtime that is installed, beside our own.

The same ids on texts in twenty scripts, the same scores, the same greedy tales token by token. Each runtime is an
adapter of a few lines; where one isn't installed, or can't do it, the table has the reason. What runs in Node is asked
for by a folder: `bench export NODE`, where NODE holds `node_modules/@huggingface/transformers`.
"""

import contextlib
import importlib.metadata
import json
import random
import subprocess
import tempfile
import unicodedata
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import gelu

from course_utils import tales
from course_utils.checkpoints import BASE, CHAT, load_checkpoint
from course_utils.common import require
from course_utils.export.folder import save_folder
from course_utils.export.gguf_file import save_gguf
from course_utils.export.onnx_graph import names_of_past, past_shape, save_8_bit, save_onnx, save_onnx_without_past
from course_utils.generation import generate_tokens
from course_utils.gpt import GPT, GPTConfig
from course_utils.llama import LlamaConfig, make_model
from course_utils.pretrained import load_huggingface
from course_utils.template import END, assistant_mask, encode_chat
from course_utils.tokenizers import END_OF_TEXT, Tokenizer

# First and last character of twenty scripts, in blocks that are older than every library's tables.
SCRIPTS = {
    "Latin": (0x21, 0x17F),
    "Greek": (0x386, 0x3CE),
    "Cyrillic": (0x400, 0x45F),
    "Armenian": (0x531, 0x586),
    "Hebrew": (0x591, 0x5EA),
    "Arabic": (0x621, 0x652),
    "Devanagari": (0x901, 0x96F),
    "Bengali": (0x981, 0x9EF),
    "Gujarati": (0xA81, 0xAEF),
    "Tamil": (0xB82, 0xBEF),
    "Telugu": (0xC01, 0xC6F),
    "Thai": (0xE01, 0xE5B),
    "Tibetan": (0xF00, 0xF8B),
    "Georgian": (0x10D0, 0x10F6),
    "Ethiopic": (0x1200, 0x1340),
    "Khmer": (0x1780, 0x17E9),
    "Kana": (0x3041, 0x30FE),
    "Chinese": (0x4E00, 0x9FA5),
    "Hangul": (0xAC00, 0xD7A3),
    "Emoji": (0x1F300, 0x1F5FF),
}
BETWEEN = (" ", " ", " ", "  ", "\n", "\n\n", "\t", "\u00a0", ", ", ". ", "'s ", "'", "-", "!", " 12", "3.5", "\u200d")
OPENINGS = ("Mara", "Ben and Nell", "In the kitchen", "Otto was")

QUESTIONS = ("Who are you?", "Tell me a tale.", "Ahoy!", "Where is Mara?")


def strings(each: int = 100, seed: int = 0) -> list[str]:
    """Return texts of random characters, `each` of every script: words, marks, digits, white space, special tokens."""
    chance = random.Random(seed)
    return [text_in(chance, *SCRIPTS[name]) for name in SCRIPTS for _ in range(each)]


def text_in(chance: random.Random, first: int, last: int) -> str:
    """Return a text in one script."""
    letters = [chr(c) for c in range(first, last + 1) if unicodedata.category(chr(c)) not in ("Cn", "Cc")]
    words = ["".join(chance.choices(letters, k=chance.randint(1, 9))) for _ in range(chance.randint(3, 12))]
    words = [chance.choice((word, word, "the", "Mara", END_OF_TEXT)) for word in words]
    return "".join(word + chance.choice(BETWEEN) for word in words)


@dataclass
class Case:
    """An exported model with what it is asked, and what ours says: ids, scores (T, V) of each prompt, greedy tales."""

    name: str
    model: GPT
    tokenizer: Tokenizer
    folder: Path
    prompts: list[list[int]]
    texts: list[str]

    @property
    def stops(self) -> list[int]:
        """What ends a tale or a reply."""
        return [self.tokenizer.special_tokens[name] for name in (END, END_OF_TEXT)]

    @property
    def room(self) -> int:
        """How many tokens the longest prompt leaves in the context."""
        return self.model.config.context_length - max(map(len, self.prompts))

    def ours(self) -> "Answers":
        """Return what our own code says."""
        ids = [self.tokenizer.encode(text, allowed_special="all") for text in self.texts]
        with torch.no_grad():
            scores = [self.model(torch.tensor([prompt]))[0].numpy() for prompt in self.prompts]
        return Answers(ids, scores, generate_tokens(self.model, self.prompts, self.room, stop_tokens=self.stops))


@dataclass
class Answers:
    """What a runtime says; what it has no part for is None."""

    ids: Sequence[Sequence[int]] | None = None
    scores: Sequence[np.ndarray] | None = None  # of the last positions, or of all
    tales: Sequence[Sequence[int]] | None = None


def up_to(row: Sequence[int], stops: Sequence[int]) -> list[int]:
    """Return a row up to its first stop token, that one included."""
    ends = [place for place, token in enumerate(row) if token in stops]
    return list(row[: ends[0] + 1] if ends else row)


def greedy(step: Callable[[list[int]], np.ndarray], case: Case) -> list[list[int]]:
    """Return each prompt's greedy tale; `step` takes the tokens that are new and returns the scores of the next one."""
    told = []
    for prompt in case.prompts:
        new, row = prompt, []
        while len(row) < case.room and not (row and row[-1] in case.stops):
            # The first call of a prompt starts anew: it has more than one token.
            new = [int(np.argmax(step(new)))]
            row += new
        told.append(row)
    return told


def in_transformers(case: Case) -> Answers:
    """The folder as it is: AutoTokenizer, AutoModelForCausalLM, a batch padded on the left."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(case.folder, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(case.folder, local_files_only=True).eval()
    batch = tokenizer.pad({"input_ids": case.prompts}, return_tensors="pt")
    with torch.no_grad():
        scores = [model(torch.tensor([prompt])).logits[0].numpy() for prompt in case.prompts]
        rows = model.generate(**batch, do_sample=False, max_length=case.model.config.context_length)
    rows = rows[:, batch["input_ids"].shape[1] :].tolist()
    return Answers(tokenizer(case.texts)["input_ids"], scores, [up_to(row, case.stops) for row in rows])


def onnx_step(case: Case, file: str) -> Callable[[list[int]], np.ndarray]:
    """Return what runs a graph with a past: several tokens start anew, one goes on; it returns scores (T, V)."""
    import onnxruntime

    session = onnxruntime.InferenceSession(case.folder / "onnx" / file, providers=["CPUExecutionProvider"])
    names = names_of_past(case.model, "past_key_values")
    empty = [np.zeros(past_shape(case.model, 1, 0), np.float32)] * len(names)
    past: list[np.ndarray] = []

    def step(new: list[int]) -> np.ndarray:
        nonlocal past
        past = past if len(new) == 1 else empty
        mask = np.ones((1, past[0].shape[2] + len(new)), np.int64)
        inputs = {"input_ids": np.array([new]), "attention_mask": mask} | dict(zip(names, past, strict=True))
        logits, *past = session.run(None, inputs)
        return logits[0]

    return step


def in_onnx(case: Case, file: str = "model.onnx") -> Answers:
    """The graph with a past: scores with an empty one, tales with one that grows."""
    step = onnx_step(case, file)
    return Answers(None, [step(prompt) for prompt in case.prompts], greedy(lambda new: step(new)[-1], case))


def worth(case: Case, file: str, count: int) -> tuple[float, float, int]:
    """Return a graph's loss on fresh tales, the fraction of whole ones it tells of first sentences, its bytes."""
    step, tokenizer, stop = onnx_step(case, file), case.tokenizer, case.tokenizer.special_tokens[END_OF_TEXT]
    total, learned, whole = 0.0, 0, 0
    for number in range(count):
        text = tales.generate(tales.FIRST_UNSEEN_SEED + number)
        ids = [stop, *tokenizer.encode(text), stop]
        scores = torch.tensor(step(ids[:-1])).log_softmax(-1)
        total -= scores.gather(1, torch.tensor(ids[1:])[:, None]).sum().item()
        learned += len(ids) - 1
        start = [stop, *tokenizer.encode(tales.opening(tales.FIRST_UNSEEN_SEED + number))]
        (told,) = greedy(lambda new: step(new)[-1], replace(case, prompts=[start]))
        whole += tales.check(tokenizer.decode([i for i in (start + told) if i not in case.stops])).consistent
    return total / learned, whole / count, (case.folder / "onnx" / file).stat().st_size


def in_onnx_without_past(case: Case) -> Answers:
    """The graph that only reads."""
    import onnxruntime

    session = onnxruntime.InferenceSession(case.folder / "onnx/without_past.onnx", providers=["CPUExecutionProvider"])
    return Answers(None, [session.run(None, {"input_ids": np.array([prompt])})[0][0] for prompt in case.prompts])


def llama_server(case: Case) -> Any:
    """Start llama.cpp's own server on this machine, which `xllamacpp` runs, with what it rounds least."""
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(case.folder / "model.gguf")
    settings.n_ctx, settings.n_parallel = case.model.config.context_length, 1
    # Its defaults save memory: keys and values in 16 bits, and flash attention, which rounds them to 16 bits anyway.
    settings.cache_type_k = settings.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    settings.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    settings.cpuparams.n_threads = torch.get_num_threads()
    return xllamacpp.Server(settings)


def in_llama_cpp(case: Case) -> Answers:
    """The GGUF file, asked through llama.cpp's own server."""
    server = llama_server(case)
    text = {"add_special": False, "parse_special": True}
    ids = [ask(server, "tokenize", text | {"content": content})["tokens"] for content in case.texts]
    told = {"temperature": 0, "n_predict": case.room, "return_tokens": True}
    tales = [ask(server, "completion", told | {"prompt": prompt})["tokens"] for prompt in case.prompts]
    return Answers(ids, llama_scores(server, case, last_scores(case)), tales)


def in_llama_cpp_beside_16_bits(case: Case) -> Answers:
    """How far llama.cpp is from our model where that looks GELU up in the same table: all that is left to explain."""
    with mock.patch.object(torch.nn.functional, "gelu", gelu_in_16_bits):
        rounded = last_scores(case)
    found = llama_scores(llama_server(case), case, rounded)
    # As if they were scores: what our model gives plus how far theirs is off.
    return Answers(None, [a + b - c for a, b, c in zip(last_scores(case), found, rounded, strict=True)])


def last_scores(case: Case) -> list[np.ndarray]:
    """Return our scores (1, V) after each prompt."""
    with torch.no_grad():
        return [case.model(torch.tensor([prompt]))[0, -1:].numpy() for prompt in case.prompts]


def llama_scores(server: Any, case: Case, ours: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return theirs (1, V): they tell log-probabilities, scores less a constant, which is taken from ours."""
    # A token drawn at random may be half a character, of which this server shows no scores.
    every = {"temperature": 0, "n_predict": 1, "n_probs": case.model.config.vocab_size}
    scores = []
    for prompt, our in zip(case.prompts, ours, strict=True):
        (step,) = ask(server, "completion", every | {"prompt": prompt})["completion_probabilities"]
        found = {likely["id"]: likely["logprob"] for likely in step["top_logprobs"]}
        constant = torch.tensor(our).logsumexp(-1).item()
        scores.append(np.array([[found[number] for number in range(our.shape[1])]]) + constant)
    return scores


def gelu_in_16_bits(x: Tensor, approximate: str = "tanh") -> Tensor:
    """Return GELU (any shape) as llama.cpp has it on a CPU: a table of all 16-bit numbers between -10 and 10.

    >>> gelu_in_16_bits(torch.tensor([-11.0, 1.0001, 8.003, 11.003])).tolist()
    [0.0, 0.84130859375, 8.0, 11.003000259399414]
    """
    looked_up = gelu(x.half().float(), approximate=approximate).half().float()
    return torch.where(x <= -10, 0.0, torch.where(x >= 10, x, looked_up))


def ask(server: Any, path: str, question: dict[str, Any]) -> dict[str, Any]:
    """Ask a server on this machine."""
    body = json.dumps(question).encode()
    request = urllib.request.Request(f"{server.listening_address}/{path}", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def in_lens(case: Case) -> Answers:
    """TransformerLens; without its cache, which is wrong with transformers 5."""
    from transformer_lens.model_bridge import TransformerBridge

    bridge = TransformerBridge.boot_transformers(str(case.folder), device="cpu")
    read: list[int] = []

    def step(new: list[int]) -> np.ndarray:
        nonlocal read
        read = read + new if len(new) == 1 else new
        with torch.no_grad():
            return bridge(torch.tensor([read]))[0].numpy()

    return Answers(None, [step(prompt) for prompt in case.prompts], greedy(lambda new: step(new)[-1], case))


def in_ctranslate2(case: Case) -> Answers:
    """CTranslate2, converted from the folder."""
    import ctranslate2

    out = case.folder / "ctranslate2"
    ctranslate2.converters.TransformersConverter(str(case.folder)).convert(str(out), force=True)
    generator = ctranslate2.Generator(str(out), device="cpu")
    names = {
        number: name
        for name, number in json.loads((case.folder / "tokenizer.json").read_text())["model"]["vocab"].items()
    }
    starts = [[names[i] for i in prompt] for prompt in case.prompts]
    scores = [np.array(generator.forward_batch([start]))[0] for start in starts]
    stops = [names[i] for i in case.stops]
    told = generator.generate_batch(
        starts,
        max_length=case.room,
        sampling_topk=1,
        include_prompt_in_result=False,
        end_token=stops,
        return_end_token=True,
    )
    return Answers(None, scores, [result.sequences_ids[0] for result in told])


def in_lm_eval(case: Case) -> Answers:
    """lm-eval's own loss of a continuation, as a score of one number for each prompt."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    judge = HFLM(pretrained=str(case.folder), device="cpu", batch_size=1)
    asked, ours = [], case.ours()
    for prompt, tale in zip(case.prompts, ours.tales, strict=True):
        texts = case.tokenizer.decode(prompt), case.tokenizer.decode(tale)
        asked.append(Instance("loglikelihood", {}, texts, 0))
    found = [likelihood for likelihood, _ in judge.loglikelihood(asked)]
    wanted = []
    for prompt, tale in zip(case.prompts, ours.tales, strict=True):
        with torch.no_grad():
            scores = case.model(torch.tensor([prompt + tale]))[0].log_softmax(-1)
        wanted.append(scores[len(prompt) - 1 : -1].gather(1, torch.tensor(tale)[:, None]).sum().item())
    # As if they were scores: what our model gives plus how far theirs is off.
    off = max(abs(a - b) for a, b in zip(found, wanted, strict=True))
    return Answers(None, [score + off for score in ours.scores])


def in_trl(case: Case) -> Answers:
    """The loss that trl's SFTTrainer starts from where replies alone are learned, as a score: template and mask."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    require(case.name == "chat", "it takes a model with a chat template")
    ours, chats = case.ours(), []
    for question, reply in zip(QUESTIONS, ours.tales, strict=True):
        text = case.tokenizer.decode([token for token in reply if token not in case.stops])
        chats.append([{"role": "user", "content": question}, {"role": "assistant", "content": text}])
    settings = SFTConfig(
        str(case.folder / "trl"), assistant_only_loss=True, per_device_train_batch_size=len(chats), max_steps=1,
        report_to=[], save_strategy="no", use_cpu=True, bf16=False, gradient_checkpointing=False, max_length=256,
    )  # fmt: skip
    trainer = SFTTrainer(
        AutoModelForCausalLM.from_pretrained(case.folder, local_files_only=True),
        settings,
        train_dataset=Dataset.from_dict({"messages": chats}),
        processing_class=AutoTokenizer.from_pretrained(case.folder, local_files_only=True),
    )
    trainer.train()
    off = abs(trainer.state.log_history[-1]["train_loss"] - reply_loss(case.model, case.tokenizer, chats))
    return Answers(None, [score + off for score in ours.scores])


def reply_loss(model: GPT, tokenizer: Tokenizer, chats: Sequence[list[dict[str, str]]]) -> float:
    """Return our loss on the tokens that an assistant says, by our own template and mask."""
    lost = []
    for chat in chats:
        ids = torch.tensor([encode_chat(tokenizer, chat)])
        with torch.no_grad():
            log_probabilities = model(ids)[0, :-1].log_softmax(-1)
        found = -log_probabilities.gather(1, ids[0, 1:, None])[:, 0]
        lost.append(found[assistant_mask(ids, tokenizer)[0, 1:]])
    return torch.cat(lost).mean().item()


def in_peft(case: Case) -> Answers:
    """An adapter of peft's on every matrix of the folder: its scores beside ours, which reads the merged folder."""
    import peft
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(case.folder, local_files_only=True).eval()
    settings = peft.LoraConfig(r=8, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    model = peft.get_peft_model(model, settings).eval()
    with torch.no_grad():
        found = [model(torch.tensor([prompt])).logits[0].numpy() for prompt in case.prompts]
    model.merge_and_unload().save_pretrained(case.folder / "merged")
    merged = replace(case, model=load_huggingface(case.folder / "merged").eval())
    # As if they were scores: what our model gives plus how far the adapted two are apart.
    return Answers(
        None, [a[-1:] + b[-1:] - c for a, b, c in zip(case.ours().scores, found, last_scores(merged), strict=True)]
    )


def in_node(case: Case, node: Path) -> Answers:
    """transformers.js: its tokenizer, the scores of the graph, its own generation."""
    config = case.model.config
    question = {"folder": str(case.folder), "texts": case.texts, "prompts": case.prompts, "room": case.room}
    question |= {"past": names_of_past(case.model, "past_key_values"), "sizes": past_shape(case.model, 1, 0)}
    asked, answered = case.folder / "asked.json", case.folder / "answered.json"
    asked.write_text(json.dumps(question), encoding="utf-8")
    script = node / "text_to_transformer.mjs"
    script.write_text(NODE, encoding="utf-8")
    subprocess.run(["node", script.name, str(asked), str(answered)], cwd=node, check=True)
    found = json.loads(answered.read_text(encoding="utf-8"))
    scores = [np.array(flat).reshape(-1, config.vocab_size) for flat in found["scores"]]
    return Answers(found["ids"], scores, [up_to(row, case.stops) for row in found["tales"]])


NODE = """import fs from "node:fs";
import path from "node:path";
import { AutoModelForCausalLM, AutoTokenizer, Tensor, env } from "@huggingface/transformers";

const asked = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
env.allowRemoteModels = false;
env.localModelPath = path.dirname(asked.folder) + "/";
const name = path.basename(asked.folder);
const tokenizer = await AutoTokenizer.from_pretrained(name);
const model = await AutoModelForCausalLM.from_pretrained(name, { dtype: "fp32", device: "cpu" });
const whole = (rows) => new Tensor("int64", BigInt64Array.from(rows.flat().map(BigInt)), [rows.length, rows[0].length]);
const ids = asked.texts.map((text) => Array.from(tokenizer.encode(text), Number));
const scores = [], tales = [];
for (const prompt of asked.prompts) {
  const input_ids = whole([prompt]), attention_mask = whole([prompt.map(() => 1)]);
  const { logits } = await model({ input_ids, attention_mask });
  scores.push(Array.from(logits.data));
  const row = await model.generate({ input_ids, attention_mask, max_new_tokens: asked.room, do_sample: false });
  tales.push(Array.from(row.data, Number).slice(prompt.length));
}
fs.writeFileSync(process.argv[3], JSON.stringify({ ids, scores, tales }));
"""

# Each with the package whose version is told, and what runs it.
RUNTIMES: dict[str, tuple[str, Callable[[Case], Answers]]] = {
    "transformers": ("transformers", in_transformers),
    "lm-eval": ("lm_eval", in_lm_eval),
    "trl": ("trl", in_trl),
    "peft": ("peft", in_peft),
    "ONNX Runtime": ("onnxruntime", in_onnx),
    "ONNX Runtime (no past)": ("onnxruntime", in_onnx_without_past),
    "ONNX Runtime (8 bits)": ("onnxruntime", partial(in_onnx, file="model_quantized.onnx")),
    "llama.cpp": ("xllamacpp", in_llama_cpp),
    "llama.cpp (GELU in 16 bits here too)": ("xllamacpp", in_llama_cpp_beside_16_bits),
    "TransformerLens": ("transformer-lens", in_lens),
    "CTranslate2": ("ctranslate2", in_ctranslate2),
}


# Small models of further forms, by the name of the case.
SIZES = {"context_length": 64, "n_layer": 3, "n_head": 4, "n_embd": 32}
FORMS: dict[str, Callable[[int], GPTConfig]] = {
    "rotary": partial(GPTConfig, **SIZES, positions="rotary", tied=False),
    "llama": partial(LlamaConfig, **SIZES, n_kv_head=2),
    "mistral": partial(LlamaConfig, **SIZES, n_kv_head=2, window=16),
    "qwen3": partial(LlamaConfig, **SIZES, n_kv_head=2, qk_norm=True),
}


# With this seed each tale begins with a whole character, as llama.cpp's server needs it to show scores.
SEEDS = {"qwen3": 28}


def wide_model(name: str, vocab_size: int) -> GPT:
    """Return a model of one of the forms with wide random weights, whose next token changes from step to step."""
    config = FORMS[name](vocab_size)
    torch.manual_seed(SEEDS.get(name, 2))
    model = make_model(config).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.5)
    return model


def cases(folder: Path, names: Sequence[str] = ("base", "chat", "rotary"), each: int = 150) -> list[Case]:
    """Return shipped models and small ones of `FORMS`, each with a folder of its own and `each` texts of a script."""
    found = []
    for name in names:
        kept = load_checkpoint(CHAT if name == "chat" else BASE)
        model = wide_model(name, kept.tokenizer.vocab_size) if name in FORMS else kept.model
        texts = [END_OF_TEXT + text for text in OPENINGS]
        prompts = [kept.tokenizer.encode(text, allowed_special="all") for text in texts]
        if name == "chat":
            asked = [[{"role": "user", "content": text}] for text in QUESTIONS]
            prompts = [encode_chat(kept.tokenizer, messages, prompt=True) for messages in asked]
        found.append(Case(name, model, kept.tokenizer, folder / name, prompts, strings(each)))
    return found


def write(case: Case, runtimes: Sequence[str]) -> None:
    """Write a model in every form that these runtimes read and for which there's a writer; others can't run anyway."""
    chat, graphs = case.name == "chat", case.folder / "onnx"
    save_folder(case.model, case.tokenizer, case.folder, chat)
    with contextlib.suppress(ValueError):
        save_gguf(case.model, case.tokenizer, case.folder / "model.gguf", chat)
    if not any(name.startswith(("ONNX", "transformers.js")) for name in runtimes):
        return  # a graph takes a minute
    with contextlib.suppress(ValueError):
        save_onnx(case.model, graphs / "model.onnx")
        save_onnx_without_past(case.model, graphs / "without_past.onnx")
        save_8_bit(graphs / "model.onnx", graphs / "model_quantized.onnx")


def compared(ours: Answers, theirs: Answers) -> list[str]:
    """Return what is the same, as the last three cells of a row."""
    ids = tales = scores = "–"
    if theirs.ids is not None:
        same = sum(list(a) == b for a, b in zip(theirs.ids, ours.ids, strict=True))
        ids = f"{same:,} of {len(ours.ids):,}"
    if theirs.scores is not None:
        off = max(np.abs(a - b[-len(a) :]).max() for a, b in zip(theirs.scores, ours.scores, strict=True))
        scores = f"{off:.1e} of {max(np.abs(score).max() for score in ours.scores):.0f}"
    if theirs.tales is not None:
        tales = f"{sum(list(a) == b for a, b in zip(theirs.tales, ours.tales, strict=True))} of {len(ours.tales)}"
    return [ids, scores, tales]


def version(package: str) -> str:
    """Return the installed version of a package."""
    return importlib.metadata.version(package)


def node_version(node: Path) -> str:
    """Return the version of transformers.js in a folder."""
    about = node / "node_modules/@huggingface/transformers/package.json"
    return json.loads(about.read_text(encoding="utf-8"))["version"]


def row(runtime: str, package: str, run: Callable[[Case], Answers], case: Case, ours: Answers) -> list[str]:
    """Return a row of the table; where the runtime can't, the reason stands in place of the figures."""
    try:
        number = package if package[0].isdigit() else version(package)
        return [runtime, number, case.name, *compared(ours, run(case))]
    except Exception as error:
        return [runtime, "", case.name, f"did not run: {type(error).__name__}: {str(error).strip()[:150]!r}"]


def export(node: str = "", only: str = "", models: str = "base,chat,rotary", each: str = "150") -> None:
    """Print the table. `only` names the runtimes to ask, `models` the models, both separated by commas.

    Models are base, chat, and the forms rotary, llama, mistral and qwen3, of random weights.
    """
    runtimes: dict[str, Any] = dict(RUNTIMES)
    if node:
        folder = Path(node).absolute()
        runtimes["transformers.js"] = (node_version(folder), partial(in_node, node=folder))
    chosen = [name for name in runtimes if not only or name in only.split(",")]
    print("| runtime | version | model | same ids | largest difference of scores | same tales |")
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as place:
        for case in cases(Path(place), models.split(","), int(each)):
            write(case, chosen)
            ours = case.ours()
            for runtime in chosen:
                print("|", " | ".join(row(runtime, *runtimes[runtime], case, ours)), "|", flush=True)
            if case.name == "base" and "ONNX Runtime (8 bits)" in chosen:
                for file in ("model.onnx", "model_quantized.onnx"):
                    loss, whole, size = worth(case, file, count=100)
                    print(f"{file}: {size / 1e6:.2f} MB, loss {loss:.4f}, {whole:.0%} of 100 tales whole", flush=True)
