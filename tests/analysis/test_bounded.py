"""Small files that unfold without end, and what waits for ever: one line, and not the machine's memory."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raysweep.analysis import bounded
from raysweep.analysis.bounded import TooLargeTableError, read_table
from raysweep.analysis.export import export_tables
from raysweep.analysis.forecasts import read_forecasts
from raysweep.analysis.report.write import write_report
from raysweep.analysis.tables import load_tables
from raysweep.errors import InputError
from raysweep.paths import SweepPaths
from tests.analysis.ledgers import FakeTrial, write_ledger
from tests.analysis.reports import write_forecasts


@pytest.fixture
def exported(paths: SweepPaths) -> SweepPaths:
    """Somebody's copy, without a ledger."""
    export_tables(write_ledger(paths, [FakeTrial(), FakeTrial(seed=1, status="failed")]))
    paths.ledger.unlink()
    return paths


def test_what_a_sweep_has_is_read_as_pyarrow_reads_it(exported: SweepPaths) -> None:
    for file in (exported.trials, exported.epochs, exported.evaluations):
        assert read_table(file).equals(pq.read_table(file, partitioning=None), check_metadata=True)
    nothing = pa.table({"a": pa.array([], pa.string()), "b": pa.array([], pa.int64())})
    pq.write_table(nothing, exported.root / "empty.parquet")
    assert read_table(exported.root / "empty.parquet", columns=["b"]).equals(nothing.select(["b"]))


def test_a_text_that_repeats_is_counted_before_it_is_unfolded(tmp_path: Path) -> None:
    file = tmp_path / "bomb.parquet"
    text = pa.DictionaryArray.from_arrays(np.zeros(100_000, np.int32), ["x" * 1_000_000])
    pq.write_table(pa.table({"trial_id": text}), file)
    assert file.stat().st_size < 3_000_000
    with pytest.raises(TooLargeTableError, match="it unfolds to more than 4 GB, which no sweep has"):
        read_table(file)


def test_numbers_that_repeat_are_counted_while_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MAX_BYTES", 10**6)
    file = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"epoch": np.zeros(1_000_000, np.int64)}), file)
    assert file.stat().st_size < 10_000
    with pytest.raises(TooLargeTableError):
        read_table(file)


def test_a_table_that_unfolds_is_one_line(exported: SweepPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MAX_BYTES", 10)
    with pytest.raises(InputError, match=r"trials\.parquet: can't be read \(it unfolds to more than"):
        load_tables([exported])


def test_forecasts_that_unfold_are_left_out(exported: SweepPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    write_forecasts(exported, FakeTrial())
    trial_id = FakeTrial().trial_id
    assert read_forecasts(exported, trial_id, "y_w", horizon=30) is not None
    monkeypatch.setattr(bounded, "MAX_BYTES", 10**4)
    assert read_forecasts(exported, trial_id, "y_w", horizon=30) is None


def test_pipes_are_not_waited_for(exported: SweepPaths) -> None:
    """Among the forecasts and the pictures, and in the place of a table."""
    for folder in (exported.predictions, exported.figures):
        folder.mkdir()
    os.mkfifo(exported.predictions / f"{FakeTrial().trial_id}.parquet")
    os.mkfifo(exported.figures / "old.svg")
    write_report([exported], exported.report, exported.figures)
    assert (exported.figures / "old.svg").exists(), "it is none of ours"
