"""What `storage_path` is for besides checkpoints: a head that is lost takes one minute of the ledger with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from raysweep.disks import cannot_write
from raysweep.errors import InputError, Problem
from raysweep.leases import Lease
from raysweep.ledger.check import has_ledger
from raysweep.ledger.copies import LedgerCopier, recover_ledger
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.writer import LedgerWriter
from raysweep.paths import SweepPaths
from raysweep.prepare import PreparedSweep
from raysweep.storage import Folder, StoreError, open_folder, why_unusable

COPY_PATIENCE_SECONDS = 60.0  # for the last copy, once all is done
HURRIED_PATIENCE_SECONDS = 3.0  # after Ctrl-C or an error

Note = Callable[[str], None]


def check_storage(prepared: PreparedSweep) -> None:
    """Raises `InputError` if nothing can be written to the sweep's `storage_path`; looked at before anything starts."""
    location = prepared.sweep.storage_path
    if location is None:
        return
    folder = open_folder(location)
    error = why_unusable(folder)
    if error is None:
        return
    found = f"{folder} can't be used ({error.strerror or error})"
    if isinstance(error, StoreError):
        valid = "a bucket that can be reached from here and written to, with credentials from the environment or a role"
    else:
        valid = "a folder that is there and that you may write to"
    raise InputError([Problem(where=str(prepared.sweep.file), key="storage_path", found=found, valid=valid)])


@dataclass(frozen=True, kw_only=True)
class Head:
    """A sweep that no other process runs, on this machine or any other.

    Attributes:
        prepared: The sweep, against a ledger that is as new as any.
        lease: On its `storage_path`; None where it has none.
        is_copied: Whether the newest copy has all that the ledger has; also where there are no copies.
    """

    prepared: PreparedSweep
    lease: Lease | None = None
    is_copied: bool = True


@contextmanager
def at_the_head(prepared: PreparedSweep, note: Note) -> Iterator[Head]:
    """Takes the lease on the sweep's `storage_path`, if it has one, and then the ledger's newest copy.

    In this order: who looked at copies first might be given the lease by one who has just made a newer copy.

    Args:
        prepared: The sweep; this process has the lock on its results.
        note: Is told of waits and of copies.

    Raises:
        LockedError: If another machine runs this sweep.
        LedgerError: If the copy is no ledger of this version, or ledger and copy have both been gone on with.
        StorageError: If the `storage_path` can't be used.
    """
    shared, copies = prepared.storage.shared, prepared.storage.ledger_copies
    if shared is None or copies is None:
        yield Head(prepared=prepared.refreshed())  # whoever ran this sweep until now may have finished trials since
        return
    lease = Lease(shared, prepared.paths.root)
    try:
        lease.acquire(note)
    except OSError as error:
        raise cannot_write(str(shared), error) from error
    patience = HURRIED_PATIENCE_SECONDS
    try:
        is_copied = _recover(prepared.paths, copies, note)
        yield Head(prepared=prepared.refreshed(), lease=lease, is_copied=is_copied)
        patience = COPY_PATIENCE_SECONDS
    finally:
        lease.release(patience)


def _recover(paths: SweepPaths, copies: Folder, note: Note) -> bool:
    """Whether the newest copy has all that the ledger has."""
    had_none = not has_ledger(paths.ledger)
    try:
        found = recover_ledger(paths.ledger, copies)
    except OSError as error:
        raise cannot_write(error.filename or str(copies), error, verb="read") from error
    for name in found.damaged:
        note(f"{copies}/{name} is damaged and not used")
    if found.set_aside is not None:
        note(f"the ledger in {paths.root} is older than its copy {copies}/{found.name}, which takes its place")
        note(f"what it was is kept as {found.set_aside}; what the copy lacks comes from checkpoints")
    elif found.name is not None:
        copy = f"{copies}/{found.name}"
        note(f"no ledger in {paths.root}: taken from its copy {copy}; what is newer comes from checkpoints")
    elif found.damaged and had_none:
        note("no copy of the ledger is whole: trials come back from their checkpoints and are only scored again")
    return found.is_copied


def remember_storage(ledger: LedgerWriter, prepared: PreparedSweep, note: Note) -> None:
    """The ledger knows where checkpoints and forecasts are, for all commands that have no sweep file."""
    location = prepared.sweep.storage_path
    with LedgerReader(prepared.paths.ledger, check=False) as reader:
        before, is_begun = reader.storage_path(), reader.last_command() is not None
    if is_begun and before != location:
        there = prepared.paths.root if before is None else f"{open_folder(before)}/{prepared.paths.name}"
        note(
            f"storage_path has changed: copy checkpoints and predictions from {there}, or unfinished trials begin anew"
        )
    ledger.set_storage_path(location)


@contextmanager
def ledger_copied(head: Head, note: Note) -> Iterator[Callable[[], str | None]]:
    """Where the sweep has a `storage_path`: copies the ledger once a minute and at the end.

    Yields:
        What says whether another machine has taken the sweep over; takes no time.
    """
    copies, lease = head.prepared.storage.ledger_copies, head.lease
    if copies is None or lease is None:
        yield lambda: None
        return
    copier = LedgerCopier(head.prepared.paths.ledger, copies, may_copy=lease.renew)
    try:
        yield lease.lost
    except BaseException:
        _tell(copier.finish(HURRIED_PATIENCE_SECONDS), copies, note)
        raise
    problem: str | None = "the command was interrupted"
    try:
        problem = copier.finish(COPY_PATIENCE_SECONDS)
    finally:
        _tell(problem, copies, note)
        if lost := lease.lost():
            note(lost)


def _tell(problem: str | None, copies: Folder, note: Note) -> None:
    if problem is not None:
        note(f"the ledger's newest copy in {copies} is behind: {problem}")
