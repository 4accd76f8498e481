"""Files of a fixed name in a folder that may have come from a stranger. Must not know: what is in them.

A link in such a folder may lead to any file of the user's, and opening a pipe waits for ever: what is opened here is a
plain file that lies in that very folder.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


class NotPlainError(OSError):
    """Something else is where a file belongs."""

    def __init__(self, file: Path, what: str) -> None:
        super().__init__(errno.ELOOP, f"it is {what}, and no file; remove it", str(file))

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


def open_plain(file: Path, flags: int) -> int:
    """Opens a file, never through a link.

    Args:
        file: Where; what is made is readable by others.
        flags: As for `os.open`.

    Returns:
        The descriptor.

    Raises:
        NotPlainError: If a link, a pipe or the like is there.
        OSError: If it can't be opened.
    """
    try:
        # Without O_NONBLOCK opening a pipe waits for its other end. To a file it says nothing.
        descriptor = os.open(file, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    except OSError as error:
        if error.errno == errno.ELOOP and file.is_symlink():
            raise NotPlainError(file, "a link") from None
        if error.errno == errno.ENXIO:  # a pipe that nobody reads, or a socket
            raise NotPlainError(file, "a pipe or a socket") from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotPlainError(file, "a pipe, a device or a folder")
    return descriptor


def check_plain(file: Path) -> None:
    """Raises `NotPlainError` if something else than a file is there; nothing at all will do."""
    try:
        os.close(open_plain(file, os.O_RDONLY))
    except FileNotFoundError:
        return


def write_plain(file: Path, content: bytes) -> None:
    """Writes a whole file, in the place of what it held."""
    with os.fdopen(open_plain(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as out:
        out.write(content)
