"""What one ranking comes to: the best config, what it is better than, and what speaks for and against it. Numbers.

Must not know: sentences, how anything is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from raysweep.analysis import numerals
from raysweep.analysis.leaderboard import varying_keys
from raysweep.analysis.phases import scored_trials
from raysweep.analysis.ranking import Ranking

_KEY_WORDS = {"train.time_steps": "window", "train.learning_rate": "learning rate"}
_SEED_SCORES = {"batch": "val_mse_batch", "regressive": "val_mse_regressive", None: "Final/val_loss"}


@dataclass(frozen=True, kw_only=True)
class Rival:
    """What the best config is compared with.

    A lead is NaN where the other score is 0 and this one isn't: no share says how much higher that is.

    Attributes:
        name: A config in words, or a baseline.
        lead: By which share the best config's score is below this one's: 0.05 is 5 % lower, -0.05 is 5 % higher.
        test_lead: The same on the test part, which selects nothing; NaN where there is none.
    """

    name: str
    lead: float
    test_lead: float


@dataclass(frozen=True, kw_only=True)
class Unconfirmed:
    """A config without a rank whose score is lower than that of the best one with a rank.

    Attributes:
        name: The config in words.
        lead: By which share its score is below that of the best baseline; NaN where there is none.
    """

    name: str
    lead: float


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The best config of a ranking in which at least one has a score.

    Attributes:
        ranking: Where it stands first.
        config_id: Of the best config by the ranking's rule.
        label: The config in words.
        score: Of the column that sorts.
        num_ranked: Configs that it was chosen from.
        num_best: Configs that may be the best, as far as the ranking's claims go; 0 where none is claimed.
        against_baseline: `better` or `worse` where it is known to differ from the best baseline; else empty.
        num_seeds: Seeds behind its score.
        num_stopped: Seeds of it that a scheduler stopped.
        is_confirmed: Whether it has enough seeds, none of them stopped.
        lower: The lowest score of all, where a config without a rank has it; else None.
        seed_spread: Standard deviation over its seeds, as a share of the score; NaN with fewer than two.
        baseline: The best one on the score that sorts; None where baselines have no such score.
        runner_up: The next config; None if there is none.
        borders: Searched keys of which it has the lowest or highest value: key, value, `lowest` or `highest`.
    """

    ranking: Ranking
    config_id: str
    label: str
    score: float
    num_ranked: int
    num_best: int
    against_baseline: str
    num_seeds: int
    num_stopped: int
    is_confirmed: bool
    lower: Unconfirmed | None
    seed_spread: float
    baseline: Rival | None
    runner_up: Rival | None
    borders: tuple[tuple[str, str, str], ...]

    @property
    def choice(self) -> tuple[object, ...]:
        """Model and keys of the best config: equal where another series or fold has the same config first."""
        # Not its label, which names what varies in this ranking alone.
        keys = ["model", *(key for key in self.ranking.keys if key != self.ranking.view.fold)]
        found = self.ranking.rows.loc[[self.config_id], keys]
        return tuple(found.astype("object").where(found.notna(), None).iloc[0])


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """What came of the configs where none has a score.

    Attributes:
        num_configs: With a trial that ended in something else than a failure.
        num_diverged: How many of them diverged: with one seed or more, or in an error that is no finite number.
        num_trials: Of those that diverged.
        num_finished: How many of these trials finished all the same.
    """

    num_configs: int
    num_diverged: int
    num_trials: int
    num_finished: int


def divergence_of(rankings: Sequence[Ranking], trials: pd.DataFrame) -> Divergence | None:
    """None if no config diverged.

    Args:
        rankings: In which no config has a score.
        trials: Of the same sweeps.
    """
    places = pd.concat([pd.Series(dtype="str"), *(ranking.rows["place"] for ranking in rankings)])
    places = places[places != "baseline"]
    # What is ranked without a score has one that is no finite number.
    diverged = places.index[places.isin(["diverged", "ranked"])].unique()
    if diverged.empty:
        return None
    ended = trials[trials["is_current"].astype("bool") & trials["config_id"].isin(diverged)]
    return Divergence(
        num_configs=places.index.nunique(),
        num_diverged=len(diverged),
        num_trials=ended["trial_id"].nunique(),
        num_finished=ended.loc[ended["status"] == "finished", "trial_id"].nunique(),
    )


def verdict_of(ranking: Ranking, trials: pd.DataFrame) -> Verdict | None:
    """None if no config has a finite score.

    Args:
        ranking: From `rank`.
        trials: Of the same sweeps.
    """
    rows, score = ranking.rows, ranking.view.score
    # An error that is no finite number is what a divergence comes to.
    is_finite = np.isfinite(rows[score].astype("float64"))
    ranked = rows[(rows["place"] == "ranked") & rows["rank"].notna() & is_finite]
    if ranked.empty:
        return None
    best = ranked.iloc[0]
    baselines = rows[(rows["place"] == "baseline") & is_finite]
    return Verdict(
        ranking=ranking,
        config_id=str(best.name),
        label=label_of(best, ranking),
        score=float(best[score]),
        num_ranked=int(rows["place"].isin(["ranked", "diverged"]).sum()),
        num_best=int(rows["is_best"].sum()),
        against_baseline=str(best["against_baseline"]) if best["is_best"] else "",
        num_seeds=int(best["num_scored"]),
        num_stopped=int(best["num_stopped"]),
        is_confirmed=bool(best["is_confirmed"]),
        lower=_lower(best, rows[(rows["place"] == "ranked") & rows["rank"].isna() & is_finite], baselines, ranking),
        seed_spread=_seed_spread(str(best.name), ranking, trials),
        baseline=_rival(best, baselines.iloc[0], ranking) if len(baselines) else None,
        runner_up=_rival(best, ranked.iloc[1], ranking) if len(ranked) > 1 else None,
        borders=_borders(best, ranking),
    )


def label_of(row: pd.Series, ranking: Ranking) -> str:
    """A row in words: a config's model with all that tells it from others, or a baseline's name."""
    if row["place"] == "baseline":
        return str(row["model"]).replace("_", " ")
    varying = varying_keys(ranking)
    arguments = [f"{key.removeprefix('model.')}={numerals.setting(row[key])}" for key in varying[str(row["model"])]]
    configs = ranking.rows[ranking.rows["place"] != "baseline"]
    keys = ["train.time_steps", *(key for key in varying[""] if configs[key].nunique(dropna=False) > 1)]
    settings = [f"{_KEY_WORDS.get(key, key)} {numerals.setting(row[key])}" for key in dict.fromkeys(keys)]
    name = " ".join([str(row["model"]), *arguments])
    return f"{name} with {_joined(settings)}"


def _rival(best: pd.Series, other: pd.Series, ranking: Ranking) -> Rival:
    score = ranking.view.score
    has_test = "test" in ranking.view.parts
    return Rival(
        name=label_of(other, ranking),
        lead=_lead(best[score], other[score]),
        test_lead=_lead(best["test.mse"], other["test.mse"]) if has_test else float("nan"),
    )


def _lower(best: pd.Series, unranked: pd.DataFrame, baselines: pd.DataFrame, ranking: Ranking) -> Unconfirmed | None:
    score = ranking.view.score
    lowest = unranked.sort_values(score, kind="stable").head(1)
    if lowest.empty or not lowest[score].iloc[0] < best[score]:
        return None
    row = lowest.iloc[0]
    lead = _lead(row[score], baselines[score].iloc[0]) if len(baselines) else float("nan")
    return Unconfirmed(name=label_of(row, ranking), lead=lead)


def _lead(score: float, other: float) -> float:
    if score == other == 0:
        return 0.0
    return float("nan") if pd.isna(score) or pd.isna(other) or other == 0 else float(1 - score / other)


def _seed_spread(config_id: str, ranking: Ranking, trials: pd.DataFrame) -> float:
    scored = scored_trials(trials, [config_id]).drop_duplicates("seed")
    scores = scored[_SEED_SCORES[ranking.view.mode]].dropna()
    return float(scores.std() / scores.mean()) if len(scores) > 1 and scores.mean() > 0 else float("nan")


def _borders(best: pd.Series, ranking: Ranking) -> tuple[tuple[str, str, str], ...]:
    """Where the search ended at the best value itself, among configs of its model: each may have a grid of its own."""
    same_model = ranking.rows[ranking.rows["model"] == best["model"]]
    found = []
    for key in _KEY_WORDS:
        searched = same_model[key].dropna()
        if searched.nunique() > 1 and best[key] in (searched.min(), searched.max()):
            side = "lowest" if best[key] == searched.min() else "highest"
            found.append((key, numerals.setting(best[key]), side))
    return tuple(found)


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
