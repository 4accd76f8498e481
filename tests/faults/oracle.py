"""What must hold of a sweep after any fault: its ledger, its Parquet tables and MLflow, checked without mercy.

Plain functions that raise `AssertionError` with what differs; scripts may use them as well as tests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from raysweep.ledger.reader import LedgerReader, Row
from raysweep.ledger.rows import ENDED
from raysweep.ledger.writer import SCORES
from raysweep.paths import SweepPaths
from tests.conftest import Project
from tests.faults.parquet_view import check_parquet
from tests.rows import rows_of
from tests.tracking.mlflow_view import assert_equal

Snapshot = Mapping[str, tuple[object, ...]]

NOTHING: Snapshot = MappingProxyType({})
RESULTS = ("finished", "diverged")  # no command trains such a trial again
STOPPED = "stopped"  # nor such a one, under the same scheduler
FIXED = ("status", "stopped_by", "error", "started_at", "finished_at", "final_train_loss", "final_val_loss", *SCORES)
LOSSES = ("epoch", "num_steps", "train_loss", "val_loss", "val_mse_batch")
ERRORS = ("mse", "rmse", "mae", "mase", "skill_last", "skill_mean", "skill_ridge", "num_targets")


def check_sweep(
    project: Project,
    name: str,
    *,
    num_trials: int,
    num_failed: int = 0,
    finished_before: Snapshot = NOTHING,
    tracking_uri: str | None = None,
) -> None:
    """All that must hold of a sweep whose last command came to its end.

    Args:
        project: Where it ran.
        name: The sweep's.
        num_trials: How many trials the sweep file asks for.
        num_failed: How many of them can't but fail: any other that has failed is one that was lost.
        finished_before: What `finished` said before the fault.
        tracking_uri: Where MLflow is; by default `mlflow.db` in the project.
    """
    paths = project.paths(name)
    check_ledger(paths, num_trials=num_trials, num_failed=num_failed, finished_before=finished_before)
    check_parquet(paths)
    check_mlflow(paths, tracking_uri or f"sqlite:///{project.root / 'mlflow.db'}")


def finished(paths: SweepPaths) -> Snapshot:
    """All that must never change of trials that have a result, by trial id; of nothing if there is no ledger yet.

    What a scheduler stopped has one as long as the sweep has that scheduler.
    """
    if not paths.ledger.is_file():
        return NOTHING
    with LedgerReader(paths.ledger) as ledger:
        command = ledger.last_command()
        scheduler = None if command is None else command["scheduler"]
        rows = [row for row in ledger.trials() if row["status"] in RESULTS or _is_stopped_by(row, scheduler)]
        losses, scores = _by_trial(ledger.epochs(), LOSSES), _by_trial(_own_scores(ledger), ERRORS)
    return {
        row["trial_id"]: (
            *(row[column] for column in FIXED),
            *losses.get(row["trial_id"], ()),
            *scores.get(row["trial_id"], ()),
        )
        for row in rows
    }


def _is_stopped_by(row: Row, scheduler: object) -> bool:
    return bool(row["status"] == STOPPED and row["stopped_by"] == scheduler)


def check_ledger(
    paths: SweepPaths, *, num_trials: int, num_failed: int = 0, finished_before: Snapshot = NOTHING
) -> None:
    """Every trial that was asked for has ended, once, with all its epochs; what had a result before still has it."""
    with LedgerReader(paths.ledger) as ledger:
        trials, epochs, command = ledger.trials(), _by_trial(ledger.epochs(), LOSSES), ledger.last_command()
        scored = {row["trial_id"] for row in _own_scores(ledger)}
    current = [row for row in trials if row["is_current"]]
    assert len(current) == num_trials, f"{len(current)} current trials in the ledger, not {num_trials}"
    twice = [key for key, count in Counter((row["config_id"], row["seed"]) for row in current).items() if count > 1]
    assert not twice, f"configs with their seeds that are there twice: {twice}"
    assert command is not None, "the ledger has no command"
    assert command["outcome"] is not None, "the ledger's last command has no end"
    for row in current:
        trial_id = row["trial_id"]
        assert row["status"] in ENDED, f"trial {trial_id} is {row['status']}: it has not ended"
        assert row["finished_at"] is not None, f"trial {trial_id} is {row['status']} and has no end time"
        _check_epochs(row, epochs.get(trial_id, []))
        assert row["status"] != "finished" or trial_id in scored, f"trial {trial_id} is finished and has no scores"
    after = finished(paths)
    for trial_id, before in finished_before.items():
        if before[0] == STOPPED and before[1] != command["scheduler"]:
            continue  # under another it goes on
        assert trial_id in after, f"trial {trial_id} had a result, and has none any more"
        # As text, because NaN isn't equal to itself.
        assert repr(after[trial_id]) == repr(before), (
            f"trial {trial_id} had a result, which has changed from {before} to {after[trial_id]}"
        )
    failed = [row["trial_id"] for row in current if row["status"] == "failed"]
    assert len(failed) == num_failed, f"{len(failed)} trials have failed, not {num_failed}: {failed}"


def check_mlflow(paths: SweepPaths, tracking_uri: str) -> None:
    """MLflow equals the ledger: one run a trial, every epoch once, nothing RUNNING."""
    assert_equal(tracking_uri, paths)


def _check_epochs(row: Row, epochs: list[tuple[object, ...]]) -> None:
    name = f"trial {row['trial_id']} ({row['status']})"
    numbers = [epoch[0] for epoch in epochs]
    assert numbers == list(range(1, len(epochs) + 1)), f"{name}: its epochs are {numbers}"
    num_epochs, num_steps = row["config"]["train.num_epochs"], row["config"]["train.num_steps"]
    if row["status"] == "finished" and num_steps is None:
        assert len(epochs) == num_epochs, f"{name}: {len(epochs)} epochs, not {num_epochs}"
    if epochs:
        last = dict(zip(LOSSES, epochs[-1], strict=True))
        for column, key in (("final_train_loss", "train_loss"), ("final_val_loss", "val_loss")):
            assert repr(row[column]) == repr(last[key]), (
                f"{name}: {column} is {row[column]}, {key} of its last epoch {last[key]}"
            )


def _own_scores(ledger: LedgerReader) -> list[Row]:
    """The current scores of trials, in an order that later scores of other trials don't change."""
    rows = [row for row in rows_of(ledger.evaluations()) if row["kind"] == "trial" and row["is_current"]]
    return sorted(rows, key=lambda row: (row["trial_id"], row["eval_dataset"], row["eval_set_hash"]))


def _by_trial(rows: list[Row], columns: tuple[str, ...]) -> dict[str, list[tuple[object, ...]]]:
    found: dict[str, list[tuple[object, ...]]] = {}
    for row in rows:
        found.setdefault(row["trial_id"], []).append(tuple(row[column] for column in columns))
    return found
