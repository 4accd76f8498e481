from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from raysweep.forecasting import accelerators
from raysweep.forecasting.accelerators import Cpu, accelerator_for, is_out_of_gpu_memory
from raysweep.forecasting.catalog import FolderCatalog
from raysweep.forecasting.inputs import TrialInputs
from raysweep.forecasting.step_cost import NUM_TIMED, NUM_WARM_UP, StepCost, measure_step
from raysweep.paths import PROJECT_ROOT, SweepPaths
from raysweep.spec.config import Config, TrainSettings
from raysweep.storage import storage_of
from tests.conftest import make_project


class FakeGpu(Cpu):
    """A test double, as tests have no GPU: computes on the CPU, and tells made-up memory and times of a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self.total_bytes = 24 * 10**9
        self.calls: list[str] = []

    def synchronize(self) -> None:
        self.calls.append("synchronize")

    def forget(self) -> None:
        self.calls.append("forget")

    def peak_bytes(self) -> int | None:
        self.calls.append("peak_bytes")
        return 2 * 10**9

    def busy_seconds(self, work: Callable[[], None]) -> float | None:
        self.calls.append("busy_seconds")
        work()
        return 1e9  # more than any step takes


@pytest.fixture
def inputs(tmp_path: Path) -> TrialInputs:
    project = make_project(tmp_path)
    catalog = FolderCatalog(models_dir=PROJECT_ROOT / "models", data_dirs=[project.root / "data"])
    return TrialInputs(
        sources=catalog.sources,
        series={"wave": catalog.series("wave")},
        evaluate_on=None,
        storage=storage_of(SweepPaths(tmp_path / "results", "x"), None),
    )


def _config(inputs: TrialInputs, model: str = "att", time_steps: int = 16) -> Config:
    arguments = {argument.name: argument.default for argument in inputs.sources.info(model).arguments.values()}
    return Config(
        protocol="holdout",
        model=model,
        model_arguments=arguments,
        dataset="wave",
        train=TrainSettings(time_steps=time_steps, is_align_target=model != "lstm"),
        origin=0.85,
    )


@pytest.mark.parametrize("model", ["att", "lstm"])
def test_a_cpu_tells_time_and_no_memory(inputs: TrialInputs, model: str) -> None:
    cost = measure_step(_config(inputs, model), inputs, accelerator_for(is_gpu=False))
    assert 0 < cost.seconds < 10
    assert cost == StepCost(seconds=cost.seconds, busy=None, memory_bytes=None, total_bytes=None)


def test_what_a_device_tells_is_passed_on(inputs: TrialInputs) -> None:
    gpu = FakeGpu()
    cost = measure_step(_config(inputs), inputs, gpu)
    assert (cost.memory_bytes, cost.total_bytes) == (2 * 10**9, 24 * 10**9)
    assert cost.busy == 1.0, "a device can't be busier than that"
    assert gpu.calls[0] == "forget", "before anything is put there"
    assert gpu.calls[-2:] == ["synchronize", "peak_bytes"], "once all is done, forecasts included"
    assert gpu.calls.count("synchronize") == 3, "before and after the time is taken, and at the end"


def test_steps_train_and_a_batch_is_forecast(inputs: TrialInputs, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bool, torch.Size]] = []
    forward = torch.nn.Module.__call__

    def spy(module: torch.nn.Module, *arguments: object, **options: object) -> object:
        if type(module).__name__ == "Model":
            seen.append((module.training, arguments[0].shape))  # type: ignore[attr-defined]
        return forward(module, *arguments, **options)

    monkeypatch.setattr(torch.nn.Module, "__call__", spy)
    measure_step(_config(inputs), inputs, FakeGpu())
    assert seen == [(True, (64, 16, 1))] * (NUM_WARM_UP + NUM_TIMED + 1) + [(False, (45, 16, 1))]


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (torch.AcceleratorError("CUDA error: out of memory"), True),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
        (ValueError("CUDA error: out of memory"), False),
    ],
)
def test_a_lack_of_gpu_memory_has_several_names(error: Exception, is_memory: bool) -> None:
    assert is_out_of_gpu_memory(error) is is_memory


def test_without_a_gpu_trials_run_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerators.torch.cuda, "is_available", lambda: False)
    device = accelerator_for(is_gpu=True)
    assert (device.name, device.device.type, device.total_bytes) == ("cpu", "cpu", None)
