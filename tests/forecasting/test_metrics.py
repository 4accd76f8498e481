"""Every metric against an example worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from raysweep.forecasting import metrics
from raysweep.forecasting.protocol import EvalSet
from raysweep.forecasting.scores import MAX_BLOCKS, score_forecasts, with_skills

ACTUAL = np.array([[1.0], [2.0], [4.0]])
PREDICTED = np.array([[1.0], [4.0], [1.0]])  # errors 0, 2, -3


def test_errors_by_hand() -> None:
    assert metrics.mse(ACTUAL, PREDICTED) == pytest.approx(13 / 3)
    assert metrics.rmse(ACTUAL, PREDICTED) == pytest.approx(math.sqrt(13 / 3))
    assert metrics.mae(ACTUAL, PREDICTED) == pytest.approx(5 / 3)


def test_mase_by_hand_with_two_channels() -> None:
    train = np.array([[0.0, 0.0], [1.0, 10.0], [3.0, 0.0]])
    scale = metrics.naive_scale(train)
    assert scale.tolist() == [1.5, 10.0]
    actual, predicted = np.array([[1.0, 5.0]]), np.array([[4.0, 0.0]])  # errors 3 and -5
    assert metrics.mase(actual, predicted, scale) == pytest.approx((3 / 1.5 + 5 / 10) / 2)


def test_skill_by_hand() -> None:
    assert metrics.skill(3.0, 4.0) == 0.25
    assert metrics.skill(8.0, 4.0) == -1.0
    assert math.isnan(metrics.skill(1.0, 0.0))


def test_noise_floor_by_hand() -> None:
    values = np.array([[0.0], [3.0], [0.0], [3.0]])  # second differences -6 and 6
    assert metrics.noise_floor(values) == 6.0
    assert math.isnan(metrics.noise_floor(values[:2]))


def test_noise_floor_finds_the_noise_on_a_smooth_curve() -> None:
    generator = np.random.default_rng(0)
    curve = 1000 * np.sin(np.arange(20_000) / 500)[:, None]
    assert metrics.noise_floor(curve + generator.normal(0, 3, curve.shape)) == pytest.approx(9.0, rel=0.05)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_nothing_is_dropped(bad: float) -> None:
    predicted = PREDICTED.copy()
    predicted[0] = bad
    for score in (metrics.mse, metrics.rmse, metrics.mae):
        assert not math.isfinite(score(ACTUAL, predicted))


def test_many_starts_share_blocks() -> None:
    num_starts = 1000
    eval_set = EvalSet(
        part="val",
        mode="batch",
        horizon=1,
        starts=np.arange(num_starts),
        num_steps=np.ones(num_starts, dtype=np.int64),
        digest="x",
    )
    values = np.random.default_rng(0).normal(size=(num_starts, 2))
    score = score_forecasts(values, np.zeros((num_starts, 1, 2)), eval_set, scale=np.ones(2))
    assert len(score.block_errors) == MAX_BLOCKS
    assert np.mean(score.block_errors) == pytest.approx(score.mse)
    assert score.block_errors[0] == pytest.approx(np.square(values[:4]).mean(axis=1).sum() * MAX_BLOCKS / num_starts)


def test_a_set_is_scored_over_exactly_its_targets() -> None:
    values = np.arange(10.0)[:, None]
    eval_set = EvalSet(
        part="val",
        mode="regressive",
        horizon=2,
        starts=np.array([4, 6, 7]),
        num_steps=np.array([2, 2, 1]),
        digest="x",
    )
    forecasts = np.zeros((3, 4, 1))  # more steps than the horizon: the rest must not count
    forecasts[:, 2:] = 1e9
    forecasts[2, 1] = 1e9  # beyond this start's steps
    score = score_forecasts(values, forecasts, eval_set, scale=np.array([2.0]))
    assert score.num_targets == 5
    assert score.mse == pytest.approx((16 + 25 + 36 + 49 + 49) / 5)
    assert score.mae == pytest.approx((4 + 5 + 6 + 7 + 7) / 5)
    assert score.mase == pytest.approx((4 + 5 + 6 + 7 + 7) / 5 / 2)
    blocks = [(16 + 25) / 5 * 3, (36 + 49) / 5 * 3, 49 / 5 * 3]
    assert score.block_errors == pytest.approx(blocks)
    assert np.mean(score.block_errors) == pytest.approx(score.mse)
    skills = with_skills(score, {"last_value": 70.0, "ridge": 17.5})
    assert skills.skill_last == pytest.approx(0.5)
    assert skills.skill_ridge == pytest.approx(-1.0)
    assert math.isnan(skills.skill_mean)
