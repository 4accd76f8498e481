from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from ray import tune

from raysweep.errors import GpuMemoryError
from raysweep.tuning.trainable import TrialActor, WorkerSettings

TOO_LARGE = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.\nmore of this")


def _actor(gpu: float) -> TrialActor:
    """An actor as Tune would have set it up, without Ray."""
    actor = TrialActor.__new__(TrialActor)
    resources = tune.PlacementGroupFactory([{"CPU": 1.0, "GPU": gpu}])
    actor._trial_info = SimpleNamespace(trial_resources=resources)
    actor._settings = WorkerSettings(
        metric="val_loss", num_threads=1, is_gpu=gpu > 0, next_rung=lambda epoch: None, versions={}
    )
    return actor


def test_a_lack_of_memory_on_a_shared_gpu_ends_the_worker() -> None:
    with pytest.raises(GpuMemoryError, match=r"^OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB.$"):
        _actor(0.5)._failed(TOO_LARGE)


@pytest.mark.parametrize("gpu", [1.0, 2.0])
def test_on_a_gpu_of_its_own_it_is_the_trials_end_with_advice(gpu: float) -> None:
    report = _actor(gpu)._failed(TOO_LARGE)
    assert report.end == "failed"
    assert report.error == (
        "the GPU ran out of memory, though the trial had it for itself: a smaller train.batch_size takes less,"
        " as do a smaller model and window (OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB.)"
    )


def test_what_the_machine_lacks_ends_the_worker_and_what_the_model_raises_does_not() -> None:
    with pytest.raises(MemoryError):
        _actor(0.5)._failed(MemoryError())
    with pytest.raises(torch.OutOfMemoryError):
        _actor(0.0)._failed(TOO_LARGE)
    report = _actor(0.5)._failed(ValueError("no such shape\nmore"))
    assert (report.end, report.error) == ("failed", "ValueError: no such shape")


def _actor_between_trials(forget: Callable[[], object]) -> TrialActor:
    """It has run one, and is to start the next."""
    actor = _actor(0.5)
    actor._unfit, actor._accelerator = None, SimpleNamespace(forget=forget)
    actor._run, actor._epochs = "a trial", iter(["an epoch"])  # type: ignore[assignment]
    assert actor.reset_config({})
    return actor


def test_between_two_trials_a_worker_holds_nothing_of_the_first() -> None:
    """A neighbour on the same GPU may need that memory."""
    forgotten = []
    actor = _actor_between_trials(lambda: forgotten.append((actor._run, list(actor._epochs))))
    actor.config = {}  # no trial: it ends before it begins
    actor.step()
    assert forgotten == [(None, [])], "let go of before the device is told"


def test_a_device_that_the_first_trial_broke_ends_the_worker_and_not_the_second_trial() -> None:
    def forget() -> None:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(torch.AcceleratorError):  # which Tune tries again in another worker
        _actor_between_trials(forget).step()
