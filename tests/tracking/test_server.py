"""A server that answers wrongly, or not at all, is one clear error, and no secret is told."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from raysweep.paths import SweepPaths
from raysweep.tracking.errors import TrackingError
from raysweep.tracking.server import _create_database
from raysweep.tracking.sync import sync_ledger
from tests.tracking.ledgers import finished_sweep

HANG, CUT = -1, -2


class BadServer(ThreadingHTTPServer):
    """Answers every request with one status, hangs, or cuts the connection."""

    daemon_threads = True
    status = 200


class BadAnswer(BaseHTTPRequestHandler):
    server: BadServer

    def do_GET(self) -> None:
        if self.server.status == HANG:
            time.sleep(3)
        if self.server.status in (HANG, CUT):
            return
        body = b"<html>no JSON"
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def bad_server() -> Iterator[BadServer]:
    with BadServer(("127.0.0.1", 0), BadAnswer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (200, "the response body was not in a valid JSON format"),
        (401, "failed with error code 401"),
        (404, "failed with error code 404"),
        (429, "too many 429 error responses"),
        (500, "too many 500 error responses"),
        (503, "too many 503 error responses"),
        (CUT, "Remote end closed connection without response"),
        (HANG, "timed out"),
    ],
)
def test_a_bad_answer(
    paths: SweepPaths, bad_server: BadServer, status: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    bad_server.status = status
    finished_sweep(paths, 1)
    address = f"127.0.0.1:{bad_server.server_port}"
    with pytest.raises(TrackingError) as caught:
        sync_ledger(paths, f"http://someone:s3cret@{address}")
    message = str(caught.value)
    assert message.startswith(f"MLflow at http://***@{address}: ")
    assert reason in message
    assert "\n" not in message
    assert "s3cret" not in message


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("nonsense://host", "got unsupported URI"),
        ("sqlite:////proc/no/mlflow.db", "No such file or directory"),
        ("http://127.0.0.1:1", "Connection refused"),
    ],
)
def test_a_bad_address(paths: SweepPaths, uri: str, reason: str) -> None:
    finished_sweep(paths, 1)
    with pytest.raises(TrackingError, match=f"^MLflow at {uri}: .*{reason}"):
        sync_ledger(paths, uri)


@pytest.mark.nightly  # MLflow takes seconds to make its tables
def test_without_hard_links_a_database_is_made_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    file = tmp_path / "mlflow.db"
    _create_database(file, f"sqlite:///{file}")
    assert file.stat().st_size > 0
    assert [found.name for found in tmp_path.iterdir()] == ["mlflow.db"]
