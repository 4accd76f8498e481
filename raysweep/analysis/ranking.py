"""Which trials may be ranked against each other, and how they rank: numbers, before anything is drawn.

A contest is a series and a fold; within it only trials with equal `eval_set_hash` are ranked together. Must not
know: files, text, how many rows somebody wants to see.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pandas as pd

from raysweep.analysis.claims import Claims, claim
from raysweep.analysis.columns import CONFIG_KEYS
from raysweep.analysis.membership import is_among
from raysweep.analysis.phases import (
    Optimism,
    as_asked,
    chosen_by,
    optimisms,
    phases_by_sweep,
    with_fresh_seeds_alone,
    with_strongest_phases,
)
from raysweep.analysis.standings import SKILLS, baseline_rows, standings
from raysweep.analysis.tables import SweepTables
from raysweep.analysis.views import VIEWS, View
from raysweep.spec.config import PROTOCOLS

# Of a trial that several sweeps share, the end that is worth most; a later run may go on after a stop.
_MOST_FINAL = ("finished", "diverged", "stopped", "failed")
_SCORE_COLUMNS = ("mse", *SKILLS, "num_targets", "eval_set_hash", "horizon", "reason", "block_errors")


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Trials that were scored on the same evaluation sets, ranked.

    Attributes:
        view: What selects, and what is shown.
        dataset: The series, trained on and forecast.
        fold: The value of the view's fold key.
        data_digest: Of the series.
        data_source: `original`, `stand-in` or `file`.
        horizon: Steps ahead of the score that selects; 0 if nothing was scored.
        num_targets: Forecast points behind that score.
        keys: The config keys of these sweeps.
        rows: From `standings`.
        floors: Mean squared error of the noise floor, by part.
        num_failed: Trials that failed.
        num_old: Trials of the same series and fold that no sweep asks for any more.
        num_old_elsewhere: Such trials of a series or fold that has no ranking; on the last ranking only.
        claims: What may be said of the configs that have enough seeds.
        optimisms: What became of the configs that were chosen to be confirmed, for each sweep that chose some.
        chosen_by: The columns of trials by which configs may have been chosen to be confirmed; none if none were.
        has_other_folds: Whether the series has rankings for other values of the view's fold key.
        apart: Why these aren't in the ranking before; empty if it is the first of its series and fold.
    """

    view: View
    dataset: str
    fold: float
    data_digest: str
    data_source: str
    horizon: int
    num_targets: int
    keys: tuple[str, ...]
    rows: pd.DataFrame
    floors: dict[str, float]
    num_failed: int
    num_old: int = 0
    num_old_elsewhere: int = 0
    apart: str = ""
    claims: Claims = field(default_factory=Claims)
    optimisms: tuple[Optimism, ...] = ()
    chosen_by: tuple[str, ...] = ()
    has_other_folds: bool = False

    @property
    def chosen_by_another(self) -> str:
        """The score by which configs were chosen to be confirmed, where it isn't the one that sorts; else empty."""
        own = f"val_mse_{self.view.mode}" if self.view.mode else self.view.score
        return "" if not self.chosen_by or own in self.chosen_by else self.chosen_by[0]

    @property
    def ranked(self) -> pd.DataFrame:
        """Rows of configs with a mean score and a rank: where any config is confirmed, no others have one."""
        return self.rows[(self.rows["place"] == "ranked") & self.rows["rank"].notna()]


def rank(tables: SweepTables) -> list[Ranking]:
    """All rankings of these sweeps: by protocol, series, fold, one-step before autoregressive."""
    current, old = _current_and_old(tables.trials)
    phases = phases_by_sweep(tables.trials)
    own = _own_scores(tables.evaluations, current)
    references = tables.evaluations[tables.evaluations["kind"] != "trial"]
    rankings: list[Ranking] = []
    num_old = 0
    for protocol in PROTOCOLS:
        views = [view for view in VIEWS if view.protocol == protocol]
        trials = current[current["protocol"] == protocol]
        scored = [_with_scores(trials, own, view) for view in views]
        for dataset in trials["dataset"].unique():
            folds = sorted(trials.loc[trials["dataset"] == dataset, views[0].fold].unique())
            for fold in folds:
                num_old_here = len(_contest(old[old["protocol"] == protocol], dataset, fold, views[0]))
                num_old += num_old_here
                for view, frame in zip(views, scored, strict=True):
                    contest = _contest(frame, dataset, fold, view)
                    for ranking in _rank_contest(contest, phases, own, references, view, num_old_here):
                        rankings.append(replace(ranking, has_other_folds=len(folds) > 1))
    if rankings:
        rankings[-1] = replace(rankings[-1], num_old_elsewhere=len(old) - num_old)
    return rankings


def _current_and_old(trials: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Trials that a sweep asks for, and the others. One that several sweeps share counts once, and names them all."""
    trials = trials.drop_duplicates(["sweep", "trial_id"])
    is_current = trials["is_current"].astype("bool")
    current = with_strongest_phases(trials[is_current])
    finality = current["status"].map({status: place for place, status in enumerate(_MOST_FINAL)})
    kept = current.loc[finality.sort_values(kind="stable").index].drop_duplicates("trial_id").sort_index()
    sweeps = current[["config_id", "sweep"]].drop_duplicates()
    # `home` is where the trial's scores are looked up.
    kept = kept.assign(home=kept["sweep"])
    if sweeps["config_id"].duplicated().any():
        kept["sweep"] = kept["config_id"].map(sweeps.groupby("config_id")["sweep"].agg(", ".join))
    old = trials[~is_current & ~is_among(trials["trial_id"], kept["trial_id"])].drop_duplicates("trial_id")
    return kept, old


def _own_scores(evaluations: pd.DataFrame, current: pd.DataFrame) -> pd.DataFrame:
    """The scores of trials on the series that they were trained on; the longest horizon stands for the others."""
    own = evaluations[
        (evaluations["kind"] == "trial")
        & evaluations["is_current"].astype("bool")
        & (evaluations["dataset"] == evaluations["eval_dataset"])
        & is_among(evaluations["trial_id"], current["trial_id"])
    ]
    own = own.sort_values("horizon", kind="stable")
    return own.drop_duplicates(["sweep", "trial_id", "part", "mode"], keep="last").rename(columns={"sweep": "home"})


def _with_scores(trials: pd.DataFrame, own: pd.DataFrame, view: View) -> pd.DataFrame:
    """The trials with `<prefix>.mse`, ..., `is_scored`, and `eval_sets`: what may be ranked together."""
    for prefix, (part, mode) in view.parts.items():
        scores = own.loc[(own["part"] == part) & (own["mode"] == mode), ["home", "trial_id", *_SCORE_COLUMNS]]
        scores = scores.rename(columns={name: f"{prefix}.{name}" for name in _SCORE_COLUMNS})
        trials = trials.merge(scores, how="left", on=["home", "trial_id"])
    num_targets = trials[f"{view.selecting}.num_targets"].fillna(0)
    is_scored = (trials["status"] == "finished") & (num_targets > 0).astype("bool")
    first, second = (trials[f"{prefix}.eval_set_hash"].fillna("") for prefix in view.parts)
    eval_sets = (first + " " + second).where(is_scored)
    trials = trials.assign(is_scored=is_scored, eval_sets=eval_sets)
    # A trial without a score stands with those that it would have been ranked with: same data, same fold.
    same = ["dataset", "data_digest", view.fold]
    usual = trials[is_scored].groupby(same)["eval_sets"].agg(lambda names: names.value_counts().index[0])
    missing = trials.loc[~is_scored, same].join(usual.rename("usual"), on=same)["usual"]
    return trials.assign(eval_sets=eval_sets.fillna(missing).fillna(""))


def _contest(trials: pd.DataFrame, dataset: str, fold: float, view: View) -> pd.DataFrame:
    return trials[(trials["dataset"] == dataset) & (trials[view.fold] == fold).astype("bool")]


def _rank_contest(
    contest: pd.DataFrame,
    phases: pd.DataFrame,
    own: pd.DataFrame,
    references: pd.DataFrame,
    view: View,
    num_old: int,
) -> Iterator[Ranking]:
    """One ranking for each set of evaluation sets, the one with the most scored trials first."""
    groups = [group for _, group in contest.groupby(["data_digest", "eval_sets"], sort=False)]
    groups.sort(key=lambda group: -int(group["is_scored"].sum()))
    rankings = [_rank_group(group, phases, own, references, view) for group in groups]
    for index, ranking in enumerate(rankings):
        if index == 0:
            yield replace(ranking, num_old=num_old)
        else:
            yield replace(ranking, apart=_why_apart(ranking, rankings[0]))


def _rank_group(
    group: pd.DataFrame, phases: pd.DataFrame, own: pd.DataFrame, references: pd.DataFrame, view: View
) -> Ranking:
    first = group.iloc[0]
    asked = as_asked(group, phases)
    found, chosen = optimisms(asked, view), chosen_by(asked)
    group = with_fresh_seeds_alone(group)
    scored = group[group["is_scored"]]
    # Every scored trial of the group tells the same of what it was scored on.
    about = scored.iloc[0] if len(scored) else None
    hashes = {} if about is None else {prefix: str(about[f"{prefix}.eval_set_hash"]) for prefix in view.parts}
    baselines = baseline_rows(references, hashes, view)
    claims = claim(group, baselines, view)
    keys = tuple(name for name in group.columns if name in CONFIG_KEYS or name.startswith("model."))
    return Ranking(
        view=view,
        dataset=str(first["dataset"]),
        fold=first[view.fold],
        data_digest=str(first["data_digest"]),
        data_source=str(first["data_source"]),
        horizon=0 if about is None else int(about[f"{view.selecting}.horizon"]),
        num_targets=0 if about is None else int(about[f"{view.selecting}.num_targets"]),
        keys=keys,
        rows=standings(group, baselines, view, keys, claims.rows),
        floors=_floors(scored, own, references, view),
        claims=claims,
        optimisms=found,
        chosen_by=chosen,
        num_failed=int((group["status"] == "failed").sum()),
    )


def _floors(scored: pd.DataFrame, own: pd.DataFrame, references: pd.DataFrame, view: View) -> dict[str, float]:
    """The noise floor of each part. It is kept with the one-step evaluation set, whatever the view's mode."""
    one_step = own.loc[own["mode"] == "batch", ["trial_id", "part", "eval_set_hash"]]
    one_step = one_step[is_among(one_step["trial_id"], scored["trial_id"])]
    floors = references[references["kind"] == "noise_floor"]
    found = {}
    for part in dict.fromkeys(part for part, _ in view.parts.values()):
        hashes = one_step.loc[one_step["part"] == part, "eval_set_hash"].unique()
        floor = floors.loc[floors["eval_set_hash"].isin(hashes), "mse"]
        if len(floor):
            found[part] = float(floor.iloc[0])
    return found


def _why_apart(ranking: Ranking, main: Ranking) -> str:
    if ranking.data_source != main.data_source:
        return f"its series is of another source: {ranking.data_source}, not {main.data_source}"
    if ranking.data_digest != main.data_digest:
        return f"its series holds other data: digest {ranking.data_digest[:8]}, not {main.data_digest[:8]}"
    if ranking.horizon != main.horizon:
        return f"its forecasts reach {ranking.horizon} steps ahead, not {main.horizon}"
    if ranking.num_targets != main.num_targets:
        return f"its scores are over {ranking.num_targets:,} points, not {main.num_targets:,}"
    return "its scores are over other points, or by another version of the metric"
