"""Shares of variance: what must hold by definition, and that they are those of optuna."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from sklearn.tree import DecisionTreeRegressor

from raysweep.analysis import importance
from raysweep.analysis.importance import importances
from raysweep.analysis.ranking import rank
from raysweep.analysis.variance_shares import variance_shares
from tests.analysis.made_sweeps import RATE, WINDOW, Config, grid, make_tables

UNIT = np.array([[0.0, 1.0], [0.0, 1.0]])


def tree_of(scores: list[float]) -> DecisionTreeRegressor:
    """Grown to the end on the four corners of a square, the second column changing first."""
    corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    return DecisionTreeRegressor(random_state=0).fit(corners, scores).tree_


def test_two_inputs_that_add_up_explain_all() -> None:
    shares = variance_shares([tree_of([0.0, 1.0, 3.0, 4.0])], UNIT, [[0], [1]])
    assert shares == pytest.approx([0.9, 0.1])


def test_what_only_both_together_explain_is_no_inputs_own() -> None:
    assert variance_shares([tree_of([0.0, 1.0, 1.0, 0.0])], UNIT, [[0], [1], [0, 1]]) == pytest.approx([0.0, 0.0, 1.0])


def test_values_count_by_how_much_of_the_range_they_hold() -> None:
    # The border between 0 and 1 lies at 0.5, an eighth of the way from 0 to 4: 1/8 * 7/8 of the difference squared.
    wide = np.array([[0.0, 4.0], [0.0, 1.0]])
    share = variance_shares([tree_of([0.0, 1.0, 1.0, 2.0])], wide, [[0]])
    assert share == pytest.approx([7 / 64 / (7 / 64 + 1 / 4)])


def test_a_tree_that_says_one_number_counts_as_none() -> None:
    flat, steep = tree_of([2.0] * 4), tree_of([0.0, 0.0, 1.0, 1.0])
    assert variance_shares([flat], UNIT, [[0], [1]]).tolist() == [0.0, 0.0]
    assert variance_shares([flat, steep], UNIT, [[0], [1]]).tolist() == [1.0, 0.0]


def test_shares_are_those_of_optuna(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `optuna` says of the same configs, scores and seeds, forest by forest."""
    calls = []
    own = importance._shares

    def watched(space, rows, log_scores, seed):  # type: ignore[no-untyped-def]
        shares = own(space, rows, log_scores, seed)
        calls.append((space, rows, log_scores, seed, shares))
        return shares

    monkeypatch.setattr(importance, "_shares", watched)
    generator = np.random.default_rng(3)
    configs: list[Config] = grid(
        model=["att", "lstm", "vq", "vq_mh"], train__time_steps=[32, 64, 100], train__learning_rate=[1e-4, 3e-4, 3e-3]
    )
    tables = make_tables(configs, lambda config: config[WINDOW] * config[RATE] ** 0.1 * generator.lognormal(sigma=0.3))
    importances(rank(tables)[:1])
    assert len(calls) == 2 * importance.NUM_REPEATS
    for space, rows, log_scores, seed, shares in calls:
        assert shares == pytest.approx(by_optuna(space, rows, log_scores, seed), abs=1e-9)


def by_optuna(space, rows, log_scores, seed) -> dict[str, float]:  # type: ignore[no-untyped-def]
    columns, distributions = {}, {}
    for key, searched in space.items():
        if searched.columns.shape[1] == 1:
            columns[key] = searched.columns[:, 0].tolist()
            distributions[key] = FloatDistribution(*searched.bounds)
        else:
            columns[key] = searched.columns.argmax(axis=1).tolist()
            distributions[key] = CategoricalDistribution(range(searched.columns.shape[1]))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    study.add_trials(
        optuna.create_trial(
            params={key: values[row] for key, values in columns.items()}, distributions=distributions, value=score
        )
        for row, score in zip(rows.tolist(), log_scores.tolist(), strict=True)
    )
    evaluator = optuna.importance.FanovaImportanceEvaluator(
        n_trees=importance.NUM_TREES, max_depth=importance.MAX_DEPTH, seed=seed
    )
    return evaluator.evaluate(study, params=list(space))
