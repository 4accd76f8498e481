from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray import tune
from ray.tune import Callback, Trainable
from ray.tune.experiment import Trial

from raysweep.tuning import retries
from raysweep.tuning.retries import RetryingFifo


class StubTrial:
    """What the scheduler asks a trial of Tune; counts how often it is looked at."""

    def __init__(self, name: str) -> None:
        self.trial_id = name
        self.local_path = None  # Tune has written nothing of its failures
        self.run_metadata = SimpleNamespace(num_failures=0)
        self.num_looks = 0
        self._status = Trial.PENDING

    @property
    def status(self) -> str:
        self.num_looks += 1
        return self._status

    @status.setter
    def status(self, status: str) -> None:
        self._status = status

    def should_recover(self) -> bool:
        return True


class StubController:
    """Tune's part: a real one needs a running Ray. It has no list of all trials to ask for."""

    def __init__(self, scheduler: RetryingFifo) -> None:
        self.scheduler = scheduler
        self._trial_to_actor: dict[StubTrial, str] = {}
        self._resetting_trials: set[StubTrial] = set()
        self._actor_manager = SimpleNamespace(_live_actors_to_ray_actors_resources=set())

    def ask_for_worker_of(self, trial: StubTrial, *, has_place: bool) -> None:
        self._trial_to_actor[trial] = trial.trial_id
        if has_place:
            self._actor_manager._live_actors_to_ray_actors_resources.add(trial.trial_id)

    def add(self, *trials: StubTrial) -> None:
        for trial in trials:
            self.scheduler.on_trial_add(self, trial)

    def lose_worker_of(self, trial: StubTrial) -> None:
        trial.run_metadata.num_failures += 1
        self.scheduler.on_trial_error(self, trial)
        trial.status = Trial.PENDING
        self.scheduler.on_trial_add(self, trial)

    def _set_trial_status(self, trial: StubTrial, status: str) -> None:
        trial.status = status

    def next(self) -> str | None:
        chosen = self.scheduler.choose_trial_to_run(self)
        return None if chosen is None else chosen.trial_id


def _sweep_of(num_trials: int) -> tuple[StubController, list[StubTrial]]:
    controller, trials = StubController(RetryingFifo()), [StubTrial(str(index)) for index in range(num_trials)]
    controller.add(*trials)
    return controller, trials


def test_trials_run_in_their_order() -> None:
    controller, trials = _sweep_of(3)
    for trial in trials:
        assert controller.next() == trial.trial_id
        assert controller.next() == trial.trial_id, "until it has its worker"
        trial.status = Trial.RUNNING
    assert controller.next() is None


def test_a_trial_that_lost_its_worker_waits_and_then_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(retries.time, "monotonic", lambda: now)
    controller, (lost, second, third) = _sweep_of(3)
    lost.status = Trial.RUNNING
    controller.lose_worker_of(lost)
    assert lost.status == Trial.PAUSED
    assert controller.next() == "1"
    second.status = Trial.RUNNING
    now += retries.PAUSES_SECONDS[0]
    assert controller.next() == "0"
    lost.status = Trial.PENDING  # Tune has asked for its worker
    assert controller.next() == "2", "those that were there before it"
    third.status = Trial.RUNNING
    assert controller.next() == "0", "it waits for its worker still"
    lost.status = Trial.RUNNING
    assert controller.next() is None
    controller.lose_worker_of(lost)
    assert lost.status == Trial.PAUSED
    now += retries.PAUSES_SECONDS[1]
    assert controller.next() == "0", "a second time"


def test_ended_trials_are_not_looked_at_again() -> None:
    controller, trials = _sweep_of(1000)
    for trial in trials[:-2]:
        trial.status = Trial.TERMINATED
    controller.next()
    before = sum(trial.num_looks for trial in trials[:-2])
    assert controller.next() == trials[-2].trial_id
    assert sum(trial.num_looks for trial in trials[:-2]) == before


def test_a_worker_that_is_being_started_is_waited_for() -> None:
    controller, (first, second, third) = _sweep_of(3)
    controller.ask_for_worker_of(first, has_place=True)
    controller.ask_for_worker_of(second, has_place=False)
    assert controller.next() == second.trial_id, "else Tune would end the first one's worker for one that is free"
    controller.ask_for_worker_of(second, has_place=True)
    assert controller.next() == third.trial_id
    controller.ask_for_worker_of(third, has_place=True)
    assert controller.next() is None


class Frail(Trainable):  # type: ignore[misc]
    """Takes the next trial over; on one of them its process ends so many times first."""

    def setup(self, config: dict[str, Any]) -> None:
        pass

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        tries = Path(new_config["folder"]) / "tries"
        if new_config["number"] == 2 and not tries.is_file():
            tries.write_text("x")
            os._exit(1)
        return True

    def step(self) -> dict[str, Any]:
        return {"score": self.config["number"], "done": True}


class Losses(Callback):  # type: ignore[misc]
    """The tries that were said to have failed, by trial."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self.told.append((trial.config["number"], retries.num_failures(trial)))


@pytest.fixture
def joined_ray(ray_address: str) -> Iterator[None]:
    """The session's Ray, joined by this process."""
    ray.init(address=ray_address, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.slow
def test_a_worker_that_is_lost_while_it_takes_over_a_trial_is_replaced(
    joined_ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "PAUSES_SECONDS", (0.1, 0.2, 0.4))
    monkeypatch.setenv("TUNE_MAX_PENDING_TRIALS_PG", "1")
    losses = Losses()
    done = tune.run(
        Frail,
        config={"number": tune.grid_search([1, 2, 3, 4]), "folder": str(tmp_path)},
        resources_per_trial={"cpu": 2},
        scheduler=RetryingFifo(),
        callbacks=[losses],
        storage_path=str(tmp_path / "tune"),
        reuse_actors=True,
        max_failures=len(retries.PAUSES_SECONDS),
        verbose=0,
    )
    assert sorted(trial.last_result["score"] for trial in done.trials) == [1, 2, 3, 4]
    assert losses.told == [(2, 1)]
    assert {trial.config["number"]: retries.num_failures(trial) for trial in done.trials} == {1: 0, 2: 1, 3: 0, 4: 0}
