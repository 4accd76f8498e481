"""What is measured of which shape, and in which process; no Ray runs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from ray.exceptions import RayTaskError

from raysweep.planning.sharing import GpuType
from raysweep.tuning import measuring
from raysweep.tuning.cluster import RunningCluster


class StubRay:
    """Ray's part: each shape is measured with what a test says, by a process that has a number."""

    def __init__(self, outcomes: dict[str, object]) -> None:
        self.outcomes = outcomes
        self.num_meters = 0
        self.measured_by: dict[str, int] = {}
        self.killed: list[int] = []

    def put(self, what: object) -> object:
        return what

    def remote(self, *arguments: Any) -> Any:
        """Of the class, and then of its constructor."""
        if arguments[0] is measuring.StepMeter:
            return SimpleNamespace(options=lambda **options: self)
        self.num_meters += 1
        number = self.num_meters
        ready = SimpleNamespace(remote=lambda: "ready")
        measure = SimpleNamespace(remote=lambda config: (number, config["name"]))
        return SimpleNamespace(number=number, measure=measure, __ray_ready__=ready)

    def wait(self, pending: list[object], timeout: float) -> tuple[list[object], list[object]]:
        return pending, []

    def get(self, call: tuple[int, str], timeout: float) -> object:
        number, name = call
        self.measured_by[name] = number
        outcome = self.outcomes[name]
        if isinstance(outcome, Exception):
            raise RayTaskError("measure", "", outcome)
        return outcome

    def kill(self, meter: Any) -> None:
        self.killed.append(meter.number)


def test_a_shape_that_breaks_the_device_leaves_the_next_one_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = torch.AcceleratorError("CUDA error: device-side assert triggered\nmore")
    outcomes = {"small": "cost", "odd": ValueError("no such shape"), "bad": broken, "large": "cost"}
    stub = StubRay(outcomes)
    monkeypatch.setattr(measuring, "ray", stub)
    nothing: Any = None
    found = measuring.measure_steps(
        {name: {"name": name} for name in outcomes},
        GpuType(name="H200", count=1, cpus_per_gpu=1.0),
        inputs=nothing,
        cluster=RunningCluster(num_cpus=1, num_gpus=1, machines=[{"CPU": 1.0, "GPU": 1.0}]),
        num_cpus=1.0,
    )
    assert dict(found) == {
        "small": "cost",
        "odd": "ValueError: no such shape",
        "bad": "AcceleratorError: CUDA error: device-side assert triggered",
        "large": "cost",
    }
    assert stub.measured_by == {"small": 1, "odd": 1, "bad": 1, "large": 2}
    assert stub.killed == [1, 2]
