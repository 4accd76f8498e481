"""One trial's forecasts: the series, one step ahead and many, and how the error grows with the steps ahead.

Must not know: how trials are chosen, files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from raysweep.analysis.figures.picture import Picture
from raysweep.analysis.figures.style import GRID_COLOR, QUIET_COLOR, REFERENCE_LOOKS, WHOLE_WIDTH, new_figure, styled
from raysweep.analysis.forecasts import TrialForecasts

PART_NAMES = {"val": "validation", "test": "test", "all": "all points, in-sample"}
FORECAST_COLOR = "#0072b2"
MEASURED: Mapping[str, Any] = {"color": "#8c8c8c", "linewidth": 0.8}  # thin and light below the forecasts
_MAX_FORECASTS = 8  # in each part: more than these cover each other
_LAST = "last value, repeated"


def trial_picture(forecasts: TrialForecasts, *, label: str, dataset: str, unit: str) -> Picture:
    """Series with borders of the parts, one-step and autoregressive forecasts, error by steps ahead.

    Args:
        forecasts: Of the trial.
        label: The trial in words.
        dataset: The series.
        unit: Of the series; may be empty.
    """
    values = f"{dataset} ({unit})" if unit else forecasts.channel
    parts = forecasts.parts
    with styled():
        figure = new_figure(WHOLE_WIDTH, 9.6)
        grid = figure.add_gridspec(4, len(parts), height_ratios=(1.0, 1.8, 1.8, 1.6))
        series = figure.add_subplot(grid[0, :])
        one_step = figure.add_subplot(grid[1, :])
        ahead = figure.add_subplot(grid[2, :], sharex=one_step, sharey=one_step)
        _draw_series(series, forecasts, values)
        _draw_one_step(one_step, forecasts, values)
        _draw_ahead(ahead, forecasts, values)
        for place, part in enumerate(parts):
            _draw_errors(figure.add_subplot(grid[3, place]), forecasts, part, unit)
    return Picture(
        figure=figure, title=f"Forecasts of {dataset} by {label}", caption=_caption(forecasts, dataset, label)
    )


def scored_hours(forecasts: TrialForecasts, part: str) -> tuple[float, float]:
    """Time of the first and last point of a part."""
    rows = forecasts.one_step(part)
    return float(rows["time"].min()), float(rows["time"].max())


def spread_starts(rows: pd.DataFrame, horizon: int, most: int) -> list[int]:
    """Starts of forecasts that follow each other without overlap, evenly spread if there are more than `most`."""
    kept: list[int] = []
    for start in sorted(rows["start"].unique()):
        if not kept or start >= kept[-1] + horizon:
            kept.append(int(start))
    if len(kept) <= most:
        return kept
    places = np.linspace(0, len(kept) - 1, most).round().astype(int)
    return [kept[place] for place in places]


def draw_forecasts_ahead(axes: Axes, forecasts: TrialForecasts, part: str, most: int) -> int:
    """Autoregressive forecasts from several starts, each begun with a dot; how many were drawn."""
    rows = forecasts.ahead(part)
    starts = spread_starts(rows, forecasts.horizon, most)
    for place, start in enumerate(starts):
        one = rows[rows["start"] == start]
        name = f"{forecasts.horizon} steps from each dot" if place == 0 else None
        axes.plot(one["time"], one["predicted"], color=FORECAST_COLOR, linestyle=(0, (4, 1.5)), label=name)
        axes.plot(one["time"].iloc[:1], one["predicted"].iloc[:1], color=FORECAST_COLOR, marker="o", markersize=4)
    return len(starts)


def _draw_series(axes: Axes, forecasts: TrialForecasts, values: str) -> None:
    axes.plot(forecasts.hours, forecasts.actual, color="black", linewidth=0.9)
    axes.set(xlabel="time (h)", ylabel=values, title="The series and its parts")
    axes.margins(x=0.01, y=0.18)
    begins = scored_hours(forecasts, forecasts.parts[0])[0]
    if begins > forecasts.hours.iloc[0]:
        _name_part(axes, float(forecasts.hours.iloc[0]), begins, "training")
    _mark_parts(axes, forecasts)


def _draw_one_step(axes: Axes, forecasts: TrialForecasts, values: str) -> None:
    for place, part in enumerate(forecasts.parts):
        rows = forecasts.one_step(part)
        names = ("measured", "forecast one step ahead") if place == 0 else (None, None)
        axes.plot(rows["time"], rows["actual"], label=names[0], **MEASURED)
        axes.plot(rows["time"], rows["predicted"], color=FORECAST_COLOR, linewidth=1.6, label=names[1])
    axes.set(ylabel=values, title="One step ahead: every forecast sees the true past")
    axes.margins(x=0.01)
    axes.tick_params(labelbottom=False)
    _legend_above(axes)
    _mark_parts(axes, forecasts)


def _draw_ahead(axes: Axes, forecasts: TrialForecasts, values: str) -> None:
    for place, part in enumerate(forecasts.parts):
        rows, whole = forecasts.one_step(part), forecasts.to_the_end(part)
        is_first = place == 0
        axes.plot(rows["time"], rows["actual"], label="measured" if is_first else None, **MEASURED)
        if whole["step"].max() > forecasts.horizon:
            name = "one forecast of the whole part" if is_first else None
            axes.plot(whole["time"], whole["predicted"], color="#d55e00", linestyle=":", linewidth=1.4, label=name)
        draw_forecasts_ahead(axes, forecasts, part, _MAX_FORECASTS)
    axes.set(xlabel="time (h)", ylabel=values, title="Autoregressive: forecasts are fed back as input")
    _legend_above(axes)
    _mark_parts(axes, forecasts)


def _draw_errors(axes: Axes, forecasts: TrialForecasts, part: str, unit: str) -> None:
    model, last = forecasts.error_by_step(part)
    axes.plot(model.index, model, color=FORECAST_COLOR, marker="o", markersize=4, label="this trial")
    if len(last):
        axes.plot(last.index, last, **{**REFERENCE_LOOKS["last_value"].line, "marker": "s"}, markersize=3, label=_LAST)
    axes.set(xlabel="steps ahead", title=f"Error by steps ahead: {PART_NAMES[part]}", ylim=(0, None), xlim=(0, None))
    axes.set_ylabel(f"RMSE ({unit})" if unit else "RMSE")
    _legend_below(axes)


def _legend_below(axes: Axes) -> None:
    # Inside it may cover a curve, wherever it stands: errors grow from the left, and may fall again.
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, borderpad=0.2, handlelength=2.4)


def _legend_above(axes: Axes) -> None:
    # Beside the title, where it covers nothing.
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes.legend(
        list(unique.values()),
        list(unique),
        loc="lower right",
        bbox_to_anchor=(1.0, 0.99),
        ncols=len(unique),
        borderpad=0.2,
        handlelength=2.4,
        columnspacing=1.4,
    )


def _mark_parts(axes: Axes, forecasts: TrialForecasts) -> None:
    for part in forecasts.parts:
        begin, end = scored_hours(forecasts, part)
        axes.axvline(begin, color="black", linewidth=0.9, linestyle=(0, (2, 2)))
        _name_part(axes, begin, end, PART_NAMES[part])
    axes.grid(visible=True, color=GRID_COLOR)


def _name_part(axes: Axes, begin: float, end: float, name: str) -> None:
    axes.annotate(
        name,
        xy=((begin + end) / 2, 0.02),
        xycoords=("data", "axes fraction"),
        ha="center",
        va="bottom",
        color=QUIET_COLOR,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.8},
    )


def _caption(forecasts: TrialForecasts, dataset: str, label: str) -> str:
    errors = []
    for part in forecasts.parts:
        model, last = forecasts.error_by_step(part)
        beside = f" ({last.iloc[-1]:.4g} if the last value is repeated)" if len(last) else ""
        errors.append(f"{model.iloc[-1]:.4g}{beside} on {PART_NAMES[part]}")
    channels = "" if forecasts.num_channels == 1 else f" Channel {forecasts.channel} of {forecasts.num_channels}."
    return (
        f"{dataset} with the forecasts of {label}, one step ahead and autoregressive. At the far end, "
        f"{forecasts.horizon} steps ahead, the root mean squared error is {' and '.join(errors)}. Each point of the "
        f"errors is over {forecasts.steps_a_point} steps and all starts.{channels}"
    )
