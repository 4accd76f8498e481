"""Folders of the machine: where a Ray of our own keeps its files, and where a command keeps what ends with it."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import socket
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from raysweep.disks import why_unwritable

_PREFIX = "raysweep-"
OBJECT_STORE = Path("/dev/shm")  # where there is room, else Ray takes its temporary folder


def temporary_prefix(kind: str) -> str:
    """How the name of a temporary folder begins that `clear_temporary` takes away once this process is dead."""
    return f"{_PREFIX}{kind}-{_machine()}-{os.getpid()}-"


def clear_temporary() -> None:
    """Takes away what killed commands of this user have left on this machine in the folder for temporary files."""
    name = re.compile(rf"{_PREFIX}[a-z]+-{_machine()}-(\d+)-\w+")
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as found:
        for entry in found:
            match = name.fullmatch(entry.name)
            if match is None or not entry.is_dir(follow_symlinks=False) or _is_alive(int(match[1])):
                continue
            if entry.stat(follow_symlinks=False).st_uid == os.getuid():
                shutil.rmtree(entry.path, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@cache
def _machine() -> str:
    """Where process numbers mean the same: this machine, or this container of it."""
    try:
        processes = os.readlink("/proc/self/ns/pid")
    except OSError:
        processes = ""
    return hashlib.sha256(f"{socket.gethostname()} {processes}".encode()).hexdigest()[:8]


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
