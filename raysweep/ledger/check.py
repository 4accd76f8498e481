"""Is this file a ledger, and does it say what was written to it? Asked before anything is read from it."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

from raysweep.errors import Interrupted, LedgerError
from raysweep.ledger.database import connect_to_read, damaged, errors_of, raise_if_a_signal, register_checksum
from raysweep.ledger.schema import APPLICATION_ID, SCHEMA_VERSION, TABLES, Table
from raysweep.process_pools import process_pool

WORTH_A_PROCESS = 20_000_000  # bytes; smaller ledgers are looked at faster than a process starts


def has_ledger(file: Path) -> bool:
    """Whether there is something to open. An empty file is what a kill could leave of a ledger that was to be made.

    Raises:
        LedgerError: If something else is in the way: a folder, a pipe, a device.
    """
    if file.exists() and not file.is_file():
        raise LedgerError(f"{file}: there is something else where the ledger, a file, belongs; move it away")
    return file.is_file() and file.stat().st_size > 0


def check_schema(connection: sqlite3.Connection, file: Path) -> None:
    """Raises `LedgerError` unless the open database is a ledger of this version, with its tables and nothing else.

    First of all checks: a trigger or view that somebody has put there must not get to run.
    """
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    found, expected = _definitions(connection), _expected_definitions()
    if not found:  # SQLite takes also a few bytes of a file for an empty database
        raise damaged(file, "no tables in it")
    if application_id != APPLICATION_ID:
        raise LedgerError(f"{file}: an SQLite database, but not a ledger of raysweep; move it away")
    if version != SCHEMA_VERSION:
        raise LedgerError(
            f"{file}: ledger version {version}; this raysweep reads version {SCHEMA_VERSION}. Run it with the "
            "raysweep that wrote it, or give the sweep another name"
        )
    if found != expected:
        names = sorted({ascii(name) for _, name, _, _ in found ^ expected})  # a damaged one may be of any type
        raise damaged(file, f"the definition of {', '.join(names)}")


def check_structure(connection: sqlite3.Connection, file: Path) -> None:
    """Raises `LedgerError` if a page of the open ledger is missing or makes no sense, or an index is wrong.

    Without the index of `rungs`, `quick_check` would do.
    """
    finding = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if finding != "ok":
        raise damaged(file, finding)


@contextmanager
def structure_checked(file: Path) -> Iterator[None]:
    """Checks the structure of a ledger while its rows are looked at inside; raises what `check_structure` does.

    SQLite does it by itself, where the checksums of rows are Python's.
    """
    with ThreadPoolExecutor(1) as beside:
        checked = beside.submit(_open_and_check_structure, file)
        try:
            yield
        finally:
            checked.result()  # comes first: it may be why a row can't be read


@contextmanager
def checked_beside(file: Path, tables: Sequence[Table]) -> Iterator[None]:
    """Looks for damage in a process of its own while the ledger is read inside.

    What is read mustn't be used before this has been left: on leaving it raises `LedgerError` if there is damage,
    whatever else was raised inside, as that may have come of it.

    Args:
        file: Of a ledger.
        tables: Those whose rows are looked at.
    """
    before = _identity(file)
    if before.st_size < WORTH_A_PROCESS:
        _open_and_check(file, tables)
        yield
    else:
        with process_pool(1) as pool:
            checked = pool.submit(_open_and_check, file, tables)
            try:
                yield
            finally:
                if not isinstance(sys.exception(), Interrupted):  # else nobody wants to know any more
                    _wait_for(checked, file, tables)
    if not os.path.samestat(before, _identity(file)):
        raise LedgerError(f"{file}: another ledger has taken its place while it was read; run the same command again")


def _wait_for(checked: Future[None], file: Path, tables: Sequence[Table]) -> None:
    try:
        checked.result()
    except BrokenExecutor:  # somebody has killed it, and it has looked at nothing
        _open_and_check(file, tables)


def _identity(file: Path) -> os.stat_result:
    try:
        return file.stat()
    except OSError as error:
        raise LedgerError(f"{file}: can't be read ({error.strerror})") from error


def _open_and_check(file: Path, tables: Sequence[Table]) -> None:
    with errors_of(file, "read"), closing(connect_to_read(file)) as connection:
        check_schema(connection, file)
        check_structure(connection, file)
        check_rows(connection, file, tables)


def _open_and_check_structure(file: Path) -> None:
    with closing(connect_to_read(file)) as connection:
        check_structure(connection, file)


def check_rows(connection: sqlite3.Connection, file: Path, tables: Sequence[Table] = TABLES) -> None:
    """Raises `LedgerError` if a row of these tables of the open ledger isn't what was written."""
    for table in tables:
        try:
            row = connection.execute(
                f"SELECT {', '.join(table.key)} FROM {table.name} WHERE checksum IS NOT {table.checksum} LIMIT 1"
            ).fetchone()
        except sqlite3.OperationalError as error:
            raise_if_a_signal(error)
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) != sqlite3.SQLITE_ERROR:
                raise
            # The checksum was given bytes that are no text, or the key is that.
            raise damaged(file, f"table {table.name}: a text that is none") from error
        if row is not None:
            raise damaged(file, f"table {table.name}: {_key(table, row)} is not what was written")


def _key(table: Table, row: tuple[object, ...]) -> str:
    return ", ".join(f"{column} {value!a}" for column, value in zip(table.key, row, strict=True))


Definition = tuple[str, str, str, str | None]  # kind, name, table, SQL


def _definitions(connection: sqlite3.Connection) -> set[Definition]:
    return set(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema"))


@cache
def _expected_definitions() -> frozenset[Definition]:
    with closing(sqlite3.connect(":memory:")) as connection:
        register_checksum(connection)
        for table in TABLES:
            connection.execute(table.statement)
        return frozenset(_definitions(connection))
