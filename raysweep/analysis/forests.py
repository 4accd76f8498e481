"""Random forests that say how much of a score each key explains: functional ANOVA, by optuna.

By itself, so that a process that grows them needs neither tables nor pandas. Must not know: contests, what is made of
the shares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from raysweep.analysis.late_imports import hidden, spare_numpy

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

NUM_TREES = 6
MAX_DEPTH = 5

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key as optuna sees it.

    Attributes:
        values: Of each config: numbers, or the codes of values that have no order.
        is_code: Which of the two.
    """

    values: Sequence[float | int]
    is_code: bool


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What one forest learns from.

    Attributes:
        rows: (N,) places of configs; one may stand there more than once.
        log_scores: (N,) a score for each.
        seed: Of the forest.
    """

    rows: IntArray
    log_scores: FloatArray
    seed: int


@dataclass(frozen=True, kw_only=True)
class Grove:
    """The forests of one contest.

    Attributes:
        keys: By name; a value for each config.
        samples: One for each forest.
    """

    keys: Mapping[str, Key]
    samples: Sequence[Sample]


def load() -> None:
    """What `grow` needs, before there is anything to ask."""
    spare_numpy()
    with hidden("pandas"):  # which sklearn loads where it is there, in case that somebody hands it tables
        import optuna.importance  # noqa: F401
        import sklearn.ensemble  # noqa: F401


def grow(groves: Sequence[Grove]) -> list[list[dict[str, float]]]:
    """By grove and forest, the share of the variance that each key explains alone."""
    return [_shares_in(grove) if grove.samples else [] for grove in groves]


def _shares_in(grove: Grove) -> list[dict[str, float]]:
    load()
    distributions = {name: _distribution(key) for name, key in grove.keys.items()}
    study = _new_study()
    return [_shares(study, distributions, grove.keys, sample) for sample in grove.samples]


def _distribution(key: Key) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if key.is_code:
        return CategoricalDistribution(sorted(set(key.values)))
    return FloatDistribution(float(min(key.values)), float(max(key.values)))


def _shares(
    study: Any, distributions: dict[str, BaseDistribution], keys: Mapping[str, Key], sample: Sample
) -> dict[str, float]:
    import optuna
    from optuna.importance import FanovaImportanceEvaluator

    if np.ptp(sample.log_scores) == 0:  # a draw of equal scores has nothing to explain
        return dict.fromkeys(keys, 0.0)
    study.given = [
        optuna.create_trial(
            params={name: key.values[row] for name, key in keys.items()}, distributions=distributions, value=score
        )
        for row, score in zip(sample.rows.tolist(), sample.log_scores.tolist(), strict=True)
    ]
    evaluator = FanovaImportanceEvaluator(n_trees=NUM_TREES, max_depth=MAX_DEPTH, seed=sample.seed)
    return {name: float(share) for name, share in evaluator.evaluate(study, params=list(keys)).items()}


def _new_study() -> Study:
    """A study whose trials are the ones it is given, as they are: in a storage each would be copied, and again."""
    import optuna

    class Given(optuna.Study):
        given: Sequence[FrozenTrial] = ()

        def get_trials(self, deepcopy: bool = True, states: object = None) -> list[FrozenTrial]:
            return list(self.given)

    storage = optuna.storages.InMemoryStorage()
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it tells of every study
    try:
        created = optuna.create_study(storage=storage)
    finally:
        optuna.logging.set_verbosity(verbosity)
    return Given(study_name=created.study_name, storage=storage)
