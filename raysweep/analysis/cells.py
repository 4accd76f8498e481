"""The cells of a leaderboard: columns of numbers as columns of text. Must not know: what stands in which column."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import pandas as pd

from raysweep.analysis import numerals


def label_of(row: Mapping[Hashable, Any], varying: Mapping[str, list[str]]) -> str:
    """The model, with the arguments by which its configs differ."""
    if row["place"] == "baseline":
        return str(row["model"]).replace("_", " ")
    arguments = [f"{key.removeprefix('model.')}={numerals.setting(row[key])}" for key in varying[row["model"]]]
    return " ".join([row["model"], *arguments])


def counts(values: pd.Series) -> list[str]:
    """Whole numbers; a missing one is a dash."""
    return [numerals.NOT_MEASURED if pd.isna(value) else numerals.count(value) for value in values]


def scores(shown: pd.DataFrame, prefix: str) -> list[str]:
    """The errors under a prefix of the view; one that was measured and is none is `nan`."""
    return texts(shown[f"{prefix}.mse"], shown[f"{prefix}.num_targets"].fillna(0) > 0, numerals.score)


def intervals(shown: pd.DataFrame) -> list[str]:
    """The intervals of the score that selects; a dash where there is none."""
    return [
        numerals.NOT_MEASURED if pd.isna(low) else f"{numerals.score(low)} to {numerals.score(high)}"
        for low, high in zip(shown["low"], shown["high"], strict=True)
    ]


def skills(shown: pd.DataFrame, prefix: str, name: str) -> list[str]:
    """The skills under a prefix of the view."""
    # Where the score is a number and the skill is none, there was no baseline to compare with.
    is_measured = (shown[f"{prefix}.num_targets"].fillna(0) > 0) & shown[f"{prefix}.mse"].isna()
    return texts(shown[f"{prefix}.{name}"], is_measured, numerals.skill)


def texts(values: pd.Series, is_measured: pd.Series, as_text: Callable[[float], str]) -> list[str]:
    """Numbers as text. A missing one is `nan` where it was measured, else a dash."""
    return [
        as_text(value) if measured or not pd.isna(value) else numerals.NOT_MEASURED
        for value, measured in zip(values, is_measured, strict=True)
    ]
