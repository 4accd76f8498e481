"""What a plan and the progress call trials: by what tells them apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from raysweep.planning.progress import Progress
from raysweep.prepare import Workspace, prepare
from raysweep.screen import print_plan, progress_line
from tests.conftest import Project


@pytest.fixture
def workspace(project: Project, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.chdir(project.root)
    return Workspace(
        results_dir=project.root / "results", tracking_uri="", data_dir=None, models_dir=project.root / "models"
    )


def _labels(file: Path, workspace: Workspace) -> list[str]:
    console = Console(width=200)
    with console.capture() as printed:
        print_plan(console, prepare(file, [], workspace), is_detailed=True)
    return [line.split(maxsplit=1)[1] for line in printed.get().splitlines() if line.startswith("  new ")]


def _sweep(project: Project, **changes: Any) -> Path:
    space = {"model": {"grid_search": ["att", "lstm"]}, "dataset": "wave", "train.time_steps": 16}
    return project.write_sweep("planned", **{"param_space": {**space, **changes.pop("keys", {})}, **changes})


def test_what_varies_stands_in_each_line(project: Project, workspace: Workspace) -> None:
    keys = {"split.origin": {"grid_search": [0.6, 0.85]}, "train.batch_size": {"grid_search": [16, 32]}}
    labels = _labels(_sweep(project, keys=keys), workspace)
    assert len(set(labels)) == 8
    assert labels[0] == "att on wave, window 16, lr 0.001, train.batch_size 16, split.origin 0.6, seed 0"


def test_what_is_the_same_in_all_or_a_habit_of_the_model_does_not(project: Project, workspace: Workspace) -> None:
    assert _labels(_sweep(project), workspace) == [
        "att on wave, window 16, lr 0.001, seed 0",
        "lstm on wave, window 16, lr 0.001, seed 0",
    ]


def test_a_search_names_what_it_draws(project: Project, workspace: Workspace) -> None:
    keys = {"model": "att", "train.batch_size": {"choice": [16, 32]}}
    prepared = prepare(_sweep(project, keys=keys, search={"hyperopt": {"num_samples": 2}}), [], workspace)
    assert prepared.varying_keys == {"train.batch_size"}


def test_the_best_so_far_is_called_by_what_varies(project: Project, workspace: Workspace) -> None:
    keys = {"model": "att", "split.origin": {"grid_search": [0.6, 0.85]}}
    prepared = prepare(_sweep(project, keys=keys), [], workspace)
    trial = prepared.wanted[0]
    progress = Progress(num_trials=2, num_done_before=0, num_slots=1, waiting={trial.trial_id: trial})
    progress.start(trial.trial_id)
    progress.end(trial.trial_id, "finished", score=1.0)
    assert "split.origin 0.6, seed 0)" in progress_line(progress, prepared.varying_keys)
