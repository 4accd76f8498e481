from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from raysweep.forecasting import rollout
from raysweep.forecasting.baselines import score_baselines
from raysweep.forecasting.evaluation import evaluate, write_predictions
from raysweep.forecasting.protocol import holdout_borders
from raysweep.forecasting.rollout import forecast_ahead, forecast_next
from raysweep.storage import LocalFolder
from tests.forecasting.builders import Causal, Repeat, make_config, make_series, noisy_wave

CPU = torch.device("cpu")


def test_one_step_forecasts_every_target_from_the_true_past() -> None:
    scaled = torch.randn(300, 2, generator=torch.Generator().manual_seed(0))
    model = Causal(2)
    targets = torch.arange(20, 300)
    with torch.no_grad():
        found = forecast_next(model, scaled, targets, 20)
        expected = torch.stack([model(scaled[None, at - 20 : at])[0, -1] for at in range(20, 300)])
    assert torch.allclose(found, expected, atol=1e-6)


def test_autoregression_feeds_its_own_forecasts_back() -> None:
    scaled = torch.randn(60, 1, generator=torch.Generator().manual_seed(0))
    model = Causal()
    with torch.no_grad():
        found = forecast_ahead(model, scaled, torch.tensor([30, 45]), num_steps=5, time_steps=8)
        for row, start in enumerate([30, 45]):
            known = scaled[start - 8 : start, 0].tolist()
            for step in range(5):
                known.append(model(torch.tensor(known[-8:])[None, :, None])[0, -1, 0].item())
                assert found[row, step, 0].item() == pytest.approx(known[-1], abs=1e-5)


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
def test_no_target_is_dropped_whatever_the_batch_size(batch_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "FORECAST_BATCH_SIZE", batch_size)
    series = make_series(noisy_wave(400))
    rows, forecasts = evaluate(Repeat(), make_config(), series, CPU)
    borders = holdout_borders(400, 0.85)
    one_step = {row.part: row.score.num_targets for row in rows if row.mode == "batch"}
    assert one_step == {"val": borders.val_end - borders.train_end, "test": 400 - borders.val_end}
    assert all(np.isfinite(each.predicted[0]).all() for each in forecasts)


def test_a_model_that_repeats_scores_like_the_baseline_that_repeats() -> None:
    series = make_series(noisy_wave(400, num_channels=2))
    baselines = score_baselines(series, "holdout", 0.85, 16)
    rows, _ = evaluate(Repeat(), make_config(), series, CPU)
    assert len(rows) == 6
    for row in rows:
        (last,) = [each for each in baselines[row.eval_set_hash] if each.name == "last_value"]
        assert row.score.mse == pytest.approx(last.score.mse, rel=1e-5)
        assert row.score.mae == pytest.approx(last.score.mae, rel=1e-5)
        assert row.score.mase == pytest.approx(last.score.mase, rel=1e-5)
        assert row.score.num_targets == last.score.num_targets


def test_replication_scores_all_points_after_the_first_window() -> None:
    values = noisy_wave(100)
    config = make_config(protocol="replication", time_steps=16)
    rows, forecasts = evaluate(Repeat(), config, make_series(values), CPU)
    scores = {row.mode: row.score for row in rows}
    assert scores["batch"].mse == pytest.approx(np.mean((values[15:-1] - values[16:]) ** 2), rel=1e-5)
    assert scores["regressive"].mse == pytest.approx(np.mean((values[15] - values[16:]) ** 2), rel=1e-5)
    assert scores["batch"].num_targets == scores["regressive"].num_targets == 84
    assert {each.mode: each.num_steps.sum() for each in forecasts} == {"batch": 84, "regressive": 84}


@given(at=st.integers(340, 399))
@settings(max_examples=10, deadline=None)
def test_a_later_value_changes_no_earlier_forecast(at: int) -> None:
    values = noisy_wave(400)
    changed = values.copy()
    changed[at] += 1000.0
    _, before = evaluate(Causal(), make_config(), make_series(values), CPU)
    _, after = evaluate(Causal(), make_config(), make_series(changed), CPU)
    for old, new in zip(before, after, strict=True):
        is_earlier = old.starts <= at
        assert np.array_equal(old.predicted[is_earlier], new.predicted[is_earlier], equal_nan=True)


def test_a_series_too_short_for_the_window_is_no_failure() -> None:
    rows, forecasts = evaluate(Repeat(), make_config(time_steps=90), make_series(noisy_wave(100), "short"), CPU)
    assert forecasts == []
    assert {row.score.num_targets for row in rows} == {0}
    reasons = {row.part: row.score.reason for row in rows}
    assert reasons["val"] == "the part val of short begins at point 70, before one window of 90 has passed"
    assert reasons["test"] == "the part test of short begins at point 85, before one window of 90 has passed"


@pytest.mark.parametrize("level", [5.0, 0.1])
def test_a_series_that_is_flat_where_it_is_scaled_is_no_failure(level: float) -> None:
    values = noisy_wave(400)
    values[:280] = level
    rows, forecasts = evaluate(Repeat(), make_config(), make_series(values, "late"), CPU)
    assert forecasts == []
    assert len(rows) == 6
    assert {(row.score.num_targets, row.score.reason) for row in rows} == {
        (0, "channel 0 is constant over the first 280 points of late, on which it is scaled at split.origin 0.85")
    }


@pytest.mark.parametrize("num_points", [6, 10])
def test_a_series_without_a_training_part_is_no_failure(num_points: int) -> None:
    config = make_config(time_steps=1, origin=0.3)
    rows, forecasts = evaluate(Repeat(), config, make_series(noisy_wave(num_points)), CPU)
    assert forecasts == []
    assert len(rows) == 6
    assert all(row.score.num_targets == 0 and row.score.reason for row in rows)


def test_forecasts_of_a_long_series_are_no_longer_than_the_horizon() -> None:
    _, forecasts = evaluate(Repeat(), make_config(), make_series(noisy_wave(2000)), CPU)
    (ahead,) = [each for each in forecasts if (each.part, each.mode) == ("test", "regressive")]
    assert ahead.predicted.shape == (30, 120, 1)
    assert ahead.first_to_end.shape == (300, 1)
    start, step, predicted = ahead.points()
    assert len(predicted) == len({*zip(start.tolist(), step.tolist(), strict=True)}) == 300 + ahead.num_steps[1:].sum()


def test_one_part_may_be_scored_where_the_other_is_too_early() -> None:
    rows, _ = evaluate(Repeat(), make_config(time_steps=80), make_series(noisy_wave(100)), CPU)
    assert {row.part: row.score.num_targets > 0 for row in rows} == {"val": False, "test": True}


def test_predictions_hold_every_forecast_point(tmp_path: Path) -> None:
    series = make_series(noisy_wave(400, num_channels=2))
    rows, forecasts = evaluate(Repeat(), make_config(), series, CPU)
    write_predictions(LocalFolder(tmp_path / "new folder"), "t.parquet", forecasts, {"made": series})
    table = pd.read_parquet(tmp_path / "new folder" / "t.parquet")
    expected = ["eval_dataset", "part", "mode", "start", "step", "time", "actual", "predicted", "channel"]
    assert list(table.columns) == expected
    one_step = table[(table["part"] == "test") & (table["mode"] == "batch")]
    (row,) = [row for row in rows if row.part == "test" and row.mode == "batch"]
    assert ((one_step["predicted"] - one_step["actual"]) ** 2).mean() == pytest.approx(row.score.mse)
    assert not table.duplicated(["part", "mode", "start", "step", "channel"]).any()
    # The first start's forecast runs to the end of the part, for the picture.
    ahead = table[(table["part"] == "test") & (table["mode"] == "regressive") & (table["channel"] == "channel_0")]
    assert (ahead["start"] == 340).sum() == 60
    assert ahead["predicted"].notna().all()
    (scored,) = [row for row in rows if (row.part, row.mode, row.horizon) == ("test", "regressive", 30)]
    within = ahead[ahead["step"] <= 30]
    assert len(within) == scored.score.num_targets


def test_predictions_are_whole_or_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    series = make_series(noisy_wave(400))
    _, forecasts = evaluate(Repeat(), make_config(), series, CPU)
    file = tmp_path / "t.parquet"
    machine = socket.gethostname()
    (tmp_path / f".t.parquet.{machine}.99999999.tmp").write_bytes(b"half")  # of a worker that was killed
    others = [f".u.parquet.{machine}.99999999.tmp", ".t.parquet.elsewhere.99999999.tmp"]
    for name in others:
        (tmp_path / name).write_bytes(b"of another trial, or of a machine that was cut off and is writing still")
    write_predictions(LocalFolder(tmp_path), "t.parquet", forecasts, {"made": series})
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([*others, "t.parquet"])
    before = file.read_bytes()

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)  # a full disk can't be had in a unit test
    with pytest.raises(OSError, match="No space"):
        write_predictions(LocalFolder(tmp_path), "t.parquet", forecasts[:1], {"made": series})
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([*others, "t.parquet"])
    assert file.read_bytes() == before
