"""Score against what it costs: seconds of training, and parameters. Must not know: files, how configs were ranked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import pandas as pd
from matplotlib.axes import Axes

from raysweep.analysis import numerals
from raysweep.analysis.figures.picture import Picture
from raysweep.analysis.figures.style import (
    MOST_VECTORS,
    QUIET_COLOR,
    REFERENCE_LOOKS,
    WHOLE_WIDTH,
    looks,
    new_figure,
    plain_log_axis,
    styled,
)

_COSTS = {"train_seconds": "seconds of training a trial", "num_params": "parameters"}


def cost_picture(
    configs: pd.DataFrame,
    references: Mapping[str, float],
    *,
    label_of: Callable[[pd.Series], str],
    where: str,
    score: str,
    unit: str,
) -> Picture:
    """A point a config, and the frontier of those that nothing cheaper beats.

    Args:
        configs: `model`, `score`, `train_seconds`, `num_params`; at least one row.
        references: Scores of baselines and the noise floor, by name; one that isn't finite is left out.
        label_of: A row of `configs` in words.
        where: The comparison in words.
        score: What is drawn, in words.
        unit: Of `score`; may be empty.
    """
    references = {name: value for name, value in references.items() if math.isfinite(value)}
    # A baseline far above all would press everything else together.
    shown = {name: value for name, value in references.items() if value <= 1.5 * configs["score"].max()}
    models = looks(dict.fromkeys(configs["model"]))
    with styled():
        figure = new_figure(WHOLE_WIDTH, 4.0)
        panels = figure.subplots(1, 2, sharey=True)
        for axes, (cost, title) in zip(panels, _COSTS.items(), strict=True):
            known = configs[(configs[cost].fillna(0) > 0) & (configs["score"] > 0)]
            for model, look in models.items():
                points = known[known["model"] == model]
                axes.plot(
                    points[cost].astype("float64"),
                    points["score"],
                    color=look.color,
                    linestyle="",
                    marker=look.marker,
                    markerfacecolor="none",
                    markeredgewidth=1.3,
                    rasterized=len(known) > MOST_VECTORS,
                    label=model,
                )
            _draw_frontier(axes, known, cost)
            _draw_references(axes, shown)
            plain_log_axis(axes, "x")
            axes.set_xlabel(title)
        plain_log_axis(panels[0], "y")
        panels[0].set_ylabel(f"{score} ({unit})" if unit else score)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=6)
    best, cheapest = configs.sort_values("score").iloc[0], configs.sort_values("train_seconds").iloc[0]
    return Picture(
        figure=figure,
        title=f"Score against cost: {where}",
        caption=(
            "Lower left is better. The line joins the configs that nothing cheaper beats. "
            f"{label_of(best)} has the lowest score, {numerals.score(best['score'])}, for "
            f"{numerals.seconds(best['train_seconds'])} s; the cheapest, {label_of(cheapest)}, has "
            f"{numerals.score(cheapest['score'])} for {numerals.seconds(cheapest['train_seconds'])} s."
            f"{_left_out(references, shown)}"
        ),
    )


def _left_out(references: Mapping[str, float], shown: Mapping[str, float]) -> str:
    names = [f"{name.replace('_', ' ')} ({numerals.score(references[name])})" for name in references.keys() - shown]
    return f" Far above the picture: {', '.join(sorted(names))}." if names else ""


def frontier(costs: pd.Series, scores: pd.Series) -> pd.DataFrame:
    """`cost` and `score` of those that no cheaper or equally cheap one beats, by rising cost."""
    points = pd.DataFrame({"cost": costs, "score": scores}).dropna().sort_values(["cost", "score"])
    return points[points["score"] < points["score"].cummin().shift(fill_value=float("inf"))]


def _draw_frontier(axes: Axes, known: pd.DataFrame, cost: str) -> None:
    line = frontier(known[cost].astype("float64"), known["score"])
    axes.plot(line["cost"], line["score"], color=QUIET_COLOR, linewidth=1.0, drawstyle="steps-post", zorder=1)


def _draw_references(axes: Axes, references: Mapping[str, float]) -> None:
    for name, value in references.items():
        if name in REFERENCE_LOOKS and value > 0:
            axes.axhline(value, label=name.replace("_", " "), **REFERENCE_LOOKS[name].line)
