"""How many trials share a GPU: rules on what one training step was measured to take. Must not know: torch, Ray.

Trials of one shape take the same memory and time, whatever their learning rate, seed, fold or number of epochs. A trial
gets 1/n of a GPU, where n of its shape fit. Trials of several shapes then fit beside each other too, as each takes no
more of the memory than its fraction.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from raysweep.ledger.rows import StepRow
from raysweep.spec.config import Config, Scalar

RESERVE = 0.1  # of a GPU's memory: for what differs from run to run, and for what others do there
MAX_SHARING = 16  # every process more costs some 0.5 GB for its context, and a switch among them takes time
UNKNOWN_SHARING = 4  # where a device doesn't tell its memory
GRAIN = 10_000  # Ray counts resources in ten-thousandths


@dataclass(frozen=True, kw_only=True)
class GpuType:
    """The GPUs of one type.

    Attributes:
        name: As Ray calls it.
        count: How many there are.
        cpus_per_gpu: Of the machine that has the fewest.
    """

    name: str
    count: int
    cpus_per_gpu: float


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What decides the memory and time of a training step.

    Attributes:
        model: Its name.
        model_digest: Of its code.
        arguments: By name, in order. Of a float only whether it is zero: a rate sizes no tensor, but may leave one out.
        time_steps: The window.
        batch_size: Windows a step, no more than there are.
        is_align_target: Whether the loss is taken over all steps of the window.
        num_channels: Of the series.
        torch: Its version.
    """

    model: str
    model_digest: str
    arguments: tuple[tuple[str, bool | int | str], ...]
    time_steps: int
    batch_size: int
    is_align_target: bool
    num_channels: int
    torch: str

    @property
    def text(self) -> str:
        """As the ledger knows it."""
        return json.dumps(vars(self), separators=(",", ":"))

    @property
    def label(self) -> str:
        """As people call it."""
        return f"{self.model}, window {self.time_steps}"

    def covers(self, other: Shape) -> bool:
        """Whether a step of the other takes no more than one of this: the same in all, but for smaller numbers."""
        mine, theirs = self._sizes(), other._sizes()
        return mine.keys() == theirs.keys() and all(_is_at_least(mine[key], theirs[key]) for key in mine)

    def _sizes(self) -> dict[str, bool | int | str]:
        sizes = {key: value for key, value in vars(self).items() if key != "arguments"}
        return sizes | {f"model.{key}": value for key, value in self.arguments}


def shape_of(config: Config, *, model_digest: str, num_channels: int, num_train_windows: int, torch: str) -> Shape:
    """The shape of a config's trials."""
    return Shape(
        model=config.model,
        model_digest=model_digest,
        arguments=tuple((name, _size_of(value)) for name, value in sorted(config.model_arguments.items())),
        time_steps=config.train.time_steps,
        batch_size=min(config.train.batch_size, num_train_windows),
        is_align_target=config.train.is_align_target,
        num_channels=num_channels,
        torch=torch,
    )


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """How many trials of a shape share a GPU, and what keeps that from being more, as people are told."""

    number: int
    limit: str


def sharing_of(step: StepRow, cpus_per_gpu: float) -> Sharing:
    """How many trials share a GPU, by what one step of theirs was measured to take there.

    The least of: how many fit into its memory, less the reserve; how many keep it busy, as more would only wait for
    each other; how many have a CPU each to launch its kernels from; `MAX_SHARING`. At least one.
    """
    limits = {"the CPUs beside it": math.floor(cpus_per_gpu), f"never more than {MAX_SHARING}": MAX_SHARING}
    if step.memory_bytes and step.total_bytes:
        limits["its memory"] = math.floor(step.total_bytes * (1 - RESERVE) / step.memory_bytes)
    else:
        limits["a guess, as its memory isn't known"] = UNKNOWN_SHARING
    if step.busy:
        limits["they keep it busy"] = round(1 / step.busy)
    name = min(limits, key=lambda name: limits[name])
    return Sharing(number=max(limits[name], 1), limit=name)


@dataclass(frozen=True, kw_only=True)
class Share:
    """What a trial takes.

    Attributes:
        cpu: CPUs.
        gpu: GPUs; a fraction shares one.
        gpu_type: The only type that it may run on; None for any.
    """

    cpu: float
    gpu: float
    gpu_type: str | None = None

    @property
    def bundle(self) -> dict[str, float]:
        """As Ray counts it."""
        pin = {} if self.gpu_type is None else {f"accelerator_type:{self.gpu_type}": 1 / GRAIN}
        return {"CPU": self.cpu, "GPU": self.gpu, **pin}


def part_of(whole: float, number: int) -> float:
    """A part of which so many fit into the whole by Ray's count, too: rounded down to what Ray can tell apart."""
    return math.floor(whole * GRAIN + 1e-6) // number / GRAIN


def cpus_of(gpus: Sequence[GpuType]) -> float:
    """A trial's CPUs: one, as its process launches kernels all the time; less where a GPU has less."""
    return part_of(min(1.0, *(gpu.cpus_per_gpu for gpu in gpus)), 1)


def share_of(steps: Mapping[str, StepRow], gpus: Sequence[GpuType]) -> Share:
    """What a trial takes, whose step was measured on these types of GPU.

    It may run on all types that it fits on, and takes the largest of its fractions on them. If it doesn't fit on some,
    it is kept to the one of the others of which there are most: Ray can't be told "one of these".

    Args:
        steps: By type of GPU; what is missing couldn't be measured.
        gpus: All types, at least one.
    """
    cpu = cpus_of(gpus)
    fitting = [gpu for gpu in gpus if gpu.name in steps]
    if not fitting:
        return Share(cpu=cpu, gpu=1.0)
    pin = None
    if len(fitting) < len(gpus):
        fitting = [max(fitting, key=lambda gpu: gpu.count)]
        pin = fitting[0].name
    number = min(sharing_of(steps[gpu.name], gpu.cpus_per_gpu).number for gpu in fitting)
    return Share(cpu=cpu, gpu=part_of(1.0, number), gpu_type=pin)


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """What each trial takes.

    Attributes:
        default: What a trial takes if nothing better is known.
        shares: By shape.
        shape_of: From a config under its dotted keys to its shape; needed where there are shares.
    """

    default: Share
    shares: Mapping[Shape, Share] = field(default_factory=dict)
    shape_of: Callable[[Mapping[str, object]], Shape] | None = None

    def of(self, config: Mapping[str, object]) -> Share:
        """What a trial with this config takes.

        A search may propose a shape that wasn't measured. It takes what a larger one does; if there is none, what the
        neediest of its model does, or of all.
        """
        if self.shape_of is None or not self.shares:
            return self.default
        shape = self.shape_of(config)
        if shape in self.shares:
            return self.shares[shape]
        larger = [share for known, share in self.shares.items() if known.covers(shape)]
        if larger:
            return min(larger, key=_gpu_of)
        kin = [share for known, share in self.shares.items() if known.model == shape.model]
        return max(kin or self.shares.values(), key=_gpu_of)

    def typical(self, configs: Sequence[Mapping[str, object]]) -> Share:
        """What one of these trials takes on average; one of any where none are known."""
        shares = [self.of(config) for config in configs] or [*self.shares.values()] or [self.default]
        return Share(cpu=fmean(share.cpu for share in shares), gpu=fmean(share.gpu for share in shares))


def _gpu_of(share: Share) -> float:
    return share.gpu


def _size_of(value: Scalar) -> bool | int | str:
    return value != 0 if isinstance(value, float) else value


def _is_at_least(mine: bool | int | str, other: bool | int | str) -> bool:
    if isinstance(mine, int) and isinstance(other, int) and not isinstance(mine, bool) and not isinstance(other, bool):
        return mine >= other
    return mine == other
