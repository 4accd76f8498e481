from __future__ import annotations

from pathlib import Path

import pytest

from raysweep.paths import SweepPaths
from tests.analysis.ledgers import sweep_paths


@pytest.fixture
def paths(tmp_path: Path) -> SweepPaths:
    return sweep_paths(tmp_path)
