"""A sweep command that is to run on a cluster: checked here, run there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from raysweep.clusters.head import head_of
from raysweep.clusters.parcel import Parcel
from raysweep.clusters.submission import Submission, pull
from raysweep.errors import InputError, Problem
from raysweep.paths import SweepPaths, default_folder
from raysweep.prepare import Workspace, prepare
from raysweep.tracking.address import redact


@dataclass(frozen=True, kw_only=True)
class RemoteSweep:
    """What is to be submitted, where its results come home to, and what to know beforehand, a line each."""

    submission: Submission
    paths: SweepPaths
    notes: Sequence[str] = ()


def remote_sweep(
    file: Path, overrides: Sequence[str], workspace: Workspace, cluster: Path, *, num_jobs: int | None, is_verbose: bool
) -> RemoteSweep:
    """Checks a sweep file with the models and series of this machine, and finds the cluster.

    Raises:
        InputError: With all that is wrong.
        ClusterError: If no head runs.
    """
    prepared = prepare(file, overrides, workspace)
    options = [] if num_jobs is None else ["--jobs", str(num_jobs)]
    if is_verbose:
        options.append("--verbose")
    own = default_folder("data")
    parcel = Parcel(
        sweep_file=file.resolve(),
        models_dir=workspace.models_dir.resolve(),
        data_dirs=(own.resolve(),) if workspace.data_dir is None else (workspace.data_dir.resolve(), own.resolve()),
    )
    tracking_uri, notes = _for_the_head(workspace.tracking_uri)
    submission = Submission(
        head=head_of(cluster),
        name=prepared.sweep.name,
        parcel=parcel,
        overrides=tuple(overrides),
        options=options,
        tracking_uri=tracking_uri,
    )
    return RemoteSweep(submission=submission, paths=prepared.paths, notes=notes)


def _for_the_head(tracking_uri: str) -> tuple[str | None, list[str]]:
    """The MLflow that the head is to be told of, if any, and what to say of it."""
    address = urlsplit(tracking_uri)
    if address.scheme not in ("http", "https"):  # a file of this machine means nothing there
        return None, []
    if address.hostname == "localhost" or (address.hostname or "").startswith("127.") or address.hostname == "::1":
        where = redact(tracking_uri, tracking_uri)
        return None, [f"MLflow at {where} is this machine's, which the cluster can't reach: the head's own is used"]
    return tracking_uri, []


def bring_home(sweep: str, results_dir: Path, cluster: Path) -> SweepPaths:
    """Takes a sweep's results from a cluster as they are now; returns where they are.

    Args:
        sweep: Its name, or the sweep file, whose name stands for it.
        results_dir: Folder of all results here.
        cluster: The file that `ray up` took.

    Raises:
        InputError: If that is no name of a sweep, or no cluster file.
        ClusterError: If the cluster can't be reached, or what is here already would be lost.
        LockedError: If the sweep runs here, too.
        StorageError: If nothing can be written here.
    """
    name = Path(sweep).stem if sweep.endswith((".yaml", ".yml")) else sweep
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        valid = "the name of a sweep: letters, digits, - and _"
        raise InputError([Problem(where="command line", key="SWEEP", found=repr(sweep), valid=valid)])
    paths = SweepPaths(results_dir, name)
    pull(head_of(cluster), paths)
    return paths
