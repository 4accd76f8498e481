"""A damaged ledger is refused before anything is read from it or written to it; a finished trial stays finished."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from raysweep.errors import LedgerError
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.rows import TrialEnd
from raysweep.ledger.writer import LedgerWriter
from tests.ledger.test_ledger import CONFIG, assert_refused, change, epoch, trial

ADVICE = (
    r"ledger\.sqlite: not a ledger, or damaged \(.+\); restore it from a copy\. "
    r"The Parquet files and MLflow were not touched$"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A ledger of many pages."""
    file = tmp_path / "ledger.sqlite"
    with LedgerWriter(file) as writer:
        writer.register([CONFIG], [trial(0), trial(1)])
        for name in ("t0", "t1"):
            writer.record_epochs(name, [epoch(number) for number in range(1, 1001)])
    return file


def page_size(file: Path) -> int:
    return int.from_bytes(file.read_bytes()[16:18], "big")


@pytest.mark.parametrize("part", [0.02, 0.3, 0.5, 0.9, 0.999])
def test_a_cut_file_is_refused(file: Path, part: float) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(part * len(content))])
    assert_refused(file, ADVICE)


def test_a_file_that_lacks_its_last_page_is_refused(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: -page_size(file)])
    assert_refused(file, ADVICE)


def test_a_flipped_page_header_is_refused(file: Path) -> None:
    content = bytearray(file.read_bytes())
    for page in range(1, len(content) // page_size(file)):
        flipped = bytearray(content)
        flipped[page * page_size(file)] ^= 0xFF
        file.write_bytes(flipped)
        assert_refused(file, ADVICE)
    file.write_bytes(content)
    LedgerReader(file).__exit__(None, None, None)


def test_damage_that_is_met_while_reading_is_named(file: Path) -> None:
    """Whoever opens a ledger again and again doesn't have it checked."""
    content = bytearray(file.read_bytes())
    for page in range(2, len(content) // page_size(file)):
        content[page * page_size(file)] ^= 0xFF
    file.write_bytes(content)
    with LedgerReader(file, check=False) as reader, pytest.raises(LedgerError, match=ADVICE):
        reader.epochs()


def test_a_config_that_is_no_json_is_damage(file: Path) -> None:
    change(file, "UPDATE configs SET config = '{\"model\": '")
    with LedgerReader(file) as reader, pytest.raises(LedgerError, match=r"damaged \(the config of trial t0: "):
        reader.trials()


def test_a_text_that_is_no_text_is_an_error_of_the_ledger(file: Path) -> None:
    change(file, "UPDATE trials SET error = CAST(x'ff' AS TEXT)")
    with LedgerReader(file) as reader, pytest.raises(LedgerError, match=r"ledger\.sqlite: can't be read \(.*UTF-8"):
        reader.trials()


def test_a_lost_revision_is_damage(file: Path) -> None:
    change(file, "DELETE FROM meta")
    with LedgerReader(file) as reader, pytest.raises(LedgerError, match=r"damaged \(no revision in it\)"):
        reader.revision()


def test_a_locked_ledger_is_not_called_damaged(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *values, **options: connect(*values, **options | {"timeout": 0}))
    owner = connect(file, isolation_level=None)
    owner.execute("PRAGMA locking_mode = EXCLUSIVE")
    owner.execute("BEGIN EXCLUSIVE")
    owner.execute("UPDATE meta SET value = value")
    for opening, verb in ((LedgerReader, "read"), (LedgerWriter, "opened for writing")):
        with pytest.raises(LedgerError, match=rf"can't be {verb} \(database is locked\)$"):
            opening(file)
    owner.close()


def test_a_stale_plan_does_not_start_a_finished_trial(file: Path) -> None:
    end = TrialEnd(status="finished", finished_at=3.0, scores={"test_mse_batch": 4.0})
    with LedgerWriter(file) as writer, LedgerReader(file) as reader:
        writer.start_trial("t0", 1.0, "0.1.0")
        writer.end_trial("t0", end)
        before = reader.trials()
        with pytest.raises(AssertionError, match="t0 is finished or not registered"):
            writer.start_trial("t0", 5.0, "0.2.0")
        with pytest.raises(AssertionError, match="nobody is finished or not registered"):
            writer.start_trial("nobody", 5.0, "0.2.0")
        assert reader.trials() == before
        writer.start_trial("t1", 5.0, "0.2.0")
        assert {row["trial_id"]: row["status"] for row in reader.trials()} == {"t0": "finished", "t1": "running"}
