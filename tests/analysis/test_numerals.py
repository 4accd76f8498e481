from __future__ import annotations

import math

import pandas as pd
import pytest

from raysweep.analysis import numerals


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.000"),
        (0.0170119, "0.01701"),
        (0.00012, "0.0001200"),
        (0.000012345, "1.234e-05"),
        (1.0, "1.000"),
        (130.0, "130.0"),
        (999.94, "999.9"),
        (999.96, "1,000"),
        (1128.09, "1,128"),
        (20751.3, "20,751"),
        (999_999.4, "999,999"),
        (999_999.6, "1.000e+06"),
        (12_345_678.0, "1.235e+07"),
        (-1234.5, "-1,234"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (math.nan, "nan"),
    ],
)
def test_score(value: float, text: str) -> None:
    assert numerals.score(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1234, "+0.12"),
        (-0.3, "-0.30"),
        (-0.001, "+0.00"),
        (0.0, "+0.00"),
        (-99.99, "-99.99"),
        (-1234.56, "-1,235"),
        (-2_500_000.0, "-2.5e+06"),
        (-math.inf, "-inf"),
        (math.nan, "nan"),
    ],
)
def test_skill(value: float, text: str) -> None:
    assert numerals.skill(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.042, "0.042"), (4.21, "4.2"), (9.96, "10"), (3600.4, "3,600")])
def test_seconds(value: float, text: str) -> None:
    assert numerals.seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(3e-4, "0.0003"), (1e-5, "1e-05"), (64, "64"), (True, "True"), ("rope", "rope"), (math.nan, "-"), (pd.NA, "-")],
)
def test_setting(value: object, text: str) -> None:
    assert numerals.setting(value) == text


def test_times() -> None:
    assert [numerals.times(number, "trial") for number in (0, 1, 1200)] == ["0 trials", "1 trial", "1,200 trials"]
