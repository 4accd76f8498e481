"""A ledger is there whole or not at all, whenever the process that makes it is killed."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from raysweep.errors import LedgerError
from raysweep.ledger import creation as creation_module
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.writer import LedgerWriter

# A fork a kill: the imports would take far longer than what is to be cut.
KILLED_CREATIONS = """
import os, signal, sys, time
from pathlib import Path
from raysweep.ledger.writer import LedgerWriter

root, num_kills = Path(sys.argv[1]), int(sys.argv[2])
LedgerWriter(root / "warm" / "ledger.sqlite").close()
begun = time.perf_counter()
LedgerWriter(root / "timed" / "ledger.sqlite").close()
longest = 2 * (time.perf_counter() - begun)
for kill in range(num_kills):
    child = os.fork()
    if child == 0:
        LedgerWriter(root / str(kill) / "ledger.sqlite").close()
        time.sleep(60)
    time.sleep(longest * kill / num_kills)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""
NUM_KILLS = 60


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a sweep's folder?" / "ledger.sqlite"


def test_a_kill_at_any_moment_locks_nobody_out(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED_CREATIONS, str(tmp_path), str(NUM_KILLS)], check=True, timeout=60)
    num_absent = 0
    for kill in range(NUM_KILLS):
        file = tmp_path / str(kill) / "ledger.sqlite"
        num_absent += not file.exists()
        if file.exists():
            LedgerReader(file).__exit__(None, None, None)  # what the next command does first
        LedgerWriter(file).close()
        with LedgerReader(file) as reader:
            assert reader.revision() == 0
    assert 0 < num_absent < NUM_KILLS, "some kills came before the ledger was there, and some after"


def test_drafts_of_killed_processes_are_removed(file: Path) -> None:
    file.parent.mkdir(parents=True)
    for name in (".ledger.sqlite.draft-1", ".ledger.sqlite.draft-77", ".ledger.sqlite.draft-77-journal"):
        file.with_name(name).write_bytes(b"half a ledger")
    own = file.with_name(f".ledger.sqlite.draft-{os.getpid()}")  # of a process that had our number
    own.write_bytes(b"half a ledger")
    LedgerWriter(file).close()
    assert {path.name for path in file.parent.iterdir()} == {"ledger.sqlite", ".ledger.sqlite.id"}


def test_an_empty_file_is_no_ledger(file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.touch()
    with pytest.raises(LedgerError, match=r"ledger\.sqlite: there is no ledger; has this sweep been run\?$"):
        LedgerReader(file)
    LedgerWriter(file).close()
    with LedgerReader(file) as reader:
        assert reader.revision() == 0


def test_journals_without_their_ledger_are_not_folded_into_a_new_one(file: Path) -> None:
    with LedgerWriter(file) as writer:
        writer.forget_current()
        journal = file.with_name("ledger.sqlite-wal").read_bytes()
    assert journal
    file.unlink()
    file.with_name("ledger.sqlite-wal").write_bytes(journal)
    with LedgerWriter(file), LedgerReader(file) as reader:
        assert reader.revision() == 0


def test_a_ledger_that_appeared_meanwhile_is_kept(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where folders can't be locked: another process is done while this one still writes its draft."""
    write_empty = creation_module._write_empty

    def write_slowly(draft: Path, identity: str) -> None:
        write_empty(draft, identity)
        if not file.exists():
            write_empty(file, "other")
            ids.append(_ledger_id(file))

    ids: list[str] = []
    monkeypatch.setattr(creation_module, "_write_empty", write_slowly)
    LedgerWriter(file).close()
    assert [_ledger_id(file)] == ids
    assert not list(file.parent.glob("*draft*"))


def test_a_ledger_in_the_place_of_another_keeps_its_runs(file: Path) -> None:
    LedgerWriter(file).close()
    first = _ledger_id(file)
    file.unlink()
    LedgerWriter(file).close()
    assert _ledger_id(file) == first
    file.unlink()
    file.with_name(".ledger.sqlite.id").write_text("'); DROP TABLE trials; --")
    LedgerWriter(file).close()
    assert _ledger_id(file) != first, "what makes no sense is replaced"
    assert file.with_name(".ledger.sqlite.id").read_text() == _ledger_id(file)


def test_several_at_once_make_one_ledger(file: Path) -> None:
    start = threading.Barrier(8)
    ids: list[str] = []

    def create() -> None:
        start.wait()
        with LedgerWriter(file):
            ids.append(_ledger_id(file))

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 8
    assert len(set(ids)) == 1


def test_without_hard_links_a_ledger_is_made_all_the_same(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    LedgerWriter(file).close()
    assert _ledger_id(file)
    assert not list(file.parent.glob("*draft*"))


def test_a_new_ledger_needs_no_journal(file: Path) -> None:
    """Readers who may not write must never have to roll anything back."""
    LedgerWriter(file).close()
    assert {path.name for path in file.parent.iterdir()} == {"ledger.sqlite", ".ledger.sqlite.id"}
    connection = sqlite3.connect(file)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def _ledger_id(file: Path) -> str:
    with LedgerReader(file) as reader:
        return reader.ledger_id()
