"""One config over several folds of a series: its rank and skill in each, side by side.

Every fold is ranked by itself; errors of different folds are never averaged, as each scores other points. Must not
know: how a table is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from raysweep.analysis.ranking import Ranking
from raysweep.analysis.views import View

SKILL = "test.skill_ridge"
CODE = ("model", "model_digest")


@dataclass(frozen=True, kw_only=True)
class FoldComparison:
    """The configs that have a score in every fold of one series.

    Attributes:
        view: How each fold was ranked.
        dataset: The series.
        folds: In order.
        keys: The config keys of these sweeps, without that of the fold.
        rows: A row a config, the lowest mean rank first, of equal ones the lowest `mean excess`: `model`,
            `model_digest`, the keys, `num_scored` (the fewest seeds of a fold), `rank <fold>` among these configs,
            `skill <fold>` on the fold's test part, `excess <fold>` (by what share its validation score is above the
            fold's lowest), `mean rank`, `mean skill`, `mean excess`.
        num_left_out: Configs that lack a score in some fold.
        num_unconfirmed: Configs with a score in every fold, but in some without a rank, as others are confirmed there.
        num_twins: Settings with a score in every fold, but in some as two configs that nothing here tells apart.
    """

    view: View
    dataset: str
    folds: tuple[float, ...]
    keys: tuple[str, ...]
    rows: pd.DataFrame
    num_left_out: int
    num_unconfirmed: int
    num_twins: int


def over_folds(rankings: Sequence[Ranking]) -> list[FoldComparison]:
    """One comparison for each series and mode that has several folds; rankings that were kept apart are left out."""
    contests: dict[tuple[str, str | None, str], list[Ranking]] = {}
    for ranking in rankings:
        # Replication has no test part, and its windows are no folds.
        if not ranking.apart and "test" in ranking.view.parts:
            contest = (ranking.view.protocol, ranking.view.mode, ranking.dataset)
            contests.setdefault(contest, []).append(ranking)
    compared = [_compare(of_series) for of_series in contests.values() if len(of_series) > 1]
    return [comparison for comparison in compared if len(comparison.rows)]


def _compare(rankings: Sequence[Ranking]) -> FoldComparison:
    view = rankings[0].view
    keys = tuple(key for key in dict.fromkeys(key for r in rankings for key in r.keys) if key != view.fold)
    scored = {ranking.fold: _by_settings(ranking.rows[ranking.rows["place"] == "ranked"], keys) for ranking in rankings}
    by_fold = {fold: rows[rows["rank"].notna()] for fold, rows in scored.items()}
    anywhere = set.union(*(set(rows.index) for rows in scored.values()))
    scored_everywhere = set.intersection(*(set(rows.index) for rows in scored.values()))
    twins = {label for rows in scored.values() for label in rows.index[rows.index.duplicated()]}
    everywhere = sorted(set.intersection(*(set(rows.index) for rows in by_fold.values())) - twins)
    first = by_fold[rankings[0].fold].loc[everywhere]
    table = first.reindex(columns=[*CODE, *keys])
    table["num_scored"] = pd.concat([rows.loc[everywhere, "num_scored"] for rows in by_fold.values()], axis=1).min(
        axis=1
    )
    for fold, rows in by_fold.items():
        score = rows.loc[everywhere, view.score]
        table[f"rank {fold:g}"] = score.rank(method="min")
        table[f"excess {fold:g}"] = score / score.min() - 1
        table[f"skill {fold:g}"] = rows.loc[everywhere, SKILL]
    for name in ("rank", "skill", "excess"):
        table[f"mean {name}"] = table[[f"{name} {fold:g}" for fold in by_fold]].mean(axis=1, skipna=False)
    return FoldComparison(
        view=view,
        dataset=rankings[0].dataset,
        folds=tuple(by_fold),
        keys=keys,
        # Skills are of the test part, which orders nothing.
        rows=table.sort_values(["mean rank", "mean excess"], kind="stable"),
        num_left_out=len(anywhere - scored_everywhere),
        num_unconfirmed=len(scored_everywhere - twins - set(everywhere)),
        num_twins=len(scored_everywhere & twins),
    )


def _by_settings(rows: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The rows by model, its code and settings: the identity of a config names its fold too."""
    settings = rows.reindex(columns=[*CODE, *keys]).itertuples(index=False)
    # As text, since a missing value equals no other.
    return rows.set_axis(["\0".join(map(str, values)) for values in settings])
