"""What all tokenizers have in common, above all special tokens; then the two simplest, characters and words."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from operator import index
from typing import Literal, NoReturn

import torch

from course_utils.common import require
from course_utils.text import require_text, split_words

END_OF_TEXT = "<|endoftext|>"
# Two spellings are in use for the token that stands in for any piece the vocabulary lacks.
UNKNOWN = ("[UNK]", "<|unk|>")
SpecialChoice = Literal["all"] | Collection[str]


class SpecialTokens(dict[str, int]):
    """The ids of special tokens by name; a name that isn't among them is a `ValueError` that says which are.

    >>> SpecialTokens({"[UNK]": 7})["[PAD]"]
    Traceback (most recent call last):
    ...
    ValueError: the tokenizer has no special token '[PAD]'; it has ['[UNK]']
    """

    def __missing__(self, name: str) -> NoReturn:
        raise ValueError(f"the tokenizer has no special token {name!r}; it has {list(self)}")


class Tokenizer:
    """Text to token ids and back; special tokens are split off first, as in tiktoken.

    `vocab` maps ordinary tokens to ids, `special_tokens` the special ones. `vocab_size` is the largest id
    plus one: the number of rows that an embedding needs. A subclass says how ordinary text becomes ids
    (`encode_ordinary`) and how tokens become text again (`join`).
    """

    def __init__(self, vocab: Mapping[str, int] | Mapping[bytes, int], special_tokens: Mapping[str, int]):
        check_special_tokens(special_tokens)
        # Copies, so that the caller's dictionaries can change later without changing the tokenizer.
        self.vocab = plain_ids(vocab, "vocab")
        self.special_tokens = SpecialTokens(plain_ids(special_tokens, "special_tokens"))
        # Both kinds share one range of ids, because a model has one embedding table for all of them.
        pairs = [*self.vocab.items(), *self.special_tokens.items()]
        self.tokens = {token_id: token for token, token_id in pairs}
        require(len(pairs) > 0, "the vocabulary is empty; a tokenizer takes at least one token")
        require(len(self.tokens) == len(pairs), "two tokens have the same id; each takes one of its own")
        require(min(self.tokens) >= 0, f"a token has the id {min(self.tokens)}; ids start at 0")
        # Not len(self.tokens): ids may have gaps, and the embedding needs a row for the largest one.
        self.vocab_size = max(self.tokens) + 1

    def encode(
        self, text: str, allowed_special: SpecialChoice = (), disallowed_special: SpecialChoice = "all"
    ) -> list[int]:
        """Return the ids of a text; if it spells a special token, that's refused unless you say what it means.

        Those named in `allowed_special` become one token each. With `disallowed_special=()` the others
        are plain text. Both take `"all"`.
        """
        allowed, refused = choose_special(self.special_tokens, allowed_special, disallowed_special)
        refuse_special(text, refused)
        ids = []
        # Odd positions hold the special tokens, even ones the ordinary text between them.
        for i, part in enumerate(split_special(text, allowed)):
            ids += [self.special_tokens[part]] if i % 2 else self.encode_ordinary(part)
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of token ids: a list, or a one-dimensional array or tensor."""
        ids = id_list(ids)
        # A model's last layer may have more rows than there are tokens, and the model may pick one of those.
        outside = [token_id for token_id in ids if token_id not in self.tokens]
        require(not outside, f"ids {outside[:5]} are not in the vocabulary, whose size is {self.vocab_size}")
        return self.join([self.tokens[token_id] for token_id in ids])

    def to_dict(self) -> dict:
        """Return everything `from_dict` needs to make this tokenizer again, ready for JSON."""
        # The class goes in by its name: a pickled class would run code when somebody opens the file.
        return {"kind": type(self).__name__, "vocab": self.vocab, "special_tokens": self.special_tokens}


class CharTokenizer(Tokenizer):
    """One token per character: a small vocabulary and long sequences.

    >>> tokenizer = CharTokenizer.from_text("banana")
    >>> tokenizer.vocab, tokenizer.encode("nab")
    ({'a': 0, 'b': 1, 'n': 2}, [2, 0, 1])
    """

    @classmethod
    def from_text(cls, text: str, special_tokens: Sequence[str] = ()) -> "CharTokenizer":
        """Return a tokenizer for the characters of a text, in sorted order, then the special tokens."""
        require_text(text)
        # Even parts only, or the letters of the "<|endoftext|>" between two tales would enter the vocabulary.
        ordinary = split_special(text, special_tokens)[::2]
        characters = chain.from_iterable(ordinary)
        return cls(*build_vocab(characters, special_tokens))

    def encode_ordinary(self, text: str) -> list[int]:
        """Return one id for each character."""
        return look_up(text, self.vocab, self.special_tokens)

    def join(self, tokens: Sequence[str]) -> str:
        """Return the tokens as one text."""
        return "".join(tokens)


class WordTokenizer(Tokenizer):
    """One token per word or punctuation mark: short sequences, a large vocabulary, and unknown words.

    >>> words = {"Hello": 64, ",": 455, "world": 78, "!": 467}
    >>> tokenizer = WordTokenizer(words, {"[UNK]": 987})
    >>> tokenizer.encode("Hello, world!"), tokenizer.encode("Bye, world!")
    ([64, 455, 78, 467], [987, 455, 78, 467])
    """

    def __init__(self, vocab: Mapping[str, int], special_tokens: Mapping[str, int], keep_whitespace: bool = False):
        super().__init__(vocab, special_tokens)
        self.keep_whitespace = keep_whitespace

    @classmethod
    def from_text(cls, text: str, special_tokens: Sequence[str] = (), keep_whitespace: bool = False) -> "WordTokenizer":
        """Return a tokenizer for the words of a text, in sorted order, then the special tokens."""
        require_text(text)
        ordinary = split_special(text, special_tokens)[::2]
        pieces = chain.from_iterable(split_words(part, keep_whitespace) for part in ordinary)
        return cls(*build_vocab(pieces, special_tokens), keep_whitespace)

    def encode_ordinary(self, text: str) -> list[int]:
        """Return one id for each word and punctuation mark (and white space, if it's kept)."""
        return look_up(split_words(text, self.keep_whitespace), self.vocab, self.special_tokens)

    def join(self, tokens: Sequence[str]) -> str:
        """Return the tokens as one text; where white space was dropped, single spaces are put back."""
        if self.keep_whitespace:
            return "".join(tokens)
        # Which spaces there were is lost. In prose none stands before a closing mark or after an opening one; a
        # straight quote could be either, so it keeps both of its spaces.
        return re.sub(r" (?=[,.;:?!%)\]}’”…،؛؟۔।॥])|(?<=[(\[{“‘¿¡]) ", "", " ".join(tokens))

    def to_dict(self) -> dict:
        """Return everything `from_dict` needs to make this tokenizer again, ready for JSON."""
        return super().to_dict() | {"keep_whitespace": self.keep_whitespace}


def build_vocab(
    pieces: list[str], special_tokens: list[str] | tuple[str, ...] = ()
) -> tuple[dict[str, int], dict[str, int]]:
    """Return ids for the distinct pieces in sorted order, and for the special tokens after them.

    >>> build_vocab(["b", "a", "b"], ["[UNK]"])
    ({'a': 0, 'b': 1}, {'[UNK]': 2})
    """
    check_special_tokens(special_tokens)
    # A set of strings has another order in every run of Python; the ids a model was trained with must not change.
    vocab = {piece: i for i, piece in enumerate(sorted(set(pieces)))}
    return vocab, {name: len(vocab) + i for i, name in enumerate(special_tokens)}


def look_up(pieces: list[str], vocab: dict[str, int], special_tokens: dict[str, int]) -> list[int]:
    """Return the ids of pieces; one not in `vocab` becomes `[UNK]` or `<|unk|>`, or is refused by name."""
    # None when the vocabulary has no unknown token; then there's nothing to put in place of the piece.
    unknown_id = next((special_tokens[name] for name in UNKNOWN if name in special_tokens), None)
    ids = []
    for piece in pieces:
        token_id = vocab.get(piece, unknown_id)
        if token_id is None:
            raise ValueError(
                f"{piece!r} is not in the vocabulary of {len(vocab)} tokens, and there is no unknown token for "
                "it; make the tokenizer with '[UNK]' among its special tokens, or from a text that has it"
            )
        ids.append(token_id)
    return ids


def split_special(text: str, names: Collection[str]) -> list[str]:
    """Split a text at the special tokens: ordinary text at even positions, special tokens at odd ones.

    >>> split_special("one<|endoftext|>two", ["<|endoftext|>"])
    ['one', '<|endoftext|>', 'two']
    """
    require(isinstance(text, str), f"text is a {type(text).__name__}; it takes a string")
    # Without names the pattern would be empty, and an empty pattern matches between all characters.
    if not names:
        return [text]
    # The parentheses make `split` keep what it splits at. The order of the names doesn't matter: none lies inside
    # another (`check_special_tokens`).
    return re.split(f"({'|'.join(map(re.escape, names))})", text)


def choose_special(
    special_tokens: Collection[str], allowed: SpecialChoice, disallowed: SpecialChoice
) -> tuple[set[str], set[str]]:
    """Return which special tokens to recognise in a text, and which spellings to refuse, by tiktoken's rules.

    A user's text must not be able to end a document or to speak as somebody else, so the spelling of a
    special token is refused until the caller decides what it is.
    """
    # A single name in place of a list would be taken for a collection of its characters.
    for choice in (allowed, disallowed):
        is_choice = choice == "all" or (isinstance(choice, Collection) and not isinstance(choice, str))
        require(is_choice, f"a choice of special tokens is {choice!r}; it takes 'all' or a list of names")
    known = set(special_tokens)
    allow = known if allowed == "all" else set(allowed)
    require(allow <= known, f"unknown special tokens {sorted(allow - known)}; there are {sorted(known)}")
    # "all" means all others: what was allowed by name isn't refused by the default.
    refuse = known - allow if disallowed == "all" else set(disallowed)
    return allow, refuse


def refuse_special(text: str, refused: Collection[str]) -> None:
    """Raise a `ValueError` if the text spells one of the refused special tokens; it says what to do about it."""
    parts = split_special(text, refused)
    if len(parts) > 1:
        name = parts[1]  # the first one found
        raise ValueError(
            f"the text spells the special token {name!r}. If it is one, pass allowed_special={{{name!r}}} "
            "(or 'all'); if it is text like any other, pass disallowed_special=()"
        )


def plain_ids(ids: Mapping, name: str) -> dict:
    """Return a copy of a dictionary from tokens to ids in which each id is a plain `int`."""
    require(isinstance(ids, Mapping), f"{name} is a {type(ids).__name__}; it takes a dictionary from token to id")
    odd = [token_id for token_id in ids.values() if not hasattr(token_id, "__index__")]
    require(not odd, f"a token has the id {(odd or [0])[0]!r}; ids are whole numbers")
    # NumPy's integers would work as indices, but not as JSON.
    return {token: index(token_id) for token, token_id in ids.items()}


def check_special_tokens(names: Collection[str]) -> None:
    """Refuse special tokens that could be read in two ways: empty, repeated, or one inside another."""
    # A string is a collection too, of its characters: each letter would become a special token. And a set has another
    # order in every run of Python, so the ids would change.
    listed = isinstance(names, Collection) and not isinstance(names, str | set | frozenset)
    require(listed, f"special_tokens is {names!r}; it takes a list of names")
    names = list(names)
    odd = next((name for name in names if not isinstance(name, str)), "")
    require(odd == "", f"a special token is {odd!r}; each takes a string")
    require("" not in names, "a special token is empty; it takes at least one character")
    require(len(set(names)) == len(names), f"special_tokens repeat a name: {names}")
    # With "<|a" and "<|a|>" both in use, a text could be cut in two ways.
    for name in names:
        others = [other for other in names if name != other and name in other]
        require(not others, f"the special token {name!r} lies inside {others}; rename one of them")


def id_list(ids: Iterable[int]) -> list[int]:
    """Return one sequence of token ids, be it a list, an array or a tensor, as a list of ints."""
    # `index` accepts every kind of integer, NumPy's included, and refuses 3.0, which `int` would let through. `tolist`
    # first: element by element, a tensor takes some thirty times as long.
    try:
        return list(map(index, ids.tolist() if hasattr(ids, "tolist") else ids))
    except TypeError:
        shape = getattr(ids, "shape", None)
        got = f"an array of shape {tuple(shape)}" if shape is not None else f"{ids!r:.50}"
        raise ValueError(f"ids is {got}; it takes one sequence of whole numbers") from None


def tokenizer_kinds() -> list[type[Tokenizer]]:
    """Return the kinds of tokenizers that `from_dict` can make: those of the course whose modules were imported."""
    # Only the course's own classes can be named, so that a file never decides which code runs.
    return [kind for kind in Tokenizer.__subclasses__() if kind.__module__.startswith("course_utils.")]


def from_dict(data: Mapping) -> Tokenizer:
    """Make a tokenizer from what its `to_dict` returned; the module of its class must have been imported.

    >>> from_dict(CharTokenizer.from_text("abc").to_dict()).encode("cab")
    [2, 0, 1]
    """
    kinds = {kind.__name__: kind for kind in tokenizer_kinds()}
    require(isinstance(data, Mapping), f"data is {data!r:.50}; it takes what a tokenizer's to_dict returned")
    kind = data.get("kind")
    require(kind in kinds, f"the kind of tokenizer is {kind!r}; it takes one of {sorted(kinds)}")
    settings = {name: value for name, value in data.items() if name != "kind"}
    # A class whose JSON isn't what its constructor takes (bytes, for one) has a `from_settings`.
    make = getattr(kinds[kind], "from_settings", kinds[kind])
    try:
        return make(**settings)
    except (TypeError, AttributeError, UnicodeError) as error:
        raise ValueError(f"a {kind} cannot be made from {sorted(settings)}: {error}") from None


def pad_batch(sequences: list[list[int]], pad_id: int, side: str = "right") -> tuple[torch.Tensor, torch.Tensor]:
    """Pad sequences to the length of the longest; return ids and attention mask, (B, T) each, False at padding.

    >>> ids, attention_mask = pad_batch([[5, 6, 7], [8]], pad_id=0)
    >>> ids.tolist(), attention_mask.tolist()
    ([[5, 6, 7], [8, 0, 0]], [[True, True, True], [True, False, False]])
    """
    require(side in ("left", "right"), f"side is {side!r}; it takes 'left' or 'right'")
    rows = [id_list(sequence) for sequence in sequences]
    require(len(rows) > 0, "there are no sequences; a batch takes at least one")
    # PyTorch would cut 0.5 down to 0 without a word.
    require(isinstance(pad_id, int), f"pad_id is {pad_id!r}; it takes a token id")
    longest = max(map(len, rows))
    ids = torch.full((len(rows), longest), pad_id, dtype=torch.long)  # (B, T)
    # The ids alone don't say what is padding: pad_id may also be a token that occurs in a text.
    attention_mask = torch.zeros_like(ids, dtype=torch.bool)
    for i, row in enumerate(rows):
        # For generation pad on the left: each row then ends with its last token, and the next one goes behind it.
        start = 0 if side == "right" else longest - len(row)
        columns = slice(start, start + len(row))
        ids[i, columns] = torch.tensor(row, dtype=torch.long)
        attention_mask[i, columns] = True
    return ids, attention_mask
