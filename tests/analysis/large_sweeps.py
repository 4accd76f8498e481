"""Sweeps of thousands of trials, and what a processor takes to read them, beside reading with pandas alone."""

from __future__ import annotations

import itertools
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from raysweep.analysis.export import export_tables
from raysweep.ledger.rows import EvaluationRow
from raysweep.paths import PROJECT_ROOT, SweepPaths
from tests.analysis.ledgers import FakeTrial, write_at_once
from tests.analysis.reports import write_forecasts

NUM_BLOCKS = {"batch": 256, "regressive": 27}
MODELS = {"att": 60.0, "att_mh": 66.0, "lstm": 70.0, "vq": 90.0, "vq_mh": 110.0}
READ = "import sys, pandas; [pandas.read_parquet(file) for file in sys.argv[1:]]"


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


def tables_alone(paths: SweepPaths, copy: SweepPaths) -> SweepPaths:
    """Exports a sweep, and moves its tables away from its ledger, as somebody would get them."""
    export_tables(paths)
    return moved(paths, copy)


def moved(paths: SweepPaths, copy: SweepPaths) -> SweepPaths:
    """Moves the tables of a sweep that has been exported."""
    copy.root.mkdir(parents=True)
    for file in (paths.trials, paths.epochs, paths.evaluations):
        file.rename(copy.root / file.name)
    copy.predictions.symlink_to(paths.predictions)
    return copy


@dataclass(frozen=True, kw_only=True)
class Seconds:
    """What a process took, its children and all: the lowest of some runs."""

    clock: float
    processor: float


def seconds_of_both(command: str, paths: SweepPaths, tables: SweepPaths, num_repeats: int) -> tuple[Seconds, Seconds]:
    """Of a command of raysweep, and of reading the tables by turns with it, as other work comes and goes.

    Args:
        command: `compare` or `report`.
        paths: What it reads.
        tables: What pandas reads.
        num_repeats: Runs of each.
    """
    lines = (
        [sys.executable, "-m", "raysweep", command, "--results-dir", str(paths.results_dir)],
        [sys.executable, "-c", READ, str(tables.trials), str(tables.evaluations)],
    )
    runs = [tuple(map(_run, lines)) for _ in range(num_repeats)]
    own, reading = (
        Seconds(clock=min(run.clock for run in of_one), processor=min(run.processor for run in of_one))
        for of_one in zip(*runs, strict=True)
    )
    return own, reading


def _run(line: Sequence[str]) -> Seconds:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    before, started = _used(), time.perf_counter()
    subprocess.run(line, cwd=PROJECT_ROOT, check=True, stdout=subprocess.DEVNULL, env=environment)
    return Seconds(clock=time.perf_counter() - started, processor=_used() - before)


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
