"""Configs over several folds, on made-up sweeps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from raysweep.analysis.compare import compare
from raysweep.analysis.fold_table import fold_table
from raysweep.analysis.folds import FoldComparison, over_folds
from raysweep.analysis.ranking import rank
from raysweep.analysis.result_table import ResultTable
from raysweep.analysis.tables import SweepTables
from raysweep.paths import SweepPaths
from tests.analysis.ledgers import FakeTrial, write_ledger
from tests.analysis.made_sweeps import ORIGIN, WINDOW, grid, make_tables, with_phases
from tests.analysis.test_leaderboard import cells

FOLDS = [0.7, 0.85]


def sweep(folder: Path, name: str, trials: Sequence[FakeTrial]) -> SweepPaths:
    return write_ledger(SweepPaths(folder, name), list(trials))


def board_of(sweeps: Sequence[SweepPaths]) -> ResultTable:
    return next(board for board in compare(sweeps) if "one-step forecasts over folds" in board.title)


def one_step(tables: SweepTables) -> FoldComparison:
    return over_folds(rank(tables))[0]


def test_an_explored_score_has_no_place_beside_confirmed_ones() -> None:
    explored = {32: 40.0, 64: 42.0, 128: 44.0}
    configs = grid(train__time_steps=explored, split__origin=FOLDS)
    tables = make_tables(configs, lambda config: explored[config[WINDOW]], seeds=6)
    # Windows 32 and 64 are confirmed in both folds; 128 is in none, though its score is the lowest now.
    comparison = one_step(with_phases(tables, {f"config-{number}" for number in range(4)}))
    assert list(comparison.rows[WINDOW]) == [32, 64]
    assert list(comparison.rows["mean rank"]) == [1, 2]
    assert fold_table(comparison, top=20).notes == (
        "1 config left out: not confirmed in every fold in which others are.",
    )


def test_the_test_part_breaks_no_tie() -> None:
    # Equal mean ranks: att is 20 % above the lowest where it is second, lstm 10 %.
    errors = {("att", 0.7): 100.0, ("att", 0.85): 120.0, ("lstm", 0.7): 110.0, ("lstm", 0.85): 100.0}
    configs = grid(model=["att", "lstm"], split__origin=FOLDS)
    tables = make_tables(configs, lambda config: errors[config["model"], config[ORIGIN]])
    skills = tables.evaluations["skill_ridge"]
    for sign in (1, -1):
        is_att = (tables.evaluations["part"] == "test") & (tables.evaluations["model"] == "att")
        tables.evaluations["skill_ridge"] = skills.mask(is_att, sign * 9.0)
        comparison = one_step(tables)
        assert list(comparison.rows["mean rank"]) == [1.5, 1.5]
        assert list(comparison.rows["model"]) == ["lstm", "att"]
        assert list(comparison.rows["mean excess"]) == pytest.approx([0.05, 0.1])


def test_where_none_is_confirmed_all_have_a_place() -> None:
    comparison = one_step(make_tables(grid(train__time_steps=[32, 64], split__origin=FOLDS), lambda config: 100.0))
    assert len(comparison.rows) == 2
    assert comparison.num_unconfirmed == 0


def test_a_model_that_was_edited_is_another_one(tmp_path: Path) -> None:
    before = [FakeTrial(origin=origin, val=20.0) for origin in FOLDS]
    after = [FakeTrial(origin=origin, val=10.0, model_digest="code-2") for origin in FOLDS]
    partly = board_of([sweep(tmp_path, "before", before), sweep(tmp_path, "partly", after[:1])])
    assert cells(partly, "model", "0.7 rank", "0.85 rank") == [("att", "1", "1")]
    assert "model code" not in [column.title for column in partly.columns]
    assert partly.notes == ("1 config left out: no score in every fold.",)
    whole = board_of([sweep(tmp_path, "before", before), sweep(tmp_path, "after", after)])
    assert cells(whole, "model", "model code", "mean rank") == [("att", "code-2", "1.0"), ("att", "code-1", "2.0")]


def test_configs_that_nothing_tells_apart_are_left_out() -> None:
    configs = [*grid(train__time_steps=[32, 64], split__origin=FOLDS), {WINDOW: 32, ORIGIN: 0.7}]
    comparison = one_step(make_tables(configs, lambda config: 100.0))
    assert list(comparison.rows[WINDOW]) == [64]
    assert fold_table(comparison, top=20).notes == (
        "1 config left out: several with equal settings and model code in a fold.",
    )
