"""What a worker tells the driver about a trial; the only thing that travels between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from raysweep.forecasting.results import EpochResult, Evaluation
from raysweep.ledger.rows import TrialFacts

REPORT_SECONDS = 1.0  # several fast epochs travel together; what is lost in a kill is about this long
WORST = math.inf  # what a diverged trial scores: Tune and HyperOpt take NaN for an observation


@dataclass(frozen=True, kw_only=True)
class Report:
    """Several epochs of one trial, and its end if it has ended.

    Attributes:
        facts: What the trial tells of itself.
        epochs: New epochs, or all of them after a restart: the ledger may have seen fewer.
        num_epochs: Epochs of the whole training.
        score: Under the sweep's metric after the last epoch so far; None before the first.
        end: `finished`, `diverged`, `failed`, or None while it goes on; `no_storage` where the machine failed, not
            the trial: checkpoints or forecasts can't be written; `unfit_machine` where it has other versions.
        error: One line, for `failed` and `diverged`.
        traceback: For `failed`.
        evaluations: For `finished`: all its scores.
        scoring_seconds: What these took; None if there are none.
    """

    facts: TrialFacts | None
    epochs: Sequence[EpochResult]
    num_epochs: int = 0
    score: float | None = None
    end: Literal["finished", "diverged", "failed", "no_storage", "unfit_machine"] | None = None
    error: str | None = None
    traceback: str | None = None
    evaluations: Sequence[Evaluation] = ()
    scoring_seconds: float | None = None


def epoch_score(epoch: EpochResult, metric: str) -> float:
    """The score of one epoch under a sweep's metric; lower is better, `WORST` if it isn't finite."""
    value = getattr(epoch, metric, None)
    return value if value is not None and math.isfinite(value) else WORST


def trial_score(history: Sequence[EpochResult], evaluations: Sequence[Evaluation], metric: str) -> float | None:
    """What a trial is compared by after these epochs; None if it can't be known yet."""
    if metric == "val_mse_regressive":
        score = _mse(evaluations, part="val", mode="regressive")
        return score if score is None or math.isfinite(score) else WORST
    return epoch_score(history[-1], metric) if history else None


def own_scores(evaluations: Sequence[Evaluation], dataset: str) -> dict[str, float]:
    """The scores that stand in the trial's own row: those on the series that it was trained on."""
    columns = {
        "val_mse_batch": ("val", "batch"),
        "val_mse_regressive": ("val", "regressive"),
        "test_mse_batch": ("test", "batch"),
        "test_mse_regressive": ("test", "regressive"),
        "predict_mse_batch": ("all", "batch"),
        "predict_mse_regressive": ("all", "regressive"),
    }
    scores = {
        column: _mse(evaluations, part=part, mode=mode, dataset=dataset) for column, (part, mode) in columns.items()
    }
    return {column: score for column, score in scores.items() if score is not None}


def _mse(evaluations: Sequence[Evaluation], *, part: str, mode: str, dataset: str | None = None) -> float | None:
    """The score at the longest horizon; the trained series comes first in a report."""
    rows = [row for row in evaluations if (row.part, row.mode) == (part, mode)]
    if not rows:
        return None
    name = dataset or rows[0].eval_dataset
    longest = max((row for row in rows if row.eval_dataset == name), key=lambda row: row.horizon)
    return longest.score.mse
