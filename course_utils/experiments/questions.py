"""Can the world's questions be learned at this size? The recipe on tales of which three in ten end with a question.

Run as `python -m course_utils bench questions`. The model that ships sees tales only; this one is measured, not kept.
"""

from collections import Counter
from dataclasses import replace

from course_utils import runtime, tales
from course_utils.experiments.ablation import Variant, train_for
from course_utils.experiments.timing import print_table
from course_utils.generation import GREEDY, generate_tokens
from course_utils.gpt import GPT
from course_utils.recipe import CHAT_TOKENS, SMALL, FreshTales, tales_tokenizer
from course_utils.tokenizers import END_OF_TEXT, Tokenizer

USER, ASSISTANT, END = CHAT_TOKENS[:3]


class QuestionedTales(FreshTales):
    """Fresh tales, three in ten of them followed by a question that they answer, and its answer."""

    untold = False  # are there questions that the tale does not answer, too?

    def ask(self, tale: str) -> list[tales.Question]:
        """Return the questions that may follow a tale."""
        return [question for question in tales.ask(tale) if question.answered or self.untold]

    def text(self, number: int) -> str:
        """Return what stands in one row."""
        tale = super().text(number)
        if number % 10 >= 3:
            return tale
        found = self.ask(tale)
        question = found[number // 10 % len(found)]
        return f"{tale}{USER}{question.text}{ASSISTANT}{question.answer}{END}"


class UntoldToo(QuestionedTales):
    """The same, with questions among them to which the answer is that the tale does not say."""

    untold = True


def answers(model: GPT, tokenizer: Tokenizer, asked: list[tuple[str, str]], batch_size: int = 100) -> list[str]:
    """Return the model's likeliest answer to each (tale, question)."""
    start, stop = END_OF_TEXT, tokenizer.special_tokens[END]
    texts = [f"{start}{tale}{USER}{question}{ASSISTANT}" for tale, question in asked]
    prompts = [tokenizer.encode(text, allowed_special="all") for text in texts]
    found = []
    for first in range(0, len(prompts), batch_size):
        found += generate_tokens(model, prompts[first : first + batch_size], 12, GREEDY, stop_tokens=[stop])
    return [tokenizer.decode([i for i in ids if i != stop]) for ids in found]


def questions(seconds: str = "600", count: str = "2000", layers: str = "2", untold: str = "") -> None:
    """Train on tales of which three in ten end with a question; print how many answers on unseen tales are right.

    With `untold` some questions are not answered by their tale, which the model is to say.
    """
    run, tokenizer, data = runtime.start(), tales_tokenizer(), UntoldToo if untold else QuestionedTales
    variant = Variant(replace(SMALL, n_layer=int(layers), context_length=160), data=data)
    model, steps, loss, taken = train_for(float(seconds), 0, variant, tokenizer, run)
    unseen = [tales.generate(tales.FIRST_UNSEEN_SEED + number) for number in range(int(count))]
    asking = data(tokenizer, 1, 160).ask
    asked = [found[number % len(found)] for number, found in enumerate(map(asking, unseen))]
    told = answers(model, tokenizer, [(tale, question.text) for tale, question in zip(unseen, asked, strict=True)])
    right = [answer == question.answer for answer, question in zip(told, asked, strict=True)]
    print(f"{steps} steps in {taken:.0f} s, loss {loss:.3f}\n")
    print_table(rows_by_kind(asked, right))


def rows_by_kind(asked: list[tales.Question], right: list[bool]) -> list[tuple]:
    """Return a table: for each kind of question how many, the share of right answers, and that of the commonest one."""
    groups: dict[tuple[int, str], list[int]] = {}
    for place, question in enumerate(asked):
        kind = question.kind if question.answered else f"{question.kind}, not told"
        groups.setdefault((question.steps, kind), []).append(place)
    one_step = [place for place, question in enumerate(asked) if question.steps == 1]
    rows: list[tuple] = [("question", "steps", "asked", "right", "commonest answer")]
    for (steps, kind), places in [*sorted(groups.items()), ((1, "all of one step"), one_step)]:
        commonest = Counter(asked[place].answer for place in places).most_common(1)[0][1]
        shares = [sum(right[place] for place in places) / len(places), commonest / len(places)]
        rows.append((kind, steps, len(places), *(f"{share:.1%}" for share in shares)))
    return rows
