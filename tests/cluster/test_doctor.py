"""`raysweep doctor --cluster FILE` from a laptop: faults that were planted, and which machine each is told of."""

from __future__ import annotations

import platform
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.cluster.machines import ADDRESSES, SHARED, Machines
from tests.cluster.onprem import CHECKOUT, TOKEN, OnPrem
from tests.required import skip_unless_required

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(600)]

SITE_PACKAGES = sysconfig.get_path("purelib")
CLOCK_AHEAD = "import time; real = time.time; time.time = lambda: real() + 300"
MEMORY_SHORT = "MemTotal: 2000000 kB\\nMemFree: 900000 kB\\nMemAvailable: 900000 kB\\n"
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
    for check, name in (
        ("rsync", "w1"),
        ("token", "w2"),
        ("ports", "w1"),
        ("results", "w1"),
        ("results", "w2"),
        ("mlflow", "head"),
    ):
        assert any(line.startswith(f"WRONG {name} (") for line in found[check]), (check, name, found[check])
    assert all(line.startswith("good") for line in [*found["ssh"], *found["nodes"], *found["versions"]])


def test_what_a_machine_has_is_told_of_it(cluster: OnPrem) -> None:
    """Other versions, no token, a wrong clock, no room: each on one of the two workers.

    Machines that are namespaces have the clock and the memory of this host. So Python's clock is put ahead on one, and
    it reads of little memory where containers are told of theirs.
    """
    machines = cluster.machines
    torch = f"{SITE_PACKAGES}/torch-*.dist-info/METADATA"
    other_torch = f"sed 's/^Version: .*/Version: 2.12.1/' {torch} > ~/torch && mount --bind ~/torch {torch}"
    edited, shared = "~/raysweep/raysweep/paths.py", "~/raysweep/sitecustomize.py"
    full = "mount -o remount,size=$(($(df --output=used -k /tmp | tail -1) + 500000))k /tmp"
    no_idle_workers = "pkill -f '[r]ay::IDLE' || true"  # they would still have the clock from before
    short = f"printf '{MEMORY_SHORT}' > ~/meminfo && mount --bind ~/meminfo /proc/meminfo"
    changes = (
        ("w1", other_torch, f"umount {torch}"),
        ("w1", f"mv {TOKEN} ~/token", f"mv ~/token {TOKEN}"),
        ("w1", full, "mount -o remount,size=50% /tmp"),
        ("w2", f"cp {edited} ~/paths.py && echo '# edited' >> {edited}", f"mv ~/paths.py {edited}"),
        ("w2", f"echo '{CLOCK_AHEAD}' > {shared}; {no_idle_workers}", f"rm {shared}; {no_idle_workers}"),
        ("w2", short, "umount /proc/meminfo"),
    )
    with ExitStack() as planted:
        for change in changes:
            planted.enter_context(changed(machines, *change))
        found = examine(cluster, f"{SHARED}/results", expect=1)
    told = (
        ("versions", "w1", "torch 2.12.1, not"),
        ("versions", "w2", "raysweep's source is another one"),
        ("token", "w1", ""),
        ("disks", "w1", "free at /tmp"),
        ("clocks", "w2", "300."),
        ("memory", "w2", "of memory free"),
    )
    for check, name, what in told:
        wrong = [line for line in found[check] if line.startswith("WRONG")]
        assert any(line.startswith(f"WRONG {name} (") and what in line for line in wrong), (check, name, found[check])
        others = {"head", "w1", "w2"} - {machine for other, machine, _ in told if other == check}
        assert not any(line.startswith(f"WRONG {other} (") for line in wrong for other in others), wrong
    assert all(line.startswith("good") for check in ("ssh", "rsync", "ports", "results") for line in found[check])


def test_another_python_and_a_gpu_that_is_not_there(cluster: OnPrem) -> None:
    """Both are seen when the machine's Ray starts: so the two workers are switched off and on.

    Together, as it is w2's absence that tells that Ray has noticed. Waited for one by one, the autoscaler would try the
    machine in vain while it is off, and never again.
    """
    python = shutil.which("python3", path="/usr/bin")
    version = python and subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout.split()[-1]
    if python is None or version == platform.python_version():
        skip_unless_required(f"needs another Python than {platform.python_version()} in /usr/bin")
    machines = cluster.machines
    rc, line = "~/.bashrc", """export RAY_OVERRIDE_RESOURCES='{"GPU": 1}'"""
    promise = f"cp {rc} ~/bashrc && (echo {shlex.quote(line)}; cat ~/bashrc) > {rc}"
    other = f"mv ~/raysweep/.venv ~/venv && {python} -m venv --without-pip ~/raysweep/.venv"
    with (
        changed(machines, "w1", promise, f"mv ~/bashrc {rc}"),
        changed(machines, "w2", other, "rm -r ~/raysweep/.venv && mv ~/venv ~/raysweep/.venv"),
    ):
        for name in ("w1", "w2"):
            machines.power_cut(name)
            machines.start(name)
        cluster.wait_for_nodes("head", "w1")
        found = examine(cluster, f"{SHARED}/results", expect=1)
    cluster.down()  # Ray's autoscaler starts a machine whose setup has failed never again, until the next `ray up`
    for check, name, what in (
        ("versions", "w2", f"Python {version}, not {platform.python_version()} as on head"),
        ("nodes", "w2", ""),
        ("gpus", "w1", "torch sees 0 of the 1 GPUs that Ray promises"),
    ):
        lines = [line for line in found[check] if line.startswith("WRONG")]
        assert any((name in line or ADDRESSES[name] in line) and what in line for line in lines), (
            check,
            name,
            found[check],
        )


def test_machines_that_are_not_there(cluster: OnPrem) -> None:
    machines = cluster.machines
    machines.power_cut("w2")
    try:
        cluster.wait_for_nodes("head", "w1")
        with changed(machines, "w1", "mv ~/.ssh/authorized_keys ~/keys", "mv ~/keys ~/.ssh/authorized_keys"):
            found = examine(cluster, f"{SHARED}/results", expect=1)
    finally:
        machines.start("w2")
        cluster.down()  # Ray's autoscaler may have tried it in vain meanwhile, and does so once
    for check, name in (("ssh", "w1"), ("ssh", "w2"), ("nodes", "w2")):
        lines = [line for line in found[check] if line.startswith("WRONG")]
        assert any(name in line or ADDRESSES[name] in line for line in lines), (check, name, found[check])
