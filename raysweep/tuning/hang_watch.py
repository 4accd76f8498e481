"""Which running trials have been silent for too long. Knows no Ray: the recorder tells it what it hears."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from raysweep.tuning.report import REPORT_SECONDS, Report

# Between two reports a trial may take ten times its slowest epoch so far, and to be scored ten times what the slowest
# scoring of this command took.
EPOCH_FACTOR, MIN_EPOCH_SECONDS = 10.0, 60.0
# Before its first report only other trials' epochs tell what is usual, and so it is with its scores while none has been
# scored in this command: a wide margin. A worker that is still starting has no more than the minimum.
OTHER_FACTOR, MIN_OTHER_SECONDS = 100.0, 600.0
# Where nothing at all is known, as of a sweep's first epoch. A night's sweep has lost a few hours of one slot then,
# and no night; an epoch that does take so long gets through in a later try.
UNKNOWN_SECONDS = 3600.0
# What was measured of the trial itself tells what is usual of it. All other limits are guesses, so after each a trial's
# next try gets twice as long: with three of them what is only slow comes through if it takes less than eight times the
# first limit.
NEXT_TRY_FACTOR = 2.0
# The driver itself was stopped (a debugger, a suspended machine) if it hasn't asked for so long.
OWN_ABSENCE_SECONDS = 10.0


@dataclass(kw_only=True)
class _Watched:
    """A trial that has a worker, or is getting one."""

    heard_at: float
    is_starting: bool = False
    slowest_epoch: float = 0.0
    seconds_left: float | None = None  # of training; None before the first report


class HangWatch:
    """Tells which trials hang.

    Args:
        slowest_epoch: Seconds of the slowest epoch that earlier commands of the sweep have seen; 0 if they saw none.
        clock: In seconds.
    """

    def __init__(self, slowest_epoch: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._watched: dict[str, _Watched] = {}
        self._slowest_epoch = slowest_epoch
        self._slowest_scoring: float | None = None  # in this command
        self._patience: dict[str, float] = {}  # of trials that were taken for hung
        self._asked_at = clock()

    def expect(self, trial_ids: Iterable[str]) -> None:
        """The workers of these trials are being started."""
        for trial_id in trial_ids:
            self._watched.setdefault(trial_id, _Watched(heard_at=self._clock(), is_starting=True))

    def start(self, trial_id: str) -> None:
        """The trial has a worker."""
        self._watched[trial_id] = _Watched(heard_at=self._clock())

    def hear(self, trial_id: str, report: Report) -> None:
        """The trial has reported; its worker may have been taken for hung while that was on its way."""
        trial = self._watched.get(trial_id)
        if trial is None:
            return
        trial.heard_at = self._clock()
        if report.epochs:
            trial.slowest_epoch = max(trial.slowest_epoch, *(epoch.seconds for epoch in report.epochs))
            trial.seconds_left = (report.num_epochs - report.epochs[-1].epoch) * trial.slowest_epoch
            self._slowest_epoch = max(self._slowest_epoch, trial.slowest_epoch)
        if report.scoring_seconds is not None:
            self._slowest_scoring = max(self._slowest_scoring or 0.0, report.scoring_seconds)

    def forget(self, trial_id: str) -> None:
        """The trial has no worker any more."""
        self._watched.pop(trial_id, None)

    def overdue(self) -> dict[str, str]:
        """The trials that hang, each with what to tell people; they are no longer watched. Ask often."""
        now = self._clock()
        if now - self._asked_at > OWN_ABSENCE_SECONDS:
            for trial in self._watched.values():
                trial.heard_at += now - self._asked_at
        self._asked_at = now
        hung = {}
        for trial_id, trial in self._watched.items():
            limit = self._limit(trial, self._patience.get(trial_id, 1.0))
            if now - trial.heard_at > limit:
                hung[trial_id] = f"no word from it for {limit:.0f} s, so it was taken for hung"
        for trial_id in hung:
            self.forget(trial_id)
            self._patience[trial_id] = self._patience.get(trial_id, 1.0) * NEXT_TRY_FACTOR
        return hung

    def _limit(self, trial: _Watched, patience: float) -> float:
        """Seconds of silence that are too many."""
        if trial.seconds_left is not None and trial.seconds_left > 5 * REPORT_SECONDS:
            return max(EPOCH_FACTOR * trial.slowest_epoch, MIN_EPOCH_SECONDS)
        if trial.is_starting:
            return MIN_OTHER_SECONDS * patience
        if trial.seconds_left is not None and self._slowest_scoring is not None:
            # The scores come with the last epochs, in one report.
            usual = trial.seconds_left + self._slowest_scoring
            return max(EPOCH_FACTOR * usual, MIN_EPOCH_SECONDS) * patience
        slowest = trial.slowest_epoch or self._slowest_epoch
        return (max(OTHER_FACTOR * slowest, MIN_OTHER_SECONDS) if slowest else UNKNOWN_SECONDS) * patience
