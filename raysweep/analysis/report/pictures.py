"""Which forecasts, learning curves and costs a report shows: chosen here, drawn in `figures`.

Must not know: HTML.
"""

from __future__ import annotations

import re

import pandas as pd

from raysweep.analysis.forecasts import ScoredForecasts
from raysweep.analysis.ranking import Ranking
from raysweep.analysis.report import drawings
from raysweep.analysis.report.answers import leading
from raysweep.analysis.report.material import Material
from raysweep.analysis.report.page import Block, Drawing, Section
from raysweep.analysis.tables import load_epochs
from raysweep.analysis.verdicts import Verdict
from raysweep.forecasting.protocol import HORIZONS

SEED_SCORES = {"batch": "val_mse_batch", "regressive": "val_mse_regressive", None: "Final/val_loss"}
# Each picture takes half a second; the leaderboards have all.
_MAX_SERIES, _MAX_TRIALS = 2, 3
_MAX_MODELS, _MAX_WINDOWS = 6, 5
_MAX_CURVES = 60  # of each model: more are a grey area
_REPLICATION_STEPS = 1_000_000  # its one forecast reaches to the end of the series


def forecast_section(material: Material) -> Section | None:
    """Best trials up close, then models and windows side by side."""
    leaders = _leaders(material)
    if not leaders:
        return None
    # By identity: frames can't be compared for equality.
    chosen = {id(leader) for leader in leaders}
    others = [one for one in material.verdicts if id(one) not in chosen and not one.ranking.apart]
    others.sort(key=lambda verdict: verdict.ranking.fold != leaders[0].ranking.fold)
    blocks: list[Block] = []
    drawn: set[str] = set()
    for verdict in [*leaders, *others]:
        drawing = _trial_drawing(material, verdict, drawn) if len(drawn) < _MAX_TRIALS else None
        blocks += [drawing] if drawing else []
    if not blocks:
        lead = "No picture: the files in predictions/ that it would be drawn from aren't here."
        return Section(title="Forecasts", lead=lead)
    side_by_side = _multiples_drawing(material, _autoregressive_of(leaders[0], material))
    blocks += [side_by_side] if side_by_side else []
    lead = "What the best configs forecast. Of several seeds the one with the middle score on validation is shown."
    return Section(title="Forecasts", lead=lead, blocks=tuple(blocks))


def training_section(material: Material) -> Section | None:
    """How errors fell by epoch, and what configs cost."""
    blocks: list[Block] = []
    for verdict in _leaders(material):
        pair = (_learning_drawing(material, verdict), _cost_drawing(material, verdict))
        blocks += [drawing for drawing in pair if drawing]
    if not blocks:
        return None
    lead = "How the error fell while training, and what a lower one costs. Stopped trials are faded."
    return Section(title="Training and cost", lead=lead, blocks=tuple(blocks))


def _leaders(material: Material) -> list[Verdict]:
    """The comparison that matters most of each series, of a few of them."""
    by_series: dict[str, list[Verdict]] = {}
    for verdict in material.verdicts:
        by_series.setdefault(verdict.ranking.dataset, []).append(verdict)
    return [leading(verdicts) for verdicts in by_series.values()][:_MAX_SERIES]


def _autoregressive_of(verdict: Verdict, material: Material) -> Verdict:
    """The comparison of autoregressive forecasts of the same series and fold, if there is one."""
    ranking = verdict.ranking
    for other in material.verdicts:
        found = other.ranking
        is_same = found.dataset == ranking.dataset and found.fold == ranking.fold and not found.apart
        if is_same and found.view.mode == "regressive":
            return other
    return verdict


def _trial_drawing(material: Material, verdict: Verdict, drawn: set[str]) -> Drawing | None:
    """None where the forecasts aren't there, or another comparison has the same trial as its best."""
    trial = material.middle_trial(verdict.config_id, SEED_SCORES[verdict.ranking.view.mode])
    if trial is None or trial["trial_id"] in drawn:
        return None
    forecasts = material.forecasts_of(trial, _horizon(verdict))
    if forecasts is None:
        return None
    drawn.add(str(trial["trial_id"]))
    material.note(f"drawing the forecasts of {verdict.label}")
    seed = f", seed {trial['seed']}" if verdict.num_seeds > 1 else ""
    fold = f" ({_fold(verdict)})" if verdict.ranking.has_other_folds else ""
    dataset = verdict.ranking.dataset
    picture = material.helpers.painters.submit(
        drawings.trial,
        forecasts,
        label=f"{verdict.label}{seed}{fold}",
        dataset=dataset,
        unit=material.units.get(dataset, ""),
    )
    return Drawing(picture=picture, file=f"trials/{_safe(str(trial['trial_id']))}")


def _multiples_drawing(material: Material, verdict: Verdict) -> Drawing | None:
    ranking = verdict.ranking
    # They come confirmed ones first, so that a cell has one where there is one.
    rows = _scored(ranking)
    best = rows.drop_duplicates(["model", "train.time_steps"])
    models = best["model"].drop_duplicates().head(_MAX_MODELS)
    windows = best["train.time_steps"].value_counts().head(_MAX_WINDOWS).index
    best = best[best["model"].isin(models) & best["train.time_steps"].isin(windows)]
    if len(best) < 2:
        return None
    material.note(f"drawing {len(best)} models and windows side by side")
    found = {}
    for config_id, row in best.iterrows():
        trial = material.middle_trial(str(config_id), SEED_SCORES[ranking.view.mode])
        forecasts = None if trial is None else material.forecasts_of(trial, _horizon(verdict))
        if forecasts is not None:
            found[str(row["model"]), int(row["train.time_steps"])] = ScoredForecasts(
                forecasts=forecasts, score=float(row[ranking.view.score]), has_rank=not pd.isna(row["rank"])
            )
    if len(found) < 2 or not any(each.has_rank for each in found.values()):
        return None
    unit = material.units.get(ranking.dataset, "")
    score, score_unit = _score_and_unit(material, verdict)
    picture = material.helpers.painters.submit(
        drawings.multiples,
        found,
        where=_where(verdict),
        score=score,
        score_unit=score_unit,
        unit=unit,
        dataset=ranking.dataset,
    )
    return Drawing(picture=picture, file=_file("forecasts", verdict))


def _learning_drawing(material: Material, verdict: Verdict) -> Drawing | None:
    ranking = verdict.ranking
    is_holdout = ranking.view.protocol == "holdout"
    column = "val_mse_batch" if is_holdout else "val_loss"  # by epoch there is no autoregressive score
    configs = ranking.rows[ranking.rows["place"] != "baseline"]
    trials = material.trials_of([str(name) for name in configs.index])
    trials = trials[trials["status"].isin(["finished", "stopped"])]
    order = trials["config_id"].map({name: place for place, name in enumerate(configs.index)})
    trials = trials.loc[order.sort_values(kind="stable").index].groupby("model").head(_MAX_CURVES)
    curves = _curves(material, trials, column)
    if curves.empty:
        return None
    material.note(f"drawing learning curves: {_where(verdict)}")
    curves["is_best"] = curves["config_id"] == verdict.config_id
    score, unit = _score_and_unit(material, verdict)
    picture = material.helpers.painters.submit(
        drawings.learning, curves, where=_where(verdict), label=verdict.label, score=score, unit=unit
    )
    return Drawing(picture=picture, file=_file("learning", verdict))


def _curves(material: Material, trials: pd.DataFrame, column: str) -> pd.DataFrame:
    found = []
    for paths in material.sweeps:
        ids = list(trials.loc[trials["sweep"] == paths.name, "trial_id"])
        if ids:
            found.append(load_epochs(paths, ids)[["trial_id", "epoch", column]])
    about = trials[["trial_id", "config_id", "model", "status"]]
    if not found:
        return about.assign(epoch=0, score=0.0).head(0)
    epochs = pd.concat(found, ignore_index=True).rename(columns={column: "score"}).dropna()
    return about.merge(epochs[epochs["score"] > 0], on="trial_id").sort_values(["trial_id", "epoch"])


def _cost_drawing(material: Material, verdict: Verdict) -> Drawing | None:
    ranking = verdict.ranking
    score = ranking.view.score
    rows = _scored(ranking)
    rows = rows[rows[score] > 0]
    if len(rows) < 2 or rows["rank"].isna().all() or not (rows["train_seconds"].fillna(0) > 0).any():
        return None
    material.note(f"drawing score against cost: {_where(verdict)}")
    configs = rows.assign(score=rows[score], has_rank=rows["rank"].notna())
    baselines = ranking.rows[ranking.rows["place"] == "baseline"]
    references = {str(row["model"]): float(row[score]) for _, row in baselines.iterrows()}
    references["noise_floor"] = ranking.floors.get(ranking.view.selecting, 0.0)
    name, unit = _score_and_unit(material, verdict)
    picture = material.helpers.painters.submit(
        drawings.cost,
        configs,
        references,
        ranking,
        where=_where(verdict),
        score=name,
        unit=unit,
    )
    return Drawing(picture=picture, file=_file("cost", verdict))


def _scored(ranking: Ranking) -> pd.DataFrame:
    """Configs with a score, by the ranking's order; those without a rank are unconfirmed ones beside confirmed ones."""
    return ranking.rows[(ranking.rows["place"] == "ranked") & ranking.rows[ranking.view.score].notna()]


def _horizon(verdict: Verdict) -> int:
    """The most steps of an autoregressive forecast that count, whatever the comparison's mode."""
    return HORIZONS[-1] if verdict.ranking.view.protocol == "holdout" else _REPLICATION_STEPS


def _where(verdict: Verdict) -> str:
    ranking = verdict.ranking
    name = {"batch": "one-step", "regressive": "autoregressive", None: "replication"}[ranking.view.mode]
    return f"{ranking.dataset}, {name}, {_fold(verdict)}"


def _fold(verdict: Verdict) -> str:
    return f"{verdict.ranking.view.fold} {verdict.ranking.fold:g}"


def _score_and_unit(material: Material, verdict: Verdict) -> tuple[str, str]:
    """The score that selects, in words, and its unit where that is known."""
    if verdict.ranking.view.protocol == "replication":
        return "validation loss", "scaled, in-sample"
    unit = material.units.get(verdict.ranking.dataset, "")
    return "MSE on validation", f"squared {unit}" if unit else ""


def _file(kind: str, verdict: Verdict) -> str:
    """A name for a file; what names of series may hold and names of files may not, becomes a dash."""
    return _safe(f"{kind}-{_where(verdict)}")


def _safe(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip("-.")
