"""What `raysweep compare` and `raysweep report` take for 10,000 trials, against reading their tables with pandas alone.

    python benchmarks/reports.py

Five models, ten windows, twenty learning rates, two folds and five seeds, made up, with epochs, scores and errors by
block as trials of the original `4single` have them. Each command is a process of its own, as people start it. Seconds
of a processor say more than those of a clock where something else runs; only ratios carry over to other machines.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from raysweep.analysis.export import export_tables
from raysweep.ledger.rows import EvaluationRow
from raysweep.paths import PROJECT_ROOT, SweepPaths

sys.path.insert(0, str(PROJECT_ROOT))  # for the tests' ledgers

from tests.analysis.ledgers import FakeTrial, write_at_once
from tests.analysis.reports import write_forecasts

NUM_BLOCKS = {"batch": 256, "regressive": 27}
MODELS = {"att": 60.0, "att_mh": 66.0, "lstm": 70.0, "vq": 90.0, "vq_mh": 110.0}
READ = "import sys, pandas; [pandas.read_parquet(file) for file in sys.argv[1:]]"


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10_000, help="a multiple of 500")
    parser.add_argument("--repeats", type=int, default=3, help="of which the fastest counts")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="raysweep-bench-") as folder:
        from_ledger = make_sweep(SweepPaths(Path(folder) / "ledger", "made"), num_rates=arguments.trials // 500)
        from_tables = _with_tables_alone(from_ledger, SweepPaths(Path(folder) / "tables", "made"))
        read = [sys.executable, "-c", READ, str(from_tables.trials), str(from_tables.evaluations)]
        yardstick = _seconds(read, arguments.repeats)
        print(f"{'':32s}{'clock':>9s}{'processor':>11s}{'of reading':>12s}")
        _print_row("reading the tables with pandas", yardstick, yardstick)
        for command in ("compare", "report"):
            for name, paths in (("ledger", from_ledger), ("Parquet", from_tables)):
                line = [sys.executable, "-m", "raysweep", command, "--results-dir", str(paths.results_dir)]
                _print_row(f"{command} from {name}", _seconds(line, arguments.repeats), yardstick)
            again = "report again, nothing new" if command == "report" else ""
            if again:
                _print_row(again, _seconds(line, 1), yardstick)


def make_sweep(paths: SweepPaths, *, num_rates: int) -> SweepPaths:
    """A ledger of 500 trials a learning rate, and forecasts of each."""
    random = np.random.default_rng(0)
    choices = itertools.product(MODELS, range(32, 352, 32), np.geomspace(1e-4, 1e-2, num_rates), (0.6, 0.85))
    trials, scores = [], []
    for model, window, rate, origin in choices:
        error = MODELS[model] * (1 + 0.1 * abs(np.log(window / 128))) * (1 + 0.2 * abs(np.log(rate / 1e-3)))
        for seed in range(5):
            val = float(error * np.exp(0.08 * random.standard_normal()))
            trial = FakeTrial(
                model=model,
                dataset="4single",
                train={"time_steps": window, "learning_rate": float(rate)},
                origin=origin,
                seed=seed,
                epochs=50,
                val=val,
                test=1.1 * val,
                val_far=3 * val,
                test_far=3.3 * val,
                num_targets=268,
            )
            trials.append(trial)
            scores += [_with_blocks(row, random) for row in trial.evaluations()]
    folds = {trial.config.origin: trial for trial in trials}
    references = [_with_blocks(row, random) for trial in folds.values() for row in trial.baselines()]
    write_at_once(paths, trials, scores, references)
    forecasts = write_forecasts(paths, trials[0])
    for trial in trials[1:]:
        os.link(forecasts, forecasts.with_stem(trial.trial_id))
    return paths


def _with_blocks(row: EvaluationRow, random: np.random.Generator) -> EvaluationRow:
    if row.kind == "noise_floor":
        return row
    shape = random.exponential(size=NUM_BLOCKS[row.mode])
    return replace(row, block_errors=tuple((row.mse * shape / shape.mean()).tolist()))


def _with_tables_alone(paths: SweepPaths, copy: SweepPaths) -> SweepPaths:
    export_tables(paths)
    copy.root.mkdir(parents=True)
    for file in (paths.trials, paths.epochs, paths.evaluations):
        file.rename(copy.root / file.name)
    copy.predictions.symlink_to(paths.predictions)
    return copy


def _seconds(command: list[str], num_repeats: int) -> tuple[float, float]:
    """By the clock, and of processors, children and all: the lowest of each."""
    clocks, processors = [], []
    for _ in range(num_repeats):
        before, started = _used(), time.perf_counter()
        subprocess.run(command, cwd=PROJECT_ROOT, check=True, stdout=subprocess.DEVNULL, env=_environment())
        clocks.append(time.perf_counter() - started)
        processors.append(_used() - before)
    return min(clocks), min(processors)


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _print_row(name: str, seconds: tuple[float, float], yardstick: tuple[float, float]) -> None:
    clock, processor = seconds
    print(f"{name:32s}{clock:7.1f} s{processor:9.1f} s{processor / yardstick[1]:12.1f}", flush=True)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}


if __name__ == "__main__":
    main()
