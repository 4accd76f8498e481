"""The device that trials run on, a GPU or the CPU: all that is asked of CUDA is asked here.

Must not know: what runs there, Ray.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Protocol

import torch
from torch.profiler import ProfilerActivity, profile, supported_activities

# cuBLAS and cuDNN take memory past torch's allocator, and have words of their own for that there is none left.
_ALLOCATION_FAILED = ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")


class Accelerator(Protocol):
    """A device, and what it tells of itself.

    Attributes:
        device: As torch calls it.
        name: As people call it.
        total_bytes: Its memory; None where trials run on the CPU, whose memory nobody shares out.
    """

    device: torch.device
    name: str
    total_bytes: int | None

    def synchronize(self) -> None:
        """Waits until all that it was told to do is done."""

    def forget(self) -> None:
        """Gives back the memory that no tensor needs any more, and counts the peak from here on."""

    def peak_bytes(self) -> int | None:
        """What this process took of its memory at most since `forget`; None if it doesn't tell."""

    def busy_seconds(self, work: Callable[[], None]) -> float | None:
        """Does the work once and returns for how long the device computed; None if it doesn't tell."""


class Cpu:
    """The CPU."""

    def __init__(self) -> None:
        self.device = torch.device("cpu")
        self.name = "cpu"
        self.total_bytes: int | None = None

    def synchronize(self) -> None:
        """It has done what it was told."""

    def forget(self) -> None:
        """Its memory is the system's business."""

    def peak_bytes(self) -> int | None:
        """Not known."""
        return None

    def busy_seconds(self, work: Callable[[], None]) -> float | None:
        """Not known; the work is done all the same."""
        work()
        return None


class Cuda:
    """The GPU that this process sees; Ray shows each worker its own."""

    def __init__(self) -> None:
        # A GPU sums in another order from run to run unless told otherwise; the seed must fix the losses.
        torch.use_deterministic_algorithms(True, warn_only=True)
        self.device = torch.device("cuda")
        self.name = str(torch.cuda.get_device_name())
        self.total_bytes: int | None = torch.cuda.mem_get_info()[1]

    def synchronize(self) -> None:
        """Waits for all kernels."""
        torch.cuda.synchronize()

    def forget(self) -> None:
        """Its allocator keeps what was freed, which neighbours on the same GPU may need."""
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()

    def peak_bytes(self) -> int | None:
        """All that is taken of the GPU and isn't in torch's allocator, such as the context; and the allocator's peak.

        What others take there can't be told apart and counts too, which errs on the safe side.
        """
        free, total = torch.cuda.mem_get_info()
        outside = total - free - torch.cuda.memory_reserved()
        return int(outside + torch.cuda.max_memory_reserved())

    def busy_seconds(self, work: Callable[[], None]) -> float | None:
        """The sum of all kernels' times; None where CUDA's tracing isn't to be had."""
        if ProfilerActivity.CUDA not in supported_activities():  # type: ignore[no-untyped-call]
            work()
            return None
        with profile(activities=[ProfilerActivity.CUDA]) as trace:
            work()
            self.synchronize()
        kernels = [event for event in trace.key_averages() if event.device_type.name != "CPU"]
        return sum(event.self_device_time_total for event in kernels) / 1e6 if kernels else None


def accelerator_for(*, is_gpu: bool) -> Accelerator:
    """What trials run on: the GPU if they have a share of one and it is there, else the CPU."""
    return Cuda() if is_gpu and torch.cuda.is_available() else Cpu()


def is_out_of_gpu_memory(error: Exception) -> bool:
    """Whether an exception says that a GPU's memory was too small."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _ALLOCATION_FAILED)
