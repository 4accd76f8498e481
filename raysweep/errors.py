"""Every error that raysweep raises on purpose.

    RaysweepError
    ├── InputError            what the user wrote is wrong; nothing was started (exit code 2)
    │   ├── SweepFileError    a sweep file or an override
    │   ├── SeriesError       a series or datasets.yaml
    │   └── ModelError        a file in the models folder
    ├── LedgerError           the ledger can't be read or written
    ├── GpuMemoryError        a GPU that trials share has run out of memory; the trial is tried again alone
    ├── CheckpointError       a checkpoint is missing, damaged or from another version
    ├── ClusterError          Ray is gone; the sweep stops, and all that was finished is kept
    ├── UnfitClusterError     nodes of the Ray can't take part; nothing was started (exit code 2)
    ├── StorageError          results can't be written; what was finished is kept (exit code 3)
    ├── LockedError           another process has what can be had once
    └── TrackingError         MLflow can't be brought up to date (in `tracking`)
    Interrupted               the user asked to stop (exit code 130)

An `InputError` carries all problems that were found, so that one run of the command shows all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong with the input.

    Attributes:
        where: A file, `file:line`, or `command line`.
        key: The key or column concerned, such as `train.time_steps`; empty if the whole file is meant.
        found: What stands there now.
        valid: The rule, the valid choices, or what to do.
    """

    where: str
    key: str = ""
    found: str
    valid: str

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        return f"{self.where}: {key}{self.found}; {self.valid}"


class RaysweepError(Exception):
    """Base of all errors that raysweep raises on purpose."""


class InputError(RaysweepError):
    """What the user gave is wrong; nothing was started.

    Args:
        problems: Everything that was found, at least one.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        assert problems, "an InputError needs at least one problem"
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))

    def __reduce__(self) -> tuple[type[InputError], tuple[tuple[Problem, ...]]]:
        # Exceptions pickle their message by default; workers send this one back with its problems.
        return type(self), (self.problems,)


class SweepFileError(InputError):
    """A sweep file, or an override on the command line, is wrong."""


class SeriesError(InputError):
    """A series, or the file that names it, can't be used."""


class ModelError(InputError):
    """A model file, or an argument for it, is wrong."""


class LedgerError(RaysweepError):
    """The ledger can't be read or written, or is from another version."""


class CheckpointError(RaysweepError):
    """A checkpoint is missing, damaged, or from another version."""


class StorageError(RaysweepError):
    """Something can't be written: a full disk, one that is read-only, or one that has gone. Says what to do."""


class GpuMemoryError(RaysweepError):
    """A GPU that trials share has run out of memory."""


class ClusterError(RaysweepError):
    """The Ray that trials ran on is gone, or can't do its work."""


class UnfitClusterError(RaysweepError):
    """Nodes of the Ray can't take part in a sweep, which wasn't started; says of each why, and what mends it."""


class LockedError(RaysweepError):
    """Another process has what can be had once; the message says which process."""


class Interrupted(BaseException):
    """The user asked to stop. Everything that was finished is in the ledger.

    No `Exception`, as Python's own KeyboardInterrupt is none: who does without something that can't be had must not
    do without a stop.
    """
