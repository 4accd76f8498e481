"""Runs the trials that a sweep lacks: baselines, inputs and both phases, brought together on a Ray."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from raysweep.allocation import allocate
from raysweep.baseline_rows import Baselines
from raysweep.disks import Presence, cannot_write, is_own_disk
from raysweep.errors import ClusterError, InputError, Problem
from raysweep.forecasting.inputs import TrialInputs
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.writer import LedgerWriter
from raysweep.phases import choose, confirm, explore
from raysweep.planning.plan import Plan
from raysweep.planning.progress import Display, Progress
from raysweep.prepare import PreparedSweep
from raysweep.storage import LocalFolder
from raysweep.tuning.ray_folders import is_own_ray
from raysweep.version import code_version

if TYPE_CHECKING:
    from raysweep.tuning.cluster import RunningCluster

# A Ray that dies again and again has a reason that another start doesn't mend.
MAX_RESTARTS = 3


def run_missing(
    ledger: LedgerWriter,
    prepared: PreparedSweep,
    plan: Plan,
    display: Display,
    taken_over: Callable[[], str | None],
    *,
    num_jobs: int | None,
    is_verbose: bool,
) -> set[str]:
    """Runs what the plan says; returns the ids of the trials that failed.

    `taken_over` says whether another machine has taken the sweep over; it is asked again and again.

    Raises:
        Interrupted: After Ctrl-C or SIGTERM.
        ClusterError: If Ray is gone and doesn't come back.
        LedgerError: If the ledger can't be written any more.
        StorageError: If checkpoints or forecasts can't.
    """
    baselines = Baselines(prepared)
    ledger.record_evaluations(baselines.rows_for(prepared.wanted))
    present = _make_folders(prepared)

    def lost() -> str | None:
        return present.lost() or taken_over()

    display.note("starting Ray")
    for num_restarts in itertools.count():
        try:
            progress = _run_on_ray(
                ledger, prepared, plan, baselines, display, lost, num_jobs=num_jobs, is_verbose=is_verbose
            )
            return {trial.trial_id for trial, _ in progress.failures}
        except ClusterError as error:
            if num_restarts == MAX_RESTARTS or not is_own_ray():
                raise
            display.note(f"{error}; starting Ray again ({num_restarts + 1} of {MAX_RESTARTS})")
            # What was reported is in the ledger, and what wasn't yet in the checkpoints.
            prepared = prepared.refreshed()
            plan = prepared.plan()
    raise AssertionError("it counts for ever")


def _make_folders(prepared: PreparedSweep) -> Presence:
    """Made here alone: what a worker found missing would be a disk that has gone."""
    folders = (prepared.storage.checkpoints, prepared.storage.predictions)
    for folder in folders:
        try:
            folder.make()
        except OSError as error:
            raise cannot_write(str(folder), error) from error
    on_disks = [folder.path for folder in folders if isinstance(folder, LocalFolder)]
    return Presence([prepared.paths.ledger, *on_disks])


def _run_on_ray(
    ledger: LedgerWriter,
    prepared: PreparedSweep,
    plan: Plan,
    baselines: Baselines,
    display: Display,
    lost_storage: Callable[[], str | None],
    *,
    num_jobs: int | None,
    is_verbose: bool,
) -> Progress:
    """The life of one Ray, which is loaded only where a trial is to run."""
    from raysweep.doctor import refuse_unfit_nodes
    from raysweep.tuning.cluster import ray_cluster
    from raysweep.tuning.runner import run_trials

    sweep = prepared.sweep
    inputs = TrialInputs(
        sources=prepared.catalog.sources,
        series={name: prepared.catalog.series(name) for name in prepared.dataset_names()},
        evaluate_on=sweep.evaluate_on,
        storage=prepared.storage,
    )
    with ray_cluster(num_jobs=num_jobs, is_verbose=is_verbose) as cluster:
        if not is_own_ray():
            folder = prepared.storage.checkpoints
            _check_reach(prepared, cluster)
            refuse_unfit_nodes(folder.path if isinstance(folder, LocalFolder) else None)
        allocation = allocate(ledger, prepared, plan, cluster, inputs, display.note)
        typical = allocation.typical([trial.config for trial, _ in plan.todo])
        num_slots, max_running = cluster.num_slots(typical), None
        if num_jobs is not None and not is_own_ray():  # one of our own has no more CPUs than that
            num_slots = max_running = min(num_slots, max(1, int(num_jobs // typical.cpu)))
        progress = Progress(
            num_trials=prepared.num_trials,
            num_done_before=len(plan.done),
            num_slots=num_slots,
            waiting={trial.trial_id: trial for trial, _ in plan.todo},
            num_unchosen=prepared.num_unchosen,
        )
        run = partial(
            run_trials,
            cluster=cluster,
            inputs=inputs,
            metric=sweep.metric,
            max_running=max_running,
            num_threads=max(1, int(allocation.default.cpu)),
            is_gpu=allocation.default.gpu > 0,
            ledger=ledger,
            progress=progress,
            data_sources={name: series.source for name, series in inputs.series.items()},
            references=baselines.references,
            code_version=code_version(),
            lost_storage=lost_storage,
            slowest_epoch=partial(_slowest_epoch, prepared),
            on_change=lambda: _show(display, progress, cluster),
        )
        explore(run, ledger, prepared, plan.part(is_confirm=False), progress, baselines, allocation)
        if sweep.confirm is not None:
            confirm(run, choose(ledger, prepared, progress, display), allocation)
    return progress


def _slowest_epoch(prepared: PreparedSweep) -> float:
    with LedgerReader(prepared.paths.ledger, check=False) as reader:  # looked at when this command began
        return reader.slowest_epoch()


def _show(display: Display, progress: Progress, cluster: RunningCluster) -> None:
    """The progress, and what is to be known of workers that are still to come."""
    if cluster.workers is not None:
        is_waiting = bool(progress.waiting)
        for line in cluster.workers.news(num_running=progress.num_running, is_waiting=is_waiting):
            display.note(line)
        progress.workers = cluster.workers.state() if is_waiting else ""
    display.show(progress)


def _check_reach(prepared: PreparedSweep, cluster: RunningCluster) -> None:
    """Raises `InputError` where workers that are still to come can't see what the head has on its own disk."""
    folder = prepared.storage.checkpoints
    is_named = prepared.sweep.storage_path is not None  # then it is shared, whatever disk it is on
    if cluster.workers is None or is_named or not isinstance(folder, LocalFolder):
        return
    if is_own_disk(folder.path):
        found = f"{folder} is on this machine's own disk, and workers that come later won't see it"
        valid = "give --storage-path, such as s3://BUCKET/FOLDER, or a --results-dir that all machines share"
        raise InputError([Problem(where=str(prepared.sweep.file), key="storage_path", found=found, valid=valid)])
