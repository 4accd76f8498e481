"""A ledger of one moment as one file: `python -m raysweep.ledger.snapshot LEDGER FILE`, on a cluster's head."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import closing
from pathlib import Path

from raysweep.errors import LedgerError
from raysweep.ledger.database import connect, errors_of


def write_snapshot(ledger: Path, copy: Path) -> None:
    """Writes the ledger as it is at one moment to another file, in one step.

    Args:
        ledger: An existing one.
        copy: In a folder that is there; replaced if it is there.

    Raises:
        LedgerError: If the one can't be read, or the other not be written.
    """
    temporary = copy.with_name(f".{copy.name}.part")
    temporary.unlink(missing_ok=True)
    try:
        with (
            errors_of(ledger, "copied"),
            closing(connect(ledger, "ro")) as source,
            closing(connect(temporary, "rwc")) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # one file, without -wal and -shm beside it
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(copy)
    except OSError as error:
        raise LedgerError(f"{copy}: can't be written ({error.strerror})") from error
    finally:
        temporary.unlink(missing_ok=True)


def main() -> int:
    """Exit code 1 and a line if that can't be done."""
    parser = argparse.ArgumentParser(prog="raysweep.ledger.snapshot")
    parser.add_argument("ledger", type=Path)
    parser.add_argument("copy", type=Path)
    arguments = parser.parse_args()
    try:
        write_snapshot(arguments.ledger, arguments.copy)
    except LedgerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
