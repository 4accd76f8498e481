"""cluster.yaml against a mock EC2 whose instances are machines: moto says which there are, and this switches them.

No real AWS can be had, and none may be reached: all of it lives in a network without routes.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from tests.cluster.ec2 import BUCKET, REGION
from tests.cluster.machines import SHARED, Machines
from tests.cluster.onprem import ALIVE, CHECKOUT, MAKE_TOKEN, copy_checkout, typed
from tests.conftest import PROJECT
from tests.faults.waiting import wait_for

CLIENT = "10.77.0.250"
# EC2 gives addresses in their order, the first three being its own.
INSTANCES = {f"ip-10-77-0-{last}": f"10.77.0.{last}" for last in range(4, 40)}
ADDRESSES = {"client": CLIENT, **INSTANCES}
PORT = 5000
# On AWS these come from the region and the instance's profile.
ENVIRONMENT = {
    "AWS_ENDPOINT_URL": f"http://{CLIENT}:{PORT}",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_EC2_METADATA_DISABLED": "true",
}
STORAGE = f"s3://{BUCKET}/raysweep?region={REGION}&scheme=http&endpoint_override={CLIENT}:{PORT}"
HERE = Path(__file__).parent

_T = TypeVar("_T")


class Aws:
    """The cluster of cluster.yaml, and the machines that its instances are.

    Args:
        machines: Of `ADDRESSES`, with the client switched on.
        environment: The virtual environment that all machines share.
    """

    def __init__(self, machines: Machines, environment: Path) -> None:
        self.machines = machines
        self._environment = environment
        self._servers: list[subprocess.Popen[bytes]] = []
        self._instances = machines.shared / "instances.json"
        self._on: dict[str, str] = {}

    def start(self) -> None:
        """EC2 and S3, an account in it, and a checkout on the client."""
        moto = ("-m", "moto.server", "--host", CLIENT, "--port", str(PORT))
        self._serve("env", "MOTO_IAM_LOAD_MANAGED_POLICIES=true", self.python, *moto)
        wait_for(lambda: f"{CLIENT}:{PORT}" in self.machines.run("client", "ss", "-tlnH").stdout, name="moto")
        self.machines.put("client", self.machines.key, "key")
        self.machines.put("client", self.machines.key.with_suffix(".pub"), "key.pub")
        self.machines.run("client", "bash", "-c", MAKE_TOKEN)
        account = json.loads(self._ec2("seed").splitlines()[-1])
        self._serve(*_as_words(ENVIRONMENT), *self._script("watch", f"{SHARED}/{self._instances.name}"))
        wait_for(self._instances.is_file, name="a list of instances")
        copy_checkout(self.machines.shared / CHECKOUT.name)
        self._write_cluster_file(account)

    def stop(self) -> None:
        """The servers; the machines are their owner's."""
        for server in self._servers:
            server.kill()
            server.wait()

    def _write_cluster_file(self, account: dict[str, str]) -> None:
        """cluster.yaml with the lines changed that a user edits, and what must be."""
        content = (PROJECT / "cluster.yaml").read_text()
        for before, after in {
            "ami-EDIT": account["image"],
            "sg-EDIT": account["group"],
            "echo s3://BUCKET-EDIT/raysweep >": f"echo '{STORAGE}' >",
            "max_workers: 4 ": "max_workers: 2 ",
            # Root's, not those of an image; in the client's own network, where no address is public.
            "ssh_user: ubuntu": "ssh_user: root",
            "ssh_private_key: ~/.ssh/raysweep.pem": "ssh_private_key: ~/key",
            "  type: aws\n": "  type: aws\n  use_internal_ips: true\n",
            # Else the test would wait for five minutes.
            "idle_timeout_minutes: 5": "idle_timeout_minutes: 0.5",
        }.items():
            assert content.count(before) == 1, before
            content = content.replace(before, after)
        assert yaml.safe_load(content)["provider"]["region"] == REGION
        (self.machines.shared / CHECKOUT.name / "cluster.yaml").write_text(content)

    @property
    def python(self) -> str:
        """That of the virtual environment, on every machine."""
        return f"{self._environment}/bin/python"

    def instances(self, *, kind: str | None = None) -> list[dict[str, Any]]:
        """Those that EC2 says are running, the oldest first."""
        known: list[dict[str, Any]] = json.loads(self._instances.read_text())
        return [one for one in known if one["state"] == "running" and kind in (None, one["kind"])]

    def follow(self) -> None:
        """Switches on what EC2 was asked for, and throws away what it was told to end."""
        running = {one["id"]: one["address"] for one in self.instances()}
        for instance in self._on.keys() - running.keys():
            name = self._on.pop(instance)
            if self.machines.is_on(name):
                self.machines.throw_away(name)
        for instance, address in running.items():
            if instance not in self._on:
                name = next(name for name, known in INSTANCES.items() if known == address)
                self._switch_on(name)
                self._on[instance] = name

    def until(self, what: Callable[[], _T], *, name: str, seconds: float, **options: Any) -> _T:
        """As `wait_for`, while machines follow EC2."""

        def followed() -> _T:
            self.follow()
            return what()

        return wait_for(followed, name=name, seconds=seconds, **options)

    def ray(self, *arguments: str, seconds: float) -> str:
        """A command of Ray on the client, such as `up`."""
        return self.ended(self.start_on_client(f"{self._environment}/bin/ray {' '.join(arguments)}"), seconds=seconds)

    def ended(self, process: subprocess.Popen[str], *, seconds: float, expect: int = 0) -> str:
        """What a process has said when it has ended."""
        log: list[str] = []
        try:
            self.until(lambda: process.poll() is not None, name=str(process.args), seconds=seconds)
        finally:
            process.kill()
            log.append(process.communicate()[0])
        assert process.returncode == expect, f"exit {process.returncode}: {log[0]}"
        return log[0]

    def start_on_head(self, command: str) -> subprocess.Popen[str]:
        """Starts a line of shell as somebody would type it on the head, in ~/raysweep; both outputs come as one."""
        return self._popen(self._head(), *typed(f"exec {command}"))

    def start_on_client(self, command: str) -> subprocess.Popen[str]:
        """Starts a line of shell on the client, in the checkout; both outputs come as one."""
        return self._popen("client", *_as_words(ENVIRONMENT), "bash", "-c", f"cd {CHECKOUT} && exec {command}")

    def alive(self) -> set[str]:
        """The addresses' names that Ray believes to be there."""
        head = self._head()
        code = ALIVE.format(head=ADDRESSES[head])
        said = self.machines.run(head, *typed(f"python -W ignore -c '{code}'"), seconds=60).stdout
        return set(json.loads(said.splitlines()[-1]))

    def take(self, instance: dict[str, Any]) -> None:
        """AWS wants its spot machine back."""
        name = self._on.pop(instance["id"])
        self.machines.throw_away(name)
        self._ec2("take", instance["id"])
        wait_for(lambda: instance["id"] not in {one["id"] for one in self.instances()}, name="EC2's notice of it")

    def names(self, kind: str) -> set[str]:
        """The machines of the instances of a kind that run."""
        return {self._on[one["id"]] for one in self.instances(kind=kind)}

    def _head(self) -> str:
        (name,) = self.names("head")
        return name

    def _switch_on(self, name: str) -> None:
        """With what an image has: raysweep's environment is there, as nothing can be downloaded, and AWS's settings."""
        self.machines.start(name)
        exports = "".join(f"export {key}='{value}'\n" for key, value in ENVIRONMENT.items())
        lines = (
            f"mkdir -p ~/raysweep; ln -sfn {self._environment} ~/raysweep/.venv; "
            f"echo {SHARED}/results > ~/raysweep/results_dir; "  # so that they can be looked at from here
            f"cat > ~/.bashrc <<'END'\n{exports}END"
        )
        self.machines.run(name, "bash", "-c", lines)

    def _ec2(self, *words: str) -> str:
        return self.machines.run("client", *_as_words(ENVIRONMENT), *self._script(*words), seconds=300).stdout

    def _script(self, *words: str) -> tuple[str, ...]:
        return (self.python, "-W", "ignore", str(HERE / "ec2.py"), *words)

    def _serve(self, *command: str) -> None:
        with (self.machines.shared / f"log-{len(self._servers)}").open("wb") as log:
            call = self.machines.command("client", *command)
            self._servers.append(subprocess.Popen(call, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def _popen(self, name: str, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.machines.command(name, *command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def _as_words(environment: dict[str, str]) -> tuple[str, ...]:
    return ("env", *(f"{key}={value}" for key, value in environment.items()))
