"""The shared progress callback: what it returns for each kind of argument, and what the bar prints."""

from shotladder_runtime.progress import progress_callback


def test_progress_callback_returns_a_callable_unchanged():
    def report(done, total):
        pass

    assert progress_callback(report) is report


def test_progress_callback_of_none_and_false_prints_nothing(capsys):
    for progress in (None, False):
        progress_callback(progress, "replaying")(1, 2)
    assert capsys.readouterr() == ("", "")


def test_progress_callback_of_true_draws_a_bar_on_stderr_and_ends_the_line_once(capsys):
    report = progress_callback(True, "replaying")
    report(1, 4)
    report(4, 4)
    report(4, 4)
    out, err = capsys.readouterr()
    assert out == ""
    assert "replaying [" in err
    assert " 25%" in err
    assert err.count("100%") == 1
    assert err.endswith("\n")


def test_progress_callback_of_true_redraws_at_most_five_times_a_second(capsys):
    report = progress_callback(True)
    for done in range(1000):
        report(done, 1_000_000)
    assert capsys.readouterr().err.count("\r") <= 5


def test_progress_callback_of_true_accepts_a_total_of_zero(capsys):
    progress_callback(True)(0, 0)
    assert "100%" in capsys.readouterr().err
