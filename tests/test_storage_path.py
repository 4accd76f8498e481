"""Sweeps whose checkpoints and forecasts lie elsewhere, and whose results are lost."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from raysweep.analysis.forecasts import read_forecasts
from raysweep.errors import InputError
from raysweep.leases import Lease
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.writer import LedgerWriter
from raysweep.prepare import Workspace, prepare
from raysweep.recovery import remember_storage
from raysweep.storage import STORAGE_VARIABLE, LocalFolder
from tests.conftest import Project
from tests.faults.waiting import wait_for
from tests.ledger.samples import COMMAND
from tests.object_stores import CREDENTIALS, bucket

__all__ = ["bucket"]

SPACE = {"model": "att", "dataset": "wave", "train.time_steps": 16, "train.num_epochs": 3}


def _rows(project: Project) -> dict[str, dict[str, Any]]:
    with LedgerReader(project.paths("far").ledger) as reader:
        return {row["trial_id"]: row for row in reader.trials()}


def _lose_results(project: Project) -> None:
    shutil.rmtree(project.root / "results")


@pytest.mark.nightly
def test_a_lost_head_is_replaced(fast_project: Project, tmp_path: Path) -> None:
    project, shared = fast_project, tmp_path / "shared"
    shared.mkdir()
    sweep = project.write_sweep("far", storage_path=str(shared), seeds=[0, 1], param_space=SPACE)
    done = project.run(sweep)
    assert f"checkpoints  {shared}/far/checkpoints/" in done.stdout
    before, paths = _rows(project), project.paths("far")
    assert not paths.checkpoints.exists()
    assert not paths.predictions.exists()

    _lose_results(project)
    done = project.run(sweep, "seeds=0,1,2")
    assert f"no ledger in results/far: taken from its copy {shared}/far/ledger_copies/ledger-00000" in done.stdout
    assert "3 trials (1 configs, 3 seeds each): 2 done, 1 new" in done.stdout
    after = _rows(project)
    assert len(after) == 3
    for trial_id, row in before.items():
        assert {**row, "revision": 0} == {**after[trial_id], "revision": 0}
        assert read_forecasts(paths, trial_id, "wave", horizon=30) is not None

    # Without a copy too, what was trained isn't trained again: the seconds are those of the first time.
    _lose_results(project)
    shutil.rmtree(shared / "far" / "ledger_copies")
    project.run(sweep)
    again = _rows(project)
    assert {name: row["train_seconds"] for name, row in again.items()} == {
        name: row["train_seconds"] for name, row in before.items()
    }

    done = project.run("plan", sweep, "--storage-path", tmp_path / "elsewhere")
    assert "2 trials (1 configs, 2 seeds each): 2 done" in done.stdout, "where files lie is no part of what a trial is"


@pytest.mark.nightly
def test_a_head_that_is_back_goes_on_with_what_another_did(fast_project: Project, tmp_path: Path) -> None:
    project, shared = fast_project, tmp_path / "shared"
    shared.mkdir()
    sweep = project.write_sweep("far", storage_path=str(shared), param_space=SPACE)
    project.run(sweep)
    done = project.run(sweep, "seeds=0,1", "--results-dir", "second")
    assert "2 trials (1 configs, 2 seeds each): 1 done, 1 new" in done.stdout
    done = project.run(sweep, "seeds=0,1")
    assert "the ledger in results/far is older than its copy" in done.stdout
    assert "nothing to run: all 2 trials are done" in done.stdout
    assert len(_rows(project)) == 2


@pytest.mark.nightly
def test_where_nothing_is_to_run_the_ledger_still_learns_of_its_storage(fast_project: Project, tmp_path: Path) -> None:
    project, first, second = fast_project, tmp_path / "first", tmp_path / "second"
    first.mkdir()
    sweep = project.write_sweep("far", param_space=SPACE)
    project.run(sweep, "--storage-path", first)
    (trial_id,) = _rows(project)
    first.rename(second)
    done = project.run(sweep, "--storage-path", second)
    assert "nothing to run" in done.stdout
    assert read_forecasts(project.paths("far"), trial_id, "wave", horizon=30) is not None

    copies = LocalFolder(second / "far" / "ledger_copies")
    for name in copies.names():
        copies.remove(name)
    project.run(sweep, "--storage-path", second)
    assert len(copies.names()) == 1, "a copy that couldn't be made is made"

    done = project.run(sweep, "--storage-path", first, expect=2)
    assert "first can't be used (No such file or directory)" in done.stderr
    assert not first.exists()


def test_a_place_that_has_changed_is_told(fresh_project: Project) -> None:
    sweep = fresh_project.write_sweep("far", param_space=SPACE)
    root, notes = fresh_project.root, list[str]()
    workspace = Workspace(
        results_dir=root / "results", tracking_uri="", data_dir=root / "data", models_dir=root / "models"
    )
    ledger = LedgerWriter(fresh_project.paths("far").ledger)
    for location in ("/mnt/a", "/mnt/a", "/mnt/b", None, "/mnt/c"):
        overrides = [] if location is None else [f"storage_path={location}"]
        remember_storage(ledger, prepare(sweep, overrides, workspace), notes.append)
        ledger.begin_command(COMMAND)
        with LedgerReader(fresh_project.paths("far").ledger) as reader:
            assert reader.storage_path() == location
    ledger.close()
    before = ["/mnt/a/far", "/mnt/b/far", str(root / "results/far")]
    assert notes == [
        f"storage_path has changed: copy checkpoints and predictions from {there}, or unfinished trials begin anew"
        for there in before
    ]


def test_the_place_of_a_machine_is_for_sweeps_that_name_none(fresh_project: Project) -> None:
    root = fresh_project.root
    workspace = Workspace(
        results_dir=root / "results",
        tracking_uri="",
        data_dir=root / "data",
        models_dir=root / "models",
        storage_path="/mnt/all/",
    )
    sweep = fresh_project.write_sweep("far", param_space=SPACE)
    assert prepare(sweep, [], workspace).sweep.storage_path == "/mnt/all"
    assert prepare(sweep, ["storage_path=/mnt/own"], workspace).sweep.storage_path == "/mnt/own"
    plain = prepare(sweep, [], replace(workspace, storage_path=None))
    assert [trial.trial_id for trial in plain.wanted] == [
        trial.trial_id for trial in prepare(sweep, [], workspace).wanted
    ]
    with pytest.raises(InputError, match=r"RAYSWEEP_STORAGE_PATH: .*relative.* which is another folder"):
        prepare(sweep, [], replace(workspace, storage_path="relative"))


def test_places_come_from_the_environment(fresh_project: Project, tmp_path: Path) -> None:
    """On a cluster's machines they are set, so that the same command runs there."""
    sweep = fresh_project.write_sweep("far", param_space=SPACE)
    fresh_project.environment = {"RAYSWEEP_RESULTS_DIR": str(tmp_path / "all"), "RAYSWEEP_STORAGE_PATH": "nowhere"}
    told = fresh_project.run("plan", sweep, expect=2).stderr
    assert told.startswith("RAYSWEEP_STORAGE_PATH: ")
    fresh_project.environment["RAYSWEEP_STORAGE_PATH"] = ""
    assert "1 trial" in fresh_project.run("plan", sweep).stdout
    assert f"{tmp_path / 'all'}: no sweep has been run here" in fresh_project.run("status", expect=2).stderr


def test_a_place_that_cannot_be_written_is_told_before_anything_starts(fresh_project: Project, tmp_path: Path) -> None:
    sweep = fresh_project.write_sweep("far", param_space=SPACE)
    missing = tmp_path / "it's missing"
    done = fresh_project.run(sweep, "--storage-path", missing, expect=2)
    assert done.stderr == (
        f"far.yaml: storage_path: {missing} can't be used (No such file or directory);"
        " a folder that is there and that you may write to\n"
    ).replace("far.yaml", str(sweep))
    assert not (fresh_project.root / "results").exists()
    assert not missing.exists()


def _other_head(project: Project, shared: Path) -> Lease:
    """A lease as a head of another name has it."""
    lease = Lease(LocalFolder(shared / "far"), project.root, seconds=0.2)
    lease._holder = replace(lease._holder, host="old-head", boot="another")
    return lease


@pytest.mark.slow
def test_another_head_at_work_is_not_disturbed(fresh_project: Project, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    other = _other_head(fresh_project, shared)
    other.acquire(lambda line: None)
    sweep = fresh_project.write_sweep("far", storage_path=str(shared), param_space=SPACE)
    refused = fresh_project.run(sweep, expect=2)
    other.release(10)
    assert "on old-head had this sweep last; waiting 60 s for a sign of it" in refused.stdout
    assert f"{shared}/far: process" in refused.stderr
    assert "on old-head is at work; wait until it has ended, or end it" in refused.stderr
    assert not fresh_project.paths("far").ledger.exists(), "a ledger of its own would be older than the other's soon"


@pytest.mark.nightly  # a lease is renewed every 15 s
def test_a_head_that_was_cut_off_stops_when_another_has_taken_its_place(project: Project, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    space = {**SPACE, "train.num_epochs": 100_000}
    sweep = project.write_sweep("far", storage_path=str(shared), param_space=space)
    with project.start(sweep) as process:
        try:
            wait_for(
                lambda: any(row["epochs"] for row in _rows(project).values()), process=process, name="the first epoch"
            )
            LocalFolder(shared / "far").remove("head.json")
            other = _other_head(project, shared)
            other.acquire(lambda line: None)
            said = process.communicate(timeout=60)[0]
        finally:
            process.kill()
    other.release(10)
    assert process.returncode == 3, said
    assert "on old-head has taken this sweep over" in said


@pytest.mark.slow
def test_a_sweep_on_an_object_store(project: Project, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    project.environment = CREDENTIALS
    location = f"s3://sweeps/some{bucket}"
    sweep = project.write_sweep("far", storage_path=location, param_space=SPACE)
    done = project.run(sweep)
    assert "forecasts    s3://sweeps/some/far/predictions/" in done.stdout
    (before,) = _rows(project).values()
    assert before["status"] == "finished"
    paths, trial_id = project.paths("far"), before["trial_id"]
    assert read_forecasts(paths, trial_id, "wave", horizon=30) is None, "the ledger alone names that server"
    monkeypatch.setenv(STORAGE_VARIABLE, location)
    assert read_forecasts(paths, trial_id, "wave", horizon=30) is not None

    _lose_results(project)
    done = project.run(sweep)
    assert "taken from its copy s3://sweeps/some/far/ledger_copies/ledger-0000" in done.stdout
    assert "1 trials: 1 done" in done.stdout
    (after,) = _rows(project).values()
    assert {**after, "revision": 0} == {**before, "revision": 0}
