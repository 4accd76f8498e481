"""How much of three machines' time 200 short trials spend on training, and where the rest goes.

The machines share the processors of one host, so three trainings that compute would wait for each other, which no
cluster does. The model here sleeps in every training step instead: a trial keeps its machine busy for as long as it
should, and all that isn't training (starting, reports, checkpoints, scores, forecasts, the driver, MLflow) is real, and
has fewer processors than on three real machines.
"""

from __future__ import annotations

import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from raysweep.ledger.reader import LedgerReader, Row
from raysweep.paths import SweepPaths
from tests.cluster.machines import NODES, SHARED
from tests.cluster.onprem import OnPrem
from tests.cluster.sweeps import MORE_THAN_HALF
from tests.faults.oracle import check_ledger
from tests.faults.processes import busy

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(2400)]

NUM_TRIALS, TRIAL_SECONDS = 200, 6.0
NUM_EPOCHS, NUM_STEPS_AN_EPOCH = 3, 20  # of 4single at a window of 16
STEP_SECONDS = round(TRIAL_SECONDS / NUM_EPOCHS / NUM_STEPS_AN_EPOCH, 3)
ENOUGH = 0.8

SLEEPER = f'''"""A line that takes its time to learn."""

import time

from torch import Tensor, nn


class Model(nn.Module):
    """A linear map of each value; sleeps in every step of training."""

    is_align_target = True

    def __init__(self, *, step_seconds: float = {STEP_SECONDS}, num_channels: int = 1) -> None:
        super().__init__()
        self.step_seconds = step_seconds
        self.map = nn.Linear(num_channels, num_channels)

    def forward(self, values: Tensor) -> Tensor:
        """(B, T, C) to (B, T, C)."""
        if self.training:
            time.sleep(self.step_seconds)
        return self.map(values)
'''


def test_most_of_three_machines_time_is_training(cluster: OnPrem, capsys: pytest.CaptureFixture[str]) -> None:
    shared = cluster.machines.shared
    _write_sweep(shared)
    command = f"python -m raysweep {SHARED}/short.yaml --models-dir {SHARED}/sleeper --results-dir {SHARED}/results"
    began = time.time()
    said = cluster.on_head(command, seconds=1800)
    ended = time.time()
    assert f"{NUM_TRIALS}/{NUM_TRIALS} trials done" in said
    paths = SweepPaths(shared / "results", "short")
    check_ledger(paths, num_trials=NUM_TRIALS)
    with LedgerReader(paths.ledger) as ledger:
        spent = where_time_went(ledger.trials(), ledger.epochs(), began, ended)
    total = len(NODES) * (ended - began)
    with capsys.disabled():
        print(f"\n{NUM_TRIALS} trials on {len(NODES)} machines in {ended - began:.0f} s, load {busy():.1f}\n")
        print("| | share of the machines' time | seconds a trial |\n|---|---:|---:|")
        for what, seconds in spent.items():
            print(f"| {what} | {seconds / total:.1%} | {seconds / NUM_TRIALS:.3f} |")
    assert sum(spent.values()) == pytest.approx(total), "all of it is accounted for"
    assert min(spent.values()) >= 0, spent
    assert spent["training"] / total >= ENOUGH, spent


def where_time_went(trials: list[Row], epochs: list[Row], began: float, ended: float) -> dict[str, float]:
    """Seconds of all machines together, each of which has one trial at a time.

    Args:
        trials: The ledger's.
        epochs: Theirs.
        began: When the command was typed.
        ended: When it had said its last word.
    """
    epochs_of, on_node = defaultdict[str, list[Row]](list), defaultdict[str, list[Row]](list)
    for epoch in epochs:
        epochs_of[epoch["trial_id"]].append(epoch)
    for trial in sorted(trials, key=lambda row: row["started_at"]):
        on_node[trial["node"]].append(trial)
    assert on_node.keys() == set(NODES)
    last = max(trial["finished_at"] for trial in trials)
    spent: dict[str, float] = defaultdict(float)
    spent["training"] = sum(trial["train_seconds"] for trial in trials)
    for rows in on_node.values():
        spent["from the command to a machine's first trial"] += rows[0]["started_at"] - began
        spent["from one trial to the next"] += sum(
            after["started_at"] - before["finished_at"] for before, after in pairwise(rows)
        )
        spent["machines without a trial, while the last ones run"] += last - rows[-1]["finished_at"]
        spent["MLflow, tables and leaderboards, after the last trial"] += ended - last
    for trial in trials:
        own = epochs_of[trial["trial_id"]]
        first, end_of_training = own[0]["finished_at"] - own[0]["seconds"], own[-1]["finished_at"]
        inside = end_of_training - first - trial["train_seconds"]
        spent["a trial's start: series, model, checkpoint"] += first - trial["started_at"]
        spent["between its epochs: reports and checkpoints"] += inside
        spent["its end: checkpoint, scores and forecasts"] += trial["finished_at"] - end_of_training
    return dict(spent)


def _write_sweep(folder: Path) -> None:
    (folder / "sleeper").mkdir()
    (folder / "sleeper" / "sleeper.py").write_text(SLEEPER)
    content = {
        "name": "short",
        "seeds": list(range(NUM_TRIALS)),
        "resources_per_trial": dict(MORE_THAN_HALF),
        "param_space": {
            "model": "sleeper",
            "dataset": "4single",
            "train.time_steps": 16,
            "train.num_epochs": NUM_EPOCHS,
        },
    }
    (folder / "short.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
