"""Exercises of notebook 12: a draw, temperature and odds, top-p, the penalty, positions, a cached step, bytes."""

import codecs
import itertools
import math
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises.engine.exercise import Exercise, Mistake, Probe
from course_utils.exercises.engine.probes import numbers
from course_utils.generation import keep_top_p, penalise_repetition

# --- 12.1 ---


def draw(logits: Tensor, r: float) -> int:
    """Lay the tokens along the line from 0 to 1, each as long as its probability; return the token on which r falls."""
    ends = logits.softmax(-1).cumsum(-1)
    return int((ends <= r).sum())


def draw_by_walking(logits: Tensor, r: float) -> int:
    """The same, token by token."""
    for token, probability in enumerate(torch.softmax(logits, dim=0).tolist()):
        if r < probability:
            return token
        r -= probability
    return len(logits) - 1


def places_on_the_line(chance: Random) -> list[Probe]:
    """Scores, most of them with easy probabilities, and places on the line, one of them exactly between two tokens."""
    easy = torch.tensor([1.0, 2.0, 4.0, 1.0]).log()  # 1/8, 1/4, 1/2, 1/8
    probes: list[Probe] = [(torch.zeros(4), 0.5), (torch.zeros(2), 0.7), (easy, 0.05), (easy, 0.3), (easy, 0.6)]
    probes += [(easy, 0.95), (torch.zeros(4), 0.25), (easy.flip(0), 0.2)]
    return probes + [(numbers(chance, 6), chance.uniform(0, 0.99)) for _ in range(6)]


DRAW = Exercise(
    number="12.1",
    title="Draw a token",
    name="draw",
    reference=draw,
    probes=places_on_the_line,
    alternatives=[
        draw_by_walking,
        lambda logits, r: torch.searchsorted(logits.softmax(0).cumsum(0), torch.tensor(r), right=True).item(),
    ],
    hints=[
        "First turn the scores into probabilities. Where on the line does each token end?",
        "cumsum gives the ends: probabilities 0.5, 0.3, 0.2 end at 0.5, 0.8, 1. How many ends lie at or before r?",
    ],
    mistakes=[
        Mistake(
            "You draw from the scores themselves. They can be negative and don't add up to 1: take softmax first",
            ".softmax(-1)",
            "",
        ),
        Mistake(
            "You take the likeliest token, whatever r is. That's greedy. Here r decides",
            answer=lambda logits, r: int(logits.argmax()),
        ),
        Mistake(
            "exp makes the scores positive, but they don't add up to 1 yet: divide by their sum, as softmax does",
            ".softmax(-1)",
            ".exp()",
        ),
        Mistake(
            "You compare r with each probability by itself. On the line the tokens lie end to end: add up with cumsum",
            ".cumsum(-1)",
            "",
        ),
        Mistake(
            "You're one token too far. Ids start at 0, so the number of tokens that end before r is already the answer",
            "int((ends <= r).sum())",
            "int((ends <= r).sum()) + 1",
        ),
        Mistake(
            "That's the last token that ends before r. The one after it is where r falls",
            "int((ends <= r).sum())",
            "int((ends <= r).sum()) - 1",
        ),
        Mistake(
            "You count the tokens that end after r. Count those that end at or before it",
            "ends <= r",
            "ends > r",
        ),
    ],
)

# --- 12.2 ---

ODDS = Exercise(
    number="12.2",
    title="What temperature does to the odds",
    name="odds",
    reference=(16, 2),
    hints=[
        "Softmax turns a difference of scores into a ratio of probabilities: four times as likely is a difference of "
        "ln 4. What does dividing by the temperature do to that difference?",
        "Half the temperature doubles the difference: 2 · ln 4 = ln 16.",
    ],
    mistakes=[
        Mistake(
            "You multiply the odds by 1 / T. What's multiplied is the difference of the scores, so the odds are raised "
            "to the power 1 / T",
            answer=(8, 2),
        ),
        Mistake("You swapped the two: a low temperature widens the gap, a high one narrows it", answer=(2, 16)),
        Mistake("Dividing every score by the same number keeps the order, but not the odds", answer=(4, 4)),
        Mistake("You multiply the scores by the temperature. They are divided by it", answer=(2.0, 8)),
        Mistake("That's the factor for the difference. The odds are e to the difference", answer=(2, 0.5)),
    ],
)

# --- 12.3 ---


def nucleus(probabilities: Tensor, p: float) -> Tensor:
    """Keep the fewest, likeliest tokens that reach p together, set the others to 0, and make the sum 1 again. (V,)"""
    ordered, order = probabilities.sort(descending=True)
    before = ordered.cumsum(0) - ordered  # what the likelier tokens hold together
    kept = torch.where(before < p, ordered, 0.0)
    result = torch.zeros_like(probabilities)
    result[order] = kept
    return result / result.sum()


def nucleus_by_hand(probabilities: Tensor, p: float) -> Tensor:
    """The same, token by token."""
    result, held = torch.zeros_like(probabilities), 0.0
    for token in probabilities.argsort(descending=True).tolist():
        result[token] = probabilities[token]
        held += probabilities[token].item()
        if held >= p:
            break
    return result / result.sum()


def some_distributions(chance: Random) -> list[Probe]:
    """Distributions whose sums are exact, then random ones."""
    sixteenths = torch.tensor([3.0, 8.0, 5.0]) / 16
    more = torch.tensor([1.0, 2.0, 16.0, 5.0, 8.0]) / 32
    probes: list[Probe] = [(sixteenths, 0.75), (sixteenths, 0.4), (sixteenths, 0.9), (sixteenths, 0.8125)]
    probes += [(more, 0.6), (more, 0.8), (more, 0.95)]
    return probes + [(numbers(chance, 7).softmax(0), chance.uniform(0.3, 0.95)) for _ in range(4)]


NUCLEUS = Exercise(
    number="12.3",
    title="Top-p",
    name="nucleus",
    reference=nucleus,
    probes=some_distributions,
    alternatives=[nucleus_by_hand, lambda probabilities, p: keep_top_p(probabilities.log(), p).softmax(-1)],
    hints=[
        "Sort, the likeliest first. A token stays if the likelier ones alone haven't reached p yet.",
        "probabilities.sort(descending=True) returns the values and the ids they came from; cumsum minus the value "
        "itself is what came before.",
        "Put each kept value back at its id, result[order] = kept, and divide by the sum.",
    ],
    mistakes=[
        Mistake(
            "You drop the token that crosses p. Keep it, since without it the others don't reach p",
            "before < p",
            "before + ordered <= p",
        ),
        Mistake(
            "Your result no longer adds up to 1: after the cut, divide by the sum",
            "result / result.sum()",
            "result",
        ),
        Mistake(
            "The kept values come back in sorted order, so they belong to other tokens now: put each back at its id",
            "    result = torch.zeros_like(probabilities)\n    result[order] = kept\n",
            "    result = kept\n",
        ),
        Mistake(
            "You start with the least likely tokens. Sort with descending=True",
            "descending=True",
            "descending=False",
        ),
        Mistake(
            "A second softmax brings the dropped tokens back, because e to the 0 is 1. Divide by the sum",
            "result / result.sum()",
            "torch.softmax(result, dim=0)",
        ),
        Mistake(
            "You compare p with each token's own probability. It's the sum, from the likeliest on, that has to reach p",
            answer=lambda q, p: torch.where(q >= p, q, 0.0) / torch.where(q >= p, q, 0.0).sum(),
        ),
        Mistake(
            "You keep one token too many: stop as soon as p is reached",
            "before < p",
            "before - ordered.roll(1).index_fill(0, torch.tensor([0]), 0.0) < p",
        ),
    ],
)

# --- 12.4 ---


def penalise(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Return the scores (V,) with those of the tokens in `seen` (T,) lowered, each once."""
    lowered = logits.clone()
    for token in set(seen.tolist()):
        if logits[token] > 0:
            lowered[token] = logits[token] / penalty
        else:
            lowered[token] = logits[token] * penalty
    return lowered


def scores_and_texts(chance: Random) -> list[Probe]:
    """Scores of both signs, and texts in which a token repeats."""
    scores = torch.tensor([2.0, -1.0, 0.5, -3.0])
    probes: list[Probe] = [(scores, torch.tensor(seen), 2.0) for seen in ([0], [1], [2, 2], [3, 0], [1, 1, 3], [2, 0])]
    for _ in range(4):
        seen = torch.tensor([chance.randrange(6) for _ in range(5)])
        probes.append((numbers(chance, 6, low=-3, high=3), seen, chance.uniform(1.1, 2)))
    return probes


PENALISE = Exercise(
    number="12.4",
    title="Penalise repetition",
    name="penalise",
    reference=penalise,
    probes=scores_and_texts,
    alternatives=[
        lambda logits, seen, penalty: penalise_repetition(logits[None], seen[None], penalty)[0],
        lambda logits, seen, penalty: torch.where(
            torch.isin(torch.arange(len(logits)), seen), torch.minimum(logits / penalty, logits * penalty), logits
        ),
    ],
    hints=[
        "A token that occurs five times is still one token. How do you visit each of them only once?",
        "Half of 4 is lower than 4. Is half of -4 lower than -4?",
    ],
    mistakes=[
        Mistake(
            "You divide negative scores too, and that raises them: half of -4 is -2. Multiply those",
            "logits[token] * penalty",
            "logits[token] / penalty",
        ),
        Mistake(
            "You lower a token each time it occurs. Once is enough: use set(seen.tolist())",
            "    lowered = logits.clone()\n    for token in set(seen.tolist()):\n        if logits[token] > 0:\n"
            "            lowered[token] = logits[token] / penalty\n        else:\n"
            "            lowered[token] = logits[token] * penalty\n",
            "    lowered = logits.clone()\n    for token in seen.tolist():\n        if logits[token] > 0:\n"
            "            lowered[token] = lowered[token] / penalty\n        else:\n"
            "            lowered[token] = lowered[token] * penalty\n",
        ),
        Mistake(
            "You raise what's in the text already. Positive scores are divided, negative ones multiplied",
            "if logits[token] > 0",
            "if logits[token] < 0",
        ),
        Mistake(
            "You lower the tokens that aren't in the text. Lower those that are",
            "in set(seen.tolist())",
            "in set(range(len(logits))) - set(seen.tolist())",
        ),
        Mistake(
            "You multiply positive scores too, and that raises them. Divide those",
            "logits[token] / penalty",
            "logits[token] * penalty",
        ),
        Mistake(
            "You lower every score. Lower only those of tokens in the text so far",
            "in set(seen.tolist())",
            "in range(len(logits))",
        ),
        Mistake(
            "You subtract the penalty. In this rule positive scores are divided by it and negative ones multiplied",
            answer=lambda logits, seen, penalty: logits.index_put((seen.unique(),), logits[seen.unique()] - penalty),
        ),
    ],
)

# --- 12.5 ---


def positions(attention_mask: Tensor, new: int) -> Tensor:
    """Return the position ids of the newest `new` tokens of each row, padding not counted. (B, T) -> (B, new)"""
    counted = attention_mask.int().cumsum(-1) - 1
    return counted.clamp(min=0)[:, -new:]


def positions_row_by_row(attention_mask: Tensor, new: int) -> Tensor:
    """The same, in Python."""
    rows = []
    for row in attention_mask.tolist():
        padding = row.count(False)
        rows.append([max(0, place - padding) for place in range(len(row))][len(row) - new :])
    return torch.tensor(rows)


def padded_left(chance: Random, rows: int, length: int) -> Tensor:
    """An attention mask with padding in front of some rows."""
    return torch.tensor([[place >= start for place in range(length)] for start in chance.sample(range(length), rows)])


def masks(chance: Random) -> list[Probe]:
    """Masks of unequal prompts, read whole or with a few new tokens behind them."""
    two = torch.tensor([[False, False, True, True], [True, True, True, True]])
    probes: list[Probe] = [(two, 1), (two, 2), (two, 4), (two[1:], 3)]
    return probes + [(padded_left(chance, 3, 7), new) for new in (1, 3, 7)]


POSITIONS = Exercise(
    number="12.5",
    title="Positions of new tokens",
    name="positions",
    reference=positions,
    probes=masks,
    alternatives=[positions_row_by_row],
    hints=[
        "A token's position is the number of tokens before it in its row, padding not counted.",
        "cumsum over the mask counts the tokens that aren't padding up to each position, that one included.",
        "Count over the whole row first, then take the newest. clamp(min=0) takes care of padding.",
    ],
    mistakes=[
        Mistake(
            "Your positions start at 0 again. The tokens in the cache count too, so go on from there",
            answer=lambda attention_mask, new: torch.arange(new).repeat(len(attention_mask), 1),
        ),
        Mistake(
            "You count padding as if it were text. The first token of the text has position 0, whatever padding is "
            "before it",
            answer=lambda attention_mask, new: torch.arange(attention_mask.shape[1])[-new:].repeat(
                len(attention_mask), 1
            ),
        ),
        Mistake("Positions start at 0, so subtract 1 from the count", "cumsum(-1) - 1", "cumsum(-1)"),
        Mistake(
            "You cut before you count, so the tokens in the cache are missing from the count: positions start again",
            "    counted = attention_mask.int().cumsum(-1) - 1\n    return counted.clamp(min=0)[:, -new:]",
            "    counted = attention_mask[:, -new:].int().cumsum(-1) - 1\n    return counted.clamp(min=0)",
        ),
        Mistake(
            "You return the first tokens' positions. The new ones are the last in each row",
            "[:, -new:]",
            "[:, :new]",
        ),
        Mistake(
            "Padding gets -1, which as an index means the last row of the table. Make it 0: nobody attends to it",
            "counted.clamp(min=0)",
            "counted",
        ),
        Mistake(
            "You count down the batch. A row is a text: count along it, cumsum(-1)",
            "cumsum(-1)",
            "cumsum(0)",
        ),
    ],
)

# --- 12.6 ---


def attend_newest(q: Tensor, k: Tensor, v: Tensor, past_keys: Tensor, past_values: Tensor) -> Tensor:
    """Causal attention for T new tokens, (T, D) each, after S in the cache, (S, D) each. Returns (T, D)."""
    keys = torch.cat([past_keys, k])
    values = torch.cat([past_values, v])
    T, S = len(q), len(keys)
    allowed = torch.ones(T, S, dtype=torch.bool).tril(S - T)
    scores = (q @ keys.T / math.sqrt(q.shape[1])).masked_fill(~allowed, -math.inf)
    return scores.softmax(dim=1) @ values


def attend_one_by_one(q: Tensor, k: Tensor, v: Tensor, past_keys: Tensor, past_values: Tensor) -> Tensor:
    """The same, a token at a time, without any mask."""
    rows = []
    for i in range(len(q)):
        past_keys, past_values = torch.cat([past_keys, k[i : i + 1]]), torch.cat([past_values, v[i : i + 1]])
        rows.append(torch.softmax(past_keys @ q[i] / len(q[i]) ** 0.5, dim=0) @ past_values)
    return torch.stack(rows)


def tokens_after_others(chance: Random) -> list[Probe]:
    """New tokens after some in the cache: one after one, several after several, and several after none."""
    sizes = [(1, 1, 1), (1, 2, 2), (1, 4, 2), (2, 2, 2), (3, 1, 3), (2, 0, 2), (3, 4, 4)]
    ones = torch.ones(1, 2)
    return [(torch.zeros(1, 2), ones, torch.tensor([[3.0, 5.0]]), ones, ones)] + [  # the first finds both keys alike
        (*(numbers(chance, T, D) for _ in range(3)), *(numbers(chance, past, D) for _ in range(2)))
        for T, past, D in sizes
    ]


ATTEND = Exercise(
    number="12.6",
    title="One step with a cache",
    name="attend_newest",
    reference=attend_newest,
    probes=tokens_after_others,
    alternatives=[attend_one_by_one],
    hints=[
        "The new keys and values go after those in the cache. The queries stay as they are: only the new tokens ask.",
        "The queries belong to the last of the keys. Query 0 attends to the whole cache and to the first new key.",
        "torch.ones(T, S).tril(S - T): the diagonal moves right by the length of the cache.",
    ],
    mistakes=[
        Mistake(
            "Your mask starts in the upper left corner, so the first new token sees only the very first key. The "
            "queries belong to the last keys: tril(S - T)",
            "tril(S - T)",
            "tril()",
        ),
        Mistake(
            "A new token sees the new ones after it. Several tokens at once need the causal mask",
            ".tril(S - T)",
            "",
        ),
        Mistake(
            "You don't use the cache. Put its keys and values before the new ones",
            "    keys = torch.cat([past_keys, k])\n    values = torch.cat([past_values, v])\n",
            "    keys, values = k, v\n",
        ),
        Mistake(
            "You put the new keys and values before the old ones, so the mask hides the wrong ones. New ones go last",
            "    keys = torch.cat([past_keys, k])\n    values = torch.cat([past_values, v])\n",
            "    keys = torch.cat([k, past_keys])\n    values = torch.cat([v, past_values])\n",
        ),
        Mistake(
            "Your keys and values are in different orders, so each key brings another token's value",
            "torch.cat([past_values, v])",
            "torch.cat([v, past_values])",
        ),
        Mistake(
            "Your softmax runs over the queries. Each query's weights over the keys must add up to 1: dim=1",
            "dim=1",
            "dim=0",
        ),
        Mistake(
            "The scores aren't scaled: divide them by the square root of D, as in 07",
            " / math.sqrt(q.shape[1])",
            "",
        ),
        Mistake(
            "Your masked scores are 0 instead of minus infinity, and e to the 0 is 1, so they still get weight",
            "-math.inf",
            "0.0",
        ),
    ],
)

# --- 12.7 ---


def whole_characters(tokens: list[bytes]) -> list[str]:
    """Return what may be shown after each token: everything not yet shown, or "" while its last character is cut."""
    shown, waiting = [], b""
    for token in tokens:
        waiting += token
        text = waiting.decode(errors="replace")
        cut = text.endswith("\ufffd")
        shown.append("" if cut else text)
        waiting = waiting if cut else b""
    return shown


def whole_characters_by_trying(tokens: list[bytes]) -> list[str]:
    """The same, with the error that half a character raises."""
    shown: list[str] = []
    for number in range(len(tokens)):
        try:
            shown.append(b"".join(tokens[: number + 1]).decode()[len("".join(shown)) :])
        except UnicodeDecodeError:
            shown.append("")
    return shown


def whole_characters_at_once(tokens: list[bytes]) -> Iterator[str]:
    """The same, but what stands before half a character in its token is shown and doesn't wait with it."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    return map(decoder.decode, tokens)


def stream(answer: Callable, tokens: list[bytes]) -> Any:
    """Let an answer stream. Whole characters may wait with the half one behind them, or not: here they always do."""
    shown = answer(tokens)
    shown = list(shown) if isinstance(shown, list | tuple | Iterator) else shown
    if not isinstance(shown, list) or len(shown) != len(tokens) or not all(isinstance(text, str) for text in shown):
        return shown
    for i, data in enumerate(itertools.accumulate(tokens[:-1])):
        ready = data.decode(errors="ignore")
        if ready.encode() != data and ready == "".join(shown[: i + 1]):
            shown[i : i + 2] = "", shown[i] + shown[i + 1]
    return shown


def cut_into_tokens(chance: Random) -> list[Probe]:
    """Texts as bytes, cut where a tokenizer may cut: also inside characters."""
    probes: list[Probe] = [([b"a", b"b"],), ([b"\xc3", b"\xa9"],), ([b"a", b"b\xc3", b"\xa9", b"c"],)]
    probes.append((["€".encode()[:1], "€".encode()[1:2], "€".encode()[2:], b"!"],))
    for _ in range(4):
        data = "".join(chance.choice("ab é€ß") for _ in range(6)).encode()
        cuts = [0, *sorted(chance.sample(range(1, len(data)), min(4, len(data) - 1))), len(data)]
        probes.append(([data[a:b] for a, b in itertools.pairwise(cuts)],))
    return probes


STREAM = Exercise(
    number="12.7",
    title="Never half a character",
    name="whole_characters",
    reference=whole_characters,
    probes=cut_into_tokens,
    use=stream,
    alternatives=[whole_characters_by_trying, whole_characters_at_once],
    hints=[
        "Bytes that aren't a whole character yet have to wait for the next token. Where do you keep them?",
        'waiting.decode(errors="replace") ends with "\\ufffd" while its last character is cut.',
    ],
    mistakes=[
        Mistake(
            "You decode each token by itself, so the bytes of a character never meet. Keep those that wait",
            "waiting += token",
            "waiting = token",
        ),
        Mistake(
            "You show everything again at each step. What's been shown doesn't wait any more",
            'waiting = waiting if cut else b""',
            "waiting = waiting",
        ),
        Mistake(
            "You show half characters. Show nothing until the rest has arrived",
            '"" if cut else text',
            "text",
        ),
        Mistake(
            "You show the whole text at the end. A stream shows what's ready after each token",
            answer=lambda tokens: ["" for _ in tokens[1:]] + [b"".join(tokens).decode()],
        ),
        Mistake(
            "You drop bytes that can't be decoded yet, and the character is lost with them. Keep them for later",
            answer=lambda tokens: [token.decode(errors="ignore") for token in tokens],
        ),
    ],
)

EXERCISES = [DRAW, ODDS, NUCLEUS, PENALISE, POSITIONS, ATTEND, STREAM]
