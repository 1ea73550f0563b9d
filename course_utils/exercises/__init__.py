"""Exercises: `check` an answer, ask for a `hint`, see the `solution`, look at your `progress`.

Each notebook has a file here with its exercises; to add one, see CONTRIBUTING.md.
"""

import random
from importlib import import_module
from pathlib import Path
from typing import Any

from course_utils.exercises.engine.exercise import Exercise, solution_text
from course_utils.exercises.engine.record import note_try, read_record, write_record
from course_utils.exercises.engine.verdicts import NOT_STARTED, PASSED, give_verdict
from course_utils.plots.cards import note

COLOURS = {"passed": "#00563A", "not started": "#7F8A96", "not yet": "#94207A"}
SIGNS = {"passed": "✓ Passed", "not started": "○ Not started", "not yet": "✗ Not yet"}
GIVEN: dict[str, int] = {}  # how many hints of each exercise were asked for


def notebooks() -> list[str]:
    """Return the numbers of the notebooks that have exercises, in reading order, refreshers last."""
    return sorted(path.stem.removeprefix("e") for path in Path(__file__).parent.glob("e[0-9A-Z]*.py"))


def exercises(notebook: str) -> list[Exercise]:
    """Return the exercises of one notebook, in order."""
    return list(import_module(f"course_utils.exercises.e{notebook}").EXERCISES)


def find(number: str) -> Exercise:
    """Return an exercise by its number; one that there is not is a ValueError that lists those there are."""
    notebook = str(number).split(".")[0]
    known = exercises(notebook) if notebook in notebooks() else []
    for exercise in known:
        if exercise.number == number:
            return exercise
    if str(number) != in_full(number) and is_number(in_full(number)):
        raise ValueError(f"there is no exercise {number!r}: do you mean {in_full(number)!r}?")
    listed = ", ".join(exercise.number for exercise in known) or f"notebooks {', '.join(notebooks())} have some"
    raise ValueError(f"there is no exercise {number!r}: {listed}")


def in_full(number: Any) -> str:
    """Return a number as the course writes it.

    >>> in_full("3.2"), in_full(10.4), in_full("a.1"), in_full(" 03.02")
    ('03.2', '10.4', 'A.1', '03.2')
    """
    notebook, _, place = str(number).strip().upper().partition(".")
    return f"{notebook.zfill(2) if notebook.isdigit() else notebook}.{place.lstrip('0')}"


def is_number(number: str) -> bool:
    """Whether there is an exercise with this number."""
    notebook = number.split(".")[0]
    return notebook in notebooks() and number in [exercise.number for exercise in exercises(notebook)]


def check(number: str, answer: Any) -> None:
    """Say whether an answer is right, and if not, what is wrong with it; the progress is recorded."""
    exercise = find(number)
    verdict = give_verdict(exercise, answer, seed=random.SystemRandom().randrange(2**32))
    sentences = list(verdict.sentences)
    if verdict.state == NOT_STARTED:
        sentences.append(f'Write your answer and run the cell. Stuck? hint("{number}")')
    note(f"{SIGNS[verdict.state]} · {number} {exercise.title}", sentences, verdict.rows, COLOURS[verdict.state])
    # The verdict first: whatever becomes of the file, it's out.
    if verdict.state != NOT_STARTED:
        note_try(number, verdict.state == PASSED)


def hint(number: str) -> None:
    """Show a hint; each further call shows one more."""
    exercise = find(number)
    given = GIVEN[number] = min(GIVEN.get(number, 0) + 1, len(exercise.hints))
    lines = [f"{place}. {text}" for place, text in enumerate(exercise.hints[:given], start=1)]
    if given == len(exercise.hints):
        lines.append(f'That was the last one. solution("{number}") shows an answer.')
    note(f"{number} {exercise.title} · hint {given} of {len(exercise.hints)}", lines, edge=COLOURS["not started"])


def solution(number: str) -> None:
    """Show an answer that passes."""
    exercise = find(number)
    note(f"{number} {exercise.title} · one solution", rows=[("", solution_text(exercise))])


def progress(reset: bool = False) -> None:
    """Show what is done, notebook by notebook; `reset=True` forgets it."""
    if reset:
        write_record({})
    record, rows, done, count = read_record(), [], 0, 0
    for notebook in notebooks():
        numbers = [exercise.number for exercise in exercises(notebook)]
        passed = [record.get(number, {}).get("passed", False) for number in numbers]
        marks = "".join("●" if one else "○" for one in passed)
        rows.append((f"notebook {notebook}", f"{marks}  {sum(passed)} of {len(numbers)}"))
        done, count = done + sum(passed), count + len(numbers)
    note(f"Your progress: {done} of {count} exercises", rows=rows)
