"""What lies where a ledger belongs and is none of ours is refused, left as it is, and gets nothing to run."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from raysweep.errors import LedgerError
from raysweep.ledger.database import connect
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.schema import SCHEMA_VERSION, TABLES
from raysweep.ledger.writer import LedgerWriter
from tests.ledger.samples import ADVICE, CONFIG, contents, trial, write_sample


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(file: Path) -> Path:
    write_sample(file, num_trials=2, num_epochs=10)
    return file


def change(file: Path, *statements: str) -> None:
    with closing(connect(file, "rwc")) as connection:
        for statement in statements:
            connection.execute(statement)


def assert_refused(file: Path, message: str) -> None:
    """Read or written, checked or not, and left as it is."""
    before = file.read_bytes()
    for opening in (LedgerReader, LedgerWriter, lambda file: LedgerReader(file, check=False)):
        with pytest.raises(LedgerError, match=message):
            opening(file)
    assert file.read_bytes() == before


@pytest.mark.parametrize("version", [SCHEMA_VERSION - 1, SCHEMA_VERSION + 1])
def test_a_ledger_of_another_version(ledger: Path, version: int) -> None:
    change(ledger, f"PRAGMA user_version = {version}")
    message = (
        rf"ledger\.sqlite: ledger version {version}; this raysweep reads version {SCHEMA_VERSION}\. "
        "Run it with the raysweep that wrote it, or give the sweep another name$"
    )
    assert_refused(ledger, message)


def test_a_foreign_database(file: Path) -> None:
    change(file, "CREATE TABLE theirs (value)")
    assert_refused(file, r"ledger\.sqlite: an SQLite database, but not a ledger of raysweep; move it away$")


def test_a_text_file(file: Path) -> None:
    file.write_text("no database at all\n" * 100)
    assert_refused(file, ADVICE)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_no_file(file: Path, make) -> None:
    make(file)
    for opening in (LedgerReader, LedgerWriter):
        with pytest.raises(LedgerError, match=r"ledger\.sqlite: there is something else where the ledger.*; move it"):
            opening(file)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER theirs AFTER UPDATE ON trials BEGIN DELETE FROM epochs; END",
        "CREATE VIEW theirs AS SELECT * FROM trials",
        "CREATE TABLE theirs (value)",
        "CREATE INDEX theirs ON trials (revision)",
        "ALTER TABLE trials ADD COLUMN theirs",
        "DROP TABLE rungs",
    ],
)
def test_a_ledger_with_tables_of_somebody_else(ledger: Path, statement: str) -> None:
    change(ledger, statement)
    assert_refused(ledger, ADVICE)


def test_a_view_in_the_place_of_a_table_is_not_run(ledger: Path) -> None:
    change(ledger, "ALTER TABLE rungs RENAME TO hidden", "CREATE VIEW rungs AS SELECT load_extension('theirs')")
    assert_refused(ledger, r"damaged \(the definition of .*'rungs'")


def test_anybody_can_read_a_ledger(ledger: Path) -> None:
    """With an SQLite that knows nothing of checksums; only writing past raysweep is refused."""
    with closing(sqlite3.connect(ledger)) as connection:
        for table in TABLES:
            cursor = connection.execute(f"SELECT * FROM {table.name}")
            assert [column[0] for column in cursor.description] == [*table.columns, "checksum"]
            assert cursor.fetchall()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT sum(seconds) FROM epochs").fetchone() == (10.0,)
        with pytest.raises(sqlite3.OperationalError, match="row_checksum"):
            connection.execute("UPDATE epochs SET seconds = 0")


def test_rows_have_no_checksum_in_them(ledger: Path) -> None:
    assert "checksum" not in contents(ledger)


def test_a_trial_id_that_leads_elsewhere(file: Path) -> None:
    """With a checksum as good as any: whoever writes a ledger can compute it. Files of a trial are found by its id."""
    with LedgerWriter(file) as writer:
        writer.register([CONFIG], [dataclasses.replace(trial(0), trial_id="../../secret")])
    with LedgerReader(file) as reader, pytest.raises(LedgerError, match=r"damaged \(the trial id '\.\./\.\./secret'\)"):
        reader.trials()
