"""Which baselines a sweep's ledger gets, and which of them skills are taken against."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from raysweep.baseline_rows import Baselines
from raysweep.ledger.rows import EvaluationRow
from raysweep.prepare import Workspace, prepare
from tests.conftest import Project

Run = Callable[..., tuple[list[EvaluationRow], Baselines]]


@pytest.fixture
def rows_of(project: Project, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(project.root)
    data = project.root / "data"
    (data / "ripple.csv").write_text((data / "wave.csv").read_text())
    about = (data / "datasets.yaml").read_text()
    ripple = "ripple:\n  file: ripple.csv\n  time_column: hours\n  value_columns: [level]\n  unit: ppm\n"
    (data / "datasets.yaml").write_text(f"{about}{ripple}")
    workspace = Workspace(
        results_dir=project.root / "results", tracking_uri="", data_dir=None, models_dir=project.root / "models"
    )

    def run(trained: list[str], **keys: object) -> tuple[list[EvaluationRow], Baselines]:
        space = {"model": "att", "dataset": {"grid_search": trained}, "train.time_steps": 16}
        prepared = prepare(project.write_sweep("tiny", param_space=space, **keys), [], workspace)
        baselines = Baselines(prepared)
        return baselines.rows_for(prepared.wanted), baselines

    return run


def carried(rows: list[EvaluationRow]) -> set[tuple[str, str]]:
    return {(row.model, row.eval_dataset) for row in rows if row.model.startswith("ridge_from_")}


def test_each_trained_series_lends_its_ridge_to_the_others(rows_of: Run) -> None:
    rows, baselines = rows_of(["wave", "ripple"], evaluate_on=["wave", "ripple"])
    assert carried(rows) == {("ridge_from_wave", "ripple"), ("ridge_from_ripple", "wave")}
    assert {row.kind for row in rows} == {"baseline", "noise_floor"}
    # The two hold the same points, so that a ridge is at home in either.
    home = {(row.eval_set_hash, row.mse) for row in rows if row.model == "ridge" and row.eval_dataset == "ripple"}
    away = {
        (row.eval_set_hash, row.mse) for row in rows if row.model == "ridge_from_wave" and row.eval_dataset == "ripple"
    }
    assert home == away
    # A trial's skill is taken against what knows its series.
    assert {name for found in baselines.references.values() for name in found} == {"last_value", "train_mean", "ridge"}


def test_no_ridge_is_carried_where_no_model_is(rows_of: Run) -> None:
    assert carried(rows_of(["wave", "ripple"])[0]) == set()
    assert carried(rows_of(["wave", "ripple"], evaluate_on=["ripple"])[0]) == {("ridge_from_wave", "ripple")}
    assert carried(rows_of(["wave"], evaluate_on=["wave"])[0]) == set()


def test_none_is_carried_under_replication(rows_of: Run) -> None:
    rows, _ = rows_of(["wave", "ripple"], evaluate_on=["wave", "ripple"], protocol="replication", metric="val_loss")
    assert {row.model for row in rows} >= {"ridge", "last_value"}
    assert carried(rows) == set()
