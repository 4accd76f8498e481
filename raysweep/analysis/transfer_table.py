"""The matrices of what carries over as a table of text, and in a sentence. Must not know: how a table is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from raysweep.analysis import numerals
from raysweep.analysis.result_table import Column, ResultTable, Style, TableRow
from raysweep.analysis.transfer import Transfer


def transfer_table(transfer: Transfer) -> ResultTable:
    """One row for each model and series that it was trained on."""
    has_gap = transfer.away["gap"].notna().any()
    columns = (
        Column(title="model", align="left"),
        Column(title="trained on", align="left"),
        Column(title="window", spare=1),
        *(Column(title=f"on {name}") for name in transfer.series),
        *([Column(title="gap away")] if has_gap else []),
        Column(title="gap to ridge"),
    )
    rows = []
    for (_, model, home), cells in transfer.cells.groupby(["is_baseline", "model", "trained_on"], sort=False):
        by_series = {str(row["forecast"]): row for row in cells.to_dict("records")}
        away = cells[cells["forecast"] != home]
        gaps = [_mean_gap(away[name]) for name in (["gap"] if has_gap else []) + ["gap_ridge"]]
        texts = [_cell(by_series.get(name), is_home=name == home) for name in transfer.series]
        first = cells.iloc[0]
        window = numerals.NOT_MEASURED if pd.isna(first["window"]) else numerals.count(first["window"])
        style: Style = "baseline" if first["is_baseline"] else "ranked"
        rows.append(TableRow(cells=(str(model), str(home), window, *texts, *gaps), style=style))
    return ResultTable(
        title=transfer.title, rule=rule_of(transfer), columns=columns, rows=tuple(rows), notes=tuple(_notes(transfer))
    )


def rule_of(transfer: Transfer) -> str:
    """How a row was chosen, and what a cell says."""
    return (
        f"Each model's best config by val_mse_{transfer.view.mode} on the series that it was trained on, on the test "
        "part of each series, scaled by that series' own training part. A cell is the skill against the last value (1 "
        "is perfect, 0 no better) and, in brackets, against the ridge trained at home on the series that is forecast. "
        "Gap away: how much skill is lost on the other series against the same model trained there, on average; gap to "
        "ridge: against the ridge trained there."
    )


def answer_of(transfer: Transfer) -> str:
    """What was found, in a sentence."""
    cells = transfer.cells
    away = cells[(cells["trained_on"] != cells["forecast"]) & ~cells["is_baseline"]].dropna(subset=["skill_last"])
    if away.empty:
        return f"{transfer.title}: no forecast of another series has a score."
    best = away.sort_values("skill_last").iloc[-1]
    beside_ridge = away["skill_ridge"].dropna()
    beaten = (
        f"{int((beside_ridge > 0).sum())} of {len(beside_ridge)} forecasts of series that weren't trained on beat the "
        "ridge trained at home; "
        if len(beside_ridge)
        else ""
    )
    return (
        f"{transfer.title}: {beaten}the best, {best['model']} from {best['trained_on']} to {best['forecast']}, has "
        f"skill {numerals.skill(best['skill_last'])} against the last value."
    )


def missing_lines(transfer: Transfer) -> Iterator[str]:
    """Why cells have no score, a line a reason."""
    missing = transfer.cells[transfer.cells["num_seeds"] == 0]
    for reason, rows in missing.groupby("reason", sort=False):
        pairs = ", ".join(f"{model} of {home} on {name}" for model, home, name in _places(rows))
        yield f"No score: {pairs}: {reason}."


def _cell(cell: Mapping[Any, Any] | None, *, is_home: bool) -> str:
    if cell is None or cell["num_seeds"] == 0:
        return numerals.NOT_MEASURED
    text = numerals.skill(cell["skill_last"])
    if not pd.isna(cell["skill_ridge"]):
        text = f"{text} ({numerals.skill(cell['skill_ridge'])})"
    return f"{text} home" if is_home else text


def _mean_gap(gaps: pd.Series) -> str:
    known = gaps.dropna()
    return numerals.skill(known.mean()) if len(known) else numerals.NOT_MEASURED


def _notes(transfer: Transfer) -> Iterator[str]:
    cells = transfer.cells
    yield from missing_lines(transfer)
    if not transfer.away["gap"].notna().any():
        yield (
            "How much a model loses against itself trained on the other series isn't known, as none was trained there: "
            "list these series under dataset, too."
        )
    away = cells[(cells["trained_on"] != cells["forecast"]) & ~cells["is_baseline"] & cells["skill_ridge"].notna()]
    if len(away):
        num_better = int((away["skill_ridge"] > 0).sum())
        yield (
            f"{num_better} of {len(away)} forecasts of other series beat the ridge that was trained on the series "
            "itself."
        )
        yield from _against_carried_ridge(cells, away)
    if (cells.loc[~cells["is_baseline"], "num_seeds"] == 1).any():
        yield "Where a config has one seed, small differences may be chance."


def _against_carried_ridge(cells: pd.DataFrame, away: pd.DataFrame) -> Iterator[str]:
    ridges = cells[cells["is_baseline"]].set_index(["trained_on", "forecast"])["skill_last"]
    carried = ridges.reindex(pd.MultiIndex.from_frame(away[["trained_on", "forecast"]])).to_numpy()
    is_comparable = ~pd.isna(carried)
    if is_comparable.any():
        num_better = int((away["skill_last"].to_numpy() > carried)[is_comparable].sum())
        yield f"{num_better} of {is_comparable.sum()} beat the ridge that was carried over from the same series."


def _places(rows: pd.DataFrame) -> list[tuple[str, str, str]]:
    return list(zip(rows["model"], rows["trained_on"], rows["forecast"], strict=True))
