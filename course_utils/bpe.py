"""Byte pair encoding: training by merges, encoding by rank, and conversion from and to tiktoken.

The idea is Gage's (1994, for compression); Sennrich et al. brought it to text (2016, arXiv 1508.07909) and
Radford et al. to bytes (2019, GPT-2).
"""

import base64
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache, partial
from heapq import heapify, heappop, heappush
from itertools import chain, islice, pairwise
from operator import index
from pathlib import PurePath

import regex
import tiktoken

from course_utils.common import DATA, require
from course_utils.text import names_file, require_text
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

# How GPT-2 cuts text before any merge: contractions, then words, numbers and signs, each with the space before it.
# Of several spaces `\s+(?!\S)` takes all but the last, which goes with the word after it.
GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
# The same for tiktoken, whose engine would otherwise give up on a text that ends in a million spaces: `\s++` gives none
# of them back.
TIKTOKEN_PATTERN = GPT2_PATTERN.replace(r"\s+(?!\S)", r"\s++$|\s+(?!\S)")
GPT2_FILE = DATA / "gpt2" / "gpt2.tiktoken"
GPT2_SHA256 = "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930"

# As a list of pieces a text takes many times its own memory, so a long one is cut a million characters at a time.
CHUNK = 1 << 20
# A piece longer than a window is encoded window by window, each of which takes up the last tokens of the one before.
WINDOW, OVERLAP = 256, 4
# How much text of a stream is cut at once, in characters, when its chunks are smaller.
BATCH = 1 << 12
# How many pieces at the end of a chunk the next one may still change. GPT-2's pattern needs two.
UNSETTLED = 4


def count_pairs(ids: list[int]) -> dict[Pair, int]:
    """Return how often each pair of neighbours occurs, in the order in which they appear.

    >>> count_pairs([1, 2, 3, 1, 2])
    {(1, 2): 2, (2, 3): 1, (3, 1): 1}
    """
    return dict(Counter(pairwise(ids)))


def merge(ids: list[int], pair: Pair, new_id: int) -> list[int]:
    """Return ids with each occurrence of `pair`, from left to right, replaced by `new_id`.

    >>> merge([97, 97, 97, 98, 100, 97, 97, 97, 98, 97, 99], (97, 97), 666)
    [666, 97, 98, 100, 666, 97, 98, 97, 99]
    """
    pair = tuple(pair)  # JSON turns pairs into lists, and a list never equals a tuple
    merged = []
    i = 0
    while i < len(ids):
        found = tuple(ids[i : i + 2]) == pair
        merged.append(new_id if found else ids[i])
        # A merged pair is used up: its second half can't begin another one, so "aaa" is (aa, a).
        i += 2 if found else 1
    return merged


class PairQueue:
    """Gives the most frequent pair; if several are, the one whose tokens' bytes sort last."""

    def __init__(self, totals: Mapping[Pair, int]):
        # Shared with the index, which keeps counting. Totals fall all the time and a heap can't change an entry, so
        # an entry is only corrected when it comes up.
        self.totals = totals
        # Python's heap gives the smallest entry first and we want the largest, so bytes are mirrored: 255 for 0. Each
        # token ends with character 256, above all bytes: so "ab", which sorts after "a", comes out before it.
        self.mirrored = [chr(255 - byte) + chr(256) for byte in range(256)]
        self.heap = [self.entry(pair) for pair in totals]
        heapify(self.heap)

    def entry(self, pair: Pair) -> tuple[int, str, Pair]:
        """Return a pair behind what it's sorted by: its total, then its bytes."""
        return -self.totals[pair], self.mirrored[pair[0]] + self.mirrored[pair[1]], pair

    def push(self, pair: Pair) -> None:
        """Enter a pair, unless it no longer occurs."""
        if self.totals[pair] > 0:
            heappush(self.heap, self.entry(pair))

    def pop(self) -> Pair | None:
        """Return the next pair to merge, whose token gets the next id; `None` when no pair is left."""
        while self.heap:
            count, _, pair = heappop(self.heap)
            if -count == self.totals[pair]:
                # The new token is sorted by its bytes too: both halves, with one closing character.
                self.mirrored.append(self.mirrored[pair[0]][:-1] + self.mirrored[pair[1]])
                return pair
            # The entry was out of date. A total only ever falls, so the pair's true position is further back.
            self.push(pair)
        return None


class PairIndex:
    """Where each pair of neighbouring tokens occurs, and how often, kept up to date while pairs are merged."""

    def __init__(self, piece_counts: Mapping[bytes, int]):
        # All distinct pieces in one row, separated by -1. A token's id stands at its first position in `head` and at
        # its last in `tail`, so its neighbours on both sides are one step away, however long the tokens are.
        self.head = []
        self.weight = []
        for piece, count in piece_counts.items():
            self.head += [*piece, -1]
            self.weight += [count] * (len(piece) + 1)  # the separator has one too, so that positions agree
        self.tail = self.head.copy()
        self.length = [1] * 256  # of each token, in bytes
        self.positions = defaultdict(list)
        self.totals = Counter()
        for position, pair in enumerate(pairwise(self.head)):
            if -1 not in pair:  # pairs never reach across the border of two pieces
                self.note(pair, position)

    def note(self, pair: Pair, position: int) -> None:
        """Count one occurrence of a pair, as often as the piece around it occurs in the text."""
        self.positions[pair].append(position)
        self.totals[pair] += self.weight[position]

    def merge(self, pair: Pair) -> set[Pair]:
        """Replace a pair by a new token wherever it occurs; return the pairs that the new token is part of.

        Only the positions where the pair occurs are visited, so the cost grows little faster than the text, and not
        with text times merges.
        """
        left, right = pair
        new = len(self.length)
        self.length.append(self.length[left] + self.length[right])
        born = set()
        # Positions were noted from left to right, so "aaa" becomes (aa, a), never (a, aa).
        for start in self.positions.pop(pair):
            middle = start + self.length[left]
            # One of the two may be used up already, as in "aaa", where (a, a) occurs twice.
            if self.head[start] != left or self.head[middle] != right:
                continue
            end = middle + self.length[right]
            # At the very beginning tail[-1] is the row's last entry, which is -1 as well: nothing stands before.
            before = self.tail[start - 1]
            after = self.head[end]
            # Each neighbour had a pair with one half and now has one with the new token.
            if before >= 0:
                self.totals[before, left] -= self.weight[start]
                self.note((before, new), start - self.length[before])
                born.add((before, new))
            if after >= 0:
                self.totals[right, after] -= self.weight[start]
                self.note((new, after), start)
                born.add((new, after))
            self.head[start] = self.tail[end - 1] = new
            self.head[middle] = -1  # used up: no pair begins here any more
        del self.totals[pair]
        return born


def train_bpe(
    texts: str | Iterable[str],
    vocab_size: int,
    special_tokens: Sequence[str] = (),
    pattern: str = GPT2_PATTERN,
) -> list[Pair]:
    """Return the merges learned from a text, or from texts that come one by one; merge i makes token 256 + i.

    Training ends at `vocab_size` tokens (256 bytes, merges and special tokens together), or when no pair is left.

    >>> train_bpe("aaabdaaabac", vocab_size=258)
    [(97, 97), (256, 97)]
    """
    check_special_tokens(special_tokens)
    fewest = 256 + len(special_tokens)
    require(hasattr(vocab_size, "__index__"), f"vocab_size is {vocab_size!r}; it takes a whole number")
    require(vocab_size >= fewest, f"vocab_size is {vocab_size}; it takes at least {fewest}: bytes and special tokens")
    # Counting pieces first pays: a word that occurs a thousand times is merged once, with a weight of 1,000.
    index = PairIndex(count_pieces(texts, special_tokens, pattern))
    queue = PairQueue(index.totals)
    merges = []
    while len(merges) < vocab_size - fewest and (pair := queue.pop()):
        merges.append(pair)
        # Some of these are gone again: "aaaa" makes (aa, a) on its way to (aa, aa). `push` leaves them out.
        for fresh in index.merge(pair):
            queue.push(fresh)
    return merges


def count_pieces(
    texts: str | Iterable[str], special_tokens: Sequence[str] = (), pattern: str = GPT2_PATTERN
) -> dict[bytes, int]:
    """Return how often each piece occurs, as bytes; only the counts stay in memory, however long the texts are.

    >>> count_pieces(["to be or", "not to be"])
    {b'to': 1, b' be': 2, b' or': 1, b'not': 1, b' to': 1}
    """
    if isinstance(texts, str | bytes | PurePath) or not isinstance(texts, Iterable):
        require_text(texts, "texts")
    compiled = compile_pattern(pattern)
    counts = Counter()
    # A string is an iterable too, of characters: it would count as many texts of one letter.
    for text in [texts] if isinstance(texts, str) else texts:
        require(isinstance(text, str), f"a text is a {type(text).__name__}; it takes strings")
        require(not names_file(text), f"a text is {text!r:.80}, the name of a file; it takes what the file holds")
        chunks = (text[i : i + CHUNK] for i in range(0, len(text), CHUNK))
        for pieces, _ in stream_pieces(chunks, compiled, special_tokens):
            counts.update(pieces)
    # Characters become bytes only now: 15,000 different pieces have to be encoded, not all 300,000.
    return {to_utf8(piece): count for piece, count in counts.items()}


def stream_pieces(
    chunks: Iterable[str], pattern: regex.Pattern, special_tokens: Collection[str]
) -> Iterator[tuple[list[str], str | None]]:
    """Cut a text that comes in chunks into the pieces of the whole text: yield some, with the special token after.

    The last pieces of a chunk may be cut differently once the next one is there, so they're held back.
    """
    longest = max(map(len, special_tokens), default=0)
    waiting, size, enough = [], 0, 0
    for text in gather(chunks):
        waiting.append(text)
        size += len(text)
        # What was held back has to be cut again. Wait for as much new text, and a long piece is cut a few times only,
        # each time twice as long, and not once for every chunk of it.
        if size >= enough:
            held = yield from cut_settled("".join(waiting), pattern, special_tokens, longest)
            waiting, size, enough = [held], len(held), 2 * len(held)
    yield from cut_settled("".join(waiting), pattern, special_tokens, None)


def gather(chunks: Iterable[str]) -> Iterator[str]:
    """Join small chunks to longer ones: at first one at a time, then twice as many, until `BATCH` characters make one.

    >>> list(gather("abcdefg"))
    ['a', 'bc', 'defg']
    """
    # A step of Python for each character would cost more than to encode it; `islice` and `join` take none.
    chunks, count = iter(chunks), 1
    while batch := list(islice(chunks, count)):
        try:
            text = "".join(batch)
        except TypeError:
            odd = next(type(chunk).__name__ for chunk in batch if not isinstance(chunk, str))
            raise ValueError(f"a chunk is a {odd}; it takes strings") from None
        yield text
        count = min(2 * count, BATCH) if len(text) < BATCH else max(1, count // 2)


def cut_settled(
    text: str, pattern: regex.Pattern, special_tokens: Collection[str], longest: int | None
) -> Generator[tuple[list[str], str | None], None, str]:
    """Yield the pieces of a text that stay as they are, whatever follows; return what has to be cut again.

    `longest` is the length of the longest special token, or None at the end of the text, where nothing follows.
    """
    # Text and special tokens alternate, and the last part is text. It may still grow; all before it is final.
    *done, last = split_special(text, special_tokens)
    for ordinary, special in zip(done[::2], done[1::2], strict=True):
        yield split_pieces(ordinary, pattern), special
    pieces = split_pieces(last, pattern)
    settled = len(pieces) if longest is None else count_settled(pieces, longest)
    yield pieces[:settled], None
    return "".join(pieces[settled:])


def count_settled(pieces: Sequence[str], longest: int) -> int:
    """Return how many of the pieces stay as they are, whatever text follows.

    The last characters may be the start of a special token of up to `longest` characters, and that changes how the
    pieces before it are cut.
    """
    # Go back over the characters that might begin a special token, then over the pieces the pattern might change.
    length = 0
    for i in reversed(range(len(pieces))):
        length += len(pieces[i])
        if length >= longest:
            return max(0, i + 1 - UNSETTLED)
    return 0


def compile_pattern(pattern: str) -> regex.Pattern:
    """Compile a pattern that cuts text into pieces; refuse one that isn't a pattern or captures groups."""
    require(isinstance(pattern, str), f"the pattern is {pattern!r}; it takes a string")
    try:
        compiled = regex.compile(pattern)
    except regex.error as error:
        raise ValueError(f"the pattern {pattern!r} does not compile: {error}") from None
    # With groups `findall` returns what they caught, not the whole pieces.
    require(compiled.groups == 0, f"the pattern {pattern!r} captures groups; write them as (?:...)")
    return compiled


def split_pieces(text: str, pattern: regex.Pattern) -> list[str]:
    """Cut ordinary text into pieces; a pattern that would lose some of it raises a `ValueError`.

    >>> split_pieces("We'll see  why", compile_pattern(GPT2_PATTERN))
    ['We', "'ll", ' see', ' ', ' why']
    """
    # `findall` passes over what the pattern doesn't match, in silence. The lengths show it.
    pieces = pattern.findall(text)
    require(sum(map(len, pieces)) == len(text), "the pattern skips part of the text; it must match every character")
    return pieces


def to_utf8(text: str) -> bytes:
    """Return a text as UTF-8 bytes; a surrogate, half a character without bytes of its own, raises a `ValueError`."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        pair = regex.compile(r"[\ud800-\udbff][\udc00-\udfff]").match(text, error.start)
        found, kind = (pair[0], "surrogate pair") if pair else (text[error.start], "lone surrogate")
        raise ValueError(
            f"the text holds {found!a}, a {kind}: halves of characters, as UTF-16 has them, which UTF-8 can't "
            "write. text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace') joins the two of a pair and "
            "puts U+FFFD in the place of one that stands alone"
        ) from None


def encode_piece(piece: bytes, ranks: dict[bytes, int]) -> list[int]:
    """Return the ids of one piece: neighbours that form a token merge, the lowest rank first, then the leftmost.

    >>> encode_piece(b"abab", {b"a": 0, b"b": 1, b"ab": 2})
    [2, 2]
    """
    # As in tiktoken, a piece that is itself a token is never split, even if merges wouldn't get there.
    if piece in ranks:
        return [ranks[piece]]
    # Scanning all pairs after each merge would take n squared steps; the heap needs n log n.
    size = len(piece)
    ends = list(range(1, size + 1))  # the token that starts at i ends before ends[i]
    starts = list(range(-1, size))  # the token that ends before i starts at starts[i]
    # An entry is the rank of what two neighbours would form, and from where to where. Of equal ranks the smaller start
    # comes first, which is the leftmost.
    heap = [(ranks[piece[i : i + 2]], i, i + 2) for i in range(size - 1) if piece[i : i + 2] in ranks]
    heapify(heap)
    while heap:
        _, start, end = heappop(heap)
        middle = ends[start]
        # Out of date: one of the two tokens has been merged with its other neighbour since.
        if middle >= end or ends[middle] != end:
            continue
        ends[start] = end
        starts[end] = start
        ends[middle] = size + 1  # used up: past every end, so no entry fits it any more
        # The new token may form another one with its neighbour on either side.
        if start > 0 and (joined := piece[starts[start] : end]) in ranks:
            heappush(heap, (ranks[joined], starts[start], end))
        if end < size and (joined := piece[start : ends[end]]) in ranks:
            heappush(heap, (ranks[joined], start, ends[end]))
    # What is left starts at 0, then wherever the token before it ends.
    ids = []
    start = 0
    while start < size:
        ids.append(ranks[piece[start : ends[start]]])
        start = ends[start]
    return ids


class LongPieces:
    """Encodes pieces of any length as `encode_piece` does, in time that grows with their length and no faster.

    Why windows do: in a text's ids no merge has crossed the border between two neighbours, so encoded on their own
    the two come out the same. And ids of which that's true for every two neighbours are those of the whole text: the
    first merge across a border would also happen with only the two tokens there. So each pair must be seen once.
    """

    def __init__(self, ranks: Mapping[bytes, int]):
        self.ranks = ranks
        self.lengths = {token_id: len(token) for token, token_id in ranks.items()}
        # No window may be a token itself: it would be taken whole, even where merges don't lead to it.
        self.longest = max(self.lengths.values())
        self.size = max(WINDOW, self.longest + 1)

    def encode(self, piece: bytes) -> list[int]:
        """Return the ids of one piece."""
        # Long pieces are mostly a rule of dashes, or a line copied many times: the same windows come again and again.
        window_ids = lru_cache(maxsize=1024)(partial(encode_piece, ranks=self.ranks))
        ids = []
        for end in range(0, len(piece), self.size):
            again, fresh = self.extend(piece, ids, end, window_ids)
            ids[len(ids) - again :] = fresh
        return ids

    def extend(
        self, piece: bytes, ids: Sequence[int], end: int, window_ids: Callable[[bytes], list[int]]
    ) -> tuple[int, list[int]]:
        """Return how many of the ids, which reach to `end`, to take back, and those that come instead, a window on."""
        stop = min(end + self.size, len(piece))
        again = OVERLAP
        while True:
            last = ids[-again:]
            start = end - sum(map(self.lengths.__getitem__, last))
            fresh = window_ids(piece[start:stop])
            # If it begins with the token that stood there, it has seen that one's pair with the next. If not, the new
            # text has changed more than was taken back.
            if start == 0 or (fresh[0] == last[0] and stop - start > self.longest):
                return len(last), fresh
            again *= 2


class PieceCache(dict[str, list[int]]):
    """The ids of pieces seen before: a language repeats its words, so most pieces are encoded only once.

    At `most` pieces it starts again from nothing. Pieces longer than a word aren't kept: they hardly ever come back.
    """

    def __init__(self, ranks: Mapping[bytes, int], most: int = 1 << 16, longest: int = 40):
        self.ranks = ranks
        self.most = most
        self.longest = longest
        self.long_pieces = LongPieces(ranks)

    def __missing__(self, piece: str) -> list[int]:
        """Encode a piece that isn't there yet, and keep it."""
        raw = to_utf8(piece)
        ids = encode_piece(raw, self.ranks) if len(raw) <= WINDOW else self.long_pieces.encode(raw)
        # Cheaper than remembering which piece was used last: the common words are back after a page.
        if len(self) >= self.most:
            self.clear()
        if len(piece) <= self.longest:
            self[piece] = ids
        return ids


class BPETokenizer(Tokenizer):
    """Byte pair encoding: it can encode any text, since all 256 bytes are tokens.

    Made from merges, as `train_bpe` returns them, or from `ranks` as tiktoken has them: the id of each token's
    bytes, where the lower id merges first. Special tokens get the ids after the last one, or those you give.
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
        require(isinstance(ranks, Mapping), f"ranks is a {type(ranks).__name__}; it takes a dictionary, bytes to id")
        odd = next((token for token in ranks if not isinstance(token, bytes)), b"")
        require(odd == b"", f"a token of the ranks is {odd!r:.40}; each takes its bytes, like b'the'")
        # With a byte missing, some text has no tokens, and tiktoken ends in a panic that isn't even an `Exception`.
        missing = [byte for byte in range(256) if bytes([byte]) not in ranks]
        require(not missing, f"the ranks lack the bytes {missing[:5]}; they take all 256")
        if not isinstance(special_tokens, Mapping):
            check_special_tokens(special_tokens)
            first = max(ranks.values()) + 1
            special_tokens = {name: first + i for i, name in enumerate(special_tokens)}
        super().__init__(ranks, special_tokens)
        # Tokens are joined as bytes, special ones included: one character may be spread over several tokens.
        self.tokens |= {token_id: name.encode() for name, token_id in special_tokens.items()}
        self.ranks = self.vocab
        self.pattern = pattern
        self.compiled = compile_pattern(pattern)
        self.cache = PieceCache(self.ranks)

    def encode_ordinary(self, text: str) -> list[int]:
        """Return the ids of text without special tokens."""
        pieces = split_pieces(text, self.compiled)
        # By [piece], not `get`, which never calls `__missing__`. `map` does it without a step of Python per piece.
        return list(chain.from_iterable(map(self.cache.__getitem__, pieces)))

    def join(self, tokens: Sequence[bytes]) -> str:
        """Return the text of tokens; bytes that aren't UTF-8, such as half a character, become U+FFFD."""
        # A model may generate any bytes in any order, so decoding must never fail.
        return b"".join(tokens).decode("utf-8", errors="replace")

    @classmethod
    def from_tiktoken(cls, encoding: tiktoken.Encoding) -> "BPETokenizer":
        """Return a tokenizer that gives exactly the ids of a tiktoken encoding."""
        told = f"encoding is {encoding!r:.40}; it takes a tiktoken.Encoding, as tiktoken.get_encoding returns it"
        require(isinstance(encoding, tiktoken.Encoding), told)
        # tiktoken has no public names for these. Its README, too, tells people to take them from here.
        pattern = GPT2_PATTERN if encoding._pat_str == TIKTOKEN_PATTERN else encoding._pat_str
        return cls(ranks=encoding._mergeable_ranks, special_tokens=encoding._special_tokens, pattern=pattern)

    def to_tiktoken(self, name: str = "course") -> tiktoken.Encoding:
        """Return a tiktoken encoding that gives exactly this tokenizer's ids."""
        pattern = TIKTOKEN_PATTERN if self.pattern == GPT2_PATTERN else self.pattern
        return tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=self.ranks, special_tokens=self.special_tokens)

    @classmethod
    def from_settings(cls, vocab: Mapping[str, int], **settings: object) -> "BPETokenizer":
        """Make a tokenizer from the parts of its `to_dict`."""
        # The constructor would take a dictionary of strings for one of bytes that lacks all 256.
        return cls(ranks={token.encode("latin-1"): i for token, i in vocab.items()}, **settings)

    def to_dict(self) -> dict:
        """Return the tokenizer ready for JSON, each byte of a token as the character with the same number."""
        # JSON has no bytes. Latin-1 maps each of the 256 to a character of its own, and back without loss.
        vocab = {token.decode("latin-1"): token_id for token, token_id in self.ranks.items()}
        return super().to_dict() | {"vocab": vocab, "pattern": self.pattern}


def ranks_from_merges(merges: Sequence[Pair]) -> dict[bytes, int]:
    """Return the id of each token's bytes: 0 to 255 for the bytes, 256 + i for the i-th merge.

    >>> ranks_from_merges([(97, 97), (256, 98)])[b"aab"]
    257
    """
    # A dictionary of merges has ids of its own, a text has none.
    listed = isinstance(merges, Iterable) and not isinstance(merges, str | bytes | Mapping)
    require(listed, f"merges is a {type(merges).__name__}; it takes a list of pairs of ids, as train_bpe returns")
    # A merge may only use tokens made before it. That's why the order of the ids is the order of the merges.
    tokens = [bytes([byte]) for byte in range(256)]
    for pair in merges:
        try:
            left, right = map(index, pair)
        except (TypeError, ValueError):  # not two, or not whole numbers
            left = right = -1
        known = min(left, right) >= 0 and max(left, right) < len(tokens)
        require(known, f"merge {len(tokens) - 256} is {pair!r:.60}; it takes two ids below {len(tokens)}")
        tokens.append(tokens[left] + tokens[right])
    ranks = {token: token_id for token_id, token in enumerate(tokens)}
    # "a" + "bc" and "ab" + "c" would be one entry here: the second id in, the first one lost.
    require(len(ranks) == len(tokens), "two merges make the same token; each takes bytes of its own")
    return ranks


def merges_from_ranks(ranks: Mapping[bytes, int]) -> list[Pair]:
    """Return the merges behind tiktoken's ranks: for each token the two parts it was merged from.

    A token that merges can't reach is left out.
    """
    # tiktoken's file has the tokens and no merges. But it has them in order: encode a token with only those made
    # before it, and what stops one merge short of it are the two parts.
    known = {token: token_id for token, token_id in ranks.items() if len(token) == 1}
    merges = []
    for token in sorted(ranks, key=ranks.__getitem__):
        if len(token) > 1:
            parts = encode_piece(token, known)
            if len(parts) == 2:
                merges.append((parts[0], parts[1]))
            known[token] = ranks[token]
    return merges


def encode_stream(
    tokenizer: BPETokenizer,
    chunks: Iterable[str],
    allowed_special: SpecialChoice = (),
    disallowed_special: SpecialChoice = "all",
) -> Iterator[list[int]]:
    """Encode a text that comes in chunks of any size; the ids are those of the whole text.

    That's true of GPT-2's pattern, and of any other in which the text that follows changes four pieces at most. Ids
    come out some chunks later than their text went in, and tiny chunks are first gathered to a few thousand characters.

    >>> tokenizer = BPETokenizer(train_bpe("low lower lowest", 260))
    >>> sum(encode_stream(tokenizer, ["low lo", "wer"]), []) == tokenizer.encode("low lower")
    True
    """
    require_bpe(tokenizer)
    one_by_one = isinstance(chunks, Iterable) and not isinstance(chunks, str | bytes)
    told = "it takes strings one by one: a list, an open file; for a text in one piece there's tokenizer.encode"
    require(one_by_one, f"chunks is a {type(chunks).__name__}; {told}")
    # All this is said at once. A generator would begin to check when somebody asks for its first ids.
    return stream_ids(tokenizer, chunks, *choose_special(tokenizer.special_tokens, allowed_special, disallowed_special))


def stream_ids(
    tokenizer: BPETokenizer, chunks: Iterable[str], allowed: set[str], refused: set[str]
) -> Iterator[list[int]]:
    """Yield the ids of a text that comes in chunks, some at a time."""
    # Refused ones have to be found too. They may be spelled across two chunks, where looking at each wouldn't do.
    for pieces, special in stream_pieces(chunks, tokenizer.compiled, allowed | refused):
        ids = list(chain.from_iterable(map(tokenizer.cache.__getitem__, pieces)))
        if special is not None:
            refuse_special(special, refused)
            ids.append(tokenizer.special_tokens[special])
        yield ids


def require_bpe(tokenizer: object) -> None:
    """Raise a `ValueError` unless this is a tokenizer by byte pair encoding."""
    kind = type(tokenizer).__name__
    require(isinstance(tokenizer, BPETokenizer), f"tokenizer is a {kind}; it takes a BPETokenizer")


def tokenizer_json(tokenizer: BPETokenizer) -> str:
    """Return the text of a `tokenizer.json`, with which Hugging Face's `tokenizers` gives the same ids.

    There every special token in a text is recognised, as with `allowed_special="all"` here.
    """
    require_bpe(tokenizer)
    # Their vocabulary is text, so a token is written with the letters that GPT-2's files have for its bytes.
    letters = byte_letters()
    written = {token: "".join(letters[byte] for byte in token) for token in tokenizer.ranks}
    by_id = {token_id: written[token] for token, token_id in tokenizer.ranks.items()}
    special = tokenizer.special_tokens.items()
    # "normalized": the spelling is looked for in the text as it is. No spaces are swallowed on either side.
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    # Our own pattern cuts the text, so the byte level that follows must not cut again with GPT-2's.
    split = {"type": "Split", "pattern": {"Regex": tokenizer.pattern}, "behavior": "Isolated", "invert": False}
    to_letters = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    # Special tokens are in the vocabulary and listed apart: they're found in a text before the pattern cuts it.
    # "ignore_merges": a piece that is itself a token becomes that token at once, as in tiktoken and here.
    # What isn't used is there all the same, as null: some readers look up every part without asking whether it exists.
    unused = ("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix")
    model = {
        "type": "BPE",
        **dict.fromkeys(unused),
        "fuse_unk": False,
        "byte_fallback": False,
        "vocab": {written[token]: token_id for token, token_id in tokenizer.ranks.items()} | dict(special),
        "merges": [[by_id[left], by_id[right]] for left, right in merges_from_ranks(tokenizer.ranks)],
        "ignore_merges": True,
    }
    return json.dumps(
        {
            "version": "1.0",
            **dict.fromkeys(("truncation", "padding", "normalizer", "post_processor")),
            "added_tokens": [{"id": token_id, "content": name} | flags for name, token_id in special],
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, to_letters]},
            "decoder": to_letters,  # the same letters, read the other way
            "model": model,
        }
    )


# Which kinds of parts leave the ids as a `BPETokenizer` gives them. A post-processor for bytes only moves offsets.
HARMLESS = {
    **dict.fromkeys(("normalizer", "truncation", "padding"), (None,)),
    "post_processor": (None, "ByteLevel"),
    "decoder": ("ByteLevel",),
    "model": ("BPE",),
}


def from_tokenizer_json(text: str) -> BPETokenizer:
    """Return the tokenizer that a `tokenizer.json` describes, ours or another byte-level one; it gives the same ids.

    With `allowed_special="all"`, that is: a file can't say otherwise. A part that we have no match for is refused.

    >>> tokenizer = BPETokenizer(train_bpe("low lower lowest", 260), ["<|user|>"])
    >>> from_tokenizer_json(tokenizer_json(tokenizer)).encode("lower") == tokenizer.encode("lower")
    True
    """
    require_text(text)
    try:
        data = json.loads(text)
        vocab, special = data["model"]["vocab"], {token["content"]: token["id"] for token in data["added_tokens"]}
        check_parts(data)
        ranks = ranks_from_letters({token: token_id for token, token_id in vocab.items() if token not in special})
        check_merges(data["model"], ranks)
        return BPETokenizer(ranks=ranks, special_tokens=special, pattern=pattern_of(data["pre_tokenizer"]))
    except (json.JSONDecodeError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no tokenizer.json of byte pair encoding: {error!r:.80}") from None


def check_parts(data: Mapping) -> None:
    """Refuse a `tokenizer.json` of which a part changes the text, the ids, or where special tokens are found."""
    for name, kinds in HARMLESS.items():
        part = data.get(name)
        kind = part.get("type", part) if isinstance(part, dict) else part
        require_part(kind in kinds, f"{name} is {kind!r:.200}")
    for name in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
        require_part(not data["model"].get(name), f"model's {name} is {data['model'].get(name)!r}")
    for token in data["added_tokens"]:
        changed = [flag for flag in ("single_word", "lstrip", "rstrip") if token.get(flag)]
        require_part(token.get("special") and not changed, f"added token {token!r} isn't a plain special one")


def check_merges(model: Mapping, ranks: Mapping[bytes, int]) -> None:
    """Refuse a model whose merges aren't those behind its ids, or that would split a token which no merge makes."""
    # A merge is a pair or, in older files, both halves in one string.
    pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]]
    ours = merges_from_ranks(ranks)
    same = ours == [(model["vocab"][left], model["vocab"][right]) for left, right in pairs]
    require_part(same, "list of merges isn't the one that its ids stand for")
    complete = model.get("ignore_merges") or 256 + len(ours) == len(ranks)
    require_part(complete, "ignore_merges is false, and there are tokens that no merge makes")


def require_part(condition: bool, problem: str) -> None:
    """Refuse a `tokenizer.json` for the sake of one of its parts."""
    told = "A BPETokenizer would give other ids, so this tokenizer.json can't be read as one"
    require(condition, f"its {problem}. {told}")


def ranks_from_letters(vocab: Mapping[str, int]) -> dict[bytes, int]:
    """Return the ranks of tokens that are written with GPT-2's letters for bytes."""
    byte_of = {letter: byte for byte, letter in enumerate(byte_letters())}
    odd = next((token for token in vocab if not byte_of.keys() >= set(token)), None)
    require_part(odd is None, f"token {odd!r} isn't written in GPT-2's letters for bytes")
    return {bytes(map(byte_of.__getitem__, token)): token_id for token, token_id in vocab.items()}


def pattern_of(pre_tokenizer: object) -> str:
    """Return the pattern by which a `tokenizer.json` cuts text: its own, or GPT-2's, which the byte level brings."""
    pattern = None
    match pre_tokenizer:
        case {"type": "ByteLevel", "add_prefix_space": False}:
            pattern = GPT2_PATTERN if pre_tokenizer.get("use_regex", True) else None
        case {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": found}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
            ],
        }:
            pattern = found
    require_part(pattern is not None, f"pre_tokenizer is {pre_tokenizer!r:.300}")
    return pattern


def byte_letters() -> list[str]:
    """Return the visible character that GPT-2's files have in place of each byte, so that tokens are readable text."""
    visible = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    # Spaces, control characters and the like take the next free code points from 256 on: a space becomes "Ġ".
    hidden = [byte for byte in range(256) if byte not in visible]
    return [chr(byte) if byte in visible else chr(256 + hidden.index(byte)) for byte in range(256)]


@cache  # the file is read once; everybody shares the result, so nobody may change it
def gpt2_ranks() -> dict[bytes, int]:
    """Return GPT-2's 50,256 tokens with their ranks, from the file that ships with the course; it's checked first."""
    raw = GPT2_FILE.read_bytes()
    # One damaged line would change the ids of some texts, and nothing would fail: the model would only be worse.
    intact = hashlib.sha256(raw).hexdigest() == GPT2_SHA256
    require(intact, f"{GPT2_FILE} is damaged (its sha256 differs); fetch it again from the course's repository")
    # One line per token, in tiktoken's own format: its bytes in base64, since they needn't be text, and its rank.
    pairs = (line.split() for line in raw.splitlines())
    return {base64.b64decode(token): int(rank) for token, rank in pairs}


@cache
def gpt2_encoding() -> tiktoken.Encoding:
    """Return what `tiktoken.get_encoding("gpt2")` returns, but without a download: 50,257 tokens."""
    return gpt2_tokenizer().to_tiktoken("gpt2")


@cache
def gpt2_tokenizer() -> BPETokenizer:
    """Return our tokenizer with GPT-2's vocabulary: 256 bytes, 50,000 merges and `<|endoftext|>`.

    >>> gpt2_tokenizer().encode("Hello, world!")
    [15496, 11, 995, 0]
    """
    return BPETokenizer(ranks=gpt2_ranks(), special_tokens=[END_OF_TEXT])
