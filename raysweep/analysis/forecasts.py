"""The forecasts that trials left in `predictions/`, read back for pictures. Must not know: how they are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from raysweep.analysis.bounded import TooLargeTableError, read_table
from raysweep.forecasting.protocol import START_STRIDE
from raysweep.forecasting.series import Series
from raysweep.ledger.check import has_ledger
from raysweep.ledger.reader import LedgerReader
from raysweep.paths import SweepPaths
from raysweep.storage import Folder, followed, storage_of

FloatArray = npt.NDArray[np.float64]
_MAX_POINTS = 30  # of an error curve
_COLUMNS = ["part", "mode", "start", "step", "time", "actual", "predicted", "channel"]


@dataclass(frozen=True, kw_only=True)
class ScoredForecasts:
    """The forecasts that stand for a config among others.

    Attributes:
        forecasts: Of one of its trials.
        score: The config's, by which it was chosen.
        has_rank: Whether it has one: beside confirmed configs no other has.
    """

    forecasts: TrialForecasts
    score: float
    has_rank: bool


@dataclass(frozen=True, kw_only=True)
class TrialForecasts:
    """All forecasts of one channel by one trial, on the series that it was trained on.

    Attributes:
        rows: As in `predictions/`, with `index` of the forecast point in the series.
        horizon: The most steps ahead that count in a score; what reaches further is for pictures.
        channel: Which one, and of how many.
        num_channels: How many the series has.
        actual: (K,) by index of the point: what was measured, as far as it is known here, in the data's units.
        hours: (K,) by index of the point.
    """

    rows: pd.DataFrame
    horizon: int
    channel: str
    num_channels: int
    actual: pd.Series
    hours: pd.Series

    @property
    def parts(self) -> list[str]:
        """In order of time: `val` and `test`, or `all`."""
        return [str(part) for part in self.rows.sort_values("index")["part"].unique()]

    def one_step(self, part: str) -> pd.DataFrame:
        """Forecasts of the next point, in order."""
        return self._of(part, "batch")

    def ahead(self, part: str) -> pd.DataFrame:
        """Autoregressive forecasts up to the horizon, in order of start and step."""
        rows = self._of(part, "regressive")
        is_scored: pd.Series[bool] = rows["step"] <= self.horizon
        return rows[is_scored]

    def to_the_end(self, part: str) -> pd.DataFrame:
        """The one autoregressive forecast from the part's first point to its last."""
        rows = self._of(part, "regressive")
        is_first: pd.Series[bool] = rows["start"] == rows["start"].min()
        return rows[is_first]

    @property
    def steps_a_point(self) -> int:
        """How many steps ahead are taken together in `error_by_step`."""
        # Starts lie so far apart: step 3 and step 13 are scored on the same points, step 4 on others, and a curve by
        # single steps would show the difference between points.
        return max(START_STRIDE, -(-self.horizon // _MAX_POINTS))

    def error_by_step(self, part: str) -> tuple[pd.Series, pd.Series]:
        """Root mean squared error by steps ahead: of the forecasts, and of repeating the last value before them."""
        rows = self.ahead(part)
        last = (rows["start"] - 1).map(self.actual)
        upto = -(-rows["step"] // self.steps_a_point) * self.steps_a_point
        squares = pd.DataFrame(
            {
                "step": upto.clip(upper=self.horizon),
                "model": (rows["predicted"] - rows["actual"]) ** 2,
                "last_value": (last - rows["actual"]) ** 2,
            }
        )
        by_step = squares.groupby("step")[["model", "last_value"]].mean() ** 0.5
        return by_step["model"], by_step["last_value"].dropna()

    def _of(self, part: str, mode: str) -> pd.DataFrame:
        rows = self.rows
        return rows[(rows["part"] == part) & (rows["mode"] == mode)].sort_values(["start", "step"])


def read_forecasts(
    paths: SweepPaths, trial_id: str, dataset: str, *, horizon: int, series: Series | None = None
) -> TrialForecasts | None:
    """The forecasts of a trial, or None where its file isn't there or can't be read: a copy may leave them out.

    Args:
        paths: Of the trial's sweep.
        trial_id: Which trial.
        dataset: The series that it was trained on.
        horizon: The most steps ahead that count in a score.
        series: The whole series where it is at hand, for what no forecast covers: its training part.
    """
    try:
        file = pa.BufferReader(_predictions(paths).read(f"{trial_id}.parquet"))
        found = read_table(file, columns=[*_COLUMNS, "eval_dataset"])
        found = found.filter(pc.equal(found["eval_dataset"], dataset)).select(_COLUMNS)
    except (OSError, TooLargeTableError, pa.ArrowException, KeyError):
        return None
    rows = found.to_pandas()
    if rows.empty:
        return None
    channels = rows["channel"].unique()
    rows = rows[rows["channel"] == channels[0]].assign(index=rows["start"] + rows["step"] - 1)
    points = rows.drop_duplicates("index").set_index("index").sort_index()
    whole = {} if series is None else _whole(series, str(channels[0]))
    return TrialForecasts(
        rows=rows,
        horizon=min(horizon, int(rows["step"].max())),
        channel=str(channels[0]),
        num_channels=len(channels),
        actual=whole.get("actual", points["actual"]),
        hours=whole.get("hours", points["time"]),
    )


def _predictions(paths: SweepPaths) -> Folder:
    """Where the ledger says, if that may be believed; beside the tables where there is none, in somebody's copy."""
    storage_path = None
    if has_ledger(paths.ledger):
        with LedgerReader(paths.ledger, check=False) as reader:
            storage_path = followed(reader.storage_path())
    return storage_of(paths, storage_path).predictions


def _whole(series: Series, channel: str) -> Mapping[str, pd.Series]:
    if channel not in series.columns:
        return {}
    values = series.values[:, series.columns.index(channel)]
    return {"actual": pd.Series(values), "hours": pd.Series(series.time_hours)}
