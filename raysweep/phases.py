"""The two phases of a sweep: its search, and then its best configs with fresh seeds. From which trials, in which order.

Must not know: Ray's life, machines; `run` runs what it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from raysweep.baseline_rows import Baselines
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.writer import LedgerWriter
from raysweep.planning.plan import Plan, WantedTrial
from raysweep.planning.progress import Display, Progress
from raysweep.planning.selection import Fold, fold_of
from raysweep.planning.sharing import Allocation
from raysweep.prepare import PreparedSweep, scheduler_text
from raysweep.spec.config import Scalar
from raysweep.spec.sweep import Asha, HyperOpt

if TYPE_CHECKING:
    from raysweep.tuning.retries import RetryingFifo
    from raysweep.tuning.search import TrialList


def make_current(ledger: LedgerWriter, prepared: PreparedSweep) -> bool:
    """From now on the ledger's current trials are those that the sweep asks for; returns whether that is news."""
    with LedgerReader(prepared.paths.ledger, check=False) as reader:
        if reader.current_trials() == {trial.trial_id: trial.phase for trial in prepared.wanted}:
            return False
    with ledger.transaction():
        ledger.forget_current()
        ledger.register(*prepared.rows_of(prepared.wanted))
    return True


def explore(
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


def confirm(run: Callable[..., None], plan: Plan, allocation: Allocation) -> None:
    """Every trial to its end."""
    from raysweep.tuning.retries import RetryingFifo
    from raysweep.tuning.schedulers import Rungs

    if plan.todo:
        run(_listed(plan, allocation), scheduler=RetryingFifo(), next_rung=Rungs(None))


def choose(ledger: LedgerWriter, prepared: PreparedSweep, progress: Progress, display: Display) -> Plan:
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
