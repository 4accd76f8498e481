"""Watching a running sweep. What waits ends with an `AssertionError` when it takes too long."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from typing import TypeVar

from raysweep.errors import LedgerError
from raysweep.ledger.reader import LedgerReader
from raysweep.paths import SweepPaths
from raysweep.process_table import stat_fields

DEADLINE_SECONDS = 120.0
POLL_SECONDS = 0.1

_T = TypeVar("_T")


def wait_for(
    what: Callable[[], _T],
    *,
    process: subprocess.Popen[str] | None = None,
    seconds: float = DEADLINE_SECONDS,
    name: str = "it",
) -> _T:
    """Polls until it is true and returns that; what isn't there yet may raise.

    Args:
        what: What has to become true.
        process: Who is to bring it about; it must not end before.
        seconds: How long to wait.
        name: What to call it if it never comes.
    """
    deadline = time.monotonic() + seconds
    last: Exception | None = None
    while True:
        # Asked first: what a process did as its last act counts.
        has_ended = process is not None and process.poll() is not None
        try:
            if found := what():
                return found
        except (AssertionError, LedgerError, ValueError) as error:
            last = error
        if has_ended:
            assert process is not None, "it has ended"
            raise AssertionError(f"{name} has not come; exit {process.returncode}: {process.communicate()[0]}")
        assert time.monotonic() < deadline, f"{name} has not come in {seconds:g} s ({last})"
        time.sleep(POLL_SECONDS)


def num_epochs(paths: SweepPaths) -> int:
    """How many epochs a ledger has; 0 if it isn't there."""
    if not paths.ledger.is_file():
        return 0
    with LedgerReader(paths.ledger, check=False) as ledger:
        return len(ledger.epochs())


def epochs_a_second(paths: SweepPaths, begin: float, end: float) -> float:
    """How many epochs of a ledger ended in a second, between two times of day; ask a while later, when all are in."""
    with LedgerReader(paths.ledger, check=False) as ledger:
        return sum(begin <= row["finished_at"] < end for row in ledger.epochs()) / (end - begin)


def processor_seconds(pid: int) -> float:
    """What a process of this machine has used so far, its own and for the kernel, without its children."""
    fields = stat_fields(pid)
    assert fields is not None, "it is there"
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def num_trials(paths: SweepPaths, status: str) -> int:
    """How many current trials of a ledger have a status; 0 if it isn't there."""
    if not paths.ledger.is_file():
        return 0
    with LedgerReader(paths.ledger, check=False) as ledger:
        return ledger.count_current().get(status, 0)


def wait_for_epochs(paths: SweepPaths, process: subprocess.Popen[str], at_least: int) -> int:
    """Waits until the sweep that a process runs has so many epochs in its ledger; returns how many."""

    def enough() -> int:
        count = num_epochs(paths)
        return count if count >= at_least else 0

    return wait_for(enough, process=process, name=f"epoch {at_least}")


def wait_for_finished(paths: SweepPaths, process: subprocess.Popen[str], at_least: int) -> int:
    """Waits until so many current trials of the sweep are finished; returns how many."""

    def enough() -> int:
        count = num_trials(paths, "finished")
        return count if count >= at_least else 0

    return wait_for(enough, process=process, name=f"finished trial {at_least}")
