"""One trial from start to end, without Ray, with the project's own models."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from raysweep import storage
from raysweep.errors import StorageError
from raysweep.forecasting.inputs import TrialInputs
from raysweep.forecasting.model_source import ModelSources
from raysweep.forecasting.trial import TrialRun
from raysweep.paths import SweepPaths
from raysweep.spec.config import Config
from raysweep.storage import LocalFolder, StoreError, storage_of
from tests.conftest import PROJECT
from tests.forecasting.builders import make_config, make_series, noisy_wave

SOURCES = ModelSources.read(PROJECT / "models")


def _inputs(folder: Path, **changes: object) -> TrialInputs:
    kept = storage_of(SweepPaths(folder.parent, folder.name), None)
    for part in (kept.checkpoints, kept.predictions):
        part.make()  # as the driver does
    series = {"made": make_series(noisy_wave(300)), "other": make_series(noisy_wave(200, seed=1), "other")}
    inputs = TrialInputs(
        sources=SOURCES,
        series=series,
        evaluate_on=("other",),
        storage=kept,
    )
    return replace(inputs, **changes)  # type: ignore[arg-type]


def _run(folder: Path, config: Config | None = None, seed: int = 0, **changes: object) -> TrialRun:
    return TrialRun(
        trial_id="t",
        config=config or make_config(num_epochs=4),
        seed=seed,
        inputs=_inputs(folder, **changes),
        device=torch.device("cpu"),
    )


def _scores(run: TrialRun) -> list[tuple[str, str, str, float]]:
    return [(row.eval_dataset, row.part, row.mode, row.score.mse) for row in run.score()]


def test_an_interrupted_trial_ends_with_the_same_losses_and_scores(tmp_path: Path) -> None:
    whole = _run(tmp_path / "whole")
    list(whole.epochs())
    first = _run(tmp_path / "cut")
    for epoch in first.epochs():
        first.save()
        if epoch.epoch == 2:
            break
    second = _run(tmp_path / "cut")
    assert [epoch.epoch for epoch in second.history] == [1, 2]
    assert [epoch.epoch for epoch in second.epochs()] == [3, 4]
    assert [epoch.val_loss for epoch in second.history] == [epoch.val_loss for epoch in whole.history]
    assert _scores(second) == _scores(whole)


@pytest.mark.parametrize("method", ["read", "write", "names"])
def test_a_store_that_is_away_for_a_moment_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Every third call fails, as those of an object store do: nothing is trained anew, all is written."""
    monkeypatch.setattr(storage.time, "sleep", lambda seconds: None)
    whole, calls = getattr(LocalFolder, method), itertools.count()

    def failing(folder: LocalFolder, *arguments: object) -> object:
        if next(calls) % 3 == 0:
            raise StoreError("away")
        return whole(folder, *arguments)

    monkeypatch.setattr(LocalFolder, method, failing)
    first = _run(tmp_path)
    for epoch in first.epochs():
        first.save()
        if epoch.epoch == 2:
            break
    second = _run(tmp_path)
    assert [epoch.epoch for epoch in second.history] == [1, 2]
    list(second.epochs())
    second.save()
    assert _scores(second)
    assert next(calls) >= 2


def test_a_finished_trial_is_scored_without_training(tmp_path: Path) -> None:
    run = _run(tmp_path)
    list(run.epochs())
    run.save()
    before = _scores(run)
    again = _run(tmp_path)
    assert list(again.epochs()) == []
    assert _scores(again) == before


def test_the_trained_series_is_scored_first_and_once(tmp_path: Path) -> None:
    run = _run(tmp_path, evaluate_on=("other", "made"))
    names = [row.eval_dataset for row in run.score()]
    assert list(dict.fromkeys(names)) == ["made", "other"]
    assert len(names) == 2 * 6
    assert (tmp_path / "predictions" / "t.parquet").is_file()


def test_forecasts_go_nowhere_else_where_their_disk_has_gone_during_scoring(tmp_path: Path) -> None:
    run = _run(tmp_path / "sweep", make_config(num_epochs=1))
    list(run.epochs())
    (tmp_path / "sweep" / "predictions").rmdir()
    with pytest.raises(StorageError, match=r"predictions/t\.parquet: can't be written .*; bring that disk or"):
        run.score()
    assert not (tmp_path / "sweep" / "predictions").exists()


def test_facts(tmp_path: Path) -> None:
    run = _run(tmp_path, make_config(num_epochs=None, num_steps=20, batch_size=64, time_steps=10))
    # 0.7 * 300 - 10 = 200 windows: 4 steps an epoch
    assert (run.num_train_windows, run.num_epochs) == (200, 5)
    assert run.num_params == 12_864


@pytest.mark.parametrize("model", ["att", "att_mh", "lstm", "vq", "vq_mh"])
def test_same_seed_same_bits(tmp_path: Path, model: str) -> None:
    config = replace(make_config(num_epochs=2, model=model), model_arguments={})
    losses = []
    for name in ("a", "b"):
        torch.manual_seed(len(losses))  # whatever ran before in the same worker
        run = _run(tmp_path / name, config)
        losses.append([epoch.train_loss for epoch in run.epochs()])
    assert losses[0] == losses[1]
    other = _run(tmp_path / "c", config, seed=1)
    assert [epoch.train_loss for epoch in other.epochs()] != losses[0]
