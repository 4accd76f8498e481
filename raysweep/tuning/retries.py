"""A trial whose worker was lost is tried again from its checkpoint, after a pause that blocks no slot.

Only what may go better the next time ends a worker: a kill, a lack of memory, a hang, a GPU that is gone. What would
come again, such as an exception of the model, is the trial's result and never gets here. A trial that ran out of
memory on a GPU that it shared gets one for itself.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ray.tune import PlacementGroupFactory
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler

from raysweep.errors import GpuMemoryError
from raysweep.ledger.rows import RungRow

# Long enough, together, for a neighbour that takes all the memory to end, or for a machine to come back.
PAUSES_SECONDS = (5.0, 30.0, 120.0)


class RetryingFifo(FIFOScheduler):  # type: ignore[misc]
    """Trials in their order; one that lost its worker waits for a while, and then comes first."""

    settings_text = "fifo"  # what the ledger calls it

    def __init__(self) -> None:
        super().__init__()
        self._due: dict[Trial, float] = {}
        # Those that have no worker, in their order. Tune's own list has all trials of the sweep, ended ones too: the
        # longer the sweep, the longer would it take at every turn to find the next one there.
        self._waiting: dict[Trial, None] = {}
        self._lost_in_reset: dict[Trial, int] = {}
        self._controller: Any = None

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """Its worker is gone; Tune tells this before it puts the trial back into the queue, if it does.

        A worker may go while it takes over its next trial. Tune would then wait for its answer for ever, ask for no
        other worker, and count the loss twice.
        """
        if trial in tune_controller._resetting_trials:
            tune_controller._resetting_trials.discard(trial)
            self._lost_in_reset[trial] = num_failures(trial)
        if trial.should_recover():
            self._due[trial] = time.monotonic() + pause_after(trial)
            if ran_out_of_gpu_memory(trial):
                (bundle,) = trial.placement_group_factory.bundles
                trial.update_resources(PlacementGroupFactory([{**bundle, "GPU": 1.0}]))

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """A new one, or one that lost its worker: puts that aside; Tune would start it at once."""
        self._waiting.pop(trial, None)
        self._waiting[trial] = None
        if trial in self._due:
            tune_controller._set_trial_status(trial, Trial.PAUSED)

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """What has waited long enough, then what hasn't run yet.

        Not what a worker is being started for: Tune would give it one that has just become free and throw the other
        away, and where trials take no longer than workers take to start, few would ever get to work.
        """
        self._controller = tune_controller
        for trial, number in self._lost_in_reset.items():
            trial.run_metadata.num_failures = number
        self._lost_in_reset.clear()
        self._due = {trial: due_at for trial, due_at in self._due.items() if trial.status == Trial.PAUSED}
        for trial, due_at in self._due.items():
            if time.monotonic() >= due_at:
                return trial
        self._waiting = {trial: None for trial in self._waiting if trial.status in (Trial.PENDING, Trial.PAUSED)}
        pending = (trial for trial in self._waiting if trial.status == Trial.PENDING)
        return next((trial for trial in pending if not _has_place(tune_controller, trial)), None)

    def starting_actors(self) -> dict[str, Any]:
        """By trial: the actors that have been given their place and haven't answered yet. Tune waits for ever."""
        if self._controller is None:
            return {}
        created = self._controller._actor_manager._live_actors_to_ray_actors_resources
        started = self._controller._started_actors
        return {
            trial.trial_id: created[actor][0]
            for trial, actor in self._controller._trial_to_actor.items()
            if actor in created and actor not in started
        }

    def take_decisions(self, trial_id: str) -> list[RungRow]:
        """What was decided about a trial since this was last asked."""
        return []

    def is_stopped(self, trial_id: str) -> bool:
        """Whether the trial was told to stop."""
        return False


def _has_place(tune_controller: Any, trial: Trial) -> bool:
    """Whether a machine has made room for the trial's worker, which need not have started yet."""
    actor = tune_controller._trial_to_actor.get(trial)
    return actor is not None and actor in tune_controller._actor_manager._live_actors_to_ray_actors_resources


def error_text(trial: Trial) -> str:
    """What Tune has written down of a trial's failures."""
    file = Path(trial.local_path) / "error.txt" if trial.local_path else None
    return file.read_text(errors="replace") if file and file.is_file() else ""


def last_failure(trial: Trial) -> str:
    """The last of them."""
    return error_text(trial).rpartition("Failure # ")[2]


def ran_out_of_gpu_memory(trial: Trial) -> bool:
    """Whether the last worker that a trial has lost shared a GPU whose memory was too small."""
    return GpuMemoryError.__name__ in last_failure(trial)


def num_failures(trial: Trial) -> int:
    """How many workers a trial has lost."""
    return int(trial.run_metadata.num_failures)


def pause_after(trial: Trial) -> float:
    """Seconds that a trial waits after the worker that it has just lost."""
    return PAUSES_SECONDS[num_failures(trial) - 1]
