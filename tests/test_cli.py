"""What people type, and what they are told when they mistype it."""

from __future__ import annotations

import shutil

import pytest

from tests.conftest import PROJECT, Project


def test_a_mistyped_command_is_told_apart_from_a_missing_file(project: Project) -> None:
    done = project.run("statsu", expect=2)
    assert done.stderr == "raysweep: 'statsu' is neither a command nor a sweep file; did you mean status?\n"
    done = project.run("nowhere.yaml", expect=2)
    assert done.stderr.startswith("nowhere.yaml: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["status", "compare", "export", "sync"])
def test_there_must_be_a_sweep_first(project: Project, command: str) -> None:
    assert "no sweep has been run here" in project.run(command, expect=2).stderr
    assert "no sweep 'x'" in project.run(command, "x", expect=2).stderr
    assert not (project.root / "results").exists()
    assert not (project.root / "mlflow.db").exists()


def test_a_name_cannot_leave_the_results(project: Project) -> None:
    (project.root / "results").mkdir()
    for name in ("../data", ".", ".."):
        assert "no sweep" in project.run("status", name, expect=2).stderr


def test_listings(project: Project) -> None:
    models = project.run("models").stdout
    assert "n_heads=8" in models
    series = project.run("data", "list").stdout
    assert "wave" in series
    assert "300" in series
    (project.root / "models" / "broken.py").write_text("class Model(")
    models = project.run("models").stdout
    assert "can't be used" in models
    assert "n_heads=8" in models, "a broken file hides no other"


def test_data_check(project: Project) -> None:
    assert "good: 300 points" in project.run("data", "check", "data/wave.csv").stdout
    bad = project.root / "bad.csv"
    bad.write_text("time,value\n0,1\n1,nan\n2,x\n")
    done = project.run("data", "check", bad, expect=2)
    assert "line 3" in done.stderr
    assert "line 4" in done.stderr
    assert "Traceback" not in done.stderr


def test_stand_ins_are_named_as_such(project: Project) -> None:
    shutil.copytree(PROJECT / "data", project.root / "data", dirs_exist_ok=True)
    assert "stand-in" in project.run("data", "list").stdout


def test_verbose_shows_where_an_error_came_from(project: Project) -> None:
    assert "Traceback" in project.run("plan", "nowhere.yaml", "-v", expect=2).stderr
