"""`raysweep sync`: one look at a ledger, and MLflow says the same. MLflow is imported only when it is called."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from raysweep.errors import LedgerError
from raysweep.paths import SweepPaths
from raysweep.tracking.address import absolute_uri
from raysweep.tracking.lock import TrackingLock
from raysweep.tracking.logs import mlflow_logs_in
from raysweep.tracking.report import SyncReport


def sync_ledger(
    paths: SweepPaths,
    tracking_uri: str,
    *,
    restore_deleted: bool = False,
    lock_seconds: float = 5.0,
) -> SyncReport:
    """Brings MLflow to what the ledger says, and a report's pictures with it; a second call finds nothing to do.

    Args:
        paths: Whose ledger.
        tracking_uri: Where to; a relative SQLite file lies in the current folder.
        restore_deleted: Whether runs that a person has deleted in MLflow are brought back; else they stay deleted.
        lock_seconds: How long to wait for another process that is at it.

    Raises:
        TrackingError: If MLflow can't be reached or refuses, or another process is at it.
        LedgerError: If the ledger isn't there or can't be read.
    """
    if not paths.ledger.is_file():
        raise LedgerError(f"{paths.ledger}: there is no ledger; has this sweep been run?")
    uri = absolute_uri(tracking_uri, Path.cwd())
    lock = TrackingLock(paths.tracking_lock, "raysweep sync")
    lock.acquire(lock_seconds)
    with lock:
        # Seconds of import, which a command that only asks whether it can start should not pay.
        from raysweep.tracking.pictures import upload_pictures
        from raysweep.tracking.projection import Projection
        from raysweep.tracking.server import TrackingServer

        with mlflow_logs_in(paths.tracking_log, uri):
            server = TrackingServer(uri, paths.name)
            projection = Projection(paths, server, restore_deleted=restore_deleted)
            report = projection.sync()
            return replace(report, pictures=upload_pictures(paths, server, projection.runs))
