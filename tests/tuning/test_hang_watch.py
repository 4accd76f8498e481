from __future__ import annotations

from raysweep.tuning.hang_watch import MIN_OTHER_SECONDS, HangWatch
from raysweep.tuning.report import Report


def test_a_report_that_comes_after_all_is_no_surprise() -> None:
    """Of a trial that was taken for hung while its report was on the way."""
    now = 0.0
    watch = HangWatch(clock=lambda: now)
    watch.expect(["late"])
    while now <= MIN_OTHER_SECONDS:
        assert watch.overdue() == {}
        now += 5.0
    assert [*watch.overdue()] == ["late"]
    watch.forget("late")
    watch.hear("late", Report(facts=None, epochs=()))
    assert watch.overdue() == {}
