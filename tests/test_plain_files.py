"""A stranger's folder of results leads to no file of the user's: not by a link, and not into a wait for ever."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from raysweep import commands
from raysweep.errors import LedgerError, RaysweepError
from raysweep.ledger.writer import LedgerWriter
from raysweep.locks import FileLock
from raysweep.paths import SweepPaths
from raysweep.plain_files import NotPlainError, name_unless_taken
from raysweep.storage import LocalFolder, _machine
from raysweep.tracking.errors import TrackingError
from raysweep.tracking.follower import start_follower
from raysweep.tracking.logs import mlflow_logs_in
from raysweep.tracking.processes import is_driver_alive
from tests.conftest import Project
from tests.tracking.ledgers import finished_sweep, running_command

URI = "sqlite:///never-made.db"
MINE = "nobody but me may write here\n"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    file = tmp_path / "authorized_keys"
    file.write_text(MINE)
    return file


@pytest.fixture
def paths(tmp_path: Path) -> SweepPaths:
    found = SweepPaths(tmp_path / "results", "theirs")
    finished_sweep(found, 1)
    return found


def _start_writing(paths: SweepPaths) -> None:
    paths.ledger.rename(paths.ledger.with_name("away"))
    LedgerWriter(paths.ledger).close()


def _log(paths: SweepPaths) -> None:
    with mlflow_logs_in(paths.tracking_log, URI):
        pass


WAYS: dict[str, tuple[str, Callable[[SweepPaths], object], type[Exception]]] = {
    "sync": (".tracking.lock", lambda paths: commands.sync_sweep(paths, URI), TrackingError),
    "sync's log": ("tracking.log", _log, TrackingError),
    "the follower's log": ("tracking.log", lambda paths: start_follower(paths, URI), TrackingError),
    "a new ledger": (".ledger.sqlite.id", _start_writing, LedgerError),
    "the driver": (".driver.lock", lambda paths: FileLock(paths.driver_lock, "test").acquire(), NotPlainError),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", ["link", "dangling link", "pipe"])
def test_nothing_is_written_through_what_a_stranger_left(
    paths: SweepPaths, mine: Path, monkeypatch: pytest.MonkeyPatch, way: str, what: str
) -> None:
    monkeypatch.chdir(paths.results_dir)
    name, write, kind = WAYS[way]
    target = mine if what == "link" else mine.with_name("not_there")
    (paths.root / name).unlink(missing_ok=True)
    if what == "pipe":
        os.mkfifo(paths.root / name)
    else:
        (paths.root / name).symlink_to(target)
    with pytest.raises(kind) as refused:
        write(paths)
    told = str(refused.value)
    assert f"{name}: " in told and "and no file; remove it" in told and "\n" not in told
    assert mine.read_text() == MINE
    assert not mine.with_name("not_there").exists()


def test_a_sweep_says_so_in_one_line(fresh_project: Project, mine: Path) -> None:
    space = {"model": "att", "dataset": "wave", "train.time_steps": 16}
    sweep, paths = fresh_project.write_sweep("theirs", param_space=space), fresh_project.paths("theirs")
    paths.root.mkdir(parents=True)
    paths.driver_lock.symlink_to(mine)
    told = fresh_project.run(sweep, expect=2).stderr.strip()
    assert told == (
        "results/theirs/.driver.lock: it is a link, and no file; remove it; raysweep writes through no link; "
        "or name a folder of your own with --results-dir"
    )
    assert mine.read_text() == MINE


def test_a_ledger_is_not_written_through_a_link(paths: SweepPaths, tmp_path: Path) -> None:
    """It would be that of another sweep of mine."""
    other = SweepPaths(tmp_path / "results", "other")
    other.root.mkdir()
    other.ledger.symlink_to(paths.ledger)
    with pytest.raises(LedgerError, match=r"ledger\.sqlite: it is a link; a ledger is written only where it lies"):
        LedgerWriter(other.ledger)


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
def test_sqlite_follows_no_link_to_its_journals(paths: SweepPaths, mine: Path, end: str) -> None:
    paths.ledger.with_name(paths.ledger.name + end).symlink_to(mine)
    try:
        with LedgerWriter(paths.ledger) as ledger:
            ledger.begin_command(running_command())
    except RaysweepError as error:
        assert "\n" not in str(error)
    assert mine.read_text() == MINE


def test_a_draft_is_a_new_file(tmp_path: Path, mine: Path) -> None:
    folder = LocalFolder(tmp_path / "checkpoints")
    folder.make()
    (folder.path / f".x.ckpt.{_machine()}.{os.getpid()}.tmp").symlink_to(mine)
    folder.write("x.ckpt", b"content")
    assert folder.read("x.ckpt") == b"content"
    assert mine.read_text() == MINE


def test_who_asks_for_the_driver_waits_for_no_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lock")
    command = {"finished_at": None, "host": "another", "pid": 1, "started_at": 0.0}
    assert not is_driver_alive(command, tmp_path / "lock")


@pytest.mark.parametrize("has_links", [True, False])
def test_a_name_that_is_taken_stays_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    if not has_links:
        monkeypatch.setattr(os, "link", no_links)
    for number in (1, 2):
        draft = tmp_path / f"draft {number}"
        draft.write_text(str(number))
        name_unless_taken(draft, tmp_path / "name")
    assert (tmp_path / "name").read_text() == "1"
