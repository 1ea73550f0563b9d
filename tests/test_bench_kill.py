"""A run that was killed goes on with the very same losses; what it went on from is told."""

from course_utils.experiments import kill


def test_a_killed_run_goes_on_with_the_same_losses(monkeypatch, capsys):
    kill.kill("2", "1")
    head, *rows = capsys.readouterr().out.split("\n\n")[1].splitlines()
    assert head.split()[-2:] == ["same", "losses"]
    assert [row.split()[-1] for row in rows] == ["yes", "yes"]


def test_losses_that_differ_are_seen(tmp_path, monkeypatch, capsys):
    told = iter([[1.0, 2.0], [1.0, 2.5], [1.0, 2.0]])
    monkeypatch.setattr(kill, "finish", lambda folder: next(told))
    monkeypatch.setattr(kill, "kill_at", lambda *anything: 5)
    kill.kill("2")
    assert [row.split()[-1] for row in capsys.readouterr().out.strip().splitlines()[-2:]] == ["NO", "yes"]
