"""Tables of made-up sweeps with planted effects, without a ledger: thousands of trials in a moment.

They have the columns that `export` writes; `test_questions_on_a_ledger.py` asks the same questions of real ledgers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from raysweep.analysis.columns import CONFIG_KEYS, EVALUATIONS, TRIAL_HEAD, TRIAL_TAIL
from raysweep.analysis.leaderboard import leaderboards_of
from raysweep.analysis.ranking import rank
from raysweep.analysis.result_table import ResultTable
from raysweep.analysis.tables import SweepTables

Config = Mapping[str, Any]
BASELINES = {"last_value": 400.0, "train_mean": 900.0, "ridge": 100.0}
WINDOW, RATE, ORIGIN = "train.time_steps", "train.learning_rate", "split.origin"
DEFAULTS: Config = {"model": "att", "dataset": "y_w", WINDOW: 64, RATE: 1e-3, ORIGIN: 0.85, "train.batch_size": 64}
PLACES = [("val", "batch", 1), ("test", "batch", 1), ("val", "regressive", 120), ("test", "regressive", 120)]


def grid(**values: Iterable[Any]) -> list[dict[str, Any]]:
    """All combinations; keys are written with `__` for a dot."""
    names = [name.replace("__", ".") for name in values]
    return [dict(zip(names, combination, strict=True)) for combination in itertools.product(*values.values())]


def make_tables(
    configs: Iterable[Config],
    error: Callable[[Config], float],
    *,
    seeds: int = 1,
    noise: float = 0.0,
    status: Callable[[Config], str] = lambda config: "finished",
    evaluate_on: Iterable[str] = (),
    away: Callable[[Config, str], float | None] = lambda config, series: 100.0,
) -> SweepTables:
    """The tables of finished trials whose errors are `error(config)`, times a log-normal noise.

    Args:
        configs: Keys that are left out have defaults.
        error: One-step validation; on the test part it is 10 % higher, and autoregressive twice as high.
        seeds: Of each config.
        noise: Standard deviation of the noise of the log error.
        status: How the trials of a config end.
        evaluate_on: Other series that are forecast.
        away: The error there; None where the series is too short.
    """
    generator = np.random.default_rng(0)
    trials, evaluations = [], []
    for number, given in enumerate(configs):
        config = {**DEFAULTS, **given}
        for seed in range(seeds):
            mse = error(config) * float(np.exp(noise * generator.normal()))
            trial = _trial(config, f"config-{number}", seed, status(config), mse)
            trials.append(trial)
            if trial["status"] == "finished":
                evaluations += _scores(trial, {config["dataset"]: mse})
                others = [name for name in evaluate_on if name != config["dataset"]]
                evaluations += _scores(trial, {name: away(config, name) for name in others})
    contests = {(trial["dataset"], trial[ORIGIN]) for trial in trials}
    names = {dataset for dataset, _ in contests} | set(evaluate_on)
    evaluations += [
        row for name in sorted(names) for origin in {o for _, o in contests} for row in _references(name, origin)
    ]
    return SweepTables(
        trials=_frame(trials, {**TRIAL_HEAD, **CONFIG_KEYS, **TRIAL_TAIL}), evaluations=_frame(evaluations, EVALUATIONS)
    )


def with_block_errors(tables: SweepTables, num_blocks: int) -> SweepTables:
    """Of trials: blocks that vary around the score."""
    shape = np.random.default_rng(0).exponential(size=num_blocks)
    rows = tables.evaluations
    errors = [
        mse * shape / shape.mean() if kind == "trial" else None for kind, mse in zip(rows.kind, rows.mse, strict=True)
    ]
    return replace(tables, evaluations=rows.assign(block_errors=pd.Series(errors, index=rows.index, dtype="object")))


def with_phases(tables: SweepTables, confirmed: Collection[str], excess: float = 1.15) -> SweepTables:
    """Seed 0 of all configs explored; the other seeds of `confirmed` fresh, with errors `excess` times as high."""
    trials, scores = tables.trials, tables.evaluations
    is_kept = (trials["seed"] == 0) | trials["config_id"].isin(confirmed)
    trials = trials[is_kept].assign(phase=trials["seed"].map(lambda seed: "explore" if seed == 0 else "confirm"))
    scores = scores[(scores["kind"] != "trial") | scores["trial_id"].isin(trials["trial_id"])].copy()
    scores.loc[(scores["kind"] == "trial") & (scores["seed"] > 0), "mse"] *= excess
    return SweepTables(trials=trials, evaluations=scores)


def leaderboards(tables: SweepTables) -> list[ResultTable]:
    return leaderboards_of(rank(tables), has_many_sweeps=False)


def ridge_rows(fitted_on: str, forecast: str, mse: float, origin: float = 0.85) -> pd.DataFrame:
    """The rows of a ridge that was carried over."""
    rows = [_evaluation("baseline", f"ridge_from_{fitted_on}", forecast, origin, place, mse) for place in PLACES]
    return _frame(rows, EVALUATIONS)


def _trial(config: Config, config_id: str, seed: int, status: str, mse: float) -> dict[str, Any]:
    windows = 1300 - config[WINDOW]
    return {
        **config,
        "trial_id": f"{config_id}-{seed}",
        "config_id": config_id,
        "sweep": "made",
        "seed": seed,
        "status": status,
        "epochs": 10,
        "num_steps": 10 * (windows // config["train.batch_size"]),
        "num_train_windows": windows,
        "num_params": 1000,
        "train_seconds": config[WINDOW] / 20,
        "val_mse_batch": mse,
        "data_digest": f"data of {config['dataset']}",
        "data_source": "original",
        "is_current": True,
        "protocol": "holdout",
    }


def _scores(trial: Mapping[str, Any], errors: Mapping[str, float | None]) -> list[dict[str, Any]]:
    rows = []
    for series, mse in errors.items():
        for place in PLACES:
            part, mode, _ = place
            scaled = (
                None if mse is None else mse * (1.1 if part == "test" else 1.0) * (2 if mode == "regressive" else 1)
            )
            row = _evaluation("trial", trial["model"], series, trial[ORIGIN], place, scaled)
            names = ("trial_id", "config_id", "dataset", "seed")
            rows.append({**row, **{name: trial[name] for name in names}, "time_steps": trial[WINDOW]})
    return rows


def _references(series: str, origin: float) -> list[dict[str, Any]]:
    rows = [
        _evaluation("baseline", name, series, origin, place, mse) for name, mse in BASELINES.items() for place in PLACES
    ]
    floors = [place for place in PLACES if place[1] == "batch"]
    return rows + [_evaluation("noise_floor", "noise_floor", series, origin, place, 16.0) for place in floors]


def _evaluation(
    kind: str, model: str, series: str, origin: float, place: tuple[str, str, int], mse: float | None
) -> dict[str, Any]:
    part, mode, horizon = place
    skills = (
        {}
        if mse is None
        else {
            "skill_last": 1 - mse / BASELINES["last_value"],
            "skill_mean": 1 - mse / BASELINES["train_mean"],
            "skill_ridge": 1 - mse / BASELINES["ridge"],
        }
    )
    return {
        "sweep": "made",
        "kind": kind,
        "model": model,
        "eval_dataset": series,
        "protocol": "holdout",
        "part": part,
        "mode": mode,
        "horizon": horizon,
        "mse": mse,
        **skills,
        "num_targets": 0 if mse is None else 150,
        "reason": f"{series} is too short" if mse is None else None,
        "eval_set_hash": f"{series} {origin} {part} {mode} {horizon}",
        ORIGIN: origin,
        "data_source": "original",
        "is_current": True,
    }


def _frame(rows: list[dict[str, Any]], columns: Mapping[str, pa.DataType]) -> pd.DataFrame:
    extra = sorted({name for row in rows for name in row} - set(columns))
    frame = pd.DataFrame(rows, columns=[*columns, *extra])
    types = {pa.string(): "str", pa.int64(): "Int64", pa.bool_(): "boolean"}
    return frame.astype({name: types[kind] for name, kind in columns.items() if kind in types})
