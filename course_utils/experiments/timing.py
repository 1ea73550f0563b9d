"""How things are measured: contestants take turns, and what they took is printed as a table.

The measurements themselves are run by name, `python -m course_utils bench NAME`; each prints what it compares.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence


def print_table(rows: Sequence[Sequence[object]]) -> None:
    """Print rows in columns, the first row as a heading; numbers are set right.

    >>> print_table([("name", "loss"), ("a", 0.5), ("long name", 12)])
    name       loss
    a           0.5
    long name    12
    """
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        first, *rest = zip(row, widths, strict=True)
        print("  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]).rstrip())


def markdown_table(rows: Sequence[Sequence[object]]) -> str:
    """Return rows as a table in Markdown, the first row as its heading; numbers are set right.

    >>> print(markdown_table([("name", "loss"), ("a", 0.5)]))
    | name | loss |
    | --- | ---: |
    | a | 0.5 |
    """
    head, *body = [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join([head, f"| --- |{' ---: |' * (len(rows[0]) - 1)}", *body])


def race(contestants: Mapping[str, Callable[[], object]], rounds: int = 15) -> dict[str, list[float]]:
    """Let each contestant run once in every round, after one round that does not count; return seconds by name.

    They take turns, so that a moment in which the machine is slow does not fall on one of them alone; every other
    round goes backwards.
    """
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds + 1):
        for name in list(contestants)[:: 1 if turn % 2 else -1]:
            started = time.perf_counter()
            contestants[name]()
            if turn:
                taken[name].append(time.perf_counter() - started)
    return taken


def race_rows(taken: Mapping[str, Sequence[float]], work: float = 1, unit: str = "seconds") -> list[tuple]:
    """Return a table: median and quartiles of each contestant, and its speed beside the last one's, round by round.

    `work` is what one run gets done, such as a number of tokens; with it the columns are work per second.

    >>> race_rows({"ours": [1.0, 1.0, 2.0], "theirs": [2.0, 2.0, 2.0]})[1]
    ('ours', '1.00', '1.00 to 1.50', '2.00 x', '1.50 to 2.00')
    """
    rows: list[tuple] = [("", unit, "quartiles", "speed beside the last", "quartiles")]
    *_, last = taken.values()
    for name, seconds in taken.items():
        values = [s if unit == "seconds" else work / s for s in seconds]
        ratios = [theirs / ours for ours, theirs in zip(seconds, last, strict=True)]
        rows.append((name, number(statistics.median(values)), spread(values), *told_ratio(ratios)))
    return rows


def told_ratio(ratios: Sequence[float]) -> tuple[str, str]:
    """Return the median of ratios and their quartiles, as text."""
    return f"{statistics.median(ratios):.2f} x", spread(ratios)


def spread(values: Sequence[float]) -> str:
    """Return the quartiles of some numbers as text."""
    low, _, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return f"{number(low)} to {number(high)}"


def number(value: float) -> str:
    """Return a number with three digits that count.

    >>> number(0.01234), number(1.5), number(31234.5)
    ('0.0123', '1.50', '31,234')
    """
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"
