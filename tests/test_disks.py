"""Messages about disks, and noticing that one has gone. With real file systems where there have to be some."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from raysweep.analysis.files import replace_file
from raysweep.disks import Presence, cannot_write, explain, is_disk_error, is_own_disk, why_unwritable
from raysweep.errors import LedgerError, StorageError
from raysweep.ledger.writer import LedgerWriter
from tests.faults.mounts import Mounts, fill, mounts

__all__ = ["mounts"]


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free some space there"),
        (errno.EDQUOT, "free some space there"),
        (errno.EROFS, "make that disk writable again"),
        (errno.EACCES, "make it writable for you"),
        (errno.ENOENT, "bring that disk or folder back"),
        (errno.ESTALE, "bring that disk or folder back"),
        (errno.EIO, "the disk may be failing: see the system's log"),
        (errno.EBADF, "mend that"),
    ],
)
def test_says_where_what_and_what_to_do(number: int, remedy: str) -> None:
    told = str(cannot_write(Path("results/x"), OSError(number, os.strerror(number))))
    assert told.startswith(f"results/x: can't be written ({os.strerror(number)}); {remedy}")
    assert told.endswith("the same command goes on")


def test_a_broken_pipe_is_no_disk() -> None:
    assert is_disk_error(OSError(errno.ENOSPC, "full"))
    assert not is_disk_error(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    assert not is_disk_error(ConnectionError("gone"))


def test_presence_notices_what_is_removed_or_replaced(tmp_path: Path) -> None:
    ledger, folder = tmp_path / "ledger", tmp_path / "folder"
    ledger.touch()
    folder.mkdir()
    present = Presence([ledger, folder])
    assert present.lost() is None
    ledger.rename(tmp_path / "old")
    assert "ledger: can't be found any more (No such file or directory); bring" in str(present.lost())
    ledger.touch()
    assert "ledger: another one is in its place; bring" in str(present.lost())
    (tmp_path / "old").replace(ledger)
    assert present.lost() is None
    shutil.rmtree(folder)
    assert "folder: can't be found any more" in str(present.lost())
    with pytest.raises(StorageError, match="can't be found"):
        Presence([folder])


def test_presence_notices_a_disk_that_is_gone(tmp_path: Path, mounts: Mounts) -> None:
    disk = mounts.small_disk(tmp_path / "disk", 1)
    present = Presence([disk])
    mounts.take_away(disk)
    assert "another one is in its place" in str(present.lost()), "the folder is still there, without the disk"


def test_a_probe_tells_a_full_disk(tmp_path: Path, mounts: Mounts) -> None:
    disk = mounts.small_disk(tmp_path / "disk", 2)
    assert why_unwritable(disk) is None
    ballast = fill(disk)
    reason = why_unwritable(disk)
    assert reason is not None
    assert reason.errno == errno.ENOSPC
    assert list(disk.iterdir()) == [ballast], "the probe leaves nothing behind"


def test_a_ledger_on_a_full_disk_says_what_to_do(tmp_path: Path, mounts: Mounts) -> None:
    disk = mounts.small_disk(tmp_path / "disk", 1)
    file = disk / "ledger.sqlite"
    with LedgerWriter(file) as ledger:
        fill(disk)
        with pytest.raises(LedgerError) as caught:
            while True:
                ledger.forget_current()
    told = explain(caught.value, disk)
    assert isinstance(told, StorageError)
    assert str(told).startswith(f"{file}: can't be written (")
    assert "free some space there, then the same command goes on" in str(told)


def test_a_ledger_error_that_is_about_no_disk_stays_what_it_is(tmp_path: Path) -> None:
    error = LedgerError("damaged")
    assert explain(error, tmp_path) is error
    locked = sqlite3.OperationalError("database is locked")
    locked.sqlite_errorcode = sqlite3.SQLITE_BUSY
    error.__cause__ = locked
    assert explain(error, tmp_path) is error


def test_a_table_on_a_full_disk_stays_as_it_was(tmp_path: Path, mounts: Mounts) -> None:
    disk = mounts.small_disk(tmp_path / "disk", 1)
    file = disk / "leaderboard.md"
    replace_file(file, lambda temporary: temporary.write_text("old"))
    ballast = fill(disk)
    with pytest.raises(StorageError, match=r"leaderboard\.md: can't be written \(No space left.*free some space"):
        replace_file(file, lambda temporary: temporary.write_text("x" * 10_000))
    assert file.read_text() == "old"
    assert set(disk.iterdir()) == {file, ballast}


MOUNTS = """\
/dev/root / ext4 rw,relatime 0 0
tmpfs /tmp tmpfs rw 0 0
fs-1.efs.eu-central-1.amazonaws.com:/ {shared} nfs4 rw,vers=4.1 0 0
/dev/nvme1n1 {shared}/scratch xfs rw 0 0
"""


def test_a_folder_is_known_by_the_nearest_mount_above_it(tmp_path: Path) -> None:
    shared = tmp_path / "shared by all"
    (shared / "scratch" / "results").mkdir(parents=True)
    mounts = MOUNTS.format(shared=str(shared).replace(" ", "\\040"))
    assert is_own_disk(Path("/usr"), mounts=mounts)
    assert is_own_disk(Path("/tmp"), mounts=mounts)
    assert not is_own_disk(shared, mounts=mounts)
    assert is_own_disk(shared / "scratch" / "results", mounts=mounts)
    assert not is_own_disk(Path("/proc")), "the kernel's own list"
