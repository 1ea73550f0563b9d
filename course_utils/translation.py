"""Learning to translate: pairs of sentences as batches, teacher forcing, and translations by greedy or beam search."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from course_utils.common import require
from course_utils.encoder_decoder import EncoderDecoder
from course_utils.generation import beam_search, evaluating, generate_tokens
from course_utils.gpt import whole_number
from course_utils.tales import spanish
from course_utils.tokenizers import Tokenizer, WordTokenizer, pad_batch
from course_utils.training import IGNORED, Batch, cross_entropy
from course_utils.windows import step_number

PAD, BOS, EOS = "[PAD]", "[BOS]", "[EOS]"
LONGEST = 32  # tokens that a translation may have; the longest right one has 20


def pairs_tokenizer(count: int = 12_000) -> WordTokenizer:
    """Return a tokenizer with every word of both languages, as they occur in this many training sentences.

    >>> tokenizer = pairs_tokenizer(100)
    >>> [tokenizer.special_tokens[name] - len(tokenizer.vocab) for name in ("[PAD]", "[BOS]", "[EOS]")]
    [0, 1, 2]
    """
    sentences = [spanish.draw_sentence(seed) for seed in range(count)]
    texts = " ".join(text for sentence in sentences for text in (sentence.english, *sentence.spanish))
    return WordTokenizer.from_text(texts, [PAD, BOS, EOS])


def encode_pairs(tokenizer: Tokenizer, pairs: Iterable[tuple[str, str]]) -> Batch:
    """Return source (B, S), source mask (B, S), inputs (B, T) and targets (B, T) of pairs (English, Spanish).

    The decoder reads [BOS] and the translation, and is to say the translation and [EOS]: the same, shifted by one.
    """
    special, pairs = tokenizer.special_tokens, list(pairs)
    source, source_mask = pad_batch([tokenizer.encode(english) for english, _ in pairs], special[PAD])
    translations = [tokenizer.encode(translation) for _, translation in pairs]
    inputs, _ = pad_batch([[special[BOS], *ids] for ids in translations], special[PAD])
    targets, learned = pad_batch([[*ids, special[EOS]] for ids in translations], special[PAD])
    return source, source_mask, inputs, torch.where(learned, targets, IGNORED)


def translation_loss(model: EncoderDecoder, batch: Batch) -> Tensor:
    """Minus the log of the probability given to each target, added up; the model reads the right words before it.

    Williams and Zipser 1989 called this teacher forcing. Padding of the targets needs no mask: it comes last, and the
    decoder sees no later token.
    """
    source, source_mask, inputs, targets = batch
    return cross_entropy(model(source, inputs, source_mask), targets, "sum")


class FreshPairs:
    """Batches of sentences that were never seen before, with one right translation each: a function of the step."""

    def __init__(self, tokenizer: Tokenizer, batch_size: int, first_seed: int = 1_000_000) -> None:
        self.tokenizer, self.batch_size, self.first_seed = tokenizer, whole_number("batch_size", batch_size), first_seed

    def __call__(self, step: int) -> Batch:
        """Return the batch of one step, counted from 0."""
        first = self.first_seed + step_number(step) * self.batch_size
        sentences = [(seed, spanish.draw_sentence(seed)) for seed in range(first, first + self.batch_size)]
        pairs = [(one.english, spanish.choose_translation(one, seed)) for seed, one in sentences]
        return encode_pairs(self.tokenizer, pairs)


def translate(
    model: EncoderDecoder, tokenizer: Tokenizer, texts: Sequence[str], width: int = 1, batch_size: int = 250
) -> list[str]:
    """Return a translation of each text: the likeliest word at each step, or the best of a beam search of `width`."""
    require(width >= 1, f"width is {width}; it takes 1 (greedy) or more")
    require(not isinstance(texts, str), f"texts is {texts!r}; it takes a list of texts")
    # A beam search follows one text at a time.
    size = whole_number("batch_size", batch_size) if width == 1 else 1
    with evaluating(model):
        rows = [
            row
            for first in range(0, len(texts), size)
            for row in translated_ids(model, tokenizer, texts[first : first + size], width)
        ]
    special = tokenizer.special_tokens.values()
    return [tokenizer.decode([token for token in row if token not in special]) for row in rows]


@torch.no_grad()
def translated_ids(model: EncoderDecoder, tokenizer: Tokenizer, texts: Sequence[str], width: int) -> list[list[int]]:
    """Return the token ids of a translation of each text; with a `width` above 1, of a single text."""
    special, device = tokenizer.special_tokens, model.token_embedding.weight.device
    source, source_mask = pad_batch([tokenizer.encode(text) for text in texts], special[PAD])
    given = model.given(source.to(device), source_mask.to(device))
    if width > 1:
        return [beam_search(given, [special[BOS]], LONGEST, width, [special[EOS]])[0][0]]
    return generate_tokens(given, [[special[BOS]]] * len(texts), LONGEST, stop_tokens=[special[EOS]])
