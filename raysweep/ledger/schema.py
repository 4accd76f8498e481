"""The tables of `ledger.sqlite`, and how a number gets in and out of them unchanged.

Every row carries a `checksum` of its other columns, which SQLite computes whenever the row is written. It can only be
written by a connection that knows `row_checksum` (see `database`); anything can read it.
"""

from __future__ import annotations

import math
import struct
import sys
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SCHEMA_VERSION = 2
APPLICATION_ID = 0x52415953  # "RAYS"; what `file ledger.sqlite` shows, and what keeps us off foreign databases
CHECKSUM = "row_checksum"  # the SQL function

_NAN = b"nan"
_MAX_32_BITS = 3.4028234e38


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table whose rows have a checksum.

    Attributes:
        name: In SQL.
        key: The columns of its primary key.
        columns: What is kept, with its SQL type; the checksum comes on top.
        constraints: Further ones.
        is_numbered: Whether SQLite numbers its rows, which is then the key.
    """

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    constraints: tuple[str, ...] = ()
    is_numbered: bool = False

    @property
    def selection(self) -> str:
        """The columns as a SELECT names them, without the checksum."""
        return ", ".join(f"{self.name}.{column}" for column in self.columns)

    @property
    def checksum(self) -> str:
        """In SQL: what the checksum of a row should be."""
        return f"{CHECKSUM}({', '.join(self.columns)})"

    @property
    def statement(self) -> str:
        """The SQL that makes the table."""
        lines = [
            *(f"{column} {kind}" for column, kind in self.columns.items()),
            f"checksum INTEGER NOT NULL GENERATED ALWAYS AS ({self.checksum}) STORED",
            f"PRIMARY KEY ({', '.join(self.key)})",
            *self.constraints,
        ]
        body = ",\n    ".join(lines)
        # Else SQLite would number the rows in addition, and keep the key in an index beside the table.
        return f"CREATE TABLE {self.name} (\n    {body}\n)" + ("" if self.is_numbered else " WITHOUT ROWID")


# What training steps were measured to take stands in `meta` under keys that begin so, as JSON: they are few.
STEP_PREFIX = "step "

META = Table(name="meta", key=("key",), columns={"key": "TEXT NOT NULL", "value": "TEXT NOT NULL"})

COMMANDS = Table(
    name="commands",
    key=("command_id",),
    is_numbered=True,
    columns={
        "command_id": "INTEGER",
        "started_at": "REAL NOT NULL",
        "finished_at": "REAL",
        "outcome": "TEXT",
        "host": "TEXT NOT NULL",
        "pid": "INTEGER NOT NULL",
        "sweep_file": "TEXT NOT NULL",
        "sweep_text": "TEXT NOT NULL",
        "overrides": "TEXT NOT NULL",
        "metric": "TEXT NOT NULL",
        "scheduler": "TEXT NOT NULL",
        "code_version": "TEXT NOT NULL",
    },
)

CONFIGS = Table(
    name="configs",
    key=("config_id",),
    columns={
        "config_id": "TEXT NOT NULL",
        "config": "TEXT NOT NULL",
        "data_digest": "TEXT NOT NULL",
        "data_source": "TEXT NOT NULL",
        "model_digest": "TEXT NOT NULL",
        "protocol_version": "TEXT NOT NULL",
    },
)

TRIALS = Table(
    name="trials",
    key=("trial_id",),
    columns={
        "trial_id": "TEXT NOT NULL",
        "config_id": "TEXT NOT NULL REFERENCES configs",
        "seed": "INTEGER NOT NULL",
        "position": "INTEGER NOT NULL",
        "is_current": "INTEGER NOT NULL",
        "phase": "TEXT",
        "status": "TEXT NOT NULL",
        "error": "TEXT",
        "traceback": "TEXT",
        "stopped_by": "TEXT",
        "num_steps": "INTEGER",
        "num_train_windows": "INTEGER",
        "num_params": "INTEGER",
        "final_train_loss": "REAL",
        "final_val_loss": "REAL",
        "predict_mse_batch": "REAL",
        "predict_mse_regressive": "REAL",
        "val_mse_batch": "REAL",
        "val_mse_regressive": "REAL",
        "test_mse_batch": "REAL",
        "test_mse_regressive": "REAL",
        "train_seconds": "REAL",
        "node": "TEXT",
        "device": "TEXT",
        "code_version": "TEXT",
        "started_at": "REAL",
        "finished_at": "REAL",
        # Counts up with every write to a trial, so that whoever follows the ledger reads only what is new.
        "revision": "INTEGER NOT NULL",
    },
    constraints=(
        "CHECK (status IN ('pending', 'running', 'finished', 'stopped', 'diverged', 'failed'))",
        "CHECK (phase IN ('explore', 'confirm'))",
    ),
)

EPOCHS = Table(
    name="epochs",
    key=("trial_id", "epoch"),
    columns={
        "trial_id": "TEXT NOT NULL REFERENCES trials",
        "epoch": "INTEGER NOT NULL",
        "num_steps": "INTEGER NOT NULL",
        "train_loss": "REAL",
        "val_loss": "REAL",
        "val_mse_batch": "REAL",
        "seconds": "REAL NOT NULL",
        "finished_at": "REAL NOT NULL",
    },
)

EVALUATIONS = Table(
    name="evaluations",
    key=("kind", "trial_id", "model", "eval_dataset", "eval_set_hash"),
    columns={
        "kind": "TEXT NOT NULL",
        "trial_id": "TEXT NOT NULL",
        "model": "TEXT NOT NULL",
        "eval_dataset": "TEXT NOT NULL",
        "protocol": "TEXT NOT NULL",
        "origin": "REAL",
        "part": "TEXT NOT NULL",
        "mode": "TEXT NOT NULL",
        "horizon": "INTEGER NOT NULL",
        "mse": "REAL",
        "rmse": "REAL",
        "mae": "REAL",
        "mase": "REAL",
        "skill_last": "REAL",
        "skill_mean": "REAL",
        "skill_ridge": "REAL",
        "num_targets": "INTEGER NOT NULL",
        "reason": "TEXT",
        "eval_set_hash": "TEXT NOT NULL",
        "data_source": "TEXT NOT NULL",
        "settings": "TEXT",
        "block_errors": "BLOB",
        "is_current": "INTEGER NOT NULL DEFAULT 1",
    },
    constraints=("CHECK (kind IN ('trial', 'baseline', 'noise_floor'))",),
)

RUNGS = Table(
    name="rungs",
    key=("sequence",),
    is_numbered=True,
    columns={
        "sequence": "INTEGER",
        "trial_id": "TEXT NOT NULL REFERENCES trials",
        "bracket": "TEXT NOT NULL",
        "scheduler": "TEXT NOT NULL",
        "rung": "INTEGER NOT NULL",
        "score": "REAL",
        "cutoff": "REAL",
        "is_stop": "INTEGER NOT NULL",
    },
    constraints=("UNIQUE (trial_id, scheduler, rung)",),
)

TABLES = (META, COMMANDS, CONFIGS, TRIALS, EPOCHS, EVALUATIONS, RUNGS)
WITHOUT_EPOCHS = tuple(table for table in TABLES if table is not EPOCHS)


def to_sql(value: Any) -> Any:
    """SQLite keeps NaN as NULL, which would make 'diverged' look like 'not measured': NaN goes in as a blob.

    Not as text: a message or a name may well be "nan". A tuple goes in as 32-bit floats, whose bytes can't be three.
    What is no character, such as a byte of a file's name that isn't UTF-8, is written out: SQLite takes no text that
    has one, and the message of a single trial would end the sweep.
    """
    if isinstance(value, tuple):
        return struct.pack(f"<{len(value)}f", *map(_as_32_bits, value)) if value else None
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return _NAN if isinstance(value, float) and math.isnan(value) else value


def from_sql(value: Any) -> Any:
    """The inverse of `to_sql`, for any column; 32-bit floats come back as an `array`, and such text as it is."""
    if not isinstance(value, bytes):
        return value
    if value == _NAN:
        return math.nan
    floats = array("f", value)
    if sys.byteorder == "big":
        floats.byteswap()
    return floats


def _as_32_bits(value: float) -> float:
    """What is too large for 32 bits is infinite."""
    return math.copysign(math.inf, value) if abs(value) > _MAX_32_BITS else value
