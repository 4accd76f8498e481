"""Real file systems of a fixed size, mounted for a test; for root alone."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.required import skip_unless_required


class Mounts:
    """Mounts, and takes all of it away again."""

    def __init__(self) -> None:
        self._folders: list[Path] = []

    def small_disk(self, folder: Path, megabytes: int) -> Path:
        """An empty disk in memory."""
        folder.mkdir(parents=True, exist_ok=True)
        self.mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder)
        return folder

    def image(self, file: Path, folder: Path, megabytes: int) -> Path:
        """A disk with ext4 in a file, through a loop device."""
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as out:
            out.truncate(megabytes * 2**20)
        run("mkfs.ext4", "-q", "-m", "0", file)
        self.mount("-o", "loop", file, folder)
        return folder

    def mount(self, *arguments: str | Path) -> None:
        """Runs `mount`; the last argument is the folder."""
        run("mount", *arguments)
        self._folders.append(Path(arguments[-1]))

    def take_away(self, folder: Path) -> None:
        """As a disk goes that is pulled out: who has a file open keeps it."""
        run("umount", "--lazy", folder)

    def clear(self) -> None:
        """Unmounts what is still there."""
        for folder in reversed(self._folders):
            subprocess.run(["umount", "--lazy", folder], capture_output=True, check=False)


def run(*command: str | Path) -> str:
    """Runs a command that must go well; returns its output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def fill(folder: Path) -> Path:
    """Leaves not one byte free; returns the file that takes it all."""
    ballast = folder / "ballast"
    for chunk in (2**20, 4096, 64):
        with suppress(OSError), ballast.open("ab", buffering=0) as out:
            while True:
                out.write(bytes(chunk))
    return ballast


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[Mounts]:
    """Skips where nothing can be mounted, but not where CI says that it must be possible."""
    found = Mounts()
    try:
        try:
            found.small_disk(tmp_path / "try", 1)
        except AssertionError as error:
            skip_unless_required(f"needs the right to mount: {error}")
        yield found
    finally:
        found.clear()
