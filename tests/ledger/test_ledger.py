"""What is written to a ledger is there, whole, for everybody, also after a kill."""

from __future__ import annotations

import dataclasses
import math
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from array import array
from pathlib import Path

import pytest

from raysweep.errors import LedgerError
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.rows import RungRow, TrialEnd, TrialFacts
from raysweep.ledger.schema import APPLICATION_ID
from raysweep.ledger.writer import LedgerWriter
from tests.ledger.samples import COMMAND, CONFIG, EVALUATION, epoch, trial
from tests.rows import rows_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a sweep's folder?" / "ledger.sqlite"


@pytest.fixture
def writer(file: Path):
    with LedgerWriter(file) as writer:
        writer.register([CONFIG], [trial(0), trial(1)])
        yield writer


def test_numbers_come_back_as_they_went_in(writer: LedgerWriter, file: Path) -> None:
    losses = [math.nan, math.inf, -math.inf, 5e-324, 0.1 + 0.2]
    writer.start_trial("t0", 1.0, "0.1.0")
    writer.record_epochs("t0", [epoch(number, train_loss=loss) for number, loss in enumerate(losses, 1)])
    writer.record_epochs("t1", [dataclasses.replace(epoch(1), train_loss=math.nan, val_mse_batch=None)])
    scores = {"test_mse_batch": math.nan, "test_mse_regressive": math.inf}
    end = TrialEnd(status="diverged", finished_at=2.0, error="nan", scores=scores)
    writer.end_trial("t0", end, [EVALUATION])
    with LedgerReader(file) as reader:
        assert repr([row["train_loss"] for row in reader.epochs("t0")]) == repr(losses)
        assert reader.epochs("t1")[0]["val_mse_batch"] is None
        first, second = reader.trials()
        assert (first["status"], first["error"]) == ("diverged", "nan")
        assert math.isnan(first["test_mse_batch"])
        assert (first["test_mse_regressive"], first["val_mse_regressive"]) == (math.inf, None)
        assert math.isnan(second["final_train_loss"])
        assert first["config"] == CONFIG.config
        (evaluation,) = rows_of(reader.evaluations())
        errors = array("f", EVALUATION.block_errors)
        assert repr(evaluation) == repr({**dataclasses.asdict(EVALUATION), "block_errors": errors, "is_current": 1})


def test_a_command_comes_back_as_it_was_typed(writer: LedgerWriter, file: Path) -> None:
    writer.begin_command(COMMAND)
    second = writer.begin_command(dataclasses.replace(COMMAND, started_at=9.0))
    writer.end_command(second, "interrupted", 10.0)
    with LedgerReader(file) as reader:
        first, last = reader.first_command(), reader.last_command()
        assert first is not None
        assert last is not None
        assert (first["started_at"], first["outcome"], first["finished_at"]) == (1.5, None, None)
        assert (last["started_at"], last["outcome"], last["finished_at"]) == (9.0, "interrupted", 10.0)
        assert (last["overrides"], last["sweep_text"]) == ('["model=att,vq", "seeds=[0,1]"]', "name: a\n")


@pytest.mark.parametrize("is_killed", [True, False])
def test_what_a_command_left_running_waits_again(tmp_path: Path, is_killed: bool) -> None:
    """Else `status` and MLflow would show trials of a killed driver as running, as long as the next one does others."""
    file = tmp_path / "ledger.sqlite"
    with LedgerWriter(file) as writer:
        writer.register([CONFIG], [trial(0), trial(1)])
        command = writer.begin_command(COMMAND)
        writer.start_trial("t0", 1.0, "0.1.0")
        writer.record_epochs("t0", [epoch(1)])
        with LedgerReader(file) as reader:
            assert reader.count_current() == {"running": 1, "pending": 1}
            revision = reader.revision()
        if is_killed:
            writer.begin_command(COMMAND)
        else:
            writer.end_command(command, "interrupted", 2.0)
        with LedgerReader(file) as reader:
            assert reader.count_current() == {"pending": 2}
            (changed,) = reader.trials(after_revision=revision)
        assert (changed["trial_id"], changed["started_at"], changed["epochs"]) == ("t0", 1.0, 1)


def test_a_record_is_written_whole_or_not_at_all(writer: LedgerWriter, file: Path) -> None:
    bad_rung = RungRow(trial_id="nobody", bracket="b", scheduler="asha", rung=1, score=1.0, cutoff=None, is_stop=False)
    with LedgerReader(file) as reader:
        before = reader.revision()
        with pytest.raises(LedgerError, match=r"can't be written \(FOREIGN KEY"):
            writer.record_epochs("t0", [epoch(1)], rungs=[bad_rung])
        with pytest.raises(AttributeError):
            writer.end_trial("t0", TrialEnd(status="finished", finished_at=1.0), [EVALUATION, None])  # type: ignore[list-item]
        assert reader.epochs() == []
        assert rows_of(reader.evaluations()) == []
        assert reader.trials()[0]["status"] == "pending"
        assert reader.revision() == before
        writer.record_epochs("t0", [epoch(1)])  # and the ledger can still be written
        assert len(reader.epochs()) == 1


def test_several_records_are_written_together_or_not_at_all(writer: LedgerWriter, file: Path) -> None:
    with LedgerReader(file) as reader:
        with pytest.raises(KeyError), writer.transaction():
            writer.start_trial("t0", 1.0, "0.1.0")
            writer.record_epochs("t0", [epoch(1)])
            raise KeyError
        assert (reader.trials()[0]["status"], reader.epochs()) == ("pending", [])
        with writer.transaction():
            writer.start_trial("t0", 1.0, "0.1.0")
            writer.record_epochs("t0", [epoch(1)])
            assert (reader.trials()[0]["status"], reader.epochs()) == ("pending", [])
        assert (reader.trials()[0]["status"], len(reader.epochs())) == ("running", 1)


def test_a_commit_that_fails_does_not_swallow_the_next_record(writer: LedgerWriter, file: Path) -> None:
    with pytest.raises(LedgerError, match=r"can't be written"), writer.transaction():
        writer._connection.execute("PRAGMA defer_foreign_keys = ON")  # so that it is COMMIT that fails
        writer.record_epochs("nobody", [epoch(1)])
    writer.record_epochs("t0", [epoch(1)])
    with LedgerReader(file) as reader:
        assert [row["trial_id"] for row in reader.epochs()] == ["t0"]


def test_an_epoch_that_comes_again_replaces_the_first(writer: LedgerWriter, file: Path) -> None:
    writer.record_epochs("t0", [epoch(1), epoch(2), epoch(3)])
    writer.record_epochs(
        "t0",
        [
            epoch(2, finished_at=200.0),  # trained again from a checkpoint, with the same losses
            epoch(3, train_loss=7.0, finished_at=201.0),  # with others
            epoch(4, train_loss=math.nan, finished_at=202.0),
        ],
    )
    writer.record_epochs("t0", [epoch(4, train_loss=math.nan, finished_at=203.0)])
    with LedgerReader(file) as reader:
        assert [(row["epoch"], row["train_loss"], row["finished_at"]) for row in reader.epochs("t0")][:3] == [
            (1, 1.0, 100.0),
            (2, 1.0, 100.0),
            (3, 7.0, 201.0),
        ]
        assert [row["finished_at"] for row in reader.epochs("t0", after_epoch=3)] == [202.0]
        row = reader.trials()[0]
        assert (row["epochs"], row["num_steps"], row["train_seconds"]) == (4, 40, 2.0)
        assert math.isnan(row["final_train_loss"])


def test_text_that_is_no_unicode_is_written_out(writer: LedgerWriter, file: Path) -> None:
    """A byte of a file's name that isn't UTF-8 comes as such, in a sweep's name as in the message of an error."""
    odd = os.fsdecode(b"caf\xe9")
    writer.begin_command(dataclasses.replace(COMMAND, sweep_file=odd, overrides=(odd,)))
    writer.end_trial("t0", TrialEnd(status="failed", finished_at=1.0, error=odd, traceback=odd))
    with LedgerReader(file) as reader:
        row, command = reader.trials()[0], reader.last_command()
    assert command is not None
    assert {row["error"], row["traceback"], command["sweep_file"]} == {"caf\\udce9"}


def test_the_slowest_epoch_of_all(writer: LedgerWriter, file: Path) -> None:
    with LedgerReader(file) as reader:
        assert reader.slowest_epoch() == 0.0
        writer.record_epochs("t0", [dataclasses.replace(epoch(1), seconds=3.0), epoch(2)])
        writer.record_epochs("t1", [dataclasses.replace(epoch(1), seconds=7.0)])
        writer.forget_current()
        assert reader.slowest_epoch() == 7.0


def test_register_keeps_what_is_known(writer: LedgerWriter, file: Path) -> None:
    writer.start_trial("t0", 1.0, "0.1.0")
    writer.record_epochs("t0", [epoch(1)])
    writer.end_trial("t0", TrialEnd(status="finished", finished_at=3.0, scores={"test_mse_batch": 4.0}))
    writer.forget_current()
    with LedgerReader(file) as reader:
        assert [row["is_current"] for row in reader.trials()] == [0, 0]
        writer.register([dataclasses.replace(CONFIG, data_source="original")], [trial(2), trial(0)])
        rows = {row["trial_id"]: row for row in reader.trials()}
        assert [row["trial_id"] for row in reader.trials()] == ["t0", "t2", "t1"]
        assert {key: row["is_current"] for key, row in rows.items()} == {"t0": 1, "t1": 0, "t2": 1}
        assert (rows["t0"]["status"], rows["t0"]["test_mse_batch"], rows["t0"]["epochs"]) == ("finished", 4.0, 1)
        assert rows["t2"]["status"] == "pending"


def test_the_phase_is_the_last_commands(writer: LedgerWriter, file: Path) -> None:
    def phases() -> dict[str, str | None]:
        with LedgerReader(file) as reader:
            return {row["trial_id"]: row["phase"] for row in reader.trials()}

    assert phases() == {"t0": None, "t1": None}
    writer.register([CONFIG], [dataclasses.replace(trial(0), phase="explore")])
    assert phases() == {"t0": "explore", "t1": None}
    writer.register([CONFIG], [dataclasses.replace(trial(0), phase="confirm"), trial(1)])
    assert phases() == {"t0": "confirm", "t1": None}


def test_a_trial_that_starts_again(writer: LedgerWriter, file: Path) -> None:
    facts = TrialFacts(num_train_windows=600, num_params=4321, node="n", device="cpu")
    writer.start_trial("t0", 1.0, "0.1.0")
    writer.record_epochs("t0", [epoch(1)], facts=facts)
    writer.end_trial("t0", TrialEnd(status="failed", finished_at=3.0, error="why", traceback="where"))
    writer.start_trial("t0", 5.0, "0.2.0")
    with LedgerReader(file) as reader:
        row = reader.trials()[0]
    assert (row["status"], row["started_at"], row["code_version"]) == ("running", 1.0, "0.2.0")
    assert (row["finished_at"], row["error"], row["traceback"]) == (None, None, None)
    assert (row["num_train_windows"], row["num_params"], row["node"], row["device"]) == (600, 4321, "n", "cpu")


def test_known_trials(writer: LedgerWriter, file: Path) -> None:
    writer.record_epochs("t0", [epoch(1), epoch(2)])
    writer.end_trial("t0", TrialEnd(status="stopped", finished_at=3.0, stopped_by="asha"), [EVALUATION])
    writer.record_evaluations([dataclasses.replace(EVALUATION, kind="baseline", eval_dataset="w_y")])
    with LedgerReader(file) as reader:
        known = reader.known_trials()
    assert (known["t0"].status, known["t0"].stopped_by) == ("stopped", "asha")
    assert (known["t0"].epochs, known["t0"].train_seconds) == (2, 1.0)
    assert {name for name, _ in known["t0"].eval_sets} == {"nan"}
    assert (known["t1"].status, known["t1"].epochs, known["t1"].train_seconds) == ("pending", 0, 0.0)


def test_rungs_come_back_in_the_order_of_decision(writer: LedgerWriter, file: Path) -> None:
    rungs = [
        RungRow(trial_id="t1", bracket="b", scheduler="asha", rung=5, score=2.0, cutoff=None, is_stop=False),
        RungRow(trial_id="t0", bracket="b", scheduler="asha", rung=5, score=math.nan, cutoff=2.0, is_stop=True),
    ]
    for rung in rungs:
        writer.record_epochs(rung.trial_id, [], rungs=[rung])
    with LedgerReader(file) as reader:
        assert repr(reader.rungs("asha")) == repr(rungs)
        assert reader.rungs("asha with other settings") == []


def test_every_write_to_a_trial_is_a_new_revision(writer: LedgerWriter, file: Path) -> None:
    with LedgerReader(file) as reader:
        seen = reader.revision()
        writes = [
            lambda: writer.start_trial("t0", 1.0, "0.1.0"),
            lambda: writer.record_epochs("t0", [epoch(1)]),
            lambda: writer.end_trial("t0", TrialEnd(status="finished", finished_at=3.0)),
            lambda: writer.register([CONFIG], [trial(0)]),
        ]
        for write in writes:
            write()
            assert [row["trial_id"] for row in reader.trials(after_revision=seen)] == ["t0"]
            assert reader.revision() > seen
            seen = reader.revision()
        assert reader.trials(after_revision=seen) == []
        writer.forget_current()
        assert len(reader.trials(after_revision=seen)) == 2


def test_a_ledger_keeps_its_id(tmp_path: Path) -> None:
    ids = []
    for name in ("a", "a", "b"):
        file = tmp_path / name / "ledger.sqlite"
        LedgerWriter(file).close()
        with LedgerReader(file) as reader:
            ids.append(reader.ledger_id())
    assert ids[0] == ids[1] != ids[2]
    assert all(len(ledger_id) == 16 for ledger_id in ids)


def test_readers_see_whole_records_while_the_driver_writes(writer: LedgerWriter, file: Path) -> None:
    """Every record adds two epochs, so no reader may ever see an odd number."""
    counts: list[int] = []
    is_done = threading.Event()

    def read() -> None:
        with LedgerReader(file) as reader:
            while not is_done.is_set():
                counts.append(len(reader.epochs("t0")))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for number in range(1, 201, 2):
            writer.record_epochs("t0", [epoch(number), epoch(number + 1)])
    finally:
        is_done.set()
        thread.join()
    assert counts == sorted(counts)
    assert len(set(counts)) > 2
    assert all(count % 2 == 0 for count in counts)


def test_a_killed_writer_leaves_all_that_it_acknowledged(file: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tests.ledger.test_ledger import *\n"
        "writer = LedgerWriter(Path(sys.argv[1])); writer.register([CONFIG], [trial(0)])\n"
        "for number in range(1, 100_000):\n"
        "    writer.record_epochs('t0', [epoch(number)]); print(number, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(file)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = [process.stdout.readline() for _ in range(50)]
    os.kill(process.pid, signal.SIGKILL)
    acknowledged += process.communicate()[0].splitlines(keepends=True)
    last = int([line for line in acknowledged if line.endswith("\n")][-1])
    with LedgerReader(file) as reader:
        numbers = [row["epoch"] for row in reader.epochs("t0")]
        # At most the one write whose acknowledgement the kill cut off comes on top.
        assert numbers in (list(range(1, last + 1)), list(range(1, last + 2)))
        assert reader.trials()[0]["num_steps"] == 10 * numbers[-1]
    with LedgerWriter(file) as writer:
        writer.record_epochs("t0", [epoch(numbers[-1] + 1)])
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_no_ledger_is_made_by_looking_for_one(file: Path) -> None:
    with pytest.raises(LedgerError, match=r"there is no ledger"):
        LedgerReader(file)
    assert not file.parent.exists()


def test_a_new_ledger_can_be_told_from_any_file(writer: LedgerWriter, file: Path) -> None:
    writer.close()
    assert file.read_bytes()[68:72] == APPLICATION_ID.to_bytes(4, "big") == b"RAYS"
