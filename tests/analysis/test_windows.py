"""Score against window, on made-up sweeps whose answer is known."""

from __future__ import annotations

import math

import pytest

from raysweep.analysis.figures.windows import draw_windows
from raysweep.analysis.ranking import rank
from raysweep.analysis.tables import SweepTables
from raysweep.analysis.windows import WindowPanel, window_panels, window_table
from tests.analysis.made_sweeps import (
    ORIGIN,
    RATE,
    WINDOW,
    Config,
    grid,
    leaderboards,
    make_tables,
    with_block_errors,
    with_phases,
)

WINDOWS = [32, 64, 128]


def best_at_64(config: Config) -> float:
    rate = 1.0 if config[RATE] == 1e-3 else 1.5
    return 100.0 * rate * (1 + abs(math.log2(config[WINDOW] / 64))) * (2 if config["model"] == "lstm" else 1)


def panels_of(tables: SweepTables) -> list[WindowPanel]:
    return window_panels(tables, rank(tables))


def test_each_point_is_the_best_config_of_its_model_and_window() -> None:
    configs = grid(model=["lstm", "att"], train__time_steps=WINDOWS, train__learning_rate=[1e-3, 3e-3])
    one_step, autoregressive = panels_of(make_tables(configs, best_at_64))
    assert list(one_step.points["model"]) == ["att"] * 3 + ["lstm"] * 3
    assert list(one_step.points["window"]) == WINDOWS * 2
    assert set(one_step.points["learning_rate"]) == {1e-3}
    assert set(one_step.points["num_configs"]) == {2}
    assert list(one_step.points["val"]) == pytest.approx([200, 100, 200, 400, 200, 400])
    assert list(one_step.points["test"]) == pytest.approx([220, 110, 220, 440, 220, 440])
    assert list(autoregressive.points["test"]) == pytest.approx([440, 220, 440, 880, 440, 880])
    assert one_step.best is not None
    assert (one_step.best["model"], one_step.best["window"]) == ("att", 64)
    assert list(one_step.points["num_train_windows"]) == [1268, 1236, 1172] * 2
    assert list(one_step.points["num_steps"]) == [190, 190, 180] * 2
    assert one_step.references == {"last_value": 400, "train_mean": 900, "ridge": 100, "noise_floor": 16}
    assert "noise_floor" not in autoregressive.references


def test_the_test_part_selects_nothing() -> None:
    tables = make_tables(grid(train__time_steps=WINDOWS, train__learning_rate=[1e-3, 3e-3]), best_at_64)
    is_test = tables.evaluations["part"] == "test"
    # On the test part the worst on validation is the best.
    tables.evaluations.loc[is_test, "mse"] = 1e4 / tables.evaluations.loc[is_test, "mse"]
    panel = panels_of(tables)[0]
    assert set(panel.points["learning_rate"]) == {1e-3}
    assert panel.best is not None
    assert panel.best["window"] == 64
    assert panel.best["test"] == panel.points["test"].max()


def test_five_seeds_have_an_interval_and_four_have_none() -> None:
    configs = grid(train__time_steps=WINDOWS)
    few = panels_of(make_tables(configs, best_at_64, seeds=4, noise=0.1))[0]
    assert few.points[["low", "high"]].isna().all(axis=None)
    assert any("fewer than five seeds" in note for note in window_table(few).notes)
    tables = make_tables(configs, best_at_64, seeds=5, noise=0.1)
    assert panels_of(tables)[0].points["low"].isna().all(), "nothing tells how errors vary along the series"
    many, autoregressive = panels_of(with_block_errors(tables, num_blocks=30))
    assert (many.points["low"] < many.points["test"]).all()
    assert (many.points["test"] < many.points["high"]).all()
    assert autoregressive.points["low"].isna().all(), "30 blocks, of which each twelve have targets in common"
    assert "There are no bars" not in draw_windows([many]).caption
    assert not any("fewer than five seeds" in note for note in window_table(many).notes)


def test_survivors_of_a_scheduler_have_no_interval() -> None:
    tables = with_block_errors(make_tables(grid(train__time_steps=[32, 64]), best_at_64, seeds=6, noise=0.1), 30)
    tables.trials.loc[tables.trials["trial_id"] == "config-1-5", "status"] = "stopped"
    panel = panels_of(tables)[0]
    assert list(panel.points["num_seeds"]) == [6, 5]
    assert list(panel.points["low"].isna()) == [False, True]
    assert any("were picked for doing well" in note for note in window_table(panel).notes)


def test_an_explored_score_is_not_the_best_beside_confirmed_ones() -> None:
    explored = {32: 40.0, 64: 42.0, 128: 44.0, 256: 46.0}
    tables = make_tables(grid(train__time_steps=explored), lambda config: explored[config[WINDOW]], seeds=6)
    panel = panels_of(with_phases(tables, {"config-0", "config-1"}))[0]
    assert list(panel.points["val"]) == pytest.approx([46, 48.3, 44, 46])
    assert list(panel.points["has_rank"]) == [True, True, False, False]
    assert panel.best is not None
    assert panel.best["window"] == 32
    assert list(panel.points["is_best_of_model"]) == [True, False, False, False]
    board = window_table(panel)
    assert [row.cells[-1] for row in board.rows] == ["best of all", "", "unconfirmed", "unconfirmed"]
    assert "its worst confirmed window on validation is 64" in board.notes[0]
    assert any("an unconfirmed one isn't called the best" in note for note in board.notes)
    assert "best confirmed is att at window 32" in board.notes[0]
    assert board.notes[0].endswith("; lower on validation, but unconfirmed, is att at window 128.")
    alone = panels_of(with_phases(tables, {"config-0"}, excess=1.2))[0]
    assert "best confirmed is att at window 32" in window_table(alone).notes[0]
    assert "worst" not in window_table(alone).notes[0], "none that is like it to compare with"


def test_confirmed_by_the_other_score_is_said() -> None:
    configs = grid(train__time_steps=[32, 64, 128, 256])
    tables = with_phases(make_tables(configs, lambda config: 40.0 + config[WINDOW], seeds=6), {"config-0", "config-1"})
    one_step, autoregressive = panels_of(tables)
    by = "Confirmed configs were chosen by val_mse_batch, not by the score of this table"
    assert not [note for note in window_table(one_step).notes if note.startswith(by)]
    assert [note for note in window_table(autoregressive).notes if note.startswith(by)]
    assert "best confirmed is att at window 32 (chosen by val_mse_batch), " in window_table(autoregressive).notes[0]
    boards = leaderboards(tables)
    assert [any(note.startswith(by) for note in board.notes) for board in boards] == [False, True]


def test_windows_without_a_score_are_named() -> None:
    def status(config: Config) -> str:
        return "stopped" if config[WINDOW] == 128 else "finished"

    panel = panels_of(make_tables(grid(train__time_steps=WINDOWS), best_at_64, status=status))[0]
    assert list(panel.points["window"]) == [32, 64]
    assert panel.missing == (("att", 128),)
    assert any("att at 128" in note for note in window_table(panel).notes)


def test_nothing_but_stopped_trials_is_an_answer_too() -> None:
    tables = make_tables(grid(train__time_steps=WINDOWS), best_at_64, status=lambda config: "stopped")
    panel = panels_of(tables)[0]
    assert panel.best is None
    assert panel.points.empty
    assert window_table(panel).notes[0].endswith("no config has a score.")


def test_a_panel_for_each_fold_and_mode() -> None:
    configs = grid(train__time_steps=WINDOWS, split__origin=[0.6, 0.85], dataset=["y_w", "w_y"])
    found = panels_of(make_tables(configs, best_at_64))
    places = {(panel.ranking.dataset, panel.ranking.fold, panel.ranking.view.mode) for panel in found}
    assert len(found) == len(places) == 8
    assert {origin for _, origin, _ in places} == {0.6, 0.85}


def test_under_replication_windows_are_not_compared() -> None:
    tables = make_tables(grid(train__time_steps=WINDOWS), best_at_64)
    tables.trials["protocol"] = "replication"
    tables.trials["Final/val_loss"] = 1.0
    tables.trials[ORIGIN] = float("nan")
    assert panels_of(tables) == []


def test_the_table_has_a_row_a_point_and_says_what_the_numbers_say() -> None:
    panel = panels_of(make_tables(grid(train__time_steps=WINDOWS), best_at_64))[0]
    board = window_table(panel, "ppm")
    assert [row.cells[1] for row in board.rows] == ["32", "64", "128"]
    assert [row.cells[-1] for row in board.rows] == ["", "best of all", ""]
    assert "squared ppm" in board.rule
    assert board.notes[0] == (
        "y_w: one-step forecasts (holdout, split.origin 0.85): validation chooses att at window 64, test MSE 110.0, "
        "skill -0.10 against the ridge; its worst window on validation is 32, test MSE 220.0."
    )
