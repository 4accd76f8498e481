"""Measures what one training step takes, on a GPU of each type, in a process that has the GPU for itself.

One process measures one shape after the other: what it holds of the GPU outside of tensors, its context above all, is
part of what a trial takes. Where a shape ends the process, the next ones get another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import GetTimeoutError, RayError, RayTaskError

from raysweep.errors import ClusterError
from raysweep.planning.sharing import GRAIN, GpuType
from raysweep.spec.config import Config
from raysweep.tuning.cluster import UNKNOWN_GPU, RunningCluster
from raysweep.tuning.trainable import use_threads

if TYPE_CHECKING:
    from raysweep.forecasting.accelerators import Accelerator
    from raysweep.forecasting.inputs import TrialInputs
    from raysweep.forecasting.step_cost import StepCost

PLACE_SECONDS = 300.0  # for a GPU to become free: others may use the same cluster
COME_SECONDS = 1800.0  # for a machine with a GPU to come; a cloud may have none for a while
POLL_SECONDS = 1.0
STEP_SECONDS = 120.0  # for a shape; the first one loads torch


class StepMeter:
    """The process that measures.

    Args:
        inputs: Through Ray's object store.
        num_threads: CPU threads, as many as a trial has.
        find_accelerator: Called once, in the process.
    """

    def __init__(self, inputs: TrialInputs, num_threads: int, find_accelerator: Callable[[], Accelerator]) -> None:
        use_threads(num_threads)
        self._inputs, self._accelerator = inputs, find_accelerator()

    def measure(self, config: Mapping[str, object]) -> StepCost:
        """Of a config under its dotted keys. Raises what its model raises."""
        from raysweep.forecasting.step_cost import measure_step

        return measure_step(Config.from_flat(config), self._inputs, self._accelerator)


def find_gpu() -> Accelerator:
    """The GPU that Ray gives this process; the CPU where there is none in truth."""
    from raysweep.forecasting.accelerators import accelerator_for

    return accelerator_for(is_gpu=True)


def measure_steps(
    configs: Mapping[str, Mapping[str, object]],
    gpu: GpuType,
    *,
    inputs: TrialInputs,
    cluster: RunningCluster,
    num_cpus: float,
    on_wait: Callable[[], None] = lambda: None,
    find_accelerator: Callable[[], Accelerator] = find_gpu,
) -> Iterator[tuple[str, StepCost | str]]:
    """What a step takes on one type of GPU, for each of some configs. Call inside `ray_cluster`.

    Args:
        configs: Under their dotted keys, by a name.
        gpu: The type.
        inputs: What trials get.
        cluster: The Ray.
        num_cpus: A trial's.
        on_wait: Called again and again while no GPU is free.
        find_accelerator: What is measured; tests put in a double, where there is no GPU.

    Yields:
        Each name with what was measured, or why it couldn't be. It stops early if no GPU becomes free.

    Raises:
        ClusterError: If Ray is gone.
    """
    shared = ray.put(inputs)
    options: dict[str, Any] = {"num_gpus": 1, "num_cpus": num_cpus}
    if gpu.name != UNKNOWN_GPU:
        options["resources"] = {f"accelerator_type:{gpu.name}": 1 / GRAIN}
    make = ray.remote(StepMeter).options(**options)
    meter: Any = None
    try:
        for name, config in configs.items():
            if meter is None:
                meter = make.remote(shared, max(1, int(num_cpus)), find_accelerator)
                if not _is_placed(meter, COME_SECONDS if cluster.workers else PLACE_SECONDS, on_wait):
                    return
            try:
                cost = ray.get(meter.measure.remote(config), timeout=STEP_SECONDS)
            except RayTaskError as error:  # the model's own, or too little memory: the process lives
                if _is_device_broken(error.cause):  # until its process ends
                    ray.kill(meter)
                    meter = None
                yield name, _first_line(error.cause)
                continue
            except RayError as error:
                if lost := cluster.lost():
                    raise ClusterError(lost) from error
                ray.kill(meter)
                meter = None
                reason = f"it took more than {STEP_SECONDS:g} s" if isinstance(error, GetTimeoutError) else None
                yield name, reason or "it ended its process"
                continue
            yield name, cost
    finally:
        if meter is not None:
            ray.kill(meter)


def _is_placed(meter: Any, seconds: float, on_wait: Callable[[], None]) -> bool:
    """Waits for a GPU; whether there was one in time."""
    is_ready, deadline = meter.__ray_ready__.remote(), time.monotonic() + seconds
    while not ray.wait([is_ready], timeout=POLL_SECONDS)[0]:
        if time.monotonic() > deadline:
            return False
        on_wait()
    return True


def _is_device_broken(error: Exception) -> bool:
    import torch

    return isinstance(error, torch.AcceleratorError)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".split("\n")[0]
