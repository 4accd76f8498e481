from __future__ import annotations

import pytest

from raysweep.ledger.reader import KnownTrial
from raysweep.ledger.rows import Status
from raysweep.planning.plan import Need, WantedTrial, make_plan


def _wanted(name: str = "a") -> WantedTrial:
    return WantedTrial(trial_id=name, config_id=name, config={"dataset": "wave"}, seed=0, position=0)


def _eval_sets(*names: str) -> frozenset[tuple[str, str]]:
    return frozenset((name, f"hash of {name}") for name in names)


def _known(status: Status, *, epochs: int = 3, stopped_by: str | None = None, scored: str = "wave") -> KnownTrial:
    return KnownTrial(
        status=status,
        stopped_by=stopped_by,
        epochs=epochs,
        train_seconds=1.0,
        eval_sets=_eval_sets(*scored.split()),
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
    plan = make_plan(
        [_wanted()], {"a": known} if known else {}, scheduler="asha", eval_sets_of=lambda trial: _eval_sets("wave")
    )
    assert [found for _, found in plan.todo] == ([need] if need else [])
    assert len(plan.done) == (need is None)


def test_stopped_trials_go_on_without_their_scheduler() -> None:
    plan = make_plan(
        [_wanted()],
        {"a": _known("stopped", stopped_by="asha")},
        scheduler="fifo",
        eval_sets_of=lambda trial: _eval_sets("wave"),
    )
    assert plan.count("continue") == 1


def test_new_and_changed_series_are_scored_without_training() -> None:
    known = {"a": _known("finished", scored="wave")}

    def plan(asked: frozenset[tuple[str, str]]) -> int:
        return make_plan([_wanted()], known, scheduler="fifo", eval_sets_of=lambda trial: asked).count("score")

    assert plan(_eval_sets("wave")) == 0
    assert plan(_eval_sets("wave", "short")) == 1
    assert plan(frozenset({("wave", "another hash")})) == 1, "the data, or the metric, has changed"


def test_the_sweeps_order_is_kept() -> None:
    wanted = [_wanted(name) for name in "cab"]
    plan = make_plan(wanted, {"a": _known("finished")}, scheduler="fifo", eval_sets_of=lambda trial: _eval_sets("wave"))
    assert [trial.trial_id for trial, _ in plan.todo] == ["c", "b"]
    assert [trial.trial_id for trial in plan.done] == ["a"]
