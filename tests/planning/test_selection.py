"""Which configs are confirmed, and as which trials."""

from __future__ import annotations

import math

import pytest

from raysweep.ledger.reader import KnownTrial
from raysweep.ledger.rows import Status
from raysweep.planning.plan import WantedTrial
from raysweep.planning.selection import confirming_trials, fold_of, select_best
from raysweep.spec.config import trial_id

METRIC = "val_mse_batch"


def _explored(
    *names: str, seeds: tuple[int, ...] = (0,), dataset: str = "wave", origin: float = 0.85
) -> list[WantedTrial]:
    """Configs in the sweep's order."""
    return [
        WantedTrial(
            trial_id=trial_id(name, seed),
            config_id=name,
            config={"dataset": dataset, "split.origin": origin},
            seed=seed,
            position=index,
            phase="explore",
        )
        for index, (name, seed) in enumerate((name, seed) for name in names for seed in seeds)
    ]


def _known(
    scores: dict[tuple[str, int], float | None], metric: str = METRIC, **status: Status
) -> dict[str, KnownTrial]:
    """Trials by config and seed; the status of a config's trials by its name."""
    return {
        trial_id(name, seed): KnownTrial(
            status=status.get(name, "finished"),
            stopped_by=None,
            epochs=3,
            train_seconds=1.0,
            eval_sets=frozenset(),
            scores={METRIC: 99.0, metric: score},
        )
        for (name, seed), score in scores.items()
    }


def _chosen(explored: list[WantedTrial], known: dict[str, KnownTrial], top: int = 5, metric: str = METRIC) -> list[str]:
    (found,) = select_best(explored, known, metric=metric, top=top).values()
    return [trial.config_id for trial in found]


def test_the_lowest_come_first_and_no_more_than_asked_for() -> None:
    known = _known({("a", 0): 3.0, ("b", 0): 1.0, ("c", 0): 2.0})
    assert _chosen(_explored("a", "b", "c"), known) == ["b", "c", "a"]
    assert _chosen(_explored("a", "b", "c"), known, top=2) == ["b", "c"]


def test_the_sweeps_own_metric_decides() -> None:
    known = _known({("a", 0): 3.0, ("b", 0): 1.0}, metric="val_mse_regressive")
    assert _chosen(_explored("a", "b"), known, metric="val_mse_regressive") == ["b", "a"]


def test_a_config_counts_by_the_mean_over_all_its_explored_seeds() -> None:
    scores = {("a", 0): 1.0, ("a", 1): 5.0, ("b", 0): 2.0, ("b", 1): 2.0, ("c", 0): 0.5}
    known = _known({name: score for name, score in scores.items()})
    explored = _explored("a", "b", "c", seeds=(0, 1))
    assert _chosen(explored, known) == ["b", "a"], "c has not finished with every seed"
    assert _chosen(_explored("a", "b", "c"), known) == ["c", "a", "b"]


@pytest.mark.parametrize("status", ["pending", "running", "stopped", "diverged", "failed"])
def test_what_has_not_finished_is_not_chosen(status: Status) -> None:
    assert _chosen(_explored("a", "b"), _known({("a", 0): 1.0, ("b", 0): 2.0}, a=status)) == ["b"]


@pytest.mark.parametrize("score", [None, math.nan, math.inf, -math.inf])
def test_without_a_number_nothing_can_be_said(score: float | None) -> None:
    explored = _explored("a", "b", seeds=(0, 1))
    known = _known({("a", 0): 1.0, ("a", 1): score, ("b", 0): 9.0, ("b", 1): 9.0})
    assert _chosen(explored, known) == ["b"]


def test_ties_dont_depend_on_the_order_of_the_file() -> None:
    known = _known({("a", 0): 1.0, ("b", 0): 1.0, ("c", 0): 1.0})
    assert _chosen(_explored("a", "b", "c"), known, top=2) == _chosen(_explored("c", "b", "a"), known, top=2)


def test_each_series_and_fold_has_its_own_best() -> None:
    explored = [
        *_explored("a", "b"),
        *_explored("c", "d", origin=0.6),
        *_explored("e", dataset="pair"),
        *_explored("f", dataset="short"),
    ]
    scores = {"a": 1.0, "b": 2.0, "c": 50.0, "d": 40.0, "e": 9.0, "f": 1.0}
    known = _known({(name, 0): score for name, score in scores.items()}, f="stopped")
    best = select_best(explored, known, metric=METRIC, top=1)
    assert {fold: [trial.config_id for trial in trials] for fold, trials in best.items()} == {
        ("wave", 0.85): ["a"],
        ("wave", 0.6): ["d"],
        ("pair", 0.85): ["e"],
        ("short", 0.85): [],
    }


def test_confirming_trials_are_those_of_the_same_config_with_other_seeds() -> None:
    explored = _explored("a", "b", seeds=(1, 0))
    known = _known({("a", 0): 2.0, ("a", 1): 2.0, ("b", 0): 1.0, ("b", 1): 1.0})
    best = select_best(explored, known, metric=METRIC, top=5)
    trials = confirming_trials(best, (2, 3), len(explored))
    assert [(trial.config_id, trial.seed, trial.position) for trial in trials] == [
        ("b", 2, 4),
        ("b", 3, 5),
        ("a", 2, 6),
        ("a", 3, 7),
    ]
    assert [trial.trial_id for trial in trials] == [trial_id(trial.config_id, trial.seed) for trial in trials]
    assert {trial.phase for trial in trials} == {"confirm"}
    assert {fold_of(trial.config) for trial in trials} == {("wave", 0.85)}
