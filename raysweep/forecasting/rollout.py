"""Forecasts of a trained model, one-step and autoregressive. All tensors are in scaled units."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from raysweep.forecasting.windows import take_windows

# Bounds the memory of a forecast; fixed, because another batch size could change the last bit of a score.
FORECAST_BATCH_SIZE = 64


def forecast_next(model: nn.Module, scaled: Tensor, targets: Tensor, time_steps: int) -> Tensor:
    """One-step forecasts of (M,) target points of the series (N, C), each from the T true points before; (M, C)."""
    forecasts = [
        model(take_windows(scaled, batch - time_steps, time_steps))[:, -1]
        for batch in torch.split(targets, FORECAST_BATCH_SIZE)
    ]
    return torch.cat(forecasts)


def forecast_ahead(model: nn.Module, scaled: Tensor, starts: Tensor, *, num_steps: int, time_steps: int) -> Tensor:
    """Autoregressive forecasts from (S,) starts: the true past before each, then the model's own; (S, num_steps, C)."""
    forecasts = []
    for batch in torch.split(starts, FORECAST_BATCH_SIZE):
        known = take_windows(scaled, batch - time_steps, time_steps)  # (B, T, C)
        # One buffer for past and forecasts, so that no step copies the window.
        path = known.new_empty(len(batch), time_steps + num_steps, known.shape[-1])
        path[:, :time_steps] = known
        for step in range(num_steps):
            path[:, time_steps + step] = model(path[:, step : step + time_steps])[:, -1]
        forecasts.append(path[:, time_steps:])
    return torch.cat(forecasts)
