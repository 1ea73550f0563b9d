"""Random inputs for each exercise with code, drawn in another way than its own probes: they judge the judge."""

import itertools
import math
from collections.abc import Callable
from random import Random

import torch
from torch import nn

from course_utils.exercises.e08 import Mixer
from course_utils.exercises.e10 import Curve
from course_utils.exercises.e13 import SPECIAL, Letters
from course_utils.exercises.e15 import Normal

Inputs = Callable[[Random], tuple]


WORDS = ["ab", "Ab", "b", "c7", "d_e", "é", "[UNK]"]


def words(chance: Random, most: int = 12) -> list[str]:
    """Some words, some of them twice."""
    return [chance.choice(WORDS) for _ in range(chance.randrange(most))]


def text(chance: Random) -> str:
    """Letters, marks and white space in any order."""
    return "".join(chance.choice("abC9_.,!?-  \n\té") for _ in range(chance.randrange(25)))


def floats(chance: Random, *shape: int, spread: float = 2.0) -> torch.Tensor:
    """Normally distributed numbers."""
    return torch.tensor([chance.gauss(0, spread) for _ in range(math.prod(shape))]).view(shape)


def sizes(chance: Random, count: int, most: int = 5) -> list[int]:
    """So many small whole numbers from 1 on."""
    return [chance.randrange(1, most) for _ in range(count)]


def product(chance: Random) -> tuple:
    n, k, m = sizes(chance, 3)
    return floats(chance, n, k), floats(chance, k, m)


def masked(chance: Random) -> tuple:
    shape = sizes(chance, 2)
    mask = [chance.random() < 0.5 for _ in range(math.prod(shape))]
    mask[chance.randrange(len(mask))] = True
    return floats(chance, *shape), torch.tensor(mask).view(shape)


def classes(chance: Random) -> tuple:
    n, k = sizes(chance, 2)
    return floats(chance, n, k + 1), torch.tensor([chance.randrange(k + 1) for _ in range(n)])


def counts(chance: Random) -> tuple:
    tokens = [bytes(chance.choice(b"abAB") for _ in range(chance.randrange(1, 4))) for _ in range(8)]
    pairs = [(chance.randrange(8), chance.randrange(8)) for _ in range(7)]
    return {pair: chance.randrange(1, 4) for pair in pairs}, tokens


def ranked(chance: Random) -> tuple:
    tokens = {bytes(chance.choice(b"xyz") for _ in range(chance.randrange(2, 4))) for _ in range(9)}
    order = [b"x", b"y", b"z", *sorted(tokens, key=lambda _: chance.random())]
    return bytes(chance.choice(b"xyz") for _ in range(chance.randrange(1, 12))), {t: i for i, t in enumerate(order)}


def ids(chance: Random, most: int = 25) -> list[int]:
    """A text of any length, tokens repeating."""
    return [chance.randrange(30) for _ in range(chance.randrange(most))]


def found_texts(chance: Random) -> tuple:
    count = chance.randrange(1, 7)
    rankings = [chance.sample(range(7), 7) for _ in range(count)]
    return rankings, [chance.randrange(7) for _ in rankings], chance.randrange(1, 6)


def library(chance: Random) -> tuple:
    texts = [[chance.choice("abcde") for _ in range(chance.randrange(1, 7))] for _ in range(chance.randrange(1, 7))]
    return (texts,)


def queries_and_keys(chance: Random) -> tuple:
    T, D = sizes(chance, 2, 7)
    return floats(chance, T, D, spread=0.8), floats(chance, T, D, spread=0.8)


def rotary_head(chance: Random) -> tuple:
    T, half = sizes(chance, 2)
    return floats(chance, T, 2 * half), floats(chance, T, 2 * half), floats(chance, T, half)


def texts_and_matrices(chance: Random, matrices: int, batch: bool) -> tuple:
    B, T, C, D = sizes(chance, 4)
    x = floats(chance, B, T, C, spread=0.7) if batch else floats(chance, T, C)
    return x, *(floats(chance, C, D, spread=1.0) for _ in range(matrices))


def seen(chance: Random) -> tuple:
    """Weights open at random places above the diagonal, in half of the cases nowhere."""
    T, often = chance.randrange(2, 7), chance.choice((0.0, 0.0, 0.2, 0.6))
    table = [[chance.uniform(0.1, 2) if j <= i or chance.random() < often else 0.0 for j in range(T)] for i in range(T)]
    return Mixer(torch.tensor(table)), floats(chance, T, 3)


def dropping(chance: Random) -> tuple:
    T, D = chance.randrange(2, 6), chance.randrange(2, 6)
    keep = torch.tensor([[chance.random() < 0.6 for _ in range(T)] for _ in range(T)])
    p = chance.choice((0.1, 0.3, 0.8))
    return floats(chance, T, T).softmax(-1), floats(chance, T, D), keep, p, chance.random() < 0.6


def batch(chance: Random) -> tuple:
    shape = sizes(chance, 3, 6)
    return floats(chance, *shape), floats(chance, *shape), floats(chance, *shape)


def head_weights(chance: Random) -> tuple:
    """The weights of queries, keys and values of some heads, each (D, C)."""
    H, D = chance.randrange(2, 5), chance.randrange(1, 4)
    return tuple([floats(chance, D, H * D) for _ in range(H)] for _ in range(3))


def heads_of(chance: Random) -> tuple[int, int, int, int]:
    """B, T, H, D of a small batch."""
    return chance.randrange(1, 4), chance.randrange(1, 6), chance.randrange(1, 5), chance.randrange(1, 4)


def joined_heads(chance: Random) -> tuple:
    B, T, H, D = heads_of(chance)
    return floats(chance, B, T, H * D), chance.randrange(H), H


def to_split(chance: Random) -> tuple:
    B, T, H, D = heads_of(chance)
    return floats(chance, B, T, H * D), H


def to_join(chance: Random) -> tuple:
    B, T, H, D = heads_of(chance)
    return (floats(chance, B, H, T, D),)


def to_attend(chance: Random) -> tuple:
    B, T, H, D = heads_of(chance)
    return H * D, H, floats(chance, B, T, H * D, spread=1.0)


def padded_rows(chance: Random) -> torch.Tensor:
    """Marks of what is text, (B, T)."""
    B, T = sizes(chance, 2, 7)
    return torch.tensor([[chance.random() < 0.6 for _ in range(T)] for _ in range(B)])


def to_mask(chance: Random) -> tuple:
    """Scores and what is masked of them; in a row of some, everything."""
    n, m = sizes(chance, 2, 7)
    masked = torch.tensor([[chance.random() < 0.4 for _ in range(m)] for _ in range(n)])
    masked[chance.randrange(n)] |= chance.random() < 0.5
    return floats(chance, n, m), masked


def next_block(chance: Random) -> tuple:
    """What is known of some keys, or of none yet, and the scores and values of the next ones."""
    n, D = sizes(chance, 2)
    state = floats(chance, 1)[0], floats(chance, 1)[0].exp(), floats(chance, D)
    none = torch.tensor(-torch.inf), torch.tensor(0.0), torch.zeros(D)
    return state if chance.random() < 0.8 else none, floats(chance, n), floats(chance, n, D)


def padded_targets(chance: Random) -> tuple:
    """Logits and targets, the last ones of each text not counted; at least one counts."""
    B, T, V = sizes(chance, 3)
    rows = [[chance.randrange(V) if t <= chance.randrange(T) else -100 for t in range(T)] for _ in range(B)]
    rows[0][0] = 0
    return floats(chance, B, T, V), torch.tensor(rows)


def bigram_batches(chance: Random) -> tuple:
    """A table of logits for each token, and batches of token ids and the ones after them."""
    V, B, T = chance.randrange(2, 7), chance.randrange(1, 4), chance.randrange(2, 5)
    texts = [torch.tensor([[chance.randrange(V) for _ in range(T + 1)] for _ in range(B)]) for _ in range(3)]
    return floats(chance, V, V), [(ids[:, :-1], ids[:, 1:]) for ids in texts]


def adam_state(chance: Random) -> tuple:
    n, t = chance.randrange(1, 5), chance.randrange(1, 12)
    kept = floats(chance, n), floats(chance, n), floats(chance, n), floats(chance, n).abs() + 0.1
    if chance.random() < 0.3:  # the first step, with hardly a gradient
        kept = kept[0], 1e-4 * kept[1].round(), torch.zeros(n), torch.zeros(n)
        t = 1
    return *kept, t, chance.uniform(0.02, 0.5), chance.uniform(0.1, 1)


def some_model(chance: Random) -> tuple:
    """Layers, norms and embeddings in any order."""
    kinds = (
        lambda n: nn.Linear(n, 3),
        nn.LayerNorm,
        lambda n: nn.Embedding(5, n),
        lambda n: nn.Linear(n, 2, bias=False),
    )
    return (nn.Sequential(*(chance.choice(kinds)(chance.randrange(2, 5)) for _ in range(chance.randrange(1, 6)))),)


def moment(chance: Random) -> tuple:
    warmup, stable, rest = chance.randrange(6), chance.randrange(6), chance.randrange(1, 12)
    return chance.randrange(warmup + stable + rest), warmup + stable + rest, warmup, stable


def padded(chance: Random) -> tuple:
    """A mask with padding in front of each row, and how many tokens are new."""
    length = chance.randrange(1, 8)
    starts = [chance.randrange(length) for _ in range(chance.randrange(1, 4))]
    return torch.tensor([[i >= start for i in range(length)] for start in starts]), chance.randrange(1, length + 1)


def losses_and_mask(chance: Random) -> tuple:
    b, t = sizes(chance, 2)
    learned = torch.tensor([[chance.random() < 0.5 for _ in range(t + 1)] for _ in range(b)])
    learned[:, -1] = True
    return floats(chance, b, t + 1).abs() + 0.1, learned


def verdicts(chance: Random) -> tuple:
    told = [(True, chance.choice(["right", "wrong", "refused", "unclear"])) for _ in range(chance.randrange(1, 9))]
    return (told + [(False, chance.choice(["right", "wrong", "unclear"])) for _ in range(chance.randrange(1, 9))],)


def after_others(chance: Random) -> tuple:
    T, D, past = chance.randrange(1, 5), chance.randrange(1, 5), chance.randrange(5)
    return (*(floats(chance, T, D) for _ in range(3)), floats(chance, past, D), floats(chance, past, D))


def cut_bytes(chance: Random) -> tuple:
    data = "".join(chance.choice("xyz é€ñ🙂") for _ in range(chance.randrange(1, 9))).encode()
    cuts = [0, *(i for i in range(1, len(data)) if chance.random() < 0.5), len(data)]
    return ([data[a:b] for a, b in itertools.pairwise(cuts)],)


def curve(chance: Random) -> Curve:
    return Curve(*(chance.choice((-1, 1)) * chance.uniform(0.2, 1.2) for _ in range(3)))


def to_normalise(chance: Random) -> tuple:
    B, T, C = sizes(chance, 3)
    return floats(chance, B, T, C + 1), floats(chance, C + 1), floats(chance, C + 1), chance.uniform(0.05, 1)


def small_gpt(chance: Random) -> tuple:
    B, T, V, C = sizes(chance, 4)
    T, V, C = T + 1, V + 2, C + 1
    ids = torch.tensor([[chance.randrange(V) for _ in range(T)] for _ in range(B)])
    tables = [floats(chance, size, C, spread=0.4) for size in (V, T + chance.randrange(3), V)]
    return ids, tables[0], tables[1], [curve(chance) for _ in range(chance.randrange(1, 4))], curve(chance), tables[2]


def exported(chance: Random) -> tuple:
    """Lines of an export, the first with a header."""
    head = "{:02}/{:02}/2026, {:02}:{:02} - "
    starts = [head.format(*(chance.randrange(1, 28) for _ in range(4))) for _ in range(3)]
    rests = ("Ida: a", "Ida: b: c", "Hugo: ", "you were added", "Hugo: x - y: z")
    lines = [f"{starts[0]}Ida: first"]
    for _ in range(chance.randrange(6)):
        lines.append(chance.choice(("", *starts)) + chance.choice(rests))
    return (lines,)


def dates(chance: Random) -> tuple:
    """Dates in one of the two orders, early in the month or at any day."""
    turned, latest = chance.random() < 0.5, chance.choice((12, 13, 31))
    pairs = [(chance.randint(1, latest), chance.randint(1, 12)) for _ in range(chance.randrange(5))]
    return ([f"{b}/{a}/26" if turned else f"{a}/{b}/26" for a, b in pairs],)


def to_hold_out(chance: Random) -> tuple:
    parts = [[*words(chance, 5), "end"] for _ in range(chance.randrange(1, 7))]
    return parts, chance.randrange(len(parts))


def to_template(chance: Random) -> tuple:
    roles = [chance.choice(("user", "assistant")) for _ in range(chance.randrange(5))]
    special = dict(zip(SPECIAL, chance.sample(range(60), 4), strict=True))
    messages = [{"role": role, "content": text(chance) + chance.choice(list(SPECIAL))} for role in roles]
    return messages, Letters(), special


def chat_ids(chance: Random) -> list[int]:
    """Messages of a chat in any order, each with its role's mark, 1 or 2, and the end, 3; cut off, or with padding."""
    ids = [0]
    for _ in range(chance.randrange(1, 5)):
        ids += [chance.choice((1, 2)), *(chance.choice((7, 8, 9)) for _ in range(chance.randrange(4))), 3]
    return ids[: chance.randrange(1, len(ids))] if chance.random() < 0.3 else ids + [0] * chance.randrange(3)


def partly_learned(chance: Random) -> tuple:
    ids = chat_ids(chance)
    return ids, [chance.random() < 0.5 for _ in ids]


def with_adapter(chance: Random) -> tuple:
    """The weight of a layer, the two small matrices of its adapter, and alpha."""
    n_in, n_out, rank = sizes(chance, 3, 7)
    return floats(chance, n_out, n_in), floats(chance, rank, n_in), floats(chance, n_out, rank), chance.uniform(0.5, 20)


def to_adapt(chance: Random) -> tuple:
    W, A, B, alpha = with_adapter(chance)
    return floats(chance, chance.randrange(1, 4), W.shape[1]), W, floats(chance, len(W)), A, B, alpha


def parameter_names(chance: Random) -> tuple:
    kinds = ("base.weight", "base.bias", "A", "B", "weight", "Alpha", "B.bias", "LAMBDA")
    names = {f"blocks.{chance.randrange(9)}.up.{chance.choice(kinds)}" for _ in range(9)}
    return sorted(names, key=lambda _: chance.random()), chance.uniform(0.01, 1)


def to_save(chance: Random) -> tuple:
    n_in, n_out, rank = sizes(chance, 3, 6)
    names = chance.sample(["q", "k", "up", "down"], chance.randrange(1, 4))
    return {n: (floats(chance, rank, n_in), floats(chance, n_out, rank)) for n in names}, chance.uniform(0.5, 20)


def to_cross(chance: Random) -> tuple:
    """Two texts of any length and the three matrices."""
    T, S, C, D = sizes(chance, 4, 6)
    return floats(chance, T, C), floats(chance, S, C), *(floats(chance, C, D, spread=0.8) for _ in range(3))


def two_paddings(chance: Random) -> tuple:
    """Which tokens of a source and of a target are no padding, which stands anywhere."""
    B, S, T = sizes(chance, 3, 6)
    return tuple(torch.tensor([[chance.random() < 0.7 for _ in range(n)] for _ in range(B)]) for n in (S, T))


def to_force(chance: Random) -> tuple:
    ids = [chance.randrange(3, 30) for _ in range(chance.randrange(1, 6))]
    return ids, 1, 2, 0, len(ids) + 1 + chance.randrange(4)


def candidates(chance: Random) -> tuple:
    n = chance.randrange(1, 4)
    texts = [[chance.choice("abc") for _ in range(chance.randrange(n, 9))] for _ in range(chance.randrange(2, 4))]
    return texts[0], texts[1:], n


def sums_and_counts(chance: Random) -> tuple:
    counts = [chance.choice((0, 0, 1, 7)) for _ in range(chance.randrange(1, 5))]
    return [floats(chance, 3) * min(count, 1) for count in counts], counts


def to_scale(chance: Random) -> tuple:
    B, T, C = sizes(chance, 3, 7)
    return floats(chance, B, T, C), floats(chance, C), chance.uniform(0.1, 1)


def to_gate(chance: Random) -> tuple:
    T, C, H = sizes(chance, 3, 6)
    return tuple(floats(chance, *shape, spread=1.0) for shape in ((T, C), (C, H), (C, H), (H, C)))


def to_rotate(chance: Random) -> tuple:
    H, T, half = sizes(chance, 3)
    angles = floats(chance, T, half)
    heads = [floats(chance, H, T, 2 * half) for _ in range(3)]
    return (*heads, floats(chance, 2 * half), floats(chance, 2 * half), angles.cos(), angles.sin())


INPUTS: dict[str, Inputs] = {
    "01.1": lambda chance: (text(chance),),
    "01.2": lambda chance: (words(chance), chance.sample(["[PAD]", "<|end|>", "[BOS]"], chance.randrange(4))),
    "01.4": lambda chance: (words(chance), {"b": 4, "ab": 0, "[UNK]": 7, "é": 2}),
    "01.5": lambda chance: (text(chance), [0] * chance.randrange(1, 30)),
    "01.6": lambda chance: ([ids(chance, 6) for _ in range(chance.randrange(1, 5))], chance.randrange(30)),
    "02.2": lambda chance: ([chance.randrange(4) for _ in range(chance.randrange(12))],),
    "02.3": lambda chance: (
        [chance.randrange(3) for _ in range(chance.randrange(15))],
        (chance.randrange(3), chance.randrange(3)),
        chance.randrange(300, 400),
    ),
    "02.4": counts,
    "02.5": lambda chance: ([97 + chance.randrange(3) for _ in range(chance.randrange(20))], chance.randrange(6)),
    "02.6": lambda chance: (text(chance),),
    "02.7": ranked,
    "02.8": lambda chance: (
        [chance.randrange(5) for _ in range(chance.randrange(6))],
        [b"\xc3", b"\xa9", b"z", b"\xf0", b"yy"],
    ),
    "03.3": lambda chance: (ids(chance), chance.randrange(1, 8), chance.randrange(1, 8)),
    "03.4": lambda chance: (chance.randrange(0, 60), chance.randrange(1, 12), chance.randrange(1, 12)),
    "03.5": lambda chance: (
        list(range(40, 40 + chance.randrange(9, 30))),
        chance.randrange(1, 8),
        chance.randrange(1, 8),
    ),
    "03.7": lambda chance: (chance.randrange(0, 25), chance.randrange(1, 8), chance.randrange(1, 8)),
    "03.8": lambda chance: (
        [chance.randrange(99) for _ in range(chance.randrange(20, 60))],
        chance.choice((0.3, 0.6, 0.85)),
        chance.randrange(1, 5),
        chance.randrange(1, 5),
    ),
    "B.1": lambda chance: (chance.uniform(0.05, 2), chance.randrange(1, 8)),
    "B.2": lambda chance: (floats(chance, 2), chance.uniform(-7, 7)),
    "B.4": rotary_head,
    "C.1": found_texts,
    "C.2": library,
    "C.3": lambda chance: (chance.randrange(1, 9), chance.randrange(1, 300), chance.uniform(50, 150)),
    "A.2": product,
    "A.4": lambda chance: (floats(chance, *sizes(chance, 2), spread=chance.choice((1, 300))),),
    "A.5": classes,
    "A.6": masked,
    "A.7": lambda chance: (chance.gauss(0, 2), chance.gauss(0, 2), chance.gauss(0, 2)),
    "A.8": lambda chance: (floats(chance, 3, 2), floats(chance, 3, 2), chance.random() + 0.1),
    "D.2": lambda chance: (padded_rows(chance),),
    "D.3": to_mask,
    "D.4": lambda chance: tuple(sizes(chance, 4, 9)),
    "D.5": next_block,
    "04.2": lambda chance: (torch.tensor([chance.randrange(7) for _ in range(chance.randrange(1, 9))]), 7),
    "04.4": lambda chance: (ids(chance, 12), chance.randrange(1, 5)),
    "04.5": lambda chance: (lambda n: (floats(chance, n), floats(chance, n), floats(chance, 3, n)))(
        chance.randrange(2, 6)
    ),
    "04.6": lambda chance: (lambda n: (floats(chance, n), floats(chance, n)))(chance.randrange(2, 7)),
    "04.7": lambda chance: (ids(chance, 12), chance.randrange(1, 5)),
    "05.1": lambda chance: (
        torch.tensor([[chance.randrange(6) for _ in range(4)] for _ in range(chance.randrange(1, 4))]),
        floats(chance, 6, 3),
        floats(chance, 9, 3),
    ),
    "05.2": lambda chance: (chance.randrange(0, 90), 2 * chance.randrange(1, 9)),
    "05.4": lambda chance: (floats(chance, 2 * chance.randrange(1, 5)), chance.randrange(1, 30)),
    "05.5": lambda chance: (chance.randrange(1, 12),),
    "06.2": lambda chance: (floats(chance, 4), floats(chance, chance.randrange(1, 7), 4)),
    "06.3": lambda chance: (lambda n: (floats(chance, n).softmax(0), floats(chance, n, 4)))(chance.randrange(1, 7)),
    "06.4": lambda chance: (floats(chance, *sizes(chance, 2, 7), spread=0.7),),
    "07.2": lambda chance: texts_and_matrices(chance, 2, batch=False),
    "07.3": queries_and_keys,
    "07.4": lambda chance: texts_and_matrices(chance, 3, batch=True),
    "07.5": lambda chance: (floats(chance, *sizes(chance, 2)),),
    "08.1": lambda chance: (chance.randrange(1, 9),),
    "08.2": lambda chance: (lambda n: (floats(chance, n, n),))(chance.randrange(1, 8)),
    "08.3": seen,
    "08.5": dropping,
    "08.6": batch,
    "09.1": head_weights,
    "09.3": to_split,
    "09.4": to_join,
    "09.5": lambda chance: (lambda H: (H * chance.randrange(1, 20), H, chance.random() < 0.5))(chance.randrange(1, 9)),
    "09.6": to_attend,
    "09.7": joined_heads,
    "10.2": lambda chance: (floats(chance, *sizes(chance, 3)), curve(chance), curve(chance)),
    "10.3": to_normalise,
    "10.4": small_gpt,
    "10.5": lambda chance: (
        *(chance.randrange(1, 40) for _ in range(2)),
        chance.randrange(1, 5),
        chance.randrange(1, 9),
    ),
    "10.6": lambda chance: (chance.randrange(1, 40), *(chance.randrange(1, 9) for _ in range(3))),
    "11.1": padded_targets,
    "11.2": lambda chance: (lambda n: ([chance.uniform(0.5, 9) for _ in range(n)], sizes(chance, n, 9)))(
        chance.randrange(1, 5)
    ),
    "11.3": bigram_batches,
    "11.4": adam_state,
    "11.5": some_model,
    "11.6": moment,
    "11.7": lambda chance: (chance.uniform(0.001, 0.6), chance.randrange(1, 9)),
    "12.1": lambda chance: (floats(chance, chance.randrange(2, 8)), chance.uniform(0, 0.99)),
    "12.3": lambda chance: (floats(chance, chance.randrange(2, 8)).softmax(0), chance.uniform(0.05, 0.99)),
    "12.4": lambda chance: (
        floats(chance, 7),
        torch.tensor([chance.randrange(7) for _ in range(chance.randrange(1, 9))]),
        chance.uniform(1.1, 3),
    ),
    "12.5": padded,
    "12.6": after_others,
    "12.7": cut_bytes,
    "13.1": exported,
    "13.2": dates,
    "13.3": to_hold_out,
    "13.4": to_template,
    "13.5": lambda chance: (chat_ids(chance), 1, 2, 3),
    "13.6": partly_learned,
    "14.1": losses_and_mask,
    "14.2": lambda chance: tuple(chance.choice(["Mara", "Finn", "at the mill", None]) for _ in range(2)),
    "14.3": lambda chance: (lambda n: (chance.randrange(n + 1), n))(chance.randrange(1, 300)),
    "14.5": verdicts,
    "14.6": lambda chance: ([chance.randrange(5) for _ in range(chance.randrange(2, 12))],),
    "15.2": to_adapt,
    "15.3": lambda chance: (Normal(chance.randrange(999)), *sizes(chance, 3, 8)),
    "15.4": parameter_names,
    "15.5": with_adapter,
    "15.6": to_save,
    "16.1": to_cross,
    "16.2": two_paddings,
    "16.3": to_force,
    "16.5": candidates,
    "17.1": to_scale,
    "17.2": to_gate,
    "17.4": lambda chance: (lambda B, few, S, D, times: (floats(chance, B, few, S, D), few * times))(*sizes(chance, 5)),
    "17.5": to_rotate,
    "17.7": lambda chance: (lambda n: (floats(chance, chance.randrange(1, 6), n), chance.randrange(1, n + 1)))(
        chance.randrange(1, 8)
    ),
    "18.1": sums_and_counts,
    "18.2": lambda chance: (ids(chance, 12), chance.randrange(1, 6)),
    "18.6": lambda chance: (
        [floats(chance, chance.randrange(1, 5)) for _ in range(chance.randrange(1, 5))],
        chance.uniform(0.1, 4),
    ),
    "18.5": lambda chance: (chance.randrange(1, 10**6), chance.randrange(1, 9), chance.random() < 0.5),
    "18.7": lambda chance: (chance.randrange(1, 10**6), chance.randrange(1, 9), chance.uniform(1, 10**6)),
}
