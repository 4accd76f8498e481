"""Takes what Tune hears from workers to the ledger and the progress; runs in the driver, the only writer."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import ray
from ray.tune import Callback
from ray.tune.experiment import Trial

from raysweep.errors import ClusterError, GpuMemoryError, LedgerError, StorageError
from raysweep.forecasting.results import Evaluation
from raysweep.forecasting.scores import with_skills
from raysweep.ledger.rows import EpochRow, EvaluationRow, TrialEnd
from raysweep.ledger.writer import LedgerWriter
from raysweep.planning.progress import Progress
from raysweep.tuning.hang_watch import HangWatch
from raysweep.tuning.report import Report, own_scores
from raysweep.tuning.retries import (
    PAUSES_SECONDS,
    RetryingFifo,
    error_text,
    last_failure,
    num_failures,
    pause_after,
    ran_out_of_gpu_memory,
)


class SweepAborted(BaseException):
    """Ends Tune's loop at once. Tune catches every `Exception`; so this is none."""


class Recorder(Callback):  # type: ignore[misc]
    """Writes every report in one transaction, with what the scheduler decided about it.

    Args:
        ledger: Open for writing.
        progress: Kept up to date.
        scheduler: Asked for its decisions.
        data_sources: `original`, `stand-in` or `file`, by series.
        references: Mean squared errors of the baselines by evaluation set and name; may grow while trials run.
        code_version: Goes into every row.
        on_change: Called after every change, and at least once a turn of Tune's loop.
        is_interrupted: Whether the user has asked to stop.
        lost_cluster: What has become of Ray, if it is gone.
        slowest_epoch: Seconds of the slowest that the ledger knows of; 0 if it knows of none.
    """

    def __init__(
        self,
        *,
        ledger: LedgerWriter,
        progress: Progress,
        scheduler: RetryingFifo,
        data_sources: Mapping[str, str],
        references: Mapping[str, Mapping[str, float]],
        code_version: str,
        on_change: Callable[[], None],
        is_interrupted: Callable[[], bool],
        lost_cluster: Callable[[], str | None],
        slowest_epoch: float = 0.0,
    ) -> None:
        self._ledger = ledger
        self._progress = progress
        self._scheduler = scheduler
        self._data_sources = data_sources
        self._references = references
        self._code_version = code_version
        self._on_change = on_change
        self._is_interrupted = is_interrupted
        self._lost_cluster = lost_cluster
        self._ended: set[str] = set()
        self._hangs = HangWatch(slowest_epoch)
        self._hung: dict[str, str] = {}

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """The trial has a worker."""
        self._progress.start(trial.trial_id)
        self._hangs.start(trial.trial_id)
        if not trial.config["is_rescore"]:
            self._write(lambda: self._ledger.start_trial(trial.trial_id, time.time(), self._code_version))
        self._on_change()

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """The trial has reported; the scheduler has already judged it."""
        report: Report = result.pop("report")  # Tune keeps every result; the ledger has this one
        if report.end == "no_storage":
            raise SweepAborted from StorageError(report.error)
        if report.end == "unfit_machine":
            raise SweepAborted from ClusterError(report.error)
        self._hangs.hear(trial.trial_id, report)
        end = self._end_of(trial, report)
        rows = [self._evaluation_row(trial, evaluation) for evaluation in report.evaluations]
        if trial.config["is_rescore"]:
            self._write(lambda: self._ledger.record_evaluations(rows))
        else:
            self._write(lambda: self._record(trial, report, end, rows))
        if end is not None:
            self._ended.add(trial.trial_id)
            self._hangs.forget(trial.trial_id)
            self._progress.end(trial.trial_id, end.status, score=report.score, error=end.error)
        self._on_change()

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """The worker is gone; the scheduler will try the trial again."""
        reason = self._take_reason(trial)
        alone = ", on a GPU of its own" if ran_out_of_gpu_memory(trial) else ""
        again = f"tried again in {pause_after(trial):g} s{alone} ({num_failures(trial)} of {len(PAUSES_SECONDS)})"
        self._progress.retry(trial.trial_id, f"{reason}; {again}")
        self._on_change()

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """The worker is gone, and this was the last try."""
        if trial.trial_id in self._ended:
            return
        error = f"{self._take_reason(trial)}; that was try {num_failures(trial)}"
        end = TrialEnd(status="failed", finished_at=time.time(), error=error, traceback=error_text(trial))
        self._ended.add(trial.trial_id)
        if not trial.config["is_rescore"]:
            self._write(lambda: self._ledger.end_trial(trial.trial_id, end))
        self._progress.end(trial.trial_id, "failed", error=end.error)
        self._on_change()

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Once a turn of Tune's loop."""
        if self._is_interrupted():
            raise SweepAborted
        if lost := self._lost_cluster():
            raise SweepAborted from ClusterError(lost)
        self._end_hung(trials)
        self._on_change()

    def _end_hung(self, trials: list[Trial]) -> None:
        """A worker that is killed is one that was lost."""
        actors = self._scheduler.starting_actors()
        self._hangs.expect(actors)
        overdue = self._hangs.overdue()
        if not overdue:
            return
        actors |= {
            trial.trial_id: trial.temporary_state.ray_actor for trial in trials if trial.temporary_state.ray_actor
        }
        for trial_id, reason in overdue.items():
            if trial_id in actors:
                self._hung[trial_id] = reason
                ray.kill(actors[trial_id])

    def _take_reason(self, trial: Trial) -> str:
        """Why the worker of a trial is gone, in one line."""
        self._hangs.forget(trial.trial_id)
        return self._hung.pop(trial.trial_id, None) or _reason_of(last_failure(trial))

    def _record(self, trial: Trial, report: Report, end: TrialEnd | None, evaluations: list[EvaluationRow]) -> None:
        with self._ledger.transaction():
            rungs = self._scheduler.take_decisions(trial.trial_id)
            epochs = [EpochRow(**dataclasses.asdict(epoch)) for epoch in report.epochs]
            self._ledger.record_epochs(trial.trial_id, epochs, facts=report.facts, rungs=rungs)
            if end is not None:
                self._ledger.end_trial(trial.trial_id, end, evaluations)

    def _end_of(self, trial: Trial, report: Report) -> TrialEnd | None:
        if report.end is not None and report.end != "no_storage" and report.end != "unfit_machine":
            return TrialEnd(
                status=report.end,
                finished_at=time.time(),
                error=report.error,
                traceback=report.traceback,
                scores=own_scores(report.evaluations, trial.config["config"]["dataset"]),
            )
        if trial.config["is_rescore"]:  # stopped once, perhaps, but finished since
            return None
        if self._scheduler.is_stopped(trial.trial_id):
            return TrialEnd(status="stopped", finished_at=time.time(), stopped_by=self._scheduler.settings_text)
        return None

    def _evaluation_row(self, trial: Trial, evaluation: Evaluation) -> EvaluationRow:
        config = trial.config["config"]
        return EvaluationRow(
            kind="trial",
            trial_id=trial.trial_id,
            model=config["model"],
            eval_dataset=evaluation.eval_dataset,
            protocol=config["protocol"],
            origin=config["split.origin"],
            part=evaluation.part,
            mode=evaluation.mode,
            horizon=evaluation.horizon,
            eval_set_hash=evaluation.eval_set_hash,
            data_source=self._data_sources[evaluation.eval_dataset],
            **dataclasses.asdict(with_skills(evaluation.score, self._references.get(evaluation.eval_set_hash, {}))),
        )

    def _write(self, write: Callable[[], None]) -> None:
        try:
            write()
        except LedgerError as error:
            # Training on would be for nothing: what isn't in the ledger hasn't happened.
            raise SweepAborted(str(error)) from error


# What Ray says of a lost worker is a page for those who develop Ray; the ledger keeps it as the traceback.
_REASONS = {
    GpuMemoryError.__name__: "the GPU that it shares ran out of memory",
    r"running low on memory|OutOfMemoryError": "its machine ran out of memory, and Ray ended its worker",
    r"its node has died": "its machine is gone",
    r"worker process has died|The actor died unexpectedly|never ran": "its worker was killed or has crashed",
}


def _reason_of(failure: str) -> str:
    """Why the worker is gone, in one line, from what Tune has written down of it."""
    for pattern, reason in _REASONS.items():
        if re.search(pattern, failure):
            return reason
    return next((line.strip() for line in reversed(failure.splitlines()) if line.strip()), "its worker is gone")
