"""GPT-2's encoder beside tiktoken on texts of one kind each, and a text in chunks beside the same text whole.

Run as `python -m course_utils bench encoding`. Each encoder begins with nothing kept from the runs before.
"""

import random
import string
from collections.abc import Callable
from itertools import chain

from course_utils import runtime
from course_utils.bpe import encode_stream, gpt2_encoding, gpt2_tokenizer
from course_utils.experiments.timing import number, print_table, race
from course_utils.text import load_text

# One character over and over makes a single piece as long as the text, and so do letters drawn at random.
RUNS = {
    **{"no-break spaces": "\u00a0", "spaces": " ", "line ends": "\n", "dots": ".", "dashes": "-", "zeros": "0"},
    **{"a's": "a", "emoji": "\U0001f600"},
}
DRAWN = {"letters": string.ascii_lowercase, "digits": string.digits, "Chinese": [chr(0x4E00 + i) for i in range(3000)]}
CUTS = (1, 7, 1000)


def texts(size: int) -> dict[str, str]:
    """Return twelve texts of so many characters by name: eight runs, three drawn at random, and English.

    >>> {len(text) for text in texts(100).values()}, texts(5)["dots"]
    ({100}, '.....')
    """
    chance, story = random.Random(0), load_text("story")
    drawn = {name: "".join(chance.choices(letters, k=size)) for name, letters in DRAWN.items()}
    english = (story * (size // len(story) + 1))[:size]
    return {name: character * size for name, character in RUNS.items()} | drawn | {"English": english}


def contestants(text: str) -> dict[str, Callable[[], list[int]]]:
    """Return functions that encode a text: tiktoken, ours whole, ours in chunks of so many characters."""
    tokenizer, theirs = gpt2_tokenizer(), gpt2_encoding()

    def whole() -> list[int]:
        tokenizer.cache.clear()
        return tokenizer.encode(text)

    def stream(chunks: list[str]) -> list[int]:
        tokenizer.cache.clear()
        return list(chain.from_iterable(encode_stream(tokenizer, chunks)))

    cut = {n: [text[i : i + n] for i in range(0, len(text), n)] for n in CUTS}
    streams = {f"by {n:,}": lambda n=n: stream(cut[n]) for n in CUTS}
    return {"tiktoken": lambda: theirs.encode(text), "ours": whole, **streams}


def row(name: str, text: str, rounds: int) -> tuple:
    """Return a text's line of the table: milliseconds, then ratios, each of the quickest run in all rounds."""
    runs = contestants(text)
    same = len({tuple(run()) for run in runs.values()}) == 1
    # Some of these take a few milliseconds, and whatever else the machine does only ever makes a run slower.
    quickest = {one: min(seconds) for one, seconds in race(runs, rounds).items()}
    times = [number(quickest[one] * 1000) for one in ("tiktoken", "ours")]
    cut = [number(quickest[f"by {n:,}"] / quickest["ours"]) for n in CUTS]
    ratio = number(quickest["ours"] / quickest["tiktoken"])
    return name, f"{len(text):,}", *times, ratio, *cut, "yes" if same else "NO"


def encoding(rounds: str = "3", sizes: str = "100000,1000000") -> None:
    """Print how many times as long as tiktoken our encoder takes, and a text in chunks as the same text whole."""
    runtime.start()
    print("\nGPT-2's encoder, nothing kept; then a stream beside the whole text, by the size of its chunks\n")
    heading = "text", "characters", "tiktoken ms", "ours ms", "ratio", *(f"by {n:,}" for n in CUTS), "same ids"
    made = [row(name, text, int(rounds)) for size in sizes.split(",") for name, text in texts(int(size)).items()]
    print_table([heading, *made])
