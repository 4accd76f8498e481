"""What docs/cluster.md promises of a lab's machines, on three of them."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from raysweep.paths import SweepPaths
from tests.cluster.machines import ADDRESSES, NODES, SHARED
from tests.cluster.onprem import TOKEN, OnPrem
from tests.cluster.sweeps import losses_and_scores, nodes_of, rows_by_trial, write_sweep
from tests.conftest import PROJECT, make_project
from tests.faults.oracle import check_ledger, check_parquet
from tests.faults.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

HERE = Path(__file__).parent
# In an environment of tests: raysweep's own is on the path already.
MLFLOW_EQUALS = "import sys, pathlib; from raysweep.paths import SweepPaths; from tests.tracking.mlflow_view import assert_equal; assert_equal(sys.argv[1], SweepPaths(pathlib.Path(sys.argv[2]), sys.argv[3]))"  # noqa: E501


def test_a_sweep_on_three_machines_has_the_rows_of_one(cluster: OnPrem, tmp_path: Path) -> None:
    one = make_project(tmp_path / "one machine")
    alone = one.start(write_sweep(one.root, "grid", num_seeds=2, num_epochs=2), "--data-dir", PROJECT / "data")
    write_sweep(cluster.machines.shared, "grid", num_seeds=2, num_epochs=2)
    said = cluster.on_head(f"python -m raysweep {SHARED}/grid.yaml", seconds=400)
    heard = alone.communicate(timeout=400)[0]
    assert "8/8 trials done" in said
    assert alone.returncode == 0, heard
    paths = SweepPaths(cluster.machines.shared / "results", "grid")
    check_ledger(paths, num_trials=8)
    check_parquet(paths)
    assert nodes_of(paths) == set(NODES)
    assert rows_by_trial(paths) == rows_by_trial(one.paths("grid"))
    assert losses_and_scores(paths) == losses_and_scores(one.paths("grid"))
    cluster.on_head(
        f"PYTHONPATH={PROJECT} python -W ignore -c '{MLFLOW_EQUALS}' $MLFLOW_TRACKING_URI {SHARED}/results grid"
    )


def test_without_the_token_every_port_refuses(cluster: OnPrem) -> None:
    machines = cluster.machines
    with cluster.start_on_head(f"python -W ignore {HERE / 'occupant.py'}") as occupant:  # trials have ports too
        assert occupant.stdin is not None and occupant.stdout is not None, "both are pipes"
        line = next(line for line in occupant.stdout if line.startswith("busy: "))
        assert line.split()[1:] == sorted(ADDRESSES[name] for name in NODES)
        places = {
            f"{ADDRESSES[name]}:{port}": what for name in NODES for port, what in machines.listening(name).items()
        }
        by_ssh = {place for place in places if place.endswith(":22")}
        asked = [*sorted(places.keys() - by_ssh)]
        probe = (sys.executable, "-W", "ignore", HERE / "probe.py")
        answers = json.loads(machines.run("client", *probe, *asked, seconds=240).stdout)
        gcs = f"{ADDRESSES['head']}:6379"
        with_token = f'TOKEN=$(cat {TOKEN}) "$0" "$@"'
        known = json.loads(machines.run("client", "sh", "-c", with_token, *probe, gcs, seconds=60).stdout)
        occupant.stdin.close()
    listed = "\n".join(f"{place} {places[place]} {answers[place]}" for place in asked)
    # GCS, two ports of the raylet, the agent of runtime environments and a worker, on each machine at least.
    assert gcs in asked and len(asked) >= 1 + 4 * len(NODES), listed
    for place in asked:
        said = set(answers[place])
        # gRPC: unauthenticated, or no such method on this port; HTTP: unauthorized.
        assert said <= {"grpc 16", "grpc 12", "http 401", "no grpc", "no http"}, f"{place} lets in:\n{listed}"
        assert said & {"grpc 16", "http 401"}, f"{place} asks for no token:\n{listed}"
    assert known == {gcs: {"grpc 0": 1}}  # so the questions are understood


def test_only_the_head_sees_the_dashboard_and_mlflow(cluster: OnPrem) -> None:
    machines = cluster.machines
    assert machines.listening("head").keys().isdisjoint({5000, 8265})
    assert "127.0.0.1:5000 " in machines.run("head", "ss", "-tlnH").stdout
    assert any("dashboard.py --host=127.0.0.1 --port=8265" in line for line in machines.processes("head"))


def test_the_token_is_for_its_owner_alone(cluster: OnPrem) -> None:
    for name in NODES:
        said = cluster.machines.run(name, "stat", "-c", "%a", "/root/.ray", "/root/.ray/auth_token").stdout
        assert said.split() == ["700", "600"], name


def test_mlflow_comes_back(cluster: OnPrem) -> None:
    def server() -> str:
        return cluster.machines.run("head", "pgrep", "-of", "mlflow server", check=False).stdout

    before = server()
    assert before
    cluster.machines.run("head", "kill", "-9", before.strip())
    wait_for(lambda: server() not in ("", before), seconds=30, name="MLflow")


def test_down_leaves_nothing(cluster: OnPrem) -> None:
    cluster.down()
    deadline = time.monotonic() + 120
    while left := {name: lines for name in NODES if (lines := cluster.machines.processes(name))}:
        assert time.monotonic() < deadline, left
        time.sleep(1)
