"""Sweeps with forecasts, as a report wants them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from raysweep.paths import SweepPaths
from tests.analysis.ledgers import FakeTrial, write_ledger

NUM_POINTS = 400
HOSTILE = "<img src=x onerror=alert(1)>&\"'"


def write_forecasts(
    paths: SweepPaths, trial: FakeTrial, *, bias: float = 1.0, channels: tuple[str, ...] = ("level",)
) -> Path:
    """`predictions/<trial_id>.parquet` of a sine that is forecast `bias` too high, laid out as a trial does."""
    level = 50 + 10 * np.sin(np.arange(NUM_POINTS) / 20)
    rows = []
    holdout = (("val", 280, 340), ("test", 340, NUM_POINTS))
    for part, begin, end in holdout if trial.protocol == "holdout" else (("all", 100, NUM_POINTS),):
        forecasts = [("batch", start, 1) for start in range(begin, end)]
        forecasts += [("regressive", start, min(120, end - start)) for start in range(begin, end, 10)]
        for mode, start, num_steps in forecasts:
            for step in range(1, num_steps + 1):
                index = start + step - 1
                place = (trial.dataset, part, mode, start, step, index / 30)
                rows += [(*place, level[index], level[index] + bias, channel) for channel in channels]
    columns = ["eval_dataset", "part", "mode", "start", "step", "time", "actual", "predicted", "channel"]
    paths.predictions.mkdir(parents=True, exist_ok=True)
    file = paths.predictions / f"{trial.trial_id}.parquet"
    pd.DataFrame(rows, columns=columns).to_parquet(file, index=False)
    return file


def small_sweep(paths: SweepPaths, *, name: str = "att", num_seeds: int = 1) -> SweepPaths:
    """Three models on two windows, one trial stopped, one failed; forecasts of all that finished."""
    trials = [
        FakeTrial(
            model=model,
            dataset="4single",
            train={"time_steps": window, "num_epochs": 4},
            seed=seed,
            epochs=4,
            val=base + window / 64 + seed,
            val_far=2 * base + seed,
        )
        for model, base in ((name, 90.0), ("lstm", 95.0), ("vq", 200.0))
        for window in (64, 128)
        for seed in range(num_seeds)
    ]
    trials.append(FakeTrial(dataset="4single", train={"learning_rate": 0.1}, status="stopped", epochs=2))
    trials.append(FakeTrial(dataset="4single", train={"learning_rate": 9.0}, status="failed", error=HOSTILE))
    write_ledger(paths, trials)
    for trial in trials[:-2]:
        write_forecasts(paths, trial)
    return paths
