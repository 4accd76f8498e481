"""What tests of several folders share: a small project to run sweeps in, and one Ray for all of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import yaml

from raysweep.paths import SweepPaths

PROJECT = Path(__file__).resolve().parent.parent
TIMEOUT_SECONDS = 240

# Tests that start no Ray and no machine, by folder or file; those of them that are `slow` may look at a clock.
COMPUTING = {
    *("analysis", "forecasting", "ledger", "models", "planning", "spec"),
    *("test_cli.py", "test_layers.py", "test_readme.py", "test_storage.py", "test_terminal.py"),
}

DATASETS = """
wave:
  file: wave.csv
  time_column: hours
  value_columns: [level]
  unit: ppm
short:
  file: short.csv
  time_column: hours
  value_columns: [level]
  unit: ppm
pair:
  file: pair.csv
  time_column: hours
  value_columns: [level, other]
  unit: ppm
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what can share the machine: `make test` runs these side by side, and then all others one by one."""
    for item in items:
        folder = item.path.relative_to(PROJECT / "tests").parts[0]
        if folder in COMPUTING and not any(item.iter_markers("slow")) and not any(item.iter_markers("nightly")):
            item.add_marker(pytest.mark.computing)


@dataclass
class Project:
    """A folder as a user has it, with small series and a copy of the models.

    Attributes:
        root: Its folder; the name has a space.
        environment: For the commands that run in it.
    """

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    def write_sweep(self, name: str, **content: object) -> Path:
        """Writes a sweep file; `name` is also the sweep's name unless given."""
        file = self.root / f"{name}.yaml"
        file.write_text(yaml.safe_dump({"name": name, **content}, sort_keys=False))
        return file

    def command(self, arguments: Sequence[str | Path]) -> list[str]:
        """What to run for `raysweep ARGUMENTS`."""
        return [sys.executable, "-m", "raysweep", *map(str, arguments)]

    def run(self, *arguments: str | Path, expect: int = 0) -> subprocess.CompletedProcess[str]:
        """Runs `raysweep ARGUMENTS` here and checks its exit code."""
        done = subprocess.run(
            self.command(arguments),
            cwd=self.root,
            env=self.full_environment(),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )
        assert done.returncode == expect, f"exit {done.returncode}, not {expect}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Starts `raysweep ARGUMENTS` here and leaves it running; both its outputs come as one."""
        return subprocess.Popen(
            self.command(arguments),
            cwd=self.root,
            env=self.full_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def full_environment(self) -> dict[str, str]:
        """This process's environment, with what the project needs."""
        return {**os.environ, "PYTHONPATH": str(PROJECT), **self.environment}

    def paths(self, sweep: str) -> SweepPaths:
        """The files of a sweep."""
        return SweepPaths(self.root / "results", sweep)


def make_project(root: Path) -> Project:
    """A fresh project."""
    (root / "data").mkdir(parents=True)
    shutil.copytree(PROJECT / "models", root / "models", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "data" / "datasets.yaml").write_text(DATASETS)
    generator = np.random.default_rng(0)
    for name, num_points, header in (("wave", 300, "level"), ("short", 60, "level"), ("pair", 300, "level,other")):
        num_channels = header.count(",") + 1
        phase = np.arange(num_points)[:, None] / 20 + np.arange(num_channels)
        values = 50 + 10 * np.sin(phase) + generator.normal(0, 1, (num_points, num_channels))
        rows = [f"{index / 30},{','.join(map(repr, row.tolist()))}" for index, row in enumerate(values)]
        (root / "data" / f"{name}.csv").write_text("\n".join([f"hours,{header}", *rows]) + "\n")
    return Project(root)


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables, which take it seconds to make."""
    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    code = "import sys; from raysweep.tracking.server import TrackingServer; TrackingServer(sys.argv[1], 'x').open()"
    subprocess.run([sys.executable, "-c", code, f"sqlite:///{file}"], cwd=PROJECT, check=True, capture_output=True)
    return file


@pytest.fixture
def fresh_project(tmp_path: Path) -> Project:
    """A project in which nothing has ever been run."""
    return make_project(tmp_path / "a project")


@pytest.fixture
def project(fresh_project: Project, migrated_database: Path) -> Project:
    """A project whose sweeps start a Ray of their own."""
    shutil.copy(migrated_database, fresh_project.root / "mlflow.db")
    return fresh_project


@pytest.fixture(scope="session")
def ray_address() -> Iterator[str]:
    """A Ray of two CPUs that runs for the whole test session."""
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    yield cluster.address
    cluster.shutdown()


@pytest.fixture
def fast_project(project: Project, ray_address: str) -> Project:
    """A project whose sweeps join the session's Ray: a few seconds less a command."""
    project.environment = {"RAY_ADDRESS": ray_address, "RAY_AUTH_MODE": "disabled"}
    return project
