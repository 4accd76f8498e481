"""The arguments and options that several commands have in common, as typer takes them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class ShownTables(StrEnum):
    """The tables that `compare` can show, as people type them."""

    leaderboards = "leaderboards"
    windows = "windows"
    mattered = "mattered"
    transfer = "transfer"
    all = "all"


SweepFile = Annotated[Path, typer.Argument(metavar="SWEEP.yaml", help="The sweep file.", show_default=False)]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY=V1,V2]...", help="Change keys of the file.", show_default=False)
]
Sweeps = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SWEEP]...", help="Names, sweep files or result folders; all if none.", show_default=False),
]
Shown = Annotated[
    list[ShownTables] | None,
    typer.Option("--show", help="Which tables; may be given again.", show_default="leaderboards"),
]
ResultsDir = Annotated[Path, typer.Option(envvar="RAYSWEEP_RESULTS_DIR", help="Folder of all results.")]
DataDir = Annotated[
    Path | None, typer.Option(help="Take series from here before the project's own.", show_default=False)
]
ModelsDir = Annotated[Path | None, typer.Option(help="Folder of the models.", show_default="models")]
TrackingUri = Annotated[str, typer.Option(envvar="MLFLOW_TRACKING_URI", help="Where MLflow keeps its runs.")]
StoragePath = Annotated[
    str | None,
    typer.Option(
        help="Shared folder, s3:// or gs://, for checkpoints and forecasts.",
        show_default="the sweep file's, or the results",
    ),
]
Jobs = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, help="CPUs to use, of all machines together.", show_default="all")
]
ClusterFile = Annotated[
    Path | None,
    typer.Option(
        "--cluster", help="The file that ray up took: run there, and bring the results home.", show_default="here"
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Tracebacks, and what Ray has to say.")]
