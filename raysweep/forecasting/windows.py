"""Training and validation windows of one series, on the device where they are used.

Shapes: N points, T time steps, C channels, B windows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from raysweep.forecasting.protocol import (
    REPLICATION_SPLIT_SEED,
    REPLICATION_TRAIN_FRACTION,
    FloatArray,
    Scaler,
    fit_scaler,
    holdout_borders,
)
from raysweep.spec.config import Config


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """A series as its protocol lets a model see it.

    Attributes:
        scaled: (N, C) the series in scaled units, float32.
        scaler: Back to the data's units.
        train_starts: (n,) first input point of every training window.
        val_starts: (m,) first input point of every validation window.
        is_shuffled: Whether the training windows are shuffled anew in every epoch.
    """

    scaled: Tensor
    scaler: Scaler
    train_starts: Tensor
    val_starts: Tensor
    is_shuffled: bool


def prepare(config: Config, values: FloatArray, device: torch.device) -> TrainingData:
    """Splits and scales (N, C) values as the config's protocol says."""
    scaler = fit_scaler(values, config.protocol, config.origin)
    time_steps = config.train.time_steps
    if config.protocol == "replication":
        num_windows = len(values) - time_steps
        permutation = torch.randperm(num_windows, generator=torch.Generator().manual_seed(REPLICATION_SPLIT_SEED))
        num_train = math.floor(REPLICATION_TRAIN_FRACTION * num_windows)
        train_starts, val_starts = permutation[:num_train], permutation[num_train:]
    else:
        assert config.origin is not None, "holdout has an origin"
        borders = holdout_borders(len(values), config.origin)
        train_starts = torch.arange(borders.train_end - time_steps)
        val_starts = torch.arange(borders.train_end - time_steps, borders.val_end - time_steps)
    return TrainingData(
        scaled=to_scaled(values, scaler, device),
        scaler=scaler,
        train_starts=train_starts.to(device),
        val_starts=val_starts.to(device),
        is_shuffled=config.protocol == "holdout",
    )


def to_scaled(values: FloatArray, scaler: Scaler, device: torch.device) -> Tensor:
    """(N, C) values in the data's units to float32 in scaled units; scaled in double precision."""
    return torch.from_numpy(scaler.transform(values)).to(device=device, dtype=torch.float32)


def take_windows(scaled: Tensor, starts: Tensor, length: int) -> Tensor:
    """(B,) starts to (B, length, C) windows of (N, C)."""
    return scaled[starts[:, None] + torch.arange(length, device=scaled.device)]
