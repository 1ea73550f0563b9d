"""Tables of measurements: numbers at the right, and rows that Markdown reads back."""

from course_utils.experiments import timing
from course_utils.experiments.timing import markdown_table, print_table, race, race_rows

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


def test_contestants_take_turns_and_the_first_round_does_not_count(monkeypatch):
    clock, turns = iter(range(1000)), []
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    taken = race({"a": lambda: turns.append("a"), "b": lambda: turns.append("b")}, rounds=3)
    assert "".join(turns) == "baabbaab"
    assert taken == {"a": [1, 1, 1], "b": [1, 1, 1]}


def test_a_race_is_told_as_medians_quartiles_and_ratios_round_by_round():
    taken = {"ours": [1.0, 2.0, 3.0, 4.0, 5.0], "theirs": [2.0, 2.0, 9.0, 2.0, 10.0]}
    _, ours, theirs = race_rows(taken, work=60, unit="tokens/s")
    assert ours == ("ours", "20.0", "15.0 to 30.0", "2.00 x", "1.00 to 2.00")
    assert theirs[3:] == ("1.00 x", "1.00 to 1.00")
    assert race_rows(taken)[1][1:3] == ("3.00", "2.00 to 4.00")
