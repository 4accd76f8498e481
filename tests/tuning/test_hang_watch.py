from __future__ import annotations

from collections.abc import Sequence

import pytest

from raysweep.forecasting.results import EpochResult
from raysweep.tuning.hang_watch import MIN_EPOCH_SECONDS, MIN_OTHER_SECONDS, UNKNOWN_SECONDS, HangWatch
from raysweep.tuning.report import Report

STEP = 5.0  # seconds between two looks


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def silence_of(watch: HangWatch, clock: Clock, trial_id: str = "a") -> float:
    """After how many seconds the trial is taken for hung; it isn't heard of meanwhile."""
    begun = clock.now
    while not (told := watch.overdue()):
        clock.now += STEP
        assert clock.now - begun < 1e6, "it is never noticed"
    assert [*told] == [trial_id]
    return clock.now - begun


def report(seconds: Sequence[float], *, num_epochs: int = 100, scoring: float | None = None) -> Report:
    """Of a trial's first epochs."""
    epochs = [
        EpochResult(
            epoch=number, num_steps=number, train_loss=1.0, val_loss=1.0, val_mse_batch=1.0, seconds=each, finished_at=0
        )
        for number, each in enumerate(seconds, start=1)
    ]
    return Report(facts=None, epochs=epochs, num_epochs=num_epochs, scoring_seconds=scoring)


def test_a_report_that_comes_after_all_is_no_surprise(clock: Clock) -> None:
    """Of a trial that was taken for hung while its report was on the way."""
    watch = HangWatch(clock=clock)
    watch.expect(["late"])
    assert silence_of(watch, clock, "late") == MIN_OTHER_SECONDS + STEP
    watch.hear("late", Report(facts=None, epochs=()))
    assert watch.overdue() == {}


@pytest.mark.parametrize(("slowest", "limit"), [(1.0, MIN_EPOCH_SECONDS), (30.0, 300.0)])
def test_ten_of_its_own_epochs_are_too_long_and_stay_so(clock: Clock, slowest: float, limit: float) -> None:
    watch = HangWatch(clock=clock)
    for _ in range(3):
        watch.start("a")
        watch.hear("a", report([0.1, slowest]))
        assert silence_of(watch, clock) == limit + STEP


def test_the_first_epoch_of_all_ends_some_time(clock: Clock) -> None:
    """Nobody knows what is usual; what is only slow has more time in its next try."""
    watch = HangWatch(clock=clock)
    for limit in (UNKNOWN_SECONDS, 2 * UNKNOWN_SECONDS, 4 * UNKNOWN_SECONDS):
        watch.start("a")
        assert silence_of(watch, clock) == limit + STEP


@pytest.mark.parametrize(("slowest", "limit"), [(0.5, MIN_OTHER_SECONDS), (30.0, 3000.0)])
def test_a_command_knows_what_those_before_it_saw(clock: Clock, slowest: float, limit: float) -> None:
    watch = HangWatch(slowest, clock)
    watch.start("a")
    assert silence_of(watch, clock) == limit + STEP


def test_scores_are_waited_for_as_other_scores_tell(clock: Clock) -> None:
    watch = HangWatch(clock=clock)
    watch.start("a")
    watch.hear("a", report([0.1] * 100))
    assert silence_of(watch, clock) == MIN_OTHER_SECONDS + STEP, "none is known yet"
    watch.start("b")
    watch.hear("b", report([0.1] * 100, scoring=3.0))
    watch.forget("b")
    watch.start("c")
    watch.hear("c", report([0.1] * 100))
    assert silence_of(watch, clock, "c") == MIN_EPOCH_SECONDS + STEP
    watch.start("c")
    watch.hear("c", report([0.1] * 100))
    assert silence_of(watch, clock, "c") == 2 * MIN_EPOCH_SECONDS + STEP, "its model may be a slow one"
    watch.start("d")
    watch.hear("d", report([0.1] * 100, scoring=40.0))
    watch.start("d")
    watch.hear("d", report([1.0] * 98))
    assert silence_of(watch, clock, "d") == 10 * (2 + 40.0) + STEP, "the last epochs come with the scores"


def test_a_driver_that_slept_takes_nobody_for_hung(clock: Clock) -> None:
    watch = HangWatch(clock=clock)
    watch.start("a")
    watch.hear("a", report([1.0]))
    clock.now += 10_000
    assert watch.overdue() == {}
    assert silence_of(watch, clock) == MIN_EPOCH_SECONDS + STEP
