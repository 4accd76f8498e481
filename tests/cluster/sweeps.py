"""Sweeps for a cluster: a grid whose trials need more than half of a machine, and what is compared of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet
import yaml

from raysweep.paths import SweepPaths

# Every machine has one trial at a time, as it takes its CPUs from this host.
MORE_THAN_HALF: Mapping[str, float] = {"cpu": (os.cpu_count() or 1) / 2 + 0.5}
# What may depend on where and when a trial ran, and in which sweep. All else must not, to the last bit.
OF_THE_PLACE = {"sweep", "node", "seconds", "train_seconds", "started_at", "finished_at", "code_version"}


def write_sweep(
    folder: Path, name: str, *, num_seeds: int, num_epochs: int, resources: Mapping[str, float] = MORE_THAN_HALF
) -> Path:
    """Four trials a seed."""
    content = {
        "name": name,
        "seeds": list(range(num_seeds)),
        "resources_per_trial": dict(resources),
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


def rows_by_trial(paths: SweepPaths) -> dict[object, str]:
    """The rows of trials.parquet by trial id; as text, because NaN isn't equal to itself."""
    rows = pyarrow.parquet.read_table(paths.trials).to_pylist()
    return {row["trial_id"]: repr({key: row[key] for key in sorted(row.keys() - OF_THE_PLACE)}) for row in rows}


def losses_and_scores(paths: SweepPaths) -> dict[str, list[str]]:
    """Every epoch, score and forecast, as text, in an order of their own; without what depends on the place."""
    tables = {"epochs": paths.epochs, "evaluations": paths.evaluations}
    tables |= {file.name: file for file in paths.predictions.glob("*.parquet")}
    return {
        name: sorted(
            repr({key: row[key] for key in sorted(row.keys() - OF_THE_PLACE)})
            for row in pyarrow.parquet.read_table(file).to_pylist()
        )
        for name, file in tables.items()
    }


def nodes_of(paths: SweepPaths) -> set[str]:
    """The machines on which trials have run."""
    return set(pyarrow.parquet.read_table(paths.trials)["node"].to_pylist())
