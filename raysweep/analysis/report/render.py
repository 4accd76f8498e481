"""A page as one HTML file that needs nothing but itself. Must not know: what the page says."""

from __future__ import annotations

import base64
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from raysweep.analysis.report.drawings import Drawn
from raysweep.analysis.report.page import Page

MIN_ROWS_TO_FILTER = 6


def to_html(page: Page) -> str:
    """The whole file. All that comes from sweeps is escaped; styles and script are the package's own."""
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
        data_uri=data_uri,
        min_rows_to_filter=MIN_ROWS_TO_FILTER,
    )


def data_uri(picture: Drawn) -> str:
    """A picture as an address that holds it: SVG, or PNG where that would be large."""
    # Beside the page's own elements, the parts of two pictures would have the same ids; as images they can't meet.
    if picture.png is None:
        return "data:image/svg+xml;base64," + base64.b64encode(picture.svg.encode()).decode()
    return "data:image/png;base64," + base64.b64encode(picture.png).decode()


def _own(name: str) -> Markup:
    # Safe as it is: it comes with raysweep, and holds no "</".
    return Markup((resources.files("raysweep.analysis.report") / name).read_text(encoding="utf-8"))
