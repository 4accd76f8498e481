"""`clusters/setup_node.sh` in a home folder of its own; a Python that only notes what it is asked for."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import PROJECT

# As `python3.11` it makes a `.venv`; as that one's Python it has pip, where the making came to its end.
PYTHON = """#!/bin/sh
echo "$0 $*" >> "$HOME/asked"
case "$*" in
    "-m venv --clear .venv") rm -rf .venv; mkdir -p .venv/bin; touch .venv/has_pip; cp "$0" .venv/bin/python ;;
    "-m pip --version") [ -e .venv/has_pip ] ;;
esac
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for folder in (".ray", "raysweep", "bin"):
        (tmp_path / folder).mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("token")
    python = tmp_path / "bin" / "python3.11"
    python.write_text(PYTHON)
    python.chmod(0o755)
    return tmp_path


def _set_up(home: Path) -> list[str]:
    """Runs it; returns what Python was asked for."""
    (home / "asked").unlink(missing_ok=True)
    environment = {"HOME": str(home), "PATH": f"{home / 'bin'}:{os.environ['PATH']}"}
    subprocess.run(["bash", PROJECT / "clusters" / "setup_node.sh"], env=environment, cwd=home, check=True)
    asked = home / "asked"
    return asked.read_text().splitlines() if asked.is_file() else []


def _made(asked: list[str]) -> int:
    return sum(" -m venv " in line for line in asked)


def test_an_environment_is_made_once(home: Path) -> None:
    asked = _set_up(home)
    assert _made(asked) == 1
    assert " -m pip install " in asked[-1]
    assert _made(_set_up(home)) == 0


def test_one_that_was_left_half_made_is_made_anew(home: Path) -> None:
    _set_up(home)
    (home / "raysweep" / ".venv" / "has_pip").unlink()
    asked = _set_up(home)
    assert _made(asked) == 1
    assert " -m pip install " in asked[-1]


def test_a_link_is_left_alone(home: Path) -> None:
    (home / "mine").mkdir()
    (home / "raysweep" / ".venv").symlink_to(home / "mine")
    assert _set_up(home) == []
