"""Scores, as plain numpy functions in the data's units. Must not know: how a forecast was made.

`actual` and `predicted` are (M, C): M forecast points of C channels. Every score is a mean over all points and
channels; none is dropped, and NaN or infinity in a forecast shows in its score.
"""

from __future__ import annotations

import numpy as np

from raysweep.forecasting.protocol import FloatArray


def mse(actual: FloatArray, predicted: FloatArray) -> float:
    """Mean squared error, in squared units."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.mean((predicted - actual) ** 2))


def rmse(actual: FloatArray, predicted: FloatArray) -> float:
    """Root of the mean squared error, in units."""
    return float(np.sqrt(mse(actual, predicted)))


def mae(actual: FloatArray, predicted: FloatArray) -> float:
    """Mean absolute error, in units."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.mean(np.abs(predicted - actual)))


def mase(actual: FloatArray, predicted: FloatArray, scale: FloatArray) -> float:
    """Mean absolute scaled error (Hyndman and Koehler, 2006); `scale` is (C,) from `naive_scale`."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.mean(np.abs(predicted - actual) / scale))


def naive_scale(train: FloatArray) -> FloatArray:
    """Mean absolute difference of neighbouring training points, (N, C) to (C,): what last value errs by there."""
    return np.asarray(np.mean(np.abs(np.diff(train, axis=0)), axis=0), dtype=np.float64)


def skill(score: float, reference: float) -> float:
    """1 - mse / mse of the baseline: 1 is perfect, 0 no better than the baseline, below 0 worse. NaN if it's exact."""
    return 1.0 - score / reference if reference > 0 else float("nan")


def noise_floor(values: FloatArray) -> float:
    """Estimated variance of the measurement noise from second differences, (N, C), in squared units.

    For a smooth signal with independent noise of variance s2, x[i-1] - 2 x[i] + x[i+1] has variance 6 s2, and no
    one-step forecaster can be expected to have a lower MSE. For one that alternates quickly the estimate is far too
    high. NaN for fewer than three points.
    """
    if len(values) < 3:
        return float("nan")
    return float(np.mean(np.diff(values, n=2, axis=0) ** 2) / 6.0)
