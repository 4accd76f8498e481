"""Asks every node of a Ray: each node with a deadline, so that one that hangs is named and holds up no other.

Imports nothing of raysweep: where the command was typed on a laptop, this source travels to the head through ssh.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Timer
from types import ModuleType
from typing import Any

MARK = "raysweep-facts:"  # a login shell may print anything before
NUM_ROUND_TRIPS = 5  # to compare clocks; the shortest counts
CLOCK_SECONDS = 2.0
REACH_SECONDS = 30.0


@contextmanager
def nonce_in(folder: str | None) -> Iterator[dict[str, str | None]]:
    """A file that nobody else can have, for as long as nodes look for it.

    Gives `nonce_file` and `nonce`, both None without a folder, and `nonce_problem` where it can't be written.
    """
    if folder is None:
        yield {"nonce_file": None, "nonce": None, "nonce_problem": None}
        return
    place, nonce = Path(folder), secrets.token_hex(16)
    file = place / f".raysweep-{nonce}"
    made = [above for above in (place, *place.parents) if not above.exists()]
    try:
        try:
            place.mkdir(parents=True, exist_ok=True)
            file.write_text(nonce)
        except OSError as error:
            yield {"nonce_file": None, "nonce": None, "nonce_problem": error.strerror or str(error)}
            return
        yield {"nonce_file": str(file), "nonce": nonce, "nonce_problem": None}
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)
            for above in made:
                above.rmdir()


def count_nodes() -> int:
    """How many nodes the Ray has that this process has joined."""
    import ray

    return sum(node["Alive"] for node in ray.nodes())


def ask_nodes(probe: ModuleType, request: Mapping[str, Any], deadline_seconds: float) -> dict[str, Any]:
    """The facts of all nodes of the Ray that this process has joined.

    Args:
        probe: The module `probe`.
        request: What `probe.look` takes.
        deadline_seconds: How long a node may take to answer.

    Returns:
        Plain values: `nodes`, and `dashboard_port`. A node has either `facts` or a `problem`.
    """
    import ray

    nodes = [
        {
            "id": node["NodeID"],
            "address": node["NodeManagerAddress"],
            "hostname": node["NodeManagerHostname"],
            "num_cpus": node["Resources"].get("CPU", 0.0),
            "num_gpus": node["Resources"].get("GPU", 0.0),
            "is_head": "node:__internal_head__" in node["Resources"],
            "facts": None,
            "problem": None,
            "clock": None,
        }
        for node in ray.nodes()
        if node["Alive"]
    ]
    with _travelling_by_value(probe):
        _ask_all(nodes, probe.look, [(request,)] * len(nodes), "facts", deadline_seconds)
        alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
        nodes = [node for node in nodes if node["id"] in alive]  # one that has just left is no node that is unfit
        well = [node for node in nodes if node["facts"] is not None]
        for _ in range(NUM_ROUND_TRIPS):
            for node in well:
                _compare_clocks(node, probe.tell_time)
        if request["is_full"]:
            _reach_each_other(well, probe.reach)
    url = ray._private.worker.global_worker.node.address_info.get("webui_url") or ""
    port = url.rpartition(":")[2]
    return {"nodes": nodes, "dashboard_port": int(port) if port.isdecimal() else None}


def print_facts_of_cluster(
    probe: ModuleType, wanted: Mapping[str, Any], *, join_seconds: float, deadline_seconds: float
) -> None:
    """For the head of a cluster, through ssh: joins its Ray, and prints what it and all nodes say as one line."""
    import ray

    mlflow = {"mlflow_problem": probe.ask_mlflow(wanted["mlflow"])}
    # Where a Ray was and is no longer, `ray.init` tries for minutes and can't be interrupted.
    gone = Timer(join_seconds, _print_and_end, [{**mlflow, "problem": f"it doesn't answer for {join_seconds:g} s"}])
    gone.start()
    try:
        ray.init(address="auto", logging_level="critical", log_to_driver=False)
    except Exception as error:  # of many types
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        _print_and_end({**mlflow, "problem": reason})
    gone.cancel()
    with nonce_in(wanted["results"]) as nonce:
        request = {**wanted["request"], "nonce_file": nonce["nonce_file"]}
        found = ask_nodes(probe, request, deadline_seconds)
    _print_and_end({**mlflow, **found, **nonce})


def _print_and_end(found: Mapping[str, Any]) -> None:
    print(MARK + json.dumps(found), flush=True)
    os._exit(0)  # leaving Ray takes seconds, and a node that hangs would be waited for


@contextmanager
def _travelling_by_value(probe: ModuleType) -> Iterator[None]:
    """A node may have no raysweep, or another one without this module. Source from ssh has no module to be found."""
    from ray import cloudpickle

    is_imported = probe.__name__ in sys.modules
    if is_imported:
        cloudpickle.register_pickle_by_value(probe)
    try:
        yield
    finally:
        if is_imported:
            cloudpickle.unregister_pickle_by_value(probe)


def _on(node: Mapping[str, Any], function: Any) -> Any:
    """The function as a task for this node alone, which takes none of its slots."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    place = NodeAffinitySchedulingStrategy(node_id=node["id"], soft=False)
    return ray.remote(function).options(num_cpus=0, max_retries=0, scheduling_strategy=place)


def _ask_all(
    nodes: Sequence[dict[str, Any]], function: Any, arguments: Sequence[tuple[Any, ...]], key: str, seconds: float
) -> None:
    """Asks all at once and waits for each until the same deadline; the answer or the problem goes to the node."""
    import ray

    asked = [_on(node, function).remote(*words) for node, words in zip(nodes, arguments, strict=True)]
    answered, _ = ray.wait(asked, num_returns=len(asked), timeout=seconds) if asked else ([], [])
    for node, reference in zip(nodes, asked, strict=True):
        if reference not in answered:
            node["problem"] = f"no answer for {seconds:g} s"
            ray.cancel(reference, force=True)
            continue
        try:
            node[key] = ray.get(reference)
        except Exception as error:  # whatever goes wrong there is what is to be told
            lines = str(error).strip().splitlines()
            node["problem"] = lines[-1] if lines else type(error).__name__


def _compare_clocks(node: dict[str, Any], tell_time: Any) -> None:
    """Keeps the best guess: between asking and the answer, in the middle, and not more than half of that wrong."""
    import ray

    asked_at = time.time()
    reference = _on(node, tell_time).remote()
    try:
        there = ray.get(reference, timeout=CLOCK_SECONDS)
    except Exception:  # it has hung or gone since; what it said before stands
        return
    answered_at = time.time()
    error = (answered_at - asked_at) / 2
    if node["clock"] is None or error < node["clock"][1]:
        node["clock"] = (there - (asked_at + answered_at) / 2, error)


def _reach_each_other(nodes: Sequence[dict[str, Any]], reach: Any) -> None:
    """From each node's neighbour: which of its ports take a connection. One machine alone tries its own address."""
    neighbours, arguments = [], []
    for index, node in enumerate(nodes):
        others = [*nodes[index + 1 :], *nodes[:index]]
        neighbour = next((other for other in others if other["address"] != node["address"]), node)
        neighbours.append({"id": neighbour["id"], "answering": None})
        arguments.append((node["address"], sorted({port for _, port, _ in node["facts"]["sockets"]})))
    _ask_all(neighbours, reach, arguments, "answering", REACH_SECONDS)
    for node, neighbour in zip(nodes, neighbours, strict=True):
        node["answering"] = neighbour["answering"]
