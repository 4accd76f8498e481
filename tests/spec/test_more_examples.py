"""The property tests of sweep files and series once more, with many times the examples, and new ones each time."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from raysweep.paths import PROJECT_ROOT

FILES = ["tests/spec/test_hostile.py", "tests/forecasting/test_series_properties.py"]
TIMES = 50
MAX_SECONDS = 1_500


@pytest.mark.nightly
@pytest.mark.timeout(MAX_SECONDS + 60)
@pytest.mark.parametrize("file", FILES)
def test_many_more_examples(file: str) -> None:
    names = "any or every or equal or damaged"
    command = [sys.executable, "-m", "pytest", file, "-q", "-k", names, "--timeout", "1200"]
    environment = {**os.environ, "RAYSWEEP_EXAMPLES": str(TIMES)}
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, timeout=MAX_SECONDS
    )
    assert done.returncode == 0, done.stdout[-20_000:]
