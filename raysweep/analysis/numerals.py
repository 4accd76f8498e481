"""Numbers as people read them. Must not know: what is shown, or where."""

from __future__ import annotations

import math

import pandas as pd

NOT_MEASURED = "-"


def score(value: float) -> str:
    """Four significant digits, or all before the point; no exponent from 0.0001 to a million."""
    if not math.isfinite(value):
        return _not_finite(value)
    size = abs(value)
    if size != 0 and (size < 1e-4 or size >= 999_999.5):
        return f"{value:.3e}"
    return f"{value:,.0f}" if size >= 999.95 else f"{value:#.4g}"


def skill(value: float) -> str:
    """With its sign, as +0.12."""
    if not math.isfinite(value):
        return _not_finite(value)
    if abs(value) >= 999_999.5:
        return f"{value:+.1e}"
    if abs(value) >= 99.995:
        return f"{value:+,.0f}"
    return f"{round(value, 2) + 0.0:+.2f}"  # -0.001 is +0.00


def seconds(value: float) -> str:
    """Two digits below ten, whole seconds from there on."""
    if not math.isfinite(value):
        return _not_finite(value)
    return f"{value:.2g}" if abs(value) < 9.95 else f"{value:,.0f}"


def count(value: float) -> str:
    """A whole number."""
    return f"{value:,.0f}"


def setting(value: object) -> str:
    """A config's value as one could type it; hardly ever more digits than it was typed with."""
    if value is None or value is pd.NA:
        return NOT_MEASURED
    if isinstance(value, float):
        return NOT_MEASURED if math.isnan(value) else f"{value:.4g}"
    return str(value)


def times(number: int, noun: str) -> str:
    """Such as `1 trial` and `2 trials`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _not_finite(value: float) -> str:
    return "nan" if math.isnan(value) else f"{value:g}"
