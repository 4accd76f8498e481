"""What Linux says of processes in `/proc`. Loads nothing, as signals are looked after before anything else."""

from __future__ import annotations

import os

STATE, PARENT, START_TICKS = 0, 1, 19  # places in `stat_fields`; see proc_pid_stat(5)


def stat_fields(pid: int) -> list[str] | None:
    """What follows the name in `/proc/PID/stat`; None if there is no such process, or no `/proc`."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()  # the name before it may hold spaces and parentheses
    except OSError:
        return None


def descendants(pid: int) -> list[int]:
    """All processes that came of one, parents first; none where there is no `/proc`."""
    names = os.listdir("/proc") if os.path.isdir("/proc") else []
    stats = {int(name): stat_fields(int(name)) for name in names if name.isdecimal()}
    family = [pid]
    for parent in family:
        family += [child for child, fields in stats.items() if fields and int(fields[PARENT]) == parent]
    return family[1:]
