"""A damaged ledger is refused before anything is read from it or written to it; a finished trial stays finished."""

from __future__ import annotations

import math
import multiprocessing
import re
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest

from raysweep.errors import LedgerError
from raysweep.ledger import check
from raysweep.ledger.database import connect, register_checksum, row_checksum
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.rows import RungRow, TrialEnd
from raysweep.ledger.schema import TABLES
from raysweep.ledger.writer import LedgerWriter
from tests.ledger.samples import ADVICE, CONFIG, epoch, trial


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


def assert_refused(file: Path, message: str) -> None:
    """Read or written, and left as it is."""
    before = file.read_bytes()
    for opening in (LedgerReader, LedgerWriter):
        with pytest.raises(LedgerError, match=message):
            opening(file)
    assert file.read_bytes() == before


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
    num_pages = len(content) // page_size(file)
    for page in range(num_pages // 2, num_pages):  # of the epochs, which are most
        content[page * page_size(file)] ^= 0xFF
    file.write_bytes(content)
    with LedgerReader(file, check=False) as reader, pytest.raises(LedgerError, match=ADVICE):
        reader.epochs()


def replace_bytes(file: Path, old: bytes, new: bytes) -> None:
    """Past SQLite: in the first place where they stand."""
    content = file.read_bytes()
    assert old in content
    file.write_bytes(content.replace(old, new, 1))


def message_of(file: Path) -> str:
    with pytest.raises(LedgerError, match=ADVICE) as caught:
        LedgerReader(file)
    return str(caught.value)


def test_the_message_says_which_row_was_changed(file: Path) -> None:
    with LedgerWriter(file) as writer:
        writer.record_epochs("t1", [epoch(3, train_loss=1234.5), epoch(4)])
    replace_bytes(file, struct.pack(">d", 1234.5), struct.pack(">d", 1234.25))
    assert "damaged (table epochs: trial_id 't1', epoch 3 is not what was written)" in message_of(file)


def test_a_text_that_is_no_text_is_damage(file: Path) -> None:
    with LedgerWriter(file) as writer:
        writer.end_trial("t1", TrialEnd(status="failed", finished_at=3.0, error="unlike anything"))
    replace_bytes(file, b"unlike anything", b"unlike \xffnything")
    assert "damaged (table trials: a text that is none)" in message_of(file)
    with LedgerReader(file, check=False) as reader, pytest.raises(LedgerError, match=ADVICE):
        reader.trials()


def test_a_key_that_is_no_text_is_damage(file: Path) -> None:
    replace_bytes(file, b"c0{", b"\xff0{")
    assert "damaged (table configs: a text that is none)" in message_of(file)


@pytest.mark.parametrize("statement", ["DELETE FROM meta", "UPDATE configs SET config = '{\"model\": '"])
def test_what_was_written_wrongly_is_damage(file: Path, statement: str) -> None:
    """With good checksums: by a mistake of raysweep's own, not by a disk."""
    with closing(connect(file)) as connection:
        connection.execute(statement)
    with LedgerReader(file) as reader, pytest.raises(LedgerError, match=ADVICE):
        reader.trials()
        reader.revision()


def test_a_wrong_index_is_refused(file: Path) -> None:
    """The index of `rungs` finds what is to be replaced; no row's checksum covers it."""
    rung = RungRow(trial_id="t0", bracket="b", scheduler="unlike", rung=5, score=2.0, cutoff=None, is_stop=False)
    with LedgerWriter(file) as writer:
        writer.record_epochs("t0", [], rungs=[rung])
    content = file.read_bytes()
    for position in [found.start() for found in re.finditer(b"unlike", content)]:
        file.write_bytes(content[:position] + b"U" + content[position + 1 :])
        assert_refused(file, ADVICE)
    assert content.count(b"unlike") == 2


def test_a_checksum_is_the_same_for_ever() -> None:
    """It stands in files. Where one of these changes, every ledger would be called damaged."""
    assert row_checksum("t0", 1, 0.1, None, b"nan", math.inf) == 2653886887
    assert row_checksum("µ'\n", -(2**63), -0.0, 5e-324) == 1663489028
    assert row_checksum(1, 70) != row_checksum(17, 0)
    assert row_checksum(1.0, None) != row_checksum(None, 1.0)
    assert row_checksum("nan") != row_checksum(b"nan")
    assert row_checksum(1.0) != row_checksum(1)
    assert row_checksum(0.0) != row_checksum(-0.0)


def test_a_locked_ledger_is_not_called_damaged(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *values, **options: connect(*values, **options | {"timeout": 0}))
    owner = connect(file, isolation_level=None)
    register_checksum(owner)
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


@pytest.mark.parametrize("is_killed", [False, True])
def test_damage_is_found_by_a_process_that_looks_while_the_ledger_is_read(
    file: Path, monkeypatch: pytest.MonkeyPatch, is_killed: bool
) -> None:
    monkeypatch.setattr(check, "WORTH_A_PROCESS", 0)

    def read(error: Exception | None) -> None:
        with check.checked_beside(file, TABLES):
            children = multiprocessing.active_children()
            assert children, "it is looked at beside"
            for child in children if is_killed else []:
                child.kill()
            if error is not None:
                raise error

    read(None)
    with pytest.raises(ValueError, match="of its own"):
        read(ValueError("of its own"))
    with LedgerWriter(file) as writer:
        writer.record_epochs("t1", [epoch(3, train_loss=1234.5), epoch(4)])
    replace_bytes(file, struct.pack(">d", 1234.5), struct.pack(">d", 1234.25))
    for error in (None, ValueError("that comes of the damage")):
        with pytest.raises(LedgerError, match="is not what was written"):
            read(error)
