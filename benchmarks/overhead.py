"""What a sweep costs beyond its training: start-up, and overhead a trial, against the same trials in a plain loop.

    python benchmarks/overhead.py --trials 200

Runs many small trials twice on as many processes: as a sweep through Ray Tune, with ledger, checkpoints, scores and
forecasts; and one after the other in one process without any of Ray, ledger and MLflow. Only ratios carry over to other
machines.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import yaml

from raysweep.forecasting.inputs import TrialInputs
from raysweep.forecasting.trial import TrialRun
from raysweep.ledger.reader import LedgerReader
from raysweep.paths import PROJECT_ROOT, SweepPaths
from raysweep.prepare import PreparedSweep, Workspace, prepare
from raysweep.spec.config import Config


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="raysweep-bench-") as folder:
        root = Path(folder)
        sweep = _write_sweep(root, arguments.trials)
        started = time.time()
        command = [sys.executable, "-m", "raysweep", str(sweep), "--jobs", str(arguments.jobs)]
        subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL, env=_environment())
        ended = time.time()
        began = time.time()
        subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL, env=_environment())
        again = time.time() - began
        with LedgerReader(SweepPaths(root / "results", "overhead").ledger) as reader:
            trials = reader.trials()
        first = min(trial["started_at"] for trial in trials)
        last = max(trial["finished_at"] for trial in trials)
        plain = _plain_loop(_prepared(sweep, root))
        a_trial = (last - first) * arguments.jobs / len(trials)
    print(f"trials                              {len(trials):8d} on {arguments.jobs} workers")
    print(f"before the first trial              {first - started:8.2f} s")
    print(f"after the last trial                {ended - last:8.2f} s")
    print(f"the same command again              {again:8.2f} s")
    print(f"a trial, worker time                {a_trial:8.3f} s")
    print(f"a trial in a plain loop             {plain:8.3f} s")
    print(f"overhead a trial                    {a_trial - plain:8.3f} s")
    print(f"worker time / plain loop            {a_trial / plain:8.2f}")


def _write_sweep(root: Path, num_trials: int) -> Path:
    content = {
        "name": "overhead",
        "seeds": list(range(num_trials)),
        "param_space": {"model": "att", "dataset": "w_y", "train.time_steps": 16, "train.num_epochs": 2},
    }
    file = root / "overhead.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def _prepared(sweep: Path, root: Path) -> PreparedSweep:
    workspace = Workspace(
        results_dir=root / "plain", tracking_uri="", data_dir=None, models_dir=PROJECT_ROOT / "models"
    )
    return prepare(sweep, [], workspace)


def _plain_loop(prepared: PreparedSweep) -> float:
    """Seconds a trial without Ray, ledger and MLflow, but with the same checkpoints, scores and forecasts."""
    torch.set_num_threads(1)
    inputs = TrialInputs(
        sources=prepared.catalog.sources,
        series={name: prepared.catalog.series(name) for name in prepared.dataset_names()},
        evaluate_on=None,
        storage=prepared.storage,
    )
    trials = prepared.wanted[:50]
    started = time.perf_counter()
    for trial in trials:
        run = TrialRun(
            trial_id=trial.trial_id,
            config=Config.from_flat(trial.config),
            seed=trial.seed,
            inputs=inputs,
            device=torch.device("cpu"),
        )
        for _ in run.epochs():
            pass
        run.save()
        run.score()
    return (time.perf_counter() - started) / len(trials)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}


if __name__ == "__main__":
    main()
