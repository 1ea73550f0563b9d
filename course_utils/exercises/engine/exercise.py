"""What an exercise is: a right answer, inputs to try an answer on, the mistakes that learners make, and hints."""

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

import torch

from course_utils.common import require
from course_utils.exercises.engine.comparing import lenient, readable

Probe = tuple[Any, ...]


def call(answer: Callable, *probe: Any) -> Any:
    """Use an answer on a probe as most exercises do: call it."""
    return answer(*probe)


@dataclass(frozen=True, eq=False)
class Mistake:
    """A misconception: the sentence that helps, and what somebody who has it would answer.

    That is the reference with `old` replaced by `new`, or an `answer` of its own.
    """

    says: str
    old: str = ""
    new: str = ""
    answer: Any = None


@dataclass(frozen=True, eq=False)  # each is itself, so that what is made of it can be kept by `cache`
class Exercise:
    """A task with everything that `check`, `hint` and `solution` need.

    `name` is what the learner's function, class or value is called. `reference` is a right answer. `probes`, given a
    source of chance, returns inputs, the smallest first; without it the answer is a value. `use` says what is done
    with an answer and a probe, and `shown` how that is written; without it the answer is called. A rule gets a result
    and a probe, and returns a sentence if something is broken.
    """

    number: str
    title: str
    name: str
    reference: Any
    hints: Sequence[str]
    mistakes: Sequence[Mistake] = ()
    probes: Callable[[Random], Sequence[Probe]] | None = None
    alternatives: Sequence[Any] = ()
    rules: Sequence[Callable[..., str | None]] = ()
    use: Callable[..., Any] = call
    shown: Callable[..., str] | None = None

    @property
    def notebook(self) -> str:
        """The number of the notebook that it belongs to.

        >>> Exercise("03.2", "Cut windows", "windows", list, hints=()).notebook
        '03'
        """
        return self.number.split(".")[0]

    @property
    def is_value(self) -> bool:
        """Whether the answer is a value, such as a prediction, and not code."""
        return self.probes is None

    def inputs(self, seed: int) -> Sequence[Probe]:
        """Return the probes, made afresh from `seed`, the notebook's own luck left as it is; a value has one, empty."""
        if self.probes is None:
            return [()]
        with torch.random.fork_rng(devices=[]):  # a layer among the probes draws its weights
            return self.probes(Random(seed))

    def run(self, answer: Any, *probe: Any) -> Any:
        """Return what an answer gives for a probe; a value is what it is, but for what doesn't matter in a text."""
        return lenient(readable(answer)) if self.is_value else self.use(answer, *probe)


@cache
def mistaken(exercise: Exercise, mistake: Mistake) -> Any:
    """Return the answer of somebody who makes a mistake: a function, a class or a value."""
    if not mistake.old:
        return mistake.answer
    source = source_of(exercise.reference)
    found = source.count(mistake.old)
    require(found == 1, f"{exercise.number}: the reference holds {mistake.old!r} {found} times; it must be once")
    return define(source.replace(mistake.old, mistake.new), exercise.reference)


@cache  # to find a class, `inspect` parses its whole file; each known mistake asks for the text anew
def source_of(reference: Any) -> str:
    """Return the text of a function or class, without indentation."""
    return textwrap.dedent(inspect.getsource(reference))


def define(source: str, reference: Any, place: str = "<a form of a reference>") -> Any:
    """Run a changed text of `reference` among the names of its module; return what it defines. `place` is its file."""
    names = dict(vars(sys.modules[reference.__module__]))
    exec(compile(source, place, "exec"), names)
    return names[reference.__name__]


def solution_text(exercise: Exercise) -> str:
    """Return the text that solves an exercise, under the name that the learner's answer has."""
    if exercise.is_value:
        return f"{exercise.name} = {exercise.reference!r}"
    own, source = exercise.reference.__name__, without_annotations(source_of(exercise.reference))
    # Its own name may occur inside too, where a function calls itself.
    return re.sub(rf"\b{own}\b", exercise.name, source).rstrip()


def without_annotations(source: str) -> str:
    """Return code without its annotations: in a notebook their names may not be there, and stubs have none.

    >>> without_annotations("def f(a: int, b: str = 'x') -> list[int]:\\n    c: int = a\\n")
    "def f(a, b = 'x'):\\n    c = a\\n"
    """
    lines = source.encode().split(b"\n")  # places in a syntax tree are counted in bytes
    for node in sorted(annotations(ast.parse(source)), key=lambda node: (node.lineno, node.col_offset), reverse=True):
        line = lines[node.lineno - 1]
        before = re.sub(rb"\s*(:|->)\s*$", b"", line[: node.col_offset])
        lines[node.lineno - 1] = before + line[node.end_col_offset :]
    return b"\n".join(lines).decode()


def annotations(tree: ast.AST) -> list[ast.expr]:
    """Return all annotations in some code: of arguments, results and names."""
    notes = [getattr(node, "annotation", None) or getattr(node, "returns", None) for node in ast.walk(tree)]
    return [note for note in notes if isinstance(note, ast.expr)]
