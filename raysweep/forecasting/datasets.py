"""The series that have a name, and where their files lie.

A series is looked for in an ordered list of folders, the user's before the project's; only if none has it, its
stand-in is taken. Must not know: how `datasets.yaml` is written, models, protocols.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from raysweep.errors import Problem, SeriesError
from raysweep.forecasting.dataset_file import FILE_NAME, Dataset, read_dataset_file
from raysweep.forecasting.series import Series, read_series
from raysweep.forecasting.table import checked_file
from raysweep.spec.catalog import DataSource
from raysweep.spec.source import show_path


@dataclass(frozen=True, kw_only=True)
class Located:
    """The file that stands for a series, where it comes from, and what a user should know of that."""

    path: Path
    source: DataSource
    notices: tuple[str, ...] = ()


def read_datasets(folders: Sequence[Path]) -> dict[str, Dataset]:
    """The series named in the folders' `datasets.yaml`; a name in an earlier folder hides that of a later one.

    Raises:
        SeriesError: If a folder is missing, no folder has such a file, or one is wrong; with all that is wrong.
    """
    problems = [problem for folder in folders for problem in _folder_problems(folder)]
    datasets: dict[str, Dataset] = {}
    files = [folder / FILE_NAME for folder in folders if os.path.lexists(folder / FILE_NAME)]
    if not files and not problems:
        where, valid = " and ".join(map(show_path, folders)), f"a data folder has a {FILE_NAME} that names the series"
        problems.append(Problem(where=where, found=f"no {FILE_NAME}", valid=valid))
    for file in files:
        try:
            datasets = {**read_dataset_file(file), **datasets}
        except SeriesError as error:
            problems += error.problems
    if problems:
        raise SeriesError(problems)
    return datasets


def _folder_problems(folder: Path) -> list[Problem]:
    # Files in a folder that can't be searched would count as missing, and stand-ins be taken without a word.
    try:
        os.stat(os.path.join(folder, os.curdir))
    except PermissionError:
        found, valid = "permission denied", "make the folder readable for your user (chmod u+rx)"
    except (OSError, ValueError):
        found, valid = "there is no such folder", "check --data-dir"
    else:
        return []
    return [Problem(where=show_path(folder), found=found, valid=valid)]


def load_series(dataset: Dataset, folders: Sequence[Path]) -> Series:
    """Reads a named series from the first place that has it. Raises `SeriesError`."""
    located = locate(dataset, folders)
    return read_series(
        located.path,
        name=dataset.name,
        time_column=dataset.time_column,
        value_columns=dataset.value_columns,
        unit=dataset.unit,
        source=located.source,
        notices=located.notices,
    )


def locate(dataset: Dataset, folders: Sequence[Path]) -> Located:
    """The file of the first folder that has one, else the stand-in. Raises `SeriesError` if there is neither."""
    folder = next((folder for folder in folders if os.path.lexists(folder / dataset.file)), None)
    if folder is None:
        return _stand_in(dataset, folders)
    path = _inside(folder, dataset.file, dataset)
    checked_file(path)
    sha256 = _sha256(path)
    if dataset.original and sha256 == dataset.original.sha256:
        return Located(path=path, source="original")
    if dataset.stand_in and sha256 == _sha256(dataset.folder / dataset.stand_in):
        return Located(path=path, source="stand-in")  # a copy of it is no measurement either
    notice = f"{dataset.name}: {show_path(path)} is not the listed original (its SHA-256 differs)"
    return Located(path=path, source="file", notices=(notice,) if dataset.original else ())


def _sha256(path: Path) -> str | None:
    """Of a file's bytes, in hexadecimal; None if it can't be read, or would be read for ever."""
    try:
        checked_file(path)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, SeriesError):
        return None


def _stand_in(dataset: Dataset, folders: Sequence[Path]) -> Located:
    if dataset.stand_in is not None and os.path.lexists(dataset.folder / dataset.stand_in):
        return Located(path=_inside(dataset.folder, dataset.stand_in, dataset), source="stand-in")
    found = f"no {dataset.file} in {' or '.join(map(show_path, folders))}, "
    found += (
        f"and no stand-in {show_path(dataset.folder / dataset.stand_in)}"
        if dataset.stand_in
        else "and no stand-in listed"
    )
    valid = f"put the file into one of these folders, or name the folder that has it with --data-dir{_origin(dataset)}"
    raise _refused(dataset, found, valid)


def _origin(dataset: Dataset) -> str:
    return f"; it is published at {dataset.original.address}" if dataset.original else ""


def _inside(folder: Path, file: str, dataset: Dataset) -> Path:
    """The path of a file below a folder; a link must not lead out of it."""
    path = folder / file
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(os.path.realpath(folder)):
        found = f"{show_path(path)} is a link that leads out of its folder, to {show_path(real)}"
        raise _refused(dataset, found, "copy the file into it, or name the folder where it really lies with --data-dir")
    return path


def _refused(dataset: Dataset, found: str, valid: str) -> SeriesError:
    where = show_path(dataset.folder / FILE_NAME)
    return SeriesError([Problem(where=where, key=dataset.name, found=found, valid=valid)])
