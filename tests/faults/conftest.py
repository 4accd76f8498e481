from __future__ import annotations

from pathlib import Path

import pytest

from tests.tracking.servers import database, let_mlflow_warn, mlflow_server

# Fixtures of this folder's tests.
__all__ = ["database", "mlflow_server"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    let_mlflow_warn(items, Path(__file__).parent)
