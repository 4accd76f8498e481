"""Where a Ray of our own keeps its files: two folders of the machine, each of which keeps it from starting."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from raysweep.disks import why_unwritable

OBJECT_STORE = Path("/dev/shm")  # where there is room, else Ray takes its temporary folder


def is_own_ray() -> bool:
    """Whether trials run on a Ray that starts and ends with us."""
    return not os.environ.get("RAY_ADDRESS")


def own_temporary_folder() -> Path | None:
    """Where a Ray of our own keeps its sockets and logs; None where trials run on another."""
    if not is_own_ray():
        return None
    return Path(os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp")


def why_no_object_store() -> OSError | None:
    """Why a Ray of our own can't make its object store, if the memory that Linux has for it is read-only or gone."""
    if not is_own_ray() or sys.platform != "linux":
        return None
    error = why_unwritable(OBJECT_STORE)
    return None if error is None or error.errno in (errno.ENOSPC, errno.EDQUOT) else error


def why_ray_cannot_write() -> tuple[str, OSError] | None:
    """The folder, in words, and what is wrong with it; None if nothing is."""
    folder = own_temporary_folder()
    if folder is not None and (error := why_unwritable(folder)) is not None:
        return f"{folder}, where Ray keeps its files", error
    if (error := why_no_object_store()) is not None:
        return f"{OBJECT_STORE}, where Ray keeps its object store", error
    return None
