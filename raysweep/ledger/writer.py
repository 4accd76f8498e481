"""The one writer of the ledger: the driver of a sweep. Every method is one durable transaction.

SQLite in WAL mode with `synchronous=FULL`: what a method has returned from survives a kill and a power cut, and
readers (the tracking process, `raysweep status`) never block it.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from raysweep.errors import LedgerError
from raysweep.ledger.check import check_schema, check_structure
from raysweep.ledger.creation import create_ledger, is_absent
from raysweep.ledger.database import connect, errors_of, raise_if_a_signal
from raysweep.ledger.rows import (
    CommandRow,
    ConfigRow,
    EpochRow,
    EvaluationRow,
    RungRow,
    StepRow,
    TrialEnd,
    TrialFacts,
    TrialRow,
)
from raysweep.ledger.schema import STEP_PREFIX, to_sql

SCORES = (
    "predict_mse_batch",
    "predict_mse_regressive",
    "val_mse_batch",
    "val_mse_regressive",
    "test_mse_batch",
    "test_mse_regressive",
)


class LedgerWriter:
    """Not thread-safe; owned by the driver, and by nobody else at the same time.

    Args:
        file: Created with its folder if it isn't there.

    Raises:
        LedgerError: If the file is no ledger, or one of another version, or damaged, or can't be written.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.is_symlink():
                raise LedgerError(f"{file}: it is a link; a ledger is written only where it lies, so move it there")
            with errors_of(file, "opened for writing"):
                if is_absent(file):
                    create_ledger(file)
                self._connection = connect(file)
                try:
                    check_schema(self._connection, file)
                    check_structure(self._connection, file)
                    self._connection.execute("PRAGMA journal_mode = WAL")
                    self._connection.execute("PRAGMA synchronous = FULL")
                    self._connection.execute("PRAGMA foreign_keys = ON")
                except BaseException:
                    self._connection.close()
                    raise
        except OSError as error:
            raise LedgerError(f"{file}: can't be opened for writing ({error})") from error

    def __enter__(self) -> LedgerWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Folds the write-ahead log into the file and closes it."""
        self._connection.close()

    def begin_command(self, row: CommandRow) -> int:
        """Records that a sweep command has begun; returns its id. What a killed one left running waits again."""
        with self.transaction():
            self._nothing_is_running()
            values = {**dataclasses.asdict(row), "overrides": json.dumps(row.overrides)}
            cursor = self._insert("commands", values)
        assert cursor.lastrowid is not None, "an insert gives a row id"
        return cursor.lastrowid

    def set_storage_path(self, location: str | None) -> None:
        """Records where the sweep's checkpoints and forecasts go; None for beside the ledger."""
        with self.transaction():
            if location is None:
                self._connection.execute("DELETE FROM meta WHERE key = 'storage_path'")
            else:
                self._connection.execute(
                    "INSERT INTO meta VALUES ('storage_path', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
                    " WHERE value != excluded.value",
                    (location,),
                )

    def set_tracking_behind(self, is_behind: bool) -> None:
        """Records whether MLflow may lack something that stands here."""
        with self.transaction():
            if is_behind:
                self._connection.execute("INSERT OR IGNORE INTO meta VALUES ('tracking', 'behind')")
            else:
                self._connection.execute("DELETE FROM meta WHERE key = 'tracking'")

    def record_step(self, row: StepRow) -> None:
        """Keeps what a training step was measured to take; it replaces what was measured before."""
        text = json.dumps(dataclasses.asdict(row), sort_keys=True, allow_nan=False)
        with self.transaction():
            self._connection.execute(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (f"{STEP_PREFIX}{row.gpu} {row.shape}", text),
            )

    def end_command(self, command_id: int, outcome: str, finished_at: float) -> None:
        """Records how a sweep command ended: `done`, `failed` or `interrupted`."""
        with self.transaction():
            self._nothing_is_running()
            self._connection.execute(
                "UPDATE commands SET outcome = ?, finished_at = ? WHERE command_id = ?",
                (outcome, finished_at, command_id),
            )

    def _nothing_is_running(self) -> None:
        self._connection.execute(
            "UPDATE trials SET status = 'pending', revision = ? WHERE status = 'running'", (self._next_revision(),)
        )

    def forget_current(self) -> None:
        """No trial is part of the current sweep until `register` says so; old rows stay."""
        with self.transaction():
            self._connection.execute(
                "UPDATE trials SET is_current = 0, revision = ? WHERE is_current", (self._next_revision(),)
            )

    def register(self, configs: Iterable[ConfigRow], trials: Iterable[TrialRow]) -> None:
        """Makes trials part of the current sweep; those that are known keep all they have."""
        with self.transaction():
            self._connection.executemany(
                "INSERT INTO configs VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (config_id) DO NOTHING",
                [
                    (
                        row.config_id,
                        json.dumps(row.config, allow_nan=False),
                        row.data_digest,
                        row.data_source,
                        row.model_digest,
                        row.protocol_version,
                    )
                    for row in configs
                ],
            )
            revision = self._next_revision()
            self._connection.executemany(
                "INSERT INTO trials (trial_id, config_id, seed, position, phase, is_current, status, revision)"
                " VALUES (?, ?, ?, ?, ?, 1, 'pending', ?)"
                " ON CONFLICT (trial_id) DO UPDATE SET is_current = 1, position = excluded.position,"
                " phase = excluded.phase, revision = excluded.revision",
                [(row.trial_id, row.config_id, row.seed, row.position, row.phase, revision) for row in trials],
            )

    def start_trial(self, trial_id: str, started_at: float, code_version: str) -> None:
        """A trial that isn't finished is running (again). Its first start is what counts as `started_at`."""
        with self.transaction():
            cursor = self._connection.execute(
                "UPDATE trials SET status = 'running', started_at = coalesce(started_at, ?), code_version = ?,"
                " finished_at = NULL, error = NULL, traceback = NULL, stopped_by = NULL, revision = ?"
                " WHERE trial_id = ? AND status != 'finished'",
                (started_at, code_version, self._next_revision(), trial_id),
            )
            assert cursor.rowcount == 1, f"{trial_id} is finished or not registered: it can't start"

    def record_epochs(
        self,
        trial_id: str,
        epochs: Sequence[EpochRow],
        *,
        facts: TrialFacts | None = None,
        rungs: Sequence[RungRow] = (),
    ) -> None:
        """Adds epochs, what the trial told of itself, and what the scheduler decided, all or nothing.

        An epoch that is there already is replaced: after a restart a trial sends all it has. Only where it was trained
        again with the same losses does it keep the time at which it was first finished, so that those who have shown
        it need not take it back.
        """
        with self.transaction():
            self._connection.executemany(
                "INSERT INTO epochs VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (trial_id, epoch) DO UPDATE SET"
                " num_steps = excluded.num_steps, train_loss = excluded.train_loss, val_loss = excluded.val_loss,"
                " val_mse_batch = excluded.val_mse_batch, seconds = excluded.seconds,"
                " finished_at = excluded.finished_at WHERE (num_steps, train_loss, val_loss, val_mse_batch) IS NOT"
                " (excluded.num_steps, excluded.train_loss, excluded.val_loss, excluded.val_mse_batch)",
                # Not `astuple`, whose copies take longer than the insert.
                [(trial_id, *map(to_sql, vars(row).values())) for row in epochs],
            )
            for row in rungs:
                values = dataclasses.asdict(row)
                values["score"] = to_sql(row.score)
                self._insert("rungs", values, verb="INSERT OR REPLACE")
            changes: dict[str, object] = {"revision": self._next_revision()}
            if facts is not None:
                changes |= dataclasses.asdict(facts)
            if epochs:
                last = max(epochs, key=lambda row: row.epoch)
                changes |= {
                    "num_steps": last.num_steps,
                    "final_train_loss": last.train_loss,
                    "final_val_loss": last.val_loss,
                }
                if last.val_mse_batch is not None:
                    changes["val_mse_batch"] = last.val_mse_batch
            self._update_trial(trial_id, changes)

    def end_trial(self, trial_id: str, end: TrialEnd, evaluations: Iterable[EvaluationRow] = ()) -> None:
        """Records how a trial ended, with all its scores, all or nothing."""
        assert set(end.scores) <= set(SCORES), f"unknown scores {set(end.scores) - set(SCORES)}"
        with self.transaction():
            self._insert_evaluations(list(evaluations))
            self._update_trial(
                trial_id,
                {
                    "status": end.status,
                    "finished_at": end.finished_at,
                    "error": end.error,
                    "traceback": end.traceback,
                    "stopped_by": end.stopped_by,
                    **end.scores,
                    "revision": self._next_revision(),
                },
            )

    def record_evaluations(self, rows: Iterable[EvaluationRow]) -> None:
        """Adds or replaces scores: of baselines, or of a finished trial on series that were added later."""
        with self.transaction():
            trial_ids = self._insert_evaluations(list(rows))
            revision = self._next_revision()
            self._connection.executemany(
                "UPDATE trials SET revision = ? WHERE trial_id = ?",
                [(revision, trial_id) for trial_id in trial_ids],
            )

    def _insert_evaluations(self, rows: Sequence[EvaluationRow]) -> set[str]:
        """Scores of the same trial on what used to be the same series stay, but are no longer current."""
        trials = {(row.trial_id, row.eval_dataset) for row in rows if row.kind == "trial"}
        self._connection.executemany(
            "UPDATE evaluations SET is_current = 0 WHERE kind = 'trial' AND trial_id = ? AND eval_dataset = ?",
            sorted(trials),
        )
        for row in rows:
            self._insert("evaluations", dataclasses.asdict(row), verb="INSERT OR REPLACE")
        return {row.trial_id for row in rows}

    def _update_trial(self, trial_id: str, changes: dict[str, object]) -> None:
        columns = ", ".join(f"{column} = ?" for column in changes)
        self._connection.execute(
            f"UPDATE trials SET {columns}, train_seconds ="
            " (SELECT sum(seconds) FROM epochs WHERE epochs.trial_id = trials.trial_id) WHERE trial_id = ?",
            [*map(to_sql, changes.values()), trial_id],
        )

    def _insert(self, table: str, values: dict[str, object], *, verb: str = "INSERT") -> sqlite3.Cursor:
        marks = ", ".join("?" * len(values))
        return self._connection.execute(
            f"{verb} INTO {table} ({', '.join(values)}) VALUES ({marks})", [*map(to_sql, values.values())]
        )

    def _next_revision(self) -> int:
        """Inside a transaction only."""
        row = self._connection.execute(
            "UPDATE meta SET value = value + 1 WHERE key = 'revision' RETURNING value"
        ).fetchone()
        return int(row[0])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside become durable together at its end, or not at all. May be nested."""
        if self._connection.in_transaction:
            yield
            return
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk may have ended the transaction already; one that stays open would swallow all later ones.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise_if_a_signal(error)
            raise LedgerError(f"{self._file}: can't be written ({error})") from error
