"""Object stores on this machine alone, as no real bucket can be had: moto's S3, and an emulator of Google's."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.tracking.servers import find_free_port

START_SECONDS = 60
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The parameters behind the name of a bucket of S3; the bucket `sweeps` is there."""
    port = find_free_port()
    with (
        _running("moto.server", "--host", "127.0.0.1", "--port", str(port)) as process,
        pytest.MonkeyPatch.context() as patch,
    ):
        _ask(urllib.request.Request(f"http://127.0.0.1:{port}/sweeps", method="PUT"), process)
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield f"?endpoint_override=127.0.0.1:{port}&scheme=http&region=us-east-1"


@pytest.fixture(scope="module")
def google_bucket() -> Iterator[str]:
    """The parameters behind the name of a bucket of Google's, which `anonymous@` stands before."""
    port = find_free_port()
    words = ("start", "--host", "127.0.0.1", "--port", str(port), "--in-memory", "--default-bucket", "sweeps")
    with _running("gcp_storage_emulator", *words) as process:
        _ask(urllib.request.Request(f"http://127.0.0.1:{port}/storage/v1/b/sweeps"), process)
        yield f"?endpoint_override=127.0.0.1:{port}&scheme=http"


@contextmanager
def _running(module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _ask(request: urllib.request.Request, process: subprocess.Popen[bytes]) -> None:
    """Asks until there is an answer."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(request, timeout=5).close()
            return
        except urllib.error.URLError:
            assert process.poll() is None, "the server has ended"
            assert time.monotonic() < deadline, "the server doesn't answer"
            time.sleep(0.1)
