"""What carries over: models trained on one series and forecasting others, on their test parts.

The skill against the last value stands in a cell: it needs nothing learnt from any series, so that series of different
scale compare, and unlike the mean of the training part it stays a fair opponent where a series has drifted away. Only
for holdout. Must not know: how it is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from raysweep.analysis import numerals
from raysweep.analysis.phases import scored_trials
from raysweep.analysis.ranking import Ranking
from raysweep.analysis.result_table import Column, ResultTable, Style, TableRow
from raysweep.analysis.tables import SweepTables
from raysweep.analysis.views import View
from raysweep.forecasting.baselines import CARRIED_RIDGE

PART = "test"
RIDGE = "ridge"
NOT_FORECAST = "not forecast in these sweeps"


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """The matrices of one fold and mode, one for each model and one for the ridge.

    Attributes:
        view: Which score chose the configs.
        fold: The value of the view's fold key.
        series: All that are trained on or forecast.
        cells: A row for each model, `trained_on` and `forecast`: `config_id`, `window`, `learning_rate`, `mse`,
            `skill_last`, `skill_ridge` (against the ridge trained at home, on `forecast`), `gap` (the skill_last of
            the same model trained at home less that of this cell), `num_seeds`, `reason` where there is no score, and
            `is_baseline`.
    """

    view: View
    fold: float
    series: tuple[str, ...]
    cells: pd.DataFrame

    @property
    def title(self) -> str:
        """Of which forecasts and fold."""
        forecasts = "one-step" if self.view.mode == "batch" else "autoregressive"
        return f"Transfer: {forecasts} forecasts (holdout, {self.view.fold} {self.fold:g})"

    @property
    def matrices(self) -> list[tuple[str, pd.DataFrame]]:
        """The cells of each model, by name; those of the ridge last."""
        by_model = self.cells.groupby(["is_baseline", "model"])
        return [(str(model), cells) for (_, model), cells in by_model]


def transfers(tables: SweepTables, rankings: Sequence[Ranking]) -> list[Transfer]:
    """The matrices of each fold and mode in which any model forecasts a series that it wasn't trained on.

    Args:
        tables: What the rankings were made of.
        rankings: From `rank`; those set apart are left out, as their scores are over other points.
    """
    scores = tables.evaluations
    if not ((scores["kind"] == "trial") & (scores["dataset"] != scores["eval_dataset"])).any():
        return []
    usable = [each for each in rankings if each.view.protocol == "holdout" and not each.apart]
    places = list(dict.fromkeys((each.view.fold, each.fold, str(each.view.mode)) for each in usable))
    by_place = [
        [each for each in usable if (each.view.fold, each.fold, str(each.view.mode)) == place] for place in places
    ]
    homes = [(rankings_here, _best_configs(rankings_here)) for rankings_here in by_place]
    configs = {config for _, best in homes for config in best.index}
    evaluations = _test_scores(tables, configs)
    found = [_transfer(rankings_here, best, evaluations) for rankings_here, best in homes if len(best)]
    return [each for each in found if _is_carried_over(each.cells)]


def transfer_table(transfer: Transfer) -> ResultTable:
    """One row for each model and series that it was trained on."""
    columns = (
        Column(title="model", align="left"),
        Column(title="trained on", align="left"),
        Column(title="window", spare=1),
        *(Column(title=f"on {name}") for name in transfer.series),
        Column(title="gap away"),
    )
    rows = []
    for (_, model, home), cells in transfer.cells.groupby(["is_baseline", "model", "trained_on"], sort=False):
        by_series = {str(row["forecast"]): row for row in cells.to_dict("records")}
        away = cells.loc[cells["forecast"] != home, "gap"].dropna()
        texts = [_cell(by_series.get(name), is_home=name == home) for name in transfer.series]
        first = cells.iloc[0]
        window = numerals.NOT_MEASURED if pd.isna(first["window"]) else numerals.count(first["window"])
        gap = numerals.skill(away.mean()) if len(away) else numerals.NOT_MEASURED
        style: Style = "baseline" if first["is_baseline"] else "ranked"
        rows.append(TableRow(cells=(str(model), str(home), window, *texts, gap), style=style))
    return ResultTable(
        title=transfer.title, rule=rule_of(transfer), columns=columns, rows=tuple(rows), notes=tuple(_notes(transfer))
    )


def rule_of(transfer: Transfer) -> str:
    """How a row was chosen, and what a cell says."""
    return (
        f"Each model's best config by val_mse_{transfer.view.mode} on the series that it was trained on, on the test "
        "part of each series, scaled by that series' own training part. A cell is the skill against the last value (1 "
        "is perfect, 0 no better) and, in brackets, against the ridge trained at home on the series that is forecast. "
        "Gap away: how much skill is lost on the other series against the same model trained there, "
        "on average."
    )


def answer_of(transfer: Transfer) -> str:
    """What was found, in a sentence."""
    cells = transfer.cells
    away = cells[(cells["trained_on"] != cells["forecast"]) & ~cells["is_baseline"]].dropna(subset=["skill_last"])
    if away.empty:
        return f"{transfer.title}: no forecast of another series has a score."
    best = away.sort_values("skill_last").iloc[-1]
    num_better = int((away["skill_ridge"] > 0).sum())
    return (
        f"{transfer.title}: {num_better} of {len(away)} forecasts of series that weren't trained on beat the ridge "
        f"trained at home; the best, {best['model']} from {best['trained_on']} to {best['forecast']}, has skill "
        f"{numerals.skill(best['skill_last'])} against the last value."
    )


def _is_carried_over(cells: pd.DataFrame) -> bool:
    """Whether any model was asked to forecast another series: two series may have been trained on side by side."""
    away = cells[(cells["trained_on"] != cells["forecast"]) & ~cells["is_baseline"]]
    return bool((away["reason"] != NOT_FORECAST).any())


def _best_configs(rankings: Sequence[Ranking]) -> pd.DataFrame:
    """By validation the best config of each model and home series."""
    frames = []
    for ranking in rankings:
        rows = ranking.rows[(ranking.rows["place"] == "ranked") & ranking.rows[ranking.view.score].notna()]
        best = rows.drop_duplicates("model")  # rows come best first
        frames.append(best.assign(dataset=ranking.dataset))
    columns = ["model", "dataset", "train.time_steps", "train.learning_rate"]
    return pd.concat(frames)[columns].sort_values("model", kind="stable")


def _test_scores(tables: SweepTables, configs: set[str]) -> pd.DataFrame:
    """The newest scores of these configs and of all baselines on test parts, at the longest horizon."""
    # Of the seeds that the leaderboard averages, and no others.
    seeds = scored_trials(tables.trials, configs)["trial_id"]
    rows = tables.evaluations
    rows = rows[(rows["part"] == PART) & (rows["trial_id"].isin(seeds) | (rows["kind"] == "baseline"))]
    rows = rows[rows["is_current"].astype("bool")].sort_values("horizon", kind="stable")
    keys = ["kind", "trial_id", "model", "eval_dataset", "split.origin", "mode"]
    is_trial = rows["kind"] == "trial"
    trials = rows[is_trial].drop_duplicates(keys, keep="last")
    return pd.concat([trials, rows[~is_trial].drop_duplicates([*keys, "eval_set_hash"])], ignore_index=True)


def _transfer(rankings: Sequence[Ranking], best: pd.DataFrame, evaluations: pd.DataFrame) -> Transfer:
    view, fold = rankings[0].view, rankings[0].fold
    here = evaluations[(evaluations["mode"] == view.mode) & (evaluations["split.origin"] == fold)]
    of_models = here[here["config_id"].isin(best.index)]
    measured = of_models[of_models["num_targets"] > 0]
    # What is compared must be scored over the same points: those that most scores of a series are over.
    usual = {
        str(name): str(hashes.value_counts().index[0])
        for name, hashes in measured.groupby("eval_dataset")["eval_set_hash"]
    }
    homes = list(dict.fromkeys(ranking.dataset for ranking in rankings))
    series = tuple(dict.fromkeys([*homes, *sorted(of_models["eval_dataset"].unique())]))
    cells = [
        *_cells_of_models(best, of_models, usual, series),
        *_cells_of_ridges(homes, here, usual, series),
    ]
    frame = pd.DataFrame(cells)
    # A model file may have the name of the baseline.
    keys = ["is_baseline", "model", "forecast"]
    at_home = frame[frame["forecast"] == frame["trained_on"]].set_index(keys)["skill_last"]
    own = pd.MultiIndex.from_frame(frame[keys])
    frame["gap"] = at_home.reindex(own).to_numpy() - frame["skill_last"]
    return Transfer(view=view, fold=fold, series=series, cells=frame)


def _cells_of_models(
    best: pd.DataFrame, scores: pd.DataFrame, usual: Mapping[str, str], series: Sequence[str]
) -> Iterator[dict[str, Any]]:
    by_config = {key: rows for key, rows in scores.groupby(["config_id", "eval_dataset"])}
    for config, row in best.iterrows():
        for forecast in series:
            rows = by_config.get((config, forecast), scores.iloc[:0])
            about = {
                "model": str(row["model"]),
                "trained_on": str(row["dataset"]),
                "forecast": forecast,
                "config_id": config,
                "window": int(row["train.time_steps"]),
                "learning_rate": float(row["train.learning_rate"]),
                "is_baseline": False,
            }
            yield {**about, **_score_of(rows, usual.get(forecast))}


def _cells_of_ridges(
    homes: Sequence[str], here: pd.DataFrame, usual: Mapping[str, str], series: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """The ridge of each home series, at home and carried over."""
    baselines = here[here["kind"] == "baseline"]
    for home in homes:
        for forecast in series:
            name = RIDGE if forecast == home else f"{CARRIED_RIDGE}{home}"
            rows = baselines[(baselines["model"] == name) & (baselines["eval_dataset"] == forecast)]
            about = {"model": RIDGE, "trained_on": home, "forecast": forecast, "is_baseline": True}
            score = _score_of(rows[rows["eval_set_hash"] == usual.get(forecast)], usual.get(forecast))
            if score["num_seeds"] == 0:
                score["reason"] = f"no score of the ridge of {home} on {forecast} is in these tables"
            yield {**about, "config_id": None, "window": float("nan"), "learning_rate": float("nan"), **score}


def _score_of(rows: pd.DataFrame, usual: str | None) -> dict[str, Any]:
    """The mean over seeds; where there is none, the reason."""
    measured = rows[(rows["num_targets"] > 0) & (rows["eval_set_hash"] == usual)]
    names = ["mse", "skill_last", "skill_ridge"]
    if len(measured):
        # A seed whose score is NaN makes the mean NaN: it must not drop out.
        means = {name: float(measured[name].mean(skipna=False)) for name in names}
        return {**means, "num_seeds": len(measured), "reason": None}
    reasons = rows["reason"].dropna()
    if len(reasons):
        reason = str(reasons.iloc[0])
    else:
        reason = "scored over other points than the other rows" if len(rows) else NOT_FORECAST
    return {**dict.fromkeys(names, float("nan")), "num_seeds": 0, "reason": reason}


def _cell(cell: Mapping[Any, Any] | None, *, is_home: bool) -> str:
    if cell is None or cell["num_seeds"] == 0:
        return numerals.NOT_MEASURED
    text = numerals.skill(cell["skill_last"])
    if not pd.isna(cell["skill_ridge"]):
        text = f"{text} ({numerals.skill(cell['skill_ridge'])})"
    return f"{text} home" if is_home else text


def _notes(transfer: Transfer) -> Iterator[str]:
    cells = transfer.cells
    missing = cells[cells["num_seeds"] == 0]
    for reason, rows in missing.groupby("reason", sort=False):
        pairs = ", ".join(f"{model} of {home} on {name}" for model, home, name in _places(rows))
        yield f"No score: {pairs}: {reason}."
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
