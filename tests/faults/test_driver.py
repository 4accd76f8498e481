"""The driver dies or is told to stop, at any moment: nothing is lost, and the same command goes on."""

from __future__ import annotations

import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pytest

from raysweep.forecasting.checkpoint import load_newest
from raysweep.forecasting.results import EpochResult
from raysweep.ledger.reader import LedgerReader
from raysweep.paths import SweepPaths
from raysweep.storage import LocalFolder
from raysweep.tuning.report import REPORT_SECONDS
from tests.conftest import Project
from tests.faults.oracle import ERRORS, LOSSES, check_sweep, finished
from tests.faults.processes import SLEEPER, STUCK_IN_RAY, TOLD_WHILE_RAY_STARTS, Marked, busy, started
from tests.faults.waiting import num_epochs, num_trials, wait_for
from tests.rows import rows_of

STOP_SECONDS = 10.0  # for a clean stop, on a machine that has nothing else to do
STRAGGLER_SECONDS = 1.0  # that Ray's last processes may take after that
ORPHAN_SECONDS = 180.0  # in which a killed driver's Ray has ended by itself
FORCE_SECONDS = 8.5  # after which, at the earliest, a command that doesn't stop is ended
SLACK_SECONDS = 2.0  # of an epoch, and of writing a checkpoint
RATES = (1e-2, 1e-3, 1e-4, 1e-5)


class Killed:
    """A sweep whose command is killed again and again. Looks after each kill whether anything is lost.

    Args:
        project: Where it runs.
        name: Of the sweep.
        num_epochs: Of each trial.
    """

    def __init__(self, project: Project, name: str, num_epochs: int) -> None:
        self.paths = project.paths(name)
        self.finished: Mapping[str, tuple[object, ...]] = {}
        self._num_epochs = num_epochs
        self._histories: dict[str, list[EpochResult]] = {}
        self._files: dict[Path, int] = {}

    def look(self, began_at: float = float("inf"), killed_at: float = 0.0) -> None:
        """Finished trials are what they were, and no epoch of which there is a checkpoint was trained again."""
        now = finished(self.paths)
        for trial_id, row in self.finished.items():
            assert repr(now.get(trial_id)) == repr(row), f"trial {trial_id} was finished, and has changed"
        self.finished = now
        for file, written_at in self._files.items():
            assert file.stat().st_mtime_ns == written_at, f"{file} of a finished trial was written again"
        self._files = {file: file.stat().st_mtime_ns for trial_id in now for file in self._files_of(trial_id)}
        for folder in self.paths.checkpoints.glob("*"):
            self._check_history(folder, is_finished=folder.name in now, began_at=began_at, killed_at=killed_at)

    def _files_of(self, trial_id: str) -> Iterator[Path]:
        yield self.paths.predictions / f"{trial_id}.parquet"
        yield from (self.paths.checkpoints / trial_id).glob("*.ckpt")

    def _check_history(self, folder: Path, *, is_finished: bool, began_at: float, killed_at: float) -> None:
        checkpoint = load_newest(LocalFolder(folder), folder.name)
        if checkpoint is None:  # killed while it wrote the first
            assert folder.name not in self._histories
            return
        history, before = list(checkpoint.history), self._histories.get(folder.name, [])
        # An epoch that is trained again has other times.
        assert history[: len(before)] == before, f"{folder} was at epoch {len(before)}, and they were trained again"
        self._histories[folder.name] = history
        with LedgerReader(self.paths.ledger) as ledger:
            assert len(ledger.epochs(folder.name)) <= len(history), "an epoch is reported once it can't be lost"
        at = history[-1].finished_at
        # Workers of the command before may have lived on for a moment.
        if not is_finished and at > began_at + STRAGGLER_SECONDS and len(history) < self._num_epochs:
            assert killed_at - at < REPORT_SECONDS + SLACK_SECONDS * busy(), f"{folder}: too much is lost"


def grid(name: str, project: Project, *, epochs: int, rates: tuple[float, ...] = RATES) -> Path:
    keys = {"train.time_steps": 16, "train.num_epochs": epochs, "train.learning_rate": {"grid_search": list(rates)}}
    return project.write_sweep(name, param_space={"dataset": "wave", "model": "att", **keys})


def results(paths: SweepPaths) -> dict[str, object]:
    """All numbers of a sweep, and its forecasts."""
    found: dict[str, object] = {}
    with LedgerReader(paths.ledger) as ledger:
        for row in ledger.epochs():
            found[f"{row['trial_id']} {row['epoch']}"] = [row[column] for column in LOSSES]
        for row in rows_of(ledger.evaluations()):
            found[f"{row['trial_id']} {row['model']} {row['eval_set_hash']}"] = [row[column] for column in ERRORS]
    for file in paths.predictions.glob("*.parquet"):
        found[file.name] = pd.read_parquet(file).to_csv()
    return found


@pytest.mark.slow
def test_killed_again_and_again_it_ends_as_if_nothing_had_happened(project: Project) -> None:
    """Each command goes on where the one before was killed, while Ray's processes of that one still end."""
    num_epochs_each = 100
    sweep = grid("killed", project, epochs=num_epochs_each)
    killed = Killed(project, "killed", num_epochs_each)
    paths = killed.paths
    done_before = 0
    moments: list[tuple[Callable[[Marked], object], signal.Signals]] = [
        (lambda run: run.catches(signal.SIGTERM), signal.SIGKILL),
        (lambda run: paths.root.exists(), signal.SIGKILL),
        (lambda run: num_epochs(paths) >= 20, signal.SIGKILL),
        (lambda run: num_trials(paths, "finished") and num_epochs(paths) > done_before + 20, signal.SIGKILL),
    ]
    with ExitStack() as stack:
        for moment, number in moments:
            done_before, began_at = num_epochs(paths), time.time()
            run = stack.enter_context(started(project, sweep))
            wait_for(lambda run=run, moment=moment: moment(run), process=run.process)  # type: ignore[misc]
            run.send(number)
            killed_at = time.time()
            run.process.wait(STOP_SECONDS * busy())
            if paths.ledger.is_file():
                killed.look(began_at, killed_at)
            if number == signal.SIGKILL and num_epochs(paths) > done_before:
                assert "killed; it began" in project.run("status").stdout
        project.run(sweep)
    killed.look()
    check_sweep(project, "killed", num_trials=len(RATES), finished_before=killed.finished)
    project.run(grid("unharmed", project, epochs=num_epochs_each))
    assert results(project.paths("unharmed")) == results(paths)


@pytest.mark.nightly
def test_killed_after_the_last_trial(fast_project: Project) -> None:
    """Tables and MLflow are all that is missing then."""
    sweep, paths = grid("late", fast_project, epochs=5), fast_project.paths("late")
    with started(fast_project, sweep) as run:
        wait_for(lambda: num_trials(paths, "finished") == len(RATES), process=run.process)
        run.send(signal.SIGKILL)
        run.process.wait()
        before = finished(paths)
    fast_project.run(sweep)
    check_sweep(fast_project, "late", num_trials=len(RATES), finished_before=before)
    assert "killed" not in fast_project.run("status").stdout


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [0])
def test_killed_thirty_times_at_random(project: Project, seed: int) -> None:
    """Half of the kills in the first ten seconds, the others up to half a minute later; it gets new trials to do."""
    chance = random.Random(seed)
    num_epochs_each, rates = 200, [10 ** -(2 + number / 10) for number in range(3)]
    killed = Killed(project, "random", num_epochs_each)
    with ExitStack() as stack:
        for _ in range(30):
            if num_trials(killed.paths, "finished") == len(rates):
                rates += [10 ** -(2 + (len(rates) + number) / 10) for number in range(3)]
            sweep = grid("random", project, epochs=num_epochs_each, rates=tuple(rates))
            seconds = chance.uniform(0.1, 10) if chance.random() < 0.5 else chance.uniform(10, 40)
            run, began_at = stack.enter_context(started(project, sweep)), time.time()
            while time.time() < began_at + seconds and run.process.poll() is None:
                time.sleep(0.02)
            run.send(signal.SIGKILL)
            killed_at = time.time()
            run.process.wait()
            if killed.paths.ledger.is_file():
                killed.look(began_at, killed_at)
        sweep = grid("random", project, epochs=num_epochs_each, rates=tuple(rates))
        with started(project, sweep) as run:
            output = run.output(600)
            assert run.process.returncode == 0, output
    killed.look()
    check_sweep(project, "random", num_trials=len(rates), finished_before=killed.finished)
    assert len(killed.finished) == len(rates)


@pytest.mark.nightly
@pytest.mark.parametrize("model", ["att", "sleeper"])
def test_the_ray_of_a_killed_driver_ends_by_itself(project: Project, model: str) -> None:
    """The workers at once, also in the middle of an epoch, so that none meets those of the next command."""
    (project.root / "models" / "sleeper.py").write_text(SLEEPER)
    space = {"dataset": "wave", "train.time_steps": 16, "train.num_epochs": 5000, "model": model}
    sweep = project.write_sweep("orphaned", param_space=space, seeds=[0, 1])
    with started(project, sweep) as run:
        wait_for(lambda: num_trials(project.paths("orphaned"), "running") == 2, process=run.process)
        time.sleep(2)
        run.send(signal.SIGKILL)
        run.process.wait()
        assert run.has_workers()
        wait_for(lambda: not run.has_workers(), seconds=5 * busy(), name="the end of the workers")
        wait_for(lambda: not run.others(), seconds=ORPHAN_SECONDS, name="the end of Ray")


def is_scoring(paths: SweepPaths) -> bool:
    """Whether the only epoch of a sleeper is done: its checkpoint is written before it is scored."""
    return any(paths.checkpoints.glob("*/epoch-000001.ckpt"))


def is_waiting_for_mlflow(paths: SweepPaths, run: Marked) -> bool:
    """Whether the command has recorded its end, while what follows it for MLflow hangs."""
    for pid, line in run.others().items():
        if "raysweep.tracking.following" in line:
            os.kill(pid, signal.SIGSTOP)
    with LedgerReader(paths.ledger, check=False) as ledger:
        command = ledger.last_command()
    return command is not None and command["outcome"] == "done"


PHASES: dict[str, Callable[[SweepPaths, Marked], object]] = {
    "imports": lambda paths, run: run.catches(signal.SIGTERM),
    "the first look": lambda paths, run: paths.root.exists(),
    "Ray's start": lambda paths, run: run.has("raylet"),
    "the workers' start": lambda paths, run: run.has("default_worker.py"),
    "training": lambda paths, run: num_trials(paths, "running") and time.sleep(2) is None,
    "scoring": lambda paths, run: is_scoring(paths),
    "Ray's end": lambda paths, run: num_trials(paths, "finished") == 2 and time.sleep(0.3) is None,
    "waiting for MLflow": is_waiting_for_mlflow,
}
TERM, INT = signal.SIGTERM, signal.SIGINT
OFTEN = {("imports", INT, 1), ("training", INT, 2)}
CASES = [(phase, number, count) for phase in PHASES for number in (TERM, INT) for count in (1, 2)]


@pytest.mark.parametrize(
    ("phase", "number", "count"),
    [pytest.param(*case, marks=pytest.mark.slow if case in OFTEN else pytest.mark.nightly) for case in CASES],
)
def test_a_signal_stops_it_cleanly(project: Project, phase: str, number: signal.Signals, count: int) -> None:
    (project.root / "models" / "sleeper.py").write_text(SLEEPER)
    space: dict[str, object] = {"dataset": "wave", "train.time_steps": 16, "train.num_epochs": 1, "model": "sleeper"}
    if phase in ("Ray's end", "waiting for MLflow"):
        space["model"] = "att"
    elif phase == "scoring":
        space["model.sleeps_in"] = "scoring"
    sweep, paths = project.write_sweep("told", param_space=space, seeds=[0, 1]), project.paths("told")
    with started(project, sweep) as run:
        wait_for(lambda: PHASES[phase](paths, run), process=run.process, name=phase)
        if phase == "training" and count == 2:
            second = project.run(sweep, expect=2).stderr
            assert f"process {run.process.pid} on " in second, "two drivers would train the same trials"
            assert "is at work; wait until it has ended, or end it" in second
        run.send(number)
        for _ in range(count - 1):
            time.sleep(0.5)
            run.send(number)
        told_at = time.monotonic()
        output = run.output(STOP_SECONDS * busy())
        is_ended_by_force = time.monotonic() - told_at > FORCE_SECONDS
        assert run.process.returncode == 130, output
        assert "Traceback" not in output
        command = shlex.join(["python", "-m", "raysweep", str(sweep)])
        told = [line for line in output.splitlines() if "nterrupted" in line]
        assert told == [f"Interrupted; everything so far is kept. To go on: {command}"]
        wait_for(lambda: not run.others(), seconds=STRAGGLER_SECONDS * busy(), name="the end of all its processes")
    if phase in ("training", "scoring"):
        with LedgerReader(paths.ledger) as ledger:
            last = ledger.last_command()
        assert last is not None and last["outcome"] in ({"interrupted", None} if is_ended_by_force else {"interrupted"})
    if phase != "imports":
        before = finished(paths)
        (project.root / "awake").touch()
        project.run(sweep)
        check_sweep(project, "told", num_trials=2, finished_before=before)


class StuckProject(Project):
    """Whose commands never get past Ray's start."""

    def command(self, arguments: Sequence[str | Path]) -> list[str]:
        """See `STUCK_IN_RAY`."""
        return [sys.executable, "-c", STUCK_IN_RAY, *map(str, arguments)]


@pytest.mark.slow
def test_what_does_not_stop_in_time_is_ended(project: Project) -> None:
    sweep = grid("told", project, epochs=1, rates=RATES[:1])
    with started(StuckProject(project.root, project.environment), sweep) as run:
        wait_for((project.root / "stuck").exists, process=run.process, name="Ray")
        run.send(signal.SIGTERM)
        told_at = time.monotonic()
        output = run.output(3 * STOP_SECONDS)
        assert FORCE_SECONDS < time.monotonic() - told_at < STOP_SECONDS * busy(), output
        assert run.process.returncode == 130, output
        command = shlex.join(["python", "-m", "raysweep", str(sweep)])
        assert output.splitlines()[-1] == f"Interrupted; everything so far is kept. To go on: {command}"
        wait_for(lambda: not run.others(), seconds=STRAGGLER_SECONDS * busy(), name="the end of all its processes")
    project.run(sweep)
    check_sweep(project, "told", num_trials=1)


@pytest.mark.slow
def test_a_signal_while_ray_has_a_handler_of_its_own(project: Project) -> None:
    sweep = grid("told", project, epochs=5000)
    done = subprocess.run(
        [sys.executable, "-c", TOLD_WHILE_RAY_STARTS, str(sweep)],
        cwd=project.root,
        env=project.full_environment(),
        capture_output=True,
        text=True,
        timeout=STOP_SECONDS * 10,
    )
    assert "*** SIGTERM received" in done.stderr, "Ray's handler was at work"
    assert done.returncode == 130, done.stdout + done.stderr
    assert "Interrupted; everything so far is kept." in done.stdout
