"""A report's pictures among the artifacts of the runs that they show."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from raysweep.paths import SweepPaths
from raysweep.tracking.errors import TrackingError
from raysweep.tracking.sync import sync_ledger
from tests.tracking.ledgers import finished_sweep
from tests.tracking.mlflow_view import Mlflow, assert_equal


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where MLflow keeps artifacts beside a database


def _draw(paths: SweepPaths, name: str, text: str = "<svg/>") -> Path:
    file = paths.figures / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def _artifacts(uri: str, run_id: str) -> dict[str, str]:
    client = MlflowClient(uri)
    names = [item.path for item in client.list_artifacts(run_id, "figures")]
    return {name: Path(client.download_artifacts(run_id, name)).read_text() for name in names}


def test_pictures_lie_with_the_runs_that_they_show(paths: SweepPaths, uri: str) -> None:
    _, second, _ = finished_sweep(paths, 3)
    _draw(paths, "cost.svg", "<svg>cost</svg>")
    _draw(paths, f"trials/{second}.svg", "<svg>µ</svg>")
    _draw(paths, "trials/of-a-trial-that-is-gone.svg")
    report = sync_ledger(paths, uri)
    assert str(report) == "4 new, 2 pictures"
    mlflow = Mlflow(uri, paths.name)
    assert _artifacts(uri, mlflow.parent().info.run_id) == {"figures/cost.svg": "<svg>cost</svg>"}
    of_trials = {name: _artifacts(uri, run.info.run_id) for name, run in mlflow.trials().items()}
    assert of_trials.pop(second) == {"figures/forecasts.svg": "<svg>µ</svg>"}
    assert set(map(len, of_trials.values())) == {0}


def test_only_what_has_changed_is_sent_again(paths: SweepPaths, uri: str) -> None:
    first, *_ = finished_sweep(paths, 2)
    _draw(paths, "cost.svg")
    _draw(paths, f"trials/{first}.svg")
    assert sync_ledger(paths, uri).pictures == 2
    assert str(sync_ledger(paths, uri)) == "nothing to do"
    _draw(paths, f"trials/{first}.svg", "<svg>new</svg>")
    assert str(sync_ledger(paths, uri)) == "1 picture"
    assert str(sync_ledger(paths, uri)) == "nothing to do"
    run = Mlflow(uri, paths.name).trials()[first]
    assert _artifacts(uri, run.info.run_id) == {"figures/forecasts.svg": "<svg>new</svg>"}
    assert_equal(uri, paths)


def test_a_run_that_a_person_deleted_gets_none(paths: SweepPaths, uri: str) -> None:
    first, *_ = finished_sweep(paths, 1)
    sync_ledger(paths, uri)
    MlflowClient(uri).delete_run(Mlflow(uri, paths.name).trials()[first].info.run_id)
    _draw(paths, f"trials/{first}.svg")
    assert sync_ledger(paths, uri).pictures == 0


def test_a_picture_that_cannot_be_read_is_one_error(paths: SweepPaths, uri: str) -> None:
    finished_sweep(paths, 1)
    _draw(paths, "cost.svg").write_bytes(b"\xff")
    with pytest.raises(TrackingError, match=r"cost\.svg: can't be read"):
        sync_ledger(paths, uri)


def test_a_picture_is_neither_waited_for_nor_read_without_end(paths: SweepPaths, uri: str) -> None:
    finished_sweep(paths, 1)
    file = _draw(paths, "cost.svg")
    with file.open("wb") as sparse:
        sparse.truncate(20 * 10**9)
    with pytest.raises(TrackingError, match=r"cost\.svg: can't be read \(it has 20,000 MB, and nothing of its kind"):
        sync_ledger(paths, uri)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(TrackingError, match=r"cost\.svg: it is a pipe, a device or a folder, and no file"):
        sync_ledger(paths, uri)
