"""Whole sweeps whose best configs are confirmed, as a user types them, and checked as after a fault."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from raysweep.ledger.reader import LedgerReader, Row
from raysweep.paths import SweepPaths
from tests.conftest import Project
from tests.faults.oracle import check_sweep, finished

pytestmark = pytest.mark.slow

NUM_EPOCHS = 9
ASHA = {"asha": {"grace_period": 2, "reduction_factor": 2, "within": ["model"]}}


def _grid(*values: object) -> dict[str, object]:
    return {"grid_search": list(values)}


def _space(**keys: Any) -> dict[str, Any]:
    return {"dataset": "wave", "model": "att", "train.time_steps": 16, "train.num_epochs": NUM_EPOCHS, **keys}


def _current(paths: SweepPaths, phase: str | None) -> list[Row]:
    with LedgerReader(paths.ledger) as ledger:
        return [row for row in ledger.trials() if row["is_current"] and row["phase"] == phase]


def _names(rows: list[Row]) -> set[tuple[str, int]]:
    return {(row["config_id"], row["seed"]) for row in rows}


def _best(paths: SweepPaths, top: int) -> set[str]:
    """The configs that should be confirmed, in one fold or several."""
    rows = [row for row in _current(paths, "explore") if row["status"] == "finished"]
    folds = {row["config"]["split.origin"] for row in rows}
    chosen = [
        sorted((row for row in rows if row["config"]["split.origin"] == fold), key=lambda row: row["val_mse_batch"])
        for fold in folds
    ]
    return {row["config_id"] for found in chosen for row in found[:top]}


@pytest.mark.nightly  # what is killed while it confirms is looked at more often
def test_the_best_of_asha_are_confirmed_without_it(fast_project: Project) -> None:
    project, paths = fast_project, fast_project.paths("halving")
    rates = {"train.learning_rate": _grid(1e-2, 1e-3, 1e-8, 1e-9), "split.origin": _grid(0.6, 0.85)}
    seeds = {"explore": [0], "confirm": {"top": 1, "seeds": 2}}
    sweep = project.write_sweep("halving", param_space=_space(**rates), scheduler=ASHA, seeds=seeds)
    said = project.run(sweep).stdout
    assert "halving: 8 trials: 8 new, then 2 configs x 2 seeds to confirm" in said
    assert "confirming the best config of wave (split.origin 0.85) by val_mse_batch, with seeds 1, 2\n" in said
    assert "12/12 trials done" in said
    check_sweep(project, "halving", num_trials=8 + 4)
    explored, confirmed = _current(paths, "explore"), _current(paths, "confirm")
    assert (len(explored), len(confirmed)) == (8, 4)
    assert "stopped" in {row["status"] for row in explored}, "learning rates of next to nothing must fall behind"
    assert {(row["status"], row["epochs"]) for row in confirmed} == {("finished", NUM_EPOCHS)}
    assert _names(confirmed) == {(name, seed) for name in _best(paths, top=1) for seed in (1, 2)}
    with LedgerReader(paths.ledger) as ledger:
        scheduler = next(row["stopped_by"] for row in explored if row["stopped_by"])
        assert {row.trial_id for row in ledger.rungs(scheduler)} == {row["trial_id"] for row in explored}
    trials = pd.read_parquet(paths.trials)
    assert trials["phase"].value_counts().to_dict() == {"explore": 8, "confirm": 4}
    assert project.run("status").stdout.split("halving")[1].split()[:2] == [
        str(sum(row["status"] == "finished" for row in explored) + 4),
        str(sum(row["status"] == "stopped" for row in explored)),
    ]

    before = finished(paths)
    again = project.run(sweep).stdout
    assert "halving: 8 trials, and 2 configs x 2 seeds to confirm: 12 done" in again
    assert "nothing to run: all 12 trials are done" in again
    said = project.run(sweep, "seeds.confirm.seeds=3").stdout
    assert "2 configs x 3 seeds to confirm: 12 done, 2 new" in said, "only the seed that is new"
    check_sweep(project, "halving", num_trials=8 + 6, finished_before=before)
    assert "8 trials: 8 done" in project.run(sweep, "seeds=0").stdout
    assert len(_current(paths, None)) == 8, "without confirm there are no phases"
    check_sweep(project, "halving", num_trials=8, finished_before=before)


@pytest.mark.nightly
def test_a_wider_grid_may_change_what_is_confirmed(fast_project: Project) -> None:
    """What was confirmed before stays in the ledger, and is no longer current."""
    project, paths = fast_project, fast_project.paths("wider")
    seeds = {"explore": [3], "confirm": {"top": 1, "seeds": 2}}
    rate = "train.learning_rate"
    sweep = project.write_sweep("wider", param_space=_space(**{rate: _grid(1e-8, 1e-9)}), seeds=seeds)
    project.run(sweep)
    old, before = _current(paths, "confirm"), finished(paths)
    assert _names(old) == {(name, seed) for name in _best(paths, top=1) for seed in (0, 1)}
    said = project.run(sweep, f"{rate}=1e-8,1e-9,1e-2").stdout
    assert "wider: 3 trials: 2 done, 1 new, then 1 config x 2 seeds to confirm" in said
    new = _current(paths, "confirm")
    assert {row["config"][rate] for row in new} == {1e-2}
    check_sweep(project, "wider", num_trials=3 + 2, finished_before=before)
    trials = pd.read_parquet(paths.trials).set_index("trial_id")
    for row in old:
        assert trials.loc[row["trial_id"], ["phase", "is_current"]].tolist() == ["confirm", False]
    said = project.run(sweep).stdout
    assert "wider: 2 trials, and 1 config x 2 seeds to confirm: 4 done" in said, "back again, it is all there"
    assert _names(_current(paths, "confirm")) == _names(old)


@pytest.mark.nightly
def test_the_best_of_hyperopt_are_confirmed(fast_project: Project) -> None:
    project, paths = fast_project, fast_project.paths("searched")
    space = _space(**{"train.learning_rate": {"loguniform": [1e-4, 1e-1]}})
    settings = {"param_space": space, "seeds": {"confirm": {"top": 2, "seeds": 2}}}
    sweep = project.write_sweep("searched", search={"hyperopt": {"num_samples": 3}}, **settings)
    said = project.run(sweep).stdout
    assert "searched: 3 trials: 3 for HyperOpt to propose, then 2 configs x 2 seeds to confirm" in said
    check_sweep(project, "searched", num_trials=3 + 4)
    assert _names(_current(paths, "confirm")) == {(name, seed) for name in _best(paths, top=2) for seed in (1, 2)}
    before = finished(paths)
    sweep = project.write_sweep("searched", search={"hyperopt": {"num_samples": 5}}, **settings)
    assert "5 trials: 3 done, 2 for HyperOpt to propose, then" in project.run(sweep).stdout
    assert len(_current(paths, "explore")) == 5
    assert _names(_current(paths, "confirm")) == {(name, seed) for name in _best(paths, top=2) for seed in (1, 2)}
    check_sweep(project, "searched", num_trials=5 + 4, finished_before=before)
