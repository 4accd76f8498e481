from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from raysweep.forecasting.protocol import holdout_borders
from raysweep.forecasting.training import (
    num_total_epochs,
    num_total_steps,
    start_training,
    train_epochs,
)
from raysweep.forecasting.windows import prepare, take_windows
from tests.forecasting.builders import Causal, Repeat, make_config, noisy_wave

CPU = torch.device("cpu")


def _losses(config, values=None, seed=0, model=None):  # type: ignore[no-untyped-def]
    values = noisy_wave() if values is None else values
    data = prepare(config, values, CPU)
    state = start_training(config, model or Causal(values.shape[1]))
    return list(train_epochs(config, data, state, seed=seed))


def test_windows_are_cut_where_they_should_be() -> None:
    scaled = torch.arange(10.0)[:, None]
    windows = take_windows(scaled, torch.tensor([0, 4]), 3)
    assert windows[:, :, 0].tolist() == [[0, 1, 2], [4, 5, 6]]


def test_holdout_targets_lie_in_one_part() -> None:
    config = make_config(time_steps=16)
    data = prepare(config, noisy_wave(400), CPU)
    borders = holdout_borders(400, 0.85)
    assert (data.train_starts + 16).tolist() == list(range(16, borders.train_end))
    assert (data.val_starts + 16).tolist() == list(range(borders.train_end, borders.val_end))


def test_replication_split_is_one_permutation() -> None:
    data = prepare(make_config(protocol="replication", time_steps=16), noisy_wave(400), CPU)
    expected = torch.randperm(384, generator=torch.Generator().manual_seed(42))
    assert data.train_starts.tolist() == expected[:307].tolist()  # floor(0.8 * 384)
    assert data.val_starts.tolist() == expected[307:].tolist()
    assert not data.is_shuffled


@given(at=st.integers(280, 399), change=st.floats(-1e3, 1e3))
@settings(max_examples=15, deadline=None)
def test_a_value_after_validation_changes_no_epoch(at: int, change: float) -> None:
    """Of 400 points, those from 340 on are for testing: training must not see them."""
    values = noisy_wave(400)
    changed = values.copy()
    changed[at] += change
    before, after = _losses(make_config(num_epochs=1)), _losses(make_config(num_epochs=1), changed)
    assert before[0].train_loss == after[0].train_loss
    if at >= 340:
        assert before[0].val_loss == after[0].val_loss


def test_the_same_seed_gives_the_same_losses_bit_for_bit() -> None:
    first, second = _losses(make_config()), _losses(make_config())
    other = _losses(make_config(), seed=1)
    assert [each.train_loss for each in first] == [each.train_loss for each in second]
    assert [each.train_loss for each in first] != [each.train_loss for each in other]


def test_training_goes_on_from_any_epoch_as_if_never_interrupted() -> None:
    config, values = make_config(num_epochs=5), noisy_wave()
    whole = _losses(config, values)
    data, state = prepare(config, values, CPU), start_training(config, Causal())
    epochs = train_epochs(config, data, state, seed=0)
    first = [next(epochs), next(epochs)]
    torch.manual_seed(12345)  # whatever has happened to the global state in between
    rest = list(train_epochs(config, data, state, seed=0))
    assert [each.val_loss for each in (*first, *rest)] == [each.val_loss for each in whole]


class Noisy(nn.Module):
    """Draws from the global random state, as dropout does."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + torch.rand_like(x) if self.training else x * self.scale


def test_models_that_draw_numbers_are_reproducible_too() -> None:
    config = make_config()
    torch.manual_seed(1)
    first = _losses(config, model=Noisy())
    torch.manual_seed(2)
    second = _losses(config, model=Noisy())
    assert [each.train_loss for each in first] == [each.train_loss for each in second]


def test_validation_is_the_one_step_error_in_the_datas_units() -> None:
    values = noisy_wave(400, num_channels=2)
    (epoch,) = _losses(make_config(num_epochs=1, learning_rate=1e-30), values, model=_repeat_with_parameter())
    borders = holdout_borders(400, 0.85)
    targets = slice(borders.train_end, borders.val_end)
    errors = values[borders.train_end - 1 : borders.val_end - 1] - values[targets]
    std = values[: borders.train_end].std(axis=0)
    assert epoch.val_mse_batch == pytest.approx(np.mean(errors**2), rel=1e-5)
    assert epoch.val_loss == pytest.approx(np.mean((errors / std) ** 2), rel=1e-5)


def test_replication_losses_are_means_over_batches_and_all_steps() -> None:
    values = noisy_wave(200)
    config = make_config(protocol="replication", num_epochs=1, batch_size=50, time_steps=10, learning_rate=1e-30)
    (epoch,) = _losses(config, values, model=_repeat_with_parameter())
    scaled = (values - values.mean()) / values.std()
    permutation = torch.randperm(190, generator=torch.Generator().manual_seed(42)).numpy()

    def loss(starts: np.ndarray) -> float:
        windows = np.stack([scaled[start : start + 11, 0] for start in starts])
        return float(np.mean((windows[:, :-1] - windows[:, 1:]) ** 2))

    train = [loss(permutation[:152][start : start + 50]) for start in range(0, 152, 50)]
    assert epoch.train_loss == pytest.approx(np.mean(train), rel=1e-5)
    assert epoch.val_loss == pytest.approx(loss(permutation[152:]), rel=1e-5)
    assert epoch.val_mse_batch is None


def test_an_unaligned_model_is_trained_on_the_last_step_alone() -> None:
    values = noisy_wave(200)
    shared = {"protocol": "replication", "num_epochs": 1, "time_steps": 10, "learning_rate": 1e-30, "batch_size": 500}
    (epoch,) = _losses(make_config(is_align_target=False, **shared), values, model=_repeat_with_parameter())
    scaled = (values - values.mean()) / values.std()
    permutation = torch.randperm(190, generator=torch.Generator().manual_seed(42)).numpy()[:152]
    expected = np.mean([(scaled[start + 9] - scaled[start + 10]) ** 2 for start in permutation])
    assert epoch.train_loss == pytest.approx(expected, rel=1e-5)


def _repeat_with_parameter() -> nn.Module:
    class Learnable(Repeat):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.scale

    return Learnable()


def test_steps_and_epochs() -> None:
    by_epochs = make_config(num_epochs=3, batch_size=32).train
    assert (num_total_steps(by_epochs, 65), num_total_epochs(by_epochs, 65)) == (9, 3)
    by_steps = make_config(num_epochs=None, num_steps=7, batch_size=32).train
    assert (num_total_steps(by_steps, 65), num_total_epochs(by_steps, 65)) == (7, 3)


def test_num_steps_cuts_the_last_epoch_short() -> None:
    epochs = _losses(make_config(num_epochs=None, num_steps=10, batch_size=64, time_steps=16))
    # 280 - 16 = 264 windows: 5 steps an epoch
    assert [each.num_steps for each in epochs] == [5, 10]
    epochs = _losses(make_config(num_epochs=None, num_steps=7, batch_size=64, time_steps=16))
    assert [each.num_steps for each in epochs] == [5, 7]


def test_divergence_shows() -> None:
    epochs = _losses(make_config(learning_rate=1e30, num_epochs=4))
    assert not epochs[-1].is_finite
    assert not math.isfinite(epochs[-1].val_loss)
