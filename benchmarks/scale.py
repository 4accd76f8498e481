"""What the driver costs as the number of trials grows: seconds and memory a trial, the ledger, the commands around it.

    python benchmarks/scale.py --trials 100,1000,3000,10000 --slots 64

Runs a whole sweep for each number: plan, ledger, Ray, Tune's loop with scheduler and recorder, the same command again,
and the export. All of that is what people run; only the workers are dummies, which load no torch and have made-up
reports ready at once. So the driver is never idle, and the time of a trial is what the driver takes for it. Every slot
is a process of Ray's of about 110 MB, whatever the machine has in processors.

Where a machine has other work, seconds of the processor say more than those of the clock. Both are shown.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from raysweep import app
from raysweep.commands import export_sweep
from raysweep.paths import PROJECT_ROOT
from raysweep.planning.progress import Progress
from raysweep.prepare import Workspace, prepare
from raysweep.tracking.errors import TrackingError
from raysweep.tracking.follower import Follower
from raysweep.tracking.sync import sync_ledger
from raysweep.tuning import runner

NUM_SEEDS = 5
NUM_EPOCHS, GRACE_PERIOD = 10, 5  # two reports a trial, or one where it is stopped
SAY_SECONDS = 10.0
MB, KB = 1e6, 1e3

Figures = Mapping[str, float]
COLUMNS: Mapping[str, Callable[[Figures], str]] = {
    "trials": lambda run: f"{run['trials']:,.0f}",
    "clock, s": lambda run: f"{run['clock']:.0f}",
    "clock a trial, ms": lambda run: f"{1e3 * run['clock'] / run['trials']:.1f}",
    "driver's processor a trial, ms": lambda run: f"{1e3 * run['cpu'] / run['trials']:.1f}",
    "in the last tenth": lambda run: f"{1e4 * run['cpu_of_last_tenth'] / run['trials']:.1f}",
    "driver's memory, MB": lambda run: f"{run['peak'] / MB:.0f}",
    "more a trial, kB": lambda run: f"{(run['peak'] - run['rss_at_first']) / run['trials'] / KB:.0f}",
    "ledger, MB": lambda run: f"{run['ledger'] / MB:.1f}",
    "plan, s": lambda run: f"{run['plan']:.2f}",
    "register, s": lambda run: f"{run['register']:.2f}",
    "after the last trial, s": lambda run: f"{run['after_last']:.1f}",
    "again, s": lambda run: f"{run['again']:.2f}",
    "export, s": lambda run: f"{run['export']:.1f}",
    "memory with export, MB": lambda run: f"{run['peak_with_export'] / MB:.0f}",
}
OF_MLFLOW: Mapping[str, Callable[[Figures], str]] = {
    "follower's processor a trial, ms": lambda run: f"{1e3 * run['follower_cpu'] / run['trials']:.1f}",
    "follower's memory, MB": lambda run: f"{run['follower_rss'] / MB:.0f}",
    "sync after it, s": lambda run: f"{run['sync']:.0f}",
}


@dataclass(frozen=True)
class Moment:
    """Where the driver was: seconds of clock and processor, bytes."""

    clock: float
    cpu: float
    rss: float

    @classmethod
    def now(cls) -> Moment:
        """This one."""
        return cls(time.perf_counter(), time.process_time(), _memory("VmRSS"))


@dataclass
class Watch:
    """Stands in for the screen; notes when each tenth of the trials was done, and how long the parts took."""

    tenths: list[Moment] = field(default_factory=list)
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    follower: dict[str, float] = field(default_factory=dict)
    _pid: int | None = None
    _said_at: float = 0.0

    def note(self, line: str) -> None:
        """Of a sweep."""
        _say(line)

    def show(self, progress: Progress) -> None:
        """The first moment is that of the first trial's start."""
        has_begun, due = progress.num_running + progress.num_done, len(self.tenths) * progress.num_trials / 10
        if has_begun and progress.num_done >= due:
            self.tenths.append(Moment.now())
            if self._pid is not None:
                self.follower = {"follower_cpu": _cpu_of(self._pid), "follower_rss": _memory("VmHWM", self._pid)}
        if time.monotonic() - self._said_at > SAY_SECONDS:
            self._said_at = time.monotonic()
            _say(f"{progress.num_done} of {progress.num_trials} trials, {_memory('VmRSS') / MB:.0f} MB")

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Notes what a part takes; the first time, where it comes twice."""
        begun = time.process_time()
        yield
        self.cpu_seconds.setdefault(name, time.process_time() - begun)

    def wrapped(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed."""

        def timed_function(*arguments: Any) -> Any:
            with self.timed(name):
                return function(*arguments)

        return timed_function

    def watched(self, start_follower: Callable[..., Follower], *arguments: Any) -> Follower:
        """The process that follows the ledger for MLflow, whose number is noted."""
        follower = start_follower(*arguments)
        self._pid = follower.pid
        return follower


def measure(num_trials: int, num_slots: int, scheduler: str, is_mlflow: bool) -> Figures:
    """One sweep, in this process."""
    watch = Watch()
    runner.run_trials = partial(_run_dummies, runner.run_trials)
    app.make_current = watch.wrapped("register", app.make_current)
    app.start_follower = partial(watch.watched, app.start_follower) if is_mlflow else _no_follower
    with tempfile.TemporaryDirectory(prefix="raysweep-bench-") as folder:
        root = Path(folder)
        sweep = _write_sweep(root, num_trials, scheduler)
        uri, models = f"sqlite:///{root}/mlflow.db", PROJECT_ROOT / "models"
        workspace = Workspace(results_dir=root / "results", tracking_uri=uri, data_dir=None, models_dir=models)
        with watch.timed("plan"):
            prepared = prepare(sweep, [], workspace)
            prepared.plan()
        with app.opened(prepared, watch.note) as head:
            app.run_sweep(head, workspace, watch, num_jobs=num_slots, is_verbose=False)
        ended, peak, size = Moment.now(), _memory("VmHWM"), prepared.paths.ledger.stat().st_size
        first, before_last, last = watch.tenths[0], watch.tenths[-2], watch.tenths[-1]
        with watch.timed("again"), app.opened(prepare(sweep, [], workspace), watch.note) as head:
            app.run_sweep(head, workspace, watch, num_jobs=num_slots, is_verbose=False)
        begun = time.perf_counter()
        if is_mlflow:
            sync_ledger(prepared.paths, uri)
        synced = time.perf_counter()
        with watch.timed("export"):
            export_sweep(prepared.paths, prepared.catalog)
    return {
        "trials": num_trials,
        "clock": last.clock - first.clock,
        "cpu": last.cpu - first.cpu,
        "cpu_of_last_tenth": last.cpu - before_last.cpu,
        "after_last": ended.clock - last.clock,
        "rss_at_first": first.rss,
        "peak": peak,
        "peak_with_export": _memory("VmHWM"),
        "ledger": size,
        "sync": synced - begun,
        **watch.follower,
        **watch.cpu_seconds,
    }


def _run_dummies(run_trials: Callable[..., None], *arguments: Any, **named: Any) -> None:
    """With dummies in place of raysweep's workers. Not before: nothing may load Ray before it is started."""
    import dummy_trials

    from raysweep.tuning import trainable

    trainable.TrialActor = dummy_trials.DummyActor
    run_trials(*arguments, **named)


def _no_follower(*_: object) -> Follower:
    raise TrackingError("--mlflow follows it")


def _write_sweep(root: Path, num_trials: int, scheduler: str) -> Path:
    assert num_trials % NUM_SEEDS == 0, f"every config has {NUM_SEEDS} seeds"
    rates = [round(1e-5 * (1 + index), 8) for index in range(num_trials // NUM_SEEDS)]
    asha = {"asha": {"grace_period": GRACE_PERIOD, "reduction_factor": 3, "within": ["model", "dataset"]}}
    content = {
        "name": "scale",
        "seeds": list(range(NUM_SEEDS)),
        "param_space": {
            "model": "att",
            "dataset": "w_y",
            "train.time_steps": 16,
            "train.num_epochs": NUM_EPOCHS,
            "train.learning_rate": {"grid_search": rates},
        },
        "scheduler": asha if scheduler == "asha" else "fifo",
    }
    file = root / "scale.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def _memory(what: str, pid: int | None = None) -> float:
    """Bytes of a process, this one by default."""
    lines = Path(f"/proc/{pid or 'self'}/status").read_text().splitlines()
    return 1024 * float(next(line for line in lines if line.startswith(what)).split()[1])


def _cpu_of(pid: int) -> float:
    """Seconds of the processor that a process has had."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _say(line: str) -> None:
    """Beside the table, not in it."""
    print(f"{time.strftime('%H:%M:%S')}  load {os.getloadavg()[0]:.1f}  {line}", file=sys.stderr, flush=True)


def _table(runs: Sequence[Figures], columns: Mapping[str, Callable[[Figures], str]]) -> str:
    lines = [["", *columns, ""], *[["", *(text(run) for text in columns.values()), ""] for run in runs]]
    lines.insert(1, ["", *["---:"] * len(columns), ""])
    return "\n".join(" | ".join(cells).strip() for cells in lines)


def main() -> None:
    """Prints a table, in Markdown; a process of its own for every number, so that each has its own memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", default="100,1000,3000,10000", help="numbers of trials, with commas")
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--scheduler", choices=("asha", "fifo"), default="asha")
    parser.add_argument("--mlflow", action="store_true", help="let a process follow the ledger for MLflow")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.slots, arguments.scheduler, arguments.mlflow)))
        return
    command = [sys.executable, __file__, "--slots", str(arguments.slots), "--scheduler", arguments.scheduler]
    command += ["--mlflow"] if arguments.mlflow else []
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    columns, runs = {**COLUMNS, **(OF_MLFLOW if arguments.mlflow else {})}, list[Figures]()
    for num_trials in arguments.trials.split(","):
        one = [*command, "--measure", num_trials]
        done = subprocess.run(one, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        runs.append(json.loads(done.stdout.splitlines()[-1]))
        _say(f"{num_trials} trials: {done.stdout.splitlines()[-1]}")
    print(_table(runs, columns))


if __name__ == "__main__":
    main()
