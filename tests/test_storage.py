"""Folders of whole files: the same contract on a disk and in an object store."""

from __future__ import annotations

import os
import pickle
import socket
from pathlib import Path

import pytest

from raysweep.paths import SweepPaths
from raysweep.storage import Folder, LocalFolder, StoreError, open_folder, storage_of, why_unusable
from tests.s3_server import bucket

__all__ = ["bucket"]


@pytest.fixture(params=["path", "file://", "s3://"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    match request.param:
        case "path":
            return open_folder(str(tmp_path / "a folder"))
        case "file://":
            return open_folder((tmp_path / "a folder").as_uri())
        case _:
            return open_folder(f"s3://sweeps/{tmp_path.name}{request.getfixturevalue('bucket')}")


def test_a_file_is_there_until_it_is_taken_away(folder: Folder) -> None:
    trial = folder / "trial"
    assert trial.names() == []
    trial.write("a", b"first")
    trial.write("a", b"second")
    trial.write("b", b"")
    assert sorted(trial.names()) == ["a", "b"]
    assert trial.read("a") == b"second"
    assert pickle.loads(pickle.dumps(trial)).read("b") == b""
    trial.remove("a")
    trial.remove("a")
    assert trial.names() == ["b"]
    with pytest.raises(FileNotFoundError):
        trial.read("a")


def test_a_large_file_arrives_as_it_was(folder: Folder) -> None:
    content = os.urandom(12 * 2**20)  # more than an object store takes in one part
    folder.write("large", content)
    assert folder.read("large") == content


def test_what_can_be_used(folder: Folder) -> None:
    folder.make()
    assert why_unusable(folder) is None
    assert folder.names() == []


def test_what_cannot_be_used(tmp_path: Path, bucket: str) -> None:
    missing = tmp_path / "missing"
    assert isinstance(why_unusable(open_folder(str(missing))), FileNotFoundError)
    assert not missing.exists()
    error = why_unusable(open_folder(f"s3://nobodys-bucket/x{bucket}"))
    assert isinstance(error, StoreError)
    assert "nobodys-bucket" in str(error)


def test_parameters_stay_behind_the_name_and_out_of_messages() -> None:
    deep = open_folder("gs://sweeps/some/?scheme=http") / "far" / "off"
    assert str(deep) == "gs://sweeps/some/far/off"
    assert deep == open_folder("gs://sweeps/some/far/off?scheme=http")


def test_drafts_of_other_machines_stay(tmp_path: Path) -> None:
    here = f".a.{socket.gethostname()}.99999999.tmp"
    for name in (here, ".a.elsewhere.99999999.tmp", f".b.{socket.gethostname()}.99999999.tmp"):
        (tmp_path / name).touch()
    folder = LocalFolder(tmp_path)
    folder.remove_drafts("a")
    assert here not in folder.names()
    assert len(folder.names()) == 2
    folder.remove_drafts()
    assert folder.names() == [".a.elsewhere.99999999.tmp"]


def test_where_a_sweep_keeps_its_files(tmp_path: Path) -> None:
    paths = SweepPaths(tmp_path / "results", "s")
    assert str(storage_of(paths, None).folder_of("t")) == str(tmp_path / "results/s/checkpoints/t")
    assert storage_of(paths, None).ledger_copies is None
    assert str(storage_of(paths, "/mnt/shared").predictions) == "/mnt/shared/s/predictions"
    assert str(storage_of(paths, "s3://sweeps?region=x").folder_of("t")) == "s3://sweeps/s/checkpoints/t"
