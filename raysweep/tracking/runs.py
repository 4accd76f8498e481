"""A run as MLflow has it, and as it should be. Plain values; must not know MLflow, nor where they come from."""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

RunStatus = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]
PointKey = tuple[str, int]  # metric, step
Point = tuple[int, float]  # timestamp in ms, value

OWN_TAGS = "raysweep."
LEDGER_TAG = "raysweep.ledger_id"
TRIAL_TAG = "raysweep.trial_id"
POINTS_TAG = "raysweep.points"  # digest of all points; written after them, so it vouches for them
SUPERSEDED_TAG = "raysweep.superseded"  # of a run that was deleted by raysweep itself, to be made anew

SWEEP = ""  # stands for the sweep's own run among those of its trials

_MAX_TAG_LENGTH = 5000  # of older servers; the newest take 8000
_MAX_PARAM_LENGTH = 6000


@dataclass(frozen=True, kw_only=True)
class DesiredRun:
    """What the ledger wants a run to be.

    Attributes:
        name: For people.
        start_time: In ms.
        status: MLflow's.
        end_time: In ms; None while it runs.
        tags: All tags below `raysweep.`, and some of MLflow's own.
        first_tags: Those that only a new run gets, because people edit them in MLflow.
        params: These can't be changed in MLflow once they are set.
        points: All points of all metrics.
    """

    name: str
    start_time: int
    status: RunStatus
    end_time: int | None
    tags: Mapping[str, str]
    first_tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    points: Mapping[PointKey, Point] = field(default_factory=dict)

    @cached_property
    def points_digest(self) -> str:
        """Equal if and only if all points are equal; empty without points."""
        if not self.points:
            return ""
        text = json.dumps(sorted((*key, *point) for key, point in self.points.items()))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(kw_only=True)
class KnownRun:
    """What is known of a run in MLflow.

    Attributes:
        run_id: MLflow's.
        is_deleted: Whether somebody has deleted it; MLflow keeps such runs until `mlflow gc`.
        start_time: In ms.
        status: MLflow's.
        end_time: In ms.
        tags: All.
        params: All.
        metrics: The names of all metrics that have a point.
        points: All points; None if they haven't been asked for.
    """

    run_id: str
    is_deleted: bool
    start_time: int
    status: str
    end_time: int | None
    tags: dict[str, str]
    params: dict[str, str]
    metrics: set[str]
    points: dict[PointKey, Point] | None

    def has_status(self, desired: DesiredRun) -> bool:
        """Whether status and end are right. MLflow can't take an end back: a run that goes on keeps its old one."""
        return self.status == desired.status and (desired.end_time is None or self.end_time == desired.end_time)

    def has_points(self, desired: DesiredRun) -> bool:
        """Whether all points are known to be there."""
        return self.tags.get(POINTS_TAG, "") == desired.points_digest


def milliseconds(seconds: float) -> int:
    """MLflow counts time in whole milliseconds."""
    return round(seconds * 1000)


def stored(value: float) -> float:
    """A metric's value as MLflow's databases keep it.

    Infinity becomes the largest float. NaN becomes the one object `math.nan`, so that tuples that hold it compare
    equal (Python takes identical objects for equal).
    """
    if math.isnan(value):
        return math.nan
    return math.copysign(sys.float_info.max, value) if math.isinf(value) else float(value)


def fit_param(value: object) -> str:
    """A param's value as text that MLflow takes."""
    return _fit(str(value), _MAX_PARAM_LENGTH)


def fit_tag(value: object, *, reserve: int = 0, is_end_kept: bool = False) -> str:
    """A tag's value as text that MLflow takes, less `reserve` characters; of a traceback the end tells most."""
    return _fit(str(value), _MAX_TAG_LENGTH - reserve, is_end_kept=is_end_kept)


def _fit(text: str, limit: int, *, is_end_kept: bool = False) -> str:
    text = text.replace("\0", "\\0")  # PostgreSQL takes no NUL in text
    if len(text) <= limit:
        return text
    note = f"... (shortened from {len(text)} characters) ..."
    room = limit - len(note)
    return note + text[-room:] if is_end_kept else text[:room] + note
