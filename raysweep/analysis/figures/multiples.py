"""Forecasts of many configs side by side: a row a model, a column a window. Must not know: how they were chosen."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes

from raysweep.analysis import numerals
from raysweep.analysis.figures.picture import Picture
from raysweep.analysis.figures.style import QUIET_COLOR, WHOLE_WIDTH, new_figure, styled
from raysweep.analysis.figures.trial import MEASURED, PART_NAMES, draw_forecasts_ahead, scored_hours
from raysweep.analysis.forecasts import TrialForecasts

_MAX_FORECASTS = 4


def multiples_picture(
    forecasts: Mapping[tuple[str, int], tuple[TrialForecasts, float]], *, where: str, unit: str, dataset: str
) -> Picture:
    """Autoregressive forecasts of the last part from several starts.

    Args:
        forecasts: By model and window: the forecasts, and the mean squared error that they were chosen by.
        where: The comparison in words.
        unit: Of the series; may be empty.
        dataset: The series.
    """
    models = list(dict.fromkeys(model for model, _ in forecasts))
    windows = sorted({window for _, window in forecasts})
    part = next(iter(forecasts.values()))[0].parts[-1]
    with styled():
        figure = new_figure(WHOLE_WIDTH, 0.6 + 1.55 * len(models))
        panels = figure.subplots(len(models), len(windows), sharex=True, sharey=True, squeeze=False)
        for row, model in enumerate(models):
            for column, window in enumerate(windows):
                axes = panels[row, column]
                _draw(axes, forecasts.get((model, window)), f"{model}, window {window}", part)
                axes.label_outer()
        figure.supxlabel("time (h)", fontsize=9)
        figure.supylabel(f"{dataset} ({unit})" if unit else dataset, fontsize=9)
    (model, window), (_, score) = min(forecasts.items(), key=lambda item: item[1][1])
    return Picture(
        figure=figure,
        title=f"Models and windows side by side: {where}",
        caption=(
            f"Autoregressive forecasts (dashed, each from its dot) of the part {PART_NAMES[part]}, over what was "
            "measured (thin grey): for each model and window the config with the lowest MSE on validation, which "
            f"stands above its panel. The lowest of all is {model} with window {window}, {numerals.score(score)}."
        ),
    )


def _draw(axes: Axes, found: tuple[TrialForecasts, float] | None, label: str, part: str) -> None:
    if found is None:
        axes.set_title(f"{label}: no forecasts", fontsize=8.5, color=QUIET_COLOR)
        return
    forecasts, score = found
    rows = forecasts.one_step(part)
    axes.plot(rows["time"], rows["actual"], **MEASURED)
    draw_forecasts_ahead(axes, forecasts, part, _MAX_FORECASTS)
    axes.set_title(f"{label}: MSE {numerals.score(score)}", fontsize=8.5)
    axes.set_xlim(*scored_hours(forecasts, part))
