"""An answer is judged: right, a mistake that is known by name, or what exactly is wrong with it."""

import ast
import inspect
import linecache
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from course_utils.exercises.engine.comparing import difference, kind, same, short
from course_utils.exercises.engine.exercise import Exercise, Mistake, Probe, call, mistaken, source_of
from course_utils.exercises.engine.running import SECONDS, Outcome, TooLong, run

PASSED, NOT_STARTED, NOT_YET = "passed", "not started", "not yet"
Row = tuple[str, str]


@dataclass(frozen=True)
class Verdict:
    """What `check` says: a state, sentences, and rows of a word with code beside it; `mistake` if one was known."""

    state: str
    sentences: Sequence[str] = ()
    rows: Sequence[Row] = ()
    mistake: Mistake | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Trial:
    """One probe: what was given, what the reference makes of it, and what the answer did."""

    probe: Probe
    expected: Outcome
    got: Outcome

    @property
    def right(self) -> bool:
        """Whether the answer did what the reference does and left its input as it was."""
        return agree(self.expected, self.got)


def agree(one: Outcome, other: Outcome) -> bool:
    """Whether two runs came to the same: the same value or the same kind of error, and the same care for the input."""
    if (one.changed is None) != (other.changed is None):
        return False
    if one.error is not None or other.error is not None:
        return isinstance(other.error, type(one.error)) or isinstance(one.error, type(other.error))
    return same(one.value, other.value)


def give_verdict(exercise: Exercise, answer: Any, seed: int = 0) -> Verdict:
    """Return what is to be said of an answer, tried on probes that are made afresh from `seed`."""
    if not is_started(exercise, answer):
        return Verdict(NOT_STARTED)
    if unfit := unusable(exercise, answer):
        return Verdict(NOT_YET, [unfit])
    trials = list(try_out(exercise, answer, exercise.inputs(seed)))
    if all(trial.right for trial in trials):
        return Verdict(PASSED)
    looks = (unwritten, endless, known, nothing_returned, changed_input, stopped, accepted, other_form, broken_rule)
    return next(filter(None, (look(exercise, trials) for look in looks)), None) or different(exercise, trials)


def is_started(exercise: Exercise, answer: Any) -> bool:
    """Whether there is an answer: no `None`, no `...` left in a value, no function without a body."""
    return answer is not None and not has_gap(answer) and not (not exercise.is_value and is_empty(answer))


def has_gap(answer: Any) -> bool:
    """Whether a value is `...` or still holds one."""
    inner = answer.values() if isinstance(answer, dict) else answer if isinstance(answer, list | tuple) else ()
    return answer is ... or any(map(has_gap, inner))


def is_empty(answer: Any) -> bool:
    """Whether a function or class whose text can be read says nothing but its docstring, `pass` or `...`."""
    try:
        node = ast.parse(source_of(answer)).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return False
    body = node.body if isinstance(node, ast.FunctionDef | ast.ClassDef) else [node]
    return all(isinstance(line, ast.Pass) or is_remark(line) for line in body)


def is_remark(line: ast.stmt) -> bool:
    """Whether a line is only a value, such as a docstring or `...`."""
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


def unusable(exercise: Exercise, answer: Any) -> str:
    """Return why an answer cannot be tried at all: no function, or one that takes other arguments; else nothing."""
    if exercise.is_value:
        return f"{exercise.name} is a function; give its value" if inspect.isroutine(answer) else ""
    if not callable(answer):
        given = f"{exercise.name} is {kind(answer)}: give check the name of what you wrote, without calling it: "
        return f'{given}check("{exercise.number}", {exercise.name})'
    if exercise.use is not call:
        return ""
    try:
        inspect.signature(answer).bind(*exercise.inputs(0)[0])
    except TypeError:
        return (
            f"{exercise.name} takes {inspect.signature(answer)}; it will be called as {exercise.name}{wanted(exercise)}"
        )
    except ValueError:
        pass  # what is written in C may have no signature to look at
    return ""


def wanted(exercise: Exercise) -> str:
    """Return the names of the arguments that the reference takes, in parentheses."""
    return f"({', '.join(inspect.signature(exercise.reference).parameters)})"


def try_out(exercise: Exercise, answer: Any, probes: Sequence[Probe]) -> Iterator[Trial]:
    """Run an answer on the probes, one after the other; one that does not end, or is not written yet, on no more."""
    left = SECONDS
    for probe in probes:
        started = time.perf_counter()
        got = run(exercise, answer, probe, left)
        left = max(0.5, left - (time.perf_counter() - started))
        yield Trial(probe, run(exercise, exercise.reference, probe), got)
        if isinstance(got.error, TooLong | NotImplementedError):
            return


# --- each of these looks for one thing and says it, or returns None ---


def unwritten(exercise: Exercise, trials: Sequence[Trial]) -> Verdict | None:
    """The stub as it was found: it raises NotImplementedError at once. Or an answer that calls such a stub."""
    first = trials[0].got
    if not isinstance(first.error, NotImplementedError) or first.printed:
        return None
    own = own_frames(first.error)
    if len(own) < 2:
        return Verdict(NOT_STARTED)
    said = f"It calls {own[-1].name}, which is not written yet: do that exercise first, or use something else"
    return Verdict(NOT_YET, [said])


def endless(exercise: Exercise, trials: Sequence[Trial]) -> Verdict | None:
    """Code that does not end."""
    last = trials[-1]
    if not isinstance(last.got.error, TooLong):
        return None
    said = f"This was still running after {SECONDS:.0f} seconds: does each turn of its loop come nearer to the end?"
    return Verdict(NOT_YET, [said], [("called", called(exercise, last.probe))])


def known(exercise: Exercise, trials: Sequence[Trial]) -> Verdict | None:
    """A mistake that gives the same on all probes, and on several of them not what is right."""
    if sum(not trial.right for trial in trials) < min(2, len(trials)):
        return None
    for mistake in exercise.mistakes:
        wrong = mistaken(exercise, mistake)
        if all(agree(run(exercise, wrong, trial.probe), trial.got) for trial in trials):
            return Verdict(NOT_YET, [mistake.says], example(exercise, trials), mistake)
    return None


def nothing_returned(exercise: Exercise, trials: Sequence[Trial]) -> Verdict | None:
    """An answer that prints what it should return, or forgets to return it."""
    gone = [trial.got for trial in trials if trial.got.value is None and trial.got.error is None]
    if exercise.is_value or len(gone) < len(trials) or all(trial.expected.value is None for trial in trials):
        return None
    said = "It prints its result and returns nothing: write return in place of print"
    return Verdict(NOT_YET, [said if gone[0].printed else "It returns nothing: end it with return and the result"])


def changed_input(exercise: Exercise, trials: Sequence[Trial]) -> Verdict | None:
    """An answer that changes what it was given."""
    for trial in trials:
        if trial.got.changed is not None and trial.expected.changed is None:
            name = [*inspect.signature(exercise.reference).parameters, *"?" * len(trial.probe)][trial.got.changed]
            copy = copied(trial.probe[trial.got.changed], name)
            said = f"It changes its input {name}, which belongs to whoever calls it: work on a copy, such as {copy}"
            return Verdict(NOT_YET, [said], [("called", called(exercise, trial.probe))])
    return None


def copied(value: Any, name: str) -> str:
    """Return code that makes a copy of a value, as deep as it must be.

    >>> copied([1, 2], "ids"), copied([[1], [2]], "rows"), copied({}, "counts")
    ('list(ids)', '[list(row) for row in rows]', 'dict(counts)')
    """
    if isinstance(value, Tensor):
        return f"{name}.clone()"
    nested = isinstance(value, list) and any(isinstance(row, list) for row in value)
    return f"[list(row) for row in {name}]" if nested else f"{'dict' if isinstance(value, dict) else 'list'}({name})"


def stopped(exercise: Exercise, trials: Sequence[Trial]) -> Verdict | None:
    """An answer that stops with an error where it should not."""
    for trial in trials:
        error = trial.got.error
        if error is not None and not trial.right:
            rows = [("called", called(exercise, trial.probe)), *where(error)]
            return Verdict(NOT_YET, [f"It stops with {type(error).__name__}: {error}"], rows)
    return None


def accepted(exercise: Exercise, trials: Sequence[Trial]) -> Verdict | None:
    """An answer that returns something where it should refuse the input."""
    for trial in trials:
        error = trial.expected.error
        if error is not None and trial.got.error is None:
            said = f"It should refuse this input with a {type(error).__name__} that says what is wrong with it"
            rows = [("called", called(exercise, trial.probe)), ("it returns", short(trial.got.value))]
            return Verdict(NOT_YET, [said], rows)
    return None


def other_form(exercise: Exercise, trials: Sequence[Trial]) -> Verdict | None:
    """A result of another type or shape."""
    for trial in trials:
        differs = difference(trial.expected.value, trial.got.value)
        if differs and differs.kind in ("type", "shape"):
            return Verdict(NOT_YET, [sentence(differs.text)], example(exercise, [trial]))
    return None


def broken_rule(exercise: Exercise, trials: Sequence[Trial]) -> Verdict | None:
    """A result that breaks what must hold of any result, such as rows that sum to 1."""
    for trial in trials:
        for rule in exercise.rules:
            if broken := rule(trial.got.value, *trial.probe):
                return Verdict(NOT_YET, [sentence(broken)], example(exercise, [trial]))
    return None


def different(exercise: Exercise, trials: Sequence[Trial]) -> Verdict:
    """The smallest probe on which the result is not what is expected."""
    if exercise.is_value:
        return Verdict(NOT_YET, [f"{short(trials[0].got.value)} is not it."])
    wrong = next(trial for trial in trials if not trial.right)
    return Verdict(
        NOT_YET, [sentence(difference(wrong.expected.value, wrong.got.value).text)], example(exercise, [wrong])
    )


# --- how it is shown ---


def example(exercise: Exercise, trials: Sequence[Trial]) -> list[Row]:
    """Return rows that show the first of the trials that is not right; a value to be found out is not given away."""
    wrong = next(trial for trial in trials if not trial.right)
    if exercise.is_value or wrong.expected.error is not None:
        return []
    if wrong.got.error is not None:
        return [("called", called(exercise, wrong.probe)), *where(wrong.got.error)]
    return [
        ("called", called(exercise, wrong.probe)),
        ("expected", short(wrong.expected.value)),
        ("yours", short(wrong.got.value)),
    ]


def called(exercise: Exercise, probe: Probe) -> str:
    """Return how the answer was called, as it is written in Python."""
    return f"{exercise.name}({', '.join(map(short, probe))})"


def sentence(text: str) -> str:
    """Return a text with a capital letter."""
    return text[:1].upper() + text[1:]


def own_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Return the places in the learner's own code that an error went through, the outermost first."""
    return [frame for frame in traceback.extract_tb(error.__traceback__) if "course_utils" not in frame.filename]


def where(error: BaseException) -> list[Row]:
    """Return the line of the learner's own code that an error came from, if it can be told."""
    lines = [linecache.getline(frame.filename, frame.lineno or 0).strip() for frame in own_frames(error)]
    return [("in the line", line) for line in lines[-1:] if line]
