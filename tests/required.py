"""Tests that need what not every machine has: skipped there with a reason, and failing in CI, which installs it."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def skip_unless_required(reason: str) -> NoReturn:
    """Skips a test that can't run here, but not where CI says that it must."""
    if os.environ.get("REQUIRE_NETNS") == "1":
        pytest.fail(f"REQUIRE_NETNS=1, but this can't be tested here: {reason}")
    pytest.skip(reason)
