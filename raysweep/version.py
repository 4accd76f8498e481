"""Which raysweep this is, for the rows of a ledger."""

from __future__ import annotations

import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from raysweep.paths import PROJECT_ROOT


@cache
def code_version() -> str:
    """The release, and the commit where raysweep runs from a git checkout, such as `0.1.0+g1a2b3c4.dirty`."""
    try:
        release = version("raysweep")
    except PackageNotFoundError:
        release = "unknown"
    if not (PROJECT_ROOT / ".git").exists():
        return release
    describe = ["git", "-C", str(PROJECT_ROOT), "describe", "--always", "--dirty", "--abbrev=7", "--exclude=*"]
    try:
        commit = subprocess.run(describe, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return release  # no git here, or a checkout of another user: the release must do
    return f"{release}+g{commit.replace('-', '.')}"
