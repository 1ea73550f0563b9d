"""`python -m course_utils bench export`: exported models in every runtime that is installed, beside our own.

The same ids on texts in twenty scripts, the same scores, the same greedy tales token by token. Each runtime is an adapter
of a few lines; one that isn't installed is left out, and the last lines say how to get it. What runs in Node is asked
for by a folder: `bench export NODE` where NODE holds `node_modules/@huggingface/transformers`.
"""

import importlib.metadata
import importlib.util
import json
import random
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from course_utils.checkpoints import BASE, CHAT, load_checkpoint
from course_utils.evaluation import tell_tales  # noqa: F401
from course_utils.generation import generate_tokens
from course_utils.gpt import GPT, GPTConfig
from course_utils.template import encode_chat
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
OPENINGS = ("", "Mara", "Ben and Nell", "In the kitchen")
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
