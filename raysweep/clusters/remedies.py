"""How findings are put: who is meant, and what mends it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from raysweep.clusters.facts import Finding, Machine

MLFLOW_PORT = 5000  # its own default
MAX_NAMES = 8


def fault(check: str, machine: Machine | None, found: str, remedy: str) -> Finding:
    """A line that says what is wrong; without a machine if it is about the whole."""
    return Finding(check=check, is_good=False, machine=machine.name if machine else "", found=found, remedy=remedy)


def verdict(check: str, faults: Sequence[Finding], good: str) -> Iterator[Finding]:
    """The faults, or one good line where there are none."""
    if faults:
        yield from faults
    else:
        yield Finding(check=check, is_good=True, found=good)


def in_shell(machine: Machine, command: str) -> str:
    """A command for that machine, as it can be typed from here."""
    if machine.visit is not None:
        return f"`{machine.visit.ssh} {shlex.quote(command)}`"
    return f"`{command}` there"


def names_of(machines: Sequence[Machine]) -> str:
    """Such as `head (10.0.0.1), w1 (10.0.0.2)`; of many the first few."""
    shown = ", ".join(machine.name for machine in machines[:MAX_NAMES])
    num_more = len(machines) - MAX_NAMES
    return f"{shown} and {num_more} more" if num_more > 0 else shown or "no machine"


def gibibytes(count: int) -> str:
    """Such as `0.3 GiB`."""
    return f"{count / 2**30:.1f} GiB"
