"""What is known of workers that are still to come; the autoscaler's words are as Ray 2.60 writes them."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from raysweep.planning.sharing import Share
from raysweep.tuning import growth
from raysweep.tuning.growth import AutoscalerWord, Growth, NodeType, Workers

G5 = NodeType(resources={"CPU": 4, "GPU": 1, "memory": 1e10}, max_nodes=100)
G5_LARGE = NodeType(resources={"CPU": 48, "GPU": 4}, max_nodes=1)
HEAD = NodeType(resources={"CPU": 0}, max_nodes=1)


def _word(said_at: float, *, workers: int = 0, starting: int = 0, refusal: str | None = None) -> bytes:
    why = {"category": refusal, "description": "none\nleft"} if refusal else None
    record = {"node_type": "worker", "is_available": not refusal, "last_checked_timestamp": 0.0}
    report: dict[str, Any] = {
        "active_nodes": {"head": 1, **({"worker": workers} if workers else {})},
        "pending_nodes": [["10.0.0.4", "worker", "waiting-for-ssh"]] * starting,
        "pending_launches": {"worker": starting} if starting else {},
        "node_availability_summary": {
            "node_availabilities": {"worker": {**record, "unavailable_node_information": why}}
        },
    }
    return json.dumps({"time": said_at, "autoscaler_report": report}).encode()


@pytest.mark.parametrize(
    ("cpu", "gpu", "slots"),
    [(1.0, 0.25, 3 * 4 + 16), (3.0, 0.0, 3 * 1 + 16), (1.0, 0.3, 3 * 3 + 13), (2.0, 2.0, 2), (64.0, 0.0, 0)],
)
def test_slots_are_counted_machine_by_machine(cpu: float, gpu: float, slots: int) -> None:
    found = Growth(head=HEAD, workers=(G5, G5_LARGE), max_workers=4)
    assert (found.num_workers, found.total("GPU"), found.total("CPU")) == (4, 7, 60)
    assert [*found.all_resources()] == [HEAD.resources, *[G5.resources] * 4, G5_LARGE.resources]
    assert found.num_slots(Share(cpu=cpu, gpu=gpu)) == slots


def test_a_head_with_cpus_runs_trials_too() -> None:
    head = NodeType(resources={"CPU": 2}, max_nodes=1)
    assert Growth(head=head, workers=(G5,), max_workers=1).num_slots(Share(cpu=1.0, gpu=0.0)) == 6


class _Cluster:
    """Where the autoscaler says what a test wants, at the time that a test wants."""

    def __init__(self) -> None:
        self.now, self.said = 1000.0, _word(1000.0)
        self.workers = Workers(
            Growth(head=HEAD, workers=(G5,), max_workers=4),
            lambda: AutoscalerWord.from_json(self.said, "head"),
            log="monitor.log",
            clock=lambda: self.now,
        )

    def news(self, seconds: float, num_running: int = 0, **said: Any) -> list[str]:
        self.now += seconds
        self.said = _word(self.now, **said)
        return list(self.workers.news(num_running=num_running, is_waiting=True))


def test_it_is_told_how_many_have_come() -> None:
    cluster = _Cluster()
    assert cluster.news(1) == []
    assert cluster.workers.state() == "waiting for workers: 0 of up to 4 have joined"
    cluster.news(5, starting=1)
    assert cluster.workers.state() == "waiting for workers: 0 of up to 4 have joined, 2 are starting"
    cluster.news(5, workers=3)
    assert cluster.workers.state() == "workers: 3 of up to 4 have joined"


def test_a_cloud_that_has_none_is_told_of_once_until_it_has_some() -> None:
    cluster = _Cluster()
    line = "no more workers can be had at the moment: worker: NoCapacity (none left); the autoscaler goes on trying"
    assert cluster.news(5, refusal="NoCapacity") == [line]
    assert cluster.news(5, refusal="NoCapacity") == []
    assert cluster.news(5) == []
    assert cluster.news(5, refusal="NoCapacity") == [line]


def test_a_long_wait_says_where_to_look_and_says_it_again() -> None:
    cluster = _Cluster()
    told = [line for _ in range(13) for line in cluster.news(100)]
    assert told == ["no trial could run for 10 min: `ray status` says what is asked for, monitor.log more"] * 2
    assert [line for _ in range(13) for line in cluster.news(100, num_running=1)] == []


def test_an_autoscaler_that_is_silent_is_told_of() -> None:
    cluster = _Cluster()
    cluster.news(1)
    cluster.now += 100
    (line,) = cluster.workers.news(num_running=1, is_waiting=True)
    assert line == "the autoscaler has said nothing for 90 s, no worker may come: see monitor.log"


def test_before_the_autoscaler_has_spoken_there_is_nothing() -> None:
    assert AutoscalerWord.from_json(None, "head") is None
    assert AutoscalerWord.from_json(b'{"time": 1.0, "load_metrics_report": {}}', "head") is None


def _launch(kind: str, *, min_workers: int) -> dict[str, Any]:
    worker = {"resources": {"CPU": 4, "GPU": 1}, "min_workers": min_workers, "max_workers": 9}
    head = {"resources": {"CPU": 0}, "max_workers": 0}
    kinds = {"head": head, "worker": worker}
    return {"provider": {"type": kind}, "max_workers": 4, "head_node_type": "head", "available_node_types": kinds}


@pytest.mark.parametrize(("kind", "min_workers", "grows"), [("aws", 1, True), ("aws", 4, False), ("local", 0, False)])
def test_what_ray_up_left_says_whether_it_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, min_workers: int, grows: bool
) -> None:
    monkeypatch.setattr(growth, "LAUNCH_FILE", tmp_path / "launched.yaml")
    assert growth._launched() is None
    (tmp_path / "launched.yaml").write_text(yaml.safe_dump(_launch(kind, min_workers=min_workers)))
    found = growth._launched()
    assert (found is not None) == grows
    if found is not None:
        assert found[0].num_slots(Share(cpu=1.0, gpu=0.25)) == 16


def test_a_silent_autoscaler_is_told_from_a_cluster_that_does_not_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray
    from ray.experimental import internal_kv

    node = SimpleNamespace(get_logs_dir_path=lambda: "/logs")
    monkeypatch.setattr(ray._private.worker, "global_worker", SimpleNamespace(node=node))
    monkeypatch.setattr(growth, "FIRST_WORD_SECONDS", 0.0)
    monkeypatch.setattr(growth, "LAUNCH_FILE", tmp_path / "launched.yaml")
    said: list[bytes | None] = [None]
    monkeypatch.setattr(internal_kv, "_internal_kv_get", lambda key: said[0])
    assert growth.find_workers() is None
    (tmp_path / "launched.yaml").write_text(yaml.safe_dump(_launch("aws", min_workers=0)))
    found = growth.find_workers()
    assert isinstance(found, growth.Silence) and found.line.endswith("don't count: see /logs/monitor.log")
    said[0] = _word(1000.0)
    assert isinstance(growth.find_workers(), Workers)
    said[0] = said[0].replace(b'"head"', b'"another"')
    assert growth.find_workers() is None, "the file is left from a cluster that has gone"
