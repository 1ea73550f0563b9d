"""The speed of byte pair encoding beside `tokenizers` and `tiktoken`: training, growth and memory, encoding.

Run as `python -m course_utils bench bpe`. It needs `tokenizers`, which comes with the tests, and tiny Shakespeare.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from course_utils import runtime
from course_utils.bpe import GPT2_PATTERN, gpt2_encoding, gpt2_tokenizer, tokenizer_json, train_bpe
from course_utils.experiments.timing import number, print_table, race, race_rows
from course_utils.text import load_text

VOCABULARY = 8192


def huggingface_training(text: str) -> Callable[[], None]:
    """Return a function that trains Hugging Face's BPE with the same pieces and the same size."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    def run() -> None:
        tokenizer = Tokenizer(models.BPE())
        split = pre_tokenizers.Split(Regex(GPT2_PATTERN), "isolated")
        letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, letters])
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, initial_alphabet=alphabet, show_progress=False)
        tokenizer.train_from_iterator([text], trainer)

    return run


def encoders(text: str) -> dict[str, Callable[[], object]]:
    """Return functions that encode a text with GPT-2's vocabulary: ours as it is and with nothing kept, and others'."""
    from tokenizers import Tokenizer

    ours, tiktokens = gpt2_tokenizer(), gpt2_encoding()
    theirs = Tokenizer.from_str(tokenizer_json(ours))

    def cold() -> None:
        ours.cache.clear()
        ours.encode(text)

    return {
        "ours": lambda: ours.encode(text),
        "ours, with an empty cache": cold,
        "Hugging Face tokenizers": lambda: theirs.encode(text),
        "tiktoken": lambda: tiktokens.encode(text),
    }


def varied(text: str, megabytes: int) -> Iterator[str]:
    """Yield text of this size: each copy has its letters shifted, so that new pieces keep coming as in a real text."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    copies = max(1, round(megabytes * 1_000_000 / len(text)))
    for copy in range(copies):
        shift = copy % 26
        table = str.maketrans(letters, letters[shift:] + letters[:shift])
        yield text.translate(table)


def growth(megabytes: str) -> None:
    """Train on a stream of so many megabytes and print the seconds and the most memory held, in MB."""
    import resource  # there is none on Windows

    started = time.perf_counter()
    train_bpe(varied(load_text("tinyshakespeare"), int(megabytes)), VOCABULARY)
    print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def growth_rows(sizes: tuple[int, ...]) -> list[tuple]:
    """Return a table of time and memory by size; each is trained in a process of its own."""
    rows: list[tuple] = [("text", "seconds", "seconds per MB", "MB of memory")]
    for size in sizes:
        code = f"from {__name__} import growth; growth({str(size)!r})"
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        seconds, memory = map(float, told.split())
        rows.append((f"{size} MB", number(seconds), number(seconds / size), number(memory)))
    return rows


def bpe(rounds: str = "15", largest: str = "100") -> None:
    """Print how long training and encoding take beside other programs, and how training grows with the text."""
    runtime.start()
    text = load_text("tinyshakespeare")
    contestants = {"ours": lambda: train_bpe(text, VOCABULARY), "Hugging Face tokenizers": huggingface_training(text)}
    print(f"\ntraining {VOCABULARY:,} tokens on tiny Shakespeare\n")
    print_table(race_rows(race(contestants, int(rounds))))
    print("\nencoding tiny Shakespeare with GPT-2's vocabulary\n")
    count = len(gpt2_encoding().encode(text))
    print_table(race_rows(race(encoders(text), int(rounds)), count, "tokens/s"))
    print(f"\ntraining {VOCABULARY:,} tokens on a stream of text\n")
    print_table(growth_rows(tuple(size for size in (1, 10, 100) if size <= int(largest))))
