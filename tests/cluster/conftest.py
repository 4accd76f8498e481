from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.machines import NODES, Machines, why_impossible
from tests.cluster.onprem import OnPrem
from tests.required import skip_unless_required


def skip_without_machines() -> None:
    """Skips where there can't be any."""
    reason = why_impossible()
    if reason is not None:
        skip_unless_required(reason)


@pytest.fixture(scope="session")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """Switched on for the test session."""
    skip_without_machines()
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
def launcher(machines: Machines) -> OnPrem:
    """All that `ray up` needs is there."""
    found = OnPrem(machines, Path(sys.prefix).resolve())
    found.write_files()
    return found


@pytest.fixture
def cluster(launcher: OnPrem) -> OnPrem:
    """Up, with all its nodes: the same one for all tests, and a new one only after one that took it down."""
    if not launcher.is_up:
        launcher.up()
    launcher.wait_for_nodes(*NODES)
    return launcher
