"""Whether a process still runs, and is the one that is meant: a number alone may have been given to another since."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from raysweep.plain_files import NotPlainError, open_plain
from raysweep.process_table import START_TICKS, STATE, stat_fields

_CLOCK_SLACK_SECONDS = 2.0  # the kernel's boot time moves a little when the clock is set


def start_mark(pid: int) -> str | None:
    """A mark that no other process with this number will have; None if it has ended.

    Where there is no `/proc`, every process with this number has the same mark.
    """
    fields = _stat(pid)
    if fields is None:
        return None
    return fields[1] if fields else "unknown"


def is_driver_alive(command: Mapping[str, Any], driver_lock: Path | None = None) -> bool:
    """Whether a sweep command of the ledger is still at work.

    Args:
        command: As the ledger has it.
        driver_lock: See `SweepPaths.driver_lock`. On another host, which may be a container that is gone, it is all
            that tells; without it such a command counts as alive until it has recorded its end.
    """
    if command["finished_at"] is not None:
        return False
    if command["host"] != socket.gethostname():
        return driver_lock is None or _is_locked(driver_lock)
    fields = _stat(command["pid"])
    if fields is None:
        return False
    return not fields or _started_at(fields[1]) <= command["started_at"] + _CLOCK_SLACK_SECONDS


def _is_locked(file: Path) -> bool:
    try:
        descriptor = open_plain(file, os.O_RDONLY)
    except (FileNotFoundError, NotPlainError):
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # given back when the file is closed
    except OSError:  # held by another; or a file system that can't tell
        return True
    finally:
        os.close(descriptor)
    return False


def _stat(pid: int) -> tuple[str, str] | tuple[()] | None:
    """State and start (in clock ticks since boot) of a process; empty if unknown; None if it has ended."""
    if not Path("/proc/self/stat").exists():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            pass
        return ()
    fields = stat_fields(pid)
    if fields is None:
        return None
    state, start = fields[STATE], fields[START_TICKS]
    return None if state in "ZX" else (state, start)


def _started_at(ticks: str) -> float:
    """Unix time in seconds."""
    boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
    return float(boot.split()[1]) + int(ticks) / os.sysconf("SC_CLK_TCK")
