"""Folders of whole files: the same contract on a disk and in an object store."""

from __future__ import annotations

import errno
import os
import pickle
import socket
import time
from pathlib import Path

import pytest

from raysweep import storage
from raysweep.paths import SweepPaths
from raysweep.storage import (
    STORAGE_VARIABLE,
    Folder,
    LocalFolder,
    StoreError,
    followed,
    open_folder,
    patiently,
    storage_of,
    why_unusable,
)
from tests.object_stores import CREDENTIALS, bucket, google_bucket
from tests.tracking.servers import find_free_port

__all__ = ["bucket", "google_bucket"]


@pytest.fixture(params=["path", "file://", "s3://", "gs://"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    match request.param:
        case "path":
            return open_folder(str(tmp_path / "a folder"))
        case "file://":
            return open_folder((tmp_path / "a folder").as_uri())
        case "gs://":
            parameters = request.getfixturevalue("google_bucket")
            return open_folder(f"gs://anonymous@sweeps/{tmp_path.name}{parameters}")
        case _:
            return open_folder(f"s3://sweeps/{tmp_path.name}{request.getfixturevalue('bucket')}")


def test_a_file_is_there_until_it_is_taken_away(folder: Folder) -> None:
    folder.make()
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


def test_a_bucket_of_googles_that_is_not_there(google_bucket: str) -> None:
    error = why_unusable(open_folder(f"gs://anonymous@nobodys-bucket/x{google_bucket}"))
    assert isinstance(error, StoreError)
    assert "there is no such bucket" in str(error)


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_a_store_that_is_away_is_told_within_seconds(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """Google's library would go on trying for a quarter of an hour, and hear no Ctrl-C meanwhile."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    began = time.monotonic()
    address = f"anonymous@sweeps/x?endpoint_override=127.0.0.1:{find_free_port()}&scheme=http"
    error = why_unusable(open_folder(f"{scheme}://{address if scheme == 'gs' else address.removeprefix('anonymous@')}"))
    assert isinstance(error, StoreError)
    assert time.monotonic() - began < 30


def test_a_store_that_comes_back_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(storage.time, "sleep", slept.append)
    answers: list[Exception | str] = [StoreError("away"), StoreError("away"), "here"]

    def ask() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert patiently(ask) == "here"
    assert slept == list(storage.PAUSES_SECONDS[:2])
    answers = [StoreError("away")] * 9
    with pytest.raises(StoreError):
        patiently(ask)
    assert len(answers) == 9 - 1 - len(storage.PAUSES_SECONDS)
    answers = [OSError(errno.ENOSPC, "full")]
    with pytest.raises(OSError, match="full"):
        patiently(ask)  # a disk is told at once


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


@pytest.mark.parametrize(
    ("location", "is_followed"),
    [
        ("/mnt/shared", True),
        ("s3://sweeps/some", True),
        ("s3://sweeps/some?region=eu-central-1", True),
        ("s3://stranger/x?endpoint_override=http://192.0.2.1", False),
        ("s3://stranger/x?region=x&endpoint_override=", False),
        ("gs://stranger/x?scheme=http", False),
    ],
)
def test_a_ledger_leads_to_no_server_that_it_has_chosen(
    monkeypatch: pytest.MonkeyPatch, location: str, is_followed: bool
) -> None:
    monkeypatch.delenv(STORAGE_VARIABLE, raising=False)
    assert followed(location) == (location if is_followed else None)
    monkeypatch.setenv(STORAGE_VARIABLE, location)
    assert followed(location) == location, "the user says so too"
    assert followed(None) is None


def test_no_file_takes_all_memory_or_all_time(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(20 * 10**9)
    with pytest.raises(OSError, match="it has 20,000 MB, and nothing of its kind has more than 4,295 MB"):
        folder.read("sparse")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe: it is a pipe, a device or a folder, and no file; remove it"):
        folder.read("pipe")


def test_nothing_is_written_below_a_disk_that_has_gone(tmp_path: Path) -> None:
    """Its mount point is an empty folder then, on another disk."""
    checkpoints = LocalFolder(tmp_path / "mounted" / "checkpoints")
    checkpoints.make()
    (checkpoints / "trial").write("a", b"first")
    assert (checkpoints / "trial").read("a") == b"first"
    (tmp_path / "mounted").rename(tmp_path / "gone")
    (tmp_path / "mounted").mkdir()
    with pytest.raises(FileNotFoundError):
        (checkpoints / "trial").write("a", b"second")
    assert list((tmp_path / "mounted").iterdir()) == []
