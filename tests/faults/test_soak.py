"""The soak, for a minute; all of it at night."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.conftest import PROJECT


def soak(minutes: int) -> tuple[int, str]:
    """How many faults there were, and what was printed."""
    done = subprocess.run(
        [sys.executable, "benchmarks/soak.py", "--minutes", str(minutes), "--seed", "0"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "other than in a sweep that was left alone: 0." in done.stdout
    together = re.search(r"\| together \| (\d+) \|", done.stdout)
    assert together is not None
    return int(together[1]), done.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_minute() -> None:
    num_faults, _ = soak(1)
    assert num_faults >= 2


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_twenty_minutes() -> None:
    num_faults, shown = soak(20)
    assert num_faults >= 60
    assert len(re.findall(r"^\| (?!together|fault)[^|]+ \| [1-9]", shown, re.MULTILINE)) >= 6, "kinds of faults"
