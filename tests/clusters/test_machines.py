"""Machines through a real ssh and a real sshd."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from raysweep.clusters import machines, probe
from raysweep.clusters.cluster_file import ClusterFile, read_cluster_file
from raysweep.clusters.machines import Visited
from tests.clusters.sshd import Machines, make_machines
from tests.conftest import PROJECT, Project

REQUEST = {"folders": ["/tmp"], "nonce_file": None, "is_full": False}


@pytest.fixture
def lab(tmp_path: Path) -> Machines:
    return make_machines(tmp_path / "lab")


def _visit(cluster: ClusterFile) -> list[Visited]:
    hosts, problem = machines.addresses(cluster)
    assert problem is None
    return machines.visit_all(cluster, hosts, REQUEST)


def test_a_machine_says_what_it_is_and_one_that_is_dead_is_named(lab: Machines) -> None:
    head, dead = _visit(read_cluster_file(lab.cluster_file("head", "dead")))
    assert head.visit.reason is None
    assert head.visit.has_rsync == (shutil.which("rsync") is not None)
    assert head.facts is not None
    assert head.facts.python == probe.look(REQUEST)["python"]
    assert head.facts.versions["ray"] == probe.look(REQUEST)["versions"]["ray"]
    assert head.clock is not None
    assert abs(head.clock.ahead) <= head.clock.error
    assert (dead.address, dead.facts) == ("dead", None)
    assert dead.visit.reason


def test_what_a_login_shell_prints_is_no_answer(lab: Machines) -> None:
    lab.login_with("echo welcome; echo '{}'")
    (head,) = _visit(read_cluster_file(lab.cluster_file("head")))
    assert head.facts is not None


def test_a_machine_without_python_is_told_apart_from_one_without_ssh(lab: Machines) -> None:
    lab.login_with("export PATH=/nowhere")
    (head,) = _visit(read_cluster_file(lab.cluster_file("head")))
    assert head.visit.reason is None
    assert head.facts is None
    assert head.visit.problem is not None
    assert "Python says nothing" in head.visit.problem


def test_a_key_that_is_not_taken(lab: Machines) -> None:
    (lab.root / "id.pub").write_text("")
    (head,) = _visit(read_cluster_file(lab.cluster_file("head")))
    assert head.visit.reason is not None
    assert "Permission denied" in head.visit.reason


def test_a_head_whose_ray_has_gone(lab: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "JOIN_SECONDS", 2.0)
    lab.login_with("export RAY_ADDRESS=127.0.0.1:9 RAY_AUTH_MODE=disabled")
    wanted = {"request": REQUEST, "results": None, "mlflow": "http://127.0.0.1:9"}
    found = machines.facts_of_cluster(read_cluster_file(lab.cluster_file("head")), "head", wanted)
    assert found["problem"] == "it doesn't answer for 2 s"
    assert "Connection refused" in found["mlflow_problem"]


@pytest.mark.slow
def test_a_cluster_seen_from_outside(lab: Machines, fresh_project: Project, ray_address: str) -> None:
    lab.login_with(f"export RAY_ADDRESS={ray_address} RAY_AUTH_MODE=disabled")
    results = lab.root / "results" / "deep"
    file = lab.cluster_file("head", "dead")
    lines = fresh_project.run("doctor", "--cluster", file, "--results-dir", results, expect=1).stdout.splitlines()
    assert "its Ray asked on the head" in lines[0]
    said = {line.split()[0]: line for line in lines[1:-1]}
    assert "WRONG" in said["ssh"]
    assert "dead: no way in" in said["ssh"]
    assert "dead: it was asked for and hasn't joined" in said["nodes"]
    assert "RAY_AUTH_MODE is disabled" in said["token"]
    for check in ("versions", "gpus", "clocks", "results", "disks", "mlflow"):
        assert "good" in said[check], said[check]
    assert f"{results} is the same on" in said["results"]
    assert not results.parent.exists(), "what was made to look is gone"


def test_what_ray_tells_beside_addresses_is_no_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ray's launcher for AWS writes what it does where its answer comes; as it did against a mock of EC2."""
    told = "2026-01-02 13:39:12,897 VINFO utils.py:149 -- Creating AWS resource `\x1b[1mec2\x1b[22m`\n"
    answers = {"get-head-ip": f"{told}10.77.0.4\n", "get-worker-ips": f"{told}10.77.0.5\n{told}ip-10-77-0-6.internal\n"}

    def run(command: Sequence[str], **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, stdout=answers[command[-2]], stderr="")

    monkeypatch.setattr(machines.subprocess, "run", run)
    file = tmp_path / "cluster.yaml"
    file.write_text((PROJECT / "cluster.yaml").read_text())
    assert machines.addresses(read_cluster_file(file)) == (["10.77.0.4", "10.77.0.5", "ip-10-77-0-6.internal"], None)
    assert machines.address_of_head(read_cluster_file(file)) == "10.77.0.4"
    answers["get-worker-ips"] = told
    assert machines.addresses(read_cluster_file(file)) == (["10.77.0.4"], None)
