from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.machines import NODES, Machines, why_impossible
from tests.cluster.onprem import OnPrem


@pytest.fixture(scope="session")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """Switched on for the test session. Skips where there can't be any, but not where CI says that there must."""
    reason = why_impossible()
    if reason is not None:
        if os.environ.get("REQUIRE_NETNS") == "1":
            pytest.fail(f"REQUIRE_NETNS=1, but a machine of the cluster tests {reason}")
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("machines")
    shared = folder / "shared"
    shared.mkdir()
    found = Machines(folder, shared)
    try:
        found.up()
        yield found
    finally:
        found.down()


@pytest.fixture(scope="session")
def cluster(machines: Machines) -> OnPrem:
    """Brought up by `ray up`, with all its nodes."""
    found = OnPrem(machines, Path(sys.prefix).resolve())
    found.write_files()
    found.up()
    found.wait_for_nodes(*NODES)
    return found
