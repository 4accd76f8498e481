"""Whether what a sweep still has to write fits on the disks it goes to; asked before anything is started."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache

from raysweep.errors import InputError, Problem
from raysweep.forecasting.model_size import ModelSize, count_models
from raysweep.forecasting.protocol import scored_parts, why_unscorable
from raysweep.forecasting.scores import MAX_BLOCKS
from raysweep.ledger.check import has_ledger
from raysweep.ledger.reader import LedgerReader
from raysweep.planning.plan import Need, Plan
from raysweep.planning.selection import Fold, fold_of
from raysweep.planning.space import Place, TrialSize, check_space, checkpoint_bytes, results_need, tracking_need
from raysweep.prepare import PreparedSweep, eval_sets_of
from raysweep.spec.config import Config, Scalar
from raysweep.spec.space import Domain, is_listed, listed_values
from raysweep.storage import Folder, LocalFolder
from raysweep.tracking.address import sqlite_file
from raysweep.tuning.ray_folders import OBJECT_STORE, own_temporary_folder, why_no_object_store

# If models of this size fit, nobody need know how large they are: counting takes as long as importing torch.
GENEROUS = ModelSize(num_params=100_000_000)
RAY_BYTES = 32 * 10**6  # logs and sockets of a session; with less, its first process hangs while it starts

_ModelKey = tuple[str, tuple[tuple[str, Scalar], ...], int]  # name, arguments, channels
_Work = list[tuple[Config, Need, str | None]]  # what will run; the trial's id where it is known


def check_space_for(prepared: PreparedSweep, plan: Plan, tracking_uri: str, *, num_jobs: int | None) -> None:
    """Raises `InputError` if the trials that are missing will write more than there is room for, or Ray can't start.

    Args:
        prepared: The sweep.
        plan: What is missing of it.
        tracking_uri: MLflow's; only a database file of its own counts.
        num_jobs: CPUs to use; None for all.
    """
    _check_object_store()
    num_slots = num_jobs or os.cpu_count() or 1
    generous = _sizes(prepared, _work(prepared, plan), lambda _: GENEROUS)
    try:
        check_space(_places(prepared, generous, tracking_uri, num_slots))
    except InputError:
        check_space(_places(prepared, missing_sizes(prepared, plan), tracking_uri, num_slots))


def _check_object_store() -> None:
    """Ray would take minutes to say that it can't be started, and not why."""
    if (error := why_no_object_store()) is None:
        return
    found = f"Ray can't make its object store there ({error.strerror})"
    valid = "bring it back, writable for you, as by `mount -t tmpfs tmpfs /dev/shm`; a container needs --shm-size"
    raise InputError([Problem(where=str(OBJECT_STORE), found=found, valid=valid)])


def missing_sizes(prepared: PreparedSweep, plan: Plan) -> list[TrialSize]:
    """How large the trials are that are missing of a sweep; takes as long as importing torch if that isn't known."""
    work = _work(prepared, plan)
    sizes = _model_sizes(prepared, [*work, *_candidates(prepared)])
    return _sizes(prepared, work, lambda config: sizes.get(_model_key(prepared, config)))


def _work(prepared: PreparedSweep, plan: Plan) -> _Work:
    known: _Work = [(Config.from_flat(trial.config), need, trial.trial_id) for trial, need in plan.todo]
    return [*known, *((config, "new", None) for config in _unproposed(prepared))]


def _candidates(prepared: PreparedSweep) -> _Work:
    """The configs of which some will be confirmed; nothing if they are chosen already, or none are to be."""
    if not prepared.num_to_choose:
        return []
    explored = {trial.config_id: Config.from_flat(trial.config) for trial in prepared.explored}
    return [(config, "new", None) for config in (*explored.values(), *_unproposed(prepared))]


def _sizes(prepared: PreparedSweep, work: _Work, model_size: Callable[[Config], ModelSize | None]) -> list[TrialSize]:
    """Of what will run, and of what will confirm it: in each fold as many as may be chosen, of the largest."""
    sizes, confirm = _trial_sizes(prepared, work, model_size), prepared.sweep.confirm
    if confirm is None:
        return sizes
    candidates = _candidates(prepared)
    by_fold: dict[Fold, list[TrialSize]] = {}
    for (config, _, _), size in zip(candidates, _trial_sizes(prepared, candidates, model_size), strict=True):
        by_fold.setdefault(fold_of(config.to_flat()), []).append(size)
    for found in by_fold.values():
        sizes += confirm.seeds * sorted(found, key=checkpoint_bytes, reverse=True)[: confirm.top]
    return sizes


def _places(prepared: PreparedSweep, trials: list[TrialSize], tracking_uri: str, num_slots: int) -> Iterator[Place]:
    need, paths = results_need(trials, num_slots), prepared.paths
    elsewhere = "name another disk with --results-dir"
    yield Place(folder=paths.root, need={name: need[name] for name in ("ledger", "tables")}, remedy=elsewhere)
    if prepared.sweep.storage_path is not None:
        elsewhere = "name another storage_path"
    for folder, name in ((prepared.storage.checkpoints, "checkpoints"), (prepared.storage.predictions, "forecasts")):
        if isinstance(folder, LocalFolder):  # an object store has room
            yield Place(folder=folder.path, need={name: need[name]}, remedy=elsewhere)
    database = sqlite_file(tracking_uri)
    if database is not None:
        yield Place(
            folder=database.parent,
            need={"MLflow": tracking_need(trials)},
            remedy="name another database with --tracking-uri",
        )
    temporary = own_temporary_folder()
    if temporary is not None:
        yield Place(folder=temporary, need={"Ray": RAY_BYTES}, remedy="name another folder with RAY_TMPDIR")


def _trial_sizes(
    prepared: PreparedSweep, work: _Work, model_size: Callable[[Config], ModelSize | None]
) -> list[TrialSize]:
    @cache
    def forecasts(name: str, origin: float | None, time_steps: int) -> tuple[int, int, int, int]:
        return _num_forecasts(prepared, name, origin, time_steps)

    sizes = []
    for config, need, trial_id in work:
        names = dict.fromkeys([config.dataset, *(prepared.sweep.evaluate_on or ())])
        counts = [forecasts(name, config.origin, config.train.time_steps) for name in names]
        is_trained = need != "score"
        sizes.append(
            TrialSize(
                model=model_size(config) if is_trained else None,
                num_epochs=_num_epochs(prepared, config) if is_trained else 0,
                num_points=sum(count[0] for count in counts),
                num_forecasts=sum(count[1] for count in counts),
                num_scores=sum(count[2] for count in counts),
                num_blocks=sum(count[3] for count in counts),
                num_bytes_there=_bytes_in(prepared.storage.folder_of(trial_id)) if trial_id else 0,
            )
        )
    return sizes


def _num_epochs(prepared: PreparedSweep, config: Config) -> int:
    if config.train.num_steps is None:
        return config.train.num_epochs or 0
    num_windows = prepared.catalog.num_train_windows(
        config.dataset, config.protocol, config.origin, config.train.time_steps
    )
    return math.ceil(config.train.num_steps / max(math.ceil(num_windows / config.train.batch_size), 1))


def _num_forecasts(
    prepared: PreparedSweep, name: str, origin: float | None, time_steps: int
) -> tuple[int, int, int, int]:
    """Points, forecasts, scores and blocks of errors of a trial on one series."""
    series, protocol = prepared.catalog.series(name), prepared.sweep.protocol
    num_points, num_channels = series.values.shape
    parts = scored_parts(num_points, protocol, origin, time_steps)
    sets = eval_sets_of(series, protocol, origin, time_steps)
    longest = {(one.part, one.mode): one for one in sorted(sets, key=lambda one: one.horizon)}
    points = forecasts = 0
    for one in longest.values():
        targets = parts[one.part]
        if why_unscorable(one.part, targets, name=name, time_steps=time_steps):
            continue
        points += len(targets)
        # The first autoregressive forecast is kept to the end of its part.
        to_end = len(targets) - int(one.num_steps[0]) if one.mode == "regressive" else 0
        forecasts += int(one.num_steps.sum()) + to_end
    blocks = sum(min(len(one.starts), MAX_BLOCKS) for one in sets)
    return points * num_channels, forecasts * num_channels, len(sets), blocks


def _bytes_in(folder: Folder) -> int:
    """What the files of a folder take; nothing if it can't be read, or is on no disk."""
    if not isinstance(folder, LocalFolder):
        return 0
    try:
        return sum(file.stat().st_size for file in folder.path.iterdir())
    except OSError:
        return 0


def _model_sizes(prepared: PreparedSweep, work: _Work) -> Mapping[_ModelKey, ModelSize]:
    """From trials of this sweep that have run, else counted. One that can't be built will fail and write nothing."""
    wanted = {_model_key(prepared, config) for config, need, _ in work if need != "score"}
    known = {key: size for key, size in _recorded_sizes(prepared).items() if key in wanted}
    unknown = sorted(wanted - set(known), key=repr)
    if unknown:
        models = [(name, dict(arguments), num_channels) for name, arguments, num_channels in unknown]
        counted = count_models(prepared.catalog.sources, models)
        known |= {key: size for key, size in zip(unknown, counted, strict=True) if size}
    return known


def _recorded_sizes(prepared: PreparedSweep) -> dict[_ModelKey, ModelSize]:
    if not has_ledger(prepared.paths.ledger):
        return {}
    wanted = {trial.trial_id: trial for trial in prepared.wanted}
    with LedgerReader(prepared.paths.ledger, check=False) as reader:
        counts = {row["trial_id"]: row["num_params"] for row in reader.trials() if row["num_params"]}
    return {
        _model_key(prepared, Config.from_flat(trial.config)): ModelSize(num_params=counts[trial_id])
        for trial_id, trial in wanted.items()
        if trial_id in counts
    }


def _model_key(prepared: PreparedSweep, config: Config) -> _ModelKey:
    num_channels = prepared.catalog.dataset(config.dataset).num_channels
    return config.model, tuple(sorted(config.model_arguments.items())), num_channels


def _unproposed(prepared: PreparedSweep) -> list[Config]:
    """Under HyperOpt: stand-ins for the trials that it will propose, with the largest values that it may."""
    count = prepared.num_explored - len(prepared.explored)
    if not count:
        return []
    space = prepared.searched_keys()
    samples = []
    for index in range(count):
        choice = {key: _sample(domain, index) for key, domain in space.items()}
        try:
            samples.append(prepared.sweep.resolve(choice))
        except ValueError:  # what can't be run is passed over by the search too
            continue
    return samples


def _sample(domain: Domain, index: int) -> Scalar:
    values = listed_values(domain)
    return values[index % len(values)] if is_listed(domain) else values[-1]
