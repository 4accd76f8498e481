"""Workers that are killed, stop, or run out of memory; a Ray that dies. Real processes, real signals."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from raysweep.ledger.reader import LedgerReader
from tests.conftest import Project
from tests.faults.oracle import check_sweep, finished

pytestmark = pytest.mark.slow

FRAIL = '''
"""A model whose process meets with an accident, as told."""

import os
import signal
import time

import torch
from torch import Tensor, nn


class Model(nn.Module):
    """Every try writes a line to a file, so that a test can count them."""

    is_align_target = True

    def __init__(self, *, num_channels: int = 1, accident: str = "none", folder: str = "", always: bool = True) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(num_channels))
        self.accident, self.num_calls = accident, 0
        tries = os.path.join(folder, accident)
        with open(tries, "a") as file:
            file.write("x")
        self.is_to_happen = always or os.path.getsize(tries) == 1

    def forward(self, x: Tensor) -> Tensor:
        self.num_calls += 1
        if self.accident == "stop":
            time.sleep(0.04)  # training must take a while for a hang in it to be told from a slow start
        if self.is_to_happen and self.num_calls == (1 if self.accident == "stop at once" else 30):
            self.happen()
        return x * self.scale

    def happen(self) -> None:
        if self.accident == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.accident.startswith("stop"):
            os.kill(os.getpid(), signal.SIGSTOP)
        if self.accident == "memory":
            torch.empty(2**60)
        if self.accident == "raise":
            raise RuntimeError("it would come again")
'''
TINY = {"dataset": "wave", "train.time_steps": 16}


def _patient(project: Project, *arguments: str | Path, expect: int, program: str = "patient_raysweep") -> str:
    done = subprocess.run(
        [sys.executable, "-m", f"tests.faults.{program}", *map(str, arguments)],
        cwd=project.root,
        env=project.full_environment(),
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stdout + done.stderr
    assert "raylet" not in done.stdout + done.stderr, "Ray's own complaints are for those who develop Ray"
    return done.stdout


def _by_accident(project: Project, sweep: str) -> dict[str, dict[str, Any]]:
    with LedgerReader(project.paths(sweep).ledger) as reader:
        return {row["config"]["model.accident"]: row for row in reader.trials()}


def _losses(project: Project, sweep: str) -> list[tuple[Any, ...]]:
    columns = ("trial_id", "epoch", "num_steps", "train_loss", "val_loss", "val_mse_batch")
    with LedgerReader(project.paths(sweep).ledger) as reader:
        return [tuple(row[column] for column in columns) for row in reader.epochs()]


def _tries(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_size for file in folder.iterdir()}


def test_accidents_that_come_again(fast_project: Project) -> None:
    project = fast_project
    (project.root / "models" / "frail.py").write_text(FRAIL)
    again = project.root / "again"
    again.mkdir()
    accidents = {"grid_search": ["kill", "memory", "raise", "none"]}
    space = {**TINY, "model": "frail", "model.folder": str(again), "model.accident": accidents, "train.num_epochs": 20}
    shown = _patient(project, project.write_sweep("again", param_space=space), expect=1)
    rows = _by_accident(project, "again")
    assert {name: row["status"] for name, row in rows.items()} == {
        **dict.fromkeys(["kill", "memory", "raise"], "failed"),
        "none": "finished",
    }
    assert {file.name: file.stat().st_size for file in again.iterdir()} == {
        "kill": 4,
        "memory": 4,
        "raise": 1,
        "none": 1,
    }
    assert rows["kill"]["error"] == "its worker was killed or has crashed; that was try 4"
    assert "SYSTEM_ERROR" in rows["kill"]["traceback"], "what Ray has to say is kept"
    assert re.fullmatch(r"RuntimeError: .*can't allocate memory.*; that was try 4", rows["memory"]["error"])
    assert rows["raise"]["error"] == "RuntimeError: it would come again"
    for number, pause in enumerate((0.2, 0.4, 0.8), start=1):
        assert shown.count(f"its worker was killed or has crashed; tried again in {pause} s ({number} of 3)") == 1
    check_sweep(project, "again", num_trials=4, num_failed=3)

    before = finished(project.paths("again"))
    assert len(before) == 1
    assert "1 done, 3 failed before, to try again" in project.run("plan", "again.yaml").stdout


@pytest.mark.nightly
def test_one_accident_changes_no_result(fast_project: Project) -> None:
    project = fast_project
    (project.root / "models" / "frail.py").write_text(FRAIL)
    once = project.root / "once"
    once.mkdir()
    space = {**TINY, "model": "frail", "model.folder": str(once), "model.always": False, "train.num_epochs": 40}
    space["model.accident"] = {"grid_search": ["kill", "stop"]}
    sweep = project.write_sweep("once", param_space=space)
    shown = _patient(project, sweep, expect=0)
    assert _tries(once) == {"kill": 2, "stop": 2}
    assert "so it was taken for hung; tried again in 0.2 s (1 of 3)" in shown
    check_sweep(project, "once", num_trials=2)

    # The accidents have been had: the same trials, by their content, in a folder of their own.
    _patient(project, sweep, "--results-dir", "unharmed", expect=0)
    harmed = _losses(project, "once")
    project.paths("once").root.rename(project.root / "harmed")
    (project.root / "unharmed" / "once").rename(project.paths("once").root)
    assert _losses(project, "once") == harmed, "bit for bit"


@pytest.mark.nightly
def test_a_hang_in_the_very_first_epoch(fast_project: Project) -> None:
    """Nothing tells what is usual then, and yet it ends some time; what the first command saw, the second knows."""
    project = fast_project
    (project.root / "models" / "frail.py").write_text(FRAIL)
    once = project.root / "once"
    once.mkdir()
    space = {**TINY, "model": "frail", "model.folder": str(once), "model.always": False, "train.num_epochs": 5}
    sweep = project.write_sweep("first", param_space={**space, "model.accident": "stop at once"})
    assert "no word from it for 90 s, so it was taken for hung; tried again" in _patient(project, sweep, expect=0)
    assert _tries(once) == {"stop at once": 2}
    (once / "stop at once").unlink()
    _patient(project, project.write_sweep("second", param_space={**space, "model.accident": "none"}), expect=0)
    accidents = {"grid_search": ["none", "stop at once"]}
    sweep = project.write_sweep("second", param_space={**space, "model.accident": accidents})
    assert "no word from it for 60 s, so it was taken for hung; tried again" in _patient(project, sweep, expect=0)
    check_sweep(project, "second", num_trials=2)


@pytest.mark.nightly  # the minute of the soak kills both, too
@pytest.mark.parametrize("name", ["raylet", "gcs_server"])
def test_a_ray_that_dies_is_started_again(project: Project, name: str) -> None:
    space = {**TINY, "model": "att", "train.num_epochs": 150, "train.learning_rate": {"grid_search": [1e-2, 1e-3]}}
    sweep = project.write_sweep("survivor", param_space=space)
    process = project.start(sweep)
    deadline = time.monotonic() + 120
    ledger = project.paths("survivor").ledger
    while True:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "no epochs in time"
        if ledger.is_file():
            with LedgerReader(ledger, check=False) as reader:
                if len(reader.epochs()) >= 20:
                    break
        time.sleep(0.1)
    before = set(_losses(project, "survivor"))
    os.kill(_child(process.pid, name), signal.SIGKILL)
    shown, _ = process.communicate(timeout=200)
    assert process.returncode == 0, shown
    assert f"Ray's process {name} has ended unexpectedly (killed by SIGKILL); starting Ray again (1 of 3)\n" in shown
    assert before <= set(_losses(project, "survivor")), "what was trained is not trained again"
    check_sweep(project, "survivor", num_trials=2)


def _child(parent: int, name: str) -> int:
    """The child process of this name."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text()
        except OSError:
            continue
        if f"({name})" in fields and int(fields.rpartition(")")[2].split()[1]) == parent:
            return int(folder.name)
    raise AssertionError(f"no {name}")
