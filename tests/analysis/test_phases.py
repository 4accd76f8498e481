"""Which seeds a score is taken from, where sweeps share trials."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from raysweep.analysis.compare import compare
from raysweep.analysis.phases import scored_trials
from raysweep.analysis.tables import load_tables
from raysweep.ledger.rows import Phase
from raysweep.paths import SweepPaths
from tests.analysis.ledgers import FakeTrial, sweep_paths, write_ledger
from tests.analysis.test_leaderboard import cells, line

SCORES = {0: 20.0, 1: 50.0, 2: 51.0, 3: 52.0, 4: 53.0, 5: 54.0}


def trial(seed: int, phase: Phase | None = None) -> FakeTrial:
    return FakeTrial(seed=seed, val=SCORES[seed], phase=phase)


@pytest.mark.parametrize("order", [("confirmed", "listed"), ("listed", "confirmed")])
def test_what_one_sweep_confirmed_another_may_list_in_any_order(tmp_path: Path, order: tuple[str, str]) -> None:
    fresh = [trial(seed, "confirm") for seed in range(1, 6)]
    found = {
        "confirmed": write_ledger(sweep_paths(tmp_path, "confirmed"), [trial(0, "explore"), *fresh]),
        "listed": write_ledger(sweep_paths(tmp_path, "listed"), [trial(seed) for seed in range(5)]),
    }
    sweeps = [found[name] for name in order]
    board = compare(sweeps)[0]
    assert cells(board, "rank", "model", "seeds", "val MSE", "remark")[0] == ("1", "att", "5", "52.00", "")
    scored = scored_trials(load_tables(sweeps).trials, [fresh[0].config_id])
    assert set(scored["seed"]) == {1, 2, 3, 4, 5}


def test_two_sweeps_in_one_contest_say_of_how_many_the_best_is(tmp_path: Path) -> None:
    def sweep(name: str, models: tuple[str, str], base: float) -> SweepPaths:
        explored = [
            FakeTrial(model=model, arguments={}, val=base + place, phase="explore")
            for place, model in enumerate(models)
        ]
        fresh = [replace(explored[0], seed=seed, phase="confirm") for seed in range(1, 6)]
        return write_ledger(sweep_paths(tmp_path, name), [*explored, *fresh])

    board = compare([sweep("one", ("att", "lstm"), 50.0), sweep("two", ("vq", "vq_mh"), 70.0)])[0]
    assert "was chosen from 4, on the same validation points" in line(board, "seen no choice")
    for name, model, base in (("one", "att", "50.00"), ("two", "vq", "70.00")):
        said = line(board, f"{name}: {model} ")
        assert f"was chosen as the best of 2 by one seed, with MSE {base}; with 5 fresh seeds its MSE is {base}" in said


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_sweep_chose_among_all_that_it_explored_also_where_another_has_them_too(
    tmp_path: Path, order: tuple[int, int]
) -> None:
    def sweep(name: str, scores: dict[str, float]) -> SweepPaths:
        explored = [FakeTrial(model=model, arguments={}, val=val, phase="explore") for model, val in scores.items()]
        best = min(explored, key=lambda one: one.val)
        fresh = [replace(best, seed=seed, phase="confirm") for seed in range(1, 6)]
        return write_ledger(sweep_paths(tmp_path, name), [*explored, *fresh])

    few = {"att": 50.0, "lstm": 60.0}
    sweeps = [sweep("few", few), sweep("many", few | {"vq": 40.0, "vq_mh": 70.0})]
    board = compare([sweeps[place] for place in order])[0]
    assert "was chosen as the best of 2 by one seed, with MSE 50.00" in line(board, "few: att ")
    assert "was chosen as the best of 4 by one seed, with MSE 40.00" in line(board, "many: vq ")
