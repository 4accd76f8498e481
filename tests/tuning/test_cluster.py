from __future__ import annotations

import pytest

from raysweep.planning.sharing import GpuType, Share
from raysweep.tuning.cluster import UNKNOWN_GPU, RunningCluster, gpu_types


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
    cluster = RunningCluster(num_cpus=12, num_gpus=1, machines=machines)
    assert cluster.num_slots(Share(cpu=cpu, gpu=gpu)) == slots
