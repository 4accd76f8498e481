"""The oracle itself: a whole sweep passes, and each thing that can be wrong is found and named."""

from __future__ import annotations

import math
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from raysweep.analysis.export import export_tables
from raysweep.ledger.database import register_checksum
from raysweep.ledger.rows import TrialEnd
from raysweep.ledger.writer import LedgerWriter
from raysweep.paths import SweepPaths
from raysweep.tracking.sync import sync_ledger
from tests.conftest import Project
from tests.faults.oracle import check_ledger, check_sweep, finished
from tests.tracking.ledgers import BEGIN, FACTS, SCORES, command, epochs, evaluation, register

NAME = "checked"


@pytest.fixture
def sweep(tmp_path: Path, migrated_database: Path) -> Project:
    """Four trials, one of them diverged and one stopped, in all three places."""
    project = Project(tmp_path)
    shutil.copy(migrated_database, tmp_path / "mlflow.db")
    paths = project.paths(NAME)
    with LedgerWriter(paths.ledger) as writer:
        command_id = writer.begin_command(command())
        trial_ids = register(writer, 4, num_epochs=5)
        for trial_id, status in zip(trial_ids, ("finished", "finished", "diverged", "stopped"), strict=True):
            writer.start_trial(trial_id, BEGIN, "0.1.0")
            diverges_at = 5 if status == "diverged" else None
            writer.record_epochs(trial_id, epochs(1, 5, diverges_at=diverges_at), facts=FACTS)
            if status == "stopped":
                writer.end_trial(trial_id, TrialEnd(status=status, finished_at=BEGIN + 9, stopped_by="fifo"))
                continue
            end = TrialEnd(status=status, finished_at=BEGIN + 9, scores=SCORES)
            writer.end_trial(trial_id, end, [evaluation(trial_id)])
        writer.end_command(command_id, "done", BEGIN + 10)
    export_tables(paths)
    sync_ledger(paths, _uri(project))
    return project


def _uri(project: Project) -> str:
    return f"sqlite:///{project.root / 'mlflow.db'}"


def _sql(*statements: str) -> Callable[[SweepPaths], None]:
    def change(file: Path) -> None:
        with sqlite3.connect(file) as connection:
            register_checksum(connection)
            for statement in statements:
                assert connection.execute(statement).rowcount > 0, f"{statement} changes nothing"
        connection.close()

    return change


LEDGER_FAULTS = {
    "4 current trials in the ledger, not 5": "UPDATE trials SET status = status",
    "3 current trials": "UPDATE trials SET is_current = 0 WHERE trial_id = 'trial0001'",
    "twice": "UPDATE trials SET config_id = 'config0000'",
    "it has not ended": "UPDATE trials SET status = 'running' WHERE trial_id = 'trial0000'",
    "last command has no end": "UPDATE commands SET outcome = NULL",
    "its epochs are [1, 2, 4, 5]": "DELETE FROM epochs WHERE trial_id = 'trial0000' AND epoch = 3",
    "4 epochs, not 5": "DELETE FROM epochs WHERE trial_id = 'trial0000' AND epoch = 5",
    "final_train_loss is 7.0": "UPDATE trials SET final_train_loss = 7 WHERE trial_id = 'trial0001'",
    "finished and has no scores": "DELETE FROM evaluations WHERE trial_id = 'trial0001'",
    "has changed from": "UPDATE epochs SET val_loss = 7 WHERE trial_id = 'trial0001' AND epoch = 2",
    "had a result, which has changed": "UPDATE trials SET started_at = 7 WHERE trial_id = 'trial0001'",
    "and has none any more": "UPDATE trials SET status = 'failed' WHERE trial_id = 'trial0001'",
    "trial0003 had a result, which has changed": "UPDATE trials SET finished_at = 7 WHERE trial_id = 'trial0003'",
    "1 trials have failed, not 0: ['trial0001']": "UPDATE trials SET status = 'failed' WHERE trial_id = 'trial0001'",
}
MLFLOW_FAULTS = {
    "trials that MLflow lacks: ['trial0001']": "UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = {run}",
    "its run is RUNNING, not FINISHED": "UPDATE runs SET status = 'RUNNING' WHERE run_uuid = {run}",
    "the sweep's run is RUNNING": "UPDATE runs SET status = 'RUNNING' WHERE run_uuid NOT IN"
    " (SELECT run_uuid FROM tags WHERE key = 'mlflow.parentRunId')",
    "MLflow's val_loss is": "DELETE FROM metrics WHERE run_uuid = {run} AND step = 2 AND key = 'val_loss'",
    "MLflow's train_loss is": "INSERT INTO metrics SELECT key, value, timestamp + 1, run_uuid, step, is_nan"
    " FROM metrics WHERE run_uuid = {run} AND step = 2 AND key = 'train_loss'",
    "MLflow's test_mse_batch is": "UPDATE latest_metrics SET value = 7 WHERE run_uuid = {run}"
    " AND key = 'test_mse_batch'",
    "has two runs in MLflow": "UPDATE tags SET value = 'trial0000' WHERE run_uuid = {run}"
    " AND key = 'raysweep.trial_id'",
}


def _set(column: str, value: object) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        values = [value, *table.column(column).to_pylist()[1:]]
        index = table.schema.get_field_index(column)
        return table.set_column(index, table.field(column), pa.array(values, table.field(column).type))

    return change


def _and_another(table: pa.Table) -> pa.Table:
    return pa.concat_tables([table, _set("eval_set_hash", "another")(table)[:1]])


PARQUET_FAULTS = {
    "trials.parquet: rows that it lacks": ("trials", lambda table: table.slice(1)),
    "epochs.parquet: ('trial0000', 1) is there twice": ("epochs", lambda table: pa.concat_tables([table, table[:1]])),
    "train_loss is None": ("epochs", _set("train_loss", None)),
    "train_loss is nan": ("epochs", _set("train_loss", math.nan)),
    "test_mse_regressive is 1.7": ("trials", _set("test_mse_regressive", 1.7)),
    "there is no column mase": ("evaluations", lambda table: table.drop_columns("mase")),
    "rows that the ledger lacks": ("evaluations", _and_another),
}


def _fails(project: Project, message: str, *, num_trials: int = 4, before: object = None) -> None:
    with pytest.raises(AssertionError, match=re.escape(message)):
        check_sweep(project, NAME, num_trials=num_trials, finished_before=before or {})


def test_a_whole_sweep_passes(sweep: Project) -> None:
    before = finished(sweep.paths(NAME))
    assert sorted(before) == ["trial0000", "trial0001", "trial0002", "trial0003"]
    check_sweep(sweep, NAME, num_trials=4, finished_before=before)


def test_under_another_scheduler_a_stopped_trial_may_go_on(sweep: Project) -> None:
    before = finished(sweep.paths(NAME))
    assert before["trial0003"][:2] == ("stopped", "fifo")
    _sql("UPDATE trials SET finished_at = 7 WHERE trial_id = 'trial0003'", "UPDATE commands SET scheduler = 'asha'")(
        sweep.paths(NAME).ledger
    )
    check_ledger(sweep.paths(NAME), num_trials=4, finished_before=before)


@pytest.mark.parametrize("message", LEDGER_FAULTS)
def test_a_fault_of_the_ledger(sweep: Project, message: str) -> None:
    before = {} if "have failed" in message else finished(sweep.paths(NAME))
    _sql(LEDGER_FAULTS[message])(sweep.paths(NAME).ledger)
    _fails(sweep, message, num_trials=5 if message.startswith("4 current") else 4, before=before)


@pytest.mark.parametrize("message", MLFLOW_FAULTS)
def test_a_fault_of_mlflow(sweep: Project, message: str) -> None:
    run = "(SELECT run_uuid FROM tags WHERE key = 'raysweep.trial_id' AND value = 'trial0001')"
    _sql(MLFLOW_FAULTS[message].format(run=run))(sweep.root / "mlflow.db")
    _fails(sweep, message)


@pytest.mark.parametrize("message", PARQUET_FAULTS)
def test_a_fault_of_the_tables(sweep: Project, message: str) -> None:
    name, change = PARQUET_FAULTS[message]
    file = getattr(sweep.paths(NAME), name)
    pq.write_table(change(pq.read_table(file)), file)
    _fails(sweep, message)


def test_nan_is_compared(sweep: Project) -> None:
    """A loss of NaN that has become null, or the other way round, is a fault."""
    table = pq.read_table(sweep.paths(NAME).epochs)
    assert pc.any(pc.is_nan(table.column("train_loss"))).as_py()
    filled = table.set_column(
        table.schema.get_field_index("train_loss"),
        "train_loss",
        pc.if_else(pc.is_nan(table.column("train_loss")), None, table.column("train_loss")),
    )
    pq.write_table(filled, sweep.paths(NAME).epochs)
    _fails(sweep, "train_loss is None, in the ledger nan")
