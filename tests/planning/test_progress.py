from __future__ import annotations

import pytest

from raysweep.ledger.rows import Phase, Status
from raysweep.planning.plan import WantedTrial
from raysweep.planning.progress import Progress


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _trial(name: str, model: str = "att", window: int = 64, phase: Phase | None = None) -> WantedTrial:
    config = {"model": model, "dataset": "wave", "train.time_steps": window, "train.num_epochs": 5}
    return WantedTrial(trial_id=name, config_id=name, config=config, seed=0, position=0, phase=phase)


def _progress(trials: list[WantedTrial], num_slots: int = 1, num_trials: int | None = None) -> tuple[Progress, Clock]:
    clock = Clock()
    waiting = {trial.trial_id: trial for trial in trials}
    progress = Progress(
        num_trials=num_trials or len(trials), num_done_before=0, num_slots=num_slots, waiting=waiting, clock=clock
    )
    return progress, clock


def test_nothing_is_known_before_the_first_trial_has_ended() -> None:
    progress, _ = _progress([_trial("a")])
    assert progress.seconds_left() is None


def test_time_left_is_that_of_trials_like_those_to_come() -> None:
    progress, clock = _progress(
        [_trial("a"), _trial("slow", "lstm"), _trial("b"), _trial("c", "lstm"), _trial("new", "vq")]
    )
    for name, seconds in (("a", 10.0), ("slow", 100.0)):
        progress.start(name)
        clock.now += seconds
        progress.end(name, "finished", score=1.0)
    # b like a, c like slow, and vq like the mean of all
    assert progress.seconds_left() == pytest.approx(10 + 100 + 55)
    progress.start("c")
    clock.now += 40
    assert progress.seconds_left() == pytest.approx(10 + 60 + 55)


def test_slots_share_the_work_but_not_one_trial() -> None:
    progress, clock = _progress([_trial("a"), _trial("b"), _trial("c")], num_slots=4)
    progress.start("a")
    clock.now += 8
    progress.end("a", "finished", score=1.0)
    progress.start("b")
    progress.start("c")
    assert progress.seconds_left() == pytest.approx(8)


def test_trials_that_a_search_has_not_proposed_yet_count_too() -> None:
    progress, clock = _progress([_trial("a")], num_trials=4)
    progress.start("a")
    clock.now += 5
    progress.end("a", "stopped", score=1.0)
    assert progress.seconds_left() == pytest.approx(15)
    progress.add(_trial("b"))
    assert progress.seconds_left() == pytest.approx(15)


def test_counts_best_and_failures() -> None:
    progress, _ = _progress([_trial(name) for name in "abcd"])
    for name, status, score in (("a", "finished", 3.0), ("b", "finished", 2.0), ("c", "stopped", 1.0)):
        progress.start(name)
        progress.end(name, status, score=score)  # type: ignore[arg-type]
    progress.start("d")
    assert progress.num_running == 1
    progress.end("d", "failed", error="why")
    assert (progress.num_done, progress.best_score) == (4, 2.0), "a stopped trial is not the best"
    assert progress.best_trial is not None
    assert progress.best_trial.trial_id == "b"
    assert [(trial.trial_id, error) for trial, error in progress.failures] == [("d", "why")]


def test_a_worker_that_dies_before_its_trial_has_begun() -> None:
    progress, _ = _progress([_trial("a"), _trial("b")])
    progress.end("a", "failed", error="its worker died")
    assert (progress.num_done, progress.num_running, list(progress.waiting)) == (1, 0, ["b"])
    assert progress.seconds_left() is None, "it tells nothing about how long a trial takes"


def test_a_trial_may_begin_again_and_nan_is_never_the_best() -> None:
    progress, _ = _progress([_trial("a"), _trial("b")])
    progress.start("a")
    progress.start("a")
    progress.end("a", "finished", score=float("nan"))
    progress.start("b")
    progress.end("b", "finished", score=7.0)
    assert progress.best_score == 7.0


def _ended(progress: Progress, clock: Clock, name: str, seconds: float, status: Status, score: float = 1.0) -> None:
    progress.start(name)
    clock.now += seconds
    progress.end(name, status, score=score)


def test_trials_that_confirm_take_as_long_as_those_that_were_not_stopped() -> None:
    progress, clock = _progress([_trial("a"), _trial("b"), _trial("c")], num_trials=7)
    progress.num_unchosen = 4
    _ended(progress, clock, "a", 2.0, "stopped")
    assert progress.seconds_left() == pytest.approx(2 * 2 + 4 * 2), "nothing better is known yet"
    _ended(progress, clock, "b", 10.0, "finished")
    assert progress.seconds_left() == pytest.approx(6 + 4 * 10)
    _ended(progress, clock, "c", 10.0, "finished")
    progress.choose(num_trials=5, todo=[_trial("d", phase="confirm"), _trial("e", phase="confirm")])
    assert progress.seconds_left() == pytest.approx(2 * 10)


def test_counts_go_on_when_the_best_are_chosen() -> None:
    progress, clock = _progress([_trial("a"), _trial("b")], num_trials=8)
    progress.num_unchosen, progress.num_done_before = 4, 2
    _ended(progress, clock, "a", 1.0, "finished")
    _ended(progress, clock, "b", 1.0, "failed")
    assert (progress.num_done, progress.num_trials) == (4, 8)
    # Only one config could be chosen, and one of its trials is there already.
    progress.choose(num_trials=6, todo=[_trial("c", phase="confirm")])
    assert (progress.num_done, progress.num_trials) == (5, 6)
    _ended(progress, clock, "c", 1.0, "finished", score=0.1)
    assert (progress.num_done, progress.num_trials) == (6, 6)
    assert [trial.trial_id for trial, _ in progress.failures] == ["b"]
    assert progress.best_trial == _trial("a"), "the search's best; that of many seeds is chance"


def test_what_is_left_is_that_of_each_trial_whatever_has_happened_to_it() -> None:
    trials = [*map(_trial, "abcd"), _trial("slow", "lstm")]
    progress, clock = _progress(trials, num_trials=6)
    _ended(progress, clock, "a", 1.0, "finished")
    progress.start("slow")
    progress.retry("slow", "killed")
    progress.retry("b", "killed on the way")
    progress.add(_trial("new", "lstm"))
    _ended(progress, clock, "slow", 100.0, "finished")
    progress.end("c", "failed", error="its worker died")
    # b, d, and one like the slow one
    assert sorted(progress.waiting) == ["b", "d", "new"]
    assert progress.seconds_left() == pytest.approx(1 + 1 + 100)


class CountedConfig(dict[str, object]):
    """Counts how often anybody looks at the config of a trial."""

    num_looks = 0

    def __getitem__(self, key: str) -> object:
        CountedConfig.num_looks += 1
        return super().__getitem__(key)


def test_an_estimate_looks_at_no_trial_that_waits() -> None:
    trials = [
        WantedTrial(trial_id=one.trial_id, config_id="c", config=CountedConfig(one.config), seed=0, position=0)
        for one in (_trial(str(index)) for index in range(1000))
    ]
    progress, clock = _progress(trials)
    _ended(progress, clock, "0", 2.0, "finished")
    before = CountedConfig.num_looks
    assert progress.seconds_left() == pytest.approx(999 * 2)
    assert CountedConfig.num_looks == before, "a sweep of 100,000 trials is drawn five times a second"
