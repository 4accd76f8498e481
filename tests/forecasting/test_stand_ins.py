"""The series that ship with the project: made by our own script, alike the originals, copied from nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from raysweep.forecasting.datasets import load_series, read_datasets
from raysweep.forecasting.series import Series
from raysweep.paths import PROJECT_ROOT

DATA = PROJECT_ROOT / "data"

# Facts of the originals: points, hours, least, most, mean, standard deviation, noise; all but the first two in µg/m³.
FACTS = {
    "y_w": (733, 24.40, 170, 1938, 1256, 270, 32.3),
    "w_y": (728, 24.23, 32, 1686, 957, 304, 43.3),
    "4single": (1785, 59.92, -194, 625, 112, 155, 32.1),
}
GAP = "4single: one gap of 30 min after row 4"


def noise(values: np.ndarray) -> float:
    """Of white noise on a smooth course: second differences have six times its variance."""
    return float(np.diff(values, 2).std() / 6**0.5)


def stand_in(name: str) -> Series:
    datasets = read_datasets([DATA])
    series = load_series(datasets[name], [DATA / "stand_ins"])  # a folder without originals
    assert series.source == "stand-in"
    return series


def test_the_script_makes_these_very_files(tmp_path: Path) -> None:
    subprocess.run([sys.executable, DATA / "make_stand_ins.py", "--out", tmp_path], check=True)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in (DATA / "stand_ins").iterdir()}
    assert set(made) == {f"{name}.csv" for name in FACTS}


@pytest.mark.parametrize("name", FACTS)
def test_a_stand_in_is_like_the_original(name: str) -> None:
    series = stand_in(name)
    num_points, hours, least, most, mean, std, noise_std = FACTS[name]
    values = series.values[:, 0]
    assert series.values.shape == (num_points, 1)
    assert series.time_hours[-1] == pytest.approx(hours, abs=0.05)
    assert values.min() == pytest.approx(least, abs=0.05 * (most - least) + noise_std)
    assert values.max() == pytest.approx(most, abs=0.05 * (most - least) + noise_std)
    assert values.mean() == pytest.approx(mean, abs=0.02 * (most - least))
    assert values.std() == pytest.approx(std, rel=0.05)
    assert noise(values) == pytest.approx(noise_std, rel=0.05)
    assert series.notices == ((GAP,) if name == "4single" else ())
    assert (series.unit, series.columns) == ("µg/m³", ("formaldehyde(ug/m³)",))


def test_4single_has_the_course_that_tests_a_forecast() -> None:
    series = stand_in("4single")
    hours, values = series.time_hours, series.values[:, 0]

    def mean(start: float, end: float) -> float:
        return float(values[(hours >= start) & (hours < end)].mean())

    start, dip, peak, before, second_peak, end = (
        mean(0, 0.5), mean(0.69, 0.73), mean(1.2, 2), mean(30, 36), mean(37.2, 38), mean(58, 60)
    )  # fmt: skip
    assert start > peak > dip
    assert before < 0 < end < second_peak
    assert second_peak > before + 300
    steps = np.diff(hours)
    assert int(steps.argmax()) == 3  # from row 4 to row 5
    assert steps.max() * 60 == pytest.approx(29.8, abs=0.1)


@pytest.mark.parametrize("name", FACTS)
def test_no_sample_of_an_original_is_in_a_stand_in(name: str) -> None:
    folder = os.environ.get("RAYSWEEP_ORIGINALS")
    if not folder:
        pytest.skip("set RAYSWEEP_ORIGINALS to the folder of the measured series, which are not part of the project")
    datasets = read_datasets([DATA])
    original = load_series(datasets[name], [Path(folder)])
    assert original.source == "original"
    made, measured = stand_in(name).values[:, 0], original.values[:, 0]
    # Independent noise: what is left after the common course has no more in common than chance allows.
    correlation = np.corrcoef(np.diff(made, 2), np.diff(measured, 2))[0, 1]
    assert abs(correlation) < 8 / len(measured) ** 0.5  # six standard deviations
