"""A ledger on a disk where nothing can be written: a backup, another's share, a snapshot."""

from __future__ import annotations

from pathlib import Path

import pytest

from raysweep.errors import LedgerError
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.writer import LedgerWriter
from tests.analysis.ledgers import FakeTrial, write_ledger
from tests.conftest import Project
from tests.faults.mounts import Mounts, mounts
from tests.ledger.samples import contents, epoch, write_sample

__all__ = ["mounts"]


@pytest.mark.parametrize("left", [[], ["-wal"], ["-wal", "-shm"]])
def test_a_ledger_on_a_read_only_disk_is_read(tmp_path: Path, mounts: Mounts, left: list[str]) -> None:
    disk = mounts.small_disk(tmp_path / "disk", 8)
    write_sample(disk / "ledger.sqlite", num_trials=2, num_epochs=10)
    before = contents(disk / "ledger.sqlite")
    for end in {"-wal", "-shm"} - {*left}:  # which that reader has made, with nothing in the log
        (disk / f"ledger.sqlite{end}").unlink()
    mounts.mount("-o", "remount,ro", disk)
    assert contents(disk / "ledger.sqlite") == before
    with pytest.raises(LedgerError, match="can't be"), LedgerWriter(disk / "ledger.sqlite") as writer:
        writer.forget_current()


def test_a_log_beside_it_is_not_passed_over(tmp_path: Path, mounts: Mounts) -> None:
    """What it holds is newer than the file."""
    disk = mounts.small_disk(tmp_path / "disk", 8)
    ledger = disk / "ledger.sqlite"
    write_sample(ledger, num_trials=2, num_epochs=2)
    with LedgerWriter(ledger) as writer:
        writer.record_epochs("t1", [epoch(7)])
        log = ledger.with_name("ledger.sqlite-wal").read_bytes()
    assert log
    ledger.with_name("ledger.sqlite-wal").write_bytes(log)
    mounts.mount("-o", "remount,ro", disk)
    with pytest.raises(LedgerError, match=r"can't be read \(unable to open database file\)"):
        LedgerReader(ledger)


def test_commands_that_only_read_do_so_there(fresh_project: Project, mounts: Mounts) -> None:
    results = mounts.small_disk(fresh_project.root / "results", 8)
    write_ledger(fresh_project.paths("kept"), [FakeTrial()])
    mounts.mount("-o", "remount,ro", results)
    assert "kept" in fresh_project.run("status").stdout
    assert "att" in fresh_project.run("compare").stdout
