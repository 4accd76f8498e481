"""What travels to the nodes of a cluster, so that the code which runs there is the driver's.

Models and series travel with the trials' inputs, through the object store; this is about raysweep itself and its
environment. A node needs the pinned packages, and no checkout: one that it has is not looked at.
"""

from __future__ import annotations

import json
import os
import platform
import socket
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import raysweep

_NUMERIC_PACKAGES = ("torch", "numpy")  # another version of them may give other numbers
_JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # where Ray keeps what `ray job submit` was told


def runtime_env(folder: Path, worker_environment: Mapping[str, str]) -> dict[str, Any]:
    """The `runtime_env` of a driver that joins a cluster.

    Args:
        folder: A private one, in which to prepare it.
        worker_environment: Variables that workers need when they start; the driver's own values go before these.
    """
    job = _of_submitted_job()
    taken = job.get("env_vars", {})  # Ray refuses what is said twice
    wanted: dict[str, Any] = {
        "py_modules": [str(Path(raysweep.__file__).parent)],
        "excludes": ["__pycache__", "*.pyc"],
        "env_vars": {
            name: os.environ.get(name, value) for name, value in worker_environment.items() if name not in taken
        },
    }
    if "working_dir" not in job:
        # Without one Ray tells workers to import first of all from the driver's current folder, if they have a folder
        # of that name, with whatever raysweep lies there.
        wanted["working_dir"] = str(_working_folder(folder))
    return wanted


def numeric_versions() -> dict[str, str]:
    """What a trial's numbers rest on, as this process would import it, by name."""
    return {"Python": platform.python_version(), **{name: _version(name) for name in _NUMERIC_PACKAGES}}


def why_unfit(wanted: Mapping[str, str]) -> str | None:
    """Why this worker's machine can't take part, if it has other versions than the driver; it may have joined late."""
    here = numeric_versions()
    others = [f"{name} {here[name]} and not {there}" for name, there in wanted.items() if here[name] != there]
    if not others:
        return None
    return (
        f"{socket.gethostname()} has joined with {', '.join(others)} as on the driver's machine; "
        f"install the versions of constraints.txt there, or keep it out"
    )


def _version(package: str) -> str:
    """Without what follows the plus, which says for which GPU it was built: nodes may differ in that."""
    try:
        return version(package).partition("+")[0]
    except PackageNotFoundError:
        return "missing"


def _of_submitted_job() -> Mapping[str, Any]:
    """What the job that this driver runs in has already; nothing outside of a job."""
    config = json.loads(os.environ.get(_JOB_CONFIG, "{}"))
    found = config.get("runtime_env") or {}
    assert isinstance(found, dict), "Ray writes a mapping"
    return found


def _working_folder(folder: Path) -> Path:
    """Nothing of use; Ray packs no empty folder."""
    working = folder / "working_dir"
    working.mkdir()
    (working / "README").write_text("Trials of raysweep run here, and need nothing from here.\n")
    return working
