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
NODE_STATES = "import json, ray; ray.init(logging_level='ERROR', log_to_driver=False); print(json.dumps(ray.nodes()))"


class OnPrem:
    """The cluster of clusters/onprem.yaml with only those lines changed that a user edits.

    Args:
        machines: All of them switched on.
        environment: The virtual environment that all machines share.
    """

    def __init__(self, machines: Machines, environment: Path) -> None:
        self.machines = machines
        self._environment = environment

    def write_files(self) -> None:
        """The checkout on the client, its key and token, and the environment on every machine."""
        here = self.machines.shared / CHECKOUT.name
        for name in ("clusters", "raysweep", "models", "sweeps", "data"):
            shutil.copytree(PROJECT / name, here / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "constraints.txt"):
            shutil.copy(PROJECT / name, here / name)
        content = yaml.safe_load((PROJECT / "clusters" / "onprem.yaml").read_text())
        content["provider"] |= {"head_ip": ADDRESSES["head"], "worker_ips": [ADDRESSES["w1"], ADDRESSES["w2"]]}
        content["auth"] = {"ssh_user": "root", "ssh_private_key": "~/key"}
        (here / "clusters" / "onprem.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        self.machines.put("client", self.machines.key, "key")
        self._shell("client", f"umask 077; mkdir -p ~/.ray; head -c 32 /dev/urandom | sha256sum | cut -c-64 > {TOKEN}")
        for name in NODES:
            self.link_environment(name)

    def link_environment(self, name: str) -> None:
        """The machines have no network to install from: the environment is there, as docs/cluster.md allows."""
        self._shell(name, f"mkdir -p ~/raysweep; ln -sfn {self._environment} ~/raysweep/.venv")

    def up(self) -> str:
        """`ray up`, and what it said."""
        return self._ray("up", "clusters/onprem.yaml", "-y", "--no-config-cache", seconds=120)

    def down(self) -> str:
        """`ray down`, and what it said."""
        return self._ray("down", "clusters/onprem.yaml", "-y", seconds=60)

    def on_head(self, command: str, *, seconds: float = 60, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs a line of shell as somebody would type it on the head, in ~/raysweep."""
        line = ("bash", "-ic", f"cd ~/raysweep && {command}")
        return self.machines.run("head", *line, seconds=seconds, check=check)

    def start_on_head(self, command: str) -> subprocess.Popen[str]:
        """Starts such a line and leaves it running; both its outputs come as one."""
        return subprocess.Popen(
            self.machines.command("head", "bash", "-ic", f"cd ~/raysweep && exec {command}"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def alive(self) -> set[str]:
        """The machines that Ray believes to be there."""
        said = self.on_head(f'python -c "{NODE_STATES}"').stdout
        nodes = json.loads(said.splitlines()[-1])
        return {node["NodeManagerHostname"] for node in nodes if node["Alive"]}

    def wait_for_nodes(self, *names: str, seconds: float = 90) -> None:
        """Waits until exactly these are there."""
        wait_for(lambda: self.alive() == set(names), seconds=seconds, name=f"a cluster of {', '.join(names)}")

    def _ray(self, *arguments: str, seconds: float) -> str:
        words = " ".join([f"{self._environment}/bin/ray", *arguments])
        return self._shell("client", f"cd {CHECKOUT} && {words}", seconds=seconds)

    def _shell(self, name: str, line: str, *, seconds: float = 30) -> str:
        return self.machines.run(name, "bash", "-c", line, seconds=seconds).stdout
