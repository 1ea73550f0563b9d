"""Tables of measurements, as `python -m course_utils bench NAME` prints them."""

from collections.abc import Sequence


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
