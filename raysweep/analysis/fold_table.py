"""A comparison over folds as a table of text. Must not know: how a table is drawn, where numbers come from."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from raysweep.analysis import numerals
from raysweep.analysis.cells import counts, label_of, texts
from raysweep.analysis.folds import FoldComparison
from raysweep.analysis.leaderboard import SHORT_NAMES, varying_keys_of
from raysweep.analysis.result_table import Column, ResultTable, TableRow


def fold_table(comparison: FoldComparison, top: int) -> ResultTable:
    """Ranks and skills of each fold beside each other, and their means.

    Args:
        comparison: From `over_folds`.
        top: How many configs it shows at most.
    """
    shown = comparison.rows.head(top)
    columns = list(_columns(comparison, shown))
    forecasts = "one-step" if comparison.view.mode == "batch" else "autoregressive"
    notes = []
    if comparison.num_left_out:
        left_out = numerals.times(comparison.num_left_out, "config")
        notes.append(f"{left_out} left out: no score in every fold.")
    if comparison.num_unconfirmed:
        left_out = numerals.times(comparison.num_unconfirmed, "config")
        notes.append(f"{left_out} left out: not confirmed in every fold in which others are.")
    if comparison.num_twins:
        left_out = numerals.times(comparison.num_twins, "config")
        notes.append(f"{left_out} left out: several with equal settings and model code in a fold.")
    return ResultTable(
        title=f"{comparison.dataset}: {forecasts} forecasts over folds (holdout, {comparison.view.fold})",
        rule=(
            f"Sorted by the mean rank over {len(comparison.folds)} folds, equal ones by how far they are above each "
            "fold's lowest score, in the mean. A rank is the place by "
            f"val_mse_{comparison.view.mode} among these configs; whether it "
            "differs from the next one's is said in the fold's own table. A skill is 1 - MSE / MSE of the ridge, on "
            "the test part, and selects nothing. Errors of different folds are not averaged: each scores other points."
        ),
        columns=tuple(column for column, _ in columns),
        rows=tuple(
            TableRow(cells=cells, style="ranked")
            for cells in zip(*(column_cells for _, column_cells in columns), strict=True)
        ),
        notes=tuple(notes),
        num_hidden=len(comparison.rows) - len(shown),
    )


def _columns(comparison: FoldComparison, shown: pd.DataFrame) -> Iterator[tuple[Column, list[str]]]:
    varying = varying_keys_of(comparison.rows, comparison.keys)
    records = shown.assign(place="ranked").to_dict("records")
    yield Column(title="model", align="left"), [label_of(row, varying) for row in records]
    for key in varying[""]:
        yield Column(title=SHORT_NAMES.get(key, key)), [numerals.setting(value) for value in shown[key]]
    if comparison.rows.duplicated(["model", *comparison.keys]).any():
        yield Column(title="model code"), [numerals.setting(digest)[:8] for digest in shown["model_digest"]]
    yield Column(title="seeds", spare=1), counts(shown["num_scored"])
    yield Column(title="mean rank"), [f"{value:.1f}" for value in shown["mean rank"]]
    is_measured = pd.Series(False, index=shown.index)
    yield Column(title="mean skill"), texts(shown["mean skill"], is_measured, numerals.skill)
    for fold in comparison.folds:
        yield Column(title=f"{fold:g} rank"), counts(shown[f"rank {fold:g}"])
        yield Column(title=f"{fold:g} skill"), texts(shown[f"skill {fold:g}"], is_measured, numerals.skill)
