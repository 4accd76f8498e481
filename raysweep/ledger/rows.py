"""What goes into the ledger, as plain values. Must not know: where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["pending", "running", "finished", "stopped", "diverged", "failed"]
Phase = Literal["explore", "confirm"]
TRIAL_ID = r"[A-Za-z0-9_-]{1,64}"  # becomes part of a path
ENDED: tuple[Status, ...] = ("finished", "stopped", "diverged", "failed")


@dataclass(frozen=True, kw_only=True)
class CommandRow:
    """One `raysweep SWEEP.yaml`, as it was typed."""

    started_at: float
    host: str
    pid: int
    sweep_file: str
    sweep_text: str
    overrides: tuple[str, ...]
    metric: str
    scheduler: str
    code_version: str


@dataclass(frozen=True, kw_only=True)
class ConfigRow:
    """A config under its id; `config` holds its dotted keys."""

    config_id: str
    config: Mapping[str, object]
    data_digest: str
    data_source: str
    model_digest: str
    protocol_version: str


@dataclass(frozen=True, kw_only=True)
class TrialRow:
    """A trial that a sweep asks for.

    Attributes:
        trial_id: Its identity.
        config_id: Its config's.
        seed: Of start values and order.
        position: Its place in the sweep's order.
        phase: What it is trained for, in a sweep that confirms its best configs; else None.
    """

    trial_id: str
    config_id: str
    seed: int
    position: int
    phase: Phase | None = None


@dataclass(frozen=True, kw_only=True)
class EpochRow:
    """One epoch of a trial."""

    epoch: int
    num_steps: int
    train_loss: float
    val_loss: float
    val_mse_batch: float | None
    seconds: float
    finished_at: float


@dataclass(frozen=True, kw_only=True)
class RungRow:
    """What a scheduler decided about a trial at one rung.

    Attributes:
        trial_id: Of whom.
        bracket: The trials that it was compared with share this name.
        scheduler: The scheduler's settings, as text: other settings are other rungs.
        rung: The epoch at which it was judged.
        score: Its score there.
        cutoff: What it would have had to reach; None if it was the first there.
        is_stop: Whether it was stopped.
    """

    trial_id: str
    bracket: str
    scheduler: str
    rung: int
    score: float
    cutoff: float | None
    is_stop: bool


@dataclass(frozen=True, kw_only=True)
class EvaluationRow:
    """One score of a trial or of a baseline; see `evaluations.parquet`."""

    kind: Literal["trial", "baseline", "noise_floor"]
    trial_id: str
    model: str
    eval_dataset: str
    protocol: str
    origin: float | None
    part: str
    mode: str
    horizon: int
    mse: float
    rmse: float
    mae: float
    mase: float
    skill_last: float
    skill_mean: float
    skill_ridge: float
    num_targets: int
    reason: str | None
    eval_set_hash: str
    data_source: str
    settings: str | None = None
    block_errors: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TrialFacts:
    """What a running trial tells of itself before its first epoch."""

    num_train_windows: int
    num_params: int
    node: str
    device: str


@dataclass(frozen=True, kw_only=True)
class StepRow:
    """What one training step of a shape was measured to take on one type of GPU.

    Attributes:
        gpu: The type, as Ray calls it.
        shape: The trials' shape, as text.
        cpus_per_gpu: CPUs for each GPU there, when it was measured.
        seconds: Wall time of the step.
        busy: The part of that time in which the GPU computes; None if unknown.
        memory_bytes: What a process with such a trial takes of the GPU's memory at most; None if unknown.
        total_bytes: What the GPU has; None if unknown.
    """

    gpu: str
    shape: str
    cpus_per_gpu: float
    seconds: float
    busy: float | None
    memory_bytes: int | None
    total_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class TrialEnd:
    """How a trial ended.

    Attributes:
        status: One of the four ends.
        finished_at: Unix time in seconds.
        error: For `failed`: one line. For `diverged`: at which epoch.
        traceback: For `failed`.
        stopped_by: For `stopped`: the scheduler's settings.
        scores: The trial's own columns, such as `test_mse_batch`; what is left out stays as it is.
    """

    status: Status
    finished_at: float
    error: str | None = None
    traceback: str | None = None
    stopped_by: str | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
