"""Small models for tests, with every weight, bias and norm drawn wide, so that nothing hides behind a zero or a one."""

import tempfile

import torch

from course_utils.gpt import GPT, GPTConfig
from course_utils.llama import Llama, LlamaConfig
from course_utils.pretrained import save_huggingface


def small_config(**changes):
    return GPTConfig(**({"vocab_size": 37, "context_length": 16, "n_layer": 3, "n_head": 4, "n_embd": 32} | changes))


def small_model(seed=0, dtype=torch.float64, **changes):
    torch.manual_seed(seed)
    model = GPT(small_config(**changes)).to(dtype)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.3)
    return model.eval()


def small_llama(seed=0, dtype=torch.float64, **changes):
    torch.manual_seed(seed)
    sizes = {"vocab_size": 37, "context_length": 16, "n_layer": 3, "n_head": 4, "n_embd": 32}
    model = Llama(LlamaConfig(**(sizes | changes))).to(dtype)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.3)
    return model.eval()


def lively_llama(**changes):
    """As `lively_model`: its attention is sharp and its scores are wide, so that the next token changes."""
    model = small_llama(**changes)
    with torch.no_grad():
        model.final_norm.weight.fill_(1), model.lm_head.weight.mul_(4)
        for block in model.blocks:
            block.attn_norm.weight.fill_(1), block.mlp_norm.weight.fill_(1)
            block.attn.query.weight.mul_(3), block.attn.kv.weight.mul_(2)
    return model


def lively_model(positions="learned", **changes):
    """A model whose next token changes with the text and from step to step; most random ones repeat a single token."""
    model = small_model({"learned": 11, "rotary": 2}[positions], positions=positions, tied=False, **changes)
    with torch.no_grad():
        model.final_norm.weight.fill_(1), model.final_norm.bias.zero_(), model.lm_head.weight.mul_(4)
        for block in model.blocks:
            block.attn.qkv.weight.mul_(4), block.attn.proj.weight.mul_(4), block.mlp.down.weight.mul_(3)
    return model


def some_ids(*shape, seed=1, vocab_size=37):
    return torch.randint(0, vocab_size, shape, generator=torch.Generator().manual_seed(seed))


def theirs_of(model):
    """The same model in `transformers`: our weights through a directory, their code."""
    import transformers  # slow to import, and only some tests need it

    with tempfile.TemporaryDirectory() as folder:
        save_huggingface(model, folder)
        theirs, report = transformers.AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.float64,
            attn_implementation="sdpa",
            local_files_only=True,
            output_loading_info=True,
        )
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    return theirs.eval()
