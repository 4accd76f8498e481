"""The process that brings a sweep to MLflow while it runs: `python -m raysweep.tracking.following`.

It polls the ledger, tries again with growing pauses when MLflow is away, and ends by itself when its driver is done
or gone. Must not know: anything of the driver but its process and its ledger.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import math
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from raysweep.errors import RaysweepError
from raysweep.paths import SweepPaths
from raysweep.tracking.address import redact
from raysweep.tracking.follower import URI_VARIABLE
from raysweep.tracking.lock import TrackingLock
from raysweep.tracking.logs import RedactingFormatter
from raysweep.tracking.processes import start_mark

if TYPE_CHECKING:
    from raysweep.tracking.projection import Projection

_POLL_SECONDS = 1.0
_MAX_PAUSE_SECONDS = 30.0  # while MLflow is away
_CPU_SHARE = 0.025  # of one core, and MLflow's server takes about as much again: trainings keep the rest
_MAX_REST_SECONDS = 10.0  # nobody likes to look at curves that are older
_ORPHAN_SECONDS = 30.0  # for the last sync, if the driver died without a word
_SILENT_SECONDS = 5.0  # in which MLflow has taken nothing: then nobody waits for it at the end of a sweep
_FRESH_SECONDS = 2.0  # so old may a failed attempt be to stand for the last one
_LOCK_SECONDS = 1.0
_NICENESS = 19  # Ray gives workers 15 or so

_log = logging.getLogger("raysweep.tracking")


class Driver:
    """The process that is followed, as seen from here.

    Args:
        pid: Its number.
        mark: See `start_mark`.
        channel: A file descriptor that the driver holds the other end of. It writes how many seconds a last sync may
            take, or nothing if it dies, and closes it.
    """

    def __init__(self, pid: int, mark: str, channel: int) -> None:
        self._pid = pid
        self._mark = mark
        self._channel = channel
        self._message = b""

    def is_over_within(self, seconds: float) -> bool:
        """Waits that long, or until the driver is done or gone; true in that case."""
        deadline = time.monotonic() + seconds
        while select.select([self._channel], [], [], max(0.0, deadline - time.monotonic()))[0]:
            data = os.read(self._channel, 4096)
            if not data:
                return True
            self._message += data
        # A child that the driver left behind could hold the channel open.
        return start_mark(self._pid) != self._mark

    def last_sync_seconds(self) -> float:
        """How long a last sync may take."""
        try:
            return float(self._message)
        except ValueError:
            return _ORPHAN_SECONDS


class Health:
    """Tells the driver, and the log, what is wrong, whenever that changes.

    Args:
        channel: A file descriptor that the driver reads.
        uri: The tracking URI, whose credentials are kept to ourselves.
    """

    def __init__(self, channel: int, uri: str) -> None:
        self._channel = channel
        self._uri = uri
        self._problem: str | None = None
        os.set_blocking(channel, False)

    def tell(self, problem: str | None) -> None:
        """`None` if all is well."""
        problem = None if problem is None else redact(problem, self._uri)
        if problem == self._problem:
            return
        self._problem = problem
        _log.info("MLflow is up to date again") if problem is None else _log.warning("%s", problem)
        with contextlib.suppress(OSError):  # the driver is gone, or hasn't asked for a long time
            os.write(self._channel, json.dumps({"problem": problem}).encode() + b"\n")


def follow(paths: SweepPaths, uri: str, driver: Driver, health: Health) -> bool:
    """Projects until the driver is over; then once more, with nothing left running.

    The driver waits for that last time. So it ends early where MLflow is away, and takes as long as it may where MLflow
    takes what it is told.

    Returns:
        Whether MLflow equals the ledger.
    """
    attempts = _Attempts(paths, uri, health)
    pause = 0.0
    while not driver.is_over_within(pause):
        begun = time.process_time()
        if attempts.project():
            pause = rest_seconds(time.process_time() - begun)
        else:
            pause = min(max(2 * pause, _POLL_SECONDS), _MAX_PAUSE_SECONDS)
    deadline = time.monotonic() + driver.last_sync_seconds()
    if attempts.is_mlflow_silent() and attempts.has_just_failed():
        return False  # to ask a server that hangs takes seconds
    attempts.forget()  # MLflow may have lost what it had
    while not attempts.project(is_driver_gone=True, deadline=deadline):
        left = deadline - time.monotonic()
        if left <= 0 or attempts.is_mlflow_silent():
            return False
        time.sleep(min(_POLL_SECONDS, left))
    return True


def rest_seconds(cpu_seconds: float) -> float:
    """How long to rest after a projection that took so much time of a processor: the longer, the dearer it was."""
    return min(max(cpu_seconds / _CPU_SHARE, _POLL_SECONDS), _MAX_REST_SECONDS)


class _Attempts:
    """A projection that is opened when that is possible, and never raises."""

    def __init__(self, paths: SweepPaths, uri: str, health: Health) -> None:
        self._paths = paths
        self._uri = uri
        self._health = health
        self._lock = TrackingLock(paths.tracking_lock, "following the sweep")  # held until this process ends
        self._projection: Projection | None = None
        self._useful_at = time.monotonic()
        self._failed_at = -math.inf

    def is_mlflow_silent(self) -> bool:
        """Whether MLflow has taken nothing for a while, and so will hardly take anything in the next seconds."""
        return time.monotonic() - self._useful_at > _SILENT_SECONDS

    def has_just_failed(self) -> bool:
        """Whether an attempt has ended a moment ago, and MLflow isn't as the ledger is."""
        return time.monotonic() - self._failed_at < _FRESH_SECONDS

    def forget(self) -> None:
        """See `Projection.forget`."""
        if self._projection is not None:
            self._projection.forget()

    def project(self, *, is_driver_gone: bool = False, deadline: float = math.inf) -> bool:
        """See `Projection.sync`; whether MLflow is as the ledger was."""
        num_writes = self._num_writes()
        is_complete = self._try(is_driver_gone, deadline)
        if is_complete or self._num_writes() > num_writes or not self._lock.is_held:
            # Without the lock it is another process that brings this sweep to MLflow, and that is worth waiting for.
            self._useful_at = time.monotonic()
        if not is_complete:
            self._failed_at = time.monotonic()
        return is_complete

    def _try(self, is_driver_gone: bool, deadline: float) -> bool:
        try:
            if self._projection is None:
                self._projection = self._open()
            report = self._projection.sync(is_driver_gone=is_driver_gone, deadline=deadline)
        except RaysweepError as error:
            self._health.tell(str(error))
            return False
        except Exception as error:
            # This process only watches: whatever it is, the sweep goes on, and the next attempt may succeed.
            _log.exception("unexpected")
            self._health.tell(f"{type(error).__name__}: {error}")
            return False
        self._health.tell(report.problems[0] if report.problems else None)
        return report.is_complete

    def _num_writes(self) -> int:
        return 0 if self._projection is None else self._projection.num_writes

    def _open(self) -> Projection:
        if not self._lock.is_held:
            self._lock.acquire(_LOCK_SECONDS)
        from raysweep.tracking.projection import Projection
        from raysweep.tracking.server import TrackingServer

        for name in ("mlflow", "alembic", "sqlalchemy.engine"):  # they have handlers of their own
            logging.getLogger(name).handlers, logging.getLogger(name).propagate = [], True
        return Projection(self._paths, TrackingServer(self._uri, self._paths.name))


def main() -> int:
    """Exit code 0 if MLflow equals the ledger, 1 if not."""
    # `ray job stop` sends it to all processes of a job; this one ends when the driver tells it to, or is gone.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    parser = argparse.ArgumentParser(prog="raysweep.tracking.following")
    parser.add_argument("results_dir", type=Path)
    parser.add_argument("name")
    parser.add_argument("--driver-pid", type=int, required=True)
    parser.add_argument("--driver-mark", required=True)
    arguments = parser.parse_args()
    uri = os.environ.pop(URI_VARIABLE)
    os.nice(_NICENESS)
    channel = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print belongs in the log
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter(uri))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.captureWarnings(True)
    driver = Driver(arguments.driver_pid, arguments.driver_mark, sys.stdin.fileno())
    paths = SweepPaths(arguments.results_dir, arguments.name)
    return 0 if follow(paths, uri, driver, Health(channel, uri)) else 1


if __name__ == "__main__":
    sys.exit(main())
