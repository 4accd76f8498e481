"""The ways to rank: under each protocol, which score selects, and which are shown beside it.

Must not know: where scores come from, how they are drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from raysweep.forecasting.protocol import Mode
from raysweep.spec.config import ProtocolName


@dataclass(frozen=True, kw_only=True)
class View:
    """One way to rank configs.

    Attributes:
        protocol: Of the trials.
        mode: Of the forecasts; None where one table shows both.
        score: The column that sorts; lower is better.
        losses: Columns of trials that are shown as they are.
        parts: What is scored: the part and mode of the evaluations behind the columns with this prefix. The first
            one's hash and targets decide which configs may be ranked together.
        at_stop: A column of trials: the newest score of a trial that was stopped; empty if there is none.
        fold: The config key whose values each score other points.
    """

    protocol: ProtocolName
    mode: Mode | None
    score: str
    losses: tuple[str, ...] = ()
    parts: Mapping[str, tuple[str, Mode]]
    at_stop: str
    fold: str

    @property
    def selecting(self) -> str:
        """The prefix of what decides."""
        return next(iter(self.parts))

    @property
    def is_score_of_forecasts(self) -> bool:
        """Whether baselines have the score that sorts; they have no loss."""
        return self.score not in self.losses


# Under holdout validation selects and test is shown. Replication has no part of its own for either.
VIEWS = (
    View(
        protocol="holdout",
        mode="batch",
        score="val.mse",
        parts={"val": ("val", "batch"), "test": ("test", "batch")},
        at_stop="val_mse_batch",
        fold="split.origin",
    ),
    View(
        protocol="holdout",
        mode="regressive",
        score="val.mse",
        parts={"val": ("val", "regressive"), "test": ("test", "regressive")},
        at_stop="",
        fold="split.origin",
    ),
    View(
        protocol="replication",
        mode=None,
        score="Final/val_loss",
        losses=("Final/train_loss", "Final/val_loss"),
        parts={"batch": ("all", "batch"), "regressive": ("all", "regressive")},
        at_stop="Final/val_loss",
        fold="train.time_steps",
    ),
)
