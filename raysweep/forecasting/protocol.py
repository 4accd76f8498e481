"""How a series is split, scaled and scored: `holdout` and `replication`.

Pure index arithmetic over a series' length. Must not know: models, torch, files.

A *target* is a point that is forecast. A window of `time_steps` (T) points ends right before its next-point
target. Parts are ranges of targets: inputs may reach back over the border of a part, targets never do.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import numpy as np
import numpy.typing as npt

from raysweep.spec.config import ProtocolName

FloatArray = npt.NDArray[np.float64]
Part = Literal["val", "test", "all"]
Mode = Literal["batch", "regressive"]

# A new version means new identities: every config under the protocol is trained again. Raise it when, and
# only when, the same config and seed would give other losses (`tests/forecasting/test_golden.py` holds that).
PROTOCOL_VERSION: Mapping[ProtocolName, str] = {"holdout": "holdout-1", "replication": "replication-1"}
# Part of every `eval_set_hash`; raise it when the same forecasts would get other scores.
METRIC_VERSION = "1"

PART_FRACTION = Decimal("0.15")  # of the series, for validation and for testing under holdout
START_STRIDE = 10  # points between two starts of autoregressive forecasts under holdout
HORIZONS = (30, 120)  # steps ahead; the longest gives val_mse_regressive and test_mse_regressive
# A channel that moves by less than this share of its size doesn't move: rounding alone makes such differences.
FLAT_TOLERANCE = 16 * float(np.finfo(np.float64).eps)
REPLICATION_SPLIT_SEED = 42
REPLICATION_TRAIN_FRACTION = Decimal("0.8")


@dataclass(frozen=True)
class Borders:
    """Targets of the three parts under holdout, in time order: [0, train_end), [train_end, val_end), [val_end, end)."""

    train_end: int
    val_end: int
    end: int


@dataclass(frozen=True, kw_only=True)
class EvalSet:
    """What a score is taken over. Two scores can be compared if and only if their hashes are equal.

    Attributes:
        part: `val` or `test` under holdout, `all` under replication.
        mode: `batch`: one-step, every forecast sees the true past; `regressive`: forecasts are fed back.
        horizon: The most steps ahead that count.
        starts: (S,) index of the first point that each forecast gives.
        num_steps: (S,) how many points it gives; at most `horizon`.
        digest: `eval_set_hash`, over the targets, the starts, the scaling, the mode and the metric's version.
    """

    part: Part
    mode: Mode
    horizon: int
    starts: npt.NDArray[np.int64]
    num_steps: npt.NDArray[np.int64]
    digest: str


@dataclass(frozen=True)
class Scaler:
    """Shifts and scales each channel to mean 0 and (population) standard deviation 1.

    Attributes:
        mean: (C,) in the data's units.
        std: (C,) in the data's units.
    """

    mean: FloatArray
    std: FloatArray

    @classmethod
    def fit(cls, values: FloatArray) -> Scaler:
        """Fits on (N, C) values. Raises `ValueError` if there are none, or a channel is constant there."""
        flat = _flat_channels(values)
        if len(flat):
            raise ValueError(f"can't scale: {_flat_phrase(flat, len(values))}, on which the scaler is fitted")
        return cls(mean=values.mean(axis=0), std=values.std(axis=0))

    def transform(self, values: FloatArray) -> FloatArray:
        """From the data's units to scaled units; (..., C)."""
        return (values - self.mean) / self.std

    def inverse(self, scaled: FloatArray) -> FloatArray:
        """From scaled units to the data's units; (..., C)."""
        return scaled * self.std + self.mean


def holdout_borders(num_points: int, origin: float) -> Borders:
    """Borders at floor(fraction * n), in exact decimal arithmetic: 0.85 - 0.15 is 0.7 and nothing below it."""
    exact = Decimal(str(origin))

    def border(fraction: Decimal) -> int:
        return math.floor(fraction * num_points)

    return Borders(border(exact - PART_FRACTION), border(exact), border(exact + PART_FRACTION))


def num_train_windows(*, num_points: int, protocol: ProtocolName, origin: float | None, time_steps: int) -> int:
    """How many training windows a window of `time_steps` leaves; 0 or less if it doesn't fit."""
    if protocol == "replication":
        return math.floor(REPLICATION_TRAIN_FRACTION * (num_points - time_steps))
    assert origin is not None, "holdout has an origin"
    return holdout_borders(num_points, origin).train_end - time_steps


def fit_scaler(values: FloatArray, protocol: ProtocolName, origin: float | None) -> Scaler:
    """Fits on the training part under holdout, on the whole series under replication; values are (N, C)."""
    return Scaler.fit(values[: scaling_end(len(values), protocol, origin)])


def scaling_end(num_points: int, protocol: ProtocolName, origin: float | None) -> int:
    """The scaler is fitted on the points before this index."""
    if protocol == "replication":
        return num_points
    assert origin is not None, "holdout has an origin"
    return holdout_borders(num_points, origin).train_end


def why_unscalable(values: FloatArray, protocol: ProtocolName, origin: float | None, *, name: str) -> str | None:
    """Why (N, C) values can't be scaled, so neither trained on nor forecast; None if they can."""
    fitted_on = values[: scaling_end(len(values), protocol, origin)]
    flat = _flat_channels(fitted_on)
    if not len(flat):
        return None
    at = "" if origin is None else f" at split.origin {origin}"
    return f"{_flat_phrase(flat, len(fitted_on))} of {name}, on which it is scaled{at}"


def scored_parts(num_points: int, protocol: ProtocolName, origin: float | None, time_steps: int) -> dict[Part, range]:
    """The targets of every part that is scored. Under holdout they are the same for every `time_steps`."""
    if protocol == "replication":
        return {"all": range(min(time_steps, num_points), num_points)}
    assert origin is not None, "holdout has an origin"
    borders = holdout_borders(num_points, origin)
    return {"val": range(borders.train_end, borders.val_end), "test": range(borders.val_end, borders.end)}


def why_unscorable(part: Part, targets: range, *, name: str, time_steps: int) -> str | None:
    """Why a part can't be scored with this window, or None if it can."""
    if len(targets) == 0:
        return f"{name} has no point after the first window of {time_steps}"
    if targets.start < time_steps:
        return (
            f"the part {part} of {name} begins at point {targets.start}, before one window of {time_steps} has passed"
        )
    return None


def eval_sets(
    *,
    data_digest: str,
    num_points: int,
    protocol: ProtocolName,
    origin: float | None,
    time_steps: int,
) -> list[EvalSet]:
    """Everything that a forecaster is scored over on one series, parts that can't be scored included."""
    sets = []
    for part, targets in scored_parts(num_points, protocol, origin, time_steps).items():
        if protocol == "replication":
            # One forecast from the first window over all that follows, as the seed drew it.
            regressive = [(len(targets), np.array([targets.start]))]
        else:
            every_start = np.arange(targets.start, targets.stop, START_STRIDE)
            regressive = [(horizon, every_start) for horizon in HORIZONS]
        forecasts: list[tuple[Mode, int, npt.NDArray[np.int64]]] = [
            ("batch", 1, np.arange(targets.start, targets.stop)),
            *(("regressive", horizon, starts) for horizon, starts in regressive),
        ]
        for mode, horizon, starts in forecasts:
            num_steps = np.minimum(horizon, targets.stop - starts)
            digest = _digest(
                data=data_digest,
                scaled_on=[0, scaling_end(num_points, protocol, origin)],
                targets=[targets.start, targets.stop],
                starts=starts.tolist(),
                horizon=horizon,
                mode=mode,
                metric=METRIC_VERSION,
                protocol=protocol,
            )
            sets.append(
                EvalSet(part=part, mode=mode, horizon=horizon, starts=starts, num_steps=num_steps, digest=digest)
            )
    return sets


def longest_horizon(sets: Sequence[EvalSet]) -> int:
    """The horizon whose score stands for the whole autoregressive forecast."""
    return max(eval_set.horizon for eval_set in sets if eval_set.mode == "regressive")


def _flat_channels(values: FloatArray) -> npt.NDArray[np.intp]:
    """The channels of (N, C) values that no scale can be taken from; all of them where N is 0."""
    if not len(values):
        return np.arange(values.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):  # differences of 1e308: absurd, but no reason to fail
        spread, std = np.ptp(values, axis=0), values.std(axis=0)
        # A deviation of squares that underflow is 0 though the values differ.
        varies = (spread > FLAT_TOLERANCE * np.abs(values).max(axis=0)) & (std > 0)
    return np.flatnonzero(~varies)


def _flat_phrase(flat: npt.NDArray[np.intp], num_points: int) -> str:
    if num_points == 0:
        return "there is no point in the training part"
    channels = ", ".join(map(str, flat))
    return f"channel {channels} is constant over the first {num_points} point{'s' * (num_points > 1)}"


def _digest(**content: object) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
