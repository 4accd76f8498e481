"""What people type. Parses and prints; `app` does the work.

What starts or looks at trials and clusters is imported where it is used: who reads results needs none of it.
"""

from __future__ import annotations

import difflib
import os
import shlex
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from raysweep import commands
from raysweep.errors import ClusterError, InputError, Interrupted, LedgerError, RaysweepError, StorageError
from raysweep.options import (
    ClusterFile,
    DataDir,
    Jobs,
    ModelsDir,
    Overrides,
    ResultsDir,
    Shown,
    ShownTables,
    StoragePath,
    SweepFile,
    Sweeps,
    TrackingUri,
    Verbose,
)
from raysweep.paths import DEFAULT_RESULTS_DIR, SweepPaths, default_folder
from raysweep.prepare import Workspace, prepare
from raysweep.screen import Screen, print_leaderboards, print_overview, print_plan, print_table
from raysweep.signals import INTERRUPTED
from raysweep.spec.override_grammar import in_quotes
from raysweep.storage import STORAGE_VARIABLE
from raysweep.terminal import complain, make_console
from raysweep.tracking.address import DEFAULT_URI

TOP_ROWS = 20  # of a leaderboard on screen; the file has more
MISUSE, STOPPED = 2, 3

app = typer.Typer(
    name="raysweep",
    help="Run sweeps of sequence-forecasting models: raysweep SWEEP.yaml [KEY=V1,V2 ...]",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(help="The series that can be forecast.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data_app, name="data")


@app.command("run")
def run(
    sweep: SweepFile,
    overrides: Overrides = None,
    results_dir: ResultsDir = DEFAULT_RESULTS_DIR,
    data_dir: DataDir = None,
    models_dir: ModelsDir = None,
    tracking_uri: TrackingUri = DEFAULT_URI,
    storage_path: StoragePath = None,
    jobs: Jobs = None,
    cluster: ClusterFile = None,
    verbose: Verbose = False,
) -> None:
    """Run what is missing of a sweep; the word `run` may be left out. The same command again goes on."""
    from raysweep import app as running

    console = make_console()
    with _errors(verbose), _told_how_to_go_on(console):
        workspace = _workspace(results_dir, data_dir, models_dir, tracking_uri)
        wanted = [*(overrides or []), *_as_override(storage_path)]
        if cluster is not None:
            from raysweep.remote import remote_sweep
            from raysweep.remote_screen import run_there

            remote = remote_sweep(sweep, wanted, workspace, cluster, num_jobs=jobs, is_verbose=verbose)
            raise typer.Exit(run_there(console, remote, _how_to_go_on()))
        with running.opened(prepare(sweep, wanted, workspace), console.print) as head:
            prepared = head.prepared
            print_plan(console, prepared)
            screen = Screen(console, prepared.varying_keys)
            try:
                with screen.running():
                    failed = running.run_sweep(head, workspace, screen, num_jobs=jobs, is_verbose=verbose)
                console.print("writing tables and leaderboards")
                leaderboards = commands.export_sweep(prepared.paths, prepared.catalog)
            except (ClusterError, LedgerError, StorageError) as error:
                console.print(f"The sweep had to stop; everything so far is kept. {_how_to_go_on()}")
                complain(error)
                raise typer.Exit(STOPPED) from None
        print_leaderboards(console, leaderboards, TOP_ROWS)
        for line in commands.where_everything_lies(prepared, tracking_uri):
            console.print(line)
        if failed:
            console.print(f"{len(failed)} trials failed; the same command tries them again.")
            raise typer.Exit(1)


@app.command("pull")
def pull_results(
    sweep: Annotated[str, typer.Argument(metavar="SWEEP", help="Name or sweep file.", show_default=False)],
    cluster: Annotated[Path, typer.Option("--cluster", help="The file that ray up took.", show_default=False)],
    results_dir: ResultsDir = DEFAULT_RESULTS_DIR,
    verbose: Verbose = False,
) -> None:
    """Bring a sweep's ledger, tables and report home from a cluster, also while it runs."""
    from raysweep.remote import bring_home

    with _errors(verbose):
        paths = bring_home(sweep, results_dir, cluster)
        make_console().print(f"{paths.name}: ledger, tables and report of this moment are in {paths.root}")


@app.command("plan")
def plan(
    sweep: SweepFile,
    overrides: Overrides = None,
    results_dir: ResultsDir = DEFAULT_RESULTS_DIR,
    data_dir: DataDir = None,
    models_dir: ModelsDir = None,
    storage_path: StoragePath = None,
    verbose: Verbose = False,
) -> None:
    """Check a sweep file, and say what would run and what is done. Starts and creates nothing."""
    from raysweep.allocation import planned_lines

    with _errors(verbose):
        workspace = _workspace(results_dir, data_dir, models_dir, DEFAULT_URI)
        prepared = prepare(sweep, [*(overrides or []), *_as_override(storage_path)], workspace)
        print_plan(make_console(), prepared, is_detailed=True)
        for line in planned_lines(prepared, prepared.plan()):
            make_console().print(line)


@app.command("status")
def status(sweeps: Sweeps = None, results_dir: ResultsDir = DEFAULT_RESULTS_DIR, verbose: Verbose = False) -> None:
    """Say how far sweeps are, also while they run."""
    with _errors(verbose):
        header, rows = commands.status_rows(_sweeps(sweeps, results_dir))
        print_table(make_console(), header, rows)


@app.command("compare")
def compare(
    sweeps: Sweeps = None,
    results_dir: ResultsDir = DEFAULT_RESULTS_DIR,
    top: Annotated[int, typer.Option(min=1, help="Rows of each leaderboard.")] = TOP_ROWS,
    show: Shown = None,
    verbose: Verbose = False,
) -> None:
    """Show the leaderboards and, below them, the answers in short; Parquet files of somebody else will do."""
    with _errors(verbose):
        found = commands.find_sweeps(sweeps or [], results_dir, is_ledger_needed=False)
        wanted = show or [ShownTables.leaderboards]
        print_overview(make_console(), commands.compare_sweeps(found, top, wanted), top)


@app.command("report")
def report(
    sweeps: Sweeps = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for one page of all these sweeps together.", show_default="a page each, in its own"),
    ] = None,
    results_dir: ResultsDir = DEFAULT_RESULTS_DIR,
    data_dir: DataDir = None,
    verbose: Verbose = False,
) -> None:
    """Write report.html and figures/: answers, tables and pictures in a page that needs no network."""
    with _errors(verbose):
        console = make_console()
        found = commands.find_sweeps(sweeps or [], results_dir, is_ledger_needed=False)
        catalog = _workspace(results_dir, data_dir, None, DEFAULT_URI).catalog()
        with commands.report_helpers() as helpers:
            for group, file, figures in commands.report_files(found, output):
                console.print(f"{', '.join(paths.name for paths in group)}: reading tables")
                commands.write_report(group, file, figures, catalog, console.print, helpers)
                console.print(f"report       {file}\npictures     {figures}/")
                if output is None and group[0].ledger.is_file():
                    console.print(f"MLflow       raysweep sync {group[0].name} takes the pictures to the runs")


@app.command("export")
def export(sweeps: Sweeps = None, results_dir: ResultsDir = DEFAULT_RESULTS_DIR, verbose: Verbose = False) -> None:
    """Write the Parquet tables, leaderboard.md and leaderboard.tex anew from the ledgers."""
    with _errors(verbose):
        for paths in _sweeps(sweeps, results_dir):
            commands.export_sweep(paths)
            make_console().print(
                f"{paths.name}: trials, epochs and evaluations as Parquet, leaderboard.md and .tex, in {paths.root}"
            )


@app.command("sync")
def sync(
    sweeps: Sweeps = None,
    results_dir: ResultsDir = DEFAULT_RESULTS_DIR,
    tracking_uri: TrackingUri = DEFAULT_URI,
    verbose: Verbose = False,
) -> None:
    """Bring MLflow up to date with the ledgers."""
    with _errors(verbose):
        for paths in _sweeps(sweeps, results_dir):
            make_console().print(commands.sync_sweep(paths, tracking_uri))


@app.command("doctor")
def doctor(
    cluster: Annotated[
        Path | None,
        typer.Option(help="The file that `ray up` takes: look at its machines, too.", show_default=False),
    ] = None,
    results_dir: ResultsDir = DEFAULT_RESULTS_DIR,
    tracking_uri: TrackingUri = DEFAULT_URI,
    verbose: Verbose = False,
) -> None:
    """Say whether this machine or cluster is fit to run a sweep, and what mends it where it isn't."""
    from raysweep import doctor as examining
    from raysweep.doctor_screen import print_findings

    with _errors(verbose):
        console = make_console()
        findings = examining.examine(cluster, results_dir, tracking_uri, note=console.print, is_verbose=verbose)
        print_findings(console, findings)
        if not all(finding.is_good for finding in findings):
            raise typer.Exit(1)


@app.command("models")
def models(models_dir: ModelsDir = None, verbose: Verbose = False) -> None:
    """List the models, with their arguments and defaults."""
    with _errors(verbose):
        header, rows = commands.model_rows(_workspace(DEFAULT_RESULTS_DIR, None, models_dir, DEFAULT_URI).catalog())
        print_table(make_console(), header, rows)


@data_app.command("list")
def data_list(data_dir: DataDir = None, verbose: Verbose = False) -> None:
    """List the series, and say of each whether it is the original or a stand-in."""
    with _errors(verbose):
        header, rows = commands.dataset_rows(_workspace(DEFAULT_RESULTS_DIR, data_dir, None, DEFAULT_URI).catalog())
        print_table(make_console(), header, rows)


@data_app.command("check")
def data_check(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet; the first column is the time.", show_default=False)],
    verbose: Verbose = False,
) -> None:
    """Read a series file as a sweep would, and say what is wrong with it."""
    with _errors(verbose):
        for line in commands.check_series(file):
            make_console().print(line)


def main() -> None:
    """The command `raysweep`. `raysweep SWEEP.yaml` means `raysweep run SWEEP.yaml`."""
    arguments = sys.argv[1:]
    names = [command.name or "" for command in app.registered_commands] + ["data"]
    if arguments and arguments[0] not in names and arguments[0] != "--help":
        first = arguments[0]
        if not first.startswith("-") and not Path(first).suffix and not Path(first).exists():
            near = difflib.get_close_matches(first, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"commands are {', '.join(names)}"
            complain(f"raysweep: {first!r} is neither a command nor a sweep file; {hint}")
            sys.exit(MISUSE)
        arguments = ["run", *arguments]
    app(arguments, prog_name="raysweep")


@contextmanager
def _told_how_to_go_on(console: Console) -> Iterator[None]:
    try:
        yield
    except Interrupted:
        console.print(f"Interrupted; everything so far is kept. {_how_to_go_on()}")
        raise typer.Exit(INTERRUPTED) from None


def _how_to_go_on() -> str:
    return f"To go on: {shlex.join(['python', '-m', 'raysweep', *sys.argv[1:]])}"


@contextmanager
def _errors(is_verbose: bool) -> Iterator[None]:
    """What the user has to mend is told in a line each; no traceback without `-v`."""
    try:
        yield
    except Interrupted:
        complain("Interrupted")
        raise typer.Exit(INTERRUPTED) from None
    except RaysweepError as error:
        if is_verbose:
            traceback.print_exc()
        else:
            complain(error)
        if isinstance(error, InputError) and len(error.problems) > 1:
            complain(f"{len(error.problems)} problems; nothing was started.")
        raise typer.Exit(MISUSE) from None
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        if is_verbose:
            raise
        told = next(iter(str(error).splitlines()), "")
        complain(f"raysweep: {type(error).__name__}: {told}; a mistake of raysweep's own: -v shows where")
        raise typer.Exit(STOPPED) from None


def _as_override(storage_path: str | None) -> list[str]:
    """An option for a key that people may want to change with every command."""
    return [] if storage_path is None else [f"storage_path={in_quotes(storage_path)}"]


def _workspace(results_dir: Path, data_dir: Path | None, models_dir: Path | None, tracking_uri: str) -> Workspace:
    return Workspace(
        results_dir=results_dir,
        tracking_uri=tracking_uri,
        data_dir=data_dir,
        models_dir=models_dir or default_folder("models"),
        storage_path=os.environ.get(STORAGE_VARIABLE),
    )


def _sweeps(names: Sequence[str] | None, results_dir: Path) -> list[SweepPaths]:
    return commands.find_sweeps(names or [], results_dir)
