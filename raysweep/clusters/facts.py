"""What is known of a cluster before anybody judges it: machines, what they say of themselves, what was asked for.

Plain values from `probe` and `gather` become checked objects here. Must not know Ray or ssh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Form = Literal["one machine", "quick", "full"]


@dataclass(frozen=True, kw_only=True)
class Token:
    """Ray's token on one node.

    Attributes:
        mode: `RAY_AUTH_MODE` of the node's Ray; empty if not set.
        is_there: Whether a token was found.
        file: Where it was looked for; empty if it stands in the environment.
        permissions: Of the file, such as 0o600; None without a file.
    """

    mode: str
    is_there: bool
    file: str = ""
    permissions: int | None = None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a machine says of itself; None or empty where it wasn't asked or doesn't know.

    Attributes:
        hostname: Its own name for itself.
        python: Such as `3.11.7`.
        executable: The Python that runs there.
        versions: By package; None if it isn't installed.
        code: Digest of raysweep's source as it would be imported there; None if there is none.
        disks: Free bytes by folder; None where the folder can't be seen.
        memory_bytes: Available.
        num_gpus: Those that torch sees.
        token: Ray's.
        sockets: That listen on more than loopback: address, port, process.
        nonce: As read there.
        is_writable: Whether the folder of the nonce can be written; None where it wasn't looked for.
    """

    hostname: str
    python: str
    executable: str = ""
    versions: Mapping[str, str | None]
    code: str | None
    disks: Mapping[str, int | None]
    memory_bytes: int | None = None
    num_gpus: int | None = None
    token: Token | None = None
    sockets: tuple[tuple[str, int, str], ...] = ()
    nonce: str | None = None
    is_writable: bool | None = None

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Facts:
        """What `probe.look` returned."""
        token = plain.get("token")
        known = {key: value for key, value in plain.items() if key in cls.__dataclass_fields__}
        return cls(
            **{
                **known,
                "token": Token(**token) if token else None,
                "sockets": tuple((host, port, name) for host, port, name in plain.get("sockets", ())),
            }
        )


@dataclass(frozen=True, kw_only=True)
class Clock:
    """How far a machine's clock is ahead of the driver's, and how much that may be wrong; seconds."""

    ahead: float
    error: float


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What came of going to a machine through ssh.

    Attributes:
        ssh: What a person types to go there, such as `ssh -i key.pem ubuntu@10.0.0.5`.
        reason: Why it can't be entered; None if it can.
        has_rsync: Whether rsync is there for a command through ssh.
        problem: Why Python there says nothing.
    """

    ssh: str
    reason: str | None = None
    has_rsync: bool = True
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One machine: asked for, joined, or both.

    Attributes:
        name: For people, such as `w1 (10.77.0.12)`.
        is_joined: Whether it is a node of the Ray.
        is_head: Whether it is the head of the cluster.
        num_cpus: That Ray promises.
        num_gpus: That Ray promises.
        facts: From its node, else through ssh.
        problem: Why its node said nothing.
        clock: Against the driver's.
        answering: Its ports that take a connection from another machine.
        visit: None if nobody went there through ssh.
    """

    name: str
    is_joined: bool = True
    is_head: bool = False
    num_cpus: float = 0.0
    num_gpus: float = 0.0
    facts: Facts | None = None
    problem: str | None = None
    clock: Clock | None = None
    answering: tuple[int, ...] = ()
    visit: Visit | None = None


@dataclass(frozen=True, kw_only=True)
class Situation:
    """Everything that the rules judge.

    Attributes:
        form: Which rules apply.
        reference: Of the process that judges; nodes must have its source of raysweep.
        machines: All that are known.
        cluster_file: As typed; empty without one.
        num_asked: Nodes that the file asks for, the head among them; None without a file.
        ray_problem: Why no Ray could be joined.
        is_driver_remote: Whether the sweep's driver would run on the head and not here.
        results: The folder that must be the same on all nodes; None if that wasn't checked.
        nonce: As written there.
        nonce_problem: Why it couldn't be written.
        dashboard_port: Of Ray.
        mlflow: The tracking URI, fit to be shown; empty if nobody could ask there.
        mlflow_port: None if it is no server's.
        mlflow_problem: Why it gives no answer.
        rsync_here: Whether this machine has rsync.
        requirements: The versions that raysweep is made for, such as `>=2.60,<2.61`, by package.
    """

    form: Form
    reference: Facts
    machines: tuple[Machine, ...]
    cluster_file: str = ""
    num_asked: int | None = None
    ray_problem: str | None = None
    is_driver_remote: bool = False
    results: str | None = None
    nonce: str | None = None
    nonce_problem: str | None = None
    dashboard_port: int | None = None
    mlflow: str = ""
    mlflow_port: int | None = None
    mlflow_problem: str | None = None
    rsync_here: bool = True
    requirements: Mapping[str, str] = field(default_factory=dict)

    @property
    def joined(self) -> tuple[Machine, ...]:
        """The nodes of the Ray."""
        return tuple(machine for machine in self.machines if machine.is_joined)

    @property
    def driver(self) -> Machine | None:
        """Where the sweep's driver would run; None if that machine isn't among those that are known."""
        if self.is_driver_remote:
            return next((machine for machine in self.machines if machine.is_head), None)
        here = self.reference.hostname
        return next((machine for machine in self.machines if machine.facts and machine.facts.hostname == here), None)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report.

    Attributes:
        check: What was looked at, such as `clocks`.
        is_good: Whether nothing is to be done.
        machine: Whom it is about; empty if it is about the whole.
        found: What there is.
        remedy: What to type or do; empty if all is well.
    """

    check: str
    is_good: bool
    machine: str = ""
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        where = f"{self.machine}: " if self.machine else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{where}{self.found}{remedy}"
