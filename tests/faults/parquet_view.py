"""The Parquet tables of a sweep, beside what the ledger says. Written without a look at how they are exported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq

from raysweep.ledger.reader import LedgerReader, Row
from raysweep.ledger.rows import ENDED
from raysweep.paths import SweepPaths
from tests.rows import rows_of

RENAMED = {
    "final_train_loss": "Final/train_loss",
    "final_val_loss": "Final/val_loss",
    "predict_mse_batch": "Predict/mse_batch",
    "predict_mse_regressive": "Predict/mse_regressive",
    "origin": "split.origin",
}
LEDGER_ONLY = ("traceback", "stopped_by", "position", "revision", "protocol_version", "config")
EPOCHS = ("trial_id", "epoch", "train_loss", "val_loss", "val_mse_batch", "seconds")
ERRORS = ("mse", "rmse", "mae", "mase", "skill_last", "skill_mean", "skill_ridge")
EPOCH_KEY = ("trial_id", "epoch")
EVALUATION_KEY = ("kind", "trial_id", "model", "eval_dataset", "eval_set_hash")


def check_parquet(paths: SweepPaths) -> None:
    """The three tables hold the rows of the ledger's ended trials, and the same numbers, NaN and infinity too."""
    with LedgerReader(paths.ledger) as ledger:
        ended = {row["trial_id"]: row for row in ledger.trials() if row["status"] in ENDED}
        epochs = [row for row in ledger.epochs() if row["trial_id"] in ended]
        scores = [row for row in rows_of(ledger.evaluations()) if row["kind"] != "trial" or row["trial_id"] in ended]
    _check(paths.trials, [_trial(row, paths.name) for row in ended.values()], ("trial_id",))
    _check(paths.epochs, [{key: row[key] for key in EPOCHS} for row in epochs], EPOCH_KEY)
    _check(paths.evaluations, [_evaluation(row) for row in scores], EVALUATION_KEY)


def _trial(row: Row, sweep: str) -> Row:
    kept = {RENAMED.get(key, key): value for key, value in row.items() if key not in LEDGER_ONLY}
    times = {key: None if row[key] is None else _instant(row[key]) for key in ("started_at", "finished_at")}
    return {**kept, **row["config"], **times, "sweep": sweep, "is_current": bool(row["is_current"])}


def _evaluation(row: Row) -> Row:
    kept = {RENAMED.get(key, key): value for key, value in row.items()}
    kept |= {"trial_id": row["trial_id"] or None, "is_current": bool(row["is_current"])}
    if row["num_targets"] == 0:
        kept |= dict.fromkeys(ERRORS)  # nothing was measured, which isn't NaN
    elif row["kind"] == "noise_floor":
        kept |= dict.fromkeys(ERRORS[2:])
    kept["block_errors"] = None if row["block_errors"] is None else list(row["block_errors"])
    return kept


def _check(file: Path, wanted: list[Row], key: tuple[str, ...]) -> None:
    found = pq.read_table(file).to_pylist()
    by_key = _by_key(file, found, key)
    expected = _by_key(file, wanted, key)
    lacking, unknown = expected.keys() - by_key.keys(), by_key.keys() - expected.keys()
    assert not lacking, f"{file.name}: rows that it lacks: {sorted(map(str, lacking))}"
    assert not unknown, f"{file.name}: rows that the ledger lacks: {sorted(map(str, unknown))}"
    for name, row in expected.items():
        for column, value in row.items():
            assert column in by_key[name], f"{file.name}: there is no column {column}"
            shown = by_key[name][column]
            assert _is_same(shown, value), f"{file.name}: {name}: {column} is {shown!r}, in the ledger {value!r}"


def _by_key(file: Path, rows: Iterable[Row], key: tuple[str, ...]) -> Mapping[tuple[object, ...], Row]:
    found: dict[tuple[object, ...], Row] = {}
    for row in rows:
        name = tuple(row[column] for column in key)
        assert name not in found, f"{file.name}: {name} is there twice"
        found[name] = row
    return found


def _is_same(shown: object, value: object) -> bool:
    if isinstance(shown, float) and isinstance(value, int | float):
        return repr(shown) == repr(float(value))  # as text, because NaN isn't equal to itself
    if isinstance(shown, str) and value is not None:
        return shown == str(value)
    return shown == value


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=round(seconds * 1e6))
