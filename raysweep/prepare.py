"""From a sweep file to trials with identities, and to all that they share. Nothing is started or created here."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from pathlib import Path

from raysweep.errors import InputError, Problem
from raysweep.forecasting.catalog import FolderCatalog
from raysweep.forecasting.protocol import EvalSet, eval_sets
from raysweep.forecasting.series import Series
from raysweep.ledger.check import has_ledger
from raysweep.ledger.reader import KnownTrial, LedgerReader, Row
from raysweep.ledger.rows import ConfigRow, TrialRow
from raysweep.paths import SweepPaths, default_folder
from raysweep.planning.plan import KnownPoint, Plan, WantedTrial, make_plan
from raysweep.planning.points import known_points, num_configs, num_folds, searched_keys
from raysweep.planning.selection import confirming_trials, fold_of, select_best
from raysweep.spec.config import Config, ProtocolName, config_id, trial_id
from raysweep.spec.loader import load_sweep
from raysweep.spec.space import Domain, listed_values
from raysweep.spec.storage_path import objection_to, without_slash
from raysweep.spec.sweep import Asha, HyperOpt, Sweep
from raysweep.storage import STORAGE_VARIABLE, SweepStorage, storage_of

NO_SCHEDULER = "fifo"  # as the ledger knows it


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Where a command reads and writes.

    Attributes:
        results_dir: Folder of all results.
        tracking_uri: Of MLflow.
        data_dir: Taken before the project's own series; None for those alone.
        models_dir: Folder of the models.
        storage_path: For sweeps whose files name none; None for the results.
    """

    results_dir: Path
    tracking_uri: str
    data_dir: Path | None
    models_dir: Path
    storage_path: str | None = None

    def catalog(self) -> FolderCatalog:
        """The models and series at hand."""
        own = default_folder("data")
        folders = [own] if self.data_dir is None else [self.data_dir, own]
        return FolderCatalog(models_dir=self.models_dir, data_dirs=folders)


@dataclass(frozen=True, kw_only=True)
class PreparedSweep:
    """A sweep that has been checked, with the identity of every trial that it asks for.

    Attributes:
        sweep: The file.
        catalog: The models and series of this moment.
        paths: Where the sweep's files lie.
        explored: The trials of its search; under HyperOpt those that earlier commands proposed.
        confirmed: The best configs with fresh seeds, if it asks for that; None while they can't be chosen, because the
            search isn't over.
        points: Under HyperOpt: the same trials as points of the space.
        known: What the ledger has.
    """

    sweep: Sweep
    catalog: FolderCatalog
    paths: SweepPaths
    explored: Sequence[WantedTrial]
    confirmed: Sequence[WantedTrial] | None
    points: Sequence[KnownPoint]
    known: Mapping[str, KnownTrial]

    @property
    def wanted(self) -> Sequence[WantedTrial]:
        """All trials that are known by now."""
        return [*self.explored, *(self.confirmed or ())]

    @property
    def storage(self) -> SweepStorage:
        """Where its checkpoints and forecasts lie."""
        return storage_of(self.paths, self.sweep.storage_path)

    @property
    def num_trials(self) -> int:
        """How many trials the sweep asks for, at most."""
        return self.num_explored + self.num_unchosen + len(self.confirmed or ())

    @cached_property
    def varying_keys(self) -> frozenset[str]:
        """The config keys in which trials of one model differ, or may once a search has proposed more."""
        if isinstance(self.sweep.search, HyperOpt):
            return frozenset(searched_keys(self.sweep))
        values: dict[tuple[object, str], set[object]] = defaultdict(set)
        for trial in self.wanted:
            for key, value in trial.config.items():
                values[trial.config["model"], key].add(value)
        return frozenset(key for (_, key), found in values.items() if len(found) > 1)

    @cached_property
    def num_explored(self) -> int:
        """How many trials its search has; no more than its space."""
        search = self.sweep.search
        if not isinstance(search, HyperOpt):
            return len(self.explored)
        return max(num_configs(self.sweep, at_most=search.num_samples), len(self.explored))

    @property
    def num_unchosen(self) -> int:
        """How many trials will confirm configs that are still to be chosen, at most."""
        return self.num_to_choose * len(self.sweep.fresh_seeds)

    @property
    def num_to_choose(self) -> int:
        """How many configs will be chosen to be confirmed, at most."""
        confirm = self.sweep.confirm
        if confirm is None or self.confirmed is not None:
            return 0
        if isinstance(self.sweep.search, HyperOpt):
            return min(confirm.top * num_folds(self.sweep), self.num_explored)
        configs = {trial.config_id: trial.config for trial in self.explored}
        return sum(min(confirm.top, count) for count in Counter(map(fold_of, configs.values())).values())

    def refreshed(self, *, is_search_over: bool = False) -> PreparedSweep:
        """The same sweep against its ledger as it is now; that it isn't damaged has been seen before.

        Args:
            is_search_over: The search has nothing more to propose, whatever the sweep asks for.
        """
        return _against_ledger(self.sweep, self.catalog, self.paths, check=False, is_search_over=is_search_over)

    def plan(self) -> Plan:
        """What is done and what isn't: first of the search, then of what confirms it, which no scheduler stops."""
        eval_sets_of = self._eval_sets_of()
        scheduler = scheduler_text(self.sweep)
        search = make_plan(self.explored, self.known, scheduler=scheduler, eval_sets_of=eval_sets_of)
        rest = make_plan(self.confirmed or (), self.known, scheduler=NO_SCHEDULER, eval_sets_of=eval_sets_of)
        return Plan(done=[*search.done, *rest.done], todo=[*search.todo, *rest.todo])

    def _eval_sets_of(self) -> Callable[[WantedTrial], frozenset[tuple[str, str]]]:
        """For planning: the series and `eval_set_hash` of every score that a trial should have."""

        @cache
        def of_series(name: str, origin: float | None, time_steps: int) -> frozenset[tuple[str, str]]:
            sets = eval_sets_of(self.catalog.series(name), self.sweep.protocol, origin, time_steps)
            return frozenset((name, eval_set.digest) for eval_set in sets)

        def of_trial(trial: WantedTrial) -> frozenset[tuple[str, str]]:
            config = Config.from_flat(trial.config)
            names = dict.fromkeys([config.dataset, *(self.sweep.evaluate_on or ())])
            return frozenset().union(*(of_series(name, config.origin, scored_window(config)) for name in names))

        return of_trial

    def identify(self, config: Config, seed: int, position: int) -> WantedTrial:
        """The trial of the search that a config and a seed mean, with the data and code of this moment."""
        return _identify(self.sweep, self.catalog, config, seed, position)

    def rows_of(self, trials: Sequence[WantedTrial]) -> tuple[list[ConfigRow], list[TrialRow]]:
        """What the ledger keeps of trials before they start."""
        configs = {
            trial.config_id: ConfigRow(
                config_id=trial.config_id,
                config=trial.config,
                data_digest=self.catalog.dataset(str(trial.config["dataset"])).digest,
                data_source=self.catalog.dataset(str(trial.config["dataset"])).source,
                model_digest=self.catalog.model(str(trial.config["model"])).digest,
                protocol_version=self.catalog.protocol_version(self.sweep.protocol),
            )
            for trial in trials
        }
        return list(configs.values()), [
            TrialRow(
                trial_id=trial.trial_id,
                config_id=trial.config_id,
                seed=trial.seed,
                position=trial.position,
                phase=trial.phase,
            )
            for trial in trials
        ]

    def trained_names(self) -> list[str]:
        """Every series that is trained on."""
        return list(dict.fromkeys(str(name) for space in self.sweep.spaces for name in listed_values(space["dataset"])))

    def dataset_names(self) -> list[str]:
        """Every series that is trained on or forecast."""
        return list(dict.fromkeys([*self.trained_names(), *(self.sweep.evaluate_on or ())]))

    def searched_keys(self) -> dict[str, Domain]:
        """Under HyperOpt: what each searched key may be."""
        return searched_keys(self.sweep)


def prepare(file: Path, overrides: Sequence[str], workspace: Workspace) -> PreparedSweep:
    """Checks a sweep file. Raises `InputError` with all that is wrong, `LedgerError` for a bad ledger."""
    catalog = workspace.catalog()
    sweep = load_sweep(file, overrides=overrides, catalog=catalog)
    if sweep.storage_path is None and workspace.storage_path:
        sweep = replace(sweep, storage_path=_checked(workspace.storage_path))
    return _against_ledger(sweep, catalog, SweepPaths(workspace.results_dir, sweep.name), check=True)


def _checked(location: str) -> str:
    """As a sweep has it. Raises `InputError` if it can't be a `storage_path`."""
    objection = objection_to(location)
    if objection is not None:
        raise InputError([Problem(where=STORAGE_VARIABLE, found=objection[0], valid=objection[1])])
    return without_slash(location)


def _against_ledger(
    sweep: Sweep, catalog: FolderCatalog, paths: SweepPaths, *, check: bool, is_search_over: bool = False
) -> PreparedSweep:
    known: Mapping[str, KnownTrial] = {}
    rows: list[Row] = []
    if has_ledger(paths.ledger):
        with LedgerReader(paths.ledger, check=check) as reader:
            known = reader.known_trials()
            rows = reader.trials() if isinstance(sweep.search, HyperOpt) else []
    points: list[KnownPoint] = []
    if isinstance(sweep.search, HyperOpt):
        points = list(known_points(sweep, rows, partial(_identify, sweep, catalog)))
        explored = [point.trial for point in points]
    else:
        pairs = [(config, seed) for config in sweep.configs() for seed in sweep.seeds]
        explored = [_identify(sweep, catalog, config, seed, index) for index, (config, seed) in enumerate(pairs)]
    prepared = PreparedSweep(
        sweep=sweep, catalog=catalog, paths=paths, explored=explored, confirmed=(), points=points, known=known
    )
    if sweep.confirm is None:
        return prepared
    if not is_search_over and not _is_search_over(prepared):
        return replace(prepared, confirmed=None)
    best = select_best(explored, known, metric=sweep.metric, top=sweep.confirm.top)
    return replace(prepared, confirmed=confirming_trials(best, sweep.fresh_seeds, len(explored)))


def _is_search_over(prepared: PreparedSweep) -> bool:
    """Whether what the search found can only change where a trial failed, which the next command tries again."""
    plan = make_plan(
        prepared.explored,
        prepared.known,
        scheduler=scheduler_text(prepared.sweep),
        eval_sets_of=lambda trial: frozenset(),  # scores on other series choose nothing
    )
    return plan.count("retry") == len(plan.todo) and prepared.num_explored == len(prepared.explored)


def scheduler_text(sweep: Sweep) -> str:
    """A scheduler's settings as the ledger knows them: rungs under other settings are other rungs."""
    scheduler = sweep.scheduler
    if not isinstance(scheduler, Asha):
        return NO_SCHEDULER
    within = ",".join(scheduler.within)
    return (
        f"asha grace_period={scheduler.grace_period} reduction_factor={scheduler.reduction_factor}"
        f" within={within} metric={sweep.metric}"
    )


def scored_window(config: Config) -> int:
    """The window that decides what is scored: under holdout the evaluation sets are the same for every one."""
    return config.train.time_steps if config.protocol == "replication" else 1


def eval_sets_of(series: Series, protocol: ProtocolName, origin: float | None, time_steps: int) -> list[EvalSet]:
    """Everything that trials with these settings are scored over on one series."""
    return eval_sets(
        data_digest=series.digest,
        num_points=len(series.values),
        protocol=protocol,
        origin=origin,
        time_steps=time_steps,
    )


def _identify(sweep: Sweep, catalog: FolderCatalog, config: Config, seed: int, position: int) -> WantedTrial:
    identity = config_id(
        config,
        data_digest=catalog.dataset(config.dataset).digest,
        model_digest=catalog.model(config.model).digest,
        protocol_version=catalog.protocol_version(config.protocol),
    )
    return WantedTrial(
        trial_id=trial_id(identity, seed),
        config_id=identity,
        config=config.to_flat(),
        seed=seed,
        position=position,
        phase=None if sweep.confirm is None else "explore",
    )
