"""An answer is judged: right, a mistake that is known by name, or what exactly is wrong with it."""

import inspect
import linecache
import re
import sysconfig
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn import Module

from course_utils.exercises.engine import reading
from course_utils.exercises.engine.comparing import Unreadable, apart, difference, kind, same, short
from course_utils.exercises.engine.exercise import Exercise, Mistake, Probe, call, mistaken
from course_utils.exercises.engine.limiting import TooLong, TooMuch
from course_utils.exercises.engine.running import SECONDS, Outcome, own_settings, run
from course_utils.exercises.engine.showing import shown_call, told_of_value
from course_utils.exercises.engine.slips import pairs, slips

PASSED, NOT_STARTED, NOT_YET = "passed", "not started", "not yet"
Row = tuple[str, str]
PACKAGE = Path(__file__).resolve().parents[2]
LIBRARIES = [str(PACKAGE), *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")), "<frozen"]


@dataclass(frozen=True)
class Verdict:
    """What `check` says: a state, sentences, and rows of a word with code beside it.

    `form` is the wrong answer that does the same, where there is one, and `mistake` what it is known as.
    """

    state: str
    sentences: Sequence[str] = ()
    rows: Sequence[Row] = ()
    mistake: Mistake | None = field(default=None, compare=False)
    form: Any = field(default=None, compare=False)


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


@dataclass(frozen=True)
class Case:
    """An answer to an exercise, what came of it on the probes, and the seed that they were made from."""

    exercise: Exercise
    answer: Any
    trials: Sequence[Trial]
    seed: int

    @cached_property
    def wrong(self) -> list[Trial]:
        """The trials in which the answer did something else than the reference."""
        return [trial for trial in self.trials if not trial.right]

    def does_what(self, form: Any) -> bool:
        """Whether a wrong form does the same on all probes, and on others; the telling ones are tried first."""
        trials = sorted(self.trials, key=lambda trial: (trial.right, trial.got.error is not None))
        return all(self.same_on(form, trial.probe, trial.got) for trial in trials) and (
            self.exercise.is_value or all(self.same_on(form, probe) for probe in self.more_probes())
        )

    def same_on(self, form: Any, probe: Probe, got: Outcome | None = None) -> bool:
        """Whether a wrong form does the same as the answer on one probe."""
        got = got or run_answer(self.exercise, self.answer, probe, 1.0)
        other = run(self.exercise, form, probe, 0.3)
        # Errors of the same kind may come from different slips: where they say more, or are all there is, that counts.
        if (self.only_stops or tells_sizes(got.error)) and message(other.error) != message(got.error):
            return False
        return agree(other, got)

    def more_probes(self) -> list[Probe]:
        """Return other probes: on those of one seed two wrong forms may look alike."""
        if isinstance(self.trials[-1].got.error, TooLong):
            return []
        return [probe for seed in (self.seed + 1, self.seed + 2) for probe in self.exercise.inputs(seed)]

    @cached_property
    def only_stops(self) -> bool:
        """Whether the answer stops with an error in all trials that are not right, and the reference in none."""
        return all(trial.got.error is not None and trial.expected.error is None for trial in self.wrong)

    @property
    def stops_for_sizes(self) -> bool:
        """Whether the errors tell of sizes that don't fit: those of two different slips seldom read the same."""
        return all(tells_sizes(trial.got.error) for trial in self.wrong)


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
    if all(trial.right for trial in trials) and not exercise.is_value:
        trials += try_out(exercise, answer, exercise.inputs(seed + 1))  # nobody passes by luck
    if all(trial.right for trial in trials):
        return Verdict(PASSED)
    case = Case(exercise, answer, trials, seed)
    with warnings.catch_warnings():  # an answer's own are out by now, and those that our wrong forms cause are not its
        warnings.simplefilter("ignore")
        found = next(filter(None, (look(case) for look in LOOKS)), None) or different(case)
    return Verdict(found.state, found.sentences, [*found.rows, *printed(case)], found.mistake, found.form)


def is_started(exercise: Exercise, answer: Any) -> bool:
    """Whether there is an answer: no `None`, no `...` left in a value, no function or class that is still a stub."""
    if answer is None or has_gap(answer):
        return False
    return exercise.is_value or not reading.is_empty(answer)


def has_gap(answer: Any) -> bool:
    """Whether a value is `...` or still holds one."""
    inner = answer.values() if isinstance(answer, dict) else answer if isinstance(answer, list | tuple) else ()
    try:
        return answer is ... or any(map(has_gap, inner))
    except RecursionError:  # a list that holds itself
        return False


def unusable(exercise: Exercise, answer: Any) -> str:
    """Return why an answer cannot be tried at all: no function, or one that takes other arguments; else nothing."""
    if exercise.is_value:
        return f"{exercise.name} is a function; give its value" if inspect.isroutine(answer) else ""
    called = f'check("{exercise.number}", {exercise.name})'
    made = isinstance(answer, Module) or not callable(answer)
    if made and inspect.isclass(exercise.reference):
        return f"{exercise.name} is an object, made by a class: give check the class itself, {called}"
    if made:
        what = f"{exercise.name} is {kind(answer)}: give check the name of what you wrote, without calling it"
        return f"{what}: {called}"
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
        got = run_answer(exercise, answer, probe, left)
        left = max(0.5, left - (time.perf_counter() - started))
        yield Trial(probe, run(exercise, exercise.reference, probe), got)
        if isinstance(got.error, TooLong) or is_unwritten(got.error):
            return


def run_answer(exercise: Exercise, answer: Any, probe: Probe, seconds: float, seed: int = 0) -> Outcome:
    """Run somebody's code, and put back what it sets for everybody."""
    with own_settings():
        return run(exercise, answer, probe, seconds, seed)


# --- each of these looks for one thing and says it, or returns None ---


def unwritten(case: Case) -> Verdict | None:
    """What is not written yet: the stub as it was found, one of its methods, or something that it calls."""
    first = case.trials[0].got
    if not isinstance(first.error, NotImplementedError):
        return None
    own = own_frames(first.error)
    if said := reading.left_over(case.answer):
        return Verdict(NOT_YET, [said])
    if own and own[-1].name in reading.unwritten_methods(case.answer):
        return Verdict(NOT_YET, [f"{own[-1].name} is not written yet: the other methods are"])
    if not is_unwritten(first.error) or not own:
        return None
    if len(own) == 1:  # its text can't be read: it raises at once, as a stub does
        return None if first.printed or reading.functions_of(case.answer) else Verdict(NOT_STARTED)
    said = f"It calls {own[-1].name}, which is not written yet: do that exercise first, or use something else"
    return Verdict(NOT_YET, [said])


def is_unwritten(error: BaseException | None) -> bool:
    """Whether an error is a stub's; PyTorch raises one of the same kind, with a reason, for what it can't compute."""
    return isinstance(error, NotImplementedError) and not message(error)


def incomplete(case: Case) -> Verdict | None:
    """A class that lacks a method, or has it under another name."""
    said = reading.missing_method(case.answer, case.exercise.reference)
    return Verdict(NOT_YET, [said]) if said else None


def endless(case: Case) -> Verdict | None:
    """Code that does not end, or takes more and more memory."""
    last = case.trials[-1]
    if not isinstance(last.got.error, TooLong):
        return None
    said = f"This was still running after {SECONDS:.0f} seconds: does each turn of its loop come nearer to the end?"
    if isinstance(last.got.error, TooMuch):
        said = "This took more and more memory until it was stopped: does something grow at each turn of a loop?"
    return Verdict(NOT_YET, [said], [("called", shown_call(case.exercise, last.probe))])


def known(case: Case) -> Verdict | None:
    """A mistake that gives the same on all probes, and on several of them not what is right."""
    if not several(case):
        return None
    for mistake in case.exercise.mistakes:
        form = mistaken(case.exercise, mistake)
        if case.does_what(form):
            return Verdict(NOT_YET, [mistake.says], example(case), mistake, form)
    return None


def too_early(case: Case) -> Verdict | None:
    """A name that is used before it has a value."""
    error = case.wrong[0].got.error
    name = re.search(r"variable '(\w+)'", message(error))
    if name is None or not isinstance(error, NameError):
        return None
    said = f"{name[1]} has no value yet where it's used: the line that sets it comes too late, or never runs"
    return Verdict(NOT_YET, [said], example(case))


def tells_sizes(error: BaseException | None) -> bool:
    """Whether an error is PyTorch's about sizes that don't fit."""
    return isinstance(error, RuntimeError) and any(map(str.isdigit, message(error)))


def several(case: Case) -> bool:
    """Whether the answer is wrong on more than one probe, where there is more than one."""
    return len(case.wrong) >= min(2, len(case.trials))


def slipped(case: Case) -> Verdict | None:
    """What the reference does with one slip in it, or with two of the known mistakes.

    Where the results say too little, as those of an answer that only stops, the text of the answer must show the slip.
    """
    if case.exercise.is_value:
        return None
    telling, text = several(case) and (case.stops_for_sizes or not case.only_stops), reading.text_of(case.answer)
    found = slips(case.exercise)
    if not telling:
        found = sorted((slip for slip in found if slip.stands_in(text)), key=lambda slip: -len(slip.after))
    for slip in found:
        if case.does_what(slip.form):
            error = case.wrong[0].got.error
            said = [slip.says, *([stops_with(error)] if error else [])]
            return Verdict(NOT_YET, said, example(case), form=slip.form)
    for one, other, form in pairs(case.exercise) if telling else ():
        if case.does_what(form):
            said = [f"Two slips at once. The first: {one}", f"The other: {other}"]
            return Verdict(NOT_YET, said, example(case), form=form)
    return None


def restless(case: Case) -> Verdict | None:
    """An answer that gives another result each time, as with dropout left on."""
    wrong = case.wrong[0]
    if case.exercise.is_value or wrong.got.error:
        return None
    if agree(wrong.got, run_answer(case.exercise, case.answer, wrong.probe, 1.0, seed=1)):
        return None
    said = "It gives another result each time it's called: something in it is random, such as a shuffle or dropout"
    return Verdict(NOT_YET, [said], example(case))


def nearly(case: Case) -> Verdict | None:
    """A value that is right but for how it is given: not sorted, rounded too far."""
    said = told_of_value(case.exercise.reference, case.trials[0].got.value) if case.exercise.is_value else ""
    return Verdict(NOT_YET, [said]) if said else None


def read_in_its_text(case: Case) -> Verdict | None:
    """A slip that shows in the text of the answer: a result that nobody keeps, a loop that returns too early."""
    said = reading.thrown_away(case.answer) or reading.early_return(case.answer)
    return Verdict(NOT_YET, [said], example(case)) if said and not case.exercise.is_value else None


def unreadable(case: Case) -> Verdict | None:
    """A result that can't be compared."""
    error = case.wrong[0].got.error
    if not isinstance(error, Unreadable):
        return None
    rows = [] if case.exercise.is_value else [("called", shown_call(case.exercise, case.wrong[0].probe))]
    return Verdict(NOT_YET, [f"The result is {error}"], rows)


def unused(case: Case) -> Verdict | None:
    """An argument that the answer never looks at."""
    said = "" if case.exercise.is_value else reading.unused(case.answer, case.exercise.reference)
    return Verdict(NOT_YET, [said], example(case)) if said else None


def nothing_returned(case: Case) -> Verdict | None:
    """An answer that prints what it should return, or forgets to return it."""
    gone = [trial.got for trial in case.trials if trial.got.value is None and trial.got.error is None]
    nothing_wanted = all(trial.expected.value is None for trial in case.trials)
    if case.exercise.is_value or len(gone) < len(case.trials) or nothing_wanted:
        return None
    said = "It prints its result and returns nothing: write return in place of print"
    return Verdict(NOT_YET, [said if gone[0].printed else "It returns nothing: end it with return and the result"])


def changed_input(case: Case) -> Verdict | None:
    """An answer that changes what it was given."""
    for trial in case.trials:
        if trial.got.changed is not None and trial.expected.changed is None:
            name = [*inspect.signature(case.exercise.reference).parameters, *"?" * len(trial.probe)][trial.got.changed]
            copy = copied(trial.probe[trial.got.changed], name)
            said = f"It changes its input {name}, which belongs to whoever calls it: work on a copy, such as {copy}"
            return Verdict(NOT_YET, [said], [("called", shown_call(case.exercise, trial.probe))])
    return None


def copied(value: Any, name: str) -> str:
    """Return code that makes a copy of a value, as deep as it must be.

    >>> copied([1, 2], "ids"), copied([[1], [2]], "rows"), copied({}, "counts")
    ('list(ids)', '[list(row) for row in rows]', 'dict(counts)')
    >>> copied([Tensor([1.0])], "sums"), copied([{"a": 1}], "rows")
    ('[each.clone() for each in sums]', '[dict(row) for row in rows]')
    """
    if isinstance(value, Tensor):
        return f"{name}.clone()"
    inner = value if isinstance(value, list) else []
    for kind_, code in ((Tensor, "each.clone() for each"), (list, "list(row) for row"), (dict, "dict(row) for row")):
        if any(isinstance(item, kind_) for item in inner):
            return f"[{code} in {name}]"
    return f"{'dict' if isinstance(value, dict) else 'list'}({name})"


def stopped(case: Case) -> Verdict | None:
    """An answer that stops with an error where it should not."""
    for trial in case.trials:
        error = trial.got.error
        if error is not None and not trial.right:
            rows = [("called", shown_call(case.exercise, trial.probe)), *where(error)]
            return Verdict(NOT_YET, [stops_with(error)], rows)
    return None


def accepted(case: Case) -> Verdict | None:
    """An answer that returns something where it should refuse the input."""
    for trial in case.trials:
        error = trial.expected.error
        if error is not None and trial.got.error is None:
            said = f"It should refuse this input with a {type(error).__name__} that says what is wrong with it"
            rows = [("called", shown_call(case.exercise, trial.probe)), ("it returns", short(trial.got.value))]
            return Verdict(NOT_YET, [said], rows)
    return None


def other_form(case: Case) -> Verdict | None:
    """A result of another type or shape."""
    for trial in case.trials:
        differs = difference(trial.expected.value, trial.got.value)
        if differs and differs.kind in ("type", "shape"):
            return Verdict(NOT_YET, [sentence(differs.text)], example(case, trial))
    return None


def broken_rule(case: Case) -> Verdict | None:
    """A result that breaks what must hold of any result, such as rows that sum to 1."""
    for trial in case.trials:
        for rule in case.exercise.rules:
            if broken := rule(trial.got.value, *trial.probe):
                return Verdict(NOT_YET, [sentence(broken)], example(case, trial))
    return None


def different(case: Case) -> Verdict:
    """The smallest probe on which the result is not what is expected."""
    wrong = case.wrong[0]
    if case.exercise.is_value:
        return Verdict(NOT_YET, [f"{short(wrong.got.value)} is not it."])
    said = [sentence(difference(wrong.expected.value, wrong.got.value).text)]
    return Verdict(NOT_YET, [*said, *filter(None, [reading.not_set_back(case.answer)])], example(case, wrong))


LOOKS: Sequence[Callable[[Case], Verdict | None]] = (
    *(unwritten, incomplete, endless, read_in_its_text, too_early, known, nothing_returned, changed_input, slipped),
    *(nearly, unreadable, stopped, accepted, unused, other_form, broken_rule, restless),
)


# --- how it is shown ---


def example(case: Case, wrong: Trial | None = None) -> list[Row]:
    """Return rows that show one of the trials that is not right; a value to be found out is not given away."""
    exercise, wrong = case.exercise, wrong or case.wrong[0]
    if exercise.is_value or wrong.expected.error is not None:
        return []
    rows = [("called", shown_call(exercise, wrong.probe))]
    if wrong.got.error is not None:
        return [*rows, *where(wrong.got.error)]
    expected, got = apart(wrong.expected.value, wrong.got.value)
    return [*rows, ("expected", expected), ("yours", got)]


def printed(case: Case) -> list[Row]:
    """Return the last lines that an answer printed in the first trial that went wrong."""
    lines = case.wrong[0].got.printed.rstrip().splitlines()[-3:]
    return [("it printed", "\n".join(line[:200] for line in lines))] if lines else []


def sentence(text: str) -> str:
    """Return a text with a capital letter."""
    return text[:1].upper() + text[1:]


def own_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Return the places in the learner's own code that an error went through, the outermost first."""
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if not any(frame.filename.startswith(part) for part in LIBRARIES)]


def stops_with(error: BaseException) -> str:
    """Return the sentence about an error."""
    return f"It stops with {type(error).__name__}: {message(error)}".removesuffix(": ")


def message(error: BaseException | None) -> str:
    """Return what an error says, should it be able to."""
    try:
        return str(error)
    except Exception:
        return "it can't say why"


def where(error: BaseException) -> list[Row]:
    """Return the line of the learner's own code that an error came from, if it can be told."""
    lines = [linecache.getline(frame.filename, frame.lineno or 0).strip() for frame in own_frames(error)]
    return [("in the line", line) for line in lines[-1:] if line]
