"""What a person sees in MLflow, beside what the ledger says."""

from __future__ import annotations

from mlflow.entities import Run, ViewType
from mlflow.tracking import MlflowClient

from raysweep.ledger.reader import LedgerReader
from raysweep.paths import SweepPaths


class Mlflow:
    """What a person sees in MLflow."""

    def __init__(self, uri: str, sweep: str) -> None:
        self.client = MlflowClient(uri)
        experiment = self.client.get_experiment_by_name(sweep)
        assert experiment is not None
        self.experiment_id = experiment.experiment_id

    def runs(self, view: int = ViewType.ACTIVE_ONLY) -> list[Run]:
        return list(self.client.search_runs([self.experiment_id], run_view_type=view, max_results=5000))

    def parent(self) -> Run:
        (parent,) = (run for run in self.runs() if "mlflow.parentRunId" not in run.data.tags)
        return parent

    def trials(self) -> dict[str, Run]:
        """By trial id; each is there once, and below the sweep's run."""
        parent_run_id = self.parent().info.run_id
        children = self.client.search_runs(
            [self.experiment_id], f"tags.mlflow.parentRunId = '{parent_run_id}'", max_results=5000
        )
        found = {run.data.tags["raysweep.trial_id"]: run for run in children}
        assert len(found) == len(children) == len(self.runs()) - 1
        return found

    def history(self, run: Run, metric: str) -> list[tuple[int, int, float]]:
        """Step, timestamp and value."""
        history = self.client.get_metric_history(run.info.run_id, metric)
        return sorted((point.step, point.timestamp, point.value) for point in history)


def assert_equal(uri: str, paths: SweepPaths, *, is_driver_alive: bool = False) -> None:
    """MLflow equals the ledger."""
    mlflow = Mlflow(uri, paths.name)
    runs = mlflow.trials()
    with LedgerReader(paths.ledger) as ledger:
        rows = {row["trial_id"]: row for row in ledger.trials() if row["started_at"] is not None}
        assert set(runs) == set(rows)
        for trial_id, row in rows.items():
            run = runs[trial_id]
            assert_params_equal(run, row)
            ended = {"finished": "FINISHED", "stopped": "FINISHED", "diverged": "FAILED", "failed": "FAILED"}
            status = ended.get(row["status"], "RUNNING" if is_driver_alive else "KILLED")
            assert run.info.status == status
            assert run.data.tags["raysweep.status"] == row["status"]
            assert run.data.tags.get("raysweep.error") == row["error"]
            assert run.info.start_time == round(row["started_at"] * 1000)
            if row["finished_at"] is not None:
                assert run.info.end_time == round(row["finished_at"] * 1000)
            for metric in ("train_loss", "val_loss", "val_mse_batch"):
                wanted = [
                    (epoch["epoch"], round(epoch["finished_at"] * 1000), epoch[metric])
                    for epoch in ledger.epochs(trial_id)
                ]
                # As text, because NaN isn't equal to itself.
                assert repr(mlflow.history(run, metric)) == repr(wanted)


def assert_params_equal(run: Run, row: dict) -> None:
    assert run.data.params == {key: str(value) for key, value in row["config"].items()} | {"seed": str(row["seed"])}
