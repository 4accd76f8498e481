"""Which seeds of a config its score is taken from, where a sweep explored configs and confirmed the best of them.

A seed that a config was chosen for is lower than others would be: the config was chosen among many because it is. So
a config that was confirmed is scored by its fresh seeds alone. Must not know: how anything is drawn.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from raysweep.analysis.views import View

# What configs can be chosen by; see `metric` in a sweep file.
_METRICS = ("val_mse_batch", "val_mse_regressive", "Final/val_loss")
_STRENGTHS = {"explore": 1, "confirm": 2}


@dataclass(frozen=True, kw_only=True)
class Optimism:
    """How much too good the scores were that configs were chosen for.

    Attributes:
        sweep: That chose them; empty if there is no other.
        config_id: Of the config that was the best when all were explored.
        num_explored: Configs that it was chosen from, those that were stopped or diverged among them.
        num_seeds: Explored seeds behind its score.
        num_fresh: Fresh seeds with a result.
        explored: Its score when it was chosen.
        fresh: Its score with fresh seeds; NaN where one of them diverged, or has no finite score.
        num_chosen: Configs that were chosen.
        num_compared: Those of them whose fresh and explored scores give a ratio.
        excess: By what share fresh scores are higher than explored ones, in the mean over those.
    """

    sweep: str
    config_id: str
    num_explored: int
    num_seeds: int
    num_fresh: int
    explored: float
    fresh: float
    num_chosen: int
    num_compared: int
    excess: float


def with_strongest_phases(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials, each with the strongest phase that any sweep has for it: one sweep may list what another confirmed.

    Args:
        trials: That sweeps ask for, a row for each sweep; without a column `phase`, nothing was confirmed.
    """
    if "phase" not in trials or not trials["trial_id"].duplicated().any():
        return trials
    strength = trials["phase"].map(_STRENGTHS).fillna(0)
    strongest = strength.groupby(trials["trial_id"]).transform("max")
    phases = strongest.map({value: phase for phase, value in _STRENGTHS.items()})
    return trials.assign(phase=phases.astype(trials["phase"].dtype))


def with_fresh_seeds_alone(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials, without the explored ones of configs that have results of fresh seeds.

    Args:
        trials: With `is_scored`; without a column `phase`, nothing was confirmed.
    """
    if "phase" not in trials:
        return trials
    has_result = trials["is_scored"] | (trials["status"] == "diverged")
    confirmed = trials.loc[(trials["phase"] == "confirm").fillna(False) & has_result, "config_id"]
    is_explored = trials["phase"].ne("confirm").fillna(True).astype("bool")
    return trials[~(trials["config_id"].isin(confirmed) & is_explored)]


def scored_trials(trials: pd.DataFrame, configs: Collection[str]) -> pd.DataFrame:
    """The finished trials that the scores of these configs are taken from, a row for each sweep that asks for one.

    Args:
        trials: As in `SweepTables`.
        configs: Which.
    """
    asked = trials[trials["config_id"].isin(configs) & trials["is_current"].astype("bool")]
    asked = with_strongest_phases(asked.assign(is_scored=asked["status"] == "finished"))
    kept = with_fresh_seeds_alone(asked)
    return kept[kept["is_scored"]]


def phases_by_sweep(trials: pd.DataFrame) -> pd.DataFrame:
    """`trial_id`, `asked_by` (a sweep) and `phase` (as it has it) of all trials that sweeps ask for.

    Empty where no trial has a phase.

    Args:
        trials: As in `SweepTables`.
    """
    asked = trials[trials["is_current"].astype("bool")].drop_duplicates(["sweep", "trial_id"])
    if "phase" not in asked or asked["phase"].isna().all():
        return pd.DataFrame(columns=["trial_id", "asked_by", "phase"])
    return asked[["trial_id", "sweep", "phase"]].rename(columns={"sweep": "asked_by"})


def as_asked(trials: pd.DataFrame, phases: pd.DataFrame) -> pd.DataFrame:
    """The trials, a row for each sweep that asks for one, with the phase that it is of there: what choices follow from.

    Args:
        trials: One row a trial.
        phases: From `phases_by_sweep`.
    """
    if phases.empty:
        return trials.head(0).assign(asked_by="", phase=None)
    return trials.drop(columns="phase").merge(phases, on="trial_id")


def chosen_by(asked: pd.DataFrame) -> tuple[str, ...]:
    """The columns of trials by which configs may have been chosen to be confirmed; none where none were, or none fits.

    Args:
        asked: Of one contest, from `as_asked`, with `is_scored`.
    """
    is_fresh = asked["phase"].eq("confirm").fillna(False)
    fits = set(_METRICS)
    for sweep in asked.loc[is_fresh, "asked_by"].unique():
        in_sweep = asked["asked_by"] == sweep
        chosen = set(asked.loc[in_sweep & is_fresh, "config_id"])
        explored = asked[in_sweep & asked["phase"].eq("explore").fillna(False) & asked["is_scored"]]
        means = explored.groupby("config_id")[list(_METRICS)].mean()
        fits &= {name for name in _METRICS if set(means[name].dropna().nsmallest(len(chosen)).index) == chosen}
    return tuple(name for name in _METRICS if name in fits) if is_fresh.any() else ()


def optimisms(asked: pd.DataFrame, view: View) -> tuple[Optimism, ...]:
    """What became of the best explored configs of one contest, for each sweep that chose some by this view's score.

    Args:
        asked: Of one contest, from `as_asked`, with `is_scored`.
        view: Which score selects.
    """
    sweeps = asked["asked_by"].unique()
    found = (_optimism(asked[asked["asked_by"] == name], view, str(name) if len(sweeps) > 1 else "") for name in sweeps)
    return tuple(one for one in found if one is not None)


def _optimism(trials: pd.DataFrame, view: View, sweep: str) -> Optimism | None:
    explored = trials[(trials["phase"] == "explore").fillna(False)]
    has_result = trials["is_scored"] | (trials["status"] == "diverged")
    fresh = trials[(trials["phase"] == "confirm").fillna(False) & has_result]
    scored = explored[explored["is_scored"]].groupby("config_id")[view.score]
    before = scored.mean().dropna().sort_values(kind="stable")
    scores = fresh[view.score].where(fresh["is_scored"] & np.isfinite(fresh[view.score].astype("float64")))
    after = scores.groupby(fresh["config_id"]).mean(skipna=False)  # a seed that diverged must not drop out
    chosen = set(trials.loc[(trials["phase"] == "confirm").fillna(False), "config_id"])
    if not chosen or set(before.index[: len(chosen)]) != chosen or before.index[0] not in after:
        return None  # nothing was chosen, by another score, or the best has no score any more
    ratios = (after / before[after.index].where(before > 0)).dropna()
    best = str(before.index[0])
    return Optimism(
        sweep=sweep,
        config_id=best,
        num_explored=int(explored.loc[explored["status"] != "failed", "config_id"].nunique()),
        num_seeds=int(scored.size()[best]),
        num_fresh=int((fresh["config_id"] == best).sum()),
        explored=float(before[best]),
        fresh=float(after[best]),
        num_chosen=len(chosen),
        num_compared=len(ratios),
        excess=float(ratios.mean() - 1),
    )
