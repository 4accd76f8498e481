from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has a folder of its own, where its `x.yaml` lies."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
