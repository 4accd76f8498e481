"""Trials that share a GPU and run out of its memory.

No test has a GPU. Ray is told of one and counts it; the model raises what torch does where a GPU's memory is too small.
"""

from __future__ import annotations

import pytest

from raysweep.ledger.reader import LedgerReader
from tests.conftest import Project
from tests.faults.oracle import check_sweep
from tests.faults.test_workers import TINY, _by_accident, _patient

pytestmark = pytest.mark.nightly

GREEDY = '''
"""A model that asks a GPU for too much memory, as told."""

import os

import ray
import torch
from torch import Tensor, nn


class Model(nn.Module):
    """Every try to train writes what it has of the GPU to a file."""

    is_align_target = True

    def __init__(self, *, num_channels: int = 1, accident: str = "none", folder: str = "") -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(num_channels))
        self.accident, self.num_calls = accident, 0
        self.tries = os.path.join(folder, accident)

    def forward(self, x: Tensor) -> Tensor:
        self.num_calls += 1
        if self.accident == "at once":
            self.run_out()
        if self.num_calls == 30:  # later than what measures a step gets
            with open(self.tries, "a") as file:
                file.write(f"{_share()} ")
            if self.accident == "always" or (self.accident == "shared" and _share() < 1):
                self.run_out()
        return x * self.scale

    def run_out(self) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")


def _share() -> float:
    """What Ray has given this process of the GPU."""
    (group,) = [name for name in ray.get_runtime_context().get_assigned_resources() if name.startswith("GPU")]
    return ray.get_runtime_context().get_assigned_resources()[group]
'''


def test_a_trial_that_ran_out_of_a_shared_gpu_gets_one_of_its_own(project: Project) -> None:
    (project.root / "models" / "greedy.py").write_text(GREEDY)
    tries = project.root / "tries"
    tries.mkdir()
    accidents = {"grid_search": ["shared", "none", "always", "at once"]}
    space = {**TINY, "model": "greedy", "model.folder": str(tries), "model.accident": accidents, "train.num_epochs": 20}
    sweep = project.write_sweep("greedy", param_space=space)
    shown = _patient(project, sweep, "--jobs", "2", expect=1, program="gpu_raysweep")

    assert "auto: measuring a training step of 4 shapes on a GPU (unknown)" in shown
    memory = "OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB."
    assert f"greedy, window 16, can't be measured on unknown ({memory}); its trials get a GPU of their own" in shown
    assert "auto: 2 trials share a GPU (unknown): 3 shapes, at most greedy, window 16," in shown

    rows = _by_accident(project, "greedy")
    assert {name: row["status"] for name, row in rows.items()} == {
        "shared": "finished",
        "none": "finished",
        "always": "failed",
        "at once": "failed",
    }
    assert {file.name: file.read_text() for file in tries.iterdir()} == {
        "shared": "0.5 1.0 ",
        "none": "0.5 ",
        "always": "0.5 1.0 ",
    }
    assert shown.count("the GPU that it shares ran out of memory; tried again in 0.2 s, on a GPU of its own") == 2
    for name in ("always", "at once"):
        assert rows[name]["error"].startswith(
            "the GPU ran out of memory, though the trial had it for itself: a smaller"
        )
        assert rows[name]["error"].endswith(f"({memory})")
    check_sweep(project, "greedy", num_trials=4, num_failed=2)

    with LedgerReader(project.paths("greedy").ledger) as reader:
        measured = reader.steps()
    assert len(measured) == 3, "what couldn't be measured is tried again by the next command"
    planned = project.run("plan", "greedy.yaml", "model.accident=none", "seeds=[0,1]").stdout
    assert "auto, as measured before: 2 trials share a GPU (unknown): greedy, window 16 needs memory" in planned
