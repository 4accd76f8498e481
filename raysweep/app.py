"""The one place that puts the parts together: what each command does, without a word of how it looks.

run_sweep: spec -> planning -> tuning (Ray Tune) -> ledger -> analysis, with tracking following the ledger
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from raysweep.baseline_rows import Baselines
from raysweep.errors import InputError, Interrupted, LockedError, Problem
from raysweep.forecasting.inputs import TrialInputs
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.rows import CommandRow
from raysweep.ledger.writer import LedgerWriter
from raysweep.locks import FileLock
from raysweep.paths import SweepPaths
from raysweep.planning.plan import Plan, WantedTrial
from raysweep.planning.progress import Progress
from raysweep.prepare import PreparedSweep, Workspace, scheduler_text
from raysweep.signals import interruptible
from raysweep.spec.config import Scalar
from raysweep.spec.sweep import Asha, HyperOpt, Resources, Sweep
from raysweep.tracking.errors import TrackingError
from raysweep.tracking.follower import start_follower
from raysweep.version import code_version

if TYPE_CHECKING:
    from raysweep.tuning.cluster import RunningCluster
    from raysweep.tuning.retries import RetryingFifo
    from raysweep.tuning.search import TrialList

FOLLOWER_SECONDS = 60.0  # how long the end of a sweep waits for MLflow; `raysweep sync` does the rest
HURRIED_FOLLOWER_SECONDS = 3.0  # after Ctrl-C or an error


class Display(Protocol):
    """What a running sweep is shown on."""

    def note(self, line: str) -> None:
        """Something to know, once."""

    def show(self, progress: Progress) -> None:
        """Something has changed, or some time has passed."""


def run_sweep(
    prepared: PreparedSweep, workspace: Workspace, display: Display, *, num_jobs: int | None, is_verbose: bool
) -> set[str]:
    """Runs what is missing of a sweep.

    Returns:
        The ids of the trials that failed, in this command or before.

    Raises:
        Interrupted: After Ctrl-C or SIGTERM; all that was finished is kept.
        LockedError: If another process runs this sweep.
        LedgerError: If the ledger can't be written.
        StorageError: If checkpoints or forecasts can't.
    """
    for line in _data_notes(prepared):
        display.note(line)
    with interruptible(), _alone(prepared.paths), LedgerWriter(prepared.paths.ledger) as ledger:
        prepared = prepared.refreshed()  # whoever ran this sweep until now may have finished trials since
        plan = prepared.plan()
        _make_current(ledger, prepared)
        failed = set()
        if plan.todo or prepared.num_trials > len(plan.done):
            with _tracking(prepared, workspace, display), _command(ledger, prepared):
                failed = _run_missing(ledger, prepared, plan, display, num_jobs=num_jobs, is_verbose=is_verbose)
        else:
            display.note(f"nothing to run: all {len(plan.done)} trials are done")
        with LedgerReader(prepared.paths.ledger, check=False) as reader:
            return failed | reader.current_trial_ids(status="failed")


def _run_missing(
    ledger: LedgerWriter,
    prepared: PreparedSweep,
    plan: Plan,
    display: Display,
    *,
    num_jobs: int | None,
    is_verbose: bool,
) -> set[str]:
    """The trials themselves; returns the ids of those that failed."""
    from raysweep.tuning.cluster import ray_cluster
    from raysweep.tuning.runner import run_trials

    sweep = prepared.sweep
    baselines = Baselines(prepared)
    ledger.record_evaluations(baselines.rows_for(prepared.wanted))
    inputs = TrialInputs(
        sources=prepared.catalog.sources,
        series={name: prepared.catalog.series(name) for name in prepared.dataset_names()},
        evaluate_on=sweep.evaluate_on,
        checkpoints=prepared.paths.checkpoints.resolve(),
        predictions=prepared.paths.predictions.resolve(),
    )
    display.note("starting Ray")
    with ray_cluster(num_jobs=num_jobs, is_verbose=is_verbose) as cluster:
        # Ray is loaded only where a trial is to run.
        from raysweep.tuning.schedulers import Rungs

        resources = _resources(sweep, cluster)
        progress = Progress(
            num_trials=prepared.num_trials,
            num_done_before=len(plan.done),
            num_slots=cluster.num_slots(resources),
            waiting={trial.trial_id: trial for trial, _ in plan.todo},
        )
        asha = sweep.scheduler if isinstance(sweep.scheduler, Asha) else None
        run_trials(
            _search(ledger, prepared, plan, progress, baselines),
            inputs=inputs,
            metric=sweep.metric,
            scheduler=_scheduler(prepared, plan, asha),
            next_rung=Rungs(asha),
            resources=resources,
            ledger=ledger,
            progress=progress,
            data_sources={name: series.source for name, series in inputs.series.items()},
            references=baselines.references,
            code_version=code_version(),
            on_change=lambda: display.show(progress),
        )
    return {trial.trial_id for trial, _ in progress.failures}


def _scheduler(prepared: PreparedSweep, plan: Plan, asha: Asha | None) -> RetryingFifo:
    """ASHA as it was: with all that it decided before, and with the scores of trials that ended without it."""
    from raysweep.tuning.retries import RetryingFifo
    from raysweep.tuning.schedulers import GroupedAsha, rungs_of_history

    if asha is None:
        return RetryingFifo()
    metric, text = prepared.sweep.metric, scheduler_text(prepared.sweep)
    with LedgerReader(prepared.paths.ledger, check=False) as reader:
        known = reader.rungs(text)
        others = {trial.trial_id for trial in plan.done} - {row.trial_id for row in known}
        ended = [row for row in reader.trials() if row["trial_id"] in others and row["status"] == "finished"]
        ended.sort(key=lambda row: row["finished_at"])
        history = [(row, reader.epochs(row["trial_id"])) for row in ended]
    return GroupedAsha(asha, metric, text, [*rungs_of_history(asha, metric, text, history), *known])


def _search(
    ledger: LedgerWriter, prepared: PreparedSweep, plan: Plan, progress: Progress, baselines: Baselines
) -> TrialList:
    """Where the trials come from."""
    from raysweep.tuning.search import HyperOptQueue, TrialList

    sweep = prepared.sweep
    if not isinstance(sweep.search, HyperOpt):
        return TrialList((trial, need == "score") for trial, need in plan.todo)

    def identify(choice: Mapping[str, Scalar], position: int) -> WantedTrial:
        return prepared.identify(sweep.resolve(choice), sweep.seeds[0], position)

    def register(trial: WantedTrial) -> None:
        with ledger.transaction():
            ledger.register(*prepared.rows_of([trial]))
            ledger.record_evaluations(baselines.rows_for([trial]))
        progress.add(trial)

    return HyperOptQueue(
        space=prepared.searched_keys(),
        num_samples=prepared.num_trials,
        seed=sweep.seeds[0],
        identify=identify,
        on_proposal=register,
        known=prepared.points,
        todo={trial.trial_id: need == "score" for trial, need in plan.todo},
    )


def _resources(sweep: Sweep, cluster: RunningCluster) -> Resources:
    """What a trial gets; raises `InputError` if no trial would ever fit."""
    if sweep.resources != "auto":
        resources = sweep.resources
    elif cluster.num_gpus:
        # These models fill no GPU: four trials share one.
        resources = Resources(cpu=min(1.0, cluster.num_cpus / (4 * cluster.num_gpus)), gpu=0.25)
    else:
        resources = Resources(cpu=1.0, gpu=0.0)
    if cluster.num_slots(resources) == 0:
        found = f"{resources.cpu:g} CPUs and {resources.gpu:g} GPUs a trial"
        valid = f"there are {cluster.num_cpus:g} CPUs and {cluster.num_gpus:g} GPUs here"
        problem = Problem(where=str(sweep.file), key="resources_per_trial", found=found, valid=valid)
        raise InputError([problem])
    return resources


@contextmanager
def _alone(paths: SweepPaths) -> Iterator[None]:
    """Two drivers would train the same trials, and the ledger has one writer."""
    lock = FileLock(paths.driver_lock, "running this sweep")
    try:
        paths.root.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except LockedError as error:
        raise LockedError(f"{paths.root}: {error} is at work; wait until it has ended, or end it") from None
    except OSError as error:
        found = f"can't be written ({error.strerror})"
        valid = "name a folder of your own with --results-dir"
        raise InputError([Problem(where=str(paths.root), found=found, valid=valid)]) from error
    with lock:
        yield


def _make_current(ledger: LedgerWriter, prepared: PreparedSweep) -> None:
    """From now on the ledger's current trials are those that the sweep file asks for."""
    wanted = {trial.trial_id for trial in prepared.wanted}
    with LedgerReader(prepared.paths.ledger, check=False) as reader:
        if reader.current_trial_ids() == wanted:
            return
    with ledger.transaction():
        ledger.forget_current()
        ledger.register(*prepared.rows_of(prepared.wanted))


@contextmanager
def _command(ledger: LedgerWriter, prepared: PreparedSweep) -> Iterator[None]:
    """The ledger's record that this command ran, and how it ended."""
    sweep = prepared.sweep
    command_id = ledger.begin_command(
        CommandRow(
            started_at=time.time(),
            host=socket.gethostname(),
            pid=os.getpid(),
            sweep_file=str(sweep.file),
            sweep_text=sweep.text,
            overrides=sweep.overrides,
            metric=sweep.metric,
            scheduler=scheduler_text(sweep),
            code_version=code_version(),
        )
    )
    outcome = "failed"
    try:
        yield
        outcome = "done"
    except Interrupted:
        outcome = "interrupted"
        raise
    finally:
        ledger.end_command(command_id, outcome, time.time())


@contextmanager
def _tracking(prepared: PreparedSweep, workspace: Workspace, display: Display) -> Iterator[None]:
    """MLflow follows the ledger in a process of its own; whatever happens to it, the sweep goes on."""
    later = f"Later: raysweep sync {prepared.sweep.name}"
    try:
        follower = start_follower(prepared.paths, workspace.tracking_uri)
    except TrackingError as error:
        display.note(f"MLflow is not followed: {error}. {later}")
        yield
        return
    patience = HURRIED_FOLLOWER_SECONDS
    try:
        yield
        patience = FOLLOWER_SECONDS
    finally:
        if not follower.finish(patience):
            problem = follower.problem() or f"it is still busy; see {prepared.paths.tracking_log}"
            display.note(f"MLflow is not up to date: {problem}. {later}")


def _data_notes(prepared: PreparedSweep) -> list[str]:
    """What a user should know of the series before reading any number."""
    infos = [prepared.catalog.dataset(name) for name in prepared.dataset_names()]
    stand_ins = [info.name for info in infos if info.source == "stand-in"]
    notes = [notice for info in infos for notice in info.notices]
    if stand_ins:
        notes.insert(
            0,
            f"made-up data: {', '.join(stand_ins)} {'is a stand-in' if len(stand_ins) == 1 else 'are stand-ins'} "
            "that raysweep generated, not measurements; --data-dir DIR takes the originals",
        )
    return notes
