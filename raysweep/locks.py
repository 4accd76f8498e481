"""One process at a time: locks on files, which the kernel gives back when their holder dies."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from pathlib import Path
from types import TracebackType

from raysweep.errors import LockedError
from raysweep.plain_files import open_plain

_RETRY_SECONDS = 0.1
_MAX_BYTES = 4096  # of the line about the holder


class FileLock:
    """A lock on a file that holds a line about its holder. Not thread-safe.

    Args:
        file: In a folder that is there. It stays when the lock is given back: removing it could give two processes
            a lock each.
        role: What the holder does, for those who are refused.
    """

    def __init__(self, file: Path, role: str) -> None:
        self._file = file
        self._role = role
        self._descriptor: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether it is ours."""
        return self._descriptor is not None

    def acquire(self, timeout_seconds: float = 0.0) -> None:
        """Takes the lock.

        Raises:
            LockedError: If another process holds it for all that time.
            NotPlainError: If a link, say, is in its place: the line would be written to where that leads.
            OSError: If the file can't be written.
        """
        descriptor = open_plain(self._file, os.O_RDWR | os.O_CREAT)
        try:
            deadline = time.monotonic() + timeout_seconds
            while not _try_lock(descriptor):
                if time.monotonic() >= deadline:
                    raise LockedError(_holder(descriptor))
                time.sleep(_RETRY_SECONDS)
            self._sign(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Gives the lock back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> FileLock:
        assert self.is_held, "acquire the lock first"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _sign(self, descriptor: int) -> None:
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "role": self._role, "since": time.time()}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, _MAX_BYTES, 0))
        seconds = time.time() - holder["since"]
        return f"process {holder['pid']} on {holder['host']} ({holder['role']}, for {seconds:.0f} s)"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
