from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from raysweep.planning.plan import KnownPoint, WantedTrial
from raysweep.planning.sharing import Share
from raysweep.spec.config import Scalar
from raysweep.spec.space import (
    Choice,
    Domain,
    LogRandInt,
    LogUniform,
    QLogRandInt,
    QLogUniform,
    QRandInt,
    QUniform,
    RandInt,
    Uniform,
)
from raysweep.tuning.search import HyperOptQueue, _plain

SPACE: Mapping[str, Domain] = {
    "train.learning_rate": LogUniform(1e-4, 1e-1),
    "train.time_steps": QRandInt(16, 128, 16),
    "model": Choice(("att", "lstm")),
}


def _identify(choice: Mapping[str, Scalar], position: int) -> WantedTrial:
    text = ",".join(f"{key}={choice[key]!r}" for key in sorted(choice))
    return WantedTrial(trial_id=text, config_id=text, config=dict(choice), seed=0, position=position)


def _queue(space: Mapping[str, Domain] = SPACE, **changes: object) -> HyperOptQueue:
    options: dict[str, object] = {
        "space": space,
        "num_samples": 30,
        "seed": 0,
        "identify": _identify,
        "on_proposal": lambda trial: None,
        "todo": {},
        "share_of": lambda config: Share(cpu=1.0, gpu=0.0),
    }
    queue = HyperOptQueue(**(options | changes))  # type: ignore[arg-type]
    queue._make = lambda trial, is_rescore=False: (trial, is_rescore)  # type: ignore[method-assign,return-value]
    return queue


def _score(trial: WantedTrial) -> float:
    rate = float(trial.config.get("train.learning_rate", 0.01))  # type: ignore[arg-type]
    return abs(rate - 0.01) * 100 + (trial.config.get("model") == "lstm")


def _drain(queue: HyperOptQueue) -> list[WantedTrial]:
    trials = []
    while (made := queue.next_trial()) is not None:
        trials.append(made[0])
        queue.on_trial_complete(made[0].trial_id, {"score": _score(made[0])})
    return trials


def test_proposals_lie_in_the_space_with_plain_values() -> None:
    trials = _drain(_queue())
    assert len({trial.trial_id for trial in trials}) == 30
    for trial in trials:
        window, rate = trial.config["train.time_steps"], trial.config["train.learning_rate"]
        assert type(window) is int
        assert window in range(16, 129, 16)
        assert type(rate) is float
        assert 1e-4 <= rate <= 1e-1
        assert trial.config["model"] in ("att", "lstm")


def test_it_learns() -> None:
    """After the random phase most proposals are of the better model; half would be chance."""
    late = _drain(_queue(num_samples=60))[30:]
    assert sum(trial.config["model"] == "att" for trial in late) >= 21


def test_known_trials_are_not_proposed_again_and_are_learnt_from() -> None:
    first = _drain(_queue(num_samples=40))
    known = [KnownPoint(choice=trial.config, trial=trial, score=_score(trial)) for trial in first]  # type: ignore[arg-type]
    more = _drain(_queue(num_samples=60, known=known))
    assert len(more) == 20
    assert not {trial.trial_id for trial in first} & {trial.trial_id for trial in more}
    assert sum(trial.config["model"] == "att" for trial in more) >= 14


def test_unfinished_trials_come_first() -> None:
    first = _drain(_queue(num_samples=5))
    known = [KnownPoint(choice=trial.config, trial=trial, score=None) for trial in first]  # type: ignore[arg-type]
    queue = _queue(num_samples=7, known=known, todo={trial.trial_id: False for trial in first})
    again = _drain(queue)
    assert [trial.trial_id for trial in again[:5]] == [trial.trial_id for trial in first]
    assert len(again) == 7


def test_no_more_trials_run_than_may() -> None:
    """Tune asks as long as it gets any: a trial that it knows of it also starts."""
    queue = _queue(num_samples=3)
    queue.max_running = 2
    first, second = queue.next_trial(), queue.next_trial()
    assert first is not None
    assert second is not None
    assert queue.next_trial() is None
    assert not queue.is_finished(), "there is one more, for later"
    queue.on_trial_complete(second[0].trial_id, {"score": 1.0})  # type: ignore[index]
    assert queue.next_trial() is not None
    queue.on_trial_complete(first[0].trial_id, error=True)  # type: ignore[index]
    assert queue.next_trial() is None
    assert queue.is_finished()


def test_a_small_space_ends_the_search() -> None:
    queue = _queue({"train.time_steps": RandInt(16, 19)}, num_samples=10)
    assert len(_drain(queue)) == 3
    assert queue.is_finished()


@pytest.mark.parametrize("is_learning", [False, True])
@pytest.mark.parametrize(
    ("domain", "values"),
    [
        (QRandInt(2, 16, 2), range(2, 17, 2)),
        (QLogRandInt(2, 16, 2), range(2, 17, 2)),
        (QRandInt(2, 4, 2), (2, 4)),
        (RandInt(2, 6), range(2, 6)),
        (LogRandInt(2, 6), range(2, 6)),
        (LogRandInt(1, 4), range(1, 4)),
        (RandInt(5, 6), (5,)),
        (LogRandInt(5, 6), (5,)),
        (QUniform(0.1, 0.3, 0.1), (0.1, 0.2, 0.3)),
        (QLogUniform(0.1, 0.3, 0.1), (0.1, 0.2, 0.3)),
    ],
    ids=repr,
)
def test_all_of_a_range_comes_up_and_nothing_else(
    domain: Domain, values: tuple[float, ...] | range, is_learning: bool
) -> None:
    drawn = _draws(domain, 200, is_learning=is_learning)
    assert set(drawn) == set(values)
    assert {type(value) for value in drawn} == {type(value) for value in values}


@pytest.mark.parametrize("domain", [Uniform(0.1, 0.3), LogUniform(1e-4, 1e-2)], ids=repr)
def test_a_range_of_floats_is_kept_to(domain: Uniform | LogUniform) -> None:
    assert all(domain.lower <= value <= domain.upper for value in _draws(domain, 400, is_learning=False))


def test_rounding_does_not_lead_out_of_a_range() -> None:
    assert _plain(3 * 0.1, QUniform(0.1, 0.3, 0.1)) == 0.3
    assert _plain(math.exp(math.log(1e-4)) * (1 - 1e-15), LogUniform(1e-4, 1e-2)) == 1e-4


def _draws(domain: Domain, number: int, *, is_learning: bool) -> list[float]:
    """What HyperOpt proposes; where it learns, it is told that more is worse, then that less is."""
    queue = _queue({"train.x": domain})
    drawn = []
    for index in range(number):
        value = _plain(queue._searcher.suggest(str(index))["train.x"], domain)
        assert isinstance(value, int | float)
        drawn.append(value)
        sign = 1 if index < number / 2 else -10 * index
        queue._tell(str(index), sign * value if is_learning else math.inf)
    return drawn


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_known_score_that_is_no_number_is_no_observation(score: float) -> None:
    trial = _identify({"model": "att"}, 0)
    point = KnownPoint(choice={"model": "att"}, trial=trial, score=score)
    queue = _queue({"model": Choice(("att", "lstm"))}, known=[point])
    assert [loss for loss in queue._searcher._hpopt_trials.losses() if loss is not None] == []


def test_failed_and_diverged_trials_are_no_observation() -> None:
    queue = _queue(num_samples=5)
    for result in ({"score": math.inf}, {"score": math.nan}, {"score": -math.inf}, None):
        trial, _ = queue.next_trial()  # type: ignore[misc]
        queue.on_trial_complete(trial.trial_id, result, error=result is None)
    losses = queue._searcher._hpopt_trials.losses()
    assert [loss for loss in losses if loss is not None] == []


def test_a_choice_that_cannot_run_is_passed_over() -> None:
    def picky(choice: Mapping[str, Scalar], position: int) -> WantedTrial:
        if choice["model"] == "lstm":
            raise ValueError("no")
        return _identify(choice, position)

    trials = _drain(_queue(num_samples=8, identify=picky))
    assert [trial.config["model"] for trial in trials] == ["att"] * 8


@pytest.mark.parametrize("seed", [0, 1])
def test_the_seed_fixes_the_proposals(seed: int) -> None:
    first = [trial.trial_id for trial in _drain(_queue(num_samples=5, seed=seed))]
    second = [trial.trial_id for trial in _drain(_queue(num_samples=5, seed=seed))]
    other = [trial.trial_id for trial in _drain(_queue(num_samples=5, seed=seed + 2))]
    assert first == second
    assert first != other
