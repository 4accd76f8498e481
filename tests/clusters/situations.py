"""A cluster of three machines where all is well, to plant one fault in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from raysweep.clusters.facts import Clock, Facts, Machine, Situation, Token, Visit

GIB = 2**30
FACTS = Facts(
    hostname="head",
    python="3.11.7",
    executable="/venv/bin/python",
    versions={"ray": "2.60.0", "torch": "2.13.0+cpu", "mlflow": "3.17.2", "numpy": "2.4.6"},
    code="12345678",
    disks={"/shared/results": 50 * GIB, "/tmp": 20 * GIB},
    memory_bytes=8 * GIB,
    num_gpus=0,
    token=Token(mode="token", is_there=True, file="/home/u/.ray/auth_token", permissions=0o600),
    sockets=(("0.0.0.0", 22, "sshd"), ("::", 6379, "gcs_server")),
    nonce="secret",
    is_writable=True,
)


def machine(name: str, **changes: Any) -> Machine:
    """A good one."""
    good = Machine(
        name=name,
        num_cpus=4,
        facts=replace(FACTS, hostname=name),
        clock=Clock(ahead=0.001, error=0.002),
        answering=(22, 6379),
        visit=Visit(ssh=f"ssh u@{name}"),
    )
    return replace(good, **changes)


def situation(*, w2: Machine | None = None, **changes: Any) -> Situation:
    """All is well but for the changes, and what is wrong with the worker `w2`."""
    good = Situation(
        form="full",
        reference=FACTS,
        machines=(machine("head"), machine("w1"), w2 or machine("w2")),
        cluster_file="lab.yaml",
        num_asked=3,
        results="/shared/results",
        nonce="secret",
        dashboard_port=8265,
        mlflow="http://127.0.0.1:5000",
        mlflow_port=5000,
        requirements={"ray": ">=2.60,<2.61", "torch": ">=2.6,<2.14"},
    )
    return replace(good, **changes)
