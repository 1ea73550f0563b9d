"""Exercises: what is right passes, each known mistake is named, anything else is told what is wrong with it."""

import ast
import contextlib
import importlib
import json
import os
import random
import re
import threading
import time
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import exercise_lookalikes as lookalikes
import numpy as np
import pytest
import torch
from exercise_endless import ENDLESS, counting, plain
from exercise_inputs import INPUTS
from exercise_lookalikes import RIGHT, WRONG
from mutants import mutants
from torch import nn

from course_utils import exercises
from course_utils.exercises.engine import limiting, reading, running, verdicts
from course_utils.exercises.engine.comparing import difference, lenient, same, short
from course_utils.exercises.engine.exercise import Exercise, Mistake, call, define, mistaken, solution_text, source_of
from course_utils.exercises.engine.limiting import TooLong, limited
from course_utils.exercises.engine.record import read_record, record_file
from course_utils.exercises.engine.running import run
from course_utils.exercises.engine.verdicts import NOT_STARTED, NOT_YET, PASSED, Verdict, agree, give_verdict

AUTHORS = Path(__file__).parent.parent / "CONTRIBUTING.md"
ALL = [exercise for notebook in exercises.notebooks() for exercise in exercises.exercises(notebook)]
CODE = [exercise for exercise in ALL if not exercise.is_value]
EACH = pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.number)
SEEDS = pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
MANY = range(25)


@pytest.fixture(autouse=True)
def own_record(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_WORK", str(tmp_path))
    monkeypatch.setattr(exercises, "GIVEN", {})


# --- the course's own exercises ---


@EACH
@SEEDS
def test_what_is_right_passes(exercise: Exercise, seed: int):
    for answer in (exercise.reference, *exercise.alternatives):
        assert give_verdict(exercise, answer, seed).state == PASSED


@EACH
@SEEDS
def test_each_known_mistake_gets_its_own_sentence(exercise: Exercise, seed: int):
    for mistake in exercise.mistakes:
        assert give_verdict(exercise, mistaken(exercise, mistake), seed).mistake is mistake, mistake.says


@EACH
def test_the_solution_as_shown_is_right(exercise: Exercise):
    if exercise.is_value:
        assert same(eval(solution_text(exercise).split("=", 1)[1]), exercise.reference)
    else:
        assert f" {exercise.name}(" in solution_text(exercise).split("\n")[0]


@EACH
def test_an_exercise_is_complete(exercise: Exercise):
    assert len(exercise.hints) >= 2
    assert len(exercise.mistakes) >= 3
    assert len({mistake.says for mistake in exercise.mistakes}) == len(exercise.mistakes)
    assert exercise.is_value or exercise.alternatives


def test_numbers_and_names_are_unique():
    assert len({exercise.number for exercise in ALL}) == len(ALL)
    for notebook in exercises.notebooks():
        numbers = [exercise.number for exercise in exercises.exercises(notebook)]
        assert numbers == [f"{notebook}.{place}" for place in range(1, len(numbers) + 1)]


def test_each_exercise_with_code_has_inputs_to_judge_it_by():
    assert sorted(INPUTS) == sorted(exercise.number for exercise in CODE)


@pytest.mark.parametrize(("number", "said", "answer"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("seeds", [range(3), pytest.param(MANY, marks=pytest.mark.slow)], ids=len)
def test_what_only_looks_right_passes_with_no_seed(number: str, said: str, answer, seeds: range):
    assert [seed for seed in seeds if give_verdict(exercises.find(number), answer, seed).state == PASSED] == []


@pytest.mark.parametrize(("number", "answer"), RIGHT, ids=lambda value: value if isinstance(value, str) else "")
def test_a_right_answer_in_another_form_passes(number: str, answer):
    assert give_verdict(exercises.find(number), answer).state == PASSED


@EACH
def test_what_is_expected_of_a_value_is_in_its_lenient_form(exercise: Exercise):
    assert not exercise.is_value or lenient(exercise.reference) == exercise.reference


@pytest.mark.parametrize("exercise", CODE, ids=lambda exercise: exercise.number)
def test_the_first_calls_can_be_typed(exercise: Exercise):
    """What is shown as the call runs, in a notebook that has imported torch, and calls with the same inputs."""
    for probe in exercise.inputs(0)[:2]:
        names = {"torch": torch, "nn": nn, exercise.name: record}
        exec(verdicts.shown_call(exercise, probe), names)
        if exercise.shown is None:
            assert same(list(map(without_functions, probe)), list(map(without_functions, record.given)))


def record(*given):
    """Stands in for an answer, and keeps what it was given; what it returns can be called on."""
    record.given = given
    return lambda x: x


def without_functions(value):
    """What is compared of an input: of a function nothing, of a tensor its shape and its numbers, rounded."""
    if callable(value):
        return "a function"
    if isinstance(value, list | tuple):
        return [without_functions(item) for item in value]
    if isinstance(value, dict):
        return {key: without_functions(item) for key, item in value.items()}
    if isinstance(value, torch.Tensor):
        return [*value.shape, *value.float().flatten().round(decimals=2).tolist()]
    return value


# --- mutants: whatever differs fails, and whoever is told a mistake has made it ---


def differ(exercise: Exercise, one, other, count: int = 30) -> bool:
    """Whether two answers differ on random inputs, which are not those that `check` tries.

    A difference counts if it's there with ten times the time, too: a busy machine may not get to an answer soon.
    """
    chance = random.Random(exercise.number)
    inputs = (INPUTS[exercise.number](chance) for _ in range(count))
    return any(all(differ_on(exercise, one, other, given, limit) for limit in (0.5, 5.0)) for given in inputs)


def differ_on(exercise: Exercise, one, other, given, seconds: float) -> bool:
    """Whether two answers that get so many seconds each differ on one input."""
    return not agree(run(exercise, one, given, seconds), run(exercise, other, given, seconds))


# What is read in the text of an answer; whatever else is named behaves like a wrong form of the reference.
READ = re.compile("has no value yet|stands inside the loop|never uses its argument|has no effect, since")


def judged(exercise: Exercise, mutant, seeds: range) -> Iterator[str]:
    """What happens to a mutant with some seeds: passed, accused of a slip that it doesn't make, named, or none."""
    for seed in seeds:
        verdict = give_verdict(exercise, mutant, seed)
        if verdict.state == PASSED:
            yield "passed"
        elif verdict.form is not None and differ(exercise, verdict.form, mutant):
            yield "accused"
        else:
            yield "named" if verdict.form is not None or READ.search(verdict.sentences[0]) else "unnamed"


def report(subjects: list[Exercise], seeds: range, share: int = 1) -> dict[str, list[str]]:
    """The mutants of references (every so many of them) by what happens to them, the worst of it with any seed."""
    found: dict[str, list[str]] = {word: [] for word in ("passed", "accused", "unnamed", "named")}
    for exercise in subjects:
        for text, mutant in list(mutants(exercise.reference))[::share]:
            if differ(exercise, exercise.reference, mutant):  # else it is the same function, written otherwise
                words = set(judged(exercise, mutant, seeds))
                found[next(word for word in found if word in words)].append(f"{exercise.number}\n{text}")
    print({word: len(texts) for word, texts in found.items()})
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("subjects", "seeds", "share"), [(CODE, range(2, 3), 12), (CODE[::2], MANY, 120)], ids=["one seed", "25 seeds"]
)
def test_single_slips_never_pass_and_are_told_by_name(monkeypatch, subjects: list[Exercise], seeds: range, share: int):
    monkeypatch.setattr(verdicts, "SECONDS", 0.5)
    found = report(subjects, seeds, share)
    total = sum(map(len, found.values()))
    assert total >= 15 * len(subjects) / share
    assert found["passed"] == [], "\n\n".join(found["passed"])
    assert found["accused"] == [], "\n\n".join(found["accused"])
    assert len(found["named"]) >= 0.85 * total, "\n\n".join(found["unnamed"])


def test_some_single_slips_never_pass_and_are_told_by_name():
    subjects = [exercises.find(number) for number in ("01.6", "03.4", "04.6", "A.8")]
    found = report(subjects, range(1), 4)
    assert found["passed"] == found["accused"] == []
    assert len(found["named"]) >= 0.85 * sum(map(len, found.values()))


def test_the_exercise_on_the_authors_page_is_whole(tmp_path, monkeypatch):
    block = re.search(r"```python\n([^`]*\ndef halves.*?)```", AUTHORS.read_text(encoding="utf-8"), re.DOTALL)[1]
    assert block.count("\n") < 30
    (tmp_path / "example_exercise.py").write_text(block)
    monkeypatch.syspath_prepend(tmp_path)
    halves = importlib.import_module("example_exercise").HALVES
    test_what_is_right_passes(halves, 0)
    test_each_known_mistake_gets_its_own_sentence(halves, 0)
    test_an_exercise_is_complete(halves)


# --- the judge, on an exercise made up for it ---


def double(ids: list, times: int = 2) -> list:
    """Return each number times two, or `times`."""
    return [times * i for i in ids]


def keep_sum(result: list, ids: list, times: int) -> str | None:
    return None if sum(result) == times * sum(ids) else f"the sum is {sum(result)}; it should be {times * sum(ids)}"


DOUBLE = Exercise(
    number="99.1",
    title="Double",
    name="double",
    reference=double,
    probes=lambda chance: [([3, 1], 2), ([5, 2, 4], 2), ([chance.randrange(9, 99), 7], 3)],
    hints=["Multiply.", "Each one."],
    mistakes=[Mistake("You add in place of multiplying", "times * i", "times + i")],
)
PREDICTION = Exercise("99.2", "Guess", "guess", 12, ["one", "two"], [Mistake("That is a half of it", answer=6)])


def says(answer, exercise: Exercise = DOUBLE) -> str:
    verdict = give_verdict(exercise, answer)
    assert verdict.state == NOT_YET
    return " ".join([*verdict.sentences, *(f"{word}: {code}" for word, code in verdict.rows)])


def unwritten_stub(ids, times):
    raise NotImplementedError


def empty_stub(ids, times):
    """Only this."""


@pytest.mark.parametrize("answer", [unwritten_stub, empty_stub, None, ..., (1, ...), {"a": ...}])
def test_what_is_not_started_is_told_so(answer):
    assert give_verdict(DOUBLE, answer).state == NOT_STARTED


def test_what_pytorch_has_not_implemented_is_no_stub():
    names = {"torch": torch}
    exec("def double(ids, times): return torch.log_softmax(torch.tensor(ids), 0)", names)  # its text can't be read
    for answer in (names["double"], lambda ids, times: torch.log_softmax(torch.tensor(ids), 0)):
        assert says(answer).startswith("It stops with NotImplementedError: ")


def test_an_answer_that_calls_a_stub_is_told_which():
    told = says(lambda ids, times: [unwritten_stub([i], times) for i in ids])
    assert told.startswith("It calls unwritten_stub, which is not written yet: do that exercise first")


def test_a_tuple_is_as_good_as_a_list_and_a_generator_too():
    assert give_verdict(DOUBLE, lambda ids, times: tuple(times * i for i in ids)).state == PASSED
    assert give_verdict(DOUBLE, lambda ids, times: (times * i for i in ids)).state == PASSED


def test_a_known_mistake_is_named_however_it_is_written():
    assert says(lambda ids, times: [sum((i, times)) for i in ids]).startswith("You add in place of multiplying")


def test_a_mistake_is_named_only_if_several_probes_tell_it_from_the_right_answer():
    once = Exercise("99.3", "x", "f", double, (), [Mistake("m", "times * i", "i * times if ids != [3, 1] else 0")])
    object.__setattr__(once, "probes", DOUBLE.probes)
    assert give_verdict(once, mistaken(once, once.mistakes[0])).mistake is None


def test_one_that_prints_is_told_to_return():
    assert "write return in place of print" in says(lambda ids, times: print(double(ids, times)))


def test_one_that_returns_nothing_is_told_so():
    def answer(ids, times):
        result = [times * i for i in ids]  # noqa: F841

    assert says(answer) == "It returns nothing: end it with return and the result"


def test_a_changed_input_is_noticed():
    def answer(ids, times):
        for place, i in enumerate(ids):
            ids[place] = times * i
        return ids

    assert "It changes its input ids" in says(answer)
    assert "such as list(ids)" in says(answer)


def test_an_error_is_told_with_the_call_and_the_line():
    def answer(ids, times):
        return [times * ids[place + 1] for place in range(len(ids))]

    told = says(answer)
    assert told.startswith("It stops with IndexError: list index out of range called: double([3, 1], 2)")
    assert "in the line: return [times * ids[place + 1]" in told


def test_another_type_or_length_is_told_before_values():
    assert says(lambda ids, times: torch.tensor(ids)).startswith("The result is a tensor; it should be a list")
    assert says(lambda ids, times: [*double(ids, times)[1:], 0, 0]).startswith("Item 0 is")
    assert says(lambda ids, times: [*double(ids, times), 0]).startswith("The result has 3 items; it should have 2")


def test_the_smallest_probe_that_differs_is_shown():
    told = says(lambda ids, times: double(ids, times) if len(ids) < 3 else ids)
    assert "called: double([5, 2, 4], 2) expected: [10, 4, 8] yours: [5, 2, 4]" in told


def test_a_broken_rule_is_told():
    ruled = Exercise("99.4", "x", "double", double, (), (), DOUBLE.probes, rules=[keep_sum])
    assert says(lambda ids, times: [0 for _ in ids], ruled).startswith("The sum is 0; it should be 8")


def test_other_arguments_and_a_called_answer_are_told():
    assert "takes (ids); it will be called as double(ids, times)" in says(lambda ids: ids)
    assert 'check("99.1", double)' in says([6, 2])


def test_windows_shared_out_at_random_are_told_to_leak():
    def answer(ids, fraction, max_length, stride):
        starts = [*range(0, len(ids) - max_length, stride)]
        random.shuffle(starts)
        windows = [(ids[i : i + max_length], ids[i + 1 : i + max_length + 1]) for i in starts]
        edge = round(len(windows) * fraction)
        return windows[:edge], windows[edge:]

    assert "both" in says(answer, exercises.find("03.8"))


def test_an_input_that_should_be_refused_is_told():
    def strict(ids: list) -> list:
        if not ids:
            raise ValueError("no ids")
        return ids

    exercise = Exercise("99.5", "x", "strict", strict, (), (), lambda chance: [([],), ([1],)])
    assert "should refuse this input with a ValueError" in says(lambda ids: ids, exercise)


def test_a_wrong_value_is_told_without_the_right_one():
    assert says(6, PREDICTION) == "That is a half of it"
    assert says(11, PREDICTION) == "11 is not it."
    assert says("12", PREDICTION) == "The result is a text; it should be a whole number"
    assert says((1, 2), PREDICTION) == "The result is a tuple; it should be a whole number"
    assert give_verdict(PREDICTION, 12.0).state == PASSED


@pytest.mark.parametrize("catches", [False, True])
def test_an_endless_loop_is_ended_and_leaves_everything_as_it_was(monkeypatch, catches):
    monkeypatch.setattr(verdicts, "SECONDS", 0.2)
    seen = []

    def answer(ids, times):
        while True:
            try:
                seen.append(1)
                seen.pop()
            except Exception:
                if not catches:
                    raise

    assert "still running after 0 seconds" in says(answer)
    assert give_verdict(DOUBLE, double).state == PASSED


def test_a_limit_is_not_felt_by_what_ends_before_it():
    assert limited(lambda: 7, 5) == 7
    with pytest.raises(ZeroDivisionError):
        limited(lambda: 1 / 0, 5)
    with pytest.raises(TooLong):
        limited(lambda: [None for _ in iter(int, 1)], 0.1)
    time.sleep(0.3)  # nothing is thrown afterwards


def test_an_answer_cannot_disturb_the_notebooks_chances():
    torch.manual_seed(5)
    random.seed(5)
    expected = torch.rand(1), random.random()
    torch.manual_seed(5)
    random.seed(5)
    give_verdict(DOUBLE, lambda ids, times: [torch.rand(1), random.random()])
    assert (torch.rand(1), random.random()) == expected


class Unprintable:
    def __repr__(self):
        raise ZeroDivisionError

    __str__ = __repr__


def holds_itself(ids, times):
    ids = [1]
    ids.append(ids)
    return ids


def grows(ids, times):
    while True:
        ids.append([0] * 100_000)


def strange_error(ids, times):
    class Strange(Exception):
        def __str__(self):
            raise ZeroDivisionError

    raise Strange


STRANGE = {
    "The result is a list that holds itself": holds_itself,
    "can't be printed": lambda ids, times: Unprintable(),
    "a sparse tensor: .to_dense()": lambda ids, times: torch.eye(2).to_sparse(),
    "a tensor on the device meta": lambda ids, times: torch.zeros(2, device="meta"),
    "It stops with Strange: it can't say why": strange_error,
}


@pytest.mark.parametrize("words", STRANGE)
def test_whatever_comes_back_gets_a_card(words):
    assert words in says(STRANGE[words])


@pytest.mark.parametrize("words", ["The result is a list that holds itself", "a sparse tensor"])
def test_a_value_that_cannot_be_compared_gets_a_card(words):
    value = holds_itself(0, 0) if "list" in words else torch.eye(2).to_sparse()
    assert words in says(value, PREDICTION)


@pytest.mark.parametrize("code", ENDLESS, ids=lambda code: code.__name__)
def test_whatever_does_not_end_is_ended(monkeypatch, code):
    monkeypatch.setattr(verdicts, "SECONDS", 0.1)
    assert "still running after" in says(lambda ids, times: code())


def test_endless_growth_is_ended(monkeypatch):
    monkeypatch.setattr(limiting, "MOST_MEMORY", 20 * 2**20)
    monkeypatch.setattr(verdicts, "SECONDS", 60.0)
    assert says(grows).startswith("This took more and more memory until it was stopped")


@pytest.mark.parametrize("runs", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_what_is_thrown_at_a_limit_arrives_nowhere_else(runs: int):
    """Tiny limits, a busy thread beside, code that catches everything or ends at about the limit.

    After each run, the caller takes some steps in which something late would arrive.
    """
    chance, strayed, over = random.Random(0), [], threading.Event()

    def busy():
        while not over.is_set():
            try:
                sum(range(1000))
            except BaseException as error:
                strayed.append(error)

    beside = threading.Thread(target=busy)
    beside.start()
    try:
        for _ in range(runs):
            code = chance.choice([*ENDLESS, *(counting(chance.randrange(60_000)) for _ in ENDLESS)])
            with contextlib.suppress(TooLong):
                assert limited(code, chance.uniform(1e-5, 2e-3)) in range(60_000)
            for _ in range(200):
                pass
    finally:
        over.set()
        beside.join()
    assert strayed == []


def test_code_with_a_limit_runs_in_a_thread_of_its_own_with_the_callers_settings():
    with torch.no_grad(), torch.device("meta"), np.errstate(all="raise"):
        here = threading.get_ident(), False, torch.device("meta"), np.geterr()
        exercise = Exercise("99.6", "x", "f", list, (), (), lambda chance: [()])
        found = run(exercise, lambda: (threading.get_ident(), *(ask() for ask, _ in running.OF_A_THREAD)), ()).value
    assert found[0] != here[0]
    assert found[1:] == (here[2], here[1], here[3])
    with pytest.raises(ZeroDivisionError):
        limited(lambda: 1 / 0, 9)


def test_the_end_of_a_job_is_reported_whatever_arrives_where(monkeypatch):
    """Also where its result would be kept."""

    def given_up(begin, function, results):
        begin.get()
        raise TooLong

    monkeypatch.setattr(limiting, "keep_result", given_up)
    job = limiting.Job(lambda: 1)
    while not job.ends_within(1):
        pass
    assert job.results == []
    job.leave()


@pytest.mark.skipif(
    not hasattr(time, "pthread_getcpuclockid"), reason="this system can't tell whether a thread is there"
)
def test_a_thread_stays_until_it_may_leave():
    begin = threading.Event()
    job = limiting.Job(begin.wait)
    clock = limiting.Clock(job.thread, 1)
    begin.set()
    while not job.ends_within(1):
        pass
    time.sleep(0.1)
    clock.at_work()  # an OSError if the thread were gone
    job.leave()


def test_an_interrupted_check_leaves_nothing_running(monkeypatch):
    ended = []

    def code():
        try:
            plain()
        finally:
            ended.append(True)

    def interrupt(job, seconds):
        while not seen:
            pass
        raise KeyboardInterrupt

    seen = []
    monkeypatch.setattr(limiting, "watch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        limited(lambda: (seen.append(True), code()), 9)
    assert ended == [True]


def test_what_an_answer_sets_for_everybody_is_put_back():
    def answer(ids, times):
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.set_num_threads(3)
        np.seterr(all="ignore")
        torch.softmax = torch.nn.functional.relu = torch.Tensor.softmax = nn.Linear.forward = max
        nn.Module.extra = 1
        return ids

    before = torch.softmax, torch.nn.functional.relu, torch.Tensor.softmax, nn.Linear.forward, np.geterr()
    threads = torch.get_num_threads()
    give_verdict(DOUBLE, answer)
    assert (torch.softmax, torch.nn.functional.relu, torch.Tensor.softmax, nn.Linear.forward, np.geterr()) == before
    assert (torch.get_default_dtype(), torch.is_grad_enabled()) == (torch.float32, True)
    assert torch.get_num_threads() == threads
    assert not hasattr(nn.Module, "extra")


def test_what_an_answer_printed_last_is_shown():
    def answer(ids, times):
        for i in range(9):
            print("line", i)
        return ids

    assert says(answer).endswith("it printed: line 6\nline 7\nline 8")


# --- an answer's text ---


def told(answer, exercise: Exercise = DOUBLE) -> Verdict:
    return give_verdict(exercise, answer)


@pytest.mark.parametrize("answer", [lookalikes.left_above, lookalikes.left_below])
def test_a_stubs_line_left_in_written_code_is_to_be_deleted(answer):
    assert says(answer).startswith("raise NotImplementedError still stands in left_")


def test_a_class_with_a_misspelt_method_is_told_which():
    windows = exercises.find("03.5")
    assert "has no method __getitem__. Is __get_item__ meant to be it?" in says(lookalikes.MisspeltDataset, windows)
    assert says(lookalikes.HalfWritten, windows).startswith("__getitem__ is not written yet: the other methods are")
    assert says(lookalikes.AThirdWritten, windows).startswith("__len__ and __getitem__ are not written yet")
    assert "__len__ takes no self. It comes first: def __len__(self)" in says(lookalikes.NoSelf, windows)
    assert told(lookalikes.EmptyDataset, windows).state == NOT_STARTED
    assert "has no method forward. Is foward meant to be it?" in says(lookalikes.Foward, exercises.find("09.6"))


def test_an_object_in_place_of_a_class_is_told():
    made = exercises.find("03.5").reference([1, 2, 3, 4], 2, 1)
    assert 'give check the class itself, check("03.5", WindowDataset)' in says(made, exercises.find("03.5"))


def test_a_result_that_nobody_keeps_is_told():
    said = says(lookalikes.not_assigned, exercises.find("08.2"))
    assert said.startswith("The line scores.masked_fill(future, float('-inf')) has no effect")


def test_so_is_one_of_torchs_functions_but_not_one_that_works_in_place():
    said = says(lookalikes.unkept_norms, exercises.find("17.5"))
    assert said.startswith("The line F.rms_norm(q, q_weight.shape, q_weight, 1e-06) has no effect")
    in_place = "def f(x):\n    F.silu(x, inplace=True)\n    F.silu(x)\n    return x"
    calls = [line.value for line in ast.parse(in_place).body[0].body[:2]]
    assert list(map(reading.only_returns, calls)) == [False, True]


def test_a_list_that_is_not_set_back_is_asked_about():
    said = says(lookalikes.bags_in_one, exercises.find("04.7"))
    assert "around goes on from one turn of the outer loop to the next" in said


def test_arguments_in_another_order_are_told():
    said = says(lookalikes.turned_arguments)
    assert said == "It's called with (ids, times), and takes (times, ids): keep the order of the arguments"


def test_the_right_result_among_others_is_told():
    said = says(lambda ids, times: (len(ids), double(ids, times)))
    assert said.startswith("It returns 2 things, of which item 1 is right: return that alone")


def test_what_an_exercise_asks_of_any_answer_is_no_error_of_the_learners():
    said = says(lambda matrix: matrix.T, exercises.find("07.5"))
    assert said.startswith("as_linear returns a tensor; it should return the nn.Linear")


def test_what_did_not_change_is_shown_with_few_digits():
    assert "yours: [0.3333]" in " ".join(f"{word}: {code}" for word, code in verdicts.example(told_of_a_third()))


def told_of_a_third() -> verdicts.Case:
    """A case whose answer is wrong only in that it changed its input."""

    def answer(numbers):
        numbers.append(0)
        return [1 / 3]

    exercise = Exercise("99.8", "x", "f", lambda numbers: [1 / 3], (), (), lambda chance: [([1],)])
    return verdicts.Case(exercise, answer, list(verdicts.try_out(exercise, answer, [([1],)])), 0)


def test_a_generator_in_a_tuple_is_as_good_as_a_list():
    def parts(ids):
        return ids[:1], ids[1:]

    exercise = Exercise("99.9", "x", "parts", parts, (), (), lambda chance: [([1, 2, 3],)])
    assert give_verdict(exercise, lambda ids: (iter(ids[:1]), (i for i in ids[1:]))).state == PASSED


def test_return_inside_the_loop_is_told():
    assert says(lookalikes.early_return).startswith("return stands inside the loop")


def test_an_argument_that_is_never_used_is_told_and_what_stands_in_its_place():
    assert "It never uses its argument ids, and uses kite of the notebook" in says(lookalikes.from_the_notebook)
    assert "It never uses its argument times" in says(lookalikes.never_looks)


def test_a_total_that_is_not_set_back_is_asked_about():
    said = says(lookalikes.not_set_back, exercises.find("A.2"))
    assert "total goes on from one turn of the outer loop to the next" in said


def test_a_mask_that_would_be_learned_is_told():
    assert "self.future is an nn.Parameter" in says(lookalikes.learned_mask(), exercises.find("09.6"))


def test_two_mistakes_at_once_are_both_named():
    exercise = exercises.find("07.3")
    one, other = exercise.mistakes[0], exercise.mistakes[4]
    sentences = told(lookalikes.two_mistakes(exercise, 0, 4), exercise).sentences
    assert sentences[:2] == [f"Two slips at once. The first: {one.says}", f"The other: {other.says}"]


def test_a_slip_that_nobody_thought_of_is_named_by_its_code():
    said = says(lambda ids, times: [times / i for i in ids])
    assert said.startswith("One slip away: your answer does what a right one does with times / i in place of times * i")


def test_an_answer_that_only_stops_is_told_the_slip_only_if_its_text_holds_it():
    error = "It stops with TypeError: 'int' object is not iterable"
    sentences = told(lookalikes.loops_over_a_number).sentences
    assert sentences[0].endswith("with [times * i for i in times] in place of [times * i for i in ids]")
    assert sentences[1] == error
    assert told(lookalikes.lists_a_number).sentences == [error]


def test_a_name_without_a_value_is_told():
    assert says(lookalikes.used_before_it_is_set).startswith("result has no value yet where it's used: the line that")


def test_a_function_taken_for_its_twin_is_told():
    exercise = exercises.find("B.2")
    source = source_of(exercise.reference).replace("math.cos(angle), math.sin", "math.cos(angle), math.cos")
    assert "math.cos(angle) in place of math.sin(angle)" in says(define(source, exercise.reference), exercise)


def test_what_is_random_is_told():
    exercise = exercises.find("08.6")
    said = says(lambda q, k, v: torch.dropout(exercise.reference(q, k, v), 0.3, True), exercise)
    assert said.startswith("It gives another result each time")


def test_the_line_of_an_error_is_the_learners_own():
    said = says(lambda ids, times: torch.nn.functional.softmax(torch.tensor(ids).float(), dim=7))
    assert "in the line: said = says(lambda ids, times: torch.nn.functional.softmax" in said


@pytest.mark.parametrize(
    ("number", "answer", "words"),
    [
        ("04.3", [9, 5, 3], "sort them"),
        ("04.3", {3, 5, 9}, "sort them, in a list"),
        ("05.3", [(3, 7), (10, 6)], "write them as a set"),
        ("06.1", 0.4, "two decimals"),
        ("10.1", (13, 9), "in the wrong order"),
    ],
)
def test_a_value_that_is_nearly_right_is_told_what_it_lacks(number, answer, words):
    assert words in says(answer, exercises.find(number))


@pytest.mark.parametrize(
    ("number", "answer", "told"),
    [
        # What people do who have this misconception, and not what a bracket in the wrong place makes of it.
        ("01.2", lookalikes.specials_reversed, "What stands under '["),
        ("02.4", lambda counts, t: max(counts, key=lambda p: (counts[p], t[p[1]], t[p[0]])), "right tokens first"),
        ("02.4", lambda counts, t: max(counts, key=lambda p: (t[p[0]], t[p[1]], counts[p])), "bytes first"),
        ("02.5", lookalikes.counts_once, "count the pairs anew in each round"),
        ("02.5", lookalikes.appends_first, "A merged id has no bytes in tokens"),
        ("02.5", lookalikes.never_stops, "stop when counts is empty"),
        ("02.8", lambda ids, tokens: b"".join(tokens[i] for i in ids), "Those are the bytes"),
        ("05.4", lambda vector, k: lookalikes.shifted(vector, k, 4), "in twos already"),
        ("06.4", lambda x: (x @ x.T).softmax(1).T @ x, "weights that sum to 1 down the columns"),
        ("07.4", lambda x, q, k, v: (x @ q @ (x @ k) / k.shape[1] ** 0.5).softmax(-1) @ (x @ v), "queries @ keys in"),
        ("08.3", lookalikes.copies_once, "a fresh copy"),
        ("C.2", lookalikes.one_more, "add nothing to it"),
        ("C.3", lambda count, n, mean: 2.2 * count / (count + 1.2 * n / mean), "The length counts in full"),
        ("D.5", lookalikes.summed_in_place, "[each.clone() for each in state]"),
        ("10.3", lambda x, w, b, eps: centred(x) / (x.std(-1, keepdim=True, unbiased=False) + eps) * w + b, "inside"),
        ("17.1", lambda x, w, eps: x / (x.square().mean(-1, keepdim=True).sqrt() + eps) * w, "inside the root"),
        ("10.4", lookalikes.not_kept, "The blocks change nothing"),
        ("11.3", lambda model, optimizer, inputs, targets: None, "It returns nothing: end it with return"),
        ("11.3", lambda model, optimizer, inputs, targets: "2", "What stands under 'loss of step 1' is a text"),
        ("11.3", lambda *given: forgets(lookalikes.trained, *given), "Either loss.backward() or optimizer.step()"),
        ("15.5", lambda W, A, B, alpha: W + alpha / len(A) * (B @ A), "The result is a tensor; it should be a tuple"),
        ("15.5", lambda W, A, B, alpha: (W + alpha / len(A) * (B @ A), None, None), "Item 1 is nothing (None)"),
        ("15.5", lambda W, A, B, alpha: (A, 0 * B, W + alpha / len(A) * (B @ A)), "Item 0 has the shape (1, 2)"),
        ("18.1", lambda sums, counts: added_in_place(sums) / max(1, sum(counts)), "[each.clone() for each in sums]"),
        ("18.2", lambda rows, rank, size: rows[rank % len(rows)], "The result is a whole number; it should be a list"),
        ("18.2", lambda rows, rank, size: [rows.pop() for _ in rows[rank::size]], "It changes its input rows"),
        ("18.2", lambda rows, rank, size: rows[rank:-1:size], "'the rows of all processes' has 3 items"),
    ],
)
def test_what_somebody_else_does_wrong_is_told_in_their_words(number, answer, told):
    assert told in says(answer, exercises.find(number))


def centred(x: torch.Tensor) -> torch.Tensor:
    return x - x.mean(-1, keepdim=True)


def forgets(step, model, optimizer, inputs, targets) -> float:
    """A step of training without `backward`."""
    optimizer.zero_grad()
    optimizer.step()
    return torch.nn.functional.cross_entropy(model(inputs).flatten(0, 1), targets.flatten()).item()


def added_in_place(parts: list) -> torch.Tensor:
    total = parts[0]
    for part in parts[1:]:
        total += part
    return total


def test_code_that_is_shown_can_be_read():
    def says_of(number: str, old: str, new: str) -> str:
        exercise = exercises.find(number)
        return says(define(source_of(exercise.reference).replace(old, new), exercise.reference), exercise)

    assert "with x @ W in place of x @ W.T" in says_of("15.2", "x @ W.T", "x @ W")
    assert "with counted.clamp(min=0)[:, new:] in place of" in says_of("12.5", "[:, -new:]", "[:, new:]")
    assert "with len(words) - n in place of len(words) - n + 1" in says_of(
        "16.5", "(len(words) - n + 1)", "(len(words) - n)"
    )


def test_a_loop_that_changes_nothing_is_not_said_to_come_too_late():
    def added(ids: list) -> int:
        total = 0
        for i in ids:
            total += i
        return total

    exercise = Exercise("99.7", "x", "added", added, (), (), lambda chance: [([1],), ([2, 3],), ([4, 5, 6],)])
    said = says(lambda ids: sum(ids) * 0, exercise)
    assert said.startswith("It returns what a right one has before its loop. Does your loop run")


def test_an_error_without_words_has_no_colon():
    def answer(ids, times):
        raise ValueError

    assert told(answer).sentences == ["It stops with ValueError"]


def test_warnings_of_our_wrong_forms_reach_nobody():
    exercise = exercises.find("15.2")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        says(lambda x, W, b, A, B, alpha: x @ W + b, exercise)
        assert seen == []
        says(lambda x, W, b, A, B, alpha: warnings.warn("mine", stacklevel=1), exercise)
    assert {str(warning.message) for warning in seen} == {"mine"}


# --- comparing ---

DIFFERENT = [
    (torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.5]), "place [1] is 2.5; it should be 2.0"),
    (
        torch.zeros(2, 3),
        torch.zeros(3, 2),
        "the tensor has the shape (3, 2); it should have (2, 3): the last two sizes are exchanged",
    ),
    (
        torch.zeros(8, 3),
        torch.zeros(8),
        "the tensor has the shape (8,); it should have (8, 3): a single number where each row should have 3",
    ),
    (
        torch.zeros(2, 3, 4),
        np.zeros((2, 4, 3)),
        "the array has the shape (2, 4, 3); it should have (2, 3, 4): the last two sizes are exchanged",
    ),
    (torch.tensor(1.0), torch.zeros(2), "the result is a tensor; it should be a number"),
    (
        2,
        torch.tensor([2]),
        "the result is a tensor that holds one number; it should be the number itself: take it out with .item()",
    ),
    ((1, 2), torch.tensor([1, 2]), None),
    ((torch.ones(2), torch.zeros(2)), torch.stack([torch.ones(2), torch.zeros(2)]), None),
    ((torch.ones(2), torch.zeros(2)), torch.ones(2), "the result is a tensor; it should be a tuple"),
    ([1, 2], range(1, 3), None),
    (0.5, Fraction(1, 2), None),
    (torch.zeros(2), np.zeros(2), None),
    ([1, 2], torch.zeros(2), "the result is a tensor; it should be a list: .tolist() makes one"),
    (torch.zeros(2), [0, 1], "the result is a list; it should be a tensor: torch.tensor(…) makes one of it"),
    (
        torch.zeros(1, 2),
        [torch.zeros(2)],
        "the result is a list; it should be a tensor: torch.stack(…) makes one of tensors",
    ),
    (torch.zeros(3), [torch.zeros(2), torch.zeros(1)], "the result is a list; it should be a tensor"),
    (
        torch.zeros(2),
        torch.zeros(1, 2),
        "the tensor has the shape (1, 2); it should have (2,): a dimension of 1 is too many",
    ),
    (1.0, 1j, "the result is a complex number; it should be a number"),
    (0.0, 1e-3, "the result is 0.001; it should be 0.0"),
    (torch.tensor([6e-17, -0.0]), torch.ones(2), "place [0] is 1.0; it should be 0.0"),
    ((1, 2), np.zeros(2), "the result is an array; it should be a tuple"),
    (torch.zeros(2), (0.0, 0.0), "the result is a tuple; it should be a tensor"),
    (-2.6214, -2.6211, "the result is -2.6211; it should be -2.6214"),
    (torch.tensor([1.00021]), torch.tensor([1.00042]), "place [0] is 1.0004; it should be 1.0002"),
    (
        torch.tensor([1, 2]),
        torch.tensor([1.0, 2.0]),
        "the tensor holds floating point numbers; it should hold whole numbers",
    ),
    ({"a": 1}, {}, "the key 'a' is missing"),
    ({}, {"a": 1}, "the key 'a' should not be there"),
    ({"a": [1]}, {"a": [2]}, "what stands under 'a', item 0 is 2; it should be 1"),
    ([1], [1, 2], "the result has 2 items; it should have 1"),
    ("a", b"a", "the result is bytes; it should be a text"),
]


@pytest.mark.parametrize(("expected", "got", "words"), DIFFERENT)
def test_the_first_difference_is_put_in_words(expected, got, words):
    found = difference(expected, got)
    assert found == words if words is None else found.text == words


def test_what_does_not_matter_is_no_difference():
    nan = float("nan")
    assert same(torch.ones(2), torch.ones(2, dtype=torch.float64))
    assert same(torch.ones(2, requires_grad=True), torch.ones(2).numpy())
    assert same([(1, 2.0)], ((1.0, 2),))
    assert same({(1, 2): 3}, {(1, 2): 3.0})
    assert same([nan], [nan])
    assert not same([1.0], [1.001])


def test_long_values_are_cut():
    assert len(short(list(range(1000)))) <= 160


# --- what a learner sees and what is kept ---


@pytest.fixture
def shipped(monkeypatch):
    monkeypatch.setattr(exercises, "notebooks", lambda: ["99"])
    monkeypatch.setattr(exercises, "exercises", lambda notebook: [DOUBLE, PREDICTION])


def test_check_says_the_verdict_and_keeps_it(shipped, capsys):
    exercises.check("99.1", unwritten_stub)
    assert "○ Not started · 99.1 Double" in capsys.readouterr().out
    assert read_record() == {}
    exercises.check("99.1", lambda ids, times: ids)
    assert "✗ Not yet · 99.1 Double" in capsys.readouterr().out
    exercises.check("99.1", double)
    exercises.check("99.1", lambda ids, times: ids)
    assert "✓ Passed · 99.1 Double" in capsys.readouterr().out
    assert read_record() == {"99.1": {"passed": True, "tries": 2}}


def test_hints_come_one_by_one(shipped, capsys):
    for count in (1, 2, 2):
        exercises.hint("99.1")
        told = capsys.readouterr().out
        assert f"hint {count} of 2" in told
        assert ("2. Each one." in told) == (count == 2)


def test_the_solution_is_shown_under_the_learners_name(shipped, capsys):
    exercises.solution("99.2")
    assert "guess = 12" in capsys.readouterr().out


def test_progress_is_a_table_and_can_be_forgotten(shipped, capsys):
    exercises.check("99.2", 12)
    exercises.progress()
    assert "notebook 99  ○●  1 of 2" in capsys.readouterr().out
    exercises.progress(reset=True)
    assert "0 of 2" in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"99.1": 3}', "\x00"])
def test_a_damaged_record_is_set_aside(shipped, capsys, damage):
    record_file().write_text(damage)
    exercises.check("99.2", 12)
    assert "progress.damaged-1.json" in capsys.readouterr().out
    assert read_record()["99.2"]["passed"]
    assert record_file().with_name("progress.damaged-1.json").read_text() == damage


def test_where_nothing_can_be_written_that_is_told(shipped, capsys):
    record_file().mkdir()  # a folder stands where the file should
    exercises.check("99.2", 12)
    told = capsys.readouterr().out
    assert "Your progress could not be kept" in told
    assert "Passed" in told


@pytest.fixture
def read_only(monkeypatch, tmp_path):
    """A work folder that can't be made. (A test that runs as root may write in any folder, so a file stands there.)"""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "file" / "work"))


def test_in_a_folder_that_is_read_only_the_verdict_comes_and_then_a_line(shipped, read_only, capsys):
    exercises.check("99.2", 12)
    told = capsys.readouterr().out
    assert "✓ Passed · 99.2" in told
    last = told.strip().splitlines()[-1]
    assert last.startswith("Your progress could not be kept: ")
    assert "Set COURSE_WORK to a folder where you may write" in last
    assert told.count("Your progress") == 1
    exercises.progress()
    assert "0 of 2" in capsys.readouterr().out
    exercises.progress(reset=True)
    assert "Your progress could not be kept" in capsys.readouterr().out


@pytest.mark.parametrize("refused", ["read_text", "replace"])
def test_a_record_that_cannot_be_read_or_set_aside_is_not_written_over(shipped, monkeypatch, capsys, refused):
    record_file().write_text('{"99.1": {"passed": true, "tries": 1}}' if refused == "read_text" else "damaged")
    before = record_file().read_bytes()

    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(*((Path, "read_text") if refused == "read_text" else (os, "replace")), refuse)
        exercises.check("99.2", 12)
    told = capsys.readouterr().out
    assert "✓ Passed" in told
    assert "Your progress could not be kept" in told
    assert record_file().read_bytes() == before


def test_an_unknown_exercise_is_refused_with_those_there_are(shipped):
    with pytest.raises(ValueError, match=r"there is no exercise '99.7': 99.1, 99.2"):
        exercises.check("99.7", 1)
    with pytest.raises(ValueError, match="notebooks 99 have some"):
        exercises.hint("42")


@pytest.mark.parametrize(("number", "meant"), [("3.2", "03.2"), (3.2, "03.2"), ("a.1", "A.1"), ("03.02", "03.2")])
def test_a_number_in_another_form_is_asked_about(number, meant):
    with pytest.raises(ValueError, match=f"do you mean '{meant}'"):
        exercises.hint(number)


def test_the_record_is_json(shipped):
    exercises.check("99.2", 12)
    assert json.loads(record_file().read_text()) == {"99.2": {"passed": True, "tries": 1}}


def test_calling_is_the_usual_use():
    assert call(double, [1], 3) == [3]


def test_far_scores_are_the_same_in_any_order():
    q, k, _ = importlib.import_module("course_utils.exercises.e08").far_below_zero(random.Random(0), 4)
    assert torch.equal((q @ k.mT).double(), q.double() @ k.double().mT)
