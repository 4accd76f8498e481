"""`raysweep SWEEP.yaml --cluster FILE` on a machine outside of the cluster, which may lose its connection and sleep."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from raysweep.ledger.reader import LedgerReader
from raysweep.paths import SweepPaths
from tests.cluster.machines import ADDRESSES, NODES, SHARED
from tests.cluster.onprem import CHECKOUT, OnPrem
from tests.cluster.sweeps import nodes_of, rows_by_trial, write_sweep
from tests.faults.oracle import check_ledger, check_parquet

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

HOME = SHARED / "home"  # so that the results can be looked at from here
NUM_TRIALS = 12


def typed(cluster: OnPrem, line: str) -> list[str]:
    """What starts a command of raysweep on the client, in the checkout."""
    script = f"cd {CHECKOUT} && exec {cluster.python} -m raysweep {line}"
    return cluster.machines.command("client", "sh", "-c", script)


@contextmanager
def on_the_client(cluster: OnPrem, line: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        typed(cluster, line),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line_with(process: subprocess.Popen[str], word: str) -> str:
    """Reads on until a line has a word in it."""
    assert process.stdout is not None, "it is a pipe"
    said = []
    for line in process.stdout:
        said.append(line)
        if word in line:
            return line
    raise AssertionError(f"{word!r} has not come: {''.join(said)}")


@pytest.mark.nightly
def test_a_sweep_goes_on_while_the_laptop_sleeps(cluster: OnPrem) -> None:
    machines = cluster.machines
    write_sweep(machines.shared / CHECKOUT.name / "sweeps", "sent", num_seeds=3, num_epochs=40)
    command = f"sweeps/sent.yaml --cluster clusters/onprem.yaml --results-dir {HOME}"
    with on_the_client(cluster, command) as first:
        job = line_with(first, "submitted").split()[1]
        line_with(first, "trials done")
        machines.run("client", "pkill", "-f", "job follow")  # the connection of this one command
        line_with(first, "the connection is lost")
        line_with(first, "trials done")
        machines.run("client", "pkill", "-f", "onprem.yaml")  # the laptop's lid is closed
    pulled = subprocess.run(typed(cluster, f"pull sent --cluster clusters/onprem.yaml --results-dir {HOME}"))
    assert pulled.returncode == 0
    home = SweepPaths(machines.shared / "home", "sent")
    with LedgerReader(home.ledger) as ledger:
        assert len(ledger.trials()) == NUM_TRIALS
    with on_the_client(cluster, command) as second:
        assert job in line_with(second, "going on with its output")
        heard = second.communicate(timeout=240)[0]
    assert second.returncode == 0, heard
    assert "INFO" not in heard, "Ray tells of its connections"
    check_ledger(home, num_trials=NUM_TRIALS)
    check_parquet(home)
    assert nodes_of(home) == set(NODES)
    assert home.report.is_file() and not home.checkpoints.exists()
    there = SweepPaths(machines.shared / "results", "sent")
    assert rows_by_trial(home) == rows_by_trial(there)


@pytest.mark.nightly
def test_nothing_here_is_overwritten(cluster: OnPrem) -> None:
    """Another sweep of that name at home."""
    home = SweepPaths(cluster.machines.shared / "home", "sent")
    other = cluster.machines.shared / "other" / "sent"
    other.mkdir(parents=True)
    cluster.on_head(f"python -m raysweep {CHECKOUT}/sweeps/sent.yaml seeds=7 --results-dir {SHARED}/other", seconds=200)
    before = SweepPaths(other.parent, "sent").ledger.read_bytes()
    done = subprocess.run(
        typed(cluster, f"pull sent --cluster clusters/onprem.yaml --results-dir {SHARED}/other"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and "another sweep of this name" in done.stderr, done.stderr
    assert SweepPaths(other.parent, "sent").ledger.read_bytes() == before
    assert home.ledger.is_file()


def test_a_head_that_is_away_is_named(cluster: OnPrem) -> None:
    folder = cluster.machines.shared / CHECKOUT.name / "clusters"
    nowhere = ADDRESSES["head"].rpartition(".")[0] + ".99"
    (folder / "away.yaml").write_text((folder / "onprem.yaml").read_text().replace(ADDRESSES["head"], nowhere))
    done = subprocess.run(
        typed(cluster, f"pull sent --cluster clusters/away.yaml --results-dir {HOME}"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2 and f"root@{nowhere} can't be reached by ssh" in done.stderr, done.stderr
