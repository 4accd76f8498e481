"""Average ranks of values and pairs, on made-up sweeps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from raysweep.analysis.rank_table import RankTable, pair_table, rank_tables, value_table
from raysweep.analysis.ranking import rank
from raysweep.analysis.tables import SweepTables
from tests.analysis.made_sweeps import RATE, WINDOW, Config, grid, make_tables, with_phases


def table_of(tables: SweepTables) -> RankTable:
    return rank_tables(rank(tables))[0]


def ranks_of(table: RankTable, key: str) -> dict[str, tuple[float, int]]:
    rows = table.values[table.values["key"] == key]
    return {row["value"]: (row["mean_rank"], row["num_configs"]) for _, row in rows.iterrows()}


def model_first(config: Config) -> float:
    return {"att": 100.0, "vq": 200.0}[config["model"]] + config[WINDOW] / 100


def test_average_ranks_by_hand_over_two_contests() -> None:
    configs = grid(model=["att", "vq"], train__time_steps=[32, 64, 128], dataset=["y_w", "w_y"])
    table = table_of(make_tables(configs, model_first))
    assert (table.num_contests, table.sizes) == (2, (6, 6))
    assert ranks_of(table, "model") == {"att": (2.0, 6), "vq": (5.0, 6)}
    assert ranks_of(table, "train.time_steps") == {"32": (2.5, 4), "64": (3.5, 4), "128": (4.5, 4)}
    places = table.values.set_index("value")["place"]
    assert places["att"] == pytest.approx(0.2)
    (pair,) = table.pairs
    assert pair.keys == ("model", "train.time_steps")
    assert pair.mean_rank.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert pair.num_configs.tolist() == [[2, 2, 2], [2, 2, 2]]
    assert table.confounded == {}


def test_an_argument_counts_where_a_model_has_it() -> None:
    configs = [{"model": "att", "model.d_model": size, WINDOW: window} for size in (32, 64) for window in (32, 64)]
    configs += [{"model": "vq", WINDOW: window} for window in (32, 64)]
    table = table_of(make_tables(configs, lambda config: model_first(config) + config.get("model.d_model", 0)))
    assert ranks_of(table, "model.d_model") == {"32": (1.5, 2), "64": (3.5, 2)}
    by_keys = {pair.keys: pair for pair in table.pairs}
    assert by_keys["model", "model.d_model"].num_configs.tolist() == [[2, 2], [0, 0]]


def test_cells_that_nobody_tried_are_empty() -> None:
    configs = [{"model": "att", WINDOW: 32}, {"model": "att", WINDOW: 64}, {"model": "vq", WINDOW: 64}]
    table = table_of(make_tables(configs, model_first))
    (pair,) = table.pairs
    assert pair.num_configs.tolist() == [[1, 1], [0, 1]]
    assert np.isnan(pair.mean_rank[1, 0])
    assert pair_table(table, pair).rows[1].cells == ("vq", "-", "3.0 (1)")


def test_entangled_keys_are_named() -> None:
    # att nearly always with the low rate, vq nearly always with the high one.
    configs = [
        {"model": model, RATE: rate, WINDOW: window}
        for window in (32, 64, 128, 256)
        for model, rate in [("att", 1e-3), ("vq", 3e-3)]
    ]
    configs += [{"model": "att", RATE: 3e-3, WINDOW: 32}, {"model": "vq", RATE: 1e-3, WINDOW: 32}]
    table = table_of(make_tables(configs, model_first))
    assert list(table.confounded) == [("model", RATE)]
    assert table.confounded["model", RATE] == pytest.approx(0.6)
    assert any("entangled" in note for note in value_table(table).notes)


def test_a_series_that_only_one_value_was_tried_on_is_named() -> None:
    configs = [{"model": "att", "dataset": "y_w", WINDOW: window} for window in (32, 64)]
    configs += [{"model": "vq", "dataset": "w_y", WINDOW: window} for window in (32, 64)]
    configs += [{"model": "att", "dataset": "w_y", WINDOW: 32}]
    table = table_of(make_tables(configs, model_first))
    assert ("model", "dataset") in table.confounded or ("dataset", "model") in table.confounded


def test_a_stopped_config_has_no_rank_and_a_diverged_one_the_last() -> None:
    def status(config: Config) -> str:
        return {32: "finished", 64: "stopped", 128: "diverged"}[config[WINDOW]]

    table = table_of(make_tables(grid(train__time_steps=[32, 64, 128]), lambda config: 100.0, status=status))
    rows = table.values.set_index("value")
    assert (rows.loc["32", "mean_rank"], rows.loc["128", "mean_rank"]) == (1.0, 2.0)
    assert math.isnan(rows.loc["64", "mean_rank"])
    assert list(rows["num_stopped"]) == [0, 1, 0]
    assert any("Stopped configs have no rank" in note for note in value_table(table).notes)


def test_configs_that_were_not_confirmed_are_averaged_too() -> None:
    configs = grid(model=["att", "vq"], train__time_steps=[32, 64, 128])
    tables = make_tables(configs, model_first, seeds=6)
    # The two best share rank 1 of the leaderboard, where no other has one. Fresh seeds are 0.5 % worse.
    table = table_of(with_phases(tables, {"config-0", "config-1"}, excess=1.005))
    assert table.sizes == (6, 6)
    assert ranks_of(table, "model") == {"att": (2.0, 3), "vq": (5.0, 3)}
    assert "confirmed or not" in value_table(table).rule


def test_many_values_become_four_ranges() -> None:
    configs = [{RATE: 1e-4 * (number + 1)} for number in range(40)]
    table = table_of(make_tables(configs, lambda config: config[RATE] * 1e5))
    rows = table.values
    assert list(rows["num_configs"]) == [10, 10, 10, 10]
    assert list(rows["mean_rank"]) == [5.5, 15.5, 25.5, 35.5]
    assert rows.loc[0, "value"] == "0.0001 to 0.001"


def test_one_step_and_autoregressive_stand_apart() -> None:
    tables = rank_tables(rank(make_tables(grid(model=["att", "vq"]), model_first)))
    assert [value_table(table).title for table in tables] == [
        "One-step forecasts: average rank of each value",
        "Autoregressive forecasts: average rank of each value",
    ]


def test_nothing_varies_or_nothing_is_ranked_means_no_table() -> None:
    assert rank_tables(rank(make_tables([{}], lambda config: 100.0))) == []
    stopped = make_tables(grid(model=["att", "vq"]), model_first, status=lambda config: "stopped")
    assert rank_tables(rank(stopped)) == []
