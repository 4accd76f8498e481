"""The soak."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.conftest import PROJECT


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_twenty_minutes() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/soak.py", "--minutes", "20", "--seed", "0"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "other than in a sweep that was left alone: 0." in done.stdout
    together = re.search(r"\| together \| (\d+) \|", done.stdout)
    assert together is not None and int(together[1]) >= 60
    assert len(re.findall(r"^\| (?!together|fault)[^|]+ \| [1-9]", done.stdout, re.MULTILINE)) >= 6, "kinds of faults"
