"""Every block of docs/analysis.md runs on the tables of a small sweep, and says something."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

from raysweep.analysis.export import export_tables
from raysweep.ledger.rows import Phase
from tests.analysis.ledgers import FakeTrial, sweep_paths, write_ledger
from tests.analysis.reports import write_forecasts
from tests.conftest import PROJECT

PAGE = (PROJECT / "docs" / "analysis.md").read_text(encoding="utf-8")
SET_UP, *QUESTIONS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
# A name or number that the answer must have, from the sweep below.
ANSWERS = ["att", "skill_ridge", "128", "0.85", "lstm", "is_last", "median_of_finished", "w_y", "60    1.0", "second"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sweeps: two models, windows, folds and seeds; one stopped trial; another series; forecasts of all."""
    folder = tmp_path_factory.mktemp("project")
    trials = [
        FakeTrial(
            model=model,
            train={"time_steps": window, "num_epochs": 4},
            origin=origin,
            seed=seed,
            epochs=4,
            val=base + window / 64 + seed,
            test=base + 9 - seed,
            val_far=base + seed,
        )
        for model, base in (("att", 40.0), ("lstm", 50.0))
        for window in (64, 128)
        for origin in (0.6, 0.85)
        for seed in (0, 1)
    ]
    # Another series, where the same config has another error; and a choice that the others don't have.
    elsewhere = [
        FakeTrial(
            dataset="w_y",
            data="data-2",
            train={"time_steps": 64, "num_epochs": 4, "batch_size": size},
            seed=seed,
            epochs=4,
            val=10.0 * size + seed,
        )
        for size in (32, 64)
        for seed in (0, 1)
    ]
    away = [
        trial.evaluation("test", "batch", 1, 70.0, eval_dataset="w_y", eval_set_hash=f"away-{trial.config.origin}")
        for trial in trials
    ]
    stopped = FakeTrial(model="att", train={"learning_rate": 0.1}, status="stopped")
    paths = sweep_paths(folder / "results", "windows")
    export_tables(write_ledger(paths, [*trials, *elsewhere, stopped], extra=tuple(away)))
    for trial in trials:
        # Errors are the same in both folds; only this one's forecasts are off by 1.
        write_forecasts(paths, trial, bias=1.0 if trial.config.origin == 0.85 else 3.0)
    shared = [trial for trial in trials if trial.val in (41.0, 42.0) and trial.config.origin == 0.85]
    other = FakeTrial(model="vq", arguments={}, val=30.0)
    second = write_ledger(sweep_paths(folder / "results", "second"), [other, *shared])
    export_tables(second)
    return folder


def test_there_are_ten_questions() -> None:
    assert len(QUESTIONS) == len(ANSWERS) == 10
    assert re.findall(r"^## (\d+)\.", PAGE, re.MULTILINE) == [str(number) for number in range(1, 11)]


@pytest.mark.parametrize("number", range(1, 11))
def test_the_code_answers(project: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(f"{SET_UP}\n{QUESTIONS[number - 1]}", {})
    text = printed.getvalue()
    assert ANSWERS[number - 1] in text
    assert "Empty DataFrame" not in text
    assert "Series([]" not in text


def test_the_first_answer_is_right(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(f"{SET_UP}\n{QUESTIONS[0]}", names)
    best = names["best"].reset_index()  # type: ignore[attr-defined]
    columns = ["dataset", "split.origin", "model", "train.time_steps", "train.batch_size", "mean", "count"]
    assert best[columns].to_numpy().tolist() == [
        ["w_y", 0.85, "att", 64, 32, 320.5, 2],
        ["y_w", 0.6, "att", 64, 64, 41.5, 2],
        ["y_w", 0.6, "lstm", 64, 64, 51.5, 2],
        ["y_w", 0.85, "att", 64, 64, 41.5, 2],
        ["y_w", 0.85, "lstm", 64, 64, 51.5, 2],
    ]


def test_the_answers_rest_on_the_seeds_of_the_leaderboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    phases: dict[int, Phase] = {0: "explore", 1: "confirm", 2: "confirm"}
    chosen = [FakeTrial(seed=seed, phase=phase) for seed, phase in phases.items()]
    asked_before = (FakeTrial(model="vq", seed=1),)
    others = [FakeTrial(model="vq", phase="explore")]
    paths = sweep_paths(tmp_path / "results", "windows")
    export_tables(write_ledger(paths, [*chosen, *others], old=asked_before))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(SET_UP, names)
    scores = names["scores"]
    for found in (names["finished"], scores[scores["kind"] == "trial"]):
        assert set(zip(found["model"], found["seed"], strict=True)) == {("att", 1), ("att", 2), ("vq", 0)}


def test_the_last_answer_compares_only_equal_evaluation_sets(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(QUESTIONS[9], {})
    rows = [line.split()[1:] for line in printed.getvalue().splitlines()[1:]]
    assert rows == [
        ["w_y", "0.85", "windows", "att", "64", "320.5", "2"],
        ["w_y", "0.85", "windows", "att", "64", "640.5", "2"],
        ["y_w", "0.60", "windows", "att", "64", "41.5", "2"],
        ["y_w", "0.60", "windows", "att", "128", "42.5", "2"],
        ["y_w", "0.60", "windows", "lstm", "64", "51.5", "2"],
        ["y_w", "0.85", "second", "vq", "112", "30.0", "1"],
        ["y_w", "0.85", "second", "att", "64", "41.5", "2"],
        ["y_w", "0.85", "windows", "att", "64", "41.5", "2"],
    ]


def test_the_last_answer_leaves_out_seeds_that_explored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    phases: dict[int, Phase] = {0: "explore", 1: "confirm", 2: "confirm"}
    trials = [FakeTrial(seed=seed, phase=phase, val=50.0 if seed else 1.0) for seed, phase in phases.items()]
    lucky = FakeTrial(model="vq", phase="explore", val=2.0)
    export_tables(write_ledger(sweep_paths(tmp_path / "results", "one"), [*trials, lucky]))
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(QUESTIONS[9], {})
    rows = [line.split()[1:] for line in printed.getvalue().splitlines()[1:]]
    assert rows == [["y_w", "0.85", "one", "att", "112", "50.0", "2"]]
