"""What a sweep's scores might have been with other seeds and other stretches of the series: a bootstrap of both.

An error is a mean over seeds and over blocks of starts. Other seeds would have trained other networks; other
stretches would have held other points. Blocks are drawn for all configs at once, so what is hard for all of them
cancels when two are compared. Numbers only: must not know what is scored, or who reads it.

Two things keep the intervals honest where there is little to draw from. A plain bootstrap of five seeds gives four
fifths of their variance, and it takes that for known: here each config's variance comes from `seed_variances`, and a
resample is divided by what a variance known that badly might have been, which gives it the tails of Student's t. The
same is done for blocks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from raysweep.analysis.arch_bootstrap import load_bootstrap
from raysweep.analysis.seed_variances import seed_variances

FloatArray = npt.NDArray[np.float64]

NUM_RESAMPLES = 1000
# With fewer blocks that know nothing of each other, how a score varies along the series can't be told.
LEAST_INDEPENDENT_BLOCKS = 12
# What a drawn block is worth in degrees of freedom: less than one, as squared errors have heavy tails and neighbours
# still resemble each other. Found by simulation; `tests/analysis/test_confidence_set.py` holds what it is for.
_FREEDOM_OF_BLOCK = 0.4
_RANDOM_SEED = 20250113


@dataclass(frozen=True, kw_only=True)
class Resamples:
    """The scores of C forecasters, and R resamples of them.

    Attributes:
        scores: (C,) mean over seeds and blocks.
        log_errors: (R, C) by how much a resample's logarithm differs from that of the score. Each row is one draw of
            blocks for all of them, and one draw of seeds for each.
        block_length: Blocks that were drawn together.
    """

    scores: FloatArray
    log_errors: FloatArray
    block_length: int

    def of(self, places: npt.NDArray[np.intp]) -> Resamples:
        """Of some of the forecasters, from the same draws."""
        return Resamples(
            scores=self.scores[places], log_errors=self.log_errors[:, places], block_length=self.block_length
        )


def resample(
    errors: Sequence[FloatArray], *, overlap: int = 1, leading: int | None = None, num_resamples: int = NUM_RESAMPLES
) -> Resamples:
    """Draws seeds and blocks of starts again and again; always the same draws for the same errors.

    Args:
        errors: For each of C forecasters the (seeds, B) errors of the same B blocks in order of time; their means are
            positive and finite. One seed means that there is no seed to it, as of a baseline.
        overlap: How many blocks in a row have targets in common; 1 if none do.
        leading: The first so many forecasters say how long a stretch must be drawn together; None for all.
        num_resamples: R.

    Raises:
        ValueError: If fewer than `LEAST_INDEPENDENT_BLOCKS` have no target in common.
    """
    num_blocks = errors[0].shape[1]
    if num_blocks < LEAST_INDEPENDENT_BLOCKS * overlap:
        raise ValueError(f"{num_blocks} blocks that overlap by {overlap}; {LEAST_INDEPENDENT_BLOCKS} must be apart")
    random = np.random.default_rng(_RANDOM_SEED)
    by_block = np.array([of_config.mean(axis=0) for of_config in errors])  # (C, B)
    length = block_length(by_block[:leading], overlap)
    log_errors = _draw_blocks(by_block, length, num_resamples, random)
    with_seeds = [index for index, of_config in enumerate(errors) if len(of_config) > 1]
    if with_seeds:
        by_seed = [errors[index].mean(axis=1) for index in with_seeds]
        log_errors[:, with_seeds] += _draw_seeds(by_seed, num_resamples, random)
    return Resamples(scores=by_block.mean(axis=1), log_errors=log_errors, block_length=length)


def block_length(by_block: FloatArray, overlap: int) -> int:
    """How many of the blocks are to be drawn together, for what follows from each other to stay together.

    The longest that the rule of Politis and White (2004) finds for any of (C, B) errors, and for what each differs
    by from their mean; not below `overlap`, and short enough for `LEAST_INDEPENDENT_BLOCKS`.
    """
    relative = by_block / by_block.mean(axis=1, keepdims=True)
    common = relative.mean(axis=0)
    series = np.column_stack([common, *(relative - common)])
    found = load_bootstrap().optimal_block_length(series[:, series.std(axis=0) > 1e-9])["circular"]
    longest = int(by_block.shape[1]) // LEAST_INDEPENDENT_BLOCKS
    wanted = math.ceil(float(found.max())) if len(found) else 1
    return max(overlap, min(wanted, longest))


def _draw_blocks(by_block: FloatArray, length: int, num_resamples: int, random: np.random.Generator) -> FloatArray:
    """(C, B) errors to (R, C): the logarithm of a resample's mean over that of the mean."""
    num_blocks = by_block.shape[1]
    bootstrap = load_bootstrap().CircularBlockBootstrap(length, np.arange(num_blocks), seed=random)
    counts = np.array([np.bincount(drawn[0][0], minlength=num_blocks) for drawn in bootstrap.bootstrap(num_resamples)])
    drawn = np.log(counts @ by_block.T / num_blocks / by_block.mean(axis=1))
    common = drawn.mean(axis=1, keepdims=True)
    freedom = (num_blocks / length - 1) * _FREEDOM_OF_BLOCK
    too_small = num_blocks / (num_blocks - length)  # what a mean of so few leaves out of its variance
    # Each config's own part is known from blocks of its own: one may look certain by chance where others don't.
    unsure = _unsure(freedom, (num_resamples, 1 + len(by_block)), random)
    moved: FloatArray = common / unsure[:, :1] + (drawn - common) / unsure[:, 1:]
    return moved * math.sqrt(too_small)


def _draw_seeds(by_seed: Sequence[FloatArray], num_resamples: int, random: np.random.Generator) -> FloatArray:
    """Scores of each config's seeds to (R, C) errors of the logarithm of their mean.

    What seeds differ by, in units of their config's deviation, is drawn from all configs together. Logarithms, as
    seeds that went wrong are far above the others: a config without one would look good and certain at once.
    """
    logs = [np.log(scores) for scores in by_seed]
    found = seed_variances(logs)
    deviations = np.sqrt(found.variances)
    pool = np.concatenate([(of - of.mean()) / deviation for of, deviation in zip(logs, deviations, strict=True)])
    pool /= max(math.sqrt(float(np.mean(pool**2))), 1e-12)  # seeds may all be alike
    drawn = [random.choice(pool, (num_resamples, len(scores))).mean(axis=1) for scores in by_seed]
    unsure = _unsure(found.freedom, (num_resamples, len(by_seed)), random)
    return np.column_stack(drawn) * deviations / unsure


def _unsure(freedom: float | FloatArray, shape: tuple[int, int], random: np.random.Generator) -> FloatArray:
    """What deviations known from so many degrees of freedom are taken for, over what they may be."""
    return np.sqrt(random.chisquare(freedom, shape) / freedom)
