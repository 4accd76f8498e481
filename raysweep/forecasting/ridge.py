"""Ridge autoregression: the fit, for many penalties at once, and its forecasts.

numpy alone, in double precision, on scaled values. Must not know: series, protocols, scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from raysweep.forecasting.protocol import FloatArray

# Beyond it the ridge is fitted through the normal equations: their memory doesn't grow with the series.
MAX_SVD_WINDOWS = 20_000
MAX_BLOCK_VALUES = 4_000_000  # of windows that are copied at once: 32 MB


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
