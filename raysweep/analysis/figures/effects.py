"""The effect of each choice and the importance of each key: a panel for each contest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from raysweep.analysis.effects import Effects, answer_of, verdict_of
from raysweep.analysis.figures.picture import Picture
from raysweep.analysis.figures.style import (
    GRID_COLOR,
    QUIET_COLOR,
    TEXT_COLOR,
    WHOLE_WIDTH,
    new_figure,
    panel_grid_size,
    plain_log_axis,
    row_legend,
    styled,
)
from raysweep.analysis.importance import Importance
from raysweep.analysis.importance import answer_of as importance_answer
from raysweep.analysis.importance import verdict_of as importance_verdict_of
from raysweep.analysis.remarks import title_of

ROW_HEIGHT = 0.21  # inches
_MATTERS_COLOR = "#5a8fb5"  # darker than what can't be told, lighter than the mark on it
# White with a dark edge: it stands out on a bar of any shade.
_CHANCE: Mapping[str, Any] = {
    "marker": "D",
    "markersize": 6.5,
    "markerfacecolor": "white",
    "markeredgecolor": TEXT_COLOR,
    "markeredgewidth": 1.4,
    "linestyle": "",
    "zorder": 4,
}

Found = TypeVar("Found", Effects, Importance)


def draw_effects(found: Sequence[Effects], title: str = "Effect of each choice") -> Picture:
    """One picture for several contests, at least one."""
    legend = [
        Line2D([], [], marker="o", color=TEXT_COLOR, label="95 % interval leaves out 1", linestyle="-"),
        Line2D([], [], marker="o", color=QUIET_COLOR, fillstyle="none", label="can't tell", linestyle="-"),
    ]
    height = max(len(each.values) for each in found) * ROW_HEIGHT + 1.0
    with styled():
        figure = _draw_panels(found, _draw_effects, height, legend)
    return Picture(figure=figure, title=title, caption=" ".join(map(answer_of, found)))


def draw_importances(found: Sequence[Importance], title: str = "Importance of each key") -> Picture:
    """One picture for several contests with shares, at least one."""
    legend = [
        Patch(facecolor=_MATTERS_COLOR, edgecolor=TEXT_COLOR, label="share of variance: matters"),
        Patch(facecolor=GRID_COLOR, edgecolor=TEXT_COLOR, label="can't tell"),
        Line2D([], [], color=QUIET_COLOR, linewidth=1.2, label="its spread"),
        Line2D([], [], label="highest by chance", **_CHANCE),
    ]
    height = max(len(each.shares) for each in found) * 1.4 * ROW_HEIGHT + 1.1
    with styled():
        figure = _draw_panels(found, _draw_importance, height, legend)
    return Picture(figure=figure, title=title, caption=" ".join(map(importance_answer, found)))


def _draw_panels(
    found: Sequence[Found], draw: Callable[[Axes, Found], None], height: float, legend: Sequence[Artist]
) -> Figure:
    num_rows, num_columns = panel_grid_size(len(found))
    figure = new_figure(WHOLE_WIDTH, num_rows * height + 0.4)
    panels = figure.subplots(num_rows, num_columns, squeeze=False).ravel()
    for axes, each in zip(panels, found, strict=False):
        draw(axes, each)
    for axes in panels[len(found) :]:
        axes.remove()
    row_legend(figure, legend)
    return figure


def _draw_effects(axes: Axes, found: Effects) -> None:
    values = found.values
    for place, (_, row) in enumerate(values.iterrows()):
        if pd.isna(row["ratio"]):
            axes.text(1.0, place, f"  {verdict_of(row)}", va="center", fontsize=7.5, color=QUIET_COLOR)
            continue
        is_told = verdict_of(row) in ("lower error", "higher error")
        color = TEXT_COLOR if is_told else QUIET_COLOR
        axes.plot(row["ratio"], place, marker="o", color=color, fillstyle="full" if is_told else "none")
        if not pd.isna(row["low"]):
            axes.plot([row["low"], row["high"]], [place, place], color=color, linewidth=1.6 if is_told else 1.0)
    axes.axvline(1.0, color=QUIET_COLOR, linewidth=1.0)
    plain_log_axis(axes, "x")
    low, high = _limits(values)
    axes.set_xlim(low, high)
    if high / low < 8:  # too few powers of ten for the usual labels
        axes.xaxis.set_major_locator(MaxNLocator(6))
    labels = [f"{row['key']} = {row['value']}" for _, row in values.iterrows()]
    axes.set_yticks(range(len(values)), labels=labels)
    axes.set_ylim(len(values) - 0.5, -0.5)
    starts = np.flatnonzero(values["key"].to_numpy()[1:] != values["key"].to_numpy()[:-1])
    for start in starts:
        axes.axhline(start + 0.5, color=GRID_COLOR, linewidth=0.8)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("relative error (below 1 is better)")
    axes.set_title(title_of(found.choices.ranking).replace(" (", "\n("))


def _limits(values: pd.DataFrame) -> tuple[float, float]:
    """Equally far left and right of 1, wide enough for all points and most of their intervals."""
    ratios = np.abs(np.log(values["ratio"].dropna().to_numpy(dtype=np.float64)))
    ends = np.abs(np.log(values[["low", "high"]].dropna().to_numpy(dtype=np.float64)))
    farthest = max(ratios.max(initial=0.05) * 1.5, min(ends.max(initial=0.05), 3 * ratios.max(initial=0.05)) * 1.05)
    return float(np.exp(-farthest)), float(np.exp(farthest))


def _draw_importance(axes: Axes, found: Importance) -> None:
    shares = found.shares
    axes.set_title(title_of(found.choices.ranking).replace(" (", "\n("))
    for place, (_, row) in enumerate(shares.iterrows()):
        is_told = importance_verdict_of(row) == "matters"
        face = _MATTERS_COLOR if is_told else GRID_COLOR
        axes.barh(place, row["share"], height=0.55, color=face, edgecolor=TEXT_COLOR, linewidth=0.8)
        axes.plot([row["low"], row["high"]], [place - 0.38, place - 0.38], color=QUIET_COLOR, linewidth=1.2)
        axes.plot(row["chance"], place, **_CHANCE)
    labels = [f"{row['key']}: {importance_verdict_of(row)}" for _, row in shares.iterrows()]
    axes.set_yticks(range(len(shares)), labels=labels)
    axes.set_ylim(len(shares) - 0.5, -0.6)
    axes.set_xlim(0, 1)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("share of the variance of log MSE")
