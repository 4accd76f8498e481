"""What training and scoring give, as plain values: no torch, so that a driver can hold them without it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from raysweep.forecasting.protocol import Mode, Part
from raysweep.forecasting.scores import Score


@dataclass(frozen=True, kw_only=True)
class EpochResult:
    """What came of one epoch.

    Attributes:
        epoch: From 1.
        num_steps: Optimizer steps from the start of the trial.
        train_loss: In scaled units; mean over batches under replication, over windows under holdout.
        val_loss: In scaled units; mean over batches and all steps under replication, over next points under holdout.
        val_mse_batch: One-step error on the validation part in squared data units; None under replication.
        seconds: Wall time of the epoch, validation included.
        finished_at: Unix time of its end, in seconds.
    """

    epoch: int
    num_steps: int
    train_loss: float
    val_loss: float
    val_mse_batch: float | None
    seconds: float
    finished_at: float

    @property
    def is_finite(self) -> bool:
        """False once training has diverged: nothing after it means anything."""
        return math.isfinite(self.train_loss) and math.isfinite(self.val_loss)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One score of one trained model; a row of `evaluations.parquet` but for who it belongs to.

    Attributes:
        eval_dataset: The series that was forecast.
        part: Of that series.
        mode: One-step (`batch`) or autoregressive (`regressive`).
        horizon: The most steps ahead that count.
        eval_set_hash: Only scores with equal hashes may be compared.
        score: The errors.
    """

    eval_dataset: str
    part: Part
    mode: Mode
    horizon: int
    eval_set_hash: str
    score: Score
