"""What docs/cluster.md says of a lab's machines, on three of them: in this order, on one cluster."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow.parquet
import pytest
import yaml

from tests.cluster.machines import NODES, SHARED
from tests.cluster.onprem import OnPrem
from tests.conftest import PROJECT, Project, make_project
from tests.faults.oracle import check_ledger, check_parquet
from tests.faults.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RESULTS = SHARED / "results"
# What must not depend on where a trial ran, when, or how long it took.
OF_THE_PLACE = {"node", "train_seconds", "started_at", "finished_at", "code_version"}


def write_sweep(folder: Path, name: str, *, num_seeds: int, num_epochs: int) -> Path:
    """A grid whose trials need more than half of a machine each, so that every machine has one at a time."""
    content = {
        "name": name,
        "seeds": list(range(num_seeds)),
        "resources_per_trial": {"cpu": (os.cpu_count() or 1) / 2 + 0.5},
        "param_space": {
            "model": {"grid_search": ["lstm", "att"]},
            "dataset": "4single",
            "train.time_steps": {"grid_search": [16, 32]},
            "train.num_epochs": num_epochs,
        },
    }
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return file


@pytest.fixture
def elsewhere(tmp_path: Path) -> Project:
    """A folder on this host, a single machine, with the series that ship."""
    project = make_project(tmp_path / "one machine")
    project.environment = {"RAY_AUTH_MODE": "disabled"}
    return project


def test_a_sweep_on_three_machines_has_the_rows_of_one(cluster: OnPrem, elsewhere: Project) -> None:
    write_sweep(cluster.machines.shared, "grid", num_seeds=3, num_epochs=2)
    alone = elsewhere.start(write_sweep(elsewhere.root, "grid", num_seeds=3, num_epochs=2), "--data-dir", PROJECT / "data")
    said = cluster.on_head(f"python -m raysweep {SHARED}/grid.yaml --results-dir {RESULTS}", seconds=240).stdout
    assert "12/12 trials done" in said
    heard = alone.communicate(timeout=240)[0]
    assert alone.returncode == 0, heard
    here = Project(cluster.machines.shared).paths("grid")
    check_ledger(here, num_trials=12)
    check_parquet(here)
    ours, theirs = (pyarrow.parquet.read_table(paths.trials).to_pylist() for paths in (here, elsewhere.paths("grid")))
    assert {row["node"] for row in ours} == set(NODES)
    assert by_trial(ours) == by_trial(theirs)


def by_trial(rows: list[dict[str, object]]) -> dict[object, str]:
    """Rows by trial id, as text, because NaN isn't equal to itself."""
    return {row["trial_id"]: repr({key: row[key] for key in sorted(row.keys() - OF_THE_PLACE)}) for row in rows}


def test_down_leaves_nothing(cluster: OnPrem) -> None:
    cluster.down()
    for name in NODES:
        wait_for(lambda name=name: not cluster.machines.processes(name), seconds=90, name=f"quiet on {name}")
