"""Baselines that every score is read against: last value, mean of the training part, ridge autoregression.

numpy alone, in double precision; quick enough to run before every sweep. A forecast is a function from
(M, L, C) true pasts to (M, num_steps, C) in scaled units.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

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
from raysweep.forecasting.scores import Score, score_forecasts, with_skills
from raysweep.forecasting.series import Series
from raysweep.spec.config import ProtocolName

LAGS = (1, 2, 4, 8, 16, 32, 64, 128)
PENALTIES = (1e-6, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # times the number of training windows
MIN_RIDGE_WINDOWS = 16
# Beyond it the ridge is fitted through the normal equations: their memory doesn't grow with the series.
MAX_SVD_WINDOWS = 20_000
MAX_BLOCK_VALUES = 4_000_000  # of windows that are copied at once: 32 MB


@dataclass(frozen=True, kw_only=True)
class BaselineScore:
    """The score of one baseline on one evaluation set.

    Attributes:
        name: `last_value`, `train_mean`, `ridge`, or `noise_floor`, which is no forecast but a bound to read scores by.
        score: Its errors; only `mse` and `rmse` are set for the noise floor.
        settings: For people: the ridge's lags and penalty.
    """

    name: str
    score: Score
    settings: str = ""


@dataclass(frozen=True)
class Ridge:
    """Ridge regression of the next point on the last `lags` points of all channels, with an intercept.

    Attributes:
        lags: How many past points it sees.
        penalty: Times the number of training windows; 0 is plain least squares.
        coefficients: (lags * C + 1, C), the intercept last.
    """

    lags: int
    penalty: float
    coefficients: FloatArray

    def forecast(self, past: FloatArray, num_steps: int) -> FloatArray:
        """(M, L, C) pasts, L >= lags, to (M, num_steps, C) autoregressive forecasts."""
        num_starts, _, num_channels = past.shape
        path = np.concatenate([past[:, -self.lags :], np.zeros((num_starts, num_steps, num_channels))], axis=1)
        with np.errstate(over="ignore", invalid="ignore"):  # an unstable fit may explode; its score shows it
            for step in range(num_steps):
                inputs = path[:, step : step + self.lags].reshape(num_starts, -1)
                path[:, step + self.lags] = inputs @ self.coefficients[:-1] + self.coefficients[-1]
        return path[:, self.lags :]


def fit_ridges(scaled: FloatArray, lags: int, penalties: Sequence[float]) -> Iterator[Ridge]:
    """Fits on every window whose target lies in the (N, C) points given, one fit a penalty."""
    windows = np.lib.stride_tricks.sliding_window_view(scaled, lags, axis=0)[:-1]  # (n, C, lags)
    inputs = windows.transpose(0, 2, 1).reshape(len(windows), -1)
    targets = scaled[lags:]
    input_mean, target_mean = inputs.mean(axis=0), targets.mean(axis=0)
    # One decomposition serves every penalty (Hastie et al., Elements of Statistical Learning, 3.47).
    left, singular, right = np.linalg.svd(inputs - input_mean, full_matrices=False)
    projected = left.T @ (targets - target_mean)
    usable = singular > singular.max() * max(inputs.shape) * np.finfo(np.float64).eps
    for penalty in penalties:
        shrunk = np.where(usable, singular, 0.0) / (np.where(usable, singular, 1.0) ** 2 + penalty * len(inputs))
        slope = right.T @ (shrunk[:, None] * projected)
        yield Ridge(lags, penalty, np.vstack([slope, target_mean - input_mean @ slope]))


def score_baselines(
    series: Series, protocol: ProtocolName, origin: float | None, time_steps: int
) -> dict[str, list[BaselineScore]]:
    """All baselines on all evaluation sets of a series, by `eval_set_hash`.

    Under holdout the ridge's lags and penalty are chosen on the validation part, for one-step and autoregressive
    forecasts apart; under replication it is the least-squares fit on `time_steps` lags, in-sample like all there.
    """
    sets = [
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
    if not sets:
        return {}
    scaler = fit_scaler(series.values, protocol, origin)
    scaled = scaler.transform(series.values)
    scale = metrics.naive_scale(series.values[: scaling_end(len(series.values), protocol, origin)])
    ridges = _choose_ridges(scaled, scaler, sets, protocol, origin, time_steps)

    scores: dict[str, list[BaselineScore]] = {}
    for eval_set in sets:
        forecasts = {
            "last_value": (_repeat_last(scaled, eval_set), ""),
            "train_mean": (np.zeros_like(_repeat_last(scaled, eval_set)), ""),
        }
        if eval_set.mode in ridges:
            ridge = ridges[eval_set.mode]
            forecasts["ridge"] = (
                ridge.forecast(_pasts(scaled, eval_set, ridge.lags), eval_set.horizon),
                f"lags {ridge.lags}, penalty {ridge.penalty:g}",
            )
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
        forecast = ridge.forecast(_pasts(scaled, eval_set, ridge.lags), eval_set.horizon)
        ones = np.ones(scaled.shape[1])
        score = score_forecasts(scaler.inverse(scaled), scaler.inverse(forecast), eval_set, scale=ones).mse
        return score if np.isfinite(score) else np.inf

    return {mode: min(candidates, key=lambda ridge: error(ridge, eval_set)) for mode, eval_set in judged_on.items()}


def _pasts(scaled: FloatArray, eval_set: EvalSet, length: int) -> FloatArray:
    """The `length` true points before every start; (S, length, C)."""
    past: FloatArray = scaled[eval_set.starts[:, None] + np.arange(-length, 0)]
    return past


def _repeat_last(scaled: FloatArray, eval_set: EvalSet) -> FloatArray:
    """The point before every start, repeated over the horizon; (S, horizon, C)."""
    return np.repeat(_pasts(scaled, eval_set, 1), eval_set.horizon, axis=1)
