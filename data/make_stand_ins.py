"""Makes the stand-ins for the measured series: simulated formaldehyde in a test chamber.

A stand-in has the length, the sampling, the range and the course of the series that it stands for, so that sweeps can
be tried where the measurement is not at hand. It is no measurement, and no sample of one went into it: every number
comes from the mass balance below, the rounded parameters in `RECIPES` and a fixed seed.

The air in the chamber is well mixed and exchanged at a rate a (per hour). Sources in it would, if they lasted, hold
it at the concentration S(t) in µg/m³. Then

    dC/dt = a * (S(t) - C),    S(t) = sum of level * exp(-(t - start) / decay_hours) over the sources that have started

has a closed solution. From C(0) = c0 each source adds

    level * a / (a - r) * (exp(-r * u) - exp(-a * u)),    r = 1 / decay_hours,    u = max(0, t - start)

to c0 * exp(-a * t): a rise within about 1 / a hours, then a decay as slow as the source's own. To this the sensor
adds a zero point that drifts linearly, which is how a reading falls below zero, and white noise of constant standard
deviation. The chamber of `4single` was in use before (`Before`): its old air decays until the door is opened and the
sample put in.

    python data/make_stand_ins.py [--out FOLDER]

Equal seeds give equal files, byte for byte.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

STEP_SECONDS = 120
HEADER = "time(h),formaldehyde(ug/m³)"


@dataclass(frozen=True)
class Source:
    """Something that gives off formaldehyde, from `start_hours` on, weaker with every `decay_hours`."""

    start_hours: float
    level: float
    decay_hours: float


@dataclass(frozen=True)
class Before:
    """What the chamber held before its door was opened: `level` at time 0, going down by `per_hour` of itself."""

    opened_hours: float
    level: float
    per_hour: float


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The parameters of one stand-in.

    Attributes:
        seed: Of noise and clock.
        num_points: The length.
        exchange_per_hour: The rate a.
        start_level: c0, at time 0 or when the door was opened.
        sources: All that emit.
        noise_std: Of the sensor, in µg/m³.
        drift_per_hour: Of the sensor's zero point, in µg/m³.
        before: What was in the chamber first.
        gap_seconds: One long step after the first four points; 0 for none.
        has_jitter: Whether steps differ by a second or two, as those of a clock that counts whole seconds.
    """

    seed: int
    num_points: int
    exchange_per_hour: float
    start_level: float
    sources: tuple[Source, ...]
    noise_std: float
    drift_per_hour: float = 0.0
    before: Before | None = None
    gap_seconds: int = 0
    has_jitter: bool = False


RECIPES = {
    "y_w": Recipe(
        seed=1,
        num_points=733,
        exchange_per_hour=3.6,
        start_level=200.0,
        sources=(Source(0.0, 870.0, 8.5), Source(0.0, 1080.0, 120.0)),
        noise_std=32.0,
    ),
    "w_y": Recipe(
        seed=2,
        num_points=728,
        exchange_per_hour=3.9,
        start_level=95.0,
        sources=(Source(0.0, 1240.0, 10.0), Source(0.0, 500.0, 10_000.0)),
        noise_std=43.0,
    ),
    "4single": Recipe(
        seed=3,
        num_points=1785,
        exchange_per_hour=6.0,
        start_level=85.0,
        sources=(Source(0.68, 490.0, 6.0), Source(36.9, 160.0, 4.0), Source(36.9, 400.0, 42.0)),
        noise_std=32.0,
        drift_per_hour=-2.3,
        before=Before(opened_hours=0.68, level=620.0, per_hour=0.85),
        gap_seconds=1_787,
        has_jitter=True,
    ),
}


def simulate(recipe: Recipe) -> tuple[FloatArray, FloatArray]:
    """Times in hours and readings in µg/m³, each (N,)."""
    rng = np.random.default_rng(recipe.seed)
    steps = np.full(recipe.num_points - 1, STEP_SECONDS)
    if recipe.has_jitter:
        steps += rng.choice([-2, -1, 0, 1, 2], size=len(steps), p=[0.005, 0.195, 0.6, 0.195, 0.005])
    if recipe.gap_seconds:
        steps[3] = recipe.gap_seconds
    hours = np.concatenate([[0], np.cumsum(steps)]) / 3600
    noise = rng.normal(0.0, recipe.noise_std, recipe.num_points)
    return hours, concentration(recipe, hours) + recipe.drift_per_hour * hours + noise


def concentration(recipe: Recipe, hours: FloatArray) -> FloatArray:
    """The mass balance's solution at (N,) times, in µg/m³."""
    rate = recipe.exchange_per_hour
    opened = recipe.before.opened_hours if recipe.before else 0.0
    level = recipe.start_level * np.exp(-rate * np.maximum(0.0, hours - opened))
    for source in recipe.sources:
        own_rate = 1 / source.decay_hours
        since = np.maximum(0.0, hours - source.start_hours)
        level += source.level * rate / (rate - own_rate) * (np.exp(-own_rate * since) - np.exp(-rate * since))
    if recipe.before:
        old_air = recipe.before.level * np.exp(-recipe.before.per_hour * hours)
        level = np.where(hours < opened, old_air, level)
    return level


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes one CSV file a recipe."""
    parser = argparse.ArgumentParser(description="Make the stand-ins for the measured series.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "stand_ins", help="folder to write to")
    folder: Path = parser.parse_args(arguments).out
    folder.mkdir(parents=True, exist_ok=True)
    for name, recipe in RECIPES.items():
        # Rounded well above the last digits of exp(), which differ between processors.
        rows = [f"{hour:.6f},{value:.2f}" for hour, value in zip(*simulate(recipe), strict=True)]
        (folder / f"{name}.csv").write_bytes("\n".join([HEADER, *rows, ""]).encode())


if __name__ == "__main__":
    main()
