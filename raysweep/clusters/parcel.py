"""What a sweep needs on a cluster, as folders to send: raysweep itself, models, series, the sweep file.

Must not know: how it is sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from raysweep.paths import PROJECT_ROOT

_SKIPPED = ("__pycache__",)


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """Folders of this machine, by the name that they have on the cluster.

    Attributes:
        sweep_file: The sweep file.
        models_dir: Folder of the models.
        data_dirs: Folders of series; what is in the first counts.
    """

    sweep_file: Path
    models_dir: Path
    data_dirs: tuple[Path, ...]

    def folders(self) -> list[tuple[Path, str]]:
        """A folder or file here, and what it is called there."""
        named = [(PROJECT_ROOT / "raysweep", "raysweep"), (self.models_dir, "models"), (self.sweep_file, "sweeps")]
        return [*named, *((folder, name) for folder, name in zip(self.data_dirs, self.data_names, strict=True))]

    @property
    def data_names(self) -> list[str]:
        """What the folders of series are called there; the last is the project's own."""
        return [*(f"data_{number}" for number in range(1, len(self.data_dirs))), "data"]

    def digest(self) -> str:
        """Equal for equal files."""
        found = hashlib.sha256()
        for folder, name in self.folders():
            for file in _files(folder):
                where = name if file == folder else f"{name}/{file.relative_to(folder).as_posix()}"
                found.update(f"{where}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
        return found.hexdigest()[:16]


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        yield folder
        return
    for file in sorted(folder.rglob("*")):
        parts = file.relative_to(folder).parts
        if file.is_file() and not any(part in _SKIPPED or part.startswith(".") for part in parts):
            yield file
