"""What goes to a cluster is what the sweep needs; its digest tells an edit from a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from raysweep.clusters.parcel import Parcel


@pytest.fixture
def parcel(tmp_path: Path) -> Parcel:
    sweep, models, originals, data = (tmp_path / name for name in ("a sweep.yaml", "models", "originals", "data"))
    sweep.write_text("name: x\n")
    for folder in (models, originals, data):
        folder.mkdir()
        (folder / "one.txt").write_text(folder.name)
    return Parcel(sweep_file=sweep, models_dir=models, data_dirs=(originals, data))


def test_everything_has_a_place(parcel: Parcel) -> None:
    assert [name for _, name in parcel.folders()] == ["raysweep", "models", "sweeps", "data_1", "data"]
    assert (parcel.folders()[0][0] / "cli.py").is_file()


def test_the_digest_is_that_of_the_files(parcel: Parcel, tmp_path: Path) -> None:
    before = parcel.digest()
    (parcel.models_dir / "__pycache__").mkdir()
    (parcel.models_dir / "__pycache__" / "one.pyc").write_text("x")
    (parcel.models_dir / ".hidden").write_text("x")
    assert parcel.digest() == before
    copy = tmp_path / "elsewhere"
    shutil.copytree(parcel.models_dir, copy)
    moved = Parcel(sweep_file=parcel.sweep_file, models_dir=copy, data_dirs=parcel.data_dirs)
    assert moved.digest() == before


@pytest.mark.parametrize("edited", ["models", "originals", "data", "a sweep.yaml"])
def test_an_edit_changes_the_digest(parcel: Parcel, tmp_path: Path, edited: str) -> None:
    before = parcel.digest()
    file = tmp_path / edited
    (file / "one.txt" if file.is_dir() else file).write_text("name: y\n")
    assert parcel.digest() != before


def test_a_file_that_moves_changes_the_digest(parcel: Parcel) -> None:
    before = parcel.digest()
    (parcel.models_dir / "one.txt").rename(parcel.models_dir / "two.txt")
    assert parcel.digest() != before
