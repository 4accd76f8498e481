"""Checkpoints: tensors and JSON, never pickled code. Written under another name, synced, then renamed.

A file is two lines of JSON and the tensors: a line with the format and the SHA-256 of all that follows it, the
header, then the tensors as `torch.save` writes them; they are read with `weights_only=True`. The newest two of a
trial are kept, so that a torn file costs one checkpoint interval and no more. One process at a time owns a trial's
folder.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from raysweep.errors import CheckpointError
from raysweep.forecasting.protocol import Scaler
from raysweep.forecasting.results import EpochResult
from raysweep.forecasting.training import TrainingState
from raysweep.storage import Folder

FORMAT = "raysweep-checkpoint-2"
NUM_KEPT = 2
MAX_FIRST_LINE_BYTES = 4096
MAX_HEADER_BYTES = 256 * 1024 * 1024  # of JSON: a million epochs


class LostCheckpointError(CheckpointError):
    """A checkpoint is missing, cut or damaged; the one before it may serve."""


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
    folder: Folder, trial_id: str, state: TrainingState, history: Sequence[EpochResult], scaler: Scaler
) -> None:
    """Writes `epoch-N.ckpt` durably and removes all but it and the one before. Raises `OSError`."""
    buffer = io.BytesIO()
    torch.save({"model": state.model.state_dict(), "optimizer": state.optimizer.state_dict()}, buffer)
    tensors = buffer.getvalue()
    header = {
        "trial_id": trial_id,
        "epoch": state.epoch,
        "num_steps": state.num_steps,
        "scaler": {"mean": scaler.mean.tolist(), "std": scaler.std.tolist()},
        "history": [dataclasses.asdict(epoch) for epoch in history],
    }
    content = json.dumps(header).encode() + b"\n" + tensors
    first_line = {"format": FORMAT, "sha256": hashlib.sha256(content).hexdigest()}
    folder.remove_drafts()
    folder.write(f"epoch-{state.epoch:06d}.ckpt", json.dumps(first_line).encode() + b"\n" + content)
    names = _names(folder)
    # What is newer was damaged, or training would have gone on from there: it would take the place of a whole one.
    before = sorted((epoch for epoch in names if epoch < state.epoch), reverse=True)
    for epoch in names.keys() - {state.epoch, *before[: NUM_KEPT - 1]}:
        folder.remove(names[epoch])


def load_newest(folder: Folder, trial_id: str) -> Checkpoint | None:
    """The newest whole checkpoint of a trial, or None if there is none; a cut or damaged file is passed over.

    Raises:
        CheckpointError: If the folder or a file can't be read, or is of another format: to train from the start
            would throw away what is there.
    """
    try:
        names = _names(folder)
    except OSError as error:
        raise CheckpointError(f"{folder}: can't be read ({error})") from error
    for epoch in sorted(names, reverse=True):
        try:
            checkpoint = load_checkpoint(folder, names[epoch])
        except LostCheckpointError:
            continue
        if checkpoint.trial_id == trial_id:
            return checkpoint
    return None


def load_checkpoint(folder: Folder, name: str) -> Checkpoint:
    """Reads one file.

    Raises:
        LostCheckpointError: If it is missing, cut or damaged.
        CheckpointError: If it can't be read, or is of another format.
    """
    file = f"{folder}/{name}"
    try:
        content = folder.read(name)
    except FileNotFoundError as error:
        raise LostCheckpointError(f"{file}: no such file") from error
    except OSError as error:
        raise CheckpointError(f"{file}: can't be read ({error})") from error
    try:
        return _parse(file, content)
    except CheckpointError:
        raise
    except MemoryError as error:
        raise CheckpointError(f"{file}: too large for this machine's memory") from error
    except Exception as error:  # damaged bytes can make json, pickle and torch raise whatever there is
        raise LostCheckpointError(f"{file}: not a readable checkpoint ({type(error).__name__}: {error})") from error


def _parse(file: str, whole: bytes) -> Checkpoint:
    stream = io.BytesIO(whole)
    first = json.loads(stream.readline(MAX_FIRST_LINE_BYTES))
    content = stream.read()
    if first["format"] != FORMAT:
        raise CheckpointError(
            f"{file}: format {first['format']!r}; this version of raysweep reads {FORMAT!r}: "
            "use the version that wrote it, or remove the file to train from the start"
        )
    if hashlib.sha256(content).hexdigest() != first["sha256"]:
        raise LostCheckpointError(f"{file}: cut or damaged; its checksum doesn't hold")
    stream = io.BytesIO(content)
    header = json.loads(stream.readline(MAX_HEADER_BYTES))
    tensors = stream.read()
    with zipfile.ZipFile(io.BytesIO(tensors)) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("something in it is packed")  # torch packs nothing; it might unfold without end
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


def _as_array(numbers: Sequence[float]) -> Any:
    return torch.tensor(numbers, dtype=torch.float64).numpy()


def _names(folder: Folder) -> dict[int, str]:
    """The checkpoints of a folder by epoch; none if there is no folder. Raises `OSError`."""
    return {int(match[1]): match[0] for name in folder.names() if (match := re.fullmatch(r"epoch-(\d+)\.ckpt", name))}
