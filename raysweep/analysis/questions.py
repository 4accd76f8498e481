"""The answers of a sweep beyond its leaderboards: which window, what mattered, what carries over. Numbers and tables.

`raysweep.analysis.figures.questions` draws the same answers. Must not know: how a table is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from raysweep.analysis.effects import Effects, effects, effects_table
from raysweep.analysis.importance import Importance, importance_table, importances
from raysweep.analysis.rank_table import RankTable, pair_table, rank_tables, value_table
from raysweep.analysis.ranking import Ranking
from raysweep.analysis.result_table import ResultTable
from raysweep.analysis.tables import SweepTables
from raysweep.analysis.transfer import Transfer, transfers
from raysweep.analysis.transfer_table import transfer_table
from raysweep.analysis.windows import WindowPanel, window_panels, window_table


@dataclass(frozen=True, kw_only=True)
class Answers:
    """All answers of one or many sweeps, each found when it is first asked for.

    Each list is empty where its question doesn't arise. Importance takes about half a second a contest, the others far
    less together.

    Attributes:
        tables: What the rankings were made of.
        rankings: From `rank`.
    """

    tables: SweepTables
    rankings: Sequence[Ranking]

    @cached_property
    def windows(self) -> Sequence[WindowPanel]:
        """Score against window."""
        return window_panels(self.tables, self.rankings)

    @cached_property
    def ranks(self) -> Sequence[RankTable]:
        """Average ranks of values."""
        return rank_tables(self.rankings)

    @cached_property
    def effects(self) -> Sequence[Effects]:
        """The effect of each choice, all else equal."""
        return effects(self.rankings)

    @cached_property
    def importances(self) -> Sequence[Importance]:
        """What each key explains."""
        return importances(self.rankings)

    @cached_property
    def transfers(self) -> Sequence[Transfer]:
        """What carries over."""
        return transfers(self.tables, self.rankings)


def window_tables(answers: Answers, units: Mapping[str, str] | None = None) -> list[ResultTable]:
    """Score against window: a table for each series, fold and mode. `units`: of each series, where it is known."""
    return [window_table(panel, (units or {}).get(panel.ranking.dataset, "")) for panel in answers.windows]


def what_mattered_tables(answers: Answers) -> list[ResultTable]:
    """Average ranks of values and of pairs, then effects and importance for each series, fold and mode."""
    return [
        *(value_table(table) for table in answers.ranks),
        *(pair_table(table, pair) for table in answers.ranks for pair in table.pairs),
        *map(effects_table, answers.effects),
        *map(importance_table, answers.importances),
    ]


def transfer_tables(answers: Answers) -> list[ResultTable]:
    """The matrices of what carries over, for each fold and mode."""
    return list(map(transfer_table, answers.transfers))
