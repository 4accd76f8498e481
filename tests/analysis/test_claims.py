"""What a leaderboard claims, and what it doesn't."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from raysweep.analysis.compare import compare
from raysweep.analysis.result_table import ResultTable
from raysweep.analysis.tables import SweepTables, load_tables
from raysweep.paths import SweepPaths
from tests.analysis.ledgers import FakeTrial, write_ledger
from tests.analysis.made_sweeps import leaderboards
from tests.analysis.simulated_sweeps import SimulatedSweep
from tests.analysis.test_leaderboard import cells, line, lstm, models


def with_blocks(tables: SweepTables, errors: Sequence[np.ndarray], scale: float = 50.0) -> SweepTables:
    """The tables with errors by block: a config each, in the order of trials; all baselines have twice the error.

    Simulated, since a ledger's fake trials have no forecasts that errors could be those of.
    """
    evaluations, trials = tables.evaluations.copy(), tables.trials
    by_trial = {}
    for values, (_, of_config) in zip(errors, trials.groupby("config_id", sort=False), strict=False):
        by_trial |= dict(zip(of_config["trial_id"], values * scale, strict=False))
    usual = errors[0].mean(axis=0)
    for index, row in evaluations.iterrows():
        if row["kind"] == "baseline":
            evaluations.at[index, "block_errors"] = usual * row["mse"] / usual.mean()
        elif row["trial_id"] in by_trial:
            values = by_trial[row["trial_id"]]
            evaluations.at[index, "block_errors"] = values
            evaluations.at[index, "mse"] = values.mean()
    return SweepTables(trials=trials, evaluations=evaluations)


def sweep(paths: SweepPaths, num_configs: int, *, num_seeds: int = 5, more: Sequence[FakeTrial] = ()) -> SweepTables:
    windows = [100 + index for index in range(num_configs)]
    trials = [FakeTrial(train={"time_steps": w}, seed=seed) for w in windows for seed in range(num_seeds)]
    return load_tables([write_ledger(paths, [*trials, *more])])


def one_step(tables: SweepTables) -> ResultTable:
    return leaderboards(tables)[0]


def errors_of(*levels: float, **about: Any) -> list[np.ndarray]:
    found = SimulatedSweep(num_configs=len(levels), seed_deviation=0.02, seed_spread=0.0, **about).errors(4)
    return [values * level / values.mean() for values, level in zip(found, levels, strict=True)]


def test_fewer_than_five_seeds_carry_no_interval_and_no_rank_beside_others(paths: SweepPaths) -> None:
    tables = with_blocks(sweep(paths, 2, more=[lstm(val=1.0)]), errors_of(1.0, 1.01))
    board = one_step(tables)
    rows = cells(board, "rank", "model", "seeds", "interval", "remark")
    assert [row[:3] for row in rows if row[1] in ("att", "lstm")] == [
        ("1", "att", "5"),
        ("1", "att", "5"),
        ("-", "lstm", "1"),
    ]
    assert all(" to " in row[3] for row in rows if row[1] == "att")
    assert rows[-1][3:] == ("-", "unconfirmed")
    assert "stand below, without a rank" in line(board, "Unconfirmed")
    assert "95% interval is that of the validation score" in board.rule


def test_the_score_lies_in_its_interval(paths: SweepPaths) -> None:
    board = one_step(with_blocks(sweep(paths, 3), errors_of(1.0, 2.0, 4.0)))
    for model, score, interval in cells(board, "model", "val MSE", "interval"):
        if model == "att":
            low, high = (float(end) for end in interval.split(" to "))
            assert low < float(score) < high


def test_survivors_of_a_scheduler_carry_no_claim(paths: SweepPaths) -> None:
    stopped = [FakeTrial(train={"time_steps": 100}, seed=seed, status="stopped") for seed in range(5, 10)]
    board = one_step(with_blocks(sweep(paths, 3, more=stopped), errors_of(0.5, 1.0, 2.0)))
    rows = cells(board, "rank", "window", "seeds", "interval", "remark")
    assert [row[:2] for row in rows if row[1] != "-"] == [("1", "101"), ("2", "102"), ("-", "100")]
    assert rows[-1] == ("-", "100", "5", "-", "stopped with 5 of 10 seeds, unconfirmed")
    assert "known to be the best of the 2 confirmed configs" in line(board, "known to be")
    assert line(board, "Unconfirmed").startswith(
        "Unconfirmed: 1 of 3 configs has fewer than 5 seeds, or seeds that were stopped, and those that are left were "
        "picked for doing well."
    )
    assert "makes it look better than the config is" in line(board, "Where seeds were stopped")


def test_survivors_alone_confirm_nothing(paths: SweepPaths) -> None:
    stopped = [FakeTrial(train={"time_steps": 100}, seed=5, status="stopped")]
    board = one_step(with_blocks(sweep(paths, 1, more=stopped), errors_of(0.5)))
    assert "interval" not in [column.title for column in board.columns]
    assert "Nothing is claimed" in line(board, "Unconfirmed")


def test_where_none_is_confirmed_nothing_is_claimed(paths: SweepPaths) -> None:
    board = one_step(with_blocks(sweep(paths, 2, num_seeds=4), errors_of(1.0, 3.0)))
    assert [rank for rank, model in cells(board, "rank", "model") if model == "att"] == ["1", "2"]
    assert "interval" not in [column.title for column in board.columns]
    assert "Nothing is claimed" in line(board, "Unconfirmed")
    assert "luck helped" in line(board, "The lowest of 2 such scores")
    assert "Its test score has seen no choice." in line(board, "The lowest of 2 such scores")


def test_equals_share_the_first_rank_and_the_others_follow(paths: SweepPaths) -> None:
    board = one_step(with_blocks(sweep(paths, 4), errors_of(1.0, 1.01, 3.0, 4.0)))
    assert [rank for rank, model in cells(board, "rank", "model") if model == "att"] == ["1", "1", "3", "4"]
    assert "shared by the 2 that may be the best of the 4 confirmed configs" in line(board, "Rank 1")
    assert "stretches of the series like this one" in line(board, "Rank 1")


def test_one_that_is_clearly_best_holds_the_first_rank_alone(paths: SweepPaths) -> None:
    board = one_step(with_blocks(sweep(paths, 2), errors_of(1.0, 3.0)))
    assert [rank for rank, model in cells(board, "rank", "model") if model == "att"] == ["1", "2"]
    assert "att (window 100, learning rate 0.001) is known to be the best of the 2" in line(board, "known to be")


def test_a_real_difference_from_the_best_baseline_is_said_in_the_row(paths: SweepPaths) -> None:
    # The ridge's error is 100 in the ledger; these are 50, 99 and 300.
    board = one_step(with_blocks(sweep(paths, 3), errors_of(1.0, 1.98, 6.0)))
    remarks = [remark for model, remark in cells(board, "model", "remark") if model == "att"]
    assert remarks == ["better than ridge", "", "worse than ridge"]
    assert line(board, "Against ridge") == (
        "Against ridge, start by start: 1 of the 3 confirmed configs is better, 1 worse, and 1 can't be told from it "
        "(95% for all of them together)."
    )


def test_too_short_a_part_gives_no_interval_and_says_why(paths: SweepPaths) -> None:
    board = one_step(with_blocks(sweep(paths, 2), errors_of(1.0, 3.0, num_blocks=8)))
    assert [rank for rank, model in cells(board, "rank", "model") if model == "att"] == ["1", "1"]
    assert "interval" not in [column.title for column in board.columns]
    assert "room for only 8 stretches" in line(board, "No intervals and no claims")


def test_starts_that_overlap_are_not_taken_for_independent(paths: SweepPaths) -> None:
    tables = with_blocks(sweep(paths, 2), errors_of(1.0, 3.0, num_blocks=27))
    tables.evaluations["num_targets"] = 27 * 120 - 660
    one, far = leaderboards(tables)
    assert "interval" in [column.title for column in one.columns]
    assert "room for only 2 stretches of forecasts up to 120 steps ahead" in line(far, "No intervals")


@pytest.mark.parametrize(
    ("num_blocks", "said"),
    [
        (
            3,
            "has no room for a whole stretch of forecasts up to 120 steps ahead, and 12 that share no point are needed",
        ),
        (12, "has room for only 1 stretch of forecasts up to 120 steps ahead that share no point, and 12 are needed"),
    ],
)
def test_hardly_any_room_is_said_in_words(paths: SweepPaths, num_blocks: int, said: str) -> None:
    tables = with_blocks(sweep(paths, 2), errors_of(1.0, 3.0, num_blocks=num_blocks))
    tables.evaluations["num_targets"] = num_blocks * 120
    assert said in line(leaderboards(tables)[1], "No intervals")


def test_errors_that_were_not_kept_give_no_interval(paths: SweepPaths) -> None:
    board = one_step(sweep(paths, 2))
    assert "errors by block of starts of some configs are missing" in line(board, "No intervals and no claims")


def test_replication_claims_nothing(paths: SweepPaths) -> None:
    trials = [FakeTrial(protocol="replication", seed=seed, val=0.1) for seed in range(5)]
    board = one_step(load_tables([write_ledger(paths, trials)]))
    assert "in-sample" in line(board, "No intervals and no claims")
    assert cells(board, "rank", "model")[0] == ("1", "att")


def test_more_than_twenty_are_cut_to_the_best_twenty(paths: SweepPaths) -> None:
    levels = [1.0] * 20 + [1.5, 1.6]
    board = one_step(with_blocks(sweep(paths, 22), errors_of(*levels)))
    ranks = [rank for rank, model in cells(board, "rank", "model") if model == "att"]
    assert ranks[-2:] == ["21", "22"]
    assert "the 20 best of 22 confirmed configs" in line(board, "Rank 1")
    assert all(" to " in text for model, text in cells(board, "model", "interval") if model == "att")


def phased(tables: SweepTables) -> SweepTables:
    """Seed 0 explored, all others fresh."""
    phases = tables.trials["seed"].map(lambda seed: "explore" if seed == 0 else "confirm")
    return SweepTables(trials=tables.trials.assign(phase=phases), evaluations=tables.evaluations)


def test_a_confirmed_config_is_scored_by_its_fresh_seeds_alone(paths: SweepPaths) -> None:
    errors = [values.copy() for values in errors_of(1.0, 2.0, num_seeds=6)]
    fresh = float(errors[0][1:].mean() * 50)
    errors[0][0] *= 0.5
    explored = float(errors[0][0].mean() * 50)
    more = [lstm(val=900.0 + index, train={"time_steps": 200 + index}) for index in range(3)]
    tables = phased(with_blocks(sweep(paths, 2, num_seeds=6, more=more), errors))
    board = one_step(tables)
    assert cells(board, "model", "seeds", "val MSE")[0] == ("att", "5", f"{fresh:.2f}")
    sentence = line(board, "was chosen as the best of")
    assert sentence.startswith(
        f"att (window 100, learning rate 0.001) was chosen as the best of 5 by one seed, with MSE {explored:.2f}; "
    )
    assert (
        f"with 5 fresh seeds its MSE is {fresh:.2f}, {fresh / explored - 1:.0%} more than it was chosen for" in sentence
    )
    assert "the 2 chosen configs have" in line(board, "In the mean")


def test_what_was_chosen_by_another_score_is_not_called_the_best(paths: SweepPaths) -> None:
    tables = phased(with_blocks(sweep(paths, 2, num_seeds=6, more=[lstm(val=1.0)]), errors_of(1.0, 2.0, num_seeds=6)))
    assert not [text for text in one_step(tables).lines_below if "was chosen as" in text]


def test_the_best_of_several_was_chosen_and_says_so_in_each_table(paths: SweepPaths) -> None:
    tables = with_blocks(sweep(paths, 3), errors_of(1.0, 1.1, 1.2, num_blocks=30))
    one, far = leaderboards(tables)
    assert line(one, "seen no choice") == (
        "The first config was chosen from 3, on the same validation points that its score and interval are of, "
        "which flatters it; its test score has seen no choice."
    )
    assert "was chosen from 3, on the same validation points that its score is of" in line(far, "seen no choice")


def test_an_only_config_was_not_chosen(paths: SweepPaths) -> None:
    tables = with_blocks(sweep(paths, 1), errors_of(1.0))
    assert not [text for text in one_step(tables).lines_below if "seen no choice" in text]


def test_without_phases_nothing_is_said_of_choosing(paths: SweepPaths) -> None:
    tables = with_blocks(sweep(paths, 2), errors_of(1.0, 2.0))
    no_phase = SweepTables(
        trials=tables.trials.assign(phase=pd.Series(None, index=tables.trials.index, dtype="str")),
        evaluations=tables.evaluations,
    )
    assert one_step(no_phase) == one_step(tables)
    assert not [text for text in one_step(tables).lines_below if "was chosen as" in text]


def test_ranks_and_skills_over_folds_stand_side_by_side(paths: SweepPaths) -> None:
    trials = [
        FakeTrial(origin=0.6, val=10.0, test=50.0),
        FakeTrial(origin=0.85, val=30.0, test=20.0),
        lstm(origin=0.6, val=20.0, test=200.0),
        lstm(origin=0.85, val=5.0, test=10.0),
        FakeTrial(model="vq", origin=0.6, val=1.0),
    ]
    found = compare([write_ledger(paths, trials)])
    assert len(found) == 6
    board = found[4]
    assert board.title == "y_w: one-step forecasts over folds (holdout, split.origin)"
    assert cells(board, "model", "mean rank", "mean skill", "0.6 rank", "0.6 skill", "0.85 rank", "0.85 skill") == [
        # On validation lstm is twice and once the lowest, att once and six times; skills are no argument.
        ("lstm", "1.5", "-0.05", "2", "-1.00", "1", "+0.90"),
        ("att", "1.5", "+0.65", "1", "+0.50", "2", "+0.80"),
    ]
    assert board.notes == ("1 config left out: no score in every fold.",)


@pytest.mark.parametrize("origins", [(0.85,), (0.6, 0.85)])
def test_one_fold_has_no_table_over_folds(tmp_path: Path, origins: tuple[float, ...]) -> None:
    paths = SweepPaths(tmp_path, "folds")
    models_of = {0.6: "vq", 0.85: "att"}  # no config stands in both
    found = compare([write_ledger(paths, [FakeTrial(model=models_of[origin], origin=origin) for origin in origins])])
    assert not [board for board in found if "over folds" in board.title]
    assert models(found[0])[0] in models_of.values()
