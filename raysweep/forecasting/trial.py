"""One trial from start to end: build or restore the model, train it epoch by epoch, score it.

What `raysweep` runs in a Ray actor and anybody can run in a debugger. Must not know: Ray, the ledger.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from raysweep.disks import cannot_write
from raysweep.errors import CheckpointError
from raysweep.forecasting.checkpoint import Checkpoint, load_newest, save_checkpoint
from raysweep.forecasting.evaluation import evaluate, write_predictions
from raysweep.forecasting.inputs import TrialInputs
from raysweep.forecasting.models import build_model
from raysweep.forecasting.results import EpochResult, Evaluation
from raysweep.forecasting.training import num_total_epochs, start_training, train_epochs
from raysweep.forecasting.windows import prepare
from raysweep.spec.config import Config
from raysweep.storage import Folder, StoreError, patiently

# The machine's fault, not the checkpoint's.
_DISK_ERRORS = {errno.EIO, errno.ENODEV, errno.ENXIO, errno.ENOTCONN, errno.ESTALE}


@dataclass(kw_only=True)
class TrialRun:
    """A trial that is being trained. `history` holds every epoch so far, restored ones included."""

    trial_id: str
    config: Config
    seed: int
    inputs: TrialInputs
    device: torch.device
    history: list[EpochResult] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Builds the model; goes on from the trial's newest checkpoint if there is one."""
        series = self.inputs.series[self.config.dataset]
        self._data = prepare(self.config, series.values, self.device)
        model = build_model(
            self.inputs.sources,
            self.config.model,
            arguments=self.config.model_arguments,
            num_channels=series.values.shape[1],
            seed=self.seed,
        )
        self._state = start_training(self.config, model.to(self.device))
        checkpoint = self._newest_checkpoint()
        if checkpoint is not None:
            checkpoint.restore(self._state)
            self.history.extend(checkpoint.history)

    @property
    def num_train_windows(self) -> int:
        """Training windows an epoch."""
        return len(self._data.train_starts)

    @property
    def num_params(self) -> int:
        """Numbers that are trained."""
        return sum(parameter.numel() for parameter in self._state.model.parameters() if parameter.requires_grad)

    @property
    def num_epochs(self) -> int:
        """Epochs of the whole training."""
        return num_total_epochs(self.config.train, self.num_train_windows)

    def epochs(self) -> Iterator[EpochResult]:
        """Trains to the end and yields every new epoch, after it has been added to `history`."""
        for epoch in train_epochs(self.config, self._data, self._state, seed=self.seed):
            self.history.append(epoch)
            yield epoch

    def save(self) -> None:
        """Makes all epochs so far survive this process. Raises `StorageError`."""
        with _stored(str(self._checkpoint_folder)):
            patiently(self._save)

    def score(self) -> list[Evaluation]:
        """Scores the trained model on every series asked for, and keeps its forecasts. Raises `StorageError`."""
        names: Sequence[str] = self.inputs.evaluate_on or (self.config.dataset,)
        evaluations, forecasts = [], []
        for name in dict.fromkeys([self.config.dataset, *names]):
            rows, made = evaluate(self._state.model, self.config, self.inputs.series[name], self.device)
            evaluations.extend(rows)
            forecasts.extend(made)
        folder, name = self.inputs.storage.predictions, f"{self.trial_id}.parquet"
        with _stored(f"{folder}/{name}"):
            folder.check()  # scoring may have taken minutes, and its disk may have gone meanwhile
            patiently(lambda: write_predictions(folder, name, forecasts, self.inputs.series))
        return evaluations

    def _save(self) -> None:
        save_checkpoint(self._checkpoint_folder, self.trial_id, self._state, self.history, self._data.scaler)

    def _newest_checkpoint(self) -> Checkpoint | None:
        try:
            return patiently(self._load)
        except OSError as error:
            raise cannot_write(str(self._checkpoint_folder), error, verb="read") from error

    def _load(self) -> Checkpoint | None:
        """Raises `OSError` where the machine is the reason and not the checkpoint."""
        try:
            return load_newest(self._checkpoint_folder, self.trial_id)
        except CheckpointError as error:
            cause = error.__cause__
            if isinstance(cause, StoreError) or (isinstance(cause, OSError) and cause.errno in _DISK_ERRORS):
                raise cause from error
            raise

    @property
    def _checkpoint_folder(self) -> Folder:
        return self.inputs.storage.folder_of(self.trial_id)


@contextmanager
def _stored(where: str) -> Iterator[None]:
    """Tells a machine that can't write from a trial that fails."""
    try:
        yield
    except OSError as error:
        raise cannot_write(where, error) from error
