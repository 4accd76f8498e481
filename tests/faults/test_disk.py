"""Disks that are full, read-only or gone under a sweep: real file systems, real commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from raysweep.ledger.reader import LedgerReader
from raysweep.paths import SweepPaths
from raysweep.planning.space import NUM_KEPT, results_need, tracking_need
from raysweep.prepare import Workspace, prepare
from raysweep.space_check import check_space_for, missing_sizes
from tests.conftest import PROJECT, TIMEOUT_SECONDS, Project
from tests.faults.mounts import Mounts, fill, mounts, run
from tests.faults.oracle import check_sweep, finished
from tests.faults.waiting import wait_for_epochs

__all__ = ["mounts"]
pytestmark = pytest.mark.slow

MODELS = PROJECT / "models"
NAME = "sturdy"
NUM_TRIALS = 3
NUM_EPOCHS = 80


def _sweep(project: Project, name: str = NAME) -> Path:
    """About six seconds of training, by two workers."""
    space = {
        "model": "att",
        "dataset": "wave",
        "train.time_steps": 16,
        "train.num_epochs": NUM_EPOCHS,
        "train.learning_rate": {"grid_search": [1e-2, 1e-3, 1e-4]},
    }
    return project.write_sweep(name, param_space=space)


def _stopped(process: subprocess.Popen[str]) -> str:
    """The one line that says why a sweep had to stop; checks that there is no other."""
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 3, output
    assert "Traceback" not in output
    lines = [line for line in output.splitlines() if line]
    stops = [index for index, line in enumerate(lines) if line.startswith("The sweep had to stop; everything so far")]
    assert len(stops) == 1, output
    assert len(lines) == stops[0] + 2, f"one line after it, and no more: {output}"
    assert lines[-1].endswith("the same command goes on"), output
    return lines[-1]


def _goes_on(project: Project, sweep: Path, *options: str) -> None:
    """The same command ends the sweep, and nothing that was finished is done again."""
    before = finished(project.paths(NAME))
    project.run(sweep, *options)
    check_sweep(project, NAME, num_trials=NUM_TRIALS, finished_before=before)


def _losses(paths: SweepPaths) -> list[tuple[object, ...]]:
    with LedgerReader(paths.ledger) as ledger:
        return [(row["trial_id"], row["epoch"], row["train_loss"], row["val_loss"]) for row in ledger.epochs()]


def test_a_full_disk_under_the_results(fast_project: Project, mounts: Mounts) -> None:
    """It stops with one line; once there is room it ends with the losses of a sweep that nothing happened to."""
    project = fast_project
    results = mounts.small_disk(project.root / "results", 24)
    sweep = _sweep(project)
    process = project.start(sweep)
    wait_for_epochs(project.paths(NAME), process, at_least=15)
    ballast = fill(results)
    told = _stopped(process)
    assert str(project.paths(NAME).root.relative_to(project.root)) in told
    assert "free some space there" in told
    assert NAME in project.run("status").stdout, "while the disk is still full"
    ballast.unlink()
    _goes_on(project, sweep)
    _check_estimate_and_losses(project, sweep)


@pytest.mark.nightly
def test_a_full_disk_under_the_ledger_alone(fast_project: Project, mounts: Mounts) -> None:
    """With checkpoints elsewhere it is the ledger that has no room, and the line says the same; so do the tables."""
    project = fast_project
    results = mounts.small_disk(project.root / "results", 24)
    sweep = _sweep(project)
    storage = project.root / "storage"
    storage.mkdir()
    process = project.start(sweep, "--storage-path", str(storage))
    wait_for_epochs(project.paths(NAME), process, at_least=15)
    ballast = fill(results)
    told = _stopped(process)
    assert "ledger.sqlite: can't be written" in told
    assert "free some space there" in told
    ballast.unlink()
    paths = project.paths(NAME)
    paths.trials.mkdir()  # that the tables can't be written shows when all trials are done
    told = _stopped(project.start(sweep, "--storage-path", str(storage)))
    assert told.startswith(f"results/{NAME}/trials.parquet: can't be written")
    assert len(finished(paths)) == NUM_TRIALS
    paths.trials.rmdir()
    _goes_on(project, sweep, "--storage-path", str(storage))


def _check_estimate_and_losses(project: Project, sweep: Path) -> None:
    """Of the same sweep, unharmed."""
    workspace = Workspace(
        results_dir=project.root / "plain", tracking_uri="", data_dir=project.root / "data", models_dir=MODELS
    )
    prepared = prepare(sweep, [], workspace)
    sizes = missing_sizes(prepared, prepared.plan())
    project.run(sweep, "--results-dir", "plain", "--tracking-uri", "sqlite:///plain.db")
    paths = SweepPaths(project.root / "plain", NAME)
    assert _losses(paths) == _losses(project.paths(NAME))

    need = results_need(sizes, num_slots=0) | {"MLflow": tracking_need(sizes)}
    num_checkpoints = len(list(paths.checkpoints.rglob("*.ckpt")))
    written = {
        # A trial that ends within a checkpoint interval, as on a fast machine, saves one; the estimate is of two.
        "checkpoints": _bytes_of(paths.checkpoints) * NUM_TRIALS * NUM_KEPT / num_checkpoints,
        "forecasts": _bytes_of(paths.predictions),
        "tables": sum(map(_bytes_of, (paths.trials, paths.epochs, paths.evaluations, paths.leaderboard))),
        "MLflow": _bytes_of(project.root / "plain.db"),
    }
    for part, num_bytes in written.items():
        assert 0.5 * need[part] <= num_bytes <= 1.1 * need[part], f"{part}: {num_bytes} bytes, not {need[part]}"
    assert _bytes_of(paths.ledger) <= need["ledger"], "which also counts the write-ahead log"


def _bytes_of(path: Path) -> int:
    """On its disk."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_blocks * 512 for file in files)


@pytest.mark.nightly
def test_a_disk_that_goes_away_in_the_middle(fast_project: Project, mounts: Mounts) -> None:
    """Nothing is written to the disk below; what was finished comes back with the disk."""
    project = fast_project
    disk = mounts.small_disk(project.root / "disk", 24)
    results = project.root / "results"
    results.mkdir()
    mounts.mount("--bind", disk, results)
    sweep = _sweep(project)
    process = project.start(sweep)
    wait_for_epochs(project.paths(NAME), process, at_least=15)
    mounts.take_away(results)
    told = _stopped(process)
    assert "can't be found any more" in told
    assert "bring that disk or folder back" in told
    assert list(results.iterdir()) == []
    mounts.mount("--bind", disk, results)
    _goes_on(project, sweep)


@pytest.mark.parametrize("place", ["results", "Ray", "MLflow"])
def test_too_little_room_starts_nothing(fresh_project: Project, mounts: Mounts, place: str) -> None:
    sweep = _sweep(fresh_project)
    disk = mounts.small_disk(fresh_project.root / "disk", 1)
    arguments: list[str | Path] = [sweep]
    if place == "results":
        arguments += ["--results-dir", disk]
        remedy = "name another disk with --results-dir"
    elif place == "Ray":
        fresh_project.environment["RAY_TMPDIR"] = str(disk)
        remedy = "name another folder with RAY_TMPDIR"
    else:
        arguments += ["--tracking-uri", f"sqlite:///{disk}/mlflow.db"]
        remedy = "name another database with --tracking-uri"
    done = fresh_project.run(*arguments, expect=2)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{disk}")
    assert "1.0 MB free, this sweep needs about " in line
    assert line.endswith(f"; free some or {remedy}")
    assert "starting Ray" not in done.stdout
    assert not any(disk.rglob("*.sqlite"))
    assert not any(fresh_project.root.rglob("mlflow.db"))


def test_the_check_is_quick(project: Project, mounts: Mounts) -> None:
    """Where there is plenty of room nothing has to be built for it."""
    sweep = _sweep(project)
    workspace = Workspace(
        results_dir=project.root / "results",
        tracking_uri="",
        data_dir=project.root / "data",
        models_dir=project.root / "models",
    )
    prepared = prepare(sweep, ["train.learning_rate=" + ",".join(f"{n}e-6" for n in range(1, 6))], workspace)
    plan = prepared.plan()
    started = time.monotonic()
    check_space_for(prepared, plan, "sqlite:///mlflow.db", num_jobs=2)
    assert time.monotonic() - started < 2


def _abort(results: Path, image: Path) -> Callable[[], None]:
    """As ext4 does when its disk fails under it: from now on it is read-only."""
    run("mount", "-o", "remount,abort", results)

    def mend() -> None:
        run("umount", results)
        subprocess.run(["e2fsck", "-fy", image], capture_output=True, check=False)
        run("mount", "-o", "loop", image, results)

    return mend


@pytest.mark.nightly
@pytest.mark.parametrize("fault", ["full", "failed"])
def test_a_real_disk_under_the_results(project: Project, mounts: Mounts, fault: str) -> None:
    image, results = project.root / "disk.img", project.root / "results"
    mounts.image(image, results, 64)
    sweep = _sweep(project)
    process = project.start(sweep)
    wait_for_epochs(project.paths(NAME), process, at_least=15)
    mend = fill(results).unlink if fault == "full" else _abort(results, image)
    told = _stopped(process)
    assert ("free some space" if fault == "full" else "make that disk writable again") in told
    mend()
    _goes_on(project, sweep)


@pytest.mark.nightly
def test_checkpoints_on_a_disk_of_their_own(project: Project, mounts: Mounts) -> None:
    """The ledger lies elsewhere: it says how the command ended."""
    small = mounts.small_disk(project.root / "small", 8)
    paths = project.paths(NAME)
    paths.root.mkdir(parents=True)
    paths.checkpoints.symlink_to(small)
    sweep = _sweep(project)
    process = project.start(sweep)
    wait_for_epochs(paths, process, at_least=15)
    ballast = fill(small)
    assert f"{small}/" in _stopped(process)
    with LedgerReader(paths.ledger) as ledger:
        command = ledger.last_command()
    assert command is not None
    assert command["outcome"] == "failed"
    ballast.unlink()
    _goes_on(project, sweep)


@pytest.mark.nightly
def test_results_that_are_removed_in_the_middle(project: Project) -> None:
    """All is lost, and it says so; the same command begins anew."""
    sweep = _sweep(project)
    process = project.start(sweep)
    wait_for_epochs(project.paths(NAME), process, at_least=15)
    shutil.rmtree(project.root / "results", ignore_errors=True)
    assert "can't be found any more" in _stopped(process)
    assert not project.paths(NAME).ledger.exists()
    shutil.rmtree(project.root / "results", ignore_errors=True)
    (project.root / "mlflow.db").unlink()
    _goes_on(project, sweep)


@pytest.mark.nightly
@pytest.mark.parametrize("variable", ["RAY_TMPDIR", "TMPDIR"])
def test_a_temporary_folder_that_fills_up_harms_nothing(project: Project, mounts: Mounts, variable: str) -> None:
    """What lies there is logs, and a state of Tune's that nobody reads."""
    disk = mounts.small_disk(Path(f"/tmp/raysweep-test-{os.getpid()}"), 128)  # short: Ray's sockets lie in it
    project.environment[variable] = str(disk)
    sweep = _sweep(project)
    process = project.start(sweep)
    wait_for_epochs(project.paths(NAME), process, at_least=15)
    fill(disk)
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 0, output
    assert "Traceback" not in output
    check_sweep(project, NAME, num_trials=NUM_TRIALS)


def _run_with(project: Project, preparation: str, sweep: Path) -> subprocess.CompletedProcess[str]:
    """Runs a sweep where this shell command has been run before, which may mount what nobody else sees."""
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", f'{preparation}; exec "$@"', "sh", *project.command([sweep])],
        cwd=project.root,
        env=project.full_environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )


@pytest.mark.nightly
def test_an_object_store_that_is_full_harms_nothing(project: Project, mounts: Mounts) -> None:
    """Ray falls back to its temporary folder: what travels through it is small."""
    sweep = _sweep(project)
    full = "mount -t tmpfs -o size=8m tmpfs /dev/shm; cat /dev/zero > /dev/shm/ballast 2> /dev/null"
    done = _run_with(project, full, sweep)
    assert done.returncode == 0, done.stdout + done.stderr
    check_sweep(project, NAME, num_trials=NUM_TRIALS)


@pytest.mark.parametrize(
    ("preparation", "reason"),
    [
        ("mount -t tmpfs -o ro tmpfs /dev/shm", "Read-only file system"),
        ("mount -t tmpfs tmpfs /dev", "No such file or directory"),
    ],
)
def test_a_sweep_without_an_object_store_starts_nothing(
    project: Project, mounts: Mounts, preparation: str, reason: str
) -> None:
    sweep = _sweep(project)
    done = _run_with(project, f"{preparation}; mknod -m 666 /dev/null c 1 3 2> /dev/null", sweep)
    assert done.returncode == 2, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"/dev/shm: Ray can't make its object store there ({reason}); bring it back, writable")
    assert "starting Ray" not in done.stdout


@pytest.mark.nightly
def test_an_object_store_that_goes_before_ray_starts(project: Project, mounts: Mounts) -> None:
    """It was there when it was looked at. One message, after one try, and a command that goes on."""
    sweep = _sweep(project)
    late = "from raysweep import __main__, space_check; space_check._check_object_store = lambda: None; __main__.main()"
    command = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o ro tmpfs /dev/shm; exec "$@"', "sh"]
    process = subprocess.Popen(
        [*command, sys.executable, "-c", late, str(sweep)],
        cwd=project.root,
        env=project.full_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    told = _stopped(process)
    assert told.startswith("/dev/shm, where Ray keeps its object store: can't be written (Read-only file system)")
    _goes_on(project, sweep)
