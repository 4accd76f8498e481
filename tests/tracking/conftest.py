from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from raysweep.paths import SweepPaths

# MLflow 3.17 uses a loader strategy that SQLAlchemy 2.1 deprecates; nothing of ours can change that.
MLFLOW_WARNINGS = ["ignore:The ``noload`` loader strategy is deprecated:DeprecationWarning"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for warning in MLFLOW_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables, which take it seconds to make."""
    from raysweep.tracking.server import TrackingServer

    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    TrackingServer(f"sqlite:///{file}", "unused").open()
    return file


@pytest.fixture
def database(migrated_database: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(migrated_database, tmp_path / "mlflow.db"))


@pytest.fixture
def uri(database: Path) -> str:
    return f"sqlite:///{database}"


@pytest.fixture
def paths(tmp_path: Path) -> SweepPaths:
    return SweepPaths(tmp_path / "results with spaces", "4single_timesteps")


@pytest.fixture
def rows(database: Path) -> Iterator[Rows]:
    connection = sqlite3.connect(database)
    yield Rows(connection)
    connection.close()


class Rows:
    """MLflow's database as it is, past MLflow."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def count(self) -> dict[str, int]:
        """How many rows there are of all that a projection writes."""
        tables = ("experiments", "runs", "metrics", "latest_metrics", "params", "tags")
        return {table: self.query(f"SELECT count(*) FROM {table}")[0][0] for table in tables}

    def query(self, text: str, *values: object) -> list[tuple]:
        return self._connection.execute(text, values).fetchall()
