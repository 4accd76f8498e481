"""The file that `ray up` takes, as far as raysweep needs it. Ray itself judges the rest.

Must not know: how a machine is reached.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from raysweep.clusters.head import Head
from raysweep.errors import ClusterError, InputError, Problem

_HEAD_SECONDS = 60


def head_of(file: Path) -> Head:
    """The head of the cluster that a file describes.

    Raises:
        InputError: If the file isn't one.
        ClusterError: If no head runs.
    """
    settings = read_cluster_file(file)
    auth = _mapping(settings.get("auth"))
    key = auth.get("ssh_private_key")
    return Head(
        address=_address(file, _mapping(settings.get("provider"))),
        user=str(auth.get("ssh_user") or ""),
        key=None if key is None else Path(str(key)).expanduser(),
    )


def read_cluster_file(file: Path) -> Mapping[str, Any]:
    """What stands in it. Raises `InputError` if it can't be read, or is no cluster file."""
    try:
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).replace("\n", " ")
        raise _no_cluster_file(file, f"can't be read ({reason})") from error
    if not isinstance(settings, dict) or not isinstance(settings.get("provider"), dict):
        raise _no_cluster_file(file, "has no `provider`")
    return settings


def _address(file: Path, provider: Mapping[str, Any]) -> str:
    if provider.get("head_ip"):  # of the local provider: known without asking
        return str(provider["head_ip"])
    command = [str(Path(sys.executable).with_name("ray")), "get-head-ip", str(file)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_HEAD_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ClusterError(f"{file}: where the head is can't be found out ({error})") from error
    lines = done.stdout.split()
    if done.returncode != 0 or not lines:
        raise ClusterError(f"{file}: no head runs; ray up {file} starts the cluster")
    return lines[-1]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _no_cluster_file(file: Path, found: str) -> InputError:
    valid = "a file that `ray up` takes, such as cluster.yaml or clusters/onprem.yaml"
    return InputError([Problem(where=str(file), found=found, valid=valid)])
