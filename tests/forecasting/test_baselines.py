from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from raysweep.forecasting import baselines, ridge
from raysweep.forecasting.baselines import fit_home_ridges, score_baselines
from raysweep.forecasting.protocol import eval_sets, holdout_borders
from raysweep.forecasting.ridge import Ridge, fit_ridges
from tests.forecasting.builders import make_series, noisy_wave


def _by_part(series, protocol="holdout", origin=0.85, time_steps=8):  # type: ignore[no-untyped-def]
    scores = score_baselines(series, protocol, origin, time_steps)
    sets = eval_sets(
        data_digest=series.digest,
        num_points=len(series.values),
        protocol=protocol,
        origin=origin,
        time_steps=time_steps,
    )
    return {
        (each.part, each.mode, each.horizon, baseline.name): baseline
        for each in sets
        for baseline in scores.get(each.digest, [])
    }


def test_least_squares_matches_numpy() -> None:
    scaled = noisy_wave(120)
    (ridge,) = fit_ridges(scaled, 5, [0.0])
    inputs = np.stack([scaled[start : start + 5, 0] for start in range(115)])
    expected, *_ = np.linalg.lstsq(np.column_stack([inputs, np.ones(115)]), scaled[5:, 0], rcond=None)
    assert ridge.coefficients[:, 0] == pytest.approx(expected)


def test_penalty_matches_the_normal_equations() -> None:
    scaled = noisy_wave(100, num_channels=2)
    (ridge,) = fit_ridges(scaled, 3, [0.1])
    inputs = np.stack([scaled[start : start + 3].reshape(-1) for start in range(97)])
    centred, targets = inputs - inputs.mean(axis=0), scaled[3:] - scaled[3:].mean(axis=0)
    slope = np.linalg.solve(centred.T @ centred + 0.1 * 97 * np.eye(6), centred.T @ targets)
    assert ridge.coefficients[:-1] == pytest.approx(slope)


def test_an_autoregression_is_found_and_rolled_out() -> None:
    path = [np.array([1.0, 0.5])]
    step = np.array([[0.9, -0.2], [0.1, 0.8]])
    for _ in range(60):
        path.append(step @ path[-1] + [0.3, -0.1])
    values = np.array(path)
    (ridge,) = fit_ridges(values[:40], 1, [0.0])
    assert ridge.forecast(values[None, 39:40], 21)[0] == pytest.approx(values[40:61], abs=1e-9)


def test_holdout_baselines_by_hand() -> None:
    values = noisy_wave(400)
    found = _by_part(make_series(values))
    borders = holdout_borders(400, 0.85)
    test = slice(borders.val_end, borders.end)
    last = np.mean((values[borders.val_end - 1 : borders.end - 1] - values[test]) ** 2)
    mean = np.mean((values[: borders.train_end].mean() - values[test]) ** 2)
    assert found["test", "batch", 1, "last_value"].score.mse == pytest.approx(last)
    assert found["test", "batch", 1, "train_mean"].score.mse == pytest.approx(mean)
    ridge = found["test", "batch", 1, "ridge"]
    assert ridge.score.mse < last, "a wave with noise is what an autoregression is good at"
    assert ridge.score.skill_last == pytest.approx(1 - ridge.score.mse / last)
    assert found["test", "batch", 1, "last_value"].score.skill_last == 0.0
    assert ridge.settings.startswith("lags ")
    assert ("test", "regressive", 120, "noise_floor") not in found
    assert found["test", "batch", 1, "noise_floor"].score.mse == pytest.approx(
        np.mean(np.diff(values[test], n=2, axis=0) ** 2) / 6
    )


def test_later_values_change_no_fit() -> None:
    values = noisy_wave(400)
    later = values.copy()
    later[holdout_borders(400, 0.85).val_end :] += 500.0
    before, after = _by_part(make_series(values)), _by_part(make_series(later))
    key = ("val", "regressive", 120, "ridge")
    assert before[key].score.mse == after[key].score.mse
    assert before[key].settings == after[key].settings


def test_replication_is_in_sample_on_the_window() -> None:
    values = noisy_wave(300)
    found = _by_part(make_series(values), "replication", None, 20)
    assert found["all", "batch", 1, "ridge"].settings == "lags 20, penalty 0"
    assert found["all", "regressive", 280, "train_mean"].score.mse == pytest.approx(
        np.mean((values.mean() - values[20:]) ** 2)
    )
    assert found["all", "regressive", 280, "last_value"].score.mse == pytest.approx(
        np.mean((values[19] - values[20:]) ** 2)
    )


def test_a_series_too_short_for_the_window_has_no_baselines() -> None:
    assert score_baselines(make_series(noisy_wave(50)), "replication", None, 50) == {}


def test_a_series_that_is_flat_where_it_is_scaled_has_no_baselines() -> None:
    values = noisy_wave(400)
    values[:280] = 0.1
    assert score_baselines(make_series(values), "holdout", 0.85, 8) == {}
    assert score_baselines(make_series(noisy_wave(10)), "holdout", 0.3, 1) == {}
    assert score_baselines(make_series(noisy_wave(6)), "holdout", 0.3, 1) == {}


@pytest.mark.parametrize("block", [1, 1000, 4_000_000])
def test_a_long_series_gets_the_same_fit_block_by_block(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    scaled = noisy_wave(700, num_channels=2) / 20
    penalties = [0.0, 1e-6, 1e-2]
    exact = list(fit_ridges(scaled, 16, penalties))
    monkeypatch.setattr(ridge, "MAX_SVD_WINDOWS", 100)
    monkeypatch.setattr(ridge, "MAX_BLOCK_VALUES", block)
    for one, other in zip(exact, fit_ridges(scaled, 16, penalties), strict=True):
        assert other.coefficients == pytest.approx(one.coefficients, rel=1e-6, abs=1e-8)


def test_baselines_are_the_same_whatever_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    series = make_series(noisy_wave(400))
    before = _by_part(series)
    monkeypatch.setattr(baselines, "MAX_BLOCK_VALUES", 500)
    after = _by_part(series)
    assert before.keys() == after.keys()
    for key, baseline in before.items():
        assert after[key].score.mse == pytest.approx(baseline.score.mse)


def test_the_memory_of_a_fit_does_not_grow_with_the_series() -> None:
    scaled = np.random.default_rng(0).normal(size=(150_000, 1))
    tracemalloc.start()
    try:
        list(fit_ridges(scaled, 128, [1e-3]))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 110e6, "all windows at once are 150 MB"


def test_an_unstable_ridge_is_not_chosen_but_scored_as_it_is() -> None:
    exploding = Ridge(lags=1, penalty=0.0, coefficients=np.array([[3.0], [0.0]]))
    assert not np.isfinite(exploding.forecast(np.full((1, 1, 1), 1e300), 50)).all()


def test_a_ridge_is_carried_over_in_scaled_units() -> None:
    home = make_series(noisy_wave(400), name="home")
    away = make_series(3 * noisy_wave(400) + 7, name="away")  # the same in scaled units
    ridges = fit_home_ridges(home, "holdout", 0.85, 8)
    for scores in score_baselines(away, "holdout", 0.85, 8, carried={"home": ridges}).values():
        by_name = {each.name: each for each in scores}
        carried, at_home = by_name["ridge_from_home"], by_name["ridge"]
        assert carried.score.mse == pytest.approx(at_home.score.mse)
        assert carried.score.skill_ridge == pytest.approx(0.0, abs=1e-9)
        assert carried.settings == at_home.settings


def test_a_carried_ridge_never_sees_points_before_the_series() -> None:
    home, away = make_series(noisy_wave(400), name="home"), make_series(noisy_wave(100), name="away")
    long = next(fit_ridges(noisy_wave(400), 80, [0.1]))
    scores = score_baselines(away, "holdout", 0.85, 8, carried={home.name: {"batch": long, "regressive": long}})
    parts = {
        each.digest: each.part
        for each in eval_sets(data_digest=away.digest, num_points=100, protocol="holdout", origin=0.85, time_steps=8)
    }
    # Validation begins at point 70, the test part at 85.
    with_carried = {parts[digest] for digest, found in scores.items() if any("home" in each.name for each in found)}
    assert with_carried == {"test"}
