"""A copy of a ledger is the ledger of one moment, also while it is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from raysweep.errors import LedgerError
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.snapshot import write_snapshot
from raysweep.ledger.writer import LedgerWriter


def test_a_copy_is_the_same_ledger(tmp_path: Path) -> None:
    ledger, copy = tmp_path / "ledger.sqlite", tmp_path / "copy.sqlite"
    with LedgerWriter(ledger):  # open, with its newest pages beside the file
        write_snapshot(ledger, copy)
    with LedgerReader(ledger) as one, LedgerReader(copy) as other:
        assert one.ledger_id() == other.ledger_id()
    assert sorted(file.name for file in tmp_path.glob("*copy*")) == ["copy.sqlite"]


def test_a_copy_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    ledger, copy = tmp_path / "ledger.sqlite", tmp_path / "copy.sqlite"
    with LedgerWriter(ledger):
        write_snapshot(ledger, copy)
    before = copy.read_bytes()
    ledger.write_bytes(b"no ledger at all" * 1000)
    with pytest.raises(LedgerError, match=r"ledger\.sqlite"):
        write_snapshot(ledger, copy)
    assert copy.read_bytes() == before
    assert sorted(file.name for file in tmp_path.glob("*copy*")) == ["copy.sqlite"]


def test_as_a_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "raysweep.ledger.snapshot", str(tmp_path / "none.sqlite"), str(tmp_path / "copy")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "none.sqlite" in done.stderr and "Traceback" not in done.stderr
