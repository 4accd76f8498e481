"""Every fault that can be planted is found, alone, and names its machine and what mends it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from raysweep.clusters.facts import Clock, Finding, Machine, Situation, Token, Visit
from raysweep.clusters.judge import judge
from tests.clusters.situations import FACTS, GIB, machine, situation


def _faults(situation: Situation) -> list[Finding]:
    return [finding for finding in judge(situation) if not finding.is_good]


def _says(**changes: Any) -> Machine:
    """The worker `w2`, which says something else of itself."""
    return machine("w2", facts=replace(FACTS, hostname="w2", **changes))


def test_a_good_cluster_has_one_good_line_for_each_check() -> None:
    findings = judge(situation())
    assert all(finding.is_good for finding in findings)
    assert [finding.check for finding in findings] == [
        "ssh",
        "rsync",
        "nodes",
        "versions",
        "token",
        "ports",
        "gpus",
        "clocks",
        "results",
        "disks",
        "memory",
        "mlflow",
    ]


PLANTED = {
    "no ssh": (
        machine("w2", visit=Visit(ssh="ssh u@w2", reason="Permission denied")),
        "ssh",
        "no way in (Permission denied)",
        "`ssh u@w2 true`",
    ),
    "no rsync": (
        machine("w2", visit=Visit(ssh="ssh u@w2", has_rsync=False)),
        "rsync",
        "there is no rsync",
        "install -y rsync",
    ),
    "missing worker": (
        machine("w2", is_joined=False),
        "nodes",
        "hasn't joined",
        "RAY_UP_enable_autoscaler_v2=0 ray up",
    ),
    "hangs": (machine("w2", facts=None, problem="no answer for 9 s"), "nodes", "no answer for 9 s", "ssh u@w2"),
    "other python": (_says(python="3.12.1"), "versions", "Python 3.12.1, not 3.11.7", "install Python 3.11.7"),
    "other micro python": (_says(python="3.11.9"), "versions", "Python 3.11.9, not 3.11.7", "install Python 3.11.7"),
    "other torch": (
        _says(versions={**FACTS.versions, "torch": "2.6.0+cpu"}),
        "versions",
        "torch 2.6.0+cpu, not 2.13.0",
        "/venv/bin/python -m pip install torch==2.13.0",
    ),
    "no mlflow": (
        _says(versions={**FACTS.versions, "mlflow": None}),
        "versions",
        "no mlflow",
        "install mlflow==3.17.2",
    ),
    "other raysweep": (_says(code="87654321"), "versions", "raysweep's source is another", "the same source"),
    "no raysweep": (_says(code=None), "versions", "no raysweep", "the same source"),
    "open cluster": (
        _says(token=Token(mode="", is_there=True)),
        "token",
        "not set: whoever reaches",
        "RAY_AUTH_MODE=token",
    ),
    "no token": (
        _says(token=Token(mode="token", is_there=False, file="/x/token")),
        "token",
        "no token at /x/token",
        "ray get-auth-token --generate",
    ),
    "token for all": (
        _says(token=Token(mode="token", is_there=True, file="/x/token", permissions=0o644)),
        "token",
        "0644",
        "chmod 600 /x/token",
    ),
    "open dashboard": (
        _says(sockets=(("0.0.0.0", 8265, "python"),)),
        "ports",
        "the dashboard listens on 0.0.0.0 port 8265",
        "--dashboard-host=127.0.0.1",
    ),
    "open MLflow": (
        _says(sockets=(("10.0.0.4", 5000, "python"),)),
        "ports",
        "MLflow listens on 10.0.0.4",
        "--host 127.0.0.1",
    ),
    "promised GPU absent": (
        machine("w2", num_gpus=2, facts=replace(FACTS, num_gpus=1)),
        "gpus",
        "torch sees 1 of the 2 GPUs",
        "--num-gpus=1",
    ),
    "torch without an answer": (
        machine("w2", num_gpus=2, facts=replace(FACTS, num_gpus=None)),
        "gpus",
        "can't be asked",
        "torch.utils.collect_env",
    ),
    "clock ahead": (
        machine("w2", clock=Clock(ahead=300.0, error=0.004)),
        "clocks",
        "300.0 s ahead",
        "chronyc makestep",
    ),
    "clock behind": (
        machine("w2", clock=Clock(ahead=-300.0, error=0.004)),
        "clocks",
        "300.0 s behind",
        "chronyc makestep",
    ),
    "not shared": (_says(nonce=None), "results", "/shared/results isn't the driver's", "mount the same folder"),
    "another folder": (_says(nonce="another"), "results", "isn't the driver's", "mount the same folder"),
    "not writable": (_says(is_writable=False), "results", "can't be written", "ls -ld /shared/results"),
    "disk full": (_says(disks={"/tmp": GIB // 10}), "disks", "0.1 GiB free at /tmp", "du -xh /tmp"),
    "memory short": (_says(memory_bytes=GIB), "memory", "1.0 GiB of memory free, 2.0 GiB needed", "fewer CPUs"),
}


@pytest.mark.parametrize(("w2", "check", "found", "remedy"), PLANTED.values(), ids=PLANTED)
def test_a_fault_of_one_machine(w2: Machine, check: str, found: str, remedy: str) -> None:
    (fault,) = _faults(situation(w2=w2))
    assert (fault.check, fault.machine) == (check, "w2")
    assert found in fault.found
    assert remedy in fault.remedy
    assert str(fault) == f"w2: {fault.found}; {fault.remedy}"


PLANTED_AROUND = {
    "no rsync here": ({"rsync_here": False}, "rsync", "on this machine", "install -y rsync"),
    "results can't be written": ({"nonce_problem": "Read-only file system"}, "results", "Read-only", "--results-dir"),
    "fewer nodes than min_workers": ({"num_asked": 5}, "nodes", "3 of 5 nodes", "ray up lab.yaml"),
    "versions that raysweep isn't made for": ({"requirements": {"ray": "<2"}}, "versions", "ray 2.60.0", "'ray<2'"),
}


@pytest.mark.parametrize(("changes", "check", "found", "remedy"), PLANTED_AROUND.values(), ids=PLANTED_AROUND)
def test_a_fault_of_the_whole(changes: dict[str, Any], check: str, found: str, remedy: str) -> None:
    (fault,) = _faults(situation(**changes))
    assert (fault.check, fault.machine) == (check, "")
    assert found in fault.found
    assert remedy in fault.remedy


@pytest.mark.parametrize("is_remote", [False, True])
def test_an_mlflow_that_is_away_is_told_of_the_machine_of_the_driver(is_remote: bool) -> None:
    machines = (machine("head", is_head=True), machine("laptop"), machine("w1"))
    reference = replace(FACTS, hostname="laptop")
    asked = situation(
        machines=machines, reference=reference, is_driver_remote=is_remote, mlflow_problem="Connection refused"
    )
    (fault,) = _faults(asked)
    assert (fault.check, fault.machine) == ("mlflow", "head" if is_remote else "laptop")
    assert "no MLflow at http://127.0.0.1:5000 (Connection refused)" in fault.found
    assert "--port 5000" in fault.remedy


def test_a_laptop_may_have_other_versions_where_it_runs_no_driver() -> None:
    laptop = replace(FACTS, hostname="laptop", python="3.12.1", versions={**FACTS.versions, "ray": "2.50.0"})
    machines = (machine("head", is_head=True), machine("w1"))
    asked = situation(machines=machines, num_asked=2, reference=laptop, is_driver_remote=True)
    assert _faults(asked) == []
    other = machine("w1", facts=replace(FACTS, hostname="w1", python="3.12.1"))
    (fault,) = _faults(replace(asked, machines=(machines[0], other)))
    assert (fault.machine, fault.found) == ("w1", "Python 3.12.1, not 3.11.7 as on head")
    assert len(_faults(replace(asked, is_driver_remote=False))) == 5, "two of each machine, one of this one"


def test_all_faults_are_told_at_once() -> None:
    broken = _says(python="3.12.1", nonce=None, disks={"/tmp": 0})
    found = _faults(situation(w2=broken, mlflow_problem="Connection refused"))
    assert [fault.check for fault in found] == ["versions", "results", "disks", "mlflow"]


def test_a_clock_that_can_hardly_be_read_is_no_fault() -> None:
    assert _faults(situation(w2=machine("w2", clock=Clock(ahead=5.0, error=4.0)))) == []
    assert _faults(situation(w2=machine("w2", clock=Clock(ahead=5.0, error=2.0)))) != []


def test_torch_for_a_gpu_is_the_same_torch() -> None:
    assert _faults(situation(w2=_says(versions={**FACTS.versions, "torch": "2.13.0+cu130"}))) == []


def test_source_that_travels_with_the_sweep_need_not_be_there() -> None:
    assert _faults(situation(w2=_says(code=None), is_driver_remote=True)) == []
    assert _faults(situation(w2=_says(code="87654321"), is_driver_remote=True)) != []


def test_nothing_is_good_that_nobody_has_seen() -> None:
    unseen = machine("w2", is_joined=False, facts=None, clock=None, visit=Visit(ssh="ssh w2", reason="timed out"))
    alone = situation(machines=(unseen,), ray_problem="no way to its head", results=None, mlflow="")
    ssh, nodes = judge(alone)
    assert (ssh.check, ssh.is_good) == ("ssh", False)
    assert (nodes.check, nodes.found) == ("nodes", "no Ray could be asked: no way to its head")


def test_a_node_that_says_nothing_is_known_through_ssh() -> None:
    """What keeps its Ray silent may be seen there: a token that has gone, a full disk."""
    there = replace(FACTS, hostname="w2", nonce=None, is_writable=None, disks={"/tmp": GIB // 2})
    there = replace(there, token=Token(mode="token", is_there=False, file="~/.ray/auth_token"))
    silent = machine("w2", problem="no answer for 9 s", facts=there, answering=())
    findings = judge(situation(w2=silent))
    assert {finding.check for finding in findings if not finding.is_good} == {"nodes", "token", "disks"}
    told = {finding.check: finding.found for finding in findings if finding.is_good}
    assert told["results"] == "/shared/results is the same on head, w1"
    assert "w2 not known" in told["ports"]


def test_the_quick_form_asks_neither_ssh_nor_ports_nor_token() -> None:
    quick = replace(FACTS, memory_bytes=None, num_gpus=None, token=None, sockets=())
    nodes = tuple(machine(name, visit=None, facts=quick, answering=()) for name in ("head", "w1"))
    findings = judge(situation(form="quick", machines=nodes, num_asked=None, mlflow=""))
    assert [finding.check for finding in findings] == ["nodes", "versions", "clocks", "results", "disks"]
    assert all(finding.is_good for finding in findings)


def test_one_machine_alone() -> None:
    findings = judge(situation(form="one machine", machines=(machine("here", visit=None),), num_asked=None))
    assert [finding.check for finding in findings] == ["versions", "gpus", "disks", "memory", "mlflow"]
    assert all(finding.is_good for finding in findings)


def test_what_answers_other_machines_is_named() -> None:
    sockets = tuple(("::", port, "ray::IDLE") for port in (7001, 7002, 7003, 7004)) + FACTS.sockets
    busy = machine("w2", facts=replace(FACTS, sockets=sockets), answering=(22, 7001, 7002, 7003, 7004))
    (ports,) = [finding for finding in judge(situation(w2=busy)) if finding.check == "ports"]
    assert "w2 Ray's workers 4 ports, sshd 22" in ports.found
    assert "head gcs_server 6379, sshd 22" in ports.found


def test_gpus_that_ray_leaves_idle_are_told() -> None:
    idle = machine("w2", num_gpus=1, facts=replace(FACTS, num_gpus=4))
    (gpus,) = [finding for finding in judge(situation(w2=idle)) if finding.check == "gpus"]
    assert (gpus.is_good, gpus.found) == (True, "torch sees w2 4, Ray uses 1")
    (gpus,) = [finding for finding in judge(situation()) if finding.check == "gpus"]
    assert gpus.found == "none: trials run on CPUs"


def test_what_was_not_looked_at_has_no_line_or_no_number() -> None:
    assert "results" not in [finding.check for finding in judge(situation(results=None))]
    unseen = _says(disks={"/gone": None, "/tmp": 20 * GIB})
    (disks,) = [finding for finding in judge(situation(w2=unseen)) if finding.check == "disks"]
    assert disks.is_good
