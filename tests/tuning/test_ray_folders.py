"""What killed commands leave in the folder for temporary files goes with the next one; nothing else does."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from raysweep.tuning.ray_folders import _machine, clear_temporary, temporary_prefix


def test_only_what_dead_commands_of_this_machine_left_is_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead = subprocess.Popen(["true"])
    dead.wait()
    mine = Path(tempfile.mkdtemp(prefix=temporary_prefix("ray")))
    left = [tmp_path / f"raysweep-{kind}-{_machine()}-{dead.pid}-abcd_123" for kind in ("ray", "tune")]
    for folder in left:
        folder.mkdir()
        (folder / "token").touch()
    others = [
        tmp_path / f"raysweep-ray-{_machine()}-1-abcd1234",  # a process that is alive, and another's
        tmp_path / f"raysweep-ray-00000000-{dead.pid}-abcd1234",  # of another machine that shares the folder
        tmp_path / f"raysweep-ray-{_machine()}-{dead.pid}",
        tmp_path / "raysweep-test-1",
    ]
    for folder in others:
        folder.mkdir()
    link = tmp_path / f"raysweep-tune-{_machine()}-{dead.pid}-link0000"
    link.symlink_to(others[0])
    clear_temporary()
    assert not any(folder.exists() for folder in left)
    assert all(folder.exists() for folder in (mine, link, *others))


@pytest.mark.skipif(os.getuid() != 0, reason="needs a file of another user")
def test_what_another_user_left_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead = subprocess.Popen(["true"])
    dead.wait()
    theirs = tmp_path / f"raysweep-ray-{_machine()}-{dead.pid}-abcd1234"
    theirs.mkdir()
    os.chown(theirs, 65534, 65534)
    clear_temporary()
    assert theirs.exists()
