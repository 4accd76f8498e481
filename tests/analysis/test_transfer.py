"""What carries over, on made-up sweeps."""

from __future__ import annotations

import pandas as pd
import pytest

from raysweep.analysis.figures.transfer import draw_transfer
from raysweep.analysis.ranking import rank
from raysweep.analysis.tables import SweepTables
from raysweep.analysis.transfer import Transfer, transfers
from raysweep.analysis.transfer_table import transfer_table
from tests.analysis.made_sweeps import RATE, WINDOW, Config, grid, leaderboards, make_tables, ridge_rows

SERIES = ["one", "two"]


def error(config: Config) -> float:
    return {("att", "one"): 100.0, ("att", "two"): 80.0, ("vq", "one"): 200.0, ("vq", "two"): 40.0}[
        config["model"], config["dataset"]
    ] * (1.0 if config[WINDOW] == 64 else 2.0)


def made(away: float | None = 160.0, *, ridges: bool = True) -> SweepTables:
    configs = grid(model=["att", "vq"], dataset=SERIES, train__time_steps=[32, 64])
    tables = make_tables(
        configs, error, evaluate_on=[*SERIES, "third"], away=lambda config, name: None if name == "third" else away
    )
    if not ridges:
        return tables
    carried = [ridge_rows("one", "two", 120.0), ridge_rows("two", "one", 300.0)]
    return SweepTables(trials=tables.trials, evaluations=pd.concat([tables.evaluations, *carried], ignore_index=True))


def transfers_of(tables: SweepTables) -> list[Transfer]:
    return transfers(tables, rank(tables))


def cell(found: Transfer, model: str, home: str, series: str) -> pd.Series:
    cells = found.cells
    (index,) = cells.index[(cells["model"] == model) & (cells["trained_on"] == home) & (cells["forecast"] == series)]
    return cells.loc[index]


def test_the_matrix_by_hand() -> None:
    one_step, autoregressive = transfers_of(made())
    assert one_step.series == ("one", "two", "third")
    assert [model for model, _ in one_step.matrices] == ["att", "vq", "ridge"]
    at_home = cell(one_step, "att", "one", "one")
    assert at_home["window"] == 64  # the best by validation, on the home series
    assert at_home["mse"] == pytest.approx(110)
    assert at_home["skill_last"] == pytest.approx(1 - 110 / 400)
    away = cell(one_step, "att", "one", "two")
    assert away["skill_last"] == pytest.approx(1 - 176 / 400)
    assert away["skill_ridge"] == pytest.approx(1 - 176 / 100)
    # What att loses on `two` against att that was trained there, whose error is 88.
    assert away["gap"] == pytest.approx(176 / 400 - 88 / 400)
    assert at_home["gap"] == 0
    assert cell(autoregressive, "att", "one", "two")["mse"] == pytest.approx(352)


def test_the_ridge_stands_beside_at_home_and_carried_over() -> None:
    one_step = transfers_of(made())[0]
    assert cell(one_step, "ridge", "one", "one")["mse"] == 100
    carried = cell(one_step, "ridge", "one", "two")
    assert carried["mse"] == 120
    assert carried["gap"] == pytest.approx(20 / 400)
    assert any("2 of 4 beat the ridge that was carried over" in note for note in transfer_table(one_step).notes)


def test_a_model_may_have_the_name_of_the_ridge() -> None:
    configs = grid(model=["ridge", "vq"], dataset=SERIES)
    found = transfers_of(make_tables(configs, lambda config: 50.0, evaluate_on=SERIES))[0]
    own, baseline = (cells.set_index(["trained_on", "forecast"]) for model, cells in found.matrices if model == "ridge")
    assert own.loc[("one", "two"), "gap"] == pytest.approx((100 * 1.1 - 50 * 1.1) / 400)
    assert own.loc[("one", "one"), "mse"] == pytest.approx(55)
    assert baseline.loc[("one", "one"), "mse"] == 100
    ridges = [(row.style, row.cells[1]) for row in transfer_table(found).rows if row.cells[0] == "ridge"]
    assert ridges == [("ranked", "one"), ("ranked", "two"), ("baseline", "one"), ("baseline", "two")]
    titles = [axes.get_title(loc="left") for axes in draw_transfer(found).figure.axes]
    assert titles == ["ridge, window 64", "vq, window 64", "ridge (baseline)"]


def test_carried_ridges_are_in_no_leaderboard() -> None:
    boards = leaderboards(made())
    shown = {cell for board in boards for row in board.rows for cell in row.cells}
    assert "ridge" in shown
    assert not any("ridge from" in text for text in shown)
    assert [board.notes for board in boards] == [board.notes for board in leaderboards(made(ridges=False))]


def test_a_series_that_is_too_short_gets_a_dash_and_the_reason() -> None:
    one_step = transfers_of(made())[0]
    third = cell(one_step, "att", "one", "third")
    assert third["num_seeds"] == 0
    assert third["reason"] == "third is too short"
    board = transfer_table(one_step)
    column = [item.title for item in board.columns].index("on third")
    assert {row.cells[column] for row in board.rows} == {"-"}
    assert any("third is too short" in note for note in board.notes)
    picture = draw_transfer(one_step)
    assert "third is too short" in picture.caption
    (below,) = (text.get_text() for text in picture.figure.texts)
    assert "hatched: no score" in below
    assert "third is too short" in below


def test_a_sweep_from_before_ridges_were_carried_says_so() -> None:
    board = transfer_table(transfers_of(made(ridges=False))[0])
    assert any("no score of the ridge of one on two is in these tables" in note for note in board.notes)


def test_scores_over_other_points_are_not_compared() -> None:
    tables = made()
    rows = tables.evaluations
    is_odd = (rows["config_id"] == "config-1") & (rows["eval_dataset"] == "two")  # att of `one` at window 64
    rows.loc[is_odd, "eval_set_hash"] = "other points"
    odd = cell(transfers_of(tables)[0], "att", "one", "two")
    assert odd["num_seeds"] == 0
    assert "other points" in odd["reason"]


def test_seeds_are_averaged_and_nan_does_not_drop_out() -> None:
    configs = grid(model=["att"], dataset=SERIES)
    tables = make_tables(configs, lambda config: 100.0, seeds=2, evaluate_on=SERIES)
    rows = tables.evaluations
    is_one = (rows["trial_id"] == "config-0-0") & (rows["eval_dataset"] == "two")
    rows.loc[is_one, ["mse", "skill_last"]] = 300.0
    assert cell(transfers_of(tables)[0], "att", "one", "two")["mse"] == pytest.approx((300 + 110) / 2)
    rows.loc[is_one, ["mse", "skill_last"]] = float("nan")
    assert pd.isna(cell(transfers_of(tables)[0], "att", "one", "two")["mse"])


@pytest.mark.parametrize("reason", ["no longer asked for", "explored"])
def test_only_the_seeds_of_the_leaderboard_are_averaged(reason: str) -> None:
    # Seed 0 was lucky, at home and away; scores are taken from seeds 1 and 2.
    tables = make_tables(grid(dataset=SERIES), lambda config: 100.0, seeds=3, evaluate_on=SERIES)
    if reason == "explored":
        tables.trials["phase"] = tables.trials["seed"].map(lambda seed: "explore" if seed == 0 else "confirm")
    else:
        tables.trials["is_current"] = tables.trials["seed"] > 0
    is_lucky = (tables.evaluations["kind"] == "trial") & (tables.evaluations["seed"] == 0)
    tables.evaluations.loc[is_lucky, ["mse", "skill_last"]] = 1.0
    rankings = rank(tables)
    found = transfers(tables, rankings)[0]
    for home in SERIES:
        (row,) = (
            each.rows.loc[each.rows["place"] == "ranked"].iloc[0] for each in rankings[::2] if each.dataset == home
        )
        at_home = cell(found, "att", home, home)
        assert (at_home["num_seeds"], at_home["mse"]) == (row["num_scored"], row["test.mse"])
    away = cell(found, "att", "one", "two")
    assert (away["num_seeds"], away["mse"]) == (2, pytest.approx(110.0))


def test_trained_on_one_series_alone() -> None:
    tables = make_tables(grid(train__learning_rate=[1e-3, 3e-3]), lambda config: config[RATE] * 1e5, evaluate_on=["b"])
    found = transfers_of(tables)[0]
    assert found.series == ("y_w", "b")
    assert pd.isna(cell(found, "att", "y_w", "b")["gap"])
    board = transfer_table(found)
    # On b the error is 110 after carrying over and that of the ridge trained there 100; the last value has 400.
    assert cell(found, "att", "y_w", "b")["gap_ridge"] == pytest.approx(10 / 400)
    assert [column.title for column in board.columns][-2:] == ["on b", "gap to ridge"], "no column of dashes"
    assert [row.cells[-1] for row in board.rows] == ["+0.03", "-"]
    assert any("list these series under dataset" in note for note in board.notes)


def test_nothing_forecast_elsewhere_means_no_matrix() -> None:
    assert transfers_of(make_tables(grid(model=["att", "vq"]), lambda config: 100.0)) == []
    side_by_side = grid(model=["att", "vq"], dataset=SERIES)
    assert transfers_of(make_tables(side_by_side, lambda config: 100.0)) == []
