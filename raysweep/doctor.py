"""Is this cluster fit to run a sweep: brings together what `clusters` asks and judges, and the Ray that it asks.

`examine` is the command `raysweep doctor`; `refuse_unfit_nodes` is its quick form, before a sweep on several nodes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from packaging.requirements import Requirement

from raysweep.clusters import gather, machines, probe
from raysweep.clusters.cluster_file import ClusterFile, read_cluster_file
from raysweep.clusters.facts import Clock, Facts, Finding, Machine, Situation
from raysweep.clusters.judge import judge
from raysweep.clusters.machines import Visited
from raysweep.errors import ClusterError, UnfitClusterError
from raysweep.tracking.address import absolute_uri, redact
from raysweep.tuning.cluster import ray_cluster
from raysweep.tuning.ray_folders import is_own_ray

TEMPORARY = "/tmp"  # where Ray keeps its files unless it is told otherwise
QUICK_SECONDS = 60.0  # a node may have to start a worker first


def examine(
    cluster_file: Path | None,
    results_dir: Path,
    tracking_uri: str,
    *,
    note: Callable[[str], None],
    is_verbose: bool,
) -> tuple[Finding, ...]:
    """Looks at the cluster of the file, at the Ray of `RAY_ADDRESS`, or at this one machine.

    Args:
        cluster_file: What `ray up` takes.
        results_dir: The folder of all results; on a cluster that is asked from outside only if it is absolute.
        tracking_uri: As the sweep's driver would use it.
        note: Is told at once what is looked at.
        is_verbose: Whether Ray may speak for itself.

    Raises:
        InputError: If the cluster file can't be used.
    """
    common: dict[str, Any] = {
        "reference": _facts_here(is_full=False),
        "requirements": _requirements(),
        "rsync_here": shutil.which("rsync") is not None,
        "mlflow": redact(tracking_uri, tracking_uri),
        "mlflow_port": urlsplit(tracking_uri).port if tracking_uri.startswith("http") else None,
    }
    if cluster_file is not None:
        cluster = read_cluster_file(cluster_file)
        return _examine_cluster(cluster, results_dir, tracking_uri, common, note, is_verbose)
    mlflow_problem = probe.ask_mlflow(absolute_uri(tracking_uri, Path.cwd()))
    if is_own_ray():
        note("no --cluster and no RAY_ADDRESS: looking at this one machine, without starting Ray")
        facts = _facts_here(is_full=True, folders=[str(results_dir.resolve()), TEMPORARY])
        here = Machine(name=facts.hostname, num_cpus=os.cpu_count() or 1, facts=facts)
        return judge(Situation(form="one machine", machines=(here,), mlflow_problem=mlflow_problem, **common))
    note(f"looking at the Ray at {os.environ['RAY_ADDRESS']} (RAY_ADDRESS)")
    asked = _ask_ray_here(results_dir.resolve(), is_verbose)
    return judge(_situation(asked, [], common | {"mlflow_problem": mlflow_problem}))


def refuse_unfit_nodes(shared: Path | None) -> None:
    """Before the first trial on a Ray of several nodes: versions, clocks, the shared folder and disks of each node.

    Args:
        shared: The folder of checkpoints and forecasts, which all nodes write; None where they go to an object store.

    Raises:
        UnfitClusterError: With all that is wrong, a line each.
    """
    if gather.count_nodes() < 2:
        return
    folder = None if shared is None else str(shared.resolve())
    with gather.nonce_in(folder) as nonce:
        folders = [TEMPORARY] if folder is None else [folder, TEMPORARY]
        request = _request(folders, nonce["nonce_file"], is_full=False)
        asked = {**gather.ask_nodes(probe, request, QUICK_SECONDS), **nonce, "results": folder}
    situation = _situation(asked, [], {"form": "quick", "reference": _facts_here(is_full=False)})
    faults = [finding for finding in judge(situation) if not finding.is_good]
    if faults:
        lines = [f"  {finding.check}: {finding}" for finding in faults]
        raise UnfitClusterError("\n".join(["not every node of this Ray can take part; nothing was started:", *lines]))


def _examine_cluster(
    cluster: ClusterFile,
    results_dir: Path,
    tracking_uri: str,
    common: dict[str, Any],
    note: Callable[[str], None],
    is_verbose: bool,
) -> tuple[Finding, ...]:
    is_here = not is_own_ray()
    where = f"Ray at {os.environ['RAY_ADDRESS']} (RAY_ADDRESS)" if is_here else "its Ray asked on the head"
    note(f"looking at the cluster of {cluster.file}: every machine through ssh, {where}")
    hosts, problem = machines.addresses(cluster)
    results = str(results_dir.resolve()) if is_here or results_dir.is_absolute() else None
    folders = [TEMPORARY] if results is None else [results, TEMPORARY]
    full = _request(folders, None, is_full=True)
    visited = machines.visit_all(cluster, hosts, _request(folders, None, is_full=False))
    if is_here:
        asked = _ask_ray_here(results_dir.resolve(), is_verbose)
        asked["mlflow_problem"] = probe.ask_mlflow(absolute_uri(tracking_uri, Path.cwd()))
    elif visited and visited[0].visit.reason is None:
        wanted = {"request": full, "results": results, "mlflow": tracking_uri}
        asked = {**machines.facts_of_cluster(cluster, hosts[0], wanted), "results": results}
    else:
        asked = {"problem": problem or "there is no way to its head"}
        common = common | {"mlflow": ""}
    visited = _with_silent_nodes(visited, asked, lambda silent: machines.visit_all(cluster, silent, full))
    return judge(
        _situation(
            asked,
            visited,
            {
                **common,
                "cluster_file": str(cluster.file),
                "num_asked": cluster.num_nodes,
                "is_driver_remote": not is_here,
                "mlflow_problem": asked.get("mlflow_problem"),
            },
        )
    )


def _with_silent_nodes(
    visited: Sequence[Visited], asked: Mapping[str, Any], visit: Callable[[Sequence[str]], Sequence[Visited]]
) -> list[Visited]:
    """Nodes whose Ray says nothing are visited again: what they would have said is just what may be wrong with them."""
    silent = [node for node in asked.get("nodes", ()) if node["facts"] is None]
    hosts = [one.address for one in visited if one.facts and any(_is_same(one, node) for node in silent)]
    fuller = {one.address: one for one in visit(hosts)} if hosts else {}
    return [fuller.get(one.address, one) for one in visited]


def _ask_ray_here(results: Path, is_verbose: bool) -> dict[str, Any]:
    """What `gather` finds on the Ray at `RAY_ADDRESS`; a `problem` if it can't be joined."""
    try:
        with ray_cluster(num_jobs=None, is_verbose=is_verbose), gather.nonce_in(str(results)) as nonce:
            request = _request([str(results), TEMPORARY], nonce["nonce_file"], is_full=True)
            return {**gather.ask_nodes(probe, request, machines.NODE_SECONDS), **nonce, "results": str(results)}
    except ClusterError as error:
        return {"problem": str(error)}


def _situation(asked: Mapping[str, Any], visited: Sequence[Visited], known: Mapping[str, Any]) -> Situation:
    """Nodes of the Ray and machines from the cluster file, brought together."""
    strangers = {one.address: one for one in visited}
    names = [_name(node) for node in asked.get("nodes", ())]
    nodes = []
    for node in asked.get("nodes", ()):
        match = next((one for one in strangers.values() if _is_same(one, node)), None)
        if match is not None:
            del strangers[match.address]
        nodes.append(_node(node, match, is_named_twice=names.count(_name(node)) > 1))
    head = visited[0].address if visited else None  # they come in this order
    absent = [
        Machine(
            name=one.address if one.facts is None else f"{one.facts.hostname} ({one.address})",
            is_joined=False,
            is_head=one.address == head,
            facts=one.facts,
            clock=one.clock,
            visit=one.visit,
        )
        for one in strangers.values()
    ]
    return Situation(
        **{
            "form": "full",
            "machines": (*nodes, *absent),
            "ray_problem": asked.get("problem"),
            "results": asked.get("results"),
            "nonce": asked.get("nonce"),
            "nonce_problem": asked.get("nonce_problem"),
            "dashboard_port": asked.get("dashboard_port"),
            **known,
        }
    )


def _is_same(visited: Visited, node: Mapping[str, Any]) -> bool:
    """A cloud's machines have an address outside that Ray doesn't know; their own names agree."""
    if machines.ip_of(visited.address) == node["address"]:
        return True
    return visited.facts is not None and visited.facts.hostname == node["hostname"]


def _name(node: Mapping[str, Any]) -> str:
    return f"{node['hostname']} ({node['address']})"


def _node(node: Mapping[str, Any], visited: Visited | None, *, is_named_twice: bool) -> Machine:
    name = _name(node)
    facts = Facts.from_plain(node["facts"]) if node["facts"] else visited.facts if visited else None
    clock = Clock(ahead=node["clock"][0], error=node["clock"][1]) if node["clock"] else None
    return Machine(
        name=f"{name} node {node['id'][:6]}" if is_named_twice else name,
        is_head=node["is_head"],
        num_cpus=node["num_cpus"],
        num_gpus=node["num_gpus"],
        facts=facts,
        problem=node["problem"],
        clock=clock or (visited.clock if visited else None),
        answering=tuple(node.get("answering") or ()),
        visit=visited.visit if visited else None,
    )


def _facts_here(*, is_full: bool, folders: Sequence[str] = ()) -> Facts:
    return Facts.from_plain(probe.look(_request(folders, None, is_full=is_full)))


def _request(folders: Sequence[str], nonce_file: str | None, *, is_full: bool) -> dict[str, Any]:
    return {"folders": list(folders), "nonce_file": nonce_file, "is_full": is_full}


def _requirements() -> dict[str, str]:
    """The versions that raysweep asks for when it is installed; none where it runs from a bare folder."""
    try:
        lines = requires("raysweep") or []
    except PackageNotFoundError:
        return {}
    wanted = [Requirement(line) for line in lines]
    return {one.name: str(one.specifier) for one in wanted if one.name in probe.PACKAGES and one.marker is None}
