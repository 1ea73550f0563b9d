"""The plain GPT that ours is raced against is the same model, and learns the same."""

import torch
from models import small_config
from torch.testing import assert_close

from course_utils.experiments import training_speed
from course_utils.experiments.training_speed import PlainGPT, PlainStep
from course_utils.gpt import GPT
from course_utils.training import Trainer, TrainingConfig

NAMES = {
    **{"token_embedding": "tokens", "position_embedding": "places", "final_norm": "norm", "lm_head": "head"},
    **{"attn_norm": "ln_1", "mlp_norm": "ln_2", "attn.qkv": "qkv", "attn.proj": "out"},
    **{"mlp.up": "mlp.0", "mlp.down": "mlp.2"},
}
CONFIG = small_config(tied=False, dropout=0.0)


def same_weights(ours, plain):
    """Give the plain GPT our weights."""
    found = {}
    for name, weight in ours.state_dict().items():
        for mine, theirs in NAMES.items():
            name = name.replace(f"{mine}.", f"{theirs}.")
        found[name] = weight
    plain.load_state_dict(found)


def test_the_plain_gpt_is_the_same_function():
    torch.manual_seed(0)
    ours, plain = GPT(CONFIG).double(), PlainGPT(CONFIG).double()
    same_weights(ours, plain)
    idx = torch.randint(CONFIG.vocab_size, (2, CONFIG.context_length))
    assert_close(plain(idx), ours(idx), atol=1e-12, rtol=0)


def test_a_plain_step_is_a_step_of_ours():
    torch.manual_seed(0)
    batch = torch.randint(CONFIG.vocab_size, (2, 3, CONFIG.context_length))
    ours = Trainer(GPT(CONFIG), TrainingConfig(10**6, learning_rate=1e-3, warmup=0.0, weight_decay=0.01))
    plain = PlainStep(CONFIG, torch.device("cpu"), torch.float32)
    same_weights(ours.model, plain.model)
    # AdamW's first steps move each weight by the whole rate, whichever way its gradient points: compare the losses.
    assert_close([ours.step(*batch) for _ in range(4)], [plain(*batch) for _ in range(4)], atol=1e-4, rtol=0)


def test_the_table_has_both_at_each_size(monkeypatch, capsys):
    monkeypatch.setattr(training_speed, "CASES", {"tiny": (CONFIG, 2)})
    training_speed.training("2", "1")
    out = capsys.readouterr().out
    assert "tiny" in out
    assert out.count("\nours, ") == out.count("\nplain, ") >= 1
