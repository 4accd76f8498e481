"""Real ledgers with trials, epochs and scores as a test wants them, written through `LedgerWriter`."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import math
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from raysweep.ledger.database import register_checksum
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.rows import ConfigRow, EpochRow, EvaluationRow, Phase, Status, TrialEnd, TrialFacts, TrialRow
from raysweep.ledger.schema import to_sql
from raysweep.ledger.writer import LedgerWriter
from raysweep.paths import SweepPaths
from raysweep.spec.config import Config, ProtocolName, TrainSettings, config_id, trial_id

NAN = math.nan
STARTED_AT = 1_736_800_000.25
HORIZONS = {"batch": (1,), "regressive": (30, 120)}
BASELINES = {"last_value": 400.0, "train_mean": 900.0, "ridge": 100.0}


@dataclass(frozen=True, kw_only=True)
class FakeTrial:
    """One trial and its scores on its own series. `None` for a score means that it has no such row.

    Under holdout `val` and `test` are the one-step errors; autoregressive ones are `val_far` and `test_far`. Under
    replication `val` is the final loss, `test` and `test_far` are the two `Predict` columns.
    """

    model: str = "att"
    arguments: Mapping[str, Any] = field(default_factory=lambda: {"d_model": 64})
    dataset: str = "y_w"
    protocol: ProtocolName = "holdout"
    train: Mapping[str, Any] = field(default_factory=dict)
    origin: float | None = 0.85
    seed: int = 0
    status: Status = "finished"
    epochs: int = 2
    val: float = 50.0
    test: float | None = 60.0
    val_far: float | None = 70.0
    test_far: float | None = 80.0
    num_targets: int = 150
    data: str = "data-1"
    source: str = "original"
    model_digest: str = "code-1"
    metric: str = "1"
    phase: Phase | None = None
    error: str = "ValueError: broken"

    @cached_property
    def config(self) -> Config:
        return Config(
            protocol=self.protocol,
            model=self.model,
            model_arguments=self.arguments,
            dataset=self.dataset,
            train=TrainSettings(**self.train),
            origin=self.origin if self.protocol == "holdout" else None,
        )

    @cached_property
    def config_id(self) -> str:
        return config_id(
            self.config, data_digest=self.data, model_digest=self.model_digest, protocol_version=self.protocol
        )

    @cached_property
    def trial_id(self) -> str:
        return trial_id(self.config_id, self.seed)

    def eval_set_hash(self, part: str, mode: str, horizon: int, dataset: str = "") -> str:
        window = self.config.train.time_steps if self.protocol == "replication" else 0
        name = f"{dataset}/{self.data}/{self.config.origin}/{window}/{part}/{mode}/{horizon}/{self.metric}"
        return hashlib.sha256(name.encode()).hexdigest()[:16]

    def evaluations(self) -> list[EvaluationRow]:
        if self.status != "finished":
            return []
        scores = {
            ("val", "batch"): self.val,
            ("test", "batch"): self.test,
            ("val", "regressive"): self.val_far,
            ("test", "regressive"): self.test_far,
        }
        if self.protocol == "replication":
            scores = {("all", "batch"): self.test, ("all", "regressive"): self.test_far}
        return [
            self.evaluation(part, mode, horizon, mse)
            for (part, mode), mse in scores.items()
            if mse is not None
            # A shorter horizon has a lower error; it must not be taken for the longest.
            for horizon, mse in zip(HORIZONS[mode], [mse] if mode == "batch" else [mse / 10, mse], strict=True)
        ]

    def evaluation(
        self, part: str, mode: str, horizon: int, mse: float, *, eval_dataset: str = "", **changes: Any
    ) -> EvaluationRow:
        values: dict[str, Any] = {
            "kind": "trial",
            "trial_id": self.trial_id,
            "model": self.model,
            "eval_dataset": eval_dataset or self.dataset,
            "protocol": self.protocol,
            "origin": self.config.origin,
            "part": part,
            "mode": mode,
            "horizon": horizon,
            "mse": mse,
            "rmse": math.sqrt(mse) if mse >= 0 else NAN,
            "mae": mse / 2,
            "mase": mse / 3,
            "skill_last": 1 - mse / BASELINES["last_value"],
            "skill_mean": 1 - mse / BASELINES["train_mean"],
            "skill_ridge": 1 - mse / BASELINES["ridge"],
            "num_targets": self.num_targets,
            "reason": None,
            "eval_set_hash": self.eval_set_hash(part, mode, horizon, eval_dataset),
            "data_source": self.source,
        }
        return EvaluationRow(**values | changes)

    def baselines(self, scores: Mapping[str, float] = BASELINES, floor: float = 16.0) -> list[EvaluationRow]:
        """The baselines on this trial's evaluation sets, and the noise floor."""
        rows = []
        for part in ("val", "test") if self.protocol == "holdout" else ("all",):
            for mode, horizons in HORIZONS.items():
                for horizon in horizons:
                    for name, mse in scores.items():
                        about = {"kind": "baseline", "trial_id": "", "model": name}
                        settings = "lags 32, penalty 0.1" if name == "ridge" else None
                        rows.append(self.evaluation(part, mode, horizon, mse, **about, settings=settings))
            about = {"kind": "noise_floor", "trial_id": "", "model": "noise_floor", "mae": NAN, "mase": NAN}
            skills = dict.fromkeys(("skill_last", "skill_mean", "skill_ridge"), NAN)
            rows.append(self.evaluation(part, "batch", 1, floor, **about, **skills))
        return rows


def write_ledger(
    paths: SweepPaths,
    trials: list[FakeTrial],
    *,
    old: tuple[FakeTrial, ...] = (),
    baselines: bool = True,
    extra: tuple[EvaluationRow, ...] = (),
) -> SweepPaths:
    """A ledger in which `trials` are current and `old` are not. May be called again to add to it."""
    with LedgerWriter(paths.ledger) as writer:
        with LedgerReader(paths.ledger) as reader:
            finished = {name for name, trial in reader.known_trials().items() if trial.status == "finished"}
        for generation in (old, trials):
            writer.forget_current()
            _register(writer, generation)
            for trial in generation:
                _run(writer, trial, finished)
        if baselines:
            for trial in (*old, *trials):
                writer.record_evaluations(trial.baselines())
        writer.record_evaluations(extra)
    return paths


def sweep_paths(folder: Path, name: str = "tiny") -> SweepPaths:
    return SweepPaths(folder, name)


def _register(writer: LedgerWriter, trials: tuple[FakeTrial, ...] | list[FakeTrial]) -> None:
    writer.register(
        [
            ConfigRow(
                config_id=trial.config_id,
                config=trial.config.to_flat(),
                data_digest=trial.data,
                data_source=trial.source,
                model_digest=trial.model_digest,
                protocol_version=trial.protocol,
            )
            for trial in trials
        ],
        [
            TrialRow(
                trial_id=trial.trial_id,
                config_id=trial.config_id,
                seed=trial.seed,
                position=position,
                phase=trial.phase,
            )
            for position, trial in enumerate(trials)
        ],
    )


def _run(writer: LedgerWriter, trial: FakeTrial, finished: set[str]) -> None:
    if trial.status == "pending" or trial.trial_id in finished:
        return
    is_holdout = trial.protocol == "holdout"
    writer.start_trial(trial.trial_id, STARTED_AT, "v1")
    epochs = [
        EpochRow(
            epoch=epoch,
            num_steps=10 * epoch,
            train_loss=0.5 if is_holdout else trial.val / 2,
            val_loss=0.6 if is_holdout else trial.val,
            val_mse_batch=trial.val if is_holdout else None,
            seconds=1.5,
            finished_at=STARTED_AT + 1.5 * epoch,
        )
        for epoch in range(1, trial.epochs + 1)
    ]
    facts = TrialFacts(num_train_windows=1234, num_params=4321, node="host", device="cpu")
    writer.record_epochs(trial.trial_id, epochs, facts=facts)
    if trial.status == "running":
        return
    scores = {
        "predict_mse_batch": None if is_holdout else trial.test,
        "predict_mse_regressive": None if is_holdout else trial.test_far,
        "val_mse_regressive": trial.val_far if is_holdout else None,
        "test_mse_batch": trial.test if is_holdout else None,
        "test_mse_regressive": trial.test_far if is_holdout else None,
    }
    measured = {name: value for name, value in scores.items() if value is not None}
    end = TrialEnd(
        status=trial.status,
        finished_at=STARTED_AT + 100,
        error=trial.error if trial.status == "failed" else None,
        scores=measured if trial.status == "finished" else {},
    )
    writer.end_trial(trial.trial_id, end, trial.evaluations())


def write_large_ledger(paths: SweepPaths, *, num_trials: int, num_epochs: int) -> SweepPaths:
    """A ledger of distinct finished configs, the first of which is the best."""
    trials = [
        FakeTrial(train={"learning_rate": 1e-4 + 1e-7 * index}, val=50.0 + index, epochs=num_epochs)
        for index in range(num_trials)
    ]
    return write_at_once(paths, trials, [row for trial in trials for row in trial.evaluations()], trials[0].baselines())


def write_at_once(
    paths: SweepPaths, trials: list[FakeTrial], scores: list[EvaluationRow], references: list[EvaluationRow]
) -> SweepPaths:
    """A ledger of finished trials, whole tables at a time, as a transaction a trial would take minutes."""
    with LedgerWriter(paths.ledger) as writer:
        _register(writer, trials)
        writer.record_evaluations(references)
    with contextlib.closing(sqlite3.connect(paths.ledger)) as connection, connection:
        register_checksum(connection)
        connection.executemany(
            "UPDATE trials SET status = 'finished', final_val_loss = 0.1, val_mse_batch = ?, val_mse_regressive = ?,"
            " train_seconds = ?, num_params = 4321, num_train_windows = 1234, num_steps = 50, started_at = 0,"
            " finished_at = 1 WHERE trial_id = ?",
            [(trial.val, trial.val_far, 75 + trial.config.train.time_steps, trial.trial_id) for trial in trials],
        )
        connection.executemany(
            "INSERT INTO epochs VALUES (?, ?, ?, 0.5, 0.6, ?, 1.5, 1.0)",
            [
                (trial.trial_id, epoch, epoch, trial.val * (1 + 1 / epoch))
                for trial in trials
                for epoch in range(1, trial.epochs + 1)
            ],
        )
        marks = ", ".join("?" * len(dataclasses.fields(EvaluationRow)))
        names = ", ".join(column.name for column in dataclasses.fields(EvaluationRow))
        connection.executemany(
            f"INSERT INTO evaluations ({names}) VALUES ({marks})",
            [tuple(map(to_sql, vars(row).values())) for row in scores],
        )
    return paths
