"""What one training step takes of a device: time and memory, measured on the trial's own model and series.

Must not know: Ray, the ledger, how many trials share the device.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from raysweep.forecasting.accelerators import Accelerator
from raysweep.forecasting.inputs import TrialInputs
from raysweep.forecasting.models import build_model
from raysweep.forecasting.rollout import FORECAST_BATCH_SIZE, forecast_next
from raysweep.forecasting.training import start_training, train_step
from raysweep.forecasting.windows import prepare
from raysweep.spec.config import Config

NUM_WARM_UP = 3  # the first steps choose algorithms, load kernels and make the optimizer's state
NUM_TIMED = 10


@dataclass(frozen=True, kw_only=True)
class StepCost:
    """What one step takes.

    Attributes:
        seconds: Wall time.
        busy: The part of that time in which the device computes; the rest it waits for the CPU. None if unknown.
        memory_bytes: What a process with such a trial takes of the device at most, forecasts included; None if unknown.
        total_bytes: What the device has; None if unknown.
    """

    seconds: float
    busy: float | None
    memory_bytes: int | None
    total_bytes: int | None


def measure_step(config: Config, inputs: TrialInputs, accelerator: Accelerator) -> StepCost:
    """Trains a few steps, and forecasts a batch as scoring does. What the model raises comes through."""
    accelerator.forget()
    series = inputs.series[config.dataset]
    data = prepare(config, series.values, accelerator.device)
    model = build_model(
        inputs.sources, config.model, arguments=config.model_arguments, num_channels=series.values.shape[1], seed=0
    )
    state = start_training(config, model.to(accelerator.device))
    batch = data.train_starts[: config.train.batch_size]

    def step() -> None:
        train_step(state, data, batch, config.train)

    state.model.train()
    for _ in range(NUM_WARM_UP):
        step()
    accelerator.synchronize()
    started = time.perf_counter()
    for _ in range(NUM_TIMED):
        step()
    accelerator.synchronize()
    seconds = (time.perf_counter() - started) / NUM_TIMED
    busy_seconds = accelerator.busy_seconds(step)

    state.model.eval()
    with torch.no_grad():
        targets = data.val_starts[:FORECAST_BATCH_SIZE] + config.train.time_steps
        forecast_next(state.model, data.scaled, targets, config.train.time_steps)
    accelerator.synchronize()
    return StepCost(
        seconds=seconds,
        busy=None if busy_seconds is None else min(busy_seconds / seconds, 1.0),
        memory_bytes=accelerator.peak_bytes(),
        total_bytes=accelerator.total_bytes,
    )
