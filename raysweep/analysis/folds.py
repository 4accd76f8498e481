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


@dataclass(frozen=True, kw_only=True)
class FoldComparison:
    """The configs that have a score in every fold of one series.

    Attributes:
        view: How each fold was ranked.
        dataset: The series.
        folds: In order.
        keys: The config keys of these sweeps, without that of the fold.
        rows: A row a config, the lowest mean rank first: `model`, the keys, `num_scored` (the fewest seeds of a
            fold), `rank <fold>` among these configs, `skill <fold>` on the fold's test part, `mean rank`,
            `mean skill`.
        num_left_out: Configs that lack a score in some fold.
    """

    view: View
    dataset: str
    folds: tuple[float, ...]
    keys: tuple[str, ...]
    rows: pd.DataFrame
    num_left_out: int


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
    scored = [ranking.rows[(ranking.rows["place"] == "ranked")] for ranking in rankings]
    by_fold = {}
    for ranking, rows in zip(rankings, scored, strict=True):
        # Configs of two folds have two identities: they are the same if all else is equal. As text, since a missing
        # value equals no other.
        settings = rows.reindex(columns=["model", *keys]).itertuples(index=False)
        by_fold[ranking.fold] = rows.set_axis(["\0".join(map(str, values)) for values in settings])
    everywhere = sorted(set.intersection(*(set(rows.index) for rows in by_fold.values())))
    anywhere = set.union(*(set(rows.index) for rows in by_fold.values()))
    first = by_fold[rankings[0].fold].loc[everywhere]
    table = first.reindex(columns=["model", *keys])
    table["num_scored"] = pd.concat([rows.loc[everywhere, "num_scored"] for rows in by_fold.values()], axis=1).min(
        axis=1
    )
    for fold, rows in by_fold.items():
        table[f"rank {fold:g}"] = rows.loc[everywhere, view.score].rank(method="min")
        table[f"skill {fold:g}"] = rows.loc[everywhere, SKILL]
    for name in ("rank", "skill"):
        table[f"mean {name}"] = table[[f"{name} {fold:g}" for fold in by_fold]].mean(axis=1, skipna=False)
    return FoldComparison(
        view=view,
        dataset=rankings[0].dataset,
        folds=tuple(by_fold),
        keys=keys,
        rows=table.sort_values(["mean rank", "mean skill"], ascending=[True, False], kind="stable"),
        num_left_out=len(anywhere) - len(everywhere),
    )
