"""How far a sweep is and how long it will take; what a progress display draws."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from raysweep.ledger.rows import Status
from raysweep.planning.plan import WantedTrial

Clock = Callable[[], float]
_Kinds = tuple[tuple[object, ...], ...]
# Trials that are expected to take equally long: whether they confirm, and their kinds. A sweep of 100,000 trials has
# few such groups, so that it can be drawn often.
_Group = tuple[bool, _Kinds]


@dataclass
class _Paces:
    """How long ended trials took: seconds and number, by kind of trial."""

    _sums: dict[tuple[object, ...], tuple[float, int]] = field(default_factory=dict)

    def add(self, trial: WantedTrial, seconds: float) -> None:
        for kind in _kinds(trial):
            total, count = self._sums.get(kind, (0.0, 0))
            self._sums[kind] = (total + seconds, count + 1)

    def of(self, kinds: _Kinds) -> float:
        """The mean of the nearest kind that has ended."""
        return next(self._mean(kind) for kind in kinds if kind in self._sums)

    def of_any(self) -> float:
        return self._mean(())

    def is_known(self) -> bool:
        return bool(self._sums)

    def _mean(self, kind: tuple[object, ...]) -> float:
        total, count = self._sums[kind]
        return total / count


@dataclass(kw_only=True)
class Progress:
    """The state of a running sweep.

    Attributes:
        num_trials: All trials that the sweep asks for; more than there will be where fewer are chosen.
        num_done_before: Of them, those that were done when the command began.
        num_slots: How many trials run at the same time.
        waiting: Trials that are still to start, by id.
        num_unchosen: How many of all trials will confirm configs that are still to be chosen.
        workers: On a cluster that grows: how many workers have come, in words; empty if none is waited for.
    """

    num_trials: int
    num_done_before: int
    num_slots: int
    waiting: dict[str, WantedTrial]
    num_unchosen: int = 0
    workers: str = ""
    clock: Clock = time.monotonic
    ended: Counter[Status] = field(default_factory=Counter)
    best_score: float | None = None
    best_trial: WantedTrial | None = None
    failures: list[tuple[WantedTrial, str]] = field(default_factory=list)
    retries: list[tuple[WantedTrial, str]] = field(default_factory=list)
    _num_waiting: Counter[_Group] = field(default_factory=Counter)
    _running: dict[str, tuple[WantedTrial, float]] = field(default_factory=dict)
    _paces: _Paces = field(default_factory=_Paces)
    _whole_paces: _Paces = field(default_factory=_Paces)  # of trials that came to their end

    def __post_init__(self) -> None:
        """Starts the clock."""
        self.started_at = self.clock()
        self._num_waiting = Counter(map(_group, self.waiting.values()))

    @property
    def num_running(self) -> int:
        """Trials that are being trained now."""
        return len(self._running)

    @property
    def num_done(self) -> int:
        """Trials that have ended, those of earlier commands included."""
        return self.num_done_before + self.ended.total()

    @property
    def seconds(self) -> float:
        """Since the trials began."""
        return self.clock() - self.started_at

    def add(self, trial: WantedTrial) -> None:
        """A search has proposed one more trial."""
        self._wait(trial)

    def choose(self, num_trials: int, todo: Sequence[WantedTrial]) -> None:
        """The search is over: these trials confirm what it found, and no others are to come."""
        self.num_trials, self.num_unchosen = num_trials, 0
        self.waiting = {trial.trial_id: trial for trial in todo}
        self._num_waiting = Counter(map(_group, self.waiting.values()))
        self.num_done_before = num_trials - len(todo) - self.ended.total()

    def start(self, trial_id: str) -> None:
        """A trial has begun, or begun again."""
        trial = self._take(trial_id) if trial_id in self.waiting else self._running[trial_id][0]
        self._running[trial_id] = (trial, self.clock())

    def retry(self, trial_id: str, reason: str) -> None:
        """A trial has lost its worker and waits to be tried again."""
        trial = self._running.pop(trial_id)[0] if trial_id in self._running else self._take(trial_id)
        self._wait(trial)
        self.retries.append((trial, reason))

    def end(self, trial_id: str, status: Status, *, score: float | None = None, error: str | None = None) -> None:
        """A trial has ended, perhaps before it began; `score` is what trials are compared by, lower is better."""
        self.ended[status] += 1
        if trial_id in self.waiting:  # its worker died on the way
            trial = self._take(trial_id)
        else:
            trial, started_at = self._running.pop(trial_id)
            seconds = self.clock() - started_at
            self._paces.add(trial, seconds)
            if status == "finished":
                self._whole_paces.add(trial, seconds)
        best = math.inf if self.best_score is None else self.best_score
        is_candidate = status == "finished" and trial.phase != "confirm"  # a lucky seed is no better config
        if is_candidate and score is not None and score < best:  # NaN is below nothing
            self.best_score, self.best_trial = score, trial
        if status == "failed":
            self.failures.append((trial, error or "no reason given"))

    def seconds_left(self) -> float | None:
        """An estimate from the trials that have ended; None before the first has.

        Each trial is expected to take as long as those of its model and window did on average, or of its model,
        or all. A search that stops trials early makes later ones shorter: then this errs on the long side. Those that
        confirm are not stopped, and take as long as others that weren't.
        """
        if not self._paces.is_known():
            return None
        work = sum(count * self._expected(group) for group, count in self._num_waiting.items())
        num_known = self.num_done + len(self.waiting) + len(self._running) + self.num_unchosen
        work += (self.num_trials - num_known) * self._paces.of_any()
        work += self.num_unchosen * self._paces_to_confirm().of_any()
        now, longest = self.clock(), 0.0
        for trial, started_at in self._running.values():
            left = max(self._expected(_group(trial)) - (now - started_at), 0.0)
            work, longest = work + left, max(longest, left)
        return max(work / self.num_slots, longest)

    def _wait(self, trial: WantedTrial) -> None:
        self.waiting[trial.trial_id] = trial
        self._num_waiting[_group(trial)] += 1

    def _take(self, trial_id: str) -> WantedTrial:
        trial = self.waiting.pop(trial_id)
        self._num_waiting[_group(trial)] -= 1
        return trial

    def _expected(self, group: _Group) -> float:
        is_confirm, kinds = group
        return (self._paces_to_confirm() if is_confirm else self._paces).of(kinds)

    def _paces_to_confirm(self) -> _Paces:
        return self._whole_paces if self._whole_paces.is_known() else self._paces


class Display(Protocol):
    """What a running sweep is shown on."""

    def note(self, line: str) -> None:
        """Something to know, once."""

    def show(self, progress: Progress) -> None:
        """Something has changed, or some time has passed."""


def _group(trial: WantedTrial) -> _Group:
    return trial.phase == "confirm", _kinds(trial)


def _kinds(trial: WantedTrial) -> _Kinds:
    """The groups that a trial's duration is estimated from, the nearest first."""
    config: Mapping[str, object] = trial.config
    model, dataset, time_steps = config["model"], config["dataset"], config["train.time_steps"]
    length = (config.get("train.num_epochs"), config.get("train.num_steps"))
    return (model, dataset, time_steps, length), (model, time_steps), (model,), ()
