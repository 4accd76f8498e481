"""Leases, on a folder of a disk; that they hold on an object store too is in test_storage_path.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from raysweep import leases
from raysweep.errors import LockedError
from raysweep.leases import FILE, Holder, Lease
from raysweep.storage import LocalFolder
from tests.faults.waiting import wait_for

QUICK = 0.05  # seconds between two renewals
PATIENCE = 1.0
WAIT_SECONDS = 30


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path / "shared")


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes the leases that a test makes from now on those of another machine."""

    def move(host: str) -> None:
        here = Holder.of_this_process()
        monkeypatch.setattr(
            leases.Holder, "of_this_process", lambda: replace(here, host=host, token=f"token of {host}", boot=host)
        )

    return move


def _renewals(folder: LocalFolder) -> int:
    return int(json.loads(folder.read(FILE))["renewals"])


def test_it_is_renewed_while_it_is_held_and_given_back_at_the_end(folder: LocalFolder, notes: list[str]) -> None:
    lease = Lease(folder, seconds=QUICK)
    lease.acquire(notes.append)
    wait_for(lambda: _renewals(folder) > 3, name="renewals")
    assert lease.lost() is None
    lease.release(WAIT_SECONDS)
    assert folder.names() == []
    assert notes == []


def test_another_machine_is_refused_while_it_is_held(folder: LocalFolder, notes: list[str], elsewhere: Any) -> None:
    held = Lease(folder, seconds=QUICK)
    held.acquire(notes.append)
    elsewhere("second")
    with pytest.raises(LockedError, match=r"shared: process \d+ on \S+ is at work; wait until it has ended"):
        Lease(folder, seconds=QUICK).acquire(notes.append, patience=WAIT_SECONDS)
    assert len(notes) == 1
    assert notes[0].endswith("had this sweep last; waiting 30 s for a sign of it")
    assert held.lost() is None
    held.release(WAIT_SECONDS)


def test_one_that_nobody_renews_is_taken_and_its_holder_learns_of_it(
    folder: LocalFolder, notes: list[str], elsewhere: Any
) -> None:
    cut_off = Lease(folder, seconds=3600)
    cut_off.acquire(notes.append)
    elsewhere("second")
    new = Lease(folder, seconds=QUICK)
    new.acquire(notes.append, patience=PATIENCE)
    assert len(notes) == 1
    assert not cut_off.renew(), "the one that was cut off is back"
    lost = cut_off.lost()
    assert lost is not None
    assert "on second has taken this sweep over" in lost
    cut_off.release(WAIT_SECONDS)
    assert new.renew(), "what is lost can't be given back"
    assert new.lost() is None
    new.release(WAIT_SECONDS)


def test_one_that_is_given_back_in_the_meantime_is_taken_at_once(
    folder: LocalFolder, notes: list[str], elsewhere: Any
) -> None:
    held = Lease(folder, seconds=3600)
    held.acquire(lambda line: None)
    elsewhere("second")
    new = Lease(folder, seconds=QUICK)
    new.acquire(lambda line: held.release(WAIT_SECONDS), patience=3600)
    new.release(WAIT_SECONDS)


def test_the_same_machine_waits_for_nothing(folder: LocalFolder, notes: list[str]) -> None:
    """A command that was killed, and the same again: the lock in the results says that the first is dead."""
    killed = Lease(folder, seconds=3600)
    killed.acquire(notes.append)
    again = Lease(folder, seconds=QUICK)
    again.acquire(notes.append, patience=3600)
    assert notes == []
    again.release(WAIT_SECONDS)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"host": "a"}',
        b"[" * 100_000,
        b'{"host":"\\u001b","boot":"","process":1,"token":""}',
    ],
)
def test_what_is_no_lease_is_nobodys(folder: LocalFolder, notes: list[str], content: bytes) -> None:
    folder.write(FILE, content)
    lease = Lease(folder, seconds=QUICK)
    lease.acquire(notes.append, patience=3600)
    assert notes == []
    lease.release(WAIT_SECONDS)
    assert folder.names() == []


def test_a_folder_that_is_out_of_reach_for_a_while_changes_nothing(folder: LocalFolder, notes: list[str]) -> None:
    lease = Lease(folder, seconds=QUICK)
    lease.acquire(notes.append)
    away = folder.path.with_name("away")
    folder.path.rename(away)
    folder.path.write_text("in its place")
    with pytest.raises(OSError):
        lease.renew()
    folder.path.unlink()
    away.rename(folder.path)
    before = _renewals(folder)
    wait_for(lambda: _renewals(folder) > before, name="renewals")
    lease.release(WAIT_SECONDS)
    assert folder.names() == []
