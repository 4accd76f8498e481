"""How a ledger comes into being: under another name, and then at once, so that a kill leaves all of it or nothing."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from raysweep.ledger.check import has_ledger
from raysweep.ledger.database import connect
from raysweep.ledger.schema import APPLICATION_ID, SCHEMA_VERSION, TABLES
from raysweep.plain_files import check_plain, name_unless_taken, write_plain


def is_absent(file: Path) -> bool:
    """Also an empty file is no ledger yet. Raises `LedgerError` if a folder, say, is in the way."""
    return not has_ledger(file)


def create_ledger(file: Path) -> None:
    """Puts a new ledger at `file`, unless one is there by now. A kill leaves either all of it or nothing there."""
    with _draft_of(file) as draft:
        if draft is not None:
            _write_empty(draft, _identity(file))


def put_in_place(file: Path, content: bytes, check: Callable[[Path], str]) -> None:
    """Puts a ledger that was made elsewhere at `file`, unless one is there by now; all of it or nothing.

    Args:
        file: Of the ledger; its folder is there.
        content: The whole file.
        check: Is given the draft; returns the ledger's identity, or raises what ends this.
    """
    with _draft_of(file) as draft:
        if draft is not None:
            draft.write_bytes(content)
            identity = check(draft)
            with draft.open("rb") as written:
                os.fsync(written.fileno())
            write_plain(_keeper(file), identity.encode())


@contextmanager
def _draft_of(file: Path) -> Iterator[Path | None]:
    """Where to write a ledger that is at `file` afterwards; None if one is there by now."""
    with _only_creator(file.parent) as folder:
        if not is_absent(file):
            yield None
            return
        for leftover in _leftovers(file):
            leftover.unlink(missing_ok=True)
        draft = file.with_name(f"{_draft_prefix(file)}{os.getpid()}")
        try:
            yield draft
            name_unless_taken(draft, file)
        finally:
            for end in ("", "-wal", "-shm"):  # SQLite makes these even to read
                draft.with_name(draft.name + end).unlink(missing_ok=True)
        os.fsync(folder)


@contextmanager
def _only_creator(folder: Path) -> Iterator[int]:
    """Holds the folder, as long as this process lives; gives its descriptor."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems lock no folders; there the sweep's own lock must do.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _draft_prefix(file: Path) -> str:
    return f".{file.name}.draft-"


def _leftovers(file: Path) -> list[Path]:
    """Drafts of killed processes, an empty ledger, and journals without one, which SQLite would fold into the new."""
    drafts = [path for path in file.parent.iterdir() if path.name.startswith(_draft_prefix(file))]
    return [*drafts, *(file.with_name(file.name + end) for end in ("-journal", "-wal", "-shm")), file]


def _write_empty(draft: Path, identity: str) -> None:
    tables = "; ".join(table.statement for table in TABLES)
    with closing(connect(draft, "rwc")) as connection:
        connection.executescript(
            f"BEGIN; {tables}; INSERT INTO meta VALUES ('revision', '0');"
            f" INSERT INTO meta VALUES ('ledger_id', '{identity}');"
            f" PRAGMA user_version = {SCHEMA_VERSION}; PRAGMA application_id = {APPLICATION_ID}; COMMIT;"
            # Last, so that nothing is left to be folded in: only the file itself gets its new name.
            " PRAGMA journal_mode = WAL;"
        )
    with draft.open("rb") as content:
        os.fsync(content.fileno())


def _identity(file: Path) -> str:
    """What MLflow's runs of this ledger are known by.

    It outlives the ledger, so that one that takes the place of a damaged one takes over its runs too.
    """
    keeper = _keeper(file)
    with suppress(OSError, ValueError):
        check_plain(keeper)
        known = keeper.read_text()
        if re.fullmatch("[0-9a-f]{16}", known):
            return known
    identity = secrets.token_hex(8)
    write_plain(keeper, identity.encode())
    return identity


def _keeper(file: Path) -> Path:
    return file.with_name(f".{file.name}.id")
