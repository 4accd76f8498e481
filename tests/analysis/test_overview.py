"""What `raysweep compare` says beside its leaderboards."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from raysweep.analysis.overview import MOST_LINES, Overview, overview
from raysweep.cli import app
from raysweep.paths import SweepPaths
from tests.analysis.ledgers import FakeTrial, sweep_paths, write_ledger

ORIGINS = (0.6, 0.7, 0.85)


def trials(*, windows: tuple[int, ...] = (64, 128), origins: tuple[float, ...] = (0.85,)) -> list[FakeTrial]:
    """att is better than lstm by a half, and 64 than 128 by a quarter."""
    return [
        FakeTrial(model=model, arguments={}, train={"time_steps": window}, origin=origin, val=base * (1 + place / 4))
        for model, base in (("att", 50.0), ("lstm", 100.0))
        for place, window in enumerate(windows)
        for origin in origins
    ]


def carried(found: list[FakeTrial]) -> tuple[object, ...]:
    return tuple(trial.evaluation("test", "batch", 1, 90.0, eval_dataset="w_y") for trial in found)


def answers_of(found: Overview) -> dict[str, tuple[str, ...]]:
    return dict(found.answers)


def test_every_question_of_a_researcher_has_an_answer(paths: SweepPaths) -> None:
    found = trials()
    write_ledger(paths, found, extra=carried(found))
    answers = answers_of(overview([paths]))
    assert list(answers) == [
        *("What is best", "Is it real", "What next"),
        *("Which window", "What mattered", "What carries over"),
    ]
    assert answers["What is best"][0].startswith("att with window 64 forecasts y_w best one step ahead")
    assert "att at window 64" in answers["Which window"][0]
    assert "model att (error x 0.50)" in answers["What mattered"][0]
    assert "of series that weren't trained on beat the ridge trained at home" in answers["What carries over"][0]


def test_a_question_that_does_not_arise_is_left_out(paths: SweepPaths) -> None:
    write_ledger(paths, [FakeTrial()])
    assert list(answers_of(overview([paths]))) == ["What is best", "Is it real", "What next"]


def test_tables_are_shown_where_they_are_asked_for(paths: SweepPaths) -> None:
    found = trials()
    write_ledger(paths, found, extra=carried(found))
    titles = {
        name: [table.title for table in overview([paths], shown=[name]).tables]
        for name in ("leaderboards", "windows", "mattered", "transfer", "all")
    }
    assert len(titles["leaderboards"]) == len(titles["windows"]) == 2
    assert all("score against window" in title for title in titles["windows"])
    assert {"effect of each choice", "importance of each key"} <= {
        title.split(": ")[-1] for title in titles["mattered"]
    }
    assert "One-step forecasts: average rank by model and train.time_steps" in titles["mattered"]
    assert [title.split(":")[0] for title in titles["transfer"]] == ["Transfer"]
    parts = ("leaderboards", "windows", "mattered", "transfer")
    assert titles["all"] == [title for name in parts for title in titles[name]]


def test_many_contests_are_no_wall(paths: SweepPaths) -> None:
    write_ledger(paths, trials(origins=ORIGINS))
    lines = answers_of(overview([paths]))["Which window"]
    assert len(lines) == MOST_LINES + 1
    assert all("split.origin 0.85" in line for line in lines[:2]), "what the first sentences are about comes first"
    assert lines[-1] == "2 more: --show windows."


def test_sentences_alone_load_no_forests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    found = trials(windows=(32, 64, 96, 128, 160, 192, 224, 256))
    write_ledger(sweep_paths(tmp_path / "results", "made"), found)
    shown = CliRunner().invoke(app, ["compare", "--results-dir", str(tmp_path / "results"), "--top", "2"])
    assert shown.exit_code == 0, shown.output
    end = shown.stdout[shown.stdout.index("What is best: ") :]
    assert "\nWhich window\n  y_w: one-step" in end
    assert "--show" in end.splitlines()[-1]
    assert shown.stdout.index("one-step forecasts") < shown.stdout.index("What is best: ")


def test_what_can_be_shown_is_named(tmp_path: Path) -> None:
    write_ledger(sweep_paths(tmp_path / "results", "made"), trials())
    arguments = ["compare", "--results-dir", str(tmp_path / "results"), "--show"]
    assert CliRunner().invoke(app, [*arguments, "nothing"]).exit_code == 2
    windows = CliRunner().invoke(app, [*arguments, "windows"])
    assert windows.exit_code == 0, windows.output
    assert "score against window" in windows.stdout
    assert "Test scores and skills are shown and select nothing" not in windows.stdout
