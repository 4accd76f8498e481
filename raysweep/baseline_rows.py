"""The baselines as rows of the ledger: what every score of a sweep is read against. Nothing is written here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict

from raysweep.forecasting.baselines import CARRIED_RIDGE, fit_home_ridges, score_baselines
from raysweep.forecasting.protocol import Mode
from raysweep.forecasting.ridge import Ridge
from raysweep.forecasting.series import Series
from raysweep.ledger.rows import EvaluationRow
from raysweep.planning.plan import WantedTrial
from raysweep.prepare import PreparedSweep, eval_sets_of, scored_window
from raysweep.spec.config import Config, ProtocolName


class Baselines:
    """The baselines on every evaluation set that a sweep's trials are scored on, each computed once.

    Attributes:
        references: The mean squared errors of those that know a series as a model trained at home does, by evaluation
            set and name.
    """

    def __init__(self, prepared: PreparedSweep) -> None:
        self._catalog = prepared.catalog
        self._datasets = prepared.dataset_names()
        self._trained = prepared.trained_names()
        self._evaluate_on = prepared.sweep.evaluate_on or ()
        self._done: set[tuple[float | None, int]] = set()
        self._ridges: dict[tuple[str, float | None, int], Mapping[Mode, Ridge]] = {}
        self.references: dict[str, dict[str, float]] = {}

    def rows_for(self, trials: Iterable[WantedTrial]) -> list[EvaluationRow]:
        """The rows that these trials need and no trial before them did."""
        rows: list[EvaluationRow] = []
        for config in (Config.from_flat(trial.config) for trial in trials):
            time_steps = scored_window(config)
            if (config.origin, time_steps) not in self._done:
                self._done.add((config.origin, time_steps))
                for name in self._datasets:
                    rows += self._score(self._catalog.series(name), config.protocol, config.origin, time_steps)
        return rows

    def _score(
        self, series: Series, protocol: ProtocolName, origin: float | None, time_steps: int
    ) -> Iterator[EvaluationRow]:
        scores = score_baselines(
            series,
            protocol,
            origin,
            time_steps,
            ridges=self._home_ridges(series, protocol, origin, time_steps),
            carried=self._carried_ridges(series, protocol, origin, time_steps),
        )
        for eval_set in eval_sets_of(series, protocol, origin, time_steps):
            for baseline in scores.get(eval_set.digest, []):
                is_floor = baseline.name == "noise_floor"
                if not is_floor and not baseline.name.startswith(CARRIED_RIDGE):
                    self.references.setdefault(eval_set.digest, {})[baseline.name] = baseline.score.mse
                yield EvaluationRow(
                    kind="noise_floor" if is_floor else "baseline",
                    trial_id="",
                    model=baseline.name,
                    eval_dataset=series.name,
                    protocol=protocol,
                    origin=origin,
                    part=eval_set.part,
                    mode=eval_set.mode,
                    horizon=eval_set.horizon,
                    eval_set_hash=eval_set.digest,
                    data_source=series.source,
                    settings=baseline.settings or None,
                    **asdict(baseline.score),
                )

    def _home_ridges(
        self, series: Series, protocol: ProtocolName, origin: float | None, time_steps: int
    ) -> Mapping[Mode, Ridge]:
        key = (series.name, origin, time_steps)
        if key not in self._ridges:
            self._ridges[key] = fit_home_ridges(series, protocol, origin, time_steps)
        return self._ridges[key]

    def _carried_ridges(
        self, series: Series, protocol: ProtocolName, origin: float | None, time_steps: int
    ) -> dict[str, Mapping[Mode, Ridge]]:
        """The ridges of the other series that models are trained on, where these models forecast this one."""
        if protocol != "holdout" or series.name not in self._evaluate_on:
            return {}
        others = [self._catalog.series(name) for name in self._trained if name != series.name]
        return {
            other.name: self._home_ridges(other, protocol, origin, time_steps)
            for other in others
            if other.values.shape[1] == series.values.shape[1]
        }
