"""A sweep command that is to run on a cluster: checked here, run there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from raysweep.clusters.head import head_of
from raysweep.clusters.parcel import Parcel
from raysweep.clusters.submission import Submission
from raysweep.paths import SweepPaths, default_folder
from raysweep.prepare import Workspace, prepare


@dataclass(frozen=True, kw_only=True)
class RemoteSweep:
    """What is to be submitted, and where its results come home to."""

    submission: Submission
    paths: SweepPaths


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
    own = default_folder("data")
    parcel = Parcel(
        sweep_file=file.resolve(),
        models_dir=workspace.models_dir.resolve(),
        data_dirs=(own.resolve(),) if workspace.data_dir is None else (workspace.data_dir.resolve(), own.resolve()),
    )
    submission = Submission(
        head=head_of(cluster),
        name=prepared.sweep.name,
        parcel=parcel,
        overrides=tuple(overrides),
        options=(*options, "--verbose") if is_verbose else options,
    )
    return RemoteSweep(submission=submission, paths=prepared.paths)
