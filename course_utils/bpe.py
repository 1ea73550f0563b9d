"""Byte pair encoding: training by merges, encoding by rank, and the way to and from tiktoken.

The idea is Gage's (1994, for compression); Sennrich et al. brought it to text (2016, arXiv 1508.07909) and
Radford et al. to bytes (2019, GPT-2).
"""

import base64
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from heapq import heapify, heappop, heappush
from itertools import chain, pairwise

import regex
import tiktoken

from course_utils.common import DATA, require
from course_utils.tokenizers import (
    END_OF_TEXT,
    SpecialChoice,
    Tokenizer,
    check_special_tokens,
    choose_special,
    refuse_special,
    split_special,
)

Pair = tuple[int, int]

# How GPT-2 cuts text before any merge: contractions, then words, numbers and signs, each with one space before.
GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
GPT2_FILE = DATA / "gpt2" / "gpt2.tiktoken"
GPT2_SHA256 = "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930"

CHUNK = 1 << 20  # characters of a long text that are cut into pieces at a time
UNSETTLED = 4  # pieces at a chunk's end that the next chunk may cut otherwise; GPT-2's pattern needs two


def count_pairs(ids: Sequence[int]) -> dict[Pair, int]:
    """Return how often each pair of neighbours occurs, in the order in which they appear.

    >>> count_pairs([1, 2, 3, 1, 2])
    {(1, 2): 2, (2, 3): 1, (3, 1): 1}
    """
    return dict(Counter(pairwise(ids)))


def merge(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    """Return ids with each occurrence of `pair`, from left to right, replaced by `new_id`.

    >>> merge([97, 97, 97, 98, 100, 97, 97, 97, 98, 97, 99], (97, 97), 666)
    [666, 97, 98, 100, 666, 97, 98, 97, 99]
    """
    merged, i, pair = [], 0, tuple(pair)
    while i < len(ids):
        found = tuple(ids[i : i + 2]) == pair
        merged.append(new_id if found else ids[i])
        # A merged pair is used up: its second half cannot begin another one.
        i += 2 if found else 1
    return merged


class PairQueue:
    """Gives the most frequent pair; of equals the one whose tokens' bytes sort last."""

    def __init__(self, totals: Mapping[Pair, int]):
        # `totals` is shared with whoever counts. Entries are not updated when a total falls, which happens often,
        # but only when they come up, which is rare.
        self.totals = totals
        # The smallest entry of a heap comes first, so bytes are mirrored. The closing character, above all
        # mirrored bytes, puts a token before those that it begins with.
        self.mirrored = [chr(255 - byte) + chr(256) for byte in range(256)]
        self.heap = [self.entry(pair) for pair in totals]
        heapify(self.heap)

    def entry(self, pair: Pair) -> tuple[int, str, Pair]:
        """Return a pair with what it is sorted by."""
        return -self.totals[pair], self.mirrored[pair[0]] + self.mirrored[pair[1]], pair

    def push(self, pair: Pair) -> None:
        """Enter a pair, unless it occurs nowhere any more."""
        if self.totals[pair] > 0:
            heappush(self.heap, self.entry(pair))

    def pop(self) -> Pair | None:
        """Return the next pair to merge, whose token gets the next id; `None` when no pair is left."""
        while self.heap:
            count, _, pair = heappop(self.heap)
            if -count == self.totals[pair]:
                self.mirrored.append(self.mirrored[pair[0]][:-1] + self.mirrored[pair[1]])
                return pair
            self.push(pair)
        return None


class PairIndex:
    """Where each pair of neighbouring tokens occurs, and how often, kept up to date while pairs are merged."""

    def __init__(self, piece_counts: Mapping[bytes, int]):
        # All distinct pieces lie in one row, parted by -1. A token is written at its first place (`head`) and its
        # last (`tail`), so that its neighbours are one step away on both sides.
        self.head, self.weight = [], []
        for piece, count in piece_counts.items():
            self.head += [*piece, -1]
            self.weight += [count] * (len(piece) + 1)
        self.tail, self.length = self.head.copy(), [1] * 256
        self.places, self.totals = defaultdict(list), Counter()
        for place, pair in enumerate(pairwise(self.head)):
            if -1 not in pair:
                self.note(pair, place)

    def note(self, pair: Pair, place: int) -> None:
        """Count one place where a pair occurs; a piece that occurs often weighs as often."""
        self.places[pair].append(place)
        self.totals[pair] += self.weight[place]

    def merge(self, pair: Pair) -> set[Pair]:
        """Replace a pair by a new token wherever it occurs; return the pairs that the new token is part of.

        Only the places where the pair occurs are touched: so training grows little faster than the text, not with
        text times merges.
        """
        (left, right), new, born = pair, len(self.length), set()
        self.length.append(self.length[left] + self.length[right])
        # Places were noted from left to right, so "aaa" is merged as (aa, a), never as (a, aa).
        for place in self.places.pop(pair):
            middle = place + self.length[left]
            # One of the two may be used up already, as in "aaa", where (a, a) occurs twice.
            if self.head[place] != left or self.head[middle] != right:
                continue
            end = middle + self.length[right]
            before, after = self.tail[place - 1], self.head[end]
            if before >= 0:
                self.totals[before, left] -= self.weight[place]
                self.note((before, new), place - self.length[before])
                born.add((before, new))
            if after >= 0:
                self.totals[right, after] -= self.weight[place]
                self.note((new, after), place)
                born.add((new, after))
            self.head[place] = self.tail[end - 1] = new
            self.head[middle] = -1  # used up: no pair begins here any more
        del self.totals[pair]
        return born


def train_bpe(
    texts: str | Iterable[str],
    vocab_size: int,
    special_tokens: Sequence[str] = (),
    pattern: str = GPT2_PATTERN,
) -> list[Pair]:
    """Return the merges learned from a text, or from texts that come one by one: 256 + i is the i-th.

    It ends at `vocab_size` tokens (256 bytes, merges and special tokens together) or when no pair is left.

    >>> train_bpe("aaabdaaabac", vocab_size=258)
    [(97, 97), (256, 97)]
    """
    check_special_tokens(special_tokens)
    fewest = 256 + len(special_tokens)
    require(vocab_size >= fewest, f"vocab_size is {vocab_size}; it takes at least {fewest}: bytes and special tokens")
    # Pieces are counted first: a word that occurs a thousand times is then merged once, with a weight of 1,000.
    index = PairIndex(count_pieces(texts, special_tokens, pattern))
    queue, merges = PairQueue(index.totals), []
    while len(merges) < vocab_size - fewest and (pair := queue.pop()):
        merges.append(pair)
        # A pair can be born and used up in one merge: "aaaa" makes (aa, a) on its way to (aa, aa).
        for fresh in index.merge(pair):
            queue.push(fresh)
    return merges


def count_pieces(
    texts: str | Iterable[str], special_tokens: Sequence[str] = (), pattern: str = GPT2_PATTERN
) -> dict[bytes, int]:
    """Return how often each piece occurs, as bytes; only these counts are kept, however long the texts are.

    >>> count_pieces(["to be or", "not to be"])
    {b'to': 1, b' be': 2, b' or': 1, b'not': 1, b' to': 1}
    """
    # Characters become bytes at the end: it is quicker for 15,000 different pieces than for 300,000.
    compiled, counts = compile_pattern(pattern), Counter()
    for text in [texts] if isinstance(texts, str) else texts:
        require(isinstance(text, str), f"a text is a {type(text).__name__}; it takes strings")
        chunks = (text[i : i + CHUNK] for i in range(0, len(text), CHUNK))
        for pieces, _ in stream_pieces(chunks, compiled, special_tokens):
            counts.update(pieces)
    return {to_utf8(piece): count for piece, count in counts.items()}


def stream_pieces(
    chunks: Iterable[str], pattern: regex.Pattern, special_tokens: Collection[str]
) -> Iterator[tuple[list[str], str | None]]:
    """Cut a text that comes in chunks into the pieces of the whole text; yield some, and a special token after.

    What ends a chunk may look different once the next one is there: those last pieces are held back.
    """
    longest, held = max(map(len, special_tokens), default=0), ""
    for chunk in chunks:
        require(isinstance(chunk, str), f"a chunk is a {type(chunk).__name__}; it takes strings")
        # What follows the last special token is still growing; everything before it is done.
        *done, last = split_special(held + chunk, special_tokens)
        for ordinary, special in zip(done[::2], done[1::2], strict=True):
            yield split_pieces(ordinary, pattern), special
        pieces = split_pieces(last, pattern)
        settled = count_settled(pieces, longest)
        yield pieces[:settled], None
        held = "".join(pieces[settled:])
    yield split_pieces(held, pattern), None


def count_settled(pieces: Sequence[str], longest: int) -> int:
    """Return how many of the pieces stay as they are, whatever text follows.

    The last characters may begin a special token, at most `longest` long, and that changes how pieces before
    it are cut.
    """
    # From the end: first the characters that may begin a special token, then the pieces before that one.
    length = 0
    for i in reversed(range(len(pieces))):
        length += len(pieces[i])
        if length >= longest:
            return max(0, i + 1 - UNSETTLED)
    return 0


def compile_pattern(pattern: str) -> regex.Pattern:
    """Compile a pattern that cuts text into pieces; refuse one that is no pattern or holds groups."""
    require(isinstance(pattern, str), f"the pattern is {pattern!r}; it takes a string")
    try:
        compiled = regex.compile(pattern)
    except regex.error as error:
        raise ValueError(f"the pattern {pattern!r} does not compile: {error}") from None
    require(compiled.groups == 0, f"the pattern {pattern!r} captures groups; write them as (?:...)")
    return compiled


def split_pieces(text: str, pattern: regex.Pattern) -> list[str]:
    """Cut ordinary text into pieces; a pattern that would lose some of it raises a `ValueError`.

    >>> split_pieces("We'll see  why", compile_pattern(GPT2_PATTERN))
    ['We', "'ll", ' see', ' ', ' why']
    """
    pieces = pattern.findall(text)
    require(sum(map(len, pieces)) == len(text), "the pattern skips part of the text; it must match every character")
    return pieces


def to_utf8(text: str) -> bytes:
    """Return a text as UTF-8 bytes; half a character, which has no bytes, raises a `ValueError`."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        half = ascii(text[error.start])
        raise ValueError(
            f"the text holds {half}, a lone surrogate: half a character, which UTF-8 cannot write. Where it does "
            "not matter, text.encode('utf-8', 'replace').decode() puts a question mark in its place"
        ) from None


def encode_piece(piece: bytes, ranks: Mapping[bytes, int]) -> list[int]:
    """Return the ids of one piece: neighbours that form a token merge, the lowest rank first, then the leftmost.

    >>> encode_piece(b"abab", {b"a": 0, b"b": 1, b"ab": 2})
    [2, 2]
    """
    # As in tiktoken, a piece that is a token itself is one, even where merges would not reach it.
    if piece in ranks:
        return [ranks[piece]]
    # Looking at all pairs after each merge would take n squared steps; the heap needs n log n.
    size = len(piece)
    ends = list(range(1, size + 1))  # the token that starts at i ends before ends[i]
    starts = list(range(-1, size))  # the token that ends before i starts at starts[i]
    heap = [(ranks[piece[i : i + 2]], i, i + 2) for i in range(size - 1) if piece[i : i + 2] in ranks]
    heapify(heap)
    while heap:
        _, start, end = heappop(heap)
        middle = ends[start]
        # Out of date: one of the two tokens was merged with another neighbour meanwhile.
        if middle >= end or ends[middle] != end:
            continue
        ends[start], ends[middle], starts[end] = end, size + 1, start
        if start > 0 and (joined := piece[starts[start] : end]) in ranks:
            heappush(heap, (ranks[joined], starts[start], end))
        if end < size and (joined := piece[start : ends[end]]) in ranks:
            heappush(heap, (ranks[joined], start, ends[end]))
    ids, start = [], 0
    while start < size:
        ids.append(ranks[piece[start : ends[start]]])
        start = ends[start]
    return ids


class PieceCache(dict[str, list[int]]):
    """The ids of pieces met before: a language repeats its words, so most pieces are encoded only once.

    Full, it is emptied at once. Pieces longer than a word are not kept: they hardly ever come back.
    """

    def __init__(self, ranks: Mapping[bytes, int], most: int = 1 << 16, longest: int = 40):
        self.ranks, self.most, self.longest = ranks, most, longest

    def __missing__(self, piece: str) -> list[int]:
        """Encode a piece that is not there, and keep it."""
        ids = encode_piece(to_utf8(piece), self.ranks)
        if len(self) >= self.most:
            self.clear()
        if len(piece) <= self.longest:
            self[piece] = ids
        return ids


class BPETokenizer(Tokenizer):
    """Byte pair encoding: any text has tokens, since the 256 bytes are among them.

    Made of merges, as `train_bpe` returns them, or of `ranks` as tiktoken has them: the id of each token's
    bytes, a lower one merging first. Special tokens get the ids after the last, or those given.
    """

    def __init__(
        self,
        merges: Sequence[Pair] = (),
        special_tokens: Sequence[str] | Mapping[str, int] = (),
        pattern: str = GPT2_PATTERN,
        *,
        ranks: Mapping[bytes, int] | None = None,
    ):
        require(ranks is None or len(merges) == 0, "there are both merges and ranks; it takes one of them")
        ranks = ranks_from_merges(merges) if ranks is None else ranks
        missing = [byte for byte in range(256) if bytes([byte]) not in ranks]
        require(not missing, f"the ranks lack the bytes {missing[:5]}; they take all 256")
        if not isinstance(special_tokens, Mapping):
            check_special_tokens(special_tokens)
            special_tokens = {name: max(ranks.values()) + 1 + i for i, name in enumerate(special_tokens)}
        super().__init__(ranks, special_tokens)
        # Here all tokens are bytes: a character may be spread over several of them.
        self.tokens |= {token_id: name.encode() for name, token_id in special_tokens.items()}
        self.ranks, self.pattern, self.compiled = self.vocab, pattern, compile_pattern(pattern)
        self.cache = PieceCache(self.ranks)

    def encode_ordinary(self, text: str) -> list[int]:
        """Return the ids of text without special tokens."""
        pieces = split_pieces(text, self.compiled)
        return list(chain.from_iterable(map(self.cache.__getitem__, pieces)))

    def join(self, tokens: Sequence[bytes]) -> str:
        """Return the text of tokens; bytes that are no UTF-8, such as half a character, become U+FFFD."""
        return b"".join(tokens).decode("utf-8", errors="replace")

    @classmethod
    def from_tiktoken(cls, encoding: tiktoken.Encoding) -> "BPETokenizer":
        """Return a tokenizer that gives exactly the ids of a tiktoken encoding."""
        ranks, special_tokens = encoding._mergeable_ranks, encoding._special_tokens
        return cls(ranks=ranks, special_tokens=special_tokens, pattern=encoding._pat_str)

    def to_tiktoken(self, name: str = "course") -> tiktoken.Encoding:
        """Return a tiktoken encoding that gives exactly this tokenizer's ids."""
        return tiktoken.Encoding(
            name, pat_str=self.pattern, mergeable_ranks=self.ranks, special_tokens=self.special_tokens
        )

    @classmethod
    def from_settings(cls, vocab: Mapping[str, int], **settings: object) -> "BPETokenizer":
        """Make a tokenizer from the parts of its `to_dict`."""
        return cls(ranks={token.encode("latin-1"): i for token, i in vocab.items()}, **settings)

    def to_dict(self) -> dict:
        """Return the tokenizer ready for JSON, each byte of a token written as the character of its number."""
        vocab = {token.decode("latin-1"): token_id for token, token_id in self.ranks.items()}
        return super().to_dict() | {"vocab": vocab, "pattern": self.pattern}


def ranks_from_merges(merges: Sequence[Pair]) -> dict[bytes, int]:
    """Return the id of each token's bytes: 0 to 255 for the bytes, 256 + i for the i-th merge.

    >>> ranks_from_merges([(97, 97), (256, 98)])[b"aab"]
    257
    """
    # A merge may use only what is there before it: that is what makes ids an order of merging.
    tokens = [bytes([byte]) for byte in range(256)]
    for pair in merges:
        known = len(pair) == 2 and all(0 <= part < len(tokens) for part in pair)
        require(known, f"merge {len(tokens) - 256} is {pair}; it takes two ids below {len(tokens)}")
        tokens.append(tokens[pair[0]] + tokens[pair[1]])
    ranks = {token: token_id for token_id, token in enumerate(tokens)}
    require(len(ranks) == len(tokens), "two merges make the same token; each takes bytes of its own")
    return ranks


def merges_from_ranks(ranks: Mapping[bytes, int]) -> list[Pair]:
    """Return the merges behind tiktoken's ranks: the last two parts of each token, from tokens made before it.

    A token that no merge reaches is left out.
    """
    known = {token: token_id for token, token_id in ranks.items() if len(token) == 1}
    merges = []
    for token in sorted(ranks, key=ranks.__getitem__):
        if len(token) > 1:
            # With the tokens made before it a token is two parts: those it was merged from.
            parts = encode_piece(token, known)
            merges += [(parts[0], parts[1])] if len(parts) == 2 else []
            known[token] = ranks[token]
    return merges


def encode_stream(
    tokenizer: BPETokenizer,
    chunks: Iterable[str],
    allowed_special: SpecialChoice = (),
    disallowed_special: SpecialChoice = "all",
) -> Iterator[list[int]]:
    """Encode a text that comes in chunks of any size; the ids are those of the whole text.

    That holds for GPT-2's pattern, and for any in which what follows changes the last four pieces at most.

    >>> tokenizer = BPETokenizer(train_bpe("low lower lowest", 260))
    >>> sum(encode_stream(tokenizer, ["low lo", "wer"]), []) == tokenizer.encode("low lower")
    True
    """
    allowed, refused = choose_special(tokenizer.special_tokens, allowed_special, disallowed_special)
    for pieces, special in stream_pieces(chunks, tokenizer.compiled, allowed | refused):
        ids = list(chain.from_iterable(map(tokenizer.cache.__getitem__, pieces)))
        if special is not None:
            refuse_special(special, refused)
            ids.append(tokenizer.special_tokens[special])
        yield ids


def tokenizer_json(tokenizer: BPETokenizer) -> str:
    """Return the text of a `tokenizer.json`, with which Hugging Face's `tokenizers` gives the same ids.

    There every special token in a text is honoured, as with `allowed_special="all"` here.
    """
    letters = byte_letters()
    written = {token: "".join(letters[byte] for byte in token) for token in tokenizer.ranks}
    by_id = {token_id: written[token] for token, token_id in tokenizer.ranks.items()}
    special = tokenizer.special_tokens.items()
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    split = {"type": "Split", "pattern": {"Regex": tokenizer.pattern}, "behavior": "Isolated", "invert": False}
    to_letters = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    # Each piece that is a token becomes that token at once, as in tiktoken and here.
    model = {
        "type": "BPE",
        "vocab": {written[token]: token_id for token, token_id in tokenizer.ranks.items()} | dict(special),
        "merges": [[by_id[left], by_id[right]] for left, right in merges_from_ranks(tokenizer.ranks)],
        "ignore_merges": True,
    }
    return json.dumps(
        {
            "version": "1.0",
            "added_tokens": [{"id": token_id, "content": name} | flags for name, token_id in special],
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, to_letters]},
            "decoder": to_letters,
            "model": model,
        }
    )


def byte_letters() -> list[str]:
    """Return the visible character that GPT-2's files write for each byte, so that tokens are readable text."""
    visible = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    hidden = [byte for byte in range(256) if byte not in visible]
    return [chr(byte) if byte in visible else chr(256 + hidden.index(byte)) for byte in range(256)]


@cache
def gpt2_ranks() -> dict[bytes, int]:
    """Return GPT-2's 50,256 tokens with their ranks, from the file that ships with the course, checked."""
    raw = GPT2_FILE.read_bytes()
    intact = hashlib.sha256(raw).hexdigest() == GPT2_SHA256
    require(intact, f"{GPT2_FILE} is damaged (its sha256 differs); fetch it again from the course's repository")
    pairs = (line.split() for line in raw.splitlines())
    return {base64.b64decode(token): int(rank) for token, rank in pairs}


@cache
def gpt2_encoding() -> tiktoken.Encoding:
    """Return what `tiktoken.get_encoding("gpt2")` returns, without the network: 50,257 tokens."""
    return gpt2_tokenizer().to_tiktoken("gpt2")


@cache
def gpt2_tokenizer() -> BPETokenizer:
    """Return our tokenizer with GPT-2's vocabulary: 256 bytes, 50,000 merges and `<|endoftext|>`.

    >>> gpt2_tokenizer().encode("Hello, world!")
    [15496, 11, 995, 0]
    """
    return BPETokenizer(ranks=gpt2_ranks(), special_tokens=[END_OF_TEXT])
