"""How all pictures look: sizes, fonts, and lines that can be told apart without colour.

Must not know: what is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

# Inches. A page shows about ten across.
PANEL_WIDTH = 4.0
PANEL_HEIGHT = 2.6
WHOLE_WIDTH = 10.0
PNG_DPI = 110
RASTER_DPI = 150  # of what a page shows in dots: sharp on most screens
NARROW = 4.0  # an axis of a narrower range has too few of 1, 2 and 5 times a power of ten
MOST_NUMBERED = 1000  # an axis of a wider range has powers of ten alone
MOST_VECTORS = 200  # more lines or points than this are drawn in dots, or the file is large and slow to show

TEXT_COLOR = "#1a1a1a"
QUIET_COLOR = "#595959"  # 7:1 on white
GRID_COLOR = "#d9d9d9"

_RC_PARAMS: Mapping[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture everywhere
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # no axis has ticks on top that a title would have to make room for: looking takes a while
    "axes.labelsize": 9.0,
    "axes.edgecolor": QUIET_COLOR,
    "axes.labelcolor": TEXT_COLOR,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID_COLOR,
    "grid.linewidth": 0.6,
    "text.color": TEXT_COLOR,
    "text.parse_math": False,  # a name may hold a dollar
    "xtick.color": TEXT_COLOR,
    "ytick.color": TEXT_COLOR,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.handlelength": 3.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 5.5,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "svg.fonttype": "path",
    "svg.hashsalt": "raysweep",  # equal pictures get equal ids
}


@dataclass(frozen=True, kw_only=True)
class Look:
    """How one line or point is drawn, in matplotlib's terms; `color`, `linestyle` and `marker` differ together."""

    color: str
    linestyle: str | tuple[int, tuple[int, ...]]
    marker: str

    @property
    def line(self) -> dict[str, Any]:
        """Keyword arguments of `Axes.plot` and `Axes.errorbar`."""
        return {"color": self.color, "linestyle": self.linestyle, "marker": self.marker}


# Okabe and Ito's colours, which are told apart under any kind of colour blindness, without those too light for lines.
_COLORS = ("#0072b2", "#d55e00", "#000000", "#009e73", "#a8457d", "#8a6d00")
_LINESTYLES: tuple[str | tuple[int, tuple[int, ...]], ...] = (
    "-",
    (0, (5, 2)),
    (0, (1, 1)),
    (0, (5, 1, 1, 1)),
    (0, (8, 3)),
    (0, (3, 1, 1, 1, 1, 1)),
)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")

# Baselines and the noise floor are references: lines without points, in grey.
REFERENCE_LOOKS: Mapping[str, Look] = {
    "last_value": Look(color=QUIET_COLOR, linestyle=(0, (1, 2)), marker=""),
    "train_mean": Look(color=QUIET_COLOR, linestyle=(0, (6, 3, 1, 3)), marker=""),
    "ridge": Look(color=QUIET_COLOR, linestyle=(0, (6, 2)), marker=""),
    "noise_floor": Look(color=QUIET_COLOR, linestyle="-", marker=""),
}


def looks(names: Iterable[str]) -> dict[str, Look]:
    """A look for each name, in their order. Colours, dashes and markers repeat after different numbers of names."""
    triples = zip(cycle(_COLORS), cycle(_LINESTYLES), cycle(_MARKERS), strict=False)
    return {
        name: Look(color=color, linestyle=linestyle, marker=marker)
        for name, (color, linestyle, marker) in zip(names, triples, strict=False)
    }


@contextmanager
def styled() -> Iterator[None]:
    """All figures are made, drawn on and saved inside it; the user's own settings are as they were afterwards."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC_PARAMS)
        yield


def new_figure(width: float = WHOLE_WIDTH, height: float = PANEL_HEIGHT) -> Figure:
    """An empty figure of that many inches, without pyplot. To be called inside `styled`."""
    return Figure(figsize=(width, height), layout="constrained")


def panel_grid_size(num_panels: int, *, num_columns: int = 2) -> tuple[int, int]:
    """Rows and columns for small multiples."""
    columns = max(1, min(num_columns, num_panels))
    return -(-num_panels // columns), columns


def row_legend(figure: Figure, handles: Sequence[Artist], *, num_columns: int = 6) -> None:
    """A legend above all panels that reads row by row; matplotlib's own order is column by column."""
    columns = min(num_columns, len(handles))
    ordered = [handle for column in range(columns) for handle in handles[column::columns]]
    figure.legend(handles=ordered, loc="outside upper left", ncols=columns)


class _FewNumbers(LogLocator):
    """Round numbers for a narrow range, 1, 2 and 5 of each decade for a wider one, of many decades powers of ten."""

    def tick_values(self, vmin: float, vmax: float) -> Any:
        if vmin > 0 and vmax < NARROW * vmin:
            return MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]).tick_values(vmin, vmax)
        self.set_params(subs=(1.0, 2.0, 5.0) if vmax < MOST_NUMBERED * vmin else (1.0,))
        return super().tick_values(vmin, vmax)


def plain_log_axis(axes: Axes, which: str) -> None:
    """A logarithmic `x` or `y` axis whose labels are numbers as people write them, a few of them."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axes.set(**{f"{which}scale": "log"})
    axis.set_major_locator(_FewNumbers(numticks=6))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
