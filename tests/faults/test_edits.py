"""Edits between two commands: only what they touch runs again, and old rows stay what they were."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pandas as pd
import pytest

from raysweep.forecasting.protocol import PROTOCOL_VERSION
from raysweep.ledger.reader import LedgerReader
from tests.conftest import Project
from tests.faults.oracle import check_sweep, finished

pytestmark = pytest.mark.slow

# Has no shared layers.
PLAIN = '''
"""The last value, plus a learned drift."""

import torch
from torch import Tensor, nn


class Model(nn.Module):
    """Last value plus a learned drift."""

    is_align_target = True

    def __init__(self, *, num_channels: int = 1) -> None:
        super().__init__()
        self.drift = nn.Parameter(torch.zeros(num_channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.drift
'''
# As if another raysweep were installed, whose training gives other losses.
OTHER_PROTOCOL = """
import sys
from raysweep.forecasting import protocol
protocol.PROTOCOL_VERSION = {"holdout": "holdout-next", "replication": "replication-next"}
from raysweep.__main__ import main
sys.argv[0] = "raysweep"
main()
"""
SPACE = {
    "dataset": {"grid_search": ["wave", "pair"]},
    "model": {"grid_search": ["plain", "att"]},
    "train.time_steps": 16,
    "train.learning_rate": 1e-2,
    "train.num_epochs": 2,
}
NONE_OLD = {"wave": 0, "pair": 0}


def rows(project: Project) -> dict[str, dict[str, Any]]:
    with LedgerReader(project.paths("edited").ledger) as ledger:
        return {row["trial_id"]: row for row in ledger.trials()}


def current_ids(project: Project) -> set[str]:
    return {name for name, row in rows(project).items() if row["is_current"]}


def kinds(project: Project, trial_ids: set[str]) -> set[tuple[str, str]]:
    known = rows(project)
    return {(known[name]["config"]["model"], known[name]["config"]["dataset"]) for name in trial_ids}


def older(project: Project) -> dict[str, int]:
    """By series: of how many trials `raysweep compare` says that it leaves them out, for each of its tables."""
    found: dict[str, set[int]] = {}
    for table in re.split(r"\n(?=\w+: \S+ forecasts)", project.run("compare", "edited").stdout):
        if title := re.match(r"(\w+): \S+ forecasts", table.strip()):
            told = re.search(r"(\d+) older trials? \(of earlier model code, data or settings\) not shown", table)
            found.setdefault(title[1], set()).add(int(told[1]) if told else 0)
    assert all(len(numbers) == 1 for numbers in found.values()), found
    return {name: numbers.pop() for name, numbers in found.items()}


class Edited:
    """A project in which a sweep has been run once, and what is known of it."""

    def __init__(self, project: Project) -> None:
        self.project = project
        (project.root / "models" / "plain.py").write_text(PLAIN)
        self.sweep = project.write_sweep("edited", param_space=SPACE)
        project.run(self.sweep)
        self.finished, self.known = finished(project.paths("edited")), set(rows(project))
        assert len(self.known) == 4
        assert older(project) == NONE_OLD

    def run_again(self, anew: set[tuple[str, str]], *, are_old: dict[str, int]) -> None:
        """Only these models and series are trained; all that there was stays."""
        told = self.project.run(self.sweep).stdout
        assert f"4 trials: {4 - len(anew)} done, {len(anew)} new" in told
        now = set(rows(self.project))
        assert kinds(self.project, now - self.known) == anew
        assert len(now) == len(self.known) + len(anew)
        check_sweep(self.project, "edited", num_trials=4, finished_before=self.finished)
        assert older(self.project) == are_old
        self.finished, self.known = finished(self.project.paths("edited")), now


@pytest.mark.nightly
def test_a_series_and_the_training_protocol(fast_project: Project) -> None:
    """Another protocol version is as if all had been edited; with the first at work again, its own rows count."""
    edited = Edited(fast_project)
    series = fast_project.root / "data" / "pair.csv"
    series.write_text(series.read_text().replace("hours,level,other\n0.0,", "hours,level,other\n0.0,1"))
    edited.run_again({("plain", "pair"), ("att", "pair")}, are_old={"wave": 0, "pair": 2})
    current = current_ids(fast_project)

    done = subprocess.run(
        [sys.executable, "-c", OTHER_PROTOCOL, str(edited.sweep)],
        cwd=fast_project.root,
        env=fast_project.full_environment(),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 trials: 4 new" in done.stdout
    now = rows(fast_project)
    assert {now[name]["protocol_version"] for name in current_ids(fast_project)} == {"holdout-next"}
    assert {now[name]["protocol_version"] for name in edited.known} == {PROTOCOL_VERSION["holdout"]}
    assert older(fast_project) == {"wave": 2, "pair": 4}
    check_sweep(fast_project, "edited", num_trials=4, finished_before=edited.finished)

    assert "nothing to run: all 4 trials are done" in fast_project.run(edited.sweep).stdout
    assert current_ids(fast_project) == current


@pytest.mark.nightly
def test_layers_and_settings(fast_project: Project) -> None:
    edited = Edited(fast_project)
    layers = fast_project.root / "models" / "_layers.py"
    layers.write_text(layers.read_text() + "\nEDITED = True\n")
    edited.run_again({("att", "wave"), ("att", "pair")}, are_old={"wave": 1, "pair": 1})

    text = edited.sweep.read_text()
    edited.sweep.write_text(text.replace("- att", "- vq"))
    edited.run_again({("vq", "wave"), ("vq", "pair")}, are_old={"wave": 2, "pair": 2})

    edited.sweep.write_text(text)
    again = fast_project.run(edited.sweep).stdout
    assert "nothing to run: all 4 trials are done" in again, "what was undone counts again"
    assert set(rows(fast_project)) == edited.known
    assert older(fast_project) == {"wave": 2, "pair": 2}

    table = pd.read_parquet(fast_project.paths("edited").trials)
    assert table["is_current"].sum() == 4
    assert len(table) == len(edited.known)
