"""How many bytes a sweep will write, and whether they fit where they go. Errs on the large side."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from raysweep.errors import InputError, Problem
from raysweep.forecasting.model_size import ModelSize

Need = Mapping[str, int]  # bytes, by what they are for

# A checkpoint: each parameter and Adam's two moments of it, as 32-bit floats; zip entries; the history as JSON.
_CHECKPOINT_PARAMETER, _CHECKPOINT_TENSOR, _CHECKPOINT_BASE, _CHECKPOINT_EPOCH = 12, 1250, 3000, 220
# A Parquet file of forecasts: columns that repeat are packed, those that don't aren't.
_FORECAST_BASE, _FORECAST_ROW, _FORECAST_POINT = 6000, 12, 16
# SQLite: rows with their indexes, measured; the write-ahead log is folded in once it has 1000 pages.
_LEDGER_BASE, _LEDGER_TRIAL, _LEDGER_EPOCH, _LEDGER_SCORE = 60_000, 2000, 140, 400
_LOG_EPOCH, _LOG_MAX = 12_000, 4 * 2**20
# Parquet tables and leaderboard.md; each is written beside the old one, which then goes.
_TABLES_BASE, _TABLES_TRIAL, _TABLES_EPOCH, _TABLES_SCORE = 40_000, 600, 60, 150
_BLOCK_ERROR = 4  # a 32-bit float in either
# MLflow's own database: its empty tables, a run with its parameters and tags, three metrics an epoch.
_TRACKING_BASE, _TRACKING_RUN, _TRACKING_EPOCH = 1_000_000, 12_000, 900
_BLOCK = 4096  # of a file system: every file and folder takes whole ones
NUM_KEPT = 2  # checkpoints of a trial


@dataclass(frozen=True, kw_only=True)
class TrialSize:
    """What decides how much a trial writes.

    Attributes:
        model: Its size; None where it is only scored.
        num_epochs: That it trains.
        num_points: That are forecast at least once, by channel and mode.
        num_forecasts: Rows of its forecasts.
        num_scores: Rows of evaluations.
        num_blocks: Of their errors.
        num_bytes_there: What its checkpoints take already.
    """

    model: ModelSize | None
    num_epochs: int
    num_points: int
    num_forecasts: int
    num_scores: int
    num_blocks: int = 0
    num_bytes_there: int = 0


@dataclass(frozen=True, kw_only=True)
class Place:
    """A folder that is written to.

    Attributes:
        folder: Which; it need not be there yet.
        need: What will be written.
        remedy: What to do if that doesn't fit, beside making room.
    """

    folder: Path
    need: Need
    remedy: str


def results_need(trials: Sequence[TrialSize], num_slots: int) -> dict[str, int]:
    """What trials will add to the results: `checkpoints`, `forecasts`, `ledger` and `tables`.

    Args:
        trials: That will run.
        num_slots: How many of them run at the same time: each writes a third checkpoint before the first goes.
    """
    one_each = [checkpoint_bytes(trial) for trial in trials]
    kept = [
        max(NUM_KEPT * size + _BLOCK - trial.num_bytes_there, 0) if size else 0
        for trial, size in zip(trials, one_each, strict=True)
    ]
    num_trials, num_epochs = len(trials), sum(trial.num_epochs for trial in trials)
    num_scores = sum(trial.num_scores for trial in trials)
    blocks = sum(trial.num_blocks for trial in trials) * _BLOCK_ERROR
    ledger = num_trials * _LEDGER_TRIAL + num_epochs * _LEDGER_EPOCH + num_scores * _LEDGER_SCORE
    tables = num_trials * _TABLES_TRIAL + num_epochs * _TABLES_EPOCH + num_scores * _TABLES_SCORE
    return {
        "checkpoints": sum(kept) + sum(sorted(one_each)[-num_slots:]),
        "forecasts": sum(_forecast_bytes(trial) for trial in trials),
        "ledger": _LEDGER_BASE + ledger + blocks + min(num_epochs * _LOG_EPOCH, _LOG_MAX),
        "tables": _TABLES_BASE + tables + blocks,
    }


def tracking_need(trials: Sequence[TrialSize]) -> int:
    """What MLflow's own SQLite database will grow by."""
    num_epochs = sum(trial.num_epochs for trial in trials)
    return _TRACKING_BASE + len(trials) * _TRACKING_RUN + num_epochs * _TRACKING_EPOCH


def checkpoint_bytes(trial: TrialSize) -> int:
    """One checkpoint of a trial, at the end of its training."""
    if trial.model is None:
        return 0
    model = trial.model
    tensors = model.num_params * _CHECKPOINT_PARAMETER + model.num_tensors * _CHECKPOINT_TENSOR + model.num_other_bytes
    return _whole_blocks(_CHECKPOINT_BASE + tensors + trial.num_epochs * _CHECKPOINT_EPOCH)


def check_space(places: Iterable[Place]) -> None:
    """Raises `InputError` with every disk that can't hold what will be written to it."""
    on_disks: dict[int, list[Place]] = {}
    for place in places:
        on_disks.setdefault(os.stat(_existing(place.folder)).st_dev, []).append(place)
    problems = [problem for together in on_disks.values() if (problem := _problem(together))]
    if problems:
        raise InputError(problems)


def free_bytes(folder: Path) -> int | None:
    """Free on the disk of a folder that need not be there yet; None where the file system doesn't tell."""
    usage = shutil.disk_usage(_existing(folder))
    return usage.free if usage.total else None


def size_text(num_bytes: int) -> str:
    """Such as `312 MB`."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if num_bytes >= size:
            return f"{num_bytes / size:.{0 if num_bytes >= 10 * size else 1}f} {unit}"
    return f"{num_bytes} bytes"


def _problem(places: Sequence[Place]) -> Problem | None:
    """What is wrong with one disk."""
    free = free_bytes(places[0].folder)
    need: dict[str, int] = {}
    for place in places:
        for name, num_bytes in place.need.items():
            need[name] = need.get(name, 0) + num_bytes
    total = sum(need.values())
    if free is None or total <= free:
        return None
    parts = ", ".join(
        f"{name} {size_text(size)}" for name, size in sorted(need.items(), key=lambda item: -item[1]) if size
    )
    found = f"{size_text(free)} free, this sweep needs about {size_text(total)} ({parts})"
    largest = max(places, key=lambda place: sum(place.need.values()))
    return Problem(where=str(largest.folder), found=found, valid=f"free some or {largest.remedy}")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())


def _forecast_bytes(trial: TrialSize) -> int:
    if not trial.num_forecasts:
        return 0
    return _whole_blocks(_FORECAST_BASE + trial.num_forecasts * _FORECAST_ROW + trial.num_points * _FORECAST_POINT)


def _whole_blocks(num_bytes: int) -> int:
    return -(-num_bytes // _BLOCK) * _BLOCK
