"""One process at a time projects a ledger to MLflow: two would make two runs of a trial."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from pathlib import Path
from types import TracebackType

from raysweep.tracking.errors import TrackingError

_RETRY_SECONDS = 0.1


class TrackingLock:
    """A lock on a file, which the kernel gives back when its holder dies.

    Args:
        file: `SweepPaths.tracking_lock`; it holds a line about the holder.
        role: What the holder does, for those who wait.
    """

    def __init__(self, file: Path, role: str) -> None:
        self._file = file
        self._role = role
        self._descriptor: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether it is ours."""
        return self._descriptor is not None

    def acquire(self, timeout_seconds: float) -> None:
        """Takes the lock.

        Raises:
            TrackingError: If another process holds it for all that time, or the file can't be written.
        """
        try:
            descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise TrackingError(f"{self._file}: can't be locked ({error.strerror})") from error
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    raise TrackingError(
                        f"{self._file}: {self._holder()} is bringing this sweep to MLflow; wait until it has ended"
                    ) from None
                time.sleep(_RETRY_SECONDS)
            except OSError as error:
                os.close(descriptor)
                raise TrackingError(f"{self._file}: can't be locked ({error.strerror})") from error
        self._descriptor = descriptor
        self._sign(descriptor)

    def release(self) -> None:
        """Gives the lock back; the file stays, because removing it could give two processes a lock each."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> TrackingLock:
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

    def _holder(self) -> str:
        try:
            holder = json.loads(self._file.read_text())
            seconds = time.time() - holder["since"]
            return f"process {holder['pid']} on {holder['host']} ({holder['role']}, for {seconds:.0f} s)"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"
