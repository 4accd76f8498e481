"""Copies of the ledger in a sweep's `storage_path`, so that a lost head loses a minute at most.

A copy's name has its number and its SHA-256: it is whole or it is passed over for the one before. The newest two stay.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from raysweep.errors import LedgerError
from raysweep.ledger.creation import put_in_place
from raysweep.ledger.database import connect
from raysweep.ledger.reader import LedgerReader
from raysweep.storage import Folder

COPY_SECONDS = 60.0
NUM_KEPT = 2
_NAME = re.compile(r"ledger-(\d{6,})-([0-9a-f]{64})\.sqlite")


class LedgerCopier:
    """Copies a ledger from time to time, in a thread of its own, where it has changed.

    Args:
        file: The ledger; it must outlive this.
        folder: Where copies go.
        may_copy: Asked before each copy; raises `OSError` if nobody knows.
        seconds: Between two copies.
    """

    def __init__(
        self,
        file: Path,
        folder: Folder,
        *,
        may_copy: Callable[[], bool] = lambda: True,
        seconds: float = COPY_SECONDS,
    ) -> None:
        self._file, self._folder, self._may_copy, self._seconds = file, folder, may_copy, seconds
        self._is_over = threading.Event()
        self._problem: str | None = None
        # A daemon: a store that hangs must not keep the command from ending.
        self._thread = threading.Thread(target=self._run, name="ledger-copier", daemon=True)
        self._thread.start()

    def finish(self, patience: float) -> str | None:
        """Makes the last copy.

        Args:
            patience: Seconds to wait for it.

        Returns:
            Why the newest copy is behind the ledger; None if it isn't.
        """
        self._is_over.set()
        self._thread.join(patience)
        return "the copy takes too long" if self._thread.is_alive() else self._problem

    def _run(self) -> None:
        try:
            with closing(connect(self._file, "ro")) as source:
                self._copy_until_over(source)
        except sqlite3.Error as error:
            self._problem = str(error)

    def _copy_until_over(self, source: sqlite3.Connection) -> None:
        copied: int | None = None
        while True:
            is_last = self._is_over.wait(self._seconds)
            version = source.execute("PRAGMA data_version").fetchone()[0]  # counts what others commit
            try:
                if version != copied and self._may_copy():
                    copy_ledger(source, self._folder)
                copied, self._problem = version, None
            except (OSError, sqlite3.Error) as error:
                self._problem = str(error)
            if is_last:
                return


def copy_ledger(source: sqlite3.Connection, folder: Folder) -> None:
    """Adds a copy of what the ledger says now. Raises `OSError` or `sqlite3.Error`."""
    with closing(sqlite3.connect(":memory:")) as memory:
        source.backup(memory)
        content = memory.serialize()
    names = _newest_first(folder)
    number = _number(names[0]) + 1 if names else 1
    folder.remove_drafts()
    folder.write(f"ledger-{number:06d}-{hashlib.sha256(content).hexdigest()}.sqlite", content)
    for old in _newest_first(folder)[NUM_KEPT:]:
        folder.remove(old)


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """What a search for copies came to.

    Attributes:
        name: The copy that is the ledger now; None if there was none that is whole.
        damaged: Copies that aren't whole.
    """

    name: str | None
    damaged: tuple[str, ...]


def recover_ledger(file: Path, folder: Folder) -> Recovered:
    """Makes the newest whole copy the ledger at `file`, where there is none. Makes no folders.

    Raises:
        OSError: If copies can't be read, or the ledger can't be written.
        LedgerError: If the newest whole copy is no ledger of this version.
    """
    damaged: list[str] = []
    for name in _newest_first(folder):
        content = folder.read(name)
        if f"-{hashlib.sha256(content).hexdigest()}." not in name:
            damaged.append(name)
            continue
        put_in_place(file, content, partial(_check, shown=f"{folder}/{name}"))
        return Recovered(name=name, damaged=tuple(damaged))
    return Recovered(name=None, damaged=tuple(damaged))


def _check(draft: Path, shown: str) -> str:
    """The identity of a ledger that is to be; raises `LedgerError` if it can't be one."""
    try:
        with LedgerReader(draft) as reader:
            return reader.ledger_id()
    except LedgerError as error:
        raise LedgerError(str(error).replace(str(draft), shown)) from error


def _newest_first(folder: Folder) -> list[str]:
    return sorted(filter(_NAME.fullmatch, folder.names()), key=_number, reverse=True)


def _number(name: str) -> int:
    match = _NAME.fullmatch(name)
    assert match is not None, "only names of copies have numbers"
    return int(match[1])
