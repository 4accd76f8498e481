"""A bit of the ledger has flipped: whatever reads it refuses, and the checkpoints bring it back."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from raysweep import commands
from raysweep.analysis.tables import load_epochs
from raysweep.errors import LedgerError
from raysweep.ledger import reader as reader_module
from raysweep.ledger.check import check_rows
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.rows import RungRow
from raysweep.ledger.writer import LedgerWriter
from raysweep.paths import SweepPaths
from raysweep.prepare import Workspace, prepare
from raysweep.tracking.projection import Projection
from raysweep.tracking.server import TrackingServer
from raysweep.tracking.sync import sync_ledger
from tests.conftest import Project
from tests.faults.oracle import check_sweep
from tests.ledger.samples import ADVICE
from tests.tracking.ledgers import evaluation, finished_sweep


def flip_bit_in(file: Path, value: bytes) -> None:
    """In the last byte of a value, wherever it stands."""
    content = file.read_bytes()
    assert value in content
    file.write_bytes(content.replace(value, value[:-1] + bytes([value[-1] ^ 1])))


def digests(*roots: Path) -> dict[str, str]:
    """Of all that is made from a ledger: tables, leaderboards, MLflow's database."""
    files = [file for root in roots for pattern in ("*.parquet", "*.md", "mlflow.db*") for file in root.rglob(pattern)]
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.parametrize(
    ("table", "value"),
    [
        ("meta", None),
        ("commands", b"name: 4single_timesteps"),
        ("configs", b'"model.pe_type": "sinpe'),
        ("trials", b"node-1"),
        ("epochs", struct.pack(">d", 100 * (1 / 3))),
        ("evaluations", b"e" * 16),
        ("rungs", b"the bracket"),
    ],
)
def test_no_command_uses_a_flipped_value(
    fresh_project: Project, database: Path, monkeypatch: pytest.MonkeyPatch, table: str, value: bytes | None
) -> None:
    project = fresh_project
    monkeypatch.chdir(project.root)
    paths, uri = project.paths("4single_timesteps"), f"sqlite:///{database}"
    trial_ids = finished_sweep(paths, 2)
    with LedgerWriter(paths.ledger) as writer:
        writer.record_evaluations(map(evaluation, trial_ids))
        about: dict[str, Any] = {"bracket": "the bracket", "scheduler": "asha", "rung": 1, "score": 1.0, "cutoff": 1.0}
        writer.record_epochs(trial_ids[0], [], rungs=[RungRow(trial_id=trial_ids[0], **about, is_stop=False)])
    commands.export_sweep(paths)
    sync_ledger(paths, uri)
    before = digests(paths.root, database.parent)
    assert len(before) == 5
    compared = commands.compare_sweeps([paths], 20)
    flip_bit_in(paths.ledger, value or _ledger_id(paths).encode())

    readings: list[Callable[[], object]] = [
        lambda: commands.export_sweep(paths),
        lambda: commands.status_rows([paths]),
        lambda: sync_ledger(paths, uri),
        lambda: prepare(*_prepared(project, paths)),
    ]
    if table == "meta":  # which says whether the tables hold all that the ledger does
        readings.append(lambda: commands.compare_sweeps([paths], 20))
    else:  # every row was looked at when they were written
        assert commands.compare_sweeps([paths], 20) == compared
    for reading in readings:
        assert _refusal_of(reading).startswith(f"{paths.ledger}: not a ledger, or damaged (table {table}: ")
    assert digests(paths.root, database.parent) == before

    paths.trials.unlink()
    if table != "epochs":  # compare believes nothing that is in them
        assert f"(table {table}: " in _refusal_of(lambda: commands.compare_sweeps([paths], 20))


def _refusal_of(reading: Callable[[], object]) -> str:
    with pytest.raises(LedgerError, match=ADVICE) as refused:
        reading()
    return str(refused.value)


def test_epochs_are_looked_at_where_they_are_read(fresh_project: Project) -> None:
    paths = fresh_project.paths("4single_timesteps")
    trial_ids = finished_sweep(paths, 1)
    assert len(load_epochs(paths, trial_ids)) > 0
    assert len(commands.compare_sweeps([paths], 20).tables) > 0
    flip_bit_in(paths.ledger, struct.pack(">d", 100 * (1 / 3)))
    assert len(commands.compare_sweeps([paths], 20).tables) > 0
    with pytest.raises(LedgerError, match="table epochs: "):
        load_epochs(paths, trial_ids)


def test_each_command_checks_a_ledger_once(project: Project, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That takes seconds where there are hundreds of thousands of epochs."""
    monkeypatch.chdir(project.root)
    paths, checked = project.paths("4single_timesteps"), []
    finished_sweep(paths, 1)

    def count(*arguments: Any) -> None:
        checked.append(arguments)
        check_rows(*arguments)

    monkeypatch.setattr(reader_module, "check_rows", count)
    commands.export_sweep(paths)
    assert len(checked) == 1
    prepare(*_prepared(project, paths)).refreshed()
    assert len(checked) == 2
    projection = Projection(paths, TrackingServer(f"sqlite:///{database}", paths.name))
    for _ in range(2):
        projection.sync()
        projection.forget()  # as after each attempt while MLflow is away
    assert len(checked) == 3


def _prepared(project: Project, paths: SweepPaths) -> tuple[Path, list[str], Workspace]:
    """The arguments of `prepare`."""
    sweep = project.write_sweep(paths.name, param_space={"model": "att", "dataset": "wave", "train.time_steps": 16})
    folders = {"results_dir": paths.results_dir, "data_dir": None, "models_dir": project.root / "models"}
    return sweep, [], Workspace(**folders, tracking_uri="")


def _ledger_id(paths: SweepPaths) -> str:
    with LedgerReader(paths.ledger) as reader:
        return reader.ledger_id()


@pytest.mark.nightly
def test_a_sweep_without_its_ledger_comes_back_from_its_checkpoints(fast_project: Project) -> None:
    project = fast_project
    space = {"model": "att", "dataset": "wave", "train.time_steps": 16, "train.num_epochs": 3}
    sweep = project.write_sweep("tiny", evaluate_on=["wave", "short"], seeds=[0, 1], param_space=space)
    project.run(sweep)
    paths = project.paths("tiny")
    trials, epochs, evaluations = _contents(paths)
    assert list(trials["status"]) == ["finished", "finished"]
    before = digests(project.root)
    assert len(before) == 4 + 2 + 1, "tables and leaderboard, forecasts, MLflow"

    flip_bit_in(paths.ledger, struct.pack(">d", epochs["val_loss"][1]))
    row = rf"\(table epochs: trial_id '{epochs['trial_id'][1]}', epoch {epochs['epoch'][1]} is not what was written\)"
    for arguments in (["plan", sweep], ["export"], ["sync"], [sweep]):
        refused = project.run(*arguments, expect=2)
        assert re.search(row, refused.stderr)
        assert re.search(ADVICE, refused.stderr.strip())
    assert digests(project.root) == before

    away = project.root / "away"
    away.mkdir()
    for file in paths.root.glob("ledger.sqlite*"):
        file.rename(away / file.name)
    assert ": 2 new\n" in project.run(sweep).stdout
    check_sweep(project, "tiny", num_trials=2)  # MLflow has one run a trial, too
    again = _contents(paths)
    kept = [column for column in trials if column not in ("started_at", "finished_at", "revision")]
    pd.testing.assert_frame_equal(again[0][kept], trials[kept], check_exact=True)
    pd.testing.assert_frame_equal(again[1], epochs, check_exact=True)  # also when each was finished: none is new
    pd.testing.assert_frame_equal(again[2], evaluations, check_exact=True)


def _contents(paths: SweepPaths) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    with LedgerReader(paths.ledger) as reader:
        return pd.DataFrame(reader.trials()), pd.DataFrame(reader.epochs()), pd.DataFrame(reader.evaluations())
