"""Intervals from resamples: of a score, and of what it differs by from that of a baseline. Numbers only.

Must not know: what is scored, or who reads it.
"""

from __future__ import annotations

import numpy as np

from raysweep.analysis.confidence_set import NOMINAL_SIZE
from raysweep.analysis.resampling import FloatArray, Resamples

COVERAGE = 0.95


def score_intervals(resamples: Resamples) -> FloatArray:
    """(C, 2) the lowest and highest that each score's expectation may be, each with `COVERAGE` for itself."""
    tail = (1 - COVERAGE) / 2
    logs = np.quantile(resamples.log_errors, [tail, 1 - tail], axis=0)
    return resamples.scores[:, None] * np.exp(logs.T)


def ratio_intervals(resamples: Resamples, reference: int) -> FloatArray:
    """(C, 2) the lowest and highest that each score may be as a multiple of that of one forecaster.

    Both are scored on the same blocks in each resample, so what is hard for both cancels. All intervals together hold
    with `COVERAGE`: the quantile is that of the largest standardised difference among them, so among twenty of them
    none excludes 1 by its number alone.
    As for the confidence set, more is asked for than is promised. That of the forecaster itself is (1, 1).
    """
    others = np.arange(len(resamples.scores)) != reference
    ratios = np.ones((len(resamples.scores), 2))
    log_ratios = np.log(resamples.scores / resamples.scores[reference])[others]
    errors = (resamples.log_errors - resamples.log_errors[:, [reference]])[:, others]
    spread = np.sqrt(np.mean(errors**2, axis=0))
    largest = np.quantile(np.max(np.abs(errors) / np.maximum(spread, 1e-12), axis=1), 1 - NOMINAL_SIZE)
    ratios[others] = np.exp(log_ratios[:, None] + np.outer(largest * spread, [-1.0, 1.0]))
    return ratios
