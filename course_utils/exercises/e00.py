"""The exercise of notebook 00: to see how exercises work."""

from course_utils.exercises.engine.exercise import Exercise, Mistake

TARGETS = Exercise(
    number="00.1",
    title="What comes next?",
    name="next_tokens",
    reference=[7, 30, 7],
    hints=[
        "There are as many targets as inputs.",
        "The target of each input is the token that follows it in the list.",
    ],
    mistakes=[
        Mistake("These are the inputs themselves. The target of each input is the token after it", answer=[12, 7, 30]),
        Mistake("That's what comes after the window. But each input has a target of its own", answer=[7, 5]),
        Mistake("One is missing: the last input has a target too, the first token after the window", answer=[7, 30]),
        Mistake("The shift is in position, not in number: take the token that follows each input", answer=[13, 8, 31]),
        Mistake("You went two positions on. Shift by one: take the token right after each input", answer=[30, 7, 5]),
    ],
)

EXERCISES = [TARGETS]
