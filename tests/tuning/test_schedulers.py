from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raysweep.forecasting.results import EpochResult
from raysweep.ledger.rows import RungRow
from raysweep.spec.sweep import Asha
from raysweep.tuning.report import Report
from raysweep.tuning.schedulers import GroupedAsha, Rungs, best_part, bracket_of, rungs_of_history

SETTINGS = Asha(grace_period=2, reduction_factor=3, within=("model",))


def _scheduler(known: list[RungRow] | None = None) -> GroupedAsha:
    return GroupedAsha(SETTINGS, "val_mse_batch", "asha text", known or [])


def _report(first: int, scores: list[float], num_epochs: int = 50) -> dict[str, object]:
    epochs = [
        EpochResult(
            epoch=first + index,
            num_steps=first + index,
            train_loss=1.0,
            val_loss=1.0,
            val_mse_batch=score,
            seconds=0.1,
            finished_at=0.0,
        )
        for index, score in enumerate(scores)
    ]
    return {"report": Report(facts=None, epochs=epochs, num_epochs=num_epochs)}


def _trial(name: str, model: str = "att", is_rescore: bool = False) -> SimpleNamespace:
    config = {"model": model, "protocol": "holdout", "split.origin": 0.85}
    return SimpleNamespace(trial_id=name, config={"config": config, "is_rescore": is_rescore})


def _tell(scheduler: GroupedAsha, name: str, scores: list[float], first: int = 1, model: str = "att") -> str:
    return scheduler.on_trial_result(None, _trial(name, model), _report(first, scores))


def test_rungs_are_powers_of_the_reduction_factor() -> None:
    rungs = Rungs(SETTINGS)
    assert [rungs(epoch) for epoch in (0, 1, 2, 5, 6, 17, 18)] == [2, 2, 6, 6, 18, 18, 54]
    assert rungs.within(range(1, 20)) == [2, 6, 18]
    assert Rungs(None)(7) is None


def test_the_first_passes_and_the_worse_are_stopped() -> None:
    scheduler = _scheduler()
    assert _tell(scheduler, "a", [9.0, 5.0]) == "CONTINUE"
    assert _tell(scheduler, "b", [1.0, 6.0]) == "STOP"
    assert _tell(scheduler, "c", [9.0, 4.0]) == "CONTINUE"
    (row,) = scheduler.take_decisions("b")
    assert (row.rung, row.score, row.cutoff, row.is_stop) == (2, 6.0, 5.0, True)
    assert scheduler.take_decisions("b") == []
    assert scheduler.is_stopped("b")
    assert not scheduler.is_stopped("a")


def test_the_cutoff_is_the_best_third_of_those_before() -> None:
    scheduler = _scheduler()
    for index, score in enumerate([10.0, 7.0, 4.0, 1.0]):
        assert _tell(scheduler, f"t{index}", [0.0, score]) == "CONTINUE"
    # a third of the way through 1, 4, 7, 10 lies 4
    assert _tell(scheduler, "good", [0.0, 4.0]) == "CONTINUE"
    assert _tell(scheduler, "bad", [0.0, 4.1]) == "STOP"


@given(
    scores=st.lists(st.floats(min_value=-1e6, max_value=1e6), min_size=1, max_size=40),
    factor=st.sampled_from([2, 3, 4, 10]),
)
def test_the_best_part_is_a_percentile(scores: list[float], factor: int) -> None:
    expected = np.percentile(scores, 100 / factor)
    assert best_part(sorted(scores), factor) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_scores_that_are_none_set_no_cutoff_of_their_own() -> None:
    inf = math.inf
    assert best_part([1.0, inf, inf], 3) == inf
    assert best_part([1.0, 2.0, 3.0, inf], 3) == 2.0
    assert best_part([inf], 3) == inf
    scheduler = _scheduler()
    for index, score in enumerate([inf, 5.0, inf, 4.0, 3.0]):
        _tell(scheduler, f"t{index}", [0.0, score])
    assert _tell(scheduler, "worse", [0.0, inf]) == "STOP"
    (row,) = scheduler.take_decisions("worse")
    assert row.cutoff == pytest.approx(4 + 1 / 3)


def test_groups_are_judged_apart() -> None:
    scheduler = _scheduler()
    assert _tell(scheduler, "a", [1.0, 1.0]) == "CONTINUE"
    assert _tell(scheduler, "b", [9.0, 9.0], model="lstm") == "CONTINUE"


@pytest.mark.parametrize("key", ["protocol", "split.origin"])
def test_protocol_and_fold_always_tell_groups_apart(key: str) -> None:
    config = {"model": "att", "protocol": "holdout", "split.origin": 0.85}
    assert bracket_of(config, ("model",)) != bracket_of(config | {key: "other"}, ("model",))
    assert json.loads(bracket_of(config, ("model",))) == {"protocol": "holdout", "split.origin": 0.85, "model": "att"}


def test_every_epoch_of_a_report_is_looked_at() -> None:
    scheduler = _scheduler()
    _tell(scheduler, "a", [1.0] * 10)
    assert [row.rung for row in scheduler.take_decisions("a")] == [2, 6]


def test_reaching_the_end_is_no_stop() -> None:
    scheduler = _scheduler()
    _tell(scheduler, "a", [1.0, 1.0])
    last = scheduler.on_trial_result(None, _trial("b"), _report(1, [9.0, 9.0], num_epochs=2))
    assert last == "CONTINUE"


def test_a_replayed_ledger_decides_as_if_never_interrupted() -> None:
    stream = [("a", 5.0), ("b", 6.0), ("c", 3.0), ("d", 4.9), ("e", 2.0), ("f", 2.9), ("g", 3.1), ("h", 1.0)]
    whole = _scheduler()
    decisions = [(name, _tell(whole, name, [0.0, score])) for name, score in stream]
    for cut in range(len(stream)):
        first = _scheduler()
        for name, score in stream[:cut]:
            _tell(first, name, [0.0, score])
        rows = [row for name, _ in stream[:cut] for row in first.take_decisions(name)]
        second = _scheduler(rows)
        assert [(name, _tell(second, name, [0.0, score])) for name, score in stream[cut:]] == decisions[cut:]


def test_a_restored_trial_is_not_judged_twice_and_a_stop_is_carried_out() -> None:
    rows = [
        RungRow(trial_id="a", bracket="x", scheduler="s", rung=2, score=5.0, cutoff=None, is_stop=False),
        RungRow(trial_id="b", bracket="x", scheduler="s", rung=2, score=6.0, cutoff=5.0, is_stop=True),
    ]
    scheduler = _scheduler(rows)
    assert _tell(scheduler, "a", [9.0, 5.0, 5.0]) == "CONTINUE"
    assert scheduler.take_decisions("a") == []
    assert _tell(scheduler, "b", [9.0, 6.0]) == "STOP"


def test_a_trial_that_only_needs_new_scores_competes_with_nobody() -> None:
    stopped = RungRow(trial_id="a", bracket="x", scheduler="s", rung=2, score=6.0, cutoff=5.0, is_stop=True)
    scheduler = _scheduler([stopped])
    rescored = _trial("a", is_rescore=True)
    assert scheduler.on_trial_result(None, rescored, _report(1, [9.0, 6.0])) == "CONTINUE"
    _tell(scheduler, "b", [0.0, 1.0])
    assert scheduler.on_trial_result(None, _trial("c", is_rescore=True), _report(1, [9.0, 9.0])) == "CONTINUE"
    assert scheduler.take_decisions("c") == []


def test_trials_that_ended_without_the_scheduler_set_the_measure_too() -> None:
    config = {"model": "att", "protocol": "holdout", "split.origin": 0.85}
    epochs = [{"epoch": number, "val_mse_batch": 1.0} for number in range(1, 8)]
    winner = ({"trial_id": "winner", "config": config}, epochs)
    short = ({"trial_id": "short", "config": config}, epochs[:2])
    rows = rungs_of_history(SETTINGS, "val_mse_batch", "asha text", [winner, short])
    assert [(row.trial_id, row.rung) for row in rows] == [("winner", 2), ("winner", 6)]
    assert _tell(_scheduler(rows), "loser", [0.0, 50.0]) == "STOP"
    assert _tell(_scheduler(), "loser", [0.0, 50.0]) == "CONTINUE"
