"""The effects of choices, on made-up sweeps with planted effects."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from raysweep.analysis.effects import Effects, effects, effects_table, verdict_of
from raysweep.analysis.ranking import rank
from raysweep.analysis.tables import SweepTables
from tests.analysis.made_sweeps import RATE, WINDOW, Config, grid, make_tables

FULL = grid(model=["att", "lstm", "vq"], train__time_steps=[32, 64, 128], train__learning_rate=[1e-3, 3e-3])


def effects_of(tables: SweepTables) -> Effects:
    return effects(rank(tables))[0]


def row_of(found: Effects, key: str, value: str) -> pd.Series:
    values = found.values
    (index,) = values.index[(values["key"] == key) & (values["value"] == value)]
    return values.loc[index]


def planted(config: Config) -> float:
    return 100.0 * {"att": 0.5, "lstm": 1.0, "vq": 2.0}[config["model"]] * (config[RATE] / 1e-3) * config[WINDOW] ** 0.5


def test_planted_effects_are_found_with_their_size() -> None:
    found = effects_of(make_tables(FULL, planted))
    # Against the geometric mean of the two others.
    assert row_of(found, "model", "att")["ratio"] == pytest.approx(0.5 / math.sqrt(2))
    assert row_of(found, "model", "lstm")["ratio"] == pytest.approx(1.0)
    assert row_of(found, "train.learning_rate", "0.003")["ratio"] == pytest.approx(3.0)
    assert row_of(found, "train.time_steps", "128")["ratio"] == pytest.approx(math.sqrt(128 / math.sqrt(32 * 64)))
    counts = row_of(found, "model", "att")[["num_settings", "num_pairs", "num_configs"]]
    assert list(counts) == [6, 12, 6]
    assert found.is_uneven == ()
    assert list(found.values["key"].unique()) == ["model", "train.time_steps", "train.learning_rate"]


def test_the_interval_is_students_over_settings() -> None:
    def error(config: Config) -> float:
        spread = {32: -0.1, 64: 0.0, 128: 0.1}[config[WINDOW]]
        return math.exp(5.0 + (0.3 + spread if config[RATE] == 3e-3 else 0.0))

    configs = grid(train__time_steps=[32, 64, 128], train__learning_rate=[1e-3, 3e-3])
    row = row_of(effects_of(make_tables(configs, error)), "train.learning_rate", "0.003")
    reach = 4.302653 * 0.1 / math.sqrt(3)  # t of two degrees of freedom
    assert row["ratio"] == pytest.approx(math.exp(0.3))
    assert (row["low"], row["high"]) == pytest.approx((math.exp(0.3 - reach), math.exp(0.3 + reach)), rel=1e-6)


@pytest.mark.slow
def test_where_nothing_has_an_effect_hardly_any_is_claimed() -> None:
    configs = [{**config, "dataset": f"series {number}"} for number in range(40) for config in FULL]
    generator = np.random.default_rng(0)
    tables = make_tables(configs, lambda config: 100 * math.exp(0.2 * generator.normal()))
    rankings = [ranking for ranking in rank(tables) if ranking.view.mode == "batch"]
    verdicts = [verdict_of(row) for found in effects(rankings) for _, row in found.values.iterrows()]
    claimed = np.mean([verdict in ("lower error", "higher error") for verdict in verdicts])
    assert 0.01 < claimed < 0.09  # 320 intervals of 95 %, some of them each other's mirror


def test_a_mixed_up_design_does_not_pass_one_effect_for_another() -> None:
    # The better model was tried with the better rate more often: rate alone has no effect.
    configs = [
        {"model": "att", RATE: 1e-3, WINDOW: 32},
        {"model": "att", RATE: 1e-3, WINDOW: 64},
        {"model": "att", RATE: 3e-3, WINDOW: 32},
        {"model": "vq", RATE: 3e-3, WINDOW: 32},
        {"model": "vq", RATE: 3e-3, WINDOW: 64},
        {"model": "vq", RATE: 1e-3, WINDOW: 128},
    ]
    found = effects_of(make_tables(configs, lambda config: 100.0 if config["model"] == "att" else 300.0))
    rate = row_of(found, "train.learning_rate", "0.001")
    assert rate["ratio"] == pytest.approx(1.0)
    assert (rate["num_settings"], rate["num_pairs"]) == (1, 1)
    assert verdict_of(rate) == "can't tell: one setting"
    model = row_of(found, "model", "vq")
    assert model["ratio"] == pytest.approx(3.0)
    assert found.is_uneven == ("train.time_steps",)


def test_no_pairs_is_said_and_not_guessed() -> None:
    configs = [{"model": "att", WINDOW: 32}, {"model": "vq", WINDOW: 64}]
    found = effects_of(make_tables(configs, lambda config: float(config[WINDOW])))
    assert [verdict_of(row) for _, row in found.values.iterrows()] == ["can't tell: no pairs"] * 4
    assert {row.cells[2] for row in effects_table(found).rows} == {"-"}


def test_stopped_and_diverged_configs_are_in_no_pair_and_are_counted() -> None:
    def status(config: Config) -> str:
        if config["model"] == "vq":
            return "stopped" if config[WINDOW] == 32 else "diverged"
        return "finished"

    found = effects_of(make_tables(FULL, planted, status=status))
    vq = row_of(found, "model", "vq")
    assert list(vq[["num_pairs", "num_configs", "num_stopped", "num_diverged"]]) == [0, 0, 2, 4]
    assert row_of(found, "model", "att")["ratio"] == pytest.approx(0.5)
    notes = " ".join(effects_table(found).notes)
    assert "2 configs stopped" in notes
    assert "4 configs diverged" in notes


def test_seeds_are_averaged_before_configs_are_compared() -> None:
    configs = grid(train__time_steps=[32, 64], train__learning_rate=[1e-3, 3e-3])
    found = effects_of(make_tables(configs, planted_rate, seeds=5, noise=0.3))
    assert row_of(found, "train.learning_rate", "0.001")["num_pairs"] == 2


def planted_rate(config: Config) -> float:
    return 100.0 * config[RATE] / 1e-3


def test_a_models_arguments_are_compared_within_the_model() -> None:
    configs = [
        {"model": model, "model.d_model": size, RATE: rate}
        for model, sizes in {"att": (32, 64), "att_mh": (64, 128)}.items()
        for size in sizes
        for rate in (1e-3, 3e-3)
    ]
    configs += [{"model": "lstm", RATE: rate} for rate in (1e-3, 3e-3)]

    def error(config: Config) -> float:
        # The model makes all the difference between 32 and 128.
        return {"att": 100.0, "att_mh": 900.0, "lstm": 300.0}[config["model"]]

    found = effects_of(make_tables(configs, error))
    for size in ("32", "64", "128"):
        assert row_of(found, "model.d_model", size)["ratio"] == pytest.approx(1.0)
    att = row_of(found, "model", "att")
    assert att["ratio"] == pytest.approx(100 / math.sqrt(900 * 300))
    assert att["num_settings"] == 2


def test_a_key_that_was_drawn_from_a_range_has_one_row() -> None:
    configs = [{RATE: 1e-3 * 1.1**number, WINDOW: 32 + number} for number in range(40)]
    found = effects_of(make_tables(configs, lambda config: 100.0))
    rates = found.values[found.values["key"] == RATE]
    assert list(rates["value"]) == ["40 values"]
    assert verdict_of(rates.iloc[0]) == "can't tell: no pairs"


def test_a_long_list_of_values_has_pairs_and_one_row() -> None:
    configs = grid(model=["att", "vq"], train__time_steps=range(32, 45))
    found = effects_of(make_tables(configs, lambda config: 100.0))
    (row,) = (row for row in effects_table(found).rows if row.cells[0] == WINDOW)
    assert row.cells == (WINDOW, "13 values", "-", "-", "2", "156", "26", "can't tell: too many values")


def test_nothing_varies_means_no_table() -> None:
    assert effects(rank(make_tables([{}], lambda config: 100.0, seeds=3))) == []
