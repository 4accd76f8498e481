"""MLflow says what the ledger says, whatever happened before."""

from __future__ import annotations

import dataclasses
import json
import math
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from raysweep.errors import LedgerError
from raysweep.ledger.rows import ConfigRow, EpochRow, TrialEnd, TrialRow
from raysweep.ledger.writer import LedgerWriter
from raysweep.locks import FileLock
from raysweep.paths import SweepPaths
from raysweep.tracking.errors import TrackingError
from raysweep.tracking.projection import Projection
from raysweep.tracking.server import TrackingServer
from raysweep.tracking.sync import sync_ledger
from tests.tracking.conftest import Rows
from tests.tracking.ledgers import BEGIN, SCORES, command, epochs, finish, finished_sweep, register, running_command
from tests.tracking.mlflow_view import Mlflow, assert_equal

NO_SUCH_PID = 2**22 + 1  # above Linux's greatest


def test_a_finished_trial_in_every_detail(paths: SweepPaths, uri: str) -> None:
    finished_sweep(paths, 3)
    report = sync_ledger(paths, uri)
    assert report.is_complete
    assert (report.created, report.updated, report.replaced) == (4, 0, 0)
    assert_equal(uri, paths)
    mlflow = Mlflow(uri, paths.name)
    run = mlflow.trials()["trial0002"]
    assert run.info.run_name == "att 4single w64 lr0.001 s0"
    wanted = {
        "config_id": "config0002",
        "data_source": "original",
        "data_digest": "d" * 16,
        "model_digest": "m" * 16,
        "is_current": "true",
        "code_version": "0.1.0",
        "node": "node-1",
        "device": "cpu",
    }
    assert {key: run.data.tags[f"raysweep.{key}"] for key in wanted} == wanted
    finals = {
        "Final/train_loss": 0.2,
        "Final/val_loss": 0.4,
        "val_mse_regressive": 20.5,
        "test_mse_batch": 3.25,
        "test_mse_regressive": sys.float_info.max,  # MLflow's infinity
        "num_params": 4321.0,
        "num_train_windows": 600.0,
        "num_steps": 50.0,
    }
    for name, value in finals.items():
        assert mlflow.history(run, name) == [(5, round((BEGIN + 0.002) * 1000), value)]
    assert len(mlflow.history(run, "val_mse_batch")) == 5


def test_the_run_of_the_sweep(paths: SweepPaths, uri: str) -> None:
    finished_sweep(paths, 2)
    sync_ledger(paths, uri)
    parent = Mlflow(uri, paths.name).parent()
    assert parent.info.run_name == "4single_timesteps"
    assert (parent.info.status, parent.info.start_time, parent.info.end_time) == (
        "FINISHED",
        round(BEGIN * 1000),
        round((BEGIN + 10) * 1000),
    )
    wanted = {
        "protocol": "holdout",
        "metric": "val_mse_batch",
        "scheduler": "fifo",
        "sweep_file": "sweeps/4single_timesteps.yaml",
        "data_source": "original",
        "trials.finished": "2",
        "trials.failed": "0",
    }
    assert {key: parent.data.tags[f"raysweep.{key}"] for key in wanted} == wanted
    note = parent.data.tags["mlflow.note.content"]
    assert note.startswith("````yaml\nname: 4single_timesteps\n")
    assert note.endswith("\n````")


def test_a_second_sync_adds_nothing_and_is_quick(paths: SweepPaths, uri: str, rows: Rows) -> None:
    finished_sweep(paths, 20)
    sync_ledger(paths, uri)
    before = rows.count()
    assert before["metrics"] == 20 * (3 * 5 + 9)
    report = sync_ledger(paths, uri)
    assert (report.created, report.updated, report.replaced, report.points) == (0, 0, 0, 0)
    assert rows.count() == before
    assert report.seconds < 1.0


def test_catches_up_and_shows_what_runs(paths: SweepPaths, uri: str) -> None:
    with LedgerWriter(paths.ledger) as writer:
        command_id = writer.begin_command(running_command())
        first, second = register(writer, 2)
        projection = Projection(paths, TrackingServer(uri, paths.name))
        assert projection.sync().is_complete
        assert Mlflow(uri, paths.name).trials() == {}
        assert Mlflow(uri, paths.name).parent().info.status == "RUNNING"

        writer.start_trial(first, BEGIN, "0.1.0")
        writer.record_epochs(first, epochs(1, 2))
        projection.sync()
        assert_equal(uri, paths, is_driver_alive=True)
        writer.record_epochs(first, epochs(3, 3))
        assert projection.sync().points == 3
        assert_equal(uri, paths, is_driver_alive=True)
        assert projection.sync().points == 0

        finish(writer, [first, second])
        writer.end_command(command_id, "done", BEGIN + 10)
        projection.sync()
    assert_equal(uri, paths)
    assert Mlflow(uri, paths.name).parent().info.status == "FINISHED"


def test_a_stopped_trial_that_goes_on_keeps_its_run(paths: SweepPaths, uri: str, rows: Rows) -> None:
    with LedgerWriter(paths.ledger) as writer:
        writer.begin_command(running_command())
        (trial_id,) = register(writer, 1)
        writer.start_trial(trial_id, BEGIN, "0.1.0")
        writer.record_epochs(trial_id, epochs(1, 3))
        writer.end_trial(trial_id, TrialEnd(status="stopped", finished_at=BEGIN + 1, stopped_by="asha"))
        sync_ledger(paths, uri)
        stopped = Mlflow(uri, paths.name).trials()[trial_id]
        assert (stopped.info.status, stopped.data.tags["raysweep.stopped_by"]) == ("FINISHED", "asha")
        assert "Final/train_loss" not in stopped.data.metrics

        writer.start_trial(trial_id, BEGIN + 100, "0.1.0")
        sync_ledger(paths, uri)
        running = Mlflow(uri, paths.name).trials()[trial_id]
        assert (running.info.status, running.info.run_id) == ("RUNNING", stopped.info.run_id)
        assert "raysweep.stopped_by" not in running.data.tags

        # It starts from its last checkpoint, so an epoch is trained twice, with the same losses.
        writer.record_epochs(trial_id, epochs(3, 5, begin=BEGIN + 100))
        writer.end_trial(trial_id, TrialEnd(status="finished", finished_at=BEGIN + 101, scores=SCORES))
    report = sync_ledger(paths, uri)
    assert (report.created, report.replaced) == (0, 0)
    assert Mlflow(uri, paths.name).trials()[trial_id].info.run_id == stopped.info.run_id
    assert rows.query("SELECT count(*) FROM metrics WHERE key = 'train_loss'") == [(5,)]
    assert_equal(uri, paths, is_driver_alive=True)


def test_a_failed_trial_says_why_until_it_runs_again(paths: SweepPaths, uri: str) -> None:
    with LedgerWriter(paths.ledger) as writer:
        writer.begin_command(running_command())
        (trial_id,) = register(writer, 1)
        writer.start_trial(trial_id, BEGIN, "0.1.0")
        traceback = "first line\n" + "middle\n" * 2000 + "the last line"
        end = TrialEnd(status="failed", finished_at=BEGIN + 1, error="OSError: \0 disk ", traceback=traceback)
        writer.end_trial(trial_id, end)
        sync_ledger(paths, uri)
        tags = Mlflow(uri, paths.name).trials()[trial_id].data.tags
        assert tags["raysweep.error"] == "OSError: \\0 disk "
        assert tags["raysweep.traceback"].startswith("... (shortened from 14024 characters) ...")
        assert tags["raysweep.traceback"].endswith("the last line")
        assert len(tags["raysweep.traceback"]) == 5000

        finish(writer, [trial_id])
    sync_ledger(paths, uri)
    run = Mlflow(uri, paths.name).trials()[trial_id]
    assert run.info.status == "FINISHED"
    assert not {"raysweep.error", "raysweep.traceback"} & set(run.data.tags)


def test_a_diverged_trial_keeps_its_nan(paths: SweepPaths, uri: str, rows: Rows) -> None:
    with LedgerWriter(paths.ledger) as writer:
        command_id = writer.begin_command(command())
        (trial_id,) = register(writer, 1)
        writer.start_trial(trial_id, BEGIN, "0.1.0")
        writer.record_epochs(trial_id, epochs(1, 3, diverges_at=2))
        writer.end_trial(trial_id, TrialEnd(status="diverged", finished_at=BEGIN + 1, error="at epoch 2"))
        writer.end_command(command_id, "done", BEGIN + 2)
    sync_ledger(paths, uri)
    assert_equal(uri, paths)
    run = Mlflow(uri, paths.name).trials()[trial_id]
    assert math.isnan(run.data.metrics["Final/train_loss"])
    before = rows.count()
    # Without the digest it has to compare the points, and NaN with NaN.
    MlflowClient(uri).delete_tag(run.info.run_id, "raysweep.points")
    assert sync_ledger(paths, uri).replaced == 0
    assert rows.count() == before


@pytest.mark.parametrize("is_command_ended", [False, True])
def test_nothing_is_left_running_without_a_driver(paths: SweepPaths, uri: str, is_command_ended: bool) -> None:
    with LedgerWriter(paths.ledger) as writer:
        command_id = writer.begin_command(running_command() if is_command_ended else command(pid=NO_SUCH_PID))
        (trial_id,) = register(writer, 1)
        writer.start_trial(trial_id, BEGIN, "0.1.0")
        writer.record_epochs(trial_id, epochs(1, 3))
        if is_command_ended:
            sync_ledger(paths, uri)
            assert Mlflow(uri, paths.name).trials()[trial_id].info.status == "RUNNING"
            writer.end_command(command_id, "interrupted", BEGIN + 2)
        sync_ledger(paths, uri)
        mlflow = Mlflow(uri, paths.name)
        assert {run.info.status for run in mlflow.runs()} == {"KILLED"}
        assert mlflow.trials()[trial_id].info.end_time == round((BEGIN + 3 * 0.0004) * 1000)

        writer.begin_command(running_command())
        sync_ledger(paths, uri)
        mlflow = Mlflow(uri, paths.name)
        assert mlflow.trials()[trial_id].info.status == "KILLED"  # until its turn comes
        assert mlflow.parent().info.status == "RUNNING"
        writer.start_trial(trial_id, BEGIN + 5, "0.1.0")
        sync_ledger(paths, uri)
        assert {run.info.status for run in Mlflow(uri, paths.name).runs()} == {"RUNNING"}


def test_the_end_of_the_driver_alone_is_news(paths: SweepPaths, uri: str) -> None:
    with LedgerWriter(paths.ledger) as writer:
        writer.begin_command(running_command())
        (trial_id,) = register(writer, 1)
        writer.start_trial(trial_id, BEGIN, "0.1.0")
    projection = Projection(paths, TrackingServer(uri, paths.name))
    projection.sync()
    assert_equal(uri, paths, is_driver_alive=True)
    projection.sync(is_driver_gone=True)
    assert_equal(uri, paths)


def test_a_ledger_that_was_put_back_counts(paths: SweepPaths, uri: str) -> None:
    with LedgerWriter(paths.ledger) as writer:
        writer.begin_command(running_command())
        (trial_id,) = register(writer, 1)
    copy = paths.ledger.read_bytes()
    with LedgerWriter(paths.ledger) as writer:
        writer.start_trial(trial_id, BEGIN, "0.1.0")
        sync_ledger(paths, uri)
    paths.ledger.write_bytes(copy)
    with LedgerWriter(paths.ledger) as writer:
        writer.start_trial(trial_id, BEGIN + 1000, "0.1.0")
    assert sync_ledger(paths, uri).replaced == 1
    assert_equal(uri, paths, is_driver_alive=True)


def test_a_process_number_that_was_given_away_is_no_driver(paths: SweepPaths, uri: str) -> None:
    with LedgerWriter(paths.ledger) as writer:
        writer.begin_command(command(started_at=BEGIN))  # this process, which started after that
        (trial_id,) = register(writer, 1)
        writer.start_trial(trial_id, BEGIN, "0.1.0")
    sync_ledger(paths, uri)
    assert Mlflow(uri, paths.name).trials()[trial_id].info.status == "KILLED"


@pytest.mark.parametrize("is_at_work", [False, True])
def test_a_driver_on_another_host_is_known_by_its_lock(paths: SweepPaths, uri: str, is_at_work: bool) -> None:
    """Or in a container that is gone: its name is given to no other, and its process can't be asked for."""
    with LedgerWriter(paths.ledger) as writer:
        writer.begin_command(command(host="elsewhere", pid=NO_SUCH_PID))
        (trial_id,) = register(writer, 1)
        writer.start_trial(trial_id, BEGIN, "0.1.0")
    lock = FileLock(paths.driver_lock, "running this sweep")
    lock.acquire()
    if not is_at_work:
        lock.release()
    try:
        sync_ledger(paths, uri)
    finally:
        lock.release()
    assert_equal(uri, paths, is_driver_alive=is_at_work)
    lock.acquire()  # it was only looked at
    lock.release()


def test_a_trial_that_left_the_sweep(paths: SweepPaths, uri: str) -> None:
    with LedgerWriter(paths.ledger) as writer:
        writer.begin_command(running_command())
        first, second = register(writer, 2)
        finish(writer, [first])
        writer.start_trial(second, BEGIN, "0.1.0")
        sync_ledger(paths, uri)
        writer.forget_current()
        register(writer, 1)
    sync_ledger(paths, uri)
    mlflow = Mlflow(uri, paths.name)
    assert mlflow.trials()[first].data.tags["raysweep.is_current"] == "true"
    assert mlflow.trials()[second].data.tags["raysweep.is_current"] == "false"
    assert mlflow.trials()[second].info.status == "KILLED"
    assert mlflow.parent().data.tags["raysweep.trials.finished"] == "1"


def test_an_empty_store_is_filled_again(paths: SweepPaths, uri: str, migrated_database: Path, tmp_path: Path) -> None:
    finished_sweep(paths, 3)
    sync_ledger(paths, uri)
    other = tmp_path / "other.db"
    other.write_bytes(migrated_database.read_bytes())
    assert sync_ledger(paths, f"sqlite:///{other}").created == 4
    assert_equal(f"sqlite:///{other}", paths)


@pytest.mark.parametrize("cut_after", [1, 2, 3, 4, 5, 6, 12])
def test_goes_on_wherever_it_was_cut_off(
    paths: SweepPaths, uri: str, rows: Rows, cut_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to one call is lost, after MLflow has done what was asked."""
    finished_sweep(paths, 3)
    calls = 0

    def cut(name: str) -> None:
        real = getattr(MlflowClient, name)

        def lossy(*arguments: object, **options: object) -> object:
            nonlocal calls
            answer = real(*arguments, **options)
            calls += 1
            if calls == cut_after:
                raise ConnectionResetError("cut off")
            return answer

        monkeypatch.setattr(MlflowClient, name, lossy)

    for name in ("create_experiment", "create_run", "log_batch", "set_terminated"):
        cut(name)
    projection = Projection(paths, TrackingServer(uri, paths.name))
    with pytest.raises(TrackingError, match="cut off"):
        projection.sync()
    assert projection.sync().is_complete
    assert_equal(uri, paths)
    assert rows.count()["runs"] == 4


def test_a_run_that_says_what_the_ledger_does_not_is_made_anew(paths: SweepPaths, uri: str, rows: Rows) -> None:
    with LedgerWriter(paths.ledger) as writer:
        command_id = writer.begin_command(command())
        (trial_id,) = register(writer, 1)
        finish(writer, [trial_id])
        writer.end_command(command_id, "done", BEGIN + 10)
        sync_ledger(paths, uri)
        other = [dataclasses.replace(row, train_loss=7.0) for row in epochs(4, 5)]
        writer.record_epochs(trial_id, other)  # trained again on another machine, say
    report = sync_ledger(paths, uri)
    assert (report.created, report.updated, report.replaced) == (0, 0, 1)
    assert_equal(uri, paths)
    assert sync_ledger(paths, uri).replaced == 0
    assert rows.count()["runs"] == 3


def test_two_runs_of_a_trial_become_one(paths: SweepPaths, uri: str) -> None:
    (trial_id,) = finished_sweep(paths, 1)
    sync_ledger(paths, uri)
    mlflow = Mlflow(uri, paths.name)
    original = mlflow.trials()[trial_id]
    mlflow.client.create_run(mlflow.experiment_id, original.info.start_time + 1, tags=original.data.tags)
    sync_ledger(paths, uri)
    assert Mlflow(uri, paths.name).trials()[trial_id].info.run_id == original.info.run_id


def test_a_deleted_run_stays_deleted_unless_asked(paths: SweepPaths, uri: str, rows: Rows) -> None:
    first, second = finished_sweep(paths, 2)
    sync_ledger(paths, uri)
    mlflow = Mlflow(uri, paths.name)
    mlflow.client.delete_run(mlflow.trials()[first].info.run_id)
    report = sync_ledger(paths, uri)
    assert report.is_complete
    assert (report.kept_deleted, str(report)) == (1, "nothing to do; 1 deleted in MLflow and left so")
    assert set(mlflow.trials()) == {second}
    assert sync_ledger(paths, uri, restore_deleted=True).updated == 1
    assert_equal(uri, paths)
    assert rows.count()["runs"] == 3


def test_a_deleted_experiment_is_explained(paths: SweepPaths, uri: str) -> None:
    finished_sweep(paths, 1)
    sync_ledger(paths, uri)
    mlflow = Mlflow(uri, paths.name)
    mlflow.client.delete_experiment(mlflow.experiment_id)
    with pytest.raises(TrackingError, match=r"experiment '4single_timesteps' is deleted; .* --experiment-id 2`"):
        sync_ledger(paths, uri)


def test_runs_of_others_in_the_experiment_are_let_alone(paths: SweepPaths, uri: str, tmp_path: Path) -> None:
    finished_sweep(paths, 1)
    sync_ledger(paths, uri)
    mlflow = Mlflow(uri, paths.name)
    mine = mlflow.client.create_run(mlflow.experiment_id, tags={"mine": "yes"}, run_name="by hand")
    elsewhere = SweepPaths(tmp_path / "another results folder", paths.name)
    finished_sweep(elsewhere, 1)
    assert sync_ledger(elsewhere, uri).created == 2
    assert sync_ledger(paths, uri).updated == 0
    assert mlflow.client.get_run(mine.info.run_id).info.status == "RUNNING"
    assert len(mlflow.runs()) == 5


def test_a_note_that_a_person_wrote_stays(paths: SweepPaths, uri: str) -> None:
    finished_sweep(paths, 1)
    sync_ledger(paths, uri)
    mlflow = Mlflow(uri, paths.name)
    mlflow.client.set_tag(mlflow.parent().info.run_id, "mlflow.note.content", "my own words")
    mlflow.client.set_tag(mlflow.parent().info.run_id, "raysweep.metric", "tampered with")
    assert sync_ledger(paths, uri).updated == 1
    tags = mlflow.parent().data.tags
    assert (tags["mlflow.note.content"], tags["raysweep.metric"]) == ("my own words", "val_mse_batch")


def test_the_search_is_paged(paths: SweepPaths, uri: str) -> None:
    finished_sweep(paths, 23, num_epochs=1)
    sync_ledger(paths, uri)
    report = Projection(paths, TrackingServer(uri, paths.name, page_size=5)).sync()
    assert (report.is_complete, report.created, report.updated) == (True, 0, 0)


def test_a_long_trial_takes_several_batches(paths: SweepPaths, uri: str) -> None:
    finished_sweep(paths, 1, num_epochs=1000)
    assert sync_ledger(paths, uri).points == 3009
    assert_equal(uri, paths)


def test_many_params_take_several_batches(paths: SweepPaths, uri: str) -> None:
    config = {"protocol": "holdout", "model": "att", "dataset": "y", "train.time_steps": 8, "train.learning_rate": 1.0}
    config |= {f"model.argument_{number}": "x" * 7000 for number in range(120)}
    with LedgerWriter(paths.ledger) as writer:
        command_id = writer.begin_command(command())
        row = ConfigRow(
            config_id="c",
            config=config,
            data_digest="",
            data_source="stand-in",
            model_digest="",
            protocol_version="1",
        )
        writer.register([row], [TrialRow(trial_id="t", config_id="c", seed=3, position=0, phase="confirm")])
        finish(writer, ["t"])
        writer.end_command(command_id, "done", BEGIN + 10)
    sync_ledger(paths, uri)
    run = Mlflow(uri, paths.name).trials()["t"]
    assert run.data.tags["raysweep.phase"] == "confirm"
    params = run.data.params
    assert len(params) == 126
    assert params["model.argument_7"].endswith("... (shortened from 7000 characters) ...")
    assert sync_ledger(paths, uri).updated == 0


def test_odd_names(paths: SweepPaths, uri: str) -> None:
    with LedgerWriter(paths.ledger) as writer:
        command_id = writer.begin_command(command())
        trial_ids = register(
            writer, 1, model="größe_2", dataset="""Ozon µg/m³ 'a' "b" \\ %s; DROP TABLE runs -- 🦆\n"""
        )
        finish(writer, trial_ids)
        writer.end_command(command_id, "done", BEGIN + 10)
    sync_ledger(paths, uri)
    assert_equal(uri, paths)
    assert sync_ledger(paths, uri).updated == 0


def test_a_ledger_without_a_command(paths: SweepPaths, uri: str) -> None:
    with LedgerWriter(paths.ledger):
        pass
    assert sync_ledger(paths, uri).is_complete


def test_no_ledger(paths: SweepPaths, uri: str) -> None:
    with pytest.raises(LedgerError, match="there is no ledger; has this sweep been run"):
        sync_ledger(paths, uri)
    assert not paths.root.exists()


def test_an_epoch_without_a_validation_score(paths: SweepPaths, uri: str) -> None:
    with LedgerWriter(paths.ledger) as writer:
        command_id = writer.begin_command(command())
        (trial_id,) = register(writer, 1)
        writer.start_trial(trial_id, BEGIN, "0.1.0")
        row = EpochRow(
            epoch=1,
            num_steps=1,
            train_loss=1.0,
            val_loss=-math.inf,
            val_mse_batch=None,
            seconds=1.0,
            finished_at=BEGIN + 1,
        )
        writer.record_epochs(trial_id, [row])
        scores = {"predict_mse_batch": 12.0, "predict_mse_regressive": 13.0}
        writer.end_trial(trial_id, TrialEnd(status="finished", finished_at=BEGIN + 2, scores=scores))
        writer.end_command(command_id, "done", BEGIN + 10)
    sync_ledger(paths, uri)
    metrics = Mlflow(uri, paths.name).trials()[trial_id].data.metrics
    assert (metrics["Predict/mse_batch"], metrics["Predict/mse_regressive"]) == (12.0, 13.0)
    assert metrics["val_loss"] == -sys.float_info.max
    assert "val_mse_batch" not in metrics
    assert sync_ledger(paths, uri).updated == 0


def test_two_syncs_at_once(paths: SweepPaths, uri: str) -> None:
    finished_sweep(paths, 1)
    script = (
        "import sys; from pathlib import Path; from raysweep.tracking.lock import TrackingLock\n"
        "lock = TrackingLock(Path(sys.argv[1]), 'raysweep sync'); lock.acquire(0); print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(paths.tracking_lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(
            TrackingError, match=rf"process {holder.pid} on .* \(raysweep sync, for \d+ s\) is bringing"
        ):
            sync_ledger(paths, uri, lock_seconds=0.2)
    finally:
        holder.kill()
        holder.communicate()
    assert sync_ledger(paths, uri, lock_seconds=0.2).is_complete


def test_a_locked_database_is_explained(paths: SweepPaths, uri: str, database: Path, tmp_path: Path) -> None:
    finished_sweep(paths, 1)
    database.write_bytes(b"no database" * 1000)
    with pytest.raises(TrackingError, match=r"MLflow at sqlite:.*: file is not a database"):
        sync_ledger(paths, uri)


@pytest.mark.slow
def test_the_database_is_made_whole_or_not_at_all(
    paths: SweepPaths, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    """Killed while MLflow makes its tables, it leaves none that MLflow would never open again."""
    finished_sweep(paths, 1)
    file = tmp_path / "new folder" / "mlflow.db"
    script = (
        "import sys; from pathlib import Path; from raysweep.paths import SweepPaths\n"
        "from raysweep.tracking.sync import sync_ledger\n"
        "print(sync_ledger(SweepPaths(Path(sys.argv[1]), sys.argv[2]), sys.argv[3]))\n"
    )
    arguments = [sys.executable, "-c", script, str(paths.results_dir), paths.name, f"sqlite:///{file}"]
    killed = subprocess.Popen(arguments)
    deadline = time.monotonic() + 60
    while not any(draft.stat().st_size > 100_000 for draft in tmp_path.glob("new folder/.mlflow.db.*.new")):
        assert time.monotonic() < deadline
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    assert not file.exists()
    capfd.readouterr()
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("2 new\n", "")
    connection = sqlite3.connect(file)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert "Creating initial MLflow database tables" in paths.tracking_log.read_text()


def test_the_lock_says_who_holds_it(paths: SweepPaths, uri: str) -> None:
    finished_sweep(paths, 1)
    sync_ledger(paths, uri)
    assert json.loads(paths.tracking_lock.read_text())["role"] == "raysweep sync"
