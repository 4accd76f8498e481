"""Runs trials through Ray Tune until all have ended."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from raysweep.disks import cannot_write, is_disk_error
from raysweep.errors import Interrupted, RaysweepError, StorageError
from raysweep.ledger.writer import LedgerWriter
from raysweep.planning.progress import Progress
from raysweep.signals import signals_noted
from raysweep.tuning.ray_folders import temporary_prefix

if TYPE_CHECKING:
    from raysweep.forecasting.inputs import TrialInputs
    from raysweep.tuning.cluster import RunningCluster
    from raysweep.tuning.retries import RetryingFifo
    from raysweep.tuning.search import TrialList


def run_trials(
    search: TrialList,
    *,
    cluster: RunningCluster,
    inputs: TrialInputs,
    metric: str,
    scheduler: RetryingFifo,
    next_rung: Callable[[int], int | None],
    max_running: int | None,
    num_threads: int,
    is_gpu: bool,
    ledger: LedgerWriter,
    progress: Progress,
    data_sources: Mapping[str, str],
    references: Mapping[str, Mapping[str, float]],
    code_version: str,
    lost_storage: Callable[[], str | None],
    slowest_epoch: Callable[[], float],
    on_change: Callable[[], None],
) -> None:
    """Runs every trial that the search hands out. Call inside `ray_cluster`.

    No more than `max_running` at a time; None for as many as there is room for. `num_threads` and `is_gpu` are as of
    `WorkerSettings`. `lost_storage` says what has become of the disk with the results, if it is gone; `slowest_epoch`
    how many seconds the slowest took that the ledger knows of, 0 if it knows of none.

    Raises:
        Interrupted: After Ctrl-C or SIGTERM.
        ClusterError: If Ray is gone.
        LedgerError: If the ledger can't be written any more.
        StorageError: If checkpoints or forecasts can't.
    """
    from ray import tune

    from raysweep.tuning.recorder import Recorder, SweepAborted
    from raysweep.tuning.retries import PAUSES_SECONDS
    from raysweep.tuning.shipping import numeric_versions
    from raysweep.tuning.trainable import TrialActor, WorkerSettings

    search.max_running = max_running
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(progress.num_slots)
    settings = WorkerSettings(
        metric=metric, num_threads=num_threads, is_gpu=is_gpu, next_rung=next_rung, versions=numeric_versions()
    )

    def after_change() -> None:
        on_change()
        if lost := lost_storage():
            raise SweepAborted from StorageError(lost)

    with _tunes_folder(progress) as storage, signals_noted() as is_interrupted:
        recorder = Recorder(
            ledger=ledger,
            progress=progress,
            scheduler=scheduler,
            data_sources=data_sources,
            references=references,
            code_version=code_version,
            on_change=after_change,
            is_interrupted=is_interrupted,
            lost_cluster=cluster.lost,
            slowest_epoch=slowest_epoch(),
        )
        try:
            tune.run(
                tune.with_parameters(TrialActor, inputs=inputs, settings=settings),
                name="trials",
                search_alg=search,
                scheduler=scheduler,
                callbacks=[recorder],
                storage_path=storage,
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
                reuse_actors=True,
                max_failures=len(PAUSES_SECONDS),
                raise_on_failed_trial=False,
                verbose=0,
            )
        except SweepAborted as error:
            if isinstance(reason := error.__cause__, RaysweepError):
                raise reason from reason.__cause__  # what SQLite said, which tells a full disk from a damaged ledger
            raise Interrupted("interrupted") from None


@contextmanager
def _tunes_folder(progress: Progress) -> Iterator[str]:
    """Where Tune keeps a state that nobody reads: all that counts is in the ledger and the checkpoints."""
    try:
        with tempfile.TemporaryDirectory(prefix=temporary_prefix("tune"), ignore_cleanup_errors=True) as folder:
            yield folder
    except OSError as error:
        # Tune writes once more when all is done; that it can't takes nothing away.
        if not is_disk_error(error):
            raise
        if progress.num_done < progress.num_trials:
            raise cannot_write(error.filename or tempfile.gettempdir(), error) from error
