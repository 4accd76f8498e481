"""A sweep under random faults, round after round: what is lost, and does it end as if nothing had happened.

    python benchmarks/soak.py --minutes 20 --seed 0

A round is one sweep against a real MLflow server. Every few seconds something is killed, stopped or damaged; a command
that ends is typed again, until all trials are done. After each round an oracle compares ledger, Parquet and MLflow, and
every epoch and score has to be that of a sweep that was left alone, bit for bit. Exit code 1 if anything was lost.

Retries and hangs are given a tenth of their usual patience, so that a round takes minutes; all else is as people run
it.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT_ROOT))  # for the tests' oracle

from raysweep.ledger.reader import LedgerReader  # noqa: E402
from raysweep.paths import SweepPaths  # noqa: E402
from tests.conftest import Project, make_project  # noqa: E402
from tests.faults.oracle import Snapshot, check_sweep, finished  # noqa: E402
from tests.faults.processes import Marked, marked, started  # noqa: E402
from tests.faults.waiting import num_epochs, wait_for  # noqa: E402
from tests.rows import rows_of  # noqa: E402
from tests.tracking.servers import MlflowServer, find_free_port  # noqa: E402

SPACE = {
    "dataset": "wave",
    "model": {"grid_search": ["att", "lstm"]},
    "train.time_steps": 16,
    "train.num_epochs": 120,
    "train.learning_rate": {"grid_search": [1e-2, 3e-3, 1e-3, 3e-4]},
}
NUM_TRIALS = 8
SCHEDULERS: Sequence[object] = (
    "fifo",
    {"asha": {"grace_period": 7, "reduction_factor": 2, "within": ["model"]}},
)
MAX_COMMANDS = 60  # of a round: a sweep that never ends is a loss too


class PatientProject(Project):
    """Whose commands wait less for workers that hang, and between retries."""

    def command(self, arguments: Sequence[str | Path]) -> list[str]:
        """See `tests/faults/patient_raysweep.py`."""
        return [sys.executable, "-m", "tests.faults.patient_raysweep", *map(str, arguments)]


@dataclass
class Soak:
    """What is under fire, and what has been done to it."""

    project: Project
    server: MlflowServer
    chance: random.Random
    deadline: float
    began: float = field(default_factory=time.monotonic)
    faults: Counter[str] = field(default_factory=Counter)
    commands: int = 0
    losses: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        """With the time since the start."""
        print(f"{time.monotonic() - self.began:7.1f} s  {line}", flush=True)

    def is_over(self) -> bool:
        """Whether no further fault is to happen."""
        return time.monotonic() > self.deadline

    def inflict(self, command: Marked) -> None:
        """One fault, of a kind that is possible just now; kinds that were rare so far come first."""
        order = sorted(FAULTS, key=lambda name: self.faults[name] + self.chance.uniform(0, 2))
        for name in order:
            if FAULTS[name](self, command):
                self.faults[name] += 1
                self.say(f"fault {self.faults.total():3d}  {name}")
                return


def kill_driver(soak: Soak, command: Marked) -> bool:
    """As the kernel's memory killer does."""
    command.process.kill()
    return True


def terminate_driver(soak: Soak, command: Marked) -> bool:
    """As a batch system does."""
    return _stop(soak, command, signal.SIGTERM)


def press_ctrl_c(soak: Soak, command: Marked) -> bool:
    """As a person does."""
    return _stop(soak, command, signal.SIGINT)


def _stop(soak: Soak, command: Marked, number: signal.Signals) -> bool:
    if not command.catches(signal.SIGTERM):  # Python is starting; nothing of ours has run yet
        return False
    if number == signal.SIGINT:
        os.killpg(command.process.pid, number)  # as a terminal does
    else:
        command.process.send_signal(number)
    begun = time.monotonic()
    output = command.output(60)
    if command.process.returncode not in _codes(output):
        soak.losses.append(f"{number.name}: exit code {command.process.returncode}, not 130:\n{output}")
    if time.monotonic() - begun > 15:  # ten, on a machine that does nothing else
        soak.losses.append(f"{number.name}: it took {time.monotonic() - begun:.0f} s to stop")
    return True


def _codes(output: str) -> set[int]:
    """How a command may end that was told to stop: it may have been done anyway, with trials that failed or without."""
    codes = {130, 0}
    if "trials failed; the same command tries them again" in output:
        codes.add(1)
    if "has ended unexpectedly" in output:  # it has lost its Ray a moment before, and may be on its way out
        codes.add(3)
    return codes


def kill_worker(soak: Soak, command: Marked) -> bool:
    """In the middle of a trial."""
    return _signal_one(soak, command, "_Inner", signal.SIGKILL)


def stop_worker(soak: Soak, command: Marked) -> bool:
    """It hangs, and never comes back."""
    return _signal_one(soak, command, "_Inner", signal.SIGSTOP)


def kill_raylet(soak: Soak, command: Marked) -> bool:
    """Ray's process that has all workers."""
    return _signal_one(soak, command, "raylet/raylet", signal.SIGKILL)


def kill_gcs(soak: Soak, command: Marked) -> bool:
    """Ray's process that knows where everything is."""
    return _signal_one(soak, command, "gcs/gcs_server", signal.SIGKILL)


def kill_follower(soak: Soak, command: Marked) -> bool:
    """The process that brings the sweep to MLflow."""
    return _signal_one(soak, command, "raysweep.tracking.following", signal.SIGKILL)


def kill_mlflow(soak: Soak, command: Marked) -> bool:
    """The server, which comes back at once."""
    soak.server.kill()
    soak.server.start()
    return True


def cut_checkpoint(soak: Soak, command: Marked) -> bool:
    """A kill of the driver, and the newest checkpoint of an unfinished trial is half there."""
    paths = soak.project.paths(_name(command))
    files = sorted(paths.checkpoints.glob("*/epoch-*.ckpt"), key=lambda file: file.stat().st_mtime)
    done = finished(paths)
    files = [file for file in files if file.parent.name not in done and len(list(file.parent.glob("epoch-*"))) > 1]
    if not files:
        return False
    command.process.kill()
    command.process.wait()
    _wait_until_gone(command)  # else a worker may write another meanwhile
    os.truncate(files[-1], files[-1].stat().st_size // 2)
    return True


FAULTS: dict[str, Callable[[Soak, Marked], bool]] = {
    "driver killed": kill_driver,
    "driver told to end (SIGTERM)": terminate_driver,
    "Ctrl-C": press_ctrl_c,
    "worker killed": kill_worker,
    "worker hangs": stop_worker,
    "raylet killed": kill_raylet,
    "GCS killed": kill_gcs,
    "tracking process killed": kill_follower,
    "MLflow server killed": kill_mlflow,
    "driver killed, checkpoint cut": cut_checkpoint,
}


def run_round(soak: Soak, number: int, reference: dict[str, Any]) -> None:
    """One sweep to its end, whatever happens."""
    name = f"round_{number}"
    scheduler = SCHEDULERS[number % len(SCHEDULERS)]
    sweep = soak.project.write_sweep(name, param_space=SPACE, scheduler=scheduler)
    paths, before, code = soak.project.paths(name), dict[str, tuple[object, ...]](), -1
    for _ in range(MAX_COMMANDS):
        soak.commands += 1
        with started(soak.project, sweep, "--tracking-uri", soak.server.address) as command:
            while command.process.poll() is None:
                if soak.chance.random() < 0.7:  # else it may be starting still
                    _wait_for_training(command, paths)
                _sleep_while(command, soak.chance.uniform(0.3, 6))
                if command.process.poll() is None and not soak.is_over():
                    before |= finished(paths)
                    soak.inflict(command)
            output, code = command.output(10), command.process.returncode
            if "Traceback" in output:
                soak.losses.append(f"round {number}: a traceback:\n{output}")
        before |= finished(paths)
        if code == 0:
            break
    soak.say(f"round {number} has ended with exit code {code}: {len(finished(paths))} of {NUM_TRIALS} trials finished")
    if code != 0:  # no trial of these fails by itself
        soak.losses.append(
            f"round {number}: {soak.commands} commands, and the last one ended with exit code {code}:\n{output}"
        )
    _check(soak, name, before, reference)


def _check(soak: Soak, name: str, before: Snapshot, reference: dict[str, Any]) -> None:
    try:
        wait_for(soak.server.is_up, name="MLflow")  # it may have been killed a moment ago
        soak.project.run("sync", name, "--tracking-uri", soak.server.address)
        check_sweep(soak.project, name, num_trials=NUM_TRIALS, finished_before=before, tracking_uri=soak.server.address)
        for key, value in _results(soak.project, name).items():
            assert repr(reference[key]) == repr(value), f"{key}: {value}, and {reference[key]} when left alone"
    except AssertionError as error:
        soak.losses.append(f"{name}: {error}")


def _results(project: Project, name: str) -> dict[str, Any]:
    """Every loss and score by what it is of."""
    losses = ("num_steps", "train_loss", "val_loss", "val_mse_batch")
    with LedgerReader(project.paths(name).ledger) as reader:
        results: dict[str, Any] = {
            f"{row['trial_id']} epoch {row['epoch']}": [row[column] for column in losses] for row in reader.epochs()
        }
        for row in rows_of(reader.evaluations()):
            results[f"{row['trial_id']} {row['model']} {row['eval_set_hash']}"] = (row["mse"], row["mae"])
    return results


def _name(command: Marked) -> str:
    return next(Path(word).stem for word in command.process.args if str(word).endswith(".yaml"))  # type: ignore[union-attr]


def _signal_one(soak: Soak, command: Marked, word: str, number: signal.Signals) -> bool:
    pids = [pid for pid, line in command.others().items() if word in line]
    if not pids:
        return False
    try:
        os.kill(soak.chance.choice(sorted(pids)), number)
    except ProcessLookupError:
        return False
    return True


def _sleep_while(command: Marked, seconds: float) -> None:
    end = time.monotonic() + seconds
    while command.process.poll() is None and time.monotonic() < end:
        time.sleep(0.1)


def _wait_for_training(command: Marked, paths: SweepPaths) -> None:
    before, end = num_epochs(paths), time.monotonic() + 60
    while command.process.poll() is None and num_epochs(paths) == before and time.monotonic() < end:
        time.sleep(0.2)


def _wait_until_gone(command: Marked) -> None:
    end = time.monotonic() + 30
    while any("_Inner" in line for line in marked(command.mark).values()) and time.monotonic() < end:
        time.sleep(0.2)


def main() -> None:
    """Prints a line a fault, then a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="raysweep-soak-") as folder:
        project = make_project(Path(folder) / "a project")
        project = PatientProject(project.root, project.environment)
        server = MlflowServer(project.root / "server.db", find_free_port())
        server.start()
        try:
            print("a sweep that is left alone", flush=True)
            sweep = project.write_sweep("reference", param_space=SPACE)
            project.run(sweep, "--tracking-uri", server.address)
            soak = Soak(
                project, server, random.Random(arguments.seed), deadline=time.monotonic() + 60 * arguments.minutes
            )
            reference, number = _results(project, "reference"), 0
            while number == 0 or not soak.is_over():
                run_round(soak, number, reference)
                number += 1
        finally:
            server.kill()
    _report(soak, number)
    sys.exit(1 if soak.losses else 0)


def _report(soak: Soak, num_rounds: int) -> None:
    print("\n| fault | times |\n|---|---|\n" + "\n".join(f"| {name} | {soak.faults[name]} |" for name in FAULTS))
    print(f"| together | {soak.faults.total()} |")
    minutes = (time.monotonic() - soak.began) / 60
    print(f"\n{num_rounds} rounds of {NUM_TRIALS} trials, {soak.commands} commands, {minutes:.1f} minutes.")
    print(f"Lost, counted twice, or other than in a sweep that was left alone: {len(soak.losses)}.")
    for loss in soak.losses:
        print(f"- {loss}")


if __name__ == "__main__":
    main()
