"""One process at a time projects a ledger to MLflow: two would make two runs of a trial."""

from __future__ import annotations

from raysweep.errors import LockedError
from raysweep.locks import FileLock
from raysweep.tracking.errors import TrackingError


class TrackingLock(FileLock):
    """The lock on `SweepPaths.tracking_lock`, in the words of tracking."""

    def acquire(self, timeout_seconds: float = 0.0) -> None:
        """Takes the lock.

        Raises:
            TrackingError: If another process holds it for all that time, or the file can't be written.
        """
        try:
            super().acquire(timeout_seconds)
        except LockedError as error:
            raise TrackingError(
                f"{self._file}: {error} is bringing this sweep to MLflow; wait until it has ended"
            ) from None
        except OSError as error:
            raise TrackingError(f"{self._file}: can't be locked ({error.strerror})") from error
