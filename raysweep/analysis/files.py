"""Writing a file as a whole or not at all. Must not know: what is in it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

from raysweep.disks import cannot_write


def replace_file(file: Path, write: Callable[[Path], object]) -> None:
    """Writes under another name in the same folder, then renames: no reader sees a part of it.

    Raises:
        StorageError: If it can't be written.
    """
    # A name of its own for each call: the sweep itself and somebody's `compare` may write at the same time.
    temporary = file.with_name(f".{file.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        try:
            write(temporary)
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(file, error) from error
