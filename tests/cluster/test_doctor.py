"""`raysweep doctor --cluster FILE` from a laptop: faults that were planted, and which machine each is told of."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.cluster.machines import ADDRESSES, SHARED, Machines
from tests.cluster.onprem import CHECKOUT, TOKEN, OnPrem

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(600)]

SERVER = "import http.server; http.server.test(http.server.SimpleHTTPRequestHandler, port=8265, bind='0.0.0.0')"


def examine(cluster: OnPrem, results: str, *, expect: int) -> dict[str, list[str]]:
    """The lines that doctor prints on the client, by check."""
    script = (
        f"cd {CHECKOUT} && {cluster.python} -m raysweep doctor --cluster clusters/onprem.yaml "
        f"--results-dir {results} --tracking-uri http://127.0.0.1:5000"
    )
    done = cluster.machines.run("client", "sh", "-c", script, seconds=200, check=False)
    assert done.returncode == expect, done.stdout
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        words = line.split(maxsplit=2)
        if len(words) == 3 and words[1] in ("good", "WRONG"):
            found.setdefault(words[0], []).append(f"{words[1]} {words[2]}")
    return found


@contextmanager
def changed(machines: Machines, name: str, change: str, back: str) -> Iterator[None]:
    machines.run(name, "sh", "-c", change)
    try:
        yield
    finally:
        machines.run(name, "sh", "-c", back)


@contextmanager
def open_server(machines: Machines, name: str, python: str) -> Iterator[None]:
    """What looks like a dashboard, for everybody to reach."""
    process = subprocess.Popen(machines.command(name, python, "-c", SERVER), stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()
        machines.run(name, "pkill", "-f", "http.server", check=False)


def test_a_good_cluster(cluster: OnPrem) -> None:
    found = examine(cluster, f"{SHARED}/results", expect=0)
    assert {line.split()[0] for lines in found.values() for line in lines} == {"good"}
    assert {
        "ssh",
        "rsync",
        "nodes",
        "versions",
        "token",
        "ports",
        "clocks",
        "results",
        "disks",
        "mlflow",
    } <= found.keys()


def test_each_fault_is_told_of_its_machine(cluster: OnPrem) -> None:
    machines = cluster.machines
    with ExitStack() as planted:
        rsync = "$(command -v rsync)"
        planted.enter_context(changed(machines, "w1", f"mv {rsync} /root/rsync", "mv /root/rsync /usr/bin/rsync"))
        planted.enter_context(changed(machines, "w2", f"chmod 644 {TOKEN}", f"chmod 600 {TOKEN}"))
        planted.enter_context(open_server(machines, "w1", cluster.python))
        stop, go = "pkill -STOP -f '[m]lflow'", "pkill -CONT -f '[m]lflow'"
        planted.enter_context(changed(machines, "head", stop, go))
        found = examine(cluster, "/root/private", expect=1)
    for check, name in (("rsync", "w1"), ("token", "w2"), ("ports", "w1"), ("results", "w1"), ("results", "w2")):
        assert any(line.startswith("WRONG") and name in line for line in found[check]), (check, name, found)
    assert any(line.startswith("WRONG") for line in found["mlflow"])
    assert all(line.startswith("good") for line in [*found["ssh"], *found["nodes"], *found["versions"]])


def test_machines_that_are_not_there(cluster: OnPrem) -> None:
    machines = cluster.machines
    machines.power_cut("w2")
    try:
        cluster.wait_for_nodes("head", "w1")
        with changed(machines, "w1", "mv ~/.ssh/authorized_keys ~/keys", "mv ~/keys ~/.ssh/authorized_keys"):
            found = examine(cluster, f"{SHARED}/results", expect=1)
    finally:
        machines.start("w2")
    for check, name in (("ssh", "w1"), ("ssh", "w2"), ("nodes", "w2")):
        lines = [line for line in found[check] if line.startswith("WRONG")]
        assert any(name in line or ADDRESSES[name] in line for line in lines), (check, name, found)
