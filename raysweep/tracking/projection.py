"""Brings MLflow to what the ledger says, run by run, as often as asked.

Every step is found out by comparing, so it doesn't matter where the last one ended, or whether MLflow was emptied
since. A run that a person has deleted in MLflow stays deleted, unless asked otherwise. A point can't be taken back in
MLflow: where a run says something that the ledger doesn't, it is deleted and made anew.

Must not know: who else is at work on the sweep, beyond what the ledger says.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

from raysweep.ledger.reader import LedgerReader, Row
from raysweep.paths import SweepPaths
from raysweep.tracking.desired import METRICS, desired_sweep, desired_trial
from raysweep.tracking.errors import RunError
from raysweep.tracking.processes import is_driver_alive
from raysweep.tracking.report import SyncReport
from raysweep.tracking.runs import OWN_TAGS, POINTS_TAG, SUPERSEDED_TAG, SWEEP, TRIAL_TAG, DesiredRun, KnownRun
from raysweep.tracking.server import TrackingServer


@dataclass
class _Tally:
    """What one call of `Projection.sync` has done so far; see `SyncReport`."""

    created: int = 0
    updated: int = 0
    replaced: int = 0
    kept_deleted: int = 0
    points: int = 0
    problems: list[str] = dataclasses.field(default_factory=list)


class Projection:
    """Knows what of a ledger is in MLflow, as far as it has seen. Not thread-safe.

    Whoever makes one holds the `TrackingLock` as long as it is used: what it knows is wrong once another process
    writes the same runs.

    Args:
        paths: Whose ledger.
        server: Where to.
        restore_deleted: Whether runs that a person has deleted in MLflow are brought back.
    """

    def __init__(self, paths: SweepPaths, server: TrackingServer, *, restore_deleted: bool = False) -> None:
        self._paths = paths
        self._server = server
        self._restore_deleted = restore_deleted
        self._tally = _Tally()
        self._is_checked = False
        self.forget()

    @property
    def num_writes(self) -> int:
        """How often MLflow has taken something, over all calls of `sync`."""
        return self._server.num_writes

    @property
    def runs(self) -> Mapping[str, KnownRun]:
        """The runs as they were after a `sync` that was complete, by trial; the sweep's own under `SWEEP`."""
        return self._runs or {}

    def forget(self) -> None:
        """The next `sync` reads the whole ledger, and asks MLflow for all that it holds."""
        self._runs: dict[str, KnownRun] | None = None
        self._rows: dict[str, Row] = {}
        self._revision = -1
        self._was_alive: bool | None = None

    def sync(self, *, is_driver_gone: bool = False, deadline: float = math.inf) -> SyncReport:
        """Brings over what the ledger has got since the last call; after `forget`, whatever is missing or wrong.

        Args:
            is_driver_gone: Nothing runs any more, whatever the ledger says.
            deadline: On the clock of `time.monotonic`; what isn't done by then is left for later.

        Raises:
            TrackingError: If MLflow can't be reached or refuses; what was done until then stays done.
            LedgerError: If the ledger can't be read.
        """
        begun = time.monotonic()
        self._tally = _Tally()
        is_complete = False
        try:
            # Once: after each failed attempt, while MLflow is away, it would cost the driver's machine seconds.
            with LedgerReader(self._paths.ledger, check=not self._is_checked) as ledger:
                self._is_checked = True
                is_complete = self._project(ledger, is_driver_gone, deadline)
        finally:
            if not is_complete:
                self.forget()
        counts = dataclasses.asdict(self._tally) | {"problems": tuple(self._tally.problems)}
        return SyncReport(**counts, is_complete=is_complete, seconds=time.monotonic() - begun)

    def _project(self, ledger: LedgerReader, is_driver_gone: bool, deadline: float) -> bool:
        """True if MLflow now is as the ledger was when its trials were read."""
        first, last = ledger.first_command(), ledger.last_command()
        if first is None or last is None:
            return True  # nothing was ever asked for
        is_alive = not is_driver_gone and is_driver_alive(last, self._paths.driver_lock)
        if is_alive != self._was_alive:
            self._revision = -1  # what every run should be depends on it
        news = ledger.trials(after_revision=self._revision)
        self._rows |= {row["trial_id"]: row for row in news}
        ledger_id, sweep = ledger.ledger_id(), self._paths.name
        if self._runs is None:
            self._runs = self._find_runs(ledger_id)
        parent = self._converge(
            SWEEP,
            desired_sweep(
                list(self._rows.values()), first, last, sweep=sweep, ledger_id=ledger_id, is_driver_alive=is_alive
            ),
        )
        # Those that MLflow shows as running come first: should time be short, they must not stay so.
        for row in sorted(news, key=lambda row: not self._is_shown_running(row["trial_id"])):
            if time.monotonic() >= deadline:
                return False
            desired = desired_trial(
                row,
                ledger.epochs(row["trial_id"]),
                sweep=sweep,
                ledger_id=ledger_id,
                parent_run_id=parent.run_id,
                is_driver_alive=is_alive,
            )
            try:
                if desired is not None:
                    self._converge(row["trial_id"], desired)
            except RunError as error:
                self._tally.problems.append(str(error))
        self._was_alive = is_alive
        self._revision = max([self._revision, *(row["revision"] for row in news)])
        return not self._tally.problems

    def _find_runs(self, ledger_id: str) -> dict[str, KnownRun]:
        """The one run in MLflow of each trial, deleted or not."""
        self._server.open()
        found: dict[str, KnownRun] = {}
        for run in self._server.runs_of(ledger_id):
            trial_id = run.tags.get(TRIAL_TAG, SWEEP)
            rival = found.get(trial_id)
            if SUPERSEDED_TAG in run.tags:
                if not run.is_deleted:
                    self._server.supersede(run)  # the process that began this was killed
            elif rival is None or (rival.is_deleted and not run.is_deleted):
                found[trial_id] = run
            elif not run.is_deleted:
                self._server.supersede(run)  # MLflow had created one, but its answer was lost
        return found

    def _is_shown_running(self, trial_id: str) -> bool:
        assert self._runs is not None, "only after _find_runs"
        return trial_id in self._runs and self._runs[trial_id].status == "RUNNING"

    def _converge(self, trial_id: str, desired: DesiredRun) -> KnownRun:
        """Makes the run what it should be, with as few calls as that takes; none if it is so already."""
        assert self._runs is not None, "only after _find_runs"
        run = self._runs.get(trial_id)
        if run is not None and run.is_deleted:
            if not self._restore_deleted:
                self._tally.kept_deleted += 1
                return run
            self._server.restore(run)
            self._tally.updated += 1
        elif run is not None and not _is_same(run, desired):
            self._tally.updated += 1
        if run is None:
            run = self._server.create(desired)
            self._tally.created += 1
        elif self._contradicts(run, desired):
            self._server.supersede(run)
            run = self._server.create(desired)
            self._tally.updated -= 1
            self._tally.replaced += 1
        self._runs[trial_id] = run
        self._complete(run, desired)
        return run

    def _contradicts(self, run: KnownRun, desired: DesiredRun) -> bool:
        """Whether the run says something that can't be taken back."""
        if run.start_time != desired.start_time:
            return True
        if any(run.params.get(key, value) != value for key, value in desired.params.items()):
            return True
        if run.has_points(desired):
            return False
        if run.points is None and not self._server.load_points(run, METRICS):
            return True
        assert run.points is not None, "they have just been loaded"
        return any(desired.points.get(key) != point for key, point in run.points.items())

    def _complete(self, run: KnownRun, desired: DesiredRun) -> None:
        stale = [key for key in run.tags if key.startswith(OWN_TAGS) and key not in {*desired.tags, POINTS_TAG}]
        if stale:
            self._server.remove_tags(run, stale)
        points = {}
        if not run.has_points(desired):
            assert run.points is not None, "a run whose points are in doubt has been asked for them"
            points = {key: point for key, point in desired.points.items() if key not in run.points}
        params = {key: value for key, value in desired.params.items() if key not in run.params}
        tags = {key: value for key, value in desired.tags.items() if run.tags.get(key) != value}
        self._server.write(run, points=points, params=params, tags=tags, points_digest=desired.points_digest)
        self._tally.points += len(points)
        if not run.has_status(desired):
            self._server.set_status(run, desired)
        if desired.end_time is not None:
            run.points = None if run.metrics else {}  # a thousand ended trials need not stay in memory


def _is_same(run: KnownRun, desired: DesiredRun) -> bool:
    return (
        run.has_points(desired)
        and run.has_status(desired)
        and all(run.params.get(key) == value for key, value in desired.params.items())
        and all(run.tags.get(key) == value for key, value in desired.tags.items())
        and not any(key.startswith(OWN_TAGS) and key not in {*desired.tags, POINTS_TAG} for key in run.tags)
    )
