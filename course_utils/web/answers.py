"""An exercise in a page: a page can't check an answer, so it has the hints and a solution, each folded."""

import html
import re

from course_utils.exercises import find
from course_utils.exercises.engine.exercise import solution_text
from course_utils.web.markdown import code_html

# What `check` says of a stub, as it is stored in a notebook.
STUB = re.compile(r"○ Not started · (\S+) ")


def exercise_html(number: str) -> str:
    """Return an exercise as HTML: its name, then its hints one by one and a solution, each folded.

    >>> exercise_html("03.1").count("<details>") == len(find("03.1").hints) + 1
    True
    """
    exercise = find(number)
    name = f"<strong>Exercise {html.escape(number)} · {html.escape(exercise.title)}.</strong>"
    said = f"<p>{name} In the notebook, your answer is checked as you write it.</p>"
    hints = [(f"Hint {place}", f"<p>{html.escape(text)}</p>") for place, text in enumerate(exercise.hints, start=1)]
    folded = [*hints, ("A solution", code_html(solution_text(exercise)))]
    details = "".join(f"<details><summary>{title}</summary>{inner}</details>" for title, inner in folded)
    return f'<div class="output exercise">{said}{details}</div>'
