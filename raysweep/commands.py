"""What the commands do that start no trial: they read ledgers, models and series.

`analysis` is imported where it is used: pandas takes as long to load as everything else together, and `plan` and
`status` need none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from raysweep.errors import InputError, Problem, RaysweepError
from raysweep.forecasting.catalog import FolderCatalog
from raysweep.forecasting.series import Series, read_series
from raysweep.ledger.check import has_ledger
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.rows import ENDED
from raysweep.paths import SweepPaths
from raysweep.prepare import PreparedSweep
from raysweep.storage import STORAGE_VARIABLE, followed
from raysweep.tracking.address import redact
from raysweep.tracking.processes import is_driver_alive
from raysweep.tracking.sync import sync_ledger

if TYPE_CHECKING:
    from raysweep.analysis.overview import Overview
    from raysweep.analysis.report.helpers import Helpers
    from raysweep.analysis.result_table import ResultTable

TableRows = list[tuple[str, ...]]


def find_sweeps(names: Sequence[str], results_dir: Path, *, is_ledger_needed: bool = True) -> list[SweepPaths]:
    """The sweeps that people name: by name, by sweep file, or by result folder; all of them if no name is given.

    Args:
        names: As typed.
        results_dir: Where sweeps are looked for by name.
        is_ledger_needed: Whether a folder with Parquet tables alone, somebody's copy, won't do.

    Raises:
        InputError: If there is no sweep where one is named, or none at all.
    """

    def is_there(paths: SweepPaths) -> bool:
        return paths.ledger.is_file() or (not is_ledger_needed and paths.trials.is_file())

    if not names:
        folders = sorted(folder.name for folder in results_dir.glob("*/"))
        found = [paths for paths in (SweepPaths(results_dir, name) for name in folders) if is_there(paths)]
        if not found:
            raise _no_sweep(str(results_dir), "no sweep has been run here")
        return found
    sweeps: list[SweepPaths] = []
    problems: list[Problem] = []
    for name in names:
        path = Path(name)
        by_folder = SweepPaths(path.parent, path.name)
        by_name = SweepPaths(results_dir, path.stem if path.suffix in (".yaml", ".yml") else name)
        paths = by_folder if is_there(by_folder) else by_name
        if is_there(paths) and paths.root.resolve().parent == paths.results_dir.resolve():
            sweeps.append(paths)
        else:
            problems += _no_sweep(str(paths.ledger), f"no sweep {name!r}").problems
    if problems:
        raise InputError(problems)
    return sweeps


def export_sweep(paths: SweepPaths, catalog: FolderCatalog | None = None) -> list[ResultTable]:
    """Writes Parquet tables, `leaderboard.md` and `leaderboard.tex`; returns the leaderboards."""
    from raysweep.analysis.compare import write_leaderboard
    from raysweep.analysis.export import export_tables

    export_tables(paths)
    return write_leaderboard(paths, units=_units(catalog), check=False)  # export_tables has just done so


def compare_sweeps(sweeps: Sequence[SweepPaths], top: int, shown: Sequence[str] = ("leaderboards",)) -> Overview:
    """The answers that these sweeps give together, and the tables that are wanted, leaderboards with `top` configs."""
    from raysweep.analysis.garbage import looked_at_seldom

    with looked_at_seldom():
        from raysweep.analysis.overview import overview

        return overview(sweeps, shown=shown, top=top)


def report_files(sweeps: Sequence[SweepPaths], output: Path | None) -> list[tuple[list[SweepPaths], Path, Path]]:
    """Which sweeps a page is about, its file, and the folder of its pictures.

    Args:
        sweeps: As asked for.
        output: A folder for one page of all of them together; None for a page each, in their own folders.
    """
    if output is None:
        return [([paths], paths.report, paths.figures) for paths in sweeps]
    return [(list(sweeps), output / "report.html", output / "figures")]


@contextmanager
def report_helpers() -> Iterator[Helpers]:
    """Who helps with one report after the other; they load their libraries while the first one's tables are read."""
    from raysweep.analysis.garbage import looked_at_seldom
    from raysweep.analysis.report.helpers import helpers

    with helpers() as started, looked_at_seldom():
        yield started


def write_report(
    sweeps: Sequence[SweepPaths],
    report: Path,
    figures: Path,
    catalog: FolderCatalog,
    note: Callable[[str], None],
    helpers: Helpers,
) -> None:
    """Writes one page about these sweeps together, and its pictures.

    Args:
        sweeps: At least one.
        report: The file.
        figures: The folder of the pictures.
        catalog: Knows units, and the series whose training part pictures show; a report does without.
        note: Is told what takes long.
        helpers: From `report_helpers`.

    Raises:
        LedgerError: If a ledger can't be read.
        InputError: If a table can't be read.
        StorageError: If something can't be written.
        RaysweepError: If a helper was killed.
    """
    from raysweep.analysis.report.write import write_report as write

    def series_named(name: str) -> Series | None:
        try:
            return catalog.series(name)
        except RaysweepError:
            return None

    try:
        units = _units(catalog)
    except RaysweepError:
        units = {}
    for paths in sweeps:
        if (location := _not_followed(paths)) is not None:
            note(
                f"{paths.name}: pictures of forecasts are left out: its ledger alone says that they lie at {location}; "
                f"with {STORAGE_VARIABLE} set to that, they are taken from there"
            )
    try:
        write(sweeps, report, figures, units=units, series_named=series_named, note=note, helpers=helpers)
    except BrokenExecutor as error:
        raise RaysweepError(
            "a process that helped with the report was killed, perhaps for want of memory; run the same command again"
        ) from error


def _not_followed(paths: SweepPaths) -> str | None:
    if not has_ledger(paths.ledger):
        return None
    with LedgerReader(paths.ledger, check=False) as reader:
        location = reader.storage_path()
    return location if followed(location) is None else None


def sync_sweep(paths: SweepPaths, tracking_uri: str) -> str:
    """Brings MLflow up to date; returns what there was to do. Raises `TrackingError`."""
    report = sync_ledger(paths, tracking_uri)
    lines = [f"{paths.name}: MLflow: {report}", *report.problems]
    return "\n".join(lines)


def status_rows(sweeps: Sequence[SweepPaths]) -> tuple[tuple[str, ...], TableRows]:
    """A row a sweep: counts by status, and when it was last worked on."""
    header = ("sweep", "finished", "stopped", "diverged", "failed", "running", "waiting", "last command")
    rows: TableRows = []
    for paths in sweeps:
        with LedgerReader(paths.ledger) as reader:
            counts, command = reader.count_current(), reader.last_command()
        states = (*ENDED, "running", "pending")
        numbers = tuple(str(counts.get(state, 0)) for state in states)
        rows.append((paths.name, *numbers, "none" if command is None else _when(command, paths)))
    return header, rows


def model_rows(catalog: FolderCatalog) -> tuple[tuple[str, ...], TableRows]:
    """A row a model. One that can't be read shows its error and hides no other."""
    rows: TableRows = []
    for name in catalog.model_names():
        try:
            info = catalog.model(name)
        except RaysweepError as error:
            rows.append((name, "can't be used", str(error)))
            continue
        arguments = ", ".join(f"{argument.name}={argument.default}" for argument in info.arguments.values())
        rows.append((name, arguments, info.summary))
    return ("model", "arguments and defaults", "what it is"), rows


def dataset_rows(catalog: FolderCatalog) -> tuple[tuple[str, ...], TableRows]:
    """A row a series. One that can't be read shows its error and hides no other."""
    rows: TableRows = []
    for name in catalog.dataset_names():
        try:
            info = catalog.dataset(name)
        except RaysweepError as error:
            rows.append((name, "can't be used", "", "", "", str(error)))
            continue
        notices = "; ".join(notice.removeprefix(f"{name}: ") for notice in info.notices) or "-"
        rows.append((name, info.source, str(info.num_points), str(info.num_channels), info.unit, notices))
    return ("series", "source", "points", "channels", "unit", "to know"), rows


def check_series(file: Path) -> list[str]:
    """Reads a file as a sweep would. Raises `SeriesError` with all that is wrong."""
    series = read_series(file)
    num_points, num_channels = series.values.shape
    hours = series.time_hours[-1] - series.time_hours[0]
    columns = ", ".join(series.columns)
    good = f"{file}: good: {num_points} points over {hours:g} h, {num_channels} channels: {columns}"
    return [good, *series.notices]


def where_everything_lies(prepared: PreparedSweep, tracking_uri: str) -> list[str]:
    """For the end of a sweep command."""
    paths, storage = prepared.paths, prepared.storage
    is_elsewhere = prepared.sweep.storage_path is not None
    return [
        "",
        f"ledger       {paths.ledger}",
        f"tables       {paths.trials}, {paths.epochs.name}, {paths.evaluations.name}",
        f"forecasts    {storage.predictions if is_elsewhere else paths.predictions}/",
        *([f"checkpoints  {storage.checkpoints}/"] if is_elsewhere else []),
        f"leaderboard  {paths.leaderboard}, {paths.leaderboard_tex.name}",
        f"MLflow       {_where_runs_show(tracking_uri)}",
    ]


def _where_runs_show(tracking_uri: str) -> str:
    shown = redact(tracking_uri, tracking_uri)
    if tracking_uri.startswith(("http://", "https://")):
        return shown
    is_default = tracking_uri == "sqlite:///mlflow.db"
    return "mlflow ui" if is_default else f"mlflow ui --backend-store-uri {shown}"


def _units(catalog: FolderCatalog | None) -> Mapping[str, str]:
    return {} if catalog is None else {name: dataset.unit for name, dataset in catalog.datasets.items()}


def _when(command: Mapping[str, object], paths: SweepPaths) -> str:
    moment = command["finished_at"] or command["started_at"]
    assert isinstance(moment, float), "a time is a number"
    when = datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M")
    if command["outcome"] is None and not is_driver_alive(command, paths.driver_lock):
        return f"killed; it began {when}, and the same command goes on"
    if command["outcome"] is None:
        return f"began {when}, process {command['pid']} on {command['host']}"
    return f"{command['outcome']} {when}"


def _no_sweep(where: str, found: str) -> InputError:
    valid = "run one first, or name the folder of results with --results-dir"
    return InputError([Problem(where=where, found=found, valid=valid)])
