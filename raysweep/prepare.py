"""From a sweep file to trials with identities, and to all that they share. Nothing is started or created here."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from raysweep.forecasting.catalog import FolderCatalog
from raysweep.forecasting.protocol import EvalSet, eval_sets
from raysweep.forecasting.series import Series
from raysweep.ledger.check import has_ledger
from raysweep.ledger.reader import KnownTrial, LedgerReader, Row
from raysweep.ledger.rows import ConfigRow, TrialRow
from raysweep.paths import SweepPaths, default_folder
from raysweep.planning.plan import KnownPoint, Plan, WantedTrial, make_plan
from raysweep.spec.config import Config, ProtocolName, Scalar, config_id, trial_id
from raysweep.spec.loader import load_sweep
from raysweep.spec.space import Choice, Domain, GridSearch, IntRange, is_listed, listed_values, whole_numbers
from raysweep.spec.sweep import Asha, HyperOpt, Sweep

MAX_COUNTED_CONFIGS = 20_000


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Where a command reads and writes.

    Attributes:
        results_dir: Folder of all results.
        tracking_uri: Of MLflow.
        data_dir: Taken before the project's own series; None for those alone.
        models_dir: Folder of the models.
    """

    results_dir: Path
    tracking_uri: str
    data_dir: Path | None
    models_dir: Path

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
        wanted: Its trials; under HyperOpt those that earlier commands proposed.
        points: Under HyperOpt: the same trials as points of the space.
        known: What the ledger has.
    """

    sweep: Sweep
    catalog: FolderCatalog
    paths: SweepPaths
    wanted: Sequence[WantedTrial]
    points: Sequence[KnownPoint]
    known: Mapping[str, KnownTrial]

    @cached_property
    def num_trials(self) -> int:
        """How many trials the sweep asks for; no more than its space has."""
        search = self.sweep.search
        if not isinstance(search, HyperOpt):
            return len(self.wanted)
        return max(_num_configs(self.sweep, at_most=search.num_samples), len(self.wanted))

    def refreshed(self) -> PreparedSweep:
        """The same sweep against its ledger as it is now; that it isn't damaged has been seen before."""
        return _against_ledger(self.sweep, self.catalog, self.paths, check=False)

    def plan(self) -> Plan:
        """What is done and what isn't."""
        return make_plan(
            self.wanted, self.known, scheduler=scheduler_text(self.sweep), eval_sets_of=self._eval_sets_of()
        )

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
        """The trial that a config and a seed mean, with the data and code of this moment."""
        return _identify(self.catalog, config, seed, position)

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
            TrialRow(trial_id=trial.trial_id, config_id=trial.config_id, seed=trial.seed, position=trial.position)
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
    return _against_ledger(sweep, catalog, SweepPaths(workspace.results_dir, sweep.name), check=True)


def _against_ledger(sweep: Sweep, catalog: FolderCatalog, paths: SweepPaths, *, check: bool) -> PreparedSweep:
    known: Mapping[str, KnownTrial] = {}
    rows: list[Row] = []
    if has_ledger(paths.ledger):
        with LedgerReader(paths.ledger, check=check) as reader:
            known = reader.known_trials()
            rows = reader.trials() if isinstance(sweep.search, HyperOpt) else []
    points: list[KnownPoint] = []
    if isinstance(sweep.search, HyperOpt):
        points = list(_known_points(sweep, catalog, rows))
        wanted = [point.trial for point in points]
    else:
        pairs = [(config, seed) for config in sweep.configs() for seed in sweep.seeds]
        wanted = [_identify(catalog, config, seed, index) for index, (config, seed) in enumerate(pairs)]
    return PreparedSweep(sweep=sweep, catalog=catalog, paths=paths, wanted=wanted, points=points, known=known)


def scheduler_text(sweep: Sweep) -> str:
    """A scheduler's settings as the ledger knows them: rungs under other settings are other rungs."""
    scheduler = sweep.scheduler
    if not isinstance(scheduler, Asha):
        return "fifo"
    within = ",".join(scheduler.within)
    return (
        f"asha grace_period={scheduler.grace_period} reduction_factor={scheduler.reduction_factor}"
        f" within={within} metric={sweep.metric}"
    )


def searched_keys(sweep: Sweep) -> dict[str, Domain]:
    """What HyperOpt draws from; it takes exactly one mapping under `param_space`."""
    return {key: domain for key, domain in sweep.spaces[0].items() if not isinstance(domain, Scalar)}


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


def _identify(catalog: FolderCatalog, config: Config, seed: int, position: int) -> WantedTrial:
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
    )


def _num_configs(sweep: Sweep, *, at_most: int) -> int:
    """How many different configs the searched space has, counted up to `at_most`; that too if they are too many."""
    space = searched_keys(sweep)
    if not all(map(is_listed, space.values())):
        return at_most
    values = [listed_values(domain) for domain in space.values()]
    if math.prod(map(len, values)) > MAX_COUNTED_CONFIGS:
        return at_most
    configs: set[tuple[tuple[str, Scalar | None], ...]] = set()
    for combination in itertools.product(*values):
        if len(configs) >= at_most:
            break
        with suppress(ValueError):  # what can't be run is passed over by the search too
            configs.add(tuple(sweep.resolve(dict(zip(space, combination, strict=True))).to_flat().items()))
    return len(configs)


def _known_points(sweep: Sweep, catalog: FolderCatalog, rows: Sequence[Row]) -> Iterator[KnownPoint]:
    """The ledger's trials that lie in the space searched now, with today's data and code."""
    position = 0
    for row in sorted(rows, key=lambda row: (row["started_at"] or float("inf"), row["position"])):
        choice = _choice_of(searched_keys(sweep), row["config"])
        if choice is None or row["seed"] != sweep.seeds[0]:
            continue
        try:
            trial = _identify(catalog, sweep.resolve(choice), sweep.seeds[0], position)
        except ValueError:
            continue
        if trial.trial_id == row["trial_id"]:
            yield KnownPoint(choice=choice, trial=trial, score=_score_of(row, sweep.metric))
            position += 1


def _choice_of(space: Mapping[str, Domain], config: Mapping[str, Scalar]) -> dict[str, Scalar] | None:
    """Where a config lies in the space; None if outside. A key that its model doesn't take may be anything."""
    choice: dict[str, Scalar] = {}
    for key, domain in space.items():
        if key not in config and key.startswith("model."):
            choice[key] = listed_values(domain)[0]
        elif key in config and _contains(domain, config[key]):
            choice[key] = config[key]
        else:
            return None
    return choice


def _contains(domain: Domain, value: Scalar) -> bool:
    """Whether the search could draw it. Tune takes any number for a point of a range, inside or not."""
    if isinstance(domain, Choice | GridSearch):
        return value in domain.values
    if isinstance(domain, IntRange):
        return value in whole_numbers(domain)
    return not isinstance(value, str) and domain.lower <= value <= domain.upper


def _score_of(row: Row, metric: str) -> float | None:
    """What a search is told of a trial; None if it is still to be run, infinity if it diverged or has no number."""
    if row["status"] == "diverged":
        return math.inf
    if row["status"] not in ("finished", "stopped"):
        return None
    column = {"val_loss": "final_val_loss"}.get(metric, metric)
    if row[column] is None:
        return None
    return float(row[column]) if math.isfinite(row[column]) else math.inf
