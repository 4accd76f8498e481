"""Functional ANOVA on made-up sweeps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from raysweep.analysis.importance import MIN_CONFIGS, Importance, importance_table, importances, verdict_of
from raysweep.analysis.ranking import rank
from raysweep.analysis.tables import SweepTables
from tests.analysis.made_sweeps import RATE, WINDOW, Config, grid, make_tables

FULL = grid(model=["att", "lstm", "vq"], train__time_steps=[32, 64, 128, 256], train__learning_rate=[1e-3, 3e-3])


def importance_of(tables: SweepTables) -> Importance:
    (found,) = importances(rank(tables)[:1])
    return found


def rate_above_all(config: Config) -> float:
    return 100.0 * (9.0 if config[RATE] == 3e-3 else 1.0) * {"att": 1.0, "lstm": 1.2, "vq": 1.4}[config["model"]]


def test_the_planted_key_comes_first_and_stands_out() -> None:
    found = importance_of(make_tables(FULL, rate_above_all, noise=0.05))
    first = found.shares.iloc[0]
    assert first["key"] == RATE
    assert first["share"] > 0.8
    assert first["low"] <= first["share"] <= first["high"]
    verdicts = {row["key"]: verdict_of(row) for _, row in found.shares.iterrows()}
    assert verdicts[RATE] == "matters"
    assert verdicts[WINDOW] == "can't tell"
    assert found.num_configs == len(FULL)


def test_noise_is_no_importance() -> None:
    generator = np.random.default_rng(1)
    found = importance_of(make_tables(FULL, lambda config: 100 * math.exp(generator.normal())))
    assert {verdict_of(row) for _, row in found.shares.iterrows()} == {"can't tell"}
    assert any("Can't tell which key" in note for note in importance_table(found).notes)


def test_the_logarithm_keeps_one_bad_config_from_deciding() -> None:
    def error(config: Config) -> float:
        is_odd = config["model"] == "vq" and config[WINDOW] == 32 and config[RATE] == 1e-3
        return 1e6 if is_odd else rate_above_all(config)

    found = importance_of(make_tables(FULL, error))
    assert found.shares.loc[0, "key"] == RATE


def test_too_few_configs_are_said_to_be_too_few() -> None:
    found = importance_of(make_tables(grid(model=["att", "vq"], train__time_steps=[32, 64]), lambda config: 100.0))
    assert found.shares.empty
    (note,) = importance_table(found).notes
    assert note == f"Can't tell: 4 configs with a score; it takes {MIN_CONFIGS} that differ in it."


def test_diverged_configs_count_as_the_worst_and_stopped_ones_not_at_all() -> None:
    def status(config: Config) -> str:
        if config["model"] == "vq":
            return "diverged"
        return "stopped" if config[WINDOW] == 256 else "finished"

    def error(config: Config) -> float:
        return 200.0 if config["model"] == "att" and config[WINDOW] == 32 and config[RATE] == 1e-3 else 100.0

    found = importance_of(make_tables(FULL, error, status=status))
    assert found.num_configs == 20
    assert found.shares.loc[0, "key"] == "model"
    notes = " ".join(importance_table(found).notes)
    assert "8 configs diverged; each counts as the worst score" in notes
    assert "4 configs stopped, left out" in notes


def test_keys_from_ranges_and_of_one_model_alone_are_taken() -> None:
    generator = np.random.default_rng(0)
    configs = [
        {"model": "att" if number % 2 else "lstm", RATE: 10 ** generator.uniform(-4, -2)} for number in range(60)
    ]
    configs = [
        {**config, **({"model.d_model": 32 << (number % 4)} if number % 2 else {})}
        for number, config in enumerate(configs)
    ]
    found = importance_of(make_tables(configs, lambda config: config[RATE] * 1e6))
    assert found.shares.loc[0, "key"] == RATE
    assert found.shares.loc[0, "share"] > 0.8
    assert set(found.shares["key"]) == {"model", RATE, "model.d_model"}


def test_the_same_seed_gives_the_same_shares() -> None:
    tables = make_tables(FULL, rate_above_all, noise=0.05)
    assert importance_of(tables).shares.equals(importance_of(tables).shares)


@pytest.mark.parametrize("configs", [[{}], grid(model=["att", "vq"])])
def test_one_key_explains_nothing_beside_itself(configs: list[Config]) -> None:
    assert importances(rank(make_tables(configs, lambda config: 100.0))) == []
