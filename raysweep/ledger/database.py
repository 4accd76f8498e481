"""A connection to the file of a ledger, and what its errors mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import Struct
from typing import Literal
from zlib import crc32

from raysweep.errors import LedgerError
from raysweep.ledger.schema import CHECKSUM
from raysweep.signals import raise_if_seen

_float_bytes = Struct("<d").pack

# What says that the file can't be got at, not that it makes no sense; without the details in the upper bytes.
_NO_ACCESS = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_AUTH,
}


def connect(file: Path, mode: Literal["ro", "rw", "rwc", "ro&immutable=1"] = "rw") -> sqlite3.Connection:
    """Opens the file and does nothing with it yet; transactions are begun by hand.

    Args:
        file: Of a ledger.
        mode: Read, write, or write and create.
    """
    connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=20)
    register_checksum(connection)
    return connection


def connect_to_read(file: Path) -> sqlite3.Connection:
    """Opens the file for reading alone, also on a disk where nothing can be written.

    There SQLite can't make the two files that a reader needs beside a write-ahead log. Where no log lies beside it,
    nobody is writing and the file is whole: then it does without.
    """
    connection = connect(file, "ro")
    try:
        connection.execute("PRAGMA schema_version")
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) or _has_log(file):
            raise
        return connect(file, "ro&immutable=1")
    except BaseException:
        connection.close()
        raise
    return connection


def _has_log(file: Path) -> bool:
    log = file.resolve().with_name(f"{file.resolve().name}-wal")
    return log.exists() and log.stat().st_size > 0


def register_checksum(connection: sqlite3.Connection) -> None:
    """Without it the tables can be read, but neither made nor written."""
    connection.create_function(CHECKSUM, -1, row_checksum, deterministic=True)


def row_checksum(*values: float | str | bytes | None) -> int:
    """CRC-32 of the values of a row. It stands in files: it must be the same under any Python, on any machine.

    Floats by their bits, as they are many and writing them out takes most of the time.
    """
    parts = [_float_bytes(value) if type(value) is float else ascii(value).encode() for value in values]
    return crc32(b",".join(parts))


@contextmanager
def errors_of(file: Path, verb: str) -> Iterator[None]:
    """Whatever SQLite raises while the ledger is read or written becomes a `LedgerError` that says what to do."""
    try:
        yield
    except UnicodeDecodeError as error:  # SQLite quotes damaged names in its messages
        raise damaged(file, "text that is none") from error
    except sqlite3.Error as error:
        raise_if_a_signal(error)
        if is_damage(error):
            raise damaged(file, error) from error
        raise LedgerError(f"{file}: can't be {verb} ({error})") from error


def raise_if_a_signal(error: sqlite3.Error) -> None:
    """Raises `Interrupted` if that is what was raised inside a checksum: SQLite says only that something was."""
    if "user-defined function raised" in str(error):
        raise_if_seen()


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite can't make sense of the file, rather than not get at it: a lock, permissions, a full disk."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # not from SQLite, but from Python's side of it: a text that isn't UTF-8
        return isinstance(error, sqlite3.OperationalError)
    return code & 0xFF not in _NO_ACCESS


def damaged(file: Path, finding: object) -> LedgerError:
    """What to say of a file that can't be trusted."""
    in_one_line = " ".join(str(finding).split())[:200]  # SQLite quotes what it can't make sense of
    return LedgerError(
        f"{file}: not a ledger, or damaged ({in_one_line}); restore it from a copy. Without one, move it away with its "
        "-wal and -shm and run the sweep again: trials come back from their checkpoints and are only scored again. "
        "The Parquet files and MLflow were not touched"
    )
