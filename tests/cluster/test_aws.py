"""What docs/cluster.md promises of AWS, against a mock EC2: workers come and go, one is lost, nothing is left."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from raysweep.ledger.reader import LedgerReader
from raysweep.paths import SweepPaths
from tests.cluster.aws import ADDRESSES, Aws
from tests.cluster.conftest import skip_without_machines
from tests.cluster.machines import SHARED, Machines
from tests.cluster.onprem import CHECKOUT
from tests.cluster.sweeps import nodes_of, rows_by_trial, write_sweep
from tests.conftest import PROJECT, make_project
from tests.faults.oracle import check_ledger, check_parquet, finished

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1800)]

NUM_TRIALS, NUM_EPOCHS = 4, 40
# All of a worker: its GPU is one that EC2 promises and the machine hasn't got, so trials run on CPUs.
ONE_A_WORKER = {"cpu": 1, "gpu": 1}
UP_SECONDS, COME_SECONDS, GO_SECONDS, PATIENCE = 300.0, 300.0, 180.0, 900.0


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """EC2 without an instance, and a client beside it."""
    skip_without_machines()
    folder = tmp_path_factory.mktemp("aws")
    (folder / "shared").mkdir()
    machines = Machines(folder, folder / "shared", ADDRESSES)
    found = Aws(machines, Path(sys.prefix).resolve())
    try:
        machines.up(["client"])
        found.start()
        yield found
    finally:
        found.stop()
        machines.down()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[object, str]:
    """The rows of the sweep on one machine, where nothing happens."""
    one = make_project(tmp_path_factory.mktemp("undisturbed") / "project")
    sweep = write_sweep(one.root, "alone", num_seeds=1, num_epochs=NUM_EPOCHS, resources={"cpu": 1})
    with one.start(sweep, "--data-dir", PROJECT / "data") as process:
        try:
            said = process.communicate(timeout=PATIENCE)[0]
        finally:
            process.terminate()
    assert process.returncode == 0, said
    return rows_by_trial(one.paths("alone"))


class Watch:
    """Tells how long each phase took; `pytest -s` shows it."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def tell(self, phase: str) -> None:
        print(f"{time.monotonic() - self._since:6.1f} s  {phase}")


def trials(paths: SweepPaths) -> list[dict[str, object]]:
    if not paths.ledger.is_file():
        return []
    with LedgerReader(paths.ledger, check=False) as ledger:
        return [dict(row) for row in ledger.trials()]


def in_the_middle(paths: SweepPaths) -> set[str]:
    """The machines on which a trial has trained some of its epochs, and has some left."""
    return {str(row["node"]) for row in trials(paths) if row["status"] == "running" and int(str(row["epochs"])) > 2}


def test_from_no_worker_to_none(aws: Aws, undisturbed: dict[object, str]) -> None:
    watch, paths = Watch(), SweepPaths(aws.machines.shared / "results", "spot")
    aws.ray("up", "cluster.yaml", "-y", seconds=UP_SECONDS)
    (head,) = aws.instances()
    assert (head["kind"], head["type"], head["is_spot"]) == ("head", "m7i.xlarge", False)
    aws.until(lambda: aws.alive() == aws.names("head"), name="the head", seconds=60)
    watch.tell("`ray up`: a head, no worker")

    raysweep = f"{aws.python} -m raysweep"
    told = aws.ended(aws.start_on_client(f"{raysweep} doctor --cluster cluster.yaml"), seconds=200)
    assert "WRONG" not in told
    assert "1 of 1 asked for" in told
    watch.tell("doctor has nothing to say")

    folder = aws.machines.shared / CHECKOUT.name / "sweeps"
    write_sweep(folder, "spot", num_seeds=1, num_epochs=NUM_EPOCHS, resources=ONE_A_WORKER)
    command = f"RAYSWEEP_STORAGE_PATH= python -m raysweep {CHECKOUT}/sweeps/spot.yaml --results-dir /root/private"
    refused = aws.ended(aws.start_on_head(f"env {command}"), seconds=120, expect=2)
    assert "storage_path: /root/private/spot/checkpoints is on this machine's own disk" in refused
    assert aws.names("worker") == set()
    watch.tell("a sweep whose checkpoints no worker would see is refused")

    sent = f"{raysweep} sweeps/spot.yaml --cluster cluster.yaml --results-dir {SHARED}/home"
    with aws.start_on_client(sent) as process:
        try:
            aws.until(
                lambda: len(in_the_middle(paths)) == 2,
                name="trials on two workers",
                seconds=COME_SECONDS,
                process=process,
            )
            watch.tell("two workers have come, each with a trial in its middle")
            workers = aws.instances(kind="worker")
            assert [(one["type"], one["is_spot"]) for one in workers] == [("g5.xlarge", True)] * 2
            assert {tuple(one["groups"]) for one in [head, *workers]} == {tuple(head["groups"])}
            lost = aws.names("worker")
            before, lost_at = finished(paths), time.time()
            aws.take(workers[0])
            lost -= aws.names("worker")
            aws.until(lambda: len(aws.names("worker")) == 2, name="a new worker", seconds=COME_SECONDS, process=process)
            watch.tell("one was taken, and another was asked for")
            said = aws.ended(process, seconds=PATIENCE)
        finally:
            process.kill()
    print(said)
    watch.tell("the sweep is done")
    home = SweepPaths(aws.machines.shared / "home", "spot")
    check(home, said, undisturbed, lost_at)
    check_ledger(home, num_trials=NUM_TRIALS, finished_before=before)
    assert not paths.checkpoints.exists()
    assert home.report.is_file()

    aws.until(lambda: aws.instances() == [head], name="the end of idle workers", seconds=GO_SECONDS)
    aws.until(lambda: aws.alive() == aws.names("head"), name="a cluster of the head alone", seconds=60)
    watch.tell("idle workers are gone")
    aws.ray("down", "cluster.yaml", "-y", seconds=120)
    aws.until(lambda: aws.instances() == [], name="the end of the head", seconds=60)
    assert not any(aws.machines.is_on(name) for name in ADDRESSES if name != "client")
    watch.tell("`ray down`: nothing is left")


def check(paths: SweepPaths, said: str, undisturbed: dict[object, str], lost_at: float) -> None:
    """What it said while it ran, and what came of it."""
    assert "waiting for workers: 0 of up to 2 have joined" in said
    assert "its machine is gone; tried again in 5 s (1 of 3)" in said
    check_parquet(paths)
    assert rows_by_trial(paths) == undisturbed
    assert "ip-10-77-0-4" not in nodes_of(paths), "trials don't run on the head"
    with LedgerReader(paths.ledger) as ledger:
        kept = [row for row in ledger.epochs() if row["finished_at"] < lost_at]
    assert kept
