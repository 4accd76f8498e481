"""Score against window: a panel for each fold and mode, and below each what a window costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from raysweep.analysis import numerals
from raysweep.analysis.figures.picture import Picture
from raysweep.analysis.figures.style import (
    PANEL_HEIGHT,
    QUIET_COLOR,
    REFERENCE_LOOKS,
    TEXT_COLOR,
    WHOLE_WIDTH,
    Look,
    looks,
    new_figure,
    panel_grid_size,
    plain_log_axis,
    row_legend,
    styled,
)
from raysweep.analysis.windows import WindowPanel, answer_of

COSTS = {"num_train_windows": "training\nwindows", "num_steps": "steps", "seconds": "seconds"}
COST_HEIGHT = 0.55  # inches
DODGE = 0.012  # of the axis, between two models at one window
# A reference farther away than this from all scores would press them together; its value is told instead.
FARTHEST = 4.0
MOST_TICKS = 8
HOLLOW: Mapping[str, Any] = {"markerfacecolor": "white", "markeredgewidth": 1.2, "zorder": 3}
RING: Mapping[str, Any] = {"marker": "o", "markersize": 12, "fillstyle": "none"}


def draw_windows(panels: Sequence[WindowPanel], unit: str = "") -> Picture:
    """One picture for all panels of one series.

    Args:
        panels: From `window_panels`, of one series; at least one.
        unit: Of the series.
    """
    dataset = panels[0].ranking.dataset
    models = list(dict.fromkeys(model for panel in panels for model in panel.models))
    model_looks = looks(sorted(models))
    with styled():
        num_rows, num_columns = panel_grid_size(len(panels))
        height = num_rows * (PANEL_HEIGHT + len(COSTS) * COST_HEIGHT + 1.1) + 0.5
        figure = new_figure(WHOLE_WIDTH, height)
        grids = figure.add_gridspec(num_rows, num_columns)
        for index, panel in enumerate(panels):
            grid = grids[divmod(index, num_columns)].subgridspec(
                1 + len(COSTS), 1, height_ratios=[PANEL_HEIGHT, *[COST_HEIGHT] * len(COSTS)], hspace=0.05
            )
            axes = [figure.add_subplot(grid[row]) for row in range(1 + len(COSTS))]
            _draw_panel(axes, panel, model_looks, f"squared {unit}" if unit else "squared units of the data")
        _legend(figure, model_looks, panels)
    return Picture(
        figure=figure,
        title=f"{dataset}: score against window",
        caption=" ".join(
            [
                *map(answer_of, panels),
                "At each window, each model's best config by validation, a confirmed one before all others; shown is "
                "the mean squared error on the test part. Hollow points are unconfirmed. A longer window also leaves "
                "fewer training windows and steps.",
                _bars_mean(panels),
            ]
        ).strip(),
    )


def _bars_mean(panels: Sequence[WindowPanel]) -> str:
    if any(panel.points["low"].notna().any() for panel in panels):
        return "Bars are 95 % intervals."
    return "There are no bars: no config has five seeds, or the part is too short to tell."


def _draw_panel(axes: Sequence[Axes], panel: WindowPanel, model_looks: Mapping[str, Look], squared: str) -> None:
    top, points = axes[0], panel.points
    mode = "one-step" if panel.ranking.view.mode == "batch" else "autoregressive"
    best = panel.best
    far_off = _draw_references(top, panel)
    heading = f"{mode}, {panel.ranking.view.fold} {panel.ranking.fold:g}\n{panel.choice}"
    about = [panel.chosen_by, f"far off: {', '.join(far_off)}" if far_off else ""]
    top.set_title("\n".join([heading, *filter(None, about)]))
    top.set_ylabel(f"test MSE\n({squared})")
    plain_log_axis(top, "y")
    windows = np.array(sorted(points["window"].unique()), dtype=np.float64)
    for place, model in enumerate(panel.models):
        rows = points[points["model"] == model]
        shift = _dodge(place, len(panel.models), windows)
        _draw_model(top, rows, rows["window"] * shift, model_looks[model])
    if best is not None:
        shift = _dodge(panel.models.index(best["model"]), len(panel.models), windows)
        top.plot(best["window"] * shift, best["test"], linestyle="", color=TEXT_COLOR, **RING)
    for below, (cost, label) in zip(axes[1:], COSTS.items(), strict=True):
        _draw_cost(below, points, cost, model_looks)
        below.set_ylabel(label, rotation=0, ha="right", va="center")
        highest = below.dataLim.ymax if len(points) else 1.0
        below.set_ylim(0, 1.3 * highest)
        below.locator_params(axis="y", nbins=2)
        below.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    for each in axes:
        _window_axis(each, windows, has_labels=each is axes[-1])


def _draw_model(axes: Axes, rows: pd.DataFrame, x: pd.Series, look: Look) -> None:
    scores = rows["test"].where(np.isfinite(rows["test"]))
    reach = np.vstack([scores - rows["low"], rows["high"] - scores])
    bars = np.where(np.isnan(reach), 0.0, reach.clip(min=0))
    axes.errorbar(x, scores, yerr=bars, capsize=3, **look.line)
    # What few seeds stand behind is hollow: it must not look as sure as what five do.
    few = ~rows["is_confirmed"].to_numpy(dtype=bool)
    axes.plot(x[few], scores[few], **{**look.line, "linestyle": ""}, **HOLLOW)


def _draw_cost(axes: Axes, points: pd.DataFrame, cost: str, model_looks: Mapping[str, Look]) -> None:
    """A line a model; one for all where they would cover each other."""
    values = points[["window", "model", cost]].dropna()
    if len(values) and (values.groupby("window")[cost].nunique() <= 1).all():
        one = values.drop_duplicates("window").sort_values("window")
        axes.plot(one["window"], one[cost].astype("float64"), color=QUIET_COLOR, marker=".")
        return
    for model, rows in values.groupby("model"):
        axes.plot(rows["window"], rows[cost].astype("float64"), **model_looks[str(model)].line, markersize=3.5)


def _draw_references(axes: Axes, panel: WindowPanel) -> list[str]:
    """Draws what is near the scores; returns what isn't, as text."""
    scores = panel.points["test"]
    scores = scores[np.isfinite(scores) & (scores > 0)]
    told = []
    for name, mse in panel.references.items():
        is_near = len(scores) == 0 or scores.min() / FARTHEST <= mse <= scores.max() * FARTHEST
        if mse > 0 and np.isfinite(mse) and is_near:
            look = REFERENCE_LOOKS[name]
            axes.axhline(mse, color=look.color, linestyle=look.linestyle, linewidth=1.2, zorder=1.5)
        else:
            told.append(f"{name.replace('_', ' ')} {numerals.score(mse)}")
    return told


def _dodge(place: int, num_models: int, windows: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """A factor that keeps the bars of models apart."""
    spread = np.log(windows.max() / windows.min()) if len(windows) > 1 else 1.0
    return float(np.exp((place - (num_models - 1) / 2) * DODGE * spread))


def _window_axis(axes: Axes, windows: np.ndarray[tuple[int], np.dtype[np.float64]], *, has_labels: bool) -> None:
    plain_log_axis(axes, "x")
    if len(windows):
        ticks = _ticks(windows)
        axes.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks] if has_labels else [""] * len(ticks))
        margin = (windows.max() / windows.min()) ** 0.06 if len(windows) > 1 else 1.5
        axes.set_xlim(windows.min() / margin, windows.max() * margin)
    if has_labels:
        axes.set_xlabel("window (points that the model sees)")


def _ticks(windows: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[float]:
    """As many windows as can be labelled without touching."""
    apart = np.log(windows.max() / windows.min()) / MOST_TICKS
    kept = [float(windows[0])]
    for window in windows[1:]:
        if np.log(window / kept[-1]) >= apart:
            kept.append(float(window))
    return kept


def _legend(figure: Figure, model_looks: Mapping[str, Look], panels: Sequence[WindowPanel]) -> None:
    references = {name for panel in panels for name in panel.references}
    is_sure = {bool(panel.best["is_confirmed"]) for panel in panels if panel.best is not None}
    handles = [Line2D([], [], label=name, **look.line) for name, look in model_looks.items()]
    handles += [
        Line2D([], [], label=name.replace("_", " "), linewidth=1.2, **look.line)
        for name, look in REFERENCE_LOOKS.items()
        if name in references
    ]
    if not all(panel.points["is_confirmed"].all() for panel in panels):
        handles.append(Line2D([], [], label="unconfirmed", color=TEXT_COLOR, linestyle="", marker="o", **HOLLOW))
    words = [word for word, sure in (("best confirmed", True), ("best by validation", False)) if sure in is_sure]
    if words:
        handles.append(Line2D([], [], label=" or ".join(words), color=TEXT_COLOR, linestyle="", **RING))
    row_legend(figure, handles)
