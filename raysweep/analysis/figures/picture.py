"""A picture with the words that go with it, and how it becomes a file. Must not know: what it shows."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from raysweep.analysis.figures.style import PNG_DPI, RASTER_DPI, styled
from raysweep.analysis.files import replace_file


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A drawn figure and what it says.

    Attributes:
        figure: Made without pyplot, so that nothing has to be closed.
        title: A line that no other picture of the same sweeps has.
        caption: What it shows, in a sentence made of the numbers: the alternative text.
    """

    figure: Figure
    title: str
    caption: str


def to_svg(picture: Picture) -> str:
    """An `<svg>` element that can stand in a page as it is; equal pictures give equal text."""
    buffer = io.StringIO()
    with styled():
        _lay_out(picture.figure)
        picture.figure.dpi = RASTER_DPI  # of what is drawn in dots
        FigureCanvasSVG(picture.figure).print_svg(buffer, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]  # what comes before is for files alone
    return re.sub(r"<svg ", f'<svg role="img" aria-label="{escape(picture.caption)}" ', svg, count=1)


def to_png(picture: Picture) -> bytes:
    """The same picture in dots, sharp on most screens."""
    buffer = io.BytesIO()
    with styled():
        _lay_out(picture.figure)
        picture.figure.dpi = RASTER_DPI
        FigureCanvasAgg(picture.figure).print_png(buffer)  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def _lay_out(figure: Figure) -> None:
    """Once. What is laid out is drawn by a canvas itself: savefig would draw it twice, in case the layout changes."""
    engine = figure.get_layout_engine()
    if engine is not None:
        for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
            if not axis.get_label_text():
                axis.set_label_coords(0.0, 0.0)  # or it would look for a place for it, three times
        engine.execute(figure)
        figure.set_layout_engine("none")


def save(picture: Picture, file: Path) -> None:
    """Writes an SVG or PNG file, as its name ends. Raises `StorageError`."""
    assert file.suffix in (".svg", ".png"), "a picture is SVG or PNG"
    if file.suffix == ".svg":
        text = f'<?xml version="1.0" encoding="utf-8"?>\n{to_svg(picture)}'
        replace_file(file, lambda temporary: temporary.write_text(text, encoding="utf-8"))
        return
    with styled():
        about = {"Title": picture.title, "Description": picture.caption, "Software": None}
        replace_file(
            file,
            lambda temporary: picture.figure.savefig(temporary, format="png", dpi=PNG_DPI, metadata=about),
        )
