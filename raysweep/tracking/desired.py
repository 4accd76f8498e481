"""The runs that a ledger wants: one of the sweep, and one of each trial that has begun, below it.

Must not know MLflow, nor what is there already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from raysweep.ledger.reader import Row
from raysweep.tracking.runs import (
    LEDGER_TAG,
    TRIAL_TAG,
    DesiredRun,
    Point,
    PointKey,
    RunStatus,
    fit_param,
    fit_tag,
    milliseconds,
    stored,
)

_RUN_STATUS: dict[str, RunStatus] = {
    "finished": "FINISHED",
    "stopped": "FINISHED",
    "diverged": "FAILED",
    "failed": "FAILED",
}
_OUTCOME_STATUS: dict[str, RunStatus] = {"done": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}

_EPOCH_METRICS = ("train_loss", "val_loss", "val_mse_batch")
# Column of the ledger, name in MLflow: that of `trials.parquet`. `val_mse_batch` stands there at every epoch.
_FINAL_METRICS = (
    ("final_train_loss", "Final/train_loss"),
    ("final_val_loss", "Final/val_loss"),
    ("predict_mse_batch", "Predict/mse_batch"),
    ("predict_mse_regressive", "Predict/mse_regressive"),
    ("val_mse_regressive", "val_mse_regressive"),
    ("test_mse_batch", "test_mse_batch"),
    ("test_mse_regressive", "test_mse_regressive"),
    ("num_steps", "num_steps"),
    ("num_train_windows", "num_train_windows"),
    ("num_params", "num_params"),
    ("train_seconds", "train_seconds"),
)
METRICS = frozenset([*_EPOCH_METRICS, *(name for _, name in _FINAL_METRICS)])
# No command trains such a trial again. A stopped or failed one may go on, and MLflow can't take back a final score.
_LAST_WORDS = ("finished", "diverged")

_TRIAL_TAGS = (
    "config_id",
    "phase",
    "status",
    "data_source",
    "data_digest",
    "model_digest",
    "protocol_version",
    "code_version",
    "node",
    "device",
    "stopped_by",
    "error",
)


def desired_trial(
    row: Row,
    epochs: Sequence[Row],
    *,
    sweep: str,
    ledger_id: str,
    parent_run_id: str,
    is_driver_alive: bool,
) -> DesiredRun | None:
    """The run of a trial; None before its first start.

    Args:
        row: One of `LedgerReader.trials`.
        epochs: All its epochs, in order.
        sweep: The sweep's name.
        ledger_id: Whose trial it is.
        parent_run_id: MLflow's id of the sweep's run.
        is_driver_alive: If not, nothing runs, whatever the ledger says.
    """
    if row["started_at"] is None:
        return None
    status = _RUN_STATUS.get(row["status"])
    if status is None:
        is_running = row["status"] == "running" and row["is_current"] and is_driver_alive
        status = "RUNNING" if is_running else "KILLED"
    last_sign = epochs[-1]["finished_at"] if epochs else row["started_at"]
    ended_at = row["finished_at"] if row["finished_at"] is not None else last_sign
    return DesiredRun(
        name=_run_name(row),
        start_time=milliseconds(row["started_at"]),
        status=status,
        end_time=None if status == "RUNNING" else milliseconds(ended_at),
        tags=_trial_tags(row, sweep=sweep, ledger_id=ledger_id, parent_run_id=parent_run_id),
        params={key: fit_param(value) for key, value in {**row["config"], "seed": row["seed"]}.items()},
        points=_points(row, epochs),
    )


def desired_sweep(
    rows: Sequence[Row], first: Row, last: Row, *, sweep: str, ledger_id: str, is_driver_alive: bool
) -> DesiredRun:
    """The run of the sweep, which holds the trials' runs.

    All about it is tags, no params: the sweep file may be edited between two commands, and params can't be.

    Args:
        rows: All of `LedgerReader.trials`.
        first: The first command.
        last: The last command.
        sweep: The sweep's name.
        ledger_id: Whose run it is.
        is_driver_alive: Whether the last command is at work.
    """
    current = [row for row in rows if row["is_current"]]
    status: RunStatus = "RUNNING" if is_driver_alive else _OUTCOME_STATUS.get(last["outcome"] or "", "KILLED")
    ends = [row["finished_at"] for row in rows if row["finished_at"] is not None]
    ended_at = last["finished_at"] if last["finished_at"] is not None else max([last["started_at"], *ends])
    tags = {
        "mlflow.source.name": "raysweep",
        LEDGER_TAG: ledger_id,
        "raysweep.sweep": sweep,
        "raysweep.protocol": _all_of(row["config"]["protocol"] for row in current),
        "raysweep.data_source": _all_of(row["data_source"] for row in current),
        **{f"raysweep.trials.{name}": str(count) for name, count in _counts(current).items()},
        **{
            f"raysweep.{key}": fit_tag(last[key])
            for key in ("metric", "scheduler", "sweep_file", "sweep_text", "overrides", "code_version")
        },
    }
    return DesiredRun(
        name=sweep,
        start_time=milliseconds(first["started_at"]),
        status=status,
        end_time=None if status == "RUNNING" else milliseconds(ended_at),
        tags=tags,
        first_tags={"mlflow.note.content": _as_code(last["sweep_text"])},
    )


def _run_name(row: Row) -> str:
    config: Mapping[str, Any] = row["config"]
    parts = [
        config["model"],
        config["dataset"],
        f"w{config['train.time_steps']}",
        f"lr{config['train.learning_rate']:g}",
        f"s{row['seed']}",
    ]
    return fit_tag(" ".join(map(str, parts)))[:250]


def _trial_tags(row: Row, *, sweep: str, ledger_id: str, parent_run_id: str) -> dict[str, str]:
    tags = {
        "mlflow.parentRunId": parent_run_id,
        "mlflow.source.name": "raysweep",
        LEDGER_TAG: ledger_id,
        TRIAL_TAG: row["trial_id"],
        "raysweep.sweep": sweep,
        "raysweep.is_current": "true" if row["is_current"] else "false",
    }
    tags |= {f"raysweep.{key}": fit_tag(row[key]) for key in _TRIAL_TAGS if row[key] is not None}
    if row["traceback"] is not None:
        tags["raysweep.traceback"] = fit_tag(row["traceback"], is_end_kept=True)
    return tags


def _points(row: Row, epochs: Sequence[Row]) -> dict[PointKey, Point]:
    points = {
        (name, epoch["epoch"]): (milliseconds(epoch["finished_at"]), stored(epoch[name]))
        for epoch in epochs
        for name in _EPOCH_METRICS
        if epoch[name] is not None
    }
    if row["status"] in _LAST_WORDS:
        # With the last epoch's time, not the trial's end: scoring it again later must not make a second point.
        step, moment = (epochs[-1]["epoch"], epochs[-1]["finished_at"]) if epochs else (0, row["started_at"])
        points |= {
            (name, step): (milliseconds(moment), stored(row[column]))
            for column, name in _FINAL_METRICS
            if row[column] is not None
        }
    return points


def _counts(rows: Iterable[Row]) -> dict[str, int]:
    counts = Counter(row["status"] for row in rows)
    return {status: counts[status] for status in ("pending", "running", *_RUN_STATUS)}


def _all_of(values: Iterable[str]) -> str:
    return fit_tag(", ".join(sorted(set(values))))


def _as_code(text: str) -> str:
    """As a block of Markdown, which is how MLflow shows a run's description."""
    fence = "```"
    while fence in text:
        fence += "`"
    before, after = f"{fence}yaml\n", f"\n{fence}"
    return before + fit_tag(text, reserve=len(before) + len(after)) + after
