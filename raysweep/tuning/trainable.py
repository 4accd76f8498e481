"""The Ray Tune trainable: loops over what `forecasting` yields and reports it.

One actor runs many trials, one after the other. Nothing here writes to the ledger: the driver does.
"""

from __future__ import annotations

import os
import socket
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ray.tune import Trainable

from raysweep.disks import cannot_write
from raysweep.errors import CheckpointError, GpuMemoryError, StorageError
from raysweep.ledger.rows import TrialFacts
from raysweep.spec.config import Config
from raysweep.tuning.report import REPORT_SECONDS, WORST, Report, trial_score
from raysweep.tuning.shipping import why_unfit

if TYPE_CHECKING:
    from raysweep.forecasting.inputs import TrialInputs
    from raysweep.forecasting.results import EpochResult, Evaluation
    from raysweep.forecasting.trial import TrialRun


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """How workers run trials; the same for all trials of a sweep.

    Attributes:
        metric: What the scheduler and the search look at.
        num_threads: CPU threads a trial.
        is_gpu: Whether trials have a share of a GPU.
        next_rung: The first rung after an epoch; a report never crosses it. None if there is none.
        versions: What the driver has: a worker with others runs no trial.
    """

    metric: str
    num_threads: int
    is_gpu: bool
    next_rung: Callable[[int], int | None]
    versions: Mapping[str, str]


class TrialActor(Trainable):  # type: ignore[misc]
    """Runs trials in a worker process. `inputs` arrive once, through Ray's object store."""

    def setup(self, config: dict[str, Any], inputs: TrialInputs, settings: WorkerSettings) -> None:
        """Called once an actor."""
        self._run: TrialRun | None = None
        self._epochs: Iterator[EpochResult] = iter(())
        self._unfit: Report | None = None
        if (reason := why_unfit(settings.versions)) is not None:
            self._unfit = Report(facts=None, epochs=(), end="unfit_machine", error=reason)
            return  # there may be no torch
        from raysweep.forecasting.accelerators import accelerator_for

        self._inputs, self._settings = inputs, settings
        use_threads(settings.num_threads)
        self._accelerator = accelerator_for(is_gpu=settings.is_gpu)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """The next trial in the same process; Tune has put its config in place."""
        self._run, self._epochs = None, iter(())
        return True

    def step(self) -> dict[str, Any]:
        """Trains until the next report is due. An exception of the trial is its result, not this actor's end."""
        try:
            report = self._go_on() if self._run else self._unfit or self._start()
        except StorageError as error:
            report = Report(facts=None, epochs=(), end="no_storage", error=str(error))
        except Exception as error:
            report = self._failed(error)
        # Without a report's own score Tune and the search see the worst there is, never a missing value.
        return {
            "report": report,
            "score": WORST if report.score is None else report.score,
            "done": report.end is not None,
        }

    def _failed(self, error: Exception) -> Report:
        """What an exception means for the trial; raises what is to end this process, and so frees all that it holds."""
        from raysweep.forecasting.accelerators import is_out_of_gpu_memory

        text = f"{type(error).__name__}: {error}".split("\n")[0]
        if self._settings.is_gpu and is_out_of_gpu_memory(error):
            if not self._is_alone():
                raise GpuMemoryError(text) from error
            text = (
                "the GPU ran out of memory, though the trial had it for itself: a smaller train.batch_size takes less,"
                f" as do a smaller model and window ({text})"
            )
        elif _is_machines_fault(error):
            raise error
        return Report(facts=None, epochs=(), end="failed", error=text, traceback=traceback.format_exc())

    def _is_alone(self) -> bool:
        """Whether no other trial runs on the GPU."""
        return bool(self.trial_resources.required_resources.get("GPU", 0.0) >= 1)

    def _start(self) -> Report:
        from raysweep.forecasting.trial import TrialRun

        # Here, where an exception is judged: a device that the trial before has broken says so now, and is not to be
        # this trial's end.
        self._accelerator.forget()
        self._run = TrialRun(
            trial_id=self.config["trial_id"],
            config=Config.from_flat(self.config["config"]),
            seed=self.config["seed"],
            inputs=self._inputs,
            device=self._accelerator.device,
        )
        self._epochs = self._run.epochs()
        if self.config["is_rescore"] and len(self._run.history) < self._run.num_epochs:
            raise CheckpointError(f"no checkpoint of trial {self._run.trial_id} is left to score it from")
        if self._run.history:
            # Restored: the scheduler must judge the rungs that it hasn't seen before anything else is trained.
            return self._report(self._run.history)
        return self._go_on()

    def _go_on(self) -> Report:
        assert self._run is not None, "started before it goes on"
        deadline = time.monotonic() + REPORT_SECONDS
        rung = self._settings.next_rung(len(self._run.history))
        new: list[EpochResult] = []
        for epoch in self._epochs:
            new.append(epoch)
            if not epoch.is_finite:
                return self._report(new, end="diverged", error=f"the loss was not finite in epoch {epoch.epoch}")
            if epoch.epoch == rung or time.monotonic() > deadline:
                break
        self._check_storage()
        if new:
            self._run.save()
        if len(self._run.history) < self._run.num_epochs:
            return self._report(new)
        begun = time.monotonic()
        evaluations = self._run.score()
        seconds = time.monotonic() - begun
        return self._report(new, end="finished", evaluations=evaluations, scoring_seconds=seconds)

    def _check_storage(self) -> None:
        """The driver made these folders. Where one is missing its disk has gone, and another would take the files."""
        for folder in (self._inputs.storage.checkpoints, self._inputs.storage.predictions):
            try:
                folder.check()
            except OSError as error:
                raise cannot_write(str(folder), error, verb="found any more") from error

    def _report(self, epochs: list[EpochResult], *, evaluations: Sequence[Evaluation] = (), **end: Any) -> Report:
        assert self._run is not None, "started before it reports"
        facts = TrialFacts(
            num_train_windows=self._run.num_train_windows,
            num_params=self._run.num_params,
            node=socket.gethostname(),
            device=self._accelerator.name,
        )
        return Report(
            facts=facts,
            epochs=list(epochs),
            num_epochs=self._run.num_epochs,
            score=trial_score(self._run.history, evaluations, self._settings.metric),
            evaluations=evaluations,
            **end,
        )


def use_threads(num_threads: int) -> None:
    """CPU threads of this process, whatever its machine or its environment say.

    How many there are decides how sums are split up: another number gives other bits.
    """
    import threadpoolctl
    import torch

    torch.set_num_threads(num_threads)
    # Ray sets this only where it is unset, and `ray up` starts nodes with 1. What was loaded before has read it.
    os.environ["OMP_NUM_THREADS"] = str(num_threads)
    threadpoolctl.threadpool_limits(num_threads)


def _is_machines_fault(error: Exception) -> bool:
    """Whether the same trial may do better in another process: a lack of memory, or a GPU that is gone."""
    import torch

    # On a CPU torch has no class of its own for a lack of memory.
    is_cpu_memory = isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    return is_cpu_memory or isinstance(error, MemoryError | torch.OutOfMemoryError | torch.AcceleratorError)
