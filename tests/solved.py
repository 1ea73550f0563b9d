"""A notebook with its exercises solved: each stub gives way to the solution that the course would show."""

import ast
import copy
from collections.abc import Iterator

from nbformat import NotebookNode
from notebook_rules import code_cells, tree

from course_utils.exercises import find
from course_utils.exercises.engine.exercise import Exercise, solution_text


def checks(notebook: NotebookNode) -> Iterator[tuple[NotebookNode, str, str]]:
    """Each `check(number, answer)` of a notebook: its cell, the number and how the answer is written."""
    for cell in code_cells(notebook):
        for node in ast.walk(tree(cell)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "check":
                yield cell, node.args[0].value, ast.unparse(node.args[1])


def stub(cell: NotebookNode, exercise: Exercise) -> ast.stmt:
    """The statement of a cell that the learner replaces."""
    for node in ast.parse(cell.source).body:
        names = [ast.unparse(target).strip("()") for target in getattr(node, "targets", [])]
        if getattr(node, "name", None) == exercise.name or exercise.name in names:
            return node
    raise AssertionError(f"{exercise.number}: its cell has no stub called {exercise.name}")


def solved(notebook: NotebookNode) -> NotebookNode:
    """A copy of a notebook in which every exercise is solved."""
    notebook = copy.deepcopy(notebook)
    for cell, number, _ in list(checks(notebook)):
        exercise = find(number)
        node, lines = stub(cell, exercise), cell.source.split("\n")
        lines[node.lineno - 1 : node.end_lineno] = solution_text(exercise).split("\n")
        cell.source = "\n".join(lines)
    return notebook
