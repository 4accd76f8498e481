"""What importing costs: `plan`, `status` and `--help` must not wait for torch, Ray or MLflow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT, Project

HEAVY = ("torch", "ray", "mlflow", "hyperopt")


def _loaded_by(code: str, folder: Path = PROJECT) -> set[str]:
    report = f"{code}\nimport sys; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", report], cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("module", ["raysweep.cli", "raysweep.app", "raysweep.prepare", "raysweep.commands"])
def test_the_command_line_loads_nothing_heavy(module: str) -> None:
    assert _loaded_by(f"import {module}") == set()


def test_planning_loads_nothing_heavy(project: Project) -> None:
    space = {"model": "att", "dataset": "wave", "train.time_steps": 16}
    sweep = project.write_sweep("light", param_space=space)
    code = (
        f"import sys; sys.path.insert(0, {str(PROJECT)!r}); sys.argv = ['raysweep', 'plan', {str(sweep)!r}]\n"
        "from raysweep.cli import main\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code, done.code"
    )
    assert _loaded_by(code, project.root) == set()


@pytest.mark.parametrize(
    ("part", "allowed"),
    [
        ("raysweep.spec.loader", set()),
        ("raysweep.ledger.writer", set()),
        ("raysweep.tracking.follower", set()),
        ("raysweep.analysis.leaderboard", set()),
        ("raysweep.forecasting.trial", {"torch"}),
    ],
)
def test_one_part_loads_no_other(part: str, allowed: set[str]) -> None:
    assert _loaded_by(f"import {part}") <= allowed
