"""The sections of a report, in order. A new one is a function here, in `SECTIONS`. Must not know: HTML."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from raysweep.analysis import numerals
from raysweep.analysis.leaderboard import leaderboards_of
from raysweep.analysis.report.answers import comparisons
from raysweep.analysis.report.material import Material
from raysweep.analysis.report.origin import origin_section
from raysweep.analysis.report.page import Section, Table, table_of
from raysweep.analysis.report.pictures import forecast_section, training_section
from raysweep.analysis.report.questions import choice_section, transfer_section, window_section
from raysweep.analysis.result_table import Column, TableRow

MAX_ROWS_OF_LEADERBOARD = 100
_MAX_FAILURES = 50


def comparison_section(material: Material) -> Section | None:
    """Every comparison in a row, where there are several."""
    if len(material.verdicts) < 2:
        return None
    return Section(
        title="At a glance",
        lead=f"{len(material.verdicts)} comparisons: each ranks only configs that were scored on the same points.",
        blocks=(comparisons(material.verdicts),),
    )


def leaderboard_section(material: Material) -> Section:
    """The leaderboards as the terminal shows them, with all their columns."""
    boards = leaderboards_of(
        material.rankings,
        units=material.units,
        top=MAX_ROWS_OF_LEADERBOARD,
        has_many_sweeps=material.tables.trials["sweep"].nunique() > 1,
    )
    if not boards:
        return Section(title="Leaderboards", lead="No trial has ended yet.")
    return Section(
        title="Leaderboards",
        lead="A click on a head sorts by it, a second click the other way round.",
        blocks=tuple(table_of(board) for board in boards),
    )


def failure_section(material: Material) -> Section | None:
    """The trials that failed, with their errors."""
    trials = material.tables.trials
    trials = trials[trials["is_current"].astype("bool")]
    num_trials = trials["trial_id"].nunique()
    failed = trials[trials["status"] == "failed"].drop_duplicates("trial_id")  # several sweeps may share it
    if failed.empty:
        return None
    keys = ("model", "dataset", "train.time_steps", "train.learning_rate", "split.origin", "seed", "error", "trial_id")
    titles = ("model", "series", "window", "learning rate", "fold", "seed", "error", "trial")
    words = ("model", "dataset", "error", "trial_id")
    table = Table(
        title="Trials that failed",
        columns=tuple(
            Column(title=title, align="left" if key in words else "right")
            for key, title in zip(keys, titles, strict=True)
        ),
        rows=tuple(
            TableRow(cells=tuple(_text(row[key]) for key in keys), style="unranked")
            for _, row in failed.head(_MAX_FAILURES).iterrows()
        ),
        notes=(f"{len(failed) - _MAX_FAILURES:,} more in trials.parquet.",) if len(failed) > _MAX_FAILURES else (),
    )
    return Section(
        title="Failures",
        lead=f"{numerals.times(len(failed), 'trial')} of {num_trials:,} failed; the same command tries them again.",
        blocks=(table,),
    )


def _text(value: Any) -> str:
    return numerals.NOT_MEASURED if pd.isna(value) else numerals.setting(value)


SECTIONS: tuple[Callable[[Material], Section | None], ...] = (
    comparison_section,
    leaderboard_section,
    window_section,
    choice_section,
    transfer_section,
    forecast_section,
    training_section,
    failure_section,
    origin_section,
)
WAITING = frozenset({choice_section})  # for a helper: these are made after all others
