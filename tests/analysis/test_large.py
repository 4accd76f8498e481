"""10,000 trials with five seeds each: what commands take, against reading their tables with pandas in the same run.

Of a processor and as ratios, since the machine may be busy with something else; `docs/scale.md` has seconds.
"""

from __future__ import annotations

import time

import pytest

from raysweep.analysis.compare import compare
from raysweep.analysis.export import ExportReport, export_tables
from raysweep.paths import SweepPaths
from tests.analysis.large_sweeps import make_sweep, moved, seconds_of_both

# Times what reading takes; 3.2 to 4.5, 5.6 to 7.4 and 15 to 22 were measured, by the machine.
MOST_FROM_PARQUET = 5.0
MOST_FROM_LEDGER = 9.0
MOST_OF_REPORT = 27.0


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> SweepPaths:
    return make_sweep(SweepPaths(tmp_path_factory.mktemp("ledger"), "made"), num_rates=20)


@pytest.fixture(scope="module")
def export(ledger: SweepPaths) -> tuple[ExportReport, float]:
    """And the seconds that it took."""
    started = time.process_time()
    report = export_tables(ledger)
    return report, time.process_time() - started


@pytest.fixture(scope="module")
def tables(
    ledger: SweepPaths, export: tuple[ExportReport, float], tmp_path_factory: pytest.TempPathFactory
) -> SweepPaths:
    return moved(ledger, SweepPaths(tmp_path_factory.mktemp("tables"), "made"))


@pytest.mark.slow
def test_ten_thousand_trials_are_exported(export: tuple[ExportReport, float]) -> None:
    report, seconds = export
    assert (report.num_trials, report.num_epochs) == (10_000, 500_000)
    assert seconds < 20


@pytest.mark.slow
def test_ten_thousand_trials_are_compared(ledger: SweepPaths, tables: SweepPaths) -> None:
    for paths, most in ((tables, MOST_FROM_PARQUET), (ledger, MOST_FROM_LEDGER)):
        boards = [board for board in compare([paths]) if "interval" in {column.title for column in board.columns}]
        assert [board.num_hidden for board in boards] == [980, 980], "1,000 configs each, with a confidence set"
        own, reading = seconds_of_both("compare", paths, tables, num_repeats=2)
        assert own.processor < most * reading.processor


@pytest.mark.nightly
def test_ten_thousand_trials_have_a_report(tables: SweepPaths) -> None:
    own, reading = seconds_of_both("report", tables, tables, num_repeats=2)
    assert tables.report.stat().st_size < 5_000_000
    assert own.processor < MOST_OF_REPORT * reading.processor
