"""The tables of `ledger.sqlite`, and how a number gets in and out of them unchanged."""

from __future__ import annotations

import math
from typing import Any

SCHEMA_VERSION = 1
APPLICATION_ID = 0x52415953  # "RAYS"; what `file ledger.sqlite` shows, and what keeps us off foreign databases

_NAN = b"nan"

# `revision` counts up with every write to a trial, so that whoever follows the ledger reads only what is new.
TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE commands (
    command_id   INTEGER PRIMARY KEY,
    started_at   REAL NOT NULL,
    finished_at  REAL,
    outcome      TEXT,
    host         TEXT NOT NULL,
    pid          INTEGER NOT NULL,
    sweep_file   TEXT NOT NULL,
    sweep_text   TEXT NOT NULL,
    overrides    TEXT NOT NULL,
    metric       TEXT NOT NULL,
    scheduler    TEXT NOT NULL,
    code_version TEXT NOT NULL
);

CREATE TABLE configs (
    config_id        TEXT PRIMARY KEY,
    config           TEXT NOT NULL,
    data_digest      TEXT NOT NULL,
    data_source      TEXT NOT NULL,
    model_digest     TEXT NOT NULL,
    protocol_version TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE trials (
    trial_id               TEXT PRIMARY KEY,
    config_id              TEXT NOT NULL REFERENCES configs,
    seed                   INTEGER NOT NULL,
    position               INTEGER NOT NULL,
    is_current             INTEGER NOT NULL,
    status                 TEXT NOT NULL
        CHECK (status IN ('pending', 'running', 'finished', 'stopped', 'diverged', 'failed')),
    error                  TEXT,
    traceback              TEXT,
    stopped_by             TEXT,
    num_steps              INTEGER,
    num_train_windows      INTEGER,
    num_params             INTEGER,
    final_train_loss       REAL,
    final_val_loss         REAL,
    predict_mse_batch      REAL,
    predict_mse_regressive REAL,
    val_mse_batch          REAL,
    val_mse_regressive     REAL,
    test_mse_batch         REAL,
    test_mse_regressive    REAL,
    train_seconds          REAL,
    node                   TEXT,
    device                 TEXT,
    code_version           TEXT,
    started_at             REAL,
    finished_at            REAL,
    revision               INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX trials_by_revision ON trials (revision);

CREATE TABLE epochs (
    trial_id      TEXT NOT NULL REFERENCES trials,
    epoch         INTEGER NOT NULL,
    num_steps     INTEGER NOT NULL,
    train_loss    REAL,
    val_loss      REAL,
    val_mse_batch REAL,
    seconds       REAL NOT NULL,
    finished_at   REAL NOT NULL,
    PRIMARY KEY (trial_id, epoch)
) WITHOUT ROWID;

CREATE TABLE evaluations (
    kind          TEXT NOT NULL CHECK (kind IN ('trial', 'baseline', 'noise_floor')),
    trial_id      TEXT NOT NULL,
    model         TEXT NOT NULL,
    eval_dataset  TEXT NOT NULL,
    protocol      TEXT NOT NULL,
    origin        REAL,
    part          TEXT NOT NULL,
    mode          TEXT NOT NULL,
    horizon       INTEGER NOT NULL,
    mse           REAL,
    rmse          REAL,
    mae           REAL,
    mase          REAL,
    skill_last    REAL,
    skill_mean    REAL,
    skill_ridge   REAL,
    num_targets   INTEGER NOT NULL,
    reason        TEXT,
    eval_set_hash TEXT NOT NULL,
    data_source   TEXT NOT NULL,
    settings      TEXT,
    is_current    INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (kind, trial_id, model, eval_dataset, eval_set_hash)
) WITHOUT ROWID;

CREATE TABLE rungs (
    sequence   INTEGER PRIMARY KEY,
    trial_id   TEXT NOT NULL REFERENCES trials,
    bracket    TEXT NOT NULL,
    scheduler  TEXT NOT NULL,
    rung       INTEGER NOT NULL,
    score      REAL,
    cutoff     REAL,
    is_stop    INTEGER NOT NULL,
    UNIQUE (trial_id, scheduler, rung)
);
"""


def to_sql(value: Any) -> Any:
    """SQLite keeps NaN as NULL, which would make 'diverged' look like 'not measured': NaN goes in as a blob.

    Not as text: a message or a name may well be "nan".
    """
    return _NAN if isinstance(value, float) and math.isnan(value) else value


def from_sql(value: Any) -> Any:
    """The inverse of `to_sql`, for any column."""
    return math.nan if value == _NAN else value
