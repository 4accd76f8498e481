from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from raysweep.paths import SweepPaths
from tests.tracking.servers import database, let_mlflow_warn, mlflow_server

# Fixtures of this folder's tests.
__all__ = ["database", "mlflow_server"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    let_mlflow_warn(items, Path(__file__).parent)


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
