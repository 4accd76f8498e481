"""ASHA within groups, replayable from the ledger.

Li et al., A System for Massively Parallel Hyperparameter Tuning (2020), as stopping rule: at a rung a trial is
stopped if its score is worse than the best 1/`reduction_factor` of those that were there before it. Ray's own
can't be preloaded, says CONTINUE to NaN, and compares a window of 64 with one of 1024.
"""

from __future__ import annotations

import json
import math
from bisect import insort
from collections.abc import Mapping, Sequence
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from raysweep.ledger.rows import RungRow
from raysweep.spec.sweep import Asha
from raysweep.tuning.report import Report, epoch_score
from raysweep.tuning.retries import RetryingFifo


class Rungs:
    """The epochs at which trials are compared: grace_period, times reduction_factor, again and again."""

    def __init__(self, settings: Asha | None) -> None:
        self._settings = settings

    def __call__(self, epoch: int) -> int | None:
        """The first rung after `epoch`; None without a scheduler."""
        if self._settings is None:
            return None
        rung = self._settings.grace_period
        while rung <= epoch:
            rung *= self._settings.reduction_factor
        return rung

    def within(self, epochs: range) -> list[int]:
        """The rungs among these epochs."""
        found, rung = [], self(epochs.start - 1)
        while rung is not None and rung < epochs.stop:
            found.append(rung)
            rung = self(rung)
        return found


class GroupedAsha(RetryingFifo):
    """One set of rungs a group; every decision is kept until the ledger takes it.

    Args:
        settings: From the sweep file.
        metric: Which epoch score is compared; lower is better.
        settings_text: The settings as the ledger knows them.
        known: What was decided in earlier runs of this sweep, in the order of decision.
    """

    def __init__(self, settings: Asha, metric: str, settings_text: str, known: Sequence[RungRow]) -> None:
        super().__init__()
        self._settings = settings
        self.settings_text = settings_text
        self._sweep_metric = metric
        self._rungs = Rungs(settings)
        self._scores: dict[tuple[str, int], list[float]] = {}  # the lowest first
        self._judged: set[tuple[str, int]] = set()
        self._stopped: set[str] = set()
        self._undelivered: dict[str, list[RungRow]] = {}
        for row in known:
            self._remember(row)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Judges a trial at every rung that its report reaches."""
        report: Report = result["report"]
        if trial.config["is_rescore"]:  # it has ended, and competes with nobody
            return str(TrialScheduler.CONTINUE)
        if trial.trial_id in self._stopped:  # decided before a restart, and not carried out
            return str(TrialScheduler.STOP)
        for epoch in report.epochs:
            key = (trial.trial_id, epoch.epoch)
            is_rung = epoch.epoch in self._rungs.within(range(epoch.epoch, epoch.epoch + 1))
            if not is_rung or key in self._judged or epoch.epoch >= report.num_epochs:
                continue
            row = self._judge(trial, epoch.epoch, epoch_score(epoch, self._sweep_metric))
            self._remember(row)
            self._undelivered.setdefault(trial.trial_id, []).append(row)
            if row.is_stop:
                return str(TrialScheduler.STOP)
        return str(TrialScheduler.CONTINUE)

    def take_decisions(self, trial_id: str) -> list[RungRow]:
        """What was decided about a trial since this was last asked."""
        return self._undelivered.pop(trial_id, [])

    def is_stopped(self, trial_id: str) -> bool:
        """Whether the trial was told to stop."""
        return trial_id in self._stopped

    def _judge(self, trial: Trial, rung: int, score: float) -> RungRow:
        bracket = bracket_of(trial.config["config"], self._settings.within)
        earlier = self._scores.get((bracket, rung), [])
        cutoff = best_part(earlier, self._settings.reduction_factor) if earlier else None
        return RungRow(
            trial_id=trial.trial_id,
            bracket=bracket,
            scheduler=self.settings_text,
            rung=rung,
            score=score,
            cutoff=cutoff,
            is_stop=cutoff is not None and score > cutoff,
        )

    def _remember(self, row: RungRow) -> None:
        insort(self._scores.setdefault((row.bracket, row.rung), []), row.score)
        self._judged.add((row.trial_id, row.rung))
        if row.is_stop:
            self._stopped.add(row.trial_id)


def best_part(scores: Sequence[float], factor: float) -> float:
    """The score below which the best 1/`factor` lie, between two of them where it falls between two.

    Args:
        scores: At least one, the lowest first; infinity for what has none. Kept in order, they need not be looked
            through at every decision, of which a sweep has as many as trials.
        factor: At least 1.
    """
    place = (len(scores) - 1) / factor
    below = math.floor(place)
    share = place - below
    if share == 0 or scores[below] == scores[below + 1]:  # also where both are infinite
        return scores[below]
    return scores[below] + share * (scores[below + 1] - scores[below])


def rungs_of_history(
    settings: Asha,
    metric: str,
    settings_text: str,
    history: Sequence[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]],
) -> list[RungRow]:
    """What trials that ended without this scheduler scored at its rungs: newcomers are to be measured against them too.

    Args:
        settings: The scheduler's.
        metric: Which column of an epoch is compared.
        settings_text: The settings as the ledger knows them.
        history: Rows of trials, each with the rows of its epochs, in the order in which they ended.
    """
    rungs = Rungs(settings)
    return [
        RungRow(
            trial_id=trial["trial_id"],
            bracket=bracket_of(trial["config"], settings.within),
            scheduler=settings_text,
            rung=epoch["epoch"],
            score=epoch[metric],
            cutoff=None,
            is_stop=False,
        )
        for trial, epochs in history
        for epoch in epochs[:-1]  # reaching the end is no rung
        if epoch["epoch"] in rungs.within(range(epoch["epoch"], epoch["epoch"] + 1)) and epoch[metric] is not None
    ]


def bracket_of(config: dict[str, Any], within: Sequence[str]) -> str:
    """The name of the group that a config is compared in; protocol and fold are always part of it."""
    keys = dict.fromkeys(["protocol", "split.origin", *within])
    return json.dumps({key: config.get(key) for key in keys}, separators=(",", ":"))
