"""Baselines that every score is read against: last value, mean of the training part, ridge autoregression.

numpy alone, in double precision; quick enough to run before every sweep. A forecast is a function from
(M, L, C) true pasts to (M, num_steps, C) in scaled units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from raysweep.forecasting import metrics
from raysweep.forecasting.protocol import (
    EvalSet,
    FloatArray,
    Mode,
    Scaler,
    eval_sets,
    fit_scaler,
    holdout_borders,
    longest_horizon,
    scaling_end,
    why_unscalable,
    why_unscorable,
)
from raysweep.forecasting.ridge import MAX_BLOCK_VALUES, Ridge, fit_ridges
from raysweep.forecasting.scores import Score, score_forecasts, with_skills
from raysweep.forecasting.series import Series
from raysweep.spec.config import ProtocolName

LAGS = (1, 2, 4, 8, 16, 32, 64, 128)
PENALTIES = (1e-6, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # times the number of training windows
MIN_RIDGE_WINDOWS = 16
CARRIED_RIDGE = "ridge_from_"  # and the name of the series that it was fitted on


@dataclass(frozen=True, kw_only=True)
class BaselineScore:
    """The score of one baseline on one evaluation set.

    Attributes:
        name: `last_value`, `train_mean`, `ridge`, `ridge_from_<series>` for one that was fitted on another series, or
            `noise_floor`, which is no forecast but a bound to read scores by.
        score: Its errors; only `mse` and `rmse` are set for the noise floor.
        settings: For people: the ridge's lags and penalty.
    """

    name: str
    score: Score
    settings: str = ""


def score_baselines(
    series: Series,
    protocol: ProtocolName,
    origin: float | None,
    time_steps: int,
    *,
    ridges: Mapping[Mode, Ridge] | None = None,
    carried: Mapping[str, Mapping[Mode, Ridge]] | None = None,
) -> dict[str, list[BaselineScore]]:
    """All baselines on all evaluation sets of a series, by `eval_set_hash`.

    A series that can't be scaled has none.

    Args:
        series: What is forecast.
        protocol: How it is split, scaled and scored.
        origin: Under holdout, where the test part begins.
        time_steps: Under replication, the window.
        ridges: Of `fit_home_ridges` with the same arguments, where they are known already.
        carried: The ridges of other series, by name. They see the series scaled as models do that were trained
            elsewhere: by its own training part. Where a part begins before their lags have passed, they have no score.
    """
    sets = _scorable_sets(series, protocol, origin, time_steps)
    if not sets:
        return {}
    if ridges is None:
        ridges = fit_home_ridges(series, protocol, origin, time_steps)
    scaler = fit_scaler(series.values, protocol, origin)
    scaled = scaler.transform(series.values)
    scale = metrics.naive_scale(series.values[: scaling_end(len(series.values), protocol, origin)])
    named = {"ridge": ridges, **{f"{CARRIED_RIDGE}{name}": found for name, found in (carried or {}).items()}}

    scores: dict[str, list[BaselineScore]] = {}
    for eval_set in sets:
        forecasts = {
            "last_value": (_repeat_last(scaled, eval_set), ""),
            "train_mean": (np.zeros_like(_repeat_last(scaled, eval_set)), ""),
        }
        for name, by_mode in named.items():
            ridge = by_mode.get(eval_set.mode)
            if ridge is not None and ridge.lags <= eval_set.starts[0]:
                settings = f"lags {ridge.lags}, penalty {ridge.penalty:g}"
                forecasts[name] = (_forecast(ridge, scaled, eval_set), settings)
        errors = {
            name: score_forecasts(series.values, scaler.inverse(forecast), eval_set, scale=scale)
            for name, (forecast, _) in forecasts.items()
        }
        references = {name: score.mse for name, score in errors.items()}
        scores[eval_set.digest] = [
            BaselineScore(name=name, score=with_skills(errors[name], references), settings=settings)
            for name, (_, settings) in forecasts.items()
        ]
        if eval_set.mode == "batch":
            floor = metrics.noise_floor(series.values[eval_set.starts])
            scores[eval_set.digest].append(BaselineScore(name="noise_floor", score=Score.of_variance(floor, eval_set)))
    return scores


def fit_home_ridges(
    series: Series, protocol: ProtocolName, origin: float | None, time_steps: int
) -> Mapping[Mode, Ridge]:
    """The ridge of a series for each mode; empty where it can't be fitted.

    Under holdout lags and penalty are chosen on the validation part, for one-step and autoregressive forecasts apart;
    under replication it is the least-squares fit on `time_steps` lags, in-sample like all there.
    """
    sets = _scorable_sets(series, protocol, origin, time_steps)
    if not sets:
        return {}
    scaler = fit_scaler(series.values, protocol, origin)
    return _choose_ridges(scaler.transform(series.values), scaler, sets, protocol, origin, time_steps)


def _scorable_sets(series: Series, protocol: ProtocolName, origin: float | None, time_steps: int) -> list[EvalSet]:
    """What baselines can be scored on; nothing of a series that can't be scaled."""
    if why_unscalable(series.values, protocol, origin, name=series.name):
        return []
    return [
        eval_set
        for eval_set in eval_sets(
            data_digest=series.digest,
            num_points=len(series.values),
            protocol=protocol,
            origin=origin,
            time_steps=time_steps,
        )
        if len(eval_set.starts)
        and not why_unscorable(
            eval_set.part,
            range(int(eval_set.starts[0]), len(series.values)),
            name=series.name,
            time_steps=time_steps if protocol == "replication" else 1,
        )
    ]


def _choose_ridges(
    scaled: FloatArray,
    scaler: Scaler,
    sets: Sequence[EvalSet],
    protocol: ProtocolName,
    origin: float | None,
    time_steps: int,
) -> Mapping[Mode, Ridge]:
    """The ridge for each mode: least squares under replication, chosen on validation under holdout."""
    if protocol == "replication":
        ridge = next(fit_ridges(scaled, time_steps, [0.0]))
        return {"batch": ridge, "regressive": ridge}
    assert origin is not None, "holdout has an origin"
    train_end = holdout_borders(len(scaled), origin).train_end
    candidates = [
        ridge
        for lags in LAGS
        if train_end - lags >= MIN_RIDGE_WINDOWS
        for ridge in fit_ridges(scaled[:train_end], lags, PENALTIES)
    ]
    validation = [eval_set for eval_set in sets if eval_set.part == "val"]
    if not candidates or not validation:
        return {}
    judged_on = {
        eval_set.mode: eval_set
        for eval_set in validation
        if eval_set.mode == "batch" or eval_set.horizon == longest_horizon(sets)
    }

    def error(ridge: Ridge, eval_set: EvalSet) -> float:
        forecast = _forecast(ridge, scaled, eval_set)
        ones = np.ones(scaled.shape[1])
        score = score_forecasts(scaler.inverse(scaled), scaler.inverse(forecast), eval_set, scale=ones).mse
        return score if np.isfinite(score) else np.inf

    return {mode: min(candidates, key=lambda ridge: error(ridge, eval_set)) for mode, eval_set in judged_on.items()}


def _forecast(ridge: Ridge, scaled: FloatArray, eval_set: EvalSet) -> FloatArray:
    """A ridge's forecasts from every start, made in blocks; (S, horizon, C)."""
    size = max(1, MAX_BLOCK_VALUES // ((ridge.lags + eval_set.horizon) * scaled.shape[1]))
    blocks = [eval_set.starts[start : start + size] for start in range(0, len(eval_set.starts), size)]
    return np.concatenate([ridge.forecast(_pasts(scaled, block, ridge.lags), eval_set.horizon) for block in blocks])


def _pasts(scaled: FloatArray, starts: npt.NDArray[np.int64], length: int) -> FloatArray:
    """The `length` true points before each of (S,) starts; (S, length, C)."""
    past: FloatArray = scaled[starts[:, None] + np.arange(-length, 0)]
    return past


def _repeat_last(scaled: FloatArray, eval_set: EvalSet) -> FloatArray:
    """The point before every start, repeated over the horizon; (S, horizon, C)."""
    return np.repeat(_pasts(scaled, eval_set.starts, 1), eval_set.horizon, axis=1)
