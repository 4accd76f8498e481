"""Runs the trials that a sweep lacks: baselines, inputs, search and scheduler, brought together on a Ray."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from raysweep.allocation import allocate
from raysweep.baseline_rows import Baselines
from raysweep.disks import Presence, cannot_write, is_own_disk
from raysweep.errors import ClusterError, InputError, Problem
from raysweep.forecasting.inputs import TrialInputs
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.writer import LedgerWriter
from raysweep.planning.plan import Plan, WantedTrial
from raysweep.planning.progress import Display, Progress
from raysweep.planning.selection import Fold, fold_of
from raysweep.planning.sharing import Allocation
from raysweep.prepare import PreparedSweep, scheduler_text
from raysweep.spec.config import Scalar
from raysweep.spec.sweep import Asha, HyperOpt
from raysweep.storage import LocalFolder
from raysweep.tuning.ray_folders import is_own_ray
from raysweep.version import code_version

if TYPE_CHECKING:
    from raysweep.tuning.cluster import RunningCluster
    from raysweep.tuning.retries import RetryingFifo
    from raysweep.tuning.search import TrialList

# A Ray that dies again and again has a reason that another start doesn't mend.
MAX_RESTARTS = 3


def make_current(ledger: LedgerWriter, prepared: PreparedSweep) -> bool:
    """From now on the ledger's current trials are those that the sweep asks for; returns whether that is news."""
    with LedgerReader(prepared.paths.ledger, check=False) as reader:
        if reader.current_trials() == {trial.trial_id: trial.phase for trial in prepared.wanted}:
            return False
    with ledger.transaction():
        ledger.forget_current()
        ledger.register(*prepared.rows_of(prepared.wanted))
    return True


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
        _explore(run, ledger, prepared, plan.part(is_confirm=False), progress, baselines, allocation)
        if sweep.confirm is not None:
            _confirm(run, _choose(ledger, prepared, progress, display), allocation)
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


def _explore(
    run: Callable[..., None],
    ledger: LedgerWriter,
    prepared: PreparedSweep,
    plan: Plan,
    progress: Progress,
    baselines: Baselines,
    allocation: Allocation,
) -> None:
    """The search itself."""
    from raysweep.tuning.schedulers import Rungs

    if plan.todo or prepared.num_explored > len(prepared.explored):
        scheduler = prepared.sweep.scheduler
        asha = scheduler if isinstance(scheduler, Asha) else None
        search = _search(ledger, prepared, plan, progress, baselines, allocation)
        run(search, scheduler=_scheduler(prepared, asha), next_rung=Rungs(asha))


def _confirm(run: Callable[..., None], plan: Plan, allocation: Allocation) -> None:
    """Every trial to its end."""
    from raysweep.tuning.retries import RetryingFifo
    from raysweep.tuning.schedulers import Rungs

    if plan.todo:
        run(_listed(plan, allocation), scheduler=RetryingFifo(), next_rung=Rungs(None))


def _choose(ledger: LedgerWriter, prepared: PreparedSweep, progress: Progress, display: Display) -> Plan:
    """The search is over: which configs are confirmed, and what of that isn't done.

    The choice depends on what the search found alone, so a command that goes on comes to the same one.
    """
    prepared = prepared.refreshed(is_search_over=True)
    make_current(ledger, prepared)
    rest = prepared.plan().part(is_confirm=True)
    progress.choose(prepared.num_trials, [trial for trial, _ in rest.todo])
    for line in _what_is_confirmed(prepared, {trial.config_id for trial, _ in rest.todo}):
        display.note(line)
    display.show(progress)
    return rest


def _what_is_confirmed(prepared: PreparedSweep, todo: Collection[str]) -> Iterator[str]:
    """A line for each series and fold where something is to do, or nothing can be."""
    seeds = prepared.sweep.fresh_seeds
    chosen: dict[Fold, set[str]] = {fold_of(trial.config): set() for trial in prepared.explored}
    for trial in prepared.confirmed or ():
        chosen[fold_of(trial.config)].add(trial.config_id)
    has_several_folds = len({origin for _, origin in chosen}) > 1
    for (dataset, origin), names in chosen.items():
        where = f"{dataset} (split.origin {origin:g})" if has_several_folds else dataset
        if not names:
            yield f"nothing to confirm on {where}: no config has finished with every explored seed"
        elif not names.isdisjoint(todo):
            configs = "best config" if len(names) == 1 else f"best {len(names)} configs"
            fresh = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {', '.join(map(str, seeds))}"
            yield f"confirming the {configs} of {where} by {prepared.sweep.metric}, with {fresh}"


def _scheduler(prepared: PreparedSweep, asha: Asha | None) -> RetryingFifo:
    """ASHA as it was: with all that it decided before, and with the scores of trials that ended without it.

    Of the search alone. Trials that confirm are many of the same few configs, and would set the cutoffs.
    """
    from raysweep.tuning.retries import RetryingFifo
    from raysweep.tuning.schedulers import GroupedAsha, rungs_of_history

    if asha is None:
        return RetryingFifo()
    metric, text = prepared.sweep.metric, scheduler_text(prepared.sweep)
    with LedgerReader(prepared.paths.ledger, check=False) as reader:
        explored = {trial.trial_id for trial in prepared.explored}
        known = [row for row in reader.rungs(text) if row.trial_id in explored]
        others = explored - {row.trial_id for row in known}
        ended = [row for row in reader.trials() if row["trial_id"] in others and row["status"] == "finished"]
        ended.sort(key=lambda row: row["finished_at"])
        history = [(row, reader.epochs(row["trial_id"])) for row in ended]
    return GroupedAsha(asha, metric, text, [*rungs_of_history(asha, metric, text, history), *known])


def _search(
    ledger: LedgerWriter,
    prepared: PreparedSweep,
    plan: Plan,
    progress: Progress,
    baselines: Baselines,
    allocation: Allocation,
) -> TrialList:
    """Where the trials come from."""
    from raysweep.tuning.search import HyperOptQueue

    sweep = prepared.sweep
    if not isinstance(sweep.search, HyperOpt):
        return _listed(plan, allocation)

    def identify(choice: Mapping[str, Scalar], position: int) -> WantedTrial:
        return prepared.identify(sweep.resolve(choice), sweep.seeds[0], position)

    def register(trial: WantedTrial) -> None:
        with ledger.transaction():
            ledger.register(*prepared.rows_of([trial]))
            ledger.record_evaluations(baselines.rows_for([trial]))
        progress.add(trial)

    return HyperOptQueue(
        space=prepared.searched_keys(),
        num_samples=prepared.num_explored,
        seed=sweep.seeds[0],
        identify=identify,
        on_proposal=register,
        known=prepared.points,
        todo={trial.trial_id: need == "score" for trial, need in plan.todo},
        share_of=allocation.of,
    )


def _listed(plan: Plan, allocation: Allocation) -> TrialList:
    from raysweep.tuning.search import TrialList

    return TrialList(((trial, need == "score") for trial, need in plan.todo), share_of=allocation.of)
