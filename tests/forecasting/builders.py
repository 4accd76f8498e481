"""Small series and models for tests of training and scoring."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from raysweep.forecasting.series import Series, series_digest
from raysweep.spec.config import Config, ProtocolName, TrainSettings


def make_series(values: np.ndarray, name: str = "made") -> Series:
    """(N,) or (N, C) values, a point every 2 minutes."""
    values = np.asarray(values, dtype=np.float64).reshape(len(values), -1)
    hours = np.arange(len(values)) / 30.0
    return Series(
        name=name,
        time_hours=hours,
        values=values,
        columns=tuple(f"channel_{index}" for index in range(values.shape[1])),
        unit="ppm",
        digest=series_digest(hours, values),
        source="file",
        file=f"{name}.csv",
        notices=(),
    )


def noisy_wave(num_points: int = 400, num_channels: int = 1, seed: int = 0) -> np.ndarray:
    """(N, C): a slow wave with noise."""
    generator = np.random.default_rng(seed)
    phase = np.arange(num_points)[:, None] / 25.0 + np.arange(num_channels)
    return 100.0 + 20.0 * np.sin(phase) + generator.normal(0.0, 2.0, (num_points, num_channels))


def make_config(
    *,
    protocol: ProtocolName = "holdout",
    time_steps: int = 16,
    num_epochs: int | None = 3,
    num_steps: int | None = None,
    batch_size: int = 32,
    learning_rate: float = 3e-3,
    is_align_target: bool = True,
    model: str = "att",
    origin: float = 0.85,
) -> Config:
    """A config of small size."""
    return Config(
        protocol=protocol,
        model=model,
        model_arguments={},
        dataset="made",
        train=TrainSettings(
            time_steps=time_steps,
            learning_rate=learning_rate,
            batch_size=batch_size,
            num_epochs=num_epochs,
            num_steps=num_steps,
            is_align_target=is_align_target,
        ),
        origin=origin if protocol == "holdout" else None,
    )


class Repeat(nn.Module):
    """Forecasts every next point as the last one: what the baseline `last_value` does, as a model."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) to (B, T, C)."""
        return x


class Causal(nn.Module):
    """A small trainable model whose output at t sees inputs up to t."""

    def __init__(self, num_channels: int = 1, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.kernel = nn.Parameter(torch.randn(num_channels, num_channels, 4, generator=generator) * 0.3)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) to (B, T, C)."""
        padded = nn.functional.pad(x.transpose(1, 2), (3, 0))
        return nn.functional.conv1d(padded, self.kernel).transpose(1, 2)
