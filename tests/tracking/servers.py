"""MLflow's databases and servers, as fixtures and as a class: real ones, on this machine alone."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# MLflow 3.17 uses a loader strategy that SQLAlchemy 2.1 deprecates; nothing of ours can change that.
MLFLOW_WARNINGS = ["ignore:The ``noload`` loader strategy is deprecated:DeprecationWarning"]


def let_mlflow_warn(items: list[pytest.Item], folder: Path) -> None:
    """For `pytest_collection_modifyitems` of a folder whose tests load MLflow."""
    for item in items:
        if folder in item.path.parents:
            for warning in MLFLOW_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


def find_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class MlflowServer:
    """A real MLflow server on an SQLite file, which can be killed and started again at the same address.

    Args:
        database: The file, with MLflow's tables in it.
        port: Of this machine.
    """

    def __init__(self, database: Path, port: int) -> None:
        self.database = database
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it; it takes seconds until it answers."""
        folder = self.database.parent
        command = [
            *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
            *("--host", "127.0.0.1", "--port", str(self.port)),
            *("--backend-store-uri", f"sqlite:///{self.database}"),
            *("--artifacts-destination", str(folder / "artifacts")),
        ]
        environment = {
            **os.environ,
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seconds and a gigabyte less
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        with (folder / f"server-{self.port}.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=environment)

    def kill(self) -> None:
        """As SIGKILL does: the server and its workers, in the middle of whatever they do."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def is_up(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.settimeout(5)
                connection.sendall(b"GET /health HTTP/1.0\r\n\r\n")
                return b" 200 " in connection.recv(100)
        except OSError:
            return False


@pytest.fixture
def database(migrated_database: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(migrated_database, tmp_path / "mlflow.db"))


@pytest.fixture
def mlflow_server(database: Path) -> Iterator[MlflowServer]:
    """Not started yet."""
    server = MlflowServer(database, find_free_port())
    yield server
    server.kill()
