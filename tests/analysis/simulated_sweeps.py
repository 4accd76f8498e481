"""Sweeps of which the truth is known: errors by seed and block that vary as those of real ones do.

The numbers were measured on the original `4single` (split.origin 0.85 and 0.6, one-step forecasts of the validation
part, 256 blocks; att, att_mh and lstm, windows 64 and 128, six to eight seeds a config):

- the score of a seed: relative standard deviation 0.02, 0.07, 0.07, 0.09, 0.14 and 0.18, so in the middle 0.08, and
  configs differ in it by a factor of e^0.6;
- the errors of blocks: 1.2 times their mean, hardly any memory from block to block, and nearly the same for all;
- what is left of that between two networks of like score: 0.02 to 0.06 of the score in its mean over blocks, 0.03 here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SEED_DEVIATION = 0.08
SEED_DEVIATION_SPREAD = 0.6
# Of a normal variable's size: nearly its square, as errors are; it varies by 1.2 times its mean.
BLOCK_POWER = 1.7
BLOCK_MEAN = 2 ** (BLOCK_POWER / 2) * math.gamma((BLOCK_POWER + 1) / 2) / math.sqrt(math.pi)
OWN_BLOCK_DEVIATION = 0.22  # gives two configs a difference of 0.03 by blocks alone
SEED_BLOCK_DEVIATION = 0.1

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class SimulatedSweep:
    """How the configs of one sweep vary; all have the same expected error of 1, but the first, if it is better.

    Attributes:
        has_baseline: Whether the last one has no seeds: one row of errors, as a baseline.
        memory: How much of a block's deviations is that of the block before.
    """

    num_configs: int = 20
    num_seeds: int = 5
    num_blocks: int = 256
    better: float = 0.0
    seed_deviation: float = SEED_DEVIATION
    seed_spread: float = SEED_DEVIATION_SPREAD
    has_baseline: bool = False
    memory: float = 0.0

    def errors(self, number: int) -> list[FloatArray]:
        """(seeds, B) of each config; the `number` says which of all such sweeps it is."""
        random = np.random.default_rng(number)
        shape = (self.num_configs, self.num_seeds, self.num_blocks)
        of_all = np.abs(self._normal(random, (1, 1, self.num_blocks))) ** BLOCK_POWER / BLOCK_MEAN
        own = _mean_one(OWN_BLOCK_DEVIATION, self._normal(random, (self.num_configs, 1, self.num_blocks)))
        deviations = self.seed_deviation * np.exp(self.seed_spread * random.standard_normal((self.num_configs, 1, 1)))
        if self.has_baseline:
            deviations[-1] = 0
        seeds = _mean_one(deviations, random.standard_normal((*shape[:2], 1)))
        errors = list(of_all * own * seeds * _mean_one(SEED_BLOCK_DEVIATION, random.standard_normal(shape)))
        errors[0] *= 1 - self.better
        return [*errors[:-1], errors[-1][:1]] if self.has_baseline else errors

    def _normal(self, random: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
        values = random.standard_normal(shape)
        for block in range(1, shape[-1] if self.memory else 0):
            fresh = np.sqrt(1 - self.memory**2) * values[..., block]
            values[..., block] = self.memory * values[..., block - 1] + fresh
        return values


def _mean_one(deviation: float | FloatArray, normal: FloatArray) -> FloatArray:
    """Lognormal values whose expectation is 1."""
    values: FloatArray = np.exp(deviation * normal - np.square(deviation) / 2)
    return values
