"""Checkpoints: tensors and JSON, never pickled code. Written under another name, synced, then renamed.

A file is one line of JSON (the header, with the SHA-256 and length of what follows), then the tensors as
`torch.save` writes them; they are read with `weights_only=True`. The newest two of a trial are kept, so that a
torn file costs one checkpoint interval and no more.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from raysweep.errors import CheckpointError
from raysweep.forecasting.protocol import Scaler
from raysweep.forecasting.results import EpochResult
from raysweep.forecasting.training import TrainingState

FORMAT = "raysweep-checkpoint-1"
NUM_KEPT = 2
MAX_HEADER_BYTES = 64 * 1024 * 1024  # of JSON: a million epochs


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """All that is needed to go on with a trial, or to forecast with it.

    Attributes:
        trial_id: Which trial it belongs to.
        epoch: Epochs done.
        num_steps: Optimizer steps done.
        history: Every epoch so far: the ledger may have seen fewer when a driver was killed.
        scaler: Of the training series.
        model_state: The model's state dict.
        optimizer_state: The optimizer's.
    """

    trial_id: str
    epoch: int
    num_steps: int
    history: Sequence[EpochResult]
    scaler: Scaler
    model_state: dict[str, Any]
    optimizer_state: dict[str, Any]

    def restore(self, state: TrainingState) -> None:
        """Puts a fresh state where this checkpoint was taken."""
        state.model.load_state_dict(self.model_state)
        state.optimizer.load_state_dict(self.optimizer_state)
        state.epoch, state.num_steps = self.epoch, self.num_steps


def save_checkpoint(
    folder: Path, trial_id: str, state: TrainingState, history: Sequence[EpochResult], scaler: Scaler
) -> Path:
    """Writes `folder/epoch-N.ckpt` durably and removes all but the newest two. Raises `OSError`."""
    buffer = io.BytesIO()
    torch.save({"model": state.model.state_dict(), "optimizer": state.optimizer.state_dict()}, buffer)
    tensors = buffer.getvalue()
    header = {
        "format": FORMAT,
        "trial_id": trial_id,
        "epoch": state.epoch,
        "num_steps": state.num_steps,
        "scaler": {"mean": scaler.mean.tolist(), "std": scaler.std.tolist()},
        "history": [dataclasses.asdict(epoch) for epoch in history],
        "num_bytes": len(tensors),
        "sha256": hashlib.sha256(tensors).hexdigest(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"epoch-{state.epoch:06d}.ckpt"
    temporary = folder / f".{file.name}.{os.getpid()}.tmp"
    try:
        with temporary.open("wb") as out:
            out.write(json.dumps(header).encode() + b"\n")
            out.write(tensors)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(folder)
    for old in _newest_first(folder)[NUM_KEPT:]:
        old.unlink(missing_ok=True)
    return file


def load_newest(folder: Path, trial_id: str) -> Checkpoint | None:
    """The newest whole checkpoint of a trial, or None if there is none; a torn file is passed over."""
    for file in _newest_first(folder):
        try:
            checkpoint = load_checkpoint(file)
        except CheckpointError:
            continue
        if checkpoint.trial_id == trial_id:
            return checkpoint
    return None


def load_checkpoint(file: Path) -> Checkpoint:
    """Reads one file. Raises `CheckpointError` if it is missing, torn, damaged or of another format."""
    try:
        with file.open("rb") as source:
            header = json.loads(source.readline(MAX_HEADER_BYTES))
            if header["format"] != FORMAT:
                raise CheckpointError(f"{file}: format {header['format']!r}; this version of raysweep reads {FORMAT!r}")
            tensors = source.read(header["num_bytes"] + 1)
        if len(tensors) != header["num_bytes"] or hashlib.sha256(tensors).hexdigest() != header["sha256"]:
            raise CheckpointError(f"{file}: cut or damaged; its checksum doesn't hold")
        states = torch.load(io.BytesIO(tensors), map_location="cpu", weights_only=True)
        return Checkpoint(
            trial_id=header["trial_id"],
            epoch=header["epoch"],
            num_steps=header["num_steps"],
            history=[EpochResult(**epoch) for epoch in header["history"]],
            scaler=Scaler(
                mean=_as_array(header["scaler"]["mean"]),
                std=_as_array(header["scaler"]["std"]),
            ),
            model_state=states["model"],
            optimizer_state=states["optimizer"],
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{file}: not a readable checkpoint ({error})") from error


def _as_array(numbers: Sequence[float]) -> Any:
    return torch.tensor(numbers, dtype=torch.float64).numpy()


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("epoch-*.ckpt"), reverse=True)


def _sync_folder(folder: Path) -> None:
    """A rename is durable only when its folder has been synced too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
