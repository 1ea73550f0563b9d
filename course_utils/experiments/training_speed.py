"""The speed of a training step beside an independent GPT, written here with PyTorch's own parts.

Run as `python -m course_utils bench training`.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import runtime
from course_utils.experiments.timing import print_table, race, race_rows
from course_utils.gpt import GPT, GPTConfig
from course_utils.recipe import SMALL
from course_utils.training import Trainer, TrainingConfig

# Name -> sizes and batch: the first is notebook 00's.
CASES = {
    "2 layers, 4 heads, 128; context 128, batch 32": (replace(SMALL, vocab_size=1861), 32),
    "6 layers, 6 heads, 384; context 256, batch 8": (GPTConfig(1861, 256, 6, 6, 384, tied=False), 8),
}


class PlainBlock(nn.Module):
    """A block of GPT-2 as one would write it first, with PyTorch's fused attention."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        C = config.n_embd
        self.n_head = config.n_head
        self.ln_1, self.ln_2 = nn.LayerNorm(C), nn.LayerNorm(C)
        self.qkv, self.out = nn.Linear(C, 3 * C), nn.Linear(C, C)
        self.mlp = nn.Sequential(nn.Linear(C, 4 * C), nn.GELU(approximate="tanh"), nn.Linear(4 * C, C))

    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.shape
        parts = self.qkv(self.ln_1(x)).split(C, dim=-1)
        q, k, v = (part.view(B, T, self.n_head, -1).transpose(1, 2) for part in parts)
        heads = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(heads.transpose(1, 2).reshape(B, T, C))
        return x + self.mlp(self.ln_2(x))


class PlainGPT(nn.Module):
    """An independent GPT to compare with: learned positions, output weights of its own."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.tokens = nn.Embedding(config.vocab_size, config.n_embd)
        self.places = nn.Embedding(config.context_length, config.n_embd)
        self.blocks = nn.Sequential(*(PlainBlock(config) for _ in range(config.n_layer)))
        self.norm = nn.LayerNorm(config.n_embd)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def forward(self, idx: Tensor) -> Tensor:
        x = self.tokens(idx) + self.places(torch.arange(idx.shape[1], device=idx.device))
        return self.head(self.norm(self.blocks(x)))


class PlainStep:
    """One training step of the plain GPT: fused AdamW, clipped gradients, the loss told."""

    def __init__(self, config: GPTConfig, device: torch.device, dtype: torch.dtype) -> None:
        self.model, self.device, self.dtype = PlainGPT(config).to(device), device, dtype
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3, betas=(0.9, 0.95), fused=True)

    def __call__(self, inputs: Tensor, targets: Tensor) -> float:
        """Learn from one batch and return its loss."""
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            logits = self.model(inputs)
        loss = F.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.item()


def training(rounds: str = "15", steps: str = "5") -> None:
    """Print the tokens per second of our training step and of the plain one, at two sizes and in two number formats."""
    run = runtime.start()
    for name, (config, batch) in CASES.items():
        inputs, targets = torch.randint(config.vocab_size, (2, batch, config.context_length), device=run.device)
        contestants = {}
        for dtype in dict.fromkeys((run.dtype, torch.float32)):
            ours = Trainer(GPT(config).to(run.device), TrainingConfig(10**6, dtype=dtype))
            plain, told = PlainStep(config, run.device, dtype), str(dtype).removeprefix("torch.")
            contestants[f"ours, {told}"] = repeated(ours.step, int(steps), inputs, targets)
            contestants[f"plain, {told}"] = repeated(plain, int(steps), inputs, targets)
        print(f"\n{name}\n")
        print_table(race_rows(race(contestants, int(rounds)), int(steps) * inputs.numel(), "tokens/s"))


def repeated(step: Callable[..., float], count: int, *batch: Tensor) -> Callable[[], None]:
    """Return a function that does so many steps on one batch."""

    def run() -> None:
        for _ in range(count):
            step(*batch)

    return run
