"""What a person sees in MLflow, beside what the ledger says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlflow.entities import Run, ViewType
from mlflow.tracking import MlflowClient

from raysweep.ledger.reader import LedgerReader, Row
from raysweep.paths import SweepPaths
from raysweep.tracking.runs import stored

PAGE_SIZE = 500
EPOCH_METRICS = ("train_loss", "val_loss", "val_mse_batch")
FINAL_METRICS = {
    "Final/train_loss": "final_train_loss",
    "Final/val_loss": "final_val_loss",
    "Predict/mse_batch": "predict_mse_batch",
    "Predict/mse_regressive": "predict_mse_regressive",
    **{name: name for name in ("val_mse_regressive", "test_mse_batch", "test_mse_regressive")},
    **{name: name for name in ("num_steps", "num_train_windows", "num_params", "train_seconds")},
}
ENDS = {"finished": "FINISHED", "stopped": "FINISHED", "diverged": "FAILED", "failed": "FAILED"}
OUTCOMES = {"done": "FINISHED", "failed": "FAILED"}


class Mlflow:
    """What a person sees in MLflow."""

    def __init__(self, uri: str, sweep: str) -> None:
        self.client = MlflowClient(uri)
        experiment = self.client.get_experiment_by_name(sweep)
        assert experiment is not None, f"MLflow has no experiment {sweep!r}"
        self.experiment_id = experiment.experiment_id

    def runs(self, view: int = ViewType.ACTIVE_ONLY) -> list[Run]:
        found: list[Run] = []
        token: str | None = None
        while True:
            page = self.client.search_runs(
                [self.experiment_id], run_view_type=view, max_results=PAGE_SIZE, page_token=token
            )
            found += page
            token = page.token
            if not token:
                return found

    def parent(self) -> Run:
        return _parent(self.runs())

    def trials(self) -> dict[str, Run]:
        """By trial id; each is there once, and below the sweep's run."""
        runs = self.runs()
        parent_run_id = _parent(runs).info.run_id
        found: dict[str, Run] = {}
        for run in runs:
            if run.info.run_id == parent_run_id:
                continue
            trial_id = run.data.tags["raysweep.trial_id"]
            assert trial_id not in found, f"trial {trial_id} has two runs in MLflow"
            above = run.data.tags["mlflow.parentRunId"]
            assert above == parent_run_id, f"trial {trial_id} is below run {above}, not below the sweep's"
            found[trial_id] = run
        return found

    def history(self, run: Run, metric: str) -> list[tuple[int, int, float]]:
        """Step, timestamp and value."""
        history = self.client.get_metric_history(run.info.run_id, metric)
        return sorted((point.step, point.timestamp, point.value) for point in history)


def assert_equal(uri: str, paths: SweepPaths, *, is_driver_alive: bool = False) -> None:
    """MLflow equals the ledger; without a living driver nothing in it is RUNNING."""
    mlflow = Mlflow(uri, paths.name)
    runs = mlflow.trials()
    with LedgerReader(paths.ledger) as ledger:
        rows = {row["trial_id"]: row for row in ledger.trials() if row["started_at"] is not None}
        lacking, unknown = sorted(rows.keys() - runs.keys()), sorted(runs.keys() - rows.keys())
        assert not lacking, f"trials that MLflow lacks: {lacking}"
        assert not unknown, f"runs of trials that have not begun: {unknown}"
        _check_parent(mlflow.parent(), ledger.last_command(), is_driver_alive)
        for trial_id, row in rows.items():
            _check_run(runs[trial_id], row, is_driver_alive)
            _check_points(mlflow, runs[trial_id], row, ledger.epochs(trial_id))


def assert_params_equal(run: Run, row: Row) -> None:
    wanted = {key: str(value) for key, value in row["config"].items()} | {"seed": str(row["seed"])}
    assert run.data.params == wanted, f"trial {row['trial_id']}: params {run.data.params}, not {wanted}"


def _parent(runs: Sequence[Run]) -> Run:
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(parents) == 1, f"{len(parents)} runs of the sweep itself, not one"
    return parents[0]


def _check_parent(run: Run, command: Mapping[str, Any] | None, is_driver_alive: bool) -> None:
    assert command is not None, "the ledger has no command"
    status = "RUNNING" if is_driver_alive and command["outcome"] is None else OUTCOMES.get(command["outcome"], "KILLED")
    assert run.info.status == status, f"the sweep's run is {run.info.status}, not {status}"


def _check_run(run: Run, row: Row, is_driver_alive: bool) -> None:
    name, tags = f"trial {row['trial_id']}", run.data.tags
    assert_params_equal(run, row)
    status = ENDS.get(row["status"], "RUNNING" if is_driver_alive else "KILLED")
    assert run.info.status == status, f"{name}: its run is {run.info.status}, not {status}"
    for key in ("status", "error", "phase"):
        found = tags.get(f"raysweep.{key}")
        assert found == row[key], f"{name}: tag {key} is {found!r}, not {row[key]!r}"
    begin = round(row["started_at"] * 1000)
    assert run.info.start_time == begin, f"{name}: its run starts at {run.info.start_time}, not {begin}"
    if row["finished_at"] is not None:
        end = round(row["finished_at"] * 1000)
        assert run.info.end_time == end, f"{name}: its run ends at {run.info.end_time}, not {end}"


def _check_points(mlflow: Mlflow, run: Run, row: Row, epochs: Sequence[Row]) -> None:
    name = f"trial {row['trial_id']}"
    for metric in EPOCH_METRICS:
        wanted = [
            (epoch["epoch"], round(epoch["finished_at"] * 1000), stored(epoch[metric]))
            for epoch in epochs
            if epoch[metric] is not None
        ]
        found = mlflow.history(run, metric)
        # As text, because NaN isn't equal to itself.
        assert repr(found) == repr(wanted), f"{name}: MLflow's {metric} is {found}, not {wanted}"
    if row["status"] == "finished":
        for metric, column in FINAL_METRICS.items():
            final = None if row[column] is None else stored(row[column])
            shown = run.data.metrics.get(metric)
            assert repr(shown) == repr(final), f"{name}: MLflow's {metric} is {shown}, not {final}"
