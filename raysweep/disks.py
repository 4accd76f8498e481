"""What to say and do when a disk is full, read-only or gone. Must not know: what is kept on it."""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from collections.abc import Iterable
from pathlib import Path

from raysweep.errors import RaysweepError, StorageError

_AGAIN = "then the same command goes on"
_FREE_SPACE = f"free some space there, {_AGAIN}"
_BRING_BACK = f"bring that disk or folder back, {_AGAIN}"
_LOOK_AT_LOG = f"the disk may be failing: see the system's log; once it is mended, {_AGAIN.removeprefix('then ')}"
_REMEDIES = {
    errno.ENOSPC: _FREE_SPACE,
    errno.EDQUOT: _FREE_SPACE,
    errno.EFBIG: _FREE_SPACE,
    errno.EROFS: f"make that disk writable again, {_AGAIN}",
    errno.EACCES: f"make it writable for you, {_AGAIN}",
    errno.EPERM: f"make it writable for you, {_AGAIN}",
    errno.ENOENT: _BRING_BACK,
    errno.ENOTDIR: _BRING_BACK,
    errno.ENODEV: _BRING_BACK,
    errno.ENXIO: _BRING_BACK,
    errno.ENOTCONN: _BRING_BACK,
    errno.ESTALE: _BRING_BACK,
    errno.EEXIST: f"something that is no folder, or a link that leads nowhere, is in its place: mend that, {_AGAIN}",
    errno.EIO: _LOOK_AT_LOG,
}
# Kinds of file systems that one machine has for itself.
_OWN_DISKS = frozenset({"btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"})
_SQLITE_ERRORS = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
_PROBE_BYTES = 1024 * 1024  # what is left of a full disk may still hold a few bytes


def is_disk_error(error: OSError) -> bool:
    """Whether it is about a file or its disk, and not about a connection, a pipe or a process."""
    return error.errno in _REMEDIES


def cannot_write(where: Path | str | None, error: OSError, *, verb: str = "written") -> StorageError:
    """One line: where, what is wrong, what to do. An error from writing to an open file names none: then None."""
    remedy = _REMEDIES.get(error.errno or 0, f"mend that, {_AGAIN}")
    return StorageError(f"{where or 'an open file'}: can't be {verb} ({error.strerror or error}); {remedy}")


def explain(error: RaysweepError, folder: Path) -> RaysweepError:
    """An error of the ledger as a `StorageError` that says what to do, if the disk is the reason; else as it is.

    Args:
        error: Whose cause is what SQLite said, if SQLite said it.
        folder: Where the ledger lies.
    """
    code = getattr(error.__cause__, "sqlite_errorcode", None)
    if code is None or code & 0xFF not in _SQLITE_ERRORS:
        return error
    reason = why_unwritable(folder)
    remedy = _LOOK_AT_LOG if reason is None else _REMEDIES.get(reason.errno or 0, _LOOK_AT_LOG)
    if code & 0xFF == sqlite3.SQLITE_FULL:
        remedy = _FREE_SPACE
    return StorageError(f"{error}; {remedy}")


def why_unwritable(folder: Path) -> OSError | None:
    """Tries to write a file there; None if that goes well."""
    try:
        with tempfile.TemporaryFile(prefix=".raysweep-", dir=folder) as probe:
            probe.write(bytes(_PROBE_BYTES))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return error
    return None


def is_own_disk(folder: Path, *, mounts: str | None = None) -> bool:
    """Whether a folder that is there is on a disk of this machine, which no other machine has; for Linux.

    Args:
        folder: Which.
        mounts: What the kernel says is mounted, as in `/proc/self/mounts`.
    """
    lines = Path("/proc/self/mounts").read_text() if mounts is None else mounts
    kinds = {place.replace("\\040", " "): kind for _, place, kind, *_ in map(str.split, lines.splitlines())}
    whole = folder.resolve()
    above = next((str(place) for place in (whole, *whole.parents) if str(place) in kinds), "/")
    return kinds.get(above) in _OWN_DISKS


class Presence:
    """Notices that files or folders are no longer the ones that they were: removed, or under another disk.

    A process that has a file open doesn't notice by itself: it writes on into what nobody will ever see, and makes
    new folders on whatever disk is in the old one's place.

    Args:
        paths: That are there now. Raises `StorageError` if one isn't.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        try:
            self._known = {path.resolve(): _identity(path) for path in paths}
        except OSError as error:
            raise cannot_write(error.filename, error, verb="found") from error

    def lost(self) -> str | None:
        """The first that has gone, in one line. Takes no time, so ask often."""
        for path, identity in self._known.items():
            try:
                now = _identity(path)
            except OSError as error:
                return str(cannot_write(path, error, verb="found any more"))
            if now != identity:
                return f"{path}: another one is in its place; {_BRING_BACK}"
        return None


def _identity(path: Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino
