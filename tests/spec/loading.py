"""Loads sweeps from texts, as most tests of the loader need it."""

from __future__ import annotations

from pathlib import Path

import pytest

from raysweep.errors import SweepFileError
from raysweep.spec.loader import load_sweep
from raysweep.spec.sweep import Sweep
from tests.spec.catalog_double import CatalogDouble

FILE = Path("x.yaml")


def load(content: str | bytes, *overrides: str) -> Sweep:
    """Loads a text as `x.yaml` in the current folder."""
    FILE.write_bytes(content.encode() if isinstance(content, str) else content)
    return load_sweep(FILE, overrides=overrides, catalog=CatalogDouble())


def messages(content: str | bytes, *overrides: str) -> list[str]:
    """What is said about a text that must be refused."""
    with pytest.raises(SweepFileError) as caught:
        load(content, *overrides)
    return [str(problem) for problem in caught.value.problems]
