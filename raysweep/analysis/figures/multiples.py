"""Forecasts of many configs side by side: a row a model, a column a window. Must not know: how they were chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from raysweep.analysis import numerals
from raysweep.analysis.figures.picture import Picture
from raysweep.analysis.figures.style import QUIET_COLOR, WHOLE_WIDTH, new_figure, styled
from raysweep.analysis.figures.trial import MEASURED, PART_NAMES, draw_forecasts_ahead
from raysweep.analysis.forecasts import ScoredForecasts, TrialForecasts

_MAX_FORECASTS = 4


def multiples_picture(
    forecasts: Mapping[tuple[str, int], ScoredForecasts],
    *,
    where: str,
    score: str,
    score_unit: str,
    unit: str,
    dataset: str,
) -> Picture:
    """Autoregressive forecasts of the last part from several starts.

    Args:
        forecasts: By model and window; at least one has a rank.
        where: The comparison in words.
        score: That score in words.
        score_unit: Of the score; may be empty.
        unit: Of the series; may be empty.
        dataset: The series.
    """
    models = list(dict.fromkeys(model for model, _ in forecasts))
    windows = sorted({window for _, window in forecasts})
    part = next(iter(forecasts.values())).forecasts.parts[-1]
    with styled():
        figure = new_figure(WHOLE_WIDTH, 0.6 + 1.65 * len(models))
        panels = figure.subplots(len(models), len(windows), squeeze=False)
        for row, model in enumerate(models):
            for column, window in enumerate(windows):
                axes = panels[row, column]
                _draw(axes, forecasts.get((model, window)), f"{model}, window {window}", part, score)
        _share_axes(panels)
        figure.supxlabel("time (h)", fontsize=9)
        figure.supylabel(f"{dataset} ({unit})" if unit else dataset, fontsize=9)
    in_words = f"{score} ({score_unit})" if score_unit else score
    ranked = {place: found for place, found in forecasts.items() if found.has_rank}
    (model, window), best = min(ranked.items(), key=lambda item: item[1].score)
    all_of = "all" if len(ranked) == len(forecasts) else "the confirmed ones"
    return Picture(
        figure=figure,
        title=f"Models and windows side by side: {where}",
        caption=(
            f"Autoregressive forecasts (dashed, each from its dot) of the part {PART_NAMES[part]}, over what was "
            f"measured (thin grey): for each model and window the config with the lowest {in_words}, which stands "
            f"above its panel. The lowest of {all_of} is {model} with window {window}, {numerals.score(best.score)}."
            f"{_channels(best.forecasts)}"
        ),
    )


def _channels(forecasts: TrialForecasts) -> str:
    """What is drawn of several channels, while the score is over all of them."""
    if forecasts.num_channels == 1:
        return ""
    return f" Drawn is {forecasts.channel}, one of {forecasts.num_channels} channels; scores are over all of them."


def _draw(axes: Axes, found: ScoredForecasts | None, label: str, part: str, score: str) -> None:
    if found is None:
        axes.set_title(f"{label}: no forecasts", fontsize=8.5, color=QUIET_COLOR)
        return
    forecasts = found.forecasts
    axes.margins(x=0)
    rows = forecasts.one_step(part)
    axes.plot(rows["time"], rows["actual"], **MEASURED)
    draw_forecasts_ahead(axes, forecasts, part, _MAX_FORECASTS)
    what = score if found.has_rank else "unconfirmed:"
    axes.set_title(f"{label}\n{what} {numerals.score(found.score)}", fontsize=8.5)


def _share_axes(panels: npt.NDArray[Any]) -> None:
    """The same limits and ticks for all, labelled outside; what `sharex` takes grows as the square of their number."""
    drawn = [axes for axes in panels.flat if axes.has_data()]
    for which, outer in (("x", panels[-1]), ("y", panels[:, 0])):
        bounds = np.array([getattr(axes, f"get_{which}lim")() for axes in drawn])
        low, high = bounds[:, 0].min(), bounds[:, 1].max()
        ticks = [tick for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high]
        for axes in panels.flat:
            getattr(axes, f"set_{which}lim")(low, high)
            labels = [f"{tick:,.10g}" for tick in ticks] if axes in outer else [""] * len(ticks)
            getattr(axes, f"set_{which}ticks")(ticks, labels=labels)
