"""Goes to machines through ssh as `ray up` does, and brings back what they say of themselves."""

from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raysweep.clusters import gather, probe
from raysweep.clusters.cluster_file import ClusterFile
from raysweep.clusters.facts import Clock, Facts, Visit
from raysweep.errors import ClusterError

CONNECT_SECONDS = 5
VISIT_SECONDS = 60.0
PROVIDER_SECONDS = 60.0  # for the provider's word which machines there are
JOIN_SECONDS = 30.0  # for the head to join its own Ray
NODE_SECONDS = 90.0  # for a node of a cluster that is asked from its head; torch may be slow to load
CLUSTER_SECONDS = 240.0
SSH_FAILED = 255  # ssh's own exit code; everything else is the command's

_ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]*")  # or a name
_NO_RSYNC = "raysweep-no-rsync"
# Ray's own rsync finds what a bare command finds; Python comes with the login shell, as `ray start` does.
_COMMAND = (
    f"command -v rsync >/dev/null || echo {_NO_RSYNC}; "
    "exec bash --login -i -c 'source ~/.bashrc; exec \"$(command -v python || command -v python3)\" -'"
)
_LOADER = """\
import json, types
sources = json.loads({sources!r})
modules = {{}}
for name, source in sources.items():
    modules[name] = types.ModuleType("raysweep_" + name)
    exec(compile(source, name, "exec"), modules[name].__dict__)
probe, gather = modules["probe"], modules["gather"]
"""


@dataclass(frozen=True, kw_only=True)
class Visited:
    """A machine that was visited.

    Attributes:
        address: As in the cluster file, or as the provider calls it.
        visit: What came of it.
        facts: None if it couldn't say.
        clock: Against this machine's.
    """

    address: str
    visit: Visit
    facts: Facts | None = None
    clock: Clock | None = None


def addresses(cluster: ClusterFile) -> tuple[list[str], str | None]:
    """The machines of a cluster, the head first; and what kept a provider from naming them."""
    if cluster.head is not None:
        return [cluster.head, *cluster.workers], None
    found: list[str] = []
    try:
        found.append(address_of_head(cluster))
        found += _ask_provider(cluster, "get-worker-ips")
    except ClusterError as error:
        return found, str(error)
    return found, None


def address_of_head(cluster: ClusterFile) -> str:
    """From the file, or from the provider. Raises `ClusterError` if no head runs."""
    if cluster.head is not None:
        return cluster.head
    found = _ask_provider(cluster, "get-head-ip")
    if not found:
        raise ClusterError(f"{cluster.file}: no head runs; ray up {cluster.file} starts the cluster")
    return found[-1]


def _ask_provider(cluster: ClusterFile, question: str) -> list[str]:
    command = [sys.executable, "-m", "ray.scripts.scripts", question, str(cluster.file)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROVIDER_SECONDS)
    except subprocess.TimeoutExpired:
        raise ClusterError(f"`ray {question} {cluster.file}` gives no answer") from None
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
        raise ClusterError(f"`ray {question} {cluster.file}` fails: {reason}")
    # It may tell there what it asks the cloud, too.
    lines = (line.strip() for line in done.stdout.splitlines())
    return [line for line in lines if _ADDRESS.fullmatch(line)]


def ip_of(address: str) -> str:
    """The address as Ray would call it; as it is if no name service knows it."""
    try:
        return socket.gethostbyname(address)
    except OSError:
        return address


def visit_all(cluster: ClusterFile, hosts: Sequence[str], request: Mapping[str, Any]) -> list[Visited]:
    """Visits all machines at the same time."""
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda host: _visit(cluster, host, request), hosts))


def facts_of_cluster(cluster: ClusterFile, head: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What the head and all nodes of its Ray say; `problem` alone if that can't be had. See `gather`."""
    limits = f"join_seconds={JOIN_SECONDS}, deadline_seconds={NODE_SECONDS}"
    code = f"gather.print_facts_of_cluster(probe, json.loads({json.dumps(wanted)!r}), {limits})"
    try:
        done = _run(cluster, head, _LOADER.format(sources=_sources()) + code, CLUSTER_SECONDS)
    except subprocess.TimeoutExpired:
        return {"problem": f"the head gives no answer for {CLUSTER_SECONDS:g} s"}
    found = _marked(done.stdout)
    return {"problem": _last_line(done)} if found is None else found


def _visit(cluster: ClusterFile, host: str, request: Mapping[str, Any]) -> Visited:
    by_hand = ssh_by_hand(cluster, host)
    code = f"print({gather.MARK!r} + json.dumps(probe.look(json.loads({json.dumps(request)!r}))))"
    asked_at = time.time()
    try:
        done = _run(cluster, host, _LOADER.format(sources=_sources()) + code, VISIT_SECONDS)
    except subprocess.TimeoutExpired:
        return Visited(address=host, visit=Visit(ssh=by_hand, reason=f"no answer for {VISIT_SECONDS:g} s"))
    if done.returncode == SSH_FAILED:
        return Visited(address=host, visit=Visit(ssh=by_hand, reason=_last_line(done)))
    has_rsync = _NO_RSYNC not in done.stdout.splitlines()
    plain = _marked(done.stdout)
    if plain is None:
        problem = f"Python says nothing there ({_last_line(done)})"
        return Visited(address=host, visit=Visit(ssh=by_hand, has_rsync=has_rsync, problem=problem))
    error = (time.time() - asked_at) / 2
    clock = Clock(ahead=plain["now"] - asked_at - error, error=error)
    return Visited(
        address=host, visit=Visit(ssh=by_hand, has_rsync=has_rsync), facts=Facts.from_plain(plain), clock=clock
    )


def _run(cluster: ClusterFile, host: str, code: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Runs Python code there; raises `TimeoutExpired`."""
    command = [*ssh_command(cluster), login(cluster, host), _COMMAND]
    return subprocess.run(command, input=code, capture_output=True, text=True, timeout=seconds)


def ssh_command(cluster: ClusterFile) -> list[str]:
    """Ssh with the file's key and `ray up`'s options, without ever asking a question."""
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": str(CONNECT_SECONDS),
        "StrictHostKeyChecking": "no",
        "UserKnownHostsFile": "/dev/null",
        "LogLevel": "ERROR",
        "ServerAliveInterval": "5",
        "ServerAliveCountMax": "3",
    }
    if cluster.key is not None:
        options["IdentitiesOnly"] = "yes"
    if cluster.proxy_command:
        options["ProxyCommand"] = cluster.proxy_command
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return ["ssh", *words, *(["-i", str(cluster.key)] if cluster.key is not None else [])]


def ssh_by_hand(cluster: ClusterFile, host: str) -> str:
    """What a person types to see for themselves."""
    words = ["ssh", *(["-i", str(cluster.key)] if cluster.key is not None else []), login(cluster, host)]
    return shlex.join(words)


def login(cluster: ClusterFile, host: str) -> str:
    """A machine as ssh and rsync take it."""
    return f"{cluster.user}@{host}" if cluster.user else host


def _sources() -> str:
    return json.dumps({module.__name__.rpartition(".")[2]: _source(module.__file__) for module in (probe, gather)})


def _source(file: str | None) -> str:
    assert file is not None, "both are files"
    return Path(file).read_text()


def _marked(output: str) -> dict[str, Any] | None:
    for line in output.splitlines():
        if line.startswith(gather.MARK):
            found: dict[str, Any] = json.loads(line.removeprefix(gather.MARK))
            return found
    return None


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    """What was complained of last; bash's own words about a shell without a terminal aside."""
    lines = [line for line in done.stderr.strip().splitlines() if not line.startswith("bash: ")]
    return lines[-1] if lines else f"exit code {done.returncode}"
