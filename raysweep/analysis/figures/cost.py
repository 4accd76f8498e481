"""Score against what it costs: seconds of training, and parameters. Must not know: files, how configs were ranked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from raysweep.analysis import numerals
from raysweep.analysis.figures.picture import Picture
from raysweep.analysis.figures.style import (
    MOST_VECTORS,
    QUIET_COLOR,
    REFERENCE_LOOKS,
    TEXT_COLOR,
    WHOLE_WIDTH,
    Look,
    looks,
    new_figure,
    plain_log_axis,
    row_legend,
    styled,
)

_HOLLOW: Mapping[str, Any] = {"markerfacecolor": "none", "markeredgewidth": 1.2}
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
        configs: `model`, `score`, `train_seconds`, `num_params`, `is_confirmed`, and `has_rank`, which beside confirmed
            configs no other has; at least one row that has it.
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
                _draw_model(axes, known[known["model"] == model], cost, look, in_dots=len(known) > MOST_VECTORS)
            _draw_frontier(axes, known[known["has_rank"]], cost)
            _draw_references(axes, shown)
            plain_log_axis(axes, "x")
            axes.set_xlabel(title)
        plain_log_axis(panels[0], "y")
        panels[0].set_ylabel(f"{score} ({unit})" if unit else score)
        _legend(figure, panels[0], models, has_hollow=not configs["is_confirmed"].all())
    ranked = configs[configs["has_rank"]]
    best, cheapest = ranked.sort_values("score").iloc[0], ranked.sort_values("train_seconds").iloc[0]
    return Picture(
        figure=figure,
        title=f"Score against cost: {where}",
        caption=(
            f"Lower left is better. The line joins the configs that nothing cheaper beats{_left_alone(configs)}. "
            f"{label_of(best)} has the lowest score, {numerals.score(best['score'])}, for "
            f"{numerals.seconds(best['train_seconds'])} s; the cheapest, {label_of(cheapest)}, has "
            f"{numerals.score(cheapest['score'])} for {numerals.seconds(cheapest['train_seconds'])} s."
            f"{_left_out(references, shown)}"
        ),
    )


def _left_alone(configs: pd.DataFrame) -> str:
    """Explored scores may be luck: beside confirmed ones they have no place."""
    if configs["has_rank"].all():
        return ""
    return "; hollow points are unconfirmed, and left out of it and of what follows"


def _draw_model(axes: Axes, points: pd.DataFrame, cost: str, look: Look, *, in_dots: bool) -> None:
    """Confirmed configs filled, the others hollow."""
    is_confirmed = points["is_confirmed"].astype("bool")
    for found, filling in ((points[~is_confirmed], _HOLLOW), (points[is_confirmed], {})):
        about = {**look.line, "linestyle": "", **filling}
        axes.plot(found[cost].astype("float64"), found["score"], rasterized=in_dots, **about)


def _legend(figure: Figure, axes: Axes, models: Mapping[str, Look], *, has_hollow: bool) -> None:
    handles: list[Artist] = [
        Line2D([], [], label=name, **{**look.line, "linestyle": ""}) for name, look in models.items()
    ]
    handles += axes.get_legend_handles_labels()[0]  # of the references
    if has_hollow:
        handles.append(Line2D([], [], color=TEXT_COLOR, linestyle="", marker="o", label="unconfirmed", **_HOLLOW))
    row_legend(figure, handles)


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
