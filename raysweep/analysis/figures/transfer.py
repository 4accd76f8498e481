"""What carries over as heat maps: a matrix for each model, rows trained on, columns forecast."""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from raysweep.analysis import numerals
from raysweep.analysis.figures.picture import Picture
from raysweep.analysis.figures.style import GRID_COLOR, TEXT_COLOR, WHOLE_WIDTH, new_figure, panel_grid_size, styled
from raysweep.analysis.transfer import Transfer
from raysweep.analysis.transfer_table import answer_of, missing_lines

CELL_SIZE = 0.62  # inches
MOST_COLUMNS = 3
LINE_LENGTH = 150
# Skills below -1 are all hopeless; shades are for what lies between that and perfect.
WORST, BEST = -1.0, 1.0
SHADES = "Blues"  # darker is better, in grey too
DARKEST = 0.6  # of the shades: dark text must be readable on it


def draw_transfer(transfer: Transfer) -> Picture:
    """The matrices of one fold and mode."""
    with styled():
        matrices = transfer.matrices
        num_rows, num_columns = panel_grid_size(len(matrices), num_columns=MOST_COLUMNS)
        homes = list(dict.fromkeys(transfer.cells["trained_on"]))
        figure = new_figure(WHOLE_WIDTH, num_rows * (len(homes) * CELL_SIZE + 1.1) + 0.3)
        panels = figure.subplots(num_rows, num_columns, squeeze=False).ravel()
        for axes, (model, found) in zip(panels, matrices, strict=False):
            _draw_matrix(axes, found, model, transfer.series, homes)
        for axes in panels[len(matrices) :]:
            axes.remove()
        reasons = list(missing_lines(transfer))
        about = (
            "large: skill against the last value (darker is better) · small: against the ridge trained at home on the "
            f"series forecast · framed: at home{' · hatched: no score' if reasons else ''}"
        )
        lines = [about, *(line for reason in reasons for line in textwrap.wrap(reason, LINE_LENGTH))]
        figure.supxlabel("\n".join(lines), fontsize=8.0)
    return Picture(figure=figure, title=transfer.title, caption=" ".join([answer_of(transfer), *reasons]))


def _draw_matrix(axes: Axes, found: pd.DataFrame, model: str, series: Sequence[str], homes: Sequence[str]) -> None:
    cells = {(cell["trained_on"], cell["forecast"]): cell for cell in found.to_dict("records")}
    for row, home in enumerate(homes):
        for column, forecast in enumerate(series):
            _draw_cell(axes, row, column, cells.get((home, forecast)), is_home=home == forecast)
    axes.set_xlim(-0.5, len(series) - 0.5)
    axes.set_ylim(len(homes) - 0.5, -0.5)
    axes.set_xticks(range(len(series)), labels=list(series))
    windows = dict(zip(found["trained_on"], found["window"], strict=True))
    has_several = found["window"].nunique() > 1
    labels = [f"{home}\nwindow {windows[home]:g}" if has_several and home in windows else home for home in homes]
    axes.set_yticks(range(len(homes)), labels=labels)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)
    axes.set_xlabel("forecast")
    axes.set_ylabel("trained on")
    if found["is_baseline"].all():
        axes.set_title(f"{model} (baseline)")
    else:
        axes.set_title(model if has_several else f"{model}, window {found['window'].iloc[0]:g}")


def _draw_cell(axes: Axes, row: int, column: int, cell: Mapping[Hashable, Any] | None, *, is_home: bool) -> None:
    skill = float("nan") if cell is None else float(cell["skill_last"])
    corner = column - 0.5, row - 0.5
    if np.isnan(skill):
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, hatch="////", edgecolor=GRID_COLOR, linewidth=0, zorder=1))
        text = numerals.NOT_MEASURED
    else:
        shade = float(np.clip((skill - WORST) / (BEST - WORST), 0, 1))
        face = mpl.colormaps[SHADES](DARKEST * shade)
        axes.add_patch(Rectangle(corner, 1, 1, facecolor=face, edgecolor="white", linewidth=2, zorder=1))
        text = numerals.skill(skill)
    if is_home:
        inner = column - 0.46, row - 0.46
        axes.add_patch(Rectangle(inner, 0.92, 0.92, fill=False, edgecolor=TEXT_COLOR, linewidth=1.6, zorder=2))
    axes.text(column, row - 0.1, text, ha="center", va="center", fontsize=10, zorder=3)
    if cell is not None and not pd.isna(cell["skill_ridge"]):
        axes.text(column, row + 0.24, numerals.skill(cell["skill_ridge"]), ha="center", va="center", fontsize=7.5)
