"""Baselines that every score is read against: last value, mean of the training part, ridge autoregression.

numpy alone, in double precision; quick enough to run before every sweep. A forecast is a function from
(M, L, C) true pasts to (M, num_steps, C) in scaled units.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from raysweep.forecasting.scores import Score, score_forecasts, with_skills
from raysweep.forecasting.series import Series
from raysweep.spec.config import ProtocolName

LAGS = (1, 2, 4, 8, 16, 32, 64, 128)
PENALTIES = (1e-6, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # times the number of training windows
MIN_RIDGE_WINDOWS = 16
CARRIED_RIDGE = "ridge_from_"  # and the name of the series that it was fitted on
# Beyond it the ridge is fitted through the normal equations: their memory doesn't grow with the series.
MAX_SVD_WINDOWS = 20_000
MAX_BLOCK_VALUES = 4_000_000  # of windows that are copied at once: 32 MB


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
    windows = np.lib.stride_tricks.sliding_window_view(scaled, lags, axis=0)[:-1].transpose(0, 2, 1)  # (n, lags, C)
    targets = scaled[lags:]
    decompose = _decompose if len(windows) <= MAX_SVD_WINDOWS else _decompose_in_blocks
    parts = decompose(windows, targets)
    for penalty in penalties:
        yield parts.ridge(lags, penalty)


@dataclass(frozen=True, kw_only=True)
class _Decomposition:
    """What one decomposition of n windows gives: it serves every penalty.

    See Hastie et al., Elements of Statistical Learning, 3.47. K is the number of singular values.

    Attributes:
        num_windows: n.
        input_mean: (lags * C,).
        target_mean: (C,).
        singular: (K,) singular values of the centred inputs, those that are rounding alone as 0.
        right: (K, lags * C) the right singular vectors.
        projected: (K, C) the centred targets on the left singular vectors.
    """

    num_windows: int
    input_mean: FloatArray
    target_mean: FloatArray
    singular: FloatArray
    right: FloatArray
    projected: FloatArray

    def ridge(self, lags: int, penalty: float) -> Ridge:
        """The fit with one penalty."""
        usable = self.singular > 0
        shrunk = self.singular / (np.where(usable, self.singular, 1.0) ** 2 + penalty * self.num_windows)
        slope = self.right.T @ (shrunk[:, None] * self.projected)
        return Ridge(lags, penalty, np.vstack([slope, self.target_mean - self.input_mean @ slope]))


def _decompose(windows: FloatArray, targets: FloatArray) -> _Decomposition:
    """By a singular value decomposition of all (n, lags, C) windows: exact, in memory that grows with n."""
    inputs = windows.reshape(len(windows), -1)
    input_mean, target_mean = inputs.mean(axis=0), targets.mean(axis=0)
    left, singular, right = np.linalg.svd(inputs - input_mean, full_matrices=False)
    usable = singular > singular.max() * max(inputs.shape) * np.finfo(np.float64).eps
    return _Decomposition(
        num_windows=len(windows),
        input_mean=input_mean,
        target_mean=target_mean,
        singular=np.where(usable, singular, 0.0),
        right=right,
        projected=left.T @ (targets - target_mean),
    )


def _decompose_in_blocks(windows: FloatArray, targets: FloatArray) -> _Decomposition:
    """By the eigenvalues of the (n, lags, C) windows' products, summed block by block."""
    num_inputs = windows.shape[1] * windows.shape[2]
    input_mean, target_mean = windows.mean(axis=0).reshape(-1), targets.mean(axis=0)
    products = np.zeros((num_inputs, num_inputs))
    with_targets = np.zeros((num_inputs, targets.shape[1]))
    size = max(1, MAX_BLOCK_VALUES // num_inputs)
    for start in range(0, len(windows), size):
        centred = windows[start : start + size].reshape(-1, num_inputs) - input_mean
        products += centred.T @ centred
        with_targets += centred.T @ (targets[start : start + size] - target_mean)
    squares, vectors = np.linalg.eigh(products)
    usable = squares > squares.max() * max(len(windows), num_inputs) * np.finfo(np.float64).eps
    singular = np.sqrt(np.where(usable, squares, 0.0))
    return _Decomposition(
        num_windows=len(windows),
        input_mean=input_mean,
        target_mean=target_mean,
        singular=singular,
        right=vectors.T,
        projected=(vectors.T @ with_targets) / np.where(usable, singular, 1.0)[:, None],
    )


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
