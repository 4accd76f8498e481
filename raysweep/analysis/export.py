"""Ledger to Parquet: `trials`, `epochs` and `evaluations`, each replaced as a whole.

The tables are a projection: they can be deleted and written again at any time. A trial has rows once it has ended,
and every row of epochs and evaluations that names a trial finds it in trials. Must not know: what is made of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from itertools import compress
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
from raysweep.ledger.reader import Columns, LedgerReader, Row
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
# What a score has of its trial, and what the trial calls it. A baseline's has none.
_OF_TRIAL = {
    "trial_id": "trial_id",
    "config_id": "config_id",
    "dataset": "dataset",
    "seed": "seed",
    "time_steps": "train.time_steps",
}
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
        epochs = reader.epoch_columns()
    epochs_table = _table(_kept(epochs, [trial_id in ended for trial_id in epochs["trial_id"]]), EPOCHS, {})
    about = {
        "sweep": paths.name,
        "version": _raysweep_version(),
        "tables_version": str(TABLES_VERSION),
        "ledger_schema": str(SCHEMA_VERSION),
        "ledger_revision": str(revision),
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    _write(trials, paths.trials, about)
    _write(epochs_table, paths.epochs, about)
    _write(evaluations, paths.evaluations, about)
    return ExportReport(
        files=(paths.trials, paths.epochs, paths.evaluations),
        revision=revision,
        num_trials=trials.num_rows,
        num_epochs=epochs_table.num_rows,
        num_evaluations=evaluations.num_rows,
    )


def trials_and_evaluations(reader: LedgerReader, sweep: str) -> tuple[pa.Table, pa.Table]:
    """What `trials.parquet` and `evaluations.parquet` would hold now, without writing them."""
    known = {row["trial_id"]: row for row in reader.trials()}
    ended = {trial_id: row for trial_id, row in known.items() if row["status"] in ENDED}
    trials = _trials_table(sweep, ended, known)
    return trials, _evaluations_table(reader.evaluations(), trials)


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
    kinds = {**TRIAL_HEAD, **keys, **TRIAL_TAIL}
    needed = [_TRIAL_NAMES.get(name, name) for name in kinds]
    return _table({name: [row[name] for row in ended.values()] for name in needed}, kinds, _TRIAL_NAMES)


def _evaluations_table(columns: Columns, trials: pa.Table) -> pa.Table:
    places_by_id = {trial_id: place for place, trial_id in enumerate(trials.column("trial_id").to_pylist())}
    kinds = columns["kind"]
    places = [
        places_by_id.get(trial_id) if kind == "trial" else None
        for kind, trial_id in zip(kinds, columns["trial_id"], strict=True)
    ]
    is_kept = [kind != "trial" or place is not None for kind, place in zip(kinds, places, strict=True)]
    if not all(is_kept):
        columns, places = _kept(columns, is_kept), list(compress(places, is_kept))
    columns["is_current"] = [bool(value) for value in columns["is_current"]]
    # The ledger keeps NaN where nothing was measured; here NaN is a measured NaN, and null is none.
    unmeasured = [place for place, count in enumerate(columns["num_targets"]) if count == 0]
    floors = [place for place, kind in enumerate(columns["kind"]) if kind == "noise_floor"]
    for name in _ERRORS:
        for place in unmeasured if name in _ERRORS_OF_FLOOR else unmeasured + floors:
            columns[name][place] = None
    own = _table(
        columns, {name: kind for name, kind in EVALUATIONS.items() if name not in _OF_TRIAL}, _EVALUATION_NAMES
    )
    of_trials = trials.select(list(_OF_TRIAL.values())).take(pa.array(places, pa.int64()))
    for name, name_of_trial in _OF_TRIAL.items():
        own = own.append_column(name, of_trials.column(name_of_trial))
    return own.select(list(EVALUATIONS))


def _kept(columns: Columns, is_kept: Sequence[bool]) -> Columns:
    return {name: list(compress(values, is_kept)) for name, values in columns.items()}


def _table(columns: Columns, kinds: Mapping[str, pa.DataType], ledger_names: Mapping[str, str]) -> pa.Table:
    # From Python values: a detour over pandas or numpy would make null and NaN one.
    return pa.table({name: array(columns[ledger_names.get(name, name)], kind) for name, kind in kinds.items()})


def _write(table: pa.Table, file: Path, about: Mapping[str, str]) -> None:
    described = table.replace_schema_metadata({f"raysweep.{key}": value for key, value in about.items()})
    replace_file(file, lambda temporary: pq.write_table(described, temporary))


def _raysweep_version() -> str:
    try:
        return metadata.version("raysweep")
    except metadata.PackageNotFoundError:  # run from a folder, without installation
        return "unknown"
