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

from raysweep.analysis.phases import scored_trials
from raysweep.analysis.ranking import Ranking
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
            the same model trained at home less that of this cell), `gap_ridge` (that of the ridge trained at home less
            that of this cell), `num_seeds`, `reason` where there is no score, and `is_baseline`.
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
    def away(self) -> pd.DataFrame:
        """The cells of series that weren't trained on."""
        return self.cells[self.cells["trained_on"] != self.cells["forecast"]]

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
    ridges = here[(here["kind"] == "baseline") & (here["model"] == RIDGE)].drop_duplicates(
        ["eval_dataset", "eval_set_hash"]
    )
    places = pd.MultiIndex.from_tuples([(name, usual.get(name, "")) for name in frame["forecast"]])
    there = ridges.set_index(["eval_dataset", "eval_set_hash"])["skill_last"].reindex(places)
    frame["gap_ridge"] = there.to_numpy() - frame["skill_last"]
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
