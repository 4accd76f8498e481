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


class TooLargeError(OSError):
    """More than anything that was written there."""

    def __init__(self, file: str, num_bytes: int, max_bytes: int) -> None:
        found = f"it has {num_bytes / 1e6:,.0f} MB, and nothing of its kind has more than {max_bytes / 1e6:,.0f} MB"
        super().__init__(errno.E2BIG, found, file)

    def __str__(self) -> str:
        return str(self.strerror)


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
    return _open(file, flags | os.O_NOFOLLOW)


def read_whole(file: Path, max_bytes: int) -> bytes:
    """The content of a file, of which a link may lead to; nothing is read of one that is larger.

    Raises:
        NotPlainError: If a pipe or the like is there.
        TooLargeError: If it has more bytes.
        OSError: If it can't be read.
    """
    with os.fdopen(_open(file, os.O_RDONLY), "rb") as opened:
        size = os.fstat(opened.fileno()).st_size
        if size > max_bytes:
            raise TooLargeError(str(file), size, max_bytes)
        return opened.read(max_bytes)  # it may grow meanwhile


def _open(file: Path, flags: int) -> int:
    try:
        # Without O_NONBLOCK opening a pipe waits for its other end. To a file it says nothing.
        descriptor = os.open(file, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
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


def check_regular(file: Path) -> None:
    """Raises `NotPlainError` if a pipe or the like is there, and other `OSError` if it can't be read."""
    os.close(_open(file, os.O_RDONLY))


def check_plain(file: Path) -> None:
    """Raises `NotPlainError` if something else than a file is there; nothing at all will do."""
    try:
        os.close(open_plain(file, os.O_RDONLY))
    except FileNotFoundError:
        return


def name_unless_taken(draft: Path, file: Path) -> None:
    """Gives a file its name, unless something has that by now; the draft may keep its own besides."""
    try:
        os.link(draft, file)  # a rename would overwrite what came meanwhile
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        if not file.exists():
            draft.rename(file)


def write_plain(file: Path, content: bytes) -> None:
    """Writes a whole file, in the place of what it held."""
    with os.fdopen(open_plain(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as out:
        out.write(content)
