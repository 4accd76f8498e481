"""The one place that puts the parts together: what each command does, without a word of how it looks.

run_sweep: spec -> planning -> tuning (Ray Tune) -> ledger -> analysis, with tracking following the ledger
"""

from __future__ import annotations

import os
import shlex
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from raysweep.disks import cannot_write, explain, is_disk_error
from raysweep.errors import InputError, Interrupted, LedgerError, LockedError, Problem
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.rows import CommandRow
from raysweep.ledger.writer import LedgerWriter
from raysweep.locks import FileLock
from raysweep.paths import DEFAULT_RESULTS_DIR, SweepPaths
from raysweep.phases import make_current
from raysweep.plain_files import NotPlainError
from raysweep.planning.progress import Display
from raysweep.prepare import PreparedSweep, Workspace, scheduler_text
from raysweep.recovery import Head, at_the_head, check_storage, ledger_copied, remember_storage
from raysweep.space_check import check_space_for
from raysweep.tracking.address import DEFAULT_URI, redact
from raysweep.tracking.errors import TrackingError
from raysweep.tracking.follower import start_follower
from raysweep.trials import run_missing
from raysweep.version import code_version

FOLLOWER_SECONDS = 60.0  # how long the end of a sweep waits for MLflow; `raysweep sync` does the rest
HURRIED_FOLLOWER_SECONDS = 3.0  # after Ctrl-C or an error
LOCK_SECONDS = 0.5  # `status` holds a sweep's lock for a moment, to see whether anybody else does


@contextmanager
def opened(prepared: PreparedSweep, note: Callable[[str], None]) -> Iterator[Head]:
    """Makes this process the only one that runs a sweep, and its ledger as new as any.

    Args:
        prepared: The sweep.
        note: Is told of waits and of copies of the ledger.

    Raises:
        LockedError: If another process runs this sweep.
        LedgerError: If a copy of the ledger can't take its place, or both have been gone on with.
        StorageError: If a disk is the reason, or the `storage_path` can't be used any more.
        InputError: If nothing can be written to the results or to the `storage_path`.
    """
    check_storage(prepared)
    with _alone(prepared.paths), _disk_errors_explained(prepared.paths), at_the_head(prepared, note) as head:
        yield head


def run_sweep(
    head: Head, workspace: Workspace, display: Display, *, num_jobs: int | None, is_verbose: bool
) -> set[str]:
    """Runs what is missing of a sweep.

    Returns:
        The ids of the trials that failed, in this command or before.

    Raises:
        Interrupted: After Ctrl-C or SIGTERM; all that was finished is kept.
        ClusterError: If Ray is gone and doesn't come back.
        LedgerError: If the ledger can't be written.
        StorageError: If checkpoints or forecasts can't, or a disk is the reason for any of these.
        InputError: If there is too little room for what is missing, or nothing can be written at all.
    """
    prepared = head.prepared
    for line in _data_notes(prepared):
        display.note(line)
    with _disk_errors_explained(prepared.paths):
        plan = prepared.plan()
        is_missing = bool(plan.todo) or prepared.num_trials > len(plan.done)
        if is_missing:
            check_space_for(prepared, plan, workspace.tracking_uri, num_jobs=num_jobs)
        with LedgerWriter(prepared.paths.ledger) as ledger:
            is_news = make_current(ledger, prepared)
            failed = set()
            if not is_missing:
                display.note(f"nothing to run: all {len(plan.done)} trials are done")
            # Where nothing is to run others may still have something to learn: MLflow that trials are no longer
            # current, or what a command that was killed after its last trial didn't tell it any more; a machine that
            # has only the copies, what they lack.
            if is_missing or is_news or not head.is_copied or not _is_settled(prepared):
                remember_storage(ledger, prepared, display.note)
                with (
                    ledger_copied(head, display.note) as taken_over,
                    _tracking(ledger, prepared, workspace, display),
                    _command(ledger, prepared),
                ):
                    if is_missing:
                        failed = run_missing(
                            ledger, prepared, plan, display, taken_over, num_jobs=num_jobs, is_verbose=is_verbose
                        )
        with LedgerReader(prepared.paths.ledger, check=False) as reader:
            return failed | set(reader.current_trials(status="failed"))


@contextmanager
def _disk_errors_explained(paths: SweepPaths) -> Iterator[None]:
    """Where a disk is the reason, the error says what to do about it."""
    try:
        yield
    except LedgerError as error:
        raise explain(error, paths.root) from error
    except OSError as error:
        if not is_disk_error(error):
            raise
        raise cannot_write(error.filename, error) from error


@contextmanager
def _alone(paths: SweepPaths) -> Iterator[None]:
    """Two drivers would train the same trials, and the ledger has one writer."""
    lock = FileLock(paths.driver_lock, "running this sweep")
    try:
        paths.root.mkdir(parents=True, exist_ok=True)
        lock.acquire(LOCK_SECONDS)
    except LockedError as error:
        raise LockedError(f"{paths.root}: {error} is at work; wait until it has ended, or end it") from None
    except NotPlainError as error:
        valid = "raysweep writes through no link; or name a folder of your own with --results-dir"
        raise InputError([Problem(where=str(error.filename), found=str(error.strerror), valid=valid)]) from error
    except OSError as error:
        found = f"can't be written ({error.strerror})"
        valid = "make room or make it writable, or name a folder of your own with --results-dir"
        raise InputError([Problem(where=str(paths.root), found=found, valid=valid)]) from error
    with lock:
        yield


def _is_settled(prepared: PreparedSweep) -> bool:
    """Whether the last command ended by itself, MLflow has what it wrote, and files lie where this one has them."""
    with LedgerReader(prepared.paths.ledger, check=False) as reader:
        command, location, is_behind = reader.last_command(), reader.storage_path(), reader.is_tracking_behind()
    has_ended = command is None or command["outcome"] is not None
    return has_ended and not is_behind and (command is None or location == prepared.sweep.storage_path)


@contextmanager
def _command(ledger: LedgerWriter, prepared: PreparedSweep) -> Iterator[None]:
    """The ledger's record that this command ran, and how it ended."""
    sweep = prepared.sweep
    command_id = ledger.begin_command(
        CommandRow(
            started_at=time.time(),
            host=socket.gethostname(),
            pid=os.getpid(),
            sweep_file=str(sweep.file),
            sweep_text=sweep.text,
            overrides=sweep.overrides,
            metric=sweep.metric,
            scheduler=scheduler_text(sweep),
            code_version=code_version(),
        )
    )
    try:
        yield
    except BaseException as error:
        outcome = "interrupted" if isinstance(error, Interrupted) else "failed"
        # The ledger may be what can't be written: what ended the command is told, not what came after.
        with suppress(LedgerError):
            ledger.end_command(command_id, outcome, time.time())
        raise
    ledger.end_command(command_id, "done", time.time())


@contextmanager
def _tracking(ledger: LedgerWriter, prepared: PreparedSweep, workspace: Workspace, display: Display) -> Iterator[None]:
    """MLflow follows the ledger in a process of its own; whatever happens to it, the sweep goes on."""
    ledger.set_tracking_behind(True)
    later = f"Later: {_sync_command(prepared.paths, workspace)}"
    try:
        follower = start_follower(prepared.paths, workspace.tracking_uri)
    except TrackingError as error:
        display.note(f"MLflow is not followed: {error}. {later}")
        yield
        return
    patience = HURRIED_FOLLOWER_SECONDS
    try:
        yield
        patience = FOLLOWER_SECONDS
    finally:
        if follower.finish(patience):
            with suppress(LedgerError):  # what ended the command is told; the next one asks MLflow once more
                ledger.set_tracking_behind(False)
        else:
            problem = follower.problem() or f"it is still busy; see {prepared.paths.tracking_log}"
            display.note(f"MLflow is not up to date: {problem}. {later}")


def _sync_command(paths: SweepPaths, workspace: Workspace) -> str:
    """What to type to bring MLflow up to date; a password in the address stays with the user."""
    words = ["raysweep", "sync", paths.name]
    if workspace.results_dir != DEFAULT_RESULTS_DIR:
        words += ["--results-dir", str(workspace.results_dir)]
    if workspace.tracking_uri != DEFAULT_URI:
        words += ["--tracking-uri", redact(workspace.tracking_uri, workspace.tracking_uri)]
    return shlex.join(words)


def _data_notes(prepared: PreparedSweep) -> list[str]:
    """What a user should know of the series before reading any number."""
    infos = [prepared.catalog.dataset(name) for name in prepared.dataset_names()]
    stand_ins = [info.name for info in infos if info.source == "stand-in"]
    notes = [notice for info in infos for notice in info.notices]
    if stand_ins:
        notes.insert(
            0,
            f"made-up data: {', '.join(stand_ins)} {'is a stand-in' if len(stand_ins) == 1 else 'are stand-ins'} "
            "that raysweep generated, not measurements; --data-dir DIR takes the originals",
        )
    return notes
