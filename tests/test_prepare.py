"""From a sweep file and a ledger to what is still to be run: under HyperOpt."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from raysweep import prepare as prepare_module
from raysweep.ledger.rows import EpochRow, TrialEnd
from raysweep.ledger.writer import LedgerWriter
from raysweep.planning import points
from raysweep.planning.points import contains, score_of
from raysweep.prepare import PreparedSweep, Workspace, prepare
from raysweep.spec.config import Scalar
from raysweep.spec.space import Choice, Domain, GridSearch, LogRandInt, QLogRandInt, QRandInt, QUniform, RandInt
from tests.conftest import Project


@pytest.fixture
def workspace(project: Project, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.chdir(project.root)
    return Workspace(
        results_dir=project.root / "results", tracking_uri="", data_dir=None, models_dir=project.root / "models"
    )


def _sweep(project: Project, num_samples: int = 10, **keys: object) -> Path:
    space = {"model": "att", "dataset": "wave", "train.time_steps": 16, **keys}
    return project.write_sweep("searched", search={"hyperopt": {"num_samples": num_samples}}, param_space=space)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"train.batch_size": {"choice": [16, 32, 64]}}, 3),
        ({"train.batch_size": {"randint": [5, 6]}}, 1),
        ({"train.batch_size": {"randint": [16, 19]}, "model": {"choice": ["att", "lstm"]}}, 6),
        ({"train.batch_size": {"qrandint": [16, 64, 16]}}, 4),
        ({"train.batch_size": {"lograndint": [2, 900]}}, 10),
        ({"train.batch_size": {"lograndint": [2, 9000]}}, 10),
        ({"train.learning_rate": {"quniform": [0.1, 0.3, 0.1]}}, 10),
        # The argument that lstm doesn't have makes no second lstm.
        ({"model": {"choice": ["att", "lstm"]}, "model.d_model": {"choice": [16, 32]}}, 3),
    ],
)
def test_a_search_wants_no_more_than_its_space_has(
    project: Project, workspace: Workspace, keys: dict[str, object], expected: int
) -> None:
    assert prepare(_sweep(project, **keys), [], workspace).num_trials == expected


def test_a_large_space_is_not_counted(project: Project, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = _sweep(project, **{"train.batch_size": {"randint": [16, 19]}})
    monkeypatch.setattr(points, "MAX_COUNTED_CONFIGS", 2)
    assert prepare(sweep, [], workspace).num_trials == 10


def test_a_space_is_counted_once(project: Project, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepare(_sweep(project, **{"train.batch_size": {"randint": [16, 19]}}), [], workspace)
    assert prepared.num_trials == 3
    monkeypatch.setattr(prepare_module, "num_configs", None)
    assert prepared.num_trials == 3
    assert replace(prepared) == prepared, "the count is no part of its value"


def test_a_small_space_can_be_done(project: Project, workspace: Workspace) -> None:
    file = _sweep(project, **{"train.batch_size": {"randint": [16, 19]}})
    _finish(prepare(file, [], workspace), [16, 17, 18])
    prepared = prepare(file, [], workspace)
    assert [trial.config["train.batch_size"] for trial in prepared.wanted] == [16, 17, 18]
    assert prepared.num_trials == 3


def test_known_trials_outside_of_the_space_are_none_of_it(project: Project, workspace: Workspace) -> None:
    wide = _sweep(project, **{"train.batch_size": {"randint": [16, 40]}})
    _finish(prepare(wide, [], workspace), [16, 18, 19, 32])
    prepared = prepare(_sweep(project, **{"train.batch_size": {"randint": [16, 19]}}), [], workspace)
    assert [trial.config["train.batch_size"] for trial in prepared.wanted] == [16, 18]
    assert prepared.num_trials == 3
    stepped = prepare(_sweep(project, **{"train.batch_size": {"qrandint": [16, 32, 16]}}), [], workspace)
    assert [trial.config["train.batch_size"] for trial in stepped.wanted] == [16, 32]


def _finish(prepared: PreparedSweep, batch_sizes: list[int]) -> None:
    trials = [
        prepared.identify(prepared.sweep.resolve({"train.batch_size": size}), prepared.sweep.seeds[0], position)
        for position, size in enumerate(batch_sizes)
    ]
    epoch = EpochRow(
        epoch=1, num_steps=1, train_loss=1.0, val_loss=2.0, val_mse_batch=3.0, seconds=0.5, finished_at=100.0
    )
    with LedgerWriter(prepared.paths.ledger) as writer:
        writer.register(*prepared.rows_of(trials))
        for trial in trials:
            writer.start_trial(trial.trial_id, 1.0 + trial.position, "0.1.0")
            writer.record_epochs(trial.trial_id, [epoch])
            writer.end_trial(trial.trial_id, TrialEnd(status="finished", finished_at=3.0))


@pytest.mark.parametrize(
    ("domain", "inside", "outside"),
    [
        (RandInt(3, 6), (3, 5, 5.0), (2, 6, 4.5, "4")),
        (LogRandInt(3, 6), (3, 5), (2, 6)),
        (QRandInt(8, 24, 8), (8, 16, 24), (0, 12, 32)),
        (QLogRandInt(8, 24, 8), (8, 16, 24), (0, 12, 32)),
        (QUniform(0.1, 0.3, 0.1), (0.1, 0.3), (0.0, 0.4, "0.1")),
        (Choice(("att", "lstm")), ("att",), ("vq",)),
        (GridSearch((1, 2)), (1, 2), (3,)),
    ],
    ids=repr,
)
def testcontains(domain: Domain, inside: tuple[Scalar, ...], outside: tuple[Scalar, ...]) -> None:
    assert [value for value in (*inside, *outside) if contains(domain, value)] == list(inside)


@pytest.mark.parametrize(
    ("status", "value", "expected"),
    [
        ("finished", 1.5, 1.5),
        ("stopped", 1.5, 1.5),
        ("finished", math.nan, math.inf),
        ("stopped", -math.inf, math.inf),
        ("finished", None, None),
        ("diverged", 1.5, math.inf),
        ("running", 1.5, None),
        ("failed", 1.5, None),
    ],
)
def test_score_of(status: str, value: float | None, expected: float | None) -> None:
    row: dict[str, Any] = {"status": status, "final_val_loss": value, "val_mse_batch": value}
    assert score_of(row, "val_loss") == score_of(row, "val_mse_batch") == expected
