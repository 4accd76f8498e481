"""How much a score varies from seed to seed: variances that few seeds of each config estimate together.

The variance of five seeds alone is known so badly that among twenty configs some look certain by chance. Each is
therefore drawn towards what the others show, as far as they agree: the empirical Bayes rule of Smyth (2004), "Linear
models and empirical Bayes methods for assessing differential expression". Must not know: what is scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

# A variance of nothing at all would make any difference certain.
_SMALLEST = 1e-12
# However well the configs seem to agree: that they do is itself only estimated, from few configs hardly at all.
_MOST_PRIOR_FREEDOM = 16.0


@dataclass(frozen=True, kw_only=True)
class SeedVariances:
    """The variances of single seeds, and how well they are known.

    Attributes:
        variances: (C,) of the logarithms of scores.
        freedom: (C,) degrees of freedom of each.
    """

    variances: FloatArray
    freedom: FloatArray


def seed_variances(log_scores: Sequence[FloatArray]) -> SeedVariances:
    """Variances of scores over seeds, each drawn towards that of all configs.

    Args:
        log_scores: For each of C configs the logarithms of its seeds' scores, two seeds or more.
    """
    freedom = np.array([len(scores) - 1 for scores in log_scores], dtype=np.float64)
    own = np.array([max(float(np.var(scores, ddof=1)), _SMALLEST) for scores in log_scores])
    prior, prior_freedom = _prior(own, freedom)
    together = (prior_freedom * prior + freedom * own) / (prior_freedom + freedom)
    return SeedVariances(variances=together, freedom=np.minimum(prior_freedom + freedom, freedom.sum()))


def _prior(own: FloatArray, freedom: FloatArray) -> tuple[float, float]:
    """The variance that configs have in common, and how many degrees of freedom that is worth."""
    from scipy.special import digamma, polygamma

    logs = np.log(own) - digamma(freedom / 2) + np.log(freedom / 2)
    center = float(logs.mean())
    # What the logarithms vary by beyond what so few seeds would make them vary by.
    excess = float(np.var(logs, ddof=1) - polygamma(1, freedom / 2).mean()) if len(logs) > 1 else np.inf
    if not np.isfinite(excess):
        return float(own[0]), 0.0
    most = min(_MOST_PRIOR_FREEDOM, len(own) - 1)
    if excess <= 0:
        return float(np.exp(center)), most
    prior_freedom = min(2 * _inverse_trigamma(excess), most)
    return float(np.exp(center + digamma(prior_freedom / 2) - np.log(prior_freedom / 2))), prior_freedom


def _inverse_trigamma(value: float) -> float:
    """Where the trigamma function has this positive value."""
    from scipy.optimize import brentq
    from scipy.special import polygamma

    return float(brentq(lambda x: float(polygamma(1, x)) - value, 1e-6, 1e6))
