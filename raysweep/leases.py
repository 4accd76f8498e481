"""A lease on a folder that several machines see: one of them runs a sweep there, the others are told which.

A lock of the kernel's reaches one machine alone, object stores have none, and the clocks of two machines differ. So a
lease has no date: its holder renews it again and again, and whoever sees it change knows that it is held. It is lost
to whoever waited in vain for a change. Two that take it in the same moment learn of it at the next renewal.
Must not know: what is run.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from raysweep.errors import LockedError
from raysweep.storage import Folder

RENEW_SECONDS = 15.0
PATIENCE_SECONDS = 60.0  # without a change: three renewals may fail
POLL_SECONDS = 1.0
FILE = "head.json"
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who has a lease.

    Attributes:
        host: The machine's name.
        boot: Changes with every start of the machine's kernel, and differs between machines.
        results: Which folder of results it works in: a number of the machine's.
        process: Its number there.
        token: Of this lease alone.
        renewals: How often it was renewed.
    """

    host: str
    boot: str
    results: str
    process: int
    token: str
    renewals: int = 0

    @classmethod
    def of_this_process(cls, results: Path) -> Holder:
        """With a token of its own. Raises `OSError` if the folder isn't there."""
        boot, folder = _BOOT.read_text().strip() if _BOOT.is_file() else "", results.stat()
        return cls(
            host=socket.gethostname(),
            boot=boot,
            results=f"{folder.st_dev}:{folder.st_ino}",
            process=os.getpid(),
            token=secrets.token_hex(16),
        )

    def shares_lock_with(self, other: Holder) -> bool:
        """Whether a lock of the kernel's on the results keeps the two apart."""
        return (self.host, self.boot, self.results) == (other.host, other.boot, other.results)

    @classmethod
    def from_json(cls, content: bytes) -> Holder | None:
        """None if it isn't one: a lease that nobody can read is nobody's."""
        try:
            holder = cls(**json.loads(content))
        except (ValueError, TypeError, RecursionError):
            return None
        texts = (holder.host, holder.boot, holder.results, holder.token)
        is_one = all(isinstance(text, str) and text.isprintable() for text in texts) and isinstance(holder.process, int)
        return holder if is_one else None

    def __str__(self) -> str:
        return f"process {self.process} on {self.host[:100]}"


class Lease:
    """A lease, renewed in a thread of its own.

    Args:
        folder: What it is on. It is made where it isn't there.
        results: The folder of the results, whose lock this process has.
        seconds: Between two renewals.

    Raises:
        OSError: If there are no such results.
    """

    def __init__(self, folder: Folder, results: Path, *, seconds: float = RENEW_SECONDS) -> None:
        self._folder, self._seconds = folder, seconds
        self._holder = Holder.of_this_process(results)
        self._lost: str | None = None
        self._lock, self._is_over = threading.Lock(), threading.Event()
        # A daemon: a store that hangs must not keep the command from ending.
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def acquire(self, note: Callable[[str], None], *, patience: float = PATIENCE_SECONDS) -> None:
        """Takes it. Where another one had it last and didn't give it back, first waits whether it is still there.

        Args:
            note: Is told of the wait.
            patience: Seconds without a renewal after which a holder counts as gone; more than one renewal takes.

        Raises:
            LockedError: If another one holds it.
            OSError: If the folder can't be used.
        """
        found = self._read()
        # What runs in these results is the kernel's to say, by a lock that it gave to this process.
        if found is not None and not found.shares_lock_with(self._holder):
            note(f"{found} had this sweep last; waiting {patience:g} s for a sign of it")
            self._wait_for_sign(found, patience)
        self._write()
        self._thread.start()

    def lost(self) -> str | None:
        """Who has taken it, if somebody has. Takes no time."""
        return self._lost

    def renew(self) -> bool:
        """Looks whether it is still ours, and says so in the folder. False if it is lost. Raises `OSError`."""
        with self._lock:
            if self._lost is not None:
                return False
            self._folder.check()  # or a disk that has gone would look like a lease that was taken and given back
            found = self._read()
            if found is None or found.token != self._holder.token:
                self._lost = self._taken_over(found)
                return False
            self._write()
            return True

    def _taken_over(self, by: Holder | None) -> str:
        what = "somebody has taken this sweep over and ended since" if by is None else f"{by} has taken this sweep over"
        return (
            f"{self._folder}: {what}, as nothing was heard of {self._holder}; "
            "what was finished here since then is not in its ledger"
        )

    def release(self, patience: float) -> None:
        """Gives it back, if it is ours; waits so many seconds for the folder."""
        self._is_over.set()
        self._thread.join(patience)

    def _run(self) -> None:
        while not self._is_over.wait(self._seconds):
            try:
                self.renew()
            except OSError:
                continue  # the folder is out of reach: the next renewal shows what has happened meanwhile
        try:
            if self.renew():
                self._folder.remove(FILE)
        except OSError:
            return  # it is left; the next one waits a minute for it

    def _wait_for_sign(self, found: Holder, patience: float) -> None:
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            time.sleep(min(POLL_SECONDS, self._seconds))
            now = self._read()
            if now is None:
                return
            if now != found:
                raise LockedError(f"{self._folder}: {now} is at work; wait until it has ended, or end it")

    def _read(self) -> Holder | None:
        try:
            return Holder.from_json(self._folder.read(FILE))
        except FileNotFoundError:
            return None

    def _write(self) -> None:
        self._holder = replace(self._holder, renewals=self._holder.renewals + 1)
        self._folder.write(FILE, json.dumps(asdict(self._holder)).encode())
