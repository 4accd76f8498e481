"""Who is ranked against whom, and by what."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from raysweep.analysis.compare import compare
from raysweep.analysis.result_table import ResultTable
from raysweep.paths import SweepPaths
from tests.analysis.ledgers import BASELINES, NAN, FakeTrial, sweep_paths, write_ledger


def lstm(**values: Any) -> FakeTrial:
    return FakeTrial(model="lstm", arguments={"hidden_size": 64}, **values)


def boards(paths: SweepPaths, trials: list[FakeTrial], **options: Any) -> list[ResultTable]:
    return compare([write_ledger(paths, trials, **options)])


def cells(board: ResultTable, *titles: str) -> list[tuple[str, ...]]:
    """These columns of all rows."""
    places = [[column.title for column in board.columns].index(title) for title in titles]
    return [tuple(row.cells[place] for place in places) for row in board.rows]


def models(board: ResultTable) -> list[str]:
    return [model for (model,) in cells(board, "model")]


def line(board: ResultTable, word: str) -> str:
    found = [line for line in board.lines_below if word in line]
    assert len(found) == 1, f"{word} in one of {board.lines_below}"
    return found[0]


def test_one_table_a_mode_sorted_by_its_validation_score_alone(paths: SweepPaths) -> None:
    # Each is the best by another score.
    trials = [
        FakeTrial(model="one_step", val=1.0, val_far=30.0, test=9.0, test_far=9.0),
        FakeTrial(model="far", val=20.0, val_far=2.0, test=9.0, test_far=9.0),
        FakeTrial(model="tested", val=30.0, val_far=40.0, test=0.1, test_far=0.1),
    ]
    one_step, far = boards(paths, trials, baselines=False)
    assert one_step.title == "y_w: one-step forecasts (holdout, split.origin 0.85)"
    assert far.title == "y_w: autoregressive forecasts (holdout, split.origin 0.85)"
    assert "val_mse_batch" in one_step.rule
    assert "val_mse_regressive" in far.rule
    assert "120 steps" in far.rule
    assert cells(one_step, "rank", "model", "val MSE", "test MSE") == [
        ("1", "one_step", "1.000", "9.000"),
        ("2", "far", "20.00", "9.000"),
        ("3", "tested", "30.00", "0.1000"),
    ]
    assert cells(far, "rank", "model", "val MSE") == [
        ("1", "far", "2.000"),
        ("2", "one_step", "30.00"),
        ("3", "tested", "40.00"),
    ]


def test_baselines_stand_at_their_place_without_a_rank(paths: SweepPaths) -> None:
    board = boards(paths, [FakeTrial(val=99.0), lstm(val=100.0), FakeTrial(model="vq", val=500.0)])[0]
    assert cells(board, "rank", "model", "remark") == [
        ("1", "att", "unconfirmed"),
        ("-", "ridge", "baseline"),
        ("2", "lstm", "unconfirmed"),
        ("-", "last value", "baseline"),
        ("3", "vq", "unconfirmed"),
        ("-", "train mean", "baseline"),
    ]
    assert [row.style for row in board.rows] == ["ranked", "baseline", "ranked", "baseline", "ranked", "baseline"]
    assert line(board, "Settings") == "Settings of ridge: lags 32, penalty 0.1."
    # As good as a baseline isn't better.
    assert line(board, "best baseline") == (
        "1 of 3 ranked configs beats the best baseline on validation (ridge, MSE 100.0)."
    )


def test_skills_are_those_of_the_test_part(paths: SweepPaths) -> None:
    board = boards(paths, [FakeTrial(val=50.0, test=200.0)])[0]
    assert cells(board, "skill last", "skill mean", "skill ridge")[0] == ("+0.50", "+0.78", "-1.00")


def test_seeds_are_averaged_into_one_row(paths: SweepPaths) -> None:
    trials = [
        FakeTrial(seed=0, val=10.0, test=1.0),
        FakeTrial(seed=1, val=30.0, test=2.0),
        lstm(val=15.0),
        FakeTrial(model="vq", seed=0, val=1.0),
        FakeTrial(model="vq", seed=1, val=NAN),
    ]
    board = boards(paths, trials, baselines=False)[0]
    assert cells(board, "rank", "model", "seeds", "val MSE", "test MSE") == [
        ("1", "lstm", "1", "15.00", "60.00"),
        ("2", "att", "2", "20.00", "1.500"),
        ("3", "vq", "2", "nan", "60.00"),
    ]


def test_stopped_trials_are_below_and_unranked_however_good(paths: SweepPaths) -> None:
    trials = [
        FakeTrial(model="early", status="stopped", epochs=1, val=0.1),
        FakeTrial(model="late", status="stopped", epochs=9, val=0.2),
        FakeTrial(model="done", val=10.0),
    ]
    one_step, far = boards(paths, trials, baselines=False)
    assert cells(one_step, "rank", "model", "val MSE", "test MSE", "remark") == [
        ("1", "done", "10.00", "60.00", "unconfirmed"),
        ("-", "late", "0.2000", "-", "stopped at epoch 9"),
        ("-", "early", "0.1000", "-", "stopped at epoch 1"),
    ]
    assert [row.style for row in one_step.rows] == ["ranked", "unranked", "unranked"]
    assert cells(far, "model", "val MSE") == [("done", "70.00"), ("late", "-"), ("early", "-")]


def test_a_config_of_which_some_seeds_were_stopped_says_so(paths: SweepPaths) -> None:
    trials = [FakeTrial(seed=0, val=10.0), FakeTrial(seed=1, status="stopped"), FakeTrial(seed=2, status="stopped")]
    board = boards(paths, trials, baselines=False)[0]
    assert cells(board, "rank", "seeds", "val MSE", "remark") == [
        ("1", "1", "10.00", "stopped with 2 of 3 seeds, unconfirmed")
    ]
    assert "look better" in line(board, "seeds were stopped")


def test_diverged_shares_the_worst_rank_and_has_no_score(paths: SweepPaths) -> None:
    trials = [
        FakeTrial(model="bad", status="diverged", val=NAN),
        FakeTrial(model="worse", status="diverged", val=NAN),
        FakeTrial(model="mixed", seed=0, val=1.0),
        FakeTrial(model="mixed", seed=1, val=NAN, status="diverged"),
        FakeTrial(model="huge", val=math.inf),
        FakeTrial(model="fine", val=1000.0),
    ]
    board = boards(paths, trials, baselines=False)[0]
    assert cells(board, "rank", "model", "val MSE", "test MSE", "remark") == [
        ("1", "fine", "1,000", "60.00", "unconfirmed"),
        ("2", "huge", "inf", "60.00", "unconfirmed"),
        ("3", "bad", "-", "-", "diverged, unconfirmed"),
        ("3", "worse", "-", "-", "diverged, unconfirmed"),
        ("3", "mixed", "-", "-", "diverged with 1 of 2 seeds, unconfirmed"),
    ]


def test_failed_trials_are_counted_only(paths: SweepPaths) -> None:
    board = boards(paths, [FakeTrial(), FakeTrial(seed=1, status="failed"), lstm(status="failed")])[0]
    assert cells(board, "model", "seeds")[0] == ("att", "1")
    assert "lstm" not in models(board)
    assert line(board, "failed") == "2 trials failed; the errors are in trials.parquet."


def test_nothing_finished_yet(paths: SweepPaths) -> None:
    board, _ = boards(paths, [FakeTrial(status="stopped"), lstm(status="failed"), lstm(seed=1, status="running")])
    assert cells(board, "rank", "model") == [("-", "att")]
    assert line(board, "Nothing to rank") == "Nothing to rank: no trial has finished with a score."


def test_empty_ledger(paths: SweepPaths) -> None:
    assert boards(paths, []) == []


def test_older_trials_are_counted_not_shown(paths: SweepPaths) -> None:
    old = (
        FakeTrial(model_digest="code-0", val=0.1),
        FakeTrial(data="data-0", val=0.1),
        FakeTrial(dataset="gone"),
        FakeTrial(origin=0.6),
    )
    one_step, far = boards(paths, [FakeTrial(val=50.0)], old=old, baselines=False)
    assert cells(one_step, "model", "val MSE") == [("att", "50.00")]
    assert line(one_step, "older") == "2 older trials (of earlier model code, data or settings) not shown."
    assert any(line.startswith("2 older trials of series, folds or windows") for line in far.lines_below)


def test_scores_on_other_series_rank_nothing(paths: SweepPaths) -> None:
    trial = FakeTrial(val=50.0)
    away = tuple(trial.evaluation("val", "batch", 1, 0.5, eval_dataset=name) for name in "abcdefgh")
    found = boards(paths, [trial], extra=away, baselines=False)
    assert [board.title.split(":")[0] for board in found] == ["y_w", "y_w"]
    assert cells(found[0], "val MSE") == [("50.00",)]


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"data": "data-2"}, "its series holds other data: digest data-2, not data-1"),
        ({"data": "data-2", "source": "stand-in"}, "its series is of another source: stand-in, not original"),
        ({"num_targets": 99, "metric": "2"}, "its scores are over 99 points, not 150"),
        ({"metric": "2"}, "its scores are over other points, or by another version of the metric"),
    ],
)
def test_unequal_eval_sets_are_kept_apart_with_the_reason(tmp_path: Path, other: dict[str, Any], reason: str) -> None:
    one = write_ledger(sweep_paths(tmp_path, "one"), [FakeTrial(val=50.0), lstm(val=60.0)])
    two = write_ledger(sweep_paths(tmp_path, "two"), [FakeTrial(model="vq", val=1.0, **other)])
    found = compare([two, one])
    assert [models(board)[:2] for board in found] == [
        ["att", "lstm"],
        ["vq", "ridge"],
        ["att", "lstm"],
        ["vq", "ridge"],
    ]
    assert "Kept apart" not in found[0].rule
    assert f"Kept apart from the table before, because {reason}." in found[1].rule
    assert found[1].title == found[0].title


def test_trials_without_a_score_stand_with_those_of_the_same_data(tmp_path: Path) -> None:
    one = write_ledger(sweep_paths(tmp_path, "one"), [FakeTrial(), lstm(status="stopped")])
    two = write_ledger(sweep_paths(tmp_path, "two"), [FakeTrial(data="d2"), lstm(data="d2", status="diverged")])
    found = compare([one, two])
    assert [cells(board, "sweep", "remark")[-1] for board in found[:2]] == [
        ("one", "stopped at epoch 2"),
        ("two", "diverged, unconfirmed"),
    ]


def test_each_fold_has_tables_of_its_own(paths: SweepPaths) -> None:
    found = boards(paths, [FakeTrial(origin=0.85), FakeTrial(origin=0.6), lstm(origin=0.6)], baselines=False)
    assert [(board.title.partition("split.origin ")[2], len(board.rows)) for board in found[:4]] == [
        ("0.6)", 2),
        ("0.6)", 2),
        ("0.85)", 1),
        ("0.85)", 1),
    ]
    sentence = "Each value of split.origin scores other points and has a table of its own."
    assert sentence in found[0].rule
    found = compare([write_ledger(paths, [FakeTrial(origin=0.85), lstm(origin=0.6, dataset="w_y")])])
    assert [board.title for board in found if sentence in board.rule] == []


def test_replication_shows_the_four_columns_and_sorts_by_val_loss(paths: SweepPaths) -> None:
    trials = [
        FakeTrial(protocol="replication", val=0.0170119, test=1128.09, test_far=1123.62),
        FakeTrial(protocol="replication", model="lstm", arguments={}, val=0.0135345, test=1098.17, test_far=math.nan),
        FakeTrial(protocol="replication", train={"time_steps": 64}),
    ]
    window_64, board = boards(paths, trials)
    assert [window_64.title, board.title] == ["y_w: replication, window 64", "y_w: replication, window 112"]
    assert "in-sample" in board.rule
    assert "never for choosing a model" in board.rule
    titles = ("Predict/mse_regressive", "Predict/mse_batch", "Final/train_loss", "Final/val_loss")
    assert [column.title for column in board.columns if "/" in column.title] == list(titles)
    assert cells(board, "rank", "model", *titles) == [
        ("1", "lstm", "nan", "1,098", "0.006767", "0.01353"),
        ("2", "att", "1,124", "1,128", "0.008506", "0.01701"),
        ("-", "last value", "400.0", "400.0", "-", "-"),
        ("-", "ridge", "100.0", "100.0", "-", "-"),
        ("-", "train mean", "900.0", "900.0", "-", "-"),
    ]
    assert line(board, "on Predict/mse_batch").startswith("0 of 2 ranked configs beat the best baseline")


def test_only_what_varies_is_shown(paths: SweepPaths) -> None:
    trials = [
        FakeTrial(arguments={"d_model": 64, "is_causal": True}),
        FakeTrial(arguments={"d_model": 32, "is_causal": True}),
        lstm(train={"is_align_target": False, "batch_size": 32}),
    ]
    board = boards(paths, trials, baselines=False)[0]
    assert sorted(models(board)) == ["att d_model=32", "att d_model=64", "lstm"]
    titles = [column.title for column in board.columns]
    assert titles[2:6] == ["window", "learning rate", "train.batch_size", "seeds"]


def test_training_on_all_steps_is_shown_where_it_is_a_choice(paths: SweepPaths) -> None:
    board = boards(paths, [FakeTrial(), FakeTrial(train={"is_align_target": False})])[0]
    assert "train.is_align_target" in [column.title for column in board.columns]


def test_many_rows_are_cut_but_for_baselines(paths: SweepPaths) -> None:
    trials = [FakeTrial(train={"time_steps": 10 + index}, val=200.0 + index) for index in range(6)]
    full = boards(paths, trials)[0]
    board = compare([paths], top=2)[0]
    assert models(board) == ["ridge", "att", "att", "last value", "train mean"]
    assert board == full.head(2)
    assert board.lines_below[0] == "4 more configs in trials.parquet."
    assert full.num_hidden == 0
    assert full.lines_below == full.notes


def test_a_narrow_screen_loses_columns_but_never_half_a_number(paths: SweepPaths) -> None:
    full = boards(paths, [FakeTrial(), FakeTrial(protocol="replication")])[0]
    titles = [column.title for column in full.columns]
    widths = [
        max(map(len, [*column.broken_title.split("\n"), *cell]))
        for column, *cell in zip(full.columns, *(row.cells for row in full.rows), strict=True)
    ]
    whole = sum(widths) + 3 * (len(widths) - 1) + 2
    assert full.fitted(whole) == full
    assert full.fitted(whole - 1).no_room_for == ("seconds",)
    narrow = full.fitted(100)
    assert narrow.no_room_for == ("skill mean", "train windows", "params", "seconds")
    assert narrow.lines_below[0] == "A wider terminal also shows skill mean, train windows, params, seconds."
    assert cells(narrow, "rank", "model", "val MSE", "remark") == cells(full, "rank", "model", "val MSE", "remark")
    assert [column.title for column in full.fitted(1).columns] == [
        *("rank", "model", "window", "learning rate", "val MSE", "test MSE", "skill ridge", "remark")
    ]
    assert not set(titles) - {column.title for column in narrow.columns} - set(narrow.no_room_for)


def test_titles_break_where_words_end(paths: SweepPaths) -> None:
    trials = [FakeTrial(protocol="replication"), FakeTrial(protocol="replication", train={"batch_size": 8})]
    titles = [column.broken_title for column in boards(paths, trials)[0].columns]
    assert {"learning\nrate", "train.\nbatch_size", "Predict/\nmse_batch"} <= set(titles)


def test_a_sweep_column_once_there_are_several_and_a_shared_trial_counts_once(tmp_path: Path) -> None:
    shared = FakeTrial(val=10.0)
    one = write_ledger(sweep_paths(tmp_path, "one"), [shared, lstm(val=20.0)])
    two = write_ledger(sweep_paths(tmp_path, "two"), [shared, FakeTrial(seed=1, val=30.0)])
    assert "sweep" not in [column.title for column in compare([one])[0].columns]
    assert cells(compare([one, two])[0], "model", "sweep", "seeds", "val MSE")[:2] == [
        ("att", "one, two", "2", "20.00"),
        ("lstm", "one", "1", "20.00"),
    ]


def test_the_end_of_a_shared_trial_is_believed_before_its_stop(tmp_path: Path) -> None:
    stopped = write_ledger(sweep_paths(tmp_path, "stopped"), [FakeTrial(status="stopped"), lstm(status="stopped")])
    ended = write_ledger(sweep_paths(tmp_path, "ended"), [FakeTrial(val=10.0), lstm(status="diverged", val=NAN)])
    board = compare([stopped, ended])[0]
    assert cells(board, "rank", "model", "val MSE")[0] == ("1", "att", "10.00")
    assert cells(board, "rank", "model", "remark")[-1] == ("2", "lstm", "diverged, unconfirmed")


def test_a_part_that_could_not_be_scored_gives_a_dash_and_no_rank(paths: SweepPaths) -> None:
    board = boards(paths, [FakeTrial(num_targets=0), lstm(val=10.0)], baselines=False)[0]
    assert cells(board, "rank", "model", "val MSE", "remark") == [
        ("1", "lstm", "10.00", "unconfirmed"),
        ("-", "att", "-", "not scored"),
    ]


def test_noise_floor_of_both_parts_in_both_modes(paths: SweepPaths) -> None:
    for board in boards(paths, [FakeTrial()]):
        assert "MSE 16.00 (RMSE 4.000) on validation, MSE 16.00 (RMSE 4.000) on test" in line(board, "Noise floor")


def test_a_noise_floor_that_is_undercut_does_not_hold(paths: SweepPaths) -> None:
    one_step, far = boards(paths, [lstm(val=0.01, test=15.0, val_far=80.0), lstm(seed=1, val=0.03, test=15.0)])
    assert line(one_step, "does not hold").endswith("the lowest MSE on validation is 0.02000.")
    assert sum("does not hold" in note for note in (*one_step.notes, *far.notes)) == 1


@pytest.mark.parametrize("source", ["original", "file", "stand-in"])
def test_made_up_numbers_are_called_so(paths: SweepPaths, source: str) -> None:
    sentence = "y_w is a stand-in that a script made up: these numbers say nothing about measurements."
    assert (sentence in boards(paths, [FakeTrial(source=source)])[0].rule) == (source == "stand-in")


def test_units_are_named(paths: SweepPaths) -> None:
    write_ledger(paths, [FakeTrial()])
    assert "squared units of the data" in compare([paths])[0].rule
    assert "squared ppm" in compare([paths], units={"y_w": "ppm"})[0].rule


def test_a_baseline_that_explodes_is_no_best_one(paths: SweepPaths) -> None:
    trial = FakeTrial(val=50.0)
    exploded = tuple(trial.baselines({**BASELINES, "ridge": NAN}))
    board = boards(paths, [trial], extra=exploded, baselines=False)[0]
    assert cells(board, "model", "val MSE") == [
        ("att", "50.00"),
        ("last value", "400.0"),
        ("train mean", "900.0"),
        ("ridge", "nan"),
    ]
    assert "last value, MSE 400.0" in line(board, "best baseline")
