from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raysweep.forecasting.protocol import (
    Scaler,
    eval_sets,
    fit_scaler,
    holdout_borders,
    num_train_windows,
    scored_parts,
    why_unscalable,
    why_unscorable,
)


@pytest.mark.parametrize(
    ("num_points", "origin", "borders"),
    [
        (1785, 0.85, (1249, 1517, 1785)),
        (1785, 0.6, (803, 1071, 1338)),
        # 0.6 - 0.15 is 0.44999999999999996 in binary: floor must not lose a point to that.
        (100, 0.6, (45, 60, 75)),
        (20, 0.85, (14, 17, 20)),
    ],
)
def test_borders_are_exact(num_points: int, origin: float, borders: tuple[int, int, int]) -> None:
    found = holdout_borders(num_points, origin)
    assert (found.train_end, found.val_end, found.end) == borders


def test_num_train_windows() -> None:
    count = {"num_points": 1785, "time_steps": 112}
    assert num_train_windows(protocol="holdout", origin=0.85, **count) == 1249 - 112
    assert num_train_windows(protocol="replication", origin=None, **count) == 1338  # floor(0.8 * 1673)


@given(
    num_points=st.integers(50, 3000),
    origin=st.sampled_from([0.4, 0.5, 0.6, 0.7, 0.85]),
    windows=st.lists(st.integers(2, 400), min_size=2, max_size=4),
)
def test_every_window_scores_the_same_targets(num_points: int, origin: float, windows: list[int]) -> None:
    digests = {
        tuple(
            eval_set.digest
            for eval_set in eval_sets(
                data_digest="d", num_points=num_points, protocol="holdout", origin=origin, time_steps=window
            )
        )
        for window in windows
    }
    assert len(digests) == 1


@given(num_points=st.integers(60, 2000), origin=st.sampled_from([0.5, 0.6, 0.85]))
def test_parts_are_disjoint_and_no_target_is_dropped(num_points: int, origin: float) -> None:
    borders = holdout_borders(num_points, origin)
    parts = scored_parts(num_points, "holdout", origin, 8)
    assert [*parts["val"], *parts["test"]] == list(range(borders.train_end, borders.end))
    for eval_set in eval_sets(data_digest="d", num_points=num_points, protocol="holdout", origin=origin, time_steps=8):
        targets = parts[eval_set.part]
        if eval_set.mode == "batch":
            assert eval_set.starts.tolist() == list(targets)
        else:
            assert eval_set.starts.tolist() == list(range(targets.start, targets.stop, 10))
            assert (eval_set.starts + eval_set.num_steps <= targets.stop).all()
            cut = eval_set.starts + eval_set.horizon > targets.stop
            assert (eval_set.num_steps[~cut] == eval_set.horizon).all()
            assert (eval_set.starts[cut] + eval_set.num_steps[cut] == targets.stop).all()


def test_replication_is_one_forecast_from_the_first_window() -> None:
    batch, regressive = eval_sets(data_digest="d", num_points=733, protocol="replication", origin=None, time_steps=112)
    assert batch.starts.tolist() == list(range(112, 733))
    assert (regressive.starts.tolist(), regressive.num_steps.tolist()) == ([112], [621])


def test_hash_tells_apart_what_must_not_be_compared() -> None:
    def digests(**changes: object) -> set[str]:
        base = {"data_digest": "d", "num_points": 500, "protocol": "holdout", "origin": 0.85, "time_steps": 8}
        return {eval_set.digest for eval_set in eval_sets(**(base | changes))}  # type: ignore[arg-type]

    base = digests()
    assert len(base) == 6  # val and test, each one-step and at two horizons
    assert not base & digests(data_digest="e")
    assert not base & digests(origin=0.6)
    assert not base & digests(protocol="replication", origin=None)


def test_metric_version_is_part_of_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = {"data_digest": "d", "num_points": 500, "protocol": "holdout", "origin": 0.85, "time_steps": 8}
    before = {eval_set.digest for eval_set in eval_sets(**arguments)}  # type: ignore[arg-type]
    monkeypatch.setattr("raysweep.forecasting.protocol.METRIC_VERSION", "other")
    after = {eval_set.digest for eval_set in eval_sets(**arguments)}  # type: ignore[arg-type]
    assert not before & after


@given(seed=st.integers(0, 100), change=st.floats(-1e6, 1e6))
def test_a_later_value_changes_no_scaler(seed: int, change: float) -> None:
    values = np.random.default_rng(seed).normal(size=(200, 2))
    later = values.copy()
    later[holdout_borders(200, 0.85).train_end :] += change
    before, after = fit_scaler(values, "holdout", 0.85), fit_scaler(later, "holdout", 0.85)
    assert np.array_equal(before.mean, after.mean)
    assert np.array_equal(before.std, after.std)


def test_replication_scales_by_the_whole_series_with_the_population_deviation() -> None:
    values = np.array([[1.0], [2.0], [3.0], [6.0]])
    scaler = fit_scaler(values, "replication", None)
    assert scaler.mean.tolist() == [3.0]
    assert scaler.std == pytest.approx(np.sqrt(3.5))
    assert scaler.inverse(scaler.transform(values)) == pytest.approx(values)


def test_a_constant_channel_cannot_be_scaled() -> None:
    with pytest.raises(ValueError, match="channel 1 is constant over the first 3 points"):
        Scaler.fit(np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]]))


@pytest.mark.parametrize("level", [0.1, -1e12, 3.3, 1e-200])
def test_a_series_that_only_rounding_moves_cannot_be_scaled(level: float) -> None:
    values = np.full((300, 1), level)
    values[::7] = np.nextafter(level, np.inf)
    values[200:] *= 2
    with pytest.raises(ValueError, match="channel 0 is constant over the first 100 points"):
        fit_scaler(values, "holdout", 0.484)
    reason = "channel 0 is constant over the first 100 points of s, on which it is scaled at split.origin 0.484"
    assert why_unscalable(values, "holdout", 0.484, name="s") == reason
    if level != 1e-200:  # the squares of so small differences are 0
        assert why_unscalable(values, "holdout", 0.85, name="s") is None
        assert why_unscalable(values, "replication", None, name="s") is None


def test_a_small_change_of_a_large_value_is_kept() -> None:
    values = 1e9 + np.arange(100.0)[:, None] * 1e-4
    assert why_unscalable(values, "replication", None, name="s") is None
    assert Scaler.fit(values).std == pytest.approx(values.std(axis=0))


def test_a_training_part_of_one_point_or_none_cannot_be_scaled() -> None:
    values = np.arange(10.0)[:, None]
    one = why_unscalable(values, "holdout", 0.3, name="s")
    assert one == "channel 0 is constant over the first 1 point of s, on which it is scaled at split.origin 0.3"
    none = why_unscalable(values[:6], "holdout", 0.3, name="s")
    assert none == "there is no point in the training part of s, on which it is scaled at split.origin 0.3"


def test_a_window_that_a_part_cannot_serve_has_a_reason() -> None:
    targets = scored_parts(728, "holdout", 0.85, 1024)["val"]
    reason = why_unscorable("val", targets, name="w_y", time_steps=1024)
    assert reason == "the part val of w_y begins at point 509, before one window of 1024 has passed"
    assert why_unscorable("val", targets, name="w_y", time_steps=509) is None
    empty = scored_parts(100, "replication", None, 100)["all"]
    assert why_unscorable("all", empty, name="s", time_steps=100) == "s has no point after the first window of 100"
