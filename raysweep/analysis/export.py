"""Ledger to Parquet: `trials`, `epochs` and `evaluations`, each replaced as a whole.

The tables are a projection: they can be deleted and written again at any time. A trial has rows once it has ended,
and every row of epochs and evaluations that names a trial finds it in trials. Must not know: what is made of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from raysweep.analysis.columns import (
    EPOCHS,
    EVALUATIONS,
    TABLES_VERSION,
    TRIAL_HEAD,
    TRIAL_TAIL,
    array,
    config_columns,
)
from raysweep.analysis.files import replace_file
from raysweep.ledger.reader import LedgerReader, Row
from raysweep.ledger.rows import ENDED
from raysweep.ledger.schema import SCHEMA_VERSION
from raysweep.paths import SweepPaths

# Columns that the ledger has under another name.
_TRIAL_NAMES = {
    "Final/train_loss": "final_train_loss",
    "Final/val_loss": "final_val_loss",
    "Predict/mse_batch": "predict_mse_batch",
    "Predict/mse_regressive": "predict_mse_regressive",
}
_EVALUATION_NAMES = {"split.origin": "origin"}
_ERRORS = ("mse", "rmse", "mae", "mase", "skill_last", "skill_mean", "skill_ridge")
_ERRORS_OF_FLOOR = ("mse", "rmse")  # the noise floor is a variance, not a forecast


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """What was written.

    Attributes:
        files: The three tables.
        revision: Of the ledger; the tables hold at least all that it had then.
        num_trials: Rows of `trials.parquet`.
        num_epochs: Rows of `epochs.parquet`.
        num_evaluations: Rows of `evaluations.parquet`.
    """

    files: tuple[Path, ...]
    revision: int
    num_trials: int
    num_epochs: int
    num_evaluations: int


def export_tables(paths: SweepPaths) -> ExportReport:
    """Writes the Parquet tables of a sweep from its ledger, which may be in use.

    Raises:
        LedgerError: If the ledger can't be read or a table can't be written.
    """
    with LedgerReader(paths.ledger) as reader:
        revision = reader.revision()  # first: tables may hold more than they say, never less
        trials, evaluations = trials_and_evaluations(reader, paths.name)
        ended = set(trials.column("trial_id").to_pylist())
        epochs = _table([row for row in reader.epochs() if row["trial_id"] in ended], EPOCHS, {})
    about = {
        "sweep": paths.name,
        "version": _raysweep_version(),
        "tables_version": str(TABLES_VERSION),
        "ledger_schema": str(SCHEMA_VERSION),
        "ledger_revision": str(revision),
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    _write(trials, paths.trials, about)
    _write(epochs, paths.epochs, about)
    _write(evaluations, paths.evaluations, about)
    return ExportReport(
        files=(paths.trials, paths.epochs, paths.evaluations),
        revision=revision,
        num_trials=trials.num_rows,
        num_epochs=epochs.num_rows,
        num_evaluations=evaluations.num_rows,
    )


def trials_and_evaluations(reader: LedgerReader, sweep: str) -> tuple[pa.Table, pa.Table]:
    """What `trials.parquet` and `evaluations.parquet` would hold now, without writing them."""
    known = {row["trial_id"]: row for row in reader.trials()}
    ended = {trial_id: row for trial_id, row in known.items() if row["status"] in ENDED}
    return _trials_table(sweep, ended, known), _evaluations_table(reader.evaluations(), ended)


def _trials_table(sweep: str, ended: Mapping[str, Row], known: Mapping[str, Row]) -> pa.Table:
    # Columns are those of all trials, ended or not: a reader's code doesn't break while a sweep goes on.
    keys = config_columns(row["config"] for row in known.values())
    for row in ended.values():
        config = row["config"]
        row.update({key: config.get(key) for key in keys})
        row.update(
            sweep=sweep,
            model=config["model"],
            dataset=config["dataset"],
            protocol=config["protocol"],
            is_current=bool(row["is_current"]),
        )
    return _table(list(ended.values()), {**TRIAL_HEAD, **keys, **TRIAL_TAIL}, _TRIAL_NAMES)


def _evaluations_table(rows: Sequence[Row], ended: Mapping[str, Row]) -> pa.Table:
    kept = []
    for row in rows:
        row["is_current"] = bool(row["is_current"])
        if row["kind"] == "trial":
            trial = ended.get(row["trial_id"])
            if trial is None:
                continue
            row.update(
                config_id=trial["config_id"],
                dataset=trial["dataset"],
                seed=trial["seed"],
                time_steps=trial["train.time_steps"],
            )
        else:
            row.update(trial_id=None, config_id=None, dataset=None, seed=None, time_steps=None)
        # The ledger keeps NaN where nothing was measured; here NaN is a measured NaN, and null is none.
        if row["num_targets"] == 0:
            row.update(dict.fromkeys(_ERRORS))
        elif row["kind"] == "noise_floor":
            row.update({name: None for name in _ERRORS if name not in _ERRORS_OF_FLOOR})
        kept.append(row)
    return _table(kept, EVALUATIONS, _EVALUATION_NAMES)


def _table(rows: Sequence[Row], columns: Mapping[str, pa.DataType], ledger_names: Mapping[str, str]) -> pa.Table:
    def values(key: str) -> list[object]:
        return [row[key] for row in rows]

    # From Python values: a detour over pandas or numpy would make null and NaN one.
    return pa.table({name: array(values(ledger_names.get(name, name)), kind) for name, kind in columns.items()})


def _write(table: pa.Table, file: Path, about: Mapping[str, str]) -> None:
    described = table.replace_schema_metadata({f"raysweep.{key}": value for key, value in about.items()})
    replace_file(file, lambda temporary: pq.write_table(described, temporary))


def _raysweep_version() -> str:
    try:
        return metadata.version("raysweep")
    except metadata.PackageNotFoundError:  # run from a folder, without installation
        return "unknown"
