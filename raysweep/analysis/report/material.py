"""What every section of a report is made from: read once, shared by all. Must not know: what is made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from raysweep.analysis.forecasts import TrialForecasts, read_forecasts
from raysweep.analysis.forests import grow
from raysweep.analysis.importance import Importance, Question, answers, questions
from raysweep.analysis.phases import scored_trials
from raysweep.analysis.ranking import Ranking, rank
from raysweep.analysis.report.helpers import Helpers
from raysweep.analysis.tables import SweepTables
from raysweep.analysis.verdicts import Divergence, Verdict, divergence_of, verdict_of
from raysweep.forecasting.series import Series
from raysweep.paths import SweepPaths


def no_series(name: str) -> Series | None:
    """Where no series is at hand."""
    return None


def silent(line: str) -> None:
    """Where nobody wants to know what takes long."""
    return None


@dataclass(frozen=True, kw_only=True)
class Material:
    """The sweeps of a report and what was found out about them.

    Attributes:
        sweeps: Whose trials these are.
        tables: Their trials and evaluations.
        units: The unit of each series, where it is known.
        series_named: The whole series of a name, where it is at hand.
        note: Is told what takes long.
        helpers: Do what takes long.
    """

    sweeps: Sequence[SweepPaths]
    tables: SweepTables
    units: Mapping[str, str] = field(default_factory=dict)
    series_named: Callable[[str], Series | None] = no_series
    note: Callable[[str], None] = silent
    helpers: Helpers = field(default_factory=Helpers)

    @cached_property
    def rankings(self) -> list[Ranking]:
        """All of them, in the order of the leaderboards."""
        return rank(self.tables)

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """Of the rankings in which a config has a score, in their order."""
        found = (verdict_of(ranking, self.tables.trials) for ranking in self.rankings)
        return [verdict for verdict in found if verdict is not None]

    @property
    def divergence(self) -> Divergence | None:
        """Of the configs, where none has a score and some diverged."""
        return None if self.verdicts else divergence_of(self.rankings, self.tables.trials)

    @property
    def main_rankings(self) -> list[Ranking]:
        """Those that aren't set apart from another one."""
        return [ranking for ranking in self.rankings if not ranking.apart]

    @cached_property
    def importances(self) -> list[Importance]:
        """Of the main rankings. Waits until they are worked out."""
        asked, grown = self._forests
        return answers(asked, grown.result())

    def begin_importances(self) -> None:
        """Has them worked out while something else is done."""
        _ = self._forests

    @cached_property
    def _forests(self) -> tuple[list[Question], Future[list[list[dict[str, float]]]]]:
        asked = questions(self.main_rankings)
        return asked, self.helpers.foresters.submit(grow, [question.grove for question in asked])

    @property
    def has_many_sweeps(self) -> bool:
        """Whether rows must name their sweep."""
        return len(self.sweeps) > 1

    def trials_of(self, config_ids: Sequence[str]) -> pd.DataFrame:
        """The trials that count of these configs, one row a trial."""
        trials = self.tables.trials
        chosen = trials["config_id"].isin(config_ids) & trials["is_current"].astype("bool")
        return trials[chosen].drop_duplicates("trial_id")

    def middle_trial(self, config_id: str, score: str) -> pd.Series | None:
        """The trial of a config whose score is the middle one of those that it is scored by: neither luck nor bad."""
        own = self.tables.trials.iloc[self._places_by_config.get(config_id, [])]
        trials = scored_trials(own, [config_id]).drop_duplicates("trial_id")
        trials = trials[trials[score].notna()].sort_values(score)
        return None if trials.empty else trials.iloc[(len(trials) - 1) // 2]

    @cached_property
    def _places_by_config(self) -> dict[str, npt.NDArray[np.intp]]:
        return {
            str(name): np.asarray(places) for name, places in self.tables.trials.groupby("config_id").indices.items()
        }

    def forecasts_of(self, trial: pd.Series, horizon: int) -> TrialForecasts | None:
        """What a trial forecast of its own series; None where its file isn't there."""
        series = self.series_named(str(trial["dataset"]))
        if series is not None and series.digest != trial["data_digest"]:
            series = None  # the file has changed since
        return read_forecasts(
            self.paths_of(trial), str(trial["trial_id"]), str(trial["dataset"]), horizon=horizon, series=series
        )

    def paths_of(self, trial: pd.Series) -> SweepPaths:
        """The files of the sweep that a trial is in."""
        return next(paths for paths in self.sweeps if paths.name == trial["sweep"])
