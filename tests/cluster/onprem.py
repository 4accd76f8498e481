"""A cluster on the machines, brought up by `ray up` of clusters/onprem.yaml over ssh, and what is asked of it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import yaml

from tests.cluster.machines import ADDRESSES, NODES, SHARED, Machines
from tests.conftest import PROJECT
from tests.faults.waiting import wait_for

CHECKOUT = SHARED / "checkout"  # where `ray up` is typed
TOKEN = "~/.ray/auth_token"
MAKE_TOKEN = f"umask 077; mkdir -p ~/.ray; head -c 32 /dev/urandom | sha256sum | cut -c-64 > {TOKEN}"
# Not by ray.init: that would be a job of its own each time.
ALIVE = """
import json
from ray._raylet import GcsClient
from ray.core.generated.gcs_pb2 import GcsNodeInfo

nodes = GcsClient(address="{head}:6379").get_all_node_info().values()
print(json.dumps([node.node_manager_hostname for node in nodes if node.state == GcsNodeInfo.ALIVE]))
"""


class OnPrem:
    """The cluster of clusters/onprem.yaml with only those lines changed that a user edits.

    Args:
        machines: All of them switched on.
        environment: The virtual environment that all machines share.

    Attributes:
        is_up: Whether `ray up` was the last that was asked for.
    """

    def __init__(self, machines: Machines, environment: Path) -> None:
        self.machines = machines
        self.is_up = False
        self._environment = environment

    def write_files(self) -> None:
        """The checkout on the client, its key and token, and the environment on every machine."""
        here = self.machines.shared / CHECKOUT.name
        copy_checkout(here)
        content = yaml.safe_load((PROJECT / "clusters" / "onprem.yaml").read_text())
        content["provider"] |= {"head_ip": ADDRESSES["head"], "worker_ips": [ADDRESSES["w1"], ADDRESSES["w2"]]}
        line = content["metadata"]["results"]
        assert content["setup_commands"].pop(0) == line
        content["setup_commands"].insert(0, line.replace("/shared/results", f"{SHARED}/results"))
        content["auth"] = {"ssh_user": "root", "ssh_private_key": "~/key"}
        (here / "clusters" / "onprem.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        self.machines.put("client", self.machines.key, "key")
        self._shell("client", MAKE_TOKEN)
        for name in NODES:  # there is no network to install from: the environment is there, as docs/cluster.md allows
            self._shell(name, f"mkdir -p ~/raysweep; ln -sfn {self._environment} ~/raysweep/.venv")

    @property
    def python(self) -> str:
        """That of the virtual environment, on every machine."""
        return f"{self._environment}/bin/python"

    def up(self) -> None:
        """`ray up`, and then patience until all nodes are there."""
        self._ray("up", "clusters/onprem.yaml", "-y", seconds=300)
        self.wait_for_nodes(*NODES)
        self.is_up = True

    def down(self) -> None:
        """`ray down`."""
        self.is_up = False
        self._ray("down", "clusters/onprem.yaml", "-y", seconds=150)

    def on_head(self, command: str, *, seconds: float = 60) -> str:
        """Runs a line of shell as somebody would type it on the head, in ~/raysweep; returns what it said."""
        return self.machines.run("head", *typed(command), seconds=seconds).stdout

    def start_on_head(self, command: str) -> subprocess.Popen[str]:
        """Starts such a command and leaves it running; both its outputs come as one."""
        return subprocess.Popen(
            self.machines.command("head", *typed(f"exec {command}")),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def alive(self) -> set[str]:
        """The machines that Ray believes to be there."""
        code = ALIVE.format(head=ADDRESSES["head"])
        return set(json.loads(self.on_head(f"python -W ignore -c '{code}'").splitlines()[-1]))

    def wait_for_nodes(self, *names: str, seconds: float = 240) -> None:
        """Waits until exactly these are there."""
        try:
            wait_for(lambda: self.alive() == set(names), seconds=seconds, name=f"a cluster of {', '.join(names)}")
        except AssertionError as error:
            log = self.on_head("tail -n 60 /tmp/ray/session_latest/logs/monitor.log")
            raise AssertionError(f"{error}; the autoscaler says:\n{log}") from None

    def _ray(self, *arguments: str, seconds: float) -> None:
        words = " ".join([f"{self._environment}/bin/ray", *arguments])
        self._shell("client", f"cd {CHECKOUT} && {words}", seconds=seconds)

    def _shell(self, name: str, line: str, *, seconds: float = 30) -> None:
        self.machines.run(name, "bash", "-c", line, seconds=seconds)


def copy_checkout(target: Path) -> None:
    """What `ray up` takes to the machines."""
    for name in ("clusters", "raysweep", "models", "sweeps", "data"):
        shutil.copytree(PROJECT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(PROJECT / name, target / name)


def typed(command: str) -> tuple[str, ...]:
    """A line of shell as somebody types it in ~/raysweep."""
    return ("bash", "-ic", f"cd ~/raysweep && {command}")
