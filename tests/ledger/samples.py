"""A ledger with something in each table, and all that can be read from a ledger."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path

from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.rows import CommandRow, ConfigRow, EpochRow, EvaluationRow, RungRow, TrialEnd, TrialRow
from raysweep.ledger.writer import LedgerWriter

ADVICE = (
    r"ledger\.sqlite: not a ledger, or damaged \(.+\); restore it from a copy\. Without one, move it away with its "
    r"-wal and -shm and run the sweep again: trials come back from their checkpoints and are only scored again\. "
    r"The Parquet files and MLflow were not touched$"
)
SCHEDULER = "asha grace_period=5 reduction_factor=3"

CONFIG = ConfigRow(
    config_id="c0",
    config={"model": "att", "train.learning_rate": 3e-3, "train.num_steps": None},
    data_digest="d0",
    data_source="stand-in",
    model_digest="m0",
    protocol_version="1",
)
COMMAND = CommandRow(
    started_at=1.5,
    host="here",
    pid=7,
    sweep_file="sweeps/a.yaml",
    sweep_text="name: a\n",
    overrides=("model=att,vq", "seeds=[0,1]"),
    metric="val_mse_batch",
    scheduler="fifo",
    code_version="0.1.0",
)
EVALUATION = EvaluationRow(
    kind="trial",
    trial_id="t0",
    model="att",
    eval_dataset="nan",  # a name that looks like a number that isn't one
    protocol="holdout",
    origin=0.85,
    part="test",
    mode="batch",
    horizon=1,
    mse=math.nan,
    rmse=math.inf,
    mae=1.0,
    mase=1.0,
    skill_last=-math.inf,
    skill_mean=0.5,
    skill_ridge=0.25,
    num_targets=0,
    reason="nan",
    eval_set_hash="e0",
    data_source="stand-in",
    block_errors=(math.nan, math.inf, 0.5),
)


def epoch(number: int, *, train_loss: float = 1.0, finished_at: float = 100.0) -> EpochRow:
    return EpochRow(
        epoch=number,
        num_steps=10 * number,
        train_loss=train_loss,
        val_loss=2.0,
        val_mse_batch=3.0,
        seconds=0.5,
        finished_at=finished_at,
    )


def trial(number: int) -> TrialRow:
    return TrialRow(trial_id=f"t{number}", config_id="c0", seed=number, position=number)


def write_steps(file: Path, *, trials: range, num_epochs: int) -> Iterator[LedgerWriter]:
    """Fills a ledger, one transaction after the other."""
    with LedgerWriter(file) as writer:
        writer.begin_command(COMMAND)
        yield writer
        writer.register([CONFIG], [trial(number) for number in trials])
        yield writer
        for number in trials:
            name = f"t{number}"
            writer.start_trial(name, 1.0 + number, "0.1.0")
            yield writer
            rung = RungRow(
                trial_id=name, bracket="b", scheduler=SCHEDULER, rung=5, score=1.5, cutoff=None, is_stop=False
            )
            writer.record_epochs(name, [_varied(number, index) for index in range(1, num_epochs + 1)], rungs=[rung])
            yield writer
            end = TrialEnd(status="finished", finished_at=9.0 + number, scores={"test_mse_batch": 1 / (1 + number)})
            own = dataclasses.replace(EVALUATION, trial_id=name)
            writer.end_trial(name, end, [dataclasses.replace(own, eval_set_hash=f"e{index}") for index in range(6)])
            yield writer
        writer.record_evaluations([dataclasses.replace(EVALUATION, kind="baseline", trial_id="", mse=4.0)])
        yield writer


def _varied(trial_number: int, number: int) -> EpochRow:
    loss = math.nan if number == 7 else 1 / (1 + trial_number + number)
    return epoch(number, train_loss=loss, finished_at=1.7e9 + number / 3)


def write_sample(file: Path, *, num_trials: int, num_epochs: int) -> None:
    for _ in write_steps(file, trials=range(num_trials), num_epochs=num_epochs):
        pass


def contents(file: Path, *, check: bool = True) -> str:
    """All that can be read; as text, as NaN equals nothing."""
    with LedgerReader(file, check=check) as reader:
        return repr(
            (
                reader.trials(),
                reader.trials(after_revision=3),
                reader.epochs(),
                reader.epochs("t0", after_epoch=2),
                reader.evaluations(),
                reader.rungs(SCHEDULER),
                reader.first_command(),
                reader.last_command(),
                sorted((name, repr(known)) for name, known in reader.known_trials().items()),
                reader.count_current(),
                sorted(reader.current_trials(status="finished")),
                reader.revision(),
                reader.ledger_id(),
            )
        )
