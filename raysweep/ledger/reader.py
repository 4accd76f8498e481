"""Reading a ledger: by anyone, at any time, also while its driver writes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from raysweep.errors import LedgerError
from raysweep.ledger.check import check_rows, check_schema, has_ledger, structure_checked
from raysweep.ledger.database import connect_to_read, damaged, errors_of
from raysweep.ledger.rows import TRIAL_ID, Phase, RungRow, Status, StepRow
from raysweep.ledger.schema import COMMANDS, EPOCHS, EVALUATIONS, RUNGS, STEP_PREFIX, TABLES, TRIALS, Table, from_sql

Row = dict[str, Any]
Columns = dict[str, list[Any]]  # as long as each other


@dataclass(frozen=True, kw_only=True)
class KnownTrial:
    """What planning needs to know of a trial; `scores` are those on validation, by the name of the metric."""

    status: Status
    stopped_by: str | None
    epochs: int
    train_seconds: float
    eval_sets: frozenset[tuple[str, str]]  # (series, eval_set_hash)
    scores: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class History:
    """How far a ledger has come.

    Attributes:
        commands: Host, process and time of each.
        revision: As of `LedgerReader.revision`.
    """

    commands: tuple[tuple[str, int, float], ...]
    revision: int

    def is_continued_by(self, other: History) -> bool:
        """Whether the other is the same ledger, later."""
        if self.commands == other.commands:
            return self.revision < other.revision
        return self.commands == other.commands[: len(self.commands)]


class LedgerReader:
    """Read-only; its own connection, so it can't disturb the writer.

    Args:
        file: An existing ledger.
        check: Look for damage first, in every page and every row. That takes 1.5 s for 10,000 trials of 50 epochs, so
            whoever opens the same ledger again and again may leave it out.
        tables: Those whose rows are looked at; whoever reads no others may leave them out.

    Raises:
        LedgerError: If it isn't there, is no ledger, is one of another version, or is damaged.
    """

    def __init__(self, file: Path, *, check: bool = True, tables: Sequence[Table] = TABLES) -> None:
        self._file = file
        if not has_ledger(file):
            raise LedgerError(f"{file}: there is no ledger; has this sweep been run?")
        with errors_of(file, "read"):
            self._connection = connect_to_read(file)
            try:
                check_schema(self._connection, file)
                if check:
                    with structure_checked(file):
                        check_rows(self._connection, file, tables)
            except BaseException:
                self._connection.close()
                raise

    def __enter__(self) -> LedgerReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()

    def trials(self, *, after_revision: int = -1) -> list[Row]:
        """Every trial with its config's columns and `epochs` (how many), in the sweep's order.

        Args:
            after_revision: Only those written to since.
        """
        rows = self._rows(
            f"SELECT {TRIALS.selection}, configs.config, configs.data_digest, configs.data_source,"
            " configs.model_digest, configs.protocol_version,"
            " (SELECT count(*) FROM epochs WHERE epochs.trial_id = trials.trial_id) AS epochs"
            " FROM trials JOIN configs USING (config_id) WHERE revision > ?"
            " ORDER BY is_current DESC, position, started_at",
            (after_revision,),
        )
        configs: dict[str, Row] = {}  # many trials have one
        for row in rows:
            if not re.fullmatch(TRIAL_ID, str(row["trial_id"])):
                raise damaged(self._file, f"the trial id {row['trial_id']!a}")
            text = row["config"]
            try:
                configs[text] = configs.get(text) or json.loads(text)
                row["config"] = dict(configs[text])
            except ValueError as error:
                raise damaged(self._file, f"the config of trial {row['trial_id']}: {error}") from error
        return rows

    def epochs(self, trial_id: str | None = None, *, after_epoch: int = 0) -> list[Row]:
        """Epochs in order, of one trial or of all."""
        where, values = ("WHERE trial_id = ? AND epoch > ?", (trial_id, after_epoch)) if trial_id else ("", ())
        return self._rows(f"SELECT {EPOCHS.selection} FROM epochs {where} ORDER BY trial_id, epoch", values)

    def epoch_columns(self) -> Columns:
        """All epochs in order, by column: there are half a million."""
        return self._columns(f"SELECT {EPOCHS.selection} FROM epochs ORDER BY trial_id, epoch")

    def slowest_epoch(self) -> float:
        """Seconds of the slowest epoch of all trials, those of edited sweeps too; 0 if there is none."""
        return float(self._rows("SELECT max(seconds) AS slowest FROM epochs")[0]["slowest"] or 0.0)

    def evaluations(self) -> Columns:
        """All scores of trials and baselines, by column."""
        return self._columns(
            f"SELECT {EVALUATIONS.selection} FROM evaluations ORDER BY kind, trial_id, model, part, mode, horizon"
        )

    def rungs(self, scheduler: str) -> list[RungRow]:
        """What a scheduler with these settings has decided about current trials, in the order of decision."""
        rows = self._rows(
            f"SELECT {RUNGS.selection} FROM rungs JOIN trials USING (trial_id) WHERE scheduler = ? AND is_current"
            " ORDER BY sequence",
            (scheduler,),
        )
        return [
            RungRow(
                **{key: value for key, value in row.items() if key != "sequence"} | {"is_stop": bool(row["is_stop"])}
            )
            for row in rows
        ]

    def first_command(self) -> Row | None:
        """The oldest sweep command, or None before the first."""
        rows = self._rows(f"SELECT {COMMANDS.selection} FROM commands ORDER BY command_id LIMIT 1")
        return rows[0] if rows else None

    def history(self) -> History:
        """What tells a ledger from others, and from itself at another time."""
        rows = self._rows(f"SELECT {COMMANDS.selection} FROM commands ORDER BY command_id")
        commands = tuple((row["host"], row["pid"], row["started_at"]) for row in rows)
        return History(commands=commands, revision=self.revision())

    def last_command(self) -> Row | None:
        """The newest sweep command, or None before the first."""
        rows = self._rows(f"SELECT {COMMANDS.selection} FROM commands ORDER BY command_id DESC LIMIT 1")
        return rows[0] if rows else None

    def known_trials(self) -> dict[str, KnownTrial]:
        """Every trial by id, as planning needs it."""
        scored: dict[str, set[tuple[str, str]]] = {}
        for row in self._rows("SELECT trial_id, eval_dataset, eval_set_hash FROM evaluations WHERE kind = 'trial'"):
            scored.setdefault(row["trial_id"], set()).add((row["eval_dataset"], row["eval_set_hash"]))
        rows = self._rows(
            "SELECT trial_id, status, stopped_by, train_seconds, final_val_loss, val_mse_batch, val_mse_regressive,"
            " (SELECT count(*) FROM epochs WHERE epochs.trial_id = trials.trial_id) AS epochs FROM trials"
        )
        return {
            row["trial_id"]: KnownTrial(
                status=row["status"],
                stopped_by=row["stopped_by"],
                epochs=row["epochs"],
                train_seconds=row["train_seconds"] or 0.0,
                eval_sets=frozenset(scored.get(row["trial_id"], ())),
                scores={
                    "val_loss": row["final_val_loss"],
                    "val_mse_batch": row["val_mse_batch"],
                    "val_mse_regressive": row["val_mse_regressive"],
                },
            )
            for row in rows
        }

    def ledger_id(self) -> str:
        """What MLflow's runs of this ledger are known by.

        A copy of the sweep's folder keeps it, and so does a ledger that takes the place of a damaged one.
        """
        return self._meta("ledger_id")

    def storage_path(self) -> str | None:
        """Where the sweep's checkpoints and forecasts are, as its last command was told; None for beside the ledger."""
        rows = self._rows("SELECT value FROM meta WHERE key = 'storage_path'")
        return str(rows[0]["value"]) if rows else None

    def is_tracking_behind(self) -> bool:
        """Whether a command ended before MLflow had all that it wrote; `raysweep sync` may have told it since."""
        return bool(self._rows("SELECT value FROM meta WHERE key = 'tracking'"))

    def steps(self) -> list[StepRow]:
        """What training steps were measured to take on GPUs."""
        rows = self._rows("SELECT key, value FROM meta WHERE substr(key, 1, ?) = ?", (len(STEP_PREFIX), STEP_PREFIX))
        try:
            return [StepRow(**json.loads(row["value"])) for row in rows]
        except (ValueError, TypeError) as error:
            raise damaged(self._file, f"a measured step: {error}") from error

    def count_current(self) -> dict[str, int]:
        """How many trials of the current sweep have each status."""
        rows = self._rows("SELECT status, count(*) AS number FROM trials WHERE is_current GROUP BY status")
        return {row["status"]: row["number"] for row in rows}

    def current_trials(self, *, status: Status | None = None) -> dict[str, Phase | None]:
        """The trials that the sweep asked for when its command last ran, by id, with their phase.

        Args:
            status: Only those of one status.
        """
        rows = self._rows(
            "SELECT trial_id, phase FROM trials WHERE is_current AND status = coalesce(?, status)", (status,)
        )
        return {row["trial_id"]: row["phase"] for row in rows}

    def revision(self) -> int:
        """Counts up with every write to a trial."""
        return int(self._meta("revision"))

    def _meta(self, key: str) -> str:
        rows = self._rows("SELECT value FROM meta WHERE key = ?", (key,))
        if not rows:
            raise damaged(self._file, f"no {key} in it")
        return str(rows[0]["value"])

    def _columns(self, query: str) -> Columns:
        with errors_of(self._file, "read"):
            cursor = self._connection.execute(query)
            names = [column[0] for column in cursor.description]
            values = list(zip(*cursor, strict=True)) or [()] * len(names)
        return {name: _from_sql(column) for name, column in zip(names, values, strict=True)}

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[Row]:
        with errors_of(self._file, "read"):
            cursor = self._connection.execute(query, values)
            columns = [column[0] for column in cursor.description]
            # The test stands for a call that most of a million values don't need.
            return [
                dict(zip(columns, [from_sql(value) if type(value) is bytes else value for value in row], strict=True))
                for row in cursor
            ]


def _from_sql(column: Sequence[object]) -> list[Any]:
    if bytes not in set(map(type, column)):  # as of most
        return list(column)
    return [from_sql(value) if type(value) is bytes else value for value in column]
