"""Copies of the ledger in a sweep's `storage_path`, so that a lost head loses a minute at most.

A copy's name has its number and its SHA-256: it is whole or it is passed over for the one before. The newest two stay.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from raysweep.errors import LedgerError
from raysweep.ledger.check import has_ledger
from raysweep.ledger.creation import put_in_place
from raysweep.ledger.database import connect
from raysweep.ledger.reader import History, LedgerReader
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
    """What a look at the copies came to.

    Attributes:
        name: The copy that is the ledger now; None if the ledger is as it was.
        set_aside: Where the ledger is that was older than that copy; None if there was none.
        damaged: Copies that aren't whole.
        is_copied: Whether a whole copy has all that the ledger has.
    """

    name: str | None = None
    set_aside: Path | None = None
    damaged: tuple[str, ...] = ()
    is_copied: bool = False


def recover_ledger(file: Path, folder: Folder) -> Recovered:
    """Makes the newest whole copy the ledger at `file`, where that is missing or older. Makes no folders.

    Nobody may write to the ledger or to the copies meanwhile.

    Raises:
        OSError: If copies can't be read, or the ledger can't be written.
        LedgerError: If the newest whole copy is no ledger of this version, or each of the two has what the other
            hasn't.
    """
    damaged: list[str] = []
    for name in _newest_first(folder):
        content = folder.read(name)
        if f"-{hashlib.sha256(content).hexdigest()}." in name:
            break
        damaged.append(name)
    else:
        return Recovered(damaged=tuple(damaged))
    shown, old = f"{folder}/{name}", None
    if has_ledger(file):
        with LedgerReader(file, check=False) as reader:
            ours = reader.history()
        theirs = _history(content, shown)
        if not ours.is_continued_by(theirs):
            if ours != theirs and not theirs.is_continued_by(ours):
                raise LedgerError(_told_apart(file, ours, shown, theirs))
            return Recovered(damaged=tuple(damaged), is_copied=ours == theirs)
        old = _set_aside(file)
    put_in_place(file, content, partial(_check, shown=shown))
    return Recovered(name=name, set_aside=old, damaged=tuple(damaged), is_copied=True)


def _history(content: bytes, shown: str) -> History:
    with tempfile.TemporaryDirectory(prefix="raysweep-copy-") as folder:
        draft = Path(folder) / "ledger.sqlite"
        draft.write_bytes(content)
        with _shown_as(draft, shown), LedgerReader(draft, check=False) as reader:
            return reader.history()


def _set_aside(file: Path) -> Path:
    """It may hold what its newest copy doesn't: the last minute of a machine that was lost, say."""
    aside = file.with_name(f"{file.stem}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}{file.suffix}")
    for end in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            file.with_name(file.name + end).rename(aside.with_name(aside.name + end))
    return aside


def _told_apart(file: Path, ours: History, shown: str, theirs: History) -> str:
    return (
        f"{file} and its copy {shown} have each been gone on with, the one {_last(ours)}, the other {_last(theirs)}; "
        "move one of the two away, or give the sweep another name: trials come back from their checkpoints"
    )


def _last(history: History) -> str:
    if not history.commands:
        return "by nobody"
    host, pid, started_at = history.commands[-1]
    return f"by process {pid} on {host} from {datetime.fromtimestamp(started_at, UTC):%Y-%m-%d %H:%M} UTC"


def _check(draft: Path, shown: str) -> str:
    """The identity of a ledger that is to be; raises `LedgerError` if it can't be one."""
    with _shown_as(draft, shown), LedgerReader(draft) as reader:
        return reader.ledger_id()


@contextmanager
def _shown_as(draft: Path, shown: str) -> Iterator[None]:
    try:
        yield
    except LedgerError as error:
        raise LedgerError(str(error).replace(str(draft), shown)) from error


def _newest_first(folder: Folder) -> list[str]:
    return sorted(filter(_NAME.fullmatch, folder.names()), key=_number, reverse=True)


def _number(name: str) -> int:
    match = _NAME.fullmatch(name)
    assert match is not None, "only names of copies have numbers"
    return int(match[1])
