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
RESULTS = Path("/")


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
        here = Holder.of_this_process(RESULTS)
        there = replace(here, host=host, token=f"token of {host}", boot=host)
        monkeypatch.setattr(leases.Holder, "of_this_process", lambda results: there)

    return move


def _renewals(folder: LocalFolder) -> int:
    return int(json.loads(folder.read(FILE))["renewals"])


def test_it_is_renewed_while_it_is_held_and_given_back_at_the_end(folder: LocalFolder, notes: list[str]) -> None:
    lease = Lease(folder, RESULTS, seconds=QUICK)
    lease.acquire(notes.append)
    wait_for(lambda: _renewals(folder) > 3, name="renewals")
    assert lease.lost() is None
    lease.release(WAIT_SECONDS)
    assert folder.names() == []
    assert notes == []


def test_another_machine_is_refused_while_it_is_held(folder: LocalFolder, notes: list[str], elsewhere: Any) -> None:
    held = Lease(folder, RESULTS, seconds=QUICK)
    held.acquire(notes.append)
    elsewhere("second")
    with pytest.raises(LockedError, match=r"shared: process \d+ on \S+ is at work; wait until it has ended"):
        Lease(folder, RESULTS, seconds=QUICK).acquire(notes.append, patience=WAIT_SECONDS)
    assert len(notes) == 1
    assert notes[0].endswith("had this sweep last; waiting 30 s for a sign of it")
    assert held.lost() is None
    held.release(WAIT_SECONDS)


def test_one_that_nobody_renews_is_taken_and_its_holder_learns_of_it(
    folder: LocalFolder, notes: list[str], elsewhere: Any
) -> None:
    cut_off = Lease(folder, RESULTS, seconds=3600)
    cut_off.acquire(notes.append)
    elsewhere("second")
    new = Lease(folder, RESULTS, seconds=QUICK)
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
    held = Lease(folder, RESULTS, seconds=3600)
    held.acquire(lambda line: None)
    elsewhere("second")
    new = Lease(folder, RESULTS, seconds=QUICK)
    new.acquire(lambda line: held.release(WAIT_SECONDS), patience=3600)
    new.release(WAIT_SECONDS)


def test_one_that_was_taken_and_given_back_meanwhile_is_lost_too(
    folder: LocalFolder, notes: list[str], elsewhere: Any
) -> None:
    """As of a machine that slept while another one took the sweep over and ended it."""
    asleep = Lease(folder, RESULTS, seconds=3600)
    asleep.acquire(notes.append)
    elsewhere("second")
    new = Lease(folder, RESULTS, seconds=QUICK)
    new.acquire(notes.append, patience=PATIENCE)
    new.release(WAIT_SECONDS)
    assert not asleep.renew()
    lost = asleep.lost()
    assert lost is not None
    assert "somebody has taken this sweep over and ended since" in lost
    asleep.release(WAIT_SECONDS)
    assert folder.names() == [], "what is lost isn't taken back"


def test_other_results_on_the_same_machine_are_as_far_as_another_machine(
    folder: LocalFolder, notes: list[str], tmp_path: Path
) -> None:
    """The lock in one folder of results says nothing about what runs in the other."""
    held = Lease(folder, RESULTS, seconds=QUICK)
    held.acquire(notes.append)
    with pytest.raises(LockedError, match="is at work"):
        Lease(folder, tmp_path, seconds=QUICK).acquire(notes.append, patience=WAIT_SECONDS)
    assert held.lost() is None
    held.release(WAIT_SECONDS)


def test_a_disk_that_has_gone_is_not_taken_for_a_lease_that_was(folder: LocalFolder, notes: list[str]) -> None:
    lease = Lease(folder, RESULTS, seconds=3600)
    lease.acquire(notes.append)
    away = folder.path.rename(folder.path.with_name("away"))
    with pytest.raises(FileNotFoundError):
        lease.renew()
    assert not folder.path.exists(), "nothing is built where the disk was"
    away.rename(folder.path)
    assert lease.renew()
    lease.release(WAIT_SECONDS)


def test_the_same_machine_waits_for_nothing(folder: LocalFolder, notes: list[str]) -> None:
    """A command that was killed, and the same again: the lock in the results says that the first is dead."""
    killed = Lease(folder, RESULTS, seconds=3600)
    killed.acquire(notes.append)
    again = Lease(folder, RESULTS, seconds=QUICK)
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
        b'{"host":"\\u001b","boot":"","results":"","process":1,"token":""}',
    ],
)
def test_what_is_no_lease_is_nobodys(folder: LocalFolder, notes: list[str], content: bytes) -> None:
    folder.write(FILE, content)
    lease = Lease(folder, RESULTS, seconds=QUICK)
    lease.acquire(notes.append, patience=3600)
    assert notes == []
    lease.release(WAIT_SECONDS)
    assert folder.names() == []


def test_a_folder_that_is_out_of_reach_for_a_while_changes_nothing(folder: LocalFolder, notes: list[str]) -> None:
    lease = Lease(folder, RESULTS, seconds=QUICK)
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
