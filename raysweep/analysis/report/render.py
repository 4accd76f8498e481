"""A page as one HTML file that needs nothing but itself. Must not know: what the page says."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from raysweep.analysis.figures.picture import Picture, to_png
from raysweep.analysis.report.page import Page

MAX_SVG_BYTES = 400_000  # a picture with more lines than this is drawn faster, and is smaller, as PNG
MIN_ROWS_TO_FILTER = 6


def to_html(page: Page, svgs: Mapping[str, str]) -> str:
    """The whole file. All that comes from sweeps is escaped; styles and script are the package's own.

    Args:
        page: What it says.
        svgs: Each drawing's picture as text, by its file.
    """
    environment = Environment(
        loader=PackageLoader("raysweep.analysis.report", "."),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("page.html.j2")
    return template.render(
        page=page,
        style=_own("page.css"),
        script=_own("page.js"),
        data_uri=lambda drawing: data_uri(drawing.picture, svgs[drawing.file]),
        min_rows_to_filter=MIN_ROWS_TO_FILTER,
    )


def data_uri(picture: Picture, svg: str) -> str:
    """A picture as an address that holds it: SVG, or PNG where that would be large."""
    # Beside the page's own elements, the parts of two pictures would have the same ids; as images they can't meet.
    if len(svg) <= MAX_SVG_BYTES:
        return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
    return "data:image/png;base64," + base64.b64encode(to_png(picture)).decode()


def _own(name: str) -> Markup:
    # Safe as it is: it comes with raysweep, and holds no "</".
    return Markup((resources.files("raysweep.analysis.report") / name).read_text(encoding="utf-8"))
