"""Whole sweeps, as a user types them: real processes, real Ray, real MLflow on SQLite."""

from __future__ import annotations

import itertools
import sqlite3
import time
from typing import Any

import pandas as pd
import pytest

from raysweep.ledger.reader import LedgerReader
from tests.conftest import Project
from tests.tracking.servers import find_free_port

pytestmark = pytest.mark.slow

TINY = {"train.time_steps": 16, "train.num_epochs": 3}


def _space(**keys: Any) -> dict[str, Any]:
    return {"dataset": "wave", **TINY, **keys}


def _grid(*values: object) -> dict[str, object]:
    return {"grid_search": list(values)}


def _rows(project: Project, sweep: str) -> dict[str, dict[str, Any]]:
    with LedgerReader(project.paths(sweep).ledger) as reader:
        return {row["trial_id"]: row for row in reader.trials()}


def _epochs(project: Project, sweep: str) -> pd.DataFrame:
    with LedgerReader(project.paths(sweep).ledger) as reader:
        return pd.DataFrame(reader.epochs())


def _losses(project: Project, sweep: str) -> dict[tuple[str, int], tuple[float, float]]:
    epochs = _epochs(project, sweep)
    keys = zip(epochs["trial_id"], epochs["epoch"], strict=True)
    return dict(zip(keys, zip(epochs["train_loss"], epochs["val_loss"], strict=True), strict=True))


def _done(project: Project, sweep: str) -> dict[str, tuple[Any, ...]]:
    """What must never change of a finished trial."""
    columns = ("status", "started_at", "finished_at", "final_val_loss", "test_mse_batch", "revision")
    return {name: tuple(row[column] for column in columns) for name, row in _rows(project, sweep).items()}


def test_the_whole_way_once_and_again(fresh_project: Project) -> None:
    project = fresh_project
    """With a Ray of its own: run, run again, widen the grid, edit a model."""
    space = _space(model=_grid("att", "lstm"), **{"train.learning_rate": _grid(1e-2, 1e-3)})
    sweep = project.write_sweep("tiny", evaluate_on=["wave", "short"], param_space=space)
    first = project.run(sweep)
    assert "tiny: 4 trials: 4 new" in first.stdout
    assert "ridge" in first.stdout, "baselines stand in the leaderboard"
    assert "ray" not in first.stderr.lower(), "Ray's own noise stays out of sight"
    rows = _rows(project, "tiny")
    assert [row["status"] for row in rows.values()] == ["finished"] * 4
    assert [row["epochs"] for row in rows.values()] == [3] * 4
    _check_files(project)
    _check_mlflow(project)

    before, started = _done(project, "tiny"), time.monotonic()
    second = project.run(sweep)
    assert time.monotonic() - started < 15
    assert "nothing to run: all 4 trials are done" in second.stdout
    assert _done(project, "tiny") == before

    wider = project.run(sweep, "train.learning_rate=1e-2,1e-3,3e-3")
    assert "6 trials: 4 done, 2 new" in wider.stdout
    assert {name: row for name, row in _done(project, "tiny").items() if name in before}.keys() == before.keys()
    assert _unchanged(before, _done(project, "tiny"))

    model = project.root / "models" / "att.py"
    model.write_text(model.read_text() + "\n# a comment changes nothing\n")
    assert "6 done" in project.run("plan", sweep, "train.learning_rate=1e-2,1e-3,3e-3").stdout
    model.write_text(model.read_text() + "\nEDITED = True\n")
    edited = project.run(sweep, "train.learning_rate=1e-2,1e-3")
    assert "4 trials: 2 done, 2 new" in edited.stdout, "lstm has not been edited"
    after = _done(project, "tiny")
    assert len(after) == 8
    assert _unchanged(before, after), "old rows stay under their digest"
    layers = project.root / "models" / "_layers.py"
    layers.write_text(layers.read_text() + "\nEDITED = True\n")
    assert "4 trials: 4 new" in project.run("plan", sweep, "train.learning_rate=1e-2,1e-3").stdout


def _unchanged(before: dict[str, tuple[Any, ...]], after: dict[str, tuple[Any, ...]]) -> bool:
    """But for the revision, which counts that a row is current or no longer is."""
    return all(after[name][:-1] == row[:-1] for name, row in before.items())


def _check_files(project: Project) -> None:
    paths = project.paths("tiny")
    trials, epochs = pd.read_parquet(paths.trials), pd.read_parquet(paths.epochs)
    evaluations = pd.read_parquet(paths.evaluations)
    assert len(trials) == 4
    assert len(epochs) == 12
    assert set(trials["data_source"]) == {"file"}
    own = evaluations[(evaluations["kind"] == "trial") & (evaluations["eval_dataset"] == "wave")]
    assert len(own) == 4 * 6
    assert own[["skill_last", "skill_mean", "skill_ridge"]].notna().all().all()
    last = evaluations[(evaluations["kind"] == "baseline") & (evaluations["model"] == "last_value")]
    merged = own.merge(last, on="eval_set_hash", suffixes=("", "_last"))
    assert len(merged) == len(own)
    assert (1 - merged["mse"] / merged["mse_last"]).to_numpy() == pytest.approx(merged["skill_last"].to_numpy())
    for trial_id in trials["trial_id"]:
        assert (paths.predictions / f"{trial_id}.parquet").is_file()
    assert "ridge" in paths.leaderboard.read_text()


def _check_mlflow(project: Project) -> None:
    with sqlite3.connect(project.root / "mlflow.db") as database:
        runs = database.execute("SELECT run_uuid, status FROM runs").fetchall()
        nested = database.execute("SELECT count(*) FROM tags WHERE key = 'mlflow.parentRunId'").fetchone()
        losses = database.execute("SELECT count(*) FROM metrics WHERE key = 'train_loss'").fetchone()
    assert len(runs) == 5, "the sweep and its four trials"
    assert {status for _, status in runs} == {"FINISHED"}
    assert nested == (4,)
    assert losses == (12,)


BROKEN = '''
"""A model for tests of failure."""

import torch
from torch import Tensor, nn


class Model(nn.Module):
    """Fails, or gives NaN, as told."""

    is_align_target = True

    def __init__(self, *, num_channels: int = 1, how: str = "raise") -> None:
        super().__init__()
        self.how = how
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "raise":
            raise RuntimeError("the model has had enough")
        if self.how == "odd":  # a byte of a file's name, say, that is no UTF-8
            raise RuntimeError("odd \\udce9")
        return x * self.scale * (float("nan") if self.how == "nan" else 1.0)
'''


def test_failures_and_divergence_do_not_end_the_sweep(fast_project: Project) -> None:
    (fast_project.root / "models" / "broken.py").write_text(BROKEN)
    space = _space(model="broken", **{"model.how": _grid("raise", "odd", "nan", "fine")})
    sweep = fast_project.write_sweep("faulty", param_space=space)
    done = fast_project.run(sweep, expect=1)
    told = [line for line in done.stdout.splitlines() if "the model has had enough" in line]
    assert len(told) == 1, "one line on screen"
    assert "Traceback" not in done.stdout + done.stderr
    by_how = {row["config"]["model.how"]: row for row in _rows(fast_project, "faulty").values()}
    assert by_how["raise"]["status"] == "failed"
    assert by_how["raise"]["error"] == "RuntimeError: the model has had enough"
    assert 'raise RuntimeError("the model has had enough")' in by_how["raise"]["traceback"]
    assert (by_how["odd"]["status"], by_how["odd"]["error"]) == ("failed", "RuntimeError: odd \\udce9")
    assert by_how["nan"]["status"] == "diverged"
    assert by_how["nan"]["error"] == "the loss was not finite in epoch 1"
    assert by_how["fine"]["status"] == "finished"
    trials = pd.read_parquet(fast_project.paths("faulty").trials).set_index("model.how")
    assert trials.loc["nan", "Final/train_loss"] != trials.loc["nan", "Final/train_loss"], "NaN stays NaN"

    again = fast_project.run(sweep, expect=1)
    assert "2 done, 2 failed before, to try again" in again.stdout


@pytest.mark.nightly
def test_a_stopped_trial_goes_on_when_the_scheduler_is_taken_away(fast_project: Project) -> None:
    """And then it has the losses of one that was never stopped, bit for bit; side by side or alone."""
    keys = {"train.num_epochs": 9, "train.learning_rate": _grid(1e-2, 1e-9, 1e-8, 1e-7)}
    space = _space(model="att", **keys)
    asha = {"asha": {"grace_period": 2, "reduction_factor": 2, "within": ["model"]}}
    sweep = fast_project.write_sweep("halving", param_space=space, scheduler=asha)
    fast_project.run(sweep, "--jobs", "1")  # the best comes first: came they from worst to best, none would be stopped
    rows = _rows(fast_project, "halving")
    in_turn = sorted(rows.values(), key=lambda row: row["started_at"])
    assert all(one["finished_at"] <= other["started_at"] for one, other in itertools.pairwise(in_turn)), "--jobs 1"
    stopped = {name: row for name, row in rows.items() if row["status"] == "stopped"}
    assert stopped, "learning rates of next to nothing must fall behind"
    assert all(row["epochs"] in (2, 4, 8) for row in stopped.values())
    with LedgerReader(fast_project.paths("halving").ledger) as reader:
        rungs = reader.rungs(next(iter(stopped.values()))["stopped_by"])
    assert {row.trial_id for row in rungs if row.is_stop} == set(stopped)
    assert all(row.cutoff is not None and row.score > row.cutoff for row in rungs if row.is_stop)

    assert "4 done" in fast_project.run("plan", sweep).stdout, "what was stopped stays stopped"
    assert f"{len(stopped)} stopped before, to go on with" in fast_project.run(sweep, "scheduler=fifo").stdout
    rows = _rows(fast_project, "halving")
    assert {(row["status"], row["epochs"]) for row in rows.values()} == {("finished", 9)}

    fast_project.run(fast_project.write_sweep("plain", param_space=space))
    assert _losses(fast_project, "plain") == _losses(fast_project, "halving")
    scores = {name: row["test_mse_regressive"] for name, row in _rows(fast_project, "plain").items()}
    assert scores == {name: row["test_mse_regressive"] for name, row in rows.items()}


@pytest.mark.nightly
def test_one_trial_at_a_time_gives_the_same_losses(project: Project) -> None:
    space = _space(model=_grid("att", "vq_mh"), **{"train.learning_rate": _grid(1e-2, 1e-3)})
    for name in ("alone", "together"):
        jobs = "1" if name == "alone" else "2"
        project.run(project.write_sweep(name, param_space=space), "--jobs", jobs)
    assert _losses(project, "alone") == _losses(project, "together")


@pytest.mark.nightly  # a HyperOpt sweep that is killed goes on where it was, too
def test_hyperopt_goes_on_where_it_was(fast_project: Project) -> None:
    space = _space(model={"choice": ["att", "vq"]}, **{"train.learning_rate": {"loguniform": [1e-4, 1e-1]}})
    sweep = fast_project.write_sweep("search", param_space=space, search={"hyperopt": {"num_samples": 4}})
    assert "4 trials: 4 for HyperOpt to propose" in fast_project.run(sweep).stdout
    before = _done(fast_project, "search")
    assert len(before) == 4
    assert "nothing to run" in fast_project.run(sweep).stdout
    sweep = fast_project.write_sweep("search", param_space=space, search={"hyperopt": {"num_samples": 6}})
    assert "6 trials: 4 done, 2 for HyperOpt to propose" in fast_project.run(sweep).stdout
    after = _done(fast_project, "search")
    assert len(after) == 6
    assert _unchanged(before, after)


def test_a_series_added_to_evaluate_on_is_scored_without_training(fast_project: Project) -> None:
    space = _space(model="att", **{"train.time_steps": _grid(8, 64)})
    sweep = fast_project.write_sweep("transfer", param_space=space)
    fast_project.run(sweep)
    before, epochs = _done(fast_project, "transfer"), _losses(fast_project, "transfer")
    sweep = fast_project.write_sweep("transfer", param_space=space, evaluate_on=["wave", "short"])
    assert "2 to score on more series" in fast_project.run(sweep).stdout
    assert _losses(fast_project, "transfer") == epochs
    assert _unchanged(before, _done(fast_project, "transfer"))
    table = pd.read_parquet(fast_project.paths("transfer").evaluations)
    away = table[(table["kind"] == "trial") & (table["eval_dataset"] == "short")]
    assert set(away.loc[away["time_steps"] == 8, "num_targets"] > 0) == {True}
    too_long = away[away["time_steps"] == 64]
    assert set(too_long["num_targets"]) == {0}
    assert too_long["reason"].str.contains("before one window of 64").all()
    assert "2 done" in fast_project.run("plan", sweep).stdout

    series = fast_project.root / "data" / "short.csv"
    series.write_text(series.read_text().replace("hours,level\n0.0,", "hours,level\n0.0,1"))
    assert "2 to score on more series" in fast_project.run(sweep).stdout, "the series has changed"
    assert _losses(fast_project, "transfer") == epochs
    table = pd.read_parquet(fast_project.paths("transfer").evaluations)
    away = table[(table["kind"] == "trial") & (table["eval_dataset"] == "short")]
    assert len(away) == 2 * 12
    assert away["is_current"].sum() == 12, "the scores on what it was before stay, and are told apart"


def test_replication_and_several_channels(fast_project: Project) -> None:
    models = _grid("lstm", "att", "att_mh", "vq", "vq_mh")
    space = {"dataset": "pair", **TINY, "model": models}
    fast_project.run(fast_project.write_sweep("seeds_own", protocol="replication", param_space=space))
    trials = pd.read_parquet(fast_project.paths("seeds_own").trials)
    columns = ["Predict/mse_regressive", "Predict/mse_batch", "Final/train_loss", "Final/val_loss"]
    assert trials[columns].notna().all().all()
    assert trials[["val_mse_batch", "test_mse_batch"]].isna().all().all()


def test_bad_input_starts_nothing(fresh_project: Project) -> None:
    space = {"model": "atk", "dataset": "wave", "train.time_stepz": 3}
    done = fresh_project.run(fresh_project.write_sweep("bad", param_space=space), expect=2)
    assert "did you mean att" in done.stderr
    assert "train.time_stepz" in done.stderr
    assert "2 problems; nothing was started." in done.stderr
    assert not (fresh_project.root / "results").exists()
    assert not (fresh_project.root / "mlflow.db").exists()


def test_a_ray_that_is_not_there_is_one_clear_line(project: Project) -> None:
    project.environment = {"RAY_ADDRESS": f"127.0.0.1:{find_free_port()}", "RAY_AUTH_MODE": "disabled"}
    sweep = project.write_sweep("alone", param_space={"dataset": "wave", "model": "att", **TINY})
    done = project.run(sweep, expect=3)
    assert f"the Ray at {project.environment['RAY_ADDRESS']} (RAY_ADDRESS) can't be joined: " in done.stderr
    assert "Traceback" not in done.stderr
    assert "starting Ray again" not in done.stdout
