"""Training one model, as a generator of epochs. The whole loop reads top to bottom in `train_epochs`.

Must not know: Ray, the ledger, where results go. Whoever loops over the epochs reports, checkpoints and stops.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from raysweep.forecasting.results import EpochResult
from raysweep.forecasting.rollout import forecast_next
from raysweep.forecasting.windows import TrainingData, take_windows
from raysweep.spec.config import Config, TrainSettings


@dataclass(kw_only=True)
class TrainingState:
    """All that changes in training. With the config, the seed and the series it determines all that follows.

    No random state is kept: every epoch draws from a generator seeded by the trial's seed and the epoch, so a
    trial that goes on from its checkpoint sees the same numbers as one that was never interrupted.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    num_steps: int = 0


def start_training(config: Config, model: nn.Module) -> TrainingState:
    """A fresh state for a model whose weights are the start values."""
    optimizer = torch.optim.Adam(model.parameters(), lr=config.train.learning_rate)
    return TrainingState(model=model, optimizer=optimizer)


def num_total_steps(settings: TrainSettings, num_train_windows: int) -> int:
    """How many optimizer steps the whole training takes."""
    if settings.num_steps is not None:
        return settings.num_steps
    assert settings.num_epochs is not None, "a config has epochs or steps"
    return settings.num_epochs * math.ceil(num_train_windows / settings.batch_size)


def num_total_epochs(settings: TrainSettings, num_train_windows: int) -> int:
    """How many epochs the whole training takes; the last may be cut short by `train.num_steps`."""
    return math.ceil(num_total_steps(settings, num_train_windows) / math.ceil(num_train_windows / settings.batch_size))


def train_epochs(config: Config, data: TrainingData, state: TrainingState, *, seed: int) -> Iterator[EpochResult]:
    """Trains from where `state` is to the end, and yields after every epoch; `state` is then up to date."""
    settings = config.train
    total_steps = num_total_steps(settings, len(data.train_starts))
    while state.num_steps < total_steps:
        started = time.perf_counter()
        epoch_seed = _epoch_seed(seed, state.epoch + 1)
        torch.manual_seed(epoch_seed)  # for models that draw numbers of their own, such as dropout
        starts = _order(data, epoch_seed)
        batches = torch.split(starts, settings.batch_size)[: total_steps - state.num_steps]

        state.model.train()
        losses = torch.zeros(len(batches), device=starts.device)
        for index, batch in enumerate(batches):
            losses[index] = train_step(state, data, batch, settings)
        state.epoch += 1
        state.num_steps += len(batches)

        state.model.eval()
        with torch.no_grad():
            if config.protocol == "replication":
                train_loss = losses.mean().item()
                val_losses = [
                    _loss(state.model, data, batch, settings)
                    for batch in torch.split(data.val_starts, settings.batch_size)
                ]
                val_loss, val_mse_batch = torch.stack(val_losses).mean().item(), None
            else:
                sizes = torch.tensor([len(batch) for batch in batches], device=losses.device)
                train_loss = ((losses * sizes).sum() / sizes.sum()).item()
                val_loss, val_mse_batch = _validate_next_point(state.model, data, settings.time_steps)
        yield EpochResult(
            epoch=state.epoch,
            num_steps=state.num_steps,
            train_loss=train_loss,
            val_loss=val_loss,
            val_mse_batch=val_mse_batch,
            seconds=time.perf_counter() - started,
            finished_at=time.time(),
        )


def train_step(state: TrainingState, data: TrainingData, starts: Tensor, settings: TrainSettings) -> Tensor:
    """One optimizer step on the windows that begin at (B,) starts; returns their loss before it."""
    state.optimizer.zero_grad(set_to_none=True)
    loss = _loss(state.model, data, starts, settings)
    loss.backward()  # type: ignore[no-untyped-call]
    state.optimizer.step()
    return loss.detach()


def _loss(model: nn.Module, data: TrainingData, starts: Tensor, settings: TrainSettings) -> Tensor:
    """Mean squared error in scaled units of the windows that begin at (B,) starts."""
    windows = take_windows(data.scaled, starts, settings.time_steps + 1)  # (B, T + 1, C)
    predicted, target = model(windows[:, :-1]), windows[:, 1:]  # (B, T, C)
    if not settings.is_align_target:
        predicted, target = predicted[:, -1:], target[:, -1:]
    return mse_loss(predicted, target)


def _validate_next_point(model: nn.Module, data: TrainingData, time_steps: int) -> tuple[float, float]:
    """The one-step error over all validation targets, in scaled and in squared data units."""
    targets = data.val_starts + time_steps  # (m,)
    error = (forecast_next(model, data.scaled, targets, time_steps) - data.scaled[targets]).double()
    std = torch.from_numpy(data.scaler.std).to(error.device)
    return error.square().mean().item(), (error * std).square().mean().item()


def _order(data: TrainingData, epoch_seed: int) -> Tensor:
    if not data.is_shuffled:
        return data.train_starts
    generator = torch.Generator().manual_seed(epoch_seed)  # on the CPU, so that a GPU sees the same order
    order = torch.randperm(len(data.train_starts), generator=generator)
    return data.train_starts[order.to(data.train_starts.device)]


def _epoch_seed(seed: int, epoch: int) -> int:
    """Spread by a hash: neighbouring seeds and epochs must not share their random numbers."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{epoch}".encode()).digest()[:7], "little")
