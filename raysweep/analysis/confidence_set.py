"""Which configs may be the best: the model confidence set of Hansen, Lunde and Nason (2011), by the package `arch`.

Must not know: what is scored, or who reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from raysweep.analysis.arch_bootstrap import load_bootstrap
from raysweep.analysis.resampling import Resamples

# How often any of equally good configs may be left out, and what `arch` is asked for so that it is: how differently
# the seeds of each config vary is itself hard to know from five, which a nominal 5 % overruns in simulated sweeps.
SIZE = 0.05
NOMINAL_SIZE = 0.025


def confidence_set(resamples: Resamples) -> npt.NDArray[np.bool_]:
    """(C,) whether each may be the best; the one with the lowest score always may.

    In at most one of twenty sweeps whose configs are all equally good is any of them left out.

    `arch` would draw rows of a table of losses, which knows blocks or seeds, not both, and takes a variance from
    five seeds for known. So its table here is the resamples themselves, as logarithms, and each of its draws is one
    of them. Comparing, standardising and eliminating are left to it.
    """
    num_resamples, num_configs = resamples.log_errors.shape
    if num_configs < 2:
        return np.ones(num_configs, dtype=np.bool_)

    centered = resamples.log_errors - resamples.log_errors.mean(axis=0)
    # Scores that are exactly equal would be eliminated together, the best one with them.
    untied = np.log(resamples.scores) + 1e-9 * np.arange(num_configs)
    test = load_bootstrap().MCS(untied + centered, size=NOMINAL_SIZE, reps=num_resamples, method="R", block_size=1)
    test.bootstrap = _EachRowOnce(num_resamples)
    test.compute()
    return np.isin(np.arange(num_configs), test.included)


class _EachRowOnce:
    """A bootstrap whose draws have been made before: the n-th is row n."""

    def __init__(self, num_rows: int) -> None:
        self._num_rows = num_rows

    def bootstrap(self, reps: int) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
        """As of `arch`'s own: positional and keyword data of each draw."""
        assert reps == self._num_rows, "as many draws as rows"
        for row in range(reps):
            yield (np.array([row]),), {}
