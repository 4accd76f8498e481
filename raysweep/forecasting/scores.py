"""From forecasts on an evaluation set to its score. Models and baselines are scored by the same code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from raysweep.forecasting import metrics
from raysweep.forecasting.protocol import EvalSet, FloatArray

NAN = float("nan")
MAX_BLOCKS = 256  # more would tell no more of how a score varies, and take room in every row


@dataclass(frozen=True, kw_only=True)
class Score:
    """The errors of one forecaster on one evaluation set, in the data's units.

    Attributes:
        mse: Mean squared error.
        rmse: Its root.
        mae: Mean absolute error.
        mase: Mean absolute error over that of the last value on the training part.
        skill_last: 1 - mse / mse of the last value, on the same evaluation set; NaN where there is none.
        skill_mean: The same against the mean of the training part.
        skill_ridge: The same against the ridge autoregression.
        num_targets: How many forecast points were scored; 0 if none could be.
        reason: Why none could be.
        block_errors: What consecutive starts contribute to mse, in blocks of equally many; their mean is mse. At most
            `MAX_BLOCKS`, in the order of time: what a block bootstrap draws from.
    """

    mse: float = NAN
    rmse: float = NAN
    mae: float = NAN
    mase: float = NAN
    skill_last: float = NAN
    skill_mean: float = NAN
    skill_ridge: float = NAN
    num_targets: int = 0
    reason: str | None = None
    block_errors: tuple[float, ...] = ()

    @classmethod
    def of_variance(cls, variance: float, eval_set: EvalSet) -> Score:
        """The noise floor as a row beside the scores."""
        return cls(mse=variance, rmse=float(np.sqrt(variance)), num_targets=int(eval_set.num_steps.sum()))


def score_forecasts(values: FloatArray, forecasts: FloatArray, eval_set: EvalSet, *, scale: FloatArray) -> Score:
    """Scores (S, horizon or more, C) forecasts against the series' (N, C) values, both in the data's units.

    Args:
        values: The whole series.
        forecasts: From every start of the evaluation set; what lies beyond its `num_steps` is ignored.
        eval_set: What is scored.
        scale: (C,) from `metrics.naive_scale` of the training part.
    """
    assert len(forecasts) == len(eval_set.starts), "one forecast a start"
    steps = np.arange(eval_set.horizon)
    is_scored = steps[None, :] < eval_set.num_steps[:, None]  # (S, horizon)
    starts, _ = np.nonzero(is_scored)
    targets = (eval_set.starts[:, None] + steps)[is_scored]
    actual, predicted = values[targets], forecasts[:, : eval_set.horizon][is_scored]
    return Score(
        mse=metrics.mse(actual, predicted),
        rmse=metrics.rmse(actual, predicted),
        mae=metrics.mae(actual, predicted),
        mase=metrics.mase(actual, predicted, scale),
        num_targets=len(targets),
        block_errors=_block_errors(actual, predicted, starts),
    )


def _block_errors(actual: FloatArray, predicted: FloatArray, starts: npt.NDArray[np.int64]) -> tuple[float, ...]:
    """Of (M, C) targets whose starts are numbered from 0, (M,)."""
    with np.errstate(over="ignore", invalid="ignore"):  # a forecast that runs away is infinitely wrong
        by_target = np.mean(np.square(actual - predicted), axis=1)
        by_start = np.bincount(starts, weights=by_target)
        blocks = np.array_split(by_start, min(len(by_start), MAX_BLOCKS))
        return tuple(float(block.sum() * len(blocks) / len(starts)) for block in blocks)


def with_skills(score: Score, references: Mapping[str, float]) -> Score:
    """Fills in the skills from the baselines' mean squared errors on the same evaluation set, by baseline."""

    def skill(baseline: str) -> float:
        return metrics.skill(score.mse, references[baseline]) if baseline in references else NAN

    return replace(score, skill_last=skill("last_value"), skill_mean=skill("train_mean"), skill_ridge=skill("ridge"))
