"""Tables of measurements: numbers at the right, and rows that Markdown reads back."""

from course_utils.bench import markdown_table, print_table

ROWS = [("name", "loss", "share"), ("a", 0.25, "12.5%"), ("a longer name", 12, "")]


def test_numbers_are_set_right_under_their_heading(capsys):
    print_table(ROWS)
    head, first, last = capsys.readouterr().out.splitlines()
    assert head.index("loss") + len("loss") == first.index("0.25") + len("0.25") == last.index("12") + len("12")
    assert first.startswith("a ")


def test_a_table_in_markdown_holds_every_cell():
    lines = markdown_table(ROWS).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [cells[0], *cells[2:]] == [[str(cell) for cell in row] for row in ROWS]
    assert [cell.endswith(":") for cell in cells[1]] == [False, True, True]
