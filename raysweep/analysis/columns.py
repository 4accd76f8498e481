"""The columns of the Parquet tables: names, order and types, which no sweep's content changes.

Only the config keys of `trials.parquet` depend on the sweep. Must not know: the ledger, files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

# Raise it when a column changes, so that tables written before are written again.
TABLES_VERSION = 2

_TEXT, _COUNT, _NUMBER, _FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_INSTANT = pa.timestamp("us", tz="UTC")
_ERRORS = pa.list_(pa.float32())

TRIAL_HEAD: Mapping[str, pa.DataType] = {
    "trial_id": _TEXT,
    "config_id": _TEXT,
    "sweep": _TEXT,
    "model": _TEXT,
    "dataset": _TEXT,
    "seed": _COUNT,
}
# The settings that every config has. A key that isn't here, such as a model's argument, follows with the type of
# its values.
CONFIG_KEYS: Mapping[str, pa.DataType] = {
    "train.time_steps": _COUNT,
    "train.learning_rate": _NUMBER,
    "train.batch_size": _COUNT,
    "train.num_epochs": _COUNT,
    "train.num_steps": _COUNT,
    "train.is_align_target": _FLAG,
    "split.origin": _NUMBER,
}
TRIAL_TAIL: Mapping[str, pa.DataType] = {
    "status": _TEXT,
    "error": _TEXT,
    "epochs": _COUNT,
    "num_steps": _COUNT,
    "num_train_windows": _COUNT,
    "Final/train_loss": _NUMBER,
    "Final/val_loss": _NUMBER,
    "Predict/mse_batch": _NUMBER,
    "Predict/mse_regressive": _NUMBER,
    "val_mse_batch": _NUMBER,
    "val_mse_regressive": _NUMBER,
    "test_mse_batch": _NUMBER,
    "test_mse_regressive": _NUMBER,
    "num_params": _COUNT,
    "train_seconds": _NUMBER,
    "node": _TEXT,
    "device": _TEXT,
    "data_digest": _TEXT,
    "data_source": _TEXT,
    "model_digest": _TEXT,
    "code_version": _TEXT,
    "started_at": _INSTANT,
    "finished_at": _INSTANT,
    "is_current": _FLAG,
    "protocol": _TEXT,
    "phase": _TEXT,
}
EPOCHS: Mapping[str, pa.DataType] = {
    "trial_id": _TEXT,
    "epoch": _COUNT,
    "train_loss": _NUMBER,
    "val_loss": _NUMBER,
    "val_mse_batch": _NUMBER,
    "seconds": _NUMBER,
}
EVALUATIONS: Mapping[str, pa.DataType] = {
    "kind": _TEXT,
    "trial_id": _TEXT,
    "config_id": _TEXT,
    "model": _TEXT,
    "dataset": _TEXT,
    "eval_dataset": _TEXT,
    "seed": _COUNT,
    "time_steps": _COUNT,
    "protocol": _TEXT,
    "part": _TEXT,
    "mode": _TEXT,
    "horizon": _COUNT,
    "mse": _NUMBER,
    "rmse": _NUMBER,
    "mae": _NUMBER,
    "mase": _NUMBER,
    "skill_last": _NUMBER,
    "skill_mean": _NUMBER,
    "skill_ridge": _NUMBER,
    "num_targets": _COUNT,
    "reason": _TEXT,
    "eval_set_hash": _TEXT,
    "split.origin": _NUMBER,
    "data_source": _TEXT,
    "settings": _TEXT,
    "is_current": _FLAG,
    "block_errors": _ERRORS,
}
READABLE_VERSIONS = (1, TABLES_VERSION)
# What version 1 hadn't yet: it is read as if nothing were known of it.
ADDED_COLUMNS: Mapping[str, Mapping[str, pa.DataType]] = {
    "trials.parquet": {"phase": TRIAL_TAIL["phase"]},
    "evaluations.parquet": {"block_errors": EVALUATIONS["block_errors"]},
}
NOT_IN_CONFIG_COLUMNS = frozenset({"protocol", "model", "dataset"})  # they have a column of their own


def config_columns(configs: Iterable[Mapping[str, object]]) -> dict[str, pa.DataType]:
    """One column for every key of any config: the settings first, then the models' arguments by name."""
    values: dict[str, dict[tuple[type, object], object]] = {}
    for config in configs:
        for key, value in config.items():
            # Under the type too: True, 1 and 1.0 are equal.
            values.setdefault(key, {})[type(value), value] = value
    others = sorted(values.keys() - CONFIG_KEYS.keys() - NOT_IN_CONFIG_COLUMNS)
    return {**CONFIG_KEYS, **{key: _type_of(list(values[key].values())) for key in others}}


def array(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Python values as a column: None is null, NaN stays NaN; what has no common type becomes text."""
    if kind == _TEXT:
        try:
            return pa.array(values, kind)
        except pa.ArrowTypeError:
            values = [value if value is None or isinstance(value, str) else str(value) for value in values]
    elif kind == _INSTANT:
        values = [None if value is None else round(value * 1e6) for value in values]
    elif kind == _ERRORS:
        return _lists(values)
    return pa.array(values, kind)


def _lists(values: list[Any]) -> pa.Array:
    """Arrays of 32-bit floats as they lie in memory: there are millions of them."""
    offsets = np.cumsum([0, *(0 if value is None else len(value) for value in values)], dtype=np.int32)
    floats = np.frombuffer(b"".join(value for value in values if value is not None), dtype=np.float32)
    is_null = pa.array([value is None for value in values], pa.bool_())
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(floats), mask=is_null)


def _type_of(values: list[object]) -> pa.DataType:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return _FLAG
    if kinds == {int} and all(-(2**63) <= value < 2**63 for value in values if isinstance(value, int)):
        return _COUNT
    if kinds in ({float}, {int, float}):
        return _NUMBER
    return _TEXT
