"""Ledgers to project, written the way a driver writes them."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Iterable

from raysweep.ledger.rows import CommandRow, ConfigRow, EpochRow, EvaluationRow, TrialEnd, TrialFacts, TrialRow
from raysweep.ledger.writer import LedgerWriter
from raysweep.paths import SweepPaths

BEGIN = 1_700_000_000.0  # long ago: whatever takes the present time instead is found out

SWEEP_TEXT = "name: 4single_timesteps\nparam_space: {model: att}  # ``` here, too\n"


def command(*, pid: int | None = None, started_at: float | None = None, host: str | None = None) -> CommandRow:
    """A command of this very process, unless told otherwise."""
    return CommandRow(
        started_at=BEGIN if started_at is None else started_at,
        host=socket.gethostname() if host is None else host,
        pid=os.getpid() if pid is None else pid,
        sweep_file="sweeps/4single_timesteps.yaml",
        sweep_text=SWEEP_TEXT,
        overrides=("model=att",),
        metric="val_mse_batch",
        scheduler="fifo",
        code_version="0.1.0",
    )


def running_command() -> CommandRow:
    """A command that counts as alive: this process had started by then."""
    return command(started_at=time.time())


def register(
    writer: LedgerWriter, count: int, *, model: str = "att", dataset: str = "4single", num_epochs: int = 50
) -> list[str]:
    """Trials with their configs; their ids."""
    configs, trials = [], []
    for position in range(count):
        config_id = f"config{position:04d}"
        config = {
            "protocol": "holdout",
            "model": model,
            "dataset": dataset,
            "train.time_steps": 64,
            "train.learning_rate": 10.0 ** -(position % 4 + 1),
            "train.batch_size": 64,
            "train.num_epochs": num_epochs,
            "train.num_steps": None,
            "train.is_align_target": True,
            "split.origin": 0.85,
            "model.d_model": 64,
            "model.pe_type": "sinpe",
        }
        configs.append(
            ConfigRow(
                config_id=config_id,
                config=config,
                data_digest="d" * 16,
                data_source="original",
                model_digest="m" * 16,
                protocol_version="1",
            )
        )
        trials.append(TrialRow(trial_id=f"trial{position:04d}", config_id=config_id, seed=0, position=position))
    writer.register(configs, trials)
    return [trial.trial_id for trial in trials]


def epochs(first: int, last: int, *, begin: float = BEGIN, diverges_at: int | None = None) -> list[EpochRow]:
    """Epochs of 0.4 ms each, so that several end in the same millisecond."""

    def loss(epoch: int) -> float:
        return math.nan if diverges_at is not None and epoch >= diverges_at else 1 / epoch

    return [
        EpochRow(
            epoch=epoch,
            num_steps=10 * epoch,
            train_loss=loss(epoch),
            val_loss=2 * loss(epoch),
            val_mse_batch=100 * loss(epoch),
            seconds=0.0004,
            finished_at=begin + 0.0004 * epoch,
        )
        for epoch in range(first, last + 1)
    ]


FACTS = TrialFacts(num_train_windows=600, num_params=4321, node="node-1", device="cpu")
SCORES = {"val_mse_regressive": 20.5, "test_mse_batch": 3.25, "test_mse_regressive": math.inf}


def evaluation(trial_id: str) -> EvaluationRow:
    """A score of a trial on its own series."""
    return EvaluationRow(
        kind="trial",
        trial_id=trial_id,
        model="att",
        eval_dataset="4single",
        protocol="holdout",
        origin=0.85,
        part="val",
        mode="batch",
        horizon=1,
        mse=9.0,
        rmse=3.0,
        mae=2.0,
        mase=math.inf,
        skill_last=0.5,
        skill_mean=-math.inf,
        skill_ridge=math.nan,
        num_targets=150,
        reason=None,
        eval_set_hash="e" * 16,
        data_source="original",
    )


def finish(writer: LedgerWriter, trial_ids: Iterable[str], *, num_epochs: int = 5) -> None:
    """Trains trials to their end."""
    for trial_id in trial_ids:
        writer.start_trial(trial_id, BEGIN, "0.1.0")
        writer.record_epochs(trial_id, epochs(1, num_epochs), facts=FACTS)
        writer.end_trial(trial_id, TrialEnd(status="finished", finished_at=BEGIN + 9, scores=SCORES))


def finished_sweep(paths: SweepPaths, count: int, *, num_epochs: int = 5) -> list[str]:
    """A ledger of a command that came to its end."""
    with LedgerWriter(paths.ledger) as writer:
        command_id = writer.begin_command(command())
        trial_ids = register(writer, count)
        finish(writer, trial_ids, num_epochs=num_epochs)
        writer.end_command(command_id, "done", BEGIN + 10)
    return trial_ids
