"""Sweeps as people have them, in which an easy sentence would be false."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import pytest

from raysweep.analysis.compare import compare
from raysweep.analysis.overview import Overview, overview
from raysweep.ledger.rows import Phase
from raysweep.paths import SweepPaths
from tests.analysis.ledgers import FakeTrial, write_ledger
from tests.analysis.test_leaderboard import cells, line


def one(model: str, val: float, **options: Any) -> FakeTrial:
    return FakeTrial(model=model, arguments={}, val=val, **options)


def seeds(model: str, val: float, *, first: int = 0, phase: Phase | None = None) -> list[FakeTrial]:
    return [one(model, val + 0.1 * seed, seed=seed, phase=phase) for seed in range(first, first + 5)]


def said(found: Overview, question: str) -> str:
    return " ".join(dict(found.answers)[question])


def test_an_unconfirmed_config_that_beats_the_baseline_is_named(paths: SweepPaths) -> None:
    found = overview([write_ledger(paths, [*seeds("att", 105.0), one("lstm", 60.0)])])
    best = said(found, "What is best")
    assert best.startswith("No confirmed config beats the best baseline on y_w one step ahead: the best, att ")
    assert "; lstm with window 112, unconfirmed, is 40.0 % below ridge" in best
    assert "confirm lstm with window 112 with fresh seeds" in said(found, "What next").lower()
    assert "was chosen from 2, on" in line(found.tables[0], "seen no choice"), "it isn't the best of the two"


def test_a_config_that_a_scheduler_picked_seeds_of_is_not_confirmed(paths: SweepPaths) -> None:
    stopped = one("att", 50.0, seed=9, status="stopped")
    found = overview([write_ledger(paths, [*seeds("att", 50.0), stopped, one("lstm", 60.0)])])
    assert "a scheduler stopped 1 of its 6 seeds, and those that are left were picked" in said(found, "Is it real")
    assert "onfirm the best five" in said(found, "What next")


def test_ties_have_no_effect(paths: SweepPaths) -> None:
    choices = itertools.product(("att", "lstm", "vq"), (16, 32, 64))
    trials = [one(model, 70.1, train={"batch_size": size}) for model, size in choices]
    found = overview([write_ledger(paths, trials)], shown=("mattered",))
    assert "no choice lowers the error by more than its interval" in said(found, "What mattered")


def test_one_setting_tells_nothing_of_effects(paths: SweepPaths) -> None:
    found = overview([write_ledger(paths, [one("att", 50.0), one("lstm", 60.0)])])
    assert "can't tell which choice lowers the error: none was made in two settings" in said(found, "What mattered")


@pytest.mark.parametrize("num_chosen", [2, 3])
def test_what_two_scores_may_have_chosen_by_is_not_called_another(paths: SweepPaths, num_chosen: int) -> None:
    """Both scores would have chosen the same configs."""
    explored = [one("att", 50.0, val_far=70.0), one("lstm", 51.0, val_far=71.0), one("vq", 80.0, val_far=90.0)]
    explored = [replace(trial, phase="explore") for trial in explored]
    fresh = [replace(trial, seed=seed, phase="confirm") for trial in explored[:num_chosen] for seed in range(1, 6)]
    for board in compare([write_ledger(paths, [*explored, *fresh])]):
        assert not [text for text in board.lines_below if "not by the score of this table" in text]


@pytest.mark.parametrize("explored", [0.0, 50.0])
@pytest.mark.parametrize("change", [{"val": math.nan}, {"status": "diverged"}])
def test_a_fresh_seed_without_a_score_is_no_good_news(
    paths: SweepPaths, explored: float, change: dict[str, Any]
) -> None:
    fresh = seeds("att", 52.0, first=1, phase="confirm")
    trials = [one("att", explored, phase="explore"), one("lstm", 60.0, phase="explore"), *fresh[:4]]
    board = compare([write_ledger(paths, [*trials, replace(fresh[4], **change)])])[0]
    assert "; of its 5 fresh seeds not all have a finite MSE." in line(board, "was chosen as the best of 2")


def test_a_score_of_zero_is_told_without_a_share(paths: SweepPaths) -> None:
    trials = [one("att", 0.0, phase="explore"), one("lstm", 60.0, phase="explore")]
    board = compare([write_ledger(paths, [*trials, *seeds("att", 52.0, first=1, phase="confirm")])])[0]
    assert line(board, "was chosen as the best of 2").endswith("with 5 fresh seeds its MSE is 52.30.")


def test_chosen_configs_without_fresh_scores_are_counted(paths: SweepPaths) -> None:
    explored = [one(model, val, phase="explore") for model, val in (("att", 50.0), ("lstm", 51.0), ("vq", 52.0))]
    fresh = [trial for model in ("att", "lstm") for trial in seeds(model, 55.0, first=1, phase="confirm")]
    failed = [one("vq", 55.0, seed=seed, status="failed", phase="confirm") for seed in range(1, 6)]
    board = compare([write_ledger(paths, [*explored, *fresh, *failed])])[0]
    assert "the 2 of 3 chosen configs that can be compared have" in line(board, "In the mean")


def test_replication_has_no_test_score_that_has_seen_no_choice(paths: SweepPaths) -> None:
    trials = [one("att", 0.5, protocol="replication"), one("lstm", 0.6, protocol="replication")]
    (board,) = compare([write_ledger(paths, trials)])
    assert not [text for text in board.lines_below if "test score" in text]


def test_a_score_of_zero_is_no_divergence(paths: SweepPaths) -> None:
    scores = {("att", 64): 0.0, ("att", 128): 55.0, ("lstm", 64): 50.0, ("lstm", 128): 55.0}
    trials = [one(model, val, train={"time_steps": window}) for (model, window), val in scores.items()]
    tables = overview([write_ledger(paths, trials)], shown=("mattered",)).tables
    assert not [text for table in tables for text in table.lines_below if "diverged" in text]


def test_rates_that_always_diverge_stand_last(paths: SweepPaths) -> None:
    trials = [
        one(model, 50.0 + place, train={"learning_rate": rate}, status="finished" if rate == 1e-3 else "diverged")
        for place, model in enumerate(("att", "lstm", "vq"))
        for rate in (1e-3, 1e-2, 1e-1, 0.5)
    ]
    tables = overview([write_ledger(paths, trials)], shown=("mattered",)).tables
    table = next(table for table in tables if "average rank" in table.title and " and " not in table.title)
    places = {row[1]: row[2] for row in cells(table, "key", "value", "place")}
    assert {places[rate] for rate in ("0.01", "0.1", "0.5")} == {"100%"}, places


def test_two_windows_that_tie_are_neither_best_nor_worst(paths: SweepPaths) -> None:
    trials = [one("att", 50.0, train={"time_steps": window}) for window in (64, 128)]
    found = overview([write_ledger(paths, trials)])
    assert "worst window" not in said(found, "Which window")
