from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raysweep.analysis.columns import CONFIG_KEYS
from raysweep.analysis.export import export_tables
from raysweep.errors import StorageError
from raysweep.ledger.reader import LedgerReader
from raysweep.paths import SweepPaths
from raysweep.spec.config import TrainSettings
from tests.analysis.ledgers import NAN, STARTED_AT, FakeTrial, sweep_paths, write_ledger

TEXT, COUNT, NUMBER, FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()
INSTANT = pa.timestamp("us", tz="UTC")

TRIALS_BEFORE_ARGUMENTS = [
    ("trial_id", TEXT),
    ("config_id", TEXT),
    ("sweep", TEXT),
    ("model", TEXT),
    ("dataset", TEXT),
    ("seed", COUNT),
    ("train.time_steps", COUNT),
    ("train.learning_rate", NUMBER),
    ("train.batch_size", COUNT),
    ("train.num_epochs", COUNT),
    ("train.num_steps", COUNT),
    ("train.is_align_target", FLAG),
    ("split.origin", NUMBER),
]
TRIALS_AFTER_ARGUMENTS = [
    ("status", TEXT),
    ("error", TEXT),
    ("epochs", COUNT),
    ("num_steps", COUNT),
    ("num_train_windows", COUNT),
    ("Final/train_loss", NUMBER),
    ("Final/val_loss", NUMBER),
    ("Predict/mse_batch", NUMBER),
    ("Predict/mse_regressive", NUMBER),
    ("val_mse_batch", NUMBER),
    ("val_mse_regressive", NUMBER),
    ("test_mse_batch", NUMBER),
    ("test_mse_regressive", NUMBER),
    ("num_params", COUNT),
    ("train_seconds", NUMBER),
    ("node", TEXT),
    ("device", TEXT),
    ("data_digest", TEXT),
    ("data_source", TEXT),
    ("model_digest", TEXT),
    ("code_version", TEXT),
    ("started_at", INSTANT),
    ("finished_at", INSTANT),
    ("is_current", FLAG),
    ("protocol", TEXT),
    ("phase", TEXT),
]
EPOCHS = [
    ("trial_id", TEXT),
    ("epoch", COUNT),
    ("train_loss", NUMBER),
    ("val_loss", NUMBER),
    ("val_mse_batch", NUMBER),
    ("seconds", NUMBER),
]
EVALUATIONS = [
    ("kind", TEXT),
    ("trial_id", TEXT),
    ("config_id", TEXT),
    ("model", TEXT),
    ("dataset", TEXT),
    ("eval_dataset", TEXT),
    ("seed", COUNT),
    ("time_steps", COUNT),
    ("protocol", TEXT),
    ("part", TEXT),
    ("mode", TEXT),
    ("horizon", COUNT),
    ("mse", NUMBER),
    ("rmse", NUMBER),
    ("mae", NUMBER),
    ("mase", NUMBER),
    ("skill_last", NUMBER),
    ("skill_mean", NUMBER),
    ("skill_ridge", NUMBER),
    ("num_targets", COUNT),
    ("reason", TEXT),
    ("eval_set_hash", TEXT),
    ("split.origin", NUMBER),
    ("data_source", TEXT),
    ("settings", TEXT),
    ("is_current", FLAG),
    ("block_errors", pa.list_(pa.float32())),
]


def columns(file: Path) -> list[tuple[str, pa.DataType]]:
    return [(field.name, field.type) for field in pq.read_schema(file)]


def rows(file: Path) -> list[dict[str, object]]:
    table: list[dict[str, object]] = pq.read_table(file).to_pylist()
    return table


def test_columns_and_types_are_the_documented_ones_in_that_order(paths: SweepPaths) -> None:
    trials = [
        FakeTrial(model="att", arguments={"d_model": 64, "is_causal": True}),
        FakeTrial(model="lstm", arguments={"hidden_size": 64, "dropout": 0.5, "pe_type": "rope"}),
    ]
    export_tables(write_ledger(paths, trials))
    arguments = [
        ("model.d_model", COUNT),
        ("model.dropout", NUMBER),
        ("model.hidden_size", COUNT),
        ("model.is_causal", FLAG),
        ("model.pe_type", TEXT),
    ]
    assert columns(paths.trials) == [*TRIALS_BEFORE_ARGUMENTS, *arguments, *TRIALS_AFTER_ARGUMENTS]
    assert columns(paths.epochs) == EPOCHS
    assert columns(paths.evaluations) == EVALUATIONS


def test_an_empty_ledger_gives_empty_tables_of_the_same_types(paths: SweepPaths) -> None:
    report = export_tables(write_ledger(paths, []))
    assert (report.num_trials, report.num_epochs, report.num_evaluations) == (0, 0, 0)
    assert columns(paths.trials) == [*TRIALS_BEFORE_ARGUMENTS, *TRIALS_AFTER_ARGUMENTS]
    assert columns(paths.epochs) == EPOCHS
    assert columns(paths.evaluations) == EVALUATIONS


def test_every_training_setting_has_its_column() -> None:
    settings = [f"train.{setting.name}" for setting in dataclasses.fields(TrainSettings)]
    assert list(CONFIG_KEYS) == [*settings, "split.origin"]


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [(1, 2.5, NUMBER), (1, "a", TEXT), (True, 1, TEXT), (1, 2**70, TEXT), (False, True, FLAG)],
)
def test_an_argument_of_two_types_gets_one_that_holds_both(
    paths: SweepPaths, one: object, other: object, kind: pa.DataType
) -> None:
    trials = [FakeTrial(arguments={"size": one}), FakeTrial(arguments={"size": other}, seed=1)]
    export_tables(write_ledger(paths, trials))
    assert dict(columns(paths.trials))["model.size"] == kind
    values = [row["model.size"] for row in rows(paths.trials)]
    assert values == ([str(one), str(other)] if kind == TEXT else [one, other])


def test_an_argument_is_null_where_a_model_has_none(paths: SweepPaths) -> None:
    trials = [FakeTrial(arguments={"d_model": 64}), FakeTrial(model="lstm", arguments={"hidden_size": 32})]
    export_tables(write_ledger(paths, trials))
    assert [(row["model.d_model"], row["model.hidden_size"]) for row in rows(paths.trials)] == [(64, None), (None, 32)]


def test_nan_infinity_and_not_measured_stay_apart(paths: SweepPaths) -> None:
    trials = [
        FakeTrial(seed=0, val=NAN, test=math.inf, val_far=None),
        FakeTrial(seed=1, val=1.5, test=None),
        FakeTrial(seed=2, protocol="replication", test=NAN, test_far=math.inf),
    ]
    export_tables(write_ledger(paths, trials))
    table = pq.read_table(paths.trials)
    assert table["val_mse_batch"].null_count == 1
    assert math.isnan(table["val_mse_batch"][0].as_py())
    assert table["test_mse_batch"].to_pylist() == [math.inf, None, None]
    assert table["val_mse_regressive"].to_pylist() == [None, 70.0, None]
    assert math.isnan(table["Predict/mse_batch"][2].as_py())
    assert table["Predict/mse_regressive"].to_pylist() == [None, None, math.inf]
    epochs = pq.read_table(paths.epochs)
    assert [value is not None and math.isnan(value) for value in epochs["val_mse_batch"].to_pylist()].count(True) == 2
    assert epochs["val_mse_batch"].null_count == 2  # replication has none


def test_what_could_not_be_scored_is_null_with_its_reason(paths: SweepPaths) -> None:
    trial = FakeTrial()
    unscored = trial.evaluation(
        "test", "batch", 1, NAN, eval_dataset="short", num_targets=0, reason="short is too short"
    )
    export_tables(write_ledger(paths, [trial], extra=(unscored,)))
    found = [row for row in rows(paths.evaluations) if row["eval_dataset"] == "short"]
    assert [(row["mse"], row["skill_last"], row["num_targets"], row["reason"]) for row in found] == [
        (None, None, 0, "short is too short")
    ]


def test_only_ended_trials_have_rows_and_every_row_finds_its_trial(paths: SweepPaths) -> None:
    statuses = ["finished", "stopped", "diverged", "failed", "running", "pending"]
    trials = [FakeTrial(seed=seed, status=status) for seed, status in enumerate(statuses)]  # type: ignore[arg-type]
    # What a trial left behind that now runs again.
    left_behind = trials[4].evaluation("val", "batch", 1, 5.0)
    export_tables(write_ledger(paths, trials, extra=(left_behind,)))
    found = rows(paths.trials)
    assert [row["status"] for row in found] == statuses[:4]
    assert [row["error"] for row in found] == [None, None, None, "ValueError: broken"]
    ended = {row["trial_id"] for row in found}
    assert {row["trial_id"] for row in rows(paths.epochs)} == ended
    assert {row["trial_id"] for row in rows(paths.evaluations) if row["kind"] == "trial"} == {trials[0].trial_id}


def test_columns_are_those_of_the_whole_sweep_from_the_start(paths: SweepPaths) -> None:
    trials = [FakeTrial(), FakeTrial(model="lstm", arguments={"hidden_size": 64}, status="pending")]
    export_tables(write_ledger(paths, trials))
    assert "model.hidden_size" in dict(columns(paths.trials))


def test_a_trial_row_holds_what_the_ledger_knows(paths: SweepPaths) -> None:
    trial = FakeTrial(train={"time_steps": 64, "num_epochs": None, "num_steps": 500}, seed=3, val=12.5)
    export_tables(write_ledger(paths, [trial], old=(FakeTrial(model_digest="code-0"),)))
    current, old = rows(paths.trials)
    assert (current["is_current"], old["is_current"], old["model_digest"]) == (True, False, "code-0")
    expected = {
        "trial_id": trial.trial_id,
        "config_id": trial.config_id,
        "sweep": "tiny",
        "model": "att",
        "dataset": "y_w",
        "seed": 3,
        "train.time_steps": 64,
        "train.num_epochs": None,
        "train.num_steps": 500,
        "split.origin": 0.85,
        "status": "finished",
        "epochs": 2,
        "num_steps": 20,
        "num_train_windows": 1234,
        "Final/train_loss": 0.5,
        "Final/val_loss": 0.6,
        "val_mse_batch": 12.5,
        "test_mse_regressive": 80.0,
        "num_params": 4321,
        "train_seconds": 3.0,
        "node": "host",
        "protocol": "holdout",
        "started_at": pd.Timestamp(STARTED_AT, unit="s", tz="UTC"),
        "finished_at": pd.Timestamp(STARTED_AT + 100, unit="s", tz="UTC"),
    }
    assert {key: current[key] for key in expected} == expected


def test_trials_say_what_they_were_trained_for(paths: SweepPaths) -> None:
    trials = [FakeTrial(seed=seed, phase=phase) for seed, phase in enumerate((None, "explore", "confirm"))]
    export_tables(write_ledger(paths, trials))
    assert {row["seed"]: row["phase"] for row in rows(paths.trials)} == {0: None, 1: "explore", 2: "confirm"}


def test_evaluations_name_the_trial_or_the_baseline(paths: SweepPaths) -> None:
    trial = FakeTrial(train={"time_steps": 64}, seed=3, source="stand-in")
    export_tables(write_ledger(paths, [trial]))
    found = [row for row in rows(paths.evaluations) if row["part"] == "test" and row["mode"] == "batch"]
    about = ("kind", "trial_id", "config_id", "model", "dataset", "eval_dataset", "seed", "time_steps", "settings")
    assert sorted(([row[name] for name in about] for row in found), key=str) == [
        ["baseline", None, None, "last_value", None, "y_w", None, None, None],
        ["baseline", None, None, "ridge", None, "y_w", None, None, "lags 32, penalty 0.1"],
        ["baseline", None, None, "train_mean", None, "y_w", None, None, None],
        ["noise_floor", None, None, "noise_floor", None, "y_w", None, None, None],
        ["trial", trial.trial_id, trial.config_id, "att", "y_w", "y_w", 3, 64, None],
    ]
    assert {(row["data_source"], row["split.origin"]) for row in found} == {("stand-in", 0.85)}
    floor = next(row for row in found if row["kind"] == "noise_floor")
    assert [floor[name] for name in ("mse", "rmse", "mae", "mase", "skill_last")] == [16.0, 4.0, None, None, None]


def test_files_say_where_they_come_from(paths: SweepPaths) -> None:
    report = export_tables(write_ledger(paths, [FakeTrial()]))
    with LedgerReader(paths.ledger) as reader:
        assert report.revision == reader.revision()
    for file in report.files:
        about = pq.read_schema(file).metadata
        assert about[b"raysweep.sweep"] == b"tiny"
        assert about[b"raysweep.ledger_revision"] == str(report.revision).encode()
        assert {b"raysweep.version", b"raysweep.ledger_schema", b"raysweep.written_at"} <= about.keys()


def test_tables_are_replaced_and_nothing_else_is_left(paths: SweepPaths) -> None:
    export_tables(write_ledger(paths, [FakeTrial()]))
    export_tables(write_ledger(paths, [FakeTrial(), FakeTrial(seed=1)]))
    assert len(rows(paths.trials)) == 2
    beside_ledger = {file.name for file in paths.root.iterdir() if "ledger.sqlite" not in file.name}
    assert beside_ledger == {"trials.parquet", "epochs.parquet", "evaluations.parquet"}


def test_a_table_that_cannot_be_written_is_one_clear_error(paths: SweepPaths) -> None:
    write_ledger(paths, [FakeTrial()])
    paths.epochs.mkdir()
    with pytest.raises(StorageError, match=r"epochs\.parquet: can't be written"):
        export_tables(paths)
    assert not list(paths.root.glob(".*.tmp"))


def test_names_of_any_sort_survive(tmp_path: Path) -> None:
    paths = sweep_paths(tmp_path / "with space, 'quotes' & a=b", "x")
    trial = FakeTrial(model="a|b\n<c>", dataset="ü_w", arguments={"pe_type": "`x`"})
    export_tables(write_ledger(paths, [trial]))
    frame = pd.read_parquet(paths.trials, partitioning=None)
    assert frame.loc[0, ["model", "dataset", "model.pe_type"]].tolist() == ["a|b\n<c>", "ü_w", "`x`"]


def test_five_lines_of_pandas(paths: SweepPaths) -> None:
    trials = [FakeTrial(seed=0, val=10.0), FakeTrial(seed=1, val=30.0), FakeTrial(model="lstm", val=15.0)]
    export_tables(write_ledger(paths, trials))

    trials = pd.read_parquet(paths.trials)
    scores = pd.read_parquet(paths.evaluations)
    on_test = scores[(scores.kind == "trial") & (scores.part == "test") & (scores["mode"] == "batch")]
    both = trials.merge(on_test[["trial_id", "mse", "skill_ridge"]], on="trial_id")
    best = both.groupby("model")[["val_mse_batch", "mse", "skill_ridge"]].mean().sort_values("val_mse_batch")

    assert best.index.tolist() == ["lstm", "att"]
    assert best["val_mse_batch"].tolist() == [15.0, 20.0]
