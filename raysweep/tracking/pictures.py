"""The pictures of a report, brought to the runs that they show. Must not know MLflow, nor what is on a picture."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from raysweep.paths import SweepPaths
from raysweep.plain_files import read_whole
from raysweep.tracking.errors import TrackingError
from raysweep.tracking.runs import SWEEP, KnownRun
from raysweep.tracking.server import TrackingServer

# Digest of the pictures that a run has. Not below `raysweep.`, where the projection takes away what it doesn't know.
PICTURES_TAG = "raysweep_pictures"
_MAX_BYTES = 20 * 10**6  # of a picture; the largest have a few


def upload_pictures(paths: SweepPaths, server: TrackingServer, runs: Mapping[str, KnownRun]) -> int:
    """Brings over what `raysweep report` has written and MLflow doesn't have yet; returns how many pictures that is.

    Args:
        paths: Of the sweep.
        server: Opened.
        runs: The trials' runs by their ids, and the sweep's own under `SWEEP`.

    Raises:
        TrackingError: If MLflow can't be reached or refuses, or a picture can't be read.
    """
    wanted = {SWEEP: {file.name: file for file in sorted(paths.figures.glob("*.svg"))}}
    wanted |= {file.stem: {"forecasts.svg": file} for file in sorted((paths.figures / "trials").glob("*.svg"))}
    num_uploaded = 0
    for key, files in wanted.items():
        run = runs.get(key)
        if run is None or run.is_deleted or not files:
            continue
        contents = {name: _read(file) for name, file in files.items()}
        digest = _digest(contents)
        if run.tags.get(PICTURES_TAG) != digest:
            server.put_pictures(run, contents, tags={PICTURES_TAG: digest})
            num_uploaded += len(contents)
    return num_uploaded


def _read(file: Path) -> str:
    try:
        return read_whole(file, _MAX_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise TrackingError(f"{file}: can't be read ({error}); raysweep report writes it anew") from error


def _digest(contents: Mapping[str, str]) -> str:
    text = "\0".join(f"{name}\0{content}" for name, content in contents.items())
    return hashlib.sha256(text.encode()).hexdigest()[:16]
