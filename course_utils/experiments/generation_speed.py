"""The speed of greedy generation beside Hugging Face's, with the same weights.

Run as `python -m course_utils bench generation`. It needs `transformers`, which comes with the tests.
"""

import time
from collections.abc import Callable

import torch

from course_utils import runtime
from course_utils.experiments.timing import number, print_table, race, race_rows
from course_utils.generation import generate_tokens, stream_tokens
from course_utils.gpt import GPT, GPTConfig
from course_utils.pretrained import gpt_to_huggingface

SIZES = GPTConfig(vocab_size=1861, context_length=512, n_layer=4, n_head=4, n_embd=128)
TOKENS = 256


def huggingface(model: GPT) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a function that continues prompts with Hugging Face's cached `generate` and our weights."""
    from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel

    config, weights = gpt_to_huggingface(model)
    theirs = GPT2LMHeadModel(GPT2Config(**{k: v for k, v in config.items() if k != "model_type"})).eval()
    theirs.load_state_dict(weights, strict=False)
    theirs.to(model.token_embedding.weight.device)
    settings = GenerationConfig(max_new_tokens=TOKENS, do_sample=False, use_cache=True, pad_token_id=0)

    def run(idx: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return theirs.generate(idx, attention_mask=torch.ones_like(idx), generation_config=settings)

    return run


def generation(rounds: str = "15") -> None:
    """Print tokens per second at batch 1 and 8, ours and theirs, and our time per token along the context."""
    run = runtime.start()
    model = GPT(SIZES).to(run.device).eval()
    theirs = huggingface(model)
    for batch in (1, 8):
        idx = torch.randint(SIZES.vocab_size, (batch, 8), device=run.device)
        prompts = idx.tolist()
        same = generate_tokens(model, prompts, TOKENS) == theirs(idx)[:, 8:].tolist()
        ours = {
            "ours": lambda prompts=prompts: generate_tokens(model, prompts, TOKENS),
            "Hugging Face": lambda idx=idx: theirs(idx),
        }
        print(f"\nbatch {batch}; the same tokens: {'yes' if same else 'NO'}\n")
        print_table(race_rows(race(ours, int(rounds)), batch * TOKENS, "tokens/s"))
    print("\nmilliseconds per token, batch 1\n")
    print_table(along_the_context(model, int(rounds)))


def along_the_context(model: GPT, rounds: int, parts: int = 4) -> list[tuple]:
    """Return a table of the time per token in each part of the context, and beside the first part's."""
    length = SIZES.context_length - 1
    times = torch.zeros(rounds + 1, length)
    for number_of_round in range(rounds + 1):
        started = time.perf_counter()
        for place, _ in enumerate(stream_tokens(model, [[0]], length)):
            ended = time.perf_counter()
            times[number_of_round, place], started = ended - started, ended
    # The first token builds the cache, and the first round warms up.
    medians = [1000 * part.median().item() for part in times[1:, 1:].median(0).values.chunk(parts)]
    rows: list[tuple] = [("part of the context", "ms", "beside the first")]
    for place, found in enumerate(medians):
        rows.append((f"{place + 1} of {parts}", number(found), f"{found / medians[0]:.2f} x"))
    return rows
