from __future__ import annotations

from pathlib import Path

import pytest

from raysweep.errors import ClusterError, StorageError
from raysweep.planning.sharing import GpuType, Share
from raysweep.tuning import cluster, ray_folders
from raysweep.tuning.cluster import UNKNOWN_GPU, RunningCluster, _start_explained, gpu_types, ray_cluster
from raysweep.tuning.ray_folders import is_own_ray


def test_gpus_are_told_apart_by_type_and_the_poorest_machine_counts() -> None:
    nodes = [
        {"CPU": 4.0, "memory": 1e9},
        {"CPU": 64.0, "GPU": 8.0, "accelerator_type:H200": 1.0},
        {"CPU": 32.0, "GPU": 8.0, "accelerator_type:H200": 1.0},
        {"CPU": 4.0, "GPU": 1.0, "accelerator_type:A10G": 1.0},
        {"CPU": 2.0, "GPU": 1.0},
    ]
    assert gpu_types(nodes) == [
        GpuType(name="H200", count=16, cpus_per_gpu=4.0),
        GpuType(name="A10G", count=1, cpus_per_gpu=4.0),
        GpuType(name=UNKNOWN_GPU, count=1, cpus_per_gpu=2.0),
    ]
    assert gpu_types([{"CPU": 4.0}]) == []


@pytest.mark.parametrize(
    ("cpu", "gpu", "slots"), [(1.0, 0.0, 12), (3.0, 0.0, 3), (8.0, 0.0, 0), (1.0, 0.3, 3), (0.5, 2.0, 0), (4.0, 1.0, 1)]
)
def test_a_trial_runs_on_one_machine(cpu: float, gpu: float, slots: int) -> None:
    machines = [{"CPU": 4.0, "GPU": 1.0}, {"CPU": 4.0}, {"CPU": 4.0}]
    found = RunningCluster(num_cpus=12, num_gpus=1, machines=machines)
    assert found.num_slots(Share(cpu=cpu, gpu=gpu)) == slots


def test_a_ray_of_ones_own_has_a_token_of_its_own_where_the_address_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    class TokenMade(Exception):
        """Far enough: no Ray is to start."""

    def make_token(private: Path) -> None:
        raise TokenMade

    monkeypatch.setenv("RAY_ADDRESS", "")
    monkeypatch.setattr(cluster, "ENVIRONMENT", {})
    monkeypatch.setattr(cluster, "_use_own_token", make_token)
    assert is_own_ray()
    with pytest.raises(TokenMade), ray_cluster(num_jobs=1, is_verbose=True):
        raise AssertionError("a Ray has started")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:6379")
    assert not is_own_ray()


def test_a_ray_that_has_no_object_store_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is told apart from one that may start the next time: that is tried again."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(ClusterError, match="can't be started: timed out"), _start_explained(None):
        raise TimeoutError("timed out")
    monkeypatch.setattr(ray_folders, "OBJECT_STORE", tmp_path / "shm")
    told = r"shm, where Ray keeps its object store: can't be written \(No such file or directory\); bring that disk"
    with pytest.raises(StorageError, match=told), _start_explained(None):
        raise TimeoutError("timed out")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:6379")
    with pytest.raises(ClusterError, match="can't be joined: timed out"), _start_explained("127.0.0.1:6379"):
        raise TimeoutError("timed out")
