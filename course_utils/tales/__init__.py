"""Tales from a little world whose truth is known: make them, check them, ask about them.

`words` is the vocabulary, `generator` tells, `checker` reads back, `questions` asks, and
`dialogues` talks in the `voices` of two of the people; this module is their face.
In a file, tales are separated by `SEPARATOR`, a line that holds `<|endoftext|>` and nothing else.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from course_utils.common import DATA, require
from course_utils.tales.checker import Judgement, Report, check, split
from course_utils.tales.dialogues import Turn, dialogue, in_style, verdict
from course_utils.tales.generator import tell
from course_utils.tales.questions import Moment, Question, ask, lexicon, trace
from course_utils.tales.voices import CLARA, HUGO, Voice

__all__ = [
    "CLARA",
    "END_OF_TALE",
    "FIRST_FRESH_SEED",
    "FIRST_UNSEEN_SEED",
    "HUGO",
    "SEPARATOR",
    "Judgement",
    "Moment",
    "Question",
    "Report",
    "Turn",
    "Voice",
    "ask",
    "check",
    "corpus",
    "dialogue",
    "entropy",
    "generate",
    "generate_many",
    "in_style",
    "lexicon",
    "log_probability",
    "opening",
    "share_copied",
    "split_tales",
    "trace",
    "verdict",
    "write_corpus",
]

END_OF_TALE = "<|endoftext|>"
SEPARATOR = f"\n{END_OF_TALE}\n"
# The shipped file holds the tales of the seeds 0, 1, 2, …; what is measured uses those from the second number on,
# and fresh ones for training start at the third.
FIRST_UNSEEN_SEED, FIRST_FRESH_SEED = 500_000, 1_000_000


def generate(seed: int) -> str:
    """One tale; the same seed gives the same tale on every system, and every int is a seed."""
    return tell(seed)[0]


def generate_many(count: int, first_seed: int = FIRST_FRESH_SEED) -> Iterator[str]:
    """Yield this many tales, of the seeds from `first_seed` on."""
    require(count >= 0, f"count must be 0 or more, not {count}")
    return map(generate, range(first_seed, first_seed + count))


def opening(seed: int, sentences: int = 1) -> str:
    """The first sentences of the tale of this seed: a prompt that a model may continue."""
    require(sentences >= 1, f"sentences must be 1 or more, not {sentences}")
    return " ".join(text for _, text in split(generate(seed))[:sentences])


def log_probability(seed: int) -> float:
    """The natural logarithm of the probability of the tale of this seed.

    No choice is made that does not show, and a test finds one derivation for each tale: what is counted is the
    choices, and it is the probability of the text itself, to within 0.01 nats (the share of tellings that are kept).
    """
    return tell(seed)[1]


def entropy(count: int = 2000, first_seed: int = FIRST_FRESH_SEED) -> float:
    """Nats per tale, the mean over this many tales: by the tokens per tale, it is the loss that no model can beat."""
    require(count >= 1, f"count must be 1 or more, not {count}")
    return -sum(map(log_probability, range(first_seed, first_seed + count))) / count


def split_tales(text: str) -> list[str]:
    """The tales of a text in which `<|endoftext|>` stands between them.

    >>> split_tales("One.\\n<|endoftext|>\\nTwo.\\n")
    ['One.', 'Two.']
    """
    return [tale for part in text.split(END_OF_TALE) if (tale := part.strip())]


def corpus(path: Path = DATA / "tales.txt") -> list[str]:
    """The shipped tales, one string each."""
    return split_tales(path.read_text(encoding="utf-8"))


def write_corpus(path: Path = DATA / "tales.txt", size: int = 1_200_000) -> int:
    """Write tales of the seeds 0, 1, 2, … until the file has about `size` characters; returns how many."""
    tales, length = [], 0
    while length < size:
        tales.append(generate(len(tales)))
        length += len(tales[-1]) + len(SEPARATOR)
    path.write_bytes((SEPARATOR.join(tales) + "\n").encode())
    return len(tales)


def share_copied(tales: Iterable[str], sample: Iterable[str]) -> float:
    """The share of these tales that stand word for word in the sample; white space at the ends does not count."""
    for name, texts in (("tales", tales), ("sample", sample)):
        require(not isinstance(texts, str), f"{name} is {texts!r:.50}; it takes a list of tales")
    seen = {tale.strip() for tale in sample}
    found = [tale.strip() in seen for tale in tales]
    return sum(found) / max(len(found), 1)
