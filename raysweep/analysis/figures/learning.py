"""Learning curves: error by epoch, a panel a model, trials that were stopped faded. Must not know: files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from raysweep.analysis.figures.picture import Picture
from raysweep.analysis.figures.style import (
    MOST_VECTORS,
    PANEL_HEIGHT,
    QUIET_COLOR,
    WHOLE_WIDTH,
    new_figure,
    panel_grid_size,
    plain_log_axis,
    styled,
)

_BEST_COLOR, _STOPPED_COLOR = "#0072b2", "#b3b3b3"


def learning_picture(curves: pd.DataFrame, *, where: str, label: str, score: str, unit: str) -> Picture:
    """One curve a trial.

    Args:
        curves: A row an epoch: `trial_id`, `model`, `status`, `is_best`, `epoch`, `score`; at least one.
        where: The comparison in words.
        label: The best config in words; `is_best` marks its trials.
        score: What is drawn, in words.
        unit: Of `score`; may be empty.
    """
    models = list(dict.fromkeys(curves["model"]))
    num_curves = curves["trial_id"].nunique()
    rows, columns = panel_grid_size(len(models), num_columns=3)
    with styled():
        figure = new_figure(WHOLE_WIDTH, 0.5 + (PANEL_HEIGHT - 0.2) * rows)
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes, model in zip(panels.flat, models, strict=False):
            _draw(axes, curves[curves["model"] == model], in_dots=num_curves > MOST_VECTORS)
            axes.set_title(str(model))
        for axes in panels.flat[len(models) :]:
            axes.set_visible(False)
        for axes in panels.flat[len(models) - columns : len(models)]:
            axes.tick_params(labelbottom=True)  # also above an empty place
        plain_log_axis(panels[0, 0], "y")
        figure.supxlabel("epoch", fontsize=9)
        figure.supylabel(f"{score} ({unit})" if unit else score, fontsize=9)
        figure.legend(handles=_legend(label), loc="outside upper right", ncols=3)
    return Picture(figure=figure, title=f"Learning curves: {where}", caption=_caption(curves, label, score))


def _draw(axes: Axes, curves: pd.DataFrame, *, in_dots: bool) -> None:
    # What matters most is drawn last, over the others.
    for status, is_best in (("stopped", False), ("finished", False), ("finished", True)):
        chosen = curves[(curves["status"] == status) & (curves["is_best"] == is_best)]
        if chosen.empty:
            continue
        line = _LINES["best" if is_best else status]
        lines = [curve[["epoch", "score"]].to_numpy(dtype="float64") for _, curve in chosen.groupby("trial_id")]
        axes.add_collection(
            LineCollection(
                lines,
                colors=line["color"],
                linestyles=[line["linestyle"]],
                linewidths=line["linewidth"],
                rasterized=in_dots and not is_best,
            )
        )
        if line["marker"]:
            ends = np.array([points[-1] for points in lines])
            axes.plot(ends[:, 0], ends[:, 1], **{**line, "linestyle": ""})
    axes.autoscale_view()


_LINES: Mapping[str, Mapping[str, Any]] = {
    "stopped": {
        "color": _STOPPED_COLOR,
        "linestyle": (0, (2, 1.5)),
        "linewidth": 0.9,
        "marker": "x",
        "markersize": 4.5,
    },
    "finished": {"color": QUIET_COLOR, "linestyle": "-", "linewidth": 0.9, "marker": ""},
    "best": {"color": _BEST_COLOR, "linestyle": "-", "linewidth": 2.4, "marker": "o"},
}


def _legend(label: str) -> list[Line2D]:
    names = {"best": f"best: {label}", "finished": "finished", "stopped": "stopped early"}
    return [Line2D([], [], label=names[key], **_LINES[key]) for key in names]


def _caption(curves: pd.DataFrame, label: str, score: str) -> str:
    trials = curves.drop_duplicates("trial_id")
    num_stopped = int((trials["status"] == "stopped").sum())
    best = curves[curves["is_best"]]
    still = ""
    if len(best):
        ends = best.sort_values("epoch").groupby("trial_id").tail(1)
        lowest = best.loc[best.groupby("trial_id")["score"].idxmin().dropna()]
        is_last = set(zip(ends["trial_id"], ends["epoch"], strict=True)) == set(
            zip(lowest["trial_id"], lowest["epoch"], strict=True)
        )
        if is_last:
            still = f" {label} is lowest at its last epoch: more epochs may help it."
    stopped = f"{num_stopped:,} of them stopped early (faded, ending in a cross)"
    return f"{score} by epoch of {len(trials):,} trials, {stopped}.{still}"
