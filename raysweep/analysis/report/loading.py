"""What each helper of a report loads first. Loads little itself: who starts helpers has pandas yet to load."""

from __future__ import annotations

from raysweep.analysis.garbage import look_seldom


def painter() -> None:
    """All that draws."""
    look_seldom()
    from raysweep.analysis.report import drawings

    drawings.load()


def forester() -> None:
    """All that grows forests."""
    look_seldom()
    from raysweep.analysis import forests

    forests.load()
