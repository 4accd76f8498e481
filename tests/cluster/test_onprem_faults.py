"""What docs/cluster.md promises when machines and links fail: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from raysweep.ledger.reader import LedgerReader
from raysweep.paths import SweepPaths
from tests.cluster.machines import NODES, SHARED
from tests.cluster.onprem import OnPrem
from tests.cluster.sweeps import rows_by_trial, write_sweep
from tests.conftest import PROJECT, make_project
from tests.faults.oracle import check_ledger, check_parquet, finished
from tests.faults.processes import busy
from tests.faults.waiting import wait_for

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1800)]

NUM_TRIALS, NUM_EPOCHS = 4, 40
PATIENCE = 900.0  # for a whole sweep
# Measured on an idle machine: 6 s, 21 s, 34 s.
NOTICED_SECONDS, ENDED_SECONDS, BACK_SECONDS = 20.0, 60.0, 120.0


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[object, str]:
    """The rows of the sweep on one machine, where nothing happens."""
    one = make_project(tmp_path_factory.mktemp("undisturbed") / "project")
    sweep = write_sweep(one.root, "alone", num_seeds=NUM_TRIALS // 4, num_epochs=NUM_EPOCHS)
    process = one.start(sweep, "--data-dir", PROJECT / "data")
    said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0, said
    return rows_by_trial(one.paths("alone"))


def paths_of(cluster: OnPrem, name: str) -> SweepPaths:
    return SweepPaths(cluster.machines.shared / "results", name)


@contextmanager
def sweep_at_work(cluster: OnPrem, name: str, *, on: str) -> Iterator[subprocess.Popen[str]]:
    """The sweep, started on the head, with a trial in the middle on a machine."""
    write_sweep(cluster.machines.shared, name, num_seeds=NUM_TRIALS // 4, num_epochs=NUM_EPOCHS)
    with cluster.start_on_head(command(name)) as process:
        try:
            wait_for(lambda: trains_on(paths_of(cluster, name), on), process=process, name=f"a trial on {on}")
            yield process
        finally:
            process.kill()


def command(name: str) -> str:
    return f"python -m raysweep {SHARED}/{name}.yaml --results-dir {SHARED}/results"


def trains_on(paths: SweepPaths, node: str) -> bool:
    """Whether a trial has trained some of its epochs there, and has some left."""
    with LedgerReader(paths.ledger, check=False) as ledger:
        return any(row["node"] == node and row["status"] == "running" and row["epochs"] > 2 for row in ledger.trials())


def check(cluster: OnPrem, name: str, undisturbed: dict[object, str]) -> None:
    paths = paths_of(cluster, name)
    check_ledger(paths, num_trials=NUM_TRIALS)
    check_parquet(paths)
    assert rows_by_trial(paths) == undisturbed


def test_a_worker_without_power(cluster: OnPrem, undisturbed: dict[object, str]) -> None:
    with sweep_at_work(cluster, "power", on="w2") as process:
        before = finished(paths_of(cluster, "power"))
        cluster.machines.power_cut("w2")
        try:
            cluster.wait_for_nodes("head", "w1", seconds=NOTICED_SECONDS * busy())
            said = process.communicate(timeout=PATIENCE)[0]
        finally:
            cluster.machines.start("w2")
    assert process.returncode == 0, said
    assert "its machine is gone; tried again in 5 s (1 of 3)" in said
    check_ledger(paths_of(cluster, "power"), num_trials=NUM_TRIALS, finished_before=before)
    check(cluster, "power", undisturbed)
    cluster.wait_for_nodes(*NODES, seconds=BACK_SECONDS * busy())


@pytest.mark.parametrize("seconds", [20, 90])
def test_a_worker_without_a_link(cluster: OnPrem, undisturbed: dict[object, str], seconds: int) -> None:
    name = f"link-{seconds}"
    with sweep_at_work(cluster, name, on="w1") as process:
        cluster.machines.cut("w1")
        cut_at = time.monotonic()
        try:
            cluster.wait_for_nodes("head", "w2", seconds=NOTICED_SECONDS * busy())
            time.sleep(max(0.0, cut_at + seconds - time.monotonic()))  # the fault itself
        finally:
            cluster.machines.mend("w1")
        cluster.wait_for_nodes(*NODES, seconds=BACK_SECONDS * busy())
        said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0, said
    check(cluster, name, undisturbed)


def test_a_head_that_is_lost(cluster: OnPrem, undisturbed: dict[object, str]) -> None:
    with sweep_at_work(cluster, "head", on="w1"):
        before = finished(paths_of(cluster, "head"))
        cluster.is_up = False
        cluster.machines.power_cut("head")
        for name in ("w1", "w2"):
            wait_for(
                lambda name=name: (
                    not any("raylet" in line or "ray::Trial" in line for line in cluster.machines.processes(name))
                ),
                seconds=ENDED_SECONDS * busy(),
                name=f"the end of Ray on {name}",
            )
    cluster.machines.start("head")
    cluster.down()
    cluster.up()
    cluster.on_head(command("head"), seconds=PATIENCE)
    check_ledger(paths_of(cluster, "head"), num_trials=NUM_TRIALS, finished_before=before)
    check(cluster, "head", undisturbed)
