"""What all trials of a sweep share. No torch, so that a driver can make it without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from raysweep.forecasting.model_source import ModelSources
from raysweep.forecasting.series import Series
from raysweep.storage import SweepStorage


@dataclass(frozen=True, kw_only=True)
class TrialInputs:
    """What all trials of a sweep share; sent to every worker once.

    Attributes:
        sources: The models folder as it was when the sweep began.
        series: Every series that is trained on or forecast, by name.
        evaluate_on: Names of the series to score on; None means the one trained on.
        storage: Where checkpoints and forecasts go.
    """

    sources: ModelSources
    series: Mapping[str, Series]
    evaluate_on: tuple[str, ...] | None
    storage: SweepStorage
