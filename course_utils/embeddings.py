"""Words as vectors: Word2Vec in both forms, counted neighbours, and which words are nearest to each other."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import trange

from course_utils.common import require
from course_utils.tokenizers import id_list

NOTHING = -1  # stands where a context has no word: before a document's first and after its last


def check_words(texts: Sequence[Sequence[int]], vocab_size: int) -> None:
    """Raise a `ValueError` if a text holds a word id that a vocabulary of this size doesn't have."""
    # -1 has to be caught too: as an index it would silently mean the last word.
    for number, text in enumerate(texts):
        for word in text:
            if not 0 <= word < vocab_size:
                known = f"the vocabulary has ids 0 to {vocab_size - 1}: leave unknown words out"
                raise ValueError(f"text {number} holds the word id {int(word)}; {known}")


def contexts(documents: Sequence[Sequence[int]], radius: int) -> tuple[Tensor, Tensor]:
    """Return every word (N,) and its `radius` neighbours on each side (N, 2 * radius), -1 where there's none.

    A context ends where its document ends.

    >>> words, around = contexts([[7, 8, 9]], radius=1)
    >>> words.tolist(), around.tolist()
    ([7, 8, 9], [[-1, 8], [7, 9], [8, -1]])
    """
    require(isinstance(radius, int) and radius >= 1, f"radius is {radius!r}; it takes a whole number from 1 on")
    documents = [id_list(document) for document in documents]
    require(any(len(document) for document in documents), "there are no words; give at least one document with some")
    # All documents in one row, with `radius` blanks on both sides of each: no context reaches into the next one.
    edge = [NOTHING] * radius
    row = edge.copy()
    for number, document in enumerate(documents):
        lowest = min(document, default=0)
        require(lowest >= 0, f"document {number} holds the word id {lowest}; ids start at 0: leave unknown words out")
        row += [*document, *edge]
    windows = torch.tensor(row).unfold(0, 2 * radius + 1, 1)  # (positions of the row, 2 * radius + 1)
    windows = windows[windows[:, radius] != NOTHING]  # (N, 2 * radius + 1): those with a word in the middle
    around = torch.cat((windows[:, :radius], windows[:, radius + 1 :]), 1)
    return windows[:, radius], around


def skip_gram_examples(documents: Sequence[Sequence[int]], radius: int) -> tuple[Tensor, Tensor]:
    """Return (given, target): from a word (N, 1), each single word around it (N,).

    >>> given, target = skip_gram_examples([[7, 8, 9]], radius=1)
    >>> given.flatten().tolist(), target.tolist()
    ([7, 8, 8, 9], [8, 7, 9, 8])
    """
    words, around = contexts(documents, radius)
    there = around != NOTHING
    given = words[:, None].expand_as(around)  # (all words, 2 * radius): each word beside each of its neighbours
    return given[there][:, None], around[there]


def cbow_examples(documents: Sequence[Sequence[int]], radius: int) -> tuple[Tensor, Tensor]:
    """Return (given, target): from all words around it (N, 2 * radius), the word (N,)."""
    words, around = contexts(documents, radius)
    # A document of one word has nothing to predict it from; a mean over no vectors would be 0 / 0.
    some = (around != NOTHING).any(1)
    return around[some], words[some]


def noise_chances(counts: Tensor, power: float = 0.75) -> Tensor:
    """Return the probability of each word as a wrong answer, (V,): its count to the power 3/4, divided by the sum.

    The noise distribution of Mikolov et al. 2013b, section 2.2. Rare words come up more often than in the text.

    >>> noise_chances(torch.tensor([16, 1]))
    tensor([0.8889, 0.1111])
    """
    weights = counts.double() ** power
    require(bool(weights.sum() > 0), "all counts are zero; count the words of a text first")
    return (weights / weights.sum()).float()


class Word2Vec(nn.Module):
    """Two vectors for each word: one that we keep, and one for when it's the answer. (B, n) words given, -1 for none.

    Mikolov et al. 2013b, "Distributed Representations of Words and Phrases", equation 4: negative sampling. With one
    word given it's skip-gram; with several, whose vectors are averaged, it's CBOW (Mikolov et al. 2013a, section 3.1).
    """

    def __init__(self, vocab_size: int, n_embd: int) -> None:
        super().__init__()
        # Two tables, because a word hardly ever stands beside itself: with one, its vector would have to avoid itself.
        self.words = nn.Embedding(vocab_size, n_embd)
        self.answers = nn.Embedding(vocab_size, n_embd)
        # As in Mikolov's program. With zeros in one table every product starts at 0, so nothing is likely yet.
        nn.init.uniform_(self.words.weight, -0.5 / n_embd, 0.5 / n_embd)
        nn.init.zeros_(self.answers.weight)

    def forward(self, given: Tensor, right: Tensor, wrong: Tensor) -> Tensor:
        """Return the loss: small when right answers (B,) are likely and wrong ones (B, K), drawn at random, are not."""
        there = (given != NOTHING)[..., None]  # (B, n, 1)
        # Row -1 doesn't exist, so look up row 0 in its place and multiply it away.
        mean = (self.words(given.clamp(min=0)) * there).sum(1) / there.sum(1)  # (B, C)
        true = (mean * self.answers(right)).sum(-1)  # (B,)
        drawn = (self.answers(wrong) @ mean[:, :, None]).squeeze(-1)  # (B, K)
        # `logsigmoid`, since the logarithm of a sigmoid that has rounded to 0 is -inf.
        return -(F.logsigmoid(true) + F.logsigmoid(-drawn).sum(-1)).mean()


def train_words(
    model: Word2Vec, given: Tensor, target: Tensor, chances: Tensor, steps: int, batch_size: int = 4096, wrong: int = 5
) -> list[float]:
    """Train in place on random batches, with `wrong` answers drawn from `chances` for each example; return all losses.

    The learning rate falls linearly from 0.01 to 0, as in Mikolov's program.
    """
    require(len(given) == len(target) > 0, f"there are {len(given)} examples and {len(target)} answers; one for each")
    most, least = max(given.max().item(), target.max().item()), min(given.min().item(), target.min().item())
    size = model.words.num_embeddings
    require(most < size, f"a word has the id {most}, and the model knows {size}")
    whole = given.min() >= NOTHING and target.min() >= 0
    require(whole, f"a word has the id {least}; ids start at 0, and only a given one may be {NOTHING}, for none")
    require(len(chances) == size, f"there are {len(chances)} chances for wrong answers; the model knows {size} words")
    for name, value in (("steps", steps), ("batch_size", batch_size), ("wrong", wrong)):
        require(isinstance(value, int) and value >= 1, f"{name} is {value!r}; it takes a whole number from 1 on")
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for step in trange(steps, unit="step"):
        optimizer.param_groups[0]["lr"] = 0.01 * (1 - step / steps)
        drawn = torch.randint(len(target), (batch_size,))
        # The right answer may be among the draws, as in the paper's equation 4, which draws from all words.
        noise = torch.multinomial(chances, batch_size * wrong, replacement=True).view(batch_size, wrong)  # (B, K)
        loss = model(given[drawn], target[drawn], noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def co_occurrences(documents: Sequence[Sequence[int]], radius: int, vocab_size: int) -> Tensor:
    """Return how often each word stands within `radius` positions of each other, (V, V): vectors without training.

    >>> co_occurrences([[0, 1, 0]], radius=1, vocab_size=2).tolist()
    [[0.0, 2.0], [2.0, 0.0]]
    """
    check_words(documents, vocab_size)
    given, target = skip_gram_examples(documents, radius)
    # Number the cells of the table row by row: counting pairs is then counting numbers, which one call does.
    cell = given[:, 0] * vocab_size + target
    return torch.bincount(cell, minlength=vocab_size**2).view(vocab_size, vocab_size).float()  # (V, V)


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """Return how similar the directions of vectors are, from -1 to 1: (n, C) and (m, C) to (n, m).

    A zero vector has no direction: a `ValueError` says which one it is.

    >>> cosine(torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 0.0], [0.0, 3.0]])).tolist()
    [[1.0, 0.0]]
    """
    for name, vectors in (("a", a), ("b", b)):
        shaped = vectors.dim() == 2 and vectors.shape[1] == a.shape[-1]
        require(shaped, f"{name} is {tuple(vectors.shape)}; cosine takes (n, C) and (m, C)")
        # `normalize` would divide it by a tiny number in place of 0 and call it unlike everything, with cosine 0.
        zeros = (vectors.norm(dim=1) == 0).nonzero()
        if len(zeros) > 0:
            raise ValueError(f"row {zeros[0].item()} of {name} is a zero vector, which has no direction: leave it out")
    return F.normalize(a, dim=1) @ F.normalize(b, dim=1).T


def nearest(vectors: Tensor, row: int, k: int = 5) -> list[tuple[int, float]]:
    """Return the `k` rows most similar to one row, which isn't among them, and the cosine of each.

    >>> nearest(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), 0, k=1)[0][0]
    2
    """
    require(0 <= row < len(vectors), f"row is {row}; there are rows 0 to {len(vectors) - 1}")
    require(1 <= k < len(vectors), f"k is {k}; there are {len(vectors) - 1} others")
    alike = cosine(vectors[row : row + 1], vectors)[0]
    alike[row] = -torch.inf  # nothing is nearer to a row than itself
    best = alike.topk(k)
    return list(zip(best.indices.tolist(), best.values.tolist(), strict=True))


def fraction_alike(vectors: Tensor, groups: Sequence[str], k: int = 1) -> tuple[float, float]:
    """Return the fraction of the `k` nearest neighbours that are in the same group, and the chance level.

    `groups[i]` names the group of row i. The only row of a group has no neighbour in it, and counts as missed.

    >>> fraction_alike(torch.tensor([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0.1, 1.0]]), "aabb")
    (1.0, 0.3333333333333333)
    """
    require(len(vectors) == len(groups) > k, f"there are {len(vectors)} vectors, {len(groups)} groups and k is {k}")
    alike = cosine(vectors, vectors).fill_diagonal_(-torch.inf)
    number = {name: i for i, name in enumerate(dict.fromkeys(groups))}
    group = torch.tensor([number[name] for name in groups])
    hits = group[alike.topk(k).indices] == group[:, None]  # (N, k)
    # Chance level: of all pairs of two different rows, the fraction within one group.
    same = (group[:, None] == group).sum() - len(group)
    return hits.float().mean().item(), same.item() / (len(group) * (len(group) - 1))
