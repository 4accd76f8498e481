"""What the seeds and starts of one contest allow to be said: intervals, which may be the best, which beat baselines.

All trials given are scored on the same evaluation sets. Must not know: sentences, how anything is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from raysweep.analysis.confidence_set import confidence_set
from raysweep.analysis.intervals import ratio_intervals, score_intervals
from raysweep.analysis.resampling import LEAST_INDEPENDENT_BLOCKS, FloatArray, Resamples, resample
from raysweep.analysis.views import View
from raysweep.forecasting.protocol import START_STRIDE

SEEDS_TO_CONFIRM = 5
MOST_COMPARED = 20
MOST_INTERVALS = 200

# Why there are no intervals: nobody has the seeds; scores that no part was kept from for it; errors that weren't
# kept; too short a part.
Lack = Literal["seeds", "in-sample", "errors", "blocks"]


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What may be said of the confirmed configs of one ranking.

    Attributes:
        rows: By `config_id`: `low` and `high` of the score; `is_best`, whether it may be the best;
            `against_baseline`, `better` or `worse` where it really differs from the best one.
        lack: Why there are no intervals, and so no claims; None if there are.
        num_confirmed: Configs with enough seeds and a score.
        num_compared: The best of them, of which claims are made.
        baseline: The best one's name; empty if none has a score.
        num_blocks: Of starts that errors were kept for.
        num_apart: How many of them have no target in common.
        block_length: How many were drawn together; 0 where none were.
    """

    rows: pd.DataFrame = field(default_factory=lambda: _no_rows())
    lack: Lack | None = "seeds"
    num_confirmed: int = 0
    num_compared: int = 0
    baseline: str = ""
    num_blocks: int = 0
    num_apart: int = 0
    block_length: int = 0


def claim(trials: pd.DataFrame, baselines: pd.DataFrame, view: View) -> Claims:
    """Compares the confirmed configs among these trials.

    Args:
        trials: Of one contest, with `is_scored` and the columns `<prefix>.mse`, ... of the view.
        baselines: From `standings.baseline_rows`.
        view: Which score selects.
    """
    confirmed = _confirmed(trials, view)
    if confirmed.empty:
        return Claims()
    claims = Claims(num_confirmed=len(confirmed), num_compared=min(len(confirmed), MOST_COMPARED))
    if not view.is_score_of_forecasts:
        return replace(claims, lack="in-sample")
    best = [str(name) for name in confirmed.index[:MOST_INTERVALS]]
    # Without claims nothing is known to be worse.
    tied = replace(claims, rows=_no_rows([str(name) for name in confirmed.index]).assign(is_best=True))
    errors = _errors_by_config(trials, best, view)
    if errors is None:
        return replace(tied, lack="errors")
    num_blocks = errors[best[0]].shape[1]
    overlap = _overlap(trials, num_blocks, view)
    apart = {"num_blocks": num_blocks, "num_apart": num_blocks // overlap}
    if num_blocks < LEAST_INDEPENDENT_BLOCKS * overlap:
        return replace(tied, lack="blocks", **apart)
    reference = _best_baseline(baselines, num_blocks, view)
    # Those that claims are made of stand first: how long a stretch is drawn together is theirs to say.
    leading, others = best[:MOST_COMPARED], best[MOST_COMPARED:]
    stacked = [errors[name] for name in leading] + list(reference.values()) + [errors[name] for name in others]
    resamples = resample(stacked, overlap=overlap, leading=len(leading) + len(reference))
    return replace(
        claims,
        rows=_rows(resamples, leading, others, has_baseline=bool(reference)),
        lack=None,
        baseline=next(iter(reference), ""),
        block_length=resamples.block_length,
        **apart,
    )


def _no_rows(configs: list[str] | None = None) -> pd.DataFrame:
    index = pd.Index(configs or [], name="config_id", dtype="str")
    return pd.DataFrame(
        {"low": math.nan, "high": math.nan, "is_best": False, "against_baseline": ""}, index=index
    ).astype({"low": "float64", "high": "float64", "is_best": "bool", "against_baseline": "str"})


def _confirmed(trials: pd.DataFrame, view: View) -> pd.Series:
    """The scores of configs that have enough seeds, none of which diverged or was stopped; best first."""
    scored = trials[trials["is_scored"]]
    by_config = scored.groupby("config_id")[view.score]
    means = by_config.mean()[by_config.size() >= SEEDS_TO_CONFIRM]
    # Where a scheduler stopped the worst seeds, those that are left are no random ones.
    picked = trials.loc[trials["status"].isin(["diverged", "stopped"]), "config_id"]
    means = means[~means.index.isin(picked)]
    # A seed whose score isn't a number is a result, but none that can be averaged.
    broken = scored.loc[~np.isfinite(scored[view.score].to_numpy(dtype=np.float64)), "config_id"]
    return means[~means.index.isin(broken)].sort_values(kind="stable")


def _errors_by_config(trials: pd.DataFrame, configs: list[str], view: View) -> dict[str, FloatArray] | None:
    """(seeds, B) of each; None where those of one say nothing, or where they aren't of the same blocks."""
    scored = trials[trials["is_scored"] & trials["config_id"].isin(configs)]
    errors: dict[str, FloatArray] = {}
    for name, of_config in scored.groupby("config_id")[f"{view.selecting}.block_errors"]:
        stacked = stacked_errors(of_config)
        if stacked is None:
            return None
        errors[str(name)] = stacked
    return errors if len({of_config.shape[1] for of_config in errors.values()}) == 1 else None


def stacked_errors(seeds: pd.Series) -> FloatArray | None:
    """The `block_errors` of a config's seeds as (seeds, B).

    None where some weren't kept, or give no mean that a logarithm can be taken of.
    """
    rows = [np.asarray(values, dtype=np.float64) for values in seeds if values is not None]
    if len(rows) < len(seeds) or len({values.shape for values in rows}) != 1 or rows[0].ndim != 1:
        return None
    errors = np.stack(rows)
    return errors if _can_be_drawn(errors) else None


def _can_be_drawn(errors: FloatArray) -> bool:
    """Whether (seeds, B) errors have means that a logarithm can be taken of."""
    return bool(np.isfinite(errors).all() and (errors.mean(axis=1) > 0).all())


def _overlap(trials: pd.DataFrame, num_blocks: int, view: View) -> int:
    """How many blocks in a row have targets in common."""
    if view.mode != "regressive":
        return 1
    scored = trials[trials["is_scored"]].iloc[0]
    horizon, num_targets = int(scored[f"{view.selecting}.horizon"]), int(scored[f"{view.selecting}.num_targets"])
    return blocks_in_common(horizon, num_targets, num_blocks)


def blocks_in_common(horizon: int, num_targets: int, num_blocks: int) -> int:
    """How many blocks in a row of autoregressive errors have targets in common, and so aren't independent.

    Args:
        horizon: Steps ahead.
        num_targets: Over all starts.
        num_blocks: That the starts were put into.
    """
    starts_in_common = math.ceil(horizon / START_STRIDE)
    # Near the end of the part a start has fewer targets than the horizon: half of it in the mean, over as many starts.
    num_starts = num_targets / horizon + starts_in_common / 2
    starts_in_block = max(1.0, num_starts / num_blocks)
    return 1 + math.ceil((starts_in_common - 1) / starts_in_block)


def _best_baseline(baselines: pd.DataFrame, num_blocks: int, view: View) -> Mapping[str, FloatArray]:
    """The best one's name and (1, B) errors; empty where they weren't kept."""
    scores = baselines[view.score].dropna().sort_values()
    if scores.empty:
        return {}
    row = baselines.loc[scores.index[0]]
    values = row[f"{view.selecting}.block_errors"]
    if values is None or np.ndim(values) != 1 or len(values) != num_blocks:
        return {}
    errors = np.asarray(values, dtype=np.float64)[None]
    return {str(row["model"]): errors} if _can_be_drawn(errors) else {}


def _rows(resamples: Resamples, leading: list[str], others: list[str], *, has_baseline: bool) -> pd.DataFrame:
    place_of_baseline = len(leading)
    found = score_intervals(resamples)
    if has_baseline:
        found = np.delete(found, place_of_baseline, axis=0)
    rows = _no_rows([*leading, *others]).assign(low=found[:, 0], high=found[:, 1])
    rows.loc[leading, "is_best"] = confidence_set(resamples.of(np.arange(len(leading))))
    if has_baseline:
        ratios = ratio_intervals(resamples.of(np.arange(len(leading) + 1)), reference=place_of_baseline)[:-1]
        words = np.select([ratios[:, 1] < 1, ratios[:, 0] > 1], ["better", "worse"], default="")
        rows.loc[leading, "against_baseline"] = words
    return rows
