"""How often claims are wrong, and how often right, in sweeps of which the truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from raysweep.analysis.confidence_set import confidence_set
from raysweep.analysis.intervals import ratio_intervals, score_intervals
from raysweep.analysis.resampling import LEAST_INDEPENDENT_BLOCKS, Resamples, block_length, resample
from raysweep.analysis.seed_variances import seed_variances
from tests.analysis.simulated_sweeps import FloatArray, SimulatedSweep


@dataclass(frozen=True)
class Shares:
    """Of simulated sweeps: any config left out of the set; the first one alone in it."""

    claimed: float
    first_alone: float


def shares(sweep: SimulatedSweep, num_sweeps: int, overlap: int = 1) -> Shares:
    sets = np.array([confidence_set(resample(sweep.errors(number), overlap=overlap)) for number in range(num_sweeps)])
    first_alone = sets[:, 0] & (sets.sum(axis=1) == 1)
    return Shares(claimed=float((~sets.all(axis=1)).mean()), first_alone=float(first_alone.mean()))


@pytest.mark.slow
def test_equal_configs_are_seldom_told_apart() -> None:
    assert shares(SimulatedSweep(), 60).claimed <= 4 / 60


@pytest.mark.slow
def test_a_much_better_config_is_found_alone() -> None:
    found = shares(SimulatedSweep(better=0.2, seed_deviation=0.05, seed_spread=0.0), 60)
    assert found.claimed >= 0.9
    assert found.first_alone >= 0.7  # 0.88 in two hundred; these sixty are unlucky ones


@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "sweep",
    [
        SimulatedSweep(),
        SimulatedSweep(seed_spread=0.0),
        SimulatedSweep(memory=0.5),
        SimulatedSweep(num_configs=5),
    ],
    ids=["as measured", "seeds vary alike", "blocks remember", "five configs"],
)
def test_null_of_two_hundred_sweeps(sweep: SimulatedSweep) -> None:
    assert shares(sweep, 200).claimed <= 0.05


@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "sweep",
    [
        SimulatedSweep(better=0.2, seed_deviation=0.05, seed_spread=0.0),
        SimulatedSweep(better=0.2, num_seeds=30),
        SimulatedSweep(better=0.2, num_seeds=20, num_configs=5),
    ],
    ids=["seeds that vary by 5 %", "as measured, 30 seeds", "as measured, five configs, 20 seeds"],
)
def test_power_of_two_hundred_sweeps(sweep: SimulatedSweep) -> None:
    assert shares(sweep, 200).first_alone >= 0.8


@pytest.mark.slow
def test_a_plain_bootstrap_would_claim_too_much() -> None:
    """Why seeds are not simply drawn with replacement: what the correction is for must show."""

    def plain(errors: list[FloatArray]) -> Resamples:
        random = np.random.default_rng(0)
        scores = np.array([of_config.mean() for of_config in errors])
        draws = np.empty((500, len(errors)))
        for row in draws:
            blocks = random.integers(0, errors[0].shape[1], errors[0].shape[1])
            seeds = random.integers(0, len(errors[0]), (len(errors), len(errors[0])))
            means = [e[s].mean(axis=0)[blocks].mean() for e, s in zip(errors, seeds, strict=True)]
            row[:] = np.log(np.array(means) / scores)
        return Resamples(scores=scores, log_errors=draws, block_length=1)

    claimed = [not confidence_set(plain(SimulatedSweep().errors(number))).all() for number in range(20)]
    assert np.mean(claimed) > 0.3


@pytest.mark.slow
def test_intervals_hold_what_they_say() -> None:
    sweep = SimulatedSweep(num_configs=5)
    held = []
    for number in range(60):
        found = score_intervals(resample(sweep.errors(number)))
        held += list((found[:, 0] <= 1) & (found[:, 1] >= 1))
    assert 0.9 <= np.mean(held) <= 0.995


@pytest.mark.slow
def test_equal_configs_are_seldom_told_from_a_baseline() -> None:
    claimed = []
    for number in range(60):
        errors = SimulatedSweep(num_configs=21, has_baseline=True).errors(number)
        ratios = ratio_intervals(resample(errors), reference=20)
        claimed.append(bool(((ratios[:, 0] > 1) | (ratios[:, 1] < 1)).any()))
    assert np.mean(claimed) <= 4 / 60


def test_the_same_errors_give_the_same_draws() -> None:
    errors = SimulatedSweep(num_configs=3).errors(1)
    first, second = resample(errors), resample(errors)
    assert np.array_equal(first.log_errors, second.log_errors)


def test_what_is_hard_for_all_cancels_between_two() -> None:
    sweep = SimulatedSweep(num_configs=2, seed_deviation=0.01, seed_spread=0.0)
    found = resample(sweep.errors(3))
    alone = found.log_errors.std(axis=0)
    assert (found.log_errors[:, 0] - found.log_errors[:, 1]).std() < 0.6 * alone.min()


def test_the_best_stays_however_few_there_are() -> None:
    errors = SimulatedSweep(num_configs=3).errors(0)
    assert confidence_set(resample(errors[:1])).tolist() == [True]
    far = [errors[0] * 0.01, errors[1], errors[2]]
    assert confidence_set(resample(far)).tolist() == [True, False, False]


def test_scores_that_are_exactly_equal_stay_or_go_each_for_itself() -> None:
    errors = SimulatedSweep(num_configs=4).errors(0)
    alike = [values / values.mean() for values in errors]
    assert confidence_set(resample(alike)).all()
    beaten = [alike[0], alike[1] * 9, alike[1] * 9, alike[2]]
    assert confidence_set(resample(beaten)).tolist() == [True, False, False, True]


def test_overlapping_blocks_are_drawn_together() -> None:
    errors = SimulatedSweep(num_configs=3).errors(0)
    assert resample(errors, overlap=12).block_length >= 12
    with pytest.raises(ValueError, match="12 must be apart"):
        resample([of_config[:, :100] for of_config in errors], overlap=12)


def test_blocks_that_remember_are_drawn_together() -> None:
    def length(memory: float) -> int:
        errors = SimulatedSweep(num_configs=4, memory=memory).errors(0)
        return block_length(np.array([of_config.mean(axis=0) for of_config in errors]), 1)

    assert length(0.9) > 2 * length(0.0)
    assert length(0.9) <= 256 / LEAST_INDEPENDENT_BLOCKS


def test_variances_of_seeds_are_drawn_together_as_far_as_they_agree() -> None:
    random = np.random.default_rng(0)
    alike = seed_variances([1 + 0.1 * random.standard_normal(5) for _ in range(20)])
    assert alike.variances.max() / alike.variances.min() < 3
    assert (alike.freedom > 15).all()
    deviations = np.geomspace(0.001, 1, 20)
    unlike = seed_variances([1 + deviation * random.standard_normal(5) for deviation in deviations])
    assert unlike.variances.max() / unlike.variances.min() > 1e4
    assert (unlike.freedom < 6).all()


def test_seeds_that_never_differ_make_nothing_certain_of_a_series() -> None:
    errors = [np.tile(of_config[:1], (5, 1)) for of_config in SimulatedSweep(num_configs=3).errors(5)]
    found = resample(errors)
    assert np.isfinite(found.log_errors).all()
    assert (found.log_errors.std(axis=0) > 0.03).all()
