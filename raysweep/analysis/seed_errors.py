"""The errors of configs on the test part, seed by seed, and the intervals that they give test scores.

Must not know: what is made of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from raysweep.analysis.claims import SEEDS_TO_CONFIRM, blocks_in_common, stacked_errors
from raysweep.analysis.intervals import score_intervals
from raysweep.analysis.membership import is_among
from raysweep.analysis.phases import scored_trials
from raysweep.analysis.resampling import LEAST_INDEPENDENT_BLOCKS, FloatArray, resample
from raysweep.analysis.tables import SweepTables
from raysweep.forecasting.protocol import Mode

NO_INTERVAL = (math.nan, math.nan)


def scored_seeds(tables: SweepTables, configs: set[str], mode: Mode) -> dict[str, pd.DataFrame]:
    """By config the seeds that its score is taken from: their test scores on its own series, at the longest horizon."""
    trials = scored_trials(tables.trials, configs)
    rows = tables.evaluations
    rows = rows[is_among(rows["trial_id"], trials["trial_id"]) & (rows["part"] == "test") & (rows["mode"] == mode)]
    rows = rows[rows["is_current"].astype("bool") & (rows["dataset"] == rows["eval_dataset"])]
    rows = rows.sort_values("horizon", kind="stable").drop_duplicates("trial_id", keep="last")
    return {str(config): seeds for config, seeds in rows.groupby("config_id")}


def intervals(configs: Sequence[str], seeds: Mapping[str, pd.DataFrame]) -> list[tuple[float, float]]:
    """95 % intervals of the test scores of configs of one contest; NaN where there is nothing to take one from.

    Args:
        configs: Which.
        seeds: From `scored_seeds`.
    """
    errors = {config: found for config in configs if (found := _errors_of(seeds.get(config))) is not None}
    shapes = {of_config.shape[1] for of_config in errors.values()}
    if len(shapes) != 1:
        return [NO_INTERVAL] * len(configs)
    (num_blocks,) = shapes
    first = seeds[next(iter(errors))].iloc[0]
    overlap = 1
    if first["mode"] == "regressive":
        overlap = blocks_in_common(int(first["horizon"]), int(first["num_targets"]), num_blocks)
    if num_blocks < LEAST_INDEPENDENT_BLOCKS * overlap:
        return [NO_INTERVAL] * len(configs)
    bounds = dict(zip(errors, score_intervals(resample(list(errors.values()), overlap=overlap)).tolist(), strict=True))
    return [tuple(bounds[config]) if config in bounds else NO_INTERVAL for config in configs]


def _errors_of(seeds: pd.DataFrame | None) -> FloatArray | None:
    """(seeds, B) of one config; None if it has too few seeds, or errors that say nothing."""
    if seeds is None or len(seeds) < SEEDS_TO_CONFIRM:
        return None
    return stacked_errors(seeds["block_errors"])
