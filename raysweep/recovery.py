"""What `storage_path` is for besides checkpoints: a head that is lost takes one minute of the ledger with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from raysweep.disks import cannot_write
from raysweep.errors import InputError, Problem
from raysweep.leases import Lease
from raysweep.ledger.check import has_ledger
from raysweep.ledger.copies import LedgerCopier, recover_ledger
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.writer import LedgerWriter
from raysweep.prepare import PreparedSweep
from raysweep.storage import StoreError, open_folder, why_unusable

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


def with_recovered_ledger(prepared: PreparedSweep, note: Note) -> PreparedSweep:
    """The sweep with the ledger's newest copy in place, where its folder has no ledger and there is one.

    Raises:
        InputError: If the `storage_path` can't be used.
        LedgerError: If the copy is no ledger of this version.
        StorageError: If it can't be read, or not be written here.
    """
    copies, paths = prepared.storage.ledger_copies, prepared.paths
    if copies is None or has_ledger(paths.ledger):
        return prepared
    check_storage(prepared)
    try:
        if not copies.names():
            return prepared
        paths.root.mkdir(parents=True, exist_ok=True)
        found = recover_ledger(paths.ledger, copies)
    except OSError as error:
        raise cannot_write(error.filename or str(copies), error, verb="read") from error
    for name in found.damaged:
        note(f"{copies}/{name} is damaged and not used")
    if found.name is None:
        note("no copy of the ledger is whole: trials come back from their checkpoints and are only scored again")
        return prepared
    note(f"no ledger in {paths.root}: taken from its copy {copies}/{found.name}; what is newer comes from checkpoints")
    return prepared.refreshed()


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
def ledger_copied(prepared: PreparedSweep, note: Note) -> Iterator[Callable[[], str | None]]:
    """Where the sweep has a `storage_path`: copies the ledger once a minute and at the end, and is the only one there.

    Yields:
        What says whether another machine has taken the sweep over; takes no time.

    Raises:
        LockedError: If another machine runs this sweep.
        StorageError: If the `storage_path` can't be used.
    """
    copies, shared = prepared.storage.ledger_copies, prepared.storage.shared
    if copies is None or shared is None:
        yield lambda: None
        return
    lease = Lease(shared)
    try:
        lease.acquire(note)
    except OSError as error:
        raise cannot_write(str(shared), error) from error
    copier = LedgerCopier(prepared.paths.ledger, copies, may_copy=lease.renew)
    patience = HURRIED_PATIENCE_SECONDS
    try:
        yield lease.lost
        patience = COPY_PATIENCE_SECONDS
    finally:
        problem = copier.finish(patience)
        lease.release(patience)
        if problem is not None:
            note(f"the ledger's newest copy in {copies} is behind: {problem}")
