from __future__ import annotations

import pytest

from raysweep.ledger.reader import KnownTrial
from raysweep.ledger.rows import Status
from raysweep.planning.plan import Need, WantedTrial, make_plan


def _wanted(name: str = "a") -> WantedTrial:
    return WantedTrial(trial_id=name, config_id=name, config={"dataset": "wave"}, seed=0, position=0)


def _known(status: Status, *, epochs: int = 3, stopped_by: str | None = None, scored: str = "wave") -> KnownTrial:
    return KnownTrial(
        status=status,
        stopped_by=stopped_by,
        epochs=epochs,
        train_seconds=1.0,
        eval_datasets=frozenset(scored.split()),
    )


@pytest.mark.parametrize(
    ("known", "need"),
    [
        (None, "new"),
        (_known("pending", epochs=0), "new"),
        (_known("running", epochs=0), "resume"),
        (_known("running"), "resume"),
        (_known("failed"), "retry"),
        (_known("diverged"), None),
        (_known("finished"), None),
        (_known("stopped", stopped_by="asha"), None),
        (_known("stopped", stopped_by="asha with other settings"), "continue"),
    ],
)
def test_what_a_trial_needs(known: KnownTrial | None, need: Need | None) -> None:
    plan = make_plan([_wanted()], {"a": known} if known else {}, scheduler="asha", evaluate_on=None)
    assert [found for _, found in plan.todo] == ([need] if need else [])
    assert len(plan.done) == (need is None)


def test_stopped_trials_go_on_without_their_scheduler() -> None:
    plan = make_plan([_wanted()], {"a": _known("stopped", stopped_by="asha")}, scheduler="fifo", evaluate_on=None)
    assert plan.count("continue") == 1


def test_a_new_series_is_scored_without_training() -> None:
    known = {"a": _known("finished", scored="wave")}
    assert make_plan([_wanted()], known, scheduler="fifo", evaluate_on=["wave"]).todo == []
    plan = make_plan([_wanted()], known, scheduler="fifo", evaluate_on=["wave", "short"])
    assert plan.count("score") == 1


def test_the_sweeps_order_is_kept() -> None:
    wanted = [_wanted(name) for name in "cab"]
    plan = make_plan(wanted, {"a": _known("finished")}, scheduler="fifo", evaluate_on=None)
    assert [trial.trial_id for trial, _ in plan.todo] == ["c", "b"]
    assert [trial.trial_id for trial in plan.done] == ["a"]
