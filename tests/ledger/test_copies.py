from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from raysweep.errors import LedgerError
from raysweep.ledger.copies import LedgerCopier, Recovered, copy_ledger, recover_ledger
from raysweep.ledger.database import connect
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.rows import TrialRow
from raysweep.ledger.writer import LedgerWriter
from raysweep.storage import LocalFolder
from tests.ledger.samples import COMMAND, CONFIG

WAIT_SECONDS = 30


def _register(ledger: LedgerWriter, *trial_ids: str) -> None:
    rows = [TrialRow(trial_id=trial_id, config_id=CONFIG.config_id, seed=0, position=0) for trial_id in trial_ids]
    ledger.register([CONFIG], rows)


def _copy(file: Path, folder: LocalFolder) -> None:
    with closing(connect(file, "ro")) as source:
        copy_ledger(source, folder)


def _trials(file: Path) -> list[str]:
    with LedgerReader(file) as reader:
        return sorted(row["trial_id"] for row in reader.trials())


def test_a_copy_has_what_was_committed_and_becomes_the_ledger(tmp_path: Path) -> None:
    file, copies, new = tmp_path / "ledger.sqlite", LocalFolder(tmp_path / "copies"), tmp_path / "new" / "ledger.sqlite"
    with LedgerWriter(file) as ledger:
        _register(ledger, "a", "b")
        _copy(file, copies)  # what it copies is in the write-ahead log alone
        with LedgerReader(file) as reader:
            identity = reader.ledger_id()
    new.parent.mkdir()
    found = recover_ledger(new, copies)
    assert [found.name] == copies.names()
    assert _trials(new) == ["a", "b"]
    with LedgerWriter(new) as ledger, LedgerReader(new) as reader:
        _register(ledger, "c")
        assert reader.ledger_id() == identity, "MLflow's runs stay the same"
    assert sorted(path.name for path in new.parent.iterdir()) == [".ledger.sqlite.id", "ledger.sqlite"]


def test_the_newest_two_copies_stay_and_a_torn_one_is_passed_over(tmp_path: Path) -> None:
    file, copies = tmp_path / "ledger.sqlite", LocalFolder(tmp_path / "copies")
    with LedgerWriter(file) as ledger:
        for trial_id in ("a", "b", "c"):
            _register(ledger, trial_id)
            _copy(file, copies)
    older, newest = sorted(copies.names())
    assert (older[:13], newest[:13]) == ("ledger-000002", "ledger-000003")
    torn = copies.path / newest
    torn.write_bytes(torn.read_bytes()[:-1000])
    new = tmp_path / "new.sqlite"
    found = recover_ledger(new, copies)
    assert (found.name, found.damaged) == (older, (newest,))
    assert _trials(new) == ["a", "b"]


def test_nothing_whole_leaves_nothing_behind(tmp_path: Path) -> None:
    copies = LocalFolder(tmp_path / "copies")
    copies.write(f"ledger-000001-{'0' * 64}.sqlite", b"half")
    found = recover_ledger(tmp_path / "ledger.sqlite", copies)
    assert found.name is None
    assert len(found.damaged) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["copies"]


def test_a_copy_that_is_no_ledger_is_refused_by_its_own_name(tmp_path: Path) -> None:
    file, copies = tmp_path / "ledger.sqlite", LocalFolder(tmp_path / "copies")
    LedgerWriter(file).close()
    with closing(connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")
    _copy(file, copies)
    (name,) = copies.names()
    with pytest.raises(LedgerError, match=rf"copies/{name}: ledger version 99; this raysweep reads"):
        recover_ledger(tmp_path / "new.sqlite", copies)
    assert not (tmp_path / "new.sqlite").exists()


def test_a_ledger_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    file, copies = tmp_path / "ledger.sqlite", LocalFolder(tmp_path / "copies")
    with LedgerWriter(file) as ledger:
        _copy(file, copies)
        _register(ledger, "a")
    recover_ledger(file, copies)
    assert _trials(file) == ["a"]


def test_a_ledger_that_is_older_than_its_copy_makes_room_for_it(tmp_path: Path) -> None:
    """As on a machine that was lost, whose sweep another one went on with, and that is back."""
    first, second, copies = tmp_path / "ledger.sqlite", tmp_path / "second.sqlite", LocalFolder(tmp_path / "copies")
    with LedgerWriter(first) as ledger:
        ledger.begin_command(COMMAND)
        _register(ledger, "a")
        _copy(first, copies)
        _register(ledger, "lost-in-the-last-minute")
    assert recover_ledger(first, copies) == Recovered(), "it has what the copy hasn't"
    recover_ledger(second, copies)
    with LedgerWriter(second) as ledger:
        ledger.begin_command(replace(COMMAND, host="the second"))
        _register(ledger, "b")
        _copy(second, copies)
    found = recover_ledger(first, copies)
    assert found.is_copied
    assert found.name == max(copies.names())
    assert _trials(first) == ["a", "b"]
    assert found.set_aside is not None
    assert _trials(found.set_aside) == ["a", "lost-in-the-last-minute"]
    assert recover_ledger(first, copies) == Recovered(is_copied=True)


def test_what_a_refused_command_recovered_is_older_once_the_other_went_on(tmp_path: Path) -> None:
    """In the same command: only how much was written tells them apart."""
    first, second, copies = tmp_path / "ledger.sqlite", tmp_path / "second.sqlite", LocalFolder(tmp_path / "copies")
    with LedgerWriter(first) as ledger:
        ledger.begin_command(COMMAND)
        _copy(first, copies)
        recover_ledger(second, copies)
        _register(ledger, "a")
        _copy(first, copies)
    assert recover_ledger(second, copies).is_copied
    assert _trials(second) == ["a"]


def test_what_two_machines_have_each_gone_on_with_is_left_to_the_user(tmp_path: Path) -> None:
    first, second, copies = tmp_path / "ledger.sqlite", tmp_path / "second.sqlite", LocalFolder(tmp_path / "copies")
    with LedgerWriter(first) as ledger:
        ledger.begin_command(COMMAND)
        _copy(first, copies)
        recover_ledger(second, copies)
        ledger.begin_command(replace(COMMAND, host="the first"))
        _register(ledger, "a")
    with LedgerWriter(second) as ledger:
        ledger.begin_command(replace(COMMAND, host="the second"))
        _register(ledger, "b")
        _copy(second, copies)
    with pytest.raises(LedgerError, match=r"gone on with, the one .* on the first from .*, the other .* on the second"):
        recover_ledger(first, copies)
    assert _trials(first) == ["a"]
    assert _trials(second) == ["b"]


def test_it_is_copied_while_it_changes_and_not_again_when_it_does_not(tmp_path: Path) -> None:
    file, copies = tmp_path / "ledger.sqlite", LocalFolder(tmp_path / "copies")
    with LedgerWriter(file) as ledger:
        copier = LedgerCopier(file, copies, seconds=0.05)
        try:
            for number, trial_id in enumerate("abc", start=1):
                _register(ledger, trial_id)
                _wait_for(copies, number)
            newest = max(copies.names())
            time.sleep(0.3)
            assert max(copies.names()) == newest
            _register(ledger, "d")
        finally:
            assert copier.finish(WAIT_SECONDS) is None
        recover_ledger(tmp_path / "new.sqlite", copies)
        assert _trials(tmp_path / "new.sqlite") == ["a", "b", "c", "d"], "the last copy has everything"


def test_what_is_no_longer_ours_is_not_overwritten(tmp_path: Path) -> None:
    file, copies = tmp_path / "ledger.sqlite", LocalFolder(tmp_path / "copies")
    with LedgerWriter(file) as ledger:
        _register(ledger, "a")
        assert LedgerCopier(file, copies, may_copy=lambda: False).finish(WAIT_SECONDS) is None
    assert copies.names() == []


def _wait_for(copies: LocalFolder, number: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not any(name >= f"ledger-{number:06d}" for name in copies.names() if name.startswith("ledger")):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_store_that_fails_or_hangs_is_told_at_the_end(tmp_path: Path) -> None:
    file, let_go = tmp_path / "ledger.sqlite", threading.Event()

    class Hanging(LocalFolder):  # a server that hangs is tested with the object store
        def names(self) -> list[str]:
            let_go.wait(WAIT_SECONDS)
            return super().names()

    (tmp_path / "taken").write_text("a file where the folder belongs")
    with LedgerWriter(file):
        assert "taken" in (LedgerCopier(file, LocalFolder(tmp_path / "taken")).finish(WAIT_SECONDS) or "")
        hanging = LedgerCopier(file, Hanging(tmp_path / "copies"))
        assert hanging.finish(0.1) == "the copy takes too long"
        let_go.set()
        assert hanging.finish(WAIT_SECONDS) is None
